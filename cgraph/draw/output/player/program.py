"""The graph behind a picture as data for the page's interpreter, with the witnesses that only Python can call.

Whatever only moves entries is written out here, by asking the op's own `forward` where each entry went, so that the interpreter needs
no rule for it and ops that are added to the tables later are carried over by themselves. See `interpreter.js` for the form.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from cgraph.draw.model.build import Builder
from cgraph.errors import CgraphError
from cgraph.node import Node

MOST_NODES = 3000
MOST_ENTRIES = 12_000
_WORK = 40_000  # node evaluations that the witnesses of one page may cost
Array = np.ndarray[Any, Any]


class NotLive(Exception):
    """Why the numbers of a picture cannot be changed in the page."""


def program(builder: Builder) -> dict[str, Any]:
    """Nodes, cards, root and seed.

    Raises:
        NotLive: the picture has no numbers, too many of them, or an op that no rule carries over.
    """
    run, order = builder.run, list(builder.order)
    if run is None or not builder.options.values:
        raise NotLive("there are no numbers in this picture")
    entries = sum(run.value(n).size for n in order)
    if len(order) > MOST_NODES or entries > MOST_ENTRIES:
        raise NotLive(
            f"the graph has {len(order):,} nodes with {entries:,} numbers; a page carries up to "
            f"{MOST_NODES:,} nodes and {MOST_ENTRIES:,} numbers"
        )
    number = {node: i for i, node in enumerate(order)}
    fixed: set[Node] = set()  # what no number that can be changed reaches
    for node in order:
        free = node.kind in ("input", "parameter") and node.dtype.kind == "f"
        if not free and all(p in fixed for p in node.parents):
            fixed.add(node)
    nodes = [_node(node, number, builder, fixed) for node in order]
    cards = [
        {
            "r": number[card.root],
            "n": [number[n] for n in card.nodes],
            "e": [[number[p], [[number[n], i] for n, i in places]] for p, places in card.entries.items()],
        }
        for card in builder.cards
    ]  # fmt: skip
    root = builder.objective_node
    seed = flat(run.grad(root)) if builder.backward else None
    return {"nodes": nodes, "cards": cards, "root": number[root], "seed": seed}


def _node(
    node: Node, number: Mapping[Node, int], builder: Builder, fixed: Collection[Node]
) -> dict[str, Any]:
    run = builder.run
    assert run is not None
    out = run.value(node)
    if out.dtype not in (np.float64, np.float32, np.bool_) and out.dtype.kind not in "iu":
        raise NotLive(f"{node.label!r} is {out.dtype}; the page computes in float64 and float32")
    entry: dict[str, Any] = {"s": list(out.shape)}
    if out.dtype == np.float32:
        entry["f"] = 1
    if builder.backward and run.has_grad(node):
        entry["w"] = 1
    if node in builder.ids:
        entry["x"] = builder.ids[node]
    if node in builder.names:
        entry["t"] = builder.names[node]
    if node in fixed or not node.parents or node.op.name == "count":
        free = node not in fixed and node.kind in ("input", "parameter")
        return entry | {"k": node.kind if free else "literal", "d": flat(out)}
    entry |= {
        "o": node.op.name,
        "p": [number[p] for p in node.parents],
        "b": [int(node.op.differentiable(i)) for i in range(len(node.parents))],
    }
    if node.op.name == "sum_to":
        groups = np.broadcast_to(
            np.arange(out.size).reshape(out.shape), run.value(node.parents[0]).shape
        )
        entry |= {"o": "sum", "n": out.size, "g": groups.ravel().tolist()}
    elif node.op.family == "structure":
        entry |= {"o": "gather", "y": node.op.name, "m": _moves(node, run, fixed)}
    elif node.op.family == "reduction":
        entry |= _groups(node, run.value(node.parents[0]), out)
    if entry.get("m", ()) is None:
        del entry["m"]  # every entry stays where it is
    return entry


def flat(array: Array) -> list[Any]:
    """Numbers as JSON has them; what is not finite as a word that JavaScript's Number reads."""
    return [
        v if math.isfinite(v) else {"nan": "NaN", "inf": "Infinity"}.get(str(v), "-Infinity")
        for v in np.asarray(array, float).ravel().tolist()
    ]


def _moves(node: Node, run: Any, fixed: Collection[Node]) -> list[int] | None:
    """Where each entry of the result comes from, counted over all parents one after another; −1 for a zero. None: all in place.

    Asked with numbers that say their place, and then with random ones, which have to arrive from there: an op that looks at its numbers,
    as sorting does, is found out. Whole numbers and truth values that nobody can change are an index, and stay.
    """
    refused = NotLive(f"the page has no rule for {node.op.name!r}")
    if node.op.name == "cast" and node.dtype.kind != "f" and node.parents[0].dtype.kind == "f":
        raise refused  # it rounds
    rng, start = np.random.default_rng(0), 1
    places: list[Array] = []
    proof: list[Array] = []
    for parent in node.parents:
        value = np.asarray(run.value(parent))
        if value.dtype.kind != "f" and parent in fixed:
            places.append(value)
            proof.append(value)
        else:
            places.append(np.arange(start, start + value.size, dtype=float).reshape(value.shape))
            proof.append(rng.uniform(1.0, 2.0, value.shape))
        start += value.size
    try:
        moved, proved = (
            np.asarray(node.op.forward(*values, **node.params), float).ravel()
            for values in (places, proof)
        )
    except Exception as error:
        raise refused from error
    index = moved - 1.0
    everything = np.concatenate([np.asarray(v, float).ravel() for v in proof])
    if not (np.all(index == np.rint(index)) and index.max(initial=-1) < everything.size):
        raise refused
    index = index.astype(int)
    expected = np.where(index < 0, 0.0, everything[index] if everything.size else 0.0)
    if node.op.name == "cast":
        expected = expected.astype(node.dtype).astype(float)
    if not np.array_equal(expected, proved):
        raise refused
    found = [int(i) for i in index]
    return None if len(node.parents) == 1 and found == list(range(everything.size)) else found


