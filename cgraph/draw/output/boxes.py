"""What each kind of box looks like: cards, circles, leaves, collapsed scopes, pills.

Separate from `dot`, which puts boxes and arrows together: here is everything between the border of a node and its text.
"""

from __future__ import annotations

import re
from functools import partial

from cgraph.draw.model.diagram import Box
from cgraph.draw.model.metrics import width as text_width
from cgraph.draw.output.markup import LEFT, WIDE, fixed, font, framed, mono, row, table, tinted
from cgraph.draw.output.theme import SERIF, Palette

_STRIP = 9  # points, for a value that comes in beside the chain
_LANE = 20  # points between two lines of a leaf that has several users
_STEP = 12  # the same for the lines that enter a card
_SPREAD = 40  # points of a row in a card whose rows stand apart
_ROUND = 130.0  # points of text that a circle holds; a longer sum makes it a card
# All numbers count alike there: a picture keeps its form when they change, or are traced with twelve digits.
_NUMBER = re.compile(r"\(?−?\d+(?:\.\d+)?(?:·10[⁻⁰¹²³⁴-⁹]+)?\)?")
SCOPE_TONES = ("parameter", "loss", "data")  # of a collapsed scope: a colour of its own
MARKS = {"data": "●", "parameter": "■", "constant": "○", "elsewhere": "◌"}


