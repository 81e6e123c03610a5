"""`cg.linalg` against NumPy, SciPy, PyTorch and JAX: at random, at hard points, in stacks, of size 0 and 1."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.linalg
from science.harness import Line, check, rng

import cgraph as cg
from cgraph import linalg as la
from cgraph.errors import CgraphError, ShapeError, UnsupportedError
from cgraph.ops import OPS

G = rng("linalg")
A3 = G.normal(size=(3, 3)) + 3 * np.eye(3)
STACK = G.normal(size=(2, 1, 3, 3)) + 3 * np.eye(3)
TALL, WIDE = G.normal(size=(4, 2)), G.normal(size=(2, 4))
SYM = STACK @ STACK.swapaxes(-1, -2)
S3 = A3 @ A3.T
REAL = np.diag([1.0, 2.5, 4.0]) + 0.3 * G.normal(size=(3, 3))
B = G.normal(size=(3, 2))
SINGULAR = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [1.0, 0.0, 1.0]])
NOTHING, NO_ROWS = np.zeros((0, 0)), np.zeros((0, 3))
V = np.array([3.0, -4.0, 1.0])
M34 = G.normal(size=(2, 3, 4))

np_la: Any = np.linalg


def part(f: Any, i: int) -> Any:
    return lambda *args, **kw: f(*args, **kw)[i]


def quiet(f: Any) -> Any:
    """SciPy's function, which draws from NumPy's global generator, with that put back."""

    def call(*args: Any) -> Any:
        before = np.random.get_state()
        try:
            return f(*args)
        finally:
            np.random.set_state(before)

    return call


def stacked(f: Any) -> Any:
    """SciPy's function of one matrix, for stacks."""
    return lambda a: np.array([f(x) for x in a.reshape(-1, *a.shape[-2:])]).reshape(
        *a.shape[:-2], *f(np.eye(*a.shape[-2:])).shape
    )


