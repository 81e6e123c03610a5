"""Graphs whose sizes are fixed when they are fed, in all of the engine's ways."""

from __future__ import annotations

import numpy as np

import cgraph as cg
from cgraph import testing


def test_gradient_graph_of_a_root_of_unknown_size_takes_an_upstream() -> None:
    X, p = cg.input("X", shape=(2, None)), cg.parameter("p", 0.3)
    root = cg.sum(X * p, axis=0)
    upstream = np.array([1.0, 2.0, -1.0])
    data = np.arange(6.0).reshape(2, 3)
    found = cg.gradient(root, p, upstream)
    assert float(cg.run(found, {X: data}).value(found)) == float(np.sum(data.sum(0) * upstream))


def test_checked_in_every_mode() -> None:
    X, W = cg.input("X", shape=(2, None)), cg.parameter("W", [[0.3, -0.2], [0.1, 0.4]])
    report = testing.check_gradients(
        cg.softmax(W @ X, axis=0), {X: np.ones((2, 3))}, modes=("vjp", "jvp", "graph"), order=2
    )
    assert report.verdict is testing.Verdict.PASS, str(report)
