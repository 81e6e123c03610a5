"""Graphs that are kept and evaluated again: training steps against hand-written NumPy, second derivatives against hand-derived ones.

The steps are the article's: forward, cost, backward, update, the cost read every epoch; its layers are written out below with NumPy.
The second derivatives are those of the logistic loss on Iris and of Rosenbrock's function of 50 variables. All outcomes are compared
before anything is timed. At the end, the peak memory of a backward pass along a chain of elementwise ops.
"""

from __future__ import annotations

import itertools
import tracemalloc
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
from timing import QUICK, interleaved, table

import cgraph as cg
from cgraph import optim

Array = Any


def by_hand(W: list[Array], b: list[Array], X: Array, Y: Array, lr: float) -> Callable[[], float]:
    """The article's layers: Z = W A + b, sigmoid, stable cross-entropy on the logits of the last."""
    W, b, m = list(W), list(b), X.shape[1]

    def sigmoid(Z: Array) -> Array:
        return 1 / (1 + np.exp(-Z))

    def step() -> float:
        A, Z = [X], None
        for k in range(len(W)):
            Z = np.dot(W[k], A[-1]) + b[k]
            A.append(sigmoid(Z))
        cost = (1 / m) * np.sum(np.maximum(Z, 0) - Z * Y + np.log(1 + np.exp(-np.abs(Z))))
        dZ = (1 / m) * (A[-1] - Y)
        for k in reversed(range(len(W))):
            dW, db = np.dot(dZ, A[k].T), np.sum(dZ, axis=1, keepdims=True)
            if k:
                dZ = np.dot(W[k].T, dZ) * A[k] * (1 - A[k])
            W[k], b[k] = W[k] - lr * dW, b[k] - lr * db
        return float(cost)

    return step


def kept(W: list[Array], b: list[Array], X: Array, Y: Array, lr: float) -> Callable[[], float]:
    weights = [cg.parameter(f"W{k}", w) for k, w in enumerate(W)]
    biases = [cg.parameter(f"b{k}", w) for k, w in enumerate(b)]
    Z: Any = cg.input("X", X)
    for k in range(len(W)):
        Z = weights[k] @ (cg.sigmoid(Z) if k else Z) + biases[k]
    cost = cg.mean(cg.stable_bce(Z, cg.input("Y", Y)))
    return descent(cost, weights + biases, lr)


def report_steps() -> list[str]:
    lines = ["## Training steps on a kept graph", ""]
    gate = np.array([[0.0, 0, 1, 1], [0, 1, 0, 1]])
    flowers, kinds = cg.datasets.iris(features="petals")[:2]
    for name, sizes, X, Y in [
        ("AND, one neuron", [2, 1], gate, np.array([[0.0, 0, 0, 1]])),
        ("XOR, 2-3-1", [2, 3, 1], gate, np.array([[0.0, 1, 1, 0]])),
        ("Iris, one neuron, 150 examples", [2, 1], np.asarray(flowers, float), np.asarray(kinds, float).reshape(1, -1)),
    ]:  # fmt: skip
        rng = np.random.RandomState(0)
        W = [rng.randn(o, n) for n, o in itertools.pairwise(sizes)]
        b = [np.zeros((o, 1)) for o in sizes[1:]]
        ways = {
            "by hand, NumPy": by_hand(W, b, X, Y, 0.1),
            "cgraph, graph kept": kept(W, b, X, Y, 0.1),
        }
        for _ in range(5):
            costs = [step() for step in ways.values()]
            assert abs(costs[0] - costs[1]) < 1e-12, costs
        lines += table(name, interleaved(ways, rounds=15), "by hand, NumPy", unit="step")
    return lines


def tanh_net(sizes: list[int], m: int) -> dict[str, Callable[[], float]]:
    """A net of tanh layers and one sigmoid neuron, on random data: by hand, and kept. Examples are columns."""
    rng = np.random.default_rng(1)
    X, Y = rng.normal(size=(sizes[0], m)), rng.integers(0, 2, (1, m)).astype(float)
    start = [rng.normal(size=(o, n)) / np.sqrt(n) for n, o in itertools.pairwise(sizes)]
    W, b = list(start), [np.zeros((o, 1)) for o in sizes[1:]]

    def by_hand() -> float:
        A, Z = [X], X
        for k in range(len(W)):
            Z = W[k] @ A[-1] + b[k]
            A.append(np.tanh(Z))
        cost = np.mean(np.maximum(Z, 0) - Z * Y + np.log1p(np.exp(-np.abs(Z))))
        dZ = (1 / (1 + np.exp(-Z)) - Y) / m
        for k in reversed(range(len(W))):
            dW, db = dZ @ A[k].T, dZ.sum(1, keepdims=True)
            if k:
                dZ = (W[k].T @ dZ) * (1 - A[k] ** 2)
            W[k], b[k] = W[k] - 0.1 * dW, b[k] - 0.1 * db
        return float(cost)

    weights = [cg.parameter(f"W{k}", w) for k, w in enumerate(start)]
    biases = [cg.parameter(f"b{k}", np.zeros((len(w), 1))) for k, w in enumerate(start)]
    Z: Any = cg.input("X", X)
    for k in range(len(start)):
        Z = weights[k] @ (cg.tanh(Z) if k else Z) + biases[k]
    return {
        "by hand, NumPy": by_hand,
        "cgraph, graph kept": descent(cg.mean(cg.stable_bce(Z, Y)), weights + biases),
    }


