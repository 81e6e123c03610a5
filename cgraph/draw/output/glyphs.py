"""Which characters can be drawn: the shipped fonts' and the system's, read from their own tables of characters.

Separate from `engine`, which leaves the choice of a font to fontconfig and is not told when there is none: letters that no font has come
out as empty boxes, and someone has to say so.
"""

from __future__ import annotations

import os
import re
import struct
import unicodedata
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from cgraph.draw.output.engine import FONTS, SYSTEM_FONTS, outside

_TIP = re.compile(r'\w*tooltip="(?:[^"\\]|\\.)*"')
_said: set[str] = set()


def warn(dot: str) -> None:
    """One warning for the characters of a DOT text that no font has; each character is named once in a process."""
    if os.environ.get(
        "FONTCONFIG_FILE"
    ):  # the user's own fonts, from places that only fontconfig knows
        return
    lacking = missing(_TIP.sub("", dot)) - _said
    if lacking:
        _said.update(lacking)
        shown = "".join(sorted(lacking)[:12])
        warnings.warn(
            f"no font here has {shown!r}, which will come out as empty boxes: install one that has (for Chinese, Japanese and Korean "
            "fonts-noto-cjk), or save the picture as .svg, which takes the fonts of whoever reads it",
            UserWarning,
            stacklevel=outside(),
        )


def missing(words: str) -> set[str]:
    """The characters that neither the shipped fonts nor the system's have.

    >>> missing("∂L/∂p̂₁ = σ")
    set()
    """
    found = {c for c in words if ord(c) > 0x7E and unicodedata.category(c)[0] in "LNSP"}
    for file in _files():
        if not found:
            break
        starts_ends = _ranges(file)
        found = {c for c in found if not any(a <= ord(c) <= b for a, b in starts_ends)}
    return found


def _files() -> Iterator[Path]:
    yield from sorted(FONTS.glob("*.ttf"))
    for place in SYSTEM_FONTS:
        yield from sorted(
            p for p in Path(place).rglob("*") if p.suffix.lower() in (".ttf", ".otf", ".ttc")
        )


@cache
def _ranges(file: Path) -> tuple[tuple[int, int], ...]:
    """First and last code point of each range in a font; none for a file that cannot be read."""
    try:
        return tuple(_cmap(file.read_bytes()))
    except (OSError, struct.error):
        return ()


def _cmap(data: bytes) -> Iterator[tuple[int, int]]:
    """The ranges of the `cmap` table, formats 4 and 12 (OpenType specification, "cmap"); of a collection, its first font's."""
    start = struct.unpack_from(">I", data, 12)[0] if data[:4] == b"ttcf" else 0
    (tables,) = struct.unpack_from(">H", data, start + 4)
    for i in range(tables):
        tag, _, at, _ = struct.unpack_from(">4sIII", data, start + 12 + 16 * i)
        if tag == b"cmap":
            break
    else:
        return
    (many,) = struct.unpack_from(">H", data, at + 2)
    for i in range(many):
        platform, _, offset = struct.unpack_from(">HHI", data, at + 4 + 8 * i)
        table = at + offset
        (format,) = struct.unpack_from(">H", data, table)
        if platform == 1:  # an old Macintosh encoding, not Unicode
            continue
        if format == 4:
            (twice,) = struct.unpack_from(">H", data, table + 6)
            ends = struct.unpack_from(f">{twice // 2}H", data, table + 14)
            starts = struct.unpack_from(f">{twice // 2}H", data, table + 16 + twice)
            yield from ((a, b) for a, b in zip(starts, ends, strict=True) if a != 0xFFFF)
        elif format == 12:
            (groups,) = struct.unpack_from(">I", data, table + 12)
            for j in range(groups):
                first, last, _ = struct.unpack_from(">III", data, table + 16 + 12 * j)
                yield first, last
