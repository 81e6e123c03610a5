"""Softmax, its logarithm and the cross-entropy over classes in primitives, with the digits that the interpreter gives them.

The same three ideas as in `cgraph.ops.kernels`: what rounding x − max x leaves out is put back; the largest term of a sum of
exponentials is exactly 1 and goes to log1p; and no probability is taken from 1. Where labels are class numbers, turned into ones and zeros,
what softmax gives to the other classes is one sum.
"""

from __future__ import annotations

import numpy as np

from cgraph.compile.ir import VIEWS, Value
from cgraph.compile.ir.builder import Builder, unbroadcast
from cgraph.compile.ir.lowerings import kept, lowering, one

Axes = tuple[int, ...]


class _Classes:
    """Arithmetic along the axes of the classes."""

    def __init__(self, b: Builder, x: Value, axes: Axes) -> None:
        self.b, self.x, self.axes = b, x, axes

    def reduced(self, op: str, x: Value) -> Value:
        """A reduction, its axes kept."""
        return kept(self.b, self.b.reduce(op, x, self.axes), self.axes, x)

    def total(self, x: Value) -> Value:
        return self.reduced("sum", x)

    def exponentials(self) -> tuple[Value, Value, Value, Value]:
        """e^(x − max x), x − max x, what rounding left out of that difference, and the maximum (0 where it is not finite)."""
        b, x = self.b, self.x
        zero = b.literal(0.0, x.dtype)
        top = self.reduced("max", x)
        top = b.select(b.elementwise("isfinite", top), top, zero)
        away, left = self.difference(top)
        # At −inf, where it is not a number, anything does: it is multiplied by 0.
        left = b.elementwise("fmax", left, b.literal(-1.0, x.dtype))
        e = b.elementwise("exp", away)
        return b.elementwise("add", e, b.elementwise("multiply", e, left)), away, left, top

    def difference(self, y: Value) -> tuple[Value, Value]:
        """x − y, and what rounding left out of it, exactly (Knuth 1969)."""
        b, x = self.b, self.x
        away = b.elementwise("subtract", x, y)
        back = b.elementwise("subtract", away, x)
        missed = b.elementwise("subtract", x, b.elementwise("subtract", away, back))
        return away, b.elementwise("subtract", missed, b.elementwise("add", y, back))

    def wrong_answers(self, y: Value) -> tuple[Value, Value]:
        """For one right class c an example: e^(x − x_c) for the other classes, 0 for c, and the sum of that.

        The loss is ln(1 + sum), no term of which cancels. Where a logit is above that of the right class by more than an
        exponential can hold, NaN comes out: for a loop that looks at it and can begin again.
        """
        b = self.b
        right = self.total(b.elementwise("multiply", y, self.x))
        away, left = self.difference(right)
        e = b.hint("e", self.x, b.elementwise("exp", away))
        e = b.elementwise("add", e, b.elementwise("multiply", e, left))
        wrong = b.elementwise("multiply", e, b.elementwise("subtract", one(b, y), y))
        return b.hint("wrong", self.x, wrong), self.total(wrong)

    def log_of_sum(self, e: Value, away: Value) -> Value:
        """ln Σ e^(x − max x), its axes kept."""
        b = self.b
        largest = b.cast(b.elementwise("equal", away, b.literal(0.0, away.dtype)), away.dtype)
        ties = self.total(largest)
        # Without a finite largest term there is nothing but −inf, or something that is not a number.
        some = b.elementwise("maximum", ties, one(b, ties))
        rest = self.total(b.elementwise("subtract", e, largest))
        several = b.elementwise(
            "add",
            b.elementwise("log", some),
            b.elementwise("log1p", b.elementwise("divide", rest, some)),
        )
        return b.select(
            b.elementwise("greater", ties, b.literal(0.0, ties.dtype)),
            several,
            b.elementwise("log", rest),
        )

    def others(self, v: Value) -> Value:
        """For each entry the sum of the others, for entries that are not negative: the largest is left out, not subtracted."""
        b = self.b
        top = self.reduced("max", v)
        largest = b.elementwise("equal", v, top)
        single = b.elementwise("equal", self.total(b.cast(largest, v.dtype)), one(b, v))
        alone = b.elementwise("logical_and", largest, single)
        rest = self.total(b.select(alone, b.literal(0.0, v.dtype), v))
        return b.select(alone, rest, b.elementwise("subtract", self.total(v), v))


