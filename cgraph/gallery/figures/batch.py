"""Figures 26-47: the batch, its cost and Jacobian, training, the classification threshold."""

from __future__ import annotations

from typing import Any

import numpy as np

import cgraph as cg
from cgraph import metrics, optim, plots
from cgraph.gallery.api import card, lines, matrix, number, panels, record, replace, show
from cgraph.gallery.figures.nets import batch, trained_and, two_examples
from cgraph.gallery.script import Figure, figures

FIGURES: list[Figure] = []
figure = figures(FIGURES)


@figure("26", "T", "Formula: the cost is the mean of the losses", batch)
def formula_cost(P: Any, Y: Any, cost: Any) -> None:
    losses = cg.bce(P, Y)
    run = cg.run([losses, cost])
    box = lines(
        "Cost",
        "C = (1/m) Σ L",
        [f"C = {number(run.value(cost))}"],
        "loss",
        matrix(run.value(losses)),
    )
    show("fig26_cost", card("The cost of a batch", [box], "one loss per example, and their mean"))
    record(losses=run.value(losses), cost=run.value(cost))


@figure("27-29", "G", "The vectorised cost of two examples and its Jacobian", two_examples)
def jacobian(P: Any, losses: Any, cost: Any) -> None:
    run = cost.backward()
    show("fig27_two_examples", cg.draw(run, title="Two examples at once"))
    each = run.local(losses, P).dense().reshape(2, 2)
    average = run.local(cost, losses).dense().reshape(1, 2)
    cards = [
        lines(
            "∂L/∂P̂", "each loss depends on its own p̂ alone", [], "loss", matrix(each), ink="local"
        ),
        lines(
            "∂C/∂L",
            "the mean gives each loss the same weight",
            [],
            "loss",
            matrix(average),
            ink="local",
        ),
        lines("∂C/∂P̂", "∂C/∂L · ∂L/∂P̂", [], "loss", matrix(run.grad(P)), ink="gradient"),
    ]
    equation = f"{matrix(average)[0]} · [{number(each[0, 0])} 0; 0 {number(each[1, 1])}] = {matrix(run.grad(P))[0]}"
    show("fig28_jacobian", card("The Jacobian is diagonal", cards, equation))
    record(jacobian=each, mean=average, dC_dP=run.grad(P))
    show("fig29_two_examples_forward", cg.draw(cg.run(cost), title="Two examples forward"))


@figure("30", "T", "Formula: why the gradient is averaged")
def formula_average() -> None:
    def bias_gradient(copies, reduce):  # the four AND examples, over and over
        data, labels = (np.tile(a, copies) for a in cg.datasets.and_gate())
        W, b = cg.parameter("W", [[0.1, 0.6]]), cg.parameter("b", [[0.0]])
        cost = reduce(cg.stable_bce(W @ cg.input("X", data) + b, cg.input("Y", labels)))
        return cost.backward().grad(b)

    sizes = (1, 10, 100)
    cards = [
        lines(
            title,
            "",
            [f"{4 * n} examples: ∂/∂b = {number(bias_gradient(n, reduce))}" for n in sizes],
            "linear",
            ink="gradient",
        )
        for title, reduce in (("sum of the losses", cg.sum), ("mean of the losses", cg.mean))
    ]
    show(
        "fig30_average",
        card(
            "The mean keeps the step independent of the batch's size",
            cards,
            "the same four examples, repeated: the sum grows with them, the mean does not",
        ),
    )
    record(
        summed=[bias_gradient(n, cg.sum) for n in sizes],
        averaged=[bias_gradient(n, cg.mean) for n in sizes],
    )


@figure(
    "31-34",
    "G",
    "The vectorised linear node, the data, the batch forward, the cost in two colours",
    batch,
)
def forward(X: Any, Y: Any, Z: Any, P: Any, cost: Any) -> None:
    run = cg.run(cost)
    show(
        "fig31_linear_node",
        cg.draw(
            Z, title="The vectorised linear node", caption="one matrix product for the whole batch"
        ),
    )
    (x1, x2), (y,) = matrix(run.value(X)), matrix(run.value(Y))
    columns = ["example    1 2 3 4  ", f"x₁       {x1}", f"x₂       {x2}", f"y        {y}"]
    show(
        "fig32_data",
        card(
            "The data: examples are columns",
            [lines("AND", "x₁ and x₂ above, the answer y below", [], "data", columns)],
            "the fourth example is (1, 1) with y = 1",
        ),
    )
    show("fig33_forward", cg.draw(run, title="The batch forward"))

    positive = cg.negative(cg.mean(Y * cg.log(P)), name="C_p")
    negative = cg.negative(cg.mean((1.0 - Y) * cg.log(1.0 - P)), name="C_n")
    total = cg.add(positive, negative, name="cost")
    inks = {"Cₚ": "positive", "Cₙ": "negative"}

    def two_colours(item):
        """Each half of the formula, and the examples it is about, in an ink of its own."""
        name = getattr(item, "name", "") or getattr(item, "symbol", "")
        if name == "C":
            return replace(item, tints=tuple(inks.items()))
        if ink := inks.get(name):
            return replace(item, tints=((item.formula, ink), (f"{name} = {item.number}", ink)))
        if name in ("Y", "P̂", "ln₁", "ln₂"):
            three, _, fourth = item.value[0].strip("[ ]").rpartition(" ")
            tints = ((three, "negative"), (fourth, "positive"))
            return replace(item, tints=tints[name == "ln₁" : 2 - (name == "ln₂")])

    parts = cg.run(total)
    halves = cg.draw(
        parts,
        style=two_colours,
        title="The cost, from positive and negative examples",
        caption="each half of the formula counts the examples of one kind",
    )
    halves.picture = replace(
        halves.picture,
        inks=(
            ("y = 1", "positive", "what positive examples cost"),
            ("y = 0", "negative", "what negative ones cost"),
        ),
    )
    show("fig34_cost_parts", halves)
    record(positive=parts.value(positive), negative=parts.value(negative), cost=parts.value(total))


