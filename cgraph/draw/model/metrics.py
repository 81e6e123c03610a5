"""How wide a text is in the shipped fonts, read from their own tables, so that it is known without an engine.

Separate from `text`, which is about words. OpenType specification: "head" (units per em), "hmtx" (advance widths), "cmap" (format 12).
"""

from __future__ import annotations

import struct
import unicodedata
from functools import cache
from pathlib import Path

_FONTS = Path(__file__).parent.parent / "output" / "fonts"
_UNKNOWN = 1.0  # em, of a character that another font will have to draw
MONO = 0.602  # em, of every character of the monospaced face


def width(words: str, size: float, bold: bool = False) -> float:
    """The width of a text in DejaVu Sans, in points.

    >>> round(width("∂L/∂p̂ = 0.5", 12), 1)
    69.5
    """
    face = "DejaVuSans-Bold" if bold else "DejaVuSans"
    return 1.03 * size * sum(_advance(char, face) for char in words)  # engines round up


@cache
def _advance(char: str, face: str) -> float:
    if unicodedata.combining(char):
        return 0.0
    groups, advances, unit = _tables(face)
    code = ord(char)
    for first, last, glyph in groups:
        if first <= code <= last:
            at = min(glyph + code - first, len(advances) - 1)
            return advances[at] / unit
    return _UNKNOWN


@cache
def _tables(face: str) -> tuple[tuple[tuple[int, int, int], ...], tuple[int, ...], int]:
    """(first, last, glyph) of the ranges of characters, the advance widths of the glyphs, and units per em."""
    data = (_FONTS / f"{face}.ttf").read_bytes()
    (many,) = struct.unpack_from(">H", data, 4)
    at = {
        data[12 + 16 * i : 16 + 16 * i]: struct.unpack_from(">I", data, 20 + 16 * i)[0]
        for i in range(many)
    }
    (unit,) = struct.unpack_from(">H", data, at[b"head"] + 18)
    (long,) = struct.unpack_from(">H", data, at[b"hhea"] + 34)
    advances = struct.unpack_from(">" + "Hh" * long, data, at[b"hmtx"])[::2]
    groups: tuple[tuple[int, int, int], ...] = ()
    (tables,) = struct.unpack_from(">H", data, at[b"cmap"] + 2)
    for i in range(tables):
        (offset,) = struct.unpack_from(">I", data, at[b"cmap"] + 8 + 8 * i)
        table = at[b"cmap"] + offset
        if struct.unpack_from(">H", data, table) == (12,):
            (n,) = struct.unpack_from(">I", data, table + 12)
            groups = tuple(struct.iter_unpack(">III", data[table + 16 : table + 16 + 12 * n]))
    return groups, advances, unit
