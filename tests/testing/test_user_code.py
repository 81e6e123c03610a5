"""Gradients that users write: eleven planted bugs in NumPy code, each found; hard but correct code, never called wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from cgraph import testing
from cgraph.testing import Verdict

rng = np.random.default_rng(7)
Array = Any


def sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def bce(z: Array, y: Array) -> Array:
    p = sigmoid(z)
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


Y = np.array([0.0, 1.0, 1.0, 0.0])
LARGE = rng.standard_normal(4096)


def one_wrong_entry(u: Array, x: Array) -> Array:
    g = u * np.cos(x)
    g[1234] *= 1.5
    return g


# name, function, wrong vjp, inputs
PLANTED: list[tuple[str, Callable[..., Any], Callable[..., Any], list[Array]]] = [
    ("sign", np.sin, lambda u, x: -u * np.cos(x), [rng.standard_normal(3)]),
    ("factor", lambda x: x**2, lambda u, x: u * x, [rng.standard_normal(3)]),
    (
        "unbroadcast",
        lambda a, b: a + b,
        lambda u, a, b: (u.sum(1), u),
        [rng.standard_normal(3), rng.standard_normal((3, 3))],
    ),
    (
        "matmul",
        lambda a, b: a @ b,
        lambda u, a, b: ((u @ b.T).T, a.T @ u),
        [rng.standard_normal((3, 3)), rng.standard_normal((3, 3))],
    ),
    ("reuse", lambda x: x * np.sin(x), lambda u, x: u * np.sin(x), [rng.standard_normal(3)]),
    (
        "negative",
        lambda x: x**3,
        lambda u, x: u * 3 * x**2 * np.where(x < 0, 1.1, 1.0),
        [np.array([1.0, -0.5, 2.0])],
    ),
    ("1e-3", np.exp, lambda u, x: u * np.exp(x) * 1.001, [rng.standard_normal(3)]),
    ("1/m", bce, lambda u, z, y: (u * (sigmoid(z) - y), None), [rng.standard_normal(4), Y]),
    (
        "scale",
        lambda x: np.sum((1e-7 * x) ** 2),
        lambda u, x: u * 1e-14 * x,
        [rng.standard_normal(3)],
    ),
    (
        "float32",
        np.tanh,
        lambda u, x: (u * (1 - np.tanh(x) ** 2)).astype(np.float32).astype(float),
        [rng.standard_normal(5)],
    ),
    ("one of 4096", np.sin, one_wrong_entry, [LARGE]),
]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("name", "f", "vjp", "inputs"), PLANTED, ids=[row[0] for row in PLANTED])
def test_planted_bugs_in_user_code(name: str, f: Any, vjp: Any, inputs: Any, seed: int) -> None:
    wrt = [0] if name == "1/m" else None
    report = testing.check_gradients(f, *inputs, vjp=vjp, seed=seed, wrt=wrt)
    assert report.verdict is Verdict.FAIL
    assert report.mismatch is not None
    assert report.mismatch.operand == 0, "every bug here is in the first argument"
    if name == "one of 4096":
        assert report.mismatch.element == (1234,)


def lse(x: Array) -> Array:
    top = np.max(x)
    return top + np.log(np.sum(np.exp(x - top)))


def softmax(x: Array) -> Array:
    e = np.exp(x - np.max(x))
    return e / e.sum()


A32, B32 = rng.standard_normal((32, 32)), rng.standard_normal((32, 32))

# name, function, right vjp, inputs: correct code at points where other checkers cry wolf
HARD: list[tuple[str, Callable[..., Any], Callable[..., Any], list[Array]]] = [
    ("abs at 1e-7", np.abs, lambda u, x: u * np.sign(x), [np.array([1e-7, -1e-7])]),
    ("max, gap 1e-7", np.max, lambda u, x: u * (x == x.max()), [np.array([1.0, 1.0 + 1e-7])]),
    ("sqrt at 1e-6", np.sqrt, lambda u, x: u / (2 * np.sqrt(x)), [np.array(1e-6)]),
    ("sqrt at 1e-7", np.sqrt, lambda u, x: u / (2 * np.sqrt(x)), [np.array(1e-7)]),
    ("1e10 + x", lambda x: 1e10 + x, lambda u, x: u, [np.array(1.0)]),
    ("whole numbers", lambda x: x * x, lambda u, x: 2 * u * x, [np.array([1, 2, 3])]),
    ("float16", lambda x: x * x, lambda u, x: (2 * u * x).astype(x.dtype), [np.array([1.0, 2.0], np.float16)]),
    ("log at 1e-5", np.log, lambda u, x: u / x, [np.array(1e-5)]),
    ("square at 1e8", np.square, lambda u, x: 2 * u * x, [np.array(1e8)]),
    ("relu at 0", lambda x: np.maximum(x, 0), lambda u, x: u * (x > 0), [np.array([0.0, 1.0, -1.0])]),
    ("relu at 0, one half", lambda x: np.maximum(x, 0), lambda u, x: u * np.where(x == 0, 0.5, x > 0), [np.array([0.0, 1.0])]),
    ("sum of 4096 squares", lambda x: np.sum(x**2), lambda u, x: 2 * u * x, [LARGE]),
    ("matmul 32", lambda a, b: a @ b, lambda u, a, b: (u @ b.T, a.T @ u), [A32, B32]),
    ("cube at 1e3", lambda x: x**3, lambda u, x: 3 * u * x**2, [np.array(1e3)]),
    ("logsumexp", lse, lambda u, x: u * softmax(x), [np.array([1000.0, 1001.0, -5.0])]),
    ("sin(1e4 x)", lambda x: np.sin(1e4 * x), lambda u, x: u * 1e4 * np.cos(1e4 * x), [np.array(1.0)]),
    ("tanh at 8", np.tanh, lambda u, x: u * (1 - np.tanh(x) ** 2), [np.array(8.0)]),
    ("tanh at 15", np.tanh, lambda u, x: u * (1 - np.tanh(x) ** 2), [np.array(15.0)]),
    ("exp at 20", np.exp, lambda u, x: u * np.exp(x), [np.array(20.0)]),
    ("1e6 + x", lambda x: np.sin(1e6 + x), lambda u, x: u * np.cos(1e6 + x), [np.array(0.3)]),
    ("sort", np.sort, lambda u, x: u[np.argsort(np.argsort(x))], [np.array([0.3, 0.1, 0.2])]),
    ("norm", np.linalg.norm, lambda u, x: u * x / np.linalg.norm(x), [np.array([3e-6, 4e-6])]),
    ("softmax, ones upstream", lambda x: np.sum(softmax(x)), lambda u, x: 0 * x, [np.array([0.1, 0.7])]),
    ("arcsin near 1", np.arcsin, lambda u, x: u / np.sqrt((1 - x) * (1 + x)), [np.array([0.999999, -0.9])]),
    ("float32 sigmoid", sigmoid, lambda u, x: u * sigmoid(x) * (1 - sigmoid(x)), [np.linspace(-5, 5, 7).astype(np.float32)]),
    ("constant", lambda x: np.ones(3), lambda u, x: 0 * x, [np.array([1.0, 2.0])]),
    ("bce near 1", lambda p: -np.log(1 - p), lambda u, p: u / (1 - p), [np.array(1 - 1e-9)]),
    ("std", np.std, lambda u, x: u * (x - x.mean()) / (x.size * x.std()), [np.array([1.0, 2.0, 4.0])]),
    ("where", lambda x: np.where(x > 1, x * x, 2 * x - 1), lambda u, x: u * np.where(x > 1, 2 * x, 2.0), [np.array([1.0, 1 + 1e-9, 0.5])]),
    ("det", np.linalg.det, lambda u, x: u * np.linalg.det(x) * np.linalg.inv(x).T, [np.array([[1.0, 2.0], [3.0, 4.0]])]),
    ("hypot", np.hypot, lambda u, x, y: (u * x / np.hypot(x, y), u * y / np.hypot(x, y)), [np.array(3.0), np.array(-4e-3)]),
    ("svd", lambda x: np.linalg.svd(x)[1].sum(), lambda u, x: u * (lambda w, s, v: w @ v)(*np.linalg.svd(x)), [np.array([[1.0, 2.0], [0.5, 3.0]])]),  # noqa: E501
]  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("name", "f", "vjp", "inputs"), HARD, ids=[row[0] for row in HARD])
def test_hard_but_correct_code_is_never_called_wrong(
    name: str, f: Any, vjp: Any, inputs: Any, seed: int
) -> None:
    report = testing.check_gradients(f, *inputs, vjp=vjp, seed=seed)
    assert report.verdict is not Verdict.FAIL, str(report)
    if name in ("relu at 0, one half",):
        assert report.verdict is Verdict.KINK
    elif name not in ("tanh at 15", "sin(1e4 x)"):
        assert report.verdict in (Verdict.PASS, Verdict.KINK), str(report)


def test_an_abs_in_the_middle_is_not_lost() -> None:
    """NumPy's complex abs drops the step; asarray hides it from the probe. Finite differences have to notice."""

    def f(x: Array) -> Array:
        x = np.asarray(x)
        return np.sum(x * x + np.abs(x))

    x = np.array([0.5, -2.0])
    assert (
        testing.check_gradients(f, x, vjp=lambda u, x: u * (2 * x + np.sign(x))).verdict
        is Verdict.PASS
    )
    assert testing.check_gradients(f, x, vjp=lambda u, x: u * 2 * x).verdict is Verdict.FAIL


