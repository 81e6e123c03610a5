"""Plan: what is remembered of a graph that is evaluated again, and the straight-line source that it is evaluated through.

The first evaluation of a graph walks it, node by node (cgraph/run.py). Graphs are immutable, so the order of that walk is kept, with the
graph, and from the second evaluation on the walk itself is gone: what it did is written out as Python source, one statement a node,
``v5 = v3 * v4``, and compiled. The backward pass is written the same way. Its statements come from `backpropagate` itself, carried
out on nodes, so there is no second set of derivative rules, and every statement computes what the loop would have computed, on the same
operands, in the same order: the numbers are the same to the last bit. Where a backward pass is known to follow, both are one source, and
what an op and its local gradient share is computed once.

The source is for speed and knows nothing of errors: whatever goes wrong in it is done again by the loop, which says what it was. Where
there is no source (graphs of Python numbers, graphs too large, rules that look at numbers), the loop remains.
"""

from __future__ import annotations

import keyword
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any, Literal

import numpy as np

from cgraph import shapes
from cgraph.backprop import SymbolicValues, backpropagate
from cgraph.floats import FloatGraph
from cgraph.graph import order
from cgraph.leaves import leaf_node
from cgraph.node import Node
from cgraph.op import CONSTANT, INPUT, JOINTS, PARAMETER, Op
from cgraph.ops import OPS

MOST_STATEMENTS = 20_000  # larger graphs stay with the loop
CHUNK = 500  # statements a function: CPython compiles many short functions faster than a long one
MOST_SIGNATURES = 256  # sizes of batches that are remembered as checked
MOST_ROOT_SETS = 8  # that are remembered for one node as the last of several roots
# What stays with its nodes after a Run is gone, so that `node.value` and `node.grad` can be asked without keeping it.
SMALL_NODES, SMALL_ENTRIES = 1000, 10_000

Function = Callable[..., Any]
Expression = Callable[..., str | None]
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

    # What was written so far, by what it is; False: there is none.
    _sources: dict[tuple[type, bool], Any]
    one: Any = None  # the seed of a backward pass from a scalar
    uses = 0
    changes = -1
    small: bool | None = None
    _active: list[int] | None = None

    def __init__(self, nodes: list[Node], floats: FloatGraph | None) -> None:
        self.nodes = nodes
        self.floats = floats
        self.signatures: set[tuple[tuple[int, ...], ...]] = set()
        self._sources = {}

    @cached_property
    def position(self) -> dict[Node, int]:
        """Where each node stands in the order; its last node is not in it."""
        return {node: i for i, node in enumerate(self.nodes)}

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
            self._sources = {}
            self.changes = Op.changes
        self.uses += 1
        return self.uses > 1

    def forward_source(self, last: Node) -> Forward | Literal[False]:
        """The evaluation as source; False where there is none."""
        found: Forward | Literal[False] = self._source(Forward, last, False)
        return found

    def backward_source(self, last: Node, frugal: bool) -> Backward | Literal[False]:
        """The backward pass as source; False where there is none. `frugal`: only the gradients of leaves are kept."""
        found: Backward | Literal[False] = self._source(Backward, last, frugal)
        return found

    def both_source(self, last: Node, frugal: bool) -> Both | Literal[False]:
        """Both as one source; False where there is none. `frugal`: values and gradients that nothing needs any more are dropped."""
        found: Both | Literal[False] = self._source(Both, last, frugal)
        return found

    def _source(self, kind: Any, last: Node, frugal: bool) -> Any:
        found = self._sources.get((kind, frugal))
        if found is None:
            found = False
            if len(self.nodes) < MOST_STATEMENTS and last.parents:
                # A rule that looks at numbers cannot be carried out on nodes.
                with suppress(Exception):
                    found = kind([*self.nodes, last], self.signatures, frugal)
            self._sources[kind, frugal] = found
        return found


def plan_of(roots: tuple[Node, ...]) -> tuple[Plan, Node]:
    """The plan of a set of roots, and the root that keeps it: the last of the order."""
    if len(roots) == 1:
        root = roots[0]
        plan = getattr(root, "_plan", None)
        if plan.__class__ is Plan:
            return plan, root
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
    places = None if floats is None else floats.let_go(last)
    if places is not None:
        plan.position = places
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

_reduce: Function = np.add.reduce
# What a source calls its own variables, so that no op of that name is taken for one.
_OURS = re.compile(r"[vg]\d*|part\d+")


