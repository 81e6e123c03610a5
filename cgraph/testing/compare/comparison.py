"""Check: one comparison of a gradient with the reference.

The fast path is one evaluation by the code under test, one complex step a direction, one comparison with the tightest bound that rounding
allows; nearly every correct gradient ends there. Where they differ by more: rounding, a kink, the edge of a domain, or wrong? Replays with
disturbed arithmetic say how much of the difference rounding explains, finite differences must not contradict the reference, and in a graph
an edge or a sum has to be found that is wrong by itself. Only then is it called FAIL.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cgraph.testing.compare import beside, measure
from cgraph.testing.compare.subject import same_layout
from cgraph.testing.localize import localize, mismatch as elsewhere
from cgraph.testing.oracle.complex_step import NotAnalytic
from cgraph.testing.oracle.differences import Slope, slope, steady_slope
from cgraph.testing.oracle.noise import noise, noisy, spread
from cgraph.testing.oracle.tape import EPS, step_rounding
from cgraph.testing.report import Mismatch, Report, Verdict

Array = Any

CONFIDENCE = 4.0  # times the measured spread
REPLAYS = 8
COARSE = 2e-10  # of the derivative: a gradient in float64 that is noisier than that by itself is not called right
QUALITY = 1e-4  # a verdict needs a bound this much smaller than what it bounds
BY_DIFFERENCES = 1e-7  # what differences, whose error is an estimate, can tell at best
WIDE = float(np.finfo(np.longdouble).eps)  # 2^-63 on x86; no better than float64 on some platforms
TINY = 2.0**-850  # values below have no room for a complex step under them
ALONE = 1e-9  # of the gradient: less is not called wrong on the word of differences in float64 alone (a solver's tolerance)
STEP_LOST = "the complex step is lost in this code: compared with Richardson's differences instead"
ON_KINK = 2.0**-40  # closer than this counts as on it: rounding upstream may have chosen the branch


class Check:
    """One check of one subject, step by step. `report` is what comes out."""

    def __init__(
        self,
        subject: Any,
        seed: int,
        projections: int,
        modes: Sequence[str],
        reference: str,
        again: bool = True,
    ) -> None:
        self.subject = subject
        self.rng = np.random.Generator(np.random.PCG64(seed))
        self.projections = projections
        self.modes = modes
        self.reference = reference
        self.again = again and not subject.is_graph  # also called again, and beside the point
        self.report = Report(subject, seed)
        self.suspect: Mismatch | None = None
        self.by_differences = reference == "richardson"
        self.was_beside = False
        # The last direction that differences were taken along, and what they said.
        self.asked: tuple[Any, Slope] = (None, Slope(0.0, 0.0))

    def run(self) -> Report:
        subject = self.subject
        with np.errstate(all="ignore"):
            self.values = subject.tape.values(subject.leaves)
            self.points = [subject.leaves[i] for i in subject.seeds]
            root = np.asarray(self.values[-1])
            if root.dtype.kind != "f" and root.dtype.kind not in "iub":
                return self.end(
                    Verdict.DOMAIN,
                    f"the value has dtype {root.dtype}; only real numbers have gradients here",
                )
            if not subject.seeds:
                return self.end(
                    Verdict.INCONCLUSIVE,
                    "nothing to differentiate: no parameter and no floating point input",
                )
            self.unit = (
                max(subject.unit, float(np.finfo(root.dtype).eps))
                if root.dtype.kind == "f"
                else EPS
            )
            if not np.all(np.isfinite(root)):
                return self.end(Verdict.DOMAIN, "the value itself is not finite here")
            self.kinks = subject.kinks(self.values)
            self.on_kink = [i for i, margin in self.kinks if margin < ON_KINK]
            self.w = measure.weights(
                self.rng, root, subject.root.dtype if subject.is_graph else root.dtype
            )
            ops = sum(line is not None for line in subject.tape.lines)
            longest = max((np.size(v) for v in self.values), default=1)
            self.base = self.unit * (8.0 + 2.0 * ops + 2.0 * longest**0.5)
            self.floor = max(
                float(np.finfo(np.float32).tiny) if self.unit > 1e-10 else 1e-290, 1e-290
            )
            top = float(np.max(np.abs(root), initial=0.0)) if root.dtype == np.float64 else 1.0
            if top > 1.0 / TINY and not subject.is_graph:  # or sums overflow
                self.w = np.ldexp(self.w, -int(np.frexp(top)[1]))
            if 0.0 < top < TINY and not subject.is_graph:
                self.w = np.ldexp(self.w, min(-int(np.frexp(top)[1]), 1000))
                self.by_differences = True
                self.note(
                    "the value is so small that no complex step fits below it: compared with Richardson's differences instead"
                )
            return self.compare()

    # --- the fast path ---------------------------------------------------------------------------------------------------------

    def compare(self) -> Report:
        subject = self.subject
        try:
            self.g = subject.gradients(self.w)
        except Exception as error:
            return self.end(
                Verdict.FAIL,
                f"the gradient raises {type(error).__name__}: {error}",
                elsewhere.raising_edge(subject, self.rng, error),
            )
        wrong = self.contract()
        if wrong is not None:
            return wrong
        if self.again:
            wrong = beside.repeated(self)
            if wrong is not None:
                return wrong
        for k in range(self.projections):
            # Differences go far along what the gradient says is flat, and would meet kinks there.
            gradients = self.g if k and not self.by_differences else None
            d = measure.direction(self.rng, self.points, gradients, subject.dtypes())
            ended = self.project(k, d)
            if ended is not None:
                return self.also_beside(ended)
        ended = self.wide_arguments() or self.faint_entries()
        if ended is not None:
            return ended
        if "graph" in self.modes and subject.is_graph:
            ended = self.by_graph()
            if ended is not None:
                return ended
        if self.on_kink:
            return self.end(
                Verdict.KINK, "on a kink; the gradient is the documented convention there"
            )
        return self.also_beside(self.end(Verdict.PASS))

    def also_beside(self, report: Report) -> Report:
        """What was found at the point stands, unless the gradient is wrong right beside it."""
        if not self.again or report.verdict is Verdict.FAIL or self.was_beside:
            return report
        self.was_beside = True
        return beside.beside(self) or beside.still_the_same(self) or report

    def wide_arguments(self) -> Report | None:
        """Beside float32 arguments, those in float64 are compared once more by themselves, to their own precision."""
        dtypes = self.subject.dtypes()
        wide = [dtype == np.float64 for dtype in dtypes]
        if self.subject.is_graph or all(wide) or not any(wide) or self.unit <= EPS:
            return None
        if np.asarray(self.values[-1]).dtype != np.float64:
            return None
        unit, base = self.unit, self.base
        self.unit, self.base = EPS, base * EPS / unit
        d = measure.direction(self.rng, self.points, None, dtypes)
        ended = self.project(1, [x if w else 0.0 * x for x, w in zip(d, wide, strict=True)])
        self.unit, self.base = unit, base
        return ended if ended is not None and ended.verdict is Verdict.FAIL else None

    def faint_entries(self) -> Report | None:
        """Entries whose part in the whole is lost in its rounding, by themselves, through the results in which they show.

        A tail of 1e-100 beside ones: nothing else would notice that its gradient is off by half.
        """
        subject = self.subject
        if subject.is_graph or self.by_differences:
            return None
        sizes = [
            np.abs(np.asarray(g, np.float64)) * measure.scale_of(p)
            for g, p in zip(self.g, self.points, strict=True)
        ]
        top = max((float(np.max(s, initial=0.0)) for s in sizes), default=0.0)
        if not 0.0 < top < np.inf:
            return None
        levels = [_level(s, top) for s in sizes]
        for level in sorted(set().union(*(np.unique(x).tolist() for x in levels)) - {0})[:8]:
            masks = [x == level for x in levels]
            most = max(
                float(np.max(s, where=m, initial=0.0)) for s, m in zip(sizes, masks, strict=True)
            )
            d = [
                x * m * np.minimum(most / np.where(m & (s > 0), s, most or 1.0), 2.0**30)
                for x, m, s in zip(
                    measure.direction(self.rng, self.points, None, subject.dtypes()),
                    masks,
                    sizes,
                    strict=True,
                )
            ]
            try:
                found = subject.tape.tangent(self.values, self.along(d))[0]
            except NotAnalytic:  # for entries of this size
                continue
            shows = (
                np.abs(found) >= 2.0**-30 * np.abs(self.values[-1]) if found is not None else False
            )
            if not np.any(shows & (np.asarray(found) != 0)):
                continue
            alone = copy.copy(self)
            alone.report, alone.asked = Report(subject, self.report.seed), (None, Slope(0.0, 0.0))
            alone.w, alone.floor = self.w * shows, 0.0
            alone.g = subject.gradients(alone.w)
            ended = alone.project(2, d)
            if ended is not None and ended.verdict is Verdict.FAIL:
                self.report = ended
                return ended
        return None

    def contract(self) -> Report | None:
        """Shapes and dtypes: a gradient has those of its input."""
        subject = self.subject
        rows = zip(subject.labels(), self.g, subject.shapes(), subject.dtypes(), strict=True)
        for i, (label, g, shape, dtype) in enumerate(rows):
            g = np.asarray(g)
            if g.shape != shape:
                what = f"the gradient of {label} has shape {g.shape}, not {shape}"
            elif g.dtype != dtype and (subject.is_graph or g.dtype.kind not in "f"):
                what = f"the gradient of {label} has dtype {g.dtype}, not {dtype}"
            else:
                continue
            return self.end(Verdict.FAIL, what, elsewhere.wrong_kind(subject, i, what))
        if any("writes into" in note for note in subject.notes):
            return self.end(
                Verdict.FAIL,
                subject.notes[-1],
                Mismatch("mutation", name=subject.name, sentence=subject.notes[-1]),
            )
        return None

    def project(self, k: int, d: list[Array]) -> Report | None:
        """Compare along one direction; None when all is well."""
        subject = self.subject
        seeds = self.along(d)
        a, a_size = measure.pairing(self.g, d)
        found = self.expected(seeds)
        if isinstance(found, Slope):
            ended = self.differences_only(a, found, d)
            if ended is None and k == 0 and subject.is_graph and "jvp" in self.modes:
                return self.forward_only(a, a_size, d)
            return ended
        n, n_size = measure.total(self.w, found) if found is not None else (0.0, 0.0)
        # The reference is exact to float64, whatever the code under test is in.
        exact = self.base if subject.is_graph else self.base * self.own_unit() / self.unit
        bound = self.base * a_size + (exact + step_rounding(d)) * n_size + self.floor
        self.report.compared(a, n, bound)
        if not np.isfinite(n):
            return self.end(Verdict.DOMAIN, self.edge() or "the derivative is not finite here")
        if not measure.agree(a, n, bound):
            return self.investigate("vjp", k, seeds, d, a, n, bound)
        if not k and abs(a - n) > max(bound - self.floor, 1e-3 * self.unit * self.size_of_value()):
            return self.end(
                Verdict.INCONCLUSIVE,
                f"the derivative is below {self.floor:.0e}, where {self.narrow()} has no digits to compare",
            )
        if k == 0 and subject.is_graph and "jvp" in self.modes:
            t = np.asarray(subject.tangent(d), np.float64)
            if t.shape != np.shape(self.w):
                return self.investigate("jvp", k, seeds, d, np.nan, n, bound)
            a, a_size = measure.total(self.w, t)
            if not measure.agree(a, n, self.base * a_size + self.base * n_size + self.floor):
                return self.investigate("jvp", k, seeds, d, a, n, bound)
        elif k == 0 and not subject.is_graph and not self.kinks:
            # A black box may lose the step where no Probe sees it: always cross-checked by finite differences.
            second = self.differences(seeds, n_size, quick=n)
            if second.sides is None and second.error > 1e-3 * max(abs(n), abs(second.value)):
                self.note(
                    "differences are too coarse here to confirm the complex step: it stands alone"
                )
            elif not np.isfinite(second.value):
                self.note("differences leave the domain here: the complex step stands alone")
            elif second.sides is not None or not measure.agree(
                second.value, n, CONFIDENCE * second.error + bound
            ):
                self.by_differences = True
                return self.differences_only(a, second, d)
        return None

    def forward_only(self, a: float, a_size: float, d: list[Array]) -> Report | None:
        """Forward mode against reverse mode, which differences have found right: ⟨w, J d⟩ both ways."""
        t = np.asarray(self.subject.tangent(d), np.float64)
        if t.shape == np.shape(self.w):
            b, b_size = measure.total(self.w, t)
            if measure.agree(b, a, 64 * self.base * a_size + 64 * self.base * b_size + self.floor):
                return None
        mismatch = localize.forward_against_reverse(self.subject, self.rng)
        if mismatch is None:
            return self.end(
                Verdict.INCONCLUSIVE,
                "forward and reverse mode differ, but on every edge they agree: rounding or underflow, amplified",
            )
        return self.end(Verdict.FAIL, mismatch.sentence, mismatch)

    def expected(self, seeds: dict[int, Array]) -> Array | Slope:
        """J d by the complex step, or ⟨w, J d⟩ by differences where the code cannot carry one."""
        if not self.by_differences:
            try:
                return self.subject.tape.tangent(self.values, seeds)[0]
            except NotAnalytic as error:
                self.by_differences = True
                self.note(
                    f"no complex step ({error}): compared with Richardson's differences instead"
                )
        return self.differences(seeds, 0.0)

    def by_graph(self) -> Report | None:
        mismatch = localize.compare_graph_mode(self.subject, self.w, self.g, self.base, self.rng)
        return (
            None
            if mismatch is None
            else self.end(Verdict.FAIL, "the gradient graph gives another gradient", mismatch)
        )

    # --- beyond the fast path ----------------------------------------------------------------------------------------------------

    def end(self, verdict: Verdict, why: str = "", mismatch: Any = None) -> Report:
        self.report.settle(verdict, why, mismatch)
        return self.report

    def note(self, text: str) -> None:
        """Say something of how it was checked."""
        self.report.notes.append(text)

    def along(self, d: Sequence[Array]) -> dict[int, Array]:
        """A direction by the numbers of the inputs on the tape."""
        return dict(zip(self.subject.seeds, d, strict=True))

    def not_finite(self) -> Report:
        raised = getattr(self.subject, "raised", "")
        told = f"; it raises {raised}" if raised else ""
        return self.end(Verdict.DOMAIN, "the function is not finite around this point" + told)

    def differences(
        self,
        seeds: dict[int, Array],
        size: float,
        quick: float | None = None,
        weights: Array | None = None,
        apart: Callable[[Slope], bool] | None = None,
    ) -> Slope:
        """⟨w, J d⟩ by differences on the function's own scale; where ordinary steps confirm `quick`, they do."""
        kept, found = self.asked
        if kept is seeds and weights is None and quick is None:
            return found
        w = self.w if weights is None else weights
        f = self.subject.tape.directional(self.subject.leaves, seeds, w)
        size = size if np.isfinite(size) else 0.0
        rounding = f.rounding(self.own_unit()) + self.own_unit() * size
        if quick is not None:
            first = slope(f, rounding)
            if (
                first.sides is None
                and measure.agree(first.value, quick, CONFIDENCE * first.error + 1e-9 * abs(quick))
                and first.error <= 1e-3 * max(abs(quick), rounding)
            ):
                return first
        found = steady_slope(f, rounding, self.scale(0.0), apart)
        if weights is None and apart is None:
            self.asked = seeds, found
        return found

    def sharpened(
        self, found: Slope, seeds: dict[int, Array], gap: float, weights: Array | None = None
    ) -> Slope:
        """The same in extended precision where `found` cannot tell a gap and the function takes such numbers; else `found`.

        NumPy's own functions answer in whatever precision they are asked in, by other code than the complex one.
        """
        if self.subject.is_graph or found.sides is not None or found.error <= 0.03 * gap:
            return found
        if self.own_unit() > EPS or not np.isfinite(found.value) or WIDE > 2.0**-60:
            return found
        w = self.w if weights is None else weights
        try:
            f = self.subject.tape.directional(self.subject.leaves, seeds, w, wide=True)
        except Exception:  # LAPACK, torch, Python's floats
            return found
        if not f.is_wide:
            return found
        fine = steady_slope(f, f.rounding(WIDE), self.scale(0.0))
        near = measure.agree(fine.value, found.value, CONFIDENCE * (fine.error + found.error))
        better = fine.sides is None and fine.error < found.error and near
        return fine._replace(wide=True) if better else found

    def step(self) -> float:
        """The longest step that fits the function, as far as differences have found one."""
        second = self.report.second
        return 2.0**-4 if second is None else float(second.start)

    def narrow(self) -> str:
        """The narrowest dtype that is in play, in words."""
        return "float16" if self.unit > 1e-4 else "float32" if self.unit > 1e-10 else "float64"

    def own_unit(self) -> float:
        """The rounding of one evaluation of the tape, which is in float64 unless a black box answers in less."""
        wide = self.subject.is_graph or np.asarray(self.values[-1]).dtype == np.float64
        return EPS if wide else self.unit

    def edge(self) -> str:
        """Operands on the edge of a domain, in words; empty when there are none."""
        return "; ".join(self.subject.edges(self.values))

    def finite_inside(self) -> bool:
        values = list(self.values)
        if (
            self.subject.is_graph and self.subject.run is not None
        ):  # float32 overflows where the reference does not
            values += self.subject.run._values.values()
        return all(np.all(np.isfinite(np.asarray(v, np.float64))) for v in values)

    def behind_branches(self) -> bool:
        """Whether everything that is not finite lies behind branches of `where` that were not taken, and so counts for nothing."""
        if not self.subject.is_graph:
            return False
        for i, (node, value) in enumerate(zip(self.subject.nodes, self.values, strict=True)):
            bad = ~np.isfinite(np.asarray(value, np.float64))
            if not bad.any() and not np.all(
                np.isfinite(np.asarray(self.subject.run._values[node], np.float64))
            ):
                return False  # beyond the range of float32
            if bad.any() and not self.subject.tape.masked(self.values, i, bad):
                return False
        return True

    def investigate(
        self,
        mode: str,
        k: int,
        seeds: dict[int, Array],
        d: list[Array],
        a: float,
        n: float,
        bound: float,
    ) -> Report | None:
        """Rounding, kink, domain, or wrong?"""
        subject = self.subject
        if not np.isfinite(a) and (self.edge() or not self.finite_inside()):
            return self.out_of_domain(mode)
        if not self.finite_inside() and not self.behind_branches():
            return self.end(Verdict.DOMAIN, self.edge() or "a value on the way is not finite")
        if subject.tape.foreign and np.isfinite(a):
            # On a kink or a tie a disturbance chooses the branch: that is not rounding.
            second = self.differences(seeds, abs(n))
            if second.sides is not None:
                return self.differences_only(a, second, d)
            slack = 2 * CONFIDENCE * second.error + bound
            certain = second.error <= 0.03 * abs(n - a)
            if (
                certain
                and measure.agree(second.value, a, slack)
                and not measure.agree(second.value, n, slack)
            ):
                self.by_differences = True
                self.note(STEP_LOST)
                return None
        moved = float(spread(n, lambda: self.replayed(seeds), REPLAYS)) if np.isfinite(a) else 0.0
        if not np.isfinite(moved):
            moved = 0.0
        own = 0.0
        if not subject.is_graph and np.isfinite(a):
            own = float(spread(a, lambda: self.gradient_replayed(d), REPLAYS))
        if not self.by_differences:
            moved += subject.tape.truncation(self.values, seeds, self.w)
        without = bound + CONFIDENCE * moved
        error = without + CONFIDENCE * own
        self.report.compared(a, n, error)
        scale = self.scale(n)
        quality = max(QUALITY, 1e5 * self.unit)
        if measure.agree(a, n, error):
            cancels = not k and self.unit < 1e-10 and own > COARSE * scale
            # Less than the function's own last digit is no matter (1 - y² in the tails of tanh).
            beneath = abs(a - n) <= self.unit * self.size_of_value() * self.stretch(d)
            if cancels and not beneath and not measure.agree(a, n, without):
                return self.end(
                    Verdict.INCONCLUSIVE,
                    f"the gradient code rounds to {own / scale:.0e} of the derivative: it cancels, or takes differences",
                )
            if error <= quality * scale or k > 0:
                return None
            told = self.in_float64(d, a, n)
            if told is Verdict.PASS:
                return None
            if told is Verdict.INCONCLUSIVE:
                what, by = ("gradient", own) if own > moved else ("derivative", moved)
                return self.end(
                    Verdict.INCONCLUSIVE,
                    f"rounding alone moves the {what} by {by:.1e} here: too much to tell",
                )
            error = without
        elif self.in_float64(d, a, n) is Verdict.PASS:
            self.note(
                f"in float64 the same code is right; in {self.narrow()} what is off is rounding"
            )
            return None
        return self.locate(mode, seeds, d, a, n, error, quality * scale)

    def scale(self, n: float) -> float:
        """What an error is measured against: the derivative, or a thousandth of the function, or next to nothing where both are zero."""
        sizes = [
            float(np.max(np.abs(v), initial=0.0))
            for v in map(np.asarray, self.values)
            if v.dtype.kind == "f"
        ]
        return max(
            abs(n),
            1e-3 * self.size_of_value(),
            1e-25 * (max(sizes, default=0.0) or 1.0),
        )

    def stretch(self, d: list[Array]) -> float:
        """How far the direction leads, in sizes of the inputs."""
        parts = (np.abs(x) / measure.scale_of(p) for x, p in zip(d, self.points, strict=True))
        return max((float(np.max(r, initial=0.0)) for r in parts), default=0.0)

    def size_of_value(self) -> float:
        return float(np.sum(np.abs(self.w * self.values[-1])))

    def out_of_domain(self, mode: str) -> Report:
        """A gradient that is not finite, on the edge of a domain: not an error, unless a branch that was not taken leaks."""
        why = self.edge() or "a value on the way is not finite"
        if not self.subject.is_graph:
            return self.end(Verdict.DOMAIN, why)
        verdict, mismatch = (localize.reverse if mode == "vjp" else localize.forward)(
            self.subject, self.w, self.rng
        )
        if verdict is not Verdict.FAIL or mismatch is None or mismatch.node is None:
            return self.end(Verdict.DOMAIN, why)
        if mismatch.kind in (
            "accumulation",
            "driver",
            "seed",
        ):  # every share is finite, their sum is not
            return self.end(Verdict.FAIL, "", mismatch)
        i = self.subject.index[mismatch.node]
        shape = np.shape(self.values[i])
        wrong = mismatch.got_array if np.shape(mismatch.got_array) == shape else self.values[i]
        if not self.subject.tape.masked(
            self.values, i, ~np.isfinite(np.asarray(wrong, np.float64))
        ):
            return self.end(Verdict.DOMAIN, why)
        mismatch.sentence = (
            "behind a branch that was not taken the gradient is zero by structure; here it leaks"
        )
        elsewhere.where_the_mask_is_lost(self.subject, mismatch)
        return self.end(Verdict.FAIL, "", mismatch)

    def replayed(self, seeds: dict[int, Array]) -> float:
        """n once more, with every value disturbed by its rounding."""
        tape, leaves = self.subject.tape, self.subject.leaves
        if not self.subject.is_graph:
            try:
                with noise(self.rng, self.unit):
                    found = tape.tangent(self.values, seeds)[0]
            except NotAnalytic:  # the function raises where noise has moved its arguments
                return float("nan")
        else:
            # On a kink the values must stay where they are, or the noise would choose the branch.
            values = tape.values(leaves, self.rng, self.unit) if not self.on_kink else self.values
            found = tape.tangent(values, seeds, self.rng, self.unit, bool(self.on_kink))[0]
        return 0.0 if found is None else measure.total(self.w, found)[0]

    def gradient_replayed(self, d: list[Array]) -> float:
        """a once more, with the arithmetic of the gradient code disturbed."""
        subject = self.subject
        with noise(self.rng, self.unit):
            inputs = [same_layout(x, noisy(x)).view(type(noisy(x))) for x in subject.inputs]
            try:
                found = subject.pullback(subject.upstream(noisy(np.asarray(self.w))), *inputs)
            except Exception:  # code that takes plain arrays only
                plain = [np.array(x) for x in inputs]
                found = subject.pullback(subject.upstream(np.array(self.w)), *plain)
        return self.paired(found, d)

    def in_float64(self, d: list[Array], a: float, n: float) -> Verdict:
        """The same gradient code in float64: PASS where it is right there, so that what is off is rounding; FAIL where it is as wrong."""
        subject = self.subject
        if subject.is_graph or self.unit < 1e-10 or not np.isfinite(a):
            return Verdict.INCONCLUSIVE
        inputs = [x.astype(np.float64) if x.dtype.kind == "f" else x for x in subject.inputs]
        try:
            found = subject.pullback(subject.upstream(np.array(self.w)), *inputs)
            b = self.paired(found, d)
        except Exception:  # code that takes the precision that it was written for
            return Verdict.INCONCLUSIVE
        size = measure.pairing(self.g, d)[1]
        largest = max(float(np.max(np.abs(v), initial=1.0)) for v in self.values)
        if abs(b - n) <= 1e-3 * abs(a - n) and abs(a - n) <= 64 * self.unit * largest * size:
            return Verdict.PASS
        if abs(b - a) <= 0.1 * abs(b - n) and abs(b - n) > 1e-3 * abs(n):
            return Verdict.FAIL
        return Verdict.INCONCLUSIVE

    def paired(self, found: Any, d: list[Array]) -> float:
        """⟨g, d⟩ of what the gradient answers."""
        subject = self.subject
        found = list(found) if isinstance(found, tuple | list) else [found]
        if len(found) == len(subject.inputs) != len(subject.wrt):
            found = [found[i] for i in subject.wrt]
        return measure.pairing(
            [
                np.zeros_like(x) if g is None else np.asarray(g)
                for g, x in zip(found, d, strict=True)
            ],
            d,
        )[0]

    def locate(
        self,
        mode: str,
        seeds: dict[int, Array],
        d: list[Array],
        a: float,
        n: float,
        error: float,
        negligible: float,
    ) -> Report | None:
        """More than rounding. Where is it wrong, and do finite differences agree?"""
        subject = self.subject
        if not subject.is_graph:
            return self.locate_in_function(seeds, d, a, n, error)
        near = bool(self.kinks) and min(margin for _, margin in self.kinks) < 2.0**-4
        if not near:
            second = self.differences(seeds, abs(n))
            self.report.second = second
            contradicted = second.sides is None and not measure.agree(
                second.value, n, 2 * CONFIDENCE * second.error + error
            )
            # Differences that contradict the complex step and back the gradient: the reference is not to be trusted.
            if contradicted and measure.agree(
                second.value, a, 2 * CONFIDENCE * second.error + error
            ):
                if subject.tape.foreign:  # code that lost the step unseen
                    self.note(STEP_LOST)
                    return None
                return self.end(
                    Verdict.INCONCLUSIVE, "complex step and Richardson's differences disagree"
                )
        find = localize.reverse if mode == "vjp" else localize.forward
        verdict, mismatch = find(subject, self.w, self.rng)
        if mismatch is not None:
            return self.end(
                verdict, mismatch.sentence if verdict is not Verdict.FAIL else "", mismatch
            )
        if not np.isfinite(a):
            return self.end(
                Verdict.DOMAIN,
                f"beyond the range of {subject.root.dtype}: every edge and every sum is right by itself",
            )
        if abs(a - n) <= negligible:
            self.note(
                "the gradient code rounds more than the function does, edge by edge, but no edge is wrong"
            )
            return None
        return self.end(
            Verdict.INCONCLUSIVE,
            "the gradients differ, but every edge and every sum is right by itself: rounding or underflow, amplified",
        )

    def locate_in_function(
        self, seeds: dict[int, Array], d: list[Array], a: float, n: float, error: float
    ) -> Report | None:
        """Complex step and gradient differ. Differences decide: FAIL needs both to say the same."""
        second = self.differences(seeds, abs(n))
        self.report.second = second
        if not np.isfinite(error):  # the gradient is not finite: what it says gives no measure
            error = 8 * self.base * abs(n) + self.floor
        if second.sides is not None:
            return self.differences_only(a, second, d)
        far = second
        for start in (
            2.0**8,
            2.0**20,
        ):  # where a larger term drowns a small argument, far steps still see it
            if far.sides is None and far.error > 0.03 * abs(n - a):
                f = self.subject.tape.directional(self.subject.leaves, seeds, self.w)
                far = slope(f, f.rounding(EPS), start)
        if far.sides is None and far.error < second.error:
            if measure.agree(far.value, n, 2 * CONFIDENCE * far.error + error):
                second = far
        second = self.report.second = self.sharpened(second, seeds, abs(n - a))
        slack = 2 * CONFIDENCE * second.error + error
        if measure.agree(second.value, n, slack) and (
            second.error <= 0.03 * abs(n - a) or not np.isfinite(a)
        ):
            kink = self.kink_elsewhere(seeds)
            if kink is not None:  # of many kinks the slopes to either side may sum to the same
                return self.differences_only(a, kink, d)
            return self.end(
                Verdict.FAIL,
                "",
                self.worst(),
            )
        if measure.agree(second.value, a, slack) and second.error <= 0.03 * abs(n - a):
            self.by_differences = True
            self.note(STEP_LOST)
            return None
        if not np.isfinite(second.value):
            return self.not_finite()
        return self.worst_alone(error, second)

    def kink_elsewhere(self, seeds: dict[int, Array]) -> Slope | None:
        """One-sided slopes that differ along other directions, seen by weights that do not cancel; None where there are none."""
        for _ in range(2):
            other = {
                i: seed * np.abs(measure.continuous(self.rng, np.shape(seed)))
                for i, seed in seeds.items()
            }
            found = self.differences(
                other,
                0.0,
                weights=np.abs(self.w),
                apart=lambda one: one.error <= 1e-6 * abs(one.value),
            )
            if found.sides is not None:
                return found
        return None

    def worst(self) -> Mismatch:
        """Where it is wrong: the piece that the function is made of, where pieces can be told, or the entry."""
        inner: Mismatch | None = self.subject.locate(self.report)
        return inner or self.worst_entry()

    def worst_entry(self) -> Mismatch:
        return elsewhere.worst_argument(
            self.subject, self.w, self.g, self.values, self.unit, self.rng, self.step()
        )

    def worst_alone(self, error: float, doubt: Slope) -> Report:
        """The worst entry by itself, through the results that it reaches: there differences may tell what the others drown."""
        subject = self.subject
        mismatch = self.worst_entry()
        j = subject.wrt.index(mismatch.operand)
        d = [np.zeros(np.shape(p)) for p in self.points]
        d[j][mismatch.element] = measure.scale_of(self.points[j])[mismatch.element]
        seeds = self.along(d)
        try:
            found = np.asarray(subject.tape.tangent(self.values, seeds)[0])
        except NotAnalytic:  # for this entry alone
            return self.end(Verdict.INCONCLUSIVE, "no complex step for the entry that is off most")
        shows = np.abs(found) >= 2.0**-30 * np.abs(self.values[-1])
        reached = self.w * (found != 0) * (shows if np.any(shows & (found != 0)) else True)
        n, n_size = measure.total(reached, found)
        a, a_size = measure.pairing(subject.gradients(reached), d)
        second = self.differences(seeds, abs(n), weights=reached)
        second = self.sharpened(second, seeds, abs(n - a), reached)
        bound = self.base * a_size + self.base * n_size + self.floor
        told = second.sides is None and second.error <= 0.03 * abs(n - a)
        if told and measure.agree(second.value, n, 2 * CONFIDENCE * second.error + bound):
            self.report.compared(a, n, bound)
            self.report.second = second
            return self.end(Verdict.FAIL, "", mismatch)
        return self.end(
            Verdict.INCONCLUSIVE,
            f"the gradient differs from the complex step, and differences, uncertain by {doubt.error:.1e}, confirm neither",
        )

    def differences_only(self, a: float, found: Slope, d: list[Array]) -> Report | None:
        """Where only differences are to be had: one-sided slopes at a kink, and a second direction before anything is called wrong."""
        self.report.second = found
        if found.sides is not None:
            if not self.subject.is_graph:
                if self.again:
                    return beside.on_a_kink(self)
                return self.end(Verdict.KINK, "the one-sided slopes differ here")
            verdict, mismatch = localize.reverse(self.subject, self.w, self.rng)
            if verdict is Verdict.FAIL:
                return self.end(verdict, "", mismatch)
            return self.end(
                Verdict.KINK,
                "the one-sided slopes differ here; every local gradient lies between them",
            )
        if self.subject.is_graph and not np.isfinite(a):
            verdict, mismatch = localize.reverse(self.subject, self.w, self.rng)
            if verdict in (Verdict.FAIL, Verdict.DOMAIN):
                why = "" if verdict is Verdict.FAIL else "no derivative here"
                return self.end(verdict, why, mismatch)
        terms = measure.pairing(self.g, d)[1]
        gap = abs(a - found.value)
        if found.error > 1e-11 * terms and gap <= 1e-3 * terms:
            found = self.sharpened(found, self.along(d), gap)
            self.report.second = found
        tolerance = CONFIDENCE * found.error + self.base * (terms + abs(found.value)) + self.floor
        self.report.compared(a, found.value, tolerance)
        if not np.isfinite(found.value):
            return self.not_finite()
        uncertain = f"the differences are uncertain by {found.error:.1e}: too much to tell"
        if measure.agree(a, found.value, tolerance):
            if found.error > 10 * QUALITY * max(self.scale(found.value), terms):
                return self.end(Verdict.INCONCLUSIVE, uncertain)
            return None
        if found.error > 0.03 * abs(found.value - a):
            if abs(found.value - a) <= BY_DIFFERENCES * (terms + abs(found.value)):
                return None  # as many digits as differences ever have
            return self.end(Verdict.INCONCLUSIVE, uncertain)
        if not self.subject.is_graph and gap <= ALONE * terms and not found.wide:
            return self.end(
                Verdict.INCONCLUSIVE,
                f"the gradient is off by {gap / terms:.0e} of itself, and only differences see it: the function may be no more exact",
            )
        if not self.subject.is_graph and np.isfinite(a):
            moved = float(spread(a, lambda: self.gradient_replayed(d), REPLAYS))
            told = self.in_float64(d, a, found.value)
            if told is Verdict.PASS:
                return None
            within = measure.agree(a, found.value, tolerance + CONFIDENCE * moved)
            if within and told is not Verdict.FAIL:
                return self.end(
                    Verdict.INCONCLUSIVE,
                    f"rounding alone moves the gradient by {moved:.1e} here: too much to tell",
                )
        return self.recheck(a, found, d, "")

    def recheck(self, a: float, found: Slope, d: list[Array], why: str) -> Report:
        """A second direction and other steps must find the same, or nothing is certain."""
        for _ in range(3):
            again = [x * measure.continuous(self.rng, np.shape(x)) for x in d]
            b, _ = measure.pairing(self.g, again)
            along = self.along(again)
            other = self.differences(
                along,
                0.0,
                apart=lambda one, b=b: one.error <= 1e-3 * abs(one.value - b),  # type: ignore[misc]
            )
            other = self.sharpened(other, along, abs(other.value - b))
            apart = not measure.agree(b, other.value, CONFIDENCE * other.error)
            enough = abs(other.value - b) if np.isfinite(b) else self.scale(other.value)
            if other.sides is None and apart and other.error <= 0.03 * enough:
                break
        else:
            return self.end(Verdict.INCONCLUSIVE, "other directions do not confirm the difference")
        if self.subject.is_graph:
            verdict, mismatch = localize.reverse(self.subject, self.w, self.rng)
            if verdict is not Verdict.FAIL:
                return self.end(
                    Verdict.INCONCLUSIVE,
                    "differences say another gradient, but every edge and every sum is right by itself",
                )
        else:
            mismatch = self.worst()
        return self.end(Verdict.FAIL, why, mismatch)


def _level(sizes: Array, top: float) -> Array:
    """0 for entries that count in the whole, 1, 2, ... for ever fainter ones, -1 for those without a gradient."""
    with np.errstate(all="ignore"):
        below = np.frexp(top)[1] - np.frexp(sizes)[1]
    return np.where(sizes > 0, np.where(below < 16, 0, 1 + (below - 16) // 30), -1)
