"""HOW a picture looks: a `Picture` as DOT text. A pure function of its argument, so it can be compared with a golden file.

The visual grammar lives here: kind by shape first and colour second, cards with two storeys, solid black arrows for values
and dashed backward ones for gradients, two parallel straight lines between ops (ports), steps that never move anything
(what is yet to come is written in transparent ink). User text appears only inside escaped HTML-like labels; ids are `n0, n1...`.
"""

from __future__ import annotations

from collections.abc import Iterable

from cgraph.draw import text
from cgraph.draw.diagram import Arrow, Box, Group, Picture
from cgraph.draw.theme import MONO, PALETTES, SANS, SERIF, Palette

_TABLE = '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="{0}">{1}</TABLE>'
_WRAP = 140  # characters of a caption line


def dot(picture: Picture) -> str:
    """The DOT text of a picture; the same text for the same picture, in every process."""
    return _Writer(picture).text()


def _html(words: str) -> str:
    return text.escape(words).replace("\\", "\\\\").replace("  ", "\u00a0 ")


def _quoted(words: str) -> str:
    """A string attribute that Graphviz shows as it stands: it undoes backslashes twice."""
    return '"' + words.replace("\\", "\\\\\\\\").replace('"', '\\"') + '"'


def _font(words: str, size: float, color: str, face: str = "", style: str = "") -> str:
    inner = _html(words) or "&#160;"
    for tag in style:
        inner = f"<{tag}>{inner}</{tag}>"
    face = f' FACE="{face}"' if face else ""
    return f'<FONT COLOR="{color}" POINT-SIZE="{size:g}"{face}>{inner}</FONT>'


def _table(rows: Iterable[str], padding: int = 1) -> str:
    return _TABLE.format(padding, "".join(rows))


def _tr(cell: str, attributes: str = "") -> str:
    return f"<TR><TD{' ' + attributes if attributes else ''}>{cell}</TD></TR>"


_LEFT = 'ALIGN="LEFT"'


