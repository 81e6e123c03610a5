"""What every part of a numba kernel is written with: lines and loops, names of values, and expressions of their entries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from cgraph.compile.emit.names import SHORT, Names
from cgraph.compile.emit.numbers import ATOM, BINDING, TEMPLATES, WITH_LITERAL, spelled
from cgraph.compile.ir import Value
from cgraph.compile.passes.nests import long_axes, seen

INDICES = "ijklpqrs"
# Entries that are summed in one go; more are summed in blocks, so that rounding errors do not pile up.
BLOCK = 1024
# Functions that come in a form for vectors, and entries from which on that is faster than libm's, which is quicker with a single number.
VECTORS = ("exp", "expm1", "log", "log1p", "tanh", "cosh")
LEAST_VECTOR = 16
TAKEN = ("kernel", "plus", "gather", *INDICES, "float32", "float64", "numpy", "start", "objmode")

WORDS: dict[str, str] = {
    **{op: text for op, text in TEMPLATES.items()},
    **{op: f"{op}({{0}})" for op in VECTORS},
    **{op: f"numpy.{op}({{0}})" for op in ("floor", "ceil", "trunc", "rint", "log2", "log10", "exp2", "cbrt", "sign")},
    **{op: f"numpy.{op}({{0}})" for op in ("arcsinh", "arccosh", "arctanh", "isinf")},
    **{op: f"numpy.{op}({{0}}, {{1}})" for op in ("fmax", "fmod", "remainder", "hypot", "arctan2")},
    "reciprocal": "{one} / {0}",
    "logical_and": "{0} & {1}",
    "logical_or": "{0} | {1}",
    "logical_not": "not {0}",
    "cast": "{dtype}({0})",
}  # fmt: skip
# Operations whose operands stand in the text once, so that an expression may stand there.
ONCE = frozenset(
    op
    for op, text in WORDS.items()
    if all(text.count(f"{{{i}}}") <= 1 for i in (0, 1)) and op != "select"
)
# What sums and extremes begin with, and how one term more is taken in.
GATHER: dict[str, tuple[float, str]] = {
    "sum": (0.0, "plus"), "matmul": (0.0, "plus"), "max": (-np.inf, "larger"), "min": (np.inf, "smaller"),
}  # fmt: skip


def blocks(index: str, n: int) -> list[tuple[list[str], str]]:
    """The heads of loops over blocks and over what is left: what stands around the innermost loop, and that.

    All blocks have one length that the compiler knows: otherwise it has to be persuaded at every block that arrays side by side do
    not overlap, and is not.
    """
    full = n - n % BLOCK
    found = [([f"for start in range(0, {full}, {BLOCK}):"], f"for {index} in range(start, start + {BLOCK}):")]  # fmt: skip
    return [*found, *[([], f"for {index} in range({full}, {n}):")] * (full < n)]


class Writer:
    """The text of a kernel as far as it is written.

    Attributes:
        lines, indent: what is written, and how deep the next line stands.
        named: what values are called; `given`: arguments, which are arrays where the value is a number.
        inline: values that are written where they are used; `expressions`: these, and others that a loop has at hand.
        over: what becomes of a state -> the state it is written over.
        constants: arrays that never change.
    """

    def __init__(self) -> None:
        self.names = Names()
        for taken in TAKEN:
            self.names.fresh(taken)
        self.lines: list[str] = []
        self.indent = 1
        self.named: dict[Value, str] = {}
        self.given: dict[Value, str] = {}
        self.inline: set[Value] = set()
        self.expressions: dict[Value, tuple[str, int]] = {}
        self.over: dict[Value, Value] = {}
        self.constants: dict[str, Any] = {}

    # --- lines ------------------------------------------------------------------------------------

    def say(self, text: str, value: Value | None = None) -> None:
        """A line, with the remark that belongs to what it computes."""
        remark = value.remark if value is not None else ""
        line = "    " * self.indent + text
        self.lines.append(f"{line:<52}  # {remark}" if remark else line)

    @contextmanager
    def under(self, *heads: str) -> Iterator[None]:
        """What is said inside stands below these lines, each a step deeper than the one before."""
        depth = self.indent
        for head in heads:
            self.say(head)
            self.indent += 1
        yield
        self.indent = depth

    def fill(self, shape: Sequence[int], place: str, entry: Callable[[list[str]], str]) -> None:
        """Loops that write an array; assignments to slices take numba seconds to compile."""
        index, heads = loops(shape)
        with self.under(*heads):
            self.say(f"{place}[{', '.join(index) or '()'}] = {entry(index)}")

    # --- names ------------------------------------------------------------------------------------

    def name(self, value: Value, wish: str = "") -> str:
        """What a value is called: what the user calls it, or what it is."""
        found = self.named.get(value)
        if found is None:
            short = value.op if value.op in ("sum", "max", "min") else SHORT.get(value.op, "t")
            found = self.named[value] = self.names.fresh(wish or value.label or short)
        return found

    def place_of(self, value: Value) -> str:
        """The array that a value is written to."""
        return self.given[self.over[value]] if value in self.over else self.name(value)

    def array(self, value: Value) -> str:
        """A value as an array."""
        if value.op == "constant" or value.literal is not None:
            name = self.name(value, value.label or "constant")
            if name not in self.constants:
                array = value.params if value.op == "constant" else np.full(value.shape, value.literal, value.dtype)  # fmt: skip
                self.constants[name] = np.array(array, order="C")
            return name
        if value.op == "argument":
            return self.given[value]
        return self.name(value)

    # --- entries ----------------------------------------------------------------------------------

    def literal(self, number: float, dtype: Any) -> str:
        """A number of this dtype."""
        text = spelled(number)
        return text if dtype == np.float64 else f"{dtype.name}({text})"

    def number(self, value: Value) -> str:
        """A value of one entry."""
        return self.entry(value, ())[0]

    def entry(self, value: Value, index: Sequence[str]) -> tuple[str, int]:
        """How an entry is read, with how tightly the expression holds together; `index` belongs to the last axes."""
        if value.literal is not None:
            return self.literal(value.literal, value.dtype), ATOM
        value = seen(value)
        if value in self.expressions:
            return self.expressions[value]
        if value.op == "constant" and value.size == 1:
            item = value.params.item()
            return (repr(item) if isinstance(item, bool) else self.literal(item, value.dtype)), ATOM
        if value.size == 1:
            return self.name(value), ATOM
        return f"{self.array(value)}[{last_of(value, index)}]", ATOM

    def expression(self, value: Value, index: Sequence[str]) -> tuple[str, int]:
        """One elementwise operation on entries."""
        if value.op == "broadcast":
            return self.entry(value.args[0], index)
        if value.op == "matmul":
            return self.terms(value, index)
        entries = [self.entry(a, index) for a in value.args]
        dtype = value.dtype
        if value.op in VECTORS and value.size < LEAST_VECTOR:
            return f"math.{value.op}({entries[0][0]})", ATOM
        if value.op in VECTORS and dtype == np.float32:
            return f"float32({value.op}(float64({entries[0][0]})))", ATOM
        binding = BINDING.get(value.op)
        literal = value.args[-1].literal is not None
        template = (WITH_LITERAL.get(value.op) if literal else None) or WORDS[value.op]
        if binding is None:
            texts = [text if b == ATOM else f"({text})" for text, b in entries]
        else:
            texts = [
                text if b > binding or (b == binding and i == 0 and value.op not in ("reciprocal", "negative")) else f"({text})"
                for i, (text, b) in enumerate(entries)
            ]  # fmt: skip
        text = template.format(*texts, one=self.literal(1.0, dtype), dtype=dtype.name)
        loose = binding is None and not template.endswith(")")
        return text, 0 if loose else (binding or ATOM)

    def terms(self, value: Value, index: Sequence[str]) -> tuple[str, int]:
        """A product of matrices, or of a matrix and a vector, with its terms written out."""
        x, y = value.args
        left = list(index[:1]) if len(x.shape) == 2 else []
        right = list(index[-1:]) if len(y.shape) == 2 else []
        terms = []
        for k in range(x.shape[-1]):
            a = self.entry(x, [*left, str(k)])[0]
            b = self.entry(y, [str(k), *right])[0]
            terms.append(f"{a} * {b}")
        return " + ".join(terms), BINDING["add"] if len(terms) > 1 else BINDING["multiply"]

    def beginning(self, value: Value) -> str:
        """What a sum or an extreme is before the first term."""
        return self.literal(GATHER[value.op][0], value.dtype)


def gathered(value: Value, total: str, term: str) -> str:
    """A sum or an extreme with one term more."""
    return f"{GATHER[value.op][1]}({total}, {term})"


def loops(shape: Sequence[int], letters: Iterable[str] = INDICES) -> tuple[list[str], list[str]]:
    """The index of an entry, and the loops that go over all of them; axes of size 1 need none."""
    index, heads = ["0"] * len(shape), []
    for letter, axis in zip(letters, long_axes(shape), strict=False):
        index[axis] = letter
        heads.append(f"for {letter} in range({shape[axis]}):")
    return index, heads


def last_of(value: Value, index: Sequence[str]) -> str:
    """As much of an index as the value has axes, which are the last ones."""
    n = len(value.shape)
    last = list(index)[len(index) - n :] if n else []
    return ", ".join("0" if size == 1 else i for i, size in zip(last, value.shape, strict=True))


def only(value: Value) -> str:
    """The index of the only entry."""
    return ", ".join(["0"] * len(value.shape)) or "()"
