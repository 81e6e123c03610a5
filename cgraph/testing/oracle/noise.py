"""Noise: arithmetic in which every result is disturbed by its own rounding, to see how much that can change an answer.

Monte Carlo arithmetic: after each operation every entry moves by a random amount of up to 2 units in its last place. The spread over a few
replays is the rounding error of that very code at that very point: a formula that cancels shows it, a formula that does not gets no
slack. The reference disturbs its own values so (`reference.py`); `Noisy` arrays do it to gradient code, the engine's or a user's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

Array = Any

_active: tuple[Any, float] | None = None

# What rounds nothing is not disturbed, or the noise would choose branches (``x == x.max()``).
EXACT = frozenset(
    """maximum minimum fmax fmin negative positive absolute fabs sign copysign floor ceil rint trunc where concatenate stack vstack hstack
    reshape ravel transpose swapaxes moveaxis squeeze expand_dims broadcast_to repeat roll flip tile take take_along_axis diag diagonal
    tril triu sort max min amax amin clip copy atleast_1d atleast_2d append rot90 zeros_like ones_like full_like ldexp frexp""".split()
)
# LAPACK answers exactly for matrices that are off by some rounding: so its errors are as large as the condition makes them.
BACKWARD_STABLE = frozenset(
    "solve inv det slogdet cholesky eigh eigvalsh svd qr lstsq pinv matrix_power".split()
)


@contextmanager
def noise(rng: Any, unit: float) -> Iterator[None]:
    """Disturb what Noisy arrays and Probes compute inside, by up to 2 `unit` of each result."""
    global _active
    before, _active = _active, (rng, unit)
    try:
        yield
    finally:
        _active = before


def disturb(value: Array, rng: Any, unit: float) -> Array:
    """A value with every entry moved by up to 2 `unit` of itself; whole numbers and truth values stay."""
    if np.asarray(value).dtype.kind != "f":
        return value
    return value * (1.0 + unit * (4.0 * rng.random(np.shape(value)) - 2.0))


def disturbed(value: Array) -> Array:
    """The same under the `noise` that holds, complex numbers in both parts; unchanged where none does."""
    if _active is None:
        return value
    value = np.asarray(value)
    if value.dtype.kind == "c":
        return disturb(value.real, *_active) + 1j * disturb(value.imag, *_active)
    return disturb(value, *_active)


class Noisy(np.ndarray[Any, np.dtype[Any]]):
    """An array whose arithmetic is disturbed."""

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if "out" in kwargs:
            kwargs["out"] = tuple(_bare(x) for x in kwargs["out"])
        result = getattr(ufunc, method)(
            *(_bare(x) for x in inputs), **{k: _bare(v) for k, v in kwargs.items()}
        )
        again = _as_noisy if ufunc.__name__ in EXACT else noisy
        return tuple(map(again, result)) if isinstance(result, tuple) else again(result)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function.__name__ in BACKWARD_STABLE:
            args = tuple(noisy(x) if isinstance(x, np.ndarray) else x for x in args)
        result = super().__array_function__(function, types, args, kwargs)
        if not isinstance(result, np.ndarray) or isinstance(result, Noisy):
            return result
        return _as_noisy(result) if function.__name__ in EXACT else noisy(result)


def _bare(x: Any) -> Any:
    return x.view(np.ndarray) if isinstance(x, Noisy) else x


def _as_noisy(value: Any) -> Any:
    """Not disturbed now, but in what follows."""
    floating = isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "fc"
    return np.asarray(value).view(Noisy) if floating else value


def noisy(value: Any) -> Any:
    """`value`, disturbed once, as an array that goes on disturbing. What is not floating point stays as it is."""
    if (
        not isinstance(value, np.ndarray | np.generic | float | complex)
        or np.asarray(value).dtype.kind not in "fc"
    ):
        return value
    out = np.asarray(disturbed(_bare(np.asarray(value))))
    return out.astype(np.asarray(value).dtype, copy=False).view(Noisy)


def noisy_by_norm(value: Array) -> Array:
    """The same for what LAPACK answers, whose every entry is as exact as the largest is."""
    value = np.asarray(_bare(np.asarray(value)))
    if _active is None or value.dtype.kind != "f":
        return value
    rng, unit = _active
    largest = float(np.max(np.abs(value), initial=0.0))
    moved = value + unit * largest * (4.0 * rng.random(value.shape) - 2.0)
    return np.asarray(moved.astype(value.dtype, copy=False)).view(Noisy)


def spread(center: Array, replay: Callable[[], Array], times: int) -> Array:
    """The largest distance of `times` replays from `center`, entry by entry; inf where a replay is not finite."""
    worst = np.zeros(np.shape(center))
    for _ in range(times):
        off = np.abs(np.asarray(replay(), np.float64) - center)
        worst = np.maximum(worst, np.where(np.isfinite(off), off, np.inf))
    return worst
