"""Sines and cosines of long arrays by way of the tangent, where that is the only one of the three that the processor does quickly.

NumPy's tangent in double precision takes eight numbers at a time where there is AVX-512, at 0.6 units in the last place; its sine and
cosine are the C library's, one number at a time, and six times as slow. With h = tan(x/2) and t = tan(x)

    sin x = 2h / (1 + h²),      cos x = ±1 / √(1 + t²)  with the sign of t h,

which is right to 3 units in the last place everywhere: where the cosine is near 0, t is large and has all its digits. The
textbook's (1 − h²) / (1 + h²) has none there.
"""

from __future__ import annotations

from collections.abc import Sequence

from cgraph.compile.ir import FLOAT64, QUICK_TANGENT, Value
from cgraph.compile.ir.builder import Builder
from cgraph.compile.passes import tiles
from cgraph.compile.passes.finishing import rebuilt


def by_tangents(b: Builder, roots: Sequence[Value]) -> list[Value]:
    """The roots, with long sines and cosines in terms of tangents where those are quicker."""
    return (
        rebuilt(b, roots, lambda value, args: _rule(b, value, args))
        if QUICK_TANGENT
        else list(roots)
    )


def _rule(b: Builder, value: Value, args: tuple[Value, ...]) -> Value | None:
    if value.op not in ("sin", "cos") or value.dtype != FLOAT64 or value.size < tiles.LEAST:
        return None
    (x,), one = args, b.literal(1.0)
    h = b.elementwise("tan", b.elementwise("multiply", x, b.literal(0.5)))
    if value.op == "sin":
        twice = b.elementwise("multiply", h, b.literal(2.0))
        return b.elementwise("divide", twice, b.elementwise("add", b.elementwise("square", h), one))
    t = b.elementwise("tan", x)
    size = b.elementwise("sqrt", b.elementwise("add", b.elementwise("square", t), one))
    return b.elementwise(
        "divide", b.elementwise("copysign", one, b.elementwise("multiply", t, h)), size
    )
