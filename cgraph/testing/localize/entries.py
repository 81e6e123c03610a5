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
MOST = 4096  # entries that are looked at one by one


def gradient_of(
    tape: Tape, leaves: Mapping[int, Array], values: Any, i: int, w: Array, unit: float
) -> tuple[Array, Array]:
    """The gradient of ⟨w, root⟩ with respect to input `i`, entry by entry, and what each entry may be off."""
    x = np.asarray(leaves[i])
    found, bound = np.zeros(x.size), np.zeros(x.size)
    size = measure.scale_of(x).ravel() if x.size else x.ravel()
    for k in range(min(x.size, MOST)):
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
