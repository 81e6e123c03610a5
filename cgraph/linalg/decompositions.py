"""Cholesky, QR, eigenvalues and singular values, with the vectors that go with them.

A decomposition is one node whose value holds all its parts side by side, so that it is computed once and its rule is one formula; what
the user gets are slices of it. The formulas: M. B. Giles (2008), sections 2.2.5 and 3; M. Seeger et al., "Auto-differentiating linear
algebra" (2017), for Cholesky, QR and the singular value decomposition; I. Murray, "Differentiation of the Cholesky decomposition"
(2016); J. Townsend, "Differentiating the singular value decomposition" (2016), for matrices that are not square; C. Boeddeker et al.,
"On the computation of complex-valued gradients" (2017), for eigenvectors of norm 1.

Where eigenvalues or singular values are equal, their vectors are not determined and have no derivative: the terms that would divide by
the gap are left out, which is right for every function of the eigenspace as a whole (docs/conventions.md).
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np

from cgraph.errors import UnsupportedError
from cgraph.linalg.matrices import (
    F,
    T,
    columns,
    diagonal,
    diagonal_matrix,
    example_batch,
    example_invertible,
    example_square,
    example_symmetric,
    expand_dims,
    from_triangle,
    half_lower,
    inverse_gaps,
    inverse_or_zero,
    known_square,
    lower,
    matrix,
    operand,
    relative_gaps,
    resolution,
    row,
    rows,
    shape_of,
    side,
    symmetric,
    tall,
    to_triangle,
    total,
    upper,
)
from cgraph.linalg.solving import _example_rectangle, solve_op
from cgraph.op import Op
from cgraph.ops.joining import concatenate
from cgraph.shapes import Shape


def _example_positive(rng: Any) -> tuple[Any]:
    return (example_symmetric(rng, example_batch(rng)),)


def _example_tall(rng: Any) -> tuple[Any]:
    a = example_invertible(rng, example_batch(rng))
    extra = rng.normal(size=(*a.shape[:-2], int(rng.integers(0, 3)), a.shape[-1]))
    return (np.concatenate([a, extra], -2),)


# --- Cholesky -----------------------------------------------------------------------------------------------------------------


def _cholesky_rule(out: Any, a: Any, upper: bool) -> tuple[Any, Any]:
    factor = T(out) if upper else out

    def turned(x: Any) -> Any:  # L⁻¹ x L⁻ᵀ
        return T(solve_op(factor, T(solve_op(factor, x))))

    def jvp(t: Any) -> Any:
        moved = factor @ half_lower(turned(from_triangle(t, not upper)))
        return T(moved) if upper else moved

    def vjp(u: Any) -> Any:
        inner = half_lower(T(factor) @ (T(u) if upper else u))
        outer = solve_op(T(factor), T(solve_op(T(factor), T(inner))))
        return to_triangle(symmetric(outer), not upper)

    return jvp, vjp


# fmt: off
cholesky_op: Op = row(
    "linalg.cholesky", lambda a, upper: np.linalg.cholesky(a, upper=upper), _cholesky_rule, shape=lambda a, upper: known_square(a),
    symbol="chol", formula=F("L with L·Lᵀ = $a", r"\operatorname{chol} $a", "L⁻ᵀ Φ(Lᵀ·upstream) L⁻¹, on the triangle that is read"),
    example=lambda rng: (_example_positive(rng), {"upper": bool(rng.random() < 0.5)}),
)
# fmt: on


def cholesky(a: Any, /, *, upper: bool = False, name: str | None = None) -> Any:
    """The triangular factor L of each symmetric, positive definite matrix, with L @ L.T = a; with `upper`, its transpose.

    As in NumPy one triangle of `a` is read, the lower one unless `upper`; the gradient is that of the entries that are read.

    Raises:
        CgraphError: when it is evaluated on a matrix that is not positive definite, naming the node.

    >>> import cgraph as cg
    >>> A = cg.parameter("A", [[4.0, 2.0], [2.0, 5.0]])
    >>> L = cg.linalg.cholesky(A)
    >>> run = cg.sum(L).backward()
    >>> run.value(L)
    array([[2., 0.],
           [1., 2.]])
    """
    return cholesky_op(operand(a), upper=bool(upper), name=name)


# --- QR -----------------------------------------------------------------------------------------------------------------------


class QRResult(NamedTuple):
    """An orthogonal matrix and an upper triangular one."""

    Q: Any
    R: Any


def _qr(a: Any) -> Any:
    q, r = np.linalg.qr(a)
    return np.concatenate([q, r], -2)


def _qr_rule(out: Any, a: Any) -> tuple[Any, Any]:
    m = side(a, -2)
    q, r = out[..., :m, :], out[..., m:, :]

    def after(x: Any) -> Any:  # x R⁻¹
        return T(solve_op(T(r), T(x)))

    def jvp(t: Any) -> Any:
        t = after(t)
        c = T(q) @ t
        turn = lower(c, -1) - T(lower(c, -1))
        dq = q @ turn + (t - q @ c)
        return concatenate([dq, (c - turn) @ r], -2)

    def vjp(u: Any) -> Any:
        uq, ur = u[..., :m, :], upper(u[..., m:, :])
        inner = r @ T(ur) - T(uq) @ q
        both = lower(inner) + T(lower(inner, -1))
        return T(solve_op(r, T(uq + q @ both)))

    return jvp, vjp


def _qr_margin(a: Any) -> Any:
    r = np.abs(np.linalg.qr(np.asarray(a, np.float64))[1])
    d = np.diagonal(r, axis1=-2, axis2=-1)
    return float(np.min(d / np.maximum(np.max(r, (-2, -1)), 1e-300)[..., None])) if d.size else np.inf  # fmt: skip


# fmt: off
qr_op: Op = row(
    "linalg.qr", _qr, _qr_rule, shape=lambda a: (*tall(a)[:-2], a[-2] + a[-1], a[-1]), symbol="Q, R",
    formula=F("Q and R with Q·R = $a", "Q R = $a", "(Q̄ + Q·copyltu(R·R̄ᵀ − Q̄ᵀ·Q))·R⁻ᵀ"), margin=_qr_margin,
    example=lambda rng: (_example_tall(rng), {}),
)
# fmt: on


def qr(a: Any, mode: Literal["reduced", "complete", "r"] = "reduced", *, name: str | None = None) -> Any:  # fmt: skip
    """Q with orthonormal columns and R, upper triangular, with Q @ R = a, for stacks of matrices of full rank.

    Args:
        a: (..., m, n); Q is (..., m, k) and R (..., k, n) with k = min(m, n).
        mode: "reduced", or "r" for R alone; "complete" for m <= n, where it is the same.

    Raises:
        UnsupportedError: for "complete" with m > n, whose extra columns are not determined by `a`, and for "raw".

    >>> import cgraph as cg
    >>> Q, R = cg.linalg.qr(cg.parameter("A", [[3.0, 1.0], [4.0, 2.0]]))
    >>> cg.run(R).value(R).round(3)
    array([[-5. , -2.2],
           [ 0. ,  0.4]])
    """
    a = operand(a)
    m, n = matrix(shape_of(a))[-2:]
    assert m is not None and n is not None
    if mode not in ("reduced", "complete", "r") or (mode == "complete" and m > n):
        raise UnsupportedError(
            f"qr: mode={mode!r} has no derivative for a matrix of shape {(m, n)}: it is not determined by the matrix. "
            'Take mode="reduced"'
        )
    if m >= n:
        both = qr_op(a, name=name)
        q, r = both[..., :m, :], both[..., m:, :]
    else:  # the first m columns decide; the others are only turned
        both = qr_op(a[..., :m], name=name)
        q = both[..., :m, :]
        r = concatenate([both[..., m:, :], T(q) @ a[..., m:]], -1)
    return r if mode == "r" else QRResult(q, r)


# --- symmetric matrices -------------------------------------------------------------------------------------------------------


class EighResult(NamedTuple):
    """Eigenvalues, and eigenvectors as columns."""

    eigenvalues: Any
    eigenvectors: Any


class EigResult(NamedTuple):
    """Eigenvalues, and eigenvectors as columns of norm 1."""

    eigenvalues: Any
    eigenvectors: Any


def _pack(w: Any, v: Any) -> Any:
    return np.concatenate([v, w[..., None, :]], -2)


def _with_values(a: Shape, *_: Any, **__: Any) -> Shape:
    n = known_square(a)[-1]
    return (*a[:-2], n + 1, n)  # type: ignore[operator]


def _eigh_rule(out: Any, a: Any, lower: bool) -> tuple[Any, Any]:
    n = side(a)
    v, w = out[..., :n, :], out[..., n, :]
    gaps = inverse_gaps(w)

    def jvp(t: Any) -> Any:
        inner = T(v) @ from_triangle(t, lower) @ v
        return concatenate([v @ (gaps * inner), columns(diagonal(inner))], -2)

    def vjp(u: Any) -> Any:
        uv, uw = u[..., :n, :], u[..., n, :]
        inner = diagonal_matrix(uw) + gaps * (T(v) @ uv)
        return to_triangle(symmetric(v @ inner @ T(v)), lower)

    return jvp, vjp


def _symmetric_margin(a: Any, lower: bool) -> Any:
    return relative_gaps(np.linalg.eigvalsh(np.asarray(a, np.float64), "L" if lower else "U"))


# fmt: off
eigh_op: Op = row(
    "linalg.eigh", lambda a, lower: _pack(*np.linalg.eigh(a, "L" if lower else "U")), _eigh_rule, shape=_with_values, symbol="V, λ",
    formula=F("eigenvectors and eigenvalues of the symmetric $a", r"$a = V \operatorname{diag}(\lambda) V^T",
        "V·(diag(λ̄) + F∘(Vᵀ·V̄))·Vᵀ, F = 1/(λj − λi)"), margin=_symmetric_margin,
    example=lambda rng: (_example_positive(rng), {"lower": bool(rng.random() < 0.5)}),
)
# fmt: on


def _eigvalsh_rule(out: Any, a: Any, lower: bool) -> tuple[Any, Any]:
    n = side(a)
    v = eigh_op(a, lower=lower)[..., :n, :]
    return (
        lambda t: diagonal(T(v) @ from_triangle(t, lower) @ v),
        lambda u: to_triangle(symmetric((v * columns(u)) @ T(v)), lower),
    )


# fmt: off
eigvalsh_op: Op = row(
    "linalg.eigvalsh", lambda a, lower: np.linalg.eigvalsh(a, "L" if lower else "U"), _eigvalsh_rule,
    shape=lambda a, lower: known_square(a)[:-1], symbol="λ",
    formula=F("eigenvalues of the symmetric $a", r"\lambda($a)", "V·diag(upstream)·Vᵀ"), margin=_symmetric_margin,
    example=lambda rng: (_example_positive(rng), {"lower": bool(rng.random() < 0.5)}),
)
# fmt: on


def _reads_lower(uplo: str) -> bool:
    if uplo not in ("L", "U", "l", "u"):
        raise ValueError(f"UPLO is 'L' or 'U', not {uplo!r}")
    return uplo in ("L", "l")


def eigh(a: Any, UPLO: str = "L", *, name: str | None = None) -> EighResult:
    """Eigenvalues, ascending, and eigenvectors of each symmetric matrix, (..., n, n) -> (..., n) and (..., n, n).

    As in NumPy one triangle of `a` is read, and the gradient is that of the entries that are read. Equal eigenvalues: see
    docs/conventions.md.

    >>> import cgraph as cg
    >>> A = cg.parameter("A", [[2.0, 0.0], [1.0, 2.0]])
    >>> w, V = cg.linalg.eigh(A)
    >>> run = w[1].backward()
    >>> run.value(w), run.grad(A).round(6)
    (array([1., 3.]), array([[0.5, 0. ],
           [1. , 0.5]]))
    """
    n = known_square(shape_of(a := operand(a)))[-1]
    both = eigh_op(a, lower=_reads_lower(UPLO), name=name)
    return EighResult(both[..., n, :], both[..., :n, :])


def eigvalsh(a: Any, UPLO: str = "L", *, name: str | None = None) -> Any:
    """The eigenvalues of each symmetric matrix, ascending. Where some are equal, each gets the gradient of its own eigenvector."""
    return eigvalsh_op(operand(a), lower=_reads_lower(UPLO), name=name)


# --- real eigenvalues of any matrix -------------------------------------------------------------------------------------------


def _eig(a: Any) -> Any:
    w, v = np.linalg.eig(a)
    if np.iscomplexobj(w):
        raise UnsupportedError(
            "eig: some eigenvalues are complex, and cgraph is real; eigh takes symmetric matrices, svd takes all"
        )
    return _pack(w, v)


def _eig_rule(out: Any, a: Any) -> tuple[Any, Any]:
    n = side(a)
    v, w = out[..., :n, :], out[..., n, :]
    gaps = inverse_gaps(w)

    def across(x: Any) -> Any:
        """Without the part along each eigenvector, which keeps its norm of 1."""
        return x - v * columns(total(v * x, axis=-2))

    def jvp(t: Any) -> Any:
        inner = solve_op(v, t @ v)
        return concatenate([across(v @ (gaps * inner)), columns(diagonal(inner))], -2)

    def vjp(u: Any) -> Any:
        uv, uw = u[..., :n, :], u[..., n, :]
        inner = diagonal_matrix(uw) + gaps * (T(v) @ across(uv))
        return solve_op(T(v), inner @ T(v))

    return jvp, vjp


def _eig_margin(a: Any) -> Any:
    w = np.linalg.eigvals(np.asarray(a, np.float64))
    return 0.0 if np.iscomplexobj(w) else relative_gaps(w)


# fmt: off
eig_op: Op = row(
    "linalg.eig", _eig, _eig_rule, shape=_with_values, symbol="V, λ",
    formula=F("eigenvectors and eigenvalues of $a, where they are real", r"$a = V \operatorname{diag}(\lambda) V^{-1}",
        "V⁻ᵀ·(diag(λ̄) + F∘(Vᵀ·V̄))·Vᵀ, F = 1/(λj − λi)"), margin=_eig_margin, example=example_square,
)
# fmt: on


def eig(a: Any, *, name: str | None = None) -> EigResult:
    """Eigenvalues and eigenvectors (columns of norm 1) of square matrices whose eigenvalues are real.

    Raises:
        UnsupportedError: when it is evaluated on a matrix with complex eigenvalues.

    >>> import cgraph as cg
    >>> A = cg.parameter("A", [[1.0, 2.0], [0.0, 3.0]])
    >>> w, V = cg.linalg.eig(A)
    >>> run = w[1].backward()
    >>> run.value(w), run.grad(A)
    (array([1., 3.]), array([[0., 0.],
           [1., 1.]]))
    """
    n = known_square(shape_of(a := operand(a)))[-1]
    both = eig_op(a, name=name)
    return EigResult(both[..., n, :], both[..., :n, :])


def eigvals(a: Any, *, name: str | None = None) -> Any:
    """The eigenvalues of square matrices, where they are real; in NumPy's order."""
    return eig(a, name=name).eigenvalues


