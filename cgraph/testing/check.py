"""`check_gradients`: is this gradient the derivative of this function? PASS, FAIL, KINK, DOMAIN or INCONCLUSIVE, and why.

The public face of the checks. What may be checked is in `adapters.py`, how two derivatives are compared, and what happens
when they differ, in `compare/comparison.py`, which edge is wrong in `localize/`. The second order: `cgraph.gradient` gives
the gradients as nodes; weighted and added up they are a scalar graph, which is checked like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from operator import add
from typing import Any, NamedTuple

import numpy as np

from cgraph import autodiff
from cgraph.leaves import constant, parameter
from cgraph.ops.reduction import sum as total
from cgraph.testing.compare import measure
from cgraph.testing.compare.adapters import as_subject
from cgraph.testing.compare.comparison import Check
from cgraph.testing.compare.frameworks import ModuleSubject
from cgraph.testing.compare.subject import FunctionSubject, GraphSubject, topological
from cgraph.testing.failure.message import Failure
from cgraph.testing.localize.mismatch import raising_edge
from cgraph.testing.oracle.differences import Slope, steady_slope
from cgraph.testing.report import GradientMismatch, Mismatch, Report, Verdict


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
            ``(value, gradient)`` or ``(value, pullback)``, as PyTorch- and JAX-style code does; a function of torch tensors or JAX
            arrays, in any nesting; a `torch.nn.Module`, which is checked with respect to its parameters by name, too.
        inputs: the point. For a node: values of its inputs in order, or one mapping ``{node: array}``; may be left out.
        wrt: what to differentiate by: nodes, or positions of inputs. Default: the parameters, else all floating point inputs.
        vjp: ``vjp(upstream, *inputs)`` -> one gradient an input (None for an input without). Of a function with several results the
            upstream is a tuple, one for each.
        gradient: the same for a scalar function, without upstream: ``gradient(*inputs)``.
        order: 2 checks the derivative of the gradient, too (graphs only).
        modes: which of the engine's ways are checked: "vjp" (backward), "jvp" (forward mode), "graph" (`cgraph.gradient`).
        reference: "auto", or "richardson" for differences only.
        projections: how many random directions.
        seed: of the directions.

    A function is also asked twice, with the upstream turned round in between, and at points beside the given one: a gradient that
    depends on how often it was asked, or that is wrong right beside a kink, fails.

    Raises:
        ValueError: for options that would check nothing.

    Returns:
        A `Report`: `.verdict` is PASS, FAIL, KINK, DOMAIN or INCONCLUSIVE; `print(report)` says why and where; `report.describe()`
        shows the smallest case that fails in the same way, `report.save()` writes it to files.

    >>> import numpy as np
    >>> from cgraph import testing
    >>> testing.check_gradients(lambda x: np.sum(np.sin(x) * x), np.array([0.5, -2.0])).verdict
    <Verdict.PASS: 'PASS'>
    >>> cube = lambda x: x**3
    >>> report = testing.check_gradients(cube, np.array([1.0, 2.0]), vjp=lambda u, x: u * 2 * x**2)
    >>> report.verdict, report.mismatch.hint
    (<Verdict.FAIL: 'FAIL'>, 'got = 2/3 × expected: a factor is missing')
    """
    _refuse(locals())
    subject = as_subject(checked, inputs, wrt, vjp, gradient)
    report = Check(subject, seed, projections, modes, reference).run()
    if report.verdict is Verdict.FAIL and isinstance(subject, FunctionSubject):
        halved = subject.of_symmetric()
        if halved is not None:
            other = Check(halved, seed, projections, modes, reference).run()
            report = other if other.verdict in (Verdict.PASS, Verdict.KINK) else report
    if order > 1 and report.verdict in (Verdict.PASS, Verdict.KINK):
        report = second_order(subject, report, order, modes, seed)
    if report.verdict is Verdict.FAIL:
        if isinstance(subject, FunctionSubject):
            options = {"wrt": wrt, "vjp": vjp, "gradient": gradient}
            subject.handed = checked, inputs, {k: v for k, v in options.items() if v is not None}
        if isinstance(subject, ModuleSubject):
            report.mismatch = subject.locate(report) or report.mismatch
        report.failure = Failure(report)
    return report


