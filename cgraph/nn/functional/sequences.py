"""Attention and recurrent cells: compositions, with the conventions of PyTorch (and of MyGrad for its `gru`)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cgraph.errors import ShapeError
from cgraph.op import is_node
from cgraph.ops.define import shape_of
from cgraph.ops.elementwise import add, multiply, relu, sigmoid, tanh, where
from cgraph.ops.joining import split, stack
from cgraph.ops.linalg import matmul
from cgraph.ops.softmax import softmax
from cgraph.ops.structure import swapaxes


def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    is_causal: bool = False,
    scale: float | None = None,
    *,
    name: str | None = None,
) -> Any:
    """softmax(Q Kᵀ / √d) V over the last two dimensions, (..., L, d), (..., S, d), (..., S, v) -> (..., L, v).

    Args:
        attn_mask: truth values (False is hidden), or numbers that are added to the scores; broadcasts to (..., L, S).
        is_causal: hide what comes later.
        scale: instead of 1/√d.

    Source: A. Vaswani et al., arXiv:1706.03762.

    >>> import cgraph as cg
    >>> from cgraph.nn import functional as nnf
    >>> q, k = cg.input("q", shape=(2, 5, 4)), cg.input("k", shape=(2, 7, 4))
    >>> nnf.scaled_dot_product_attention(q, k, k).shape
    (2, 5, 4)
    """
    d = shape_of(query)[-1]
    if d is None:
        raise ShapeError("attention: the size of the last dimension of query must be known")
    scores = matmul(query, swapaxes(key, -1, -2)) * (1.0 / math.sqrt(d) if scale is None else scale)
    if is_causal:
        rows, columns = shape_of(scores)[-2:]
        if rows is None or columns is None:
            raise ShapeError("attention: is_causal needs lengths that are known")
        scores = where(np.tri(rows, columns, dtype=bool), scores, -np.inf)
    if attn_mask is not None:
        mask = attn_mask if is_node(attn_mask) else np.asarray(attn_mask)
        hidden = mask.dtype.kind == "b"
        scores = where(mask, scores, -np.inf) if hidden else scores + mask
    return matmul(softmax(scores, -1), value, name=name)


def _gates(x: Any, weight: Any, bias: Any) -> Any:
    gates = matmul(x, swapaxes(weight, -1, -2))
    return gates if bias is None else gates + bias


def rnn_cell(
    x: Any,
    h: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any = None,
    b_hh: Any = None,
    nonlinearity: str = "tanh",
    *,
    name: str | None = None,
) -> Any:
    """One step of a plain recurrent net: tanh(x W_ihᵀ + b_ih + h W_hhᵀ + b_hh), for x (N, n_in) and h (N, n)."""
    if nonlinearity not in ("tanh", "relu"):
        raise ValueError(f"rnn_cell: nonlinearity is 'tanh' or 'relu', not {nonlinearity!r}")
    function = tanh if nonlinearity == "tanh" else relu
    return function(_gates(x, w_ih, b_ih) + _gates(h, w_hh, b_hh), name=name)


def lstm_cell(
    x: Any,
    state: tuple[Any, Any],
    w_ih: Any,
    w_hh: Any,
    b_ih: Any = None,
    b_hh: Any = None,
    *,
    name: str | None = None,
) -> tuple[Any, Any]:
    """One step of an LSTM: ``(h, c)`` to the next ``(h, c)``; the weights hold the gates i, f, g, o below one another, as in PyTorch.

    Source: S. Hochreiter and J. Schmidhuber, Neural Computation 9 (1997); with the forget gate of F. Gers et al. (2000).

    >>> import numpy as np
    >>> from cgraph.nn import functional as nnf
    >>> h, c = nnf.lstm_cell(np.ones((1, 2)), (np.zeros((1, 3)),) * 2, np.zeros((12, 2)), np.zeros((12, 3)))
    >>> h.shape, c.shape
    ((1, 3), (1, 3))
    """
    h, c = state
    i, f, g, o = split(_gates(x, w_ih, b_ih) + _gates(h, w_hh, b_hh), 4, axis=-1)
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    return multiply(sigmoid(o), tanh(c), name=name), c


def gru_cell(
    x: Any,
    h: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any = None,
    b_hh: Any = None,
    *,
    name: str | None = None,
) -> Any:
    """One step of a gated recurrent unit; the weights hold r, z, n below one another, as in PyTorch.

    Source: K. Cho et al., arXiv:1406.1078.
    """
    r, z, n = split(_gates(x, w_ih, b_ih), 3, axis=-1)
    hr, hz, hn = split(_gates(h, w_hh, b_hh), 3, axis=-1)
    z = sigmoid(z + hz)
    n = tanh(n + sigmoid(r + hr) * hn)
    return add(n, z * (h - n), name=name)


def gru(
    X: Any, Uz: Any, Wz: Any, bz: Any, Ur: Any, Wr: Any, br: Any, Uh: Any, Wh: Any, bh: Any, s0: Any = None, *, name: str | None = None
) -> Any:  # fmt: skip
    """All the states of a gated recurrent unit over a sequence, as MyGrad has it.

    Args:
        X: (T, N, C).
        Uz, Ur, Uh: (C, D).   Wz, Wr, Wh: (D, D).   bz, br, bh: (D,).
        s0: the first state (N, D); zeros if not given.

    Returns:
        (T + 1, N, D), the first state among them: z and r are σ(X U + S W + b), h = tanh(X Uh + (r∘S) Wh + bh), and the next state is
        (1 − z)∘h + z∘S.
    """
    T, N, _ = shape_of(X)
    if T is None or N is None:
        raise ShapeError("gru: the length and the size of the batch must be known")
    s = np.zeros((N, shape_of(Wz)[0] or 0), X.dtype) if s0 is None else s0
    xz, xr, xh = (matmul(X, U) + b for U, b in ((Uz, bz), (Ur, br), (Uh, bh)))
    states = [s]
    for t in range(T):
        z = sigmoid(xz[t] + matmul(s, Wz))
        r = sigmoid(xr[t] + matmul(s, Wr))
        h = tanh(xh[t] + matmul(r * s, Wh))
        s = h + z * (s - h)
        states.append(s)
    return stack(states, name=name)


__all__ = ["gru", "gru_cell", "lstm_cell", "rnn_cell", "scaled_dot_product_attention"]
