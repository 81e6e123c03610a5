"""Windows with everything other frameworks know: gaps in the input and padding that cuts off, on top of `cgraph.nn`'s convolution.

Ordinary windows are the ops of `cgraph.nn.functional`. What these do not have, a dilated input (a convolution's own adjoint) and
negative padding, is one indexing node in front: every place of the spaced array reads an entry or the number that fills.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import cgraph as cg
from cgraph.nn import functional as nnf
from cgraph.nn.functional.sliding import windows_op

Pads = Sequence[tuple[int, int]]


def _spaced(x: Any, dilation: Sequence[int], padding: Pads, fill: float) -> tuple[Any, Pads]:
    """`x` with gaps between the entries of its last axes, and the padding that is still to be done."""
    if all(gap == 1 for gap in dilation) and all(side >= 0 for pair in padding for side in pair):
        return x, padding
    lead = x.shape[: x.ndim - len(dilation)]
    sizes = x.shape[len(lead) :]
    # Which entry each place reads: 0 for the number that fills, else 1 + the flat position.
    reads = np.arange(1, 1 + int(np.prod(sizes, dtype=np.int64))).reshape(sizes)
    for axis, (gap, (low, high)) in enumerate(zip(dilation, padding, strict=True)):
        reads = np.moveaxis(reads, axis, 0)
        spread = np.zeros((max((len(reads) - 1) * gap + 1, 0), *reads.shape[1:]), reads.dtype)
        spread[::gap] = reads
        spread = spread[max(-low, 0) : len(spread) - max(-high, 0)]
        edges = [(max(low, 0), max(high, 0))] + [(0, 0)] * (spread.ndim - 1)
        reads = np.moveaxis(np.pad(spread, edges), 0, axis)
    filler = cg.constant(np.full((*lead, 1), fill, x.dtype))
    flat = cg.concatenate([filler, cg.reshape(x, (*lead, -1))], len(lead))
    return flat[(*(slice(None),) * len(lead), reads)], [(0, 0)] * len(dilation)


def windows(
    x: Any,
    window: Sequence[int],
    strides: Sequence[int],
    padding: Pads,
    dilation: Sequence[int],
    spacing: Sequence[int],
    fill: float,
) -> Any:
    """All windows over the last ``len(window)`` axes of `x`, of shape ``batch + out + window``; padding reads `fill`.

    Args:
        window, strides, padding: sizes, steps and pairs, one an axis; padding may be negative.
        dilation: distance between the entries of `x`, from which on there are gaps.
        spacing: distance between the places of a window.
    """
    x, padding = _spaced(x, dilation, padding, fill)
    kernel, stride, spread = (tuple(map(int, sizes)) for sizes in (window, strides, spacing))
    pairs = tuple((int(low), int(high)) for low, high in padding)
    return windows_op(x, kernel=kernel, stride=stride, dilation=spread, padding=pairs, fill=fill)


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
    x, padding = _spaced(x, dilation, padding, 0.0)
    return nnf.conv_nd(
        x, kernel, stride=strides, padding=tuple(padding), dilation=spacing, groups=groups
    )
