"""Side by side: two runs of one graph with both numbers in one picture, or the chains of two different graphs.

`cg.draw.compare` of two Runs of one graph is one picture in which every number that changed reads `0.5 → 0.378`. Two different graphs are
drawn as two columns of ops, without their leaves, so that what differs can be read on a page.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cgraph.draw import compose
from cgraph.draw.api import DPI, Diagram
from cgraph.draw.model.build import Builder
from cgraph.draw.model.diagram import Arrow, Box, Group, Picture, Row, replace
from cgraph.draw.options import Options
from cgraph.graph import order

ARROW = " → "


def compare(
    left: Any,
    right: Any,
    *,
    names: tuple[str, str] | None = None,
    dpi: int = DPI,
    **options: Any,
) -> Diagram:
    """Two runs of one graph in one picture, every number that changed with both its values; or two graphs, side by side.

    Args:
        left, right: nodes or Runs. Two Runs of one graph are drawn once; two graphs as two columns of their ops, without leaves.
        names: what the two are called; default: before and after, or what their results are.
        dpi, options: as for `draw`.

    Raises:
        DrawError: for what `draw` raises it for.

    >>> import cgraph as cg
    >>> w = cg.parameter("w", 2.0)
    >>> loss = cg.square(w - 5.0, name="loss")
    >>> before = loss.backward()
    >>> w.value = 2.6
    >>> print(cg.draw.compare(before, loss.backward()).caption)
    before → after: w: 2 → 2.6; L: 9 → 5.76
    """
    chosen = Options.of(options)
    first = _builder(left, chosen)
    second = _builder(right, chosen)
    runs = first.run is not None and second.run is not None
    if runs and first.order == second.order and first.roots == second.roots:
        picture = _one(first, second, chosen, names or ("before", "after"))
    else:
        picture = _two(left, right, chosen, names)
    return Diagram(picture, dpi=dpi)


def _builder(side: Any, options: Options) -> Builder:
    roots, run = compose.targets(side, None)
    return compose.make_builder(order(*roots), roots, run, options)


# --- two runs of one graph ----------------------------------------------------------------------------------------------------


def _one(first: Builder, second: Builder, options: Options, names: tuple[str, str]) -> Picture:
    before = compose.finish(compose.plan(first), first, options)
    second.options = replace(second.options, numbers=first.options.numbers)
    after = compose.finish(compose.plan(second), second, options)
    old = {box.id: box for box in before.boxes}
    pairs = zip(before.arrows, after.arrows, strict=False)
    listed = [f"{name}: {a}{ARROW}{b}" for name, a, b in _changes(first, second)]
    more = f" and {len(listed) - 8} more" if len(listed) > 8 else ""
    what = "; ".join(listed[:8]) + more or "nothing has changed"
    picture = replace(
        after,
        boxes=tuple(_box(old[b.id], b) if b.id in old else b for b in after.boxes),
        arrows=tuple(_arrow(a, b) for a, b in pairs) if len(before.arrows) == len(after.arrows) else after.arrows,
        direction=before.direction,
    )  # fmt: skip
    title, caption = (
        f"{names[0].capitalize()} and {names[1]}",
        f"{names[0]}{ARROW}{names[1]}: {what}",
    )
    return compose.styled(options.headed(picture, title, caption), options)


def _box(a: Box, b: Box) -> Box:
    changed = (a.total, a.total_note) != (
        b.total,
        b.total_note,
    )  # a product of one run alone would mislead
    return replace(
        b, number=_number(a.number, b.number), value=_lines(a.value, b.value), total=_heading(a.total, b.total),
        total_note="" if changed else b.total_note,
        rows=tuple(_row(r, s) for r, s in zip(a.rows, b.rows, strict=True)) if len(a.rows) == len(b.rows) else b.rows,
    )  # fmt: skip


def _row(a: Row, b: Row) -> Row:
    return replace(
        b,
        value=_number(a.value, b.value),
        worked="" if a.worked != b.worked else b.worked,
        lines=_lines(a.lines, b.lines),
    )


def _arrow(a: Arrow, b: Arrow) -> Arrow:
    if a.label == b.label and a.lines == b.lines:
        return b
    return replace(b, label=_heading(a.label[:1], b.label[:1]), lines=_lines(a.lines, b.lines))


def _number(a: str, b: str) -> str:
    return b if a == b or not a or not b else f"{a}{ARROW}{b}"


def _heading(a: tuple[str, ...], b: tuple[str, ...]) -> tuple[str, ...]:
    """`∂L/∂b = 0.5 → 0.378`; for a matrix, its lines with an arrow between them."""
    if a == b or not a or not b:
        return b
    (one, *old), (two, *new) = a, b
    if old or new:
        return (two, *_lines(tuple(old), tuple(new)))
    name, _, was = one.rpartition(" = ")
    same, _, now = two.rpartition(" = ")
    shown = name.partition(" = ")[0]  # of a sum of shares, only what it comes to
    return (f"{shown} = {was}{ARROW}{now}",) if shown == same.partition(" = ")[0] and was else b


def _lines(a: tuple[str, ...], b: tuple[str, ...]) -> tuple[str, ...]:
    """Two matrices side by side, an arrow between their middle rows."""
    if a == b or not a or len(a) != len(b):
        return b
    middle = (len(b) - 1) // 2
    return tuple(
        f"{x}{ARROW if i == middle else '   '}{y}"
        for i, (x, y) in enumerate(zip(a, b, strict=True))
    )


def _changes(first: Builder, second: Builder) -> list[tuple[str, str, str]]:
    """(name, old value, new value) of scalars that differ."""
    found: list[tuple[str, str, str]] = []
    if first.run is None or second.run is None:
        return found
    for node in second.ids:
        if second.is_scalar(node):
            old, new = first.run.value(node), second.run.value(node)
            if not np.array_equal(old, new, equal_nan=True):
                found.append((second.names[node], first.number(old), second.number(new)))
    return found


# --- two graphs ---------------------------------------------------------------------------------------------------------------


def _two(left: Any, right: Any, options: Options, names: tuple[str, str] | None) -> Picture:
    chosen = replace(options, direction="TB", numbers="boxes")
    sides = [_spine(side, chosen) for side in (left, right)]
    called = names or _called([builder for _, builder in sides])
    pictures = [
        _prefixed(picture, prefix) for (picture, _), prefix in zip(sides, "ab", strict=True)
    ]
    frames = tuple(
        Group(
            prefix, name, tuple(b.id for b in p.boxes if b.id not in _grouped(p)), groups=p.groups
        )
        for prefix, name, p in zip("ab", called, pictures, strict=True)
    )
    first, second = pictures
    caption = f"left: {called[0]}, right: {called[1]}; only what is computed, without the data and the parameters"
    picture = replace(
        first, boxes=first.boxes + second.boxes, arrows=first.arrows + second.arrows, groups=frames, ranks=first.ranks + second.ranks,
    )  # fmt: skip
    return options.headed(
        picture, f"{called[0][:1].upper()}{called[0][1:]} and {called[1]}", caption
    )


def _spine(side: Any, options: Options) -> tuple[Picture, Builder]:
    """The ops of a graph, from top to bottom."""
    builder = _builder(side, options)
    whole = compose.styled(compose.finish(compose.plan(builder), builder, options), options)
    leaves = {b.id for b in whole.boxes if b.kind in ("data", "parameter", "constant", "elsewhere")}
    if len(leaves) == sum(b.kind != "end" for b in whole.boxes):
        return whole, builder  # nothing is computed

    def without(group: Group) -> Group:
        return replace(
            group,
            members=tuple(m for m in group.members if m not in leaves),
            groups=tuple(map(without, group.groups)),
        )

    return (
        replace(
            whole,
            boxes=tuple(b for b in whole.boxes if b.id not in leaves),
            arrows=tuple(a for a in whole.arrows if a.tail not in leaves and a.head not in leaves),
            groups=tuple(map(without, whole.groups)),
            ranks=(),
        ),
        builder,
    )


def _called(builders: list[Builder]) -> tuple[str, str]:
    """What tells the two apart: their losses or results, or only where they stand."""
    first, second = (
        b.heading(b.card_of[b.roots[0]]) if b.roots[0] in b.card_of else b.names[b.roots[0]]
        for b in builders
    )
    return (first, second) if first != second else ("left", "right")


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
