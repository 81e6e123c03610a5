"""What is wrong where no walk is needed: gradients that raise or have another shape or dtype, and functions, which have no nodes.

`localize.py` beside it walks a graph edge by edge to find what spoils the numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cgraph import backprop
from cgraph.node import Node
from cgraph.run import Run
from cgraph.testing.compare import measure
from cgraph.testing.compare.subject import GraphSubject
from cgraph.testing.localize import edge as edges
from cgraph.testing.localize.edge import gradient_of
from cgraph.testing.localize.hints import hint_of
from cgraph.testing.report import Mismatch

Array = Any


def where_the_mask_is_lost(subject: GraphSubject, mismatch: Mismatch) -> None:
    """Behind a branch that was not taken, the op that meets 0 × inf is the victim: mismatch the edge of `where` that gave no mask."""
    below: set[Node] = {mismatch.node}
    for node in subject.nodes:
        if any(p in below for p in node.parents):
            if node.op.name == "where":
                for i in (1, 2):
                    operands = [subject.run._values[p] for p in node.parents]
                    if (
                        node.parents[i] in below
                        and node.op.local(i, subject.run._values[node], operands, node.params).mask
                        is None
                    ):
                        mismatch.node, mismatch.name = node, node.label
                        mismatch.parent, mismatch.operand = node.parents[i], i
                        return
            below.add(node)


def raising_edge(subject: Any, rng: Any, error: Exception, kind: str = "error") -> Mismatch:
    """The edge whose local gradient raises."""
    text = f"{type(error).__name__}: {error}"
    if not subject.is_graph:
        return Mismatch(kind, subject.name, sentence=text)
    run = subject.run or Run((subject.root,), subject.feeds or None, None)
    for node, i in subject.live_edges(reversed(subject.nodes)):
        out, *operands = (np.asarray(run._values[n])[()] for n in (node, *node.parents))
        upstream = np.asarray(measure.continuous(rng, np.shape(out)), node.dtype)[()]
        try:
            with np.errstate(all="ignore"):
                share = backprop.edge_share(node.op, i, out, operands, node.params, upstream, None)[
                    0
                ]
        except Exception as again:
            what = f"the local gradient raises {type(again).__name__}: {again}"
            return Mismatch.on_edge(kind, node, i, upstream=upstream, sentence=what)
        if np.shape(share) != np.shape(operands[i]):
            return edges.wrong_shape(node, i, share, operands[i], upstream)
    what = f"the backward pass raises {text}; every local gradient works by itself"
    return Mismatch(kind, subject.root.label, subject.root, sentence=what)


def wrong_kind(subject: Any, i: int, what: str) -> Mismatch:
    """The edge that hands a gradient of the wrong shape or dtype to input `i`."""
    if not subject.is_graph:
        label = subject.labels()[i]
        return Mismatch(
            "contract", subject.name, operand=subject.wrt[i], sentence=what, label=label
        )
    for node, k in subject.live_edges(
        n for n in reversed(subject.nodes) if n in subject.cotangents
    ):
        parent, value = node.parents[k], subject.run._values[node.parents[k]]
        share, upstream = np.asarray(subject.share(node, k)), np.asarray(subject.cotangents[node])
        if share.shape != np.shape(value):
            return edges.wrong_shape(node, k, share, value, upstream)
        plain = not subject.run._floats and upstream.dtype == node.dtype
        if share.dtype != parent.dtype and plain:
            text = f"returns {share.dtype} where the operand is {parent.dtype}"
            return Mismatch.on_edge(
                "contract", node, k, got_array=share, upstream=upstream, sentence=text, hint=text
            )
    leaf = subject.wrt[i]
    return Mismatch(
        "contract", leaf.label, leaf, sentence=what + "; every local gradient keeps shape and dtype"
    )


def worst_argument(
    subject: Any,
    w: Array,
    g: Sequence[Array],
    values: Sequence[Array],
    unit: float,
    rng: Any,
    step: float = 2.0**-4,
) -> Mismatch:
    """The argument and the element of a function whose gradient is furthest from the reference, in units of what it may be off.

    `step` is the longest step of differences that fits the function, for code without a complex step.
    """
    best: tuple[float, Mismatch] | None = None
    for i, got in _suspects(subject, w, g, values, unit, rng, step):
        got = np.asarray(got, np.float64)
        expected, bound, looked_at, lost = gradient_of(
            subject.tape, subject.leaves, values, i, w, unit, got, step, tidy=True
        )
        if got.shape != expected.shape:
            return argument_mismatch(subject, i, (), got, expected, 0.0, w)
        off = np.abs(got - expected)
        # Of entries that are not numbers, the one whose derivative is known best.
        off = np.where(np.isfinite(off), off, 1e200 * np.nanmax(np.abs(expected), initial=1.0))
        excess = off / np.maximum(bound, 1e-300)
        # First what counts in the whole; what is faint, only if nothing else is wrong.
        part = measure.scale_of(np.asarray(subject.leaves[i]))
        counts = off * part > unit * np.max(np.abs(expected) * part, initial=0.0)
        if np.any(counts & (excess > 1.0)):
            excess = np.where(counts, excess, 0.0)
        if excess.size and (best is None or float(excess.max()) > best[0]):
            k = tuple(int(x) for x in np.unravel_index(int(np.argmax(excess)), excess.shape))
            best = (
                float(excess.max()),
                argument_mismatch(
                    subject, i, k, got, expected, float(bound[k]), w, looked_at, lost
                ),
            )
    return best[1] if best is not None else Mismatch("argument", subject.name)


def _suspects(
    subject: Any,
    w: Array,
    g: Sequence[Array],
    values: Sequence[Array],
    unit: float,
    rng: Any,
    step: float,
) -> list[tuple[int, Array]]:
    """The arguments that are seen to be wrong as a whole, with their gradients; all where none is."""
    pairs = [(i, np.asarray(got, np.float64)) for i, got in zip(subject.wrt, g, strict=True)]
    if len(pairs) < 2:
        return pairs
    found = []
    for i, got in pairs:
        x = np.asarray(subject.leaves[i])
        if got.shape != x.shape or not np.all(np.isfinite(got)):
            found.append((i, got))
            continue
        d = measure.direction(rng, [x], None, [np.float64])[0]
        one, total = edges.Derivative(subject.tape, subject.leaves, values, i, w, step).along(d)
        a, size = measure.total(got, d)
        if not measure.agree(a, one.value, 4 * one.error + 256 * unit * (total + size)):
            found.append((i, got))
    return found or pairs


def argument_mismatch(
    subject: Any, i: int, k: tuple[int, ...], got: Array, expected: Array, bound: float, w: Array,
    looked_at: range | None = None, by_differences: bool = True,
) -> Mismatch:  # fmt: skip
    mismatch = Mismatch(
        "argument",
        subject.name,
        operand=i,
        element=k,
        got_array=got,
        expected_array=expected,
        upstream=w,
        tolerance=bound,
        label=subject.labels()[subject.wrt.index(i)],
    )
    if got.shape == expected.shape:
        mismatch.got, mismatch.expected = got[k], expected[k]
    mismatch.hint = hint_of(got, expected, looked_at or range(got.size), subject.unit, w)
    mismatch.source = "Richardson's differences" if by_differences else "complex step"
    mismatch.reason = (
        "the error of the finite differences"
        if by_differences
        else "how far rounding alone may move it"
    )
    mismatch.sentence = "the gradient of the function is not its derivative"
    return mismatch
