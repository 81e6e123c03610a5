"""What the rules of linear algebra are written with: transposes, triangles, diagonals, on arrays and on nodes alike.

Everything here takes stacks of matrices, as NumPy's linear algebra does: the last two axes are the matrix, the others count matrices.
A gradient rule of a decomposition is a handful of these and `@`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cgraph import shapes
from cgraph.errors import DTypeError, ShapeError, UnsupportedError
from cgraph.linear_maps import Adjoint, LinearMap
from cgraph.op import Op, is_node
from cgraph.ops.define import F, calling_module, op, shape_of
from cgraph.ops.elementwise import abs as absolute, less_equal, where
from cgraph.ops.joining import concatenate
from cgraph.ops.linalg import _batched
from cgraph.ops.reduction import max as largest, sum as total
from cgraph.ops.structure import expand_dims
from cgraph.shapes import Shape

__all__ = [
    "F", "T", "batched", "blocks", "columns", "diagonal", "diagonal_matrix", "each", "example_batch", "example_invertible",
    "example_square", "example_symmetric", "expand_dims", "eye", "from_triangle", "half_lower", "inverse_gaps", "inverse_or_zero",
    "known_square", "lower", "matrix", "operand", "rank_margin", "real_result", "relative_gaps", "resolution", "row", "rows",
    "shape_of", "side", "square", "symmetric", "tall", "to_triangle", "total", "upper", "where",
]  # fmt: skip

Local = Callable[..., tuple[Callable[[Any], Any], Callable[[Any], Any]]]


def operand(x: Any) -> Any:
    """Nodes and arrays as they are, anything else as an array; whole numbers as float64, as NumPy's linear algebra takes them."""
    if is_node(x):
        return x if x.dtype.kind == "f" else x.astype(np.float64)
    x = np.asarray(x)
    return x.astype(np.float64) if x.dtype.kind in "iub" else x


def row(name: str, forward: Callable[..., Any], *rules: Local | None, **fields: Any) -> Op:
    """An op of linear algebra: one rule a parent, ``(out, *operands, **params) -> (jvp, vjp)``."""

    def linear_map(rule: Local) -> Callable[..., LinearMap]:
        return lambda *values, **params: Adjoint(*rule(*values, **params))

    fields.setdefault("batch", ",".join(["(m,n)"] * len(rules)) + "->()")
    return op(
        name,
        forward,
        *(None if rule is None else linear_map(rule) for rule in rules),
        dtype=real_result,
        family="linalg",
        module=calling_module(),
        **fields,
    )


def real_result(*dtypes: Any) -> Any:
    """float32 stays, float64 stays, whole numbers become float64; half precision is refused, as NumPy does."""
    dtype = np.result_type(*dtypes)
    if dtype.kind != "f":
        return np.dtype(np.float64)
    if dtype.itemsize not in (4, 8):
        raise DTypeError("linear algebra takes float32 and float64; cast it with astype")
    return dtype


def each(function: Callable[..., Any], *operands: Any) -> Any:
    """A function of matrices, for every matrix of a stack, computed in double precision."""
    operands = tuple(x.astype(np.float64) if x.dtype == np.float32 else x for x in operands)
    batch = operands[0].shape[:-2]
    if not batch:
        return function(*operands)
    results = [function(*(x[k] for x in operands)) for k in np.ndindex(batch)]
    if not results:
        return np.zeros(operands[-1].shape, operands[-1].dtype)
    return np.stack(results).reshape(batch + results[0].shape)


# --- shapes -------------------------------------------------------------------------------------------------------------------


def square(x: Shape) -> Shape:
    """The shape of a stack of square matrices, checked.

    Raises:
        ShapeError: when it is not square.
    """
    if len(x) < 2:
        raise ShapeError("a matrix is needed, or a stack of them")
    if x[-1] != x[-2] and x[-1] is not None and x[-2] is not None:
        raise ShapeError("the matrix has to be square")
    return x


def matrix(x: Shape) -> Shape:
    """The shape of a stack of matrices whose own sizes are known."""
    if len(x) < 2:
        raise ShapeError("a matrix is needed, or a stack of them")
    if None in x[-2:]:
        raise ShapeError("the sizes of the matrix must be known; declare them")
    return x


def tall(x: Shape) -> Shape:
    """The shape of a stack of matrices with at least as many rows as columns."""
    if matrix(x)[-2] < x[-1]:  # type: ignore[operator]
        raise ShapeError("at least as many rows as columns are needed")
    return x


def known_square(x: Shape) -> Shape:
    return matrix(square(x))


def batched(a: Any, b: Any) -> tuple[Any, Any]:
    """Two stacks of matrices with their stacks broadcast against each other, by nodes that can be seen."""
    batch_a, batch_b = shape_of(a)[:-2], shape_of(b)[:-2]
    if batch_a == batch_b or not (is_node(a) or is_node(b)):
        return a, b
    try:
        batch = shapes.broadcast(batch_a, batch_b)
    except ShapeError as error:
        raise ShapeError(f"stacks of shapes {batch_a} and {batch_b}: {error}") from None
    return (
        _batched(a, shape_of(a), batch, b),
        _batched(b, shape_of(b), batch, a),
    )


# --- pieces of formulas -------------------------------------------------------------------------------------------------------


