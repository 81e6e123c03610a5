"""Scopes as frames: which boxes stand together, what the frame is called, and which parameters share their op's rank.

Separate from `build` because frames are about the plan of the picture, not about what is written in a box.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from cgraph.draw.model import text
from cgraph.draw.model.diagram import Group
from cgraph.draw.model.fold import Card
from cgraph.node import Node


def places(nodes: Iterable[Node], cards: Sequence[Card]) -> dict[Node, str]:
    """The scope each box is shown in: its own, or for a parameter without one, that of the only scope that uses it."""
    users: dict[Node, set[str]] = {}
    for card in cards:
        for operand in card.entries:
            users.setdefault(operand, set()).add(card.root.scope)
    found = {}
    for node in nodes:
        used = users.get(node, set())
        found[node] = (
            next(iter(used))
            if node.kind == "parameter" and not node.scope and len(used) == 1
            else node.scope
        )
    return found


def frames(
    ids: Mapping[Node, str], cards: Sequence[Card], places: Mapping[Node, str]
) -> tuple[Group, ...]:
    """Nested groups of everything that has a scope, in the order in which the scopes first appear."""
    members: dict[str, list[str]] = {}
    for node in ids:
        path = places[node]
        for i, char in enumerate(path):
            if char == "/":
                members.setdefault(path[:i], [])
        if path:
            members.setdefault(path, []).append(ids[node])
    inside: dict[str, list[str]] = {}
    for path in members:
        inside.setdefault(path.rpartition("/")[0], []).append(path)
    made: dict[str, Group] = {}
    for path in sorted(members, key=lambda p: -p.count("/")):  # innermost first
        label = caption(
            path,
            [c for c in cards if within(c.root.scope, path)],
            [n for n in ids if within(places[n], path)],
        )
        subs = tuple(made[p] for p in inside.get(path, ()))
        made[path] = Group(f"s{len(made)}", label, tuple(members[path]), groups=subs)
    return tuple(made[path] for path in inside.get("", ()))


def within(scope: str, path: str) -> bool:
    """Whether a scope is `path` or lies in it."""
    return scope == path or scope.startswith(path + "/")


def caption(path: str, cards: Iterable[Card], nodes: Iterable[Node]) -> str:
    """`layer 1   linear 2→3, σ   9 parameters`."""
    parts = [title(path), content(cards), parameters(nodes)]
    return "   ".join(part for part in parts if part)


def title(path: str) -> str:
    """The last part of a scope's path, words and number apart: `layer1` is "layer 1"."""
    last = path.rpartition("/")[2]
    return text.clean(re.sub(r"(?<=[^\W\d_])_?(?=\d+$)", " ", last))


def content(cards: Iterable[Card]) -> str:
    """What is computed inside, in a few words: `linear 2→3, σ`."""
    words: list[str] = []
    for card in cards:
        product = next((n for n in card.nodes if n.op.name == "matmul"), None)
        factors = product.parents if product is not None else ()
        weights = next((p for p in factors if p.kind == "parameter" and p.ndim == 2), None)
        if weights is not None:
            rows, columns = weights.shape
            n_in, n_out = (columns, rows) if factors[0] is weights else (rows, columns)
            words.append(f"linear {n_in}→{n_out}")
        elif card.root.op.role in ("activation", "loss"):
            words.append(card.root.op.symbol)
        elif card.root.op.role == "linear":
            parametric = any(p.kind == "parameter" for p in card.entries)
            words.append("linear" if parametric or len(card.nodes) > 1 else card.root.op.symbol)
    counted = Counter(words)
    return ", ".join(word if n == 1 else f"{n} × {word}" for word, n in list(counted.items())[:4])


def parameters(nodes: Iterable[Node]) -> str:
    """`9 parameters`, or nothing."""
    n = sum(node.size or 0 for node in nodes if node.kind == "parameter")
    return f"{text.count(n)} parameter{'s' if n != 1 else ''}" if n else ""
