"""Rounding, remainders, signs, and questions about numbers: steps whose derivative is 0 wherever there is one, and truth values.

Rounding jumps; its local gradient is 0 everywhere, on a jump too. A remainder moves with its dividend and, by the quotient, against
its divisor.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from cgraph.leaves import constant
from cgraph.op import Op, is_node
from cgraph.operators import public
from cgraph.ops.define import F, dtype_of, elementwise, shape_of
from cgraph.ops.elementwise import (
    abs,
    distance_from,
    divide,
    equal,
    gap,
    less,
    logical_not,
    multiply,
    sign,
    step,
    subtract,
    where,
)
from cgraph.ops.structure import broadcast_to, cast
from cgraph.values import Array


def _to_whole(offset: float = 0.0) -> Callable[..., Any]:
    """Relative distance to the nearest whole number (plus an offset), where rounding jumps."""

    def margin(x: Any) -> Any:
        x = np.asarray(x, np.float64)
        with np.errstate(all="ignore"):
            away = np.abs(x - offset - np.rint(x - offset))
        return np.where(np.isfinite(x), away / np.maximum(np.abs(x), 1.0), 1.0)

    return margin


def _quotient_margin(a: Any, b: Any) -> Any:
    with np.errstate(all="ignore"):
        quotient = np.asarray(np.true_divide(a, b), np.float64)
    return _to_whole()(quotient)


def _nan_step(a: Any, b: Any) -> Any:
    """How fmax and fmin share a gradient: as maximum does, and all of it to the number where the other one is not a number."""
    share = step(a, b)
    return where(isnan(share), logical_not(isnan(a)), share)


# fmt: off
# --- rounding -------------------------------------------------------------------------------------------------------------------

floor: Op = elementwise("floor", np.floor, 0, symbol="⌊ ⌋", margin=_to_whole(), formula=F("⌊$a⌋", r"\lfloor $a \rfloor", "0"))
ceil: Op = elementwise("ceil", np.ceil, 0, symbol="⌈ ⌉", margin=_to_whole(), formula=F("⌈$a⌉", r"\lceil $a \rceil", "0"))
trunc: Op = elementwise("trunc", np.trunc, 0, margin=_to_whole(), formula=F("$a, rounded towards 0", r"\operatorname{trunc} $a", "0"))
rint: Op = elementwise(
    "rint", np.rint, 0, symbol="round", margin=_to_whole(0.5), formula=F("$a, rounded", r"\operatorname{round} $a", "0"),
)

# --- remainders -----------------------------------------------------------------------------------------------------------------

remainder: Op = elementwise(
    "remainder", np.remainder, 1, lambda out, a, b: -floor_divide(a, b), symbol="mod", margin=_quotient_margin,
    formula=F("$a mod $b", r"$a \bmod $b", "1", "−⌊$a/$b⌋"), doc="What is left of a after whole multiples of b; it has the sign of b.",
)
fmod: Op = elementwise(
    "fmod", np.fmod, 1, lambda out, a, b: -trunc(divide(a, b)), margin=_quotient_margin,
    formula=F("fmod($a, $b)", r"\operatorname{fmod}($a, $b)", "1", "−trunc($a/$b)"),
    doc="What is left of a after whole multiples of b; it has the sign of a.",
)
floor_divide: Op = elementwise(
    "floor_divide", np.floor_divide, 0, 0, symbol="//", margin=_quotient_margin,
    formula=F("⌊$a / $b⌋", r"\lfloor \frac{$a}{$b} \rfloor", "0", "0"),
)

# --- signs ----------------------------------------------------------------------------------------------------------------------

positive: Op = elementwise(
    "positive", lambda x: +np.asarray(x), 1, scalar=operator.pos, symbol="+", role="linear", formula=F("+$a", "+$a", "1"),
)
copysign: Op = elementwise(
    "copysign", np.copysign, lambda out, a, b: sign(out) * sign(a), 0,
    margin=lambda a, b: np.minimum(distance_from(0.0)(a), distance_from(0.0)(b)),
    formula=F("|$a| with the sign of $b", r"|$a| \operatorname{sign} $b", "sign $a · sign $b", "0"),
)
heaviside: Op = elementwise(
    "heaviside", np.heaviside, 0, lambda out, x, half: 1.0 - abs(sign(x)), symbol="H",
    margin=lambda x, half: distance_from(0.0)(x),
    formula=F("1 if $a > 0, $b at 0, else 0", "H($a)", "0", "1 where $a = 0"),
)
fmax: Op = elementwise(
    "fmax", np.fmax, lambda out, a, b: _nan_step(a, b), lambda out, a, b: _nan_step(b, a), margin=gap, commutative=True,
    formula=F("max($a, $b), numbers before NaN", r"\max($a, $b)", "1 if $a > $b, ½ if equal", "1 if $b > $a, ½ if equal"),
)
fmin: Op = elementwise(
    "fmin", np.fmin, lambda out, a, b: _nan_step(-a, -b), lambda out, a, b: _nan_step(-b, -a), margin=gap, commutative=True,
    formula=F("min($a, $b), numbers before NaN", r"\min($a, $b)", "1 if $a < $b, ½ if equal", "1 if $b < $a, ½ if equal"),
)

# --- questions, and whole numbers: not differentiable ---------------------------------------------------------------------------

isnan: Op = elementwise("isnan", np.isnan, None, formula=F("is $a NaN", r"$a \text{ is NaN}", None))
isinf: Op = elementwise("isinf", np.isinf, None, formula=F("is $a infinite", r"|$a| = \infty", None))
isfinite: Op = elementwise("isfinite", np.isfinite, None, formula=F("is $a finite", r"|$a| < \infty", None))
signbit: Op = elementwise("signbit", np.signbit, None, formula=F("is the sign of $a −", r"$a < 0", None))
logical_xor: Op = elementwise(
    "logical_xor", np.logical_xor, None, None, symbol="⊻", commutative=True, formula=F("either $a or $b", r"$a \oplus $b", None, None),
)
left_shift: Op = elementwise("left_shift", np.left_shift, None, None, symbol="<<", formula=F("$a << $b", r"$a \ll $b", None, None))
right_shift: Op = elementwise("right_shift", np.right_shift, None, None, symbol=">>", formula=F("$a >> $b", r"$a \gg $b", None, None))
# fmt: on


@public
def round(x: Any, decimals: int = 0, *, name: str | None = None) -> Any:
    """`x` rounded to `decimals` digits after the point, halves to even; its local gradient is 0.

    >>> import cgraph as cg
    >>> float(cg.round(2.345, 1))
    2.3
    """
    if dtype_of(x).kind in "iu":  # whole numbers stay whole
        return (
            positive(x, name=name)
            if decimals >= 0
            else cast(round(x * 1.0, decimals), dtype_of(x), name=name)
        )
    if decimals == 0:
        return rint(x, name=name)
    scale = 10.0 ** np.abs(decimals)
    if decimals > 0:
        return divide(rint(multiply(x, float(scale))), float(scale), name=name)
    return multiply(rint(divide(x, float(scale))), float(scale), name=name)


@public
def fix(x: Any, *, name: str | None = None) -> Any:
    """`x` rounded towards 0: `trunc`."""
    return trunc(x, name=name)


@public
def divmod(a: Any, b: Any) -> tuple[Any, Any]:
    """``(a // b, a % b)``.

    >>> import cgraph as cg
    >>> [float(x) for x in cg.divmod(7.0, 3.0)]
    [2.0, 1.0]
    """
    return floor_divide(a, b), remainder(a, b)


@public
def modf(x: Any) -> tuple[Any, Any]:
    """The fractional part of `x`, whose local gradient is 1, and the whole part; both have the sign of `x`."""
    whole = trunc(x)
    return subtract(x, whole), whole


@public
def ldexp(x: Any, exponent: Any, *, name: str | None = None) -> Any:
    """``x · 2**exponent``."""
    from cgraph.ops.transcendental import exp2

    return multiply(x, exp2(cast(exponent, dtype_of(x))), name=name)


@public
def nan_to_num(
    x: Any,
    copy: bool = True,
    nan: Any = 0.0,
    posinf: Any = None,
    neginf: Any = None,
    *,
    name: str | None = None,
) -> Any:
    """`x` with numbers in the place of NaN and infinities; there the local gradient is 0, elsewhere 1.

    >>> import numpy as np
    >>> import cgraph as cg
    >>> cg.nan_to_num(np.array([1.0, np.nan]))
    array([1., 0.])
    """
    dtype = x.dtype if hasattr(x, "dtype") else np.dtype(np.float64)
    if dtype.kind != "f":
        return x
    limits = np.finfo(dtype)
    above = limits.max if posinf is None else posinf
    below = limits.min if neginf is None else neginf
    kept = where(
        equal(x, np.inf), dtype.type(above), where(equal(x, -np.inf), dtype.type(below), x)
    )
    return where(isnan(x), nan, kept, name=name)


@public
def isposinf(x: Any, *, name: str | None = None) -> Any:
    """Where `x` is +∞."""
    return equal(x, np.inf, name=name)


@public
def isneginf(x: Any, *, name: str | None = None) -> Any:
    """Where `x` is −∞."""
    return equal(x, -np.inf, name=name)


@public
def isclose(
    a: Any,
    b: Any,
    rtol: float = 1e-5,
    atol: float = 1e-8,
    equal_nan: bool = False,
    *,
    name: str | None = None,
) -> Any:
    """Where ``|a − b| ≤ atol + rtol·|b|``; infinities are close to themselves, NaN to NaN with `equal_nan`.

    >>> import cgraph as cg
    >>> bool(cg.isclose(1.0, 1.0 + 1e-9))
    True
    """
    close = (abs(subtract(a, b)) <= atol + rtol * abs(b)) & isfinite(b) | equal(a, b)
    if equal_nan:
        close = close | (isnan(a) & isnan(b))
    return where(close, True, False, name=name)


# --- what complex numbers have, for reals ---------------------------------------------------------------------------------------


@public
def real(x: Any, *, name: str | None = None) -> Any:
    """`x` itself, which is real."""
    return x if name is None else positive(x, name=name)


@public
def conjugate(x: Any, *, name: str | None = None) -> Any:
    """`x` itself, which is real."""
    return real(x, name=name)


@public
def real_if_close(x: Any, tol: float = 100) -> Any:
    """`x` itself, which is real."""
    return x


@public
def imag(x: Any, *, name: str | None = None) -> Any:
    """Zeros: `x` is real."""
    if not is_node(x):
        return np.zeros_like(x)
    if None in shape_of(x):
        return multiply(x, 0.0, name=name)
    return broadcast_to(constant(np.zeros((), x.dtype)), shape_of(x), name=name)


@public
def angle(x: Any, deg: bool = False, *, name: str | None = None) -> Any:
    """0 where `x` is positive, π (or 180) where it is negative: the angle of a real number; its local gradient is 0."""
    half_turn = 180.0 if deg else np.pi
    return multiply(where(less(x, 0.0), 1.0, 0.0), half_turn, name=name)


@public
def iscomplex(x: Any) -> Array:
    """Where `x` has an imaginary part: nowhere."""
    return np.zeros(shape_of(x), bool)


@public
def isreal(x: Any) -> Array:
    """Where `x` has no imaginary part: everywhere."""
    return np.ones(shape_of(x), bool)
