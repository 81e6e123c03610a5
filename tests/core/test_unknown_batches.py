"""Stacks of matrices whose sizes are fixed when they are fed: what NumPy broadcasts, the graph broadcasts, and says so."""

from __future__ import annotations

import numpy as np
import pytest

import cgraph as cg

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("declared_a", "a", "declared_b", "b"),
    [
        ((None, 3, 4), (5, 3, 4), (4, 2), (4, 2)),
        ((3, 4), (3, 4), (None, 4, 2), (5, 4, 2)),
        ((2, None), (2, 7), (3, None, 4), (3, 7, 4)),
        ((6, 3, 2), (6, 3, 2), (2, None), (2, 4)),
        ((None, 1, 3, 4), (2, 1, 3, 4), (5, 4, 2), (5, 4, 2)),
        ((None, 3, 4), (5, 3, 4), (None, 4, 2), (5, 4, 2)),
        ((4,), (4,), (None, 4, 2), (5, 4, 2)),
        ((None, 3, 4), (5, 3, 4), (4,), (4,)),
    ],
)
def test_matmul_of_stacks(declared_a, a, declared_b, b) -> None:
    x, y = cg.input("x", shape=declared_a), cg.input("y", shape=declared_b)
    A, B = RNG.normal(size=a), RNG.normal(size=b)
    product = x @ y
    total = cg.sum(cg.sin(product))
    gradients = cg.gradient(total, [x, y])
    run = cg.run([product, *gradients], {x: A, y: B})
    assert np.allclose(run.value(product), np.matmul(A, B), rtol=1e-13)
    step = 1e-6
    for node, direction in (
        (gradients[0], (RNG.normal(size=a), 0.0)),
        (gradients[1], (0.0, RNG.normal(size=b))),
    ):
        d, e = direction
        difference = np.sum(
            np.sin((A + step * d) @ (B + step * e)) - np.sin((A - step * d) @ (B - step * e))
        ) / (2 * step)
        assert np.sum(run.value(node) * (d if node is gradients[0] else e)) == pytest.approx(
            difference, rel=1e-7
        )


def test_two_unknown_batches_have_to_agree() -> None:
    x, y = cg.input("x", shape=(None, 3, 4)), cg.input("y", shape=(None, 4, 2))
    with pytest.raises(cg.ShapeError, match=r"'x' came out as \(5, 3, 4\) but 'y' as \(1, 4, 2\)"):
        cg.run(x @ y, {x: np.ones((5, 3, 4)), y: np.ones((1, 4, 2))})
