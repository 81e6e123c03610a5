"""Probe: an array that carries a complex step through somebody else's NumPy code, and says so when that code is not analytic.

A user's forward may well contain `np.abs`, `np.maximum` or `np.linalg.norm`. Fed a complex array, NumPy answers with a modulus and the
derivative is silently lost. A Probe catches every ufunc and NumPy function on the way: what is analytic goes through, what has a complex
forward gets it, and anything else (a conjugate, a cast to float, a C routine) raises `NotAnalytic`, upon which the check falls back on
differences and says that it did.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from cgraph.testing.oracle import complex_forwards
from cgraph.testing.oracle.noise import BACKWARD_STABLE, EXACT, disturbed

re = complex_forwards.re


class NotAnalytic(TypeError):
    """This code cannot carry a complex step; the message names the function that cannot."""


_ANALYTIC = frozenset(
    """add subtract multiply divide true_divide negative positive square sqrt reciprocal exp expm1 exp2 log log1p log2 log10 sin cos tan
    arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh matmul vecdot erf erfc loggamma digamma psi log_ndtr wofz
    ndtr""".split()
)
_COMPARISONS = frozenset(
    """less less_equal greater greater_equal equal not_equal logical_and logical_or logical_not logical_xor isnan isfinite isinf
    signbit sign floor ceil rint trunc heaviside""".split()
)


def _hypot(a: Any, b: Any) -> Any:
    """In units of the larger one, or squares leave the range of numbers."""
    largest = np.maximum(np.abs(re(a)), np.abs(re(b)))
    unit = np.ldexp(1.0, np.frexp(np.where(largest > 0, largest, 1.0))[1])
    a, b = a / unit, b / unit
    return np.sqrt(a * a + b * b) * unit


def _arctan2(y: Any, x: Any) -> Any:
    turn = np.arctan2(re(y), re(x))
    # The angle of (x + iy) turned back by its real part, which is small whatever the quadrant.
    c, s = np.cos(turn), np.sin(turn)
    return turn + np.arctan((y * c - x * s) / (x * c + y * s))


def _cbrt(x: Any) -> Any:
    root = np.cbrt(re(x))
    return root * np.exp(np.log(x / re(x)) / 3.0)


def _gamma(x: Any) -> Any:
    """Reflected on the left, where SciPy's exp(loggamma) turns by a multiple of 2π, which is not exact."""
    from scipy import special  # it is there: its own function has brought us here

    left = re(x) < 0.5
    z = np.where(left, 1.0 - x, x)
    right = special.gamma(z)
    return np.where(left, np.pi / (np.sin(np.pi * np.where(left, x, 0.5)) * right), right)


_COMPLEX_FORWARDS: dict[str, Any] = {
    "gamma": _gamma,
    "rgamma": lambda x: 1.0 / _gamma(x),
    "absolute": complex_forwards.COMPLEX_FORWARDS["abs"],
    "fabs": complex_forwards.COMPLEX_FORWARDS["abs"],
    "maximum": complex_forwards.maximum,
    "minimum": complex_forwards.minimum,
    "fmax": complex_forwards.maximum,
    "fmin": complex_forwards.minimum,
    "power": complex_forwards.power,
    "float_power": complex_forwards.power,
    "log1p": complex_forwards.log1p,
    "expit": complex_forwards.COMPLEX_FORWARDS["sigmoid"],
    "copysign": lambda x, s: complex_forwards.COMPLEX_FORWARDS["abs"](x) * np.copysign(1.0, re(s)),
    "hypot": _hypot,
    "arctan2": _arctan2,
    "logaddexp": complex_forwards.COMPLEX_FORWARDS["logaddexp"],
    "cbrt": _cbrt,
    "clip": complex_forwards.COMPLEX_FORWARDS["clip"],
    "deg2rad": lambda x: x * (np.pi / 180),
    "rad2deg": lambda x: x * (180 / np.pi),
    "log_expit": lambda x: -complex_forwards.COMPLEX_FORWARDS["softplus"](-x),
    "remainder": complex_forwards.COMPLEX_FORWARDS["remainder"],
    "fmod": complex_forwards.COMPLEX_FORWARDS["fmod"],
    "entr": lambda x: -np.where(re(x) == 0, 0.0, x * np.log(np.where(re(x) == 0, 1.0, x))),
    "xlogy": lambda x, y: np.where(re(x) == 0, 0.0, x * np.log(y)),
}

