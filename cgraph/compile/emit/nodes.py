"""Writing a graph of nodes as a plain function in another framework's words: what the jax and torch backends have in common.

Unlike the NumPy backend, which is written from the intermediate representation with every size known, these are written from the nodes
themselves. Sizes stay open, so that one function serves every batch and every shard of one; a sigmoid stays one call, whose derivative the
framework knows; the source reads as the graph does. A `Dialect` is a table: one row an op, `jax` and `torch` hold one each.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cgraph import shapes
from cgraph.compile.emit.names import Names
from cgraph.compile.emit.words import called
from cgraph.errors import UnsupportedError
from cgraph.graph import order
from cgraph.node import Node
from cgraph.op import CONSTANT, INPUT, OPS

# How tightly an expression holds together.
SUM, PRODUCT, SIGN, POWER, ATOM = 1, 2, 3, 4, 5
INFIX = {
    "add": (" + ", SUM), "subtract": (" - ", SUM), "multiply": (" * ", PRODUCT), "divide": (" / ", PRODUCT),
    "matmul": (" @ ", PRODUCT), "less": (" < ", 0), "less_equal": (" <= ", 0), "greater": (" > ", 0), "greater_equal": (" >= ", 0),
    "equal": (" == ", 0), "not_equal": (" != ", 0),
}  # fmt: skip
# What generated source uses itself.
OWN = "jnp jax torch numpy parameters function constants float body if_true if_false".split()
MOST_NESTED = 6  # operations in one expression
WIDTH = 90


@dataclass(frozen=True)
class Operand:
    """The text of an operand, and the node that it is; `array` where a Python number was made an array."""

    node: Node
    text: str
    binding: int = ATOM
    nested: int = 0
    array: bool = False

    @property
    def weak(self) -> bool:
        """Whether it is a Python number."""
        return self.node.weak and not self.array

    @property
    def atom(self) -> str:
        """The text where something follows: ``.shape``, an index, a power."""
        return self.text if self.binding == ATOM else f"({self.text})"


Emission = Callable[..., Any]


@dataclass(frozen=True)
class Dialect:
    """A framework's words.

    Attributes:
        name: of the backend.
        imports: the lines above the function.
        functions: op -> how a call of it begins, for ops that take their operands and nothing else: ``"jnp.exp"``.
        emissions: op -> ``(writer, node, *operands)`` -> text, or ``(text, binding)``, for all others.
        helpers: name -> the source of a function that emissions may call; it is put above where it is used.
        numbers: whether functions take Python numbers for arrays.
        stop: what stops a gradient, as a template.
        limits: op -> which nodes its words are for, where not for all.
    """

    name: str
    imports: tuple[str, ...]
    functions: Mapping[str, str]
    emissions: Mapping[str, Emission]
    helpers: Mapping[str, str]
    numbers: bool
    stop: str
    limits: Mapping[str, Callable[[Node], bool]] = field(default_factory=dict)

    def needed(self, helper: str) -> list[str]:
        """A helper, after the ones that it calls."""
        text, found = self.helpers[helper], []
        for name in called(text):
            if name in self.helpers and name != helper:
                found += self.needed(name)
        return [*dict.fromkeys(found), helper]


@dataclass
class Written:
    """Source, and the arrays it names."""

    source: str = ""
    constants: dict[str, Any] = field(default_factory=dict)


def number(value: Any) -> str:
    """A Python number as source."""
    if isinstance(value, float) and not np.isfinite(value):
        return f'float("{value}")'
    return repr(value)


class NodeWriter:
    """Writes ``function(parameters, <inputs>)``.

    Args:
        dialect: the framework's words.
        inputs: the leaves that are arguments.
        parameters: key -> leaf: the entries of the dictionary that comes first.
        results: the expression to return, over the nodes: a node, or nested lists and tuples of nodes.
        named: node -> what to call it.
    """

    def __init__(
        self,
        dialect: Dialect,
        inputs: Sequence[Node],
        parameters: Mapping[str, Node],
        results: Any,
        named: Mapping[Node, str],
    ) -> None:
        self.dialect, self.inputs, self.parameters = dialect, list(inputs), dict(parameters)
        self.results, self.named = results, named
        self.names = Names()
        self.text: dict[Node, Operand] = {}
        self.lines: list[str] = []
        self.helpers: dict[str, str] = {}
        self.functions: dict[str, str] = {}
        self.constants: dict[str, Any] = {}
        self.constant_names = Names()
        self.roots = _flat(results)

    def write(self, title: str) -> Written:
        refuse(self.dialect, order(*self.roots))
        text = self._function("function", ["parameters"], title)
        used = "\n".join([*self.helpers.values(), *self.functions.values(), text])
        imports = self.dialect.imports
        head = [*(i for i in imports if i.endswith(self.dialect.name) or i.split()[-1] + "." in used), ""]  # fmt: skip
        for above in (*self.helpers.values(), *self.functions.values()):
            head += ["", above.strip("\n"), ""]
        return Written("\n".join([*head, "", text]) + "\n", self.constants)

    def inner(self, leaves: Sequence[Node], outputs: Sequence[Node], wish: str) -> str:
        """A function of its own above this one, for the graph inside a node; its name."""
        names = itertools.chain([wish], (f"{wish}_{i}" for i in itertools.count(2)))
        name = next(n for n in names if n not in self.functions)
        self.functions[name] = ""  # taken, also by what stands inside
        writer = NodeWriter(self.dialect, leaves, {}, list(outputs), {})
        writer.helpers, writer.functions = self.helpers, self.functions
        writer.constants, writer.constant_names = self.constants, self.constant_names
        text = writer._function(name, [], "")
        del self.functions[name]  # to stand after what it calls
        self.functions[name] = text
        return name

    def _take_names(self, nodes: Sequence[Node]) -> None:
        """Names that variables must not have."""
        helpers = [h for h in self.dialect.helpers if h in OPS]
        for node in nodes:
            for own in getattr(self.dialect.emissions.get(node.op.name), "helpers", ()):
                helpers += self.dialect.needed(own)
        for taken in (*OWN, *dict.fromkeys(helpers)):
            self.names.fresh(taken)

    def _function(self, name: str, first: list[str], title: str) -> str:
        nodes = order(*self.roots)
        self._take_names(nodes)
        users: dict[Node, list[Node]] = {n: [] for n in nodes}
        for n in nodes:
            for p in dict.fromkeys(n.parents):
                users[p].append(n)
        arguments = [self._leaf(leaf) for leaf in self.inputs]
        if self.parameters:
            names = [self._leaf(leaf) for leaf in self.parameters.values()]
            keys = [f"parameters[{_quoted(key)}]" for key in self.parameters]
            for left, right in _rows(names, keys):
                self.lines.append(f"{left} = {right}")
        for leaf in self.parameters.values():
            if leaf.op is INPUT and leaf.dtype.kind == "f":
                own = self.text[leaf].text
                self.lines.append(f"{own} = {self.dialect.stop.format(own)}")
        whole = set(self.roots)
        left_out = {n for n in nodes if self._unneeded(n, users[n], whole)}
        uses = self._uses(nodes, left_out)
        for node in nodes:
            if node in self.text:
                continue
            if node.op is CONSTANT:
                self._constant(node)
            elif node in left_out:
                self.text[node] = self.text[node.parents[0]]
            else:
                self._statement(node, node not in whole and uses[node] == 1)
        heading = [f'    """{title}"""'] if title else []
        body = [f"    {line}" for line in self.lines]
        signature = f"def {name}({', '.join([*first, *arguments])}):"
        return "\n".join([signature, *heading, *body, f"    return {self._result(self.results)}"])

    # --- leaves -----------------------------------------------------------------------------------

    def _leaf(self, leaf: Node) -> str:
        name = self.names.fresh(leaf.basename or leaf.op.name)
        self.text[leaf] = Operand(leaf, name)
        return name

    def _constant(self, node: Node) -> None:
        value = node._value
        if node.weak:
            negative = value < 0 or (value == 0 and np.signbit(float(value)))
            self.text[node] = Operand(node, number(value), SIGN if negative else ATOM)
            return
        name = self.names.fresh(node.basename or "constant")
        key = self.constant_names.fresh(name)
        self.constants[key] = np.asarray(value)
        device = next((self.text[n].text for n in (*self.inputs, *self.parameters.values())), "")
        place = f".to({device}.device)" if device and self.dialect.name == "torch" else ""
        size = f"{node.dtype} {node.shape}"
        self.lines.append(f"{name} = constants[{_quoted(key)}]{place}  # {size}")
        self.text[node] = Operand(node, name)

    # --- statements -------------------------------------------------------------------------------

    def _unneeded(self, node: Node, users: Sequence[Node], whole: set[Node]) -> bool:
        """Whether a broadcast can be left to the operations that use it, which broadcast by themselves."""
        if node.op.name != "broadcast_to" or node in whole or node.name:
            return False
        for user in users:
            if user.op.family != "elementwise":
                return False
            others = [p for p in user.parents if p is not node and p.op.name != "broadcast_to"]
            if not any(p.shape == node.shape and not p.weak for p in others):
                return False
        return True

    @staticmethod
    def _uses(nodes: Sequence[Node], left_out: set[Node]) -> dict[Node, int]:
        """How often a value is written down; twice where its shape is asked for, which wants a name."""
        uses = dict.fromkeys(nodes, 0)
        for node in nodes:
            if node in left_out:
                continue
            for i, p in enumerate(node.parents):
                shape_only = node.op.name == "count" or (i > 0 and node.op.name in LIKE)
                while p in left_out:
                    p = p.parents[0]
                uses[p] += 2 if shape_only or node.op.name in TWICE else 1
        return uses

    def _statement(self, node: Node, once: bool) -> None:
        text, binding, nested = self._expression(node)
        name = self.named.get(node, node.basename or "")
        if not name and once and nested < MOST_NESTED and len(text) < WIDTH:
            self.text[node] = Operand(node, text, binding, nested)
            return
        if binding == ATOM and text.isidentifier() and not name:
            self.text[node] = Operand(node, text)
            return
        made = self.names.fresh(name or SHORT.get(node.op.name, "t"))
        self.lines.append(f"{made} = {text}")
        self.text[node] = Operand(node, made)

    def _expression(self, node: Node) -> tuple[str, int, int]:
        operands = [self.text[p] for p in node.parents]
        nested = 1 + sum(o.nested for o in operands)
        name = node.op.name
        if name in INFIX and not all(p.weak for p in node.parents):
            sign, binding = INFIX[name]
            left, right = operands
            a = left.text if left.binding >= binding and left.binding else left.atom
            b = right.text if right.binding > binding else right.atom
            return f"{a}{sign}{b}", binding, nested
        if name in self.dialect.functions:
            function = self.dialect.functions[name]
            return f"{function}({', '.join(self.arguments(node, operands))})", ATOM, nested
        if name in INFIX:
            return f"({INFIX[name][0].join(self.arguments(node, operands))})", ATOM, nested
        if operands and all(p.weak for p in node.parents):  # else the result might be no array
            texts = self.arguments(node, operands)
            operands = [
                Operand(o.node, text, array=True) for o, text in zip(operands, texts, strict=True)
            ]
        made = self.dialect.emissions[name](self, node, *operands)
        return (*made, nested) if isinstance(made, tuple) else (made, ATOM, nested)

    def arguments(self, node: Node, operands: Sequence[Operand]) -> list[str]:
        """Operands as arguments of a function, which may not take Python numbers."""
        if self.dialect.numbers:
            if not all(o.weak for o in operands):
                return [o.text for o in operands]
            return [f"jnp.asarray({o.text}, jnp.{node.dtype.name})" for o in operands]
        like = next((o for o in operands if not o.weak and o.node.dtype.kind != "b"), None)
        found = []
        for o in operands:
            if not o.weak:
                found.append(o.text)
            elif like is not None:
                found.append(f"{like.atom}.new_tensor({o.text})")
            else:
                found.append(f"torch.tensor({o.text}, dtype=torch.float64)")
        return found

    def dtype(self, name: Any) -> str:
        """A dtype in the framework's words."""
        return f"{'jnp' if self.dialect.numbers else 'torch'}.{np.dtype(name).name}"

    def typed(self, operand: Operand, like: Node) -> str:
        """An operand as an array of the dtype of a leaf that it stands for."""
        kind = self.dtype(like.dtype)
        same = operand.node.dtype == like.dtype and not operand.weak
        if same:
            return operand.text
        if self.dialect.numbers:
            return f"jnp.asarray({operand.text}, {kind})"
        if operand.weak:
            return f"torch.tensor({operand.text}, dtype={kind})"
        return f"{operand.atom}.to({kind})"

    def helper(self, name: str) -> str:
        """Put a helper above the function; its name."""
        for needed in self.dialect.needed(name):
            self.helpers[needed] = self.dialect.helpers[needed]
        return name

    def keep(self, array: Any, name: str = "index") -> str:
        """An array as a constant of the program; its name."""
        name = self.constant_names.fresh(name)
        self.constants[name] = array
        return f"constants[{_quoted(name)}]"

    def shape(self, node: Node, operands: Sequence[Operand]) -> str:
        """The shape to make, by the parameter or by the operand to follow."""
        shape = node.params.get("shape")
        return repr(tuple(shape)) if shape is not None else f"{operands[0].atom}.shape"

    # --- results ----------------------------------------------------------------------------------

    def _result(self, tree: Any) -> str:
        if isinstance(tree, Node):
            operand = self.text[tree]
            if tree.weak:
                return self.arguments(tree, [operand])[0]
            return operand.text
        inner = ", ".join(map(self._result, tree))
        if isinstance(tree, tuple):
            return f"{inner}{',' * (len(tree) == 1)}"
        return f"[{inner}]"