# --- singular values ----------------------------------------------------------------------------------------------------------


class SVDResult(NamedTuple):
    """Left singular vectors as columns, singular values, and right singular vectors as rows."""

    U: Any
    S: Any
    Vh: Any


def _svd(a: Any) -> Any:
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    return np.concatenate([u, s[..., None, :], vh.swapaxes(-1, -2)], -2)


def _svd_rule(out: Any, a: Any) -> tuple[Any, Any]:
    m, n = side(a, -2), side(a)
    k = min(m, n)
    u, s, v = out[..., :m, :], out[..., m, :], out[..., m + 1 :, :]
    if k == 0:
        return lambda t: 0.0 * out, lambda g: 0.0 * a
    small = expand_dims(resolution(s), -1)
    gaps = inverse_or_zero(columns(s) - rows(s), small)
    gaps = gaps * inverse_or_zero(columns(s) + rows(s), small)
    inverse = columns(inverse_or_zero(s, resolution(s)))

    def jvp(t: Any) -> Any:
        inner = T(u) @ t @ v
        of_u = inner * columns(s) + rows(s) * T(inner)
        of_v = rows(s) * inner + T(inner) * columns(s)
        du, dv = u @ (gaps * of_u), v @ (gaps * of_v)
        if m > k:
            du = du + (t @ v - u @ inner) * inverse
        if n > k:
            dv = dv + (T(t) @ u - v @ T(inner)) * inverse
        return concatenate([du, columns(diagonal(inner)), dv], -2)

    def vjp(g: Any) -> Any:
        gu, gs, gv = g[..., :m, :], g[..., m, :], g[..., m + 1 :, :]
        turn_u, turn_v = T(u) @ gu, T(v) @ gv
        inner = (
            diagonal_matrix(gs)
            + (gaps * (turn_u - T(turn_u))) * columns(s)
            + rows(s) * (gaps * (turn_v - T(turn_v)))
        )
        share = u @ inner @ T(v)
        if m > k:
            share = share + ((gu - u @ turn_u) * inverse) @ T(v)
        if n > k:
            share = share + u @ T((gv - v @ turn_v) * inverse)
        return share

    return jvp, vjp


