"""The views: what is folded, collapsed, focused on or marked, and that big graphs stay quick."""

from __future__ import annotations

import re
import time

import numpy as np
import pytest
from draw.geometry import faults
from draw.nets import batch, mlp, neuron, xor

import cgraph as cg
from cgraph.errors import DrawError


def symbols(diagram, *kinds):
    return [b.symbol for b in diagram.picture.boxes if b.kind in (kinds or ("op",))]


def test_unnamed_arithmetic_is_one_card():
    assert symbols(cg.draw(neuron())) == ["linear", "σ", "BCE"]
    assert symbols(cg.draw(batch())) == ["linear", "σ", "mean BCE"]
    assert symbols(cg.draw(neuron(), view="expanded")) == ["×", "×", "+", "+", "σ", "BCE"]


def test_a_node_used_twice_is_never_folded():
    x = cg.parameter("x", 2.0)
    s = x * x
    diagram = cg.draw(cg.square(s + cg.exp(s), name="loss"))
    assert "×" in symbols(diagram)


def test_broadcasts_are_folded_until_asked_for():
    assert "⇉" not in symbols(cg.draw(batch(), view="expanded"))
    shown = cg.draw(batch().backward(), view="expanded", broadcasts=True)
    assert "⇉" in symbols(shown) and "∂C/∂b = Σ ∂C/∂repeated" in shown.dot


def test_a_broadcast_against_data_of_unknown_size_can_be_shown():
    X, W = cg.input("X", shape=(3, None)), cg.parameter("W", np.ones((2, 3)))
    run = cg.mean(cg.tanh(W @ X + cg.parameter("b", np.zeros((2, 1)))), name="c").backward(
        {X: np.ones((3, 2))}
    )
    for view in ("cards", "expanded"):
        shown = cg.draw(run, view=view, broadcasts=True)
        assert (
            "⇉" in symbols(shown)
            and "∂c/∂b = Σ₁ ∂c/∂repeated" in shown.dot
            and "b  (left)" not in shown.dot
        )


def test_a_factor_alone_is_written_as_a_number():
    x = cg.parameter("x", 2.0)
    (row,) = next(
        b for b in cg.draw(cg.exp(-x / 2.0).backward()).picture.boxes if b.symbol == "linear"
    ).rows
    assert row.formula in ("−½", "−1/2") and row.value == "−0.5"


def test_many_leaves_have_room_to_fan_out():
    total = cg.parameter("w", 1.0)
    for i in range(1, 14):
        total = total + cg.parameter(f"w{i}", 1.0)
    crowd = [
        line
        for line in cg.draw(cg.square(total, name="y")).dot.splitlines()
        if " -> " in line and "goes into" in line
    ]
    assert sum("minlen=3" in line for line in crowd) == 14
    assert "minlen=3" not in cg.draw(neuron().backward()).dot


@pytest.mark.parametrize("theme", ["cards", "circles"])
def test_kind_is_told_by_shape_in_every_theme(theme):
    diagram = cg.draw(neuron().backward(), theme=theme)
    for box in diagram.picture.boxes:
        if box.kind in ("data", "parameter"):
            line = next(
                words for words in diagram.dot.splitlines() if words.startswith(f" {box.id} [")
            )
            assert ("shape=circle" in line) is (box.kind == "data")


@pytest.mark.parametrize(
    "wrong",
    [{"precision": 2.5}, {"precision": "a"}, {"precision": 18}, {"direction": "up"}, {"dpi": 0}, {"around": 3}, {"focus": "w"},
     {"theme": 5}, {"title": 5}, {"style": 5}, {"collapse": "x"}, {"hops": -1}],
    ids=str,
)  # fmt: skip
def test_a_wrong_option_is_one_clear_error(wrong):
    with pytest.raises(DrawError, match=next(iter(wrong))):
        cg.draw(neuron(), **wrong)


