"""Figures 48-64: the formula that breaks, and the one that does not."""

from __future__ import annotations

from typing import Any

import numpy as np

import cgraph as cg
from cgraph import plots
from cgraph.gallery.api import card, lines, number, op_card, panels, record, show, written
from cgraph.gallery.figures.nets import batch, fused_neuron, neuron
from cgraph.gallery.script import Figure, figures

FIGURES: list[Figure] = []
figure = figures(FIGURES)


@figure("48", "T", "Formula: what breaks at p̂ = 0 and p̂ = 1")
def formula_breaks() -> None:
    rows = []
    for value, y in ((0.0, 1.0), (1.0, 0.0), (0.0, 0.0), (1.0, 1.0)):
        p = cg.parameter("p", value)
        loss = cg.bce(p, y)
        run = loss.backward()
        rows.append(
            f"p̂ = {number(value)}, y = {number(y)}:  L = {number(run.value(loss))},  ∂L/∂p̂ = {number(run.grad(p))}"
        )
        record(**{f"p={value:g}, y={y:g}": [number(run.value(loss)), number(run.grad(p))]})
    box = lines("BCE", "L = −y ln p̂ − (1−y) ln(1−p̂)", rows, "loss")
    show(
        "fig48_breaks",
        card(
            "The textbook formula at its ends",
            [box],
            "0 × ∞ is NaN, also where the answer is right",
        ),
    )


@figure("49, 50", "P", "The logarithm and its gradient near 0")
def curve_log() -> None:
    left, right = panels(2)
    plots.function(
        cg.log,
        1e-8,
        1.0,
        label="ln p̂",
        slope=None,
        x="p̂",
        log="x",
        title="ln p̂ has no end at 0 ...",
        ax=left,
    )
    plots.function(
        cg.reciprocal,
        1e-8,
        1.0,
        label="1/p̂ = d ln p̂ / dp̂",
        slope=None,
        x="p̂",
        log="xy",
        title="... and its gradient explodes",
        ax=right,
    )
    show("fig49_log", [left, right], "The logarithm near 0, and its gradient")


@figure("51, 52", "G", "A graph that overflows, diagnosed in the picture")
def overflow() -> None:
    w, x, y, b = (
        cg.parameter("w", -800.0),
        cg.input("x", 1.0),
        cg.input("y", 1.0),
        cg.parameter("b", 0.0),
    )
    z = cg.add(w * x, b, name="z")
    loss = cg.negative(y * cg.log(cg.sigmoid(z, name="p_hat")), name="loss")
    show(
        "fig51_overflow",
        cg.draw(loss.backward(), view="health", title="Where did the NaN come from?"),
    )
    fused = cg.stable_bce(z, y, name="loss")
    show(
        "fig52_cured",
        cg.draw(fused.backward(), view="health", title="The fused loss on the same numbers"),
    )


@figure("53, 54, 56, 58", "T", "Formulas: softplus, and the loss from logits")
def formula_softplus() -> None:
    stable = "s = max(z, 0) + ln(1 + exp(−|z|)): no exponential in it exceeds 1"
    show(
        "fig53_softplus",
        card(
            "Softplus",
            [op_card("softplus", ["z"], "s", [stable])],
            "ln(1 + eᶻ), and how it is computed",
        ),
    )
    rows = []
    for value in (-800.0, 0.0, 800.0):
        z = cg.parameter("z", value)
        run = (s := cg.softplus(z)).backward()
        rows.append(
            f"z = {number(value)}:  s = {number(run.value(s))},  slope {number(run.grad(z))}"
        )
    show(
        "fig54_softplus_ends",
        card(
            "It is finite at both ends", [lines("softplus", "s = ln(1 + eᶻ)", rows, "activation")]
        ),
    )
    for name, y, formula in (
        ("fig56_positive", 1.0, "L = ln(1 + e⁻ᶻ)"),
        ("fig58_negative", 0.0, "L = ln(1 + eᶻ)"),
    ):
        rows = []
        for value in (-800.0, -40.0, 0.0, 40.0, 800.0):
            z = cg.parameter("z", value)
            run = (loss := cg.stable_bce(z, y)).backward()
            rows.append(
                f"z = {number(value)}:  L = {number(run.value(loss))},  ∂L/∂z = {number(run.grad(z))}"
            )
        show(
            name,
            card(
                f"The loss from a logit, y = {number(y)}",
                [lines("BCE from logits", formula, rows, "loss")],
            ),
        )


@figure("55, 57, 59", "P", "The exponentials, and the stable form at both ends")
def curve_stable() -> None:
    left, right = panels(2)
    plots.function(
        lambda z: cg.exp(-z),
        -8,
        8,
        label="e⁻ᶻ",
        slope=None,
        x="z",
        title="e⁻ᶻ grows without bound on the left",
        ax=left,
    )
    plots.function(cg.exp, -8, 8, label="eᶻ", slope=None, x="z", title="eᶻ on the right", ax=right)
    show("fig55_exponentials", [left, right], "The two exponentials")

    left, right = panels(2)
    for ax, y in ((left, 1.0), (right, 0.0)):
        plots.function(
            lambda z, y=y: cg.stable_bce(z, y),
            -12,
            12,
            label=f"loss for y = {y:g}",
            slope="∂L/∂z",
            x="z",
            y="loss, slope",
            title=f"The stable form, y = {y:g}",
            ax=ax,
        )
    show("fig57_stable", [left, right], "The stable form at both ends")


