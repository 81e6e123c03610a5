"""A training with its loop as one function for numba: what a program is, around which epochs go, with a state that is written over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from cgraph.compile.emit.numba import Kernel, NumbaEmitter, array_kind, used_once
from cgraph.compile.ir import ELEMENTWISE, VIEWS, Graph, Value, is_number
from cgraph.compile.loop import Loop, sections
from cgraph.compile.passes.nests import Nest, Step, computed, nested, operands, ordered


class NumbaLoopEmitter(NumbaEmitter):
    """Writes ``kernel(<data>, <state>, step, epochs, every, costs, <buffers>, <constants>)``."""

    def __init__(self, loop: Loop) -> None:
        super().__init__(Graph([], loop.roots()))
        self.loop = loop

    def emit(self, title: str) -> Kernel:
        w, loop = self.writer, self.loop
        held = [*loop.data, *loop.state]
        self.name_arguments([*held, loop.step])
        parts = self._parts()
        once, rounds, report, last = parts
        every = [step for part in parts for step in part]
        state = dict(zip(loop.flat_state(), loop.following, strict=True))
        w.over = self._written_over(last, every, state)
        later = [a for part in parts[1:] for step in part for a in _read(step)]
        self.lay_out(every, w.over, [*later, *loop.roots()])
        w.inline = used_once(parts, set(loop.roots()))
        self.head(held)
        if once:
            w.say("# what depends on the data alone")
            self.write(once)
        with w.under("for epoch in range(epochs):"):
            if any(loop.step in v.args for v in self.graph.order()):
                w.say(f"{w.name(loop.step)} += 1.0")
            self.write(rounds)
            with w.under("if epoch % every == 0:"):
                self.write(report)
                w.say(f"costs[epoch // every] = {w.number(loop.loss)}")
            if last:
                w.say("# the update")
            self.write(last)
            self._carry(state)
        for value in loop.state:
            for entry, place in self.taken_apart(value):
                w.say(f"{place} = {w.named[entry]}")
        counts = [(w.name(loop.step), "number"), ("epochs", "count"), ("every", "count")]
        given = [(w.given[v], array_kind(v, v in loop.state)) for v in held]
        self.assemble(title, [*given, *counts, ("costs", (np.dtype(np.float64), 1, True))])
        return self.out

    def holds_number(self, value: Value) -> bool:
        """Data and state come as arrays, also where they are numbers."""
        loop = self.loop
        if value in loop.entries:
            return False
        return value.size == 1 and (not is_number(value) or value in loop.state or value in loop.data)  # fmt: skip

    def taken_apart(self, value: Value) -> list[tuple[Value, str]]:
        """The numbers in an argument, with where they lie; a small state is numbers altogether."""
        if value not in self.loop.entries:
            return super().taken_apart(value)
        name = self.writer.given[value]
        found = np.ndenumerate(self.loop.entries[value])
        return [(entry, f"{name}[{', '.join(map(str, at)) or '()'}]") for at, entry in found]

    def _parts(self) -> list[list[Step]]:
        """The steps of each section: without the broadcasts that nobody needs as arrays."""
        parts = sections(self.loop)
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

    def _written_over(
        self, last: Sequence[Step], every: Sequence[Step], state: Mapping[Value, Value]
    ) -> dict[Value, Value]:
        """Arrays of the state that are written over in the loop that computes what becomes of them, where nobody reads them later."""
        following = self.loop.following
        over: dict[Value, Value] = {}
        for now, then in state.items():
            if now.size == 1 or then is now or following.count(then) > 1 or then is self.loop.loss:
                continue
            at = next((i for i, s in enumerate(last) if isinstance(s, Nest) and then in s.members), None)  # fmt: skip
            if at is None or then.op not in ELEMENTWISE:
                continue
            shows = _views_of(now, every)
            if shows & set(following):
                continue
            if any(a in shows for s in last[at + 1 :] for a in _read(s)):
                continue
            inside = [v for v in computed(last[at]) if any(a in shows for a in operands(v))]
            if all(
                v.op in ELEMENTWISE and not any(a in shows and a is not now for a in operands(v))
                for v in inside
            ):
                over[then] = now
        return over

    def _carry(self, state: Mapping[Value, Value]) -> None:
        """What was not written in its place is put there at the end of the round."""
        w = self.writer
        numbers = [(a, b) for a, b in state.items() if a.size == 1 and b is not a]
        if numbers:
            names = [w.named[a] for a, _ in numbers]
            w.say(f"{', '.join(names)} = {', '.join(w.number(b) for _, b in numbers)}")
        left = [
            (now, then) for now, then in state.items()
            if now.size != 1 and then is not now and w.over.get(then) is not now
        ]  # fmt: skip
        shown = {v: w.names.fresh("kept") for _, v in left if v.op in (*VIEWS, "argument")}
        for value, name in shown.items():  # which the next lines may overwrite
            w.say(f"{name} = {w.array(value)}.copy()")
        for now, then in left:
            if then in shown:
                source = shown[then]
                w.fill(now.shape, w.given[now], lambda at, s=source: f"{s}[{', '.join(at)}]")  # type: ignore[misc]
            else:
                self.copy_to(w.given[now], then)


def _read(step: Step) -> list[Value]:
    """What a step reads."""
    return [a for v in computed(step) for a in operands(v)]


def _views_of(state: Value, steps: Sequence[Step]) -> set[Value]:
    """The state, and everything that shows it."""
    found = {state}
    for step in steps:
        if not isinstance(step, Nest) and step.op in VIEWS and step.args[0] in found:
            found.add(step)
    return found
