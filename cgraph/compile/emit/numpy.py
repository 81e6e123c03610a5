"""The NumPy backend: straight-line Python, one statement a value, every array written into memory that is there already.

Apart from the passes, because it decides nothing about *what* is computed: it gets a `Graph` and an `Allocation` and
writes. Values of one entry
are Python floats; arrays are results of ufuncs with `out`; a value that nothing is a primitive for is a call of its row.
"""

from __future__ import annotations

import functools
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np

from cgraph.compile.emit.names import Names, number_name, spoken
from cgraph.compile.emit.numbers import ATOM, ONCE, SUM, spelled, written
from cgraph.compile.emit.numpy_tiles import write_group
from cgraph.compile.ir import BOOL, ELEMENTWISE, VIEWS, Graph, Value, is_number, order, ufunc, users
from cgraph.compile.ir.builder import thawed
from cgraph.compile.passes.allocate import Allocation, allocate
from cgraph.compile.passes.schedule import schedule
from cgraph.compile.passes.tiles import SLOW_WITH_NUMBER, Group, Step, is_long, members, tiled
from cgraph.compile.running.runtime import Call, Memory
from cgraph.extras import installed

# Ufuncs whose positional `out` NumPy has deprecated.
KEYWORD_OUT = frozenset({"maximum", "minimum", "fmin"})
# Of a number these are the number itself.
SAME_NUMBER = frozenset({"reshape", "transpose", "broadcast"})
MOST_RECIPROCAL = 1000  # entries up to which NumPy's reciprocal is not slower than its division
MOST_MASKED = 1000  # entries up to which two copies are faster than `where`, which makes an array
ACROSS = ELEMENTWISE.keys() | {"place", "add_at"}  # what can be written in any order of axes
MOST_ACROSS = 512  # entries up to which an output is written in another order of axes
WIDTH = 100  # of the list of a program's arrays
MOST_BLAS = 4096  # entries up to which a product is so short that the way to BLAS matters
MOST_INLINE = 8  # operations in one expression


@dataclass
class Emitted:
    """Source with what it needs to run.

    Attributes:
        source: a function ``program(<arguments>, workspace, outputs)`` that returns the outputs as a tuple: arrays filled in
            place, and numbers.
        namespace: what its global names stand for, NumPy and `math` apart.
        memory: how to make a workspace.
        allocation: where the buffers lie.
        lines: line number -> the value that is computed there.
        written: for each output whether it is written into ``outputs``; the others are numbers.
        groups: what runs in pieces: (the group, entries or rows of a piece, number of buffers).
        named, passing: what values are called, and which exist in pieces only.
    """

    source: str = ""
    namespace: dict[str, Any] = field(default_factory=dict)
    memory: Memory = field(default_factory=Memory)
    allocation: Allocation = field(default_factory=Allocation)
    lines: dict[int, Value] = field(default_factory=dict)
    written: list[bool] = field(default_factory=list)
    groups: list[Any] = field(default_factory=list)
    named: dict[Value, str] = field(default_factory=dict)
    passing: set[Value] = field(default_factory=set)


@functools.cache
def blas_routine(name: str) -> Any:
    """A routine of BLAS as SciPy hands it out, None without the extra `fast`: called directly it takes a third of the time of `dot`."""
    if not (installed("scipy") and installed("numba")):
        return None
    return getattr(import_module("scipy.linalg.blas"), name)