@figure(
    "60, 61, 64",
    "T",
    "Formulas: the product of the two derivatives collapses",
    neuron,
)
def formula_collapse(loss: Any, p: Any, z: Any, y: Any) -> None:
    run = loss.backward()
    short = (fused := cg.stable_bce(z, y, name="loss")).backward()
    rows = [
        f"∂L/∂p̂ · ∂p̂/∂z = {number(run.grad(p))} × {number(run.local(p, z).array)} = {number(run.grad(z))}",
        f"p̂ − y = {number(run.value(p))} − {number(run.value(y))} = {number(short.grad(z))}",
    ]
    product = lines("∂L/∂z", "(p̂−y) / (p̂(1−p̂)) · p̂(1−p̂) = p̂ − y", rows, "loss", ink="gradient")
    cards = [op_card("bce", ["p̂", "y"], "L"), op_card("sigmoid", ["z"], "p̂"), product]
    show("fig60_collapse", card("Both derivatives at once: p̂ − y", cards))

    from cgraph.rewrite.derivations import DERIVATIONS

    for name, symbol in (("fused-gradient", "∂L/∂z"), ("fused-loss", "L")):
        way = DERIVATIONS[name]
        rows = [f"= {written(line.expression)}      {line.by}" for line in way.lines[1:]]
        show(
            f"fig60_{name}",
            card(way.title, [lines(symbol, written(way.lines[0].expression), rows, "loss")]),
        )
    record(long_way=run.grad(z), short_way=short.grad(z))
    show(
        "fig64_stable_bce",
        card(
            "The fused node",
            [op_card("stable_bce", ["z", "y"], "L")],
            "its formula and its local gradient",
        ),
    )


@figure("62", "T", "Formulas: the way from the textbook to one stable form")
def formula_rewriting() -> None:
    # Each line follows from the one above it by a rule: an equation between graphs, tested on random numbers.
    from cgraph.rewrite.derivations import DERIVATIONS, y, z

    for name, label, large in (("positive-logits", 0.0, 800.0), ("negative-logits", 1.0, -800.0)):
        way = DERIVATIONS[name]
        values = [
            [
                cg.run(line.expression, {z: at, y: label}).value(line.expression)
                for line in way.lines
            ]
            for at in (large / 400.0, large)
        ]
        rows = [f"= {written(line.expression)}      {line.by}" for line in way.lines[1:]]
        said = f"at z = {number(large)}, y = {number(label)} the first line is {number(values[1][0])}, the last {number(values[1][-1])}"
        show(
            f"fig62_{name}",
            card(way.title, [lines("L", written(way.lines[0].expression), rows, "loss")], said),
        )
        record(**{name: values})

    # cg.stabilize finds such a way by itself.
    z, y = cg.parameter("z", -800.0), cg.input("y", 1.0)
    terms = y * cg.log(cg.sigmoid(z)) + (1.0 - y) * cg.log(1.0 - cg.sigmoid(z))
    textbook = cg.negative(terms, name="loss")
    stable, report = cg.stabilize(textbook)
    cards = [
        lines(f"{k}", f"{written(step.before)}  →  {written(step.after)}", [step.rule.name])
        for k, step in enumerate(report.steps, 1)
    ]
    before, after = cg.run(textbook), cg.run(stable)
    loss = (number(before.value(textbook)), number(after.value(stable)))
    show(
        "fig62_rules",
        card(
            "The same by cg.stabilize, rule by rule",
            cards,
            f"at z = −800, y = 1 the loss was {loss[0]} and is {loss[1]}",
        ),
    )


@figure("62b", "P", "The flat ends of the sigmoid")
def curve_flat() -> None:
    (ax,) = panels()
    plots.sigmoid(limit=12.0, flat=0.01, title="Far from 0 the sigmoid's gradient vanishes", ax=ax)
    show("fig62b_flat_ends", ax)


@figure("63", "G", "Forward and backward after the fusion: the sigmoid is bypassed", fused_neuron)
def fused(loss: Any) -> None:
    show("fig63_fused", cg.draw(loss.backward(), title="Forward and backward with the fused loss"))


@figure("63, batch", "G", "The fused loss on the batch", batch)
def fused_batch(Z: Any, Y: Any) -> None:
    cost = cg.mean(cg.stable_bce(Z, Y), name="cost")
    show("fig63_fused_batch", cg.draw(cost.backward(), title="The fused loss on the batch"))


@figure("63b", "P, G", "The saturating gradient")
def saturating() -> None:
    w, x, y, b = (
        cg.parameter("w", 40.0),
        cg.input("x", 1.0),
        cg.input("y", 0.0),
        cg.parameter("b", 0.0),
    )
    p = cg.sigmoid(cg.add(w * x, b, name="z"), name="p_hat")
    loss = cg.mse(p, y, name="loss")
    show(
        "fig63b_saturated",
        cg.draw(loss.backward(), view="health", title="A wrong and certain neuron learns nothing"),
    )

    z = cg.parameter("z", np.linspace(-12, 12, 201))
    (ax,) = panels()
    for name, one in (
        ("squared error", cg.mse(cg.sigmoid(z), 0.0)),
        ("fused cross-entropy", cg.stable_bce(z, 0.0)),
    ):
        ax.plot(
            z.value,
            one.backward(upstream=np.ones(201)).grad(z),
            label=f"∂L/∂z, {name}",
            linewidth=2,
        )
    plots.dress(ax, "Only the fused gradient survives where it is needed (y = 0)", "z", "gradient")
    show("fig63b_gradients", ax)