def _svd_margin(a: Any) -> Any:
    a = np.asarray(a, np.float64)
    s = np.linalg.svd(a, compute_uv=False)
    if s.size == 0:
        return np.inf
    # Vectors of the larger side also move against what lies outside, as if there were one more singular value, 0.
    return relative_gaps(np.concatenate([s, np.zeros_like(s[..., :1])], -1))


# fmt: off
svd_op: Op = row(
    "linalg.svd", _svd, _svd_rule, shape=lambda a: (*matrix(a)[:-2], a[-2] + 1 + a[-1], min(a[-2], a[-1])), symbol="U, σ, V",
    formula=F("singular vectors and values of $a", r"$a = U \operatorname{diag}(\sigma) V^T",
        "U·(diag(σ̄) + skew parts·F)·Vᵀ + what lies outside, F = 1/(σj² − σi²)"), margin=_svd_margin,
    example=lambda rng: (_example_rectangle(rng)[:1], {}),
)
# fmt: on


def _svdvals_rule(out: Any, a: Any) -> tuple[Any, Any]:
    m = side(a, -2)
    parts = svd_op(a)
    u, v = parts[..., :m, :], parts[..., m + 1 :, :]
    return lambda t: total(u * (t @ v), axis=-2), lambda g: (u * columns(g)) @ T(v)


