"""How a nest is written for numba: its loops, and in them everything that is done for an entry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cgraph.compile.emit.numba_writer import BLOCK, Writer, blocks, gathered, last_of, loops
from cgraph.compile.emit.numbers import ATOM
from cgraph.compile.ir import Value
from cgraph.compile.passes.nests import Nest, gathered_operand, seen


def write_nest(w: Writer, nest: Nest) -> None:
    """Write the loops of a nest; what it gathers goes from there to where it belongs."""
    axes = nest.axes()
    index, heads = loops(nest.shape)
    inner, n = index[axes[-1]], nest.shape[axes[-1]]
    long = len(axes) == 1 and n > 4 * BLOCK and bool(nest.gathered)
    # The loops in pieces, each with what stands around the innermost: blocks of one length, and what is left over.
    pieces = blocks(inner, n) if long else [(heads[:-1], heads[-1])]
    deep = long or len(heads) > 1
    totals = [v for v in nest.gathered if _is_total(v, nest)]
    rows = [v for v in nest.gathered if v not in totals]
    parts: dict[Value, list[str]] = {}
    outer: dict[Value, list[str]] = {}
    for value in nest.gathered:
        name = w.name(value)
        plain = value.size == 1 and not (deep and value in totals)
        names = [name] if plain else [
            w.names.fresh(f"{name}_{c}") for c in range(_beside(value, nest))
        ]  # fmt: skip
        parts[value] = names
        if value in totals and deep:
            outer[value] = [name] if value.size == 1 else [w.names.fresh(f"{n}_all") for n in names]
            for name in outer[value]:
                w.say(f"{name} = {w.beginning(value)}")
    for around, innermost in pieces:
        with w.under(*around):
            for value in nest.gathered:
                for name in parts[value]:
                    w.say(f"{name} = {w.beginning(value)}")
            with w.under(innermost):
                _write_body(w, nest, index, parts)
            for value in totals if deep else []:
                for name, part in zip(outer[value], parts[value], strict=True):
                    w.say(f"{name} = {gathered(value, name, part)}")
            for value in rows:
                _store(w, value, nest, index, parts[value])
    for value in totals:
        _store(w, value, nest, index, outer.get(value, parts[value]))
    for value in nest.members:
        w.expressions.pop(value, None)


def _write_body(
    w: Writer, nest: Nest, index: Sequence[str], parts: Mapping[Value, list[str]]
) -> None:
    """What is done for one entry; `parts` are the names of what is gathered."""
    inside = {seen(a) for v in nest.members for a in v.args} | {
        gathered_operand(v, nest) for v in nest.gathered
    }
    for value in nest.members:
        text, binding = w.expression(value, index)
        if value in w.inline:
            w.expressions[value] = text, binding
            continue
        name = w.name(value)
        place = f"{w.place_of(value)}[{last_of(value, index)}]"
        if value in nest.whole and value not in inside:
            w.say(f"{place} = {text}", value)
        elif value in nest.whole:
            local = w.names.fresh(f"{name}_{''.join(i for i in index if i != '0')}")
            w.say(f"{local} = {text}", value)
            w.say(f"{place} = {local}")
            w.expressions[value] = local, ATOM
        else:
            w.say(f"{name} = {text}", value)
            w.expressions[value] = name, ATOM
    inner = index[nest.axes()[-1]]
    for value in nest.gathered:
        x = gathered_operand(value, nest)
        one = w.expressions[x][0]
        for c, name in enumerate(parts[value]):
            term = one
            if value.op == "matmul":
                other = value.args[1] if value.args[0] is x else value.args[0]
                at = [inner] if len(other.shape) == 1 else [inner, str(c)]
                term = f"{one} * {w.entry(other, at if value.args[0] is x else at[::-1])[0]}"
            w.say(f"{name} = {gathered(value, name, term)}")


def _is_total(value: Value, nest: Nest) -> bool:
    """Whether a value is gathered from all entries, rather than from each row."""
    axes = nest.axes()
    if value.op == "matmul":
        return len(axes) == 1
    return [i for i in value.params if i in axes] == axes


def _beside(value: Value, nest: Nest) -> int:
    """How many results there are for each row."""
    if value.op != "matmul":
        return 1
    x = gathered_operand(value, nest)
    inner = len(x.shape) - 1 if value.args[0] is x else max(len(x.shape) - 2, 0)
    return value.size // (x.size // x.shape[inner])


def _store(w: Writer, value: Value, nest: Nest, index: Sequence[str], names: Sequence[str]) -> None:
    """Put what was gathered into its array."""
    if value.size == 1:
        return
    x = gathered_operand(value, nest)
    for c, name in enumerate(names):
        if value.op != "matmul":
            at = [i for k, i in enumerate(index) if k not in value.params]
        elif value.args[0] is x:
            at = [*index[:-1], str(c)][-len(value.shape) :]
        else:
            at = [str(c), *index[1:]][: len(value.shape)]
        place = f"{w.place_of(value)}[{last_of(value, at)}]"
        w.say(f"{place} = {name}", value if c == 0 else None)