def T(x: Any) -> Any:
    """The transpose of each matrix."""
    return x.swapaxes(-1, -2)


def side(x: Any, axis: int = -1) -> int:
    n = x.shape[axis]
    if n is None:
        raise UnsupportedError("the sizes of the matrix must be known here; declare them")
    return int(n)


def eye(x: Any) -> Any:
    """The identity of the size and dtype of a square matrix."""
    return np.eye(side(x), dtype=x.dtype)


def lower(x: Any, k: int = 0) -> Any:
    """The lower triangle, with the diagonal (k=0) or without (k=-1)."""
    return x * np.tri(side(x, -2), side(x), k, dtype=x.dtype)


def upper(x: Any, k: int = 0) -> Any:
    """The upper triangle, with the diagonal (k=0) or without (k=1)."""
    return x * (1.0 - np.tri(side(x, -2), side(x), k - 1, dtype=x.dtype))


def half_lower(x: Any) -> Any:
    """The lower triangle with half of the diagonal: a symmetric matrix is this plus its own transpose."""
    return lower(x) * (1.0 - 0.5 * eye(x))


def blocks(a: Any, b: Any, c: Any, d: Any) -> Any:
    """The matrix [[a, b], [c, d]]."""
    return concatenate([concatenate([a, b], -1), concatenate([c, d], -1)], -2)


def diagonal(x: Any) -> Any:
    """The diagonal of each matrix."""
    return total(x * eye(x), axis=-1)


def diagonal_matrix(v: Any) -> Any:
    """Matrices with `v` on the diagonal."""
    return expand_dims(v, -1) * np.eye(side(v), dtype=v.dtype)


def columns(v: Any) -> Any:
    """`v` as a factor of the columns of a matrix: ``m * columns(v)`` is ``m @ diag(v)``."""
    return expand_dims(v, -2)


def rows(v: Any) -> Any:
    """`v` as a factor of the rows of a matrix: ``rows(v) * m`` is ``diag(v) @ m``."""
    return expand_dims(v, -1)


def symmetric(x: Any) -> Any:
    return 0.5 * (x + T(x))


def from_triangle(x: Any, use_lower: bool) -> Any:
    """The symmetric matrix of which one triangle is read."""
    half = lower(x) if use_lower else upper(x)
    return half + T(half) - half * eye(x)


def to_triangle(g: Any, use_lower: bool) -> Any:
    """The adjoint of `from_triangle`: what is asked of a symmetric matrix, as a gradient of the entries that are read."""
    both = g + T(g) - g * eye(g)
    return lower(both) if use_lower else upper(both)


def resolution(v: Any) -> Any:
    """What numbers as large as the largest of `v` cannot tell apart: eps · n · max|v|, for each matrix."""
    eps = float(np.finfo(v.dtype).eps) * side(v)
    return eps * largest(absolute(v), axis=-1, keepdims=True)


def inverse_or_zero(x: Any, smallest: Any) -> Any:
    """1/x, and 0 where |x| is not above `smallest`: a quotient whose limit is nothing, or does not exist."""
    nothing = less_equal(absolute(x), smallest)
    return where(nothing, 0.0, 1.0 / where(nothing, 1.0, x))


def inverse_gaps(w: Any) -> Any:
    """F with F_ij = 1/(w_j − w_i), and 0 where two of them are equal as far as rounding can tell (docs/conventions.md)."""
    if side(w) == 0:
        return expand_dims(w, -1) * expand_dims(w, -2)
    return inverse_or_zero(columns(w) - rows(w), expand_dims(resolution(w), -1))


def relative_gaps(w: Any) -> Any:
    """The smallest relative distance between two entries of a vector: the margin of a decomposition."""
    w = np.sort(np.asarray(w, np.float64), -1)
    if w.shape[-1] < 2 or w.size == 0:
        return np.inf
    scale = np.maximum(np.max(np.abs(w), -1, keepdims=True), 1e-300)
    return float(np.min(np.diff(w, axis=-1) / scale))


def rank_margin(a: Any, *rest: Any, **params: Any) -> Any:
    """How far the smallest singular value is from nothing: there the rank changes, and what follows from it jumps."""
    s = np.linalg.svd(np.asarray(a, np.float64), compute_uv=False)
    if s.size == 0:
        return np.inf
    return float(np.min(s[..., -1] / np.maximum(s[..., 0], 1e-300)))


# --- examples for the checks --------------------------------------------------------------------------------------------------


def example_batch(rng: Any) -> tuple[int, ...]:
    return ((), (), (2,), (2, 1))[int(rng.integers(4))]


def example_invertible(rng: Any, batch: tuple[int, ...] = (), n: int | None = None) -> Any:
    """A matrix that is safely invertible, with real eigenvalues that are well apart and positive."""
    n = int(rng.integers(1, 4)) if n is None else n
    noise = 0.3 * rng.uniform(-1.0, 1.0, (*batch, n, n)) / n
    return noise + np.diag(np.arange(1.0, n + 1))


def example_square(rng: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """A call with such a matrix, or a stack of them."""
    return (example_invertible(rng, example_batch(rng)),), {}


def example_symmetric(rng: Any, batch: tuple[int, ...] = (), n: int | None = None) -> Any:
    a = example_invertible(rng, batch, n)
    return 0.5 * (a + a.swapaxes(-1, -2))
