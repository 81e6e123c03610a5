"""The deep and thin part of a graph of numbers: an interpreter over lists, one Python float after the other.

What a batch of NumPy's costs in calls (`levels`), a loop costs a number: some three hundred nanoseconds, ahead and back. Sums,
differences and products, nine numbers in ten, are written out; any other op is called: the row's own `scalar` and partials.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cgraph.op import FLOAT_ERRORS, OPS, Op
from cgraph.ops import kernels
from cgraph.values import Array

Step = Callable[[], None]

# What a row says, ahead and back. FACTOR: a product of which one side alone gets a share.
ADD, SUBTRACT, MULTIPLY, UNARY, OTHER, SCALE, PASS, FACTOR = range(8)
_AHEAD: dict[Any, int] = {operator.add: ADD, operator.sub: SUBTRACT, operator.mul: MULTIPLY}
_BOTH = 3  # the bits of an op both of whose operands get a share
_FACTORS = OPS["multiply"].partials

# Partials that the tables have as ops of their own, taken directly.
_DIRECT: dict[Any, Callable[[float, float], float]] = {
    OPS["tanh"].partials: lambda out, x: kernels.tanh_slope_float(x),
    OPS["sigmoid"].partials: lambda out, x: kernels.sigmoid_slope_float(x),
}


class Loop:
    """Neighbouring levels with few numbers each.

    Attributes:
        start, stop: its numbers, of the whole graph.
        outside: the numbers of other stretches that it reads; in its own count they come first.
        receivers: those of them that get a share.
        posted: where those shares go.
    """

    def __init__(
        self,
        ops: Sequence[Op],
        start: int,
        stop: int,
        kind: Array,
        args: list[Array],
        mask: Array,
        wanted: Array,
    ) -> None:
        self.start, self.stop = start, stop
        self.ops = [ops[k] for k in kind.tolist()]
        arity = np.array([len(op.partials or ()) for op in ops])[kind]
        read = [a[(arity > j) & (a < start)] for j, a in enumerate(args)]
        self.outside = np.unique(np.concatenate(read))
        n = len(self.outside)
        self.columns = [
            np.where(a >= start, a - start + n, np.searchsorted(self.outside, a)).tolist()
            for a in args
        ]
        given = [a[(mask >> j & 1).astype(bool) & (a < start)] for j, a in enumerate(args)]
        self.receivers = np.unique(np.concatenate(given))
        self._give = np.searchsorted(self.outside, self.receivers).tolist()
        self._mask = mask.tolist()
        ahead = {op: (_code(op), _function(op)) for op in ops}
        codes, functions = zip(*[ahead[op] for op in self.ops], strict=True)
        self._ahead = codes, self.columns[0], self.columns[1], functions
        back = {
            (op, bits): _back(op, bits) for op, bits in set(zip(self.ops, self._mask, strict=True))
        }
        self._back = [
            self._row(k, *back[self.ops[k], self._mask[k]])
            for k in np.flatnonzero(wanted & (mask > 0))[::-1].tolist()
        ]
        # Of its numbers, those that are read elsewhere, that get shares from elsewhere, and whose gradients somebody asks for.
        self.exports = self.arriving = self.totals = self.posted = np.zeros(0, np.intp)

    def _row(
        self, k: int, code: int, partial: Any, swapped: bool
    ) -> tuple[int, int, int, int, Any]:
        """A row of the way back: what to do, the number, two operands, and a partial."""
        i, j = self.columns[0][k], self.columns[1][k]
        return code, k + len(self.outside), *((j, i) if swapped else (i, j)), partial

    # --- running ----------------------------------------------------------------------------------

    def bound(self, values: Array, sums: Array, posts: Array) -> tuple[Step, Step]:
        """The step ahead and the step back on these arrays."""
        n = len(self.outside)
        x: list[float] = []
        exports = (self.exports + n).tolist()
        places = self.exports + self.start
        totals = (self.totals + n).tolist()
        asked = self.totals + self.start
        arriving = self.arriving + self.start
        late = (self.arriving + n).tolist()

        def ahead() -> None:
            x[:] = values[self.outside].tolist()
            self._run(x)
            if exports:
                values[places] = [x[k] for k in exports]

        def back() -> None:
            g = [0.0] * len(x)
            for k, share in zip(late, sums[arriving].tolist(), strict=True):
                g[k] = share
            self._send(x, g)
            posts[self.posted] = [g[k] for k in self._give]
            if totals:
                sums[asked] = [g[k] for k in totals]

        return ahead, back

    def _run(self, x: list[float]) -> None:
        rows = zip(*self._ahead, strict=True)
        put = x.append
        while True:
            try:
                for code, i, j, f in rows:
                    if code == ADD:
                        put(x[i] + x[j])
                    elif code == MULTIPLY:
                        put(x[i] * x[j])
                    elif code == UNARY:
                        put(f(x[i]))
                    elif code == SUBTRACT:
                        put(x[i] - x[j])
                    else:
                        put(f(*self._operands(len(x) - len(self.outside), x)))
                return
            except FLOAT_ERRORS:
                # Python's floats refuse what NumPy answers with inf or nan. The rows go on after this one.
                k = len(x) - len(self.outside)
                put(float(self.ops[k].evaluate(*self._operands(k, x))))

    def _operands(self, k: int, x: list[float]) -> list[float]:
        return [x[column[k]] for column in self.columns[: len(self.ops[k].partials or ())]]

    def _send(self, x: list[float], g: list[float]) -> None:
        rows = iter(self._back)
        while True:
            try:
                for code, k, i, j, partial in rows:
                    u = g[k]
                    if code == ADD:
                        g[i] += u
                        g[j] += u
                    elif code == MULTIPLY:
                        a, b = u * x[j], u * x[i]
                        g[i] += a
                        g[j] += b
                    elif code == UNARY:
                        g[i] += u * partial(x[k], x[i])
                    elif code == PASS:
                        g[i] += u
                    elif code == SUBTRACT:
                        g[i] += u
                        g[j] -= u
                    elif code == SCALE:
                        g[i] += u * partial
                    elif code == OTHER:
                        self._send_all(k - len(self.outside), u, x, g, float)
                    else:  # FACTOR
                        g[i] += u * x[j]
                return
            except FLOAT_ERRORS:
                self._send_all(k - len(self.outside), u, x, g, np.float64)

    def _send_all(
        self, k: int, u: float, x: list[float], g: list[float], number: Callable[[float], Any]
    ) -> None:
        """All shares of one number, computed before any of them is added."""
        op, bits = self.ops[k], self._mask[k]
        operands = [number(a) for a in self._operands(k, x)]
        out = number(x[k + len(self.outside)])
        shares = []
        for j, partial in enumerate(op.partials or ()):
            if bits >> j & 1:
                local: Any = partial if partial.__class__ is float else partial(out, *operands)
                shares.append((self.columns[j][k], float(u * local)))
        for i, share in shares:
            g[i] += share


def _code(op: Op) -> int:
    """How a row is carried out ahead."""
    return _AHEAD.get(op.scalar, UNARY if len(op.partials or ()) == 1 else OTHER)


def _function(op: Op) -> Callable[..., float]:
    """An op on Python's floats."""
    return op.scalar or (lambda *x: float(op.evaluate(*x)))


def _back(op: Op, bits: int) -> tuple[int, Any, bool]:
    """How a row is carried out on the way back, with which partial, and whether its operands change places."""
    partials: Any = op.partials
    if len(partials) > 2 or not bits:
        return OTHER, None, False
    constants = [p if p.__class__ is float else None for p in partials]
    if bits == _BOTH:
        if partials == _FACTORS:
            return MULTIPLY, None, False
        code = ADD if constants == [1.0, 1.0] else SUBTRACT if constants == [1.0, -1.0] else OTHER
        return code, None, False
    constant = constants[bits - 1]
    if constant is not None:
        return PASS if constant == 1.0 else SCALE, constant, bits == 2
    if partials == _FACTORS:
        return FACTOR, None, bits == 2
    if len(partials) == 1:
        return UNARY, _DIRECT.get(partials, partials[0]), False
    return OTHER, None, False
