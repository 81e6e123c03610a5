"""Accuracy in units in the last place, against mpmath: values, slopes and gradients, both tails, both precisions, nasty corners."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import cgraph as cg
from cgraph.ops import OPS

mp = mpmath.mp
RNG = np.random.default_rng(7)
CORNERS = [0.0, -0.0, 5e-324, 1e-308, 1e-17, 1.1e-16, 1e-8, 0.5, 0.693, 1.0, 1.3862, 2.0, 4.8483, 6.23, 17.3, 36.04, 36.75, 37.5, 88.7, 103.9, 700.0, 709.7, 709.8, 745.1, 746.0, 1e4, 1e300]  # fmt: skip


def logits(dtype, n=400):
    """Corners, and random numbers of every size."""
    corners = [s * c for c in CORNERS for s in (1, -1)]
    spread = RNG.choice([-1, 1], n) * 10.0 ** RNG.uniform(-12, 2.85, n)
    with np.errstate(over="ignore"):
        z = np.concatenate(
            [corners, RNG.uniform(-8, 8, n), RNG.uniform(-45, 45, n), spread]
        ).astype(dtype)
    return z[np.isfinite(z)]


def ulps(got, exact, dtype):
    """|got − exact| in the spacing of floating point numbers at the exact value."""
    got = float(got)
    if exact == 0:
        return 0.0 if got == 0 else np.inf
    with np.errstate(over="ignore"):
        nearest = dtype(float(exact)) if abs(exact) < 1e308 else dtype(np.inf)
    if not np.isfinite(nearest):
        return 0.0 if got == float(nearest) else np.inf
    spacing = float(np.spacing(np.maximum(np.abs(nearest), np.finfo(dtype).tiny)))
    return float(abs(mpmath.mpf(got) - exact) / spacing)


def sigma(z):
    return 1 / (1 + mp.exp(-z))


EXACT = {
    "sigmoid": sigma, "sigmoid_slope": lambda z: sigma(z) * sigma(-z), "softplus": lambda z: mp.log1p(mp.exp(z)), "log_sigmoid": lambda z: -mp.log1p(mp.exp(-z)),
    "tanh": mp.tanh, "tanh_slope": lambda z: mp.sech(z) ** 2,
}  # fmt: skip
# The bounds stated in docs/numerics.md; float32 is computed in double and rounded once.
BOUND = {
    "sigmoid": 2.0,
    "sigmoid_slope": 2.55,
    "softplus": 2.0,
    "log_sigmoid": 2.0,
    "tanh": 2.0,
    "tanh_slope": 2.5,
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", EXACT)
def test_activations(name, dtype):
    z = logits(dtype)
    node = cg.input("z", z)
    value = cg.run(OPS[name](node)).roots[0].value
    assert value.dtype == dtype
    bound = BOUND[name] if dtype == np.float64 else 0.501
    with mp.workdps(400):
        for x, v in zip(z, value, strict=True):
            exact = EXACT[name](mpmath.mpf(float(x)))
            assert ulps(v, exact, dtype) <= bound, (name, x)
            if (
                dtype == np.float64 and OPS[name].scalar is not None
            ):  # Python's floats take another road
                assert ulps(OPS[name].evaluate(float(x)), exact, dtype) <= bound, (name, x, "float")


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("label", [0.0, 1.0, "soft", "tiny", "nearly 1"])
def test_binary_cross_entropy(label, dtype):
    z = logits(dtype)
    y = {"soft": RNG.uniform(size=z.shape), "tiny": 10.0 ** RNG.uniform(-12, 0, z.shape), "nearly 1": 1 - 10.0 ** RNG.uniform(-12, 0, z.shape)}.get(label, np.full(z.shape, label if isinstance(label, float) else 0.0)).astype(dtype)  # fmt: skip
    node = cg.parameter("z", z)
    run = cg.stable_bce(node, y).backward(upstream=np.ones(z.shape))
    hard = isinstance(label, float)
    with mp.workdps(400):
        for k, x in enumerate(z):
            m, t = mpmath.mpf(float(x)), mpmath.mpf(float(y[k]))
            value = t * mp.log1p(mp.exp(-m)) + (1 - t) * mp.log1p(mp.exp(m))
            assert ulps(run.value(run.roots[0])[k], value, dtype) <= (
                2.05 if dtype == np.float64 else 0.501
            ), (x, y[k])
            up, down = (1 - t) * sigma(m), t * sigma(-m)
            slope = up - down
            # Soft labels: sigma(z) = y is a zero of the slope, and next to it the best that can be had is set by the condition number.
            condition = 1 if hard or slope == 0 else max(1, max(up, down) / abs(slope))
            bound = (2.05 if hard else 4.5) if dtype == np.float64 else 0.501
            if slope != 0:
                assert ulps(run.grad(node)[k], slope, dtype) <= bound * condition, (x, y[k])


def test_table_of_27():
    """The cases on which other libraries return infinities, zeros and wrong signs."""
    for dtype, worst in ((np.float64, 5e-16), (np.float32, 3e-7)):
        for z in (0.0, 20.0, -20.0, 40.0, -40.0, 100.0, -100.0, 800.0, -800.0):
            for y in (0.0, 1.0, 0.3):
                node = cg.parameter("z", np.array([z], dtype))
                run = cg.stable_bce(node, np.array([y], dtype)).backward(upstream=[1.0])
                with mp.workdps(800):
                    m, t = mpmath.mpf(z), mpmath.mpf(float(dtype(y)))
                    value = t * mp.log1p(mp.exp(-m)) + (1 - t) * mp.log1p(mp.exp(m))
                    slope = (1 - t) * sigma(m) - t * sigma(-m)
                    for got, exact in (
                        (run.value(run.roots[0])[0], value),
                        (run.grad(node)[0], slope),
                    ):
                        assert np.isfinite(got)
                        if abs(exact) > np.finfo(dtype).tiny:
                            assert abs(mpmath.mpf(float(got)) - exact) / abs(exact) < worst, (
                                dtype,
                                z,
                                y,
                            )


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_logit(dtype):
    p = np.concatenate([RNG.uniform(0, 1, 400), 10.0 ** RNG.uniform(-30, -0.3, 300), 1 - 10.0 ** RNG.uniform(-7, -0.3, 300), [0.25, 0.75, 0.4999999, 0.5000001]]).astype(dtype)  # fmt: skip
    p = p[(p > 0) & (p < 1)]
    node = cg.parameter("p", p)
    run = cg.logit(node).backward(upstream=np.ones(p.shape))
    with mp.workdps(60):
        for k, x in enumerate(p):
            m = mpmath.mpf(float(x))
            assert ulps(run.value(run.roots[0])[k], mp.log(m / (1 - m)), dtype) <= 2, x
            assert ulps(run.grad(node)[k], 1 / (m * (1 - m)), dtype) <= 2.1, x
    assert list(cg.logit(np.array([0.0, 0.5, 1.0]))) == [-np.inf, 0.0, np.inf]


def test_logaddexp_and_log1mexp():
    a, b = RNG.normal(size=(2, 400)) * np.array([1.0, 30.0]).repeat(200)
    nodes = cg.parameter("a", a), cg.parameter("b", b)
    run = cg.logaddexp(*nodes).backward(upstream=np.ones(400))
    x = -(10.0 ** RNG.uniform(-10, 2.8, 400))
    one = cg.log1mexp(x)
    with mp.workdps(400):
        for k in range(400):
            m, n = mpmath.mpf(a[k]), mpmath.mpf(b[k])
            exact = mp.log(mp.exp(m) + mp.exp(n))
            condition = max(
                1, max(abs(m), abs(n)) / abs(exact)
            )  # ln(e^a + e^b) near 0: the rounding of a and b themselves
            assert ulps(run.value(run.roots[0])[k], exact, np.float64) <= 2 * condition
            # The difference a - b is rounded once; a sigmoid far out feels that |a - b| / 2 times.
            for node, share in zip(nodes, (sigma(m - n), sigma(n - m)), strict=True):
                assert ulps(run.grad(node)[k], share, np.float64) <= 2 + abs(m - n)
            assert ulps(one[k], mp.log(1 - mp.exp(mpmath.mpf(x[k]))), np.float64) <= 2.5
    for u, v, value, slope in [(np.inf, np.inf, np.inf, 0.5), (-np.inf, -np.inf, -np.inf, 0.5), (np.inf, 0.0, np.inf, 1.0), (-np.inf, 0.0, 0.0, 0.0)]:  # fmt: skip
        p = cg.parameter("u", u)
        run = cg.logaddexp(p, v).backward()
        assert float(run.value(run.roots[0])) == value and float(run.grad(p)) == slope


@pytest.mark.parametrize("n", [2, 3, 10])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_softmax_and_its_kin(n, dtype):
    x = (RNG.normal(size=(60, n)) * RNG.choice([1, 10, 150], size=(60, 1))).astype(dtype)
    bound = 3.0 + n / 4 if dtype == np.float64 else 0.51  # a sum of n terms is rounded n − 1 times
    node = cg.parameter("x", x)
    p, logs, total = cg.softmax(x), cg.log_softmax(x), cg.logsumexp(x, axis=1)
    soft = RNG.dirichlet(np.ones(n), size=60).astype(dtype)
    classes = RNG.integers(n, size=60)
    hard = cg.sum(cg.stable_cross_entropy(node, classes)).backward()
    mild = cg.stable_cross_entropy(node, soft).backward(upstream=np.ones(60))
    with mp.workdps(400):
        for i in range(60):
            m = [mpmath.mpf(float(v)) for v in x[i]]
            e = [mp.exp(v) for v in m]
            s = sum(e)
            assert ulps(total[i], mp.log(s), dtype) <= 2 * max(1, max(map(abs, m)) / abs(mp.log(s)))
            t = [mpmath.mpf(float(v)) for v in soft[i]]
            loss = -sum(a * mp.log(b / s) for a, b in zip(t, e, strict=True))
            assert ulps(mild.value(mild.roots[0])[i], loss, dtype) <= bound
            for j in range(n):
                assert ulps(p[i, j], e[j] / s, dtype) <= bound
                assert ulps(logs[i, j], mp.log(e[j] / s), dtype) <= 2.5
                one = -(s - e[j]) / s if j == classes[i] else e[j] / s
                assert ulps(hard.grad(node)[i, j], one, dtype) <= bound + 2
                slope = e[j] / s * sum(t) - t[j]
                condition = max(1, max(e[j] / s, t[j]) / abs(slope))
                assert ulps(mild.grad(node)[i, j], slope, dtype) <= (bound + 2) * condition


def test_cross_entropy_forms():
    x = RNG.normal(size=(4, 3))
    classes = np.array([0, 2, 1, 1])
    onehot = np.eye(3)[classes]
    by_class, by_row = cg.stable_cross_entropy(x, classes), cg.stable_cross_entropy(x, onehot)
    np.testing.assert_array_equal(by_class, by_row)
    np.testing.assert_array_equal(cg.stable_cross_entropy(x.T, classes, axis=0), by_class)
    # Two classes are the binary case.
    z, y = RNG.normal(size=5) * 4, RNG.integers(2, size=5)
    np.testing.assert_allclose(
        cg.stable_cross_entropy(np.stack([0 * z, z], 1), y),
        cg.stable_bce(z, y.astype(float)),
        rtol=1e-15,
    )
    far = cg.parameter("x", [[0.0, -np.inf], [800.0, -800.0]])
    run = cg.sum(cg.stable_cross_entropy(far, np.array([0, 1]))).backward()
    assert list(run.value(run.roots[0].parents[0])) == [0.0, 1600.0]
    np.testing.assert_array_equal(run.grad(far), [[0.0, 0.0], [1.0, -1.0]])
    with pytest.raises(cg.ShapeError, match=r"labels of shape \(2,\) for logits of shape \(4, 3\)"):
        cg.stable_cross_entropy(x, np.array([0, 1]))
    with pytest.raises(cg.DTypeError, match="classes are whole numbers"):
        cg.stable_cross_entropy(x, np.zeros(4))
    from cgraph import testing

    node, labels = cg.parameter("x", x), cg.parameter("y", RNG.dirichlet(np.ones(3), size=4))
    loss = cg.mean(cg.stable_cross_entropy(node, labels))
    testing.assert_gradients(loss)
    testing.assert_gradients(cg.sum(cg.gradient(loss, node) ** 2))


def test_weights():
    torch = pytest.importorskip("torch")
    z, y, w = RNG.normal(size=20) * 3, RNG.integers(2, size=20).astype(float), RNG.uniform(size=20)
    node = cg.parameter("z", z)
    run = cg.sum(cg.weighted_bce(node, y, weight=w, pos_weight=2.5)).backward()
    t = torch.tensor(z, requires_grad=True)
    loss = torch.nn.functional.binary_cross_entropy_with_logits(t, torch.tensor(y), weight=torch.tensor(w), pos_weight=torch.tensor(2.5), reduction="sum")  # fmt: skip
    loss.backward()
    np.testing.assert_allclose(run.value(run.roots[0]), loss.item(), rtol=1e-14)
    np.testing.assert_allclose(run.grad(node), t.grad.numpy(), rtol=1e-13)
    for logit, label, slope in (
        (800.0, 1.0, 0.0),
        (-800.0, 1.0, -2.5),
        (np.inf, 1.0, 0.0),
        (-np.inf, 0.0, 0.0),
        (800.0, 0.0, 1.0),
    ):
        p = cg.parameter("z", logit)
        assert float(cg.weighted_bce(p, label, pos_weight=2.5).backward().grad(p)) == slope
