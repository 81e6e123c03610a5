"""Biases folded into the weight matrix, where a layer's input is data.

W X + b is one product: of [W b] with X over a row of ones. Where X is data, the row of ones is put there once, outside
the loop; W and b lie side
by side in one array, and so does what the optimizer remembers of them; their gradients come out of one product, and one statement
updates both. The rules here take the pieces of the two updates and see that they are one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cgraph.compile.ir import ELEMENTWISE, DType, Shape, Value
from cgraph.compile.ir.builder import frozen
from cgraph.compile.passes.algebra import Algebra, factored
from cgraph.graph import order
from cgraph.node import Node
from cgraph.op import INPUT, PARAMETER


@dataclass
class Joint:
    """Parameters that lie in one array: a weight matrix and its bias, or one parameter alone.

    Attributes:
        nodes: W and b, or one parameter.
        shape, dtype: of the array.
    """

    nodes: list[Node]
    shape: Shape
    dtype: DType

    @property
    def label(self) -> str:
        return "".join(n.basename or "w" for n in self.nodes)

    def parts(self, b: Algebra, value: Value) -> Iterator[tuple[Node, Value]]:
        """Each parameter as a part of the joint value."""
        for node, key in zip(self.nodes, self.keys(), strict=True):
            yield node, value if key is None else b.index(value, key, node.shape)  # type: ignore[arg-type]

    def keys(self) -> list[Any]:
        """Where in the array each parameter lies; None for all of it."""
        if len(self.nodes) == 1:
            return [None]
        n = self.shape[1] - 1
        return [(slice(None), slice(0, n)), (slice(None), slice(n, n + 1))]

    def gathered(self, arrays: Sequence[Any]) -> Any:
        """One new array of one for each parameter."""
        if len(arrays) == 1:
            return np.array(arrays[0], self.dtype, order="C")
        return np.ascontiguousarray(np.concatenate(arrays, 1))

    def scattered(self, array: Any) -> list[Any]:
        """What belongs to each parameter."""
        return [array if key is None else np.ascontiguousarray(array[key]) for key in self.keys()]

    def slope(self, b: Folding, gradients: Mapping[Node, Value]) -> Value:
        """The gradients of the parameters as one value."""
        return join_columns(b, [b.cast(gradients[n], self.dtype) for n in self.nodes])


class Row(Joint):
    """Joints one after the other in a single row, so that a rule of many steps goes over all of them at once."""

    def __init__(self, joints: Sequence[Joint]) -> None:
        self.joints = list(joints)
        size = sum(math.prod(j.shape) for j in joints)
        super().__init__([n for j in joints for n in j.nodes], (size,), joints[0].dtype)

    @property
    def label(self) -> str:
        return "parameters"

    def _cuts(self) -> Iterator[tuple[Joint, slice]]:
        start = 0
        for joint in self.joints:
            stop = start + math.prod(joint.shape)
            yield joint, slice(start, stop)
            start = stop

    def parts(self, b: Algebra, value: Value) -> Iterator[tuple[Node, Value]]:
        for joint, cut in self._cuts():
            part = b.index(value, (cut,), (cut.stop - cut.start,))
            part = b.reshape(part, joint.shape)
            part.label = part.label or joint.label
            yield from joint.parts(b, part)

    def gathered(self, arrays: Sequence[Any]) -> Any:
        waiting = iter(arrays)
        flat = [j.gathered([next(waiting) for _ in j.nodes]).ravel() for j in self.joints]
        return np.concatenate(flat)

    def scattered(self, array: Any) -> list[Any]:
        found = []
        for joint, cut in self._cuts():
            found += [np.array(a) for a in joint.scattered(array[cut].reshape(joint.shape))]
        return found

    def slope(self, b: Folding, gradients: Mapping[Node, Value]) -> Value:
        slopes = [joint.slope(b, gradients) for joint in self.joints]
        inner, factors = zip(*map(factored, slopes), strict=True)
        factor = factors[0] if len(set(factors)) == 1 else 1.0
        row = [b.reshape(x, (x.size,)) for x in (inner if factor != 1.0 else slopes)]
        return b.scale(b.join(row, 0), factor)


# Entries up to which all parameters are put into one row, and the arrays that a rule has to remember for it to be worth it.
MOST_IN_ROW, LEAST_SLOTS = 1 << 15, 2


def in_a_row(joints: Sequence[Joint], n_slots: int) -> list[Joint]:
    """The joints, in one row where that spares statements: each of a rule's dozen costs more than its work on a small array."""
    entries = sum(math.prod(j.shape) for j in joints)
    if n_slots < LEAST_SLOTS or not 1 < entries <= MOST_IN_ROW or len(joints) < 2:
        return list(joints)
    return [Row(joints)] if len({j.dtype for j in joints}) == 1 else list(joints)


