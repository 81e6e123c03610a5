"""The leaves a graph starts from: inputs, parameters, constants."""

from __future__ import annotations

from typing import Any

import numpy as np

from cgraph import shapes
from cgraph.errors import MissingValueError, ShapeError
from cgraph.node import NO_PARAMS, Node, make_node
from cgraph.op import CONSTANT, INPUT, PARAMETER, DType, Op
from cgraph.shapes import Shape
from cgraph.values import FLOAT64, copied, held, real_dtype


def leaf_node(op: Op, name: str | None, value: Any, shape: Shape, dtype: DType) -> Node:
    leaf = make_node(
        op, (), NO_PARAMS, shape, dtype, name, shape == () and dtype == FLOAT64, op is PARAMETER
    )
    leaf._value = value
    return leaf


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
        sizes = tuple(None if n is None else int(n) for n in declared)
        if any(n is not None and n < 0 for n in sizes):
            raise ShapeError(
                f"{label!r}: a size in {sizes} is negative; None stands for one that is fixed when it is fed"
            )
        return leaf_node(INPUT, name, None, sizes, real_dtype(dtype or FLOAT64, label))
    array = copied(value, label, dtype)
    leaf: Any = leaf_node(INPUT, name, None, array.shape, array.dtype)
    if shape is not None:
        declared = tuple(shape) if np.iterable(shape) else (shape,)
        if not shapes.agrees(array.shape, declared):
            raise ShapeError(f"{label!r}: the value has shape {array.shape}, not {declared}")
        if declared:
            leaf._shape = declared
    leaf._value = held(array)
    return leaf  # type: ignore[no-any-return]


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
        return leaf_node(PARAMETER, name, value, (), FLOAT64)
    if value is None:
        raise MissingValueError(f"parameter {label!r} needs a value to start from")
    array = copied(value, label, dtype)
    if array.dtype.kind != "f":
        array = array.astype(FLOAT64)
    return leaf_node(PARAMETER, name, held(array), array.shape, array.dtype)


def constant(value: Any, name: str | None = None, *, dtype: Any = None) -> Node:
    """A leaf that never changes. Numbers in expressions become constants by themselves: ``2 * x``.

    >>> import cgraph as cg
    >>> c = cg.constant(2.0, name="c")
    >>> (cg.input("x", np.float32(3.0)) * c).dtype
    dtype('float32')
    """
    if type(value) in (int, float) and dtype is None:
        return leaf_node(CONSTANT, name, float(value), (), FLOAT64)
    array = copied(value, name or "constant", dtype)
    # A float64 that came out of NumPy does promote, as it does in NumPy: held as an array it is not weak.
    array.setflags(write=False)
    return leaf_node(CONSTANT, name, array, array.shape, array.dtype)
