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
        self.moving = {i for node, i in number.items() if node.parents}
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
                self.arrays[f"m{key}"] = np.array([entries.min(), entries.mean(), entries.max()])
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

    def parts(self, now: str, *moved: str, about: Iterable[int] = ()) -> Parts | None:
        """A text taken apart, given as it reads in the run and in the moved ones; None when no number in it depends on a leaf; with "?"
        where one does and is not known."""
        one, two, *others = moved
        if all(words == now for words in moved):
            return self._constant(now, about)
        tokens = [list(TOKEN.finditer(words)) for words in (now, one, two)]
        if len({len(t) for t in tokens}) > 1:
            return None if one == two else ["?", now]
        # A text may be another one far away: a formula with other terms, a matrix with a common power of ten.
        elsewhere = [list(TOKEN.finditer(words)) for words in others]
        row = bool(re.search(r"[⎡⎢⎣\[]", now))
        parts: Parts = []
        at, changing, mine = 0, False, frozenset(about)
        for j, (a, b, c) in enumerate(zip(*tokens, strict=True)):
            distant = [t[j][0] if len(t) == len(tokens[0]) else None for t in elsewhere]
            if b[0] == c[0] and all(d in (None, b[0]) for d in distant):
                continue  # the same in all runs: it was written into the formula
            reference = self._find(b[0], c[0], distant, a[0], mine)
            if reference is None:
                return ["?", now]
            changing = True
            start, end = a.span()
            style = _style(a[0], row)
            # Brackets that are there for the sign only come and go with it.
            if a[0][0] == MINUS and now[start - 1 : start] == "(" and now[end : end + 1] == ")":
                start, end, style = start - 1, end + 1, f"b{style}"
            parts += [now[at:start], [*reference, style]]
            at = end
        return [*parts, now[at:]] if changing else None

    def _constant(self, now: str, about: Iterable[int]) -> Parts | None:
        """`a = 0` where the value of a does not move, as that of x − x, and yet is no constant: it may become NaN."""
        found = re.search(rf" = ({TOKEN.pattern})$", now)
        if found is None:
            return None
        for i in about:
            value = self.base.arrays.get(f"v{i}")
            if value is not None and len(value) == 1 and i in self.base.moving:
                if _close(float(value[0]), parse_number(found[1]), 1e-3, 1e-3):
                    return [now[: found.start(1)], [f"v{i}.0", _style(found[1], False)], ""]
        return None

    def _find(
        self, one: str, two: str, distant: Sequence[str | None], now: str, mine: frozenset[int]
    ) -> list[Any] | None:
        a, b, shown = parse_number(one), parse_number(two), parse_number(now)
        far = [None if d is None else parse_number(d) for d in distant]
        for factor in (1.0, -1.0, *(10.0**k for k in range(-9, 10) if k)):
            best: tuple[int, int, str] | None = None
            wanted, other = a * factor, b * factor
            tolerance = 2e-9 * max(abs(wanted), 1e-3 * abs(factor))
            low, high = np.searchsorted(self.values, [wanted - tolerance, wanted + tolerance])
            for key, i in self.keys[low:high]:
                second = self.second.arrays.get(key)
                if second is None or not _close(second[i], other, 4e-9, 1e-3 * abs(factor)):
                    continue
                value = self.base.arrays[key][i]
                if np.isfinite(shown) and not _close(
                    value, shown * factor, 0.051, 0.02 * abs(factor)
                ):
                    continue
                if not all(
                    d is None or _scaled(quantities.arrays.get(key), i, d * factor)
                    for d, quantities in zip(far, self.far, strict=True)
                ):
                    continue
                about = self.base.nodes[key]
                score = (-len(about & mine), len(about), f"{key}.{i}")
                best = score if best is None or score < best else best
            if best is not None:
                return [best[2]] if factor == 1.0 else [best[2], factor]
        return None


def _close(value: float, wanted: float, relative: float, least: float) -> bool:
    return bool(abs(value - wanted) <= relative * max(abs(value), abs(wanted), least))


def _scaled(array: Array | None, i: int, shown: float) -> bool:
    """Whether an entry is what is shown, up to a power of ten, which a matrix may have outside of its brackets."""
    if array is None or i >= len(array):
        return False
    value = float(array[i])
    if not np.isfinite(value) or not np.isfinite(shown):
        return value == shown or (value != value and shown != shown)
    return any(_close(value, shown * 10.0**k, 4e-9, 1e-3 * 10.0**k) for k in range(-20, 21))


def _decimals(token: str) -> int:
    return len(token.partition(".")[2])


def _style(token: str, row: bool) -> str:
    """How a number is written: "" as everywhere, "m" the same in the width of its column, "f3" with that many decimals there."""
    if row and _decimals(token) and "·" not in token:
        return f"f{_decimals(token)}"
    return "m" if row else ""


def _counterpart(texts: Sequence[str], i: int, said: Sequence[str]) -> str | None:
    """The text of a moved run that stands where text i stands. Where a long line was broken otherwise, the one with the same words."""
    if len(said) == len(texts):
        return said[i]
    bare = [TOKEN.sub("#", text) for text in texts]
    theirs = [text for text in said if TOKEN.sub("#", text) == bare[i]]
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
        for i, text in enumerate(texts):
            if not any(c.isdigit() or c in "∞N" for c in text):
                continue
            same = [_counterpart(texts, i, said) for said in others]
            known = [said for said in same if said is not None]
            if len(known) == len(same):
                parts = binder.parts(text, *known, about=about.get(id, ()))
            else:
                parts = ["?", text]
            if parts is not None:
                found.setdefault(id, {})[str(i)] = parts
    return found
