"""Matrix products.

`matmul` carries the two maps of a matrix net, `MatMulLeft` and `MatMulRight`. Batches broadcast through explicit
`broadcast_to` nodes, as everywhere; vectors, as NumPy treats them, need no reshaping.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cgraph import shapes
from cgraph.errors import ShapeError
from cgraph.linear_maps import Adjoint, LinearMap, MatMulLeft, MatMulRight, product
from cgraph.op import Op, is_node
from cgraph.operators import public
from cgraph.ops.define import F, drawn, op, shape_of
from cgraph.ops.elementwise import multiply
from cgraph.ops.structure import broadcast_op, expand_dims, reshape, squeeze, transpose


def _matmul(a: Any, b: Any) -> Any:
    if a.__class__ is b.__class__ is np.ndarray:
        return product(a, b)
    return np.matmul(a, b)


def _left(out: Any, a: Any, b: Any) -> LinearMap:
    """With respect to `a`. Vectors: the adjoint of ``t @ b`` takes an outer product, or none at all."""
    if b.ndim == 1:
        adjoint = (lambda u: u * b) if a.ndim == 1 else (lambda u: expand_dims(u, -1) * b)
        return Adjoint(lambda t: product(t, b), adjoint)
    if a.ndim == 1:
        return Adjoint(lambda t: product(t, b), lambda u: product(b, u))
    return MatMulLeft(b)


def _right(out: Any, a: Any, b: Any) -> LinearMap:
    """With respect to `b`."""
    if a.ndim == 1:
        adjoint = (lambda u: u * a) if b.ndim == 1 else (lambda u: expand_dims(a, -1) * u)
        return Adjoint(lambda t: product(a, t), adjoint)
    if b.ndim == 1:
        return Adjoint(lambda t: product(a, t), lambda u: product(u, a))
    return MatMulRight(a)


def _example(rng: Any) -> Any:
    a, b, c = (int(n) for n in rng.integers(1, 3, 3))
    fitting = [
        ((a, b), (b, c)),
        ((b,), (b, c)),
        ((a, b), (b,)),
        ((b,), (b,)),
        ((2, a, b), (2, b, c)),
    ]
    return tuple(drawn(rng, shape) for shape in fitting[rng.integers(5)]), {}


def _shape(a: shapes.Shape, b: shapes.Shape) -> shapes.Shape:
    """Stacks as deep as one another, or none: the adjoints sum over no stack. What else NumPy takes, `matmul` brings to this."""
    found = shapes.matmul(a, b)
    if len(a) != len(b) and max(len(a), len(b)) > 2:
        raise ShapeError(
            f"a stack {max(a, b, key=len)} with {min(a, b, key=len)}: write it with matmul"
        )
    return found


# fmt: off
matmul_op: Op = op(
    "matmul", _matmul, _left, _right, shape=_shape, family="linalg", symbol="·", role="linear",
    formula=F("$a·$b", "$a $b", "upstream · $bᵀ", "$aᵀ · upstream"), example=_example,
)
# fmt: on


@public
def matmul(a: Any, b: Any, *, name: str | None = None) -> Any:
    """The matrix product ``a @ b``: vectors and stacks of matrices as in NumPy.

    Raises:
        ShapeError: when the inner dimensions differ, naming both operands.

    >>> import cgraph as cg
    >>> W, X = cg.parameter("W", [[0.1, 0.6]]), cg.input("X", shape=(2, 4))
    >>> (W @ X).shape
    (1, 4)
    """
    shape_a, shape_b = shape_of(a), shape_of(b)
    if (
        shape_a[:-2] != shape_b[:-2]
        and (is_node(a) or is_node(b))
        and min(len(shape_a), len(shape_b)) >= 1
        and _agree(shape_a, shape_b)  # else the row says what is wrong, with the names
    ):
        # Also with a vector on one side, so that no adjoint has to sum over a batch.
        batch = shapes.broadcast(shape_a[:-2], shape_b[:-2])
        a, b = _batched(a, shape_a, batch, b), _batched(b, shape_b, batch, a)
    if (
        1 in (len(shape_a), len(shape_b))
        and max(len(shape_a), len(shape_b)) > 2
        and (is_node(a) or is_node(b))
    ):
        return _batched_vector(a, b, shape_a, shape_b, name)
    return matmul_op(a, b, name=name)


def _agree(shape_a: shapes.Shape, shape_b: shapes.Shape) -> bool:
    try:
        shapes.matmul(shape_a, shape_b)
    except ShapeError:
        return False
    return True


def _batched(x: Any, shape: shapes.Shape, batch: shapes.Shape, other: Any) -> Any:
    if len(shape) < 2 or shape[:-2] == batch:
        return x
    if shapes.is_static(batch + shape[-2:]):
        return broadcast_op(x, shape=batch + shape[-2:])
    # With sizes that are not known yet: against the other stack, its matrices (which may be empty) made one entry each.
    return broadcast_op(x, other.sum(axis=(-2, -1), keepdims=True), shape=None)


def _batched_vector(
    a: Any, b: Any, shape_a: shapes.Shape, shape_b: shapes.Shape, name: str | None
) -> Any:
    """A vector times a stack of matrices: the vector as a matrix of one row or column."""
    if len(shape_a) == 1:
        product = matmul(expand_dims(a, 0), b)
        return squeeze(product, -2, name=name)
    product = matmul(a, expand_dims(b, 1))
    return squeeze(product, -1, name=name)


@public
def dot(a: Any, b: Any, *, name: str | None = None) -> Any:
    """NumPy's dot product: of vectors, of matrices, and over the last axis of `a` and the last but one of `b`.

    >>> import cgraph as cg
    >>> w, x = cg.parameter("w", [0.1, 0.6]), cg.input("x", [1.0, 1.0])
    >>> float(cg.dot(w, x).backward().grad(w)[0])
    1.0
    """
    shape_a, shape_b = shape_of(a), shape_of(b)
    if not shape_a or not shape_b:
        return multiply(a, b, name=name)
    if len(shape_b) <= 2:
        return matmul(a, b, name=name)
    k = shape_b[-2]
    axes = (len(shape_b) - 2, *range(len(shape_b) - 2), len(shape_b) - 1)
    flat = reshape(transpose(b, axes), (k, -1))
    product = matmul(reshape(a, (-1, shape_a[-1])), flat)
    return reshape(product, shape_a[:-1] + shape_b[:-2] + shape_b[-1:], name=name)


@public
def outer(a: Any, b: Any, *, name: str | None = None) -> Any:
    """All products of an entry of `a` with an entry of `b`, both flattened.

    >>> import cgraph as cg
    >>> cg.outer([1.0, 2.0], [3.0, 4.0])
    array([[3., 4.],
           [6., 8.]])
    """
    return multiply(expand_dims(reshape(a, -1), 1), reshape(b, -1), name=name)
