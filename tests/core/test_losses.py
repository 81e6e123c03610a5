"""Binary cross-entropy in all its forms: right in both tails, and the textbook form as the textbook has it.

The grid of logits and labels is the one on which other engines were measured; the truth is mpmath's, with enough digits for
ln(1 + e^-800).
"""

from __future__ import annotations

import itertools
from typing import Any

import mpmath
import numpy as np
import pytest

import cgraph as cg

HARD = list(
    itertools.product(
        [s * z for z in (0.0, 20.0, 40.0, 100.0, 800.0) for s in (1, -1)][1:], [0.0, 1.0, 0.3]
    )
)
LABELS = [0.0, 1.0, 0.5, 0.3, 1e-6, 1 - 1e-6, 0.1, 0.9]
LOGITS = sorted({s * z for z in [0.0, *np.geomspace(1e-8, 800, 60)] for s in (1, -1)})


def truth(z: float, y: float) -> tuple[Any, Any, Any]:
    """Value, first and second derivative with respect to z, with 400 digits."""
    z, y = mpmath.mpf(z), mpmath.mpf(y)
    up, down = 1 / (1 + mpmath.exp(-z)), 1 / (1 + mpmath.exp(z))
    value = y * mpmath.log1p(mpmath.exp(-z)) + (1 - y) * mpmath.log1p(mpmath.exp(z))
    return value, (1 - y) * up - y * down, up * down


def error(found: Any, exact: Any, scale: Any = None) -> float:
    """Relative error; relative to `scale` where the truth is a difference of larger numbers."""
    size = abs(exact) if scale is None else max(abs(exact), scale)
    if size < 1e-300:
        return 0.0 if abs(float(found)) < 1e-300 else np.inf
    return float(abs(mpmath.mpf(float(found)) - exact) / size)


def all_derivatives(z: Any, y: Any, dtype: Any = np.float64) -> tuple[Any, Any, Any]:
    p = cg.parameter("z", np.asarray(z, dtype))
    loss = cg.stable_bce(p, cg.input("y", np.asarray(y, dtype)))
    run = loss.backward(upstream=np.ones(loss.shape))
    first = cg.gradient(loss, p, np.ones(loss.shape, dtype))
    second = cg.gradient(cg.sum(first), p)
    assert run.grad(p).dtype == second.dtype == dtype
    return run.value(loss), run.grad(p), cg.run(second).value(second)


def test_the_27_cases() -> None:
    assert len(HARD) == 27
    with mpmath.workdps(400):
        for z, y in HARD:
            exact = truth(z, y)
            for value, slope, curve in (
                all_derivatives(z, y), tuple(a[0] for a in all_derivatives([z], [y])),  # numbers, arrays
            ):  # fmt: skip
                assert np.isfinite([value, slope, curve]).all()
                assert error(value, exact[0]) <= 4e-16, f"value at {z}, {y}"
                assert error(slope, exact[1]) <= 4e-16, f"gradient at {z}, {y}"
                assert error(curve, exact[2]) <= 1e-15, f"second derivative at {z}, {y}"


@pytest.mark.parametrize(
    ("dtype", "eps"), [(np.float64, 2.2e-16), (np.float32, 1.2e-7)], ids=["float64", "float32"]
)
def test_a_grid_of_logits_and_labels(dtype: Any, eps: float) -> None:
    bound = 80.0 if dtype == np.float32 else 800.0
    grid = [(dtype(z), dtype(y)) for z, y in itertools.product(LOGITS, LABELS) if abs(z) <= bound]
    value, slope, curve = all_derivatives(*np.array(grid, dtype).T, dtype)
    with mpmath.workdps(400):
        for k, (z, y) in enumerate(grid):
            exact = truth(float(z), float(y))
            assert error(value[k], exact[0]) <= 3 * eps, (z, y)
            # Near sigmoid(z) = y the gradient is a small difference by nature; elsewhere every digit counts.
            near = min(y * (1 - y), exact[2]) if 0 < y < 1 else None
            assert error(slope[k], exact[1], near) <= 4 * eps, (z, y)
            assert error(curve[k], exact[2]) <= 6 * eps, (z, y)


