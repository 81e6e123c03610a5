"""JAX functions as graphs: values and gradients are JAX's own, on functions that nobody wrote for cgraph."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import cgraph as cg

jax = pytest.importorskip("jax")
jnp = jax.numpy

RNG = np.random.default_rng(20)


def normal(*shape: int) -> Any:
    return RNG.normal(size=shape)


def cnn(x: Any, k1: Any, k2: Any, w: Any) -> Any:
    nhwc = ("NHWC", "HWIO", "NHWC")
    h = jax.lax.conv_general_dilated(x, k1, (2, 2), "SAME", dimension_numbers=nhwc)
    h = jax.nn.relu(h)
    h = jax.lax.reduce_window(h, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    h = jax.lax.conv_general_dilated(
        h, k2, (1, 1), "SAME", rhs_dilation=(2, 2), dimension_numbers=nhwc, feature_group_count=2
    )
    h = (h - h.mean((0, 1, 2))) / jnp.sqrt(h.var((0, 1, 2)) + 1e-5)
    return jnp.mean(jax.nn.log_softmax(h.reshape(h.shape[0], -1) @ w)[:, 0])


def lstm(p: Any, xs: Any) -> Any:
    def step(carry: Any, x: Any) -> Any:
        h, s = carry
        i, f, g, o = jnp.split(x @ p["wx"] + h @ p["wh"] + p["b"], 4, axis=-1)
        s = jax.nn.sigmoid(f) * s + jax.nn.sigmoid(i) * jnp.tanh(g)
        return (jax.nn.sigmoid(o) * jnp.tanh(s), s), h

    _, hs = jax.lax.scan(step, (jnp.zeros(4), jnp.zeros(4)), xs)
    return jnp.mean(hs**2)


def attention(p: Any, x: Any) -> Any:
    t = x.shape[0]
    h = (x - x.mean(-1, keepdims=True)) * jax.lax.rsqrt(x.var(-1, keepdims=True) + 1e-5) * p["g"]
    q, k, v = ((h @ p[n]).reshape(t, 2, 4).transpose(1, 0, 2) for n in ("q", "k", "v"))
    a = jnp.einsum("hid,hjd->hij", q, k) / 2
    a = jnp.where(jnp.tril(jnp.ones((t, t), bool)), a, -1e9)
    h = jnp.einsum("hij,hjd->hid", jax.nn.softmax(a), v).transpose(1, 0, 2).reshape(t, 8)
    return jnp.sum((x + jax.nn.gelu(h @ p["o"])) ** 2)


def updated(x: Any, y: Any) -> Any:
    return jnp.sum(jnp.zeros((3, 3)).at[jnp.array([0, 1]), 1].set(y).at[0].add(x) ** 2)


def kernel_likelihood(scale: Any, noise: Any, x: Any, y: Any) -> Any:
    gaps = jnp.sum((x[:, None] - x[None]) ** 2, -1)
    k = jnp.exp(-gaps / jnp.exp(2 * scale)) + jnp.exp(noise) * jnp.eye(len(y))
    low = jnp.linalg.cholesky(k)
    return y @ jax.scipy.linalg.cho_solve((low, True), y) + jnp.log(jnp.diag(low)).sum()


def by_numbers(x: Any, y: Any) -> Any:
    """What is read and where depends on the numbers."""
    i = jnp.argmax(x)
    part = jax.lax.dynamic_slice(x, (jnp.minimum(i, 5),), (3,))
    moved = jax.lax.dynamic_update_slice(x, y[:2] * 2, (jnp.argmin(y),))
    best, places = jax.lax.top_k(y, 3)
    rows = jnp.take_along_axis(jnp.outer(x, y), jnp.argsort(x)[:, None], axis=1)
    return (part**2).sum() + (moved**3).sum() + best @ x[places] + rows.sum() + x[-i] * y[i]


def decompositions(a: Any) -> Any:
    s = jnp.linalg.svd(a, compute_uv=False)
    w, v = jnp.linalg.eigh(a + a.T)
    r = jnp.linalg.qr(a)[1]
    return s @ s[::-1] + jnp.exp(w / 9).sum() + (v @ (w[:, None] * v.T))[0, 1] + jnp.abs(r).sum()


def power_iteration(a: Any) -> Any:
    def step(v: Any, _: Any) -> Any:
        v = a.T @ a @ v
        return v / jnp.linalg.norm(v), None

    v, _ = jax.lax.scan(step, jnp.ones(3), None, length=120)
    return v @ a.T @ a @ v


FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "Gaussian process": (kernel_likelihood, normal(), normal(), normal(5, 2), normal(5)),
    "by numbers": (by_numbers, normal(8), normal(8)[::-1] * 1.5),
    "decompositions": (decompositions, normal(3, 3)),
    "exponential of a matrix": (lambda a: jax.scipy.linalg.expm(a / 3)[0].sum(), normal(3, 3)),
    "power iteration": (power_iteration, normal(3, 3)),
    "interpolation": (lambda f, x: (jnp.interp(x, jnp.arange(5.0), f) ** 2).sum(), normal(5), np.array([0.3, 1.7, 3.2])),
    "Hessian inside": (lambda x: jax.hessian(lambda v: jnp.sum(v**4) * v[0])(x).sum(), normal(3)),
    "running logsumexp": (lambda x: jax.lax.cumlogsumexp(x * jnp.array([1.0, 900, 1, -900])).sum(), normal(4)),
    "tiles and whole numbers": (lambda x: (jnp.tile(x, 2)[jnp.arange(7) // 2] * (jnp.argmax(x) // 2 + 1)).sum(), normal(4)),
    "cnn": (cnn, normal(2, 8, 8, 3), normal(3, 3, 3, 4), normal(3, 3, 2, 6), normal(24, 5)),
    "transposed convolution": (
        lambda x, k: jnp.sum(jnp.sin(jax.lax.conv_transpose(x, k, (2, 2), "SAME"))), normal(1, 4, 4, 2), normal(3, 3, 2, 3),
    ),
    "average pool": (
        lambda x: jnp.sum(jax.lax.reduce_window(x, 0.0, jax.lax.add, (1, 2, 2, 1), (1, 1, 1, 1), "SAME") ** 2), normal(1, 5, 5, 2),
    ),
    "lstm": (lstm, {"wx": normal(3, 16), "wh": normal(4, 16), "b": normal(16)}, normal(6, 3)),
    "attention": (attention, {"g": normal(8), **{n: normal(8, 8) for n in "qkvo"}}, normal(5, 8)),
    "embedding": (lambda e: jnp.sum(jnp.tanh(jnp.take(e, jnp.array([2, 0, 2, 1]), axis=0)) ** 2), normal(4, 3)),
    "logistic": (lambda w, b, x: -jnp.mean(jax.nn.log_sigmoid((x @ w + b) * jnp.array([1.0, -1, 1]))), normal(4), normal(), normal(3, 4)),
    "cross-entropy": (
        lambda z: -jnp.take_along_axis(jax.nn.log_softmax(z), jnp.array([[1], [0]]), axis=1).mean(), normal(2, 3),
    ),
    "loop": (lambda x: jax.lax.fori_loop(0, 5, lambda i, c: jnp.sin(c) * i + x, x).sum(), normal(3)),
    "cond": (lambda x: jax.lax.cond(x.sum() > 0, lambda t: t**2, lambda t: -t, x).sum(), normal(3)),
    "updates in place": (updated, normal(3), normal(2)),
    "dynamic slices": (
        lambda x, y: jnp.sum(jax.lax.dynamic_slice(jax.lax.dynamic_update_slice(x, y, (1, 0)), (1, 0), (2, 2)) ** 2),
        normal(4, 3), normal(1, 2),
    ),
    "pad": (lambda x: jnp.sum(jnp.pad(x, 1, mode="reflect") ** 3 + jnp.pad(x, 1) ** 2), normal(3, 3)),
    "extremes": (lambda x: jnp.max(x, axis=0).sum() + jnp.linalg.norm(x) - x.min(), normal(3, 4)),
    "einsum": (lambda a, b, c: jnp.einsum("ij,kjl,l->ik", a, b, c).sum() ** 2, normal(2, 3), normal(4, 3, 5), normal(5)),
    "batched by vmap": (lambda a, b: jax.vmap(lambda u, v: jnp.tanh(jnp.dot(u, v)))(a, b).sum(), normal(3, 4), normal(3, 4)),
    "a gradient inside": (lambda a: jax.grad(lambda t: jnp.sum(t**3))(a).sum(), normal(3)),
    "odd powers": (lambda a: (a**-2 + jnp.abs(a) ** 1.5 + 2.0**a).sum(), normal(3)),
    "checkpoint": (lambda a: jax.checkpoint(lambda t: jnp.sin(t) ** 2)(a).sum(), normal(3)),
    "linear algebra": (
        lambda a, b: jnp.sum(jnp.linalg.solve(a, b)) + jnp.linalg.slogdet(a)[1] + jnp.linalg.inv(a)[0, 1] + jnp.linalg.det(a),
        normal(4, 4), normal(4),
    ),
    "factors": (lambda a: jnp.sum(jnp.linalg.cholesky(a @ a.T + 3 * jnp.eye(3)) ** 3), normal(3, 3)),
    "sorted and cumulative": (lambda a: jnp.sum(jnp.sort(a) * jnp.arange(5)) + jnp.cumprod(a).sum() + jnp.median(a), normal(5)),
    "special": (
        lambda a: (jax.scipy.special.gammaln(jnp.abs(a)) + jax.scipy.special.erf(a) + jax.scipy.stats.norm.logpdf(a)).sum(),
        normal(3),
    ),
    "activations": (
        lambda a: sum(getattr(jax.nn, f)(a) for f in "elu selu softplus silu leaky_relu gelu".split()).sum(), normal(5),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_gradients_are_jaxs(name: str) -> None:
    f, *args = FUNCTIONS[name]
    with jax.enable_x64(True):
        root = cg.from_jax(f, *args)
        run = root.backward()
        value, gradients = jax.value_and_grad(f, argnums=tuple(range(len(args))))(*args)
        np.testing.assert_allclose(run.value(root), value, rtol=1e-12)
        found = cg.named_leaves(root)
        paths = jax.tree_util.tree_flatten_with_path(gradients)[0]
        names = list(__import__("inspect").signature(f).parameters)
        for (first, *rest), gradient in paths:
            key = "/".join([names[first.idx], *(str(part.key) for part in rest)])
            scale = np.abs(gradient).max()
            np.testing.assert_allclose(run.grad(found[key]), gradient, atol=1e-12 * scale)


def test_a_long_scan_becomes_a_loop() -> None:
    w = normal(3, 3) / 3

    def f(w: Any, xs: Any) -> Any:
        h, ys = jax.lax.scan(lambda h, x: (jnp.tanh(w @ h + x), h.sum()), jnp.zeros(3), xs)
        return h.sum() + (ys**2).sum()

    with jax.enable_x64(True):
        xs = normal(300, 3)
        root = cg.from_jax(f, w, xs)
        assert len(cg.run(root).order) < 30
        run, truth = root.backward(), jax.grad(f, argnums=(0, 1))(w, xs)
        for name, gradient in zip(("w", "xs"), truth, strict=True):
            found = run.grad(cg.named_leaves(root)[name])
            np.testing.assert_allclose(found, gradient, atol=1e-12 * np.abs(gradient).max())


def test_float32_stays_float32() -> None:
    root = cg.from_jax(lambda w: jnp.mean(jnp.tanh(w @ w.T)), np.float32(normal(3, 3)))
    assert root.dtype == np.float32
    assert {node.dtype.name for node in cg.run(root).order if not node.weak} == {"float32"}


def test_names_scopes_and_lines() -> None:
    def model(params: Any, x: Any) -> Any:
        with jax.named_scope("layer1"):
            return jnp.tanh(x @ params["layer1"]["w"])

    root = cg.from_jax(model, {"layer1": {"w": normal(3, 2)}}, normal(4, 3), argnums=0)
    assert list(cg.named_leaves(root)) == ["x", "params/layer1/w"]
    assert root.scope == "layer1" and root.op.name == "tanh"
    assert cg.named_leaves(root)["x"].kind == "input"
    filename, _, line = root.site.rpartition(":")
    assert filename == __file__
    assert "jnp.tanh" in open(__file__).read().splitlines()[int(line) - 1]


def test_outputs_keep_their_containers() -> None:
    out = cg.from_jax(lambda x: {"a": x * 2, "b": (x.sum(), jnp.arange(3.0))}, normal(3))
    assert out["a"].shape == (3,) and out["b"][0].shape == () and out["b"][1].kind == "constant"


def test_what_is_not_supported_is_named_with_its_line() -> None:
    def model(x: Any) -> Any:
        y = jax.lax.linalg.hessenberg(x * jnp.eye(3))[0]
        return jax.lax.while_loop(lambda v: v.sum() < 5, lambda v: v * 2, y).sum()

    with pytest.raises(cg.UnsupportedError) as caught:
        cg.from_jax(model, np.float32(np.abs(normal(3))))
    assert "'model'" in str(caught.value) and "hessenberg" in str(caught.value)
    assert "while_loop whose end depends on the arguments, at " + __file__ in str(caught.value)


def test_a_derivative_rule_of_the_users_own_is_announced() -> None:
    @jax.custom_vjp
    def through(x: Any) -> Any:
        return jnp.sign(x)

    through.defvjp(lambda x: (jnp.sign(x), None), lambda residual, g: (g,))
    with pytest.warns(UserWarning, match="through.*has a derivative rule of its own"):
        cg.from_jax(lambda x: through(x).sum(), normal(3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cg.from_jax(lambda x: jax.nn.relu(x).sum(), normal(3))
