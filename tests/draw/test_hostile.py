"""Names and numbers that try to break out of a picture."""

from __future__ import annotations

import re
import unicodedata
import warnings
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from draw.reading import groups

import cgraph as cg
from cgraph.draw.model.text import symbol

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")  # the engine has nothing to say

NAMES = ["<lambda>", "%x", "a&b", "\\G", "\\N\\n", "", '"quoted"', "it's", "two\nlines", "x" * 10_000, "אבג", "🙂", "</script>",
         "</svg><script>alert(1)</script>", "]]>", "{|}", "a:b:c", "; rm", "\x00\x07", "\u202eevil", "n0", "graph", "∂x/∂y", "-->",
         "<!--", "${x}", "$a", "<b>bold</b>", "&lt;", "\ud83d"[:0] + "日本"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_names(name):
    w = cg.parameter(name, 2.0)
    loss = cg.square(cg.exp(w * cg.input(name + "2", 3.0), name=name) - 1.0, name=name + "3")
    run = loss.backward()
    for options in ({}, {"view": "expanded"}, {"view": "collapsed"}, {"direction": "TB"}):
        diagram = cg.draw(run, **options)
        svg = diagram.svg()
        root = ET.fromstring(svg)
        assert not list(root.iter("{http://www.w3.org/2000/svg}script"))
        assert len(diagram.dot) < 60_000
    words = " ".join(w for _, _, ws in groups(cg.draw(run).svg()) for w in ws)
    assert symbol(name).strip("\u200e")[:20] in words.replace("\xa0", " ")
    page = diagram.html()
    assert page.count("<script") == 3 == page.count("</script>")
    assert "<script>alert" not in page
    mermaid = diagram.mermaid
    assert all(line.count('"') in (0, 2) for line in mermaid.splitlines())
    str(diagram)


def test_hostile_scopes_and_titles():
    with cg.scope('<b>"\\G&</script>'):
        x = cg.parameter("x", 1.0)
        y = cg.exp(x, name="y")
    for view in ("auto", "collapsed"):
        ET.fromstring(
            cg.draw(y.backward(), view=view, title="<i>\\G</i>&", caption="</script>\\n").svg()
        )
    assert "<i>" not in cg.draw(y.backward(), title="<i>\\G</i>&").html()


@pytest.mark.parametrize("words", ["a\x00b", "\ud800", "two\nlines", "\x1b[31m"], ids=range(4))
def test_titles_that_no_file_can_hold(words):
    diagram = cg.draw(cg.exp(cg.parameter("x", 1.0)).backward(), title=words, caption=words)
    ET.fromstring(diagram.svg())
    assert all(diagram.render(suffix) for suffix in ("png", "txt", "html", "mmd"))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -0.0, 1e300, 5e-324, 1e-7, 12345678.9])
def test_numbers(value):
    x = cg.parameter("x", value)
    for root in (cg.multiply(x, 2.0, name="y"), cg.exp(x), cg.log(cg.sigmoid(x))):
        cg.draw(root.backward()).svg()
        cg.draw(root.backward(), view="health").svg()


@pytest.mark.parametrize(
    "array",
    [np.zeros((0, 3)), np.zeros((1, 0)), np.array([1, 2, 3]), np.array([[True, False]]), np.ones((2, 3, 4)), np.ones((1, 1, 1)),
     np.full((4, 4), np.nan), np.ones((300, 2), np.float32), np.array([np.inf, -np.inf] * 50), np.array([5e-324, 1e300])],
    ids=str,
)  # fmt: skip
def test_arrays(array):
    X = cg.input("X", array)
    W = cg.parameter("W", np.ones(array.shape[-1:]))
    loss = cg.sum(X * W, name="loss")
    svg = cg.draw(loss.backward()).svg()
    assert len(svg) < 60_000
    ET.fromstring(svg)


def test_three_hundred_leaves():
    total = None
    for i in range(300):
        w = cg.parameter(f"w{i}", 1.0)
        total = w if total is None else total + w
    run = cg.square(total, name="loss").backward()
    assert len(cg.draw(run).picture.boxes) < 30
    big = cg.draw(run, collapse=None, force=True)
    assert len(big.picture.boxes) > 300
    big.svg()
    some = cg.square(
        sum((cg.parameter(f"w{i}", 1.0) for i in range(12)), cg.parameter("b", 0.0)), name="loss"
    )
    assert len(re.findall("… 6 more", cg.draw(some.backward()).dot)) == 1


def test_letters_that_no_font_has(monkeypatch, tmp_path):
    """Against FreeType's reading of the same files; one warning, and none for a format that brings no fonts."""
    from cgraph.draw.output import glyphs

    font = pytest.importorskip("matplotlib.ft2font")
    monkeypatch.setattr(glyphs, "SYSTEM_FONTS", ())
    monkeypatch.setattr(glyphs, "_said", set())
    monkeypatch.delenv("FONTCONFIG_FILE", raising=False)
    known = set()
    for file in glyphs.FONTS.glob("*.ttf"):
        known |= set(font.FT2Font(str(file)).get_charmap())
    words = [
        chr(c) for c in (*range(0x7F, 0x3400), *range(0x1D400, 0x1D800), *range(0x1F300, 0x1F650))
    ]
    drawn = [c for c in words if unicodedata.category(c)[0] in "LNSP"]
    assert glyphs.missing("".join(words)) == {c for c in drawn if ord(c) not in known}

    run = cg.run(cg.tanh(cg.input("数学", 1.0), name="h"))
    diagram = cg.draw(run)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        diagram.svg()
        cg.draw(cg.sigmoid(cg.input("ŷ", 1.0), name="σ₁")).png()
    with pytest.warns(UserWarning, match="学数") as said:
        diagram.png()
        diagram.pdf()
    assert len(said) == 1
    for save in (
        diagram.png,
        lambda: diagram.save(tmp_path / "x.pdf"),
        lambda: cg.frames(run).save(tmp_path / "x.png"),
    ):
        glyphs._said.clear()
        with pytest.warns(UserWarning, match="学数") as said:
            save()
        assert said[0].filename == __file__  # the user's line, however many of cgraph's lie between
