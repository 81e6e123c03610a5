"""Program: a graph compiled, to be called.

What people hold. It checks and converts what is given, finds or makes the specialisation for its shapes, hands the current values of
all other leaves along, and dresses the results.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cgraph.compile.ir import Shape
from cgraph.compile.passes.algebra import Algebra
from cgraph.compile.report import Plan, Profile, Stats, plan_of, profiled, stats_of
from cgraph.compile.running.numba_runtime import numba
from cgraph.compile.running.quick import MISS, quick_call
from cgraph.compile.specialize import Derived, Specialized, derive, resized
from cgraph.errors import CgraphError, MissingValueError, ShapeError, UnsupportedError
from cgraph.graph import order
from cgraph.node import Node
from cgraph.op import CONSTANT, INPUT
from cgraph.values import FLOAT64, capture

BACKENDS = ("numpy", "numba", "jax", "torch")
WRITTEN_HERE = BACKENDS[:2]  # from the intermediate representation
ACCURACIES = ("full", "fast")


class Program:
    """A compiled graph. Made by `cgraph.compile`.

    Attributes:
        inputs: the leaves that a call takes values for, in order.
        leaves: those, and then every other leaf, whose current value is read at each call.
    """

    def __init__(
        self,
        outputs: Node | Sequence[Node],
        inputs: Node | Sequence[Node] | None,
        gradients: Node | Sequence[Node] | None,
        backend: str,
        accuracy: str,
        threads: int,
        copy: bool,
    ) -> None:
        check_options(backend, accuracy, threads)
        self.backend, self.accuracy, self.threads, self.copy = backend, accuracy, threads, copy
        self._one_output = isinstance(outputs, Node)
        self._one_gradient = isinstance(gradients, Node)
        self.outputs = _nodes(outputs, "outputs")
        self.gradients = None if gradients is None else _nodes(gradients, "gradients")
        if not self.outputs:
            raise CgraphError("compile: there is nothing to compute; give at least one output")
        below = self._leaves_below()
        self.inputs = _inputs(inputs, below)
        given = set(self.inputs)
        rest = [n for n in below if n.op is not CONSTANT and n not in given]
        for node in rest:
            if node._value is None:
                raise MissingValueError(
                    f"{node.label!r} has no value: name it among the inputs of the program, or give it one"
                )
        self.leaves = [*self.inputs, *rest]
        self._rest, self._count = rest, len(self.inputs)
        self._lock = threading.Lock()
        self._prepare()

    def _leaves_below(self) -> list[Node]:
        """All leaves of the graph, constants too."""
        return [n for n in order(*self.outputs, *(self.gradients or ())) if not n.parents]

    def _prepare(self) -> None:
        """Make ready for calls."""
        self._specialized: dict[Any, Specialized] = {}
        self._latest: Specialized | None = None
        self._call: Callable[..., Any] | None = None
        self._call_kept: Callable[..., Any] | None = None
        self._derived: Derived | None = None
        try:
            self._derived = derive(self.outputs, self.gradients or [], self.leaves)
        except UnsupportedError:
            if all(None not in leaf.shape for leaf in self.leaves):
                raise
        if all(None not in leaf.shape for leaf in self.leaves):
            self._use(self._specialize([leaf.shape for leaf in self.leaves]))  # type: ignore[misc]

    @property
    def __graph_program__(self) -> Program:
        """What `cgraph.draw` knows a program by."""
        return self

    # --- calling ----------------------------------------------------------------------------------

    def __call__(self, *args: Any, out: Any = None, copy: bool | None = None) -> Any:
        """The outputs, and the gradients, for values of the inputs.

        Args:
            args: one value for each of `inputs`, in their order.
            out: arrays to write the results into: a list, or ``(outputs, gradients)`` as the call returns them; None in it for "make one".
            copy: False hands out the arrays of the call before, overwritten. The default is what `compile` was told: True, so
                that no two calls share an array.

        Returns:
            A list for a list of outputs, an array for a single one; with gradients, the pair of both.

        Raises:
            ShapeError: when a value has not the shape of its input.
            DTypeError: when a value would lose information in the dtype of its input.
        """
        fresh = self.copy if copy is None else copy
        call = self._call if fresh else self._call_kept
        if call is not None and out is None and len(args) == self._count:
            results = call(*args)
            if results is not MISS:
                return results
        self._check_count(args)
        special, values = self._bind(args)
        if out is not None:
            outputs = self._given(special, out)
            if any(np.may_share_memory(o, v) for o in outputs for v in values if isinstance(v, np.ndarray)):  # fmt: skip
                outputs = special.fresh()  # an input is read to the end before it is written over
        elif fresh:
            outputs = special.fresh()
        else:
            if special.kept is None:
                special.kept = special.fresh()
            outputs = special.kept
            if self._call_kept is None:
                self._call_kept = self._quick(special, outputs)
        return self._dress(special, special.run(values, outputs), out)

    def _check_count(self, args: Sequence[Any]) -> None:
        if len(args) != len(self.inputs):
            names = ", ".join(n.label for n in self.inputs)
            raise CgraphError(f"the program takes {len(self.inputs)} values ({names}); got {len(args)}")  # fmt: skip

    def _bind(self, args: Sequence[Any]) -> tuple[Specialized, list[Any]]:
        """Check and convert; the specialisation for these shapes."""
        values = [_converted(value, leaf) for value, leaf in zip(args, self.inputs, strict=True)]
        values += [np.asarray(leaf._value, leaf.dtype) for leaf in self._rest]
        shapes = tuple(value.shape for value in values)
        special = self._specialized.get(shapes)
        if special is None:
            with self._lock:
                special = self._specialized.get(shapes) or self._specialize(shapes)
        if special is not self._latest:
            self._use(special)
        bound = [v.item() if n else v for v, n in zip(values, special.numbers, strict=True)]
        return special, bound

    def _specialize(self, shapes: Sequence[Shape]) -> Specialized:
        derived = self._derived
        if derived is None:
            derived = resized(self.outputs, self.gradients or [], self.leaves, shapes)
        dtypes = [leaf.dtype for leaf in self.leaves]
        builder = Algebra()
        builder.fast = self.accuracy == "fast"
        special = Specialized(
            derived, shapes, dtypes, builder, self._title(shapes), self.threads, self.backend
        )
        self._specialized[tuple(shapes)] = special
        return special

    def _use(self, special: Specialized) -> None:
        """Take a specialisation for the next calls."""
        self._latest = special
        self._call, self._call_kept = self._quick(special), None

    def _quick(self, special: Specialized, kept: Sequence[Any] | None = None) -> Callable[..., Any]:
        """The quick way through a call, into new arrays or into those that are kept."""
        slopes = None if self.gradients is None else self._one_gradient
        return quick_call(
            special.function,
            special.pool,
            special.emitted.memory.make,
            list(zip(special.shapes, special.dtypes, special.numbers, strict=True)),
            self._rest,
            special.graph.outputs,
            special.emitted.written,
            (self._one_output, len(self.outputs), slopes),
            kept,
        )

    def _title(self, shapes: Sequence[Shape]) -> str:
        given = ", ".join(f"{n.basename or n.kind} {s}" for n, s in zip(self.leaves, shapes, strict=True))  # fmt: skip
        return given if len(given) < 200 else f"{len(self.leaves)} leaves"

    def _given(self, special: Specialized, out: Any) -> list[Any]:
        """The arrays of `out=`, checked, and new ones where it says None."""
        flat = self._flat(out)
        outputs = special.graph.outputs
        if len(flat) != len(outputs):
            raise CgraphError(f"out= takes {len(outputs)} arrays; got {len(flat)}")
        result, seen = [], set()
        for array, value, name, written in zip(
            flat, outputs, special.graph.names, special.emitted.written, strict=True
        ):
            if array is not None:
                if not isinstance(array, np.ndarray) or array.shape != value.shape or array.dtype != value.dtype:  # fmt: skip
                    raise ShapeError(f"out= for {name!r} has to be an array of shape {value.shape} and dtype {value.dtype}")  # fmt: skip
                if not array.flags.writeable or not array.flags.c_contiguous or id(array) in seen:
                    raise CgraphError(f"out= for {name!r} has to be a contiguous array of its own that can be written to")  # fmt: skip
                seen.add(id(array))
            if written:
                result.append(np.empty(value.shape, value.dtype) if array is None else array)
        return result

    def _flat(self, out: Any) -> list[Any]:
        if self.gradients is None:
            return [out] if self._one_output else list(out)
        values, slopes = out
        return [
            *([values] if self._one_output else values),
            *([slopes] if self._one_gradient else slopes),
        ]

    def _dress(self, special: Specialized, results: Sequence[Any], out: Any) -> Any:
        n = len(self.outputs)
        found: list[Any] = []
        for result, written, value in zip(
            results, special.emitted.written, special.graph.outputs, strict=True
        ):
            if written:
                found.append(result)
            else:
                found.append(np.full(value.shape, result) if value.shape else FLOAT64.type(result))
        if out is not None:
            for i, array in enumerate(self._flat(out)):
                if array is not None and array is not found[i]:
                    array[...] = found[i]
                    found[i] = array
        values = found[0] if self._one_output else found[:n]
        if self.gradients is None:
            return values
        return values, found[n] if self._one_gradient else found[n:]

    # --- looking at it ----------------------------------------------------------------------------

    @property
    def special(self) -> Specialized:
        """The specialisation that was used last.

        Raises:
            CgraphError: when sizes are open and the program was not called yet.
        """
        if self._latest is None:
            raise CgraphError(
                "the program takes any size and is written for one when it is first called: call it once"
            )
        return self._latest

    @property
    def source(self) -> str:
        """The program as Python source."""
        return self.special.source

    @property
    def plan(self) -> Plan:
        """Where every array of the program's own lies, how long it lives, and what runs in pieces."""
        special = self.special
        return plan_of(special.graph, special.emitted, special.emitted.named)

    def stats(self) -> Stats:
        """Operations, bytes, and the memory of one call, counted."""
        special = self.special
        return stats_of(special.graph, special.emitted, special.emitted.passing)

    def profile(self, *args: Any, repeats: int = 20) -> Profile:
        """Measure a call with these arguments, statement by statement; the least of `repeats`.

        ``print`` it for a table, ``cg.draw`` it for a picture of the graph with the time at every node.
        """
        if self.backend == "numba":
            raise UnsupportedError(
                "a numba program is one function of machine code, whose statements no clock can be put between; "
                "profile the program of backend='numpy'"
            )
        special, values = self._bind(args)
        return profiled(self, special, values, repeats)

    def __reduce__(self) -> Any:
        outputs = self.outputs[0] if self._one_output else self.outputs
        gradients = self.gradients[0] if self._one_gradient and self.gradients else self.gradients
        options = (self.backend, self.accuracy, self.threads, self.copy)
        return type(self), (outputs, self.inputs, gradients, *options)

    def __repr__(self) -> str:
        names = ", ".join(n.label for n in self.inputs)
        results = ", ".join([*(n.label for n in self.outputs), *(f"d{n.label}" for n in self.gradients or ())])  # fmt: skip
        return f"<Program ({names}) -> {results}>"


