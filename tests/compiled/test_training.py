"""Compiled trainings against trainings by hand: `loss.backward()`, then `optimizer.step`, epoch by epoch."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import cgraph as cg
from cgraph import datasets, nn, optim
from cgraph.compile.emit.numpy import blas_routine

OPTIMIZERS: list[Any] = [optim.GradientDescent(lr=0.5), optim.Momentum(lr=0.1), optim.Adam(lr=0.01)]


def net(
    sizes: tuple[int, ...], activation: Any, dtype: str, loss: str = "stable_bce"
) -> tuple[Any, Any]:
    layers: list[Any] = []
    rng = np.random.RandomState(48)
    for a, b in pairwise(sizes):
        layers += [nn.Linear(a, b, "xavier", rng, dtype=dtype), activation()]
    model = nn.Sequential(*layers[:-1])
    return model, nn.training.classifier_graph(model, sizes[0], loss, dtype)  # type: ignore[arg-type]


def by_hand(loss: Any, feeds: Any, parameters: Any, optimizer: Any, epochs: int) -> list[float]:
    costs = []
    for _ in range(epochs):
        run = loss.backward(feeds)
        optimizer.step(parameters, [run.grad(p) for p in parameters])
        costs.append(run.value(loss))
    return costs


def both(
    make: Callable[[], tuple[Any, list[Any], list[Any], list[Any]]],
    optimizer: Any,
    epochs: int,
    rtol: float,
    **options: Any,
) -> Any:
    """Train twice from the same start, by hand and compiled, and compare all that comes out."""
    loss, inputs, data, parameters = make()
    start = [p.value for p in parameters]
    mine, theirs = copy.deepcopy(optimizer), copy.deepcopy(optimizer)
    wanted = by_hand(loss, dict(zip(inputs, data, strict=True)), parameters, theirs, epochs)
    finals = [p.value for p in parameters]
    for p, v in zip(parameters, start, strict=True):
        p.value = v
    step = cg.compile_training(loss, mine, inputs, parameters=parameters, **options)
    found = step(*data, epochs=epochs)
    np.testing.assert_allclose(found, wanted, rtol=rtol)
    for p, v in zip(parameters, finals, strict=True):
        np.testing.assert_allclose(p.value, v, rtol=rtol, atol=rtol * np.max(np.abs(v)))
        assert p.value.dtype == v.dtype and p.value.shape == v.shape
    assert mine.t == theirs.t
    for a, b in zip(mine.slots, theirs.slots, strict=True):
        for x, y in zip(a, b, strict=True):
            np.testing.assert_allclose(x, y, rtol=rtol, atol=rtol * np.max(np.abs(y)))
    return step


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: type(o).__name__)
@pytest.mark.parametrize("activation", [nn.Sigmoid, nn.Tanh, nn.ReLU])
@pytest.mark.parametrize("sizes", [(2, 1), (2, 3, 1), (2, 20, 9, 1)])
def test_nets(sizes: tuple[int, ...], activation: Any, optimizer: Any) -> None:
    def make() -> Any:
        model, graph = net(sizes, activation, "f8")
        return graph.cost, [graph.X, graph.Y], list(datasets.xor_gate()), model.parameters

    both(make, optimizer, 100, 1e-12)


@pytest.mark.parametrize("loss", ["bce", "keras_bce", "mse"])
def test_losses(loss: str) -> None:
    def make() -> Any:
        model, graph = net((2, 3, 1), nn.Sigmoid, "f8", loss)
        return graph.cost, [graph.X, graph.Y], list(datasets.xor_gate()), model.parameters

    both(make, optim.GradientDescent(lr=0.5), 100, 1e-12)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: type(o).__name__)
def test_single_precision(optimizer: Any) -> None:
    def make() -> Any:
        model, graph = net((2, 5, 1), nn.Tanh, "f4")
        X, Y = datasets.xor_gate()
        return graph.cost, [graph.X, graph.Y], [X.astype("f4"), Y.astype("f4")], model.parameters

    both(make, optimizer, 50, 2e-4)


def test_iris_and_other_graphs() -> None:
    rng = np.random.default_rng(0)

    def wide() -> Any:
        X, Y = cg.input("X", shape=(4, None)), cg.input("Y", shape=(3, None))
        W, b = cg.parameter("W", rng.standard_normal((3, 4))), cg.parameter("b", np.zeros((3, 1)))
        scale = cg.parameter("scale", 1.5)
        decay = cg.sum(cg.square(W)) * 0.01
        loss = cg.mean(cg.mse(scale * cg.tanh(W @ X + b), Y)) + decay
        return (
            loss,
            [X, Y],
            [rng.standard_normal((4, 60)), rng.uniform(-1, 1, (3, 60))],
            [W, b, scale],
        )

    def scalar() -> Any:
        x, y = cg.parameter("x", -1.2), cg.parameter("y", 1.0)
        return (1.0 - x) ** 2 + 100.0 * (y - x * x) ** 2, [], [], [x, y]

    def rows() -> Any:
        X = cg.input("X", shape=(None, 3))
        w, c = cg.parameter("w", np.ones(3)), cg.parameter("c", [0.5])
        return (
            cg.mean(cg.softplus(X @ w + c) + cg.max(X @ w)),
            [X],
            [rng.standard_normal((40, 3))],
            [w, c],
        )

    for make in (wide, rows):
        for optimizer in OPTIMIZERS:
            both(make, optimizer, 40, 1e-11)
    both(scalar, optim.GradientDescent(lr=1e-3), 200, 1e-12)


def test_the_article() -> None:
    model, graph = net((2, 3, 1), nn.Sigmoid, "f8")
    step = cg.compile_training(graph.cost, optim.GradientDescent(lr=1.0), [graph.X, graph.Y])
    costs = step(*datasets.xor_gate(), epochs=5000)
    assert round(float(costs[-1]), 4) == 0.0020
    assert "for epoch in range(epochs):" in step.source and model.parameters[0].value.shape == (
        3,
        2,
    )


def test_in_pieces_it_is_the_same_to_the_last_bit() -> None:
    data = datasets.xor_gate()
    finals = []
    for pieces in ([60], [1] * 60, [7, 13, 40]):
        model, graph = net((2, 3, 1), nn.Sigmoid, "f8")
        optimizer = optim.Adam(lr=0.05)
        step = cg.compile_training(
            graph.cost, optimizer, [graph.X, graph.Y], parameters=model.parameters
        )
        costs = np.concatenate([step(*data, epochs=n) for n in pieces])
        finals.append((costs, [p.value for p in model.parameters]))
    for costs, values in finals[1:]:
        np.testing.assert_array_equal(costs, finals[0][0])
        for a, b in zip(values, finals[0][1], strict=True):
            np.testing.assert_array_equal(a, b)


def test_reports() -> None:
    _, graph = net((2, 1), nn.Sigmoid, "f8")
    step = cg.compile_training(graph.cost, optim.GradientDescent(lr=1.0), [graph.X, graph.Y])
    data = datasets.and_gate()
    first = step(*data)
    np.testing.assert_allclose(first, 0.6931471805599453, atol=0.2)
    assert step(*data, epochs=10, report_every=4).shape == (3,)
    assert step(*data, epochs=10, report_every=0).shape == (0,)
    assert step(*data, epochs=0).shape == (0,)


def test_overflow_goes_on_as_numpy_does() -> None:
    """Weights so large that exp overflows in Python's floats: the same numbers as by hand, inf and nan among them."""

    def make() -> Any:
        W, b = cg.parameter("W", [[900.0, -900.0]]), cg.parameter("b", [[0.0]])
        X, Y = cg.input("X", shape=(2, None)), cg.input("Y", shape=(1, None))
        hidden = cg.sigmoid(W @ X + b)
        return (
            cg.mean(cg.stable_bce(cg.exp(hidden * 6.0) * 1.0 + W @ X, Y)),
            [X, Y],
            list(datasets.and_gate()),
            [W, b],
        )

    both(make, optim.GradientDescent(lr=0.1), 5, 1e-12)


