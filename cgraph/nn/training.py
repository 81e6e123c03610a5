"""The training loop: epochs of forward, backward and a step, which can stop at any epoch and go on from there.

Apart from `BinaryClassifier`, which speaks scikit-learn, because the loop knows only graphs: one graph is built and evaluated
again and again with other feeds. All that decides what comes next (parameters, optimizer, generator, history) is in `state()`,
so that a training that was stopped and restored goes on bit for bit as if it had not been.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cgraph.compile.training import TrainingProgram, compile_training
from cgraph.errors import StoreError, UnsupportedError
from cgraph.leaves import input
from cgraph.nn.layers import Generator, Sequential
from cgraph.node import Node, scope
from cgraph.ops.elementwise import sigmoid
from cgraph.ops.losses import bce, keras_bce, mse, stable_bce
from cgraph.ops.reduction import mean
from cgraph.optim import Optimizer

__all__ = ["ClassifierGraph", "Loss", "Training", "classifier_graph"]

Array = NDArray[Any]
Loss = Literal["stable_bce", "bce", "keras_bce", "mse"]
LOSSES: dict[str, Callable[[Node, Node, Node], Node]] = {
    "stable_bce": lambda z, p, y: stable_bce(z, y, name="loss"),
    "bce": lambda z, p, y: bce(p, y, name="loss"),
    "keras_bce": lambda z, p, y: keras_bce(p, y, name="loss"),
    "mse": lambda z, p, y: mse(p, y, name="loss"),
}


class ClassifierGraph(NamedTuple):
    """The nodes of a binary classifier: X (n, m), Y (1, m), logits Z (1, m), probabilities P (1, m), cost ()."""

    X: Node
    Y: Node
    Z: Node
    P: Node
    cost: Node


def classifier_graph(
    net: Sequential, n_features: int, loss: Loss = "stable_bce", dtype: Any = np.float64
) -> ClassifierGraph:
    """A net that ends in one logit, with its probability and the mean loss; the number of examples is left open.

    With "stable_bce" the cost hangs on Z and bypasses P; with the others it goes through P. Raises ValueError for an unknown
    loss.
    """
    if loss not in LOSSES:
        raise ValueError(f"loss is one of {', '.join(map(repr, LOSSES))}, not {loss!r}")
    X = input("X", shape=(n_features, None), dtype=dtype)
    Y = input("Y", shape=(1, None), dtype=dtype)
    Z = net(X)
    with scope(Z.scope):
        P: Node = sigmoid(Z, name="P")
    cost: Node = mean(LOSSES[loss](Z, P, Y), name="cost")
    return ClassifierGraph(X, Y, Z, P, cost)


@dataclass
class Training:
    """A training in progress.

    Attributes:
        graph, parameters: what is trained.
        optimizer, generator: the rule of the steps, and what shuffles the batches.
        batch_size: examples a step; None for all at once, then nothing is shuffled.
        history: the cost of every epoch so far, each before its update (for batches, their mean).
        tol, patience: stop when the best cost has not sunk by `tol` for `patience` epochs; never when `tol` is None.
        stale: epochs since the cost last sank by `tol`.
        best: that cost.
    """

    graph: ClassifierGraph
    parameters: Sequence[Node]
    optimizer: Optimizer
    generator: Generator
    batch_size: int | None = None
    tol: float | None = None
    patience: int = 10
    history: list[float] = field(default_factory=list)
    best: float = float("inf")
    stale: int = 0
    _program: TrainingProgram | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def epoch(self) -> int:
        """How many epochs are done."""
        return len(self.history)

    @property
    def converged(self) -> bool:
        """Whether the cost has stopped sinking."""
        return self.tol is not None and self.stale >= self.patience

    def epochs(self, X: Array, Y: Array, until: int) -> Iterator[float]:
        """Train epoch by epoch until `until` are done in all, or the cost stops sinking; yields each epoch's cost.

        X is (n, m), Y (1, m): examples are columns. Stopping to iterate stops the training between two epochs.
        """
        while self.epoch < until and not self.converged:
            yield self.advance(X, Y, self.epoch + 1)[0]

    def advance(self, X: Array, Y: Array, until: int) -> list[float]:
        """Train until `until` epochs are done in all, or the cost stops sinking, in one go; the costs of these epochs.

        The same as so many steps of `epochs`, bit for bit, and faster: nobody looks in between.
        """
        first = self.epoch
        while self.epoch < until and not self.converged:
            if self.batch_size is None or self.batch_size >= X.shape[1]:
                self._whole(X, Y, until - self.epoch)
            else:
                self._record(self._batches(X, Y))
        return self.history[first:]

    def _record(self, cost: float) -> None:
        self.history.append(cost)
        if self.tol is not None:
            # "not <" so that a NaN counts as an epoch without progress
            self.stale = 0 if cost < self.best - self.tol else self.stale + 1
            self.best = min(self.best, cost)

    def _whole(self, X: Array, Y: Array, n: int) -> None:
        """Up to `n` epochs on all examples at once."""
        before = [p.value for p in self.parameters], self.optimizer.t, list(self.optimizer.slots)
        costs = self._steps(X, Y, n)
        done = 0
        for cost in costs:
            self._record(cost)
            done += 1
            if self.converged:
                break
        if done < n:
            # It should have stopped on the way: back to the start, and only so far.
            for parameter, value in zip(self.parameters, before[0], strict=True):
                parameter.value = value
            self.optimizer.t, self.optimizer.slots = before[1], before[2]
            self._steps(X, Y, done)

    def _batches(self, X: Array, Y: Array) -> float:
        """One epoch, batch by batch."""
        m = X.shape[1]
        assert self.batch_size is not None
        order = self.generator.permutation(m)
        total = 0.0
        for start in range(0, m, self.batch_size):
            some = order[start : start + self.batch_size]
            total += self._steps(X[:, some], Y[:, some], 1)[0] * len(some)
        return float(total / m)

    def _steps(self, X: Array, Y: Array, n: int) -> list[float]:
        """`n` steps on the same examples, compiled; the cost before each."""
        if self._program is None:
            graph = self.graph
            self._program = compile_training(
                graph.cost, self.optimizer, [graph.X, graph.Y], parameters=self.parameters
            )
        try:
            return self._program.advance((X, Y), n, 1)
        except UnsupportedError:  # an optimizer whose rule takes nothing but arrays
            return [self._step(X, Y) for _ in range(n)]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_program": None}

    def _step(self, X: Array, Y: Array) -> float:
        graph = self.graph
        run = graph.cost.backward({graph.X: X, graph.Y: Y}, keep="leaves")
        self.optimizer.step(self.parameters, [run.grad(node) for node in self.parameters])
        return float(run.value(graph.cost))

    # --- stopping and going on -----------------------------------------------------------------

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Everything that decides what comes next, as plain JSON and named arrays."""
        t, slots = self.optimizer.state()
        arrays = {"history": np.array(self.history, float), "best": np.array(self.best)}
        arrays |= {f"parameter{i}": node.value for i, node in enumerate(self.parameters)}
        arrays |= {f"slot{i}.{j}": a for i, one in enumerate(slots) for j, a in enumerate(one)}
        facts = {
            "optimizer": self.optimizer.config(),
            "steps": t,
            "slots": [len(one) for one in slots],
            "generator": _generator_state(self.generator, arrays),
            "stale": self.stale,
        }
        return facts, arrays

    def restore(self, facts: dict[str, Any], arrays: dict[str, Array]) -> None:
        """Go on from a kept state. Raises `StoreError` when it is not the state of such a training."""
        try:
            if facts["optimizer"] != self.optimizer.config():
                raise StoreError(f"the training used {facts['optimizer']}, not {self.optimizer}")
            self.optimizer.restore(
                int(facts["steps"]),
                [
                    tuple(arrays[f"slot{i}.{j}"] for j in range(n))
                    for i, n in enumerate(facts["slots"])
                ],
            )
            _set_generator_state(self.generator, facts["generator"], arrays)
            self.stale = int(facts["stale"])
            self.best = float(arrays["best"])
            self.history = arrays["history"].tolist()
            for i, node in enumerate(self.parameters):
                node.value = arrays[f"parameter{i}"]
        except StoreError:
            raise
        except (KeyError, TypeError, ValueError) as error:
            raise StoreError(f"this is not the state of such a training ({error})") from error


