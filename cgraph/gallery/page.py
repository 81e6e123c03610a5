"""The gallery's index: chapters with their figures, the lines that made each, the players in place, and a search over everything said.

One file with nothing loaded from anywhere else but the pictures beside it.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cgraph.draw.model.text import escape, number
from cgraph.draw.output import engine
from cgraph.draw.output.player import assets
from cgraph.gallery.script import PRELUDE, singly
from cgraph.gallery.writer import Item, dumps

if TYPE_CHECKING:
    from cgraph.gallery import Made

ARTICLE = (
    "Nothing but NumPy: Understanding & Creating Binary Classification Neural Networks "
    "with Computational Graphs from Scratch"
)
AUTHOR = "R. Khan"


_OP = re.compile(r'"o":"([\w.]+)"')  # in the programs of the players


def write(out: Path, made: Sequence[Made]) -> Path:
    """Write manifest.json and index.html; returns the index."""
    rows = [
        {"figure": m.figure.number, "kind": m.figure.kind, "title": m.figure.title, "files": m.files, "numbers": m.numbers}
        for m in made
    ]  # fmt: skip
    engine.write(out / "manifest.json", dumps(rows).encode())
    for m in made:
        _link_back(out, m)
    here = Path(__file__).parent
    page = (here / "index.html").read_text(encoding="utf-8")
    chapters: dict[str, list[Made]] = {}
    for m in made:
        chapters.setdefault(m.chapter, []).append(m)
    parts = {
        "ASSETS": assets(set(_OP.findall(" ".join(i.player for m in made for i in m.items)))),
        "ARTICLE": escape(f"“{ARTICLE}”"),
        "AUTHOR": escape(AUTHOR),
        "PRELUDE": escape(PRELUDE.strip()),
        "CONTENTS": "".join(_contents(name, inside) for name, inside in chapters.items()),
        "CHAPTERS": "".join(_chapter(name, inside) for name, inside in chapters.items()),
        "COUNT": str(len(made)),
    }
    for key, words in parts.items():
        page = page.replace(f"<!--{key}-->", words)
    return engine.write(out / "index.html", page.encode())


def _link_back(out: Path, m: Made) -> None:
    """A way from each player's own page to its place in the index."""
    for name in (f for f in m.files if f.endswith(".html")):
        text = (out / name).read_text(encoding="utf-8")
        link = (
            '<p style="margin:0 0 6px;font:13px sans-serif">'
            f'<a style="color:#2F66A8" href="index.html#{_anchor(m)}">← all figures</a></p>'
        )
        engine.write(out / name, text.replace("<body>\n", f"<body>\n{link}", 1).encode())


def _anchor(m: Made) -> str:
    return "fig-" + "".join(c if c.isalnum() else "-" for c in m.figure.number).strip("-")


def _contents(name: str, inside: list[Made]) -> str:
    thumbs = "".join(
        f'<a class="thumb" href="#{_anchor(m)}"><span class="frame">{_thumbnail(m)}</span>'
        f'<span><b>{escape(m.figure.number)}</b> {escape(m.figure.title)}</span></a>'
        for m in inside
    )  # fmt: skip
    return f'<details open class="part"><summary>{escape(name)}</summary><div class="thumbs">{thumbs}</div></details>'


def _thumbnail(m: Made) -> str:
    item = m.items[-1] if m.items[-1].kind == "frames" else m.items[0]
    picture = next((f for f in item.files[::-1] if f.endswith(".svg")), "") or next(
        (f for f in item.files if f.endswith(".png")), ""
    )
    plot = ' class="plot"' if item.kind == "plot" else ""
    return (
        f'<img{plot} loading="lazy" src="{picture}" alt="">'
        if picture
        else "<code>&gt;&gt;&gt;</code>"
    )


def _chapter(name: str, inside: list[Made]) -> str:
    return (
        f'<section class="chapter"><h2>{escape(name)}</h2>{"".join(map(_figure, inside))}</section>'
    )


def _figure(m: Made) -> str:
    shown = "".join(_item(item) for item in m.items)
    numbers = "".join(
        f"<tr><th>{escape(k)}</th><td>{escape(_said(v))}</td></tr>" for k, v in m.numbers.items()
    )
    table = (
        f"<details><summary>the numbers</summary><div class=scroll><table>{numbers}</table></div></details>"
        if numbers
        else ""
    )
    lines = m.figure.code.strip()
    opened = " open" if len(lines) < 900 else ""
    code = f'<details class="code"{opened}><summary>the code</summary><pre>{escape(lines)}</pre></details>'
    words = [
        m.figure.number,
        m.figure.title,
        m.figure.code,
        *(f"{i.title} {i.caption} {i.words}" for i in m.items),
    ]
    words += [f"{k} {_rounded(v)}" for k, v in m.numbers.items()]
    return (
        f'<article id="{_anchor(m)}" data-words="{escape(folded(" ".join(words)))}" '
        f'data-figures="{escape(" ".join(singly(m.figure.number)))}">'
        f'<h3><a href="#{_anchor(m)}">{escape(m.figure.number)}</a> {escape(m.figure.title)}</h3>{shown}{code}{table}'
        '<p class="up"><a href="#contents">↑ contents</a></p></article>'
    )


def _item(item: Item) -> str:
    """A picture at its own size, in a box that scrolls where the screen is narrower; a player in place; a text."""
    if item.kind == "text":
        return f'<figure><figcaption>{escape(item.title)}</figcaption><pre class="said">{escape(item.words.strip())}</pre></figure>'
    links = " · ".join(
        f'<a href="{f}">{f.rsplit(".", 1)[1].upper()}</a>'
        for f in item.files
        if item.kind != "frames"
    )
    if item.kind == "frames":
        stills = " ".join(
            f'<a href="{f}" title="{escape(f)}">{i}</a>'
            for i, f in enumerate(f for f in item.files if f.endswith(".png"))
        )
        page = next(f for f in item.files if f.endswith(".html"))
        return (
            f'<figure class="player">{item.player}<figcaption><a href="{page}">{escape(item.title)}, on a page of its own</a>'
            f" · stills: {stills}</figcaption></figure>"
        )
    picture = next((f for f in item.files if f.endswith(".svg")), item.files[0])
    width, height = (round(v) for v in item.size)
    plot = ' class="plot"' if item.kind == "plot" else ""
    words = escape(". ".join(w for w in (item.title, item.caption) if w))
    # A diagram has its title and its sentence in it; a plot has its title.
    return (
        f'<figure><div class="scroll"><a href="{picture}"><img{plot} loading="lazy" src="{picture}" width="{width}" height="{height}" '
        f'alt="{words}" style="--w:{width}px"></a></div><figcaption>{links}</figcaption></figure>'
    )


def _said(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else value


def _rounded(value: Any) -> str:
    """A number as the pictures print it, and with four digits, for the search."""
    if isinstance(value, list | tuple):
        return " ".join(map(_rounded, value))
    if isinstance(value, dict):
        return " ".join(f"{k} {_rounded(v)}" for k, v in value.items())
    if isinstance(value, int | float):
        return f"{number(value)} {value:.4f}"
    return str(value)


def folded(words: str) -> str:
    """Words as the search compares them: lower case, w₁ as w1, p̂ as p, − as -, each word once."""
    plain = unicodedata.normalize("NFKD", words.replace("−", "-"))
    plain = "".join(c for c in plain if not unicodedata.combining(c)).lower()
    return " ".join(dict.fromkeys(plain.split()))
