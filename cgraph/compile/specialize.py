"""One graph for one set of shapes: lowered, laid out, emitted, loaded.

Between `Program`, which people hold and which takes any batch size, and the passes, which want every size known. A `Specialized` owns the
function, its source, and workspaces; a workspace is taken for a call and put back, so that two threads never share one.
"""

from __future__ import annotations

import linecache
import weakref
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cgraph.autodiff import gradient
from cgraph.compile.emit.numba import NumbaEmitter
from cgraph.compile.emit.numpy import Emitted, NumpyEmitter
from cgraph.compile.ir import FLOAT64, Graph, Shape, Value, is_number
from cgraph.compile.ir.lower import lower
from cgraph.compile.loop import name_cotangents
from cgraph.compile.passes.algebra import Algebra, factored
from cgraph.compile.passes.diagonals import by_diagonals
from cgraph.compile.passes.finishing import (
    added_where_they_lie,
    flattened,
    folded,
    sums_as_products,
    turned,
    with_shared_multiples,
)
from cgraph.compile.passes.recompute import arriving_at, recomputed
from cgraph.compile.passes.trigonometry import by_tangents
from cgraph.compile.passes.unroll import entry_label, unroll, worthwhile
from cgraph.compile.ranges import without_needless_guards
from cgraph.compile.running.numba_runtime import program
from cgraph.compile.running.runtime import load, restore, silence
from cgraph.graph import ancestors, order, substitute
from cgraph.leaves import leaf_node
from cgraph.node import Node
from cgraph.op import FLOAT_ERRORS, Formula

MOST_NAMED = 500  # of a larger graph the cotangents get no names: the source is read by nobody


@dataclass
class Derived:
    """What a program computes, as nodes.

    Attributes:
        outputs, gradients: the nodes to hand out.
        names: of all of them, for the source.
        cotangents: gradient node -> the node it is the gradient of, for the named ones.
        leaves: what has to be given, in the order of the call.
    """

    outputs: list[Node]
    gradients: list[Node]
    names: list[str]
    cotangents: dict[Node, Node]
    leaves: list[Node]


def derive(outputs: Sequence[Node], wrt: Sequence[Node], leaves: Sequence[Node]) -> Derived:
    """The graph with its gradients: those of the first output."""
    found: list[Node] = []
    cotangents: dict[Node, Node] = {}
    if wrt:
        root = outputs[0]
        below = order(root)
        asked, between = set(wrt), ancestors(root, wrt)
        shown = len(below) <= MOST_NAMED
        named = [
            n for n in below
            if (n.op.name == "checkpoint" or (shown and n.name)) and n in between and n is not root and n not in asked
        ]  # fmt: skip
        every = gradient(root, [*wrt, *named], disconnected="zero")
        found = every[: len(wrt)]
        cotangents = dict(zip(reversed(every), reversed([*wrt, *named]), strict=True))
    names = [n.basename or f"out{i}" for i, n in enumerate(outputs)] + [f"d{n.basename or n.op.name}" for n in wrt]  # fmt: skip
    return Derived(list(outputs), found, names, cotangents, list(leaves))


def resized(
    outputs: Sequence[Node], wrt: Sequence[Node], leaves: Sequence[Node], shapes: Sequence[Shape]
) -> Derived:
    """The same on leaves whose sizes are all known, for gradients that cannot do without (a product over an open axis)."""
    fresh = []
    for leaf, shape in zip(leaves, shapes, strict=True):
        new = leaf_node(leaf.op, leaf.name, leaf._value, shape, leaf.dtype)
        new.name, new.scope = leaf.name, leaf.scope
        fresh.append(new)
    every = substitute([*outputs, *wrt], dict(zip(leaves, fresh, strict=True)))
    return derive(every[: len(outputs)], every[len(outputs) :], fresh)


