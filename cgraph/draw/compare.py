"""Side by side: two graphs, or two runs of one graph with what changed marked.

`cg.draw.compare` joins two pictures on one canvas. For two runs of one graph the second is drawn with the change of every parameter
and result written under it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cgraph.draw import compose
from cgraph.draw.api import Diagram
from cgraph.draw.model.build import Builder
from cgraph.draw.model.diagram import Arrow, Box, Group, Picture, replace
from cgraph.draw.options import Options
from cgraph.graph import order

if TYPE_CHECKING:
    pass


def compare(
    left: Any,
    right: Any,
    *,
    names: tuple[str, str] = ("before", "after"),
    dpi: int = 144,
    **options: Any,
) -> Diagram:
    """Two graphs, or two runs, in one picture, one above the other so that the same steps stand in line.

    Args:
        left, right: nodes or Runs. Two Runs of one graph: what changed from the first to the second is written under its values.
        names: what the two frames are called.
        dpi, options: as for `draw`.

    Raises:
        DrawError: for what `draw` raises it for.

    >>> import cgraph as cg
    >>> w = cg.parameter("w", 2.0)
    >>> loss = cg.square(w - 5.0, name="loss")
    >>> before = loss.backward()
    >>> w.value = 2.6
    >>> print(cg.draw.compare(before, loss.backward()).caption)
    w: 2 → 2.6; L: 9 → 5.76
    """
    chosen = Options.of(options)
    first, second = (_picture(side, chosen) for side in (left, right))
    changes = _changes(first[1], second[1])
    above, below = _prefixed(first[0], "a"), _prefixed(_marked(second, changes), "b")
    frames = tuple(
        Group(
            prefix, name, tuple(b.id for b in p.boxes if b.id not in _grouped(p)), groups=p.groups
        )
        for prefix, name, p in (("a", names[0], above), ("b", names[1], below))
    )
    listed = [f"{names_}: {old} → {new}" for names_, old, new in changes.values()]
    more = f" and {len(listed) - 8} more" if len(listed) > 8 else ""
    caption = "; ".join(listed[:8]) + more if changes else f"above: {names[0]}, below: {names[1]}"
    title = chosen.title if chosen.title is not None else f"{names[0].capitalize()} and {names[1]}"
    boxes, arrows = above.boxes + below.boxes, above.arrows + below.arrows
    if above.direction == "LR":  # inside frames Graphviz stacks from the bottom
        chain = {box.id for box in boxes if box.kind == "op"}
        arrows = (
            *(a for a in arrows[::-1] if a.tail not in chain),
            *(a for a in arrows if a.tail in chain),
        )
        boxes = boxes[::-1]
        frames = tuple(replace(f, members=f.members[::-1]) for f in frames[::-1])
    picture = replace(
        above, boxes=boxes, arrows=arrows, groups=frames, ranks=above.ranks + below.ranks,
        title=title, caption=chosen.caption if chosen.caption is not None else caption,
    )  # fmt: skip
    return Diagram(picture, dpi=dpi)


def _picture(side: Any, options: Options) -> tuple[Picture, Builder]:
    roots, run = compose.targets(side, None)
    builder = compose.make_builder(order(*roots), roots, run, options)
    return compose.styled(compose.finish(compose.plan(builder), builder, options), options), builder


def _changes(first: Builder, second: Builder) -> dict[str, tuple[str, str, str]]:
    """Box id of the second picture -> (name, old value, new value), for scalars that both runs have and that differ."""
    found: dict[str, tuple[str, str, str]] = {}
    if first.run is None or second.run is None:
        return found
    known = set(first.run.order)
    for node, id in second.ids.items():
        if node not in known or not second.is_scalar(node):
            continue
        old, new = first.run.value(node), second.run.value(node)
        if not np.array_equal(old, new, equal_nan=True):
            found[id] = (second.names[node], first.number(old), second.number(new))
    return found


def _marked(side: tuple[Picture, Builder], changes: dict[str, tuple[str, str, str]]) -> Picture:
    def box(b: Box) -> Box:
        return (
            replace(b, update=(f"{changes[b.id][1]} → {changes[b.id][2]}",))
            if b.id in changes
            else b
        )

    return replace(side[0], boxes=tuple(map(box, side[0].boxes)))


def _grouped(picture: Picture) -> set[str]:
    found: set[str] = set()
    stack = list(picture.groups)
    while stack:
        group = stack.pop()
        found.update(group.members)
        stack.extend(group.groups)
    return found


def _prefixed(picture: Picture, prefix: str) -> Picture:
    """The same picture with every id renamed, so that two fit on one canvas."""

    def group(g: Group) -> Group:
        return replace(
            g,
            id=prefix + g.id,
            members=tuple(prefix + m for m in g.members),
            groups=tuple(map(group, g.groups)),
        )

    def arrow(i: int, a: Arrow) -> Arrow:
        return replace(a, tail=prefix + a.tail, head=prefix + a.head, id=f"{prefix}e{i}")

    return replace(
        picture,
        boxes=tuple(replace(b, id=prefix + b.id) for b in picture.boxes),
        arrows=tuple(arrow(i, a) for i, a in enumerate(picture.arrows)),
        groups=tuple(map(group, picture.groups)),
        ranks=tuple(tuple(prefix + b for b in rank) for rank in picture.ranks),
    )
