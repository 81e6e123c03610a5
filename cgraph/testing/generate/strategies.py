"""Strategies for hypothesis: random graphs, operands, shapes, upstreams.

The builder of `random_graphs` draws from hypothesis here, so what is found shrinks: fewer nodes, smaller shapes, rounder numbers.
`register` is what hypothesis calls through its entry point: afterwards ``st.from_type(RandomGraph)`` and ``st.from_type(Op)`` work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from cgraph.node import Node
from cgraph.op import OPS, Interval, Op
from cgraph.testing.compare.measure import continuous
from cgraph.testing.generate.op_calls import arity, calls, params_of
from cgraph.testing.generate.random_graphs import (
    EMPTY,
    SHAPES,
    RandomDraw,
    RandomGraph,
    draw_graph,
)

Strategy = Any


def register() -> None:
    """What hypothesis calls when it is loaded, through the entry point: strategies for cgraph's types."""
    from hypothesis import strategies as st

    st.register_type_strategy(RandomGraph, lambda _: graphs())
    st.register_type_strategy(Op, lambda _: ops())
    st.register_type_strategy(Node, lambda _: graphs().map(lambda graph: graph.root))


# Below `register`, which hypothesis calls while it is being imported.
from hypothesis import strategies as st  # noqa: E402


class HypothesisDraw:
    """Choices from hypothesis' `draw`; everything shrinks towards the first choice, to few, and to zero."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        # Weights have to be continuous; one whole number stands for all of them, so that they do not take part in shrinking.
        self.rng = np.random.default_rng(draw(st.integers(0, 2**16)))

    def integer(self, n: int) -> int:
        return int(self.draw(st.integers(0, max(n - 1, 0))))

    def chance(self, p: float) -> bool:
        # The rarer outcome is the larger number, so that it shrinks away.
        k = self.integer(20)
        return k >= 20 * (1 - p) if p <= 0.5 else k < 20 * p

    def pick(self, choices: Sequence[Any]) -> Any:
        return choices[self.integer(len(choices))]

    def permutation(self, n: int) -> list[int]:
        return [int(i) for i in self.draw(st.permutations(range(n)))]

    def entries(self, shape: tuple[int, ...]) -> Any:
        size = int(np.prod(shape, dtype=int))
        quarters = self.draw(st.lists(st.integers(-8, 8), min_size=size, max_size=size))
        return np.array(quarters, float).reshape(shape) / 4

    def weights(self, shape: tuple[int, ...]) -> Any:
        return continuous(self.rng, shape)


def graphs(
    ops: Iterable[str] | None = None,
    max_nodes: int = 12,
    dtypes: Sequence[str] = ("f8",),
    empty: bool = False,
    reuse: bool = True,
) -> Strategy:
    """Random well-typed graphs, as `RandomGraph` (`.root`, `.leaves`).

    Args:
        ops: kinds of op to draw from (default: all of `node_generators.GENERATORS`); at most four kinds appear in one graph.
        max_nodes: how many ops are tried.
        dtypes: "f8", "f4".
        empty: shapes with a size of 0, too.
        reuse: whether nodes may be used more than once (diamonds).

    >>> from hypothesis import given, settings
    >>> from cgraph import testing
    >>> @settings(max_examples=10, database=None)
    ... @given(graph=testing.graphs())
    ... def test(graph):
    ...     testing.assert_gradients(graph.root)
    >>> test()
    """

    @st.composite
    def random_graphs(draw: Any) -> RandomGraph:
        return draw_graph(HypothesisDraw(draw), ops, max_nodes, dtypes, empty, reuse)

    return random_graphs()


def graph_with_inputs(**options: Any) -> Strategy:
    """Pairs of a graph and another point for its parameters: ``(RandomGraph, {leaf: array})``."""

    @st.composite
    def pairs(draw: Any) -> tuple[RandomGraph, dict[Node, Any]]:
        source = HypothesisDraw(draw)
        graph = draw_graph(source, **options)
        values = {
            leaf: np.asarray(source.entries(leaf.shape), leaf.dtype)  # type: ignore[arg-type]
            for leaf in graph.leaves
        }
        return graph, values

    return pairs()


def coincident_shapes(max_dims: int = 3, empty: bool = False) -> Strategy:
    """Shapes that are easily confused: mostly of size 2, square, (n,) and (n, n)."""
    known = [s for s in SHAPES + EMPTY * empty if len(s) <= max_dims]
    return st.sampled_from(sorted(dict.fromkeys(known), key=lambda s: (len(s), s)))


def arrays_in(domain: Interval | None = None, shape: Any = (), dtype: str = "f8") -> Strategy:
    """Arrays with entries in an interval, its edges nearby but its open ends never.

    Args:
        domain: an `Interval`; None for all numbers.
        shape: a shape, or a strategy of shapes.

    >>> from hypothesis import given, settings
    >>> from cgraph.ops import Interval
    >>> from cgraph.testing import arrays_in
    >>> @settings(max_examples=20, database=None)
    ... @given(x=arrays_in(Interval(0.0, open_low=True), (2,)))
    ... def test(x):
    ...     assert (x > 0).all()
    >>> test()
    """
    domain = domain or Interval()
    width: Any = 32 if np.dtype(dtype).itemsize == 4 else 64
    tiny = 2.0**-20

    def bound(value: float, is_open: bool, inwards: float) -> Any:
        if not np.isfinite(value):
            return None
        moved = value + inwards * max(abs(value), 1.0) * tiny if is_open else value
        return float(np.asarray(moved, dtype))

    low, high = bound(domain.low, domain.open_low, 1.0), bound(domain.high, domain.open_high, -1.0)
    least = low if low is not None else (high or 0.0) - 1e3
    most = high if high is not None else (low or 0.0) + 1e3
    entries = st.floats(least, most, allow_nan=False, width=width)
    shapes = shape if isinstance(shape, st.SearchStrategy) else st.just(tuple(shape))

    @st.composite
    def arrays(draw: Any) -> Any:
        drawn = draw(shapes)
        size = int(np.prod(drawn, dtype=int))
        return np.array(draw(st.lists(entries, min_size=size, max_size=size)), dtype).reshape(drawn)

    return arrays()


def cotangents_like(y: Any) -> Strategy:
    """Continuous upstreams of the shape and dtype of an array or a node."""
    shape, dtype = y.shape, y.dtype

    seeds = st.integers(0, 2**16)
    return seeds.map(lambda seed: np.asarray(continuous(np.random.default_rng(seed), shape), dtype))


def op_calls(op: Op | str, params: dict[str, Any] | None = None) -> Strategy:
    """Nodes of one row on fresh parameters: operands in its domain, near its edges, on its kinks."""
    row = OPS[op] if isinstance(op, str) else op

    def first(seed: int) -> Any:
        return next(calls(row, 1, seed, params), (0, None))[1]

    return st.integers(0, 2**20).map(first).filter(lambda node: node is not None)


def attrs_for(op: Op | str, shape: tuple[int, ...] = (2, 2)) -> Strategy:
    """Keyword parameters for a row: axes, keepdims, axis, index, as it takes them."""
    row = OPS[op] if isinstance(op, str) else op
    return st.integers(0, 2**16).map(lambda seed: params_of(row, shape, RandomDraw(seed)))


def ops(where: Callable[[Op], bool] | None = None) -> Strategy:
    """Rows of the derivative tables that have a gradient."""
    return st.sampled_from(
        [
            op
            for op in OPS.values()
            if any(op.differentiable(i) for i in range(arity(op))) and (where is None or where(op))
        ]
    )
