"""Special functions: `scipy.special` on nodes. Needs SciPy: ``pip install "cgraph[scipy]"``.

``cg.special.erf(x)`` and ``scipy.special.erf(x)`` build the same node (SciPy's own functions that are no ufuncs, such as `logsumexp`,
`softmax` and `multigammaln`, cannot be caught; call them from here). Derivatives hold their digits in both tails and can be differentiated
again. Orders of Bessel functions and shape parameters of incomplete gamma and beta functions have no derivative rule: give them as numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib import import_module
from typing import Any

from cgraph.errors import UnsupportedError
from cgraph.op import Op
from cgraph.ops.define import shape_of
from cgraph.ops.elementwise import add, exp, log
from cgraph.ops.reduction import max as _largest, sum as _sum
from cgraph.ops.softmax import (
    log_softmax as _log_softmax,
    logsumexp as _logsumexp,
    softmax as _softmax,
)
from cgraph.ops.structure import squeeze, stop_gradient
from cgraph.special.bessel import (
    i0,
    i0e,
    i1,
    i1e,
    iv,
    ive,
    j0,
    j1,
    jn,
    jv,
    k0,
    k1,
    kn,
    kv,
    kve,
    y0,
    y1,
    yn,
    yv,
)
from cgraph.special.table import (
    beta,
    betainc_op,
    betaincinv_op,
    betaln,
    digamma,
    entr,
    erf,
    erfc,
    erfcinv,
    erfcx,
    erfi,
    erfinv,
    gamma,
    gamma_density,
    gammainc_op,
    gammaincc_op,
    gammainccinv_op,
    gammaincinv_op,
    gammaln,
    gammasgn,
    ierfcx,
    kl_div,
    log_ndtr,
    loggamma,
    ndtr,
    ndtri,
    ndtri_exp,
    number,
    polygamma_op,
    psi,
    rel_entr,
    rgamma,
    stdtr_op,
    stdtrit_op,
    xlog1py,
    xlogy,
    zeta_op,
)


def _with_numbers(op: Op, parameters: str, doc: str) -> Callable[..., Any]:
    """A function whose last operand is differentiated, and whose others are numbers."""

    def function(*operands: Any, name: str | None = None) -> Any:
        *given, x = operands
        return op(*(number(p, f"{op.name}: {parameters}") for p in given), x, name=name)

    function.__name__ = function.__qualname__ = op.name.removeprefix("special.")
    function.__doc__ = f"{doc} Differentiable in the last argument; {parameters} is a number, or an array of numbers."
    return function


# fmt: off
polygamma = _with_numbers(polygamma_op, "the order n", "ψ⁽ⁿ⁾(x), the n-th derivative of digamma: ``polygamma(n, x)``.")
zeta = _with_numbers(zeta_op, "the exponent", "Hurwitz's zeta function: ``zeta(x, q)``.")
gammainc = _with_numbers(gammainc_op, "the shape a", "The regularized lower incomplete gamma function: ``gammainc(a, x)``.")
gammaincc = _with_numbers(gammaincc_op, "the shape a", "The regularized upper incomplete gamma function: ``gammaincc(a, x)``.")
gammaincinv = _with_numbers(gammaincinv_op, "the shape a", "The inverse of gammainc: ``gammaincinv(a, p)``.")
gammainccinv = _with_numbers(gammainccinv_op, "the shape a", "The inverse of gammaincc: ``gammainccinv(a, p)``.")
betainc = _with_numbers(betainc_op, "the shapes a and b", "The regularized incomplete beta function: ``betainc(a, b, x)``.")
betaincinv = _with_numbers(betaincinv_op, "the shapes a and b", "The inverse of betainc: ``betaincinv(a, b, p)``.")
stdtr = _with_numbers(stdtr_op, "the number of degrees of freedom", "The distribution function of Student's t: ``stdtr(df, t)``.")
stdtrit = _with_numbers(stdtrit_op, "the number of degrees of freedom", "The inverse of stdtr: ``stdtrit(df, p)``.")
# fmt: on


def multigammaln(a: Any, d: int, *, name: str | None = None) -> Any:
    """The logarithm of the multivariate gamma function of dimension `d`: Σ ln Γ(a − j/2), j < d, plus d(d − 1)/4·ln π.

    >>> import cgraph as cg
    >>> round(float(cg.special.multigammaln(3.0, 2)), 4)
    1.5502
    """
    total: Any = d * (d - 1) / 4.0 * math.log(math.pi)
    for j in range(d):
        total = add(gammaln(a - 0.5 * j), total, name=name if j == d - 1 else None)
    return total


def logsumexp(
    a: Any,
    axis: Any = None,
    b: Any = None,
    keepdims: bool = False,
    return_sign: bool = False,
    *,
    name: str | None = None,
) -> Any:
    """ln Σ b·e^a, as SciPy has it; without weights it is `cg.logsumexp`.

    Raises:
        UnsupportedError: for ``return_sign=True``.
    """
    if return_sign:
        raise UnsupportedError(
            "logsumexp: return_sign is not supported; the weights have to give a positive sum"
        )
    if b is None:
        return _logsumexp(a, axis=axis, keepdims=keepdims, name=name)
    top = stop_gradient(_largest(a, axis=axis, keepdims=True))
    total = log(_sum(b * exp(a - top), axis=axis, keepdims=True)) + top
    if keepdims:
        return total
    axes = tuple(range(len(shape_of(a)))) if axis is None else axis
    return squeeze(total, axes, name=name)


def softmax(x: Any, axis: Any = None, *, name: str | None = None) -> Any:
    """`cg.softmax`, over everything unless `axis` says otherwise, as SciPy has it."""
    return _softmax(x, axis, name=name)


def log_softmax(x: Any, axis: Any = None, *, name: str | None = None) -> Any:
    """`cg.log_softmax`, over everything unless `axis` says otherwise, as SciPy has it."""
    return _log_softmax(x, axis, name=name)


# SciPy's names for functions that `cg` itself has.
_ELSEWHERE = {
    "cbrt": "cbrt",
    "exp2": "exp2",
    "expit": "sigmoid",
    "expm1": "expm1",
    "log1p": "log1p",
    "log_expit": "log_sigmoid",
    "logit": "logit",
    "sinc": "sinc",
}


def __getattr__(name: str) -> Any:
    if name in _ELSEWHERE:
        return getattr(import_module("cgraph"), _ELSEWHERE[name])
    raise AttributeError(f"module 'cgraph.special' has no attribute {name!r}")


__all__ = [
    "beta",
    "betainc",
    "betaincinv",
    "betaln",
    "digamma",
    "entr",
    "erf",
    "erfc",
    "erfcinv",
    "erfcx",
    "erfi",
    "erfinv",
    "gamma",
    "gamma_density",
    "gammainc",
    "gammaincc",
    "gammainccinv",
    "gammaincinv",
    "gammaln",
    "gammasgn",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "ierfcx",
    "iv",
    "ive",
    "j0",
    "j1",
    "jn",
    "jv",
    "k0",
    "k1",
    "kl_div",
    "kn",
    "kv",
    "kve",
    "log_ndtr",
    "log_softmax",
    "loggamma",
    "logsumexp",
    "multigammaln",
    "ndtr",
    "ndtri",
    "ndtri_exp",
    "polygamma",
    "psi",
    "rel_entr",
    "rgamma",
    "softmax",
    "stdtr",
    "stdtrit",
    "xlog1py",
    "xlogy",
    "y0",
    "y1",
    "yn",
    "yv",
    "zeta",
]
