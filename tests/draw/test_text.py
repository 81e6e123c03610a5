"""Numbers, names and matrices as text: what is shown parses back to what was computed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cgraph.draw.model import text

hypothesis = pytest.importorskip("hypothesis")
st = hypothesis.strategies


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.5, "0.5"), (0.6931471805599453, "0.693"), (0.0, "0"), (-0.0, "0"), (2.1e-7, "2.1·10⁻⁷"), (-12345.678, "−1.235·10⁴"),
     (float("nan"), "NaN"), (float("inf"), "∞"), (float("-inf"), "−∞"), (1, "1"), (True, "1"), (np.float32(0.1), "0.1"),
     (1e300, "10³⁰⁰"), (-1e-9, "−10⁻⁹"), (0.72014, "0.720"), (0.1 + 0.2, "0.3"), 
     (5e-324, "4.941·10⁻³²⁴"), (123456, "123456"), (0.720, "0.72")],
)  # fmt: skip
def test_number(value, shown):
    assert text.number(value) == shown


@hypothesis.given(st.floats(-1e300, 1e300), st.integers(0, 12))
def test_numbers_parse_back(value, precision):
    back = text.parse_number(text.number(value, precision))
    assert math.isclose(
        back, value, rel_tol=0.51 * 10.0**-precision, abs_tol=0.51 * 10.0**-precision
    )
    assert value == 0 or back != 0 or abs(value) < 10.0**-precision
    assert (value == 0) == (text.number(value, max(precision, 3)) == "0"), "only zero is shown as 0"


@pytest.mark.parametrize(
    ("name", "shown"),
    [("w_1", "w₁"), ("w1", "w₁"), ("W_12__1", "W₁₂⁽¹⁾"), ("p_hat", "p̂"), ("y_hat", "ŷ"), ("x_i", "xᵢ"), ("alpha", "α"),
     ("theta_0", "θ₀"), ("learning_rate", "learning_rate"), ("<lambda>", "<lambda>"), ("", "·"), ("a\nb", "a b")],
)  # fmt: skip
def test_symbol(name, shown):
    assert text.symbol(name) == shown


@hypothesis.given(st.text(max_size=200))
def test_any_name_becomes_one_printable_line(name):
    shown = text.symbol(name)
    assert shown and len(shown) <= 32 and "\n" not in shown and "\x00" not in shown


def test_matrices_line_up_and_are_elided():
    assert text.matrix(np.array([[1.5, -2.0], [10.25, 3.0]])) == [
        "⎡  1.50 −2.00 ⎤",
        "⎣ 10.25  3.00 ⎦",
    ]
    assert text.matrix(np.array([[-5.453e-4, 0.5], [2.0, np.nan]])) == [
        "⎡ −0.001 0.500 ⎤",
        "⎣  2.000   NaN ⎦",
    ]
    assert text.matrix(np.array([[-5.45e-4, 6.3e-3]])) == ["10⁻³ · [ −0.545 6.300 ]"]
    assert text.matrix(np.array([[1.5e7, 1e7]])) == ["10⁷ · [ 1.5 1.0 ]"]
    assert text.matrix(np.zeros((5, 9)))[2] == "⎢ ┊ ┊ ⋯ ┊ ⎥"
    assert (
        len({len(line) for line in text.matrix(np.random.default_rng(0).normal(size=(9, 9)))}) == 1
    )


def test_tensors():
    assert text.tensor(np.zeros((0, 3))) == ["(empty)"]
    assert text.tensor(np.full((1, 1), 0.335)) == ["0.335"]
    lines = text.tensor(np.linspace(-1, 1, 1000))
    assert lines[0] == "min −1 · mean 0 · max 1" or "mean" in lines[0]
    assert len(lines[1]) == 8
    assert "not finite" in text.tensor(np.array([np.nan] + [1.0] * 99))[0]
    assert text.tensor(np.full(100, np.nan)) == ["all NaN or ∞"]
