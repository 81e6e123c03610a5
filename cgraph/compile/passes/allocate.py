"""Which memory a value lies in: one arena for a whole program, memory that is free again used again.

The pass walks the statements in order and keeps account of which bytes of the arena are taken. A result may be written
over an operand that is
needed no more and has its shape and dtype ("in place"). A view keeps what it shows alive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from cgraph.compile.ir import ELEMENTWISE, VIEWS, Value

ALIGNMENT = 64


@dataclass
class Allocation:
    """Where the buffers lie.

    Attributes:
        offsets: value -> its first byte in the arena.
        size: bytes of the arena.
        births, deaths: value -> the statements at which it is made and used last.
        in_place: value -> the operand it overwrites.
    """

    offsets: dict[Value, int] = field(default_factory=dict)
    size: int = 0
    births: dict[Value, int] = field(default_factory=dict)
    deaths: dict[Value, int] = field(default_factory=dict)
    in_place: dict[Value, Value] = field(default_factory=dict)


class _Arena:
    """Free stretches of one block of memory that grows as it has to."""

    def __init__(self) -> None:
        self.free: list[tuple[int, int]] = []  # (offset, size), sorted, never adjacent
        self.size = 0

    def take(self, size: int) -> int:
        fitting = [(n, at) for at, n in self.free if n >= size]
        if fitting:
            n, at = min(fitting)
            self.free.remove((at, n))
            if n > size:
                self._insert(at + size, n - size)
            return at
        if self.free and sum(self.free[-1]) == self.size:
            at, n = self.free.pop()  # the last stretch reaches the end: let it grow
            self.size = at + size
            return at
        at, self.size = self.size, self.size + size
        return at

    def give(self, at: int, size: int) -> None:
        self._insert(at, size)

    def _insert(self, at: int, size: int) -> None:
        joined = []
        for start, n in self.free:
            if start + n == at:
                at, size = start, n + size
            elif at + size == start:
                size += n
            else:
                joined.append((start, n))
        self.free = sorted([*joined, (at, size)])


def allocate(
    steps: Sequence[Sequence[Value]],
    owned: Callable[[Value], bool],
    kept: Iterable[Value] = (),
) -> Allocation:
    """Lay out the buffers of the `owned` ones among values that are computed in this order; the `kept` live to the end.

    The values of one step are computed together: what they read is needed, and what they write is there, for the whole of it.
    """
    result = Allocation()
    shown: dict[Value, set[Value]] = {}
    for i, step in enumerate(steps):
        for value in step:
            result.births[value] = i
            for arg in value.args:
                for buffer in shown.get(arg, (arg,)):
                    result.deaths[buffer] = i
            # A row that is called may hand back what it was given, or a view of it.
            if value.op in VIEWS or value.op == "call":
                sources = value.args if value.op == "call" else value.args[:1]
                shown[value] = set().union(*(shown.get(arg, {arg}) for arg in sources))
            result.deaths[value] = i
    for value in kept:
        for buffer in shown.get(value, {value}):
            result.deaths[buffer] = len(steps)
    for i, step in enumerate(steps):
        if len(step) == 1 and owned(step[0]):
            over = _overwritten(step[0], i, result, owned)
            if over is not None:
                result.in_place[step[0]] = over
    taken_over = set(result.in_place.values())
    ends: dict[int, list[Value]] = {}
    for value in result.births:
        if owned(value) and value not in taken_over:
            ends.setdefault(result.deaths[value], []).append(value)
    arena = _Arena()
    for i, step in enumerate(steps):
        for value in filter(owned, step):
            over = result.in_place.get(value)
            result.offsets[value] = (
                arena.take(padded(value)) if over is None else result.offsets[over]
            )
        for gone in ends.get(i, ()):
            arena.give(result.offsets[gone], padded(gone))
    result.size = arena.size
    return result


def padded(value: Value) -> int:
    """The bytes of a buffer, rounded up so that the next one starts on a cache line."""
    return -(-max(value.nbytes, 1) // ALIGNMENT) * ALIGNMENT


def _overwritten(
    value: Value, i: int, plan: Allocation, owned: Callable[[Value], bool]
) -> Value | None:
    """An operand whose memory the result can take: entry by entry, of the same kind, used here for the last time."""
    if value.op == "add_at":
        candidates = value.args[:1]
        if value.args[1] is value.args[0]:
            return None
    elif value.op not in ELEMENTWISE or value.op == "cast":
        return None
    else:
        candidates = value.args[2:] if value.op == "select" else value.args
    for arg in candidates:
        if (
            arg.shape == value.shape
            and arg.dtype == value.dtype
            and owned(arg)
            and plan.deaths[arg] == i
            and (value.op != "select" or arg not in value.args[:2])
        ):
            return arg
    return None
