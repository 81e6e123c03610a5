"""Ops that move, repeat or pick entries: broadcasting, reshaping, joining, indexing.

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
from cgraph.linear_maps import Adjoint, LinearMap, Rearrange
from cgraph.op import Formula, Op, is_node, register
from cgraph.operators import vocabulary
from cgraph.ops.elementwise import not_equal, where
from cgraph.values import real_dtype

Shape = shapes.Shape


def _shape_of(x: Any) -> tuple[tuple[Any, ...], Shape | None]:
    """How to hand on the shape of `x`: as a parameter when it is known, else as an operand."""
    shape = _shape(x)
    return ((), shape) if shapes.is_static(shape) else ((x,), None)


def _shape(x: Any) -> Shape:
    shape: Shape = x.shape if is_node(x) else np.shape(x)
    return shape


def axes_of(x: Any, axis: int | Sequence[int] | None, extra: int = 0) -> tuple[int, ...]:
    """`axis=` as the sorted axes of `x`, which gets `extra` more; what is wrong with it is said with the name of the node."""
    try:
        return shapes.normalize_axes(axis, len(_shape(x)) + extra)
    except ShapeError as error:
        what = repr(x.label) if is_node(x) else "the array"
        raise ShapeError(f"{what} has shape {_shape(x)}: {error}") from None


def _target(shape: Shape | None, like: tuple[Any, ...]) -> Any:
    return shape if shape is not None else np.shape(like[0])


def nonzero_after(adjoint: Any) -> Any:
    """How a mask goes through the adjoint of a map made of zeros and ones: what receives anything selected is selected."""
    return lambda mask: not_equal(adjoint(where(mask, 1.0, 0.0)), 0.0)


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
    target = _target(shape, like)
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


def _broadcast_local(out: Any, x: Any, *like: Any, shape: Shape | None = None) -> LinearMap:
    reference, own = _shape_of(x)

    def adjoint(upstream: Any) -> Any:
        return sum_to_row(upstream, *reference, shape=own)

    return Adjoint(lambda t: broadcast_row(t, *like, shape=shape), adjoint, nonzero_after(adjoint))


def _sum_to_local(out: Any, x: Any, *like: Any, shape: Shape | None = None) -> LinearMap:
    reference, own = _shape_of(x)

    def adjoint(upstream: Any) -> Any:
        return broadcast_row(upstream, *reference, shape=own)

    return Adjoint(lambda t: sum_to_row(t, *like, shape=shape), adjoint, adjoint)


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


broadcast_row: Op = register(
    Op(
        "broadcast_to",
        _broadcast,
        makers=(_broadcast_local, None),
        shape=_broadcast_shape,
        dtype=lambda x, *like: x,
        family="structure",
        symbol="⇉",
        formula=Formula("$a, repeated", "$a", ("Σ of the upstream", None)),
    )
)
sum_to_row: Op = register(
    Op(
        "sum_to",
        _sum_to,
        makers=(_sum_to_local, None),
        shape=_sum_to_shape,
        dtype=lambda x, *like: x,
        family="structure",
        symbol="Σ",
        formula=Formula("Σ $a", r"\sum $a", ("1", None)),
    )
)


@vocabulary
def broadcast_to(x: Any, shape: Any, *, name: str | None = None) -> Any:
    """`x` repeated to `shape`, as NumPy broadcasts; the gradient is summed back.

    Raises:
        ShapeError: when the shapes do not fit.

    >>> import cgraph as cg
    >>> cg.broadcast_to(cg.parameter("b", [[1.0], [2.0]]), (2, 3)).shape
    (2, 3)
    """
    return broadcast_row(x, shape=_as_shape(shape), name=name)


@vocabulary
def sum_to(x: Any, shape: Any, *, name: str | None = None) -> Any:
    """`x` summed over the axes along which `shape` would be broadcast to it: the adjoint of `broadcast_to`.

    >>> import numpy as np
    >>> import cgraph as cg
    >>> cg.sum_to(np.ones((2, 3)), (2, 1))
    array([[3.],
           [3.]])
    """
    return sum_to_row(x, shape=_as_shape(shape), name=name)


def _as_shape(shape: Any) -> tuple[int, ...]:
    return tuple(int(n) for n in shape) if np.iterable(shape) else (int(shape),)


# --- reshape, transpose -------------------------------------------------------------------------------------------------------


def _reshape_local(out: Any, x: Any, *like: Any, shape: Shape | None = None) -> LinearMap:
    reference, own = _shape_of(x)
    return Rearrange(
        lambda t: reshape_row(t, *like, shape=shape),
        lambda u: reshape_row(u, *reference, shape=own),
    )


reshape_row: Op = register(
    Op(
        "reshape",
        lambda x, *like, shape=None: np.reshape(x, _target(shape, like)),
        makers=(_reshape_local, None),
        shape=lambda x, *like, shape=None: like[0] if shape is None else shapes.reshape(x, shape),
        dtype=lambda x, *like: x,
        family="structure",
        formula=Formula("$a reshaped", "$a", ("1", None)),
    )
)


@vocabulary
def reshape(x: Any, shape: Any, *, name: str | None = None) -> Any:
    """The entries of `x`, in order, in another shape; one size may be -1.

    >>> import cgraph as cg
    >>> cg.input("x", shape=(2, 3)).reshape(3, -1).shape
    (3, 2)
    """
    return reshape_row(x, shape=_as_shape(shape), name=name)


def _inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(i) for i in np.argsort(axes))


transpose_row: Op = register(
    Op(
        "transpose",
        lambda x, axes: np.transpose(x, axes),
        makers=(
            lambda out, x, axes: Rearrange(
                lambda t: transpose_row(t, axes=axes),
                lambda u: transpose_row(u, axes=_inverse(axes)),
            ),
        ),
        shape=lambda x, axes: tuple(x[i] for i in axes),
        family="structure",
        symbol="ᵀ",
        formula=Formula("$aᵀ", "$a^T", ("1",)),
    )
)


@vocabulary
def transpose(x: Any, axes: Sequence[int] | None = None, *, name: str | None = None) -> Any:
    """The axes of `x` in another order; reversed if `axes` is not given.

    >>> import cgraph as cg
    >>> cg.input("x", shape=(2, 3)).T.shape
    (3, 2)
    """
    ndim = len(_shape(x))
    if axes is None:
        axes = tuple(reversed(range(ndim)))
    elif sorted(axes_of(x, tuple(axes))) != list(range(ndim)):
        raise ShapeError(
            f"transpose: axes {tuple(axes)} do not name each of the {ndim} dimensions once"
        )
    return transpose_row(x, axes=tuple(int(a) % ndim for a in axes), name=name)


@vocabulary
def swapaxes(x: Any, axis1: int, axis2: int, *, name: str | None = None) -> Any:
    """`x` with two axes exchanged."""
    ndim = len(_shape(x))
    (i,), (j,) = axes_of(x, axis1), axes_of(x, axis2)
    axes = list(range(ndim))
    axes[i], axes[j] = j, i
    return transpose(x, axes, name=name)


@vocabulary
def expand_dims(x: Any, axis: int | Sequence[int], *, name: str | None = None) -> Any:
    """`x` with axes of size 1 put in.

    >>> import cgraph as cg
    >>> cg.expand_dims(cg.input("x", shape=(3,)), 0).shape
    (1, 3)
    """
    shape = _shape(x)
    extra = 1 if isinstance(axis, int) else len(tuple(axis))
    axes = axes_of(x, axis, extra)
    sizes = iter(shape)
    return _reshape_to(
        x, tuple(1 if i in axes else next(sizes) for i in range(len(shape) + extra)), name
    )


@vocabulary
def squeeze(x: Any, axis: int | Sequence[int] | None = None, *, name: str | None = None) -> Any:
    """`x` without its axes of size 1, or without those named, which must have size 1."""
    shape = _shape(x)
    axes = tuple(i for i, n in enumerate(shape) if n == 1) if axis is None else axes_of(x, axis)
    if any(shape[i] != 1 for i in axes):
        raise ShapeError(f"squeeze: {axis} names an axis of {shape} whose size is not 1")
    return _reshape_to(x, tuple(n for i, n in enumerate(shape) if i not in axes), name)


def _reshape_to(x: Any, shape: Shape, name: str | None) -> Any:
    unknown = [i for i, n in enumerate(shape) if n is None]
    if len(unknown) > 1:
        raise UnsupportedError("only one size of the result may be unknown; declare the others")
    return reshape_row(x, shape=tuple(-1 if n is None else n for n in shape), name=name)


def zeros_like(x: Any) -> Any:
    """Zeros of the shape and dtype of an array or a node."""
    if not is_node(x):
        return np.zeros_like(x)
    return broadcast_row(constant(np.zeros((), x.dtype)), *_shape_of(x)[0], shape=_shape_of(x)[1])


# --- joining ------------------------------------------------------------------------------------------------------------------


def _concatenate_local(i: int, out: Any, *operands: Any, axis: int) -> LinearMap:
    sizes = [x.shape[axis] for x in operands[: i + 1]]
    if None in sizes:
        raise UnsupportedError(
            "the gradient graph of concatenate needs sizes along its axis that are known; declare them"
        )
    end = sum(sizes)
    part = (slice(None),) * axis + (slice(end - sizes[-1], end),)

    def forward(t: Any) -> Any:
        return concatenate([t if k == i else zeros_like(x) for k, x in enumerate(operands)], axis)

    return Adjoint(forward, lambda u: u[part], lambda mask: mask[part])


concatenate_row: Op = register(
    Op(
        "concatenate",
        lambda *operands, axis: np.concatenate(operands, axis),
        makers=(_concatenate_local,),
        variadic=True,
        shape=lambda *operands, axis: shapes.concatenate(operands, axis),
        family="structure",
        formula=Formula("[$a, $b, …]", "[$a, $b, \\dots]", ("the part for $a",)),
    )
)


@vocabulary
def concatenate(arrays: Sequence[Any], axis: int | None = 0, *, name: str | None = None) -> Any:
    """Arrays and nodes joined along an axis they have.

    >>> import cgraph as cg
    >>> cg.concatenate([cg.input("a", shape=(2, 3)), cg.input("b", shape=(1, 3))]).shape
    (3, 3)
    """
    arrays = list(arrays)
    if not arrays:
        raise ShapeError("concatenate: nothing to join")
    if axis is None:  # NumPy flattens
        arrays, axis = [reshape(x, -1) for x in arrays], 0
    ndim = len(_shape(arrays[0]))
    if ndim == 0:
        raise ShapeError("concatenate: scalars have no axis to join along; use stack")
    return concatenate_row(*arrays, axis=axes_of(arrays[0], axis)[0], name=name)


@vocabulary
def stack(arrays: Sequence[Any], axis: int = 0, *, name: str | None = None) -> Any:
    """Arrays and nodes of one shape joined along a new axis.

    >>> import cgraph as cg
    >>> cg.stack([cg.parameter("a", 1.0), cg.parameter("b", 2.0), 3.0]).shape
    (3,)
    """
    arrays = list(arrays)
    if not arrays:
        raise ShapeError("stack: nothing to join")
    known = [x.dtype for x in arrays if isinstance(x, np.ndarray | np.generic) or is_node(x)]
    if known:  # a Python number never promotes
        arrays = [
            np.asarray(x, np.result_type(*known, x)) if type(x) in (int, float) else x
            for x in arrays
        ]
    if any(_shape(x) != _shape(arrays[0]) for x in arrays):
        raise ShapeError(f"stack: the shapes {[_shape(x) for x in arrays]} differ")
    axis = axes_of(arrays[0], axis, 1)[0]
    return concatenate([expand_dims(x, axis) for x in arrays], axis, name=name)


@vocabulary
def split(x: Any, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Any]:
    """`x` cut along `axis` into equal parts, or at the given indices, as in NumPy.

    >>> import cgraph as cg
    >>> [part.shape for part in cg.split(cg.input("x", shape=(6,)), 3)]
    [(2,), (2,), (2,)]
    """
    shape = _shape(x)
    axis = axes_of(x, axis)[0]
    n = shape[axis]
    if n is None:
        raise ShapeError("split: the size along the axis must be known")
    if isinstance(indices_or_sections, int):
        if n % indices_or_sections:
            raise ShapeError(f"split: {n} is not divisible by {indices_or_sections}")
        cuts = [*range(0, n, n // indices_or_sections)] if n else [0] * indices_or_sections
    else:
        cuts = [0, *indices_or_sections]
    return [
        x[(slice(None),) * axis + (slice(a, b),)] for a, b in zip(cuts, [*cuts[1:], n], strict=True)
    ]


# --- indexing -----------------------------------------------------------------------------------------------------------------


def _is_basic(index: tuple[Any, ...]) -> bool:
    return all(isinstance(i, int | np.integer | slice) or i is None or i is Ellipsis for i in index)


def _scatter(x: Any, *like: Any, index: tuple[Any, ...], shape: Shape | None = None) -> Any:
    result = np.zeros(_target(shape, like), np.asarray(x).dtype)
    if _is_basic(index):
        result[index] = x  # each entry is named once
    else:
        np.add.at(result, index, x)
    return result


def _getitem_local(out: Any, x: Any, index: tuple[Any, ...]) -> LinearMap:
    reference, own = _shape_of(x)

    def adjoint(upstream: Any) -> Any:
        return scatter_row(upstream, *reference, index=index, shape=own)

    return Adjoint(lambda t: getitem_row(t, index=index), adjoint, nonzero_after(adjoint))


getitem_row: Op = register(
    Op(
        "getitem",
        lambda x, index: np.asarray(x)[index],
        makers=(_getitem_local,),
        shape=lambda x, index: shapes.index(x, index),
        family="structure",
        symbol="[ ]",
        formula=Formula("$a[…]", "$a_{[\\dots]}", ("1 where picked",)),
    )
)
scatter_row: Op = register(
    Op(
        "scatter",
        _scatter,
        makers=(
            lambda out, x, *like, index, shape=None: Adjoint(
                lambda t: scatter_row(t, *like, index=index, shape=shape),
                lambda u: getitem(u, index),
                lambda mask: getitem(mask, index),
            ),
            None,
        ),
        shape=lambda x, *like, index, shape=None: like[0] if shape is None else shape,
        dtype=lambda x, *like: x,
        family="structure",
        doc="Zeros of `shape` with `x` added at `index`: the adjoint of indexing.",
        formula=Formula("$a added into zeros", "$a", ("1", None)),
    )
)


@vocabulary
def getitem(x: Any, index: Any, *, name: str | None = None) -> Any:
    """``x[index]``: basic and fancy indexing as in NumPy. Entries picked twice get both gradients.

    Raises:
        ShapeError: when the index is out of range.
        UnsupportedError: when a node is used as an index.
    """
    parts = index if isinstance(index, tuple) else (index,)
    kept = []
    for part in parts:
        if is_node(part):
            raise UnsupportedError(
                "an index must be known when the graph is built; use its .value, or cg.where for a mask"
            )
        if isinstance(part, list | np.ndarray):
            part = np.array(part)
            if part.size == 0 and part.dtype.kind == "f":
                part = part.astype(np.intp)
            part.setflags(write=False)
        kept.append(part)
    return getitem_row(x, index=tuple(kept), name=name)


# --- cast ---------------------------------------------------------------------------------------------------------------------


def _cast_local(out: Any, x: Any, dtype: str) -> LinearMap:
    back = str(x.dtype)
    return Adjoint(
        lambda t: cast_row(t, dtype=dtype), lambda u: cast_row(u, dtype=back), lambda mask: mask
    )


cast_row: Op = register(
    Op(
        "cast",
        lambda x, dtype: np.asarray(x).astype(dtype, copy=False),
        makers=(_cast_local,),
        shape=lambda x, dtype: x,
        family="structure",
        symbol="dtype",
        formula=Formula("$a in another dtype", "$a", ("1",)),
        doc="Put in wherever dtypes meet: an operand takes the dtype of the result, its gradient comes back in its own.",
    )
)


@vocabulary
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
    return cast_row(x, dtype=target, name=name)


stop_gradient_row: Op = register(
    Op(
        "stop_gradient",
        lambda x: x,
        makers=(None,),
        shape=lambda x: x,
        family="structure",
        symbol="stop",
        formula=Formula("$a", "$a", (None,)),
    )
)


@vocabulary
def stop_gradient(x: Any, *, name: str | None = None) -> Any:
    """`x` itself, through which no gradient flows.

    >>> import cgraph as cg
    >>> w = cg.parameter("w", 3.0)
    >>> float((cg.stop_gradient(w) * w).backward().grad(w))
    3.0
    """
    return stop_gradient_row(x, name=name)
