"""Two more factorizations: lower times upper triangle (LU), and rotation times stretching (polar).

The rows of a matrix are put in order first, by an op that only looks for the largest entries; what is then factored needs no pivots, and
its derivative has none. Sources: F. R. de Hoog, R. S. Anderssen, M. A. Lukas, "Differentiation of matrix functionals using triangular
factorization", Math. Comp. 80 (2011); C. Kenney, A. J. Laub, "Polar decomposition and matrix sign function condition estimates", SIAM J.
Sci. Stat. Comput. 12 (1991).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from cgraph.linalg.decompositions import _example_tall
from cgraph.linalg.matrices import (
    T,
    example_square,
    expand_dims,
    known_square,
    lower,
    matrix,
    operand,
    rank_margin,
    row,
    shape_of,
    side,
    symmetric,
    tall,
    total,
    upper,
)
from cgraph.linalg.solving import solve_op
from cgraph.linalg.systems import sylvester_op, triangular_op
from cgraph.op import Op
from cgraph.ops.define import F, op
from cgraph.ops.elementwise import equal
from cgraph.ops.joining import concatenate
from cgraph.ops.searching import take_along_axis
from cgraph.ops.sorting import argsort
from cgraph.ops.structure import cast, swapaxes

# --- LU -----------------------------------------------------------------------------------------------------------------------


def _eliminated(a: Any, pivot: bool) -> tuple[Any, Any]:
    """Gaussian elimination of stacks of matrices: what is left below and above the diagonal, and the order of the rows."""
    a = np.array(a)
    m, n = a.shape[-2:]
    if a.size == 0:
        return a, np.broadcast_to(np.arange(m), a.shape[:-1])
    flat = a.reshape(-1, m, n)
    order = np.tile(np.arange(m), (len(flat), 1))
    every = np.arange(len(flat))
    with np.errstate(all="ignore"):
        for k in range(min(m, n)):
            if pivot:
                best = k + np.argmax(np.abs(flat[:, k:, k]), axis=1) if m > k else every * 0 + k
                for x in (flat, order):
                    x[every, k], x[every, best] = x[every, best].copy(), x[every, k].copy()
            # A column of zeros is left as it is, as LAPACK leaves it.
            heads = flat[:, k, None, k]
            flat[:, k + 1 :, k] = np.where(
                heads == 0, 0.0, flat[:, k + 1 :, k] / np.where(heads == 0, 1.0, heads)
            )
            flat[:, k + 1 :, k + 1 :] -= flat[:, k + 1 :, k, None] * flat[:, k, None, k + 1 :]
    return flat.reshape(a.shape), order.reshape(a.shape[:-1])


# fmt: off
pivots_op: Op = op(
    "linalg.pivots", lambda a: _eliminated(a, True)[1], None, shape=lambda a: matrix(a)[:-1], dtype=lambda a: np.dtype(np.intp),
    family="linalg", symbol="pivots", formula=F("the order of the rows of $a in elimination", r"\operatorname{pivots} $a", None),
    batch="(m,n)->()", doc="The order in which Gaussian elimination with partial pivoting takes the rows of a matrix. No derivative.",
    example=lambda rng: (_example_tall(rng), {}),
)
# fmt: on


def _lu_rule(out: Any, a: Any) -> tuple[Any, Any]:
    def solved(x: Any, of_lower: bool, transposed: bool) -> Any:
        factor = T(out) if transposed else out
        return triangular_op(factor, x, lower=of_lower != transposed, unit=of_lower)

    low, up = lower(out, -1) + np.eye(side(out), dtype=out.dtype), upper(out)

    def jvp(t: Any) -> Any:
        inner = T(solved(T(solved(t, True, False)), False, True))  # L⁻¹ t U⁻¹
        return low @ lower(inner, -1) + upper(inner) @ up

    def vjp(u: Any) -> Any:
        inner = lower(T(low) @ lower(u, -1), -1) + upper(upper(u) @ T(up))
        return T(solved(T(solved(inner, True, True)), False, False))  # L⁻ᵀ inner U⁻ᵀ

    return jvp, vjp


def _lu_margin(a: Any) -> Any:
    d = np.abs(np.diagonal(_eliminated(np.asarray(a, np.float64), False)[0], axis1=-2, axis2=-1))
    scale = np.max(np.abs(a), (-2, -1), initial=1e-300)
    return float(np.min(d / scale[..., None])) if d.size else np.inf


# fmt: off
lu_op: Op = row(
    "linalg.lu", lambda a: _eliminated(a, False)[0], _lu_rule, shape=known_square, symbol="LU",
    formula=F("L below the diagonal and U above, with L·U = $a", "L U = $a", "L⁻ᵀ·(tril(Lᵀ·L̄) + triu(Ū·Uᵀ))·U⁻ᵀ"), margin=_lu_margin,
    example=example_square,
)
# fmt: on


def lu(a: Any, permute_l: bool = False, *, p_indices: bool = False, name: str | None = None) -> Any:
    """P, L and U of each matrix: a = P @ L @ U, with L lower triangular with ones on its diagonal, and U upper triangular.

    Rows are exchanged as LAPACK does it (partial pivoting); P has no derivative. L and U have one where a goes on having full rank.

    Args:
        a: (..., m, n); L is (..., m, k) and U (..., k, n), with k = min(m, n).
        permute_l: give P @ L and U.
        p_indices: give P as the indices p with a = L[p] @ U.

    >>> import cgraph as cg
    >>> A = cg.parameter("A", [[1.0, 2.0], [4.0, 4.0]])
    >>> P, L, U = cg.linalg.lu(A)
    >>> run = U[1, 1].backward()
    >>> run.value(U), run.grad(A)
    (array([[4., 4.],
           [0., 1.]]), array([[-1.  ,  1.  ],
           [ 0.25, -0.25]]))
    """
    a = operand(a)
    m, n = side(a, -2), side(a)
    k = min(m, n)
    order = pivots_op(a)
    back = argsort(order, -1)
    turned = take_along_axis(a, expand_dims(order, -1), -2)
    both = lu_op(turned[..., :k, :k], name=name)
    low, up = lower(both, -1) + np.eye(k, dtype=a.dtype), upper(both)
    if n > k:
        up = concatenate([up, triangular_op(both, turned[..., k:], lower=True, unit=True)], -1)
    if m > k:
        rest = T(triangular_op(T(both), T(turned[..., k:, :]), lower=True, unit=False))
        low = concatenate([low, rest], -2)
    if permute_l:
        return take_along_axis(low, expand_dims(back, -1), -2), up
    if p_indices:
        return back, low, up
    permutation = cast(equal(expand_dims(order, -2), np.arange(m)[:, None]), a.dtype)
    return permutation, low, up


# --- polar decomposition ------------------------------------------------------------------------------------------------------


def _orthogonal(a: Any) -> Any:
    u, _, vh = np.linalg.svd(a, full_matrices=False)
    return u @ vh


def _polar_rule(out: Any, a: Any) -> tuple[Any, Any]:
    stretch = symmetric(T(out) @ a)
    square = side(a, -2) == side(a)

    def outside(x: Any) -> Any:  # what leaves the column space, times the inverse of P
        return T(solve_op(stretch, T(x - out @ (T(out) @ x))))

    def jvp(t: Any) -> Any:
        turn = T(out) @ t
        moved = out @ sylvester_op(stretch, stretch, turn - T(turn))
        return moved if square else moved + outside(t)

    def vjp(u: Any) -> Any:
        y = sylvester_op(stretch, stretch, T(out) @ u)
        share = out @ (y - T(y))
        return share if square else share + outside(u)

    return jvp, vjp


# fmt: off
polar_op: Op = row(
    "linalg.polar", _orthogonal, _polar_rule, shape=tall, symbol="polar",
    formula=F("U with orthonormal columns and U·P = $a, P symmetric", r"U,\ U P = $a",
        "U·(Y − Yᵀ) with P·Y + Y·P = Uᵀ·upstream, and what lies outside ·P⁻¹"), margin=rank_margin,
    example=lambda rng: (_example_tall(rng), {}),
)
# fmt: on


class PolarResult(NamedTuple):
    """A matrix with orthonormal columns (or rows), and one that is symmetric and not negative."""

    u: Any
    p: Any


def polar(a: Any, side: str = "right", *, name: str | None = None) -> PolarResult:
    """Each matrix as a rotation and a stretching: a = u @ p, or a = p @ u with ``side="left"``. Needs SciPy for derivatives.

    `u` has orthonormal columns, or rows if there are fewer of them; `p` is symmetric. There is a derivative where `a` has full rank.

    >>> import cgraph as cg
    >>> A = cg.parameter("A", [[0.0, -2.0], [1.0, 0.0]])
    >>> u, p = cg.linalg.polar(A)
    >>> run = u[0, 0].backward()
    >>> run.value(u).round(12) + 0.0, run.grad(A).round(3) + 0.0
    (array([[ 0., -1.],
           [ 1.,  0.]]), array([[0.333, 0.   ],
           [0.   , 0.333]]))
    """
    a = operand(a)
    if side not in ("right", "left"):
        raise ValueError(f"polar: side is 'right' or 'left', not {side!r}")
    m, n = matrix(shape_of(a))[-2:]
    assert m is not None and n is not None
    u = polar_op(a, name=name) if m >= n else swapaxes(polar_op(T(a)), -1, -2, name=name)
    return PolarResult(u, symmetric(T(u) @ a if side == "right" else a @ T(u)))


def orthogonal_procrustes(A: Any, B: Any) -> tuple[Any, Any]:
    """The orthogonal R for which A @ R comes nearest to B, and the sum of the singular values of A.T @ B. Needs SciPy for derivatives.

    >>> import cgraph as cg
    >>> R, scale = cg.linalg.orthogonal_procrustes([[1.0, 0.0], [0.0, 2.0]], [[0.0, 1.0], [2.0, 0.0]])
    >>> R.round(12), float(scale)
    (array([[0., 1.],
           [1., 0.]]), 5.0)
    """
    product = T(operand(A)) @ operand(B)
    turn = polar(product).u
    return turn, total(turn * product, axis=(-2, -1))


__all__ = ["PolarResult", "lu", "orthogonal_procrustes", "polar"]