LINES = [
    Line("inv", la.inv, np_la.inv, (A3,)),
    Line("inv-stack", la.inv, np_la.inv, (STACK,)),
    Line("inv-0", la.inv, np_la.inv, (NOTHING,)),
    Line("inv-1", la.inv, np_la.inv, (np.array([[2.0]]),)),
    Line("solve", la.solve, np_la.solve, (A3, B)),
    Line("solve-vector", la.solve, np_la.solve, (A3, B[:, 0])),
    Line("solve-stack", la.solve, np_la.solve, (STACK, B)),
    Line("solve-stacks", la.solve, np_la.solve, (A3, G.normal(size=(2, 3, 2)))),
    Line("solve-0", la.solve, np_la.solve, (NOTHING, np.zeros((0, 2)))),
    Line("solve-none", la.solve, np_la.solve, (A3, np.zeros((3, 0)))),
    Line("det", la.det, np_la.det, (A3,)),
    Line("det-stack", la.det, np_la.det, (STACK,)),
    Line("det-singular", la.det, np_la.det, (SINGULAR,)),
    Line("det-zero", la.det, np_la.det, (np.zeros((2, 2)),)),
    Line("det-rank-1", la.det, np_la.det, (np.ones((3, 3)),)),
    Line("det-1", la.det, np_la.det, (np.zeros((1, 1)),)),
    Line("det-0", la.det, np_la.det, (NOTHING,)),
    Line("slogdet", part(la.slogdet, 1), part(np_la.slogdet, 1), (-A3,)),
    Line("slogdet-stack", part(la.slogdet, 1), part(np_la.slogdet, 1), (STACK,)),
    Line("slogdet-sign", part(la.slogdet, 0), part(np_la.slogdet, 0), (-A3,)),
    Line("pinv", la.pinv, np_la.pinv, (TALL,)),
    Line("pinv-wide", la.pinv, np_la.pinv, (WIDE,)),
    Line("pinv-stack", la.pinv, np_la.pinv, (M34,)),
    Line("lstsq", part(la.lstsq, 0), part(np_la.lstsq, 0), (TALL, G.normal(size=(4, 2)))),
    Line("lstsq-wide", part(la.lstsq, 0), part(np_la.lstsq, 0), (WIDE, G.normal(size=2))),
    Line("lstsq-residuals", part(la.lstsq, 1), part(np_la.lstsq, 1), (TALL, G.normal(size=(4, 2)))),
    Line("matrix_power-3", lambda a: la.matrix_power(a, 3), lambda a: np_la.matrix_power(a, 3), (A3,)),
    Line("matrix_power-1", lambda a: la.matrix_power(a, 1), lambda a: np_la.matrix_power(a, 1), (A3,)),
    Line("matrix_power-0", lambda a: la.matrix_power(a, 0), lambda a: np_la.matrix_power(a, 0) + 0 * a, (STACK,)),
    Line("matrix_power-6", lambda a: la.matrix_power(a, 6), lambda a: np_la.matrix_power(a, 6), (STACK / 3,)),
    Line("matrix_power--2", lambda a: la.matrix_power(a, -2), lambda a: np_la.matrix_power(a, -2), (A3,)),
    Line("multi_dot", lambda *x: la.multi_dot(x), lambda *x: np_la.multi_dot(x), (G.normal(size=2), WIDE, G.normal(size=(4, 3)), V)),
    Line("tensorinv", la.tensorinv, np_la.tensorinv, (G.normal(size=(2, 3, 6)),)),
    Line("tensorsolve", la.tensorsolve, np_la.tensorsolve, (G.normal(size=(2, 3, 6)), G.normal(size=(2, 3)))),
    Line("cholesky", lambda a: la.cholesky(a), np_la.cholesky, (S3,)),
    Line("cholesky-stack", la.cholesky, np_la.cholesky, (SYM,)),
    Line("cholesky-upper", lambda a: la.cholesky(a, upper=True), lambda a: np_la.cholesky(a, upper=True), (S3,)),
    Line("cholesky-0", la.cholesky, np_la.cholesky, (NOTHING,)),
    Line("qr-Q", part(la.qr, 0), part(np_la.qr, 0), (A3,)),
    Line("qr-R", part(la.qr, 1), part(np_la.qr, 1), (STACK,)),
    Line("qr-tall-Q", part(la.qr, 0), part(np_la.qr, 0), (TALL,)),
    Line("qr-tall-R", lambda a: la.qr(a, "r"), lambda a: np_la.qr(a, "r"), (TALL,)),
    Line("qr-wide-Q", part(la.qr, 0), part(np_la.qr, 0), (WIDE,)),
    Line("qr-wide-R", part(la.qr, 1), part(np_la.qr, 1), (M34,)),
    Line("eigh-w", part(la.eigh, 0), part(np_la.eigh, 0), (S3,)),
    Line("eigh-V", part(la.eigh, 1), part(np_la.eigh, 1), (S3,), curve=1e-6),
    Line("eigh-V-stack", part(la.eigh, 1), part(np_la.eigh, 1), (SYM,), curve=1e-6, slope=1e-7),
    Line("eigh-upper", lambda a: la.eigh(a, "U")[1], lambda a: np_la.eigh(a, "U")[1], (S3 + np.tril(B @ B.T, -1),), curve=1e-6),
    Line("eigvalsh", la.eigvalsh, np_la.eigvalsh, (SYM,)),
    Line("eigvalsh-U", lambda a: la.eigvalsh(a, "U"), lambda a: np_la.eigvalsh(a, "U"), (S3,)),
    Line("eig-w", part(la.eig, 0), part(np_la.eig, 0), (REAL,)),
    Line("eig-V", part(la.eig, 1), part(np_la.eig, 1), (REAL,)),
    Line("eigvals", la.eigvals, np_la.eigvals, (REAL,)),
    Line("svd-s", part(la.svd, 1), part(np_la.svd, 1), (A3,)),
    Line("svd-U", lambda a: la.svd(a, False)[0], lambda a: np_la.svd(a, False)[0], (TALL,)),
    Line("svd-Vh", lambda a: la.svd(a, False)[2], lambda a: np_la.svd(a, False)[2], (TALL,)),
    Line("svd-wide-U", lambda a: la.svd(a, False)[0], lambda a: np_la.svd(a, False)[0], (M34,), curve=1e-6),
    Line("svd-wide-Vh", lambda a: la.svd(a, False)[2], lambda a: np_la.svd(a, False)[2], (M34,), curve=1e-6),
    Line("svdvals", la.svdvals, lambda a: np_la.svd(a, compute_uv=False), (M34,)),
    Line("norm", la.norm, np_la.norm, (V,)),
    Line("norm-matrix", la.norm, np_la.norm, (TALL,)),
    Line("norm-3d", la.norm, np_la.norm, (M34,)),
    *(
        Line(f"norm-{p}", lambda x, p=p: la.norm(x, p), lambda x, p=p: np_la.norm(x, p), (V,))
        for p in (1, 2, 3, 1.5, 0.5, -1, -2.5, np.inf, -np.inf, 0)
    ),
    *(
        Line(f"norm-matrix-{p}", lambda x, p=p: la.norm(x, p), lambda x, p=p: np_la.norm(x, p), (TALL,))
        for p in (1, -1, 2, -2, np.inf, -np.inf, "fro", "nuc")
    ),
    *(
        Line(
            f"norm-axis-{axis}-{p}-{k}", lambda x, a=axis, p=p, k=k: la.norm(x, p, a, k),
            lambda x, a=axis, p=p, k=k: np_la.norm(x, p, a, k), (M34,),
        )
        for axis, p in ((0, None), (1, 3), (-1, np.inf), ((0, 2), None), ((2, 1), "nuc"), ((0, 1), 1), ((1, 0), np.inf), ((0, 2), "fro"))
        for k in (False, True)
    ),
    Line("norm-0", lambda x: la.norm(x, axis=1), lambda x: np_la.norm(x, axis=1), (np.zeros((2, 0)),)),
    Line("vector_norm", lambda x: la.vector_norm(x, axis=(0, 2), ord=3), lambda x: np_la.vector_norm(x, axis=(0, 2), ord=3), (M34,)),
    Line("matrix_norm", lambda x: la.matrix_norm(x, keepdims=True), lambda x: np_la.matrix_norm(x, keepdims=True), (M34,)),
    Line("cond", la.cond, np_la.cond, (A3,)),
    Line("cond-1", lambda a: la.cond(a, 1), lambda a: np_la.cond(a, 1), (A3,)),
    Line("cond-fro", lambda a: la.cond(a, "fro"), lambda a: np_la.cond(a, "fro"), (STACK,)),
    Line("cond--2", lambda a: la.cond(a, -2), lambda a: np_la.cond(a, -2), (A3,)),
    Line("expm", la.expm, scipy.linalg.expm, (A3 / 2,)),
    Line("expm-stack", la.expm, scipy.linalg.expm, (STACK / 3,)),
    Line("sqrtm", la.sqrtm, scipy.linalg.sqrtm, (S3,)),
    Line("logm", la.logm, quiet(scipy.linalg.logm), (S3[:2, :2],)),
    Line("logm-stack", la.logm, quiet(stacked(scipy.linalg.logm)), (SYM[:, 0, :2, :2],), curve=None),
    Line("logm-0", la.logm, np.copy, (NOTHING,)),
    *(
        Line(f"fractional_matrix_power-{t}", lambda a, t=t: la.fractional_matrix_power(a, t),
             quiet(lambda a, t=t: scipy.linalg.fractional_matrix_power(a, t)), (REAL[:2, :2],), curve=1e-6 if t < 0 else None, slope=1e-7, value=1e-11)
        for t in (-0.3, 1.5)
    ),
    *(
        Line(f, getattr(la, f), getattr(scipy.linalg, f), (A3 / 3,))
        for f in ("cosm", "sinm", "tanm", "coshm", "sinhm", "tanhm")
    ),
    Line("expm_frechet", part(la.expm_frechet, 1), part(scipy.linalg.expm_frechet, 1), (A3 / 3, REAL / 3)),
    *(
        Line(f"lu-{what}-{name}", part(la.lu, i), stacked(part(scipy.linalg.lu, i)), (a,))
        for name, a in (("square", A3), ("stack", STACK[:, :, ::-1]), ("tall", TALL), ("wide", M34), ("1", A3[:1, :1]))
        for i, what in ((1, "L"), (2, "U"))
    ),
    Line("lu-permuted", lambda a: la.lu(a, permute_l=True)[0], lambda a: scipy.linalg.lu(a, permute_l=True)[0], (A3[::-1],)),
    Line("lu-0", part(la.lu, 2), np.copy, (NOTHING,)),
    *(
        Line(f"polar-{what}-{name}-{side}", lambda a, i=i, side=side: la.polar(a, side)[i],
             stacked(lambda a, i=i, side=side: scipy.linalg.polar(a, side)[i]), (a,), value=1e-11)
        for name, a, side in (("square", A3, "right"), ("left", A3, "left"), ("stack", STACK, "right"), ("tall", TALL, "right"),
                              ("wide", M34, "left"), ("wide", WIDE, "right"))
        for i, what in enumerate("up")
    ),
    Line("orthogonal_procrustes", part(la.orthogonal_procrustes, 0), part(scipy.linalg.orthogonal_procrustes, 0), (A3, REAL), value=1e-11),
    Line("cho_solve", lambda a, b: la.cho_solve(la.cho_factor(0.5 * (a + a.T), lower=True), b), lambda a, b: np_la.solve(0.5 * (a + a.T), b),
         (S3, B)),
    Line("solve_continuous_lyapunov", la.solve_continuous_lyapunov, scipy.linalg.solve_continuous_lyapunov, (A3, S3)),
    Line("solve_discrete_lyapunov", la.solve_discrete_lyapunov, scipy.linalg.solve_discrete_lyapunov, (A3 / 9, S3), value=1e-11),
    Line("solve_toeplitz", lambda c, r, b: la.solve_toeplitz((c, r), b), lambda c, r, b: scipy.linalg.solve_toeplitz((c, r), b),
         (V + 9 * np.eye(3)[0], V[::-1], B), value=1e-11),
    Line("solve_circulant", la.solve_circulant, scipy.linalg.solve_circulant, (V + 9 * np.eye(3)[0], V), value=1e-11),
    Line("companion", la.companion, scipy.linalg.companion, (G.normal(size=4) + 2,)),
    *(
        Line(f"convolution_matrix-{mode}-{n}", lambda a, mode=mode, n=n: la.convolution_matrix(a, n, mode),
             lambda a, mode=mode, n=n: scipy.linalg.convolution_matrix(a, n, mode), (V,))
        for mode in ("full", "same", "valid") for n in (2, 5)
    ),
    Line("khatri_rao", la.khatri_rao, scipy.linalg.khatri_rao, (TALL, B[:, ::-1])),
    Line("solve_sylvester", la.solve_sylvester, scipy.linalg.solve_sylvester, (A3, REAL[:2, :2], B)),
    Line("solve_triangular", la.solve_triangular, scipy.linalg.solve_triangular, (A3, B)),
    *(
        Line(
            f"solve_triangular-{kw}", lambda a, b, kw=kw: la.solve_triangular(a, b, **kw),
            lambda a, b, kw=kw: scipy.linalg.solve_triangular(a, b, **kw), (A3, V),
        )
        for kw in ({"lower": True}, {"trans": 1}, {"trans": "T", "lower": True}, {"unit_diagonal": True})
    ),
    *(
        Line(
            f"solve_banded-{lu}", lambda ab, b, lu=lu: la.solve_banded(lu, ab, b),
            lambda ab, b, lu=lu: scipy.linalg.solve_banded(lu, ab, b),
            (G.uniform(0.1, 0.3, (sum(lu) + 1, 4)) + 2 * np.eye(sum(lu) + 1)[:, [lu[1]]], b),
        )
        for lu, b in (((1, 1), G.normal(size=4)), ((0, 2), G.normal(size=(4, 2))), ((2, 1), G.normal(size=4)), ((1, 0), G.normal(size=4)))
    ),
    Line("block_diag", la.block_diag, scipy.linalg.block_diag, (A3, V, np.array(2.0), TALL)),
    Line("toeplitz", la.toeplitz, scipy.linalg.toeplitz, (V,)),
    Line("toeplitz-r", la.toeplitz, scipy.linalg.toeplitz, (V, G.normal(size=4))),
    Line("circulant", la.circulant, scipy.linalg.circulant, (V,)),
    Line("hankel", la.hankel, scipy.linalg.hankel, (V,)),
    Line("hankel-r", la.hankel, scipy.linalg.hankel, (V, G.normal(size=2))),
    Line("matrix_transpose", la.matrix_transpose, np_la.matrix_transpose, (M34,)),
]  # fmt: skip
SEEN: set[str] = set()


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.name)
def test_line(line: Line, tmp_path: Path) -> None:
    SEEN.update(check(line, tmp_path))


