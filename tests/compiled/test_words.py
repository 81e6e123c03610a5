"""The jax and torch backends beyond elementwise ops: convolutions, pools, loops and branches, linear algebra, special functions, Fourier
transforms. Held against runs of the graph, values and cgraph's gradients; and the frameworks' own gradients of `program.function`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from compiled.test_frameworks import BACKENDS, DIALECTS, compiled_quickly, needed

import cgraph as cg
from cgraph.compile.emit.nodes import refuse
from cgraph.compile.emit.words import vocabulary
from cgraph.graph import order
from cgraph.nn import functional as nnf
from cgraph.op import OPS, find
from cgraph.testing.op_check import calls


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_row(backend: str) -> None:
    """On calls of its own: the value, and cgraph's gradient where that has words, in one program."""
    needed(backend)
    outputs, whose, differentiated = [], [], set()
    for name in vocabulary(backend).emissions:
        if name in ("scan", "cond", "part", "argpartition"):  # in other tests
            continue
        op = find(name)
        assert op is not None and OPS[name] is op
        given = {"rtol": None} if name == "linalg.matrix_rank" else None
        for _, node in calls(op, 1 if backend == "jax" else 3, 11, given):
            leaves = [p for p in dict.fromkeys(node.parents) if p.op.name == "parameter"]
            weights = np.cos(np.arange(node.size)).reshape(node.shape)  # type: ignore[arg-type,type-var]
            root = cg.sum(node * weights.astype(node.dtype)) if node.dtype.kind == "f" else node
            asked = [root]
            try:
                if root is not node and leaves:
                    slopes = cg.gradient(root, leaves, disconnected="zero")
                    refuse(DIALECTS[backend], order(*slopes))
                    asked += slopes
                    differentiated.add(name)
            except (cg.UnsupportedError, cg.GradientError):
                pass
            outputs += asked
            whose += [name] * len(asked)
    assert len(differentiated) > 45
    with compiled_quickly(backend):
        found = cg.compile(outputs, inputs=[], backend=backend)()
    for name, node, value in zip(whose, outputs, found, strict=True):
        want = cg.run(node).value(node)
        assert value.dtype == want.dtype
        bound = 2e-10 if want.dtype == np.float64 else 2e-4
        np.testing.assert_allclose(value, want, rtol=bound, atol=bound, err_msg=name)


def held(backend: str, root: Any, leaves: list[Any]) -> str:
    """Value and gradients of a program against a run, and the framework's own gradients of its function; its source."""
    rtol = 1e-11
    run = root.backward()
    program = cg.compile([root], inputs=[], gradients=leaves, backend=backend)
    plain = cg.compile(root, inputs=[], backend=backend)
    with compiled_quickly(backend):
        (value,), slopes = program()
        own = frameworks_gradients(backend, plain)
    np.testing.assert_allclose(value, run.value(root), rtol=rtol)
    for leaf, slope in zip(leaves, slopes, strict=True):
        wanted = run.grad(leaf)
        assert slope.dtype == wanted.dtype and slope.shape == wanted.shape
        scale = np.max(np.abs(wanted), initial=1e-3)
        np.testing.assert_allclose(slope, wanted, rtol=rtol, atol=rtol * scale, err_msg=leaf.name)
        np.testing.assert_allclose(own[leaf.name], wanted, rtol=1e-8, atol=1e-9 * scale)  # trigamma
    return str(plain.source)


def frameworks_gradients(backend: str, program: Any) -> dict[str, Any]:
    values = program.parameters()
    if backend == "jax":
        import jax

        with program._quiet():
            return dict(jax.jit(jax.grad(program.function))(program.parameters()))
    values = {k: v.requires_grad_(v.is_floating_point()) for k, v in values.items()}
    program.function(values).backward()
    return {k: v.grad for k, v in values.items()}


def conv_net(rng: Any) -> Any:
    x = cg.constant(rng.standard_normal((3, 2, 9, 8)))
    w = cg.parameter("w", 0.3 * rng.standard_normal((4, 1, 3, 3)))
    b = cg.parameter("b", rng.standard_normal(4))
    h = nnf.conv2d(x, w, b, stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2)
    up = nnf.conv_transpose2d(cg.tanh(h), cg.parameter("v", rng.standard_normal((4, 2, 2, 2))), stride=2)  # fmt: skip
    pooled = nnf.max_pool2d(up, 2) + nnf.avg_pool2d(up, 2)
    return cg.mean(cg.square(pooled))