def test_pickle_rule_of_ones_own_and_errors() -> None:
    model, graph = net((2, 3, 1), nn.Sigmoid, "f8")
    step = cg.compile_training(graph.cost, optim.GradientDescent(lr=1.0), [graph.X, graph.Y])
    data = datasets.xor_gate()
    again = pickle.loads(pickle.dumps(step))
    np.testing.assert_array_equal(step(*data, epochs=20), again(*data, epochs=20))

    class Signed(optim.Optimizer):
        def update(self, w: Any, g: Any, slots: Any, t: int) -> Any:
            return w - self.lr / (1 + t) * np.sign(g), ()

    def make() -> Any:
        m, g = net((2, 3, 1), nn.Tanh, "f8")
        return g.cost, [g.X, g.Y], list(data), m.parameters

    both(make, Signed(lr=0.01), 30, 1e-12)
    with pytest.raises(cg.CgraphError, match="takes 2 values"):
        step(data[0])
    with pytest.raises(cg.GradientError):
        cg.compile_training(graph.Z, optim.GradientDescent(lr=1.0), [graph.X])
    with pytest.raises(ValueError, match="negative"):
        step(*data, epochs=-1)
    assert model.parameters[0].value.shape == (3, 2)


def test_batches_are_those_of_nn_training() -> None:
    rng = np.random.default_rng(3)
    X, Y = rng.standard_normal((2, 103)), rng.integers(0, 2, (1, 103)).astype(float)
    model, graph = net((2, 3, 1), nn.Tanh, "f8")
    other, other_graph = net((2, 3, 1), nn.Tanh, "f8")
    training = nn.Training(
        other_graph, other.parameters, optim.Adam(lr=0.02), np.random.RandomState(7), batch_size=20
    )
    step = cg.compile_training(
        graph.cost, optim.Adam(lr=0.02), [graph.X, graph.Y], parameters=model.parameters
    )
    seen: list[tuple[int, int]] = []
    costs = step(
        X, Y, epochs=4, batch_size=20, shuffle=np.random.RandomState(7),
        progress=lambda done, total, cost: seen.append((done, total)),
    )  # fmt: skip
    np.testing.assert_array_equal(costs, list(training.epochs(X, Y, 4)))
    assert seen == [(k, 24) for k in range(1, 25)]
    for a, b in zip(model.parameters, other.parameters, strict=True):
        np.testing.assert_array_equal(a.value, b.value)


