"""A state machine for hypothesis: long lives of graphs, against an engine too simple to be wrong.

Random steps build, assign, feed, run, differentiate, copy, pickle, print and delete, in any order; after each the graph has to agree with a
model that keeps plain NumPy values and gets its gradients by complex steps, entry by entry. What breaks here is not a rule but the
bookkeeping around it: stale values, aliasing, a Run that changes after the fact, a copy that shares its leaves, a node that never dies.

    TestGraphs = testing.GraphMachine.TestCase     # in a test module
"""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cgraph import autodiff
from cgraph.graph import equations, order
from cgraph.leaves import input as input_leaf, parameter
from cgraph.node import Node
from cgraph.operators import PUBLIC as V

UNARY: dict[str, Callable[[Any], Any]] = {
    "sin": np.sin, "tanh": np.tanh, "square": lambda x: x * x, "negative": np.negative, "exp": lambda x: np.exp(x),
}  # fmt: skip
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
}


class Model:
    """The naive engine: every node is a function of its parents' values; gradients are complex steps through the whole graph."""

    def __init__(self) -> None:
        self.rules: dict[Node, tuple[Callable[..., Any], tuple[Node, ...]]] = {}
        self.leaves: dict[Node, Any] = {}

    def value(self, node: Node, moved: dict[Node, Any] | None = None) -> Any:
        found: dict[Node, Any] = {**self.leaves, **(moved or {})}
        for n in order(node):
            if n not in found:
                if (
                    n not in self.rules
                ):  # what the engine puts in by itself: literals and broadcasts
                    operands = [found[p] for p in n.parents]
                    found[n] = (
                        n.op.forward(*operands, **n.params) if n.parents else np.asarray(n._value)
                    )
                else:
                    rule, parents = self.rules[n]
                    found[n] = rule(*(found[p] for p in parents))
        return found[node]

    def gradient(self, node: Node, leaf: Node) -> Any:
        x = np.asarray(self.leaves[leaf], complex)
        out = np.zeros(x.shape)
        for k in np.ndindex(x.shape):
            step = x.copy()
            step[k] += 1e-30j
            out[k] = np.sum(np.imag(self.value(node, {leaf: step}))) / 1e-30
        return out


def close(a: Any, b: Any) -> bool:
    return np.shape(a) == np.shape(b) and bool(
        np.all(
            np.abs(np.asarray(a) - b) <= 1e-9 * (np.abs(b) + np.max(np.abs(b), initial=0.0)) + 1e-11
        )
    )


shapes = st.sampled_from([(), (2,), (2, 2)])
pick = st.integers(0, 10**6)


