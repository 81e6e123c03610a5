"""Inquiry: what happens when a gradient and the reference differ by more than the tightest bound.

Rounding, a kink, the edge of a domain, or wrong? Replays with disturbed arithmetic say how much of the difference rounding explains;
Richardson's differences must not contradict the reference; and in a graph a culprit has to be found, an edge or a sum that is wrong by
itself. Only then is it called FAIL.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cgraph.testing.compare import beside, measure
from cgraph.testing.compare.subject import same_layout
from cgraph.testing.oracle.complex_step import NotAnalytic
from cgraph.testing.oracle.differences import Slope, slope, steady_slope
from cgraph.testing.oracle.noise import noise, noisy, spread
from cgraph.testing.oracle.tape import EPS
from cgraph.testing.report import Report, Verdict

Array = Any

CONFIDENCE = 4.0  # times the measured spread
REPLAYS = 8
COARSE = 2e-10  # of the derivative: a gradient in float64 that is noisier than that by itself is not called right
QUALITY = 1e-4  # a verdict needs a bound this much smaller than what it bounds


class Inquiry:
    """The part of a check that is needed when the quick road ends; `Check` adds the quick road."""

    subject: Any
    rng: Any
    report: Report
    values: list[Array]
    w: Array
    g: list[Array]
    unit: float
    base: float
    floor: float
    kinks: list[tuple[int, float]]
    on_kink: list[int]
    by_differences: bool
    again: bool

    def end(self, verdict: Verdict, why: str = "", blame: Any = None) -> Report:
        self.report.settle(verdict, why, blame)
        return self.report

    def differences(
        self, seeds: dict[int, Array], size: float, quick: float | None = None
    ) -> Slope:
        """⟨w, J d⟩ by differences on the function's own scale; where ordinary steps confirm `quick`, they do."""
        f = self.subject.tape.directional(self.subject.leaves, seeds, self.w)
        size = size if np.isfinite(size) else 0.0
        rounding = self.own_unit() * (float(np.sum(np.abs(self.w * self.values[-1]))) + size)
        if quick is not None:
            first = slope(f, rounding)
            if (
                first.sides is None
                and measure.agree(first.value, quick, CONFIDENCE * first.error + 1e-9 * abs(quick))
                and first.error <= 1e-3 * max(abs(quick), rounding)
            ):
                return first
        return steady_slope(f, rounding, self.worth(0.0))

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
            return self.beyond(mode)
        if not self.finite_inside() and not self.behind_branches():
            return self.end(Verdict.DOMAIN, self.edge() or "a value on the way is not finite")
        foreign = any(line is not None and line.twin is None for line in subject.tape.lines)
        if foreign and np.isfinite(a):
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
                self.report.notes.append(
                    "the complex step is lost in this code: compared with Richardson's differences instead"
                )
                return None
        moved = float(spread(n, lambda: self.replayed(seeds), REPLAYS)) if np.isfinite(a) else 0.0
        if not np.isfinite(moved):
            moved = 0.0
        own = 0.0
        if not subject.is_graph and np.isfinite(a):
            own = float(spread(a, lambda: self.accused(d), REPLAYS))
        if not self.by_differences:
            moved += subject.tape.truncation(self.values, seeds, self.w)
        without = bound + CONFIDENCE * moved
        error = without + CONFIDENCE * own
        self.report.compared(a, n, error)
        worth = self.worth(n)
        quality = max(QUALITY, 1e5 * self.unit)
        if measure.agree(a, n, error):
            if self.unit < 1e-10 and own > COARSE * worth and not measure.agree(a, n, without):
                return self.end(
                    Verdict.INCONCLUSIVE,
                    f"the gradient code rounds to {own / worth:.0e} of the derivative: it cancels, or takes differences",
                )
            if error <= quality * worth or k > 0:
                return None
            return self.end(
                Verdict.INCONCLUSIVE,
                f"rounding alone moves the derivative by {moved:.1e} here: too much to tell",
            )
        return self.accuse(mode, seeds, d, a, n, error, quality * worth)

    def worth(self, n: float) -> float:
        """What an error is measured against: the derivative, or a thousandth of the function, or next to nothing where both are zero."""
        sizes = [
            float(np.max(np.abs(v), initial=0.0))
            for v in map(np.asarray, self.values)
            if v.dtype.kind == "f"
        ]
        return max(
            abs(n),
            1e-3 * float(np.sum(np.abs(self.w * self.values[-1]))),
            1e-25 * (max(sizes, default=0.0) or 1.0),
        )

    def beyond(self, mode: str) -> Report:
        """A gradient that is not finite, on the edge of a domain: nobody's fault, unless a branch that was not taken leaks."""
        from cgraph.testing.localize import blame as blaming, localize

        why = self.edge() or "a value on the way is not finite"
        if not self.subject.is_graph:
            return self.end(Verdict.DOMAIN, why)
        verdict, blame = (localize.reverse if mode == "vjp" else localize.forward)(
            self.subject, self.w, self.rng
        )
        if verdict is not Verdict.FAIL or blame is None or blame.node is None:
            return self.end(Verdict.DOMAIN, why)
        if blame.kind in (
            "accumulation",
            "driver",
            "seed",
        ):  # every share is finite, their sum is not
            return self.end(Verdict.FAIL, "", blame)
        i = self.subject.index[blame.node]
        shape = np.shape(self.values[i])
        wrong = blame.got_array if np.shape(blame.got_array) == shape else self.values[i]
        if not self.subject.tape.masked(
            self.values, i, ~np.isfinite(np.asarray(wrong, np.float64))
        ):
            return self.end(Verdict.DOMAIN, why)
        blame.sentence = (
            "behind a branch that was not taken the gradient is zero by structure; here it leaks"
        )
        blaming.where_the_mask_is_lost(self.subject, blame)
        return self.end(Verdict.FAIL, "", blame)

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

    def accused(self, d: list[Array]) -> float:
        """a once more, with the arithmetic of the gradient code disturbed."""
        subject = self.subject
        with noise(self.rng, self.unit):
            inputs = [same_layout(x, noisy(x)).view(type(noisy(x))) for x in subject.inputs]
            try:
                found = subject.pullback(noisy(np.asarray(self.w)), *inputs)
            except Exception:  # code that takes plain arrays only
                plain = [np.array(x) for x in inputs]
                found = subject.pullback(np.array(self.w), *plain)
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

    def accuse(
        self,
        mode: str,
        seeds: dict[int, Array],
        d: list[Array],
        a: float,
        n: float,
        error: float,
        negligible: float,
    ) -> Report | None:
        """More than rounding. Where is it wrong, and does the second key agree?"""
        from cgraph.testing.localize import localize

        subject = self.subject
        if not subject.is_graph:
            return self.accuse_function(seeds, d, a, n, error)
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
                if any(
                    line is not None and line.twin is None for line in subject.tape.lines
                ):  # code that lost the step unseen
                    self.report.notes.append(
                        "the complex step is lost in this code: compared with Richardson's differences instead"
                    )
                    return None
                return self.end(
                    Verdict.INCONCLUSIVE, "complex step and Richardson's differences disagree"
                )
        find = localize.reverse if mode == "vjp" else localize.forward
        verdict, blame = find(subject, self.w, self.rng)
        if blame is not None:
            return self.end(verdict, blame.sentence if verdict is not Verdict.FAIL else "", blame)
        if not np.isfinite(a):
            return self.end(
                Verdict.DOMAIN,
                f"beyond the range of {subject.root.dtype}: every edge and every sum is right by itself",
            )
        if abs(a - n) <= negligible:
            self.report.notes.append(
                "the gradient code rounds more than the function does, edge by edge, but no edge is wrong"
            )
            return None
        return self.end(
            Verdict.INCONCLUSIVE,
            "the gradients differ, but every edge and every sum is right by itself: rounding, amplified",
        )

    def accuse_function(
        self, seeds: dict[int, Array], d: list[Array], a: float, n: float, error: float
    ) -> Report | None:
        """Complex step and gradient differ. Differences decide: FAIL needs both to say the same."""
        from cgraph.testing.localize import blame as blaming

        second = self.differences(seeds, abs(n))
        self.report.second = second
        if not np.isfinite(error):  # the gradient is not finite: what it says gives no measure
            error = 8 * self.base * abs(n) + self.floor
        if second.sides is not None:
            return self.differences_only(a, second, d)
        slack = 2 * CONFIDENCE * second.error + error
        far = second
        for start in (
            2.0**8,
            2.0**20,
        ):  # where a larger term drowns a small argument, far steps still see it
            if far.sides is None and far.error > 0.03 * abs(n - a):
                f = self.subject.tape.directional(self.subject.leaves, seeds, self.w)
                far = slope(f, EPS * float(np.sum(np.abs(self.w * self.values[-1]))), start)
        if far.sides is None and far.error < second.error:
            if measure.agree(far.value, n, 2 * CONFIDENCE * far.error + error):
                second = self.report.second = far
                slack = 2 * CONFIDENCE * second.error + error
        if measure.agree(second.value, n, slack) and (
            second.error <= 0.03 * abs(n - a) or not np.isfinite(a)
        ):
            return self.end(
                Verdict.FAIL,
                "",
                blaming.blame_argument(
                    self.subject, self.w, self.g, self.values, self.unit, error, self.rng
                ),
            )
        if measure.agree(second.value, a, slack) and second.error <= 0.03 * abs(n - a):
            self.by_differences = True
            self.report.notes.append(
                "the complex step is lost in this code: compared with Richardson's differences instead"
            )
            return None
        if not np.isfinite(second.value):
            raised = getattr(self.subject, "raised", "")
            return self.end(
                Verdict.DOMAIN,
                "the function is not finite around this point"
                + (f"; it raises {raised}" if raised else ""),
            )
        if np.count_nonzero([np.any(x) for x in d]) > 1:
            return self.one_by_one(seeds, d, error)
        return self.end(
            Verdict.INCONCLUSIVE,
            f"the gradient differs from the complex step, and differences, uncertain by {second.error:.1e}, confirm neither",
        )

    def one_by_one(self, seeds: dict[int, Array], d: list[Array], error: float) -> Report | None:
        """Along one argument alone differences may tell what a larger one drowns."""
        report: Report | None = None
        for j, i in enumerate(self.subject.seeds):
            alone = [x if k == j else 0.0 * x for k, x in enumerate(d)]
            part = {**{k: 0.0 * x for k, x in seeds.items()}, i: d[j]}
            found = self.subject.tape.tangent(self.values, part)[0]
            n, n_size = measure.total(self.w, found) if found is not None else (0.0, 0.0)
            a, a_size = measure.pairing(self.g, alone)
            if not measure.agree(a, n, self.base * (a_size + n_size) + self.floor):
                report = self.accuse_function(part, alone, a, n, min(error, 1e-3 * abs(a - n)))
                if report is not None and report.verdict is Verdict.FAIL:
                    return report
        return report

    def differences_only(self, a: float, found: Slope, d: list[Array]) -> Report | None:
        """Where only differences are to be had: one-sided slopes at a kink, and a second direction before anything is called wrong."""
        self.report.second = found
        if found.sides is not None:
            if not self.subject.is_graph:
                if self.again:
                    return beside.on_a_kink(self)
                return self.end(Verdict.KINK, "the one-sided slopes differ here")
            from cgraph.testing.localize import localize

            verdict, blame = localize.reverse(self.subject, self.w, self.rng)
            if verdict is Verdict.FAIL:
                return self.end(verdict, "", blame)
            return self.end(
                Verdict.KINK,
                "the one-sided slopes differ here; every local gradient lies between them",
            )
        if self.subject.is_graph and not np.isfinite(a):
            from cgraph.testing.localize import localize

            verdict, blame = localize.reverse(self.subject, self.w, self.rng)
            if verdict in (Verdict.FAIL, Verdict.DOMAIN):
                why = "" if verdict is Verdict.FAIL else "no derivative here"
                return self.end(verdict, why, blame)
        terms = measure.pairing(self.g, d)[1]
        tolerance = CONFIDENCE * found.error + self.base * (terms + abs(found.value)) + self.floor
        self.report.compared(a, found.value, tolerance)
        if not np.isfinite(found.value):
            raised = getattr(self.subject, "raised", "")
            return self.end(
                Verdict.DOMAIN,
                "the function is not finite around this point"
                + (f"; it raises {raised}" if raised else ""),
            )
        if measure.agree(a, found.value, tolerance):
            if found.error > 10 * QUALITY * self.worth(found.value):
                return self.end(
                    Verdict.INCONCLUSIVE,
                    f"the differences are uncertain by {found.error:.1e}: too much to tell",
                )
            return None
        if found.error > 0.03 * abs(found.value - a):
            return self.end(
                Verdict.INCONCLUSIVE,
                f"the differences are uncertain by {found.error:.1e}: too much to tell",
            )
        if not self.subject.is_graph and np.isfinite(a):
            moved = float(spread(a, lambda: self.accused(d), REPLAYS))
            if measure.agree(a, found.value, tolerance + CONFIDENCE * moved):
                return self.end(
                    Verdict.INCONCLUSIVE,
                    f"rounding alone moves the gradient by {moved:.1e} here: too much to tell",
                )
        return self.confirmed(a, found, d, "")

    def confirmed(self, a: float, found: Slope, d: list[Array], why: str) -> Report:
        """A second direction and other steps must find the same, or nothing is certain."""
        from cgraph.testing.localize import blame as blaming, localize

        for _ in range(3):
            again = [x * measure.continuous(self.rng, np.shape(x)) for x in d]
            other = self.differences(dict(zip(self.subject.seeds, again, strict=True)), 0.0)
            b, _ = measure.pairing(self.g, again)
            apart = not measure.agree(b, other.value, CONFIDENCE * other.error)
            if other.sides is None and apart and other.error <= 0.03 * abs(other.value - b):
                break
        else:
            return self.end(Verdict.INCONCLUSIVE, "other directions do not confirm the difference")
        if self.subject.is_graph:
            verdict, blame = localize.reverse(self.subject, self.w, self.rng)
            if verdict is not Verdict.FAIL:
                return self.end(
                    Verdict.INCONCLUSIVE,
                    "differences say another gradient, but every edge and every sum is right by itself",
                )
        else:
            blame = blaming.blame_argument(
                self.subject, self.w, self.g, self.values, self.unit, found.error, self.rng
            )
        return self.end(Verdict.FAIL, why, blame)
