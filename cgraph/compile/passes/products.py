"""Matrix products as BLAS knows them: C becomes α A B + β C, the factors and the addition for nothing.

For training loops, whose updates are of that form: W − lr · D Xᵀ, and β V + D Xᵀ for a momentum. Without it they are three
statements, each of which goes through memory once more. Other products of matrices become such a call, too: of small ones
it costs half of what NumPy's `dot` does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cgraph.compile.ir import Value, is_number, order, users
from cgraph.compile.ir.builder import Builder
from cgraph.compile.passes.algebra import factored
from cgraph.compile.passes.finishing import rebuilt

# Multiplications from which on the way to BLAS costs nothing beside them.
MOST_MULTIPLIED = 1 << 20


def as_gemm(b: Builder, roots: Sequence[Value], state: Mapping[Value, Value]) -> list[Value]:
    """The roots, with products of matrices as values of op "gemm": operands A, B and, where there is an addition, C.

    `state` says for each root that is the new value of something what its old value is.
    """
    used = users(order(roots))

    def product(x: Value, alone: bool = True) -> tuple[Value, Value] | None:
        """The two matrices of a product that nothing else needs; a vector is a matrix of one row or column."""
        if alone and len(used[x]) != 1:
            return None
        core = x.args[0] if x.op == "reshape" and len(used[x.args[0]]) == 1 else x
        if core.op != "matmul" or len(x.shape) != 2 or is_number(x) or x.dtype.kind != "f":
            return None
        left, right = core.args
        if not left.size or not right.size or any(map(is_number, (left, right))):
            return None
        rows, columns = x.shape
        inner = left.shape[-1]
        if len(left.shape) > 2 or len(right.shape) > 2:
            return None
        if (rows, columns) != (left.size // inner, right.size // inner):
            return None
        return left, right

    def update(value: Value) -> tuple[Value, float, Value, float] | None:
        """C and β, a product and α, where the value is their sum."""
        old = state.get(value)
        if old is None or value.op not in ("add", "subtract") or is_number(value):
            return None
        sign = 1.0 if value.op == "add" else -1.0
        for k in (0, 1):
            (c, beta), (x, alpha) = factored(value.args[k]), factored(value.args[1 - k])
            beta, alpha = (beta, sign * alpha) if k == 0 else (sign * beta, alpha)
            single = x is value.args[1 - k] or len(used[value.args[1 - k]]) == 1
            if c is old and single and alpha and product(x) is not None:
                return c, beta, x, alpha
        return None

    new: dict[Value, Value] = {}

    def gemm(value: Value, x: Value, alpha: float, addend: tuple[Value, ...], beta: float) -> Value:
        pair = product(x, alone=False)
        assert pair is not None
        inner = pair[0].shape[-1]
        left = b.reshape(new[pair[0]], (x.shape[0], inner))
        right = b.reshape(new[pair[1]], (inner, x.shape[1]))
        args = (left, right, *(new[a] for a in addend))
        return b.make("gemm", args, (alpha, beta), value.shape, value.dtype)

    def rule(value: Value, args: tuple[Value, ...]) -> Value | None:
        found = update(value)
        if found is not None:
            c, beta, x, alpha = found
            return gemm(value, x, alpha, (c,), beta)
        inner, alpha = factored(value)
        pair = product(inner, alone=inner is not value) if alpha and inner.size else None
        if pair is not None and (inner is not value or value.op in ("matmul", "reshape")):
            if inner is not value or value.size * pair[0].shape[-1] <= MOST_MULTIPLIED:
                return gemm(value, inner, alpha, (), 0.0)
        return None

    return rebuilt(b, roots, rule, new)
