"""`cgraph.compile_training`: forward, backward and update in one program, with the loop inside.

`TrainingProgram` is what people hold: it takes data, runs the loop for as many epochs as are asked for, and puts the new
values of the parameters
and of the optimizer's memory back, so that a compiled training and a training by hand can take turns.
"""

from __future__ import annotations

import linecache
import math
import threading
import weakref
from collections.abc import Callable, Container, Sequence
from typing import Any

import numpy as np

from cgraph.compile.batches import Progress, train_in_batches
from cgraph.compile.emit.numba_loop import NumbaLoopEmitter
from cgraph.compile.emit.numpy import Emitted
from cgraph.compile.emit.numpy_loop import LoopEmitter
from cgraph.compile.ir import Shape
from cgraph.compile.labels import Label, labels_of
from cgraph.compile.loop import Loop, trained, unrolled
from cgraph.compile.passes.absorbing import absorbed
from cgraph.compile.passes.finishing import flattened, folded, sums_as_products, unguarded
from cgraph.compile.passes.folding import Folding, Joint
from cgraph.compile.passes.products import as_gemm
from cgraph.compile.passes.trigonometry import by_tangents
from cgraph.compile.program import _converted, _inputs, _nodes, check_options
from cgraph.compile.ranges import without_needless_guards
from cgraph.compile.running.numba_runtime import training
from cgraph.compile.running.runtime import load, restore, silence
from cgraph.compile.specialize import derive
from cgraph.errors import CgraphError, MissingValueError
from cgraph.graph import order
from cgraph.node import Node, require_scalar
from cgraph.op import CONSTANT, FLOAT_ERRORS, PARAMETER

# Bytes of state of which a copy is kept, so that a round can be done again where Python's floats refuse a number.
MOST_KEPT = 1 << 20


