"""More functions of a calculus book, entry by entry: logarithms and exponentials of other bases, inverse hyperbolic functions, angles.

The same table as `elementwise`, for what a graph needs less often. Those MyGrad has beside NumPy's (`sec`, `arccot` ...) are compositions.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cgraph.op import Interval, Op
from cgraph.operators import public
from cgraph.ops.define import POSITIVE, F, elementwise
from cgraph.ops.elementwise import (
    arccos,
    arcsin,
    arctan,
    cos,
    cosh,
    equal,
    less,
    power,
    reciprocal,
    sin,
    sinh,
    sqrt,
    square,
    tan,
    tanh,
    where,
)
from cgraph.ops.logistic import logaddexp_slope
from cgraph.ops.structure import cast

LN2, LN10 = math.log(2.0), math.log(10.0)
_AT_LEAST_1 = Interval(1.0)
_INSIDE = Interval(-1.0, 1.0, open_low=True, open_high=True)


def _hypot_partial(out: Any, a: Any) -> Any:
    """a / out; 0 at the origin, the middle of all slopes there."""
    return a / where(equal(out, 0.0), 1.0, out)


def _origin(a: Any, b: Any) -> Any:
    return np.where((np.equal(a, 0.0)) & (np.equal(b, 0.0)), 0.0, 1.0)


def _cut(y: Any, x: Any) -> Any:
    return np.where((np.equal(y, 0.0)) & (np.less_equal(x, 0.0)), 0.0, 1.0)


def _arctan2_partial(x: Any, y: Any) -> Any:
    """x / (x² + y²), without squares that overflow."""
    size = hypot(x, y)
    size = where(equal(size, 0.0), 1.0, size)  # 0 at the origin, as for hypot
    return x / size / size


# The Taylor series of d sinc(x) / dx, in (πx)²; (cos πx − sinc x) / x has no digits left near 0.
_SINC = [(-1.0) ** k * 2 * k / math.factorial(2 * k + 1) for k in range(1, 11)]


def _sinc(x: Any) -> Any:
    """With the sine taken of the distance to the nearest whole number, so that it is 0 at all of them but 0."""
    whole = np.rint(x)
    sine = np.sin(np.pi * np.subtract(x, whole)) * (1.0 - 2.0 * np.remainder(whole, 2.0))
    zero = np.equal(x, 0.0)
    return np.where(zero, 1.0, sine / np.where(zero, 1.0, np.pi * np.asarray(x))).astype(
        np.result_type(x, np.float16), copy=False
    )


def _sinc_partial(out: Any, x: Any) -> Any:
    small = less(square(x), 0.09)
    t = square(math.pi * where(small, x, 0.0))
    series = t * 0.0
    for c in reversed(_SINC):
        series = series * t + c
    away = where(small, 1.0, x)
    return where(small, math.pi**2 * x * series, (cos(math.pi * away) - out) / away)


# fmt: off
log2: Op = elementwise(
    "log2", np.log2, lambda out, x: (1.0 / LN2) / x, scalar=math.log2, symbol="log₂", domain=(POSITIVE,),
    formula=F("log₂ $a", r"\log_2 $a", "1/($a ln 2)"),
)
log10: Op = elementwise(
    "log10", np.log10, lambda out, x: (1.0 / LN10) / x, scalar=math.log10, symbol="log₁₀", domain=(POSITIVE,),
    formula=F("log₁₀ $a", r"\log_{10} $a", "1/($a ln 10)"),
)
exp2: Op = elementwise(
    "exp2", np.exp2, lambda out, x: out * LN2, scalar=math.exp2, symbol="2ˣ", formula=F("2^$a", "2^{$a}", "$out·ln 2"),
)
cbrt: Op = elementwise(
    "cbrt", np.cbrt, lambda out, x: (1.0 / 3.0) / square(out), scalar=math.cbrt, symbol="∛", domain=(POSITIVE,),
    formula=F("∛$a", r"\sqrt[3]{$a}", "1/(3·$out²)"),
    doc="The cube root, of negative numbers too, where it is as smooth. Like the square root, it has no finite slope at 0.",
)
arcsinh: Op = elementwise(
    "arcsinh", np.arcsinh, lambda out, x: 1.0 / hypot(x, 1.0), scalar=math.asinh,
    formula=F("arsinh $a", r"\operatorname{arsinh} $a", "1/√($a² + 1)"),
)
arccosh: Op = elementwise(
    "arccosh", np.arccosh, lambda out, x: 1.0 / (sqrt(x - 1.0) * sqrt(x + 1.0)), scalar=math.acosh, domain=(_AT_LEAST_1,),
    formula=F("arcosh $a", r"\operatorname{arcosh} $a", "1/√($a² − 1)"),
)
arctanh: Op = elementwise(
    "arctanh", np.arctanh, lambda out, x: 1.0 / ((1.0 - x) * (1.0 + x)), scalar=math.atanh, domain=(_INSIDE,),
    formula=F("artanh $a", r"\operatorname{artanh} $a", "1/(1 − $a²)"),
)
sinc: Op = elementwise(
    "sinc", _sinc, _sinc_partial, formula=F("sin(π$a)/(π$a)", r"\frac{\sin \pi $a}{\pi $a}", "(cos π$a − $out)/$a"),
    doc="sin(πx)/(πx), 1 at 0, as in NumPy.",
)
hypot: Op = elementwise(
    "hypot", np.hypot, lambda out, a, b: _hypot_partial(out, a), lambda out, a, b: _hypot_partial(out, b), margin=_origin, commutative=True,
    formula=F("√($a² + $b²)", r"\sqrt{$a^2 + $b^2}", "$a/$out", "$b/$out"),
    doc="The length of (a, b), without overflow; its gradient at the origin is 0.",
)
arctan2: Op = elementwise(
    "arctan2", np.arctan2, lambda out, y, x: _arctan2_partial(x, y), lambda out, y, x: -_arctan2_partial(y, x), margin=_cut,
    formula=F("angle of ($b, $a)", r"\operatorname{atan2}($a, $b)", "$b/($a² + $b²)", "−$a/($a² + $b²)"),
    doc="The angle of the point (x, y) = (b, a), from −π to π; its gradient at the origin is 0.",
)
logaddexp2: Op = elementwise(
    "logaddexp2", np.logaddexp2, lambda out, a, b: logaddexp_slope(LN2 * a, LN2 * b), lambda out, a, b: logaddexp_slope(LN2 * b, LN2 * a),
    commutative=True,
    formula=F("log₂(2^$a + 2^$b)", r"\log_2(2^{$a} + 2^{$b})", "σ(ln 2·($a − $b))", "σ(ln 2·($b − $a))"),
    doc="log₂(2ᵃ + 2ᵇ) without overflow, as in NumPy.",
)
deg2rad: Op = elementwise(
    "deg2rad", np.deg2rad, math.pi / 180.0, scalar=lambda x: x * (math.pi / 180.0), symbol="rad",
    formula=F("$a·π/180", r"$a \frac{\pi}{180}", "π/180"),
)
rad2deg: Op = elementwise(
    "rad2deg", np.rad2deg, 180.0 / math.pi, scalar=lambda x: x * (180.0 / math.pi), symbol="deg",
    formula=F("$a·180/π", r"$a \frac{180}{\pi}", "180/π"),
)
# fmt: on


@public
def float_power(a: Any, b: Any, *, name: str | None = None) -> Any:
    """`power` in float64 at least, as in NumPy.

    >>> import cgraph as cg
    >>> float(cg.float_power(2.0, 3.0))
    8.0
    """
    widest = np.result_type(
        *(x.dtype if hasattr(x, "dtype") else np.float64 for x in (a, b)), np.float64
    )
    return power(cast(a, widest), cast(b, widest), name=name)


def _of_reciprocal(inner: Op, function: str, text: str) -> Any:
    def made(x: Any, *, name: str | None = None) -> Any:
        return inner(reciprocal(x), name=name)

    return _named(made, function, text)


def _reciprocal_of(inner: Op, function: str, text: str) -> Any:
    def made(x: Any, *, name: str | None = None) -> Any:
        return reciprocal(inner(x), name=name)

    return _named(made, function, text)


def _named(made: Any, function: str, text: str) -> Any:
    made.__name__ = made.__qualname__ = function
    made.__doc__ = f"{text}, entry by entry: a composition."
    return public(made)


sec = _reciprocal_of(cos, "sec", "The secant, 1 / cos x")
csc = _reciprocal_of(sin, "csc", "The cosecant, 1 / sin x")
cot = _reciprocal_of(tan, "cot", "The cotangent, 1 / tan x")
sech = _reciprocal_of(cosh, "sech", "The hyperbolic secant, 1 / cosh x")
csch = _reciprocal_of(sinh, "csch", "The hyperbolic cosecant, 1 / sinh x")
coth = _reciprocal_of(tanh, "coth", "The hyperbolic cotangent, 1 / tanh x")
arcsec = _of_reciprocal(arccos, "arcsec", "The inverse of the secant, arccos(1 / x)")
arccsc = _of_reciprocal(arcsin, "arccsc", "The inverse of the cosecant, arcsin(1 / x)")
arccot = _of_reciprocal(arctan, "arccot", "The inverse of the cotangent, arctan(1 / x)")
arcsech = _of_reciprocal(arccosh, "arcsech", "The inverse of the hyperbolic secant, arcosh(1 / x)")
arccsch = _of_reciprocal(
    arcsinh, "arccsch", "The inverse of the hyperbolic cosecant, arsinh(1 / x)"
)
arccoth = _of_reciprocal(
    arctanh, "arccoth", "The inverse of the hyperbolic cotangent, artanh(1 / x)"
)
