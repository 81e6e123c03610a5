"""Localisation: which edge, or which sum, is wrong.

A wrong gradient of a graph is a wrong local gradient on some edge, a wrong sum at some node, or a driver that hands on something else.
Each can be found_wrong by itself, given the upstream that the engine stored: the edge by a complex step through that one op, the sum by
adding up shares that were found right. If every edge and every sum is right, so is the gradient, up to rounding; hence a FAIL always
has an edge or a node to name. The walk goes from the root down, so the first one found is that nearest the loss.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cgraph import backprop
from cgraph.leaves import constant, input as input_leaf
from cgraph.node import Node
from cgraph.run import Run
from cgraph.testing.compare import measure
from cgraph.testing.compare.subject import GraphSubject, real64
from cgraph.testing.localize.edge import Edge
from cgraph.testing.localize.hints import hint
from cgraph.testing.localize.mismatch import raising_edge
from cgraph.testing.report import Mismatch, Verdict

Array = Any
Found = tuple[Verdict, Mismatch | None]


def reverse(subject: GraphSubject, w: Array, rng: Any) -> Found:
    """The edge or sum behind a wrong vjp, or none."""
    wanted, cotangents, values = subject.leading, subject.cotangents, subject.wide()
    arrived: dict[Node, list[tuple[Node, int, Array]]] = {subject.root: []}
    verdict, doubt = Verdict.FAIL, None
    for node in reversed(subject.nodes):
        if node not in wanted or node not in arrived:
            continue
        stored = cotangents.get(node)
        shares = arrived[node]
        if node is subject.root:
            mismatch = _sum(subject, node, stored, [w], [])
        else:
            mismatch = _sum(subject, node, stored, [s for _, _, s in shares], shares)
        if mismatch is not None:
            return Verdict.FAIL, mismatch
        if stored is None:
            continue
        for _, i in subject.live_edges([node]):
            edge = Edge(node, i, values, real64(stored), subject.unit, rng)
            got = subject.share(node, i)
            found_wrong = edge.run(got)
            if found_wrong is not None:
                if found_wrong[0] is Verdict.FAIL:
                    return found_wrong
                verdict, doubt = found_wrong
            share = (node, i, np.asarray(got, np.float64))
            arrived.setdefault(node.parents[i], []).append(share)
    return (verdict, doubt) if doubt is not None else (Verdict.PASS, None)


def _sum(
    subject: GraphSubject, node: Node, stored: Any, shares: Sequence[Array], origin: Sequence[Any]
) -> Mismatch | None:
    """Whether a stored gradient is the sum of the shares that arrive."""
    shape = np.shape(subject.run._values[node])
    expected: Array = np.zeros(shape)
    size: Array = np.zeros(shape)
    for share in shares:
        expected, size = expected + share, size + np.abs(share)
    if stored is None:
        got: Array = np.zeros(shape)
        bound = 0.0 * size
    else:
        got = np.asarray(stored, np.float64)
        bound = subject.unit * (4 + 2 * len(shares)) * size + 1e-290
    if got.shape == np.shape(expected) and bool(
        np.all((np.abs(got - expected) <= bound) | ~np.isfinite(size))
    ):  # NaN is in neither
        return None
    mismatch = Mismatch(
        "accumulation",
        node.label,
        node,
        tolerance=float(np.max(bound, initial=0.0)),
        reason=f"{4 + 2 * len(shares)} units of rounding of the sum",
    )
    mismatch.show(got, expected)
    if len(origin) == 1 and node is not subject.root:
        # One edge alone leads here, and its local gradient is right: the driver did not hand on upstream x local.
        user, i, _ = origin[0]
        mismatch.kind, mismatch.node, mismatch.parent, mismatch.operand = "driver", user, node, i
        mismatch.upstream = subject.cotangents.get(user)
        mismatch.sentence = (
            "the local gradient is right; what was handed on is not upstream × local"
        )
    elif node is subject.root:
        mismatch.kind = "seed"
        mismatch.sentence = "the backward pass does not start from the upstream it was given"
    else:
        mismatch.sentence = f"all local gradients are right; the gradient stored is not the sum over the {len(origin)} edges that arrive"
    several = shares if len(origin) > 1 else ()
    mismatch.hint = hint(got, expected, subject.unit, mismatch.upstream, several)
    return mismatch


def forward(subject: GraphSubject, w: Array, rng: Any) -> Found:
    """The edge or sum behind a wrong jvp, or none."""
    tangents, values, at = subject.tangents, subject.wide(), subject.stored()
    below = set(subject.wrt)
    for node in subject.nodes:
        if not node.parents or node in below:
            continue
        expected: Array = np.zeros(np.shape(values[node]))
        size: Array = np.zeros(np.shape(values[node]))
        parts = []
        for i, parent in enumerate(node.parents):
            if parent not in tangents or not node.op.differentiable(i):
                continue
            tangent = real64(tangents[parent])
            edge = Edge(node, i, values, np.ones(np.shape(values[node])), subject.unit, rng)
            local = node.op.local(i, at[node], [at[p] for p in node.parents], node.params)
            part = local.jvp(tangents[parent])
            found_wrong = edge.check_forward(part, tangent)
            if found_wrong is not None:
                return found_wrong
            parts.append(part)
            expected, size = expected + part, size + np.abs(part)
        if not parts:
            continue
        got = np.asarray(tangents.get(node, 0.0), np.float64)
        near = (
            np.abs(got - expected) <= subject.unit * (4 + 2 * len(parts)) * size + 1e-290
            if got.shape == expected.shape
            else None
        )
        if near is not None and np.all(near | ~np.isfinite(size)):
            continue
        mismatch = Mismatch("forward", node.label, node, reason="the sum of the operands' tangents")
        mismatch.show(got, expected)
        mismatch.hint = hint(got, expected, subject.unit, None, parts)
        mismatch.sentence = (
            "forward mode: the tangent is not the sum of what its operands contribute"
        )
        return Verdict.FAIL, mismatch
    return Verdict.PASS, None


def compare_graph_mode(
    subject: GraphSubject, w: Array, g: Sequence[Array], base: float, rng: Any
) -> Mismatch | None:
    """Whether `cgraph.gradient` gives, as a graph, the numbers that `backward` gives; the rule that does not, if one does not."""
    try:
        found = subject.by_graph(w)
    except Exception as error:
        return raising_edge(subject, rng, error, "graph")
    for label, numbers, by_graph, shape in zip(
        subject.labels(), g, found, subject.shapes(), strict=True
    ):
        if np.shape(by_graph) != shape:
            return Mismatch(
                "graph",
                label,
                sentence=f"the gradient graph gives shape {np.shape(by_graph)} for {label}, not {shape}",
            )
        d = measure.continuous(rng, shape)
        (a, a_size), (b, b_size) = measure.total(numbers, d), measure.total(by_graph, d)
        if not measure.agree(
            a, b, 64 * base * a_size + 64 * base * b_size + 1e-290
        ) and np.isfinite(a):
            return _rule_over_nodes(subject, rng) or Mismatch(
                "graph", label, got=b, expected=a, got_array=by_graph, expected_array=numbers, hint=hint(by_graph, numbers, subject.unit),
                sentence=f"the gradient graph of {label} evaluates to something else than backward() computes; every single rule is right",
            )  # fmt: skip
    return None


def _rule_over_nodes(subject: GraphSubject, rng: Any) -> Mismatch | None:
    """The edge whose local gradient is right on numbers and wrong as a graph."""
    values = subject.wide()
    for node, i in subject.live_edges(
        n for n in reversed(subject.nodes) if n in subject.cotangents
    ):
        stands = {p: input_leaf(None, np.asarray(subject.run._values[p])) for p in node.parents}
        operands = [stands[p] for p in node.parents]
        out = node.op(*operands, **node.params)
        upstream = constant(np.asarray(subject.cotangents[node], node.dtype))
        share, _ = backprop.edge_share(node.op, i, out, operands, node.params, upstream, None)
        got = np.asarray(Run((share,), None, None).value(share), np.float64)
        edge = Edge(node, i, values, real64(subject.cotangents[node]), subject.unit, rng)
        found_wrong = edge.run(got, noisy=False)
        if found_wrong is not None and found_wrong[1] is not None:
            mismatch = found_wrong[1]
            mismatch.kind = "graph"
            mismatch.sentence = "the local gradient is right on numbers and wrong as a graph"
            return mismatch
    return None


def forward_against_reverse(subject: GraphSubject, rng: Any) -> Mismatch | None:
    """The first edge on which the two directions of a local gradient are not transposes: ⟨u, J t⟩ is not ⟨Jᵀ u, t⟩."""
    at = subject.stored()
    for node, i in subject.live_edges(subject.nodes):
        parent = node.parents[i]
        local = node.op.local(i, at[node], [at[p] for p in node.parents], node.params)
        t = measure.continuous(rng, np.shape(at[parent])).astype(parent.dtype)
        u = measure.continuous(rng, np.shape(at[node])).astype(node.dtype)
        forwards, backwards = np.asarray(local.jvp(t)), np.asarray(local.vjp(u))
        if forwards.shape == np.shape(at[node]):
            (a, a_size), (b, b_size) = measure.total(u, forwards), measure.total(backwards, t)
            largest = max(np.size(t), np.size(u))
            bound = subject.unit * (64.0 + 4.0 * largest) * (a_size + b_size)
            if abs(a - b) <= bound + 1e-290 or not np.isfinite(a_size + b_size):
                continue
        what = (
            "forward mode and reverse mode of this local gradient are not transposes of each other"
        )
        return Mismatch.on_edge("forward", node, i, got_array=forwards, upstream=t, sentence=what)
    return None
