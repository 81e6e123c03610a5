"""Moving and repeating: rolls, flips, turns, tiles.

Most are compositions of indexing, reshaping and broadcasting, and as exact as these; `roll` is an op of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cgraph import shapes
from cgraph.errors import ShapeError
from cgraph.op import Op
from cgraph.operators import public
from cgraph.ops.define import (
    F,
    along,
    axes_of,
    axis_of,
    known_shape,
    linear_op,
    shape_of,
)
from cgraph.ops.indexing import getitem
from cgraph.ops.structure import (
    broadcast_to,
    expand_dims,
    flattened,
    reshape,
    transpose,
)

Shape = shapes.Shape


def _roll_adjoint(u: Any, x: Any, shift: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    return roll_op(u, shift=tuple(-s for s in shift), axes=axes)


# fmt: off
roll_op: Op = linear_op(
    "roll", lambda x, shift, axes: np.roll(x, shift, axes), _roll_adjoint, mask=_roll_adjoint, shape=lambda x, shift, axes: x, symbol="↻",
    batch="axes",
    formula=F("$a, rolled", r"\operatorname{roll} $a", "1, rolled back", adjoint="UPSTREAM rolled back"),
    example=lambda rng: ((rng.normal(size=(2, 3)),), {"shift": (1, -2), "axes": (0, 1)}),
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
