"""The numba backend: a whole program as loops over numbers in one compiled function.

It gets the same representation as the NumPy backend and writes it the other way round: not one statement for whole arrays, but
one loop for everything that can be done with an entry (`nests`). What has one entry is a number, of whatever dtype. Large
matrix products are BLAS's; rows that nothing is a primitive for are called as they are, in Python, from inside.

Here a program is put together; `numba_loop` does it for a training. What stands in it is written by `numba_nests` (loops), by
`numba_arrays` (everything else) and, below both, by `numba_writer` (names, lines, expressions).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from cgraph.compile.emit.numba_arrays import STATEMENTS, call
from cgraph.compile.emit.numba_nests import write_nest
from cgraph.compile.emit.numba_writer import ONCE, Writer, only
from cgraph.compile.emit.numpy import Emitted
from cgraph.compile.ir import ELEMENTWISE, VIEWS, Graph, Value, is_number
from cgraph.compile.passes.allocate import allocate
from cgraph.compile.passes.nests import Nest, Step, computed, nested, ordered, seen
from cgraph.compile.running.numba_runtime import Row, compiled
from cgraph.compile.running.runtime import Call

MOST_INLINE = 6  # operations in one expression


@dataclass
class Kernel(Emitted):
    """Source of a function ``kernel``, and what its arguments are.

    Attributes:
        kinds: for each argument "number" or "count", or (dtype, number of axes, whether it is written to).
        constants: arrays that never change, which come after the buffers.
    """

    kinds: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)

    def function(self, make: Any, *rest: Any) -> Any:
        """What calls the kernel, compiled: `make` is `numba_runtime.program` or `training`."""
        return make(compiled(self.source, self.namespace, self.kinds), self.constants, *rest)


class NumbaEmitter:
    """Writes ``kernel(<arguments>, <buffers>, <constants>, <outputs>)``."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.writer = Writer()
        self.out = Kernel()
        self.buffers: list[Value] = []

    def emit(self, title: str) -> Kernel:
        w, outputs = self.writer, self.graph.outputs
        values = [v for v in ordered(outputs) if v.op not in ("argument", "literal")]
        steps = nested(values, {seen(v) for v in outputs} | set(outputs))
        self.out.written = [not is_number(v) for v in outputs]
        self.name_arguments(self.graph.arguments)
        places: dict[int, str] = {}
        direct: set[Value] = set()
        for k, (value, name, written) in enumerate(
            zip(outputs, self.graph.names, self.out.written, strict=True)
        ):
            if not written:
                continue
            if _owned(value) and value not in direct:
                direct.add(value)
                places[k] = w.name(value)
            else:
                places[k] = w.names.fresh(f"{value.label or name}_out")
        self.lay_out(steps, direct, outputs)
        w.inline = used_once([steps], set(outputs))
        self.head(self.graph.arguments)
        self.write(steps)
        results = []
        for k, value in enumerate(outputs):
            if k not in places:
                results.append(w.number(value))
            elif value not in direct or places[k] != w.named.get(value):
                self.copy_to(places[k], value)
        w.say(
            f"return ({', '.join(results)}{',' * (len(results) == 1)})" if results else "return ()"
        )
        given = [(w.given[v], kind(v)) for v in self.graph.arguments]
        self.assemble(title, given, [(name, kind(outputs[k], True)) for k, name in places.items()])
        return self.out

    def assemble(
        self, title: str, first: Sequence[tuple[str, Any]], last: Sequence[tuple[str, Any]] = ()
    ) -> None:
        """The function, with what stands before its buffers and constants, and after them: (name, kind)."""
        w = self.writer
        own = [(w.named[v], array_kind(v, True)) for v in self.buffers]
        fixed = [(name, (a.dtype, a.ndim, True)) for name, a in w.constants.items()]
        arguments = [*first, *own, *fixed, *last]
        head = [f"def kernel({', '.join(name for name, _ in arguments)}):"]
        head += [f'    """{title}"""'] if title else []
        self.out.source = "\n".join([*head, *w.lines]) + "\n"
        self.out.kinds = [kind for _, kind in arguments]
        self.out.constants = list(w.constants.values())
        self.out.named = w.named

    # --- where values live ------------------------------------------------------------------------

    def lay_out(
        self, steps: Sequence[Step], elsewhere: Iterable[Value], kept: Sequence[Value]
    ) -> None:
        """Memory for arrays; what exists inside of a loop only needs none."""
        passing = {v for s in steps if isinstance(s, Nest) for v in s.members if v not in s.whole}
        placed = set(elsewhere)

        def owned(value: Value) -> bool:
            return _owned(value) and value not in passing and value not in placed

        lists = [computed(s) for s in steps]
        layout = self.out.allocation = allocate(lists, owned, [*kept, *map(seen, kept)])
        self.out.passing = passing
        for value in (v for step in lists for v in step if owned(v)):
            self.buffers.append(value)
            offset = layout.offsets[value]
            self.out.memory.buffer(self.writer.name(value), offset, value.shape, value.dtype)
        self.out.memory.size = layout.size

    def name_arguments(self, arguments: Sequence[Value]) -> None:
        """Names for what comes in: arrays, and the numbers in arrays of one entry."""
        w = self.writer
        for value in arguments:
            name = w.name(value, value.label or "x")
            w.given[value] = w.names.fresh(f"{name}_array") if self.holds_number(value) else name

    def holds_number(self, value: Value) -> bool:
        """Whether an argument is an array of which the program uses the only entry."""
        return value.size == 1 and not is_number(value)

    def taken_apart(self, value: Value) -> list[tuple[Value, str]]:
        """The numbers in an argument, with where they lie; none where it is used as an array."""
        name = self.writer.given[value]
        return [(value, f"{name}[{only(value)}]")] if name != self.writer.named[value] else []

    def head(self, arguments: Sequence[Value]) -> None:
        """The lines that take the numbers out of the arguments."""
        for value in arguments:
            parts = self.taken_apart(value)
            if parts:
                names = ", ".join(self.writer.name(entry, entry.label) for entry, _ in parts)
                self.writer.say(f"{names} = {', '.join(place for _, place in parts)}")

    # --- steps ------------------------------------------------------------------------------------

    def write(self, steps: Sequence[Step]) -> None:
        """One step after the other."""
        w = self.writer
        for step in steps:
            if isinstance(step, Nest):
                write_nest(w, step)
            elif step.op == "constant" or step.literal is not None:
                continue
            elif step.op == "call":
                op, numbers, params = step.params
                row = Call(op, params, step.shape, step.dtype, step.origin)
                function = w.names.fresh(f"call_{op.name}")
                shapes = [(a.shape, a.dtype) for a in step.args]
                self.out.namespace[function] = Row(row, numbers, shapes)
                call(w, step, function)
            elif step.op in ELEMENTWISE and step.size == 1:
                text, binding = w.expression(step, ())
                if step in w.inline:
                    w.expressions[step] = text, binding
                else:
                    w.say(f"{w.name(step)} = {text}", step)
            else:
                STATEMENTS[step.op](w, step)

    def copy_to(self, place: str, value: Value) -> None:
        """An output that lies elsewhere, or is a number."""
        self.writer.fill(value.shape, place, lambda index: self.writer.entry(value, index)[0])


