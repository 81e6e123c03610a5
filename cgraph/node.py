"""Node: one value in a graph, and the leaves a graph starts from.

A node says what is computed, never what came out: op, parents, parameters, and the shape and dtype worked out from them when it is
built, so that a mistake is reported on the line that makes it. Nodes are immutable and equal only to themselves. Only leaves
hold values; evaluations live in a `Run` (cgraph/run.py), and `node.value` / `node.grad` show the latest one, as a courtesy.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType, MappingProxyType
from typing import Any

import numpy as np

from cgraph import shapes
from cgraph.errors import (
    CgraphError,
    DTypeError,
    GradientError,
    MissingValueError,
    NoGradientError,
    ShapeError,
)
from cgraph.op import CONSTANT, INPUT, OPS, PARAMETER, DType, Op
from cgraph.operators import VOCABULARY, Operators

Array = np.ndarray[Any, DType]
Shape = shapes.Shape

FLOAT64 = np.dtype(np.float64)
NO_PARAMS: Mapping[str, Any] = MappingProxyType({})

_scope: ContextVar[str] = ContextVar("cgraph_scope", default="")


@contextmanager
def scope(name: str) -> Iterator[str]:
    """Put the nodes built inside under a name: ``"W"`` becomes ``"layer1/W"``. Scopes nest; pictures can collapse them.

    >>> import cgraph as cg
    >>> with cg.scope("layer1"):
    ...     w = cg.parameter("W", 1.0)
    >>> w.name, w.scope, w.basename
    ('layer1/W', 'layer1', 'W')
    """
    path = f"{_scope.get()}/{name}" if _scope.get() else name
    token = _scope.set(path)
    try:
        yield path
    finally:
        _scope.reset(token)


def _quick(name: str, swapped: bool = False) -> Any:
    """An operator that skips the general door when both sides are float64 scalars."""

    def operator(self: Node, other: Any) -> Any:
        if self.floats:
            kind = other.__class__
            if kind is Node:
                if other.floats:
                    return _number(OPS[name], (self, other), self.active or other.active)
            elif kind is float or kind is int:
                number = _literal(float(other))
                return _number(
                    OPS[name], (number, self) if swapped else (self, number), self.active
                )
        return OPS[name](other, self) if swapped else OPS[name](self, other)

    return operator


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
        floats: whether it and all below are float64 scalars, which are computed with Python's floats.
    """

    __slots__ = (
        "__weakref__",
        "_code",
        "_grad",
        "_latest",
        "_offset",
        "_value",
        "active",
        "dtype",
        "floats",
        "name",
        "op",
        "params",
        "parents",
        "scope",
        "shape",
    )

    op: Op
    parents: tuple[Node, ...]
    params: Mapping[str, Any]
    shape: Shape
    dtype: DType
    name: str | None
    scope: str
    active: bool
    floats: bool
    _value: Any  # a leaf's current value: a Python number where the shape is () and the dtype float64, else a read-only array
    _latest: Any  # the value in the latest evaluation
    _grad: Any  # the gradient in the latest evaluation
    _code: Any  # the line that built it, as a code object and an offset into it: cheap to take, looked up when asked for
    _offset: int

    # What graphs of numbers are made of.
    __add__, __radd__ = _quick("add"), _quick("add", swapped=True)
    __sub__, __rsub__ = _quick("subtract"), _quick("subtract", swapped=True)
    __mul__, __rmul__ = _quick("multiply"), _quick("multiply", swapped=True)
    __truediv__, __rtruediv__ = _quick("divide"), _quick("divide", swapped=True)

    def __neg__(self) -> Any:
        return (
            _number(OPS["negative"], (self,), self.active) if self.floats else OPS["negative"](self)
        )

    def __pow__(self, other: Any) -> Any:
        if self.floats and other.__class__ is int and other == 2:
            return _number(OPS["square"], (self,), self.active)
        return super().__pow__(other)

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

        Raises:
            MissingValueError: when it has not been evaluated.
        """
        value = getattr(self, "_latest", None)
        if value is None:
            value = getattr(self, "_value", None)
        if value is None:
            todo = (
                "give it one, or feed it"
                if self.op.family == "leaf"
                else "evaluate it with cg.run(node)"
            )
            raise MissingValueError(f"{self.label!r} has no value yet: {todo}")
        return readonly(value)

    @value.setter
    def value(self, value: Any) -> None:
        if self.op is not INPUT and self.op is not PARAMETER:
            raise CgraphError(
                f"{self.label!r} is a {self.kind}: only inputs and parameters can be assigned a value"
            )
        self._value = self._latest = capture(value, self)
        self._grad = None

    @property
    def grad(self) -> Array:
        """The gradient in the latest evaluation.

        Raises:
            NoGradientError: when none was computed.
        """
        grad = getattr(self, "_grad", None)
        if grad is None:
            raise NoGradientError(f"no gradient of {self.label!r}: {why_no_gradient(self)}")
        return readonly(grad)

    def backward(self, feeds: Any = None, upstream: Any = None) -> Any:
        """Evaluate this node and the gradients of everything between it and the parameters; see `cgraph.run`.

        Args:
            feeds: values for inputs, ``{X: array}``.
            upstream: the gradient to start from, of this node's shape; may be left out for a scalar.

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
        if upstream is None:
            require_scalar(self)
        return VOCABULARY["run"](self, feeds).backward(upstream)

    def __repr__(self) -> str:
        name = "" if self.name is None else f" {self.name!r}"
        return (
            f"<{self.kind if self.kind != 'op' else self.op.name}{name} {self.shape} {self.dtype}>"
        )

    def __str__(self) -> str:
        return str(VOCABULARY["equations"](self))

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return VOCABULARY["flatten_for_pickle"](self)


