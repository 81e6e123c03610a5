"""Systems of a special form: Sylvester's and Lyapunov's equations, triangular, banded, Toeplitz and circulant matrices.

The derivative of the solution of a linear equation solves the same equation, its adjoint the adjoint equation (Giles 2008). SciPy is needed
for Sylvester equations and banded matrices, when they are solved.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cgraph.errors import ShapeError
from cgraph.extras import scipy
from cgraph.linalg.matrices import (
    F,
    T,
    each,
    example_batch,
    example_invertible,
    expand_dims,
    known_square,
    lower,
    matrix,
    operand,
    row,
    shape_of,
    side,
    square,
    upper,
)
from cgraph.linalg.solving import _example_system, _solve_shape, as_columns, solve
from cgraph.linalg.structured import circulant, toeplitz
from cgraph.op import Op
from cgraph.ops.elementwise import where
from cgraph.ops.products import kron
from cgraph.ops.structure import reshape, squeeze
from cgraph.shapes import Shape

MODULE = "cg.linalg's systems of a special form"


def _sylvester(a: Any, b: Any, q: Any) -> Any:
    solve = scipy("linalg", MODULE).solve_sylvester
    return np.asarray(each(solve, a, b, q), q.dtype) if q.size else q


def _example_sylvester(rng: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    batch = example_batch(rng)
    a, b = example_invertible(rng, batch), example_invertible(rng, batch)
    return (a, b, rng.normal(size=(*batch, a.shape[-1], b.shape[-1]))), {}


def _example_triangular(rng: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    operands, _ = _example_system(rng, example_batch(rng))
    return operands, {"lower": bool(rng.random() < 0.5), "unit": bool(rng.random() < 0.3)}


def _example_banded(rng: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    below, above = (int(k) for k in rng.integers(0, 3, 2))
    ab = 0.2 * rng.uniform(-1.0, 1.0, (below + above + 1, 4))
    ab[above] += 2.0
    return (ab, rng.normal(size=(4, 2))), {"below": below, "above": above}


def _sylvester_shape(a: Shape, b: Shape, q: Shape) -> Shape:
    square(a)
    square(b)
    if a[:-2] != q[:-2] or b[:-2] != q[:-2] or (a[-1], b[-1]) != q[-2:]:
        raise ShapeError("a X + X b = q needs a square a and b of the sizes of q")
    return q


def _sylvester_adjoint(a: Any, b: Any, u: Any) -> Any:
    return sylvester_op(T(a), T(b), u)


# fmt: off
sylvester_op: Op = row(
    "linalg.solve_sylvester", _sylvester,
    lambda out, a, b, q: (lambda t: -sylvester_op(a, b, t @ out), lambda u: -(_sylvester_adjoint(a, b, u) @ T(out))),
    lambda out, a, b, q: (lambda t: -sylvester_op(a, b, out @ t), lambda u: -(T(out) @ _sylvester_adjoint(a, b, u))),
    lambda out, a, b, q: (lambda t: sylvester_op(a, b, t), lambda u: _sylvester_adjoint(a, b, u)), shape=_sylvester_shape,
    symbol="sylvester",
    formula=F("X with $a·X + X·$b = $c", "$a X + X $b = $c", "−Q̄·$outᵀ", "−$outᵀ·Q̄", "Q̄ with $aᵀ·Q̄ + Q̄·$bᵀ = upstream"),
    example=_example_sylvester,
)
# fmt: on


def solve_sylvester(a: Any, b: Any, q: Any, *, name: str | None = None) -> Any:
    """The X with a @ X + X @ b = q, for a (..., m, m), b (..., n, n) and q (..., m, n) of one batch. Needs SciPy.

    >>> import cgraph as cg
    >>> q = cg.parameter("q", [[8.0]])
    >>> X = cg.linalg.solve_sylvester([[1.0]], [[3.0]], q)
    >>> float(cg.sum(X).backward().grad(q)[0, 0])
    0.25
    """
    return sylvester_op(operand(a), operand(b), operand(q), name=name)


def _triangle(a: Any, of: bool, unit: bool) -> Any:
    if not unit:
        return lower(a) if of else upper(a)
    n = np.eye(side(a), dtype=a.dtype)
    return (lower(a, -1) if of else upper(a, 1)) + n


def _triangular(a: Any, b: Any, lower: bool, unit: bool) -> Any:
    return np.linalg.solve(_triangle(np.asarray(a), lower, unit), b)


def _triangular_rule(out: Any, a: Any, b: Any, lower: bool, unit: bool) -> tuple[Any, Any]:
    def read(x: Any) -> Any:
        """The entries of a matrix that the system reads."""
        return _triangle(x, lower, unit) - (np.eye(side(x), dtype=x.dtype) if unit else 0.0)

    return (
        lambda t: -triangular_op(a, read(t) @ out, lower=lower, unit=unit),
        lambda u: -read(triangular_op(T(a), u, lower=not lower, unit=unit) @ T(out)),
    )


triangular_op: Op = row(
    "linalg.solve_triangular",
    _triangular,
    _triangular_rule,
    lambda out, a, b, lower, unit: (
        lambda t: triangular_op(a, t, lower=lower, unit=unit),
        lambda u: triangular_op(T(a), u, lower=not lower, unit=unit),
    ),
    shape=lambda a, b, lower, unit: _solve_shape(known_square(a), b),
    symbol="solve△",
    formula=F(
        "$a⁻¹·$b, $a triangular",
        "$a^{-1} $b",
        "−$a⁻ᵀ·upstream·$outᵀ, on the triangle",
        "$a⁻ᵀ·upstream",
    ),
    example=_example_triangular,
)


def solve_triangular(
    a: Any,
    b: Any,
    trans: int | str = 0,
    lower: bool = False,
    unit_diagonal: bool = False,
    *,
    name: str | None = None,
) -> Any:
    """The solution of a @ x = b with a triangular `a`, of which only that triangle is read and gets a gradient.

    Args:
        a: (..., n, n); `lower` says which triangle.
        b: a vector (n,), or a stack of matrices (..., n, k).
        trans: 1 or "T" solves with the transpose.
        unit_diagonal: take the diagonal as ones, without reading it.

    >>> import cgraph as cg
    >>> A = cg.parameter("A", [[2.0, 99.0], [1.0, 4.0]])
    >>> x = cg.linalg.solve_triangular(A, [2.0, 9.0], lower=True)
    >>> run = cg.sum(x).backward()
    >>> run.value(x), run.grad(A)[0, 1] == 0
    (array([1., 2.]), np.True_)
    """
    if trans not in (0, 1, 2, "N", "T", "C"):
        raise ValueError(f"solve_triangular: trans is 0, 1, 'N' or 'T', not {trans!r}")
    a, b, vector = as_columns(a, b)
    turn = trans not in (0, "N")
    x = triangular_op(
        T(a) if turn else a,
        b,
        lower=bool(lower) != turn,
        unit=bool(unit_diagonal),
        name=None if vector else name,
    )
    return squeeze(x, -1, name=name) if vector else x


def solve_banded(l_and_u: tuple[int, int], ab: Any, b: Any, *, name: str | None = None) -> Any:
    """The solution of a @ x = b for a banded matrix, given by its diagonals: ``ab[u + i - j, j] == a[i, j]``. Needs SciPy.

    Args:
        l_and_u: how many diagonals lie below and above the main one.
        ab: (l + u + 1, n).
        b: (n,) or (n, k).

    >>> import cgraph as cg
    >>> ab = cg.parameter("ab", [[0.0, 1.0], [2.0, 4.0]])
    >>> x = cg.linalg.solve_banded((0, 1), ab, [4.0, 8.0])
    >>> cg.sum(x).backward().grad(ab)
    array([[ 0.  , -1.  ],
           [-0.5 , -0.25]])
    """
    below, above = (int(n) for n in l_and_u)
    ab, b = operand(ab), operand(b)
    vector = len(shape_of(b)) == 1
    right = expand_dims(b, -1) if vector else b
    x = banded_op(ab, right, below=below, above=above, name=None if vector else name)
    return squeeze(x, -1, name=name) if vector else x


def _entries(ab: Any, below: int, above: int) -> tuple[Any, Any, Any]:
    """Row and column of the full matrix for every place of `ab`, and which places are read at all."""
    k, j = np.indices((below + above + 1, side(ab)))
    i = k - above + j
    read = (i >= 0) & (i < side(ab))
    return np.where(read, i, 0), j, read


def _flipped(ab: Any, below: int, above: int) -> Any:
    """The diagonals of the transpose: in the other order, each moved by its distance from the main one."""
    j = np.indices((below + above + 1, side(ab)))[1]
    k = np.arange(below + above + 1)[::-1, None] + 0 * j
    columns = np.clip(j + (np.arange(below + above + 1)[:, None] - below), 0, side(ab) - 1)
    _, _, theirs = _entries(ab, above, below)
    return where(theirs, ab[k, columns], 0.0)


def _banded_rule(out: Any, ab: Any, b: Any, below: int, above: int) -> tuple[Any, Any]:
    i, j, read = _entries(ab, below, above)

    def times(t: Any) -> Any:  # the banded matrix t, times the solution
        terms = expand_dims(where(read, t, 0.0), -1) * out[j]
        row_of = (i.reshape(-1) == np.arange(side(ab))[:, None]) & read.reshape(-1)
        return np.asarray(row_of, ab.dtype) @ reshape(terms, (row_of.shape[1], side(out)))

    def jvp(t: Any) -> Any:
        return -banded_op(ab, times(t), below=below, above=above)

    def vjp(u: Any) -> Any:
        back = banded_op(_flipped(ab, below, above), u, below=above, above=below)
        return where(read, -(back[i] * out[j]).sum(axis=-1), 0.0)

    return jvp, vjp


def _banded_shape(ab: Shape, b: Shape, below: int, above: int) -> Shape:
    if len(ab) != 2 or len(b) != 2 or ab[0] != below + above + 1 or ab[1] != b[0]:
        raise ShapeError(f"{below + above + 1} diagonals of the length of the right-hand side are needed")  # fmt: skip
    return b


banded_op: Op = row(
    "linalg.solve_banded",
    lambda ab, b, below, above: np.asarray(
        scipy("linalg", MODULE).solve_banded((below, above), ab, b), b.dtype
    ),
    _banded_rule,
    lambda out, ab, b, below, above: (
        lambda t: banded_op(ab, t, below=below, above=above),
        lambda u: banded_op(_flipped(ab, below, above), u, below=above, above=below),
    ),
    shape=lambda ab, b, below, above: _banded_shape(matrix(ab), b, below, above),
    symbol="solve band",
    batch=None,
    formula=F(
        "A⁻¹·$b, A with the diagonals $a",
        "A^{-1} $b",
        "−A⁻ᵀ·upstream·$outᵀ, on the diagonals",
        "A⁻ᵀ·upstream",
    ),
    example=_example_banded,
)


# --- compositions -------------------------------------------------------------------------------------------------------------


def solve_continuous_lyapunov(a: Any, q: Any, *, name: str | None = None) -> Any:
    """The X with a @ X + X @ a.T = q. Needs SciPy.

    >>> import cgraph as cg
    >>> q = cg.parameter("q", [[8.0]])
    >>> float(cg.sum(cg.linalg.solve_continuous_lyapunov([[2.0]], q)).backward().grad(q)[0, 0])
    0.25
    """
    a = operand(a)
    return solve_sylvester(a, T(a), q, name=name)


def solve_discrete_lyapunov(a: Any, q: Any, *, name: str | None = None) -> Any:
    """The X with a @ X @ a.T − X + q = 0, for one matrix `a` (n, n), from the system of its n² entries.

    >>> import cgraph as cg
    >>> q = cg.parameter("q", [[3.0]])
    >>> float(cg.sum(cg.linalg.solve_discrete_lyapunov([[0.5]], q)).backward().grad(q)[0, 0].round(6))
    1.333333
    """
    a, q = operand(a), operand(q)
    if len(shape_of(a)) != 2 or known_square(shape_of(a)) != shape_of(q):
        raise ShapeError(f"solve_discrete_lyapunov: a {shape_of(a)} and q {shape_of(q)} are square, of one size")  # fmt: skip
    n = side(a)
    system = np.eye(n * n, dtype=a.dtype) - kron(a, a)
    return reshape(solve(system, reshape(q, (n * n,))), (n, n), name=name)


def cho_factor(a: Any, lower: bool = False, *, name: str | None = None) -> tuple[Any, bool]:
    """The Cholesky factor of `a`, for `cho_solve`, and whether it is the lower one."""
    from cgraph.linalg.decompositions import cholesky

    return cholesky(a, upper=not lower, name=name), bool(lower)


def cho_solve(c_and_lower: tuple[Any, bool], b: Any, *, name: str | None = None) -> Any:
    """The solution of a @ x = b from the Cholesky factor of `a` and whether that is the lower one, as `cho_factor` gives them.

    >>> import cgraph as cg
    >>> A = cg.parameter("A", [[4.0, 0.0], [0.0, 2.0]])
    >>> x = cg.linalg.cho_solve(cg.linalg.cho_factor(A), [8.0, 2.0])
    >>> cg.run(x).value(x)
    array([2., 1.])
    """
    c, of = c_and_lower
    first = solve_triangular(c, b, trans=0 if of else 1, lower=of)
    return solve_triangular(c, first, trans=1 if of else 0, lower=of, name=name)


def solve_toeplitz(c_or_cr: Any, b: Any, *, name: str | None = None) -> Any:
    """The solution of T @ x = b for the Toeplitz matrix of a first column, or of a tuple (first column, first row)."""
    given = c_or_cr if isinstance(c_or_cr, tuple) else (c_or_cr,)
    return solve(toeplitz(*given), b, name=name)


def solve_circulant(c: Any, b: Any, *, name: str | None = None) -> Any:
    """The solution of C @ x = b for the circulant matrix of the first column `c`."""
    return solve(circulant(c), b, name=name)


__all__ = [
    "cho_factor", "cho_solve", "solve_banded", "solve_circulant", "solve_continuous_lyapunov", "solve_discrete_lyapunov",
    "solve_sylvester", "solve_toeplitz", "solve_triangular",
]  # fmt: skip
