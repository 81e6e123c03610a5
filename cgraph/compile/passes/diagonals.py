"""Matrices that are zero but for a few diagonals, as their diagonals.

A Hessian sends all directions through the graph at once, as the rows of an identity matrix. Where the graph goes entry by entry, as
in a sum of terms of neighbours, what comes of it is zero almost everywhere: n² products for what n or 3n numbers say. The pass
follows such a matrix from the constant that it begins with through products with vectors, sums and slices, and writes it out where
something else needs it whole. The zeros are zeros of the structure: they stay so next to an infinity, too.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cgraph.compile.ir import Shape, Value
from cgraph.compile.ir.builder import Builder, thawed
from cgraph.compile.passes.finishing import rebuilt

# Entries of a matrix from which on it is worth it, and the most diagonals that are kept apart.
LEAST, MOST_DIAGONALS = 64, 7

Diagonals = dict[int, Value]  # offset (column minus row) -> the whole diagonal


def length(shape: Shape, offset: int) -> int:
    """How many entries a diagonal has."""
    return max(0, min(shape[0] + min(offset, 0), shape[1] - max(offset, 0)))


def by_diagonals(b: Builder, roots: Sequence[Value]) -> list[Value]:
    """The roots, with matrices of few diagonals worked out as those."""
    new: dict[Value, Value] = {}
    known: dict[Value, Diagonals] = {}

    def of(value: Value) -> Diagonals | None:
        if value not in known and value.op == "constant":
            found = _of_constant(b, value)
            if found is not None:
                known[value] = found
        return known.get(value)

    def worked_out(value: Value) -> Diagonals | None:
        op, args = value.op, value.args
        if len(value.shape) != 2 or value.size < LEAST:
            return None
        parts = [of(a) for a in args]
        if all(p is None for p in parts):
            return None
        first = parts[0]
        if op == "negative" and first is not None:
            return {k: b.elementwise("negative", v) for k, v in first.items()}
        if op in ("add", "subtract"):
            second = parts[1]
            if first is None or second is None or args[0].shape != args[1].shape:
                return None
            return _sum(b, op, first, second)
        if op == "multiply" or (op == "divide" and first is not None and parts[1] is None):
            at = 0 if first is not None else 1
            if args[at].shape != value.shape:
                return None
            return _product(b, op, value, parts[at] or {}, new[args[1 - at]], parts[1 - at], at)
        if op == "transpose" and first is not None:
            return {-k: v for k, v in first.items()}
        if op in ("place", "index") and first is not None:
            return _moved(b, value, first)
        return None

    def rule(value: Value, args: tuple[Value, ...]) -> Value | None:
        found = worked_out(value)
        if found is None or len(found) > MOST_DIAGONALS:
            return None
        known[value] = found
        offsets = tuple(sorted(found))
        vectors = tuple(found[k] for k in offsets)
        return b.make("diagonals", vectors, offsets, value.shape, value.dtype)

    return rebuilt(b, roots, rule, new)


def _of_constant(b: Builder, value: Value) -> Diagonals | None:
    if len(value.shape) != 2 or value.size < LEAST or value.dtype.kind != "f":
        return None
    rows, columns = np.nonzero(value.params)
    offsets = set((columns - rows).tolist())
    if len(offsets) > MOST_DIAGONALS or (value.params != value.params).any():
        return None
    return {k: b.constant(np.diagonal(value.params, k).copy()) for k in offsets}


def _sum(b: Builder, op: str, first: Diagonals, second: Diagonals) -> Diagonals:
    found = {}
    for k in {**first, **second}:
        if k not in second:
            found[k] = first[k]
        elif k not in first:
            found[k] = second[k] if op == "add" else b.elementwise("negative", second[k])
        else:
            found[k] = b.elementwise(op, first[k], second[k])
    return found


def _product(
    b: Builder,
    op: str,
    value: Value,
    parts: Diagonals,
    other: Value,
    others: Diagonals | None,
    at: int,
) -> Diagonals:
    """Each diagonal times (or divided by) what lies along it in the other operand."""
    found = {}
    for k, diagonal in parts.items():
        if others is not None:
            if k in others:
                found[k] = b.elementwise(op, diagonal, others[k])
            continue
        along = _along(b, other, value.shape, k)
        found[k] = b.elementwise(op, *((diagonal, along) if at == 0 else (along, diagonal)))
    return found


def _along(b: Builder, x: Value, shape: Shape, k: int) -> Value:
    """The entries of an operand, which may broadcast, along a diagonal."""
    if x.size == 1:
        return b.reshape(x, ())
    n, row, column = length(shape, k), max(0, -k), max(0, k)
    if x.shape[-1] == 1 or len(x.shape) == 1 or x.shape[0] == 1:
        start = row if x.shape[-1] == 1 else column
        flat = b.reshape(x, (x.size,))
        return flat if n == x.size else b.index(flat, (slice(start, start + n),), (n,))
    step = shape[1] + 1
    start = row * shape[1] + column
    key = slice(start, start + (n - 1) * step + 1, step)
    return b.index(b.reshape(x, (x.size,)), (key,), (n,))


def _moved(b: Builder, value: Value, parts: Diagonals) -> Diagonals | None:
    """The diagonals of a block, or of zeros around a block."""
    inner = value.args[0].shape
    outer = value.shape if value.op == "place" else inner
    if value.op == "index":
        inner = value.shape
    starts = _starts(thawed(value.params), outer)
    if starts is None:
        return None
    down, right = starts
    found = {}
    for k, diagonal in parts.items():
        if value.op == "place":
            offset = k + right - down
            # Where the first entry comes to lie on the diagonal of the outer matrix.
            row, column = max(0, -k) + down, max(0, k) + right
            at, n = min(row, column), length(inner, k)
            whole = length(outer, offset)
            if n != whole:
                diagonal = b.place(diagonal, (slice(at, at + n),), (whole,))
            found[offset] = diagonal
        else:
            offset = k - right + down
            n = length(inner, offset)
            if n:
                row, column = max(0, -offset) + down, max(0, offset) + right
                at = min(row, column)
                if n != length(outer, k):
                    diagonal = b.index(diagonal, (slice(at, at + n),), (n,))
                found[offset] = diagonal
    return found


def _starts(key: tuple[object, ...], shape: Shape) -> tuple[int, int] | None:
    """Where a block of plain slices begins in a matrix."""
    if Ellipsis in key:
        i = key.index(Ellipsis)
        key = key[:i] + (slice(None),) * (3 - len(key)) + key[i + 1 :]
    key = key + (slice(None),) * (2 - len(key))
    found = []
    for k, n in zip(key, shape, strict=True):
        if not isinstance(k, slice):
            return None
        start, _, step = k.indices(n)
        if step != 1:
            return None
        found.append(start)
    return found[0], found[1]
