"""Big graphs without scopes: boxes at the same distance from the data, grouped by what they compute.

A scalar net of 142 boxes has levels of its own: 8 × linear, 8 × tanh, 8 × linear ... and a long chain has a pattern that repeats. Levels
that repeat one after the other are one box, "200 × sin, one after the other"; where that is not enough, neighbouring levels are joined
until the picture can be read. So there is always an overview, and every box says what is in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from cgraph.draw.model import expression, text
from cgraph.draw.model.build import Builder
from cgraph.draw.model.diagram import Box
from cgraph.draw.model.flow import gradient
from cgraph.draw.model.fold import Card
from cgraph.draw.views.collapse import LEAVES, Overview, Unit
from cgraph.node import Node

MOST_LEVELS = 14  # levels that are shown one by one
_KINDS = 3  # different boxes of a level, before it is one box
_LISTED = 8  # values that are written out
_PERIOD = 8  # the longest pattern that is looked for


class Levels(Overview):
    """Units of a graph without scopes: one for each kind of box at each level."""

    def __init__(self, builder: Builder, most: int = MOST_LEVELS) -> None:
        self.most = most
        self.cards_of = {card.root: card for card in builder.cards}
        self.level = _levels(builder.cards)
        self.sign = {card.root: _sign(builder, card) for card in builder.cards}
        by_level: dict[int, Counter[str]] = {}
        for card in builder.cards:
            by_level.setdefault(self.level[card.root], Counter())[self.sign[card.root]] += 1
        self.repeats: dict[
            int, tuple[int, int]
        ] = {}  # band -> how often its pattern repeats, how long that is
        known: dict[frozenset[tuple[str, int]], int] = {}
        alike = [
            known.setdefault(frozenset(by_level[i].items()), len(known))
            for i in range(len(by_level))
        ]
        self.band = self._bands(alike)
        many = Counter(self.band)
        self.joined = {
            b for b in many if many[b] > 1
        }  # of several levels: what is in them feeds one another
        self.kinds: dict[int, set[str]] = {}
        for card in builder.cards:
            self.kinds.setdefault(self.band[self.level[card.root]], set()).add(self.sign[card.root])
        self.first_user: dict[Node, int] = {}
        for card in builder.cards:
            for operand in card.entries:
                if operand.kind != "op":
                    at = self.band[self.level[card.root]]
                    self.first_user[operand] = min(at, self.first_user.get(operand, at))
        super().__init__(builder, 1)

    def _bands(self, levels: Sequence[int]) -> list[int]:
        """The box each level goes into, where equal numbers are equal levels: repeating ones together, then, if there are still
        many, neighbours."""
        bands: list[int] = []
        at, band = 0, 0
        while at < len(levels):
            best, period = 1, 1
            for p in range(1, _PERIOD + 1):
                n = 1
                while levels[at + (n - 1) * p : at + n * p] == levels[
                    at + n * p : at + (n + 1) * p
                ] and at + n * p < len(levels):
                    n += 1
                if n >= 3 and n * p > best * period:
                    best, period = n, p
            if best >= 3:
                self.repeats[band] = (best, period)
            bands += [band] * (best * period)
            at += best * period
            band += 1
        if band > self.most:
            self.repeats.clear()
            width = -(-band // self.most)
            last = bands[-1]  # the result keeps a level of its own
            bands = [b // width if b != last else last // width + 1 for b in bands]
        return bands

    def _place(self, node: Node, loose: dict[str, int]) -> Unit:
        if node.kind != "op":
            if loose[node.kind] <= 3:
                return self._unit(f"leaf {id(node)}", "", "leaf")
            return self._unit(f"{node.kind} {self.first_user.get(node, 0)}", "", node.kind)
        band = self.band[self.level[node]]
        if len(self.kinds[band]) > _KINDS or band in self.joined:
            return self._unit(f"band {band}", "", "level")
        return self._unit(f"band {band} {self.sign[node]}", "", "level")

    def box(self, unit: Unit) -> Box:
        if (
            unit.kind in ("level", *LEAVES)
            and len([n for n in unit.nodes if n in self.cards_of or n.kind != "op"]) == 1
        ):
            return super().box(replace_kind(unit))
        if unit.kind != "level":
            return super().box(unit)
        builder, cards = self.builder, unit.cards
        band = self.band[self.level[cards[0].root]]
        n, period = self.repeats.get(band, (1, 1))
        counted = Counter(self.sign[card.root] for card in cards)
        tones = {builder.tone(card) for card in cards}
        if n > 1:
            inside = [f"{c // n} × {word}" if c > n else word for word, c in counted.items()]
            symbol = f"{text.count(n)} × {inside[0] if len(inside) == 1 else '(' + ', '.join(inside[:4]) + ')'}"
            notes = [f"one after the other, {period * n} levels"]
        else:
            parts = [
                f"{text.count(c)} × {word}" if c > 1 else word for word, c in counted.most_common(4)
            ]
            symbol = parts[0] if len(parts) == 1 else ", ".join(parts)
            notes = [] if len(counted) > 1 else [builder.flows[cards[0].root].formula]
            if len(counted) == 1 and len(cards) > 1:
                notes = [
                    f"such as {expression.shorten(f'{builder.names[cards[0].root]} = {notes[0]}', 40)}"
                ]
        value, total = self._listed(cards)
        if not value:
            value, total = self._largest(unit)
        return Box(
            unit.id, "scope", tones.pop() if len(tones) == 1 else "linear" if tones <= {"linear", "arithmetic"} else "other", symbol,
            notes=tuple(notes), value=value, total=total, tip=f"{symbol}: {', '.join((*notes, *value, *total))}",
            detail=(("name", symbol), ("inside", ", ".join(notes)), ("largest", ", ".join((*value, *total)))),
        )  # fmt: skip

    def _listed(self, cards: Sequence[Card]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The values of a level, and their gradients, where they are a few scalars."""
        builder, run = self.builder, self.builder.run
        nodes = [card.root for card in cards]
        if (
            run is None
            or not builder.options.values
            or len(nodes) > _LISTED
            or any(n.shape for n in nodes)
            or len({self.level[n] for n in nodes}) > 1
        ):
            return (), ()
        values = builder.lines(np.array([run.value(n) for n in nodes]))
        slopes = [gradient(run, n) for n in nodes] if builder.backward else []
        if not slopes or any(s is None for s in slopes):
            return values, ()
        return values, ("∂ " + builder.lines(np.array(slopes))[0],)

    def caption(self) -> str:
        words = "no scopes: boxes at the same distance from the data stand together; cg.scope('...') gives parts a frame of their own"
        return (
            f"{words}; ×n counts the values that an arrow stands for"
            if any(a.width and a.label for a in self.arrows_made)
            else words
        )


def replace_kind(unit: Unit) -> Unit:
    """A unit of one card or leaf is drawn as that."""
    return Unit(
        unit.id, unit.path, "card" if unit.cards else "leaf", unit.nodes, unit.cards, unit.copies
    )


def _levels(cards: Sequence[Card]) -> dict[Node, int]:
    """How many cards lie between each card and the data, on the longest way."""
    level: dict[Node, int] = {}
    for card in cards:
        level[card.root] = 1 + max((level[p] for p in card.entries if p in level), default=-1)
    return level


def _sign(builder: Builder, card: Card) -> str:
    heading = builder.heading(card)
    return "×" if heading == "×" else heading
