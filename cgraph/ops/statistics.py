"""Averages, order statistics and covariance: compositions of sums, sorting and choosing.

A median or quantile is a mean of sorted entries, so its gradient goes to the entries that stand in the middle; those that tie share.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cgraph.errors import ShapeError, UnsupportedError
from cgraph.op import is_node
from cgraph.operators import public
from cgraph.ops.define import axes_of, axis_of, dtype_of, known_shape, shape_of
from cgraph.ops.elementwise import divide, multiply, sqrt, subtract, where
from cgraph.ops.joining import concatenate, stack
from cgraph.ops.linalg import matmul
from cgraph.ops.reduction import Axis, max, mean, min, sum
from cgraph.ops.rounding import isnan
from cgraph.ops.sorting import sort
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
    if shape_of(weights) != shape_of(x):
        if axis is None or not isinstance(axis, int | np.integer) or len(shape_of(weights)) != 1:
            raise ShapeError(
                "average: weights need the shape of x, or to be a vector along one axis"
            )
        weights = reshape(weights, (-1, *(1,) * (len(shape_of(x)) - axis_of(x, int(axis)) - 1)))
    total = sum(
        weights * broadcast_to(np.ones((), dtype_of(x)), known_shape(x, "average")), axis, keepdims
    )
    result = divide(sum(multiply(x, weights), axis, keepdims), total, name=name)
    return (result, total) if returned else result


@public
def ptp(x: Any, axis: Axis = None, keepdims: bool = False, *, name: str | None = None) -> Any:
    """The largest less the smallest entry over `axis`."""
    return subtract(max(x, axis, keepdims), min(x, axis, keepdims), name=name)


# --- quantiles ------------------------------------------------------------------------------------------------------------------

# alpha and beta of the methods that interpolate (Hyndman and Fan 1996): the place is n·q + alpha + q·(1 − alpha − beta) − 1.
_PLACES = {
    "linear": (1.0, 1.0), "weibull": (0.0, 0.0), "hazen": (0.5, 0.5), "median_unbiased": (1 / 3, 1 / 3), "normal_unbiased": (3 / 8, 3 / 8),
    "interpolated_inverted_cdf": (0.0, 1.0),
}  # fmt: skip
_WHOLE: dict[str, Callable[[Any], Any]] = {"lower": np.floor, "higher": np.ceil, "nearest": np.rint}


def lined_up(x: Any, axis: Axis) -> tuple[Any, tuple[int, ...]]:
    """`x` with the axes to be reduced as one last axis."""
    axes = axes_of(x, axis)
    shape = known_shape(x, "a quantile")
    rest = [i for i in range(len(shape)) if i not in axes]
    if not axes:
        return expand_dims(x, -1), axes
    moved = transpose(x, [*rest, *axes])
    return reshape(moved, [*(shape[i] for i in rest), int(np.prod([shape[i] for i in axes]))]), axes


def _weights(n: int, q: float, method: str) -> tuple[int, int, float]:
    """Between which two places a quantile lies, and how far from the first."""
    if method in _WHOLE or method == "midpoint":
        place = q * (n - 1)
        if method == "midpoint":
            low, high = int(np.floor(place)), int(np.ceil(place))
            return low, high, 0.5 if low != high else 0.0
        k = int(_WHOLE[method](place))
        return k, k, 0.0
    if method not in _PLACES:
        raise UnsupportedError(
            f"quantile: method {method!r} is not there; take one of {', '.join([*_PLACES, *_WHOLE, 'midpoint'])}"
        )
    alpha, beta = _PLACES[method]
    place = float(np.clip(n * q + alpha + q * (1.0 - alpha - beta) - 1.0, 0, n - 1))
    low = int(np.floor(place))
    return low, low + 1 if low + 1 < n else low, place - low


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

    Raises:
        UnsupportedError: for weights, and for methods that jump.

    >>> import cgraph as cg
    >>> x = cg.parameter("x", [3.0, 1.0, 2.0, 5.0])
    >>> cg.quantile(x, 0.5).backward().grad(x)
    array([0.5, 0. , 0.5, 0. ])
    """  # fmt: skip
    if weights is not None:
        raise UnsupportedError("quantile: weights= is not there")
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
    ordered = sort(lines)
    last = ordered[..., -1]

    def one(share: float) -> Any:
        low, high, part = _weights(n, share, method)
        value = ordered[..., low]
        if part:
            value = value + (ordered[..., high] - value) * part
        # NaN stands last when sorted, and makes the quantile NaN, as in NumPy.
        value = where(isnan(last), last, value)
        if keepdims:
            kept = tuple(1 if i in axes else m for i, m in enumerate(shape_of(x)))
            value = reshape(value, kept)
        return value

    found = [one(float(s)) for s in shares.flat]
    if not shares.shape:
        return found[0] if name is None else where(True, found[0], 0.0, name=name)
    return reshape(stack(found), (*shares.shape, *shape_of(found[0])), name=name)


@public
def percentile(
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
    """`quantile` with `q` in percent."""  # fmt: skip
    if is_node(q):
        raise UnsupportedError(
            "percentile: q has to be known when the graph is built; use its .value"
        )
    return quantile(
        x, np.asarray(q) / 100.0, axis, method=method, keepdims=keepdims, weights=weights, name=name
    )


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

    >>> import cgraph as cg
    >>> cg.cov([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])
    array([[ 1., -1.],
           [-1.,  1.]])
    """  # fmt: skip
    if fweights is not None or aweights is not None:
        raise UnsupportedError("cov: weights are not there; use cg.average and a product")
    x = _variables(m, rowvar)
    if y is not None:
        x = concatenate([x, _variables(y, rowvar)], 0)
    if dtype is not None:
        x = cast(x, dtype)
    n = known_shape(x, "cov")[1]
    deviation = x - mean(x, 1, keepdims=True)
    freedom = n - (ddof if ddof is not None else 0 if bias else 1)
    result = divide(matmul(deviation, transpose(deviation)), float(freedom) if freedom > 0 else 0.0)
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
