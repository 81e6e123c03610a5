"""`check_gradients` on single cases: the verdicts, and that the right ones come out of right and wrong code."""

from __future__ import annotations

import numpy as np
import pytest

import cgraph as cg
from cgraph import testing
from cgraph.testing import Verdict


def test_a_right_graph_passes() -> None:
    rng = np.random.default_rng(0)
    W, b = cg.parameter("W", rng.normal(size=(2, 3))), cg.parameter("b", np.zeros((2, 1)))
    loss = cg.mean(cg.stable_bce(W @ rng.normal(size=(3, 4)) + b, np.ones((2, 4))))
    report = testing.check_gradients(loss, modes=("vjp", "jvp", "graph"), order=2)
    assert report.verdict is Verdict.PASS, str(report)


@pytest.mark.parametrize("delta", [1e-3, 1e-6, 1e-10])
def test_a_small_factor_is_found(delta: float) -> None:
    def wrong(u: np.ndarray, x: np.ndarray) -> np.ndarray:
        return u * np.exp(x) * (1 + delta)

    report = testing.check_gradients(np.exp, np.array([0.3, -1.0, 2.0]), vjp=wrong)
    assert report.verdict is Verdict.FAIL


def test_value_and_gradient_in_one() -> None:
    report = testing.check_gradients(lambda x: (np.sum(x**2), 2 * x), np.array([1.0, -3.0]))
    assert report.verdict is Verdict.PASS, str(report)
    assert (
        testing.check_gradients(lambda x: (np.sum(x**2), x), np.array([1.0, -3.0])).verdict
        is Verdict.FAIL
    )
    report = testing.check_gradients(lambda x: (x**2, lambda w: 2 * w * x), np.array([1.0, -3.0]))
    assert report.verdict is Verdict.PASS, str(report)


def test_nothing_to_check_says_what_to_give() -> None:
    with pytest.raises(cg.GradientError, match="vjp="):
        testing.check_gradients(lambda x: float(np.linalg.svd(x)[1][0]), np.eye(2))


def test_assert_raises_with_the_report() -> None:
    with pytest.raises(testing.GradientMismatch) as caught:
        testing.assert_gradients(lambda x: (x * x, x), 3.0)
    assert caught.value.report.verdict is Verdict.FAIL
