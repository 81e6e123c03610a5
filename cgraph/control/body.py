"""Body: a graph inside a node, and its derivatives, which are graphs of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from cgraph.autodiff import gradient
from cgraph.backprop import SymbolicValues, pushforward
from cgraph.graph import order
from cgraph.leaves import constant, input
from cgraph.node import Node
from cgraph.op import OPS
from cgraph.ops.reduction import sum as total
from cgraph.plan import plan_of
from cgraph.run import Run


class Body:
    """A graph of its own: what one step of a loop, or one branch, computes.

    Attributes:
        leaves: its inputs, in order.
        outputs: its results, in order.

    >>> import cgraph as cg
    >>> h, _ = cg.scan(lambda h, x: (cg.tanh(h + x), None), cg.parameter("h", 0.0), cg.input("xs", [1.0, 2.0]))
    >>> (loop,) = h.parents
    >>> [leaf.name for leaf in loop.params["body"].leaves]
    ['h', 'x']
    """

    def __init__(self, leaves: Sequence[Node], outputs: Sequence[Node]) -> None:
        self.leaves = tuple(leaves)
        self.outputs = tuple(outputs)
        self._derived: dict[Any, Any] = {}

    def __call__(self, operands: Sequence[Any]) -> list[Any]:
        """The results for arrays."""
        feeds = {
            leaf: np.asarray(x).astype(leaf.dtype, copy=False)
            for leaf, x in zip(self.leaves, operands, strict=True)
        }
        plan, last = plan_of(self.outputs)
        source = plan.forward_source(last) if plan.again() else False
        if source:
            values = source.values(feeds)
            if values is not None:
                return [values[plan.position.get(out, -1)] for out in self.outputs]
        run = Run(self.outputs, feeds, None)
        return [run.value(out) for out in self.outputs]

    @cached_property
    def reverse(self) -> Body:
        """Leaves, then an upstream gradient for each floating output -> the gradient of each floating leaf."""
        seeds = [leaf_like(out, f"∂{out.basename or i}") for i, out in self.floating_outputs]
        terms = [total(out * u) for (_, out), u in zip(self.floating_outputs, seeds, strict=True)]
        root = sum(terms, start=constant(0.0))
        wanted = [leaf for leaf in self.leaves if leaf.dtype.kind == "f"]
        found = gradient(root, wanted, disconnected="zero") if wanted else []
        return Body([*self.leaves, *seeds], found)

    @cached_property
    def tangent(self) -> Body:
        """Leaves, then a tangent for each floating leaf -> the tangent of each floating output."""
        moved = {
            leaf: leaf_like(leaf, f"{leaf.basename}′")
            for leaf in self.leaves
            if leaf.dtype.kind == "f"
        }
        tangents: dict[Node, Any] = dict(moved)
        pushforward(order(*self.outputs), tangents, SymbolicValues())
        outputs = [
            tangents.get(out) if out in tangents else constant(np.zeros(out.shape, out.dtype))
            for _, out in self.floating_outputs
        ]
        return Body(
            [*self.leaves, *moved.values()],
            [as_node(x, out) for x, (_, out) in zip(outputs, self.floating_outputs, strict=True)],
        )

    @property
    def floating_leaves(self) -> list[int]:
        """Which leaves have a gradient."""
        return [i for i, leaf in enumerate(self.leaves) if leaf.dtype.kind == "f"]

    @property
    def floating_outputs(self) -> list[tuple[int, Node]]:
        return [(i, out) for i, out in enumerate(self.outputs) if out.dtype.kind == "f"]

    def kept(self, key: Any, make: Callable[[], Any]) -> Any:
        """What was derived from this body under that key, made once: equal loops then hold the same body."""
        if key not in self._derived:
            self._derived[key] = make()
        return self._derived[key]


def as_node(x: Any, like: Node) -> Node:
    node = x if isinstance(x, Node) else constant(np.asarray(x, like.dtype))
    return node if node.shape == like.shape else OPS["broadcast_to"](node, shape=like.shape)


def leaf_like(node: Node, name: str) -> Node:
    return input(name, shape=node.shape, dtype=node.dtype)


def zeros_for(leaf: Node, shape: Any = None) -> Any:
    """Zeros in the dtype and shape of a leaf, whose sizes are known, or in a shape of their own (that of all its rows)."""
    sizes: Any = leaf.shape if shape is None else shape
    return np.zeros(sizes, leaf.dtype)
