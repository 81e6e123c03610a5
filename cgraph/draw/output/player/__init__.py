"""The interactive page: a run's frames in one self-contained HTML file, to be stepped through with keys, buttons or a slider.

No network, no library: one inline SVG with states (`film`), the facts and the arithmetic behind it (`live`, `program`, `bind`), and the
style and the scripts that stand beside this file. Colours follow the reader's dark mode by attribute selectors made from the two
palettes. Everything a user wrote reaches the page through `escape` or as JSON whose `<` is escaped, never as markup.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from cgraph.draw.model.diagram import Picture
from cgraph.draw.model.text import escape
from cgraph.draw.output import dot as dot_text
from cgraph.draw.output.player import film as films, program, rulebook
from cgraph.draw.output.player.live import live
from cgraph.draw.output.theme import DARK, LIGHT, Palette

_pages = count(1)
_BUTTONS = (
    ("first", "First step", "Home", "❘◀"), ("back", "Previous step", "←", "◀ Back"), ("play", "Play", "space", "▶ Play"),
    ("next", "Next step", "→", "Next ▶"), ("last", "Last step", "End", "▶❘"),
)  # fmt: skip


def page(frames: Any, title: str = "") -> str:
    """A whole HTML page of a Diagram, or of a series of them."""
    heading = title or _title(_pictures(frames))
    section, ops = _sections("cg0", frames, heading, whole=True)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">'
        f"<title>{escape(heading)}</title>{assets(ops)}<style>body{{margin:0;padding:8px 12px;background:#fff}}"
        "@media (prefers-color-scheme:dark){body{background:#12171D}}</style></head><body>\n"
        f"{section}\n</body></html>\n"
    )


def fragment(frames: Any, *, title: str = "", with_assets: bool = True) -> str:
    """The same without the page around it, with ids of its own: for notebooks, and for pages with several players, which write the
    `assets` once themselves."""
    section, ops = _sections(
        f"cg{next(_pages)}", frames, title or _title(_pictures(frames)), whole=False
    )
    return (assets(ops) if with_assets else "") + section


def assets(ops: Collection[str] | None = None) -> str:
    """The style and the scripts that every player of a page shares; of the rules for single ops, those that `ops` need (None: all). A page
    without ops, all of whose numbers stand still, needs no arithmetic."""
    here = Path(__file__).parent
    css = (here / "player.css").read_text(encoding="utf-8")
    arithmetic = ["interpreter.js", *rulebook.scripts(ops), "training.js"]
    names = [*(arithmetic if ops is None or ops else ()), "number.js", "chain.js", "story.js"]
    scripts = [_bare(here / name) for name in (*names, "player.js", "levels.js")]
    return f"<style>{css}{_palette_css()}</style><script>{''.join(scripts)}</script>"


def _bare(script: Path) -> str:
    """A script without the comments and the indentation that only its readers need."""
    lines = (
        line.strip().partition("  // ")[0].rstrip()
        for line in script.read_text(encoding="utf-8").splitlines()
    )
    return "".join(f"{line}\n" for line in lines if line and not line.startswith("//"))


def dark_svg(drawing: str) -> str:
    """An SVG text that follows the reader's dark mode: for pictures that a page shows as files of their own."""
    head, bracket, rest = drawing.partition(">")
    rules = "".join(f'[fill="{a}"]{{fill:{b}}}[stroke="{a}"]{{stroke:{b}}}' for a, b in _colours())
    return f"{head}{bracket}<style>@media (prefers-color-scheme:dark){{{rules}}}</style>{rest}"


def _colours() -> list[tuple[str, str]]:
    """Every colour of the light palette, as the engine writes it, with the dark one in its place."""
    pairs = {a.lower(): b for (_, a), (_, b) in zip(LIGHT.items(), DARK.items(), strict=True)} | {
        "white": DARK.paper
    }
    return list(pairs.items())


def _pictures(frames: Any) -> list[Picture]:
    diagrams = frames if isinstance(frames, Sequence) else [frames]
    return [diagram.picture for diagram in diagrams]


def _title(pictures: list[Picture]) -> str:
    """What the whole is about, not what its last frame shows."""
    builder = pictures[-1].builder
    if len(pictures) == 1 or builder is None:
        return pictures[-1].title or "Computational graph"
    what = builder.names.title(builder.objective_node)
    return f"{what}, step by step"


