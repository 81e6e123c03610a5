"""Run the article: one neuron by hand, AND in a batch, XOR with a hidden layer, Iris.

Prints every number as it is computed, draws the diagrams and plots, and says at the end where they are.
"""

from __future__ import annotations

import argparse
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from cgraph import datasets, metrics, nn, optim, plots
from cgraph.draw import draw, frames
from cgraph.draw.model.text import matrix, number
from cgraph.gallery.writer import FigureWriter, panels
from cgraph.leaves import input, parameter
from cgraph.node import Node
from cgraph.ops.elementwise import add, sigmoid
from cgraph.ops.linalg import matmul
from cgraph.ops.losses import bce
from cgraph.ops.reduction import mean
from cgraph.run import run as evaluate

EPOCHS = 5000
THRESHOLDS = (1e-9, 1e-5, 0.5, 0.9999)
PETALS = {"names": datasets.IRIS_FEATURES["petals"], "classes": ("setosa, versicolor", "virginica")}


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `cgraph demo`."""
    parser.add_argument(
        "--out",
        metavar="DIR",
        default="cgraph-demo",
        help="where the pictures go (default: ./cgraph-demo)",
    )


def run(options: argparse.Namespace) -> int:
    """The whole article; 0 also when pictures had to be left out, which is said."""
    started = time.perf_counter()
    figures = FigureWriter(Path(options.out), vectors=False, lenient=True)
    for chapter in (one_example, and_gate, xor_gate, iris):
        chapter(figures)
    heading(f"{len(figures.items)} figures, {time.perf_counter() - started:.0f} seconds")
    for item in figures.items:
        print(f"    {item.files[-1] if item.files else item.name:<24} {item.title}")
    for what in figures.missing:
        print(f"    without {what}")
    print(f"\n  They are in {figures.out.resolve()}")
    return 0


# --- telling -----------------------------------------------------------------------------------


def heading(text: str) -> None:
    """A line that opens a chapter."""
    print(f"\n{text}\n{'─' * len(text)}")


def tell(what: str, value: Any, note: str = "") -> None:
    """One line of numbers: a name, a scalar or a matrix in the article's rounding, and a remark."""
    array = np.asarray(value)
    rows = [number(array)] if array.ndim == 0 else matrix(np.atleast_2d(array))
    # p̂ is two characters and one letter wide
    blank = " " * (22 - sum(not unicodedata.combining(character) for character in what))
    for i, row in enumerate(rows):
        print(
            f"    {what + blank if i == 0 else ' ' * 22} {row}{'   ' + note if note and i == 0 else ''}"
        )


def train(what: str, graph: nn.ClassifierGraph, net: nn.Sequential, X: Any, Y: Any) -> list[float]:
    """5000 epochs of gradient descent at learning rate 1, as the article has it; the cost of every epoch."""
    training = nn.Training(
        graph, net.parameters, optim.GradientDescent(lr=1.0), np.random.RandomState(0)
    )
    with nn.Progress(EPOCHS, f"    {what}") as progress:
        while training.epoch < EPOCHS:
            cost = training.advance(X, Y, training.epoch + 250)[-1]
            progress.update(training.epoch, f"cost {cost:.4f}")
    return training.history


def probabilities(graph: nn.ClassifierGraph) -> Callable[[Any], Any]:
    """The trained net as a function from columns to probabilities, for the plots."""
    return lambda columns: evaluate(graph.P, {graph.X: columns}).value(graph.P)


# --- the chapters ------------------------------------------------------------------------------


