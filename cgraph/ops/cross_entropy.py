"""Fused losses beyond the plain binary one: cross-entropy over classes, and binary cross-entropy with weights.

Like `stable_bce` they take logits, are finite everywhere, and their gradients do not cancel where the prediction is sure of itself:
softmax(x) − y loses every digit there. The same number is s_i times what the labels give to the other classes, less y_i times what
the softmax gives to them, and that loses none.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cgraph import shapes
from cgraph.errors import DTypeError, ShapeError
from cgraph.linear_maps import Adjoint, LinearMap
from cgraph.op import Interval, Op, is_node, together
from cgraph.operators import public
from cgraph.ops import kernels
from cgraph.ops.define import F, axis_of, broadcast_back, elementwise, op, shape_of
from cgraph.ops.elementwise import (
    equal,
    multiply,
    not_equal,
    sigmoid,
    sigmoid_slope,
    softplus,
    where,
)
from cgraph.ops.losses import LABEL, stable_bce
from cgraph.ops.reduction import sum_op, weighted_sum
from cgraph.ops.softmax import log_softmax_op, softmax_op
from cgraph.ops.structure import cast, expand_dims

Axes = tuple[int, ...]


def _dtype(x: Any, y: Any) -> Any:
    return np.result_type(x, y) if x.kind == "f" else np.result_type(x, y, np.float64)


def _cross_entropy(x: Any, y: Any, axes: Axes) -> Any:
    return _weighed(kernels.log_softmax(np.asarray(x, np.float64), axes), x, y, axes)


def _weighed(logs: Any, x: Any, y: Any, axes: Axes) -> Any:
    # A class that the labels rule out does not count, not even where its probability is 0.
    terms = np.where(np.equal(y, 0), 0.0, np.multiply(y, logs))
    dtype = _dtype(np.asarray(x).dtype, np.asarray(y).dtype)
    return np.asarray(0.0 - np.add.reduce(terms, axis=axes)).astype(dtype)


def _others(y: Any, axes: Axes) -> Any:
    """For each label the sum of the others: of one above half of all it is a sum without it, and nothing is subtracted."""
    total = size = np.add.reduce(y, axis=axes, keepdims=True)
    if np.any(y < 0.0):  # labels that are none
        size = np.add.reduce(np.abs(y), axis=axes, keepdims=True)
    most = y > 0.5 * size
    rest = np.add.reduce(np.where(most, 0.0, y), axis=axes, keepdims=True)
    return np.where(most, rest, total - y)


def _slope(x: Any, y: Any, axes: Axes) -> Any:
    s, others = kernels.softmax_and_others(np.asarray(x, np.float64), axes)
    return _balanced(s, others, x, y, axes)


def _balanced(s: Any, others: Any, x: Any, y: Any, axes: Axes) -> Any:
    dtype, y = _dtype(np.asarray(x).dtype, np.asarray(y).dtype), np.asarray(y, np.float64)
    return np.asarray(s * _others(y, axes) - y * others).astype(dtype)


def _cross_entropy_and_slope(x: Any, y: Any, axes: Axes) -> tuple[Any, Any]:
    found = kernels.log_softmax_and_softmax_and_others(np.asarray(x, np.float64), axes)
    logs, s, others = found
    return _weighed(logs, x, y, axes), _balanced(s, others, x, y, axes)


def _slope_by_logits(out: Any, x: Any, y: Any, axes: Axes) -> LinearMap:
    s = softmax_op(x, axes=axes)

    def total(t: Any) -> Any:
        return broadcast_back(sum_op(t, axes=axes, keepdims=True), x, axes, True)

    weights = s * total(y)

    def apply(t: Any) -> Any:
        return weights * t - weights * total(s * t)

    def mask_adjoint(mask: Any) -> Any:
        return not_equal(total(where(mask, 1.0, 0.0)), 0.0)

    return Adjoint(apply, apply, mask_adjoint, where)  # symmetric


def _slope_by_labels(out: Any, x: Any, y: Any, axes: Axes) -> LinearMap:
    s = softmax_op(x, axes=axes)

    def total(t: Any) -> Any:
        return broadcast_back(sum_op(t, axes=axes, keepdims=True), x, axes, True)

    def mask_adjoint(mask: Any) -> Any:
        return not_equal(total(where(mask, 1.0, 0.0)), 0.0)

    return Adjoint(lambda t: s * total(t) - t, lambda u: total(s * u) - u, mask_adjoint, where)


# fmt: off
cross_entropy_slope: Op = op(
    "cross_entropy_slope", _slope, _slope_by_logits, _slope_by_labels, shape=lambda x, y, axes: x, dtype=_dtype, family="reduction",
    domain=(Interval(), LABEL), symbol="s − y", formula=F("softmax($a) − $b", r"\operatorname{softmax}($a) - $b",
              "diag(s) − s·sᵀ", "s·1ᵀ − identity"),
    doc="softmax(x) Σy − y, the derivative of `stable_cross_entropy`, without the difference.",
)
cross_entropy: Op = op(
    "stable_cross_entropy", _cross_entropy,
    lambda out, x, y, axes: weighted_sum(cross_entropy_slope(x, y, axes=axes), x, axes, False),
    lambda out, x, y, axes: weighted_sum(-log_softmax_op(x, axes=axes), x, axes, False),
    shape=lambda x, y, axes: shapes.reduce(x, axes, False), dtype=_dtype, family="reduction", role="loss", symbol="CE∘softmax",
    domain=(Interval(), LABEL),
    formula=F("−Σ $b ln softmax($a)", r"-\sum $b \ln \operatorname{softmax}($a)", "softmax($a) − $b", "−ln softmax($a)",
        adjoint="(softmax$small($a) − $b) ⊙ UPSTREAM"),
    doc="Cross-entropy of logits and labels: softmax and cross-entropy fused into one node.",
)
# fmt: on

together(cross_entropy, cross_entropy_slope, _cross_entropy_and_slope)


@public
def stable_cross_entropy(
    logits: Any, labels: Any, axis: int = -1, *, name: str | None = None
) -> Any:
    """Cross-entropy over classes from logits: softmax, logarithm and sum fused into one node. One loss an example; take the mean.

    Args:
        logits: unnormalised scores, classes along `axis`.
        labels: the class of each example as whole numbers, of the shape of `logits` without `axis`; or a distribution over classes
            (one-hot or soft), of the shape of `logits`.
        axis: where the classes are.

    Raises:
        ShapeError: when logits and labels do not go together.
        DTypeError: when class numbers are not whole numbers.

    >>> import numpy as np
    >>> import cgraph as cg
    >>> x = cg.parameter("x", [[0.0, 0.0], [40.0, 0.0]])
    >>> run = cg.sum(cg.stable_cross_entropy(x, np.array([0, 0]))).backward()
    >>> [f"{slope:.4g}" for slope in run.grad(x)[1]]
    ['-4.248e-18', '4.248e-18']
    """
    place = axis_of(logits, axis)
    shape, given = shape_of(logits), shape_of(labels)
    wrong = f"stable_cross_entropy: labels of shape {given} for logits of shape {shape}"
    if len(given) == len(shape) - 1:
        dtype = labels.dtype if is_node(labels) else np.asarray(labels).dtype
        if dtype.kind not in "iu":
            raise DTypeError(
                f"stable_cross_entropy: classes are whole numbers, not {dtype}; for soft labels give one number a class"
            )
        count = shape[place]
        if count is None:
            raise ShapeError(
                "stable_cross_entropy: the number of classes has to be known; declare it"
            )
        steps = np.arange(count).reshape([-1 if i == place else 1 for i in range(len(shape))])
        labels = equal(expand_dims(labels, place), steps)
        given = shape_of(labels)
        labels = cast(labels, logits.dtype if is_node(logits) else np.asarray(logits, float).dtype)
    elif len(given) != len(shape):
        raise ShapeError(
            f"{wrong}: give whole numbers without the axis of the classes, or one number a class"
        )
    if any(a != b and a is not None and b is not None for a, b in zip(shape, given, strict=True)):
        raise ShapeError(wrong)
    return cross_entropy(logits, labels, axes=(place,), name=name)


# --- binary, with weights -------------------------------------------------------------------------------------------------------


@kernels.in_double
def _weighted(z: Any, y: Any, w: Any) -> Any:
    tail = np.log1p(np.exp(-np.abs(z)))
    positive, negative = w * y, 1.0 - y
    weight = np.where(np.less(z, 0.0), positive, negative)
    with np.errstate(invalid="ignore"):
        far = np.where(np.equal(weight, 0.0), 0.0, weight * np.abs(z))
    return (positive + negative) * tail + far


@kernels.in_double
def _weighted_slope(z: Any, y: Any, w: Any) -> Any:
    up, down = np.exp(np.minimum(z, 0.0)), np.exp(-np.maximum(z, 0.0))
    return ((1.0 - y) * up - w * y * down) / (up + down)


# fmt: off
pos_weighted_bce_slope: Op = elementwise(
    "pos_weighted_bce_slope", _weighted_slope,
    lambda out, z, y, w: (1.0 - y + w * y) * sigmoid_slope(z), lambda out, z, y, w: -(sigmoid(z) + w * sigmoid(-z)),
    lambda out, z, y, w: -y * sigmoid(-z), domain=(Interval(), LABEL, Interval(0.0)),
    formula=F("(1−$b)σ($a) − $c $b σ(−$a)", r"(1-$b)\sigma($a) - $c $b \sigma(-$a)", 
        "(1−$b+$c $b)σ′($a)", "−(σ($a) + $c σ(−$a))", "−$b σ(−$a)"),
    doc="The derivative of `pos_weighted_bce`.",
)
pos_weighted_bce: Op = elementwise(
    "pos_weighted_bce", _weighted,
    lambda out, z, y, w: pos_weighted_bce_slope(z, y, w), lambda out, z, y, w: w * softplus(-z) - softplus(z),
    lambda out, z, y, w: y * softplus(-z), role="loss", symbol="BCE∘σ", domain=(Interval(), LABEL, Interval(0.0)),
    formula=F(
        "$c $b ln(1+e^(−$a)) + (1−$b) ln(1+e^$a)", r"$c $b \ln(1+e^{-$a}) + (1-$b) \ln(1+e^{$a})",
        "(1−$b)σ($a) − $c $b σ(−$a)", "$c ln(1+e^(−$a)) − ln(1+e^$a)", "$b ln(1+e^(−$a))",
    ),
    doc="Binary cross-entropy of a logit and a label in which positive examples count c times; see `weighted_bce`.",
)
# fmt: on


@public
def weighted_bce(
    z: Any, y: Any, *, weight: Any = None, pos_weight: Any = None, name: str | None = None
) -> Any:
    """`stable_bce` with weights: entry by entry, from logits.

    Args:
        z: logits.
        y: labels.
        weight: what each entry counts.
        pos_weight: what a positive label counts against a negative one (for classes of unequal size: negatives / positives).

    >>> import cgraph as cg
    >>> z = cg.parameter("z", 0.0)
    >>> float(cg.weighted_bce(z, 1.0, pos_weight=3.0).backward().grad(z))
    -1.5
    """
    own = name if weight is None else None
    loss = (
        stable_bce(z, y, name=own)
        if pos_weight is None
        else pos_weighted_bce(z, y, pos_weight, name=own)
    )
    return loss if weight is None else multiply(weight, loss, name=name)
