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
from numpy import add, copysign, divide, exp, log1p, maximum, multiply, subtract

_ONE, _ZERO, _HALF, _MINUS, _FOUR = (np.array(x) for x in (1.0, 0.0, 0.5, -1.0, 4.0))
_NARROW = "fe"  # float32 and float16


def in_double(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """A kernel of arrays that writes over those it has made, for operands of any kind.

    Narrow results are computed in double precision and rounded once; numbers without axes are computed as arrays of one entry. A kernel
    that computes two things in one go gives a tuple of both.
    """

    @wraps(kernel)
    def forward(z: Any, *others: Any) -> Any:
        if z.__class__ is not np.ndarray or z.ndim == 0 or z.dtype.char != "d":
            z = np.asarray(z)
            dtype = np.result_type(z, *others) if others else z.dtype
            if dtype.char in _NARROW:
                wide = forward(z.astype(np.float64), *others)
                return each(lambda x: np.asarray(x).astype(dtype)[()], wide)
            if z.dtype.kind != "f":
                z = z.astype(np.float64)
            if z.ndim == 0:
                shape = np.broadcast_shapes(*map(np.shape, others)) if others else ()
                if shape:
                    return forward(np.full(shape, z), *others)
                return each(lambda x: x[0], kernel(z.reshape(1), *others))
        return kernel(z, *others)

    forward.of_doubles = kernel  # type: ignore[attr-defined]  # for operands that are known to be arrays in double precision
    return forward


def each(f: Callable[[Any], Any], found: Any) -> Any:
    """`f` of what a kernel gives, or of both."""
    return tuple(map(f, found)) if found.__class__ is tuple else f(found)


# --- sigmoid and its kin: what two of them share when both are asked for stands in functions of its own -------------------------


def _small(z: Any) -> Any:
    """s = e^−|z|."""
    s = copysign(z, _MINUS)
    return exp(s, s)


def _quotient(s: Any) -> tuple[Any, Any]:
    """q = s / (1 + s), and how much too large it is because 1 + s was rounded: by a part of itself that is known exactly (Dekker 1971)."""
    left = add(s, _ONE)
    q = divide(s, left)
    subtract(left, _ONE, left)
    subtract(s, left, left)
    return q, multiply(left, q, left)


def _signed(z: Any, s: Any) -> Any:
    """q, corrected, with the sign of z."""
    q, error = _quotient(s)
    subtract(q, error, q)
    return copysign(q, z, q)


def _one_if_positive(z: Any) -> Any:
    side = copysign(_HALF, z)
    return add(side, _HALF, side)


@in_double
def sigmoid(z: Any) -> Any:
    """σ(z) is q where z is negative and 1 − q where it is positive: at least 1/2, so nothing cancels."""
    q = _signed(z, _small(z))
    return subtract(_one_if_positive(z), q, q)


def sigmoid_float(z: float) -> float:
    s = math.exp(-math.fabs(z))
    below = 1.0 + s
    q = (1.0 if z >= 0.0 else s) / below
    return q - q * (s - (below - 1.0))


def _sigmoid_slope(q: Any, error: Any) -> Any:
    """σ′(z) = q − q², less the error of that, (1 − 2q) times the one of q. As q is at most 1/2, nothing cancels."""
    slope = add(error, error)
    subtract(q, slope, slope)
    multiply(slope, q, slope)
    add(slope, error, slope)
    return subtract(q, slope, slope)


@in_double
def sigmoid_slope(z: Any) -> Any:
    return _sigmoid_slope(*_quotient(_small(z)))


def sigmoid_slope_float(z: float) -> float:
    s = math.exp(-math.fabs(z))
    below = 1.0 + s
    q = s / below
    return q - q * (q + (s - (below - 1.0)) * (1.0 - (q + q)))


@in_double
def sigmoid_and_slope(z: Any) -> tuple[Any, Any]:
    q, error = _quotient(_small(z))
    slope = _sigmoid_slope(q, error)
    subtract(q, error, q)
    copysign(q, z, q)
    return subtract(_one_if_positive(z), q, q), slope


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


def _softplus(z: Any, s: Any) -> Any:
    """ln(1 + e^z) = max(z, 0) + ln(1 + s): both terms positive."""
    tail = log1p(s)
    return add(maximum(z, _ZERO), tail, tail)


@in_double
def softplus(z: Any) -> Any:
    return _softplus(z, _small(z))


@in_double
def softplus_and_sigmoid(z: Any) -> tuple[Any, Any]:
    s = _small(z)
    q = _signed(z, s)
    return _softplus(z, s), subtract(_one_if_positive(z), q, q)


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


def _wrong(z: Any, y: Any) -> Any:
    """1 − y where z is positive and −y where it is negative: the weight of the wrong answer, with the sign of z."""
    side = copysign(_HALF, z)
    return subtract(add(side, _HALF, side), y)


def _bce(z: Any, s: Any, wrong: Any) -> Any:
    """y·softplus(−z) + (1−y)·softplus(z) = ln(1 + s) + |z| times the weight of the wrong answer: no term is negative."""
    tail = log1p(s)
    far = multiply(wrong, z)
    result = add(tail, far, far)
    entries = result.ravel()
    if not math.isfinite(entries.dot(entries)):
        # At z = ±inf a term whose weight is 0 would be 0 x inf; it is not there.
        with np.errstate(invalid="ignore"):
            result = tail + np.where(np.equal(wrong, 0.0), 0.0, wrong * z)
    return result


def _bce_slope(z: Any, s: Any, wrong: Any) -> Any:
    """σ(z) − y = 1 − y − q where z is positive and −y + q where it is negative: it does not cancel at a label of 0 or 1."""
    return subtract(wrong, _signed(z, s))


@in_double
def stable_bce(z: Any, y: Any) -> Any:
    return _bce(z, _small(z), _wrong(z, y))


def stable_bce_float(z: float, y: float) -> float:
    size = math.fabs(z)
    weight = y if z < 0.0 else 1.0 - y
    tail = math.log1p(math.exp(-size))
    return tail + weight * size if weight != 0.0 else tail


@in_double
def stable_bce_slope(z: Any, y: Any) -> Any:
    return _bce_slope(z, _small(z), _wrong(z, y))


@in_double
def stable_bce_and_slope(z: Any, y: Any) -> tuple[Any, Any]:
    s, wrong = _small(z), _wrong(z, y)
    return _bce(z, s, wrong), _bce_slope(z, s, wrong)


def stable_bce_slope_float(z: float, y: float) -> float:
    s = math.exp(-math.fabs(z))
    below = 1.0 + s
    q = s / below
    q -= q * (s - (below - 1.0))
    return q - y if z < 0.0 else (1.0 - y) - q


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


def _exponentials(away: Any, left: Any) -> Any:
    e = exp(away)
    return np.asarray(e + e * left)  # an array, also where there are no axes, to be written into


def _sums(away: Any, e: Any, axes: tuple[int, ...]) -> tuple[Any, Any, Any]:
    """Σ e; the same without the largest entries, which are exactly 1, where `away` is 0; and how many of these there are."""
    total = add.reduce(e, axis=axes, keepdims=True)
    rest = add.reduce(subtract(e, np.equal(away, 0.0)), axis=axes, keepdims=True)
    # Not a number where something infinite or no number is among them.
    return total, rest, np.rint(total - rest)


def _log_of_sum(rest: Any, ties: Any) -> Any:
    """ln Σ e, where the largest entry is 1, or nothing is finite."""
    # Leaving the largest term to log1p keeps what the others add, however small they are.
    several = maximum(ties, _ONE)
    result = np.log(several) + log1p(rest / several)
    if not np.all(ties > 0):
        # Without a finite largest term there is nothing but −inf (log 0 is meant) or something that is not a number.
        with np.errstate(divide="ignore"):
            result = np.where(ties > 0, result, np.log(rest))
    return result


def softmax(x: Any, axes: tuple[int, ...]) -> Any:
    away, left, _ = away_from_top(x, axes)
    e = _exponentials(away, left)
    return divide(e, add.reduce(e, axis=axes, keepdims=True), e)


def logsumexp(x: Any, axes: tuple[int, ...]) -> Any:
    away, left, top = away_from_top(x, axes)
    _, rest, ties = _sums(away, _exponentials(away, left), axes)
    return top + _log_of_sum(rest, ties)


def logsumexp_and_softmax(x: Any, axes: tuple[int, ...]) -> tuple[Any, Any]:
    away, left, top = away_from_top(x, axes)
    e = _exponentials(away, left)
    total, rest, ties = _sums(away, e, axes)
    return top + _log_of_sum(rest, ties), divide(e, total, e)


def log_softmax(x: Any, axes: tuple[int, ...]) -> Any:
    away, left, _ = away_from_top(x, axes)
    _, rest, ties = _sums(away, _exponentials(away, left), axes)
    return (away - _log_of_sum(rest, ties)) + left


def log_softmax_and_softmax(x: Any, axes: tuple[int, ...]) -> tuple[Any, Any]:
    away, left, _ = away_from_top(x, axes)
    e = _exponentials(away, left)
    total, rest, ties = _sums(away, e, axes)
    return (away - _log_of_sum(rest, ties)) + left, divide(e, total, e)


def _softmax_and_others(e: Any, total: Any, rest: Any) -> tuple[Any, Any]:
    s = divide(e, total, e)
    return s, np.where(s > _HALF, rest / total, _ONE - s)


def softmax_and_others(x: Any, axes: tuple[int, ...]) -> tuple[Any, Any]:
    """Softmax, and for each class what it gives to the others, which is not taken from 1 where that would cancel."""
    away, left, _ = away_from_top(x, axes)
    e = _exponentials(away, left)
    total, rest, _ = _sums(away, e, axes)
    return _softmax_and_others(e, total, rest)


def log_softmax_and_softmax_and_others(x: Any, axes: tuple[int, ...]) -> tuple[Any, Any, Any]:
    away, left, _ = away_from_top(x, axes)
    e = _exponentials(away, left)
    total, rest, ties = _sums(away, e, axes)
    return (away - _log_of_sum(rest, ties)) + left, *_softmax_and_others(e, total, rest)
