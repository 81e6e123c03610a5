"""`cg.special` against mpmath to 50 digits: value, first and second derivative, at ordinary points and deep in the tails."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special
from science.harness import Line, check, rng

import cgraph as cg
from cgraph import special as sp, testing
from cgraph.errors import UnsupportedError
from cgraph.ops import OPS

mp: Any = pytest.importorskip("mpmath")
G = rng("special")

T = Callable[..., Any]


def _ndtr(x: Any) -> Any:
    return mp.erfc(-x / mp.sqrt(2)) / 2


def _ierfc(n: int, x: Any) -> Any:
    """By Tricomi's function (DLMF 7.18.11), scaled by e^(x²)."""
    return mp.hyperu(mp.mpf(n + 1) / 2, mp.mpf(1) / 2, x * x) / 2**n / mp.sqrt(mp.pi)


WIDE = (-6.0, -1.3, -1e-6, 0.4, 2.5, 6.0)
POS = (1e-3, 0.3, 1.0, 2.5, 30.0, 1e4)
# (name, ours, mpmath's, points, tolerance of the first derivative and of the second)
ONE: list[tuple[str, T, T, tuple[float, ...], float, float]] = [
    ("erf", sp.erf, mp.erf, WIDE, 1e-13, 1e-13),
    ("erfc", sp.erfc, mp.erfc, (*WIDE, 25.0), 1e-12, 1e-12),
    ("erfi", sp.erfi, mp.erfi, WIDE, 1e-13, 1e-12),
    ("erfcx", sp.erfcx, lambda x: mp.exp(x * x) * mp.erfc(x), (-3.0, -0.5, 0.2, 0.99, 1.0, 1.7, 5.0, 40.0, 1e3, 1e6), 1e-13, 1e-12),
    ("erfinv", sp.erfinv, mp.erfinv, (-0.999, -0.3, 1e-8, 0.5, 0.99999), 1e-10, 1e-10),
    ("erfcinv", sp.erfcinv, lambda x: mp.erfinv(1 - x), (1e-12, 0.1, 1.0, 1.9), 1e-11, 1e-10),
    ("ndtr", sp.ndtr, _ndtr, (*WIDE, -30.0), 1e-12, 1e-12),
    ("log_ndtr", sp.log_ndtr, lambda x: mp.log1p(-_ndtr(-x)) if x > 0 else mp.log(_ndtr(x)), (-1e5, -300.0, -20.0, -3.0, -0.4, 0.0, 1.0, 8.0, 30.0), 1e-12, 1e-11),
    ("ndtri", sp.ndtri, lambda p: mp.sqrt(2) * mp.erfinv(2 * p - 1), (1e-12, 0.01, 0.5, 0.8, 0.9999), 1e-11, 1e-9),
    ("gammaln", sp.gammaln, lambda x: mp.log(abs(mp.gamma(x))), (*POS, -0.5, -2.3), 1e-12, 1e-12),
    ("digamma", sp.digamma, mp.digamma, (*POS, -0.5, -2.3), 1e-12, 1e-11),
    ("gamma", sp.gamma, mp.gamma, (1e-3, 0.3, 1.0, 2.5, 30.0, -0.5), 1e-12, 1e-11),
    ("rgamma", sp.rgamma, mp.rgamma, (0.01, 0.3, 1.0, 2.5, 30.0), 1e-12, 1e-11),
    ("i0", sp.i0, lambda x: mp.besseli(0, x), (-3.0, -0.1, 0.0, 0.7, 20.0), 1e-13, 1e-13),
    ("i1", sp.i1, lambda x: mp.besseli(1, x), (-3.0, -0.1, 0.0, 0.7, 20.0), 1e-13, 1e-13),
    ("i0e", sp.i0e, lambda x: mp.besseli(0, x) * mp.exp(-abs(x)), (-200.0, -3.0, 0.7, 5.0, 29.0, 31.0, 1e3, 1e6), 1e-12, 1e-9),
    ("i1e", sp.i1e, lambda x: mp.besseli(1, x) * mp.exp(-abs(x)), (-200.0, -3.0, 0.7, 5.0, 29.0, 31.0, 1e3, 1e6), 1e-12, 1e-9),
    ("j0", sp.j0, lambda x: mp.besselj(0, x), (-4.0, 0.0, 1e-4, 1.0, 15.0), 1e-12, 1e-11),
    ("j1", sp.j1, lambda x: mp.besselj(1, x), (-4.0, 0.0, 1e-4, 1.0, 15.0), 1e-12, 1e-10),
    ("y0", sp.y0, lambda x: mp.bessely(0, x), (0.01, 1.0, 15.0), 1e-12, 1e-11),
    ("y1", sp.y1, lambda x: mp.bessely(1, x), (0.01, 1.0, 15.0), 1e-12, 1e-11),
    ("k0", sp.k0, lambda x: mp.besselk(0, x), (0.01, 1.0, 15.0), 1e-12, 1e-12),
    ("k1", sp.k1, lambda x: mp.besselk(1, x), (0.01, 1.0, 15.0), 1e-12, 1e-12),
    ("entr", sp.entr, lambda x: -x * mp.log(x), (1e-9, 0.3, 1.0, 40.0), 1e-13, 1e-13),
    ("expit", sp.expit, lambda x: 1 / (1 + mp.exp(-x)), (-700.0, -1.0, 2.0, 40.0), 1e-12, 1e-12),
    ("logit", sp.logit, lambda p: mp.log(p / (1 - p)), (1e-12, 0.3, 0.999), 1e-12, 1e-11),
    ("gammasgn", sp.gammasgn, lambda x: mp.sign(mp.gamma(x)), (0.5, -0.5), 0, 0),
    ("multigammaln", lambda a: sp.multigammaln(a, 3), lambda a: 1.5 * mp.log(mp.pi) + sum(mp.loggamma(a - mp.mpf(j) / 2) for j in range(3)), (1.7, 20.0), 1e-12, 1e-12),
    *((f"ierfcx-{n}", lambda x, n=n: sp.ierfcx(n, x), lambda x, n=n: _ierfc(n, x), (0.3, 0.999, 1.0, 3.0, 50.0), 1e-11, 1e-11) for n in (1, 4)),
    *((f"polygamma-{n}", lambda x, n=n: sp.polygamma(n, x), lambda x, n=n: mp.polygamma(n, x), (0.01, 1.0, 7.0, 300.0), 1e-12, 1e-12) for n in (0, 1, 3)),
    *((f"jv-{v}", lambda x, v=v: sp.jv(v, x), lambda x, v=v: mp.besselj(v, x), (0.5, 3.0, 20.0), 1e-11, 1e-10) for v in (2,)),
    *((f"yv-{v}", lambda x, v=v: sp.yv(v, x), lambda x, v=v: mp.bessely(v, x), (0.5, 3.0, 20.0), 1e-11, 1e-10) for v in (2,)),
    *((f"iv-{v}", lambda x, v=v: sp.iv(v, x), lambda x, v=v: mp.besseli(v, x), (0.5, 3.0, 20.0), 1e-12, 1e-12) for v in (2,)),
    *((f"kv-{v}", lambda x, v=v: sp.kv(v, x), lambda x, v=v: mp.besselk(v, x), (0.5, 3.0, 20.0), 1e-12, 1e-12) for v in (2,)),
    *((f"ive-{v}", lambda x, v=v: sp.ive(v, x), lambda x, v=v: mp.besseli(v, x) * mp.exp(-x), (0.5, 3.0, 25.0, 40.0, 1e4), 1e-12, 1e-9) for v in (2,)),
    *((f"kve-{v}", lambda x, v=v: sp.kve(v, x), lambda x, v=v: mp.besselk(v, x) * mp.exp(x), (0.5, 3.0, 25.0, 40.0, 1e4), 1e-11, 1e-9) for v in (2,)),
    ("zeta", lambda q: sp.zeta(2.5, q), lambda q: mp.zeta(2.5, q), (0.1, 1.0, 30.0), 1e-12, 1e-12),
    *((f"gammainc-{a}", lambda x, a=a: sp.gammainc(a, x), lambda x, a=a: mp.gammainc(a, 0, x, regularized=True), xs, 1e-12, 1e-10) for a, xs in ((0.5, (1e-3, 1.0, 9.0)), (30.0, (10.0, 29.0, 60.0)), (1e5, (9.97e4, 1e5, 1.01e5)))),
    ("gammaincc", lambda x: sp.gammaincc(2.5, x), lambda x: mp.gammainc(2.5, x, regularized=True), (0.1, 3.0, 90.0), 1e-12, 1e-11),
    ("betainc", lambda x: sp.betainc(2.5, 0.7, x), lambda x: mp.betainc(2.5, 0.7, 0, x, regularized=True), (0.01, 0.5, 0.99), 1e-12, 1e-11),
    ("stdtr", lambda t: sp.stdtr(3.0, t), lambda t: mp.betainc(1.5, 0.5, 0, 3 / (3 + t * t), regularized=True) / 2, (-40.0, -1.0), 1e-11, 1e-10),
]  # fmt: skip


