"""The engine's HTML-like labels: the only place where a user's text is put into DOT, and the escapes that make that safe."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from cgraph.draw.model import text
from cgraph.draw.output.theme import MONO

LEFT = 'ALIGN="LEFT"'
WIDE = 'CELLPADDING="3"'  # brackets keep clear of borders
_TABLE = '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="{0}">{1}</TABLE>'


def html(words: str) -> str:
    return text.escape(words).replace("\\", "\\\\").replace("  ", "\u00a0 ")


def quoted(words: str) -> str:
    """A string attribute that Graphviz shows as it stands: it undoes backslashes twice."""
    return '"' + words.replace("\\", "\\\\\\\\").replace('"', '\\"') + '"'


def font(words: str, size: float, color: str, face: str = "", style: str = "") -> str:
    inner = html(words) or "&#160;"
    for tag in style:
        inner = f"<{tag}>{inner}</{tag}>"
    face = f' FACE="{face}"' if face else ""
    return f'<FONT COLOR="{color}" POINT-SIZE="{size:g}"{face}>{inner}</FONT>'


def tinted(
    words: str, write: Callable[[str, str], str], ink: str, parts: Sequence[tuple[str, str]]
) -> str:
    """A text in one ink, with some parts of it in others: `write(piece, ink)` for each piece, in order."""
    for part, other in parts:
        before, found, after = words.partition(part)
        if found:
            return (
                tinted(before, write, ink, parts)
                + write(part, other)
                + tinted(after, write, ink, parts)
            )
    return write(words, ink) if words else ""


def table(rows: Iterable[str], padding: int = 1) -> str:
    return _TABLE.format(padding, "".join(rows))


def fixed(rows: str, width: float, height: float) -> str:
    """A table of a size that nothing stretches."""
    size = f'FIXEDSIZE="TRUE" WIDTH="{width:g}" HEIGHT="{height:g}"'
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0" {size}>{rows}</TABLE>'


def row(cell: str, attributes: str = "") -> str:
    return f"<TR><TD{' ' + attributes if attributes else ''}>{cell}</TD></TR>"


def framed(rows: list[str], padding: int, fill: str, line: str, style: str, border: int = 2) -> str:
    table = (
        f'<TABLE BORDER="{border}" CELLBORDER="0" CELLSPACING="0" CELLPADDING="{padding}" STYLE="{style}" BGCOLOR="{fill}" '
        f'COLOR="{line}">{"".join(rows)}</TABLE>'
    )
    return f'shape=plain, style="", label=<{table}>'


def mono(lines: Iterable[str], ink: str, parts: Sequence[tuple[str, str]] = ()) -> str:
    def write(words: str, color: str) -> str:
        return font(words.replace(" ", "\u00a0"), 11, color, MONO)

    return table((row(tinted(line, write, ink, parts)) for line in lines), 0)
