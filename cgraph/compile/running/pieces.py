"""Running a function over pieces of long arrays, on one thread or on several, with the same result every time.

Pieces go to the threads in runs, not one by one as threads become free, and their sums are added in order and exactly
rounded (`math.fsum`), so that
neither the schedule nor the number of threads shows in a result.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np

_pools: dict[int, ThreadPoolExecutor] = {}
_lock = threading.Lock()

# Buffers start at other places within a page, so that they do not compete for the same lines of the cache.
STAGGER = 128


class Pieces:
    """Calls a function ``tile(start, stop, buffers)`` for all pieces of `n` entries or rows, `step` at a time.

    Attributes:
        specs: shape and dtype of each buffer, and a number that it is full of, or None.
        n_sums: how many sums the function returns.
        threads: how many run at the same time.
    """

    def __init__(
        self,
        n: int,
        step: int,
        specs: Sequence[tuple[Any, Any, float | None]],
        n_sums: int,
        threads: int,
    ) -> None:
        self.n, self.step, self.specs = n, step, list(specs)
        self.n_sums, self.threads = n_sums, threads
        self.spare: list[list[Any]] = []

    def _buffers(self) -> list[Any]:
        sizes = [math.prod(shape) * np.dtype(dtype).itemsize for shape, dtype, _ in self.specs]
        block = np.empty(sum(sizes) + STAGGER * (len(sizes) + 1), np.uint8)
        at = -block.ctypes.data % 64
        found = []
        for (shape, dtype, number), size in zip(self.specs, sizes, strict=True):
            buffer = np.ndarray(shape, dtype, block, at)
            if number is not None:
                buffer.fill(number)
            found.append(buffer)
            at += -(-size // 64) * 64 + 64
        return found

    def _run(self, tile: Callable[..., Any], starts: Sequence[int]) -> list[Any]:
        try:
            buffers = self.spare.pop()
        except IndexError:
            buffers = self._buffers()
        try:
            n, step = self.n, self.step
            return [tile(i, min(i + step, n), buffers) for i in starts]
        finally:
            self.spare.append(buffers)

    def _run_quietly(self, tile: Callable[..., Any], starts: Sequence[int]) -> list[Any]:
        with np.errstate(all="ignore"):  # every thread has its own setting
            return self._run(tile, starts)

    def __call__(self, tile: Callable[..., Any]) -> list[float]:
        starts = range(0, self.n, self.step)
        workers = min(self.threads, len(starts))
        if workers <= 1:
            parts = self._run(tile, starts)
        else:
            cuts = [len(starts) * k // workers for k in range(workers + 1)]
            runs = [starts[a:b] for a, b in pairwise(cuts)]
            others = [_pool(workers - 1).submit(self._run_quietly, tile, run) for run in runs[1:]]
            parts = self._run(tile, runs[0])
            for other in others:
                parts += other.result()
        return [_total(part) for part in zip(*parts, strict=True)] if self.n_sums else []


def _total(parts: Sequence[Any]) -> float:
    try:
        return math.fsum(parts)
    except (OverflowError, ValueError):  # inf and −inf, or too large: NumPy has an answer
        return float(np.add.reduce(np.array(parts, np.float64)))


def _pool(workers: int) -> ThreadPoolExecutor:
    with _lock:
        if workers not in _pools:
            _pools[workers] = ThreadPoolExecutor(workers, thread_name_prefix="cgraph")
        return _pools[workers]
