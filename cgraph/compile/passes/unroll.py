"""Unrolling: a graph on small arrays becomes a graph on numbers.

A ufunc call costs as much as ten to forty operations on Python floats. Where arrays have a handful of entries, as in the
nets that people learn
with, each entry therefore becomes a value of its own: elementwise operations go entry by entry, sums and products become
sums of terms, and what moves
entries costs nothing at all. The result is an ordinary graph, on which the builder finds what is there twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cgraph.compile.ir import ELEMENTWISE, FLOAT64, Value, held_back, held_exponent, order
from cgraph.compile.ir.builder import Builder, thawed

MOST_STATEMENTS = 1500
# An operation on an array costs about as much as this many on numbers.
WORTH = 30

Entries = Any  # an object array of values


def worthwhile(roots: Sequence[Value]) -> bool:
    """Whether the graph is cheaper on numbers: small arrays of float64 throughout, and few entries in all."""
    numbers = arrays = 0
    for value in order(roots):
        if value.op == "call" or value.dtype.kind == "i" or value.dtype == np.float32:
            return False
        if value.op in ELEMENTWISE:
            numbers, arrays = numbers + value.size, arrays + 1
        elif value.op in ("matmul", "sum", "max", "min"):
            x = value.args[0]
            terms = value.size * x.shape[-1] if value.op == "matmul" else x.size
            numbers, arrays = numbers + 2 * terms, arrays + 2
        if numbers > MOST_STATEMENTS:
            return False
    return numbers <= WORTH * arrays


def unroll(
    b: Builder, roots: Sequence[Value], entries: Mapping[Value, Entries], guarded: bool = False
) -> list[Entries]:
    """The entries of `roots`, built by `b`, given those of the arguments; `guarded` where an overflow is inf and raises nothing."""
    found: dict[Value, Entries] = dict(entries)
    for value in order(roots):
        if value not in found:
            b.origin = value.origin
            found[value] = _unrolled(b, value, [found[a] for a in value.args], guarded)
            label = value.label or _short(value)
            if label:
                for index, entry in np.ndenumerate(found[value]):
                    if not entry.label and entry.op not in ("literal", "constant"):
                        entry.label = entry_label(label, value.shape, index)
            if value.hint:
                for index, entry in np.ndenumerate(found[value]):
                    if not entry.hint and entry.args:
                        entry.hint = entry_label(value.hint, value.shape, index)
    return [found[root] for root in roots]


def _short(value: Value) -> str:
    """Exponentials are worth a name, with the number of their layer: e1 for the one inside A1."""
    if value.op != "exp":
        return ""
    name = getattr(value.origin, "basename", None) or ""
    return "e" + name[len(name.rstrip("0123456789")) :]


def entry_label(label: str, shape: tuple[int, ...], index: tuple[int, ...]) -> str:
    """The name of one entry: ``W_01`` for W[0, 1]; axes of size 1 are left out."""
    digits = ["" if n == 1 else str(i) for i, n in zip(index, shape, strict=True)]
    joint = "" if all(n <= 10 for n in shape) else "_"
    digits = [d for d in digits if d]
    return f"{label}_{joint.join(digits)}" if digits else label


def _array(items: Sequence[Value], shape: tuple[int, ...]) -> Entries:
    result = np.empty(len(items), object)
    result[:] = items
    return result.reshape(shape)


def _unrolled(b: Builder, value: Value, args: list[Entries], guarded: bool) -> Entries:
    op = value.op
    if op == "literal":
        return _array([value], ())
    if op == "constant":
        if value.dtype == FLOAT64:
            return _array([b.literal(float(x)) for x in value.params.flat], value.shape)
        return _array([b.constant(x) for x in value.params.flat], value.shape)
    if op in ELEMENTWISE:
        unguarded = None if guarded else _unguarded(b, value, args)
        if unguarded is not None:
            return unguarded
        wide = np.broadcast_arrays(*args)
        rows = zip(*(w.flat for w in wide), strict=True)
        if op == "select":
            return _array([b.select(*row) for row in rows], value.shape)
        return _array([b.elementwise(op, *row, dtype=value.dtype) for row in rows], value.shape)
    if op == "matmul":
        return _product(b, args[0], args[1], value.shape)
    if op in ("sum", "max", "min"):
        return _reduced(b, op, args[0], value)
    if op == "broadcast":
        return np.broadcast_to(args[0], value.shape)
    if op == "reshape":
        return args[0].reshape(value.shape)
    if op == "transpose":
        return args[0].transpose(value.params)
    if op == "index":
        return args[0][_as_view(value.params)]
    if op == "place":
        result = _array([b.literal(0.0)] * value.size, value.shape)
        result[_as_view(value.params)] = args[0]
        return result
    if op == "join":
        return np.concatenate(args, value.params)
    raise AssertionError(op)


def _as_view(params: tuple[Any, ...]) -> tuple[Any, ...]:
    """A basic index with an ellipsis, so that even a single entry is an array of entries."""
    key = thawed(params)
    return key if Ellipsis in key else (*key, ...)


def _unguarded(b: Builder, value: Value, args: list[Entries]) -> Entries | None:
    """Numbers need no guard against an overflowing exponential: Python raises, and the program is run again on arrays.

    So exp(min(x, 700)) is exp(x), fmin(e q, 1) is e q, and min(e, 1/e) divides only where it has to.
    """
    op, operands = value.op, value.args
    if op == "exp" and held_exponent(operands[0]):
        return None if len(args) != 1 else _map(b, "exp", _without_guard(args[0]))
    if (op == "fmin" and operands[1].literal == 1.0) or held_back(value):
        return args[0]
    if op == "minimum" and operands[1].op == "reciprocal" and operands[1].args[0] is operands[0]:
        one = b.literal(1.0)
        found = np.empty(value.shape, object)
        for index, e in np.ndenumerate(args[0]):
            found[index] = b.select(b.elementwise("less_equal", e, one), e, args[1][index])
        return found
    return None


def _without_guard(x: Entries) -> Entries:
    found = np.empty(x.shape, object)
    for index, entry in np.ndenumerate(x):
        found[index] = entry.args[0] if held_exponent(entry) else entry
    return found


def _map(b: Builder, op: str, x: Entries) -> Entries:
    return _array([b.elementwise(op, entry) for entry in x.flat], x.shape)


def _total(b: Builder, terms: Sequence[Value], op: str = "add") -> Value:
    """One after the other, as NumPy does for a handful of terms."""
    total = terms[0]
    for term in terms[1:]:
        total = b.elementwise(op, total, term)
    return total


def _product(b: Builder, left: Entries, right: Entries, shape: tuple[int, ...]) -> Entries:
    x = left[None, :] if left.ndim == 1 else left
    y = right[:, None] if right.ndim == 1 else right
    batch = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    x = np.broadcast_to(x, batch + x.shape[-2:])
    y = np.broadcast_to(y, batch + y.shape[-2:])
    items = []
    for at in np.ndindex(*batch):
        for row in x[at]:
            for column in y[at].T:
                terms = [b.elementwise("multiply", p, q) for p, q in zip(row, column, strict=True)]
                items.append(_total(b, terms) if terms else b.literal(0.0))
    return _array(items, shape)


def _reduced(b: Builder, op: str, x: Entries, value: Value) -> Entries:
    axes = value.params
    rest = tuple(i for i in range(x.ndim) if i not in axes)
    rows = x.transpose(rest + axes).reshape(value.size, -1)
    function = {"sum": "add", "max": "maximum", "min": "minimum"}[op]
    items = [_total(b, list(row), function) if len(row) else b.literal(0.0) for row in rows]
    return _array(items, value.shape)
