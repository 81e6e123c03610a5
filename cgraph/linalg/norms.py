"""Norms of vectors and matrices, and what is measured with them.

The Euclidean norm and the p-norms are rows, because the textbook formula overflows, underflows, and divides zero by zero at the origin;
every other norm is a composition. At the origin, where a norm has no derivative, the gradient is 0 (docs/conventions.md).
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from cgraph import shapes
from cgraph.errors import ShapeError
from cgraph.linalg.decompositions import svdvals
from cgraph.linalg.matrices import operand, shape_of
from cgraph.linalg.solving import inv
from cgraph.linear_maps import LinearMap
from cgraph.op import Op
from cgraph.ops.define import F, axes_of, keep_axes, op
from cgraph.ops.elementwise import (
    abs as absolute,
    divide,
    equal,
    multiply,
    not_equal,
    power,
    sign,
    where,
)
from cgraph.ops.reduction import max as largest, min as smallest, sum as total, weighted_sum
from cgraph.ops.structure import cast, expand_dims, transpose

Axes = tuple[int, ...]
Ord = float | Literal["fro", "nuc"] | None


def _scaled(x: Any, axes: Axes) -> tuple[Any, Any]:
    """Entries relative to the largest, and the largest: powers of what is at most 1 neither overflow nor vanish."""
    size = np.abs(x)
    top = np.max(size, axis=axes, keepdims=True, initial=0)
    usable = np.isfinite(top) & (top > 0)
    top = np.where(usable, top, 1).astype(size.dtype)
    return size / top, top


def _p_norm(x: Any, axes: Axes, keepdims: bool, p: float) -> Any:
    ratio, top = _scaled(x, axes)
    if p < 0:  # the smallest entry leads
        low = np.min(np.abs(x), axis=axes, keepdims=True, initial=np.inf)
        top = np.where(np.isfinite(low) & (low > 0), low, 1).astype(top.dtype)
        ratio = np.abs(x) / top
    powers = np.square(ratio) if p == 2.0 else ratio**p
    summed = np.add.reduce(powers, axis=axes, keepdims=True)
    result = top * (np.sqrt(summed) if p == 2.0 else summed ** (1.0 / p))
    return result if keepdims else result.reshape(shapes.reduce(np.shape(x), axes, False))


def _p_norm_local(out: Any, x: Any, axes: Axes, keepdims: bool, p: float) -> LinearMap:
    """The entries' share is sign(x)·|x/norm|^(p−1), and 0 where the norm is 0."""
    whole = keep_axes(out, x, axes, keepdims)
    ratio = x / where(equal(whole, 0.0), 1.0, whole)
    if p == 2.0:
        return weighted_sum(ratio, x, axes, keepdims)
    zero = equal(ratio, 0.0)
    size = power(absolute(where(zero, 1.0, ratio)), p - 1.0)
    return weighted_sum(where(zero, 0.0, sign(ratio) * size), x, axes, keepdims)


def _p_norm_margin(x: Any, axes: Axes, keepdims: bool, p: float) -> Any:
    """0 at the origin; for p up to 1 also where any entry is 0."""
    ratio, _ = _scaled(np.asarray(x, np.float64), axes)
    if ratio.size == 0:
        return np.inf
    edge = np.min(ratio, axis=axes) if p <= 1.0 else np.max(ratio, axis=axes)
    return float(np.min(edge))


