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


def _given(rng, *names, size=()):
    """Parameters with values of their own."""
    return [cg.parameter(n, rng.normal(size=size) if size else float(rng.normal())) for n in names]


def lstm():
    rng = np.random.default_rng(5)
    x, h, c = (cg.input(n, rng.normal(size=(k, 1))) for n, k in (("x", 3), ("h0", 4), ("c0", 4)))
    gates = {}
    for k in "ifog":
        W, U, b = (
            cg.parameter(f"{n}_{k}", rng.normal(size=(4, m)))
            for n, m in (("W", 3), ("U", 4), ("b", 1))
        )
        gates[k] = (cg.tanh if k == "g" else cg.sigmoid)(W @ x + U @ h + b, name=k)
    new = cg.add(gates["f"] * c, gates["i"] * gates["g"], name="c")
    return cg.mean(cg.square(cg.multiply(gates["o"], cg.tanh(new), name="h")), name="loss")


def autoencoder():
    """A variational one: its two losses and the trick of its random numbers."""
    rng = np.random.default_rng(6)
    x, eps = cg.input("x", rng.normal(size=(4, 1))), cg.input("eps", rng.normal(size=(2, 1)))
    W, S = _given(rng, "W_mu", "W_s", size=(2, 4))
    (V,) = _given(rng, "V", size=(4, 2))
    mu, logvar = cg.matmul(W, x, name="mu"), cg.matmul(S, x, name="logvar")
    z = cg.add(mu, cg.exp(logvar * 0.5) * eps, name="z")
    rec = cg.sum(cg.square(cg.sigmoid(V @ z, name="x_hat") - x), name="rec")
    kl = cg.multiply(-0.5, cg.sum(1.0 + logvar - cg.square(mu) - cg.exp(logvar)), name="kl")
    return cg.add(rec, kl, name="loss")


def kalman():
    x, P, q, r = _given(np.random.default_rng(7), "x", "P", "q", "r")
    p = cg.add(P, cg.exp(q), name="p_minus")
    S = cg.add(p, cg.exp(r), name="S")
    e = cg.subtract(cg.input("z", 1.4), x, name="e")
    return cg.add(cg.log(S), cg.square(e) / S, name="loss")


def layer_norm():
    rng = np.random.default_rng(8)
    x, (g, b) = cg.input("x", rng.normal(size=(2, 5))), _given(rng, "g", "b", size=(5,))
    d = cg.subtract(x, cg.mean(x, axis=1, keepdims=True, name="mu"), name="d")
    v = cg.mean(cg.square(d), axis=1, keepdims=True, name="v")
    return cg.sum(cg.square(cg.add(g * (d / cg.sqrt(v + 1e-5)), b, name="y")), name="loss")


def ridge():
    """A neuron whose weights are used a second time, in a penalty."""
    w1, w2, b = _given(np.random.default_rng(9), "w1", "w2", "b")
    z = cg.add(w1 * cg.input("x1", 0.3) + w2 * cg.input("x2", -1.2), b, name="z")
    L = cg.bce(cg.sigmoid(z, name="p_hat"), cg.input("y", 1.0), name="L")
    return cg.add(L, 0.1 * cg.add(cg.square(w1), cg.square(w2), name="R"), name="J")


def density():
    """A mixture density: means, widths and weights of two Gaussians."""
    m1, m2, s1, s2, a1, a2 = _given(np.random.default_rng(10), "m1", "m2", "s1", "s2", "a1", "a2")
    y, terms = cg.input("y", 0.4), []
    for i, (m, s, a) in enumerate(((m1, s1, a1), (m2, s2, a2)), 1):
        terms.append(cg.add(a - s, -0.5 * cg.square((y - m) * cg.exp(-s)), name=f"t{i}"))
    norm = cg.log(cg.exp(a1) + cg.exp(a2), name="d")
    return cg.subtract(norm, cg.log(cg.exp(terms[0]) + cg.exp(terms[1])), name="loss")


