"""Op: a primitive operation, one entry of the derivative tables.

An op holds everything that the rest of cgraph wants to know of an operation: how to compute it, the local gradient with respect to
each parent, what to write in pictures, where it is defined and where it has kinks. The engine, the drawings, the checks and the docs
read it; to add an operation is to write one entry (docs/adding-an-op.md). The tables themselves stand in `cgraph/ops/`.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib import import_module
from string import Template
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, overload

import numpy as np

from cgraph.errors import DTypeError, GradientError, UnsupportedError
from cgraph.linear_maps import Diagonal, Identity, LinearMap, Scale
from cgraph.operators import Operators

if TYPE_CHECKING:
    from cgraph.node import Node

DType = np.dtype[Any]
Rule = Callable[..., LinearMap]
Partial = Callable[..., Any] | float | None


class Formula(NamedTuple):
    """What an op computes, for reading: templates over ``$a $b $c`` (the operands) and ``$out``.

    Attributes:
        text: with Unicode, e.g. ``"1 / (1 + e^(−$a))"``.
        latex: the same in LaTeX.
        partials: the local gradient with respect to each parent, as text; None where there is none.
        adjoint: what an op that moves or adds entries does with `UPSTREAM` on the way back, e.g. ``"UPSTREAM rolled back"``. Of the
            node itself it may name ``$small``, its axes as a small index, ``$index``, and ``$part``, what a mean takes of each entry.
    """

    text: str = ""
    latex: str = ""
    partials: tuple[str | None, ...] = ()
    adjoint: str = ""

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

    def __str__(self) -> str:
        left = "(" if self.open_low or math.isinf(self.low) else "["
        right = ")" if self.open_high or math.isinf(self.high) else "]"
        return f"{left}{self.low:g}, {self.high:g}{right}".replace("inf", "∞")


REAL = Interval()


def is_node(x: Any) -> bool:
    """Whether `x` is a node rather than numbers."""
    return isinstance(x, Operators)


# With these, Python's own floats refuse what NumPy answers with inf or nan.
FLOAT_ERRORS = (ZeroDivisionError, OverflowError, ValueError)


class Op:
    """A primitive operation with its local gradients.

    Calling it with a node among the operands builds a node; calling it with arrays or numbers computes. That is what lets a
    derivative be written once, for numbers and for gradient graphs.

    Attributes:
        name: NumPy's name, where NumPy has one.
        forward: arrays and keyword parameters -> array.
        partials: for elementwise ops, one a parent: a function ``(out, *operands) -> partial``, a constant, or None where the
            result is not differentiable; None for all other ops.
        linear_maps: for all other ops, one a parent: a function ``(out, *operands, **params) -> LinearMap``, or None. An op
            with `variadic` has one for all parents, which gets the parent's index first.
        shape: for ops that are not elementwise: shapes of the operands and parameters -> shape.
        dtype: dtypes of the operands -> dtype; asked of NumPy when not given.
        scalar: the same as `forward` on Python floats, where that is worth having.
        family: "leaf", "elementwise", "reduction", "structure", "linalg".
        role: "leaf", "linear", "activation", "loss" or "other": the colour of a picture.
        symbol, formula, doc: for reading.
        domain: one Interval a parent.
        margin: operands -> relative distance to the nearest kink (0 on it); None for an op that is smooth in its domain.
        commutative: whether the order of the operands matters to nobody.
        example: a call for the checks and the tests, where operands or parameters have to fit one another: a function of a
            `numpy.random.Generator` that gives ``(operands, params)``.
        source: where the formula comes from.
        batch: how to carry it out for many examples at once, see cgraph/batching.py; None for the rule of its kind, or one by one.
        module: the module that defines the op, where unpickling looks for it.
    """

    __slots__ = (
        "_doc",
        "arity",
        "batch",
        "commutative",
        "domain",
        "dtype",
        "example",
        "family",
        "formula",
        "forward",
        "linear",
        "linear_maps",
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
        "source",
        "symbol",
        "unary",
        "variadic",
    )

    # Counts the changes to ops, by which what was derived from them (cgraph/plan.py) knows that it is stale.
    changes: ClassVar[int] = 0

    # Set by node.py, which stands above: the class of numbers, and how to build a node, in general and from one float64 scalar.
    number_class: type[Any]
    build_node: Callable[..., Any]
    build_number: Callable[..., Any]

    def __init__(
        self,
        name: str,
        forward: Callable[..., Any],
        *,
        partials: tuple[Partial, ...] | None = None,
        linear_maps: tuple[Rule | None, ...] = (),
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
        example: Callable[..., Any] | None = None,
        source: str = "",
        batch: Any = None,
        module: str = "cgraph.ops",
    ) -> None:
        self.name = name
        self.forward = forward
        self.partials = partials
        self.linear_maps = linear_maps
        # All partials are constants (+, −): the backward pass need not look at any value.
        self.linear = partials is not None and all(isinstance(p, float) for p in partials)
        # One or two operands, and not constants beside functions: what the backward pass does without linear maps.
        constants = 0 if partials is None else sum(isinstance(p, float) for p in partials)
        self.plain = partials is not None and len(partials) <= 2 and constants in (0, len(partials))
        # How many operands an elementwise op takes; 0 where it does not say.
        self.arity = (
            len(linear_maps if partials is None else partials) if family == "elementwise" else 0
        )
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
        self.example = example
        self.source = source
        self.batch = batch
        self.module = module
        # What becomes of operands that are all of one dtype, remembered.
        self.result_of: dict[DType, DType] = {}
        _complete(self)

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        Op.changes += 1

    @overload
    def __call__(
        self, x: Node, /, *operands: Any, name: str | None = None, **params: Any
    ) -> Node: ...
    @overload
    def __call__(self, *operands: Any, name: str | None = None, **params: Any) -> Any: ...
    def __call__(self, *operands: Any, name: str | None = None, **params: Any) -> Any:  # type: ignore[misc]
        """Build a node, or compute, as the operands are nodes or numbers."""
        if self.unary and len(operands) == 1 and not params:
            operand = operands[0]
            if operand.__class__ is float:  # a partial in a graph of numbers
                try:
                    return self.scalar(operand)  # type: ignore[misc]
                except FLOAT_ERRORS:
                    return self.evaluate(operand)
            if operand.__class__ is Op.number_class:
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
        try:
            return self.forward(*operands, **params)
        except TypeError:
            self.explain_call(self.forward, operands, params)
            raise

    def explain_call(
        self, function: Callable[..., Any], operands: tuple[Any, ...], params: Mapping[str, Any]
    ) -> None:
        """Say what a call lacks or has too much, if that is what is wrong with it.

        Raises:
            UnsupportedError: naming the op and the parameters it takes.
        """
        try:
            signature = inspect.signature(function)
        except (TypeError, ValueError):
            return  # a ufunc says nothing of its parameters
        try:
            signature.bind(*operands, **params)
        except TypeError as error:
            wanted = [p for p in signature.parameters.values() if p.kind is not p.VAR_POSITIONAL]
            wanted = wanted[0 if self.variadic else len(self.linear_maps) or 1 :]
            missing = [
                f"{p.name}=" for p in wanted if p.default is p.empty and p.name not in params
            ]
            call = ", ".join(p.name + "=..." for p in wanted)
            raise UnsupportedError(
                f"{self.name} needs {' and '.join(missing)}: call it as {self.name}(..., {call})"
                if missing
                else f"{self.name}: {error}"
            ) from None

    def differentiable(self, i: int) -> bool:
        """Whether there is a local gradient with respect to parent `i`."""
        if self.partials is not None:
            return self.partials[i] is not None
        return self.variadic or self.linear_maps[i] is not None

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
                return self.linear_maps[0](i, out, *operands, **params)  # type: ignore[misc]
            return self.linear_maps[i](out, *operands, **params)  # type: ignore[misc]
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
        return documented(self)

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


def _complete(op: Op) -> None:
    """Refuse, where it is defined, an op that could not be built.

    Raises:
        TypeError: without `shape=` where there has to be one, or with fewer partials than the forward takes operands.
    """
    if op.family == "leaf":
        return
    if op.family != "elementwise":
        if op.shape is None:
            raise TypeError(
                f"op {op.name!r} needs shape=: a function of the operands' shapes and the parameters that gives the shape of the "
                "result, e.g. shape=lambda x, axis: cgraph.shapes.reduce(x, (axis,), False); or define it with cg.elementwise "
                "or cg.reduction, which know theirs"
            )
        return
    code = getattr(op.forward, "__code__", None)
    takes = getattr(op.forward, "nin", None) if code is None else code.co_argcount
    optional = len(getattr(op.forward, "__defaults__", None) or ())
    if takes is None or (code is not None and code.co_flags & inspect.CO_VARARGS):
        return
    if not takes - optional <= op.arity <= takes:
        raise TypeError(
            f"op {op.name!r}: forward takes {takes} operand{'s' * (takes != 1)}, but {op.arity} partial{'s' * (op.arity != 1)} "
            f"{'are' if op.arity != 1 else 'is'} given; one an operand, None where there is no derivative"
        )


_LETTERS = ("a", "b", "c")


def documented(op: Op) -> str:
    """The docstring of an op, from what it holds."""
    lines = [op._doc or f"`{op.name}`, as in NumPy."]
    if op.formula.text:
        lines += ["", "Value: " + Formula.fill(op.formula.text, _LETTERS, "out")]
    for letter, text in zip(_LETTERS, op.formula.partials, strict=False):
        said = "none" if text is None else Formula.fill(text, _LETTERS, "out")
        lines.append(f"Local gradient for {letter}: {said}")
    domain = "; ".join(
        f"{letter} in {interval}"
        for letter, interval in zip(_LETTERS, op.domain, strict=False)
        if interval != REAL
    )
    if domain:
        lines.append(f"Domain: {domain}.")
    if op.margin is not None:
        lines.append(
            "It has kinks; its local gradient there is a convention (docs/conventions.md)."
        )
    if op.family == "elementwise":
        floating = any(map(op.differentiable, range(op.arity)))
        lines += [
            "",
            "Shapes: the operands broadcast as in NumPy. "
            + (
                "Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so."
                if floating
                else "Dtype: as in NumPy; not differentiable."
            ),
            "`name=` names the node.",
            "",
            "Raises:",
            "    ShapeError: when the shapes do not broadcast, naming the nodes.",
            "    DTypeError: for dtypes that NumPy has no such operation for.",
            f"    UnsupportedError: unless called with {op.arity} operand{'s' * (op.arity != 1)}.",
        ]
    if op.source:
        lines += ["", f"Source: {op.source}"]
    return "\n".join([*lines, *_example(op)])


def _example(op: Op) -> list[str]:
    """A call on numbers inside the domain, with its value: for the ops that `cg` has under their name."""
    if op.family != "elementwise" or not op.module.startswith("cgraph.ops") or ">>>" in op._doc:
        return []
    numbers = [
        _inside(op.domain[i] if i < len(op.domain) else REAL, 0.5 + i) for i in range(op.arity)
    ]
    if not any(map(op.differentiable, range(op.arity))):
        return []
    value = op.evaluate(*numbers)
    call = ", ".join(f"{x:g}" if x % 1 else f"{x:.1f}" for x in numbers)
    return [
        "",
        ">>> import cgraph as cg",
        f">>> round(float(cg.{op.name}({call})), 6)",
        repr(round(float(value), 6)),
    ]


def _inside(interval: Interval, x: float) -> float:
    if interval.low < x < interval.high:
        return x
    if math.isfinite(interval.low) and math.isfinite(interval.high):
        return 0.5 * (interval.low + interval.high)
    return interval.low + x if math.isfinite(interval.low) else interval.high - x


# Every op, by name.
OPS: dict[str, Op] = {}

# Where ops with a dotted name are defined: `linalg.inv` in `cgraph.linalg`. Those modules load when they are touched.
HOMES = {
    "fft": "cgraph.fft",
    "integrate": "cgraph.integrate",
    "linalg": "cgraph.linalg",
    "nn": "cgraph.nn.functional",
    "special": "cgraph.special",
}
HOMES |= dict.fromkeys(("scan", "cond", "part"), "cgraph.control")


def find(name: str) -> Op | None:
    """The op of that name, from the module that defines it if that has not been touched yet; None if there is none.

    >>> find("linalg.inv"), find("no.such.op")
    (<Op linalg.inv>, None)
    """
    home = HOMES.get(name.partition(".")[0])
    if name not in OPS and home is not None:
        import_module(home)
    return OPS.get(name)


def register(op: Op) -> Op:
    """Enter an op into the table; a name is taken once."""
    if op.name in OPS and OPS[op.name].module == op.module:
        OPS[op.name] = op  # a module that is reloaded, or a notebook cell that is run again
        return op
    if op.name in OPS:
        raise ValueError(f"there is an op called {op.name!r} already")
    OPS[op.name] = op
    return op


class Joint(NamedTuple):
    """Two ops on the same operands, computed in one go.

    Attributes:
        first, second: the ops; the parameters of the second are among those of the first.
        kernel: ``(*operands, **params of the first) -> (value of the first, value of the second)``, to the last bit what their
            forwards give.
        forwards: theirs, when this was written.
    """

    first: Op
    second: Op
    kernel: Callable[..., tuple[Any, Any]]
    forwards: tuple[Callable[..., Any], Callable[..., Any]]

    @property
    def valid(self) -> bool:
        """Whether the ops still compute what they did: a row can be changed."""
        return (self.first.forward, self.second.forward) == self.forwards


# By each of the two.
JOINTS: dict[Op, list[Joint]] = {}


def together(first: Op, second: Op, kernel: Callable[..., tuple[Any, Any]]) -> None:
    """Say how to compute two ops on the same operands in one go, where they share work.

    Most often these are an op and the op that its partial calls. A graph that is kept and differentiated then does the shared work
    once (cgraph/plan.py); everywhere else the two are computed by themselves.

    Args:
        first: an op.
        second: another one, of the same operands and of parameters that the first has too.
        kernel: ``(*operands, **params of the first) -> (value, other value)``; each to the last bit what the op's own forward gives.

    >>> import numpy as np
    >>> import cgraph as cg
    >>> slope = cg.elementwise("bump_slope", lambda x: -2.0 * x * np.exp(-x * x),
    ...                        lambda out, x: out * (1.0 / x - 2.0 * x), module="example")
    >>> bump = cg.elementwise("bump", lambda x: np.exp(-x * x), lambda out, x: slope(x), module="example")
    >>> def both(x):
    ...     e = np.exp(-x * x)
    ...     return e, -2.0 * x * e
    >>> together(bump, slope, both)
    >>> x = cg.parameter("x", [0.5, 1.0])
    >>> loss = cg.sum(bump(x))
    >>> loss.backward().grad(x).tolist() == loss.backward().grad(x).tolist()  # the second time in one go
    True
    """
    joint = Joint(first, second, kernel, (first.forward, second.forward))
    for op in (first, second):
        JOINTS.setdefault(op, []).append(joint)
    Op.changes += 1


def _not_computed(*operands: Any) -> Any:
    raise AssertionError("a leaf is not computed")


# The kinds of leaves: ops in form only, and not in the table.
INPUT, PARAMETER, CONSTANT = (
    Op(kind, _not_computed, family="leaf", role="leaf")
    for kind in ("input", "parameter", "constant")
)
LEAVES = {op.name: op for op in (INPUT, PARAMETER, CONSTANT)}


def _find(name: str, module: str) -> Op:
    """The op of that name; the module that holds it is imported if need be (for ops of a user's own)."""
    if name in LEAVES:
        return LEAVES[name]
    if name not in OPS:
        import_module(module)
    return OPS[name]