class _Statement:
    """One line of a source: what it computes, where that is put, and what it is computed from."""

    __slots__ = ("expression", "places", "reads", "then")

    def __init__(self, place: str, expression: str, reads: list[str], then: str = "") -> None:
        self.places = [place]
        self.expression = expression
        self.reads = reads
        self.then = then  # what is done to it before anybody reads it

    @property
    def line(self) -> str:
        return f"{', '.join(self.places)} = {self.expression}{self.then}"


class _Writer:
    """Statements, one a node, and the constants that they name.

    Attributes:
        local: whether what is computed stands in local variables, ``v5``, which are quicker than entries of a list, ``v[5]``, and end
            with the function that has them. So there can be but one function.
        text: how each node is written.
        statements: those so far.
        calls: which of them called an op, by the op and the operands, with the parameters.
    """

    def __init__(self, local: bool) -> None:
        self.local = local
        self.space: dict[str, Any] = {
            "float64": np.float64, "got": _got, "zeros": np.zeros, "shape": np.shape, "empty": np.empty, "reduce": _reduce,
        }  # fmt: skip
        self.names: dict[tuple[str, int], str] = {}
        self.text: dict[Node, str] = {}
        self.statements: list[_Statement] = []
        self.calls: dict[tuple[Op, tuple[str, ...]], tuple[_Statement, Mapping[str, Any]]] = {}
        self.known: dict[Any, str] = {}
        self.numbers: dict[Any, str] = {}

    def name(self, prefix: str, value: Any) -> str:
        """A name for a constant or a function."""
        key = (prefix, id(value))
        if key not in self.names:
            self.names[key] = f"{prefix}_{len(self.names)}" if prefix == "c" else prefix
            if self.space.get(self.names[key], value) is not value:
                self.names[key] = f"{prefix}_{len(self.names)}"
            self.space[self.names[key]] = value
        return self.names[key]

    def place(self, target: str, i: int) -> str:
        return f"{target}{i}" if self.local else f"{target}[{i}]"

    def put(self, node: Node, place: str) -> None:
        """A statement that computes a node: the same call as the loop's, without finding out about shapes each time."""
        operands = [self._operand(p, node) for p in node.parents]
        self.text[node] = place
        if self._joined(node, tuple(operands), place):
            return
        short = EXPRESSIONS.get(id(node.op.forward))
        expression, then = short(node, *operands) if short else None, ""
        if expression is None and node.op.name in ("broadcast_to", "scatter", "getitem"):
            expression, then = self._moved(node, operands[0], place)
        if expression is None:
            function = _quick(node.op.forward, node)
            expression = self.call(node.op.name, function, operands, node.params)
        self.statements.append(statement := _Statement(place, expression, operands, then))
        self.calls[node.op, tuple(operands)] = statement, node.params

    def _operand(self, parent: Node, node: Node) -> str:
        """An operand; a Python number beside an array as an array without axes, which NumPy takes faster and which is the same number."""
        if not parent.weak or node.op.name not in _SIGNS or not node.ndim or node.dtype.kind != "f":
            return self.text[parent]
        key = parent._value, math.copysign(1.0, parent._value), node.dtype
        if key not in self.numbers:
            number = np.array(parent._value).astype(node.dtype)
            number.setflags(write=False)
            # What overflows in single precision is left to NumPy.
            same = np.isfinite(number) or not math.isfinite(parent._value)
            self.numbers[key] = self.name("c", number) if same else self.text[parent]
        return self.numbers[key]

    def _moved(self, node: Node, x: str, place: str) -> tuple[str | None, str]:
        """Entries put into an array: all of it, or places that are each named once; and what is done to it then."""
        given, op = node.parents[0], node.op
        if op is OPS["getitem"] and given.ndim:
            return f"{x}[{self.name('c', node.params['index'])}]", ""
        if not shapes.is_static(node.shape) or not shapes.is_static(given.shape):
            return None, ""
        new = f"{self.name('c', node.shape)}, {self.name('c', given.dtype)}"
        if (
            op is OPS["broadcast_to"]
            and node.ndim <= 2
            and given.shape != node.shape
            and not given.weak
        ):
            return f"empty({new})", f"; {place}[...] = {x}"
        if op is OPS["scatter"] and len(node.parents) == 1 and _is_basic(node.params["index"]):
            return f"zeros({new})", f"; {place}[{self.name('c', node.params['index'])}] = {x}"
        return None, ""

    def call(
        self, name: str, function: Function, operands: Sequence[str], params: Mapping[str, Any]
    ) -> str:
        if not name.isidentifier() or keyword.iskeyword(name) or _OURS.fullmatch(name):
            name = "op"
        named = [f"{key}={self.name('c', value)}" for key, value in params.items()]
        return f"{self.name(name, function)}({', '.join([*operands, *named])})"

    def _joined(self, node: Node, operands: tuple[str, ...], place: str) -> bool:
        """Whether the node is computed with another one of the same operands that is there already, in one go."""
        for joint in JOINTS.get(node.op, ()):
            ours = joint.first is node.op
            found = self.calls.get((joint.second if ours else joint.first, operands))
            if found is None or len(found[0].places) > 1 or not joint.valid:
                continue
            statement, params = found
            whole, part = (node.params, params) if ours else (params, node.params)
            if any(key not in whole or not _same(whole[key], part[key]) for key in part):
                continue
            name = f"{joint.first.name}_and_{joint.second.name}"
            statement.expression = self.call(name, _quick(joint.kernel, node), operands, whole)
            statement.places = [place, *statement.places] if ours else [*statement.places, place]
            return True
        return False

    def lines(
        self, statements: Sequence[_Statement], kept: Iterable[str] | None = None
    ) -> list[str]:
        """The statements as lines; unless everything is kept, what nobody reads any more is dropped after its last use."""
        if kept is None:
            return [statement.line for statement in statements]
        seen = {*kept, *(place for place in self.space)}
        result: list[str] = []
        for statement in reversed(statements):
            for place in dict.fromkeys((*statement.reads, *statement.places)):
                if place not in seen:
                    seen.add(place)
                    result.append(f"{place} = None")
            result.append(statement.line)
        return result[::-1]

    def functions(self, head: str, lines: Sequence[str], closing: str = "") -> list[Function]:
        """The lines as functions of that head, at most CHUNK of them each; the closing line goes into the last."""
        most = len(lines) + 1 if self.local else CHUNK
        bodies = [list(lines[i : i + most]) for i in range(0, len(lines), most)] or [[]]
        if closing:
            bodies[-1].append(closing)
        source = "\n".join(
            f"def part{k}({head}):\n    " + "\n    ".join(body or ["pass"])
            for k, body in enumerate(bodies)
        )
        exec(compile(source, "<cgraph plan>", "exec"), self.space)
        return [self.space.pop(f"part{k}") for k in range(len(bodies))]


