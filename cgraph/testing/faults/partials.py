"""Faults in elementwise rows: wrong partials.

Each is a mistake that somebody has made: a lost sign, a forgotten factor, an operand for another, a value from an earlier call, digits lost
in float32. A partial works on arrays and on nodes alike, so the faults do, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from cgraph.op import OPS, Op, is_node
from cgraph.operators import PUBLIC as V
from cgraph.testing.faults.fault import Fault, replaced

Partial = Callable[..., Any]


def broken_partial(op: Op, i: int, new: Any) -> AbstractContextManager[None]:
    partials = tuple(new if k == i else p for k, p in enumerate(op.partials or ()))
    constants = sum(isinstance(p, float) for p in partials)
    plain = len(partials) <= 2 and constants in (0, len(partials))
    return replaced(op, partials=partials, linear=constants == len(partials), plain=plain)


def times(factor: float) -> Callable[[Any], Any]:
    return lambda old: (
        old * factor if isinstance(old, float) else (lambda out, *xs: old(out, *xs) * factor)
    )


def _swapped(old: Any) -> Any:
    return lambda out, *xs: old(out, *reversed(xs))


def _numbers_only(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A change that only makes sense for numbers; graphs are left right."""

    def mutate(old: Any) -> Any:
        def partial(out: Any, *xs: Any) -> Any:
            right = old(out, *xs) if callable(old) else old
            if is_node(right) or is_node(out):
                return right
            return change(np.asarray(right, np.result_type(right, np.asarray(out))))

        return partial

    return mutate


def _first_entry(p: Any) -> Any:
    p = np.array(p)
    p.reshape(-1)[:1] *= 1.5
    return p


def _stale(old: Any) -> Any:
    """The first value it ever computed, as long as the shape fits."""
    kept: dict[Any, Any] = {}

    def partial(out: Any, *xs: Any) -> Any:
        now = old(out, *xs)
        return now if is_node(now) else kept.setdefault(np.shape(now), now)

    return partial


def _where_negative(old: Any) -> Any:
    return lambda out, *xs: old(out, *xs) * V["where"](V["less"](xs[0], 0.0), 0.5, 1.0)


GENERAL: dict[str, tuple[Callable[[Any], Any], str]] = {
    "sign": (times(-1.0), "the sign is lost"),
    "double": (times(2.0), "a factor 2 too much"),
    "half": (times(0.5), "a factor 2 is missing"),
    "zero": (times(0.0), "the gradient is lost"),
    "off by 1e-3": (times(1.001), "wrong by 1e-3"),
    "off by 1e-6": (times(1.000001), "wrong by 1e-6"),
    "off by 1e-9": (times(1.000000001), "wrong by 1e-9"),
    "float32": (
        _numbers_only(lambda p: p.astype(np.float32).astype(p.dtype)),
        "rounded to float32 on the way",
    ),
    "nan": (_numbers_only(lambda p: np.full_like(p, np.nan)), "NaN"),
    "first entry": (_numbers_only(_first_entry), "one entry of the array is wrong"),
    "stale": (_stale, "a value kept from an earlier evaluation"),
    "negative": (_where_negative, "wrong only where the operand is negative"),
    "swapped": (_swapped, "the operands are exchanged"),
}

# op, operand, mistakes of the general list
_PLAIN = [
    ("sin", 0, ["sign", "stale", "float32"]),
    ("cos", 0, ["sign"]),
    ("exp", 0, ["off by 1e-3", "off by 1e-6", "off by 1e-9", "float32"]),
    ("tanh", 0, ["half", "negative", "first entry"]),
    ("sigmoid", 0, ["double", "nan"]),
    ("softplus", 0, ["zero"]),
    ("square", 0, ["half", "negative"]),
    ("sqrt", 0, ["double"]),
    ("reciprocal", 0, ["sign"]),
    ("log", 0, ["off by 1e-6"]),
    ("log1p", 0, ["half"]),
    ("arctan", 0, ["sign", "first entry"]),
    ("arccos", 0, ["sign"]),
    ("sinh", 0, ["stale"]),
    ("tan", 0, ["off by 1e-3"]),
    ("negative", 0, ["sign"]),
    ("add", 1, ["zero", "double"]),
    ("subtract", 1, ["sign"]),
    ("multiply", 0, ["swapped", "off by 1e-9"]),
    ("multiply", 1, ["zero"]),
    ("divide", 0, ["swapped"]),
    ("divide", 1, ["sign"]),
    ("maximum", 1, ["swapped"]),
    ("minimum", 0, ["swapped"]),
    ("mse", 0, ["double"]),
    ("mse", 1, ["sign"]),
    ("stable_bce", 0, ["sign", "off by 1e-6"]),
    ("stable_bce", 1, ["zero"]),
    ("bce", 0, ["sign"]),
    ("power", 0, ["double", "negative"]),
    ("power", 1, ["zero"]),
    ("clip", 0, ["half"]),
    ("relu", 0, ["off by 1e-6"]),
]