class TrainingProgram:
    """A compiled training loop. Made by `cgraph.compile_training`.

    Attributes:
        loss: what is made small.
        optimizer: the rule of the steps; its count of steps and its memory are read before and written after every call.
        inputs: what a call takes values for.
        parameters: what is trained.
    """

    def __init__(
        self,
        loss: Node,
        optimizer: Any,
        inputs: Node | Sequence[Node] | None,
        parameters: Sequence[Node] | None,
        accuracy: str,
        threads: int = 1,
        backend: str = "numpy",
    ) -> None:
        check_options(backend, accuracy, threads)
        require_scalar(loss)
        below = [n for n in order(loss) if not n.parents]
        self.loss, self.optimizer = loss, optimizer
        self.accuracy, self.threads, self.backend = accuracy, threads, backend
        if parameters is None:
            self.parameters = [n for n in below if n.op is PARAMETER]
        else:
            self.parameters = _nodes(parameters, "parameters")
        if not self.parameters:
            raise CgraphError(f"{loss.label!r} depends on no parameter: there is nothing to train")
        self.inputs = _inputs(inputs, below)
        known = {*self.inputs, *self.parameters}
        if len(known) < len(self.inputs) + len(self.parameters):
            raise CgraphError("compile_training: what is trained cannot be an input of the program")
        self._rest = [n for n in below if n.op is not CONSTANT and n not in known]
        for node in self._rest:
            if node._value is None:
                raise MissingValueError(
                    f"{node.label!r} has no value: name it among the inputs of the program, or give it one"
                )
        self.leaves = [*self.inputs, *self._rest]
        derived = derive([loss], self.parameters, self.leaves)
        self._slopes, self._cotangents = derived.gradients, derived.cotangents
        self._labels = labels_of(loss, self.leaves)
        self._compiled: dict[Any, _CompiledLoop] = {}
        self._latest: _CompiledLoop | None = None
        self._lock = threading.Lock()

    def __call__(
        self,
        *data: Any,
        epochs: int | None = None,
        report_every: int = 1,
        batch_size: int | None = None,
        shuffle: Any = None,
        progress: Progress | None = None,
    ) -> Any:
        """Train on the data, `epochs` times over.

        Args:
            data: a value for each of `inputs`; with `batch_size` also a `numpy.memmap`, of which one batch at a time is read.
            epochs: rounds of forward, backward and update; with `batch_size`, passes over the data.
            batch_size: how many examples a step takes; by default all. Examples lie along the size that an input leaves open.
            shuffle: None takes the batches in order; a seed or a generator shuffles the examples anew in every epoch; "batches" shuffles
                whole batches of neighbours, which is what a file can deliver quickly.
            progress: called after every batch with (batches done, batches in all, loss of the batch).
            report_every: the loss is computed and reported in every how many-th round, from the first on; 0 for never.

        Returns:
            The losses that were reported, each from before the update of its round (with batches: the mean over the epoch);
            without `epochs`, one step is taken, or one pass made, and its loss returned.

        Raises:
            ShapeError, DTypeError: for data that do not fit.
        """
        if epochs is not None and epochs < 0:
            raise ValueError(f"epochs is not negative; got {epochs}")
        if report_every < 0:
            raise ValueError(f"report_every is not negative; got {report_every}")
        rounds = 1 if epochs is None else epochs
        if batch_size is None:
            costs = self.advance(data, rounds, report_every or 2**62)
        else:
            costs = train_in_batches(self, data, rounds, batch_size, shuffle, progress)
            costs = costs[:: report_every or 1]
        if epochs is None:
            return costs[0]
        return np.array(costs if report_every else [], self.loss.dtype)

    def advance(self, data: Sequence[Any], epochs: int, every: int) -> list[float]:
        """`epochs` rounds; the losses of every `every`-th."""
        values = self._values(data)
        with self._lock:
            compiled = self._for(values)
            state = compiled.gathered(self.optimizer)
            costs, state = compiled.run(values, state, self.optimizer.t, epochs, every)
            compiled.scattered(state, self.optimizer)
            self.optimizer.t += epochs
        return costs

    def session(self) -> Session:
        """Steps one after the other, between which the state does not go back to the parameters."""
        return Session(self)

    def _values(self, data: Sequence[Any]) -> list[Any]:
        if len(data) != len(self.inputs):
            names = ", ".join(n.label for n in self.inputs)
            raise CgraphError(
                f"the program takes {len(self.inputs)} values ({names}); got {len(data)}"
            )
        values = [_converted(v, leaf) for v, leaf in zip(data, self.inputs, strict=True)]
        return values + [np.asarray(leaf._value, leaf.dtype) for leaf in self._rest]

    def certain(self, data: Sequence[Any]) -> set[Label]:
        """Which labels are as they mostly are in all of the data, and so in every part; files are not looked through for it."""
        return {
            label
            for label in self._labels
            if label.position < len(data)
            and not isinstance(data[label.position], np.memmap)
            and label.holds(np.asarray(data[label.position]))
        }

    def _for(self, values: Sequence[Any], certain: Container[Label] = ()) -> _CompiledLoop:
        shapes = tuple([v.shape for v in values])
        labels = tuple([x for x in self._labels if x in certain or x.holds(values[x.position])])
        key = (shapes, labels, rule_of(self.optimizer))
        latest = self._latest
        if latest is not None and latest.key == key:
            return latest
        found = self._compiled.get(key)
        if found is None:
            found = self._compiled[key] = _CompiledLoop(self, key, shapes, labels)
        self._latest = found
        return found

    @property
    def source(self) -> str:
        """The loop as Python source."""
        if self._latest is None:
            if any(None in leaf.shape for leaf in self.leaves):
                raise CgraphError(
                    "the program takes any size and is written for one when it is first called: call it once"
                )
            self._for([np.broadcast_to(np.zeros((), n.dtype), n.shape) for n in self.leaves])  # type: ignore[arg-type]
        assert self._latest is not None
        return self._latest.source

    def __reduce__(self) -> Any:
        return TrainingProgram, (
            self.loss,
            self.optimizer,
            self.inputs,
            self.parameters,
            self.accuracy,
            self.threads,
            self.backend,
        )

    def __repr__(self) -> str:
        names = ", ".join(n.label for n in self.inputs)
        return (
            f"<TrainingProgram ({names}): {self.optimizer!r} on {len(self.parameters)} parameters>"
        )


