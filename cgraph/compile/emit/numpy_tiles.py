"""How a group of operations is written as a loop over pieces: a function of one piece, and a call that runs it over all of them.

Inside the function the statements are those that the emitter writes anyway; only the names are others: slices for what
is an array, and a few
buffers, used again and again, for everything between.
"""

from __future__ import annotations

from typing import Any

from cgraph.compile.ir import DType, Value, is_number
from cgraph.compile.passes.tiles import Group, piece, slots, slow_with_number
from cgraph.compile.running.pieces import Pieces


def filled(group: Group) -> list[tuple[float, DType]]:
    """The numbers that operations of a group want as whole pieces."""
    return list(
        dict.fromkeys(
            (a.literal, a.dtype)
            for v in group.members
            if slow_with_number(v)
            for a in v.args
            if a.literal is not None
        )
    )


def write_group(emitter: Any, group: Group, threads: int) -> None:
    """Write a group with the emitter's own statements."""
    buffers, kinds = slots(group)
    numbers = filled(group)
    step = piece(group, threads)
    shape = group.shape
    key = "" if group.flat or group.first else "..., "
    piece_shape = (
        (step,) if group.flat else (step, *shape[1:]) if group.first else (*shape[:-1], step)
    )
    function = emitter.names.fresh("tile")
    names = [
        emitter.names.fresh("abcdefgh"[i] if i < 8 else f"buffer{i}") for i in range(len(kinds))
    ]
    emitter.filled = {(n, d): emitter.names.fresh(_called(n)) for n, d in numbers}
    before = dict(emitter.named)
    cuts = []
    for value in [*group.inputs(), *group.whole]:
        cut = _cut(emitter, value, group)
        if cut is not None:
            cuts.append(cut)
    for value, number in buffers.items():
        emitter.named[value] = names[number]
    start = len(emitter.body)
    for value in group.members:
        emitter.statement(value)
    inner = emitter.body[start:]
    del emitter.body[start:]
    names += emitter.filled.values()
    emitter.filled = {}
    sums = [
        f"add.reduce({emitter.named[v.args[0]]}{'' if group.flat else ', None'})"
        for v in group.sums
    ]
    emitter.named = {**emitter.named, **before}
    for value in buffers:
        emitter.named[value] = before.get(value, emitter.named[value])

    def say(text: str, value: Value | None = None) -> None:
        emitter.body.append((text, value))

    say(f"def {function}(start, stop, buffers):")
    if names:
        comma = "," * (len(names) == 1)
        say(
            f"    {', '.join(names)}{comma} = buffers if stop - start == {step} else [b[{key}: stop - start] for b in buffers]"
        )
    for text in cuts:
        say(f"    {text}")
    for text, value in inner:
        say(f"    {text}", value)
    if sums:
        say(f"    return {', '.join(sums)}{',' * (len(sums) == 1)}")
    pieces = emitter.names.fresh("in_pieces")
    specs: list[tuple[Any, Any, float | None]] = [(piece_shape, k.dtype, None) for k in kinds]
    specs += [(piece_shape, dtype, number) for number, dtype in numbers]
    emitter.out.namespace[pieces] = Pieces(group.length, step, specs, len(sums), threads)
    emitter.out.groups.append((group, step, len(specs)))
    results = [
        emitter.names.fresh("total") if not is_number(v) else emitter.named[v] for v in group.sums
    ]
    call = f"{pieces}({function})"
    say(f"{', '.join(results)}{',' * (len(results) == 1)} = {call}" if results else call)
    for value, name in zip(group.sums, results, strict=True):
        if is_number(value):
            say(f"{name} = float({name})", value)
        else:
            say(f"copyto({emitter.named[value]}, {name}, 'same_kind')", value)


def _called(number: float) -> str:
    """What a piece full of a number is called."""
    return {0.0: "zeros", 1.0: "ones"}.get(number) or f"all_{number:g}".replace(
        "-", "minus_"
    ).replace("+", "")


def _cut(emitter: Any, value: Value, group: Group) -> str | None:
    """The slice of an array that belongs to a piece; None for one that every piece needs whole."""
    name = emitter.ref(value)
    key = "start:stop" if group.flat or group.first else "..., start:stop"
    if not group.flat:
        axis = 0 if group.first else -1
        if len(value.shape) < (len(group.shape) if group.first else 1):
            return None
        if value.shape[axis] != group.shape[axis]:
            return None
    local = emitter.names.fresh(f"{name}_")
    source = name if len(value.shape) == 1 or not group.flat else f"{name}.reshape(-1)"
    emitter.named[value] = local
    return f"{local} = {source}[{key}]"
