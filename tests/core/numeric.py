"""Derivatives by differences: the truth that the tests of the core hold against it.

It shares nothing with the engine. Functions are evaluated in NumPy's long double where the truth of an op allows it, and
central differences are extrapolated twice (Richardson), so that about twelve digits are right away from kinks.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Array = Any
STEP = 2e-3


def along(f: Callable[[Any], Array], step: float = STEP) -> Array:
    """The derivative at 0 of a function of one number: central differences at h, h/2, h/4, extrapolated."""
    table = [(f(h) - f(-h)) / (2 * h) for h in (step, step / 2, step / 4)]
    table = [(4 * b - a) / 3 for a, b in itertools.pairwise(table)]
    return (16 * table[1] - table[0]) / 15


def directional(
    f: Callable[..., Array], args: Sequence[Array], i: int, tangent: Array, step: float = STEP
) -> Array:
    """How `f(*args)` changes when argument `i` moves along `tangent`."""
    args = list(args)

    def moved(h: float) -> Array:
        return f(*args[:i], args[i] + h * tangent, *args[i + 1 :])

    return along(moved, step)


def gradient(
    f: Callable[..., Array], args: Sequence[Array], i: int, upstream: Array, step: float = STEP
) -> Array:
    """The gradient of `sum(upstream * f(*args))` with respect to argument `i`, entry by entry."""
    x = np.asarray(args[i])
    result = np.zeros(x.shape, x.dtype)
    for k in np.ndindex(x.shape):
        basis = np.zeros(x.shape, x.dtype)
        basis[k] = 1
        result[k] = np.sum(upstream * directional(f, args, i, basis, step))
    return result


def long(x: Array) -> Array:
    """In long double; what is not floating point stays as it is."""
    x = np.asarray(x)
    return x.astype(np.longdouble) if x.dtype.kind == "f" else x


def assert_close(actual: Array, expected: Array, rtol: float, what: str = "") -> None:
    """Close relative to the largest entry of what is expected; shapes and NaNs agree."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape, f"{what}: shape {actual.shape}, not {expected.shape}"
    size = np.abs(expected[np.isfinite(expected)]).max(initial=1.0)
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=rtol * float(size), err_msg=what)
