"""Reads a picture back: the texts of its boxes and arrows, from the SVG that the engine drew."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

SVG = "{http://www.w3.org/2000/svg}"


def groups(svg):
    """Every node and edge of an SVG: (classes, id, texts)."""
    root = ET.fromstring(svg)
    for group in root.iter(f"{SVG}g"):
        classes = group.get("class", "").split()
        if "node" in classes or "edge" in classes:
            yield (
                classes,
                group.get("id"),
                [(t.text or "").replace("\xa0", " ").strip() for t in group.iter(f"{SVG}text")],
            )


def arrows(dot):
    """Every edge of a DOT text: (tail, head, classes)."""
    for tail, head, attributes in re.findall(r"^ (\w+)[:\w]* -> (\w+)[:\w]* \[(.*)\];$", dot, re.M):
        yield tail, head, re.search(r'class="([^"]*)"', attributes)[1].split()


def positions(svg):
    """Canvas and place of every node: what must not change from frame to frame."""
    root = ET.fromstring(svg)
    places = {}
    for group in root.iter(f"{SVG}g"):
        if "node" in group.get("class", "").split():
            # the outline: the first path or ellipse with a stroke
            for shape in group:
                if shape.tag in (f"{SVG}path", f"{SVG}ellipse", f"{SVG}polygon"):
                    places[group.get("id").rpartition("-")[2]] = tuple(
                        shape.get(k) for k in ("d", "cx", "cy", "points")
                    )
                    break
    return root.get("viewBox"), places