MODES = ("vjp", "jvp", "graph")


def _refuse(options: dict[str, Any]) -> None:
    """Options that would check nothing, or something else than was meant, are refused."""
    modes, reference = options["modes"], options["reference"]
    if isinstance(modes, str) or not modes or not set(modes) <= set(MODES):
        raise ValueError(f"modes={modes!r}: give some of {MODES}, as a tuple")
    if "vjp" not in modes:
        raise ValueError(f"modes={modes!r}: 'vjp' is what the others are held against; keep it")
    if reference not in ("auto", "richardson"):
        raise ValueError(f"reference={reference!r}: 'auto' or 'richardson'")
    for name, least in (("projections", 1), ("order", 1), ("seed", 0)):
        value = options[name]
        if not isinstance(value, int | np.integer) or value < least:
            raise ValueError(f"{name}={value!r}: give a whole number, at least {least}")
    if options["vjp"] is not None and options["gradient"] is not None:
        raise ValueError("give vjp= or gradient=, not both")


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


def second_order(
    subject: Any, first: Report, order: int, modes: Sequence[str], seed: int
) -> Report:
    """Check the next derivative of a graph whose last one was right."""
    if not subject.is_graph:
        first.notes.append(
            "second order is checked for graphs only: a function that answers numbers has no second derivative to check"
        )
        return first
    rng = np.random.Generator(np.random.PCG64([seed, order]))
    w = measure.weights(rng, np.asarray(subject.run.value(subject.root)), subject.root.dtype)
    v = [np.asarray(measure.continuous(rng, node.shape), node.dtype) for node in subject.wrt]
    try:
        deeper = sloping(subject, w, v)
    except Exception as error:
        first.settle(
            Verdict.FAIL,
            "the gradient graph cannot be built",
            raising_edge(subject, rng, error, "graph"),
        )
        return first
    lost = derivative_lost(subject, deeper, w, v, rng)
    if lost is not None:
        first.settle(Verdict.FAIL, "the second derivative is not that of the first", lost)
        return first
    if deeper is None:  # linear: the second derivative is zero, and absent
        return first
    report = Check(deeper, seed, 2, modes, "auto").run()
    if order > 2 and report.ok:
        return second_order(deeper, report, order - 1, modes, seed)
    return report if report.verdict is not Verdict.PASS else first


def sloping(subject: GraphSubject, w: Any, v: Sequence[Any]) -> GraphSubject | None:
    """⟨v, Jᵀ w⟩ as a graph of its own; None where it depends on nothing that is differentiated."""
    gradients = autodiff.gradient(
        subject.root, subject.wrt, np.asarray(w, subject.root.dtype), disconnected="zero"
    )
    parts = [total(node * constant(x)) for node, x in zip(gradients, v, strict=True)]
    slope = reduce(add, parts)
    below = set(topological(slope))
    wrt = [n for n in subject.wrt if n in below]
    feeds = {n: value for n, value in subject.feeds.items() if n in below}
    return GraphSubject(slope, wrt, feeds) if wrt else None


