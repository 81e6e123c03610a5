"""The rows that most graphs are made of have primitives in the NumPy compiler. A row without is called as it is: right, but slow, so that
no other test would notice a forward that was renamed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cgraph as cg
from cgraph.compile.builder import Builder
from cgraph.op import OPS
from cgraph.testing.op_check import calls

COMMON = """add subtract multiply divide negative reciprocal power square sqrt exp log abs maximum minimum clip where tanh tanh_slope
    sigmoid sigmoid_slope softplus relu step stable_bce stable_bce_slope bce mse matmul sum mean max min softmax broadcast_to sum_to
    reshape transpose concatenate stop_gradient checkpoint""".split()


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the rows that the compiler hands on to their own forward."""
    names: list[str] = []
    original = Builder.call

    def call(self: Builder, op: Any, *rest: Any) -> Any:
        names.append(op.name)
        return original(self, op, *rest)

    monkeypatch.setattr(Builder, "call", call)
    return names


@pytest.mark.parametrize("name", COMMON)
def test_a_common_row_is_not_called(name: str, called: list[str]) -> None:
    for _, node in calls(OPS[name], 3, 11):
        if node.size:
            cg.compile([node], inputs=[])()
    assert called == []


def test_a_training_step_calls_no_row(called: list[str]) -> None:
    rng = np.random.default_rng(0)
    X, Y = cg.input("X", shape=(3, None)), cg.input("Y", shape=(1, None))
    W, b = cg.parameter("W", rng.standard_normal((4, 3))), cg.parameter("b", np.zeros((4, 1)))
    V = cg.parameter("V", rng.standard_normal((1, 4)))
    for hidden in (cg.tanh, cg.sigmoid, cg.softplus, cg.relu):
        cost = cg.mean(cg.stable_bce(V @ hidden(W @ X + b), Y))
        cg.compile([cost], inputs=[X, Y], gradients=[W, b, V])(np.ones((3, 5)), np.ones((1, 5)))
    assert called == []


def test_a_slice_and_its_gradient_call_no_row(called: list[str]) -> None:
    x = cg.parameter("x", np.arange(12.0).reshape(3, 4))
    _, (dx,) = cg.compile([cg.sum(cg.square(x[1:, ::2]))], inputs=[], gradients=[x])()
    np.testing.assert_array_equal(dx[1:, ::2], 2.0 * x.value[1:, ::2])
    assert called == []


def test_what_has_no_primitives_is_called(called: list[str]) -> None:
    x = cg.parameter("x", [1.0, 3.0, 2.0])
    (found,) = cg.compile([cg.cumsum(x) * 2.0], inputs=[])()
    np.testing.assert_array_equal(found, [2.0, 8.0, 12.0])
    assert called == ["cumsum"]
