"""Complex-step complex forwards: what the forwards of the rows compute, written so that it may be fed complex numbers.

The reference differentiates a forward by giving it x + ih and looking at the imaginary part. That is exact only for code that treats its
argument analytically; NumPy's abs, sign and arctan2, and every forward that takes moduli or compares, do not. Each such row has a complex
forward here, which branches on real parts only. At a kink a complex forward shows the *documented* convention (docs/conventions.md), so
that the check of a convention is the same comparison as any other. The complex forwards are written from the definition of the function,
never from its derivative, and this module knows nothing of cgraph but names.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

Array = Any
_sum: Any = np.add.reduce


def re(x: Array) -> Array:
    """The real part of an array or of a number."""
    return x.real if isinstance(x, np.ndarray | np.generic | complex) else x


def _abs(x: Array) -> Array:
    return np.sign(re(x)) * x  # 0 at 0


def _relu(x: Array) -> Array:
    return np.where(re(x) > 0, x, np.where(np.isnan(re(x)), x, 0.0))  # 0 at 0


def _pick(better: Callable[..., Any]) -> Callable[..., Array]:
    """maximum and minimum: the operand with the better real part, the average of two that tie."""

    def complex_forward(a: Array, b: Array) -> Array:
        ra, rb = re(a), re(b)
        return np.where(better(ra, rb), a, np.where(better(rb, ra), b, 0.5 * (a + b)))

    return complex_forward


maximum, minimum = _pick(np.greater), _pick(np.less)


def _clip(x: Array, low: Array, high: Array) -> Array:
    return minimum(maximum(x, low), high)


def _sigmoid(x: Array) -> Array:
    up = re(x) >= 0
    small = np.exp(np.where(up, -x, x))
    return np.where(up, 1.0, small) / (1.0 + small)


def _sigmoid_slope(x: Array) -> Array:
    small = np.exp(np.where(re(x) > 0, -x, x))
    return small / np.square(1.0 + small)


def _tanh_slope(x: Array) -> Array:
    return 4.0 * _sigmoid_slope(2.0 * x)


def _stable_bce_slope(z: Array, y: Array) -> Array:
    return (1.0 - y) * _sigmoid(z) - y * _sigmoid(-z)


def log1p(x: Array) -> Array:
    """NumPy's complex log1p loses the digits of small real parts."""
    if not np.iscomplexobj(x):
        return np.log1p(x)
    return np.log1p(re(x)) + 1j * np.imag(np.log(1.0 + x))


def _softplus(x: Array) -> Array:
    up = re(x) > 0
    return np.where(up, x, 0.0) + log1p(np.exp(np.where(up, -x, x)))


def _stable_bce(z: Array, y: Array) -> Array:
    return y * _softplus(-z) + (1.0 - y) * _softplus(z)


def power(a: Array, b: Array) -> Array:
    """a^b around its real value: the phase is the imaginary part of b·ln a, the modulus stays what NumPy says.

    ln(a) is taken relative to its real part, ln(a/Re a), so that a negative base with a whole exponent is fine.
    """
    ra, rb = np.broadcast_arrays(np.asarray(re(a), np.float64), np.asarray(re(b), np.float64))
    value = np.power(ra, rb)
    zero = ra == 0
    safe = np.where(zero, 1.0, ra)
    phase = rb * (np.imag(a) / safe) + np.imag(b) * np.log(np.abs(safe))
    # At a base of 0 only the linear term of the function is left: a itself for b = 1, nothing above, no derivative below.
    at_zero = np.where(
        rb == 1, np.imag(a), np.where((rb > 1) | (rb == 0), 0.0, np.inf * np.imag(a))
    )
    return value + 1j * np.where(zero, at_zero, value * phase)


def _where(condition: Array, a: Array, b: Array) -> Array:
    return np.where(re(condition) != 0, a, b)


def _real(function: Callable[..., Any]) -> Callable[..., Array]:
    """A function whose result carries no derivative: of real parts only."""
    return lambda *operands, **params: function(*(re(x) for x in operands), **params)


def _step(a: Array, b: Array) -> Array:
    return np.where(np.equal(a, b), 0.5, np.greater(a, b))


def _extreme(ufunc: Any) -> Callable[..., Array]:
    """max and min over axes: the average of the entries that tie."""

    def complex_forward(x: Array, axes: Any, keepdims: bool) -> Array:
        hit = np.equal(re(x), ufunc.reduce(re(x), axis=axes, keepdims=True))
        share = np.where(hit, x, 0.0) / _sum(hit, axis=axes, keepdims=True)
        return _sum(share, axis=axes, keepdims=keepdims)

    return complex_forward


