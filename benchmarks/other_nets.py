"""Trainings and second derivatives beside those of `compiled.py` and `kept_graphs.py`, so that no net is special: compiled, against
NumPy by hand and JAX.

Nets of tanh with three losses (softmax, binary, squares) and three rules (descent, momentum, Adam), whole and in batches; Hessians and
products with them of functions that optimizers are tried on. All outcomes are compared before anything is timed. Processor time,
rounds alternating.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import pairwise
from typing import Any

import numpy as np
from timing import QUICK, interleaved, table

import cgraph as cg
from cgraph import optim

Array = Any
EPOCHS = 100 if QUICK else 1000


@dataclass
class Task:
    """A net, its data, and how it is trained."""

    name: str
    sizes: tuple[int, ...]
    loss: str  # "softmax", "bce" or "mse"
    rule: str  # "descent", "momentum" or "adam"
    examples: int
    batch: int | None = None

    def data(self) -> tuple[Array, Array]:
        rng = np.random.default_rng(0)
        X = rng.standard_normal((self.sizes[0], self.examples))
        if self.loss == "softmax":
            return X, np.ascontiguousarray(np.eye(self.sizes[-1])[rng.integers(0, self.sizes[-1], self.examples)].T)  # fmt: skip
        Y = rng.standard_normal((self.sizes[-1], self.examples))
        return X, Y if self.loss == "mse" else np.asarray(Y > 0, float)

    def start(self) -> list[Array]:
        rng = np.random.default_rng(1)
        found = []
        for a, b in pairwise(self.sizes):
            found += [rng.standard_normal((b, a)) / np.sqrt(a), np.zeros((b, 1))]
        return found


TASKS = [
    Task("softmax 4-16-3", (4, 16, 3), "softmax", "descent", 150),
    Task("softmax 4-16-3, Adam", (4, 16, 3), "softmax", "adam", 150),
    Task("tanh 10-32-32-1", (10, 32, 32, 1), "bce", "descent", 200),
    Task("tanh 10-32-32-1, Adam", (10, 32, 32, 1), "bce", "adam", 200),
    Task("linear regression, momentum", (10, 1), "mse", "momentum", 200),
    Task("tanh 10-16-1, batches of 32", (10, 16, 1), "bce", "descent", 640, 32),
]
RATE = 0.01


# --- by hand ------------------------------------------------------------------------------------------------------------------------


def loss_and_slope(kind: str, Z: Array, Y: Array) -> tuple[Any, Array]:
    m = Z.shape[1]
    if kind == "softmax":
        e = np.exp(Z - Z.max(0))
        total = e.sum(0)
        return np.mean(np.log(total) + Z.max(0) - (Z * Y).sum(0)), (e / total - Y) / m
    if kind == "bce":
        loss = np.mean(np.maximum(Z, 0) - Y * Z + np.log1p(np.exp(-np.abs(Z))))
        return loss, (1 / (1 + np.exp(-Z)) - Y) / m
    return 0.5 * np.mean((Z - Y) ** 2), (Z - Y) / Z.size


def by_hand(task: Task, X: Array, Y: Array, epochs: int) -> list[float]:
    p = [w.copy() for w in task.start()]
    layers, size = len(p) // 2, task.batch or task.examples
    M, V, t, costs = [np.zeros_like(w) for w in p], [np.zeros_like(w) for w in p], 0, []
    for _ in range(epochs):
        total = 0.0
        for a in range(0, task.examples, size):
            x, y = X[:, a : a + size], Y[:, a : a + size]
            A = [x]
            for k in range(layers):
                Z = p[2 * k] @ A[-1] + p[2 * k + 1]
                A.append(np.tanh(Z) if k < layers - 1 else Z)
            cost, dZ = loss_and_slope(task.loss, A[-1], y)
            total += float(cost) * x.shape[1]
            slopes = [np.empty(0)] * len(p)
            for k in reversed(range(layers)):
                slopes[2 * k : 2 * k + 2] = dZ @ A[k].T, dZ.sum(1, keepdims=True)
                if k:
                    dZ = (p[2 * k].T @ dZ) * (1 - A[k] ** 2)
            t += 1
            for i, g in enumerate(slopes):
                if task.rule == "descent":
                    p[i] -= RATE * g
                elif task.rule == "momentum":
                    M[i] = 0.9 * M[i] + g
                    p[i] -= RATE * M[i]
                else:
                    M[i], V[i] = 0.9 * M[i] + 0.1 * g, 0.999 * V[i] + 0.001 * g * g
                    p[i] -= RATE * (M[i] / (1 - 0.9**t)) / (np.sqrt(V[i] / (1 - 0.999**t)) + 1e-8)
        costs.append(total / task.examples)
    return costs


# --- compiled -----------------------------------------------------------------------------------------------------------------------


def compiled(task: Task, X: Array, Y: Array, **options: Any) -> Callable[[int], Any]:
    start = task.start()
    p = [cg.parameter(f"{'Wb'[i % 2]}{i // 2}", w) for i, w in enumerate(start)]
    x, y = cg.input("X", shape=(task.sizes[0], None)), cg.input("Y", shape=(task.sizes[-1], None))
    h: Any = x
    for k in range(len(p) // 2):
        h = p[2 * k] @ (cg.tanh(h) if k else h) + p[2 * k + 1]
    losses = {"softmax": lambda: cg.stable_cross_entropy(h, y, axis=0), "bce": lambda: cg.stable_bce(h, y),
              "mse": lambda: cg.mse(h, y)}  # fmt: skip
    rules = {"descent": optim.GradientDescent, "momentum": optim.Momentum, "adam": optim.Adam}
    rule = rules[task.rule](RATE)
    step = cg.compile_training(cg.mean(losses[task.loss]()), rule, [x, y], parameters=p, **options)

    def train(epochs: int) -> Any:
        for node, w in zip(p, start, strict=True):
            node.value = w
        rule.reset()
        return step(X, Y, epochs=epochs, batch_size=task.batch)

    return train


def jax_loop(task: Task, X: Array, Y: Array, epochs: int) -> Callable[[], Any]:
    """The whole loop inside the compiler."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    x, y, layers = jnp.asarray(X), jnp.asarray(Y), len(task.sizes) - 1

    def cost(p: Any) -> Any:
        h = x
        for k in range(layers):
            h = p[2 * k] @ (jnp.tanh(h) if k else h) + p[2 * k + 1]
        if task.loss == "softmax":
            return jnp.mean(jax.scipy.special.logsumexp(h, 0) - (h * y).sum(0))
        if task.loss == "bce":
            return jnp.mean(jax.nn.softplus(h) - y * h)
        return 0.5 * jnp.mean((h - y) ** 2)

    def step(state: Any, _: Any) -> Any:
        p, M, V, t = state
        value, slopes = jax.value_and_grad(cost)(p)
        t = t + 1.0
        if task.rule == "descent":
            p = [w - RATE * g for w, g in zip(p, slopes, strict=True)]
        elif task.rule == "momentum":
            M = [0.9 * m + g for m, g in zip(M, slopes, strict=True)]
            p = [w - RATE * m for w, m in zip(p, M, strict=True)]
        else:
            M = [0.9 * m + 0.1 * g for m, g in zip(M, slopes, strict=True)]
            V = [0.999 * v + 0.001 * g * g for v, g in zip(V, slopes, strict=True)]
            p = [
                w - RATE * (m / (1 - 0.9**t)) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8)
                for w, m, v in zip(p, M, V, strict=True)
            ]
        return (p, M, V, t), value

    zeros = [jnp.zeros_like(w) for w in task.start()]
    loop = jax.jit(lambda p: jax.lax.scan(step, (p, zeros, zeros, 0.0), None, length=epochs)[1])
    return lambda: np.asarray(loop([jnp.asarray(w) for w in task.start()]))