def one_example(figures: FigureWriter) -> None:
    """The first AND example, node by node."""
    heading("1  One neuron, one example: AND of 0 and 0, by stochastic gradient descent")
    x1, x2, y = input("x1", 0.0), input("x2", 0.0), input("y", 0.0)
    w1, w2, b = parameter("w1", 0.1), parameter("w2", 0.6), parameter("b", 0.0)
    z = add(w1 * x1 + w2 * x2, b, name="z")
    p = sigmoid(z, name="p_hat")
    loss = bce(p, y, name="loss")

    print("  Forward, with w₁ = 0.1, w₂ = 0.6, b = 0")
    forward = evaluate(loss)
    tell("z = w₁x₁ + w₂x₂ + b", forward.value(z))
    tell("p̂ = σ(z)", forward.value(p))
    tell("loss = BCE(p̂, y)", forward.value(loss))
    figures.show("and_1_forward", draw(loss, run=forward, title="AND, first example: forward"))

    print("  Backward: every node hands upstream × local to its parents")
    run = loss.backward()
    tell("∂L/∂p̂", run.grad(p), f"= 1 × {number(run.local(loss, p).array)}")
    tell("∂L/∂z", run.grad(z), f"= {number(run.grad(p))} × {number(run.local(p, z).array)}")
    for node, name, local in ((w1, "w₁", x1), (w2, "w₂", x2)):
        tell(f"∂L/∂{name}", run.grad(node), f"= {number(run.grad(z))} × {number(run.value(local))}")
    tell(
        "∂L/∂b",
        run.grad(b),
        f"= {number(run.grad(z))} × 1;  no gradient flows into the data x₁, x₂, y",
    )
    figures.show(
        "and_2_backward", draw(loss, run=run, title="AND, first example: forward and backward")
    )
    figures.show("and_3_steps", frames(run), "AND, first example: the backward pass, step by step")

    print("  Update with learning rate 1, and forward again")
    optim.GradientDescent(lr=1.0).step([w1, w2, b], [run.grad(node) for node in (w1, w2, b)])
    again = evaluate(loss)
    tell("w₁, w₂, b", [w1.value, w2.value, b.value])
    tell("p̂", again.value(p), f"was {number(forward.value(p))}")
    tell("loss", again.value(loss), f"was {number(forward.value(loss))}")
    figures.show("sigmoid", lambda: plots.sigmoid(ax=panels()[0]), "the sigmoid and its derivative")
    figures.show("bce", _both_losses, "binary cross-entropy and its derivative, y = 1 and y = 0")


def _both_losses() -> list[Any]:
    axes = panels(2)
    for ax, y in zip(axes, (1, 0), strict=True):
        plots.bce(y, ax=ax)
    return axes


def and_gate(figures: FigureWriter) -> None:
    """AND in a batch, trained; the classification threshold."""
    heading("2  AND in a batch: four examples at once, examples are columns")
    data, targets = datasets.and_gate()
    X, Y = input("X", data), input("Y", targets)
    W, b = parameter("W", [[0.1, 0.6]]), parameter("b", [[0.0]])
    Z = add(matmul(W, X), b, name="Z")
    P = sigmoid(Z, name="P_hat")
    cost: Node = mean(bce(P, Y), name="cost")
    run = cost.backward()
    for name, node in (("P̂", P), ("cost", cost)):
        tell(name, run.value(node))
    for name, node in (("∂C/∂Z", Z), ("∂C/∂W", W), ("∂C/∂b", b)):
        tell(name, run.grad(node))
    figures.show("and_4_batch", draw(cost, run=run, title="AND in a batch: forward and backward"))
    optim.GradientDescent(lr=1.0).step([W, b], [run.grad(W), run.grad(b)])
    tell("cost after one update", evaluate(cost).value(cost))

    layer = nn.Linear(2, 1)
    layer.W.value = [[0.1, 0.6]]
    net = nn.Sequential(layer)
    graph = nn.classifier_graph(net, 2)
    costs = train("AND", graph, net, data, targets)
    print(f"  Trained for {EPOCHS} epochs, from the same start")
    tell("cost", costs[-1])
    tell("W", layer.W.value)
    tell("b", layer.b.value)

    model = probabilities(graph)
    trained = model(data)
    tell("P̂", trained)
    print("  The threshold decides: accuracy of p̂ ≥ threshold")
    for row in metrics.threshold_sweep(targets, trained, THRESHOLDS):
        print(f"    {row.threshold:<22g} {row.accuracy:.0%}")

    def thresholds() -> list[Any]:
        axes = panels(len(THRESHOLDS), width=5.0, height=5.4)
        view = ((-1.0, 2.4), (-1.0, 2.4))
        rows = metrics.threshold_sweep(targets, trained, THRESHOLDS)
        for ax, row in zip(axes, rows, strict=True):
            title = f"threshold {row.threshold:g}: {4 * row.accuracy:.0f} of 4 right"
            plots.decision_boundary(
                model, data, targets, threshold=row.threshold, distances=True, view=view, title=title, ax=ax
            )  # fmt: skip
        return axes

    figures.show(
        "and_5_training", _training(costs, model, data, targets, "AND"), "AND: learning curve and boundary"
    )  # fmt: skip
    figures.show(
        "and_6_thresholds", thresholds, "AND: four thresholds, with the distance of each example"
    )


