"""Figures 26-64: the batch, its cost and threshold, the formula that breaks, and the one that does not."""

from __future__ import annotations

from typing import Any

import numpy as np

from cgraph import metrics, plots
from cgraph.draw import draw
from cgraph.draw.model.diagram import Arrow, Box, replace
from cgraph.draw.model.text import matrix, number
from cgraph.gallery.room import Batch, Figure, Neuron, Room, figures, op_card, words_card
from cgraph.leaves import input, parameter
from cgraph.ops.elementwise import add, log, multiply, negative, sigmoid, softplus, subtract
from cgraph.ops.losses import bce, mse, stable_bce
from cgraph.ops.reduction import mean
from cgraph.run import run as evaluate

FIGURES: list[Figure] = []
figure = figures(FIGURES)
THRESHOLDS = (1e-9, 1e-5, 0.5, 0.9999)


@figure("26", "T", "Formula: the cost is the mean of the losses")
def formula_cost(room: Room) -> None:
    net = Batch()
    losses = bce(net.P, net.Y)
    run = evaluate([losses, net.cost])
    card = words_card(
        "Cost",
        "C = (1/m) Σ L",
        [f"C = {number(run.value(net.cost))}"],
        "loss",
        matrix(run.value(losses)),
    )
    room.card("fig26_cost", "The cost of a batch", [card], "one loss an example, and their mean")
    room.numbers(losses=run.value(losses), cost=run.value(net.cost))


@figure("27-29", "G", "The vectorised cost of two examples and its Jacobian")
def jacobian(room: Room) -> None:
    net = Batch(examples=2)
    run = net.cost.backward()
    room.diagram("fig27_two_examples", draw(run, title="Two examples at once"))
    losses = net.cost.parents[0]
    dense = run.local(losses, net.P).dense()
    square = dense.reshape(losses.size or 0, net.P.size or 0)
    average = run.local(net.cost, losses).dense()
    cards = [
        words_card("∂L/∂P̂", "each loss depends on its own p̂ alone", [], "loss", matrix(square)),
        words_card(
            "∂C/∂L", "the mean gives each loss the same weight", [], "loss", matrix(average)
        ),
        words_card("∂C/∂P̂", "their product", [], "loss", matrix(run.grad(net.P))),
    ]
    room.card(
        "fig28_jacobian",
        "The Jacobian is diagonal",
        cards,
        "local.dense() of the two ops, and the gradient that comes out",
    )
    room.numbers(jacobian=square, mean=average, dC_dP=run.grad(net.P))
    room.diagram(
        "fig29_two_examples_forward",
        draw(net.cost, run=evaluate(net.cost), title="Two examples forward"),
    )


@figure("30", "T", "Formula: why the gradient is averaged")
def formula_average(room: Room) -> None:
    net = Batch()
    run = net.cost.backward()
    each = bce(net.P, net.Y)
    whole = each.backward(upstream=np.ones((1, 4)))
    rows = [
        f"Σ over the batch: {number(whole.grad(net.b))}",
        f"mean over the batch: {number(run.grad(net.b))}",
    ]
    room.card(
        "fig30_average",
        "The mean keeps the step independent of the batch's size",
        [words_card("∂/∂b", "", rows, "linear")],
    )
    room.numbers(summed=whole.grad(net.b), averaged=run.grad(net.b))


@figure(
    "31-34", "G", "The vectorised linear node, the data, the batch forward, the cost in two colours"
)
def forward(room: Room) -> None:
    net = Batch()
    run = evaluate(net.cost)
    room.diagram(
        "fig31_linear_node",
        draw(
            net.Z,
            title="The vectorised linear node",
            caption="one matrix product for the whole batch",
        ),
    )
    room.diagram("fig32_data", draw(net.Z, run=run, title="The data: examples are columns"))
    room.diagram("fig33_forward", draw(net.cost, run=run, title="The batch forward"))
    positive = negative(mean(multiply(net.Y, log(net.P))), name="C_p")
    other = negative(mean(multiply(subtract(1.0, net.Y), log(subtract(1.0, net.P)))), name="C_n")
    cost = add(positive, other, name="cost")

    def two_colours(item: Box | Arrow) -> Box | None:
        tone = (
            {"Cₚ": "data", "Cₙ": "activation"}.get(item.symbol) if isinstance(item, Box) else None
        )
        return replace(item, tone=tone) if isinstance(item, Box) and tone else None

    both = evaluate(cost)
    room.diagram(
        "fig34_cost_parts",
        draw(cost, run=both, style=two_colours, title="The cost, from positive and negative examples",
             caption="green: what the positive examples cost; red: what the negative ones cost"),
    )  # fmt: skip
    room.of_run(run)
    room.numbers(positive=both.value(positive), negative=both.value(other), cost=both.value(cost))


