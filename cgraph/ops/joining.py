"""Joining and cutting: `concatenate`, and what is composed of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cgraph import shapes
from cgraph.errors import ShapeError, UnsupportedError
from cgraph.linear_maps import Adjoint, LinearMap
from cgraph.op import OPS, Op, is_node
from cgraph.operators import public
from cgraph.ops.define import F, along, axis_of, dtype_of, known_shape, op, shape_of
from cgraph.ops.structure import broadcast_to, cast, expand_dims, flattened, reshape, zeros_like


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
    shape=lambda *operands, axis: shapes.concatenate(operands, axis),
    formula=F("[$a, $b, …]", "[$a, $b, \\dots]", "the part for $a", adjoint="its part of UPSTREAM"),
)
# fmt: on


@public
def concatenate(
    arrays: Sequence[Any], axis: int | None = 0, *, dtype: Any = None, name: str | None = None
) -> Any:
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
    if dtype is not None:
        arrays = [cast(x, dtype) for x in arrays]
    if axis is None:  # NumPy flattens
        arrays, axis = [flattened(x) for x in arrays], 0
    ndim = len(shape_of(arrays[0]))
    if ndim == 0:
        raise ShapeError("concatenate: scalars have no axis to join along; use stack")
    return concatenate_op(*arrays, axis=axis_of(arrays[0], axis), name=name)


@public
def stack(
    arrays: Sequence[Any], axis: int = 0, *, dtype: Any = None, name: str | None = None
) -> Any:
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
    if dtype is not None:
        arrays = [cast(x, dtype) for x in arrays]
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
    if isinstance(indices_or_sections, int | np.integer):
        if n % indices_or_sections:
            raise ShapeError(f"split: {n} is not divisible by {indices_or_sections}")
        cuts = [*range(0, n, n // indices_or_sections)] if n else [0] * indices_or_sections
    else:
        cuts = [0, *indices_or_sections]
    return [
        x[(slice(None),) * axis + (slice(a, b),)] for a, b in zip(cuts, [*cuts[1:], n], strict=True)
    ]


@public
def array_split(x: Any, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Any]:
    """`x` cut along `axis` as `split` does, into parts that differ by at most 1 where they cannot be equal.

    >>> import cgraph as cg
    >>> [part.shape for part in cg.array_split(cg.input("x", shape=(7,)), 3)]
    [(3,), (2,), (2,)]
    """
    if not isinstance(indices_or_sections, int | np.integer):
        return split(x, indices_or_sections, axis)
    n = known_shape(x, "array_split")[axis_of(x, axis)]
    least, more = divmod(n, int(indices_or_sections))
    sizes = [least + 1] * more + [least] * (int(indices_or_sections) - more)
    return split(x, [int(c) for c in np.cumsum(sizes)[:-1]], axis)


@public
def hsplit(x: Any, indices_or_sections: int | Sequence[int]) -> list[Any]:
    """`x` cut into columns; a vector into parts."""
    return split(x, indices_or_sections, 1 if len(shape_of(x)) > 1 else 0)


@public
def vsplit(x: Any, indices_or_sections: int | Sequence[int]) -> list[Any]:
    """`x` cut into rows."""
    return split(x, indices_or_sections, 0)


@public
def dsplit(x: Any, indices_or_sections: int | Sequence[int]) -> list[Any]:
    """`x` cut along its third axis."""
    return split(x, indices_or_sections, 2)


@public
def unstack(x: Any, *, axis: int = 0) -> tuple[Any, ...]:
    """The parts of `x` along an axis, which they do not have any more."""
    axis = axis_of(x, axis)
    return tuple(x[along(axis, i)] for i in range(known_shape(x, "unstack")[axis]))


def _at_least(ndim: int, function_name: str) -> Any:
    def function(*arrays: Any) -> Any:
        found = tuple(with_axes(x, ndim) for x in arrays)
        return found[0] if len(found) == 1 else found

    function.__name__ = function.__qualname__ = function_name
    function.__doc__ = f"Arrays or nodes with axes of size 1 put in where they have fewer than {ndim}, as in NumPy."
    return public(function)


def with_axes(x: Any, ndim: int) -> Any:
    shape = shape_of(x)
    if len(shape) >= ndim:
        return x if is_node(x) else np.asarray(x)
    if ndim == 3 and len(shape) == 2:
        return expand_dims(x, 2)
    if ndim == 3 and len(shape) == 1:
        return expand_dims(x, (0, 2))
    return expand_dims(x, tuple(range(ndim - len(shape))))


atleast_1d = _at_least(1, "atleast_1d")
atleast_2d = _at_least(2, "atleast_2d")
atleast_3d = _at_least(3, "atleast_3d")


@public
def hstack(arrays: Sequence[Any], *, dtype: Any = None, name: str | None = None) -> Any:
    """Arrays and nodes side by side: joined along the second axis; vectors along their only one.

    >>> import cgraph as cg
    >>> cg.hstack([[1.0], [2.0, 3.0]])
    array([1., 2., 3.])
    """
    parts = [with_axes(x, 1) for x in arrays]
    return concatenate(parts, 0 if len(shape_of(parts[0])) == 1 else 1, dtype=dtype, name=name)


@public
def vstack(arrays: Sequence[Any], *, dtype: Any = None, name: str | None = None) -> Any:
    """Arrays and nodes below each other; a vector is a row."""
    return concatenate([with_axes(x, 2) for x in arrays], 0, dtype=dtype, name=name)


@public
def row_stack(arrays: Sequence[Any], *, dtype: Any = None, name: str | None = None) -> Any:
    """`vstack` by another name."""
    return vstack(arrays, dtype=dtype, name=name)


@public
def dstack(arrays: Sequence[Any], *, name: str | None = None) -> Any:
    """Arrays and nodes behind each other: joined along the third axis."""
    return concatenate([with_axes(x, 3) for x in arrays], 2, name=name)


@public
def column_stack(arrays: Sequence[Any], *, name: str | None = None) -> Any:
    """Vectors as the columns of a matrix; matrices side by side."""
    columns = [x if len(shape_of(x)) > 1 else reshape(x, (-1, 1)) for x in arrays]
    return concatenate(columns, 1, name=name)


@public
def block(arrays: Any, *, name: str | None = None) -> Any:
    """An array of blocks, from nested lists of them, as in NumPy.

    >>> import numpy as np
    >>> import cgraph as cg
    >>> cg.block([[np.ones((1, 1)), np.zeros((1, 2))], [np.full((1, 3), 2.0)]])
    array([[1., 0., 0.],
           [2., 2., 2.]])
    """

    def depth(x: Any) -> int:
        return 1 + max(map(depth, x)) if isinstance(x, list) else 0

    def flat(x: Any) -> list[Any]:
        return [leaf for part in x for leaf in flat(part)] if isinstance(x, list) else [x]

    levels = depth(arrays)
    ndim = max(levels, *(len(shape_of(x)) for x in flat(arrays)))

    def joined(x: Any, level: int) -> Any:
        if not isinstance(x, list):
            return reshape(x, (1,) * (ndim - len(shape_of(x))) + tuple(shape_of(x)))
        parts = [joined(part, level + 1) for part in x]
        return parts[0] if len(parts) == 1 else concatenate(parts, ndim - levels + level)

    result = joined(arrays, 0)
    return result if name is None else reshape(result, shape_of(result), name=name)


@public
def append(x: Any, values: Any, axis: int | None = None, *, name: str | None = None) -> Any:
    """`x` with `values` after it along `axis`; both flattened, if it is not given."""
    return concatenate([with_axes(x, 1), with_axes(values, 1)], axis, name=name)


@public
def delete(x: Any, obj: Any, axis: int | None = None, *, name: str | None = None) -> Any:
    """`x` without the entries at `obj`, an index that is known, along `axis`.

    >>> import numpy as np
    >>> import cgraph as cg
    >>> cg.delete(np.array([1.0, 2.0, 3.0]), 1)
    array([1., 3.])
    """
    if is_node(obj):
        raise UnsupportedError(
            "delete: which entries go has to be known; use the .value of the index"
        )
    if axis is None:
        x, axis = flattened(x), 0
    axis = axis_of(x, axis)
    kept = np.delete(np.arange(known_shape(x, "delete")[axis]), obj)
    return OPS["getitem"](x, index=along(axis, kept), name=name)


@public
def insert(
    x: Any, obj: Any, values: Any, axis: int | None = None, *, name: str | None = None
) -> Any:
    """`x` with `values` put in before the entries at `obj`, an index that is known, along `axis`.

    >>> import numpy as np
    >>> import cgraph as cg
    >>> cg.insert(np.array([1.0, 3.0]), 1, 2.0)
    array([1., 2., 3.])
    """
    if is_node(obj):
        raise UnsupportedError("insert: the places have to be known; use the .value of the index")
    if axis is None:
        x, axis = flattened(x), 0
    axis = axis_of(x, axis)
    shape = known_shape(x, "insert")
    n = shape[axis]
    # NumPy says what goes where: entries of x count from 0, inserted ones from n.
    places = np.arange(n)
    count = int(np.insert(places, obj, -1).size) - n
    single = isinstance(obj, int | np.integer)
    if single and shape_of(values) and len(shape_of(values)) >= len(shape):
        count = int(shape_of(values)[axis])  # type: ignore[arg-type]
    new = np.arange(n, n + count)
    order = np.insert(places, [int(obj)] * count if single else obj, new)
    block_shape = (*shape[:axis], count, *shape[axis + 1 :])
    if single and 0 < len(shape_of(values)) == len(shape) - 1:
        values = expand_dims(values, axis)
    values = broadcast_to(values, block_shape) if shape_of(values) != block_shape else values
    if not is_node(values):
        values = np.asarray(values).astype(dtype_of(x), copy=False)
    return OPS["getitem"](concatenate([x, values], axis), index=along(axis, order), name=name)


@public
def broadcast_arrays(*arrays: Any) -> tuple[Any, ...]:
    """Arrays and nodes, each broadcast to the shape of all."""
    shape: Any = shapes.broadcast(*(shape_of(x) for x in arrays))
    return tuple(x if shape_of(x) == shape else broadcast_to(x, shape) for x in arrays)


@public
def meshgrid(*xi: Any, sparse: bool = False, indexing: str = "xy") -> tuple[Any, ...]:
    """Coordinates of a grid from the coordinates along its axes, as in NumPy."""
    ndim = len(xi)
    spread = [reshape(x, [1] * i + [-1] + [1] * (ndim - i - 1)) for i, x in enumerate(xi)]
    if indexing == "xy" and ndim > 1:
        spread[0] = reshape(xi[0], [1, -1] + [1] * (ndim - 2))
        spread[1] = reshape(xi[1], [-1, 1] + [1] * (ndim - 2))
    return tuple(spread) if sparse else broadcast_arrays(*spread)