def test_no_row_without_a_line() -> None:
    if len(SEEN) < 20:
        pytest.skip("only with all lines")
    rows = {name for name, op in OPS.items() if op.module.startswith("cgraph.linalg")}
    assert rows - SEEN <= {"linalg.matrix_rank"}
    assert int(la.matrix_rank(SINGULAR)) == 2


# --- hard points --------------------------------------------------------------------------------------------------------------


def grad(f: Any, *args: Any) -> Any:
    return cg.grad(f)(*args)


def test_equal_eigenvalues_do_no_harm_to_functions_of_the_eigenspace() -> None:
    """For equal eigenvalues, tr f(A) and the projector have derivatives, and the formula finds them."""
    w0 = np.array([1.0, 1.0, 3.0])
    Q = np.linalg.qr(A3)[0]
    A = (Q * w0) @ Q.T
    A = 0.5 * (A + A.T)
    got = grad(lambda a: cg.sum(cg.square(la.eigvalsh(a))), A)
    full = got + got.T - np.diag(np.diag(got))  # the lower triangle is read
    assert np.allclose(full + np.diag(np.diag(full)), 2 * (2 * A), atol=1e-12)

    def projected(a: Any) -> Any:
        v = la.eigh(a)[1][:, :2]
        return cg.sum((v @ v.T) * B[:, :1] * B[:, 1])

    slope = grad(projected, A)
    assert np.all(np.isfinite(slope))
    for i, j in ((0, 0), (1, 0), (2, 1)):
        h, e = 1e-5, np.zeros((3, 3))
        e[i, j] = e[j, i] = h
        moved = [float(cg.run(n := projected(cg.constant(A + s * e))).value(n)) for s in (1, -1)]
        assert slope[i, j] == pytest.approx((moved[0] - moved[1]) / (2 * h), abs=1e-7)


