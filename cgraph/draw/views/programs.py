"""Pictures of compiled programs: the statements with their memory, and the graph with its time.

A program is drawn as what it is, a graph of statements: a box says what is computed and where the result lies, a frame what runs in
pieces. A profile is drawn on the user's own graph, because that is where one asks "what is slow here?"; the slower, the warmer.
"""

from __future__ import annotations

from typing import Any, Literal

from cgraph.compile.ir import LEAVES, VIEWS, Value, is_number, order
from cgraph.draw.compose import finish, make_builder, plan, styled
from cgraph.draw.model.diagram import Arrow, Box, Group, Picture, replace
from cgraph.draw.options import Options
from cgraph.errors import DrawError
from cgraph.graph import order as node_order

MOST_BOXES = 300
_TONES = {"matmul": "linear", "sum": "linear", "add": "linear", "subtract": "linear"}
_KINDS = {"exp", "tanh", "log", "log1p", "maximum", "minimum", "reciprocal", "select", "sin", "cos"}


def drawn(root: Any, options: Options) -> Picture:
    """The picture of a program or a profile."""
    program = root.__graph_program__
    return statements(program, options) if program is root else timed(root, options)


def seconds(value: float) -> str:
    """A time with its unit."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value * 1e6:.3g} µs"


def statements(program: Any, options: Options) -> Picture:
    """The statements of a program: what is computed from what, and where it lies."""
    special = program.special
    emitted, named = special.emitted, special.emitted.named
    values = [v for v in order(special.graph.outputs) if v.op not in ("literal", "constant")]
    if len(values) > MOST_BOXES and not options.force:
        raise DrawError(
            f"{len(values)} statements cannot be read; look at program.source, or insist with force=True"
        )
    ids = {v: f"v{i}" for i, v in enumerate(values)}
    layout = emitted.allocation
    outputs = {v: n for v, n in zip(special.graph.outputs, special.graph.names, strict=True)}
    boxes = []
    for value in values:
        notes = _place(value, layout, emitted, outputs)
        name = outputs.get(value) or named.get(value, "") or value.label
        if value.op in LEAVES:
            known = value.origin is not None and value.origin.kind == "parameter"
            kind: Literal["parameter", "data"] = "parameter" if known else "data"
            tip = f"{name}: an argument"
            boxes.append(
                Box(ids[value], kind, kind, name, str(value.shape or ""), name=name, tip=tip)
            )
            continue
        tone = _TONES.get(value.op, "activation" if value.op in _KINDS else "arithmetic")
        boxes.append(
            Box(
                ids[value], "op", tone, value.op, shape=str(value.shape or ""), formula=value.remark, name=name,
                notes=(name, *notes) if name else notes, tip=f"{name}: {value.remark or value.op}",
            )
        )  # fmt: skip
    arrows = [
        Arrow(ids[a], ids[v], "value", shape="" if is_number(a) else str(a.shape))
        for v in values
        for a in dict.fromkeys(v.args)
        if a in ids
    ]
    groups = tuple(
        Group(
            f"g{i}",
            f"in pieces of {step:,}",
            tuple(ids[v] for v in [*g.members, *g.sums] if v in ids),
            "fused",
        )
        for i, (g, step, _) in enumerate(emitted.groups)
    )
    stats = program.stats()
    return styled(
        Picture(
            tuple(boxes), tuple(arrows), groups, title=options.title or "Compiled program",
            caption=options.caption or f"{len(boxes)} values; {stats.workspace:,} bytes of workspace, {stats.flops:,} operations a call",
            legend=False, palette=options.palette, direction="TB" if options.direction == "TB" else "LR",
        ),
        options,
    )  # fmt: skip


def _place(value: Value, layout: Any, emitted: Any, outputs: Any) -> tuple[str, ...]:
    """Where a result lies."""
    if is_number(value):
        return ("a Python float",)
    if value in emitted.passing:
        return ("one piece at a time",)
    if value in layout.offsets:
        start = layout.offsets[value]
        over = " in place," if value in layout.in_place else ""
        return (
            f"bytes {start:,} to {start + value.nbytes:,},{over} steps {layout.births[value]} to {layout.deaths[value]}",
        )
    if value in outputs:
        return ("an output",)
    return ("a view",) if value.op in VIEWS else ()


def timed(profile: Any, options: Options) -> Picture:
    """The graph of a program with the time at every node."""
    roots = tuple(profile.program.outputs)
    builder = make_builder(node_order(*roots), roots, None, options)
    picture = finish(plan(builder), builder, options)
    total = profile.total or 1.0
    spent: dict[str, list[float]] = {}
    owner = {node: card.root for card in builder.cards for node in card.nodes}
    for index, times in enumerate((profile.forward, profile.backward)):
        for node, value in times.items():
            found = builder.ids.get(owner.get(node, node))
            if found is not None:
                spent.setdefault(found, [0.0, 0.0])[index] += value
    most = max((sum(v) for v in spent.values()), default=0.0)
    boxes = []
    for box in picture.boxes:
        forward, backward = spent.get(box.id, (0.0, 0.0))
        both = forward + backward
        if not both:
            boxes.append(box)
            continue
        words = f"{seconds(both)} · {both / total:.0%}"
        if forward and backward:
            words += f" ({seconds(forward)} forward, {seconds(backward)} back)"
        hot = {"health": "saturated"} if both > 0.5 * most else {}
        boxes.append(replace(box, notes=(*box.notes, words), **hot))  # type: ignore[arg-type]
    return styled(
        replace(
            picture, boxes=tuple(boxes), title=options.title or "Where the time goes",
            caption=options.caption or f"{seconds(profile.total)} a call; the slowest are marked",
        ),
        options,
    )  # fmt: skip