def _quick(function: Function, node: Node) -> Function:
    """The kernel itself, where its operands are known to be what it takes: arrays in double precision."""
    if all([p.dtype == FLOAT64 and p.ndim for p in node.parents]):
        return getattr(function, "of_doubles", function)
    return function


def _is_basic(index: tuple[Any, ...]) -> bool:
    return all(i is None or i is Ellipsis or i.__class__ in (int, slice) for i in index)


def _infix(sign: str) -> Expression:
    def written(node: Node, a: str, b: str) -> str | None:
        return None if node.parents[0].weak and node.parents[1].weak else f"{a} {sign} {b}"

    return written


def _transposed(node: Node, x: str) -> str | None:
    return f"{x}.T" if node.params["axes"] == (1, 0) else None


def _product(node: Node, a: str, b: str) -> str | None:
    return f"{a}.dot({b})" if max(p.ndim for p in node.parents) <= 2 else None


def _sized(expression: Expression) -> Expression:
    """An expression for sizes that are known, of an array with axes; of its operands the first, the others lend their shape."""

    def written(node: Node, x: str, *like: str) -> str | None:
        given = node.parents[0]
        known = shapes.is_static(node.shape) and shapes.is_static(given.shape) and given.ndim
        return expression(node, x) if known else None

    return written


def _reshaped(node: Node, x: str) -> str:
    return f"{x}.reshape({node.shape})"


def _total(node: Node, x: str) -> str:
    axes, keepdims = node.params["axes"], node.params["keepdims"]
    if len(axes) == node.parents[0].ndim and not keepdims:
        return f"reduce({x}, None)"
    return f"reduce({x}, {axes}, None, None, {keepdims})"


def _mean(node: Node, x: str) -> str | None:
    given = node.parents[0]
    count = shapes.size(tuple(given.shape[i] for i in node.params["axes"]))
    wide = given.dtype.kind == "f" and given.dtype.itemsize > 2
    return f"{_total(node, x)} / {float(count)}" if wide and count else None


def _sum_to(node: Node, x: str) -> str | None:
    given = node.parents[0]
    lead = given.ndim - node.ndim
    inner = [i for i, n in enumerate(node.shape) if n == 1 and given.shape[i + lead] != 1]
    axes = (*range(lead), *(i + lead for i in inner))
    if not axes:
        return None
    total = f"reduce({x}, {axes}, None, None, True)"
    return f"{total}.reshape({node.shape})" if lead else total