def test_repeated_singular_values_and_the_nuclear_norm() -> None:
    got = grad(lambda a: la.norm(a, "nuc"), np.eye(3) * 2)
    assert np.allclose(got, np.eye(3), atol=1e-14)
    assert np.allclose(
        grad(lambda a: la.norm(a, 2), np.diag([2.0, 2.0, 1.0])), np.diag([0.5, 0.5, 0])
    )
    rebuilt = grad(lambda a: cg.sum((la.svd(a)[0] * la.svd(a)[1]) @ la.svd(a)[2] * A3), np.eye(3))
    assert np.all(np.isfinite(rebuilt))


def test_the_norm_at_zero_and_at_the_ends_of_the_number_range() -> None:
    zero = np.zeros(3)
    for p in (None, 2, 3, 1, np.inf, "fro", "nuc"):
        x = zero if p not in ("fro", "nuc") else np.zeros((2, 2))
        assert np.all(np.isfinite(grad(lambda x, p=p: la.norm(x, p), x)))
    assert grad(la.norm, zero).tolist() == [0, 0, 0]
    for scale in (1e-200, 1e200):
        assert float(la.norm(V * scale)) == pytest.approx(np.sqrt(26) * scale, rel=1e-15)
        assert np.allclose(grad(la.norm, V * scale), V / np.sqrt(26), rtol=1e-15)
        assert np.allclose(
            grad(lambda x: la.norm(x, 3), V * scale), grad(lambda x: la.norm(x, 3), V)
        )