class NumpyEmitter:
    """Writes the statements of one graph.

    Attributes:
        numbers_keep: whether a number that was computed once stays what it is.
    """

    uses_blas = False  # where a program runs long enough for SciPy's import to pay

    numbers_keep = True

    def __init__(self, graph: Graph, threads: int = 1) -> None:
        self.graph = graph
        self.threads = threads
        self.passing: set[Value] = set()  # what exists in pieces only
        self.names = Names()
        self.named: dict[Value, str] = {}
        self.out = Emitted()
        self.body: list[tuple[str, Value | None]] = []
        self.workspace: list[str] = []
        self.constants: dict[Any, str] = {}
        self.inline: set[Value] = set()  # numbers that are written where they are used
        self.contiguous: set[Value] = set()
        self.by_columns: dict[
            Value, str
        ] = {}  # matrices that a product with a vector reads, as BLAS sees them
        self.multiplied: set[Value] = (
            set()
        )  # matrices that BLAS multiplies, and what it makes of them
        self.filled: dict[Any, str] = {}  # number and dtype -> a piece full of it, inside a group
        self.lasting: set[Value] = set()  # arrays that exist as long as the workspace does
        self.turned: dict[
            Value, Value
        ] = {}  # transposed outputs, of what is computed in their memory
        self.placed: dict[
            Value, Value
        ] = {}  # parts among zeros that are computed where they will be
        self.parts: dict[Value, str] = {}  # the part of such an array that something is put into

    # --- the whole --------------------------------------------------------------------------------

    def emit(self, title: str) -> Emitted:
        graph = self.graph
        values = [v for v in schedule(graph.outputs) if v.op not in ("argument", "literal")]
        self.choose_inline(values, set(graph.outputs), lambda value, user: True)
        for value in graph.arguments:
            self.name(value, value.label or "x")
        for entry in (v for array in graph.entries.values() for v in array.flat):
            self.name(entry, entry.label)
        direct = self._direct_outputs()
        beneath = self._beneath_outputs(direct)
        elsewhere = {**direct, **beneath}
        steps = tiled(values, graph.outputs)
        self.lay_out(steps, elsewhere, graph.outputs)
        self.name_all([v for v in values if v not in beneath or v in self.turned.values()])
        for value, over in beneath.items():
            # An output that shows another in turn is called as that one is, which is a view of what is handed out.
            self.named[value] = self.named[self.turned.get(over, over)]
        for value in values:
            if value not in self.passing:
                self._make_room(value, elsewhere)
        for part in self.placed.values():
            self.named[part] = self.names.fresh("part")
        for output, inner in self.turned.items():
            back = tuple(np.argsort(output.params).tolist())
            self.say(inner, f"{self.named[output]}{_transposed(back)}")
        self.statements(steps)
        results = self._outputs(direct)
        self._assemble(title, results, direct)
        self.out.named, self.out.passing = self.named, self.passing
        return self.out

    def lay_out(
        self, steps: Sequence[Step], elsewhere: Mapping[Value, Any], kept: Iterable[Value]
    ) -> None:
        """Find the memory for what is computed in these steps; `elsewhere` has a place already."""
        groups = [step for step in steps if isinstance(step, Group)]
        self.passing = {v for g in groups for v in g.members} - {v for g in groups for v in g.whole}
        self.out.allocation = allocate(
            [members(s) for s in steps],
            lambda v: self.owned(v) and v not in elsewhere and v not in self.passing,
            kept,
        )

    def statements(self, steps: Sequence[Step]) -> None:
        ahead = set(order(self.graph.outputs[: self.graph.forward]))
        written: list[
            tuple[int, bool]
        ] = []  # where each statement starts, and whether it is on the way forward
        for step in steps:
            start = len(self.body)
            if isinstance(step, Group):
                write_group(self, step, self.threads)
            else:
                self.statement(step)
            if len(self.body) > start:
                members = step.members if isinstance(step, Group) else [step]
                written.append((start, all(v in ahead for v in members)))
        # Headings, where the way back follows the way forward.
        sides = [forward for _, forward in written]
        if True in sides and False in sides and sides == sorted(sides, reverse=True):
            self.body.insert(written[sides.index(False)][0], ("# backward", None))
            self.body.insert(written[0][0], ("# forward", None))

    def _direct_outputs(self) -> dict[Value, int]:
        """Outputs that are computed right where they are handed out."""
        found: dict[Value, int] = {}
        for i, value in enumerate(self.graph.outputs):
            if self.owned(value) and value not in found:
                found[value] = i
        return found

    def _beneath_outputs(self, direct: Mapping[Value, int]) -> dict[Value, Value]:
        """What lies where an output will be: value -> the output.

        What something is added to, on the way to an output, and what an output shows in another order of axes.
        """
        outputs = self.graph.outputs
        used = users(order(outputs))
        taken = {*outputs, *direct}
        found: dict[Value, Value] = {}

        def free(value: Value) -> bool:
            return self.owned(value) and value not in taken and value not in found

        for output in dict.fromkeys(outputs):
            value = output
            if value.op == "transpose" and value not in direct and free(value.args[0]):
                inner = value.args[0]
                # A product is written row by row; and of what is not small, a copy costs less than a write across the rows.
                if inner.op not in ACROSS or inner.size > MOST_ACROSS:
                    continue
                self.turned[output] = value = inner
                found[inner] = output
            elif output not in direct:
                continue
            while value.op == "add_at" and len(used[value.args[0]]) == 1 and free(value.args[0]):
                if output in self.turned and value.args[0].op not in ACROSS:
                    break
                value = value.args[0]
                found[value] = output
            part = value.args[0] if value.op == "place" else value
            if part is not value and part.op in ELEMENTWISE and len(used[part]) == 1 and free(part):
                if not is_long(part):
                    self.placed[value] = part
                    found[part] = output
        return found

    def _outputs(self, direct: dict[Value, int]) -> list[str]:
        results = []
        outputs = self.graph.outputs
        for i, value in enumerate(outputs):
            self.out.written.append(not is_number(value))
            if is_number(value):
                results.append(self.ref(value))
            elif direct.get(value) == i or (value in self.turned and value not in outputs[:i]):
                results.append(self.named[value])
            else:
                name = self.names.fresh(f"out{i}")
                self.body.append((f"copyto({name}, {self.ref(value)})", value))
                results.append(name)
        return results

    def _assemble(self, title: str, results: list[str], direct: dict[Value, int]) -> None:
        arguments = [self.named[v] for v in self.graph.arguments]
        lines = [f"def program({', '.join([*arguments, 'workspace', 'outputs'])}):"]
        lines += [f'    """{title}"""'] if title else []
        if self.workspace:
            lines += unpacked(self.workspace, "workspace")
        given = [r for r, w in zip(results, self.out.written, strict=True) if w]
        if given:
            lines += unpacked(given, "outputs")
        for whole, array in self.graph.entries.items():
            lines += unpacked([self.named[v] for v in array.flat], f"entries({self.named[whole]})")
        for text, value in self.body:
            if value is not None:
                self.out.lines[len(lines) + 1] = value
            remark = value.remark if value is not None else ""
            lines.append(f"    {text:<40}  # {remark}" if remark else f"    {text}")
        lines.append(f"    return {', '.join(results)}{',' * (len(results) == 1)}" if results else "    return ()")  # fmt: skip
        self.out.source = "\n".join(lines) + "\n"

    # --- numbers that are written where they are used -------------------------------------------------

    def choose_inline(
        self, values: Sequence[Value], kept: set[Value], allowed: Callable[[Value, Value], bool]
    ) -> None:
        """Numbers that nobody has named and that are used once are written into the expression that uses them."""
        used: dict[Value, list[Value]] = {}
        for value in values:
            for arg in value.args:
                used.setdefault(arg, []).append(value)
        size: dict[Value, int] = {}
        for value in values:
            size[value] = 1 + sum(size.get(a, 1) for a in value.args if a in self.inline)
            if not is_number(value) or value in kept or value.label:
                continue
            users = used.get(value, [])
            if len(users) != 1 or size[value] > MOST_INLINE:
                continue
            user = users[0]
            truth = value.dtype == BOOL and value.op in ELEMENTWISE and user.op == "select"
            if value.op not in ONCE and not truth:
                continue
            if (
                is_number(user)
                and user.op in ONCE
                and all(map(is_number, value.args))
                and allowed(value, user)
            ):
                self.inline.add(value)

    def expression(self, value: Value) -> tuple[str, int]:
        """A number as it is written in an expression."""
        if value not in self.inline:
            text = self.ref(value)
            return (text, ATOM) if is_number(value) else (f"{text}.item()", ATOM)
        return written(
            value.op, [self.expression(a) for a in value.args], value.args[-1].op == "literal"
        )

    def name_all(self, values: Sequence[Value]) -> None:
        """Names for all that have a statement of their own; the user's names first."""
        for value in values:
            if self.same_number(value):
                value.args[0].label = value.args[0].label or value.label
        for value in [v for v in values if v.label] + [v for v in values if not v.label]:
            if value not in self.inline:
                self.name(value)

    # --- where values live ------------------------------------------------------------------------

    @staticmethod
    def owned(value: Value) -> bool:
        """Whether the value is an array in a buffer of the program's own."""
        if is_number(value) or value.op in ("argument", "constant", "literal", "call"):
            return False
        if value.op == "broadcast":
            return value.literal is None
        return value.op not in VIEWS

    def name(self, value: Value, wish: str = "") -> str:
        found = self.named.get(value)
        if found is None:
            wish = wish or value.label or self.ones_or_zeros(value) or spoken(value, self.named)
            found = self.named[value] = self.names.fresh(wish)
        return found

    @staticmethod
    def ones_or_zeros(value: Value) -> str:
        """The name of an array that is full of one number."""
        if value.op == "broadcast" and value.literal is not None:
            return {0.0: "zeros", 1.0: "ones"}.get(value.literal, "")
        return "constant" if value.op == "constant" else ""

    def _make_room(self, value: Value, direct: Mapping[Value, Any]) -> None:
        """Arrays that can be there before the program runs: buffers, constants, and views of those."""
        if is_number(value):
            return
        memory, name = self.out.memory, self.named[value]
        if value.op == "constant" or (value.op == "broadcast" and value.literal is not None):
            array = value.params
            if value.op != "constant":
                array = np.broadcast_to(np.asarray(value.literal, value.dtype), value.shape)
                array = (
                    array.copy() if value.size <= MOST_BLAS else array
                )  # which products read at once
            self.out.namespace[name] = array
            if value in self.multiplied and len(value.shape) == 2:
                columns = self.by_columns[value] = self.names.fresh(f"{name}_columns")
                self.out.namespace[columns] = array.T
            return
        if self.owned(value):
            if value not in self.turned.values() and value not in self.placed.values():
                self.contiguous.add(value)
            if value not in direct:
                self.lasting.add(value)
                memory.buffer(name, self.out.allocation.offsets[value], value.shape, value.dtype)
                self.workspace.append(name)
                if value.op in ("place", "add_at"):
                    part = self.parts[value] = self.names.fresh(f"{name}_part")
                    memory.view(part, name, "index", thawed(value.params))
                    self.workspace.append(part)
        elif value.op in VIEWS:
            source = value.args[0]
            if value.op == "reshape" and source in self.contiguous:
                self.contiguous.add(value)
            if source in self.lasting and (value.op != "reshape" or source in self.contiguous):
                self.lasting.add(value)
                memory.view(name, self.named[source], value.op, self._view_parameter(value))
                self.workspace.append(name)
        memory.size = self.out.allocation.size
        self._see_columns(value)

    @staticmethod
    def _view_parameter(value: Value) -> Any:
        if value.op == "transpose":
            return value.params
        return thawed(value.params) if value.op == "index" else value.shape

    def ref(self, value: Value) -> str:
        """How a statement refers to a value."""
        if value.op == "literal" or (is_number(value) and value.literal is not None):
            return spelled(value.literal)  # type: ignore[arg-type]
        if value.op == "constant" and is_number(value):
            return repr(value.params.item())
        if self.same_number(value):
            return self.ref(value.args[0])
        return self.named[value]

    def array(self, value: Value) -> str:
        """The same where an array of the value's own shape is needed."""
        if value.op == "literal" or is_number(value):
            dtype = "" if value.dtype == np.float64 else f", {value.dtype.name!r}"
            return f"full({value.shape}, {self.ref(value)}{dtype})"
        return self.ref(value)

    def operand(self, value: Value) -> str:
        """The same as an operand of a ufunc on arrays: a literal is an array without axes, which is converted faster than a float."""
        number = value.literal if value.size == 1 else None
        if number is None:
            return self.ref(value)
        key = (str(number), value.dtype)
        if key not in self.constants:
            self.constants[key] = name = self.names.fresh(number_name(number))
            self.out.namespace[name] = np.array(number, value.dtype)
        return self.constants[key]

    def same_number(self, value: Value) -> bool:
        """Whether a value is a number that has a name already."""
        return (
            self.numbers_keep
            and value.op in SAME_NUMBER
            and is_number(value)
            and is_number(value.args[0])
        )

    @staticmethod
    def one(value: Value) -> Value:
        return Value("literal", (), 1.0, (), value.dtype)

    # --- statements -------------------------------------------------------------------------------

    def statement(self, value: Value) -> None:
        if value in self.inline:
            return
        if value.op == "constant" or value.literal is not None:
            return
        if self.same_number(value):
            return
        if value in self.turned or value in self.placed:
            return
        around = next((v for v, part in self.placed.items() if part is value), None)
        if around is not None:
            self.write(around, f"{self.named[around]}.fill(0)")
            self.write(around, f"{self.named[value]} = {self.named[around]}[{_as_view(around)}]")
        if value in self.lasting and value.op in VIEWS:
            return
        if value.op == "call":
            self._call(value)
        elif is_number(value):
            self._number(value)
        elif value.op in ELEMENTWISE:
            self._elementwise(value)
        else:
            getattr(self, f"_{value.op}")(value)

    def write(self, value: Value, text: str) -> None:
        self.body.append((text, value))

    def say(self, value: Value, expression: str) -> None:
        name = self.named[value]
        for sign in "+-":
            if expression.startswith(f"{name} {sign} ") and value.op in ("add", "subtract"):
                _, binding = self.expression(value.args[1])
                if binding > SUM and is_number(value):
                    rest = expression[len(name) + 3 :]
                    self.body.append((f"{name} {sign}= {rest}", value))
                    return
        self.body.append((f"{name} = {expression}", value))

    def _number(self, value: Value) -> None:
        op, args = value.op, value.args
        if op in ELEMENTWISE:
            texts = [self.expression(a) for a in args]
            expression, _ = written(op, texts, args[-1].op == "literal")
            if any(not is_number(a) for a in args) and value.dtype == np.float64:
                expression = f"float({expression})"
            self.say(value, expression)
        elif op in ("sum", "max", "min"):
            ufunc = {"sum": "add", "max": "maximum", "min": "minimum"}[op]
            self.say(value, f"float({ufunc}.reduce({self.array(args[0])}, None))")
        elif op in SAME_NUMBER and is_number(args[0]):
            self.say(value, self.ref(args[0]))
        elif op == "matmul":
            a, b = args
            left = self.array(a) if len(a.shape) == 1 else f"{self.array(a)}.ravel()"
            right = self.array(b) if len(b.shape) == 1 else f"{self.array(b)}.ravel()"
            if a.size <= MOST_BLAS and self.blas("ddot"):
                self.say(value, f"ddot({left}, {right})")
            else:
                self.say(value, f"float(dot({left}, {right}))")
        elif op == "index":
            self.say(value, f"float({self.array(args[0])}[{key_text(value.params)}].item())")
        elif op == "place":
            self.say(value, self.ref(args[0]) if args[0].size else "0.0")
        elif op == "join":
            self.say(value, self.ref(args[0]))
        else:
            self.say(value, f"float({self.array(args[0])}.item())")

    def _elementwise(self, value: Value) -> None:
        name, args = self.named[value], value.args
        if value.op == "cast":
            self.write(value, f"copyto({name}, {self.ref(args[0])}, 'same_kind')")
        elif value.op == "select":
            condition, a, b = args
            if value.size > MOST_MASKED:
                choice = f"{self.ref(condition)}, {self.operand(a)}, {self.operand(b)}"
                self.write(value, f"copyto({name}, where({choice}))")
                return
            if self.out.allocation.in_place.get(value) is not b and self.ref(b) != name:
                self.write(value, f"copyto({name}, {self.operand(b)})")
            self.write(value, f"copyto({name}, {self.operand(a)}, where={self.ref(condition)})")
        else:
            texts = [self.operand(a) for a in args]
            if self.filled and value.op in SLOW_WITH_NUMBER:
                texts = [
                    self.filled.get((a.literal, a.dtype), t)
                    for a, t in zip(args, texts, strict=True)
                ]
            if value.op == "reciprocal" and value.size > MOST_RECIPROCAL:
                self.write(value, f"divide({self.operand(self.one(value))}, {texts[0]}, {name})")
                return
            if value.op == "erfc":
                self.out.namespace["erfc"] = ufunc("erfc")
            place = f"out={name}" if value.op in KEYWORD_OUT else name
            self.write(value, f"{value.op}({', '.join([*texts, place])})")

    def _matmul(self, value: Value) -> None:
        a, b = value.args
        if self._matrix_vector(value):
            return
        flat = len(a.shape) <= 2 and len(b.shape) <= 2
        function = "dot" if flat else "matmul"
        self.write(value, f"{function}({self.array(a)}, {self.array(b)}, {self.named[value]})")

    def _matrix_vector(self, value: Value) -> bool:
        """A product with a short vector by BLAS itself, which takes half the time; whether it could be written."""
        a, b = value.args
        if (len(a.shape), len(b.shape)) not in ((1, 2), (2, 1)):
            return False
        matrix, vector = (a, b) if len(a.shape) == 2 else (b, a)
        columns = self.by_columns.get(matrix)
        if columns is None or value.dtype != np.float64 or matrix.size > MOST_BLAS:
            return False
        if value not in self.contiguous or not self.blas("dgemv"):
            return False
        if vector.op == "literal" or is_number(vector) or not vector.size:
            return False
        # BLAS reads by columns: an array that lies by rows is its own transpose.
        turned = (matrix.op == "transpose") == (matrix is b)
        out = self.named[value]
        self.write(
            value,
            f"dgemv(1.0, {columns}, {self.ref(vector)}, 0.0, {out}, 0, 1, 0, 1, {int(turned)}, 1)",
        )
        return True

    def _gemm(self, value: Value) -> None:
        """α A B + β C by BLAS, which reads by columns and so is told Cᵀ = α Bᵀ Aᵀ + β Cᵀ."""
        (a, b, *addend), (alpha, beta) = value.args, value.params
        name, function = self.named[value], "dgemm" if value.dtype == np.float64 else "sgemm"
        self.blas(function)
        for c in addend:
            if self.ref(c) != name:
                self.write(value, f"copyto({name}, {self.ref(c)})")
        (left, turned), (right, turned_too) = self._columns(b), self._columns(a)
        target = self.by_columns.get(value) or f"{name}.reshape({b.shape[1]}, {a.shape[0]})"
        if len(value.shape) == 2 and value not in self.by_columns:
            target = f"{name}.T"
        numbers = f"{spelled(alpha)}, {left}, {right}, {spelled(beta)}"
        self.write(value, f"{function}({numbers}, {target}, {turned:d}, {turned_too:d}, 1)")

    def _columns(self, x: Value) -> tuple[str, bool]:
        """A matrix as BLAS sees it, which lies by columns, and whether that is the matrix itself rather than its transpose."""
        if x.op == "transpose":
            return self.ref(x), True
        return self.by_columns.get(x) or f"{self.array(x)}.T", False

    def note_products(self, values: Iterable[Value]) -> None:
        """Remember which matrices are multiplied by BLAS."""
        for value in values:
            if value.op == "matmul" and sorted(len(a.shape) for a in value.args) == [1, 2]:
                self.multiplied.update(a for a in value.args if len(a.shape) == 2)
            elif value.op == "gemm":
                self.multiplied.update([value, *value.args])

    def _see_columns(self, value: Value) -> None:
        """Have a matrix that lasts seen by columns, where a product wants it so."""
        if len(value.shape) != 2 or not value.size or value not in self.multiplied:
            return
        if value not in self.lasting:
            return
        if value.op == "transpose" and value.args[0] in self.contiguous:
            self.by_columns[value] = self.named[value]
        elif value in self.contiguous:
            name = self.by_columns[value] = self.names.fresh(f"{self.named[value]}_columns")
            self.out.memory.view(name, self.named[value], "transpose", (1, 0))
            self.workspace.append(name)

    @classmethod
    def routine(cls, name: str) -> Any:
        """A routine of BLAS, where programs of this kind call them and SciPy, which knows them, is there."""
        return blas_routine(name) if cls.uses_blas else None

    def blas(self, name: str) -> bool:
        """Whether there is a routine of BLAS, which is then a name of the program."""
        routine = self.routine(name)
        if routine is not None:
            self.out.namespace[name] = routine
        return routine is not None

    def _reduce(self, value: Value, ufunc: str) -> None:
        axes = value.params[0] if len(value.params) == 1 else value.params
        self.write(value, f"{ufunc}.reduce({self.array(value.args[0])}, {axes}, None, {self.named[value]})")  # fmt: skip

    def _sum(self, value: Value) -> None:
        self._reduce(value, "add")

    def _max(self, value: Value) -> None:
        self._reduce(value, "maximum")

    def _min(self, value: Value) -> None:
        self._reduce(value, "minimum")

    def _broadcast(self, value: Value) -> None:
        self.write(value, f"copyto({self.named[value]}, {self.ref(value.args[0])})")

    def _reshape(self, value: Value) -> None:
        self.say(value, f"{self.array(value.args[0])}.reshape({value.shape})")

    def _transpose(self, value: Value) -> None:
        self.say(value, f"{self.array(value.args[0])}{_transposed(value.params)}")

    def _index(self, value: Value) -> None:
        self.say(value, f"{self.array(value.args[0])}[{key_text(value.params)}]")

    def _place(self, value: Value) -> None:
        name = self.named[value]
        self.write(value, f"{name}.fill(0)")
        if value in self.parts and value.args[0].op != "literal":
            self.write(value, f"copyto({self.parts[value]}, {self.ref(value.args[0])})")
        else:
            self.write(value, f"{name}[{key_text(value.params)}] = {self.ref(value.args[0])}")

    def _add_at(self, value: Value) -> None:
        name, (x, y) = self.named[value], value.args
        if self.ref(x) != name and self.out.allocation.in_place.get(value) is not x:
            self.write(value, f"copyto({name}, {self.ref(x)})")
        part = self.parts.get(value)
        if part is None:
            part = self.names.fresh("part")
            self.write(value, f"{part} = {name}[{_as_view(value)}]")
        self.write(value, f"add({part}, {self.operand(y)}, {part})")

    def _diagonals(self, value: Value) -> None:
        name, columns = self.named[value], value.shape[1]
        self.write(value, f"{name}.fill(0)")
        flat = self.names.fresh(f"{name}_flat")
        self.write(value, f"{flat} = {name}.reshape(-1)")
        for vector, k in zip(value.args, value.params, strict=True):
            start = k if k >= 0 else -k * columns
            stop = start + (vector.size - 1) * (columns + 1) + 1
            number = vector.literal
            text = self.ref(vector) if number is None else spelled(number)
            self.write(value, f"{flat}[{start}:{stop}:{columns + 1}] = {text}")

    def _join(self, value: Value) -> None:
        start = 0
        for arg in value.args:
            stop = start + arg.shape[value.params]
            key = ":, " * value.params + f"{start}:{stop}"
            self.write(value, f"{self.named[value]}[{key}] = {self.ref(arg)}")
            start = stop

    def _array(self, value: Value) -> None:
        name = self.named[value]
        self.write(value, f"{name}.flat = {', '.join(self.ref(v) for v in value.args)}")

    def _call(self, value: Value) -> None:
        op, numbers, params = value.params
        function = self.names.fresh(op.name)
        self.out.namespace[function] = Call(op, params, value.shape, value.dtype, value.origin)
        texts = [
            repr(number) if number is not None else self.array(arg)
            for number, arg in zip(numbers, value.args, strict=True)
        ]
        item = ".item()" if is_number(value) else ""
        text = f"{function}({', '.join(texts)}){item}"
        self.say(value, f"float({text})" if item else text)


