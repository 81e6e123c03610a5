"""The formulas in a picture are true: what is printed is evaluated, and held against the engine."""

from __future__ import annotations

import re

import numpy as np
import pytest

import cgraph as cg
from cgraph.draw.model import expression, polynomial
from cgraph.op import OPS

RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")


def evaluated(words, **values):
    """A printed formula as a number: its signs read as Python's."""
    words = re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹]+", lambda m: f"**{m[0].translate(RAISED)}", words)
    words = words.translate(
        str.maketrans({"−": "-", "·": "*", "½": "0.5*", "⅓": "(1/3)*", "¼": "0.25*", "⊙": "*"})
    )
    words = re.sub(r"\|([^|]+)\|", r"abs(\1)", words)
    words = (
        re.sub(r"(?<=[\d)])(?=[a-z(])|(?<=[a-z])(?=[a-z](?![a-z(]))(?<![a-z]{2})", "*", words)
        if "exp" not in words
        else words
    )
    words = re.sub(r"\*\s*(?=[-+)]|$)", "", words)
    return eval(words, {"exp": np.exp, "ln": np.log, "max": np.maximum, "abs": abs} | values)


@pytest.mark.parametrize("z", [-800.0, -3.0, 0.0, 0.5, 800.0])
@pytest.mark.parametrize("y", [0.0, 0.3, 1.0])
def test_the_stable_loss_is_printed_in_the_form_that_does_not_overflow(z, y):
    words = expression.fill(OPS["stable_bce"].formula.text, ["z", "y"])
    assert words == "max(z, 0) − y·z + ln(1 + exp(−|z|))"
    with np.errstate(all="raise", under="ignore"):
        shown = evaluated(words, z=z, y=y)
    assert shown == pytest.approx(float(cg.stable_bce(z, y)), abs=1e-12)


@pytest.mark.parametrize("axis", [0, 1])
def test_the_rule_of_softmax_is_the_one_that_is_executed(axis):
    rng = np.random.default_rng(axis)
    S, T = cg.parameter("S", rng.normal(size=(4, 3))), rng.normal(size=(4, 3))
    A = cg.softmax(S, axis=axis, name="A")
    run = cg.sum(A * T, name="loss").backward()
    box = next(b for b in cg.draw(run).picture.boxes if b.symbol == "softmax")
    small = "₀₁"[axis]
    assert box.formula == f"A = softmax{small}(S)"
    assert box.rows[0].text == f"∂L/∂S = A ⊙ (∂L/∂A − Σ{small}(A ⊙ ∂L/∂A))" and box.rows[0].rule
    a, u = run.value(A), run.grad(A)
    np.testing.assert_allclose(a * (u - (a * u).sum(axis, keepdims=True)), run.grad(S), atol=1e-14)
    assert f"the small {axis} in" in cg.draw(run).caption


@pytest.mark.parametrize("axis", [0, 1])
def test_the_rule_of_log_softmax_is_the_one_that_is_executed(axis):
    rng = np.random.default_rng(axis)
    S, T = cg.parameter("S", rng.normal(size=(4, 3))), rng.normal(size=(4, 3))
    A = cg.log_softmax(S, axis=axis, name="A")
    run = cg.sum(A * T, name="loss").backward()
    rows = [row.text for box in cg.draw(run).picture.boxes for row in box.rows]
    small = "₀₁"[axis]
    assert f"∂L/∂S = ∂L/∂A − softmax{small}(S) ⊙ Σ{small} ∂L/∂A" in rows
    s, u = cg.softmax(run.value(S), axis=axis), run.grad(A)
    np.testing.assert_allclose(u - s * u.sum(axis, keepdims=True), run.grad(S), atol=1e-14)


def test_reductions_say_their_axis():
    X = cg.parameter("X", np.arange(6.0).reshape(2, 3))
    for root, words in (
        (cg.sum(X, axis=0, name="s"), "s = Σ₀ X"), (cg.mean(X, axis=1, name="s"), "s = mean₁(X)"), (cg.sum(X, name="s"), "s = Σ X"),
        (cg.max(X, axis=1, name="s"), "s = max₁(X)"),
    ):  # fmt: skip
        assert next(b for b in cg.draw(root).picture.boxes if b.kind == "op").formula == words
    b = cg.parameter("b", np.zeros((2, 1)))
    rows = next(
        x
        for x in cg.draw(
            cg.sum(cg.square(cg.add(X, b, name="Z")), name="loss").backward()
        ).picture.boxes
        if x.name == "Z"
    ).rows
    assert rows[1].text == "∂L/∂b = Σ₁ ∂L/∂Z"


def test_a_polynomial_s_slope():
    x = cg.parameter("x", 1.5)
    root = cg.subtract(cg.add(3.0 * x**3 - 2.0 * x**2, x), 5.0, name="f")
    box = next(b for b in cg.draw(root.backward()).picture.boxes if b.kind == "op")
    assert box.symbol == "arithmetic" and box.formula == "f = 3x³ − 2x² + x − 5"
    assert box.rows[0].text == "∂f/∂x = 9x² − 4x + 1 = 15.25"