def test_determinants_of_singular_matrices_twice_over() -> None:
    """Polynomials: PyTorch is asked for the Hessian, the cofactors of mpmath for the gradient."""
    torch = pytest.importorskip("torch")
    for a in (SINGULAR, np.ones((3, 3)), np.zeros((3, 3)), A3):

        def poly(x: Any) -> Any:
            return (
                x[0, 0] * (x[1, 1] * x[2, 2] - x[1, 2] * x[2, 1])
                - x[0, 1] * (x[1, 0] * x[2, 2] - x[1, 2] * x[2, 0])
                + x[0, 2] * (x[1, 0] * x[2, 1] - x[1, 1] * x[2, 0])
            )

        t = torch.tensor(a)
        assert np.allclose(grad(la.det, a), torch.func.grad(poly)(t), atol=1e-12)
        assert np.allclose(cg.hessian(la.det)(a), torch.func.hessian(poly)(t), atol=1e-12)


def test_near_singular_systems_lose_no_more_than_their_condition() -> None:
    mp = pytest.importorskip("mpmath")
    hilbert = np.array([[1.0 / (i + j + 1) for j in range(6)] for i in range(6)])
    b = np.arange(1.0, 7.0)
    with mp.workdps(60):
        m = mp.matrix(hilbert.tolist())
        x = mp.lu_solve(m, mp.matrix(b.tolist()))
        back = mp.lu_solve(m.T, mp.matrix([1.0] * 6))
        truth = np.array([[float(-back[i] * x[j]) for j in range(6)] for i in range(6)])
    got = grad(lambda a: cg.sum(la.solve(a, b)), hilbert)
    assert np.max(np.abs(got - truth)) <= 1e-16 * np.linalg.cond(hilbert) * 100 * np.max(
        np.abs(truth)
    )


