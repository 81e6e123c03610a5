"""Batching: a graph for one example turned into a graph for many at once, along a new axis in front.

`batched` walks a graph below some roots. What depends on nothing mapped stays as it is; every other op is built once more on operands
with one more axis. How, is its *batching rule*. Most need none of their own: elementwise ops broadcast, reductions shift their axes, and
an op that nobody has told how is carried out once for each example and the results are stacked, so that every op can be mapped. An op says
``batch=`` in its row: "axes" when its parameters ``axis`` or ``axes`` count axes from the front, "same" when no parameter speaks of axes,
a signature such as "(n,n),(n)->(n)" when it works on stacks of these, as NumPy's linear algebra does, or a function like those below.

Derivatives of batched graphs, and batched graphs of derivatives, are graphs like all others. `cg.vmap` is built on this, and `jacobian` and
`hessian`, which send all directions through in one pass.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from cgraph import shapes
from cgraph.build import build
from cgraph.errors import UnsupportedError
from cgraph.graph import order
from cgraph.leaves import constant
from cgraph.node import Node
from cgraph.op import OPS
from cgraph.operators import PUBLIC

# (the op's node for one example, operands, which of them have the new axis, how many examples) -> the node for all of them
Rule = Callable[[Node, list[Node], list[bool], int], Node | None]


def batched(
    roots: Iterable[Node], along: Mapping[Node, Node], size: int
) -> list[tuple[Node, bool]]:
    """The roots for `size` examples at once.

    Args:
        roots: nodes for one example.
        along: which nodes are mapped: each with its counterpart, which has an axis of `size` in front.
        size: how many examples.

    Returns:
        For each root its node, and whether that has the new axis: a root that depends on nothing mapped is the same for all.

    >>> import cgraph as cg
    >>> x, xs = cg.input("x", shape=(3,)), cg.input("xs", shape=(10, 3))
    >>> [(ys, many)] = batched([cg.sum(cg.sin(x))], {x: xs}, 10)
    >>> ys.shape, many
    ((10,), True)
    """
    roots = list(roots)
    done: dict[Node, tuple[Node, bool]] = {node: (new, True) for node, new in along.items()}
    for node in order(*roots):
        if node in done or not any(p in done for p in node.parents):
            continue
        found = [done.get(p, (p, False)) for p in node.parents]
        operands, has = [x for x, _ in found], [h for _, h in found]
        if node.op.name == "count":
            # How many entries there are along some axes is the same for every example.
            axes = tuple(a + has[0] for a in node.params["axes"])
            done[node] = build(node.op, (operands[0],), {"axes": axes}), False
        elif not any(has):
            done[node] = build(node.op, tuple(operands), node.params), False
        else:
            result = _rule_of(node, has)(node, operands, has, size)
            if result is None:
                result = _one_by_one(node, operands, has, size)
            done[node] = result, True
    return [done.get(root, (root, False)) for root in roots]


def _rule_of(node: Node, has: list[bool]) -> Rule:
    op = node.op
    if op.batch is not None:
        return _NAMED.get(op.batch, _stacks) if isinstance(op.batch, str) else op.batch
    if op.name in _RULES:
        return _RULES[op.name]
    if op.family == "elementwise":
        return _elementwise
    if op.family == "reduction" and len(has) == 1:
        return _axes
    return _one_by_one


# --- what rules are written with ------------------------------------------------------------------------------------------------


def with_axis(x: Node, has: bool, size: int) -> Node:
    """`x` with the new axis, repeated where it has none."""
    if has:
        return x
    if shapes.is_static(x.shape):
        return build(OPS["broadcast_to"], (x,), {"shape": (size, *x.shape)})
    # Sizes that are not known can only be followed: zeros of the shape, with an axis in front, to add to.
    column = constant(np.zeros((size, *(1,) * x.ndim), x.dtype if x.dtype.kind == "f" else bool))
    return build(
        OPS["broadcast_to"],
        (build(OPS["getitem"], (x,), {"index": (None, ...)}), column),
        {"shape": None},
    )


def padded(x: Node, has: bool, rank: int) -> Node:
    """`x` with axes of size 1 put in, behind the new axis, so that it has `rank` axes beside that."""
    missing = rank - (x.ndim - has)
    if not has or missing <= 0:
        return x
    if shapes.is_static(x.shape):
        return build(OPS["reshape"], (x,), {"shape": (*x.shape[:1], *(1,) * missing, *x.shape[1:])})
    index = (slice(None), *(None,) * missing, ...)
    return build(OPS["getitem"], (x,), {"index": index})


def _one_by_one(node: Node, operands: list[Node], has: list[bool], size: int) -> Node:
    """The op carried out for each example."""
    if size == 0:
        if not shapes.is_static(node.shape):
            raise UnsupportedError(f"{node.label!r}: no examples, and sizes that are not known")
        return constant(np.zeros((0, *node.shape), node.dtype))
    rows = [
        build(
            node.op,
            tuple(
                build(OPS["getitem"], (x,), {"index": (k,)}) if h else x
                for x, h in zip(operands, has, strict=True)
            ),
            node.params,
        )
        for k in range(size)
    ]
    stacked: Node = PUBLIC["stack"](rows)
    return stacked


# --- rules by kind ----------------------------------------------------------------------------------------------------------------


def _elementwise(node: Node, operands: list[Node], has: list[bool], size: int) -> Node:
    rank = max(x.ndim - h for x, h in zip(operands, has, strict=True))
    aligned = tuple(padded(x, h, rank) for x, h in zip(operands, has, strict=True))
    return build(node.op, aligned, node.params)


def _same(node: Node, operands: list[Node], has: list[bool], size: int) -> Node | None:
    return build(node.op, tuple(operands), node.params) if all(has) else None


def _axes(node: Node, operands: list[Node], has: list[bool], size: int) -> Node | None:
    if any(has[1:]):
        return None
    params = dict(node.params)
    own = node.parents[0].ndim
    for name in ("axis", "axes"):
        if isinstance(params.get(name), int):
            params[name] = params[name] % own + 1 if own else 1
        elif params.get(name) is not None:
            params[name] = tuple(a % own + 1 for a in params[name])
    return build(node.op, tuple(operands), params)


def _stacks(node: Node, operands: list[Node], has: list[bool], size: int) -> Node:
    """By a signature: the axes in front of those it names are a stack, and stacks broadcast."""
    cores = [
        len(core.split(",")) if core else 0
        for core in re.findall(r"\(([^)]*)\)", node.op.batch.partition("->")[0])
    ]
    stack = max(p.ndim - core for p, core in zip(node.parents, cores, strict=True))
    aligned = [
        padded(with_axis(x, h, size), True, stack + core)
        for x, h, core in zip(operands, has, cores, strict=True)
    ]
    return build(node.op, tuple(aligned), node.params)


_NAMED: dict[str, Rule] = {"same": _same, "axes": _axes}


# --- rules of single ops ------------------------------------------------------------------------------------------------------------


def _broadcast_to(node: Node, operands: list[Node], has: list[bool], size: int) -> Node:
    x, *like = operands
    x = padded(with_axis(x, has[0], size), True, node.ndim)
    if shapes.is_static(node.shape):
        return build(node.op, (x,), {"shape": (size, *node.shape)})
    if has[-1]:
        like = [padded(like[0], True, node.ndim)]
    return build(node.op, (x, *like), {"shape": None})


def _sum_to(node: Node, operands: list[Node], has: list[bool], size: int) -> Node:
    x, *like = operands
    x = with_axis(x, has[0], size)
    lead = x.ndim - 1 - node.ndim
    if lead:
        x = build(OPS["sum"], (x,), {"axes": tuple(range(1, lead + 1)), "keepdims": False})
    if shapes.is_static(node.shape):
        target = (size, *node.shape)
        return x if x.shape == target else build(node.op, (x,), {"shape": target})
    return build(node.op, (x, with_axis(like[0], has[1], size)), {"shape": None})


def _reshape(node: Node, operands: list[Node], has: list[bool], size: int) -> Node:
    x, *like = operands
    x = with_axis(x, has[0], size)
    if shapes.is_static(node.shape):
        return build(node.op, (x,), {"shape": (size, *node.shape)})
    if node.params["shape"] is not None:
        return build(node.op, (x,), {"shape": (size, *node.params["shape"])})
    return build(node.op, (x, with_axis(like[0], has[1], size)), {"shape": None})


def _transpose(node: Node, operands: list[Node], has: list[bool], size: int) -> Node:
    axes = (0, *(a + 1 for a in node.params["axes"]))
    return build(node.op, tuple(operands), {"axes": axes})


def _place(shape: shapes.Shape, index: Any) -> int:
    """Where the new axis comes out when the others are indexed: behind the axes of index arrays with slices between them."""
    marker = 7919 + sum(n or 0 for n in shape)
    return shapes.index((marker, *shape), (slice(None), *index)).index(marker)


def _moved(x: Node, source: int, target: int) -> Node:
    axes = [i for i in range(x.ndim) if i != source]
    axes.insert(target, source)
    return build(OPS["transpose"], (x,), {"axes": tuple(axes)}) if source != target else x


def _getitem(node: Node, operands: list[Node], has: list[bool], size: int) -> Node:
    index = node.params["index"]
    picked = build(node.op, tuple(operands), {"index": (slice(None), *index)})
    return _moved(picked, _place(node.parents[0].shape, index), 0)


def _scatter(node: Node, operands: list[Node], has: list[bool], size: int) -> Node:
    x, *like = operands
    index = node.params["index"]
    x = _moved(with_axis(x, has[0], size), 0, _place(node.shape, index))
    params = {"index": (slice(None), *index)}
    if shapes.is_static(node.shape):
        return build(node.op, (x,), {**params, "shape": (size, *node.shape)})
    return build(node.op, (x, with_axis(like[0], has[1], size)), {**params, "shape": None})


def _concatenate(node: Node, operands: list[Node], has: list[bool], size: int) -> Node:
    parts = tuple(with_axis(x, h, size) for x, h in zip(operands, has, strict=True))
    return build(node.op, parts, {"axis": node.params["axis"] + 1})


def _matmul(node: Node, operands: list[Node], has: list[bool], size: int) -> Node:
    (a, b), (a_has, b_has) = operands, has
    a_rank, b_rank = a.ndim - a_has, b.ndim - b_has
    result: Node
    if not b_has and b_rank <= 2:
        if a_rank == 2 and shapes.is_static(a.shape + b.shape):
            # One product instead of one an example.
            m, k = a.shape[1:]
            flat = build(OPS["reshape"], (a,), {"shape": (size * (m or 0), k)})
            product = build(node.op, (flat, b), {})
            return build(OPS["reshape"], (product,), {"shape": (size, m, *b.shape[1:])})
        if a_rank == 1:
            return build(node.op, (a, b), {})
    if not a_has and b_rank == 1:
        if a_rank == 2:
            return build(node.op, (b, build(OPS["transpose"], (a,), {"axes": (1, 0)})), {})
        if a_rank == 1:
            return build(node.op, (b, a), {})
    # Vectors as matrices of one row or column, stacks aligned behind the new axis.
    if a_rank == 1:
        a = PUBLIC["expand_dims"](a, -2)
    if b_rank == 1:
        b = PUBLIC["expand_dims"](b, -1)
    rank = max(a_rank, b_rank, 2)
    result = PUBLIC["matmul"](padded(a, a_has, rank), padded(b, b_has, rank))
    if a_rank == 1:
        result = PUBLIC["squeeze"](result, -2)
    if b_rank == 1:
        result = PUBLIC["squeeze"](result, -1)
    return result


_RULES: dict[str, Rule] = {
    "cast": _same,
    "stop_gradient": _same,
    "cumsum": _axes,
    "broadcast_to": _broadcast_to,
    "sum_to": _sum_to,
    "reshape": _reshape,
    "transpose": _transpose,
    "getitem": _getitem,
    "scatter": _scatter,
    "concatenate": _concatenate,
    "matmul": _matmul,
}
