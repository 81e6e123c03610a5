"""Second order: the gradient as a graph, and that graph checked like any other.

`cgraph.gradient` gives the gradients as nodes; weighted and added up they are a scalar graph whose forward is, once its numbers have been
found right, an honest function to differentiate. So the derivative of a derivative needs no machinery of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cgraph import autodiff
from cgraph.leaves import constant
from cgraph.ops.reduction import sum as total
from cgraph.testing.compare import measure
from cgraph.testing.compare.subject import GraphSubject, topological
from cgraph.testing.localize.blame import blame_error
from cgraph.testing.report import Report, Verdict


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
    report = Check(deeper, seed, 2, modes, "auto").judge()
    if order > 2 and report.ok:
        return second_order(deeper, report, order - 1, modes, seed)
    return report if report.verdict is not Verdict.PASS else first
