"""The gallery's index: every picture on one page, searched by figure number or word, with nothing loaded from anywhere else."""

from __future__ import annotations

import struct
from pathlib import Path

from cgraph.draw.model.text import escape
from cgraph.draw.output import engine
from cgraph.gallery.room import Entry, Room, dumps, singly

KINDS = {"G": "graph", "S": "steps", "P": "plot", "T": "formulas", "text": "code"}


def write(room: Room) -> Path:
    """Write manifest.json and index.html; returns the index."""
    engine.write(room.out / "manifest.json", dumps(room.entries).encode())
    cards = "\n".join(_card(entry, room.out) for entry in room.entries)
    page = _PAGE.replace("CARDS", cards).replace(
        "COUNT", str(sum(len(e.files) for e in room.entries))
    )
    return engine.write(room.out / "index.html", page.encode())


def _size(path: Path) -> tuple[int, int]:
    """Width and height of a PNG at its own dots per inch, in CSS pixels: letters are as large in every picture of the page."""
    data = path.read_bytes()
    width, height = struct.unpack(">II", data[16:24])
    start = data.find(b"pHYs")
    per_metre = struct.unpack(">I", data[start + 4 : start + 8])[0] if start > 0 else 0
    scale = 96 / (per_metre * 0.0254) if per_metre else 1.0
    return round(width * scale), round(height * scale)


def _card(entry: Entry, out: Path) -> str:
    pictures = []
    for name in entry.files:
        caption = escape(entry.captions.get(name, ""))
        width, height = _size(out / name) if name.endswith(".png") else (0, 0)
        if name.endswith(".png"):
            vector = name[:-4] + ".svg"
            more = f' · <a href="{vector}">SVG</a>' if vector in entry.files else ""
            image = f'<img loading="lazy" src="{name}" width="{width}" height="{height}" alt="{caption or escape(entry.title)}">'
            pictures.append(
                f'<figure><a href="{name}">{image}</a>'
                f'<figcaption>{caption} <a href="{name}">PNG</a>{more}</figcaption></figure>'
            )
        elif not name.endswith(".svg"):
            pictures.append(f'<p><a href="{name}">{escape(name)}</a> {caption}</p>')
    numbers = "".join(
        f"<tr><th>{escape(k)}</th><td>{escape(str(v))}</td></tr>" for k, v in entry.numbers.items()
    )
    table = (
        f"<details><summary>the numbers</summary><table>{numbers}</table></details>"
        if numbers
        else ""
    )
    words = escape(f"{entry.figure} {entry.title} {KINDS[entry.kind.split(',')[0]]}".lower())
    figures = escape(" ".join(singly(entry.figure)))
    return (
        f'<section data-words="{words}" data-figures=" {figures} ">'
        f"<h2><span>{escape(entry.figure)}</span> {escape(entry.title)}</h2>{''.join(pictures)}{table}</section>"
    )


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>cgraph gallery</title>
<style>
body{font-family:'DejaVu Sans',Verdana,sans-serif;margin:0 auto;max-width:1300px;padding:16px;color:#1F2933;background:#fff}
header{position:sticky;top:0;background:inherit;padding:8px 0;border-bottom:1px solid #D5DAE0}
h1{font-size:22px;margin:0 0 6px}input{font:inherit;padding:8px 12px;width:100%;max-width:520px;border:1px solid #9AA5B1;border-radius:8px;
box-sizing:border-box;background:inherit;color:inherit}
section{border-bottom:1px solid #D5DAE0;padding:14px 0}h2{font-size:17px;margin:0 0 8px}
h2 span{background:#DFEBFA;border-radius:6px;padding:2px 8px;margin-right:6px;font-size:14px}
figure{margin:0 0 14px}img{max-width:100%;height:auto;background:#fff;border-radius:6px}figcaption{font-size:13px;color:#566270}
table{border-collapse:collapse;font-size:13px;font-family:'DejaVu Sans Mono',Menlo,Consolas,monospace}
th{text-align:left;padding:2px 12px 2px 0;vertical-align:top}td{overflow-wrap:anywhere}summary{cursor:pointer;font-size:13px}
@media (prefers-color-scheme:dark){body{background:#12171D;color:#E6EAEF}figcaption{color:#B4C0CB}h2 span{background:#1A2C42}
a{color:#6FA8E8}
section,header{border-color:#39424C}}
</style></head><body>
<header><h1>Every figure of the article, drawn by cgraph</h1>
<input type="search" placeholder="figure number or word, e.g. 19 or sigmoid" aria-label="search figures">
<span id="n" role="status"></span></header>
CARDS
<script>
(function(){var box=document.querySelector('input'),all=[].slice.call(document.querySelectorAll('section')),n=document.getElementById('n');
function look(){var q=box.value.trim().toLowerCase(),k=0;all.forEach(function(s){
var w=s.dataset.words,f=s.dataset.figures,ok=!q||(/^[0-9]/.test(q)?f.indexOf(' '+q)>=0&&(f.indexOf(' '+q+' ')>=0||f.indexOf(' '+q+'.')>=0||
f.indexOf(' '+q+'b')>=0):w.indexOf(q)>=0);s.hidden=!ok;if(ok)k++;});
n.textContent=k+' of '+all.length+' figures, COUNT files';}
box.addEventListener('input',look);if(location.hash){box.value=decodeURIComponent(location.hash.slice(1));}look();})();
</script></body></html>
"""
