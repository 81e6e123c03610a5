"""What a picture knows about each node, in words and numbers: names, values, local gradients, gradients, sentences.

The lower half of `build`, separate because views, steps and the bypass ask for the same facts. Nothing is worked out here that a Run
has not computed: what is not there comes back empty.
"""

from __future__ import annotations

import linecache
import math
import os
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from cgraph.draw.model import groups, text
from cgraph.draw.model.diagram import Row, replace
from cgraph.draw.model.flow import Flow, gradient
from cgraph.draw.model.fold import IMPLICIT, Card, is_arithmetic, is_linear, is_literal
from cgraph.draw.model.names import Names, sign
from cgraph.draw.options import Options
from cgraph.node import Node

if TYPE_CHECKING:
    from cgraph.run import Run

Array = np.ndarray[Any, Any]
_SHARES = 4  # that are written on the arrows to a leaf; more of them stand in it
_FEW = 60  # cards up to which it is worth asking how operands reach them


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
        self.at = {card.root: i for i, card in enumerate(cards)}
        self.flows = _Flows(self)
        self.objective_node = self._objective()
        self.objective = self.names[self.objective_node]
        self.backward = (
            run is not None and options.grads is not False and any(run.has_grad(r) for r in roots)
        )
        self.most_rows = 8
        self.inside = False  # numbers stand in the boxes, and arrows carry no words
        self.compact = False  # boxes without local gradients
        self.tight = False  # and with numbers in as few lines as possible
        self.collapsed: dict[str, str] = {}  # box id -> title, for boxes that stand for a scope
        self._rows: dict[Node, tuple[Row, ...]] = {}
        self.told: dict[Node, tuple[Row, ...]] = {}  # rows that a view writes in other words
        self._depends: dict[Node, set[Node]] = {}
        self._linear: dict[Node, bool] = {}
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

    def heading(self, card: Card) -> str:
        """What a card is: the op's symbol, "linear" or "arithmetic" for several folded into one, "mean BCE" for a cost."""
        root = card.root
        loss = next((n for n in card.nodes if n.op.role == "loss"), None)
        if loss is not None and loss is not root and root.op.family == "reduction":
            return f"{sign(root)} {sign(loss)}"
        if self.expanded or not any(n.op.name not in IMPLICIT for n in card.inner):
            return sign(root)
        if self.names.is_objective(root):
            return self.names.title(root)
        if len(card.nodes) > 1 and all(n.op.name == "add" for n in card.nodes):
            return "sum"
        return "linear" if self.is_linear(card) else "arithmetic"

    def is_linear(self, card: Card) -> bool:
        """Whether a card is affine, found out once: its heading and its tone both ask."""
        found = self._linear.get(card.root)
        if found is None:
            found = self._linear[card.root] = is_linear(card)
        return found

    def tone(self, card: Card) -> str:
        """The colour class of a card, decided from all that is folded into it."""
        if any(n.op.role == "loss" for n in card.nodes) or self.names.title(card.root) in (
            "Loss",
            "Cost",
        ):
            return "loss"
        if any(card.root is r for r in self.roots) and all(
            p.op.role == "loss" for p in card.entries
        ):
            return "loss"  # a sum of losses is one
        if card.root.op.role == "activation":
            return "activation"
        if self.is_linear(card):
            return "linear"
        return (
            "arithmetic"
            if all(is_arithmetic(n) or n.op.name in IMPLICIT for n in card.nodes)
            else "other"
        )

    def number(self, array: Array | float) -> str:
        return text.number(np.asarray(array).reshape(())[()], self.options.precision)

    def multiplied(self, upstream: Array, local: Array, share: Array) -> str:
        """`2 × 0.25`, with as many digits as it takes to give the product that is shown; else with ≈ in front."""
        factors = self.enough((upstream, local), math.prod, share)
        if factors is not None:
            return f" {text.TIMES} ".join(factors)
        return "≈ " + f" {text.TIMES} ".join(map(self.number, (upstream, local)))

    def added(self, shares: Sequence[Array], whole: Array) -> str:
        """`3 + 3 + 1 = 7`, with as many digits as it takes to add up; else with ≈ for the last sign."""
        terms = self.enough(shares, sum, whole)
        sign = "=" if terms is not None else "≈"
        terms = terms if terms is not None else [self.number(s) for s in shares]
        return f"{' + '.join(map(text.bracketed, terms))} {sign} {self.number(whole)}"

    def enough(
        self, parts: Sequence[Array], combine: Callable[[Sequence[float]], float], whole: Array
    ) -> list[str] | None:
        numbers = [np.asarray(part).reshape(())[()] for part in parts]
        return text.enough(numbers, combine, self.number(whole), self.options.precision)

    def lines(self, array: Array) -> tuple[str, ...]:
        lines = tuple(text.tensor(array, self.options.precision))
        return (
            lines
            if not self.tight or len(lines) < 3
            else (text.summary(array, self.options.precision)[0],)
        )

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
        odd = node.dtype.name != self.usual_dtype
        return node.dtype.name if shown is True or (shown == "auto" and odd) else ""

    @cached_property
    def usual_dtype(self) -> str:
        """What most numbers of a picture are; where that is not float64, the caption says it once instead of every box."""
        counted = Counter(n.dtype.name for n in self.order[:1000] if n.dtype.kind == "f")
        return counted.most_common(1)[0][0] if counted else "float64"

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

    def shared(self, node: Node) -> bool:
        """Whether several arrows bring a share each to a node, and carry it: only their sum stands in the node."""
        return 1 < self.fans.get(node, 0) <= _SHARES

    def meets_chain(self, card: Card) -> bool:
        """Whether a card has an op among its operands."""
        return any(p.kind == "op" for p in card.entries)

    # --- gradients ------------------------------------------------------------------------------------------------------------

    def rows(self, card: Card) -> tuple[Row, ...]:
        flow = self.flows[card.root]
        if not self.backward or not self.options.locals or flow.upstream is None or self.compact:
            return ()
        if card.root not in self._rows:
            self._rows[card.root] = self._make_rows(card, flow)
        return self._rows[card.root]

    def settle(self, numbers: str) -> None:
        """Numbers stand on the "arrows" or in the "boxes", from now on and in every picture made with the same options."""
        self.inside = numbers == "boxes"
        self.options = replace(self.options, numbers=numbers)

    def settle_detail(self, detail: str) -> None:
        """The same for how much is written in the boxes: "full", "compact" without local gradients, or "tight"."""
        self.compact, self.tight = detail != "full", detail == "tight"
        self.options = replace(self.options, detail=detail)
        self.forget()

    def forget(self) -> None:
        """Local gradients are asked for again: what is shown has changed."""
        self._rows.clear()

    def _make_rows(self, card: Card, flow: Flow) -> tuple[Row, ...]:
        rows: list[Row] = []
        more = 0
        for operand, places in self.in_order(card):
            if not self.receives(card, operand):
                continue
            if len(rows) > self.most_rows:
                more += 1
            elif card.inner or len(places) == 1:
                row = self.alone(card, operand, flow.row(operand, self.objective))
                rows.append(
                    row
                    if self.options.values
                    else replace(row, formula=row.formula or row.value, value="", lines=())
                )
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

    def in_order(self, card: Card) -> list[tuple[Node, list[tuple[Node, int]]]]:
        """The operands of a card as its rows list them: ops first, whose lines run straight from row to row."""
        return sorted(card.entries.items(), key=lambda item: item[0].kind != "op")

    def alone(self, card: Card, operand: Node, row: Row) -> Row:
        """Where an operand reaches an op in another way too, ∂y/∂x is the sum of all ways: the local one is called ∂(m + x)/∂x."""
        if row.rule or not self.also(card, operand):
            return row
        formula = self.flows[card.root].formula
        name = self.names[operand]
        short = len(formula) <= 14 and "…" not in formula
        left = f"∂({formula})/∂{name}" if short else f"∂{self.names[card.root]}/∂({name} here)"
        return replace(row, left=left)

    def also(self, card: Card, operand: Node) -> bool:
        """Whether an operand reaches a card through another operand as well."""
        if len(self.cards) > _FEW or len(card.entries) < 2:
            return False
        return any(operand in self._below(other) for other in card.entries if other is not operand)

    def _below(self, node: Node) -> set[Node]:
        """Everything drawn that a node depends on."""
        if node not in self._depends:
            found: set[Node] = set()
            stack = [node]
            while stack:
                card = self.card_of.get(stack.pop())
                for operand in card.entries if card is not None else ():
                    if operand not in found:
                        found.add(operand)
                        stack.append(operand)
            self._depends[node] = found
        return self._depends[node]

    def total(self, node: Node) -> tuple[tuple[str, ...], str]:
        """The gradient written inside a node, and how it came about: in every leaf, where several shares meet, and where arrows
        carry no words."""
        arrived = gradient(self.run, node) if self.backward else None
        fans = self.fans.get(node, 0)
        if arrived is None or not (node.kind != "op" or fans > 1 or (self.inside and fans)):
            return (), ""
        head = f"∂{self.objective}/∂{self.names[node]}"
        users = [card for card in self.cards if node in card.entries] if fans <= 6 else []
        if not self.options.values:
            root = self.names[users[0].root] if len(users) == 1 else ""
            return (
                head,
            ), f"∂{self.objective}/∂{root} {text.TIMES} ∂{root}/∂{self.names[node]}" if root else ""
        if arrived.size != 1:
            return (head, *self.lines(arrived)), ""
        if self.tight:
            return (f"{head} = {self.number(arrived)}",), ""
        shares = [s for card in users for s in self.shares(card, node)]
        if 1 < len(shares) <= 6:
            head = f"{head} = {self.added(shares, arrived)}"
            if self.shared(node) and not self.inside:  # each product stands on its arrow
                return (head,), ""
            parts = [self.product(card, node, place) for card, place in self._places(users, node)]
            note = (
                " + ".join(f"({p})" if p.startswith(text.MINUS) else p for p in parts)
                if len(parts) <= 4 and all(parts) and not any("≈" in p for p in parts)
                else ""
            )
            return (head,), note
        return (f"{head} = {self.number(arrived)}",), self.product(users[0], node) if len(
            users
        ) == 1 else ""

    def _places(
        self, users: Sequence[Card], node: Node
    ) -> list[tuple[Card, tuple[Node, int] | None]]:
        """Where a node enters the cards that use it; all places of a card with folded nodes are one."""
        return [
            (card, place)
            for card in users
            for place in ([None] if card.inner else card.entries[node])
        ]

    def product(self, card: Card, operand: Node, place: tuple[Node, int] | None = None) -> str:
        """`2 × 0.25`: upstream and local gradient of what a card hands to a scalar operand; "" where it is no such product."""
        flow = self.flows[card.root]
        local = flow.local(operand) if place is None else flow.local_at(*place)
        share = flow.share(operand) if place is None else flow.share_at(*place)
        if (
            flow.upstream is None
            or flow.upstream.size != 1
            or local is None
            or local.size != 1
            or share is None
        ):
            return ""
        return self.multiplied(flow.upstream, local, share)

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

    def site(self, node: Node) -> str:
        """Where the node was built, and the line of Python: `and.py:12  z = w * x + b`; a picture travels, so without the folder."""
        path, _, line = node.site.rpartition(":")
        if not path or not line.isdigit() or is_literal(node):
            return ""
        code = text.clean(linecache.getline(path, int(line)), 120)
        return f"{text.clean(os.path.basename(path), 40)}:{line}  {code}".rstrip()

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
        if built := self.site(node):
            found.append(("built by", built))
        return tuple(
            (key, text.clean(words, 2000) if key == "name" else words) for key, words in found
        )


def _full(array: Array) -> str:
    if array.size == 1:
        return repr(array.reshape(()).item())
    return np.array2string(array, precision=8, threshold=400, max_line_width=100, separator=", ")