def test_infinite_logits() -> None:
    inf = np.inf
    for z, y, value, slope in [
        (inf, 1.0, 0.0, 0.0), (-inf, 0.0, 0.0, 0.0), (inf, 0.0, inf, 1.0), (-inf, 1.0, inf, -1.0), (inf, 0.3, inf, 0.7),
    ]:  # fmt: skip
        for shape in ((), (1,)):
            found, gradient, second = all_derivatives(np.full(shape, z), np.full(shape, y))
            assert found.ravel()[0] == value and gradient.ravel()[0] == pytest.approx(
                slope, abs=1e-15
            )
            assert second.ravel()[0] == 0.0


def test_gradient_towards_the_label() -> None:
    z, y = cg.parameter("z", [2.0, -40.0]), cg.parameter("y", [0.3, 1.0])
    run = cg.sum(cg.stable_bce(z, y)).backward()
    np.testing.assert_array_equal(run.grad(y), [-2.0, 40.0])


def test_bce_is_the_textbook_formula() -> None:
    p, y = np.array([0.1, 0.5, 0.999]), np.array([1.0, 0.0, 0.3])
    np.testing.assert_allclose(cg.bce(p, y), -(y * np.log(p) + (1 - y) * np.log(1 - p)), rtol=1e-15)
    node = cg.parameter("p", p)
    run = cg.sum(cg.bce(node, y)).backward()
    np.testing.assert_allclose(run.grad(node), (p - y) / (p * (1 - p)), rtol=1e-13)
    # On purpose it breaks where the textbook does: that is what stable_bce is for.
    sure = cg.parameter("p", 1.0)
    assert float(cg.bce(sure, 0.0).backward().grad(sure)) == np.inf
    assert np.isinf(cg.run(cg.bce(sure, 0.0)).roots[0].value)


def test_bce_of_sigmoid_agrees_where_it_can() -> None:
    z, y = cg.parameter("z", np.linspace(-5, 5, 11)), np.tile([0.0, 1.0], 6)[:11]
    long, fused = (
        cg.sum(cg.bce(cg.sigmoid(z), y)).backward(),
        cg.sum(cg.stable_bce(z, y)).backward(),
    )
    np.testing.assert_allclose(long.value(long.roots[0]), fused.value(fused.roots[0]), rtol=1e-13)
    np.testing.assert_allclose(long.grad(z), fused.grad(z), rtol=1e-12)


def test_keras_bce() -> None:
    """From probabilities: clipped to [1e-7, 1 − 1e-7], so never worse than −ln 1e-7; from logits: stable_bce."""
    assert float(cg.keras_bce(0.0, 1.0)) == pytest.approx(-np.log(1e-7), rel=1e-12)
    assert float(cg.keras_bce(1.0, 1.0)) == pytest.approx(1e-7, rel=1e-6)
    p, y = np.array([0.2, 0.7]), np.array([1.0, 0.0])
    np.testing.assert_allclose(
        cg.keras_bce(p, y), -(y * np.log(p) + (1 - y) * np.log(1 - p)), rtol=1e-13
    )
    node = cg.parameter("p", p)
    np.testing.assert_allclose(
        cg.sum(cg.keras_bce(node, y)).backward().grad(node), (p - y) / (p * (1 - p)), rtol=1e-12
    )
    z = np.array([-800.0, 3.0])
    np.testing.assert_array_equal(cg.keras_bce(z, y, from_logits=True), cg.stable_bce(z, y))
    wide = cg.parameter("p", np.float32(0.25))
    loss = cg.keras_bce(wide, 1.0)
    assert loss.dtype == np.float32 and loss.backward().grad(wide).dtype == np.float32


def test_mse_is_half_the_squared_error() -> None:
    p, y = cg.parameter("p", [1.0, 3.0]), [0.0, 1.0]
    run = cg.mean(cg.mse(p, y)).backward()
    assert float(run.value(run.roots[0])) == 1.25
    np.testing.assert_array_equal(run.grad(p), [0.5, 1.0])