def test_shapes_that_are_not_known_yet():
    X = cg.input("X", shape=(2, None))
    W, b = cg.parameter("W", [[0.1, 0.6]]), cg.parameter("b", [[0.0]])
    Z = cg.add(W @ X, b, name="Z")
    diagram = cg.draw(Z)
    assert symbols(diagram) == ["linear"] and "1×?" in diagram.dot
    assert "1×3" in cg.draw(Z, run=cg.run(Z, {X: np.ones((2, 3))})).dot


def test_layers_and_collapsed_layers():
    run = xor().backward()
    layers = cg.draw(run)
    assert [g.label for g in layers.picture.groups] == [
        "layer 1   linear 2→3, σ   9 parameters",
        "layer 2   linear 3→1   4 parameters",
        "stable_bce(Z₂, Y)   one op",
    ]
    assert [b.name for b in layers.picture.boxes if b.bypassed] == ["P̂"]
    collapsed = cg.draw(run, view="collapsed")
    assert set(symbols(collapsed, "scope")) == {"layer 1", "layer 2"}
    box = next(b for b in collapsed.picture.boxes if b.symbol == "layer 1")
    inside = [n for n in run.order if n.scope == "layer1"]
    largest = max(float(np.abs(run.value(n)).max()) for n in inside)
    slope = max(float(np.abs(run.grad(n)).max()) for n in inside if run.has_grad(n))
    assert box.value == (f"max |value| {cg.draw.model.text.number(largest)}",)
    assert box.total == (f"max |∂| {cg.draw.model.text.number(slope)}",)
    assert symbols(cg.draw(neuron().backward(), view="neuron"), "scope") == ["neuron"]


def test_identical_scopes_are_folded():
    diagram = cg.draw(mlp(10).backward())
    assert any(g.label == "ex[0 … 9]   10 identical scopes, folded" for g in diagram.picture.groups)
    assert "×640" in diagram.dot and "136 ops in each" in diagram.dot.replace("\xa0", " ")
    assert "2,084 nodes" in diagram.title


def test_raw_big_graphs_are_refused_with_advice():
    loss = mlp(10, scoped=False)
    with pytest.raises(DrawError, match=r"cannot be read.*cg\.scope.*focus=.*force=True"):
        cg.draw(loss, view="cards")
    assert len(cg.draw(loss, view="cards", force=True).picture.boxes) > 300
    assert len(cg.draw(loss).picture.boxes) < 20


@pytest.mark.slow
@pytest.mark.parametrize("scoped", [True, False])
def test_big_graphs_are_quick(scoped):
    run = mlp(10, scoped=scoped).backward()
    start = time.process_time()
    cg.draw(run).svg()
    assert time.process_time() - start < 1.0
    run = mlp(500, scoped=scoped).backward()
    assert len(run.order) > 99_000
    start = time.process_time()
    cg.draw(run).svg()
    assert time.process_time() - start < 5.0


@pytest.mark.slow
@pytest.mark.parametrize("op", [cg.sin, lambda x: x + 1.0])
def test_deep_chains(op):
    x = y = cg.parameter("x", 0.5)
    for _ in range(100_000):
        y = op(y)
    start = time.process_time()
    cg.draw(y.backward()).svg()
    assert time.process_time() - start < 8.0
    assert cg.draw(y, around=x, hops=2).picture.boxes or True


def test_focus():
    root = xor()
    run = root.backward()
    W = next(n for n in run.order if n.basename == "W1")
    diagram = cg.draw(run, focus=W)
    assert (
        symbols(diagram) == ["linear", "σ", "linear", "mean BCE from logits"]
        and diagram.title == "Focus: how does W₁ reach the cost?"
    )
    assert symbols(diagram, "pill") == ["X, b₁", "W₂, b₂", "Y"]
    big = mlp(10).backward()
    w = next(n for n in big.order if n.kind == "parameter")
    far = cg.draw(big, focus=w)
    assert "the heaviest of" in far.caption and len(symbols(far)) < 10
    with pytest.raises(DrawError, match="not part of this graph"):
        cg.draw(run, focus=cg.parameter("v", 1.0))


