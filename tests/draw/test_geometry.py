"""Every picture measures itself: labels beside their own lines, nothing over anything else, numbers that add up as printed."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from draw import zoo
from draw.geometry import faults, judge, measure
from draw.nets import neuron, random_graph

import cgraph as cg

HERE = Path(__file__).parent
WAYS = {
    "as it comes": {},
    "top to bottom": {"direction": "TB"},
    "every op": {"view": "expanded"},
    "health": {"view": "health"},
}
OVERVIEWS = (
    "tanh_net",
    "chain",
    "pattern",
    "recurrent",
    "unrolled",
    "scalar_recurrent",
    "overview",
    "levels",
)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", sorted(zoo.ZOO))
def test_the_zoo(name, way):
    if way != "as it comes" and name in OVERVIEWS:
        pytest.skip("an overview is drawn one way")
    run = zoo.ZOO[name]().backward()
    assert not faults(cg.draw(run, **WAYS[way]), limits=way == "as it comes")


@pytest.mark.parametrize("name", sorted(zoo.ZOO))
def test_the_zoo_without_numbers(name):
    root = zoo.ZOO[name]()
    assert not faults(cg.draw(root))
    assert not faults(cg.draw(cg.run(root)))


@pytest.mark.parametrize("seed", range(60))
def test_random_graphs(seed):
    run = random_graph(seed).backward()
    assert not faults(cg.draw(run))
    assert not [
        f
        for f in faults(cg.draw(run, view="expanded"), limits=False)
        if " runs through node " not in f
    ]


def test_the_gallery():
    """Every diagram of the gallery, and the last frame of every series: the frames of one share their places."""
    pytest.importorskip("matplotlib")
    found = {f"{name}": why for name, diagram in gallery() if (why := faults(diagram))}
    assert not found


def gallery():
    """The diagrams of the gallery, without drawing them."""
    import cgraph.gallery as gallery
    from cgraph.draw import Diagram
    from cgraph.draw.motion import Frames
    from cgraph.gallery.writer import FigureWriter

    shown = []

    class Collector(FigureWriter):
        def __init__(self):
            self.items, self.numbers, self.missing = [], {}, []

        def show(self, name, what, title=""):
            what = what() if callable(what) and not isinstance(what, Diagram) else what
            if isinstance(what, Diagram | Frames):
                shown.append((name, what[-1] if isinstance(what, Frames) else what))

    for figure in gallery.FIGURES:
        if not TRAINS & set(gallery.singly(figure.number)):
            figure.run(gallery._names(Collector()))
    assert len(shown) > 40
    return shown


TRAINS = {"9", "41", "47", "65", "73", "100", "74"}  # figures of trained nets: plots


# --- a checker that finds nothing proves nothing ------------------------------------------------------------------------------


def drawn(*lines):
    return SimpleNamespace(
        dot="digraph {" + ";".join(('node [shape=box, label="\\N"]', *lines)) + "}"
    )


def test_it_finds_a_label_beside_a_foreign_line():
    """The pictures of the first edition had them: the value of the last leaf stood nearer to its neighbour's arrow."""
    assert not faults(drawn('a -> b [label="mine", id=e]'))
    for name, what in (
        ("neuron", "'0' stands"),
        ("fused", "'0' stands"),
        ("batch", "'b 1×1' stands"),
    ):
        dot = (HERE / "first_edition" / f"{name}.dot").read_text(encoding="utf-8")
        assert any(said.startswith(what) for said in faults(SimpleNamespace(dot=dot))), name


def test_it_finds_what_overlaps():
    assert any(
        "touches the border" in s
        for s in faults(drawn('a [width=0.4, fixedsize=true, label="a long text"]'))
    )
    assert any(
        "runs through" in s or "lies on" in s
        for s in faults(
            drawn("splines=false; {rank=same; a -> b -> c}", "a -> c [constraint=false]")
        )
    )
    assert any(
        "pixels" in s for s in faults(drawn("rankdir=LR", " -> ".join(f"n{i}" for i in range(60))))
    )


