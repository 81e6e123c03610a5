"""`cg.lint`: where a graph overflows, cancels, saturates, leaves a domain or sits on a kink, found without running it.

Two searches. Ranges are worked out forward from those of the leaves (cgraph/rewrite/intervals.py), and every op and every local gradient is
tried on a grid over the ranges of its operands: what comes out as infinity or NaN is a finding. And the stability rules are matched:
where one applies, both its sides are evaluated over the ranges of its wildcards, and it is a finding if the left side breaks or loses
its digits there. So a formula that is harmless in the given ranges is not reported.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from cgraph.autodiff import gradient
from cgraph.errors import CgraphError
from cgraph.graph import order
from cgraph.node import Node
from cgraph.op import INPUT
from cgraph.rewrite.intervals import Range, Ranges, grid
from cgraph.rewrite.pattern import View, peel
from cgraph.rewrite.rule import Rule, Step, rewrite
from cgraph.rewrite.stability import STABILITY
from cgraph.rewrite.text import expression

DIGITS_LOST = {
    8: 1e-9,
    4: 1e-4,
    2: 0.1,
}  # relative error that is a finding, by the size of the dtype: half the digits
SATURATED = 1e-6  # a local gradient below this passes nothing on; as in the health view
_GROWS = ("exp", "exp2", "expm1", "sinh", "cosh", "power", "float_power", "square", "prod")
# Formulas whose left side is only inexact where the result is next to nothing: findings if they break or mislead, not for digits.
_HARMLESS = {
    "bce-by-one-softplus", "bce-by-softplus", "bce-by-log-sigmoids", "bce-by-log-sigmoid", "bce-textbook-stable", "softplus-by-max",
    "log-softmax-by-logsumexp", "cross-entropy", "cross-entropy-of-all", "logaddexp-of-zero", "logit", "logit-by-difference", "log-of-sqrt",
    "exp-of-log", "softmax-of-shifted", "log-of-exp", "sigmoid-of-logit", "sinh-by-half", "cosh-by-half", "tanh-by-sigmoid", "odds",
    "x-over-root", "sigmoid-slope", "exp-times-sigmoid",
    "logsumexp", "logaddexp", "softmax", "log-softmax", "log-sigmoid", "log1p-of-minus-sigmoid",
}  # fmt: skip
# What is lost in 1 - sigmoid(x) where it is next to 0 does not matter to what is then added to or multiplied.
_IN_PASSING = {"sigmoid-of-minus", "tanh-slope"}
_FORGIVING = {
    "multiply",
    "square",
    "add",
    "subtract",
    "sum",
    "mean",
    "where",
    "matmul",
    "broadcast_to",
    "reshape",
    "transpose",
}
# Rules that are about digits only: they do not mend an overflow.
_DIGITS_ONLY = {"expm1", "log1p", "sinh", "sinh-by-half"}
_REMEDIES = {
    "divide": "keep the denominator away from 0: add a small constant, or choose with where",
    "reciprocal": "keep the operand away from 0: add a small constant, or choose with where",
    "sqrt": "add a small constant under the root: its gradient is infinite at 0",
    "log": "keep the operand positive: add a small constant, or compute the logarithm directly (log_sigmoid, logsumexp, log_softmax)",
    "bce": "compute the loss from logits: stable_bce",
    "exp": "take the maximum away first, or stay in logarithms (softplus, logsumexp, softmax)",
    "power": "keep the base positive",
}


class Finding(NamedTuple):
    """One place where a graph may go wrong.

    Attributes:
        kind: "overflow", "domain", "division by zero", "infinite gradient", "cancellation", "saturation" or "kink".
        node: where it happens.
        nodes: all nodes that take part, the first of them `node`.
        trigger: the values that make it happen, in words.
        remedy: what to do about it.
        rule: the name of the stability rule that mends it, if there is one; `cg.stabilize` applies it.
    """

    kind: str
    node: Node
    nodes: tuple[Node, ...]
    trigger: str
    remedy: str
    rule: str | None = None

    def __str__(self) -> str:
        return f"{self.kind} at {self.node.label!r} ({self.node.op.name}, built at {self.node.site}): {self.trigger}; {self.remedy}"


def lint(
    root: Node | Sequence[Node], *, ranges: Mapping[Node, Any] | None = None, run: Any = None
) -> list[Finding]:
    """Where this graph may overflow, cancel, saturate, divide by zero, leave a domain or sit on a kink.

    Args:
        root: a node, or several.
        ranges: leaf -> ``(low, high)``, or an array of typical values. For leaves that are not in it: constants are what they are; a label
            or probability is presumed to lie in its domain; anything else may be of size 1000, or, for parameters where ranges are given
            for other leaves, twice its present size and at least 1.
        run: a `Run` of this graph: then the findings are about its values.

    Returns:
        Findings in the order of the graph; an empty list for a graph in which nothing was found.

    >>> import cgraph as cg
    >>> z = cg.input("z")
    >>> for finding in cg.lint(cg.log(cg.sigmoid(z, name="p"), name="L")):
    ...     print(finding.kind, finding.node.label, "-", finding.trigger)
    domain L - p = 0
    >>> cg.lint(cg.log(cg.sigmoid(z)), ranges={z: (-5, 5)}), cg.lint(cg.log_sigmoid(z))
    ([], [])
    """
    roots = [root] if isinstance(root, Node) else list(root)
    for node in [*roots, *(ranges or {})]:
        if not isinstance(node, Node):
            raise CgraphError(f"lint takes nodes; got {type(node).__name__}")
    values = None
    if run is not None:
        values = {node: run.value(node) for node in run.order}
    nodes = order(*roots)
    known = Ranges(ranges, values)
    known.presume(nodes)
    guarded = _guarded(nodes, roots)
    found: list[Finding] = []
    for node in nodes:
        if node.parents:
            known[node]  # operands first, so that nothing recurses
            finding = _at(node, known, values, node in guarded)
            if finding is not None:
                found.append(finding)
    return _with_rules(roots, nodes, known, found, guarded)


def _guarded(nodes: list[Node], roots: list[Node]) -> set[Node]:
    """Nodes that reach the roots through branches of `where` only: what is not selected there does no harm, forward or backward."""
    reaches: set[Node] = set(roots)
    guarded: set[Node] = set()
    for node in reversed(nodes):
        if node not in reaches:
            guarded.add(node)
        for i, parent in enumerate(node.parents):
            if node in reaches and not (node.op.name == "where" and i > 0):
                reaches.add(parent)
    return guarded


# --- one node, on a grid or on the values of a run --------------------------------------------------------------------------------


def _at(node: Node, known: Ranges, values: Any, guarded: bool) -> Finding | None:
    op = node.op
    if op.family != "elementwise" or node.dtype.kind != "f" or op.name in ("where", "broadcast_to"):
        return _collective(node, known, values)
    if values is not None:
        operands = [np.asarray(values[p]) for p in node.parents]
    else:
        operands = known.operands(node)
    with np.errstate(all="ignore"):
        try:
            out = np.asarray(op.forward(*operands))
        except (TypeError, ValueError):
            return None
        # The ends of assumed ranges are no values of anybody's.
        sound = np.ones(out.shape, bool)
        for x in operands:
            sound = sound & np.isfinite(x)
        bad = sound & ~np.isfinite(out)
        if op.linear or (op.name in ("multiply", "maximum", "minimum") and values is None):
            bad = np.zeros_like(bad)
        if bad.any() and not guarded:
            return _broken(node, operands, out, bad)
        return _gradient(node, operands, out, sound, known, values, guarded)


def _broken(node: Node, operands: list[Any], out: Any, bad: Any) -> Finding | None:
    name = node.op.name
    infinite = np.isinf(out) & bad
    if name in ("divide", "reciprocal", "remainder", "fmod", "floor_divide"):
        last = np.broadcast_to(operands[-1], out.shape)
        if (last[bad] == 0).any():
            return _finding("division by zero", node, operands, bad & (last == 0))
        return _finding("overflow", node, operands, bad)
    if name in _GROWS and infinite.any():
        base = np.broadcast_to(operands[0], out.shape)
        if name == "power" and (base[infinite] == 0).any():
            return _finding("division by zero", node, operands, infinite & (base == 0))
        return _finding("overflow", node, operands, infinite)
    return _finding("domain", node, operands, bad)


def _gradient(
    node: Node, operands: list[Any], out: Any, sound: Any, known: Ranges, values: Any, guarded: bool
) -> Finding | None:
    op = node.op
    if op.partials is None:
        return None
    for i, partial in enumerate(op.partials):
        if not callable(partial) or not op.differentiable(i) or not _moves(node.parents[i]):
            continue
        try:
            slope = np.broadcast_to(np.asarray(partial(out, *operands), np.float64), out.shape)
        except (TypeError, ValueError, CgraphError):
            continue
        bad = sound & np.isfinite(out) & ~np.isfinite(slope)
        if bad.any() and not guarded and op.name not in ("multiply", "divide"):
            return _finding("infinite gradient", node, operands, bad)
        if op.role == "activation" and len(operands) == 1 and sound.any():
            flat = np.abs(slope) < SATURATED
            if values is not None:
                if flat.mean() > 0.99 and op.name != "exp":
                    return _finding("saturation", node, operands, flat)
            elif known[node.parents[0]].known and op.name != "relu":
                r = known[node.parents[0]]
                even = np.linspace(r.low, r.high, 201).astype(node.dtype)
                slopes = np.abs(np.asarray(partial(op.forward(even), even), np.float64))
                # Flat at both ends: an exponential that comes to nothing on one side is not saturated.
                if (slopes < SATURATED).mean() > 0.9 and max(slopes[0], slopes[-1]) < SATURATED:
                    return _finding("saturation", node, [even], slopes < SATURATED)
    if op.margin is not None and node.active:
        if values is not None:
            on = np.broadcast_to(np.asarray(op.margin(*operands)) == 0, out.shape)
            if on.any():
                return _finding("kink", node, operands, on)
        elif all(known[p].low == known[p].high for p in node.parents) and np.all(
            np.asarray(op.margin(*operands)) == 0
        ):
            return _finding("kink", node, operands, np.ones(out.shape, bool))
    return None


def _moves(parent: Node) -> bool:
    """Whether a gradient with respect to it can be asked for: not for numbers."""
    return parent.kind != "constant"


def _collective(node: Node, known: Ranges, values: Any) -> Finding | None:
    """Ops that are not elementwise: products that overflow; in a run, whatever is not finite."""
    if values is not None and node.dtype.kind == "f":
        operands = [np.asarray(values[p]) for p in node.parents]
        if (
            all(np.isfinite(x).all() for x in operands if x.dtype.kind == "f")
            and not np.isfinite(values[node]).all()
        ):
            text = ", ".join(f"{p.label} in {known[p]}" for p in node.parents)
            return Finding(
                "overflow", node, (node, *node.parents), text, "keep the operands smaller"
            )
    elif node.op.name == "prod" and known[node].high >= 1e299:
        text = f"{node.parents[0].label} in {known[node.parents[0]]}"
        return Finding("overflow", node, (node, *node.parents), text, "add logarithms instead")
    return None


def _finding(kind: str, node: Node, operands: list[Any], bad: Any) -> Finding:
    parts = []
    for parent, x in zip(node.parents, operands, strict=True):
        if parent.kind == "constant":
            continue
        values = np.broadcast_to(x, bad.shape)[bad].astype(float)
        low, high = float(values.min()), float(values.max())
        if x.size == 1 and bad.size > 1:
            continue
        if len(node.parents) == 1 and low != high:
            low, high = _edge(node, kind, x.ravel(), low, high)
        name = _short(parent)
        parts.append(
            f"{name} = {low:.6g}" if low == high else f"{name} from {low:.6g} to {high:.6g}"
        )
    count = (
        f" ({int(bad.sum())} of {bad.size} entries)" if kind in ("kink",) and bad.size > 1 else ""
    )
    if kind == "kink":
        remedy = "the gradient there is a convention (docs/conventions.md); start elsewhere, or use a smooth function"
    elif kind == "saturation":
        remedy = (
            "next to nothing goes back: scale the operand down, or use a loss that takes logits"
        )
    else:
        remedy = _REMEDIES.get(node.op.name, "keep the operand inside")
    return Finding(kind, node, (node, *node.parents), ", ".join(parts) + count, remedy)


def _short(node: Node) -> str:
    text = node.name or expression(node)
    return text if len(text) <= 60 else f"{text[:28]} ... {text[-28:]}"


def _edge(node: Node, kind: str, x: Any, low: float, high: float) -> tuple[float, float]:
    """Where exactly the trouble begins, for ops of one operand: between the last good point of the grid and the first bad one."""
    if kind != "overflow" or x.size < 3:
        return low, high
    ordered = np.sort(x.astype(float))
    for bad, beyond in ((low, ordered[ordered < low]), (high, ordered[ordered > high])):
        if not beyond.size:
            continue
        good = float(beyond[-1] if bad == low else beyond[0])
        start = bad
        with np.errstate(all="ignore"):
            for _ in range(60):
                middle = 0.5 * (good + bad)
                if np.isfinite(node.op.forward(np.array(middle, x.dtype))):
                    good = middle
                else:
                    bad = middle
        low, high = (bad, high) if start == low else (low, bad)
    return low, high


# --- the stability rules, on the ranges of their wildcards ------------------------------------------------------------------------


def _with_rules(
    roots: list[Node], nodes: list[Node], known: Ranges, found: list[Finding], guarded: set[Node]
) -> list[Finding]:
    place = {node: k for k, node in enumerate(nodes)}
    _, steps = rewrite(roots, STABILITY)
    by_node = {f.node: f for f in found}
    used: dict[Node, set[str]] = {}
    for node in nodes:
        for parent in node.parents:
            used.setdefault(parent, set()).add(node.op.name)
    inside: dict[Node, Step] = {}
    for step in steps:
        if step.rule.tidy or step.node in guarded:
            continue
        covered = _covered(step)
        for node in covered:
            inside[node] = step  # the last, outermost step has the best remedy
        if any(n in by_node for n in covered):
            continue
        if step.rule.name in _IN_PASSING and step.node in used and used[step.node] <= _FORGIVING:
            continue
        trigger = _breaks(step, known)
        if trigger is not None:
            kind, text = trigger
            others = tuple(n for n in covered if n is not step.node)
            by_node[step.node] = Finding(
                kind, step.node, (step.node, *others), text, step.rule.why, step.rule.name
            )
    result = []
    seen: set[tuple[int, str]] = set()
    for finding in by_node.values():
        mend = inside.get(finding.node)
        key = known.numbers[finding.node], finding.kind
        if key in seen:  # the same expression written twice
            continue
        seen.add(key)
        if mend is not None and not (finding.kind == "overflow" and mend.rule.name in _DIGITS_ONLY):
            remedy = f"{finding.remedy if finding.rule else mend.rule.why}: write {expression(mend.after)}, or let cg.stabilize do it"
            finding = finding._replace(remedy=remedy, rule=mend.rule.name)
        result.append(finding)
    return sorted(result, key=lambda f: place.get(f.node, len(place)))


def _covered(step: Step) -> list[Node]:
    """Nodes of the given graph that a step's left side takes in: down to what its wildcards stand for."""
    stop = {peel(v).node for v in step.match.wildcards.values()} | {
        v.node for v in step.match.wildcards.values()
    }
    found = [step.node]
    depth = {step.node: 0}
    for node in found:
        for parent in node.parents:
            if parent.parents and parent not in depth and parent not in stop and depth[node] < 7:
                depth[parent] = depth[node] + 1
                found.append(parent)
    return found


