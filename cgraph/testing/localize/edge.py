"""Edge: one local gradient found_wrong by itself.

Given an op's operands and an upstream, what should go back to one operand? The reference steps through that one op; the engine's share is
under test. Rounding of either is measured by replay before anything is called wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from cgraph import backprop
from cgraph.node import Node
from cgraph.op import Op
from cgraph.testing.compare import measure
from cgraph.testing.compare.subject import complex_forward_of
from cgraph.testing.localize.hints import hint, hint_of
from cgraph.testing.oracle.complex_step import NotAnalytic
from cgraph.testing.oracle.differences import Slope, richardson, slope
from cgraph.testing.oracle.noise import Noisy, disturb, noise, noisy, noisy_by_norm, spread
from cgraph.testing.oracle.tape import EPS, Along, Line, Tape
from cgraph.testing.report import Mismatch, Verdict

Array = Any
REPLAYS = 8
CONFIDENCE = 4.0
TINY = 2.0**-990  # operands of this size have no digits beneath them for a step
MOST = 256  # entries that are looked at one by one; fewer where an evaluation is large
TRUNCATION = 2.0**-130  # of the value, with some room: what a complex step leaves at most
BLOCK = 16  # of more, so many: those among which the error is


class Edge:
    """The edge from `node` back to its operand `i`, at the engine's own values and with the engine's own upstream."""

    def __init__(
        self,
        node: Node,
        i: int,
        values: Mapping[Node, Array],
        upstream: Array,
        unit: float,
        rng: Any,
    ) -> None:
        self.node, self.i, self.upstream, self.unit, self.rng = node, i, upstream, unit, rng
        self.operands = [values[p] for p in node.parents]
        self.out = values[node]
        n = len(self.operands)
        others = tuple(k for k in range(n) if k != i)
        self.known = complex_forward_of(node.op)
        line = Line(node.op.forward, tuple(range(n)), node.params, self.known, others)
        self.tape = Tape([None] * n + [line])
        self.base = unit * (8.0 + 2.0 * max(np.size(self.out), np.size(self.operands[i]), 1) ** 0.5)
        largest = max(np.size(self.out), np.size(self.operands[i]), 1)
        self.floor = (
            float(np.finfo(np.float32).smallest_subnormal) * 4 * largest if unit > 1e-10 else 1e-300
        )
        # What underflows in a step is multiplied by the upstream.
        self.floor *= max(1.0, float(np.max(np.abs(upstream), initial=0.0)))

    def margin(self) -> float:
        rule = self.node.op.margin
        if rule is None:
            return np.inf
        margins = np.asarray(rule(*self.operands, **self.node.params))
        return float(margins.min()) if margins.size else np.inf

    def expected(
        self, d: Array, values: list[Array] | None = None, rng: Any = None, frozen: bool = False
    ) -> Array:
        """J d, through the one op."""
        values = [*self.operands, self.out] if values is None else values
        with np.errstate(all="ignore"):
            found = self.tape.tangent(values, {self.i: d}, rng, self.unit, frozen)[0]
        return np.zeros(np.shape(self.out)) if found is None else found

    def run(self, got: Array, noisy: bool = True) -> tuple[Verdict, Mismatch | None] | None:
        """None when the share is right; else a verdict with the mismatch."""
        node, i = self.node, self.i
        x = self.operands[i]
        got = np.asarray(got, np.float64)
        if got.shape != np.shape(x):
            return Verdict.FAIL, wrong_shape(node, i, got, x, self.upstream)
        if not got.size:
            return None
        tiny = measure.scale_of(x) < TINY
        d: Array = 0.0
        for gradients in (None, [got]):
            d = np.where(tiny, 0.0, measure.direction(self.rng, [x], gradients, [np.float64])[0])
            try:
                n, n_size = measure.total(self.upstream, self.expected(d))
            except NotAnalytic:
                return self._by_differences(got, d)
            a, a_size = measure.total(got, d)
            if not np.isfinite(n) or not np.all(np.isfinite(self.upstream)):
                return (
                    (
                        Verdict.DOMAIN,
                        self._mismatch(got, d, np.inf, "the derivative is not finite here"),
                    )
                    if not np.isfinite(a)
                    else None
                )
            bound = self.base * a_size + self.base * n_size + self.floor
            if measure.agree(a, n, bound):
                continue
            slack = self._slack(d, a, n) if noisy and np.isfinite(a) else 0.0
            # Of a forward that is watched from outside, LAPACK's for one, replays see only a part of the rounding.
            slack *= CONFIDENCE * (1.0 if self.known else 4.0)
            if measure.agree(a, n, bound + slack):
                continue
            return self._verdict(got, d, bound + slack)
        if tiny.any():
            why = "an operand is below 1e-298, where no step is small enough for a reference"
            return Verdict.DOMAIN, self._mismatch(got, d, np.inf, why)
        return None

    def _verdict(
        self, got: Array, d: Array, bound: float
    ) -> tuple[Verdict, Mismatch | None] | None:
        on_kink = self.margin() < 2.0**-40
        if self.known is None and self.node.op.family == "elementwise":
            excused = self._entries_on_kinks(got, bound)
            if excused is not None:
                return excused, self._mismatch(
                    got, d, bound, "between the one-sided slopes of a kink"
                )
        elif on_kink and self.known is None:
            f = self._along(d)
            s = slope(f, f.rounding(EPS))
            a = measure.total(got, d)[0]
            if (
                s.sides is not None
                and min(s.sides) <= a + 4 * s.error
                and a <= max(s.sides) + 4 * s.error
            ):
                return Verdict.KINK, self._mismatch(
                    got, d, bound, "between the one-sided slopes of a kink"
                )
        mismatch = self._mismatch(got, d, bound, "")
        if self._out_of_range(got, mismatch.expected_array):
            mismatch.sentence = (
                f"beyond the range of {self.node.dtype}: the rule is right in float64"
            )
            return Verdict.DOMAIN, mismatch
        if on_kink:
            mismatch.sentence = "on a kink: not the documented convention (docs/conventions.md)"
        return Verdict.FAIL, mismatch

    def _on_edge(self, shape: tuple[int, ...]) -> Array:
        """Entries whose operand is on the edge of its domain or outside it."""
        domain = self.node.op.domain
        x = np.asarray(self.operands[self.i])
        if self.i >= len(domain) or x.shape != shape:
            return np.zeros(shape, bool)
        low, high = domain[self.i].low, domain[self.i].high
        return ((x <= low) & np.isfinite(low)) | ((x >= high) & np.isfinite(high))

    def _out_of_range(self, got: Array, expected: Array, tangent: Array | None = None) -> bool:
        """Whether the dtype overflows or underflows where the rule itself, in float64, is right (forward mode: given the tangent)."""
        kind = np.finfo(self.node.dtype)
        sizes = np.abs(np.asarray(expected))
        wrong = ~(np.abs(got - expected) <= 1e-3 * sizes)
        if not wrong.any():
            return False
        if np.all(sizes[wrong] > 0.1 * float(kind.max)) and not np.isfinite(got[wrong]).any():
            return True
        if self.unit < 1e-10 or (
            np.isfinite(got).all() and np.all(sizes[wrong] > 1e3 * float(kind.tiny))
        ):
            return False
        op, params = self.node.op, self.node.params
        try:
            out = op.forward(*self.operands, **params)  # the stored one has the digits of the dtype
            if tangent is None:
                again, _ = backprop.edge_share(
                    op, self.i, out, self.operands, params, self.upstream, None
                )
            else:
                again = op.local(self.i, out, self.operands, params).jvp(tangent)
        except Exception:
            return False
        return bool(
            np.all(np.abs(np.asarray(again, np.float64) - expected) <= 1e-9 * sizes + 1e-300)
        )

    def _slack(self, d: Array, a: float, n: float) -> float:
        """How far rounding alone moves either side."""
        tape, on_kink = self.tape, self.margin() < 2.0**-40

        def reference() -> Array:
            leaves = {
                k: v if on_kink else disturb(v, self.rng, self.unit)
                for k, v in enumerate(self.operands)
            }
            values = tape.values(leaves)
            return measure.total(self.upstream, self.expected(d, values, self.rng, on_kink))[0]

        with np.errstate(all="ignore"):
            back = float(spread(n, reference, REPLAYS))
            back += tape.truncation([*self.operands, self.out], {self.i: d}, self.upstream)
        return self._rounding(d, a) + (back if np.isfinite(back) else 0.0)

    def _rounding(self, d: Array, a: float) -> float:
        """How far rounding alone moves what the rule gives, along `d`."""
        keep = self.margin() < 2.0**-40  # on a kink the noise must not choose the branch
        dtype = [p.dtype for p in self.node.parents]

        def under_test() -> Array:
            with noise(self.rng, self.unit), ops_stay_noisy(), np.errstate(all="ignore"):
                operands = [
                    np.asarray(x, t) if keep or t.kind != "f" else noisy(np.asarray(x, t))
                    for x, t in zip(self.operands, dtype, strict=True)
                ]
                out, upstream = (np.asarray(v, self.node.dtype) for v in (self.out, self.upstream))
                again = noisy_by_norm if self.node.op.family == "linalg" else noisy
                share, _ = backprop.edge_share(
                    self.node.op,
                    self.i,
                    out if keep else again(out),
                    operands,
                    self.node.params,
                    noisy(upstream),
                    None,
                )
            return measure.total(np.asarray(share, np.float64), d)[0]

        try:
            moved = float(spread(a, under_test, REPLAYS))
        except Exception:  # a rule that takes no Noisy arrays, or a masked one
            return 0.0
        return moved if np.isfinite(moved) else 0.0

    def _along(self, d: Array) -> Along:
        return self.tape.directional(dict(enumerate(self.operands)), {self.i: d}, self.upstream)

    def _by_differences(self, got: Array, d: Array) -> tuple[Verdict, Mismatch | None] | None:
        with np.errstate(all="ignore"):
            f = self._along(d)
            s = slope(f, f.rounding(EPS))
        a, a_size = measure.total(got, d)
        bound = CONFIDENCE * s.error + self.base * a_size
        if s.sides is not None:
            if self.node.op.family == "elementwise":
                if self._entries_on_kinks(got, bound) is Verdict.KINK:
                    return None
            elif min(s.sides) - bound <= a <= max(s.sides) + bound:
                return None
        if measure.agree(a, s.value, bound) or (
            s.error > 0.03 * abs(a - s.value) and np.isfinite(a)
        ):
            return None
        bound += CONFIDENCE * self._rounding(d, a)  # a steep rule, in float32 above all
        if measure.agree(a, s.value, bound):
            return None
        return self._verdict(got, d, bound)

    def _entries_on_kinks(self, got: Array, bound: float) -> Verdict | None:
        """KINK where what is wrong are entries between their own one-sided slopes, DOMAIN where they have none; None otherwise.

        Of an elementwise op whose forward nobody knows how to feed complex numbers: those may choose a branch of their own on a kink.
        """
        x = np.asarray(self.operands[self.i], np.float64)
        h = 2.0**-20 * measure.scale_of(x)
        others = list(self.operands)

        def at(step: Array) -> Array:
            others[self.i] = x + step
            return np.asarray(self.node.op.forward(*others, **self.node.params), np.float64)

        with np.errstate(all="ignore"):
            middle, local = at(0.0 * h), got / self.upstream
            sides, steadies = [], []
            for sign in (1.0, -1.0):
                near, far = ((at(sign * t * h) - middle) / (sign * t * h) for t in (0.5, 1.0))
                size = np.maximum(np.abs(far), np.abs(near))
                steadies.append(np.abs(far - near) <= 1e-3 * size + 1e-6)
                sides.append(2.0 * near - far)
            low, high, steady = np.minimum(*sides), np.maximum(*sides), steadies[0] & steadies[1]
            slack = 1e-5 * np.maximum(np.abs(low), np.abs(high)) + 2.0**-28 * np.abs(middle) / (h / 2.0**-20)  # fmt: skip
            kinked = high - low > 10 * slack
            inside = (low - slack <= local) & (local <= high + slack) & steady
            try:
                n = self.expected(measure.scale_of(x)) / measure.scale_of(x)
                bound = bound if np.isfinite(bound) else 0.0
                rounding = np.abs(n) + 1e-3 * np.abs(middle) / measure.scale_of(x)
                off = np.abs(got - n * self.upstream)
                allowed = max(1e-9, 64 * self.unit) * rounding * np.abs(self.upstream)
                wrong = ~(off <= allowed + bound)
                if not wrong.any():  # the bound is for the sum of all, and each alone stays below
                    wrong = ~(off <= allowed)
                lost = ~(
                    (low - slack <= n) & (n <= high + slack)
                )  # the complex step, at this entry
            except NotAnalytic:
                wrong, lost = ~inside | kinked, np.zeros(got.shape, bool)
        wrong &= np.asarray(self.upstream) != 0
        if not wrong.any():
            return None
        if np.all(inside[wrong] & (kinked | lost)[wrong]):
            return Verdict.KINK
        # A jump, or no number on a kink: there is no derivative, unless one side has one and the gradient is another.
        jump = ~steady & ~np.isfinite(got) | kinked & ~np.isfinite(got)
        for side, calm, other in zip(sides, steadies, steadies[::-1], strict=True):
            jump |= calm & ~other & (np.abs(local - side) <= 1e-3 * np.abs(side))
        if np.all((jump | inside & (kinked | lost))[wrong]):
            return Verdict.DOMAIN
        return None

    def _mismatch(self, got: Array, d: Array, bound: float, why: str) -> Mismatch:
        node, i = self.node, self.i
        with np.errstate(all="ignore"):
            values = [*self.operands, self.out]
            leaves = dict(enumerate(self.operands))
            expected, _, looked_at, _ = gradient_of(
                self.tape, leaves, values, i, self.upstream, self.unit, got
            )
        sentence = why or "the upstream is right, the local gradient is wrong"
        mismatch = Mismatch.on_edge("local", node, i, upstream=self.upstream, sentence=sentence)
        mismatch.show(got, expected)
        scale = float(np.abs(np.asarray(d))[mismatch.element]) or 1.0
        mismatch.tolerance, mismatch.reason = bound / scale, "how far rounding alone may move it"
        mismatch.hint = hint_of(got, expected, looked_at, self.unit, self.upstream)
        return mismatch

    def check_forward(self, got: Array, tangent: Array) -> tuple[Verdict, Mismatch | None] | None:
        """The same for forward mode: got should be J t."""
        got = np.asarray(got, np.float64)
        node, i = self.node, self.i
        what = "forward mode: the tangents that come in are right, the local gradient is wrong"
        try:
            expected = self.expected(tangent)
        except NotAnalytic:
            return None
        mismatch = Mismatch.on_edge("forward", node, i, upstream=tangent, sentence=what)
        if got.shape != expected.shape:
            mismatch.show(got, expected)
            mismatch.hint = hint(got, expected, self.unit)
            return Verdict.FAIL, mismatch
        # Where the op itself has no finite value, or is on the edge of its domain, there is nothing to compare.
        beyond = ~np.isfinite(np.asarray(self.out, np.float64)) | (
            ~np.isfinite(got) & self._on_edge(got.shape)
        )
        got, expected = np.where(beyond, 0.0, got), np.where(beyond, 0.0, expected)
        if not got.size or not np.all(np.isfinite(expected)):
            return None
        w = measure.continuous(self.rng, expected.shape)
        (a, a_size), (n, n_size) = measure.total(got, w), measure.total(expected, w)
        bound = self.base * a_size + self.base * n_size + self.floor
        if measure.agree(a, n, bound):
            return None
        self.upstream = w
        slack = self._slack(tangent, n, n)
        if measure.agree(a, n, bound + CONFIDENCE * slack):
            return None
        mismatch.show(got, expected)
        mismatch.hint = hint(got, expected, self.unit)
        mismatch.tolerance = bound + CONFIDENCE * slack
        mismatch.reason = "how far rounding alone may move it"
        if not self._out_of_range(got, expected, tangent):
            return Verdict.FAIL, mismatch
        mismatch.sentence = f"beyond the range of {node.dtype}: the rule is right in float64"
        return Verdict.DOMAIN, mismatch


@contextmanager
def ops_stay_noisy() -> Iterator[None]:
    """Ops whose kernels answer plain arrays (tanh, sigmoid) go on with the noise of their operands."""
    plain = Op.evaluate

    def evaluate(self: Op, *operands: Any, **params: Any) -> Any:
        out = plain(self, *operands, **params)
        if not any(isinstance(x, Noisy) for x in operands):
            return out
        if self.family == "linalg":
            return noisy_by_norm(out)
        return out if isinstance(out, Noisy) else noisy(out)

    Op.evaluate = evaluate  # type: ignore[method-assign]
    try:
        yield
    finally:
        Op.evaluate = plain  # type: ignore[method-assign]


def wrong_shape(node: Node, i: int, share: Array, operand: Array, upstream: Array) -> Mismatch:
    text = f"returns shape {np.shape(share)} where the operand has shape {np.shape(operand)}"
    share = np.asarray(share)
    return Mismatch.on_edge(
        "local", node, i, got_array=share, upstream=upstream, sentence=text, hint=text
    )


def gradient_of(
    tape: Tape,
    leaves: Mapping[int, Array],
    values: Any,
    i: int,
    w: Array,
    unit: float,
    got: Array | None = None,
    step: float = 2.0**-4,
    tidy: bool = False,
) -> tuple[Array, Array, range, bool]:
    """The gradient of ⟨w, root⟩ with respect to input `i`, entry by entry, what each entry may be off, which were looked at, and whether
    it is by differences.

    Of many entries, those are looked at among which `got` is most wrong; the others are given as `got` has them. By differences with
    steps of at most `step` where there is no complex step.
    """
    x = np.asarray(leaves[i])
    found, bound = np.zeros(x.size), np.zeros(x.size)
    size = measure.scale_of(x).ravel() if x.size else x.ravel()
    entries = range(x.size)
    derivative = Derivative(tape, leaves, values, i, w, step)
    derivative.tidy = tidy
    if x.size > derivative.most():
        given = np.zeros(x.size) if got is None else np.asarray(got, np.float64).ravel()
        found[:], bound[:] = given, np.inf
        entries = _most_wrong(derivative, given, size)
    for k in entries:
        seed = np.zeros(x.size)
        seed[k] = size[k]
        one, total = derivative.along(seed, lost=bool(size[k] < TINY))
        found[k], bound[k] = one.value, one.error or 64 * unit * total
        found[k], bound[k] = found[k] / size[k], bound[k] / size[k]
    return found.reshape(x.shape), bound.reshape(x.shape), entries, derivative.lost


class Derivative:
    """⟨w, J d⟩ with respect to one input, for many d: by the complex step, or by a few differences with a step that is known to fit."""

    def __init__(
        self, tape: Tape, leaves: Mapping[int, Array], values: Any, i: int, w: Array, step: float
    ) -> None:
        self.tape, self.leaves, self.values, self.i, self.w, self.step = (
            tape,
            leaves,
            values,
            i,
            w,
            step,
        )
        self.shape = np.shape(leaves[i])
        self.tidy = False  # nothing where a step leaves no more than its own square
        self.lost = False
        self.along(np.zeros(self.shape))

    def most(self) -> int:
        """How many entries may be looked at one by one: an evaluation costs as many operations as there are numbers, at least."""
        numbers = sum(np.size(v) for v in self.values)
        return min(MOST, max(BLOCK, 2 ** (20 if self.lost else 23) // max(numbers, 1)))

    def along(self, seed: Array, rounds: int = 4, lost: bool = False) -> tuple[Slope, float]:
        """The derivative with its error, and the sum of the sizes of its terms."""
        seeds = {self.i: seed.reshape(self.shape)}
        if not self.lost and not lost:
            try:
                part = self.tape.tangent(self.values, seeds)[0]
                if part is None:
                    return Slope(0.0, 0.0), 0.0
                value, total = measure.total(self.w, part)
                # Where the derivative is zero, the square of the step is left.
                left = (
                    self.tidy
                    * TRUNCATION
                    * np.abs(self.w * np.asarray(self.values[-1]))[part != 0].sum()
                )
                return Slope(value if abs(value) > left else 0.0, 0.0), total
            except NotAnalytic:
                self.lost = True
        f = self.tape.directional(self.leaves, seeds, self.w)
        found = richardson(f, f.rounding_within(EPS, self.step), self.step, rounds=rounds)
        return found._replace(error=CONFIDENCE * found.error), abs(found.value)


def _most_wrong(derivative: Derivative, got: Array, size: Array) -> range:
    """The block of entries in which `got` is furthest from the derivative, by halving: the half with the larger error is halved again."""
    d = size * measure.continuous(np.random.default_rng(0), size.shape)
    wrong = ~np.isfinite(got)
    if wrong.any():
        start = max(int(np.argmax(wrong)) - BLOCK // 2, 0)
        return range(start, min(start + BLOCK, got.size))

    def off(low: int, high: int) -> tuple[float, float]:
        """By how much the block is wrong in all, and how sure that is."""
        seed = np.zeros(size.size)
        seed[low:high] = d[low:high]
        one, _ = derivative.along(seed, rounds=3)
        error = measure.total(got, seed)[0] - one.value
        return (error, one.error) if np.isfinite(error) else (np.inf, 0.0)

    low, high = 0, size.size
    whole, doubt = off(low, high)
    while high - low > BLOCK:
        middle = (low + high) // 2
        left, error = off(low, middle)
        right = whole - left  # the other half by what is missing, unless rounding is in the way
        if not 8 * (doubt + error) < max(abs(left), abs(right)) or not derivative.lost:
            right, doubt = off(middle, high)
        if abs(left) >= abs(right) or np.isnan(right):
            high, whole, doubt = middle, left, error
        else:
            low, whole = middle, right
    return range(low, high)
