"""Bessel functions of the first and second kind and the modified ones, differentiated in their argument.

J, Y, I and K: the recurrences of DLMF 10.6 and 10.29. The scaled functions ive and kve lose a digit for every factor of ten of x in those
recurrences, as the derivative is 1/(2x) of the value; so their slope is a row of its own, which takes the derivative of the asymptotic
series (DLMF 10.40) for large x. The order has no derivative rule here and has to be a number.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from cgraph.extras import scipy
from cgraph.op import REAL, Interval, Op
from cgraph.ops.define import POSITIVE, F, elementwise
from cgraph.ops.elementwise import abs, less, sign, square, where
from cgraph.special.table import dtype_of, kept, number

sp: Any = scipy("special", "cg.special")
ORDER = Interval(0.0, 4.0)


def _order_example(low: float) -> Any:
    return lambda rng: ((rng.integers(0, 4), rng.uniform(low, 8.0, (2, 3))), {})


def _slope(kind: str, scale: float) -> Any:
    """The derivative of e^(∓x)·I(x) or e^(±x)·K(x), by recurrence for small x and from the asymptotic series for large."""
    function = getattr(sp, kind)
    growing = kind == "ive"

    def forward(v: Any, x: Any) -> Any:
        dtype = dtype_of(v, x)
        v, x = np.broadcast_arrays(np.asarray(v, np.float64), np.asarray(x, np.float64))
        if growing:
            near = 0.5 * (function(v - 1, x) + function(v + 1, x)) - np.sign(x) * function(v, x)
        else:
            near = function(v, x) - 0.5 * (function(v - 1, x) + function(v + 1, x))
        size = np.abs(x)
        far = (size > 30.0) & (size > 2.0 * np.square(v)) & ((x > 0) | (v == np.round(v)))
        r = 1.0 / np.where(far, size, 30.0)
        term, total, moved = np.ones(x.shape), np.ones(x.shape), np.zeros(x.shape)
        for k in range(1, 18):
            term = (
                term
                * (4 * np.square(v) - (2 * k - 1) ** 2)
                / (8 * k)
                * r
                * (-1.0 if growing else 1.0)
            )
            total, moved = total + term, moved - k * term
        series = scale * np.sqrt(r) * r * (moved - 0.5 * total)
        if growing:  # iᵥ(−x) = (−1)ᵛ iᵥ(x)
            series = np.where(x < 0, -np.where(v % 2 == 1, -1.0, 1.0) * series, series)
        return np.where(far, series, near).astype(dtype)

    return forward


# fmt: off
jv_op: Op = elementwise(
    "special.jv", kept(sp.jv), None, lambda out, v, x: 0.5 * (jv_op(v - 1.0, x) - jv_op(v + 1.0, x)), symbol="Jᵥ", domain=(ORDER, POSITIVE),
    formula=F("J($b) of order $a", "J_{$a}($b)", None, "(J($b) of order $a−1, minus that of $a+1)/2"),
    example=_order_example(0.3),
)
yv_op: Op = elementwise(
    "special.yv", kept(sp.yv), None, lambda out, v, x: 0.5 * (yv_op(v - 1.0, x) - yv_op(v + 1.0, x)), symbol="Yᵥ", domain=(ORDER, POSITIVE),
    formula=F("Y($b) of order $a", "Y_{$a}($b)", None, "(Y($b) of order $a−1, minus that of $a+1)/2"),
    example=_order_example(0.3),
)
iv_op: Op = elementwise(
    "special.iv", kept(sp.iv), None, lambda out, v, x: 0.5 * (iv_op(v - 1.0, x) + iv_op(v + 1.0, x)), symbol="Iᵥ", domain=(ORDER, POSITIVE),
    formula=F("I($b) of order $a", "I_{$a}($b)", None, "(I($b) of order $a−1, plus that of $a+1)/2"),
    example=_order_example(0.3),
)
kv_op: Op = elementwise(
    "special.kv", kept(sp.kv), None, lambda out, v, x: -0.5 * (kv_op(v - 1.0, x) + kv_op(v + 1.0, x)), symbol="Kᵥ", domain=(ORDER, POSITIVE),
    formula=F("K($b) of order $a", "K_{$a}($b)", None, "−(K($b) of order $a−1, plus that of $a+1)/2"),
    example=_order_example(0.3),
)
ive_op: Op = elementwise(
    "special.ive", kept(sp.ive), None, lambda out, v, x: ive_slope(v, x), symbol="Iᵥ·e^−|x|", domain=(ORDER, REAL), example=_order_example(-8.0),
    formula=F("I($b)·e^(−|$b|) of order $a", r"e^{-|$b|} I_{$a}($b)", None, "(I′($b) − sign $b·I($b))·e^(−|$b|)"),
)
kve_op: Op = elementwise(
    "special.kve", kept(sp.kve), None, lambda out, v, x: kve_slope(v, x), symbol="Kᵥ·eˣ", domain=(ORDER, POSITIVE),
    formula=F("K($b)·e^$b of order $a", r"e^{$b} K_{$a}($b)", None, "(K′($b) + K($b))·e^$b"),
    example=_order_example(0.3),
)


def _ive_curve(out: Any, v: Any, x: Any) -> Any:
    """From Bessel's equation; by recurrence near 0, where that divides by x."""
    near = less(abs(x), 1.0)
    s = sign(x)
    far_x = where(near, 1.0, x)
    by_recurrence = 0.5 * (ive_slope(v - 1.0, x) + ive_slope(v + 1.0, x)) - s * ive_slope(v, x)
    value = ive_op(v, far_x)
    slope = ive_slope(v, far_x)
    by_equation = value * square(v / far_x) - (slope + s * value) / far_x - 2.0 * s * slope
    return where(near, by_recurrence, by_equation)


