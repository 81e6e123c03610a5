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

_ONE, _ZERO, _HALF, _MINUS, _FOUR = (np.array(x) for x in (1.0, 0.0, 0.5, -1.0, 4.0))
_NARROW = "fe"  # float32 and float16


def in_double(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """A kernel of arrays that writes over those it has made, for operands of any kind.

    Narrow results are computed in double precision and rounded once; numbers without axes are computed as arrays of one entry.
    """

    @wraps(kernel)
    def forward(z: Any, *others: Any) -> Any:
        if z.__class__ is not np.ndarray or z.ndim == 0 or z.dtype.char != "d":
            z = np.asarray(z)
            dtype = np.result_type(z, *others) if others else z.dtype
            if dtype.char in _NARROW:
                return np.asarray(forward(z.astype(np.float64), *others)).astype(dtype)[()]
            if z.dtype.kind != "f":
                z = z.astype(np.float64)
            if z.ndim == 0:
                shape = np.broadcast_shapes(*map(np.shape, others)) if others else ()
                if shape:
                    return forward(np.full(shape, z), *others)
                return kernel(z.reshape(1), *others)[0]
        return kernel(z, *others)

    return forward


def _small(z: Any) -> Any:
    """s = e^−|z|."""
    s = np.copysign(z, _MINUS)
    return np.exp(s, s)


@in_double
def sigmoid(z: Any) -> Any:
    """σ(z) = e^min(z, 0) / (1 + s)."""
    s = _small(z)
    below = s + _ONE
    q = np.minimum(z, _ZERO)
    np.divide(np.exp(q, q), below, q)
    # What rounding 1 + s left out, exactly (Dekker 1971): a relative error of q like any other, but one that is known.
    np.subtract(below, _ONE, below)
    np.subtract(s, below, s)
    np.multiply(s, q, s)
    return np.subtract(q, s, q)


def sigmoid_float(z: float) -> float:
    s = math.exp(-math.fabs(z))
    below = 1.0 + s
    q = (1.0 if z >= 0.0 else s) / below
    return q - q * (s - (below - 1.0))


@in_double
def sigmoid_slope(z: Any) -> Any:
    """σ′(z) = q − q² with q = s / (1 + s): at most 1/2, so nothing cancels."""
    s = _small(z)
    below = s + _ONE
    q = s / below
    np.subtract(below, _ONE, below)
    np.subtract(s, below, s)  # what rounding left out; it moves the slope by 1 − 2q
    np.add(q, q, below)
    np.subtract(_ONE, below, below)
    np.multiply(s, below, s)
    np.add(s, q, s)
    np.multiply(s, q, s)
    return np.subtract(q, s, q)


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
    slope = sigmoid_slope(x + x)
    return np.multiply(slope, _FOUR, slope)


def tanh_slope_float(x: float) -> float:
    return 4.0 * sigmoid_slope_float(2.0 * x)


@in_double
def softplus(z: Any) -> Any:
    """ln(1 + e^z) = max(z, 0) + ln(1 + s): both terms positive."""
    tail = _small(z)
    np.log1p(tail, tail)
    return np.add(np.maximum(z, _ZERO), tail, tail)


def softplus_float(z: float) -> float:
    return (z if z > 0.0 else 0.0) + math.log1p(math.exp(-math.fabs(z)))


@in_double
def log_sigmoid(z: Any) -> Any:
    """ln σ(z) = min(z, 0) − ln(1 + s): both terms negative."""
    tail = _small(z)
    np.log1p(tail, tail)
    return np.subtract(np.minimum(z, _ZERO), tail, tail)


def log_sigmoid_float(z: float) -> float:
    return (z if z < 0.0 else 0.0) - math.log1p(math.exp(-math.fabs(z)))


@in_double
def stable_bce(z: Any, y: Any) -> Any:
    """y·softplus(−z) + (1−y)·softplus(z) = ln(1 + s) + |z| times the weight of the wrong answer: no term is negative."""
    tail = _small(z)
    np.log1p(tail, tail)
    # 1 − y where z is positive and −y where it is negative: the weight, with the sign of z.
    side = np.copysign(_HALF, z)
    weight = np.add(side, _HALF, side) - y
    far = weight * z
    result = np.add(tail, far, far)
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
    up = np.minimum(z, _ZERO)
    np.exp(up, up)  # one of the two is 1, the other s
    down = np.maximum(z, _ZERO)
    np.exp(np.negative(down, down), down)
    below = up + down
    q = (_ONE - y) * up
    q -= y * down
    q /= below
    np.multiply(up, down, up)
    np.subtract(below, _ONE, below)
    np.subtract(up, below, up)  # what rounding 1 + s left out
    q -= q * up
    return q


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
    top = np.maximum.reduce(x, axis=axes, keepdims=True, initial=-np.inf)
    if not math.isfinite(np.vdot(top, top)):
        top = np.where(np.isfinite(top), top, 0.0)
    # Arrays, also where there are no axes, to be written into.
    away = np.asarray(x - top)
    with np.errstate(invalid="ignore"):
        back = np.asarray(away - x)
        left = np.asarray(away - back)
        np.subtract(x, left, left)
        np.add(top, back, back)
        np.subtract(left, back, left)  # exact (Knuth 1969)
    if not math.isfinite(np.vdot(left, left)):
        left = np.where(np.isfinite(left), left, 0.0)
    return away, left, top


def softmax(x: Any, axes: tuple[int, ...]) -> Any:
    e, left, _ = away_from_top(x, axes)
    np.exp(e, e)
    e += np.multiply(left, e, left)
    e /= np.add.reduce(e, axis=axes, keepdims=True)
    return e


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
