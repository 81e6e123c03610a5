"""Node: one value in a graph.

A node says what is computed, never what came out: op, parents, parameters, and the shape and dtype worked out from them when it is
built, so that a mistake is reported on the line that makes it. Nodes are immutable and equal only to themselves. Only leaves
hold values; evaluations live in a `Run` (cgraph/run.py), and `node.value` / `node.grad` show the latest one, as a courtesy.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from operator import attrgetter
from types import FrameType, MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn

from cgraph import shapes
from cgraph.errors import (
    CgraphError,
    GradientError,
    MissingValueError,
    NoGradientError,
    UnsupportedError,
)
from cgraph.numpy_names import ALIASES
from cgraph.op import CONSTANT, INPUT, OPS, PARAMETER, DType, Op
from cgraph.operators import PUBLIC, Operators
from cgraph.shapes import Shape
from cgraph.values import FLOAT64, Array, capture, readonly

if TYPE_CHECKING:
    from cgraph.run import Run

NO_PARAMS: Mapping[str, Any] = MappingProxyType({})

_scope: ContextVar[str] = ContextVar("cgraph_scope", default="")
_scoped = False  # whether there has ever been a scope; asking the variable takes a tenth of the time of building a number


@contextmanager
def scope(name: str) -> Iterator[str]:
    """Put the nodes built inside under a name: ``"W"`` becomes ``"layer1/W"``. Scopes nest; pictures can collapse them.

    >>> import cgraph as cg
    >>> with cg.scope("layer1"):
    ...     w = cg.parameter("W", 1.0)
    >>> w.name, w.scope, w.basename
    ('layer1/W', 'layer1', 'W')
    """
    global _scoped
    _scoped = True
    path = f"{_scope.get()}/{name}" if _scope.get() else name
    token = _scope.set(path)
    try:
        yield path
    finally:
        _scope.reset(token)


# What people ask of arrays, NumPy's or others', and a node does not have, and where to find it.
_INSTEAD = {
    "item": "take node.value.item()",
    "tolist": "take node.value.tolist()",
    "tobytes": "take node.value.tobytes()",
    "numpy": "take node.value",
    "detach": "take node.value for numbers, or cg.stop_gradient(node) in a graph",
    "requires_grad": "parameters are trained, inputs are not; see node.kind",
    "zero_grad": "nothing is to be zeroed: every backward() starts anew",
    "strides": "a node has no memory; node.value has",
    "flags": "a node has no memory; node.value has",
    "data": "a node has no memory; take node.value",
    "base": "a node has no memory; node.value has",
    "ctypes": "a node has no memory; node.value has",
    "device": "everything is computed where NumPy computes",
    **dict.fromkeys(("to", "cpu", "cuda", "to_device"), "nothing is moved; another dtype is node.astype"),
    **dict.fromkeys(("float", "double", "half", "int", "long"), "take node.astype"),
    **dict.fromkeys(("tofile", "dump", "dumps"), "save node.value with NumPy, or the graph with cg.save"),
    **dict.fromkeys(("clone", "contiguous", "block_until_ready"), "take the node itself: nothing can change it"),
    "norm": "there is cg.linalg.norm(node)",
    "unsqueeze": "there is cg.expand_dims(node, axis)",
    "permute": "take node.transpose",
    "expand": "there is cg.broadcast_to(node, shape)",
    "mm": "take a @ b",
    "t": "take node.T",
    "dim": "take node.ndim",
    "numel": "take node.size",
    "at": "x = cg.assign(x, index, value) is what would come out",
}  # fmt: skip


def _read_only(name: str, instead: str) -> Any:
    def assign(self: Node, value: Any) -> NoReturn:
        raise AttributeError(
            f"the {name} of {self.label!r} cannot be assigned, a graph does not change: {instead}"
        )

    return property(attrgetter(f"_{name}"), assign)


class Node(Operators):
    """One value of a graph: an op applied to parents, or a leaf.

    Build nodes with `input`, `parameter`, `constant`, the ops of `cgraph` and Python's operators; not by hand.

    Attributes:
        op: its row in the derivative tables.
        parents: the operands, in order; the same node may stand twice (``x * x``).
        params: keyword parameters of the op, e.g. ``axis``.
        shape: sizes; None for one that is fixed when it is fed.
        dtype: of its values.
        name: as the user named it, with its scope before it; None if not named.
        scope: the ``with cg.scope(...)`` it was built in, "" at the top.
        active: whether a parameter lies below, so that `backward` sends a gradient here.
        is_number: whether it and all below are float64 scalars, which are computed with Python's floats.
    """

    __slots__ = (
        "__weakref__",
        "_code",
        "_grad",
        "_latest",
        "_offset",
        "_plan",
        "_value",
        "active",
        "name",
        "op",
        "parents",
        "scope",
    )

    op: Op
    parents: tuple[Node, ...]
    params: Mapping[str, Any]
    # Assigned in NumPy (`x.shape = (3, 4)`), refused here. Where many nodes are asked, the engine reads the slots, which is quicker.
    _shape: Shape
    _dtype: DType
    shape: Shape = _read_only("shape", "x = x.reshape(shape)")
    dtype: DType = _read_only("dtype", "x = x.astype(dtype)")
    name: str | None
    scope: str
    active: bool
    is_number: bool
    _value: Any  # a leaf's current value: a Python number where the shape is () and the dtype float64, else a read-only array
    # Of the latest evaluation and the latest backward pass, where they are small, or this is a root or a parameter.
    _latest: Any
    _grad: Any
    _plan: Any  # kept by a root: how to evaluate it again (cgraph/plan.py)
    _code: Any  # the line that built it, as a code object and an offset into it: cheap to take, looked up when asked for
    _offset: int

    @property
    def kind(self) -> str:
        """ "input", "parameter", "constant" or "op"."""
        return self.op.name if self.op.family == "leaf" else "op"

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int | None:
        """The number of entries; None while a size is unknown."""
        return shapes.size(self.shape)

    @property
    def basename(self) -> str | None:
        """The name without its scope."""
        return (
            self.name[len(self.scope) + 1 :] if self.name is not None and self.scope else self.name
        )

    @property
    def label(self) -> str:
        """What messages call it: its name, or its op's."""
        return self.name if self.name is not None else self.op.name

    @property
    def weak(self) -> bool:
        """Whether it is a Python number, which never promotes the dtype of what it meets."""
        return self.op is CONSTANT and isinstance(self._value, int | float)

    @property
    def site(self) -> str:
        """``file:line`` of the code that built it."""
        code = self._code
        if code is None:
            return "an unknown line"
        line = code.co_firstlineno
        for start, end, number in code.co_lines():
            if start <= self._offset < end:
                line = number or line
                break
        return f"{code.co_filename}:{line}"

    @property
    def value(self) -> Array:
        """The value in the latest evaluation; for a leaf, its current value, assignable for inputs and parameters.

        Large values that are not a root's live only as long as their Run: keep that, ``run = cg.run(loss)``.

        Raises:
            MissingValueError: when it has not been evaluated.
        """
        value = getattr(self, "_value", None)
        if value is None:
            value = getattr(self, "_latest", None)
        if value is None:
            value = _ask_runs(self, "_value_at")
        if value is None:
            todo = (
                "give it one, or feed it"
                if self.op.family == "leaf"
                else "evaluate it with cg.run(node), and keep the Run: large values live as long as it does"
            )
            raise MissingValueError(f"{self.label!r} has no value yet: {todo}")
        return readonly(value)

    @value.setter
    def value(self, value: Any) -> None:
        if self.op is not INPUT and self.op is not PARAMETER:
            raise CgraphError(
                f"{self.label!r} is {'an op' if self.kind == 'op' else 'a constant'}: only inputs and parameters can be assigned a value"
            )
        self._value = capture(value, self)
        self._latest = self._grad = None

    def adopt(self, value: Any) -> None:
        """Assign an array of the parameter's shape and dtype without copying it, as an optimizer has just computed it."""
        if self.op is PARAMETER:
            value.setflags(False)  # write
            self._value = value
            self._latest = self._grad = None
        else:
            self.value = value

    @property
    def grad(self) -> Array:
        """The gradient in the latest backward pass that reached it; evaluating forward, here or elsewhere, leaves it as it is.

        A parameter keeps its gradient. Large gradients of other nodes live only as long as their Run: keep that.

        Raises:
            NoGradientError: when none was computed.
        """
        grad = getattr(self, "_grad", None)
        if grad is None:
            grad = _ask_runs(self, "_grad_at")
        if grad is None:
            raise NoGradientError(f"no gradient of {self.label!r}: {why_no_gradient(self)}")
        return readonly(grad)

    def backward(self, feeds: Any = None, upstream: Any = None, keep: str = "all") -> Run:
        """Evaluate this node and the gradients of everything between it and the parameters; see `cgraph.run`.

        Args:
            feeds: values for inputs, ``{X: array}``.
            upstream: the gradient to start from, of this node's shape; may be left out for a scalar.
            keep: "leaves" drops values and gradients as soon as nothing needs them any more, but for the gradients of parameters
                and this node's value: for training.

        Returns:
            The `Run`.

        Raises:
            GradientError: when this is not a scalar and no `upstream` is given.

        >>> import cgraph as cg
        >>> w = cg.parameter("w", 3.0)
        >>> run = (w * w).backward()
        >>> float(run.grad(w)), float(w.grad)
        (6.0, 6.0)
        """
        run: Run = PUBLIC["_backward"](self, feeds, upstream, keep)
        return run

    def __repr__(self) -> str:
        name = "" if self.name is None else f" {self.name!r}"
        return (
            f"<{self.kind if self.kind != 'op' else self.op.name}{name} {self.shape} {self.dtype}>"
        )

    def __str__(self) -> str:
        return str(PUBLIC["equations"](self))

    def __format__(self, spec: str) -> str:
        """``f"{node}"`` describes the node; with a format, ``f"{loss:.3f}"``, it is the number in the latest evaluation.

        Raises:
            UnsupportedError: for a format and more than one number.
        """
        if not spec:
            return repr(self)
        value = self.value
        if value.size != 1:
            raise UnsupportedError(
                f"{self.label!r} has shape {value.shape}: a format takes one number; pick one, or print node.value"
            )
        return format(value.item(), spec)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name in _FIELDS:
            raise AttributeError(name)
        public = ALIASES.get(name, name)
        instead = (
            f": {_INSTEAD[name]}"
            if name in _INSTEAD
            else f"; there is cg.{public}(node)"
            if public in PUBLIC
            else ""
        )
        # With the name and the node at hand, Python's traceback asks "Did you mean ...?".
        raise AttributeError(f"a node has no attribute {name!r}{instead}", name=name, obj=self)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return PUBLIC["flatten_for_pickle"](self)


