"""`check_op`: everything that can be checked of one row, from the row alone.

The row says how many operands it takes, where they live (`domain`) and where its kinks are (`margin`): enough to draw operands, at random
inside the domain, near its edges, on kinks, in coincident and in empty shapes, in both precisions. For every draw: reverse mode, forward
mode, the gradient graph, second order, the dot test, shapes, dtypes, linearity, determinism, untouched operands. At the end a fault is
planted in the row itself, and the same checks have to find it: a check that cannot fail would prove nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from typing import Any

import numpy as np

from cgraph.errors import CgraphError
from cgraph.leaves import parameter
from cgraph.node import Node
from cgraph.op import FLOAT_ERRORS, OPS, Op
from cgraph.run import Run
from cgraph.testing.check import check_gradients
from cgraph.testing.compare import measure
from cgraph.testing.generate.op_calls import arity, calls
from cgraph.testing.oracle.noise import noise, noisy, spread
from cgraph.testing.report import GradientMismatch, Report, Verdict

ENOUGH = 5e-3  # how many checks may stay inconclusive


@dataclass
class OpReport:
    """What `check_op` found: counts of verdicts, the first failure, and whether planted faults were noticed."""

    op: Op
    examples: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    failure: Report | None = None
    broken: list[str] = field(default_factory=list)  # properties that do not hold, in words
    control: dict[str, bool] = field(default_factory=dict)  # planted fault -> noticed

    skipped: str = ""
    coarse: int = (
        0  # inconclusive ones in less than float64, where a steep function has no digits left
    )

    @property
    def ok(self) -> bool:
        return self.failure is None and not self.broken and all(self.control.values())

    @property
    def verdict(self) -> Verdict:
        """PASS or FAIL, over everything; the verdicts of the single examples are counted in `verdicts`."""
        return Verdict.PASS if self.ok else Verdict.FAIL

    def __str__(self) -> str:
        return self._text("" if self.failure is None else str(self.failure))

    def describe(self, directory: Any = None) -> str:
        """The text with the smallest failing case; with a directory, picture and reproduction are written there."""
        return self._text("" if self.failure is None else self.failure.describe(directory))

    def _text(self, failure: str) -> str:
        if self.skipped:
            return f"ok: {self.op.name}: {self.skipped}"
        counts = ", ".join(f"{n} {v}" for v, n in sorted(self.verdicts.items()))
        lines = [
            f"{'ok' if self.ok else 'FAILED'}: {self.op.name}: {self.examples} examples ({counts})"
        ]
        if self.control:
            missed = [name for name, seen in self.control.items() if not seen]
            lines.append(
                f"  negative control: {len(self.control) - len(missed)} of {len(self.control)} planted faults noticed"
            )
            lines += [f"  not noticed: {name}" for name in missed]
        lines += [f"  {line}" for line in self.broken]
        lines += [failure] if failure else []
        return "\n".join(lines)


def check_op(op: Op | str, examples: int = 200, *, seed: int = 0, negative_control: bool = True, params: dict[str, Any] | None = None,
             progress: Callable[[int], None] | None = None) -> OpReport:  # fmt: skip
    """Check everything about one row of the derivative tables, built in or your own.

    Args:
        op: the row, or its name.
        examples: how many random calls.
        negative_control: plant faults in the row afterwards and see that they are noticed.
        params: keyword parameters for the calls of an op that needs some (`axes`, `keepdims`, `axis` are found by name).
        progress: called with the number of examples done.

    Returns:
        An `OpReport`; `.ok`, and text that says what is wrong. Use `gradient_test(op)` to have it raise in pytest.

    >>> import cgraph as cg
    >>> from cgraph import testing
    >>> print(testing.check_op(cg.sin, examples=30))
    ok: sin: 30 examples (30 PASS)
      negative control: 5 of 5 planted faults noticed
    """
    row = _row(op)
    report = OpReport(row)
    live = [i for i in range(arity(row)) if row.differentiable(i)]
    if not live:
        report.skipped = "not differentiable, as its row says"
        return report
    raised: list[str] = []
    for k, node in calls(row, examples, seed, params, raised):
        found = check_gradients(
            node,
            seed=seed + k,
            order=2 if k % 4 == 1 else 1,
            modes=("vjp", "jvp", "graph") if k % 2 else ("vjp", "jvp"),
        )
        report.examples += 1
        report.verdicts[str(found.verdict)] += 1
        report.coarse += found.verdict is Verdict.INCONCLUSIVE and node.dtype != np.float64
        if found.verdict is Verdict.FAIL:
            report.failure = found
            return report
        if found.verdict in (Verdict.PASS, Verdict.KINK):
            texts = [*properties(node, seed + k), *forwards(node), *undeclared(node)]
            texts += along_ties(node)
            texts += masks(node, seed + k) if k % 4 == 2 else []
        else:
            texts = not_a_number(node)
        shapes = [p.shape for p in node.parents]
        report.broken += [f"{text}   [{row.name} at {shapes}]" for text in texts]
        report.broken += raised[:1]
        if report.broken:
            return report
        if progress is not None:
            progress(report.examples)
    report.broken += raised[:1]
    _enough(report)
    if negative_control and report.ok:
        report.control = {
            name: _notices(row, install, examples, seed, params)
            for name, install in controls(row, live)
            if not (_flat(row, examples, seed, params) and not name.endswith((":nan", ":one")))
        }
    return report


def _flat(op: Op, examples: int, seed: int, params: Any) -> bool:
    """Whether the gradients of a row are zero everywhere, as those of sign and floor: then a factor changes nothing."""
    for _, node in calls(op, min(examples, 20), seed, params):
        run = node.backward(upstream=np.ones(node.shape))
        if any(np.any(run.grad(p)) for p in node.parents if run.has_grad(p)):
            return False
    return True


def _row(op: Any) -> Op:
    """The row that is meant: itself, by its name, or by the public function of that name."""
    if isinstance(op, Op):
        return op
    name = op if isinstance(op, str) else getattr(op, "__name__", repr(op))
    if name in OPS:
        return OPS[name]
    near = get_close_matches(name, OPS, 3)
    raise CgraphError(
        f"there is no op {name!r}"
        + (f"; did you mean {', '.join(near)}?" if near else "")
        + ". check_op takes a row (cg.elementwise(...) gives one) or its name; for functions there is check_gradients"
    )


def _enough(report: OpReport) -> None:
    counts = report.verdicts
    if not report.examples:
        report.broken.append(
            "no example could be drawn: give params=, or declare domain in the row"
        )
    elif counts["INCONCLUSIVE"] - report.coarse > max(2, ENOUGH * report.examples):
        report.broken.append(
            f"{counts['INCONCLUSIVE']} of {report.examples} checks are inconclusive: declare domain and margin in the row"
        )
    elif counts["PASS"] + counts["KINK"] < 0.5 * report.examples:
        report.broken.append(
            f"only {counts['PASS'] + counts['KINK']} of {report.examples} checks had a derivative to check: declare domain in the row"
        )


def properties(node: Node, seed: int) -> list[str]:
    """What holds of every gradient whatever its value: determinism, linearity, zero to zero, untouched operands, no aliasing."""
    rng = np.random.default_rng(seed)
    leaves = [p for p in dict.fromkeys(node.parents) if p.kind == "parameter"]
    shape = np.shape(node.backward(upstream=np.ones(node.shape)).value(node))
    u, v = (np.asarray(measure.continuous(rng, shape), node.dtype) for _ in range(2))
    broken = []
    before = [np.array(leaf.value) for leaf in leaves]

    def gradients(upstream: Any) -> list[Any]:
        run = node.backward(upstream=upstream)
        return [
            np.array(run.grad(leaf)) if run.has_grad(leaf) else np.zeros(leaf.shape)
            for leaf in leaves
        ]

    # How large the local gradients are: what an upstream of ones of either sign brings back, entry by entry.
    slope = 0.0
    for k in np.ndindex(shape):
        one = np.zeros(shape, node.dtype)
        one[k] = 1
        slope = max(slope, *(float(np.max(np.abs(g), initial=0.0)) for g in gradients(one)), 0.0)
    # Softmax multiplies its value with an upstream that it then takes away again.
    slope += float(np.max(np.abs(np.asarray(node.value, np.float64)), initial=0.0))
    slope = slope if np.isfinite(slope) else 0.0
    first, again, other = gradients(u), gradients(u), gradients(v)
    both, none = gradients(u + v), gradients(np.zeros(shape, node.dtype))
    unit = float(np.finfo(node.dtype).eps)
    for leaf, a, b, c, d, z in zip(leaves, first, again, other, both, none, strict=True):
        if not np.array_equal(a, b, equal_nan=True):
            broken.append(f"two backward passes give different gradients of {leaf.label}")
        unit = max(unit, float(np.finfo(leaf.dtype).eps))
        # The sum of the terms may cancel (softmax of one entry): what is rounded are the terms.
        size = np.abs(a) + np.abs(c)
        terms = max(float(np.max(np.abs(x), initial=0.0)) for x in (u, v)) * slope
        bound = 64 * unit * max(np.size(u), 1) * (size + float(np.max(size, initial=0.0)) + terms)
        if not np.all(np.abs(a + c - d) <= bound + 1e-300) and np.all(np.isfinite(size)):
            broken.append(f"the gradient of {leaf.label} is not linear in the upstream")
        if np.any(z) and np.all(np.isfinite(a)):
            broken.append(f"a zero upstream gives a gradient of {leaf.label} that is not zero")
    if any(
        not np.array_equal(x, leaf.value, equal_nan=True)
        for x, leaf in zip(before, leaves, strict=True)
    ):
        broken.append("the backward pass writes into an operand")
    run = node.backward(upstream=u)
    held = [run.grad(leaf) for leaf in leaves if run.has_grad(leaf)]
    if any(g.flags.writeable for g in held):
        broken.append("a gradient that is handed out can be written to")
    return broken


def forwards(node: Node) -> list[str]:
    """Whether the row computes one function: on Python floats, in float32 and in a run what it computes in float64."""
    op, params = node.op, node.params
    values = operand_values(node)
    wide = [v.astype(np.float64) if v.dtype.kind == "f" else v for v in values]
    found = []
    with np.errstate(all="ignore"):
        truth = np.asarray(op.forward(*wide, **params), np.float64)
        size = np.abs(truth) + 1e-3 * float(np.max(np.abs(truth), initial=0.0))
        if op.scalar is not None and all(v.dtype.kind == "f" for v in wide):
            for k in np.ndindex(truth.shape):
                operands = [np.broadcast_to(v, truth.shape)[k] for v in wide]
                try:
                    got = op.scalar(*(float(v) for v in operands))
                except FLOAT_ERRORS:
                    continue
                if np.isfinite(truth[k]) and not abs(got - truth[k]) <= 1e-9 * size[k] + 1e-290:
                    point = ", ".join(f"{float(v):.9g}" for v in operands)
                    found.append(
                        f"at {point} scalar= computes {got:.9g} and forward {truth[k]:.9g}"
                    )
                    break
        if op.family == "elementwise" and all(v.dtype.kind == "f" for v in wide):
            narrow = [v.astype(np.float32) for v in wide]
            exact = np.asarray(
                op.forward(*(v.astype(np.float64) for v in narrow), **params), np.float64
            )
            got32 = np.asarray(op.forward(*narrow, **params), np.float64)
            # What rounding each operand once would do, as far as float32 can tell.
            rooms = []
            for step in (2.0**-20, 2.0**-22):
                moved = [
                    np.asarray(
                        op.forward(
                            *(v.astype(np.float64) * (1 + s * step) for v in narrow), **params
                        ),
                        np.float64,
                    )
                    for s in (-1, 1)
                ]
                rooms.append(sum(np.abs(m - exact) for m in moved))
            room = rooms[0] + 2.0**-12 * (np.abs(exact) + 1e-3)
            with noise(
                np.random.default_rng(0), 2.0**-23
            ):  # and what rounding inside may do, where it cancels
                inside = spread(got32, lambda: op.forward(*map(noisy, narrow), **params), 8)
            room += 4.0 * np.where(np.isfinite(inside), inside, 0.0)
            sensible = np.isfinite(exact) & np.isfinite(room) & (np.abs(exact) < 1e30)
            # Where a step as large as float32's rounding is no small one for the function, nothing can be said.
            sensible &= np.abs(4.0 * rooms[1] - rooms[0]) <= 0.1 * rooms[0] + 2.0**-14 * (
                np.abs(exact) + 1e-3
            )
            if np.any((np.abs(got32 - exact) > room)[sensible]):
                found.append("forward computes something else in float32 than in float64")
        again = np.asarray(node.backward(upstream=np.ones(truth.shape)).value(node), np.float64)
        own = np.asarray(op.evaluate(*values, **params), np.float64)
        unit = 1e-9 if node.dtype == np.float64 else 1e-3
        if node.dtype != np.float16 and np.any(
            (np.abs(again - own) > unit * size + 1e-30)[np.isfinite(own)]
        ):
            found.append("a run gives another value than forward")
    return found


def operand_values(node: Node) -> list[Any]:
    """The values of a node's operands."""
    run = Run((node,), None, None)
    return [np.asarray(run.value(p)) for p in node.parents]


