"""Functions of neural nets, on arrays and nodes: convolutions, pools, normalizations, attention, recurrent cells, losses.

PyTorch's names, arguments and layouts (examples first, then channels), so that a model can be read across. The layers of the article
(`cg.nn.Linear` ...) have examples as columns; these functions do not. Activations stand in `cg` itself: `cg.gelu`, `cg.elu` ...
"""

from __future__ import annotations

from typing import Any

from cgraph.nn.functional.convolution import (
    conv1d,
    conv2d,
    conv3d,
    conv_nd,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
    conv_transpose_nd,
)
from cgraph.nn.functional.losses import (
    focal_loss,
    margin_ranking_loss,
    multiclass_hinge,
    negative_log_likelihood,
    softmax_crossentropy,
    softmax_focal_loss,
)
from cgraph.nn.functional.normalization import (
    batch_norm,
    batchnorm,
    dropout,
    embedding,
    group_norm,
    instance_norm,
    layer_norm,
    rms_norm,
)
from cgraph.nn.functional.objectives import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cosine_embedding_loss,
    cosine_similarity,
    cross_entropy,
    gaussian_nll_loss,
    hinge_embedding_loss,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    nll_loss,
    normalize,
    pairwise_distance,
    poisson_nll_loss,
    smooth_l1_loss,
    soft_margin_loss,
    triplet_margin_loss,
)
from cgraph.nn.functional.pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool_nd,
    avg_pool1d,
    avg_pool2d,
    avg_pool_nd,
    max_pool,
    max_pool1d,
    max_pool2d,
    max_pool_nd,
)
from cgraph.nn.functional.sequences import (
    gru,
    gru_cell,
    lstm_cell,
    rnn_cell,
    scaled_dot_product_attention,
)
from cgraph.ops.activations import (
    elu,
    gelu,
    glu,
    hard_sigmoid,
    hard_swish,
    hard_tanh,
    leaky_relu,
    mish,
    prelu,
    relu6,
    selu,
    silu,
    softsign,
    swish,
)
from cgraph.ops.define import shape_of
from cgraph.ops.elementwise import add, relu, sigmoid, softplus, tanh
from cgraph.ops.linalg import matmul
from cgraph.ops.softmax import log_softmax, softmax
from cgraph.ops.structure import swapaxes

soft_sign, logsoftmax = softsign, log_softmax  # MyGrad's names
hardtanh, hardsigmoid, hardswish = hard_tanh, hard_sigmoid, hard_swish  # PyTorch's


def linear(x: Any, weight: Any, bias: Any = None, *, name: str | None = None) -> Any:
    """x Wᵀ + b for examples in rows: x (..., n_in), weight (n_out, n_in), bias (n_out,)."""
    turned = swapaxes(weight, -1, -2) if len(shape_of(weight)) > 1 else weight
    if bias is None:
        return matmul(x, turned, name=name)
    return add(matmul(x, turned), bias, name=name)


__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool_nd", "avg_pool1d", "avg_pool2d", "avg_pool_nd", "batch_norm",
    "batchnorm", "binary_cross_entropy", "binary_cross_entropy_with_logits", "conv1d", "conv2d", "conv3d", "conv_nd",
    "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "conv_transpose_nd", "cosine_embedding_loss", "cosine_similarity",
    "cross_entropy", "dropout", "elu", "embedding", "focal_loss", "gaussian_nll_loss", "gelu", "glu", "group_norm", "gru", "gru_cell",
    "hard_sigmoid", "hard_swish", "hard_tanh", "hardsigmoid", "hardswish", "hardtanh", "hinge_embedding_loss", "huber_loss",
    "instance_norm", "kl_div", "l1_loss", "layer_norm", "leaky_relu", "linear", "log_softmax", "logsoftmax", "lstm_cell",
    "margin_ranking_loss", "max_pool", "max_pool1d", "max_pool2d", "max_pool_nd", "mish", "mse_loss", "multiclass_hinge",
    "negative_log_likelihood", "nll_loss", "normalize", "pairwise_distance", "poisson_nll_loss", "prelu", "relu", "relu6", "rms_norm",
    "rnn_cell", "scaled_dot_product_attention", "selu", "sigmoid", "silu", "smooth_l1_loss", "soft_margin_loss", "soft_sign",
    "softmax", "softmax_crossentropy", "softmax_focal_loss", "softplus", "softsign", "swish", "tanh", "triplet_margin_loss",
]  # fmt: skip