# fmt: off
svdvals_op: Op = row(
    "linalg.svdvals", lambda a: np.linalg.svd(a, compute_uv=False), _svdvals_rule, shape=lambda a: (*matrix(a)[:-2], min(a[-2], a[-1])),
    symbol="σ", formula=F("singular values of $a", r"\sigma($a)", "U·diag(upstream)·Vᵀ"), margin=_svd_margin,
    example=lambda rng: (_example_rectangle(rng)[:1], {}),
)
# fmt: on


def svd(
    a: Any,
    full_matrices: bool = True,
    compute_uv: bool = True,
    hermitian: bool = False,
    *,
    name: str | None = None,
) -> Any:
    """The singular value decomposition of each matrix of a stack: U, S, Vh with a = (U * S) @ Vh.

    Args:
        a: (..., m, n).
        full_matrices: for square matrices it makes no difference; for others the extra vectors are not determined by `a`, so that
            ``full_matrices=False`` has to be said.
        compute_uv: False gives the singular values alone, whose gradient has no trouble where some of them are equal.
        hermitian: accepted, as in NumPy, and of no influence.

    Raises:
        UnsupportedError: for full matrices that are not square.

    >>> import cgraph as cg
    >>> A = cg.parameter("A", [[3.0, 0.0], [0.0, 4.0], [0.0, 0.0]])
    >>> U, S, Vh = cg.linalg.svd(A, full_matrices=False)
    >>> run = S[0].backward()
    >>> run.value(S), run.grad(A)[1, 1]
    (array([4., 3.]), np.float64(1.0))
    """
    a = operand(a)
    if not compute_uv:
        return svdvals_op(a, name=name)
    m, n = matrix(shape_of(a))[-2:]
    if full_matrices and m != n:
        raise UnsupportedError(
            f"svd: full matrices of a matrix of shape {(m, n)} are not determined by it and have no derivative; "
            "pass full_matrices=False"
        )
    assert m is not None
    parts = svd_op(a, name=name)
    return SVDResult(parts[..., :m, :], parts[..., m, :], T(parts[..., m + 1 :, :]))


def svdvals(a: Any, *, name: str | None = None) -> Any:
    """The singular values of each matrix, (..., m, n) -> (..., min(m, n)), descending."""
    return svdvals_op(operand(a), name=name)


__all__ = [
    "EigResult", "EighResult", "QRResult", "SVDResult", "cholesky", "eig", "eigh", "eigvals", "eigvalsh", "qr", "svd", "svdvals",
]  # fmt: skip