@pytest.mark.parametrize("line", ONE, ids=lambda line: line[0])
def test_value_and_two_derivatives(line: Any) -> None:
    _, f, truth, points, slope, curve = line
    first = cg.grad(f)
    for x in points:
        with mp.workdps(60):
            t = mp.mpf(x)
            h = mp.mpf(10) ** -10 * (abs(t) or 1)
            value = truth(t)
            around = [truth(t + k * h) for k in (-2, -1, 1, 2)]
            d1 = (8 * (around[2] - around[1]) - (around[3] - around[0])) / (12 * h)
            d2 = (-(around[0] + around[3]) + 16 * (around[1] + around[2]) - 30 * value) / (
                12 * h * h
            )
        assert float(f(x)) == pytest.approx(float(value), rel=5e-13, abs=1e-300)
        at = f"at {x}"
        assert float(first(x)) == pytest.approx(
            float(d1), rel=slope, abs=1e-14 * abs(float(value)) + 1e-300
        ), at
        if curve:
            assert float(cg.grad(first)(x)) == pytest.approx(
                float(d2), rel=curve, abs=1e-12 * abs(float(d1)) + 1e-300
            ), at


def _two(f: T, truth: T, *args: Any, **kw: Any) -> Line:
    return Line(
        getattr(f, "__name__", "f") + str(len(args)), f, truth, args, value=1e-12, single=3e-3, **kw
    )


