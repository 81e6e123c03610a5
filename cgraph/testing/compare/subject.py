"""What can be checked: a graph, or somebody's function with a gradient beside it. Both look alike from here on.

A subject has inputs, a tape for the reference to evaluate, and says what the code under test answers: `gradients(upstream)`, and for
graphs `tangent(seeds)`. This is the only module of the checks, with `localize`, that calls the engine's backward pass: what it answers
is under test, never the reference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

import cgraph.graph
from cgraph import autodiff, backprop
from cgraph.errors import GradientError
from cgraph.node import Node
from cgraph.op import OPS, PARAMETER
from cgraph.run import Run
from cgraph.testing.oracle.complex_forwards import ANALYTIC, COMPLEX_FORWARDS
from cgraph.testing.oracle.tape import EPS, Line, Tape
from cgraph.testing.report import short
from cgraph.values import capture

Array = Any


def topological(*roots: Node) -> list[Node]:
    """Parents before users. Its own four lines of logic, so that the reference does not rely on the engine's order."""
    done: set[Node] = set()
    result: list[Node] = []
    stack = list(reversed(roots))
    while stack:
        node = stack[-1]
        missing = [p for p in node.parents if p not in done]
        if missing and node not in done:
            stack.extend(reversed(missing))
            continue
        stack.pop()
        if node not in done:
            done.add(node)
            result.append(node)
    return result


def complex_forward_of(op: Any) -> Callable[..., Any] | None:
    """The complex-step-safe forward of a row, where one is known to be right."""
    known = OPS.get(op.name)
    if known is None or known is not op or not known.module.startswith("cgraph.ops"):
        return None
    return COMPLEX_FORWARDS.get(known.name) or (known.forward if known.name in ANALYTIC else None)


def driver(name: str) -> Callable[..., None]:
    """The driver that `cgraph.vjp` and `cgraph.jvp` use: looked up in their module each time, since it may have been replaced there."""
    return getattr(autodiff, name)  # type: ignore[no-any-return]


# What a line takes from its row; kept as long as the row is what it was (rows can be patched).
_ROWS: dict[Any, tuple[Any, Any, Any, int, Any, tuple[int, ...]]] = {}


def unchanged(x: Array, dtype: str) -> Array:
    """A cast between floating dtypes, on a tape that is evaluated in float64 throughout."""
    return x if np.iscomplexobj(x) else np.asarray(x, np.float64)


def line_of(node: Node, index: Mapping[Node, int]) -> Line:
    op, parents = node.op, node.parents
    if op.name == "cast" and node.dtype.kind == "f":
        return Line(unchanged, (index[parents[0]],), node.params, unchanged)
    row = _ROWS.get(op)
    if (
        row is None
        or row[0] is not op.forward
        or row[1] is not op.partials
        or row[2] is not op.linear_maps
        or row[3] != len(parents)
    ):
        # What stop_gradient means is known, whatever its row says.
        dead = tuple(
            i for i in range(len(parents)) if not op.differentiable(i) or op.name == "stop_gradient"
        )
        row = _ROWS[op] = (
            op.forward,
            op.partials,
            op.linear_maps,
            len(parents),
            complex_forward_of(op),
            dead,
        )
    return Line(row[0], tuple([index[p] for p in parents]), node.params, row[4], row[5])


def real64(value: Any) -> Array:
    """A value as the reference takes it: reals in float64, whole numbers and truth values as they are."""
    array = np.asarray(value)
    return array.astype(np.float64) if array.dtype.kind == "f" else array


