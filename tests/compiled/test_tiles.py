"""Long chains in pieces: the same numbers as in one go, on one thread and on several."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from compiled.nearness import assert_near, compiled
from compiled.test_random_programs import graph

import cgraph as cg
from cgraph.compile.passes import tiles


@pytest.fixture
def tiny_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is long, and every piece is short."""
    monkeypatch.setattr(tiles, "LEAST", 2)
    monkeypatch.setattr(tiles, "PIECE", 24)
    monkeypatch.setattr(tiles, "LONG_PIECE", 16)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_random_graphs_in_tiny_pieces(tiny_pieces: None, dtype: str, threads: int) -> None:
    grouped = 0
    for seed in range(300, 420):
        root, leaves = graph(seed, dtype)
        assert_near(compiled(root, leaves, threads=threads), root, leaves, f"seed {seed}")
        grouped += "in_pieces" in cg.compile([root], gradients=leaves).source
    assert grouped > 30


def chain(x: Any, y: Any) -> Any:
    z = cg.tanh(x * 1.5 + 0.25) * y
    return cg.sum(cg.softplus(z) * cg.exp(-x * x)) + cg.sum(z * z)


@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize("shape", [(200_003,), (700, 301), (3, 5, 20_001)])
def test_a_long_chain(shape: tuple[int, ...], dtype: str) -> None:
    rng = np.random.default_rng(0)
    x, y = (cg.parameter(name, rng.standard_normal(shape).astype(dtype)) for name in "xy")
    root = chain(x, y)
    run = root.backward()
    found = []
    for threads in (1, 2):
        program = cg.compile([root], gradients=[x, y], threads=threads)
        assert "in_pieces" in program.source
        for _ in range(2):
            (value,), slopes = program()
            eps = np.finfo(dtype).eps
            np.testing.assert_allclose(value, run.value(root), rtol=8 * eps * np.log2(x.value.size))
            for p, slope in zip((x, y), slopes, strict=True):
                np.testing.assert_allclose(slope, run.grad(p), rtol=1e2 * eps, atol=1e1 * eps)
            found.append((threads, value, slopes))
    for (_, a, s), (_, b, t) in zip(found[::2], found[1::2], strict=True):
        assert a == b and all(np.array_equal(p, q) for p, q in zip(s, t, strict=True))


def test_rows_columns_and_whole_arrays() -> None:
    """Broadcasts along both axes, a reduction in between, an operand that lies transposed."""
    rng = np.random.default_rng(1)
    a = cg.parameter("a", rng.standard_normal((300, 400)))
    row, column = (
        cg.parameter("row", rng.standard_normal(400)),
        cg.parameter("column", rng.standard_normal((300, 1))),
    )
    other = cg.parameter("other", rng.standard_normal((400, 300)))
    h = cg.tanh(a * row + column) * other.T
    s = cg.softmax(h, axis=1)
    root = cg.sum(s * cg.log(s + 1.0)) + cg.mean(cg.square(h))
    leaves = [a, row, column, other]
    assert_near(compiled(root, leaves), root, leaves)


def test_infinite_sums() -> None:
    x = cg.input("x", shape=(100_000,))
    f = cg.compile([cg.sum(cg.exp(x * 1.0)), cg.sum(x * x + 1.0)], [x])
    data = np.zeros(100_000)
    data[5], data[99_999] = 800.0, 1e300
    assert [float(v) for v in f(data)] == [np.inf, np.inf]


def test_memory() -> None:
    """A chain of twenty operations on a million entries needs no array but its results."""
    x = cg.parameter("x", np.linspace(-1, 1, 1_000_000))
    y: Any = x
    for _ in range(10):
        y = cg.tanh(y) * 1.01 + 0.1
    program = cg.compile([cg.sum(y)], gradients=[x])
    program()
    assert program.special.emitted.memory.size < 8_000_000 // 4


def test_an_update_goes_through_one_loop_in_place() -> None:
    """Adam on a large matrix: gradient, both memories and the weights in pieces, and no array of its own for any of it."""
    rng = np.random.default_rng(0)
    X = cg.input("X", shape=(400, None))
    W = cg.parameter("W", rng.standard_normal((300, 400)) / 20)
    loss = cg.mean(cg.square(cg.relu(W @ X) - 1.0))
    data, start = rng.standard_normal((400, 20)), W.value
    step = cg.compile_training(loss, cg.optim.Adam(lr=0.01), [X])
    costs = step(data, epochs=5)
    update = step.source.split("# the update")[1]
    assert update.count("in_pieces") == 1 and "sqrt(" in update and "copyto(W" not in step.source
    assert step._for([data]).emitted.memory.size < 2 * W.value.nbytes
    compiled_weights, W.value = W.value, start
    optimizer = cg.optim.Adam(lr=0.01)
    for cost in costs:
        run = loss.backward({X: data})
        np.testing.assert_allclose(cost, run.value(loss), rtol=1e-11)
        optimizer.step([W], [run.grad(W)])
    np.testing.assert_allclose(compiled_weights, W.value, rtol=1e-9, atol=1e-12)


class Reading(cg.optim.Optimizer):
    """A rule that reads the old memory once more after the new one is there, in a loop that comes later."""

    n_slots = 1

    def update(self, w: Any, g: Any, slots: Any, t: int) -> Any:
        (old,) = slots
        new = 0.9 * old + g
        return w - self.lr * (new + (old * 0.5) * np.abs(w)), (new,)


def test_an_update_that_reads_what_it_overwrites(tiny_pieces: None) -> None:
    rng = np.random.default_rng(0)
    W = cg.parameter("W", rng.standard_normal((6, 5)))
    loss = cg.sum(cg.square(cg.sin(W)))
    start = W.value
    cg.compile_training(loss, Reading(lr=0.1), [])(epochs=4)
    found, W.value = W.value, start
    rule = Reading(lr=0.1)
    for _ in range(4):
        rule.step([W], [loss.backward().grad(W)])
    np.testing.assert_allclose(found, W.value, rtol=1e-12)


def test_long_sines_and_cosines_have_their_digits() -> None:
    """Alone and together, near zeros of either, far out, and where there is no answer; against mpmath."""
    mp = pytest.importorskip("mpmath")
    rng = np.random.default_rng(0)
    points = np.concatenate([
        rng.normal(size=300), np.arange(-200, 200) * np.pi / 2, rng.uniform(-1e8, 1e8, 200), rng.normal(size=100) * 1e-6,
        [0.0, 1e300, np.inf, -np.inf, np.nan],
    ])  # fmt: skip
    data = np.resize(points, 1 << 16)
    x = cg.input("x", shape=data.shape)
    both = cg.compile([cg.sin(x), cg.cos(x)], [x])(data)
    alone = [cg.compile(f(x) * 1.0, [x])(data) for f in (cg.sin, cg.cos)]
    with mp.workprec(1200):
        for k, exact in enumerate((mp.sin, mp.cos)):
            for i, v in enumerate(points):
                for found in (both[k][i], alone[k][i]):
                    if not np.isfinite(v):
                        assert np.isnan(found)
                        continue
                    wanted = exact(mp.mpf(float(v)))
                    assert abs(mp.mpf(float(found)) - wanted) <= 3 * np.spacing(abs(float(wanted)))