# --- building nodes -----------------------------------------------------------------------------------------------------------

_new = object.__new__
_frame = sys._getframe


# Modules are known by the identity of their globals, because this is asked for every node: the user's that built a node last, which
# most often builds the next one too, and those of cgraph met so far. Identities, not references: nobody's globals are kept alive.
_outside = 0
_inside: set[int] = set()


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


def _node(
    op: Op,
    parents: tuple[Node, ...],
    params: Mapping[str, Any],
    shape: Shape,
    dtype: DType,
    name: str | None,
    floats: bool,
    active: bool,
) -> Node:
    node: Node = _new(Node)
    node.op = op
    node.parents = parents
    node.params = params
    node.shape = shape
    node.dtype = dtype
    node.scope = path = _scope.get()
    node.name = f"{path}/{name}" if path and name is not None else name
    node.floats = floats
    node.active = active
    _remember_site(node)
    return node


def build(
    op: Op, operands: tuple[Any, ...], params: Mapping[str, Any], name: str | None = None
) -> Node:
    """A node of `op`, its operands made nodes, its shape and dtype inferred."""
    if op.scalar is not None:
        # The quick way for graphs of numbers: float64 scalars in, a float64 scalar out, nothing to infer.
        active = literal = False
        for operand in operands:
            if operand.__class__ is Node:
                if not operand.floats:
                    break
                if operand.active:
                    active = True
            elif operand.__class__ is float or operand.__class__ is int:
                literal = True
            else:
                break
        else:
            if literal:
                operands = tuple(
                    [x if x.__class__ is Node else _literal(float(x)) for x in operands]
                )
            return _number(op, operands, active, name)
    if op.family == "elementwise":
        node = _of_one_shape(op, operands, name)
        if node is not None:
            return node
    parents = _as_nodes(op, operands)
    try:
        if op.family == "elementwise":
            shape = parents[0].shape
            if any(p.shape != shape for p in parents):
                shape = shapes.broadcast(*(p.shape for p in parents))
                parents = tuple(
                    p
                    if p.shape == shape or (p.op is CONSTANT and p.shape == ())
                    else _spread(p, shape, parents)
                    for p in parents
                )
        else:
            shape = op.shape(*(p.shape for p in parents), **params)  # type: ignore[misc]
        # A weak constant lends an elementwise op no dtype of its own.
        elementwise = op.family == "elementwise"
        dtype = op.result_dtype(
            tuple(p._value if elementwise and p.weak else p.dtype for p in parents), params
        )
    except (ShapeError, DTypeError) as error:
        raise type(error)(
            f"{name or op.name}: {_describe(parents, error)}: {error}\n  built at {_where()}"
        ) from None
    floats = op.scalar is not None and all(p.floats for p in parents)
    active = dtype.kind == "f" and any(
        p.active and op.differentiable(i) for i, p in enumerate(parents)
    )
    return _node(
        op,
        parents,
        MappingProxyType(dict(params)) if params else NO_PARAMS,
        shape,
        dtype,
        name,
        floats,
        active,
    )


