"""The deep and thin part of a graph of numbers: rows of Python's floats (`cgraph.floats`) between the arrays of batches.

What a batch of NumPy's costs in calls (`levels`), a loop costs a number: some three hundred nanoseconds, ahead and back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from cgraph.floats import Rows, actions_of
from cgraph.op import Op
from cgraph.values import Array

Step = Callable[[], None]


class Loop(Rows):
    """Neighbouring levels with few numbers each.

    Attributes:
        start, stop: its numbers, of the whole graph.
        outside: the numbers of other stretches that it reads; in the list they come first.
        receivers: those of them that get a share.
        posted: where those shares go.
        exports, arriving, totals: of its own numbers, counted from its start, those that are read elsewhere, that get shares from
            elsewhere, and whose gradients somebody asks for.
    """

    def __init__(
        self,
        ops: Sequence[Op],
        start: int,
        stop: int,
        kind: Array,
        args: list[Array],
        shares: Array,
    ) -> None:
        """`shares` says, as bits, which operands of each number get one."""
        super().__init__()
        self.start, self.stop = start, stop
        arity = np.array([len(op.partials or ()) for op in ops])[kind]
        used = [a[(arity > j) & (a < start)] for j, a in enumerate(args)]
        self.outside = np.unique(np.concatenate(used))
        n = len(self.outside)
        places = [
            np.where(a >= start, a - start + n, np.searchsorted(self.outside, a)) for a in args
        ]
        given = [a[(shares >> j & 1).astype(bool) & (a < start)] for j, a in enumerate(args)]
        self.receivers = np.unique(np.concatenate(given))
        self._give = np.searchsorted(self.outside, self.receivers).tolist()
        self.at = range(n, n + stop - start)
        actions = [actions_of(op) for op in ops]
        self.actions = [
            actions[k][bits] for k, bits in zip(kind.tolist(), shares.tolist(), strict=True)
        ]
        self.first = places[0].tolist()
        self.second = np.where(arity > 1, places[1], places[0]).tolist()
        for row in np.flatnonzero(arity > 2).tolist():
            self.rest[n + row] = [int(column[row]) for column in places[: arity[row]]]
        self.exports = self.arriving = self.totals = self.posted = np.zeros(0, np.intp)

    def bound(self, values: Array, sums: Array, posts: Array) -> tuple[Step, Step]:
        """The step ahead and the step back on these arrays."""
        n = len(self.outside)
        x: list[float] = []
        blank = [0.0] * (self.stop - self.start)
        exports = (self.exports + n).tolist()
        places = self.exports + self.start
        totals = (self.totals + n).tolist()
        asked = self.totals + self.start
        arriving = self.arriving + self.start
        late = (self.arriving + n).tolist()

        def ahead() -> None:
            x[:] = values[self.outside].tolist()
            x.extend(blank)
            self.run(x)
            if exports:
                values[places] = [x[k] for k in exports]

        def back() -> None:
            g = [-0.0] * len(x)
            for k, share in zip(late, sums[arriving].tolist(), strict=True):
                g[k] = share
            self.send(x, g)
            posts[self.posted] = [g[k] for k in self._give]
            if totals:
                sums[asked] = [g[k] for k in totals]

        return ahead, back
