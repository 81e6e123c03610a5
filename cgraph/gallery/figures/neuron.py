"""Figures 1-25: the neuron, its sigmoid, one example forward and backward, the update."""

from __future__ import annotations

from typing import Any

import cgraph as cg
from cgraph import optim, plots
from cgraph.gallery.api import card, lines, number, op_card, panels, record, replace, show
from cgraph.gallery.figures.nets import neuron, trained_and
from cgraph.gallery.script import Figure, figures

FIGURES: list[Figure] = []
figure = figures(FIGURES)


@figure("1-3", "G", "A neuron: collapsed, expanded, annotated", neuron)
def neuron_three_ways(p: Any) -> None:
    show(
        "fig01_neuron_collapsed",
        cg.draw(p, view="neuron", title="A neuron", caption="two inputs, one output"),
    )
    show(
        "fig02_neuron_expanded",
        cg.draw(p, view="expanded", title="The same neuron, every operation a node"),
    )

    roles = {
        "x₁": "input",
        "x₂": "input",
        "w₁": "weight",
        "w₂": "weight",
        "b": "bias",
        "z": "weighted sum",
        "p̂": "activation",
    }

    def annotate(item):
        role = roles.get(getattr(item, "name", "")) or roles.get(getattr(item, "symbol", ""))
        return replace(item, notes=(role,)) if role else None

    show(
        "fig03_neuron_annotated",
        cg.draw(
            p,
            style=annotate,
            title="The parts of a neuron",
            caption="p̂ estimates the probability that the example is positive",
        ),
    )


@figure(
    "4-6",
    "G",
    "The sigmoid node; neuron = linear + bias + sigmoid; the output layer of any binary classifier",
    neuron,
)
def sigmoid_node(p: Any) -> None:
    z = cg.input("z", 0.0)
    show(
        "fig04_sigmoid_node",
        cg.draw(
            cg.sigmoid(z, name="p_hat"),
            elsewhere=[z],
            title="The sigmoid node",
            caption="any number in, a probability out",
        ),
    )
    show(
        "fig05_neuron",
        cg.draw(
            p,
            theme="circles",
            title="Neuron = linear node with bias, then a sigmoid node",
            caption="",
        ),
    )

    hidden = [cg.input(f"a{i}", 0.0) for i in (1, 2, 3)]
    weights = [cg.parameter(f"w{i}", 0.1) for i in (1, 2, 3)]
    total = weights[0] * hidden[0] + weights[1] * hidden[1] + weights[2] * hidden[2]
    out = cg.sigmoid(cg.add(total, cg.parameter("b", 0.0), name="z"), name="p_hat")
    show(
        "fig06_output_layer",
        cg.draw(
            out,
            elsewhere=hidden,
            title="The output layer of any binary classifier",
            caption="whatever computes a₁, a₂, a₃: the last neuron gives a probability",
        ),
    )


@figure("7", "T", "Formula: the sigmoid")
def formula_sigmoid() -> None:
    show(
        "fig07_sigmoid",
        card("The sigmoid", [op_card("sigmoid", ["z"], "p̂")], "its formula and its local gradient"),
    )
    z = cg.parameter("z", 0.0)
    p = cg.sigmoid(z, name="p")
    run = p.backward()
    record(sigma_0=run.value(p), dsigma_0=run.grad(z))


@figure("8", "P", "The sigmoid curve, read as a probability")
def curve_sigmoid() -> None:
    (ax,) = panels()
    plots.sigmoid(derivative=False, ax=ax)
    show("fig08_sigmoid", ax)


@figure("9, 10", "P", "The AND data, and a line that separates it", trained_and)
def and_data(data: Any, labels: Any, model: Any, W: Any, b: Any) -> None:
    left, right = panels(2, width=5.2, height=5.0)
    plots.scatter(data, labels, square=True, title="The AND gate", ax=left)
    plots.decision_boundary(
        model, data, labels, square=True, title="One line separates it", ax=right
    )
    show("fig09_and_data", [left, right], "The AND gate, and a line that separates it")
    record(X=data, Y=labels, W=W.value, b=b.value)


@figure("11, 17", "G", "Forward on the first example", neuron)
def forward(p: Any, loss: Any) -> None:
    run = cg.run(loss)
    show(
        "fig11_forward_probability",
        cg.draw(p, run=run, title="Forward: the probability of the first example"),
    )
    show("fig17_forward_loss", cg.draw(run, title="Forward: the loss of the first example"))


@figure("12", "T", "Formula: binary cross-entropy")
def formula_bce() -> None:
    show(
        "fig12_bce",
        card(
            "Binary cross-entropy",
            [op_card("bce", ["p̂", "y"], "L")],
            "the loss of one example, and its local gradient",
        ),
    )


