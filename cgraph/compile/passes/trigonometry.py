"""Sines and cosines of long arrays by way of the tangent, where that is the only one of the three that the processor does quickly.

NumPy's tangent in double precision takes eight numbers at a time where there is AVX-512, at 0.6 units in the last place; its sine and
cosine are the C library's, one number at a time, and six times as slow. With h = tan(x/2) and t = tan(x)

    sin x = 2h / (1 + h²),      cos x = ±1 / √(1 + t²)  with the sign of t h,

and sin x = t cos x where the cosine is needed, too,

which is right to 3 units in the last place everywhere: where the cosine is near 0, t is large and has all its digits. The
textbook's (1 − h²) / (1 + h²) has none there.
"""

from __future__ import annotations

from collections.abc import Sequence

from cgraph.compile.ir import FLOAT64, QUICK_TANGENT, Value, order
from cgraph.compile.ir.builder import Builder
from cgraph.compile.passes import tiles
from cgraph.compile.passes.finishing import rebuilt


def by_tangents(b: Builder, roots: Sequence[Value]) -> list[Value]:
    """The roots, with long sines and cosines in terms of tangents where those are quicker."""
    if not QUICK_TANGENT:
        return list(roots)
    cosines = {v.args[0] for v in order(roots) if v.op == "cos"}

    def rule(value: Value, args: tuple[Value, ...]) -> Value | None:
        if value.op not in ("sin", "cos") or value.dtype != FLOAT64 or value.size < tiles.LEAST:
            return None
        (x,) = args
        if value.op == "cos":
            return _cosine(b, x)
        if value.args[0] in cosines:
            return b.elementwise("multiply", b.elementwise("tan", x), _cosine(b, x))
        return _sine(b, x)

    return rebuilt(b, roots, rule)


def _half_tangent(b: Builder, x: Value) -> Value:
    return b.elementwise("tan", b.elementwise("multiply", x, b.literal(0.5)))


def _sine(b: Builder, x: Value) -> Value:
    h = _half_tangent(b, x)
    twice = b.elementwise("multiply", h, b.literal(2.0))
    return b.elementwise(
        "divide", twice, b.elementwise("add", b.elementwise("square", h), b.literal(1.0))
    )


def _cosine(b: Builder, x: Value) -> Value:
    t, one = b.elementwise("tan", x), b.literal(1.0)
    sign = b.elementwise("copysign", one, b.elementwise("multiply", t, _half_tangent(b, x)))
    size = b.elementwise("sqrt", b.elementwise("add", b.elementwise("square", t), one))
    return b.elementwise("divide", sign, size)