def test_paths_are_counted():
    x = cg.parameter("x", 1.0)
    a = cg.exp(x, name="a")
    root = cg.add(cg.sin(a, name="s"), cg.cos(a, name="c"), name="y")
    assert "on 2 paths" in cg.draw(root.backward(), focus=x).caption


def test_neighbourhood():
    run = xor().backward()
    A = next(n for n in run.order if n.basename == "A1")
    assert symbols(cg.draw(run, around=A, hops=1)) == ["linear", "σ", "linear"]
    assert "mean BCE from logits" in symbols(cg.draw(run, around=A, hops=2))


def test_health():
    w, x, y = cg.parameter("w", -800.0), cg.input("x", 1.0), cg.input("y", 1.0)
    p = cg.sigmoid(w * x, name="p_hat")
    loss = cg.negative(y * cg.log(p), name="loss")
    marks = {
        b.symbol: (b.health, b.badge)
        for b in cg.draw(loss.backward(), view="health").picture.boxes
        if b.kind == "op"
    }
    assert marks["ln"] == ("bad", "❶ first non-finite")
    assert marks["Loss"] == ("after", "")
    assert marks["σ"] == ("saturated", "▲ saturated")
    healthy = cg.draw(neuron().backward(), view="health")
    assert "every value is finite" in healthy.caption and not any(
        b.health for b in healthy.picture.boxes
    )


def test_two_runs_side_by_side():
    loss = neuron()
    before = loss.backward()
    b = next(n for n in before.order if n.name == "b")
    b.value = -0.5
    diagram = cg.draw.compare(before, loss.backward())
    assert (
        diagram.caption
        == "before → after: b: 0 → −0.5; z: 0 → −0.5; p̂: 0.5 → 0.378; L: 0.693 → 0.474"
    )
    numbers = {box.symbol: box.number for box in diagram.picture.boxes}
    assert numbers["b"] == "0 → −0.5" and numbers["w₁"] == "0.1"
    labels = {arrow.label for arrow in diagram.picture.arrows}
    assert ("z = 0 → −0.5",) in labels and ("∂L/∂z = 0.5 → 0.378",) in labels
    sigma = next(box for box in diagram.picture.boxes if box.symbol == "σ")
    assert sigma.rows[0].text == "∂p̂/∂z = p̂(1−p̂) = 0.25 → 0.235"
    assert not faults(diagram)
    two = cg.draw.compare(
        batch().backward(), batch("fused").backward(), names=("textbook", "fused")
    )
    assert symbols(two) == [
        "linear",
        "σ",
        "mean BCE",
        "linear",
        "σ",
        "mean BCE from logits",
    ] and not symbols(two, "data", "parameter")
    assert [group.label for group in two.picture.groups][:2] == [
        "textbook",
        "fused",
    ] and not faults(two)
    assert cg.draw.compare(neuron(), neuron("fused")).title == "BCE and BCE from logits"
    tree = str(two).split("\n")
    assert tree.index("textbook:") < tree.index("fused:")
    assert "BCE from logits" in tree[tree.index("fused:") + 1]
    mermaid = two.mermaid
    first, second = re.findall(r'^  subgraph \w+\["(.*)"\]', mermaid, re.M)
    assert (first, second) == ("textbook", "fused")
    assert mermaid.count("subgraph ") == len(re.findall(r"^ *end$", mermaid, re.M)) == 3


def test_a_focus_adds_up():
    run = mlp(10).backward()
    w = next(n for n in run.order if n.kind == "parameter")
    diagram = cg.draw(run, focus=w)
    (line,) = next(box for box in diagram.picture.boxes if box.kind == "parameter").total
    terms = line.partition(" = ")[2].replace("(other paths) ", "").replace(" ≈ ", " = ")
    shares, whole = terms.split(" = ")
    total = sum(cg.draw.model.text.parse_number(t.strip("()")) for t in shares.split(" + "))
    assert abs(total - float(run.grad(w))) < 1e-3 and whole == cg.draw.model.text.number(
        run.grad(w)
    )
    assert not faults(diagram)


