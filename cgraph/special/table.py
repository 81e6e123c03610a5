"""The error function and the normal distribution, gamma and beta functions, and entropies: one row each.

The values are SciPy's; what stands here are the derivatives, chosen so that they keep their digits in both tails, and closed under
differentiation: erfc -> e^(−x²); erfcx -> the scaled repeated integrals of erfc; gammaln -> digamma -> polygamma(n). Formulas: NIST Digital
Library of Mathematical Functions, chapters 5, 7 and 8. An argument without a derivative rule (the order of a polygamma function, the
shape of an incomplete gamma function) has to be given as a number, and is refused by a sentence if it is not.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cgraph.errors import UnsupportedError
from cgraph.extras import scipy
from cgraph.op import REAL, Interval, Op, is_node
from cgraph.ops.define import NOT_NEGATIVE, POSITIVE, F, elementwise
from cgraph.ops.elementwise import (
    equal,
    exp,
    greater,
    log,
    log1p,
    minimum,
    square,
    where,
)

sp: Any = scipy("special", "cg.special")

OPEN_UNIT = Interval(0.0, 1.0, open_low=True, open_high=True)
ROOT_PI = math.sqrt(math.pi)


def dtype_of(*operands: Any) -> Any:
    """The dtype of a result: that of the arrays among the operands, which Python's numbers do not change; at least float32."""
    arrays = any(isinstance(x, np.ndarray | np.generic) for x in operands)
    return np.result_type(*operands, np.float32 if arrays else np.float64)


def kept(function: Any, analytic: bool = False) -> Any:
    """SciPy's function in the dtype of its arrays. For real numbers only: its complex version may be another one, with fewer digits;
    unless it is `analytic`."""

    def compute(*operands: Any) -> Any:
        if any(map(np.iscomplexobj, operands)):
            if analytic:
                return function(*operands)
            raise TypeError("for real numbers only")
        return np.asarray(function(*operands), dtype_of(*operands))

    # As many operands as the function has, which is what a row is asked for.
    return {1: lambda a: compute(a), 2: lambda a, b: compute(a, b), 3: lambda a, b, c: compute(a, b, c)}[function.nin]  # fmt: skip


def number(x: Any, what: str) -> Any:
    """An operand that has no derivative rule, checked: a number, whole numbers, a constant, or `stop_gradient` of anything.

    Raises:
        UnsupportedError: for any other node, whose gradient would silently be missing.
    """
    if is_node(x) and x.dtype.kind == "f" and x.kind != "constant" and x.op.name != "stop_gradient":
        raise UnsupportedError(
            f"{what} has no derivative rule; give it as a number, or say cg.stop_gradient(...) if it is not to be differentiated"
        )
    return x


# fmt: off
# --- error functions and the normal distribution --------------------------------------------------------------------------------

erf: Op = elementwise(
    "special.erf", sp.erf, lambda out, x: (2.0 / ROOT_PI) * exp(-square(x)), scalar=math.erf, symbol="erf",
    formula=F("erf $a", r"\operatorname{erf} $a", "2/√π·e^(−$a²)"),
)
erfc: Op = elementwise(
    "special.erfc", sp.erfc, lambda out, x: (-2.0 / ROOT_PI) * exp(-square(x)), scalar=math.erfc, symbol="erfc",
    formula=F("1 − erf $a", r"\operatorname{erfc} $a", "−2/√π·e^(−$a²)"),
)
erfi: Op = elementwise(
    "special.erfi", sp.erfi, lambda out, x: (2.0 / ROOT_PI) * exp(square(x)), symbol="erfi",
    formula=F("−i·erf(i·$a)", r"\operatorname{erfi} $a", "2/√π·e^($a²)"), domain=(Interval(-9.0, 9.0),),
)


def _ierfcx(n: Any, x: Any) -> Any:
    """e^(x²)·iⁿerfc(x): forwards by its recurrence for x < 1, where little cancels; else by the continued fraction of the ratios."""
    kind = dtype_of(n, x)
    n, x = np.broadcast_arrays(np.asarray(n, np.float64), np.asarray(x, np.float64))
    # An order is how often erfcx was differentiated; what is no such number, NaN among them, has no value.
    top = int(np.max(n, where=n <= 1000.0, initial=0))
    small, large = np.where(x < 1, x, 0.0), np.where(x < 1, 1.0, x)
    before, now = np.full(x.shape, 2 / ROOT_PI), sp.erfcx(small)
    found = np.where(n == 0, now, np.nan)
    for k in range(1, top + 1):
        before, now = now, (before - 2 * small * now) / (2 * k)
        found = np.where(n == k, now, found)
    ratios = []  # r_k = y_k / y_(k−1) = 1/(2x + 2(k + 1)·r_(k+1)), from far above
    ratio = 1.0 / (large + np.sqrt(np.square(large) + 2.0 * (top + 150)))
    for k in range(top + 149, -1, -1):
        ratio = 1.0 / (2 * large + 2 * (k + 1) * ratio)
        if k <= top:
            ratios.append(ratio)
    value = np.full(x.shape, 2 / ROOT_PI)
    for k in range(top + 1):
        value = value * ratios[top - k]
        found = np.where((n == k) & (x >= 1), value, found)
    return found.astype(kind)


