"""What the figures' scripts are written with, beside cgraph itself: `show`, `record`, axes side by side, and cards of formulas.

A reader who copies a figure's lines gets the same files, in the current directory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from cgraph.draw import Diagram
from cgraph.draw.model import expression
from cgraph.draw.model.diagram import Box, Picture, Row, replace
from cgraph.draw.model.expression import written
from cgraph.draw.model.extent import widest_box
from cgraph.draw.model.names import called
from cgraph.draw.model.text import matrix, number
from cgraph.gallery.writer import FigureWriter, panels
from cgraph.op import OPS

_ROW = 760.0  # points: a page

__all__ = [
    "card",
    "lines",
    "matrix",
    "number",
    "op_card",
    "panels",
    "record",
    "replace",
    "show",
    "written",
]


def show(name: str, what: Any, title: str = "") -> None:
    """Write a Diagram, Frames, axes or a text into the current directory; the gallery, which runs the same lines, has its own."""
    FigureWriter(Path()).show(name, what, title)


def record(run: Any = None, prefix: str = "", **numbers: Any) -> None:
    """Numbers for the gallery's manifest; elsewhere they are printed."""
    if numbers:
        print(", ".join(f"{key} = {value}" for key, value in numbers.items()))


def card(title: str, boxes: Sequence[Box], caption: str = "") -> Diagram:
    """Cards of formulas, in the look of the diagrams: in a row, or one above the other where a row would be too wide."""
    named = tuple(replace(box, id=f"n{i}", tip=box.formula) for i, box in enumerate(boxes))
    picture = Picture(named, (), title=title, caption=caption, legend=False, direction="TB")
    if widest_box(picture, together=True) > _ROW:  # Graphviz stacks from the bottom
        picture = replace(picture, boxes=named[::-1], direction="LR")
    return Diagram(picture)


def op_card(name: str, operands: Sequence[str], out: str, notes: Sequence[str] = ()) -> Box:
    """The row of an op in the derivative tables as a card: its formula and its local gradients."""
    op = OPS[name]
    words = tuple(operands)
    rows = tuple(
        Row(f"∂{out}/∂{word}", expression.fill(partial, words, out))
        for word, partial in zip(words, op.formula.partials, strict=False)
        if partial is not None and word != "y"
    )
    formula = f"{out} = {expression.fill(op.formula.text, words)}"
    return Box("", "op", op.role, called(op), formula=formula, rows=rows, notes=tuple(notes))


def lines(
    symbol: str,
    formula: str,
    rows: Sequence[str] | Mapping[str, Any] = (),
    tone: str = "other",
    value: Sequence[str] = (),
    ink: Literal["local", "gradient", "changed", "ink"] = "ink",
) -> Box:
    """A card with lines of its own, and a matrix; `ink` says by its colour what they are, as in the diagrams."""
    found = tuple(Row(words, ink=ink) for words in rows)
    tints = () if ink == "ink" or found else tuple((line, ink) for line in value)
    return Box("", "op", tone, symbol, formula=formula, rows=found, value=tuple(value), tints=tints)
