"""Rows that users add, checked from the row alone: right ones, wrong ones, and a constant partial beside an operand without one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import cgraph as cg
from cgraph import testing
from cgraph.op import OPS
from cgraph.ops import Interval
from cgraph.ops.elementwise import distance_from, elementwise


@pytest.fixture(autouse=True)
def rows_removed() -> Iterator[None]:
    before = set(OPS)
    yield
    for name in set(OPS) - before:
        del OPS[name]


def test_a_constant_partial_beside_an_operand_without_one() -> None:
    op = elementwise("own_scaled", lambda a, b: 2.0 * a + 0.0 * b, 2, None)
    x, y = cg.parameter("x", [1.0, 2.0]), cg.parameter("y", [3.0, 4.0])
    run = op(x, y).backward(upstream=np.array([1.0, 10.0]))
    assert run.grad(x).tolist() == [2.0, 20.0]
    assert run.grad(y).tolist() == [0.0, 0.0]


def test_right_rows_pass() -> None:
    softsign = elementwise(
        "own_softsign",
        lambda x: x / (1 + np.abs(x)),
        lambda out, x: 1.0 / cg.square(1.0 + cg.abs(x)),
        margin=distance_from(0.0),
    )
    cube_root = elementwise(
        "own_cbrt",
        np.cbrt,
        lambda out, x: 1.0 / (3.0 * cg.square(out)),
        domain=(Interval(0.0, open_low=True),),
    )
    for op in (softsign, cube_root):
        report = testing.check_op(op, examples=60)
        assert report.ok, str(report)
        assert len(report.control) == 5


def test_wrong_rows_fail_and_are_named() -> None:
    wrong = elementwise("own_swish", lambda x: x / (1 + np.exp(-x)), lambda out, x: cg.sigmoid(x))
    report = testing.check_op(wrong, examples=60)
    assert not report.ok and report.failure is not None and report.failure.mismatch is not None
    assert report.failure.mismatch.op == "own_swish"
    with pytest.raises(testing.GradientMismatch):
        testing.gradient_test(wrong, examples=20)()


def test_a_naive_formula_is_right_as_far_as_rounding_allows() -> None:
    naive = elementwise("own_tanh", np.tanh, lambda out, x: 1.0 - out * out)
    for x in (0.1, 3.0, 8.0, 15.0, 30.0):
        report = testing.check_gradients(naive(cg.parameter("x", [x, -x])))
        assert report.verdict is not testing.Verdict.FAIL, str(report)


def test_a_row_whose_forward_takes_no_complex_numbers() -> None:
    import math

    table = np.vectorize(math.erf)
    right = elementwise(
        "own_erf",
        lambda x: table(np.asarray(x, float)),
        lambda out, x: 2 / math.sqrt(math.pi) * cg.exp(-cg.square(x)),
    )
    x = cg.parameter("x", [0.3, -1.1])
    report = testing.check_gradients(cg.sum(right(x)))
    assert report.verdict is testing.Verdict.PASS and any(
        "differences" in note for note in report.notes
    )
    wrong = elementwise(
        "own_erf_wrong",
        lambda x: table(np.asarray(x, float)),
        lambda out, x: 1.1 * cg.exp(-cg.square(x)),
    )
    report = testing.check_gradients(cg.sum(wrong(x) * 2.0))
    assert (
        report.verdict is testing.Verdict.FAIL
        and report.mismatch is not None
        and report.mismatch.op == "own_erf_wrong"
    )


def test_a_kink_with_another_convention_lies_between_the_slopes() -> None:
    half = elementwise("own_relu", lambda x: np.maximum(x, 0.0), lambda out, x: cg.where(cg.equal(x, 0.0), 0.5, cg.where(x > 0.0, 1.0, 0.0)),  # noqa: E501
                       margin=distance_from(0.0))  # fmt: skip
    beyond = elementwise(
        "own_relu2",
        lambda x: np.maximum(x, 0.0),
        lambda out, x: cg.where(x >= 0.0, 2.0, 0.0),
        margin=distance_from(0.0),
    )
    x = cg.parameter("x", [0.0, 1.0, -1.0])
    assert testing.check_gradients(half(x)).verdict is testing.Verdict.KINK
    assert testing.check_gradients(beyond(cg.parameter("x", [0.0]))).verdict is testing.Verdict.FAIL


def test_replacing_a_forward_is_noticed() -> None:
    op = OPS["sin"]
    before = op.forward
    try:
        op.forward = lambda x: np.sin(2.0 * x)
        report = testing.check_gradients(op(cg.parameter("x", [0.3, 0.7])))
        assert report.verdict is testing.Verdict.FAIL
    finally:
        op.forward = before
