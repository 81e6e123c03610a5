"""The accuracy report, the kinks of a run, and where NaN comes from."""

from __future__ import annotations

import numpy as np
import pytest

import cgraph as cg
from cgraph.ops import OPS, elementwise


def test_where_the_digits_go():
    z, y = cg.parameter("z", [20.0, -3.0]), cg.input("y", [0.0, 0.0])
    p = cg.sigmoid(z, name="p")
    gap = cg.subtract(1.0, p, name="gap")
    loss = cg.mean(-(y * cg.log(p) + (1 - y) * cg.log(gap)), name="L")
    report = loss.backward().accuracy()
    assert report.reference == "mpmath" and not report.not_judged
    assert report[p].digits > 15.5
    # 1 - sigmoid(20) = 2.06e-9 has lost the 8.7 digits that p spends on nines.
    assert report[gap].digits == pytest.approx(15.95 - 8.7, abs=0.7) and report[
        gap
    ].lost == pytest.approx(8.7, abs=0.7)
    assert report[z].grad_digits < 8 and "gap" in str(report)
    stable, _ = cg.stabilize(loss)
    good = stable.backward().accuracy()
    assert all(j.least > 15 for j in good)


def test_single_precision_against_double():
    rng = np.random.default_rng(0)
    X, W = (
        cg.input("X", rng.normal(size=(50, 4)).astype(np.float32)),
        cg.parameter("W", rng.normal(size=(4, 3)).astype(np.float32)),
    )
    run = cg.mean(cg.stable_cross_entropy(X @ W, rng.integers(3, size=50))).backward()
    report = run.accuracy()
    assert report.reference == "float64"
    # NumPy itself in double is the judge of what the report says of the value.
    product = X.value.astype(float) @ W.value.astype(float)
    error = np.abs(run.value(run.order[2]) - product) / np.abs(product)
    assert report[run.order[2]].digits == pytest.approx(-np.log10(error.max()), abs=0.01)
    assert 5 < report[W].grad_digits < 7.3


def test_ops_of_others_are_judged_or_named():
    try:
        half = elementwise(
            "half_sine", lambda x: 0.5 * np.sin(x), lambda out, x: 0.5 * cg.cos(x), module=__name__
        )
        odd = elementwise("bits", lambda x: np.ldexp(x, 1), lambda out, x: 2.0, module=__name__)
        x = cg.parameter("x", [0.3, 1e8])
        report = cg.sum(odd(half(x, name="h"), name="o")).backward().accuracy()
        assert [n.name for n in report.not_judged] == ["o"]
        assert report[half_node(report)].digits > 15 and "(not judged)" in str(report)
    finally:
        for name in ("half_sine", "bits"):
            OPS.pop(name, None)
            from cgraph.ops import PUBLIC

            PUBLIC.pop(name, None)


def half_node(report):
    return next(j.node for j in report if j.node.name == "h")


def test_a_gradient_of_nothing_is_a_matter_of_scale():
    x = cg.parameter("x", np.random.default_rng(0).normal(size=(4, 3)))
    centred = x - x.mean(axis=1, keepdims=True)
    report = (
        cg.sum(centred / cg.sqrt((centred**2).mean(axis=1, keepdims=True) + 1.0))
        .backward()
        .accuracy()
    )
    assert min(j.least for j in report) > 10


def test_the_heat_map_says_the_digits():
    z = cg.parameter("z", 40.0)
    report = cg.log(1.0 - cg.sigmoid(z, name="p"), name="L").backward().accuracy()
    diagram = report.draw()
    assert (
        "0.0 digits" in diagram.dot
        and "16.0 digits" in diagram.dot
        and "held against mpmath" in diagram.dot
    )


def test_kinks_say_which_entries_and_which_convention():
    b = cg.parameter("b", [[0.0, 1.0], [-2.0, 0.0]])
    c = cg.parameter("c", [3.0, 3.0, 1.0])
    out = (
        cg.sum(cg.relu(b, name="r") + cg.maximum(b, 0.0, name="m"))
        + cg.max(c, name="top")
        + cg.sum(cg.abs(c, name="a"))
    )
    found = {k.node.name: k for k in out.backward().kinks()}
    assert set(found) == {"r", "m", "top"}
    assert (
        found["r"].elements.tolist() == [[0, 0], [1, 1]] and found["r"].convention == "relu'(0) = 0"
    )
    assert "half and half" in found["m"].convention and "equally" in found["top"].convention
    assert "'r' (relu, built at " in str(found["r"]) and "entries (0, 0), (1, 1)" in str(found["r"])
    assert cg.sum(cg.relu(b + 0.5)).backward().kinks() == []
    assert cg.run(out).kinks() == []  # no gradient has passed


# --- NaN: the first node, forward and backward ------------------------------------------------------------------------------------


def plants():
    x = cg.parameter("x", [1.0, 4.0, 0.0])
    yield (
        "log of 0",
        cg.sum(cg.square(cg.log(x, name="bad")) * 2.0),
        "'bad' .*first node that is not finite.*'x'",
    )
    yield "0/0", cg.sum(cg.exp(cg.divide(x, x, name="bad"))), "'bad'"
    yield "inf - inf", cg.sum(cg.subtract(e := cg.exp(x * 1e3, name="bad"), e)), "'bad'"
    yield "root of a negative", cg.sum(cg.tanh(cg.sqrt(x - 2.0, name="bad"))), "'bad'"
    yield "matmul", cg.sum(cg.matmul(x * 1e200, x * 1e200, name="bad")), "'bad'"
    yield (
        "root at 0",
        cg.sum(cg.sqrt(x, name="bad") + cg.square(x)),
        "gradient that 'bad' .*hands to 'x'",
    )
    yield "power", cg.sum(cg.power(x, 0.5, name="bad") + x), "gradient that 'bad'"
    yield (
        "norm of 0",
        cg.sqrt(cg.sum(cg.square(x - x)), name="bad") + cg.sum(x),
        "gradient that 'bad' .*hands to 'sum'",
    )
    yield "arcsin at 1", cg.sum(cg.arcsin(cg.minimum(x, 1.0), name="bad")), "gradient that 'bad'"


@pytest.mark.parametrize(("root", "message"), [pytest.param(r, m, id=n) for n, r, m in plants()])
def test_nan_is_traced_to_its_source(root, message):
    with pytest.raises(cg.NonFiniteError, match=message):
        cg.run(root, check="nan").backward()


def test_what_where_hides_is_no_nan():
    x = cg.parameter("x", [1.0, -4.0])
    safe = cg.sum(cg.where(x > 0, cg.log(cg.where(x > 0, x, 1.0)), 0.0))
    run = cg.run(safe, check="nan").backward()
    assert np.isfinite(run.grad(x)).all()
