"""Random well-typed graphs, from any source of choices.

The same builder runs on a NumPy generator, for millions, and on hypothesis, which then shrinks what it finds. Shapes are rich in
coincidences (mostly 2, square matrices, (n,) beside (n, n)), because that is where un-broadcasting over the wrong axis hides; few
kinds of op appear in one graph (swarm testing), operands are reused, so that diamonds are common, and everything that nobody uses is
summed with continuous weights, so that no node is dead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from cgraph.errors import CgraphError
from cgraph.graph import equations, order
from cgraph.leaves import constant, parameter
from cgraph.node import Node
from cgraph.operators import PUBLIC
from cgraph.testing.compare.measure import continuous
from cgraph.testing.generate.node_generators import GENERATORS

# Mostly 2, on purpose.
SHAPES: list[tuple[int, ...]] = [
    (), (2,), (2, 2), (), (2,), (2, 2), (1, 2), (2, 1), (3,), (2, 3), (1,), (2, 2, 2), (1, 1), (3, 2), (2, 1, 2),
]  # fmt: skip
# Themes: everything square, or cubic; that is where a transpose or a sum over the wrong axis fits and is not seen.
THEMES: list[list[tuple[int, ...]]] = [
    SHAPES,
    SHAPES,
    [(2, 2), (2, 2), (2,)],
    [(2, 2, 2), (2, 2), (2, 2, 2)],
]
# Kinds with more ways to be wrong are drawn more often.
OFTEN = """matmul matmul matmul transpose transpose transpose getitem relu relu relu abs abs prod prod stop_gradient stop_gradient
    stop_gradient maximum minimum guarded guarded guarded add add add""".split()
EMPTY: list[tuple[int, ...]] = [(0,), (2, 0), (0, 2)]


class Draw(Protocol):
    """A source of choices."""

    def integer(self, n: int) -> int:
        """0 to n - 1."""

    def chance(self, p: float) -> bool: ...

    def pick(self, choices: Sequence[Any]) -> Any: ...

    def permutation(self, n: int) -> list[int]: ...

    def entries(self, shape: tuple[int, ...]) -> Any:
        """Values for a leaf."""

    def weights(self, shape: tuple[int, ...]) -> Any:
        """Continuous weights for a sum of sinks."""


class RandomDraw:
    """Choices from a NumPy generator, drawn in blocks: one call for each choice would cost more than the check."""

    def __init__(self, rng: Any, scale: float = 1.0) -> None:
        self.rng = np.random.default_rng(rng)
        self.scale = scale  # leaves are as large as 10^U(-scale, scale)
        self.pool: list[float] = []

    def _next(self) -> float:
        if not self.pool:
            self.pool = self.rng.random(256).tolist()
        return self.pool.pop()

    def integer(self, n: int) -> int:
        return int(self._next() * n)

    def chance(self, p: float) -> bool:
        return self._next() < p

    def pick(self, choices: Sequence[Any]) -> Any:
        return choices[int(self._next() * len(choices))]

    def permutation(self, n: int) -> list[int]:
        return [int(i) for i in self.rng.permutation(n)]

    def entries(self, shape: tuple[int, ...]) -> Any:
        if self.chance(0.35):  # a coarse lattice: zeros, ties, kinks
            n = self.pick([1, 2, 8])
            return np.floor(self.rng.random(shape) * (2 * n + 1) - n) * (2.0 / n)
        return self.rng.standard_normal(shape) * 10.0 ** (self.scale * (2 * self._next() - 1))

    def weights(self, shape: tuple[int, ...]) -> Any:
        return continuous(self.rng, shape)


@dataclass
class RandomGraph:
    """A graph that was drawn: `root`, and the parameters below it."""

    root: Node
    leaves: list[Node]

    def __repr__(self) -> str:
        values = "\n".join(
            f"{leaf.name} = {np.array2string(leaf.value, separator=', ')}" for leaf in self.leaves
        )
        return f"RandomGraph with {len(order(self.root))} nodes\n{equations(self.root)}\n{values}"


class NothingFits(CgraphError):
    """A kind of op finds no operands in the graph that is being drawn."""


class Builder:
    """Grows a graph node by node and knows what every node evaluates to."""

    def __init__(
        self, draw: Draw, dtypes: Sequence[str] = ("f8",), empty: bool = False, reuse: bool = True
    ) -> None:
        self.draw = draw
        self.reuse = reuse
        self.dtype = np.dtype(draw.pick(list(dtypes)))
        self.shapes = draw.pick(THEMES) + EMPTY * empty
        self.nodes: list[Node] = []
        self.leaves: list[Node] = []
        self.used: set[Node] = set()
        self.values: dict[Node, Any] = {}

    def value(self, node: Node) -> Any:
        for n in [] if node in self.values else order(node):
            if n not in self.values:
                operands = [self.values[p] for p in n.parents]
                self.values[n] = n.op.forward(*operands, **n.params) if operands else n._value
        return self.values[node]

    def leaf(self, shape: tuple[int, ...]) -> Node:
        leaf = parameter(f"p{len(self.leaves)}", np.asarray(self.draw.entries(shape), self.dtype))
        self.leaves.append(leaf)
        self.nodes.append(leaf)
        return leaf

    def pick(self, *fits: Callable[[Node], bool]) -> Node:
        """A node that fits the first of `fits` that any fits: late ones first, used ones more often."""
        node = self.find(*fits)
        if node is None:
            raise NothingFits("no node of the graph fits")
        return node

    def find(self, *fits: Callable[[Node], bool]) -> Node | None:
        """The same; None when none fits."""
        candidates = self.nodes[::-1]
        for rule in fits:
            candidates = [n for n in reversed(self.nodes) if rule(n)]
            if candidates:
                break
        if not candidates:
            return None
        if not self.reuse:
            candidates = [n for n in candidates if n not in self.used]
            if not candidates:
                if fits:
                    return None
                candidates = [self.leaf(self.draw.pick(self.shapes))]
        elif self.used and self.draw.chance(0.3):
            candidates = [n for n in candidates if n in self.used] or candidates
        node = candidates[
            min(self.draw.integer(len(candidates)), self.draw.integer(len(candidates)))
        ]
        self.used.add(node)
        return node

    def pair(self) -> tuple[Node, Node]:
        """Two nodes that broadcast together; the same one twice now and then."""
        x = self.pick()
        if self.reuse and self.draw.chance(0.1):
            return x, x

        def fits(n: Node) -> bool:
            return all(
                p == q or 1 in (p, q)
                for p, q in zip(reversed(n.shape), reversed(x.shape), strict=False)
            )

        y = self.find(fits)
        if y is None:
            y = self.leaf(x.shape)  # type: ignore[arg-type]
            self.used.add(y)
        return (x, y) if self.draw.chance(0.5) else (y, x)

    def grow(self, name: str) -> None:
        """Add one op of a kind, unless it finds no operands or comes out too large to go on with."""
        with np.errstate(all="ignore"):
            try:
                node = GENERATORS[name](self)
            except CgraphError:
                return
            if node in self.values or node.dtype.kind != "f" or (node.size or 0) > 32:
                return
            if np.all(np.abs(self.value(node)) < 1e4):  # else too large, or NaN
                self.nodes.append(node)

    def finish(self) -> Node:
        """All sinks as one root: alone, or as a sum with continuous weights."""
        below = {p for n in order(*self.nodes) for p in n.parents}
        sinks = [n for n in self.nodes if n not in below and n.active] or [self.nodes[-1]]
        if len(sinks) == 1:
            return sinks[0]
        root: Any = None
        for sink in sinks:
            w = np.asarray(self.draw.weights(sink.shape), sink.dtype)  # type: ignore[arg-type]
            part: Any = PUBLIC["sum"](PUBLIC["multiply"](sink, constant(w)))
            root = part if root is None else PUBLIC["add"](root, part)
        assert isinstance(root, Node)
        return root


def draw_graph(
    draw: Draw,
    ops: Iterable[str] | None = None,
    max_nodes: int = 12,
    dtypes: Sequence[str] = ("f8",),
    empty: bool = False,
    reuse: bool = True,
) -> RandomGraph:
    """One random graph; see `strategies.graphs` for the arguments."""
    builder = Builder(draw, dtypes, empty, reuse)
    names = [*GENERATORS, *OFTEN] if ops is None else list(ops)
    swarm = [draw.pick(names) for _ in range(1 + draw.integer(4))]
    for _ in range(1 + draw.integer(3)):
        builder.leaf(draw.pick(builder.shapes))
    for _ in range(1 + draw.integer(max_nodes)):
        builder.grow(draw.pick(swarm))
    root = builder.finish()
    below = set(order(root))
    return RandomGraph(root, [n for n in builder.leaves if n in below])


def random_graph(rng: Any = None, **options: Any) -> RandomGraph:
    """A random graph from a NumPy generator or a seed.

    >>> from cgraph import testing
    >>> graph = testing.random_graph(3)
    >>> testing.check_gradients(graph.root).ok
    True
    """
    return draw_graph(rng if isinstance(rng, RandomDraw) else RandomDraw(rng), **options)
