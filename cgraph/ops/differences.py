"""Differences from entry to entry, and what is built of them: slopes, integrals, angles without jumps."""

from __future__ import annotations

from typing import Any

import numpy as np

from cgraph.errors import ShapeError, UnsupportedError
from cgraph.op import is_node
from cgraph.operators import public
from cgraph.ops.define import (
    along,
    axis_of,
    dtype_of,
    known_shape,
    shape_of,
)
from cgraph.ops.elementwise import (
    abs,
    divide,
    equal,
    greater,
    less,
    logical_and,
    multiply,
    not_equal,
    subtract,
    where,
)
from cgraph.ops.indexing import getitem
from cgraph.ops.joining import concatenate
from cgraph.ops.reduction import sum
from cgraph.ops.rounding import remainder
from cgraph.ops.scans import cumsum
from cgraph.ops.structure import broadcast_to, flattened, reshape, stop_gradient


@public
def diff(
    x: Any,
    n: int = 1,
    axis: int = -1,
    prepend: Any = None,
    append: Any = None,
    *,
    name: str | None = None,
) -> Any:
    """Differences of neighbours along `axis`, `n` times.

    >>> import cgraph as cg
    >>> cg.diff([1.0, 3.0, 6.0])
    array([2., 3.])
    """
    axis = axis_of(x, axis)
    ends = [prepend, x, append]
    if prepend is not None or append is not None:
        shape = list(known_shape(x, "diff with prepend or append"))
        shape[axis] = 1
        x = concatenate(
            [broadcast_to(e, shape) if not shape_of(e) else e for e in ends if e is not None], axis
        )
    later, earlier = along(axis, slice(1, None)), along(axis, slice(None, -1))
    if n == 0:
        return getitem(x, Ellipsis, name=name)
    for k in range(n):
        step = not_equal if dtype_of(x).kind == "b" else subtract
        x = step(getitem(x, later), getitem(x, earlier), name=name if k == n - 1 else None)
    return x


def _in_dtype(end: Any, x: Any) -> Any:
    """What is put beside `x` takes its dtype, as in NumPy."""
    return end if is_node(end) else np.asarray(end).astype(dtype_of(x), casting="same_kind")


@public
def unwrap(
    p: Any,
    discont: float | None = None,
    axis: int = -1,
    *,
    period: float = 2 * np.pi,
    name: str | None = None,
) -> Any:
    """Angles along `axis` without jumps of a `period`; the turns that are put in do not move, so the local gradient is 1.

    >>> import numpy as np
    >>> import cgraph as cg
    >>> cg.unwrap(np.array([0.0, 3.0, -3.0])).round(3)
    array([0.   , 3.   , 3.283])
    """
    axis = axis_of(p, axis)
    steps = stop_gradient(diff(p, axis=axis))
    half = period / 2.0
    wrapped = remainder(steps + half, period) - half
    wrapped = where(logical_and(equal(wrapped, -half), greater(steps, 0.0)), half, wrapped)
    small = less(abs(steps), half if discont is None else discont)
    turns = cumsum(where(small, 0.0, wrapped - steps), axis)
    rest = getitem(p, along(axis, slice(1, None))) + turns
    return concatenate([getitem(p, along(axis, slice(0, 1))), rest], axis, name=name)


@public
def ediff1d(x: Any, to_end: Any = None, to_begin: Any = None, *, name: str | None = None) -> Any:
    """Differences of neighbours among all entries in order, with something before and after them."""
    parts = [diff(flattened(x))]
    if to_begin is not None:
        parts.insert(0, reshape(_in_dtype(to_begin, x), -1))
    if to_end is not None:
        parts.append(reshape(_in_dtype(to_end, x), -1))
    return concatenate(parts, 0, name=name)


