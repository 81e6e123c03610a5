"""Known ranges: guards that cannot be needed are left out.

The slope of a sigmoid is held at 1 where its exponential overflows, a loss holds its logit at 700, softplus asks on which side of 0 it
is. Behind a tanh, a sigmoid or a sine nothing of that can happen. The pass works out an interval for every value, operands first,
that holds wherever the value is a number at all: NaN passes every rule here as it passes the guard.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from cgraph.compile.ir import BOOL, Value, held_back
from cgraph.compile.ir.builder import Builder
from cgraph.compile.passes.finishing import rebuilt

Range = tuple[float, float]

ANY: Range = (-math.inf, math.inf)
# Results that lie in an interval whatever the operand.
ALWAYS: dict[str, Range] = {
    "sin": (-1.0, 1.0), "cos": (-1.0, 1.0), "sign": (-1.0, 1.0), "erfc": (0.0, 2.0), "arctan": (-1.5708, 1.5708),
    "arcsin": (-1.5708, 1.5708), "arccos": (0.0, 3.1416), "cosh": (1.0, math.inf), "sqrt": (0.0, math.inf),
}  # fmt: skip
RISING: dict[str, Callable[[float], float]] = {
    "exp": np.exp,
    "tanh": np.tanh,
    "expm1": np.expm1,
    "log1p": np.log1p,
    "log": np.log,
}
SAME = frozenset({"broadcast", "reshape", "transpose", "index", "max", "min"})
# A square that neither overflows nor is cut off: its root is the absolute value.
LARGEST_ROOT = 1e150


class Ranges:
    """The interval of each value, worked out when it is asked for; operands have to be asked for first."""

    def __init__(self) -> None:
        self.known: dict[Value, Range] = {}

    def of(self, value: Value) -> Range:
        found = self.known.get(value)
        if found is None:
            with np.errstate(all="ignore"):
                low, high = self._found(value)
            found = self.known[value] = ANY if math.isnan(low) or math.isnan(high) else (low, high)
        return found

    def _found(self, value: Value) -> Range:
        op = value.op
        if value.dtype == BOOL:
            return 0.0, 1.0
        if op == "literal":
            return value.params, value.params
        if op == "constant":
            floating = value.params.dtype.kind == "f" and value.size
            return (float(np.min(value.params)), float(np.max(value.params))) if floating else ANY
        if op in ALWAYS:
            return ALWAYS[op]
        if not value.args or op == "call":
            return ANY
        ranges = [self.known.get(a, ANY) for a in value.args]
        (low, high), second = ranges[0], ranges[-1]
        if op in RISING:
            function = RISING[op]
            return float(function(low)), float(function(high))
        if op in SAME or (op == "cast" and value.dtype.kind == "f"):
            return low, high
        if op == "place":
            return min(low, 0.0), max(high, 0.0)
        if op in ("select", "join"):
            parts = ranges[1:] if op == "select" else ranges
            return min(r[0] for r in parts), max(r[1] for r in parts)
        if op == "negative":
            return -high, -low
        if op == "absolute":
            return max(low, -high, 0.0), max(abs(low), abs(high))
        if op == "square":
            nearest = max(low, -high, 0.0)
            return nearest * nearest, max(low * low, high * high)
        if op == "reciprocal":
            return _quotient((1.0, 1.0), (low, high))
        return self._of_two(value, (low, high), second)

    @staticmethod
    def _of_two(value: Value, a: Range, b: Range) -> Range:
        op = value.op
        if op == "add":
            return a[0] + b[0], a[1] + b[1]
        if op == "subtract":
            return a[0] - b[1], a[1] - b[0]
        if op == "multiply":
            return _product(a, b)
        if op == "divide":
            return _quotient(a, b)
        if op in ("maximum", "minimum"):
            pick = max if op == "maximum" else min
            return pick(a[0], b[0]), pick(a[1], b[1])
        if op == "fmin":
            return min(a[0], b[0]), b[1]
        return ANY


def _product(a: Range, b: Range) -> Range:
    ends = [0.0 if 0.0 in (x, y) else x * y for x in a for y in b]
    return min(ends), max(ends)


def _quotient(a: Range, b: Range) -> Range:
    if b[0] <= 0.0:
        return ANY
    return _product(a, (1.0 / b[1], 1.0 / b[0]))


def without_needless_guards(b: Builder, roots: Sequence[Value]) -> list[Value]:
    """The roots, without what a known range makes superfluous."""
    ranges = Ranges()

    def rule(value: Value, args: tuple[Value, ...]) -> Value | None:
        for arg in args:
            ranges.of(arg)
        found = _without_guard(b, ranges, value, args)
        if found is None:
            return None
        return b.broadcast(found, value.shape) if found.shape != value.shape else found

    return rebuilt(b, roots, rule)


def _holds(ranges: Ranges, back: Value) -> bool:
    """Whether the second term of what is `held_back` can be anything but 0."""
    low, high = ranges.of(back.args[1].args[0])
    return low < -700.0 if back.args[0].literal == -700.0 else high > 700.0


def _without_guard(
    b: Builder, ranges: Ranges, value: Value, args: tuple[Value, ...]
) -> Value | None:
    op = value.op
    if held_back(value) and args[1] is value.args[1] and not _holds(ranges, args[1]):
        return args[0]
    if (
        op not in ("maximum", "minimum", "fmin", "absolute", "copysign", "sqrt")
        or value.dtype.kind != "f"
    ):
        return None
    x, other = args[0], args[-1]
    low, high = ranges.of(x)
    limit = other.literal
    if op == "maximum" and limit is not None:
        return x if low >= limit else None
    if op == "minimum":
        if limit is not None:
            return x if high <= limit else None
        if other.op == "reciprocal" and other.args[0] is x:  # the smaller one of e and 1/e
            return x if high <= 1.0 else other if low >= 1.0 else None
    if op == "fmin" and limit == 1.0 and x.op == "multiply":
        # e q, which is no number where e is infinite; else at most 1.
        return x if ranges.of(x.args[0])[1] < math.inf else None
    if op == "absolute":
        return x if low >= 0.0 else b.elementwise("negative", x) if high <= 0.0 else None
    if op == "copysign" and limit == -1.0:
        return b.elementwise("negative", x) if low >= 0.0 else x if high <= 0.0 else None
    if op == "sqrt" and x.op == "square":
        low, high = ranges.of(x.args[0])
        return b.elementwise("absolute", x.args[0]) if max(-low, high) <= LARGEST_ROOT else None
    return None