class _CompiledLoop:
    """The loop for one set of shapes and one optimizer, and for labels that are as they mostly are."""

    def __init__(
        self, program: TrainingProgram, key: Any, shapes: Sequence[Shape], labels: Sequence[Label]
    ) -> None:
        self.key = key
        self.parameters = program.parameters
        self.n_slots, self.threads = program.optimizer.n_slots, program.threads
        state = sum(np.asarray(p._value).nbytes for p in program.parameters) * (1 + self.n_slots)
        # The short form of many classes has no guard, so it is only for who can begin again.
        guarded = [label for label in labels if label.binary]
        self.labels = guarded if state > MOST_KEPT else labels
        self.title = f"Train {', '.join(n.basename or 'w' for n in program.parameters)} with {program.optimizer!r}."
        self.emitted: Emitted
        self._fallback: Callable[[], tuple[Emitted, Any, Any]]
        self._careful_workspace: Any = None
        # Without guards, so that what comes out has to be looked at.
        self.daring = len(self.labels) > len(guarded)
        self.in_machine_code = program.backend == "numba"
        if self.in_machine_code:
            self.emitted, self.function, self.careful = self._compiled(program, shapes)
            self.labels, self.unrolled = guarded, False
            self.source, self.workspace = self.emitted.source, self.emitted.memory.make()
            self._fallback = lambda: self._compiled(program, shapes)
            return
        loop, self.joints = self._loop(program, shapes, folded=False)
        small = unrolled(self.builder, loop)
        self.unrolled = small is not loop
        if not self.unrolled:
            small = self._on_arrays(program, shapes, together=True)
            if sum(v.nbytes for v in small.state) <= MOST_KEPT:
                before = small.roots()
                roots = unguarded(self.builder, before)
                small.loss, small.following = roots[0], roots[1:]
                self.daring |= any(a is not c for a, c in zip(roots, before, strict=True))
        self.emitted, self.function, self.careful = self._emit(small)
        self.labels = guarded
        self.source = self.emitted.source
        self.workspace = self.emitted.memory.make()

        # What is without guards against overflow cannot be careful: arrays with guards take over.
        def arrays() -> tuple[Emitted, Any, Any]:
            return self._emit(self._on_arrays(program, shapes, together=not self.unrolled))

        self._fallback = arrays

    def _compiled(
        self, program: TrainingProgram, shapes: Sequence[Shape]
    ) -> tuple[Emitted, Any, Any]:
        """The loop in machine code."""
        loop, self.joints = self._loop(program, shapes, folded=False)
        loop = unrolled(self.builder, loop, guarded=True)
        roots = folded(self.builder, loop.roots())
        loop.loss, loop.following = roots[0], roots[1:]
        kernel = NumbaLoopEmitter(loop).emit(self.title)
        function = kernel.function(training)
        return kernel, function, function

    def _loop(
        self, program: TrainingProgram, shapes: Sequence[Shape], folded: bool
    ) -> tuple[Loop, list[Joint]]:
        self.builder = Folding()
        self.builder.fast = program.accuracy == "fast"
        return trained(
            self.builder, program.loss, program._slopes, program.parameters, program.leaves, shapes,
            program.optimizer, program._cotangents, folded, self.labels,
        )  # fmt: skip

    def _on_arrays(self, program: TrainingProgram, shapes: Sequence[Shape], together: bool) -> Loop:
        """The loop on arrays; `together` with biases in the weight matrices."""
        loop, found = self._loop(program, shapes, folded=together)
        self.joints = found
        b = self.builder
        with_blas = LoopEmitter.routine("dgemm") is not None
        roots = absorbed(b, folded(b, loop.roots()), numbers=not with_blas)
        roots = by_tangents(b, without_needless_guards(b, roots))
        roots = sums_as_products(b, roots)
        if with_blas:
            before = dict(zip(roots[1:], loop.state, strict=True))
            roots = as_gemm(b, roots, before)
        roots = flattened(b, roots)
        loop.loss, loop.following = roots[0], roots[1:]
        return loop

    def _emit(self, loop: Loop) -> tuple[Emitted, Any, Any]:
        emitted = LoopEmitter(loop, self.threads).emit(self.title)
        fast, careful, filename = load(emitted.source, emitted.namespace, "train")
        weakref.finalize(self, linecache.cache.pop, filename, None)
        return emitted, fast, careful

    def run(
        self,
        data: Sequence[Any],
        state: list[Any],
        t: int,
        epochs: int,
        every: int,
        spare: list[Any] | None = None,
    ) -> tuple[list[float], list[Any]]:
        """Some rounds, the first of which is number ``t + 1``; the losses, and the state that came out.

        `spare` are arrays like those of the state that may be written to, so that none have to be made.
        """
        costs: list[float] = []
        large = sum(a.nbytes for a in state) > MOST_KEPT and not self.unrolled
        before = silence()
        try:
            if large:
                # Too much to keep a copy of, and too much for the difference to be seen.
                self.careful(*data, *state, float(t), epochs, every, costs, self.workspace)
                return costs, state
            work = [a.copy() for a in state] if spare is None else spare
            if spare is not None:
                for a, b in zip(spare, state, strict=True):
                    np.copyto(a, b)
            try:
                self.function(*data, *work, float(t), epochs, every, costs, self.workspace)
            except FLOAT_ERRORS:
                pass
            else:
                if not self.daring or _finite(costs, work):
                    return costs, work
            # Python's floats refuse what NumPy answers with inf or nan, or an exponential has overflowed:
            # once more from the start, with NumPy's numbers and with guards.
            costs.clear()
            careful, workspace = self.careful, self.workspace
            if self.unrolled or self.daring:
                if self._careful_workspace is None:
                    emitted, _, self._guarded = self._fallback()
                    self._careful_workspace = emitted.memory.make()
                careful, workspace = self._guarded, self._careful_workspace
            careful(*data, *state, float(t), epochs, every, costs, workspace)
            return costs, state
        finally:
            restore(before)

    def gathered(self, optimizer: Any) -> list[Any]:
        """Copies of the parameters and of what the optimizer remembers, joints in one array."""
        slots = optimizer.slots
        if not slots:
            slots = [
                tuple(np.zeros_like(n.value) for _ in range(self.n_slots)) for n in self.parameters
            ]
        if len(slots) != len(self.parameters):
            raise ValueError(
                f"{len(slots)} parameters in the last step, {len(self.parameters)} now"
            )
        position = {node: i for i, node in enumerate(self.parameters)}
        state = []
        for joint in self.joints:
            at = [position[n] for n in joint.nodes]
            state.append(joint.gathered([n._value for n in joint.nodes]))
            state += [joint.gathered([slots[i][k] for i in at]) for k in range(self.n_slots)]
        return state

    def scattered(self, state: Sequence[Any], optimizer: Any) -> None:
        """The new values back to where they belong."""
        new_slots: dict[Node, tuple[Any, ...]] = {}
        width = 1 + self.n_slots
        for j, joint in enumerate(self.joints):
            arrays = state[j * width : (j + 1) * width]
            columns = zip(*map(joint.scattered, arrays), strict=True)
            for node, (value, *slots) in zip(joint.nodes, columns, strict=True):
                node.value = value
                new_slots[node] = tuple(slots)
        optimizer.slots = [new_slots[n] for n in self.parameters]