def _number(op: Op, parents: tuple[Node, ...], active: bool, name: str | None = None) -> Node:
    """A float64 scalar computed from float64 scalars: what `_node` does, without asking anything. For speed."""
    node: Node = _new(Node)
    node.op = op
    node.parents = parents
    node.params = NO_PARAMS
    node.shape = ()
    node.dtype = FLOAT64
    node.scope = path = _scope.get()
    node.name = f"{path}/{name}" if path and name is not None else name
    node.floats = True
    node.active = active
    frame = _frame(2)
    if id(frame.f_globals) == _outside:
        node._code = frame.f_code
        node._offset = frame.f_lasti
    else:
        _remember_site(node)
    return node


def _of_one_shape(op: Op, operands: tuple[Any, ...], name: str | None) -> Node | None:
    """The quick way for arrays: elementwise, everything of one shape and one floating dtype, or a Python number. Else None."""
    shape: Shape | None = None
    literal = active = False
    for i, x in enumerate(operands):
        if x.__class__ is Node:
            if shape is None:
                shape, dtype = x.shape, x.dtype
            elif x.shape != shape or x.dtype is not dtype:
                return None
            if x.active and op.differentiable(i):
                active = True
        elif x.__class__ is float or x.__class__ is int:
            literal = True
        else:
            return None
    if shape is None or dtype.kind != "f":
        return None
    if literal:
        if dtype is not FLOAT64 and not isinstance(op.forward, np.ufunc):
            return None
        operands = tuple([x if x.__class__ is Node else _literal(float(x)) for x in operands])
    result = op.result_of.get(dtype)
    if result is None:
        result = op.result_of[dtype] = op.result_dtype((dtype,) * len(operands), NO_PARAMS)
    return _node(op, operands, NO_PARAMS, shape, result, name, False, active and result.kind == "f")


def _literal(value: float) -> Node:
    """A Python number in an expression: a weak constant without a name or a line of its own."""
    node: Node = _new(Node)
    node.op = CONSTANT
    node.parents = ()
    node.params = NO_PARAMS
    node.shape = ()
    node.dtype = FLOAT64
    node.name = node._code = None
    node.scope = _scope.get()
    node.floats = True
    node.active = False
    node._value = value
    return node


def _where() -> str:
    node = _new(Node)
    _remember_site(node)
    return str(node.site)


def _describe(parents: tuple[Node, ...], error: Exception) -> str:
    what = "shape" if isinstance(error, ShapeError) else "dtype"
    return " but ".join(
        f"{p.label!r} has {what} {p.shape if what == 'shape' else p.dtype}" for p in parents
    )


