"""Pictures of compiled programs: the statements with their memory, and the graph with its time.

A program is drawn as what it is, a graph of statements: a box says what is computed and where the result lies, a frame what runs in
pieces. A profile is drawn on the user's own graph, because that is where one asks "what is slow here?"; the slower, the warmer.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

from cgraph.compile.ir import LEAVES, VIEWS, Value, is_number, order
from cgraph.draw.compose import direction, finish, make_builder, plan, styled
from cgraph.draw.model import expression, text
from cgraph.draw.model.diagram import Arrow, Box, Group, Picture, replace
from cgraph.draw.model.names import sign
from cgraph.draw.options import Options
from cgraph.errors import DrawError
from cgraph.graph import order as node_order
from cgraph.op import OPS

MOST_BOXES = 300
_SIGNS = {
    "add": "+", "subtract": "−", "multiply": "×", "divide": "÷", "negative": "−", "matmul": "@", "gemm": "@", "log": "ln",
    "log1p": "ln(1+x)", "expm1": "eˣ−1", "sum": "Σ", "reciprocal": "1/x", "square": "x²", "sqrt": "√x", "absolute": "|x|",
    "maximum": "max", "minimum": "min", "transpose": "xᵀ", "select": "where", "broadcast": "⇉",
}  # fmt: skip
_WRITTEN = {
    "add": "{} + {}", "subtract": "{} − {}", "multiply": "{}·{}", "divide": "{} / {}", "negative": "−{}", "reciprocal": "1 / {}",
    "square": "{}²", "absolute": "|{}|", "matmul": "{}·{}", "log": "ln {}", "exp": "exp({})", "transpose": "{}ᵀ", "sum": "Σ {}",
}  # fmt: skip
_LINEAR = {"matmul", "gemm", "sum", "add", "subtract"}
_CURVED = {
    "exp",
    "tanh",
    "log",
    "log1p",
    "maximum",
    "minimum",
    "reciprocal",
    "select",
    "sin",
    "cos",
}


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
    outputs = {v: n for v, n in zip(special.graph.outputs, special.graph.names, strict=True)}
    words = _Words(values, outputs, named)
    layout = emitted.allocation
    held = [v for v in values if v.op in LEAVES or v in outputs or named.get(v)]
    ids = {v: f"v{i}" for i, v in enumerate(held)}
    floats = all(is_number(v) for v in held)
    boxes = [
        words.leaf(v, ids[v])
        if v.op in LEAVES
        else words.statement(v, ids[v], () if floats else _place(v, layout, emitted, outputs))
        for v in held
    ]
    arrows = [
        Arrow(ids[a], ids[v], "value", tip=f"{words(a)} goes into {words(v)}")
        for v in held
        for a in _operands(v, ids)
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
    memory = (
        "every value is a Python float" if floats else f"{stats.workspace:,} bytes of workspace"
    )
    statements = sum(box.kind == "op" for box in boxes)
    picture = Picture(
        tuple(boxes), tuple(arrows), groups, title=options.title or "Compiled program",
        caption=options.caption or f"{statements} statements; {memory}, {stats.flops:,} operations a call",
        legend=options.legend, palette=options.palette,
    )  # fmt: skip
    return styled(replace(picture, direction=direction(picture, options)), options)


def _operands(value: Value, held: Collection[Value]) -> list[Value]:
    """What a statement reads: what is written inside it, without a name, is followed to what has one."""
    found: dict[Value, None] = {}
    stack = [value]
    while stack:
        for operand in stack.pop().args:
            if operand in held:
                found[operand] = None
            elif operand.args:
                stack.append(operand)
    return list(found)


class _Words:
    """What a picture calls the values of a program: their names as mathematics, and each statement as `result = ...`."""

    def __init__(
        self, values: Sequence[Value], outputs: Mapping[Value, str], named: Mapping[Value, str]
    ) -> None:
        self.names = {v: text.symbol(outputs.get(v) or named.get(v, "")) for v in values}
        known = {name for v in values for name in (named.get(v), v.label, outputs.get(v)) if name}
        self.known = {name: text.symbol(name) for name in known}

    def __call__(self, value: Value) -> str:
        return self.names.get(value, "")

    def leaf(self, value: Value, id: str) -> Box:
        known = value.origin is not None and value.origin.kind == "parameter"
        kind: Literal["parameter", "data"] = "parameter" if known else "data"
        name = self(value)
        return Box(id, kind, kind, name, _shape(value), name=name, tip=f"{name}: an argument")

    def statement(self, value: Value, id: str, notes: tuple[str, ...]) -> Box:
        name, formula = self(value), self.formula(value)
        whole = value.origin is not None and value.origin.kind == "op" and bool(value.remark)
        heading = sign(value.origin) if whole else _SIGNS.get(value.op, value.op)
        role = value.origin.op.role if whole else ""
        tone = role if role in ("activation", "loss", "linear") else (
            "linear" if value.op in _LINEAR else "activation" if value.op in _CURVED else "arithmetic"
        )  # fmt: skip
        return Box(
            id, "op", tone, heading, shape=_shape(value), formula=formula, name=name, notes=notes,
            tip=f"{name}: {formula}",
        )  # fmt: skip

    def formula(self, value: Value) -> str:
        """The statement's meaning, as the source remarks it, or else the operation itself."""
        name = self(value)
        raw = any(
            word in OPS and OPS[word].symbol != word and word not in self.known
            for word in re.findall(r"[^\W\d]\w*", value.remark)
        )  # it speaks of ops whose results have no name here
        said = self.written(value) if raw or not value.remark else value.remark
        said = re.sub(r"[^\W\d]\w*", lambda found: self.known.get(found[0], found[0]), said)
        said = expression.shorten(expression.lifted(said))
        return said if not name or said.startswith(f"{name} = ") else f"{name} = {said}"

    def written(self, value: Value, inside: bool = False) -> str:
        """An operation with its operands, where those without a name are written out."""
        if self(value) and inside:
            return self(value)
        if not value.args:
            return self(value) or (text.number(value.params) if value.op == "literal" else "…")
        operands = [self.written(a, True) for a in value.args]
        form = _WRITTEN.get(value.op)
        if form is None or form.count("{}") != len(operands):
            return f"{value.op}({', '.join(operands)})"
        return form.format(*(o if re.fullmatch(r"\w+|−?[\d.]+", o) else f"({o})" for o in operands))


def _shape(value: Value) -> str:
    return text.shape(value.shape) if value.shape else ""


def _place(value: Value, layout: Any, emitted: Any, outputs: Any) -> tuple[str, ...]:
    """Where a result lies."""
    if is_number(value):
        return ("a Python float",)
    if value in emitted.passing:
        return ("one piece at a time",)
    if value in layout.offsets:
        start = layout.offsets[value]
        over = ", in place" if value in layout.in_place else ""
        return (
            f"bytes {start:,} to {start + value.nbytes:,}{over}",
            f"steps {layout.births[value]} to {layout.deaths[value]}",
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