@lowering("softmax")
def _softmax(b: Builder, x: Value, axes: Axes) -> Value:
    if not x.size:
        return x
    classes = _Classes(b, x, axes)
    e = classes.exponentials()[0]
    return b.elementwise("divide", e, classes.total(e))


@lowering("logsumexp")
def _logsumexp(b: Builder, x: Value, axes: Axes, keepdims: bool) -> Value | None:
    if not x.size:
        return None
    classes = _Classes(b, x, axes)
    e, away, _, top = classes.exponentials()
    result = b.elementwise("add", top, classes.log_of_sum(e, away))
    return (
        result
        if keepdims
        else b.reshape(result, tuple(n for i, n in enumerate(x.shape) if i not in axes))
    )


def _log_softmax_of(b: Builder, x: Value, axes: Axes) -> Value:
    classes = _Classes(b, x, axes)
    e, away, left, _ = classes.exponentials()
    return b.elementwise("add", b.elementwise("subtract", away, classes.log_of_sum(e, away)), left)


@lowering("log_softmax")
def _log_softmax(b: Builder, x: Value, axes: Axes) -> Value | None:
    return _log_softmax_of(b, x, axes) if x.size else None


@lowering("stable_cross_entropy")
def _cross_entropy(b: Builder, x: Value, y: Value, axes: Axes) -> Value | None:
    if not x.size:
        return None
    if _one_right(b, y, axes):
        total = _Classes(b, x, axes).wrong_answers(y)[1]
        loss = b.elementwise("log1p", total)
        return b.reshape(loss, tuple(n for i, n in enumerate(x.shape) if i not in axes))
    zero = b.literal(0.0, x.dtype)
    # A class that the labels rule out does not count, not even where its probability is 0.
    ruled_out = b.elementwise("equal", y, zero)
    terms = b.select(ruled_out, zero, b.elementwise("multiply", y, _log_softmax_of(b, x, axes)))
    return b.elementwise("subtract", zero, b.reduce("sum", terms, axes))


@lowering("cross_entropy_slope")
def _cross_entropy_slope(b: Builder, x: Value, y: Value, axes: Axes) -> Value | None:
    if not x.size:
        return None
    classes = _Classes(b, x, axes)
    if _one_right(b, y, axes):
        wrong, total = classes.wrong_answers(y)
        above = b.elementwise("subtract", wrong, b.elementwise("multiply", y, total))
        return b.elementwise("divide", above, b.elementwise("add", total, one(b, total)))
    s = _softmax(b, x, axes)
    if _one_hot(y, axes):
        # Nothing, or one class a row, has a 1: the others are those with a 0.
        other = b.elementwise("multiply", s, b.elementwise("subtract", classes.total(y), y))
        return b.elementwise("subtract", other, b.elementwise("multiply", y, classes.total(other)))
    others = classes.others
    return b.elementwise(
        "subtract", b.elementwise("multiply", s, others(y)), b.elementwise("multiply", y, others(s))
    )


def _one_right(b: Builder, y: Value, axes: Axes) -> bool:
    """Whether labels are known to name exactly one class an example."""
    if len(axes) == 1 and b.one_of_many.get(y) == axes[0]:
        return True
    numbers = _class_numbers(y, axes)
    while numbers is not None and numbers.op in VIEWS:
        numbers = numbers.args[0]
    return numbers is not None and b.one_of_many.get(numbers) == axes[0]


def _one_hot(y: Value, axes: Axes) -> bool:
    """Whether labels are class numbers compared with 0, 1, 2, … along the axis of the classes, as `stable_cross_entropy` does."""
    return _class_numbers(y, axes) is not None


def _class_numbers(y: Value, axes: Axes) -> Value | None:
    """The class numbers that labels are made of, as `stable_cross_entropy` makes them."""
    if (
        y.op != "cast"
        or len(axes) != 1
        or y.args[0].op != "call"
        or y.args[0].params[0].name != "equal"
    ):
        return None
    for steps, numbers in (y.args[0].args, y.args[0].args[::-1]):
        steps, numbers = unbroadcast(steps), unbroadcast(numbers)
        if steps.op == "constant" and len(steps.shape) == len(y.shape) == len(numbers.shape):
            along = (
                numbers.shape[axes[0]] == 1
                and steps.size == y.shape[axes[0]] == steps.shape[axes[0]]
            )
            if along and np.array_equal(np.ravel(steps.params), np.arange(steps.size)):
                return numbers
            return None
    return None
