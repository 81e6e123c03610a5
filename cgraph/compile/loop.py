"""A training loop in the intermediate representation, before it is written out.

`Loop` is to a training program what `Graph` is to a plain one: what comes in once (data), what goes round (state: parameters, and what the
optimizer remembers), what it becomes, and the loss. `trained` builds it from a graph and an optimizer; `sections` says
what is computed once, in
every round, only when the loss is asked for, and last.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cgraph.compile.ir import FLOAT64, VIEWS, Value, is_number, order, users
from cgraph.compile.ir.lower import lower
from cgraph.compile.ir.symbols import Symbol
from cgraph.compile.labels import Label
from cgraph.compile.passes.algebra import factored
from cgraph.compile.passes.folding import Folding, Joint, alone, find_joints, in_a_row
from cgraph.compile.passes.recompute import arriving_at, recomputed
from cgraph.compile.passes.tiles import is_long
from cgraph.compile.passes.unroll import entry_label, unroll, worthwhile
from cgraph.errors import UnsupportedError
from cgraph.node import Node


@dataclass
class Loop:
    """A loop for an emitter.

    Attributes:
        data: arguments that stay as they are.
        state: arguments that change, and `following` what each becomes in a round.
        step: the number of the round, counted over all calls, from 1.
        loss: what is reported, from before the round's update.
        entries: where a graph was unrolled, the entries of data and state, each an argument of its own.
        joints: parameters that lie in one array, a weight matrix with its bias.
    """

    data: list[Value]
    state: list[Value]
    following: list[Value]
    step: Value
    loss: Value
    entries: dict[Value, Any]

    def flat_state(self) -> list[Value]:
        """The state as `following` has it: entry by entry where it was taken apart."""
        found: list[Value] = []
        for value in self.state:
            found += list(self.entries[value].flat) if value in self.entries else [value]
        return found

    def roots(self) -> list[Value]:
        return [self.loss, *self.following]


@dataclass
class Sections:
    """The statements of a loop in order: `once`, then in every round `rounds`, when asked `report`, and `last`."""

    once: list[Value]
    rounds: list[Value]
    report: list[Value]
    last: list[Value]

    def all(self) -> list[Value]:
        return [*self.once, *self.rounds, *self.report, *self.last]


def trained(
    b: Folding,
    loss: Node,
    slopes: Sequence[Node],
    parameters: Sequence[Node],
    data: Sequence[Node],
    shapes: Sequence[tuple[int, ...]],
    optimizer: Any,
    cotangents: Mapping[Node, Node],
    folded: bool,
    labels: Collection[Label] = (),
) -> tuple[Loop, list[Joint]]:
    """The loop that trains `parameters`, whose gradients are `slopes`, with data of these shapes and labels that are as they mostly are.

    State comes in the order: for each joint, itself and its slots.
    """
    b.growing = True
    values: dict[Node, Value] = {}
    arguments: list[Value] = []
    for leaf, shape in zip(data, shapes, strict=True):
        values[leaf] = argument(b, len(arguments), leaf.basename or leaf.kind, shape, leaf.dtype)
        arguments.append(values[leaf])
    b.invariant = set(arguments)
    b.zero_or_one = {arguments[label.position] for label in labels if label.binary}
    b.one_of_many = {arguments[label.position]: label.axis for label in labels if not label.binary}
    if folded:
        joints = in_a_row(find_joints(loss, parameters, values), optimizer.n_slots)
    else:
        joints = alone(parameters)
    state, slots = [], []
    position = len(arguments)
    for joint in joints:
        value = argument(b, position, joint.label, joint.shape, joint.dtype)
        remembered = [
            argument(b, position + 1 + k, f"{joint.label}_slot{k}", joint.shape, joint.dtype)
            for k in range(optimizer.n_slots)
        ]
        position += 1 + len(remembered)
        state += [value, *remembered]
        slots.append(remembered)
        values.update(joint.parts(b, value))
    step = argument(b, position, "t", (), FLOAT64)
    (cost,) = lower(b, [loss], values)
    b.outward = True
    found = lower(b, slopes, values)
    name_cotangents(values, cotangents)
    found = recomputed(b, [cost], found, arriving_at(b.boundaries, values, cotangents))
    gradients = dict(zip(parameters, found, strict=True))
    following: list[Value] = []
    t = Symbol(b, step, weak=True)
    for joint, remembered in zip(joints, slots, strict=True):
        slope = joint.slope(b, gradients)
        value = state[len(following)]
        try:
            w, new = optimizer.update(
                Symbol(b, value), Symbol(b, slope), tuple(Symbol(b, s) for s in remembered), t
            )
        except (TypeError, AttributeError, ValueError) as error:
            raise UnsupportedError(
                f"the rule of {optimizer!r} has to be written with operators and ufuncs to be compiled: {error}"
            ) from error
        following += [b.broadcast(b.cast(x.value, joint.dtype), joint.shape) for x in (w, *new)]
    return Loop(arguments, state, following, step, cost, {}), joints


def name_cotangents(
    values: Mapping[Node, Value], cotangents: Mapping[Node, Node], outputs: Collection[Node] = ()
) -> None:
    """Call the gradients of named nodes dZ, dW; where a factor has travelled on, what stands without it has the name."""
    for node, target in cotangents.items():
        if node in values:
            for value in {values[node], factored(values[node])[0]}:
                if value.args and value.gradient_of is None:
                    value.gradient_of = target
            value = values[node] if node in outputs else factored(values[node])[0]
            if not value.label and value.args:
                value.label = f"d{target.basename or 'w'}"


def argument(b: Folding, position: int, label: str, shape: tuple[int, ...], dtype: Any) -> Value:
    value = b.argument(position, shape, dtype)
    value.label = label
    return value


def unrolled(b: Folding, loop: Loop, guarded: bool = False) -> Loop:
    """The same loop on numbers, where its arrays are small enough for that to be cheaper; `guarded` as for `unroll`."""
    if not worthwhile(loop.roots()) or any(v.dtype != FLOAT64 for v in [*loop.data, *loop.state]):
        return loop
    position = len(loop.data) + len(loop.state) + 1
    entries: dict[Value, Any] = {}
    for value in [*loop.data, *loop.state]:
        found = np.empty(value.shape, object)
        for index in np.ndindex(value.shape):
            label = entry_label(value.label, value.shape, index)
            found[index] = argument(b, position, label, (), FLOAT64)
            position += 1
        entries[value] = found
        if value in b.invariant:
            b.invariant.update(found.flat)
    step = np.empty((), object)
    step[()] = loop.step
    loss, *following = unroll(b, loop.roots(), {**entries, loop.step: step}, guarded)
    flat = [v for array in following for v in array.flat]
    return Loop(loop.data, loop.state, flat, loop.step, loss.flat[0], entries)


def _row(value: Value) -> bool:
    """Whether a value is a stretch of a row in another shape, which is a view."""
    return value.args[0].op == "index" and len(value.args[0].args[0].shape) == 1


def sections(loop: Loop) -> Sections:
    """What is computed once, in every round, when the loss is reported, and last.

    What depends on the data alone is the same in every round. What becomes of the state is written last, so that it can
    take the place of what it was.
    """
    values = [v for v in order(loop.roots()) if v.op not in ("argument", "literal")]
    varying: set[Value] = {*loop.flat_state(), loop.step}
    for value in values:
        if any(a in varying for a in value.args):
            varying.add(value)
    needed = set(order(loop.following))
    # A view of the state shows what it becomes, too.
    shown = {v for v in loop.state if not is_number(v)}
    for value in values:
        if value.op in VIEWS and value.args[0] in shown and not is_number(value):
            if value.op != "reshape" or value.args[0].op in ("argument", "reshape") or _row(value):
                shown.add(value)
    once = [v for v in values if v not in varying or v in shown]
    inside = [v for v in values if v in varying and v not in shown]
    used = users(order(loop.roots()))
    following = set(loop.following)
    late: set[Value] = set()
    for v in reversed(inside):
        # What only the update needs goes with it, where they run in pieces together.
        if (
            v is not loop.loss
            and (v in following or is_long(v))
            and all(u in late for u in used[v])
        ):
            late.add(v)
    last = [v for v in inside if v in late]
    return Sections(
        once,
        [v for v in inside if v in needed and v not in late],
        [v for v in inside if v not in needed],
        last,
    )