# op, operand, name, the wrong partial, description
_SPECIAL: list[tuple[str, int, str, Any, str]] = [
    ("sigmoid", 0, "forgot 1-p", lambda out, x: out, "p instead of p(1−p)"),
    ("tanh", 0, "forgot square", lambda out, x: 1.0 - out, "1 − out instead of 1 − out²"),
    ("relu", 0, "1 at 0", lambda out, x: V["where"](V["greater_equal"](x, 0.0), 1.0, 0.0), "the other convention at the kink"),
    ("relu", 0, "leaky", lambda out, x: V["where"](V["greater"](x, 0.0), 1.0, 0.01), "lets a little through where x < 0"),
    ("abs", 0, "1 at 0", lambda out, x: V["where"](V["greater_equal"](x, 0.0), 1.0, -1.0), "the other convention at the kink"),
    ("maximum", 0, "all at ties", lambda out, a, b: V["where"](V["greater_equal"](a, b), 1.0, 0.0), "the first takes all when they tie"),
    ("minimum", 1, "none at ties", lambda out, a, b: V["where"](V["less"](b, a), 1.0, 0.0), "the second gets nothing when they tie"),
    ("clip", 0, "passes", lambda out, x, low, high: V["where"](V["less"](x, 1e300), 1.0, 0.0), "passes outside the bounds, too"),
    ("expm1", 0, "out", lambda out, x: out, "e^x − 1 instead of e^x"),
    ("arcsin", 0, "no root", lambda out, x: 1.0 / (1.0 - V["square"](x)), "the root is forgotten"),
    ("arctan", 0, "no square", lambda out, x: 1.0 / (1.0 + V["abs"](x)), "1 + |x| instead of 1 + x²"),
    ("cosh", 0, "trigonometric", lambda out, x: -V["sinh"](x), "the sign of the cosine's rule"),
    ("power", 0, "exponent kept", lambda out, a, b: b * out, "b·a^b instead of b·a^(b−1)"),
    ("divide", 1, "square forgotten", lambda out, a, b: -a / b, "−a/b instead of −a/b²"),
    ("log", 0, "of ten", lambda out, x: 0.4342944819032518 / x, "the derivative of log10"),
    ("bce", 1, "one term", lambda out, p, y: -V["log"](p), "the second logarithm is forgotten"),
    ("sign", 0, "passes", lambda out, x: 1.0 + 0.0 * x, "a straight-through estimator left in"),
]  # fmt: skip


def faults() -> Iterator[Fault]:
    """The faults of elementwise rows."""
    for name, i, mistakes in _PLAIN:
        for mistake in mistakes:
            change, description = GENERAL[mistake]
            yield Fault.in_row(name, i, mistake, description, _installing(name, i, change))
    for name, i, mistake, wrong, description in _SPECIAL:
        yield Fault.in_row(name, i, mistake, description, _installing(name, i, _always(wrong)))


def _always(wrong: Any) -> Callable[[Any], Any]:
    return lambda right: wrong


def _installing(
    name: str, i: int, change: Callable[[Any], Any]
) -> Callable[[], AbstractContextManager[None]]:
    """What puts a changed partial in the place of the right one, which is asked for then."""
    op = OPS[name]
    return lambda: broken_partial(op, i, change((op.partials or ())[i]))
