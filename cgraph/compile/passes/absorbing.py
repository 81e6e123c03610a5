"""Factors of a product with data go into the data, once, outside the loop.

c (W X) is W (c X), and where each example has a factor of its own, in a row f, (W X) f is W (X f) and (D f) Xᵀ is D (X f)ᵀ. So the learning
rate divided by the number of examples, and the ±1 on whose side a label is, cost nothing in a round. The data are written anew for
it; where they are large that would cost more than it spares when there are few rounds, so factors of examples stay where they are.
"""

from __future__ import annotations

from collections.abc import Sequence

from cgraph.compile.ir import Value, order, users
from cgraph.compile.passes.algebra import factored
from cgraph.compile.passes.finishing import rebuilt
from cgraph.compile.passes.folding import Folding

# Data of up to so many entries take a factor in for each example; or of so many times the entries of the product that is spared.
MOST_WRITTEN, TIMES_SPARED = 4096, 4


def absorbed(b: Folding, roots: Sequence[Value], numbers: bool = True) -> list[Value]:
    """The roots, with factors in the data where they can be; with `numbers` also those that are the same for all examples."""
    values = order(roots)
    used = users(values)
    fixed: set[Value] = set()  # what depends on the data alone
    for value in values:
        if value.op in ("literal", "constant") or value in b.invariant:
            fixed.add(value)
        elif value.args and value.op != "call" and all(a in fixed for a in value.args):
            fixed.add(value)

    def factor(x: Value, axis: int) -> int | None:
        """Which operand of a product is a fixed factor that varies along this axis only."""
        if x.op != "multiply" or len(x.shape) != 2 or x.shape[axis] == 1:
            return None
        for i in (1, 0):
            f = x.args[i]
            if f in fixed and len(f.shape) == 2 and f.size == f.shape[axis] == x.shape[axis]:
                return i
        return None

    def takes(data: Value, other: Value, spared: Value) -> bool:
        return (
            data in fixed
            and other not in fixed
            and len(data.shape) == len(other.shape) == 2
            and data.size <= max(MOST_WRITTEN, TIMES_SPARED * spared.size)
        )

    def number(value: Value, args: tuple[Value, ...]) -> Value | None:
        """c (W X)."""
        inner, c = factored(Value(value.op, args, None, value.shape, value.dtype))
        old = value.args[0]
        if not numbers or c == 1.0 or inner.op != "matmul" or len(used[old]) != 1:
            return None
        left, right = inner.args
        if old.args[1] not in fixed or old.args[0] in fixed or len(right.shape) != 2:
            return None
        if right.op == "transpose":
            # Made as it is: the builder would let the factor out again.
            data = b.scale(right.args[0], c)
            scaled = b.make("transpose", (data,), right.params, right.shape, right.dtype)
        else:
            scaled = b.scale(right, c)
        return b.make("matmul", (left, scaled), None, value.shape, value.dtype)

    def after(value: Value, args: tuple[Value, ...]) -> Value | None:
        """(W X) f, where f has a number for each column, and (X W) f, where it has one for each row."""
        for axis in (0, 1):
            i = factor(value, axis)
            product = value.args[0 if i is None else 1 - i]
            if i is None or product.op != "matmul" or len(used[product]) != 1:
                continue
            if takes(product.args[axis], product.args[1 - axis], value):
                operands = list(args[1 - i].args)
                operands[axis] = times(b, operands[axis], axis, args[i])
                return b.make("matmul", tuple(operands), None, value.shape, value.dtype)
        return None

    def before(value: Value, args: tuple[Value, ...]) -> Value | None:
        """(D f) X and X (f D), with a number in f for each of the terms that are added up."""
        for k, axis in ((0, 1), (1, 0)):
            x, data = value.args[k], value.args[1 - k]
            turned = x.op == "transpose" and len(used[x]) == 1
            product = x.args[0] if turned else x
            i = factor(product, 1 - axis if turned else axis)
            if (
                i is None
                or len(used[product]) != 1
                or not takes(data, product.args[1 - i], product)
            ):
                continue
            made = args[k].args[0] if turned else args[k]
            rest = made.args[1 - i]
            if rest.shape != product.shape:
                continue
            operands = list(args)
            operands[k] = b.transpose(rest, x.params) if turned else rest
            operands[1 - k] = times(b, args[1 - k], 1 - axis, made.args[i])
            return b.make("matmul", tuple(operands), None, value.shape, value.dtype)
        return None

    def rule(value: Value, args: tuple[Value, ...]) -> Value | None:
        if value.op == "matmul":
            return before(value, args)
        if value.op == "negative":
            return number(value, args)
        return (number(value, args) or after(value, args)) if value.op == "multiply" else None

    return rebuilt(b, roots, rule)


def times(b: Folding, data: Value, axis: int, factor: Value) -> Value:
    """Data with each row (axis 0) or column (axis 1) multiplied by its factor; of a transpose, what it shows."""
    if data.op == "transpose":
        inner = times(b, data.args[0], 1 - axis, factor)
        return b.make("transpose", (inner,), data.params, data.shape, data.dtype)
    column = b.reshape(factor, (factor.size, 1) if axis == 0 else (1, factor.size))
    return b.elementwise("multiply", data, column)
