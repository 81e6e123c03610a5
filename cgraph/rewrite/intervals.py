"""Ranges: between which bounds the values of a graph lie, worked out forward from those of its leaves.

Interval arithmetic, with what is known of operands that depend on each other: ``x - x.max()`` is at most 0 and reaches it, so that the
sum of its exponentials is at least 1; ``x * x`` is a square; ``e / e.sum()`` is at most 1. Elementwise ops are asked on a grid that holds
the ends of every operand, 0 and numbers of every size between, in the dtype of the node: exact where the op is monotone, close elsewhere,
and it holds for ops that others have added.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from cgraph.graph import unseen
from cgraph.node import Node
from cgraph.rewrite.numbering import Numbering
from cgraph.rewrite.pattern import MOVES

ASSUMED = 1000.0  # the size of values about which nothing is known
MANY = 1000.0  # entries along an axis whose size is not known
_THROUGH = (*MOVES, "stop_gradient")
_SIZES = np.array([
    1e-300, 1e-30, 1e-16, 1e-12, 1e-8, 1e-4, 1e-2, 0.1, 0.5, 1, 2, 5, 10, 16, 20, 30, 40, 60, 80, 100, 150, 300, 500, 700, 710, 740, 800,
    1e4, 1e6, 1e10, 1e20, 1e40, 1e100,
])  # fmt: skip


class Range(NamedTuple):
    """From `low` to `high`; `known` if it follows from what was given rather than assumed."""

    low: float
    high: float
    known: bool = True

    def __str__(self) -> str:
        return f"[{self.low:.4g}, {self.high:.4g}]"


def grid(r: Range, dtype: Any, points: int) -> Any:
    """Numbers of every size in a range, its ends and 0 among them."""
    limit = float(np.finfo(dtype).max) if dtype.kind == "f" else 1e300
    low, high = (
        max(r.low, -limit) if math.isfinite(r.low) else r.low,
        min(r.high, limit) if math.isfinite(r.high) else r.high,
    )
    if low == high:
        return np.array([low], dtype if dtype.kind == "f" else np.float64)
    inner_low, inner_high = max(low, -limit), min(high, limit)
    spread = np.concatenate(
        [np.linspace(inner_low / 2, inner_high / 2, points) * 2, _SIZES, -_SIZES, [0.0]]
    )
    spread = spread[(spread >= low) & (spread <= high)]
    # Next to an end, too: where 1 is taken from something close to it.
    both = np.unique(np.concatenate([spread, [low, high]]))
    if points < 20 and both.size > 2 * points:
        keep = np.unique(np.linspace(0, both.size - 1, 2 * points).astype(int))
        both = np.unique(
            np.concatenate([both[keep], [0.0] if low <= 0 <= high else [], [low, high]])
        )
    with np.errstate(over="ignore"):
        return both.astype(dtype if dtype.kind == "f" else np.float64)


class Ranges:
    """The ranges of nodes; asked for one, works out what lies below it.

    Args:
        given: leaf -> (low, high) or array of values; for leaves that are not in it something is assumed.
        values: node -> array, of a run: then nothing is assumed and nothing is worked out where there is a value.
    """

    def __init__(
        self, given: Mapping[Node, Any] | None = None, values: Mapping[Node, Any] | None = None
    ) -> None:
        self.given = dict(given or {})
        self.values = values
        self.numbers = Numbering()
        self.of: dict[Node, Range] = {}
        self.attained: dict[
            Node, tuple[tuple[int, ...], float]
        ] = {}  # along these axes, some entry has this value
        self.leaf_uses: dict[Node, Range] = {}

    def __getitem__(self, node: Node) -> Range:
        if node not in self.of:
            for n in unseen(node, self.of):
                self.of[n] = self._range(n)
        return self.of[node]

    def presume(self, nodes: Iterable[Node]) -> None:
        """Leaves that are handed to a loss as labels or probabilities are presumed to lie in the bounds it states."""
        for node in nodes:
            if node.op.role != "loss":
                continue
            for parent, interval in zip(node.parents, node.op.domain, strict=False):
                leaf = bare(parent)
                if (
                    not leaf.parents
                    and leaf.kind != "constant"
                    and math.isfinite(interval.low)
                    and math.isfinite(interval.high)
                ):
                    self.leaf_uses.setdefault(leaf, Range(interval.low, interval.high, False))

    def _range(self, node: Node) -> Range:
        if self.values is not None and node in self.values:
            return of_array(self.values[node])
        if not node.parents:
            return self._leaf(node)
        parents = [self.of[p] for p in node.parents]
        known = all(r.known for r in parents)
        name = node.op.name
        special = self._dependent(node, parents)
        if special is not None:
            return Range(*special, known)
        if name in _THROUGH or (node.op.family in ("structure", "indexing") and len(parents) == 1):
            if name == "stop_gradient" or name in MOVES:
                self._pass_on(node)
            return parents[0]
        if node.op.family == "elementwise":
            return self._elementwise(node, parents, known)
        low, high = self._collective(node, parents)
        return Range(low, high, known and math.isfinite(low) and math.isfinite(high))

    def _leaf(self, node: Node) -> Range:
        if node in self.given:
            value = self.given[node]
            if isinstance(value, tuple) and len(value) == 2:
                return Range(float(value[0]), float(value[1]))
            return of_array(value)
        if node.kind == "constant":
            return of_array(node._value)
        if node in self.leaf_uses:
            return self.leaf_uses[node]
        if node.dtype.kind == "b":
            return Range(0.0, 1.0, False)
        if node.kind == "parameter" and self.given:
            size = max(1.0, 2.0 * float(np.max(np.abs(node.value), initial=0.0)))
            return Range(-size, size, False)
        return Range(-ASSUMED, ASSUMED, False)

    # --- operands that depend on each other -------------------------------------------------------------------------------------

    def _dependent(self, node: Node, parents: list[Range]) -> tuple[float, float] | None:
        name = node.op.name
        if len(node.parents) != 2 or name not in ("subtract", "divide", "multiply"):
            return None
        a, b = node.parents
        x, y = parents
        same = self.numbers[bare(a)] == self.numbers[bare(b)]
        if name == "multiply" and same and a.shape == b.shape:
            low = 0.0 if x.low <= 0 <= x.high else min(x.low**2, x.high**2)
            return low, max(min(abs(x.low), 1e150) ** 2, min(abs(x.high), 1e150) ** 2)
        if name == "subtract":
            if same:
                return 0.0, 0.0
            tops, bottoms = bare(a), bare(b)
            if (tops.op.name, bottoms.op.name) == ("max", "min") and self.numbers[
                bare(tops.parents[0])
            ] == self.numbers[bare(bottoms.parents[0])]:
                return 0.0, max(x.high - y.low, 0.0)
            for whole, part, sign in ((a, b, 1.0), (b, a, -1.0)):
                extreme = bare(part)
                if (
                    extreme.op.name in ("max", "min")
                    and self.numbers[bare(extreme.parents[0])] == self.numbers[bare(whole)]
                ):
                    spread = max(x.high, y.high) - min(x.low, y.low)
                    self.attained[node] = tuple(extreme.params["axes"]), 0.0
                    below = (extreme.op.name == "max") == (sign > 0)
                    return (-spread, 0.0) if below else (0.0, spread)
        if name == "divide":
            total = bare(b)
            if same and not x.low <= 0 <= x.high:
                return 1.0, 1.0
            if (
                total.op.name == "sum"
                and x.low >= 0
                and self.numbers[bare(total.parents[0])] == self.numbers[bare(a)]
            ):
                return 0.0, 1.0
        return None

    def _pass_on(self, node: Node) -> None:
        inner = node.parents[0]
        if inner in self.attained and len(inner.shape) == len(node.shape):
            self.attained[node] = self.attained[inner]

    # --- ops ----------------------------------------------------------------------------------------------------------------------

    def _elementwise(self, node: Node, parents: list[Range], known: bool) -> Range:
        operands = self.operands(node)
        with np.errstate(all="ignore"):
            try:
                out = np.asarray(node.op.forward(*operands))
            except (TypeError, ValueError):  # an op of somebody's own that takes no such arrays
                return Range(-ASSUMED, ASSUMED, False)
            if len(parents) == 1 and node.parents[0] in self.attained:
                axes, value = self.attained[node.parents[0]]
                there = np.asarray(node.op.forward(np.array([value]))).item()
                if math.isfinite(there):
                    self.attained[node] = axes, there
        return bounded(out, known)

    def operands(self, node: Node) -> list[Any]:
        """The operands of an elementwise node on a grid that covers their ranges, as arrays that broadcast."""
        count = len(node.parents)
        points = {1: 40, 2: 9}.get(count, 5)
        arrays = []
        for i, parent in enumerate(node.parents):
            dtype = parent.dtype if not parent.weak else node.dtype
            if parent.dtype.kind == "b":
                arrays.append(np.array([False, True]))
            else:
                arrays.append(grid(self.of[parent], dtype, points))
            arrays[-1] = arrays[-1].reshape([-1 if k == i else 1 for k in range(count)])
        return arrays

    def _collective(self, node: Node, parents: list[Range]) -> tuple[float, float]:
        name, x = node.op.name, parents[0]
        n = self._entries(node)
        if name in ("sum", "cumsum"):
            low, high = min(x.low * n, x.low), max(x.high * n, x.high)
            if name == "sum" and n > 0 and x.low >= 0:
                low = x.low * n
                fact = self.attained.get(node.parents[0])
                if fact is not None and set(fact[0]) <= set(node.params["axes"]):
                    low = max(low, fact[1])
            return low, high
        if name in (
            "mean",
            "max",
            "min",
            "cummax",
            "cummin",
            "sort",
            "median",
            "quantile",
            "partition",
        ):
            return x.low, x.high
        if name == "softmax":
            return 0.0, 1.0
        if name == "logsumexp":
            return x.low, x.high + math.log(max(n, 1.0))
        if name == "log_softmax":
            return x.low - x.high - math.log(max(n, 1.0)), 0.0
        if name == "stable_cross_entropy":
            return 0.0, (x.high - x.low + math.log(max(n, 1.0))) * max(parents[1].high, 0.0) * 2
        if name in ("concatenate", "stack", "where", "scatter"):
            return min(r.low for r in parents), max(r.high for r in parents)
        if name == "count":
            return 1.0, 1e9
        if name == "prod":
            size = max(abs(x.low), abs(x.high))
            top = size ** min(n, 300.0) if size < 1e3 or n < 30 else math.inf
            return (-min(top, 1e300) if x.low < 0 else 0.0), min(top, 1e300)
        sizes = [max(abs(r.low), abs(r.high)) for r in parents]
        if len(parents) == 2 and name in (
            "matmul",
            "dot",
            "inner",
            "outer",
            "einsum",
            "tensordot",
            "convolve",
            "kron",
            "vdot",
        ):
            inner = node.parents[0].shape[-1:] or (1,)
            top = min(sizes[0], 1e100) * min(sizes[1], 1e100) * (inner[0] or MANY)
            return (0.0 if parents[0].low >= 0 and parents[1].low >= 0 else -top), top
        return -ASSUMED, ASSUMED

    def _entries(self, node: Node) -> float:
        shape, axes = node.parents[0].shape, node.params.get("axes", node.params.get("axis"))
        if axes is None:
            axes = range(len(shape))
        sizes = [shape[i] for i in (axes if isinstance(axes, tuple | range) else (axes,))]
        return float(math.prod(MANY if s is None else s for s in sizes))


def bare(node: Node) -> Node:
    """What is moved, repeated or held back from gradients, without that."""
    while node.op.name in _THROUGH:
        node = node.parents[0]
    return node


def of_array(value: Any) -> Range:
    array = np.asarray(value, np.float64)
    array = array[~np.isnan(array)]
    if not array.size:
        return Range(0.0, 0.0)
    return Range(float(array.min()), float(array.max()))


def bounded(out: Any, known: bool) -> Range:
    """The range of what came out, infinities cut off: they are somebody's finding, not everybody's below."""
    out = np.asarray(out, np.float64).ravel()
    finite = out[np.isfinite(out)]
    if not finite.size:
        return Range(-ASSUMED, ASSUMED, False)
    low, high = float(finite.min()), float(finite.max())
    if np.isposinf(out).any():
        high = max(high, 1e150)
    if np.isneginf(out).any():
        low = min(low, -1e150)
    return Range(low, high, known)
