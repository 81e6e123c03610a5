"""Functions that numba's loops call, written so that a loop around them becomes vector instructions.

libm's functions take one number at a time and cost 4 to 10 ns. These have no branch and no table, so that LLVM works on four or
eight numbers at once, in 2. Each is right to about one unit in the last place, tanh to two and a half, on its whole range
(tests hold them against mpmath). They are plain Python, which numba compiles when the first program is made.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from types import FunctionType
from typing import Any

import numpy as np


def plus(a: Any, b: Any) -> Any:
    return a + b


def larger(a: Any, b: Any) -> Any:
    return a if a >= b or a != a else b


def smaller(a: Any, b: Any) -> Any:
    return a if a <= b or a != a else b


def bits(x: Any) -> Any:
    """The 64 bits of a float as an integer."""
    return np.float64(x).view(np.int64)


def as_float(n: Any) -> Any:
    """The float that an integer's 64 bits are."""
    return np.int64(n).view(np.float64)


# 1.5 · 2^52: a number added to it is rounded to an integer, which then stands in the lowest bits.
ROUND = 6755399441055744.0
INV_LN2 = 1.4426950408889634
# ln 2 in two parts; the first has 33 bits, so that its multiples are exact.
LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10


def _parts(x: Any) -> Any:
    """n and e^r − 1, for e^x = 2^n e^r with r = x − n ln 2 in ±0.35: its Taylor polynomial."""
    shifted = x * INV_LN2 + ROUND
    whole = shifted - ROUND
    r = (x - whole * LN2_HIGH) - whole * LN2_LOW
    p = 1.0 / 6227020800.0
    p = p * r + 1.0 / 479001600.0
    p = p * r + 1.0 / 39916800.0
    p = p * r + 1.0 / 3628800.0
    p = p * r + 1.0 / 362880.0
    p = p * r + 1.0 / 40320.0
    p = p * r + 1.0 / 5040.0
    p = p * r + 1.0 / 720.0
    p = p * r + 1.0 / 120.0
    p = p * r + 1.0 / 24.0
    p = p * r + 1.0 / 6.0
    p = p * r + 0.5
    return bits(shifted) - bits(ROUND), (r * r) * p + r


def _scaled(x: Any, n: Any) -> Any:
    """x · 2^n, in two steps, for results below 2^−1022."""
    half = n >> 1
    return x * as_float((half + 1023) << 52) * as_float((n - half + 1023) << 52)


def exp(x: Any) -> Any:
    """e^x."""
    x = -760.0 if x < -760.0 else x
    x = 720.0 if x > 720.0 else x
    n, p = _parts(x)
    return _scaled(p + 1.0, n)


def expm1(x: Any) -> Any:
    """e^x − 1 = 2^n (e^r − 1) + (2^n − 1)."""
    held = -60.0 if x < -60.0 else x
    held = 709.9 if held > 709.9 else held
    n, p = _parts(held)
    power = as_float((n - 1 + 1023) << 52)  # half of it, which never overflows
    found = ((p * power) + (power - 0.5)) * 2.0
    return x if x == 0.0 else found


def tanh(x: Any) -> Any:
    """From e^(−2|x|) − 1, which keeps its digits near 0."""
    t = expm1(-2.0 * abs(x))
    return np.copysign(-t / (t + 2.0), x)


def cosh(x: Any) -> Any:
    """a + 1/(4 a) with a = e^|x| / 2, which overflows no earlier than the result."""
    x = abs(x)
    n, p = _parts(720.0 if x > 720.0 else x)
    a = _scaled(p + 1.0, n - 1)
    return a + 0.25 / a


def log1p(x: Any) -> Any:
    """ln(1 + x): u = 1 + x = 2^k m with m in [√½, √2); what u has lost of x is put back at the end."""
    u = 1.0 + x
    lost = (x - (u - 1.0)) if x < 1.0 else (1.0 - (u - x))
    b = bits(u)
    k = (b - 0x3FE6A09E667F3BCD) >> 52
    m = as_float(b - (k << 52))
    f = m - 1.0
    found = _log_parts(f, as_float(k + bits(ROUND)) - ROUND, lost / u)
    found = found if x > -1.0 else (-np.inf if x == -1.0 else np.nan)
    found = x if x == np.inf or x == 0.0 or x != x else found
    return found


def log(x: Any) -> Any:
    """ln x; numbers below 2^−1022 are multiplied by 2^54 first."""
    tiny = x < 2.2250738585072014e-308
    u = x * 18014398509481984.0 if tiny else x
    b = bits(u)
    k = (b - 0x3FE6A09E667F3BCD) >> 52
    f = as_float(b - (k << 52)) - 1.0
    found = _log_parts(f, as_float(k + bits(ROUND)) - ROUND - (54.0 if tiny else 0.0), 0.0)
    found = found if x > 0.0 else (-np.inf if x == 0.0 else np.nan)
    return x if x == np.inf or x != x else found


def _log_parts(f: Any, k: Any, more: Any) -> Any:
    """k ln 2 + ln(1 + f) + more, for f in (√½ − 1, √2 − 1): fdlibm's ln(1 + f) = f − f²/2 + s (f²/2 + R), s = f / (2 + f)."""
    s = f / (2.0 + f)
    z = s * s
    R = 1.479819860511658591e-01
    R = R * z + 1.531383769920937332e-01
    R = R * z + 1.818357216161805012e-01
    R = R * z + 2.222219843214978396e-01
    R = R * z + 2.857142874366239149e-01
    R = R * z + 3.999999999940941908e-01
    R = (R * z + 6.666666666666735130e-01) * z
    half = 0.5 * f * f
    return k * LN2_HIGH - ((half - (s * (half + R) + (k * LN2_LOW + more))) - f)


@functools.cache
def compiled() -> Mapping[str, Any]:
    """All of them compiled, by name."""
    from numba import njit

    scope: dict[str, Any] = dict(globals())
    functions = (
        plus,
        larger,
        smaller,
        bits,
        as_float,
        _parts,
        _scaled,
        _log_parts,
        exp,
        expm1,
        tanh,
        cosh,
        log1p,
        log,
    )
    for function in functions:
        # Only sums may be taken in another order, so that they run in several lanes; said of one addition, it holds for that alone.
        loose: Any = {"reassoc"} if function is plus else False
        own = FunctionType(function.__code__, scope, function.__name__)
        scope[function.__name__] = njit(
            error_model="numpy", nogil=True, forceinline=True, fastmath=loose
        )(own)
    return {f.__name__: scope[f.__name__] for f in functions}
