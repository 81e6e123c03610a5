"""From a graph and a Run to a `Picture`: which boxes, what is written in them, which arrows.

This is where "what to show" is decided for ordinary views; collapsed scopes, focus and health are in `views`, time in `steps`.
Nothing is shown that the Run has not computed: no Run, no numbers; no backward pass, no local gradients and no dashed arrows.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from cgraph.draw import groups, text
from cgraph.draw.diagram import Arrow, Box, Picture, Row
from cgraph.draw.flow import Flow, gradient
from cgraph.draw.fold import Card, is_literal
from cgraph.draw.names import Names, sign
from cgraph.draw.options import Options
from cgraph.node import Node

if TYPE_CHECKING:
    from cgraph.run import Run

Array = np.ndarray[Any, Any]
_NONE: tuple[str, ...] = ()
_TONES = {"input": "data", "parameter": "parameter", "constant": "constant"}


class _Flows(dict[Node, Flow]):
    """The flow of each card, made when it is looked at: most cards of a big graph never are."""

    def __init__(self, builder: Builder) -> None:
        super().__init__()
        self.builder = builder

    def __missing__(self, node: Node) -> Flow:
        flow = Flow(self.builder.card_of[node], self.builder.run, self.builder.names)
        flow.precision = self.builder.options.precision
        self[node] = flow
        return flow

    def __contains__(self, node: object) -> bool:
        return node in self.builder.card_of


class Builder:
    """Builds the boxes and arrows of one picture; `picture()` puts them together."""

    def __init__(
        self, order: Sequence[Node], roots: Sequence[Node], cards: Sequence[Card], run: Run | None, options: Options
    ) -> None:
        self.order, self.roots, self.cards, self.run, self.options = order, roots, cards, run, options
        drawn = {card.root for card in cards}
        operands = {p for card in cards for p in card.entries} | set(roots)
        shown = {n for n in operands if n in roots or self.expanded or not is_literal(n)}
        self.leaves = [n for n in order if n.kind != "op" and n in shown]
        self.names = Names([n for n in order if n in drawn or n in operands or n.kind != "op"], roots, options.precision)
        self.ids: dict[Node, str] = {}
        self.card_of = {card.root: card for card in cards}
        self.flows = _Flows(self)
        self.objective = self.names[self._objective()] if order else ""
        self.backward = run is not None and options.grads is not False and any(run.has_grad(r) for r in roots)
        self.most_rows = 8
        self.collapsed: dict[str, str] = {}  # box id -> title, for boxes that stand for a scope
        self._rows: dict[Node, tuple[Row, ...]] = {}
        self.fans = self._fans()
        self.beside: set[Node] = set()
        self.layered = any(card.root.scope for card in cards) and options.view in ("auto", "layers", "health")
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

    def shape(self, node: Node) -> str:
        if self.options.shapes is False or (self.is_scalar(node) and self.options.shapes == "auto"):
            return self.dtype(node)
        dims = self.run.value(node).shape if self.run is not None else node.shape
        words = text.shape(dims) if dims else "scalar"
        return f"{words} {self.dtype(node)}".strip()

    def dtype(self, node: Node) -> str:
        shown = self.options.dtypes
        return node.dtype.name if shown is True or (shown == "auto" and node.dtype.name != "float64") else ""

    # --- boxes ----------------------------------------------------------------------------------------------------------------

    def leaf(self, node: Node) -> Box:
        value = self.value(node)
        scalar = self.is_scalar(node)
        literal = is_literal(node)
        return Box(
            id=self.ids[node],
            kind={"input": "data", "parameter": "parameter"}.get(node.kind, "constant"),  # type: ignore[arg-type]
            tone=_TONES[node.kind],
            symbol=self.names[node],
            shape="" if literal else self.shape(node),
            number="" if not scalar or value is None or literal else self.number(value),
            value=() if value is None or (scalar and not self.parked(node)) else self.lines(value),
            total=self.total(node),
            tip=self.sentence(node),
            detail=self.detail(node),
        )

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
            return (f"{head} = {' + '.join(self._addend(s) for s in shares)} = {self.number(arrived)}",)
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
        return [s for s in (flow.share_at(node, i) for node, i in card.entries[operand]) if s is not None]

    def parked(self, node: Node) -> bool:
        """Whether a parameter stands in its op's rank, with its gradient written inside it: in the layer view, and where a
        matrix joins a chain, which stays straight that way."""
        return node in self.beside

    def _beside(self) -> set[Node]:
        return {
            p
            for card in self.cards
            for p in card.entries
            if p.kind == "parameter" and self.fans.get(p, 0) == 1 and (self.layered or (p.shape and self.meets_chain(card)))
        }

    def op(self, card: Card) -> Box:
        node, flow, names = card.root, self.flows[card.root], self.names
        title = names.title(node) if not self.expanded or names.is_objective(node) else sign(node)
        formula = flow.formula if self.options.formulas else ""
        if formula and (not names.named(node) or self.expanded):
            formula = f"{names[node]} = {formula}"
        value = self.value(node)
        rows = self.rows(card)
        return Box(
            id=self.ids[node],
            kind="op",
            tone=self._tone(card),
            symbol=title,
            shape=self.shape(node),
            formula="" if formula == title else formula,
            number="" if value is None or not self.is_scalar(node) else self.number(value),
            value=() if value is None or self.is_scalar(node) else self.lines(value),
            rows=rows,
            total=self.total(node),
            border="dotted" if node.op.name == "stop_gradient" else "solid",
            tip=self.sentence(node),
            detail=self.detail(node),
        )

    def _tone(self, card: Card) -> str:
        roles = {n.op.role for n in card.nodes}
        if "loss" in roles or self.names.title(card.root) in ("Loss", "Cost"):
            return "loss"
        own = card.root.op.role
        return own if own in ("linear", "activation") else "linear" if "linear" in roles else "other"

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
                rows += [flow.row_at(operand, i, side) for (_, i), side in zip(places, ("left", "right"), strict=False)]
        if len(rows) > self.most_rows:
            left_out = more + len(rows) - self.most_rows + 1
            rows[self.most_rows - 1 :] = [Row(f"… {left_out} more")]
        return tuple(rows)

    def receives(self, card: Card, operand: Node) -> bool:
        """Whether a gradient was handed from this card to this operand."""
        return self.backward and self.flows[card.root].share(operand) is not None

    # --- arrows ---------------------------------------------------------------------------------------------------------------

    def forward(self, operand: Node, card: Card, side: str = "") -> Arrow:
        """The value that goes from an operand into a card."""
        value = self.value(operand)
        words, shape = "", ""
        if self.is_scalar(operand):
            number = self.number(value) if value is not None else ""
            words = f"{self.names[operand]} = {number}" if operand.kind == "op" and number else number
            words = words or (self.names[operand] if operand.kind == "op" else "")
            words = "" if is_literal(operand) else words
        else:
            words, shape = self.names[operand], self.shape(operand)
        words = f"{words}  ({side})".strip() if side else words
        chain, aside = operand.kind == "op", operand.kind != "parameter" and self.meets_chain(card)
        return Arrow(
            self.ids[operand], self.ids[card.root], "value", (words,) if words else (), shape,
            tail_port="h" if chain else "", head_port="h" if chain else "side" if aside else "",
            weight=3 if self.parked(operand) else 50 if chain or (self.layered and not aside) else 0 if aside else 1,
            sideways=self.side(operand, card),
            tip=f"{self.names[operand]} goes into {self.names[card.root]}",
        )  # fmt: skip

    def meets_chain(self, card: Card) -> bool:
        return any(p.kind == "op" for p in card.entries)

    def back(self, operand: Node, card: Card, share: Array, row: int, place: tuple[Node, int] | None = None) -> Arrow:
        """The gradient that a card hands back to an operand: upstream × local."""
        flow, names = self.flows[card.root], self.names
        several = self.fans.get(operand, 0) > 1
        name = f"∂{self.objective}/∂{names[operand]}"
        label: tuple[str, ...] = (name + (" (share)" if several else ""),)
        shape, lines = "", _NONE
        if not self.options.values:  # the chain rule itself, in symbols
            down = f"∂{names[card.root]}/∂{names[operand]}"
            label = (name, f"∂{self.objective}/∂{names[card.root]} {text.TIMES} {down}")
        elif share.size == 1 and operand.shape == ():
            label = (self.number(share) if several else f"{name} = {self.number(share)}",)
            local = flow.local(operand) if place is None else flow.local_at(*place)
            if flow.upstream is not None and flow.upstream.size == 1 and local is not None and local.size == 1:
                label += (f"{self.number(flow.upstream)} {text.TIMES} {self.number(local)}",)
        else:
            shape, lines = self.shape(operand), self.lines(share)
        chain = operand.kind == "op"
        rows = self.rows(card)
        port = f"g{min(row, len(rows) - 1)}" if rows else ""
        tail = "g0" if chain and self.rows(self.card_of[operand]) else ""
        return Arrow(
            self.ids[operand], self.ids[card.root], "gradient", label, shape, lines,
            tail_port=tail, head_port=port if chain else "",
            weight=3 if self.parked(operand) else 50 if chain else 1,
            sideways=self.side(operand, card),
            tip=f"{names[card.root]} hands {name} back to {names[operand]}",
        )  # fmt: skip

    def side(self, operand: Node, card: Card) -> Literal["", "before", "after"]:
        """Parked parameters stand on both sides of their op in turn."""
        if not self.parked(operand):
            return ""
        here = [p for p in card.entries if self.parked(p)]
        return "before" if here.index(operand) % 2 == 0 else "after"

    def arrows(self) -> list[Arrow]:
        found: list[Arrow] = []
        for card in self.cards:
            row = 0
            for operand, places in card.entries.items():
                if operand not in self.ids:
                    continue
                twice = not card.inner and len(places) > 1
                sides = ("left", "right") if twice else (self.which(card, places[0][1]),)
                for place, side in zip(places if twice else places[:1], sides, strict=False):
                    found.append(self.forward(operand, card, side))
                    share = self.flows[card.root].share_at(*place) if twice else self.flows[card.root].share(operand)
                    if self.backward and share is not None:
                        found.append(self.back(operand, card, share, row, place if twice else None))
                        row += 1
        for i, root in enumerate(self.roots):
            found += self.ends(root, f"out{i}")
        return found

    def which(self, card: Card, i: int) -> str:
        """Left or right, where the order of two operands matters and no formula tells it."""
        ordered = self.expanded and not card.inner and len(card.root.parents) == 2 and not card.root.op.commutative
        drawn = sum(p in self.ids for p in card.root.parents) == 2
        return ("left", "right")[i] if ordered and drawn and card.root.op.role != "loss" else ""

    def ends(self, root: Node, end: str) -> list[Arrow]:
        """The result leaving the picture, and the seed coming in."""
        value = self.value(root)
        words = self.names[root] if not self.is_scalar(root) else self.number(value) if value is not None else ""
        if words and self.is_scalar(root) and root.name and not self.names.is_objective(root):
            words = f"{self.names[root]} = {words}"
        is_op = root.kind == "op"
        found = [
            Arrow(self.ids[root], end, "value", (words,) if words else (), "" if self.is_scalar(root) else self.shape(root),
                  tail_port="h" if is_op else "", weight=20, tip=f"{self.names[root]} is the result"),
        ]  # fmt: skip
        seed = gradient(self.run, root) if self.backward else None
        if seed is not None:
            name = f"∂{self.names[root]}/∂{self.names[root]}"
            scalar = seed.size == 1
            label: tuple[str, ...] = (f"{name} = {self.number(seed)}", "seed") if scalar else (f"{name}: seed",)
            has_rows = is_op and bool(self.rows(self.card_of[root]))
            found.append(
                Arrow(self.ids[root], end, "gradient", label, lines=() if scalar else self.lines(seed),
                      tail_port="g0" if has_rows else "", weight=4, tip="the backward pass starts here", css=("seed",)),
            )  # fmt: skip
        return found

    def ranks(self) -> tuple[tuple[str, ...], ...]:
        """A leaf that meets the chain, like the target of a loss, stands above the op before: the chain itself stays straight."""
        ranks = []
        for card in self.cards:
            before = [p for p in card.entries if p in self.card_of]
            parked = [p for p in card.entries if p in self.ids and self.parked(p)]
            if parked:
                ranks.append((*(self.ids[p] for p in parked), self.ids[card.root]))
            side = [p for p in card.entries if p in self.ids and p.kind in ("input", "constant") and self.fans.get(p, 0) == 1]
            if before and side:
                ranks.append((*(self.ids[p] for p in side), self.ids[before[-1]]))
        return tuple(ranks)

    # --- the whole ------------------------------------------------------------------------------------------------------------

    def picture(self) -> Picture:
        declared = draw_order(self.order, self.cards, set(self.leaves))
        self.ids = {node: f"n{i}" for i, node in enumerate(declared)}
        boxes = [self.op(self.card_of[n]) if n in self.card_of else self.leaf(n) for n in declared]
        boxes += [Box(f"out{i}", "end", "other", "") for i in range(len(self.roots))]
        return Picture(
            tuple(boxes), tuple(self.arrows()), groups.frames(self.ids, self.cards, self.places) if self.layered else (),
            ranks=self.ranks(), legend=self.options.legend, palette=self.options.palette,
        )  # fmt: skip

    def sentence(self, node: Node) -> str:
        """What a screen reader or a tooltip says."""
        name, words = self.names[node], []
        kind = {"input": "data", "op": node.op.name}.get(node.kind, node.kind)
        words.append(f"{name}: {kind}" + (f", shape {text.shape(node.shape)}" if node.shape else ""))
        if node in self.flows:
            words.append(f"computes {self.flows[node].formula}")
        value = self.value(node)
        if value is not None:
            words.append(f"value {self.number(value)}" if value.size == 1 else "value " + "; ".join(self.lines(value)))
        arrived = gradient(self.run, node) if self.backward else None
        if arrived is not None:
            of = f"gradient ∂{self.objective}/∂{name} "
            words.append(of + (self.number(arrived) if arrived.size == 1 else "; ".join(self.lines(arrived))))
        return ", ".join(words)

    def detail(self, node: Node) -> tuple[tuple[str, str], ...]:
        """Everything known about a node, with more digits than fit into a picture: for the player."""
        found = [("name", node.name or self.names[node]), ("kind", node.kind if node.kind != "op" else f"op {node.op.name}")]
        if node in self.flows:
            found.append(("formula", self.flows[node].formula))
        found.append(("shape", text.shape(node.shape) if node.shape else "scalar"))
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
        return tuple((key, text.clean(words, 2000) if key == "name" else words) for key, words in found)


def _full(array: Array) -> str:
    if array.size == 1:
        return repr(array.reshape(()).item())
    return np.array2string(array, precision=8, threshold=64, max_line_width=100, separator=", ")


def draw_order(order: Sequence[Node], cards: Sequence[Card], leaves: Collection[Node]) -> list[Node]:
    """The order in which boxes are declared, which is how the engine stacks them: targets and other data that meet a chain first,
    then each card after its own leaves."""
    ops = {card.root for card in cards}
    first: list[Node] = []
    rest: list[Node] = []
    seen: set[Node] = set()
    for card in cards:
        meets_chain = any(p in ops for p in card.entries)
        for operand in card.entries:
            if operand in leaves and operand not in seen:
                seen.add(operand)
                (first if meets_chain and operand.kind != "parameter" else rest).append(operand)
        rest.append(card.root)
    return [*first, *rest, *(leaf for leaf in order if leaf in leaves and leaf not in seen)]