def _p_norm_example(rng: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    x = rng.normal(size=(2, 3)) * (rng.random(()) > 0.2)
    p = float(rng.choice([2.0, 2.0, 3.0, 1.5]))
    return (x,), {"axes": (0, 1), "keepdims": bool(rng.random() < 0.5), "p": p}


# fmt: off
norm_op: Op = op(
    "linalg.norm", _p_norm, _p_norm_local, shape=lambda x, axes, keepdims, p: shapes.reduce(x, axes, keepdims),
    dtype=lambda x: x if x.kind == "f" else np.dtype(np.float64), family="reduction", symbol="‖·‖",
    formula=F("(Σ |$a|ᵖ)^(1/p)", r"\|$a\|_p", "upstream · sign($a)·|$a/$out|^(p−1)"), margin=_p_norm_margin, example=_p_norm_example,
)
# fmt: on


def vector_norm(
    x: Any,
    /,
    *,
    axis: int | tuple[int, ...] | None = None,
    keepdims: bool = False,
    ord: float = 2,
    name: str | None = None,
) -> Any:
    """The norm of the entries along `axis` (one, several, or all) as one vector.

    Args:
        ord: 2, any other number p for (Σ |x|^p)^(1/p), inf, -inf, or 0, which counts and has no derivative.

    >>> import cgraph as cg
    >>> x = cg.parameter("x", [3.0, 4.0])
    >>> run = cg.linalg.vector_norm(x).backward()
    >>> run.grad(x)
    array([0.6, 0.8])
    """
    x = operand(x)
    if isinstance(ord, str) or ord is None:
        raise ValueError(f"vector_norm: ord is a number, not {ord!r}")
    axes = axes_of(x, axis)
    if ord == np.inf:
        return largest(absolute(x), axis=axes, keepdims=keepdims, name=name)
    if ord == -np.inf:
        return smallest(absolute(x), axis=axes, keepdims=keepdims, name=name)
    if ord == 0:
        there = cast(not_equal(x, 0.0), x.dtype)
        return total(there, axis=axes, keepdims=keepdims, name=name)
    if ord == 1:
        return total(absolute(x), axis=axes, keepdims=keepdims, name=name)
    return norm_op(x, axes=axes, keepdims=bool(keepdims), p=float(ord), name=name)


def matrix_norm(
    x: Any, /, *, keepdims: bool = False, ord: Ord = "fro", name: str | None = None
) -> Any:
    """The norm of each matrix of a stack.

    Args:
        ord: "fro"; "nuc", 2 and -2 for the sum, the largest and the smallest of the singular values; 1, -1, inf or -inf for the largest
            or smallest sum of a column or a row.
    """
    x = operand(x)
    ndim = len(shape_of(x))
    if ndim < 2:
        raise ShapeError("matrix_norm: a matrix is needed, or a stack of them")
    if ord == "fro" or ord is None:
        return vector_norm(x, axis=(ndim - 2, ndim - 1), keepdims=keepdims, name=name)
    if ord in (1, -1, np.inf, -np.inf):
        over, among = (-2, -1) if ord in (1, -1) else (-1, -2)
        sums = total(absolute(x), axis=over, keepdims=True)
        pick = largest if ord > 0 else smallest
        found = pick(sums, axis=among, keepdims=True)
    elif ord in ("nuc", 2, -2):
        s = svdvals(x)
        reduced = total if ord == "nuc" else largest if ord == 2 else smallest
        found = expand_dims(reduced(s, axis=-1, keepdims=True), -1)
    else:
        raise ValueError(f"norm: ord={ord!r} is no norm of a matrix")
    if keepdims:
        return found
    return total(found, axis=(-2, -1), name=name)  # of one entry each


def norm(
    x: Any,
    ord: Ord = None,
    axis: int | tuple[int, ...] | None = None,
    keepdims: bool = False,
    *,
    name: str | None = None,
) -> Any:
    """The norm of a vector or a matrix, as NumPy chooses: by `axis` (one for vectors, two for matrices), else by the dimensions of `x`.

    >>> import cgraph as cg
    >>> A = cg.parameter("A", [[3.0, 0.0], [0.0, 4.0]])
    >>> run = cg.linalg.norm(A, "nuc").backward()
    >>> float(run.value(run.roots[0])), run.grad(A)
    (7.0, array([[1., 0.],
           [0., 1.]]))
    >>> zero = cg.parameter("zero", [0.0, 0.0])
    >>> cg.linalg.norm(zero).backward().grad(zero)
    array([0., 0.])
    """
    x = operand(x)
    ndim = len(shape_of(x))
    if axis is None:
        if ord is None or (ord == "fro" and ndim == 2) or (ord == 2 and ndim == 1):
            return vector_norm(x, keepdims=keepdims, name=name)
        given: tuple[int, ...] = tuple(range(ndim))
    else:
        given = tuple(axis) if isinstance(axis, tuple | list) else (int(axis),)
    if len(given) == 1:
        if isinstance(ord, str):
            raise ValueError(f"norm: ord={ord!r} is no norm of a vector")
        return vector_norm(
            x, axis=given, keepdims=keepdims, ord=2 if ord is None else ord, name=name
        )
    if len(given) != 2:
        raise ShapeError(
            f"norm: {len(given)} axes make neither a vector nor a matrix; see vector_norm"
        )
    first, second = (axes_of(x, a)[0] for a in given)
    if first == second:
        raise ShapeError(f"norm: axes {given} name a dimension twice")
    rest = [i for i in range(ndim) if i not in (first, second)]
    found = matrix_norm(
        transpose(x, [*rest, first, second]) if [*rest, first, second] != list(range(ndim)) else x,
        ord=ord,
        name=None if keepdims else name,
    )
    if not keepdims:
        return found
    return expand_dims(found, tuple(sorted((first, second))), name=name)


def cond(x: Any, p: Ord = None, *, name: str | None = None) -> Any:
    """The condition number of each matrix: the largest singular value over the smallest, or ‖x‖·‖x⁻¹‖ in the norm `p`.

    >>> import cgraph as cg
    >>> float(cg.linalg.cond([[4.0, 0.0], [0.0, 2.0]]))
    2.0
    """
    x = operand(x)
    if p in (None, 2, -2):
        s = svdvals(x)
        ends = s[..., 0], s[..., -1]
        return divide(*(ends if p != -2 else ends[::-1]), name=name)
    return multiply(norm(x, p, (-2, -1)), norm(inv(x), p, (-2, -1)), name=name)


__all__ = ["cond", "matrix_norm", "norm", "vector_norm"]