class GraphMachine(RuleBasedStateMachine):  # type: ignore[misc, unused-ignore]
    """Build, run, differentiate, copy, pickle, delete: see the module."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.nodes: list[Node] = []
        self.runs: list[tuple[Any, Node, Any]] = []

    def node(self, k: int) -> Node:
        return self.nodes[k % len(self.nodes)]

    def leaf(self, k: int, kind: str | None = None) -> Node | None:
        leaves = [
            n for n in self.nodes if n in self.model.leaves and (kind is None or n.kind == kind)
        ]
        return leaves[k % len(leaves)] if leaves else None

    def array(self, shape: tuple[int, ...], seed: int) -> Any:
        return np.random.default_rng(seed).integers(-6, 7, shape) / 4

    @initialize(seed=pick)
    def start(self, seed: int) -> None:
        self.add_leaf((), seed, True)

    @rule(shape=shapes, seed=pick, trained=st.booleans())
    def add_leaf(self, shape: tuple[int, ...], seed: int, trained: bool) -> None:
        value = np.array(self.array(shape, seed))
        leaf = (
            parameter(f"p{len(self.nodes)}", value)
            if trained
            else input_leaf(f"x{len(self.nodes)}", value)
        )
        self.nodes.append(leaf)
        self.model.leaves[leaf] = value.copy()
        value += 100.0  # the caller's array is the caller's

    @rule(name=st.sampled_from(sorted(UNARY)), k=pick)
    def unary(self, name: str, k: int) -> None:
        x = self.node(k)
        if np.max(np.abs(self.model.value(x)), initial=0.0) > 20:
            name = "tanh"
        self.nodes.append(V[name](x))
        self.model.rules[self.nodes[-1]] = (UNARY[name], (x,))

    @rule(name=st.sampled_from(sorted(BINARY)), j=pick, k=pick)
    def binary(self, name: str, j: int, k: int) -> None:
        x, y = self.node(j), self.node(k)
        if x.shape != y.shape and x.shape and y.shape and len(x.shape) == len(y.shape):
            return
        node = V[name](x, y)
        if (
            np.max(np.abs(self.model.value(x)) * np.max(np.abs(self.model.value(y))), initial=0.0)
            < 1e4
        ):
            self.nodes.append(node)
            self.model.rules[node] = (BINARY[name], (x, y))

    @rule(k=pick, seed=pick)
    def assign(self, k: int, seed: int) -> None:
        leaf = self.leaf(k)
        assert leaf is not None
        value = self.array(leaf.shape, seed)  # type: ignore[arg-type]
        leaf.value = value
        self.model.leaves[leaf] = np.array(value)
        if value.ndim:
            value += 100.0

    @rule(k=pick)
    def run(self, k: int) -> None:
        node = self.node(k)
        result = V["run"](node)
        expected = self.model.value(node)
        assert close(result.value(node), expected), f"value of {node}"
        assert close(node.value, expected)
        self.runs = [*self.runs[-3:], (result, node, np.array(result.value(node)))]

    @rule(k=pick, j=pick, seed=pick)
    def feed(self, k: int, j: int, seed: int) -> None:
        node, leaf = self.node(k), self.leaf(j, "input")
        if leaf is None or leaf not in set(order(node)):
            return
        value = self.array(leaf.shape, seed)  # type: ignore[arg-type]
        result = V["run"](node, {leaf: value})
        assert close(result.value(node), self.model.value(node, {leaf: value}))
        again = V["run"](node)
        assert close(again.value(node), self.model.value(node)), "a feed outlived its run"

    @rule(k=pick)
    def backward(self, k: int) -> None:
        node = self.node(k)
        if not node.active:
            return
        result = node.backward(upstream=np.ones(np.shape(self.model.value(node))))
        for leaf in order(node):
            if leaf.kind == "parameter":
                expected = self.model.gradient(node, leaf)
                assert close(result.grad(leaf), expected), (
                    f"gradient of {leaf.name} in\n{equations(node)}"
                )
                assert close(leaf.grad, expected)
        first = {n: np.array(result.grad(n)) for n in order(node) if result.has_grad(n)}
        result.backward(upstream=np.ones(np.shape(self.model.value(node))))
        for n, value in first.items():
            assert np.array_equal(result.grad(n), value), (
                "a second backward pass gives something else"
            )

    @rule(k=pick, j=pick)
    def gradient_graph(self, k: int, j: int) -> None:
        node, leaf = self.node(k), self.leaf(j)
        if leaf is None or leaf not in set(order(node)) or len(order(node)) > 40:
            return
        found = autodiff.gradient(V["sum"](node), leaf)
        assert close(V["run"](found).value(found), self.model.gradient(node, leaf))

    @rule(k=pick, how=st.sampled_from(["pickle", "deepcopy"]))
    def duplicate(self, k: int, how: str) -> None:
        node = self.node(k)
        copied = pickle.loads(pickle.dumps(node)) if how == "pickle" else copy.deepcopy(node)
        assert close(V["run"](copied).value(copied), self.model.value(node)), how
        assert equations(copied) == equations(node)
        leaves = [n for n in order(copied) if n.kind in ("parameter", "input")]
        for n in leaves:
            n.value = np.asarray(n.value) + 1.0  # must not reach the original
        assert close(V["run"](node).value(node), self.model.value(node)), f"{how} shares its leaves"

    @precondition(lambda self: len(self.nodes) > 3)
    @rule(k=pick)
    def delete(self, k: int) -> None:
        node = self.nodes[k % len(self.nodes)]
        if node in self.model.leaves or any(
            node in set(order(n)[:-1]) for n in self.nodes if n is not node
        ):
            return
        self.nodes = [n for n in self.nodes if n is not node]
        self.runs = []
        self.model.rules.pop(node, None)
        gone = weakref.ref(node)
        del node
        gc.collect()
        assert gone() is None, "a deleted node is still held by somebody"

    @rule(k=pick)
    def show(self, k: int) -> None:
        node = self.node(k)
        assert str(len(order(node))) in str(node) and repr(node)

    @invariant()
    def runs_stay(self) -> None:
        for result, node, value in self.runs:
            assert np.array_equal(result.value(node), value), "a Run changed after the fact"
