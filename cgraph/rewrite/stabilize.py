"""`cg.stabilize`: a graph rewritten by the stability rules, and the report of what was done where and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

from cgraph.errors import CgraphError
from cgraph.node import Node
from cgraph.rewrite.rule import Rules, Step, rewrite
from cgraph.rewrite.stability import STABILITY
from cgraph.rewrite.text import expression


class Report:
    """What `stabilize` did. Printed, it says for each step which rule was applied, where, and why.

    Attributes:
        before, after: the roots as they were given, and as they are now.
        steps: the applications of rules, in order.
    """

    def __init__(self, before: list[Node], after: list[Node], steps: list[Step]) -> None:
        self.before = before
        self.after = after
        self.steps = steps

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
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Report of {len(self.steps)} rewrites>"

    def draw(self, **options: Any) -> Any:
        """Before and after in one picture; see `cgraph.draw.compare`. Only for one root."""
        from importlib import import_module  # drawing stands on a floor above

        if len(self.before) != 1:
            raise CgraphError(
                "draw takes one root; compare two graphs with cg.draw.compare(before, after)"
            )
        return import_module("cgraph.draw").compare(self.before[0], self.after[0], **options)


@overload
def stabilize(root: Node, *, rules: Rules = ...) -> tuple[Node, Report]: ...
@overload
def stabilize(root: Sequence[Node], *, rules: Rules = ...) -> tuple[list[Node], Report]: ...
def stabilize(root: Any, *, rules: Rules = STABILITY) -> Any:
    """The same expression by formulas that neither overflow nor cancel, and a report of every change.

    Nothing is changed in the graph that is given: what no rule touches is shared, the rest is built anew under the same names, scopes and
    lines. Nodes that were inside a formula and have other users stay for those.

    Args:
        root: a node, or several (losses that share a net, gradients from `cgraph.gradient`).
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
    return (new[0] if isinstance(root, Node) else new), report
