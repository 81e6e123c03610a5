"""Margins that the rows declare: the distance to the nearest kink, 0 exactly on it."""

from __future__ import annotations

import numpy as np
import pytest

from cgraph.ops import OPS


@pytest.mark.parametrize(
    ("op", "x", "expected"),
    [
        ("max", [1.0, 1.0, 4.0], 0.75),  # a tie among the others is no kink
        ("max", [1.0, 4.0, 4.0], 0.0),
        ("min", [1.0, 4.0, 4.0], 0.75),
        ("min", [1.0, 1.0, 4.0], 0.0),
        ("max", np.zeros((0,)), np.inf),
        ("max", [3.0], np.inf),
    ],
)
def test_extremes(op: str, x: object, expected: float) -> None:
    margin = OPS[op].margin
    assert margin is not None
    assert margin(np.asarray(x, float), axes=(0,), keepdims=False) == pytest.approx(expected)


def test_relu_and_maximum() -> None:
    relu, maximum = OPS["relu"].margin, OPS["maximum"].margin
    assert relu is not None and maximum is not None
    assert relu(np.array([0.0])) == 0 and relu(np.array([1e-300])) > 0
    assert maximum(2.0, 2.0) == 0 and maximum(2.0, 1.0) == pytest.approx(0.5)
