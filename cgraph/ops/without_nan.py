"""What leaves NaN out: sums, means, extremes and quantiles of the entries that are numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cgraph.errors import UnsupportedError
from cgraph.op import is_node
from cgraph.operators import PUBLIC, public
from cgraph.ops.define import dtype_of, shape_of
from cgraph.ops.elementwise import clip, equal, sqrt, where
from cgraph.ops.joining import stack
from cgraph.ops.reduction import Axis, cumsum, max, mean, min, prod, sum, var
from cgraph.ops.rounding import floor, isnan
from cgraph.ops.scans import cumprod
from cgraph.ops.searching import take_along_axis
from cgraph.ops.sorting import argmax, argmin, sort
from cgraph.ops.statistics import lined_up
from cgraph.ops.structure import cast, reshape


def _without_nan(reduce: Callable[..., Any], filling: float, function_name: str, what: str) -> Any:
    def function(
        x: Any,
        axis: Axis = None,
        keepdims: bool = False,
        *,
        dtype: Any = None,
        initial: Any = None,
        where: Any = None,
        name: str | None = None,
    ) -> Any:
        kept = PUBLIC["where"](isnan(x), filling, x)
        options = {} if initial is None else {"initial": initial}
        result = reduce(kept, axis, keepdims, dtype=dtype, where=where, **options)
        if np.isinf(filling):  # nothing but NaN gives NaN
            nothing = PUBLIC["all"](isnan(x), axis, keepdims)
            return PUBLIC["where"](nothing, np.nan, result, name=name)
        return result if name is None else PUBLIC["positive"](result, name=name)

    function.__name__ = function.__qualname__ = function_name
    function.__doc__ = (
        f"The {what} over `axis` of the entries that are not NaN; NaN gets a local gradient of 0."
    )
    return public(function)


nansum = _without_nan(sum, 0.0, "nansum", "sum")
nanprod = _without_nan(prod, 1.0, "nanprod", "product")
nanmax = _without_nan(max, -np.inf, "nanmax", "largest")
nanmin = _without_nan(min, np.inf, "nanmin", "smallest")


def _there(x: Any, mask: Any) -> Any:
    there = PUBLIC["logical_not"](isnan(x))
    return there if mask is None or mask is True else PUBLIC["logical_and"](there, mask)


@public
def nanmean(
    x: Any,
    axis: Axis = None,
    keepdims: bool = False,
    *,
    dtype: Any = None,
    where: Any = None,
    name: str | None = None,
) -> Any:
    """The mean over `axis` of the entries that are not NaN."""
    return mean(_zeroed(x), axis, keepdims, dtype=dtype, where=_there(x, where), name=name)


def _zeroed(x: Any) -> Any:
    return where(isnan(x), 0.0, x)


@public
def nanvar(
    x: Any,
    axis: Axis = None,
    ddof: float = 0,
    keepdims: bool = False,
    *,
    dtype: Any = None,
    where: Any = None,
    correction: float | None = None,
    mean: Any = None,
    name: str | None = None,
) -> Any:
    """The variance over `axis` of the entries that are not NaN."""  # fmt: skip
    there = _there(x, where)
    options = {"dtype": dtype, "where": there, "correction": correction, "mean": mean}
    return var(_zeroed(x), axis, ddof, keepdims, name=name, **options)


@public
def nanstd(
    x: Any,
    axis: Axis = None,
    ddof: float = 0,
    keepdims: bool = False,
    *,
    dtype: Any = None,
    where: Any = None,
    correction: float | None = None,
    mean: Any = None,
    name: str | None = None,
) -> Any:
    """The standard deviation over `axis` of the entries that are not NaN."""  # fmt: skip
    options = {"dtype": dtype, "where": where, "correction": correction, "mean": mean}
    return sqrt(nanvar(x, axis, ddof, keepdims, **options), name=name)


@public
def nancumsum(
    x: Any, axis: int | None = None, *, dtype: Any = None, name: str | None = None
) -> Any:
    """Running sums that pass over NaN."""
    return cumsum(_zeroed(x), axis, dtype=dtype, name=name)


@public
def nancumprod(
    x: Any, axis: int | None = None, *, dtype: Any = None, name: str | None = None
) -> Any:
    """Running products that pass over NaN."""
    return cumprod(where(isnan(x), 1.0, x), axis, dtype=dtype, name=name)


@public
def nanargmax(x: Any, axis: int | None = None, *, keepdims: bool = False) -> Any:
    """Where the largest entry that is not NaN is along `axis`."""
    return argmax(where(isnan(x), -np.inf, x), axis, keepdims=keepdims)


@public
def nanargmin(x: Any, axis: int | None = None, *, keepdims: bool = False) -> Any:
    """Where the smallest entry that is not NaN is along `axis`."""
    return argmin(where(isnan(x), np.inf, x), axis, keepdims=keepdims)


@public
def nanquantile(
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
    """`quantile` of the entries that are not NaN, by linear interpolation."""  # fmt: skip
    if method != "linear" or weights is not None or is_node(q):
        raise UnsupportedError("nanquantile: linear, without weights, for a q that is known")
    shares = np.asarray(q, np.float64)
    lines, axes = lined_up(x, axis)
    there = sum(cast(PUBLIC["logical_not"](isnan(lines)), dtype_of(x)), axis=-1, keepdims=True)
    ordered = sort(where(isnan(lines), np.inf, lines))

    def one(share: float) -> Any:
        place = clip(share * (there - 1.0), 0.0, None)
        low = floor(place)
        part = place - low
        first = take_along_axis(ordered, cast(low, np.intp), -1)
        second = take_along_axis(
            ordered, cast(clip(low + 1.0, None, clip(there - 1.0, 0.0, None)), np.intp), -1
        )
        value = where(
            equal(part, 0.0), first, first + (where(equal(part, 0.0), first, second) - first) * part
        )
        value = where(equal(there, 0.0), np.nan, value)[..., 0]
        return (
            reshape(value, tuple(1 if i in axes else m for i, m in enumerate(shape_of(x))))
            if keepdims
            else value
        )

    found = [one(float(s)) for s in shares.flat]
    if not shares.shape:
        return found[0]
    return reshape(stack(found), (*shares.shape, *shape_of(found[0])), name=name)


@public
def nanpercentile(
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
    """`nanquantile` with `q` in percent."""  # fmt: skip
    return nanquantile(
        x, np.asarray(q) / 100.0, axis, method=method, keepdims=keepdims, weights=weights, name=name
    )


@public
def nanmedian(
    x: Any,
    axis: Axis = None,
    overwrite_input: bool = False,
    keepdims: bool = False,
    *,
    name: str | None = None,
) -> Any:
    """The median over `axis` of the entries that are not NaN."""
    return nanquantile(x, 0.5, axis, keepdims=keepdims, name=name)
