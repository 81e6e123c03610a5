"""Padding: `pad` with the modes of NumPy, each a composition of joining and picking."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from cgraph import shapes
from cgraph.errors import ShapeError, UnsupportedError
from cgraph.op import is_node
from cgraph.operators import public
from cgraph.ops.define import (
    along,
    dtype_of,
    known_shape,
    shape_of,
)
from cgraph.ops.indexing import getitem
from cgraph.ops.joining import concatenate
from cgraph.ops.moving import flip, repeat
from cgraph.ops.reduction import max, mean, min
from cgraph.ops.structure import (
    broadcast_to,
)

Shape = shapes.Shape


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
