"""From a graph and a Run to a `Picture`: which boxes, and which arrows between them.

This is where "what to show" is decided for ordinary views; the facts come from `facts`, collapsed scopes, focus and health are views of
their own, time is in `steps`. No Run, no numbers; no backward pass, no local gradients and no dashed arrows.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

from cgraph.draw.model import groups, text
from cgraph.draw.model.diagram import Arrow, Box, Picture
from cgraph.draw.model.facts import Array, Facts
from cgraph.draw.model.flow import gradient
from cgraph.draw.model.fold import Card, is_literal, lends_shape
from cgraph.draw.model.names import sign
from cgraph.node import Node

_NONE: tuple[str, ...] = ()
_TONES = {"input": "data", "parameter": "parameter", "constant": "constant"}


class Builder(Facts):
    """Builds the boxes and arrows of one picture; `picture()` puts them together."""

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

    def op(self, card: Card) -> Box:
        node, flow, names = card.root, self.flows[card.root], self.names
        title = names.title(node) if not self.expanded or names.is_objective(node) else sign(node)
        formula = flow.formula if self.options.formulas else ""
        if formula and node.op.name == "broadcast_to":
            formula += ", repeated"
        if formula and node.op.name == "cast":
            formula += f" as {node.dtype}"
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
        return (
            own if own in ("linear", "activation") else "linear" if "linear" in roles else "other"
        )

    # --- arrows ---------------------------------------------------------------------------------------------------------------

    def forward(self, operand: Node, card: Card, side: str = "") -> Arrow:
        """The value that goes from an operand into a card."""
        value = self.value(operand)
        words, shape = "", ""
        if self.is_scalar(operand):
            number = self.number(value) if value is not None else ""
            words = (
                f"{self.names[operand]} = {number}" if operand.kind == "op" and number else number
            )
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

    def back(
        self,
        operand: Node,
        card: Card,
        share: Array,
        row: int,
        place: tuple[Node, int] | None = None,
    ) -> Arrow:
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
            if (
                flow.upstream is not None
                and flow.upstream.size == 1
                and local is not None
                and local.size == 1
            ):
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
        position = {p: i for i, p in enumerate(p for p in card.entries if self.parked(p))}
        return "before" if position[operand] % 2 == 0 else "after"

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
                    share = (
                        self.flows[card.root].share_at(*place)
                        if twice
                        else self.flows[card.root].share(operand)
                    )
                    if self.backward and share is not None:
                        found.append(self.back(operand, card, share, row, place if twice else None))
                        row += 1
        for i, root in enumerate(self.roots):
            found += self.ends(root, f"out{i}")
        return found

    def which(self, card: Card, i: int) -> str:
        """Left or right, where the order of two operands matters and no formula tells it."""
        if any(lends_shape(card.root, k) for k in range(len(card.root.parents))):
            return ""
        ordered = (
            self.expanded
            and not card.inner
            and len(card.root.parents) == 2
            and not card.root.op.commutative
        )
        drawn = sum(p in self.ids for p in card.root.parents) == 2
        return ("left", "right")[i] if ordered and drawn and card.root.op.role != "loss" else ""

    def ends(self, root: Node, end: str) -> list[Arrow]:
        """The result leaving the picture, and the seed coming in."""
        value = self.value(root)
        words = (
            self.names[root]
            if not self.is_scalar(root)
            else self.number(value)
            if value is not None
            else ""
        )
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
            label: tuple[str, ...] = (
                (f"{name} = {self.number(seed)}", "seed") if scalar else (f"{name}: seed",)
            )
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
            side = [
                p
                for p in card.entries
                if p in self.ids and p.kind in ("input", "constant") and self.fans.get(p, 0) == 1
            ]
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


def draw_order(
    order: Sequence[Node], cards: Sequence[Card], leaves: Collection[Node]
) -> list[Node]:
    """The order in which boxes are declared, which is how the engine stacks them: targets and other data that meet a chain first,
    then each card after its own leaves."""
    ops = {card.root for card in cards}
    first: list[Node] = []
    rest: list[Node] = []
    seen: set[Node] = set()
    known = set(leaves)
    for card in cards:
        meets_chain = any(p in ops for p in card.entries)
        for operand in card.entries:
            if operand in known and operand not in seen:
                seen.add(operand)
                (first if meets_chain and operand.kind != "parameter" else rest).append(operand)
        rest.append(card.root)
    return [*first, *rest, *(leaf for leaf in order if leaf in leaves and leaf not in seen)]