def test_it_finds_products_and_sums_that_do_not_add_up():
    label = (
        '<<TABLE BORDER="0"><TR><TD>∂L/∂x = 0.768</TD></TR><TR><TD>4.306 × 0.178</TD></TR></TABLE>>'
    )
    assert any("is not" in s for s in faults(drawn(f"a -> b [label={label}]")))
    assert any(
        "does not add up" in s
        for s in faults(drawn('a [label="∂f/∂x = (−2.733) + (−2.733) = −5.467", width=6]'))
    )
    assert not faults(drawn('a [label="∂f/∂x = (−2.7333) + (−2.7333) = −5.467", width=6]'))


def test_it_finds_what_is_planted_in_a_real_picture():
    run = neuron().backward()
    dot = cg.draw(run).dot
    canvas, things = measure(dot)
    assert not judge(canvas, things)
    label = next(t for t in things if t.kind == "edge" and "gradient" in t.css and t.texts)
    beside = [(replace(r, low=r.low - 90, high=r.high - 90), w) for r, w in label.texts]
    assert judge(canvas, [replace(t, texts=beside) if t is label else t for t in things])
    nodes = [t for t in things if t.kind == "node"]
    onto = replace(nodes[0], outline=nodes[1].outline)
    said = judge(canvas, [onto if t is nodes[0] else t for t in things])
    assert any("overlaps" in s for s in said)
    found = [t for t in things if any("2 × 0.25" in w for _, w in t.texts)]
    assert found
    changed = [
        replace(t, texts=[(r, w.replace("2 × 0.25", "2 × 0.26")) for r, w in t.texts])
        if t in found
        else t
        for t in things
    ]
    assert any("2 × 0.26 is not" in s for s in judge(canvas, changed))
    tiny = [replace(t, sizes=[4.0]) if t is nodes[0] else t for t in things]
    assert any("small print" in s for s in judge(canvas, tiny))


def test_products_are_written_with_enough_digits():
    rng = np.random.default_rng(0)
    for _ in range(30):
        a, b, c = (cg.parameter(n, float(rng.normal())) for n in "abc")
        assert not faults(cg.draw(cg.square(cg.tanh(a * b, name="t") * c, name="loss").backward()))


def crossed(one, other):
    """Whether two lines, given by points, cut each other."""

    def side(p, q, r):
        return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])

    return any(
        side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0
        for a, b in pairwise(one)
        for c, d in pairwise(other)
    )


@pytest.mark.parametrize("name", ["neuron", "fused", "circuit"])
def test_what_goes_into_a_card_and_what_comes_back_do_not_cross(name):
    _, things = measure(cg.draw(zoo.ZOO[name]().backward()).dot)
    lines = {}
    for thing in things:
        if thing.kind == "edge":
            lines.setdefault(frozenset(thing.ends), []).append(thing.points[:-1])  # without the tip
    pairs = [found for found in lines.values() if len(found) == 2]
    assert len(pairs) >= 3 and not any(crossed(*pair) for pair in pairs)


def bends(diagram):
    """The lines of the chain between two ops that are not straight, and by how many points."""
    across = 1 if diagram.picture.direction == "LR" else 0
    chained = {box.id for box in diagram.picture.boxes if box.kind in ("op", "scope")}
    found = {}
    for thing in measure(diagram.dot)[1]:
        if "spine" in thing.css and "bypass" not in thing.css and set(thing.ends) <= chained:
            reach = [point[across] for point in thing.points]
            found[thing.ends, thing.css] = max(reach) - min(reach)
    return {line: by for line, by in found.items() if by > 2}, len(found)


