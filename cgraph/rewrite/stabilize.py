"""`cg.stabilize`: a graph rewritten by the stability rules, and the report of what was done where and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, overload

import numpy as np

from cgraph.autodiff import gradient
from cgraph.errors import CgraphError, MissingValueError
from cgraph.graph import order
from cgraph.node import Node
from cgraph.rewrite.rule import Rules, Step, rewrite
from cgraph.rewrite.stability import STABILITY
from cgraph.rewrite.text import expression
from cgraph.run import Run


class Errors(NamedTuple):
    """The largest relative error of an expression before and after; inf where something finite came out as inf or NaN."""

    before: float
    after: float

    def __str__(self) -> str:
        return f"{self.before:.1e} -> {self.after:.1e}"


class Report:
    """What `stabilize` did. Printed, it says for each step which rule was applied where, why, and, if measured, the gain.

    Attributes:
        before, after: the roots as they were given, and as they are now.
        steps: the applications of rules, in order.
        errors: for each step, the errors of its left and right side; empty if nothing was measured.
        values, gradients: for each root, the errors of its value, and of its gradient with respect to all leaves.
    """

    errors: list[Errors]
    values: list[Errors]
    gradients: list[Errors]

    def __init__(self, before: list[Node], after: list[Node], steps: list[Step]) -> None:
        self.before = before
        self.after = after
        self.steps = steps
        self.errors, self.values, self.gradients = [], [], []

    def __len__(self) -> int:
        return len(self.steps)

    def __bool__(self) -> bool:
        """Whether anything was changed."""
        return bool(self.steps)

    def __str__(self) -> str:
        if not self.steps:
            return "nothing to stabilize: no rule applies"
        lines = [f"{len(self.steps)} rewrite{'s' * (len(self.steps) != 1)}"]
        for k, step in enumerate(self.steps, 1):
            lines.append(
                f"{k:>3}  {step.rule.name}, at {step.node.label!r} (built at {step.node.site})"
            )
            lines.append(f"     {expression(step.before)}  ->  {expression(step.after)}")
            lines.append(f"     {step.rule.why}")
            if self.errors:
                lines.append(f"     relative error {self.errors[k - 1]}")
        for root, value, slope in (
            zip(self.before, self.values, self.gradients, strict=True) if self.values else ()
        ):
            lines.append(
                f"{root.label}: relative error of the value {value}, of the gradient {slope}"
            )
        return "\n".join(lines)

    def measure(
        self,
        feeds: Mapping[Node, Any] | None = None,
        ranges: Mapping[Node, tuple[float, float]] | None = None,
        samples: int = 8,
    ) -> Report:
        """Measure the errors of every step, value and gradient, before and after, against hundreds of digits (mpmath; the extra `testing`).

        Args:
            feeds: leaf -> value. Leaves that are neither here nor in `ranges` have their current values.
            ranges: leaf -> (low, high); `samples` evaluations are made, with numbers of every size in these ranges, the ends among them.
            samples: how many, with ranges.

        Raises:
            MissingValueError: when an input has no value.

        >>> import cgraph as cg
        >>> z = cg.input("z")
        >>> _, report = cg.stabilize(cg.log(1.0 - cg.sigmoid(z)))
        >>> errors = report.measure({z: 36.0}).values[0]
        >>> errors.before > 1e-4, errors.after < 1e-15
        (True, True)
        """
        measure(self, feeds, ranges, samples)
        return self

    def __repr__(self) -> str:
        return f"<Report of {len(self.steps)} rewrites>"

    def draw(self, **options: Any) -> Any:
        """Before and after in one picture; see `cgraph.draw.compare`. Only for one root."""
        from importlib import import_module  # drawing stands on a floor above

        if len(self.before) != 1:
            raise CgraphError(
                "draw takes one root; compare two graphs with cg.draw.compare(before, after)"
            )
        options.setdefault("names", ("before", "after"))
        return import_module("cgraph.draw").compare(self.before[0], self.after[0], **options)


@overload
def stabilize(
    root: Node, *, feeds: Any = ..., ranges: Any = ..., rules: Rules = ...
) -> tuple[Node, Report]: ...
@overload
def stabilize(
    root: Sequence[Node], *, feeds: Any = ..., ranges: Any = ..., rules: Rules = ...
) -> tuple[list[Node], Report]: ...
def stabilize(root: Any, *, feeds: Any = None, ranges: Any = None, rules: Rules = STABILITY) -> Any:
    """The same expression by formulas that neither overflow nor cancel, and a report of every change.

    Nothing is changed in the graph that is given: what no rule touches is shared, the rest is built anew under the same names, scopes and
    lines. Nodes that were inside a formula and have other users stay for those.

    Args:
        root: a node, or several (losses that share a net, gradients from `cgraph.gradient`).
        feeds, ranges: if given, the errors before and after are measured there; see `Report.measure`.
        rules: the rules to apply; those of `cgraph.rewrite.stability` by default.

    Returns:
        ``(new_root, report)``; a list of roots for a list. Print the report.

    >>> import cgraph as cg
    >>> z, y = cg.parameter("z", -800.0), cg.input("y", 1.0)
    >>> p = cg.sigmoid(z, name="p")
    >>> loss = cg.bce(p, y, name="loss")
    >>> stable, report = cg.stabilize(loss)
    >>> [step.rule.name for step in report.steps]
    ['bce-from-logits']
    >>> float(loss.backward().grad(z)), float(stable.backward().grad(z))
    (nan, -1.0)
    """
    roots = [root] if isinstance(root, Node) else list(root)
    for node in roots:
        if not isinstance(node, Node):
            raise CgraphError(f"stabilize takes nodes; got {type(node).__name__}")
    if not roots:
        return [], Report([], [], [])
    new, steps = rewrite(roots, rules)
    report = Report(roots, new, steps)
    if feeds is not None or ranges is not None:
        report.measure(feeds, ranges)
    return (new[0] if isinstance(root, Node) else new), report


# --- what was gained --------------------------------------------------------------------------------------------------------------


def measure(
    report: Report,
    feeds: Mapping[Node, Any] | None,
    ranges: Mapping[Node, Any] | None,
    samples: int,
) -> None:
    """Fill in the errors of a report; see `Report.measure`."""
    pairs = [(s.before, s.after) for s in report.steps]
    pairs += list(zip(report.before, report.after, strict=True))
    leaves = [
        n
        for n in order(*[n for pair in pairs for n in pair])
        if not n.parents and n.kind != "constant"
    ]
    moving = [n for n in leaves if n.dtype.kind == "f"]
    slopes = []
    for old, new in zip(report.before, report.after, strict=True):
        sides = []
        for side in (old, new):
            upstream = None if side.size == 1 else np.ones([n or 1 for n in side.shape], side.dtype)
            sides.append(gradient(side, moving, upstream, disconnected="zero"))
        slopes.append(list(zip(*sides, strict=True)))
    flat = pairs + [pair for several in slopes for pair in several]
    worst = [Errors(0.0, 0.0)] * len(flat)
    for values in _inputs(leaves, feeds or {}, ranges or {}, samples):
        found = _errors(flat, values)
        worst = [
            Errors(max(a.before, b.before), max(a.after, b.after))
            for a, b in zip(worst, found, strict=True)
        ]
    n, m = len(report.steps), len(report.before)
    report.errors, report.values = worst[:n], worst[n : n + m]
    rest = iter(worst[n + m :])
    report.gradients = []
    for several in slopes:
        mine = [next(rest) for _ in several] or [Errors(0.0, 0.0)]
        report.gradients.append(Errors(max(e.before for e in mine), max(e.after for e in mine)))


def _inputs(
    leaves: list[Node], feeds: Mapping[Node, Any], ranges: Mapping[Node, Any], samples: int
) -> Any:
    """Values for all leaves: once, or, with ranges, several times."""
    from cgraph.rewrite.intervals import Range, grid

    rng = np.random.default_rng(0)
    for _ in range(samples if ranges else 1):
        values = {}
        for leaf in leaves:
            if leaf in feeds:
                values[leaf] = np.asarray(feeds[leaf], leaf.dtype)
            elif leaf in ranges:
                low, high = ranges[leaf]
                points = grid(Range(float(low), float(high)), leaf.dtype, 40)
                values[leaf] = rng.choice(points, tuple(4 if n is None else n for n in leaf.shape))
            elif leaf._value is not None:
                values[leaf] = np.asarray(leaf.value)
            else:
                raise MissingValueError(f"no value for {leaf.label!r}: feed it, or give its range")
        yield values


def _errors(pairs: list[tuple[Node, Node]], values: Mapping[Node, Any]) -> list[Errors]:
    from cgraph.rewrite.exact import exact_values

    nodes = tuple({n: None for pair in pairs for n in pair})
    known = set(order(*nodes))
    run = Run(nodes, {leaf: value for leaf, value in values.items() if leaf in known}, None)
    exact, _ = exact_values(nodes, values)
    return [Errors(*(_worst(run.value(n), exact[pair[1]]) for n in pair)) for pair in pairs]


def _worst(got: Any, exact: Any) -> float:
    worst = 0.0
    for x, w in zip(np.ravel(got), np.broadcast_to(exact, np.shape(got)).ravel(), strict=True):
        v, x = w.v, float(x)
        if v != v or abs(v) > 1.7e308 or x == float(v):
            continue  # there is no finite truth, or nothing is wrong
        error = (
            float(abs(x - v) / abs(v))
            if x == x and abs(v) > 1e-300
            else 0.0
            if abs(x) < 1e-290
            else float("inf")
        )
        worst = max(worst, error if error == error else float("inf"))
    return worst
