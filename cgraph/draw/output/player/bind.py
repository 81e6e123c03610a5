"""Which number stands behind each number that a picture shows, so that the page can keep the picture true when one is changed.

Nothing is read off the drawing's code. The same picture is drawn three times: of the run itself, and of two runs of the same graph with
all its leaves moved, with twelve decimals. A number in a text that changes is held against everything the page can recompute
(values, gradients, local gradients, shares, updates), entry by entry; it is bound where both moved runs agree to nine digits.
What changes and is not found is marked, and the page fades it out as soon as something is changed: no number is ever stale.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from cgraph.draw.model.build import Builder
from cgraph.draw.model.text import MINUS, parse_number
from cgraph.op import OPS

TOKEN = re.compile(
    rf"(?:(?<![\w.)\]₀-₉] )(?<![\w.)\]₀-₉]){MINUS})?(?<![\w.₀-₉])(?:\d+(?:\.\d+)?(?:·10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)?|∞|NaN)(?![\w.]*[A-Za-z_])"
)
DIGITS = 12
Array = np.ndarray[Any, Any]
Parts = list[Any]  # texts, and [reference, how it is written, the text it has now]


class Quantities:
    """Everything the page can recompute, by reference: `v3.0` is entry 0 of node 3's value, `g` its gradient, `u` the value after an
    update, `q` the sigmoid of a logit, `l2.5.0` the local gradient
    of card 2 for node 5, `s` the share it hands to it, `e` and `h` the same for one place."""

    def __init__(self, builder: Builder, rate: float | None) -> None:
        self.arrays: dict[str, Array] = {}
        self.nodes: dict[str, frozenset[int]] = {}  # the nodes that a reference is about
        run, number = builder.run, {node: i for i, node in enumerate(builder.order)}
        assert run is not None
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
        if not builder.backward:
            return
        for c, card in enumerate(builder.cards):
            flow, r = builder.flows[card.root], number[card.root]
            for operand, places in card.entries.items():
                j = number[operand]
                if not builder.receives(card, operand):
                    continue
                self._add(f"l{c}.{j}", flow.local(operand), r, j)
                self._add(f"s{c}.{j}", flow.share(operand), r, j)
                if len(places) > 1:
                    for node, i in places:
                        self._add(f"e{number[node]}.{i}", flow.local_at(node, i), r, j)
                        self._add(f"h{number[node]}.{i}", flow.share_at(node, i), r, j)

    def _add(self, key: str, array: Any, *about: int) -> None:
        if array is not None and np.asarray(array).size:
            self.arrays[key] = np.asarray(array, float).ravel()
            self.nodes[key] = frozenset(about)


class Binder:
    """Finds references for the numbers in texts."""

    def __init__(self, base: Quantities, first: Quantities, second: Quantities) -> None:
        self.base, self.first, self.second = base, first, second
        found = [
            (value, key, i) for key, array in first.arrays.items() for i, value in enumerate(array) if np.isfinite(value)
        ]  # fmt: skip
        found.sort(key=lambda entry: entry[0])
        self.values = np.array([v for v, _, _ in found])
        self.keys = [(key, i) for _, key, i in found]

    def parts(self, now: str, one: str, two: str, about: Iterable[int] = ()) -> Parts | None:
        """A text taken apart; None when no number in it depends on a leaf; with "?" where one does and is not known."""
        if now == one == two:
            return None
        tokens = [list(TOKEN.finditer(words)) for words in (now, one, two)]
        if len({len(t) for t in tokens}) > 1:
            return None if one == two else ["?", now]
        row = bool(re.search(r"[⎡⎢⎣\[]", now))
        parts: Parts = []
        at, changing, mine = 0, False, frozenset(about)
        for a, b, c in zip(*tokens, strict=True):
            if b[0] == c[0]:
                continue  # the same in both runs: it was written into the formula
            reference = self._find(b[0], c[0], a[0], mine)
            if reference is None:
                return ["?", now]
            changing = True
            parts += [now[at : a.start()], [*reference, _style(a[0], row)]]
            at = a.end()
        return [*parts, now[at:]] if changing else None

    def _find(self, one: str, two: str, now: str, mine: frozenset[int]) -> list[Any] | None:
        a, b, shown = parse_number(one), parse_number(two), parse_number(now)
        for factor in (1.0, -1.0, *(10.0**k for k in range(-9, 10) if k)):
            best: tuple[int, int, str] | None = None
            wanted, other = a * factor, b * factor
            tolerance = 2e-9 * max(abs(wanted), 1e-3 * abs(factor))
            low, high = np.searchsorted(self.values, [wanted - tolerance, wanted + tolerance])
            for key, i in self.keys[low:high]:
                second = self.second.arrays.get(key)
                if second is None or abs(second[i] - other) > 4e-9 * max(
                    abs(other), 1e-3 * abs(factor)
                ):
                    continue
                value = self.base.arrays[key][i]
                if np.isfinite(shown) and abs(value - shown * factor) > 0.051 * max(
                    abs(value), 0.02 * abs(factor)
                ):
                    continue
                about = self.base.nodes[key]
                score = (-len(about & mine), len(about), f"{key}.{i}")
                best = score if best is None or score < best else best
            if best is not None:
                return [best[2]] if factor == 1.0 else [best[2], factor]
        return None


def _decimals(token: str) -> int:
    return len(token.partition(".")[2])


def _style(token: str, row: bool) -> str:
    """How a number is written: "" as everywhere, "m" the same in the width of its column, "f3" with that many decimals: in matrices, and
    where zeros are kept."""
    if _decimals(token) and "·" not in token and (row or token.endswith("0")):
        return f"f{_decimals(token)}"
    return "m" if row else ""


def bind(
    binder: Binder,
    words: Sequence[Mapping[str, Sequence[str]]],
    about: Mapping[str, Iterable[int]],
) -> dict[str, dict[str, Parts]]:
    """Group id -> number of the text in it -> its parts."""
    found: dict[str, dict[str, Parts]] = {}
    now, one, two = words
    for id, texts in now.items():
        first, second = one.get(id, ()), two.get(id, ())
        for i, text in enumerate(texts):
            if not any(c.isdigit() or c in "∞N" for c in text):
                continue
            if len(first) == len(second) == len(texts):
                parts = binder.parts(text, first[i], second[i], about.get(id, ()))
            else:
                parts = ["?", text]
            if parts is not None:
                found.setdefault(id, {})[str(i)] = parts
    return found
