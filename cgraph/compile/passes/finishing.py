"""Passes over a finished graph: rewritings that need to know who uses what, or that only pay on arrays.

Each walks the values once, operands first, and builds the graph anew with one rule. The builder's own simplifications
apply again on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cgraph.compile.ir import (
    ELEMENTWISE,
    Value,
    held_back,
    held_exponent,
    is_number,
    order,
    ufunc,
    users,
)
from cgraph.compile.ir.builder import Builder, thawed
from cgraph.compile.passes.algebra import factored

Rule = Callable[[Value, tuple[Value, ...]], Value | None]

# Longer sums are NumPy's, which adds in pairs and so loses less.
MOST_TERMS = 4096


def rebuilt(
    b: Builder, roots: Sequence[Value], rule: Rule, new: dict[Value, Value] | None = None
) -> list[Value]:
    """The roots, with `rule` (a value and its new operands -> what to put in its place, or None) applied to every value below.

    `new` is filled with what stands for each value, for rules that look further than at operands.
    """
    new = {} if new is None else new
    for value in order(roots):
        args = tuple([new[a] for a in value.args])
        found = rule(value, args)
        if found is None:
            same = all(x is y for x, y in zip(args, value.args, strict=True))
            found = value if same else _entered(b, value, args)
        found.take_over(value)
        new[value] = found
    return [new[root] for root in roots]


def _entered(b: Builder, value: Value, args: tuple[Value, ...]) -> Value:
    """The same operation on other operands."""
    if value.op == "call":
        op, numbers, params = value.params
        return b.call(op, args, numbers, params, value.shape, value.dtype)
    return b.make(value.op, args, value.params, value.shape, value.dtype)


# Constants that are computed beforehand may take so many bytes.
MOST_FOLDED = 1 << 20


def folded(b: Builder, roots: Sequence[Value]) -> list[Value]:
    """What depends on constants of the graph alone, computed now. Data that are fed are no constants."""

    def rule(value: Value, args: tuple[Value, ...]) -> Value | None:
        if not args or value.nbytes > MOST_FOLDED or value.op in ("broadcast", "call"):
            return None
        if all(a.op == "constant" or a.literal is not None for a in args):
            return b.constant(_computed(value, [_array(a) for a in args]))
        if value.op in ELEMENTWISE and any(a.op == "broadcast" for a in args):
            return b.elementwise(value.op, *args, dtype=value.dtype)  # which needs no copies
        return None

    return rebuilt(b, roots, rule)


def _array(value: Value) -> Any:
    return (
        value.params if value.op == "constant" else np.full(value.shape, value.literal, value.dtype)
    )


def _computed(value: Value, args: list[Any]) -> Any:
    op, params = value.op, value.params
    with np.errstate(all="ignore"):
        if op == "select":
            return np.where(*args)
        if op == "cast":
            return args[0].astype(value.dtype)
        if op in ELEMENTWISE or op == "matmul":
            return np.asarray((np.matmul if op == "matmul" else ufunc(op))(*args), value.dtype)
        if op in ("sum", "max", "min"):
            reduction = {"sum": np.add, "max": np.maximum, "min": np.minimum}[op]
            return np.asarray(reduction.reduce(args[0], axis=params), value.dtype)
    if op == "reshape":
        return args[0].reshape(value.shape)
    if op == "transpose":
        return args[0].transpose(params)
    if op == "index":
        return np.asarray(args[0][thawed(params)])
    if op == "join":
        return np.concatenate(args, params)
    if op == "array":
        return np.array(args, value.dtype).reshape(value.shape)
    result = np.zeros(value.shape, value.dtype)  # place
    result[thawed(params)] = args[0]
    return result


def flattened(b: Builder, roots: Sequence[Value]) -> list[Value]:
    """A matrix of one row or one column in a product as a vector, for which the product has a shorter way."""

    def rule(value: Value, args: tuple[Value, ...]) -> Value | None:
        if value.op != "matmul" or is_number(value) or any(map(is_number, args)):
            return None
        x, y = args
        if len(x.shape) == len(y.shape) == 2:
            if x.shape[0] == 1 and y.shape[1] > 1 and _plain(x):
                flat = b.make(
                    "matmul", (b.reshape(x, x.shape[1:]), y), None, y.shape[1:], value.dtype
                )
                return b.reshape(flat, value.shape)
            if y.shape[1] == 1 and x.shape[0] > 1 and _plain(y):
                flat = b.make(
                    "matmul", (x, b.reshape(y, y.shape[:1])), None, x.shape[:1], value.dtype
                )
                return b.reshape(flat, value.shape)
        return None

    return rebuilt(b, roots, rule)


def sums_as_products(b: Builder, roots: Sequence[Value]) -> list[Value]:
    """Sums of up to `MOST_TERMS` terms as products with ones, which cost a third; a sum of products as the product of vectors."""
    used = users(order(roots))

    def rule(value: Value, args: tuple[Value, ...]) -> Value | None:
        if value.op != "sum":
            return None
        x = args[0]
        old = value.args[0]
        ndim = len(x.shape)
        core = x.args[0] if x.op == "reshape" else x
        if (core.op not in ELEMENTWISE and core.op != "matmul") or is_number(x) or not x.size:
            return None
        if x.dtype != value.dtype or x.size // max(value.size, 1) > MOST_TERMS:
            return None
        if value.params == tuple(range(ndim)):
            flat = (x.size,)
            if (
                x.op == "multiply"
                and len(used[old]) == 1
                and all(a.shape == x.shape and _plain(a) for a in x.args)
            ):
                return b.matmul(b.reshape(x.args[0], flat), b.reshape(x.args[1], flat), ())
            return b.matmul(b.reshape(x, flat), b.broadcast(b.literal(1.0, x.dtype), flat), ())
        if ndim == 2 and value.params == (1,):
            return b.matmul(x, b.broadcast(b.literal(1.0, x.dtype), x.shape[1:]), value.shape)
        if ndim == 2 and value.params == (0,):
            return b.matmul(b.broadcast(b.literal(1.0, x.dtype), x.shape[:1]), x, value.shape)
        return None

    return rebuilt(b, roots, rule)


def turned(b: Builder, roots: Sequence[Value]) -> list[Value]:
    """(A B)ᵀ as Bᵀ Aᵀ, whose transposes cost nothing."""
    used = users(order(roots))

    def rule(value: Value, args: tuple[Value, ...]) -> Value | None:
        product = args[0] if value.op == "transpose" else value
        if product.op != "matmul" or value.op != "transpose" or len(used[value.args[0]]) != 1:
            return None
        if any(len(a.shape) != 2 for a in product.args):
            return None
        left, right = [b.transpose(a, (1, 0)) for a in product.args[::-1]]
        return b.make("matmul", (left, right), None, value.shape, value.dtype)

    return rebuilt(b, roots, rule)


def with_shared_multiples(b: Builder, roots: Sequence[Value]) -> list[Value]:
    """c (x y) as (c x) y, where c x is there anyway."""
    values = order(roots)
    used = users(values)
    multiples = {(v.args[0], v.args[1].literal): v for v in values if v.op == "multiply" and v.args[1].op == "literal"}  # fmt: skip
    new: dict[Value, Value] = {}

    def rule(value: Value, args: tuple[Value, ...]) -> Value | None:
        product, c = factored(value)
        if product.op != "multiply" or product is value or len(used[product]) != 1:
            return None
        for x, y in (product.args, product.args[::-1]):
            shared = multiples.get((x, c))
            if shared is not None and shared in new and y in new and shared.shape == x.shape:
                return b.make("multiply", (new[shared], new[y]), None, value.shape, value.dtype)
        return None

    return rebuilt(b, roots, rule, new)


def added_where_they_lie(b: Builder, roots: Sequence[Value]) -> list[Value]:
    """x + y in a place among zeros as x with y added there: no zeros are written, and none added."""
    used = users(order(roots))

    def rule(value: Value, args: tuple[Value, ...]) -> Value | None:
        if value.op != "add" or is_number(value) or args[0].shape != args[1].shape:
            return None
        for k in (1, 0):
            old, new = value.args[k], args[k]
            if old.op == new.op == "place" and len(used[old]) == 1:
                pair = (args[1 - k], new.args[0])
                return b.make("add_at", pair, new.params, value.shape, value.dtype)
        return None

    return rebuilt(b, roots, rule)


def _plain(x: Value) -> bool:
    """Whether the entries surely lie one after the other, so that to flatten them costs nothing."""
    return x.op in ELEMENTWISE or x.op in ("matmul", "argument", "sum")


def unguarded(b: Builder, roots: Sequence[Value]) -> list[Value]:
    """exp(x) for exp(min(x, 700)), which holds an exponential back from infinity: for who looks at what comes out.

    Where it does become infinite, inf · 0 or inf / inf makes NaN of every gradient that it has a part in; where exp(max(x, −700))
    becomes 0, the loss is infinite and the gradient right.
    """

    def rule(value: Value, args: tuple[Value, ...]) -> Value | None:
        if value.op == "exp" and held_exponent(args[0]):
            return b.make("exp", args[0].args[:1], None, value.shape, value.dtype)
        return args[0] if held_back(value) else None

    return rebuilt(b, roots, rule)
