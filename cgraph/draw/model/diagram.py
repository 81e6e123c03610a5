"""WHAT a picture shows, as plain data: boxes, arrows, groups and the lines of text above them.

Separate from how it looks (`dot`, `player`, `plain`) and from where the numbers come from (`build`), so that one description
yields the PNG, the interactive page, Mermaid and the terminal tree, and so that a test can read a picture without drawing it.
All texts are final: already formatted, not yet escaped.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

__all__ = ["Arrow", "Box", "Group", "Picture", "Row", "State", "replace"]

State = Literal[
    "shown", "active", "hidden"
]  # hidden = its place is kept, nothing is visible (a step to come)


@dataclass(frozen=True, slots=True)
class Row:
    """One local gradient: `∂p̂/∂z = p̂(1−p̂) = 0.25`; each part may be empty.

    `ink`: what it is, by its colour: a "local" gradient; a "gradient" that is handed back, as by the rule `∂C/∂W = ∂C/∂Z · Xᵀ`; a
    parameter that is "changed"; or plain words, in "ink".
    """

    left: str
    formula: str = ""
    value: str = ""
    worked: str = ""  # the formula with numbers put in
    lines: tuple[str, ...] = ()  # entry by entry, monospaced, below
    ink: Literal["local", "gradient", "changed", "ink"] = "local"
    to: str = ""  # the operand it belongs to

    @property
    def rule(self) -> bool:
        """Whether it says what the op does with the upstream gradient."""
        return self.ink == "gradient"

    @property
    def text(self) -> str:
        return " = ".join(
            part for part in (self.left, self.formula, self.worked, self.value) if part
        )


@dataclass(frozen=True, slots=True)
class Box:
    """One node of the picture: a leaf, an op (with whatever is folded into it), a collapsed scope or a pill."""

    id: str
    kind: Literal["data", "parameter", "constant", "elsewhere", "op", "scope", "pill", "end"]
    tone: str  # colour class: data parameter elsewhere linear arithmetic activation loss other
    symbol: str
    shape: str = ""
    formula: str = ""
    name: str = ""  # what its result is called in formulas
    number: str = ""  # a scalar's value; a leaf has it inside, an op on the arrow that leaves
    number_shown: bool = False  # an op's number inside as well, where arrows carry no words
    value: tuple[str, ...] = ()  # lines, monospaced
    value_state: State = "shown"
    notes: tuple[str, ...] = ()  # small print under the formula
    rows: tuple[Row, ...] = ()
    rows_state: State = "shown"
    total: tuple[str, ...] = ()  # the gradient that arrived: a heading, then lines
    total_note: str = ""  # how it came about: upstream × local
    total_state: State = "shown"
    update: tuple[str, ...] = ()  # what a training step makes of a parameter: a heading, then lines
    update_state: State = "shown"
    badge: str = ""
    health: Literal["", "bad", "after", "saturated"] = ""
    active: bool = False
    tints: tuple[
        tuple[str, str], ...
    ] = ()  # parts of its formula and value in an ink of their own: (part, ink)
    border: Literal["solid", "dashed", "dotted"] = "solid"
    bypassed: bool = False
    tight: bool = (
        False  # as little as possible is written: one line of formula and value, small print
    )
    tip: str = ""  # a sentence, for tooltips and screen readers
    detail: tuple[tuple[str, str], ...] = ()  # everything known about it, for the player
    named: bool = True  # whether its name is the user's
    ordered: bool = False  # whether the order of its operands has to be said
    site: str = ""  # file:line of the code that built it, for the SVG
    css: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Arrow:
    """A value going forward, a gradient coming back, or a plain link. `tail` is always the earlier node."""

    tail: str
    head: str
    kind: Literal["value", "gradient", "link"]
    label: tuple[str, ...] = ()  # gradient: bold first line, then the product; value: one line
    shape: str = ""
    lines: tuple[str, ...] = ()  # a matrix, monospaced
    state: State = "shown"
    tail_port: str = ""
    head_port: str = ""
    weight: int = 1
    width: float = 0.0  # 0: the kind's own
    sideways: Literal["", "before", "after"] = (
        ""  # between boxes of one rank: which side of the head the tail stands on
    )
    tip: str = ""
    css: tuple[str, ...] = ()
    id: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """A dashed frame around boxes: a scope, or the parts of a fused op."""

    id: str
    label: str
    members: tuple[str, ...]
    kind: Literal["scope", "fused"] = "scope"
    groups: tuple[Group, ...] = ()

    @property
    def everything(self) -> list[str]:
        """The boxes in it and in the groups in it."""
        return [*self.members, *(m for sub in self.groups for m in sub.everything)]


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything on one canvas. `ranks` lists boxes that stand above one another instead of side by side."""

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    groups: tuple[Group, ...] = ()
    ranks: tuple[tuple[str, ...], ...] = ()
    title: str = ""
    caption: str = ""
    legend: bool = True
    direction: Literal["LR", "TB"] = "LR"
    circles: bool = False
    palette: str = "light"
    reserve: tuple[
        tuple[str, str], ...
    ] = ()  # titles and captions of the whole series, which share one space
    extra_legend: tuple[tuple[str, str], ...] = field(default=())  # (mark, text)
    inks: tuple[tuple[str, str, str], ...] = ()  # (mark, ink, text): what the tints of boxes mean

    @property
    def by_rules(self) -> bool:
        """Whether some op hands back more than upstream × local: a matrix product, or what is inside a box that stands for many."""
        return any(row.rule for box in self.boxes for row in box.rows) or any(
            (len(box.total) > 1 and not box.rows) or (box.kind == "scope" and box.total)
            for box in self.boxes
        )

    builder: Any = field(
        default=None, compare=False, repr=False
    )  # the facts behind it, for the interactive page