def softmax_regression(classes: int, features: int, m: int) -> dict[str, Callable[[], float]]:
    rng = np.random.default_rng(2)
    X, kinds = rng.normal(size=(m, features)), rng.integers(0, classes, m)
    Y, start = np.eye(classes)[kinds], rng.normal(size=(features, classes)) * 0.1
    W, b = start, np.zeros(classes)

    def by_hand() -> float:
        nonlocal W, b
        Z = X @ W + b
        Z = Z - Z.max(1, keepdims=True)
        E = np.exp(Z)
        total = E.sum(1, keepdims=True)
        cost = np.mean(np.log(total[:, 0]) - Z[np.arange(m), kinds])
        dZ = (E / total - Y) / m
        W, b = W - 0.1 * (X.T @ dZ), b - 0.1 * dZ.sum(0)
        return float(cost)

    w, c = cg.parameter("W", start), cg.parameter("b", np.zeros(classes))
    cost = cg.mean(cg.stable_cross_entropy(cg.input("X", X) @ w + c, Y))
    return {"by hand, NumPy": by_hand, "cgraph, graph kept": descent(cost, [w, c])}


def convolution_net(m: int, size: int, channels: int) -> dict[str, Callable[[], float]]:
    """One 3 x 3 convolution, ReLU, the mean over the picture, a sigmoid neuron."""
    rng = np.random.default_rng(3)
    X, Y = rng.normal(size=(m, 1, size, size)), rng.integers(0, 2, m).astype(float)
    start = rng.normal(size=(channels, 1, 3, 3)) * 0.3, rng.normal(size=channels)
    K, w = start
    n = size - 2
    windows = np.lib.stride_tricks.sliding_window_view(X[:, 0], (3, 3), (1, 2)).reshape(m * n * n, 9)  # fmt: skip

    def by_hand() -> float:
        nonlocal K, w
        Z = windows @ K.reshape(channels, 9).T
        A = np.maximum(Z, 0).reshape(m, n * n, channels).mean(1)
        z = A @ w
        cost = np.mean(np.maximum(z, 0) - z * Y + np.log1p(np.exp(-np.abs(z))))
        dz = (1 / (1 + np.exp(-z)) - Y) / m
        dA = np.repeat(dz[:, None] * w / (n * n), n * n, 0)
        dK = (dA * (Z > 0)).T @ windows
        K, w = K - 0.1 * dK.reshape(K.shape), w - 0.1 * (A.T @ dz)
        return float(cost)

    kernel, weight = cg.parameter("K", start[0]), cg.parameter("w", start[1])
    hidden = cg.relu(cg.nn.functional.conv2d(cg.input("X", X), kernel))
    cost = cg.mean(cg.stable_bce(cg.mean(hidden, axis=(2, 3)) @ weight, Y))
    return {"by hand, NumPy": by_hand, "cgraph, graph kept": descent(cost, [kernel, weight])}


def descent(cost: Any, parameters: list[Any], lr: float = 0.1) -> Callable[[], float]:
    """The loop of the README."""
    optimizer = optim.GradientDescent(lr=lr)

    def step() -> float:
        run = cost.backward()
        optimizer.step(parameters, [run.grad(w) for w in parameters])
        return float(run.value(cost))

    return step


def report_other_nets() -> list[str]:
    lines = ["## Training steps of other nets", ""]
    for name, ways in [
        ("tanh 10-32-1, 64 examples", tanh_net([10, 32, 1], 64)),
        ("six layers of 16 tanh, 32 examples", tanh_net([16] * 6 + [1], 32)),
        ("softmax regression, 64 features, 10 classes, 128 examples", softmax_regression(10, 64, 128)),
        ("convolution 3 x 3, 8 channels, 16 pictures of 12 x 12", convolution_net(16, 12, 8)),
    ]:  # fmt: skip
        for _ in range(5):
            costs = [step() for step in ways.values()]
            assert abs(costs[0] - costs[1]) < 1e-12, (name, costs)
        lines += table(name, interleaved(ways, rounds=15), "by hand, NumPy", unit="step")
    return lines