def layers(rng: Any) -> Any:
    words = cg.constant(np.array([[1, 0, 3], [2, 2, 1]]))
    table = cg.parameter("table", rng.standard_normal((4, 6)))
    gamma, beta = cg.parameter("gamma", rng.random(6)), cg.parameter("beta", rng.standard_normal(6))
    h = nnf.layer_norm(nnf.embedding(words, table), 6, gamma, beta)
    q = cg.parameter("q", rng.standard_normal((6, 6)))
    attended = nnf.scaled_dot_product_attention(h @ q, h, h)
    return cg.mean(nnf.cross_entropy(cg.sum(attended, axis=1), np.array([2, 5])))


def recurrent(rng: Any) -> Any:
    """A loop with outer parameters, a second state that is a count, and rows taken backwards."""
    W, b = cg.parameter("W", 0.5 * rng.standard_normal((3, 3))), cg.parameter("b", np.zeros(3))
    xs = cg.constant(rng.standard_normal((5, 3)))

    def step(state: Any, x: Any) -> Any:
        h, n = state
        h = cg.tanh(W @ h + b + x)
        return (h, n + 1), h * cg.cast(n, "float64")

    (h, _), hs = cg.scan(step, (cg.constant(np.zeros(3)), cg.constant(np.array(1))), xs, reverse=True)  # fmt: skip
    return cg.sum(h) + cg.sum(cg.square(hs))


def branches(rng: Any) -> Any:
    x = cg.parameter("x", rng.standard_normal(4))
    n = cg.parameter("n", 2.0)
    power = cg.fori_loop(0, 4, lambda i, s: s * n + cg.cast(i, "float64"), 1.0)
    inner = lambda v: cg.fori_loop(0, 3, lambda i, s: cg.sin(s) * n, v)  # noqa: E731
    chosen = cg.cond(cg.sum(x) > 100.0, lambda v: cg.sqrt(v), inner, x)
    return cg.sum(chosen) * power


def algebra(rng: Any) -> Any:
    A = cg.parameter("A", np.eye(4) * 3 + rng.standard_normal((4, 4)))
    y = cg.parameter("y", rng.standard_normal(4))
    S = A @ A.T
    L = cg.linalg.cholesky(S)
    _, log = cg.linalg.slogdet(A)
    z = cg.linalg.solve_triangular(L, y, lower=True)
    total = log + cg.sum(cg.square(z)) + cg.linalg.det(A) + cg.linalg.norm(cg.linalg.inv(A))
    return total + cg.sum(cg.linalg.eigvalsh(S)[1:])


def distributions(rng: Any) -> Any:
    a, x = cg.parameter("a", rng.uniform(1.5, 3.0, 5)), cg.parameter("x", rng.uniform(0.2, 0.8, 5))
    logs = cg.stats.gamma.logpdf(x, a) + cg.stats.beta.logpdf(x, a, 2.5) + cg.stats.norm.logcdf(x - a)  # fmt: skip
    return cg.sum(logs + cg.special.erf(x) * cg.special.digamma(a) + cg.special.xlogy(x, a))


def spectrum(rng: Any) -> Any:
    x, k = cg.parameter("x", rng.standard_normal(12)), cg.parameter("k", rng.standard_normal(3))
    low = cg.fft.rfft(x).power()[:4]
    smooth = cg.convolve(x, k, mode="same")
    return cg.sum(low) + cg.sum(cg.square(cg.sort(smooth))) + cg.median(smooth)


NETS: list[Callable[[Any], Any]] = [
    conv_net, layers, recurrent, branches, algebra, distributions, spectrum,
]  # fmt: skip


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_nets(backend: str, net: Callable[[Any], Any]) -> None:
    needed(backend)
    root = net(np.random.default_rng(4))
    leaves = [n for n in order(root) if n.op.name == "parameter"]
    source = held(backend, root, leaves)
    if net is layers:
        assert "* jnp.reshape(gamma, " in source or "* torch.reshape(gamma, " in source, (
            "named as the parameter is"
        )
    if net is recurrent:
        assert source.count("def body(") == 1


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_inside_a_loop_is_refused_by_name(backend: str) -> None:
    needed(backend)
    x = cg.parameter("x", 0.5)
    looped = cg.fori_loop(0, 2, lambda i, s: cg.special.jv(1, s), x)
    with pytest.raises(cg.UnsupportedError, match=r"(?s)special\.jv.*numpy"):
        cg.compile(looped, backend=backend)
