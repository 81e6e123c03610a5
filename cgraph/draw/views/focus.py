"""A part of a graph: the paths from one node to the result, or the neighbourhood of a node; the rest as grey pills.

When many paths lead from a weight to the loss, the heaviest is drawn: at each fork the user that hands back the largest share.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from cgraph.draw.model import text
from cgraph.draw.model.build import Builder
from cgraph.draw.model.diagram import Arrow, Box, Picture, Row, replace
from cgraph.draw.model.flow import gradient
from cgraph.draw.model.fold import Card, is_literal
from cgraph.errors import DrawError
from cgraph.node import Node

MOST_CARDS = 14  # on all paths together, before one path is picked
_COMPACT = 7  # cards on a path from which small circles are used


def focus(builder: Builder, node: Node) -> Picture:
    """The paths from `node` to the result.

    Raises:
        DrawError: when the node is not drawn, or the result does not depend on it.
    """
    _known(builder, node)
    users = _users(builder)
    above = _reach(node, users)
    tops = [r for r in builder.roots if r in above]
    if not tops:
        raise DrawError(
            f"{builder.objective} does not depend on {node.label!r}: there is no path to show"
        )
    paths = _count(builder, node, above, tops[0])
    cards = [card for card in builder.cards if card.root in above]
    chosen = above | {node}
    words = f"{len(cards) + 1} boxes on {text.count(paths)} path{'s' if paths != 1 else ''}"
    if len(cards) > MOST_CARDS:
        chosen = set(_heaviest(builder, node, users))
        words = f"{len(chosen)} of {text.count(len(builder.order))} nodes, the heaviest of {text.count(paths)} paths"
    picture = part(builder, chosen, along=True)
    caption = f"{words}; grey pills stand for what else goes in"
    return replace(
        picture, title=f"Focus: how does {builder.names[node]} reach {_result(builder, tops[0])}?", caption=caption,
        circles=len(chosen) > _COMPACT,
    )  # fmt: skip


def around(builder: Builder, node: Node, hops: int) -> Picture:
    """Everything at most `hops` arrows away from a node.

    Raises:
        DrawError: when the node is not drawn.
    """
    _known(builder, node)
    users = _users(builder)
    parents = {card.root: list(card.entries) for card in builder.cards}
    near, edge = {node}, [node]
    for _ in range(hops):
        edge = [m for n in edge for m in (*parents.get(n, ()), *users.get(n, ())) if m not in near]
        near.update(edge)
    drawn = {n for n in near if n in builder.card_of or n in set(builder.leaves)}
    picture = part(builder, drawn, along=False)
    title = f"Neighbourhood of {builder.names[node]}"
    caption = f"up to {_plural(hops)} away: {len(drawn)} of {text.count(len(builder.order))} nodes; grey pills stand for the rest"
    return replace(picture, title=title, caption=caption)


def part(builder: Builder, keep: Collection[Node], along: bool) -> Picture:
    """The boxes in `keep` with the arrows between them, and a pill for whatever else goes into them or comes out."""
    keep = set(keep)
    shown = [
        n
        for n in [
            *(x for x in builder.leaves if x in keep),
            *(c.root for c in builder.cards if c.root in keep),
        ]
    ]
    builder.ids = {node: f"n{i}" for i, node in enumerate(shown)}
    boxes: list[Box] = []
    arrows: list[Arrow] = []
    ranks: list[tuple[str, ...]] = []
    small = along and len(shown) > _COMPACT
    for node in shown:
        if node not in builder.card_of:
            leaf = builder.leaf(node)
            boxes.append(_summed(builder, node, leaf, keep) if along else leaf)
            continue
        card = builder.card_of[node]
        box = builder.op(card)
        named = {builder.names[p] for p in card.entries if p in keep}
        rows = tuple(r for r in box.rows if r.to in named)
        box = _summed(builder, node, box, keep) if along else box
        boxes.append(replace(box, rows=() if small else rows))
        arrows += _between(builder, card, keep, rows)
        outside = [p for p in card.entries if p not in keep and not is_literal(p)]
        if outside:
            pill = f"p{len(boxes)}"
            boxes.append(
                Box(
                    pill,
                    "pill",
                    "other",
                    _several(builder, outside),
                    tip="folded: " + _several(builder, outside),
                )
            )
            arrows.append(
                Arrow(pill, builder.ids[node], "link", sideways="before" if along else "", weight=1)
            )
            if along:
                ranks.append((pill, builder.ids[node]))
    if not along:
        users = _users(builder)
        for node in shown:
            beyond = [u for u in users.get(node, ()) if u not in keep]
            if beyond:
                pill = f"p{len(boxes)}"
                words = (
                    f"used by {builder.names[beyond[0]]}"
                    if len(beyond) == 1
                    else f"used {text.count(len(beyond))} times more"
                )
                boxes.append(Box(pill, "pill", "other", words, tip=words))
                arrows.append(Arrow(builder.ids[node], pill, "link"))
    for i, root in enumerate(builder.roots):
        if root in keep:
            boxes.append(Box(f"out{i}", "end", "other", ""))
            arrows += builder.ends(root, f"out{i}")
    if small:
        arrows = [replace(a, tail_port="", head_port="") for a in arrows]
    arrows = [_at_a_row(a, {box.id: len(box.rows) for box in boxes}) for a in arrows]
    options = builder.options
    return Picture(
        tuple(boxes),
        tuple(arrows),
        ranks=tuple(ranks),
        legend=options.legend,
        palette=options.palette,
    )


def _at_a_row(arrow: Arrow, rows: dict[str, int]) -> Arrow:
    """An arrow that would end at a row which is not shown here ends at the last one that is."""
    kind, row, last = arrow.head_port[:1], arrow.head_port[1:], rows.get(arrow.head, 0) - 1
    if kind not in ("g", "i") or not row.isdigit() or int(row) <= last:
        return arrow
    return replace(arrow, head_port=f"{kind}{last}" if last >= 0 else "")


def _summed(builder: Builder, node: Node, box: Box, keep: set[Node]) -> Box:
    """A node of the path that others use as well: its gradient is what comes along the path plus what comes along the others."""
    users = [card for card in builder.cards if node in card.entries]
    here = [card for card in users if card.root in keep]
    arrived = gradient(builder.run, node) if builder.backward else None
    if (
        arrived is None
        or arrived.shape
        or len(here) != 1
        or len(users) < 2
        or not builder.options.values
    ):
        return box if len(users) < 2 else replace(box, total=(), total_note="")
    mine = np.sum(builder.shares(here[0], node), axis=0)
    words = builder.added([mine, arrived - mine], arrived)
    mark = " ≈ " if " ≈ " in words else " = "
    terms, _, whole = words.rpartition(mark)
    head = f"∂{builder.objective}/∂{builder.names[node]}"
    product = builder.product(here[0], node)
    return replace(
        box,
        total=(f"{head} = {terms} (other paths){mark}{whole}",),
        total_note=f"along this path {product}" if product else "",
    )


def _between(builder: Builder, card: Card, keep: set[Node], rows: tuple[Row, ...]) -> list[Arrow]:
    found = []
    row = 0
    for operand in card.entries:
        if operand not in keep:
            continue
        found.append(replace(builder.forward(operand, card), sideways="", weight=30))
        share = builder.flows[card.root].share(operand)
        if builder.backward and share is not None:
            arrow = builder.back(operand, card, share)
            port = f"g{min(row, len(rows) - 1)}" if rows and operand.kind == "op" else ""
            tail = builder.card_of.get(operand)
            has_rows = tail is not None and any(
                p in keep and builder.receives(tail, p) for p in tail.entries
            )
            found.append(
                replace(
                    arrow,
                    sideways="",
                    weight=30,
                    head_port=port,
                    tail_port="g0" if has_rows else "",
                )
            )
            row += 1
    return found


def _several(builder: Builder, nodes: list[Node]) -> str:
    names = [builder.names[n] for n in nodes]
    return (
        ", ".join(names) if len(names) <= 3 else f"{names[0]}, {names[1]} and {len(names) - 2} more"
    )


def _known(builder: Builder, node: Node) -> None:
    if node not in builder.card_of and node not in set(builder.leaves):
        where = (
            "folded into a card: give it a name, or use view='expanded'"
            if node in set(builder.order)
            else "not part of this graph"
        )
        raise DrawError(f"{node.label!r} is {where}")


def _users(builder: Builder) -> dict[Node, list[Node]]:
    users: dict[Node, list[Node]] = {}
    for card in builder.cards:
        for operand in card.entries:
            users.setdefault(operand, []).append(card.root)
    return users


def _reach(node: Node, users: dict[Node, list[Node]]) -> set[Node]:
    found, stack = {node}, [node]
    while stack:
        for user in users.get(stack.pop(), ()):
            if user not in found:
                found.add(user)
                stack.append(user)
    return found


def _count(builder: Builder, node: Node, above: set[Node], top: Node) -> int:
    """How many paths lead from the node to the result, through all places where it is used."""
    ways = {node: 1}
    for card in builder.cards:
        if card.root in above and card.root is not node:
            ways[card.root] = sum(
                ways.get(p, 0) * len(places) for p, places in card.entries.items()
            )
    return ways.get(top, 1)


def _heaviest(builder: Builder, node: Node, users: dict[Node, list[Node]]) -> list[Node]:
    """From the node upwards, always to the user that hands back the largest share; without gradients, to the first."""
    path = [node]
    while users.get(path[-1]):
        here = path[-1]

        def weight(user: Node, here: Node = here) -> float:
            share = builder.flows[user].share(here) if builder.backward else None
            return (
                float(np.max(np.abs(share.astype(float))))
                if share is not None and share.size
                else -1.0
            )

        path.append(max(users[here], key=weight))
    return path


def _result(builder: Builder, root: Node) -> str:
    title = builder.names.title(root)
    return f"the {title.lower()}" if title in ("Loss", "Cost") else builder.names[root]


def _plural(hops: int) -> str:
    return f"{hops} arrow{'s' if hops != 1 else ''}"