_FIELDS = {*Node.__slots__, "params"}


class ArrayNode(Node):
    """A node of any shape and dtype."""

    __slots__ = ("_dtype", "_shape", "params")

    is_number = False


# --- values of large runs -----------------------------------------------------------------------------------------------------

# Runs that are too large to leave their values with the nodes, as long as somebody keeps them; the latest last.
_large_runs: dict[weakref.ref[Any], None] = {}


def _forget(run: weakref.ref[Any]) -> None:
    _large_runs.pop(run, None)


def found_in(run: Any) -> None:
    """Note that the values and gradients of the nodes of a run are to be asked of the run."""
    reference = weakref.ref(run, _forget)
    _large_runs.pop(reference, None)
    _large_runs[reference] = None


def _ask_runs(node: Node, question: str) -> Any:
    for reference in reversed(list(_large_runs)):
        run = reference()
        found = None if run is None else getattr(run, question)(node)
        if found is not None:
            return found
    return None


# --- building nodes -----------------------------------------------------------------------------------------------------------

_new: Any = object.__new__
_frame = sys._getframe


# Modules are known by the identity of their globals, because this is asked for every node: the user's that built a node last, which
# most often builds the next one too, and those of cgraph met so far. Identities, not references: nobody's globals are kept alive.
_outside = 0
_inside: set[int] = set()
_line: Any = None  # the user's code object that built a number last: nine times in ten the next one comes from there