ierfcx: Op = elementwise(
    "special.ierfcx", _ierfcx, None, lambda out, n, x: -2.0 * (n + 1.0) * ierfcx(n + 1.0, x), symbol="iⁿerfcx",
    formula=F("e^($b²)·iⁿerfc $b, n = $a", r"e^{$b^2} \operatorname{i}^{$a}\operatorname{erfc} $b", None, "−2(n + 1)·iⁿ⁺¹erfcx $b"),
    doc="The repeated integrals of erfc, scaled by e^(x²): what the derivatives of erfcx are made of, without cancellation (DLMF 7.18).",
    example=lambda rng: ((rng.integers(0, 4), rng.uniform(-2.0, 6.0, (2, 3))), {}),
)
erfcx: Op = elementwise(
    "special.erfcx", sp.erfcx, lambda out, x: -2.0 * ierfcx(1.0, x), symbol="erfcx",
    formula=F("e^($a²)·erfc $a", r"e^{$a^2} \operatorname{erfc} $a", "2·$a·$out − 2/√π"), domain=(Interval(-5.0),),
)
erfinv: Op = elementwise(
    "special.erfinv", sp.erfinv, lambda out, x: (0.5 * ROOT_PI) * exp(square(out)), symbol="erf⁻¹",
    formula=F("erf⁻¹ $a", r"\operatorname{erf}^{-1} $a", "√π/2·e^($out²)"), domain=(Interval(-1.0, 1.0, True, True),),
)
erfcinv: Op = elementwise(
    "special.erfcinv", sp.erfcinv, lambda out, x: (-0.5 * ROOT_PI) * exp(square(out)), symbol="erfc⁻¹",
    formula=F("erfc⁻¹ $a", r"\operatorname{erfc}^{-1} $a", "−√π/2·e^($out²)"), domain=(Interval(0.0, 2.0, True, True),),
)
ndtr: Op = elementwise(
    "special.ndtr", sp.ndtr, lambda out, x: exp(-0.5 * square(x)) * (1.0 / math.sqrt(2.0 * math.pi)), symbol="Φ",
    formula=F("Φ($a)", r"\Phi($a)", "φ($a)"), doc="The distribution function of the normal distribution.",
)
log_ndtr_slope: Op = elementwise(
    "special.log_ndtr_slope", lambda x: math.sqrt(2.0 / math.pi) / sp.erfcx(x * -math.sqrt(0.5)),
    lambda out, x: where(greater(x, 0.0), -out * (x + out), -math.sqrt(2.0) * out * _decay(minimum(x, 0.0) * -math.sqrt(0.5))), symbol="φ/Φ",
    formula=F("φ($a)/Φ($a)", r"\frac{\varphi($a)}{\Phi($a)}", "−$out·($a + $out)"),
    doc="φ/Φ, the inverse of Mills' ratio at −x, without cancellation in either tail.",
)


def _decay(z: Any) -> Any:
    """i¹erfc(z)/erfc(z), for z >= 0."""
    return ierfcx(1.0, z) / erfcx(z)


log_ndtr: Op = elementwise(
    "special.log_ndtr", kept(sp.log_ndtr), lambda out, x: log_ndtr_slope(x), symbol="ln Φ",
    formula=F("ln Φ($a)", r"\ln \Phi($a)", "φ($a)/Φ($a)"), doc="The logarithm of Φ; its derivative φ/Φ has no cancellation in either tail.",
)
ndtri: Op = elementwise(
    "special.ndtri", sp.ndtri, lambda out, p: math.sqrt(2.0 * math.pi) * exp(0.5 * square(out)), symbol="Φ⁻¹",
    formula=F("Φ⁻¹($a)", r"\Phi^{-1}($a)", "1/φ($out)"), domain=(OPEN_UNIT,),
)
ndtri_exp: Op = elementwise(
    "special.ndtri_exp", sp.ndtri_exp, lambda out, y: math.sqrt(0.5 * math.pi) * erfcx(out * -math.sqrt(0.5)), symbol="Φ⁻¹∘exp",
    formula=F("Φ⁻¹(e^$a)", r"\Phi^{-1}(e^{$a})", "Φ($out)/φ($out)"), domain=(Interval(high=0.0, open_high=True),),
)

