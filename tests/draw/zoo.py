"""Graphs of many kinds, for the drawing tests: small and large, deep and wide, of scalars and matrices, with scopes and without."""

from __future__ import annotations

import contextlib

import numpy as np
from draw.nets import batch, mlp, neuron, xor

import cgraph as cg


def tanh_net():
    """2-8-8-1, a multiplication a node, without scopes: what a first user of a scalar engine makes."""
    rng = np.random.default_rng(0)
    h = [cg.input("x1", 0.5), cg.input("x2", -1.0)]
    for layer, (n_in, n_out) in enumerate(((2, 8), (8, 8), (8, 1))):
        new = []
        for j in range(n_out):
            s = cg.parameter(f"b{layer}{j}", 0.0)
            for i in range(n_in):
                s = s + cg.parameter(f"w{layer}{j}{i}", round(float(rng.normal()), 3)) * h[i]
            new.append(cg.tanh(s))
        h = new
    return cg.mse(h[0], cg.input("y", 1.0))


def chain(n=200, *ops):
    y = cg.parameter("x", 0.5)
    for i in range(n):
        y = (ops or (cg.sin,))[i % max(len(ops), 1)](y)
    return y


def recurrent(scoped=True, scalar=False, steps=10):
    """A recurrent net, unrolled."""
    rng = np.random.default_rng(1)
    if scalar:
        W, U, b, h = (
            cg.parameter("W", 0.9),
            cg.parameter("U", 0.4),
            cg.parameter("b", 0.1),
            cg.constant(0.0, name="h0"),
        )
    else:
        W, U = (
            cg.parameter("W", rng.normal(size=(3, 3)) / 2),
            cg.parameter("U", rng.normal(size=(3, 2))),
        )
        b, h = cg.parameter("b", np.zeros((3, 1))), cg.constant(np.zeros((3, 1)), name="h0")
    for t in range(steps):
        with cg.scope(f"t{t}") if scoped else contextlib.nullcontext():
            x = cg.input("x", float(rng.normal()) if scalar else rng.normal(size=(2, 1)))
            h = cg.tanh(W * h + U * x + b if scalar else W @ h + U @ x + b, name="h")
    return cg.mean(cg.square(h - 1.0), name="loss")


def attention():
    rng = np.random.default_rng(2)
    X = cg.input("X", rng.normal(size=(4, 3)))
    Q, K, V = (
        cg.matmul(X, cg.parameter(f"W_{c}", rng.normal(size=(3, 3))), name=c.upper()) for c in "qkv"
    )
    A = cg.softmax(cg.divide(Q @ K.T, np.sqrt(3.0), name="S"), axis=1, name="A")
    return cg.mean(
        cg.square(cg.matmul(A, V, name="O") - cg.input("Y", rng.normal(size=(4, 3)))), name="loss"
    )