def not_a_number(node: Node) -> list[str]:
    """NaN from finite operands inside the declared domain: an overflow of the formula, or a domain that is smaller."""
    values = operand_values(node)
    if not all(v.size for v in values):
        return []  # the mean of nothing
    with np.errstate(all="ignore"):
        bad = np.isnan(np.asarray(node.op.evaluate(*values, **node.params), np.float64))
        if (
            node.op.family == "elementwise" and len(values) > 1
        ):  # x % 0 and 0 / 0 are nobody's fault
            bad &= np.all([np.broadcast_to(v, bad.shape) != 0 for v in values], axis=0)
    if not bad.any() or not all(np.isfinite(v).all() for v in values if v.dtype.kind == "f"):
        return []
    point = ""
    if node.op.family == "elementwise":
        k = tuple(np.argwhere(bad)[0])
        point = " at " + ", ".join(f"{float(np.broadcast_to(v, bad.shape)[k]):.6g}" for v in values)
    return [f"forward gives NaN{point}, inside its domain: declare domain, or compute it otherwise"]


def undeclared(node: Node) -> list[str]:
    """Operands without a derivative although the value changes smoothly with them."""
    found = []
    op = node.op
    values = operand_values(node)
    for i, x in enumerate(values):
        if (
            x.dtype != np.float64
            or not x.size
            or op.differentiable(i)
            or op.name == "stop_gradient"
        ):
            continue

        def at(t: float, i: int = i, x: Any = x) -> Any:
            moved = [x + t * (np.abs(x) + 1.0) if k == i else v for k, v in enumerate(values)]
            return np.asarray(op.evaluate(*moved, **node.params), np.float64)

        try:
            with np.errstate(all="ignore"):
                slopes = [(at(h) - at(-h)) / (2 * h) for h in (2.0**-12, 2.0**-14, 2.0**-16)]
        except Exception:  # whole numbers in the guise of floats, or outside a domain
            continue
        size = np.abs(slopes[0])
        steady = (size > 1e-3) & (np.abs(slopes[1] - slopes[0]) < 1e-3 * size)
        steady &= np.abs(slopes[2] - slopes[1]) < 1e-3 * size
        if steady.any():
            found.append(
                f"operand {i} is declared without a derivative (None), yet the value changes with it"
            )
    return found


