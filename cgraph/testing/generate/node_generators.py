"""The kinds of ops that random graphs are made of, each total: it finds operands it can take, or bends some to fit.

A kind is a function of the builder that gives a node, or gives up where nothing fits (`NothingFits`, which `pick` raises). Domains are
respected by value: the builder knows what every node evaluates to, so log gets something positive, division nothing near zero, exp
nothing large. Shapes agree by construction: a kind picks an operand and then only partners that fit, so that no example is thrown away.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cgraph import shapes
from cgraph.errors import ShapeError
from cgraph.leaves import constant
from cgraph.node import Node
from cgraph.op import OPS
from cgraph.operators import PUBLIC

Kind = Callable[[Any], Node]
V: dict[str, Callable[..., Node]] = PUBLIC


def _within(b: Any, x: Node, low: float, high: float) -> bool:
    value = b.value(x)
    return bool(np.all((value > low) & (value < high)))


def positive(b: Any, x: Node) -> Node:
    return x if _within(b, x, 0.05, 50.0) else V["softplus"](V["tanh"](x)) + 0.25


def unit(b: Any, x: Node) -> Node:
    return x if _within(b, x, -0.95, 0.95) else 0.9 * V["tanh"](x)


def probability(b: Any, x: Node) -> Node:
    return x if _within(b, x, 0.02, 0.98) else 0.05 + 0.9 * V["sigmoid"](x)


def bounded(b: Any, x: Node, most: float = 8.0) -> Node:
    return x if _within(b, x, -most, most) else V["tanh"](x)


def not_zero(b: Any, x: Node) -> Node:
    return x if bool(np.all(np.abs(b.value(x)) > 0.05)) else V["square"](x) + 0.5


def varied(b: Any, x: Node) -> Node:
    """With a variance that is not near zero, where the standard deviation has no gradient."""
    if x.ndim == 1 and np.ptp(b.value(x)) > 0.3:
        return x
    return V["concatenate"]([V["reshape"](x, -1), np.array([4.0, -4.0], x.dtype)])


def _unary(name: str, bend: Callable[[Any, Node], Node] | None = None) -> Kind:
    def kind(b: Any) -> Node:
        x = b.pick()
        return V[name](bend(b, x) if bend else x)

    return kind


def _kinked(name: str) -> Kind:
    """On a zero, where there is one."""

    def kind(b: Any) -> Node:
        zero = b.draw.chance(0.5)
        return V[name](b.pick(lambda n: zero and bool(np.any(b.value(n) == 0)), lambda n: True))

    return kind


def _binary(name: str, left: Any = None, right: Any = None) -> Kind:
    def kind(b: Any) -> Node:
        x, y = b.pair()
        return V[name](left(b, x) if left else x, right(b, y) if right else y)

    return kind


def _axis(b: Any, x: Node) -> Any:
    if not x.ndim:
        return None
    axis = b.draw.integer(x.ndim + 1)
    return None if axis == x.ndim else axis - (x.ndim if b.draw.chance(0.3) else 0)


def _reduction(name: str, bend: Callable[[Any, Node], Node] | None = None) -> Kind:
    def kind(b: Any) -> Node:
        x = b.pick(lambda n: n.ndim > 0 and n.size > 0, lambda n: n.size > 0)
        x = bend(b, x) if bend else x
        return V[name](x, axis=_axis(b, x), keepdims=b.draw.chance(0.3))

    return kind


def _softmax(name: str) -> Kind:
    def kind(b: Any) -> Node:
        x = b.pick(lambda n: n.ndim > 0 and n.size > 0)
        return V[name](x, axis=b.draw.integer(x.ndim))

    return kind


def _power(b: Any) -> Node:
    x = b.pick()
    exponent = b.draw.pick([3.0, 2.0, 1.0, -1.0, 0.5, 1.5, 0.0])
    base = (
        bounded(b, x, 30.0)
        if exponent in (3.0, 2.0, 1.0, 0.0)
        else not_zero(b, x)
        if exponent == -1.0
        else positive(b, x)
    )
    return V["power"](base, exponent)


def _where(b: Any) -> Node:
    x, y = b.pair()
    name = b.draw.pick(["greater", "less", "less_equal", "greater_equal"])
    condition = V[name](x, y) if b.draw.chance(0.5) else V[name](x, 0.25)
    if b.draw.chance(0.2):
        condition = V["logical_not"](condition)
    return V["where"](condition, x, y)


def _guarded(b: Any) -> Node:
    """where(x > 0, log(x), x): the branch not taken is NaN, its gradient has to be zero all the same."""
    x = b.pick()
    name = b.draw.pick(["log", "sqrt", "sqrt"])
    return V["where"](V["greater"](x, 0.05), V[name](x), 0.5 * x)


def _clip(b: Any) -> Node:
    x = b.pick()
    return V["clip"](x, b.draw.pick([-1.0, -0.5, None]), b.draw.pick([1.0, 0.5]))


def _clip_nodes(b: Any) -> Node:
    x, low = b.pair()
    return V["clip"](x, low, V["add"](low, 1.0))


def _stop(b: Any) -> Node:
    x: Node = b.pick()
    return V["stop_gradient"](x) * x


def _constant(b: Any) -> Node:
    x = b.pick()
    return V[b.draw.pick(["add", "multiply"])](x, constant(b.draw.entries(x.shape).astype(x.dtype)))


def _step(b: Any) -> Node:
    x, y = b.pair()
    return V["multiply"](x, OPS["step"](x, y))


def _reshape(b: Any) -> Node:
    x = b.pick()
    sizes = [(-1,), (x.size,), (1, x.size), (x.size, 1)] + [(2, -1), (-1, 2)] * (
        x.size % 2 == 0 and x.size > 0
    )
    if x.ndim > 1:
        sizes.append(tuple(reversed(x.shape)))
    shape = b.draw.pick(sizes if x.size else [(x.size,)])
    return V["reshape"](x, shape)


def _transpose(b: Any) -> Node:
    x = b.pick(lambda n: n.ndim >= 3, lambda n: n.ndim >= 2)
    return V["transpose"](x, b.draw.permutation(x.ndim))


def _expand(b: Any) -> Node:
    x = b.pick(lambda n: n.ndim < 3)
    return V["expand_dims"](x, b.draw.integer(x.ndim + 1))


def _squeeze(b: Any) -> Node:
    x = b.pick(lambda n: 1 in n.shape)
    return V["squeeze"](x)


def _broadcast(b: Any) -> Node:
    x = b.pick(lambda n: n.ndim < 3 or 1 in n.shape)
    target = [2 if n == 1 and b.draw.chance(0.7) else n for n in x.shape]
    lead = len(target) < 3 and (tuple(target) == x.shape or b.draw.chance(0.5))
    return V["broadcast_to"](x, (2, *target) if lead else tuple(target))


def _sum_to(b: Any) -> Node:
    x = b.pick(lambda n: n.ndim > 0)
    target = [1 if b.draw.chance(0.6) else n for n in x.shape]
    return V["sum_to"](x, tuple(target[1:]) if b.draw.chance(0.4) else tuple(target))


def _concatenate(b: Any) -> Node:
    x = b.pick(lambda n: n.ndim > 0)
    axis = b.draw.integer(x.ndim)

    def fits(n: Node) -> bool:
        if n.ndim != x.ndim:
            return False
        sizes = zip(n.shape, x.shape, strict=True)
        return all(p == q for i, (p, q) in enumerate(sizes) if i != axis)

    parts = [x, b.pick(fits)] + [b.pick(fits)] * b.draw.chance(0.3)
    return V["concatenate"](parts[:: -1 if b.draw.chance(0.5) else 1], axis)


def _stack(b: Any) -> Node:
    x = b.pick(lambda n: n.ndim < 3)
    return V["stack"]([x, b.pick(lambda n: n.shape == x.shape)], b.draw.integer(x.ndim + 1))


def _getitem(b: Any) -> Node:
    x = b.pick(lambda n: n.ndim > 0 and 0 not in n.shape)
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
    return V["getitem"](x, keys[b.draw.integer(len(keys))])


def _split(b: Any) -> Node:
    x = b.pick(lambda n: n.ndim > 0 and n.shape[-1] > 1)
    parts = V["split"](x, [1], x.ndim - 1)
    if b.draw.chance(0.5):
        return V["add"](V["sum"](parts[0]), parts[1])
    return parts[b.draw.integer(2)]


def _matmul(b: Any) -> Node:
    x = b.pick(lambda n: n.ndim > 0 and n.shape[-1] > 0)

    def fits(n: Node) -> bool:
        try:
            shapes.matmul(x.shape, n.shape)
        except ShapeError:
            return False
        return True

    y = b.find(lambda n: n.shape == x.shape and n is not x and fits(n), fits)
    if y is None:
        y = b.leaf((x.shape[-1], 2) if b.draw.chance(0.5) else (x.shape[-1],))
    return V["matmul"](bounded(b, x, 30.0), bounded(b, y, 30.0))


def _outer(b: Any) -> Node:
    x, y = b.pick(lambda n: 0 < n.size <= 4), b.pick(lambda n: 0 < n.size <= 4)
    return V["outer"](x, y)


def _dot(b: Any) -> Node:
    x = b.pick(lambda n: n.ndim == 1)
    return V["dot"](x, b.pick(lambda n: n.ndim in (1, 2) and n.shape[0] == x.shape[0]))


def _scatter(b: Any) -> Node:
    x = b.pick(lambda n: n.ndim == 1 and n.shape[0] == 2)
    index = (np.array([1, b.draw.integer(2)]),)
    node: Node = OPS["scatter"](x, index=index, shape=(3,))
    return node


GENERATORS: dict[str, Kind] = {
    **{
        name: _unary(name)
        for name in ("sin", "cos", "tanh", "sigmoid", "softplus", "arctan", "negative")
    },
    **{name: _kinked(name) for name in ("relu", "abs", "sign")},
    **{name: _unary(name, bounded) for name in ("exp", "expm1", "sinh", "cosh", "square")},
    **{name: _unary(name, positive) for name in ("log", "sqrt", "log1p")},
    **{name: _unary(name, unit) for name in ("arcsin", "arccos", "tan")},
    "reciprocal": _unary("reciprocal", not_zero),
    **{
        name: _binary(name) for name in ("add", "subtract", "multiply", "maximum", "minimum", "mse")
    },
    "divide": _binary("divide", None, not_zero),
    "power": _power,
    "power_nodes": _binary("power", positive, bounded),
    "bce": _binary("bce", probability, probability),
    "stable_bce": _binary("stable_bce", None, probability),
    "keras_bce": _binary("keras_bce", probability, probability),
    "where": _where,
    "guarded": _guarded,
    "clip": _clip,
    "clip_nodes": _clip_nodes,
    "step": _step,
    **{name: _reduction(name) for name in ("sum", "mean", "max", "min", "logsumexp")},
    "prod": _reduction("prod", bounded),
    "var": _reduction("var"),
    "std": _reduction("std", varied),
    "softmax": _softmax("softmax"),
    "log_softmax": _softmax("log_softmax"),
    "cumsum": _softmax("cumsum"),
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
    "stop_gradient": _stop,
    "constant": _constant,
}
