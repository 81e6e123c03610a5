"""What labels mostly are: 0 and 1, one class an example. For such there are shorter forms of the cross-entropies.

A training looks at its labels at every call and is written for what they are; labels of another kind get a program of their own with the
general form. What is known about them goes with the builder, to the lowerings that ask for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cgraph.compile.ir.builder import zero_or_one
from cgraph.graph import order
from cgraph.node import Node

VIEWS = ("broadcast_to", "reshape", "transpose", "getitem")


@dataclass(frozen=True)
class Label:
    """Labels among the arguments of a training.

    Attributes:
        position: of the argument.
        axis: along which exactly one entry of an example may be 1, the others 0; None for a binary cross-entropy.
        classes: how many classes there are, for labels that are their numbers; 0 for ones and zeros.
    """

    position: int
    axis: int | None = None
    classes: int = 0

    @property
    def binary(self) -> bool:
        return self.axis is None

    def holds(self, array: Any) -> bool:
        """Whether an array is what such labels mostly are."""
        if self.classes:
            return bool(array.size) and 0 <= array.min() and array.max() < self.classes
        if not zero_or_one(array):
            return False
        return self.axis is None or bool(np.all(np.equal(np.add.reduce(array, self.axis), 1)))


def labels_of(loss: Node, leaves: Sequence[Node]) -> list[Label]:
    """The labels of the cross-entropies in a graph."""
    position = {leaf: i for i, leaf in enumerate(leaves)}
    found: dict[Label, None] = {}
    for node in order(loss):
        if node.op.name == "stable_bce":
            leaf = _seen(node.parents[1])
            if leaf in position:
                found[Label(position[leaf])] = None
        elif node.op.name == "stable_cross_entropy" and len(node.params["axes"]) == 1:
            y, axis = node.parents[1], node.params["axes"][0]
            if y in position:
                found[Label(position[y], axis)] = None
            elif y.op.name == "cast" and y.parents[0].op.name == "equal":
                leaf, classes = _seen(y.parents[0].parents[0]), node.parents[0].shape[axis]
                if leaf in position and classes:
                    found[Label(position[leaf], axis, classes)] = None
    return list(found)


def _seen(node: Node) -> Node:
    """What a node shows in another shape or order."""
    while node.op.name in VIEWS:
        node = node.parents[0]
    return node
