"""What each kind of box looks like: cards, circles, leaves, collapsed scopes, pills.

Separate from `dot`, which puts boxes and arrows together: here is everything between the border of a node and its text.
"""

from __future__ import annotations

from cgraph.draw.model import text
from cgraph.draw.model.diagram import Box
from cgraph.draw.output.markup import LEFT, font, framed, mono, row, table
from cgraph.draw.output.theme import SERIF, Palette


class BoxWriter:
    """Writes the attributes of a node, its label included."""

    def __init__(self, colors: Palette, circles: bool) -> None:
        self.colors = colors
        self.circles = circles

    def body(self, box: Box) -> str:
        """Shape, colours and label of a box."""
        if box.kind == "pill":
            return self.pill(box)
        if box.kind == "scope":
            return self.scope(box)
        if box.kind == "op":
            return self.circle(box) if self.circles and not box.value else self.card(box)
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

    def head(self, box: Box, size: float) -> list[str]:
        """Symbol, shape, formula, value, small print: the upper storey, one table row each."""
        colors = self.colors
        ink = colors.muted if box.bypassed else colors.ink
        rows = []
        if box.badge:
            rows.append(row(font(box.badge, 11, self.tones(box)[1], style="B")))
        symbol = font(box.symbol, size if len(box.symbol) < 13 else 0.75 * size, ink, SERIF, "I")
        if box.shape:
            symbol += " " + font(box.shape, 10, colors.muted_on_fill)
        rows.append(row(symbol))
        if box.formula:
            rows.append(row(font(box.formula, 12, ink)))
        if box.value:
            rows.append(row(mono(box.value, "transparent" if box.value_state == "hidden" else ink)))
        rows += [
            row(font(note, 11, colors.muted_on_fill, style="I" if box.bypassed else ""))
            for note in box.notes
        ]
        return rows

    def card(self, box: Box) -> str:
        colors = self.colors
        fill, line = self.tones(box)
        rule = colors.of(box.tone)[1] if box.active else line
        style = "ROUNDED" + {"solid": "", "dashed": ",DASHED", "dotted": ",DOTTED"}[box.border]
        rows = [row(table(self.head(box, 22 if not box.value else 20)), 'PORT="h"')]
        if box.rows:
            hidden = box.rows_state == "hidden"
            back = colors.active if box.rows_state == "active" else fill
            ink = "transparent" if hidden else colors.local
            pill = f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="4" BGCOLOR="{back}" STYLE="ROUNDED">'
            cells = [
                row(
                    f"{pill}{row(font(local.text, 12, ink), LEFT)}</TABLE>",
                    f'PORT="g{i}" CELLPADDING="1"',
                )
                for i, local in enumerate(box.rows)
            ]
            rows.append(
                row(
                    table(cells, 0), f'PORT="g" CELLPADDING="0" SIDES="T" BORDER="1" COLOR="{rule}"'
                )
            )
        rows += self.total(box, rule)
        return framed(rows, 5, fill, line, style)

    def total(self, box: Box, line: str) -> list[str]:
        """The storeys that hold the gradient that arrived, and what an update makes of a parameter."""
        found = []
        for words, state, color, sign in (
            (box.total, box.total_state, self.colors.gradient, " ="),
            (box.update, box.update_state, self.colors.changed, ""),
        ):
            if not words:
                continue
            ink = "transparent" if state == "hidden" else color
            first, *rest = words
            if not rest:
                inner = font(first, 11, ink, style="B")
            else:
                inner = table(
                    [f"<TR><TD>{font(first + sign, 11, ink)}</TD><TD>{mono(rest, ink)}</TD></TR>"]
                )
            found.append(row(inner, f'SIDES="T" BORDER="1" COLOR="{line}"'))
        return found

    def small(self, box: Box) -> list[str]:
        """The same for a leaf without storeys: small print under its symbol."""
        rows = []
        for words, state, color in (
            (box.total, box.total_state, self.colors.gradient), (box.update, box.update_state, self.colors.changed)
        ):  # fmt: skip
            if words:
                rows.append(
                    row(
                        font(
                            " ".join(words),
                            10,
                            "transparent" if state == "hidden" else color,
                            style="B",
                        )
                    )
                )
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
        colors = self.colors
        fill, line = self.tones(box)
        if box.value or box.shape:
            symbol = font(box.symbol, 17, colors.ink, SERIF, "I")
            if box.shape:
                symbol += " " + font(box.shape, 10, colors.muted_on_fill)
            rows = [row(symbol, 'PORT="h"')]
            if box.badge:
                rows.insert(0, row(font(box.badge, 11, line, style="B")))
            rows += [row(mono(box.value, colors.ink))] if box.value else []
            rows += [row(font(note, 10, colors.muted_on_fill)) for note in box.notes]
            # Round for data, square corners for parameters: kind is told by shape, also for matrices and without colour.
            style = {"data": "ROUNDED", "constant": "ROUNDED,DASHED"}.get(box.kind, "SOLID")
            return framed(rows + self.total(box, line), 4, fill, line, style)
        wide = text.width(box.symbol, 17) > 34 or any((box.total, box.update, box.notes, box.badge))
        rows = [row(font(box.badge, 10, line, style="B"))] if box.badge else []
        rows.append(row(font(box.symbol, 17, colors.ink, SERIF, "I")))
        rows += [row(font(note, 10, colors.muted_on_fill)) for note in box.notes]
        rows += self.small(box)
        round_shape = box.kind != "parameter"
        shape = ("ellipse" if wide else "circle") if round_shape else "box"
        style = (
            "filled,dashed"
            if box.kind == "constant"
            else "filled"
            if round_shape
            else "filled,rounded"
        )
        size = "height=0.6, margin=0.06" if wide else "width=0.6, height=0.6, fixedsize=true"
        label = table(rows) if len(rows) > 1 else font(box.symbol, 17, colors.ink, SERIF, "I")
        return f'shape={shape}, style="{style}", fillcolor="{fill}", color="{line}", {size}, label=<{label}>'

    def scope(self, box: Box) -> str:
        """A collapsed scope: double frame, what is in it, and the largest value and gradient inside."""
        colors = self.colors
        line = (
            colors.of(box.tone)[1]
            if box.tone in ("parameter", "loss", "data")
            else colors.scope_line
        )
        fill = (
            colors.of(box.tone)[0]
            if box.tone in ("parameter", "loss", "data")
            else colors.scope_fill
        )
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
            cells = [f"<TD>{font(words, 11, colors.ink)}</TD>" for words in box.value]
            cells += [f"<TD>{font(words, 11, ink)}</TD>" for words in box.total]
            inner.append(
                row(
                    '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="6" CELLPADDING="0"><TR>'
                    + "".join(cells)
                    + "</TR></TABLE>",
                    f'PORT="g" SIDES="T" BORDER="1" COLOR="{line}"',
                )
            )
        frame = (
            f'<TABLE BORDER="1" CELLBORDER="0" CELLSPACING="0" CELLPADDING="4" STYLE="ROUNDED" BGCOLOR="{fill}" COLOR="{line}">'
            + "".join(inner)
            + "</TABLE>"
        )
        return framed([row(frame)], 3, colors.paper, line, "ROUNDED", border=1)

    def pill(self, box: Box) -> str:
        colors = self.colors
        rows = [row(font(words, 10, colors.muted_on_fill)) for words in (box.symbol, *box.notes)]
        return (
            f'shape=box, style="filled,rounded", fillcolor="{colors.other_fill}", color="{colors.bypassed_line}", penwidth=1, '
            f'height=0.25, margin="0.08,0.03", label=<{table(rows, 0)}>'
        )