# NumPy functions that keep complex numbers analytic: they move, join, sum or multiply, or are built from ufuncs that come by here.
_FUNCTIONS = frozenset(
    """where concatenate stack vstack hstack dstack column_stack reshape ravel transpose swapaxes moveaxis rollaxis squeeze expand_dims
    broadcast_to broadcast_arrays tile repeat roll flip fliplr flipud rot90 take take_along_axis diag diagonal diagflat tril triu pad
    split array_split sum mean prod cumsum cumprod diff trace dot matmul einsum tensordot outer inner kron cross convolve average
    zeros_like ones_like full_like empty_like copy atleast_1d atleast_2d atleast_3d shape ndim size sort max amax min amin argmax argmin
    argsort append insert delete block det inv solve nan_to_num ptp permute_dims concat vecdot polyval gradient trapezoid""".split()
)


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    if ord not in (None, 2, "fro") or (ord == 2 and axis is None and np.ndim(x) != 1):
        raise NotAnalytic(f"np.linalg.norm with ord={ord!r}")
    return np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims))


def _var(
    x: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: int = 0,
    keepdims: Any = False,
) -> Any:
    off = x - np.mean(x, axis=axis, keepdims=True)
    n = np.size(x) // max(np.size(np.sum(re(np.asarray(x)), axis=axis)), 1)
    return np.sum(off * off, axis=axis, keepdims=bool(keepdims)) / (n - ddof)


def _std(x: Any, *args: Any, **kwargs: Any) -> Any:
    return np.sqrt(_var(x, *args, **kwargs))


def _clip_function(x: Any, *args: Any, **kwargs: Any) -> Any:
    return _clip(bare(x), *map(bare, args), **{key: bare(value) for key, value in kwargs.items()})


