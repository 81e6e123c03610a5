"""Known ranges: what may be left out is, what may not is not, and the numbers stay."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from compiled.nearness import assert_near, compiled

import cgraph as cg

WILD = np.array([0.3, -2.0, 900.0, -900.0, 0.0, np.nan, np.inf, -np.inf, 1e200])


def program(build: Any) -> tuple[str, Any, Any]:
    x = cg.parameter("x", WILD)
    root = cg.sum(cg.where(np.isnan(WILD), 0.0, build(x)))
    return cg.compile([root], inputs=[], gradients=[x]).source, root, x


@pytest.mark.parametrize(
    ("build", "guard"),
    [
        (lambda x: cg.sigmoid(cg.tanh(x)), "fmin("),
        (lambda x: cg.stable_bce(cg.sin(x) * 3.0, 1.0), "_700"),
        (lambda x: cg.relu(cg.sigmoid(x)), "maximum("),
        (lambda x: cg.softplus(cg.sigmoid(x)), "reciprocal(e, "),
        (lambda x: cg.abs(cg.square(cg.tanh(x)) + 1.0), "absolute("),
        (lambda x: cg.sqrt(cg.square(cg.sigmoid(x))), "sqrt("),
    ],
)
def test_a_needless_guard_is_left_out(build: Any, guard: str) -> None:
    source, root, x = program(build)
    assert guard not in source.split("# backward")[0]
    assert_near(compiled(root, [x]), root, [x])


@pytest.mark.parametrize(
    ("build", "guard"),
    [
        (lambda x: cg.sigmoid(cg.relu(x) * -1.0), "fmin("),
        (lambda x: cg.relu(cg.tanh(x)), "maximum("),
        (lambda x: cg.sqrt(cg.square(x)), "sqrt("),
        (lambda x: cg.abs(cg.cos(x)), "absolute("),
    ],
)
def test_a_guard_that_is_needed_stays(build: Any, guard: str) -> None:
    source, root, x = program(build)
    assert guard in source
    assert_near(compiled(root, [x]), root, [x])


def test_fast_slope_of_tanh() -> None:
    """Where tanh is there, 1 − tanh², to a unit in the last place of 1; against mpmath."""
    mp = pytest.importorskip("mpmath")
    x = cg.input("x", shape=(400,))
    data = np.linspace(-12.0, 12.0, 400)
    loss = cg.sum(cg.tanh(x))
    slopes = [cg.compile([loss], [x], [x], accuracy=a)(data)[1][0] for a in ("full", "fast")]
    exact = np.array([float(mp.sech(mp.mpf(float(v))) ** 2) for v in data])
    np.testing.assert_allclose(slopes[0], exact, rtol=1e-15)
    assert 1e-17 < np.max(np.abs(slopes[1] - exact)) < 2.3e-16
    assert "cosh(" not in cg.compile([loss], [x], [x], accuracy="fast").source
