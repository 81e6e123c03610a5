"""The kinds that move, join, pick or multiply whole arrays: the second half of `kinds.py`, whose shapes have to fit one another."""

from __future__ import annotations

from typing import Any

import numpy as np

from cgraph import shapes
from cgraph.errors import ShapeError
from cgraph.node import Node
from cgraph.op import OPS
from cgraph.operators import PUBLIC as V


def _reshape(b: Any) -> Node:
    x = b.pick()
    sizes = [(-1,), (x.size,), (1, x.size), (x.size, 1)] + [(2, -1), (-1, 2)] * (
        x.size % 2 == 0 and x.size > 0
    )
    if x.ndim > 1:
        sizes.append(tuple(reversed(x.shape)))
    shape = b.draw.pick(sizes if x.size else [(x.size,)])
    return V["reshape"](x, shape)  # type: ignore[no-any-return]


def _transpose(b: Any) -> Node | None:
    x = b.pick(lambda n: n.ndim >= 3, lambda n: n.ndim >= 2)
    if x is None or x.ndim < 2:
        return None
    return V["transpose"](x, b.draw.permutation(x.ndim))  # type: ignore[no-any-return]


def _expand(b: Any) -> Node | None:
    x = b.pick(lambda n: n.ndim < 3)
    return None if x is None else V["expand_dims"](x, b.draw.integer(x.ndim + 1))


def _squeeze(b: Any) -> Node | None:
    x = b.pick(lambda n: 1 in n.shape)
    return None if x is None else V["squeeze"](x)


def _broadcast(b: Any) -> Node | None:
    x = b.pick(lambda n: n.ndim < 3 or 1 in n.shape)
    if x is None:
        return None
    target = [2 if n == 1 and b.draw.chance(0.7) else n for n in x.shape]
    lead = len(target) < 3 and (tuple(target) == x.shape or b.draw.chance(0.5))
    return V["broadcast_to"](x, (2, *target) if lead else tuple(target))  # type: ignore[no-any-return]


def _sum_to(b: Any) -> Node | None:
    x = b.pick(lambda n: n.ndim > 0)
    if x is None:
        return None
    target = [1 if b.draw.chance(0.6) else n for n in x.shape]
    return V["sum_to"](x, tuple(target[1:]) if b.draw.chance(0.4) else tuple(target))  # type: ignore[no-any-return]


def _concatenate(b: Any) -> Node | None:
    x = b.pick(lambda n: n.ndim > 0)
    if x is None:
        return None
    axis = b.draw.integer(x.ndim)

    def fits(n: Node) -> bool:
        if n.ndim != x.ndim:
            return False
        sizes = zip(n.shape, x.shape, strict=True)
        return all(p == q for i, (p, q) in enumerate(sizes) if i != axis)

    parts = [x, b.pick(fits)] + [b.pick(fits)] * b.draw.chance(0.3)
    return V["concatenate"](parts[:: -1 if b.draw.chance(0.5) else 1], axis)  # type: ignore[no-any-return]


def _stack(b: Any) -> Node | None:
    x = b.pick(lambda n: n.ndim < 3)
    if x is None:
        return None
    return V["stack"]([x, b.pick(lambda n: n.shape == x.shape)], b.draw.integer(x.ndim + 1))  # type: ignore[no-any-return]


def _getitem(b: Any) -> Node | None:
    x = b.pick(lambda n: n.ndim > 0 and 0 not in n.shape)
    if x is None:
        return None
    n = x.shape[0]
    last = x.shape[-1]
    keys: list[Any] = [
        0, -1, slice(None, None, -1), slice(0, 1), slice(1, None), (Ellipsis, 0), (Ellipsis, slice(None, None, 2)), None,
        [0] * 2 + [n - 1], (Ellipsis, [0, last - 1, 0]), np.arange(n) % 2 == 0,
    ]  # fmt: skip
    if x.ndim > 1:
        keys += [
            (slice(None), 0),
            ([0, n - 1, 0], [0, x.shape[1] - 1, 0]),
            (0, slice(None, None, -1)),
            (slice(None), None, [0, 0]),
        ]
    return V["getitem"](x, keys[b.draw.integer(len(keys))])  # type: ignore[no-any-return]


def _split(b: Any) -> Node | None:
    x = b.pick(lambda n: n.ndim > 0 and n.shape[-1] > 1)
    if x is None:
        return None
    parts = V["split"](x, [1], x.ndim - 1)
    if b.draw.chance(0.5):
        return V["add"](V["sum"](parts[0]), parts[1])  # type: ignore[no-any-return]
    return parts[b.draw.integer(2)]  # type: ignore[no-any-return]


def _matmul(b: Any) -> Node | None:
    x = b.pick(lambda n: n.ndim > 0 and n.shape[-1] > 0)
    if x is None:
        return None

    def fits(n: Node) -> bool:
        try:
            shapes.matmul(x.shape, n.shape)
        except ShapeError:
            return False
        return True

    y = b.pick(lambda n: n.shape == x.shape and n is not x and fits(n), fits)
    if y is None:
        y = b.leaf((x.shape[-1], 2) if b.draw.chance(0.5) else (x.shape[-1],))
    return V["matmul"](_tame(b, x), _tame(b, y))  # type: ignore[no-any-return]


def _outer(b: Any) -> Node | None:
    x, y = b.pick(lambda n: 0 < n.size <= 4), b.pick(lambda n: 0 < n.size <= 4)
    return None if x is None or y is None else V["outer"](x, y)


def _dot(b: Any) -> Node | None:
    x = b.pick(lambda n: n.ndim == 1)
    y = None if x is None else b.pick(lambda n: n.ndim in (1, 2) and n.shape[0] == x.shape[0])
    return None if y is None else V["dot"](x, y)


def _scatter(b: Any) -> Node | None:
    x = b.pick(lambda n: n.ndim == 1 and n.shape[0] == 2)
    return (
        None
        if x is None
        else OPS["scatter"](x, index=(np.array([1, b.draw.integer(2)]),), shape=(3,))
    )


def _tame(b: Any, x: Node) -> Node:
    return x if bool(np.all(np.abs(b.value(x)) < 30.0)) else V["tanh"](x)


STRUCTURE = {
    "broadcast_to": _broadcast,
    "concatenate": _concatenate,
    "dot": _dot,
    "expand_dims": _expand,
    "getitem": _getitem,
    "matmul": _matmul,
    "outer": _outer,
    "reshape": _reshape,
    "scatter": _scatter,
    "split": _split,
    "squeeze": _squeeze,
    "stack": _stack,
    "sum_to": _sum_to,
    "transpose": _transpose,
}