def _clip(x: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    low, high = (a_min if min is None else min), (a_max if max is None else max)
    x = x if low is None else complex_forwards.maximum(x, low)
    return x if high is None else complex_forwards.minimum(x, high)


def _sinc(x: Any) -> Any:
    y = np.pi * x
    return np.where(re(bare(y)) == 0, 1.0, np.sin(y) / y)


_FUNCTION_FORWARDS: dict[str, Any] = {
    "sinc": _sinc,
    "norm": _norm,
    "var": _var,
    "std": _std,
    "clip": _clip_function,
}
_COMPARING = frozenset(
    {"allclose", "isclose", "array_equal", "all", "any", "count_nonzero", "nonzero", "iscomplexobj"}
)


def bare(x: Any) -> Any:
    """Without the Probe around it, containers included."""
    if isinstance(x, Probe):
        return x.view(np.ndarray)
    return type(x)(bare(item) for item in x) if type(x) in (list, tuple) else x


def wrap(x: Any, exact: bool = False) -> Any:
    """Complex results go on as Probes, 0-d ones too; disturbed where noise holds, unless nothing was rounded."""
    if type(x) in (list, tuple):
        return type(x)(wrap(item, exact) for item in x)
    if isinstance(x, np.ndarray | np.generic) and x.dtype.kind == "c":
        return np.asarray(x if exact else disturbed(x)).view(Probe)
    return x


class Probe(np.ndarray[Any, np.dtype[Any]]):
    """See the module: a complex array under watch."""

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        name = ufunc.__name__
        operands = tuple(bare(x) for x in inputs)
        kwargs = {key: bare(value) for key, value in kwargs.items()}
        if name in _COMPARISONS:
            return getattr(ufunc, method)(*(re(x) for x in operands), **kwargs)
        if method == "__call__" and name in _COMPLEX_FORWARDS and not kwargs:
            return wrap(_COMPLEX_FORWARDS[name](*operands), name in EXACT)
        if name in _ANALYTIC and (
            method in ("__call__", "outer") or name in ("add", "multiply", "subtract")
        ):
            return wrap(getattr(ufunc, method)(*operands, **kwargs), name in EXACT)
        if (
            method == "reduce"
            and name in ("maximum", "minimum")
            and set(kwargs) <= {"axis", "keepdims"}
        ):
            axis, keepdims = kwargs.get("axis", 0), kwargs.get("keepdims", False)
            return wrap(
                complex_forwards.COMPLEX_FORWARDS["max" if name == "maximum" else "min"](
                    operands[0], axis, keepdims
                ),
                True,
            )
        raise NotAnalytic(f"np.{name}" + ("" if method == "__call__" else f".{method}"))

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        name = function.__name__
        if name in _FUNCTION_FORWARDS:
            return wrap(_FUNCTION_FORWARDS[name](*args, **kwargs))
        if name in _COMPARING:
            return function(*(re(bare(a)) for a in args), **kwargs)
        if name in ("argmax", "argmin", "argsort"):
            return function(re(bare(args[0])), *args[1:], **kwargs)
        if name in ("max", "amax", "min", "amin"):
            return self._extreme(name[-3:], *args, **kwargs)
        if name == "where" and len(args) == 3:
            return wrap(np.where(re(bare(args[0])) != 0, bare(args[1]), bare(args[2])), True)
        if name not in _FUNCTIONS:
            raise NotAnalytic(f"{function.__module__}.{name}")
        if name in BACKWARD_STABLE:
            args = [disturbed(bare(a)) if isinstance(a, np.ndarray) else a for a in args]
        return wrap(
            function(
                *(bare(a) for a in args), **{key: bare(value) for key, value in kwargs.items()}
            ),
            name in EXACT,
        )

    @staticmethod
    def _extreme(
        name: str, x: Any, axis: Any = None, out: Any = None, keepdims: Any = False
    ) -> Any:
        return wrap(complex_forwards.COMPLEX_FORWARDS[name](bare(x), axis, bool(keepdims)), True)

    def max(self, axis: Any = None, out: Any = None, keepdims: Any = False) -> Any:  # type: ignore[override]
        return self._extreme("max", self, axis, out, keepdims)

    def min(self, axis: Any = None, out: Any = None, keepdims: Any = False) -> Any:  # type: ignore[override]
        return self._extreme("min", self, axis, out, keepdims)

    def var(self, *args: Any, **kwargs: Any) -> Any:
        return wrap(_var(self, *args, **kwargs))

    def std(self, *args: Any, **kwargs: Any) -> Any:
        return wrap(_std(self, *args, **kwargs))

    def clip(self, *args: Any, **kwargs: Any) -> Any:
        return wrap(_clip(bare(self), *map(bare, args), **kwargs), True)

    def __getitem__(self, key: Any) -> Any:
        return wrap(self.view(np.ndarray)[re(bare(key)) if isinstance(key, Probe) else key], True)

    def __abs__(self) -> Any:
        return np.absolute(self)

    def __bool__(self) -> bool:
        return bool(self.view(np.ndarray).real)

    @property  # type: ignore[misc]
    def real(self) -> Any:
        raise NotAnalytic(".real")

    @property  # type: ignore[misc]
    def imag(self) -> Any:
        raise NotAnalytic(".imag")

    def astype(self, dtype: Any, *args: Any, **kwargs: Any) -> Any:
        # Rounding to another precision has the derivative 1 as far as anybody means one; other casts lose the step.
        if np.dtype(dtype).kind in "fc":
            return self
        raise NotAnalytic(f".astype({np.dtype(dtype)})")

    def _no(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotAnalytic("a conversion to Python numbers")

    __float__ = __int__ = __complex__ = __index__ = item = tolist = conj = conjugate = tobytes = _no
    argmax = lambda self, *a, **k: self.view(np.ndarray).real.argmax(*a, **k)  # noqa: E731
    argmin = lambda self, *a, **k: self.view(np.ndarray).real.argmin(*a, **k)  # noqa: E731
    argsort = lambda self, *a, **k: self.view(np.ndarray).real.argsort(*a, **k)  # noqa: E731