def refuse(dialect: Dialect, nodes: Sequence[Node]) -> None:
    """Name every op that there are no words for, those inside loops and branches among them.

    Raises:
        UnsupportedError: with a node and its line for each.
    """
    missing: dict[str, str] = {}
    for node in _with_inner(nodes):
        if node.parents and not _known(dialect, node):
            missing.setdefault(node.op.name, f"{node.label!r} ({node.op.name}), built at {node.site}")  # fmt: skip
    if missing:
        found = "\n".join(f"  {text}" for text in missing.values())
        raise UnsupportedError(
            f"the {dialect.name} backend has no words for:\n{found}\n"
            "Write that part with other ops, or compile with backend='numpy', which takes every graph."
        )


def _with_inner(nodes: Sequence[Node]) -> Iterator[Node]:
    """Nodes, and those of the graphs inside them."""
    for node in nodes:
        yield node
        for body in bodies(node):
            yield from _with_inner(order(*body.outputs))


def bodies(node: Node) -> list[Any]:
    """The graphs inside a node: the step of a loop, the two branches of a condition."""
    params = node.params
    return [params["body"]] if "body" in params else list(params.get("bodies", ()))


def _known(dialect: Dialect, node: Node) -> bool:
    name = node.op.name
    # A row of the user's own may share a name.
    if OPS.get(name) is not node.op:
        return False
    words = name in INFIX or name in dialect.functions or name in dialect.emissions
    return words and (name not in dialect.limits or dialect.limits[name](node))


