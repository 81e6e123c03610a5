"""The article's graphs, and random ones, for the drawing tests."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

import cgraph as cg


def neuron(loss="bce"):
    """The first AND example: roots, leaves and all, by name."""
    x1, x2, y = cg.input("x1", 0.0), cg.input("x2", 0.0), cg.input("y", 0.0)
    w1, w2, b = cg.parameter("w1", 0.1), cg.parameter("w2", 0.6), cg.parameter("b", 0.0)
    z = cg.add(w1 * x1 + w2 * x2, b, name="z")
    if loss == "fused":
        return cg.stable_bce(z, y, name="loss")
    return cg.bce(cg.sigmoid(z, name="p_hat"), y, name="loss")


def batch(loss="bce"):
    """AND in a batch."""
    X = cg.input("X", np.array([[0.0, 0, 1, 1], [0, 1, 0, 1]]))
    Y = cg.input("Y", np.array([[0.0, 0, 0, 1]]))
    W, b = cg.parameter("W", [[0.1, 0.6]]), cg.parameter("b", [[0.0]])
    Z = cg.add(W @ X, b, name="Z")
    losses = cg.stable_bce(Z, Y) if loss == "fused" else cg.bce(cg.sigmoid(Z, name="P_hat"), Y)
    return cg.mean(losses, name="cost")


def xor():
    """XOR 2-3-1 in scopes, with the fused loss."""
    rs = np.random.RandomState(48)
    X = cg.input("X", np.array([[0.0, 0, 1, 1], [0, 1, 0, 1]]))
    Y = cg.input("Y", np.array([[0.0, 1, 1, 0]]))
    with cg.scope("layer1"):
        W, b = (
            cg.parameter("W1", rs.randn(3, 2) * np.sqrt(1 / 2)),
            cg.parameter("b1", np.zeros((3, 1))),
        )
        A = cg.sigmoid(cg.add(W @ X, b, name="Z1"), name="A1")
    with cg.scope("layer2"):
        W, b = (
            cg.parameter("W2", rs.randn(1, 3) * np.sqrt(1 / 3)),
            cg.parameter("b2", np.zeros((1, 1))),
        )
        Z = cg.add(W @ A, b, name="Z2")
    return cg.mean(cg.stable_bce(Z, Y), name="cost")


def classes():
    """Softmax regression: three classes, fused with their cross-entropy."""
    rng = np.random.default_rng(4)
    X, W = cg.input("X", rng.normal(size=(4, 3))), cg.parameter("W", rng.normal(size=(3, 3)))
    Z = cg.add(X @ W, cg.parameter("b", [0.1, 0.0, -0.2]), name="Z")
    return cg.mean(cg.stable_cross_entropy(Z, np.array([0, 2, 1, 1])), name="loss")


def convnet(b=0.1):
    """A convolution, ReLU, pooling and a logit: arrays of four dimensions, of which pictures tell the least, the mean and the largest."""
    rng = np.random.default_rng(5)
    x, K = cg.input("x", rng.normal(size=(1, 1, 5, 5))), cg.parameter("K", rng.normal(size=(1, 1, 2, 2)))  # fmt: skip
    a = cg.relu(cg.nn.functional.conv2d(x, K, cg.parameter("b", [b])), name="a")
    W = cg.parameter("W", rng.normal(size=(1, 4)))
    z = cg.sum(W @ cg.nn.functional.max_pool2d(a, 2).reshape(4, 1), name="z")
    return cg.stable_bce(z, 1.0, name="loss")


UNARY = (cg.sigmoid, cg.tanh, cg.exp, cg.square, cg.negative, cg.softplus, cg.sin)
BINARY = (cg.add, cg.subtract, cg.multiply, cg.maximum)


def random_graph(seed):
    """A scalar graph of 3 to 14 ops, some named, with sharing, data, constants and a loss."""
    rng = np.random.default_rng(seed)
    values = [
        cg.parameter(f"w{i}", round(float(rng.normal()), 3)) for i in range(rng.integers(1, 4))
    ]
    values += [cg.input(f"x{i}", round(float(rng.normal()), 3)) for i in range(rng.integers(0, 3))]
    for i in range(rng.integers(3, 15)):
        name = f"a{i}" if rng.random() < 0.5 else None
        a, b = (values[int(rng.integers(len(values)))] for _ in range(2))
        if rng.random() < 0.15:
            b = float(rng.integers(1, 4))
        op = (UNARY if rng.random() < 0.45 else BINARY)[int(rng.integers(4))]
        values.append(op(a, name=name) if op in UNARY else op(a, b, name=name))
    total = values[0]
    for value in values[-3:]:
        total = total + value
    return cg.square(total, name="loss")


def mlp(examples, sizes=(2, 8, 8, 1), scoped=True):
    """A scalar net unrolled over a batch: one node a multiplication."""
    import contextlib

    scope = cg.scope if scoped else (lambda name: contextlib.nullcontext())
    rng = np.random.default_rng(0)
    layers = []
    for n_in, n_out in pairwise(sizes):
        with scope(f"params{len(layers) + 1}"):
            W = [
                [cg.parameter(f"w{i}{j}", rng.normal()) for j in range(n_in)] for i in range(n_out)
            ]
            layers.append((W, [cg.parameter(f"b{i}", 0.0) for i in range(n_out)]))
    total = None
    for e in range(examples):
        with scope(f"ex{e}"):
            h = [cg.input(f"x{i}", rng.normal()) for i in range(sizes[0])]
            for i, (W, b) in enumerate(layers):
                with scope(f"layer{i + 1}"):
                    rows = []
                    for weights, bias in zip(W, b, strict=True):
                        s = weights[0] * h[0]
                        for w, x in zip(weights[1:], h[1:], strict=True):
                            s = s + w * x
                        rows.append(cg.sigmoid(s + bias))
                    h = rows
            loss = cg.bce(h[0], cg.input("y", float(e % 2)))
        total = loss if total is None else total + loss
    return total