class Session:
    """A run of steps, as a context: the state stays in arrays of the loop's own until the end, or until another shape comes."""

    def __init__(self, program: TrainingProgram) -> None:
        self.program = program
        self.compiled: _CompiledLoop | None = None
        self.state: list[Any] = []
        self.spare: list[Any] | None = None
        self.steps = 0

    def __enter__(self) -> Session:
        self.program._lock.acquire()
        return self

    def __exit__(self, *error: Any) -> None:
        try:
            self._put_back()
        finally:
            self.program._lock.release()

    def advance(self, data: Sequence[Any], certain: Container[Label] = ()) -> float:
        """One step; its loss. What labels are `certain` to be is not looked at again."""
        program = self.program
        values = program._values(data)
        compiled = program._for(values, certain)
        if compiled is not self.compiled:
            self._put_back()
            self.compiled, self.state = compiled, compiled.gathered(program.optimizer)
            self.spare = None
        t = program.optimizer.t + self.steps
        costs, new = compiled.run(values, self.state, t, 1, 1, self.spare)
        if new is not self.state:
            self.state, self.spare = new, self.state
        self.steps += 1
        return costs[0]

    def _put_back(self) -> None:
        if self.compiled is not None:
            self.compiled.scattered(self.state, self.program.optimizer)
            self.program.optimizer.t += self.steps
        self.compiled, self.steps = None, 0


def rule_of(optimizer: Any) -> Any:
    """The rule of an optimizer with its numbers, as a key."""
    key = getattr(optimizer, "_key", None)
    return tuple(sorted(optimizer.config().items())) if key is None else key()


def _finite(costs: Sequence[float], state: Sequence[Any]) -> bool:
    """Whether no number is infinite or NaN; "no" also where they are too large to be added."""
    total = sum(costs)
    for array in state:
        total += float(np.add.reduce(array, None))
    return math.isfinite(total)


def compile_training(
    loss: Node,
    optimizer: Any,
    inputs: Node | Sequence[Node] | None = None,
    *,
    parameters: Sequence[Node] | None = None,
    accuracy: str = "full",
    threads: int = 1,
    backend: str = "numpy",
) -> TrainingProgram:
    """Compile a whole training: forward, backward and the optimizer's step, with the loop over epochs inside.

    Args:
        loss: a scalar node.
        optimizer: one of `cgraph.optim`, or anything with its rule `update(w, g, slots, t)`.
        inputs: the leaves that hold data; by default the inputs that have no value.
        parameters: what is trained; by default every parameter below the loss.
        accuracy, threads: as for `cgraph.compile`.
        backend: "numpy"; or "numba", for a loop in machine code, which takes a second to compile and is many times faster for small nets.

    >>> import cgraph as cg
    >>> X, Y = cg.input("X", shape=(2, 4)), cg.input("Y", shape=(1, 4))
    >>> W, b = cg.parameter("W", [[0.1, 0.6]]), cg.parameter("b", [[0.0]])
    >>> cost = cg.mean(cg.stable_bce(W @ X + b, Y))
    >>> step = cg.compile_training(cost, cg.optim.GradientDescent(lr=1.0), inputs=[X, Y])
    >>> step(*cg.datasets.and_gate(), epochs=5000, report_every=1000).round(3)
    array([0.72 , 0.017, 0.009, 0.006, 0.004])
    >>> W.value.round(3)
    array([[10.678, 10.678]])
    """
    return TrainingProgram(loss, optimizer, inputs, parameters, accuracy, threads, backend)