def _remember_site(node: Node) -> None:
    """Note where the user's code stands: the first frame outside cgraph."""
    global _outside
    frame: FrameType | None = _frame(2)
    while frame is not None:
        module = id(frame.f_globals)
        if module == _outside:
            break
        if module not in _inside:
            if frame.f_globals.get("__name__", "").partition(".")[0] != "cgraph":
                _outside = module
                break
            _inside.add(module)
        frame = frame.f_back
    node._code, node._offset = (None, 0) if frame is None else (frame.f_code, frame.f_lasti)


def make_node(
    op: Op,
    parents: tuple[Node, ...],
    params: Mapping[str, Any],
    shape: Shape,
    dtype: DType,
    name: str | None,
    is_number: bool,
    active: bool,
) -> Node:
    node: Any
    if is_number:
        node = _new(NumberNode)
    else:
        node = _new(ArrayNode)
        node.params = params
        node._shape = shape
        node._dtype = dtype
    node.op = op
    node.parents = parents
    node.scope = path = _scope.get()
    node.name = f"{path}/{name}" if path and name is not None else name
    node.active = active
    _remember_site(node)
    return node  # type: ignore[no-any-return]


# --- numbers ------------------------------------------------------------------------------------------------------------------


def _arithmetic(name: str, swapped: bool = False) -> Callable[[NumberNode, Any], Node]:
    """An operator of Python, for numbers: what `make_number` does, written out; anything else takes the way of all ops."""

    def operator(self: NumberNode, other: Any) -> Node:
        global _line
        kind = other.__class__
        if kind is NumberNode:
            parents: tuple[Node, Node] = (self, other)
            active = self.active or other.active
        elif kind is float or kind is int:
            number = weak_constant(float(other))
            parents = (number, self) if swapped else (self, number)
            active = self.active
        else:
            return OPS[name](other, self) if swapped else OPS[name](self, other)
        node: NumberNode = _new(NumberNode)
        node.op = OPS[name]
        node.parents = parents
        node.scope = _scope.get() if _scoped else ""
        node.name = None
        node.active = active
        frame = _frame(1)
        code = frame.f_code
        if code is _line:
            node._code = code
            node._offset = frame.f_lasti
        else:
            _remember_site(node)
            _line = node._code
        return node

    return operator


