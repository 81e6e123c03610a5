"""Figures 74-100: how good a classifier is, the code of part two, Iris; and views that the article has no figure for."""

from __future__ import annotations

from typing import Any

import numpy as np

import cgraph as cg
from cgraph import datasets, metrics, nn, optim, plots
from cgraph.gallery.api import card, lines, number, panels, record, show
from cgraph.gallery.figures.nets import batch, neuron, trained_iris
from cgraph.gallery.script import Figure, figures

FIGURES: list[Figure] = []
figure = figures(FIGURES)
BEYOND: list[Figure] = []
beyond = figures(BEYOND)


@figure("74", "P, T", "The confusion matrix and the metrics", trained_iris)
def quality(labels: Any, P: Any) -> None:
    called = P >= 0.5
    table = metrics.confusion_matrix(labels, called)
    axes = panels(3, width=5.0)
    plots.confusion_matrix(table, classes=("other", "virginica"), ax=axes[0])
    plots.precision_recall_curve(labels, P, ax=axes[1])
    plots.roc_curve(labels, P, ax=axes[2])
    show("fig74_confusion", axes, "Iris virginica: confusion matrix, precision and recall, ROC")

    values = {
        "accuracy": metrics.accuracy(labels, called),
        "precision": metrics.precision(labels, called),
        "recall": metrics.recall(labels, called),
        "F1": metrics.f1(labels, called),
    }
    rows = [f"{name}  {number(value)}" for name, value in values.items()]
    show(
        "fig74_metrics",
        card(
            "How good is it?",
            [lines("metrics", "Iris virginica by its petals, threshold 0.5", rows)],
        ),
    )
    record(confusion=table, **values)


@figure("92-99", "text", "The code of part two, as an example that runs")
def code() -> None:
    import contextlib
    import io

    X, Y = datasets.xor_gate()
    rng = np.random.RandomState(48)
    net = nn.Sequential(
        nn.Linear(2, 3, init="xavier", rng=rng),
        nn.Sigmoid(),
        nn.Linear(3, 1, init="xavier", rng=rng),
    )
    graph = nn.classifier_graph(net, 2, loss="stable_bce")
    descent = optim.GradientDescent(lr=1.0)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        for epoch in range(2000):
            run = graph.cost.backward({graph.X: X, graph.Y: Y})
            descent.step(net.parameters, [run.grad(p) for p in net.parameters])
            if epoch % 500 == 0:
                print(f"epoch {epoch:4}  cost {run.value(graph.cost):.4f}")
        run = cg.run([graph.P, graph.cost], {graph.X: X, graph.Y: Y})
        print(f"cost {run.value(graph.cost):.4f}   probabilities {run.value(graph.P).round(3)}")
    show("fig92_output.txt", said.getvalue(), "What it prints")
    record(cost=run.value(graph.cost))


@figure("97, 100", "P", "Iris: learning curve, boundary, shaded", trained_iris)
def iris(data: Any, labels: Any, P: Any, costs: Any, model: Any) -> None:
    (ax,) = panels(width=7.2)
    plots.learning_curve(
        costs,
        inset=(0, 300),
        title="Iris: a learning rate of 1 is too big at first, then the cost falls",
        ax=ax,
    )
    show("fig100_iris_cost", ax)

    words = {"names": datasets.IRIS_FEATURES["petals"], "classes": ("other", "virginica")}
    left, right = panels(2, width=5.6)
    plots.decision_boundary(
        model, data, labels, title="Iris virginica: the boundary", ax=left, **words
    )
    plots.decision_boundary(
        model, data, labels, shaded=True, title="shaded by the probability", ax=right, **words
    )
    show("fig100_iris_boundary", [left, right], "Iris: boundary and probability")
    last = {str(epoch): costs[epoch] for epoch in (4700, 4800, 4900, 4999)}
    record(
        accuracy=metrics.accuracy(labels, P >= 0.5),
        cost=costs[-1],
        first_cost=costs[0],
        highest=max(costs),
        last_epochs=last,
    )


# --- beyond the article -------------------------------------------------------------------------------------------------------


@beyond("a", "G", "Fan-out: the shares of a value used three times are added up")
def fan_out() -> None:
    x = cg.parameter("x", 3.0)
    y = cg.add(cg.multiply(x, x, name="m"), x, name="y")
    show(
        "extra_fan_out",
        cg.draw(
            y.backward(),
            title="x is used three times in y = x·x + x",
            caption="each use sends back its own share along its own arrow; x adds them up",
        ),
    )


@beyond("b", "G", "Textbook and fused loss, side by side", neuron)
def side_by_side(loss: Any, z: Any, y: Any) -> None:
    fused = cg.stable_bce(z, y, name="loss")
    show(
        "extra_side_by_side",
        cg.draw.compare(loss.backward(), fused.backward(), names=("textbook loss", "fused loss")),
    )


@beyond("c", "G", "A graph of two thousand nodes: overview, and the path of one weight")
def big() -> None:
    rng, layers = np.random.RandomState(0), []
    for k, (n_in, n_out) in enumerate(((2, 8), (8, 8), (8, 1)), 1):
        with cg.scope(f"params{k}"):
            W = [
                [cg.parameter(f"w{i}{j}", rng.randn()) for j in range(1, n_in + 1)]
                for i in range(1, n_out + 1)
            ]
            layers.append((W, [cg.parameter(f"b{i}", 0.0) for i in range(1, n_out + 1)]))
    losses = []
    for e in range(10):
        with cg.scope(f"ex{e}"):
            values = [cg.input(f"x{i}", rng.randn()) for i in (1, 2)]
            for k, (W, b) in enumerate(layers, 1):
                with cg.scope(f"layer{k}"):
                    values = [
                        cg.sigmoid(
                            sum((w * v for w, v in zip(row[1:], values[1:])), row[0] * values[0])
                            + one
                        )
                        for row, one in zip(W, b)
                    ]
            losses.append(cg.bce(values[0], cg.input("y", float(e % 2))))
    run = sum(losses[1:], losses[0]).backward()
    w = next(n for n in run.order if n.basename == "w12" and n.scope == "params1")
    show("extra_overview", cg.draw(run))
    show("extra_focus", cg.draw(run, focus=w))
    record(nodes=len(run.order), gradient=run.grad(w))


@beyond("d", "G", "Broadcasting made visible; dark, print and top-down pictures", batch)
def looks(cost: Any) -> None:
    run = cost.backward()
    show(
        "extra_broadcasts",
        cg.draw(
            run,
            view="expanded",
            theme="cards",
            broadcasts=True,
            title="Every op, broadcasting included",
        ),
    )
    show("extra_dark", cg.draw(run, theme="dark", title="Dark"))
    show("extra_print", cg.draw(run, theme="print", title="For print: greys"))
    show("extra_top_down", cg.draw(run, direction="TB", title="From top to bottom"))
