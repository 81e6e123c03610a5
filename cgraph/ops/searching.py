"""Searching and choosing: places in sorted vectors, counts, entries line by line, choices, and interpolation."""

from __future__ import annotations

from typing import Any

import numpy as np

from cgraph import shapes
from cgraph.errors import ShapeError, UnsupportedError
from cgraph.op import is_node
from cgraph.operators import public
from cgraph.ops.define import (
    known_shape,
    shape_of,
)
from cgraph.ops.elementwise import not_equal
from cgraph.ops.reduction import sum
from cgraph.ops.sorting import flat_or_axis, searchsorted_op, take_along_op
from cgraph.ops.structure import broadcast_to

Shape = shapes.Shape
_INDEX = np.dtype(np.intp)
_BOOL = np.dtype(np.bool_)


@public
def searchsorted(
    a: Any, v: Any, side: str = "left", sorter: Any = None, *, name: str | None = None
) -> Any:
    """Where entries of `v` would stand in the sorted vector `a`: whole numbers, without a derivative."""
    if sorter is not None:
        from cgraph.ops.picking import take

        a = take(a, sorter, 0)
    if side not in ("left", "right"):
        raise ValueError(f"searchsorted: side is 'left' or 'right', not {side!r}")
    return searchsorted_op(a, v, side=side, name=name)


@public
def digitize(x: Any, bins: Any, right: bool = False, *, name: str | None = None) -> Any:
    """Which of the rising `bins` each entry of `x` falls into: a whole number, without a derivative."""
    if not is_node(bins) and np.any(np.diff(bins) < 0):
        raise UnsupportedError("digitize: bins have to rise; turn them round")
    return searchsorted(bins, x, "left" if right else "right", name=name)


@public
def count_nonzero(
    x: Any, axis: Any = None, *, keepdims: bool = False, name: str | None = None
) -> Any:
    """How many entries over `axis` are not 0: a whole number, without a derivative."""
    return sum(not_equal(x, 0), axis, keepdims, name=name)


@public
def bincount(x: Any, weights: Any = None, minlength: int = 0, *, name: str | None = None) -> Any:
    """How often each whole number stands in `x`, an array that is known; with `weights`, which may be a node, their sums.

    >>> import cgraph as cg
    >>> cg.bincount([0, 1, 1], [0.5, 2.0, 3.0])
    array([0.5, 5. ])
    """
    if is_node(x):
        raise UnsupportedError(
            "bincount: the length of the result depends on values; take known numbers, or compare and sum"
        )
    from cgraph.ops.indexing import scatter_op

    x = np.asarray(x)
    n = max(int(x.max(initial=-1)) + 1, minlength)
    if weights is None:
        return np.bincount(x, minlength=minlength)
    return scatter_op(weights, index=(x.astype(np.intp),), shape=(n,), name=name)


@public
def take_along_axis(x: Any, indices: Any, axis: int | None = -1, *, name: str | None = None) -> Any:
    """Entries of `x` by an index for each line along `axis`, as `argsort` and `argmax` give it; the index may be a node.

    >>> import cgraph as cg
    >>> cg.take_along_axis([[1.0, 2.0], [4.0, 3.0]], [[1], [0]], axis=1)
    array([[2.],
           [4.]])
    """
    x, axis = flat_or_axis(x if hasattr(x, "shape") else np.asarray(x), axis)
    indices = indices if is_node(indices) else np.asarray(indices)
    own, places = shape_of(x), shape_of(indices)
    if len(own) != len(places):
        raise ShapeError(
            f"take_along_axis: {own} and an index of {places} have not the same number of dimensions"
        )
    rest = shapes.broadcast(own[:axis] + own[axis + 1 :], places[:axis] + places[axis + 1 :])
    x = _with(x, rest, axis)
    indices = _with(indices, rest, axis)
    if not is_node(indices) and is_node(x):
        from cgraph.leaves import constant

        indices = constant(indices)
    return take_along_op(x, indices, axis=axis, name=name)


def _with(x: Any, rest: Shape, axis: int) -> Any:
    shape = (*rest[:axis], shape_of(x)[axis], *rest[axis:])
    return x if shape_of(x) == shape else broadcast_to(x, known_shape_or(shape))


def known_shape_or(shape: Shape) -> tuple[int, ...]:
    if not shapes.is_static(shape):
        raise UnsupportedError(
            f"take_along_axis: {shape} has to be known to broadcast; declare the sizes"
        )
    return shape  # type: ignore[return-value]


