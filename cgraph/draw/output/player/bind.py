"""Which number stands behind each number that a picture shows, so that the page can keep the picture true when one is changed.

Nothing is read off the drawing's code. The same picture is drawn of the run itself, and of four more of the same graph with all its
leaves moved, two a little and two far, with twelve decimals. A number in a text that changes is held against everything the page can
recompute (values, gradients, local gradients, shares, updates), entry by entry; it is bound where all runs agree to nine digits.
What changes and is not found is marked, and the page fades it out as soon as something is changed: no number is ever stale.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from cgraph.draw.model.build import Builder
from cgraph.draw.model.text import MINUS, parse_number
from cgraph.op import OPS

TOKEN = re.compile(
    rf"(?:(?<![\w.)\]₀-₉]){MINUS})?(?<![\w.₀-₉])(?:\d+(?:\.\d+)?(?:·10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)?|∞|NaN)(?![\w.]*[A-Za-z_])"
)
DIGITS = 12
# A power of ten before a matrix, and a least, mean or largest entry.
POWER = re.compile(r"\s*10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)\s·\s(?=[⎡⎢⎣\[])")
STATISTIC = re.compile(r"(min|mean|max)\s$")
BARS = re.compile("[▁▂▃▄▅▆▇█]{8}")
Array = np.ndarray[Any, Any]
Parts = list[Any]  # texts, and [reference, how it is written, the text it has now]


class Quantities:
    """Everything the page can recompute, by reference: `v3.0` is entry 0 of node 3's value, `g` its gradient, `u` the value after an
    update, `q` the sigmoid of a logit, `l2.5.0` the local gradient of card 2 for node 5, `s` the share it hands to it, `o` what arrives
    there otherwise, `e` and `h` the same as `l` and `s` for one place; `x` and `y` the largest value and gradient of a folded part; `c`
    the probabilities of the classes, and `m` before any other the least, the mean and the largest of a large array."""

    def __init__(self, builder: Builder, rate: float | None, drawn: Collection[int]) -> None:
        self.arrays: dict[str, Array] = {}
        self.nodes: dict[str, frozenset[int]] = {}  # the nodes that a reference is about
        run, number = builder.run, {node: i for i, node in enumerate(builder.order)}
        assert run is not None
        self.moving: set[int] = set()  # what a number that can be changed reaches
        for node, i in number.items():
            free = node.kind in ("input", "parameter") and node.dtype.kind == "f"
            if free or any(number[p] in self.moving for p in node.parents):
                self.moving.add(i)
        for node, i in number.items():
            self._add(f"v{i}", run.value(node), i)
            if builder.backward and run.has_grad(node):
                self._add(f"g{i}", run.grad(node), i)
                if rate is not None and node.kind == "parameter":
                    self._add(f"u{i}", run.value(node) - rate * run.grad(node), i)
            if node.op.name == "stable_bce":  # the probability of its logit, which pictures show
                logit = node.parents[0]
                probability = OPS["sigmoid"].forward(np.asarray(run.value(logit)))
                self._add(f"q{number[logit]}", probability, number[logit], i)
            if node.op.name == "stable_cross_entropy":
                logit, axes = node.parents[0], node.params["axes"]
                probabilities = OPS["softmax"].forward(np.asarray(run.value(logit)), axes=axes)
                self._add(f"c{i}", probabilities, number[logit], i)
        for u, nodes in enumerate(units(builder)):
            self._add(f"x{u}", _largest(run.value(builder.order[i]) for i in nodes), *nodes)
            if builder.backward:
                grads = [run.grad(n) for n in (builder.order[i] for i in nodes) if run.has_grad(n)]
                self._add(f"y{u}", _largest(grads) if grads else None, *nodes)
        if not builder.backward:
            return
        for c, card in enumerate(builder.cards):
            flow, r = builder.flows[card.root], number[card.root]
            if r not in drawn:
                continue  # inside a folded part: nothing of it is written anywhere
            for operand, places in card.entries.items():
                j = number[operand]
                if not builder.receives(card, operand):
                    continue
                self._add(f"l{c}.{j}", flow.local(operand), r, j)
                share = flow.share(operand)
                self._add(f"s{c}.{j}", share, r, j)
                if share is not None and run.has_grad(operand):
                    self._add(f"o{c}.{j}", np.asarray(run.grad(operand)) - share, r, j)
                if len(places) > 1:
                    for node, i in places:
                        self._add(f"e{number[node]}.{i}", flow.local_at(node, i), r, j)
                        self._add(f"h{number[node]}.{i}", flow.share_at(node, i), r, j)

    def _add(self, key: str, array: Any, *about: int) -> None:
        if array is not None and np.asarray(array).size:
            entries = self.arrays[key] = np.asarray(array, float).ravel()
            self.nodes[key] = frozenset(about)
            if entries.size > 12 or np.ndim(array) > 2:
                finite = entries[np.isfinite(entries)] if np.isfinite(entries).any() else entries
                self.arrays[f"m{key}"] = np.array([finite.min(), finite.mean(), finite.max()])
                self.nodes[f"m{key}"] = frozenset(about)


def units(builder: Builder) -> list[list[int]]:
    """The nodes of each box that stands for several."""
    inside: dict[str, list[int]] = {}
    for i, node in enumerate(builder.order):
        if node in builder.ids:
            inside.setdefault(builder.ids[node], []).append(i)
    return [nodes for nodes in inside.values() if len(nodes) > 1]


def _largest(arrays: Iterable[Any]) -> float:
    return float(np.max([np.max(np.abs(np.asarray(a, float)), initial=0.0) for a in arrays]))


class Binder:
    """Finds references for the numbers in texts.

    Args:
        base: of the run itself.
        near: of two runs close by, on the same side of every kink: they have to be told apart from one another.
        far: of runs anywhere. What agrees nearby and parts company there, as z and relu(z) do, is told apart by these.
    """

    def __init__(
        self, base: Quantities, near: Sequence[Quantities], far: Sequence[Quantities]
    ) -> None:
        self.base, (self.first, self.second), self.far = base, near, far
        found = [
            (value, key, i) for key, array in self.first.arrays.items() for i, value in enumerate(array) if np.isfinite(value)
        ]  # fmt: skip
        found.sort(key=lambda entry: entry[0])
        self.values = np.array([v for v, _, _ in found])
        self.keys = [(key, i) for _, key, i in found]

    def parts(
        self,
        now: str,
        *moved: str,
        about: Iterable[int] = (),
        powers: Sequence[float] | None = None,
        line: int = 0,
    ) -> Parts | None:
        """A text taken apart, given as it reads in the run and in the moved ones; None when no number in it depends on a leaf; with "?"
        where one does and is not known. The text may be row `line` of a matrix, before which `powers` of ten stand in each of the runs."""
        powers = powers or [1.0] * (1 + len(moved))
        one, two, *others = moved
        if all(words == now for words in moved) and len(set(powers)) == 1:
            return self._constant(now, frozenset(about), powers, line)
        tokens = [_tokens(words) for words in (now, one, two)]
        if len({len(t) for t in tokens}) > 1:
            return None if one == two else ["?", now]
        # A text may be another one far away: a formula with other terms.
        elsewhere = [_tokens(words) for words in others]
        row = bool(re.search(r"[⎡⎢⎣\[]", now))
        found: list[tuple[int, int, list[Any] | None]] = []
        mine = frozenset(about)
        for j, (a, b, c) in enumerate(zip(*tokens, strict=True)):
            distant = [t[j][0] if len(t) == len(tokens[0]) else None for t in elsewhere]
            if b[0] == c[0] and all(d in (None, b[0]) for d in distant) and len(set(powers)) == 1:
                # The same in all runs: it was written into the formula, or it is an entry that the others of its row tell.
                found.append((*a.span(), None))
                continue
            statistic = STATISTIC.search(now[: a.start()])
            reference = self._find([a[0], b[0], c[0], *distant], powers, mine, statistic and statistic[1])  # fmt: skip
            if reference is None:
                return ["?", now]
            found.append((*a.span(), reference))
        if not any(reference for *_, reference in found):
            return None
        if row and mine & self.base.moving and not self._completed(found, now, powers):
            return ["?", now]
        return _assembled(now, found, row)

    def _completed(
        self,
        found: list[tuple[int, int, list[Any] | None]],
        now: str,
        powers: Sequence[float],
    ) -> bool:
        """The entries of a row that are the same in all runs are what stands beside the others in the same array, or not known."""
        k, known = next((k, r) for k, (*_, r) in enumerate(found) if r)
        key, _, first = known[0].rpartition(".")
        for j, (start, end, reference) in enumerate(found):
            if reference is None:
                i, shown = int(first) + j - k, now[start:end]
                if "⋯" in now or not self._everywhere(key, i, shown, powers):
                    return False
                found[j] = (start, end, [f"{key}.{i}", *known[1:]])
        return True

    def _everywhere(self, key: str, i: int, shown: str, powers: Sequence[float]) -> bool:
        runs = (self.base, self.first, self.second, *self.far)
        return i >= 0 and all(
            _same(run.arrays.get(key), i, shown, power)
            for run, power in zip(runs, powers, strict=True)
        )

    def _constant(
        self, now: str, mine: frozenset[int], powers: Sequence[float], line: int
    ) -> Parts | None:
        """A text that reads the same in all runs. In a formula that is what it is; but a value, as that of x − x or of a unit that is
        switched off, is no constant, even if none of these runs moved it."""
        if found := re.search(rf" = ({TOKEN.pattern})$", now):
            for i in mine:
                value = self.base.arrays.get(f"v{i}")
                if value is not None and len(value) == 1 and i in self.base.moving:
                    if _close(float(value[0]), parse_number(found[1]), 1e-3, 1e-3):
                        return [now[: found.start(1)], [f"v{i}.0", _style(found[1], False)], ""]
            return None
        statistics = now.startswith(("min", "mean", "max"))
        row = bool(re.match(r"\s*[⎡⎢⎣\[]\s", now))
        tokens = _tokens(now)
        if not (statistics or row) or not tokens or not mine & self.base.moving:
            return None
        shown = [t[0] for t in tokens]
        first = 0 if statistics else line * len(shown)
        keys = [
            key
            for key, about in self.base.nodes.items()
            if about & mine & self.base.moving and (key[0] == "m") == statistics and "⋯" not in now
            and all(self._everywhere(key, first + j, v, powers) for j, v in enumerate(shown))
        ]  # fmt: skip
        values = [key for key in keys if key.lstrip("m")[0] == "v"]
        if not keys or (values and len(keys) > 1):
            return ["?", now]  # its value or its gradient, who knows
        key = min(keys, key=lambda key: (len(self.base.nodes[key]), key))
        return _assembled(
            now, [(*t.span(), [f"{key}.{first + j}"]) for j, t in enumerate(tokens)], row
        )

    def _find(
        self,
        texts: Sequence[str | None],
        powers: Sequence[float],
        mine: frozenset[int],
        statistic: str | None,
    ) -> list[Any] | None:
        """The reference of a number, given as the run, the two nearby and those far away have it."""
        shown, a, b = (None if t is None else parse_number(t) for t in texts[:3])
        far = texts[3:]
        assert shown is not None and a is not None and b is not None
        unit, near, other, *units = powers
        for sign in (1.0, -1.0):
            best: tuple[int, int, str] | None = None
            wanted = sign * a * near
            tolerance = 2e-9 * max(abs(wanted), 1e-3 * near)
            low, high = np.searchsorted(self.values, [wanted - tolerance, wanted + tolerance])
            for key, i in self.keys[low:high]:
                if (key[0] == "m") != bool(statistic) or (statistic and i != _STATISTICS.index(statistic)):  # fmt: skip
                    continue
                second = self.second.arrays.get(key)
                if second is None or not _close(second[i], sign * b * other, 4e-9, 1e-3 * other):
                    continue
                value = self.base.arrays[key][i]
                if np.isfinite(shown) and not _close(value, sign * shown * unit, 0.051, 0.02 * unit):  # fmt: skip
                    continue
                if not all(
                    d is None or _same(quantities.arrays.get(key), i, d, sign * power)
                    for d, quantities, power in zip(far, self.far, units, strict=True)
                ):
                    continue
                about = self.base.nodes[key]
                score = (-len(about & mine), len(about), f"{key}.{i}")
                best = score if best is None or score < best else best
            if best is not None:
                return [best[2]] if sign * unit == 1.0 else [best[2], sign * unit]
        return None


_STATISTICS = ("min", "mean", "max")


def _assembled(now: str, found: Sequence[tuple[int, int, list[Any] | None]], row: bool) -> Parts:
    """The text around its references."""
    parts: Parts = []
    at = 0
    for start, end, reference in found:
        if reference is None:
            continue
        style = _style(now[start:end], row)
        # Brackets that are there for the sign only come and go with it.
        if now[start] == MINUS and now[start - 1 : start] == "(" and now[end : end + 1] == ")":
            start, end, style = start - 1, end + 1, f"b{style}"
        parts += [now[at:start], [*reference, style]]
        at = end
    return [*parts, now[at:]]


def _tokens(words: str) -> list[re.Match[str]]:
    power = POWER.match(words)
    return list(TOKEN.finditer(words, power.end() if power else 0))


def _line(texts: Sequence[str], i: int) -> int:
    """Which row of its matrix a text is; none that there is, once rows were left out."""
    line = 0
    while i - line > 0 and re.match(r"\s*[⎢⎣]|.*·\s[⎢⎣]", texts[i - line]):
        line += 1
    return line if not any("┊" in text for text in texts[i - line : i]) else 10**9


def powers(texts: Sequence[str]) -> list[float]:
    """For each text, the power of ten that stands before the matrix of which it is a row."""
    found = [1.0] * len(texts)
    for i, text in enumerate(texts):
        if power := POWER.match(text):
            first = last = i
            while first and "⎡" not in texts[first] and "[" not in texts[first]:
                first -= 1
            while last + 1 < len(texts) and "⎣" not in texts[last] and "[" not in texts[last]:
                last += 1
            value = parse_number(f"10{power[1]}")
            found[first : last + 1] = [value] * (last + 1 - first)
    return found


def _close(value: float, wanted: float, relative: float, least: float) -> bool:
    return bool(abs(value - wanted) <= relative * max(abs(value), abs(wanted), least))


def _same(array: Array | None, i: int, token: str, power: float) -> bool:
    """Whether an entry is what is shown, of a matrix with that power of ten, and that sign, before it."""
    if array is None or i >= len(array):
        return False
    value, shown = float(array[i]), parse_number(token) * power
    if not np.isfinite(value) or not np.isfinite(shown):
        return value == shown or (value != value and shown != shown)
    mantissa, _, ten = token.partition("·")
    unit = abs(power) * 10.0 ** -_decimals(mantissa) * (abs(parse_number(ten)) if ten else 1.0)
    return abs(value - shown) <= max(4e-9 * abs(value), unit if ten else 1e-12 * abs(power))


def _decimals(token: str) -> int:
    return len(token.partition(".")[2])


def _style(token: str, row: bool) -> str:
    """How a number is written: "" as everywhere, "m" the same in the width of its column, "f3" with that many decimals there."""
    if row and _decimals(token) and "·" not in token:
        return f"f{_decimals(token)}"
    return "m" if row else ""


def _counterpart(texts: Sequence[str], i: int, said: Sequence[str]) -> int | None:
    """Which text of a moved run stands where text i stands. Where a long line was broken otherwise, the one with the same words."""
    if len(said) == len(texts):
        return i
    bare = [TOKEN.sub("#", text) for text in texts]
    theirs = [j for j, text in enumerate(said) if TOKEN.sub("#", text) == bare[i]]
    return theirs[bare[:i].count(bare[i])] if len(theirs) == bare.count(bare[i]) else None


def bind(
    binder: Binder,
    words: Sequence[Mapping[str, Sequence[str]]],
    about: Mapping[str, Iterable[int]],
) -> dict[str, dict[str, Parts]]:
    """Group id -> number of the text in it -> its parts."""
    found: dict[str, dict[str, Parts]] = {}
    now, *moved = words
    for id, texts in now.items():
        others = [run.get(id, ()) for run in moved]
        tens = [powers(said) for said in (texts, *others)]
        for i, text in enumerate(texts):
            if BARS.fullmatch(
                text
            ):  # how the entries are distributed, below their least, mean and largest
                if above := found.get(id, {}).get(str(i - 1)):
                    key = above[1][0][1:].rpartition(".")[0]
                    found[id][str(i)] = ["?", text] if above[0] == "?" else ["", [key, "h"], ""]
                continue
            if not any(c.isdigit() or c in "∞N" for c in text):
                continue
            same = [_counterpart(texts, i, said) for said in others]
            known = [(said[j], ten[j]) for said, ten, j in zip(others, tens[1:], same, strict=True) if j is not None]  # fmt: skip
            if len(known) == len(same):
                parts = binder.parts(
                    text,
                    *(words for words, _ in known),
                    about=about.get(id, ()),
                    powers=[tens[0][i], *(ten for _, ten in known)],
                    line=_line(texts, i),
                )
            else:
                parts = ["?", text]
            if parts is not None:
                found.setdefault(id, {})[str(i)] = parts
    return found
