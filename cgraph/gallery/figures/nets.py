"""The graphs and nets that the figures are about: setups, read as text and run as scripts (see `script`).

What a setup assigns is what a figure finds: a figure that wants `loss` names it among its parameters.
"""

from __future__ import annotations

import numpy as np

import cgraph as cg
from cgraph import datasets, nn, optim
from cgraph.gallery.script import kept


def neuron() -> None:
    """One neuron on the first AND example, as scalars."""
    x1, x2, y = cg.input("x1", 0.0), cg.input("x2", 0.0), cg.input("y", 0.0)
    w1, w2, b = cg.parameter("w1", 0.1), cg.parameter("w2", 0.6), cg.parameter("b", 0.0)
    z = cg.add(w1 * x1 + w2 * x2, b, name="z")
    p = cg.sigmoid(z, name="p_hat")
    loss = cg.bce(p, y, name="loss")


def fused_neuron() -> None:
    """The same neuron with sigmoid and loss in one node."""
    x1, x2, y = cg.input("x1", 0.0), cg.input("x2", 0.0), cg.input("y", 0.0)
    w1, w2, b = cg.parameter("w1", 0.1), cg.parameter("w2", 0.6), cg.parameter("b", 0.0)
    z = cg.add(w1 * x1 + w2 * x2, b, name="z")
    loss = cg.stable_bce(z, y, name="loss")


def batch() -> None:
    """The neuron on all four AND examples at once."""
    data, labels = datasets.and_gate()
    X, Y = cg.input("X", data), cg.input("Y", labels)
    W, b = cg.parameter("W", [[0.1, 0.6]]), cg.parameter("b", [[0.0]])
    Z = cg.add(W @ X, b, name="Z")
    P = cg.sigmoid(Z, name="P_hat")
    cost = cg.mean(cg.bce(P, Y), name="cost")


def two_examples() -> None:
    """The neuron on the first two AND examples."""
    data, labels = datasets.and_gate()
    X, Y = cg.input("X", data[:, :2]), cg.input("Y", labels[:, :2])
    W, b = cg.parameter("W", [[0.1, 0.6]]), cg.parameter("b", [[0.0]])
    Z = cg.add(W @ X, b, name="Z")
    P = cg.sigmoid(Z, name="P_hat")
    losses = cg.bce(P, Y)
    cost = cg.mean(losses, name="cost")


def xor() -> None:
    """XOR with a hidden layer, 2-3-1, from the article's weights."""
    data, labels = datasets.xor_gate()
    X, Y = cg.input("X", data), cg.input("Y", labels)
    rng = np.random.RandomState(48)  # one generator through both layers
    net = nn.Sequential(
        nn.Linear(2, 3, init="xavier", rng=rng),
        nn.Sigmoid(),
        nn.Linear(3, 1, init="xavier", rng=rng),
    )
    Z = net(X)
    cost = cg.mean(cg.stable_bce(Z, Y), name="cost")


@kept
def trained_and() -> None:
    """The AND neuron after 5000 epochs."""
    data, labels = datasets.and_gate()
    X, Y = cg.input("X", shape=(2, None)), cg.input("Y", shape=(1, None))
    W, b = cg.parameter("W", [[0.1, 0.6]]), cg.parameter("b", [[0.0]])
    P = cg.sigmoid(W @ X + b, name="P_hat")
    cost = cg.mean(cg.bce(P, Y), name="cost")
    step = optim.GradientDescent(lr=1.0)
    costs = []
    for _ in range(5000):
        run = cost.backward({X: data, Y: labels})
        costs.append(run.value(cost).item())
        step.step([W, b], [run.grad(W), run.grad(b)])
    run = cg.run([P, cost], {X: data, Y: labels})
    costs.append(run.value(cost).item())
    model = lambda columns: cg.run(P, {X: columns}).value(P)


@kept
def trained_xor() -> None:
    """The XOR net after 5000 epochs."""
    data, labels = datasets.xor_gate()
    rng = np.random.RandomState(48)
    net = nn.Sequential(
        nn.Linear(2, 3, init="xavier", rng=rng),
        nn.Sigmoid(),
        nn.Linear(3, 1, init="xavier", rng=rng),
    )
    graph = nn.classifier_graph(net, 2)
    training = nn.Training(graph, net.parameters, optim.GradientDescent(lr=1.0), rng)
    costs = list(training.epochs(data, labels, 5000))
    run = cg.run([graph.P, graph.cost], {graph.X: data, graph.Y: labels})
    costs.append(run.value(graph.cost).item())
    model = lambda columns: cg.run(graph.P, {graph.X: columns}).value(graph.P)


@kept
def trained_iris() -> None:
    """Virginica against the rest, by its petals, after 5000 epochs."""
    data, labels = datasets.iris("petals", shuffle=48)
    net = nn.Sequential(nn.Linear(2, 1, init="plain", rng=48))
    graph = nn.classifier_graph(net, 2)
    rule = optim.GradientDescent(lr=1.0)
    training = nn.Training(graph, net.parameters, rule, np.random.RandomState(0))
    costs = list(training.epochs(data, labels, 5000))
    run = cg.run([graph.P, graph.cost], {graph.X: data, graph.Y: labels})
    model = lambda columns: cg.run(graph.P, {graph.X: columns}).value(graph.P)
    P = run.value(graph.P)
