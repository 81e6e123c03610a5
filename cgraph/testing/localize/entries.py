"""Entry by entry: the whole gradient of ⟨w, root⟩ with respect to one input, and what each entry may be off.

One complex step an entry (differences where there is no complex step): too slow for a check, just right for a message about a small case.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cgraph.testing.compare import measure
from cgraph.testing.oracle.complex_step import NotAnalytic
from cgraph.testing.oracle.differences import slope
from cgraph.testing.oracle.tape import EPS, Tape

Array = Any
CONFIDENCE = 4.0
MOST = 256  # entries that are looked at one by one


def gradient_of(
    tape: Tape,
    leaves: Mapping[int, Array],
    values: Any,
    i: int,
    w: Array,
    unit: float,
    got: Array | None = None,
) -> tuple[Array, Array]:
    """The gradient of ⟨w, root⟩ with respect to input `i`, entry by entry, and what each entry may be off.

    Of more than `MOST` entries, those are looked at among which `got` is most wrong; the others are given as `got` has them.
    """
    x = np.asarray(leaves[i])
    found, bound = np.zeros(x.size), np.zeros(x.size)
    size = measure.scale_of(x).ravel() if x.size else x.ravel()
    entries: Any = range(x.size)
    if x.size > MOST:
        given = np.zeros(x.size) if got is None else np.asarray(got, np.float64).ravel()
        found[:], bound[:] = given, np.inf
        entries = _most_wrong(tape, leaves, values, i, w, given.reshape(x.shape), size)
    for k in entries:
        seed = np.zeros(x.size)
        seed[k] = size[k]
        try:
            part = tape.tangent(values, {i: seed.reshape(x.shape)})[0]
            found[k], total = measure.total(w, part) if part is not None else (0.0, 0.0)
            bound[k] = 64 * unit * total
        except NotAnalytic:
            f = tape.directional(leaves, {i: seed.reshape(x.shape)}, w)
            s = slope(f, EPS * float(np.sum(np.abs(w * np.asarray(values[-1])))))
            found[k], bound[k] = s.value, CONFIDENCE * s.error
        found[k], bound[k] = found[k] / size[k], bound[k] / size[k]
    return found.reshape(x.shape), bound.reshape(x.shape)


def _most_wrong(
    tape: Tape,
    leaves: Mapping[int, Array],
    values: Any,
    i: int,
    w: Array,
    got: Array,
    size: Array,
) -> range:
    """The block of entries in which `got` is furthest from the derivative, by halving: the half with the larger error is halved again."""
    rng = np.random.default_rng(0)
    d = size * measure.continuous(rng, size.shape)
    wrong = np.isnan(got.ravel())
    if wrong.any():
        start = max(int(np.argmax(wrong)) - 8, 0)
        return range(start, min(start + 16, got.size))

    def off(low: int, high: int) -> float:
        seed = np.zeros(size.size)
        seed[low:high] = d[low:high]
        along = seed.reshape(got.shape)
        a, _ = measure.total(got, along)
        try:
            part = tape.tangent(values, {i: along})[0]
            n = 0.0 if part is None else measure.total(w, part)[0]
        except NotAnalytic:
            f = tape.directional(leaves, {i: along}, w)
            n = slope(f, EPS * float(np.sum(np.abs(w * np.asarray(values[-1]))))).value
        return abs(a - n) if np.isfinite(a - n) else np.inf

    low, high = 0, size.size
    while high - low > 16:
        middle = (low + high) // 2
        low, high = (low, middle) if off(low, middle) >= off(middle, high) else (middle, high)
    return range(low, high)
