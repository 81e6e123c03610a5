"""Reductions: sums, means, extremes, products, and what is composed of them.

A reduction's local gradient spreads the upstream back over the axes that were reduced away. Softmax and logsumexp are stable rows of
their own; variance, standard deviation and log-softmax are compositions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from cgraph import shapes
from cgraph.errors import UnsupportedError
from cgraph.linear_maps import Adjoint, LinearMap
from cgraph.op import Formula, Op, register
from cgraph.operators import vocabulary
from cgraph.ops.elementwise import divide, equal, not_equal, sqrt, square, subtract, where
from cgraph.ops.structure import (
    _shape,
    _shape_of,
    axes_of,
    broadcast_row,
    concatenate,
    getitem_row,
    nonzero_after,
    reshape,
    reshape_row,
    stack,
)

Axis = int | Sequence[int] | None
Axes = tuple[int, ...]
Shape = shapes.Shape


def _spread(u: Any, x: Any, axes: Axes, keepdims: bool) -> Any:
    """The upstream of a reduction, repeated over the axes that were reduced."""
    own = _shape(x)
    # A sum over everything is a scalar, which broadcasts as it is.
    if not keepdims and 0 < len(axes) < len(own):
        kept = shapes.reduce(own, axes, keepdims=True)
        if shapes.is_static(kept):
            u = reshape_row(u, shape=kept)
        else:
            # More than one size may be unknown, which no reshape could tell apart.
            u = getitem_row(
                u, index=tuple(None if i in axes else slice(None) for i in range(len(own)))
            )
    like, shape = _shape_of(x)
    return broadcast_row(u, *like, shape=shape)


def _count(x: Any, axes: Axes) -> Any:
    """How many entries the axes hold: a number where the sizes are known, else a node."""
    n = shapes.size(tuple(_shape(x)[i] for i in axes))
    return float(n) if n is not None else count_row(x, axes=axes)


count_row: Op = register(
    Op(
        "count",
        lambda x, axes: np.asarray(
            float(np.prod([np.shape(x)[i] for i in axes], dtype=np.int64)),
            x.dtype if x.dtype.kind == "f" else np.float64,
        ),
        makers=(None,),
        shape=lambda x, axes: (),
        dtype=lambda x: x if x.kind == "f" else np.dtype(np.float64),
        family="structure",
        symbol="n",
        doc="How many entries the `axes` of `x` hold, for sizes that are not known before they are fed.",
        formula=Formula("number of entries", "n", (None,)),
    )
)


def _reduction(
    name: str,
    forward: Callable[..., Any],
    maker: Callable[..., LinearMap],
    dtype: Callable[..., Any] | None = None,
    **row: Any,
) -> Op:
    return register(
        Op(
            name,
            forward,
            makers=(maker,),
            shape=lambda x, axes, keepdims: shapes.reduce(x, axes, keepdims),
            dtype=dtype,
            family="reduction",
            **row,
        )
    )


def _sum_local(out: Any, x: Any, axes: Axes, keepdims: bool) -> LinearMap:
    def adjoint(u: Any) -> Any:
        return _spread(u, x, axes, keepdims)

    return Adjoint(lambda t: sum_row(t, axes=axes, keepdims=keepdims), adjoint, adjoint)


def _mean_local(out: Any, x: Any, axes: Axes, keepdims: bool) -> LinearMap:
    n = _count(x, axes)
    return Adjoint(
        lambda t: mean_row(t, axes=axes, keepdims=keepdims),
        lambda u: _spread(u / n, x, axes, keepdims),
        lambda mask: _spread(mask, x, axes, keepdims),
    )


def _extreme_local(row: Callable[[], Op]) -> Callable[..., LinearMap]:
    def local(out: Any, x: Any, axes: Axes, keepdims: bool) -> LinearMap:
        hits = where(equal(x, _spread(out, x, axes, keepdims)), _ones(x), 0.0)
        weights = hits / _spread(sum_row(hits, axes=axes, keepdims=keepdims), x, axes, keepdims)
        return Adjoint(
            lambda t: sum_row(weights * t, axes=axes, keepdims=keepdims),
            lambda u: weights * _spread(u, x, axes, keepdims),
            lambda mask: _spread(mask, x, axes, keepdims),
            where,
        )

    return local


def _ones(x: Any) -> Any:
    """1 in the dtype of x, which a Python number would not keep where both branches are numbers."""
    return np.ones((), x.dtype)


def _margin_of_extreme(largest: bool) -> Callable[..., Any]:
    """Relative gap between the extreme and the runner-up, for the checks: ties among the others are no kink."""

    def margin(x: Any, axes: Axes, keepdims: bool) -> Any:
        x = np.asarray(x, np.float64) if largest else -np.asarray(x, np.float64)
        rest = tuple(i for i in range(x.ndim) if i not in axes)
        count = int(np.prod([x.shape[i] for i in axes], dtype=np.int64))
        if x.size == 0 or count < 2:
            return np.inf
        rows = np.sort(np.transpose(x, rest + axes).reshape(-1, count), axis=-1)
        return np.min(
            (rows[:, -1] - rows[:, -2]) / np.maximum(np.abs(rows[:, -2:]).max(-1), 1e-300)
        )

    return margin


@lru_cache(maxsize=64)
def _sum_dtype(x: Any) -> Any:
    return np.add.reduce(np.ones(1, x)).dtype


def _mean(x: Any, axes: Axes, keepdims: bool) -> Any:
    # One pass and one rounding in the dtype of x; np.mean costs five times as much on small arrays.
    shape = np.shape(x)
    n = math.prod([shape[i] for i in axes])
    total: Any = np.add.reduce(x, axis=axes, keepdims=keepdims)  # type: ignore[call-overload]
    return total / (n if np.asarray(x).dtype.kind != "f" else float(n) if n else np.nan)


sum_row: Op = _reduction(
    "sum",
    lambda x, axes, keepdims: np.add.reduce(x, axis=axes, keepdims=keepdims),
    _sum_local,
    _sum_dtype,
    symbol="Σ",
    role="linear",
    formula=Formula("Σ $a", r"\sum $a", ("1",)),
)
mean_row: Op = _reduction(
    "mean",
    _mean,
    _mean_local,
    lambda x: x if x.kind == "f" else np.dtype(np.float64),
    symbol="mean",
    role="linear",
    formula=Formula("(1/m) Σ $a", r"\frac{1}{m} \sum $a", ("1/m",)),
)
max_row: Op = _reduction(
    "max",
    lambda x, axes, keepdims: np.maximum.reduce(x, axis=axes, keepdims=keepdims),
    _extreme_local(lambda: max_row),
    margin=_margin_of_extreme(largest=True),
    formula=Formula("max $a", r"\max $a", ("1 at the maximum, ties share",)),
)
min_row: Op = _reduction(
    "min",
    lambda x, axes, keepdims: np.minimum.reduce(x, axis=axes, keepdims=keepdims),
    _extreme_local(lambda: min_row),
    margin=_margin_of_extreme(largest=False),
    formula=Formula("min $a", r"\min $a", ("1 at the minimum, ties share",)),
)


# --- products: the partial is the product of the others, without dividing, so that zeros are right ------------------------------


def _others(x: Any) -> Any:
    """For each entry along axis 0, the product of all the others, by a tree: up with products of pairs, down with siblings."""
    n = _shape(x)[0]
    if n is None:
        raise UnsupportedError(
            "the gradient of prod needs sizes that are known along its axes; declare them"
        )
    width = 1 << (n - 1).bit_length() if n > 1 else 1
    if width > n:
        pad: Any = np.ones((width - n, *_shape(x)[1:]), x.dtype)
        x = concatenate([x, pad], 0)
    levels = [x]
    for _ in range(width.bit_length() - 1):
        levels.append(levels[-1][0::2] * levels[-1][1::2])
    down: Any = np.ones(_shape(levels[-1]), x.dtype)
    for level in reversed(levels[:-1]):
        pair = stack([down * level[1::2], down * level[0::2]], 1)
        down = reshape(pair, _shape(level))
    return down[:n]


def _prod_partial(x: Any, axes: Axes) -> Any:
    shape = _shape(x)
    if not shapes.is_static(shape):
        raise UnsupportedError("the gradient of prod needs sizes that are known; declare them")
    order = axes + tuple(i for i in range(len(shape)) if i not in axes)
    moved = x.transpose(order)
    flat = moved.reshape(
        (shapes.size(tuple(shape[i] for i in axes)), *(shape[i] for i in order[len(axes) :]))
    )
    return (
        _others(flat)
        .reshape(tuple(shape[i] for i in order))
        .transpose(tuple(int(i) for i in np.argsort(order)))
    )


def _prod_local(out: Any, x: Any, axes: Axes, keepdims: bool) -> LinearMap:
    partial = _prod_partial(x, axes) if axes else _ones(x)
    return Adjoint(
        lambda t: sum_row(partial * t, axes=axes, keepdims=keepdims),
        lambda u: partial * _spread(u, x, axes, keepdims),
        lambda mask: _spread(mask, x, axes, keepdims),
        where,
    )


prod_row: Op = _reduction(
    "prod",
    lambda x, axes, keepdims: np.multiply.reduce(x, axis=axes, keepdims=keepdims),
    _prod_local,
    _sum_dtype,
    symbol="Π",
    formula=Formula("Π $a", r"\prod $a", ("product of the others",)),
)


# --- softmax and logsumexp ----------------------------------------------------------------------------------------------------


def _floating(x: Any) -> Any:
    """`x`, whole numbers as float64: there is no whole number below all others to start a maximum from."""
    x = np.asarray(x)
    return x if x.dtype.kind == "f" else x.astype(np.float64)


def _softmax(x: Any, axes: Axes) -> Any:
    x = _floating(x)
    top = np.max(x, axis=axes, keepdims=True, initial=-np.inf)
    e = np.exp(x - np.where(np.isfinite(top), top, 0))
    return e / np.add.reduce(e, axis=axes, keepdims=True)


def _softmax_local(out: Any, x: Any, axes: Axes) -> LinearMap:
    def apply(t: Any) -> Any:
        weighted = out * t
        return weighted - out * _spread(sum_row(weighted, axes=axes, keepdims=True), x, axes, True)

    def spread(mask: Any) -> Any:
        # Every entry of a group depends on all of them: the group is there as soon as one is.
        selected = sum_row(where(mask, 1.0, 0.0), axes=axes, keepdims=True)
        return _spread(not_equal(selected, 0.0), x, axes, True)

    return Adjoint(apply, apply, spread, where)  # symmetric


softmax_row: Op = register(
    Op(
        "softmax",
        _softmax,
        makers=(_softmax_local,),
        shape=lambda x, axes: x,
        family="reduction",
        role="activation",
        dtype=lambda x: x if x.kind == "f" else np.dtype(np.float64),
        formula=Formula(
            "e^$a / Σ e^$a", r"\frac{e^{$a}}{\sum e^{$a}}", ("diag($out) − $out·$outᵀ",)
        ),
    )
)


def _logsumexp(x: Any, axes: Axes, keepdims: bool) -> Any:
    x = _floating(x)
    top = np.max(x, axis=axes, keepdims=True, initial=-np.inf)
    top = np.where(np.isfinite(top), top, 0).astype(x.dtype)
    # The largest term is exactly 1: leaving it to log1p keeps what the others add, however small they are.
    e = np.exp(x - top)
    largest = np.equal(x, top)
    ties = np.add.reduce(largest, axis=axes, keepdims=True)
    rest = np.add.reduce(np.where(largest, 0, e), axis=axes, keepdims=True)
    # Without a finite largest term there is nothing but −inf (log 0 is meant) or something that is not a number.
    with np.errstate(divide="ignore"):
        nothing = np.log(rest)
    several = np.log(np.maximum(ties, 1)) + np.log1p(rest / np.maximum(ties, 1))
    result = top + np.where(ties > 0, several, nothing).astype(top.dtype)
    return result if keepdims else result.reshape(shapes.reduce(x.shape, axes, False))


def _logsumexp_local(out: Any, x: Any, axes: Axes, keepdims: bool) -> LinearMap:
    weights = softmax_row(x, axes=axes)
    return Adjoint(
        lambda t: sum_row(weights * t, axes=axes, keepdims=keepdims),
        lambda u: weights * _spread(u, x, axes, keepdims),
        lambda mask: _spread(mask, x, axes, keepdims),
        where,
    )


logsumexp_row: Op = _reduction(
    "logsumexp",
    _logsumexp,
    _logsumexp_local,
    lambda x: x if x.kind == "f" else np.dtype(np.float64),
    formula=Formula("ln Σ e^$a", r"\ln \sum e^{$a}", ("softmax($a)",)),
)


# --- cumsum -------------------------------------------------------------------------------------------------------------------


def _cumsum_local(out: Any, x: Any, axis: int) -> LinearMap:
    back = (slice(None),) * axis + (slice(None, None, -1),)

    def adjoint(u: Any) -> Any:
        return cumsum_row(u[back], axis=axis)[back]

    return Adjoint(lambda t: cumsum_row(t, axis=axis), adjoint, nonzero_after(adjoint))


cumsum_row: Op = register(
    Op(
        "cumsum",
        lambda x, axis: np.cumsum(x, axis=axis),
        makers=(_cumsum_local,),
        shape=lambda x, axis: x,
        dtype=_sum_dtype,
        family="reduction",
        role="linear",
        formula=Formula("running sum of $a", r"\sum_{j \le i} {$a}_j", ("1 from there on",)),
    )
)


# --- the public functions -----------------------------------------------------------------------------------------------------


@vocabulary
def sum(x: Any, axis: Axis = None, keepdims: bool = False, *, name: str | None = None) -> Any:
    """The sum over `axis` (all axes by default).

    >>> import cgraph as cg
    >>> cg.input("x", shape=(2, 3)).sum(axis=0).shape
    (3,)
    """
    return sum_row(x, axes=axes_of(x, axis), keepdims=keepdims, name=name)


@vocabulary
def mean(x: Any, axis: Axis = None, keepdims: bool = False, *, name: str | None = None) -> Any:
    """The mean over `axis` (all axes by default); NaN over nothing.

    >>> import cgraph as cg
    >>> x = cg.parameter("x", [1.0, 2.0, 6.0])
    >>> cg.mean(x).backward().grad(x).round(3)
    array([0.333, 0.333, 0.333])
    """
    return mean_row(x, axes=axes_of(x, axis), keepdims=keepdims, name=name)


@vocabulary
def max(x: Any, axis: Axis = None, keepdims: bool = False, *, name: str | None = None) -> Any:
    """The largest entry over `axis`; entries that tie share the gradient equally."""
    return max_row(x, axes=axes_of(x, axis), keepdims=keepdims, name=name)


@vocabulary
def min(x: Any, axis: Axis = None, keepdims: bool = False, *, name: str | None = None) -> Any:
    """The smallest entry over `axis`; entries that tie share the gradient equally."""
    return min_row(x, axes=axes_of(x, axis), keepdims=keepdims, name=name)


@vocabulary
def prod(x: Any, axis: Axis = None, keepdims: bool = False, *, name: str | None = None) -> Any:
    """The product over `axis`; the gradient is right where entries are zero, too."""
    return prod_row(x, axes=axes_of(x, axis), keepdims=keepdims, name=name)


@vocabulary
def softmax(x: Any, axis: Axis = -1, *, name: str | None = None) -> Any:
    """``exp(x) / sum(exp(x))`` over `axis`, without overflow."""
    return softmax_row(x, axes=axes_of(x, axis), name=name)


@vocabulary
def logsumexp(x: Any, axis: Axis = None, keepdims: bool = False, *, name: str | None = None) -> Any:
    """``log(sum(exp(x)))`` over `axis`, without overflow and without losing the small terms."""
    return logsumexp_row(x, axes=axes_of(x, axis), keepdims=keepdims, name=name)


@vocabulary
def log_softmax(x: Any, axis: Axis = -1, *, name: str | None = None) -> Any:
    """``log(softmax(x))`` without taking the logarithm of anything small."""
    return subtract(x, logsumexp(x, axis, keepdims=True), name=name)


@vocabulary
def var(
    x: Any, axis: Axis = None, ddof: int = 0, keepdims: bool = False, *, name: str | None = None
) -> Any:
    """The variance over `axis`: the mean of squared deviations, with ``n - ddof`` for n."""
    deviation = square(x - mean(x, axis, keepdims=True))
    if ddof == 0:
        return mean(deviation, axis, keepdims, name=name)
    return divide(sum(deviation, axis, keepdims), _count(x, axes_of(x, axis)) - ddof, name=name)


@vocabulary
def std(
    x: Any, axis: Axis = None, ddof: int = 0, keepdims: bool = False, *, name: str | None = None
) -> Any:
    """The standard deviation over `axis`: the root of `var`; like the root, it has no finite gradient at 0."""
    return sqrt(var(x, axis, ddof, keepdims), name=name)


@vocabulary
def cumsum(x: Any, axis: int | None = None, *, name: str | None = None) -> Any:
    """Running sums along `axis`; of all entries in order, if it is not given."""
    if axis is None:
        x, axis = reshape(x, -1), 0
    return cumsum_row(x, axis=axes_of(x, axis)[0], name=name)
