"""Hints: what kind of mistake turns the right answer into the answer that was given.

Nearly every wrong gradient is a right one with one thing done to it: a sign, a factor, a transpose, a sum over the wrong axis, a share
that was overwritten. Each entry of a small dictionary is tried, and the first that explains every element is named.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

Array = Any


def _same(a: Array, b: Array, rtol: float) -> bool:
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape != b.shape or not a.size:
        return False
    return bool(np.all(np.abs(a - b) <= rtol * np.maximum(np.abs(a), np.abs(b)) + 1e-300))


def hint(
    got: Array, expected: Array, unit: float, upstream: Array = None, shares: Sequence[Array] = ()
) -> str:
    """The likely mistake in words; empty when none fits.

    >>> import numpy as np
    >>> hint(np.array([-1.0, 2.0]), np.array([1.0, -2.0]), 1e-16)
    'got = −expected: the sign is wrong'
    """
    got, expected = np.asarray(got, np.float64), np.asarray(expected, np.float64)
    rtol = max(1e3 * unit, 1e-9)
    if got.shape != expected.shape:
        return f"got has shape {got.shape}, expected {expected.shape}: un-broadcast over the wrong axes, or not reshaped back"
    if np.isnan(got).any() and not np.isnan(expected).any():
        return "got has NaN where the derivative is finite"
    if np.isinf(got).any() and not np.isinf(expected).any():
        return "got is infinite where the derivative is finite"
    if not got.any():
        return "got is zero: the gradient is lost on this edge" if expected.any() else ""
    if (
        unit < 1e-10
        and _same(got, expected, 1e-6)
        and np.array_equal(got, got.astype(np.float32))
        and expected.any()
    ):
        return "got has no more digits than float32: rounded on the way"
    for text in (
        _by_shares(got, expected, shares, rtol),
        _by_factor(got, expected, rtol),
        _by_order(got, expected, rtol),
    ):
        if text:
            return text
    return (
        _by_part(got, expected, rtol, unit)
        or _by_upstream(got, expected, upstream, rtol)
        or _by_sum(got, expected, rtol)
    )


def hint_of(got: Array, expected: Array, looked_at: range, unit: float, upstream: Array) -> str:
    """The same where only some entries of a large array were looked at: of the others nothing is said."""
    if len(looked_at) >= np.size(got):
        return hint(got, expected, unit, upstream)
    got, expected = (np.ravel(x)[looked_at.start : looked_at.stop] for x in (got, expected))
    wrong = ~(np.abs(got - expected) <= max(1e3 * unit, 1e-9) * np.abs(expected))
    inner = hint(got[wrong], expected[wrong], unit)
    return f"{np.count_nonzero(wrong)} of the {got.size} entries looked at are wrong" + (
        f"; there, {inner}" if inner else ""
    )


def _by_shares(got: Array, expected: Array, shares: Sequence[Array], rtol: float) -> str:
    if len(shares) < 2:
        return ""
    if _same(got, shares[-1], rtol):
        return "got is the last share alone: overwritten, not accumulated"
    for i, share in enumerate(shares):
        if _same(got, share, rtol):
            return f"got is share {i} alone: the others are not accumulated"
        if _same(got + share, expected, rtol):
            return f"share {i} is missing from the sum"
        if _same(got - share, expected, rtol):
            return f"share {i} is counted twice"
    if _same(got, expected / len(shares), rtol):
        return "got is the mean of the shares, not their sum"
    return ""


def _by_factor(got: Array, expected: Array, rtol: float) -> str:
    usable = np.abs(expected) > 0
    if not usable.any() or got[~usable].any():
        return ""
    ratio = got[usable] / expected[usable]
    factor = float(np.median(ratio))
    if factor == 0 or not np.all(np.abs(ratio - factor) <= rtol * abs(factor)):
        return ""
    if abs(factor + 1) <= rtol:
        return "got = −expected: the sign is wrong"
    simple = Fraction(factor).limit_denominator(4096)
    # A ratio of small numbers, or a whole one, is a factor that somebody forgot; 2441/2442 is a number like any other.
    plain = min(abs(simple.numerator), simple.denominator) <= 12 and abs(simple - 1) > Fraction(
        1, 64
    )
    if simple and plain and abs(float(simple) - factor) <= rtol * abs(factor):
        if simple.numerator in (1, -1):
            return f"got = expected / {simple.denominator}: divided once too often, or a factor is missing (1/m?)"
        if simple.denominator == 1:
            return f"got = {simple.numerator} × expected: counted {simple.numerator} times, or a division by {simple.numerator} is missing (1/m?)"  # noqa: E501
        return f"got = {simple.numerator}/{simple.denominator} × expected: a factor is missing"
    return f"got = {factor:.12g} × expected" + (
        f" (wrong by {factor - 1:.1e})" if abs(factor - 1) < 0.1 else ""
    )


def _by_order(got: Array, expected: Array, rtol: float) -> str:
    if expected.ndim == 2 and _same(got, expected.T, rtol):
        return "got = expected transposed"
    for axis in range(expected.ndim):
        if _same(got, np.flip(expected, axis), rtol):
            return f"got = expected with axis {axis} reversed"
    flat_got, flat = np.sort(got, axis=None), np.sort(expected, axis=None)
    if got.size > 1 and _same(flat_got, flat, rtol):
        for axis in range(expected.ndim):
            for shift in range(1, min(expected.shape[axis], 64)):
                if _same(got, np.roll(expected, shift, axis), rtol):
                    return f"got = expected rolled by {shift} along axis {axis}"
        return "got has the right entries in the wrong places (permuted)"
    if _same(np.sort(np.abs(got), axis=None), np.sort(np.abs(expected), axis=None), rtol):
        return "got has the right sizes with wrong signs"
    for axis in range(expected.ndim):
        if (
            _same(got, np.broadcast_to(expected.mean(axis, keepdims=True), expected.shape), rtol)
            and expected.shape[axis] > 1
        ):
            return f"got is the mean of expected over axis {axis}"
        if (
            _same(got, np.broadcast_to(expected.sum(axis, keepdims=True), expected.shape), rtol)
            and expected.shape[axis] > 1
        ):
            return f"got is the sum of expected over axis {axis}: summed over the wrong axis"
    wrong = np.count_nonzero(
        np.abs(got - expected) > rtol * np.maximum(np.abs(got), np.abs(expected))
    )
    size = np.sum(np.abs(expected))
    if 2 * wrong > max(got.size, 2) and abs(np.sum(got) - np.sum(expected)) <= 1e-3 * rtol * size:
        return "the sum of all entries is right, their distribution is not (a wrong axis?)"
    return ""


def _by_part(got: Array, expected: Array, rtol: float, unit: float) -> str:
    wrong = np.abs(got - expected) > rtol * np.maximum(np.abs(got), np.abs(expected))
    if got.size > 1 and 0 < wrong.sum() <= got.size // 2:
        entries = ", ".join(str([int(i) for i in k]) for k in np.argwhere(wrong)[:3])
        entries += ", …" if wrong.sum() > 3 else ""
        inner = hint(got[wrong], expected[wrong], unit)
        return f"{int(wrong.sum())} of {got.size} entries are wrong: {entries}" + (
            f"; there, {inner}" if inner else ""
        )
    return ""


def _by_sum(got: Array, expected: Array, rtol: float) -> str:
    off = got - expected
    middle = float(np.median(off))
    if got.size > 1 and np.all(
        np.abs(off - middle) <= 1e-6 * abs(middle) + rtol * np.abs(expected)
    ):
        return f"got = expected {middle:+.6g}: something is added to every entry"
    return ""


def _by_upstream(got: Array, expected: Array, upstream: Array, rtol: float) -> str:
    if upstream is None or np.shape(upstream) != got.shape:
        return ""
    upstream = np.asarray(upstream, np.float64)
    if _same(got, upstream, rtol):
        return "got is the upstream itself: the local gradient is not applied"
    if _same(got * upstream, expected, rtol):
        return "got lacks the upstream: not multiplied with it"
    return ""
