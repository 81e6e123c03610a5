"""Where the first NaN or infinity came from: what ``check="nan"`` does after each pass of a Run.

On the way forward the first node that is not finite is the culprit, with its operands. On the way back it is an edge: an upstream times
a local gradient. The message has the values, the formula and the line that built the node.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cgraph.errors import NonFiniteError
from cgraph.node import Node


def check_values(run: Any) -> None:
    """Raise `NonFiniteError` at the first node of a run whose value is not finite."""
    for node in run.order:
        value = run.value(node)
        if not np.isfinite(value).all():
            raise NonFiniteError(
                f"{node.label!r} ({node.op.name}, built at {node.site}) is the first node that is not finite: "
                f"{_brief(value)}{_operands(run, node)}"
            )


def check_gradients(run: Any) -> None:
    """Raise `NonFiniteError` at the first edge, on the way back, that hands over something not finite."""
    for node in reversed(run.order):
        for i, parent in enumerate(node.parents):
            if not (run.has_grad(node) and run.has_grad(parent) and node.op.differentiable(i)):
                continue
            share = run.share(node, i)
            if np.isfinite(share).all():
                continue
            local = run.local(node, i)
            shown = "" if local.array is None else f" = {_brief(local.array)}"
            raise NonFiniteError(
                f"the gradient that {node.label!r} ({node.op.name}, built at {node.site}) hands to {parent.label!r} is the "
                f"first that is not finite: {_brief(share)} = upstream {_brief(run.grad(node))} x local "
                f"{local.formula}{shown}{_operands(run, node)}"
            )


def _operands(run: Any, node: Node) -> str:
    told = "; ".join(f"{p.label!r} = {_brief(run.value(p))}" for p in node.parents)
    return f", from {told}" if told else ""


def _brief(value: Any) -> str:
    array = np.asarray(value)
    if array.size <= 6:
        return np.array2string(array, precision=6, separator=", ").replace("\n", "")
    bad = int(np.count_nonzero(~np.isfinite(array)))
    if bad:
        return f"{array.shape} array with {bad} entries that are not finite"
    return f"{array.shape} array from {array.min():g} to {array.max():g}"
