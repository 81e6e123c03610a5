"""Where a graph goes wrong: the first value that is not finite, everything after it, and saturated nodes.

Marks are text and shape first, colour second: ❶ on the first bad node, ▲ on a node whose local gradient is all but zero, ⚠ where
`cgraph.lint` finds something.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

import numpy as np

from cgraph.draw.model import text
from cgraph.draw.model.diagram import Box, Picture, replace
from cgraph.draw.model.flow import Array, gradient
from cgraph.draw.model.fold import owners
from cgraph.errors import CgraphError
from cgraph.linear_maps import Diagonal
from cgraph.node import Node

if TYPE_CHECKING:
    from cgraph.draw.model.build import Builder

Health = Literal["", "bad", "after", "saturated"]
SATURATED = 1e-6  # a local gradient below this passes nothing on
_NAMED = 3  # entries that are named
_SHARE = 0.99  # of the entries


def mark(picture: Picture, builder: Builder) -> Picture:
    """The picture with its health marked; healthy pictures come back as they are."""
    marks = diagnose(builder)
    guilty = _guilty(builder)

    def box(b: Box) -> Box:
        badge, health = marks.get(b.id, ("", ""))
        border = "dashed" if health == "saturated" else b.border
        notes = (*b.notes, *guilty) if health == "bad" else b.notes
        return (
            replace(b, badge=badge, health=health, border=border, notes=notes)
            if badge or health
            else b
        )

    return replace(picture, boxes=tuple(map(box, picture.boxes)))


def words(picture: Picture, run: bool = True) -> str:
    """What the marks in this picture mean, or that there are none."""
    found = {box.health for box in picture.boxes}
    said = []
    if "bad" in found:
        bad = next(box for box in picture.boxes if box.health == "bad")
        guilty = next((note for note in bad.notes if " → " in note), "")
        said.append(f"❶ is the first value that is not finite{': ' if guilty else ''}{guilty}")
    if "after" in found:
        said.append("what it spoils, forward and backward, is tinted")
    if "saturated" in found:
        said.append("▲ saturated: the local gradient is below 10⁻⁶, next to nothing goes back")
    warned = {box.badge for box in picture.boxes if box.badge.startswith("⚠")}
    if warned:
        said.append(
            "⚠ is what cgraph.lint finds" + ("" if run else " for inputs of any size up to 1000")
        )
    if not run:
        return "; ".join(said) or "cgraph.lint finds nothing, for inputs of any size up to 1000"
    return "; ".join(said) or "every value is finite and nothing is saturated"


def diagnose(builder: Builder) -> dict[str, tuple[str, Health]]:
    """Box id -> (badge, health)."""
    run, ids = builder.run, builder.ids
    if run is None:
        return _warned(builder, {})
    marks: dict[str, tuple[str, Health]] = {}
    none: tuple[str, Health] = ("", "")
    bad: set[Node] = set()
    drawn_in = owners(builder.cards)
    for node in builder.order:
        finite = is_finite(run.value(node))
        if finite and not any(p in bad for p in node.parents):
            continue
        first = not bad and not finite
        bad.add(node)
        id = ids.get(drawn_in.get(node, node), "")
        if first:
            marks[id] = ("❶ first non-finite", "bad")
        elif id:
            marks.setdefault(id, ("", "after"))
    # What the backward pass carries on: a weight with a gradient that is not finite.
    for node, id in ids.items():
        slope = gradient(run, node) if builder.backward else None
        if slope is not None and not np.isfinite(slope).all():
            marks.setdefault(id, ("✗ gradient not finite", "after"))
    for card in builder.cards:
        id = ids.get(card.root, "")
        if id and marks.get(id, none)[1] != "bad" and saturated(builder, card.root):
            marks[id] = ("▲ saturated", "saturated")
    return _warned(builder, marks)


def _warned(
    builder: Builder, marks: dict[str, tuple[str, Health]]
) -> dict[str, tuple[str, Health]]:
    """The marks, and a warning at what `cgraph.lint` finds: in the values of the run, or, without one, whatever the inputs may be."""
    from cgraph.rewrite.lint import lint

    used = {p for node in builder.order for p in node.parents}
    roots = [node for node in builder.order if node not in used]
    drawn_in = owners(builder.cards)
    for finding in lint(roots, run=builder.run):
        id = builder.ids.get(drawn_in.get(finding.node, finding.node), "")
        if id and id not in marks and finding.kind != "saturation":
            marks[id] = (f"⚠ {finding.kind}", "")
    return marks


def _guilty(builder: Builder) -> tuple[str, ...]:
    """Which entries of the operands make the first value that is not finite: `X[1, 1] = −1 → NaN`."""
    run = builder.run
    node = (
        next((n for n in builder.order if not np.isfinite(run.value(n)).all()), None)
        if run is not None
        else None
    )
    if run is None or node is None or node.op.family != "elementwise":
        return ()
    value = np.asarray(run.value(node))
    said = []
    for at in np.argwhere(~np.isfinite(value))[:_NAMED]:
        index = tuple(int(i) for i in at)
        where = f"[{', '.join(map(str, index))}]" if index else ""
        parts = [
            f"{builder.names[p] if p in builder.names else p.label}{where} = {text.number(run.value(p)[index])}"
            for p in node.parents
            if run.value(p).shape == value.shape
        ]
        if parts:
            said.append(f"{', '.join(parts)} → {text.number(value[index])}")
    more = int((~np.isfinite(value)).sum()) - len(said)
    return (*said, f"and {text.count(more)} more") if said and more > 0 else tuple(said)


def is_finite(value: Array) -> bool:
    """Whether all entries are numbers, quickly for one."""
    return math.isfinite(value) if value.ndim == 0 else bool(np.isfinite(value).all())


def saturated(builder: Builder, node: Node) -> bool:
    """Whether an activation's local gradient is all but zero, so that it passes nothing back."""
    run = builder.run
    if run is None or node.op.role != "activation" or not node.op.differentiable(0):
        return False
    try:
        local = run.local(node, 0)
    except CgraphError:
        return False
    if not isinstance(local.map, Diagonal) or local.array is None or local.array.size == 0:
        return False
    small = np.abs(local.array.astype(float)) < SATURATED
    return bool(small.mean() > _SHARE)


def worst(builder: Builder, nodes: Iterable[Node]) -> tuple[str, Health]:
    """The mark of a collapsed box: that of its worst member."""
    run = builder.run
    if run is None:
        return "", ""
    for node in nodes:
        if not is_finite(run.value(node)):
            return "❶ not finite inside", "bad"
    return "", ""
