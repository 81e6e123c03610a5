"""What each row of the derivative tables is made of, in primitives.

A lowering takes a `Builder`, the lowered operands and the row's parameters, and returns a value, or None for a case that it leaves
to the row. Rows whose forward is a ufunc of NumPy need none; rows that have none here are called as they are. So a row without a
lowering is slower, never wrong.

**One exponential.** The sigmoid, its slope, softplus, the loss and the loss's slope on one logit z share a single exponential, e = exp(−z),
and q = 1 / (1 + e), which is σ(z): the slope is q · (e q), the tail of the loss is log1p(min(e, 1/e)). Both tails keep all their
digits without a branch. Where e overflows to infinity (z < −709), q is 0 and e q would be NaN: `fmin` makes it the 1
that it is meant to be.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from cgraph.compile.ir import QUICK_TANGENT, Value
from cgraph.compile.ir.builder import Builder
from cgraph.extras import installed

Lowering = Callable[..., Value | None]
LOWERINGS: dict[str, Lowering] = {}
L = TypeVar("L", bound=Callable[..., Any])


def lowering(*names: str) -> Callable[[L], L]:
    """Enter a lowering under the names of rows."""

    def enter(function: L) -> L:
        LOWERINGS.update(dict.fromkeys(names, function))
        return function

    return enter


def one(b: Builder, x: Value) -> Value:
    return b.literal(1.0, x.dtype)


# --- activations ------------------------------------------------------------------------------------------------------------------


def _exponential(b: Builder, z: Value) -> tuple[Value, Value]:
    """e = exp(−z) and q = 1 / (1 + e) = σ(z)."""
    e = b.hint("e", z, b.elementwise("exp", b.elementwise("negative", z)))
    return e, b.elementwise("reciprocal", b.elementwise("add", e, one(b, z)))


@lowering("sigmoid")
def _sigmoid(b: Builder, z: Value) -> Value:
    return _exponential(b, z)[1]


def _other(b: Builder, z: Value) -> Value:
    """1 − σ(z) = σ(−z), as e q."""
    e, q = _exponential(b, z)
    return b.hint("other", z, b.elementwise("fmin", b.elementwise("multiply", e, q), one(b, z)))


@lowering("sigmoid_slope")
def _sigmoid_slope(b: Builder, z: Value) -> Value:
    if b.known("exp", b.elementwise("negative", z)):
        slope = b.elementwise("multiply", _exponential(b, z)[1], _other(b, z))
        return b.hint("slope", z, slope)
    return _slope_alone(b, z)


def _slope_alone(b: Builder, z: Value) -> Value:
    """The slope of a sigmoid that is not needed itself: s / (1 + s)² with s = exp(−|z|), or, where that is quick, 1 / (2 cosh(z/2))²."""
    if QUICK_TANGENT and z.dtype == np.float64 and z.size > 1:
        half = b.elementwise("multiply", z, b.literal(0.5))
        inverse = b.elementwise("reciprocal", b.elementwise("square", b.elementwise("cosh", half)))
        return b.elementwise("multiply", inverse, b.literal(0.25))
    s = b.elementwise("exp", b.elementwise("copysign", z, b.literal(-1.0, z.dtype)))
    b.hint("s", z, s)
    total = b.elementwise("add", s, one(b, z))
    return b.elementwise("divide", s, b.elementwise("square", total))


def _tail(b: Builder, z: Value, e: Value) -> Value:
    """ln(1 + s) with s = exp(−|z|), from e = exp(−z)."""
    s = b.hint("s", z, b.elementwise("minimum", e, b.elementwise("reciprocal", e)))
    return b.hint("tail", z, b.elementwise("log1p", s))


@lowering("softplus")
def _softplus(b: Builder, z: Value) -> Value:
    tail = _tail(b, z, _exponential(b, z)[0])
    return b.elementwise("add", tail, b.elementwise("maximum", z, b.literal(0.0, z.dtype)))


@lowering("log_sigmoid")
def _log_sigmoid(b: Builder, z: Value) -> Value:
    tail = _tail(b, z, _exponential(b, z)[0])
    return b.elementwise("subtract", b.elementwise("minimum", z, b.literal(0.0, z.dtype)), tail)


@lowering("silu")
def _silu(b: Builder, z: Value) -> Value:
    return b.elementwise("multiply", z, _sigmoid(b, z))


@lowering("mish")
def _mish(b: Builder, z: Value) -> Value:
    return b.elementwise("multiply", z, b.elementwise("tanh", _softplus(b, z)))


@lowering("softsign")
def _softsign(b: Builder, x: Value) -> Value:
    return b.elementwise("divide", x, b.elementwise("add", b.elementwise("absolute", x), one(b, x)))


@lowering("leaky_relu")
def _leaky_relu(b: Builder, x: Value, slope: Value) -> Value:
    below = b.elementwise("multiply", x, slope)
    if slope.literal is not None and 0.0 < slope.literal <= 1.0:
        return b.elementwise("maximum", x, below)
    return b.select(b.elementwise("greater", x, b.literal(0.0, x.dtype)), x, below)


@lowering("elu")
def _elu(b: Builder, x: Value, alpha: Value) -> Value:
    """max(x, 0) + alpha (e^min(x, 0) − 1): one of the two is 0."""
    zero = b.literal(0.0, x.dtype)
    below = b.elementwise("expm1", b.elementwise("minimum", x, zero))
    above = b.elementwise("maximum", x, zero)
    return b.elementwise("add", above, b.elementwise("multiply", below, alpha))


def _normal_cdf(b: Builder, x: Value) -> Value:
    """Φ(x) = erfc(−x/√2) / 2, which has its digits in the left tail, too."""
    scaled = b.elementwise("multiply", x, b.literal(-math.sqrt(0.5), x.dtype))
    return b.elementwise("multiply", b.elementwise("erfc", scaled), b.literal(0.5, x.dtype))


def _gelu(b: Builder, x: Value) -> Value:
    return b.elementwise("multiply", x, _normal_cdf(b, x))


def _gelu_slope(b: Builder, x: Value) -> Value:
    """Φ(x) + x φ(x)."""
    half = b.elementwise("multiply", b.elementwise("square", x), b.literal(-0.5, x.dtype))
    density = b.elementwise(
        "multiply", b.elementwise("exp", half), b.literal(1.0 / math.sqrt(2.0 * math.pi), x.dtype)
    )
    return b.elementwise("add", _normal_cdf(b, x), b.elementwise("multiply", x, density))


if installed("scipy"):  # which has the only erfc of arrays that there is
    lowering("gelu")(_gelu)
    lowering("gelu_slope")(_gelu_slope)


@lowering("logaddexp")
def _logaddexp(b: Builder, x: Value, y: Value) -> Value:
    """max(x, y) + ln(1 + e^−|x − y|); where both are the same infinity their difference is none."""
    apart = b.elementwise("absolute", _apart(b, x, y))
    tail = b.elementwise("log1p", b.elementwise("exp", b.elementwise("negative", apart)))
    return b.elementwise("add", b.elementwise("maximum", x, y), tail)


@lowering("logaddexp_slope")
def _logaddexp_slope(b: Builder, x: Value, y: Value) -> Value:
    return _sigmoid(b, _apart(b, x, y))


def _apart(b: Builder, x: Value, y: Value) -> Value:
    """x − y, and 0 where they are equal, also where they are infinite."""
    same = b.elementwise("equal", x, y)
    return b.select(same, b.literal(0.0, x.dtype), b.elementwise("subtract", x, y))


@lowering("positive")
def _positive(b: Builder, x: Value) -> Value:
    return x


@lowering("tanh")
def _tanh(b: Builder, x: Value) -> Value:
    return b.elementwise("tanh", x)


@lowering("tanh_slope")
def _tanh_slope(b: Builder, x: Value) -> Value:
    """1 / cosh²: 1 − tanh², which is quicker where tanh is there, has no digits left in the tails."""
    if b.fast and b.known("tanh", x):
        return b.elementwise("subtract", one(b, x), b.elementwise("square", _tanh(b, x)))
    if x.dtype != np.float64:  # whose cosh is off by three units, which the square doubles
        two, four = b.literal(2.0, x.dtype), b.literal(4.0, x.dtype)
        return b.elementwise("multiply", _slope_alone(b, b.elementwise("multiply", x, two)), four)
    return b.elementwise("reciprocal", b.elementwise("square", b.elementwise("cosh", x)))


@lowering("relu")
def _relu(b: Builder, x: Value) -> Value:
    return b.elementwise("maximum", x, b.literal(0.0, x.dtype))


@lowering("step")
def _step(b: Builder, x: Value, y: Value) -> Value:
    """1 where x > y, 1/2 where they are equal, NaN where one is."""
    if any(v.literal is not None and math.isfinite(v.literal) for v in (x, y)):
        side = b.elementwise("sign", b.elementwise("subtract", x, y))
        half = b.literal(0.5, x.dtype)
        return b.elementwise("add", b.elementwise("multiply", side, half), half)
    more, same = b.elementwise("greater", x, y), b.elementwise("equal", x, y)
    half = b.select(same, b.literal(0.5, x.dtype), b.cast(more, x.dtype))
    nan = b.elementwise("logical_or", b.elementwise("isnan", x), b.elementwise("isnan", y))
    return b.select(nan, b.literal(np.nan, x.dtype), half)


@lowering("clip")
def _clip(b: Builder, x: Value, low: Value, high: Value) -> Value:
    return b.elementwise("minimum", b.elementwise("maximum", x, low), high)


@lowering("where")
def _where(b: Builder, condition: Value, x: Value, y: Value) -> Value:
    return b.select(condition, x, y)


@lowering("reciprocal")
def _reciprocal(b: Builder, x: Value) -> Value:
    return b.elementwise("reciprocal", x)


# --- losses -----------------------------------------------------------------------------------------------------------------------


def _clipped(b: Builder, z: Value) -> tuple[Value, Value]:
    """−z, and e = exp(−z) with −z held at where e is still finite, so that y e needs no care."""
    minus = b.elementwise("negative", z)
    return minus, b.hint("e", z, b.elementwise("exp", _held(b, minus)))


def _held(b: Builder, minus: Value) -> Value:
    top = b.literal(700.0 if minus.dtype == np.float64 else 80.0, minus.dtype)
    return b.elementwise("minimum", minus, top)


def _beyond(b: Builder, minus: Value) -> Value:
    """What −z is held back by in `_clipped`; a loop without guards does without (`ir.held_back`)."""
    return b.elementwise("subtract", minus, _held(b, minus))


LOWEST_MARGIN = (
    -700.0,
    -80.0,
)  # whose exponential still has a reciprocal, in double and in single precision


def _margin(b: Builder, z: Value, y: Value) -> tuple[Value, Value, Value]:
    """For labels that are 0 or 1: the side ±1, the margin t = ±z by which the answer is right, and e^t.

    The loss is ln(1 + e^−t) and its slope ∓1 / (1 + e^t): both tails have their digits, and the slope needs no guard.
    """
    side = b.elementwise(
        "subtract", b.elementwise("multiply", y, b.literal(2.0, z.dtype)), one(b, z)
    )
    b.hint("side", y, side)
    margin = b.hint("margin", z, b.elementwise("multiply", z, side))
    held = b.elementwise("maximum", margin, _lowest(b, z))
    return side, margin, b.hint("e", z, b.elementwise("exp", held))


def _lowest(b: Builder, z: Value) -> Value:
    return b.literal(LOWEST_MARGIN[z.dtype != np.float64], z.dtype)


def _beyond_margin(b: Builder, margin: Value) -> Value:
    """What a margin is held back by in `_margin`; a loop without guards does without (`ir.held_back`)."""
    lowest = _lowest(b, margin)
    return b.elementwise("subtract", lowest, b.elementwise("minimum", margin, lowest))


@lowering("stable_bce")
def _stable_bce(b: Builder, z: Value, y: Value) -> Value:
    """log1p(exp(−|z|)) + max(z, 0) − y z: at labels of 0 and 1 the difference is exact, so that no tail loses a digit."""
    if b.is_zero_or_one(y):
        margin, e = _margin(b, z, y)[1:]
        tail = b.hint("tail", z, b.elementwise("log1p", b.elementwise("reciprocal", e)))
        return b.elementwise("add", tail, _beyond_margin(b, margin))
    minus, e = _clipped(b, z)
    if b.fast:
        # ln(1 + e^−z) + (1 − y) z, whose terms cancel where z is large and negative.
        not_y = b.elementwise("subtract", one(b, z), y)
        tail = b.elementwise("add", b.elementwise("log1p", e), _beyond(b, minus))
        return b.elementwise("subtract", tail, b.elementwise("multiply", not_y, minus))
    tail = _tail(b, z, e)
    below = b.hint("below", z, b.elementwise("minimum", minus, b.literal(0.0, z.dtype)))
    linear = b.elementwise("subtract", b.elementwise("multiply", y, minus), below)
    b.hint("linear", z, linear)
    return b.elementwise("add", tail, linear)


@lowering("stable_bce_slope")
def _stable_bce_slope(b: Builder, z: Value, y: Value) -> Value:
    """((1 − y) − y e) / (1 + e), which is (1 − y) σ(z) − y σ(−z)."""
    if b.is_zero_or_one(y):
        side, _, e = _margin(b, z, y)
        other = b.elementwise("reciprocal", b.elementwise("add", e, one(b, z)))
        return b.elementwise("negative", b.elementwise("multiply", other, side))
    _, e = _clipped(b, z)
    not_y = b.elementwise("subtract", one(b, z), y)
    above = b.elementwise("subtract", not_y, b.elementwise("multiply", y, e))
    b.hint("above", z, above)
    return b.elementwise("divide", above, b.elementwise("add", e, one(b, z)))


@lowering("bce")
def _bce(b: Builder, p: Value, y: Value) -> Value:
    """The textbook formula, which breaks at 0 and 1, on purpose."""
    not_p, not_y = (b.elementwise("subtract", one(b, p), x) for x in (p, y))
    wrong = b.elementwise("multiply", not_y, b.elementwise("log", not_p))
    right = b.elementwise("multiply", y, b.elementwise("log", p))
    return b.elementwise("negative", b.elementwise("add", right, wrong))


@lowering("mse")
def _mse(b: Builder, p: Value, y: Value) -> Value:
    squared = b.elementwise("square", b.elementwise("subtract", p, y))
    return b.elementwise("multiply", squared, b.literal(0.5, p.dtype))


# --- reductions -------------------------------------------------------------------------------------------------------------------


def kept(b: Builder, x: Value, axes: tuple[int, ...], like: Value) -> Value:
    """A reduction's result with its axes put back as 1."""
    return b.reshape(x, tuple(1 if i in axes else n for i, n in enumerate(like.shape)))


