"""How many digits of every value and every gradient of a run are right: `run.accuracy()`.

Single precision is held against double, which is cheap enough to use in earnest; double against hundreds of digits
(cgraph/rewrite/exact.py), which is not, some 20 µs an entry and node, but tells where a formula loses its digits.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from cgraph.backprop import SymbolicValues, backpropagate
from cgraph.leaves import constant
from cgraph.node import Node
from cgraph.rewrite.exact import Wide, exact_values


class Judged(NamedTuple):
    """What is right of one node.

    Attributes:
        node: the node.
        digits: right decimal digits of its value, of the entry that has the fewest; up to 16 in double, 7.2 in single precision.
        grad_digits: the same of its gradient; None if it has none.
        lost: digits lost in this node: what its operands have and it has not.
        judged: False if no exact value could be worked out for it, only one from exact operands in double precision.
    """

    node: Node
    digits: float
    grad_digits: float | None
    lost: float
    judged: bool

    @property
    def least(self) -> float:
        return self.digits if self.grad_digits is None else min(self.digits, self.grad_digits)


class Accuracy:
    """The report: iterate over it, index it by a node, print it, draw it.

    Attributes:
        nodes: one `Judged` for each node with floating point values, in the order of the run.
        reference: what the run was held against.
    """

    def __init__(self, run: Any, nodes: list[Judged], reference: str) -> None:
        self.run = run
        self.nodes = nodes
        self.reference = reference
        self._of = {j.node: j for j in nodes}

    def __iter__(self) -> Any:
        return iter(self.nodes)

    def __getitem__(self, node: Node) -> Judged:
        return self._of[node]

    @property
    def worst(self) -> Judged:
        """The node with the fewest right digits, in value or gradient."""
        return min(self.nodes, key=lambda j: j.least)

    @property
    def not_judged(self) -> list[Node]:
        """Nodes whose op the reference cannot compute more precisely."""
        return [j.node for j in self.nodes if not j.judged]

    def __str__(self) -> str:
        lines = [
            f"right digits, against {self.reference}",
            f"{'node':24} {'op':16} value  gradient  lost here",
        ]
        for j in self.nodes:
            if not j.node.parents and j.grad_digits is None:
                continue
            grad = "" if j.grad_digits is None else f"{j.grad_digits:8.1f}"
            lost = f"{j.lost:9.1f}" if j.lost >= 1 else ""
            note = "" if j.judged else "  (not judged)"
            lines.append(
                f"{j.node.label:24.24} {j.node.op.name:16.16} {j.digits:5.1f}  {grad:8}  {lost}{note}".rstrip()
            )
        return "\n".join(lines)

    def draw(self, **options: Any) -> Any:
        """The diagram with the right digits of every node on it: a heat map."""
        from importlib import import_module  # drawing stands on a floor above

        return import_module("cgraph.draw.views.accuracy").draw(self, **options)


def accuracy(run: Any) -> Accuracy:
    """Compare every value and gradient of a run with a more precise evaluation of the same graph; see `Run.accuracy`."""
    floats = [n for n in run.order if n.dtype.kind == "f"]
    narrow = all(n.dtype.itemsize < 8 for n in floats if not n.weak)
    if narrow and any(not n.weak for n in floats):
        values, grads, named = _in_double(run)
        reference = "float64"
    else:
        values, grads, named = _in_many_digits(run)
        reference = "mpmath"
    rows: list[Judged] = []
    digits: dict[Node, float] = {}
    unsure = set(named)
    # A gradient that is 0 by cancellation is noise next to the others, not a number with digits.
    largest = max((_size(run.grad(n)) for n in floats if run.has_grad(n)), default=0.0)
    for node in floats:
        scale = max((_size(run.value(p)) for p in node.parents), default=0.0)
        digits[node] = _right(run.value(node), values[node], node.dtype, scale)
        grad = None
        if run.has_grad(node) and node in grads:
            grad = _right(run.grad(node), grads[node], node.dtype, largest)
        before = min((digits[p] for p in node.parents if p in digits), default=digits[node])
        rows.append(Judged(node, digits[node], grad, before - digits[node], node not in unsure))
    return Accuracy(run, rows, reference)


def _size(value: Any) -> float:
    return float(np.max(np.abs(np.asarray(value, np.float64)), initial=0.0))


def _right(got: Any, exact: Any, dtype: Any, scale: float) -> float:
    """Right decimal digits of the worst entry; where the exact result is 0, next to the `scale` of what it was computed from."""
    most = -math.log10(float(np.finfo(dtype).eps) / 2)
    worst = 0.0
    wide = np.asarray(exact)
    for x, w in zip(np.asarray(got, np.float64).ravel(), wide.ravel(), strict=True):
        error = _relative(float(x), w, scale, dtype)
        worst = error if error > worst else worst
    if worst == 0.0:
        return most
    return min(max(-math.log10(worst), 0.0) + 0.0, most) if math.isfinite(worst) else 0.0


def _relative(x: float, exact: Any, scale: float, dtype: Any) -> float:
    v = exact.v if isinstance(exact, Wide) else float(exact)
    if x != x or v != v:
        return 0.0 if x != x and v != v else math.inf
    with np.errstate(all="ignore"):
        nearest = float(dtype.type(float(v)))
    if x == nearest:
        return 0.0
    tiny = float(np.finfo(dtype).tiny)
    if not isinstance(exact, Wide):  # double has noise of its own
        tiny = max(tiny, 1e-14 * scale)
    if abs(v) < tiny:  # nobody has all digits there; a result of 0 is a matter of scale
        return (
            abs(x) / scale
            if abs(x) > 2 * tiny and scale > 0
            else 0.0
            if abs(x) <= 2 * tiny
            else math.inf
        )
    return float(abs(x - v) / abs(v)) if math.isfinite(x) else math.inf


def _in_double(run: Any) -> tuple[dict[Node, Any], dict[Node, Any], list[Node]]:
    values: dict[Node, Any] = {}
    with np.errstate(all="ignore"):
        for node in run.order:
            if not node.parents:
                value = np.asarray(run.value(node))
                values[node] = value.astype(np.float64) if value.dtype.kind == "f" else value
            elif node.op.name == "cast" and node.dtype.kind == "f":
                values[node] = np.asarray(values[node.parents[0]], np.float64)
            else:
                values[node] = np.asarray(
                    node.op.forward(*[values[p] for p in node.parents], **node.params)
                )
        grads: dict[Node, Any] = {}
        root = run.roots[0]
        if run.has_grad(root):
            active = [n for n in run.order if n.active]
            grads = {root: np.asarray(run.grad(root), np.float64)}
            backpropagate(active, grads, values, set(active), {})
    named = [n for n in run.order if n.dtype.kind == "f" and values[n].dtype.itemsize < 8]
    full = {n: np.broadcast_to(g, np.shape(run.value(n))) for n, g in grads.items()}
    return values, full, named


def _in_many_digits(run: Any) -> tuple[dict[Node, Any], dict[Node, Any], list[Node]]:
    leaves = {n: run.value(n) for n in run.order if not n.parents}
    root = run.roots[0]
    grads: dict[Node, Any] = {}
    if run.has_grad(root):
        active = [n for n in run.order if n.active]
        grads = {root: constant(np.array(run.grad(root)))}
        backpropagate(active, grads, SymbolicValues(), set(active), {})
    as_nodes = {
        n: g if isinstance(g, Node) else constant(np.asarray(g, np.float64))
        for n, g in grads.items()
    }
    values, named = exact_values([*run.roots, *as_nodes.values()], leaves)
    # A gradient may have stayed a scalar where its node is an array, for a constant partial.
    return (
        values,
        {n: np.broadcast_to(values[g], np.shape(run.value(n))) for n, g in as_nodes.items()},
        named,
    )
