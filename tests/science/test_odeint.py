"""`cg.integrate.odeint` against closed solutions, SciPy's own differences and JAX."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.integrate
from science.harness import Line, check

import cgraph as cg
from cgraph.errors import CgraphError, ShapeError, UnsupportedError

TIGHT = {"rtol": 1e-11, "atol": 1e-12}
T = np.array([0.0, 0.4, 1.1, 2.0])
Y0 = np.array([0.9, 0.6])
A = np.array([0.7, 1.3])


def predators(y: Any, t: Any, a: Any, b: Any) -> Any:
    """Lotka and Volterra's equations, with a season."""
    first = y[0] * (a[0] - b * y[1]) * (1.0 + 0.1 * t)
    second = -y[1] * (a[1] - y[0])
    return [first, second]


def ours(y0: Any, a: Any, b: Any) -> Any:
    return cg.integrate.odeint(predators, y0, T, (a, b), **TIGHT)


def theirs(y0: Any, a: Any, b: Any) -> Any:
    return scipy.integrate.odeint(predators, y0, T, (a, b), **TIGHT)


def test_against_scipys_differences() -> None:
    check(
        Line(
            "odeint",
            ours,
            theirs,
            (Y0, A, np.array(0.8)),
            value=1e-9,
            slope=1e-6,
            curve=None,
            single=1e-3,
            step=1e-2,
        )
    )


def test_second_order_and_closed_solutions() -> None:
    """The harmonic oscillator: y = cos(w t), whose derivatives in w are known."""

    def f(w: Any) -> Any:
        def slope(y: Any, t: Any) -> Any:  # w comes from outside
            return cg.stack([y[1], -w * w * y[0]])

        return cg.integrate.odeint(slope, np.array([1.0, 0.0]), [0.0, 0.5, 1.5], **TIGHT)[2, 0]

    w = 1.3
    first = cg.grad(f)
    assert float(f(w)) == pytest.approx(np.cos(1.5 * w), abs=1e-9)
    assert float(first(w)) == pytest.approx(-1.5 * np.sin(1.5 * w), abs=1e-8)
    assert float(cg.grad(first)(w)) == pytest.approx(-2.25 * np.cos(1.5 * w), abs=1e-7)
    assert float(cg.jvp(f, (w,), (1.0,))[1]) == pytest.approx(-1.5 * np.sin(1.5 * w), abs=1e-8)
    assert float(cg.jvp(first, (w,), (1.0,))[1]) == pytest.approx(-2.25 * np.cos(1.5 * w), abs=1e-7)


def test_shapes_directions_and_what_is_refused() -> None:
    assert cg.integrate.odeint(lambda y, t: -y, np.ones((2, 2)), T).shape == (4, 2, 2)
    back = cg.integrate.odeint(lambda y, t: -y, np.ones(1), [1.0, 0.0])
    assert back[1, 0] == pytest.approx(np.e, rel=1e-6)
    first = cg.integrate.odeint(lambda t, y: t * y, np.ones(1), [0.0, 1.0], tfirst=True)
    assert first[1, 0] == pytest.approx(np.exp(0.5), rel=1e-6)
    with pytest.raises(UnsupportedError, match="times"):
        cg.integrate.odeint(lambda y, t: -y, Y0, cg.input("t", T))
    with pytest.raises(ShapeError, match="slope"):
        cg.integrate.odeint(lambda y, t: y[0], Y0, T)
    y = cg.parameter("y", [1.0])
    with pytest.raises(CgraphError, match="cannot be computed"):
        cg.run(cg.integrate.odeint(lambda y, t: y * y, y, [0.0, 5.0], mxstep=20))
