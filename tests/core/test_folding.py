"""Gradient graphs without what is known beforehand: fewer nodes, the same numbers, derivatives of any order still right."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from core import numeric
from scipy.optimize import rosen_der, rosen_hess

import cgraph as cg
from cgraph import testing
from cgraph.graph import order, verify

RNG = np.random.default_rng(3)


def ops(*roots: cg.Node) -> list[str]:
    return [node.op.name for node in order(*roots) if node.parents]


def value(node: cg.Node) -> Any:
    return cg.run(node).value(node)


def test_the_gradient_of_a_mean_has_no_seed() -> None:
    z, y = cg.parameter("z", RNG.normal(size=(1, 4))), cg.input("y", np.eye(4)[:1])
    slope = cg.gradient(cg.mean(cg.stable_bce(z, y)), z)
    assert ops(slope) == ["stable_bce_slope", "multiply"]
    assert np.array_equal(value(slope), cg.mean(cg.stable_bce(z, y)).backward().grad(z))


def test_signs_and_ones() -> None:
    x = cg.parameter("x", RNG.normal(size=5))
    assert cg.gradient(cg.sum(x), x).op.name == "broadcast_to"
    assert ops(cg.gradient(cg.sum(1.0 - (1.0 - cg.sin(x))), x)) == ["cos"]
    assert ops(cg.gradient(cg.sum(cg.exp(1.0 - x)), x))[-1] == "negative"
    assert ops(cg.gradient(cg.sum(x * 3.0 - 5.0), x)) == ["broadcast_to"]


def test_equal_nodes_are_one() -> None:
    x = cg.parameter("x", RNG.normal(size=6))
    total = cg.sum(x[1:] * x[:-1] + cg.sin(x[1:] * 1.0))
    names = ops(total, cg.gradient(total, x))
    assert names.count("getitem") == 3  # x[1:] twice and x[:-1], as they were written


def test_rosenbrock_loses_a_quarter() -> None:
    x, v = cg.parameter("x", RNG.normal(size=50)), cg.input("v", RNG.normal(size=50))
    rosenbrock = cg.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)
    product = cg.hvp(rosenbrock, x, v)
    assert len(order(product)) <= 33  # 48 before there was folding
    np.testing.assert_allclose(value(cg.gradient(rosenbrock, x)), rosen_der(x.value), rtol=1e-12)
    np.testing.assert_allclose(
        value(product), rosen_hess(x.value) @ v.value, rtol=1e-11, atol=1e-10
    )
    np.testing.assert_allclose(
        value(cg.hessian(rosenbrock, x)), rosen_hess(x.value), rtol=1e-11, atol=1e-10
    )


def test_zero_times_something_is_not_zero() -> None:
    x = cg.parameter("x", [np.inf, 1.0])
    slope = cg.gradient(cg.sum(cg.exp(x) * 0.0), x)
    assert np.isnan(value(slope)[0]) and value(slope)[1] == 0.0


def test_the_graph_that_was_given_stays() -> None:
    w = cg.parameter("w", [2.0, 3.0])
    named = cg.multiply(w, 1.0, name="named")
    loss = cg.sum(named * named)
    slope = cg.gradient(loss, w)
    assert any(node is named for node in order(slope)) and named.name == "named"
    upstream = cg.multiply(cg.parameter("u", [1.0, 1.0]), 1.0, name="mine")
    assert any(node is upstream for node in order(cg.gradient(cg.sin(w), w, upstream)))


@pytest.mark.parametrize("seed", range(40))
def test_random_graphs(seed: int) -> None:
    """To the last bit what the backward pass on numbers gives, in both dtypes; the second order against differences."""
    options: dict[str, Any] = {"dtypes": ("f4",)} if seed % 4 == 0 else {}
    graph = testing.random_graph(seed + 500, **options)
    root = graph.root if graph.root.shape == () else cg.sum(graph.root)
    slopes = cg.gradient(root, graph.leaves, disconnected="zero")
    verify(*slopes)
    run = root.backward()
    for leaf, slope in zip(graph.leaves, slopes, strict=True):
        found = value(slope)
        assert found.dtype == leaf.dtype and found.shape == leaf.shape
        np.testing.assert_array_equal(found, run.grad(leaf))
    if root.dtype == np.float64 and seed % 2:
        leaf = graph.leaves[0]
        v = RNG.normal(size=leaf.shape)
        product = cg.hvp(root, leaf, v)
        start = leaf.value

        def along(h: float) -> Any:
            leaf.value = start + h * v
            return value(slopes[0])

        truth = numeric.along(along, 1e-4)
        leaf.value = start
        np.testing.assert_allclose(
            value(product), truth, rtol=2e-5, atol=2e-6 * (1 + np.max(np.abs(truth), initial=0))
        )
