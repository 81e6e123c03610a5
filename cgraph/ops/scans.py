"""Running sums, products, extremes and recurrences: what goes along one axis from entry to entry.

`linear_recurrence`, h[i] = a[i]·h[i−1] + b[i], is its own derivative, forwards and backwards; running products and extremes are
differentiated through it. Nothing is divided by an entry, so zeros are right.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cgraph.errors import ShapeError
from cgraph.linear_maps import Adjoint, LinearMap
from cgraph.op import Op
from cgraph.operators import public
from cgraph.ops.define import (
    F,
    along,
    axis_of,
    batched_along,
    dtype_of,
    known_shape,
    linear_op,
    nonzero_after,
    op,
    shape_of,
)
from cgraph.ops.elementwise import (
    equal,
    where,
)
from cgraph.ops.indexing import getitem
from cgraph.ops.joining import concatenate
from cgraph.ops.reduction import _sum_dtype
from cgraph.ops.structure import broadcast_to, cast, flattened


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


def _cumsum_adjoint(u: Any, x: Any, axis: int) -> Any:
    back = (slice(None),) * axis + (slice(None, None, -1),)
    return cumsum_op(u[back], axis=axis)[back]


# fmt: off
cumsum_op: Op = linear_op(
    "cumsum", lambda x, axis: np.cumsum(x, axis=axis), _cumsum_adjoint, shape=lambda x, axis: x, dtype=_sum_dtype, family="reduction",
    role="linear", formula=F("running sum of $a", r"\sum_{j \le i} {$a}_j", "1 from there on",
        adjoint="running sum of UPSTREAM from the end"),
)
# fmt: on


@public
def cumsum(x: Any, axis: int | None = None, *, dtype: Any = None, name: str | None = None) -> Any:
    """Running sums along `axis`; of all entries in order, if it is not given.

    Raises:
        ShapeError: when the axis is out of range, naming the node.

    >>> import cgraph as cg
    >>> cg.cumsum([1.0, 2.0, 3.0])
    array([1., 3., 6.])
    """
    if dtype is not None:
        x = cast(x, dtype)
    if axis is None:
        x, axis = flattened(x), 0
    return cumsum_op(x, axis=axis_of(x, axis), name=name)


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
