"""Identical scopes: numbered siblings that contain the same, found so that an overview can fold them to one.

`ex0` ... `ex9`, each with the same layers inside, are one box "10 identical scopes". Scopes that feed one another, such as the steps of a
recurrent net, are one box too from a certain length on, "10 steps, h loops back"; a few layers in a row stay apart.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from cgraph.node import Node

Same = tuple[dict[str, str], dict[str, int]]
_NUMBERED = re.compile(r"(.*?)[\[_]?(\d+)\]?$")
SINGLE = 3  # identical scopes are folded from this many on
STEPS = 5  # the same for scopes that feed one another


def identical(order: Sequence[Node]) -> Same:
    """Numbered scopes side by side that contain the same: path -> path of the fold (`ex0` -> `ex[0 … 9]`), and how many it stands for.

    Two scopes are the same when their nodes, in order, have the same ops, shapes and parents (inside: by position).
    """
    inside: dict[str, list[Node]] = {}
    for node in order:
        path = node.scope
        while path:
            inside.setdefault(path, []).append(node)
            path = path.rpartition("/")[0]
    families: dict[tuple[str, str, int], list[str]] = {}
    for path, nodes in inside.items():
        above, _, last = path.rpartition("/")
        numbered = _NUMBERED.fullmatch(last)
        if numbered is None:
            continue
        at = {node: i for i, node in enumerate(nodes)}
        signature = tuple(
            (n.op.name, n.shape, tuple(at.get(p, -1) for p in n.parents)) for n in nodes
        )
        families.setdefault((above, numbered[1], hash(signature)), []).append(path)
    renamed: dict[str, str] = {}
    size: dict[str, int] = {}
    for (_, stem, _), members in families.items():
        if len(members) >= (STEPS if _chained(members, inside) else SINGLE):
            numbers = [
                int(found[2])
                for m in members
                if (found := _NUMBERED.fullmatch(m.rpartition("/")[2]))
            ]
            for member in members:
                renamed[member] = f"{stem}[{min(numbers)} … {max(numbers)}]"
                size[member] = len(members)
    canonical: dict[str, str] = {}
    copies: dict[str, int] = {}
    for path in inside:
        parts, full = [], ""
        for part in path.split("/"):
            full = f"{full}/{part}" if full else part
            parts.append(renamed.get(full, part))
            if full in renamed:
                copies.setdefault("/".join(parts), size[full])
        canonical[path] = "/".join(parts)
    return canonical, copies


def _chained(members: Sequence[str], inside: dict[str, list[Node]]) -> bool:
    """Whether one of these scopes feeds another: layers in a row, or the steps of a recurrent net."""
    scopes = set(members)
    for member in members:
        for node in inside[member]:
            for parent in node.parents:
                path = parent.scope
                while path:
                    if path in scopes and path != member:
                        return True
                    path = path.rpartition("/")[0]
    return False
