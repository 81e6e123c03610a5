"""Logarithms and exponentials of sums, each in the one form that is accurate everywhere: what naive formulas are rewritten to.

Written out, ``log(sigmoid(x))``, ``log(p / (1 - p))`` or ``log(1 - exp(x))`` overflow, underflow or lose all digits on one side. These
rows do not. Accuracy and how it is proved: docs/numerics.md.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cgraph.op import Formula, Interval, Op
from cgraph.ops.define import elementwise
from cgraph.ops.elementwise import expm1, sigmoid, sigmoid_slope

OPEN_UNIT = Interval(0.0, 1.0, open_low=True, open_high=True)


def _log_sigmoid(x: Any) -> Any:
    return np.minimum(x, 0.0) - np.log1p(np.exp(np.copysign(x, -1.0)))


def _log_sigmoid_float(x: float) -> float:
    return (x if x < 0.0 else 0.0) - math.log1p(math.exp(-math.fabs(x)))


log_sigmoid: Op = elementwise(
    "log_sigmoid",
    _log_sigmoid,
    lambda out, x: sigmoid(-x),
    scalar=_log_sigmoid_float,
    symbol="ln σ",
    role="activation",
    formula=Formula("ln σ($a)", r"\ln \sigma($a)", ("σ(−$a)",)),
    doc="The logarithm of the sigmoid, −softplus(−x), without taking the logarithm of anything small.",
)


def _logit(p: Any) -> Any:
    q = 1.0 - p
    # Near 1/2 the ratio is near 1, and its logarithm near 0 would lose what makes the difference; 2p − 1 is exact there.
    near = np.log1p((p - q) / q)
    far = np.log(p / q)
    return np.where(np.abs(p - 0.5) < 0.25, near, far)


def _logit_float(p: float) -> float:
    q = 1.0 - p
    return math.log1p((p - q) / q) if math.fabs(p - 0.5) < 0.25 else math.log(p / q)


logit: Op = elementwise(
    "logit",
    _logit,
    lambda out, p: 1.0 / (p * (1.0 - p)),
    scalar=_logit_float,
    domain=(OPEN_UNIT,),
    formula=Formula("ln($a/(1−$a))", r"\ln \frac{$a}{1 - $a}", ("1/($a(1−$a))",)),
    doc="The logit of which a probability is the sigmoid, accurate also near 1/2; −inf at 0 and inf at 1.",
)


def _log1mexp(x: Any) -> Any:
    # Each half by the function that does not cancel there (Mächler, "Accurately computing log(1 − exp(−|a|))", 2012).
    return np.where(np.greater(x, -math.log(2.0)), np.log(-np.expm1(x)), np.log1p(-np.exp(x)))


log1mexp: Op = elementwise(
    "log1mexp",
    _log1mexp,
    lambda out, x: -1.0 / expm1(-x),
    domain=(Interval(high=0.0, open_high=True),),
    formula=Formula("ln(1 − e^$a)", r"\ln(1 - e^{$a})", ("−1/(e^(−$a) − 1)",)),
    doc="ln(1 − e^x) for x < 0, accurate at both ends: near 0 and far below it.",
)


def _logaddexp_slope(a: Any, b: Any) -> Any:
    same = np.equal(a, b)  # also where both are infinite and a − b is not a number
    return sigmoid.forward(np.where(same, 0.0, np.subtract(a, np.where(same, 0.0, b))))


logaddexp_slope: Op = elementwise(
    "logaddexp_slope",
    _logaddexp_slope,
    lambda out, a, b: sigmoid_slope(a - b),
    lambda out, a, b: -sigmoid_slope(a - b),
    symbol="σ(a − b)",
    formula=Formula("σ($a − $b)", r"\sigma($a - $b)", ("σ′($a − $b)", "−σ′($a − $b)")),
    doc="The share that e^a has in e^a + e^b: the derivative of `logaddexp`; one half where both are equal, also where both are infinite.",
)

logaddexp: Op = elementwise(
    "logaddexp",
    np.logaddexp,
    lambda out, a, b: logaddexp_slope(a, b),
    lambda out, a, b: logaddexp_slope(b, a),
    commutative=True,
    formula=Formula("ln(e^$a + e^$b)", r"\ln(e^{$a} + e^{$b})", ("σ($a − $b)", "σ($b − $a)")),
)
