"""Averages, order statistics and covariance: compositions of sums, sorting and choosing.

A median or quantile is a mean of sorted entries, so its gradient goes to the entries that stand in the middle; those that tie share.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cgraph.errors import ShapeError, UnsupportedError
from cgraph.numpy_names import public, with_arguments_of
from cgraph.op import is_node
from cgraph.ops.define import axes_of, axis_of, dtype_of, known_shape, shape_of
from cgraph.ops.elementwise import divide, less, minimum, multiply, sqrt, subtract, where
from cgraph.ops.joining import concatenate, stack
from cgraph.ops.linalg import matmul
from cgraph.ops.reduction import Axis, max, mean, min, sum
from cgraph.ops.rounding import isnan, positive
from cgraph.ops.scans import cumsum
from cgraph.ops.searching import take_along_axis
from cgraph.ops.sorting import argsort, sort
from cgraph.ops.structure import broadcast_to, cast, expand_dims, reshape, transpose


@public
def average(
    x: Any,
    axis: Axis = None,
    weights: Any = None,
    returned: bool = False,
    *,
    keepdims: bool = False,
    name: str | None = None,
) -> Any:
    """The mean over `axis`, weighted if `weights` are given; with `returned`, the sum of the weights too.

    >>> import cgraph as cg
    >>> float(cg.average([1.0, 2.0, 6.0], weights=[1.0, 1.0, 2.0]))
    3.75
    """
    if weights is None:
        result = mean(x, axis, keepdims, name=name)
        if not returned:
            return result
        count = np.prod([known_shape(x, "average")[a] for a in axes_of(x, axis)])
        return result, np.full(known_shape(result, "average"), float(count))
    weights = weighed(x, axis, weights, "average")
    total = sum(weights, axis, keepdims)
    result = divide(sum(multiply(x, weights), axis, keepdims), total, name=name)
    return (result, total) if returned else result


def weighed(x: Any, axis: Axis, weights: Any, what: str) -> Any:
    """Weights of the shape of `x`, from such weights or from a vector along one axis.

    Raises:
        ShapeError: when they are neither.
    """
    weights = weights if is_node(weights) else np.asarray(weights, dtype_of(x))
    if shape_of(weights) != shape_of(x):
        if not isinstance(axis, int | np.integer) or len(shape_of(weights)) != 1:
            raise ShapeError(f"{what}: weights need the shape of x, or to be a vector along one axis")  # fmt: skip
        weights = reshape(weights, (-1, *(1,) * (len(shape_of(x)) - axis_of(x, int(axis)) - 1)))
    return weights * broadcast_to(np.ones((), dtype_of(x)), known_shape(x, what))


@public
def ptp(x: Any, axis: Axis = None, keepdims: bool = False, *, name: str | None = None) -> Any:
    """The largest less the smallest entry over `axis`."""
    return subtract(max(x, axis, keepdims), min(x, axis, keepdims), name=name)


# --- quantiles ------------------------------------------------------------------------------------------------------------------


def lined_up(x: Any, axis: Axis) -> tuple[Any, tuple[int, ...]]:
    """`x` with the axes to be reduced as one last axis."""
    axes = axes_of(x, axis)
    shape = known_shape(x, "a quantile")
    rest = [i for i in range(len(shape)) if i not in axes]
    if not axes:
        return expand_dims(x, -1), axes
    moved = transpose(x, [*rest, *axes])
    return reshape(moved, [*(shape[i] for i in rest), int(np.prod([shape[i] for i in axes]))]), axes


def _place(n: int, q: float, method: str) -> tuple[int, int, float]:
    """Between which two places of `n` sorted entries a quantile lies, and how far from the first, as NumPy finds them."""
    try:
        place = float(np.quantile(np.arange(float(n)), q, method=method))  # type: ignore[call-overload]
    except ValueError as error:
        raise UnsupportedError(f"quantile: {error}; cg.sort gives all that a quantile is made of") from None  # fmt: skip
    low = int(place)
    return low, low + 1 if low + 1 < n else low, place - low


def _heavy(ordered: Any, weights: Any, q: float) -> Any:
    """The first of the sorted entries up to which a share `q` of the weights lies."""
    so_far = cumsum(weights, -1)
    below = less(so_far, q * so_far[..., -1:]) | (so_far <= 0.0)  # an entry of weight 0 is none
    last = known_shape(ordered, "quantile")[-1] - 1
    place = minimum(sum(cast(below, np.int64), -1, keepdims=True), last)
    return take_along_axis(ordered, place, -1)[..., 0]


@public
def quantile(
    x: Any,
    q: Any,
    axis: Axis = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: Any = None,
    name: str | None = None,
) -> Any:
    """The value below which a share `q` (a number or an array that is known) of the entries over `axis` lies.

    Args:
        x, axis, keepdims: as in `mean`.
        method: NumPy's, of R. J. Hyndman and Y. Fan (1996). Where one jumps, its value goes over from one entry to the next.
        weights: of the shape of `x`, or a vector along one axis; as in NumPy only with ``method="inverted_cdf"``. They decide which
            entry is taken and have no derivative.

    Raises:
        UnsupportedError: for a `q` that is a node, a method that is not there, and weights with another method.

    >>> import cgraph as cg
    >>> x = cg.parameter("x", [3.0, 1.0, 2.0, 5.0])
    >>> cg.quantile(x, 0.5).backward().grad(x)
    array([0.5, 0. , 0.5, 0. ])
    """  # fmt: skip
    if weights is not None and method != "inverted_cdf":
        raise UnsupportedError(
            'quantile: weights need method="inverted_cdf", as in NumPy; cg.average weighs a mean'
        )
    if is_node(q):
        raise UnsupportedError(
            "quantile: q has to be known when the graph is built; use its .value"
        )
    shares = np.asarray(q, np.float64)
    if np.any((shares < 0) | (shares > 1)):
        raise ValueError("quantile: q lies between 0 and 1")
    lines, axes = lined_up(x, axis)
    n = known_shape(lines, "quantile")[-1]
    if n == 0:
        raise ShapeError("quantile: of nothing")
    if weights is None:
        ordered = sort(lines)
    else:
        order = argsort(lines)
        ordered = take_along_axis(lines, order, -1)
        heavy = take_along_axis(lined_up(weighed(x, axis, weights, "quantile"), axis)[0], order, -1)
    last = ordered[..., -1]

    def one(share: float) -> Any:
        if weights is not None:
            value = _heavy(ordered, heavy, share)
        else:
            low, high, part = _place(n, share, method)
            value = ordered[..., low]
            if part:
                value = value + (ordered[..., high] - value) * part
        # NaN stands last when sorted, and makes the quantile NaN, as in NumPy.
        value = where(isnan(last), last, value)
        return value

    return for_each_share(one, q, x, axes if keepdims else (), name)


def for_each_share(
    one: Callable[[float], Any], q: Any, x: Any, kept: tuple[int, ...], name: str | None
) -> Any:
    """`one` quantile of `x` for every share in `q`, with the axes in `kept` as axes of size 1."""
    shares = np.asarray(q, np.float64)
    found = [one(float(share)) for share in shares.flat]
    if kept:
        sizes = [1 if i in kept else n for i, n in enumerate(shape_of(x))]
        found = [reshape(value, sizes) for value in found]
    if not shares.shape:
        return positive(found[0], name=name) if name is not None else found[0]
    return reshape(stack(found), (*shares.shape, *shape_of(found[0])), name=name)


def percent(q: Any) -> Any:
    """Shares of one, from percent."""
    return q if is_node(q) else np.asarray(q) / 100.0


@with_arguments_of(quantile)
def percentile(x: Any, q: Any, *args: Any, **options: Any) -> Any:
    """`quantile` with `q` in percent."""
    return quantile(x, percent(q), *args, **options)


@public
def median(
    x: Any,
    axis: Axis = None,
    overwrite_input: bool = False,
    keepdims: bool = False,
    *,
    name: str | None = None,
) -> Any:
    """The middle entry over `axis`, or the mean of the two in the middle.

    >>> import cgraph as cg
    >>> x = cg.parameter("x", [3.0, 1.0, 2.0])
    >>> cg.median(x).backward().grad(x)
    array([0., 0., 1.])
    """
    if 0 in (shape_of(x)[a] for a in axes_of(x, axis)):
        return mean(x, axis, keepdims, name=name)  # NaN over nothing
    return quantile(x, 0.5, axis, keepdims=keepdims, name=name)


# --- covariance -----------------------------------------------------------------------------------------------------------------


def _variables(x: Any, rowvar: bool) -> Any:
    if len(shape_of(x)) > 2:
        raise ShapeError(f"cov: takes a vector or a matrix, not {shape_of(x)}")
    if len(shape_of(x)) < 2:
        return reshape(x, (1, -1))
    return x if rowvar or shape_of(x)[0] == 1 else transpose(x)


def _observation_weights(n: int, dtype: Any, fweights: Any, aweights: Any) -> tuple[Any, Any]:
    """The weight of each observation, and the part of it that says how sure it is."""
    given = [
        1.0 if w is None else w if is_node(w) else np.asarray(w, dtype)
        for w in (fweights, aweights)
    ]
    for name, w in zip(("fweights", "aweights"), given, strict=True):
        if shape_of(w) not in ((), (n,)):
            raise ShapeError(f"cov: {name} has shape {shape_of(w)}; there are {n} observations")
        if not is_node(w) and np.any(np.asarray(w) < 0):
            raise ValueError(f"cov: {name} must not be negative")
    counts, sure = given
    return broadcast_to(counts * sure, (n,)), sure


@public
def cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: Any = None,
    aweights: Any = None,
    *,
    dtype: Any = None,
    name: str | None = None,
) -> Any:
    """The covariance matrix of variables in rows (or columns, with ``rowvar=False``).

    Args:
        m, y: observations of one variable (n,) or of several (k, n).
        bias, ddof: the divisor is n − 1, or n with `bias`, or n − ddof.
        fweights: (n,), how often each observation was made.
        aweights: (n,), how much each counts; a node, if you like, with a gradient.

    >>> import cgraph as cg
    >>> cg.cov([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])
    array([[ 1., -1.],
           [-1.,  1.]])
    """  # fmt: skip
    x = _variables(m, rowvar)
    if y is not None:
        x = concatenate([x, _variables(y, rowvar)], 0)
    if dtype is not None:
        x = cast(x, dtype)
    n = known_shape(x, "cov")[1]
    less_free: int = ddof if ddof is not None else 0 if bias else 1
    if fweights is None and aweights is None:
        deviation = x - mean(x, 1, keepdims=True)
        freedom: Any = float(n - less_free) if n > less_free else 0.0
        result = divide(matmul(deviation, transpose(deviation)), freedom)
    else:
        w, sure = _observation_weights(n, dtype_of(x), fweights, aweights)
        total = sum(w)
        deviation = x - divide(sum(x * w, 1, keepdims=True), total)
        freedom = total - less_free * (1.0 if aweights is None else divide(sum(w * sure), total))
        result = divide(matmul(deviation * w, transpose(deviation)), freedom)
    shape = known_shape(result, "cov")
    return reshape(result, () if shape == (1, 1) else shape, name=name)


@public
def corrcoef(
    x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None, name: str | None = None
) -> Any:
    """The matrix of correlation coefficients of variables in rows (or columns, with ``rowvar=False``)."""
    c = cov(x, y, rowvar, dtype=dtype)
    if shape_of(c) == ():
        return divide(c, c, name=name)
    i = np.arange(known_shape(c, "corrcoef")[0])
    deviation = sqrt(c[i, i])
    return divide(c / expand_dims(deviation, 1), expand_dims(deviation, 0), name=name)