def _training(
    costs: list[float],
    model: Any,
    X: Any,
    Y: Any,
    what: str,
    title: str = "the cost falls",
    **options: Any,
) -> Callable[[], list[Any]]:
    """Learning curve and shaded boundary, side by side."""
    inset = options.pop("inset", None)

    def paint() -> list[Any]:
        left, right = panels(2)
        plots.learning_curve(costs, inset=inset, title=f"{what}: {title}", ax=left)
        plots.decision_boundary(
            model, X, Y, shaded=True, title=f"{what}: decision boundary", ax=right, **options
        )
        return [left, right]

    return paint


def xor_gate(figures: FigureWriter) -> None:
    """XOR with three hidden neurons and the fused last node."""
    heading("3  XOR: no straight line separates it, so 2-3-1 with a hidden layer")
    X, Y = datasets.xor_gate()
    rng = np.random.RandomState(48)
    net = nn.Sequential(
        nn.Linear(2, 3, init="xavier", rng=rng),
        nn.Sigmoid(),
        nn.Linear(3, 1, init="xavier", rng=rng),
    )
    graph = nn.classifier_graph(net, 2)
    feeds = {graph.X: X, graph.Y: Y}
    run = graph.cost.backward(feeds)
    tell(
        "cost",
        run.value(graph.cost),
        "the stable, fused form: on the way back the last sigmoid is bypassed",
    )
    tell("∂C/∂Z₂ = (P̂ − Y)/4", run.grad(graph.Z))
    for node, name in zip(net.parameters, ("W₁", "b₁", "W₂", "b₂"), strict=True):
        tell(f"∂C/∂{name}", run.grad(node))
    figures.show(
        "xor_1_backward",
        draw(run, view="layers", bypass=True, title="XOR, 2-3-1: forward and backward, by layer"),
    )
    costs = train("XOR", graph, net, X, Y)
    print(f"  Trained for {EPOCHS} epochs")
    tell("cost", costs[-1], f"was {number(costs[0])}")
    tell("P̂", evaluate(graph.P, feeds).value(graph.P), "for 00, 01, 10, 11")
    figures.show(
        "xor_2_training",
        _training(costs, probabilities(graph), X, Y, "XOR"),
        "XOR: learning curve and boundary",
    )


def iris(figures: FigureWriter) -> None:
    """Virginica against the rest, by its petals."""
    heading("4  Iris: is it virginica? Petal length and width, 150 examples")
    X, Y = datasets.iris("petals", shuffle=48)
    net = nn.Sequential(nn.Linear(2, 1, init="plain", rng=48))
    graph = nn.classifier_graph(net, 2)
    costs = train("Iris", graph, net, X, Y)
    P = evaluate(graph.P, {graph.X: X}).value(graph.P)
    called = P >= 0.5
    print(f"  Trained for {EPOCHS} epochs at learning rate 1")
    print(f"    {'cost':<22} {costs[-1]:.7f}   was {costs[0]:.7f}")
    print(f"    {'accuracy':<22} {metrics.accuracy(Y, called):.1%}")
    tell(
        "confusion matrix",
        metrics.confusion_matrix(Y, called),
        "rows: truth, columns: prediction; virginica second",
    )
    for name, metric in (
        ("precision", metrics.precision),
        ("recall", metrics.recall),
        ("F1", metrics.f1),
    ):
        tell(name, metric(Y, called))
    tell("first probabilities", P[:, :5])

    def quality() -> list[Any]:
        left, middle, right = axes = panels(3, width=5.0)
        table = metrics.confusion_matrix(Y, called)
        plots.confusion_matrix(table, classes=("other", "virginica"), ax=left)
        plots.precision_recall_curve(Y, P, ax=middle)
        plots.roc_curve(Y, P, ax=right)
        return axes

    words: dict[str, Any] = {
        "title": "a rate of 1 is too big at first, then the cost falls",
        "inset": (0, 300),
    }
    words |= PETALS
    painting = _training(costs, probabilities(graph), X, Y, "Iris", **words)
    figures.show("iris_1_training", painting, "Iris: learning curve and boundary")
    figures.show("iris_2_quality", quality, "Iris: confusion matrix, precision and recall, ROC")
