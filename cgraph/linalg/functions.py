"""Functions of matrices: exponential, logarithm, roots and powers, sine and cosine.

The derivative of a function of matrices is read off a matrix of twice the size, f [[A, E], [0, A]] = [[f(A), Df(A) E], [0, f(A)]]
(R. Mathias, SIAM J. Matrix Anal. Appl. 17 (1996); N. Higham, "Functions of Matrices" (2008), 3.16); its adjoint is the same with Aᵀ.
Square roots lead to Sylvester equations (Giles 2008). Only the forwards of this module need SciPy, when they are called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cgraph.errors import UnsupportedError
from cgraph.extras import scipy
from cgraph.linalg.matrices import (
    F,
    T,
    blocks,
    each,
    example_batch,
    example_invertible,
    example_square,
    known_square,
    operand,
    row,
    side,
    square,
)
from cgraph.linalg.solving import solve_op
from cgraph.linalg.systems import sylvester_op
from cgraph.op import Op
from cgraph.ops.elementwise import multiply

MODULE = "cg.linalg's functions of matrices"


def _real(value: Any, name: str, like: Any) -> Any:
    """The value in the dtype of the operand; a complex one is refused, unless its imaginary part is rounding."""
    if np.iscomplexobj(value) and not np.iscomplexobj(like):
        limit = 1e3 * np.finfo(like.dtype).eps * np.max(np.abs(value), initial=1e-300)
        if not np.max(np.abs(value.imag), initial=0.0) <= limit:
            raise UnsupportedError(f"{name}: the result is complex, and cgraph is real")
        value = value.real
    return np.asarray(value, like.dtype)


def _of_scipy(name: str, a: Any, *args: Any) -> Any:
    """SciPy's function of each matrix. It estimates norms with NumPy's global random numbers, which are put back where they were."""
    a = np.asarray(a)
    if a.size == 0:
        return a
    function = getattr(scipy("linalg", MODULE), name)
    before = np.random.get_state()
    np.random.seed(0)
    try:
        return _real(each(lambda x: function(x, *args), a), name, a)
    finally:
        np.random.set_state(before)


def by_blocks(function: Callable[[Any], Any], a: Any) -> tuple[Any, Any]:
    """The rule of a function of matrices: its derivative, read off blocks."""
    n = side(a)

    def derivative(of: Any, along: Any) -> Any:
        return function(blocks(of, along, 0.0 * along, of))[..., :n, n:]

    return lambda t: derivative(a, t), lambda u: derivative(T(a), u)


# --- exponential, logarithm, powers -------------------------------------------------------------------------------------------


# fmt: off
expm_op: Op = row(
    "linalg.expm", lambda a: _of_scipy("expm", a), lambda out, a: by_blocks(expm_op, a), shape=known_square, symbol="exp",
    formula=F("e^$a", "e^{$a}", "the derivative of exp at $aᵀ along the upstream"),
    example=lambda rng: ((0.5 * example_invertible(rng, example_batch(rng)),), {}),
)
# fmt: on


def expm(a: Any, *, name: str | None = None) -> Any:
    """The exponential of each square matrix. Needs SciPy.

    >>> import cgraph as cg
    >>> A = cg.parameter("A", [[0.0, 1.0], [0.0, 0.0]])
    >>> E = cg.linalg.expm(A)
    >>> run = cg.sum(E).backward()
    >>> run.value(E), run.grad(A)[1, 0].round(6)
    (array([[1., 1.],
           [0., 1.]]), np.float64(2.166667))
    """
    return expm_op(operand(a), name=name)


# fmt: off
sqrtm_op: Op = row(
    "linalg.sqrtm", lambda a: _of_scipy("sqrtm", a),
    lambda out, a: (lambda t: sylvester_op(out, out, t), lambda u: sylvester_op(T(out), T(out), u)), shape=square, symbol="√",
    formula=F("X with X·X = $a", r"$a^{1/2}", "X with $outᵀ·X + X·$outᵀ = upstream"), example=example_square,
)
# fmt: on


def sqrtm(a: Any, *, name: str | None = None) -> Any:
    """The principal square root of each square matrix, where it is real. Needs SciPy.

    >>> import cgraph as cg
    >>> A = cg.parameter("A", [[4.0, 0.0], [0.0, 9.0]])
    >>> cg.sum(cg.linalg.sqrtm(A)).backward().grad(A).round(4)
    array([[0.25  , 0.2   ],
           [0.2   , 0.1667]])
    """
    return sqrtm_op(operand(a), name=name)


# fmt: off
logm_op: Op = row(
    "linalg.logm", lambda a: _of_scipy("logm", a), lambda out, a: by_blocks(logm_op, a), shape=known_square, symbol="ln",
    formula=F("ln $a", r"\ln $a", "the derivative of ln at $aᵀ along the upstream"), example=example_square,
)
# fmt: on


def logm(A: Any, *, name: str | None = None) -> Any:
    """The principal logarithm of each square matrix, where it is real. Needs SciPy.

    Raises:
        UnsupportedError: when it is evaluated on a matrix with eigenvalues that are zero or negative.

    >>> import cgraph as cg
    >>> A = cg.parameter("A", [[2.0, 0.0], [0.0, 4.0]])
    >>> cg.linalg.logm(A)[0, 0].backward().grad(A).round(6)
    array([[0.5, 0. ],
           [0. , 0. ]])
    """
    return logm_op(operand(A), name=name)


# fmt: off
fractional_power_op: Op = row(
    "linalg.fractional_matrix_power", lambda a, power: _of_scipy("fractional_matrix_power", a, power),
    lambda out, a, power: by_blocks(lambda x: fractional_power_op(x, power=power), a), shape=lambda a, power: known_square(a), symbol="^",
    formula=F("$a to a power", "$a^{p}", "the derivative of the power at $aᵀ along the upstream"),
    example=lambda rng: ((example_invertible(rng, example_batch(rng)),), {"power": float(rng.choice([-1.5, -0.5, 0.3, 0.5, 1.7]))}),
)
# fmt: on


def fractional_matrix_power(A: Any, t: float, *, name: str | None = None) -> Any:
    """Each square matrix to the power `t`, a number, where the result is real. Needs SciPy; `matrix_power` takes whole powers.

    >>> import cgraph as cg
    >>> A = cg.parameter("A", [[4.0, 0.0], [0.0, 9.0]])
    >>> cg.linalg.fractional_matrix_power(A, -0.5)[0, 0].backward().grad(A)[0, 0].round(6)
    np.float64(-0.0625)
    """
    return fractional_power_op(operand(A), power=float(t), name=name)


def expm_frechet(A: Any, E: Any, *, compute_expm: bool = True) -> Any:
    """The exponential of each matrix A and its derivative along E; with ``compute_expm=False`` the derivative alone. Needs SciPy.

    >>> import cgraph as cg
    >>> cg.linalg.expm_frechet([[0.0, 0.0], [0.0, 0.0]], [[1.0, 2.0], [3.0, 4.0]], compute_expm=False)
    array([[1., 2.],
           [3., 4.]])
    """
    a, e = operand(A), operand(E)
    n = side(a)
    both = expm_op(blocks(a, e, 0.0 * e, a))
    along = both[..., :n, n:]
    return (both[..., :n, :n], along) if compute_expm else along


# --- sine, cosine and their kin: compositions of the exponential -----------------------------------------------------------------


def _turned(a: Any) -> tuple[Any, Any]:
    """Cosine and sine of a matrix: exp [[0, −A], [A, 0]] = [[cos A, −sin A], [sin A, cos A]]."""
    n = side(a)
    zero = 0.0 * a
    both = expm_op(blocks(zero, -a, a, zero))
    return both[..., :n, :n], both[..., n:, :n]


def cosm(A: Any) -> Any:
    """The cosine of each square matrix. Needs SciPy."""
    return _turned(operand(A))[0]


def sinm(A: Any) -> Any:
    """The sine of each square matrix. Needs SciPy.

    >>> import cgraph as cg
    >>> A = cg.parameter("A", [[0.0, 1.0], [0.0, 0.0]])
    >>> cg.linalg.sinm(A)[0, 1].backward().grad(A).round(12)[0, 1]
    np.float64(1.0)
    """
    return _turned(operand(A))[1]


def tanm(A: Any, *, name: str | None = None) -> Any:
    """The tangent of each square matrix. Needs SciPy."""
    cosine, sine = _turned(operand(A))
    return solve_op(cosine, sine, name=name)


def coshm(A: Any, *, name: str | None = None) -> Any:
    """The hyperbolic cosine of each square matrix. Needs SciPy."""
    a = operand(A)
    return multiply(0.5, expm_op(a) + expm_op(-a), name=name)


def sinhm(A: Any, *, name: str | None = None) -> Any:
    """The hyperbolic sine of each square matrix. Needs SciPy."""
    a = operand(A)
    return multiply(0.5, expm_op(a) - expm_op(-a), name=name)


def tanhm(A: Any, *, name: str | None = None) -> Any:
    """The hyperbolic tangent of each square matrix. Needs SciPy."""
    return solve_op(coshm(A), sinhm(A), name=name)


__all__ = [
    "coshm", "cosm", "expm", "expm_frechet", "fractional_matrix_power", "logm", "sinhm", "sinm", "sqrtm", "tanhm", "tanm",
]  # fmt: skip