class GraphSubject:
    """A graph with the gradients its engine computes."""

    is_graph = True

    def __init__(
        self, root: Node, wrt: Sequence[Node] | None = None, feeds: Mapping[Node, Any] | None = None
    ) -> None:
        self.root = root
        self.nodes = topological(root)
        self.index = {node: i for i, node in enumerate(self.nodes)}
        self.feeds = {node: capture(value, node) for node, value in (feeds or {}).items()}
        leaves = [node for node in self.nodes if not node.parents]
        if wrt is None:
            wrt = [n for n in leaves if n.op is PARAMETER] or [
                n for n in leaves if n.dtype.kind == "f" and n.op.name == "input"
            ]
        self.wrt = list(wrt)
        for node in self.wrt:
            if node not in self.index:
                name = node.label if isinstance(node, Node) else repr(node)
                raise GradientError(f"wrt: {name} is not in the graph of {root.label!r}")
        # Inputs get no gradient from backward(): for them the driver is asked directly, as cgraph.vjp does.
        self.public = all(n.op is PARAMETER for n in self.wrt) and root.active
        self.tape = Tape([None if not n.parents else line_of(n, self.index) for n in self.nodes])
        self.leaves = {self.index[n]: real64(self.leaf_value(n)) for n in leaves}
        self.seeds = [self.index[n] for n in self.wrt]
        self.unit = float(np.finfo(root.dtype).eps) if root.dtype.kind == "f" else EPS
        for node in self.wrt:
            self.unit = max(self.unit, float(np.finfo(node.dtype).eps))
        self.run: Any = None
        self.cotangents: dict[Node, Any] = {}
        self.masks: dict[Node, Any] = {}
        self.tangents: dict[Node, Any] = {}
        self.order: list[Node] = self.nodes
        self.notes: list[str] = []

    name = property(lambda self: self.root.label)

    def leaf_value(self, node: Node) -> Any:
        value = self.feeds.get(node, node._value)
        if value is None:
            raise GradientError(
                f"no value for input {node.label!r}: give check_gradients the values, in order or as {{node: array}}"
            )
        return value

    def name_of(self, node: Node) -> str:
        return f"n{self.index[node]}" if node in self.index else node.label

    def labels(self) -> list[str]:
        return [node.name or self.name_of(node) for node in self.wrt]

    def described(self, about: Node | None = None, most: int = 12) -> list[str]:
        """The graph as equations; of a large one, those of `about` and its parents."""
        shown = self.nodes
        if about in self.index and len(shown) > most:
            assert about is not None
            near = {about, *about.parents}
            shown = [n for n in shown if n in near]
        elif about is not None:
            shown = shown[-most:]
        lines = []
        for node in shown:
            if node.parents:
                given = [self.name_of(p) for p in node.parents]
                given += [f"{key}={value!r}" for key, value in node.params.items()]
                lines.append(f"{self.name_of(node)} = {node.op.name}({', '.join(given)})")
            else:
                lines.append(f"{self.name_of(node)} = {node.kind}({short(self.leaf_value(node))})")
        return lines

    def dtypes(self) -> list[Any]:
        return [node.dtype for node in self.wrt]

    def shapes(self) -> list[tuple[int, ...]]:
        return [np.shape(self.leaves[i]) for i in self.seeds]

    @cached_property
    def leading(self) -> set[Node]:
        """The nodes that lead down to something differentiated."""
        found = set(self.wrt)
        for node in self.nodes:
            if any(p in found and node.op.differentiable(i) for i, p in enumerate(node.parents)):
                found.add(node)
        return found

    def live_edges(self, nodes: Iterable[Node]) -> Iterator[tuple[Node, int]]:
        """The edges (node, operand) of these nodes on which something goes back to what is differentiated."""
        for node in nodes:
            for i, parent in enumerate(node.parents):
                if parent in self.leading and node.op.differentiable(i):
                    yield node, i

    def stored(self) -> Mapping[Node, Any]:
        """The values of the run as rules take them: numbers as NumPy's."""
        run = self.run
        return {n: np.float64(v) for n, v in run._values.items()} if run._floats else run._values

    def wide(self) -> dict[Node, Array]:
        """The same as the reference takes them."""
        return {node: real64(value) for node, value in self.run._values.items()}

    def gradients(self, upstream: Array) -> list[Array]:
        """What reverse mode answers, by the public function where the graph has one."""
        self.run = run = Run((self.root,), self.feeds or None, None)
        if self.public:
            run.backward(upstream)
            self.cotangents, self.masks = run._grads, run._masks
            return [
                run.grad(node)
                if run.has_grad(node)
                else np.zeros(np.shape(run.value(node)), node.dtype)
                for node in self.wrt
            ]
        upstream = float(upstream) if run._floats else np.asarray(upstream, self.root.dtype)
        self.cotangents, self.masks = {self.root: upstream}, {}
        with np.errstate(all="ignore"):
            driver("backpropagate")(
                run.order,
                self.cotangents,
                run._values,
                cgraph.graph.ancestors(self.root, self.wrt),
                self.masks,
            )
        return [
            np.asarray(self.cotangents[n])
            if n in self.cotangents
            else np.zeros(np.shape(run._values[n]), n.dtype)
            for n in self.wrt
        ]

    def tangent(self, seeds: Sequence[Array]) -> Array:
        """What forward mode answers."""
        run = self.run
        found: dict[Node, Any] = {
            n: np.asarray(s, n.dtype) for s, n in zip(seeds, self.wrt, strict=True)
        }
        below = set(self.wrt)
        driver("pushforward")([n for n in run.order if n not in below], found, self.stored())
        self.tangents = found
        return (
            np.asarray(found[self.root])
            if self.root in found
            else np.zeros(np.shape(run._values[self.root]))
        )

    def by_graph(self, upstream: Array) -> list[Array]:
        """The gradients once more, through `cgraph.gradient`: as a graph that is then evaluated."""
        found = autodiff.gradient(
            self.root, self.wrt, np.asarray(upstream, self.root.dtype), disconnected="zero"
        )
        reached = set(topological(*found))
        run = Run(
            tuple(found),
            {n: v for n, v in self.feeds.items() if n in reached} or None,
            None,
        )
        return [run.value(node) for node in found]

    def share(self, node: Node, i: int) -> Array:
        """What the engine's local gradient makes of the upstream that the engine stored."""
        run = self.run
        operands = [
            np.asarray(run._values[p])[()] if run._floats else run._values[p] for p in node.parents
        ]
        out = np.float64(run._values[node]) if run._floats else run._values[node]
        upstream = np.float64(self.cotangents[node]) if run._floats else self.cotangents[node]
        with np.errstate(all="ignore"):
            return backprop.edge_share(
                node.op, i, out, operands, node.params, upstream, self.masks.get(node)
            )[0]

    def kinks(self, values: Sequence[Array]) -> list[tuple[int, float]]:
        """Nodes that stand on a kink or close to one, with the smallest distance that their row's margin gives."""
        found = []
        for i, node in enumerate(self.nodes):
            if node.op.margin is not None:
                margins = np.asarray(
                    node.op.margin(*(values[self.index[p]] for p in node.parents), **node.params)
                )
                if margins.size:
                    found.append((i, float(margins.min())))
        return found

    def edges(self, values: Sequence[Array]) -> list[str]:
        """Operands on the edge of a domain or outside it, in words."""
        found = []
        for node in self.nodes:
            for parent, interval in zip(node.parents, node.op.domain, strict=False):
                x = np.asarray(values[self.index[parent]])
                if (interval.low > -np.inf and np.any(x <= interval.low)) or (
                    interval.high < np.inf and np.any(x >= interval.high)
                ):
                    found.append(
                        f"{parent.label!r} is on the edge of the domain of {node.op.name}, or outside it"
                    )
        return found


