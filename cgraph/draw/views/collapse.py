"""Big graphs and overviews: scopes collapsed to one box each, identical scopes folded, what is left merged by kind.

A *unit* is a box of the overview: a scope, the bare nodes of a scope that has scopes inside, a card or leaf outside all scopes, or (in
the neuron view) everything between the leaves and the loss. Arrows between units say what goes over when it is one value, and how
many values when there are more. Every walk is linear: 10^5 nodes become a dozen boxes in seconds.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from cgraph.draw.model import expression, groups, text
from cgraph.draw.model.build import Builder
from cgraph.draw.model.diagram import Arrow, Box, Group, Picture, replace
from cgraph.draw.model.extent import WIDEST, width
from cgraph.draw.model.flow import gradient
from cgraph.draw.model.fold import Card
from cgraph.draw.views.health import worst
from cgraph.draw.views.identical import SINGLE, Same
from cgraph.node import Node

FEW = 26  # boxes that can be read without collapsing scopes
_WORDY = 8  # units up to which arrows between them say what goes over
_AIRY = 12  # units up to which single cards among them say how their gradients come about
FEW_UNSCOPED = 46  # the same where there are no scopes to collapse
_NAMED = 6  # names of leaves that stand together
_APART = 3  # leaves of one kind with the same users that are drawn one by one
LEAVES = {"parameter": "parameters", "input": "inputs", "constant": "constants"}
_BRIEF = 36  # characters of a formula among them
_STEM = re.compile(r"[^\W\d_]{1,12}")


@dataclass(slots=True)
class Unit:
    """One box of an overview. `copies`: how many identical scopes it stands for."""

    id: str
    path: str
    kind: str  # scope, data, parameter, constant, ops, card, leaf
    nodes: list[Node] = field(default_factory=list)
    cards: list[Card] = field(default_factory=list)
    copies: int = 1


class Overview:
    """Units of a graph at one depth of scopes, and the picture they make."""

    def __init__(
        self, builder: Builder, depth: int, neuron: bool = False, same: Same | None = None
    ) -> None:
        self.builder, self.depth, self.neuron = builder, depth, neuron
        builder.most_rows = 3
        self.canonical, self.copies = same or ({}, {})
        paths = {self.canonical.get(n.scope, n.scope) for n in builder.order if n.scope}
        self.has_inside = {p[:i] for p in paths for i, c in enumerate(p) if c == "/"}
        self.loops: dict[
            str, list[Node]
        ] = {}  # what goes from one copy of a folded chain to the next, by the box's id
        self.units: dict[str, Unit] = {}
        self.unit: dict[Node, Unit] = {}
        self.losses = sum(_is_loss(builder, card.root) for card in builder.cards) if neuron else 0
        cards = {card.root: card for card in builder.cards}
        inner = {n: card.root for card in builder.cards for n in card.inner}
        leaves = set(builder.leaves)
        loose = {
            k: sum(n.kind == k and not n.scope for n in builder.leaves)
            for k in ("input", "parameter", "constant")
        }
        for node in builder.order:
            if node.kind != "op" and node not in leaves:
                continue
            root = inner.get(node, node)
            unit = self._place(root, loose)
            self.unit[node] = unit
            unit.nodes.append(node)
            if node in cards:
                unit.cards.append(cards[node])
        if not neuron:
            self._gather()

    def _gather(self) -> None:
        """Leaves of one kind that go to the same boxes stand together, where there are many."""
        users: dict[str, set[str]] = {}
        for unit in self.units.values():
            for card in unit.cards:
                for operand in card.entries:
                    if operand in self.unit:
                        users.setdefault(self.unit[operand].id, set()).add(unit.id)
        alike: dict[tuple[str, frozenset[str]], list[str]] = {}
        for key, unit in self.units.items():
            if unit.kind == "leaf":
                where = (unit.nodes[0].kind, frozenset(users.get(unit.id, ())))
                alike.setdefault(where, []).append(key)
        for (kind, _), keys in alike.items():
            if len(keys) > _APART:
                first, *rest = (self.units[key] for key in keys)
                first.kind = kind
                for key, unit in zip(keys[1:], rest, strict=True):
                    first.nodes += unit.nodes
                    self.unit.update(dict.fromkeys(unit.nodes, first))
                    del self.units[key]

    def _place(self, node: Node, loose: dict[str, int]) -> Unit:
        path = self.canonical.get(node.scope, node.scope)
        path = "/".join(path.split("/")[: self.depth])
        is_leaf = node.kind != "op"
        if self.neuron:
            path, outside = "", _is_loss(self.builder, node)
            if is_leaf and node.kind != "parameter" and loose[node.kind] <= 12 and not node.scope:
                return self._unit(f"leaf {id(node)}", "", "leaf")
            if is_leaf and node.kind != "parameter":
                return self._unit(node.kind, "", node.kind)
            if not is_leaf and outside:
                alone = (
                    any(node is root for root in self.builder.roots) or self.losses <= SINGLE
                )  # a few losses are drawn one by one
                return (
                    self._unit(f"card {id(node)}", "", "card")
                    if alone
                    else self._unit("losses", "", "ops")
                )
            return self._unit("net", "", "scope")
        if path and path not in self.has_inside:
            return self._unit(path, path, "scope")
        if path:
            if not is_leaf:
                return self._unit(f"{path} ops", path, "ops")
            stem = _STEM.match(
                node.basename or ""
            )  # x1 and x2 stand together, the targets y by themselves
            return self._unit(f"{path} {node.kind} {stem[0] if stem else ''}", path, node.kind)
        if is_leaf:
            return (
                self._unit(f"leaf {id(node)}", "", "leaf")
                if loose[node.kind] <= 12
                else self._unit(node.kind, "", node.kind)
            )
        return self._unit(f"card {id(node)}", "", "card")

    def _unit(self, key: str, path: str, kind: str) -> Unit:
        if key not in self.units:
            above = [path[:i] for i, c in enumerate(path + "/") if c == "/"]
            copies = math.prod(self.copies.get(p, 1) for p in above if p)
            self.units[key] = Unit(f"n{len(self.units)}", path, kind, copies=copies)
        return self.units[key]

    # --- boxes ----------------------------------------------------------------------------------------------------------------

    def picture(self) -> Picture:
        builder = self.builder
        builder.ids = {node: unit.id for node, unit in self.unit.items()}
        asked = builder.options.numbers
        self.wordy = asked == "arrows" or (
            asked == "auto" and len(self.units) <= _WORDY and builder.options.direction != "TB"
        )
        picture = self._picture()
        if self.wordy and asked == "auto" and width(picture) > WIDEST:
            self.wordy = False
            picture = self._picture()
        builder.settle("arrows" if self.wordy else "boxes")
        return picture

    def _picture(self) -> Picture:
        builder = self.builder
        builder.inside, builder.compact = not self.wordy, len(self.units) > _WORDY
        builder.tight = not self.wordy and len(self.units) > _AIRY
        builder.forget()
        arrows = self.arrows_made = self.arrows()
        boxes = self.boxes_made = [self.box(unit) for unit in self.units.values()]
        builder.collapsed = {box.id: box.symbol for box in boxes if box.kind == "scope"}
        arrows = self.arrows_made = [*arrows, *self.loop_arrows()]
        for i, root in enumerate(builder.roots):
            boxes.append(Box(f"out{i}", "end", "other", ""))
            ends = builder.ends(root, f"out{i}")
            alone = self.unit[root].kind == "card"
            arrows += ends if alone else [replace(a, tail_port="") for a in ends]
        folded = sum(len(u.nodes) for u in self.units.values() if u.kind not in ("card", "leaf"))
        extra = (
            (("▣", f"double frame = a part ({text.count(folded)} nodes inside)"),) if folded else ()
        )
        return Picture(
            tuple(boxes), tuple(arrows), self.groups(), self.ranks(), title=self.title(), caption=self.caption(),
            legend=builder.options.legend, palette=builder.options.palette, extra_legend=extra,
        )  # fmt: skip

    def title(self) -> str:
        edges = sum(len(node.parents) for node in self.builder.order)
        return f"Overview of a graph of {_plural(len(self.builder.order), 'node')} and {_plural(edges, 'edge')}"

    def caption(self) -> str:
        words = []
        if self.neuron:
            words.append("everything between the data and the loss is one box")
        for path, n in list(self.copies.items())[:2]:
            what = f"{text.count(n)} identical scopes {path.rpartition('/')[2]} are drawn once"
            looped = [u for u in self.units.values() if u.path == path and u.id in self.loops]
            if looped:
                what = f"{text.count(n)} steps {path.rpartition('/')[2]} are drawn once: {self._loop_words(looped[0])}"
            words.append(what)
        if any(box.value for box in self.boxes_made if box.kind == "scope"):
            slope = " and largest |gradient|" if self.builder.backward else ""
            words.append(
                f"a double frame is a part of the graph; numbers under the line: largest |value|{slope} inside"
            )
        elif any(box.kind == "scope" for box in self.boxes_made):
            words.append("a double frame is a part of the graph")
        if any(a.width and a.label for a in self.arrows_made):
            words.append("×n counts the values that an arrow stands for")
        return "; ".join(words)

    def _loop_words(self, unit: Unit) -> str:
        names = list(
            dict.fromkeys(
                text.symbol(n.basename or "") for n in self.loops.get(unit.id, ()) if n.name
            )
        )
        return f"{', '.join(names[:3]) or 'the result'} loop{'s' if len(names) < 2 else ''} back"

    def groups(self) -> tuple[Group, ...]:
        members: dict[str, list[str]] = {}
        for unit in self.units.values():
            above = unit.path if unit.kind != "scope" else unit.path.rpartition("/")[0]
            if above:
                members.setdefault(above, []).append(unit.id)
        made: dict[str, Group] = {}
        paths = {m[:i] for m in members for i, c in enumerate(m + "/") if c == "/"}
        for path in sorted(paths, key=lambda p: (-p.count("/"), p)):
            inside = tuple(g for p, g in made.items() if p.rpartition("/")[0] == path)
            many = self.copies.get(path, 1)
            label = groups.title(path) + (
                f"   {text.count(many)} identical scopes, folded" if many > 1 else ""
            )
            made[path] = Group(f"s{len(made)}", label, tuple(members.get(path, ())), groups=inside)
        return tuple(g for p, g in made.items() if "/" not in p)

    def box(self, unit: Unit) -> Box:
        builder = self.builder
        if unit.kind == "leaf":
            return builder.leaf(unit.nodes[0])
        if unit.kind in LEAVES and not unit.path and not self.neuron:
            return self._leaves(unit)
        if unit.kind == "card":
            card = builder.op(unit.cards[0])
            return replace(card, formula=expression.shorten(card.formula, _BRIEF))
        return self._scope(unit)

    def _leaves(self, unit: Unit) -> Box:
        """Many leaves: which names, how many of each, and how large."""
        names = Counter((n.basename or "").rstrip("0123456789_[],") or n.kind for n in unit.nodes)
        called = {(n.basename or ""): self.builder.names[n] for n in unit.nodes}
        listed = [
            f"{text.count(n)} × {text.symbol(name)}"
            if n > 1
            else called.get(name, text.symbol(name))
            for name, n in names.most_common(_NAMED)
        ]
        if len(unit.nodes) <= _NAMED:
            listed = [self.builder.names[n] for n in unit.nodes]
        words = ", ".join(listed) + (" …" if len(names) > _NAMED else "")
        symbol = f"{text.count(len(unit.nodes))} {LEAVES[unit.kind]}"
        return replace(self._scope(unit), symbol=symbol, notes=(words,))

    def _scope(self, unit: Unit) -> Box:
        builder = self.builder
        per = unit.copies
        ops = sum(node.kind == "op" for node in unit.nodes)
        symbol = groups.title(unit.path) if unit.kind == "scope" and not self.neuron else {
            "scope": "neuron" if len(unit.cards) <= 2 else "network", "input": "data", "parameter": "parameters",
            "constant": "constants", "ops": "ops",
        }[unit.kind]  # fmt: skip
        notes = []
        if per > 1 and unit.kind == "scope" and "/" not in unit.path:
            looped = unit.id in self.loops
            notes.append(
                f"{text.count(per)} steps: {self._loop_words(unit)}"
                if looped
                else f"{text.count(per)} identical scopes, folded"
            )
        each = (" in each step" if unit.id in self.loops else " in each") if per > 1 else ""
        words = [groups.content(unit.cards[: len(unit.cards) // per])] if unit.cards else []
        if ops:
            words.append(_plural(ops // per, "op"))
        n = sum(node.size or 0 for node in unit.nodes if node.kind == "parameter")
        if n:
            words.append(_plural(n // per, "parameter"))
        n = sum(node.kind == "input" for node in unit.nodes)
        if n:
            words.append(_plural(n // per, "input"))
        content, *rest = [w for w in words if w] or [""]
        if content and rest and unit.cards and not self.neuron:
            notes.append(content)  # in two lines: boxes stand beside one another
            content = " · ".join(rest)
        else:
            content = " · ".join((content, *rest))
        notes.append(content + each)
        value, total = self._by_step(unit) if unit.id in self.loops else self._largest(unit)
        badge, health = worst(builder, unit.nodes)
        tone = {"parameter": "parameter", "input": "data", "constant": "constant"}.get(
            unit.kind, "linear"
        )
        if all(n.kind == "parameter" for n in unit.nodes):
            tone = "parameter"
        elif unit.kind == "ops" and all(_is_loss(builder, card.root) for card in unit.cards):
            tone = "loss"
        stems = (
            {stem[0] for n in unit.nodes if (stem := _STEM.match(n.basename or ""))}
            if unit.path
            else set()
        )
        if unit.kind in ("input", "parameter") and len(stems) == 1:
            symbol = text.symbol(stems.pop())
        if unit.kind == "ops" and len({card.root.op for card in unit.cards}) == 1:
            symbol = unit.cards[0].root.op.symbol
        tip = f"{symbol}: {', '.join(notes)}" + "".join(f", {w}" for w in (*value, *total))
        detail = [("name", unit.path or symbol), ("inside", ", ".join(notes))]
        if value:
            detail.append(("largest", ", ".join((*value, *total))))
        return Box(
            unit.id, "scope", tone, symbol, notes=tuple(n for n in notes if n), value=value, total=total, badge=badge, health=health,
            tip=tip, detail=tuple(detail),
        )  # fmt: skip

    def _by_step(self, unit: Unit) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """How large the value that loops back is, step by step, and its gradient: the one thing to look at in a recurrent net."""
        builder, run = self.builder, self.builder.run
        names = Counter(n.basename for n in self.loops[unit.id])
        name = names.most_common(1)[0][0]
        chain = [
            n
            for n in unit.nodes
            if n.basename == name and n.kind == "op" and n.op is self.loops[unit.id][0].op
        ]
        if run is None or not builder.options.values or not chain:
            return (), ()
        word = text.symbol(name) if name else "value"
        value = text.course(
            [np.max(np.abs(run.value(n))) for n in chain], builder.options.precision
        )
        slopes = (
            [g for n in chain if (g := gradient(run, n)) is not None] if builder.backward else []
        )
        slope = (
            text.course([np.max(np.abs(g)) for g in slopes], builder.options.precision)
            if slopes
            else ""
        )
        return (f"max |{word}|  {value}",), (f"max |∂|  {slope}",) if slope else ()

    def _largest(self, unit: Unit) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """max |value| and max |∂| inside, where the Run has them."""
        run = self.builder.run
        if run is None or not self.builder.options.values:
            return (), ()
        value, slope = _largest(run.value(n) for n in unit.nodes), None
        if self.builder.backward:
            slope = _largest(g for n in unit.nodes if (g := gradient(run, n)) is not None)
        number = self.builder.number
        return (
            (f"max |value| {number(value)}",) if value is not None else (),
            (f"max |∂| {number(slope)}",) if slope is not None else (),
        )

    # --- arrows ---------------------------------------------------------------------------------------------------------------

    def arrows(self) -> list[Arrow]:
        over: dict[tuple[str, str], list[tuple[Node, Card]]] = {}
        self.loops.clear()
        for unit in self.units.values():
            for card in unit.cards:
                for operand in card.entries:
                    source = self.unit.get(operand)
                    if source is not None and source is not unit:
                        over.setdefault((source.id, unit.id), []).append((operand, card))
                    elif (
                        source is unit
                        and unit.copies > 1
                        and operand.scope != card.root.scope
                        and operand.kind == "op"
                    ):
                        self.loops.setdefault(unit.id, []).append(operand)
        self.above = self._above(over)
        rank = {unit.id: i for i, unit in enumerate(self.units.values()) if unit.cards}
        self.drawn_alone = {u.id: u.cards for u in self.units.values() if u.kind == "card"}
        main: dict[str, str] = {}  # the tail of the line that goes straight on
        for tail, head in over:
            if tail in rank and rank[tail] > rank.get(main.get(head, ""), -1):
                main[head] = tail
        # Counts stand beside the lines of a chain; where lines pass one another, their widths have to say it.
        self.counted = all(t not in rank or main.get(h) == t for t, h in over)
        found: list[Arrow] = []
        for (tail, head), uses in over.items():
            sources = list(dict.fromkeys(operand for operand, _ in uses))
            if len(sources) == 1:
                found += self._one(tail, head, sources[0], [c for _, c in uses])
            else:
                found += self._many(tail, head, sources, len(uses))
            if main.get(head) == tail:
                found = [
                    self._straight(a, sources[0]) if (a.tail, a.head) == (tail, head) else a
                    for a in found
                ]
        return found

    def _straight(self, arrow: Arrow, source: Node) -> Arrow:
        """An arrow of the chain: at a card with local gradients it runs from header to header, or from row to row."""
        first, last = (
            cards[0] if cards and self.builder.rows(cards[0]) else None
            for cards in (self.drawn_alone.get(arrow.tail), self.drawn_alone.get(arrow.head))
        )
        value = arrow.kind == "value"
        return replace(
            arrow,
            css=("spine",),
            weight=1000,
            tail_port="" if first is None else "h" if value else "g0",
            head_port="" if last is None else "h" if value else self.builder.row_of(source, last),
        )

    def loop_arrows(self) -> list[Arrow]:
        """From a folded chain of steps back to itself: the value that the next step starts with, and its gradient."""
        found = []
        for id, nodes in self.loops.items():
            name = text.symbol(nodes[0].basename or "") if nodes[0].name else ""
            found.append(
                Arrow(
                    id,
                    id,
                    "value",
                    (name,) if name else (),
                    css=("loop",),
                    tip="goes into the next step",
                )
            )
        return found

    def ranks(self) -> tuple[tuple[str, ...], ...]:
        """Parameters and data that one unit alone uses stand above it, where there is a chain that would be bent by them."""
        return tuple((tail, head) for tail, head in self.above.items())

    def _above(self, over: Iterable[tuple[str, str]]) -> dict[str, str]:
        pairs = list(over)
        alone = {u.id: {n.kind for n in u.nodes} for u in self.units.values()}
        parameters = {id for id, kinds in alone.items() if kinds == {"parameter"}}
        data = {id for id, kinds in alone.items() if kinds == {"input"}}
        heads: dict[str, list[str]] = {}
        for tail, head in pairs:
            heads.setdefault(tail, []).append(head)
        fed = {head for tail, head in pairs if tail not in parameters}
        chained = {head for tail, head in pairs if tail not in parameters | data}
        above: dict[str, str] = {}
        taken: Counter[str] = Counter()
        for kind, wanted in ((parameters, fed), (data, chained)):
            found = {
                tail: to[0]
                for tail, to in heads.items()
                if tail in kind and len(to) == 1 and to[0] in wanted
            }
            crowd = Counter(found.values())
            above |= {
                tail: head for tail, head in found.items() if crowd[head] == 1 and not taken[head]
            }
            taken.update(found.values())
        return above

    def _one(self, tail: str, head: str, source: Node, cards: Sequence[Card]) -> list[Arrow]:
        builder = self.builder
        sideways: Literal["", "before"] = "before" if self.above.get(tail) == head else ""
        forward = builder.forward(source, cards[0])
        found = [
            Arrow(tail, head, "value", forward.label if self.wordy else (), forward.shape if self.wordy else "", weight=20,
                  sideways=sideways, tip=forward.tip)
        ]  # fmt: skip
        if not builder.backward:
            return found
        shares = [s for c in cards[:200] if (s := builder.flows[c.root].share(source)) is not None]
        if not shares:
            return found
        name = f"∂{builder.objective}/∂{builder.names[source]}"
        back = Arrow(tail, head, "gradient", weight=20, sideways=sideways, tip=f"{name} goes back")
        if self.wordy and source.kind == "op":
            share = np.sum(shares, axis=0)
            several = sum(1 for c in builder.cards if source in c.entries) > len(cards)
            label = name + (" (share)" if several else "")
            if share.size == 1:
                back = replace(back, label=(f"{label} = {builder.number(share)}",))
            else:
                back = replace(
                    back, label=(label,), shape=builder.shape(source), lines=builder.lines(share)
                )
        return [*found, back]

    def _many(self, tail: str, head: str, sources: Sequence[Node], uses: int) -> list[Arrow]:
        thick = 1 + math.log10(uses)
        sideways: Literal["", "before"] = "before" if self.above.get(tail) == head else ""
        words = (f"×{text.count(uses)}",) if self.counted else ()
        found = [
            Arrow(
                tail,
                head,
                "value",
                words,
                width=1.3 * thick,
                weight=200 if sideways else 5,
                sideways=sideways,
                tip=f"{uses} values go over",
            )
        ]
        if self.builder.backward and any(
            gradient(self.builder.run, n) is not None for n in sources
        ):
            tip = f"{len(sources)} gradients come back"
            found.append(
                Arrow(
                    tail, head, "gradient", width=1.1 * thick, weight=5, sideways=sideways, tip=tip
                )
            )
        return found


def _plural(n: int, word: str) -> str:
    return f"{text.count(n)} {word}{'s' if n != 1 else ''}"


def _largest(arrays: Iterable[np.ndarray[Any, Any]]) -> float | None:
    found = [
        abs(float(a)) if a.ndim == 0 else float(np.max(np.abs(a.astype(float))))
        for a in arrays
        if a.size
    ]
    return (math.nan if any(x != x for x in found) else max(found)) if found else None


def _is_loss(builder: Builder, node: Node) -> bool:
    return node.kind == "op" and (
        node.op.role == "loss" or builder.names.title(node) in ("Loss", "Cost")
    )