class Specialized:
    """A program for one set of shapes.

    Attributes:
        graph: the intermediate representation.
        emitted: source, memory, allocation.
        source: the same source with a heading.
    """

    def __init__(
        self,
        derived: Derived,
        shapes: Sequence[Shape],
        dtypes: Sequence[Any],
        builder: Algebra,
        title: str,
        threads: int = 1,
        backend: str = "numpy",
    ) -> None:
        self.shapes, self.dtypes = list(shapes), list(dtypes)
        values: dict[Node, Value] = {}
        arguments = []
        for i, (leaf, shape, dtype) in enumerate(zip(derived.leaves, shapes, dtypes, strict=True)):
            value = builder.argument(i, shape, dtype)
            value.label = leaf.basename or leaf.kind
            value.origin = leaf
            values[leaf] = value
            arguments.append(value)
        builder.outward = not derived.gradients
        forward = lower(builder, derived.outputs, values)
        lowered_forward = set(values)
        builder.outward = True
        backward = lower(builder, derived.gradients, values)
        name_cotangents(values, derived.cotangents, set(derived.gradients))
        remark(derived, values, lowered_forward)
        self.forward_nodes = lowered_forward
        arriving = arriving_at(builder.boundaries, values, derived.cotangents)
        backward = recomputed(builder, forward, backward, arriving)
        results = [*forward, *backward]
        entries: dict[Value, Any] = {}
        if backend == "numpy" and not derived.gradients and not any(map(is_read, lowered_forward)):
            results, entries = on_numbers(builder, arguments, results)
        passes = (
            (folded,)
            if backend == "numba"
            else (
                folded,
                by_diagonals,
                without_needless_guards,
                by_tangents,
                sums_as_products,
                turned,
                flattened,
                with_shared_multiples,
                added_where_they_lie,
            )
        )
        for rewritten in passes:
            results = rewritten(builder, results)
        self.graph = Graph(arguments, results, derived.names, len(forward), entries)
        self.emitted: Emitted
        if backend == "numba":
            kernel = self.emitted = NumbaEmitter(self.graph).emit(title)
            self.function = self.careful = kernel.function(program, kernel.written)
        else:
            self.emitted = NumpyEmitter(self.graph, threads).emit(title)
            self.function, self.careful, filename = load(
                self.emitted.source, self.emitted.namespace
            )
            weakref.finalize(self, linecache.cache.pop, filename, None)
        self.source = self.emitted.source
        self.pool: list[tuple[Any, ...]] = []
        self.numbers = [is_number(v) for v in arguments]
        self.makers = [
            (v.shape, v.dtype)
            for v, w in zip(self.graph.outputs, self.emitted.written, strict=True)
            if w
        ]
        self.kept: list[Any] | None = None

    def fresh(self) -> list[Any]:
        """New arrays for the outputs that are arrays."""
        return [np.empty(shape, dtype) for shape, dtype in self.makers]

    def loaded(self, source: str, extra: dict[str, Any]) -> Any:
        """Another version of the source as a function, with some names more."""
        return load(source, {**self.emitted.namespace, **extra})[0]

    def run(
        self, arguments: Sequence[Any], outputs: Sequence[Any], function: Any = None
    ) -> tuple[Any, ...]:
        """Call the function; `arguments` are arrays, and Python floats where there is one entry."""
        pool = self.pool
        try:
            workspace = pool.pop()
        except IndexError:
            workspace = self.emitted.memory.make()
        before = silence()
        try:
            return (function or self.function)(*arguments, workspace, outputs)  # type: ignore[no-any-return]
        except FLOAT_ERRORS:
            # Python's floats refuse what NumPy answers with inf or nan.
            wide = [np.float64(a) if n else a for a, n in zip(arguments, self.numbers, strict=True)]
            return self.careful(*wide, workspace, outputs)  # type: ignore[no-any-return]
        finally:
            restore(before)
            pool.append(workspace)


# Entries of all arguments and results up to which they are taken apart.
MOST_ENTRIES = 200


def is_read(node: Node) -> bool:
    """Whether a node has been given a name, and several entries: its line is looked for in the source."""
    return bool(node.name and node.parents) and any(n != 1 for n in node.shape)


def on_numbers(
    b: Algebra, arguments: Sequence[Value], results: Sequence[Value]
) -> tuple[list[Value], dict[Value, Any]]:
    """The results on numbers instead of small arrays, where that is cheaper, and the entries of the arguments."""
    arrays = [v for v in (*arguments, *results) if v.size != 1]
    if any(v.dtype != FLOAT64 for v in (*arguments, *results)) or not worthwhile(results):
        return list(results), {}
    if not arrays or sum(v.size for v in arrays) > MOST_ENTRIES or not all(v.size for v in arrays):
        return list(results), {}
    position = len(arguments)
    entries: dict[Value, Any] = {}
    for value in arguments:
        found = entries[value] = np.empty(value.shape, object)
        for index in np.ndindex(value.shape):
            if value.size == 1:
                found[index] = b.reshape(value, ())
                continue
            entry = b.argument(position, (), FLOAT64)
            entry.label = entry_label(value.label, value.shape, index)
            found[index] = entry
            position += 1
    new = []
    for old, array in zip(results, unroll(b, results, entries, guarded=True), strict=True):
        numbers = tuple(array.flat)
        if old.size == 1:
            value = b.reshape(numbers[0], old.shape)
        else:
            value = b.make("array", numbers, None, old.shape, FLOAT64)
        value.take_over(old)
        new.append(value)
    return new, {value: found for value, found in entries.items() if value.size != 1}


def remark(derived: Derived, values: dict[Node, Value], forward: Collection[Node]) -> None:
    """Write beside each value what it is: the formula of its node, or which gradient."""
    root = derived.outputs[0].basename or derived.outputs[0].op.name if derived.outputs else ""
    for node, value in values.items():
        if value.remark or not value.args:
            continue
        if node in derived.cotangents:
            target = derived.cotangents[node]
            value.remark = f"∂{root}/∂{target.basename or target.op.name}"
            inner, factor = factored(value)
            if inner is not value and factor and inner.args and not inner.remark:
                inner.remark = f"{1 / factor:.6g} × {value.remark}"
        elif node in forward and node.parents:
            formula = written_out(node, 0)
            name = f"{node.basename} = " if node.basename else ""
            value.remark = f"{name}{formula}"


MOST_WRITTEN = 40  # characters of a formula


def written_out(node: Node, depth: int) -> str:
    """The formula of a node in the names of its operands; those without a name are written out, where that stays short."""
    texts = []
    for p in node.parents:
        while p.op.name in ("broadcast_to", "cast", "checkpoint") and not p.name:
            p = p.parents[0]
        text = p.basename or (f"{p._value:.6g}" if p.weak else "")
        if not text and p.parents and depth < 2:
            inner = written_out(p, depth + 1)
            text = f"({inner})" if " " in inner else inner
        texts.append(text if text and len(text) <= MOST_WRITTEN else p.op.name)
    return Formula.fill(node.op.formula.text, tuple(texts), node.basename or "") or node.op.name
