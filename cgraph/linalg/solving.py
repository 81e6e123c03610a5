"""Inverses, linear systems, determinants, pseudoinverses and least squares.

Rules: M. B. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic differentiation" (2008), section 2;
for the pseudoinverse G. H. Golub and V. Pereyra, SIAM J. Numer. Anal. 10 (1973), 413-432. With X = A⁻¹, for instance, dX = −X dA X,
so that the upstream G comes back as −Xᵀ G Xᵀ.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import index
from typing import Any, NamedTuple

import numpy as np

from cgraph.errors import ShapeError
from cgraph.linalg.matrices import (
    F,
    T,
    batched,
    example_batch,
    example_invertible,
    example_square,
    expand_dims,
    eye,
    known_square,
    matrix,
    operand,
    rank_margin,
    row,
    shape_of,
    side,
    square,
    total,
)
from cgraph.op import Op
from cgraph.ops.elementwise import multiply
from cgraph.ops.linalg import matmul
from cgraph.ops.structure import reshape, squeeze, transpose
from cgraph.shapes import Shape

# --- inverse and solution -----------------------------------------------------------------------------------------------------

# fmt: off
inv_op: Op = row(
    "linalg.inv", np.linalg.inv, lambda out, a: (lambda t: -(out @ t @ out), lambda u: -(T(out) @ u @ T(out))), shape=square, symbol="⁻¹",
    formula=F("$a⁻¹", "$a^{-1}", "−$outᵀ · upstream · $outᵀ"), example=example_square,
)
# fmt: on


def inv(a: Any, *, name: str | None = None) -> Any:
    """The inverse of each matrix of a stack, (..., n, n) -> (..., n, n).

    Raises:
        ShapeError: when the matrices are not square.
        CgraphError: when it is evaluated on a singular matrix, naming the node.

    >>> import cgraph as cg
    >>> A = cg.parameter("A", [[2.0, 0.0], [0.0, 4.0]])
    >>> cg.sum(cg.linalg.inv(A)).backward().grad(A)
    array([[-0.25  , -0.125 ],
           [-0.125 , -0.0625]])
    """
    return inv_op(operand(a), name=name)


def _solve_shape(a: Shape, b: Shape) -> Shape:
    square(a)
    if len(b) < 2 or a[:-2] != b[:-2]:
        raise ShapeError("the right-hand side has to be a stack of matrices like the first operand")
    if a[-1] is not None and b[-2] is not None and a[-1] != b[-2]:
        raise ShapeError(f"{a[-1]} equations with a right-hand side of {b[-2]} rows")
    return b


# fmt: off
solve_op: Op = row(
    "linalg.solve", np.linalg.solve, lambda out, a, b: (lambda t: -solve_op(a, t @ out), lambda u: -(solve_op(T(a), u) @ T(out))),
    lambda out, a, b: (lambda t: solve_op(a, t), lambda u: solve_op(T(a), u)), shape=_solve_shape, symbol="solve",
    formula=F("$a⁻¹·$b", "$a^{-1} $b", "−$a⁻ᵀ · upstream · $outᵀ", "$a⁻ᵀ · upstream"),
    example=lambda rng: _example_system(rng, example_batch(rng)),
)
# fmt: on


def _example_system(
    rng: Any, batch: tuple[int, ...] = ()
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    a = example_invertible(rng, batch)
    return (a, rng.normal(size=(*batch, a.shape[-1], int(rng.integers(1, 3))))), {}


def as_columns(a: Any, b: Any) -> tuple[Any, Any, bool]:
    """Operands of a system as stacks of matrices of one batch; whether the right-hand side was a vector, as NumPy 2 has it."""
    a, b = operand(a), operand(b)
    vector = len(shape_of(b)) == 1
    a, b = batched(a, expand_dims(b, -1) if vector else b)
    return a, b, vector


def solve(a: Any, b: Any, *, name: str | None = None) -> Any:
    """The solution x of a @ x = b, for stacks of systems.

    Args:
        a: (..., n, n).
        b: a vector (n,), or a stack of matrices (..., n, k), as in NumPy 2.

    Raises:
        ShapeError: when the shapes do not fit.
        CgraphError: when it is evaluated on a singular matrix, naming the node.

    >>> import cgraph as cg
    >>> A, b = cg.parameter("A", [[2.0, 1.0], [0.0, 4.0]]), cg.parameter("b", [4.0, 8.0])
    >>> x = cg.linalg.solve(A, b)
    >>> run = cg.sum(x).backward()
    >>> run.value(x), run.grad(b)
    (array([1., 2.]), array([0.5  , 0.125]))
    """
    a, b, vector = as_columns(a, b)
    return squeeze(solve_op(a, b), -1, name=name) if vector else solve_op(a, b, name=name)


def _example_maybe_singular(rng: Any) -> Any:
    a = example_invertible(rng, example_batch(rng))
    if rng.random() < 0.3:
        a[..., -1, :] = 2.0 * a[..., 0, :] if a.shape[-1] > 1 else 0.0
    return a


def _example_rectangle(rng: Any) -> tuple[Any, Any]:
    """Matrices of full rank, of any proportions, one or a stack, and their right-hand sides."""
    batch = example_batch(rng)
    m, n = (int(k) for k in rng.integers(1, 4, 2))
    a = 0.2 * rng.uniform(-1.0, 1.0, (*batch, m, n)) + np.eye(m, n) * np.arange(1.0, n + 1)
    return a, rng.normal(size=(*batch, m, 2))


# --- determinants -------------------------------------------------------------------------------------------------------------


def _others(s: Any) -> Any:
    """For each entry of the last axis, the product of all the others, without dividing."""
    ones = np.ones((*s.shape[:-1], 1), s.dtype)
    before = np.concatenate([ones, np.cumprod(s[..., :-1], -1)], -1)
    after = np.concatenate([np.cumprod(s[..., :0:-1], -1)[..., ::-1], ones], -1)
    return before * after if s.shape[-1] else s


def _by_inverse(a: Any, s: Any) -> Any:
    """Where a matrix is well enough conditioned that what goes through its inverse has more digits than its singular vectors."""
    return s[..., -1] > 1e-4 * s[..., 0]


def _cofactor(a: Any) -> Any:
    """(det A) A⁻ᵀ where A has an inverse; and right where it has none: σ U diag(Π_{k≠i} s_k) Vᵀ."""
    if a.shape[-1] == 0:
        return a
    u, s, vh = np.linalg.svd(a)
    sign = np.sign(np.linalg.det(u) * np.linalg.det(vh))[..., None, None]
    found = sign * ((u * _others(s)[..., None, :]) @ vh)
    regular = _by_inverse(a, s)
    inverse = np.linalg.inv(a[regular]).swapaxes(-1, -2)
    found[regular] = np.linalg.det(a[regular])[..., None, None] * inverse
    return found


def _cofactor_slope(a: Any, t: Any) -> Any:
    """How the cofactors move along t. In the basis of singular vectors A is diagonal, and this derivative of a polynomial short."""
    n = a.shape[-1]
    if n == 0:
        return a
    u, s, vh = np.linalg.svd(a)
    sign = np.sign(np.linalg.det(u) * np.linalg.det(vh))[..., None, None]
    out = np.eye(n, dtype=bool)[:, None, :] | np.eye(n, dtype=bool)[None, :, :]
    others = np.prod(np.where(out, 1, s[..., None, None, :]), axis=-1) * (1 - np.eye(n))
    m = T(u) @ t @ T(vh)
    diagonal = np.einsum("...ij,...jj->...i", others, m)
    found = sign * (u @ (diagonal[..., None] * np.eye(n) - others * T(m)) @ vh)
    regular = _by_inverse(a, s)
    c, some = _cofactor(a[regular]), t[regular]
    along = np.sum(c * some, (-2, -1), keepdims=True)
    found[regular] = (along * c - c @ T(some) @ c) / np.linalg.det(a[regular])[..., None, None]
    return found.astype(a.dtype, copy=False)


def _cubic_margin(a: Any, *_: Any) -> Any:
    """The derivative of `_cofactor_slope` divides by the determinant, where it is of the third degree or more."""
    return np.inf if a.shape[-1] <= 2 else rank_margin(a)


def _inner(x: Any, y: Any) -> Any:
    """The sum of the products of entries, for each matrix of a stack, as a factor of matrices."""
    return total(x * y, axis=(-2, -1), keepdims=True)


def _slope_rule(out: Any, a: Any, t: Any) -> tuple[Any, Any]:
    """With respect to A, from (⟨C, t⟩ C − C tᵀ C) / det A: the third derivative of the determinant, for matrices with an inverse."""
    if side(a) <= 2:  # the determinant is of the second degree at most
        return lambda s: 0.0 * s, lambda u: 0.0 * u
    c, d = cofactor_op(a), expand_dims(det_op(a), (-1, -2))

    def jvp(s: Any) -> Any:
        moved = cofactor_slope_op(a, s)
        both = moved @ T(t) @ c + c @ T(t) @ moved
        return (_inner(moved, t) * c + _inner(c, t) * moved - both - out * _inner(c, s)) / d

    def vjp(u: Any) -> Any:
        of_moved = _inner(u, c) * t + _inner(c, t) * u - u @ T(c) @ t - t @ T(c) @ u
        return cofactor_slope_op(a, of_moved / d) - _inner(out, u) / d * c

    return jvp, vjp


def _along(out: Any, a: Any, *_: Any) -> tuple[Any, Any]:
    def apply(t: Any) -> Any:
        return cofactor_slope_op(a, t)

    return apply, apply  # symmetric


# fmt: off
cofactor_op: Op = row(
    "linalg.cofactor", _cofactor, _along, shape=known_square, symbol="cof",
    formula=F("cofactors of $a", r"\operatorname{cof} $a", "the slope of the cofactors along the upstream"),
    doc="The matrix of cofactors, which is the gradient of the determinant, also where the matrix has no inverse.", margin=_cubic_margin,
    example=lambda rng: ((_example_maybe_singular(rng),), {}),
)
# fmt: on
# fmt: off
cofactor_slope_op: Op = row(
    "linalg.cofactor_slope", _cofactor_slope, _slope_rule, _along, shape=lambda a, t: known_square(a), symbol="cof′",
    formula=F("slope of the cofactors of $a along $b", r"\operatorname{cof}'($a)\,$b",
        "the second derivative of the cofactors, for a matrix with an inverse", "the slope along the upstream"),
    doc="How the matrix of cofactors moves along a tangent: the second derivative of the determinant, right for singular matrices too.",
    margin=_cubic_margin, example=lambda rng: ((a := example_invertible(rng, example_batch(rng)), rng.normal(size=a.shape)), {}),
)
# fmt: on


def _scalar_shape(a: Shape) -> Shape:
    return known_square(a)[:-2]


def _det_rule(out: Any, a: Any) -> tuple[Any, Any]:
    cofactors = cofactor_op(a)
    return (
        lambda t: total(cofactors * t, axis=(-2, -1)),
        lambda u: cofactors * expand_dims(u, (-1, -2)),
    )


# fmt: off
det_op: Op = row(
    "linalg.det", np.linalg.det, _det_rule, shape=_scalar_shape, symbol="det",
    formula=F("det $a", r"\det $a", "upstream · cofactors of $a"), example=lambda rng: ((_example_maybe_singular(rng),), {}),
)
# fmt: on


def det(a: Any, *, name: str | None = None) -> Any:
    """The determinant of each matrix, (..., n, n) -> (...). Its gradient, the cofactors, is right for singular matrices too.

    >>> import cgraph as cg
    >>> A = cg.parameter("A", [[1.0, 2.0], [2.0, 4.0]])
    >>> cg.linalg.det(A).backward().grad(A).round(6)
    array([[ 4., -2.],
           [-2.,  1.]])
    """
    return det_op(operand(a), name=name)


class SlogdetResult(NamedTuple):
    """Sign and logarithm of the absolute value of a determinant."""

    sign: Any
    logabsdet: Any


def _slogdet(a: Any) -> Any:
    sign, log = np.linalg.slogdet(a)
    return np.stack([sign, log], -1)


def _slogdet_rule(out: Any, a: Any) -> tuple[Any, Any]:
    inverse = inv_op(T(a))
    second = np.array([0.0, 1.0], a.dtype)
    return (
        lambda t: expand_dims(total(inverse * t, axis=(-2, -1)), -1) * second,
        lambda u: inverse * expand_dims(u[..., 1], (-1, -2)),
    )


# fmt: off
slogdet_op: Op = row(
    "linalg.slogdet", _slogdet, _slogdet_rule, shape=lambda a: (*_scalar_shape(a), 2), symbol="sign, ln|det|",
    formula=F("sign and ln |det $a|", r"\ln |\det $a|", "upstream · $a⁻ᵀ"), example=example_square,
)
# fmt: on


def slogdet(a: Any, *, name: str | None = None) -> SlogdetResult:
    """Sign and natural logarithm of the absolute value of the determinant; the sign has the derivative 0.

    >>> import cgraph as cg
    >>> A = cg.parameter("A", [[0.0, 2.0], [1.0, 0.0]])
    >>> sign, log = cg.linalg.slogdet(A)
    >>> run = log.backward()
    >>> float(cg.run(sign).value(sign)), run.grad(A)
    (-1.0, array([[0. , 0.5],
           [1. , 0. ]]))
    """
    both = slogdet_op(operand(a), name=name)
    return SlogdetResult(both[..., 0], both[..., 1])


# --- pseudoinverse and least squares ------------------------------------------------------------------------------------------


def _pinv_rule(out: Any, a: Any, rcond: Any) -> tuple[Any, Any]:
    x = out
    left = np.eye(side(a, -2), dtype=a.dtype) - a @ x  # onto what A does not reach
    right = np.eye(side(a), dtype=a.dtype) - x @ a  # onto what A sends to nothing

    def jvp(t: Any) -> Any:
        return -(x @ t @ x) + x @ T(x) @ T(t) @ left + right @ T(t) @ T(x) @ x

    def vjp(u: Any) -> Any:
        return -(T(x) @ u @ T(x)) + left @ T(u) @ x @ T(x) + T(x) @ x @ T(u) @ right

    return jvp, vjp


def _pinv(a: Any, rcond: Any) -> Any:
    return np.linalg.pinv(a) if rcond is None else np.linalg.pinv(a, rcond)


# fmt: off
pinv_op: Op = row(
    "linalg.pinv", _pinv, _pinv_rule, shape=lambda a, rcond: (*matrix(a)[:-2], a[-1], a[-2]), symbol="⁺",
    formula=F("$a⁺", "$a^{+}", "−$outᵀ·G·$outᵀ + (1−$a·$out)·Gᵀ·$out·$outᵀ + $outᵀ·$out·Gᵀ·(1−$out·$a)"), margin=rank_margin,
    example=lambda rng: (_example_rectangle(rng)[:1], {"rcond": None}),
)
# fmt: on


def pinv(
    a: Any,
    rcond: float | None = None,
    hermitian: bool = False,
    *,
    rtol: float | None = None,
    name: str | None = None,
) -> Any:
    """The Moore-Penrose pseudoinverse of each matrix, (..., m, n) -> (..., n, m); differentiable where the rank does not change.

    Args:
        rcond, rtol: singular values below this fraction of the largest count as zero; NumPy's default if not given.
        hermitian: accepted, as in NumPy, and of no influence.

    >>> import cgraph as cg
    >>> A = cg.parameter("A", [[1.0], [2.0]])
    >>> cg.linalg.pinv(A).shape
    (1, 2)
    """
    cut = rtol if rcond is None else rcond
    return pinv_op(operand(a), rcond=None if cut is None else float(cut), name=name)


class LstsqResult(NamedTuple):
    """Solution, sums of squared residuals, rank and singular values, as NumPy returns them."""

    x: Any
    residuals: Any
    rank: Any
    s: Any


def _lstsq_rules(out: Any, a: Any, b: Any, rcond: Any) -> tuple[Any, Any]:
    x = pinv_op(a, rcond=rcond)
    rest = b - a @ out
    null = np.eye(side(a), dtype=a.dtype) - x @ a

    def jvp(t: Any) -> Any:
        return -(x @ t @ out) + x @ T(x) @ T(t) @ rest + null @ T(t) @ T(x) @ out

    def vjp(u: Any) -> Any:
        back = T(x) @ u
        return -(back @ T(out)) + rest @ T(x @ back) + T(x) @ out @ T(null @ u)

    return jvp, vjp


def _lstsq_of_b(out: Any, a: Any, b: Any, rcond: Any) -> tuple[Any, Any]:
    x = pinv_op(a, rcond=rcond)
    return lambda t: x @ t, lambda u: T(x) @ u


def _lstsq_shape(a: Shape, b: Shape, rcond: Any) -> Shape:
    if len(a) != 2 or len(b) != 2:
        raise ShapeError("lstsq takes one matrix and a right-hand side of one or two dimensions")
    if a[0] != b[0] and a[0] is not None and b[0] is not None:
        raise ShapeError(f"{a[0]} equations with a right-hand side of {b[0]} rows")
    return matrix(a)[1], b[1]


# fmt: off
lstsq_op: Op = row(
    "linalg.lstsq", lambda a, b, rcond: np.linalg.lstsq(a, b, rcond=rcond)[0], _lstsq_rules, _lstsq_of_b, shape=_lstsq_shape,
    symbol="lstsq", batch=None,
    formula=F("the x with least |$a·x − $b|", r"\arg\min_x |$a x - $b|", "the derivative of $a⁺·$b", "$a⁺ᵀ · upstream"), margin=rank_margin,
    example=lambda rng: (_example_rectangle(rng), {"rcond": None}),
)
# fmt: on


def lstsq(a: Any, b: Any, rcond: float | None = None, *, name: str | None = None) -> LstsqResult:
    """The least squares solution of a @ x = b, of least norm where there are several; differentiable where the rank does not change.

    Returns:
        (x, residuals, rank, s). `residuals` are the sums of squares of b − a x, empty for m <= n; the rank has no derivative.

    >>> import cgraph as cg
    >>> A, b = cg.parameter("A", [[1.0], [1.0], [1.0]]), cg.parameter("b", [1.0, 2.0, 6.0])
    >>> x, residuals, rank, s = cg.linalg.lstsq(A, b)
    >>> run = cg.sum(x).backward()
    >>> run.value(x), run.grad(b)
    (array([3.]), array([0.3333, 0.3333, 0.3333]))
    """
    from cgraph.linalg.decompositions import svdvals

    a, b = operand(a), operand(b)
    vector = len(shape_of(b)) == 1
    right = expand_dims(b, -1) if vector else b
    solution = lstsq_op(a, right, rcond=None if rcond is None else float(rcond), name=name)
    m, n = (side(a, -2), side(a)) if len(shape_of(a)) == 2 else (0, 0)
    squares = right - a @ solution
    residuals = total(squares * squares, axis=0) if m > n else np.zeros(0, a.dtype)
    return LstsqResult(
        squeeze(solution, -1) if vector else solution, residuals, matrix_rank(a), svdvals(a)
    )


# fmt: off
rank_op: Op = row(
    "linalg.matrix_rank",
    lambda a, rtol: np.asarray(np.linalg.matrix_rank(a) if rtol is None else np.linalg.matrix_rank(a, rtol=rtol), a.dtype), None,
    shape=lambda a, rtol: matrix(a)[:-2], symbol="rank", formula=F("rank of $a", r"\operatorname{rank} $a", None),
)
# fmt: on


def matrix_rank(a: Any, rtol: float | None = None, *, name: str | None = None) -> Any:
    """The rank of each matrix, which has no derivative."""
    return rank_op(operand(a), rtol=None if rtol is None else float(rtol), name=name)


# --- powers and products ------------------------------------------------------------------------------------------------------


def matrix_power(a: Any, n: int, *, name: str | None = None) -> Any:
    """Each square matrix to a whole power, by squaring; a negative one through the inverse.

    >>> import cgraph as cg
    >>> A = cg.parameter("A", [[1.0, 1.0], [0.0, 1.0]])
    >>> P = cg.linalg.matrix_power(A, 5)
    >>> cg.run(P).value(P)
    array([[1., 5.],
           [0., 1.]])
    """
    a = operand(a)
    n = index(n)
    square(shape_of(a))
    if n == 0:
        return multiply(0.0, a) + eye(a)
    base = inv_op(a, name=name if n == -1 else None) if n < 0 else a
    n = n if n > 0 else -n
    result = None
    while n > 1:
        if n & 1:
            result = base if result is None else matmul(result, base)
        n >>= 1
        base = matmul(base, base, name=name if n == 1 and result is None else None)
    return base if result is None else matmul(result, base, name=name)


def multi_dot(arrays: Sequence[Any], *, name: str | None = None) -> Any:
    """The product of several matrices, in the order that costs least; the first and the last may be vectors.

    The order is that of dynamic programming over the sizes (T. H. Cormen et al., "Introduction to Algorithms", section 15.2).

    >>> import cgraph as cg
    >>> a, b, c = (cg.input(n, shape=s) for n, s in (("a", (2, 9)), ("b", (9, 9)), ("c", (9,))))
    >>> cg.linalg.multi_dot([a, b, c]).shape
    (2,)
    """
    given = [operand(x) for x in arrays]
    if len(given) < 2:
        raise ShapeError("multi_dot: at least two matrices are needed")
    for i, x in enumerate(given):
        if len(shape_of(x)) != 2 and not (len(shape_of(x)) == 1 and i in (0, len(given) - 1)):
            raise ShapeError(
                f"multi_dot: operand {i} has shape {shape_of(x)}; matrices are multiplied, and vectors at the ends"
            )
    sizes = [shape_of(x)[0] if len(shape_of(x)) == 2 else 1 for x in given]
    sizes.append(shape_of(given[-1])[-1] if len(shape_of(given[-1])) == 2 else 1)
    cuts = _cheapest([1 if n is None else n for n in sizes])
    # The tree of products, without recursion: intervals are done when both their halves are.
    done: dict[tuple[int, int], Any] = {(i, i): x for i, x in enumerate(given)}
    todo = [(0, len(given) - 1)]
    while todo:
        i, j = todo[-1]
        k = cuts.get((i, j), i)
        missing = [part for part in ((i, k), (k + 1, j)) if part not in done]
        if missing:
            todo += missing
            continue
        todo.pop()
        whole = (i, j) == (0, len(given) - 1)
        done[i, j] = matmul(done[i, k], done[k + 1, j], name=name if whole else None)
    return done[0, len(given) - 1]


def _cheapest(sizes: list[int]) -> dict[tuple[int, int], int]:
    """Where to cut a chain of matrices of sizes[i] x sizes[i + 1], for every interval of it."""
    n = len(sizes) - 1
    cost = {(i, i): 0 for i in range(n)}
    cuts = {}
    for width in range(1, n):
        for i in range(n - width):
            j = i + width
            options = [
                (cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
                for k in range(i, j)
            ]
            cost[i, j], cuts[i, j] = min(options)
    return cuts


def tensorinv(a: Any, ind: int = 2, *, name: str | None = None) -> Any:
    """The inverse of a tensor whose first `ind` axes make the rows of a square matrix."""
    a = operand(a)
    if ind <= 0:
        raise ValueError("tensorinv: ind has to be positive")
    shape = shape_of(a)
    n = math.prod(side(a, i) for i in range(ind, len(shape)))
    flat = inv_op(reshape(a, (n, -1) if n else (0, 0)))
    return reshape(flat, shape[ind:] + shape[:ind], name=name)


def tensorsolve(a: Any, b: Any, axes: Sequence[int] | None = None, *, name: str | None = None) -> Any:  # fmt: skip
    """The x with tensordot(a, x, x.ndim) = b; `axes` of `a` are moved to the end first."""
    a, b = operand(a), operand(b)
    if axes is not None:
        ndim = len(shape_of(a))
        last = [i % ndim for i in axes]
        a = transpose(a, [i for i in range(ndim) if i not in last] + last)
    unknown = shape_of(a)[len(shape_of(b)) :]
    n = math.prod(side(a, i) for i in range(len(shape_of(b)), len(shape_of(a))))
    return reshape(solve(reshape(a, (-1, n)), reshape(b, -1)), unknown, name=name)


__all__ = [
    "LstsqResult", "SlogdetResult", "det", "inv", "lstsq", "matrix_power", "matrix_rank", "multi_dot", "pinv", "slogdet", "solve",
    "tensorinv", "tensorsolve",
]  # fmt: skip
