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


def linear(x: Any, weight: Any, bias: Any = None, *, name: str | None = None) -> Any:
    """x Wᵀ + b for examples in rows: x (..., n_in), weight (n_out, n_in), bias (n_out,)."""
    turned = swapaxes(weight, -1, -2) if len(shape_of(weight)) > 1 else weight
    if bias is None:
        return matmul(x, turned, name=name)
    return add(matmul(x, turned), bias, name=name)


__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool_nd", "avg_pool1d", "avg_pool2d", "avg_pool_nd", "batch_norm",
    "batchnorm", "conv1d", "conv2d", "conv3d", "conv_nd", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
    "conv_transpose_nd", "dropout", "elu", "embedding", "focal_loss", "gelu", "glu", "group_norm", "gru", "gru_cell", "hard_sigmoid",
    "hard_swish", "hard_tanh", "instance_norm", "layer_norm", "leaky_relu", "linear", "log_softmax", "logsoftmax", "lstm_cell",
    "margin_ranking_loss", "max_pool", "max_pool1d", "max_pool2d", "max_pool_nd", "mish", "multiclass_hinge",
    "negative_log_likelihood", "prelu", "relu", "relu6", "rms_norm", "rnn_cell", "scaled_dot_product_attention", "selu", "sigmoid",
    "silu", "soft_sign", "softmax", "softmax_crossentropy", "softmax_focal_loss", "softplus", "softsign", "swish", "tanh",
]  # fmt: skip