def newton():
    a, x = cg.parameter("a", -0.1), cg.constant(2.0, name="x0")
    for k in range(4):
        x = cg.subtract(x, (x * x - cg.exp(a)) / (2.0 * x), name=f"x{k + 1}")
    return x


def pendulum():
    start, length = cg.parameter("theta0", 1.0), cg.parameter("l", 0.7)

    def step(carried, _):
        angle, speed = carried
        speed = speed - 0.05 * 9.81 / length * cg.sin(angle)
        return (angle + 0.05 * speed, speed), angle

    (angle, _), _ = cg.scan(step, (start, cg.constant(0.0)), length=20)
    return cg.square(angle - 0.3, name="loss")


def much_used():
    """One leaf, used seven times."""
    x = cg.parameter("x", 0.8)
    return cg.add(
        cg.sin(x) + cg.cos(x) + cg.exp(x), cg.tanh(x) * x + cg.square(x) + 3.0 * x, name="y"
    )


def huber():
    e = cg.subtract(cg.parameter("w", -1.0) * cg.input("x", 2.0), cg.input("y", 1.1), name="e")
    a = cg.abs(e)
    return cg.where(a < 1.0, 0.5 * cg.square(e), a - 0.5, name="loss")


def tied():
    rng = np.random.default_rng(11)
    (W,), x = _given(rng, "W", size=(3, 3)), cg.input("x", rng.normal(size=(3, 1)))
    h = cg.tanh(cg.matmul(W, x), name="h")
    return cg.sum(cg.square(cg.matmul(W.T, h, name="r") - x), name="loss")


def penalty():
    """The same with matrices: the weights go past the fused loss."""
    rng = np.random.default_rng(12)
    X, Y = cg.input("X", rng.normal(size=(2, 6))), cg.input("Y", (rng.random((1, 6)) > 0.5) * 1.0)
    (W,), (b,) = _given(rng, "W", size=(1, 2)), _given(rng, "b", size=(1, 1))
    cost = cg.mean(cg.stable_bce(cg.add(W @ X, b, name="Z"), Y), name="data_cost")
    return cg.add(cost, 0.1 * cg.sum(cg.square(W)), name="cost")


def masked():
    """Attention with a mask."""
    rng = np.random.default_rng(13)
    X = cg.input("X", rng.normal(size=(3, 4)))
    Q, K, V = (
        cg.matmul(X, w, name=w.name[2:].upper())
        for w in _given(rng, "W_q", "W_k", "W_v", size=(4, 4))
    )
    M = cg.constant(np.triu(np.full((3, 3), -1e9), 1), name="M")
    A = cg.softmax(cg.add(Q @ K.T / 2.0, M, name="S"), axis=1, name="A")
    return cg.mean(cg.square(cg.matmul(A, V, name="O")), name="loss")


ZOO = {
    "neuron": neuron, "fused": lambda: neuron("fused"), "batch": batch, "fused_batch": lambda: batch("fused"), "xor": xor,
    "tanh_net": tanh_net, "chain": chain, "pattern": lambda: chain(200, cg.sin, lambda y: cg.exp(y * 0.5)), "recurrent": recurrent,
    "unrolled": lambda: recurrent(scoped=False), "scalar_recurrent": lambda: recurrent(scalar=True), "attention": attention,
    "forty": forty, "dense": dense, "gated": gated, "mixture": mixture, "polynomial": polynomial, "residual": residual,
    "fan_out": fan_out, "diamond": diamond, "circuit": circuit, "long_names": long_names, "kinks": kinks, "sick": sick,
    "lstm": lstm, "autoencoder": autoencoder, "kalman": kalman, "layer_norm": layer_norm, "ridge": ridge, "density": density,
    "newton": newton, "pendulum": pendulum, "much_used": much_used, "huber": huber, "tied": tied, "penalty": penalty,
    "masked": masked, "overview": lambda: mlp(10), "levels": lambda: mlp(10, scoped=False),
}  # fmt: skip
