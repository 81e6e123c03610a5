"""Faults in the drivers: bugs of the engine rather than of a row.

The broken drivers are written here from scratch, a dozen lines with a switch, so that they do not depend on how the right ones are written.
What they get wrong is what engines get wrong: accumulation, order, aliasing, the seed, dtypes, values from an earlier run.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from typing import Any

import numpy as np

from cgraph import autodiff, backprop
from cgraph.node import Node
from cgraph.op import is_node
from cgraph.plan import Plan
from cgraph.testing.faults.fault import Fault, replaced

DESCRIPTIONS = {
    "overwrite": "the last share replaces the sum of the others",
    "first share": "only the first share is kept",
    "mean": "shares are averaged",
    "operand twice": "x * x: the second edge to the same parent is dropped",
    "order": "nodes are handled as they are reached, before all their users have contributed",
    "alias": "shares are added in place, into arrays that others hold",
    "seed of ones": "the upstream that was given is ignored",
    "double seed": "the upstream is counted twice",
    "float32": "cotangents are kept in float32",
    "stale": "local gradients at the operand values of an earlier run",
    "masks": "what an unselected branch of where returns is not masked: 0 × inf",
    "second parent": "nothing is handed to the second operand of shared nodes",
    "depth": "stops after eight nodes",
    "clipping": "gradients are clipped to [−1, 1]",
    "negative": "negative shares are dropped",
    "diamond": "a node with several users is sent back once for each of them",
    "reused leaf": "a leaf used more than twice loses a share",
    "rectified": "each sum of shares is off by 1e-6",
    "scalar": "scalars get the mean of their shares' entries scaled by two",
}
FORWARD = {
    "forward overwrite": "forward mode: the last operand's contribution replaces the others",
    "forward first": "forward mode: only the first operand contributes",
    "forward scaled": "forward mode: every tangent is off by 1e-6",
}


def _add(before: Any, share: Any, bug: str, count: int) -> Any:
    if bug == "overwrite":
        return share
    if bug == "first share":
        return before
    if bug == "mean":
        return (before * (count - 1) + share) / count
    if (
        bug == "alias"
        and isinstance(before, np.ndarray)
        and isinstance(share, np.ndarray)
        and before.flags.writeable
        and before.ndim
    ):
        before += share
        return before
    if bug == "reused leaf" and count > 2:
        return before
    if bug == "rectified":
        return (before + share) * 1.000001
    return before + share


def broken_backpropagate(
    bug: str, kept: dict[Any, Any], nodes: Sequence[Node], cotangents: dict[Node, Any], at: Mapping[Node, Any], wanted: Collection[Node],
    masks: dict[Node, Any], drop: dict[Node, Any] | None = None,
) -> None:  # fmt: skip
    """The driver of reverse mode with one bug."""
    root = nodes[-1] if nodes else None
    if root in cotangents and bug in ("seed of ones", "double seed"):
        seed = cotangents[root]
        cotangents[root] = seed * 2.0 if bug == "double seed" else seed * 0.0 + 1.0
    counts: dict[Node, int] = {}
    sequence = list(reversed(nodes))
    if bug == "order":
        sequence.sort(key=partial(_distances(nodes).__getitem__))
    for k, node in enumerate(sequence):
        upstream = cotangents.get(node)
        if upstream is None or not node.parents or (bug == "depth" and k > 8):
            continue
        if bug == "diamond" and counts.get(node, 0) > 1:
            upstream = upstream * float(counts[node])
        out, operands = at[node], [at[p] for p in node.parents]
        if not is_node(out):
            out, operands = np.asarray(out)[()], [np.asarray(x)[()] for x in operands]
            if bug == "stale":
                key = (node.op.name, tuple(np.shape(x) for x in operands))
                out, operands = kept.setdefault(key, (out, operands))
        seen: set[Node] = set()
        for i, parent in enumerate(node.parents):
            if parent not in wanted or not node.op.differentiable(i):
                continue
            if (bug == "operand twice" and parent in seen) or (
                bug == "second parent" and i == 1 and counts.get(node, 0) > 1
            ):
                continue
            seen.add(parent)
            mask = None if bug == "masks" else masks.get(node)
            share, new_mask = backprop.edge_share(
                node.op, i, out, operands, node.params, upstream, mask
            )
            if not is_node(share):
                share = _spoil(share, bug)
            if new_mask is not None and parent not in cotangents:
                masks[parent] = new_mask
            elif parent in masks:
                before = masks.pop(parent)
                if new_mask is not None:
                    from cgraph.operators import PUBLIC

                    masks[parent] = PUBLIC["logical_or"](before, new_mask)
            counts[parent] = counts.get(parent, 0) + 1
            cotangents[parent] = (
                share
                if parent not in cotangents
                else _add(cotangents[parent], share, bug, counts[parent])
            )


def _spoil(share: Any, bug: str) -> Any:
    if bug == "float32":
        return np.asarray(np.asarray(share, np.float32), np.asarray(share).dtype)
    if bug == "clipping":
        return np.clip(share, -1.0, 1.0)
    if bug == "negative":
        return np.where(np.asarray(share) < 0, 0.0, share)
    if bug == "scalar" and np.ndim(share) == 0:
        return share * 2.0
    return share


def _distances(nodes: Sequence[Node]) -> dict[Node, int]:
    """Breadth first from the root: the order of someone who has not heard of topological sorting."""
    found: dict[Node, int] = {}
    front = list(nodes[-1:])
    step = 0
    while front:
        front = [n for n in front if n not in found]
        for node in front:
            found[node] = step
        front = [p for n in front for p in n.parents]
        step += 1
    return {n: found.get(n, step) for n in nodes}


def broken_pushforward(
    bug: str, nodes: Sequence[Node], tangents: dict[Node, Any], at: Mapping[Node, Any]
) -> None:
    """The driver of forward mode with one bug."""
    for node in nodes:
        parts = []
        for i, parent in enumerate(node.parents):
            if parent in tangents and node.op.differentiable(i):
                local = node.op.local(i, at[node], [at[p] for p in node.parents], node.params)
                parts.append(local.jvp(tangents[parent]))
        if not parts:
            continue
        total = parts[-1] if bug == "forward overwrite" else parts[0]
        if bug == "forward scaled":
            for part in parts[1:]:
                total = total + part
            total = total * 1.000001
        tangents[node] = total


@contextmanager
def driver_replaced(name: str, broken: Callable[..., None]) -> Iterator[None]:
    """In every module that has taken the driver's name; and no graph runs by the source that is kept with it, which needs no driver."""
    with ExitStack() as stack:
        stack.enter_context(replaced(Plan, _source=lambda *args, **options: False))
        for module in (
            backprop,
            sys.modules["cgraph.run"],
            autodiff,
        ):  # `cgraph.run` itself is the function
            if hasattr(module, name):
                stack.enter_context(replaced(module, **{name: broken}))
        yield


_KEPT: dict[
    Any, Any
] = {}  # survives from one planting to the next: that is what makes the bug "stale"


def _install(bug: str) -> AbstractContextManager[Any]:
    if bug in FORWARD:
        return driver_replaced("pushforward", partial(broken_pushforward, bug))
    return driver_replaced("backpropagate", partial(broken_backpropagate, bug, _KEPT))


def faults() -> Iterator[Fault]:
    """The faults of the drivers."""
    for bug, description in {**DESCRIPTIONS, **FORWARD}.items():
        yield Fault(f"engine:{bug}", None, None, description, partial(_install, bug))
