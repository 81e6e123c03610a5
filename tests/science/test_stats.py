"""`cg.stats` against SciPy, and against mpmath in both tails."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.stats
from science.harness import Line, check, rng

import cgraph as cg
from cgraph import stats
from cgraph.errors import CgraphError, UnsupportedError

G = rng("stats")
X, P = G.uniform(0.1, 2.5, (2, 3)), G.uniform(0.1, 0.9, 3)
Q = np.array([0.05, 0.4, 0.93])


def both(
    dist: str, function: str, *args: Any, free: tuple[int, ...] | None = None, **kw: Any
) -> Line:
    """A method of a distribution, with arrays as what is differentiated; numbers stay numbers."""
    ours, theirs = (
        getattr(getattr(stats, dist), function),
        getattr(getattr(scipy.stats, dist), function),
    )
    moving = (
        [i for i, a in enumerate(args) if isinstance(a, np.ndarray)] if free is None else list(free)
    )

    def with_numbers(f: Any) -> Any:
        def call(*given: Any) -> Any:
            full = list(args)
            for i, value in zip(moving, given, strict=True):
                full[i] = value
            return f(*full, **kw)

        return call

    given = tuple(np.asarray(args[i], float) for i in moving)
    return Line(
        f"{dist}.{function}-{moving}-{kw}",
        with_numbers(ours),
        with_numbers(theirs),
        given,
        value=1e-11,
    )


def a(x: float) -> Any:
    return np.array(x)


LOC, SCALE = a(0.3), a(1.7)
LINES = [
    *(both("norm", f, X, LOC, SCALE) for f in ("pdf", "logpdf", "cdf", "logcdf", "sf", "logsf")),
    *(both(d, f, Q, LOC, SCALE) for d in ("norm", "laplace", "logistic", "expon", "uniform", "cauchy") for f in ("ppf", "isf")),
    *(both(d, f, X, a(-0.2), SCALE) for d in ("laplace", "logistic", "cauchy", "expon") for f in ("pdf", "logpdf", "cdf", "sf")),
    *(both(d, f, X, a(-0.2), SCALE) for d in ("laplace", "logistic", "expon") for f in ("logcdf", "logsf")),
    both("uniform", "logpdf", X, a(-0.2), a(4.0)),
    both("uniform", "cdf", X, a(-0.2), a(4.0)),
    *(both("t", f, X, a(3.5), LOC, SCALE) for f in ("pdf", "logpdf")),
    *(both("t", f, X, 3.5, LOC, SCALE) for f in ("cdf", "sf", "logcdf", "logsf")),
    *(both("gamma", f, X, a(2.3), a(-0.2), SCALE) for f in ("pdf", "logpdf")),
    *(both("gamma", f, X, 2.3, a(-0.2), SCALE) for f in ("cdf", "sf", "logcdf")),
    *(both("chi2", f, X, a(2.3), a(-0.2), SCALE) for f in ("pdf", "logpdf")),
    *(both("chi2", f, X, 2.3) for f in ("cdf", "sf")),
    *(both("beta", f, X / 3, a(2.3), a(1.4)) for f in ("pdf", "logpdf")),
    *(both("beta", f, X / 3, 2.3, 1.4) for f in ("cdf", "sf")),
    *(both("lognorm", f, X, a(0.7), a(-0.2), SCALE) for f in ("pdf", "logpdf", "cdf", "sf", "logcdf", "logsf")),
    *(both("gamma", f, Q, 2.3) for f in ("ppf", "isf")),
    *(both("t", f, Q, 3.0, LOC, SCALE) for f in ("ppf", "isf")),
    *(both("beta", f, Q, 2.3, 1.4) for f in ("ppf", "isf")),
    *(both("chi2", f, Q, 2.3) for f in ("ppf", "isf")),
    *(both("lognorm", f, Q, a(0.7)) for f in ("ppf", "isf")),
    both("norm", "logpdf", X, loc=0.5),
    both("norm", "entropy", a(0.0), SCALE, free=(1,)),
    *(both("poisson", f, np.array([0, 1, 7]), X[0], free=(1,)) for f in ("logpmf", "pmf", "cdf", "sf")),
    *(both("bernoulli", f, np.array([0, 1, 1]), P, free=(1,)) for f in ("logpmf", "pmf")),
    *(both("binom", f, np.array([0, 2, 4]), 6, P, free=(2,)) for f in ("logpmf", "pmf", "cdf", "sf")),
]  # fmt: skip
C = G.normal(size=(3, 3))
COV = C @ C.T + np.eye(3)
M, Z = G.normal(size=3), G.normal(size=(4, 3))
ALPHA = np.array([1.5, 2.5, 0.7])
W = np.array([[0.2, 0.5], [0.3, 0.4], [0.5, 0.1]])


def mvn(function: str) -> Any:
    theirs = getattr(scipy.stats.multivariate_normal, function)
    return lambda *args: theirs(*args[:-1], 0.5 * (args[-1] + args[-1].T))


def dirichlet_truth(x: Any, alpha: Any) -> Any:
    """SciPy's refuses x that is moved off the simplex."""
    from scipy.special import gammaln, xlogy

    alpha_ = alpha if x.ndim == 1 else alpha[:, None]
    return np.sum(xlogy(alpha_ - 1, x), 0) + gammaln(alpha.sum()) - gammaln(alpha).sum()