def test_code_that_takes_no_complex_numbers_falls_back_on_differences_and_says_so() -> None:
    import math

    def f(x: Array) -> Array:
        return np.array([math.sin(float(v)) for v in x])

    x = np.array([0.5, -2.0])
    right = testing.check_gradients(f, x, vjp=lambda u, x: u * np.cos(x))
    assert right.verdict is Verdict.PASS
    assert any("differences" in note for note in right.notes)
    assert (
        testing.check_gradients(f, x, vjp=lambda u, x: u * np.cos(x) * 1.001).verdict
        is Verdict.FAIL
    )


def test_shape_and_mutation_are_part_of_the_contract() -> None:
    x = np.array([[1.0, 2.0]])
    assert (
        testing.check_gradients(lambda x: x * 2, x, vjp=lambda u, x: 2 * u[0]).verdict
        is Verdict.FAIL
    )

    def writes(u: Array, x: Array) -> Array:
        x *= 0
        return 2 * u

    assert testing.check_gradients(lambda x: x * 2, x, vjp=writes).verdict is Verdict.FAIL


class Dense:
    """A layer as people write them, with a bug to switch on."""

    def __init__(self, wrong: bool) -> None:
        self.wrong = wrong

    def forward(self, x: Array, w: Array) -> Array:
        self.x, self.w = x, w
        return np.maximum(x @ w, 0)

    def backward(self, upstream: Array) -> tuple[Array, Array]:
        g = upstream * (self.x @ self.w > 0)
        return g @ self.w.T, (g.T @ self.x if self.wrong else self.x.T @ g)


