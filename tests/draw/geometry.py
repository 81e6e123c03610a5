"""Measures a picture as the engine lays it out, and says what is wrong with it.

Graphviz's JSON holds every shape, line and text with its place and the width that the engine measured. From these: whether a label stands
nearest to its own line, whether anything overlaps, whether texts keep clear of borders, and whether products and sums add up as they
are printed. Nothing here knows how cgraph decides where things go.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from itertools import combinations, pairwise

from cgraph.draw.model import text
from cgraph.draw.model.text import parse_number
from cgraph.draw.output import engine

NUMBER = r"−?(?:(?:\d+(?:\.\d+)?·)?10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+|\d+(?:\.\d+)?|∞)|NaN"
PAGE = (1600, 2263)  # pixels of an upright page
SMALLEST = 9  # pixels of text that can be read


@dataclass(frozen=True)
class Rect:
    left: float
    low: float
    right: float
    high: float

    def grown(self, by: float) -> Rect:
        return Rect(self.left - by, self.low - by, self.right + by, self.high + by)

    def meets(self, other: Rect) -> bool:
        return (
            self.left < other.right
            and other.left < self.right
            and self.low < other.high
            and other.low < self.high
        )

    def holds(self, x: float, y: float) -> bool:
        return self.left < x < self.right and self.low < y < self.high

    def distance(self, x: float, y: float) -> float:
        return math.hypot(
            max(self.left - x, 0, x - self.right), max(self.low - y, 0, y - self.high)
        )


def around(rects):
    rects = list(rects)
    return Rect(
        min(r.left for r in rects),
        min(r.low for r in rects),
        max(r.right for r in rects),
        max(r.high for r in rects),
    )


@dataclass
class Thing:
    """A node, an edge or a frame: its outline, its line as points, its texts."""

    id: str
    kind: str
    css: str = ""
    outline: Rect | None = None
    points: list[tuple[float, float]] = field(default_factory=list)
    texts: list[tuple[Rect, str]] = field(default_factory=list)
    sizes: list[float] = field(default_factory=list)  # of its texts, in points
    ends: tuple[str, str] = ("", "")

    @property
    def label(self) -> Rect | None:
        return around(r for r, _ in self.texts) if self.texts else None


def _texts(ops):
    size, found, hidden = 14.0, [], False
    for op in ops:
        if op["op"] == "F":
            size = op["size"]
        elif op["op"] in "cC":
            hidden = (
                op.get("color", "").endswith("00") and len(op.get("color", "")) == 9
            ) or op.get("color") == "transparent"
        elif op["op"] == "T" and op["text"].strip():
            (x, y), width = op["pt"], op["width"]
            left = {"l": x, "c": x - width / 2, "r": x - width}[op["align"]]
            if not hidden:
                found.append(
                    (
                        Rect(left, y - 0.2 * size, left + width, y + 0.75 * size),
                        op["text"].replace("\xa0", " ").strip(),
                    )
                )
    return found


def _sizes(ops):
    """The sizes of the fonts that something is written in."""
    now, found = 14.0, []
    for op in ops:
        if op["op"] == "F":
            now = op["size"]
        elif op["op"] == "T" and op["text"].strip():
            found.append(now)
    return found


def _bezier(points):
    found = []
    for k in range(0, len(points) - 3, 3):
        p = points[k : k + 4]
        for i in range(13):
            t = i / 12
            w = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
            found.append(tuple(sum(a * q[c] for a, q in zip(w, p, strict=True)) for c in (0, 1)))
    return found


def measure(dot):
    """The canvas and the things on it."""
    data = json.loads(engine.render(dot, ["json"])[0])
    things, names = [], {}
    for item in data.get("objects", []):
        names[item["_gvid"]] = item.get("name", "")
        frame = "nodes" in item or "subgraphs" in item or item.get("name", "").startswith("cluster")
        if frame and not item.get("name", "").startswith("cluster"):
            continue
        thing = Thing(
            item.get("id", item["name"]), "frame" if frame else "node", item.get("class", "")
        )
        if frame:
            if "bb" not in item:
                continue
            thing.outline = Rect(*map(float, item["bb"].split(",")))
        else:
            x, y = map(float, item["pos"].split(","))
            w, h = 36 * float(item["width"]), 36 * float(item["height"])
            thing.outline = Rect(x - w, y - h, x + w, y + h)
            if item.get("style") == "invis":
                continue
        thing.texts = _texts(item.get("_ldraw_", []))
        thing.sizes = _sizes(item.get("_ldraw_", []))
        things.append(thing)
    for item in data.get("edges", []):
        thing = Thing(
            item.get("id", ""),
            "edge",
            item.get("class", ""),
            ends=(names[item["tail"]], names[item["head"]]),
        )
        for op in item.get("_draw_", []):
            if op["op"] in "bB":
                thing.points += _bezier(op["points"])
        for key in ("_hdraw_", "_tdraw_"):
            for op in item.get(key, []):
                if op["op"] in "pP":
                    tip = op["points"]
                    thing.points.append(
                        (sum(p[0] for p in tip) / len(tip), sum(p[1] for p in tip) / len(tip))
                    )
        thing.texts = _texts(item.get("_ldraw_", []))
        thing.sizes = _sizes(item.get("_ldraw_", []))
        things.append(thing)
    return Rect(*map(float, data["bb"].split(","))), things


def faults(diagram, limits=True):
    """Everything that is wrong with a picture, as sentences."""
    return judge(*measure(diagram.dot), limits)


def judge(canvas, things, limits=True):
    """The same of what was measured."""
    nodes = [t for t in things if t.kind == "node"]
    edges = [t for t in things if t.kind == "edge"]
    frames = [t for t in things if t.kind == "frame"]
    said = []
    if limits:
        width, height = (
            (canvas.right - canvas.left + 36) * 4 / 3,
            (canvas.high - canvas.low + 36) * 4 / 3,
        )
        scale = min(1.0, PAGE[0] / width, PAGE[1] / height)
        least = min((size for t in things for size in t.sizes), default=99) * 4 / 3 * scale
        if least < SMALLEST:
            said.append(
                f"the picture has {width:.0f} × {height:.0f} pixels: on a page its small print has {least:.1f}"
            )
    said += _labels(edges, nodes)
    said += _overlaps(nodes, edges, frames, canvas)
    said += _sums([words for t in things for words in [[w for _, w in t.texts]]])
    return said


def _labels(edges, nodes):
    for edge in edges:
        if not edge.texts or not edge.points:
            continue
        label = edge.label
        own = min(label.distance(*p) for p in edge.points)
        words = " ".join(w for _, w in edge.texts)
        if own > 30:
            yield f"{words!r} stands {own:.0f} pt from its line"
        for other in edges:
            if other is edge or not other.points:
                continue
            far = min(label.distance(*p) for p in other.points)
            # The two lines of one pair are told apart by colour and dashes; the seed's makes a bow around its label.
            twin = other.ends == edge.ends and ("gradient" in other.css) != ("gradient" in edge.css)
            slack = 20 if twin and "seed" in edge.css else 6 if twin else 0.5
            if far < own - slack or (far < 1.5 and not twin):
                yield f"{words!r} stands {far:.1f} pt from {_name(other)} and {own:.1f} from its own line"
        for node in nodes:
            if node.outline.meets(label):
                yield f"{words!r} lies on {_name(node)}"


def _overlaps(nodes, edges, frames, canvas):
    for a, b in combinations(nodes, 2):
        if a.outline.grown(-1).meets(b.outline.grown(-1)):
            yield f"{_name(a)} overlaps {_name(b)}"
    written = [(t, r, w) for t in (*nodes, *edges, *frames) for r, w in t.texts]
    for (s, a, v), (t, b, w) in combinations(written, 2):
        if a.grown(-1.5).meets(b.grown(-1.5)):
            yield f"{v!r} of {_name(s)} overlaps {w!r} of {_name(t)}"
    for thing, rect, words in written:
        if not (rect.left >= canvas.left - 1 and rect.right <= canvas.right + 1):
            yield f"{words!r} is cut off"
        round_ = thing.kind == "node" and "data" in thing.css
        if thing.kind == "node" and not (
            rect.left >= thing.outline.left + (1 if round_ else 3)
            and rect.right <= thing.outline.right - (1 if round_ else 3)
        ):
            yield f"{words!r} touches the border of {_name(thing)}"
    for edge in edges:
        inner = edge.points[2:-2]
        for node in nodes:
            if node.id not in edge.ends and any(node.outline.grown(-3).holds(*p) for p in inner):
                yield f"{_name(edge)} runs through {_name(node)}"
        for thing, rect, words in written:
            if thing is edge or thing.kind == "node":
                continue
            if any(rect.grown(-1).holds(*p) for p in edge.points):
                yield f"{_name(edge)} runs through {words!r}"


def _sums(groups):
    """`a × b` below a number multiplies out to it, `a + b = c` adds up, as they are printed."""
    for words in groups:
        for above, below in pairwise(words):
            product = re.fullmatch(f"({NUMBER}) × ({NUMBER})", below)
            shown = re.search(f"(?:^|= )({NUMBER})$", above)
            if (
                product
                and shown
                and not text.same(parse_number(product[1]) * parse_number(product[2]), shown[1])
            ):
                yield f"{below} is not {above}"
        for word in words:
            total = re.search(
                rf"= ((?:\(?(?:{NUMBER})\)? \+ )+\(?(?:{NUMBER})\)?) = ({NUMBER})$", word
            )
            if total:
                terms = [parse_number(t.strip("()")) for t in total[1].split(" + ")]
                if not text.same(sum(terms), total[2]):
                    yield f"{word} does not add up"


def _name(thing):
    words = " ".join(w for _, w in thing.texts)[:40]
    return (
        f"{thing.kind} {thing.id} ({words})"
        if words
        else f"{thing.kind} {thing.id} {'→'.join(thing.ends)} {thing.css}"
    )