def forty():
    """An expression of forty ops over four parameters."""
    values = [cg.parameter(n, v) for n, v in zip("abcd", (0.5, -1.2, 0.8, 2.0), strict=True)]
    rng = np.random.default_rng(5)
    ops = (cg.sin, cg.tanh, cg.exp, cg.sigmoid)
    for i in range(36):
        a, b = (values[int(rng.integers(max(0, len(values) - 7), len(values)))] for _ in range(2))
        values.append(ops[(i // 3) % 4](a * 0.5) if i % 3 == 0 else a * b if i % 3 == 1 else a + b)
    return cg.square(values[-1] + values[-2] - values[-3], name="f")


def dense():
    """784-100-10 with softmax and cross-entropy."""
    rng = np.random.default_rng(0)
    X, Y = (
        cg.input("X", rng.normal(size=(784, 32))),
        cg.input("Y", np.eye(10)[:, rng.integers(0, 10, 32)]),
    )
    W1, b1 = (
        cg.parameter("W1", rng.normal(size=(100, 784)) / 28),
        cg.parameter("b1", np.zeros((100, 1))),
    )
    W2, b2 = (
        cg.parameter("W2", rng.normal(size=(10, 100)) / 10),
        cg.parameter("b2", np.zeros((10, 1))),
    )
    A1 = cg.relu(cg.add(W1 @ X, b1, name="Z1"), name="A1")
    P = cg.softmax(cg.add(W2 @ A1, b2, name="Z2"), axis=0, name="P")
    return cg.negative(cg.sum(Y * cg.log(P)) / 32.0, name="cost")


def gated():
    """One step of a gated recurrent unit."""
    rng = np.random.default_rng(3)
    x, h = cg.input("x", rng.normal(size=(2, 1))), cg.constant(rng.normal(size=(3, 1)), name="h")

    def total(gate, state):
        W, U, b = (
            cg.parameter(f"{k}_{gate}", np.round(rng.normal(size=(3, n)), 2))
            for k, n in (("W", 2), ("U", 3), ("b", 1))
        )
        return W @ x + U @ state + b

    r, z = (cg.sigmoid(total(gate, h), name=gate) for gate in "rz")
    n = cg.tanh(total("n", r * h), name="n")
    return cg.sum(cg.square(cg.add((1.0 - z) * h, z * n, name="h_new")), name="loss")


def mixture():
    """The negative log-likelihood of a point under two Gaussians of one width."""
    x, s = cg.input("x", 1.3), cg.parameter("s", 0.0)
    pi = cg.sigmoid(cg.parameter("a", 0.3), name="pi")
    first, second = (
        cg.exp(
            -0.5 * cg.square(x - cg.parameter(f"mu_{i}", m)) * cg.exp(-2.0 * s) - s, name=f"n{i}"
        )
        for i, m in ((1, 0.0), (2, 2.0))
    )
    return cg.negative(cg.log(pi * first + (1.0 - pi) * second), name="loss")


def polynomial():
    x = cg.parameter("x", 1.5)
    return cg.subtract(cg.add(3.0 * x**3 - 2.0 * x**2, x), 5.0, name="f")


def residual():
    rng = np.random.default_rng(4)
    h = cg.matmul(
        cg.parameter("W1", rng.normal(size=(3, 3))),
        cg.input("x", rng.normal(size=(3, 2))),
        name="h",
    )
    u = cg.matmul(cg.parameter("W2", rng.normal(size=(3, 3))), cg.relu(h, name="a"), name="u")
    return cg.mean(cg.square(cg.add(u, h, name="y")), name="loss")


def fan_out():
    x = cg.parameter("x", 3.0)
    return cg.add(cg.multiply(x, x, name="m"), x, name="y")


def diamond():
    x = cg.parameter("x", 1.0)
    a = cg.multiply(x, x, name="a")
    return cg.add(cg.sin(a, name="s"), cg.cos(a, name="c"), name="y")


def circuit():
    """The sigmoid of a sum, op by op."""
    w = [cg.parameter(f"w{i}", v) for i, v in enumerate((2.0, -3.0, -3.0))]
    x = [cg.input(f"x{i}", v) for i, v in enumerate((-1.0, -2.0))]
    return cg.divide(1.0, 1.0 + cg.exp(-(w[0] * x[0] + w[1] * x[1] + w[2])), name="f")


def long_names():
    a, b = cg.parameter('<b>"\\G&', 2.0), cg.input("temperature_at_noon", 3.0)
    return cg.square(
        cg.exp(a * b / 6.0, name="a very long name of a value, indeed") - 1.0, name="loss"
    )


def kinks():
    x, y = cg.parameter("x", 0.5), cg.parameter("y", -2.0)
    return cg.square(
        cg.where(x > y, cg.clip(x, 0.0, 1.0), cg.maximum(x, y)) + cg.abs(y), name="loss"
    )


def sick():
    """A logarithm of a negative number."""
    X, w = (
        cg.input("X", np.array([[1.0, 2.0, 3.0], [0.5, -1.0, 2.0]])),
        cg.parameter("w", np.array([[0.4, 0.2, 0.1]])),
    )
    return cg.mean(cg.square(cg.matmul(w, cg.log(X, name="F").T, name="z")), name="cost")


ZOO = {
    "neuron": neuron, "fused": lambda: neuron("fused"), "batch": batch, "fused_batch": lambda: batch("fused"), "xor": xor,
    "tanh_net": tanh_net, "chain": chain, "pattern": lambda: chain(200, cg.sin, lambda y: cg.exp(y * 0.5)), "recurrent": recurrent,
    "unrolled": lambda: recurrent(scoped=False), "scalar_recurrent": lambda: recurrent(scalar=True), "attention": attention,
    "forty": forty, "dense": dense, "gated": gated, "mixture": mixture, "polynomial": polynomial, "residual": residual,
    "fan_out": fan_out, "diamond": diamond, "circuit": circuit, "long_names": long_names, "kinks": kinks, "sick": sick,
    "overview": lambda: mlp(10), "levels": lambda: mlp(10, scoped=False),
}  # fmt: skip
