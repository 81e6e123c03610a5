"""Functions of one number or two: tails, the neighbourhood of zero, the ends of domains. Each at one number at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np

from peer_cases.case import Case, at

mp = mpmath.mp
mpf = mp.mpf

ANYWHERE = (
    -800.0,
    -40.0,
    -20.0,
    -6.0,
    -2.0,
    -1e-3,
    -1e-9,
    1e-9,
    1e-3,
    0.3,
    1.0,
    2.5,
    6.0,
    20.0,
    40.0,
    800.0,
)
POSITIVE = (1e-300, 1e-9, 1e-3, 0.3, 1.0 + 1e-9, 2.5, 40.0, 1e9, 1e300)
INSIDE = (-1 + 1e-12, -0.9, -1e-9, 1e-9, 0.3, 0.9, 1 - 1e-12)
UNIT = (1e-300, 1e-12, 0.01, 0.3, 0.5, 0.9, 1 - 1e-12)
LARGE = (1 + 1e-12, 1.0001, 1.5, 40.0, 1e9, 1e200)
MODERATE = (-30.0, -5.0, -1.0, -1e-9, 1e-9, 0.5, 2.0, 8.0, 30.0)


def _clip(x: Any, low: Any, high: Any) -> Any:
    return min(max(x, mpf(low)), mpf(high))


def _softplus(x: Any) -> Any:
    return mp.log(1 + mp.exp(x))


def _tanh_gelu(x: Any) -> Any:
    return x * (1 + mp.tanh(mp.sqrt(2 / mp.pi) * (x + mpf("0.044715") * x**3))) / 2


SELU, ALPHA = mpf("1.0507009873554804934193349852946"), mpf("1.6732632423543772848170429916717")

# Where the libraries look for a name, and under which other names.
HOMES = {
    "torch": ("F", "torch", "torch.special"),
    "jax": ("jax.nn", "jnp", "jax.scipy.special"),
    "autograd": ("np", "scipy.special"),
    "mygrad": ("mg", "mg.nnet"),
}
OTHER = {
    "torch": {"arcsin": "asin", "arccos": "acos", "arctan": "atan", "arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh",
              "log_sigmoid": "logsigmoid", "bessel_j0": "bessel_j0", "gammaln": "gammaln"},
    "jax": {"softshrink": "soft_shrink", "hardtanh": "hard_tanh", "hardsigmoid": "hard_sigmoid", "hardswish": "hard_swish",
            "softsign": "soft_sign"},
    "autograd": {"sigmoid": "expit", "bessel_j0": "j0", "bessel_j1": "j1", "bessel_y0": "y0", "bessel_y1": "y1"},
    "mygrad": {"softsign": "soft_sign", "hardtanh": "hard_tanh"},
}  # fmt: skip

# The truth, where it is one line of mpmath, and where to look.
ONE: dict[str, tuple[Callable[[Any], Any], tuple[float, ...]]] = {
    **{name: (f, ANYWHERE) for name, f in {
        "exp": mp.exp, "expm1": lambda x: mp.exp(x) - 1, "exp2": lambda x: mpf(2) ** x, "sin": mp.sin, "cos": mp.cos, "tan": mp.tan,
        "arctan": mp.atan, "sinh": mp.sinh, "cosh": mp.cosh, "tanh": mp.tanh, "arcsinh": mp.asinh, "square": lambda x: x * x,
        "reciprocal": lambda x: 1 / x, "abs": abs, "sinc": lambda x: mp.sin(mp.pi * x) / (mp.pi * x),
             "sigmoid": lambda x: 1 / (1 + mp.exp(-x)),
        "softplus": _softplus, "log_sigmoid": lambda x: -_softplus(-x), "silu": lambda x: x / (1 + mp.exp(-x)),
        "gelu": lambda x: x * mp.erfc(-x / mp.sqrt(2)) / 2, "mish": lambda x: x * mp.tanh(_softplus(x)),
             "elu": lambda x: x if x > 0 else mp.exp(x) - 1,
        "celu": lambda x: x if x > 0 else mp.exp(x) - 1, "selu": lambda x: SELU * (x if x > 0 else ALPHA * (mp.exp(x) - 1)),
        "relu6": lambda x: _clip(x, 0, 6), "hardtanh": lambda x: _clip(x, -1, 1), "hardsigmoid": lambda x: _clip(x + 3, 0, 6) / 6,
        "hardswish": lambda x: x * _clip(x + 3, 0, 6) / 6, "tanhshrink": lambda x: x - mp.tanh(x), "softsign": lambda x: x / (1 + abs(x)),
        "squareplus": lambda x: (x + mp.sqrt(x * x + 4)) / 2, "erf": mp.erf, "erfc": mp.erfc,
             "erfcx": lambda x: mp.exp(x * x) * mp.erfc(x),
        "ndtr": lambda x: mp.erfc(-x / mp.sqrt(2)) / 2, "log_ndtr": lambda x: mp.log(mp.erfc(-x / mp.sqrt(2)) / 2),
        "i0": lambda x: mp.besseli(0, x), "i0e": lambda x: mp.besseli(0, x) * mp.exp(-abs(x)), "i1": lambda x: mp.besseli(1, x),
        "i1e": lambda x: mp.besseli(1, x) * mp.exp(-abs(x)), "rad2deg": lambda x: x * 180 / mp.pi, "deg2rad": lambda x: x * mp.pi / 180,
        "hard_silu": lambda x: x * _clip(x + 3, 0, 6) / 6, "rgamma": mp.rgamma,
    }.items()},
    **{name: (f, POSITIVE) for name, f in {
        "log": mp.log, "log2": lambda x: mp.log(x, 2), "log10": mp.log10, "sqrt": mp.sqrt, "cbrt": mp.cbrt,
             "rsqrt": lambda x: 1 / mp.sqrt(x),
        "gammaln": mp.loggamma, "digamma": mp.digamma, "entr": lambda x: -x * mp.log(x), "bessel_y0": lambda x: mp.bessely(0, x),
        "bessel_y1": lambda x: mp.bessely(1, x), "exp1": mp.e1, "spence": lambda x: mp.polylog(2, 1 - x),
    }.items()},
    **{name: (f, MODERATE) for name, f in {
        "bessel_j0": lambda x: mp.besselj(0, x), "bessel_j1": lambda x: mp.besselj(1, x), "expi": mp.ei, "gamma": mp.gamma,
        "sec": mp.sec, "csc": mp.csc, "cot": mp.cot, "sech": mp.sech, "csch": mp.csch, "coth": mp.coth, "arccot": mp.acot,
             "arccsch": mp.acsch,
    }.items()},
    **{name: (f, INSIDE) for name, f in {"arcsin": mp.asin, "arccos": mp.acos, "arctanh": mp.atanh, "erfinv": mp.erfinv}.items()},
    **{name: (f, UNIT) for name, f in {
        "logit": lambda x: mp.log(x / (1 - x)), "ndtri": lambda x: mp.sqrt(2) * mp.erfinv(2 * x - 1)}.items()},
    **{name: (f, LARGE) for name, f in {"arccosh": mp.acosh, "arcsec": mp.asec, "arccsc": mp.acsc, "arccoth": mp.acoth}.items()},
    "log1p": (lambda x: mp.log(1 + x), (-1 + 1e-12, -1e-9, 1e-300, 1e-12, 0.3, 1e9)),
    "log1mexp": (lambda x: mp.log(1 - mp.exp(-x)), (1e-300, 1e-9, 0.3, 0.7, 20.0, 40.0)),
    "softshrink": (lambda x: x - mpf("0.5") if x > 0.5 else x + mpf("0.5") if x < -0.5 else 0 * x, ANYWHERE),
    "multigammaln": (lambda x: mp.log(mp.pi) / 2 + mp.loggamma(x) + mp.loggamma(x - mpf("0.5")), (0.5 + 1e-9, 0.7, 3.0, 1e9)),
}  # fmt: skip
KINKS = {
    "abs": (0.0,), "elu": (0.0,), "selu": (0.0,), "celu": (0.0,), "relu6": (0.0, 6.0), "hardtanh": (-1.0, 1.0), "hardsigmoid": (-3.0,
         3.0),
    "hardswish": (-3.0, 3.0), "softshrink": (-0.5, 0.5), "i0e": (0.0,), "sqrt": (0.0,),
}  # fmt: skip
LONG = {
    "i0",
    "i0e",
    "i1",
    "i1e",
    "bessel_j0",
    "bessel_j1",
    "bessel_y0",
    "bessel_y1",
    "expi",
    "exp1",
    "spence",
    "erfinv",
    "ndtri",
    "rgamma",
}


def _one(name: str) -> Case:
    f, points = ONE[name]
    calls = {}
    for peer, homes in HOMES.items():
        word = OTHER[peer].get(name, name)
        argument = {"multigammaln": "a, 2"}.get(name, "a")
        if name == "gelu" and peer == "jax":
            argument = "a, approximate=False"
        calls[peer] = "|".join(f"{home}.{word}({argument})" for home in homes)
    return Case(
        name,
        lambda m, a: f(a.item()),
        calls,
        [at(x) for x in points],
        digits=60 if name in LONG else 700,
        kinks=[at(x) for x in KINKS.get(name, ())],
    )


def _two(name: str, truth: Any, calls: dict[str, str], points: list[tuple[float, ...]], wrt: tuple[int, ...] = (0, 1),
         digits: int = 60, kinks: Any = ()) -> Case:  # fmt: skip
    return Case(name, lambda m, *x: truth(*(np.asarray(v, object).item() for v in x)), calls, [at(*p) for p in points], wrt, digits,
                [at(*p) for p in kinks])  # fmt: skip


def _everywhere(call: str, torch: str = "", jax: str = "", autograd: str = "") -> dict[str, str]:
    return {"torch": torch or f"torch.{call}(a, b)", "jax": jax or f"jnp.{call}(a, b)", "autograd": autograd or f"np.{call}(a, b)",
            "mygrad": f"mg.{call}(a, b)"}  # fmt: skip


def _special(call: str) -> dict[str, str]:
    return {
        "torch": f"torch.special.{call}(a, b)",
        "jax": f"jax.scipy.special.{call}(a, b)",
        "autograd": f"scipy.special.{call}(a, b)",
    }


def _xlogy(x: Any, y: Any) -> Any:
    return x * mp.log(y)


ELEMENTWISE: list[Case] = [
    *(_one(name) for name in ONE),
    Case("gelu (tanh)", lambda m, a: _tanh_gelu(a.item()), {"torch": "F.gelu(a, approximate='tanh')", "jax": "jax.nn.gelu(a)"},
         [at(x) for x in ANYWHERE], digits=700),
    Case("polygamma(1, x)", lambda m, a: mp.polygamma(1, a.item()),
         {"torch": "torch.polygamma(1, a)", "jax": "jax.scipy.special.polygamma(1, a)", "autograd": "scipy.special.polygamma(1, a)"},
         [at(x) for x in (1e-9, 0.3, 1.0, 2.5, 40.0, 1e9)]),
    _two("power", lambda a, b: mpf(1) if b == 0 else a**b, _everywhere("power", "torch.pow(a, b)"),
         [(2.0, 3.0), (1e-300, 2.0), (1.0, 1e9), (3.0, 0.0), (0.3, -20.0), (1 + 1e-9, 1e8), (1e10, 25.0)]),
    _two("power, base 0 or negative", lambda a, b: mpf(1) if b == 0 else a ** int(b), _everywhere("power", "torch.pow(a, b)"),
         [(0.0, 2.0), (0.0, 1.0), (0.0, 3.0), (0.0, 0.0), (-2.0, 3.0), (-2.0, 0.0), (-1e-9, 2.0)], wrt=(0,)),
    _two("arctan2", lambda a, b: mp.atan2(a, b), _everywhere("arctan2"),
         [(1e-200, 1e-200), (1e200, 1e200), (0.0, 1.0), (1.0, 0.0), (1e-9, -1.0), (1.0, 1e-300)]),
    _two("hypot", lambda a, b: mp.sqrt(a * a + b * b), _everywhere("hypot"),
         [(3e200, 4e200), (3e-200, 4e-200), (0.0, 1.0), (1e-9, 1.0), (1e16, 1.0)], kinks=[(0.0, 0.0)]),
    _two("logaddexp", lambda a, b: mp.log(mp.exp(a) + mp.exp(b)), _everywhere("logaddexp"),
         [(1000.0, 1000.0), (-1000.0, -1000.5), (800.0, -800.0), (0.0, 40.0), (1e-9, 0.0), (20.0, -20.0)], digits=1500),
    _two("logaddexp2", lambda a, b: mp.log(mpf(2) ** a + mpf(2) ** b, 2), _everywhere("logaddexp2"),
         [(1000.0, 1000.0), (-1000.0, -1000.5), (800.0, -200.0), (0.0, 40.0)], digits=1500),
    _two("remainder", lambda a, b: a - b * mp.floor(a / b), {**_everywhere("remainder"), "mygrad": ""},
         [(5.5, 2.0), (-5.5, 2.0), (5.5, -2.0), (1e10 + 0.5, 3.0), (1e-9, 3.0)]),
    _two("fmod", lambda a, b: a - b * (mp.floor(a / b) if a / b > 0 else mp.ceil(a / b)), {"torch": "torch.fmod(a, b)",
         "jax": "jnp.fmod(a, b)"},
         [(5.5, 2.0), (-5.5, 2.0), (5.5, -2.0), (1e10 + 0.5, 3.0)]),
    _two("maximum", lambda a, b: max(a, b), _everywhere("maximum"), [(1.0, 1.001), (1e300, -1e300)], kinks=[(1.0, 1.0), (0.0,
         0.0)]),
    _two("divide", lambda a, b: a / b, {**_everywhere("divide")}, [(1e-200, 1e-200), (1e200, 1e150), (0.0, 3.0), (1.0, 1e-100)]),
    _two("xlogy", _xlogy, _special("xlogy"), [(0.0, 2.0), (0.0, 1e-300), (1e-300, 1e-300), (2.0, 1.0), (3.0, 1e300)], wrt=(0,)),
    _two("xlogy, second argument", _xlogy, _special("xlogy"), [(0.0, 2.0), (1.0, 1e-300), (2.0, 1.0)], wrt=(1,)),
    _two("xlog1py", lambda x, y: x * mp.log(1 + y), _special("xlog1py"), [(0.0, 1e-12), (1.0, -1 + 1e-12), (2.0, 1e-300)]),
    _two("betaln", lambda a, b: mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b),
         {"jax": "jax.scipy.special.betaln(a, b)", "autograd": "scipy.special.betaln(a, b)"}, [(1e10, 2.0), (1e-8, 1e-8), (0.5, 3.0),
         (1e5, 1e5)]),
    _two("gammainc", lambda a, x: mp.gammainc(a, 0, x, regularized=True), _special("gammainc"),
         [(0.5, 1e-8), (2.0, 1e-3), (2.0, 40.0), (100.0, 100.0), (1.0, 700.0)], wrt=(1,)),
    _two("gammaincc", lambda a, x: mp.gammainc(a, x, mp.inf, regularized=True), _special("gammaincc"),
         [(0.5, 1e-8), (2.0, 1e-3), (2.0, 40.0), (100.0, 100.0), (1.0, 700.0)], wrt=(1,)),
    _two("gammainc, the shape", lambda a, x: mp.gammainc(a, 0, x, regularized=True), {"jax": "jax.scipy.special.gammainc(a, b)"},
         [(0.5, 0.1), (2.0, 1.0), (30.0, 20.0), (2.0, 40.0), (5.0, 0.01)], wrt=(0,)),
    _two("zeta", lambda s, q: mp.zeta(s, q), {"torch": "torch.special.zeta(a, b)", "jax": "jax.scipy.special.zeta(a, b)"},
         [(2.0, 1.0), (3.0, 1e-3), (1.5, 10.0)], wrt=(1,)),
    _two("expn(2, x)", lambda x: mp.expint(2, x), {"jax": "jax.scipy.special.expn(2, a)"}, [(1e-9,), (0.3,), (5.0,), (50.0,)], wrt=(0,)),
    _two("iv(2, x)", lambda x: mp.besseli(2, x), {"autograd": "scipy.special.iv(2, a)"}, [(1e-9,), (0.3,), (5.0,), (50.0,)], wrt=(0,)),
    _two("ive(2, x)", lambda x: mp.besseli(2, x) * mp.exp(-abs(x)), {"autograd": "scipy.special.ive(2, a)"}, [(1e-9,), (-2.0,), (5.0,),
         (50.0,)], wrt=(0,)),
    _two("jn(2, x)", lambda x: mp.besselj(2, x), {"autograd": "scipy.special.jn(2, a)"}, [(1e-9,), (0.3,), (5.0,), (50.0,)], wrt=(0,)),
    _two("betainc(2, 3, x)", lambda x: mp.betainc(2, 3, 0, x, regularized=True),
         {"jax": "jax.scipy.special.betainc(2.0, 3.0, a)", "autograd": "scipy.special.betainc(2.0, 3.0, a)"},
         [(1e-12,), (1e-3,), (0.5,), (1 - 1e-9,)], wrt=(0,)),
    _two("rel_entr", lambda x, y: x * mp.log(x / y), {"jax": "jax.scipy.special.rel_entr(a, b)"}, [(1.0, 1.0 + 1e-9), (1e-300, 1.0),
         (2.0, 1e-300)]),
    _two("kl_div", lambda x, y: x * mp.log(x / y) - x + y, {"jax": "jax.scipy.special.kl_div(a, b)"}, [(1.0, 1.0 + 1e-9), (2.0, 3.0),
         (1e-9, 1e-9)]),
]  # fmt: skip

# Distributions: (their name in jax.scipy.stats and scipy.stats, truth of the density's or distribution's logarithm, points)
_LOG_PHI = (
    lambda x: mp.log(mp.erfc(-x / mp.sqrt(2)) / 2),
    (-800.0, -40.0, -5.0, 0.0, 5.0, 20.0, 35.0),
)
_DISTRIBUTIONS: list[tuple[str, Callable[[Any], Any], tuple[float, ...]]] = [
    ("norm.logpdf(a)", lambda x: -x * x / 2 - mp.log(2 * mp.pi) / 2, (-1e9, 0.0, 40.0)),
    ("norm.cdf(a)", lambda x: mp.erfc(-x / mp.sqrt(2)) / 2, (-35.0, -5.0, 0.0, 5.0, 35.0)), ("norm.logcdf(a)", *_LOG_PHI),
    ("norm.sf(a)", lambda x: mp.erfc(x / mp.sqrt(2)) / 2, (-35.0, -5.0, 0.0, 5.0, 35.0)),
    ("norm.logsf(a)", lambda x: _LOG_PHI[0](-x), tuple(-x for x in _LOG_PHI[1])),
    ("t.logpdf(a, 3.0)", lambda x: -2 * mp.log(1 + x * x / 3), (-1e160, -40.0, 0.0, 1e-200, 3.0, 1e9)),
    ("t.cdf(a, 3.0)", lambda x: mpf(1) / 2 + (mp.atan(x / mp.sqrt(3)) + x * mp.sqrt(3) / (x * x + 3)) / mp.pi, (-1e5, -40.0, 0.0, 3.0,
         1e5)),
    ("t.logcdf(a, 3.0)", lambda x: mp.log(mpf(1) / 2 + (mp.atan(x / mp.sqrt(3)) + x * mp.sqrt(3) / (x * x + 3)) / mp.pi), (-1e5, -40.0,
         0.0, 3.0, 1e4)),
    ("gamma.logpdf(a, 2.0)", lambda x: mp.log(x) - x, (1e-300, 1e-9, 1.0 + 1e-9, 1e9)),
    ("gamma.cdf(a, 2.0)", lambda x: 1 - mp.exp(-x) * (1 + x), (1e-9, 1.0, 30.0, 600.0)),
    ("beta.logpdf(a, 2.0, 3.0)", lambda x: mp.log(x) + 2 * mp.log(1 - x), (1e-300, 1e-9, 0.3, 1 - 1e-12)),
    ("beta.cdf(a, 2.0, 3.0)", lambda x: mp.betainc(2, 3, 0, x, regularized=True), (1e-12, 0.3, 1 - 1e-9)),
    ("chi2.logpdf(a, 4.0)", lambda x: mp.log(x) - x / 2, (1e-300, 1.0, 1e9)),
    ("chi2.cdf(a, 4.0)", lambda x: 1 - mp.exp(-x / 2) * (1 + x / 2), (1e-9, 1.0, 60.0)),
    ("logistic.logpdf(a)", lambda x: -x - 2 * _softplus(-x), (-1000.0, -40.0, 1e-9, 20.0, 1000.0)),
    ("logistic.cdf(a)", lambda x: 1 / (1 + mp.exp(-x)), (-600.0, -20.0, 0.0, 20.0, 40.0)),
    ("cauchy.logpdf(a)", lambda x: -mp.log(1 + x * x), (-1e160, 1e-200, 3.0, 1e9)),
    ("cauchy.logcdf(a)", lambda x: mp.log(mpf(1) / 2 + mp.atan(x) / mp.pi), (-1e9, -40.0, 0.0, 1e5)),
    ("laplace.logpdf(a)", lambda x: -abs(x), (-800.0, 1e-9, 40.0)),
    ("laplace.cdf(a)", lambda x: mp.exp(x) / 2 if x < 0 else 1 - mp.exp(-x) / 2, (-600.0, -1e-9, 20.0, 35.0)),
    ("expon.logpdf(a)", lambda x: -x, (1e-9, 800.0)), ("pareto.logpdf(a, 3.0)", lambda x: -4 * mp.log(x), (1.0 + 1e-9, 1e9)),
    ("poisson.logpmf(3, a)", lambda mu: 3 * mp.log(mu) - mu, (1e-300, 3.0, 1e9)),
    ("gumbel_r.logpdf(a)", lambda x: -x - mp.exp(-x), (-6.0, 1e-9, 800.0)),
]  # fmt: skip
ELEMENTWISE += [
    Case(
        f"stats.{call.partition('(')[0]}",
        lambda m, a, f=f: f(a.item()),
        {"jax": f"jax.scipy.stats.{call}", "autograd": f"scipy.stats.{call}"},
        [at(x) for x in points],
        digits=60 if "beta.cdf" in call else 700,
    )
    for call, f, points in _DISTRIBUTIONS
]