def _breaks(step: Step, known: Ranges) -> tuple[str, str] | None:
    """Whether the left side of a rule goes wrong where the right one does not, and for which values."""
    rule, dtype = step.rule, step.node.dtype
    if dtype.kind != "f":
        return None
    samples = _samples(rule, step, known, dtype)
    if samples is None:
        return None
    with np.errstate(all="ignore"):
        before, after = _evaluated(rule.before, samples), _evaluated(rule.after, samples)
        limit = DIGITS_LOST.get(dtype.itemsize, 1e-9)
        wrong = _differ(before, after, limit, rule.name in _HARMLESS)
        kind = "cancellation"
        if not wrong.any():
            for left, right in _slopes(rule.before, rule.after):
                wrong = _differ(
                    _evaluated(left, samples),
                    _evaluated(right, samples),
                    1e-3 if dtype.itemsize < 8 else 1e-6,
                    True,
                )
                kind = (
                    "infinite gradient"
                    if not np.isfinite(_evaluated(left, samples)[wrong]).all()
                    else "kink"
                )
                if wrong.any():
                    break
        elif not np.isfinite(np.broadcast_to(before, wrong.shape)[wrong]).all():
            kind = "overflow"
    if not wrong.any():
        return None
    parts = []
    for wildcard, x in samples.items():
        values = (
            np.broadcast_to(x, wrong.shape)[wrong]
            if np.ndim(x) == np.ndim(wrong)
            else np.asarray(x)
        )
        node = step.match.wildcards[wildcard]
        sign = "-" if node.sign < 0 else ""
        if node.node.kind != "constant":
            parts.append(
                f"{sign}{_short(node.node)} from {float(values.min()):.4g} to {float(values.max()):.4g}"
            )
    return kind, ", ".join(parts)


