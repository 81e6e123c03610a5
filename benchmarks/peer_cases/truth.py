"""The truth about a gradient: the function written over arrays of mpmath's numbers, and differences of it with hundreds of digits.

`m` stands for NumPy in a case: its functions work on arrays of numbers of any precision. Nothing here knows a derivative.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import mpmath
import numpy as np

mp = mpmath.mp
Array = Any


def each(function: Callable[..., Any]) -> Callable[..., Array]:
    """A function of numbers, for arrays of them."""

    def call(*args: Any) -> Array:
        return np.frompyfunc(function, len(args), 1)(*args)

    return call


def _matrix(a: Array) -> Any:
    return mp.matrix(np.asarray(a, object).tolist())


def _array(a: Any) -> Array:
    return np.array(a.tolist(), object).reshape(a.rows, a.cols)


def by_matrix(function: Callable[..., Any]) -> Callable[..., Array]:
    """One of mpmath's functions of a matrix, on an array."""

    def call(a: Array, *rest: Any) -> Array:
        found = function(_matrix(a), *(_matrix(r) if np.ndim(r) else r for r in rest))
        return _array(found) if isinstance(found, mp.matrix) else found

    return call


class Functions:
    """NumPy's names over mpmath: functions of numbers and matrices by name, the rest are NumPy's own, which add and multiply objects."""

    def __init__(self, **named: Callable[..., Any]) -> None:
        self.__dict__.update(named)

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def solve(self, a: Array, b: Array) -> Array:
        found = _array(mp.lu_solve(_matrix(a), _matrix(np.reshape(b, (len(b), -1)))))
        return found.reshape(np.shape(b))

    def eigvalsh(self, a: Array) -> Array:
        return np.array(list(mp.eigsy(_matrix((a + a.T) / 2), eigvals_only=True)), object)

    def svdvals(self, a: Array) -> Array:
        return np.array(list(mp.svd_r(_matrix(a), compute_uv=False)), object)

    def qr_r(self, a: Array) -> Array:
        return _array(mp.qr(_matrix(a), mode="skinny")[1])

    def logsumexp(self, x: Array, axis: Any = None) -> Array:
        return self.log(np.sum(self.exp(x), axis))

    def log_softmax(self, x: Array, axis: int = -1) -> Array:
        return x - np.expand_dims(self.logsumexp(x, axis), axis)


m = Functions(
    **{name: each(getattr(mp, name)) for name in ("exp", "log", "sqrt", "erf", "erfc", "digamma")},
    abs=each(lambda x: abs(x)),
    sigmoid=each(lambda x: 1 / (1 + mp.exp(-x))),
    power=each(lambda a, b: mp.mpf(1) if b == 0 else a**b),
    **{name: by_matrix(getattr(mp, name)) for name in ("det", "expm", "sqrtm", "logm", "cholesky")},
    inv=by_matrix(mp.inverse),
)


def numbers(x: Any) -> Array:
    """An array of floats as mpmath's numbers, which are the same."""
    x = np.asarray(x)
    if x.dtype.kind != "f":
        return x
    out = np.empty(x.shape, object)
    for k in np.ndindex(x.shape):
        out[k] = mp.mpf(float(x[k]))
    return out


def value_and_gradient(
    f: Callable[..., Any], args: Sequence[Array], wrt: Sequence[int], digits: int
) -> tuple[Any, list[Array]]:
    """The value of a scalar function, and its gradient by central differences, as numbers of mpmath's."""
    with mp.workdps(digits):
        exact = [numbers(x) for x in args]
        step = mp.mpf(10) ** (-(digits // 4))

        def at(i: int, k: Any, moved: Any) -> Any:
            given = list(exact)
            given[i] = given[i].copy()
            given[i][k] = moved
            return mp.mpf(np.asarray(f(m, *given), object).item().real)

        found = []
        for i in wrt:
            slope = np.empty(exact[i].shape, object)
            for k in np.ndindex(exact[i].shape):
                x = exact[i][k]
                h = step * abs(x) if x else step
                slope[k] = (at(i, k, x + h) - at(i, k, x - h)) / (2 * h)
                if abs(slope[k]) < step:  # what is left of higher powers of the step
                    slope[k] = mp.mpf(0) if not x else slope[k]
            found.append(slope)
        value = mp.mpf(np.asarray(f(m, *exact), object).item().real)
        return value, found
