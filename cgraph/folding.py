"""Folding: what is known of a derivative before anything is computed.

The graph that reverse or forward mode builds on nodes is full of what no number can change: a seed of 1, its quotient by m, both
repeated to a batch, products with 1 and −1, the same slice taken again for every path. `folded` works these out on the nodes that
were just built, and leaves the graph that was differentiated as it is. Only steps that change no number are taken: x · 1, −(−x),
(c · x) · −1, a + (−b), ops on constants, a repeated constant taken as the number it repeats, and one node for equal ones. Never
x · 0, which is NaN where x is not finite.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from cgraph import shapes
from cgraph.build import build
from cgraph.graph import order
from cgraph.leaves import constant
from cgraph.node import Node, weak_constant
from cgraph.op import CONSTANT, OPS

MOVING = ("reshape", "transpose")  # what makes something uniform of something uniform


def folded(roots: Sequence[Node], given: Iterable[Node]) -> list[Node]:
    """The roots, with everything worked out that is known beforehand.

    Args:
        roots: nodes that a derivative was built into.
        given: the nodes that were there before; they stay.

    >>> import cgraph as cg
    >>> x = cg.parameter("x", [1.0, 2.0])
    >>> loss = cg.mean(x * x)
    >>> print(cg.gradient(loss, x))
    2  x: parameter          (2,)
    3  _3 = multiply(0.5, x) (2,)
    4  _4 = add(_3, _3)      (2,)
    """
    work = _Folding(given)
    for node in order(*roots):
        if node not in work.new:
            work.new[node] = work.fold(node)
    return [work.new[root] for root in roots]


class _Folding:
    """The nodes so far.

    Attributes:
        new: what has become of each node.
        uniform: the number that all entries of a node are equal to, where that is known.
        known: nodes by what they compute.
    """

    def __init__(self, given: Iterable[Node]) -> None:
        self.new: dict[Node, Node] = {}
        self.uniform: dict[Node, Any] = {}
        self.known: dict[Any, Node] = {}
        for node in given:
            self.new[node] = node
            if node.op is CONSTANT:
                self._note(node)
                if node.weak and node.name is None and node in self.uniform:
                    value = self.uniform[node]
                    self.known.setdefault(("number", value.dtype, value.tobytes()), node)
            elif node.parents and (key := _key(node.op.name, node.parents, node.params)):
                self.known.setdefault(key, node)

    def _note(self, node: Node) -> None:
        """Remember a constant of one entry as a number."""
        value = node._value
        if node.dtype.kind == "f" and node.size == 1:
            self.uniform[node] = np.asarray(value, node.dtype).reshape(())[()]

    def fold(self, node: Node) -> Node:
        if not node.parents:
            if node.op is CONSTANT:
                self._note(node)
                if node.weak and node.name is None and node in self.uniform:
                    return self._number(self.uniform[node])
            return node
        parents = tuple(self.new[p] for p in node.parents)
        numbers = [self.uniform.get(p) for p in parents]
        known = [n for n in numbers if n is not None]
        op = node.op
        if numbers[0] is not None and shapes.is_static(node.shape):
            value = None
            if op.name in ("broadcast_to", *MOVING):
                value = numbers[0]
            elif op.name == "cast":
                value = numbers[0].astype(node.dtype)
            elif op.family == "elementwise" and len(known) == len(numbers):
                with np.errstate(all="ignore"):
                    value = op.evaluate(*[float(n) if node.is_number else n for n in known])
            if value is not None and node.dtype.kind == "f":
                return self._constant(np.asarray(value, node.dtype)[()], node)
        if op.family == "elementwise" and op.partials is not None:
            parents = self._numbers_for(node, parents, numbers)
            simpler = self._simpler(node, parents)
            if simpler is not None:
                return simpler
        return self._made(node, parents)

    def _constant(self, value: Any, node: Node) -> Node:
        """A number, repeated where it has to be."""
        scalar = self._number(value)
        if node.shape == ():
            return scalar
        return self._register(OPS["broadcast_to"], (scalar,), {"shape": node.shape}, value)

    def _number(self, value: Any) -> Node:
        key = ("number", value.dtype, value.tobytes())
        if key not in self.known:
            node = (
                weak_constant(float(value))
                if value.dtype == np.float64
                else constant(np.asarray(value))
            )
            self.known[key] = node
            self.uniform[node] = value
        return self.known[key]

    def _register(self, op: Any, parents: tuple[Node, ...], params: Any, value: Any = None) -> Node:
        key = _key(op.name, parents, params)
        found = self.known.get(key) if key else None
        if found is None:
            found = build(op, parents, params)
            if key:
                self.known[key] = found
            if value is not None:
                self.uniform[found] = value
        return found

    def _numbers_for(
        self, node: Node, parents: tuple[Node, ...], numbers: list[Any]
    ) -> tuple[Node, ...]:
        """Repeated numbers taken as they are, where another operand has the shape of the result."""
        if not any(
            n is None and p.shape == node.shape for p, n in zip(parents, numbers, strict=True)
        ):
            return parents
        return tuple(
            p if n is None or p.dtype != node.dtype else self._number(n)
            for p, n in zip(parents, numbers, strict=True)
        )

    def _simpler(self, node: Node, parents: tuple[Node, ...]) -> Node | None:
        """A product with 1 or −1, a quotient by 1, a sign taken twice, or added; None for everything else."""
        name = node.op.name
        if name == "negative":
            return self._minus(parents[0], node)
        if name == "add":
            a, b = parents
            if b.op.name == "negative" and b.name is None and b not in self.uniform:
                return self._register(OPS["subtract"], (a, b.parents[0]), {})
            return None
        if name not in ("multiply", "divide"):
            return None
        sides = (1, 0) if name == "multiply" else (1,)
        for side in sides:
            x, number = parents[1 - side], self.uniform.get(parents[side])
            if number is None or x.shape != node.shape or x.dtype != node.dtype:
                continue
            if number == 1:
                return x
            if x.op.name == "negative" and x.name is None and name == "multiply":
                return self._register(OPS["multiply"], (x.parents[0], self._number(-number)), {})
            if number == -1 and name == "multiply":
                minus = self._minus(x, node)
                return self._register(OPS["negative"], (x,), {}) if minus is None else minus
        return None

    def _minus(self, x: Node, node: Node) -> Node | None:
        """−x, where a sign or a factor is there already; a factor of the graph that was given stays as it is written."""
        if x.op.name == "negative":
            return x.parents[0]
        if x.op.name == "multiply" and x.name is None:
            for side in (1, 0):
                number = self.uniform.get(x.parents[side])
                if number is not None and x.parents[1 - side].shape == node.shape:
                    return self._register(
                        OPS["multiply"], (x.parents[1 - side], self._number(-number)), {}
                    )
        return None

    def _made(self, node: Node, parents: tuple[Node, ...]) -> Node:
        """The same op on what has become of its operands; the node itself, where that is nothing new."""
        key = _key(node.op.name, parents, node.params)
        if key and key in self.known:
            return self.known[key]
        same = all(p is q for p, q in zip(parents, node.parents, strict=True))
        made = node if same else build(node.op, parents, node.params)
        if made.shape != node.shape or made.dtype != node.dtype:
            made = node  # nothing is gained by another shape
        if key:
            self.known[key] = made
        return made


def _key(name: str, parents: tuple[Node, ...], params: Any) -> Any:
    """What makes two nodes the same; None where parameters cannot be compared."""
    plain = _plain(tuple(params.items()))
    return None if plain is None else (name, tuple(map(id, parents)), plain)


def _plain(value: Any) -> Any:
    """A parameter as something that can be compared; None where that may not mean the same (0.0 and −0.0, arrays)."""
    if value is None or value.__class__ in (int, bool, str):
        return (value.__class__, value)
    if value is Ellipsis:
        return (Ellipsis,)
    if value.__class__ is slice:
        return _plain(("slice", value.start, value.stop, value.step))
    if value.__class__ is tuple:
        parts = tuple(map(_plain, value))
        return None if None in parts else parts
    return None