# --- gamma and beta -------------------------------------------------------------------------------------------------------------


def _polygamma(n: Any, x: Any) -> Any:
    x = np.asarray(x)
    value = np.asarray(sp.polygamma(n, x))
    if np.any((x < 0) & np.equal(n, 1)):  # reflected (DLMF 5.15.6)
        with np.errstate(all="ignore"):
            reflected = np.square(math.pi / np.sin(math.pi * x)) - sp.polygamma(1, 1.0 - x)
        value = np.where((x < 0) & np.equal(n, 1), reflected, value)
    return value.astype(x.dtype if x.dtype.kind == "f" else np.float64)


polygamma_op: Op = elementwise(
    "special.polygamma", _polygamma, None, lambda out, n, x: polygamma_op(n + 1.0, x), symbol="ψ⁽ⁿ⁾",
    formula=F("ψ⁽ⁿ⁾($b), n = $a", r"\psi^{($a)}($b)", None, "ψ⁽ⁿ⁺¹⁾($b)"), domain=(NOT_NEGATIVE, POSITIVE),
    example=lambda rng: ((rng.integers(0, 4), rng.uniform(0.2, 6.0, (2, 3))), {}),
)
psi: Op = elementwise(
    "special.digamma", sp.psi, lambda out, x: polygamma_op(1.0, x), symbol="ψ", domain=(POSITIVE,),
    formula=F("ψ($a)", r"\psi($a)", "ψ′($a)"), doc="The derivative of ln Γ.",
)
digamma = psi
gammaln: Op = elementwise(
    "special.gammaln", sp.gammaln, lambda out, x: psi(x), symbol="ln Γ", domain=(POSITIVE,),
    formula=F("ln |Γ($a)|", r"\ln |\Gamma($a)|", "ψ($a)"),
)
loggamma = gammaln
gamma: Op = elementwise(
    "special.gamma", sp.gamma, lambda out, x: out * psi(x), symbol="Γ", domain=(POSITIVE,),
    formula=F("Γ($a)", r"\Gamma($a)", "$out·ψ($a)"),
)
rgamma: Op = elementwise(
    "special.rgamma", sp.rgamma, lambda out, x: -out * psi(x), symbol="1/Γ", domain=(POSITIVE,),
    formula=F("1/Γ($a)", r"\frac{1}{\Gamma($a)}", "−$out·ψ($a)"),
)
gammasgn: Op = elementwise(
    "special.gammasgn", sp.gammasgn, 0, symbol="sign Γ", formula=F("sign Γ($a)", r"\operatorname{sign} \Gamma($a)", "0"), domain=(POSITIVE,),
)
beta: Op = elementwise(
    "special.beta", kept(sp.beta), lambda out, a, b: out * (psi(a) - psi(a + b)), lambda out, a, b: out * (psi(b) - psi(a + b)), symbol="B",
    commutative=True, formula=F("B($a, $b)", r"\mathrm{B}($a, $b)", "$out·(ψ($a) − ψ($a + $b))", "$out·(ψ($b) − ψ($a + $b))"),
    domain=(POSITIVE, POSITIVE),
)
betaln: Op = elementwise(
    "special.betaln", kept(sp.betaln), lambda out, a, b: psi(a) - psi(a + b), lambda out, a, b: psi(b) - psi(a + b), symbol="ln B",
    commutative=True, formula=F("ln B($a, $b)", r"\ln \mathrm{B}($a, $b)", "ψ($a) − ψ($a + $b)", "ψ($b) − ψ($a + $b)"),
    domain=(POSITIVE, POSITIVE),
)
zeta_op: Op = elementwise(
    "special.zeta", lambda s, q: sp.zeta(s, q), None, lambda out, s, q: -s * zeta_op(s + 1.0, q), symbol="ζ",
    formula=F("ζ($a, $b)", r"\zeta($a, $b)", None, "−$a·ζ($a + 1, $b)"), domain=(Interval(1.0, open_low=True), POSITIVE),
    example=lambda rng: ((rng.integers(2, 5), rng.uniform(0.3, 5.0, (2, 3))), {}),
)


