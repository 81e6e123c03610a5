"""`jax.value_and_grad` and its like, which answer in float32."""

from __future__ import annotations

import numpy as np
import pytest

jax = pytest.importorskip("jax")
jax.numpy.ones(2)  # what JAX does to NumPy at its first use it does before the tests

from cgraph import testing  # noqa: E402
from cgraph.testing import Verdict  # noqa: E402


@pytest.mark.slow
def test_jax_functions() -> None:
    f = jax.value_and_grad(lambda x: jax.numpy.sum(jax.numpy.sin(x) * x))
    assert testing.check_gradients(f, np.array([0.5, -2.0], np.float32)).verdict is Verdict.PASS
    wrong = lambda x: (f(x)[0], f(x)[1] * 1.05)  # noqa: E731
    assert testing.check_gradients(wrong, np.array([0.5, -2.0], np.float32)).verdict is Verdict.FAIL


@pytest.mark.slow
def test_nested_arguments_and_several_results(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)
    jnp = jax.numpy

    @jax.custom_vjp
    def wrong(x):  # type: ignore[no-untyped-def]
        return jnp.sin(x)

    wrong.defvjp(lambda x: (jnp.sin(x), x), lambda x, u: (u * jnp.cos(x) * 1.5,))
    p = {"w": jnp.ones((3, 2)) * 0.3, "b": jnp.zeros(2)}
    x = jnp.array(np.random.default_rng(0).standard_normal((4, 3)))
    right = testing.check_gradients(
        lambda p, x: (jnp.tanh(x @ p["w"] + p["b"]), {"s": x.sum()}), p, x
    )
    assert right.verdict is Verdict.PASS
    report = testing.check_gradients(lambda p: (wrong(p["w"]) * 2, p["b"] ** 2), p)
    assert report.verdict is Verdict.FAIL and "argument 0['w']" in str(report)
