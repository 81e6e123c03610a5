"""Colours: enough contrast to be read, in all three palettes; gradients apart from values without any colour."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from draw.nets import neuron

import cgraph as cg
from cgraph.draw.model.diagram import replace
from cgraph.draw.output.player import assets
from cgraph.draw.output.theme import PALETTES


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a, b):
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", sorted(PALETTES))
def test_text_can_be_read(name):
    p = PALETTES[name]
    fills = [value for key, value in p.items() if key.endswith("_fill") and key != "muted_on_fill"]
    for fill in fills:
        assert contrast(p.ink, fill) >= 7, fill
        assert contrast(p.muted_on_fill, fill) >= 4.5, fill
        for ink in (p.local, p.positive, p.negative):
            assert contrast(ink, fill) >= 4.5, fill
    for ink in (p.ink, p.muted, p.gradient, p.changed, p.positive, p.negative):
        assert contrast(ink, p.paper) >= 4.5, ink
    written = [
        p.of(tone)[0]
        for tone in ("data", "parameter", "linear", "arithmetic", "activation", "loss", "other")
    ]
    for ink in (p.gradient, p.changed):
        for fill in (*written, p.bad_fill, p.after_fill, p.active):
            assert contrast(ink, fill) >= 4.5, (ink, fill)
    assert contrast(p.local, p.active) >= 4.5


@pytest.mark.parametrize("name", sorted(PALETTES))
def test_borders_can_be_seen(name):
    p = PALETTES[name]
    for tone in ("data", "parameter", "linear", "activation", "loss", "other"):
        assert contrast(p.of(tone)[1], p.paper) >= 3


def test_gradients_are_told_without_colour():
    edges = [line for line in cg.draw(neuron().backward()).dot.splitlines() if " -> " in line]
    for line in edges:
        back = "edge gradient" in line
        assert ("dashed" in line) is back and ("dir=back" in line) is back


def test_unknown_tones_look_like_other_ops():
    p = PALETTES["light"]
    assert p.of("nothing of the kind") == p.of("other")


def test_parts_of_a_box_in_inks_of_their_own():
    def style(item):
        if getattr(item, "name", "") == "z":
            return replace(item, tints=(("w₁x₁", "positive"), ("w₂x₂", "negative")))

    plain, inked = (cg.draw(cg.run(neuron()), style=s).svg("") for s in (None, style))
    texts = [
        [
            (t.text, t.get("fill"))
            for t in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
        ]
        for svg in (plain, inked)
    ]
    said = ["".join(words or "" for words, _ in found).replace("\xa0", " ") for found in texts]
    assert sorted(said[0]) == sorted(said[1]), "colours change no word"
    light = PALETTES["light"]
    fills = {fill.lower(): words for words, fill in texts[1] if fill}
    assert fills[light.positive.lower()] == "w₁x₁" and fills[light.negative.lower()] == "w₂x₂"


def test_what_a_player_lights_up_can_be_read():
    """Entries of matrices in the drawing, light and dark, and what is written on the grounds of lit entries in tables."""
    css = assets().partition("</style>")[0]
    light, _, dark = css.partition("@media (prefers-color-scheme:dark){.cgraph-player svg")
    for words, p in ((light, PALETTES["light"]), (dark, PALETTES["dark"])):
        fills = [v for k, v in p.items() if k.endswith("_fill") and k != "muted_on_fill"]
        inks = re.findall(r"svg \.(?:lit2?|here)\{fill:(#\w{6})", words)
        assert len(inks) == 3
        for ink in inks:
            assert min(contrast(ink, fill) for fill in (*fills, p.active, p.paper)) >= 4.5, ink
    grounds = re.findall(r"--lit2?:(#\w{6})", light) + re.findall(
        r"\.entry\.here\{background:(#\w{6})", light
    )
    assert len(grounds) == 3
    for ink in (PALETTES["light"].gradient, PALETTES["light"].local, PALETTES["light"].changed):
        assert min(contrast(ink, ground) for ground in grounds) >= 4.5, ink
