"""Gradients of NumPy functions to hold a gradient checker against: right ones at hard points, and wrong ones as people write them.

A case is made anew each time it is asked for, so that what a stateful one remembers does not leak into the next: `CASES[name]()` gives
``(function, vjp, inputs)`` with ``vjp(upstream, *inputs)`` -> one gradient, or a tuple with one for each input. `right.CASES` are correct
up to rounding, `wrong.CASES` are not, by far more than that: what each gets wrong stands beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Case = Callable[[], tuple[Callable[..., Any], Callable[..., Any], tuple[Any, ...]]]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def table(*rows: tuple[Any, ...]) -> dict[str, Case]:
    """Cases from rows ``(name, function, vjp, *inputs)``."""

    def case(row: tuple[Any, ...]) -> Case:
        return lambda: (row[1], row[2], tuple(np.array(x, order="K") for x in row[3:]))

    return {row[0]: case(row) for row in rows}
