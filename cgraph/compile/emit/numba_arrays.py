"""How numba is told what is no loop over its own entries: products, reductions of whole arrays, views, joins, and calls of rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cgraph.compile.emit.numba_writer import BLOCK, INDICES, Writer, blocks, gathered, loops, only
from cgraph.compile.emit.numpy import key_text
from cgraph.compile.ir import VIEWS, Value
from cgraph.compile.ir.builder import thawed
from cgraph.compile.passes.nests import long_axes, short_product
from cgraph.tables import entering

# Multiplications up to which a product is a loop of its own rather than a call of BLAS.
MOST_MULTIPLIED = 4096

STATEMENTS: dict[str, Callable[[Writer, Value], None]] = {}
statement = entering(STATEMENTS)


@statement("matmul")
def matmul(w: Writer, value: Value) -> None:
    """A product: its terms written out, loops, or BLAS, whatever is fastest at its size."""
    x, y = value.args
    if value.size == 1 and short_product(value):
        w.say(f"{w.name(value)} = {w.terms(value, ('0', '0'))[0]}", value)
    elif len(x.shape) > 2 or len(y.shape) > 2:
        _stack(w, value)
    elif value.size * x.shape[-1] > MOST_MULTIPLIED and value.size > 1 and x.size and y.size:
        a, b = _operand(w, x), _operand(w, y)
        if len(x.shape) == len(y.shape) == 1:
            w.say(f"{w.name(value)} = numpy.dot({a}, {b})", value)
        else:
            w.say(f"numpy.dot({a}, {b}, {w.name(value)})", value)
    else:
        _product(w, value, x.shape, y.shape)


def _stack(w: Writer, value: Value) -> None:
    """A stack of products."""
    x, y = value.args
    lead = value.shape[: len(value.shape) - (len(x.shape) > 1) - (len(y.shape) > 1)]
    letters = [f"{letter}_" for letter in INDICES[: len(lead)]]
    a, b = (
        [
            "0" if n == 1 else letter
            for n, letter in zip(arg.shape[:-2], letters[len(lead) - len(arg.shape[:-2]) :], strict=True)
        ]
        for arg in (x, y)
    )  # fmt: skip
    with w.under(*(f"for {i} in range({n}):" for i, n in zip(letters, lead, strict=True))):
        _product(w, value, x.shape[-2:], y.shape[-2:], a, b, letters)


def _product(
    w: Writer, value: Value, left: tuple[int, ...], right: tuple[int, ...],
    a: Sequence[str] = (), b: Sequence[str] = (), lead: Sequence[str] = (),
) -> None:  # fmt: skip
    """A product as a loop over its results with a loop over the terms inside; `a`, `b` and `lead` are its place in a stack."""
    x, y = value.args
    row = ["i"] if len(left) == 2 else []
    column = ["j"] if len(right) == 2 else []
    heads = [f"for i in range({left[0]}):"] * len(row) + [f"for j in range({right[-1]}):"] * len(column)  # fmt: skip
    total = w.names.fresh("total")
    with w.under(*heads):
        w.say(f"{total} = {w.literal(0.0, value.dtype)}")
        w.say(f"for k in range({left[-1]}):")
        first = _inside(w, x, [*a, *row, "k"])
        second = _inside(w, y, [*b, "k", *column])
        w.say(f"    {total} = plus({total}, {first} * {second})")
        if value.size != 1:
            w.say(f"{w.place_of(value)}[{', '.join([*lead, *row, *column])}] = {total}", value)
    if value.size == 1:
        w.say(f"{w.name(value)} = {total}", value)


def _inside(w: Writer, value: Value, index: Sequence[str]) -> str:
    """An entry of an operand of a product, which is not looked through."""
    if value.literal is not None:
        return w.literal(value.literal, value.dtype)
    if value.size == 1:
        return w.number(value)
    return f"{w.array(value)}[{', '.join(index)}]"


def _operand(w: Writer, value: Value) -> str:
    """An array of its own shape whose entries lie in order, also for a number."""
    if value.size == 1 and value.op != "constant":
        return f"numpy.full({value.shape}, {w.number(value)})"
    text = w.array(value)
    return text if _in_order(value) else f"numpy.ascontiguousarray({text})"


def _in_order(value: Value) -> bool:
    """Whether the entries surely lie in order, by rows or by columns."""
    if value.op == "transpose":
        return value.params == tuple(range(len(value.params)))[::-1] and (
            value.args[0].op not in VIEWS or value.args[0].op == "reshape"
        )
    return value.op == "reshape" or value.op not in VIEWS


@statement("sum", "max", "min")
def reduction(w: Writer, value: Value) -> None:
    """A sum or an extreme of an array that is there already."""
    x = value.args[0]
    axes = long_axes(x.shape)
    index, heads = loops(x.shape)
    head = dict(zip(axes, heads, strict=False))
    over = [i for i in axes if i in value.params]
    entry = w.entry(x, index)[0]
    at = ", ".join(letter for i, letter in enumerate(index) if i not in value.params)
    if not over or over[-1] != axes[-1]:
        name = w.place_of(value)
        w.fill(value.shape, name, lambda index: w.beginning(value))
        with w.under(*heads):
            place = f"{name}[{at}]"
            w.say(f"{place} = {gathered(value, place, entry)}", value)
        return
    with w.under(*(head[i] for i in axes if i not in over)):
        total = w.names.fresh("total")
        w.say(f"{total} = {w.beginning(value)}")
        n, inner = x.shape[over[-1]], index[over[-1]]
        part = w.names.fresh("part")
        pieces = blocks(inner, n) if n > 4 * BLOCK else [([], f"for {inner} in range({n}):")]
        with w.under(*(head[i] for i in over[:-1])):
            for around, innermost in pieces:
                with w.under(*around):
                    w.say(f"{part} = {w.beginning(value)}")
                    w.say(innermost)
                    w.say(f"    {part} = {gathered(value, part, entry)}")
                    w.say(f"{total} = {gathered(value, total, part)}")
        if value.size != 1:
            w.say(f"{w.place_of(value)}[{at}] = {total}", value)
    if value.size == 1:
        w.say(f"{w.name(value)} = {total}", value)


@statement("broadcast")
def broadcast(w: Writer, value: Value) -> None:
    """A number; arrays are looked through."""
    w.say(f"{w.name(value)} = {w.number(value.args[0])}", value)


@statement("reshape")
def reshape(w: Writer, value: Value) -> None:
    """The same entries in another shape."""
    x = value.args[0]
    if value.size == 1:
        w.say(f"{w.name(value)} = {w.number(x)}", value)
        return
    text = w.array(x)
    if x.op in VIEWS and x.op != "reshape":
        text = f"numpy.ascontiguousarray({text})"
    w.say(f"{w.name(value)} = {text}.reshape({value.shape})", value)


@statement("transpose")
def transpose(w: Writer, value: Value) -> None:
    """A view with other axes."""
    x = value.args[0]
    if value.size == 1:
        text = w.number(x)
    elif value.params == tuple(range(len(value.params)))[::-1]:
        text = f"{w.array(x)}.T"
    else:
        text = f"{w.array(x)}.transpose({value.params})"
    w.say(f"{w.name(value)} = {text}", value)


@statement("index")
def index(w: Writer, value: Value) -> None:
    """A part of an array, or an entry."""
    x = value.args[0]
    key = _single(x, value.params) if value.size == 1 else key_text(value.params)
    w.say(f"{w.name(value)} = {w.array(x)}[{key}]", value)


@statement("place")
def place(w: Writer, value: Value) -> None:
    """An array of zeros with something in it."""
    x, name = value.args[0], w.place_of(value)
    zero = w.literal(0.0, value.dtype)
    if value.size == 1:
        w.say(f"{w.name(value)} = {w.number(x) if x.size else zero}", value)
        return
    w.fill(value.shape, name, lambda index: zero)
    if x.size == 1:
        w.say(f"{name}[{_single(value, value.params)}] = {w.number(x)}")
    elif x.size:
        part = w.names.fresh("part")
        w.say(f"{part} = {name}[{key_text(value.params)}]")
        w.fill(x.shape, part, lambda index: w.entry(x, index)[0])


@statement("join")
def join(w: Writer, value: Value) -> None:
    """Arrays one after the other."""
    start = 0
    for arg in value.args:
        index, heads = loops(arg.shape)
        at = list(index)
        along = index[value.params]
        at[value.params] = str(start) if along == "0" else f"{along} + {start}"
        with w.under(*heads):
            w.say(f"{w.place_of(value)}[{', '.join(at)}] = {w.entry(arg, index)[0]}", value)
        start += arg.shape[value.params]


def call(w: Writer, value: Value, function: str) -> None:
    """A call, in Python, of a function that evaluates a row."""
    numbers = value.params[1]
    given = [
        w.number(a) if a.size == 1 and a.dtype.kind in "fb" else w.array(a)
        for a, number in zip(value.args, numbers, strict=True) if number is None
    ]  # fmt: skip
    name = w.name(value)
    result = w.names.fresh(f"{name}_array") if value.size == 1 else name
    kind = f"{value.dtype.name if value.dtype != bool else 'boolean'}"
    if not value.shape:
        w.say(f"with objmode({result}='{kind}'):")
        w.say(f"    {result} = {function}({', '.join(given)}).item()", value)
        w.say(f"{name} = {result}")
        return
    colons = ", ".join([":"] * (len(value.shape) - 1) + ["::1"])
    w.say(f"with objmode({result}='{kind}[{colons}]'):")
    w.say(f"    {result} = {function}({', '.join(given)})", value)
    if value.size == 1:
        w.say(f"{name} = {result}[{only(value)}]")


def _single(x: Value, key: tuple[Any, ...]) -> str:
    """A basic index that picks one entry, as plain numbers."""
    found = np.arange(x.size).reshape(x.shape)[thawed(key)].reshape(-1)[0]
    return ", ".join(str(int(i)) for i in np.unravel_index(found, x.shape)) or "()"
