"""Graphs of numbers as rows of Python's floats: what a Run of one goes through, and the thin stretches of a compiled one.

A row says what to do, and where in a list of floats the operands and the result stand. Sums, differences and products, nine numbers in
ten, are written out below; any other op is called: its own `scalar`, its own partials, on the same operands and in the same order as
everywhere else, so the numbers are the same to the last bit. Where Python refuses what NumPy answers with inf or nan, that one row
is left to NumPy.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from cgraph.node import Node
from cgraph.op import CONSTANT, FLOAT_ERRORS, Op
from cgraph.ops import kernels
from cgraph.ops.elementwise import multiply, sigmoid, tanh

# What is done ahead, and on the way back. Where one operand alone gets a share: FIRST and SECOND, of a product; PASS and PASS_SECOND, the
# upstream as it is; SCALE and SCALE_SECOND, a number times it.
(
    ADD,
    MULTIPLY,
    UNARY,
    SUBTRACT,
    OTHER,
    FIRST,
    SECOND,
    PASS,
    PASS_SECOND,
    SCALE,
    SCALE_SECOND,
    NOTHING,
) = range(12)
_AHEAD: dict[Any, int] = {operator.add: ADD, operator.sub: SUBTRACT, operator.mul: MULTIPLY}
_FACTORS = multiply.partials
# Partials that call an op, taken without the call.
_DIRECT: dict[Any, Callable[[float, float], float]] = {
    tanh.partials: lambda out, x: kernels.tanh_slope_float(x),
    sigmoid.partials: lambda out, x: kernels.sigmoid_slope_float(x),
}


# What a row does: the code and the function ahead; the code and the partial on the way back; its op, and which operands get a share.
# A plain tuple, which Python takes apart faster than one with names.
Action = tuple[int, Any, int, Any, Op, tuple[int, ...]]

_actions: dict[Op, list[Action]] = {}
MOST_PLACES = 1000  # of larger graphs, where each node stands is found out when it is asked for
_gaps: set[Op] = set()  # those of them without a derivative for some operand
_changes = -1


def actions_of(op: Op) -> list[Action]:
    """What a row of an op does, by which of its operands want a share, as bits: the first is 1."""
    global _changes
    if _changes != Op.changes:  # a planted fault, a patched forward
        _actions.clear()
        _gaps.clear()
        _changes = Op.changes
    found = _actions.get(op)
    if found is None:
        partials = op.partials or ()
        found = _actions[op] = [_action(op, bits) for bits in range(2 ** len(partials))]
        if None in partials:
            _gaps.add(op)
    return found


def _action(op: Op, bits: int) -> Action:
    partials: Any = op.partials or ()
    shares = tuple(j for j, p in enumerate(partials) if bits >> j & 1 and p is not None)
    ahead = _AHEAD.get(op.scalar, UNARY if len(partials) == 1 else OTHER)
    function = op.scalar or (lambda *x: float(op.evaluate(*x)))
    constants = [p if p.__class__ is float else None for p in partials]
    back, partial = OTHER, None
    if not shares:
        back = NOTHING
    elif partials == _FACTORS:
        back = MULTIPLY if len(shares) == 2 else FIRST if shares == (0,) else SECOND
    elif len(shares) == 2 and constants in ([1.0, 1.0], [1.0, -1.0]):
        back = ADD if constants[1] == 1.0 else SUBTRACT
    elif shares == (0,) and constants[0] is not None:
        back, partial = PASS if constants[0] == 1.0 else SCALE, constants[0]
    elif shares == (1,) and constants[1] is not None:
        back, partial = PASS_SECOND if constants[1] == 1.0 else SCALE_SECOND, constants[1]
    elif len(partials) == 1:
        back, partial = UNARY, _DIRECT.get(partials, partials[0])
    return ahead, function, back, partial, op, shares


class Rows:
    """Rows in the order in which they are carried out.

    Attributes:
        at: where each row's result stands.
        actions: what it does.
        first, second: where its operands stand; the second is the first where there is none.
        rest: where the operands of rows with more than two stand.
    """

    def __init__(self) -> None:
        self.at: Sequence[int] = []
        self.actions: list[Action] = []
        self.first: list[int] = []
        self.second: list[int] = []
        self.rest: dict[int, Sequence[int]] = {}

    def operands(self, k: int, i: int, j: int) -> Sequence[int]:
        return self.rest.get(k) or (i, j)

    def run(self, x: list[float]) -> None:
        """Compute the results."""
        rows = zip(self.at, self.actions, self.first, self.second, strict=True)
        while True:
            try:
                for k, (code, function, _, _, op, _), i, j in rows:  # noqa: B007  (asked for below)
                    if code == ADD:
                        x[k] = x[i] + x[j]
                    elif code == MULTIPLY:
                        x[k] = x[i] * x[j]
                    elif code == UNARY:
                        x[k] = function(x[i])
                    elif code == SUBTRACT:
                        x[k] = x[i] - x[j]
                    else:
                        x[k] = function(*[x[a] for a in self.operands(k, i, j)])
                return
            except FLOAT_ERRORS:
                places = (i,) if len(op.partials or ()) == 1 else self.operands(k, i, j)
                with np.errstate(all="ignore"):
                    x[k] = float(op.forward(*[np.float64(x[a]) for a in places]))

    def send(self, x: list[float], g: list[Any]) -> None:
        """Add every row's shares to the gradients of its operands, last row first."""
        rows = zip(*map(reversed, (self.at, self.actions, self.first, self.second)), strict=True)
        while True:
            try:
                for k, (_, _, code, partial, op, shares), i, j in rows:
                    if code == ADD:
                        u = g[k]
                        g[i] += u
                        g[j] += u
                    elif code == MULTIPLY:
                        u = g[k]
                        share = u * x[i]
                        g[i] += u * x[j]
                        g[j] += share
                    elif code == UNARY:
                        g[i] += g[k] * partial(x[k], x[i])
                    elif code == FIRST:
                        g[i] += g[k] * x[j]
                    elif code == SECOND:
                        g[j] += g[k] * x[i]
                    elif code == SUBTRACT:
                        u = g[k]
                        g[i] += u
                        g[j] -= u
                    elif code == PASS:
                        g[i] += g[k]
                    elif code == PASS_SECOND:
                        g[j] += g[k]
                    elif code == SCALE:
                        g[i] += g[k] * partial
                    elif code == SCALE_SECOND:
                        g[j] += g[k] * partial
                    elif code == OTHER:
                        self._send_each(k, i, j, op, shares, x, g, float)
                return
            except FLOAT_ERRORS:
                with np.errstate(all="ignore"):
                    self._send_each(k, i, j, op, shares, x, g, np.float64)

    def _send_each(
        self, k: int, i: int, j: int, op: Op, shares: Iterable[int], x: list[float], g: list[Any],
        number: Callable[[float], Any],
    ) -> None:  # fmt: skip
        """The shares of one row, computed before any of them is added."""
        partials: Any = op.partials
        places = (i,) if len(partials) == 1 else self.operands(k, i, j)
        operands = [number(x[a]) for a in places]
        out, upstream = number(x[k]), number(g[k])
        found = []
        for n in shares:
            partial = partials[n]
            local = partial if partial.__class__ is float else partial(out, *operands)
            found.append((places[n], upstream if local.__class__ is float and local == 1.0 else upstream * local))  # fmt: skip
        for place, share in found:
            g[place] += float(share)