LINES += [
    Line("mvn.logpdf", stats.multivariate_normal.logpdf, mvn("logpdf"), (Z, M, COV)),
    Line("mvn.pdf", stats.multivariate_normal.pdf, mvn("pdf"), (M * 0.5, M, COV)),
    Line("mvn.entropy", lambda cov: stats.multivariate_normal.entropy(None, cov), lambda cov: mvn("entropy")(None, cov), (COV,)),
    Line("mvn.scalar", lambda x, v: stats.multivariate_normal.logpdf(x, np.zeros(3), v), lambda x, v: scipy.stats.multivariate_normal.logpdf(x, np.zeros(3), v), (M, a(2.0)), single=None),
    Line("dirichlet.logpdf", stats.dirichlet.logpdf, dirichlet_truth, (W[:, 0], ALPHA)),
    Line("dirichlet.pdf", stats.dirichlet.pdf, lambda x, al: np.exp(dirichlet_truth(x, al)), (W, ALPHA)),
]  # fmt: skip


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.name)
def test_line(line: Line) -> None:
    check(line)


def test_dirichlet_is_scipys_on_the_simplex() -> None:
    assert np.allclose(stats.dirichlet.logpdf(W, ALPHA), scipy.stats.dirichlet.logpdf(W, ALPHA))


def test_both_tails() -> None:
    mp: Any = pytest.importorskip("mpmath")

    def phi(x: Any) -> Any:
        return mp.erfc(-x / mp.sqrt(2)) / 2

    cases = [
        (stats.norm.logcdf, lambda x: mp.log(phi(x)), (-200.0, -5.0, 6.0)),
        (stats.norm.logsf, lambda x: mp.log(phi(-x)), (200.0, 5.0, -6.0)),
        (stats.norm.sf, lambda x: phi(-x), (30.0, -3.0)),
        (stats.logistic.logcdf, lambda x: -mp.log1p(mp.exp(-x)), (-700.0, 40.0)),
        (stats.logistic.logpdf, lambda x: -x - 2 * mp.log1p(mp.exp(-x)), (-700.0, 40.0, 0.1)),
        (stats.expon.logcdf, lambda x: mp.log(-mp.expm1(-x)), (1e-9, 0.5, 60.0)),
        (stats.laplace.logsf, lambda x: mp.log(mp.exp(-x) / 2) if x > 0 else mp.log1p(-mp.exp(x) / 2), (-60.0, 80.0)),
        (stats.cauchy.sf, lambda x: mp.atan2(1, x) / mp.pi, (1e9, 3.0)),
        (lambda x: stats.gamma.pdf(x, 1e6), lambda x: mp.exp(999999 * mp.log(x) - x - mp.loggamma(1e6)), (1e6, 1.003e6)),
    ]  # fmt: skip
    for f, truth, points in cases:
        for x in points:
            with mp.workdps(60):
                h = mp.mpf(10) ** -12 * abs(mp.mpf(x))
                value = truth(mp.mpf(x))
                slope = (truth(mp.mpf(x) + h) - truth(mp.mpf(x) - h)) / (2 * h)
            assert float(f(x)) == pytest.approx(float(value), rel=1e-11, abs=1e-300)
            assert float(cg.grad(f)(x)) == pytest.approx(float(slope), rel=1e-10, abs=1e-300), x


def test_outside_of_the_support() -> None:
    x = cg.parameter("x", [-1.0, 0.5, 2.0])
    for dist, args in (
        (stats.expon, ()),
        (stats.gamma, (2.0,)),
        (stats.uniform, ()),
        (stats.beta, (2.0, 3.0)),
    ):
        name = str(dist).rpartition(".")[2]
        node = dist.pdf(x, *args)
        run = cg.sum(node).backward()
        assert np.allclose(run.value(node), getattr(scipy.stats, name).pdf(x.value, *args))
        assert run.grad(x)[0] == 0.0 and np.all(np.isfinite(run.grad(x)))
        assert float(dist.logpdf(-1.0, *args)) == -np.inf


def test_what_has_no_rule_is_refused() -> None:
    v = cg.parameter("v", 3.0)
    with pytest.raises(UnsupportedError, match="degrees of freedom"):
        stats.t.cdf(1.0, v)
    with pytest.raises(UnsupportedError, match="df"):
        stats.chi2.cdf(1.0, v)
    with pytest.raises(TypeError, match="needs df"):
        stats.t.pdf(1.0)
    with pytest.raises(CgraphError, match="cannot be computed"):
        cg.run(stats.multivariate_normal.logpdf(M, M, cg.parameter("S", -COV)))