@public
def select(condlist: Any, choicelist: Any, default: Any = 0, *, name: str | None = None) -> Any:
    """Entry by entry the choice of the first condition that is true; `default` where none is.

    >>> import numpy as np
    >>> import cgraph as cg
    >>> x = np.array([-2.0, 0.5, 3.0])
    >>> cg.select([x < 0, x < 1], [0.0, x], 9.0)
    array([0. , 0.5, 9. ])
    """
    from cgraph.ops.elementwise import where

    if len(condlist) != len(choicelist) or not len(condlist):
        raise ShapeError(f"select: {len(condlist)} conditions for {len(choicelist)} choices")
    result = default
    for k in reversed(range(len(condlist))):
        result = where(condlist[k], choicelist[k], result, name=name if k == 0 else None)
    return result


@public
def choose(a: Any, choices: Any, mode: str = "raise", *, name: str | None = None) -> Any:
    """Entry by entry one of the `choices`, by the whole numbers in `a`.

    >>> import numpy as np
    >>> import cgraph as cg
    >>> cg.choose(np.array([1, 0]), [np.array([1.0, 2.0]), np.array([10.0, 20.0])])
    array([10.,  2.])
    """
    from cgraph.ops.elementwise import equal

    if mode != "raise":
        raise UnsupportedError(
            f"choose: mode={mode!r}; bring the numbers into range with % or cg.clip"
        )
    options = list(choices)
    return select(
        [
            equal(a, float(k) if is_node(a) and a.dtype.kind == "f" else k)
            for k in range(len(options))
        ],
        options,
        np.nan,
        name=name,
    )


@public
def interp(
    x: Any,
    xp: Any,
    fp: Any,
    left: Any = None,
    right: Any = None,
    period: Any = None,
    *,
    name: str | None = None,
) -> Any:
    """The broken line through the points (`xp`, `fp`), `xp` rising, at `x`; `left` and `right` of it constant.

    With `period` the line goes on periodically, `xp` is in any order, and `left` and `right` say nothing, as in NumPy.
    `x`, `xp` and `fp` may be nodes. On a point the slope is the mean of those on its two sides.

    >>> import cgraph as cg
    >>> x = cg.parameter("x", [0.5, 1.0])
    >>> cg.sum(cg.interp(x, [0.0, 1.0, 2.0], [0.0, 1.0, 4.0])).backward().grad(x)
    array([1., 2.])
    """
    from cgraph.ops.elementwise import equal, greater, less, maximum, minimum, where
    from cgraph.ops.joining import concatenate
    from cgraph.ops.picking import take
    from cgraph.ops.rounding import remainder
    from cgraph.ops.sorting import argsort

    fp, xp = (
        v if is_node(v) or isinstance(v, np.ndarray) else np.asarray(v, np.float64)
        for v in (fp, xp)
    )
    if period is not None:
        if not period:
            raise ValueError("interp: a period is not 0")
        period, left, right = np.abs(period), None, None
        x, xp = remainder(x, period), remainder(xp, period)
        order = argsort(xp)
        xp, fp = take(xp, order, 0), take(fp, order, 0)
        xp = concatenate([xp[-1:] - period, xp, xp[:1] + period])
        fp = concatenate([fp[-1:], fp, fp[:1]])
    n = known_shape(xp, "interp")[0]

    def line(side: str) -> Any:
        place = minimum(maximum(searchsorted(xp, x, side), 1), max(n - 1, 1))
        x0, x1 = take(xp, place - 1, 0), take(xp, place, 0)
        y0, y1 = take(fp, place - 1, 0), take(fp, place, 0)
        return y0 + (x - x0) * ((y1 - y0) / (x1 - x0))

    first, last = (getitem_at(xp, i) for i in (0, -1))
    low, high = (getitem_at(fp, i) if end is None else end for i, end in ((0, left), (-1, right)))
    inside = line("right") if n < 2 else 0.5 * (line("right") + line("left"))
    # On the first and the last point half the slope is that of the constant beyond it.
    half = 0.5 * inside + 0.5 * where(equal(x, first), getitem_at(fp, 0), getitem_at(fp, -1))
    found = where(equal(x, first) | equal(x, last), half, inside)
    return where(less(x, first), low, where(greater(x, last), high, found), name=name)


def getitem_at(x: Any, i: int) -> Any:
    return x[i]
