"""What a picture knows about each node, in words and numbers: names, values, local gradients, gradients, sentences.

The lower half of `build`, separate because views, steps and the bypass ask for the same facts. Nothing is worked out here that a Run
has not computed: what is not there comes back empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cgraph.draw.model import groups, text
from cgraph.draw.model.diagram import Row
from cgraph.draw.model.flow import Flow, gradient
from cgraph.draw.model.fold import Card, is_literal
from cgraph.draw.model.names import Names
from cgraph.draw.options import Options
from cgraph.node import Node

if TYPE_CHECKING:
    from cgraph.run import Run

Array = np.ndarray[Any, Any]


class _Flows(dict[Node, Flow]):
    """The flow of each card, made when it is looked at: most cards of a big graph never are."""

    def __init__(self, facts: Facts) -> None:
        super().__init__()
        self.facts = facts

    def __missing__(self, node: Node) -> Flow:
        flow = Flow(self.facts.card_of[node], self.facts.run, self.facts.names)
        flow.precision = self.facts.options.precision
        self[node] = flow
        return flow

    def __contains__(self, node: object) -> bool:
        return node in self.facts.card_of


class Facts:
    """Everything that can be said about the nodes of one graph and one Run."""

    def __init__(
        self,
        order: Sequence[Node],
        roots: Sequence[Node],
        cards: Sequence[Card],
        run: Run | None,
        options: Options,
    ) -> None:
        self.order, self.roots, self.cards, self.run, self.options = (
            order,
            roots,
            cards,
            run,
            options,
        )
        drawn = {card.root for card in cards}
        operands = {p for card in cards for p in card.entries} | set(roots)
        whole = set(roots)
        shown = {n for n in operands if n in whole or self.expanded or not is_literal(n)}
        self.leaves = [n for n in order if n.kind != "op" and n in shown]
        self.names = Names(
            [n for n in order if n in drawn or n in operands or n.kind != "op"],
            roots,
            options.precision,
        )
        self.ids: dict[Node, str] = {}
        self.card_of = {card.root: card for card in cards}
        self.flows = _Flows(self)
        self.objective_node = self._objective()
        self.objective = self.names[self.objective_node]
        self.backward = (
            run is not None and options.grads is not False and any(run.has_grad(r) for r in roots)
        )
        self.most_rows = 8
        self.collapsed: dict[str, str] = {}  # box id -> title, for boxes that stand for a scope
        self._rows: dict[Node, tuple[Row, ...]] = {}
        self.fans = self._fans()
        self.beside: set[Node] = set()
        self.layered = any(card.root.scope for card in cards) and options.view in (
            "auto",
            "layers",
            "health",
        )
        self.places = groups.places([*drawn, *self.leaves], cards)
        self.beside = self._beside()

    @property
    def expanded(self) -> bool:
        return self.options.view == "expanded"

    def _objective(self) -> Node:
        seeded = [r for r in self.roots if self.run is not None and self.run.has_grad(r)]
        return (seeded or list(self.roots))[0]

    def _fans(self) -> dict[Node, int]:
        """How many arrows a node sends out in this picture."""
        fans: dict[Node, int] = {}
        for card in self.cards:
            for operand, places in card.entries.items():
                fans[operand] = fans.get(operand, 0) + (1 if card.inner else len(places))
        return fans

    # --- text -----------------------------------------------------------------------------------------------------------------

    def number(self, array: Array | float) -> str:
        return text.number(np.asarray(array).reshape(()).item(), self.options.precision)

    def lines(self, array: Array) -> tuple[str, ...]:
        return tuple(text.tensor(array, self.options.precision))

    def value(self, node: Node) -> Array | None:
        if self.run is None or not self.options.values:
            return None
        return self.run.value(node)

    def is_scalar(self, node: Node) -> bool:
        return node.shape == ()

    def is_one(self, node: Node) -> bool:
        """Whether a node holds one number, whatever its shape."""
        return (self.run.value(node).size if self.run is not None else node.size) == 1

    def shape(self, node: Node) -> str:
        if self.options.shapes is False or (self.is_scalar(node) and self.options.shapes == "auto"):
            return self.dtype(node)
        dims = self.run.value(node).shape if self.run is not None else node.shape
        words = text.shape(dims) if dims else "scalar"
        return f"{words} {self.dtype(node)}".strip()

    def dtype(self, node: Node) -> str:
        shown = self.options.dtypes
        return (
            node.dtype.name
            if shown is True or (shown == "auto" and node.dtype.name != "float64")
            else ""
        )

    def parked(self, node: Node) -> bool:
        """Whether a parameter stands in its op's rank, with its gradient written inside it: in the layer view, and where a
        matrix joins a chain, which stays straight that way."""
        return node in self.beside

    def _beside(self) -> set[Node]:
        return {
            p
            for card in self.cards
            for p in card.entries
            if p.kind == "parameter"
            and self.fans.get(p, 0) == 1
            and (self.layered or (p.shape and self.meets_chain(card)))
        }

    def meets_chain(self, card: Card) -> bool:
        """Whether a card has an op among its operands."""
        return any(p.kind == "op" for p in card.entries)

    # --- gradients ------------------------------------------------------------------------------------------------------------

    def rows(self, card: Card) -> tuple[Row, ...]:
        flow = self.flows[card.root]
        if not self.backward or not self.options.locals or flow.upstream is None:
            return ()
        if card.root not in self._rows:
            self._rows[card.root] = self._make_rows(card, flow)
        return self._rows[card.root]

    def _make_rows(self, card: Card, flow: Flow) -> tuple[Row, ...]:
        rows: list[Row] = []
        more = 0
        for operand, places in card.entries.items():
            if not self.receives(card, operand):
                continue
            if len(rows) > self.most_rows:
                more += 1
            elif card.inner or len(places) == 1:
                row = flow.row(operand, self.objective)
                rows.append(row if self.options.values else Row(row.left, row.formula or row.value))
            else:
                rows += [
                    flow.row_at(operand, i, side)
                    for (_, i), side in zip(places, ("left", "right"), strict=False)
                ]
        if len(rows) > self.most_rows:
            left_out = more + len(rows) - self.most_rows + 1
            rows[self.most_rows - 1 :] = [Row(f"… {left_out} more")]
        return tuple(rows)

    def receives(self, card: Card, operand: Node) -> bool:
        """Whether a gradient was handed from this card to this operand."""
        return self.backward and self.flows[card.root].share(operand) is not None

    def total(self, node: Node) -> tuple[str, ...]:
        """The gradient written inside a node: where several shares meet, and for parameters in a layer view."""
        arrived = gradient(self.run, node) if self.backward else None
        if arrived is None or (self.fans.get(node, 0) < 2 and not self.parked(node)):
            return ()
        head = f"∂{self.objective}/∂{self.names[node]}"
        if arrived.size != 1:
            return (head, *self.lines(arrived)) if self.options.values else (head,)
        few = self.fans.get(node, 0) <= 6
        shares = [s for card in self.cards for s in self.shares(card, node)] if few else []
        if not self.options.values:
            return ()
        if 1 < len(shares) <= 6:
            return (
                f"{head} = {' + '.join(self._addend(s) for s in shares)} = {self.number(arrived)}",
            )
        return (f"{head} = {self.number(arrived)}",)

    def _addend(self, share: Array) -> str:
        words = self.number(share)
        return f"({words})" if words.startswith(text.MINUS) else words

    def shares(self, card: Card, operand: Node) -> list[Array]:
        if operand not in card.entries:
            return []
        flow = self.flows[card.root]
        if card.inner:
            share = flow.share(operand)
            return [] if share is None else [share]
        return [
            s
            for s in (flow.share_at(node, i) for node, i in card.entries[operand])
            if s is not None
        ]

    # --- sentences ------------------------------------------------------------------------------------------------------------

    def sentence(self, node: Node, *, computed: bool = True, arrived: bool = True) -> str:
        """What a screen reader or a tooltip says; of a node that is not `computed` yet, or whose gradient has not `arrived`, no more
        than is known by then."""
        name, words = self.names[node], []
        kind = {"input": "data", "op": node.op.name}.get(node.kind, node.kind)
        words.append(f"{name}: {kind}" + (f", shape {self._size_of(node)}" if node.shape else ""))
        if node in self.flows:
            words.append(f"computes {self.flows[node].formula}")
        value = self.value(node) if computed else None
        if value is not None:
            words.append(
                f"value {self.number(value)}"
                if value.size == 1
                else "value " + "; ".join(self.lines(value))
            )
        slope = gradient(self.run, node) if self.backward and arrived else None
        if slope is not None:
            of = f"gradient ∂{self.objective}/∂{name} "
            words.append(
                of + (self.number(slope) if slope.size == 1 else "; ".join(self.lines(slope)))
            )
        return ", ".join(words)

    def _size_of(self, node: Node) -> str:
        """The shape as it came out, or as it is declared."""
        return text.shape(self.run.value(node).shape if self.run is not None else node.shape)

    def detail(self, node: Node) -> tuple[tuple[str, str], ...]:
        """Everything known about a node, with more digits than fit into a picture: for the player."""
        found = [
            ("name", node.name or self.names[node]),
            ("kind", node.kind if node.kind != "op" else f"op {node.op.name}"),
        ]
        if node in self.flows:
            found.append(("formula", self.flows[node].formula))
        found.append(("shape", self._size_of(node) if node.shape else "scalar"))
        if node.dtype.name != "float64":
            found.append(("dtype", node.dtype.name))
        value = self.value(node)
        if value is not None:
            found.append(("value", _full(value)))
        if node in self.card_of:
            found += [("local gradient", row.text) for row in self.rows(self.card_of[node])]
        arrived = gradient(self.run, node) if self.backward else None
        if arrived is not None:
            found.append((f"∂{self.objective}/∂{self.names[node]}", _full(arrived)))
        return tuple(
            (key, text.clean(words, 2000) if key == "name" else words) for key, words in found
        )


def _full(array: Array) -> str:
    if array.size == 1:
        return repr(array.reshape(()).item())
    return np.array2string(array, precision=8, threshold=400, max_line_width=100, separator=", ")
