"""Losses over classes and rankings, under MyGrad's names: compositions of stable ops.

Examples are rows, classes columns; labels are whole numbers, an array or a node that is fed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cgraph.errors import DTypeError, ShapeError
from cgraph.op import is_node
from cgraph.ops.define import shape_of
from cgraph.ops.elementwise import (
    equal,
    expm1,
    log,
    maximum,
    multiply,
    negative,
    power,
    relu,
    where,
)
from cgraph.ops.reduction import mean, sum
from cgraph.ops.softmax import log_softmax
from cgraph.ops.structure import expand_dims


def _chosen(x: Any, labels: Any) -> Any:
    """The entry of each row at its label, as a sum over a mask, so that labels may be fed."""
    return sum(where(_hit(x, labels), x, 0.0), axis=-1)


def _hit(x: Any, labels: Any) -> Any:
    labels = labels if is_node(labels) else np.asarray(labels)
    (n, k), of = shape_of(x) if len(shape_of(x)) == 2 else (0, 0), shape_of(labels)
    if len(shape_of(x)) != 2 or len(of) != 1 or (None not in (n, of[0]) and n != of[0]):
        raise ShapeError(f"scores (N, C) and labels (N,) are needed; got {shape_of(x)} and {of}")
    if labels.dtype.kind not in "iu":
        raise DTypeError(f"labels are the numbers of classes, whole numbers, not {labels.dtype}")
    if not is_node(labels) and labels.size and k and not 0 <= labels.min() <= labels.max() < k:
        raise ShapeError(f"labels {labels.min()} to {labels.max()} name no classes of the {k}")
    return equal(expand_dims(labels, 1), np.arange(k or 0))


def _focused(p: Any, logp: Any, alpha: float, gamma: float, name: str | None) -> Any:
    """−α·(1 − p)^γ·ln p, from 1 − p and ln p.

    Raises:
        ValueError: when γ is negative.
    """
    if not gamma >= 0:
        raise ValueError(f"focal loss: gamma is not negative; {gamma} is")
    weight = float(alpha) if gamma == 0 else power(p, float(gamma)) * float(alpha)
    return negative(weight * logp, name=name)


def softmax_crossentropy(x: Any, y_true: Any, *, name: str | None = None) -> Any:
    """The mean of −ln softmax(x) at the labels, from scores (N, C).

    >>> import numpy as np
    >>> from cgraph.nn import functional as nnf
    >>> round(float(nnf.softmax_crossentropy(np.zeros((2, 4)), np.array([0, 3]))), 4)
    1.3863
    """
    return negative(mean(_chosen(log_softmax(x, -1), y_true)), name=name)


def negative_log_likelihood(x: Any, y_true: Any, *, weights: Any = None, name: str | None = None) -> Any:  # fmt: skip
    """The mean of −x at the labels, from log-probabilities (N, C); `weights` (C,) weighs the classes."""
    if weights is not None:
        x = multiply(x, weights)
    return negative(mean(_chosen(x, y_true)), name=name)


def focal_loss(class_probs: Any, targets: Any, *, alpha: float = 1, gamma: float = 0, name: str | None = None) -> Any:  # fmt: skip
    """−α·(1 − p)^γ·ln p of each example, with p its probability (N, C) at the label.

    Source: T.-Y. Lin et al., arXiv:1708.02002.
    """
    p = _chosen(class_probs, targets)
    return _focused(maximum(1.0 - p, 0.0), log(p), alpha, gamma, name)


def softmax_focal_loss(scores: Any, targets: Any, *, alpha: float = 1, gamma: float = 0, name: str | None = None) -> Any:  # fmt: skip
    """`focal_loss` of the softmax of scores, through its logarithm."""
    logp = _chosen(log_softmax(scores, -1), targets)
    return _focused(negative(expm1(logp)), logp, alpha, gamma, name)


def multiclass_hinge(x: Any, y_true: Any, hinge: float = 1.0, *, name: str | None = None) -> Any:
    """The mean over the examples of Σ_{j≠y} max(0, x_j − x_y + hinge)."""
    hit = _hit(x, y_true)
    gap = relu(x - expand_dims(_chosen(x, y_true), 1) + float(hinge))
    return mean(sum(where(hit, 0.0, gap), axis=1), name=name)


def margin_ranking_loss(x1: Any, x2: Any, y: Any, margin: float, *, name: str | None = None) -> Any:
    """The mean of max(0, margin − y·(x1 − x2)); y is 1 where x1 should rank higher, −1 where x2 should.

    Args:
        x1, x2: (N,) or (N, D), of one shape.
        y: 1 or −1, or (N,) of them.
        margin: not negative.

    Raises:
        ShapeError: when the shapes do not fit.
        ValueError: for a margin that is negative.
    """
    x1, x2 = (x if is_node(x) else np.asarray(x) for x in (x1, x2))
    if shape_of(x1) != shape_of(x2) or len(shape_of(x1)) not in (1, 2):
        raise ShapeError(f"margin_ranking_loss: x1 {shape_of(x1)} and x2 {shape_of(x2)} have one shape, (N,) or (N, D)")  # fmt: skip
    if shape_of(y) not in ((), (1,), shape_of(x1)[:1]):
        raise ShapeError(
            f"margin_ranking_loss: y has shape {shape_of(y)}; it is one number, or one for each of the {shape_of(x1)[0]} examples"
        )
    if not float(margin) >= 0.0:
        raise ValueError(f"margin_ranking_loss: the margin is not negative; {margin} is")
    y = y if is_node(y) or np.ndim(y) == 0 else np.asarray(y, x1.dtype)
    if not is_node(y) and np.ndim(y) == 1 and len(shape_of(x1)) == 2:
        y = y[:, None]
    return mean(relu(float(margin) - y * (x1 - x2)), name=name)


__all__ = [
    "focal_loss", "margin_ranking_loss", "multiclass_hinge", "negative_log_likelihood", "softmax_crossentropy", "softmax_focal_loss",
]  # fmt: skip
