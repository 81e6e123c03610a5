"""Losses, with PyTorch's reductions."""

from __future__ import annotations

from typing import Any

import numpy as np

import cgraph as cg
from cgraph.interop.aten.table import RULES, node, rule, to_numpy, whole
from cgraph.interop.building import Missing
from cgraph.nn import functional as nnf
from cgraph.node import Node

HOW = ("none", "mean", "sum")  # a reduction, by PyTorch's number


def _reduced(losses: Any, reduction: int) -> Any:
    return losses if reduction == 0 else cg.mean(losses) if reduction == 1 else cg.sum(losses)


def _optional(x: Any) -> Any:
    return None if x is None else node(x)


# What `cgraph.nn.functional` has under the same name.
# fmt: off
rule("mse_loss")(lambda x, y, reduction=1: nnf.mse_loss(node(x), node(y), HOW[reduction]))
rule("l1_loss")(lambda x, y, reduction=1: nnf.l1_loss(node(x), node(y), HOW[reduction]))
rule("smooth_l1_loss")(lambda x, y, reduction=1, beta=1.0: nnf.smooth_l1_loss(node(x), node(y), HOW[reduction], beta))
rule("huber_loss")(lambda x, y, reduction=1, delta=1.0: nnf.huber_loss(node(x), node(y), HOW[reduction], delta))
rule("binary_cross_entropy")(lambda x, y, weight=None, reduction=1: nnf.binary_cross_entropy(
    node(x), node(y), _optional(weight), HOW[reduction]))
rule("binary_cross_entropy_with_logits")(lambda x, y, weight=None, pos_weight=None, reduction=1: nnf.binary_cross_entropy_with_logits(
    node(x), node(y), _optional(weight), HOW[reduction], _optional(pos_weight)))
rule("kl_div")(lambda x, y, reduction=1, log_target=False: nnf.kl_div(node(x), node(y), HOW[reduction], log_target))
rule("poisson_nll_loss")(lambda x, y, log_input=True, full=False, eps=1e-8, reduction=1: nnf.poisson_nll_loss(
    whole(x), whole(y), log_input, full, eps, HOW[reduction]))
rule("hinge_embedding_loss")(lambda x, y, margin=1.0, reduction=1: nnf.hinge_embedding_loss(whole(x), whole(y), margin, HOW[reduction]))
rule("soft_margin_loss")(lambda x, y, reduction=1: nnf.soft_margin_loss(node(x), node(y), HOW[reduction]))
rule("triplet_margin_loss")(lambda a, p, n, margin=1.0, norm=2.0, eps=1e-6, swap=False, reduction=1: nnf.triplet_margin_loss(
    whole(a), whole(p), whole(n), margin, norm, eps, swap, HOW[reduction]))
rule("margin_ranking_loss")(lambda a, b, target, margin=0.0, reduction=1: _reduced(
    cg.relu(-node(target) * (node(a) - node(b)) + margin), reduction))
# fmt: on


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


@rule("cosine_embedding_loss")
def _cosine_embedding(a: Any, b: Any, target: Any, margin: float = 0.0, reduction: int = 1) -> Any:
    a, b = whole(a), whole(b)
    sizes = [cg.sum(cg.square(v), axis=-1) + 1e-12 for v in (a, b)]
    cosine = cg.sum(a * b, axis=-1) / cg.sqrt(sizes[0] * sizes[1])
    y = whole(target)
    apart = cg.maximum(cosine - margin, 0.0)
    losses = cg.where(cg.equal(y, 1), 1.0 - cosine, cg.where(cg.equal(y, -1), apart, 0.0))
    return _reduced(losses, reduction)


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
