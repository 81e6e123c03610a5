"""What is off while a graph is worked on: NumPy's warnings, as it is evaluated, and the garbage collector, as a large one is read.

What is not finite is looked for by name (``check="nan"``).

>>> before = silence()
>>> try:
...     float(np.divide(1.0, 0.0))
... finally:
...     restore(before)
inf
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np


class _Quiet:
    """``np.errstate(all="ignore")``, a microsecond cheaper where NumPy lets us keep its setting."""

    def __init__(self) -> None:
        from numpy._core import umath

        with np.errstate(all="ignore"):
            self.setting = umath._extobj_contextvar.get()
        self.set = umath._extobj_contextvar.set
        self.reset = umath._extobj_contextvar.reset


def _put_back(before: Any) -> None:
    np.seterr(**before)


silence: Callable[[], Any]
restore: Callable[[Any], None]
try:
    _quiet = _Quiet()
    silence, restore = partial(_quiet.set, _quiet.setting), _quiet.reset
except (ImportError, AttributeError):  # another NumPy: its public way
    silence, restore = partial(np.seterr, all="ignore"), _put_back


@contextmanager
def uncollected() -> Iterator[None]:
    """Without the garbage collector, which looks through all nodes again and again while so many are made or read."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()
