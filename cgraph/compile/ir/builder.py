"""Builder: makes the values of the intermediate representation, each once, simplified as it is made.

What is done here is what holds for any target: nothing is built twice; broadcasts are dropped in front of elementwise operations, which
broadcast by themselves; operations on literals are computed; views of views are merged. Algebra that moves rounding errors is
in `algebra.py`, a subclass, so that a program without it can be had.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from cgraph.compile.ir import BOOL, FLOAT64, TRUTH, DType, Shape, Value, ufunc


class Builder:
    """Makes values; the same operation on the same operands is the same value.

    Attributes:
        origin: the node that values made from now on belong to.
    """

    def __init__(self) -> None:
        self.table: dict[Any, Value] = {}
        self.origin: Any = None
        self.fast = False  # whether forms that are less exact in the tails may be taken
        self.zero_or_one: set[Value] = set()  # arguments whose entries are known to be 0 or 1
        # Arguments that name one class for each example along this axis, by its number or by a 1 among zeros.
        self.one_of_many: dict[Value, int | None] = {}
        self.boundaries: set[Value] = (
            set()
        )  # what is kept for the way back, where anything is marked

    def make(
        self, op: str, args: tuple[Value, ...], params: Any, shape: Shape, dtype: DType
    ) -> Value:
        """The value of an operation, as it is: the other methods simplify first."""
        key = (op, *map(id, args), params, shape, dtype)
        value = self.table.get(key)
        if value is None:
            value = self.table[key] = Value(op, args, params, shape, dtype)
            value.origin = self.origin
        return value

    def known(self, op: str, *args: Value) -> bool:
        """Whether an elementwise operation on these very operands is there already."""
        inner = tuple(map(unbroadcast, args))
        shape = np.broadcast_shapes(*(a.shape for a in inner))
        return (op, *map(id, inner), None, shape, args[-1].dtype) in self.table

    def stays(self, value: Value) -> None:
        """Keep the value of a named node in one piece, for a builder that would take it apart."""

    def hint(self, word: str, of: Value, value: Value) -> Value:
        """The value, which the source calls by this word, with the number of what it belongs to: e1 on the way to A1."""
        if not value.hint and value.args:
            digits = re.search(r"\d+$", of.label)
            value.hint = word + (digits.group() if digits else "")
        return value

    def is_zero_or_one(self, x: Value) -> bool:
        """Whether every entry is known to be exactly 0 or 1, as labels mostly are."""
        while x.op in ("broadcast", "reshape", "transpose", "index"):
            x = x.args[0]
        if x.op == "constant":
            return zero_or_one(x.params)
        return x in self.zero_or_one or (x.op == "literal" and x.params in (0.0, 1.0))

    # --- leaves -----------------------------------------------------------------------------------

    def argument(self, position: int, shape: Shape, dtype: DType) -> Value:
        return self.make("argument", (), position, shape, dtype)

    def literal(self, number: float, dtype: DType = FLOAT64) -> Value:
        """A number of a floating dtype, written into the program."""
        number = float(dtype.type(number))
        # -0.0 and 0.0 are equal, and so would be one value; NaN is not equal to itself.
        key = number if number == number and number != 0.0 else str(number)
        found = self.table.get(("literal", key, dtype))
        if found is None:
            found = Value("literal", (), number, (), dtype)
            self.table["literal", key, dtype] = found
        return found

    def constant(self, array: Any) -> Value:
        """An array that never changes; where all its entries are one number, that number, repeated."""
        array = np.asarray(array)
        if array.dtype.kind == "f" and array.dtype != np.float16 and array.size:
            first = array.flat[0]
            if array.size == 1 or (
                first == first and np.array_equal(array, np.broadcast_to(first, array.shape))
            ):
                if first != 0.0 or not np.signbit(array).any() or np.signbit(array).all():
                    return self.broadcast(self.literal(float(first), array.dtype), array.shape)
        key = ("constant", array.tobytes() if array.nbytes < 4096 else id(array), array.shape, array.dtype)  # fmt: skip
        found = self.table.get(key)
        if found is None:
            found = self.table[key] = Value("constant", (), array, array.shape, array.dtype)
        return found

    # --- elementwise ------------------------------------------------------------------------------

    def elementwise(self, op: str, *args: Value, dtype: DType | None = None) -> Value:
        """An elementwise operation. Operands broadcast, and are of one floating dtype (or truth values, where those are due)."""
        if dtype is None:
            dtype = BOOL if op in TRUTH else args[-1].dtype
        shape = args[0].shape
        if any(a.shape != shape for a in args):
            shape = np.broadcast_shapes(*(a.shape for a in args))
        if op.startswith("logical"):
            found = self._logic(op, args, shape)
            if found is not None:
                return found
        inner = tuple(map(unbroadcast, args))
        if all(a.op == "literal" for a in inner):
            return self.broadcast(self._fold(op, inner, dtype), shape)
        own = np.broadcast_shapes(*(a.shape for a in inner))
        if len(own) == len(shape) and own != shape and 0 in shape:
            inner, own = args, shape
        return self.broadcast(self._elementwise(op, inner, own, dtype), shape)

    def _logic(self, op: str, args: tuple[Value, ...], shape: Shape) -> Value | None:
        """And, or, not with a truth value that is known."""
        for known, other in (args, args[::-1]) if len(args) == 2 else ((args[0], args[0]),):
            inner = unbroadcast(known)
            if inner.op == "constant" and inner.size == 1:
                truth = bool(inner.params.item())
                if op == "logical_not":
                    return self.broadcast(self.constant(np.asarray(not truth)), shape)
                decided = truth == (op == "logical_or")
                return self.broadcast(self.reshape(inner, ()) if decided else other, shape)
        return None

    def _elementwise(self, op: str, args: tuple[Value, ...], shape: Shape, dtype: DType) -> Value:
        return self.make(op, args, None, shape, dtype)

    def _fold(self, op: str, args: tuple[Value, ...], dtype: DType) -> Value:
        with np.errstate(all="ignore"):
            numbers = [a.dtype.type(a.params) for a in args]
            if op == "select":
                result = numbers[1] if numbers[0] else numbers[2]
            elif op == "cast":
                result = numbers[0]
            else:
                result = ufunc(op)(*numbers)
        return self.constant(np.asarray(result, dtype))

    def cast(self, x: Value, dtype: DType) -> Value:
        return x if x.dtype == dtype else self.elementwise("cast", x, dtype=dtype)

    def select(self, condition: Value, a: Value, b: Value) -> Value:
        inner = unbroadcast(condition)
        if inner.op == "constant" and inner.size == 1:
            chosen = a if inner.params.item() else b
            shape = np.broadcast_shapes(condition.shape, a.shape, b.shape)
            return self.broadcast(chosen, shape)
        if (a.literal, b.literal) == (1.0, 0.0):
            shape = np.broadcast_shapes(condition.shape, a.shape, b.shape)
            return self.broadcast(self.cast(condition, a.dtype), shape)
        return self.elementwise("select", condition, a, b)

    # --- structure --------------------------------------------------------------------------------

    def broadcast(self, x: Value, shape: Shape) -> Value:
        if x.shape == shape:
            return x
        inner = unbroadcast(x)
        return inner if inner.shape == shape else self.make("broadcast", (inner,), None, shape, x.dtype)  # fmt: skip

    def reshape(self, x: Value, shape: Shape) -> Value:
        if x.shape == shape:
            return x
        if x.op == "reshape":
            return self.reshape(x.args[0], shape)
        inner = unbroadcast(x)
        if inner.size == 1 and x.size > 1 and inner.dtype == x.dtype:
            return self.broadcast(self.reshape(inner, ()), shape)
        return self.make("reshape", (x,), None, shape, x.dtype)

    def transpose(self, x: Value, axes: tuple[int, ...]) -> Value:
        if axes == tuple(range(len(axes))):
            return x
        if x.op == "transpose":
            return self.transpose(x.args[0], tuple(x.params[i] for i in axes))
        shape = tuple(x.shape[i] for i in axes)
        if x.op == "broadcast" and x.args[0].size == 1:
            return self.broadcast(self.reshape(x.args[0], ()), shape)
        if x.op == "broadcast":
            lead = len(axes) - len(x.args[0].shape)
            if axes[:lead] == tuple(range(lead)):  # the copies stay outermost: one of them is moved
                inner = self.transpose(x.args[0], tuple(i - lead for i in axes[lead:]))
                return self.broadcast(inner, shape)
        # A permutation that moves only axes of size 1 is a reshape, which costs nothing wherever the entries lie.
        moved = [i for i in axes if x.shape[i] != 1]
        if moved == sorted(moved):
            return self.reshape(x, shape)
        return self.make("transpose", (x,), axes, shape, x.dtype)

    def index(self, x: Value, key: tuple[Any, ...], shape: Shape) -> Value:
        """Basic indexing: ints, slices, None and Ellipsis. `key` goes in as it is, and hashes by `frozen`."""
        if unbroadcast(x).size == 1 and x.size and np.prod(shape):
            return self.broadcast(self.reshape(unbroadcast(x), ()), shape)
        return self.make("index", (x,), frozen(key), shape, x.dtype)

    def place(self, x: Value, key: tuple[Any, ...], shape: Shape) -> Value:
        """`x` at `key` in zeros of `shape`: the adjoint of `index`."""
        return self.make("place", (x,), frozen(key), shape, x.dtype)

    def join(self, args: Sequence[Value], axis: int) -> Value:
        args = [a for a in args if a.shape[axis] != 0] or [args[0]]
        if len(args) == 1:
            return args[0]
        shape = list(args[0].shape)
        shape[axis] = sum(a.shape[axis] for a in args)
        return self.make("join", tuple(args), axis, tuple(shape), args[0].dtype)

    # --- sums and products ------------------------------------------------------------------------

    def reduce(self, op: str, x: Value, axes: tuple[int, ...]) -> Value:
        """ "sum", "max" or "min" over axes, which are gone afterwards."""
        if not axes:
            return x
        kept = tuple(i for i in range(len(x.shape)) if i not in axes)
        if all(x.shape[i] == 1 for i in axes):
            return self.reshape(x, tuple(x.shape[i] for i in kept))
        return self._reduce(op, x, axes, tuple(x.shape[i] for i in kept))

    def _reduce(self, op: str, x: Value, axes: tuple[int, ...], shape: Shape) -> Value:
        return self.make(op, (x,), axes, shape, x.dtype)

    def matmul(self, a: Value, b: Value, shape: Shape) -> Value:
        """The matrix product, of vectors, matrices, or stacks of the same shape."""
        if len(a.shape) > 1 and len(b.shape) > 1 and a.shape[-1] == 1:
            return self.elementwise("multiply", a, b)  # a column times a row
        return self.make("matmul", (a, b), None, shape, a.dtype)

    def call(
        self,
        op: Any,
        args: tuple[Value, ...],
        numbers: tuple[Any, ...],
        params: Any,
        shape: Shape,
        dtype: DType,
    ) -> Value:
        """What has no lowering: the row's own `forward`, on arrays, and on Python's numbers where `numbers` is not None."""
        key = ("call", op, *map(id, args), *map(repr, numbers), _hashable(params), shape, dtype)
        found = self.table.get(key)
        if found is None:
            found = self.table[key] = Value("call", args, (op, numbers, dict(params)), shape, dtype)
            found.origin = self.origin
        return found


def zero_or_one(array: Any) -> bool:
    """Whether every entry of an array is exactly 0 or 1."""
    return int(np.count_nonzero(array)) == int(np.count_nonzero(np.equal(array, 1)))


def unbroadcast(x: Value) -> Value:
    return x.args[0] if x.op == "broadcast" else x


def frozen(key: tuple[Any, ...]) -> tuple[Any, ...]:
    """A basic index as something that hashes: slices as tuples, which `thawed` turns back."""
    return tuple(("slice", k.start, k.stop, k.step) if isinstance(k, slice) else k for k in key)


def thawed(key: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(slice(*k[1:]) if isinstance(k, tuple) else k for k in key)


def _hashable(params: Any) -> Any:
    """Parameters as a key: what does not hash is its own key."""
    found = []
    for name, value in sorted(params.items()):
        try:
            hash(value)
            found.append((name, str(type(value)), value))
        except TypeError:
            found.append((name, "id", id(value)))
    return tuple(found)