def _as_nodes(op: Op, operands: tuple[Any, ...]) -> tuple[Node, ...]:
    """Operands as nodes. A Python number becomes a weak constant, which takes the dtype of what it meets."""
    nodes = [x for x in operands if isinstance(x, Node)]
    if len(nodes) == len(operands):
        return tuple(operands)
    real = any(n.dtype.kind == "f" for n in nodes)
    weakly = not real or any(n.dtype == FLOAT64 for n in nodes)
    result = []
    for x in operands:
        if isinstance(x, Node):
            result.append(x)
        elif isinstance(x, bool) or (isinstance(x, int) and not real):
            result.append(_leaf(CONSTANT, None, x, (), np.asarray(x).dtype))
        elif isinstance(x, int | float) and type(x) in (int, float):
            # A ufunc gives a Python number the dtype of what it meets; other functions may compute with it first.
            if op.family == "elementwise" and (weakly or isinstance(op.forward, np.ufunc)):
                result.append(_literal(float(x)))
            else:
                result.append(constant(np.asarray(x, np.result_type(*(n.dtype for n in nodes), x))))
        else:
            result.append(constant(x))
    return tuple(result)


def _spread(node: Node, shape: Shape, among: tuple[Node, ...]) -> Node:
    """`node` broadcast to `shape`; when a size is unknown, to the shape that the operands `among` it turn out to have."""
    broadcast_to = OPS["broadcast_to"]
    if shapes.is_static(shape):
        # `shape` came out of the broadcasting rule, so nothing is left to check or infer.
        params = MappingProxyType({"shape": shape})
        return _node(broadcast_to, (node,), params, shape, node.dtype, None, False, node.active)
    spread = node
    for other in among:
        if other is not node:
            spread = build(broadcast_to, (spread, other), {"shape": None})
    return spread


Op.node_class = Node
Op.build_node = staticmethod(build)
Op.build_number = staticmethod(_number)


# --- leaves -------------------------------------------------------------------------------------------------------------------


def _leaf(op: Op, name: str | None, value: Any, shape: Shape, dtype: DType) -> Node:
    leaf = _node(
        op, (), NO_PARAMS, shape, dtype, name, shape == () and dtype == FLOAT64, op is PARAMETER
    )
    leaf._value = value
    return leaf


def _dtype(given: Any, label: str) -> DType:
    dtype: DType = np.dtype(given)
    if dtype.kind not in "biuf":
        hint = (
            "take the real and imaginary parts as two inputs"
            if dtype.kind == "c"
            else "give numbers"
        )
        raise DTypeError(f"{label!r}: dtype {dtype} is not supported; {hint}")
    return dtype


def _array(value: Any, label: str, dtype: Any = None) -> Array:
    """A private copy of what was given; Python's whole numbers become float64, the dtype of a graph of numbers."""
    if isinstance(value, Node):
        raise DTypeError(f"{label!r}: a value has to be numbers, not {value!r}; take node.value")
    try:
        array = np.array(value)
    except ValueError as error:
        raise ShapeError(f"{label!r}: {error}") from None
    _dtype(array.dtype, label)
    if dtype is not None:
        return array.astype(_dtype(dtype, label))
    return array.astype(FLOAT64) if type(value) is int else array


def _hold(array: Array) -> Any:
    """How a leaf holds its value: a scalar of float64 as a Python float, everything else as a read-only array."""
    if array.shape == () and array.dtype == FLOAT64:
        return float(array)
    array.setflags(write=False)
    return array


def readonly(value: Any) -> Array:
    """A value as a read-only array."""
    array = np.asarray(value)
    if array.flags.writeable:
        array = array.view()
        array.setflags(write=False)
    return array


def capture(value: Any, leaf: Node) -> Any:
    """A copy of `value` in the leaf's dtype, checked against its shape: what is done to the original later changes nothing."""
    array = _array(value, leaf.label)
    if not shapes.agrees(array.shape, leaf.shape):
        raise ShapeError(
            f"{leaf.label!r} has shape {leaf.shape}; got a value of shape {array.shape}"
        )
    if not np.can_cast(array.dtype, leaf.dtype, "same_kind"):
        raise DTypeError(
            f"{leaf.label!r} has dtype {leaf.dtype}; got a value of dtype {array.dtype}, which would lose information"
        )
    return _hold(array.astype(leaf.dtype, copy=False))


