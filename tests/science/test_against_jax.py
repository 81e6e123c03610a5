"""Gradients and Hessian-vector products of `cg.linalg` and its kin against JAX, which has rules of its own for all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from science.harness import rng

import cgraph as cg
from cgraph import linalg as la

jax = pytest.importorskip("jax")
jax.config.update("jax_enable_x64", True)
jnp: Any = pytest.importorskip("jax.numpy")

G = rng("jax")
A3 = G.normal(size=(3, 3)) + 3 * np.eye(3)
B = G.normal(size=(3, 2))


@pytest.mark.parametrize(
    "name", ["inv", "det", "slogdet", "pinv", "cholesky", "eigh", "svd", "solve", "qr"]
)
def test_linear_algebra(name: str) -> None:
    """A functional of the result that does not depend on signs of vectors, with its gradient and Hessian-vector product."""
    weights = B @ B.T

    def functional(lib: Any, dot: Any, x: Any) -> Any:
        s = x @ lib.matrix_transpose(x) + 2 * np.eye(3)
        if name in ("inv", "pinv"):
            return (getattr(lib, name)(x) * weights).sum()
        if name in ("det",):
            return lib.det(x)
        if name == "slogdet":
            return lib.slogdet(x)[1]
        if name == "cholesky":
            return (lib.cholesky(s) * weights).sum()
        if name == "eigh":
            w, v = lib.eigh(s)
            return ((v * dot.log(w)) @ lib.matrix_transpose(v) * weights).sum()
        if name == "svd":
            u, w, vh = lib.svd(x[:, :2], full_matrices=False)
            return ((u * dot.log(w)) @ vh * weights[:, :2]).sum()
        if name == "solve":
            return (lib.solve(x, B) * B).sum()
        q, r = lib.qr(x)
        return (q @ lib.matrix_transpose(r) @ q * weights).sum()

    def f(x: Any) -> Any:
        return functional(la, cg, x)

    def g(x: Any) -> Any:
        return functional(jnp.linalg, jnp, x)

    t = G.normal(size=(3, 3))
    assert np.allclose(cg.grad(f)(A3), jax.grad(g)(A3), rtol=1e-9, atol=1e-10)
    if name not in ("eigh", "cholesky"):
        return  # second order is held against differences elsewhere; compiling it takes seconds
    ours = cg.jvp(cg.grad(f), (A3,), (t,))[1]
    assert np.allclose(ours, jax.jvp(jax.grad(g), (A3,), (t,))[1], rtol=1e-7, atol=1e-8)


def test_differential_equations() -> None:
    ode = pytest.importorskip("jax.experimental.ode")
    times, y0 = np.array([0.0, 0.4, 1.1, 2.0]), np.array([0.9, 0.6])
    weights, W = G.normal(size=(4, 2)), G.normal(size=(2, 2))

    def f(y0: Any, W: Any) -> Any:
        def slope(y: Any, t: Any, W: Any) -> Any:
            return cg.tanh(W @ y) - 0.1 * y

        return cg.sum(cg.integrate.odeint(slope, y0, times, (W,), rtol=1e-11, atol=1e-12) * weights)

    def g(y0: Any, W: Any) -> Any:
        def slope(y: Any, t: Any, W: Any) -> Any:
            return jnp.tanh(W @ y) - 0.1 * y

        found = ode.odeint(slope, y0, jnp.array(times), W, rtol=1e-11, atol=1e-12)
        return (found * weights).sum()

    for i in (0, 1):
        assert np.allclose(cg.grad(f, i)(y0, W), jax.grad(g, i)(y0, W), atol=1e-7)