def test_batches_by_hand() -> None:
    rng = np.random.default_rng(4)
    X, Y = rng.standard_normal((2, 50)), rng.integers(0, 2, (1, 50)).astype(float)
    model, graph = net((2, 8, 1), nn.Sigmoid, "f8")
    start = [p.value for p in model.parameters]
    rule = optim.Momentum(lr=0.2)
    for a in range(0, 50, 16):
        by_hand(
            graph.cost,
            {graph.X: X[:, a : a + 16], graph.Y: Y[:, a : a + 16]},
            model.parameters,
            rule,
            1,
        )
    wanted = [p.value for p in model.parameters]
    for p, v in zip(model.parameters, start, strict=True):
        p.value = v
    step = cg.compile_training(
        graph.cost, optim.Momentum(lr=0.2), [graph.X, graph.Y], parameters=model.parameters
    )
    step(X, Y, batch_size=16)
    for p, v in zip(model.parameters, wanted, strict=True):
        np.testing.assert_allclose(p.value, v, rtol=1e-12)


@pytest.mark.parametrize("shuffle", [None, "batches", 5])
def test_from_a_file(tmp_path: Any, shuffle: Any) -> None:
    """A memory-mapped file: no more of it than a batch is ever an array."""
    import tracemalloc

    m = 400_000
    path = tmp_path / "X.npy"
    X = np.lib.format.open_memmap(path, mode="w+", dtype="f4", shape=(m, 6))
    rng = np.random.default_rng(0)
    for a in range(0, m, 50_000):
        X[a : a + 50_000] = rng.standard_normal((50_000, 6))
    X.flush()
    data = np.load(path, mmap_mode="r")
    labels = (data[:, :1] > 0).astype("f4")
    A, B = cg.input("A", shape=(None, 6), dtype="f4"), cg.input("B", shape=(None, 1), dtype="f4")
    w = cg.parameter("w", np.zeros((6, 1), "f4"))
    loss = cg.mean(cg.stable_bce(A @ w, B))
    step = cg.compile_training(loss, optim.GradientDescent(lr=0.5), [A, B])
    tracemalloc.start()
    first, last = step(data, labels, epochs=2, batch_size=2000, shuffle=shuffle)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert last < first < 0.7
    # Shuffling single examples takes the order of all of them, for two epochs; the data alone have 9.6 million bytes.
    assert peak < 1_500_000 + (16 * m if shuffle == 5 else 0)


