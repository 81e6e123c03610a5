"""Building the node of an op: operands made nodes, shape and dtype inferred, mistakes told on the line that makes them.

There are three ways in, by how much there is to ask. Graphs of numbers have nothing to infer; elementwise ops on arrays of one shape
next to nothing; the rest goes through the rules. All three make the same nodes.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from cgraph import shapes
from cgraph.errors import CgraphError, DTypeError, ShapeError, UnsupportedError
from cgraph.leaves import constant, leaf_node
from cgraph.node import (
    NO_PARAMS,
    ArrayNode,
    Node,
    NumberNode,
    make_node,
    make_number,
    site_of_caller,
    weak_constant,
)
from cgraph.op import CONSTANT, OPS, DType, Op
from cgraph.shapes import Shape
from cgraph.values import FLOAT64


def build(
    op: Op, operands: tuple[Any, ...], params: Mapping[str, Any], name: str | None = None
) -> Node:
    """A node of `op`, its operands made nodes, its shape and dtype inferred."""
    if op.family == "elementwise" and (params or (op.arity and len(operands) != op.arity)):
        raise UnsupportedError(_miscalled(op, operands, params))
    if op.scalar is not None:
        # The quick way for graphs of numbers: float64 scalars in, a float64 scalar out, nothing to infer.
        active = numbers = False
        for operand in operands:
            kind = operand.__class__
            if kind is NumberNode:
                if operand.active:
                    active = True
            elif kind is float or kind is int:
                numbers = True
            else:
                break
        else:
            if numbers:
                operands = tuple(
                    [x if x.__class__ is NumberNode else weak_constant(float(x)) for x in operands]
                )
            return make_number(op, operands, active, name)
    if op.family == "elementwise":
        node = _of_one_shape(op, operands, name)
        if node is not None:
            return node
    parents = _as_nodes(op, operands)
    elementwise = op.family == "elementwise"
    try:
        # A weak constant lends an elementwise op no dtype of its own.
        dtype = op.result_dtype(
            tuple(p._value if elementwise and p.weak else p.dtype for p in parents), params
        )
        if dtype.kind == "f" and op.name != "cast" and any(p.dtype != dtype for p in parents):
            parents = tuple(
                p if p.dtype == dtype or p.weak or not op.differentiable(i) else _cast(p, dtype)
                for i, p in enumerate(parents)
            )
        if not elementwise:
            shape = _shape(op, tuple(p.shape for p in parents), params)
        else:
            shape = parents[0].shape
            if any(p.shape != shape for p in parents):
                shape = shapes.broadcast(*(p.shape for p in parents))
                parents = tuple(
                    p
                    if p.shape == shape or (p.shape == () and _stays_scalar(op, i, p))
                    else _broadcast(p, shape, parents)
                    for i, p in enumerate(parents)
                )
    except (ShapeError, DTypeError) as error:
        raise type(error)(
            f"{name or op.name}: {_describe(parents, error)}: {error}\n  built at {site_of_caller()}"
        ) from None
    is_number = (
        op.scalar is not None
        and elementwise
        and dtype == FLOAT64
        and all(p.is_number for p in parents)
    )
    active = dtype.kind == "f" and any(
        p.active and op.differentiable(i) for i, p in enumerate(parents)
    )
    return make_node(
        op,
        parents,
        MappingProxyType(dict(params)) if params else NO_PARAMS,
        shape,
        dtype,
        name,
        is_number,
        active,
    )


def _of_one_shape(op: Op, operands: tuple[Any, ...], name: str | None) -> Node | None:
    """The quick way for arrays: elementwise, everything of one shape and one floating dtype, or a Python number. Else None."""
    shape: Shape | None = None
    numbers = active = False
    for i, x in enumerate(operands):
        kind = x.__class__
        if kind is ArrayNode or kind is NumberNode:
            if shape is None:
                shape, dtype = x._shape, x._dtype
            elif x._shape != shape or x._dtype is not dtype:
                return None
            if x.active and op.differentiable(i):
                active = True
        elif kind is float or kind is int:
            numbers = True
        else:
            return None
    if shape is None or dtype.kind != "f" or (numbers and op.partials is None):
        return None
    if numbers:
        if dtype is not FLOAT64 and not isinstance(op.forward, np.ufunc):
            return None
        operands = tuple([x if isinstance(x, Node) else weak_constant(float(x)) for x in operands])
    result = op.result_of.get(dtype)
    if result is None:
        try:
            result = op.result_of[dtype] = op.result_dtype((dtype,) * len(operands), NO_PARAMS)
        except DTypeError:  # told with the names of the operands there
            return None
    if result is not dtype and result.kind == "f" and result != dtype:
        return None
    return make_node(
        op, operands, NO_PARAMS, shape, result, name, False, active and result.kind == "f"
    )


def _stays_scalar(op: Op, i: int, operand: Node) -> bool:
    """A scalar constant broadcasts as it is; the condition of `where` does not, as it travels with the gradient as a mask."""
    return operand.op is CONSTANT and (op.partials is not None or i > 0)


def _shape(op: Op, operands: tuple[Shape, ...], params: Mapping[str, Any]) -> Shape:
    rule: Any = op.shape
    try:
        shape: Shape = rule(*operands, **params)
    except TypeError as error:
        if not isinstance(error, CgraphError):
            op.explain_call(rule, operands, params)
        raise
    return shape


def _describe(parents: tuple[Node, ...], error: Exception) -> str:
    what = "shape" if isinstance(error, ShapeError) else "dtype"
    return " but ".join(
        f"{p.label!r} has {what} {p.shape if what == 'shape' else p.dtype}" for p in parents
    )


def _miscalled(op: Op, operands: tuple[Any, ...], params: Mapping[str, Any]) -> str:
    takes = f"{op.arity or 'its'} operand{'s' * (op.arity != 1)} and name="
    got = [f"{len(operands)} operand{'s' * (len(operands) != 1)}", *(f"{key}=" for key in params)]
    return f"{op.name} takes {takes}; got {' and '.join(got)}\n  built at {site_of_caller()}"


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
            result.append(leaf_node(CONSTANT, None, x, (), np.asarray(x).dtype))
        elif isinstance(x, int | float) and type(x) in (int, float):
            # A ufunc gives a Python number the dtype of what it meets; other functions may compute with it first.
            if op.family == "elementwise" and (weakly or isinstance(op.forward, np.ufunc)):
                result.append(weak_constant(float(x)))
            else:
                result.append(constant(np.asarray(x, np.result_type(*(n.dtype for n in nodes), x))))
        else:
            result.append(constant(x))
    return tuple(result)


def _broadcast(node: Node, shape: Shape, among: tuple[Node, ...]) -> Node:
    """`node` broadcast to `shape`; when a size is unknown, to the shape that the operands `among` it turn out to have."""
    broadcast_to = OPS["broadcast_to"]
    if shapes.is_static(shape):
        # `shape` came out of the broadcasting rule, so nothing is left to check or infer.
        params = MappingProxyType({"shape": shape})
        return make_node(broadcast_to, (node,), params, shape, node.dtype, None, False, node.active)
    wider = node
    for other in among:
        if other is not node:
            wider = build(broadcast_to, (wider, other), {"shape": None})
    return wider


def _cast(node: Node, dtype: DType) -> Node:
    """`node` in the dtype of the result it enters, so that every local gradient there has the result's precision and range."""
    params = MappingProxyType({"dtype": dtype.name})
    return make_node(OPS["cast"], (node,), params, node.shape, dtype, None, False, node.active)


Op.number_class = NumberNode
Op.build_node = staticmethod(build)
Op.build_number = staticmethod(make_number)