@figure("35.a-c", "S", "Backprop on the batch")
def backprop(room: Room) -> None:
    net = Batch()
    run = net.cost.backward()
    room.steps("fig35_batch", run)
    room.of_run(run)


@figure("36-38", "G", "The update, forward again, the new cost")
def update(room: Room) -> None:
    from cgraph.draw import frames

    net = Batch()
    before = net.cost.backward()
    room.diagram("fig36_update", frames(before, update=1.0)[-1])
    net.update(before)
    after = net.cost.backward()
    room.diagram(
        "fig37_forward_again",
        draw(net.cost, run=evaluate(net.cost), title="Forward again: the cost has sunk"),
    )
    room.diagram("fig38_next_gradients", draw(after, title="The gradients of the second iteration"))
    room.of_run(before, "before ")
    room.of_run(after, "after ")


@figure("39, 46", "P", "AND after 5000 epochs: cost curve, boundary, shaded boundary")
def trained(room: Room) -> None:
    net = room.and_trained

    def boundaries(left: Any, right: Any) -> None:
        plots.decision_boundary(net.model, net.X, net.Y, title="AND: boundary", ax=left)
        plots.decision_boundary(net.model, net.X, net.Y, shaded=True, title="AND: shaded", ax=right)

    room.plot(
        "fig39_cost", lambda ax: plots.learning_curve(net.costs, title="AND: the cost sinks", ax=ax)
    )
    room.plot("fig46_boundary", boundaries, columns=2)
    room.numbers(cost=net.cost, P=net.P, **net.weights)


@figure("40, 42", "T", "Formulas: the sigmoid's sign, and the threshold")
def formula_sign(room: Room) -> None:
    rows = []
    for value in (-2.0, 0.0, 2.0):
        z = input("z", value)
        rows.append(f"z = {number(value)}: p̂ = {number(evaluate(p := sigmoid(z)).value(p))}")
    room.card(
        "fig40_sign",
        "The sign of z decides",
        [words_card("σ", "z > 0, = 0, < 0: p̂ > 0.5, = 0.5, < 0.5", rows, "activation")],
    )
    room.card(
        "fig42_threshold",
        "Positive when p̂ reaches the threshold t",
        [words_card("p̂ ≥ t", "z ≥ ln(t / (1 − t))", [], "activation")],
    )


@figure("41", "P", "The sigmoid, read as a probability, with its threshold")
def curve_threshold(room: Room) -> None:
    room.plot("fig41_sigmoid_probability", lambda ax: plots.sigmoid(ax=ax))


def _logit(t: float) -> float:
    node = log(input("t", t) / (1.0 - input("t", t)))
    return float(evaluate(node).value(node))


@figure("43-45", "T", "From the threshold to the boundary line")
def boundary_line(room: Room) -> None:
    net = room.and_trained
    W, b_ = net.net.parameters
    (w1, w2), b = W.value.ravel(), float(b_.value.reshape(()))
    rows = ["w₁x₁ + w₂x₂ + b = logit(t)", "x₂ = (logit(t) − b − w₁x₁) / w₂"]
    lines = [
        f"t = {number(t, 4)}: x₂ = {number((_logit(t) - b) / w2)} − {number(w1 / w2)}·x₁"
        for t in THRESHOLDS
    ]
    cards = [
        words_card("boundary", "p̂ = t", rows, "activation"),
        words_card("lines", "of the trained neuron", lines, "linear"),
    ]
    room.card("fig43_boundary", "The boundary is a line", cards, "logit(t) = ln(t / (1 − t))")
    room.numbers(logits={str(t): _logit(t) for t in THRESHOLDS}, W=[w1, w2], b=b)