# What the forward of some rows comes to.
_SIGNS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/"}
_WRITTEN: dict[str, Expression] = {
    **{name: _infix(sign) for name, sign in _SIGNS.items()},
    "transpose": _transposed, "matmul": _product, "reshape": _sized(_reshaped), "sum": _sized(_total),
    "mean": _sized(_mean), "sum_to": _sized(_sum_to),
}  # fmt: skip
# By that forward: a row can be changed.
EXPRESSIONS = {id(OPS[name].forward): expression for name, expression in _WRITTEN.items()}


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


def _got(value: Any) -> Any:
    if value is None:
        raise LookupError  # the loop will say which
    return value


class _Values:
    """The statements that compute the values of all nodes, and what they start from: leaves as they are, constants."""

    def __init__(self, writer: _Writer, nodes: Sequence[Node], signatures: set[Any]) -> None:
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
                    value = f"got({value})"
                fetched.append(f"v[{i}] = {f'float64({value})' if number else value}")
                writer.text[node] = f"v[{i}]"
            elif (value := _of_constants(node, known)) is not None:
                self.blank[i] = known[node] = value
                writer.text[node] = f"v[{i}]"
            else:
                writer.put(node, writer.place("v", i))
        # The sizes that were fed decide all others, and whether they agree: what has been looked at once is not looked at again.
        self.open = [i for i, node, _ in self.leaves if None in node.shape]
        self.signatures = signatures
        self.fetch = writer.functions("v", fetched)

    def start(self, fed: Mapping[Node, Any]) -> list[Any] | None:
        """The values of leaves and constants; None where the loop has to have a look at their sizes first."""
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
        return v

    def looked_at(self, values: Mapping[Node, Any]) -> None:
        """Note that the sizes of an evaluation agree."""
        if self.open:
            if len(self.signatures) >= MOST_SIGNATURES:
                self.signatures.clear()
            leaves = [node for _, node, _ in self.leaves if None in node.shape]
            self.signatures.add(tuple([np.shape(values[node]) for node in leaves]))


class Forward:
    """The values of all nodes of a graph, as source."""

    def __init__(self, nodes: list[Node], signatures: set[Any], frugal: bool = False) -> None:
        writer = _Writer(local=len(nodes) <= CHUNK)
        self.ahead = _Values(writer, nodes, signatures)
        everything = ", ".join(_in_order(nodes, writer))
        self.parts = writer.functions(
            "v",
            writer.lines(writer.statements),
            f"return [{everything}]" if writer.local else "return v",
        )

    def values(self, fed: Mapping[Node, Any]) -> list[Any] | None:
        """The value of every node; None where the loop has to have a look at it first."""
        v = self.ahead.start(fed)
        if v is not None:
            for part in self.parts:
                found = part(v)
            return found  # type: ignore[no-any-return]
        return None


def _in_order(nodes: Sequence[Node], writer: _Writer) -> list[str]:
    """The values of all nodes: constants and leaves stand in the list already."""
    text = writer.text
    return [f"v[{i}]" if node.op is CONSTANT else text[node] for i, node in enumerate(nodes)]


