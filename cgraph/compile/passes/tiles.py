"""Tiles: long chains of elementwise operations run piece by piece, so that what is between them never leaves the cache.

An operation on ten million entries spends its time waiting for memory. The pass finds the operations that can go through one loop over
pieces of a few thousand entries: those of one shape with nothing between them that needs a whole array first. Only what
is needed outside of such a
group becomes an array; the rest lies in a handful of buffers of one piece each. Sums over everything are taken piece by piece, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cgraph.compile.ir import ELEMENTWISE, Shape, Value, is_number

# Smaller arrays stay in the cache by themselves.
LEAST = 1 << 16
# Bytes of one buffer of a piece, for one thread and for several, which have to be longer between two looks at the interpreter's lock.
PIECE, LONG_PIECE = 1 << 17, 1 << 19


@dataclass
class Group:
    """Operations that go through one loop.

    Attributes:
        shape: of all of them.
        members: in order.
        sums: sums over all entries of a member, taken on the way.
        whole: members that are needed outside, and so are arrays.
        flat: whether the loop runs over all entries in order; else over one axis, the first if that is long enough, or the last.
    """

    shape: Shape
    members: list[Value] = field(default_factory=list)
    sums: list[Value] = field(default_factory=list)
    whole: list[Value] = field(default_factory=list)
    flat: bool = True

    @property
    def first(self) -> bool:
        """Whether a loop that is not flat runs over the first axis."""
        return self.shape[0] >= LEAST_ROWS

    @property
    def length(self) -> int:
        """How many entries, rows or columns the loop runs over."""
        if self.flat:
            return self.members[0].size
        return self.shape[0 if self.first else -1]

    def inputs(self) -> list[Value]:
        """What comes in from outside and is no number."""
        inside = set(self.members)
        found: dict[Value, None] = {}
        for value in [*self.members, *self.sums]:
            for arg in value.args:
                if arg not in inside and not is_number(arg) and arg.literal is None:
                    found[arg] = None
        return list(found)


# An axis with fewer is not cut.
LEAST_ROWS = 8

Step = Value | Group


def members(step: Step) -> list[Value]:
    """The values of a step, in the order in which they are computed."""
    return [*step.members, *step.sums] if isinstance(step, Group) else [step]


def tiled(values: Sequence[Value], kept: Sequence[Value]) -> list[Step]:
    """The values in an order in which groups stand as one step each."""
    if not any(is_long(v) for v in values):
        return list(values)
    used: dict[Value, set[Value]] = {}
    for value in values:
        for arg in value.args:
            used.setdefault(arg, set()).add(value)
    outside = set(kept)
    stage = _stages(values, used, outside)
    groups: dict[tuple[Shape, int], Group] = {}
    for value in values:
        if is_long(value):
            key = value.shape, stage[value]
            groups.setdefault(key, Group(value.shape)).members.append(value)
    taken: set[Value] = set()
    for group in groups.values():
        inside = set(group.members)
        for value in group.members:
            for user in used.get(value, ()):
                if user.op == "sum" and len(user.params) == len(value.shape) and user not in taken:
                    group.sums.append(user)
                    taken.add(user)
        free = inside | set(group.sums)
        group.whole = [v for v in group.members if v in outside or not used.get(v, set()) <= free]
        arrays = [
            a for v in group.members for a in v.args if not is_number(a) and a.literal is None
        ]
        scattered = ("transpose", "index")  # whose entries do not lie in a row
        group.flat = all(a.shape == group.shape and a.op not in scattered for a in arrays)
    groups = {k: g for k, g in groups.items() if _worth(g)}
    grouped = {v for g in groups.values() for v in [*g.members, *g.sums]}
    last = max(stage.values(), default=0)
    plain: list[list[Value]] = [[] for _ in range(last + 1)]
    for value in values:
        if value not in grouped:
            plain[stage[value]].append(value)
    result: list[Step] = []
    for number in range(last + 1):
        result += plain[number]
        result += [g for (_, s), g in groups.items() if s == number]
    return result


def _stages(
    values: Sequence[Value], used: Mapping[Value, set[Value]], outside: set[Value]
) -> dict[Value, int]:
    """Which loop a value can go through: one more than what it needs whole. The values of one shape and stage form a group."""
    stage: dict[Value, int] = {}
    for value in values:
        long = is_long(value)
        stage[value] = max(
            (
                stage.get(a, 0) + (is_long(a) and not (long and a.shape == value.shape))
                for a in value.args
            ),
            default=0,
        )
    # What could be there early but is used in one later group only waits for that, rather than being kept whole until then.
    for value in reversed(values):
        users = used.get(value, ())
        if not is_long(value) or value in outside or not users:
            continue
        if all(is_long(u) and u.shape == value.shape for u in users):
            arrays = {
                a for a in value.args if a.op != "argument" and a.size > 1 and a.literal is None
            }
            if len(arrays) <= 1:
                stage[value] = min(stage[u] for u in users)
    return stage


def is_long(value: Value) -> bool:
    return value.op in ELEMENTWISE and value.size >= LEAST


def _worth(group: Group) -> bool:
    """Two operations at least, or one with its sum, or one that needs pieces; and something long enough to cut."""
    several = len(group.members) + len(group.sums) > 1 or slow_with_number(group.members[0])
    return several and (group.flat or group.length >= LEAST_ROWS)


# NumPy has no quick loop for these with a number on one side: they get a piece full of it, which makes them two to three times as fast.
SLOW_WITH_NUMBER = frozenset({"maximum", "minimum", "fmin", "fmax", "power"})


def slow_with_number(value: Value) -> bool:
    """Whether an operation wants a number as a whole piece."""
    return value.op in SLOW_WITH_NUMBER and any(a.literal is not None for a in value.args)


def piece(group: Group, threads: int) -> int:
    """How many entries, or rows, one piece has."""
    width = max(v.dtype.itemsize for v in group.members)
    entries = (PIECE if threads == 1 else LONG_PIECE) // width
    if group.flat:
        return entries
    row = max(1, group.members[0].size // group.length)
    return max(1, entries // row)


def slots(group: Group) -> tuple[dict[Value, int], list[Value]]:
    """A buffer for every member that is not whole: value -> number of its buffer, and for each buffer one value of its dtype."""
    whole = set(group.whole)
    last: dict[Value, int] = {}
    steps = [*group.members]
    for i, value in enumerate(steps):
        for arg in value.args:
            last[arg] = i
    for value in group.sums:
        last[value.args[0]] = len(steps)
    found: dict[Value, int] = {}
    kinds: list[Value] = []
    free: list[int] = []
    for i, value in enumerate(steps):
        dying = [a for a in dict.fromkeys(value.args) if a in found and last.get(a) == i]
        reusable = [found[a] for a in dying if _may_overwrite(value, a)]
        if value not in whole:
            choices = [s for s in [*reusable, *free] if kinds[s].dtype == value.dtype]
            if choices:
                found[value] = choices[0]
                if choices[0] in free:
                    free.remove(choices[0])
            else:
                found[value] = len(kinds)
                kinds.append(value)
        free += [found[a] for a in dying if found[a] != found.get(value) and found[a] not in free]
    return found, kinds


def _may_overwrite(value: Value, arg: Value) -> bool:
    if value.op == "cast" or arg.dtype != value.dtype or arg.shape != value.shape:
        return False
    return value.op != "select" or (arg is value.args[2] and arg not in value.args[:2])
