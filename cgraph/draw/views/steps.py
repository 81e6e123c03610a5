"""Time: one picture turned into the moments of a forward pass, a backward pass and an update.

A moment never adds or moves anything: it is the complete picture with some of its ink made invisible, so every frame has the same
canvas and the same positions. A backward step is one op handing its gradients back, in the order in which the engine does it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cgraph.draw.model import expression, text
from cgraph.draw.model.build import Builder
from cgraph.draw.model.diagram import Arrow, Box, Picture, Row, State, replace
from cgraph.draw.model.flow import gradient
from cgraph.draw.model.fold import Card
from cgraph.errors import DrawError


@dataclass(frozen=True, slots=True)
class Moment:
    """One frame: which cards have computed, which have handed back, and the words above the picture."""

    name: str  # for file names: forward, seed, step1 ..., update
    title: str
    caption: str
    computed: int  # cards that have their value; the last of them is active while `forward` is being built up
    handed: int  # cards that have handed back; -1 before the seed
    phase: str  # "compute", "forward", "seed", "back", "update"


def moments(
    builder: Builder, *, forward: str = "whole", update: float | None = None
) -> list[Moment]:
    """The frames of a run: forward (with forward="nodes", one op at a time first), seed, one per op on the way back, update."""
    stations, names = computing(builder), builder.names
    found: list[Moment] = []
    if forward == "nodes":
        for i, station in enumerate(stations, 1):
            title = f"Forward pass, node {i} of {len(stations)}: {_produces(builder, station)}"
            found.append(
                Moment(f"forward{i}", title, _computes(builder, station), i, -1, "compute")
            )
    root = builder.roots[0]
    value = builder.value(root)
    what = {"L": "the loss", "C": "the cost"}.get(names[root], f"{names[root]} =")
    result = (
        f", up to {what} {builder.number(value)}" if value is not None and value.size == 1 else ""
    )
    whole = f"every node computes its value from the values before it{result}"
    found.append(Moment("forward", "Forward pass", whole, len(stations), -1, "forward"))
    if not builder.backward:
        return found
    objective = builder.objective
    seeded = gradient(builder.run, builder.objective_node)
    given = (
        ""
        if seeded is None or seeded.size != 1
        else f": ∂{objective}/∂{objective} = {builder.number(seeded)}"
    )
    what = (
        f"the derivative of {objective} with respect to itself"
        if given.endswith("= 1")
        else "the upstream gradient that was given"
    )
    seed = f"{what}; from here the gradients flow back along the dashed arrows"
    found.append(Moment("seed", f"Backward pass, seed{given}", seed, len(stations), 0, "seed"))
    back = handing(builder)
    for k, station in enumerate(back, 1):
        title = f"Backward pass, step {k} of {len(back)}: {_through(builder, station)}"
        found.append(Moment(f"step{k}", title, _hands(builder, station), len(stations), k, "back"))
    if update is not None:
        rate = text.number(update)
        caption = f"every parameter takes a step of η = {rate} against its gradient: w ← w − η · ∂{objective}/∂w; inputs stay as they are"
        found.append(Moment("update", "Update", caption, len(stations), len(back), "update"))
    return found


@dataclass(frozen=True, slots=True)
class Station:
    """One box that computes and hands back: a card, or a collapsed scope with all its cards."""

    id: str
    cards: tuple[Card, ...]
    title: str = ""  # of a collapsed scope


def computing(builder: Builder) -> list[Station]:
    """The boxes that compute, in order."""
    if not builder.collapsed:
        return [Station(builder.ids[card.root], (card,)) for card in builder.cards]
    inside: dict[str, list[Card]] = {}
    for card in builder.cards:
        inside.setdefault(builder.ids[card.root], []).append(card)
    last = {builder.ids[card.root]: i for i, card in enumerate(builder.cards)}
    ordered = sorted(inside.items(), key=lambda item: last[item[0]])
    return [Station(id, tuple(cards), builder.collapsed.get(id, "")) for id, cards in ordered]


def handing(builder: Builder) -> list[Station]:
    """The boxes that hand a gradient back, in the engine's order."""
    run = builder.run
    return [
        s
        for s in reversed(computing(builder))
        if any(any(builder.receives(c, p) for p in c.entries) for c in s.cards[:1])
        or (s.title and run is not None and any(run.has_grad(c.root) for c in s.cards))
    ]


