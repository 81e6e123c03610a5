"""Matrices of a special form, made of vectors and of other matrices: compositions of joining and picking."""

from __future__ import annotations

from typing import Any

import numpy as np

from cgraph.errors import ShapeError
from cgraph.linalg.matrices import operand, shape_of, side
from cgraph.ops.indexing import getitem
from cgraph.ops.joining import concatenate
from cgraph.ops.structure import expand_dims, reshape


def block_diag(*arrays: Any, name: str | None = None) -> Any:
    """The matrices along the diagonal of a larger one, zeros elsewhere.

    >>> import cgraph as cg
    >>> cg.linalg.block_diag(cg.parameter("a", [[1.0]]), [[2.0, 3.0]]).shape
    (2, 3)
    """
    blocks = []
    for x in map(operand, arrays or (np.zeros((1, 0)),)):
        n = len(shape_of(x))
        if n > 2:
            raise ShapeError(f"block_diag: {shape_of(x)} is no matrix")
        blocks.append(x if n == 2 else reshape(x, (1, side(x) if n else 1)))
    widths = [side(x) for x in blocks]
    lines = []
    for k, x in enumerate(blocks):
        height = side(x, -2)
        zeros = [np.zeros((height, sum(part)), x.dtype) for part in (widths[:k], widths[k + 1 :])]
        lines.append(concatenate([zeros[0], x, zeros[1]], 1))
    return concatenate(lines, 0, name=name)


def toeplitz(c: Any, r: Any = None, *, name: str | None = None) -> Any:
    """The matrix with constant diagonals, of first column `c` and first row `r` (default: `c`); r[0] is not read.

    >>> import cgraph as cg
    >>> T = cg.linalg.toeplitz(cg.parameter("c", [1.0, 2.0, 3.0]))
    >>> cg.run(T).value(T)
    array([[1., 2., 3.],
           [2., 1., 2.],
           [3., 2., 1.]])
    """
    c = reshape(operand(c), -1)
    r = c if r is None else reshape(operand(r), -1)
    both = concatenate([c[::-1], r[1:]])
    i, j = np.indices((side(c), side(r)))
    index = side(c) - 1 - i + j
    return getitem(both, index, name=name)


def circulant(c: Any, *, name: str | None = None) -> Any:
    """The matrix whose columns are `c`, each turned one further than the last."""
    c = reshape(operand(c), -1)
    i, j = np.indices((side(c), side(c)))
    return getitem(c, (i - j) % max(side(c), 1), name=name)


def hankel(c: Any, r: Any = None, *, name: str | None = None) -> Any:
    """The matrix with constant antidiagonals, of first column `c` and last row `r` (default: zeros); r[0] is not read."""
    c = reshape(operand(c), -1)
    r = np.zeros(side(c), c.dtype) if r is None else reshape(operand(r), -1)
    both = concatenate([c, r[1:]])
    i, j = np.indices((side(c), side(r)))
    return getitem(both, i + j, name=name)


def companion(a: Any, *, name: str | None = None) -> Any:
    """The companion matrix of a polynomial with the coefficients `a`, highest first; its eigenvalues are the roots.

    Raises:
        ShapeError: for less than two coefficients.

    >>> import cgraph as cg
    >>> cg.linalg.companion([1.0, -10.0, 31.0, -30.0])
    array([[ 10., -31.,  30.],
           [  1.,   0.,   0.],
           [  0.,   1.,   0.]])
    """
    a = reshape(operand(a), -1)
    n = side(a) - 1
    if n < 1:
        raise ShapeError(f"companion: {n + 1} coefficients make no polynomial with roots")
    first = expand_dims(-a[1:] / a[:1], 0)
    return concatenate([first, np.eye(n - 1, n, dtype=a.dtype)], 0, name=name)


def convolution_matrix(a: Any, n: int, mode: str = "full", *, name: str | None = None) -> Any:
    """The matrix whose product with a vector of length `n` is ``np.convolve(a, v, mode)``.

    >>> import cgraph as cg
    >>> cg.linalg.convolution_matrix([1.0, 4.0], 3)
    array([[1., 0., 0.],
           [4., 1., 0.],
           [0., 4., 1.],
           [0., 0., 4.]])
    """
    a = reshape(operand(a), -1)
    m = side(a)
    if n < 1 or m < 1 or mode not in ("full", "same", "valid"):
        raise ValueError("convolution_matrix: n is positive, a not empty, and mode 'full', 'same' or 'valid'")  # fmt: skip
    rows = m + n - 1
    places = np.arange(rows)
    if mode == "same":
        start = (min(m, n) - 1) // 2
        places = places[start : start + max(m, n)]
    elif mode == "valid":
        places = places[min(m, n) - 1 : max(m, n)]
    i = places[:, None] - np.arange(n)
    framed = concatenate([a, np.zeros(1, a.dtype)])
    return getitem(framed, np.where((i >= 0) & (i < m), i, m), name=name)


def khatri_rao(a: Any, b: Any, *, name: str | None = None) -> Any:
    """The Kronecker products of the columns of `a` (..., m, n) with those of `b` (..., k, n), side by side: (..., m·k, n).

    >>> import cgraph as cg
    >>> cg.linalg.khatri_rao([[1.0, 2.0]], [[3.0, 4.0], [5.0, 6.0]])
    array([[ 3.,  8.],
           [ 5., 12.]])
    """
    a, b = operand(a), operand(b)
    if len(shape_of(a)) < 2 or len(shape_of(b)) < 2 or side(a) != side(b):
        raise ShapeError(f"khatri_rao: {shape_of(a)} and {shape_of(b)} are not matrices with as many columns")  # fmt: skip
    both = expand_dims(a, -2) * expand_dims(b, -3)
    return reshape(both, (*shape_of(both)[:-3], side(a, -2) * side(b, -2), side(a)), name=name)


__all__ = [
    "block_diag", "circulant", "companion", "convolution_matrix", "hankel", "khatri_rao", "toeplitz",
]  # fmt: skip
