"""When a compiled program agrees with a run of the graph.

The compiler moves constants and shares exponentials, so the last digits differ: by at most four units in the last place of the largest
number that was met on the way (docs/compiling.md). What a unit in a leaf does to the result, which is the graph's
conditioning and nobody's error, is
granted on top.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import cgraph as cg

Array = np.ndarray[Any, Any]


def largest(run: Any) -> float:
    """The largest finite number among the values and gradients of a run."""
    arrays = [run.value(n) for n in run.order] + [run.grad(n) for n in run.order if run.has_grad(n)]
    found = [1e-300]
    for a in arrays:
        wide = np.abs(np.asarray(a, np.float64))
        found.append(float(np.max(wide, where=np.isfinite(wide), initial=0.0)))
    return max(found)


def answers(root: Any, leaves: Sequence[Any]) -> tuple[list[Array], float]:
    """The value and the gradients of a run, and the largest number in it."""
    run = root.backward()
    return [run.value(root), *(run.grad(leaf) for leaf in leaves)], largest(run)


def assert_near(found: Sequence[Any], root: Any, leaves: Sequence[Any], what: str = "") -> None:
    """Hold what a program gave (the value, then the gradients) against a run with the current values of the leaves."""
    wanted, scale = answers(root, leaves)
    moved: list[Array] | None = None
    for i, (got, want) in enumerate(zip(found, wanted, strict=True)):
        assert got.shape == want.shape and got.dtype == want.dtype, f"{what} [{i}]"
        with np.errstate(all="ignore"):
            same = (got == want) | (np.isnan(got) & np.isnan(want))
            error = np.where(same, 0.0, np.abs(np.asarray(got, float) - want))
            bound = 4 * np.finfo(want.dtype).eps * scale
            if np.all(error <= bound):
                continue
            if moved is None:
                moved = _moved(root, leaves, wanted)
            assert np.all(error <= bound + 4 * moved[i]), f"{what} [{i}]: {got} is not {want}"


def _moved(root: Any, leaves: Sequence[Any], wanted: Sequence[Array]) -> list[Array]:
    """How far the run moves, at most, when every entry of every leaf moves by some units in the last place."""
    before = [leaf.value for leaf in leaves]
    rng = np.random.default_rng(0)
    far = [np.zeros(np.shape(w)) for w in wanted]
    try:
        for _ in range(12):
            for leaf, value in zip(leaves, before, strict=True):
                leaf.value = (
                    value * (1 + 4 * np.finfo(value.dtype).eps * rng.uniform(-1, 1, value.shape))
                ).astype(value.dtype)
            for k, (a, w) in enumerate(zip(answers(root, leaves)[0], wanted, strict=True)):
                far[k] = np.maximum(far[k], np.abs(np.asarray(a, float) - w))
        return far
    finally:
        for leaf, value in zip(leaves, before, strict=True):
            leaf.value = value


def compiled(root: Any, leaves: Sequence[Any], **options: Any) -> list[Any]:
    """What a program of the root and its gradients gives at its second call, with the first leaf as its input."""
    program = cg.compile([root], inputs=leaves[:1], gradients=list(leaves), **options)
    program(*[leaf.value for leaf in leaves[:1]])
    (value,), slopes = program(*[leaf.value for leaf in leaves[:1]])
    return [value, *slopes]
