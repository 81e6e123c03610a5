"""Elementwise ops: the derivative table, as on the inside cover of a calculus book.

An op that is called on arrays computes; called on nodes it builds a node. So a derivative is written once, with cgraph's own ops and
operators: a `Run` calls it on arrays and gets numbers, `cgraph.gradient` calls it on nodes and gets a graph.

One entry an op: NumPy's function, the partial with respect to each operand, and what pictures and checks want to know. A partial is a
function ``(out, *operands)``, a constant, or None where the result has no derivative. Shapes, broadcasting, forward mode, higher
derivatives, tests and the docs table follow from it. Conventions at kinks (``docs/conventions.md``): relu'(0) = 0, |x|'(0) = 0, ties
are shared equally.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from cgraph.linear_maps import Select
from cgraph.op import REAL, Interval, Op, register, together
from cgraph.operators import PUBLIC
from cgraph.ops import kernels
from cgraph.ops.define import NOT_NEGATIVE, POSITIVE, UNIT, F, elementwise


def gap(a: Any, b: Any) -> Any:
    """Relative distance of two numbers: the margin of a kink at a = b."""
    scale = np.maximum(np.maximum(np.abs(a), np.abs(b)), np.finfo(np.float64).tiny)
    return np.where(np.equal(a, b), 0.0, np.abs(np.subtract(a, b)) / scale)


def distance_from(*points: float) -> Callable[..., Any]:
    """Margin of an op with kinks at fixed points. At 0 there is no scale, so that only 0 itself is on the kink."""

    def margin(x: Any) -> Any:
        x = np.asarray(x, np.float64)
        distances = [
            np.where(x == p, 0.0, 1.0 if p == 0 else np.abs(x - p) / math.fabs(p)) for p in points
        ]
        return np.minimum.reduce(distances)

    return margin


def _inverse(b: Any) -> Any:
    """1 / b; a Python number may be 0, where Python refuses what NumPy answers with inf."""
    return 1.0 / b if b.__class__ is not float or b else math.copysign(math.inf, b)


def _power_partial(a: Any, b: Any) -> Any:
    """b·a^(b−1), but 0 for b = 0, also at a = 0. A known exponent keeps the gradient graph free of the case distinction."""
    known = b if type(b) is float else b._value if getattr(b, "weak", False) else None
    if known is not None:
        if known == 0.0:
            return 0.0 / (1.0 + abs(a))  # zero also where a is infinite
        return known * (a if known == 2.0 else power(a, known - 1.0))
    # The exponent stays b - 1 at b = 0, too: the derivative by b of this is 1/a there.
    tiny = float(np.finfo(getattr(a, "dtype", np.float64)).tiny)
    lost = logical_and(equal(b, 0.0), less(abs(a), tiny))
    return b * power(where(lost, 1.0, a), b - 1.0)


def _step(a: Any, b: Any) -> Any:
    dtype = np.result_type(a, b, np.float16)
    return np.where(
        np.isnan(a) | np.isnan(b), np.nan, np.where(np.equal(a, b), 0.5, np.greater(a, b))
    ).astype(dtype)


# fmt: off
# --- arithmetic ---------------------------------------------------------------------------------------------------------------

add: Op = elementwise(
    "add", np.add, 1, 1, scalar=operator.add, symbol="+", role="linear", commutative=True,
    formula=F("$a + $b", "$a + $b", "1", "1"),
)
subtract: Op = elementwise(
    "subtract", np.subtract, 1, -1, scalar=operator.sub, symbol="−", role="linear", formula=F("$a − $b", "$a - $b", "1", "−1"),
)
multiply: Op = elementwise(
    "multiply", np.multiply, lambda out, a, b: b, lambda out, a, b: a, scalar=operator.mul,
    symbol="×", role="linear", commutative=True, formula=F("$a·$b", r"$a \cdot $b", "$b", "$a"),
)
divide: Op = elementwise(
    "divide", np.divide, lambda out, a, b: _inverse(b), lambda out, a, b: -out / b, scalar=operator.truediv,
    symbol="÷", formula=F("$a / $b", r"\frac{$a}{$b}", "1/$b", "−$out/$b"), domain=(REAL, REAL),
)
negative: Op = elementwise(
    "negative", np.negative, -1, scalar=operator.neg, symbol="−", role="linear", formula=F("−$a", "-$a", "−1"),
)
power: Op = elementwise(
    "power", np.power,
    # ln a · out, but 0 at a = 0, where the limit is 0 for every b > 0.
    lambda out, a, b: _power_partial(a, b),
    lambda out, a, b: out * (log(a or 1.0) if type(a) is float else log(where(equal(a, 0.0), 1.0, a))),
    scalar=math.pow, symbol="xʸ", formula=F("$a^$b", "$a^{$b}", "$b·$a^($b−1)", "ln($a)·$out"), domain=(POSITIVE, REAL),
)
square: Op = elementwise(
    "square", np.square, lambda out, x: 2.0 * x, scalar=lambda x: x * x, symbol="x²", formula=F("$a²", "$a^2", "2·$a"),
)
sqrt: Op = elementwise(
    "sqrt", np.sqrt, lambda out, x: 0.5 / out, scalar=math.sqrt, symbol="√", domain=(NOT_NEGATIVE,),
    formula=F("√$a", r"\sqrt{$a}", "1/(2·$out)"),
)
reciprocal: Op = elementwise(
    "reciprocal", lambda x: 1.0 / x, lambda out, x: -square(out), scalar=lambda x: 1.0 / x, symbol="1/x",
    formula=F("1 / $a", r"\frac{1}{$a}", "−$out²"),
)

# --- exponentials and logarithms ----------------------------------------------------------------------------------------------

exp: Op = elementwise(
    "exp", np.exp, lambda out, x: out, scalar=math.exp, symbol="exp", role="activation", formula=F("e^$a", "e^{$a}", "$out"),
)
expm1: Op = elementwise(
    "expm1", np.expm1, lambda out, x: exp(x), scalar=math.expm1, symbol="expm1", formula=F("e^$a − 1", "e^{$a} - 1", "e^$a"),
)
log: Op = elementwise(
    "log", np.log, lambda out, x: 1.0 / x, scalar=math.log, symbol="ln", domain=(POSITIVE,), formula=F("ln $a", r"\ln $a", "1/$a"),
)
log1p: Op = elementwise(
    "log1p", np.log1p, lambda out, x: 1.0 / (1.0 + x), scalar=math.log1p, symbol="log1p", domain=(Interval(-1.0, open_low=True),),
    formula=F("ln(1 + $a)", r"\ln(1 + $a)", "1/(1 + $a)"),
)

# --- trigonometric and hyperbolic ---------------------------------------------------------------------------------------------

sin: Op = elementwise("sin", np.sin, lambda out, x: cos(x), scalar=math.sin, formula=F("sin $a", r"\sin $a", "cos $a"))
cos: Op = elementwise("cos", np.cos, lambda out, x: -sin(x), scalar=math.cos, formula=F("cos $a", r"\cos $a", "−sin $a"))
tan: Op = elementwise("tan", np.tan, lambda out, x: 1.0 + square(out), scalar=math.tan, formula=F("tan $a", r"\tan $a", "1 + $out²"))
arcsin: Op = elementwise(
    "arcsin", np.arcsin, lambda out, x: 1.0 / sqrt((1.0 - x) * (1.0 + x)), scalar=math.asin, domain=(UNIT,),
    formula=F("arcsin $a", r"\arcsin $a", "1/√(1 − $a²)"),
)
arccos: Op = elementwise(
    "arccos", np.arccos, lambda out, x: -1.0 / sqrt((1.0 - x) * (1.0 + x)), scalar=math.acos, domain=(UNIT,),
    formula=F("arccos $a", r"\arccos $a", "−1/√(1 − $a²)"),
)
arctan: Op = elementwise(
    "arctan", np.arctan, lambda out, x: 1.0 / (1.0 + square(x)), scalar=math.atan,
    formula=F("arctan $a", r"\arctan $a", "1/(1 + $a²)"),
)
sinh: Op = elementwise("sinh", np.sinh, lambda out, x: cosh(x), scalar=math.sinh, formula=F("sinh $a", r"\sinh $a", "cosh $a"))
cosh: Op = elementwise("cosh", np.cosh, lambda out, x: sinh(x), scalar=math.cosh, formula=F("cosh $a", r"\cosh $a", "sinh $a"))

# --- activations --------------------------------------------------------------------------------------------------------------

tanh: Op = elementwise(
    "tanh", kernels.tanh, lambda out, x: tanh_slope(x), scalar=math.tanh, role="activation", formula=F("tanh $a", r"\tanh $a", "1 − $out²"),
)
tanh_slope: Op = elementwise(
    "tanh_slope", kernels.tanh_slope, lambda out, x: -2.0 * out * tanh(x), scalar=kernels.tanh_slope_float,
    symbol="tanh′", formula=F("1 − tanh² $a", r"1 - \tanh^2 $a", "−2·$out·tanh $a"),
    doc="The derivative of tanh, computed as 4 σ′(2x): 1 − tanh² has no digits left in the tails.",
)
sigmoid: Op = elementwise(
    "sigmoid", kernels.sigmoid, lambda out, x: sigmoid_slope(x), scalar=kernels.sigmoid_float, symbol="σ", role="activation",
    formula=F("1 / (1 + e^(−$a))", r"\frac{1}{1 + e^{-$a}}", "$out(1−$out)"),
    doc="The logistic function, accurate in both tails. Its partial out·(1−out) is computed by `sigmoid_slope`, where 1 − out has no digits left.",
)
sigmoid_slope: Op = elementwise(
    "sigmoid_slope", kernels.sigmoid_slope, lambda out, x: -out * tanh(0.5 * x), scalar=kernels.sigmoid_slope_float, symbol="σ′",
    formula=F("σ($a)(1−σ($a))", r"\sigma($a)(1 - \sigma($a))", "−$out·tanh($a/2)"),
    doc="The derivative of the sigmoid, e^−|x| / (1 + e^−|x|)², accurate in both tails.",
)
softplus: Op = elementwise(
    "softplus", kernels.softplus, lambda out, x: sigmoid(x), scalar=kernels.softplus_float, role="activation",
    formula=F("ln(1 + e^$a)", r"\ln(1 + e^{$a})", "σ($a)"),
)
relu: Op = elementwise(
    "relu", lambda x: np.maximum(x, 0.0), lambda out, x: x > 0.0, symbol="ReLU", role="activation",
    scalar=lambda x: x if x > 0.0 or x != x else 0.0, margin=distance_from(0.0), formula=F("max(0, $a)", r"\max(0, $a)", "1 if $a > 0, else 0"),
)

# --- pieces -------------------------------------------------------------------------------------------------------------------

abs: Op = elementwise(
    "abs", np.abs, lambda out, x: sign(x), scalar=math.fabs, symbol="|x|", margin=distance_from(0.0), formula=F("|$a|", "|$a|", "sign $a"),
)
sign: Op = elementwise("sign", np.sign, 0, margin=distance_from(0.0), formula=F("sign $a", r"\operatorname{sign} $a", "0"))
step: Op = elementwise(
    "step", _step, 0, 0, margin=gap, formula=F("1 if $a > $b, ½ if equal, else 0", "[$a > $b]", "0", "0"),
    doc="1 where a > b, 1/2 where they are equal, 0 elsewhere: how maximum and minimum share a gradient.",
)
maximum: Op = elementwise(
    "maximum", np.maximum, lambda out, a, b: step(a, b), lambda out, a, b: step(b, a), symbol="max", margin=gap, commutative=True,
    formula=F("max($a, $b)", r"\max($a, $b)", "1 if $a > $b, ½ if equal", "1 if $b > $a, ½ if equal"),
)
minimum: Op = elementwise(
    "minimum", np.minimum, lambda out, a, b: step(b, a), lambda out, a, b: step(a, b), symbol="min", margin=gap, commutative=True,
    formula=F("min($a, $b)", r"\min($a, $b)", "1 if $a < $b, ½ if equal", "1 if $b < $a, ½ if equal"),
)
_clip: Op = elementwise(
    "clip", lambda x, low, high: np.minimum(np.maximum(x, low), high),
    lambda out, x, low, high: step(x, low) * step(high, maximum(x, low)),
    lambda out, x, low, high: step(low, x) * step(high, maximum(x, low)),
    lambda out, x, low, high: step(maximum(x, low), high),
    margin=lambda x, low, high: np.minimum(gap(x, low), gap(np.maximum(x, low), high)),
    formula=F("$a clipped to [$b, $c]", r"\min(\max($a, $b), $c)", "1 inside, ½ on a bound, 0 outside", "1 if $a < $b", "1 if $a > $c"),
)

# --- comparisons and logic: not differentiable, made for `where` ------------------------------------------------------------------

less: Op = elementwise("less", np.less, None, None, symbol="<", formula=F("$a < $b", "$a < $b", None, None))
less_equal: Op = elementwise("less_equal", np.less_equal, None, None, symbol="≤", formula=F("$a ≤ $b", r"$a \le $b", None, None))
greater: Op = elementwise("greater", np.greater, None, None, symbol=">", formula=F("$a > $b", "$a > $b", None, None))
greater_equal: Op = elementwise("greater_equal", np.greater_equal, None, None, symbol="≥", formula=F("$a ≥ $b", r"$a \ge $b", None, None))
equal: Op = elementwise("equal", np.equal, None, None, symbol="=", commutative=True, formula=F("$a = $b", "$a = $b", None, None))
not_equal: Op = elementwise("not_equal", np.not_equal, None, None, symbol="≠", commutative=True, formula=F("$a ≠ $b", r"$a \ne $b", None, None))
logical_and: Op = elementwise("logical_and", np.logical_and, None, None, symbol="∧", commutative=True, formula=F("$a and $b", r"$a \land $b", None, None))
logical_or: Op = elementwise("logical_or", np.logical_or, None, None, symbol="∨", commutative=True, formula=F("$a or $b", r"$a \lor $b", None, None))
logical_not: Op = elementwise("logical_not", np.logical_not, None, symbol="¬", formula=F("not $a", r"\lnot $a", None))

bitwise_and: Op = elementwise("bitwise_and", np.bitwise_and, None, None, symbol="&", commutative=True, formula=F("$a & $b", r"$a \mathbin{\&} $b", None, None))
bitwise_or: Op = elementwise("bitwise_or", np.bitwise_or, None, None, symbol="|", commutative=True, formula=F("$a | $b", r"$a \mathbin{|} $b", None, None))
bitwise_xor: Op = elementwise("bitwise_xor", np.bitwise_xor, None, None, symbol="^", commutative=True, formula=F("$a xor $b", r"$a \oplus $b", None, None))
invert: Op = elementwise("invert", np.invert, None, symbol="~", formula=F("not $a, bit by bit", r"\lnot $a", None))

# `where` is elementwise in shape and dtype, but its locals select: an unselected branch gets zero by structure (cgraph/local.py).
where: Op = register(
    Op(
        "where", np.where,
        linear_maps=(
            None,
            lambda out, condition, a, b: Select(condition, where, logical_and),
            lambda out, condition, a, b: Select(logical_not(condition), where, logical_and),
        ),
        formula=F("$b if $a, else $c", r"$b \text{ if } $a \text{ else } $c", None, "1 where $a", "1 where not $a"),
        domain=(REAL, REAL, REAL),
        doc="Entries of b where the condition a is true, of c elsewhere. The branch not taken gets a gradient of exactly 0, even if it is inf or nan.",
    )
)
PUBLIC["where"] = where

# fmt: on

together(sigmoid, sigmoid_slope, kernels.sigmoid_and_slope)
together(softplus, sigmoid, kernels.softplus_and_sigmoid)


def clip(
    x: Any,
    min: Any = None,
    max: Any = None,
    *,
    a_min: Any = None,
    a_max: Any = None,
    name: str | None = None,
) -> Any:
    """`x` held between `min` and `max`, either of which may be None, a number, an array or a node; NumPy's `a_min`, `a_max` are the same.

    On a bound the gradient is shared half and half, as ``minimum(maximum(x, min), max)`` does.

    >>> import cgraph as cg
    >>> float(cg.clip(3.0, 0.0, 1.0))
    1.0
    """
    min = a_min if min is None else min
    max = a_max if max is None else max
    if min is None and max is None:
        return x
    if min is None:
        return minimum(x, max, name=name)
    return maximum(x, min, name=name) if max is None else _clip(x, min, max, name=name)


PUBLIC["clip"] = clip