@public
def trapezoid(
    y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1, *, name: str | None = None
) -> Any:
    """The integral of `y` along `axis` by the trapezoidal rule.

    >>> import cgraph as cg
    >>> float(cg.trapezoid([1.0, 3.0, 5.0]))
    6.0
    """
    axis = axis_of(y, axis)
    widths = dx
    if x is not None:
        widths = diff(x, axis=axis if len(shape_of(x)) > 1 else 0)
        if len(shape_of(x)) == 1:
            widths = reshape(widths, (-1, *(1,) * (len(shape_of(y)) - axis - 1)))
    pairs = getitem(y, along(axis, slice(1, None))) + getitem(y, along(axis, slice(None, -1)))
    return sum(multiply(widths, pairs) / 2.0, axis=axis, name=name)


@public
def central_differences(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """``np.gradient``: slopes of samples, by central differences inside and one-sided ones at the ends.

    Called `central_differences` because ``cg.gradient`` is the derivative of a graph; ``np.gradient(node)`` comes here.

    Args:
        f: the samples.
        varargs: one spacing for all axes, or for each a number or an array of coordinates.
        axis: the axis, or axes; all by default.
        edge_order: 1 or 2: the order of the differences at the ends.

    Returns:
        The slopes along the axis; a list of them for several.

    >>> import cgraph as cg
    >>> cg.central_differences([1.0, 2.0, 4.0])
    array([1. , 1.5, 2. ])
    """
    shape = known_shape(f, "np.gradient")
    axes = [
        axis_of(f, int(a)) for a in (range(len(shape)) if axis is None else np.atleast_1d(axis))
    ]
    spacings: Any = varargs or (1.0,)
    if len(spacings) == 1:
        spacings = spacings * len(axes)
    if len(spacings) != len(axes):
        raise ShapeError(f"np.gradient: {len(spacings)} spacings for {len(axes)} axes")
    if edge_order not in (1, 2):
        raise UnsupportedError("np.gradient: edge_order is 1 or 2")
    found = [_slopes(f, a, h, shape[a], edge_order) for a, h in zip(axes, spacings, strict=True)]
    return found[0] if len(found) == 1 else found


def _slopes(f: Any, axis: int, spacing: Any, n: int, edge_order: int) -> Any:
    if n <= edge_order:
        raise ShapeError(f"np.gradient: {n} samples along axis {axis} are too few")

    def at(start: int | None, stop: int | None) -> Any:
        return getitem(f, along(axis, slice(start, stop)))

    if len(shape_of(spacing)) == 1:
        shaped = (-1, *(1,) * (len(shape_of(f)) - axis - 1))
        h = reshape(diff(spacing), shaped)
        first, second = h[: n - 2], h[1:]
        before = -second / (first * (first + second))
        middle = (second - first) / (first * second)
        after = first / (second * (first + second))
        h0, h1, k0, k1 = (h[i] for i in ((0, 1, -1, -2) if n > 2 else (0, 0, 0, 0)))
    else:
        h0 = h1 = k0 = k1 = spacing
        before, middle, after = divide(-0.5, spacing), None, divide(0.5, spacing)
    inside = before * at(None, -2) + after * at(2, None)
    if middle is not None:
        inside = inside + middle * at(1, -1)
    if edge_order == 1:
        low = (at(1, 2) - at(0, 1)) / h0
        high = (at(n - 1, None) - at(n - 2, n - 1)) / k0
    else:
        low = _end(h0, h1, at(0, 1), at(1, 2), at(2, 3), -1.0)
        high = _end(k0, k1, at(n - 1, None), at(n - 2, n - 1), at(n - 3, n - 2), 1.0)
    return concatenate([low, inside, high], axis)


def _end(h: Any, k: Any, edge: Any, next_one: Any, third: Any, sign: float) -> Any:
    """The slope at an end from three samples, the two steps from there being h and k."""
    slope = (
        (2.0 * h + k) / (h * (h + k)) * edge
        - (h + k) / (h * k) * next_one
        + h / (k * (h + k)) * third
    )
    return sign * slope
