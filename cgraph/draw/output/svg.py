"""Finishing touches on the engine's SVG: words for screen readers, ids that do not clash, nothing invisible left in.

Graphviz writes the node's id where a reader needs a sentence, gives two pictures on one page the same ids, and draws the text that
a step series reserves in transparent ink, where it could still be selected and read aloud. The file is parsed and written anew.
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator

from cgraph.draw.model.diagram import Picture

_SVG = "http://www.w3.org/2000/svg"
_SHORT = 8  # letters of a text that no viewer sets much wider
_XLINK = "http://www.w3.org/1999/xlink"
ET.register_namespace("", _SVG)
ET.register_namespace("xlink", _XLINK)


def finish(data: bytes, picture: Picture, prefix: str = "", layout: bytes = b"") -> str:
    """The SVG with role, label and titles; every id starts with `prefix`; hidden texts are gone, their places are kept.

    `layout`, the same picture as the engine's JSON, says how wide it took each text to be: viewers with other fonts, or that round
    otherwise, then set it to that width, and nothing touches the border of its box.
    """
    root = ET.fromstring(data)
    widths = _widths(layout) if layout else {}
    for group in root.iter(f"{{{_SVG}}}g"):
        texts = list(group.iter(f"{{{_SVG}}}text"))
        known = widths.get(group.get("id", ""), [])
        for text, width in zip(texts, known, strict=True) if len(texts) == len(known) else ():
            if len(text.text or "") > _SHORT:
                text.set("textLength", f"{width:g}")
                text.set("lengthAdjust", "spacingAndGlyphs")
    tips = {box.id: box.tip for box in picture.boxes} | {
        arrow.id or f"e{i}": arrow.tip for i, arrow in enumerate(picture.arrows)
    }
    sites = {box.id: box.site for box in picture.boxes if box.site}
    root.set("role", "img")
    root.set(
        "aria-label",
        ". ".join(s for s in (picture.title, picture.caption) if s) or "computational graph",
    )
    for element in list(root.iter()):
        for child in list(element):
            if child.tag == f"{{{_SVG}}}text" and child.get("fill") == "transparent":
                element.remove(child)
    for group in root.iter(f"{{{_SVG}}}g"):
        unwrap(group)
        title = group.find(f"{{{_SVG}}}title")
        if title is not None:
            tip = tips.get(group.get("id", ""), "")
            if tip:
                title.text = tip
            else:
                group.remove(title)
        if site := sites.get(group.get("id", "")):
            group.set("data-site", site)
        if "id" in group.attrib:
            group.set("id", prefix + group.attrib["id"])
    return ET.tostring(root, encoding="unicode")


def _widths(layout: bytes) -> dict[str, list[float]]:
    """The widths of the texts in each node, in drawing order, by the node's id."""
    return {
        item["id"]: [op["width"] for op in item.get("_ldraw_", ()) if op["op"] == "T"]
        for item in json.loads(layout).get("objects", ())
        if "id" in item
    }


def unwrap(group: ET.Element) -> None:
    """Takes out the `<g><a title=...>` shells that Graphviz puts around whatever has a tooltip."""
    children: list[ET.Element] = []
    for child in group:
        children += _contents(child)
    group[:] = children


def _contents(element: ET.Element) -> Iterator[ET.Element]:
    shell = element.tag == f"{{{_SVG}}}g" and element.get("id", "").startswith("a_")
    if shell or element.tag == f"{{{_SVG}}}a":
        for child in element:
            yield from _contents(child)
    else:
        yield element


def size(svg: str) -> tuple[float, float]:
    """Width and height in points."""
    root = ET.fromstring(svg)
    width, height = (
        float(root.get(side, "0pt").removesuffix("pt")) for side in ("width", "height")
    )
    return width, height
