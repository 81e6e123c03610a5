"""Normalizations, dropout with a given mask, and embeddings.

Normalizations are compositions: the differences from the mean, over the root of the mean of their squares, so that every step can be seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cgraph.errors import ShapeError
from cgraph.op import Op, is_node
from cgraph.ops.define import F, linear_op, shape_of
from cgraph.ops.elementwise import add, divide, multiply, sqrt, square
from cgraph.ops.reduction import mean
from cgraph.ops.structure import reshape
from cgraph.shapes import Shape


def _affine(x: Any, weight: Any, bias: Any, shape: Sequence[int], name: str | None) -> Any:
    if weight is not None:
        x = multiply(x, reshape(weight, tuple(shape)), name=name if bias is None else None)
    if bias is not None:
        x = add(x, reshape(bias, tuple(shape)), name=name)
    return x


def _standardized(x: Any, axes: tuple[int, ...], eps: float, name: str | None) -> Any:
    centred = x - mean(x, axis=axes, keepdims=True)
    return divide(centred, sqrt(mean(square(centred), axis=axes, keepdims=True) + eps), name=name)


def batch_norm(
    x: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    eps: float = 1e-5,
    *,
    name: str | None = None,
) -> Any:
    """Each channel (axis 1 of (N, C, ...)) to mean 0 and variance 1, then scaled by `weight` and moved by `bias`.

    With `training`, or without running statistics, by the mean and the (biased) variance of the batch; else by those given. A graph
    has no state, so the running statistics are yours to update.

    Source: S. Ioffe and C. Szegedy, arXiv:1502.03167.

    >>> import numpy as np
    >>> from cgraph.nn import functional as nnf
    >>> nnf.batch_norm(np.array([[1.0], [3.0]]), eps=0.0)
    array([[-1.],
           [ 1.]])
    """
    ndim = len(shape_of(x))
    if ndim < 2:
        raise ShapeError("batch_norm: data (N, C, ...) are needed")
    channel = (1, -1, *(1,) * (ndim - 2))
    last = name if weight is None and bias is None else None
    if training or running_mean is None or running_var is None:
        axes = (0, *range(2, ndim))
        return _affine(_standardized(x, axes, eps, last), weight, bias, channel, name)
    centred = x - reshape(running_mean, channel)
    scaled = divide(centred, sqrt(reshape(running_var, channel) + eps), name=last)
    return _affine(scaled, weight, bias, channel, name)


def batchnorm(x: Any, *, gamma: Any = None, beta: Any = None, eps: float, name: str | None = None) -> Any:  # fmt: skip
    """`batch_norm` with MyGrad's arguments."""
    return batch_norm(x, None, None, gamma, beta, True, eps, name=name)


