"""Functions are checked more than once: called again, with other upstreams in between, and at points beside the given one.

Code that somebody else wrote may remember what it should not (a layer that adds up its gradients, a cache of the first input) and may be
right by chance where it is asked once. And a point on a kink says nothing of the entries beside it: moved a little, in every entry, the
point is on no kink any more, and the whole gradient can be compared there. What is left for the point itself is whether the gradient lies
among those of its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from cgraph.testing.compare import measure
from cgraph.testing.localize.mismatch import argument_mismatch
from cgraph.testing.report import Mismatch, Report, Verdict

Array = Any

AWAY = 2.0**-9  # how far beside, relative to each entry
NEAR = 2.0**-20  # how far the neighbours of a kink are


def repeated(check: Any) -> Report | None:
    """Whether the gradient is a function of its arguments: the same when asked again, and odd in the upstream."""
    subject, w = check.subject, check.w
    handed_out = subject.last
    kept = [np.array(x) for x in handed_out]
    try:
        again = subject.gradients(w)
        opposite = subject.gradients(-w)
    except Exception as error:
        return _fail(check, f"the gradient raises when it is asked again: {error}")
    for x, y in zip(handed_out, kept, strict=True):
        if not np.array_equal(x, y, equal_nan=True):
            return _fail(
                check,
                "the gradient that was returned changes when the gradient is asked again: it is a view of the function's own memory",
            )
    if _same(check, again, check.g):
        again = subject.gradients(w)  # now with another upstream before it
    if not _same(check, again, check.g):
        third = subject.gradients(w)
        fourth = subject.gradients(w)
        steps = [_sum(b) - _sum(a) for a, b in ((check.g, again), (again, third), (third, fourth))]
        grows = len({np.sign(s) for s in steps}) == 1 and steps[0] != 0
        pattern = grows or _same(check, third, check.g) or _same(check, fourth, again)
        return _fail(
            check,
            "the gradient depends on how often it was called"
            if pattern or _same(check, third, again)
            else "the gradient is not deterministic: the same call gives other numbers",
        )
    if not _same(check, opposite, [-g for g in check.g]):
        return _fail(
            check,
            "the gradient is not linear in the upstream: for -upstream it is not the negative",
        )
    return None


def still_the_same(check: Any) -> Report | None:
    """Asked three times more, after other points and upstreams: what was kept of those must not show."""
    for _ in range(3):
        if not _same(check, check.subject.gradients(check.w), check.g):
            return _fail(
                check, "the gradient depends on how often it was called, or on the calls before"
            )
    return None


def _sum(gradients: list[Array]) -> float:
    return float(sum(np.sum(g) for g in gradients))


def _same(check: Any, a: list[Array], b: list[Array]) -> bool:
    """Equal up to the rounding that a sum in another order may bring."""
    for x, y in zip(a, b, strict=True):
        if np.shape(x) != np.shape(y):
            return False
        x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
        finite = np.abs(y[np.isfinite(y)])
        bound = 16 * check.base * (finite.max() if finite.size else 0.0) + check.floor
        if not np.all((np.abs(x - y) <= bound) | (x == y) | (np.isnan(x) & np.isnan(y))):
            return False
    return True


def _fail(check: Any, sentence: str) -> Report:
    mismatch = Mismatch("state", name=check.subject.name, sentence=sentence, hint=sentence)
    report: Report = check.end(Verdict.FAIL, sentence, mismatch)
    return report


def beside(check: Any) -> Report | None:
    """FAIL where the gradient is wrong at two points beside the given one; None otherwise."""
    reports = []
    for _ in range(2):
        report = _at_a_neighbour(check, AWAY)
        if report is None or report.verdict is not Verdict.FAIL:
            return None
        reports.append(report)
    if any(_kind(x) is not None for x in check.points):
        report = _at_a_neighbour(check, AWAY, of_its_kind=True)
        if report is None or report.verdict is Verdict.PASS:
            return None
    found: Report = reports[0]
    found.notes.append(
        "found beside the given point, each input moved by about a five-hundredth of itself"
    )
    check.report = found
    return found


def _at_a_neighbour(check: Any, away: float, of_its_kind: bool = False) -> Report | None:
    subject = check.subject
    steps = [
        away * measure.scale_of(x) * measure.continuous(check.rng, x.shape) for x in check.points
    ]
    if of_its_kind:
        kinds = [_kind(x) for x in check.points]
        steps = [
            step if kind is None else kind(x + step) - x
            for x, step, kind in zip(check.points, steps, kinds, strict=True)
        ]
    moved = subject.moved(steps)
    neighbour = type(check)(
        moved,
        int(check.rng.integers(2**32)),
        check.projections,
        check.modes,
        check.reference,
        again=False,
    )
    try:
        found: Report | None = neighbour.run()
    except Exception:  # outside the domain of the function, which may say so by raising
        return None
    return found


def _symmetric(x: Array) -> Array:
    return 0.5 * (x + x.swapaxes(-1, -2))


def _weights(x: Array) -> Array:
    return x / x.sum(-1, keepdims=True)


def _unit(x: Array) -> Array:
    return x / np.sqrt((x * x).sum(-1, keepdims=True))


def _kind(x: Array) -> Callable[[Array], Array] | None:
    """What leads back to matrices that are symmetric or triangular, weights, unit vectors, where `x` is one; else None.

    A gradient need not be right where its function was never meant to be asked.
    """
    if x.ndim >= 2 and x.shape[-1] == x.shape[-2] > 1:
        if np.array_equal(x, x.swapaxes(-1, -2)):
            return _symmetric
        if np.array_equal(x, np.tril(x)):
            return np.tril
        if np.array_equal(x, np.triu(x)):
            return np.triu
    if x.ndim and x.shape[-1] > 1 and np.all(np.isfinite(x)):
        if np.all(x >= 0) and np.allclose(x.sum(-1), 1.0, rtol=1e-12, atol=0.0):
            return _weights
        if np.allclose((x * x).sum(-1), 1.0, rtol=1e-12, atol=0.0):
            return _unit
    return None


def on_a_kink(check: Any) -> Report:
    """The verdict for a function whose one-sided slopes differ at the point: right beside it, and among its neighbours on it?"""
    wrong = beside(check)
    if wrong is not None:
        return wrong
    subject = check.subject
    found: list[list[Array]] = []
    for k in range(24):
        if k < 6:  # all one way, so that also what a whole row of kinks does together is seen
            sign = 1.0 if k % 2 else -1.0
            only = None if k < 2 else (k // 2 - 1) % max(len(check.points), 1)
            random = [
                sign * np.abs(measure.continuous(check.rng, x.shape)) * (only in (None, j))
                for j, x in enumerate(check.points)
            ]
        else:
            random = [measure.continuous(check.rng, x.shape) for x in check.points]
        steps = [NEAR * measure.scale_of(x) * r for x, r in zip(check.points, random, strict=True)]
        try:
            found.append(
                [np.asarray(g, np.float64) for g in subject.moved(steps).gradients(check.w)]
            )
        except Exception:
            continue
    why = "the one-sided slopes differ here; the gradient lies between them"
    doubt = ""
    top = max((float(np.max(np.abs(g), initial=0.0)) for g in check.g), default=0.0)

    def failed(j: int, where: tuple[int, ...], got: Array, middle: Array, room: float) -> Report:
        mismatch = argument_mismatch(subject, subject.wrt[j], where, got, middle, room, check.w)
        mismatch.reason = "the spread of the gradients around the point"
        mismatch.source = "the middle of the gradients around it"
        report: Report = check.end(
            Verdict.FAIL, "on a kink, and not among the gradients around it", mismatch
        )
        return report

    if not found:
        inconclusive: Report = check.end(
            Verdict.INCONCLUSIVE, "on a kink, and the gradient raises around it"
        )
        return inconclusive
    gradients = [np.asarray(g, np.float64) for g in check.g]
    stacks = [np.stack([f[j] for f in found]) for j in range(len(gradients))]
    for j in _wrong_sums(gradients, stacks):
        middle = 0.5 * (stacks[j].min(0) + stacks[j].max(0))
        worst = np.unravel_index(int(np.argmax(np.abs(gradients[j] - middle))), middle.shape)
        return failed(j, tuple(int(i) for i in worst), gradients[j], middle, 0.0)
    for j, (g, stack) in enumerate(zip(gradients, stacks, strict=True)):
        if not g.size:
            continue
        low, high = stack.min(0), stack.max(0)
        slack = 1e-4 * np.maximum(np.maximum(np.abs(low), np.abs(high)), 1e-6 * top)
        room = high - low
        outside = ~((g >= low - slack) & (g <= high + slack))
        if not outside.any():
            continue
        # Between two values there is nothing else that the kink could give; of more, some may have been missed.
        two = np.all(
            np.minimum(np.abs(stack - low), np.abs(stack - high)) <= 1e-3 * room + slack, axis=0
        )
        sure = outside & two & ~((g >= low - 3 * room - slack) & (g <= high + 3 * room + slack))
        sure |= outside & (room <= slack)  # an entry that the kink does not touch
        if sure.any():
            where = tuple(int(i) for i in np.argwhere(sure)[0])
            return failed(j, where, g, 0.5 * (low + high), float(room[where]))
        doubt = "on a kink, and outside the gradients that were seen around it"
    if doubt:
        doubtful: Report = check.end(Verdict.INCONCLUSIVE, doubt)
        return doubtful
    verdict: Report = check.end(Verdict.KINK, why)
    return verdict


def _wrong_sums(gradients: list[Array], stacks: list[Array]) -> Iterator[int]:
    """Arguments whose entries do not add up although the kink leaves their sum alone.

    Of entries that tie, whoever gets it, one gets the upstream: along an axis of one argument, or from two arguments at the same place.
    """

    def wrong(total: Array, totals: Array, sizes: Array) -> bool:
        low, high, size = totals.min(0), totals.max(0), sizes.max(0)
        off = np.abs(total - 0.5 * (high + low))
        return bool(np.any((high - low <= 1e-4 * size) & (off > 1e-2 * size + 1e-290)))

    for j, (g, stack) in enumerate(zip(gradients, stacks, strict=True)):
        for axis in (None, *range(g.ndim)):
            axes = tuple(range(1, stack.ndim)) if axis is None else (axis + 1,)
            if g.size and wrong(g.sum(axis), stack.sum(axes), np.abs(stack).sum(axes)):
                yield j
        for k in range(j):
            if gradients[k].shape == g.shape and g.size:
                pair = np.abs(stack) + np.abs(stacks[k])
                if wrong(g + gradients[k], stack + stacks[k], pair):
                    yield j