def test_batches_refuse() -> None:
    _, graph = net((2, 1), nn.Sigmoid, "f8")
    step = cg.compile_training(graph.cost, optim.GradientDescent(lr=1.0), [graph.X, graph.Y])
    X, Y = datasets.and_gate()
    with pytest.raises(cg.ShapeError, match="different numbers"):
        step(X, Y[:, :3], batch_size=2)
    with pytest.raises(ValueError, match="at least 1"):
        step(X, Y, batch_size=0)
    x = cg.input("x", shape=(2,))
    fixed = cg.compile_training(
        cg.sum(x * cg.parameter("w", [1.0, 2.0])), optim.GradientDescent(lr=1.0), [x]
    )
    with pytest.raises(cg.CgraphError, match="not declared"):
        fixed(np.ones(2), batch_size=1)


@pytest.mark.parametrize("accuracy", ["full", "fast"])
def test_exponentials_that_overflow_on_arrays(accuracy: str) -> None:
    """Logits beyond -709, where a loop without guards gives NaN: what comes out is looked at, and the guards put back."""

    def make() -> Any:
        model, graph = net((2, 1), nn.Sigmoid, "f8")
        rng = np.random.default_rng(0)
        x = rng.standard_normal((2, 150)) * np.geomspace(1.0, 2e3, 150)
        y = np.asarray(x[:1] > 0, float)
        return graph.cost, [graph.X, graph.Y], [x, y], model.parameters

    step = both(make, optim.GradientDescent(1e-4), 10, 1e-9, accuracy=accuracy)
    assert "700" not in step.source


def test_products_by_blas_and_without(monkeypatch: pytest.MonkeyPatch) -> None:
    def make() -> Any:
        model, graph = net((3, 40, 1), nn.Tanh, "f8")
        rng = np.random.default_rng(0)
        x = rng.standard_normal((3, 60))
        y = np.asarray(x.sum(0, keepdims=True) > 0, float)
        return graph.cost, [graph.X, graph.Y], [x, y], model.parameters

    sources = []
    for routine in (blas_routine, lambda name: None):
        monkeypatch.setattr("cgraph.compile.emit.numpy.blas_routine", routine)
        sources.append(both(make, optim.Momentum(0.1), 40, 1e-11).source)
    assert "gemm" not in sources[1] and "ddot" not in sources[1]
    if blas_routine("dgemm") is not None:
        assert "dgemm(" in sources[0] and "ddot(" in sources[0]