def used_once(parts: Sequence[Sequence[Step]], kept: set[Value]) -> set[Value]:
    """What is written into the expression that uses it: it has no name, and is used once, in the same loop or part."""
    used: dict[Value, list[Value]] = {}
    place: dict[Value, Any] = {}
    for number, part in enumerate(parts):
        for step in part:
            for value in step.members if isinstance(step, Nest) else [step]:
                place[value] = step if isinstance(step, Nest) else number
            for value in computed(step):
                for arg in value.args:
                    used.setdefault(seen(arg), []).append(value)
    size: dict[Value, int] = {}
    inline: set[Value] = set()
    for value in place:
        size[value] = 1 + sum(size.get(seen(a), 1) for a in value.args if seen(a) in inline)
        users = used.get(value, [])
        if value in kept or value.label or len(users) != 1 or size[value] > MOST_INLINE:
            continue
        user = users[0]
        if value.op not in ELEMENTWISE or user.op not in ELEMENTWISE or user.op not in ONCE:
            continue
        nest = place[value]
        if place.get(user) is not nest or (isinstance(nest, Nest) and value in nest.whole):
            continue
        if isinstance(nest, Nest) or value.size == 1:
            inline.add(value)
    return inline


def _owned(value: Value) -> bool:
    """Whether the value is an array in memory that the program writes to."""
    if value.size == 1 or value.op in ("argument", "constant", "literal", "call", *VIEWS):
        return False
    return value.op != "broadcast" or value.literal is None


def array_kind(value: Value, written: bool = False) -> Any:
    """The kind of an argument that is an array."""
    return value.dtype, len(value.shape), written


def kind(value: Value, written: bool = False) -> Any:
    """The kind of an argument."""
    return "number" if is_number(value) else array_kind(value, written)