def _kve_curve(out: Any, v: Any, x: Any) -> Any:
    value = kve_op(v, x)
    return value * square(v / x) - (out - value) / x + 2.0 * out


ive_slope: Op = elementwise(
    "special.ive_slope", _slope("ive", 1.0 / math.sqrt(2.0 * math.pi)), None, _ive_curve, symbol="(Iᵥ·e^−|x|)′", domain=(ORDER, REAL),
    example=_order_example(-8.0),
    formula=F("(I′($b) − sign $b·I($b))·e^(−|$b|)", r"(e^{-|$b|} I_{$a}($b))'", None, "from Bessel's equation"),
)
kve_slope: Op = elementwise(
    "special.kve_slope", _slope("kve", math.sqrt(0.5 * math.pi)), None, _kve_curve, symbol="(Kᵥ·eˣ)′", domain=(ORDER, POSITIVE),
    formula=F("(K′($b) + K($b))·e^$b", r"(e^{$b} K_{$a}($b))'", None, "from Bessel's equation"),
    example=_order_example(0.3),
)
j0: Op = elementwise("special.j0", sp.j0, lambda out, x: -j1(x), symbol="J₀", formula=F("J₀($a)", "J_0($a)", "−J₁($a)"))
j1: Op = elementwise(
    "special.j1", sp.j1, lambda out, x: 0.5 * (j0(x) - jv_op(2.0, x)), symbol="J₁", formula=F("J₁($a)", "J_1($a)", "(J₀($a) − J₂($a))/2"),
)
y0: Op = elementwise("special.y0", sp.y0, lambda out, x: -y1(x), symbol="Y₀", domain=(POSITIVE,), formula=F("Y₀($a)", "Y_0($a)", "−Y₁($a)"))
y1: Op = elementwise(
    "special.y1", sp.y1, lambda out, x: 0.5 * (y0(x) - yv_op(2.0, x)), symbol="Y₁", domain=(POSITIVE,),
    formula=F("Y₁($a)", "Y_1($a)", "(Y₀($a) − Y₂($a))/2"),
)
i0: Op = elementwise("special.i0", sp.i0, lambda out, x: i1(x), symbol="I₀", formula=F("I₀($a)", "I_0($a)", "I₁($a)"))
i1: Op = elementwise(
    "special.i1", sp.i1, lambda out, x: 0.5 * (i0(x) + iv_op(2.0, x)), symbol="I₁", formula=F("I₁($a)", "I_1($a)", "(I₀($a) + I₂($a))/2"),
)
i0e: Op = elementwise(
    "special.i0e", sp.i0e, lambda out, x: ive_slope(0.0, x), symbol="I₀·e^−|x|",
    formula=F("I₀($a)·e^(−|$a|)", r"e^{-|$a|} I_0($a)", "(I₁($a) − sign $a·I₀($a))·e^(−|$a|)"),
)
i1e: Op = elementwise(
    "special.i1e", sp.i1e, lambda out, x: ive_slope(1.0, x), symbol="I₁·e^−|x|",
    formula=F("I₁($a)·e^(−|$a|)", r"e^{-|$a|} I_1($a)", "(I₁′($a) − sign $a·I₁($a))·e^(−|$a|)"),
)
k0: Op = elementwise("special.k0", sp.k0, lambda out, x: -k1(x), symbol="K₀", domain=(POSITIVE,), formula=F("K₀($a)", "K_0($a)", "−K₁($a)"))
k1: Op = elementwise(
    "special.k1", sp.k1, lambda out, x: -0.5 * (k0(x) + kv_op(2.0, x)), symbol="K₁", domain=(POSITIVE,),
    formula=F("K₁($a)", "K_1($a)", "−(K₀($a) + K₂($a))/2"),
)
# fmt: on


def _of_order(op: Op, what: str, name: str) -> Callable[..., Any]:
    """A Bessel function of two arguments, of which the first is a number."""

    def function(v: Any, x: Any, *, name: str | None = None) -> Any:
        return op(number(v, f"special.{what}: the order"), x, name=name)

    function.__name__ = function.__qualname__ = what
    function.__doc__ = f"The Bessel function {name} of order `v` at `x`, differentiable in `x`. The order is a number."
    return function


jv, jn = _of_order(jv_op, "jv", "J"), _of_order(jv_op, "jn", "J")
yv, yn = _of_order(yv_op, "yv", "Y"), _of_order(yv_op, "yn", "Y")
iv, kv = _of_order(iv_op, "iv", "I"), _of_order(kv_op, "kv", "K")
kn = _of_order(kv_op, "kn", "K")
ive = _of_order(ive_op, "ive", "I, times e^(−|x|),")
kve = _of_order(kve_op, "kve", "K, times e^x,")