def _receivers(builder: Builder, card: Card) -> list[str]:
    return [builder.names[p] for p in card.entries if builder.receives(card, p)]


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words[:6]) + (f" and {len(words) - 6} more" if len(words) > 6 else "")


def _produces(builder: Builder, station: Station) -> str:
    if station.title:
        return station.title
    card = station.cards[0]
    return (
        builder.names[card.root]
        if not builder.names.is_objective(card.root)
        else builder.names.title(card.root)
    )


def _computes(builder: Builder, station: Station) -> str:
    if station.title:
        return f"everything inside {station.title} is computed"
    card = station.cards[0]
    value = builder.value(card.root)
    words = f"{builder.names[card.root]} = {builder.flows[card.root].formula}"
    return f"{words} = {builder.number(value)}" if value is not None and value.size == 1 else words


def _through(builder: Builder, station: Station) -> str:
    if station.title:
        return f"through {station.title}"
    card = station.cards[0]
    names = builder.names
    receivers = _receivers(builder, card)
    title = names.title(card.root)
    head = f"the {title.lower()}" if title in ("Loss", "Cost") else title
    chain = [p for p in card.entries if p.kind == "op" and builder.receives(card, p)]
    if len(receivers) == 1 and chain:
        return f"through {head}"
    return f"{head} hands the gradient to {_listed(receivers)}"


def _hands(builder: Builder, station: Station) -> str:
    """`upstream × local: 2 × 0.25 = 0.5`, or the rules that are executed for matrices."""
    if station.title:
        return f"inside {station.title} every op multiplies what arrives by its local gradient and hands the product on"
    card = station.cards[0]
    flow, names = builder.flows[card.root], builder.names
    receivers = [p for p in card.entries if builder.receives(card, p)]
    data = [names[p] for p in card.entries if p.kind == "input"]
    stops = f"; nothing flows into the data {_listed(data)}" if data else ""
    scalar = flow.upstream is not None and flow.upstream.size == 1
    if scalar and all(p.shape == () for p in receivers):
        upstream = builder.number(flow.upstream) if flow.upstream is not None else ""
        if len(receivers) == 1:
            share = flow.share(receivers[0])
            if share is not None and builder.product(card, receivers[0]):
                product = f"{builder.product(card, receivers[0])} = {builder.number(share)}"
                return f"∂{builder.objective}/∂{names[receivers[0]]} = upstream × local = {product}{stops}"
        return f"upstream {upstream} × each local gradient{stops}"
    rows = builder.told.get(card.root, builder.rows(card))
    rules = [_rule(builder, card, row) for row in rows if row.left]
    return (
        f"{_listed(rules)}{stops}" if len(rules) <= 3 else f"upstream × each local gradient{stops}"
    )


def _rule(builder: Builder, card: Card, row: Row) -> str:
    """A row as the product it stands for: an elementwise local gradient with its upstream in front."""
    name = builder.names[card.root]
    if builder.is_one(card.root) or row.rule or not row.formula:
        return row.text
    upstream = f"∂{builder.objective}/∂{name}"
    down = f"∂{builder.objective}/∂{row.to}"
    return f"{down} = upstream ⊙ local = {upstream} ⊙ {expression.wrap(row.formula, 6)}"