def _trailing(x: Any, normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    own = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if shape_of(x)[len(shape_of(x)) - len(own) :] != own or not own:
        raise ShapeError(f"the last dimensions of {shape_of(x)} are not {own}")
    return own


def layer_norm(
    x: Any,
    normalized_shape: int | Sequence[int],
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
    *,
    name: str | None = None,
) -> Any:
    """The last dimensions, of the sizes given, to mean 0 and variance 1, then scaled and moved.

    Source: J. L. Ba, J. R. Kiros and G. E. Hinton, arXiv:1607.06450.
    """
    own = _trailing(x, normalized_shape)
    last = name if weight is None and bias is None else None
    done = _standardized(x, tuple(range(-len(own), 0)), eps, last)
    return _affine(done, weight, bias, own, name)


def rms_norm(
    x: Any,
    normalized_shape: int | Sequence[int],
    weight: Any = None,
    eps: float | None = None,
    *,
    name: str | None = None,
) -> Any:
    """The last dimensions, of the sizes given, divided by the root of the mean of their squares, then scaled.

    Source: B. Zhang and R. Sennrich, arXiv:1910.07467.
    """
    own = _trailing(x, normalized_shape)
    eps = float(np.finfo(x.dtype).eps) if eps is None else eps
    size = sqrt(mean(square(x), axis=tuple(range(-len(own), 0)), keepdims=True) + eps)
    done = divide(x, size, name=name if weight is None else None)
    return _affine(done, weight, None, own, name)


def group_norm(
    x: Any,
    num_groups: int,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
    *,
    name: str | None = None,
) -> Any:
    """The channels of each example, in groups, to mean 0 and variance 1, then scaled and moved channel by channel.

    Source: Y. Wu and K. He, arXiv:1803.08494.
    """
    shape = shape_of(x)
    if len(shape) < 2 or shape[1] is None or shape[1] % num_groups:
        raise ShapeError(f"group_norm: the channels of {shape} do not make {num_groups} groups")
    if None in shape[1:]:
        raise ShapeError(f"group_norm: all sizes but that of the batch must be known; got {shape}")
    batch = -1 if shape[0] is None else shape[0]
    parts = reshape(x, (batch, num_groups, shape[1] // num_groups, *shape[2:]))
    done = _standardized(parts, tuple(range(2, len(shape) + 1)), eps, None)
    channel = (1, -1, *(1,) * (len(shape) - 2))
    last = name if weight is None and bias is None else None
    return _affine(reshape(done, (batch, *shape[1:]), name=last), weight, bias, channel, name)


def instance_norm(
    x: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5, *, name: str | None = None
) -> Any:
    """Each channel of each example to mean 0 and variance 1, then scaled and moved."""
    shape = shape_of(x)
    last = name if weight is None and bias is None else None
    done = _standardized(x, tuple(range(2, len(shape))), eps, last)
    return _affine(done, weight, bias, (1, -1, *(1,) * (len(shape) - 2)), name)


def dropout(x: Any, mask: Any, p: float = 0.5, *, name: str | None = None) -> Any:
    """`x` where the mask is true, divided by 1 − p, and 0 elsewhere.

    The mask is given (an array or an input that is fed), because a graph that drew random numbers would not be the same twice.

    >>> import numpy as np
    >>> from cgraph.nn import functional as nnf
    >>> nnf.dropout(np.array([1.0, 2.0]), np.array([True, False]), 0.5)
    array([2., 0.])
    """
    if not 0.0 <= p < 1.0:
        raise ValueError(f"dropout: p is a probability below 1, not {p}")
    if is_node(mask):
        kept = mask if mask.dtype.kind == "f" else mask.astype(x.dtype)
    else:
        kept = np.asarray(mask, x.dtype)
    return multiply(x, kept * (1.0 / (1.0 - p)), name=name)


# --- embeddings -----------------------------------------------------------------------------------------------------------------


def _added(u: Any, indices: Any, rows: int) -> Any:
    indices = np.asarray(indices)
    table = np.zeros((rows, *u.shape[indices.ndim :]), u.dtype)
    np.add.at(table, indices, u)
    return table


def _example(rng: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return (rng.normal(size=(4, 2)), rng.integers(0, 4, (2, 3))), {}


def _rows(w: Shape, i: Shape) -> Shape:
    if not w:
        raise ShapeError("a table of rows is needed")
    return (*i, *w[1:])


# fmt: off
embedding_op: Op = linear_op(
    "nn.embedding", lambda w, i: np.asarray(w)[np.asarray(i)], lambda u, w, i: scatter_rows_op(u, i, rows=_size(w)), others=1, shape=_rows,
    symbol="rows", formula=F("rows of $a", "$a_{$b}", "added up at $b", None), example=_example,
)
scatter_rows_op: Op = linear_op(
    "nn.embedding_adjoint", _added, lambda g, u, i, rows: embedding_op(g, i), others=1, shape=lambda u, i, rows: (rows, *u[len(i) :]),
    symbol="rowsᵀ", formula=F("$a added up at rows $b", r"\sum $a", "rows $b of the upstream", None),
    example=lambda rng: ((rng.normal(size=(2, 3, 2)), rng.integers(0, 4, (2, 3))), {"rows": 4}),
)
# fmt: on


def _size(w: Any) -> int:
    if w.shape[0] is None:
        raise ShapeError("embedding: the number of rows must be known; declare it")
    return int(w.shape[0])


def embedding(indices: Any, weight: Any, *, name: str | None = None) -> Any:
    """Rows of `weight` (n, ...), one for each whole number of `indices`, which may be a node that is fed.

    >>> import numpy as np
    >>> import cgraph as cg
    >>> from cgraph.nn import functional as nnf
    >>> W = cg.parameter("W", [[1.0], [2.0], [3.0]])
    >>> words = cg.input("words", shape=(None,), dtype=np.int64)
    >>> cg.sum(nnf.embedding(words, W)).backward({words: np.array([2, 0, 2])}).grad(W).ravel()
    array([1., 0., 2.])
    """
    if (indices.dtype if is_node(indices) else np.asarray(indices).dtype).kind not in "iu":
        raise TypeError("embedding: indices have to be whole numbers")
    return embedding_op(weight, indices if is_node(indices) else np.asarray(indices), name=name)


__all__ = [
    "batch_norm", "batchnorm", "dropout", "embedding", "group_norm", "instance_norm", "layer_norm", "rms_norm",
]  # fmt: skip
