"""Which nodes of a graph become boxes: cards, with the unnamed arithmetic between names folded into them.

`z = w1*x1 + w2*x2 + b` is five nodes to the engine and one thought to a reader: one card, whose local gradients are chained
through the folded nodes. Folding needs a single use, so what is inside a card is always a tree. Every walk here is iterative
and linear in the graph: 10^5 nodes are folded before anything is drawn.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from cgraph.node import Node

BROADCASTS = ("broadcast_to", "sum_to")
_MOVES = (
    "transpose",
    "reshape",
    "getitem",
    "concatenate",
)
IMPLICIT = (*BROADCASTS, "cast")  # put in by cgraph where shapes and dtypes meet
_ARITHMETIC = frozenset(
    {
        "divide",
        "power",
        "square",
        "reciprocal",
        "sum",
        "mean",
        "transpose",
        "reshape",
    }
)


@dataclass(slots=True)
class Card:
    """A drawn op: its node, the nodes folded into it, and where each operand from outside enters.

    `entries` lists operands in reading order, each with the places (inner node, operand index) where it is used.
    """

    root: Node
    inner: list[Node] = field(default_factory=list)  # parents first, without the root
    entries: dict[Node, list[tuple[Node, int]]] = field(default_factory=dict)

    @property
    def nodes(self) -> list[Node]:
        return [*self.inner, self.root]


def is_literal(node: Node) -> bool:
    """A number in an expression, `2 * x`: written in the formula instead of drawn."""
    return node.kind == "constant" and node.name is None and node.size == 1


def is_arithmetic(node: Node) -> bool:
    return node.op.role == "linear" or node.op.name in _ARITHMETIC


def lends_shape(node: Node, i: int) -> bool:
    """Whether operand `i` gives nothing but its shape: `broadcast_to(b, like=Z)`. No value and no gradient runs there."""
    return i > 0 and node.op.name in BROADCASTS


def uses(order: Sequence[Node]) -> dict[Node, list[Node]]:
    """Who uses each node's value; twice where it is used twice."""
    result: dict[Node, list[Node]] = {node: [] for node in order}
    for node in order:
        for i, parent in enumerate(node.parents):
            if not lends_shape(node, i):
                result[parent].append(node)
    return result


def cards(
    order: Sequence[Node],
    roots: Collection[Node],
    *,
    expanded: bool = False,
    broadcasts: bool = False,
    keep: Collection[Node] = (),
) -> list[Card]:
    """The cards of a graph, in topological order.

    `expanded` draws every op by itself; `broadcasts` shows the broadcast nodes too; nodes in `keep` are never folded away.
    """
    whole, kept = set(roots), set(keep)
    folded: dict[Node, Node] = {}
    for node, users in uses(order).items():
        if node.kind == "op" and len(users) == 1 and node not in whole and node not in kept:
            if _folds(node, users[0], expanded, broadcasts):
                folded[node] = users[0]
    several = set(folded.values())
    return [
        _card(node, folded) if node in several else Card(node, [], _entries(node))
        for node in order
        if node.kind == "op" and node not in folded
    ]


def owners(cards: Sequence[Card]) -> dict[Node, Node]:
    """For every op, that of the card it is drawn in."""
    return {node: card.root for card in cards for node in card.nodes}


def _folds(node: Node, user: Node, expanded: bool, broadcasts: bool) -> bool:
    if node.op.name in IMPLICIT:
        return not broadcasts
    if expanded:
        return False
    if user.op.family == "reduction" and node.op.role == "loss":
        return node.basename in (
            None,
            "loss",
            "losses",
        )  # the mean of the losses is one card, the cost
    if node.name is not None or node.scope != user.scope:
        return False
    return is_arithmetic(node) and is_arithmetic(user)


def _entries(node: Node) -> dict[Node, list[tuple[Node, int]]]:
    """Where each operand of a single node enters."""
    entries: dict[Node, list[tuple[Node, int]]] = {}
    for i, parent in enumerate(node.parents):
        if not lends_shape(node, i):
            entries.setdefault(parent, []).append((node, i))
    return entries


def _card(root: Node, folded: dict[Node, Node]) -> Card:
    card = Card(root)
    seen: list[Node] = []
    stack = [(root, 0)]
    while stack:
        node, i = stack.pop()
        if i == len(node.parents):
            seen.append(node)
            continue
        stack.append((node, i + 1))
        parent = node.parents[i]
        if folded.get(parent) is node:
            stack.append((parent, 0))
        elif not lends_shape(node, i):
            card.entries.setdefault(parent, []).append((node, i))
    card.inner = seen[:-1]
    return card


def is_linear(card: Card) -> bool:
    """Whether a card is affine in its parameters, and affine in everything else: W·X + b is, w·w and q·k are not."""
    powers: dict[Node, tuple[int, int]] = {}
    for node in card.nodes:
        operands = [
            powers.get(p) or {"parameter": (1, 0), "constant": (0, 0)}.get(p.kind, (0, 1))
            for i, p in enumerate(node.parents)
            if not lends_shape(node, i)
        ]
        name = node.op.name
        if name in ("multiply", "matmul") or (name == "divide" and operands[1] == (0, 0)):
            powers[node] = (sum(a for a, _ in operands), sum(b for _, b in operands))
        elif node.op.role == "linear" or name in IMPLICIT or name in _MOVES:
            powers[node] = (
                max((a for a, _ in operands), default=0),
                max((b for _, b in operands), default=0),
            )
        else:
            return False
        if max(powers[node]) > 1:
            return False
    return True
