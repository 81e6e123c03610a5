"""`check_gradients`: is this gradient the derivative of this function? PASS, FAIL, KINK, DOMAIN or INCONCLUSIVE, and why.

The quick road: one evaluation by the code under test, one complex step, one comparison with the tightest bound that rounding allows.
Nearly every correct gradient ends there. Whatever does not is investigated: replays with disturbed arithmetic say how much of the
difference rounding explains; Richardson's differences must not contradict the reference; and in a graph a culprit has to be found, an
edge or a sum that is wrong by itself. Only then is it called FAIL.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cgraph.testing import measure
from cgraph.testing.adapters import Subject, as_subject
from cgraph.testing.noise import noise, noisy, spread
from cgraph.testing.probe import NotAnalytic
from cgraph.testing.reference import EPS, Slope, slope
from cgraph.testing.report import Blame, GradientMismatch, Report, Verdict

Array = Any

CONFIDENCE = 4.0  # times the measured spread
REPLAYS = 8
ON_KINK = 2.0**-40  # closer than this counts as on it: rounding upstream may have chosen the branch
QUALITY = 1e-4  # a verdict needs a bound this much smaller than what it bounds


class Check:
    """One check of one subject, step by step. `report` is what comes out."""

    def __init__(self, subject: Subject, seed: int, projections: int, modes: Sequence[str], reference: str) -> None:
        self.subject = subject
        self.rng = np.random.Generator(np.random.PCG64(seed))
        self.projections = projections
        self.modes = modes
        self.reference = reference
        self.report = Report(subject, seed)
        self.suspect: Blame | None = None
        self.by_differences = reference == "richardson"

    def judge(self) -> Report:
        report, subject = self.report, self.subject
        with np.errstate(all="ignore"):
            self.values = subject.tape.values(subject.leaves)
            self.points = [subject.leaves[i] for i in subject.seeds]
            root = np.asarray(self.values[-1])
            if root.dtype.kind != "f" and root.dtype.kind not in "iub":
                return self.end(Verdict.DOMAIN, f"the value has dtype {root.dtype}; only real numbers have gradients here")
            if not subject.seeds:
                return self.end(Verdict.INCONCLUSIVE, "nothing to differentiate: no parameter and no floating point input")
            self.unit = max(subject.unit, float(np.finfo(root.dtype).eps)) if root.dtype.kind == "f" else EPS
            if not np.all(np.isfinite(root)):
                return self.end(Verdict.DOMAIN, "the value itself is not finite here")
            self.kinks = subject.kinks(self.values)
            self.on_kink = [i for i, margin in self.kinks if margin < ON_KINK]
            self.w = measure.weights(self.rng, root, subject.root.dtype if subject.is_graph else root.dtype)
            ops = sum(line is not None for line in subject.tape.lines)
            longest = max((np.size(v) for v in self.values), default=1)
            self.base = self.unit * (8.0 + 2.0 * ops + 2.0 * longest**0.5)
            self.floor = max(float(np.finfo(np.float32).tiny) if self.unit > 1e-10 else 1e-290, 1e-290)
            return self.compare()

    def end(self, verdict: Verdict, why: str = "", blame: Blame | None = None) -> Report:
        self.report.settle(verdict, why, blame)
        return self.report

    # --- the quick road ---------------------------------------------------------------------------------------------------------

    def compare(self) -> Report:
        subject = self.subject
        try:
            self.g = subject.gradients(self.w)
        except Exception as error:
            from cgraph.testing.localise import blame_error

            return self.end(Verdict.FAIL, f"the gradient raises {type(error).__name__}: {error}", blame_error(subject, self.rng, error))
        wrong = self.contract()
        if wrong is not None:
            return wrong
        for k in range(self.projections):
            d = measure.direction(self.rng, self.points, self.g if k else None, subject.dtypes())
            ended = self.project(k, d)
            if ended is not None:
                return ended
        if "graph" in self.modes and subject.is_graph:
            ended = self.by_graph()
            if ended is not None:
                return ended
        if self.on_kink:
            return self.end(Verdict.KINK, "on a kink; the gradient is the documented convention there")
        return self.end(Verdict.PASS)

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
            from cgraph.testing.localise import blame_contract

            return self.end(Verdict.FAIL, what, blame_contract(subject, i, what))
        if any("writes into" in note for note in subject.notes):
            return self.end(Verdict.FAIL, subject.notes[-1], Blame("mutation", name=subject.name, sentence=subject.notes[-1]))
        return None

    def project(self, k: int, d: list[Array]) -> Report | None:
        """Compare along one direction; None when all is well."""
        subject = self.subject
        seeds = dict(zip(subject.seeds, d, strict=True))
        a, a_size = measure.pairing(self.g, d)
        found = self.expected(seeds)
        if isinstance(found, Slope):
            return self.differences_only(a, found, d)
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
            second = self.differences(seeds, n_size)
            if not np.isfinite(second.value):
                self.report.notes.append("differences leave the domain here: the complex step stands alone")
            elif second.sides is not None or not measure.agree(second.value, n, CONFIDENCE * second.error + bound):
                self.by_differences = True
                return self.differences_only(a, second, d)
        return None

    def expected(self, seeds: dict[int, Array]) -> Array | Slope:
        """J d by the complex step, or ⟨w, J d⟩ by differences where the code cannot carry one."""
        if not self.by_differences:
            try:
                return self.subject.tape.tangent(self.values, seeds)[0]
            except NotAnalytic as error:
                self.by_differences = True
                self.report.notes.append(f"no complex step ({error}): compared with Richardson's differences instead")
        return self.differences(seeds, 0.0)

    def differences(self, seeds: dict[int, Array], size: float) -> Slope:
        f = self.subject.tape.directional(self.subject.leaves, seeds, self.w)
        rounding = self.own_unit() * (float(np.sum(np.abs(self.w * self.values[-1]))) + size)
        return slope(f, rounding)

    def own_unit(self) -> float:
        """The rounding of one evaluation of the tape, which is in float64 unless a black box answers in less."""
        return EPS if self.subject.is_graph else self.unit

    def edge(self) -> str:
        return "; ".join(self.subject.edges(self.values))

    def finite_inside(self) -> bool:
        values = list(self.values)
        if self.subject.is_graph and self.subject.run is not None:  # float32 overflows where the reference does not
            values += self.subject.run._values.values()
        return all(np.all(np.isfinite(np.asarray(v, np.float64))) for v in values)

    def by_graph(self) -> Report | None:
        from cgraph.testing.localise import compare_graph_mode

        blame = compare_graph_mode(self.subject, self.w, self.g, self.base, self.rng)
        return None if blame is None else self.end(Verdict.FAIL, "the gradient graph gives another gradient", blame)

    # --- when the quick road ends -------------------------------------------------------------------------------------------------

    def investigate(
        self, mode: str, k: int, seeds: dict[int, Array], d: list[Array], a: float, n: float, bound: float
    ) -> Report | None:
        """Rounding, kink, domain, or wrong?"""
        subject = self.subject
        if not np.isfinite(a) and (self.edge() or not self.finite_inside()):
            return self.beyond(mode)
        if not self.finite_inside():
            return self.end(Verdict.DOMAIN, self.edge() or "a value on the way is not finite")
        moved = float(spread(n, lambda: self.replayed(seeds), REPLAYS)) if np.isfinite(a) else 0.0
        if not np.isfinite(moved):
            moved = 0.0
        if not subject.is_graph and np.isfinite(a):
            moved += float(spread(a, lambda: self.accused(d), REPLAYS))
        if not self.by_differences:
            moved += subject.tape.truncation(self.values, seeds, self.w)
        error = bound + CONFIDENCE * moved
        self.report.compared(a, n, error)
        worth = self.worth(n)
        quality = max(QUALITY, 1e5 * self.unit)
        if measure.agree(a, n, error):
            if error <= quality * worth or k > 0:
                return None
            return self.end(Verdict.INCONCLUSIVE, f"rounding alone moves the derivative by {moved:.1e} here: too much to tell")
        return self.accuse(mode, seeds, d, a, n, error, quality * worth)

    def worth(self, n: float) -> float:
        """What an error is measured against: the derivative, or a thousandth of the function, or next to nothing where both are zero."""
        sizes = [float(np.max(np.abs(v), initial=0.0)) for v in map(np.asarray, self.values) if v.dtype.kind == "f"]
        return max(abs(n), 1e-3 * float(np.sum(np.abs(self.w * self.values[-1]))), 1e-25 * (max(sizes, default=0.0) or 1.0))

    def beyond(self, mode: str) -> Report:
        """A gradient that is not finite, on the edge of a domain: nobody's fault, unless a branch that was not taken leaks."""
        from cgraph.testing import localise

        why = self.edge() or "a value on the way is not finite"
        if not self.subject.is_graph:
            return self.end(Verdict.DOMAIN, why)
        verdict, blame = (localise.reverse if mode == "vjp" else localise.forward)(self.subject, self.w, self.rng)
        if verdict is not Verdict.FAIL or blame is None or blame.node is None:
            return self.end(Verdict.DOMAIN, why)
        if blame.kind in ("accumulation", "driver", "seed"):  # every share is finite, their sum is not
            return self.end(Verdict.FAIL, "", blame)
        i = self.subject.index[blame.node]
        shape = np.shape(self.values[i])
        wrong = blame.got_array if np.shape(blame.got_array) == shape else self.values[i]
        if not self.subject.tape.masked(self.values, i, ~np.isfinite(np.asarray(wrong, np.float64))):
            return self.end(Verdict.DOMAIN, why)
        blame.sentence = "behind a branch that was not taken the gradient is zero by structure; here it leaks"
        return self.end(Verdict.FAIL, "", blame)

    def replayed(self, seeds: dict[int, Array]) -> float:
        """n once more, with every value disturbed by its rounding."""
        tape, leaves = self.subject.tape, self.subject.leaves
        if not self.subject.is_graph:
            with noise(self.rng, self.unit):
                found = tape.tangent(self.values, seeds)[0]
        else:
            # On a kink the values must stay where they are, or the noise would choose the branch.
            values = tape.values(leaves, self.rng, self.unit) if not self.on_kink else self.values
            found = tape.tangent(values, seeds, self.rng, self.unit, bool(self.on_kink))[0]
        return 0.0 if found is None else measure.total(self.w, found)[0]

    def accused(self, d: list[Array]) -> float:
        """a once more, with the arithmetic of the gradient code disturbed."""
        subject = self.subject
        with noise(self.rng, self.unit):
            inputs = [noisy(x) for x in subject.inputs]
            try:
                found = subject.pullback(noisy(np.asarray(self.w)), *inputs)
            except Exception:  # code that takes plain arrays only
                plain = [np.array(x) for x in inputs]
                found = subject.pullback(np.array(self.w), *plain)
        found = list(found) if isinstance(found, tuple | list) else [found]
        if len(found) == len(subject.inputs) != len(subject.wrt):
            found = [found[i] for i in subject.wrt]
        return measure.pairing([np.zeros_like(x) if g is None else np.asarray(g) for g, x in zip(found, d, strict=True)], d)[0]

    def accuse(
        self, mode: str, seeds: dict[int, Array], d: list[Array], a: float, n: float, error: float, negligible: float
    ) -> Report | None:
        """More than rounding. Where is it wrong, and does the second key agree?"""
        from cgraph.testing import localise

        subject = self.subject
        near = bool(self.kinks) and min(margin for _, margin in self.kinks) < 2.0**-4
        if not near:
            second = self.differences(seeds, abs(n))
            self.report.second = second
            contradicted = second.sides is None and not measure.agree(second.value, n, 2 * CONFIDENCE * second.error + error)
            # Differences that contradict the complex step and back the accused: the reference is not to be trusted.
            if second.sides is not None and not subject.is_graph:
                return self.differences_only(a, second, d)
            if contradicted and measure.agree(second.value, a, 2 * CONFIDENCE * second.error + error):
                if any(line is not None and line.twin is None for line in subject.tape.lines):  # code that lost the step unseen
                    self.report.notes.append("the complex step is lost in this code: compared with Richardson's differences instead")
                    return None
                return self.end(Verdict.INCONCLUSIVE, "complex step and Richardson's differences disagree")
        if not subject.is_graph:
            return self.end(Verdict.FAIL, "", localise.blame_argument(subject, self.w, self.g, self.values, self.unit, error, self.rng))
        find = localise.reverse if mode == "vjp" else localise.forward
        verdict, blame = find(subject, self.w, self.rng)
        if blame is not None:
            return self.end(verdict, blame.sentence if verdict is not Verdict.FAIL else "", blame)
        if abs(a - n) <= negligible:
            self.report.notes.append("the gradient code rounds more than the function does, edge by edge, but no edge is wrong")
            return None
        return self.end(Verdict.INCONCLUSIVE, "the gradients differ, but every edge and every sum is right by itself: rounding, amplified")

    def differences_only(self, a: float, found: Slope, d: list[Array]) -> Report | None:
        """Where only differences are to be had: one-sided slopes at a kink, and a second direction before anything is called wrong."""
        self.report.second = found
        if found.sides is not None:
            low, high = sorted(found.sides)
            slack = CONFIDENCE * found.error + self.base * abs(a)
            if low - slack <= a <= high + slack:
                return self.end(Verdict.KINK, "the one-sided slopes differ here; the gradient lies between them")
            return self.confirmed(a, found, d, "the one-sided slopes differ here, and the gradient lies outside them")
        tolerance = CONFIDENCE * found.error + self.base * (abs(a) + abs(found.value)) + self.floor
        self.report.compared(a, found.value, tolerance)
        if not np.isfinite(found.value):
            return self.end(Verdict.DOMAIN, "the function is not finite around this point")
        if measure.agree(a, found.value, tolerance):
            if found.error > 10 * QUALITY * self.worth(found.value):
                return self.end(Verdict.INCONCLUSIVE, f"the differences are uncertain by {found.error:.1e}: too much to tell")
            return None
        if found.error > 0.03 * abs(found.value - a):
            return self.end(Verdict.INCONCLUSIVE, f"the differences are uncertain by {found.error:.1e}: too much to tell")
        return self.confirmed(a, found, d, "")

    def confirmed(self, a: float, found: Slope, d: list[Array], why: str) -> Report:
        """A second direction and other steps must find the same, or nothing is certain."""
        from cgraph.testing import localise

        again = [x * measure.continuous(self.rng, np.shape(x)) for x in d]
        f = self.subject.tape.directional(self.subject.leaves, dict(zip(self.subject.seeds, again, strict=True)), self.w)
        other = slope(f, self.own_unit() * float(np.sum(np.abs(self.w * self.values[-1]))), start=2.0**-5)
        b, _ = measure.pairing(self.g, again)
        if measure.agree(b, other.value, CONFIDENCE * other.error):
            return self.end(Verdict.INCONCLUSIVE, "two directions give two answers")
        if self.subject.is_graph:
            _, blame = localise.reverse(self.subject, self.w, self.rng)
        else:
            blame = localise.blame_argument(self.subject, self.w, self.g, self.values, self.unit, found.error, self.rng)
        return self.end(Verdict.FAIL, why, blame)


