"""Second order: the gradient as a graph, and that graph checked like any other.

`cgraph.gradient` gives the gradients as nodes; weighted and added up they are a scalar graph whose forward is, once its numbers have been
found right, an honest function to differentiate. So the derivative of a derivative needs no machinery of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cgraph import autodiff, backprop
from cgraph.leaves import constant, input as input_leaf
from cgraph.ops.reduction import sum as total
from cgraph.testing.compare import measure
from cgraph.testing.compare.subject import GraphSubject, topological
from cgraph.testing.localize.blame import blame_error
from cgraph.testing.oracle.differences import slope
from cgraph.testing.oracle.tape import Tape
from cgraph.testing.report import Blame, Report, Verdict


def second_order(
    subject: Any, first: Report, order: int, modes: Sequence[str], seed: int
) -> Report:
    """Check the next derivative of a graph whose last one was right."""
    from cgraph.testing.compare.comparison import Check

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
        "graph", node.label, node, got=a, expected=found.value, tolerance=4 * found.error, reason="error of the differences",
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
