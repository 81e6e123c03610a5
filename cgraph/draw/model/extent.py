"""How wide a picture will be, before any engine has seen it: what decides where numbers stand and whether a picture is turned.

Separate because several views ask, and because text and Mermaid need the same answer where there is no engine.
"""

from __future__ import annotations

from cgraph.draw.model import text
from cgraph.draw.model.diagram import Arrow, Box, Picture

WIDEST = 1392.0  # points, some 1,850 pixels of a screen: before numbers go inside, and before a picture is turned
_LAVISH = 0.94  # widths of texts are estimated from above


def width(picture: Picture) -> float:
    """A rough width of the picture drawn from left to right, in points: the longest chain of boxes and labels."""
    boxes = {box.id: box for box in picture.boxes}
    wide = {id: _box_width(box) for id, box in boxes.items()}
    beside: dict[str, str] = {id: rank[-1] for rank in picture.ranks for id in rank}
    for id, last in beside.items():  # what stands above one another is as wide as the widest
        wide[last] = max(wide[last], wide[id])
    reach: dict[str, float] = dict.fromkeys(boxes, 0.0)
    incoming: dict[str, list[Arrow]] = {}
    for arrow in picture.arrows:
        if not arrow.sideways:
            incoming.setdefault(arrow.head, []).append(arrow)
    pending = sorted(
        boxes, key=lambda id: boxes[id].kind in ("op", "scope", "end")
    )  # leaves first; cards stand in topological order
    for id in pending:
        for arrow in incoming.get(id, ()):
            words = [f"{arrow.label[0]} {arrow.shape}", *arrow.label[1:]] if arrow.label else []
            label = max(
                (*(text.width(w, 12) for w in words), *(6.7 * len(w) for w in arrow.lines)),
                default=0.0,
            )
            reach[id] = max(
                reach[id], reach[arrow.tail] + wide[arrow.tail] + (label + 46.0 if label else 46.0)
            )
    return _LAVISH * max((reach[id] + wide[id] for id in boxes), default=0.0)


def widest_box(picture: Picture, together: bool = False) -> float:
    """The same of boxes without arrows: how wide the widest is, or all of them in a row."""
    widths = [_box_width(box) for box in picture.boxes]
    return sum(widths) if together else max(widths, default=0.0)


def _box_width(box: Box) -> float:
    if box.kind == "end":
        return 0.0
    lines = [
        text.width(box.formula, 12),
        text.width(box.symbol, 17) + text.width(box.shape, 11),
        *(6.7 * len(w) for w in box.value),
    ]
    lines += [text.width(row.text, 12) for row in box.rows] + [
        6.7 * len(w) for row in box.rows for w in row.lines
    ]
    head, *rest = box.total or ("",)
    lines += [
        text.width(head, 11, bold=not rest) + max((6.7 * len(w) for w in rest), default=0),
        *(text.width(n, 11) for n in box.notes),
    ]
    return 22.0 + max(lines)
