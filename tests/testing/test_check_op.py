"""`check_op`: every row of the tables over many seeds, and rows that are wrong where they are hard to look."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import cgraph as cg
from cgraph import testing
from cgraph.errors import CgraphError
from cgraph.ops import OPS, PUBLIC
from tests.testing.effort import NIGHTLY, seeds

BUILT_IN = sorted(
    name
    for name, op in OPS.items()
    if op.module.startswith("cgraph.ops")
    # Logits tens apart leave nothing to measure in a third of the examples; tests/core/test_accuracy.py has it against mpmath.
    and name != "stable_cross_entropy"
)


@pytest.fixture(autouse=True)
def tables_left_alone() -> Iterator[None]:
    ops, words = dict(OPS), dict(PUBLIC)
    yield
    OPS.clear(), OPS.update(ops), PUBLIC.clear(), PUBLIC.update(words)


@pytest.mark.slow
@pytest.mark.parametrize("name", BUILT_IN)
def test_every_row_on_many_seeds(name: str) -> None:
    for seed in seeds(name, range(1, 9)):
        report = testing.check_op(
            name, examples=25 if NIGHTLY else 15, seed=seed, negative_control=False
        )
        assert report.ok, str(report)


@pytest.mark.slow
def test_softmax_and_reciprocal_where_they_once_failed() -> None:
    for seed in range(20) if NIGHTLY else (1, 11, 19):
        assert testing.check_op("softmax", examples=60, seed=seed, negative_control=False).ok
    assert testing.check_op("reciprocal", examples=60, seed=4, negative_control=False).ok


def test_a_scalar_forward_that_is_another_function() -> None:
    op = cg.elementwise("m_cos", np.cos, lambda out, x: -cg.sin(x), scalar=math.sin)
    report = testing.check_op(op, negative_control=False)
    assert not report.ok and "scalar=" in str(report)


def test_a_float32_forward_that_is_another_function() -> None:
    def forward(x: Any) -> Any:
        return np.sin(x) if np.asarray(x).dtype != np.float32 else np.cos(x)

    op = cg.elementwise("m_f32", forward, lambda out, x: cg.cos(x))
    report = testing.check_op(op, negative_control=False)
    assert not report.ok and "float32" in str(report)


def test_what_cannot_be_checked_says_what_to_give() -> None:
    with pytest.raises(CgraphError, match="did you mean sin"):
        testing.check_op("sinn")
    with pytest.raises(CgraphError, match="check_gradients"):
        testing.check_op(lambda x: x)
    from cgraph.linear_maps import Rearrange
    from cgraph.op import Op, register

    rolled = register(
        Op(
            "rolled", lambda x, shift: np.roll(x, shift),
            linear_maps=(lambda out, x, shift: Rearrange(lambda t: rolled(t, shift=shift), lambda u: rolled(u, shift=-shift)),),
            shape=lambda s, shift: s, family="structure", module=__name__,
        )
    )  # fmt: skip
    with pytest.raises(CgraphError, match="params="):
        testing.check_op(rolled)
    assert testing.check_op(rolled, params={"shift": 1}, negative_control=False).ok


def test_a_forward_that_always_raises_is_not_swallowed() -> None:
    def forward(x: Any) -> Any:
        raise ValueError("nothing works")

    op = cg.elementwise("m_raises", forward, lambda out, x: x)
    with pytest.raises(Exception, match="nothing works"):
        testing.check_op(op, examples=5)
