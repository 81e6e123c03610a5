"""What each node is called in a picture: the user's name as mathematics, or a number in the list of unnamed values.

Two nodes never share a name in one picture: a scope's number goes up as in W⁽¹⁾, then primes. A loss is written in full on its card
and shortened in fractions: Loss, ∂L/∂z; Cost, ∂C/∂Z.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from cgraph.draw.model import text
from cgraph.draw.model.fold import is_literal
from cgraph.node import Node

_UNNAMED = {"input": "in", "parameter": "par", "constant": "c"}


class Names:
    """`names[node]` is its symbol in formulas and fractions; `names.title(node)` is what its card is headed with."""

    def __init__(self, nodes: Iterable[Node], roots: Collection[Node], precision: int = 3) -> None:
        self._symbols: dict[Node, str] = {}
        self._roots = set(roots)
        nodes = list(nodes)
        taken: dict[str, int] = {}
        plain = {node: _plain(node) for node in nodes}
        count: dict[str, int] = {}
        for name in plain.values():
            if name:
                count[name] = count.get(name, 0) + 1
        unnamed = 0
        for node in nodes:
            if is_literal(node):
                self._symbols[node] = text.number(node.value.reshape(()).item(), precision)
                continue
            name = plain[node]
            if not name and node in self._roots:
                name = _root_name(node, plain.values())
            if not name:
                letter = _UNNAMED.get(node.kind, "v")
                while not name or name in count:  # a name of the user's own is not taken
                    unnamed += 1
                    name = letter + str(unnamed).translate(text.SUBSCRIPT)
            elif count.get(name, 0) > 1:
                name = _with_scope(name, node.scope)
            again = taken.get(name, 0)
            taken[name] = again + 1
            self._symbols[node] = name + "′" * again if again < 4 else f"{name}({again})"

    def __getitem__(self, node: Node) -> str:
        return self._symbols[node]

    def __contains__(self, node: Node) -> bool:
        return node in self._symbols

    def title(self, node: Node) -> str:
        """The heading of a card: the name for sums and losses, the op's symbol for the others."""
        name = node.basename or ""
        if self.is_objective(node):
            word = name if _is_word(name) else ("Loss" if self[node] == "L" else "Cost")
            return word[0].upper() + word[1:] if word in ("loss", "cost") else word
        if node.op.role in ("linear", "leaf", "loss") and node.name is not None:
            return self[node]
        return sign(node)

    def is_objective(self, node: Node) -> bool:
        """Whether a node is what the user called the loss or cost, or an unnamed result that plays that part."""
        return _is_objective(node) or (self[node] in ("L", "C") and node in self._roots)

    def named(self, node: Node) -> bool:
        """Whether the card's heading already says the name of its result."""
        return self.title(node) == self[node] or self.is_objective(node)


def sign(node: Node) -> str:
    """The symbol of a node's op, large enough to be seen: a lone dot is not."""
    return "@" if node.op.symbol == "·" else node.op.symbol


def _is_word(name: str) -> bool:
    return bool(re.fullmatch(r"[^\W\d_]{2,12}", name))


def _is_objective(node: Node) -> bool:
    return (node.basename or "").lower() in ("loss", "cost")


def _plain(node: Node) -> str:
    if not node.name:
        return ""
    if _is_objective(node):
        return (node.basename or "")[0].upper()
    return text.symbol(node.basename or "")


def _root_name(node: Node, others: Iterable[str]) -> str:
    """An unnamed result: L for a loss, C for a mean or sum of losses, else f."""
    below = [p.op.role for p in node.parents]
    name = (
        "L"
        if node.op.role == "loss"
        else "C"
        if node.op.family == "reduction" and "loss" in below
        else "f"
    )
    return name if name not in set(others) else ""


def _with_scope(name: str, scope: str) -> str:
    number = re.search(r"(\d+)\D*$", scope)
    if number:
        return name + text.superscript(f"({number[1]})")
    last = scope.rpartition("/")[2]
    return f"{last}.{name}" if last else name
