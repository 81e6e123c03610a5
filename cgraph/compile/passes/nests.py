"""Nests: which operations go through one loop, for a backend whose loops are compiled and cost nothing to go round.

Where NumPy's statements each take an array from end to end, a compiled loop takes one entry and does everything with it that
can be done, while it lies in a register. The pass groups elementwise operations of one shape, products with a short inner
dimension (a weight matrix with two columns), and the sums, extremes and products that are taken over what the loop computes.
What a loop needs from elsewhere has to be there before it starts; what it leaves behind for others is `whole`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from cgraph.compile.ir import ELEMENTWISE, Shape, Value, order

# Terms of a product that are written out, and columns of a product that are summed beside each other.
MOST_TERMS = 8


@dataclass
class Nest:
    """Operations that go through one nest of loops.

    Attributes:
        shape: of all its members.
        members: what is computed for each entry, in order.
        gathered: what is summed, or otherwise gathered, over all entries or over the innermost axis.
        whole: members that are needed elsewhere and so are arrays.
    """

    shape: Shape
    members: list[Value] = field(default_factory=list)
    gathered: list[Value] = field(default_factory=list)
    whole: set[Value] = field(default_factory=set)

    def axes(self) -> list[int]:
        """The axes that a loop goes over; those of size 1 need none."""
        return long_axes(self.shape)


Step = Value | Nest


def computed(step: Step) -> list[Value]:
    """What a step computes, in order."""
    return [*step.members, *step.gathered] if isinstance(step, Nest) else [step]


def long_axes(shape: Sequence[int]) -> list[int]:
    return [i for i, n in enumerate(shape) if n != 1]


def seen(x: Value) -> Value:
    """What an entry is read from: a broadcast is never made, only looked through."""
    return seen(x.args[0]) if x.op == "broadcast" else x


def operands(value: Value) -> list[Value]:
    """What has to be there for a value."""
    if value.op in ELEMENTWISE or value.op == "broadcast":
        return [seen(a) for a in value.args]
    return list(value.args)


def ordered(roots: Sequence[Value]) -> list[Value]:
    """Everything that has to be computed, operands first: broadcasts only where they are needed as arrays."""
    return order(roots, operands)


def is_member(value: Value) -> bool:
    """Whether a value is an array that is computed entry by entry."""
    if value.size == 1:
        return False
    if value.op == "matmul":
        return short_product(value)
    return value.op in ELEMENTWISE or (value.op == "broadcast" and value.literal is None)


def short_product(value: Value) -> bool:
    """A matrix product with so few terms that they are written out."""
    x, y = value.args
    return len(x.shape) <= 2 and len(y.shape) <= 2 and 0 < x.shape[-1] <= MOST_TERMS


def nested(values: Sequence[Value], kept: set[Value]) -> list[Step]:
    """The values in an order in which nests stand as one step each; `kept` are needed after all of them."""
    stage: dict[Value, int] = {}
    ready: dict[Value, int] = {}  # the first stage at which it is there for others
    home: dict[Value, Nest] = {}
    nests: dict[tuple[Shape, int], Nest] = {}
    plain: list[Value] = []
    gathered: set[Value] = set()
    for value in values:
        args = operands(value)
        source = gathers_from(value, home, ready, stage)
        if source is None and is_member(value):
            own = [
                (stage[a] if value.op in ELEMENTWISE and a.shape == value.shape and ready[a] > stage[a] and a not in gathered else ready[a])
                for a in args if a in ready
            ]  # fmt: skip
            stage[value] = max(own, default=0)
            ready[value] = stage[value] + 1
            key = value.shape, stage[value]
            home[value] = nests.setdefault(key, Nest(value.shape))
            home[value].members.append(value)
            continue
        if source is not None:
            stage[value], ready[value] = stage[source], stage[source] + 1
            home[value] = home[source]
            home[value].gathered.append(value)
            gathered.add(value)
        else:
            stage[value] = ready[value] = max((ready[a] for a in args if a in ready), default=0)
            plain.append(value)
    nests = _as_late_as_possible(values, stage, home, gathered, kept)
    computed = {v for nest in nests.values() for v in nest.members}
    for value in values:
        for arg in operands(value):
            if arg in computed:
                nest = home[arg]
                inside = home.get(value) is nest and (
                    (value.op in ELEMENTWISE and arg.shape == value.shape)
                    or (value in gathered and gathered_operand(value, nest) is arg)
                )
                if not inside:
                    nest.whole.add(arg)
    for nest in nests.values():
        nest.whole |= {v for v in nest.members if v in kept}
    last = max(stage.values(), default=0)
    by_stage: list[list[Step]] = [[] for _ in range(last + 1)]
    for value in plain:
        by_stage[stage[value]].append(value)
    for (_, number), nest in nests.items():
        by_stage[number].append(nest)
    return [step for steps in by_stage for step in steps]


def _as_late_as_possible(
    values: Sequence[Value],
    stage: dict[Value, int],
    home: dict[Value, Nest],
    gathered: set[Value],
    kept: set[Value],
) -> dict[tuple[Shape, int], Nest]:
    """The nests anew, with what is needed in a later loop only computed there: it need not be stored in between."""
    used: dict[Value, list[Value]] = {}
    for value in values:
        for arg in operands(value):
            used.setdefault(arg, []).append(value)
    for value in reversed(values):
        users = used.get(value, [])
        if value in home and value not in gathered and value not in kept and users:
            if all(
                u in home and u not in gathered and u.op in ELEMENTWISE and u.shape == value.shape
                for u in users
            ):
                stage[value] = min(stage[u] for u in users)
    found: dict[tuple[Shape, int], Nest] = {}
    for value in values:
        if value in home:
            shape = home[value].shape
            nest = home[value] = found.setdefault((shape, stage[value]), Nest(shape))
            (nest.gathered if value in gathered else nest.members).append(value)
    return found


def gathers_from(
    value: Value, home: dict[Value, Nest], ready: dict[Value, int], stage: dict[Value, int]
) -> Value | None:
    """The member whose loop can gather a sum, an extreme or a product as it goes; None where none can."""
    if value.op in ("sum", "max", "min"):
        x = value.args[0]
        if x not in home or x.shape != home[x].shape or x not in home[x].members:
            return None
        axes = long_axes(x.shape)
        over = [i for i in value.params if i in axes]
        return x if over == axes or over == axes[-1:] else None
    if value.op == "matmul" and all(len(a.shape) <= 2 for a in value.args):
        members = [a for a in value.args if a in home and a in home[a].members]
        for x in sorted(set(members), key=lambda a: -stage[a]):
            for number, one in enumerate(value.args):
                other = value.args[1 - number]
                fits = one is x and contracts_last(value, number)
                if fits and (other not in ready or ready[other] <= stage[x]):
                    return x
    return None


def contracts_last(value: Value, number: int) -> bool:
    """Whether a product sums over the innermost loop of its operand, to few enough results for each row."""
    x, other = value.args[number], value.args[1 - number]
    axes = long_axes(x.shape)
    if not x.size:
        return False
    inner = len(x.shape) - 1 if number == 0 else max(len(x.shape) - 2, 0)
    beside = value.size // max(1, x.size // x.shape[inner])
    if other.literal is not None and other.size > 1:
        return False
    return axes[-1:] == [inner] and 0 < beside <= MOST_TERMS


def gathered_operand(value: Value, nest: Nest) -> Value:
    """The operand of something gathered that is a member of the nest."""
    if value.op != "matmul":
        return value.args[0]
    inside = set(nest.members)
    for number, x in enumerate(value.args):
        if x in inside and contracts_last(value, number):
            return x
    raise AssertionError(value)