class _Gradients:
    """The statements that compute the gradients of all active nodes from the values and a seed.

    Attributes:
        masks: the positions of the nodes with a mask.
        closing: what the last function returns: the gradient of each node, and the masks.
        kept: what is to be there by then.
    """

    def __init__(self, writer: _Writer, nodes: list[Node], frugal: bool) -> None:
        root = nodes[-1]
        active = [node for node in nodes if node.active]
        dtype = root.dtype if root.dtype.kind == "f" else FLOAT64
        seed = leaf_node(INPUT, None, None, root.shape, dtype)
        cotangents: dict[Node, Any] = {root: seed}
        masks: dict[Node, Any] = {}
        backpropagate(active, cotangents, SymbolicValues(), set(active), masks)
        position = {node: i for i, node in enumerate(nodes)}
        wanted = [
            node
            for node in active
            if node in cotangents and not (frugal and node.parents and node is not root)
        ]
        ends = [cotangents[node] for node in wanted]
        if not frugal:
            ends += masks.values()
        # A seed of 1 is what it nearly always is: what follows from it alone (1/m, and that repeated), if small, is computed once, and
        # is given with the seed.
        text = writer.text
        later = writer.statements, writer.calls
        self.early: list[_Statement] = []
        early: Any = self.early, {}
        self.size = 1
        of_seed = {seed}  # what depends on nothing else
        for node in order(*ends):
            if node in position:
                continue
            small = node.size is not None and node.size < SMALL_NODES
            given = node.op is CONSTANT or (small and all(p in of_seed for p in node.parents))
            if given:
                of_seed.add(node)
            if node is seed:
                text[node] = "g[0]"
            elif node.op is CONSTANT:
                text[node] = writer.name("c", _constant(node))
            elif not node.parents:
                raise ValueError("a leaf that is not of this graph")
            else:
                # The loop transposes a matrix again for every share; once is enough.
                key = _key(node, text)
                if key is not None and key in writer.known:
                    text[node] = writer.known[key]
                    continue
                writer.statements, writer.calls = early if given else later
                writer.put(node, f"g[{self.size}]" if given else writer.place("g", self.size))
                self.size += 1
                if key is not None:
                    writer.known[key] = text[node]
        writer.statements, writer.calls = later
        entries = ["None"] * len(nodes)
        for node in wanted:
            found = cotangents[node]
            entry = text[found]
            if found.dtype != node.dtype:
                # Where float64 data met float32 parameters: the gradient has its node's dtype.
                entry = f"{entry}.astype({writer.name('c', node.dtype)})"
            entries[position[node]] = entry
        for node in active:
            if node.op is PARAMETER and node not in cotangents:
                # Reachable, but only through something without a derivative: that is a gradient of zero.
                i = position[node]
                entries[i] = f"zeros(shape(v[{i}]), {writer.name('c', node.dtype)})"
        found_masks = {} if frugal else masks
        self.masks = [position[node] for node in found_masks]
        of_masks = "".join(f"{text[mask]}, " for mask in found_masks.values())
        self.closing = f"[{', '.join(entries)}], ({of_masks})"
        self.kept = [text[end] for end in ends] + [statement.places[0] for statement in self.early]
        self.first = writer.functions("g", writer.lines(self.early))
        self.blank: list[Any] | None = None

    def start(self, seed: Any) -> list[Any]:
        """The seed, and what follows from it alone."""
        blank = self.blank
        if blank is not None and blank[0] is seed:
            return blank.copy()
        g: list[Any] = [None] * self.size
        g[0] = seed
        for part in self.first:
            part(g)
        if seed.ndim == 0 and seed == 1:
            self.blank = g.copy()
        return g


class Backward:
    """The gradients of all active nodes of a graph from the values and a seed, as source."""

    def __init__(self, nodes: list[Node], signatures: set[Any], frugal: bool) -> None:
        writer = _Writer(local=len(nodes) <= CHUNK)
        writer.text = {node: f"v[{i}]" for i, node in enumerate(nodes)}
        self.back = back = _Gradients(writer, nodes, frugal)
        # What is neither value nor gradient is dropped after its last use; with `frugal`, values are as well.
        stays = [i for i, node in enumerate(nodes) if not (frugal and node.parents)]
        kept = [*back.kept, *(f"v[{i}]" for i in stays), f"v[{len(nodes) - 1}]", "g[0]"]
        self.masks = back.masks
        lines = writer.lines(writer.statements, kept)
        self.parts = writer.functions("v, g", lines, f"return {back.closing}")

    def gradients(self, v: list[Any], seed: Any) -> tuple[list[Any], tuple[Any, ...]]:
        """The gradient of every node, None where there is none, and the masks."""
        g = self.back.start(seed)
        for part in self.parts:
            found = part(v, g)
        return found  # type: ignore[no-any-return]


class Both:
    """An evaluation that a backward pass follows: the values of all nodes and the gradients of the active ones, as one source.

    So an op whose value and local gradient share work does it once (`cgraph.op.together`).
    """

    def __init__(self, nodes: list[Node], signatures: set[Any], frugal: bool) -> None:
        writer = _Writer(local=len(nodes) <= CHUNK)
        self.ahead = _Values(writer, nodes, signatures)
        self.back = back = _Gradients(writer, nodes, frugal)
        self.masks = back.masks
        values = _in_order(nodes, writer)
        if frugal:
            stays = [not node.parents for node in nodes[:-1]] + [True]
            values = [value if stay else "None" for value, stay in zip(values, stays, strict=True)]
        kept = [*back.kept, *values, "g[0]"]
        lines = writer.lines(writer.statements, kept)
        everything = f"[{', '.join(values)}]" if writer.local else "v"
        closing = f"return {everything}, {back.closing}"
        self.parts = writer.functions("v, g", lines, closing)

    def carried_out(
        self, fed: Mapping[Node, Any], seed: Any
    ) -> tuple[list[Any], list[Any], tuple[Any, ...]] | None:
        """The values, the gradients and the masks; None where the loop has to have a look at it first."""
        v = self.ahead.start(fed)
        if v is None:
            return None
        g = self.back.start(seed)
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


def _same(a: Any, b: Any) -> bool:
    return a is b or (_plain(a) and _plain(b) and a == b)
