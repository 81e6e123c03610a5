"""What is inside a loop or a branch: its graph, drawn like any other, with the values of the first step where there is a Run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cgraph.draw.model import text
from cgraph.errors import DrawError
from cgraph.node import Node

if TYPE_CHECKING:
    from cgraph.run import Run


def inside(node: Any, run: Any) -> tuple[Node | Sequence[Node] | Run, str]:
    """What to draw of a loop or branch, or of what was taken out of one: its results or a Run of them, and a title.

    Raises:
        DrawError: when there is nothing inside.
    """
    if not isinstance(node, Node):
        raise DrawError(f"open={node!r}: a node that is a loop or a branch, or what cg.scan gave")
    loop = node if node.op.family == "control" and node.params.keys() & {"body", "bodies"} else None
    for parent in node.parents if loop is None else ():
        if parent.params.keys() & {"body", "bodies"}:
            loop = parent
    if loop is None:
        raise DrawError(
            f"open={node.label!r}: nothing is inside; loops and branches open (cg.scan, cg.fori_loop, cg.cond), and what they gave"
        )
    if "bodies" in loop.params:
        results = [out for body in loop.params["bodies"] for out in body.outputs]
        return list(dict.fromkeys(results)), "The branches: one of them is computed"
    body, many = loop.params["body"], loop.params["length"]
    title = (
        f"One step of a loop that is carried out {text.count(many)} time{'s' if many != 1 else ''}"
    )
    results = list(dict.fromkeys(body.outputs))
    if run is None or loop not in set(run.order):
        return results, title
    from cgraph.run import Run

    feeds = {}
    start, rows = loop.params["carried"], loop.params["rows"]
    at = -1 if loop.params["reverse"] else 0
    for i, (leaf, operand) in enumerate(zip(body.leaves, loop.parents, strict=True)):
        value = np.asarray(run.value(operand))
        feeds[leaf] = (value[at] if start <= i < start + rows else value).astype(leaf.dtype)
    return Run(tuple(results), feeds, None), f"{title}: the first"