@figure("47.a-d", "P", "Four thresholds: boundary, shaded boundary, distances")
def thresholds(room: Room) -> None:
    net = room.and_trained
    accuracy = {}
    for letter, t in zip("abcd", THRESHOLDS, strict=True):

        def paint(left: Any, middle: Any, right: Any, t: float = t) -> None:
            plots.decision_boundary(
                net.model, net.X, net.Y, threshold=t, title=f"threshold {t:g}", ax=left
            )
            plots.decision_boundary(
                net.model, net.X, net.Y, threshold=t, shaded=True, title="shaded", ax=middle
            )
            plots.decision_boundary(
                net.model, net.X, net.Y, threshold=t, distances=True, title="distances", ax=right
            )

        room.plot(f"fig47{letter}_threshold", paint, columns=3, width=5.4, height=5.2)
        accuracy[f"{t:g}"] = metrics.accuracy(net.Y, net.P >= t)
    room.numbers(accuracy=accuracy)


@figure("48", "T", "Formula: what breaks at p̂ = 0 and p̂ = 1")
def formula_breaks(room: Room) -> None:
    rows, shown = [], {}
    for value, y in ((0.0, 1.0), (1.0, 0.0), (1.0, 1.0)):
        p = parameter("p", value)
        loss = bce(p, y)
        run = loss.backward()
        rows.append(
            f"p̂ = {number(value)}, y = {number(y)}: L = {number(run.value(loss))}, ∂L/∂p̂ = {number(run.grad(p))}"
        )
        shown[f"p={value:g}, y={y:g}"] = [number(run.value(loss)), number(run.grad(p))]
    room.card(
        "fig48_breaks",
        "The textbook formula at its ends",
        [words_card("BCE", "−y ln p̂ − (1−y) ln(1−p̂)", rows, "loss")],
    )
    room.numbers(**shown)


@figure("49, 50", "P", "The logarithm and its gradient near 0")
def curve_log(room: Room) -> None:
    words: dict[str, Any] = {
        "label": "ln p̂",
        "slope": "1/p̂",
        "x": "p̂",
        "title": "ln and its gradient near 0",
    }
    room.plot("fig49_log", lambda ax: plots.function(log, 0.02, 3.0, ax=ax, **words))


@figure("51, 52", "G", "A graph that overflows, diagnosed in the picture")
def overflow(room: Room) -> None:
    w, x, y = parameter("w", -800.0), input("x", 1.0), input("y", 1.0)
    p = sigmoid(add(w * x, parameter("b", 0.0), name="z"), name="p_hat")
    loss = negative(y * log(p), name="loss")
    run = loss.backward()
    room.diagram("fig51_overflow", draw(run, view="health", title="Where did the NaN come from?"))
    fused = stable_bce(p.parents[0], y, name="loss")
    cured = fused.backward()
    room.diagram(
        "fig52_cured", draw(cured, view="health", title="The fused loss on the same numbers")
    )
    room.of_run(run)
    room.of_run(cured, "fused ")


@figure("53, 54, 56, 58", "T", "Formulas: softplus, and the loss from logits")
def formula_softplus(room: Room) -> None:
    room.card(
        "fig53_softplus",
        "Softplus",
        [op_card("softplus", ("z",), "s")],
        "ln(1 + e^z) without overflow",
    )
    rows = []
    for value in (-800.0, 0.0, 800.0):
        z = parameter("z", value)
        run = (s := softplus(z)).backward()
        rows.append(
            f"z = {number(value)}: softplus {number(run.value(s))}, slope {number(run.grad(z))}"
        )
    room.card(
        "fig54_softplus_ends",
        "It is finite at both ends",
        [words_card("softplus", "", rows, "activation")],
    )
    for name, y in (("fig56_positive", 1.0), ("fig58_negative", 0.0)):
        rows = []
        for value in (-40.0, 0.0, 40.0):
            z = parameter("z", value)
            run = (loss := stable_bce(z, y)).backward()
            rows.append(
                f"z = {number(value)}: L = {number(run.value(loss))}, ∂L/∂z = {number(run.grad(z))}"
            )
        formula = "L = ln(1 + e⁻ᶻ)" if y else "L = ln(1 + eᶻ)"
        room.card(
            name,
            f"The loss from a logit, y = {number(y)}",
            [words_card("BCE∘σ", formula, rows, "loss")],
        )


