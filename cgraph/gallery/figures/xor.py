"""Figures 65-73: XOR with a hidden layer, the last sigmoid bypassed."""

from __future__ import annotations

from typing import Any

import cgraph as cg
from cgraph import optim, plots
from cgraph.gallery.api import card, lines, matrix, number, panels, record, show
from cgraph.gallery.figures.nets import trained_xor, xor
from cgraph.gallery.script import Figure, figures

FIGURES: list[Figure] = []
figure = figures(FIGURES)


@figure("65", "P", "The XOR data", xor)
def xor_data(data: Any, labels: Any) -> None:
    (ax,) = panels(width=5.2, height=5.0)
    plots.scatter(data, labels, square=True, title="XOR: no line separates it", ax=ax)
    show("fig65_xor_data", ax)


@figure("66, 67", "G", "The 2-3-1 net, collapsed and expanded", xor)
def net_twice(Z: Any) -> None:
    P = cg.sigmoid(Z, name="P_hat")
    show("fig66_xor_collapsed", cg.draw(P, view="collapsed", title="Two layers, each one box"))
    show("fig67_xor_expanded", cg.draw(P, view="layers", title="The same net, layer by layer"))


@figure("68.a-b, 69", "S", "Forward through both layers; the stable cost", xor)
def forward(cost: Any) -> None:
    run = cg.run(cost)
    show(
        "fig68_xor_forward",
        cg.frames(run, forward="nodes", bypass=True),
        "XOR forward, node by node",
    )
    show(
        "fig69_xor_cost",
        cg.draw(run, view="collapsed", title="The stable cost of the first forward pass"),
    )


@figure(
    "70.a-e, 71", "S", "Backward through both layers, the last sigmoid bypassed; the update", xor
)
def backward(cost: Any) -> None:
    run = cost.backward()
    show(
        "fig70_xor_backward",
        cg.frames(run, bypass=True, update=1.0, zoom=True),
        "XOR backward, step by step, and the update",
    )
    show(
        "fig71_xor_whole",
        cg.draw(run, view="layers", bypass=True, title="XOR: forward and backward, by layer"),
    )
    show("fig71_xor_collapsed", cg.draw(run, view="collapsed", title="The same, one box per layer"))


@figure(
    "72, 73",
    "T, P",
    "The gradients of the second iteration; learning curve, boundary, shaded",
    trained_xor,
    xor,
)
def second(
    cost: Any, net: Any, data: Any, labels: Any, costs: Any, model: Any, training: Any
) -> None:
    first = cost.backward()
    optim.GradientDescent(lr=1.0).step(net.parameters, [first.grad(w) for w in net.parameters])
    run = cost.backward()
    cards = [
        lines(
            f"∂C/∂{name}",
            "",
            [],
            "parameter",
            matrix(run.grad(w)) if w.size > 1 else [number(run.grad(w))],
            ink="gradient",
        )
        for name, w in zip(("W₁", "b₁", "W₂", "b₂"), net.parameters, strict=True)
    ]
    show(
        "fig72_second_gradients",
        card("The gradients of the second iteration", cards, f"cost {number(run.value(cost))}"),
    )
    record(run, "second ")

    (ax,) = panels()
    plots.learning_curve(costs, title="XOR: the cost falls", ax=ax)
    show("fig73_xor_cost", ax)
    left, right = panels(2, width=5.2, height=5.0)
    plots.decision_boundary(
        model, data, labels, square=True, title="XOR after 5000 epochs: two lines", ax=left
    )
    plots.decision_boundary(
        model, data, labels, square=True, shaded=True, title="shaded by the probability", ax=right
    )
    show("fig73_xor_boundary", [left, right], "XOR: boundary and probability")
    record(cost=costs[-1], first_cost=costs[0])
