"""Finite differences: the independent cross-check, which knows nothing of complex numbers.

Richardson's extrapolation of central differences, with an error that is measured rather than assumed: the noise of the function by
Hamming's difference table, the truncation by how neighbours in the tableau differ. Where the two one-sided slopes differ, there is a kink,
and both are given.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np

ROUNDS = 8
SHRINK = 4.0


class Slope(NamedTuple):
    """A derivative by differences: the value, its error, the one-sided slopes where they differ (on a kink), the longest step."""

    value: float
    error: float
    sides: tuple[float, float] | None = None
    start: float = 2.0**-4
    wide: bool = False  # in extended precision


def noise_of(f: Callable[[float], float], h: float = 2.0**-30) -> float:
    """The noise in f near 0, by Hamming's differences (Moré and Wild 2011, "Estimating computational noise")."""
    samples = np.array([f(k * h) for k in range(-3, 4)])
    if not np.all(np.isfinite(samples)):
        return 0.0  # too near an edge to tell: the rounding of one evaluation has to do
    size = float(np.max(np.abs(samples))) or 1.0
    levels, table, gamma = [], samples / size, 1.0
    for k in range(1, 6):
        table = np.diff(table)
        gamma *= 0.5 * k / (2 * k - 1)
        levels.append(np.sqrt(gamma * np.mean(table**2)))
    return size * float(max(levels[-1], levels[-2]))


def richardson(
    f: Callable[[float], float],
    noise: float,
    start: float = 2.0**-4,
    parity: int = 2,
    rounds: int = ROUNDS,
) -> Slope:
    """f'(0) by extrapolated differences: central (`parity` 2) or one-sided (1 forwards, -1 backwards).

    The error of an entry is its distance from its neighbours plus the noise it amplifies; the best entry wins, but its bound is
    widened to the spread of the four best, so that one lucky coincidence cannot make it look exact.
    """
    entries: list[tuple[float, float]] = []
    previous: list[float] = []
    gains: list[float] = []
    origin = f(0.0) if abs(parity) == 1 else 0.0
    factor = SHRINK**2 if parity == 2 else SHRINK
    for k in range(rounds if parity == 2 else rounds + 4):
        h = start / SHRINK**k
        if previous and not np.isfinite(previous[0]):
            previous, gains = [], []  # the step was too long for the domain
        if parity == 2:
            row, gain = [(f(h) - f(-h)) / (2 * h)], [1.0 / h]
        else:
            row, gain = [(f(parity * h) - origin) / (parity * h)], [2.0 / h]
        for m, before in enumerate(previous[:4], 1):
            q = factor**m
            row.append(row[-1] + (row[-1] - before) / (q - 1.0))
            gain.append((q * gain[-1] + gains[m - 1]) / (q - 1.0))
            error = abs(row[m] - row[m - 1])
            if m < len(previous):
                error = max(error, abs(row[m] - previous[m]))
            if np.isfinite(row[m]) and np.isfinite(error):
                entries.append((error + noise * gain[m], row[m]))
        previous, gains = row, gain
    if not entries:
        return Slope(float("nan"), float("inf"), None, start)
    entries.sort()
    best = [value for _, value in entries[:4]]
    return Slope(best[0], 2.0 * max(entries[0][0], max(best) - min(best)), None, start)


def slope(f: Callable[[float], float], scale: float, start: float = 2.0**-4) -> Slope:
    """f'(0) by differences, with its error; where the two one-sided slopes differ, both of them.

    Args:
        scale: the rounding of one evaluation: an estimate that the measured noise may raise but not lower.
    """
    f = cache(f)  # central and one-sided differences meet at the same points
    sides = 1.0, -1.0
    while start > 2.0**-40 and not all(np.isfinite(f(side * start)) for side in sides):
        start /= SHRINK  # both ends of the stencil have to lie in the domain
    noise = max(3.0 * noise_of(f, min(2.0**-30, start / 16)), scale)
    central = richardson(f, noise, start)
    # Also where the central difference looks exact: on the kink of |x| it is.
    right, left = richardson(f, noise, start, 1), richardson(f, noise, start, -1)
    apart = abs(right.value - left.value)
    if apart > 4.0 * (right.error + left.error) and apart > 1e-5 * max(
        abs(right.value), abs(left.value)
    ):
        return Slope(
            0.5 * (right.value + left.value),
            right.error + left.error,
            (left.value, right.value),
            start,
        )
    return central


def steady_slope(
    f: Callable[[float], float],
    scale: float,
    worth: float = 0.0,
    apart: Callable[[Slope], bool] | None = None,
) -> Slope:
    """`slope` on the function's own scale, which may be far below that of its arguments (``sin(1e6 x)``, ``tanh(x - 1e6)``).

    The finest steps that rounding allows decide, for nothing hides below them; coarser ones, which round less, may make the answer more
    exact but not another one. Where no step gives a derivative to one part in a thousand, the error says so.

    Args:
        worth: what an error of a derivative of zero is measured against.
        apart: whether a slope is exact enough already; coarser steps are left out then.
    """
    f = cache(f)
    tries: list[Slope] = []
    found: Slope | None = None
    for k in (31, 22, 13, 4):
        one = slope(f, scale, 2.0**-k)
        tries.append(one)
        size = max(abs(one.value), *map(abs, one.sides or (0.0,)), worth)
        if found is None:
            if np.isfinite(one.value) and one.error <= 1e-3 * size:
                found = one
        elif (one.sides is None) == (found.sides is None) and one.error < found.error:
            away = abs(one.value - found.value)
            if one.sides is not None and found.sides is not None:
                away = max(abs(a - b) for a, b in zip(one.sides, found.sides, strict=True))
            if away <= 2.0 * (one.error + found.error):
                found = one
        if found is not None and apart is not None and apart(found):
            return found
    if found is not None:
        return found
    finite = [one for one in tries if np.isfinite(one.value)]
    if not finite:
        return tries[-1]
    values = [one.value for one in finite]
    best = min(finite, key=lambda one: one.error)
    return best._replace(error=max(best.error, max(values) - min(values)), sides=None)