def test_layers_with_forward_and_backward() -> None:
    x, w = rng.standard_normal((3, 3)), rng.standard_normal((3, 3))
    assert testing.check_gradients(Dense(False), x, w).verdict is Verdict.PASS
    report = testing.check_gradients(Dense(True), x, w)
    assert report.verdict is Verdict.FAIL and report.mismatch is not None
    assert report.mismatch.operand == 1 and "transposed" in report.mismatch.hint


def test_a_vjp_may_hang_on_the_function() -> None:
    def cube(x: Array) -> Array:
        return x**3

    cube.vjp = lambda u, x: 3 * u * x**2  # type: ignore[attr-defined]
    assert testing.check_gradients(cube, np.array([1.0, -2.0])).verdict is Verdict.PASS


@pytest.mark.parametrize("seed", range(5))
def test_a_whole_net_by_hand(seed: int) -> None:
    """Two layers, logits, mean: the gradient of five arguments; then one bias summed over the wrong axis."""
    r = np.random.default_rng(seed)
    X, y = r.standard_normal((4, 4)), (r.random((1, 4)) > 0.5) * 1.0
    inputs = [
        r.standard_normal((4, 4)),
        r.standard_normal((4, 1)),
        r.standard_normal((1, 4)),
        r.standard_normal((1, 1)),
    ]

    def net(W1: Array, b1: Array, W2: Array, b2: Array) -> Array:
        p = sigmoid(W2 @ np.tanh(W1 @ X + b1) + b2)
        return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))

    def vjp(
        u: Array, W1: Array, b1: Array, W2: Array, b2: Array, axis: int = 1
    ) -> tuple[Array, ...]:
        h = np.tanh(W1 @ X + b1)
        dz = u * (sigmoid(W2 @ h + b2) - y) / 4
        dh = (W2.T @ dz) * (1 - h * h)
        return (
            dh @ X.T,
            (dh.sum(1, keepdims=True) if axis == 1 else dh.sum(0)[:, None]),
            dz @ h.T,
            dz.sum(keepdims=True),
        )

    assert testing.check_gradients(net, *inputs, vjp=vjp, seed=seed).verdict is Verdict.PASS
    report = testing.check_gradients(
        net, *inputs, vjp=lambda u, *xs: vjp(u, *xs, axis=0), seed=seed
    )
    assert (
        report.verdict is Verdict.FAIL
        and report.mismatch is not None
        and report.mismatch.operand == 1
    )
