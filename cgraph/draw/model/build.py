"""From a graph and a Run to a `Picture`: which boxes, and which arrows between them.

This is where "what to show" is decided for ordinary views; the facts come from `facts`, collapsed scopes, focus and health are views of
their own, time is in `steps`. No Run, no numbers; no backward pass, no local gradients and no dashed arrows.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Literal

from cgraph.draw.model import expression, groups, text
from cgraph.draw.model.diagram import Arrow, Box, Picture
from cgraph.draw.model.facts import Array, Facts
from cgraph.draw.model.flow import gradient
from cgraph.draw.model.fold import Card, is_literal, lends_shape
from cgraph.node import Node

_NONE: tuple[str, ...] = ()
_TONES = {"input": "data", "parameter": "parameter", "constant": "constant"}


class Builder(Facts):
    """Builds the boxes and arrows of one picture; `picture()` puts them together."""

    def leaf(self, node: Node) -> Box:
        value = self.value(node)
        scalar = self.is_scalar(node)
        literal = is_literal(node)
        total, note = self.total(node)
        elsewhere = node in self.options.elsewhere
        return Box(
            id=self.ids[node],
            kind="elsewhere"
            if elsewhere
            else {"input": "data", "parameter": "parameter"}.get(node.kind, "constant"),  # type: ignore[arg-type]
            tone="elsewhere" if elsewhere else _TONES[node.kind],
            symbol=self.names[node],
            name=self.names[node],
            shape="" if literal else self.shape(node),
            number="" if not scalar or value is None or literal else self.number(value),
            value=() if value is None or scalar else self.lines(value),
            total=total,
            total_note=note,
            tip=self.sentence(node),
            detail=self.detail(node),
            site=self.site(node),
        )

    def op(self, card: Card) -> Box:
        node, flow, names = card.root, self.flows[card.root], self.names
        formula = flow.formula if self.options.formulas else ""
        if formula and node.op.name == "broadcast_to":
            formula += ", repeated"
        if formula and node.op.name == "cast":
            formula += f" as {node.dtype}"
        if (
            re.search(" [=≠<>≤≥] ", formula)
            and not expression.strength(formula)
            and " if " not in formula
        ):
            formula = f"({formula})"  # a comparison
        if formula:
            formula = f"{names[node]} = {formula}"
        value = self.value(node)
        total, note = self.total(node)
        number = "" if value is None or not self.is_scalar(node) else self.number(value)
        if self.tight and self.inside and formula and number:
            formula, number = f"{formula} = {number}", ""
        return Box(
            id=self.ids[node],
            kind="op",
            tone=self.tone(card),
            symbol=self.heading(card),
            name=names[node],
            shape=self.shape(node),
            formula=formula,
            number=number,
            number_shown=self.inside,
            value=() if value is None or self.is_scalar(node) else self.lines(value),
            rows=self.rows(card),
            total=total,
            total_note=note,
            border="dotted" if node.op.name == "stop_gradient" else "solid",
            tip=self.sentence(node),
            detail=self.detail(node),
            site=self.site(node),
            named=names.has_own(node),
            ordered=self.ordered(card),
            tight=self.tight,
        )

    # --- arrows ---------------------------------------------------------------------------------------------------------------

    def forward(self, operand: Node, card: Card, row: int = 0) -> Arrow:
        """The value that goes from an operand into a card. What comes from a leaf stands in the leaf, and is not written again."""
        chain = operand.kind == "op"
        words, shape = _NONE, ""
        if chain and not self.inside:
            value = self.value(operand)
            word = self.names[operand]
            if not self.is_scalar(operand):
                shape = self.shape(operand)
            elif value is not None:
                word = f"{word} = {self.number(value)}"
            elif not self.names.has_own(operand):
                word = ""
            words = (word,) if word else words
        aside = operand.kind != "parameter" and self.meets_chain(card)
        return Arrow(
            self.ids[operand], self.ids[card.root], "value", words, shape,
            tail_port="h" if chain or self.fans.get(operand, 0) == 1 else "", head_port=self.entry(operand, card, row),
            weight=3 if self.parked(operand) else 50 if chain or (self.layered and not aside) else 0 if aside else 1,
            sideways=self.side(operand, card),
            tip=f"{self.names[operand]} goes into {self.names[card.root]}",
            css=("spine",) if operand is self.main(card) else (),
        )  # fmt: skip

    def entry(self, operand: Node, card: Card, row: int = 0) -> str:
        """Where a value enters a card: the chain at the middle of its header, a parameter above its own row, data above the chain."""
        if operand is self.main(card):
            return "h"
        if operand.kind == "parameter" and (port := self.row_of(operand, card)):
            twice = not card.inner and len(card.entries[operand]) > 1
            return f"i{row}" if twice else f"i{port[1:]}"
        aside = self.meets_chain(card) or (operand.kind != "parameter" and bool(self.rows(card)))
        return "side" if operand.kind != "op" and aside else ""

    def main(self, card: Card) -> Node | None:
        """The operand whose line is the spine of the picture: the op computed last."""
        ops = [p for p in card.entries if p in self.at]
        return max(ops, key=self.at.__getitem__) if ops else None

    def row_of(self, operand: Node, card: Card) -> str:
        """The port of an operand's row, `g0`; "" where it has none."""
        rows = self.rows(card)
        if not rows:
            return ""
        at = 0
        for p, places in self.in_order(card):
            if p is operand:
                return f"g{min(at, len(rows) - 1)}" if self.receives(card, p) else ""
            at += (1 if card.inner else len(places)) if self.receives(card, p) else 0
        return ""

    def back(
        self,
        operand: Node,
        card: Card,
        share: Array,
        place: tuple[Node, int] | None = None,
        port: str | None = None,
    ) -> Arrow:
        """The gradient that a card hands back to an operand: upstream × local, written on the arrow between two ops, and where
        several shares meet."""
        names = self.names
        several = self.fans.get(operand, 0) > 1
        name = f"∂{self.objective}/∂{names[operand]}"
        chain = operand.kind == "op"
        label: tuple[str, ...] = ()
        shape, lines = "", _NONE
        if (chain or self.shared(operand)) and not self.inside:
            label = (name + (" (share)" if several else ""),)
            if not self.options.values:  # the chain rule itself, in symbols
                down = f"∂{names[card.root]}/∂{names[operand]}"
                product = f"∂{self.objective}/∂{names[card.root]} {text.TIMES} {down}"
                label = (product,) if several else (name, product)
            elif share.size == 1 and operand.shape == ():
                label = (self.number(share) if several else f"{name} = {self.number(share)}",)
                if product := self.product(card, operand, place):
                    label += (product,)
            else:
                shape, lines = self.shape(operand), self.lines(share)
        tail = (
            ("g0" if self.rows(self.card_of[operand]) else "")
            if chain
            else "t"
            if self.fans.get(operand, 0) == 1
            else ""
        )
        return Arrow(
            self.ids[operand], self.ids[card.root], "gradient", label, shape, lines,
            tail_port=tail, head_port=self.row_of(operand, card) if port is None else port,
            weight=3 if self.parked(operand) else 50 if chain else 1,
            sideways=self.side(operand, card),
            tip=f"{names[card.root]} hands {name} back to {names[operand]}",
            css=("spine",) if operand is self.main(card) else (),
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
            for operand, places in sorted(
                card.entries.items(), key=lambda item: self.backward and item[0].kind == "parameter"
            ):
                if operand not in self.ids:
                    continue
                twice = not card.inner and len(places) > 1
                for place in places if twice else places[:1]:
                    found.append(self.forward(operand, card, row))
                    flow = self.flows[card.root]
                    share = flow.share_at(*place) if twice else flow.share(operand)
                    if self.backward and share is not None:
                        port = f"g{row}" if twice and self.row_of(operand, card) else None
                        found.append(
                            self.back(operand, card, share, place if twice else None, port)
                        )
                        row += 1
        for i, root in enumerate(self.roots):
            found += self.ends(root, f"out{i}")
        return found

    def ordered(self, card: Card) -> bool:
        """Whether the order of two drawn operands matters, which a circle has to say: a card has its formula."""
        root = card.root
        if (
            not self.expanded
            or card.inner
            or root.op.commutative
            or root.op.role == "loss"
            or len(root.parents) != 2
        ):
            return False
        return (
            not any(lends_shape(root, k) for k in range(2))
            and sum(p in self.ids for p in root.parents) == 2
        )

    def ends(self, root: Node, end: str) -> list[Arrow]:
        """The result leaving the picture, and the seed coming in."""
        value, scalar = self.value(root), self.is_scalar(root)
        is_op = root.kind == "op"
        word = self.names[root]
        if scalar and value is not None and not (self.inside and is_op):
            word = f"{word} = {self.number(value)}"
        found = [
            Arrow(self.ids[root], end, "value", (word,) if is_op else (), "" if scalar or self.inside else self.shape(root),
                  tail_port="h" if is_op else "", weight=20, tip=f"{self.names[root]} is the result", css=("spine",) if is_op else ()),
        ]  # fmt: skip
        seed = gradient(self.run, root) if self.backward else None
        if seed is not None:
            name = f"∂{self.names[root]}/∂{self.names[root]}"
            one = seed.size == 1
            label: tuple[str, ...] = (
                (f"{name} = {self.number(seed)}", "seed") if one else (f"{name}: seed",)
            )
            has_rows = is_op and bool(self.rows(self.card_of[root]))
            found.append(
                Arrow(self.ids[root], end, "gradient", label, lines=() if one else self.lines(seed),
                      tail_port="g0" if has_rows else "", weight=4, tip="the backward pass starts here",
                      css=("seed", "spine") if is_op else ("seed",)),
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
        leaves = set(self.leaves)
        # A node has the same id with gradients and without.
        self.ids = {
            n: f"n{i}" for i, n in enumerate(draw_order(self.order, self.cards, leaves, False))
        }
        declared = draw_order(self.order, self.cards, leaves, self.backward)
        boxes = [self.op(self.card_of[n]) if n in self.card_of else self.leaf(n) for n in declared]
        boxes += [Box(f"out{i}", "end", "other", "") for i in range(len(self.roots))]
        return Picture(
            tuple(boxes), tuple(self.arrows()), groups.frames(self.ids, self.cards, self.places) if self.layered else (),
            ranks=self.ranks(), legend=self.options.legend, palette=self.options.palette,
        )  # fmt: skip


def draw_order(
    order: Sequence[Node], cards: Sequence[Card], leaves: Collection[Node], by_kind: bool
) -> list[Node]:
    """The order in which boxes are declared, which is how the engine stacks them: targets and other data that meet a chain first,
    then each card after its own leaves; data before parameters where these have rows of their own in the card."""
    ops = {card.root for card in cards}
    first: list[Node] = []
    rest: list[Node] = []
    seen: set[Node] = set()
    known = set(leaves)
    for card in cards:
        meets_chain = any(p in ops for p in card.entries)
        for operand in sorted(card.entries, key=lambda p: by_kind and p.kind == "parameter"):
            if operand in known and operand not in seen:
                seen.add(operand)
                (first if meets_chain and operand.kind != "parameter" else rest).append(operand)
        rest.append(card.root)
    return [*first, *rest, *(leaf for leaf in order if leaf in leaves and leaf not in seen)]
