"""Ops that repeat and rearrange entries: broadcasting, reshaping, transposing, casting.

Broadcasting is an op of its own, put in wherever an operand is smaller than the result; its adjoint is `sum_to` and the other
way round, so no other rule ever has to un-broadcast. A shape that is not known when the graph is built (a size of None) is taken
from a second operand, which lends nothing but its shape: `broadcast_to(x, like)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from cgraph import shapes
from cgraph.errors import ShapeError, UnsupportedError
from cgraph.leaves import constant
from cgraph.linear_maps import LinearMap, Rearrange
from cgraph.op import Op, is_node
from cgraph.operators import public
from cgraph.ops.define import F, axes_of, axis_of, drawn, like, linear_op, op, shape_of
from cgraph.values import real_dtype

Shape = shapes.Shape


def target_shape(shape: Shape | None, operands: tuple[Any, ...]) -> Any:
    """The shape to make: the parameter, or that of the operand to follow."""
    return shape if shape is not None else np.shape(operands[0])


# --- broadcast_to and sum_to, each the adjoint of the other ---------------------------------------------------------------------


def _broadcast(x: Any, *like: Any, shape: Shape | None = None) -> Any:
    target: Any = (
        shape if shape is not None else np.broadcast_shapes(np.shape(x), np.shape(like[0]))
    )
    if np.shape(x) == target:
        return x
    if len(target) <= 2:
        # np.broadcast_to takes 4 us; filling a small array takes a fraction of that.
        result = np.empty(target, np.asarray(x).dtype)
        result[...] = x
        return result
    return np.broadcast_to(x, target)


def _sum_to(x: Any, *like: Any, shape: Shape | None = None) -> Any:
    target = target_shape(shape, like)
    x = np.asarray(x)
    if x.shape == target:
        return x
    return np.add.reduce(x, axis=_summed(x.shape, target), keepdims=True).reshape(target)


@lru_cache(maxsize=4096)
def _summed(shape: tuple[int, ...], target: tuple[int, ...]) -> tuple[int, ...]:
    """The axes along which `target` would be broadcast to `shape`."""
    lead = len(shape) - len(target)
    inner = (i + lead for i, n in enumerate(target) if n == 1 and shape[i + lead] != 1)
    return (*range(lead), *inner)


def _broadcast_adjoint(u: Any, x: Any, *_: Any, shape: Shape | None = None) -> Any:
    reference, own = like(x)
    return sum_to_op(u, *reference, shape=own)


def _sum_to_adjoint(u: Any, x: Any, *_: Any, shape: Shape | None = None) -> Any:
    reference, own = like(x)
    return broadcast_op(u, *reference, shape=own)


def _broadcast_shape(x: Shape, *like: Shape, shape: Shape | None = None) -> Shape:
    if shape is None:
        return shapes.broadcast(x, *like)
    if shapes.broadcast(x, shape) != shape:
        raise ShapeError(f"cannot be broadcast to {shape}")
    return shape


def _sum_to_shape(x: Shape, *like: Shape, shape: Shape | None = None) -> Shape:
    target = shape if shape is not None else like[0]
    if shapes.broadcast(target, x) != x and shapes.is_static(x) and shapes.is_static(target):
        raise ShapeError(f"cannot be summed to {target}")
    return target


# fmt: off
broadcast_op: Op = linear_op(
    "broadcast_to", _broadcast, _broadcast_adjoint, others=1, shape=_broadcast_shape, symbol="⇉",
    formula=F("$a, repeated", "$a", "Σ of the upstream", None), example=lambda rng: ((x := drawn(rng),), {"shape": (2, *x.shape)}),
)
sum_to_op: Op = linear_op(
    "sum_to", _sum_to, _sum_to_adjoint, others=1, mask=_sum_to_adjoint, shape=_sum_to_shape, symbol="Σ",
    formula=F("Σ $a", r"\sum $a", "1", None), example=lambda rng: ((x := drawn(rng),), {"shape": (1,) * x.ndim}),
)
# fmt: on


@public
def broadcast_to(x: Any, shape: Any, *, name: str | None = None) -> Any:
    """`x` repeated to `shape`, as NumPy broadcasts; the gradient is summed back.

    Raises:
        ShapeError: when the shapes do not fit.

    >>> import cgraph as cg
    >>> cg.broadcast_to(cg.parameter("b", [[1.0], [2.0]]), (2, 3)).shape
    (2, 3)
    """
    return broadcast_op(x, shape=as_shape(shape), name=name)


@public
def sum_to(x: Any, shape: Any, *, name: str | None = None) -> Any:
    """`x` summed over the axes along which `shape` would be broadcast to it: the adjoint of `broadcast_to`.

    Raises:
        ShapeError: when `shape` does not broadcast to that of `x`.

    >>> import numpy as np
    >>> import cgraph as cg
    >>> cg.sum_to(np.ones((2, 3)), (2, 1))
    array([[3.],
           [3.]])
    """
    return sum_to_op(x, shape=as_shape(shape), name=name)


def as_shape(shape: Any) -> tuple[int, ...]:
    """`shape=` as a tuple of sizes."""
    return tuple(int(n) for n in shape) if np.iterable(shape) else (int(shape),)


# --- reshape, transpose -------------------------------------------------------------------------------------------------------


def _reshape_local(out: Any, x: Any, *operands: Any, shape: Shape | None = None) -> LinearMap:
    reference, own = like(x)
    return Rearrange(
        lambda t: reshape_op(t, *operands, shape=shape),
        lambda u: reshape_op(u, *reference, shape=own),
    )


def flattened(x: Any) -> Any:
    """The entries of `x` along one axis, in order."""
    if len(shape_of(x)) == 1:
        return x if is_node(x) else np.asarray(x)
    return reshape(x, -1)


def _inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(i) for i in np.argsort(axes))


# fmt: off
reshape_op: Op = op(
    "reshape", lambda x, *like, shape=None: np.reshape(x, target_shape(shape, like)), _reshape_local, None,
    shape=lambda x, *like, shape=None: like[0] if shape is None else shapes.reshape(x, shape), dtype=lambda x, *like: x,
    formula=F("$a reshaped", "$a", "1", None, adjoint="UPSTREAM reshaped"), example=lambda rng: ((x := drawn(rng),), {"shape": (x.size,)}),
)
transpose_op: Op = op(
    "transpose", lambda x, axes: np.transpose(x, axes),
    lambda out, x, axes: Rearrange(lambda t: transpose_op(t, axes=axes), lambda u: transpose_op(u, axes=_inverse(axes))),
    shape=lambda x, axes: tuple(x[i] for i in axes), symbol="ᵀ", formula=F("$aᵀ", "$a^T", "1", adjoint="(UPSTREAM)ᵀ"),
    example=lambda rng: ((x := drawn(rng),), {"axes": tuple(int(i) for i in rng.permutation(x.ndim))}),
)
# fmt: on


@public
def reshape(x: Any, shape: Any, order: str = "C", *, name: str | None = None) -> Any:
    """The entries of `x`, in order, in another shape; one size may be -1. ``order="F"`` reads and writes them column by column.

    Raises:
        ShapeError: when the entries do not fill the shape.

    >>> import cgraph as cg
    >>> cg.input("x", shape=(2, 3)).reshape(3, -1).shape
    (3, 2)
    """
    shape = as_shape(shape)
    if order == "F":
        return transpose(reshape_op(transpose(x), shape=shape[::-1]), name=name)
    if order not in ("C", "A"):
        raise UnsupportedError(f"reshape: order={order!r}; a node has 'C' and 'F', no memory")
    return reshape_op(x, shape=shape, name=name)


@public
def transpose(x: Any, axes: Sequence[int] | None = None, *, name: str | None = None) -> Any:
    """The axes of `x` in another order; reversed if `axes` is not given.

    Raises:
        ShapeError: unless `axes` names each dimension once.

    >>> import cgraph as cg
    >>> cg.input("x", shape=(2, 3)).T.shape
    (3, 2)
    """
    ndim = len(shape_of(x))
    if axes is None:
        axes = tuple(reversed(range(ndim)))
    elif sorted(axes_of(x, tuple(axes))) != list(range(ndim)):
        raise ShapeError(
            f"transpose: axes {tuple(axes)} do not name each of the {ndim} dimensions once"
        )
    return transpose_op(x, axes=tuple(int(a) % ndim for a in axes), name=name)


@public
def swapaxes(x: Any, axis1: int, axis2: int, *, name: str | None = None) -> Any:
    """`x` with two axes exchanged.

    Raises:
        ShapeError: when an axis is out of range.

    >>> import cgraph as cg
    >>> cg.swapaxes(cg.input("x", shape=(2, 3, 4)), 0, 2).shape
    (4, 3, 2)
    """
    i, j = axis_of(x, axis1), axis_of(x, axis2)
    axes = list(range(len(shape_of(x))))
    axes[i], axes[j] = j, i
    return transpose(x, axes, name=name)


@public
def mT(x: Any, *, name: str | None = None) -> Any:
    """The last two axes of `x` exchanged: each matrix of a stack transposed."""
    return swapaxes(x, -1, -2, name=name)


@public
def expand_dims(x: Any, axis: int | Sequence[int], *, name: str | None = None) -> Any:
    """`x` with axes of size 1 put in.

    Raises:
        ShapeError: when an axis is out of range of the result, or named twice.

    >>> import cgraph as cg
    >>> cg.expand_dims(cg.input("x", shape=(3,)), 0).shape
    (1, 3)
    """
    shape = shape_of(x)
    extra = 1 if isinstance(axis, int | np.integer) else len(tuple(axis))
    axes = axes_of(x, axis, extra)
    sizes = iter(shape)
    return _reshape_to(
        x, tuple(1 if i in axes else next(sizes) for i in range(len(shape) + extra)), name
    )


@public
def squeeze(x: Any, axis: int | Sequence[int] | None = None, *, name: str | None = None) -> Any:
    """`x` without its axes of size 1, or without those named, which must have size 1.

    Raises:
        ShapeError: when an axis that is named has another size.

    >>> import cgraph as cg
    >>> cg.squeeze(cg.input("x", shape=(1, 3, 1))).shape
    (3,)
    """
    shape = shape_of(x)
    axes = tuple(i for i, n in enumerate(shape) if n == 1) if axis is None else axes_of(x, axis)
    if any(shape[i] != 1 for i in axes):
        raise ShapeError(f"squeeze: {axis} names an axis of {shape} whose size is not 1")
    return _reshape_to(x, tuple(n for i, n in enumerate(shape) if i not in axes), name)


def _reshape_to(x: Any, shape: Shape, name: str | None) -> Any:
    unknown = [i for i, n in enumerate(shape) if n is None]
    if len(unknown) > 1:
        raise UnsupportedError("only one size of the result may be unknown; declare the others")
    return reshape_op(x, shape=tuple(-1 if n is None else n for n in shape), name=name)


def zeros_like(x: Any) -> Any:
    """Zeros of the shape and dtype of an array or a node."""
    if not is_node(x):
        return np.zeros_like(x)
    reference, shape = like(x)
    return broadcast_op(constant(np.zeros((), x.dtype)), *reference, shape=shape)


# --- cast, stop_gradient --------------------------------------------------------------------------------------------------------

# fmt: off
cast_op: Op = linear_op(
    "cast", lambda x, dtype: np.asarray(x).astype(dtype, copy=False), lambda u, x, dtype: cast_op(u, dtype=str(x.dtype)),
    mask=lambda mask, x, dtype: mask, shape=lambda x, dtype: x, dtype=None, symbol="dtype", formula=F("$a in another dtype", "$a", "1"),
    doc="Put in wherever dtypes meet: an operand takes the dtype of the result, its gradient comes back in its own.",
    example=lambda rng: ((drawn(rng),), {"dtype": "float64"}),
)
checkpoint_op: Op = linear_op(
    "checkpoint", lambda x: x, lambda u, x: u, mask=lambda mask, x: mask, shape=lambda x: x, dtype=lambda x: x, symbol="keep",
    formula=F("$a", "$a", "1"),
    doc="The value itself, kept by a compiled program when what lies between two such marks is computed again on the way back.",
)
stop_gradient_op: Op = op(
    "stop_gradient", lambda x: x, None, shape=lambda x: x, symbol="stop", formula=F("$a", "$a", None),
)
# fmt: on


@public
def cast(x: Any, dtype: Any, *, name: str | None = None) -> Any:
    """`x` in another dtype: ``x.astype(dtype)``. The gradient comes back in the dtype of `x`; through whole numbers there is none.

    Raises:
        DTypeError: for dtypes that are not real numbers.

    >>> import numpy as np
    >>> import cgraph as cg
    >>> x = cg.parameter("x", np.float32([1.0, 2.0]))
    >>> y = cg.cast(x, np.float64)
    >>> run = cg.sum(y * y).backward()
    >>> run.value(y).dtype, run.grad(x).dtype
    (dtype('float64'), dtype('float32'))
    """
    target = real_dtype(dtype, name or "cast").name
    if is_node(x) and x.dtype.name == target and name is None:
        return x
    return cast_op(x, dtype=target, name=name)


@public
def checkpoint(x: Any, *, name: str | None = None) -> Any:
    """`x` itself, marked as the end of a segment, which a compiled program computes again on the way back instead of keeping it.

    A long chain needs memory for every value that its gradients are made of. With a mark at every k-th step a compiled program
    keeps the marked ones, and one segment of the others at a time; the price is one more forward pass. A `Run` keeps everything.

    >>> import cgraph as cg
    >>> w = cg.parameter("w", 3.0)
    >>> half = cg.checkpoint(w * w)
    >>> float((half * half).backward().grad(w))
    108.0
    """
    return checkpoint_op(x, name=name)


@public
def stop_gradient(x: Any, *, name: str | None = None) -> Any:
    """`x` itself, through which no gradient flows.

    >>> import cgraph as cg
    >>> w = cg.parameter("w", 3.0)
    >>> float((cg.stop_gradient(w) * w).backward().grad(w))
    3.0
    """
    return stop_gradient_op(x, name=name)