def alone(parameters: Sequence[Node]) -> list[Joint]:
    """Every parameter in an array of its own."""
    return [Joint([node], node.shape, node.dtype) for node in parameters]  # type: ignore[arg-type]


def find_joints(loss: Node, parameters: Sequence[Node], data: dict[Node, Value]) -> list[Joint]:
    """Pairs W, b in the pattern W X + b with X data; every other parameter is alone. In the order of the parameters."""
    free = set(parameters)
    pairs: dict[Node, Node] = {}
    for node in order(loss):
        if node.op.name != "add":
            continue
        product, shift = node.parents
        if shift.op.name == "matmul":
            product, shift = shift, product
        if shift.op.name == "broadcast_to":
            shift = shift.parents[0]
        if product.op.name != "matmul" or shift.op is not PARAMETER:
            continue
        W, X = product.parents
        if (
            W in free
            and shift in free
            and X in data
            and W.op is PARAMETER
            and W.ndim == X.ndim == 2
        ):
            if (
                shift.shape == (W.shape[0], 1)
                and shift.dtype == W.dtype == X.dtype
                and X.op is INPUT
            ):
                pairs[W] = shift
                free -= {W, shift}
    taken = set(pairs.values())
    joints = []
    for node in parameters:
        if node in pairs:
            rows, columns = node.shape
            assert rows is not None and columns is not None
            joints.append(Joint([node, pairs[node]], (rows, columns + 1), node.dtype))
        elif node not in taken:
            joints.append(Joint([node], node.shape, node.dtype))  # type: ignore[arg-type]
    return joints


class Folding(Algebra):
    """An algebra that knows what does not change in a loop.

    Attributes:
        invariant: the arguments that stay the same.
    """

    def __init__(self) -> None:
        super().__init__()
        self.invariant: set[Value] = set()

    def constant_in_loop(self, x: Value) -> bool:
        """Whether a value is data, or data in another shape or order: cheap to have in a second form."""
        while x.op in ("transpose", "reshape", "join", "negative", "broadcast") or (
            x.op == "multiply" and x.args[1].op == "literal"
        ):
            x = x.args[0]
        return x in self.invariant or x.op in ("literal", "constant")

    def _add(self, shape: Shape, dtype: DType, a: Value, b: Value) -> Value | None:
        """[W b] [X; 1] for W X + b."""
        for product, shift in ((a, b), (b, a)):
            if product.op == "matmul" and shift.op == "index" and product.args[0].op == "index":
                joint, X = product.args[0].args[0], product.args[1]
                n = X.shape[0] if len(X.shape) == 2 else -1
                if (
                    shift.args[0] is joint
                    and product.args[0].params == frozen((slice(None), slice(0, n)))
                    and shift.params == frozen((slice(None), slice(n, n + 1)))
                    and self.constant_in_loop(X)
                ):
                    return self.matmul(joint, self.with_ones(X, 0), shape)
        return super()._add(shape, dtype, a, b)

    def with_ones(self, X: Value, axis: int) -> Value:
        """X with a row (axis 0) or a column (axis 1) of ones at its end."""
        if X.op == "transpose":
            return self.transpose(self.with_ones(X.args[0], 1 - axis), (1, 0))
        edge = (1, X.shape[1]) if axis == 0 else (X.shape[0], 1)
        return self.join([X, self.broadcast(self.literal(1.0, X.dtype), edge)], axis)


def join_columns(b: Folding, parts: Sequence[Value]) -> Value:
    """The parts of a joint beside each other, seen as one operation where they are the pieces of one."""
    if len(parts) == 1:
        return parts[0]
    x, y = parts
    return _joined(b, x, y) or b.join([x, y], 1)


def _joined(b: Folding, x: Value, y: Value) -> Value | None:
    (p, c), (q, d) = factored(x), factored(y)
    if c == d and c != 1.0:
        inner = _joined(b, p, q)
        return None if inner is None else b.scale(inner, c)
    # D Xᵀ beside the row sums of D is D [Xᵀ 1].
    if x.op == "matmul" and len(x.args[0].shape) == 2:
        D, right = x.args
        total = y.args[0] if y.op == "reshape" else y
        if total.op == "sum" and total.args[0] is D and total.params == (1,):
            return b.matmul(D, b.with_ones(right, 1), (x.shape[0], x.shape[1] + 1))
    # The two parts of a joint are the joint.
    if x.op == y.op == "index" and x.args[0] is y.args[0]:
        n = x.shape[1]
        whole = x.args[0]
        if whole.shape == (x.shape[0], n + 1) and (x.params, y.params) == (
            frozen((slice(None), slice(0, n))),
            frozen((slice(None), slice(n, n + 1))),
        ):
            return whole
    if x.op == y.op and x.op in ELEMENTWISE:
        args = []
        for s, t in zip(x.args, y.args, strict=True):
            one = s if s is t and s.size == 1 else _joined(b, s, t)
            if one is None:
                return None
            args.append(one)
        return b.elementwise(x.op, *args)
    return None
