"""Algebra: a builder that also rearranges, so that constants meet and cost nothing.

In the gradient of a mean, 1/m stands at the far end of a long product, and the learning rate at the other. Scalar factors therefore travel
outward, through products, sums and matrix products, until they meet and merge; what is left is one factor, or none. Apart from
`Builder`, because here rounding errors move: by a few units in the last place of the largest term, never more, and never past
the range of the numbers, as only factors within `MODEST` travel.
"""

from __future__ import annotations

import math

import numpy as np

from cgraph.compile.ir import DType, Shape, Value
from cgraph.compile.ir.builder import Builder, thawed, unbroadcast

# Factors that may travel: products of intermediate results with them neither overflow nor vanish before the others would.
MODEST = (1e-9, 1e9)
# Exponents that are written as products.
POWERS = frozenset({-4.0, -3.0, -2.0, -1.0, 1.0, 2.0, 3.0, 4.0})


class Algebra(Builder):
    """A builder that moves scalar factors outward.

    Attributes:
        outward: whether factors travel; switched on for the way back, where everything is linear in the upstream gradient, and where there
            is no way back.
        staying: values that have a name on the way forward, whose factors stay with them, so that they are there to be read.
        growing: whether they also travel to where there are more entries to multiply; worth it where a learning rate takes them in.
    """

    def __init__(self) -> None:
        super().__init__()
        self.outward = False
        self.growing = False
        self.staying: set[Value] = set()

    def stays(self, value: Value) -> None:
        self.staying.add(value)

    # --- factors ----------------------------------------------------------------------------------

    def scale(self, x: Value, factor: float) -> Value:
        """`x` times a number."""
        if factor == 1.0:
            return x
        inner, own = factored(x)
        if own != 1.0 and modest(own * factor):
            return self.scale(inner, own * factor)
        if x.op == "place":  # there are fewer entries inside
            return self.make("place", (self.scale(x.args[0], factor),), x.params, x.shape, x.dtype)
        if factor == -1.0:
            if x.op == "subtract":
                return self.make("subtract", (x.args[1], x.args[0]), None, x.shape, x.dtype)
            return self.make("negative", (x,), None, x.shape, x.dtype)
        return self.make("multiply", (x, self.literal(factor, x.dtype)), None, x.shape, x.dtype)

    def _loose(self, x: Value, result: Shape) -> tuple[Value, float]:
        """The operand of an operation with a factor that may travel past it, or with none."""
        inner, factor = factored(x)
        if factor == 1.0 or not self.outward or not modest(factor) or x in self.staying:
            return x, 1.0
        if not self.growing and math.prod(result) > 4 * max(inner.size, 1000):
            return x, 1.0
        return inner, factor

    # --- elementwise ------------------------------------------------------------------------------

    def _elementwise(self, op: str, args: tuple[Value, ...], shape: Shape, dtype: DType) -> Value:
        rule = getattr(self, f"_{op}", None)
        found = rule(shape, dtype, *args) if rule is not None and dtype.kind == "f" else None
        return found if found is not None else super()._elementwise(op, args, shape, dtype)

    def _scaled(self, op: str, args: tuple[Value, ...], factor: float) -> Value:
        return self.scale(self.elementwise(op, *args), factor)

    def _multiply(self, shape: Shape, dtype: DType, a: Value, b: Value) -> Value | None:
        if a.op == "literal":
            a, b = b, a
        if b.op == "literal":
            return self.scale(a, b.params) if a.shape == shape else None
        (x, c), (y, d) = self._loose(a, shape), self._loose(b, shape)
        if c * d != 1.0 or x is not a or y is not b:
            return self._scaled("multiply", (x, y), c * d)
        if a is b:
            return self.elementwise("square", a)
        return None

    def _divide(self, shape: Shape, dtype: DType, a: Value, b: Value) -> Value | None:
        if b.op == "literal":
            if b.params == 0.0 or not modest(1.0 / b.params) or a.shape != shape:
                return None
            # 1/c is exact for powers of two; else it costs half a unit in the last place, and can merge.
            return self.scale(a, 1.0 / b.params) if self.outward or _exact(b.params) else None
        (x, c), (y, d) = self._loose(a, shape), self._loose(b, shape)
        if x is not a or y is not b:
            return self._scaled("divide", (x, y), c / d)
        return self.elementwise("reciprocal", b) if a.literal == 1.0 and b.shape == shape else None

    def _negative(self, shape: Shape, dtype: DType, a: Value) -> Value | None:
        return self.scale(a, -1.0)

    def _square(self, shape: Shape, dtype: DType, a: Value) -> Value | None:
        x, c = self._loose(a, shape)
        return self._scaled("square", (x,), c * c) if x is not a and modest(c * c) else None

    def _power(self, shape: Shape, dtype: DType, a: Value, b: Value) -> Value | None:
        """Small whole exponents as products: at most 1.5 units in the last place, where `power` takes up to fifty times as long."""
        n = b.literal
        if n not in POWERS or a.shape != shape:
            return None
        if n < 0.0:
            return self.elementwise(
                "reciprocal", self.elementwise("power", a, self.literal(-n, dtype))
            )
        if n == 1.0:
            return a
        square = self.elementwise("square", a)
        if n == 2.0:
            return square
        return (
            self.elementwise("multiply", square, a)
            if n == 3.0
            else self.elementwise("square", square)
        )

    def _add(self, shape: Shape, dtype: DType, a: Value, b: Value) -> Value | None:
        if a.op == b.op == "place" and a.params == b.params:
            inner = self.elementwise("add", a.args[0], b.args[0])
            return self.place(inner, thawed(a.params), shape)
        (x, c), (y, d) = factored(a), factored(b)
        if x is y and modest(c + d):
            return self.scale(x, c + d)
        if c == d and c != 1.0 and modest(c):
            return self._scaled("add", (x, y), c)
        if d == -1.0:
            return self.elementwise("subtract", a, y)
        return self.elementwise("subtract", b, x) if c == -1.0 else None

    def _subtract(self, shape: Shape, dtype: DType, a: Value, b: Value) -> Value | None:
        (x, c), (y, d) = factored(a), factored(b)
        if x is y and modest(c - d):
            return self.scale(x, c - d)
        if c == d and c != 1.0 and modest(c):
            return self._scaled("subtract", (x, y), c)
        return self.elementwise("add", a, self.scale(y, -d)) if d < 0.0 else None

    def _select(self, shape: Shape, dtype: DType, m: Value, a: Value, b: Value) -> Value | None:
        x, c = self._loose(a, shape)
        if x is a or b.literal != 0.0:
            return None
        return self.scale(self.select(m, x, b), c)

    # --- sums and products ------------------------------------------------------------------------

    def _reduce(self, op: str, x: Value, axes: tuple[int, ...], shape: Shape) -> Value:
        if op == "sum" and x.op == "broadcast":
            return self._sum_of_copies(x, axes, shape)
        if op == "sum" and x.op == "matmul":
            found = self._sum_of_products(x, axes, shape)
            if found is not None:
                return found
        if op == "sum":
            inner, c = self._loose(x, shape)
            if inner is not x:
                return self.scale(self.reduce("sum", inner, axes), c)
        return super()._reduce(op, x, axes, shape)

    def _sum_of_copies(self, x: Value, axes: tuple[int, ...], shape: Shape) -> Value:
        """A sum over axes along which nothing changes is a multiple."""
        inner = x.args[0]
        lead = len(x.shape) - len(inner.shape)
        same = [i for i in axes if i < lead or inner.shape[i - lead] != x.shape[i]]
        n = math.prod(x.shape[i] for i in same)
        if not same or not n:
            return super()._reduce("sum", x, axes, shape)
        rest = tuple(i - lead for i in axes if i >= lead and i not in same)
        total = self.reduce("sum", inner, rest)
        kept = [
            1 if i < lead else inner.shape[i - lead] for i in range(len(x.shape)) if i not in axes
        ]
        return self.broadcast(self.reshape(self.scale(total, float(n)), tuple(kept)), shape)

    def _sum_of_products(self, product: Value, axes: tuple[int, ...], shape: Shape) -> Value | None:
        """Σ over a stack of Aᵀ B as one product of all rows: the gradient of a weight matrix that a whole stack went through."""
        a, b = product.args
        ndim = len(a.shape)
        swapped = (*range(ndim - 2), ndim - 1, ndim - 2)
        if ndim < 3 or axes != swapped[:-2] or a.op != "transpose" or a.params != swapped:
            return None
        if a.shape[:-2] != b.shape[:-2] or not a.size:
            return None
        rows = self.reshape(a.args[0], (a.size // a.shape[-2], a.shape[-2]))
        return self.matmul(
            self.transpose(rows, (1, 0)), self.reshape(b, (rows.shape[0], b.shape[-1])), shape
        )

    def matmul(self, a: Value, b: Value, shape: Shape) -> Value:
        matrix = _matrix(b)
        if len(a.shape) > 2 and matrix is not None and a.size:
            # A stack times one matrix: all its rows at once.
            rows = self.reshape(a, (a.size // a.shape[-1], a.shape[-1]))
            flat = self.matmul(rows, self.reshape(matrix, b.shape[-2:]), (rows.shape[0], shape[-1]))
            return self.reshape(flat, shape)
        (x, c), (y, d) = self._loose(a, shape), self._loose(b, shape)
        if x is not a or y is not b:
            return self.scale(self.matmul(x, y, shape), c * d)
        if _identity(a) or _identity(b):
            return b if _identity(a) else a
        return super().matmul(a, b, shape)

    # --- what a factor passes without noticing ------------------------------------------------------

    def reshape(self, x: Value, shape: Shape) -> Value:
        inner, c = self._loose(x, shape)
        return (
            super().reshape(x, shape) if inner is x else self.scale(self.reshape(inner, shape), c)
        )

    def transpose(self, x: Value, axes: tuple[int, ...]) -> Value:
        inner, c = self._loose(x, x.shape)
        return (
            super().transpose(x, axes) if inner is x else self.scale(self.transpose(inner, axes), c)
        )


def factored(x: Value) -> tuple[Value, float]:
    """A value as another one times a number."""
    if x.op == "multiply" and x.args[1].op == "literal":
        return x.args[0], x.args[1].params
    return (x.args[0], -1.0) if x.op == "negative" else (x, 1.0)


def _identity(x: Value) -> bool:
    """Whether a value is the identity matrix, as the directions of a Hessian are."""
    if x.op != "constant" or len(x.shape) != 2 or x.shape[0] != x.shape[1]:
        return False
    return bool(np.array_equal(x.params, np.eye(x.shape[0])))


def _matrix(x: Value) -> Value | None:
    """The one matrix that a stack repeats, if it does."""
    inner = unbroadcast(x)
    alone = inner.shape[-2:] == x.shape[-2:] and all(n == 1 for n in inner.shape[:-2])
    return inner if len(x.shape) > 2 and alone and inner.size < x.size else None


def modest(factor: float) -> bool:
    return MODEST[0] <= abs(factor) <= MODEST[1]


def _exact(number: float) -> bool:
    return math.frexp(number)[0] in (0.5, -0.5) and bool(np.isfinite(1.0 / number))
