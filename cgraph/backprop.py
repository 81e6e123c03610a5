"""The two drivers: reverse mode and forward mode.

Each walks a topological order once and multiplies with local gradients. They do not know what they multiply: `at` gives a node's
number when a `Run` asks, and the node itself when `cgraph.gradient` wants a graph. There is no other place in cgraph where the
chain rule is applied.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from cgraph.node import Node
from cgraph.op import FLOAT_ERRORS, Op
from cgraph.operators import VOCABULARY


class Itself(dict[Node, Any]):
    """What stands for the values when the answer is to be a graph: every node is its own value.

    A Python number in an expression stays a number, so that what a rule makes of it (``1 / b``) does not promote either.
    """

    def __missing__(self, node: Node) -> Any:
        return float(node._value) if node.weak and node.dtype == np.float64 else node


def backpropagate(
    nodes: Sequence[Node],
    cotangents: dict[Node, Any],
    at: Mapping[Node, Any],
    wanted: Collection[Node],
    masks: dict[Node, Any],
) -> None:
    """Send the cotangents back through `nodes`, which stand in topological order: share = upstream x local, summed where edges meet.

    Args:
        nodes: the graph in order; those that are not wanted may be left out.
        cotangents: starts with the seed at the root and is filled in. A node that is not in it has no gradient: zero is absent.
        at: a node's value: its number in a Run, or the node itself when the gradient is to be a graph.
        wanted: the nodes that lead to something asked for; no share is computed for any other.
        masks: filled with where a cotangent is zero by structure, behind an unselected branch of `where`.
    """
    for node in reversed(nodes):
        upstream = cotangents.get(node)
        if upstream is None:
            continue
        parents = node.parents
        op = node.op
        partials = op.partials
        if partials is None or op.mixed or len(parents) > 2 or (masks and node in masks):
            if parents:
                _send_through_maps(node, upstream, cotangents, at, wanted, masks)
            continue
        # Nine ops in ten are elementwise with one operand or two. For them these lines are Identity.vjp, Scale.vjp and
        # Diagonal.vjp without the objects, unrolled: half the time of a backward pass over scalars is at stake.
        first, second = parents[0], parents[-1]
        share = other = None
        try:
            if op.linear:  # constant partials: no value need be looked at
                if first in wanted:
                    share = upstream if partials[0] == 1.0 else upstream * partials[0]
                if len(parents) == 2 and second in wanted:
                    other = upstream if partials[1] == 1.0 else upstream * partials[1]
            elif len(parents) == 1:
                if first in wanted:
                    share = upstream * partials[0](at[node], at[first])  # type: ignore[operator, misc]
            else:
                out, x, y = at[node], at[first], at[second]
                if first in wanted and partials[0] is not None:
                    share = upstream * partials[0](out, x, y)  # type: ignore[operator]
                if second in wanted and partials[1] is not None:
                    other = upstream * partials[1](out, x, y)  # type: ignore[operator]
        except FLOAT_ERRORS:
            if at[node].__class__ is not float:
                raise
            # Python's floats refuse what NumPy answers with inf or nan.
            wide = {n: np.float64(at[n]) for n in (node, first, second)}
            with np.errstate(all="ignore"):
                _send_through_maps(node, np.float64(upstream), cotangents, wide, wanted, masks)
            for parent in {first, second} & cotangents.keys():
                cotangents[parent] = float(cotangents[parent])
            continue
        except Exception as error:
            _note(error, node)
            raise
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


def _send_through_maps(
    node: Node,
    upstream: Any,
    cotangents: dict[Node, Any],
    at: Mapping[Node, Any],
    wanted: Collection[Node],
    masks: dict[Node, Any],
) -> None:
    """The general step of `backpropagate`: through the linear maps of one node, with the masks that travel along."""
    out, operands = at[node], [at[p] for p in node.parents]
    for i, parent in enumerate(node.parents):
        if parent not in wanted or not node.op.differentiable(i):
            continue
        try:
            share, mask = edge_share(
                node.op, i, out, operands, node.params, upstream, masks.get(node)
            )
        except Exception as error:
            _note(error, node)
            raise
        if parent not in cotangents:
            cotangents[parent] = share
            if mask is not None:
                masks[parent] = mask
            continue
        cotangents[parent] = cotangents[parent] + share
        before = masks.pop(parent, None)
        if before is not None and mask is not None:  # zero by structure only where both shares are
            masks[parent] = VOCABULARY["logical_or"](before, mask)


def _note(error: Exception, node: Node) -> None:
    error.add_note(
        f"while applying the local gradients of {node.label!r} ({node.op.name}, built at {node.site})"
    )


def edge_share(
    op: Op,
    i: int,
    out: Any,
    operands: Sequence[Any],
    params: Mapping[str, Any],
    upstream: Any,
    mask: Any,
) -> tuple[Any, Any]:
    """What one edge hands back, and the mask it carries on."""
    local = op.local(i, out, operands, params)
    if mask is not None:
        return local.masked_vjp(upstream, mask)
    return local.vjp(upstream), local.mask


def pushforward(nodes: Sequence[Node], tangents: dict[Node, Any], at: Mapping[Node, Any]) -> None:
    """The driver of forward mode: tangents of the leaves in, tangents of everything that depends on them filled in."""
    for node in nodes:
        if not node.parents:
            continue
        total = None
        for i, parent in enumerate(node.parents):
            tangent = tangents.get(parent)
            if tangent is None or not node.op.differentiable(i):
                continue
            part = node.op.local(i, at[node], [at[p] for p in node.parents], node.params).jvp(
                tangent
            )
            total = part if total is None else total + part
        if total is not None:
            tangents[node] = total