def _sections(id: str, frames: Any, title: str, *, whole: bool) -> tuple[str, set[str]]:
    """A player, or several of the same run, of which one is seen, to zoom from picture to picture; and the ops that are in it."""
    levels = getattr(frames, "levels", ()) or (frames,)
    if len(levels) == 1:
        return _section(_pictures(frames), id, frames, title, whole=whole)
    start = next(k for k, level in enumerate(levels) if level is frames)
    sections = [
        _section(_pictures(level), f"{id}z{k}", level, title, whole=whole, asleep=k != start)
        for k, level in enumerate(levels)
    ]
    found = (
        f'<div class="cgraph-levels" id="{id}">{"".join(section for section, _ in sections)}'
        f"<script>CGraphLevels(document.getElementById({json.dumps(id)}))</script></div>"
    )
    return found, set().union(*(ops for _, ops in sections))


def _section(
    pictures: list[Picture], id: str, frames: Any, title: str, *, whole: bool, asleep: bool = False
) -> tuple[str, set[str]]:
    many, hidden = len(pictures) > 1, " hidden" if asleep else ""
    drawn = films.film(pictures, f"{id}-", _forward_order(pictures[-1]))
    answers = live(pictures, getattr(frames, "update", None), getattr(frames, "again", None))
    data = {
        "frames": [_frame(picture) for picture in pictures],
        "film": {"looks": drawn.looks, "frames": drawn.frames, "size": drawn.size},
        "about": {
            box.id: [list(pair) for pair in box.detail] for box in pictures[-1].boxes if box.detail
        },
        "folded": [box.id for box in pictures[-1].boxes if box.kind == "scope"],
        "tones": {box.id: box.tone for box in pictures[-1].boxes},
        "live": answers,
    }
    # With one of the interpreter's own, which a program without ops needs as well.
    ops = program.ops(answers["program"]["nodes"]) | {"gather"} if "program" in answers else set()
    first = pictures[0]
    buttons = "".join(
        f'<button type="button" data-go="{go}" aria-label="{label}" title="{label} ({key})">{mark}</button>'
        for go, label, key, mark in _BUTTONS
    )
    slider = f'<input type="range" min="0" max="{len(pictures) - 1}" value="0" aria-label="Step">'
    zoom = '<button type="button" class="zoom" aria-pressed="false" hidden>whole picture</button>'
    widths = (
        '<button type="button" class="widths" aria-pressed="false" hidden '
        'title="each gradient arrow as wide as its gradient is large: a step in width for an order of magnitude">'
        "sizes</button>"
    )
    steps = f'{buttons}{slider}<span class="at"></span>' if many else ""
    legend = "".join(
        f'<span><span style="color:{color}" class="mark">{escape(mark)}</span> {escape(words)}</span>'
        for mark, color, words in dot_text.legend(pictures[-1])
    )
    signs = pictures[-1].caption.partition("\n")[2]  # the signs that occur, explained
    legend += f"<span>{escape(signs)}</span>" if signs else ""
    section = (
        f'<section class="cgraph-player{" page" if whole else ""}" id="{id}" tabindex="0" role="region" '
        f'aria-label="{escape(title)}"{hidden}>'
        f"<style>{''.join(f'#{id} {rule}' + '}' for rule in drawn.css.split('}') if rule)}</style>"
        f'<div class="top"><div class="bar">{steps}{zoom}{widths}</div>'
        f'<div class="words"><h2>{escape(first.title)}</h2><p>{escape(first.caption.partition(chr(10))[0])}</p></div></div>'
        f'<div class="stage">{drawn.drawing}</div>'
        '<div class="beside" role="group" aria-label="cut off at the sides" hidden></div><div class="panel">'
        '<div class="worked" role="group" aria-label="this step, in numbers"></div>'
        '<p class="sum" aria-live="polite"></p>'
        f'<div class="chain" role="group" aria-label="chain rule"></div><div class="legend">{legend}</div>'
        '<div class="about"><p>Point at a node, tap it, or go to it with the Tab key, to see all its digits.</p></div>'
        '<details class="numbers"><summary>Change a number</summary><div></div></details></div>'
        '<p class="said" aria-live="polite"></p>'
        f'<script type="application/json">{_json(data)}</script>'
        f"<script>CGraphPlayer(document.getElementById({json.dumps(id)}),{json.dumps(whole)})</script></section>"
    )
    return section, ops