def _softmax(x: Array, axes: Any) -> Array:
    e = np.exp(x - np.max(re(x), axis=axes, keepdims=True, initial=-np.inf))
    return e / _sum(e, axis=axes, keepdims=True)


def _expm1(x: Array) -> Array:
    return np.expm1(re(x)) + 1j * np.imag(np.exp(x)) if np.iscomplexobj(x) else np.expm1(x)


def _below_top(x: Array, axes: Any) -> tuple[Array, Array, Array]:
    """The largest real part, x without it, and the logarithm of the sum of what remains, to which the largest term is exactly 1."""
    top = np.max(re(x), axis=axes, keepdims=True, initial=-np.inf)
    away = x - top
    hit = np.equal(re(away), 0.0)
    ties = _sum(hit, axis=axes, keepdims=True)
    others = _sum(np.where(hit, _expm1(away), np.exp(away)), axis=axes, keepdims=True)
    return top, away, np.log(ties) + log1p(others / ties)


def _logsumexp(x: Array, axes: Any, keepdims: bool) -> Array:
    top, _, rest = _below_top(x, axes)
    return _sum(top + rest, axis=axes, keepdims=keepdims)  # each axis has size 1 by now


def _arctan2(y: Array, x: Array) -> Array:
    """By the quotient that is at most 1, and the quarter the point lies in."""
    steep = np.abs(re(y)) > np.abs(re(x))
    x = np.where((re(x) == 0) & (re(y) == 0), re(x), x)
    y = np.where((re(x) == 0) & (re(y) == 0), re(y), y)
    flat = np.arctan(np.where(steep, 0.0, y) / np.where(steep | (re(x) == 0), 1.0, x))
    upright = np.arctan(np.where(steep, x, 0.0) / np.where(steep, y, 1.0))
    half = np.where(np.signbit(re(y)), -np.pi, np.pi)
    return np.where(steep, 0.5 * half - upright, flat + np.where(re(x) < 0, half, 0.0))


def _hypot(a: Array, b: Array) -> Array:
    scale = np.maximum(np.abs(re(a)), np.abs(re(b)))
    safe = np.where(scale == 0, 1.0, scale)
    return np.where(scale == 0, 0.0, safe * np.sqrt(np.square(a / safe) + np.square(b / safe)))


def _logaddexp(a: Array, b: Array) -> Array:
    first = re(a) >= re(b)
    return np.where(first, a, b) + log1p(np.exp(np.where(first, b - a, a - b)))


_erfc = np.vectorize(math.erfc, otypes=[np.float64])


def _density(x: Array) -> Array:
    return np.exp(-0.5 * np.square(x)) / math.sqrt(2.0 * math.pi)


def _normal_cdf(x: Array) -> Array:
    """The integral of the density: to the real part by `math.erfc`, from there to x by the midpoint rule, over a tiny way."""
    start = re(x)
    return 0.5 * _erfc(-start / math.sqrt(2.0)) + (x - start) * _density(0.5 * (x + start))


def _cbrt(x: Array) -> Array:
    """The root of the real part, and the phase that is a third of that of x / Re x."""
    root = np.cbrt(re(x))
    return root * np.exp(np.log(x / np.where(re(x) == 0, 1.0, re(x))) / 3.0)


def _copysign(a: Array, b: Array) -> Array:
    return np.where(re(a) == 0, 0.0, a * np.sign(re(a)) * np.where(np.signbit(re(b)), -1.0, 1.0))


def _running(ufunc: Any) -> Callable[..., Array]:
    """Running extremes: at each place the average of the entries so far that tie for it."""

    def complex_forward(x: Array, axis: int) -> Array:
        x = np.moveaxis(x, axis, 0)
        result = np.array(x)
        for i in range(len(x)):
            so_far = x[: i + 1]
            hit = np.equal(re(so_far), ufunc.reduce(re(so_far), axis=0))
            result[i] = _sum(np.where(hit, so_far, 0.0), axis=0) / _sum(hit, axis=0)
        return np.moveaxis(result, 0, axis)

    return complex_forward


def _ordered(places: Callable[..., Array]) -> Callable[..., Array]:
    """Entries put in order by their real parts; those that tie are averaged."""

    def complex_forward(x: Array, axis: int, **params: Any) -> Array:
        x = np.moveaxis(np.take_along_axis(x, places(re(x), axis, **params), axis), axis, -1)
        same = np.equal(re(x)[..., :, None], re(x)[..., None, :])
        return np.moveaxis(
            _sum(np.where(same, x[..., None, :], 0.0), axis=-1) / _sum(same, axis=-1), -1, axis
        )

    return complex_forward


def _log_softmax(x: Array, axes: Any) -> Array:
    _, away, rest = _below_top(x, axes)
    return away - rest