def _stirling_rest(a: Any) -> Any:
    """ln Γ(a + 1) − (a + 1/2)·ln a + a − ln √2π for a >= 10, from its asymptotic series (DLMF 5.11.1)."""
    r = 1.0 / np.square(a)
    return (1 / 12 - r * (1 / 360 - r * (1 / 1260 - r * (1 / 1680 - r / 1188)))) / a


def _density(a: Any, x: Any) -> Any:
    """x^(a−1)·e^(−x)/Γ(a); for large a about its peak, so that the exponents do not cancel (C. Loader 2000)."""
    kind = dtype_of(a, x)
    a, x = np.broadcast_arrays(np.asarray(a, np.float64), np.asarray(x, np.float64))
    plain = np.exp(sp.xlogy(a - 1.0, x) - x - sp.gammaln(a))
    m = np.maximum(a - 1.0, 10.0)
    t = (x - m) / m
    # x − m − m·ln(x/m) = m·(t − ln(1 + t)), whose leading terms cancel where t is small
    series = np.square(t) * (0.5 + t * (-1 / 3 + t * (1 / 4 + t * (-1 / 5 + t * (1 / 6 + t * (-1 / 7 + t * (1 / 8 - t / 9)))))))
    away = np.where(np.abs(t) < 0.01, series, t - np.log1p(np.maximum(t, -1.0)))
    peak = np.exp(-m * away - _stirling_rest(m)) / np.sqrt(2 * np.pi * m)
    return np.where((a > 11.0) & (x > 0), peak, plain).astype(kind)


gamma_density: Op = elementwise(
    "special.gamma_density", _density, lambda out, a, x: out * (log(x) - psi(a)), lambda out, a, x: out * ((a - 1.0 - x) / x), symbol="γ′",
    formula=F("$b^($a−1)·e^(−$b)/Γ($a)", r"\frac{$b^{$a-1} e^{-$b}}{\Gamma($a)}", "$out·(ln $b − ψ($a))", "$out·(($a − 1)/$b − 1)"),
    domain=(POSITIVE, POSITIVE), doc="The density of the gamma distribution, which is the derivative of gammainc.",
)
gammainc_op: Op = elementwise(
    "special.gammainc", kept(sp.gammainc), None, lambda out, a, x: gamma_density(a, x), symbol="P", domain=(POSITIVE, POSITIVE),
    formula=F("P($a, $b)", "P($a, $b)", None, "$b^($a−1)·e^(−$b)/Γ($a)"),
    example=lambda rng: ((rng.integers(2, 5), rng.uniform(0.3, 5.0, (2, 3))), {}),
)
gammaincc_op: Op = elementwise(
    "special.gammaincc", kept(sp.gammaincc), None, lambda out, a, x: -gamma_density(a, x), symbol="Q", domain=(POSITIVE, POSITIVE),
    formula=F("Q($a, $b)", "Q($a, $b)", None, "−$b^($a−1)·e^(−$b)/Γ($a)"),
    example=lambda rng: ((rng.integers(2, 5), rng.uniform(0.3, 5.0, (2, 3))), {}),
)
gammaincinv_op: Op = elementwise(
    "special.gammaincinv", kept(sp.gammaincinv), None, lambda out, a, p: 1.0 / gamma_density(a, out), symbol="P⁻¹", domain=(POSITIVE, OPEN_UNIT),
    formula=F("x with P($a, x) = $b", "P^{-1}($a, $b)", None, "1/density($a, $out)"),
    example=lambda rng: ((rng.integers(2, 5), rng.uniform(0.1, 0.9, (2, 3))), {}),
)
gammainccinv_op: Op = elementwise(
    "special.gammainccinv", kept(sp.gammainccinv), None, lambda out, a, p: -1.0 / gamma_density(a, out), symbol="Q⁻¹",
    domain=(POSITIVE, OPEN_UNIT), formula=F("x with Q($a, x) = $b", "Q^{-1}($a, $b)", None, "−1/density($a, $out)"),
    example=lambda rng: ((rng.integers(2, 5), rng.uniform(0.1, 0.9, (2, 3))), {}),
)


def beta_density(a: Any, b: Any, x: Any) -> Any:
    """x^(a−1)·(1−x)^(b−1)/B(a, b), the derivative of betainc: a composition."""
    return exp(xlogy(a - 1.0, x) + xlog1py(b - 1.0, -x) - betaln(a, b))


