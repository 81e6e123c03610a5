"""Graphs of numbers: the quick way through Python floats gives what arrays give, also where floats would raise; and the digits that
textbook formulas lose are there.
"""

from __future__ import annotations

import itertools
from typing import Any

import mpmath
import numpy as np
import pytest

import cgraph as cg
import cgraph.special  # for its rows
from cgraph.ops import OPS

NASTY = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -2.5,
    3.0,
    1e-320,
    1e-200,
    1e200,
    -1e200,
    720.0,
    -720.0,
    np.inf,
    -np.inf,
    np.nan,
]
differentiable = [
    r for r in OPS.values() if r.partials and any(map(r.differentiable, range(len(r.partials))))
]


def close(a: Any, b: Any) -> bool:
    """Equal to a few units in the last place, NaN for NaN, inf for inf."""
    a, b = np.asarray(a), np.asarray(b)
    with np.errstate(all="ignore"):
        near = np.abs(a - b) <= 8 * np.spacing(np.maximum(np.abs(a), np.abs(b)))
    return bool(np.all((a == b) | (np.isnan(a) & np.isnan(b)) | near))


@pytest.mark.parametrize("row", differentiable, ids=lambda r: r.name)
def test_numbers_as_arrays(row: Any) -> None:
    """Value and gradient of a scalar graph equal those of the same graph on arrays of one entry, on nasty numbers too."""
    count = len(row.partials)
    values = NASTY if count < 3 else [0.0, 1.0, -2.5, np.inf, np.nan]
    grid = np.array(list(itertools.product(values, repeat=count))).T
    arrays = [cg.parameter(f"x{i}", g) for i, g in enumerate(grid)]
    wide = row(*arrays).backward(upstream=np.ones(grid.shape[1]))
    numbers = [cg.parameter(f"x{i}", 1.0) for i in range(count)]
    out = row(*numbers)
    assert out.is_number == (row.scalar is not None)
    for k, point in enumerate(grid.T):
        for n, v in zip(numbers, point, strict=True):
            n.value = float(v)
        run = out.backward()
        assert close(run.value(out), wide.value(wide.roots[0])[k]), f"{row.name}{tuple(point)}"
        for i, (n, a) in enumerate(zip(numbers, arrays, strict=True)):
            assert close(run.grad(n), wide.grad(a)[k]), (
                f"∂{row.name}{tuple(point)}/∂{i}: {run.grad(n)} and {wide.grad(a)[k]}"
            )
            if row.differentiable(i):
                assert close(run.local(out, i).vjp(1.0), wide.grad(a)[k])
                assert close(run.share(out, i), wide.grad(a)[k])


def test_no_warnings_no_exceptions_where_floats_would_raise(recwarn: Any) -> None:
    x = cg.parameter("x", 0.0)
    for out in (
        1.0 / x,
        cg.log(x),
        cg.sqrt(x),
        x**-1.0,
        cg.exp(x + 1e4),
        cg.log(x - 1.0),
        cg.reciprocal(x),
        cg.sinh(x + 1e3),
    ):
        out.backward()
    assert not recwarn.list


# --- digits -------------------------------------------------------------------------------------------------------------------

TAILS = [
    s * z
    for z in (1e-300, 1e-12, 1e-3, 0.3, 1.0, 5.0, 19.0, 37.0, 40.0, 100.0, 600.0, 740.0)
    for s in (1, -1)
]


def softplus(z: Any) -> Any:
    return mpmath.log1p(mpmath.exp(z))


def logistic(z: Any) -> Any:
    return 1 / (1 + mpmath.exp(-z))


EXACT: dict[str, tuple[Any, Any]] = {
    "sigmoid": (logistic, lambda z: logistic(z) * logistic(-z)),
    "tanh": (mpmath.tanh, lambda z: mpmath.sech(z) ** 2),
    "softplus": (softplus, logistic),
    "expm1": (mpmath.expm1, mpmath.exp),
    "arctan": (mpmath.atan, lambda z: 1 / (1 + mpmath.mpf(z) ** 2)),
    "exp": (mpmath.exp, mpmath.exp),
}


def relative(found: float, truth: Any) -> float:
    truth = mpmath.mpf(truth)
    if abs(truth) > mpmath.mpf(np.finfo(np.float64).max):
        return 0.0 if np.isinf(found) else np.inf
    if abs(truth) < np.finfo(np.float64).tiny * 4:  # subnormal numbers have fewer digits
        return 0.0 if abs(found) < np.finfo(np.float64).tiny * 8 else np.inf
    return float(abs(mpmath.mpf(float(found)) - truth) / abs(truth))


@pytest.mark.parametrize("name", EXACT)
def test_activations_keep_their_digits_in_both_tails(name: str) -> None:
    value, slope = EXACT[name]
    with mpmath.workdps(400):
        truths = [(value(mpmath.mpf(z)), slope(mpmath.mpf(z))) for z in TAILS]
        x = cg.parameter("x", np.array(TAILS))
        run = OPS[name](x).backward(upstream=np.ones(len(TAILS)))
        number = cg.parameter("z", 0.0)
        out = OPS[name](number)
        for k, (z, (v, s)) in enumerate(zip(TAILS, truths, strict=True)):
            number.value = z
            single = out.backward()
            for found in (run.value(run.roots[0])[k], single.value(out)):
                assert relative(found, v) < 1e-15, f"{name}({z})"
            for found in (run.grad(x)[k], single.grad(number)):
                assert relative(found, s) < 2e-15, f"{name}'({z})"


def test_logsumexp_keeps_what_small_terms_add() -> None:
    x = np.array(
        [
            [0.0, -40.0],
            [0.0, 0.0],
            [-3.0, -3.5],
            [1000.0, 999.0],
            [-1000.0, -1040.0],
            [-np.inf, 2.0],
            [-np.inf, -np.inf],
        ]
    )
    found = cg.logsumexp(x, axis=1)
    with mpmath.workdps(100):
        for row, value in zip(x[:5], found, strict=False):
            truth = mpmath.log(mpmath.exp(mpmath.mpf(row[0])) + mpmath.exp(mpmath.mpf(row[1])))
            assert relative(value, truth) < 1e-15
    assert found[5] == 2.0 and found[6] == -np.inf
    p = cg.parameter("x", x[:6])
    gradient = cg.sum(cg.logsumexp(p, axis=1)).backward().grad(p)
    assert np.isfinite(gradient).all()
    np.testing.assert_allclose(gradient[0], [1.0, np.exp(-40.0)], rtol=1e-15)
    np.testing.assert_array_equal(gradient[5], [0.0, 1.0])


def test_log_softmax_and_softmax_of_large_numbers() -> None:
    x = cg.parameter("x", [1000.0, 0.0, -1000.0])
    run = cg.log_softmax(x)[0].backward()
    np.testing.assert_allclose(run.value(run.roots[0]), 0.0, atol=1e-300)
    assert np.isfinite(run.grad(x)).all()
    run = cg.softmax(x).backward(upstream=np.array([1.0, 0.0, 0.0]))
    np.testing.assert_array_equal(run.value(run.roots[0]), [1.0, 0.0, 0.0])
    assert np.isfinite(run.grad(x)).all()