def along_ties(node: Node) -> list[str]:
    """Where the operands of an elementwise op are equal: moved together they pass no kink, so the shares have to add up."""
    op = node.op
    values = operand_values(node)
    if op.family != "elementwise" or len(values) < 2 or node.dtype != np.float64:
        return []
    live = [i for i in range(len(values)) if op.differentiable(i) and values[i].dtype == np.float64]
    if len(live) < 2 or not all(values[i].shape == node.shape for i in live):
        return []
    # At 0 there are conventions of its own (copysign).
    tied = np.all([(values[i] == values[live[0]]) & (values[i] != 0) for i in live], axis=0)
    if not tied.any():
        return []

    def at(t: float) -> Any:
        moved = [v + t if i in live else v for i, v in enumerate(values)]
        return np.asarray(op.evaluate(*moved), np.float64)

    out = np.asarray(op.evaluate(*values), np.float64)
    with np.errstate(all="ignore"):
        got = sum(
            np.asarray(op.local(i, out, values, {}).vjp(np.ones(node.shape)), np.float64)
            for i in live
        )
        h = 2.0**-20
        right, left = (at(h) - at(0.0)) / h, (at(0.0) - at(-h)) / h
        size = np.maximum(np.abs(right), np.abs(left)) + np.abs(out) + 1e-3
        smooth = tied & (np.abs(right - left) < 1e-4 * size) & np.isfinite(right + left)
        wrong = smooth & ~(np.abs(got - 0.5 * (right + left)) <= 1e-3 * size)
    if not wrong.any():
        return []
    point = f"{float(values[live[0]][wrong][0]):.6g}"
    return [
        f"where the operands tie, at {point}, the shares do not add up to the derivative of both together"
    ]