@figure("13", "T", "Binary cross-entropy in its two pieces")
def pieces() -> None:
    cards = []
    for y, formula in ((1.0, "L = −ln p̂"), (0.0, "L = −ln(1−p̂)")):
        value = cg.run(cg.bce(0.5, cg.input("y", y))).roots[0].value
        cards.append(lines(f"y = {number(y)}", formula, [f"L(0.5) = {number(value)}"], "loss"))
        record(**{f"loss_y{y:g}": value})
    show(
        "fig13_bce_pieces",
        card(
            "Only one term is alive for each label",
            cards,
            "the formula with y put in, and its value at p̂ = 0.5",
        ),
    )


@figure("14, 16", "P", "Binary cross-entropy for y = 1 and y = 0, and its derivative")
def curve_bce() -> None:
    left, right = panels(2)
    plots.bce(1.0, derivative=False, ax=left)
    plots.bce(0.0, derivative=False, ax=right)
    show("fig14_bce", [left, right], "Binary cross-entropy of the two labels")

    left, right = panels(2)
    plots.bce(1.0, ax=left)
    plots.bce(0.0, ax=right)
    show("fig16_bce_derivative", [left, right], "The same with its derivative: mirror images")


@figure("15", "T", "Formula: the derivative of the loss")
def formula_derivative() -> None:
    cards = [op_card("bce", ["p̂", "y"], "L")]
    for y, formula in ((1.0, "∂L/∂p̂ = −1/p̂"), (0.0, "∂L/∂p̂ = 1/(1−p̂)")):
        p = cg.parameter("p", 0.5)
        slope = cg.bce(p, y).backward().grad(p)
        cards.append(
            lines(f"y = {number(y)}", formula, [f"{number(slope)} at p̂ = 0.5"], "loss", ink="local")
        )
        record(**{f"slope_y{y:g}": slope})
    show(
        "fig15_bce_derivative",
        card("The derivative of the loss", cards, "in general, and for each label"),
    )


@figure(
    "18, 19.a-c", "S", "How gradients flow; backprop on the first example in three steps", neuron
)
def backprop(loss: Any) -> None:
    run = loss.backward()
    show(
        "fig18_gradient_flow",
        cg.draw(
            run,
            values=False,
            title="How gradients flow back",
            caption="every node multiplies what arrives by its local gradient",
        ),
    )
    show("fig19_backprop", cg.frames(run), "Backprop on the first example, step by step")
    show("fig19_circles", cg.draw(run, theme="circles", title="The same in circles"))


@figure("20", "T", "Formula: the local gradients of the linear node", neuron)
def formula_linear(loss: Any, z: Any, w1: Any, w2: Any, b: Any, x1: Any, x2: Any) -> None:
    run = loss.backward()
    rows = [
        f"∂L/∂{name} = {number(run.grad(z))} × {number(local)} = {number(run.grad(w))}"
        for name, w, local in (("w₁", w1, run.value(x1)), ("w₂", w2, run.value(x2)), ("b", b, 1.0))
    ]
    show(
        "fig20_linear",
        card(
            "The linear node hands back upstream × local",
            [lines("linear", "z = w₁x₁ + w₂x₂ + b", rows, "linear", ink="gradient")],
        ),
    )
    record(dL_dz=run.grad(z), dL_dw1=run.grad(w1), dL_dw2=run.grad(w2), dL_db=run.grad(b))


@figure("21", "P", "Descending the loss curve: steps that shrink")
def descent() -> None:
    (ax,) = panels()
    plots.descent(lambda b: cg.bce(cg.sigmoid(b), 0.0), 0.0, lr=1.0, x="b", ax=ax)
    show("fig21_descent", ax)


@figure("22", "T", "Formula: the update", neuron)
def formula_update(loss: Any, w1: Any, w2: Any, b: Any) -> None:
    run = loss.backward()
    rows = []
    for name, w in (("w₁", w1), ("w₂", w2), ("b", b)):
        old, slope = w.value, run.grad(w)
        w.value = old - 1.0 * slope
        rows.append(f"{name} ← {number(old)} − 1 · {number(slope)} = {number(w.value)}")
    show(
        "fig22_update",
        card(
            "Gradient descent, learning rate η = 1",
            [lines("w ← w − η · ∂L/∂w", "", rows, "parameter", ink="changed")],
        ),
    )
    record(w1=w1.value, w2=w2.value, b=b.value)


@figure("23-25", "G", "The update, the second forward pass, the new loss", neuron)
def update(loss: Any, w1: Any, w2: Any, b: Any) -> None:
    before = loss.backward()
    show("fig23_update", cg.frames(before, update=1.0)[-1])
    optim.GradientDescent(lr=1.0).step([w1, w2, b], [before.grad(w) for w in (w1, w2, b)])
    after = loss.backward()
    show(
        "fig24_second_forward",
        cg.draw(cg.run(loss), title=f"Forward again, with b = {number(b.value)}"),
    )
    show(
        "fig25_before_and_after",
        cg.draw.compare(before, after, names=("before the update", "after the update")),
    )
    record(before, "before ")
    record(after, "after ")