def input(
    name: str | None = None, value: Any = None, *, shape: Any = None, dtype: Any = None
) -> Node:
    """A leaf for data: no gradient ever flows into it.

    Args:
        name: what pictures and messages call it.
        value: its value; may be left out and fed at each run.
        shape: the shape, if no value is given (default: a scalar); None for a size that is fixed when it is fed.
        dtype: default: the value's, or float64.

    Raises:
        ShapeError: when value and shape do not agree.
        DTypeError: for complex numbers and objects.

    >>> import cgraph as cg
    >>> X = cg.input("X", shape=(2, None))
    >>> total = X.sum()
    >>> float(cg.run(total, {X: [[1, 2, 3], [4, 5, 6]]}).value(total))
    21.0
    """
    label = name or "input"
    if value is None:
        declared = () if shape is None else tuple(shape) if np.iterable(shape) else (shape,)
        leaf = _leaf(
            INPUT,
            name,
            None,
            tuple(None if n is None else int(n) for n in declared),
            _dtype(dtype or FLOAT64, label),
        )
        return leaf
    array = _array(value, label, dtype)
    leaf = _leaf(INPUT, name, None, array.shape, array.dtype)
    if shape is not None:
        declared = tuple(shape) if np.iterable(shape) else (shape,)
        if not shapes.agrees(array.shape, declared):
            raise ShapeError(f"{label!r}: the value has shape {array.shape}, not {declared}")
        leaf.shape = declared
    leaf._value = _hold(array)
    return leaf


def parameter(name: str | None = None, value: Any = None, *, dtype: Any = None) -> Node:
    """A trainable leaf: gradients stop here. ``w.value = ...`` assigns.

    Raises:
        MissingValueError: without a value.
        DTypeError: for complex numbers and objects; whole numbers become float64.

    >>> import cgraph as cg
    >>> w = cg.parameter("w", [0.1, 0.6])
    >>> w.value = w.value - 0.1
    >>> w.value
    array([0. , 0.5])
    """
    label = name or "parameter"
    if type(value) is float and dtype is None:
        return _leaf(PARAMETER, name, value, (), FLOAT64)
    if value is None:
        raise MissingValueError(f"parameter {label!r} needs a value to start from")
    array = _array(value, label, dtype)
    if array.dtype.kind != "f":
        array = array.astype(FLOAT64)
    return _leaf(PARAMETER, name, _hold(array), array.shape, array.dtype)


def constant(value: Any, name: str | None = None, *, dtype: Any = None) -> Node:
    """A leaf that never changes. Numbers in expressions become constants by themselves: ``2 * x``.

    >>> import cgraph as cg
    >>> c = cg.constant(2.0, name="c")
    >>> (cg.input("x", np.float32(3.0)) * c).dtype
    dtype('float32')
    """
    if type(value) in (int, float) and dtype is None:
        return _leaf(CONSTANT, name, float(value), (), FLOAT64)
    array = _array(value, name or "constant", dtype)
    held: Any = _hold(array)
    if isinstance(held, float):
        # A float64 that came out of NumPy does promote, as it does in NumPy: kept as an array, it is not weak.
        held = array
        held.setflags(write=False)
    return _leaf(CONSTANT, name, held, array.shape, array.dtype)


def why_no_gradient(node: Node) -> str:
    """Why a gradient that was asked for is not there, and what to do."""
    if node.op is INPUT:
        return "inputs are data, no gradient flows into them; make it a parameter, or ask for it with cg.gradient(loss, [node])"
    if node.op is CONSTANT:
        return "constants have none; make it a parameter"
    if not node.active:
        return "no parameter lies below it; ask for it with cg.gradient(loss, [node])"
    return "the latest evaluation was forward only, or did not reach it; call loss.backward()"


def require_scalar(node: Node) -> None:
    """Refuse to start a backward pass from a node that is not one number."""
    if node.shape not in ((), (1,), (1, 1)) and node.size != 1:
        raise GradientError(
            f"backward needs a scalar; {node.label!r} has shape {node.shape}. Reduce it (sum, mean) or pass upstream=..."
        )
