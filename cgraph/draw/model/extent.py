"""How large a picture will be, before any engine has seen it: what decides how much is written, where, and which way it runs.

Separate because several views ask, and because text and Mermaid need the same answer where there is no engine.
"""

from __future__ import annotations

from cgraph.draw.model.diagram import Arrow, Box, Picture
from cgraph.draw.model.metrics import MONO, width as text_width

WIDEST = 1392.0  # points, some 1,850 pixels of a screen: before numbers go inside, and before a picture is turned
_PAGE = (1600.0, 2263.0)  # pixels of a page, upright, on which a picture has to be read
SMALLEST = 0.75  # of its natural size: small print of 10 points has 10 pixels then
_ABOVE = 80.0  # points of the lines above a drawing
_GAP = 46.0  # points between two ranks without words between them; from top to bottom there is less
_OPEN = 30.0


def fits(picture: Picture, direction: str, least: float = 0.9) -> bool:
    """Whether a picture stands on a page at `least` of its natural size."""
    sides = zip(_PAGE, size(picture, direction), strict=True)
    return all(page >= least * side * 4 / 3 for page, side in sides)


def size(picture: Picture, direction: str) -> tuple[float, float]:
    """A rough width and height in points."""
    ranks = _ranks(picture)
    boxes = {box.id: box for box in picture.boxes}
    rows = [[boxes[id] for id in rank] for rank in ranks]
    if direction == "TB":
        wide = max((sum(box_width(b) + 16 for b in row) for row in rows), default=0.0)
        high = sum(max((box_height(b) for b in row), default=0.0) + _OPEN for row in rows)
        return wide, 1.08 * high + _ABOVE + 30 * len(picture.groups)
    high = max((sum(box_height(b) + 18 for b in row) for row in rows), default=0.0)
    return width(picture), high + _ABOVE


def _ranks(picture: Picture) -> list[list[str]]:
    """The boxes by their distance from the data, leaves just before what uses them; what shares a rank stands together."""
    at = {box.id: i for i, box in enumerate(picture.boxes)}
    chained = {box.id for box in picture.boxes if box.kind in ("op", "scope", "end")}
    incoming: dict[str, list[str]] = {}
    users: dict[str, list[str]] = {}
    beside = {id: rank[-1] for rank in picture.ranks for id in rank[:-1]}
    for arrow in picture.arrows:
        if arrow.tail == arrow.head or arrow.sideways:
            continue
        incoming.setdefault(arrow.head, []).append(arrow.tail)
        users.setdefault(arrow.tail, []).append(arrow.head)
    rank: dict[str, int] = {}
    for id in sorted(chained, key=at.__getitem__):  # cards stand in topological order
        rank[id] = 1 + max((rank.get(t, 0) for t in incoming.get(id, ())), default=0)
    found: dict[int, list[str]] = {}
    for box in picture.boxes:
        id = box.id
        if id in beside:
            level = rank.get(beside[id], 1)
        elif id in rank:
            level = rank[id]
        else:
            level = min((rank.get(u, 1) for u in users.get(id, ())), default=1) - 1
        found.setdefault(level, []).append(id)
    return [found[level] for level in sorted(found)]


def width(picture: Picture) -> float:
    """A rough width of the picture drawn from left to right, in points: the longest chain of boxes and labels."""
    boxes = {box.id: box for box in picture.boxes}
    wide = {id: box_width(box) for id, box in boxes.items()}
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
                (*(text_width(w, 12) for w in words), *(_mono(w) for w in arrow.lines)), default=0.0
            )
            reach[id] = max(
                reach[id], reach[arrow.tail] + wide[arrow.tail] + (label + _GAP if label else _GAP)
            )
    return max((reach[id] + wide[id] for id in boxes), default=0.0)


def widest_box(picture: Picture, together: bool = False) -> float:
    """The same of boxes without arrows: how wide the widest is, or all of them in a row."""
    widths = [box_width(box) for box in picture.boxes]
    return sum(widths) if together else max(widths, default=0.0)


def box_width(box: Box) -> float:
    """A rough width of one box, in points."""
    if box.kind == "end":
        return 0.0
    lines = [
        text_width(box.formula, 12),
        text_width(box.symbol, 17) + text_width(box.shape, 11),
        *map(_mono, box.value),
    ]
    lines += [text_width(row.text, 12) for row in box.rows]
    lines += [_mono(line) for row in box.rows for line in row.lines]
    head, *rest = box.total or ("",)
    lines += [
        text_width(head, 11, bold=not rest) + max(map(_mono, rest), default=0),
        *(text_width(n, 11) for n in (*box.notes, box.total_note)),
    ]
    if box.kind == "scope":  # in two frames
        lines += [text_width(words, 11) for words in (*box.value, *box.total)]
        return 40.0 + max(lines)
    return 22.0 + max(lines)


def box_height(box: Box) -> float:
    """A rough height of one box, in points."""
    if box.kind in ("end", "pill"):
        return 4.0 if box.kind == "end" else 20.0
    notes = 15.2 * len(box.notes) + (15.2 if box.badge else 0.0)
    total = 0.0
    for words, note in ((box.total, box.total_note), (box.update, "")):
        if words:
            total += (
                9.0
                + (13.2 * (len(words) - 1) if len(words) > 1 else 15.2)
                + (15.2 if note else 0.0)
            )
    if box.kind == "scope":
        return (
            36.0
            + (16.4 if box.formula else 0.0)
            + notes
            + (12.0 + 15.2 * (len(box.value) + len(box.total)) if box.value or box.total else 0.0)
        )
    value = 13.2 * len(box.value) + 8 if box.value else 0.0
    if box.kind != "op":
        return 34.0 + value + notes + total if box.value or box.shape or box.total else 45.0 + notes
    lines = 16.4 * (bool(box.formula) + bool(box.number_shown and box.number))
    rows = sum(27.0 + (13.2 * len(row.lines) + 12 if row.lines else 0.0) for row in box.rows)
    return 36.0 - (10.0 if box.tight else 0.0) + lines + value + notes + rows + total


def _mono(line: str) -> float:
    return 11 * MONO * len(line)