A, B = G.uniform(0.5, 4.0, (2, 3)), G.uniform(0.5, 3.0, 3)
LINES = [
    Line("beta", sp.beta, scipy.special.beta, (A, B)),
    Line("betaln", sp.betaln, scipy.special.betaln, (A, B)),
    Line("xlogy", sp.xlogy, scipy.special.xlogy, (A - 2, B)),
    Line("xlog1py", sp.xlog1py, scipy.special.xlog1py, (A - 2, B - 0.9)),
    Line("rel_entr", sp.rel_entr, scipy.special.rel_entr, (A, B)),
    Line("kl_div", sp.kl_div, scipy.special.kl_div, (A, B)),
    Line("gamma_density", sp.gamma_density, lambda a, x: np.exp((a - 1) * np.log(x) - x - scipy.special.gammaln(a)), (A, B)),
    Line("gamma_density-large", sp.gamma_density, lambda a, x: np.exp((a - 1) * np.log(x) - x - scipy.special.gammaln(a)), (A + 20, 10 * B + 10), value=1e-12),
    Line("logsumexp-b", lambda a, b: sp.logsumexp(a, 1, b), lambda a, b: scipy.special.logsumexp(a, 1, b), (A, B)),
    Line("logsumexp", lambda a: sp.logsumexp(a, keepdims=True), lambda a: scipy.special.logsumexp(a, keepdims=True), (A,)),
    Line("softmax", sp.softmax, scipy.special.softmax, (A,)),
    Line("log_softmax", lambda a: sp.log_softmax(a, 0), lambda a: scipy.special.log_softmax(a, 0), (A,)),
    Line("erfinv", sp.erfinv, scipy.special.erfinv, (B / 4,)),
    Line("empty", sp.gammaln, scipy.special.gammaln, (np.zeros((0, 2)),)),
    Line("gammaincinv", lambda p: sp.gammaincinv(2.5, p), lambda p: scipy.special.gammaincinv(2.5, p), (B / 4,), value=1e-10),
    Line("gammainccinv", lambda p: sp.gammainccinv(2.5, p), lambda p: scipy.special.gammainccinv(2.5, p), (B / 4,), value=1e-10),
    Line("betaincinv", lambda p: sp.betaincinv(2.5, 1.5, p), lambda p: scipy.special.betaincinv(2.5, 1.5, p), (B / 4,), value=1e-10),
    Line("stdtrit", lambda p: sp.stdtrit(4.0, p), lambda p: scipy.special.stdtrit(4.0, p), (B / 4,), value=1e-10),
    Line("ndtri_exp", sp.ndtri_exp, scipy.special.ndtri_exp, (-B,)),
]  # fmt: skip


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.name)
def test_line(line: Line) -> None:
    check(line)


