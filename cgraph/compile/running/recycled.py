"""Memory for large results: that of earlier ones which nobody holds any more.

A fresh array of tens of megabytes costs as much as computing its entries, because the system hands its pages over one by one. A
program therefore remembers the large arrays that it has handed out last. Before the next call it looks whether anything else still
refers to them, a view included; what is free is filled anew, what is not is left to its holder. So no two results that can be seen
share memory.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

# Smaller arrays come out of the allocator's own reserves.
LEAST_BYTES = 1 << 20
# A caller that keeps a result until the next has come holds one, and the one before is free.
MOST_KEPT = 2


def _popped(held: list[Any]) -> tuple[Any, int]:
    """The oldest array, and how many references there are to it."""
    array = held.pop(0)
    return array, sys.getrefcount(array)


# References to an array that nothing holds but the function above; None where references are not counted so simply.
ALONE: int | None = None
if hasattr(sys, "getrefcount") and getattr(sys, "_is_gil_enabled", lambda: True)():
    ALONE = _popped([np.empty(0)])[1]


class Recycled:
    """Makes arrays of one shape and dtype."""

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        self.shape, self.dtype = shape, dtype
        self.held: list[Any] = []

    def __call__(self) -> Any:
        held = self.held
        for _ in range(len(held)):
            try:
                array, references = _popped(held)
            except IndexError:  # another thread was faster
                break
            if references == ALONE and not weakref.getweakrefcount(array):
                held.append(array)
                return array
            if len(held) < MOST_KEPT - 1:
                held.append(array)
        array = np.empty(self.shape, self.dtype)
        held.append(array)
        return array


def maker(shape: tuple[int, ...], dtype: Any) -> Callable[[], Any] | None:
    """What makes large results; None for those that are made as they come."""
    large = np.dtype(dtype).itemsize * int(np.prod(shape, dtype=np.int64)) >= LEAST_BYTES
    return Recycled(shape, dtype) if large and ALONE is not None else None