SHORT = {"exp": "e", "matmul": "product", "sigmoid": "p", "getitem": "part", "sum": "total", "mean": "mean"}  # fmt: skip
# Ops whose later operands lend nothing but their shape.
LIKE = frozenset({"broadcast_to", "sum_to", "reshape", "scatter", "add_taken", "add_along_axis", "count"})  # fmt: skip
# Whose operands stand in the text twice.
TWICE = frozenset({"bce"})


def _quoted(key: str) -> str:
    return repr(key) if '"' in key or "\\" in key else f'"{key}"'


def _flat(tree: Any) -> list[Node]:
    return [tree] if isinstance(tree, Node) else [n for part in tree for n in _flat(part)]


def _rows(names: Sequence[str], keys: Sequence[str]) -> list[tuple[str, str]]:
    """Assignments of several at once, as many as a line holds."""
    found: list[tuple[str, str]] = []
    for name, key in zip(names, keys, strict=True):
        if found and len(found[-1][0]) + len(found[-1][1]) + len(name) + len(key) < WIDTH:
            found[-1] = (f"{found[-1][0]}, {name}", f"{found[-1][1]}, {key}")
        else:
            found.append((name, key))
    return found


# --- what both dialects say alike -------------------------------------------------------------------------------------------------


def negative(w: NodeWriter, node: Node, x: Operand) -> tuple[str, int]:
    return f"-{x.text if x.binding >= SIGN else x.atom}", SIGN


