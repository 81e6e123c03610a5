"""Backpropagation: the loop that multiplies upstream gradients by local gradients, and its counterpart in forward mode.

`backpropagate` walks a topological order from the root to the leaves. At each node it multiplies the upstream gradient by the local
gradient of every parent and adds the products up where paths meet. It does not know what it multiplies: `values` gives a node's
number when a `Run` asks, and the node itself when `cgraph.gradient` wants a graph.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from cgraph.node import Node
from cgraph.op import FLOAT_ERRORS, Op
from cgraph.operators import PUBLIC


class SymbolicValues(dict[Node, Any]):
    """What stands for the values when the answer is to be a graph: every node is its own value.

    A Python number in an expression stays a number, so that what a rule makes of it (``1 / b``) does not promote either.
    """

    def __missing__(self, node: Node) -> Any:
        return float(node._value) if node.weak and node.dtype == np.float64 else node


def backpropagate(
    nodes: Sequence[Node],
    cotangents: dict[Node, Any],
    values: Mapping[Node, Any],
    wanted: Collection[Node],
    masks: dict[Node, Any],
    drop: dict[Node, Any] | None = None,
) -> None:
    """Send the cotangents back through `nodes`: share = upstream x local, summed where paths meet.

    Args:
        nodes: the graph in topological order; those that are not wanted may be left out.
        cotangents: starts with the seed at the root and is filled in. A node that is not in it has no gradient: zero is absent.
        values: a node's number in a Run, or the node itself when the gradient is to be a graph.
        wanted: the nodes that lead to something asked for; no share is computed for any other.
        masks: filled with where a cotangent is zero by structure, behind an unselected branch of `where`.
        drop: the values again, if they are to be dropped, and the cotangents too, as soon as nothing needs them any more.
    """
    last = None
    for node in reversed(nodes):
        if drop is not None and last is not None:
            # Everything above `last` is done. The root stays.
            if last is not nodes[-1]:
                drop.pop(last, None)
            cotangents.pop(last, None)
            masks.pop(last, None)
        last = node if node.parents else None
        upstream = cotangents.get(node)
        if upstream is None or not node.parents:
            continue
        if node.op.plain and not (masks and node in masks):
            _send_elementwise(node, upstream, cotangents, values, wanted, masks)
            continue
        for i, parent in enumerate(node.parents):
            if parent in wanted and node.op.differentiable(i):
                share, mask = _share(node, i, upstream, values, masks.get(node))
                _accumulate(parent, share, mask, cotangents, masks)


def edge_share(
    op: Op,
    i: int,
    out: Any,
    operands: Sequence[Any],
    params: Mapping[str, Any],
    upstream: Any,
    mask: Any,
) -> tuple[Any, Any]:
    """Upstream x local on one edge: operand `i`'s share of the gradient, and the mask that goes on with it."""
    local = op.local(i, out, operands, params)
    if mask is not None:
        return local.masked_vjp(upstream, mask)
    return local.vjp(upstream), local.mask


def _share(
    node: Node, i: int, upstream: Any, values: Mapping[Node, Any], mask: Any = None
) -> tuple[Any, Any]:
    """`edge_share` at a node; what goes wrong in its local gradient is reported with its name and line."""
    try:
        operands = [values[p] for p in node.parents]
        return edge_share(node.op, i, values[node], operands, node.params, upstream, mask)
    except Exception as error:
        _add_note(error, node)
        raise


def _accumulate(
    parent: Node, share: Any, mask: Any, cotangents: dict[Node, Any], masks: dict[Node, Any]
) -> None:
    """Add a share to what has arrived at a parent before. It is zero by structure only where all its shares are."""
    before = cotangents.get(parent)
    cotangents[parent] = share if before is None else before + share
    if before is None:
        if mask is not None:
            masks[parent] = mask
    elif masks:
        other = masks.pop(parent, None)
        if other is not None and mask is not None:
            masks[parent] = PUBLIC["logical_or"](other, mask)


def _send_elementwise(
    node: Node,
    upstream: Any,
    cotangents: dict[Node, Any],
    values: Mapping[Node, Any],
    wanted: Collection[Node],
    masks: dict[Node, Any],
) -> None:
    """The same step for elementwise ops of one or two operands, nine nodes in ten, without the objects.

    These lines are `Identity.vjp`, `Scale.vjp` and `Diagonal.vjp`, unrolled: half the time of a backward pass over scalars.
    """
    parents = node.parents
    partials: Any = node.op.partials
    first, second = parents[0], parents[-1]
    share = other = None
    try:
        if node.op.linear:  # constant partials: no value need be looked at
            if first in wanted:
                share = upstream if partials[0] == 1.0 else upstream * partials[0]
            if len(parents) == 2 and second in wanted:
                other = upstream if partials[1] == 1.0 else upstream * partials[1]
        elif len(parents) == 1:
            if first in wanted:
                share = upstream * partials[0](values[node], values[first])
        else:
            out, x, y = values[node], values[first], values[second]
            if first in wanted and partials[0] is not None:
                share = upstream * partials[0](out, x, y)
            if second in wanted and partials[1] is not None:
                other = upstream * partials[1](out, x, y)
    except Exception as error:
        if not (isinstance(error, FLOAT_ERRORS) and values[node].__class__ is float):
            _add_note(error, node)
            raise
        # Python's floats refuse what NumPy answers with inf or nan.
        wide = {n: np.float64(values[n]) for n in (node, first, second)}
        with np.errstate(all="ignore"):
            for i, parent in enumerate(parents):
                if parent in wanted and node.op.differentiable(i):
                    wider = _share(node, i, np.float64(upstream), wide)[0]
                    _accumulate(parent, float(wider), None, cotangents, masks)
        return
    if share is not None:
        before = cotangents.get(first)
        cotangents[first] = share if before is None else before + share
        if masks:
            masks.pop(first, None)  # what arrives unmasked is not zero by structure any more
    if other is not None:
        before = cotangents.get(second)
        cotangents[second] = other if before is None else before + other
        if masks:
            masks.pop(second, None)


def _add_note(error: Exception, node: Node) -> None:
    """Say once, at the node where it happened, what was being computed."""
    note = f"while applying the local gradients of {node.label!r} ({node.op.name}, built at {node.site})"
    if note not in getattr(error, "__notes__", ()):
        error.add_note(note)


def pushforward(
    nodes: Sequence[Node], tangents: dict[Node, Any], values: Mapping[Node, Any]
) -> None:
    """Forward mode: tangents of the leaves in, tangents of everything that depends on them filled in."""
    for node in nodes:
        if not node.parents or node.dtype.kind != "f":
            continue
        total = None
        for i, parent in enumerate(node.parents):
            tangent = tangents.get(parent)
            if tangent is None or not node.op.differentiable(i):
                continue
            operands = [values[p] for p in node.parents]
            part = node.op.local(i, values[node], operands, node.params).jvp(tangent)
            total = part if total is None else total + part
        if total is not None:
            tangents[node] = total
