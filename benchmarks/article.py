"""The article's way, in NumPy by hand: layers that are classes, a forward, a backward and an update a layer, cost in every epoch.

What the training benchmarks are measured against. Written as a reader of the article writes it, not as somebody who knows what NumPy
costs; the loss is the stable one, from logits.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any


class LinearLayer:
    """Z = W A + b; the gradients come by the Jacobian of the mean, so with 1/m."""

    def __init__(self, W: Array, b: Array) -> None:
        self.W, self.b = W.copy(), b.copy()

    def forward(self, A: Array) -> Array:
        self.A = A
        self.Z = np.dot(self.W, A) + self.b
        return self.Z

    def backward(self, dZ: Array) -> Array:
        self.dW = np.dot(dZ, self.A.T)
        self.db = np.sum(dZ, axis=1, keepdims=True)
        self.dA = np.dot(self.W.T, dZ)
        return self.dA

    def update(self, lr: float) -> None:
        self.W = self.W - lr * self.dW
        self.b = self.b - lr * self.db


class SigmoidLayer:
    def forward(self, Z: Array) -> Array:
        self.A = 1 / (1 + np.exp(-Z))
        return self.A

    def backward(self, dA: Array) -> Array:
        return dA * self.A * (1 - self.A)


def stable_cost(Y: Array, Z: Array) -> tuple[float, Array]:
    """The cost from logits, and dZ = (P − Y) / m, which bypasses the last sigmoid."""
    m = Y.shape[1]
    cost = (1 / m) * np.sum(np.maximum(Z, 0) - Z * Y + np.log(1 + np.exp(-np.abs(Z))))
    dZ = (1 / m) * (1 / (1 + np.exp(-Z)) - Y)
    return float(np.squeeze(cost)), dZ


class Net:
    """Linear and sigmoid layers in turn; the last sigmoid is in the cost."""

    def __init__(self, weights: list[tuple[Array, Array]]) -> None:
        self.layers: list[Any] = []
        for i, (W, b) in enumerate(weights):
            self.layers.append(LinearLayer(W, b))
            if i < len(weights) - 1:
                self.layers.append(SigmoidLayer())

    def train(self, X: Array, Y: Array, epochs: int, lr: float = 1.0) -> list[float]:
        costs = []
        for _ in range(epochs):
            A = X
            for layer in self.layers:
                A = layer.forward(A)
            cost, d = stable_cost(Y, A)
            costs.append(cost)
            for layer in reversed(self.layers):
                d = layer.backward(d)
            for layer in self.layers:
                if isinstance(layer, LinearLayer):
                    layer.update(lr)
        return costs
