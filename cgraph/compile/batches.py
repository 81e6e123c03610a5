"""Training in batches, from arrays or from files that are larger than memory.

Only one batch at a time is ever turned into an array, so that a `numpy.memmap` of any size will do. The state stays with the compiled loop
from batch to batch and goes back to the parameters at the end, or when a batch of another size comes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from cgraph.errors import CgraphError, ShapeError
from cgraph.node import Node

Progress = Callable[[int, int, float], Any]


def examples(inputs: Sequence[Node], data: Sequence[Any]) -> tuple[list[int | None], int]:
    """Along which axis each input has its examples (None: it has none), and how many there are.

    The axis is the one whose size is not declared.
    """
    axes: list[int | None] = []
    counts: dict[str, int] = {}
    for node, value in zip(inputs, data, strict=True):
        open_axes = [i for i, n in enumerate(node.shape) if n is None]
        if len(open_axes) > 1:
            raise CgraphError(
                f"{node.label!r} leaves more than one size open: which one counts the examples cannot be told"
            )
        axes.append(open_axes[0] if open_axes else None)
        if open_axes:
            shape = np.shape(value)
            if len(shape) != len(node.shape):
                raise ShapeError(
                    f"{node.label!r} has shape {node.shape}; got a value of shape {shape}"
                )
            counts[node.label] = shape[open_axes[0]]
    if not counts:
        raise CgraphError(
            "batches need an input with a size that is not declared, e.g. cg.input('X', shape=(2, None))"
        )
    if len(set(counts.values())) > 1:
        raise ShapeError(f"the inputs hold different numbers of examples: {counts}")
    return axes, next(iter(counts.values()))


def batches(count: int, size: int, shuffle: Any) -> Iterator[Any]:
    """Which examples go into each batch of an epoch: slices, or arrays of indices where single examples are shuffled."""
    starts = np.arange(0, count, size)
    if shuffle is None:
        yield from (slice(int(a), min(int(a) + size, count)) for a in starts)
    elif isinstance(shuffle, Runs):
        for a in shuffle.generator.permutation(starts):
            yield slice(int(a), min(int(a) + size, count))
    else:
        order = shuffle.permutation(count)
        yield from (order[a : a + size] for a in starts)


class Runs:
    """Shuffle whole batches, each of examples that lie side by side: what a file on a disk can deliver quickly."""

    def __init__(self, generator: Any) -> None:
        self.generator = generator


def shuffler(shuffle: Any) -> Any:
    """`shuffle=` as something to draw from: None, a generator, or `Runs`."""
    if shuffle is None or shuffle is False:
        return None
    if isinstance(shuffle, Runs):
        return shuffle
    if shuffle == "batches" and isinstance(shuffle, str):
        return Runs(np.random.default_rng())
    if hasattr(shuffle, "permutation"):
        return shuffle
    return np.random.default_rng(None if shuffle is True else shuffle)


def picked(value: Any, axis: int | None, some: Any, dtype: Any) -> Any:
    """The examples of one batch as a contiguous array of the input's dtype."""
    if axis is None:
        return value
    part = value[(slice(None),) * axis + (some,)]
    array = np.asarray(part)
    if array.dtype == dtype:
        return array if array.flags.c_contiguous else np.ascontiguousarray(array)
    if not np.can_cast(array.dtype, dtype, "same_kind"):
        return array  # refused by the program, which knows the name
    return np.ascontiguousarray(array, dtype)


def train_in_batches(
    program: Any,
    data: Sequence[Any],
    epochs: int,
    size: int,
    shuffle: Any,
    progress: Progress | None,
) -> list[float]:
    """Epochs over batches; the mean loss of every epoch, each batch's from before its update."""
    if size < 1:
        raise ValueError(f"batch_size is at least 1; got {size}")
    data = [v if hasattr(v, "dtype") else np.asarray(v) for v in data]
    axes, count = examples(program.inputs, data)
    draw = shuffler(shuffle)
    total = epochs * -(-count // size)
    done = 0
    means = []
    certain = program.certain(data)
    with program.session() as session:
        for _ in range(epochs):
            weighted = 0.0
            for some in batches(count, size, draw):
                parts = [
                    picked(v, axis, some, n.dtype)
                    for v, axis, n in zip(data, axes, program.inputs, strict=True)
                ]
                cost = session.advance(parts, certain)
                n = some.stop - some.start if isinstance(some, slice) else len(some)
                weighted += cost * n
                done += 1
                if progress is not None:
                    progress(done, total, cost)
            means.append(weighted / count if count else float("nan"))
    return means