def logistic(rows: bool, n: int = 60) -> tuple[Any, list[Any], list[Any], list[Any]]:
    """Logistic regression; examples in rows with a vector of weights, or in columns with a matrix."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((3, n))
    y = np.asarray(x.sum(0) > 0, float)
    Y = cg.input("Y", shape=(n,) if rows else (1, n))
    if rows:
        X, w, c = cg.input("X", shape=(n, 3)), cg.parameter("w", np.ones(3)), cg.parameter("c", 0.5)
        return cg.mean(cg.stable_bce(X @ w + c, Y)), [X, Y], [x.T.copy(), y], [w, c]
    X, W = cg.input("X", shape=(3, n)), cg.parameter("W", np.ones((1, 3)))
    b = cg.parameter("b", [[0.5]])
    return cg.mean(cg.stable_bce(W @ X + b, Y)), [X, Y], [x, y[None]], [W, b]


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("n", [4, 60])
@pytest.mark.parametrize("rows", [True, False])
def test_labels_that_are_not_zero_and_one(rows: bool, n: int, backend: str) -> None:
    """One program takes labels of both kinds, in turns; what it is written for is seen by the labels of the call."""
    if backend == "numba":
        pytest.importorskip("numba")
    loss, inputs, (x, y), parameters = logistic(rows, n)
    step = cg.compile_training(
        loss, optim.GradientDescent(0.5), inputs, parameters=parameters, backend=backend
    )
    for labels in (
        y,
        0.8 * y + 0.1,
        np.where(y == 0, -0.0, 1.0),
        2.0 * y,
        np.where(y > 0, np.nan, y),
        y,
    ):
        start = [p.value for p in parameters]
        wanted = by_hand(
            loss,
            dict(zip(inputs, (x, labels), strict=True)),
            parameters,
            optim.GradientDescent(0.5),
            5,
        )
        finals = [p.value for p in parameters]
        for p, v in zip(parameters, start, strict=True):
            p.value = v
        np.testing.assert_allclose(step(x, labels, epochs=5), wanted, rtol=1e-12)
        for p, v, s in zip(parameters, finals, start, strict=True):
            np.testing.assert_allclose(p.value, v, rtol=1e-11)
            p.value = s


@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize("size", [1, 40])
def test_both_tails_of_labels_zero_and_one(size: int, dtype: str) -> None:
    """Loss and slope of single logits, far out on both sides, against mpmath; at infinity, too.

    The weight that is trained is 0 before the step, so that it has all digits of the slope afterwards.
    """
    mp = pytest.importorskip("mpmath")
    Z, Y = cg.input("Z", shape=(size,), dtype=dtype), cg.input("Y", shape=(size,), dtype=dtype)
    w = cg.parameter("w", np.zeros(size, dtype))
    step = cg.compile_training(cg.sum(cg.stable_bce(w + Z, Y)), optim.GradientDescent(1.0), [Z, Y])
    eps = float(np.finfo(dtype).eps)
    far = 80.0 if dtype == "f4" else 700.0

    def taken(z: float, y: float) -> tuple[float, float]:
        w.value = np.zeros(size, dtype)
        loss = float(step(np.full(size, z, dtype), np.full(size, y, dtype)))
        return loss / size, -float(w.value[-1])

    for z in (-far, -36.7, -20.0, -1e-3, 0.0, 0.3, 5.0, 36.7, far):
        for y in (0.0, 1.0):
            exact = mp.mpf(float(np.array(z, dtype)))
            margin = exact if y else -exact
            loss, slope = taken(z, y)
            wanted = mp.log1p(mp.exp(-margin))
            assert abs(loss - wanted) <= 4 * eps * wanted
            wanted = (-1 if y else 1) / (1 + mp.exp(margin))
            assert abs(slope - wanted) <= 4 * eps * abs(wanted)
    for z, y, found in (
        (np.inf, 1.0, (0.0, 0.0)),
        (np.inf, 0.0, (np.inf, 1.0)),
        (-np.inf, 0.0, (0.0, 0.0)),
        (-np.inf, 1.0, (np.inf, -1.0)),
    ):
        assert taken(z, y) == found
    loss, slope = taken(-3.0 * far, 1.0)
    assert abs(loss - 3.0 * far) <= 4 * eps * loss and slope == -1.0


def test_factors_of_examples_are_taken_into_the_data() -> None:
    """The ±1 of the labels, and weights of the examples: nothing of it is left in a round."""
    for rows in (True, False):
        both(lambda r=rows: logistic(r), optim.GradientDescent(0.5), 30, 1e-11)

    def weighted(wide: bool) -> Any:
        _, (X, _), data, (W, _) = logistic(False)
        f = cg.input("f", shape=(1, 60))
        G = cg.parameter("G", np.full((60, 2), 0.1))
        loss = cg.sum(cg.tanh((W @ X) * f)) + (cg.sum(cg.square((X * f) @ G)) if wide else 0.0)
        weights = np.random.default_rng(1).uniform(0.5, 1.5, (1, 60))
        return loss, [X, f], [data[0], weights], [W, *([G] if wide else [])]

    for wide in (False, True):
        for optimizer in OPTIMIZERS:
            step = both(lambda w=wide: weighted(w), optimizer, 20, 1e-11)
    assert not re.search(r"\bf\b", step.source.split("for epoch")[1])
    inside = both(lambda: logistic(False), optim.GradientDescent(0.5), 5, 1e-11).source.split(
        "for epoch"
    )[1]
    assert not re.search(r"\b(side|Y)\b", inside)


def test_weights_that_lie_by_columns() -> None:
    """The update is written where the state lies, whatever the order of the parameter's entries."""

    def make() -> Any:
        loss, inputs, data, parameters = logistic(False)
        V = cg.parameter("V", np.asfortranarray(np.random.default_rng(2).standard_normal((4, 3))))
        more = cg.mean(cg.square(cg.tanh(V @ inputs[0])))
        return loss + more, inputs, [np.asfortranarray(data[0]), data[1]], [*parameters, V]

    for optimizer in OPTIMIZERS:
        both(make, optimizer, 20, 1e-11)