def check_gradients(
    checked: Any,
    *inputs: Any,
    wrt: Any = None,
    vjp: Callable[..., Any] | None = None,
    gradient: Callable[..., Any] | None = None,
    order: int = 1,
    modes: Sequence[str] = ("vjp", "jvp"),
    reference: str = "auto",
    projections: int = 2,
    seed: int = 0,
) -> Report:
    """Compare a gradient with an exact reference, and say where it is wrong if it is.

    Args:
        checked: a node; a function of nodes; a NumPy function, with `vjp` or `gradient` beside it; or a function that returns
            ``(value, gradient)`` or ``(value, pullback)``, as PyTorch- and JAX-style code does.
        inputs: the point. For a node: values of its inputs in order, or one mapping ``{node: array}``; may be left out.
        wrt: what to differentiate by: nodes, or positions of inputs. Default: the parameters, else all floating point inputs.
        vjp: ``vjp(upstream, *inputs)`` -> one gradient an input (None for an input without).
        gradient: the same for a scalar function, without upstream: ``gradient(*inputs)``.
        order: 2 checks the derivative of the gradient, too (graphs only).
        modes: which of the engine's ways are checked: "vjp" (backward), "jvp" (forward mode), "graph" (`cgraph.gradient`).
        reference: "auto", or "richardson" for differences only.
        projections: how many random directions.
        seed: of the directions.

    Returns:
        A `Report`: `.verdict` is PASS, FAIL, KINK, DOMAIN or INCONCLUSIVE; `print(report)` says why and shows where.

    >>> import numpy as np
    >>> from cgraph import testing
    >>> testing.check_gradients(lambda x: np.sum(np.sin(x) * x), np.array([0.5, -2.0])).verdict
    <Verdict.PASS: 'PASS'>
    >>> cube = lambda x: x**3
    >>> report = testing.check_gradients(cube, np.array([1.0, 2.0]), vjp=lambda u, x: u * 2 * x**2)
    >>> report.verdict, report.blame.hint
    (<Verdict.FAIL: 'FAIL'>, 'got = 2/3 × expected: a factor is missing')
    """
    subject = as_subject(checked, inputs, wrt, vjp, gradient)
    report = Check(subject, seed, projections, modes, reference).judge()
    if order > 1 and report.verdict in (Verdict.PASS, Verdict.KINK):
        from cgraph.testing.second import second_order

        return second_order(subject, report, order, modes, seed)
    return report


def assert_gradients(checked: Any, *inputs: Any, strict: bool = False, **options: Any) -> Report:
    """`check_gradients`, raising `GradientMismatch` when it fails; with `strict`, also when it is inconclusive.

    >>> import cgraph as cg
    >>> from cgraph import testing
    >>> w = cg.parameter("w", 2.0)
    >>> testing.assert_gradients(cg.square(w)).verdict
    <Verdict.PASS: 'PASS'>
    """
    report = check_gradients(checked, *inputs, **options)
    if report.verdict is Verdict.FAIL or (strict and report.verdict is Verdict.INCONCLUSIVE):
        raise GradientMismatch(report)
    return report