def masks(node: Node, seed: int) -> list[str]:
    """Behind a branch of `where` that is not taken the gradient is zero, whatever the partials there, also through a reduction; and
    where a branch is taken, it is what it would be without one."""
    if node.dtype != np.float64:
        return []
    return [*_hidden_behind(node), *_taken(node, seed)]


def _hidden_behind(node: Node) -> list[str]:
    op = node.op
    if op.family != "reduction":
        return []
    found = []
    for i, parent in enumerate(node.parents):
        if parent.dtype != np.float64 or not op.differentiable(i) or parent.shape == node.shape:
            continue  # in a running product a mask ends, as at a matrix product
        x = parameter("x", np.zeros(parent.shape))
        operands = [OPS["log"](x) if k == i else p for k, p in enumerate(node.parents)]
        loss = OPS["where"](False, op(*operands, **node.params), 0.0)
        with np.errstate(all="ignore"):
            run = loss.backward(upstream=np.ones(loss.shape))
            if run.has_grad(x) and np.any(run.grad(x) != 0):
                found.append(
                    f"behind a branch that is not taken the gradient of operand {i} is not zero: its linear map takes no mask"
                )
    return found


def _taken(node: Node, seed: int) -> list[str]:
    """An upstream that is zero where `where` does not select, once by its mask and once as plain zeros: the same gradients."""
    rng = np.random.default_rng(seed)
    shape = np.shape(node.backward(upstream=np.ones(node.shape)).value(node))
    selected, u = rng.random(shape) < 0.5, measure.continuous(rng, shape)
    chosen = OPS["where"](selected, node, 0.0)
    with np.errstate(all="ignore"):
        masked, plain = chosen.backward(upstream=u), node.backward(upstream=u * selected)
        for i, leaf in enumerate(node.parents):
            if not (masked.has_grad(leaf) and plain.has_grad(leaf)):
                continue
            a, b = np.asarray(masked.grad(leaf)), np.asarray(plain.grad(leaf))
            size = np.abs(b) + float(np.max(np.abs(b), initial=0.0, where=np.isfinite(b)))
            if np.any((np.abs(a - b) > 1e-9 * size)[np.isfinite(b)]):
                return [
                    f"behind a branch that is taken in part the gradient of operand {i} is another: its mask_adjoint hides too much"
                ]
    return []


