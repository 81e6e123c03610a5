"""The numba backend: whole programs, and trainings with their loop, as loops over numbers in one compiled function.

It gets the same representation as the NumPy backend and writes it the other way round: not one statement for whole arrays, but
one loop for everything that can be done with an entry (`nests`). What has one entry is a number, of whatever dtype. Large
matrix products are BLAS's; rows that nothing is a primitive for are called as they are, in Python, from inside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cgraph.compile.emit.names import SHORT, Names
from cgraph.compile.emit.numbers import ATOM, BINDING, TEMPLATES, WITH_LITERAL, spelled
from cgraph.compile.emit.numpy import Emitted, key_text
from cgraph.compile.ir import ELEMENTWISE, VIEWS, Graph, Value, is_number
from cgraph.compile.ir.builder import thawed
from cgraph.compile.loop import Loop, Sections, sections
from cgraph.compile.passes.allocate import allocate
from cgraph.compile.passes.nests import (
    Nest,
    Step,
    gathered_operand,
    long_axes,
    nested,
    operands,
    ordered,
    seen,
    short_product,
)
from cgraph.compile.running.numba_runtime import Row, compiled
from cgraph.compile.running.runtime import Call

INDICES = "ijklpqrs"
# Multiplications up to which a product is a loop of its own rather than a call of BLAS.
MOST_MULTIPLIED = 4096
# Entries that are summed in one go; more are summed in blocks, so that rounding errors do not pile up.
BLOCK = 1024
MOST_INLINE = 6
# Functions that come in a form for vectors, and entries from which on that is faster than libm's, which is quicker with a single number.
VECTORS = ("exp", "expm1", "log", "log1p", "tanh", "cosh")
LEAST_VECTOR = 16

WORDS: dict[str, str] = {
    **{op: text for op, text in TEMPLATES.items()},
    **{op: f"{op}({{0}})" for op in VECTORS},
    **{op: f"numpy.{op}({{0}})" for op in ("floor", "ceil", "trunc", "rint", "log2", "log10", "exp2", "cbrt", "sign")},
    **{op: f"numpy.{op}({{0}})" for op in ("arcsinh", "arccosh", "arctanh", "isinf")},
    **{op: f"numpy.{op}({{0}}, {{1}})" for op in ("fmax", "fmod", "remainder", "hypot", "arctan2")},
    "reciprocal": "{one} / {0}",
    "logical_and": "{0} & {1}",
    "logical_or": "{0} | {1}",
    "logical_not": "not {0}",
    "cast": "{dtype}({0})",
}  # fmt: skip


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
    """Writes ``kernel(<arguments>, <buffers>, <constants>, <outputs>)``, or the same for a loop of training."""

    def __init__(self, graph: Graph, loop: Loop | None = None) -> None:
        self.graph = graph
        self.loop = loop
        self.names = Names()
        for taken in ("kernel", "plus", "gather", *INDICES, "float32", "float64", "numpy", "start", "objmode"):  # fmt: skip
            self.names.fresh(taken)
        self.named: dict[Value, str] = {}
        self.out = Kernel()
        self.lines: list[str] = []
        self.indent = 1
        self.inline: set[Value] = set()
        self.expressions: dict[Value, tuple[str, int]] = {}
        self.over: dict[
            Value, Value
        ] = {}  # what becomes of a state -> the state it is written over
        self.buffers: list[Value] = []
        self.constants: dict[str, Any] = {}

    # --- the whole --------------------------------------------------------------------------------

    def emit(self, title: str) -> Kernel:
        """A program."""
        outputs = self.graph.outputs
        values = [v for v in ordered(outputs) if v.op not in ("argument", "literal")]
        steps = nested(values, {seen(v) for v in outputs} | set(outputs))
        self.out.written = [not is_number(v) for v in outputs]
        self._name_arguments(self.graph.arguments)
        places: dict[int, str] = {}
        direct: set[Value] = set()
        for k, (value, name, written) in enumerate(
            zip(outputs, self.graph.names, self.out.written, strict=True)
        ):
            if not written:
                continue
            if self._owned(value) and value not in direct:
                direct.add(value)
                places[k] = self._name(value)
            else:
                places[k] = self.names.fresh(f"{value.label or name}_out")
        self._lay_out(steps, direct, outputs)
        self._choose_inline(steps, set(outputs), [steps])
        self._head(self.graph.arguments)
        self._steps(steps)
        results = []
        for k, value in enumerate(outputs):
            if k not in places:
                results.append(self._number(value))
            elif value not in direct or places[k] != self.named.get(value):
                self._copy_to(places[k], value)
        self._say(
            f"return ({', '.join(results)}{',' * (len(results) == 1)})" if results else "return ()"
        )
        arguments = [self.given[v] for v in self.graph.arguments]
        own = [self.named[v] for v in self.buffers]
        self._assemble([*arguments, *own, *self.constants, *places.values()], title)
        kinds = [_kind(v, False) for v in self.graph.arguments]
        self._describe([*kinds, *self._own_kinds(), *(_kind(outputs[k], True) for k in places)])
        return self.out

    def emit_loop(self, title: str) -> Kernel:
        """A training loop."""
        loop = self.loop
        assert loop is not None
        parts = sections(loop)
        arguments = [*loop.data, *loop.state, loop.step]
        self._name_arguments(arguments)
        found = self._sections(parts)
        state = dict(zip(loop.flat_state(), loop.following, strict=True))
        self._write_over(found[-1], [s for part in found for s in part], state)
        every = [s for part in found for s in part]
        later = [a for part in found[1:] for s in part for a in _read(s)]
        self._lay_out(every, set(self.over), [*later, *loop.roots()])
        self._choose_inline(every, set(loop.roots()), found)
        self._head([*loop.data, *loop.state])
        once, rounds, report, last = found
        if once:
            self._say("# what depends on the data alone")
            self._steps(once)
        self._say("for epoch in range(epochs):")
        self.indent += 1
        if any(loop.step in v.args for v in self.graph.order()):
            self._say(f"{self._name(loop.step)} += 1.0")
        self._steps(rounds)
        self._say("if epoch % every == 0:")
        self.indent += 1
        self._steps(report)
        self._say(f"costs[epoch // every] = {self._number(loop.loss)}")
        self.indent -= 1
        if last:
            self._say("# the update")
        self._steps(last)
        self._carry(state)
        self.indent -= 1
        for value in loop.state:
            for entry, place in self._taken_apart(value):
                self._say(f"{place} = {self.named[entry]}")
        given = [self.given[v] for v in [*loop.data, *loop.state]]
        own = [self.named[v] for v in self.buffers]
        step = self._name(loop.step)
        self._assemble([*given, step, "epochs", "every", "costs", *own, *self.constants], title)
        kinds = [
            *(_array_kind(v, False) for v in loop.data),
            *(_array_kind(v, True) for v in loop.state),
        ]
        costs = np.dtype(np.float64), 1, True
        self._describe([*kinds, "number", "count", "count", costs, *self._own_kinds()])
        return self.out

    def _own_kinds(self) -> list[Any]:
        """Buffers and constants."""
        fixed = [(a.dtype, a.ndim, True) for a in self.constants.values()]
        return [*(_array_kind(v, True) for v in self.buffers), *fixed]

    def _describe(self, kinds: list[Any]) -> None:
        self.out.kinds, self.out.constants = kinds, list(self.constants.values())

    def _sections(self, parts: Sections) -> list[list[Step]]:
        """The steps of each section: without the broadcasts that nobody needs as arrays."""
        assert self.loop is not None
        needed = set(ordered(self.loop.roots()))
        # What the loss has no part in waits until it is reported, and is written over the state right where it is computed.
        reported = set(ordered([self.loop.loss]))
        shared = [v for v in parts.rounds if v in reported]
        update = [*(v for v in parts.rounds if v not in reported), *parts.last]
        lists = [
            [v for v in part if v in needed] for part in (parts.once, shared, parts.report, update)
        ]
        roots = set(self.loop.roots())
        found = []
        for i, part in enumerate(lists):
            later = {a for other in lists[i + 1 :] for v in other for a in operands(v)}
            found.append(nested(part, later | roots))
        return found

    def _assemble(self, arguments: Sequence[str], title: str) -> None:
        head = [f"def kernel({', '.join(arguments)}):"]
        head += [f'    """{title}"""'] if title else []
        self.out.source = "\n".join([*head, *self.lines]) + "\n"
        self.out.named = self.named

    # --- where values live ------------------------------------------------------------------------

    @staticmethod
    def _owned(value: Value) -> bool:
        """Whether the value is an array in memory that the program writes to."""
        if value.size == 1 or value.op in ("argument", "constant", "literal", "call", *VIEWS):
            return False
        return value.op != "broadcast" or value.literal is None

    def _lay_out(
        self, steps: Sequence[Step], elsewhere: Iterable[Value], kept: Sequence[Value]
    ) -> None:
        """Memory for arrays; what exists inside of a loop only needs none."""
        passing = {v for s in steps if isinstance(s, Nest) for v in s.members if v not in s.whole}
        placed = set(elsewhere)

        def owned(value: Value) -> bool:
            return self._owned(value) and value not in passing and value not in placed

        lists = [[*s.members, *s.gathered] if isinstance(s, Nest) else [s] for s in steps]
        layout = self.out.allocation = allocate(lists, owned, [*kept, *map(seen, kept)])
        self.out.passing = passing
        for step in lists:
            for value in step:
                if owned(value):
                    name = self._name(value)
                    self.buffers.append(value)
                    self.out.memory.buffer(name, layout.offsets[value], value.shape, value.dtype)
        self.out.memory.size = layout.size

    def _name(self, value: Value, wish: str = "") -> str:
        found = self.named.get(value)
        if found is None:
            short = value.op if value.op in ("sum", "max", "min") else SHORT.get(value.op, "t")
            found = self.named[value] = self.names.fresh(wish or value.label or short)
        return found

    def _name_arguments(self, arguments: Sequence[Value]) -> None:
        """Names for what comes in: arrays, and the numbers in arrays of one entry."""
        self.given: dict[Value, str] = {}
        state = set(self.loop.state) if self.loop is not None else set()
        data = set(self.loop.data) if self.loop is not None else set()
        for value in arguments:
            name = self._name(value, value.label or "x")
            taken = self.loop is not None and value in self.loop.entries
            if (
                not taken
                and value.size == 1
                and (not is_number(value) or value in state or value in data)
            ):
                name = self.names.fresh(f"{name}_array")
            self.given[value] = name

    def _head(self, arguments: Sequence[Value]) -> None:
        for value in arguments:
            parts = self._taken_apart(value)
            if parts:
                names = ", ".join(self._name(entry, entry.label) for entry, _ in parts)
                self._say(f"{names} = {', '.join(place for _, place in parts)}")

    def _taken_apart(self, value: Value) -> list[tuple[Value, str]]:
        """The numbers in an argument, with where they lie; none where it is used as an array."""
        name = self.given[value]
        if self.loop is not None and value in self.loop.entries:
            found = np.ndenumerate(self.loop.entries[value])
            return [(entry, f"{name}[{', '.join(map(str, at)) or '()'}]") for at, entry in found]
        return [(value, f"{name}[{_origin(value)}]")] if name != self.named[value] else []

    # --- writing ----------------------------------------------------------------------------------

    def _say(self, text: str, value: Value | None = None) -> None:
        remark = value.remark if value is not None else ""
        line = "    " * self.indent + text
        self.lines.append(f"{line:<52}  # {remark}" if remark else line)

    def _literal(self, number: float, dtype: Any) -> str:
        text = spelled(number)
        return text if dtype == np.float64 else f"{dtype.name}({text})"

    def _number(self, value: Value) -> str:
        """A value of one entry."""
        return self._entry(value, ())[0]

    def _entry(self, value: Value, index: Sequence[str]) -> tuple[str, int]:
        """How an entry is read, with how tightly the expression holds together; `index` belongs to the last axes."""
        if value.literal is not None:
            text = self._literal(value.literal, value.dtype)
            return text, ATOM
        value = seen(value)
        if value in self.expressions:
            return self.expressions[value]
        if value.op == "constant" and value.size == 1:
            item = value.params.item()
            return (repr(item) if isinstance(item, bool) else self._literal(item, value.dtype)), ATOM  # fmt: skip
        if value.size == 1:
            return self._name(value), ATOM
        return f"{self._array(value)}[{self._at(value, index)}]", ATOM

    @staticmethod
    def _at(value: Value, index: Sequence[str]) -> str:
        n = len(value.shape)
        last = list(index)[len(index) - n :] if n else []
        return ", ".join("0" if size == 1 else i for i, size in zip(last, value.shape, strict=True))

    def _array(self, value: Value) -> str:
        """A value as an array."""
        if value.op == "constant" or value.literal is not None:
            name = self._name(value, value.label or "constant")
            if name not in self.constants:
                array = value.params if value.op == "constant" else np.full(value.shape, value.literal, value.dtype)  # fmt: skip
                self.constants[name] = np.array(array, order="C")
            return name
        if value.op == "argument":
            return self.given[value]
        return self._name(value)

    def _expression(self, value: Value, index: Sequence[str]) -> tuple[str, int]:
        """One elementwise operation on entries."""
        if value.op == "broadcast":
            return self._entry(value.args[0], index)
        if value.op == "matmul":
            return self._terms(value, index)
        entries = [self._entry(a, index) for a in value.args]
        dtype = value.dtype
        if value.op in VECTORS and value.size < LEAST_VECTOR:
            return f"math.{value.op}({entries[0][0]})", ATOM
        if value.op in VECTORS and dtype == np.float32:
            return f"float32({value.op}(float64({entries[0][0]})))", ATOM
        binding = BINDING.get(value.op)
        literal = value.args[-1].literal is not None
        template = (WITH_LITERAL.get(value.op) if literal else None) or WORDS[value.op]
        if binding is None:
            texts = [text if b == ATOM else f"({text})" for text, b in entries]
        else:
            texts = [
                text if b > binding or (b == binding and i == 0 and value.op not in ("reciprocal", "negative")) else f"({text})"
                for i, (text, b) in enumerate(entries)
            ]  # fmt: skip
        text = template.format(*texts, one=self._literal(1.0, dtype), dtype=dtype.name)
        loose = binding is None and not template.endswith(")")
        return text, 0 if loose else (binding or ATOM)

    def _terms(self, value: Value, index: Sequence[str]) -> tuple[str, int]:
        """A product of matrices, or of a matrix and a vector, with its terms written out."""
        x, y = value.args
        left = list(index[:1]) if len(x.shape) == 2 else []
        right = list(index[-1:]) if len(y.shape) == 2 else []
        terms = []
        for k in range(x.shape[-1]):
            a = self._entry(x, [*left, str(k)])[0]
            b = self._entry(y, [str(k), *right])[0]
            terms.append(f"{a} * {b}")
        return " + ".join(terms), BINDING["add"] if len(terms) > 1 else BINDING["multiply"]

    def _choose_inline(
        self, steps: Sequence[Step], kept: set[Value], parts: Sequence[Sequence[Step]]
    ) -> None:
        """What has no name and is used once is written into the expression that uses it, in the same loop or among numbers."""
        used: dict[Value, list[Value]] = {}
        place: dict[Value, Any] = {}
        for number, part in enumerate(parts):
            for step in part:
                for value in step.members if isinstance(step, Nest) else [step]:
                    place[value] = step if isinstance(step, Nest) else number
        for step in steps:
            for value in [*step.members, *step.gathered] if isinstance(step, Nest) else [step]:
                for arg in value.args:
                    used.setdefault(seen(arg), []).append(value)
        size: dict[Value, int] = {}
        for value in place:
            size[value] = 1 + sum(
                size.get(seen(a), 1) for a in value.args if seen(a) in self.inline
            )
            users = used.get(value, [])
            if value in kept or value.label or len(users) != 1 or size[value] > MOST_INLINE:
                continue
            user = users[0]
            if value.op not in ELEMENTWISE or user.op not in ELEMENTWISE or user.op not in ONCE:
                continue
            nest = place[value]
            if place.get(user) is not nest or (isinstance(nest, Nest) and value in nest.whole):
                continue
            if not isinstance(nest, Nest) and value.size != 1:
                continue
            self.inline.add(value)

    # --- steps ------------------------------------------------------------------------------------

    def _steps(self, steps: Sequence[Step]) -> None:
        for step in steps:
            if isinstance(step, Nest):
                self._nest(step)
            elif step.op == "constant" or step.literal is not None:
                continue
            elif step.op in ELEMENTWISE and step.size == 1:
                self._scalar(step)
            else:
                getattr(self, f"_{step.op}")(step)

    def _scalar(self, value: Value) -> None:
        text, binding = self._expression(value, ())
        if value in self.inline:
            self.expressions[value] = text, binding
        else:
            self._say(f"{self._name(value)} = {text}", value)

    def _nest(self, nest: Nest) -> None:
        """Loops, with everything that is done for an entry."""
        axes = nest.axes()
        index = ["0"] * len(nest.shape)
        for letter, axis in zip(INDICES, axes, strict=False):
            index[axis] = letter
        long = len(axes) == 1 and nest.shape[axes[0]] > 4 * BLOCK and bool(nest.gathered)
        totals = [v for v in nest.gathered if self._is_total(v, nest)]
        rows = [v for v in nest.gathered if v not in totals]
        parts: dict[Value, list[str]] = {}
        outer: dict[Value, list[str]] = {}
        deep = len(axes) > 1 or long
        for value in nest.gathered:
            name = self._name(value)
            plain = value.size == 1 and not (deep and value in totals)
            names = [name] if plain else [
                self.names.fresh(f"{name}_{c}") for c in range(self._beside(value, nest))
            ]  # fmt: skip
            parts[value] = names
            if value in totals and deep:
                outer[value] = (
                    [name] if value.size == 1 else [self.names.fresh(f"{n}_all") for n in names]
                )
                for name in outer[value]:
                    self._say(f"{name} = {self._beginning(value)}")
        depth = self.indent
        for axis in axes[:-1]:
            self._say(f"for {index[axis]} in range({nest.shape[axis]}):")
            self.indent += 1
        inner, n = index[axes[-1]], nest.shape[axes[-1]]
        if long:
            self._say(f"for start in range(0, {n}, {BLOCK}):")
            self.indent += 1
        for names, value in ((parts[v], v) for v in nest.gathered):
            for name in names:
                self._say(f"{name} = {self._beginning(value)}")
        span = f"start, min(start + {BLOCK}, {n})" if long else f"{n}"
        self._say(f"for {inner} in range({span}):")
        self.indent += 1
        self._body(nest, index, parts)
        self.indent -= 1
        for value in totals if deep else []:
            for name, part in zip(outer[value], parts[value], strict=True):
                self._say(f"{name} = {self._gathered(value, name, part)}")
        for value in rows:
            self._store_gathered(value, nest, index, parts[value])
        self.indent = depth
        for value in totals:
            self._store_gathered(value, nest, index, outer.get(value, parts[value]))
        for value in nest.members:
            self.expressions.pop(value, None)

    def _body(self, nest: Nest, index: Sequence[str], parts: Mapping[Value, list[str]]) -> None:
        inside = {seen(a) for v in nest.members for a in v.args} | {
            gathered_operand(v, nest) for v in nest.gathered
        }
        for value in nest.members:
            text, binding = self._expression(value, index)
            if value in self.inline:
                self.expressions[value] = text, binding
                continue
            name = self._name(value)
            place = f"{self._place_of(value)}[{self._at(value, index)}]"
            if value in nest.whole and value not in inside:
                self._say(f"{place} = {text}", value)
            elif value in nest.whole:
                local = self.names.fresh(f"{name}_{''.join(i for i in index if i != '0')}")
                self._say(f"{local} = {text}", value)
                self._say(f"{place} = {local}")
                self.expressions[value] = local, ATOM
            else:
                self._say(f"{name} = {text}", value)
                self.expressions[value] = name, ATOM
        inner = index[nest.axes()[-1]]
        for value in nest.gathered:
            x = gathered_operand(value, nest)
            one = self.expressions[x][0]
            for c, name in enumerate(parts[value]):
                term = one
                if value.op == "matmul":
                    other = value.args[1] if value.args[0] is x else value.args[0]
                    at = [inner] if len(other.shape) == 1 else [inner, str(c)]
                    term = (
                        f"{one} * {self._entry(other, at if value.args[0] is x else at[::-1])[0]}"
                    )
                self._say(f"{name} = {self._gathered(value, name, term)}")

    def _place_of(self, value: Value) -> str:
        return self.given[self.over[value]] if value in self.over else self._name(value)

    def _is_total(self, value: Value, nest: Nest) -> bool:
        axes = nest.axes()
        if value.op == "matmul":
            return len(axes) == 1
        return [i for i in value.params if i in axes] == axes

    @staticmethod
    def _beside(value: Value, nest: Nest) -> int:
        """How many results there are for each row."""
        if value.op != "matmul":
            return 1
        x = gathered_operand(value, nest)
        inner = len(x.shape) - 1 if value.args[0] is x else max(len(x.shape) - 2, 0)
        return value.size // (x.size // x.shape[inner])

    @staticmethod
    def _sign(value: Value) -> str:
        return {"sum": "+", "matmul": "+", "max": ">", "min": "<"}[value.op]

    def _beginning(self, value: Value) -> str:
        number = {"+": 0.0, ">": -np.inf, "<": np.inf}[self._sign(value)]
        return self._literal(number, value.dtype)

    def _gathered(self, value: Value, total: str, term: str) -> str:
        sign = self._sign(value)
        if sign == "+":
            return f"plus({total}, {term})"
        return f"{'larger' if sign == '>' else 'smaller'}({total}, {term})"

    def _store_gathered(
        self, value: Value, nest: Nest, index: Sequence[str], names: Sequence[str]
    ) -> None:
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
            place = self._at(value, at)
            self._say(f"{self._place_of(value)}[{place}] = {name}", value if c == 0 else None)

    # --- everything that is no loop of its own entries ------------------------------------------------

    def _matmul(self, value: Value) -> None:
        x, y = value.args
        if value.size == 1 and short_product(value):
            self._say(f"{self._name(value)} = {self._terms(value, ('0', '0'))[0]}", value)
        elif len(x.shape) > 2 or len(y.shape) > 2:
            self._stack(value)
        elif value.size * x.shape[-1] > MOST_MULTIPLIED and value.size > 1 and x.size and y.size:
            a, b = self._operand(x), self._operand(y)
            if len(x.shape) == len(y.shape) == 1:
                self._say(f"{self._name(value)} = numpy.dot({a}, {b})", value)
            else:
                self._say(f"numpy.dot({a}, {b}, {self._name(value)})", value)
        else:
            self._product(value, x.shape, y.shape, "", "")

    def _stack(self, value: Value) -> None:
        """A stack of products."""
        x, y = value.args
        lead = value.shape[: len(value.shape) - (len(x.shape) > 1) - (len(y.shape) > 1)]
        letters = [f"{INDICES[k]}_" for k in range(len(lead))]
        depth = self.indent
        for letter, n in zip(letters, lead, strict=True):
            self._say(f"for {letter} in range({n}):")
            self.indent += 1
        at = [
            "".join(
                f"{'0' if n == 1 else letter}, "
                for n, letter in zip(a.shape[:-2], letters[len(letters) - len(a.shape[:-2]) :], strict=True)
            )
            for a in (x, y)
        ]  # fmt: skip
        self._product(value, x.shape[-2:], y.shape[-2:], at[0], at[1], letters)
        self.indent = depth

    def _product(
        self, value: Value, left: tuple[int, ...], right: tuple[int, ...], a: str, b: str, lead: Sequence[str] = ()
    ) -> None:  # fmt: skip
        """A product as a loop over its results with a loop over the terms inside."""
        x, y = value.args
        depth = self.indent
        at = list(lead)
        row = column = ""
        if len(left) == 2:
            self._say(f"for i in range({left[0]}):")
            self.indent += 1
            row = "i, "
            at.append("i")
        if len(right) == 2:
            self._say(f"for j in range({right[1]}):")
            self.indent += 1
            column = ", j"
            at.append("j")
        total = self.names.fresh("total")
        self._say(f"{total} = {self._literal(0.0, value.dtype)}")
        self._say(f"for k in range({left[-1]}):")
        first = self._inside(x, f"{a}{row}k")
        second = self._inside(y, f"{b}k{column}")
        self._say(f"    {total} = plus({total}, {first} * {second})")
        if value.size == 1:
            self.indent = depth
            self._say(f"{self._name(value)} = {total}", value)
        else:
            self._say(f"{self._place_of(value)}[{', '.join(at)}] = {total}", value)
        self.indent = depth

    def _inside(self, value: Value, key: str) -> str:
        if value.literal is not None:
            return self._literal(value.literal, value.dtype)
        if value.size == 1:
            return self._number(value)
        return f"{self._array(value)}[{key}]"

    def _operand(self, value: Value) -> str:
        """An array of its own shape whose entries lie in order, also for a number."""
        if value.size == 1 and value.op != "constant":
            return f"numpy.full({value.shape}, {self._number(value)})"
        text = self._array(value)
        if value.op in VIEWS and not self._in_order(value):
            return f"numpy.ascontiguousarray({text})"
        return text

    def _in_order(self, value: Value) -> bool:
        """Whether the entries surely lie in order, by rows or by columns."""
        if value.op == "reshape":
            return True
        if value.op == "transpose":
            return value.params == tuple(range(len(value.params)))[::-1] and (
                value.args[0].op not in VIEWS or value.args[0].op == "reshape"
            )
        return value.op not in VIEWS

    def _reduction(self, value: Value) -> None:
        """A sum or an extreme of an array that is there already."""
        x = value.args[0]
        axes = long_axes(x.shape)
        index = ["0"] * len(x.shape)
        letters = dict(zip(axes, INDICES, strict=False))
        for axis in axes:
            index[axis] = letters[axis]
        over = [i for i in axes if i in value.params]
        kept = [i for i in axes if i not in value.params]
        entry = self._entry(x, index)[0]
        depth = self.indent
        at = ", ".join(
            "0" if x.shape[i] == 1 else letters[i]
            for i in range(len(x.shape)) if i not in value.params
        )  # fmt: skip
        if over and over[-1] == axes[-1]:
            for axis in kept:
                self._say(f"for {letters[axis]} in range({x.shape[axis]}):")
                self.indent += 1
            total, outside = self.names.fresh("total"), self.indent
            self._say(f"{total} = {self._beginning(value)}")
            for axis in over[:-1]:
                self._say(f"for {letters[axis]} in range({x.shape[axis]}):")
                self.indent += 1
            n, inner = x.shape[over[-1]], letters[over[-1]]
            part = self.names.fresh("part")
            if n > 4 * BLOCK:
                self._say(f"for start in range(0, {n}, {BLOCK}):")
                self.indent += 1
            self._say(f"{part} = {self._beginning(value)}")
            span = f"start, min(start + {BLOCK}, {n})" if n > 4 * BLOCK else f"{n}"
            self._say(f"for {inner} in range({span}):")
            self._say(f"    {part} = {self._gathered(value, part, entry)}")
            self._say(f"{total} = {self._gathered(value, total, part)}")
            self.indent = outside
            if value.size == 1:
                self.indent = depth
                self._say(f"{self._name(value)} = {total}", value)
            else:
                self._say(f"{self._place_of(value)}[{at}] = {total}", value)
        else:
            name = self._place_of(value)
            self._fill(value.shape, name, lambda index: self._beginning(value))
            for axis in axes:
                self._say(f"for {letters[axis]} in range({x.shape[axis]}):")
                self.indent += 1
            place = f"{name}[{at}]"
            self._say(f"{place} = {self._gathered(value, place, entry)}", value)
        self.indent = depth

    _sum = _max = _min = _reduction

    def _broadcast(self, value: Value) -> None:
        self._say(f"{self._name(value)} = {self._number(value.args[0])}", value)

    def _reshape(self, value: Value) -> None:
        x = value.args[0]
        if value.size == 1:
            self._say(f"{self._name(value)} = {self._number(x)}", value)
            return
        text = self._array(x)
        if x.op in VIEWS and not (x.op == "reshape"):
            text = f"numpy.ascontiguousarray({text})"
        self._say(f"{self._name(value)} = {text}.reshape({value.shape})", value)

    def _transpose(self, value: Value) -> None:
        x = value.args[0]
        if value.size == 1:
            self._say(f"{self._name(value)} = {self._number(x)}", value)
        elif value.params == tuple(range(len(value.params)))[::-1]:
            self._say(f"{self._name(value)} = {self._array(x)}.T", value)
        else:
            self._say(f"{self._name(value)} = {self._array(x)}.transpose({value.params})", value)

    def _index(self, value: Value) -> None:
        x = value.args[0]
        if value.size == 1:
            self._say(f"{self._name(value)} = {self._array(x)}[{_single(x, value.params)}]", value)
        else:
            self._say(f"{self._name(value)} = {self._array(x)}[{key_text(value.params)}]", value)

    def _place(self, value: Value) -> None:
        x, name = value.args[0], self._place_of(value)
        if value.size == 1:
            self._say(f"{self._name(value)} = {self._number(x) if x.size else self._literal(0.0, value.dtype)}", value)  # fmt: skip
            return
        self._fill(value.shape, name, lambda index: self._literal(0.0, value.dtype))
        if x.size == 1:
            self._say(f"{name}[{_single(value, value.params)}] = {self._number(x)}")
        elif x.size:
            part = self.names.fresh("part")
            self._say(f"{part} = {name}[{key_text(value.params)}]")
            self._fill(x.shape, part, lambda index: self._entry(x, index)[0])

    def _join(self, value: Value) -> None:
        start = 0
        for arg in value.args:
            stop = start + arg.shape[value.params]
            index = ["0"] * len(arg.shape)
            depth = self.indent
            for letter, axis in zip(INDICES, long_axes(arg.shape), strict=False):
                index[axis] = letter
                self._say(f"for {letter} in range({arg.shape[axis]}):")
                self.indent += 1
            at = list(index)
            at[value.params] = (
                str(start) if index[value.params] == "0" else f"{index[value.params]} + {start}"
            )
            self._say(
                f"{self._place_of(value)}[{', '.join(at)}] = {self._entry(arg, index)[0]}", value
            )
            self.indent = depth
            start = stop

    def _call(self, value: Value) -> None:
        op, numbers, params = value.params
        call = Call(op, params, value.shape, value.dtype, value.origin)
        shapes = [(a.shape, a.dtype) for a in value.args]
        function = self.names.fresh(f"call_{op.name}")
        self.out.namespace[function] = Row(call, numbers, shapes)
        given = [
            (self._number(a) if a.size == 1 and a.dtype.kind in "fb" else self._array(a))
            for a, number in zip(value.args, numbers, strict=True) if number is None
        ]  # fmt: skip
        name = self._name(value)
        result = self.names.fresh(f"{name}_array") if value.size == 1 else name
        kind = f"{value.dtype.name if value.dtype != bool else 'boolean'}"
        colons = ", ".join([":"] * (len(value.shape) - 1) + ["::1"]) if value.shape else ""
        if not value.shape:
            self._say(f"with objmode({result}='{kind}'):")
            self._say(f"    {result} = {function}({', '.join(given)}).item()", value)
            self._say(f"{name} = {result}")
            return
        self._say(f"with objmode({result}='{kind}[{colons}]'):")
        self._say(f"    {result} = {function}({', '.join(given)})", value)
        if value.size == 1:
            self._say(f"{name} = {result}[{_origin(value)}]")

    def _copy_to(self, place: str, value: Value) -> None:
        """An output that lies elsewhere, or is a number."""
        self._fill(value.shape, place, lambda index: self._entry(value, index)[0])

    def _fill(self, shape: Sequence[int], place: str, entry: Callable[[list[str]], str]) -> None:
        """Loops that write an array; assignments to slices take numba seconds to compile."""
        index = ["0"] * len(shape)
        depth = self.indent
        for letter, axis in zip(INDICES, long_axes(shape), strict=False):
            index[axis] = letter
            self._say(f"for {letter} in range({shape[axis]}):")
            self.indent += 1
        self._say(f"{place}[{', '.join(index) or '()'}] = {entry(index)}")
        self.indent = depth

    def _copy_entries(self, shape: Sequence[int], place: str, source: str) -> None:
        self._fill(shape, place, lambda index: f"{source}[{', '.join(index)}]")

    # --- state ------------------------------------------------------------------------------------

    def _write_over(
        self, last: Sequence[Step], every: Sequence[Step], state: Mapping[Value, Value]
    ) -> None:
        """Arrays of the state that are written over in the loop that computes what becomes of them, where nobody reads them later."""
        assert self.loop is not None
        following = self.loop.following
        for now, then in state.items():
            if now.size == 1 or then is now or following.count(then) > 1 or then is self.loop.loss:
                continue
            at = next((i for i, s in enumerate(last) if isinstance(s, Nest) and then in s.members), None)  # fmt: skip
            if at is None or then.op not in ELEMENTWISE:
                continue
            nest = last[at]
            assert isinstance(nest, Nest)
            shows = _views_of(now, every)
            if shows & set(following):
                continue
            if any(a in shows for s in last[at + 1 :] for a in _read(s)):
                continue
            inside = [
                v for v in [*nest.members, *nest.gathered] if any(a in shows for a in operands(v))
            ]
            if all(
                v.op in ELEMENTWISE and not any(a in shows and a is not now for a in operands(v))
                for v in inside
            ):
                self.over[then] = now

    def _carry(self, state: Mapping[Value, Value]) -> None:
        """What was not written in its place is put there at the end of the round."""
        numbers = [(a, b) for a, b in state.items() if a.size == 1 and b is not a]
        if numbers:
            names = [self.named[a] for a, _ in numbers]
            self._say(f"{', '.join(names)} = {', '.join(self._number(b) for _, b in numbers)}")
        left = [
            (now, then) for now, then in state.items()
            if now.size != 1 and then is not now and self.over.get(then) is not now
        ]  # fmt: skip
        shown = {v: self.names.fresh("kept") for _, v in left if v.op in (*VIEWS, "argument")}
        for value, name in shown.items():  # which the next lines may overwrite
            self._say(f"{name} = {self._array(value)}.copy()")
        for now, then in left:
            if then in shown:
                self._copy_entries(now.shape, self.given[now], shown[then])
            else:
                self._copy_to(self.given[now], then)


# Operations whose operands stand in the text once, so that an expression may stand there.
ONCE = frozenset(
    op
    for op, text in WORDS.items()
    if all(text.count(f"{{{i}}}") <= 1 for i in (0, 1)) and op != "select"
)


def _array_kind(value: Value, written: bool) -> Any:
    return value.dtype, len(value.shape), written


def _kind(value: Value, written: bool) -> Any:
    return "number" if is_number(value) else _array_kind(value, written)


def _origin(value: Value) -> str:
    """The index of the only entry."""
    return ", ".join(["0"] * len(value.shape)) or "()"


def _single(x: Value, key: tuple[Any, ...]) -> str:
    """A basic index that picks one entry, as plain numbers."""
    found = np.arange(x.size).reshape(x.shape)[thawed(key)].reshape(-1)[0]
    return ", ".join(str(int(i)) for i in np.unravel_index(found, x.shape)) or "()"


def _read(step: Step) -> list[Value]:
    """What a step reads."""
    values = [*step.members, *step.gathered] if isinstance(step, Nest) else [step]
    return [a for v in values for a in operands(v)]


def _views_of(state: Value, steps: Sequence[Step]) -> set[Value]:
    """The state, and everything that shows it."""
    found = {state}
    for step in steps:
        if not isinstance(step, Nest) and step.op in VIEWS and step.args[0] in found:
            found.add(step)
    return found