ROWS = sorted(name for name in OPS if name.startswith("special."))


@pytest.mark.parametrize("name", ROWS)
def test_every_row(name: str) -> None:
    slow = name in (
        "special.ierfcx",
        "special.ive_slope",
        "special.kve_slope",
        "special.log_ndtr_slope",
    )
    report = testing.check_op(name, examples=4 if slow else 16, seed=1, negative_control=False)
    assert report.ok, str(report)
    x = OPS[name]
    operands = [np.float32(0.5)] * x.arity
    assert x(*[cg.constant(o) for o in operands]).dtype == np.float32


def test_scipys_own_ufuncs_build_nodes() -> None:
    x = cg.parameter("x", B)
    for name in ("erf", "gammaln", "i0", "expit", "log_expit", "xlogy", "ndtr", "jv", "polygamma"):
        theirs = getattr(scipy.special, name)
        if not isinstance(theirs, np.ufunc):
            continue
        args = (2.0, x) if name in ("xlogy", "jv") else (x,)
        node = theirs(*args)
        assert np.allclose(cg.run(node).value(node), theirs(*(B if a is x else a for a in args)))
    assert "special.erf" in str(scipy.special.erf(x))


def test_orders_are_numbers() -> None:
    x, v = cg.parameter("x", 1.5), cg.parameter("v", 2.0)
    for call in (
        lambda: sp.jv(v, x),
        lambda: sp.gammainc(v, x),
        lambda: sp.polygamma(v, x),
        lambda: cg.grad(lambda v: sp.kv(v, 1.0))(2.0),
    ):
        with pytest.raises(UnsupportedError, match="stop_gradient"):
            call()
    node = sp.jv(cg.stop_gradient(v), x)
    assert float(node.backward().grad(x)) == pytest.approx(scipy.special.jvp(2, 1.5))


def test_zero_times_the_logarithm_of_zero() -> None:
    x, y = cg.parameter("x", [0.0, 0.0, 2.0]), cg.parameter("y", [0.0, 3.0, 4.0])
    run = cg.sum(sp.xlogy(x, y)).backward()
    assert run.grad(y).tolist() == [0.0, 0.0, 0.5] and float(run.grad(x)[1]) == math.log(3.0)
