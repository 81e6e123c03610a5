"""Figures 65-100: XOR with a hidden layer, the metrics, the code, Iris; and views that the article has no figure for."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np

from cgraph import datasets, metrics, nn, optim, plots
from cgraph.draw import compare, draw, frames
from cgraph.draw.model.text import matrix, number
from cgraph.gallery.room import Batch, Figure, Neuron, Room, Trained, figures, words_card, xor_net
from cgraph.leaves import input, parameter
from cgraph.node import Node, scope
from cgraph.ops.elementwise import add, multiply, sigmoid
from cgraph.ops.losses import bce
from cgraph.run import run as evaluate

FIGURES: list[Figure] = []
figure = figures(FIGURES)


def _xor() -> tuple[nn.ClassifierGraph, dict[Node, Any], nn.Sequential]:
    net = xor_net()
    graph = nn.classifier_graph(net, 2)
    X, Y = datasets.xor_gate()
    return graph, {graph.X: X, graph.Y: Y}, net


def _fit(room: Room, name: str, net: Trained, what: str, **options: Any) -> None:
    """Learning curve, boundary and shaded boundary."""

    def boundaries(left: Any, right: Any) -> None:
        plots.decision_boundary(
            net.model, net.X, net.Y, title=f"{what}: boundary", ax=left, **options
        )
        plots.decision_boundary(
            net.model, net.X, net.Y, shaded=True, title=f"{what}: shaded", ax=right, **options
        )

    room.plot(
        f"{name}_cost",
        lambda ax: plots.learning_curve(net.costs, title=f"{what}: the cost sinks", ax=ax),
    )
    room.plot(f"{name}_boundary", boundaries, columns=2)
    room.numbers(cost=net.cost, first_cost=net.costs[0], **net.weights)


@figure("65-67", "P, G", "The XOR data; the 2-3-1 net collapsed and expanded")
def net(room: Room) -> None:
    X, Y = datasets.xor_gate()
    room.plot(
        "fig65_xor_data", lambda ax: plots.scatter(X, Y, title="XOR: no line separates it", ax=ax)
    )
    graph, _, _ = _xor()
    room.diagram(
        "fig66_xor_collapsed", draw(graph.cost, view="collapsed", title="Two layers, each one box")
    )
    room.diagram(
        "fig67_xor_expanded", draw(graph.cost, view="layers", title="The same net, layer by layer")
    )


@figure("68.a-b, 69", "S", "Forward through both layers; the stable cost")
def forward(room: Room) -> None:
    graph, feeds, _ = _xor()
    run = evaluate(graph.cost, feeds)
    room.steps("fig68_xor_forward", run, forward="nodes")
    room.diagram(
        "fig69_xor_cost",
        draw(run, view="collapsed", title="The stable cost of the first forward pass"),
    )
    room.of_run(run)


@figure("70.a-e, 71", "S", "Backward through both layers, the last sigmoid bypassed; the update")
def backward(room: Room) -> None:
    graph, feeds, _ = _xor()
    run = graph.cost.backward(feeds)
    room.steps("fig70_xor_backward", run, update=1.0)
    room.diagram("fig71_xor_whole", draw(run, title="XOR: forward and backward, by layer"))
    room.diagram(
        "fig71_xor_collapsed", draw(run, view="collapsed", title="The same, one box a layer")
    )
    room.of_run(run)


@figure("72, 73", "T, P", "The gradients of the second iteration; learning curve, boundary, shaded")
def second(room: Room) -> None:
    graph, feeds, layers = _xor()
    first = graph.cost.backward(feeds)
    optim.GradientDescent(lr=1.0).step(
        layers.parameters, [first.grad(p) for p in layers.parameters]
    )
    run = graph.cost.backward(feeds)
    cards = [words_card(f"∂C/∂{name}", "", [], "parameter", matrix(run.grad(p)) if p.size != 1 else [number(run.grad(p))])
             for name, p in zip(("W₁", "b₁", "W₂", "b₂"), layers.parameters, strict=True)]  # fmt: skip
    room.card(
        "fig72_second_gradients",
        "The gradients of the second iteration",
        cards,
        f"cost {number(run.value(graph.cost))}",
    )
    _fit(room, "fig73_xor", room.xor_trained, "XOR")
    room.of_run(run, "second ")


@figure("74", "P, T", "The confusion matrix and the metrics")
def quality(room: Room) -> None:
    net = room.iris_trained
    called = net.P >= 0.5
    table = metrics.confusion_matrix(net.Y, called)
    values = {
        f.__name__: f(net.Y, called)
        for f in (metrics.accuracy, metrics.precision, metrics.recall, metrics.f1)
    }

    def paint(left: Any, middle: Any, right: Any) -> None:
        plots.confusion_matrix(table, classes=("other", "virginica"), ax=left)
        plots.precision_recall_curve(net.Y, net.P, ax=middle)
        plots.roc_curve(net.Y, net.P, ax=right)

    room.plot("fig74_confusion", paint, columns=3, width=5.2)
    rows = [f"{name} {number(value)}" for name, value in values.items()]
    room.card(
        "fig74_metrics",
        "How good is it?",
        [words_card("metrics", "of Iris virginica by its petals, threshold 0.5", rows)],
    )
    room.numbers(confusion=table, **values)


_CODE = '''\
"""A linear layer, a sigmoid, the stable loss and a training loop: part two of the article, with cgraph."""
import numpy as np
import cgraph as cg
from cgraph import datasets, nn, optim

X, Y = datasets.xor_gate()
net = nn.Sequential(
    nn.Linear(2, 3, init="xavier", rng=(rng := np.random.RandomState(48))), nn.Sigmoid(), nn.Linear(3, 1, init="xavier", rng=rng)
)
graph = nn.classifier_graph(net, 2, loss="stable_bce")
descent = optim.GradientDescent(lr=1.0)

for epoch in range(2000):
    run = graph.cost.backward({graph.X: X, graph.Y: Y})
    descent.step(net.parameters, [run.grad(p) for p in net.parameters])
    if epoch % 500 == 0:
        print(f"epoch {epoch:4}  cost {float(run.value(graph.cost)):.4f}")

run = cg.run([graph.P, graph.cost], {graph.X: X, graph.Y: Y})
print("cost", round(float(run.value(graph.cost)), 4), " probabilities", run.value(graph.P).round(3))
'''


@figure("92-99", "text", "The code of part two, as an example that runs")
def code(room: Room) -> None:
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(_CODE, "fig92_code.py", "exec"), {})
    room.text("fig92_code.py", _CODE)
    room.text("fig92_output.txt", said.getvalue())


@figure("97, 100", "P", "Iris: learning curve, boundary, shaded")
def iris(room: Room) -> None:
    net = room.iris_trained
    _fit(
        room,
        "fig100_iris",
        net,
        "Iris",
        names=datasets.IRIS_FEATURES["petals"],
        classes=("other", "virginica"),
    )
    room.numbers(
        accuracy=metrics.accuracy(net.Y, net.P >= 0.5),
        last_epochs={str(e): net.costs[e] for e in (4700, 4800, 4900, 4999)},
    )


# --- beyond the article -------------------------------------------------------------------------------------------------------


@figure("a", "G", "Fan-out: the shares of a value used three times are added up")
def fan_out(room: Room) -> None:
    x = parameter("x", 3.0)
    y = add(multiply(x, x, name="m"), x, name="y")
    run = y.backward()
    room.diagram("extra_fan_out", draw(run, view="expanded", title="x is used three times in y = x·x + x",
                                       caption="each use sends back its own share; the shares are added up in the node"))  # fmt: skip
    room.of_run(run)


@figure("b", "G", "Textbook and fused loss, side by side")
def side_by_side(room: Room) -> None:
    both = Neuron(), Neuron(fused=True)
    room.diagram(
        "extra_side_by_side",
        compare(
            both[0].loss.backward(), both[1].loss.backward(), names=("textbook loss", "fused loss")
        ),
    )


def _unrolled(examples: int) -> Node:
    """A net of scalars, 2-8-8-1, unrolled over a batch: thousands of nodes."""
    rng = np.random.RandomState(0)
    layers = []
    for number_, (n_in, n_out) in enumerate(((2, 8), (8, 8), (8, 1)), 1):
        with scope(f"params{number_}"):
            W = [
                [parameter(f"w{i}{j}", rng.randn()) for j in range(1, n_in + 1)]
                for i in range(1, n_out + 1)
            ]
            layers.append((W, [parameter(f"b{i}", 0.0) for i in range(1, n_out + 1)]))
    total: Node | None = None
    for e in range(examples):
        with scope(f"ex{e}"):
            values: list[Any] = [input(f"x{i}", rng.randn()) for i in (1, 2)]
            for k, (W, b) in enumerate(layers, 1):
                with scope(f"layer{k}"):
                    rows = [
                        sum(
                            (w * v for w, v in zip(ws[1:], values[1:], strict=True)),
                            ws[0] * values[0],
                        )
                        for ws in W
                    ]
                    values = [sigmoid(row + bias) for row, bias in zip(rows, b, strict=True)]
            loss: Node = bce(values[0], input("y", float(e % 2)))
        total = loss if total is None else total + loss
    assert total is not None
    return total


@figure("c", "G", "A graph of two thousand nodes: overview, and the path of one weight")
def big(room: Room) -> None:
    run = _unrolled(10).backward()
    w = next(n for n in run.order if n.basename == "w12" and n.scope == "params1")
    room.diagram("extra_overview", draw(run))
    room.diagram("extra_focus", draw(run, focus=w))
    room.numbers(nodes=len(run.order), gradient=run.grad(w))


@figure("d", "G", "Broadcasting made visible; dark, print and top-down pictures")
def looks(room: Room) -> None:
    run = Batch().cost.backward()
    room.diagram(
        "extra_broadcasts",
        draw(
            run,
            view="expanded",
            theme="cards",
            broadcasts=True,
            title="Every op, broadcasting included",
        ),
    )
    room.diagram("extra_dark", draw(run, theme="dark", title="Dark"))
    room.diagram("extra_print", draw(run, theme="print", title="For print: greys"))
    room.diagram("extra_top_down", draw(run, direction="TB", title="From top to bottom"))


@figure("e", "S", "The update as the last frame of a series")
def with_update(room: Room) -> None:
    room.diagram("extra_update", frames(Batch().cost.backward(), update=1.0)[-1])