betainc_op: Op = elementwise(
    "special.betainc", kept(sp.betainc), None, None, lambda out, a, b, x: beta_density(a, b, x), symbol="I",
    domain=(POSITIVE, POSITIVE, OPEN_UNIT),
    formula=F("I_$c($a, $b)", "I_{$c}($a, $b)", None, None, "$c^($a−1)·(1−$c)^($b−1)/B($a, $b)"),
    example=lambda rng: ((rng.integers(2, 5), rng.integers(2, 5), rng.uniform(0.1, 0.9, (2, 3))), {}),
)
betaincinv_op: Op = elementwise(
    "special.betaincinv", kept(sp.betaincinv), None, None, lambda out, a, b, p: 1.0 / beta_density(a, b, out), symbol="I⁻¹",
    domain=(POSITIVE, POSITIVE, OPEN_UNIT),
    formula=F("x with I_x($a, $b) = $c", "I^{-1}_{$c}($a, $b)", None, None, "1/density($a, $b, $out)"),
    example=lambda rng: ((rng.integers(2, 5), rng.integers(2, 5), rng.uniform(0.1, 0.9, (2, 3))), {}),
)


def t_density(df: Any, t: Any) -> Any:
    """The density of Student's distribution: a composition."""
    return exp(gammaln(0.5 * df + 0.5) - gammaln(0.5 * df) - 0.5 * log(df * math.pi) - (0.5 * df + 0.5) * log1p(square(t) / df))


stdtr_op: Op = elementwise(
    "special.stdtr", kept(sp.stdtr), None, lambda out, df, t: t_density(df, t), symbol="T", domain=(POSITIVE, REAL),
    formula=F("P(T < $b), $a degrees of freedom", "T_{$a}($b)", None, "density of Student's t"),
    example=lambda rng: ((rng.integers(2, 5), rng.uniform(0.3, 5.0, (2, 3))), {}),
)
stdtrit_op: Op = elementwise(
    "special.stdtrit", kept(sp.stdtrit), None, lambda out, df, p: 1.0 / t_density(df, out), symbol="T⁻¹", domain=(POSITIVE, OPEN_UNIT),
    formula=F("t with P(T < t) = $b", "T^{-1}_{$a}($b)", None, "1/density of Student's t"),
    example=lambda rng: ((rng.integers(2, 5), rng.uniform(0.1, 0.9, (2, 3))), {}),
)

# --- entropies ------------------------------------------------------------------------------------------------------------------


def _ratio(x: Any, y: Any) -> Any:
    """x/y, and 0 where x is 0, whatever y is."""
    nothing = equal(x, 0.0)
    return where(nothing, 0.0, x / where(nothing, 1.0, y))


xlogy: Op = elementwise(
    "special.xlogy", kept(sp.xlogy, analytic=True), lambda out, x, y: log(y), lambda out, x, y: _ratio(x, y), symbol="x·ln y",
    formula=F("$a·ln $b, 0 for $a = 0", r"$a \ln $b", "ln $b", "$a/$b"), domain=(REAL, POSITIVE),
)
xlog1py: Op = elementwise(
    "special.xlog1py", kept(sp.xlog1py, analytic=True), lambda out, x, y: log1p(y), lambda out, x, y: _ratio(x, 1.0 + y), symbol="x·ln(1+y)",
    formula=F("$a·ln(1 + $b), 0 for $a = 0", r"$a \ln(1 + $b)", "ln(1 + $b)", "$a/(1 + $b)"), domain=(REAL, Interval(-1.0, open_low=True)),
)
entr: Op = elementwise(
    "special.entr", sp.entr, lambda out, x: -log(x) - 1.0, formula=F("−$a·ln $a", r"-$a \ln $a", "−ln $a − 1"), domain=(POSITIVE,),
)
rel_entr: Op = elementwise(
    "special.rel_entr", sp.rel_entr, lambda out, x, y: log(x / y) + 1.0, lambda out, x, y: -_ratio(x, y), symbol="x·ln(x/y)",
    formula=F("$a·ln($a/$b)", r"$a \ln \frac{$a}{$b}", "ln($a/$b) + 1", "−$a/$b"), domain=(POSITIVE, POSITIVE),
)
kl_div: Op = elementwise(
    "special.kl_div", sp.kl_div, lambda out, x, y: log(x / y), lambda out, x, y: (y - x) / y,
    formula=F("$a·ln($a/$b) − $a + $b", r"$a \ln \frac{$a}{$b} - $a + $b", "ln($a/$b)", "1 − $a/$b"), domain=(POSITIVE, POSITIVE),
)
# fmt: on
