"""Reading a graph of numbers into arrays: which op, which operands, which level.

A graph of a million scalars is no graph to write source from. `read` walks it once and gives a table with a row a number: what
`levels` plans from. Vectors may be its leaves, and its results: their entries are numbers like any other, and what only moves entries
(`MOVES`) costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cgraph import shapes
from cgraph.node import Node
from cgraph.op import Op
from cgraph.values import FLOAT64, Array

# Which entries these rows give of which operands can be seen by applying them to the entries' places.
MOVES = ("getitem", "reshape", "transpose", "concatenate")
LEAF = -1


@dataclass
class Scalars:
    """A graph of numbers as a table: operands stand before their users.

    Attributes:
        ops: the distinct rows of the derivative tables.
        kind: for each number the position of its op in `ops`; `LEAF` for an entry of a leaf.
        args: its operands, an array for each place; -1 where there is none.
        level: the longest way down to a leaf.
        active: whether it depends on something to differentiate with respect to.
        root: the first root, where it is a number; else 0.
        below: the numbers before this one are those that the first root depends on, and itself.
        leaves: those of the graph, as they were met.
        at: for leaves, roots and targets, where their numbers stand: a whole number, or an array of the node's shape.
    """

    ops: list[Op]
    kind: Array
    args: list[Array]
    level: Array
    active: Array
    root: int
    below: int
    leaves: list[Node]
    at: dict[Node, Any]


def read(roots: Sequence[Node], targets: Sequence[Node] = ()) -> Scalars | None:
    """The table of a graph; None where it is not one of numbers in float64.

    >>> import cgraph as cg
    >>> x = cg.parameter("x", 2.0)
    >>> table = read([x * x + x], [x])
    >>> table.kind, table.args, table.level
    (array([-1,  0,  1]), [array([-1,  0,  1]), array([-1,  0,  0])], array([0, 1, 2]))
    """
    asked = set(targets)
    at: dict[Node, Any] = {}
    codes: dict[Op, int] = {}
    leaves: list[Node] = []
    kind: list[int] = []
    first: list[int] = []
    second: list[int] = []
    more: list[tuple[int, list[int]]] = []  # operands from the third on
    level: list[int] = []
    active: list[bool] = []
    code_of = codes.get
    below = size = 0
    i: Any
    j: Any
    for root in [*roots, *targets]:
        # The walk of `graph.order`; this loop is half of what compiling costs.
        stack = [root]
        push, pop = stack.append, stack.pop
        while stack:
            node = pop()
            if node in at:
                continue
            parents = node.parents
            n = len(parents)
            rest: Any = ()
            j = -1
            if n == 2:
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
                i, j = at[a], at[b]
            elif n == 1:
                a = parents[0]
                if a not in at:
                    push(node)
                    push(a)
                    continue
                i = at[a]
            elif n:
                if not all([p in at for p in parents]):
                    stack += [node, *reversed(parents)]
                    continue
                i, j, *rest = [at[p] for p in parents]
            if node._dtype is not FLOAT64 and node._dtype != FLOAT64:
                return None
            if not n:
                if not shapes.is_static(node.shape):
                    return None
                if node.shape and stack and stack[-1].parents and stack[-1].op.name not in MOVES:
                    return (
                        None  # an array that is computed with: its entries need not be listed first
                    )
                entries = node.size or 0
                at[node] = size
                if node.shape:
                    at[node] = np.arange(size, size + entries).reshape(node.shape)
                leaves.append(node)
                kind += [LEAF] * entries
                first += [-1] * entries
                second += [-1] * entries
                level += [0] * entries
                active += [node in asked] * entries
                size += entries
                continue
            code = code_of(node.op)
            if code is None:
                if node.op.name in MOVES and node not in asked:
                    at[node] = _moved(node, [at[p] for p in parents])
                    continue
                if node.op.family != "elementwise" or node.op.partials is None:
                    return None
                code = codes[node.op] = len(codes)
            if node._shape:
                return None
            depth, moving = level[i], active[i]
            if j >= 0:
                if level[j] > depth:
                    depth = level[j]
                moving = moving or active[j]
            if rest:
                more.append((size, rest))
                depth = max(depth, *[level[k] for k in rest])
                moving = moving or any(active[k] for k in rest)
            at[node] = size
            size += 1
            kind.append(code)
            first.append(i)
            second.append(j)
            level.append(depth + 1)
            active.append(moving or node in asked)
        below = below or size
    args = [np.array(first, np.intp), np.array(second, np.intp)]
    for k in range(max([len(rest) for _, rest in more], default=0)):
        third = np.full(size, -1, np.intp)
        for row, rest in more:
            if k < len(rest):
                third[row] = rest[k]
        args.append(third)
    return Scalars(
        list(codes), np.array(kind, np.intp), args, np.array(level, np.intp), np.array(active, bool),
        0 if roots[0].shape else int(at[roots[0]]), below,
        leaves, {node: at[node] for node in (*leaves, *roots, *targets)},
    )  # fmt: skip


def _moved(node: Node, places: Sequence[Any]) -> Any:
    """Where the entries of a moving op stand."""
    found = np.asarray(node.op.forward(*map(np.asarray, places), **node.params))
    return found if found.shape else int(found)