def _log1mexp(x: Array) -> Array:
    small = re(x) > -math.log(2.0)
    near = np.log(-_expm1(np.where(small, x, -1.0)))
    return np.where(small, near, log1p(-np.exp(np.where(small, -1.0, x))))


def _logit(p: Array) -> Array:
    middle = np.abs(re(p) - 0.5) < 0.25
    inner = np.where(middle, p - 0.5, 0.0)
    outer = np.where(middle, 0.25, p)
    return np.where(middle, 2.0 * np.arctanh(2.0 * inner), np.log(outer / (1.0 - outer)))


def _cross_entropy(x: Array, y: Array, axes: Any) -> Array:
    return -_sum(y * _log_softmax(x, axes), axis=axes)


def _cross_entropy_slope(x: Array, y: Array, axes: Any) -> Array:
    return _softmax(x, axes) * _sum(y, axis=axes, keepdims=True) - y


# Rows whose NumPy forward may be fed complex numbers as it stands (worst relative error 1e-13, tests/testing/test_twins.py).
ANALYTIC = frozenset(
    """add subtract multiply divide negative square sqrt reciprocal exp expm1 log log1p sin cos tan arcsin arccos arctan sinh cosh
    bce mse matmul sum mean prod cumsum broadcast_to sum_to reshape transpose concatenate getitem scatter
    log2 log10 exp2 arcsinh arccosh arctanh positive roll take add_taken take_along_axis add_along_axis linear_recurrence cumprod
    einsum convolve""".split()
)

COMPLEX_FORWARDS: dict[str, Callable[..., Array]] = {
    "abs": _abs,
    "arctan2": _arctan2,
    "cbrt": _cbrt,
    "copysign": _copysign,
    "cummax": _running(np.maximum),
    "cummin": _running(np.minimum),
    "partition": _ordered(lambda x, axis, kth: np.argpartition(x, kth, axis)),
    "sort": _ordered(lambda x, axis: np.argsort(x, axis, kind="stable")),
    "deg2rad": lambda x: x * (np.pi / 180.0),
    "fmod": lambda a, b: a - b * np.trunc(re(a) / re(b)),
    "gelu": lambda x: x * _normal_cdf(x),
    "gelu_slope": lambda x: _normal_cdf(x) + x * _density(x),
    "heaviside": lambda x, half: np.where(re(x) == 0, half, re(x) > 0),
    "hypot": _hypot,
    "logaddexp": _logaddexp,
    "logaddexp2": lambda a, b: _logaddexp(a * np.log(2.0), b * np.log(2.0)) / np.log(2.0),
    "rad2deg": lambda x: x * (180.0 / np.pi),
    "sinc": np.sinc,
    "remainder": lambda a, b: a - b * np.floor(re(a) / re(b)),
    "clip": _clip,
    "log_sigmoid": lambda x: -_softplus(-x),
    "cross_entropy_slope": _cross_entropy_slope,
    "log1mexp": _log1mexp,
    "log_softmax": _log_softmax,
    "logit": _logit,
    "mish": lambda x: x * np.tanh(_softplus(x)),
    "pos_weighted_bce": lambda z, y, w: w * y * _softplus(-z) + (1.0 - y) * _softplus(z),
    "pos_weighted_bce_slope": lambda z, y, w: (1.0 - y) * _sigmoid(z) - w * y * _sigmoid(-z),
    "silu": lambda x: x * _sigmoid(x),
    "logaddexp_slope": lambda a, b: _sigmoid(a - b),
    "logsumexp": _logsumexp,
    "stable_cross_entropy": _cross_entropy,
    "max": _extreme(np.maximum),
    "maximum": maximum,
    "min": _extreme(np.minimum),
    "minimum": minimum,
    "power": power,
    "relu": _relu,
    "sigmoid": _sigmoid,
    "sigmoid_slope": _sigmoid_slope,
    "stable_bce_slope": _stable_bce_slope,
    "tanh": np.tanh,
    "tanh_slope": _tanh_slope,
    "sign": _real(np.sign),
    "softmax": _softmax,
    "softplus": _softplus,
    "stable_bce": _stable_bce,
    "step": _real(_step),
    "stop_gradient": re,
    "where": _where,
    "count": _real(lambda x, axes: float(np.prod([np.shape(x)[i] for i in axes], dtype=np.int64))),
    **{
        name: _real(getattr(np, name))
        for name in (
            "less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "logical_and", "logical_or", "logical_not",
            "bitwise_and", "bitwise_or", "bitwise_xor", "invert",
            "floor", "ceil", "trunc", "rint", "floor_divide", "signbit", "logical_xor",
        )
    },
}  # fmt: skip
