"""Functions of torch tensors, `torch.autograd.Function`, and torch code that answers numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from cgraph import testing  # noqa: E402
from cgraph.testing import Verdict  # noqa: E402

Array = Any


def test_torch_functions() -> None:
    x = torch.tensor([0.5, -1.0], dtype=torch.float64)
    assert testing.check_gradients(lambda t: torch.tanh(t) * t, x).verdict is Verdict.PASS

    class Wrong(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, t: Any) -> Any:
            ctx.save_for_backward(t)
            return t.sin()

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * ctx.saved_tensors[0].sin()

    assert testing.check_gradients(Wrong, x).verdict is Verdict.FAIL

    def value_and_gradient(x: Array) -> tuple[Array, Array]:
        t = torch.tensor(x, requires_grad=True)
        y = (t**3).sum()
        y.backward()
        return y.item(), t.grad.numpy()

    assert (
        testing.check_gradients(value_and_gradient, np.array([1.0, -2.0])).verdict is Verdict.PASS
    )