def _generator_state(generator: Generator, arrays: dict[str, Array]) -> dict[str, Any]:
    """The state of a generator as JSON; the long arrays in it go among the arrays."""
    if isinstance(generator, np.random.RandomState):
        kind, state = "RandomState", dict(generator.get_state(legacy=False))
    else:
        kind, state = "Generator", dict(generator.bit_generator.state)

    def plain(value: Any, path: str) -> Any:
        if isinstance(value, dict):
            return {key: plain(inner, f"{path}.{key}") for key, inner in value.items()}
        if isinstance(value, np.ndarray):
            arrays[path] = value
            return {"array": path}
        if isinstance(value, float):
            return {"float": value.hex()}
        return value.item() if isinstance(value, np.generic) else value

    return {"kind": kind, "state": plain(state, "generator")}


def _set_generator_state(
    generator: Generator, facts: dict[str, Any], arrays: dict[str, Array]
) -> None:
    def rebuilt(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        if set(value) == {"array"}:
            return arrays[value["array"]]
        if set(value) == {"float"}:
            return float.fromhex(value["float"])
        return {key: rebuilt(inner) for key, inner in value.items()}

    legacy = isinstance(generator, np.random.RandomState)
    if facts["kind"] != ("RandomState" if legacy else "Generator"):
        raise StoreError(f"the training used a {facts['kind']}")
    state = rebuilt(facts["state"])
    if isinstance(generator, np.random.RandomState):
        generator.set_state(state)
    else:
        generator.bit_generator.state = state
