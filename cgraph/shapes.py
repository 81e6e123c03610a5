"""Shape rules, on plain tuples.

Shapes are inferred when a node is built, so every rule here takes shapes and gives a shape; arrays never come by. A size of None
is one that is not known yet (a batch whose size is fixed when it is fed). The rules raise `ShapeError` with the reason alone:
the caller, who knows the nodes, adds their names. Reductions and indexing have no rule of their own: NumPy is asked, on an
array that owns no memory.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from cgraph.errors import ShapeError

Shape = tuple[int | None, ...]

# Stand in for unknown sizes when NumPy is asked for a shape: what comes out differently depends on them.
_GUESSES = (7919, 7907, 1, 0)


def is_static(shape: Shape) -> bool:
    """Whether every size is known."""
    return None not in shape


def size(shape: Shape) -> int | None:
    """The number of entries, or None when a size is unknown."""
    return None if None in shape else math.prod(shape)  # type: ignore[arg-type]


@lru_cache(maxsize=4096)
def broadcast(*shapes: Shape) -> Shape:
    """NumPy's broadcasting rule; an unknown size meets a known one as if it were equal (checked when it is fed).

    >>> broadcast((3, 1), (4,)), broadcast((3, 1), (3, None))
    ((3, 4), (3, None))
    """
    ndim = max(map(len, shapes))
    result: list[int | None] = []
    for sizes in zip(*((1,) * (ndim - len(shape)) + shape for shape in shapes), strict=True):
        known = {n for n in sizes if n is not None and n != 1}
        if len(known) > 1:
            a, b = sorted(known)[:2]
            raise ShapeError(f"sizes {a} and {b} cannot be broadcast together")
        result.append(known.pop() if known else None if None in sizes else 1)
    return tuple(result)


@lru_cache(maxsize=4096)
def matmul(a: Shape, b: Shape) -> Shape:
    """The shape of ``a @ b``, with one-dimensional and batched operands as NumPy has them."""
    if not a or not b:
        raise ShapeError("a scalar has no matrix product; use *")
    inner_a, inner_b = a[-1], b[-2] if len(b) > 1 else b[0]
    if inner_a != inner_b and inner_a is not None and inner_b is not None:
        raise ShapeError(f"inner dimensions {inner_a} and {inner_b} differ")
    batch = broadcast(a[:-2], b[:-2]) if len(a) > 2 or len(b) > 2 else ()
    return batch + (a[-2:-1] if len(a) > 1 else ()) + (b[-1:] if len(b) > 1 else ())


def normalize_axes(axis: int | Sequence[int] | None, ndim: int) -> tuple[int, ...]:
    """`axis=` as a sorted tuple of non-negative axes; None means all of them."""
    if axis is None:
        return tuple(range(ndim))
    given = (axis,) if isinstance(axis, int | np.integer) else tuple(axis)
    axes = []
    for a in given:
        if not -ndim <= a < ndim:
            raise ShapeError(f"axis {a} is out of range for {ndim} dimension{'s' * (ndim != 1)}")
        axes.append(int(a) % ndim)
    if len(set(axes)) != len(axes):
        raise ShapeError(f"axis {axis} names a dimension twice")
    return tuple(sorted(axes))


@lru_cache(maxsize=4096)
def reduce(shape: Shape, axes: tuple[int, ...], keepdims: bool) -> Shape:
    """The shape after the `axes` are summed away."""
    if keepdims:
        return tuple(1 if i in axes else n for i, n in enumerate(shape))
    return tuple(n for i, n in enumerate(shape) if i not in axes)


def reshape(shape: Shape, target: Shape) -> Shape:
    """`target` with its -1 worked out from `shape`; None when that takes a size that is not known."""
    if sum(n == -1 for n in target) > 1:
        raise ShapeError("only one size may be -1")
    total = size(shape)
    known = math.prod(n for n in target if n is not None and n != -1)
    if -1 in target:
        if total is None or None in target:
            return tuple(None if n == -1 else n for n in target)
        if known == 0 or total % known:
            raise ShapeError(f"{total} entries do not fill {target}")
        return tuple(total // known if n == -1 else n for n in target)
    if total is not None and None not in target and total != known:
        raise ShapeError(f"{total} entries do not fill {target}")
    return target


def concatenate(shapes: Sequence[Shape], axis: int) -> Shape:
    """The shape of arrays joined along `axis` (non-negative)."""
    first = shapes[0]
    total: int | None = 0
    for shape in shapes:
        if len(shape) != len(first) or any(
            i != axis and n != m and n is not None and m is not None
            for i, (n, m) in enumerate(zip(first, shape, strict=False))
        ):
            raise ShapeError(f"shapes {first} and {shape} differ in more than axis {axis}")
        total = None if total is None or shape[axis] is None else total + shape[axis]  # type: ignore[operator]
    return (*first[:axis], total, *first[axis + 1 :])


def index(shape: Shape, key: Any) -> Shape:
    """The shape of ``x[key]``, asked of NumPy; for unknown sizes several are tried, and what depends on them stays unknown.

    >>> index((2, 4), (0, slice(1, None))), index((2, None), (slice(None), slice(0, 3)))
    ((3,), (2, None))
    """
    results: list[Shape] = []
    for guess in _GUESSES if None in shape else _GUESSES[:1]:
        sizes = tuple(guess if n is None else n for n in shape)
        try:
            results.append(np.broadcast_to(np.zeros((), np.int8), sizes)[key].shape)
        except (IndexError, ValueError) as error:
            # The later guesses are small, and an index may well be out of their range.
            if not results:
                raise ShapeError(str(error)) from None
    return tuple(sizes[0] if len(set(sizes)) == 1 else None for sizes in zip(*results, strict=True))


def agrees(shape: tuple[int, ...], declared: Shape) -> bool:
    """Whether an array of `shape` may stand where `declared` was promised."""
    return len(shape) == len(declared) and all(
        d is None or n == d for n, d in zip(shape, declared, strict=True)
    )
