"""What a program says about itself: where everything lies, what it costs, and where its time goes.

`Plan` is the memory and the groups as data, `Stats` counts, `Profile` measures, statement by statement. All three print as tables;
``cg.draw(program)`` and ``cg.draw(profile)`` draw them.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from cgraph.compile.ir import ELEMENTWISE, LEAVES, VIEWS, Value, order
from cgraph.node import Node


@dataclass(frozen=True)
class Buffer:
    """One array of a program's own.

    Attributes:
        name: in the source.
        shape, dtype: of the array.
        offset, nbytes: where it lies in the workspace; offset None for an output, which lies outside of it.
        born, dies: the steps at which it is written and read last.
        in_place_of: the buffer whose memory it takes over while that is read for the last time, or "".
    """

    name: str
    shape: tuple[int, ...]
    dtype: Any
    offset: int | None
    nbytes: int
    born: int
    dies: int
    in_place_of: str = ""


@dataclass(frozen=True)
class Fused:
    """A group of operations that run piece by piece.

    Attributes:
        operations: the statements' operations, in order.
        shape: of all of them.
        piece: entries, or rows, at a time.
        buffers: how many buffers of one piece there are.
        sums: how many sums are taken on the way.
    """

    operations: tuple[str, ...]
    shape: tuple[int, ...]
    piece: int
    buffers: int
    sums: int

    def __str__(self) -> str:
        sums = f"; {self.sums} sum{'s' * (self.sums != 1)}" if self.sums else ""
        return f"in pieces of {self.piece:,}: {', '.join(self.operations)}{sums} ({self.buffers} buffers)"


@dataclass(frozen=True)
class Plan:
    """Buffers, their lifetimes, and what runs in pieces.

    Attributes:
        buffers: in the order in which they are written.
        fused: the groups.
        workspace: bytes of the block that the buffers lie in.
        steps: how many steps the program has.
    """

    buffers: tuple[Buffer, ...]
    fused: tuple[Fused, ...]
    workspace: int
    steps: int

    def __str__(self) -> str:
        lines = [
            f"{self.workspace:,} bytes of workspace, {len(self.buffers)} buffers, {self.steps} steps"
        ]
        width = max((len(b.name) for b in self.buffers), default=0)
        for b in self.buffers:
            place = "an output" if b.offset is None else f"at {b.offset:>10,}"
            over = f", over {b.in_place_of}" if b.in_place_of else ""
            lines.append(
                f"  {b.name:<{width}}  {b.dtype!s:<8} {b.shape!s:<14} {b.nbytes:>12,} bytes {place}, steps {b.born} to {b.dies}{over}"
            )
        lines += [f"  {group}" for group in self.fused]
        return "\n".join(lines)


def plan_of(graph: Any, emitted: Any, named: Mapping[Value, str]) -> Plan:
    """The plan of what was emitted."""
    layout = emitted.allocation
    outputs = set(graph.outputs)
    buffers = []
    for value, born in layout.births.items():
        if value in layout.offsets or (
            value in outputs and value.op not in (*VIEWS, *LEAVES, "call") and value.size > 1
        ):
            over = layout.in_place.get(value)
            buffers.append(
                Buffer(
                    named.get(value, "?"), value.shape, value.dtype, layout.offsets.get(value), value.nbytes,
                    born, layout.deaths[value], named.get(over, "") if over is not None else "",
                )
            )  # fmt: skip
    fused = tuple(
        Fused(tuple(v.op for v in g.members), g.shape, step, n, len(g.sums))
        for g, step, n in emitted.groups
    )
    return Plan(tuple(buffers), fused, layout.size, max(layout.births.values(), default=-1) + 1)


@dataclass(frozen=True)
class Stats:
    """What one call costs.

    Attributes:
        flops: floating point operations, those of exp and its kin counted as about fifteen.
        bytes_moved: what the statements read and write in memory; what stays in the cache because it runs in pieces is not counted.
        workspace: bytes that the program keeps for itself.
        outputs: bytes of the results.
        peak: workspace, buffers of pieces and results together: what a call needs beside its arguments.
        statements: how many operations there are.
    """

    flops: int
    bytes_moved: int
    workspace: int
    outputs: int
    peak: int
    statements: int


def flops_of(value: Value) -> int:
    """The floating point operations of one value."""
    if value.op in ELEMENTWISE:
        return ELEMENTWISE[value.op] * value.size
    if value.op == "matmul":
        return 2 * value.size * value.args[0].shape[-1]
    if value.op == "gemm":
        return 2 * value.size * (value.args[0].shape[-1] + len(value.args) - 2)
    return value.args[0].size if value.op in ("sum", "max", "min") else 0


def stats_of(graph: Any, emitted: Any, passing: set[Value]) -> Stats:
    """Counted from the intermediate representation."""
    flops = moved = count = 0
    for value in order(graph.outputs):
        if value.op in LEAVES:
            continue
        count += 1
        flops += flops_of(value)
        if value.op not in VIEWS:
            moved += sum(
                v.nbytes for v in (*value.args, value) if v not in passing and v.literal is None
            )
    outputs = sum(v.nbytes for v in graph.outputs)
    pieces = 0
    for group, step, n in emitted.groups:
        row = 1 if group.flat else max(1, group.members[0].size // group.length)
        pieces = max(pieces, n * step * row * group.members[0].dtype.itemsize)
    workspace = emitted.memory.size
    return Stats(flops, moved, workspace, outputs, workspace + pieces + outputs, count)


@dataclass
class Profile:
    """Where the time of a program goes.

    Attributes:
        program: what was measured.
        lines: (line of source, seconds a call), in order.
        forward: node -> seconds its own statements take.
        backward: node -> seconds it takes to bring its gradient about.
        total: seconds a call.
    """

    program: Any
    lines: list[tuple[str, float]]
    forward: dict[Node, float] = field(default_factory=dict)
    backward: dict[Node, float] = field(default_factory=dict)
    total: float = 0.0

    @property
    def __graph_program__(self) -> Any:
        """What `cgraph.draw` knows it by."""
        return self.program

    def __str__(self) -> str:
        rows = [f"{self.total * 1e6:.1f} µs a call"]
        for text, seconds in self.lines:
            share = seconds / self.total if self.total else 0.0
            rows.append(f"{seconds * 1e6:>10.2f} µs {share:>5.0%}  {text.strip()}")
        return "\n".join(rows)


def profiled(program: Any, special: Any, values: Sequence[Any], repeats: int) -> Profile:
    """Measure with a clock between the statements."""
    source = special.source.splitlines()
    lines: list[str] = []
    at: list[int] = []
    for number, text in enumerate(source, 1):
        lines.append(text)
        body = text.strip()
        # Statements of the program itself; those inside a group's function run under its call.
        if (
            text.startswith("    ")
            and text[4:5] not in (" ", "")
            and not body.startswith(("return", "def ", "#", '"""'))
            and not body.endswith(",")
        ):
            lines.append("    _clock(_times)")
            at.append(number)
    times: list[float] = []

    def clock(into: list[float]) -> None:
        into.append(time.perf_counter())

    measured = special.loaded("\n".join(lines) + "\n", {"_clock": clock, "_times": times})
    best: list[float] = []
    for _ in range(max(1, repeats)):
        times.clear()
        times.append(time.perf_counter())
        special.run(values, special.fresh(), measured)
        spent = [b - a for a, b in pairwise(times)][: len(at)]
        best = spent if not best else [min(a, b) for a, b in zip(best, spent, strict=True)]
    result = Profile(
        program, [(source[n - 1], s) for n, s in zip(at, best, strict=True)], total=sum(best)
    )
    waiting = 0.0
    for number, seconds in zip(at, best, strict=True):
        value = special.emitted.lines.get(number)
        if value is None and "in_pieces" in source[number - 1]:
            waiting += _share_out(result, special, source[number - 1], seconds)
            continue
        waiting = _book(result, special, value, seconds + waiting)
    return result


def _book(result: Profile, special: Any, value: Value | None, seconds: float) -> float:
    """Enter time under a node; what is on the way to a gradient waits for it. What still waits."""
    if value is None:
        return seconds
    target = value.gradient_of
    if target is not None:
        result.backward[target] = result.backward.get(target, 0.0) + seconds
        return 0.0
    if value.origin is not None and value.origin in special.forward_nodes:
        result.forward[value.origin] = result.forward.get(value.origin, 0.0) + seconds
        return 0.0
    return seconds


def _share_out(result: Profile, special: Any, text: str, seconds: float) -> float:
    """The time of a group among its members, by their share of the operations."""
    names = [
        name
        for name in special.emitted.namespace
        if name.startswith("in_pieces") and f"{name}(" in text
    ]
    index = sorted(n for n in special.emitted.namespace if n.startswith("in_pieces")).index(
        names[0]
    )
    group = special.emitted.groups[index][0]
    total = sum(flops_of(v) for v in group.members) or 1
    waiting = 0.0
    for value in group.members:
        waiting = _book(result, special, value, waiting + seconds * flops_of(value) / total)
    return waiting
