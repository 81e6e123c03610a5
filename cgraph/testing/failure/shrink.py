"""Reducing a failing graph to the few nodes that matter.

Two moves, tried until neither helps: take an earlier node as the root; cut a node off from what lies below it, so that it becomes a
parameter with the value it had. Then sizes: slices of 2 or 1 along every axis that is larger. Every candidate is a graph that really
fails, in a check of its own; where the mismatch points decides what is tried first, so two or three checks are enough as a rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cgraph.build import build
from cgraph.errors import CgraphError
from cgraph.leaves import constant, parameter
from cgraph.node import Node
from cgraph.op import CONSTANT, OPS
from cgraph.testing.compare.adapters import graph_subject
from cgraph.testing.compare.comparison import Check
from cgraph.testing.compare.subject import topological
from cgraph.testing.report import Mismatch, Report, Verdict

Fails = Callable[[Node], "Report | None"]


@dataclass
class Case:
    """The smallest failing example that was found: graph or inputs, and its own mismatch."""

    root: Node | None
    mismatch: Mismatch | None
    before: int
    after: int
    lines: list[str] = field(default_factory=list)
    names: dict[Node, str] = field(default_factory=dict)
    report: Report | None = None
    subject: Any = None

    def name(self, node: Node) -> str:
        return self.names.get(node, node.label)

    def value(self, node: Node) -> Any:
        """The value of a leaf."""
        fed = None if self.subject is None else self.subject.feeds.get(node)
        return node._value if fed is None else fed


def rebuild(root: Node, values: Mapping[Node, Any], cuts: frozenset[Node] = frozenset()) -> Node:
    """The same graph on fresh leaves, `cuts` become parameters that hold their values. Gradients flow to whatever is floating point."""
    new: dict[Node, Node] = {}
    for node in _above(root, cuts):
        value = np.asarray(values[node])
        if node.op is CONSTANT:
            new[node] = node
        elif not node.parents or node in cuts:
            new[node] = parameter(node.name, value) if value.dtype.kind == "f" else constant(value)
        else:
            new[node] = build(node.op, tuple(new[p] for p in node.parents), node.params, node.name)
    return new[root]


def _above(root: Node, cuts: frozenset[Node]) -> list[Node]:
    """What the root needs when the cuts need nothing."""
    needed = {root}
    result = []
    for node in reversed(topological(root)):
        if node in needed:
            result.append(node)
            if node not in cuts:
                needed.update(node.parents)
    return result[::-1]


def reduce_graph(
    graph: Node | Any, still_fails: Fails | None = None, hint: Mismatch | None = None
) -> tuple[Node, Report | None]:
    """A graph as small as can be found for which `still_fails` gives a report (default: its check is FAIL).

    >>> import cgraph as cg
    >>> from cgraph import testing
    >>> from cgraph.testing.compare.subject import topological
    >>> x = cg.parameter("x", [0.5, 1.0])
    >>> with testing.plant("sin/0:sign"):
    ...     small, report = testing.reduce_graph(cg.sum(cg.exp(cg.sin(cg.tanh(x))) * x))
    >>> [node.op.name for node in topological(small)]
    ['parameter', 'sin']
    """
    root: Node = getattr(graph, "root", graph)
    still_fails = still_fails or failing
    report = still_fails(root)
    if report is None:
        return root, None
    progress = True
    while progress:
        progress = False
        values = _values(root)
        size = len(topological(root))
        for candidate in _smaller(root, values, report.mismatch or hint):
            if len(topological(candidate)) >= size:
                continue
            found = still_fails(candidate)
            if found is not None:
                root, report, progress = candidate, found, True
                break
    return _slices(root, report, still_fails)


def failing(root: Node) -> Report | None:
    """The report of a graph whose gradient is wrong in any of the engine's ways."""
    try:
        report = Check(graph_subject(root, (), None), 0, 2, ("vjp", "jvp"), "auto").run()
    except CgraphError:
        return None
    return report if report.verdict is Verdict.FAIL and report.mismatch is not None else None


def _values(root: Node) -> dict[Node, Any]:
    from cgraph.run import Run

    run = Run((root,), None, None)
    return {node: run.value(node) for node in run.order}


def _smaller(root: Node, values: Mapping[Node, Any], mismatch: Mismatch | None) -> Iterator[Node]:
    nodes = topological(root)
    inner = [n for n in nodes if n.parents and n.dtype.kind == "f"]
    if mismatch is not None and mismatch.node is not None and mismatch.node in values:
        if mismatch.node.parents:  # one op on leaves; then two layers of ops
            yield rebuild(mismatch.node, values, frozenset(mismatch.node.parents))
            yield rebuild(
                mismatch.node,
                {**values, **_inside(mismatch.node, values)},
                frozenset(mismatch.node.parents),
            )
            yield rebuild(
                mismatch.node,
                values,
                frozenset(p for q in mismatch.node.parents for p in q.parents),
            )
        yield rebuild(root, values, frozenset([mismatch.node]))
    if mismatch is not None and mismatch.kind == "accumulation" and mismatch.node in values:
        yield from _reuses(mismatch.node, values)
    for node in inner:
        if node is not root:
            yield rebuild(node, values)
    for node in reversed(inner):
        if node is not root:
            yield rebuild(root, values, frozenset([node]))
    # An op of two operands gives way to one of them, where the shape is the same.
    for node in reversed(inner):
        for parent in node.parents:
            if (
                parent.shape == node.shape
                and parent.dtype == node.dtype
                and parent.op is not CONSTANT
            ):
                swapped = _bypass(root, node, parent, values)
                if swapped is not None:
                    yield swapped


