"""Moving, repeating and cutting out: flips and rolls, tiles and pads, diagonals and triangles, picking by index.

Most are compositions of indexing, reshaping and broadcasting, and as exact as these; `roll`, and `take` with an index that is computed,
are ops of their own.
"""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from cgraph import shapes
from cgraph.errors import ShapeError, UnsupportedError
from cgraph.op import Op, is_node
from cgraph.operators import public
from cgraph.ops.define import (
    F,
    along,
    axes_of,
    axis_of,
    dtype_of,
    known_shape,
    like,
    linear_op,
    shape_of,
)
from cgraph.ops.elementwise import where
from cgraph.ops.indexing import getitem, scatter_op
from cgraph.ops.joining import concatenate
from cgraph.ops.reduction import max, mean, min, sum
from cgraph.ops.structure import (
    broadcast_to,
    expand_dims,
    flattened,
    reshape,
    target_shape,
    transpose,
)

Shape = shapes.Shape


def _roll_adjoint(u: Any, x: Any, shift: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    return roll_op(u, shift=tuple(-s for s in shift), axes=axes)


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
roll_op: Op = linear_op(
    "roll", lambda x, shift, axes: np.roll(x, shift, axes), _roll_adjoint, mask=_roll_adjoint, shape=lambda x, shift, axes: x, symbol="↻",
    batch="axes",
    formula=F("$a, rolled", r"\operatorname{roll} $a", "1, rolled back", adjoint="UPSTREAM rolled back"),
    example=lambda rng: ((rng.normal(size=(2, 3)),), {"shift": (1, -2), "axes": (0, 1)}),
)
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
def roll(x: Any, shift: Any, axis: Any = None, *, name: str | None = None) -> Any:
    """`x` with its entries moved round along `axis`; those that leave at the end come in at the beginning.

    >>> import cgraph as cg
    >>> cg.roll([1.0, 2.0, 3.0], 1)
    array([3., 1., 2.])
    """
    if axis is None:
        flat = roll(flattened(x), int(np.sum(shift)), 0)
        return reshape(flat, known_shape(x, "roll without an axis"), name=name)
    shifts, axes = np.broadcast_arrays(shift, axis)
    return roll_op(
        x,
        shift=tuple(int(s) for s in shifts.flat),
        axes=tuple(axis_of(x, int(a)) for a in axes.flat),
        name=name,
    )


@public
def flip(x: Any, axis: Any = None, *, name: str | None = None) -> Any:
    """`x` in reverse order along `axis` (all axes by default).

    >>> import cgraph as cg
    >>> cg.flip([1.0, 2.0, 3.0])
    array([3., 2., 1.])
    """
    axes = axes_of(x, axis)
    index = tuple(
        slice(None, None, -1) if i in axes else slice(None) for i in range(len(shape_of(x)))
    )
    return getitem(x, index, name=name)


@public
def fliplr(x: Any, *, name: str | None = None) -> Any:
    """`x` with its columns in reverse order."""
    return flip(x, 1, name=name)


@public
def flipud(x: Any, *, name: str | None = None) -> Any:
    """`x` with its rows in reverse order."""
    return flip(x, 0, name=name)


@public
def rot90(x: Any, k: int = 1, axes: Sequence[int] = (0, 1), *, name: str | None = None) -> Any:
    """`x` turned by 90 degrees, `k` times, in the plane of two axes."""
    first, second = (axis_of(x, a) for a in axes)
    order = list(range(len(shape_of(x))))
    order[first], order[second] = second, first
    match k % 4:
        case 0:
            return getitem(x, Ellipsis, name=name)
        case 1:
            return transpose(flip(x, second), order, name=name)
        case 2:
            return flip(x, (first, second), name=name)
        case _:
            return flip(transpose(x, order), second, name=name)


@public
def moveaxis(x: Any, source: Any, destination: Any, *, name: str | None = None) -> Any:
    """`x` with axes moved to new places; the others keep their order.

    >>> import cgraph as cg
    >>> cg.moveaxis(cg.input("x", shape=(2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    sources = [axis_of(x, int(a)) for a in np.atleast_1d(source)]
    places = [axis_of(x, int(a)) for a in np.atleast_1d(destination)]
    if len(sources) != len(places):
        raise ShapeError(f"moveaxis: {len(sources)} axes cannot go to {len(places)} places")
    order = [i for i in range(len(shape_of(x))) if i not in sources]
    for place, axis in sorted(zip(places, sources, strict=True)):
        order.insert(place, axis)
    return transpose(x, order, name=name)


@public
def rollaxis(x: Any, axis: int, start: int = 0, *, name: str | None = None) -> Any:
    """`x` with one axis moved before another: `moveaxis` is easier to read."""
    ndim = len(shape_of(x))
    axis, start = axis_of(x, axis), start + ndim if start < 0 else start
    return moveaxis(x, axis, start - 1 if axis < start else start, name=name)


@public
def repeat(x: Any, repeats: Any, axis: int | None = None, *, name: str | None = None) -> Any:
    """Each entry of `x` several times along `axis`; of all entries in order, if it is not given.

    >>> import cgraph as cg
    >>> cg.repeat([1.0, 2.0], 2)
    array([1., 1., 2., 2.])
    """
    if axis is None:
        x, axis = flattened(x), 0
    axis = axis_of(x, axis)
    shape = known_shape(x, "repeat")
    counts = np.asarray(repeats)
    if counts.size == 1:
        n = int(counts.reshape(()))
        wide = broadcast_to(expand_dims(x, axis + 1), (*shape[: axis + 1], n, *shape[axis + 1 :]))
        return reshape(wide, (*shape[:axis], shape[axis] * n, *shape[axis + 1 :]), name=name)
    return getitem(x, along(axis, np.repeat(np.arange(shape[axis]), counts)), name=name)


@public
def tile(x: Any, reps: Any, *, name: str | None = None) -> Any:
    """Copies of `x` side by side, `reps` times along each axis.

    >>> import cgraph as cg
    >>> cg.tile([1.0, 2.0], 2)
    array([1., 2., 1., 2.])
    """
    counts = [int(n) for n in np.atleast_1d(reps)]
    shape = known_shape(x, "tile")
    shape = (1,) * (len(counts) - len(shape)) + shape
    counts = [1] * (len(shape) - len(counts)) + counts
    apart = [n for size in shape for n in (1, size)]
    wide = broadcast_to(
        reshape(x, apart), [n for pair in zip(counts, shape, strict=True) for n in pair]
    )
    return reshape(wide, [c * n for c, n in zip(counts, shape, strict=True)], name=name)


# --- padding --------------------------------------------------------------------------------------------------------------------

# Modes whose borders are entries of the array: NumPy is asked which.
_COPIES = ("edge", "reflect", "symmetric", "wrap")


def _each_side(value: Any, ndim: int) -> list[tuple[Any, Any]]:
    return [(low, high) for low, high in np.broadcast_to(np.asarray(value), (ndim, 2)).tolist()]


@public
def pad(
    x: Any, pad_width: Any, mode: Any = "constant", *, name: str | None = None, **options: Any
) -> Any:
    """`x` with a border: NumPy's modes and their options (``constant_values=``, ``reflect_type=``, ``stat_length=``, ``end_values=``).

    Raises:
        UnsupportedError: for a mode that is a function, and for "empty", which would leave the border undefined.

    >>> import cgraph as cg
    >>> cg.pad([1.0, 2.0, 3.0], 2, mode="reflect")
    array([3., 2., 1., 2., 3., 2., 1.])
    """
    shape = known_shape(x, "pad")
    if isinstance(pad_width, dict):
        pad_width = [
            pad_width.get(i, pad_width.get(i - len(shape), (0, 0))) for i in range(len(shape))
        ]
        pad_width = [(w, w) if np.ndim(w) == 0 else w for w in pad_width]
    widths = [(int(low), int(high)) for low, high in _each_side(pad_width, len(shape))]
    if builtins.min((n for pair in widths for n in pair), default=0) < 0:
        raise ShapeError(f"pad: a width in {widths} is negative")
    if mode == "constant":
        values = options.get("constant_values", 0)
        values = None if is_node(values) else _each_side(values, len(shape))
    elif callable(mode) or mode == "empty":
        raise UnsupportedError(
            f"pad: mode {mode!r} has no derivative that could be known; pad with cg.concatenate"
        )
    result = x
    for axis, (low, high) in enumerate(widths):
        if low or high:
            if mode == "constant":
                ends = (options["constant_values"],) * 2 if values is None else values[axis]
                result = _between(
                    result,
                    axis,
                    *(_filled(result, axis, n, v) for n, v in zip((low, high), ends, strict=True)),
                )
            elif mode in _COPIES:
                index = (
                    np.pad(np.arange(shape[axis]), (low, high), mode)
                    if options.get("reflect_type", "even") == "even"
                    else None
                )
                result = (
                    _odd(result, axis, low, high, mode)
                    if index is None
                    else getitem(result, along(axis, index))
                )
            else:
                result = _statistical(result, axis, low, high, mode, options, len(shape))
    return getitem(result, Ellipsis, name=name) if name is not None or result is x else result


def _between(x: Any, axis: int, before: Any, after: Any) -> Any:
    return concatenate([part for part in (before, x, after) if part is not None], axis)


def _filled(x: Any, axis: int, n: int, value: Any) -> Any:
    """`n` entries of a value along an axis, a number or a node; None for none."""
    shape = list(shape_of(x))
    shape[axis] = n
    if not n:
        return None
    return broadcast_to(value, shape) if is_node(value) else np.full(shape, value, dtype_of(x))


def _odd(x: Any, axis: int, low: int, high: int, mode: str) -> Any:
    """Reflected through the edge entry: 2·edge − reflection."""
    n = known_shape(x, "pad")[axis]
    if builtins.max(low, high) > n - (mode == "reflect"):
        raise UnsupportedError("pad: reflect_type='odd' wider than the array; pad in several steps")
    start = int(mode == "reflect")
    parts = []
    for width, edge, picked in (
        (low, 0, slice(start, start + low)),
        (high, n - 1, slice(n - start - high, n - start)),
    ):
        mirrored = flip(getitem(x, along(axis, picked)), axis)
        parts.append(
            2.0 * getitem(x, along(axis, slice(edge, edge + 1))) - mirrored if width else None
        )
    return _between(x, axis, *parts)


def _statistical(
    x: Any, axis: int, low: int, high: int, mode: str, options: dict[str, Any], ndim: int
) -> Any:
    n = known_shape(x, "pad")[axis]
    if mode == "linear_ramp":
        parts = []
        ends = _each_side(options.get("end_values", 0), ndim)[axis]
        for width, end, edge, rising in ((low, ends[0], 0, True), (high, ends[1], n - 1, False)):
            ramp = np.arange(width, dtype=dtype_of(x)) / builtins.max(width, 1)
            ramp = (ramp if rising else ramp[::-1]).reshape(
                -1, *(1,) * (len(shape_of(x)) - axis - 1)
            )
            border = getitem(x, along(axis, slice(edge, edge + 1)))
            parts.append(end + (border - end) * ramp if width else None)
        return _between(x, axis, *parts)
    from cgraph.ops.statistics import median

    statistics: dict[str, Any] = {"maximum": max, "minimum": min, "mean": mean, "median": median}
    if mode not in statistics:
        raise UnsupportedError(f"pad: no mode {mode!r}")
    length = options.get("stat_length")
    lengths = (n, n) if length is None else _each_side(length, ndim)[axis]
    parts = []
    for width, picked in (
        (low, slice(0, lengths[0])),
        (high, slice(builtins.max(n - lengths[1], 0), n)),
    ):
        one = statistics[mode](getitem(x, along(axis, picked)), axis=axis, keepdims=True)
        parts.append(repeat(one, width, axis) if width else None)
    return _between(x, axis, *parts)


# --- picking --------------------------------------------------------------------------------------------------------------------


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