def _reduction(op: str) -> Callable[..., Value]:
    def lower(b: Builder, x: Value, axes: tuple[int, ...], keepdims: bool) -> Value:
        result = b.reduce(op, x, axes)
        return kept(b, result, axes, x) if keepdims else result

    return lower


for _op in ("sum", "max", "min"):
    LOWERINGS[_op] = _reduction(_op)


@lowering("mean")
def _mean(b: Builder, x: Value, axes: tuple[int, ...], keepdims: bool) -> Value:
    n = int(np.prod([x.shape[i] for i in axes], dtype=np.int64))
    total = _reduction("sum")(b, x, axes, keepdims)
    return b.elementwise("divide", total, b.literal(float(n) if n else np.nan, x.dtype))


# --- structure --------------------------------------------------------------------------------------------------------------------


@lowering("broadcast_to")
def _broadcast_to(b: Builder, x: Value, *like: Value, shape: Any = None) -> Value:
    target = shape if shape is not None else np.broadcast_shapes(x.shape, like[0].shape)
    return b.broadcast(x, tuple(target))


@lowering("sum_to")
def _sum_to(b: Builder, x: Value, *like: Value, shape: Any = None) -> Value:
    target = tuple(shape) if shape is not None else like[0].shape
    lead = len(x.shape) - len(target)
    axes = tuple(range(lead)) + tuple(
        i + lead for i, n in enumerate(target) if n == 1 and x.shape[i + lead] != 1
    )
    return b.reshape(b.reduce("sum", x, axes), target)


@lowering("reshape")
def _reshape(b: Builder, x: Value, *like: Value, shape: Any = None) -> Value:
    target = like[0].shape if shape is None else np.empty(x.shape, np.bool_).reshape(shape).shape
    return b.reshape(x, tuple(target))


@lowering("transpose")
def _transpose(b: Builder, x: Value, axes: tuple[int, ...]) -> Value:
    return b.transpose(x, axes)


@lowering("stop_gradient")
def _stop_gradient(b: Builder, x: Value) -> Value:
    return x


@lowering("checkpoint")
def _checkpoint(b: Builder, x: Value) -> Value:
    if x.args:
        b.boundaries.add(x)
    return x


@lowering("concatenate")
def _concatenate(b: Builder, *args: Value, axis: int) -> Value:
    return b.join(args, axis)
