"""`jax.value_and_grad` and its like, which answer in float32."""

from __future__ import annotations

import numpy as np
import pytest

jax = pytest.importorskip("jax")
jax.numpy.ones(2)  # what JAX does to NumPy at its first use it does before the tests

from cgraph import testing  # noqa: E402
from cgraph.testing import Verdict  # noqa: E402


def test_jax_functions() -> None:
    f = jax.value_and_grad(lambda x: jax.numpy.sum(jax.numpy.sin(x) * x))
    assert testing.check_gradients(f, np.array([0.5, -2.0], np.float32)).verdict is Verdict.PASS
    wrong = lambda x: (f(x)[0], f(x)[1] * 1.05)  # noqa: E731
    assert testing.check_gradients(wrong, np.array([0.5, -2.0], np.float32)).verdict is Verdict.FAIL