def test_the_guilty_entry_and_its_victims_are_marked():
    X, w = (
        cg.input("X", np.array([[1.0, 2.0], [0.5, -1.0]])),
        cg.parameter("w", np.array([[0.4, 0.2]])),
    )
    cost = cg.sum(cg.matmul(w, cg.log(X, name="F"), name="z"), name="cost")
    diagram = cg.draw(cost.backward(), view="health")
    marks = {box.symbol: box for box in diagram.picture.boxes}
    assert marks["ln"].notes == ("X[1, 1] = −1 → NaN",) and "X[1, 1] = −1 → NaN" in diagram.caption
    assert (
        marks["w"].health == "after"
        and marks["w"].badge == "✗ gradient not finite"
        and not marks["X"].health
    )


def test_several_roots_and_lonely_leaves():
    x = cg.parameter("x", 1.0)
    a, b = cg.exp(x, name="a"), cg.sin(x, name="b")
    assert (
        len([1 for box in cg.draw([a, b], run=cg.run([a, b])).picture.boxes if box.kind == "end"])
        == 2
    )
    for leaf in (x, cg.input("y"), cg.constant(2.0), cg.constant(np.eye(3))):
        cg.draw(leaf).svg()
    cg.draw(x.backward()).svg()
    with pytest.raises(DrawError, match="takes a node"):
        cg.draw([])


def test_fan_out_shows_the_sum_of_the_shares_once():
    x = cg.parameter("x", 3.0)
    y = cg.add(cg.multiply(x, x, name="m"), x, name="y")
    diagram = cg.draw(y.backward(), view="expanded")
    assert diagram.dot.count("∂y/∂x = 3 + 3 + 1 = 7</B>") == 1


def test_text_and_mermaid():
    text = str(cg.draw(neuron().backward()))
    assert "├─ w₂  = 0.6   ◂ ∂L/∂w₂ = 0 = 0.5 × 0" in text
    mermaid = cg.draw(neuron("fused").backward()).mermaid
    assert (
        mermaid.startswith("flowchart LR\n") and "-.->" in mermaid and mermaid.count('"') % 2 == 0
    )


def test_cross_entropy_over_classes_shows_the_softmax_it_bypasses() -> None:
    z = cg.parameter("Z", np.array([[0.5, 1.0, -1.0], [0.0, 2.0, 0.3]]))
    for labels in (cg.input("Y", np.eye(3)[[0, 2]]), cg.input("k", np.array([0, 2]))):
        cost = cg.mean(cg.stable_cross_entropy(z, labels, name="L"), name="C")
        shown = cg.draw(cost, run=cost.backward()).dot
        assert "bypassed backward" in shown and "softmax₁(Z)" in shown and "CE from logits" in shown
        # The probabilities are softmax's, the gradient that is drawn is P − Y, shared over two examples.
        p = np.exp(z.value) / np.exp(z.value).sum(axis=1, keepdims=True)
        assert f"{p[0, 1]:.3f}" in shown and f"{abs((p[0, 0] - 1) / 2):.3f}" in shown


def test_a_loop_opens():
    w, xs = cg.parameter("w", 0.5), cg.input("xs", [1.0, 2.0, 3.0])
    h, _ = cg.scan(lambda h, x: (cg.tanh(w * h + x), None), cg.parameter("h", 0.25), xs)
    loss = cg.square(h, name="loss")
    (loop,) = h.parents
    for root, node in ((loss, h), (loss, loop), (loss.backward(), h)):
        drawn = cg.draw(root, open=node)
        assert "3 times" in drawn.title and any(b.symbol == "tanh" for b in drawn.picture.boxes)
    first = {b.name: b.number for b in drawn.picture.boxes}
    assert (first["w"], first["h"], first["x"]) == ("0.5", "0.25", "1")
    branch = cg.cond(w > 0.0, lambda: w * 2.0, lambda: w * 3.0)
    assert "branches" in cg.draw(branch, open=branch).title
    with pytest.raises(DrawError, match="nothing is inside"):
        cg.draw(loss, open=w)