def check_options(backend: str, accuracy: str, threads: int) -> None:
    """Refuse what there is not, and a backend whose packages are missing."""
    if backend not in WRITTEN_HERE:
        raise ValueError(f"backend={backend!r}: there is {', '.join(map(repr, BACKENDS))}")
    if accuracy not in ACCURACIES:
        raise ValueError(f"accuracy={accuracy!r}: 'full' or 'fast'")
    if backend == "numba":
        if threads != 1:
            raise ValueError(
                f"threads={threads} is an option of backend='numpy'; a numba program runs on the thread that calls it"
            )
        numba()


def _nodes(given: Node | Sequence[Node], what: str) -> list[Node]:
    found = [given] if isinstance(given, Node) else list(given)
    for node in found:
        if not isinstance(node, Node):
            raise CgraphError(f"compile: {what} are nodes; {node!r} is not one")
    return found


def _inputs(given: Node | Sequence[Node] | None, below: Sequence[Node]) -> list[Node]:
    """The leaves that a call takes, checked."""
    if given is None:
        return [n for n in below if n.op is INPUT and n._value is None]
    found = _nodes(given, "inputs")
    known = set(below)
    for node in found:
        if node.parents or node.op is CONSTANT:
            raise CgraphError(
                f"compile: inputs are inputs or parameters; {node.label!r} is neither"
            )
        if node not in known:
            raise CgraphError(f"compile: the outputs do not depend on {node.label!r}")
    if len(set(found)) != len(found):
        raise CgraphError("compile: an input is named twice")
    return found


def _converted(value: Any, leaf: Node) -> Any:
    """A value as an array of its leaf's dtype, of a shape that agrees with the leaf's; not copied where it is one already."""
    if isinstance(value, np.ndarray) and value.dtype == leaf.dtype:
        shape, declared = value.shape, leaf.shape
        if shape == declared:
            return value
        if len(shape) == len(declared):
            for n, d in zip(shape, declared, strict=True):
                if n != d and d is not None:
                    break
            else:
                return value
    return np.asarray(capture(value, leaf))
