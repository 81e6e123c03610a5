"""Programs of random graphs against runs of them."""

from __future__ import annotations

from typing import Any

import pytest
from compiled.nearness import assert_near, compiled

import cgraph as cg
from cgraph.testing.generate.random_graphs import RandomDraw, draw_graph


def graph(seed: int, dtype: str) -> tuple[Any, list[Any]]:
    drawn = draw_graph(RandomDraw(seed), max_nodes=16, dtypes=(dtype,), empty=seed % 3 == 0)
    root = drawn.root if drawn.root.shape == () else cg.sum(drawn.root)
    return root, drawn.leaves


@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize("block", range(4))
def test_values_and_gradients(block: int, dtype: str) -> None:
    for seed in range(50 * block, 50 * block + 50):
        root, leaves = graph(seed, dtype)
        assert_near(compiled(root, leaves), root, leaves, f"seed {seed}")


@pytest.mark.parametrize("block", range(4))
def test_gradients_as_outputs(block: int) -> None:
    """Programs without a way back of their own: constants travel, parts are added where they lie, small ones run on numbers."""
    for seed in range(50 * block, 50 * block + 50):
        root, leaves = graph(seed, "f8")
        slopes = cg.gradient(root, leaves, disconnected="zero")
        program = cg.compile([root, *slopes], inputs=leaves)
        given = [leaf.value for leaf in leaves]
        program(*given)
        assert_near(program(*given), root, leaves, f"seed {seed}")
