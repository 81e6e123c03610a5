"""Probability distributions: `scipy.stats` on nodes, differentiable in the argument and in the parameters. Needs SciPy.

``cg.stats.norm.logpdf(x, loc, scale)`` and its kin have SciPy's names, arguments and order, and are compositions of `cg.special`, so that
the picture shows the formula and any order of derivative is there. Logarithms and survival functions are computed as such, not from one
another, and so keep their digits in both tails. Shape parameters of a `cdf`, `sf` or `ppf` have no derivative rule (those of a `logpdf`
do): give them as numbers there, or cgraph refuses.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from cgraph import linalg, special
from cgraph.errors import ShapeError
from cgraph.op import is_node
from cgraph.ops.define import shape_of
from cgraph.ops.elementwise import (
    abs,
    clip,
    cos,
    divide,
    exp,
    expm1,
    greater,
    less,
    log,
    log1p,
    multiply,
    sigmoid,
    sigmoid_slope,
    sin,
    square,
    where,
)
from cgraph.ops.logistic import log_sigmoid, logit
from cgraph.ops.reduction import sum
from cgraph.ops.structure import expand_dims, squeeze, swapaxes
from cgraph.ops.transcendental import arctan2
from cgraph.special.table import number

LOG_ROOT_2PI = 0.5 * math.log(2.0 * math.pi)


def _value(x: Any) -> Any:
    """Nodes and numbers as they are, lists as arrays, whole numbers as floats."""
    if is_node(x) or isinstance(x, float):
        return x
    x = np.asarray(x)
    return (
        float(x)
        if x.ndim == 0 and x.dtype != np.float32
        else x.astype(np.float64)
        if x.dtype.kind in "iub"
        else x
    )


class Continuous:
    """A distribution with SciPy's arguments: ``(x, *shapes, loc=0, scale=1)``.

    A subclass says what holds for loc = 0 and scale = 1: `_logpdf`, and whatever else there is a good formula for. What lies outside of
    the `support` has the density 0, and no gradient comes from there.
    """

    shapes: tuple[str, ...] = ()
    support: tuple[float, float] = (-math.inf, math.inf)

    # --- the standard form --------------------------------------------------------------------------------------------------

    def _logpdf(self, z: Any, *shapes: Any) -> Any:
        raise NotImplementedError

    def _pdf(self, z: Any, *shapes: Any) -> Any:
        return exp(self._logpdf(z, *shapes))

    def _cdf(self, z: Any, *shapes: Any) -> Any:
        raise NotImplementedError

    def _sf(self, z: Any, *shapes: Any) -> Any:
        raise NotImplementedError

    def _logcdf(self, z: Any, *shapes: Any) -> Any:
        return log(self._cdf(z, *shapes))

    def _logsf(self, z: Any, *shapes: Any) -> Any:
        return log(self._sf(z, *shapes))

    def _ppf(self, q: Any, *shapes: Any) -> Any:
        raise NotImplementedError

    def _isf(self, q: Any, *shapes: Any) -> Any:
        raise NotImplementedError

    # --- for users ------------------------------------------------------------------------------------------------------------

    def _parsed(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[list[Any], Any, Any]:
        names = (*self.shapes, "loc", "scale")
        if len(args) > len(names):
            raise TypeError(f"{self!r} takes {', '.join(names)}; got {len(args)} values")
        given: dict[str, Any] = {
            "loc": 0.0,
            "scale": 1.0,
            **dict(zip(names, args, strict=False)),
        }
        for key, value in kwargs.items():
            if key not in names:
                raise TypeError(f"{self!r} takes {', '.join(names)}; not {key}=")
            given[key] = value
        missing = [name for name in self.shapes if name not in given]
        if missing:
            raise TypeError(f"{self!r} needs {', '.join(missing)}")
        return (
            [_value(given[n]) for n in self.shapes],
            _value(given["loc"]),
            _value(given["scale"]),
        )

    def _standard(self, x: Any, loc: Any, scale: Any) -> Any:
        x = _value(x)
        if not (isinstance(loc, float) and loc == 0.0):
            x = x - loc
        return x if isinstance(scale, float) and scale == 1.0 else divide(x, scale)

    def _at(
        self, form: Callable[..., Any], x: Any, args: Any, kwargs: Any, below: float, above: float
    ) -> tuple[Any, Any]:
        """A standard form at x, `below` and `above` on either side of the support; and the scale."""
        shapes, loc, scale = self._parsed(args, kwargs)
        z = self._standard(x, loc, scale)
        value, (low, high) = form(z, *shapes), self.support
        if math.isfinite(high):
            value = where(greater(z, high), above, value)
        return where(less(z, low), below, value) if math.isfinite(low) else value, scale

    def logpdf(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """The logarithm of the density."""
        value, scale = self._at(self._logpdf, x, args, kwargs, -math.inf, -math.inf)
        return value if isinstance(scale, float) and scale == 1.0 else value - log(scale)

    def pdf(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """The density."""
        value, scale = self._at(self._pdf, x, args, kwargs, 0.0, 0.0)
        return value if isinstance(scale, float) and scale == 1.0 else divide(value, scale)

    def cdf(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """The probability of a value up to x."""
        return self._at(self._cdf, x, args, kwargs, 0.0, 1.0)[0]

    def sf(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """The probability of a value above x: 1 − cdf, without the subtraction."""
        return self._at(self._sf, x, args, kwargs, 1.0, 0.0)[0]

    def logcdf(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """The logarithm of the cdf."""
        return self._at(self._logcdf, x, args, kwargs, -math.inf, 0.0)[0]

    def logsf(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """The logarithm of the survival function."""
        return self._at(self._logsf, x, args, kwargs, 0.0, -math.inf)[0]

    def ppf(self, q: Any, *args: Any, **kwargs: Any) -> Any:
        """The x with cdf(x) = q."""
        shapes, loc, scale = self._parsed(args, kwargs)
        return self._ppf(_value(q), *shapes) * scale + loc

    def isf(self, q: Any, *args: Any, **kwargs: Any) -> Any:
        """The x with sf(x) = q."""
        shapes, loc, scale = self._parsed(args, kwargs)
        return self._isf(_value(q), *shapes) * scale + loc

    def __repr__(self) -> str:
        return f"cg.stats.{type(self).__name__.strip('_').lower()}"


class Symmetric(Continuous):
    """A distribution that is symmetric about 0: what lies above is what lies below, mirrored."""

    def _sf(self, z: Any, *shapes: Any) -> Any:
        return self._cdf(-z, *shapes)

    def _logsf(self, z: Any, *shapes: Any) -> Any:
        return self._logcdf(-z, *shapes)

    def _isf(self, q: Any, *shapes: Any) -> Any:
        return -self._ppf(q, *shapes)


class _Norm(Symmetric):
    def _logpdf(self, z: Any) -> Any:
        return -0.5 * square(z) - LOG_ROOT_2PI

    def _cdf(self, z: Any) -> Any:
        return special.ndtr(z)

    def _logcdf(self, z: Any) -> Any:
        return special.log_ndtr(z)

    def _ppf(self, q: Any) -> Any:
        return special.ndtri(q)

    def entropy(self, loc: Any = 0.0, scale: Any = 1.0) -> Any:
        """(1 + ln 2π)/2 + ln scale."""
        return log(scale) + (0.5 + LOG_ROOT_2PI)


class _T(Symmetric):
    shapes = ("df",)

    def _logpdf(self, z: Any, df: Any) -> Any:
        half = 0.5 * df
        return (
            special.gammaln(half + 0.5)
            - special.gammaln(half)
            - 0.5 * log(df * math.pi)
            - (half + 0.5) * log1p(square(z) / df)
        )

    def _cdf(self, z: Any, df: Any) -> Any:
        return special.stdtr(df, z)

    def _ppf(self, q: Any, df: Any) -> Any:
        return special.stdtrit(df, q)


class _Gamma(Continuous):
    shapes, support = ("a",), (0.0, math.inf)

    def _logpdf(self, z: Any, a: Any) -> Any:
        return special.xlogy(a - 1.0, z) - z - special.gammaln(a)

    def _pdf(self, z: Any, a: Any) -> Any:
        return special.gamma_density(a, z)

    def _cdf(self, z: Any, a: Any) -> Any:
        return special.gammainc(a, z)

    def _sf(self, z: Any, a: Any) -> Any:
        return special.gammaincc(a, z)

    def _ppf(self, q: Any, a: Any) -> Any:
        return special.gammaincinv(a, q)

    def _isf(self, q: Any, a: Any) -> Any:
        return special.gammainccinv(a, q)


class _Chi2(_Gamma):
    shapes = ("df",)

    def _logpdf(self, z: Any, df: Any) -> Any:
        return super()._logpdf(0.5 * z, 0.5 * df) - math.log(2.0)

    def _pdf(self, z: Any, df: Any) -> Any:
        return 0.5 * super()._pdf(0.5 * z, 0.5 * df)

    def _cdf(self, z: Any, df: Any) -> Any:
        return super()._cdf(0.5 * z, 0.5 * number(df, "chi2.cdf: df"))

    def _sf(self, z: Any, df: Any) -> Any:
        return super()._sf(0.5 * z, 0.5 * number(df, "chi2.sf: df"))

    def _ppf(self, q: Any, df: Any) -> Any:
        return 2.0 * super()._ppf(q, 0.5 * number(df, "chi2.ppf: df"))

    def _isf(self, q: Any, df: Any) -> Any:
        return 2.0 * super()._isf(q, 0.5 * number(df, "chi2.isf: df"))


class _Beta(Continuous):
    shapes, support = ("a", "b"), (0.0, 1.0)

    def _logpdf(self, z: Any, a: Any, b: Any) -> Any:
        return special.xlogy(a - 1.0, z) + special.xlog1py(b - 1.0, -z) - special.betaln(a, b)

    def _cdf(self, z: Any, a: Any, b: Any) -> Any:
        return special.betainc(a, b, z)

    def _sf(self, z: Any, a: Any, b: Any) -> Any:
        return special.betainc(b, a, 1.0 - z)

    def _ppf(self, q: Any, a: Any, b: Any) -> Any:
        return special.betaincinv(a, b, q)

    def _isf(self, q: Any, a: Any, b: Any) -> Any:
        return 1.0 - special.betaincinv(b, a, q)


def _log1mexp(z: Any) -> Any:
    """ln(1 − e^(−z)) for z > 0, by the form that keeps its digits (M. Mächler 2012)."""
    return where(less(z, math.log(2.0)), log(-expm1(-z)), log1p(-exp(-z)))


class _Expon(Continuous):
    support = (0.0, math.inf)

    def _logpdf(self, z: Any) -> Any:
        return -z

    def _cdf(self, z: Any) -> Any:
        return -expm1(-z)

    def _sf(self, z: Any) -> Any:
        return exp(-z)

    def _logcdf(self, z: Any) -> Any:
        return _log1mexp(z)

    def _logsf(self, z: Any) -> Any:
        return -z

    def _ppf(self, q: Any) -> Any:
        return -log1p(-q)

    def _isf(self, q: Any) -> Any:
        return -log(q)


class _Laplace(Symmetric):
    def _logpdf(self, z: Any) -> Any:
        return -abs(z) - math.log(2.0)

    def _cdf(self, z: Any) -> Any:
        small = 0.5 * exp(-abs(z))
        return where(less(z, 0.0), small, 1.0 - small)

    def _logcdf(self, z: Any) -> Any:
        return where(less(z, 0.0), z - math.log(2.0), log1p(-0.5 * exp(-abs(z))))

    def _ppf(self, q: Any) -> Any:
        return where(less(q, 0.5), log(2.0 * q), -log(2.0 * (1.0 - q)))


class _Logistic(Symmetric):
    def _logpdf(self, z: Any) -> Any:
        return log_sigmoid(z) + log_sigmoid(-z)

    def _pdf(self, z: Any) -> Any:
        return sigmoid_slope(z)

    def _cdf(self, z: Any) -> Any:
        return sigmoid(z)

    def _logcdf(self, z: Any) -> Any:
        return log_sigmoid(z)

    def _ppf(self, q: Any) -> Any:
        return logit(q)


class _Cauchy(Symmetric):
    def _logpdf(self, z: Any) -> Any:
        return -log1p(square(z)) - math.log(math.pi)

    def _cdf(self, z: Any) -> Any:
        return arctan2(1.0, -z) * (1.0 / math.pi)

    def _ppf(self, q: Any) -> Any:
        return -cos(math.pi * q) / sin(math.pi * q)


class _Lognorm(Continuous):
    shapes, support = ("s",), (0.0, math.inf)

    def _logpdf(self, z: Any, s: Any) -> Any:
        logz = log(z)
        return norm._logpdf(logz / s) - logz - log(s)

    def _cdf(self, z: Any, s: Any) -> Any:
        return special.ndtr(log(z) / s)

    def _sf(self, z: Any, s: Any) -> Any:
        return special.ndtr(-log(z) / s)

    def _logcdf(self, z: Any, s: Any) -> Any:
        return special.log_ndtr(log(z) / s)

    def _logsf(self, z: Any, s: Any) -> Any:
        return special.log_ndtr(-log(z) / s)

    def _ppf(self, q: Any, s: Any) -> Any:
        return exp(s * special.ndtri(q))

    def _isf(self, q: Any, s: Any) -> Any:
        return exp(-s * special.ndtri(q))


class _Uniform(Continuous):
    support = (0.0, 1.0)

    def _logpdf(self, z: Any) -> Any:
        return 0.0 * z

    def _cdf(self, z: Any) -> Any:
        return clip(z, 0.0, 1.0)

    def _sf(self, z: Any) -> Any:
        return 1.0 - clip(z, 0.0, 1.0)

    def _ppf(self, q: Any) -> Any:
        return multiply(q, 1.0)

    def _isf(self, q: Any) -> Any:
        return 1.0 - q


norm, t, gamma, chi2, beta = _Norm(), _T(), _Gamma(), _Chi2(), _Beta()
expon, laplace, logistic, cauchy = _Expon(), _Laplace(), _Logistic(), _Cauchy()
lognorm, uniform = _Lognorm(), _Uniform()

# --- discrete -------------------------------------------------------------------------------------------------------------------


def _number_of(k: Any, like: Any) -> Any:
    """A number of events, in the dtype of the parameter that it goes with."""
    if is_node(k) or not (is_node(like) or isinstance(like, np.ndarray | np.generic)):
        return _value(k)
    return np.asarray(k, like.dtype if like.dtype.kind == "f" else np.float64)


def _floor(k: Any, like: Any) -> Any:
    return np.floor(number(_number_of(k, like), "the number of events"))


class _Poisson:
    """Numbers of events: differentiable in the mean `mu`."""

    def logpmf(self, k: Any, mu: Any) -> Any:
        """k·ln μ − μ − ln k!"""
        k = _number_of(k, mu)
        return special.xlogy(k, mu) - mu - special.gammaln(k + 1.0)

    def pmf(self, k: Any, mu: Any) -> Any:
        """μ^k·e^(−μ)/k!"""
        return special.gamma_density(_number_of(k, mu) + 1.0, mu)

    def cdf(self, k: Any, mu: Any) -> Any:
        """The probability of up to k events."""
        return special.gammaincc(_floor(k, mu) + 1.0, mu)

    def sf(self, k: Any, mu: Any) -> Any:
        """The probability of more than k events."""
        return special.gammainc(_floor(k, mu) + 1.0, mu)


class _Bernoulli:
    """One try: differentiable in the probability `p`."""

    def logpmf(self, k: Any, p: Any) -> Any:
        """k·ln p + (1 − k)·ln(1 − p)"""
        k = _number_of(k, p)
        return special.xlogy(k, p) + special.xlog1py(1.0 - k, -p)

    def pmf(self, k: Any, p: Any) -> Any:
        """p for k = 1, 1 − p for k = 0."""
        k = _number_of(k, p)
        return k * p + (1.0 - k) * (1.0 - p)


class _Binom:
    """Successes in n tries: differentiable in the probability `p`."""

    def logpmf(self, k: Any, n: Any, p: Any) -> Any:
        """ln C(n, k) + k·ln p + (n − k)·ln(1 − p)"""
        k, n = _number_of(k, p), _number_of(n, p)
        ways = special.gammaln(n + 1.0) - special.gammaln(k + 1.0) - special.gammaln(n - k + 1.0)
        return ways + special.xlogy(k, p) + special.xlog1py(n - k, -p)

    def pmf(self, k: Any, n: Any, p: Any) -> Any:
        """C(n, k)·p^k·(1 − p)^(n − k)"""
        return exp(self.logpmf(k, n, p))

    def cdf(self, k: Any, n: Any, p: Any) -> Any:
        """The probability of up to k successes, 0 <= k < n."""
        k = _floor(k, p)
        return special.betainc(_number_of(n, p) - k, k + 1.0, 1.0 - p)

    def sf(self, k: Any, n: Any, p: Any) -> Any:
        """The probability of more than k successes, 0 <= k < n."""
        k = _floor(k, p)
        return special.betainc(k + 1.0, _number_of(n, p) - k, p)


poisson, bernoulli, binom = _Poisson(), _Bernoulli(), _Binom()

# --- several variables ------------------------------------------------------------------------------------------------------------


class _MultivariateNormal:
    """The normal distribution in k dimensions, through the Cholesky factor of its covariance, which is taken as symmetric."""

    def _factor(self, cov: Any, k: int) -> Any:
        cov = _value(cov)
        one = np.eye(k, dtype=getattr(cov, "dtype", np.float64))
        if len(shape_of(cov)) < 2:
            return linalg.cholesky(expand_dims(cov, -1) * one if shape_of(cov) else cov * one)
        return linalg.cholesky(0.5 * (cov + swapaxes(cov, -1, -2)))

    def _half_logdet(self, factor: Any) -> Any:
        return sum(
            log((factor * np.eye(factor.shape[-1], dtype=factor.dtype)).sum(axis=-1)),
            axis=-1,
        )

    def logpdf(self, x: Any, mean: Any = None, cov: Any = 1.0, allow_singular: bool = False) -> Any:
        """The logarithm of the density at x (..., k), with mean (k,) and covariance (k, k), (k,) or a number.

        Raises:
            CgraphError: when it is evaluated with a covariance that is not positive definite.

        >>> import cgraph as cg
        >>> cov = cg.parameter("cov", [[2.0, 0.0], [0.0, 1.0]])
        >>> cg.stats.multivariate_normal.logpdf([2.0, 0.0], [0.0, 0.0], cov).backward().grad(cov)
        array([[ 0.25,  0.  ],
               [ 0.  , -0.5 ]])
        """
        if allow_singular:
            raise ValueError(
                "multivariate_normal: a singular covariance has no density to differentiate"
            )
        x = _value(x)
        k = max([shape_of(v)[-1] or 1 for v in (x, mean, cov) if v is not None and shape_of(v)], default=1)  # fmt: skip
        if len(shape_of(x)) == 0 or (k == 1 and shape_of(x)[-1] != 1):
            x = expand_dims(x, -1)
        factor = self._factor(cov, k)
        away = x if mean is None else x - _value(mean)
        if shape_of(away)[-1] != k:
            raise ShapeError(
                f"multivariate_normal: x {shape_of(x)} does not end in {k} coordinates"
            )
        z = squeeze(linalg.solve_triangular(factor, expand_dims(away, -1), lower=True), -1)
        half_logdet = self._half_logdet(factor)
        return -0.5 * sum(square(z), axis=-1) - half_logdet - k * LOG_ROOT_2PI

    def pdf(self, x: Any, mean: Any = None, cov: Any = 1.0, allow_singular: bool = False) -> Any:
        """The density; see `logpdf`."""
        return exp(self.logpdf(x, mean, cov, allow_singular))

    def entropy(self, mean: Any = None, cov: Any = 1.0) -> Any:
        """ln det(2πe·cov)/2."""
        sized = [shape_of(v)[-1] or 1 for v in (mean, cov) if v is not None and shape_of(v)]
        k = max(sized, default=1)
        factor = self._factor(cov, k)
        return self._half_logdet(factor) + k * (0.5 + LOG_ROOT_2PI)


class _Dirichlet:
    """Probabilities that add up to 1."""

    def logpdf(self, x: Any, alpha: Any) -> Any:
        """The logarithm of the density at x (k,) or (k, n), whose columns add up to 1."""
        x, alpha = _value(x), _value(alpha)
        powers = alpha - 1.0
        if len(shape_of(x)) == 2:
            powers = expand_dims(powers, 1)
        size = special.gammaln(sum(alpha)) - sum(special.gammaln(alpha))
        return sum(special.xlogy(powers, x), axis=0) + size

    def pdf(self, x: Any, alpha: Any) -> Any:
        """The density; see `logpdf`."""
        return exp(self.logpdf(x, alpha))


multivariate_normal, dirichlet = _MultivariateNormal(), _Dirichlet()

__all__ = [
    "bernoulli", "beta", "binom", "cauchy", "chi2", "dirichlet", "expon", "gamma", "laplace", "logistic", "lognorm",
    "multivariate_normal", "norm", "poisson", "t", "uniform",
]  # fmt: skip
