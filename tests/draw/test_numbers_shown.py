"""Every number in a picture is the engine's, every `a × b` multiplies out, no gradient enters data, nothing unset is drawn."""

from __future__ import annotations

import math
import re
from itertools import pairwise

import numpy as np
import pytest
from draw.nets import batch, neuron, random_graph, xor
from draw.reading import arrows, groups

import cgraph as cg
from cgraph.draw.model import text
from cgraph.draw.model.text import parse_number

NUMBER = r"−?(?:\d+(?:\.\d+)?(?:·10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)?|∞)|NaN"


def close(shown, value):
    """Whether a shown number is the value rounded to three decimals, or to four digits."""
    return math.isclose(parse_number(shown), value, rel_tol=6e-4, abs_tol=6e-4) or (
        math.isnan(value) and shown == "NaN"
    )


def by_symbol(run):
    return {
        text.symbol(n.basename): n
        for n in run.order
        if n.name and n.basename not in ("loss", "cost")
    }


@pytest.mark.parametrize("view", ["cards", "expanded"])
@pytest.mark.parametrize("seed", range(40))
def test_random_graphs(seed, view):
    run = random_graph(seed).backward()
    diagram = cg.draw(run, view=view)
    nodes = by_symbol(run)
    found = 0
    for classes, _, words in groups(diagram.svg()):
        for above, product in pairwise(words):
            factors = re.fullmatch(f"(≈ )?({NUMBER}) × ({NUMBER})", product)
            if not factors:
                continue
            shown = above.rpartition(" = ")[2]
            a, b = parse_number(factors[2]), parse_number(factors[3])
            assert factors[1] or text.same(a * b, shown), (
                words
            )  # what stands there multiplies out as it stands
            assert abs(a * b - parse_number(shown)) <= 6e-4 * (1 + abs(a) + abs(b)) + 2e-3 * abs(
                a * b
            ), words
            found += 1
            name = re.match(r"∂L/∂(\S+) = ", above)
            if name and name[1] in nodes:
                assert close(shown, float(run.grad(nodes[name[1]])))
        if "value" in classes:
            for word in words:
                name = re.fullmatch(rf"(\S+) = ({NUMBER})", word)
                if name and name[1] in nodes:
                    assert close(name[2], float(run.value(nodes[name[1]])))
    assert found


@pytest.mark.parametrize("seed", range(40))
def test_sums_of_shares_add_up(seed):
    run = random_graph(seed).backward()
    nodes = by_symbol(run)
    for classes, _, words in groups(cg.draw(run, view="expanded").svg()):
        for word in words if "node" in classes else ():
            total = re.fullmatch(rf"∂L/∂(\S+) = (.*) (?:=|≈) ({NUMBER})", word)
            if total and "(left)" not in word and " + " in total[2]:
                shares = [parse_number(s.strip("()")) for s in total[2].split(" + ")]
                value = (
                    float(run.grad(nodes[total[1]]))
                    if total[1] in nodes
                    else parse_number(total[3])
                )
                assert close(total[3], value)
                assert " ≈ " in word or text.same(sum(shares), total[3]), word
                assert abs(sum(shares) - value) <= 6e-4 * (len(shares) + 1) + 1e-3 * sum(
                    map(abs, shares)
                )


@pytest.mark.parametrize(
    "make", [neuron, batch, xor, lambda: neuron("fused"), lambda: batch("fused")]
)
@pytest.mark.parametrize("view", ["auto", "cards", "expanded", "collapsed", "neuron", "layers"])
def test_no_gradient_enters_data(make, view):
    diagram = cg.draw(make().backward(), view=view)
    data = {box.id for box in diagram.picture.boxes if box.kind in ("data", "constant")}
    backward = [
        (tail, head) for tail, head, classes in arrows(diagram.dot) if "gradient" in classes
    ]
    assert backward
    assert not [1 for pair in backward if data & set(pair)]


@pytest.mark.parametrize("make", [neuron, batch, xor])
def test_nothing_is_drawn_that_was_not_computed(make):
    root = make()
    for diagram in (cg.draw(root), cg.draw(root, run=cg.run(root))):
        assert not [1 for _, _, classes in arrows(diagram.dot) if "gradient" in classes]
        assert "∂" not in diagram.dot
    bare = cg.draw(root)
    assert not [w for _, _, words in groups(bare.svg()) for w in words if re.fullmatch(NUMBER, w)]
    assert not any(box.number or box.value for box in bare.picture.boxes)


def test_matrices_hold_the_engines_numbers():
    run = batch().backward()
    nodes = {n.basename: n for n in run.order if n.name}
    wanted = {
        "W": run.grad(nodes["W"]),
        "b": run.grad(nodes["b"]),
        "Z": run.grad(nodes["Z"]),
        "P̂": run.grad(nodes["P_hat"]),
    }
    seen = set()
    for _, _, words in groups(cg.draw(run).svg()):
        heads = [
            i
            for i, w in enumerate(words)
            if re.fullmatch(r"∂C/∂(\S+)( =.*)?", w) and w.count("∂") == 2
        ]
        for i in heads:
            head, _, one = words[i].partition(" =")
            rows = [w for w in words[i + 1 :] if w[:1] in ("[", "⎡", "⎢", "⎣")]
            numbers = [parse_number(n) for w in rows or [one] for n in re.findall(NUMBER, w)]
            name = head.removeprefix("∂C/∂")
            if name in wanted and (rows or re.fullmatch(NUMBER, one.strip())):
                np.testing.assert_allclose(numbers, wanted[name].ravel(), atol=6e-4)
                seen.add(name)
    assert seen == set(wanted)


def test_the_article_s_numbers_are_in_the_picture():
    words = {w for _, _, ws in groups(cg.draw(neuron().backward()).svg()) for w in ws}
    assert {"z = 0", "p̂ = 0.5", "L = 0.693", "∂L/∂p̂ = 2", "1 × 2", "∂L/∂z = 0.5", "2 × 0.25", "∂L/∂b = 0.5", "0.5 × 1",
            "∂L/∂w₁ = 0", "∂p̂/∂z = p̂(1−p̂) = 0.25", "∂z/∂w₁ = x₁ = 0", "z = w₁x₁ + w₂x₂ + b", "∂L/∂L = 1", "seed"} <= words  # fmt: skip


def test_a_stopped_gradient_has_no_arrow():
    w, x = cg.parameter("w", 2.0), cg.input("x", 3.0)
    still = cg.stop_gradient(w * x, name="s")
    loss = cg.square(still + w, name="loss")
    diagram = cg.draw(loss.backward(), view="expanded")
    box = next(b for b in diagram.picture.boxes if b.border == "dotted")
    assert not [
        1 for a in diagram.picture.arrows if a.kind == "gradient" and box.id in (a.tail, a.head)
    ]


def test_a_zero_gradient_is_drawn():
    w = cg.parameter("w", 0.0)
    dot = cg.draw(cg.square(w, name="loss").backward()).dot
    assert "∂L/∂w = 0" in dot


def test_the_bypass_says_what_the_long_way_would_give():
    diagram = cg.draw(neuron("fused").backward())
    assert "(same as 2 × 0.25 the long way)" in diagram.dot.replace("\xa0", " ")
    assert any(box.bypassed for box in diagram.picture.boxes)
    z = cg.parameter("z", 800.0)  # σ is 1 and the textbook's gradient 1/0: no long way to speak of
    assert (
        "the long way"
        not in cg.draw(cg.stable_bce(z, cg.input("y", 0.0), name="loss").backward()).dot
    )
