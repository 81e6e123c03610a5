"""Layers: linear, sigmoid, tanh, ReLU, and their sequence.

A layer holds parameters and, called on a node, builds the nodes of its formula; it computes nothing itself. **Examples are
columns**: a layer takes (n_in, m) to (n_out, m), as the article writes it, Z = W X + b. (`BinaryClassifier` takes rows.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from cgraph.leaves import parameter
from cgraph.node import Node, scope
from cgraph.ops.elementwise import add, relu, sigmoid, tanh
from cgraph.ops.linalg import matmul

__all__ = ["Init", "Linear", "ReLU", "Rng", "Sequential", "Sigmoid", "Tanh", "as_generator"]

Init = Literal["plain", "xavier", "he"]
Generator = np.random.RandomState | np.random.Generator
Rng = int | None | np.random.RandomState | np.random.Generator

# The factor on a standard normal number, by the number of inputs.
SCALES: dict[str, Callable[[int], float]] = {
    "plain": lambda n_in: 0.01,
    "xavier": lambda n_in: float(1 / np.sqrt(n_in)),
    "he": lambda n_in: float(np.sqrt(2 / n_in)),
}


def as_generator(rng: Rng) -> Generator:
    """A seed as `RandomState(seed)`, whose numbers the article prints; a generator as it is; None for a fresh start."""
    if isinstance(rng, np.random.RandomState | np.random.Generator):
        return rng
    return np.random.RandomState(rng)


class Layer:
    """What `Sequential` expects: a call on a node, and perhaps parameters."""

    @property
    def parameters(self) -> list[Node]:
        """The parameter nodes, in the order in which they were drawn."""
        return []

    def __call__(self, x: Node, *, name: str | None = None) -> Node:
        raise NotImplementedError


class Linear(Layer):
    """Z = W X + b, with X (n_in, m), W (n_out, n_in), b (n_out, 1), Z (n_out, m): examples are columns.

    Args:
        n_in, n_out: how many features come in and go out.
        init: W is drawn from N(0, 1) times 0.01 ("plain"), 1/sqrt(n_in) ("xavier") or sqrt(2/n_in) ("he"); b is zero.
        rng: a seed, or a generator that several layers share; W is drawn row by row when the layer is made.
        name: a suffix for the names of W, b and Z.
        dtype: of the parameters.

    Sources: X. Glorot and Y. Bengio (AISTATS 2010), in the one-sided form of the article; K. He et al., arXiv:1502.01852.

    >>> import cgraph as cg
    >>> layer = Linear(2, 3, init="xavier", rng=48)
    >>> layer(cg.input("X", shape=(2, None))).shape
    (3, None)
    >>> layer.W.value
    array([[-0.7026, -0.7519],
           [-0.4512,  0.7507],
           [-0.1113,  0.7734]])
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        init: Init = "plain",
        rng: Rng = 0,
        *,
        name: str = "",
        dtype: DTypeLike = np.float64,
    ) -> None:
        if n_in < 1 or n_out < 1:
            raise ValueError(
                f"a layer has at least one input and one output; got {n_in} and {n_out}"
            )
        if init not in SCALES:
            raise ValueError(f"init is one of {', '.join(map(repr, SCALES))}, not {init!r}")
        self.n_in, self.n_out, self.suffix = n_in, n_out, name
        weights: NDArray[Any] = as_generator(rng).standard_normal((n_out, n_in)) * SCALES[init](
            n_in
        )
        self._start = weights.astype(dtype), np.zeros((n_out, 1), dtype)

    # The nodes are made when first asked for, so that a Sequential can still give them their place in the net; from then on
    # they stay the same nodes, whoever holds them.

    @cached_property
    def W(self) -> Node:
        """The weights, (n_out, n_in)."""
        return parameter(f"W{self.suffix}", self._start[0])

    @cached_property
    def b(self) -> Node:
        """The biases, (n_out, 1)."""
        return parameter(f"b{self.suffix}", self._start[1])

    def place(self, path: str, suffix: str) -> None:
        """Name the parameters as those of a net's layer, unless they have a name already."""
        if self.suffix or "W" in self.__dict__ or "b" in self.__dict__:
            return
        self.suffix = suffix
        with scope(path):
            _ = self.W, self.b

    @property
    def parameters(self) -> list[Node]:
        return [self.W, self.b]

    def __call__(self, x: Node, *, name: str | None = None) -> Node:
        product: Node = matmul(self.W, x)
        result: Node = add(product, self.b, name=name or f"Z{self.suffix}")
        return result

    def __repr__(self) -> str:
        return f"Linear({self.n_in}, {self.n_out})"


class Activation(Layer):
    """An elementwise function as a layer."""

    op: Callable[..., Any]

    def __call__(self, x: Node, *, name: str | None = None) -> Node:
        result: Node = type(self).op(x, name=name)
        return result

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class Sigmoid(Activation):
    """σ(Z), entry by entry."""

    op = sigmoid


class Tanh(Activation):
    """tanh Z, entry by entry."""

    op = tanh


class ReLU(Activation):
    """max(0, Z), entry by entry; its slope at 0 is 0."""

    op = relu


class Sequential(Layer):
    """Layers one after the other; a linear layer and the activations behind it share a scope: "layer1", "layer2" ...

    The scopes name the nodes ("layer1/Z1") and are what a picture collapses. Layers given to several sequences share their
    parameters.

    >>> import cgraph as cg
    >>> rng = np.random.RandomState(48)
    >>> net = Sequential(Linear(2, 3, rng=rng), Sigmoid(), Linear(3, 1, rng=rng), Sigmoid())
    >>> P = net(cg.input("X", shape=(2, 4)))
    >>> P.shape, P.name, [w.name for w in net.parameters]
    ((1, 4), 'layer2/A2', ['layer1/W1', 'layer1/b1', 'layer2/W2', 'layer2/b2'])
    """

    def __init__(self, *layers: Layer) -> None:
        self.layers = layers
        linear = [layer for layer in layers if isinstance(layer, Linear)]
        for number, layer in enumerate(linear, 1):
            layer.place(f"layer{number}", str(number) if len(linear) > 1 else "")

    @property
    def parameters(self) -> list[Node]:
        return [node for layer in self.layers for node in layer.parameters]

    def scopes(self) -> Iterator[tuple[str, Layer, str | None]]:
        """(scope, layer, name of its result) for every layer: A1 for the activation of layer 1."""
        number = 0
        suffix = ""
        for layer in self.layers:
            if isinstance(layer, Linear):
                number, suffix = number + 1, layer.suffix
            yield f"layer{number}", layer, f"A{suffix}" if isinstance(layer, Activation) else None

    def __call__(self, x: Node, *, name: str | None = None) -> Node:
        """Build the nodes of all layers on `x`; `name` names the last one."""
        last = len(self.layers) - 1
        for i, (path, layer, label) in enumerate(self.scopes()):
            with scope(path):
                x = layer(x, name=name if i == last and name else label)
        return x

    def __repr__(self) -> str:
        return f"Sequential({', '.join(map(repr, self.layers))})"
