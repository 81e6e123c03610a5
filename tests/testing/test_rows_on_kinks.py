"""`check_op` on rows of one's own: correct ones with kinks, poles and cancelling partials, and wrong ones that hide from usual draws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cgraph as cg
from cgraph import testing
from tests.testing.effort import seeds
from tests.testing.test_check_op import tables_left_alone  # noqa: F401

E = cg.elementwise


def two_dimensional(x: Any) -> Any:
    if np.ndim(x) == 2:
        raise ValueError("no matrices")
    return np.sin(x)


RIGHT: dict[str, Any] = {
    "sign": lambda: E("t_sign", np.sign, lambda o, x: 0.0 * x),
    "steep": lambda: E("t_steep", lambda x: np.sin(1000 * x), lambda o, x: 1000.0 * cg.cos(1000.0 * x)),
    "arctan2": lambda: E("t_arctan2", np.arctan2, lambda o, y, x: x / (x * x + y * y), lambda o, y, x: -y / (x * x + y * y)),
    "hardtanh": lambda: E("t_hardtanh", lambda x: np.clip(x, -1, 1), lambda o, x: cg.where(cg.abs(x) < 1.0, 1.0, 0.0)),
    "hardtanh, margin": lambda: E("t_hard", lambda x: np.clip(x, -1, 1), lambda o, x: cg.where(cg.abs(x) < 1.0, 1.0, 0.0), margin=lambda x: np.abs(np.abs(x) - 1)),  # noqa: E501
    "leaky, slope 1 at 0": lambda: E("t_leaky", lambda x: np.where(x > 0, x, 0.1 * x), lambda o, x: cg.where(x >= 0.0, 1.0, 0.1)),
    "elu, margin": lambda: E("t_elu", lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))), lambda o, x: cg.where(x > 0.0, 1.0, o + 1.0), margin=np.abs),  # noqa: E501
    "maximum, the first": lambda: E("t_max", np.maximum, lambda o, a, b: cg.where(a >= b, 1.0, 0.0), lambda o, a, b: cg.where(a >= b, 0.0, 1.0)),  # noqa: E501
    "hypot": lambda: E("t_hypot", np.hypot, lambda o, a, b: a / o, lambda o, a, b: b / o),
}  # fmt: skip
WRONG: dict[str, Any] = {
    "NaN": lambda: E("t_naive", lambda x: np.exp(x) / (1 + np.exp(x)), lambda o, x: o * (1.0 - o)),
    "no matrices": lambda: E("t_flat", two_dimensional, lambda o, x: cg.cos(x)),
    "declared without": lambda: E("t_none", lambda a, b: a * b, lambda o, a, b: b, None),
    "stop_gradient": lambda: E("t_stop", np.sin, lambda o, x: cg.stop_gradient(cg.cos(x))),
    "t_far": lambda: E("t_far", np.arctan, lambda o, x: 1 / (1.0 + cg.square(cg.minimum(cg.abs(x), 10.0)))),
    "tie": lambda: E("t_tie", np.maximum, lambda o, a, b: cg.where(a >= b, 1.0, 0.0), lambda o, a, b: cg.where(a <= b, 1.0, 0.0)),
    "t_many": lambda: E("t_many", np.sin, lambda o, x: cg.cos(x) * (1.0 if np.prod(x.shape) <= 8 else 1.01)),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", RIGHT)
def test_correct_rows(name: str) -> None:
    row = RIGHT[name]()
    for seed in seeds(name, range(2)):
        report = testing.check_op(row, examples=60, seed=seed)
        assert report.ok, str(report)


@pytest.mark.parametrize("name", WRONG)
def test_wrong_rows(name: str) -> None:
    report = testing.check_op(WRONG[name](), negative_control=False)
    assert not report.ok and name in str(report)


def test_a_reduction_that_takes_no_mask() -> None:
    from cgraph.linear_maps import Adjoint

    def local(out: Any, x: Any) -> Any:
        return Adjoint(lambda t: cg.sum(t * cg.cos(x)), lambda u: u * cg.cos(x))

    row = cg.op(
        "t_sum_sin", lambda x: np.sum(np.sin(x)), local, shape=lambda x: (), family="reduction"
    )
    report = testing.check_op(row, negative_control=False)
    assert not report.ok and "takes no mask" in str(report)