def _json(data: Any) -> str:
    words = json.dumps(data, ensure_ascii=False, separators=(",", ":"), default=float)
    return words.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _forward_order(picture: Picture) -> list[str]:
    """Boxes as the forward pass meets them: what the Tab key goes through. A leaf comes with the first op that takes it."""
    builder = picture.builder
    found: list[str] = []
    for node in builder.order if builder else ():
        if node.parents:
            found += [builder.ids[n] for n in (*node.parents, node) if n in builder.ids]
    found += [builder.ids[node] for node in builder.order if node in builder.ids] if builder else []
    for box in picture.boxes:  # a bypassed sigmoid stands before its loss
        users = [a.head for a in picture.arrows if box.bypassed and a.tail == box.id]
        if users and users[0] in found:
            found.insert(found.index(users[0]), box.id)
    return list(dict.fromkeys([*found, *(box.id for box in picture.boxes)]))


def _frame(picture: Picture) -> dict[str, Any]:
    return {
        "title": picture.title,
        "caption": picture.caption,
        "hide": _hidden(picture),
        "see": _seen(picture),
        "active": next((box.id for box in picture.boxes if box.active), ""),
        "phase": _phase(picture),
    }


def _phase(picture: Picture) -> str:
    """Whether gradients are handed back, or parameters take their step; "" on the way forward."""
    if any(b.active and b.rows_state == "active" for b in picture.boxes):
        return "back"
    return "update" if any(b.update and b.update_state == "shown" for b in picture.boxes) else ""


def _hidden(picture: Picture) -> dict[str, list[str]]:
    """Which nodes have no value, no local gradient or no gradient yet in this frame."""
    waiting = {a.tail for a in picture.arrows if a.kind == "gradient" and a.state == "hidden"}
    coming = {a.tail for a in picture.arrows if a.kind == "value" and a.state == "hidden"}
    rows = {box.id for box in picture.boxes if box.rows_state == "hidden"}
    value = {box.id for box in picture.boxes if box.value_state == "hidden"} | coming
    total = {box.id for box in picture.boxes if box.total_state == "hidden" and box.total}
    return {"value": sorted(value), "local": sorted(rows), "grad": sorted(waiting | total)}


def _seen(picture: Picture) -> list[str]:
    """What this frame is about: the box that works with the arrows that leave it, or the update, or the result."""
    boxes = [box.id for box in picture.boxes if box.active]
    arrows = [a.id or f"e{i}" for i, a in enumerate(picture.arrows) if a.state == "active"]
    if boxes:
        back = any(box.active and box.rows_state == "active" for box in picture.boxes)
        out = []
        for i, a in enumerate(picture.arrows):
            if (
                a.kind == ("gradient" if back else "value")
                and (a.head if back else a.tail) in boxes
            ):
                # What comes out stands on the arrow, or inside the box that it reaches.
                out.append((a.id or f"e{i}") if a.label or a.lines or not back else a.tail)
        return boxes + out
    if arrows:
        return arrows
    if updated := [box.id for box in picture.boxes if box.update and box.update_state == "shown"]:
        return updated
    results = [a.tail for a in picture.arrows if a.head.startswith("out")]
    return results if any(a.kind == "gradient" for a in picture.arrows) else []


def _palette_css() -> str:
    """Dark mode: every colour of the light palette looked up by attribute and replaced; and the colours of the chain rule's factors."""

    rules = "".join(
        f'.cgraph-player svg [fill="{a}"]{{fill:{b}}}.cgraph-player svg [stroke="{a}"]{{stroke:{b}}}'
        for a, b in _colours()
    )
    rules += "".join(
        f'.cgraph-player .mark[style="color:{a}"]{{color:{b}!important}}'
        for (_, a), (_, b) in zip(LIGHT.items(), DARK.items(), strict=True)
    )

    def tones(palette: Palette) -> str:
        names = ("data", "parameter", "linear", "arithmetic", "activation", "loss", "other")
        return "".join(
            f".cgraph-player .tone-{name}{{background:{palette.of(name)[0]};border-color:{palette.of(name)[1]}}}"
            for name in names
        )

    dark = (
        f".cgraph-player{{--paper:{DARK.paper};--ink:{DARK.ink};--muted:{DARK.muted_on_fill};--line:{DARK.ghost};"
        f"--soft:{DARK.other_fill};--accent:{DARK.gradient};--local:{DARK.local};--changed:{DARK.changed};--lit:{DARK.active};--lit2:{DARK.linear_fill}}}"
        ".cgraph-player svg .lit{fill:#FFC46B}.cgraph-player svg .lit2{fill:#8CC4FF}.cgraph-player svg .here{fill:#D9B8FF}"
        ".cgraph-player .entry.here{background:#4B2A6B}.cgraph-player dd.well{color:#7FCF85}.cgraph-player dd.ill{color:#FF7B8E}"
    )
    return f"{tones(LIGHT)}@media (prefers-color-scheme:dark){{{rules}{tones(DARK)}{dark}}}"