class _Writer:
    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self.colors: Palette = PALETTES[picture.palette]
        self.boxes = {box.id: box for box in picture.boxes}
        self.sideways = picture.direction == "LR"

    def text(self) -> str:
        picture, colors = self.picture, self.colors
        gaps = (0.36, 0.45) if picture.groups else (0.22, 0.55)
        lines = [
            "digraph cgraph {",
            f' graph [rankdir={picture.direction}, bgcolor="{colors.paper}", pad=0.25, nodesep={gaps[0]}, ranksep={gaps[1]}, '
            f'newrank=true, splines=true, fontname="{SANS}", labelloc=t, labeljust=l, '
            f'{self.heading()}tooltip=" "];',
            f' node [label="\\N", shape=box, style="filled,rounded", fontname="{SANS}", fontsize=13, '
            f'fontcolor="{colors.ink}", penwidth=1.4, margin="0.12,0.07"];',
            f' edge [fontname="{SANS}", fontsize=12, color="{colors.ink}", fontcolor="{colors.ink}", arrowsize=0.85];',
        ]
        grouped = {member for group in picture.groups for member in _members(group)}
        lines += [self.box(box) for box in picture.boxes if box.id not in grouped]
        for group in picture.groups:
            lines += self.group(group, " ")
        lines += [f" {{rank=same; {'; '.join(rank)}}}" for rank in picture.ranks]
        lines += [self.arrow(arrow, i) for i, arrow in enumerate(picture.arrows)]
        return "\n".join([*lines, "}", ""])

    # --- the lines above the picture ------------------------------------------------------------------------------------------

    def heading(self) -> str:
        picture, colors = self.picture, self.colors
        rows = []
        caption = _wrapped(picture.caption)
        if picture.title or picture.reserve:
            rows.append(_tr(_font(picture.title, 17, colors.ink, style="B"), _LEFT))
        lines = max((len(_wrapped(words)) for _, words in picture.reserve), default=0)
        caption += [""] * (lines - len(caption))
        rows += [_tr(_font(line, 12, colors.muted), _LEFT) for line in caption]
        if picture.legend:
            legend = "".join(
                _font(mark, 13 if len(mark) == 1 else 11, color) + _font(f" {words}   ", 11, colors.muted)
                for mark, color, words in self.legend()
            )
            rows.append(_tr(legend, _LEFT))
        if not rows:
            return ""
        widths = [text.width(title, 17, bold=True) for title, _ in picture.reserve]
        widths += [text.width(line, 12) for _, words in picture.reserve for line in _wrapped(words)]
        reserved = f' WIDTH="{max(widths):.0f}"' if widths else ""
        spacer = f'<TR><TD HEIGHT="8"{reserved}></TD></TR>'
        return f"label=<{_table([*rows, spacer], 2)}>, "

    def legend(self) -> list[tuple[str, str, str]]:
        """(mark, colour, words) of what occurs in this picture, and nothing else."""
        picture, colors = self.picture, self.colors
        tones = {(box.kind if box.kind in ("data", "parameter", "constant") else box.tone) for box in picture.boxes
                 if box.kind not in ("pill", "end")}  # fmt: skip
        marks = [
            (tone, mark, words)
            for tone, mark, words in (
                ("data", "●", "data (no gradient)"),
                ("parameter", "●" if picture.circles else "■", "parameter"),
                ("constant", "○", "constant"),
                ("linear", "▬", "linear"),
                ("activation", "▬", "activation"),
                ("loss", "▬", "loss"),
                ("other", "▬", "other op"),
            )
            if tone in tones
        ]
        found = [(mark, colors.of(tone)[1], words) for tone, mark, words in marks]
        if any(a.kind == "value" for a in picture.arrows):
            found.append(("━▶", colors.ink, "value"))
        if any(a.kind == "gradient" for a in picture.arrows):
            found.append(("◀╍╍", colors.gradient, "gradient = upstream × local"))
        if any(box.rows for box in picture.boxes):
            found.append(("∂a/∂b", colors.local, "local gradient"))
        return found + [(mark, colors.muted, words) for mark, words in picture.extra_legend]

    # --- boxes ----------------------------------------------------------------------------------------------------------------

    def box(self, box: Box, indent: str = " ") -> str:
        if box.kind == "end":
            return f"{indent}{box.id} [shape=point, width=0.01, style=invis];"
        if box.kind == "pill":
            body = self.pill(box)
        elif box.kind == "scope":
            body = self.scope(box)
        elif box.kind == "op":
            body = self.circle(box) if self.picture.circles and not box.value else self.card(box)
        else:
            body = self.leaf(box)
        css = " ".join(("node", box.kind, *box.css))
        return f'{indent}{box.id} [id="{box.id}", class="{css}", {body}, tooltip={_quoted(box.tip or box.symbol)}];'

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
            rows.append(_tr(_font(box.badge, 11, self.tones(box)[1], style="B")))
        symbol = _font(box.symbol, size if len(box.symbol) < 13 else 0.75 * size, ink, SERIF, "I")
        if box.shape:
            symbol += " " + _font(box.shape, 10, colors.muted_on_fill)
        rows.append(_tr(symbol))
        if box.formula:
            rows.append(_tr(_font(box.formula, 12, ink)))
        if box.value:
            rows.append(_tr(_mono(box.value, "transparent" if box.value_state == "hidden" else ink)))
        rows += [_tr(_font(note, 11, colors.muted_on_fill, style="I" if box.bypassed else "")) for note in box.notes]
        return rows

    def card(self, box: Box) -> str:
        colors = self.colors
        fill, line = self.tones(box)
        rule = colors.of(box.tone)[1] if box.active else line
        style = "ROUNDED" + {"solid": "", "dashed": ",DASHED", "dotted": ",DOTTED"}[box.border]
        rows = [_tr(_table(self.head(box, 22 if not box.value else 20)), 'PORT="h"')]
        if box.rows:
            hidden = box.rows_state == "hidden"
            back = colors.active if box.rows_state == "active" else fill
            ink = "transparent" if hidden else colors.local
            pill = f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="4" BGCOLOR="{back}" STYLE="ROUNDED">'
            cells = [
                _tr(f"{pill}{_tr(_font(row.text, 12, ink), _LEFT)}</TABLE>", f'PORT="g{i}" CELLPADDING="1"')
                for i, row in enumerate(box.rows)
            ]
            rows.append(_tr(_table(cells, 0), f'PORT="g" CELLPADDING="0" SIDES="T" BORDER="1" COLOR="{rule}"'))
        rows += self.total(box, rule)
        return _card(rows, 5, fill, line, style)

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
                inner = _font(first, 11, ink, style="B")
            else:
                inner = _table([f"<TR><TD>{_font(first + sign, 11, ink)}</TD><TD>{_mono(rest, ink)}</TD></TR>"])
            found.append(_tr(inner, f'SIDES="T" BORDER="1" COLOR="{line}"'))
        return found

    def small(self, box: Box) -> list[str]:
        """The same for a leaf without storeys: small print under its symbol."""
        rows = []
        for words, state, color in (
            (box.total, box.total_state, self.colors.gradient), (box.update, box.update_state, self.colors.changed)
        ):  # fmt: skip
            if words:
                rows.append(_tr(_font(" ".join(words), 10, "transparent" if state == "hidden" else color, style="B")))
        return rows

    def circle(self, box: Box) -> str:
        """An op as in the blog: a circle with its symbol, and its local gradients below in small print."""
        colors = self.colors
        fill, line = self.tones(box)
        rows = []
        if box.badge:
            rows.append(_tr(_font(box.badge, 10, line, style="B")))
        rows.append(_tr(_font(box.symbol, 20, colors.muted if box.bypassed else colors.ink, SERIF, "I")))
        ink = "transparent" if box.rows_state == "hidden" else colors.local
        for row in box.rows:
            whole = f"{row.left} = {row.value or row.formula}" if row.left else row.value or row.formula
            parts = [row.left, f"= {row.value or row.formula}"] if len(box.rows) == 1 and row.left else [whole]
            rows += [_tr(_font(part, 10, ink)) for part in parts]
        notes = [word for note in box.notes for word in note.split()]
        rows += [_tr(_font(note, 10, colors.muted_on_fill, style="I")) for note in notes]
        rows += self.small(box)
        style = "filled" + {"solid": "", "dashed": ",dashed", "dotted": ",dotted"}[box.border]
        if box.rows_state == "active":
            fill = colors.active
        small = ", width=0.62, height=0.62" if not box.rows else ""
        return (
            f'shape=circle, style="{style}", margin=0, fillcolor="{fill}", color="{line}", penwidth=2{small}, '
            f"label=<{_table(rows)}>"
        )

    def leaf(self, box: Box) -> str:
        colors = self.colors
        fill, line = self.tones(box)
        if box.value or box.shape:
            symbol = _font(box.symbol, 17, colors.ink, SERIF, "I")
            if box.shape:
                symbol += " " + _font(box.shape, 10, colors.muted_on_fill)
            rows = [_tr(symbol, 'PORT="h"')]
            if box.badge:
                rows.insert(0, _tr(_font(box.badge, 11, line, style="B")))
            rows += [_tr(_mono(box.value, colors.ink))] if box.value else []
            rows += [_tr(_font(note, 10, colors.muted_on_fill)) for note in box.notes]
            return _card(rows + self.total(box, line), 4, fill, line, "ROUNDED,DASHED" if box.kind == "constant" else "ROUNDED")
        wide = text.width(box.symbol, 17) > 34 or any((box.total, box.update, box.notes, box.badge))
        rows = [_tr(_font(box.badge, 10, line, style="B"))] if box.badge else []
        rows.append(_tr(_font(box.symbol, 17, colors.ink, SERIF, "I")))
        rows += [_tr(_font(note, 10, colors.muted_on_fill)) for note in box.notes]
        rows += self.small(box)
        round_shape = box.kind != "parameter" or (self.picture.circles and not wide)
        shape = ("ellipse" if wide else "circle") if round_shape else "box"
        style = "filled,dashed" if box.kind == "constant" else "filled" if round_shape else "filled,rounded"
        size = "height=0.6, margin=0.06" if wide else "width=0.6, height=0.6, fixedsize=true"
        label = _table(rows) if len(rows) > 1 else _font(box.symbol, 17, colors.ink, SERIF, "I")
        return f'shape={shape}, style="{style}", fillcolor="{fill}", color="{line}", {size}, label=<{label}>'

    def scope(self, box: Box) -> str:
        """A collapsed scope: double frame, what is in it, and the largest value and gradient inside."""
        colors = self.colors
        line = colors.of(box.tone)[1] if box.tone in ("parameter", "loss", "data") else colors.scope_line
        fill = colors.of(box.tone)[0] if box.tone in ("parameter", "loss", "data") else colors.scope_fill
        if box.health in ("bad", "after", "saturated"):
            fill, line = self.tones(box)
        line = colors.gradient if box.active else line
        rows = [_tr(_font(box.badge, 11, line, style="B"))] if box.badge else []
        rows.append(_tr(_font(box.symbol, 15, colors.ink, style="B")))
        rows += [_tr(_font(note, 11, colors.muted_on_fill)) for note in ((box.formula,) if box.formula else ()) + box.notes]
        inner = [_tr(_table(rows), 'PORT="h"')]
        if box.value or box.total:
            ink = "transparent" if box.total_state == "hidden" else colors.gradient
            cells = [f"<TD>{_font(words, 11, colors.ink)}</TD>" for words in box.value]
            cells += [f"<TD>{_font(words, 11, ink)}</TD>" for words in box.total]
            inner.append(
                _tr(
                    '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="6" CELLPADDING="0"><TR>' + "".join(cells) + "</TR></TABLE>",
                    f'PORT="g" SIDES="T" BORDER="1" COLOR="{line}"',
                )
            )
        table = (
            f'<TABLE BORDER="1" CELLBORDER="0" CELLSPACING="0" CELLPADDING="4" STYLE="ROUNDED" BGCOLOR="{fill}" COLOR="{line}">'
            + "".join(inner)
            + "</TABLE>"
        )
        return _card([_tr(table)], 3, colors.paper, line, "ROUNDED", border=1)

    def pill(self, box: Box) -> str:
        colors = self.colors
        rows = [_tr(_font(words, 10, colors.muted_on_fill)) for words in (box.symbol, *box.notes)]
        return (
            f'shape=box, style="filled,rounded", fillcolor="{colors.other_fill}", color="{colors.bypassed_line}", penwidth=1, '
            f'height=0.25, margin="0.08,0.03", label=<{_table(rows, 0)}>'
        )

    def group(self, group: Group, indent: str) -> list[str]:
        colors = self.colors
        fused = group.kind == "fused"
        line, fill = (colors.loss_line, colors.fused_fill) if fused else (colors.group_line, colors.group_fill)
        label = _font(group.label, 12, line if fused else colors.muted, style="" if fused else "B")
        lines = [
            f"{indent}subgraph cluster_{group.id} {{",
            f"{indent} graph [label=<{label}>, labeljust=l, "
            f'style="rounded,dashed,filled", color="{line}", fillcolor="{fill}", '
            f'penwidth=1.2, margin=12, tooltip={_quoted(group.label)}];',
        ]
        inner = {member for sub in group.groups for member in _members(sub)}
        lines += [self.box(self.boxes[m], indent + " ") for m in group.members if m not in inner]
        for sub in group.groups:
            lines += self.group(sub, indent + " ")
        return [*lines, indent + "}"]

    # --- arrows ---------------------------------------------------------------------------------------------------------------

    def arrow(self, arrow: Arrow, index: int) -> str:
        colors = self.colors
        attributes = [f"weight={arrow.weight}"]
        back = arrow.kind == "gradient"
        turned = arrow.sideways == "after"  # written from head to tail, which puts the tail on the other side
        # The width is written as a style: a `penwidth` moves the layout by a hair, and the frames of a series must not move.
        width = arrow.width or {"value": 1.3, "gradient": 1.5, "link": 1.0}[arrow.kind]
        if arrow.state == "active":
            width = 2.4 if not back else 2.8
        dashes = "dashed," if back else ""
        attributes.append(f'style="{dashes}setlinewidth({width:.3g})"')
        color = colors.gradient if back else colors.bypassed_line if arrow.kind == "link" else colors.ink
        color = colors.ghost if arrow.state == "hidden" else color
        attributes.append(f'color="{color}"')
        if back:
            attributes.append(f"dir={'forward' if turned else 'back'}")
        elif arrow.kind == "link":
            attributes.append("arrowsize=0.6")
        if turned and not back:
            attributes.append("dir=back")
        if not arrow.sideways and (arrow.label or arrow.lines or arrow.shape):
            attributes.append(f"label=<{self.label(arrow)}>")
        attributes.append(f'class="{" ".join(("edge", arrow.kind, *arrow.css))}"')
        attributes.append(f'id="{arrow.id or f"e{index}"}"')
        if arrow.tip:
            tip = _quoted(arrow.tip)
            attributes.append(f"edgetooltip={tip}, labeltooltip={tip}")
        tail, head = arrow.tail + self.port(arrow.tail_port, "e"), arrow.head + self.port(arrow.head_port, "w")
        if turned:
            tail, head = head, tail
        return f" {tail} -> {head} [{', '.join(attributes)}];"

    def port(self, port: str, side: str) -> str:
        """Where a line meets a card: the header row or a gradient row, on the side it comes from."""
        if not port or not self.sideways or self.picture.circles:
            return ""
        return ":h:nw" if port == "side" else f":{port}:{side}"

    def label(self, arrow: Arrow) -> str:
        colors, gap = self.colors, "" if self.sideways else "\u00a0"  # from top to bottom, labels stand right of their line
        if arrow.kind != "gradient":
            ink = "transparent" if arrow.state == "hidden" else colors.ink
            words = gap + " ".join(arrow.label)
            if arrow.shape:
                face = _font(words, 12, ink, SERIF, "I") + " " if words else ""
                shape_ink = "transparent" if arrow.state == "hidden" else colors.muted
                return _table([_tr(face + _font(arrow.shape, 10, shape_ink)), '<TR><TD HEIGHT="2"></TD></TR>'])
            size = 13 if arrow.kind == "value" else 10
            return _table([_tr(_font(words, size, ink)), '<TR><TD HEIGHT="2"></TD></TR>'], 0)
        ink = "transparent" if arrow.state == "hidden" else colors.gradient
        rows = []
        for i, words in enumerate(arrow.label):
            cell = _font(gap + words, 12 if i == 0 else 11, ink, style="B" if i == 0 else "")
            if i == 0 and arrow.shape:
                cell += " " + _font(arrow.shape, 10, "transparent" if arrow.state == "hidden" else colors.muted)
            rows.append(_tr(cell, _LEFT))
        if arrow.lines:
            rows.append(_tr(_mono([gap + line for line in arrow.lines], ink), _LEFT))
        above = ['<TR><TD HEIGHT="22"></TD></TR>'] if "bypass" in arrow.css else []  # clear of the frame it passes under
        return _table([*above, *rows, '<TR><TD HEIGHT="3"></TD></TR>'])


def _members(group: Group) -> list[str]:
    return [*group.members, *(m for sub in group.groups for m in _members(sub))]


def _card(rows: list[str], padding: int, fill: str, line: str, style: str, border: int = 2) -> str:
    table = (
        f'<TABLE BORDER="{border}" CELLBORDER="0" CELLSPACING="0" CELLPADDING="{padding}" STYLE="{style}" BGCOLOR="{fill}" '
        f'COLOR="{line}">{"".join(rows)}</TABLE>'
    )
    return f'shape=plain, style="", label=<{table}>'


def _mono(lines: Iterable[str], ink: str) -> str:
    return _table((_tr(_font(line.replace(" ", "\u00a0"), 11, ink, MONO)) for line in lines), 0)


def _wrapped(caption: str) -> list[str]:
    lines: list[str] = []
    for paragraph in caption.split("\n") if caption else []:
        line = ""
        for word in paragraph.split(" "):
            if line and len(line) + len(word) >= _WRAP:
                lines.append(line)
                line = word
            else:
                line = f"{line} {word}" if line else word
        lines.append(line)
    return lines