def _differ(before: Any, after: Any, limit: float, mild: bool) -> Any:
    before, after = np.broadcast_arrays(
        np.asarray(before, np.float64), np.asarray(after, np.float64)
    )
    scale = np.abs(after)
    scale = np.maximum(scale, 1.0) if mild else np.maximum(scale, np.finfo(np.float64).tiny)
    return np.isfinite(after) & ~(np.abs(before - after) <= limit * scale)


def _samples(rule: Rule, step: Step, known: Ranges, dtype: Any) -> dict[Node, Any] | None:
    wildcards = rule.wildcards
    rng = np.random.default_rng(0)
    result: dict[Node, Any] = {}
    for i, wildcard in enumerate(wildcards):
        view: View = step.match.wildcards[wildcard]
        r = known[view.node]
        low, high = (r.low, r.high) if view.sign > 0 else (-r.high, -r.low)
        bounds = rule.over.get(wildcard.label, (-np.inf, np.inf))
        low, high = max(low, bounds[0]), min(high, bounds[1])
        if low > high:
            return None
        points = grid(Range(low, high), dtype, 40 if len(wildcards) == 1 else 9)
        if wildcard.shape:  # rows of four entries
            rows = rng.choice(points, (400, 4))
            rows[:200] = rows[:200, :1] * (
                1.0 + 1e-6 * rng.normal(size=(200, 4))
            )  # a mean far from 0, a small spread
            fact = known.attained.get(view.node)
            if fact is not None and view.sign > 0:
                rows[:, 0] = fact[1]  # x - x.max() is 0 somewhere in every row
            result[wildcard] = rows
        else:
            result[wildcard] = points.reshape([-1 if k == i else 1 for k in range(len(wildcards))])
    return result


