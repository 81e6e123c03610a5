"""`check_gradients`: is this gradient the derivative of this function? PASS, FAIL, KINK, DOMAIN or INCONCLUSIVE, and why.

The public face of the checks. What may be checked is in `adapters.py`, how two derivatives are compared, and what happens
when they differ, in `compare/comparison.py`, which edge is wrong in `localize/`. The second order: `cgraph.gradient` gives
the gradients as nodes; weighted and added up they are a scalar graph, which is checked like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cgraph import autodiff, backprop
from cgraph.leaves import constant, input as input_leaf
from cgraph.ops.reduction import sum as total
from cgraph.testing.compare import measure
from cgraph.testing.compare.adapters import as_subject
from cgraph.testing.compare.comparison import Check
from cgraph.testing.compare.frameworks import ModuleSubject
from cgraph.testing.compare.subject import FunctionSubject, GraphSubject, topological
from cgraph.testing.failure.failure import Failure
from cgraph.testing.localize.blame import blame_error
from cgraph.testing.oracle.differences import slope
from cgraph.testing.oracle.tape import Tape
from cgraph.testing.report import Blame, GradientMismatch, Report, Verdict


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
    >>> report.verdict, report.blame.hint
    (<Verdict.FAIL: 'FAIL'>, 'got = 2/3 × expected: a factor is missing')
    """
    _refuse(locals())
    subject = as_subject(checked, inputs, wrt, vjp, gradient)
    report = Check(subject, seed, projections, modes, reference).judge()
    if order > 1 and report.verdict in (Verdict.PASS, Verdict.KINK):
        report = second_order(subject, report, order, modes, seed)
    if report.verdict is Verdict.FAIL:
        if isinstance(subject, FunctionSubject):
            options = {"wrt": wrt, "vjp": vjp, "gradient": gradient}
            subject.handed = checked, inputs, {k: v for k, v in options.items() if v is not None}
        if isinstance(subject, ModuleSubject):
            subject.locate(report)
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
    try:
        gradients = autodiff.gradient(
            subject.root, subject.wrt, np.asarray(w, subject.root.dtype), disconnected="zero"
        )
        slope = None
        for node in gradients:
            v = constant(np.asarray(measure.continuous(rng, node.shape), node.dtype))
            part = total(node * v)
            slope = part if slope is None else slope + part
        assert slope is not None
        below = set(topological(slope))
        wrt = [n for n in subject.wrt if n in below]
        if not wrt:  # linear: the second derivative is zero, and absent
            return first
        deeper = GraphSubject(slope, wrt, {n: v for n, v in subject.feeds.items() if n in below})
    except Exception as error:
        first.settle(
            Verdict.FAIL,
            "the gradient graph cannot be built",
            blame_error(subject, rng, error, "graph"),
        )
        return first
    stopped = stop_gradients(subject, deeper, rng)
    if stopped is not None:
        first.settle(Verdict.FAIL, "the second derivative is not that of the first", stopped)
        return first
    report = Check(deeper, seed, 2, modes, "auto").judge()
    if order > 2 and report.ok:
        return second_order(deeper, report, order - 1, modes, seed)
    return report if report.verdict is not Verdict.PASS else first


def stop_gradients(subject: Any, deeper: GraphSubject, rng: Any) -> Blame | None:
    """A `stop_gradient` in a partial: the gradient is right, and its own derivative is lost. Held against differences of the gradient."""
    own = set(subject.nodes)
    held = {n for n in deeper.nodes if n.op.name == "stop_gradient" and n not in own}
    if not held:
        return None
    points = [deeper.leaves[i] for i in deeper.seeds]
    d = measure.direction(rng, points, None, deeper.dtypes())
    with np.errstate(all="ignore"):
        a, size = measure.pairing(deeper.gradients(np.ones(())), d)
        lines = [
            line if node not in held or line is None else line._replace(dead=())
            for node, line in zip(deeper.nodes, deeper.tape.lines, strict=True)
        ]
        along = Tape(lines).directional(
            deeper.leaves, dict(zip(deeper.seeds, d, strict=True)), np.ones(())
        )
        found = slope(along, deeper.unit * size)
    if found.sides is not None or not np.isfinite(found.value) or not np.isfinite(a):
        return None
    apart = abs(a - found.value)
    if apart <= 4 * found.error or found.error > 0.03 * apart or apart <= 1e-6 * (abs(found.value) + size):  # fmt: skip
        return None
    node = next((n for n in reversed(subject.nodes) if n.parents and _holds_back(n)), subject.root)
    return Blame(
        "graph", node.label, node, got=a, expected=found.value, tolerance=4 * found.error, reason="the error of the finite differences",
        sentence="stop_gradient in the local gradient: the first derivative is right, the second one is lost",
        hint="write the partial without stop_gradient",
    )  # fmt: skip


def _holds_back(node: Any) -> bool:
    """Whether a local gradient of this op, written over nodes, holds a `stop_gradient`."""
    operands = [input_leaf(None, np.ones(p.shape, p.dtype)) for p in node.parents]
    out = node.op(*operands, **node.params)
    for i in range(len(operands)):
        if node.op.differentiable(i):
            share, _ = backprop.edge_share(
                node.op,
                i,
                out,
                operands,
                node.params,
                constant(np.ones(out.shape, out.dtype)),
                None,
            )
            if any(n.op.name == "stop_gradient" for n in topological(share)):
                return True
    return False
