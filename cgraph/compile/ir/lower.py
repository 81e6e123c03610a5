"""From a graph of nodes to the intermediate representation: sizes become known, rows become primitives.

The first pass of the compiler. It walks the nodes once, parents first, with the shapes of the values that will be fed. A
row whose forward is
a ufunc is that ufunc; `lowerings.py` has the others; whatever is left (a user's own row, whole numbers, fancy indexing) becomes a
call of the row's own forward, so that every graph compiles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import cgraph.compile.ir.lowerings_softmax  # noqa: F401 - enters rows into the table
from cgraph.compile.ir import BOOL, ELEMENTWISE, FLOAT64, TRUTH, Shape, Value
from cgraph.compile.ir.builder import Builder
from cgraph.compile.ir.lowerings import LOWERINGS
from cgraph.errors import ShapeError
from cgraph.graph import order
from cgraph.node import Node
from cgraph.op import CONSTANT, OPS, Op

FLOATS = (np.dtype(np.float32), FLOAT64)


def lower(b: Builder, roots: Sequence[Node], values: dict[Node, Value]) -> list[Value]:
    """The values of `roots`. `values` holds those of the leaves that are arguments, and is filled in with all others."""
    for node in order(*roots):
        if node in values:
            continue
        b.origin = node
        if node.op is CONSTANT:
            values[node] = b.literal(node._value) if node.weak else b.constant(node._value)
            continue
        args = tuple([values[p] for p in node.parents])
        if None in node.shape:
            check_sizes(node, [a.shape for a in args])
        value = lower_op(b, node.op, node, args)
        if node.name and not value.label:
            value.label = node.basename or ""
            b.stays(value)
        values[node] = value
    b.origin = None
    return [values[root] for root in roots]


def check_sizes(node: Node, shapes: Sequence[Shape]) -> None:
    """Operands whose sizes were not known must agree now that they are, as in a Run: nothing broadcasts behind the graph's back."""
    end: int | None = -2 if node.op.name == "matmul" else None
    if node.op.family != "elementwise" and end is None:
        return
    full = [(p, s) for p, s in zip(node.parents, shapes, strict=True) if p.shape != ()]
    for parent, shape in full:
        if shape[:end] != full[0][1][:end]:
            raise ShapeError(
                f"{node.label!r} (built at {node.site}): {full[0][0].label!r} came out as {full[0][1]} "
                f"but {parent.label!r} as {shape}"
            )
    if end is not None and shapes[0][-1] != shapes[1][-2 if len(shapes[1]) > 1 else 0]:
        a, c = (p.label for p in node.parents)
        raise ShapeError(f"{node.label!r} (built at {node.site}): {a!r} came out as {shapes[0]} but {c!r} as {shapes[1]}")  # fmt: skip


def lower_op(b: Builder, op: Op, node: Node, args: tuple[Value, ...]) -> Value:
    """One row on lowered operands."""
    if OPS.get(op.name) is op:
        if op.family == "elementwise":
            typed = _typed(b, node, args)
            if typed is not None:
                if isinstance(op.forward, np.ufunc) and op.forward.__name__ in ELEMENTWISE:
                    return b.elementwise(op.forward.__name__, *typed)
                value = LOWERINGS[op.name](b, *typed) if op.name in LOWERINGS else None
                if value is not None:
                    return value
        else:
            value = _lower_other(b, op, node, args)
            if value is not None:
                return value
    # A Python number is handed on as it is, so that it goes on promoting nothing.
    numbers = tuple([p._value if p.weak else None for p in node.parents])
    return b.call(op, args, numbers, node.params, concrete_shape(node, args), node.dtype)


def _typed(b: Builder, node: Node, args: tuple[Value, ...]) -> tuple[Value, ...] | None:
    """Operands of one floating dtype, or truth values where those are due; None where NumPy's own rules are needed."""
    op = node.op
    start = 1 if op.name == "where" else 0
    if start and args[0].dtype != BOOL:
        return None
    weak = [p.weak for p in node.parents]
    dtypes = {a.dtype for a, w in zip(args[start:], weak[start:], strict=True) if not w}
    if not dtypes:
        dtypes = {node.dtype if node.dtype.kind == "f" else FLOAT64}
    if len(dtypes) != 1:
        return None
    dtype = dtypes.pop()
    if op.name.startswith("logical"):
        return args if dtype == BOOL and not any(weak) else None
    if dtype not in FLOATS or node.dtype not in (dtype, BOOL):
        return None
    if (node.dtype == BOOL) != (getattr(op.forward, "__name__", "") in TRUTH):
        return None
    return args[:start] + tuple(
        [
            b.literal(a.params, dtype) if w else a
            for a, w in zip(args[start:], weak[start:], strict=True)
        ]
    )


def _lower_other(b: Builder, op: Op, node: Node, args: tuple[Value, ...]) -> Value | None:
    """Reductions, matrix products, and what moves entries."""
    x, dtype = args[0], node.dtype
    name, params = op.name, node.params
    if name == "cast":
        return b.cast(x, dtype) if x.dtype in (*FLOATS, BOOL) and dtype in FLOATS else None
    if name == "count":
        n = int(np.prod([x.shape[i] for i in params["axes"]], dtype=np.int64))
        return b.literal(float(n), dtype) if dtype in FLOATS else None
    if name in ("getitem", "scatter"):
        return _lower_index(b, name, node, args, params)
    if name in ("broadcast_to", "reshape", "transpose", "stop_gradient", "checkpoint"):
        return LOWERINGS[name](b, *args, **params)
    if dtype not in FLOATS or any(
        a.dtype != dtype for a in args[: 1 if name == "sum_to" else None]
    ):
        return None
    if name in ("max", "min") and not x.size:
        return None
    if name == "matmul":
        return b.matmul(args[0], args[1], concrete_shape(node, args))
    if name in LOWERINGS:
        return LOWERINGS[name](b, *args, **params)
    return None


def _lower_index(
    b: Builder, name: str, node: Node, args: tuple[Value, ...], params: Mapping[str, Any]
) -> Value | None:
    key = params["index"]
    basic = all(
        k is None or k is Ellipsis or isinstance(k, slice)
        or (isinstance(k, int | np.integer) and not isinstance(k, bool | np.bool_))
        for k in key
    )  # fmt: skip
    if not basic:
        return None
    if name == "getitem":
        shape = np.broadcast_to(np.empty((), np.bool_), args[0].shape)[key].shape
        return b.index(args[0], key, shape)
    target = params["shape"] if params.get("shape") is not None else args[1].shape
    return b.place(args[0], key, tuple(target))


def concrete_shape(node: Node, args: Sequence[Value]) -> Shape:
    """The shape of a node's value, now that those of its parents are known."""
    if None not in node.shape:
        return node.shape  # type: ignore[return-value]
    shapes = [a.shape for a in args]
    if node.op.shape is None:
        return np.broadcast_shapes(*shapes)
    shape = tuple(node.op.shape(*shapes, **node.params))
    if None in shape:
        shape = np.shape(node.op.forward(*(np.ones(a.shape, a.dtype) for a in args), **node.params))
    return shape