# --- negative control -------------------------------------------------------------------------------------------------------------


def controls(
    op: Op, live: Sequence[int]
) -> Iterator[tuple[str, Callable[[], AbstractContextManager[Any]]]]:
    """Faults for a row, whatever row it is: the sign, a factor, nothing, NaN, one part in a million, for every operand."""
    from cgraph.testing.faults import maps, partials

    factors = {
        "sign": -1.0,
        "double": 2.0,
        "zero": 0.0,
        "off by 1e-6": 1.000001,
        "nan": float("nan"),
    }
    for i in live:
        if (
            op.partials is not None and op.partials[i] == 0.0
        ):  # zero everywhere: only something that is not zero shows
            yield f"{op.name}/{i}:one", partial(partials.broken_partial, op, i, 1.0)
            continue
        for mistake, factor in factors.items():
            if op.partials is not None:
                wrong = partials.GENERAL[mistake][0](op.partials[i])
                yield f"{op.name}/{i}:{mistake}", partial(partials.broken_partial, op, i, wrong)
            else:
                yield (
                    f"{op.name}/{i}:{mistake}",
                    partial(maps.broken_map, op, i, maps.scaled(factor)),
                )


def faults_for(op: Op | str) -> dict[str, Callable[[], AbstractContextManager[Any]]]:
    """The negative controls of one row by name, for tests of your own: each value, called, is a context manager that breaks the row."""
    row = OPS[op] if isinstance(op, str) else op
    return dict(controls(row, [i for i in range(arity(row)) if row.differentiable(i)]))


def _notices(
    op: Op,
    install: Callable[[], AbstractContextManager[Any]],
    examples: int,
    seed: int,
    params: Any,
) -> bool:
    with install():
        for k, node in calls(op, examples, seed, params):
            report = check_gradients(node, seed=seed + k)
            if report.verdict is Verdict.FAIL:
                return report.mismatch is not None and report.mismatch.op == op.name
    return False


def assert_detects(op: Op | str, examples: int = 200, **options: Any) -> None:
    """Assert that the checks of an op notice faults planted in it. Raises AssertionError that names those that pass."""
    report = check_op(op, examples, negative_control=True, **options)
    assert report.ok, str(report)


def gradient_test(op: Op | str, examples: int = 100, **options: Any) -> Callable[[], None]:
    """A ready pytest test of one op: ``test_my_op = testing.gradient_test(my_op)``.

    >>> from cgraph import testing
    >>> test_exp = testing.gradient_test("exp", examples=20)
    >>> test_exp()
    """

    def test() -> None:
        report = check_op(op, examples, **options)
        if report.failure is not None:
            raise GradientMismatch(report.failure)
        assert report.ok, str(report)

    name = op if isinstance(op, str) else getattr(op, "name", getattr(op, "__name__", "op"))
    test.__name__ = f"test_gradients_of_{name}"
    test.__doc__ = f"Everything `check_op` checks of {name}."
    return test