@figure("35.a-c", "S", "Backprop on the batch", batch)
def backprop(cost: Any) -> None:
    show("fig35_batch", cg.frames(cost.backward()), "Backprop on the batch, step by step")


@figure("36-38", "G", "The update, forward again, the new cost", batch)
def update(W: Any, b: Any, cost: Any) -> None:
    before = cost.backward()
    show("fig36_update", cg.frames(before, update=1.0)[-1], "The update of the batch")
    optim.GradientDescent(lr=1.0).step([W, b], [before.grad(W), before.grad(b)])
    after = cost.backward()
    show("fig37_forward_again", cg.draw(cg.run(cost), title="Forward again: the cost falls"))
    show("fig38_next_gradients", cg.draw(after, title="The gradients after the first update"))
    record(before, "before ")
    record(after, "after ")


@figure("39, 46", "P", "The cost curve; the boundary, plain and shaded", trained_and)
def training(data: Any, labels: Any, costs: Any, model: Any, W: Any, b: Any) -> None:
    (ax,) = panels()
    plots.learning_curve(costs, title="AND: the cost falls", ax=ax)
    show("fig39_and_cost", ax)

    left, right = panels(2, width=5.2, height=5.0)
    plots.decision_boundary(
        model, data, labels, square=True, title="AND after 5000 epochs: the boundary", ax=left
    )
    plots.decision_boundary(
        model, data, labels, square=True, shaded=True, title="shaded by the probability", ax=right
    )
    show("fig46_and_boundary", [left, right], "AND: boundary and probability")
    record(cost=costs[-1], first_cost=costs[0], W=W.value, b=b.value)


@figure("40, 42", "T", "Formulas: reading p̂ as an answer; the threshold")
def formula_threshold() -> None:
    rows = []
    for z, sign in ((1.0, ">"), (0.0, "="), (-1.0, "<")):
        p = cg.run(cg.sigmoid(cg.input("z", z))).roots[0].value
        rows.append(f"z {sign} 0:  p̂ {sign} 0.5   as at z = {number(z)}: {number(p)}")
    show(
        "fig40_reading",
        card("The sign of z is the answer", [lines("σ", "p̂ = σ(z)", rows, "activation")]),
    )
    rows = ["p̂ ≥ t: the answer is positive", "z ≥ ln(t / (1 − t)): the same, said of z"]
    show(
        "fig42_threshold",
        card(
            "Positive when p̂ reaches the threshold t",
            [lines("threshold", "0 < t < 1", rows, "activation")],
        ),
    )


@figure("41", "P", "The sigmoid, read as a probability, with its threshold")
def curve_threshold() -> None:
    left, right = panels(2)
    plots.sigmoid(derivative=False, threshold=0.5, ax=left)
    plots.sigmoid(derivative=False, threshold=0.9, ax=right)
    show("fig41_sigmoid_probability", [left, right], "Where the answer changes, for two thresholds")


@figure("43-45", "T", "From the threshold to the boundary line", trained_and)
def boundary_line(W: Any, b: Any) -> None:
    (w1, w2), b0 = W.value.ravel(), b.value.item()
    t = cg.input("t", [1e-9, 1e-5, 0.5, 0.9999])
    logits = cg.run(cg.log(t / (1.0 - t))).roots[0].value
    rows = ["w₁x₁ + w₂x₂ + b = logit(t)", "x₂ = (logit(t) − b − w₁x₁) / w₂"]
    slope = round(w1 / w2, 9)
    times = "" if slope == 1 else f"{number(slope)}·"
    found = [
        f"t = {number(t, 4)}:  x₂ = {number((logit - b0) / w2)} − {times}x₁"
        for t, logit in zip(t.value, logits, strict=True)
    ]
    cards = [
        lines("boundary", "p̂ = t", rows, "activation"),
        lines("lines", "of the trained neuron", found, "linear"),
    ]
    show("fig43_boundary", card("The boundary is a line", cards, "logit(t) = ln(t / (1 − t))"))
    record(logits=logits, W=[w1, w2], b=b0)


@figure("47.a-d", "P", "Four thresholds: boundary, shaded boundary, distances", trained_and)
def thresholds(data: Any, labels: Any, model: Any) -> None:
    accuracy = {}
    for letter, t, power in (
        ("a", 1e-9, "10⁻⁹"),
        ("b", 1e-5, "10⁻⁵"),
        ("c", 0.5, "0.5"),
        ("d", 0.9999, "0.9999"),
    ):
        right = int(np.sum((model(data) >= t) == (labels > 0.5)))
        accuracy[f"{t:g}"] = metrics.accuracy(labels, model(data) >= t)
        title = f"threshold {power}: {right} of 4 right ({accuracy[f'{t:g}']:.0%})"
        axes = panels(3, width=5.0, height=5.4)
        for ax, words, options in zip(
            axes,
            (title, "shaded", "distances"),
            ({}, {"shaded": True}, {"distances": True}),
            strict=True,
        ):
            plots.decision_boundary(
                model,
                data,
                labels,
                threshold=t,
                view=((-1.0, 2.4), (-1.0, 2.4)),
                title=words,
                ax=ax,
                **options,
            )
        show(f"fig47{letter}_threshold", axes, title)
    record(accuracy=accuracy)