class NumberNode(Node):
    """A float64 scalar computed from float64 scalars: what graphs of numbers are made of, with next to nothing to remember."""

    __slots__ = ()

    params = NO_PARAMS
    _shape = ()
    _dtype = FLOAT64
    is_number = True

    __add__, __radd__ = _arithmetic("add"), _arithmetic("add", swapped=True)
    __sub__, __rsub__ = _arithmetic("subtract"), _arithmetic("subtract", swapped=True)
    __mul__, __rmul__ = _arithmetic("multiply"), _arithmetic("multiply", swapped=True)
    __truediv__, __rtruediv__ = _arithmetic("divide"), _arithmetic("divide", swapped=True)

    def __neg__(self) -> Node:
        return make_number(OPS["negative"], (self,), self.active)

    def __pow__(self, other: Any) -> Node:
        if other.__class__ is int and other == 2:
            return make_number(OPS["square"], (self,), self.active)
        return super().__pow__(other)


def make_number(op: Op, parents: tuple[Node, ...], active: bool, name: str | None = None) -> Node:
    """A node of numbers: what `make_node` does for any other, with nothing to be asked. For speed."""
    global _line
    node: NumberNode = _new(NumberNode)
    node.op = op
    node.parents = parents
    node.scope = path = _scope.get() if _scoped else ""
    node.name = f"{path}/{name}" if path and name is not None else name
    node.active = active
    frame = _frame(2)
    code = frame.f_code
    if code is _line:
        node._code = code
        node._offset = frame.f_lasti
    else:
        _remember_site(node)
        _line = node._code
    return node


def weak_constant(value: float) -> Node:
    """A Python number in an expression: a weak constant without a name or a line of its own."""
    node: NumberNode = _new(NumberNode)
    node.op = CONSTANT
    node.parents = ()
    node.name = node._code = None
    node.scope = _scope.get() if _scoped else ""
    node.active = False
    node._value = value
    return node


def site_of_caller() -> str:
    """The user's line, for a message about a node that could not be built."""
    node = _new(ArrayNode)
    _remember_site(node)
    return str(node.site)


def why_no_gradient(node: Node) -> str:
    """Why a gradient that was asked for is not there, and what to do."""
    if node.op is INPUT:
        return "inputs are data, no gradient flows into them; make it a parameter, or ask for it with cg.gradient(loss, [node])"
    if node.op is CONSTANT:
        return "constants have none; make it a parameter"
    if not node.active:
        return "no parameter lies below it; ask for it with cg.gradient(loss, [node])"
    return (
        "no backward pass has reached it since its value was assigned, or the Run that did is gone; "
        "call run = loss.backward() and keep the run"
    )


def require_scalar(node: Node) -> None:
    """Refuse to start a backward pass from a node that is not one floating point number."""
    if node.shape not in ((), (1,), (1, 1)) and node.size != 1:
        raise GradientError(
            f"backward needs a scalar; {node.label!r} has shape {node.shape}. Reduce it (sum, mean) or pass upstream=..."
        )
    if node.dtype.kind != "f":
        raise GradientError(
            f"{node.label!r} is of {node.dtype}, which counts or tells and does not vary: there is nothing to differentiate. "
            "Start from a floating point number"
        )