# --- through NumPy's own functions, and what is refused -------------------------------------------------------------------------


def test_numpys_own_functions_build_nodes() -> None:
    a, s = cg.parameter("a", A3), cg.parameter("s", S3)
    for build, truth in [
        (lambda: np.linalg.inv(a), np.linalg.inv(A3)),
        (lambda: np.linalg.norm(a, axis=0), np.linalg.norm(A3, axis=0)),
        (lambda: np.linalg.solve(a, B), np.linalg.solve(A3, B)),
        (lambda: np.linalg.svd(a)[1], np.linalg.svd(A3)[1]),
        (lambda: np.linalg.eigh(s).eigenvalues, np.linalg.eigh(S3).eigenvalues),
        (lambda: np.linalg.slogdet(a).logabsdet, np.linalg.slogdet(A3).logabsdet),
        (lambda: np.linalg.qr(a).R, np.linalg.qr(A3).R),
        (lambda: np.linalg.multi_dot([a, a, B]), A3 @ A3 @ B),
        (lambda: np.linalg.lstsq(a, B)[0], np.linalg.solve(A3, B)),
        (lambda: np.linalg.outer(a[0], a[1]), np.outer(A3[0], A3[1])),
    ]:
        node = build()
        assert np.allclose(cg.run(node).value(node), truth)


def test_stacks_of_unknown_size() -> None:
    x = cg.input("x", shape=(None, 3, 3))
    w = cg.parameter("w", np.eye(3))
    out = cg.sum(la.inv(x @ w)) + cg.sum(la.det(x @ w)) + cg.sum(la.solve(x @ w, B))
    run = out.backward({x: STACK[:, 0]})
    assert np.all(np.isfinite(run.grad(w)))


def test_mapped_over_many_matrices() -> None:
    for f in (
        la.det,
        la.inv,
        lambda a: la.solve(a, B),
        lambda a: la.eigvalsh(a)[1],
        la.norm,
        lambda a: la.qr(a)[1],
    ):
        many = STACK[:, 0]
        assert np.allclose(cg.vmap(f)(many), [np.asarray(f(a)) for a in many])


def test_what_has_no_derivative_is_refused_by_a_sentence() -> None:
    tall = cg.parameter("T", TALL)
    for build, words in [
        (lambda: la.svd(tall), "full_matrices=False"),
        (lambda: la.qr(tall, "complete"), "reduced"),
        (lambda: la.inv(tall), "'T' has shape"),
        (lambda: la.solve(tall, B), "'T' has shape"),
        (lambda: la.eigh(cg.input("X", shape=(None, None))), "sizes of the matrix"),
        (lambda: la.norm(tall, "nucl"), "no norm"),
    ]:
        with pytest.raises((UnsupportedError, ShapeError, ValueError), match=words):
            build()
    turning = cg.parameter("R", [[0.0, 1.0], [-1.0, 0.0]])
    with pytest.raises(UnsupportedError, match="complex"):
        cg.run(la.eig(turning)[0])
    with pytest.raises(CgraphError, match=r"'I' \(linalg.inv, built at .*Singular"):
        cg.run(la.inv(cg.parameter("A", SINGULAR), name="I"))
    with pytest.raises(CgraphError, match="float32 and float64"):
        la.inv(cg.parameter("h", np.eye(2, dtype=np.float16)))


def test_the_triangle_that_is_read_gets_the_gradient() -> None:
    for f in (lambda a: cg.sum(la.cholesky(a)), lambda a: cg.sum(la.eigh(a)[1] * A3)):
        got = grad(f, S3 + 100 * np.triu(A3, 1))
        assert np.all(np.triu(got, 1) == 0) and np.any(np.tril(got, -1))
