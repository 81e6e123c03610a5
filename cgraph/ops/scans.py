"""Running products, extremes and recurrences, and differences: what goes along one axis from entry to entry.

`linear_recurrence`, h[i] = a[i]·h[i−1] + b[i], is its own derivative, forwards and backwards; running products and extremes are
differentiated through it. Nothing is divided by an entry, so zeros are right.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cgraph.errors import ShapeError, UnsupportedError
from cgraph.linear_maps import Adjoint, LinearMap
from cgraph.op import Op, is_node
from cgraph.operators import public
from cgraph.ops.define import (
    F,
    along,
    axis_of,
    batched_along,
    dtype_of,
    known_shape,
    nonzero_after,
    op,
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
from cgraph.ops.reduction import _sum_dtype, cumsum, sum
from cgraph.ops.rounding import remainder
from cgraph.ops.structure import broadcast_to, cast, flattened, reshape, stop_gradient


def _recurrence(a: Any, b: Any, axis: int) -> Any:
    a, b = np.moveaxis(np.asarray(a), axis, 0), np.moveaxis(np.asarray(b), axis, 0)
    result = np.empty(b.shape, np.result_type(a, b))
    for i in range(len(b)):
        result[i] = b[i] if i == 0 else a[i] * result[i - 1] + b[i]
    return np.moveaxis(result, 0, axis)


def _delayed(x: Any, axis: int, first: float) -> Any:
    """Entry i − 1 at i, and `first` at 0."""
    shape = list(known_shape(x, "a running product"))
    if shape[axis] == 0:
        return x
    shape[axis] = 1
    return concatenate(
        [np.full(shape, first, dtype_of(x)), getitem(x, along(axis, slice(None, -1)))], axis
    )


def _backwards(a: Any, u: Any, axis: int) -> Any:
    """The adjoint with respect to b: g[i] = u[i] + a[i+1]·g[i+1], the same recurrence from the end."""
    turned = along(axis, slice(None, None, -1))
    coefficients = _delayed(getitem(a, turned), axis, 0.0)
    return getitem(recurrence_op(coefficients, getitem(u, turned), axis=axis), turned)


class _Recurrence(LinearMap):
    """h[i] = a[i]·h[i−1] + before[i]·t[i]: what enters at i goes on to all entries after it.

    Of an upstream that is zero by structure from some entry on, those entries and their coefficients take no part: what may be inf or
    nan there does not reach the entries before.
    """

    __slots__ = ("a", "axis", "before")

    def __init__(self, a: Any, axis: int, before: Any = 1.0) -> None:
        self.a, self.axis, self.before = a, axis, before

    def jvp(self, tangent: Any) -> Any:
        return recurrence_op(self.a, tangent * self.before, axis=self.axis)

    def vjp(self, upstream: Any) -> Any:
        return _backwards(self.a, upstream, self.axis) * self.before

    def masked_vjp(self, upstream: Any, mask: Any) -> tuple[Any, Any]:
        one = np.ones(known_shape(upstream, "a recurrence"), dtype_of(upstream))
        reached = nonzero_after(lambda u: _backwards(one, u, self.axis))(mask)
        share = _backwards(where(reached, self.a, 0.0), upstream, self.axis) * self.before
        return where(reached, share, 0.0), reached


def _recurrence_a(out: Any, a: Any, b: Any, axis: int) -> LinearMap:
    return _Recurrence(a, axis, _delayed(out, axis, 0.0))


def _recurrence_b(out: Any, a: Any, b: Any, axis: int) -> LinearMap:
    return _Recurrence(a, axis)


def _cumprod_local(out: Any, x: Any, axis: int) -> LinearMap:
    return _Recurrence(x, axis, _delayed(out, axis, 1.0))


def _running_extreme(out: Any, x: Any, axis: int) -> LinearMap:
    """The entries so far that are equal to the extreme share it: sums that start anew with each new extreme, by their number."""
    one: Any = np.ones((), dtype_of(x))
    same = where(equal(out, _delayed(out, axis, np.nan)), one, 0.0)
    hits = where(equal(x, out), one, 0.0)
    share = one / recurrence_op(same, hits, axis=axis)

    def back(u: Any) -> Any:
        return hits * _backwards(same, u * share, axis)

    return Adjoint(
        lambda t: recurrence_op(same, hits * t, axis=axis) * share, back, nonzero_after(back)
    )


def _extreme_margin(sign: float) -> Callable[..., Any]:
    def margin(x: Any, axis: int) -> Any:
        x = sign * np.moveaxis(np.asarray(x, np.float64), axis, 0)
        if x.size == 0 or len(x) < 2:
            return np.inf
        top = np.maximum.accumulate(x, 0)[:-1]
        return np.min(
            np.abs(x[1:] - top) / np.maximum(np.maximum(np.abs(x[1:]), np.abs(top)), 1e-300)
        )

    return margin


def _example(rng: Any) -> Any:
    return (rng.permutation(6).reshape(2, 3) + rng.uniform(0.1, 0.9, (2, 3)),), {
        "axis": int(rng.integers(2))
    }


# fmt: off
recurrence_op: Op = op(
    "linear_recurrence", _recurrence, _recurrence_a, _recurrence_b, batch=batched_along(), shape=lambda a, b, axis: b,
    family="reduction", role="linear",
    formula=F("h[i] = $a[i]·h[i−1] + $b[i]", "h_i = {$a}_i h_{i-1} + {$b}_i", "backwards, times h[i−1]", "the same, backwards",
        adjoint="the same recurrence of UPSTREAM, from the end"),
    example=lambda rng: ((rng.normal(size=(2, 3)), rng.normal(size=(2, 3))), {"axis": int(rng.integers(2))}),
)
cumprod_op: Op = op(
    "cumprod", lambda x, axis: np.cumprod(x, axis=axis), _cumprod_local, shape=lambda x, axis: x, dtype=_sum_dtype,
    family="reduction", symbol="Π",
    formula=F("running product of $a", r"\prod_{j \le i} {$a}_j", "products of the others",
        adjoint="running sums of UPSTREAM times products of the others"),
    example=lambda rng: ((rng.normal(size=(2, 3)) * (rng.random((2, 3)) < 0.8),), {"axis": int(rng.integers(2))}),
)
cummax_op: Op = op(
    "cummax", lambda x, axis: np.maximum.accumulate(x, axis=axis), _running_extreme, shape=lambda x, axis: x, family="reduction",
    margin=_extreme_margin(1.0),
    formula=F("running maximum of $a", r"\max_{j \le i} {$a}_j", "1 at the maximum so far, ties share",
        adjoint="UPSTREAM where $a is the largest so far"), example=_example,
)
cummin_op: Op = op(
    "cummin", lambda x, axis: np.minimum.accumulate(x, axis=axis), _running_extreme, shape=lambda x, axis: x, family="reduction",
    margin=_extreme_margin(-1.0),
    formula=F("running minimum of $a", r"\min_{j \le i} {$a}_j", "1 at the minimum so far, ties share",
        adjoint="UPSTREAM where $a is the smallest so far"), example=_example,
)
# fmt: on


@public
def linear_recurrence(a: Any, b: Any, axis: int = 0, *, name: str | None = None) -> Any:
    """``h[0] = b[0]``, ``h[i] = a[i]·h[i−1] + b[i]`` along `axis`: discounted sums, exponential averages, linear filters.

    Raises:
        ShapeError: when the shapes of `a` and `b` do not broadcast.

    >>> import numpy as np
    >>> import cgraph as cg
    >>> cg.linear_recurrence(np.array([0.0, 0.5, 0.5]), np.array([1.0, 1.0, 1.0]))
    array([1.  , 1.5 , 1.75])
    """
    from cgraph import shapes

    shape: Any = shapes.broadcast(shape_of(a), shape_of(b))
    a, b = (x if shape_of(x) == shape else broadcast_to(x, shape) for x in (a, b))
    return recurrence_op(a, b, axis=axis_of(b, axis), name=name)


def _running(made: Op, text: str) -> Any:
    def function(
        x: Any, axis: int | None = None, *, dtype: Any = None, name: str | None = None
    ) -> Any:
        if dtype is not None:
            x = cast(x, dtype)
        if axis is None:
            x, axis = flattened(x), 0
        return made(x, axis=axis_of(x, axis), name=name)

    function.__name__ = function.__qualname__ = made.name
    function.__doc__ = f"""{text}

    Raises:
        ShapeError: when the axis is out of range, naming the node.
    """
    return public(function)


cumprod = _running(
    cumprod_op,
    "Running products along `axis` (of all entries in order by default); the gradient is right where entries are 0.",
)
cummax = _running(
    cummax_op,
    "Running maxima along `axis` (of all entries in order by default): ``np.maximum.accumulate``. Ties share.",
)
cummin = _running(
    cummin_op,
    "Running minima along `axis` (of all entries in order by default): ``np.minimum.accumulate``. Ties share.",
)


def _cumulative(running: Any, first: float, function_name: str, what: str) -> Any:
    def function(
        x: Any,
        axis: int | None = None,
        dtype: Any = None,
        include_initial: bool = False,
        *,
        name: str | None = None,
    ) -> Any:
        if axis is None and len(shape_of(x)) > 1:
            raise ShapeError(f"{function_name}: give axis= for more than one dimension")
        axis = axis_of(x, 0 if axis is None else axis)
        result = running(x, axis, dtype=dtype, name=None if include_initial else name)
        if not include_initial:
            return result
        shape = list(known_shape(x, function_name))
        shape[axis] = 1
        return concatenate([np.full(shape, first, dtype_of(result)), result], axis, name=name)

    function.__name__ = function.__qualname__ = function_name
    function.__doc__ = f"Running {what} along `axis`, as the array API has them; `include_initial` puts {first:g} before them."
    return public(function)


cumulative_sum = _cumulative(cumsum, 0.0, "cumulative_sum", "sums")
cumulative_prod = _cumulative(cumprod, 1.0, "cumulative_prod", "products")


# --- differences ----------------------------------------------------------------------------------------------------------------


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
