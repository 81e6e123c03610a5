"""What makes a picture answer back: its graph, the numbers behind its texts, the chain rule and witnesses, as one JSON record.

The record is optional everywhere: a picture of structure alone, of a graph too large or of an op that the page cannot compute is shown
with its steps and its facts, and the page says why its numbers stand still.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from cgraph.draw.model.build import Builder
from cgraph.draw.model.diagram import Picture, replace
from cgraph.draw.output.player import film, lowering, program
from cgraph.draw.output.player.bind import DIGITS, Binder, Quantities, bind, units
from cgraph.errors import CgraphError
from cgraph.node import Node

Again = Callable[[Any, Any], list[Any]]  # a run and options -> the same pictures of it


def live(pictures: Sequence[Picture], rate: float | None, again: Again | None) -> dict[str, Any]:
    """The record of a series of pictures; {"still": why} for one whose numbers cannot be changed, {} for one that has none."""
    builder = pictures[-1].builder
    if builder is None or builder.run is None or not builder.options.values:
        return {}
    try:
        found: dict[str, Any] = {"program": program.program(builder)}
    except lowering.NotLive as why:
        return {"still": str(why)}
    found["witness"] = program.witnesses(builder)
    found["rate"] = rate
    found["digits"] = builder.options.precision
    boxes = {box.id for box in pictures[-1].boxes if box.kind != "scope"}
    drawn = {card.root for card in builder.cards if builder.ids.get(card.root) in boxes}
    found["chain"] = rules(builder, drawn)
    found["formula"] = [
        builder.flows[card.root].formula if card.root in drawn else "" for card in builder.cards
    ]
    found["expect"] = expected(builder)
    found["arrows"] = arrows(pictures[-1])
    if again is None:
        return found | {"still": "its numbers could not be traced"}
    return found | bindings(pictures, builder, rate, again, drawn)


def expected(builder: Builder) -> dict[str, list[Any]]:
    """What the engine says of the root and of the parameters: the page holds its own arithmetic against it before it offers it."""
    run, number = builder.run, {node: i for i, node in enumerate(builder.order)}
    assert run is not None
    root = builder.objective_node
    found = {f"v{number[root]}": lowering.flat(run.value(root))}
    for node, i in number.items():
        if node.kind == "parameter" and builder.backward and run.has_grad(node):
            found[f"g{i}"] = lowering.flat(run.grad(node))
    return found


def arrows(picture: Picture) -> dict[str, list[int]]:
    """The gradient arrows: which card's share for which node each of them carries."""
    builder = picture.builder
    number = {node: i for i, node in enumerate(builder.order)}
    pairs = {
        (builder.ids.get(operand), builder.ids.get(card.root)): [c, number[operand]]
        for c, card in enumerate(builder.cards)
        for operand in card.entries
    }
    return {
        arrow.id or f"e{i}": pairs[arrow.tail, arrow.head]
        for i, arrow in enumerate(picture.arrows)
        if arrow.kind == "gradient" and (arrow.tail, arrow.head) in pairs
    }


def rules(builder: Builder, drawn: Collection[Node]) -> list[list[list[Any]]]:
    """For each card, for each operand that gets a gradient: its node; and, where the card is drawn, the local gradient in words (left
    side, formula)."""
    number = {node: i for i, node in enumerate(builder.order)}
    found = []
    for card in builder.cards:
        rows = []
        for operand in card.entries:
            if builder.backward and builder.receives(card, operand):
                if card.root not in drawn:
                    rows.append([number[operand], "", ""])
                    continue
                row = builder.flows[card.root].row(operand, builder.objective)
                row = builder.alone(card, operand, row)
                rows.append([number[operand], row.left, row.formula or row.value])
        found.append(rows)
    return found


def _shown(picture: Picture) -> dict[int, str]:
    """Which node stands in which box: of a moved run, a focus may take another path."""
    builder = picture.builder
    return {i: builder.ids[node] for i, node in enumerate(builder.order) if node in builder.ids}


def bindings(
    pictures: Sequence[Picture],
    builder: Builder,
    rate: float | None,
    again: Again,
    drawn: Collection[Node],
) -> dict[str, Any]:
    """The numbers in the texts of the drawing, and in the titles and captions of the frames."""
    options = replace(builder.options, precision=DIGITS)

    def probe(seed: int, change: float | None) -> list[Picture] | None:
        run = program.again(builder, change, seed)
        try:
            series = again(run, options) if run is not None else []
        except CgraphError:
            series = []
        same = len(series) == len(pictures) and _shown(series[-1]) == _shown(pictures[-1])
        return series if same else None

    near = []  # a picture that shows other nodes after a small change, as a focus may, is asked after a smaller one
    for seed, change in ((1, 0.05), (2, 0.08)):
        tries = (probe(seed, change * smaller) for smaller in (1.0, 0.2, 0.04))
        near.append(next((series for series in tries if series), None))
    moved = [series for series in (*near, probe(3, None), probe(4, None)) if series]
    if None in near:
        return {"still": "its numbers could not be traced"}
    places = {i for i, node in enumerate(builder.order) if node in drawn}
    quantities = [Quantities(p[-1].builder, rate, places) for p in (pictures, *moved)]
    if len({tuple(q.arrays) for q in quantities[:3]}) > 1:
        return {"still": "its numbers could not be traced"}
    binder = Binder(quantities[0], quantities[1:3], quantities[3:])
    words = []
    for series in (list(pictures), *moved):
        last = replace(series[-1], direction=pictures[-1].direction)
        words.append(
            {key.rpartition(" ")[2]: film.texts(e) for key, e in film.groups(last)[0].items()}
        )
    number = {node: i for i, node in enumerate(builder.order)}
    boxes: dict[str, list[int]] = {}
    for node, id in builder.ids.items():
        boxes.setdefault(id, []).append(number[node])
    about = dict(boxes)
    for i, arrow in enumerate(pictures[-1].arrows):
        about[arrow.id or f"e{i}"] = boxes.get(arrow.tail, []) + boxes.get(arrow.head, [])
    lines = [
        [
            binder.parts(*(getattr(s[i], which) for s in (pictures, *moved)))
            for which in ("title", "caption")
        ]
        for i in range(len(pictures))
    ]
    return {"texts": bind(binder, words, about), "lines": lines, "units": units(builder)}
