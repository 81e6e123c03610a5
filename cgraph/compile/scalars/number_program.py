"""The program of a large graph of numbers: no source, but arrays (`levels`), and the same face as every other program."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cgraph.compile.program import Program
from cgraph.compile.report import Plan, Profile, Stats
from cgraph.compile.running.runtime import restore, silence
from cgraph.compile.scalars.float_loop import Loop
from cgraph.compile.scalars.levels import Batch, Levels
from cgraph.compile.scalars.reading import Scalars, read
from cgraph.compile.specialize import Specialized
from cgraph.errors import CgraphError, GradientError, ShapeError, UnsupportedError
from cgraph.node import Node, require_scalar
from cgraph.op import CONSTANT
from cgraph.quiet import uncollected
from cgraph.values import Array, capture

# From here on. A smaller graph is written out, which takes longer to compile and is faster to call.
LARGE = 2000


def table_of(outputs: Any, gradients: Any) -> Scalars | None:
    """The table of a graph, if it is a large one of numbers."""
    roots, targets = ([x] if isinstance(x, Node) else list(x or ()) for x in (outputs, gradients))
    if not roots or not all(isinstance(n, Node) for n in (*roots, *targets)):
        return None
    with uncollected():
        table = read(roots, targets)
    return table if table is not None and len(table.kind) >= LARGE else None


@dataclass
class _Workspace:
    """Memory for one call at a time, and the steps bound to it."""

    values: Array
    sums: Array
    posts: Array
    ahead: list[Any]
    back: list[Any]


class NumberProgram(Program):
    """A compiled graph of many numbers. Made by `cgraph.compile`.

    Attributes:
        levels: what is carried out, batch by batch.
    """

    _table: Scalars | None = None

    @classmethod
    def of(cls, table: Scalars, *args: Any) -> NumberProgram:
        """The program of a graph that has been read already."""
        program = cls.__new__(cls)
        program._table = table
        program.__init__(*args)  # type: ignore[misc]
        return program

    def _leaves_below(self) -> list[Node]:
        if self._table is None:
            self._table = table_of(self.outputs, self.gradients)
        assert self._table is not None
        return self._table.leaves

    def _prepare(self) -> None:
        table, self._table = self._table, None
        assert table is not None
        if self.gradients is not None:
            require_scalar(self.outputs[0])
            for node in self.gradients:
                if node.op is CONSTANT:
                    raise GradientError(f"{node.label!r} is a constant and has no gradient; make it a parameter or an input")  # fmt: skip
        at = {node: np.asarray(places) for node, places in table.at.items()}
        shown = _joined([at[n] for n in self.outputs])
        targets = None if self.gradients is None else _joined([at[n] for n in self.gradients])
        with uncollected():
            self.levels = Levels(table, shown, targets)
        place = self.levels.place
        self._constants = [(place[at[n]], n._value) for n in table.leaves if n.op is CONSTANT]
        self._given_at = [place[at[n]] for n in self.leaves]
        self._shown = [place[at[n]] for n in self.outputs]
        self._asked = [place[at[n]] for n in self.gradients or ()]
        self._shown_numbers = _numbers(self._shown)
        self._asked_numbers = _numbers(self._asked)
        self.levels.place = np.zeros(0, np.intp)  # nobody asks again
        self._pool: list[_Workspace] = []

    def _workspace(self) -> _Workspace:
        levels = self.levels
        values, sums, posts = np.zeros(levels.size), np.zeros(levels.size), np.zeros(levels.posts)
        for places, value in self._constants:
            values[places] = value
        return _Workspace(values, sums, posts, *levels.bound(values, sums, posts))

    def __call__(self, *args: Any, out: Any = None, copy: bool | None = None) -> Any:
        """The outputs, and the gradients, for values of the inputs; as in `Program`."""
        return self._dressed(self._run(args, None), out)

    def _run(self, args: Sequence[Any], times: list[float] | None) -> tuple[list[Any], list[Any]]:
        self._check_count(args)
        given = [
            x if x.__class__ is float and leaf.shape == () else capture(x, leaf)
            for x, leaf in zip(args, self.inputs, strict=True)
        ]
        given += [leaf._value for leaf in self._rest]
        try:
            space = self._pool.pop()
        except IndexError:
            space = self._workspace()
        before = silence()
        try:
            for places, value in zip(self._given_at, given, strict=True):
                space.values[places] = value
            steps = space.ahead
            if self.gradients is not None:
                space.posts[self.levels.seed] = 1.0
                steps = [*steps, *space.back]
            for step in steps:
                step()
                if times is not None:
                    times.append(time.perf_counter())
            return (
                _taken(space.values, self._shown, self._shown_numbers),
                _taken(space.sums, self._asked, self._asked_numbers),
            )
        finally:
            restore(before)
            self._pool.append(space)

    def _dressed(self, found: tuple[list[Any], list[Any]], out: Any) -> Any:
        values, slopes = found
        if out is not None:
            flat = self._flat(out)
            if len(flat) != len(values) + len(slopes):
                raise CgraphError(f"out= takes {len(values) + len(slopes)} arrays; got {len(flat)}")
            for found_here, k in ((values, 0), (slopes, len(values))):
                for i, value in enumerate(found_here):
                    array = flat[k + i]
                    if array is None:
                        continue
                    if not isinstance(array, np.ndarray) or array.shape != value.shape or array.dtype != value.dtype:  # fmt: skip
                        raise ShapeError(f"out= has to be an array of shape {value.shape} and dtype {value.dtype} here")  # fmt: skip
                    array[...] = value
                    found_here[i] = array
        shown: Any = values[0] if self._one_output else values
        if self.gradients is None:
            return shown
        return shown, slopes[0] if self._one_gradient else slopes

    # --- looking at it ----------------------------------------------------------------------------

    @property
    def source(self) -> str:
        """What is carried out, in words, a line a step: there is no source to read of so many numbers."""
        head = f"{self.levels.size:,} numbers in {self.levels.depth:,} levels"
        return "".join(f"# {line}\n" for line in (head, *map(_described, self.levels.stretches)))

    @property
    def special(self) -> Specialized:
        """There is none.

        Raises:
            UnsupportedError: as nobody could read a picture of so many numbers.
        """
        raise UnsupportedError(
            f"a program of {self.levels.size:,} numbers has no statements to be drawn; print(program.source) says what it does"
        )

    @property
    def plan(self) -> Plan:
        """The workspace, and how many steps there are."""
        return Plan((), (), self._bytes(), len(self.levels.stretches))

    def _bytes(self) -> int:
        held = 8 * (2 * self.levels.size + self.levels.posts)
        return held + sum(8 * len(s.args) * (s.stop - s.start) for s in self.levels.stretches if isinstance(s, Batch))  # fmt: skip

    def stats(self) -> Stats:
        """Operations and memory, counted: an operation a number, and as many again for each share of a gradient."""
        levels = self.levels
        count = levels.size - levels.leaves + levels.posts
        outputs = 8 * sum(p.size for p in (*self._shown, *self._asked))
        workspace = self._bytes()
        return Stats(
            count, 24 * count, workspace, outputs, workspace + outputs, len(levels.stretches)
        )

    def profile(self, *args: Any, repeats: int = 20) -> Profile:
        """Measure a call with these arguments, step by step; the least of `repeats`."""
        best: list[float] = []
        for _ in range(max(1, repeats)):
            times = [time.perf_counter()]
            self._run(args, times)
            spent = np.diff(times).tolist()
            best = spent if not best else [min(a, b) for a, b in zip(best, spent, strict=True)]
        names = [_described(s) for s in self.levels.stretches]
        names += [f"way back, step {k}" for k in range(len(best) - len(names))]
        return Profile(self, list(zip(names, best, strict=True)), total=sum(best))


def _joined(places: Sequence[Array]) -> Array:
    return np.concatenate([p.ravel() for p in places]) if places else np.zeros(0, np.intp)


def _numbers(places: Sequence[Array]) -> Array | None:
    """All places as one array, where each is one number."""
    return np.array(places, np.intp) if places and all(p.shape == () for p in places) else None


def _taken(array: Array, places: Sequence[Array], numbers: Array | None) -> list[Any]:
    """What stands there; fresh arrays."""
    return list(array[numbers]) if numbers is not None else [array[p] for p in places]


def _described(stretch: Batch | Loop) -> str:
    if isinstance(stretch, Batch):
        return f"{stretch.op.name}: {stretch.stop - stretch.start:,} at once"
    return f"a loop over {stretch.stop - stretch.start:,} numbers"