def _inside(node: Node, values: Mapping[Node, Any]) -> dict[Node, Any]:
    """The operands of a node with entries outside its domain moved in: behind a branch not taken they may have been anywhere."""
    found: dict[Node, Any] = {}
    for parent, interval in zip(node.parents, node.op.domain, strict=False):
        x = np.asarray(values[parent])
        low = interval.low + 0.5 if np.isfinite(interval.low) else -np.inf
        high = interval.high - 0.5 if np.isfinite(interval.high) else np.inf
        outside = ~((x > interval.low) & (x < interval.high))
        if x.dtype.kind == "f" and outside.any():
            found[parent] = np.where(
                outside, np.clip(np.where(np.isfinite(x), x, 1.0), low, max(low, high)), x
            ).astype(x.dtype)
    return found


def _reuses(node: Node, values: Mapping[Node, Any]) -> Iterator[Node]:
    """The simplest graphs that use a value more than once: where a sum is wrong, one of them may well be wrong, too."""
    value = np.asarray(values[node])
    if value.dtype.kind != "f":
        return
    add, multiply, sin = (OPS[name] for name in ("add", "multiply", "sin"))
    for shape in {(): 0, value.shape: 0}:
        p = parameter(
            "p",
            value if shape else np.asarray(value.ravel()[0] if value.size else 0.5, value.dtype),
        )
        yield multiply(p, p)
        yield add(p, p)
        yield add(sin(p), p)
        square = multiply(p, p)
        yield multiply(square, square)
        yield add(multiply(sin(p), p), p)


def _bypass(root: Node, node: Node, parent: Node, values: Mapping[Node, Any]) -> Node | None:
    from cgraph.graph import substitute

    try:
        if node is root:
            return rebuild(parent, values)
        shorter = substitute([root], {node: parent})[0]
        return rebuild(shorter, _values(shorter))
    except CgraphError:
        return None


def _slices(root: Node, report: Report, still_fails: Fails) -> tuple[Node, Report]:
    """The same graph on smaller leaves: along every size above 1, the first 2 or the first 1 of it, everywhere at once."""
    progress = True
    while progress:
        progress = False
        leaves = [n for n in topological(root) if not n.parents]
        for size in sorted(
            {k for n in leaves for k in n.shape if k is not None and k > 1}, reverse=True
        ):
            for smaller in range(1, min(size, 3)):
                candidate = _resized(root, size, smaller)
                found = still_fails(candidate) if candidate is not None else None
                if candidate is not None and found is not None:
                    root, report, progress = candidate, found, True
                    break
    return root, report


def _resized(root: Node, size: int, smaller: int) -> Node | None:
    def cut(array: Any) -> Any:
        return np.asarray(array)[
            tuple(slice(0, smaller) if n == size else slice(None) for n in np.shape(array))
        ]

    def shrink(value: Any) -> Any:
        return (
            tuple(smaller if n == size else n for n in value) if isinstance(value, tuple) else value
        )

    new: dict[Node, Node] = {}
    try:
        for node in topological(root):
            if not node.parents:
                value = cut(node._value)
                new[node] = (
                    node
                    if node.weak
                    else constant(value)
                    if node.op is CONSTANT
                    else parameter(node.name, value)
                )
            else:
                params = {
                    key: shrink(value) if key == "shape" else value
                    for key, value in node.params.items()
                }
                new[node] = build(node.op, tuple(new[p] for p in node.parents), params, node.name)
    except (CgraphError, ValueError, IndexError, TypeError):
        return None
    return new[root]


# --- the case of a report ---------------------------------------------------------------------------------------------------------


def minimal_case(report: Report) -> Case:
    """The smallest case for a failing report, as lines of text too."""
    subject = report.subject
    if not subject.is_graph:
        return Case(None, report.mismatch, 1, 1, subject.described())
    leaves = [n for n in subject.nodes if not n.parents]
    values: dict[Node, Any] = {n: np.zeros(()) for n in subject.nodes}
    values |= {n: np.asarray(subject.leaf_value(n), n.dtype) for n in leaves}
    small, found = reduce_graph(rebuild(subject.root, values), hint=report.mismatch)
    if found is None:  # fails as it stands alone (a mode, a feed): shown whole
        small, found = subject.root, report
    nodes = topological(small)
    names = {node: f"n{i}" for i, node in enumerate(nodes)}
    return Case(
        small,
        found.mismatch,
        len(subject.nodes),
        len(nodes),
        found.subject.described(),
        names,
        found,
        found.subject,
    )
