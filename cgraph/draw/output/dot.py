"""HOW a picture looks: a `Picture` as DOT text. A pure function of its argument, so it can be compared with a golden file.

The visual grammar lives here: kind by shape first and colour second, cards with two storeys, solid black arrows for values
and dashed backward ones for gradients, two parallel straight lines between ops (ports), steps that never move anything
(what is yet to come is written in transparent ink). User text appears only inside escaped HTML-like labels; ids are `n0, n1...`.
"""

from __future__ import annotations

import math
import re
from collections import Counter

from cgraph.draw.model.diagram import Arrow, Box, Group, Picture
from cgraph.draw.model.extent import widest_box, width as extent
from cgraph.draw.model.metrics import width as text_width
from cgraph.draw.output.boxes import MARKS, SCOPE_TONES, BoxWriter
from cgraph.draw.output.markup import LEFT, font, mono, quoted, row, table
from cgraph.draw.output.theme import PALETTES, SANS, SERIF, Palette

_WRAP = 140  # characters of a caption line
_NARROW = 360.0  # points that the lines above a drawing may take, however narrow it is
_PAGE = 900.0  # the same for a drawing from top to bottom; texts are estimated from above
_OUTDENT = '<TABLE BORDER="0" CELLBORDER="0" CELLPADDING="0" CELLSPACING="-10"><TR><TD>{}</TD></TR></TABLE>'
_CHAINED = ("op", "scope")
_NODESEP = 0.22  # inches between two lines of a chain
_ROW = 27.0  # points of a row with one local gradient
_APART = 20.0  # points between two lines of a chain without words between them
_FARTHEST = 80.0  # the same at most
_STRAIGHT = 50  # weight of a line that does not bend
_FRAMED = (
    34  # points between the lines of a chain where there are frames, and nothing stands closer
)
_EQUAL = 16  # cards whose upper storeys are stretched to one height
_LOOSE = 3  # the same, up to which they find their places by themselves
_CROWD = 12  # arrows between leaves and one box; more of them need room to fan out, or they bunch at a corner


def dot(picture: Picture) -> str:
    """The DOT text of a picture; the same text for the same picture, in every process."""
    return _Writer(picture).text()


def legend(picture: Picture) -> list[tuple[str, str, str]]:
    """(mark, colour, words) of what occurs in a picture: for pages that write the legend beside it."""
    return _Writer(picture).legend() if picture.legend else []


