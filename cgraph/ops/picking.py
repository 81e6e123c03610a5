"""Picking entries: by an index that is known or computed, diagonals, triangles, and `assign`, which puts entries in."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from cgraph import shapes
from cgraph.errors import ShapeError, UnsupportedError
from cgraph.op import Op, is_node
from cgraph.operators import public
from cgraph.ops.define import (
    F,
    along,
    axis_of,
    dtype_of,
    known_shape,
    like,
    linear_op,
)
from cgraph.ops.elementwise import where
from cgraph.ops.indexing import getitem, scatter_op
from cgraph.ops.moving import moveaxis
from cgraph.ops.reduction import sum
from cgraph.ops.structure import (
    broadcast_to,
    expand_dims,
    flattened,
    reshape,
    target_shape,
)

Shape = shapes.Shape


def _take_shape(x: Shape, index: Shape, axis: int) -> Shape:
    return (*x[:axis], *index, *x[axis + 1 :])


def _add_taken(u: Any, index: Any, *like: Any, axis: int, shape: Shape | None = None) -> Any:
    result = np.zeros(target_shape(shape, like), np.asarray(u).dtype)
    rest = np.moveaxis(result, axis, 0)
    ndim = np.ndim(index)
    np.add.at(rest, index, np.moveaxis(u, range(axis, axis + ndim), range(ndim)))
    return result


def _add_taken_adjoint(
    u: Any, x: Any, index: Any, *_: Any, axis: int, shape: Shape | None = None
) -> Any:
    return take_op(u, index, axis=axis)


def _take_adjoint(u: Any, x: Any, index: Any, axis: int) -> Any:
    reference, own = like(x)
    return add_taken_op(u, index, *reference, axis=axis, shape=own)


def _take_batch(node: Any, operands: list[Any], has: list[bool], size: int) -> Any:
    axis = node.params["axis"]
    if has == [True, False]:
        return Op.build_node(node.op, tuple(operands), {"axis": axis + 1})
    return (
        Op.build_node(node.op, tuple(operands), {"axis": 0})
        if has == [False, True] and axis == 0
        else None
    )


# fmt: off
take_op: Op = linear_op(
    "take", lambda x, index, axis: np.take(x, index, axis), _take_adjoint, others=1, shape=_take_shape, symbol="[ ]", batch=_take_batch,
    formula=F("$a[$b]", "$a_{$b}", "1 where picked", None, adjoint="UPSTREAM added at [$b]"),
    example=lambda rng: ((rng.normal(size=(2, 3)), rng.integers(0, 3, (2, 2))), {"axis": 1}),
    doc="Entries of `x` along an axis, by an index that is computed.",
)
add_taken_op: Op = linear_op(
    "add_taken", _add_taken, _add_taken_adjoint, others=2, mask=_add_taken_adjoint,
    shape=lambda u, index, *like, axis, shape=None: like[0] if shape is None else shape,
    formula=F("$a added into zeros at $b", "$a", "1", None, None, adjoint="UPSTREAM[$b]"),
    example=lambda rng: ((rng.normal(size=(2, 4)), rng.integers(0, 3, 4)), {"axis": 1, "shape": (2, 3)}),
    doc="Zeros of `shape` with `x` added at an index along an axis: the adjoint of `take`.",
)
# fmt: on


@public
def take(
    x: Any, indices: Any, axis: int | None = None, mode: str = "raise", *, name: str | None = None
) -> Any:
    """Entries of `x` along `axis` (of all entries in order, if it is not given); `indices` may be a node.

    Raises:
        ShapeError: when an index is out of range, unless `mode` is "wrap" or "clip".

    >>> import cgraph as cg
    >>> cg.take([1.0, 2.0, 3.0], [2, 0])
    array([3., 1.])
    """
    if axis is None:
        x, axis = flattened(x), 0
    axis = axis_of(x, axis)
    if is_node(indices):
        if indices.dtype.kind not in "iu":
            raise UnsupportedError(
                f"take: an index is of whole numbers; {indices.label!r} has dtype {indices.dtype}"
            )
        if mode != "raise":
            raise UnsupportedError(
                f"take: mode={mode!r} needs indices that are known; use cg.clip or % on the index"
            )
        return take_op(x, indices, axis=axis, name=name)
    index = np.asarray(indices)
    index = index.astype(np.intp) if index.size == 0 or index.dtype == bool else index
    if mode != "raise":
        n = known_shape(x, "take")[axis]
        index = index % n if mode == "wrap" else np.clip(index, 0, n - 1)
    return getitem(x, along(axis, index), name=name)


@public
def compress(condition: Any, x: Any, axis: int | None = None, *, name: str | None = None) -> Any:
    """Entries of `x` along `axis` where `condition`, an array that is known, is true."""
    if is_node(condition):
        raise UnsupportedError(
            "compress: how many entries are left depends on values; take a known condition, or cg.where"
        )
    return take(x, np.flatnonzero(condition), axis, name=name)


@public
def extract(condition: Any, x: Any, *, name: str | None = None) -> Any:
    """Entries of `x` where `condition`, an array that is known, is true, in order."""
    return compress(
        np.ravel(condition) if not is_node(condition) else condition, flattened(x), 0, name=name
    )


@public
def assign(x: Any, index: Any, value: Any, *, name: str | None = None) -> Any:
    """`x` with `value` at `index`: what ``x[index] = value`` would make of it. `x` itself stays what it was.

    >>> import numpy as np
    >>> import cgraph as cg
    >>> cg.assign(np.zeros(3), 1, 5.0)
    array([0., 5., 0.])
    """
    shape = known_shape(x, "assign")
    places = np.full(shape, -1, np.intp)
    count = places[index].size
    places[index] = np.arange(count).reshape(places[index].shape)
    flat = reshape(broadcast_to(value, np.shape(np.zeros(shape, np.int8)[index])), -1)
    if count == 0:
        return getitem(x, Ellipsis, name=name)
    return where(places >= 0, getitem(flat, np.maximum(places, 0)), x, name=name)


# --- diagonals and triangles ----------------------------------------------------------------------------------------------------


@public
def diagonal(
    x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, *, name: str | None = None
) -> Any:
    """The diagonals in the plane of two axes, as a last axis."""
    moved = moveaxis(x, (axis1, axis2), (-2, -1))
    n, m = known_shape(moved, "diagonal")[-2:]
    i = np.arange(
        builtins.max(builtins.min(n + builtins.min(offset, 0), m - builtins.max(offset, 0)), 0)
    )
    return getitem(
        moved, (Ellipsis, i - builtins.min(offset, 0), i + builtins.max(offset, 0)), name=name
    )


@public
def trace(
    x: Any,
    offset: int = 0,
    axis1: int = 0,
    axis2: int = 1,
    *,
    dtype: Any = None,
    name: str | None = None,
) -> Any:
    """The sum of the diagonal in the plane of two axes.

    >>> import cgraph as cg
    >>> W = cg.parameter("W", [[1.0, 2.0], [3.0, 4.0]])
    >>> cg.trace(W).backward().grad(W)
    array([[1., 0.],
           [0., 1.]])
    """
    return sum(diagonal(x, offset, axis1, axis2), axis=-1, dtype=dtype, name=name)


@public
def diag(x: Any, k: int = 0, *, name: str | None = None) -> Any:
    """A matrix with the vector `x` on its diagonal; of a matrix, the diagonal.

    >>> import cgraph as cg
    >>> cg.diag([1.0, 2.0])
    array([[1., 0.],
           [0., 2.]])
    """
    shape = known_shape(x, "diag")
    if len(shape) == 2:
        return diagonal(x, k, name=name)
    if len(shape) != 1:
        raise ShapeError(f"diag: takes a vector or a matrix, not {shape}")
    i = np.arange(shape[0])
    n = shape[0] + builtins.abs(k)
    return scatter_op(
        x, index=(i - builtins.min(k, 0), i + builtins.max(k, 0)), shape=(n, n), name=name
    )


@public
def diagflat(x: Any, k: int = 0, *, name: str | None = None) -> Any:
    """A matrix with all entries of `x`, in order, on its diagonal."""
    return diag(flattened(x), k, name=name)


def _triangle(x: Any, mask: Any, name: str | None) -> Any:
    return where(mask, x, np.zeros((), dtype_of(x)), name=name)


@public
def tril(x: Any, k: int = 0, *, name: str | None = None) -> Any:
    """`x` with zeros above the `k`-th diagonal of its last two axes."""
    return _triangle(x, np.tri(*_matrix(x), k=k, dtype=bool), name)


@public
def triu(x: Any, k: int = 0, *, name: str | None = None) -> Any:
    """`x` with zeros below the `k`-th diagonal of its last two axes."""
    return _triangle(x, ~np.tri(*_matrix(x), k=k - 1, dtype=bool), name)


def _matrix(x: Any) -> tuple[int, int]:
    shape = known_shape(x, "a triangle")
    if len(shape) == 1:  # as NumPy has it, a row that is repeated
        return shape[0], shape[0]
    return shape[-2], shape[-1]


@public
def vander(
    x: Any, N: int | None = None, increasing: bool = False, *, name: str | None = None
) -> Any:
    """The matrix of the powers of `x`, one row an entry."""
    n = known_shape(x, "vander")[0] if N is None else N
    exponents = np.arange(n, dtype=np.float64)
    from cgraph.ops.elementwise import power

    exponents = exponents.astype(dtype_of(x)) if dtype_of(x).kind == "f" else exponents
    return power(expand_dims(x, 1), exponents if increasing else exponents[::-1], name=name)