@pytest.mark.parametrize("seed", range(30))
def test_polynomials_against_the_engine(seed):
    rng = np.random.default_rng(seed)
    x, y = cg.parameter("x", float(rng.normal())), cg.parameter("y", float(rng.normal()))
    values = [x, y]
    for _ in range(int(rng.integers(2, 5))):
        a, b = (values[int(rng.integers(len(values)))] for _ in range(2))
        values.append(
            (a + b, a * b, a - 2.0 * b, a * a + 1.0, -a, a**2 / 4.0)[int(rng.integers(6))]
        )
    root = values[-1]
    run = root.backward()
    nodes = [n for n in run.order if n.kind == "op"]
    found = polynomial.of(nodes, {x: "x", y: "y"})
    if found is None:
        pytest.skip("more terms than are worth writing")
    at = {"x": float(x.value), "y": float(y.value)}
    assert evaluated(polynomial.show(found), **at) == pytest.approx(
        float(run.value(root)), rel=1e-9, abs=1e-9
    )
    for leaf, name in ((x, "x"), (y, "y")):
        slope = float(run.grad(leaf)) if run.has_grad(leaf) else 0.0
        assert evaluated(
            polynomial.show(polynomial.derivative(found, name)), **at
        ) == pytest.approx(slope, rel=1e-9, abs=1e-9)


def test_an_operand_that_comes_another_way_too_has_a_name_of_its_own():
    x = cg.parameter("x", 3.0)
    y = cg.add(cg.multiply(x, x, name="m"), x, name="y")
    boxes = {b.name: b for b in cg.draw(y.backward()).picture.boxes}
    assert [r.text for r in boxes["y"].rows] == ["∂y/∂m = 1", "∂(m + x)/∂x = 1"]
    assert [r.left for r in boxes["m"].rows] == ["∂m/∂(left x)", "∂m/∂(right x)"]
    assert boxes["x"].total == ("∂y/∂x = 3 + 3 + 1 = 7",) and boxes["x"].total_note == ""
    shares = [
        a.label
        for a in cg.draw(y.backward()).picture.arrows
        if a.tail == boxes["x"].id and a.kind == "gradient"
    ]
    assert shares == [("3", "1 × 3"), ("3", "1 × 3"), ("1", "1 × 1")]


def test_linear_is_affine_in_parameters_and_in_all_else():
    w, v, x, z = (
        cg.parameter("w", 1.0),
        cg.parameter("v", 1.0),
        cg.input("x", 1.0),
        cg.input("z", 1.0),
    )
    cases = ((w * x + v, "linear"), (1.0 - w, "linear"), (x / 2.0 + z, "linear"), (w * v, "arithmetic"), (x * z, "arithmetic"),
             (w**3 + 1.0, "arithmetic"), (1.0 / (1.0 + w), "arithmetic"), (cg.tanh(w), "activation"), (cg.sin(w), "other"))  # fmt: skip
    for root, tone in cases:
        assert [b.tone for b in cg.draw(root).picture.boxes if b.kind == "op"] == [tone], root


def test_names_of_one_family_have_one_style_and_nothing_is_invented():
    parameters = [cg.parameter(f"W_{c}", 1.0) for c in "qkv"]
    total = cg.tanh(parameters[0] * parameters[1] + parameters[2])
    boxes = cg.draw(cg.tanh(total).backward()).picture.boxes
    assert [b.symbol for b in boxes if b.kind == "parameter"] == ["W_q", "W_k", "W_v"]
    assert {b.name for b in boxes if b.kind == "op"} == {"sum", "tanh", "f"}
    assert (
        cg.draw(cg.parameter("W_k", 1.0) * cg.parameter("W_v", 1.0)).picture.boxes[0].symbol == "Wₖ"
    )


def test_a_product_without_a_sign_is_bracketed_where_it_has_to_be():
    """1/2x could be half of x, and w₁x₁² could be w₁ times x₁²."""
    w, x, S, e = (cg.parameter(n, 2.0) for n in ("w1", "x1", "S", "e"))
    shown = {
        b.formula
        for root in (cg.square(w * x, name="q"), cg.divide(e, 2.0 * S, name="r"))
        for b in cg.draw(root).picture.boxes
    }
    assert {"q = (w₁x₁)²", "r = e / (2S)"} <= shown
    run = cg.add(cg.square(e, name="s"), cg.square(e) / S, name="L").backward()
    (box,) = (b for b in cg.draw(run).picture.boxes if b.name == "L")
    assert any("2e / S" in row.text for row in box.rows), [r.text for r in box.rows]


def test_an_exponent_does_not_stand_on_an_exponent():
    with cg.scope("t5"):
        h = cg.tanh(cg.parameter("w", 1.0), name="h")
    with cg.scope("t6"):
        g = cg.tanh(h, name="h")
    shown = cg.draw(cg.add(cg.square(g, name="a"), h, name="b")).dot
    assert "(h⁽⁶⁾)²" in shown and "⁾²" not in shown.replace(")²", "")


def test_masks_leave_the_other_entries_readable():
    from cgraph.draw.model.text import matrix

    assert matrix(np.array([[0.5, -1e9], [0.25, 1.5]])) == ["⎡ 0.50 −10⁹ ⎤", "⎣ 0.25 1.50 ⎦"]
    assert matrix(np.array([[2e9, -1.5e9]])) == ["10⁹ · [ 2.0 −1.5 ]"]