def _evaluated(root: Node, samples: Mapping[Node, Any]) -> Any:
    """A rule's side on arrays for its wildcards; the patterns are scalar, the arrays broadcast."""
    values: dict[Node, Any] = dict(samples)
    for node in order(root):
        if node in values:
            continue
        if not node.parents:
            values[node] = node._value
        elif (
            node.op.name == "broadcast_to"
            and node.params["shape"] is not None
            and node.params["shape"] == ()
        ):
            values[node] = values[node.parents[0]]
        else:
            values[node] = node.op.forward(*[values[p] for p in node.parents], **node.params)
    return np.asarray(values[root])


@lru_cache(maxsize=256)
def _slopes(before: Node, after: Node) -> list[tuple[Node, Node]]:
    """The gradients of both sides of a rule with respect to each wildcard, as graphs."""
    wildcards = [n for n in order(before) if n.op is INPUT]
    if any(w.shape for w in wildcards):
        return []
    return [
        (gradient(before, w, disconnected="zero"), gradient(after, w, disconnected="zero"))
        for w in wildcards
    ]


def shown(findings: Iterable[Finding]) -> str:
    """Findings, one a line, numbered."""
    lines = [f"{k:>3}  {finding}" for k, finding in enumerate(findings, 1)]
    return "\n".join(lines) if lines else "nothing found"