def _loss_of(y: float) -> Any:
    return lambda z: stable_bce(z, y)


@figure("55, 57, 59", "P", "The exponentials, and the stable form at both ends")
def curve_stable(room: Room) -> None:
    def paint(left: Any, right: Any) -> None:
        for ax, y in ((left, 1.0), (right, 0.0)):
            words: dict[str, Any] = {
                "label": f"loss, y = {y:g}",
                "slope": "∂L/∂z",
                "x": "z",
                "title": f"stable, y = {y:g}",
            }
            plots.function(_loss_of(y), -12, 12, ax=ax, **words)

    from cgraph.ops.elementwise import exp

    room.plot("fig55_exponentials", lambda ax: plots.function(lambda z: exp(-z), -4, 4, label="e^(−z)", slope=None, x="z",
                                                               title="e^(−z) grows without bound on the left", ax=ax))  # fmt: skip
    room.plot("fig57_stable", paint, columns=2)


@figure("60-62, 64", "T", "Formulas: the product of the two derivatives collapses")
def formula_collapse(room: Room) -> None:
    net = Neuron()
    run = net.loss.backward()
    fused = Neuron(fused=True)
    short = fused.loss.backward()
    rows = [
        f"∂L/∂p̂ · ∂p̂/∂z = {number(run.grad(net.p))} × {number(run.local(net.p, net.z).array)} = {number(run.grad(net.z))}",
        f"p̂ − y = {number(run.value(net.p))} − {number(run.value(net.y))} = {number(short.grad(fused.z))}",
    ]
    product = words_card("∂L/∂z", "(p̂−y) / (p̂(1−p̂)) · p̂(1−p̂) = p̂ − y", rows, "loss")
    cards = [op_card("bce", ("p̂", "y"), "L"), op_card("sigmoid", ("z",), "p̂"), product]
    room.card("fig60_collapse", "(p̂−y) / (p̂(1−p̂)) times p̂(1−p̂) is p̂ − y", cards)
    whole = op_card("stable_bce", ("z", "y"), "L")
    room.card(
        "fig64_stable_bce",
        "The fused node",
        [whole],
        "formula and local gradients, from the table of ops",
    )
    room.numbers(long_way=run.grad(net.z), short_way=short.grad(fused.z))


@figure("62b", "P", "The flat ends of the sigmoid")
def curve_flat(room: Room) -> None:
    room.plot(
        "fig62b_flat_ends",
        lambda ax: plots.sigmoid(
            limit=12.0, title="Far from 0 the sigmoid's gradient vanishes", ax=ax
        ),
    )


@figure("63", "G", "Forward and backward after the fusion: the sigmoid is bypassed")
def fused(room: Room) -> None:
    net = Neuron(fused=True)
    run = net.loss.backward()
    room.diagram("fig63_fused", draw(run, title="Forward and backward with the fused loss"))
    batch = Batch(fused=True)
    room.diagram("fig63_fused_batch", draw(batch.cost.backward(), title="The same on the batch"))
    room.of_run(run)


@figure("63b", "P, G", "The saturating gradient")
def saturating(room: Room) -> None:
    w, x, y = parameter("w", 40.0), input("x", 1.0), input("y", 0.0)
    p = sigmoid(add(w * x, parameter("b", 0.0), name="z"), name="p_hat")
    run = (loss := mse(p, y, name="loss")).backward()
    room.diagram(
        "fig63b_saturated",
        draw(loss, run=run, view="health", title="A wrong and certain neuron learns nothing"),
    )
    z = parameter("z", np.linspace(-12, 12, 200))
    curves = {}
    for name, loss in (
        ("squared error", mse(sigmoid(z), 0.0)),
        ("fused cross-entropy", stable_bce(z, 0.0)),
    ):
        curves[name] = loss.backward(upstream=np.ones(200)).grad(z)

    def paint(ax: Any) -> None:
        from cgraph.plots import style

        ax = style.axes(ax)
        for name, slope in curves.items():
            ax.plot(z.value, slope, label=f"∂L/∂z, {name}", linewidth=2)
        style.legend(ax)
        style.name(
            ax, "Only the fused gradient survives where it is needed (y = 0)", "z", "gradient"
        )

    room.plot("fig63b_gradients", paint)
    room.of_run(run)