class FloatGraph(Rows):
    """All of a graph of numbers, read once.

    Attributes:
        nodes: the topological order.
        leaves: those whose values can change, with their places.
        blank: the values that cannot.
        zeros: what the gradients of nodes that get any start from; -0.0, because 0.0 + -0.0 is 0.0. None for the rest.
    """

    def __init__(self, roots: Sequence[Node]) -> None:
        super().__init__()
        self.changes = Op.changes
        self.nodes: list[Node] = []
        leaves: list[tuple[int, Node]] = []
        self._position: dict[Node, int] | None = self._read(roots, leaves)
        self.blank: list[Any] = [None] * len(self.nodes)
        self.leaves = []
        for k, node in leaves:
            if node.op is CONSTANT:
                self.blank[k] = float(node._value)
            else:
                self.leaves.append((k, node))
        self.zeros = [-0.0 if node.active else None for node in self.nodes]
        if _gaps and not _gaps.isdisjoint([op for *_, op, _ in self.actions]):
            self._leave_out()

    def _read(self, roots: Sequence[Node], leaves: list[tuple[int, Node]]) -> dict[Node, int]:
        """The walk of `graph.order`, with everything else that there is to know of a node while it is at hand."""
        actions_of(multiply)  # looks whether what is known of the ops is stale
        known = _actions
        at: dict[Node, int] = {}
        places: list[int] = []
        self.at = places
        see, place, act = self.nodes.append, places.append, self.actions.append
        one, two = self.first.append, self.second.append
        k = 0
        for root in roots:
            stack = [root]
            push, pop = stack.append, stack.pop
            while stack:
                node = pop()
                if node in at:
                    continue
                parents = node.parents
                if len(parents) == 2:
                    a, b = parents
                    if a not in at:
                        push(node)
                        push(b)
                        push(a)
                        continue
                    if b not in at:
                        push(node)
                        push(b)
                        continue
                    one(at[a])
                    two(at[b])
                    bits = (3 if b.active else 1) if a.active else 2 if b.active else 0
                elif len(parents) == 1:
                    a = parents[0]
                    if a not in at:
                        push(node)
                        push(a)
                        continue
                    i = at[a]
                    one(i)
                    two(i)
                    bits = 1 if a.active else 0
                elif parents:
                    if not all([p in at for p in parents]):
                        stack += [node, *reversed(parents)]
                        continue
                    self.rest[k] = operands = [at[p] for p in parents]
                    one(operands[0])
                    two(operands[1])
                    bits = sum([p.active << n for n, p in enumerate(parents)])
                else:
                    at[node] = k
                    see(node)
                    leaves.append((k, node))
                    k += 1
                    continue
                at[node] = k
                see(node)
                place(k)
                k += 1
                op = node.op
                act((known[op] if op in known else actions_of(op))[bits])
        return at

    def let_go(self, last: Node) -> dict[Node, int] | None:
        """Hold the last node no longer, which is to hold this; and where all others stand, unless there are many."""
        at, self._position = self._position, None
        if self.leaves and self.leaves[-1][1] is last:
            self.leaves.pop()
        if at is None or len(at) > MOST_PLACES:
            return None
        del at[last]
        return at

    def _leave_out(self) -> None:
        """Send nothing from where nothing arrives: a gradient that is not there is not zero (0 · inf)."""
        reached = [False] * len(self.zeros)
        reached[-1] = True
        for r in range(len(self.actions) - 1, -1, -1):
            k, (*_, op, shares) = self.at[r], self.actions[r]
            places = self.operands(k, self.first[r], self.second[r])
            if not reached[k]:
                self.actions[r] = actions_of(op)[0]
                continue
            for n in shares:
                reached[places[n]] = True
        self.zeros = [z if there else None for z, there in zip(self.zeros, reached, strict=True)]
