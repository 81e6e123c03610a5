"""Figures 1-25: the neuron, its sigmoid, one example forward and backward, the update."""

from __future__ import annotations

from typing import Any

from cgraph import datasets, plots
from cgraph.draw import Diagram, compare, draw
from cgraph.draw.model.diagram import Arrow, Box, replace
from cgraph.draw.model.text import number
from cgraph.gallery.room import Figure, Neuron, Room, figures, op_card, words_card
from cgraph.leaves import input, parameter
from cgraph.ops.elementwise import add, sigmoid
from cgraph.ops.losses import bce
from cgraph.run import run as evaluate

FIGURES: list[Figure] = []
figure = figures(FIGURES)

_ROLES = {
    "x₁": "input",
    "x₂": "input",
    "w₁": "weight",
    "w₂": "weight",
    "b": "bias",
    "z": "weighted sum",
    "σ": "activation",
}


@figure("1-3", "G", "A neuron: collapsed, expanded, annotated")
def neuron(room: Room) -> None:
    net = Neuron()
    room.diagram(
        "fig01_neuron_collapsed",
        draw(net.p, view="neuron", title="A neuron", caption="two inputs, one output"),
    )
    expanded = draw(
        net.p,
        view="expanded",
        title="The same neuron, expanded",
        caption="every operation is a node",
    )
    room.diagram("fig02_neuron_expanded", expanded)

    def annotate(item: Box | Arrow) -> Box | None:
        role = _ROLES.get(item.symbol) if isinstance(item, Box) else None
        return replace(item, notes=(role,)) if isinstance(item, Box) and role else None

    room.diagram(
        "fig03_neuron_annotated",
        draw(
            net.p,
            style=annotate,
            title="The parts of a neuron",
            caption="p̂ estimates the probability that the example is positive",
        ),
    )


@figure(
    "4-6",
    "G",
    "The sigmoid node; neuron = linear + bias + sigmoid; the output layer of any binary classifier",
)
def sigmoid_node(room: Room) -> None:
    z = input("z", 0.0)
    p = sigmoid(z, name="p_hat")
    room.diagram(
        "fig04_sigmoid_node",
        draw(p, title="The sigmoid node", caption="any number in, a probability out"),
    )
    net = Neuron()
    room.diagram(
        "fig05_neuron",
        draw(
            net.p,
            theme="circles",
            title="Neuron = linear node with bias, then a sigmoid node",
            caption="",
        ),
    )
    hidden = [input(f"a{i}", 0.0) for i in (1, 2, 3)]
    weights = [parameter(f"w{i}", 0.1) for i in (1, 2, 3)]
    total = weights[0] * hidden[0] + weights[1] * hidden[1] + weights[2] * hidden[2]
    out = sigmoid(add(total, parameter("b", 0.0), name="z"), name="p_hat")
    room.diagram(
        "fig06_output_layer",
        draw(out, title="The output layer of any binary classifier",
             caption="whatever computes a₁, a₂, a₃: the last neuron gives a probability"),
    )  # fmt: skip


@figure("7", "T", "Formula: the sigmoid")
def formula_sigmoid(room: Room) -> None:
    room.card(
        "fig07_sigmoid",
        "The sigmoid",
        [op_card("sigmoid", ("z",), "p̂")],
        "formula and local gradient, from the table of ops",
    )
    z = parameter("z", 0.0)
    p = sigmoid(z, name="p")
    run = p.backward()
    room.numbers(sigma_0=run.value(p), dsigma_0=run.grad(z))


@figure("8", "P", "The sigmoid curve, read as a probability")
def curve_sigmoid(room: Room) -> None:
    room.plot("fig08_sigmoid", lambda ax: plots.sigmoid(derivative=False, ax=ax))


@figure("9, 10", "P", "The AND data, and a line that separates it")
def and_data(room: Room) -> None:
    X, Y = datasets.and_gate()
    room.plot("fig09_and_data", lambda ax: plots.scatter(X, Y, title="The AND gate", ax=ax))
    trained = room.and_trained
    room.plot(
        "fig10_and_line",
        lambda ax: plots.decision_boundary(
            trained.model, X, Y, title="One line separates it", ax=ax
        ),
    )
    room.numbers(X=X, Y=Y, **trained.weights)


@figure("11, 17", "G", "Forward on the first example")
def forward(room: Room) -> None:
    net = Neuron()
    run = evaluate(net.loss)
    room.diagram(
        "fig11_forward_probability",
        draw(net.p, run=run, title="Forward: the probability of the first example"),
    )
    room.diagram(
        "fig17_forward_loss",
        draw(net.loss, run=run, title="Forward: the loss of the first example"),
    )
    room.of_run(run)


@figure("12", "T", "Formula: binary cross-entropy")
def formula_bce(room: Room) -> None:
    room.card(
        "fig12_bce",
        "Binary cross-entropy",
        [op_card("bce", ("p̂", "y"), "L")],
        "formula and local gradients, from the table of ops",
    )


def _piece(y: float) -> tuple[float, float]:
    """Loss and slope at p = 0.5, from a run."""
    p = parameter("p", 0.5)
    loss = bce(p, y)
    run = loss.backward()
    return float(run.value(loss)), float(run.grad(p))