class _Writer:
    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self.colors: Palette = PALETTES[picture.palette]
        self.boxes = {box.id: box for box in picture.boxes}
        self.sideways = picture.direction == "LR"
        self.drawn = BoxWriter(self.colors, picture.circles, self.sideways)
        if picture.groups:
            self.drawn.posts = _FRAMED
        self.slots = self._slots()
        self.lanes = self._lanes()
        self.stairs = self._stairs()
        self.steep = self._steep()
        self.drawn.spread |= self.steep
        self.drawn.twins, self.drawn.apart = self._twins()
        # From top to bottom the seed comes straight up, beside the result that goes down.
        self.seeded = {
            arrow.head for arrow in picture.arrows if not self.sideways and "seed" in arrow.css
        }
        self.room = self._room()
        self.users = Counter(arrow.tail for arrow in picture.arrows if arrow.kind == "value")
        self.spined = {arrow.head for arrow in picture.arrows if "spine" in arrow.css}
        leaves = [a.head for a in picture.arrows if self.from_leaf(a)]
        self.crowds = {head for head, many in Counter(leaves).items() if many > _CROWD}

    def _room(self) -> float:
        """How wide the lines above the drawing may be, in points: as wide as it is, where that can be told beforehand."""
        if not self.picture.arrows:
            row = self.picture.direction == "TB"
            return max(_NARROW, widest_box(self.picture, together=row))
        return max(_NARROW, extent(self.picture)) if self.sideways else _PAGE

    def _slots(self) -> dict[int, int]:
        """Arrows from leaves that enter the header of a card from the side, each with a place of its own."""
        found: dict[int, int] = {}
        if not self.sideways or self.picture.circles:
            return found
        drawn = self.drawn
        ops = [box for box in self.picture.boxes if box.kind == "op"]
        if len(ops) <= _EQUAL:
            room = max(map(self._room_between, self.picture.arrows), default=0.0)
            drawn.head_height = max([2 * room - _ROW, *map(drawn.height, ops)])
        for i, arrow in enumerate(self.picture.arrows):
            if arrow.head_port == "side" and not arrow.sideways:
                found[i] = drawn.entries.get(arrow.head, 0)
                drawn.entries[arrow.head] = found[i] + 1
        return found

    def _stairs(self) -> dict[int, int]:
        """Arrows between leaves and a card that has no rows for them, where they are many: a place on its left border for each, or
        their heads would meet at its corners."""
        if not self.sideways or self.picture.circles:
            return {}
        arriving: dict[str, list[int]] = {}
        for i, arrow in enumerate(self.picture.arrows):
            arriving.setdefault(arrow.head, []).append(i)
        found: dict[int, int] = {}
        for head, indices in arriving.items():
            arrows = [self.picture.arrows[i] for i in indices]
            plain = all(self.from_leaf(arrow) for arrow in arrows)
            if plain and self.boxes[head].kind == "op" and _LOOSE < len(arrows) <= _CROWD:
                found |= {index: place for place, index in enumerate(indices)}
                self.drawn.stairs[head] = len(indices)
        return found

    def _steep(self) -> set[str]:
        """Cards with a leaf for each of three rows or more, or with leaves below their chain: these leaves stand higher or lower than
        the rows, and their lines need room."""
        if not self.sideways or self.picture.circles:
            return set()
        ported = Counter(
            arrow.head
            for i, arrow in enumerate(self.picture.arrows)
            if i not in self.lanes
            and arrow.head_port[:1] == "i"
            and self.boxes[arrow.tail].kind == "parameter"
            and not arrow.sideways
        )
        chained = {a.head for a in self.picture.arrows if "spine" in a.css and a.kind == "value"}
        return {head for head, many in ported.items() if many > 2 or head in chained}

    def _twins(self) -> tuple[set[str], float]:
        """Boxes of a chain that have no rows, where its two lines meet them on both sides, and how far apart these run."""
        if not self.sideways or self.picture.circles:
            return set(), 0.0
        chain = [a for a in self.picture.arrows if a.kind == "gradient" and "spine" in a.css]
        ends = {id for a in chain if not a.sideways for id in (a.tail, a.head)}
        found = {id for id in ends if self.boxes[id].kind in _CHAINED and not self.boxes[id].rows}
        apart = max(map(self._room_between, self.picture.arrows), default=0.0)
        if (
            len(found) < len(ends) and self.drawn.head_height
        ):  # as far as from a header to its first row
            apart = max(apart, (self.drawn.head_height + _ROW) / 2)
        return found, max(apart, _APART)

    def _room_between(self, arrow: Arrow) -> float:
        """How far apart the two lines of a chain have to be for the label of a gradient between them, if both are straight."""
        spined = "spine" in arrow.css and "seed" not in arrow.css and "bypass" not in arrow.css
        if arrow.kind != "gradient" or not spined or not (arrow.label or arrow.lines):
            return 0.0
        label = 17.0 * len(arrow.label) + 13.2 * len(arrow.lines) + 7
        return min(label + 72 * _NODESEP, _FARTHEST)

    def _lanes(self) -> dict[int, int]:
        """Arrows of a leaf that carry a share each, and their values: where on its right border each has its place."""
        if not self.sideways:
            return {}
        leaving: dict[str, list[int]] = {}
        for i, arrow in enumerate(self.picture.arrows):
            leaf = self.boxes[arrow.tail].kind == "parameter"
            if leaf and not (arrow.sideways or arrow.tail_port):
                leaving.setdefault(arrow.tail, []).append(i)
        found: dict[int, int] = {}
        for tail, indices in leaving.items():
            arrows = [self.picture.arrows[i] for i in indices]
            if any(arrow.label for arrow in arrows):
                found |= {index: place for place, index in enumerate(indices)}
                self.drawn.lanes[tail] = len(indices)
                self.drawn.spread |= {arrow.head for arrow in arrows}
        return found

    def text(self) -> str:
        picture, colors = self.picture, self.colors
        wordy = any(
            arrow.lines
            or arrow.shape
            or (arrow.label and (arrow.kind == "gradient" or "=" in arrow.label[0]))
            for arrow in picture.arrows
            if self.boxes[arrow.head].kind != "end"
        )
        matrices = any(box.value for box in picture.boxes)  # wide boxes are far enough apart
        roomy = (_NODESEP, 0.5 if matrices and self.sideways else 0.62)
        gaps = (0.36, 0.5) if picture.groups else roomy if wordy or self.sideways else (0.22, 0.4)
        lines = [
            "digraph cgraph {",
            f' graph [rankdir={picture.direction}, bgcolor="{colors.paper}", pad=0.25, nodesep={gaps[0]}, ranksep={gaps[1]}, '
            f'newrank=true, splines=true, fontname="{SANS}", labelloc=t, labeljust={"l" if picture.arrows else "c"}, '
            f'{self.heading()}tooltip=" "];',
            f' node [label="\\N", shape=box, style="filled,rounded", fontname="{SANS}", fontsize=13, '
            f'fontcolor="{colors.ink}", penwidth=1.4, margin="0.12,0.07"];',
            f' edge [fontname="{SANS}", fontsize=12, color="{colors.ink}", fontcolor="{colors.ink}", arrowsize=0.85];',
        ]
        grouped = {member for group in picture.groups for member in group.everything}
        lines += [self.box(box) for box in picture.boxes if box.id not in grouped]
        for group in picture.groups:
            lines += self.group(group, " ")
        lines += [f" {{rank=same; {'; '.join(rank)}}}" for rank in picture.ranks]
        arrows = list(enumerate(picture.arrows))
        if not self.sideways:  # a label stands right of its line: values go down right of the gradients, which have none
            arrows.sort(key=lambda item: item[1].kind != "gradient" or "seed" in item[1].css)
        for i, arrow in arrows:
            lines.append(self.arrow(arrow, i))
            lines += self.axis(arrow)
        return "\n".join([*lines, "}", ""])

    # --- the lines above the picture ------------------------------------------------------------------------------------------

    def heading(self) -> str:
        picture, colors, room = self.picture, self.colors, self.room
        side = (
            LEFT if picture.arrows else ""
        )  # cards of formulas stand in the middle, under their title
        titles = [title for title, _ in picture.reserve]
        title = _wrapped(picture.title, room, 17) if picture.title or picture.reserve else []
        caption = _wrapped(picture.caption, room)
        title += [""] * (max((len(_wrapped(t, room, 17)) for t in titles), default=0) - len(title))
        lines = max((len(_wrapped(words, room)) for _, words in picture.reserve), default=0)
        caption += [""] * (lines - len(caption))
        rows = [row(font(line, 17, colors.ink, style="B"), side) for line in title]
        rows += [row(font(line, 12, colors.muted), side) for line in caption]
        rows += [row("".join(line), side) for line in self.legend_lines()]
        if not rows:
            return ""
        widths = [
            text_width(t, 17, bold=True) for words in titles for t in _wrapped(words, room, 17)
        ]
        widths += [text_width(t, 12) for _, words in picture.reserve for t in _wrapped(words, room)]
        reserved = f' WIDTH="{max(widths):.0f}"' if widths else ""
        spacer = f'<TR><TD HEIGHT="24"{reserved}></TD></TR>'
        inner = table([*rows, spacer], 2)
        if picture.arrows:  # the engine puts 8 points and the table 2 round it: the lines start where the drawing does
            inner = _OUTDENT.format(inner)
        return f"label=<{inner}>, "

    def legend_lines(self) -> list[list[str]]:
        """The legend's entries, in lines that are no wider than the drawing."""
        lines: list[list[str]] = []
        used = 0.0
        for mark, color, words in self.legend() if self.picture.legend else ():
            size = 13 if len(mark) == 1 else 11
            wide = text_width(mark, size) + text_width(f" {words}   ", 11)
            if not lines or used + wide > self.room:
                lines.append([])
                used = 0.0
            used += wide
            lines[-1].append(font(mark, size, color) + font(f" {words}   ", 11, self.colors.muted))
        return lines

    def legend(self) -> list[tuple[str, str, str]]:
        """(mark, colour, words) of what occurs in this picture, and nothing else."""
        picture, colors = self.picture, self.colors
        tones = {
            (box.kind if box.kind in MARKS else box.tone)
            for box in picture.boxes
            if box.kind not in ("pill", "end")
            and (box.kind != "scope" or box.tone in SCOPE_TONES)  # the others look alike
        }
        classes = [
            ("data", "data (no gradient)"), ("parameter", "parameter"), ("constant", "constant"),
            ("elsewhere", "from elsewhere"), ("linear", "linear"), ("arithmetic", "arithmetic"), ("activation", "activation"),
            ("loss", "loss"), ("other", "other op"),
        ]  # fmt: skip
        found = [
            (MARKS.get(tone, "▬"), colors.of(tone)[1], words)
            for tone, words in classes
            if tone in tones
            and (
                tone in MARKS or picture.palette != "print"
            )  # greys cannot tell four classes apart
        ]
        if any(a.kind == "value" for a in picture.arrows):
            found.append(("━▶", colors.ink, "value"))
        if any(a.kind == "gradient" for a in picture.arrows):
            words = "gradient" if picture.by_rules else "gradient = upstream × local"
            found.append(("◀╍╍", colors.gradient, words))
        if any(row.ink == "local" for box in picture.boxes for row in box.rows):
            found.append(("∂a/∂b", colors.local, "local gradient"))
        found += [(mark, getattr(colors, ink), words) for mark, ink, words in picture.inks]
        return found + [(mark, colors.muted, words) for mark, words in picture.extra_legend]

    # --- boxes ----------------------------------------------------------------------------------------------------------------

    def box(self, box: Box, indent: str = " ") -> str:
        if box.kind == "end":
            ends = [box.id, *([f"{box.id}s"] if box.id in self.seeded else [])]
            points = "".join(
                f"{indent}{end} [shape=point, width=0.01, style=invis];" for end in ends
            )
            return points + (f" {{rank=same; {'; '.join(ends)}}}" if len(ends) > 1 else "")
        css = " ".join(("node", box.kind, *box.css))
        tip = quoted(box.tip or box.symbol)
        return f'{indent}{box.id} [id="{box.id}", class="{css}", {self.drawn.body(box)}, tooltip={tip}];'

    def group(self, group: Group, indent: str) -> list[str]:
        colors = self.colors
        fused = group.kind == "fused"
        line, fill = (
            (colors.loss_line, colors.fused_fill)
            if fused
            else (colors.group_line, colors.group_fill)
        )
        words = (
            group.label if self.sideways or not fused else ""
        )  # lines come in from above, beside it
        label = font(words, 12, line if fused else colors.muted, style="" if fused else "B")
        lines = [
            f"{indent}subgraph cluster_{group.id} {{",
            f"{indent} graph [label=<{label}>, labeljust=l, "
            f'style="rounded,dashed,filled", color="{line}", fillcolor="{fill}", '
            f"penwidth=1.2, margin=12, tooltip={quoted(group.label)}];",
        ]
        inner = {member for sub in group.groups for member in sub.everything}
        lines += [self.box(self.boxes[m], indent + " ") for m in group.members if m not in inner]
        for sub in group.groups:
            lines += self.group(sub, indent + " ")
        return [*lines, indent + "}"]

    # --- arrows ---------------------------------------------------------------------------------------------------------------

    def arrow(self, arrow: Arrow, index: int) -> str:
        colors = self.colors
        back = arrow.kind == "gradient"
        rising = back and arrow.head in self.seeded
        weight = arrow.weight
        if (
            arrow.head in self.seeded
        ):  # the result goes straight down; so does the seed go up beside it, between cards
            weight = _STRAIGHT + 10 if not back else weight if self.picture.circles else _STRAIGHT
        attributes = [f"weight={weight}"]
        turned = (
            arrow.sideways == "after"
        )  # written from head to tail, which puts the tail on the other side
        # The width is written as a style: a `penwidth` moves the layout by a hair, and the frames of a series must not move.
        width = arrow.width or {"value": 1.3, "gradient": 1.5, "link": 1.0}[arrow.kind]
        if arrow.state == "active":
            width = 2.4 if not back else 2.8
        dashes = "dashed," if back else ""
        attributes.append(f'style="{dashes}setlinewidth({width:.3g})"')
        color = (
            colors.gradient
            if back
            else colors.bypassed_line
            if arrow.kind == "link"
            else colors.ink
        )
        color = colors.ghost if arrow.state == "hidden" else color
        attributes.append(f'color="{color}"')
        if back:
            attributes.append(f"dir={'forward' if turned else 'back'}")
        elif arrow.kind == "link":
            attributes.append("arrowsize=0.6")
        if turned and not back:
            attributes.append("dir=back")
        if arrow.head in self.crowds and self.from_leaf(arrow):
            attributes.append(f"minlen={3 if self.sideways else 2}")
        elif index in self.stairs or (arrow.head in self.steep and index not in self.lanes):
            attributes.append("minlen=2")
        told = (
            not self.sideways
            and self.boxes[arrow.head].kind == "end"
            and self.boxes[arrow.tail].number_shown
            and not back
        )  # the result stands in the box, with its name
        if not arrow.sideways and not told and (arrow.label or arrow.lines or arrow.shape):
            attributes.append(f"label=<{self.label(arrow)}>")
        attributes.append(f'class="{" ".join(("edge", arrow.kind, *arrow.css))}"')
        attributes.append(f'id="{arrow.id or f"e{index}"}"')
        if arrow.tip:
            tip = quoted(arrow.tip)
            attributes.append(f"edgetooltip={tip}, labeltooltip={tip}")
        tail, head = (
            arrow.tail + self.port(arrow, index, "tail"),
            arrow.head + self.port(arrow, index, "head"),
        )
        if rising:
            head = f"{arrow.head}s"
        if turned:
            tail, head = head, tail
        return f" {tail} -> {head} [{', '.join(attributes)}];"

    def axis(self, arrow: Arrow) -> list[str]:
        """Between two circles of the chain, a line that is not drawn and keeps the chain straight: their visible lines are bows."""
        chained = self.picture.circles and self.sideways and "spine" in arrow.css
        if not chained or arrow.kind != "value" or self.boxes[arrow.head].kind == "end":
            return []
        return [f' {arrow.tail} -> {arrow.head} [class="axis", style=invis, weight=500];']

    def from_leaf(self, arrow: Arrow) -> bool:
        return (
            self.boxes[arrow.tail].kind in ("data", "parameter", "constant", "elsewhere")
            and not arrow.sideways
            and not arrow.head_port
        )

    def port(self, arrow: Arrow, index: int, end: str) -> str:
        """Where a line meets a card: the header row or a gradient row, on the side it comes from."""
        port = arrow.tail_port if end == "tail" else arrow.head_port
        side = arrow.tail if end == "tail" else arrow.head
        if side in self.drawn.twins and "spine" in arrow.css and not arrow.sideways:
            return f":y{arrow.kind[0]}:e" if end == "tail" else f":x{arrow.kind[0]}:w"
        if end == "head" and index in self.stairs:
            return f":e{self.stairs[index]}:w"
        if end == "tail" and index in self.stairs and not port:
            return ":e"
        if end == "tail" and index in self.lanes:
            return f":s{self.lanes[index]}:e"
        if self.picture.circles or arrow.sideways:
            return ""
        if (
            not self.sideways
        ):  # from top to bottom only the lines of the chain have places of their own
            alone = self.users[arrow.tail] < 2
            if alone and arrow.head_port == "side" and end == "head" and arrow.head in self.spined:
                return ":h:w"
            if (
                "spine" not in arrow.css
                or self.boxes[arrow.tail].kind not in _CHAINED
                or self.boxes[arrow.head].kind not in (*_CHAINED, "end")
            ):
                return ""
            lane = "s" if "seed" in arrow.css else arrow.kind[0]
            return (
                f":b{lane}"
                if end == "tail"
                else f":t{lane}:n"
                if self.boxes[arrow.head].kind in _CHAINED
                else ""
            )
        if not port or (
            end == "tail"
            and port in "ht"
            and self.boxes[arrow.tail].kind in ("data", "constant", "elsewhere")
        ):
            return ""
        if port == "side":
            return f":d{self.slots[index]}:w" if index in self.slots else ""
        if end == "head" and port[0] in "ig" and self.from_below(arrow, port):
            return f":g{port[1:]}:{'w' if port[0] == 'i' else 'sw'}"
        if port[0] == "i":
            return f":g{port[1:]}:nw"
        return f":{port}:{'e' if end == 'tail' else 'w'}"

    def from_below(self, arrow: Arrow, port: str) -> bool:
        """Whether a line belongs to the last of three rows or more and to a leaf: that one stands lower than the row, and its two lines
        would cross if both met the upper half."""
        last = len(self.boxes[arrow.head].rows) - 1
        return self.boxes[arrow.tail].kind == "parameter" and 2 <= last == int(port[1:])

    def label(self, arrow: Arrow) -> str:
        colors, gap = (
            self.colors,
            "" if self.sideways else "\u00a0",
        )  # from top to bottom, labels stand right of their line
        if arrow.kind != "gradient":
            ink = "transparent" if arrow.state == "hidden" else colors.ink
            words = gap + " ".join(arrow.label)
            if arrow.shape:
                face = font(words, 12, ink, SERIF, "I") + " " if words else ""
                shape_ink = "transparent" if arrow.state == "hidden" else colors.muted
                return table(
                    [row(face + font(arrow.shape, 10, shape_ink)), '<TR><TD HEIGHT="2"></TD></TR>']
                )
            size = 13 if arrow.kind == "value" else 10
            apart = '<TD WIDTH="6"></TD>' if arrow.head in self.seeded else ""  # from the seed
            cell = row(font(words, size, ink)).removesuffix("</TR>") + f"{apart}</TR>"
            return table([cell, '<TR><TD HEIGHT="2"></TD></TR>'], 0)
        ink = "transparent" if arrow.state == "hidden" else colors.gradient
        rows = []
        if (
            self.boxes[arrow.tail].kind == "parameter" and len(arrow.label) == 2
        ):  # a share, in one line
            share, product = arrow.label
            cell = font(gap + share, 12, ink, style="B") + font(f" = {product}", 11, ink)
            return table([row(cell, LEFT), '<TR><TD HEIGHT="3"></TD></TR>'])
        for i, words in enumerate(arrow.label):
            cell = font(gap + words, 12 if i == 0 else 11, ink, style="B" if i == 0 else "")
            if i == 0 and arrow.shape:
                cell += " " + font(
                    arrow.shape, 10, "transparent" if arrow.state == "hidden" else colors.muted
                )
            rows.append(row(cell, LEFT))
        if arrow.lines:
            rows.append(row(mono([gap + line for line in arrow.lines], ink), LEFT))
        above = (
            ['<TR><TD HEIGHT="34"></TD></TR>'] if "bypass" in arrow.css else []
        )  # clear of the frame it passes under
        return table([*above, *rows, '<TR><TD HEIGHT="3"></TD></TR>'])


def _wrapped(words: str, room: float = math.inf, size: float = 12) -> list[str]:
    """Lines of at most `_WRAP` characters, and of at most `room` points where it has to break anyway."""
    lines: list[str] = []
    for paragraph in words.split("\n") if words else []:
        line = ""
        for word in re.split(r"(?<!=) (?!=)", paragraph):  # a letter stays with its value
            longer = f"{line} {word}" if line else word
            if line and (len(longer) > _WRAP or text_width(longer, size, bold=size > 12) > room):
                lines.append(line)
                line = word
            else:
                line = longer
        lines.append(line)
    return lines
