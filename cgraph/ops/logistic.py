"""Logarithms and exponentials of sums, each in the one form that is accurate everywhere: what naive formulas are rewritten to.

Written out, ``log(sigmoid(x))``, ``log(p / (1 - p))`` or ``log(1 - exp(x))`` overflow, underflow or lose all digits on one side. These
rows do not. Accuracy and how it is proved: docs/numerics.md.
"""

from __future__ import annotations

from cgraph.op import Formula, Interval, Op
from cgraph.ops import kernels
from cgraph.ops.define import elementwise
from cgraph.ops.elementwise import expm1, sigmoid, sigmoid_slope

OPEN_UNIT = Interval(0.0, 1.0, open_low=True, open_high=True)


log_sigmoid: Op = elementwise(
    "log_sigmoid",
    kernels.log_sigmoid,
    lambda out, x: sigmoid(-x),
    scalar=kernels.log_sigmoid_float,
    symbol="ln σ",
    role="activation",
    formula=Formula("ln σ($a)", r"\ln \sigma($a)", ("σ(−$a)",)),
    doc="The logarithm of the sigmoid, −softplus(−x), without taking the logarithm of anything small.",
)


logit: Op = elementwise(
    "logit",
    kernels.logit,
    lambda out, p: 1.0 / (p * (1.0 - p)),
    scalar=kernels.logit_float,
    domain=(OPEN_UNIT,),
    formula=Formula("ln($a/(1−$a))", r"\ln \frac{$a}{1 - $a}", ("1/($a(1−$a))",)),
    doc="The logit of which a probability is the sigmoid, accurate also near 1/2; −inf at 0 and inf at 1.",
)


log1mexp: Op = elementwise(
    "log1mexp",
    kernels.log1mexp,
    lambda out, x: -1.0 / expm1(-x),
    domain=(Interval(high=0.0, open_high=True),),
    formula=Formula("ln(1 − e^$a)", r"\ln(1 - e^{$a})", ("−1/(e^(−$a) − 1)",)),
    doc="ln(1 − e^x) for x < 0, accurate at both ends: near 0 and far below it.",
)


logaddexp_slope: Op = elementwise(
    "logaddexp_slope",
    kernels.logaddexp_slope,
    lambda out, a, b: sigmoid_slope(a - b),
    lambda out, a, b: -sigmoid_slope(a - b),
    symbol="σ(a − b)",
    formula=Formula("σ($a − $b)", r"\sigma($a - $b)", ("σ′($a − $b)", "−σ′($a − $b)")),
    doc="The share that e^a has in e^a + e^b: the derivative of `logaddexp`; one half where both are equal, also where both are infinite.",
)

logaddexp: Op = elementwise(
    "logaddexp",
    kernels.logaddexp,
    lambda out, a, b: logaddexp_slope(a, b),
    lambda out, a, b: logaddexp_slope(b, a),
    commutative=True,
    formula=Formula("ln(e^$a + e^$b)", r"\ln(e^{$a} + e^{$b})", ("σ($a − $b)", "σ($b − $a)")),
)