@figure("13", "T", "Binary cross-entropy in its two pieces")
def pieces(room: Room) -> None:
    one, zero = _piece(1.0), _piece(0.0)
    cards = [
        words_card("y = 1", "L = −ln p̂", [f"L(0.5) = {number(one[0])}"], "loss"),
        words_card("y = 0", "L = −ln(1−p̂)", [f"L(0.5) = {number(zero[0])}"], "loss"),
    ]
    caption = "the formula with y put in; the value at p̂ = 0.5 from a run"
    room.card("fig13_bce_pieces", "Only one term is alive for each label", cards, caption)
    room.numbers(loss_y1=one[0], loss_y0=zero[0])


@figure("14, 16", "P", "Binary cross-entropy for y = 1 and y = 0, and its derivative")
def curve_bce(room: Room) -> None:
    def paint(left: Any, right: Any) -> None:
        for ax, y in ((left, 1.0), (right, 0.0)):
            plots.bce(y, derivative=False, ax=ax)

    room.plot("fig14_bce", paint, columns=2)
    room.plot(
        "fig16_bce_derivative",
        lambda left, right: (plots.bce(1.0, ax=left), plots.bce(0.0, ax=right)),
        columns=2,
    )


@figure("15", "T", "Formula: the derivative of the loss")
def formula_derivative(room: Room) -> None:
    one, zero = _piece(1.0), _piece(0.0)
    cards = [
        op_card("bce", ("p̂", "y"), "L"),
        words_card("y = 1", "∂L/∂p̂ = −1/p̂", [f"{number(one[1])} at p̂ = 0.5"], "loss"),
        words_card("y = 0", "∂L/∂p̂ = 1/(1−p̂)", [f"{number(zero[1])} at p̂ = 0.5"], "loss"),
    ]
    room.card(
        "fig15_bce_derivative",
        "The derivative of the loss",
        cards,
        "in general, and for each label",
    )
    room.numbers(slope_y1=one[1], slope_y0=zero[1])


@figure("18, 19.a-c", "S", "How gradients flow; backprop on the first example in three steps")
def backprop(room: Room) -> None:
    net = Neuron()
    run = net.loss.backward()
    flow = draw(
        run,
        values=False,
        title="How gradients flow back",
        caption="every node multiplies what arrives by its local gradient",
    )
    room.diagram("fig18_gradient_flow", flow)
    room.steps("fig19_backprop", run)
    room.diagram("fig19_circles", draw(run, theme="circles", title="The same in circles"))
    room.of_run(run)


@figure("20", "T", "Formula: the local gradients of the linear node")
def formula_linear(room: Room) -> None:
    net = Neuron()
    run = net.loss.backward()
    upstream = number(run.grad(net.z))
    rows = [
        f"∂L/∂{name} = {upstream} × {number(run.local(product, i).array)} = {number(run.grad(w))}"
        for name, w, product, i in (*_products(net), ("b", net.b, net.z, 1))
    ]
    room.card(
        "fig20_linear",
        "The linear node hands back upstream × local",
        [words_card("z", "w₁x₁ + w₂x₂ + b", rows, "linear")],
    )
    room.numbers(
        dL_dz=run.grad(net.z),
        dL_dw1=run.grad(net.w1),
        dL_dw2=run.grad(net.w2),
        dL_db=run.grad(net.b),
    )


def _products(net: Neuron) -> list[tuple[str, Any, Any, int]]:
    both = net.z.parents[0]
    return [("w₁", net.w1, both.parents[0], 0), ("w₂", net.w2, both.parents[1], 0)]


@figure("21", "P", "Descending the loss curve: steps that shrink")
def descent(room: Room) -> None:
    room.plot(
        "fig21_descent",
        lambda ax: plots.descent(lambda b: bce(sigmoid(b), 0.0), 0.0, lr=1.0, x="b", ax=ax),
    )
    net = Neuron()
    values = []
    for _ in range(9):
        run = net.loss.backward()
        values.append((float(net.b.value), float(run.value(net.loss))))
        net.update(run)
    room.numbers(b=[b for b, _ in values], loss=[loss for _, loss in values])


@figure("22", "T", "Formula: the update")
def formula_update(room: Room) -> None:
    net = Neuron()
    run = net.loss.backward()
    old = [float(p.value) for p in net.parameters]
    net.update(run)
    rows = [f"{name} ← {number(before)} − 1 · {number(run.grad(p))} = {number(p.value)}"
            for name, before, p in zip(("w₁", "w₂", "b"), old, net.parameters, strict=True)]  # fmt: skip
    room.card(
        "fig22_update",
        "Gradient descent, learning rate η = 1",
        [words_card("w ← w − η · ∂L/∂w", "", rows, "linear")],
    )
    room.numbers(w1=net.w1.value, w2=net.w2.value, b=net.b.value)


@figure("23-25", "G", "The update, the second forward pass, the new loss")
def update(room: Room) -> None:
    net = Neuron()
    before = net.loss.backward()
    room.diagram("fig23_update", _last(before))
    net.update(before)
    after = evaluate(net.loss)
    room.diagram(
        "fig24_second_forward",
        draw(net.loss, run=after, title=f"Forward again, with b = {number(net.b.value)}"),
    )
    room.diagram(
        "fig25_before_and_after",
        compare(before, net.loss.backward(), names=("before the update", "after the update")),
    )
    room.of_run(before, "before ")
    room.of_run(after, "after ")


def _last(run: Any) -> Diagram:
    from cgraph.draw import frames

    return frames(run, update=1.0)[-1]
