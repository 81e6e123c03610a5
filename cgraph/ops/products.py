"""Products over chosen axes: tensor, inner, Kronecker and cross products, and products of several."""

from __future__ import annotations

import string
from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

from cgraph import shapes
from cgraph.errors import ShapeError
from cgraph.op import Op
from cgraph.operators import public
from cgraph.ops.define import axis_of, known_shape, shape_of
from cgraph.ops.einsum import einsum
from cgraph.ops.elementwise import add, multiply
from cgraph.ops.indexing import getitem
from cgraph.ops.joining import stack
from cgraph.ops.linalg import dot, matmul
from cgraph.ops.moving import moveaxis
from cgraph.ops.reduction import sum
from cgraph.ops.structure import expand_dims, flattened, reshape, transpose


@public
def tensordot(a: Any, b: Any, axes: Any = 2, *, name: str | None = None) -> Any:
    """The sum of products over axes of `a` and as many of `b`.

    Args:
        a, b: arrays or nodes.
        axes: how many last axes of `a` meet the first ones of `b`; or which of `a` and which of `b`.
        name: of the node.

    Raises:
        ShapeError: when the sizes along them differ.

    >>> import numpy as np
    >>> import cgraph as cg
    >>> cg.tensordot(np.ones((2, 3, 4)), np.ones((3, 4, 5))).shape
    (2, 5)
    """
    if isinstance(axes, int | np.integer):
        axes_a, axes_b = list(range(-int(axes), 0)), list(range(int(axes)))
    else:
        axes_a, axes_b = ([int(i) for i in np.atleast_1d(part)] for part in axes)
    axes_a, axes_b = [axis_of(a, i) for i in axes_a], [axis_of(b, i) for i in axes_b]
    own_a, own_b = shape_of(a), shape_of(b)
    if len(axes_a) != len(axes_b) or any(
        own_a[i] != own_b[j] and None not in (own_a[i], own_b[j])
        for i, j in zip(axes_a, axes_b, strict=False)
    ):
        raise ShapeError(f"tensordot: axes {axes_a} of {own_a} and {axes_b} of {own_b} do not fit")
    left = [i for i in range(len(own_a)) if i not in axes_a]
    right = [j for j in range(len(own_b)) if j not in axes_b]
    rows, columns = [own_a[i] for i in left], [own_b[j] for j in right]
    if None in own_a + own_b:
        letters = iter(string.ascii_letters)
        part_a = [next(letters) for _ in own_a]
        part_b = [
            part_a[axes_a[axes_b.index(j)]] if j in axes_b else next(letters)
            for j in range(len(own_b))
        ]
        result = [part_a[i] for i in left] + [part_b[j] for j in right]
        return einsum(f"{''.join(part_a)},{''.join(part_b)}->{''.join(result)}", a, b, name=name)
    n = shapes.size(tuple(own_a[i] for i in axes_a))
    flat_a = reshape(transpose(a, [*left, *axes_a]), (shapes.size(tuple(rows)), n))
    flat_b = reshape(transpose(b, [*axes_b, *right]), (n, shapes.size(tuple(columns))))
    return reshape(matmul(flat_a, flat_b), (*rows, *columns), name=name)


@public
def inner(a: Any, b: Any, *, name: str | None = None) -> Any:
    """The sum of products over the last axes.

    >>> import cgraph as cg
    >>> float(cg.inner([1.0, 2.0], [3.0, 4.0]))
    11.0
    """
    if not shape_of(a) or not shape_of(b):
        return multiply(a, b, name=name)
    return tensordot(a, b, ([-1], [-1]), name=name)


@public
def vdot(a: Any, b: Any, *, name: str | None = None) -> Any:
    """The dot product of all entries of `a` and `b`, in order."""
    return dot(flattened(a), flattened(b), name=name)


@public
def vecdot(a: Any, b: Any, axis: int = -1, *, name: str | None = None) -> Any:
    """The dot product of vectors along `axis`, the others broadcast."""
    return sum(multiply(a, b), axis=axis, name=name)


@public
def matvec(a: Any, b: Any, *, name: str | None = None) -> Any:
    """Stacks of matrices times stacks of vectors."""
    return getitem(matmul(a, expand_dims(b, -1)), (Ellipsis, 0), name=name)


@public
def vecmat(a: Any, b: Any, *, name: str | None = None) -> Any:
    """Stacks of vectors times stacks of matrices."""
    return getitem(matmul(expand_dims(a, -2), b), (Ellipsis, 0, slice(None)), name=name)


@public
def kron(a: Any, b: Any, *, name: str | None = None) -> Any:
    """The Kronecker product: `b`, once for each entry of `a` and times it.

    >>> import cgraph as cg
    >>> cg.kron([1.0, 10.0], [1.0, 2.0])
    array([ 1.,  2., 10., 20.])
    """
    own_a, own_b = known_shape(a, "kron"), known_shape(b, "kron")
    ndim = max(len(own_a), len(own_b))
    own_a, own_b = (1,) * (ndim - len(own_a)) + own_a, (1,) * (ndim - len(own_b)) + own_b
    left = reshape(a, [n for size in own_a for n in (size, 1)])
    right = reshape(b, [n for size in own_b for n in (1, size)])
    return reshape(left * right, [n * m for n, m in zip(own_a, own_b, strict=True)], name=name)


@public
def cross(
    a: Any,
    b: Any,
    axisa: int = -1,
    axisb: int = -1,
    axisc: int = -1,
    axis: int | None = None,
    *,
    name: str | None = None,
) -> Any:
    """The cross product of vectors of three entries (or two, whose third is 0) along an axis.

    >>> import numpy as np
    >>> import cgraph as cg
    >>> cg.cross(np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0]))
    array([0., 0., 1.])
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = moveaxis(a, axisa, -1), moveaxis(b, axisb, -1)
    n, m = shape_of(a)[-1], shape_of(b)[-1]
    if n not in (2, 3) or m not in (2, 3):
        raise ShapeError(f"cross: vectors have 2 or 3 entries, not {n} and {m}")
    x, y = ([v[..., i] for i in range(k or 0)] for v, k in ((a, n), (b, m)))
    last = x[0] * y[1] - x[1] * y[0]
    if n == m == 2:
        return getitem(last, Ellipsis, name=name)
    zero = 0.0 * x[0] * y[0]
    x, y = [*x, zero][:3], [*y, zero][:3]
    first, second = x[1] * y[2] - x[2] * y[1], x[2] * y[0] - x[0] * y[2]
    return moveaxis(stack([first, second, last], -1), -1, axisc, name=name)


@public
def add_sequence(*terms: Any, name: str | None = None) -> Any:
    """The sum of its operands, as MyGrad has it."""
    return _chain(add, terms, name)


@public
def multiply_sequence(*factors: Any, name: str | None = None) -> Any:
    """The product, entry by entry, of its operands, as MyGrad has it."""
    return _chain(multiply, factors, name)


@public
def multi_matmul(matrices: Sequence[Any], *, name: str | None = None) -> Any:
    """The product of matrices, from left to right; `cgraph.linalg.multi_dot` looks for the cheapest order."""
    return _chain(matmul, tuple(matrices), name)


def _chain(binary: Any, operands: tuple[Any, ...], name: str | None) -> Any:
    if len(operands) < 2:
        raise ShapeError(
            f"{binary.name if isinstance(binary, Op) else binary.__name__} of fewer than two operands"
        )
    return binary(reduce(binary, operands[:-1]), operands[-1], name=name)