class BoxWriter:
    """Writes the attributes of a node, its label included.

    `head_height`: what the upper storeys of all cards are stretched to, so that the lines between them are straight.
    """

    def __init__(self, colors: Palette, circles: bool, sideways: bool = True) -> None:
        self.colors = colors
        self.circles = circles
        self.sideways = sideways
        self.head_height = 0.0
        self.entries: dict[
            str, int
        ] = {}  # values from leaves that enter a card's header, beside its chain
        self.posts = 30  # points between the lines of a chain from top to bottom
        self.twins: set[str] = set()  # boxes of a chain with places for its two lines on both sides
        self.apart = 0.0  # points between these lines
        self.stairs: dict[str, int] = {}  # lines between leaves and a card without rows for them
        self.spread: set[str] = (
            set()
        )  # cards whose rows stand apart, for the words between their lines
        self.lanes: dict[str, int] = {}  # lines of a leaf with several users, each with a place

    def body(self, box: Box) -> str:
        """Shape, colours and label of a box."""
        if box.kind == "pill":
            return self.pill(box)
        if box.kind == "scope":
            return self.scope(box)
        if box.kind == "op":
            sums = (*box.total, box.total_note)
            long = any(text_width(_NUMBER.sub("0.000", words), 10) > _ROUND for words in sums)
            return (
                self.circle(box) if self.circles and not box.value and not long else self.card(box)
            )
        return self.leaf(box)

    def tones(self, box: Box) -> tuple[str, str]:
        colors = self.colors
        fill, line = colors.of(box.tone)
        if box.bypassed:
            fill, line = colors.paper, colors.bypassed_line
        if box.health == "bad":
            fill, line = colors.bad_fill, colors.bad_line
        elif box.health == "after":
            fill, line = colors.after_fill, colors.bad_line
        elif box.health == "saturated":
            fill, line = colors.saturated_fill, colors.saturated_line
        return fill, colors.gradient if box.active else line

    def parts(self, box: Box) -> list[tuple[str, str]]:
        """The parts of a box's texts that have an ink of their own, with its colour."""
        return [(part, str(getattr(self.colors, ink))) for part, ink in box.tints]

    # --- the upper storey -----------------------------------------------------------------------------------------------------

    def head(self, box: Box) -> list[str]:
        """Symbol, shape, formula, value, small print: the upper storey, one table row each."""
        colors = self.colors
        ink = colors.muted if box.bypassed else colors.ink
        rows = []
        if box.badge:
            rows.append(row(font(box.badge, 11, self.tones(box)[1], style="B")))
        symbol = font(box.symbol, _size(box.symbol, box.tight), ink, SERIF, "I")
        if box.shape:
            symbol += " " + font(box.shape, 10, colors.muted_on_fill)
        rows.append(row(symbol))
        parts = self.parts(box)
        if box.formula:
            rows.append(row(tinted(box.formula, partial(_written, 12), ink, parts)))
        seen = "transparent" if box.value_state == "hidden" else ink
        if box.number_shown and box.number:
            rows.append(
                row(tinted(f"{box.name} = {box.number}", partial(_written, 12), seen, parts))
            )
        if box.value:
            rows.append(row(mono(box.value, seen, parts if seen == ink else ()), WIDE))
        rows += [
            row(font(note, 11, colors.muted_on_fill, style="I" if box.bypassed else ""))
            for note in box.notes
        ]
        return rows

    @staticmethod
    def height(box: Box) -> float:
        """How high the upper storey of a card is, in points: the engine gives a line 1.2 times its size, and every row 2 points."""
        lines = [
            _size(box.symbol, box.tight),
            *([11.0] if box.badge else []),
            *([12.0] if box.formula else []),
            *[11.0] * len(box.notes),
        ]
        lines += [12.0] if box.number_shown and box.number else []
        return (
            sum(1.2 * size + 2 for size in lines)
            + (13.2 * len(box.value) + 2 if box.value else 0)
            + 10
        )

    def card(self, box: Box) -> str:
        colors = self.colors
        fill, line = self.tones(box)
        strong = colors.of(box.tone)[1] if box.active else line
        rule = fill if box.rows_state == "hidden" else strong  # no empty storeys before their time
        style = "ROUNDED" + {"solid": "", "dashed": ",DASHED", "dotted": ",DOTTED"}[box.border]
        high = f' HEIGHT="{self.head_height:.0f}"' if self.head_height else ""
        many = self.entries.get(box.id, 0)  # each comes in at a strip of its own
        rows = [
            row("", f'PORT="d{i}" HEIGHT="{_STRIP if many < 4 else 4}" CELLPADDING="0"')
            for i in range(many)
        ]
        rows.append(row(table(self.head(box)), f'PORT="h" CELLPADDING="{3 if many else 5}"{high}'))
        if steps := self.stairs.get(box.id, 0):
            rows[-1] = rows[-1].replace("<TR>", f"<TR>{_lanes('e', steps, _STEP, 1)}", 1)
        hidden = box.rows_state == "hidden"
        back = colors.active if box.rows_state == "active" else fill
        pill = f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="4" BGCOLOR="{back}" STYLE="ROUNDED">'
        for i, local in enumerate(box.rows):
            ink = "transparent" if hidden else getattr(colors, local.ink)
            border = f' SIDES="T" BORDER="1" COLOR="{rule}"' if i == 0 else ""
            text_ = f"{pill}{row(font(local.text, 12, ink), LEFT)}</TABLE>"
            high = f' HEIGHT="{_SPREAD}"' if i and box.id in self.spread else ""
            rows.append(row(text_, f'PORT="g{i}" CELLPADDING="2" {LEFT}{border}{high}'))
            if local.lines:
                rows.append(
                    row(
                        f"{pill}{row(mono(local.lines, ink), LEFT)}</TABLE>",
                        f'CELLPADDING="2" {LEFT}',
                    )
                )
        rows += self.total(box, strong, fill)
        if box.id in self.twins:
            rows[0] = self.between(rows[0], len(rows))
        if not self.sideways:
            rows = [_posts("t", self.posts), *rows, _posts("b", self.posts)]
        return framed(rows, 5 if self.sideways else 4, fill, line, style)

    def between(self, first: str, rows: int) -> str:
        """The first row of a box, with places for the value and the gradient of its chain on both sides, about its middle."""
        sides = []
        for side in "xy":
            places = "".join(
                row(
                    "",
                    f'PORT="{side}{kind}" WIDTH="2" HEIGHT="{round(self.apart)}" CELLPADDING="0"',
                )
                for kind in "vg"
            )
            inner = fixed(places, 2, 2 * round(self.apart))
            sides.append(f'<TD ROWSPAN="{rows}" CELLPADDING="0" WIDTH="1">{inner}</TD>')
        return f"<TR>{sides[0]}{first.removeprefix('<TR>').removesuffix('</TR>')}{sides[1]}</TR>"

    def total(self, box: Box, line: str, fill: str) -> list[str]:
        """The storeys that hold the gradient that arrived, and what an update makes of a parameter."""
        found = []
        for port, words, note, state, color, sign in (
            ("t", box.total, box.total_note, box.total_state, self.colors.gradient, " ="),
            ("u", box.update, "", box.update_state, self.colors.changed, ""),
        ):
            if not words:
                continue
            ink = "transparent" if state == "hidden" else color
            first, *rest = words
            if rest and rest[0].startswith("min "):
                sign = ":\u00a0"
            if not rest:
                lines = [row(font(first, 11, ink, style="B"), LEFT)]
                lines += [row(font(note, 11, ink), LEFT)] if note else []
                inner = table(lines)
            else:
                inner = table(
                    [f"<TR><TD>{font(first + sign, 11, ink)}</TD><TD>{mono(rest, ink)}</TD></TR>"]
                )
            rule = fill if state == "hidden" else line
            found.append(row(inner, f'PORT="{port}" SIDES="T" BORDER="1" COLOR="{rule}"'))
        return found

    def small(self, box: Box) -> list[str]:
        """The same for a circle, which has no storeys: small print under its symbol."""
        rows = []
        for words, state, color in (
            (box.total, box.total_state, self.colors.gradient), (box.update, box.update_state, self.colors.changed)
        ):  # fmt: skip
            if words:
                ink = "transparent" if state == "hidden" else color
                rows.append(row(font(" ".join(words), 10, ink, style="B")))
                if words is box.total and box.total_note:
                    rows.append(row(font(box.total_note, 10, ink)))
        return rows

    def circle(self, box: Box) -> str:
        """An op as in the blog: a circle with its symbol, and its local gradients below in small print."""
        colors = self.colors
        fill, line = self.tones(box)
        rows = []
        if box.badge:
            rows.append(row(font(box.badge, 10, line, style="B")))
        rows.append(
            row(font(box.symbol, 20, colors.muted if box.bypassed else colors.ink, SERIF, "I"))
        )
        if box.number_shown and box.number:
            seen = "transparent" if box.value_state == "hidden" else colors.ink
            rows.append(
                row(font(f"{box.name} = {box.number}" if box.named else box.number, 11, seen))
            )
        if box.ordered and box.formula:
            rows.append(row(font(box.formula, 10, colors.ink)))
        ink = "transparent" if box.rows_state == "hidden" else colors.local
        for local in box.rows:
            number = local.value or local.formula
            whole = f"{local.left} = {number}" if local.left else number
            parts = [local.left, f"= {number}"] if len(box.rows) == 1 and local.left else [whole]
            rows += [row(font(part, 10, ink)) for part in parts]
        notes = [word for note in box.notes for word in note.split()]
        rows += [row(font(note, 10, colors.muted_on_fill, style="I")) for note in notes]
        rows += self.small(box)
        style = "filled" + {"solid": "", "dashed": ",dashed", "dotted": ",dotted"}[box.border]
        if box.rows_state == "active":
            fill = colors.active
        small = ", width=0.62, height=0.62" if not box.rows else ""
        return (
            f'shape=circle, style="{style}", margin=0, fillcolor="{fill}", color="{line}", penwidth=2{small}, '
            f"label=<{table(rows)}>"
        )

    def leaf(self, box: Box) -> str:
        """Data, parameters, constants: a circle, or a rounded box for parameters and for what has more than one line to say."""
        colors = self.colors
        fill, line = self.tones(box)
        symbol = font(box.symbol, 17, colors.ink, SERIF, "I")
        badge = [row(font(box.badge, 11, line, style="B"))] if box.badge else []
        notes = [row(font(note, 10, colors.muted_on_fill)) for note in box.notes]
        if box.kind == "parameter" or box.value or box.shape or box.total or box.update:
            mark = font(MARKS.get(box.kind, ""), 10, line) + " " if box.value or box.shape else ""
            shape = " " + font(box.shape, 10, colors.muted_on_fill) if box.shape else ""
            number = font(f" = {box.number}", 13, colors.ink) if box.number else ""
            first = mark + symbol + shape + number
            style = "ROUNDED,DASHED" if box.kind == "constant" else "ROUNDED"
            if box.value:
                inner = table(
                    [
                        *badge,
                        row(first),
                        row(mono(box.value, colors.ink, self.parts(box)), WIDE),
                        *notes,
                    ]
                )
                rows = [row(inner, 'PORT="h"')]
            else:
                least = "" if badge or notes or box.total else ' WIDTH="30" HEIGHT="30"'
                rows = [*badge, row(first, f'PORT="h"{least}'), *notes]
            rows += self.total(box, line, fill)
            if many := self.lanes.get(box.id, 0):
                rows[0] = (
                    rows[0].removesuffix("</TR>") + _lanes("s", many, _LANE, len(rows)) + "</TR>"
                )
            return framed(rows, 4, fill, line, style)
        rows = [*badge, row(symbol)]
        rows += [row(font(box.number, 12, colors.ink))] if box.number else []
        rows += notes
        style = "filled,dashed" if box.kind in ("constant", "elsewhere") else "filled"
        low = max(
            (text_width(words, 12) for words in (box.number, *box.notes) if words), default=0.0
        )
        wide = max(0.62, (1.15 * text_width(box.symbol, 17) + 14) / 72, (low + 6) / 0.76 / 72)
        high = 0.62 + 0.2 * (len(rows) - 2 if len(rows) > 2 else 0)
        size = f"width={max(wide, high):.2f}, height={high:.2f}, fixedsize=true"
        return (
            f'shape={"circle" if wide <= high else "ellipse"}, style="{style}", fillcolor="{fill}", color="{line}", {size}, '
            f"label=<{table(rows, 0)}>"
        )

    def scope(self, box: Box) -> str:
        """A collapsed scope: double frame, what is in it, and the largest value and gradient inside."""
        colors = self.colors
        line = colors.of(box.tone)[1] if box.tone in SCOPE_TONES else colors.scope_line
        fill = colors.of(box.tone)[0] if box.tone in SCOPE_TONES else colors.scope_fill
        if box.health in ("bad", "after", "saturated"):
            fill, line = self.tones(box)
        line = colors.gradient if box.active else line
        rows = [row(font(box.badge, 11, line, style="B"))] if box.badge else []
        rows.append(row(font(box.symbol, 15, colors.ink, style="B")))
        rows += [
            row(font(note, 11, colors.muted_on_fill))
            for note in ((box.formula,) if box.formula else ()) + box.notes
        ]
        inner = [row(table(rows), 'PORT="h"')]
        if box.value or box.total:
            ink = "transparent" if box.total_state == "hidden" else colors.gradient
            cells = [row(font(words, 11, colors.ink)) for words in box.value]
            cells += [row(font(words, 11, ink)) for words in box.total]
            inner.append(row(table(cells), f'PORT="g" SIDES="T" BORDER="1" COLOR="{line}"'))
        frame = (
            f'<TABLE BORDER="1" CELLBORDER="0" CELLSPACING="0" CELLPADDING="4" STYLE="ROUNDED" BGCOLOR="{fill}" COLOR="{line}">'
            + "".join(inner)
            + "</TABLE>"
        )
        frames = (
            [self.between(row(frame), 1) if box.id in self.twins else row(frame)]
            if self.sideways
            else [_posts("t", self.posts), row(frame), _posts("b", self.posts)]
        )
        return framed(frames, 3, colors.paper, line, "ROUNDED", border=1)

    def pill(self, box: Box) -> str:
        colors = self.colors
        rows = [row(font(words, 10, colors.muted_on_fill)) for words in (box.symbol, *box.notes)]
        return (
            f'shape=box, style="filled,rounded", fillcolor="{colors.other_fill}", color="{colors.bypassed_line}", penwidth=1, '
            f'height=0.25, margin="0.08,0.03", label=<{table(rows, 0)}>'
        )


def _written(size: float, words: str, color: str) -> str:
    return font(words, size, color)


def _size(symbol: str, tight: bool = False) -> float:
    """The size of a card's symbol: σ is larger than "BCE from logits"."""
    if tight:
        return 13.0
    return 22.0 if len(symbol) < 3 else 18.0 if len(symbol) < 9 else 15.0


def _lanes(port: str, many: int, apart: int, rows: int) -> str:
    """A column along the border of a box, where each of its lines has a place of its own."""
    places = "".join(
        row("", f'PORT="{port}{i}" WIDTH="1" HEIGHT="{apart}" CELLPADDING="0"') for i in range(many)
    )
    return f'<TD ROWSPAN="{rows}" CELLPADDING="0" WIDTH="1">{table([places], 0)}</TD>'


def _posts(end: str, apart: int) -> str:
    """Where the lines of a chain from top to bottom meet a card: gradients, values, and the seed."""
    posts = "".join(f'<TD PORT="{end}{kind}" WIDTH="{apart}" HEIGHT="1"></TD>' for kind in "gvs")
    return row(fixed(f"<TR>{posts}</TR>", 3 * apart, 1), 'CELLPADDING="0"')
