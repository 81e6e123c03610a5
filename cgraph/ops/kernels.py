"""The numerics of sigmoid, softplus and their kin: forwards that are accurate in both tails, and how.

Everything is built from s = e^−|z|, which neither overflows nor loses digits, and no difference of nearly equal numbers is taken.
Single and half precision are computed in double and rounded once at the end: NumPy's own float32 exp and log1p are off by up to
3 ulp, and two of them in a row by more. Where it can be helped there is no `np.where`: on mixed signs it costs ten exponentials. Constants
are arrays without axes, because a ufunc takes those faster than Python's floats. What is achieved, and how it is proved: docs/numerics.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

_ONE, _ZERO, _HALF, _MINUS = (np.array(x) for x in (1.0, 0.0, 0.5, -1.0))
_NARROW = "fe"  # float32 and float16


def in_double(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """A kernel of one or two operands whose narrow results are computed in double precision and rounded once."""

    @wraps(kernel)
    def forward(x: Any, *others: Any) -> Any:
        narrow = getattr(x, "dtype", None)
        if narrow is not None and narrow.char in _NARROW:
            dtype = np.result_type(x, *others) if others else narrow
            if dtype.char in _NARROW:
                return np.asarray(kernel(x.astype(np.float64), *others), np.float64).astype(dtype)
        return kernel(x, *others)

    return forward


@in_double
def sigmoid(z: Any) -> Any:
    """σ(z) = e^min(z, 0) / (1 + s)."""
    s = np.exp(np.copysign(z, _MINUS))
    below = s + _ONE
    q = np.exp(np.minimum(z, _ZERO)) / below
    # What rounding 1 + s left out, exactly (Dekker 1971): a relative error of q like any other, but one that is known.
    left = s - (below - _ONE)
    return q - q * left


def sigmoid_float(z: float) -> float:
    s = math.exp(-math.fabs(z))
    below = 1.0 + s
    q = (1.0 if z >= 0.0 else s) / below
    return q - q * (s - (below - 1.0))


@in_double
def sigmoid_slope(z: Any) -> Any:
    """σ′(z) = q − q² with q = s / (1 + s): at most 1/2, so nothing cancels."""
    s = np.exp(np.copysign(z, _MINUS))
    below = s + _ONE
    q = s / below
    left = s - (below - _ONE)
    return q - q * (q + left * (_ONE - (q + q)))


def sigmoid_slope_float(z: float) -> float:
    s = math.exp(-math.fabs(z))
    below = 1.0 + s
    q = s / below
    return q - q * (q + (s - (below - 1.0)) * (1.0 - (q + q)))


@in_double
def tanh(x: Any) -> Any:
    return np.tanh(x)


@in_double
def tanh_slope(x: Any) -> Any:
    """1 − tanh² x = 4 σ′(2x), both factors exact."""
    return 4.0 * sigmoid_slope(2.0 * x)


def tanh_slope_float(x: float) -> float:
    return 4.0 * sigmoid_slope_float(2.0 * x)


@in_double
def softplus(z: Any) -> Any:
    """ln(1 + e^z) = max(z, 0) + ln(1 + s): both terms positive."""
    return np.maximum(z, _ZERO) + np.log1p(np.exp(np.copysign(z, _MINUS)))


def softplus_float(z: float) -> float:
    return (z if z > 0.0 else 0.0) + math.log1p(math.exp(-math.fabs(z)))


@in_double
def log_sigmoid(z: Any) -> Any:
    """ln σ(z) = min(z, 0) − ln(1 + s): both terms negative."""
    return np.minimum(z, _ZERO) - np.log1p(np.exp(np.copysign(z, _MINUS)))


def log_sigmoid_float(z: float) -> float:
    return (z if z < 0.0 else 0.0) - math.log1p(math.exp(-math.fabs(z)))


@in_double
def stable_bce(z: Any, y: Any) -> Any:
    """y·softplus(−z) + (1−y)·softplus(z) = ln(1 + s) + |z| times the weight of the wrong answer: no term is negative."""
    tail = np.log1p(np.exp(np.copysign(z, _MINUS)))
    # 1 − y where z is positive and −y where it is negative: the weight, with the sign of z.
    weight = (np.copysign(_HALF, z) + _HALF) - y
    result = tail + weight * z
    if not math.isfinite(np.vdot(result, result)):
        # At z = ±inf a term whose weight is 0 would be 0 x inf; it is not there.
        with np.errstate(invalid="ignore"):
            result = tail + np.where(np.equal(weight, 0.0), 0.0, weight * z)
    return result


def stable_bce_float(z: float, y: float) -> float:
    size = math.fabs(z)
    weight = y if z < 0.0 else 1.0 - y
    tail = math.log1p(math.exp(-size))
    return tail + weight * size if weight != 0.0 else tail


@in_double
def stable_bce_slope(z: Any, y: Any) -> Any:
    """σ(z) − y as (1−y)σ(z) − yσ(−z), which does not cancel at a label of 0 or 1."""
    up = np.exp(np.minimum(z, _ZERO))  # one of the two is 1, the other s
    down = np.exp(-np.maximum(z, _ZERO))
    below = up + down
    q = ((_ONE - y) * up - y * down) / below
    left = up * down - (below - _ONE)
    return q - q * left


def stable_bce_slope_float(z: float, y: float) -> float:
    s = math.exp(-math.fabs(z))
    below = 1.0 + s
    q = ((1.0 - y) * s - y if z < 0.0 else (1.0 - y) - y * s) / below
    return q - q * (s - (below - 1.0))


@in_double
def logit(p: Any) -> Any:
    """ln(p / (1 − p)); near 1/2, where the ratio is near 1, by 2 artanh(2p − 1), whose argument is exact there."""
    away = p - 0.5
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.abs(away) < 0.25, 2.0 * np.arctanh(2.0 * away), np.log(p / (1.0 - p)))


def logit_float(p: float) -> float:
    away = p - 0.5
    return 2.0 * math.atanh(2.0 * away) if math.fabs(away) < 0.25 else math.log(p / (1.0 - p))


@in_double
def log1mexp(x: Any) -> Any:
    """Each half by the function that does not cancel there (Mächler, "Accurately computing log(1 − exp(−|a|))", 2012)."""
    return np.where(np.greater(x, -math.log(2.0)), np.log(-np.expm1(x)), np.log1p(-np.exp(x)))


@in_double
def logaddexp(a: Any, b: Any) -> Any:
    return np.logaddexp(a, b)


@in_double
def logaddexp_slope(a: Any, b: Any) -> Any:
    """σ(a − b); one half where both are equal, also where both are infinite and a − b is not a number."""
    same = np.equal(a, b)
    return sigmoid(np.where(same, 0.0, np.subtract(a, np.where(same, 0.0, b))))


# --- softmax and its logarithm --------------------------------------------------------------------------------------------------


def away_from_top(x: Any, axes: tuple[int, ...]) -> tuple[Any, Any, Any]:
    """x − max x along the axes, what rounding left out of that difference, and the maximum (0 where it is not finite).

    Without the second, e^(x − max) is off by as many ulp as |x − max| has units: hundreds.
    """
    top = np.max(x, axis=axes, keepdims=True, initial=-np.inf)
    top = np.where(np.isfinite(top), top, 0.0)
    away = x - top
    with np.errstate(invalid="ignore"):
        back = away - x
        left = (x - (away - back)) - (top + back)  # exact (Knuth 1969)
    if not math.isfinite(np.vdot(left, left)):
        left = np.where(np.isfinite(left), left, 0.0)
    return away, left, top


def softmax(x: Any, axes: tuple[int, ...]) -> Any:
    away, left, _ = away_from_top(x, axes)
    e = np.exp(away)
    e = e + e * left
    return e / np.add.reduce(e, axis=axes, keepdims=True)


def log_of_sum(away: Any, left: Any, axes: tuple[int, ...]) -> Any:
    """ln Σ e^away, its axes kept, where the largest entry is 0, or nothing is finite."""
    # The largest term is exactly 1: leaving it to log1p keeps what the others add, however small they are.
    e = np.exp(away)
    e = e + e * left
    largest = np.equal(away, 0.0)
    ties = np.add.reduce(largest, axis=axes, keepdims=True)
    rest = np.add.reduce(np.where(largest, 0.0, e), axis=axes, keepdims=True)
    # Without a finite largest term there is nothing but −inf (log 0 is meant) or something that is not a number.
    with np.errstate(divide="ignore"):
        nothing = np.log(rest)
    several = np.log(np.maximum(ties, 1)) + np.log1p(rest / np.maximum(ties, 1))
    return np.where(ties > 0, several, nothing)


def logsumexp(x: Any, axes: tuple[int, ...]) -> Any:
    away, left, top = away_from_top(x, axes)
    return top + log_of_sum(away, left, axes)


def log_softmax(x: Any, axes: tuple[int, ...]) -> Any:
    away, left, _ = away_from_top(x, axes)
    return (away - log_of_sum(away, left, axes)) + left
