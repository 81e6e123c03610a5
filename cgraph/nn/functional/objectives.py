"""Losses, similarities and distances under PyTorch's names: compositions of stable ops.

The classes of a score are its axis 1, labels are whole numbers or probabilities; ``reduction=`` is "mean", "sum" or "none", as in PyTorch.
`mse_loss` is the square itself; `cg.mse`, the article's, is half of it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cgraph.errors import DTypeError, ShapeError
from cgraph.linalg import vector_norm
from cgraph.op import is_node
from cgraph.ops.define import axis_of, dtype_of, shape_of
from cgraph.ops.elementwise import (
    abs as absolute,
    divide,
    equal,
    exp,
    greater,
    less,
    log,
    maximum,
    multiply,
    negative,
    not_equal,
    relu,
    softplus,
    square,
    where,
)
from cgraph.ops.losses import bce, stable_bce
from cgraph.ops.reduction import mean, sum
from cgraph.ops.softmax import log_softmax
from cgraph.ops.structure import cast, expand_dims


def _reduced(loss: Any, reduction: str, name: str | None) -> Any:
    if reduction == "mean":
        return mean(loss, name=name)
    if reduction == "sum":
        return sum(loss, name=name)
    if reduction != "none":
        raise ValueError(f"reduction is 'mean', 'sum' or 'none', not {reduction!r}")
    return loss if name is None else multiply(loss, 1.0, name=name)


# --- numbers ------------------------------------------------------------------------------------------------------------------


def mse_loss(input: Any, target: Any, reduction: str = "mean", *, name: str | None = None) -> Any:
    """The mean of (input − target)².

    >>> import cgraph as cg
    >>> p = cg.parameter("p", [1.0, 4.0])
    >>> cg.nn.functional.mse_loss(p, [0.0, 2.0]).backward().grad(p)
    array([1., 2.])
    """
    return _reduced(square(input - _array(target)), reduction, name)


def l1_loss(input: Any, target: Any, reduction: str = "mean", *, name: str | None = None) -> Any:
    """The mean of |input − target|; the slope at 0 is 0."""
    return _reduced(absolute(input - _array(target)), reduction, name)


def huber_loss(input: Any, target: Any, reduction: str = "mean", delta: float = 1.0, *,
    name: str | None = None,
) -> Any:  # fmt: skip
    """Half the square of the difference up to `delta`, straight beyond (P. J. Huber 1964).

    Raises:
        ValueError: for a `delta` that is not positive.
    """
    if not delta > 0:
        raise ValueError(f"huber_loss: delta is positive; {delta} is not")
    away = absolute(input - _array(target))
    inside = less(away, delta)
    bent = where(inside, 0.5 * square(where(inside, away, 0.0)), delta * (away - 0.5 * delta))
    return _reduced(bent, reduction, name)


def smooth_l1_loss(input: Any, target: Any, reduction: str = "mean", beta: float = 1.0, *,
    name: str | None = None,
) -> Any:  # fmt: skip
    """`huber_loss` over `beta`; for ``beta=0`` the `l1_loss`."""
    if beta == 0:
        return l1_loss(input, target, reduction, name=name)
    return divide(huber_loss(input, target, reduction, beta), float(beta), name=name)


def poisson_nll_loss(
    input: Any, target: Any, log_input: bool = True, full: bool = False, eps: float = 1e-8, reduction: str = "mean", *,
    name: str | None = None,
) -> Any:  # fmt: skip
    """The mean of e^input − target·input, or of input − target·ln(input + eps) without `log_input`.

    With `full`, Stirling's approximation of ln(target!) is added where the target is above 1.
    """
    target = _array(target)
    loss = exp(input) - target * input if log_input else input - target * log(input + eps)
    if full:
        large = not_equal(maximum(target, 1.0), 1.0)
        t = where(large, target, 1.0)
        loss = loss + where(large, t * log(t) - t + 0.5 * log(2.0 * math.pi * t), 0.0)
    return _reduced(loss, reduction, name)


def gaussian_nll_loss(
    input: Any, target: Any, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean", *, name: str | None = None,
) -> Any:  # fmt: skip
    """The mean of (ln var + (input − target)²/var)/2, with `var` at least `eps`; with `full`, and ln(2π)/2.

    As in PyTorch a variance below `eps` counts as `eps`; here it has no gradient then.
    """
    var = maximum(_array(var), eps)
    loss = 0.5 * (log(var) + square(input - _array(target)) / var)
    return _reduced(loss + (0.5 * math.log(2 * math.pi) if full else 0.0), reduction, name)


# --- classes ------------------------------------------------------------------------------------------------------------------


def _array(x: Any) -> Any:
    return x if is_node(x) or isinstance(x, np.ndarray) else np.asarray(x)


def _weights(weight: Any, like: Any) -> Any:
    """Weights that are numbers, in the dtype of the scores."""
    return weight if is_node(weight) else np.asarray(weight, dtype_of(like))


def _picked(logp: Any, target: Any, weight: Any, ignore_index: int) -> tuple[Any, Any]:
    """−weight·ln p at the labels, and the weight of each, 0 where the label is ignored."""
    target, shape = _array(target), shape_of(logp)
    if target.dtype.kind not in "iu":
        raise DTypeError(f"labels are the numbers of classes, whole numbers, not {target.dtype}")
    of = (*shape[:1], *shape[2:]) if len(shape) > 1 else ()
    if len(shape_of(target)) != len(of) or (shape_of(target) != of and None not in shape):
        raise ShapeError(f"scores (N, C, ...) and labels (N, ...) are needed; got {shape} and {shape_of(target)}")  # fmt: skip
    axis = 1 if len(shape) > 1 else 0
    classes = shape[axis]
    if classes is None:
        raise ShapeError("the number of classes has to be known; declare it")
    if not is_node(target):
        there = target[target != ignore_index]
        if there.size and not 0 <= there.min() <= there.max() < classes:
            raise ShapeError(f"labels {there.min()} to {there.max()} name no classes of the {classes}")  # fmt: skip
    names = np.arange(classes).reshape(-1, *(1,) * (len(shape) - 1 - axis))
    hit = equal(expand_dims(target, axis), names)
    factors = np.ones(classes, dtype_of(logp)) if weight is None else _weights(weight, logp)
    factors = factors.reshape(names.shape)
    kept = cast(not_equal(target, ignore_index), dtype_of(logp))
    weights = sum(where(hit, factors, 0.0), axis) * kept
    return -sum(where(hit, logp * factors, 0.0), axis) * kept, weights


def nll_loss(
    input: Any, target: Any, weight: Any = None, ignore_index: int = -100, reduction: str = "mean", *, name: str | None = None,
) -> Any:  # fmt: skip
    """−input at the labels, from log-probabilities (N, C, ...) or (C,); the mean is weighted by the `weight` (C,) of the labels.

    Raises:
        DTypeError: for labels that are no whole numbers.
        ShapeError: when the shapes do not fit, or a label names no class.
    """
    loss, weights = _picked(input, target, weight, ignore_index)
    if reduction == "mean":
        return divide(sum(loss), sum(weights), name=name)
    return _reduced(loss, reduction, name)


def cross_entropy(
    input: Any, target: Any, weight: Any = None, ignore_index: int = -100, reduction: str = "mean", label_smoothing: float = 0.0, *,
    name: str | None = None,
) -> Any:  # fmt: skip
    """The mean of −ln softmax(input) at the labels, from scores (N, C, ...) or (C,); finite and accurate in both tails.

    Args:
        input: scores.
        target: labels (N, ...), whole numbers, or probabilities of the shape of `input`.
        weight: (C,), of the classes.
        ignore_index: a label that counts for nothing.
        label_smoothing: the share of every target that is spread evenly over the classes.

    Raises:
        DTypeError: for labels that are no whole numbers.
        ShapeError: when the shapes do not fit, or a label names no class.

    >>> import numpy as np
    >>> import cgraph as cg
    >>> z = cg.parameter("z", [[1000.0, 0.0], [0.0, 0.0]])
    >>> loss = cg.nn.functional.cross_entropy(z, np.array([1, 0]))
    >>> loss.backward().grad(z)
    array([[ 0.5 , -0.5 ],
           [-0.25,  0.25]])
    """
    target = _array(target)
    axis = 1 if len(shape_of(input)) > 1 else 0
    classes = shape_of(input)[axis]
    if classes is None:
        raise ShapeError("cross_entropy: the number of classes has to be known; declare it")
    logp = log_softmax(input, axis)
    column = (-1, *(1,) * (len(shape_of(input)) - 1 - axis))
    factors = 1.0 if weight is None else _weights(weight, input).reshape(column)
    spread = label_smoothing / classes
    if target.dtype.kind == "f" and shape_of(target) == shape_of(input):
        soft = target * (1.0 - label_smoothing) + spread
        loss = -sum(logp * soft * factors, axis)
        if reduction == "mean":
            examples = 1 if axis == 0 else math.prod(shape_of(loss))  # type: ignore[arg-type]
            return divide(sum(loss), float(examples), name=name)
        return _reduced(loss, reduction, name)
    loss, weights = _picked(logp, target, weight, ignore_index)
    if label_smoothing:
        kept = cast(not_equal(target, ignore_index), dtype_of(input))
        loss = loss * (1.0 - label_smoothing) - spread * sum(logp * factors, axis) * kept
    if reduction == "mean":
        return divide(sum(loss), sum(weights), name=name)
    return _reduced(loss, reduction, name)


def binary_cross_entropy(input: Any, target: Any, weight: Any = None, reduction: str = "mean", *,
    name: str | None = None,
) -> Any:  # fmt: skip
    """`cg.bce` of probabilities, reduced. PyTorch holds logarithms at −100; here they are what they are: take the logits instead."""
    loss = bce(input, _array(target))
    return _reduced(loss if weight is None else loss * _weights(weight, input), reduction, name)


def binary_cross_entropy_with_logits(
    input: Any, target: Any, weight: Any = None, reduction: str = "mean", pos_weight: Any = None, *, name: str | None = None,
) -> Any:  # fmt: skip
    """`cg.stable_bce` of logits, reduced: finite and accurate in both tails. `pos_weight` weighs the positive examples."""
    target = _array(target)
    if pos_weight is None:
        loss = stable_bce(input, target)
    else:
        loss = target * _weights(pos_weight, input) * softplus(-input) + (1.0 - target) * softplus(
            input
        )
    return _reduced(loss if weight is None else loss * _weights(weight, input), reduction, name)


def kl_div(input: Any, target: Any, reduction: str = "mean", log_target: bool = False, *,
    name: str | None = None,
) -> Any:  # fmt: skip
    """target·(ln target − input), from log-probabilities `input`; "batchmean" divides the sum by the number of examples."""
    target = _array(target)
    if log_target:
        loss = exp(target) * (target - input)
    else:  # 0 ln 0 is 0
        some = greater(target, 0.0)
        loss = where(some, target * (log(where(some, target, 1.0)) - input), 0.0)
    if reduction == "batchmean":
        return divide(sum(loss), float(shape_of(input)[0] or 1), name=name)
    return _reduced(loss, reduction, name)


def soft_margin_loss(input: Any, target: Any, reduction: str = "mean", *, name: str | None = None) -> Any:  # fmt: skip
    """The mean of ln(1 + e^(−target·input)), for targets 1 and −1."""
    return _reduced(softplus(negative(_array(target) * input)), reduction, name)


def hinge_embedding_loss(input: Any, target: Any, margin: float = 1.0, reduction: str = "mean", *,
    name: str | None = None,
) -> Any:  # fmt: skip
    """The input where the target is 1, max(0, margin − input) where it is −1; both where it is neither, as in PyTorch."""
    target = _array(target)
    near = where(equal(target, -1), 0.0, input)
    far = where(equal(target, 1), 0.0, relu(margin - input))
    return _reduced(near + far, reduction, name)


# --- directions and distances -------------------------------------------------------------------------------------------------


def normalize(input: Any, p: float = 2.0, dim: int = 1, eps: float = 1e-12, *, name: str | None = None) -> Any:  # fmt: skip
    """Divided by its norm along an axis, or by `eps` where that is smaller."""
    return divide(
        input, maximum(vector_norm(input, ord=p, axis=dim, keepdims=True), eps), name=name
    )


def cosine_similarity(x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8, *, name: str | None = None) -> Any:  # fmt: skip
    """The cosine of the angle between vectors along an axis; norms below `eps` count as `eps`.

    >>> from cgraph.nn import functional as nnf
    >>> nnf.cosine_similarity([[3.0, 4.0]], [[4.0, 3.0]]).round(12)
    array([0.96])
    """
    x1, x2 = _array(x1), _array(x2)
    return sum(normalize(x1, 2.0, dim, eps) * normalize(x2, 2.0, dim, eps), axis_of(x1, dim), name=name)  # fmt: skip


def pairwise_distance(x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False, *,
    name: str | None = None,
) -> Any:  # fmt: skip
    """The norm of x1 − x2 + eps along the last axis."""
    return vector_norm(_array(x1) - _array(x2) + eps, ord=p, axis=-1, keepdims=keepdim, name=name)


def cosine_embedding_loss(x1: Any, x2: Any, target: Any, margin: float = 0.0, reduction: str = "mean", *,
    name: str | None = None,
) -> Any:  # fmt: skip
    """1 − cosine where the target is 1, max(0, cosine − margin) where it is −1."""
    cosine = cosine_similarity(x1, x2, dim=-1)
    return _reduced(where(equal(_array(target), 1), 1.0 - cosine, relu(cosine - margin)), reduction, name)  # fmt: skip


def triplet_margin_loss(
    anchor: Any, positive: Any, negative: Any, margin: float = 1.0, p: float = 2.0, eps: float = 1e-6, swap: bool = False,
    reduction: str = "mean", *, name: str | None = None,
) -> Any:  # fmt: skip
    """The mean of max(0, |anchor − positive| − |anchor − negative| + margin); with `swap`, of the nearer negative.

    Source: V. Balntas et al., "Learning local feature descriptors with triplets" (2016), for `swap`.
    """
    near = pairwise_distance(anchor, positive, p, eps)
    far = pairwise_distance(anchor, negative, p, eps)
    if swap:
        other = pairwise_distance(positive, negative, p, eps)
        far = where(less(other, far), other, far)
    return _reduced(relu(near - far + margin), reduction, name)


__all__ = [
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "cosine_embedding_loss", "cosine_similarity", "cross_entropy",
    "gaussian_nll_loss", "hinge_embedding_loss", "huber_loss", "kl_div", "l1_loss", "mse_loss", "nll_loss", "normalize",
    "pairwise_distance", "poisson_nll_loss", "smooth_l1_loss", "soft_margin_loss", "triplet_margin_loss",
]  # fmt: skip
