"""The NumPy backend's training loop: what depends on the data alone first, then one round after the other.

A subclass of the emitter of plain programs, which it uses for every single statement. What is its own: the sections; the state, which is
overwritten by what becomes of it as soon as nobody needs the old value; and numbers that come out of arrays and go back at the end.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from cgraph.compile.emit.numpy import Emitted, NumpyEmitter, unpacked
from cgraph.compile.ir import ELEMENTWISE, VIEWS, Graph, Value, is_number
from cgraph.compile.loop import Loop, Sections, sections
from cgraph.compile.passes.tiles import Step, members, tiled

# May write over what they read.
IN_PLACE = ELEMENTWISE.keys() - {"select", "cast"} | {"gemm"}


class LoopEmitter(NumpyEmitter):
    """Writes ``train(<data>, <state>, t, epochs, every, costs, workspace)``, which works on the arrays of the state in place."""

    numbers_keep = False  # the state changes

    uses_blas = True

    def __init__(self, loop: Loop, threads: int = 1) -> None:
        graph = Graph([*loop.data, *loop.state, loop.step], loop.roots())
        super().__init__(graph, threads)
        self.loop = loop
        self.sections: Sections = sections(loop)
        self.state = {
            now: then for now, then in zip(loop.flat_state(), loop.following, strict=True)
        }

    def emit(self, title: str) -> Emitted:
        loop, parts = self.loop, self.sections
        values = parts.all()
        self.given = self._name_arguments()
        section = {v: i for i, part in enumerate((parts.once, parts.rounds, parts.report, parts.last)) for v in part}  # fmt: skip
        reads = self._state_read(values)
        then = {v: k for k, v in self.state.items()}

        def allowed(value: Value, user: Value) -> bool:
            """An expression may move into a later section only where nothing it reads has changed by then."""
            if section[value] == section[user]:
                return section[value] < 3 or reads[value] <= {then.get(user)}
            return section[user] == 3 and user in then and reads[value] <= {then[user]}

        self.choose_inline(values, set(loop.roots()), allowed)
        later = {a for v in (*parts.rounds, *parts.report, *parts.last) for a in v.args}
        lasting = [v for v in parts.once if v in later]
        outside = [*(a for v in (*parts.report, *parts.last) for a in v.args), *loop.roots()]
        self.steps = tiled(parts.rounds, outside)
        self.update = tiled(parts.last, loop.roots())
        steps: list[Step] = [*parts.once, *self.steps, *parts.report, *self.update]
        written_over = self._written_over([v for s in steps for v in members(s)])
        self.lay_out(
            steps,
            written_over,
            [*lasting, *loop.roots()],
        )
        for value, now in written_over.items():
            self.named[value] = self.named[now]
        self.name_all(values)
        self.note_products(values)
        seen = self._arguments_by_columns()
        for value in values:
            if value in written_over and written_over[value] in self.by_columns:
                self.by_columns[value] = self.by_columns[written_over[value]]
            if value not in self.passing:
                self._make_room(value, written_over)
        self._assemble_loop(title, parts, written_over, seen)
        return self.out

    def _name_arguments(self) -> dict[Value, str]:
        """Names: for what is handed in, and for the numbers in it where it is taken apart."""
        given: dict[Value, str] = {}
        for value in self.graph.arguments:
            if value is self.loop.step:
                self.name(value, "t")
            elif value in self.loop.entries:
                given[value] = self.name(value, value.label)
                for entry in self.loop.entries[value].flat:
                    self.name(entry, entry.label)
            elif is_number(value):
                self.name(value, value.label)
                given[value] = self.names.fresh(f"{value.label}_array")
            else:
                given[value] = self.name(value, value.label)
        return given

    def _arguments_by_columns(self) -> list[str]:
        """Statements that have matrices among the arguments seen by columns, where BLAS multiplies them."""
        found = []
        for value in [*self.loop.data, *self.loop.state]:
            if value in self.multiplied and len(value.shape) == 2 and not is_number(value):
                name = self.by_columns[value] = self.names.fresh(f"{self.named[value]}_columns")
                found.append(f"    {name} = {self.named[value]}.T")
        return found

    def _reshape(self, value: Value) -> None:
        super()._reshape(value)
        if value in self.multiplied and value in self.sections.once and len(value.shape) == 2:
            name = self.by_columns[value] = self.names.fresh(f"{self.named[value]}_columns")
            self.write(value, f"{name} = {self.named[value]}.T")

    def _taken_apart(self, value: Value) -> list[str] | None:
        """The names of the numbers in an argument, or None where it is used as an array."""
        if value in self.loop.entries:
            return [self.named[v] for v in self.loop.entries[value].flat]
        return [self.named[value]] if is_number(value) else None

    def _state_read(self, values: Sequence[Value]) -> dict[Value, set[Value]]:
        """Which state each value's statement reads, through views and through expressions written into it."""
        reads: dict[Value, set[Value]] = {}
        for value in values:
            found: set[Value] = set()
            for arg in value.args:
                if arg in self.state:
                    found.add(arg)
                elif arg.op in VIEWS and not is_number(arg):
                    found |= reads.get(arg, set())
            reads[value] = found
        # An expression that is moved takes what it reads along; asked for when numbers are chosen, operands first.
        return _Closure(reads, self.inline)

    def _written_over(self, values: Sequence[Value]) -> dict[Value, Value]:
        """What becomes of a state -> the state, where it can be written in its place."""
        last_read: dict[Value, int] = {}
        effective = self._state_read(values)
        for i, value in enumerate(values):
            if value not in self.inline:
                for now in effective[value]:
                    last_read[now] = i
        found: dict[Value, Value] = {}
        position = {value: i for i, value in enumerate(values)}
        count = {v: self.loop.following.count(v) for v in self.loop.following}
        for now, value in self.state.items():
            if value not in position or count[value] > 1 or value in self.state:
                continue
            i, read = position[value], last_read.get(now, -1)
            same_kind = is_number(value) == is_number(now) and (
                is_number(value) or self.owned(value)
            )
            if same_kind and (
                read < i or (read == i and (is_number(value) or value.op in IN_PLACE))
            ):
                if value is not self.loop.loss:
                    found[value] = now
        return found

    def _assemble_loop(
        self, title: str, parts: Sections, over: dict[Value, Value], seen: Sequence[str]
    ) -> None:
        loop = self.loop
        names = [*self.given.values(), self.named[loop.step]]
        head = [f"def train({', '.join([*names, 'epochs', 'every', 'costs', 'workspace'])}):"]
        head += [f'    """{title}"""'] if title else []
        if self.workspace:
            head += unpacked(self.workspace, "workspace")
        for value in [*loop.data, *loop.state]:
            flat = self._taken_apart(value)
            if flat:
                head.append(
                    f"    {', '.join(flat)}{',' * (len(flat) == 1)} = entries({self.given[value]})"
                )
        head += seen
        self.lines = head
        if parts.once:
            self._section(parts.once, "what depends on the data alone", 4)
        head.append("    for epoch in range(epochs):")
        if self._steps_counted():
            head.append(f"        {self.named[loop.step]} += 1.0")
        self._section(self.steps, "", 8)
        item = "" if is_number(loop.loss) else ".item()"
        head.append("        if epoch % every == 0:")
        self._section(parts.report, "", 12)
        head.append(f"            costs.append({self.ref(loop.loss)}{item})")
        self._section(self.update, "the update", 8)
        self._carry(over)
        for value in loop.state:
            flat = self._taken_apart(value)
            if flat:
                head.append(
                    f"    {self.given[value]}.flat = {', '.join(flat)}{',' * (len(flat) == 1)}"
                )
        self.out.source = "\n".join(self._short_functions(head)) + "\n"

    def _short_functions(self, lines: list[str]) -> list[str]:
        """Where everything is a number, ``exp`` is no ufunc: the functions of `math` become local names, which are looked up faster."""
        text = "\n".join(lines)
        names = sorted(set(re.findall(r"math\.(\w+)", text)))
        if not names or self.workspace or not self.loop.entries:
            return lines
        lines = [re.sub(r"math\.(\w+)", r"\1", line) for line in lines]
        at = 2 if '"""' in lines[1] else 1
        lines.insert(at, f"    {', '.join(names)} = {', '.join(f'math.{n}' for n in names)}")
        self.out.lines = {(n + 1 if n > at else n): v for n, v in self.out.lines.items()}
        return lines

    def _steps_counted(self) -> bool:
        return any(self.loop.step in v.args for v in self.graph.order())

    def _carry(self, over: dict[Value, Value]) -> None:
        """What was not written in its place is put there at the end of the round."""
        left = [
            (now, then)
            for now, then in self.state.items()
            if over.get(then) is not now and then is not now
        ]
        numbers = [(a, b) for a, b in left if is_number(a)]
        if numbers:
            names, texts = [self.named[a] for a, _ in numbers], [self.ref(b) for _, b in numbers]
            self.lines.append(f"        {', '.join(names)} = {', '.join(texts)}")
        for now, then in left:
            if not is_number(now):
                self.lines.append(f"        copyto({self.named[now]}, {self.ref(then)})")

    def _section(self, values: Sequence[Step], heading: str, indent: int) -> None:
        space = " " * indent
        start = len(self.body)
        self.statements(values)
        if heading and len(self.body) > start:
            self.lines.append(f"{space}# {heading}")
        for text, made in self.body[start:]:
            if made is not None:
                self.out.lines[len(self.lines) + 1] = made
            remark = made.remark if made is not None else ""
            self.lines.append(
                f"{space}{text:<{48 - indent}}  # {remark}" if remark else f"{space}{text}"
            )


class _Closure(dict[Value, Any]):
    """Which state an expression reads, with everything that is written into it by now."""

    def __init__(self, direct: dict[Value, set[Value]], inline: set[Value]) -> None:
        super().__init__()
        self.direct = direct
        self.inline = inline

    def __getitem__(self, value: Value) -> set[Value]:
        found = set(self.direct.get(value, ()))
        for arg in value.args:
            if arg in self.inline:
                found |= self[arg]
        return found
