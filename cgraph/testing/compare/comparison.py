"""Check: one comparison of a gradient with the reference, the quick road of `check_gradients`.

One evaluation by the code under test, one complex step a direction, one comparison with the tightest bound that rounding allows. Nearly
every correct gradient ends there; whatever does not goes on to `inquiry.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cgraph.testing.compare import beside, measure
from cgraph.testing.compare.inquiry import CONFIDENCE, Inquiry
from cgraph.testing.oracle.complex_step import NotAnalytic
from cgraph.testing.oracle.differences import Slope
from cgraph.testing.oracle.tape import EPS
from cgraph.testing.report import Blame, Report, Verdict

Array = Any

ON_KINK = 2.0**-40  # closer than this counts as on it: rounding upstream may have chosen the branch


class Check(Inquiry):
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
        self.suspect: Blame | None = None
        self.by_differences = reference == "richardson"
        self.was_beside = False

    def judge(self) -> Report:
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
            return self.compare()

    # --- the quick road ---------------------------------------------------------------------------------------------------------

    def compare(self) -> Report:
        subject = self.subject
        try:
            self.g = subject.gradients(self.w)
        except Exception as error:
            from cgraph.testing.localize.blame import blame_error

            return self.end(
                Verdict.FAIL,
                f"the gradient raises {type(error).__name__}: {error}",
                blame_error(subject, self.rng, error),
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
        ended = self.wide_arguments()
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
        return beside.beside(self) or report

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
            from cgraph.testing.localize.blame import blame_contract

            return self.end(Verdict.FAIL, what, blame_contract(subject, i, what))
        if any("writes into" in note for note in subject.notes):
            return self.end(
                Verdict.FAIL,
                subject.notes[-1],
                Blame("mutation", name=subject.name, sentence=subject.notes[-1]),
            )
        return None

    def project(self, k: int, d: list[Array]) -> Report | None:
        """Compare along one direction; None when all is well."""
        subject = self.subject
        seeds = dict(zip(subject.seeds, d, strict=True))
        a, a_size = measure.pairing(self.g, d)
        found = self.expected(seeds)
        if isinstance(found, Slope):
            ended = self.differences_only(a, found, d)
            if ended is None and k == 0 and subject.is_graph and "jvp" in self.modes:
                return self.forward_only(a, a_size, d)
            return ended
        n, n_size = measure.total(self.w, found) if found is not None else (0.0, 0.0)
        bound = self.base * (a_size + n_size) + self.floor
        self.report.compared(a, n, bound)
        if not np.isfinite(n):
            return self.end(Verdict.DOMAIN, self.edge() or "the derivative is not finite here")
        if not measure.agree(a, n, bound):
            return self.investigate("vjp", k, seeds, d, a, n, bound)
        if k == 0 and subject.is_graph and "jvp" in self.modes:
            t = np.asarray(subject.tangent(d), np.float64)
            if t.shape != np.shape(self.w):
                return self.investigate("jvp", k, seeds, d, np.nan, n, bound)
            a, a_size = measure.total(self.w, t)
            if not measure.agree(a, n, self.base * (a_size + n_size) + self.floor):
                return self.investigate("jvp", k, seeds, d, a, n, bound)
        elif k == 0 and not subject.is_graph and not self.kinks:
            # A black box may lose the step where no Probe sees it: the second key is always turned.
            second = self.differences(seeds, n_size, quick=n)
            if second.sides is None and second.error > 1e-3 * max(abs(n), abs(second.value)):
                self.report.notes.append(
                    "differences are too coarse here to confirm the complex step: it stands alone"
                )
            elif not np.isfinite(second.value):
                self.report.notes.append(
                    "differences leave the domain here: the complex step stands alone"
                )
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
            if measure.agree(b, a, 64 * self.base * (a_size + b_size) + self.floor):
                return None
        from cgraph.testing.localize.localize import forward_against_reverse

        blame = forward_against_reverse(self.subject, self.rng)
        if blame is None:
            return self.end(
                Verdict.INCONCLUSIVE,
                "forward and reverse mode differ, but on every edge they agree: rounding, amplified",
            )
        return self.end(Verdict.FAIL, blame.sentence, blame)

    def expected(self, seeds: dict[int, Array]) -> Array | Slope:
        """J d by the complex step, or ⟨w, J d⟩ by differences where the code cannot carry one."""
        if not self.by_differences:
            try:
                return self.subject.tape.tangent(self.values, seeds)[0]
            except NotAnalytic as error:
                self.by_differences = True
                self.report.notes.append(
                    f"no complex step ({error}): compared with Richardson's differences instead"
                )
        return self.differences(seeds, 0.0)

    def by_graph(self) -> Report | None:
        from cgraph.testing.localize.localize import compare_graph_mode

        blame = compare_graph_mode(self.subject, self.w, self.g, self.base, self.rng)
        return (
            None
            if blame is None
            else self.end(Verdict.FAIL, "the gradient graph gives another gradient", blame)
        )
