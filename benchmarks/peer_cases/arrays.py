"""Functions of arrays: sums, products, extremes, norms, order, running sums, picking, products of several arrays."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np

from peer_cases.case import Case, at, spelled

mpf = mpmath.mp.mpf
EMPTY, ONE = np.zeros(0), np.array([3.0])
FAR = np.array([1e200, -3e200, 2e200])
NEAR = np.array([1e-200, -3e-200, 2e-200])
MIXED = np.array([1e8, 1.0, -1e8, 3.0])
CLOSE = 1e8 + np.array([1.0, 2.0, 3.0, 5.0])
ZEROS, ZERO_ONE, ZERO_TWO = np.zeros(3), np.array([2.0, 0.0, 3.0]), np.array([0.0, 0.0, 3.0])
LOGITS = np.array([1000.0, 0.0, -1000.0])
TIES = np.array([2.0, 1.0, 2.0])
PLAIN = np.array([0.5, -1.5, 2.5, 1.0])
TABLE = np.array([[1.0, 2.0, 0.5], [0.0, -1.0, 4.0]])
POWERS = (1, 2, 3, 1.5, 0.5, -1)


def _norm(p: float) -> Any:
    return lambda m, a: m.power(m.sum(m.power(m.abs(a), mpf(p))), 1 / mpf(p))


def _two(m: Any, a: Any) -> Any:
    return m.sqrt(m.sum(a * a))


def _var(m: Any, a: Any) -> Any:
    away = a - m.sum(a) / mpf(a.size)
    return m.sum(away * away) / mpf(a.size)


def _place(values: Any, i: int) -> Any:
    return np.sort(values)[i]


ARRAYS: list[Case] = [
    Case("sum", lambda m, a: m.sum(a), spelled("np.sum(a)", "torch.sum(a)"), [at(ONE), at(MIXED), at(EMPTY)]),
    Case("mean", lambda m, a: m.sum(a) / mpf(a.size), spelled("np.mean(a)", "torch.mean(a)"), [at(ONE), at(MIXED), at(FAR)]),
    Case("prod", lambda m, a: m.prod(a), spelled("np.prod(a)", "torch.prod(a)"),
         [at(ONE), at(ZERO_ONE), at(ZERO_TWO), at(ZEROS), at(np.array([1e-200, 1e-200, 1e200])), at(PLAIN)]),
    Case("prod along an axis", lambda m, a: m.prod(a, axis=1)[1] + m.prod(a, axis=1)[0], spelled("np.sum(np.prod(a, axis=1))",
         "torch.prod(a, 1).sum()"), [at(TABLE)]),
    Case("var", _var, spelled("np.var(a)", "torch.var(a, correction=0)"), [at(CLOSE), at(PLAIN), at(np.full(3, 2.0)), at(ONE),
         at(NEAR * 1e60)]),
    Case("std", lambda m, a: m.sqrt(_var(m, a)), spelled("np.std(a)", "torch.std(a, correction=0)"),
         [at(CLOSE), at(PLAIN), at(NEAR), at(FAR)], kinks=[at(np.full(3, 2.0)), at(ONE)]),
    Case("max", lambda m, a: m.max(a), spelled("np.max(a)", "torch.max(a)"), [at(PLAIN), at(ONE), at(np.array([1.0, 1.001]))],
         kinks=[at(TIES), at(ZEROS)]),
    Case("min", lambda m, a: m.min(a), spelled("np.min(a)", "torch.min(a)"), [at(PLAIN), at(ONE)], kinks=[at(TIES)]),
    Case("logsumexp", lambda m, a: m.logsumexp(a), {"torch": "torch.logsumexp(a, 0)", "jax": "jax.scipy.special.logsumexp(a)",
         "autograd": "scipy.special.logsumexp(a)", "mygrad": "mg.log(mg.sum(mg.exp(a)))"},
         [at(LOGITS), at(-LOGITS[:1]), at(np.array([1000.0, 1000.0])), at(np.array([-1000.0, -1001.0])), at(np.array([0.0, -40.0]))],
         digits=1500),
    Case("logsumexp, one entry −∞", lambda m, a: m.logsumexp(a),
         {"torch": "torch.logsumexp(torch.cat([a, torch.full((1,), -torch.inf)]), 0)",
         "jax": "jax.scipy.special.logsumexp(jnp.append(a, -jnp.inf))", "autograd": "scipy.special.logsumexp(np.append(a, -np.inf))"},
         [at(PLAIN)]),
    Case("logcumsumexp", lambda m, a: m.logsumexp(a[:2]) + m.logsumexp(a), {"torch": "torch.logcumsumexp(a, 0)[1:3].sum()",
         "jax": "jax.lax.cumlogsumexp(a)[1:3].sum()"}, [at(LOGITS), at(PLAIN[:3]), at(LOGITS[::-1].copy())], digits=1500),
    Case("softmax", lambda m, a: m.exp(m.log_softmax(a))[1], {"torch": "torch.softmax(a, 0)[1]", "jax": "jax.nn.softmax(a)[1]",
         "mygrad": "mg.nnet.softmax(a)[1]"},
         [at(PLAIN), at(np.array([30.0, 0.0, -30.0])), at(np.array([700.0, 0.0])), at(np.array([0.0, 40.0])), at(np.array([1000.0,
         1000.0]))], digits=1500),
    Case("log_softmax", lambda m, a: m.log_softmax(a)[0], {"torch": "torch.log_softmax(a, 0)[0]", "jax": "jax.nn.log_softmax(a)[0]",
         "mygrad": "mg.nnet.logsoftmax(a)[0]"},
         [at(LOGITS), at(LOGITS[::-1].copy()), at(np.array([40.0, 0.0])), at(np.array([0.0])), at(PLAIN)], digits=1500),
    Case("norm", _two, {**spelled("np.linalg.norm(a)", "torch.linalg.norm(a)")}, [at(FAR), at(NEAR), at(ZERO_TWO), at(ONE), at(PLAIN)],
         kinks=[at(ZEROS)]),
    Case("norm of rows, one of zeros", lambda m, a: _two(m, a[0]), spelled("np.linalg.norm(a, axis=1)[0]",
         "torch.linalg.norm(a, dim=1)[0]"),
         [at(np.array([[1.0, 2.0], [0.0, 0.0]]))]),
    Case("sqrt(sum(square))", _two, spelled("np.sqrt(np.sum(np.square(a)))", "torch.sqrt(torch.sum(torch.square(a)))"), [at(FAR),
         at(NEAR)]),
    *(Case(f"norm, ord={p}", _norm(p), spelled(f"np.linalg.norm(a, {p})", f"torch.linalg.norm(a, {p})"),
           [at(PLAIN), at(np.array([1e150, -2e150])), at(np.array([1e-150, -2e-150]))] + ([at(ZERO_ONE)] if p in (2, 3, 1.5) else []),
           kinks=[at(ZEROS)] + ([at(ZERO_ONE)] if p == 1 else [])) for p in POWERS),
    Case("norm, ord=inf", lambda m, a: m.max(m.abs(a)), spelled("np.linalg.norm(a, np.inf)", "torch.linalg.norm(a, torch.inf)"),
         [at(PLAIN)],
         kinks=[at(np.array([2.0, -2.0, 1.0])), at(ZEROS)]),
    Case("cumsum", lambda m, a: m.cumsum(a)[1] + m.cumsum(a)[-1], spelled("np.cumsum(a)[1] + np.cumsum(a)[-1]",
         "torch.cumsum(a, 0)[1] + torch.cumsum(a, 0)[-1]"), [at(MIXED)]),
    Case("cumprod", lambda m, a: m.sum(m.cumprod(a)), spelled("np.sum(np.cumprod(a))", "torch.cumprod(a, 0).sum()", autograd=False),
         [at(ZERO_ONE), at(ZERO_TWO), at(ZEROS), at(PLAIN), at(ONE), at(np.array([1e-200, 1e150, 1e-200]))]),
    Case("cummax", lambda m, a: m.max(a[:2]) + m.max(a), {"torch": "torch.cummax(a, 0)[0][[1, -1]].sum()",
         "jax": "jax.lax.cummax(a)[jnp.array([1, -1])].sum()"},
         [at(PLAIN)], kinks=[at(TIES)]),
    Case("sort", lambda m, a: _place(a, 0) - 2 * _place(a, -1), spelled("np.sort(a)[0] - 2 * np.sort(a)[-1]",
         "torch.sort(a)[0][0] - 2 * torch.sort(a)[0][-1]", mygrad=False),
         [at(PLAIN), at(ONE)], kinks=[at(TIES)]),
    Case("median", lambda m, a: (_place(a, a.size // 2) + _place(a, (a.size - 1) // 2)) / 2, {"jax": "jnp.median(a)",
         "torch": "torch.quantile(a, 0.5)"},
         [at(PLAIN), at(PLAIN[:3])], kinks=[at(TIES)]),
    Case("nanmean", lambda m, a: m.sum(a) / mpf(a.size), {"torch": "torch.nanmean(torch.cat([a, torch.full((1,), torch.nan)]))",
         "jax": "jnp.nanmean(jnp.append(a, jnp.nan))"}, [at(PLAIN)]),
    Case("nanstd", lambda m, a: m.sqrt(_var(m, a)), {"jax": "jnp.nanstd(jnp.append(a, jnp.nan))"}, [at(PLAIN)]),
    Case("nanprod", lambda m, a: m.prod(a), {"jax": "jnp.nanprod(jnp.append(a, jnp.nan))"}, [at(ZERO_ONE), at(PLAIN)]),
    Case("average, weighted", lambda m, a, b: m.sum(a * b) / m.sum(b), {"jax": "jnp.average(a, weights=b)"}, [at(PLAIN, np.array([1.0,
         2.0, 1e-9, 3.0]))], wrt=(0, 1)),
    Case("where(x > 0, sqrt(x), 0)", lambda m, a: m.sqrt(a[0]), spelled("np.sum(np.where(a > 0, np.sqrt(a), 0.0))",
         "torch.where(a > 0, torch.sqrt(a), 0.0).sum()"),
         [at(np.array([4.0, -1.0]))], kinks=[at(np.array([4.0, 0.0]))]),
    Case("where(x > 0, log(x), 0)", lambda m, a: m.log(a[0]), spelled("np.sum(np.where(a > 0, np.log(np.where(a > 0, a, 1.0)), 0.0))",
         "torch.where(a > 0, torch.log(torch.where(a > 0, a, 1.0)), 0.0).sum()"), [at(np.array([4.0, -1.0]))]),
    Case("clip", lambda m, a: a[1] + a[0] * 0 + 1, spelled("np.sum(np.clip(a, -1.0, 1.0))", "torch.clip(a, -1.0, 1.0).sum()"),
         [at(np.array([5.0, 0.5]))],
         kinks=[at(np.array([1.0, -1.0]))]),
    Case("diff", lambda m, a: a[1] - a[0] + 2 * (a[3] - a[2]), {"torch": "torch.diff(a)[0] + 2 * torch.diff(a)[2]",
         "jax": "jnp.diff(a)[0] + 2 * jnp.diff(a)[2]",
         "autograd": "np.diff(a)[0] + 2 * np.diff(a)[2]"}, [at(PLAIN)]),
    Case("gradient", lambda m, a: a[1] - a[0] + (a[3] - a[1]) / 2, {"torch": "torch.gradient(a)[0][0] + torch.gradient(a)[0][2]",
         "jax": "jnp.gradient(a)[0] + jnp.gradient(a)[2]",
         "autograd": "np.gradient(a)[0] + np.gradient(a)[2]"}, [at(PLAIN)]),
    Case("trapezoid", lambda m, a, b: m.sum((a[1:] + a[:-1]) / 2 * (b[1:] - b[:-1])), {"torch": "torch.trapezoid(a, b)",
         "jax": "jnp.trapezoid(a, b)"},
         [at(PLAIN, np.array([0.0, 1e-9, 1.0, 1e9]))], wrt=(0, 1)),
    Case("interp", lambda m, a: 4 * a[0] / 2 + 1,
         {"jax": "jnp.interp(a, jnp.array([0.0, 2.0, 3.0]), jnp.array([1.0, 5.0, 2.0])).sum()"}, [at(np.array([0.7]))],
         kinks=[at(np.array([2.0])), at(np.array([0.0]))]),
    Case("einsum, a diagonal", lambda m, a: m.sum(np.diag(a) * np.arange(1, len(a) + 1)),
         spelled("np.sum(np.einsum('ii->i', a) * np.arange(1.0, 4.0))"
         , "(torch.einsum('ii->i', a) * torch.arange(1.0, 4.0)).sum()"), [at(np.arange(9.0).reshape(3, 3))], single=False),
    Case("einsum, one array twice", lambda m, a: m.sum(a @ a), spelled("np.sum(np.einsum('ij,jk->ik', a, a))",
         "torch.einsum('ij,jk->ik', a, a).sum()"), [at(np.arange(4.0).reshape(2, 2)), at(np.zeros((0, 0)))]),
    Case("tensordot", lambda m, a, b: m.sum(m.tensordot(a, b, 1) ** 2), spelled("np.sum(np.tensordot(a, b, 1) ** 2)",
         "(torch.tensordot(a, b, 1) ** 2).sum()", mygrad=False),
         [at(TABLE, TABLE.T.copy()), at(np.zeros((2, 0)), np.zeros((0, 3)))], wrt=(0, 1)),
    Case("matmul, vector and matrix", lambda m, a, b: m.sum((a @ b) ** 2), spelled("np.sum(np.matmul(a, b) ** 2)",
         "(torch.matmul(a, b) ** 2).sum()"), [at(PLAIN[:2], TABLE)], wrt=(0, 1)),
    Case("kron", lambda m, a, b: m.sum(m.kron(a, b) ** 2), spelled("np.sum(np.kron(a, b) ** 2)", "(torch.kron(a, b) ** 2).sum()",
         mygrad=False), [at(PLAIN, TABLE[0])], wrt=(0, 1)),
    Case("cross", lambda m, a, b: a[1] * b[2] - a[2] * b[1], spelled("np.cross(a, b)[0]", "torch.linalg.cross(a, b)[0]", mygrad=False),
         [at(TIES, ZERO_ONE)], wrt=(0, 1)),
    Case("convolve", lambda m, a, b: m.sum(m.convolve(a, b) ** 2), {"jax": "jnp.sum(jnp.convolve(a, b) ** 2)",
         "autograd": "np.sum(scipy.signal.convolve(a, b) ** 2)"},
         [at(PLAIN, TIES), at(ONE, ONE)], wrt=(0, 1)),
    Case("corrcoef", lambda m, a: _corr(m, a), {"torch": "torch.corrcoef(a)[0, 1]", "jax": "jnp.corrcoef(a)[0, 1]"},
         [at(np.array([[1.0, 2.0, 4.0], [2.0, -1.0, 0.0]])), at(1e6 + np.array([[1.0, 2.0, 4.0], [2.0, -1.0, 0.0]]))]),
    Case("cov", lambda m, a: _cov(m, a[0], a[1]), {"torch": "torch.cov(a)[0, 1]", "jax": "jnp.cov(a)[0, 1]"}, [at(np.array([[1.0, 2.0,
         4.0], [2.0, -1.0, 0.0]]))]),
    Case("renormalized |FFT|²", lambda m, a: m.sum(a * a), {"torch": "(torch.fft.fft(a).abs() ** 2).mean()",
         "jax": "jnp.mean(jnp.abs(jnp.fft.fft(a)) ** 2)",
         "autograd": "np.mean(np.abs(np.fft.fft(a)) ** 2)"}, [at(PLAIN), at(np.array([1.0, 1.0, 1.0, 1.0])), at(ONE)]),
]  # fmt: skip


def _cov(m: Any, x: Any, y: Any) -> Any:
    n = mpf(len(x))
    return m.sum((x - m.sum(x) / n) * (y - m.sum(y) / n)) / (n - 1)


def _corr(m: Any, a: Any) -> Any:
    return _cov(m, a[0], a[1]) / m.sqrt(_cov(m, a[0], a[0]) * _cov(m, a[1], a[1]))
