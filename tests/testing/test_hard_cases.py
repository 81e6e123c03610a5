"""Gradients that are right and hard to believe, and wrong ones that are easily believed: kinks, ties, scales, memory.

Correct: no FAIL, whatever the seed. Wrong: FAIL, whatever the seed. NumPy functions with their gradients written by hand, because a
function is all that most users have.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import cgraph as cg
from cgraph import testing
from cgraph.testing import Verdict
from tests.testing.effort import NIGHTLY

SEEDS = range(6)
rng = np.random.default_rng(7)
X = np.array([[0.0, 0.0, 0.0], [0.0, 2.0, -1.0]])  # a row of padding
W = rng.standard_normal((3, 4))
V4 = rng.standard_normal(4)
A = np.array([[1.0, 1.0], [1.0, 1.0 + 1e-5]])
TIES = np.array([[1.0, 1.0, 0.0], [2.0, 1.0, 0.0], [0.5, 0.1, 0.2]])


def relu(x: Any) -> Any:
    return np.maximum(x, 0)


def softmax(x: Any) -> Any:
    e = np.exp(x - x.max())
    return e / e.sum()


def softmax_vjp(u: Any, x: Any) -> Any:
    s = softmax(x)
    return s * (u - (u * s).sum())


def orbit(x: Any, n: int) -> tuple[Any, Any]:
    """The logistic map and its derivative, in the chaotic range."""
    d = 1.0
    for _ in range(n):
        d, x = d * 3.9 * (1 - 2 * x), 3.9 * x * (1 - x)
    return x, d


def shifted_log(x: Any) -> Any:
    if np.any(x >= 1):
        raise ValueError("x must be < 1")
    return -np.log1p(-x)


Case = tuple[Callable[..., Any], tuple[Any, ...], Callable[..., Any]]

RIGHT: dict[str, Case] = {
    **{
        f"relu at {n} zeros": (relu, (np.zeros(n),), lambda u, x: u * (x > 0))
        for n in (1, 2, 3, 5, 8, 33)
    },
    "relu, some zeros": (relu, (np.array([0.0, 0, 1, -1, 0.5]),), lambda u, x: u * (x > 0)),
    "leaky relu at zeros": (
        lambda x: np.where(x > 0, x, 0.1 * x),
        (np.zeros(4),),
        lambda u, x: u * np.where(x > 0, 1, 0.1),
    ),
    "abs at zeros": (np.abs, (np.zeros(7),), lambda u, x: u * np.sign(x)),
    "layer with padding": (
        lambda W, b: relu(X @ W + b),
        (W, np.zeros(4)),
        lambda u, W, b: (X.T @ (u * (X @ W + b > 0)), (u * (X @ W + b > 0)).sum(0)),
    ),
    "two layers at zero bias": (
        lambda b: relu(X @ W + b) @ V4,
        (np.zeros(4),),
        lambda u, b: ((u[:, None] * V4) * (X @ W + b > 0)).sum(0),
    ),
    "masked softmax": (softmax, (np.array([0.0, 0.0, 1.0, -1e9]),), softmax_vjp),
    "masked softmax, 1e30": (softmax, (np.array([0.0, 0.3, 0.0, -1e30]),), softmax_vjp),
    "tanh of Unix time": (
        lambda x: np.tanh(x - 1.7e9),
        (np.array([1.7e9 + 0.3]),),
        lambda u, x: u / np.cosh(x - 1.7e9) ** 2,
    ),
    **{
        f"sin({k:g} x)": (
            lambda x, k=k: np.sin(k * x),
            (np.array([0.7, -0.2]),),
            lambda u, x, k=k: u * k * np.cos(k * x),
        )
        for k in (1e3, 1e5, 1e6, 1e8)
    },
    **{
        f"chaos, {n} steps": (
            lambda x, n=n: orbit(x, n)[0],
            (np.array([0.3]),),
            lambda u, x, n=n: u * orbit(x, n)[1],
        )
        for n in (15, 25, 35)
    },
    "ill-conditioned inverse": (
        np.linalg.inv,
        (A,),
        lambda u, a: -(np.linalg.inv(a).T @ u @ np.linalg.inv(a).T),
    ),
    "kink a millionth away": (
        lambda x: np.maximum(x, 1 - 1e-6),
        (np.array([1.0]),),
        lambda u, x: u * (x > 1 - 1e-6),
    ),
    "running maximum": (
        np.maximum.accumulate,
        (rng.standard_normal(9),),
        lambda u, x: np.bincount([int(np.argmax(x[: i + 1])) for i in range(9)], u, 9),
    ),
    "np.clip": (
        lambda x: np.clip(x, -1, 1),
        (rng.standard_normal(5),),
        lambda u, x: u * ((x > -1) & (x < 1)),
    ),
    "squares at zero": (lambda x: x * x, (np.array([0.0, 1.0, 0.0]),), lambda u, x: 2 * u * x),
    "logaddexp, far apart": (
        np.logaddexp,
        (np.array([0.0]), np.array([-40.0])),
        lambda u, a, b: (u * np.exp(a - np.logaddexp(a, b)), u * np.exp(b - np.logaddexp(a, b))),
    ),
    "raises beside the point": (shifted_log, (np.array([0.97]),), lambda u, x: u / (1 - x)),
    "row maximum with ties": (
        lambda x: x.max(1),
        (TIES,),
        lambda u, x: u[:, None] * np.eye(3)[x.argmax(1)],
    ),
    "lasso at zero": (
        lambda w, v: np.abs(w).sum() + np.sum(v**2),
        (np.zeros(50), np.array([0.3, -1.2, 0.5])),
        lambda u, w, v: (u * np.sign(w), 2 * u * v),
    ),
    "float32 beside float64": (
        lambda a, b: a * b,
        (np.array([1.5, 2.0]), np.float32([2.0, 3.0])),
        lambda u, a, b: (u * b, u * a),
    ),
    "hinge": (
        lambda m: np.maximum(0, 1 - m).mean(),
        (np.array([1.0, 0.3, 2.0]),),
        lambda u, m: -u * (m < 1) / 3,
    ),
    "sorted": (
        lambda x: np.sort(x) * np.arange(5),
        (rng.standard_normal(5),),
        lambda u, x: (u * np.arange(5))[np.argsort(np.argsort(x))],
    ),
    "floor is flat": (
        lambda x: np.floor(x) + x,
        (np.array([0.3, 1.7]),),
        lambda u, x: u * np.ones(2),
    ),
}


class Accumulates:
    g: Any = 0.0

    def forward(self, x: Any) -> Any:
        self.x = x
        return x**2

    def backward(self, u: Any) -> Any:
        self.g = self.g + 2 * u * self.x
        return self.g


class FirstInputForever:
    x: Any = None

    def forward(self, x: Any) -> Any:
        if self.x is None:
            self.x = x
        return x**3

    def backward(self, u: Any) -> Any:
        return 3 * u * self.x**2


class ReturnsItsMemory:
    def __init__(self) -> None:
        self.buffer = np.zeros(2)

    def forward(self, x: Any) -> Any:
        self.x = x
        return x**2

    def backward(self, u: Any) -> Any:
        self.buffer[...] = 2 * u * self.x
        return self.buffer


def every_second_call() -> Callable[..., Any]:
    calls = [0]

    def vjp(u: Any, x: Any) -> Any:
        calls[0] += 1
        return 2 * u * x * (1 if calls[0] % 2 else 1.1)

    return vjp


dice = np.random.default_rng(0)

WRONG: dict[str, Case] = {
    "hidden behind zeros": (
        lambda x: relu(x).sum(),
        (np.r_[np.zeros(20), 1.0],),
        lambda u, x: 1.5 * u * (x > 0),
    ),
    "the other argument of a lasso": (
        lambda w, v: np.abs(w).sum() + np.sum(v**2),
        (np.zeros(50), np.array([0.3, -1.2, 0.5])),
        lambda u, w, v: (u * np.sign(w), 2.2 * u * v),
    ),
    "max-pool doubled, with ties": (
        lambda x: x.max(1),
        (TIES,),
        lambda u, x: 2 * u[:, None] * np.eye(3)[x.argmax(1)],
    ),
    "both that tie get all": (
        lambda x: x.max(1),
        (TIES,),
        lambda u, x: u[:, None] * (x == x.max(1, keepdims=True)),
    ),
    "seven on the kink": (
        relu,
        (np.array([0.0, 1.0]),),
        lambda u, x: np.where(x == 0, 7 * u, u * (x > 0)),
    ),
    "random": (
        lambda x: x**2,
        (np.ones(50),),
        lambda u, x: 2 * u * x * (dice.random(50) < 0.5) * 2,
    ),
    "absolute upstream": (
        lambda x: np.sum(x**2),
        (np.ones(5),),
        lambda u, x: np.abs(u) * 2 * x,
    ),
    "a float64 gradient with float32's digits": (
        lambda a, b: a * b,
        (np.array([1.5, 2.0]), np.float32([2.0, 3.0])),
        lambda u, a, b: (u * b * (1 + 1e-6), u * a),
    ),
    "sin(1e6 x), one part in a thousand": (
        lambda x: np.sin(1e6 * x),
        (np.array([0.7]),),
        lambda u, x: u * 1.001e6 * np.cos(1e6 * x),
    ),
    "not finite": (
        lambda x: np.sum(x**2),
        (np.array([1.0, 2.0]),),
        lambda u, x: np.array([np.inf, 4.0]) * u,
    ),
    "Fortran order mistaken": (
        lambda x: np.sin(x),
        (np.asfortranarray(rng.standard_normal((3, 2))),),
        lambda u, x: u * np.cos(x.ravel(order="K").reshape(x.shape)),
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_gradients_do_not_fail(name: str) -> None:
    f, inputs, vjp = RIGHT[name]
    verdicts = {testing.check_gradients(f, *inputs, vjp=vjp, seed=s).verdict for s in SEEDS}
    assert verdicts <= {Verdict.PASS, Verdict.KINK}, verdicts


@pytest.mark.parametrize("name", WRONG)
def test_wrong_gradients_fail(name: str) -> None:
    f, inputs, vjp = WRONG[name]
    for seed in SEEDS:
        report = testing.check_gradients(f, *inputs, vjp=vjp, seed=seed)
        assert report.verdict is Verdict.FAIL, report.why
        assert report.mismatch is not None


@pytest.mark.parametrize("layer", [Accumulates, FirstInputForever, ReturnsItsMemory])
def test_layers_that_remember_too_much(layer: Any) -> None:
    report = testing.check_gradients(layer(), np.array([0.3, 0.7]))
    assert report.verdict is Verdict.FAIL


def test_every_second_call_is_wrong() -> None:
    report = testing.check_gradients(lambda x: x**2, np.ones(2), vjp=every_second_call())
    assert report.verdict is Verdict.FAIL and "how often" in report.why


def test_a_verdict_does_not_depend_on_what_was_checked_before() -> None:
    far = cg.parameter("x", [0.0, 0.0, 1.0, -1e30])
    first = testing.check_gradients(cg.logsumexp(far)).verdict
    testing.check_gradients(cg.logsumexp(cg.parameter("x", [1.0, 2.0])))
    assert testing.check_gradients(cg.logsumexp(far)).verdict is first is Verdict.PASS


@pytest.mark.parametrize(
    ("forward", "partial", "x"),
    [
        (np.tanh, lambda out, x: 1.0 - out * out, 7.0),
        (lambda x: 1 / (1 + np.exp(-x)), lambda out, x: out * (1.0 - out), 10.0),
    ],
)
def test_cancelling_partials_in_float32(forward: Any, partial: Any, x: float) -> None:
    op = cg.elementwise("cancels", forward, partial, module=__name__)
    try:
        verdict = testing.check_gradients(op(cg.parameter("x", np.float32([x])))).verdict
        assert verdict is not Verdict.FAIL
    finally:
        del cg.ops.OPS["cancels"], cg.ops.PUBLIC["cancels"]


def test_what_the_function_raises_beside_the_point_is_told() -> None:
    def f(x: Any) -> Any:
        if x[0] != 0.5:
            raise ValueError("only at one half")
        return x * 2

    report = testing.check_gradients(f, np.array([0.5]), vjp=lambda u, x: 3 * u)
    assert report.verdict in (Verdict.DOMAIN, Verdict.INCONCLUSIVE)
    assert "only at one half" in str(report)


@pytest.mark.parametrize("size", [300, 5000, 100_000])
def test_the_wrong_entry_of_many_is_named(size: int) -> None:
    x = rng.standard_normal(size)
    off = np.ones(size)
    off[7] = 1.5
    report = testing.check_gradients(
        lambda x: np.sum(np.sin(x)), x, vjp=lambda u, x: u * np.cos(x) * off
    )
    assert report.verdict is Verdict.FAIL and report.mismatch.element == (7,)
    assert "3/2" in report.mismatch.hint and "distribution" not in report.mismatch.hint


@pytest.mark.parametrize("name", ["eigvalsh", "cholesky"])
def test_gradients_for_symmetric_matrices_are_right_where_one_triangle_is_read(name: str) -> None:
    torch = pytest.importorskip("torch")
    a = torch.tensor(rng.standard_normal((4, 4)))
    a = a @ a.T + torch.eye(4)
    function = getattr(torch.linalg, name)
    report = testing.check_gradients(lambda a: function(a), a)
    assert report.verdict is Verdict.PASS and "symmetric" in str(report), str(report)


def test_a_transposed_gradient_at_a_symmetric_matrix_fails() -> None:
    a, x, y = np.eye(3) + 0.5, rng.standard_normal(3), rng.standard_normal(3)
    report = testing.check_gradients(lambda a: x @ a @ y, a, vjp=lambda u, a: u * np.outer(y, x))
    assert report.verdict is Verdict.FAIL and "transposed" in report.mismatch.hint


def test_eigenvalues_as_books_have_them_and_off_by_a_thousandth() -> None:
    a = np.array([[2.0, 0.5, 0.1], [0.5, 1.0, 0.2], [0.1, 0.2, -1.0]])

    def vjp(u: Any, a: Any) -> Any:
        v = np.linalg.eigh(a)[1]
        return v * u @ v.T

    right = testing.check_gradients(np.linalg.eigvalsh, a, vjp=vjp)
    wrong = testing.check_gradients(np.linalg.eigvalsh, a, vjp=lambda u, a: 1.001 * vjp(u, a))
    assert right.verdict is Verdict.PASS and wrong.verdict is Verdict.FAIL


def test_nan_from_a_branch_that_was_not_taken_is_blamed_where_the_derivative_is_known() -> None:
    x = np.array([1.0, 0.0, -1.0])
    f = lambda x: np.where(np.asarray(x, float) > 0, np.sqrt(np.asarray(x, float)), 0.0)  # noqa: E731
    report = testing.check_gradients(
        f, x, vjp=lambda u, x: u * np.where(x > 0, 0.5, 0) / np.sqrt(x)
    )
    assert report.verdict is Verdict.FAIL and report.mismatch.element == (2,), str(report)


@pytest.mark.parametrize("scale", [1.0, 1e-270, 1e-295, 1e-306])
def test_functions_of_any_scale_are_judged(scale: float) -> None:
    x = np.array([0.3, -0.7, 1.2])
    f = lambda x: scale * np.sin(x)  # noqa: E731
    right = testing.check_gradients(f, x, vjp=lambda u, x: u * scale * np.cos(x))
    twice = testing.check_gradients(f, x, vjp=lambda u, x: 2 * u * scale * np.cos(x))
    assert right.verdict is Verdict.PASS and twice.verdict is Verdict.FAIL


def test_a_graph_below_the_range_of_numbers_is_not_called_right() -> None:
    tiny = cg.elementwise(
        "tiny_sine", lambda x: 1e-300 * np.sin(x), lambda o, x: 2e-300 * cg.cos(x)
    )
    report = testing.check_gradients(tiny(cg.parameter("x", [0.3, -0.7])))
    assert report.verdict is Verdict.INCONCLUSIVE and "no digits" in report.why


@pytest.mark.skipif(np.finfo(np.longdouble).eps > 2.0**-60, reason="no extended precision here")
@pytest.mark.parametrize("seed", range(5))
def test_an_error_of_1e_12_is_seen_by_extended_precision(seed: int) -> None:
    x = np.random.default_rng(seed).standard_normal(3)
    vjp = lambda u, x: u * 2 * x / (1 + x * x)  # noqa: E731
    f = lambda x: np.log1p(x * x)  # noqa: E731
    off = testing.check_gradients(f, x, vjp=lambda u, x: vjp(u, x) * (1 + 1e-12), seed=seed)
    assert off.verdict is Verdict.FAIL
    assert testing.check_gradients(f, x, vjp=vjp, seed=seed).verdict is Verdict.PASS


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("around", [1e3, 1e4, 1e5])
def test_float32_code_that_cannot_be_replayed_is_judged_by_itself_in_float64(
    around: float, seed: int
) -> None:
    torch = pytest.importorskip("torch")
    x = torch.tensor(around + np.random.default_rng(seed).standard_normal(6), dtype=torch.float32)

    class Scaled(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return torch.logsumexp(x, 0)

        @staticmethod
        def backward(ctx: Any, u: Any) -> Any:
            return 1.05 * u * torch.softmax(ctx.saved_tensors[0], 0)

    right = testing.check_gradients(lambda x: torch.logsumexp(x, 0), x, seed=seed)
    assert right.verdict is Verdict.PASS, str(right)
    assert testing.check_gradients(Scaled, x, seed=seed).verdict is Verdict.FAIL


@pytest.mark.parametrize("where, factor", [((7,), 1.5), ((60_000,), 1.001)])
def test_by_differences_the_wrong_entry_of_many_is_named_in_few_calls(
    where: tuple[int], factor: float
) -> None:
    calls = []

    def f(x: Any) -> Any:
        calls.append(1)
        return np.sin(np.asarray(x, float))  # a cast: no complex step

    x, off = rng.standard_normal(100_000), np.ones(100_000)
    off[where] = factor
    report = testing.check_gradients(f, x, vjp=lambda u, x: u * np.cos(x) * off)
    assert report.verdict is Verdict.FAIL and report.mismatch.element == where
    assert f"{report.mismatch.got / report.mismatch.expected:.6f}" == f"{factor:.6f}"
    assert len(calls) < 800


@pytest.mark.parametrize(
    "options",
    [
        {"modes": ("vpj",)}, {"modes": "vjp"}, {"modes": ("jvp",)}, {"modes": ()}, {"reference": "mpmath"}, {"order": 0},
        {"projections": 0}, {"gradient": lambda x: x},
    ],
)  # fmt: skip
def test_options_that_would_check_nothing_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        testing.check_gradients(lambda x: x**2, np.ones(2), vjp=lambda u, x: 2 * u * x, **options)


def test_forward_mode_is_compared_where_the_complex_step_is_lost() -> None:
    from cgraph.linear_maps import Adjoint
    from cgraph.op import Op, register

    flipped = register(
        Op(
            "flipped", lambda x: np.array(np.asarray(x, float).tolist())[::-1],
            linear_maps=(lambda out, x: Adjoint(lambda t: 7.0 * t, lambda u: u[::-1]),),
            shape=lambda s: s, family="structure", module=__name__,
        )
    )  # fmt: skip
    try:
        report = testing.check_gradients(flipped(cg.parameter("x", [1.0, 2.0, 3.5])))
        assert report.verdict is Verdict.FAIL and report.mismatch.op == "flipped"
    finally:
        del cg.ops.OPS["flipped"]


@pytest.mark.slow
def test_pytorch_relu() -> None:
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)  # small tensors: more threads only wait for each other
    verdicts = [
        testing.check_gradients(
            torch.relu, torch.tensor(np.random.default_rng(s).standard_normal(5)), seed=s
        ).verdict
        for s in range(20 if NIGHTLY else 3)
    ]
    assert set(verdicts) == {Verdict.PASS}
    zeros = testing.check_gradients(torch.relu, torch.zeros(5, dtype=torch.float64))
    assert zeros.verdict is Verdict.KINK
