"""A graph of numbers, evaluated and differentiated in batches: one call of NumPy for all numbers of one level and one op.

The numbers are laid out anew, so that those of equal level and equal op lie side by side. Then a *batch* gathers its operands, applies
the row's own forward to all of them at once, and writes a slice; on the way back it applies the row's own partials and posts the shares,
each to a place of its own. What has been posted for a level is added up before the level is differentiated (`Sums`).

A batch costs some ten calls whatever its size, so levels with few numbers an op are no batches: neighbouring ones make a *loop* over
Python's floats (`float_loop`). A graph may have both, wide layers and a long sum of their results; the shape of each stretch decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cgraph.compile.scalars.float_loop import Loop
from cgraph.compile.scalars.reading import LEAF, Scalars
from cgraph.op import Op
from cgraph.values import Array

ENOUGH = (
    32  # numbers a batch, on average over a level, from which on batches are faster than a loop
)
MOST_ADDED = 6  # shares a number that are added array by array; those of the few with more are summed one number at a time

Step = Callable[[], None]


@dataclass
class Batch:
    """Numbers of one level and one op, which stand side by side.

    Attributes:
        args: where the operands stand.
        posted: for each operand, the places that its shares are posted to; None where nobody wants them.
    """

    op: Op
    start: int
    stop: int
    args: list[Array]
    posted: list[Array | None] = field(default_factory=list)

    def bound(self, values: Array, sums: Array, posts: Array) -> tuple[Step, Step]:
        """The step ahead and the step back on these arrays."""
        out, upstream = values[self.start : self.stop], sums[self.start : self.stop]
        operands = [np.empty(len(out)) for _ in self.args]
        gathers = list(zip(self.args, operands, strict=True))
        forward, take = self.op.forward, values.take
        fills = isinstance(forward, np.ufunc)

        def ahead() -> None:
            for places, operand in gathers:
                take(places, None, operand, "clip")
            if fills:
                forward(*operands, out=out)
            else:
                out[...] = forward(*operands)

        partials: Any = self.op.partials
        shares = [(p, to) for p, to in zip(partials, self.posted, strict=True) if to is not None]

        def back() -> None:
            for partial, places in shares:
                if partial.__class__ is not float:
                    posts[places] = upstream * partial(out, *operands)
                else:
                    posts[places] = upstream if partial == 1.0 else upstream * partial

        return ahead, back


@dataclass
class Sums:
    """The gradients of the numbers of one stretch: what was posted for each, added up.

    Attributes:
        owners: the numbers, those with most shares first.
        start: where the posts for them begin: the first shares of all, the second shares of those that have one, and so on.
        rounds: how many numbers have a first share, a second, ...
        heavy: for the first few, where the rest of their many shares begins; the end of it all is `stop`.
    """

    owners: Array
    start: int
    rounds: list[int]
    heavy: Array
    stop: int

    def bound(self, sums: Array, posts: Array) -> Step:
        """The step on these arrays."""
        at = self.start
        parts = []
        for n in self.rounds:
            parts.append(posts[at : at + n])
            at += n
        total, later = parts[0], parts[1:]
        rest, many = posts[at : self.stop], len(self.heavy)
        heavy = self.heavy - at
        owners: Any = self.owners
        if (
            len(owners)
            and owners[-1] - owners[0] == len(owners) - 1
            and np.all(np.diff(owners) == 1)
        ):
            owners = slice(int(owners[0]), int(owners[-1]) + 1)  # fmt: skip

        def add_up() -> None:
            for part in later:
                head = total[: len(part)]
                np.add(head, part, out=head)
            if many:
                total[:many] += np.add.reduceat(rest, heavy)
            sums[owners] = total

        return add_up


class Levels:
    """The plan of a graph of numbers.

    Attributes:
        place: where each number of the table stands now.
        stretches: the batches and loops, in order.
        sums: for each stretch, and for the leaves at the end, what is added up before it is differentiated.
        size, posts: how many numbers there are, and how many places for shares.
        seed: the place of the share that a backward pass starts from.
        depth, batches, loops: for reading.
    """

    def __init__(self, table: Scalars, shown: Array, targets: Array | None) -> None:
        """Plan for the numbers `shown`, and for the gradients of the root towards `targets`, if any are asked for."""
        self.size = n = len(table.kind)
        kind = table.kind
        wanted = np.zeros(n, bool) if targets is None else _wanted(table)
        # Which operands get a share, as bits.
        differentiable = [_sends_to(op) for op in table.ops]
        mask = np.zeros(n, np.intp)
        for j, arg in enumerate(table.args):
            can = np.array([j in sent for sent in differentiable] + [False])  # the last for leaves
            mask |= (wanted & can[kind] & (arg >= 0) & table.active[arg]) << j
        key = (
            ((table.level * 2 + ~wanted) * (len(table.ops) + 1) + kind + 1) << len(table.args)
        ) + mask
        key[kind == LEAF] = -1  # leaves stay in their order
        order = np.argsort(key, kind="stable")
        self.place = np.empty(n, np.intp)
        self.place[order] = np.arange(n)
        kind, mask, key, level = kind[order], mask[order], key[order], table.level[order]
        # A last place for "no operand".
        place = np.append(self.place, -1)
        args = [place[arg[order]] for arg in table.args]
        wanted = wanted[order]
        exported = np.zeros(n, bool)
        exported[self.place[shown]] = True

        leaves = int(np.searchsorted(level, 1))
        starts = np.flatnonzero(np.diff(key, prepend=-2))
        starts = starts[starts >= leaves]
        self.stretches: list[Batch | Loop] = []
        for begin, end, heads in _stretches(level, starts, leaves):
            if heads is None:
                columns = [arg[begin:end] for arg in args]
                self.stretches.append(Loop(table.ops, begin, end, kind[begin:end], columns, mask[begin:end]))  # fmt: skip
                continue
            for a, b in zip(heads, [*heads[1:], end], strict=True):
                op = table.ops[kind[a]]
                operands = args[: len(op.partials or ())]
                self.stretches.append(Batch(op, a, b, [x[a:b] for x in operands]))
        self._export(exported)
        self.depth = int(table.level.max(initial=0))
        self.loops = sum(isinstance(s, Loop) for s in self.stretches)
        self.batches = len(self.stretches) - self.loops
        self.leaves = leaves
        self.posts, self.seed = 0, 0
        self.sums: list[Sums | None] = [None] * (len(self.stretches) + 1)
        if targets is not None:
            self._post(mask, level, int(self.place[table.root]))
            asked = np.zeros(n, bool)
            asked[self.place[targets]] = True
            for stretch, added in zip(self.stretches, self.sums[1:], strict=True):
                if isinstance(stretch, Loop):
                    stretch.totals = np.flatnonzero(asked[stretch.start : stretch.stop])
                    if added is not None:
                        stretch.arriving = added.owners - stretch.start

    def _export(self, exported: Array) -> None:
        """Tell the loops which of their numbers somebody else reads."""
        for stretch in self.stretches:
            if isinstance(stretch, Loop):
                exported[stretch.outside] = True
            else:
                for arg in stretch.args:
                    exported[arg] = True
        for stretch in self.stretches:
            if isinstance(stretch, Loop):
                stretch.exports = np.flatnonzero(exported[stretch.start : stretch.stop])

    def _post(self, mask: Array, level: Array, root: int) -> None:
        """Give every share a place, so that those for one stretch lie together, and those that are added in one call as well."""
        owners = [np.array([root])]
        for stretch in reversed(self.stretches):
            if isinstance(stretch, Loop):
                owners.append(stretch.receivers)
            else:
                bits = int(mask[stretch.start])
                owners += [arg for j, arg in enumerate(stretch.args) if bits >> j & 1]
        to = np.concatenate(owners)
        # Stretches are numbered so that a level of batches is one, as is a loop; the leaves are number 0.
        number = np.zeros(self.size, np.intp)
        count = before = 0
        first_of: list[int] = []
        for stretch in self.stretches:
            here = int(level[stretch.start])
            count += here != before
            before = here
            first_of.append(count)
            number[stretch.start : stretch.stop] = count
        places, found = _sums(to, number, self.size, count + 1)
        self.posts = len(to)
        self.seed = int(places[0])
        at = 1
        for stretch in reversed(self.stretches):
            if isinstance(stretch, Loop):
                stretch.posted = places[at : at + len(stretch.receivers)]
                at += len(stretch.receivers)
                continue
            bits = int(mask[stretch.start])
            for j, arg in enumerate(stretch.args):
                asked = bool(bits >> j & 1)
                stretch.posted.append(places[at : at + len(arg)] if asked else None)
                at += len(arg) * asked
        # A level's sums are taken before its last batch is differentiated, which is the first on the way back.
        for i, k in enumerate(first_of):
            if i + 1 == len(first_of) or first_of[i + 1] != k:
                self.sums[i + 1] = found[k]
        self.sums[0] = found[0]

    def bound(self, values: Array, sums: Array, posts: Array) -> tuple[list[Step], list[Step]]:
        """The steps ahead and the steps back, in the order to be taken, on arrays of the given sizes."""
        ahead: list[Step] = []
        back: list[Step] = []
        for stretch, added in zip(self.stretches, self.sums[1:], strict=True):
            forward, backward = stretch.bound(values, sums, posts)
            ahead.append(forward)
            if isinstance(stretch, Loop) or any(p is not None for p in stretch.posted):
                back.append(backward)
            if added is not None:
                back.append(added.bound(sums, posts))
        back.reverse()
        if self.sums[0] is not None:
            back.append(self.sums[0].bound(sums, posts))
        return ahead, back


def _sends_to(op: Op) -> list[int]:
    """Which operands of an op get a share."""
    return [j for j, partial in enumerate(op.partials or ()) if partial is not None]


def _wanted(table: Scalars) -> Array:
    """Which numbers have a gradient that leads somewhere: on a way from the root to what was asked for."""
    wanted = table.active.copy()
    wanted[table.below :] = False
    sends = [_sends_to(op) for op in table.ops]
    if any(len(sent) < len(op.partials or ()) for sent, op in zip(sends, table.ops, strict=True)):
        # A share that is never sent leaves what is below without a gradient, which is not the same as zero (0 · inf).
        reached = np.zeros(len(wanted), bool)
        reached[table.root] = True
        columns = [arg.tolist() for arg in table.args]
        kinds = table.kind.tolist()
        for k in range(table.root, -1, -1):
            if reached[k] and kinds[k] != LEAF:
                for j in sends[kinds[k]]:
                    reached[columns[j][k]] = True
        wanted &= reached
    return wanted


def _stretches(
    level: Array, starts: Array, leaves: int
) -> Iterator[tuple[int, int, list[int] | None]]:
    """Levels as (begin, end, starts of the batches), and runs of levels with too few numbers a batch as (begin, end, None)."""
    n = len(level)
    edges = [*np.flatnonzero(np.diff(level, prepend=-1)).tolist(), n]
    edges = [e for e in edges if e >= leaves] if leaves < n else []
    heads = np.searchsorted(starts, edges).tolist()
    begin: int | None = None
    for k in range(len(edges) - 1):
        low, high = edges[k], edges[k + 1]
        if high - low >= ENOUGH * (heads[k + 1] - heads[k]):
            if begin is not None:
                yield begin, low, None
                begin = None
            yield low, high, starts[heads[k] : heads[k + 1]].tolist()
        elif begin is None:
            begin = low
    if begin is not None:
        yield begin, n, None


def _sums(to: Array, number: Array, size: int, count: int) -> tuple[Array, list[Sums | None]]:
    """A place for every share, and for every stretch how they are added up.

    Args:
        to: for each share whom it is for, in the order in which they are sent.
        number: for each number, its stretch.
    """
    shares = np.bincount(to, minlength=size)
    # The numbers that get any, by stretch, those with most shares first.
    owners = np.flatnonzero(shares)
    few = np.minimum(shares[owners], MOST_ADDED + 1)
    owners = owners[np.argsort(number[owners] * (MOST_ADDED + 2) + (MOST_ADDED + 1 - few), kind="stable")]  # fmt: skip
    position = np.empty(size, np.intp)
    position[owners] = np.arange(len(owners))
    # The how-manieth share of its owner each is.
    by_owner = np.argsort(position[to], kind="stable")
    nth = np.empty(len(to), np.intp)
    ends = np.cumsum(shares[owners])
    nth[by_owner] = np.arange(len(to)) - np.repeat(ends - shares[owners], shares[owners])
    nth = np.minimum(nth, MOST_ADDED)
    key = (number[to] * (MOST_ADDED + 1) + nth) * len(owners) + position[to]
    order = np.argsort(key, kind="stable")
    places = np.empty(len(to), np.intp)
    places[order] = np.arange(len(to))

    limits = np.searchsorted(number[owners], np.arange(count + 1))
    sizes = np.bincount(number[to] * (MOST_ADDED + 1) + nth, minlength=count * (MOST_ADDED + 1))
    found: list[Sums | None] = []
    at = 0
    for k in range(count):
        low, high = limits[k], limits[k + 1]
        blocks = sizes[k * (MOST_ADDED + 1) : (k + 1) * (MOST_ADDED + 1)]
        rounds = [int(b) for b in blocks[:MOST_ADDED] if b]
        stop = at + int(blocks.sum())
        heavy = np.zeros(0, np.intp)
        if blocks[MOST_ADDED]:
            many = shares[owners[low:high]] - MOST_ADDED
            many = many[many > 0]
            heavy = at + sum(rounds) + np.append(0, np.cumsum(many)[:-1])
        found.append(Sums(owners[low:high], at, rounds, heavy, stop) if high > low else None)
        at = stop
    return places, found
