"""Plan: what is remembered of a graph that is evaluated again, and the straight-line source that it is evaluated through.

The first evaluation of a graph walks it, node by node (cgraph/run.py). Graphs are immutable, so the order of that walk is kept, with the
graph, and from the second evaluation on the walk itself is gone: what it did is written out as Python source, one statement a node,
``v[5] = multiply(v[3], v[4])``, and compiled. The backward pass is written the same way. Its statements come from `backpropagate`
itself, carried out on nodes, so there is no second set of derivative rules, and every statement calls what the loop would have
called, on the same operands, in the same order: the numbers are the same to the last bit.

The source is for speed and knows nothing of errors: whatever goes wrong in it is done again by the loop, which says what it was. Where
there is no source (graphs of Python numbers, graphs too large, rules that look at numbers), the loop remains.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from cgraph import shapes
from cgraph.backprop import SymbolicValues, backpropagate
from cgraph.floats import FloatGraph
from cgraph.graph import order
from cgraph.leaves import leaf_node
from cgraph.node import Node
from cgraph.op import CONSTANT, INPUT, PARAMETER, Op

MOST_STATEMENTS = 20_000  # larger graphs stay with the loop
CHUNK = 500  # statements a function: CPython compiles many short functions faster than a long one
MOST_SIGNATURES = 256  # sizes of batches that are remembered as checked
MOST_ROOT_SETS = 8  # that are remembered for one node as the last of several roots
# What stays with its nodes after a Run is gone, so that `node.value` and `node.grad` can be asked without keeping it.
SMALL_NODES, SMALL_ENTRIES = 1000, 10_000

Function = Callable[..., Any]
FLOAT64 = np.dtype(np.float64)


class Plan:
    """What is remembered of the graph below a set of roots.

    It is kept by the root that comes last in the order, which none of the others depends on, and does not hold that root itself. So it
    lives as long as the graph, and no longer.

    Attributes:
        nodes: the topological order, without its last node, which keeps the plan.
        uses: how many evaluations there were.
        floats: the rows of a graph of numbers, which needs no source.
    """

    forward: Forward | Literal[False] | None = None  # False: there is none
    frugal: Forward | Literal[False] | None = None
    backward: Backward | Literal[False] | None = None
    frugal_backward: Backward | Literal[False] | None = None
    uses = 0
    changes = -1
    small: bool | None = None
    _position: dict[Node, int] | None = None
    _active: list[int] | None = None

    def __init__(self, nodes: list[Node], floats: FloatGraph | None) -> None:
        self.nodes = nodes
        self.floats = floats
        self.signatures: set[tuple[tuple[int, ...], ...]] = set()

    @property
    def position(self) -> dict[Node, int]:
        """Where each node stands in the order; its last node is not in it."""
        if self._position is None:
            self._position = {node: i for i, node in enumerate(self.nodes)}
        return self._position

    def active(self, last: Node) -> list[int]:
        """The positions of the nodes that a gradient passes."""
        if self._active is None:
            found = [i for i, node in enumerate(self.nodes) if node.active]
            self._active = [*found, len(self.nodes)] if last.active else found
        return self._active

    def is_large(self) -> bool:
        """Whether there is more in the values than one looks at, so that writing source is cheap beside computing them."""
        total = sum(node.size or 0 for node in self.nodes[:SMALL_NODES])
        return total > 10 * SMALL_ENTRIES

    def measure(self, values: Iterable[Any]) -> bool:
        """Whether an evaluation is small enough for its values to stay with the nodes."""
        if len(self.nodes) >= SMALL_NODES:
            self.small = False
            return False
        total = sum([getattr(x, "size", 1) for x in values if x is not None])
        small = total <= SMALL_ENTRIES
        if all(None not in node.shape for node in self.nodes):
            self.small = small
        return small

    def again(self) -> bool:
        """Count an evaluation; whether it may go through source."""
        if self.changes != Op.changes:
            # A row was changed (a planted fault, a patched forward), or this is the first time: what was written is stale.
            self.forward = self.frugal = self.backward = self.frugal_backward = None
            self.changes = Op.changes
        self.uses += 1
        return self.uses > 1

    def forward_source(self, last: Node, frugal: bool = False) -> Forward | Literal[False]:
        """The evaluation as source; False where there is none. `frugal`: values that nothing needs any more are dropped."""
        name = "frugal" if frugal else "forward"
        found: Forward | Literal[False] | None = getattr(self, name)
        if found is None:
            nodes = [*self.nodes, last]
            try:
                kept = None
                if frugal:
                    backward = self.backward_source(last, frugal=True)
                    kept = {len(self.nodes), *backward.needed} if backward else None
                found = (
                    Forward(nodes, self.signatures, kept)
                    if len(nodes) <= MOST_STATEMENTS
                    and last.parents
                    and not (frugal and kept is None)
                    else False
                )
            except Exception:
                found = False
            setattr(self, name, found)
        return found

    def backward_source(self, last: Node, frugal: bool = False) -> Backward | Literal[False]:
        """The backward pass as source; False where there is none. `frugal`: only the gradients of leaves are kept."""
        name = "frugal_backward" if frugal else "backward"
        found: Backward | Literal[False] | None = getattr(self, name)
        if found is None:
            nodes = [*self.nodes, last]
            try:
                found = Backward(nodes, frugal) if len(nodes) <= MOST_STATEMENTS else False
            except Exception:
                # A rule that looks at numbers cannot be carried out on nodes.
                found = False
            setattr(self, name, found)
        return found


def plan_of(roots: tuple[Node, ...]) -> tuple[Plan, Node]:
    """The plan of a set of roots, and the root that keeps it: the last of the order."""
    if len(roots) == 1:
        plan = getattr(roots[0], "_plan", None)
        if plan.__class__ is Plan:
            return plan, roots[0]
    # The other roots live as long as the plans of the last one, so their identities name them.
    key = tuple(map(id, roots))
    for root in reversed(roots):
        kept = getattr(root, "_plan", None)
        if kept.__class__ is dict and key in kept:
            return kept[key], root
    floats = FloatGraph(roots) if all([root.is_number for root in roots]) else None
    nodes = order(*roots) if floats is None else floats.nodes
    last = nodes.pop()
    plan = Plan(nodes, floats)
    if floats is not None:
        plan._position = floats.let_go(last)
    kept = getattr(last, "_plan", None)
    if kept is None and len(key) == 1:
        last._plan = plan
        return plan, last
    if kept.__class__ is Plan:
        kept = {(id(last),): kept}
    elif kept is None or len(kept) >= MOST_ROOT_SETS:
        kept = {}
    last._plan = {**kept, key: plan}  # a new one, so that another thread may read the old
    return plan, last


# --- writing ------------------------------------------------------------------------------------------------------------------


def _filled(shape: tuple[int, ...], dtype: Any) -> Function:
    """`broadcast_to` of small arrays to a shape that is known."""

    def broadcast_to(x: Any) -> Any:
        result = np.empty(shape, dtype)
        result[...] = x
        return result

    return broadcast_to


def _reshaped(shape: tuple[int, ...]) -> Function:
    return lambda x: x.reshape(shape)


def _mean(axes: tuple[int, ...], keepdims: bool, n: float) -> Function:
    reduce: Function = np.add.reduce
    return lambda x: reduce(x, axes, None, None, keepdims) / n


def _sum(axes: tuple[int, ...], keepdims: bool) -> Function:
    reduce: Function = np.add.reduce
    return lambda x: reduce(x, axes, None, None, keepdims)


def _sum_to(axes: tuple[int, ...], target: tuple[int, ...], keeps: bool) -> Function:
    reduce: Function = np.add.reduce
    if keeps:
        return lambda x: reduce(x, axes, None, None, True)
    return lambda x: reduce(x, axes, None, None, True).reshape(target)


def _scattered(shape: tuple[int, ...], index: Any) -> Function:
    """`scatter` by slices and whole numbers: each entry is named once."""

    def scatter(x: Any) -> Any:
        result = np.zeros(shape, x.dtype)
        result[index] = x
        return result

    return scatter


def _is_basic(index: tuple[Any, ...]) -> bool:
    return all(i is None or i is Ellipsis or i.__class__ in (int, slice) for i in index)


def _known(node: Node) -> Function | None:
    """What the forward of some rows comes to where all sizes are known: the same calls, without finding out about shapes each time."""
    x = node.parents[0]
    if not shapes.is_static(node.shape) or not shapes.is_static(x.shape):
        return None
    name, params = node.op.name, node.params
    if name == "broadcast_to" and len(node.shape) <= 2 and x.shape != node.shape and not x.weak:
        return _filled(node.shape, x.dtype)  # type: ignore[arg-type]
    if name == "reshape" and x.ndim:
        return _reshaped(node.shape)  # type: ignore[arg-type]
    if name == "sum" and x.ndim:
        return _sum(params["axes"], params["keepdims"])
    if name == "mean" and x.dtype.kind == "f" and x.ndim and x.size:
        count = shapes.size(tuple(x.shape[i] for i in params["axes"]))
        return _mean(params["axes"], params["keepdims"], float(count or 0)) if count else None
    if name == "scatter" and len(node.parents) == 1 and _is_basic(params["index"]):
        return _scattered(node.shape, params["index"])  # type: ignore[arg-type]
    if name == "sum_to" and x.shape != node.shape:
        lead = x.ndim - node.ndim
        axes = (
            *range(lead),
            *(i + lead for i, n in enumerate(node.shape) if n == 1 and x.shape[i + lead] != 1),
        )
        return _sum_to(axes, node.shape, lead == 0)  # type: ignore[arg-type]
    return None


class _Writer:
    """Statements, one a node, and the constants that they name.

    Attributes:
        text: how each node is written.
        lines: the statements so far.
        uses: for each statement, the texts of its operands.
    """

    def __init__(self, target: str) -> None:
        self.target = target
        self.space: dict[str, Any] = {}
        self.names: dict[tuple[str, int], str] = {}
        self.text: dict[Node, str] = {}
        self.lines: list[str] = []
        self.reads: list[list[str]] = []
        self.writes: list[str] = []
        self.same: dict[Any, str] = {}
        self.size = 0

    def name(self, prefix: str, value: Any) -> str:
        """A name for a constant or a function."""
        key = (prefix, id(value))
        if key not in self.names:
            self.names[key] = f"{prefix}_{len(self.names)}" if prefix == "c" else prefix
            if self.space.get(self.names[key], value) is not value:
                self.names[key] = f"{prefix}_{len(self.names)}"
            self.space[self.names[key]] = value
        return self.names[key]

    def call(self, node: Node) -> str:
        """The value of a node from those of its parents, as an expression."""
        operands = [self.text[p] for p in node.parents]
        op, params = node.op, node.params
        if op.name == "transpose" and params.get("axes") == (1, 0):
            return f"{operands[0]}.T"
        if op.name == "getitem" and node.parents[0].ndim:
            return f"{operands[0]}[{self.name('c', params['index'])}]"
        known = _known(node)
        if known is not None:
            # Of the operands, the first; the others lend their shape.
            return f"{self.name(f'{op.name}_{self.size}', known)}({operands[0]})"
        named = [f"{key}={self.name('c', value)}" for key, value in params.items()]
        function = self.name(op.name if op.name.isidentifier() else "op", op.forward)
        return f"{function}({', '.join(operands + named)})"

    def put(self, node: Node, expression: str) -> None:
        """A statement that computes a node."""
        place = f"{self.target}[{self.size}]"
        self.size += 1
        self.text[node] = place
        self.lines.append(f"{place} = {expression}")
        self.writes.append(place)
        self.reads.append([self.text[p] for p in node.parents])

    def functions(self, head: str, lines: Sequence[str], closing: str = "") -> list[Function]:
        """The lines as functions of that head, at most CHUNK of them each; the closing line goes into the last."""
        bodies = [list(lines[i : i + CHUNK]) for i in range(0, len(lines), CHUNK)] or [[]]
        if closing:
            bodies[-1].append(closing)
        source = "\n".join(
            f"def part{k}({head}):\n    " + "\n    ".join(body or ["pass"])
            for k, body in enumerate(bodies)
        )
        exec(compile(source, "<cgraph plan>", "exec"), self.space)
        return [self.space.pop(f"part{k}") for k in range(len(bodies))]


def _constant(node: Node) -> Any:
    """The value of a constant as the loop has it: a Python number stays one where it is weak."""
    value = node._value
    return np.float64(value) if value.__class__ is float and not node.weak else value


def _of_constants(node: Node, known: Mapping[Node, Any]) -> Any:
    """The value of a small node that depends on constants alone, as the loop computes it; None for any other."""
    if not all([p in known for p in node.parents]) or (node.size or SMALL_ENTRIES) >= SMALL_ENTRIES:
        return None
    try:
        with np.errstate(all="ignore"):
            return node.op.forward(*[known[p] for p in node.parents], **node.params)
    except Exception:  # the loop will say what it was
        return None


def _dropped(
    lines: list[str], reads: list[list[str]], writes: list[str], kept: Iterable[str]
) -> list[str]:
    """The lines with what nobody reads any more dropped after its last use, but for what is to be kept."""
    seen = set(kept)
    result: list[str] = []
    for line, read, written in zip(reversed(lines), reversed(reads), reversed(writes), strict=True):
        for place in dict.fromkeys((*read, written)):
            if place not in seen and place.endswith("]"):
                seen.add(place)
                result.append(f"{place} = None")
        result.append(line)
    return result[::-1]


class Forward:
    """The values of all nodes of a graph, as source."""

    def __init__(
        self, nodes: list[Node], signatures: set[Any], kept: set[int] | None = None
    ) -> None:
        writer = _Writer("v")
        self.leaves: list[tuple[int, Node, bool]] = []
        self.blank: list[Any] = [None] * len(nodes)
        fetched = []
        known: dict[Node, Any] = {}  # the same in every evaluation
        for i, node in enumerate(nodes):
            if node.op is CONSTANT:
                self.blank[i] = known[node] = _constant(node)
                place = f"v[{i}]"
                writer.text[node] = (
                    writer.name("c", self.blank[i]) if node.weak or not node.shape else place
                )
            elif not node.parents:
                # A scalar of float64 is held as a Python number.
                number = node.shape == () and node.dtype == FLOAT64
                self.leaves.append((i, node, number))
                value = f"{writer.name(f'leaf_{i}', node)}._value"
                if node.op is INPUT:
                    fetched.append(f"v[{i}] = got({value})")
                else:
                    fetched.append(f"v[{i}] = {f'float64({value})' if number else value}")
                if node.op is INPUT and number:
                    fetched[-1] = f"v[{i}] = float64(got({value}))"
                writer.text[node] = f"v[{i}]"
            elif (value := _of_constants(node, known)) is not None:
                self.blank[i] = known[node] = value
                writer.text[node] = f"v[{i}]"
            else:
                writer.size = i
                writer.put(node, writer.call(node))
        writer.space |= {"float64": np.float64, "got": _got}
        # The sizes that were fed decide all others, and whether they agree: what has been looked at once is not looked at again.
        self.open = [i for i, node, _ in self.leaves if None in node.shape]
        self.signatures = signatures
        lines = writer.lines
        if kept is not None:
            lines = _dropped(lines, writer.reads, writer.writes, [f"v[{i}]" for i in kept])
        self.fetch = writer.functions("v", fetched)
        self.parts = writer.functions("v", lines)

    def values(self, fed: Mapping[Node, Any]) -> list[Any] | None:
        """The value of every node; None where the loop has to have a look at it first."""
        v = self.blank.copy()
        if fed:
            for i, node, number in self.leaves:
                value = fed[node] if node in fed else _got(node._value)
                v[i] = np.float64(value) if number else value
        else:
            for part in self.fetch:
                part(v)
        if self.open and tuple([v[i].shape for i in self.open]) not in self.signatures:
            return None
        for part in self.parts:
            part(v)
        return v

    def looked_at(self, values: Mapping[Node, Any]) -> None:
        """Note that the sizes of an evaluation agree."""
        if self.open:
            if len(self.signatures) >= MOST_SIGNATURES:
                self.signatures.clear()
            leaves = [node for _, node, _ in self.leaves if None in node.shape]
            self.signatures.add(tuple([np.shape(values[node]) for node in leaves]))


def _got(value: Any) -> Any:
    if value is None:
        raise LookupError  # the loop will say which
    return value


class Backward:
    """The gradients of all active nodes of a graph from the values and a seed, as source.

    Attributes:
        needed: the positions of the values that it reads.
    """

    def __init__(self, nodes: list[Node], frugal: bool = False) -> None:
        root = nodes[-1]
        active = [node for node in nodes if node.active]
        dtype = root.dtype if root.dtype.kind == "f" else FLOAT64
        seed = leaf_node(INPUT, None, None, root.shape, dtype)
        cotangents: dict[Node, Any] = {root: seed}
        masks: dict[Node, Any] = {}
        backpropagate(active, cotangents, SymbolicValues(), set(active), masks)
        writer = _Writer("g")
        position = {node: i for i, node in enumerate(nodes)}
        for node, i in position.items():
            writer.text[node] = f"v[{i}]"
        wanted = [
            node
            for node in active
            if node in cotangents and not (frugal and node.parents and node is not root)
        ]
        ends = [cotangents[node] for node in wanted]
        if not frugal:
            ends += masks.values()
        # A seed of 1 is what it nearly always is: what follows from it alone (1/m, and that repeated), if small, is computed once.
        first: list[int] = []
        of_seed = {seed}  # what depends on nothing else
        for node in order(*ends):
            if node in position:
                continue
            small = node.size is not None and node.size < SMALL_NODES
            if node.op is CONSTANT or (small and all(p in of_seed for p in node.parents)):
                of_seed.add(node)
            if node is seed:
                writer.text[node] = "g[0]"
                writer.size = max(writer.size, 1)
            elif node.op is CONSTANT:
                writer.text[node] = writer.name("c", _constant(node))
            elif not node.parents:
                raise ValueError("a leaf that is not of this graph")
            else:
                # The loop transposes a matrix again for every share; once is enough.
                key = _key(node, writer.text)
                writer.size = max(writer.size, 1)
                if key is not None and key in writer.same:
                    writer.text[node] = writer.same[key]
                    continue
                writer.put(node, writer.call(node))
                if node in of_seed:
                    first.append(len(writer.lines) - 1)
                if key is not None:
                    writer.same[key] = writer.text[node]
        entries = ["None"] * len(nodes)
        for node in wanted:
            found = cotangents[node]
            entry = writer.text[found]
            if found.dtype != node.dtype:
                # Where float64 data met float32 parameters: the gradient has its node's dtype.
                entry = f"{entry}.astype({writer.name('c', node.dtype)})"
            entries[position[node]] = entry
        for node in active:
            if node.op is PARAMETER and node not in cotangents:
                # Reachable, but only through something without a derivative: that is a gradient of zero.
                i = position[node]
                entries[i] = f"zeros(shape(v[{i}]), {writer.name('c', node.dtype)})"
        writer.space |= {"zeros": np.zeros, "shape": np.shape}
        self.masks = [position[node] for node in masks] if not frugal else []
        found_masks = "".join(f"{writer.text[m]}, " for m in masks.values()) if not frugal else ""
        read = {p for some in writer.reads for p in some}.union(entries)
        self.needed = {i for i in position.values() if f"v[{i}]" in read}
        apart = set(first)
        early = [writer.lines[i] for i in first]
        rest = [i for i in range(len(writer.lines)) if i not in apart]
        lines = [writer.lines[i] for i in rest]
        reads, writes = [writer.reads[i] for i in rest], [writer.writes[i] for i in rest]
        if frugal:
            kept = [writer.text[end] for end in ends]
            kept += [f"v[{i}]" for node, i in position.items() if node is root or not node.parents]
            lines = _dropped(lines, reads, writes, kept)
        self.size = max(writer.size, 1)
        closing = f"return [{', '.join(entries)}], ({found_masks})"
        self.parts = writer.functions("v, g", lines, closing)
        self.early = writer.functions("g", early)
        self.blank: list[Any] | None = None

    def gradients(self, v: list[Any], seed: Any) -> tuple[list[Any], tuple[Any, ...]]:
        """The gradient of every node, None where there is none, and the masks."""
        blank = self.blank
        if blank is not None and blank[0] is seed:
            g = blank.copy()
        else:
            g = [None] * self.size
            g[0] = seed
            for part in self.early:
                part(g)
            if seed.ndim == 0 and seed == 1:
                self.blank = g.copy()
        for part in self.parts:
            found = part(v, g)
        return found  # type: ignore[no-any-return]


def _key(node: Node, text: Mapping[Node, str]) -> Any:
    """What makes two nodes the same computation; None where equal parameters may not mean the same (0.0 and -0.0)."""
    if not all(map(_plain, node.params.values())):
        return None
    operands = tuple(text[p] for p in node.parents)
    return node.op.name, operands, tuple(node.params.items()), node.dtype


def _plain(value: Any) -> bool:
    if value.__class__ is tuple:
        return all(map(_plain, value))
    return value is None or value.__class__ in (int, bool, str)
