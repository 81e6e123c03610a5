"""The intermediate representation: a graph of about two dozen primitive operations with known shapes and dtypes.

Between the graph that a person builds and the programs that are emitted, because neither suits the other: a `Node` has rows with
derivatives, names and unknown sizes; an emitter wants few operations, sizes and types. A `Value` is immutable and made
by a `Builder` only, which
returns the value it already has for the same operation on the same operands (hash-consing): common subexpressions are never
there twice, in the forward pass or between forward and backward.

An emitter gets a `Graph`, walks `graph.order()` and writes one statement a value. What it has to know are the tables of this module:
`ELEMENTWISE` (all of NumPy's ufunc names, plus `select` and `cast`) and the other primitives, `STRUCTURE`.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from operator import attrgetter
from typing import Any

import numpy as np

DType = np.dtype[Any]
Shape = tuple[int, ...]

FLOAT64: DType = np.dtype(np.float64)
BOOL: DType = np.dtype(np.bool_)

# Entry by entry; the names are those of NumPy's ufuncs, and SciPy's erfc. The number is a rough count of operations an entry.
ELEMENTWISE: dict[str, int] = {
    **dict.fromkeys(("add", "subtract", "multiply", "divide", "negative", "square", "reciprocal"), 1),
    **dict.fromkeys(("maximum", "minimum", "fmin", "absolute", "sign", "copysign", "isfinite", "isnan"), 1),
    **dict.fromkeys(("sqrt",), 4),
    **dict.fromkeys(("exp", "expm1", "log", "log1p", "sin", "cos", "tan", "sinh", "cosh", "tanh"), 15),
    **dict.fromkeys(("arcsin", "arccos", "arctan", "power"), 25),
    **dict.fromkeys(("less", "less_equal", "greater", "greater_equal", "equal", "not_equal"), 1),
    **dict.fromkeys(("logical_and", "logical_or", "logical_not"), 1),
    **dict.fromkeys(("floor", "ceil", "trunc", "rint", "fmax", "fmod", "remainder", "isinf"), 1),
    **dict.fromkeys(("log2", "log10", "exp2", "cbrt", "arcsinh", "arccosh", "arctanh", "hypot", "arctan2", "erfc"), 20),
    **dict.fromkeys(("select", "cast"), 1),
}  # fmt: skip
TRUTH = frozenset(
    "less less_equal greater greater_equal equal not_equal logical_and logical_or logical_not isfinite isnan isinf".split()
)
# Everything else, with its parameters.
LEAVES = frozenset({"argument", "constant", "literal"})
STRUCTURE = {
    "matmul": "two operands of one or two dimensions each, or stacks of matrices",
    "gemm": "alpha and beta, of A, B and C: alpha A B + beta C, for targets with BLAS",
    "sum": "axes", "max": "axes", "min": "axes",
    "broadcast": "to the shape of the value", "reshape": "to the shape of the value", "transpose": "axes",
    "index": "ints, slices, None and Ellipsis", "place": "the same, into zeros of the shape of the value", "join": "axis",
    "add_at": "of x and y, parameters as for place: x with y added there",
    "diagonals": "vectors that lie along the diagonals of these offsets, in a matrix of zeros",
    "array": "numbers as the entries of an array, for graphs that were unrolled",
    "call": "an Op and its keyword parameters: what has no lowering, computed by the row's own forward",
}  # fmt: skip
# The result lies in the memory of the operand.
VIEWS = frozenset({"reshape", "transpose", "index"})


class Value:
    """One intermediate result.

    Attributes:
        op: a key of `ELEMENTWISE` or `STRUCTURE`, or "argument", "constant" or "literal".
        args: the operands.
        params: what else the operation takes: axes, an index, the number of an argument, the array of a constant.
        shape, dtype: of the result.
        label: what to call it in the source, as the user calls the node; "" for nothing in particular.
        hint: what to call it where there is no label: a word of the formula that it is part of.
        origin: the node of the graph that it was made for; None for what belongs to none.
        gradient_of: the node of the user's graph whose gradient it is, up to a factor; None for anything else.
        remark: what the source says beside the statement.
    """

    __slots__ = (
        "args",
        "dtype",
        "gradient_of",
        "hint",
        "label",
        "op",
        "origin",
        "params",
        "remark",
        "shape",
    )

    def __init__(
        self, op: str, args: tuple[Value, ...], params: Any, shape: Shape, dtype: DType
    ) -> None:
        self.op = op
        self.args = args
        self.params = params
        self.shape = shape
        self.dtype = dtype
        self.label = ""
        self.hint = ""
        self.origin: Any = None
        self.gradient_of: Any = None
        self.remark = ""

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize

    def take_over(self, other: Value) -> None:
        """Stand for what another value stood for, where nothing is known about this one yet."""
        if self.op in ("literal", "constant") or self is other:
            return
        self.label = self.label or other.label
        self.hint = self.hint or other.hint
        self.remark = self.remark or other.remark
        if self.origin is None:
            self.origin = other.origin
        if self.gradient_of is None:
            self.gradient_of = other.gradient_of

    @property
    def literal(self) -> float | None:
        """The number that a literal stands for, also one that was broadcast."""
        value = self
        while value.op == "broadcast":
            value = value.args[0]
        return value.params if value.op == "literal" else None

    def __repr__(self) -> str:
        return f"<{self.op} {self.shape} {self.dtype}{' ' + self.label if self.label else ''}>"


@dataclass
class Graph:
    """What an emitter gets: arguments in, outputs out.

    Attributes:
        arguments: the values that are handed in, in the order of the call; each has op "argument" and its position as `params`.
        outputs: the values to hand out.
        names: a name for each output, e.g. "loss", "dW".
        forward: how many of the outputs, from the first, are values; the others are gradients.
        entries: where the graph was unrolled, the entries of each argument that is taken apart.
    """

    arguments: list[Value]
    outputs: list[Value]
    names: list[str] = field(default_factory=list)
    forward: int = 0
    entries: dict[Value, Any] = field(default_factory=dict)

    def order(self) -> list[Value]:
        """Every value the outputs depend on, operands before their users."""
        return order(self.outputs)


def order(
    roots: Iterable[Value], operands: Callable[[Value], Sequence[Value]] = attrgetter("args")
) -> list[Value]:
    """Everything the roots depend on, operands before their users; iterative, so that depth costs nothing."""
    done: set[Value] = set()
    result: list[Value] = []
    for root in roots:
        if root in done:
            continue
        stack: list[tuple[Value, Iterator[Value]]] = [(root, iter(operands(root)))]
        while stack:
            value, args = stack[-1]
            for arg in args:
                if arg not in done:
                    stack.append((arg, iter(operands(arg))))
                    break
            else:
                stack.pop()
                if value not in done:
                    done.add(value)
                    result.append(value)
    return result


def _quick_tangent() -> bool:
    """Whether this NumPy has its own tangent, tanh and cosh on this processor, which take eight numbers at a time."""
    try:
        features = import_module("numpy._core._multiarray_umath").__cpu_features__
    except (ImportError, AttributeError):
        return False
    return sys.platform == "linux" and bool(features.get("AVX512_SKX"))


QUICK_TANGENT = _quick_tangent()


def ufunc(op: str) -> Any:
    """The function of arrays behind an elementwise operation."""
    if op == "erfc":
        return import_module("scipy.special").erfc
    return getattr(np, op)


def users(values: Sequence[Value]) -> dict[Value, list[Value]]:
    """Who uses a value, once an operand."""
    result: dict[Value, list[Value]] = {value: [] for value in values}
    for value in values:
        for arg in value.args:
            result[arg].append(value)
    return result


def held_back(value: Value) -> bool:
    """Whether a value is x but for what is held back from overflow: x + (y − min(y, 700)), or x + (−700 − min(y, −700))."""
    if value.op != "add" or value.args[1].op != "subtract":
        return False
    y, held = value.args[1].args
    if held.op != "minimum":
        return False
    if y.literal == -700.0:
        return held.args[1].literal == -700.0
    return held.args[0] is y and held.args[1].literal == 700.0


def held_exponent(value: Value) -> bool:
    """Whether a value is min(x, 700) or max(x, −700): x, but for what is held back for an exponential's sake."""
    limit = value.args[1].literal if value.op in ("minimum", "maximum") else None
    return limit == (700.0 if value.op == "minimum" else -700.0)


def is_number(value: Value) -> bool:
    """Whether generated code holds it as a Python float (or bool) rather than an array.

    A ufunc on an array of one entry costs several times what it costs Python's floats, whatever the shape; only float64, whose
    arithmetic Python's floats share.
    """
    if value.op in ("call", "constant"):
        return value.size == 1 and value.dtype == (BOOL if value.op == "constant" else FLOAT64)
    if value.dtype == BOOL:
        return value.size == 1 and bool(value.args) and all(map(is_number, value.args))
    return value.size == 1 and value.dtype == FLOAT64