def report_trainings() -> list[str]:
    lines = ["## Other nets, the cost of every epoch", ""]
    for task in TASKS:
        X, Y = task.data()
        epochs = EPOCHS if task.batch is None else EPOCHS * task.batch // task.examples
        train = compiled(task, X, Y)
        ways: dict[str, Callable[[], Any]] = {
            "by hand, NumPy": lambda t=task, X=X, Y=Y, n=epochs: by_hand(t, X, Y, n),
            "compile_training": lambda f=train, n=epochs: f(n),
        }
        if find_spec("numba") and find_spec("scipy"):
            machine = compiled(task, X, Y, backend="numba")
            ways['compile_training, backend="numba"'] = lambda f=machine, n=epochs: f(n)
        if find_spec("jax") and task.batch is None:
            ways["JAX, the loop inside jit"] = jax_loop(task, X, Y, epochs)
        wanted = ways["by hand, NumPy"]()
        for way in ways.values():
            np.testing.assert_allclose(way(), wanted, rtol=1e-7)
        steps = epochs * (-(-task.examples // task.batch) if task.batch else 1)
        timings = interleaved(ways, rounds=7, seconds=0.0)
        lines += table(task.name, timings, "by hand, NumPy", per=steps, unit="step")
    return lines


# --- second derivatives -------------------------------------------------------------------------------------------------------------


def report_second_derivatives() -> list[str]:
    rng = np.random.default_rng(0)
    x, v = rng.normal(size=100), rng.normal(size=100)
    X, V = cg.parameter("x", x), cg.input("v", v)
    tang = 0.5 * cg.sum(X**4 - 16.0 * X**2 + 5.0 * X)
    b = np.array([1.25, 0.75])
    B = cg.parameter("b", b)
    p, q = B[0], B[1]
    beale = (1.5 - p + p * q) ** 2 + (2.25 - p + p * q**2) ** 2 + (2.625 - p + p * q**3) ** 2
    A, w, u = rng.normal(size=(200, 20)), rng.normal(size=20) * 0.3, rng.normal(size=20)
    W, U = cg.parameter("w", w), cg.input("u", u)
    logistic = cg.mean(
        cg.stable_bce(cg.input("A", A) @ W, np.asarray(rng.random(200) > 0.5, float))
    )

    def beale_by_hand() -> Array:
        p, q = b.tolist()
        terms = [
            (1.5 - p + p * q, q - 1.0, p, 1.0, 0.0),
            (2.25 - p + p * q * q, q * q - 1.0, 2.0 * p * q, 2.0 * q, 2.0 * p),
            (2.625 - p + p * q**3, q**3 - 1.0, 3.0 * p * q * q, 3.0 * q * q, 6.0 * p * q),
        ]
        pp = sum(dp * dp for _, dp, _, _, _ in terms)
        pq = sum(dp * dq + r * dpq for r, dp, dq, dpq, _ in terms)
        qq = sum(dq * dq + r * dqq for r, _, dq, _, dqq in terms)
        return np.array([[2.0 * pp, 2.0 * pq], [2.0 * pq, 2.0 * qq]])

    def curvature() -> Array:
        s = 1 / (1 + np.exp(-(A @ w)))
        return s * (1 - s) / 200

    lines = ["## Other second derivatives, compiled", ""]
    for name, hand, node in [
        ("Styblinski and Tang, 100 variables, product", lambda: (6 * x * x - 16) * v, cg.hvp(tang, X, V)),
        ("Styblinski and Tang, 100 variables, Hessian", lambda: np.diag(6 * x * x - 16), cg.hessian(tang, X)),
        ("Beale, Hessian", beale_by_hand, cg.hessian(beale, B)),
        ("logistic, 20 weights, product", lambda: A.T @ (curvature() * (A @ u)), cg.hvp(logistic, W, U)),
        ("logistic, 20 weights, Hessian", lambda: (A.T * curvature()) @ A, cg.hessian(logistic, W)),
    ]:  # fmt: skip
        program = cg.compile(node, inputs=[])
        np.testing.assert_allclose(program(), hand(), rtol=1e-9, atol=1e-9)
        ways = {"by hand, NumPy": hand, "cgraph, compiled": program}
        lines += table(name, interleaved(ways, rounds=15), "by hand, NumPy")
    return lines


if __name__ == "__main__":
    print("\n".join([*report_trainings(), *report_second_derivatives()]))
