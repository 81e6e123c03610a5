"""What a node can be written with: Python's operators, and the methods of an array.

Every spelling ends in one table, `PUBLIC` (`cgraph/numpy_names.py`): `a * b`, `a.sum()` and `np.multiply(a, b)` look their op up by name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from numbers import Number
from typing import TYPE_CHECKING, Any, NoReturn, Self

import numpy as np

from cgraph.errors import UnsupportedError
from cgraph.numpy_names import (
    PUBLIC as PUBLIC,
    call_function,
    call_ufunc,
    method,
    namesake_of_caller,
    public as public,
    refused,
)

if TYPE_CHECKING:
    from cgraph.node import Node

# The same table, for all that gives one node: what type checkers are to know of an expression.
_NODE: dict[str, Callable[..., Node]] = PUBLIC


def _numeric(x: Any) -> bool:
    """Whether a node can be compared with `x` entry by entry; anything else (None, a string) is just not equal to it."""
    return isinstance(x, Operators | Number | np.ndarray | np.generic | list | tuple)


_NO_ARRAY = "take its numbers with node.value, or join nodes with cg.stack or cg.concatenate."


def _in_place(name: str, instead: str) -> Any:
    """A method of arrays that would change the node: refused, with what to use instead."""

    def call(self: Any, *args: Any, **kwargs: Any) -> NoReturn:
        raise UnsupportedError(
            f"node.{name}() would change a node in place, and a graph does not change: {instead}"
        )

    call.__name__, call.__doc__ = name, f"Refused: {instead}."
    return call


class Operators:
    """Operators, methods and NumPy's protocols of a node."""

    __slots__ = ()

    shape: tuple[int | None, ...]
    dtype: np.dtype[Any]

    def __add__(self, other: Any) -> Node:
        return _NODE["add"](self, other)

    def __radd__(self, other: Any) -> Node:
        return _NODE["add"](other, self)

    def __sub__(self, other: Any) -> Node:
        return _NODE["subtract"](self, other)

    def __rsub__(self, other: Any) -> Node:
        return _NODE["subtract"](other, self)

    def __mul__(self, other: Any) -> Node:
        return _NODE["multiply"](self, other)

    def __rmul__(self, other: Any) -> Node:
        return _NODE["multiply"](other, self)

    def __truediv__(self, other: Any) -> Node:
        return _NODE["divide"](self, other)

    def __rtruediv__(self, other: Any) -> Node:
        return _NODE["divide"](other, self)

    def __mod__(self, other: Any) -> Node:
        return _NODE["remainder"](self, other)

    def __rmod__(self, other: Any) -> Node:
        return _NODE["remainder"](other, self)

    def __floordiv__(self, other: Any) -> Node:
        return _NODE["floor_divide"](self, other)

    def __rfloordiv__(self, other: Any) -> Node:
        return _NODE["floor_divide"](other, self)

    def __divmod__(self, other: Any) -> Any:
        return PUBLIC["divmod"](self, other)

    def __rdivmod__(self, other: Any) -> Any:
        return PUBLIC["divmod"](other, self)

    def __lshift__(self, other: Any) -> Node:
        return _NODE["left_shift"](self, other)

    def __rlshift__(self, other: Any) -> Node:
        return _NODE["left_shift"](other, self)

    def __rshift__(self, other: Any) -> Node:
        return _NODE["right_shift"](self, other)

    def __rrshift__(self, other: Any) -> Node:
        return _NODE["right_shift"](other, self)

    def __round__(self, digits: int = 0) -> Node:
        return _NODE["round"](self, digits or 0)

    def __floor__(self) -> Node:
        return _NODE["floor"](self)

    def __ceil__(self) -> Node:
        return _NODE["ceil"](self)

    def __trunc__(self) -> Node:
        return _NODE["trunc"](self)

    def __pow__(self, other: Any) -> Node:
        if isinstance(other, int | float) and other == 2:
            return _NODE["square"](self)
        return _NODE["power"](self, other)

    def __rpow__(self, other: Any) -> Node:
        return _NODE["power"](other, self)

    def __matmul__(self, other: Any) -> Node:
        return _NODE["matmul"](self, other)

    def __rmatmul__(self, other: Any) -> Node:
        return _NODE["matmul"](other, self)

    def __neg__(self) -> Node:
        return _NODE["negative"](self)

    def __pos__(self) -> Self:
        return self

    def __abs__(self) -> Node:
        return _NODE["abs"](self)

    # Comparisons build nodes, for `where`. Sets and dictionaries know nodes by identity: they hash by it, and look with `is` first.
    def __eq__(self, other: Any) -> Any:
        return PUBLIC["equal"](self, other) if _numeric(other) else NotImplemented

    def __ne__(self, other: Any) -> Any:
        return PUBLIC["not_equal"](self, other) if _numeric(other) else NotImplemented

    __hash__ = object.__hash__

    def __lt__(self, other: Any) -> Node:
        return _NODE["less"](self, other)

    def __le__(self, other: Any) -> Node:
        return _NODE["less_equal"](self, other)

    def __gt__(self, other: Any) -> Node:
        return _NODE["greater"](self, other)

    def __ge__(self, other: Any) -> Node:
        return _NODE["greater_equal"](self, other)

    # As in NumPy: bit by bit on whole numbers, which on truth values is "and", "or" and "not".
    def __and__(self, other: Any) -> Node:
        return _NODE["bitwise_and"](self, other)

    def __rand__(self, other: Any) -> Node:
        return _NODE["bitwise_and"](other, self)

    def __or__(self, other: Any) -> Node:
        return _NODE["bitwise_or"](self, other)

    def __ror__(self, other: Any) -> Node:
        return _NODE["bitwise_or"](other, self)

    def __xor__(self, other: Any) -> Node:
        return _NODE["bitwise_xor"](self, other)

    def __rxor__(self, other: Any) -> Node:
        return _NODE["bitwise_xor"](other, self)

    def __invert__(self) -> Node:
        return _NODE["invert"](self)

    def __getitem__(self, index: Any) -> Node:
        return _NODE["getitem"](self, index)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a scalar node has no length")
        if self.shape[0] is None:
            raise TypeError("the length of this node is not known before it is fed")
        return self.shape[0]

    def __iter__(self) -> Iterator[Node]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> NoReturn:
        raise UnsupportedError(
            f"{self!r} has no truth value: a graph holds no numbers while it is built. "
            "Choose between two results with cg.where(condition, a, b), or compare node.value; "
            "`a == b` builds a comparison, whether two names are one node is `a is b`."
        )

    def __float__(self) -> NoReturn:
        raise UnsupportedError(
            f"{self!r} is not a number; take the number with node.value. "
            "In a graph, cg.sin, cg.exp and their kin take nodes, which math.sin and math.exp do not."
        )

    __int__ = __float__
    __complex__ = __float__

    def __index__(self) -> NoReturn:
        raise UnsupportedError(
            f"{self!r} is not a number that counts or picks: a graph holds no numbers while it is built; take int(node.value)."
        )

    def __array__(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise UnsupportedError(
            f"{self!r} cannot become an array: {namesake_of_caller() or _NO_ARRAY}"
        )

    def __setitem__(self, index: Any, value: Any = None) -> NoReturn:
        raise UnsupportedError(
            f"{self!r} cannot be written into: a graph does not change. x = cg.assign(x, index, value) is what would come out"
        )

    __delitem__ = __setitem__

    def __contains__(self, value: Any) -> NoReturn:
        raise UnsupportedError(
            f"whether {self!r} holds a value depends on numbers: ask node.value, or cg.any(node == value)"
        )

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return call_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(
        self, function: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        return call_function(function, args, kwargs)

    @property
    def T(self) -> Node:
        """The axes in reverse order."""
        return _NODE["transpose"](self)

    def transpose(self, *axes: Any) -> Node:
        return _NODE["transpose"](
            self, axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes or None
        )

    @property
    def mT(self) -> Node:
        """The last two axes exchanged: each matrix of a stack transposed."""
        return _NODE["mT"](self)

    @property
    def real(self) -> Self:
        """The node itself: it is real."""
        return self

    @property
    def imag(self) -> Node:
        """Zeros: a node is real."""
        return _NODE["imag"](self)

    @property
    def flat(self) -> Node:
        """The entries in order, to iterate over or to pick from."""
        return self.ravel()

    @property
    def itemsize(self) -> int:
        """Bytes an entry takes."""
        return int(self.dtype.itemsize)

    @property
    def nbytes(self) -> int | None:
        """Bytes all entries take; None while a size is unknown."""
        return None if None in self.shape else math.prod(self.shape) * self.itemsize  # type: ignore[arg-type]

    def reshape(self, *shape: Any, order: str = "C", copy: Any = None) -> Node:
        """``cg.reshape(node, shape)``; the sizes may be given one by one."""
        return _NODE["reshape"](self, shape[0] if len(shape) == 1 else shape, order)

    def astype(
        self,
        dtype: Any,
        order: str = "K",
        casting: str = "unsafe",
        subok: bool = True,
        copy: bool = True,
    ) -> Node:
        """``cg.cast(node, dtype)``."""
        if not np.can_cast(self.dtype, np.dtype(dtype), casting):  # type: ignore[arg-type]
            raise refused(
                f"astype({np.dtype(dtype)}) with casting={casting!r}", "it would lose information"
            )
        return _NODE["cast"](self, dtype)

    def copy(self, order: str = "C") -> Self:
        """The node itself: nothing can change it."""
        return self

    def view(self, *args: Any) -> Self:
        """The node itself; another dtype is ``node.astype``."""
        if args:
            raise refused(
                "node.view with a dtype", "a node has no memory; convert with node.astype"
            )
        return self

    def ravel(self, order: str = "C") -> Node:
        """The entries in one axis: in order, or with ``order="F"`` column by column."""
        return _NODE["reshape"](self, -1, order if order != "K" else "C")

    flatten = ravel

    def swapaxes(self, axis1: int, axis2: int) -> Node:
        """``cg.swapaxes(node, axis1, axis2)``."""
        return _NODE["swapaxes"](self, axis1, axis2)

    # With all the arguments that the methods of an array take.
    all, any, argmax, argmin = method("all"), method("any"), method("argmax"), method("argmin")
    argsort, argpartition, choose = method("argsort"), method("argpartition"), method("choose")
    clip, conj, conjugate = method("clip"), method("conj"), method("conjugate")
    cumprod, cumsum, diagonal, dot = (
        method("cumprod"),
        method("cumsum"),
        method("diagonal"),
        method("dot"),
    )
    max, mean, min, prod, ptp = (
        method("max"),
        method("mean"),
        method("min"),
        method("prod"),
        method("ptp"),
    )
    repeat, round, searchsorted, squeeze = (
        method("repeat"),
        method("round"),
        method("searchsorted"),
        method("squeeze"),
    )
    std, sum, take, trace, var = (
        method("std"),
        method("sum"),
        method("take"),
        method("trace"),
        method("var"),
    )

    def compress(self, condition: Any, axis: int | None = None) -> Node:
        """``cg.compress(condition, node, axis)``."""
        return _NODE["compress"](condition, self, axis)

    sort = _in_place("sort", "x = cg.sort(x) gives the sorted entries")
    partition = _in_place("partition", "x = cg.partition(x, kth)")
    fill = _in_place(
        "fill", "cg.full(x.shape, value), or assign node.value to an input or a parameter"
    )
    resize = _in_place("resize", "x = x.reshape(shape), or cg.pad")
    put = _in_place("put", "x = cg.assign(x, index, value)")
    itemset = _in_place("itemset", "x = cg.assign(x, index, value)")
    setflags = _in_place("setflags", "its values are read-only already")
    byteswap = _in_place("byteswap", "a node has no memory")

    def nonzero(self) -> NoReturn:
        """Refused: how many entries there are depends on values."""
        call_function(np.nonzero, (self,), {})
        raise AssertionError
