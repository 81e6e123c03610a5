"""Recomputing: what lies before a checkpoint is computed again on the way back instead of being kept.

The pass gives the way back copies of the forward values it needs, made from the checkpoints. Each copy waits for the
gradient that arrives at
the end of its segment (through a gate, a view that computes nothing), so that no schedule makes it before it is due; and the
allocator frees the original as soon as the way forward has done with it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from cgraph.compile.ir import LEAVES, Value, is_number, order
from cgraph.compile.ir.builder import Builder
from cgraph.compile.passes.algebra import factored
from cgraph.node import Node


def recomputed(
    b: Builder,
    forward: Sequence[Value],
    backward: Sequence[Value],
    arriving: Mapping[Value, Value],
) -> list[Value]:
    """The roots of the way back, on copies of everything that lies before a checkpoint.

    Args:
        forward, backward: the roots of both ways.
        arriving: the gradient that arrives at each checkpoint, where one does.
    """
    ways = order(forward)
    marks = [v for v in ways if v in b.boundaries]
    if not marks or not backward:
        return list(backward)
    ahead = set(ways)
    segment: dict[Value, Value] = {}
    for mark in marks:
        for value in order([mark]):
            if value not in b.boundaries and value.op not in LEAVES and not is_number(value):
                segment.setdefault(value, mark)
    for value in _read_on_the_way(marks, segment, ahead, arriving):
        del segment[value]
    new: dict[Value, Value] = {}
    # Parents first, as everywhere; but a copy also comes after the gradient it waits for.
    stack = list(reversed(backward))
    while stack:
        value = stack[-1]
        if value in new:
            stack.pop()
            continue
        if value in ahead and value not in segment:
            new[value] = value
            continue
        gradient = arriving.get(segment[value]) if value in ahead else None
        needed = [*value.args, *([gradient] if gradient is not None else [])]
        missing = [a for a in needed if a not in new]
        if missing:
            stack += reversed(missing)
            continue
        args = [new[a] for a in value.args]
        if value in ahead:
            gate = new[gradient] if gradient is not None else None
            args = [
                x if a in segment else _gated(x, gate)
                for a, x in zip(value.args, args, strict=True)
            ]
            new[value] = _copy(value, args)
        else:
            same = all(x is y for x, y in zip(args, value.args, strict=True))
            new[value] = value if same else _copy(value, args)
    return [new[root] for root in backward]


def _read_on_the_way(
    marks: Sequence[Value],
    segment: Mapping[Value, Value],
    ahead: Collection[Value],
    arriving: Mapping[Value, Value],
) -> list[Value]:
    """What a connection past a mark leads to: the gradient that arrives at the mark needs it, so that it cannot wait for that gradient.

    It is kept, not recomputed.
    """
    position = {mark: i for i, mark in enumerate(marks)}
    seen: set[Value] = set()
    kept = []
    for mark in reversed(marks):  # the way back; what one mark's way has passed is not passed again
        stack = [arriving[mark]] if mark in arriving else []
        while stack:
            value = stack.pop()
            if value in seen:
                continue
            seen.add(value)
            if value in segment and position[segment[value]] <= position[mark]:
                kept.append(value)
            elif value in segment or value not in ahead:  # computed on the way back, from these
                stack += value.args
    return kept


def arriving_at(
    marks: Collection[Value], values: Mapping[Node, Value], cotangents: Mapping[Node, Node]
) -> dict[Value, Value]:
    """The gradient that arrives at each mark, given which node is the gradient of which."""
    return {
        values[target]: factored(values[node])[0]
        for node, target in cotangents.items()
        if node in values and values.get(target) in marks
    }


def _gated(value: Value, gate: Value | None) -> Value:
    """The value itself, to be had only after the gate."""
    if gate is None or value.literal is not None or value.op == "constant" or is_number(value):
        return value
    return Value("reshape", (value, gate), None, value.shape, value.dtype)


def _copy(value: Value, args: list[Value]) -> Value:
    """A value of its own, which the builder does not know and so cannot merge with the original."""
    found = Value(value.op, tuple(args), value.params, value.shape, value.dtype)
    found.take_over(value)
    return found
