"""Losses for binary classification and regression, entry by entry; `mean` makes a cost of them.

Three ways to the same binary cross-entropy, so that they can be compared: `bce` from probabilities, by the textbook formula that
breaks at 0 and 1; `stable_bce` from logits, sigmoid and cross-entropy fused into one node; `keras_bce`, which clips probabilities and
goes back to logits.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cgraph.op import Formula, Interval, Op, together
from cgraph.operators import public
from cgraph.ops import kernels
from cgraph.ops.define import elementwise
from cgraph.ops.elementwise import clip, divide, log, sigmoid_slope, subtract

PROBABILITY = Interval(0.0, 1.0, open_low=True, open_high=True)
LABEL = Interval(0.0, 1.0)


def _textbook_bce(p: Any, y: Any) -> Any:
    return -(y * np.log(p) + (1.0 - y) * np.log(1.0 - p))


def _textbook_bce_float(p: float, y: float) -> float:
    return -(y * math.log(p) + (1.0 - y) * math.log(1.0 - p))


bce: Op = elementwise(
    "bce",
    _textbook_bce,
    lambda out, p, y: (1.0 - y) / (1.0 - p) - y / p,
    lambda out, p, y: log(1.0 - p) - log(p),
    scalar=_textbook_bce_float,
    symbol="BCE",
    role="loss",
    domain=(PROBABILITY, LABEL),
    formula=Formula(
        "−$b ln $a − (1−$b) ln(1−$a)",
        r"-$b \ln $a - (1 - $b) \ln(1 - $a)",
        ("($a−$b) / ($a(1−$a))", "ln(1−$a) − ln $a"),
    ),
    doc=(
        "Binary cross-entropy of a probability p and a label y, by the textbook formula: inf or nan at p = 0 and p = 1, on purpose. "
        "For training, use `stable_bce` on the logits."
    ),
)


stable_bce_slope: Op = elementwise(
    "stable_bce_slope",
    kernels.stable_bce_slope,
    lambda out, z, y: sigmoid_slope(z),
    -1,
    scalar=kernels.stable_bce_slope_float,
    symbol="σ − y",
    domain=(Interval(), LABEL),
    formula=Formula("σ($a) − $b", r"\sigma($a) - $b", ("σ($a)(1−σ($a))", "−1")),
    doc="σ(z) − y, the derivative of `stable_bce`, as (1−y)σ(z) − yσ(−z), which does not cancel at a label of 0 or 1.",
)

stable_bce: Op = elementwise(
    "stable_bce",
    kernels.stable_bce,
    lambda out, z, y: stable_bce_slope(z, y),
    lambda out, z, y: -z,
    scalar=kernels.stable_bce_float,
    symbol="BCE∘σ",
    role="loss",
    domain=(Interval(), LABEL),
    formula=Formula(
        "max($a, 0) − $b·$a + ln(1 + e^(−|$a|))",
        r"\max($a, 0) - $b $a + \ln(1 + e^{-|$a|})",
        ("σ($a) − $b", "−$a"),
    ),
    doc=(
        "Binary cross-entropy of a logit z and a label y: sigmoid and cross-entropy fused into one node, finite everywhere and accurate in "
        "both tails. The local gradient is σ(z) − y, computed by `stable_bce_slope`, which does not cancel."
    ),
)

together(stable_bce, stable_bce_slope, kernels.stable_bce_and_slope)

mse: Op = elementwise(
    "mse",
    lambda p, y: 0.5 * np.square(np.subtract(p, y)),
    lambda out, p, y: p - y,
    lambda out, p, y: y - p,
    scalar=lambda p, y: 0.5 * (p - y) * (p - y),
    symbol="MSE",
    role="loss",
    formula=Formula("½ ($a − $b)²", r"\tfrac{1}{2} ($a - $b)^2", ("$a − $b", "$b − $a")),
    doc="Half the squared error, so that its mean is 1/(2m) Σ (p − y)².",
)

KERAS_EPSILON = 1e-7


@public
def keras_bce(p: Any, y: Any, from_logits: bool = False, *, name: str | None = None) -> Any:
    """Binary cross-entropy as Keras computes it: `p` clipped to [1e-7, 1 − 1e-7], turned back into logits, then `stable_bce`.

    Args:
        p: probabilities, or logits with `from_logits`.
        y: labels, of the same shape.

    >>> import cgraph as cg
    >>> round(float(cg.keras_bce(0.0, 1.0)), 3)
    16.118
    """
    if not from_logits:
        p = clip(p, KERAS_EPSILON, 1.0 - KERAS_EPSILON)
        p = log(divide(p, subtract(1.0, p)))
    return stable_bce(p, y, name=name)