def reciprocal(w: NodeWriter, node: Node, x: Operand) -> tuple[str, int]:
    return f"1.0 / {x.text if x.binding > PRODUCT else x.atom}", PRODUCT


def power(w: NodeWriter, node: Node, x: Operand, y: Operand) -> tuple[str, int]:
    a, b = (f"({o.text})" if o.binding != ATOM else o.text for o in (x, y))
    return f"{a} ** {b}", POWER


def mse(w: NodeWriter, node: Node, p: Operand, y: Operand) -> tuple[str, int]:
    return f"0.5 * ({p.text} - {y.text if y.binding > SUM else y.atom}) ** 2", PRODUCT


def same(w: NodeWriter, node: Node, x: Operand, *_: Operand) -> tuple[str, int]:
    return x.text, x.binding


def axes_text(axes: Sequence[int]) -> str:
    return str(axes[0]) if len(axes) == 1 else repr(tuple(axes))


def index_text(w: NodeWriter, index: tuple[Any, ...]) -> str:
    """An index as source; arrays become constants of the program."""
    parts = []
    for k in index:
        if isinstance(k, slice):
            step = f":{k.step}" if k.step is not None else ""
            parts.append(f"{'' if k.start is None else k.start}:{'' if k.stop is None else k.stop}{step}")  # fmt: skip
        elif k is Ellipsis:
            parts.append("...")
        elif k is None or (isinstance(k, int | np.integer) and not isinstance(k, bool)):
            parts.append(repr(None if k is None else int(k)))
        else:
            parts.append(w.keep(np.asarray(k)))
    return ", ".join(parts) + ("," if len(parts) == 1 and parts[0].startswith("constants") else "") if parts else "()"  # fmt: skip