def classifier(
    axis: int, numbers: bool, n: int = 40, classes: int = 4
) -> tuple[Any, list[Any], list[Any], list[Any]]:
    """A linear classifier with classes along an axis; labels as class numbers or as ones and zeros."""
    rng = np.random.default_rng(0)
    x, right = rng.standard_normal((3, n)), rng.integers(0, classes, n)
    W = cg.parameter("W", rng.standard_normal((classes, 3)))
    X = cg.input("X", shape=(3, None) if axis == 0 else (None, 3))
    logits = W @ X if axis == 0 else X @ W.T
    if numbers:
        Y, y = cg.input("Y", shape=(None,), dtype="i8"), right
    else:
        Y = cg.input("Y", shape=(classes, None) if axis == 0 else (None, classes))
        y = np.eye(classes)[right]
        y = np.ascontiguousarray(y.T) if axis == 0 else y
    loss = cg.mean(cg.stable_cross_entropy(logits, Y, axis=axis))
    return loss, [X, Y], [x if axis == 0 else np.ascontiguousarray(x.T), y], [W]


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("n", [2, 40])
@pytest.mark.parametrize("axis", [0, 1])
def test_classes_by_ones_and_zeros(axis: int, n: int, backend: str) -> None:
    """One right class an example, then labels of every other kind, in turns."""
    if backend == "numba":
        pytest.importorskip("numba")
    loss, inputs, (x, y), parameters = classifier(axis, False, n)
    step = cg.compile_training(loss, optim.GradientDescent(0.5), inputs, backend=backend)
    none = y.copy()
    none[:, 0] = 0.0
    two = np.minimum(y + np.roll(y, 1, axis), 1.0)
    (W,) = parameters
    start = W.value
    for labels in (
        y,
        0.9 * y + 0.025,
        none,
        two,
        np.where(y == 0, -0.0, 1.0),
        np.where(y > 0, np.nan, y),
        y,
    ):
        W.value = start
        wanted = by_hand(
            loss,
            dict(zip(inputs, (x, labels), strict=True)),
            parameters,
            optim.GradientDescent(0.5),
            5,
        )
        final, W.value = W.value, start
        np.testing.assert_allclose(step(x, labels, epochs=5), wanted, rtol=1e-12)
        np.testing.assert_allclose(W.value, final, rtol=1e-11)


@pytest.mark.parametrize("axis", [0, 1])
def test_classes_by_numbers(axis: int) -> None:
    loss, inputs, (x, y), parameters = classifier(axis, True)
    step = cg.compile_training(loss, optim.Adam(0.05), inputs)
    (W,) = parameters
    start = W.value
    for labels in (y, np.where(y == 0, 7, y), np.where(y == 1, -1, y), y):
        W.value, rule = start, optim.Adam(0.05)
        wanted = by_hand(loss, dict(zip(inputs, (x, labels), strict=True)), parameters, rule, 5)
        final, W.value = W.value, start
        step.optimizer.t, step.optimizer.slots = 0, []
        np.testing.assert_allclose(step(x, labels, epochs=5), wanted, rtol=1e-12)
        np.testing.assert_allclose(W.value, final, rtol=1e-11)
    assert "wrong" in step.source


@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize(("n", "backend"), [(1, "numpy"), (30, "numpy"), (30, "numba")])
def test_tails_of_classes(n: int, backend: str, dtype: str) -> None:
    """Loss and slopes of three logits against mpmath, near and far on both sides, and beyond what an exponential holds."""
    mp = pytest.importorskip("mpmath")
    if backend == "numba":
        pytest.importorskip("numba")
    Z, Y = cg.input("Z", shape=(n, 3), dtype=dtype), cg.input("Y", shape=(n, 3), dtype=dtype)
    w = cg.parameter("w", np.zeros((n, 3), dtype))
    step = cg.compile_training(
        cg.sum(cg.stable_cross_entropy(w + Z, Y)),
        optim.GradientDescent(1.0),
        [Z, Y],
        backend=backend,
    )
    eps, tiny = float(np.finfo(dtype).eps), float(np.finfo(dtype).tiny)
    for logits in ([0.0, 0.0, 0.0], [30.0, 0.1, -3.0], [-30.3, 0.0, 3.0], [70.3, -1.7, 0.0], [300.0, -300.0, 0.0],
                   [1000.0, 0.0, -1000.0], [1e5, 1e5 + 1.0, 0.0]):  # fmt: skip
        for right in range(3):
            given = np.tile(np.array(logits, dtype), (n, 1))
            w.value = np.zeros((n, 3), dtype)
            loss = float(step(given, np.tile(np.eye(3, dtype=dtype)[right], (n, 1)))) / n
            exact = [mp.mpf(float(v)) for v in given[0]]
            with mp.workdps(50):
                wrong = mp.fsum(mp.exp(v - exact[right]) for k, v in enumerate(exact) if k != right)
                wanted = float(mp.log1p(wrong))
                slopes = [mp.exp(v - exact[right]) / (1 + wrong) for v in exact]
                slopes[right] = -wrong / (1 + wrong)
            assert abs(loss - wanted) <= 6 * eps * wanted + 1e3 * tiny, (logits, right)
            wide = np.array([float(v) for v in slopes])
            assert np.all(np.abs(-w.value[-1] - wide) <= 6 * eps * np.abs(wide) + 1e3 * tiny), (
                logits,
                right,
            )