def closely(points):
    """A line as points that are at most 3 apart."""
    found = [points[:1]]
    for a, b in pairwise(np.asarray(points)):
        n = max(1, int(np.hypot(*(b - a)) // 3))
        found.append(a + (b - a) * np.linspace(1 / n, 1, n)[:, None])
    return np.concatenate(found)


def together(diagram):
    """Pairs of lines that run on top of each other for 40 points or more; one value that goes to several users may."""
    edges = [t for t in measure(diagram.dot)[1] if t.kind == "edge" and len(t.points) > 3]
    lines = [closely(t.points[:-1]) for t in edges]
    found = []
    for (i, one), (j, other) in combinations(enumerate(edges), 2):
        both = "value" in one.css and "value" in other.css
        if one.ends[0] == other.ends[0] and both:
            continue
        apart = np.hypot(*(lines[i][:, None] - lines[j][None]).transpose(2, 0, 1)).min(1)
        if 3 * np.sum(apart < 1.5) >= 40:
            found.append((one.ends, one.css, other.ends, other.css))
    return found


TANGLED = {"forty": 2, "ridge": 2, "attention": 1, "density": 1}  # how many pairs still do


@pytest.mark.parametrize("name", sorted(set(zoo.ZOO) - set(OVERVIEWS)))
def test_no_line_hides_another(name):
    found = together(cg.draw(zoo.ZOO[name]().backward()))
    assert len(found) <= TANGLED.get(name, 0), found


CHAINS = (
    "neuron",
    "fused",
    "batch",
    "fused_batch",
    "fan_out",
    "sick",
    "circuit",
    "overview",
    "xor",
)


@pytest.mark.parametrize("direction", ["auto", "LR", "TB"])
@pytest.mark.parametrize("name", CHAINS)
def test_a_chain_is_straight(name, direction):
    """From row to row in cards, through the middle of collapsed boxes, with whatever stands between its two lines."""
    if (name, direction) == ("xor", "LR"):
        pytest.skip("parameters on both sides of a layer push a frame aside; it is drawn downwards")
    run = zoo.ZOO[name]().backward()
    bent, lines = bends(cg.draw(run, direction=direction))
    assert lines and not bent
    bent, lines = bends(cg.draw(run, view="collapsed", direction=direction))
    assert not bent


@pytest.mark.parametrize("name", ["neuron", "fused"])
def test_circles_stand_in_a_row(name):
    _, things = measure(cg.draw(zoo.ZOO[name]().backward(), theme="circles").dot)
    where = {t.id: (t.outline.low + t.outline.high) / 2 for t in things if t.kind == "node"}
    ends = {id for t in things if "spine" in t.css for id in t.ends if id in where}
    heights = [where[id] for id in ends]
    assert len(ends) >= 2 and max(heights) - min(heights) < 1


def test_every_share_stands_on_its_arrow_and_no_arrow_runs_into_another():
    x = cg.parameter("x", 3.0)
    run = cg.add(cg.multiply(x, x, name="m"), x, name="y").backward()
    for view in ("auto", "expanded"):
        _, things = measure(cg.draw(run, view=view).dot)
        nodes = {t.id: t for t in things if t.kind == "node"}
        (leaf,) = (t for t in nodes.values() if "parameter" in t.css)
        back = [t for t in things if "gradient" in t.css and t.ends[0] == leaf.id]
        said = sorted("".join(w for _, w in t.texts) for t in back)
        assert said == ["1= 1 × 1", "3= 1 × 3", "3= 1 × 3"]
        assert [w for _, w in leaf.texts][-1] == "∂y/∂x = 3 + 3 + 1 = 7"
        lines = [t.points for t in things if t.kind == "edge" and t.ends[0] == leaf.id]
        for i, one in enumerate(lines):
            for other in lines[i + 1 :]:
                assert min(np.hypot(a - c, b - d) for a, b in one for c, d in other) > 5


@pytest.mark.parametrize("many", [4, 5, 7, 9])
def test_arrow_heads_keep_apart(many):
    """Each line into a card without rows has a place of its own on its border."""
    terms = [cg.parameter(f"w{i}", 1.0) * cg.input(f"a{i}") for i in range(many // 2)]
    z = cg.add(sum(terms[1:], terms[0]), cg.parameter("b", 0.0), name="z")
    _, things = measure(cg.draw(cg.sigmoid(z, name="p")).dot)
    card = next(t for t in things if t.kind == "node" and any("linear" in w for _, w in t.texts))
    tips = [t.points[-1] for t in things if t.kind == "edge" and t.ends[1] == card.id]
    assert len(tips) == 2 * (many // 2) + 1
    assert all(
        np.hypot(a[0] - b[0], a[1] - b[1]) > 7 for i, a in enumerate(tips) for b in tips[i + 1 :]
    )
