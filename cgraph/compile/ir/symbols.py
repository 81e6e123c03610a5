"""Symbols: values of the intermediate representation with Python's operators, for rules that are written once with operators only.

The rule of an optimizer, `update(w, g, slots, t)`, is such a rule: called with arrays it computes, called with symbols it writes itself
into the program. Not nodes, because Python's numbers have to stay weak: in ``g / (1 - 0.999**t)`` the correction is a Python float, of
full precision, and a float32 gradient stays float32.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cgraph.compile.ir import ELEMENTWISE, FLOAT64, Value
from cgraph.compile.ir.builder import Builder


class Symbol:
    """A value with operators.

    Attributes:
        builder: makes the values.
        value: the value it stands for.
        weak: whether it stands for a Python number, which promotes nothing.
    """

    __array_priority__ = 1000

    def __init__(self, builder: Builder, value: Value, weak: bool = False) -> None:
        self.builder = builder
        self.value = value
        self.weak = weak

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    @property
    def dtype(self) -> Any:
        return self.value.dtype

    def apply(self, op: str, *operands: Any) -> Symbol:
        """An elementwise operation on symbols, Python's numbers and arrays."""
        b = self.builder
        symbols = [x if isinstance(x, Symbol) else self._number(x) for x in operands]
        strong = [s.value.dtype for s in symbols if not s.weak]
        dtype = np.result_type(*strong) if strong else FLOAT64
        values = [b.cast(s.value, dtype) if s.value.dtype.kind == "f" else s.value for s in symbols]
        if op == "select":
            return Symbol(b, b.select(*values), not strong)
        return Symbol(b, b.elementwise(op, *values), not strong)

    def _number(self, x: Any) -> Symbol:
        if isinstance(x, int | float) and not isinstance(x, bool):
            return Symbol(self.builder, self.builder.literal(float(x)), weak=True)
        return Symbol(self.builder, self.builder.constant(np.asarray(x)))

    def __add__(self, other: Any) -> Symbol:
        return self.apply("add", self, other)

    def __radd__(self, other: Any) -> Symbol:
        return self.apply("add", other, self)

    def __sub__(self, other: Any) -> Symbol:
        return self.apply("subtract", self, other)

    def __rsub__(self, other: Any) -> Symbol:
        return self.apply("subtract", other, self)

    def __mul__(self, other: Any) -> Symbol:
        return self.apply("multiply", self, other)

    def __rmul__(self, other: Any) -> Symbol:
        return self.apply("multiply", other, self)

    def __truediv__(self, other: Any) -> Symbol:
        return self.apply("divide", self, other)

    def __rtruediv__(self, other: Any) -> Symbol:
        return self.apply("divide", other, self)

    def __neg__(self) -> Symbol:
        return self.apply("negative", self)

    def __abs__(self) -> Symbol:
        return self.apply("absolute", self)

    def __pow__(self, other: Any) -> Symbol:
        if isinstance(other, int | float) and other in (0.5, 2):
            return self.apply("sqrt" if other == 0.5 else "square", self)
        return self.apply("power", self, other)

    def __rpow__(self, other: Any) -> Symbol:
        return self.apply("power", other, self)

    def __array_ufunc__(self, ufunc: Any, method: str, *operands: Any, **options: Any) -> Any:
        if method != "__call__" or options or ufunc.__name__ not in ELEMENTWISE:
            return NotImplemented
        return self.apply(ufunc.__name__, *operands)