def derivative_lost(
    subject: GraphSubject, deeper: GraphSubject | None, w: Any, v: Sequence[Any], rng: Any
) -> Mismatch | None:
    """A gradient graph that is right as it stands and yet is not the function that the gradient is: a value was put in it as a constant.

    Its derivative is held against differences of the complex step of the forwards. The op that shows it alone is named.
    """
    found = _apart(subject, deeper, w, v, rng)
    if found is None:
        return None
    for node in reversed(subject.nodes):
        if not node.parents or (
            node is subject.root and len(subject.nodes) == len(node.parents) + 1
        ):
            continue
        leaves = [
            parameter(None, subject.run.value(p)) if p.dtype.kind == "f" else p
            for p in node.parents
        ]
        alone = GraphSubject(
            node.op(*leaves, **node.params), [n for n in leaves if n.dtype.kind == "f"]
        )
        alone.gradients(np.ones(np.shape(subject.run.value(node))))
        ones = [np.asarray(measure.continuous(rng, np.shape(n._value)), n.dtype) for n in alone.wrt]
        weights = np.asarray(measure.continuous(rng, np.shape(subject.run.value(node))), node.dtype)
        if not alone.wrt or not alone.root.active:
            continue
        below = sloping(alone, weights, ones)
        if _apart(alone, below, weights, ones, rng) is not None:
            found = found._replace(node=node)
            break
    own = set(subject.nodes)
    beyond = [] if deeper is None else [n for n in deeper.nodes if n not in own]
    what = "stop_gradient" if any(n.op.name == "stop_gradient" for n in beyond) else "a constant"
    return Mismatch(
        "graph", found.node.label, found.node, got=found.got, expected=found.slope.value, tolerance=4 * found.slope.error,
        reason="the error of the finite differences",
        sentence=f"{what} in the local gradient: the first derivative is right, the second one is lost",
        hint="write the local gradient with ops on the operands and the result alone",
    )  # fmt: skip


class _Apart(NamedTuple):
    """A second derivative as the gradient graph has it and by differences."""

    got: float
    slope: Slope
    node: Any


def _apart(
    subject: GraphSubject, deeper: GraphSubject | None, w: Any, v: Sequence[Any], rng: Any
) -> _Apart | None:
    """None where the two agree, or where differences cannot tell."""
    for node in subject.nodes:  # what stands still by its row's word is seen to move by differences
        for i, parent in enumerate(node.parents):
            if not node.op.differentiable(i) and parent.active and node.dtype.kind == "f":
                if parent.dtype.kind == "f":
                    return None
    points = [subject.leaves[i] for i in subject.seeds]
    d = measure.direction(rng, points, None, subject.dtypes())
    tangent = dict(zip(subject.seeds, [np.asarray(x, np.float64) for x in v], strict=True))
    along = dict(zip(subject.seeds, d, strict=True))

    def f(t: float) -> float:
        """⟨w, J v⟩ at the point moved by t d."""
        leaves = {i: x + t * along[i] if i in along else x for i, x in subject.leaves.items()}
        moved = subject.tape.tangent(subject.tape.values(leaves), tangent)[0]
        return 0.0 if moved is None else measure.total(w, moved)[0]

    with np.errstate(all="ignore"):
        a = size = 0.0
        if deeper is not None:
            own = dict(zip(subject.wrt, d, strict=True))
            a, size = measure.pairing(deeper.gradients(np.ones(())), [own[n] for n in deeper.wrt])
        try:
            far, near_by = (abs(f(h) - f(-h)) for h in (2.0**-20, 2.0**-30))
            if near_by > 0.1 * far + 64 * subject.unit * abs(f(0.0)):
                return None  # on a kink the gradient jumps
            quick = [(f(h) - f(-h)) / (2 * h) for h in (2.0**-14, 2.0**-16)]
            near = max(abs(a - n) for n in quick) <= 1e-4 * (abs(a) + size)
            if near or not np.all(np.isfinite([a, *quick])):
                return None
            worth = abs(f(0.0))
            found = steady_slope(f, subject.unit * (size + worth), worth)
        except Exception:  # code that carries no complex step
            return None
    if found.sides is not None or not np.isfinite(found.value):
        return None
    apart = abs(a - found.value)
    # Far below the function's own size the gradient graph has no digits (softmax in its tails).
    least = 1e-6 * (abs(found.value) + size)
    least += 1e-9 * float(np.sum(np.abs(w * np.asarray(subject.run.value(subject.root)))))
    if apart <= max(4 * found.error, least) or found.error > 0.03 * min(apart, abs(found.value)):
        return None
    return _Apart(a, found, subject.root)