def unpacked(names: Sequence[str], source: str) -> list[str]:
    """The statement that gives the entries of a tuple their names, in lines of a readable length."""
    text = f"{', '.join(names)}{',' * (len(names) == 1)}"
    if len(text) <= WIDTH:
        return [f"    {text} = {source}"]
    lines = textwrap.wrap(text, WIDTH)
    return [
        f"    ({lines[0]}",
        *(f"     {line}" for line in lines[1:-1]),
        f"     {lines[-1]}) = {source}",
    ]


def key_text(key: tuple[Any, ...]) -> str:
    """A basic index as it is written between brackets."""
    parts = []
    for k in key:
        if isinstance(k, tuple):
            start, stop, step = ("" if p is None else str(p) for p in k[1:])
            parts.append(f"{start}:{stop}" + (f":{step}" if step else ""))
        else:
            parts.append("..." if k is Ellipsis else str(k))
    return ", ".join(parts) if parts else "()"


def _transposed(axes: tuple[int, ...]) -> str:
    return ".T" if axes == tuple(range(len(axes)))[::-1] else f".transpose({axes})"


def _as_view(value: Value) -> str:
    """The index of a part; where it counts, with an ellipsis, so that even a single entry is a view."""
    slices = bool(value.params) and all(isinstance(k, tuple) for k in value.params)
    view = slices or Ellipsis in value.params
    return key_text(value.params if view else (*value.params, Ellipsis))


__all__ = ["Emitted", "NumpyEmitter", "key_text"]