def jax_peer(name: str, p: Array, v: Array, X: Array, Y: Array, x: Array, w: Array) -> dict[str, Callable[[], object]]:  # fmt: skip
    """The same by JAX, jitted, where it is installed."""
    if not find_spec("jax"):
        return {}
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)

    def logistic(q: Any) -> Any:
        z = q @ X
        return jnp.mean(jax.nn.softplus(z) - Y * z)

    def rosenbrock(q: Any) -> Any:
        return jnp.sum(100.0 * (q[1:] - q[:-1] ** 2) ** 2 + (1.0 - q[:-1]) ** 2)

    f, at, direction = (logistic, p, v) if name.startswith("Iris") else (rosenbrock, x, w)
    if name.endswith("product"):
        product = jax.jit(lambda q, d: jax.jvp(jax.grad(f), (q,), (d,))[1])
        return {"JAX jit": lambda: jax.block_until_ready(product(at, direction))}
    matrix = jax.jit(jax.hessian(f))
    return {"JAX jit": lambda: jax.block_until_ready(matrix(at))}


def report_second_derivatives() -> list[str]:
    rng = np.random.default_rng(0)
    X, Y = cg.datasets.iris(features="petals")[:2]
    m = np.shape(X)[1]
    X, Y = np.vstack([X, np.ones((1, m))]), np.asarray(Y, float).ravel()
    p, v = rng.normal(size=3), rng.normal(size=3)
    P, V = cg.parameter("p", p), cg.input("v", v)
    loss = cg.mean(cg.stable_bce(P @ cg.input("X", X), Y))

    def curvature() -> Array:
        s = 1 / (1 + np.exp(-(p @ X)))
        return s * (1 - s)

    x, w = rng.normal(size=50), rng.normal(size=50)
    Q, U = cg.parameter("x", x), cg.input("w", w)
    rosenbrock = cg.sum(100.0 * (Q[1:] - Q[:-1] ** 2) ** 2 + (1.0 - Q[:-1]) ** 2)

    def diagonal() -> Array:
        d = np.empty(50)
        d[0], d[-1] = 1200 * x[0] ** 2 - 400 * x[1] + 2, 200
        d[1:-1] = 202 + 1200 * x[1:-1] ** 2 - 400 * x[2:]
        return d

    def product() -> Array:
        off = -400 * x[:-1]
        result = diagonal() * w
        result[:-1] += off * w[1:]
        result[1:] += off * w[:-1]
        return result

    def matrix() -> Array:
        off = -400 * x[:-1]
        return np.diag(off, 1) + np.diag(off, -1) + np.diag(diagonal())

    lines = ["## Second derivatives on a kept graph", ""]
    for name, hand, node in [
        (
            "Iris, Hessian-vector product",
            lambda: X @ (curvature() * (v @ X)) / m,
            cg.hvp(loss, P, V),
        ),
        ("Iris, Hessian", lambda: (X * curvature()) @ X.T / m, cg.hessian(loss, P)),
        ("Rosenbrock, 50 variables, Hessian-vector product", product, cg.hvp(rosenbrock, Q, U)),
        ("Rosenbrock, 50 variables, Hessian", matrix, cg.hessian(rosenbrock, Q)),
    ]:
        np.testing.assert_allclose(cg.run(node).value(node), hand(), rtol=1e-9, atol=1e-9)
        program = cg.compile(node, inputs=[])
        np.testing.assert_allclose(program(), hand(), rtol=1e-9, atol=1e-9)
        ways = {
            "by hand, NumPy": hand,
            "cgraph, graph kept": lambda node=node: cg.run(node).value(node),
            "cgraph, compiled": program,
            **jax_peer(name, p, v, X, Y, x, w),
        }
        for result in (ways[way]() for way in ways if "JAX" in way):
            np.testing.assert_allclose(result, hand(), rtol=1e-9, atol=1e-9)
        lines += table(name, interleaved(ways, rounds=15), "by hand, NumPy")
    return lines


def report_memory(n: int = 10**6 if QUICK else 10**7) -> list[str]:
    x = cg.parameter("x", np.linspace(0.1, 1.0, n))
    node: Any = x
    for _ in range(5):
        node = cg.sin(node) * 0.9 + 0.1
    loss = cg.sum(node)
    lines = [
        f"## Peak memory of a backward pass along 15 elementwise ops on {n:,} entries",
        "",
        "| | arrays |",
        "|---|---|",
    ]
    for keep in ("all", "leaves"):
        tracemalloc.start()
        loss.backward(keep=keep)
        lines.append(f"| keep={keep!r} | {tracemalloc.get_traced_memory()[1] / (8 * n):.1f} |")
        tracemalloc.stop()
    return [*lines, ""]


def report() -> list[str]:
    return [*report_steps(), *report_other_nets(), *report_second_derivatives(), *report_memory()]


if __name__ == "__main__":
    print("\n".join(report()))
