"""Checkpoints: the same gradients from less memory, at the price of one more forward pass."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cgraph as cg
from cgraph import optim

LAYERS, WIDTH, BATCH = 24, 32, 4000


def deep(every: int) -> tuple[Any, Any, list[Any]]:
    rng = np.random.default_rng(0)
    X = cg.input("X", shape=(WIDTH, BATCH))
    h: Any = X
    weights = []
    for k in range(LAYERS):
        weights.append(cg.parameter(f"W{k}", rng.standard_normal((WIDTH, WIDTH)) / 5))
        h = cg.tanh(weights[-1] @ h)
        if every and k % every == every - 1 and k < LAYERS - 1:
            h = cg.checkpoint(h)
    return cg.mean(cg.square(h)), X, weights


def test_less_memory_and_the_same_numbers() -> None:
    data = np.random.default_rng(1).standard_normal((WIDTH, BATCH))
    kept, flops, found = {}, {}, {}
    for every in (0, 4):
        loss, X, weights = deep(every)
        f = cg.compile([loss], [X], weights)
        found[every] = f(data)
        kept[every], flops[every] = f.stats().workspace, f.stats().flops
    assert kept[4] < 0.45 * kept[0]
    assert flops[0] < flops[4] < 1.5 * flops[0]
    (a,), slopes = found[0]
    (b,), again = found[4]
    np.testing.assert_allclose(a, b, rtol=1e-15)
    for p, q in zip(slopes, again, strict=True):
        np.testing.assert_allclose(p, q, rtol=1e-12, atol=1e-15)


def test_memory_as_the_system_counts_it() -> None:
    import tracemalloc

    data = np.random.default_rng(1).standard_normal((WIDTH, BATCH))
    peaks = []
    for every in (0, 4):
        loss, X, weights = deep(every)
        f = cg.compile([loss], [X], weights)
        tracemalloc.start()
        f(data)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 0.6 * peaks[0]


def test_in_training_and_in_odd_places() -> None:
    data = np.random.default_rng(1).standard_normal((WIDTH, BATCH))
    finals = []
    for every in (0, 5):
        loss, X, weights = deep(every)
        step = cg.compile_training(loss, optim.Adam(lr=0.01), [X])
        costs = step(data, epochs=3)
        finals.append((costs, [w.value for w in weights]))
    np.testing.assert_allclose(finals[0][0], finals[1][0], rtol=1e-12)
    for a, b in zip(finals[0][1], finals[1][1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_anywhere(shape: tuple[int, ...]) -> None:
    x = cg.parameter("x", np.full(shape, 0.3))
    a = cg.checkpoint(x)
    b = cg.checkpoint(cg.sin(a) * a)
    c = cg.checkpoint(cg.checkpoint(b)) + a
    root = cg.sum(cg.exp(c) * b + cg.checkpoint(cg.tanh(c)))
    (value,), (slope,) = cg.compile([root], gradients=[x])()
    run = root.backward()
    np.testing.assert_allclose(value, run.value(root), rtol=1e-14)
    np.testing.assert_allclose(slope, run.grad(x), rtol=1e-13)


def test_a_connection_past_a_mark() -> None:
    """What the gradient at a mark reads of the segment before it cannot wait for that gradient: it is kept."""
    rng = np.random.default_rng(0)
    x = cg.parameter("x", rng.standard_normal((4, 5)))
    h: Any = x
    for _ in range(4):
        inner = cg.sin(h)
        before = inner * cg.exp(-cg.square(h))
        h = cg.checkpoint(cg.tanh(before)) * inner + h
    far = cg.checkpoint(cg.cos(h)) * before
    root = cg.sum(far)
    (value,), (slope,) = cg.compile([root], gradients=[x])()
    run = root.backward()
    np.testing.assert_allclose(value, run.value(root), rtol=1e-13)
    np.testing.assert_allclose(slope, run.grad(x), rtol=1e-12, atol=1e-14)
