"""Losses, with PyTorch's reductions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import cgraph as cg
from cgraph.interop.aten.table import RULES, node, rule, to_numpy, whole
from cgraph.interop.building import Missing
from cgraph.node import Node


def _reduced(losses: Any, reduction: int) -> Any:
    return losses if reduction == 0 else cg.mean(losses) if reduction == 1 else cg.sum(losses)


# fmt: off
rule("mse_loss")(lambda x, target, reduction=1: _reduced(cg.square(node(x) - node(target)), reduction))
rule("l1_loss")(lambda x, target, reduction=1: _reduced(cg.abs(node(x) - node(target)), reduction))
# fmt: on


@rule("smooth_l1_loss")
def _smooth_l1(x: Any, target: Any, reduction: int = 1, beta: float = 1.0) -> Any:
    size = cg.abs(node(x) - node(target))
    if beta == 0:
        return _reduced(size, reduction)
    small = cg.square(size) * (0.5 / beta)
    return _reduced(cg.where(size < beta, small, size - 0.5 * beta), reduction)


@rule("huber_loss")
def _huber(x: Any, target: Any, reduction: int = 1, delta: float = 1.0) -> Any:
    size = cg.abs(node(x) - node(target))
    large = delta * (size - 0.5 * delta)
    return _reduced(cg.where(size <= delta, 0.5 * cg.square(size), large), reduction)


@rule("binary_cross_entropy")
def _bce(x: Any, target: Any, weight: Any = None, reduction: int = 1) -> Any:
    losses = cg.bce(node(x), node(target))
    return _reduced(losses if weight is None else losses * node(weight), reduction)


@rule("binary_cross_entropy_with_logits")
def _bce_logits(x: Any, target: Any, weight: Any = None, pos_weight: Any = None, reduction: int = 1) -> Any:  # fmt: skip
    x, y = node(x), node(target)
    if pos_weight is None:
        losses = cg.stable_bce(x, y)
    else:
        losses = (1.0 - y) * x + (1.0 + (node(pos_weight) - 1.0) * y) * cg.softplus(-x)
    return _reduced(losses if weight is None else losses * node(weight), reduction)


@rule("nll_loss", "nll_loss_nd", "nll_loss2d")
def _nll(x: Any, target: Any, weight: Any = None, reduction: int = 1, ignore_index: int = -100) -> Any:  # fmt: skip
    if isinstance(target, Node):
        raise Missing("labels that depend on the arguments")
    labels = to_numpy(target)
    at = list(np.indices(labels.shape))
    kept = labels != ignore_index
    rows = np.where(kept, labels, 0)
    index = (rows,) if x.ndim == 1 else (at[0], rows, *at[1:])
    if weight is None and kept.all():
        return _reduced(-x[index], reduction)
    weights = np.ones(x.shape[0 if x.ndim == 1 else 1], x.dtype) if weight is None else weight
    used = whole(weights)[rows] * kept.astype(x.dtype)
    losses = -x[index] * used
    if reduction == 1:
        return cg.sum(losses) / cg.sum(used)
    return _reduced(losses, reduction)


RULES["nll_loss_forward"] = RULES["nll_loss2d_forward"] = lambda *args: (_nll(*args), None)


@rule("cross_entropy_loss")
def _cross_entropy(
    x: Any,
    target: Any,
    weight: Any = None,
    reduction: int = 1,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
) -> Any:
    axis = 0 if x.ndim == 1 else 1
    logs = cg.log_softmax(x, axis=axis)
    soft = isinstance(target, Node) or target.is_floating_point()
    if not soft and not label_smoothing:
        return _nll(logs, target, weight, reduction, ignore_index)
    by_class = (-1,) + (1,) * (x.ndim - 1 - axis)
    weights = None if weight is None else cg.reshape(whole(weight), by_class)
    if not soft:
        # The smooth part spreads over the classes, each with its weight; the labels' weights make the mean.
        hard = _nll(logs, target, weight, reduction, ignore_index)
        kept = cg.constant((to_numpy(target) != ignore_index).astype(x.dtype))
        spread = -cg.sum(logs if weights is None else logs * weights, axis=axis) * kept
        if reduction != 1:
            smooth = _reduced(spread, reduction)
        elif weight is None:
            smooth = cg.sum(spread) / cg.sum(kept)
        else:
            rows = np.where(to_numpy(target) == ignore_index, 0, to_numpy(target))
            smooth = cg.sum(spread) / cg.sum(whole(weight)[rows] * kept)
        return (1 - label_smoothing) * hard + (label_smoothing / x.shape[axis]) * smooth
    target = whole(target)
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / x.shape[axis]
    losses = -cg.sum(logs * target if weights is None else logs * target * weights, axis=axis)
    return _reduced(losses, reduction)


@rule("kl_div")
def _kl(x: Any, target: Any, reduction: int = 1, log_target: bool = False) -> Any:
    t, x = node(target), node(x)
    losses = cg.exp(t) * (t - x) if log_target else cg.special.xlogy(t, t) - t * x
    return _reduced(losses, reduction)


@rule("poisson_nll_loss")
def _poisson_nll(
    x: Any,
    target: Any,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: int = 1,
) -> Any:
    x, y = whole(x), whole(target)
    losses = cg.exp(x) - y * x if log_input else x - y * cg.log(x + eps)
    if full:
        positive = cg.where(y > 1, y, 1.0)
        stirling = y * cg.log(positive) - y + 0.5 * cg.log(2 * math.pi * positive)
        losses = losses + cg.where(y > 1, stirling, 0.0)
    return _reduced(losses, reduction)


@rule("cosine_embedding_loss")
def _cosine_embedding(a: Any, b: Any, target: Any, margin: float = 0.0, reduction: int = 1) -> Any:
    a, b = whole(a), whole(b)
    sizes = [cg.sum(cg.square(v), axis=-1) + 1e-12 for v in (a, b)]
    cosine = cg.sum(a * b, axis=-1) / cg.sqrt(sizes[0] * sizes[1])
    y = whole(target)
    apart = cg.maximum(cosine - margin, 0.0)
    losses = cg.where(cg.equal(y, 1), 1.0 - cosine, cg.where(cg.equal(y, -1), apart, 0.0))
    return _reduced(losses, reduction)


@rule("margin_ranking_loss")
def _margin_ranking(a: Any, b: Any, target: Any, margin: float = 0.0, reduction: int = 1) -> Any:
    return _reduced(cg.relu(-node(target) * (node(a) - node(b)) + margin), reduction)


@rule("hinge_embedding_loss")
def _hinge_embedding(x: Any, target: Any, margin: float = 1.0, reduction: int = 1) -> Any:
    x, y = whole(x), whole(target)
    far = cg.where(cg.equal(y, 1), 0.0, cg.maximum(margin - x, 0.0))
    near = cg.where(cg.equal(y, -1), 0.0, x)
    return _reduced(far + near, reduction)


# fmt: off
rule("soft_margin_loss")(lambda x, target, reduction=1: _reduced(cg.softplus(-node(target) * node(x)), reduction))
# fmt: on


@rule("multi_margin_loss")
def _multi_margin(x: Any, target: Any, p: Any = 1, margin: Any = 1, weight: Any = None, reduction: int = 1) -> Any:  # fmt: skip
    labels = to_numpy(target)
    x = whole(x) if x.ndim == 2 else cg.reshape(whole(x), (1, -1))
    rows = np.arange(x.shape[0])
    own = cg.expand_dims(x[rows, labels.reshape(-1)], 1)
    gaps = cg.relu(margin - own + x)
    gaps = gaps if p == 1 else cg.square(gaps)
    if weight is not None:
        gaps = gaps * cg.expand_dims(whole(weight)[labels.reshape(-1)], 1)
    others = np.ones(x.shape, bool)
    others[rows, labels.reshape(-1)] = False
    losses = cg.sum(cg.where(others, gaps, 0.0), axis=1) / float(x.shape[1])
    return _reduced(losses if labels.ndim else losses[0], reduction)


@rule("triplet_margin_loss")
def _triplet_margin(
    a: Any,
    p: Any,
    n: Any,
    margin: float = 1.0,
    norm: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: int = 1,
) -> Any:
    def gap(u: Any, v: Any) -> Any:
        return RULES["pairwise_distance"](u, v, norm, eps)

    far = gap(a, n)
    far = cg.minimum(far, gap(p, n)) if swap else far
    return _reduced(cg.relu(gap(a, p) - far + margin), reduction)
