"""Linear algebra: singular and nearly singular matrices, equal eigenvalues, sizes 0 and 1."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np

from peer_cases.case import Case, at, spelled

mpf = mpmath.mp.mpf
REGULAR = np.array([[2.0, 1.0, 0.5], [0.3, 3.0, -1.0], [1.0, 0.2, 1.5]])
SINGULAR = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [1.0, 0.0, 1.0]])
RANK_ONE, ZERO = np.ones((3, 3)), np.zeros((3, 3))
HILBERT = np.array([[1.0 / (i + j + 1) for j in range(5)] for i in range(5)])
POSITIVE = REGULAR @ REGULAR.T
NILPOTENT = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
TWICE = np.array([[2.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 1.0]])
CLOSE = np.array([[2.0, 1e-9, 0.0], [1e-9, 2.0, 0.0], [0.0, 0.0, 1.0]])
TALL = np.array([[1.0, 2.0], [0.5, -1.0], [3.0, 0.1]])
B = np.array([1.0, -2.0, 0.5])
W = np.arange(9.0).reshape(3, 3) / 7
ONE = np.array([[2.0]])
_W = [[mpf(j + 3 * i) / 7 for j in range(3)] for i in range(3)]


def _weighed(m: Any, x: Any) -> Any:
    return m.sum(x * np.array(_W, object)[: x.shape[0], : x.shape[1]])


def _both(call: str, torch: str | None = None, **also: Any) -> dict[str, str]:
    call = call.replace("sym(a)", "(a + a.T) / 2")
    return spelled(
        call,
        torch or call.replace("np.linalg", "torch.linalg").replace("np.", "torch."),
        mygrad=False,
        **also,
    )


def _of_symmetric(m: Any, a: Any) -> Any:
    """Σ W ∘ exp of the symmetric part: the exponential, whatever its eigenvectors are."""
    return _weighed(m, m.expm((a + a.T) / 2))


def _rebuilt(m: Any, a: Any) -> Any:
    return _weighed(m, a)


def _power(m: Any, a: Any, n: int) -> Any:
    a = m.inv(a) if n < 0 else a
    out = np.array(mpmath.eye(len(a)).tolist(), object)
    for _ in range(abs(n)):
        out = out.dot(a)
    return out


def _pinv(m: Any, a: Any) -> Any:
    return m.inv(a.T.dot(a)).dot(a.T)


MATRICES: list[Case] = [
    Case("det", lambda m, a: m.det(a), _both("np.linalg.det(a)"), [at(REGULAR), at(SINGULAR), at(ONE),
         at(np.zeros((1, 1))), at(HILBERT)]),
    Case("slogdet", lambda m, a: m.log(m.abs(m.det(a))), _both("np.linalg.slogdet(a)[1]"), [at(REGULAR), at(-REGULAR), at(HILBERT),
         at(ONE), at(1e-150 * REGULAR)]),
    Case("inv", lambda m, a: m.sum(m.inv(a)), _both("np.sum(np.linalg.inv(a))"), [at(REGULAR), at(HILBERT), at(ONE)]),
    Case("solve", lambda m, a, b: m.sum(m.solve(a, b)), _both("np.sum(np.linalg.solve(a, b))"), [at(REGULAR, B), at(HILBERT,
         np.ones(5))], wrt=(0, 1)),
    Case("cholesky", lambda m, a: m.sum(m.cholesky((a + a.T) / 2)), _both("np.sum(np.linalg.cholesky((a + a.T) / 2))"), [at(POSITIVE),
         at(ONE), at(HILBERT)]),
    Case("eigvalsh", lambda m, a: m.eigvalsh(a)[0] + 3 * m.eigvalsh(a)[-1],
         _both("np.linalg.eigvalsh(sym(a))[0] + 3 * np.linalg.eigvalsh(sym(a))[-1]", autograd=False), [at(POSITIVE), at(np.diag([1.0,
         2.0, 3.0]))]),
    Case("eigh, the sum of the eigenvalues' exponentials", lambda m, a: np.trace(m.expm((a + a.T) / 2)),
         _both("np.sum(np.exp(np.linalg.eigh(sym(a))[0]))"), [at(POSITIVE / 9), at(TWICE), at(np.eye(3)), at(CLOSE)]),
    Case("eigh, the exponential put together again", _of_symmetric,
         _both("np.sum((np.linalg.eigh(sym(a))[1] * np.exp(np.linalg.eigh(sym(a))[0])) @ np.linalg.eigh(sym(a))[1].T * w)"),
         [at(POSITIVE / 9),
         at(TWICE), at(np.eye(3)), at(CLOSE)]),
    Case("svd, the matrix put together again", _rebuilt,
         _both("np.sum((np.linalg.svd(a)[0] * np.linalg.svd(a)[1]) @ np.linalg.svd(a)[2] * w)"), [at(REGULAR), at(TWICE), at(np.eye(3)),
         at(SINGULAR), at(ZERO)]),
    Case("svd, the largest singular value", lambda m, a: m.svdvals(a)[0], {"torch": "torch.linalg.svdvals(a)[0]",
         "jax": "jnp.linalg.svd(a, compute_uv=False)[0]",
         "autograd": "np.linalg.svd(a, compute_uv=False)[0]"}, [at(REGULAR), at(TALL), at(SINGULAR)], digits=40),
    Case("norm, nuclear", lambda m, a: m.sum(m.svdvals(a)), _both("np.linalg.norm(a, 'nuc')"), [at(REGULAR), at(TWICE), at(TALL)],
         digits=40, kinks=[at(SINGULAR), at(ZERO)]),
    Case("norm, Frobenius", lambda m, a: m.sqrt(m.sum(a * a)), _both("np.linalg.norm(a)"), [at(TALL), at(1e-200 * TALL),
         at(1e200 * TALL)], kinks=[at(ZERO)]),
    Case("norm, ord=2", lambda m, a: m.svdvals(a)[0], {"torch": "torch.linalg.norm(a, 2)", "jax": "jnp.linalg.norm(a, 2)"},
         [at(REGULAR), at(TALL)], digits=40, kinks=[at(np.eye(3)), at(ZERO)]),
    Case("norm, ord=1", lambda m, a: m.max(m.sum(m.abs(a), 0)), {"torch": "torch.linalg.norm(a, 1)", "jax": "jnp.linalg.norm(a, 1)"},
         [at(REGULAR)], kinks=[at(ZERO), at(RANK_ONE)]),
    Case("cond", lambda m, a: m.svdvals(a)[0] / m.svdvals(a)[-1], _both("np.linalg.cond(a)", autograd=False), [at(REGULAR)], digits=40),
    Case("pinv", lambda m, a: m.sum(_pinv(m, a)), _both("np.sum(np.linalg.pinv(a))"), [at(TALL), at(REGULAR)]),
    Case("lstsq", lambda m, a, b: m.sum(_pinv(m, a).dot(b)), {"torch": "torch.linalg.lstsq(a, b[:, None])[0].sum()",
         "jax": "jnp.linalg.lstsq(a, b)[0].sum()"}, [at(TALL, B)], wrt=(0, 1)),
    *(Case(f"matrix_power, n={n}", lambda m, a, n=n: m.sum(_power(m, a, n)), _both(f"np.sum(np.linalg.matrix_power(a, {n}))",
         autograd=False), [at(REGULAR)] + ([at(ZERO)] if n > 0 else []))
      for n in (1, 3, -2)),
    Case("qr, R", lambda m, a: m.abs(m.qr_r(a)[0, 0]) + m.abs(m.qr_r(a)[1, 1]),
         {"torch": "torch.linalg.qr(a)[1].diagonal()[:2].abs().sum()", "jax": "jnp.abs(jnp.diag(jnp.linalg.qr(a)[1])[:2]).sum()"},
         [at(REGULAR), at(TALL)]),
    Case("expm", lambda m, a: _weighed(m, m.expm(a)), {"torch": "(torch.linalg.matrix_exp(a) * w).sum()",
         "jax": "(jax.scipy.linalg.expm(a) * w).sum()"},
         [at(REGULAR), at(ZERO), at(NILPOTENT), at(20 * NILPOTENT + np.eye(3)), at(1e-9 * REGULAR), at(-8 * REGULAR)]),
    Case("sqrtm", lambda m, a: _weighed(m, m.sqrtm(a)), {"autograd": "np.sum(scipy.linalg.sqrtm(a) * w)"}, [at(POSITIVE), at(np.eye(3)),
         at(TWICE)]),
    Case("solve_triangular", lambda m, a, b: m.sum(m.solve(np.tril(a), b)),
         {"torch": "torch.linalg.solve_triangular(torch.tril(a), b[:, None], upper=False).sum()",
         "jax": "jax.scipy.linalg.solve_triangular(a, b, lower=True).sum()",
         "autograd": "np.sum(scipy.linalg.solve_triangular(a, b, lower=True))"}, [at(REGULAR, B)], wrt=(0, 1)),
    Case("trace", lambda m, a: m.trace(a), {"torch": "torch.trace(a)", "jax": "jnp.trace(a)", "autograd": "np.trace(a)"}, [at(REGULAR),
         at(np.zeros((0, 0)))]),
    Case("multi_dot", lambda m, a, b: m.sum(a.dot(b).dot(a)), {"torch": "torch.linalg.multi_dot([a, b, a]).sum()",
         "jax": "jnp.linalg.multi_dot([a, b, a]).sum()", "autograd": "np.sum(np.linalg.multi_dot([a, b, a]))",
         "mygrad": "mg.sum(mg.multi_matmul([a, b, a]))"}, [at(REGULAR, W)], wrt=(0, 1)),
    Case("tensorinv", lambda m, a: m.sum(m.inv(a)), {"torch": "torch.linalg.tensorinv(a.reshape(3, 3, 1), 1).sum()",
         "jax": "jnp.linalg.tensorinv(a.reshape(3, 3, 1), 1).sum()"}, [at(REGULAR)]),
    Case("lu, U", lambda m, a: m.det(a) / a[0, 0], {"torch": "torch.linalg.lu(a)[2].diagonal()[1:].prod()",
         "jax": "jnp.prod(jnp.diag(jax.scipy.linalg.lu(a)[2])[1:])"}, [at(REGULAR)]),
    Case("eig, the eigenvalues", lambda m, a: m.trace(a), {"torch": "torch.linalg.eigvals(a).real.sum()",
         "autograd": "np.sum(np.real(np.linalg.eig(a)[0]))"}, [at(REGULAR), at(TWICE)]),
]  # fmt: skip
