"""A series of pictures as one SVG and the little that changes from frame to frame.

The frames of a run share canvas and positions, so their SVGs are the same tree: what differs is the ink (a colour, a width, a text that
is not there yet). The trees are laid over one another element by element; an element that changes gets a number, and its looks a
table: `{"looks": {"0": {...}}, "frames": ["0012", ...]}`, one letter an element and frame. Nothing here knows what a picture means, so
whatever the drawing changes between frames is carried over as it is.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from cgraph.draw.model.diagram import Picture, replace
from cgraph.draw.model.text import escape
from cgraph.draw.output import engine, svg
from cgraph.draw.output.dot import dot

_SVG = "{http://www.w3.org/2000/svg}"
_LETTERS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_FACE = ("font-family", "font-size", "font-weight", "font-style")
_INK = ("fill", "stroke", "stroke-width", "stroke-dasharray")


@dataclass
class Film:
    """One drawing and its states."""

    drawing: str  # the <svg> element, in the state of the first frame
    css: str  # the faces of its texts, as classes t0, t1 ...
    looks: dict[str, dict[str, str]]  # letter -> attributes
    frames: list[str]  # for each frame, a letter per changing element
    size: tuple[float, float]  # in CSS pixels
    words: dict[str, list[str]] = field(
        default_factory=dict
    )  # group id -> the texts in it, as numbered by data-t


def bare(picture: Picture) -> Picture:
    """The picture without what the page writes around it in HTML."""
    return replace(picture, title="", caption="", reserve=(), legend=False)


def groups(picture: Picture) -> tuple[dict[str, list[ET.Element]], tuple[float, float], str]:
    """Nodes, edges and frames of a drawn picture: id -> its shapes and texts; with the canvas, and the transform around it."""
    root = ET.fromstring(engine.render(dot(bare(picture)), ["svg"])[0])
    outer = root.find(f"{_SVG}g")
    assert outer is not None
    found: dict[str, list[ET.Element]] = {"": []}
    for child in outer:
        if child.tag == f"{_SVG}g":
            svg.unwrap(child)
            found[f"{child.get('class', '')} {child.get('id', '')}"] = [
                e for e in child if e.tag != f"{_SVG}title"
            ]
    width, height = (float(root.get(side, "0").removesuffix("pt")) for side in ("width", "height"))
    return found, (width, height), outer.get("transform", "")


def texts(elements: Sequence[ET.Element]) -> list[str]:
    """What a group says, text by text."""
    return [e.text or "" for e in elements if e.tag == f"{_SVG}text"]


def film(pictures: Sequence[Picture], prefix: str, order: Sequence[str] = ()) -> Film:
    """The pictures laid over one another. Nodes stand in the document in `order`, which is how the Tab key visits them."""
    drawn = [groups(picture) for picture in pictures]
    first, (width, height), transform = drawn[0]
    width, height = (max(size[i] for _, size, _ in drawn) for i in (0, 1))
    faces: dict[tuple[str, ...], str] = {}
    looks: dict[tuple[tuple[str, str], ...], str] = {}
    changing: list[str] = []
    words: dict[str, list[str]] = {}
    rank = {id: i for i, id in enumerate(order)}
    kinds = {box.id: box for box in pictures[-1].boxes}

    def layer(key: str) -> tuple[int, int]:
        id = key.rpartition(" ")[2]
        return (
            0 if key.startswith("cluster") else 2 if id in kinds else 1,
            rank.get(id, len(rank)),
        )

    body = []
    for key in sorted((k for k in first if k.strip() and not k.endswith(" a_graph0")), key=layer):
        css, _, id = key.rpartition(" ")
        inner = []
        for number, variants in _columns([frames.get(key, []) for frames, _, _ in drawn]):
            shown = next((v for v in variants if v is not None and _visible(v)), None)
            if shown is None:
                continue
            element = _written(shown, faces, number)
            found = [_look(v, shown) for v in variants]
            start = dict(found[0])
            if len(set(found)) > 1:
                element = element.replace(">", f' data-k="{len(changing)}">', 1)
                changing.append("".join(_letter(look, looks) for look in found))
            inner.append(_inked(element, start))
        words[id] = texts(drawn[-1][0].get(key, []))
        box = kinds.get(id)
        reach = ' tabindex="0" role="img"' if box is not None else ""
        if (
            box is not None and not box.detail and box.tip
        ):  # of all others the player says what is known
            reach += f' aria-label="{escape(box.tip)}"'
        body.append(
            f'<g id="{prefix}{escape(id)}" class="{escape(_once(css))}"{reach}>{"".join(inner)}</g>'
        )
    drawing = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.2f} {height:.2f}" role="group">'
        f'<g transform="{escape(transform)}">{"".join(body)}</g></svg>'
    )
    styles = "".join(
        f".{name}{{"
        + ";".join(f"{k}:{_css(k, v)}" for k, v in zip(_FACE, face, strict=True) if v)
        + "}"
        for face, name in faces.items()
    )
    frames = ["".join(column) for column in zip(*changing, strict=True)] or [""] * len(pictures)
    return Film(
        drawing,
        styles,
        {letter: dict(look) for look, letter in looks.items()},
        frames,
        (width * 4 / 3, height * 4 / 3),
        words,
    )


def _columns(
    frames: list[list[ET.Element]],
) -> Iterator[tuple[int | None, list[ET.Element | None]]]:
    """The same element in every frame, with its number among the texts of the last one. Where an element stands elsewhere in some
    frames (an arrow head grows with its line), each place is an element of its own, seen when its frames are."""
    if len({tuple(e.tag for e in elements) for elements in frames}) == 1:
        number = -1
        for j, last in enumerate(frames[-1]):
            number += last.tag == f"{_SVG}text"
            for members in _alike([(elements[j],) for elements in frames]):
                same = frames[-1][j] is not None and len(frames) - 1 in members
                yield (
                    (number if same else None),
                    [elements[j] if i in members else None for i, elements in enumerate(frames)],
                )
        return
    for members in _alike([tuple(elements) for elements in frames]):
        number = -1
        for j, element in enumerate(frames[min(members)]):
            number += element.tag == f"{_SVG}text"
            known = number if len(frames) - 1 in members else None
            yield (
                known,
                [elements[j] if i in members else None for i, elements in enumerate(frames)],
            )


def _alike(frames: list[tuple[ET.Element, ...]]) -> list[set[int]]:
    """The frames whose elements are the same but for their ink."""
    plans: dict[tuple[Any, ...], set[int]] = {}
    for i, elements in enumerate(frames):
        plan = tuple((e.tag, (e.text or "").strip(), *_place(e)) for e in elements)
        plans.setdefault(plan, set()).add(i)
    return list(plans.values())


def _place(element: ET.Element) -> tuple[str, ...]:
    return tuple(
        element.get(k, "") for k in ("d", "points", "x", "y", "cx", "cy", "rx", "ry", *_FACE)
    )


def _visible(element: ET.Element | None) -> bool:
    return element is not None and not (
        element.tag == f"{_SVG}text" and element.get("fill") == "transparent"
    )


def _look(element: ET.Element | None, shown: ET.Element) -> tuple[tuple[str, str], ...]:
    """How an element looks in a frame; where it is not seen it keeps the ink in which it will appear, and is off."""
    source = element if element is not None and _visible(element) else shown
    look = [
        (k, v) for k in _INK if (v := source.get(k, "")) and not (k == "stroke-width" and v == "1")
    ]
    return tuple(look if _visible(element) else [*look, ("class", "off")])


def _letter(
    look: tuple[tuple[str, str], ...], looks: dict[tuple[tuple[str, str], ...], str]
) -> str:
    if look not in looks:
        n = len(looks)  # more looks than letters: letters of other scripts
        looks[look] = _LETTERS[n] if n < len(_LETTERS) else chr(0x4E00 + n)
    return looks[look]


def _written(element: ET.Element, faces: dict[tuple[str, ...], str], number: int | None) -> str:
    """An element without its ink: tag, place, and for a text its face as a class."""
    tag = element.tag.removeprefix(_SVG)
    skip = {*_INK, *_FACE, "text-anchor", "{http://www.w3.org/XML/1998/namespace}space"}
    attributes = "".join(
        f' {k}="{escape(v)}"'
        for k, v in element.attrib.items()
        if k not in skip or (k == "text-anchor" and v != "start")
    )
    if tag != "text":
        return f"<{tag}{attributes}></{tag}>"
    face = tuple(element.get(k, "") for k in _FACE)
    name = faces.setdefault(face, f"t{len(faces)}")
    known = "" if number is None else f' data-t="{number}"'
    return f'<text{attributes} data-f="{name}"{known}>{escape(element.text or "")}</text>'


def _inked(element: str, look: dict[str, str]) -> str:
    """An element in the look of the first frame."""
    ink = {k: v for k, v in look.items() if k != "class"}
    attributes = "".join(f' {k}="{escape(v)}"' for k, v in ink.items())
    classes = look.get("class", "")
    if ' data-f="' in element:
        before, _, rest = element.partition(' data-f="')
        face, _, after = rest.partition('"')
        return f'{before} class="{f"{face} {classes}".strip()}"{attributes}{after}'
    if classes:
        attributes += f' class="{classes}"'
    return element.replace(">", f"{attributes}>", 1)


def _once(css: str) -> str:
    return " ".join(dict.fromkeys(css.split()))


def _css(key: str, value: str) -> str:
    return f"{float(value):g}px" if key == "font-size" else value
