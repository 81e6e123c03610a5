"""What leaves NaN out: sums, means, extremes and quantiles of the entries that are numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cgraph.errors import UnsupportedError
from cgraph.numpy_names import PUBLIC, with_arguments_of
from cgraph.op import is_node
from cgraph.ops.define import dtype_of
from cgraph.ops.elementwise import clip, equal, logical_and, logical_not, sqrt, where
from cgraph.ops.reduction import Axis, counted, max, mean, min, prod, std, sum, var
from cgraph.ops.rounding import floor, isnan, positive
from cgraph.ops.scans import cumprod, cumsum
from cgraph.ops.searching import take_along_axis
from cgraph.ops.sorting import all, argmax, argmin, sort
from cgraph.ops.statistics import (
    for_each_share,
    lined_up,
    median,
    percent,
    percentile,
    quantile,
)
from cgraph.ops.structure import cast


def _zeroed(x: Any) -> Any:
    return where(isnan(x), 0.0, x)


def _number(x: Any, mask: Any = None) -> Any:
    """Where an entry is a number, and wanted."""
    there = logical_not(isnan(x))
    return there if mask is None or mask is True else logical_and(there, mask)


def _filled(base: Callable[..., Any], filling: float, text: str) -> Any:
    """`base` with NaN replaced by what makes no difference to it."""

    @with_arguments_of(base, f"nan{base.__name__}")
    def function(x: Any, *args: Any, **options: Any) -> Any:
        return base(where(isnan(x), filling, x), *args, **options)

    function.__doc__ = text
    return function


nansum = _filled(
    sum, 0.0, "The sum over `axis` of the entries that are not NaN; NaN gets a local gradient of 0."
)
nanprod = _filled(
    prod,
    1.0,
    "The product over `axis` of the entries that are not NaN; NaN gets a local gradient of 0.",
)
nancumsum = _filled(cumsum, 0.0, "Running sums that pass over NaN.")
nancumprod = _filled(cumprod, 1.0, "Running products that pass over NaN.")
nanargmax = _filled(argmax, -np.inf, "Where the largest entry that is not NaN is along `axis`.")
nanargmin = _filled(argmin, np.inf, "Where the smallest entry that is not NaN is along `axis`.")


def _extreme(base: Callable[..., Any], filling: float, text: str) -> Any:
    @with_arguments_of(base, f"nan{base.__name__}")
    def function(
        x: Any,
        axis: Axis = None,
        keepdims: bool = False,
        *,
        name: str | None = None,
        **options: Any,
    ) -> Any:
        found = base(where(isnan(x), filling, x), axis, keepdims, **options)
        if options.get("initial") is not None:
            return positive(found, name=name)
        return where(all(isnan(x), axis, keepdims), np.nan, found, name=name)  # of nothing

    function.__doc__ = text
    return function


nanmax = _extreme(
    max,
    -np.inf,
    "The largest over `axis` of the entries that are not NaN; NaN gets a local gradient of 0.",
)
nanmin = _extreme(
    min,
    np.inf,
    "The smallest over `axis` of the entries that are not NaN; NaN gets a local gradient of 0.",
)


@with_arguments_of(mean)
def nanmean(x: Any, *args: Any, where: Any = None, **options: Any) -> Any:
    """The mean over `axis` of the entries that are not NaN."""
    return mean(_zeroed(x), *args, where=_number(x, where), **options)


@with_arguments_of(var)
def nanvar(
    x: Any,
    axis: Axis = None,
    ddof: float = 0,
    keepdims: bool = False,
    *,
    correction: float | None = None,
    where: Any = None,
    name: str | None = None,
    **options: Any,
) -> Any:
    """The variance over `axis` of the entries that are not NaN; NaN where there are too few of them."""
    there, few = _number(x, where), ddof if correction is None else correction
    found = var(_zeroed(x), axis, few, keepdims, where=there, **options)
    enough = counted(there, x, axis, keepdims) > few
    return PUBLIC["where"](enough, found, np.nan, name=name)


@with_arguments_of(std)
def nanstd(x: Any, *args: Any, name: str | None = None, **options: Any) -> Any:
    """The standard deviation over `axis` of the entries that are not NaN."""
    return sqrt(nanvar(x, *args, **options), name=name)


@with_arguments_of(quantile)
def nanquantile(
    x: Any, q: Any, axis: Axis = None, overwrite_input: bool = False, method: str = "linear", keepdims: bool = False,
    *, name: str | None = None, **options: Any,
) -> Any:  # fmt: skip
    """`quantile` of the entries that are not NaN, by linear interpolation."""
    if method != "linear" or options.get("weights") is not None or is_node(q):
        raise UnsupportedError("nanquantile: linear, without weights, for a q that is known")
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
        return where(equal(there, 0.0), np.nan, value)[..., 0]

    return for_each_share(one, q, x, axes if keepdims else (), name)


@with_arguments_of(percentile)
def nanpercentile(x: Any, q: Any, *args: Any, **options: Any) -> Any:
    """`nanquantile` with `q` in percent."""
    return nanquantile(x, percent(q), *args, **options)


@with_arguments_of(median)
def nanmedian(
    x: Any,
    axis: Axis = None,
    overwrite_input: bool = False,
    keepdims: bool = False,
    **options: Any,
) -> Any:
    """The median over `axis` of the entries that are not NaN."""
    return nanquantile(x, 0.5, axis, keepdims=keepdims, **options)
