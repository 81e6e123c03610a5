"""Directions, weights and tolerances: how two derivatives are compared.

One number stands for a whole Jacobian: ⟨w, J d⟩ with continuous random w and d, which no error can hide from but by a coincidence of
measure zero. Signs and powers of two would be cheaper and have such coincidences. Directions are scaled so that every entry counts:
once like the entry itself, once so that every entry contributes alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Array = Any


def continuous(rng: Any, shape: tuple[int, ...]) -> Array:
    """Random numbers with either sign and a size of ½ to 2."""
    r = 3.0 * rng.random(shape) - 1.5
    return r + np.copysign(0.5, r)


def scale_of(x: Array) -> Array:
    """A power of two near each entry's size; zeros get the typical size of the others, 1 at most (-1e9 masks)."""
    size = np.abs(x)
    if not size.size:
        return size
    if not size.all():
        nonzero = size[size > 0]
        size = np.where(
            size > 0, size, min(float(np.median(nonzero)), 1.0) if nonzero.size else 1.0
        )
    return np.ldexp(1.0, np.minimum(np.frexp(size)[1] - 1, 1000))  # room for directions above it


def weights(rng: Any, root: Array, dtype: Any) -> Array:
    """An upstream in which every entry of the root counts alike, exact in the dtype of the graph."""
    w = continuous(rng, np.shape(root))
    if np.ndim(root):
        scale = scale_of(np.where(np.isfinite(root), root, 1.0))
        if scale.size:
            top = scale.max()
            w = w * (top / np.maximum(scale, top * 2.0**-12))
    return np.asarray(w, dtype).astype(np.float64)


def direction(
    rng: Any, points: Sequence[Array], gradients: Sequence[Array] | None, dtypes: Sequence[Any]
) -> list[Array]:
    """A tangent for each input, as large as the input, or, given the gradients, so that each entry contributes alike."""
    scales = [scale_of(p) for p in points]
    if gradients is not None:
        with np.errstate(all="ignore"):
            parts = [np.abs(g) * s for g, s in zip(gradients, scales, strict=True)]
            top = max((float(np.max(p)) for p in parts if p.size), default=0.0)
            if 0.0 < top < np.inf:
                scales = [
                    s * np.minimum(top / p, 2.0**16) if p.size else s
                    for s, p in zip(scales, parts, strict=True)
                ]
    sizes = [p.size for p in points]
    random = continuous(rng, (sum(sizes),))
    seeds, start = [], 0
    for s, p, size, dtype in zip(scales, points, sizes, dtypes, strict=True):
        seed = s * random[start : start + size].reshape(p.shape)
        seeds.append(seed if dtype == np.float64 else np.asarray(seed, dtype).astype(np.float64))
        start += size
    return seeds


def total(a: Array, b: Array) -> tuple[float, float]:
    """⟨a, b⟩ and the sum of the absolute values of its terms."""
    terms = np.multiply(a, b)
    if terms.ndim == 0:
        return float(terms), abs(float(terms))
    return float(np.add.reduce(terms, axis=None)), float(np.add.reduce(np.abs(terms), axis=None))


def pairing(gradients: Sequence[Array], seeds: Sequence[Array]) -> tuple[float, float]:
    """The same over several inputs."""
    value = size = 0.0
    for g, d in zip(gradients, seeds, strict=True):
        v, s = total(g, d)
        value += v
        size += s
    return value, size


def agree(a: float, n: float, bound: float) -> bool:
    """Whether two numbers agree; NaN agrees with nothing, and nothing agrees within a bound that is not finite."""
    return abs(a - n) <= bound < np.inf
