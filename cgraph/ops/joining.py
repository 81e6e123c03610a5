"""Joining and cutting: `concatenate`, and what is composed of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cgraph import shapes
from cgraph.errors import ShapeError, UnsupportedError
from cgraph.linear_maps import Adjoint, LinearMap
from cgraph.op import Op, is_node
from cgraph.operators import public
from cgraph.ops.define import F, axis_of, op, shape_of
from cgraph.ops.structure import expand_dims, reshape, zeros_like


def _concatenate_local(i: int, out: Any, *operands: Any, axis: int) -> LinearMap:
    sizes = [x.shape[axis] for x in operands[: i + 1]]
    if None in sizes:
        raise UnsupportedError(
            "the gradient graph of concatenate needs sizes along its axis that are known; declare them"
        )
    end = sum(sizes)
    part = (slice(None),) * axis + (slice(end - sizes[-1], end),)

    def forward(t: Any) -> Any:
        return concatenate([t if k == i else zeros_like(x) for k, x in enumerate(operands)], axis)

    return Adjoint(forward, lambda u: u[part], lambda mask: mask[part])


# fmt: off
concatenate_op: Op = op(
    "concatenate", lambda *operands, axis: np.concatenate(operands, axis), _concatenate_local, variadic=True,
    shape=lambda *operands, axis: shapes.concatenate(operands, axis), formula=F("[$a, $b, …]", "[$a, $b, \\dots]", "the part for $a"),
)
# fmt: on


@public
def concatenate(arrays: Sequence[Any], axis: int | None = 0, *, name: str | None = None) -> Any:
    """Arrays and nodes joined along an axis they have.

    Raises:
        ShapeError: when there is nothing to join, or the shapes differ in another axis.

    >>> import cgraph as cg
    >>> cg.concatenate([cg.input("a", shape=(2, 3)), cg.input("b", shape=(1, 3))]).shape
    (3, 3)
    """
    arrays = list(arrays)
    if not arrays:
        raise ShapeError("concatenate: nothing to join")
    if axis is None:  # NumPy flattens
        arrays, axis = [reshape(x, -1) for x in arrays], 0
    ndim = len(shape_of(arrays[0]))
    if ndim == 0:
        raise ShapeError("concatenate: scalars have no axis to join along; use stack")
    return concatenate_op(*arrays, axis=axis_of(arrays[0], axis), name=name)


@public
def stack(arrays: Sequence[Any], axis: int = 0, *, name: str | None = None) -> Any:
    """Arrays and nodes of one shape joined along a new axis.

    Raises:
        ShapeError: when there is nothing to join, or the shapes differ.

    >>> import cgraph as cg
    >>> cg.stack([cg.parameter("a", 1.0), cg.parameter("b", 2.0), 3.0]).shape
    (3,)
    """
    arrays = list(arrays)
    if not arrays:
        raise ShapeError("stack: nothing to join")
    known = [x.dtype for x in arrays if isinstance(x, np.ndarray | np.generic) or is_node(x)]
    if known:  # a Python number never promotes
        arrays = [
            np.asarray(x, np.result_type(*known, x)) if type(x) in (int, float) else x
            for x in arrays
        ]
    if any(shape_of(x) != shape_of(arrays[0]) for x in arrays):
        raise ShapeError(f"stack: the shapes {[shape_of(x) for x in arrays]} differ")
    axis = axis_of(arrays[0], axis, 1)
    return concatenate([expand_dims(x, axis) for x in arrays], axis, name=name)


@public
def split(x: Any, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Any]:
    """`x` cut along `axis` into equal parts, or at the given indices, as in NumPy.

    Raises:
        ShapeError: when the parts would not be equal, or the size along the axis is not known.

    >>> import cgraph as cg
    >>> [part.shape for part in cg.split(cg.input("x", shape=(6,)), 3)]
    [(2,), (2,), (2,)]
    """
    shape = shape_of(x)
    axis = axis_of(x, axis)
    n = shape[axis]
    if n is None:
        raise ShapeError("split: the size along the axis must be known")
    if isinstance(indices_or_sections, int):
        if n % indices_or_sections:
            raise ShapeError(f"split: {n} is not divisible by {indices_or_sections}")
        cuts = [*range(0, n, n // indices_or_sections)] if n else [0] * indices_or_sections
    else:
        cuts = [0, *indices_or_sections]
    return [
        x[(slice(None),) * axis + (slice(a, b),)] for a, b in zip(cuts, [*cuts[1:], n], strict=True)
    ]
