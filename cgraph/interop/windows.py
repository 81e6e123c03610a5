"""Convolution and pooling in every variant that other frameworks know, as one indexing node: fetch the windows, then multiply or reduce.

Where a window stands is arithmetic on integers, done once when the graph is built; padding and the gaps of a dilated input fetch a
number of their own. The adjoint is that of indexing, so any stride, padding, dilation and grouping has its derivative.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import cgraph as cg

Pads = Sequence[tuple[int, int]]


def places(
    sizes: Sequence[int],
    window: Sequence[int],
    strides: Sequence[int],
    padding: Pads,
    dilation: Sequence[int],
    spacing: Sequence[int],
) -> Any:
    """Which entry each place of each window reads: integers of shape ``out + window``, 0 for none, else 1 + the flat position.

    Args:
        sizes: of the array.
        window, strides, padding: of the windows, one an axis; padding may be negative.
        dilation: distance between the entries of the array, from which on there are gaps.
        spacing: distance between the places of a window.
    """
    numbers = np.arange(1, 1 + int(np.prod(sizes, dtype=np.int64))).reshape(tuple(sizes))
    for axis, (gap, (low, high)) in enumerate(zip(dilation, padding, strict=True)):
        numbers = np.moveaxis(numbers, axis, 0)
        spread = np.zeros((max((len(numbers) - 1) * gap + 1, 0), *numbers.shape[1:]), numbers.dtype)
        spread[::gap] = numbers
        spread = spread[max(-low, 0) : len(spread) - max(-high, 0)]
        edges = [(max(low, 0), max(high, 0))] + [(0, 0)] * (spread.ndim - 1)
        numbers = np.moveaxis(np.pad(spread, edges), 0, axis)
    reach = [(n - 1) * step + 1 for n, step in zip(window, spacing, strict=True)]
    seen = np.lib.stride_tricks.sliding_window_view(numbers, reach)
    starts = tuple(slice(None, None, step) for step in strides)
    return seen[(*starts, *(slice(None, None, step) for step in spacing))]


def windows(
    x: Any,
    window: Sequence[int],
    strides: Sequence[int],
    padding: Pads,
    dilation: Sequence[int],
    spacing: Sequence[int],
    fill: float,
) -> Any:
    """All windows over the last ``len(window)`` axes of `x`, of shape ``batch + out + window``; padding reads `fill`."""
    lead = x.shape[: x.ndim - len(window)]
    sizes: Any = x.shape[x.ndim - len(window) :]
    index = places(sizes, window, strides, padding, dilation, spacing)
    flat = cg.reshape(x, (*lead, -1))
    if index.size and index.min() > 0:
        return flat[(*(slice(None),) * len(lead), index - 1)]
    edge = cg.constant(np.full((*lead, 1), fill, x.dtype))
    return cg.concatenate([edge, flat], len(lead))[(*(slice(None),) * len(lead), index)]


def convolve(
    x: Any,
    kernel: Any,
    strides: Sequence[int],
    padding: Pads,
    dilation: Sequence[int],
    spacing: Sequence[int],
    groups: int,
) -> Any:
    """Cross-correlation, as deep learning's convolution is: `x` (N, C, *sizes) with `kernel` (O, C / groups, *window)."""
    n, channels = x.shape[:2]
    out_channels, _, *window = kernel.shape
    taken = windows(x, window, strides, padding, dilation, spacing, 0.0)
    rank = len(window)
    out = taken.shape[2 : 2 + rank]
    # (N, C, out, window) -> (N, groups, out, C / groups x window), to be multiplied with (groups, C / groups x window, O / groups).
    split = cg.reshape(taken, (n, groups, channels // groups, *out, *window))
    axes = (0, 1, *range(3, 3 + rank), 2, *range(3 + rank, 3 + 2 * rank))
    volume = int(np.prod([channels // groups, *window]))
    rows = cg.reshape(cg.transpose(split, axes), (n, groups, int(np.prod(out)), volume))
    columns = cg.transpose(cg.reshape(kernel, (groups, out_channels // groups, volume)), (0, 2, 1))
    product = cg.transpose(cg.matmul(rows, columns), (0, 1, 3, 2))
    return cg.reshape(product, (n, out_channels, *out))
