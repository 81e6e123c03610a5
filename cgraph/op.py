"""Op: one row of the derivative tables.

A row holds everything that the rest of cgraph wants to know of an operation: how to compute it, one maker of the local gradient a
parent, what to write in pictures, where it is defined and where it has kinks. The engine, the drawings, the checks and the docs
read the row; adding an op is adding a row (docs/adding-an-op.md). The rows themselves stand in `cgraph/ops/`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib import import_module
from string import Template
from typing import Any, NamedTuple

import numpy as np

from cgraph.errors import DTypeError, GradientError
from cgraph.linear_maps import Diagonal, Identity, LinearMap, Scale
from cgraph.operators import Operators

DType = np.dtype[Any]
Maker = Callable[..., LinearMap]
Partial = Callable[..., Any] | float | None


class Formula(NamedTuple):
    """What an op computes, for reading: templates over ``$a $b $c`` (the operands) and ``$out``.

    Attributes:
        text: with Unicode, e.g. ``"1 / (1 + e^(−$a))"``.
        latex: the same in LaTeX.
        partials: the local gradient with respect to each parent, as text; None where there is none.
    """

    text: str = ""
    latex: str = ""
    partials: tuple[str | None, ...] = ()

    @staticmethod
    def fill(template: str, operands: tuple[str, ...], out: str = "") -> str:
        """Put names into a template.

        >>> Formula.fill("$a·$b", ("w", "x"))
        'w·x'
        """
        return Template(template).safe_substitute(
            dict(zip("abcdefgh", operands, strict=False)), out=out
        )


class Interval(NamedTuple):
    """Where an op is defined, seen from one operand: from `low` to `high`, with or without its ends."""

    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False


REAL = Interval()


def is_node(x: Any) -> bool:
    """Whether `x` is a node rather than numbers."""
    return isinstance(x, Operators)


# With these, Python's own floats refuse what NumPy answers with inf or nan.
FLOAT_ERRORS = (ZeroDivisionError, OverflowError, ValueError)


class Op:
    """One row: an operation with its local gradients.

    Calling it with a node among the operands builds a node; calling it with arrays or numbers computes. That is what lets a
    derivative be written once, for numbers and for gradient graphs.

    Attributes:
        name: NumPy's name, where NumPy has one.
        forward: arrays and keyword parameters -> array.
        partials: for elementwise ops, one a parent: a function ``(out, *operands) -> partial``, a constant, or None where the
            result is not differentiable; None for all other ops.
        makers: for all other ops, one a parent: a function ``(out, *operands, **params) -> LinearMap``, or None. An op with
            `variadic` has one maker for all parents, which gets the parent's index first.
        shape: for ops that are not elementwise: shapes of the operands and parameters -> shape.
        dtype: dtypes of the operands -> dtype; asked of NumPy when not given.
        scalar: the same as `forward` on Python floats, where that is worth having.
        family: "leaf", "elementwise", "reduction", "structure", "linalg".
        role: "leaf", "linear", "activation", "loss" or "other": the colour of a picture.
        symbol, formula, doc: for reading.
        domain: one Interval a parent.
        margin: operands -> relative distance to the nearest kink (0 on it); None for an op that is smooth in its domain.
        commutative: whether the order of the operands matters to nobody.
    """

    __slots__ = (
        "_doc",
        "arity",
        "commutative",
        "domain",
        "dtype",
        "family",
        "formula",
        "forward",
        "linear",
        "makers",
        "margin",
        "module",
        "name",
        "params",
        "partials",
        "plain",
        "result_of",
        "role",
        "scalar",
        "shape",
        "symbol",
        "unary",
        "variadic",
    )

    # Set by node.py, which stands above: the class of nodes, and how to build one, in general and from one float64 scalar.
    node_class: type[Any]
    build_node: Callable[..., Any]
    build_number: Callable[..., Any]

    def __init__(
        self,
        name: str,
        forward: Callable[..., Any],
        *,
        partials: tuple[Partial, ...] | None = None,
        makers: tuple[Maker | None, ...] = (),
        shape: Callable[..., Any] | None = None,
        dtype: Callable[..., DType] | None = None,
        scalar: Callable[..., float] | None = None,
        family: str = "elementwise",
        role: str = "other",
        symbol: str | None = None,
        formula: Formula | None = None,
        doc: str = "",
        domain: tuple[Interval, ...] = (),
        margin: Callable[..., Any] | None = None,
        commutative: bool = False,
        variadic: bool = False,
        module: str = "cgraph.ops",
    ) -> None:
        self.name = name
        self.forward = forward
        self.partials = partials
        self.makers = makers
        # All partials are constants (+, −): the backward pass need not look at any value.
        self.linear = partials is not None and all(isinstance(p, float) for p in partials)
        # One or two operands, and not constants beside functions: what the backward pass does without linear maps.
        constants = 0 if partials is None else sum(isinstance(p, float) for p in partials)
        self.plain = partials is not None and len(partials) <= 2 and constants in (0, len(partials))
        # How many operands an elementwise op takes; 0 where the row does not say.
        self.arity = len(makers if partials is None else partials) if family == "elementwise" else 0
        self.unary = scalar is not None and self.arity < 2
        self.shape = shape
        self.dtype = dtype
        self.scalar = scalar
        self.family = family
        self.role = role
        self.symbol = symbol or name
        self.formula = formula or Formula()
        self._doc = doc
        self.domain = domain
        self.margin = margin
        self.commutative = commutative
        self.variadic = variadic
        self.module = module
        # What becomes of operands that are all of one dtype, remembered.
        self.result_of: dict[DType, DType] = {}

    def __call__(self, *operands: Any, name: str | None = None, **params: Any) -> Any:
        """Build a node, or compute, as the operands are nodes or numbers."""
        if self.unary and len(operands) == 1 and not params:
            operand = operands[0]
            if operand.__class__ is Op.node_class and operand.floats:
                return Op.build_number(self, operands, operand.active, name)
        for operand in operands:
            if isinstance(operand, Operators):
                return Op.build_node(self, operands, params, name)
        return self.evaluate(*operands, **params)

    def evaluate(self, *operands: Any, **params: Any) -> Any:
        """The value on arrays, or on Python floats, which give a Python float and so never promote anything."""
        if self.family == "elementwise" and all(type(x) is float for x in operands):
            if self.scalar is not None:
                try:
                    return self.scalar(*operands)
                except FLOAT_ERRORS:
                    pass  # Python's floats refuse what NumPy answers with inf or nan
            with np.errstate(all="ignore"):  # as in a run
                value = self.forward(*map(np.float64, operands))
            return float(value) if np.asarray(value).dtype.kind == "f" else value
        return self.forward(*operands, **params)

    def differentiable(self, i: int) -> bool:
        """Whether there is a local gradient with respect to parent `i`."""
        if self.partials is not None:
            return self.partials[i] is not None
        return self.variadic or self.makers[i] is not None

    def local(self, i: int, out: Any, operands: Any, params: Mapping[str, Any]) -> LinearMap:
        """The local gradient with respect to parent `i`, over arrays or over nodes.

        Raises:
            GradientError: when the op is not differentiable with respect to that parent.
        """
        if not self.differentiable(i):
            raise GradientError(
                f"{self.name!r} is not differentiable with respect to its parent {i}"
            )
        if self.partials is None:
            if self.variadic:
                return self.makers[0](i, out, *operands, **params)  # type: ignore[misc]
            return self.makers[i](out, *operands, **params)  # type: ignore[misc]
        partial = self.partials[i]
        if isinstance(partial, float):
            return Identity() if partial == 1.0 else Scale(partial)
        return Diagonal(partial(out, *operands), OPS["where"])  # type: ignore[misc]

    def result_dtype(self, dtypes: tuple[DType | float, ...], params: Mapping[str, Any]) -> DType:
        """The dtype of the result; a Python number among `dtypes` stands for a weak operand, which never promotes."""
        if "dtype" in params:
            given: DType = np.dtype(params["dtype"])
            return given
        if self.dtype is not None:
            return self.dtype(*dtypes)
        if self.family == "elementwise":
            return _ask_numpy(
                self, tuple(d if isinstance(d, np.dtype) else type(d) for d in dtypes)
            )
        return np.result_type(*dtypes)

    @property
    def __doc__(self) -> str:  # type: ignore[override]
        lines = [self._doc or f"`{self.name}`, as in NumPy."]
        if self.formula.text:
            lines += ["", "Value: " + Formula.fill(self.formula.text, ("a", "b", "c"), "out")]
        for letter, text in zip("abc", self.formula.partials, strict=False):
            lines.append(
                f"Local gradient for {letter}: {'none' if text is None else Formula.fill(text, ('a', 'b', 'c'), 'out')}"
            )
        if self.family == "elementwise":
            lines += ["", "Shapes: the operands broadcast as in NumPy. `name=` names the node."]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Op {self.name}>"

    def __reduce__(self) -> Any:
        return _find, (self.name, self.module)

    def __deepcopy__(self, memo: Any) -> Op:
        return self


@lru_cache(maxsize=4096)
def _ask_numpy(op: Op, dtypes: tuple[DType | type, ...]) -> DType:
    """The dtype NumPy gives an elementwise op, found by computing it on ones."""
    operands = [np.ones((), d) if isinstance(d, np.dtype) else d(1) for d in dtypes]
    with np.errstate(all="ignore"):
        try:
            return np.asarray(op.forward(*operands)).dtype
        except TypeError as error:
            raise DTypeError(f"NumPy has no such operation for these dtypes ({error})") from None


# Every row, by name.
OPS: dict[str, Op] = {}


def register(op: Op) -> Op:
    """Enter a row into the table; a name is taken once."""
    if op.name in OPS and OPS[op.name].module == op.module:
        OPS[op.name] = op  # a module that is reloaded, or a notebook cell that is run again
        return op
    if op.name in OPS:
        raise ValueError(f"there is an op called {op.name!r} already")
    OPS[op.name] = op
    return op


def _not_computed(*operands: Any) -> Any:
    raise AssertionError("a leaf is not computed")


# The kinds of leaves: rows in form only, and not in the table.
INPUT, PARAMETER, CONSTANT = (
    Op(kind, _not_computed, family="leaf", role="leaf")
    for kind in ("input", "parameter", "constant")
)
LEAVES = {op.name: op for op in (INPUT, PARAMETER, CONSTANT)}


def _find(name: str, module: str) -> Op:
    """The row of that name; the module that holds it is imported if need be (for rows of a user's own)."""
    if name in LEAVES:
        return LEAVES[name]
    if name not in OPS:
        import_module(module)
    return OPS[name]
