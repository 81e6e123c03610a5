"""Kinks and ties that a backward pass has met: `run.kinks()`.

At a kink the gradient is a convention. Each op that has kinks says how far its operands are from the nearest one (`Op.margin`); where
that is nothing and a gradient passed, the derivative that was used is one of several that could have been.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from cgraph.node import Node

CONVENTIONS = {
    "relu": "relu'(0) = 0", "abs": "|x|'(0) = 0", "clip": "on a bound the gradient is halved",
    "maximum": "equal operands share the gradient half and half", "minimum": "equal operands share the gradient half and half",
    "max": "entries that tie share the gradient equally",
    "min": "entries that tie share the gradient equally", "sort": "entries that tie share the gradient equally",
    "sign": "the derivative of a jump is taken as 0", "step": "the derivative of a jump is taken as 0",
    "leaky_relu": "the slope of the left side at 0", "elu": "the slope of the left side at 0",
}  # fmt: skip


class Kink(NamedTuple):
    """One node that sat on a kink or a tie.

    Attributes:
        node: the node.
        elements: the indices of its entries that did, as from `np.argwhere`: one row an entry; for a tie in a reduction, of the result.
        convention: which derivative was used there.
    """

    node: Node
    elements: Any
    convention: str

    def __str__(self) -> str:
        shown = ", ".join(str(tuple(int(i) for i in e)) for e in self.elements[:5])
        more = f" and {len(self.elements) - 5} more" if len(self.elements) > 5 else ""
        where = f" in entries {shown}{more}" if self.elements.size else ""
        return f"{self.node.label!r} ({self.node.op.name}, built at {self.node.site}) is on a kink{where}: {self.convention}"


def kinks(run: Any) -> list[Kink]:
    """The kinks and ties through which gradients of this run passed; see `Run.kinks`."""
    found = []
    for node in run.order:
        op = node.op
        if (
            op.margin is None
            or not run.has_grad(node)
            or not any(run.has_grad(p) for p in node.parents)
        ):
            continue
        operands = [np.asarray(run.value(p)) for p in node.parents]
        with np.errstate(all="ignore"):
            on = np.asarray(op.margin(*operands, **node.params)) == 0
            passed = np.asarray(run.grad(node)) != 0
            if op.family == "elementwise":
                on = np.broadcast_to(on, node_shape(run, node)) & passed
            elif op.name in ("max", "min") and on.any():
                x, axes = operands[0], node.params["axes"]
                top: Any = getattr(np, op.name)(x, axis=axes, keepdims=True)
                count: Any = np.sum(x == top, axis=axes, keepdims=node.params["keepdims"])
                ties = count > 1
                on = ties & passed
            elif on.any():
                on = passed
        if on.any():
            convention = CONVENTIONS.get(
                op.name, "as its local gradient says (docs/conventions.md)"
            )
            found.append(Kink(node, np.argwhere(on), convention))
    return found


def node_shape(run: Any, node: Node) -> tuple[int, ...]:
    return np.shape(run.value(node))