def apply(picture: Picture, builder: Builder, moment: Moment, among: Sequence[Moment]) -> Picture:
    """The picture at that moment. `among`: all moments of the series, whose headings share the reserved space."""
    order = [station.id for station in handing(builder)]
    computed = {station.id: i for i, station in enumerate(computing(builder), 1)}
    for b in picture.boxes:  # a bypassed sigmoid is computed when its loss is
        users = [computed.get(a.head, 0) for a in picture.arrows if b.bypassed and a.tail == b.id]
        if max(users, default=0):
            computed[b.id] = max(users)
    done = set(order[: max(moment.handed, 0)])
    active = order[moment.handed - 1] if moment.phase == "back" else ""
    latest = moment.computed if moment.phase == "compute" else 0
    waiting: dict[str, set[str]] = {}
    nodes = {id: node for node, id in builder.ids.items()} if not builder.collapsed else {}
    for arrow in picture.arrows:
        if arrow.kind == "gradient" and "seed" not in arrow.css:
            waiting.setdefault(arrow.tail, set()).add(arrow.head)

    def box(b: Box) -> Box:
        late = computed.get(b.id, 0) > moment.computed
        rows: State = "active" if b.id == active else "shown" if b.id in done else "hidden"
        arrived = moment.handed >= 0 and waiting.get(b.id, set()) <= done
        return replace(
            b, rows_state=rows, total_state="shown" if arrived else "hidden", value_state="hidden" if late else "shown",
            active=b.id == active or (latest > 0 and computed.get(b.id) == latest and not b.bypassed),
            update_state="shown" if moment.phase == "update" else "hidden",
            tip=builder.sentence(nodes[b.id], computed=not late, arrived=arrived) if b.id in nodes else b.tip,
        )  # fmt: skip

    def line(a: Arrow) -> Arrow:
        if a.kind == "value":
            late = computed.get(a.tail, 0) > moment.computed
            into = latest > 0 and computed.get(a.head) == latest
            return replace(a, state="hidden" if late else "active" if into else "shown")
        if a.kind != "gradient":
            return a
        if "seed" in a.css:
            return replace(
                a,
                state="hidden"
                if moment.handed < 0
                else "active"
                if moment.phase == "seed"
                else "shown",
            )
        return replace(
            a, state="active" if a.head == active else "shown" if a.head in done else "hidden"
        )

    signs = (
        picture.caption[picture.caption.find("\n") :] if "\n" in picture.caption else ""
    )  # explained in every frame
    return replace(
        picture, boxes=tuple(map(box, picture.boxes)), arrows=tuple(map(line, picture.arrows)), title=moment.title,
        caption=moment.caption + signs, reserve=tuple((m.title, m.caption + signs) for m in among),
    )  # fmt: skip


def pick(found: Sequence[Moment], step: int | str) -> Moment:
    """The moment that `step=` asks for: "forward", "seed" or 0, k, "update".

    Raises:
        DrawError: when there is no such step.
    """
    name = "seed" if step == 0 else f"step{step}" if isinstance(step, int) else step
    for moment in found:
        if moment.name == name:
            return moment
    raise DrawError(
        f"step={step!r}: this run has {', '.join(m.name for m in found)} (0 is the seed, k the k-th op on the way back)"
    )


def with_update(picture: Picture, builder: Builder, rate: float) -> Picture:
    """The picture with what a step of gradient descent makes of each parameter, to be shown by the last frame."""
    updates: dict[str, tuple[str, ...]] = {}
    for node, id in builder.ids.items():
        if node.kind != "parameter" or builder.run is None or not builder.run.has_grad(node):
            continue
        value, slope, name = builder.run.value(node), builder.run.grad(node), builder.names[node]
        new = value - rate * slope
        if node.shape == ():
            terms = (
                f"{builder.number(value)} − {text.number(rate)}·{_bracketed(builder.number(slope))}"
            )
            updates[id] = (f"{name} ← {terms} = {builder.number(new)}",)
        else:
            updates[id] = (f"{name} ←", *builder.lines(new))
    return replace(
        picture, boxes=tuple(replace(b, update=updates.get(b.id, ())) for b in picture.boxes)
    )


def _bracketed(number: str) -> str:
    return f"({number})" if number.startswith(text.MINUS) else number