def test_batches_of_other_labels_and_rates() -> None:
    """Labels are looked at as a whole, or batch by batch where they differ; a rate that changes on the way is heeded."""
    rng = np.random.default_rng(5)
    X, Y = rng.standard_normal((2, 60)), rng.integers(0, 2, (1, 60)).astype(float)
    Y[0, 25] = 0.5  # in the second batch only
    model, graph = net((2, 8, 1), nn.Sigmoid, "f8")
    start = [p.value for p in model.parameters]
    rule = optim.Momentum(lr=0.2)
    for k, a in enumerate(range(0, 60, 20)):
        rule.lr = 0.2 / (k + 1)
        cut = slice(a, a + 20)
        by_hand(graph.cost, {graph.X: X[:, cut], graph.Y: Y[:, cut]}, model.parameters, rule, 1)
    wanted = [p.value for p in model.parameters]
    for p, v in zip(model.parameters, start, strict=True):
        p.value = v
    optimizer = optim.Momentum(lr=0.2)
    step = cg.compile_training(
        graph.cost, optimizer, [graph.X, graph.Y], parameters=model.parameters
    )

    def slower(done: int, total: int, cost: float) -> None:
        optimizer.lr = 0.2 / (done + 1)

    step(X, Y, batch_size=20, progress=slower)
    for p, v in zip(model.parameters, wanted, strict=True):
        np.testing.assert_allclose(p.value, v, rtol=1e-12)
    assert len(step._compiled) == 3


def test_a_rule_of_many_steps_goes_over_all_parameters_at_once() -> None:
    """Adam on matrices, vectors and numbers, with steps by hand in between; and where there are too many for one row."""

    def make(n: int = 6) -> Any:
        rng = np.random.default_rng(0)
        X, Y = cg.input("X", shape=(n, None)), cg.input("Y", shape=(2, None))
        W, b = (
            cg.parameter("W", rng.standard_normal((7, n)) / n),
            cg.parameter("b", np.zeros((7, 1))),
        )
        V = cg.parameter("V", np.asfortranarray(rng.standard_normal((2, 7))))
        scale, shift = cg.parameter("scale", 1.5), cg.parameter("shift", [0.1, -0.2])
        out = scale * (V @ cg.tanh(W @ X + b)) + cg.reshape(shift, (2, 1))
        data = [rng.standard_normal((n, 40)), rng.standard_normal((2, 40))]
        return cg.mean(cg.mse(out, Y)), [X, Y], data, [W, b, V, scale, shift]

    step = both(make, optim.Adam(0.01), 30, 1e-11)
    assert step.source.split("# the update")[1].count("subtract(") == 1
    both(lambda: make(5000), optim.Adam(0.01), 3, 1e-10)
    loss, inputs, data, parameters = make()
    start = [p.value for p in parameters]
    rule, other = optim.Adam(0.02), optim.Adam(0.02)
    by_hand(loss, dict(zip(inputs, data, strict=True)), parameters, rule, 12)
    wanted = [p.value for p in parameters]
    for p, v in zip(parameters, start, strict=True):
        p.value = v
    step = cg.compile_training(loss, other, inputs, parameters=parameters)
    step(*data, epochs=4)
    by_hand(loss, dict(zip(inputs, data, strict=True)), parameters, other, 3)
    step(*data, epochs=5)
    for p, v in zip(parameters, wanted, strict=True):
        np.testing.assert_allclose(p.value, v, rtol=1e-11, atol=1e-13)
    assert other.t == 12 and [s[0].shape for s in other.slots] == [
        p.value.shape for p in parameters
    ]