def size_text(x: Operand, axes: Sequence[int]) -> str:
    """How many entries the axes of x hold."""
    shape = x.node.shape
    open_axes = [f"{x.atom}.shape[{i}]" for i in axes if shape[i] is None]
    known = math.prod([shape[i] or 0 for i in axes if shape[i] is not None])
    return " * ".join([str(known)] * (known != 1 or not open_axes) + open_axes)


def summed_axes(x: Node, target: Any) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """For `sum_to`: the leading axes, and the axes of size 1 to keep; None where open sizes leave it undecided."""
    if target is None or None in target:
        return None
    lead = len(x.shape) - len(target)
    inner = tuple(i + lead for i, n in enumerate(target) if n == 1 and x.shape[i + lead] != 1)
    return tuple(range(lead)), inner


def broadcast_shape(node: Node, x: Operand, like: Sequence[Operand]) -> str | None:
    """What to broadcast to, where it is known that it is the other operand's shape; else None."""
    if node.params.get("shape") is not None:
        return repr(tuple(node.params["shape"]))
    target = like[0].node.shape
    if None not in x.node.shape and shapes.broadcast(x.node.shape, target) == target:
        fits = all(a == b or a == 1 for a, b in zip(x.node.shape[::-1], target[::-1], strict=False))
        if fits:
            return f"{like[0].atom}.shape"
    return None
