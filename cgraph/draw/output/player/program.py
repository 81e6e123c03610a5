"""The graph behind a picture as data for the page's interpreter, with the witnesses that only Python can call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from cgraph.draw.model.build import Builder
from cgraph.draw.output.player.lowering import NotLive, flat, lowered
from cgraph.errors import CgraphError
from cgraph.node import Node

MOST_NODES = 3000
MOST_ENTRIES = 12_000
_WORK = 40_000  # node evaluations that the witnesses of one page may cost
Array = np.ndarray[Any, Any]


def program(builder: Builder) -> dict[str, Any]:
    """Nodes, cards, root and seed of a picture with numbers.

    Raises:
        NotLive: too many of them, or an op that no rule carries over.
    """
    run, order = builder.run, list(builder.order)
    assert run is not None
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
    nodes = [_named(node, builder) | lowered(node, number, run, fixed) for node in order]
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


def _named(node: Node, builder: Builder) -> dict[str, Any]:
    """What the picture says of a node: whether it has a gradient, its box, its name."""
    entry: dict[str, Any] = {}
    if builder.backward and builder.run.has_grad(node):  # type: ignore[union-attr]
        entry["w"] = 1
    if node in builder.ids:
        entry["x"] = builder.ids[node]
    if node in builder.names:
        entry["t"] = builder.names[node]
    return entry


def ops(nodes: Iterable[Mapping[str, Any]]) -> set[str]:
    """The rules that a program needs, those inside of its loops among them."""
    found = {node["o"] for node in nodes if "o" in node}
    return found.union(*(ops(body["nodes"]) for node in nodes for body in node.get("bodies", ())))


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