def _groups(node: Node, x: Array, out: Array) -> dict[str, Any]:
    """The group of each entry of a reduction's operand; left out where there is one."""
    axes = node.params.get("axes")
    if axes is None and "axis" in node.params:
        axes = (node.params["axis"],)
    if axes is None:
        raise NotLive(f"the page has no rule for {node.op.name!r}")
    kept = [1 if i in axes else n for i, n in enumerate(x.shape)]
    count = math.prod(kept)
    groups = np.broadcast_to(np.arange(count).reshape(kept), x.shape).ravel()
    found: dict[str, Any] = {"n": count}
    if count > 1:
        found["g"] = groups.tolist()
    return found


# --- witnesses ----------------------------------------------------------------------------------------------------------------


def witnesses(builder: Builder) -> dict[int, list[list[float]]]:
    """For each drawn node with a gradient, the difference quotient of the root entry by entry, with its error.

    The differences are those of `cgraph.testing`: Richardson's extrapolation, on forward evaluations alone, so that nothing of the
    backward pass is in them. Nodes come in order of their size, as long as the work stays small.
    """
    run = builder.run
    if run is None or not builder.backward:
        return {}
    order = list(builder.order)
    root, found = builder.objective_node, {}
    place = {node: i for i, node in enumerate(order)}
    seed = np.asarray(run.grad(root))
    asked = [
        n
        for n in order
        if n in builder.ids
        and run.has_grad(n)
        and n is not root
        and n.dtype in (np.float64, np.float32)
    ]
    work = 0
    for node in sorted(asked, key=lambda n: (run.value(n).size, n.kind != "parameter")):
        size, below = run.value(node).size, order[place[node] + 1 :]
        work += size * len(below)
        if size == 0 or work * 60 > _WORK * 10:
            continue
        found[place[node]] = [_difference(run, order, node, k, root, seed) for k in range(size)]
    return found


def _difference(
    run: Any, order: Sequence[Node], node: Node, k: int, root: Node, seed: Array
) -> list[float]:
    from cgraph.testing.oracle.differences import slope

    start = np.array(run.value(node), float)
    later = _users_of(order, node)

    def at(step: float) -> float:
        moved = start.copy()
        moved.reshape(-1)[k] += step * max(1.0, abs(start.reshape(-1)[k]))
        values: dict[Node, Any] = {node: moved[()] if moved.ndim == 0 else moved}
        with np.errstate(all="ignore"):
            for n in later:
                values[n] = n.op.forward(
                    *[values[p] if p in values else run.value(p) for p in n.parents], **n.params
                )
            return float(np.sum(values[root] * seed)) if root in values else 0.0

    scale = max(1.0, abs(start.reshape(-1)[k]))
    found = slope(at, 2.0**-52 * abs(at(0.0)), start=2.0**-6)
    return [float(found.value / scale), float(found.error / scale)]


def _users_of(order: Sequence[Node], node: Node) -> list[Node]:
    reached, later = {node}, []
    for n in order:
        if any(p in reached for p in n.parents):
            reached.add(n)
            later.append(n)
    return later


def again(builder: Builder, change: float | None, seed: int) -> Any:
    """The same graph, copied, evaluated with its float leaves moved a little, or, with None, anywhere; None where it cannot be.

    A copy, because an evaluation leaves its values on the nodes, and drawing a picture must not change what `node.value` says.
    """
    import pickle

    run = builder.run
    assert run is not None
    try:
        roots = pickle.loads(pickle.dumps(tuple(builder.roots)))
    except Exception:
        return None
    from cgraph.graph import order
    from cgraph.run import run as evaluate

    old, new = order(*builder.roots), order(*roots)
    if [n.op.name for n in old] != [n.op.name for n in new]:
        return None
    rng = np.random.default_rng(seed)
    feeds: dict[Node, Any] = {}
    for a, b in zip(old, new, strict=True):
        if a.kind in ("input", "parameter"):
            value = np.asarray(run.value(a))
            if value.dtype.kind == "f":
                size = np.abs(value) + 1.0
                value = (
                    size * rng.normal(size=value.shape)
                    if change is None
                    else value + change * size * rng.uniform(0.5, 1.0, value.shape)
                ).astype(value.dtype)
            feeds[b] = value
    try:
        found = evaluate(list(roots), feeds)
        if builder.backward:
            root = roots[list(builder.roots).index(builder.objective_node)]
            found = evaluate(root, feeds) if len(roots) == 1 else found
            if len(roots) == 1:
                found.backward(np.asarray(run.grad(builder.objective_node)))
    except CgraphError:
        return None
    return found