def same_layout(like: Array, values: Array | None = None) -> Array:
    """A copy with the memory layout of `like` (Fortran order, gaps), which code may depend on by mistake; with other values, if given."""
    if like.flags.c_contiguous or like.flags.f_contiguous:
        copy = np.empty_like(like)
    else:
        copy = np.empty((*like.shape[:-1], 2 * like.shape[-1]), like.dtype)[..., ::2]
    copy[...] = like if values is None else values
    return copy


def _symmetric(x: Array) -> Array:
    return 0.5 * (x + np.swapaxes(x, -1, -2))


class FunctionSubject:
    """A function of arrays with a gradient that somebody wrote, or that another library computes."""

    is_graph = False

    def __init__(
        self, function: Callable[..., Any], inputs: Sequence[Any], pullback: Callable[..., Sequence[Any]], wrt: Sequence[int] | None = None,
        name: str | None = None, margin: Callable[..., Any] | None = None,
    ) -> None:  # fmt: skip
        self.function = function
        self.name = name or getattr(function, "__name__", type(function).__name__)
        self.notes = []
        arrays = [same_layout(np.asarray(x)) for x in inputs]
        if any(a.dtype.kind in "iub" for a in arrays) and not any(
            a.dtype.kind == "f" for a in arrays
        ):
            self.notes.append("whole numbers were read as float64: a derivative needs room to move")
            arrays = [a.astype(np.float64) if a.dtype.kind in "iub" else a for a in arrays]
        self.inputs = arrays
        moving = [i for i, a in enumerate(arrays) if a.dtype.kind == "f"]
        self.wrt = moving if wrt is None else list(wrt)
        for i in self.wrt:
            if i not in moving or self.wrt.count(i) > 1:
                raise GradientError(
                    f"wrt={list(self.wrt)!r}: give positions of floating point inputs, each once; they are {moving}"
                )
        self.pullback = pullback
        self.margin = margin
        n = len(arrays)
        self.tape = Tape([None] * n + [Line(self.call, tuple(range(n)), {}, None)])
        self.leaves = {i: real64(a) for i, a in enumerate(arrays)}
        self.seeds = list(self.wrt)
        self.unit = max([EPS, *(float(np.finfo(arrays[i].dtype).eps) for i in self.wrt)])
        self.last: list[Array] = []  # the very arrays that the gradient answered last
        self.names: list[str] = []  # of the arguments, where they have some
        self.results: list[tuple[int, ...]] = []  # shapes of the results, where there are several
        self.raised = ""  # what the function itself raised at a point beside
        self.handed: Any = None  # what the check was asked for: function, inputs, options

    def call(self, *inputs: Any) -> Any:
        try:
            out = self.function(*inputs)
        except Exception as error:
            self.raised = f"{type(error).__name__}: {error}"
            raise
        if not isinstance(out, tuple | list):
            return out
        self.results = [np.shape(o) for o in out]
        return np.concatenate([np.ravel(o) for o in out])  # several results are checked together

    def upstream(self, flat: Array) -> Any:
        """The upstream as the gradient expects it: of several results, one for each."""
        if not self.results:
            return flat
        ends = np.cumsum([int(np.prod(shape, dtype=int)) for shape in self.results])
        pieces = np.split(flat, ends[:-1])
        return tuple(p.reshape(shape) for p, shape in zip(pieces, self.results, strict=True))

    def name_of(self, node: Node) -> str:
        return node.label

    def labels(self) -> list[str]:
        return [self.names[i] if self.names else f"argument {i}" for i in self.wrt]

    def described(self, about: Any = None) -> list[str]:
        """The inputs that are differentiated, a line each."""
        rows = zip(self.labels(), self.wrt, strict=True)
        return [f"{label} = {short(self.inputs[i])}" for label, i in rows]

    def dtypes(self) -> list[Any]:
        return [self.inputs[i].dtype for i in self.wrt]

    def shapes(self) -> list[tuple[int, ...]]:
        return [self.inputs[i].shape for i in self.wrt]

    def gradients(self, upstream: Array) -> list[Array]:
        given = [same_layout(a) for a in self.inputs]
        handed = np.array(upstream)
        found = self.pullback(self.upstream(handed), *given)
        found = list(found) if isinstance(found, tuple | list) else [found]
        if any(
            not np.array_equal(a, b, equal_nan=True)
            for a, b in zip(given, self.inputs, strict=True)
        ):
            self.notes.append("the gradient writes into its inputs")
        if not np.array_equal(handed, upstream):
            self.notes.append("the gradient writes into the upstream it was handed")
        if len(found) == len(self.inputs) != len(self.wrt):
            found = [found[i] for i in self.wrt]
        if len(found) != len(self.wrt):
            raise GradientError(
                f"{self.name} gave {len(found)} gradients for {len(self.wrt)} inputs; say which with wrt="
            )
        self.last = [
            np.zeros_like(self.inputs[i]) if g is None else np.asarray(g)
            for i, g in zip(self.wrt, found, strict=True)
        ]
        return [
            np.array(g) for g in self.last
        ]  # what is handed out may be overwritten by the next call

    def moved(self, by: Sequence[Array]) -> FunctionSubject:
        """The same function and gradient at another point: the differentiated inputs moved by `by`."""
        inputs = list(self.inputs)
        for i, step in zip(self.wrt, by, strict=True):
            inputs[i] = same_layout(inputs[i], inputs[i] + step)
        moved = FunctionSubject(
            self.function, inputs, self.pullback, self.wrt, self.name, self.margin
        )
        moved.names, moved.results = self.names, self.results
        return moved

    def of_symmetric(self) -> FunctionSubject | None:
        """The same as a function of symmetric matrices, where it reads one triangle of them; else None.

        eigvalsh and cholesky read the lower triangle, and their gradient as books have it is symmetric.
        """
        halves = []
        for i in self.wrt:
            x = self.inputs[i]
            if x.ndim < 2 or x.shape[-1] != x.shape[-2] or x.shape[-1] < 2:
                continue
            if np.array_equal(x, x.swapaxes(-1, -2)) and self._ignores_a_triangle(i):
                halves.append(i)
        if not halves:
            return None

        def function(*xs: Any) -> Any:
            return self.function(*(_symmetric(x) if i in halves else x for i, x in enumerate(xs)))

        def pullback(upstream: Any, *xs: Any) -> list[Any]:
            found = self.pullback(
                upstream, *(_symmetric(x) if i in halves else x for i, x in enumerate(xs))
            )
            found = list(found) if isinstance(found, tuple | list) else [found]
            at = self.wrt if len(found) == len(self.wrt) else range(len(found))
            pairs = zip(at, found, strict=True)
            return [g if g is None or i not in halves else _symmetric(g) for i, g in pairs]

        other = FunctionSubject(function, self.inputs, pullback, self.wrt, self.name, self.margin)
        other.names = self.names
        other.notes.append("compared for symmetric matrices: the function reads one triangle alone")
        return other

    def _ignores_a_triangle(self, i: int) -> bool:
        x = self.inputs[i]
        for half in (np.triu(np.ones(x.shape), 1), np.tril(np.ones(x.shape), -1)):
            moved = list(self.inputs)
            moved[i] = (x * (1.0 + 0.01 * half) + 0.01 * half).astype(x.dtype)
            try:
                if np.array_equal(self.call(*self.inputs), self.call(*moved)):
                    return True
            except Exception:
                return False
        return False

    def kinks(self, values: Sequence[Array]) -> list[tuple[int, float]]:
        if self.margin is None:
            return []
        return [(len(self.inputs), float(np.min(self.margin(*values[:-1]))))]

    def edges(self, values: Sequence[Array]) -> list[str]:
        return []

    def locate(self, report: Any) -> Any:
        """The piece of the function that is wrong by itself, as a `Mismatch`: of a plain function nobody knows pieces."""
        return None
