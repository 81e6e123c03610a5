"""What each node is called in a picture: the user's name as mathematics, or its op's word: tanh₁, sum₂.

Two nodes never share a name in one picture: a scope's number goes up as in W⁽¹⁾, then primes. A loss is written in full in sentences
and shortened in fractions: the loss, ∂L/∂z; the cost, ∂C/∂Z.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import cache

from cgraph.draw.model import text
from cgraph.draw.model.fold import is_literal
from cgraph.node import Node
from cgraph.op import Op

_UNNAMED = {"input": "in", "parameter": "par", "constant": "c"}
_WORDS = {
    "add": "sum", "subtract": "diff", "multiply": "prod", "divide": "quot", "negative": "neg", "matmul": "prod",
    "power": "power", "square": "square", "reciprocal": "inverse", "sqrt": "root", "abs": "abs", "sum_to": "sum", "sigmoid": "σ",
    "log": "ln", "broadcast_to": "repeated", "getitem": "part", "concatenate": "joined", "transpose": "turned",
    "reshape": "reshaped", "relu": "ReLU", "bce": "BCE", "stable_bce": "BCE", "mse": "MSE", "cast": "cast",
    "stable_cross_entropy": "CE",
}  # fmt: skip
_LETTERED = re.compile(r"([^\W\d_]{1,3})_([a-z]{1,2})")


class Names:
    """`names[node]` is its symbol in formulas and fractions; `names.title(node)` is what sentences call it."""

    def __init__(self, nodes: Iterable[Node], roots: Collection[Node], precision: int = 3) -> None:
        self._symbols: dict[Node, str] = {}
        self._roots = set(roots)
        nodes = list(nodes)
        taken: dict[str, int] = {}
        plain = {node: _plain(node) for node in nodes}
        self._in_one_style(plain)
        count: dict[str, int] = {}
        for name in plain.values():
            if name:
                count[name] = count.get(name, 0) + 1
        words: dict[str, int] = {}
        for node in nodes:
            if not plain[node] and not is_literal(node) and node not in self._roots:
                stem = word(node)
                words[stem] = words.get(stem, 0) + 1
        numbered: dict[str, int] = {}
        for node in nodes:
            if is_literal(node):
                self._symbols[node] = text.number(node.value.reshape(()).item(), precision)
                continue
            name = plain[node]
            if not name and node in self._roots:
                name = _root_name(node, plain.values())
            if not name:
                stem = word(node)
                name = stem if words.get(stem, 0) < 2 else ""
                while not name or name in count:  # a name of the user's own is not taken
                    numbered[stem] = numbered.get(stem, 0) + 1
                    name = stem + str(numbered[stem]).translate(text.SUBSCRIPT)
            elif count.get(name, 0) > 1:
                name = _with_scope(name, node.scope)
            again = taken.get(name, 0)
            taken[name] = again + 1
            self._symbols[node] = name + "′" * again if again < 4 else f"{name}({again})"

    def __getitem__(self, node: Node) -> str:
        return self._symbols[node]

    def __contains__(self, node: Node) -> bool:
        return node in self._symbols

    def _in_one_style(self, plain: dict[Node, str]) -> None:
        """Of W_q, W_k and W_v all have an index below, or none: there is no small q."""
        raw = {
            found[1]
            for node, name in plain.items()
            if node.name
            and (found := _LETTERED.fullmatch(node.basename or ""))
            and name == node.basename
        }
        for node in plain:
            found = _LETTERED.fullmatch(node.basename or "") if node.name else None
            if found and found[1] in raw and found[2] not in text.ACCENTS:
                plain[node] = text.clean(node.basename or "")

    def title(self, node: Node) -> str:
        """What a sentence calls a node: its name for sums and losses, the op's symbol for the others."""
        name = node.basename or ""
        if self.is_objective(node):
            called = name if _is_word(name) else ("Loss" if self[node] == "L" else "Cost")
            return called[0].upper() + called[1:] if called in ("loss", "cost") else called
        if node.op.role in ("linear", "leaf", "loss") and node.name is not None:
            return self[node]
        return sign(node)

    def is_objective(self, node: Node) -> bool:
        """Whether a node is what the user called the loss or cost, or an unnamed result that plays that part."""
        return _is_objective(node) or (self[node] in ("L", "C") and node in self._roots)

    def has_own(self, node: Node) -> bool:
        """Whether a node goes by a name that the user gave, or by the letter of its part: L, C, f."""
        return bool(node.name) or node in self._roots


def word(node: Node) -> str:
    """What an unnamed node is called, before it is numbered."""
    if node.kind != "op":
        return _UNNAMED[node.kind]
    return _op_word(node.op.name)


@cache
def _op_word(name: str) -> str:
    name = name.rpartition(".")[2]  # `special.erf` is called erf
    if name.endswith("_slope"):
        return _op_word(name.removesuffix("_slope")) + "′"
    return _WORDS.get(name) or re.sub(r"[^\w]", "", text.clean(name.replace("_", ""), 12)) or "op"


def sign(node: Node) -> str:
    """The symbol of a node's op, large enough to be seen: a lone dot is not."""
    if node.op.name == "power" and is_literal(node.parents[1]):
        raised = text.superscript(text.number(node.parents[1].value))
        return "x" + raised if not raised.startswith("^") else "xʸ"
    return called(node.op)


def called(op: Op) -> str:
    """What a picture calls an op, everywhere."""
    if op.name == "stable_bce":
        return "BCE from logits"
    if op.name == "stable_cross_entropy":
        return "CE from logits"
    return "@" if op.symbol == "·" else op.symbol


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
