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

    def call(self, word: str, value: Value) -> Value:
        """The value, which the source calls by this word."""
        return self.b.hint(word, self.x, value)

    def reduced(self, op: str, x: Value, word: str = "") -> Value:
        """A reduction, its axes kept."""
        found = self.b.reduce(op, x, self.axes)
        return kept(self.b, self.call(word, found) if word else found, self.axes, x)

    def total(self, x: Value, word: str = "") -> Value:
        return self.reduced("sum", x, word)

    def exponentials(self) -> tuple[Value, Value, Value, Value]:
        """e^(x − max x), x − max x, what rounding left out of that difference, and the maximum (0 where it is not finite)."""
        b, x = self.b, self.x
        zero = b.literal(0.0, x.dtype)
        top = self.reduced("max", x, "top")
        finite = self.call("finite", b.elementwise("isfinite", top))
        top = self.call("shift", b.select(finite, top, zero))
        away, left = self.difference(top)
        away.remark = away.remark or f"{x.label or 'x'} − max {x.label or 'x'}"
        # At −inf, where it is not a number, anything does: it is multiplied by 0.
        left = self.call("left_out", b.elementwise("fmax", left, b.literal(-1.0, x.dtype)))
        left.remark = left.remark or "what rounding left out of it"
        e = self.call("e", b.elementwise("exp", away))
        return self.corrected(e, left), away, left, top

    def corrected(self, e: Value, left: Value) -> Value:
        """An exponential of a rounded difference, times 1 + what rounding left out."""
        more = self.call("more", self.b.elementwise("multiply", e, left))
        return self.call("terms", self.b.elementwise("add", e, more))

    def difference(self, y: Value) -> tuple[Value, Value]:
        """x − y, and what rounding left out of it, exactly (Knuth 1969)."""
        b, x = self.b, self.x
        away = self.call("away", b.elementwise("subtract", x, y))
        back = self.call("back", b.elementwise("subtract", away, x))
        again = self.call("again", b.elementwise("subtract", away, back))
        missed = self.call("missed", b.elementwise("subtract", x, again))
        over = self.call("over", b.elementwise("add", y, back))
        return away, self.call("rounded", b.elementwise("subtract", missed, over))

    def wrong_answers(self, y: Value) -> tuple[Value, Value]:
        """For one right class c an example: e^(x − x_c) for the other classes, 0 for c, and the sum of that.

        The loss is ln(1 + sum), no term of which cancels. Where a logit is above that of the right class by more than an
        exponential can hold, NaN comes out: for a loop that looks at it and can begin again.
        """
        b = self.b
        right = self.total(b.elementwise("multiply", y, self.x))
        away, left = self.difference(right)
        e = b.hint("e", self.x, b.elementwise("exp", away))
        e = self.corrected(e, left)
        wrong = b.elementwise("multiply", e, b.elementwise("subtract", one(b, y), y))
        return b.hint("wrong", self.x, wrong), self.total(wrong)

    def log_of_sum(self, e: Value, away: Value) -> Value:
        """ln Σ e^(x − max x), its axes kept."""
        b = self.b
        is_largest = self.call("is_largest", b.elementwise("equal", away, b.literal(0.0, away.dtype)))  # fmt: skip
        largest = self.call("largest", b.cast(is_largest, away.dtype))
        ties = self.total(largest, "ties")
        # Without a finite largest term there is nothing but −inf, or something that is not a number.
        some = self.call("some", b.elementwise("maximum", ties, one(b, ties)))
        rest = self.total(self.call("smaller", b.elementwise("subtract", e, largest)), "rest")
        ratio = self.call("ratio", b.elementwise("divide", rest, some))
        tail = self.call("tail", b.elementwise("log1p", ratio))
        of_all = self.call("log_of_all", b.elementwise("add", b.elementwise("log", some), tail))
        of_rest = self.call("log_of_rest", b.elementwise("log", rest))
        there = self.call("there", b.elementwise("greater", ties, b.literal(0.0, ties.dtype)))
        return self.call("log_sum", b.select(there, of_all, of_rest))

    def others(self, v: Value) -> Value:
        """For each entry the sum of the others, for entries that are not negative: the largest is left out, not subtracted."""
        b = self.b
        top = self.reduced("max", v, "top")
        largest = self.call("is_largest", b.elementwise("equal", v, top))
        ties = self.total(self.call("largest", b.cast(largest, v.dtype)), "ties")
        single = self.call("single", b.elementwise("equal", ties, one(b, v)))
        alone = self.call("alone", b.elementwise("logical_and", largest, single))
        smaller = self.call("smaller", b.select(alone, b.literal(0.0, v.dtype), v))
        rest = self.total(smaller, "rest")
        but_it = self.call("but_it", b.elementwise("subtract", self.total(v, "whole"), v))
        return self.call("others", b.select(alone, rest, but_it))


@lowering("softmax")
def _softmax(b: Builder, x: Value, axes: Axes) -> Value:
    if not x.size:
        return x
    classes = _Classes(b, x, axes)
    e = classes.exponentials()[0]
    return classes.call("p", b.elementwise("divide", e, classes.total(e)))


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
    below = classes.call("below", b.elementwise("subtract", away, classes.log_of_sum(e, away)))
    return classes.call("log_p", b.elementwise("add", below, left))


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
    ruled_out = b.hint("ruled_out", x, b.elementwise("equal", y, zero))
    product = b.hint("weighted", x, b.elementwise("multiply", y, _log_softmax_of(b, x, axes)))
    terms = b.hint("counted", x, b.select(ruled_out, zero, product))
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
