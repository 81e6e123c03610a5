"""What makes a picture answer back: its graph, the numbers behind its texts, the chain rule and witnesses, as one JSON record.

The record is optional everywhere: a picture of structure alone, of a graph too large or of an op that the page cannot compute is shown
with its steps and its facts, and the page says why its numbers stand still.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cgraph.draw.model.build import Builder
from cgraph.draw.model.diagram import Picture, replace
from cgraph.draw.output.player import film, program
from cgraph.draw.output.player.bind import DIGITS, Binder, Quantities, bind
from cgraph.errors import CgraphError

Again = Callable[[Any, Any], list[Any]]  # a run and options -> the same pictures of it


def live(pictures: Sequence[Picture], rate: float | None, again: Again | None) -> dict[str, Any]:
    """The record of a series of pictures, or {"still": why} for one whose numbers cannot be changed."""
    builder = pictures[-1].builder
    if builder is None or builder.run is None:
        return {"still": "there are no numbers in this picture"}
    try:
        found: dict[str, Any] = {"program": program.program(builder)}
    except program.NotLive as why:
        return {"still": str(why)}
    found["witness"] = program.witnesses(builder)
    found["rate"] = rate
    found["digits"] = builder.options.precision
    found["chain"] = rules(builder)
    found["formula"] = [builder.flows[card.root].formula for card in builder.cards]
    found["expect"] = expected(builder)
    found["arrows"] = arrows(pictures[-1])
    if again is None:
        return found | {"still": "its numbers could not be traced"}
    return found | bindings(pictures, builder, rate, again)


def expected(builder: Builder) -> dict[str, list[Any]]:
    """What the engine says of the root and of the parameters: the page holds its own arithmetic against it before it offers it."""
    run, number = builder.run, {node: i for i, node in enumerate(builder.order)}
    assert run is not None
    root = builder.objective_node
    found = {f"v{number[root]}": program.flat(run.value(root))}
    for node, i in number.items():
        if node.kind == "parameter" and builder.backward and run.has_grad(node):
            found[f"g{i}"] = program.flat(run.grad(node))
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


def rules(builder: Builder) -> list[list[list[Any]]]:
    """For each card, for each operand that gets a gradient: its node, and the local gradient in words (left side, formula)."""
    number = {node: i for i, node in enumerate(builder.order)}
    found = []
    for card in builder.cards:
        rows = []
        for operand in card.entries:
            if builder.backward and builder.receives(card, operand):
                row = builder.flows[card.root].row(operand, builder.objective)
                row = builder.alone(card, operand, row)
                rows.append([number[operand], row.left, row.formula or row.value])
        found.append(rows)
    return found


def bindings(
    pictures: Sequence[Picture], builder: Builder, rate: float | None, again: Again
) -> dict[str, Any]:
    """The numbers in the texts of the drawing, and in the titles and captions of the frames."""
    moved: list[list[Picture]] = []
    options = replace(builder.options, precision=DIGITS)
    for seed, change in ((1, 0.05), (2, 0.08), (3, None), (4, None)):  # None: anywhere
        run = program.again(builder, change, seed)
        try:
            series = again(run, options) if run is not None else []
        except CgraphError:
            series = []
        same = len(series) == len(pictures) and [b.id for b in series[-1].boxes] == [
            b.id for b in pictures[-1].boxes
        ]
        if same:
            moved.append(series)
        elif change is not None:
            return {"still": "its numbers could not be traced"}
    quantities = [Quantities(p[-1].builder, rate) for p in (pictures, *moved)]
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
    return {"texts": bind(binder, words, about), "lines": lines}
