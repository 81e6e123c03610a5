"""Graphs evaluated far beyond double precision: the yardstick of the accuracy report.

The arrays hold `Wide` numbers, which are mpmath's under NumPy's names, so that most forwards of the derivative tables run on them as they
stand, those that others have added too. The few that need more than arithmetic have their textbook definition here: at hundreds of digits
it is exact. Precision is doubled until two evaluations agree. What cannot be evaluated like this is named, and taken as it was computed.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from cgraph.graph import order
from cgraph.node import Node

START, MOST = 50, 800  # digits
AGREED = 1e-22  # relative difference of two evaluations that is none


class Wide:
    """A number of many digits that NumPy can compute with."""

    __slots__ = ("v",)

    def __init__(self, v: Any) -> None:
        self.v = v

    def __getattr__(self, name: str) -> Any:
        function = _UNARY.get(name)
        if function is None:
            raise AttributeError(name)
        return lambda: Wide(_real(getattr(_mp(), function)(self.v)))

    def __float__(self) -> float:
        return float(self.v)

    def __bool__(self) -> bool:
        return bool(self.v)

    def __neg__(self) -> Wide:
        return Wide(-self.v)

    def __abs__(self) -> Wide:
        return Wide(abs(self.v))

    def conjugate(self) -> Wide:
        return self


_UNARY = {
    "exp": "exp", "expm1": "expm1", "log": "log", "log1p": "log1p", "sqrt": "sqrt", "sin": "sin", "cos": "cos", "tan": "tan",
    "arcsin": "asin",
    "arccos": "acos", "arctan": "atan", "sinh": "sinh", "cosh": "cosh", "tanh": "tanh", "arcsinh": "asinh", "arccosh": "acosh",
    "arctanh": "atanh", "cbrt": "cbrt", "floor": "floor", "ceil": "ceil", "rint": "nint",
}  # fmt: skip


def _mp() -> Any:
    import mpmath

    return mpmath.mp


def _real(v: Any) -> Any:
    """Complex results are no results here."""
    mp = _mp()
    return v if isinstance(v, mp.mpf) else mp.nan


def _number(x: Any) -> Any:
    if isinstance(x, Wide):
        return x.v
    return _mp().mpf(float(x))


def _quotient(a: Any, b: Any) -> Any:
    if b == 0:
        mp = _mp()
        return mp.nan if a == 0 or a != a else mp.inf if a > 0 else -mp.inf
    return a / b


def _binary(function: Callable[[Any, Any], Any]) -> tuple[Any, Any]:
    def forward(self: Wide, other: Any) -> Wide:
        return Wide(_real(function(self.v, _number(other))))

    def backward(self: Wide, other: Any) -> Wide:
        return Wide(_real(function(_number(other), self.v)))

    return forward, backward


def _compare(function: Callable[[Any, Any], bool]) -> Any:
    return lambda self, other: bool(function(self.v, _number(other)))


def _to_the(a: Any, b: Any) -> Any:
    if a == 0 and b < 0:
        return _mp().inf
    return a**b


_ARITHMETIC: dict[str, Any] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "truediv": _quotient, "pow": _to_the,
}  # fmt: skip
for _name, _function in _ARITHMETIC.items():
    _forward, _backward = _binary(_function)
    setattr(Wide, f"__{_name}__", _forward)
    setattr(Wide, f"__r{_name}__", _backward)
for _name in ("lt", "le", "gt", "ge", "eq", "ne"):
    setattr(Wide, f"__{_name}__", _compare(getattr(operator, _name)))
Wide.__hash__ = object.__hash__  # type: ignore[method-assign]


# --- definitions ------------------------------------------------------------------------------------------------------------------


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def _softplus(x: Any) -> Any:
    return np.log(1 + np.exp(x))


def _total(x: Any, axes: Any) -> Any:
    return np.add.reduce(x, axis=axes, keepdims=True)


def _softmax(x: Any, axes: Any) -> Any:
    e = np.exp(x)
    return e / _total(e, axes)


def _logsumexp(x: Any, axes: Any, keepdims: bool = False) -> Any:
    total: Any = _total(np.exp(x), axes)
    return np.log(total if keepdims else np.squeeze(total, axes))


def _selected(condition: Any, a: Any, b: Any) -> Any:
    return np.where(np.asarray(condition, bool), a, b)


DEFINITIONS: dict[str, Callable[..., Any]] = {
    "sigmoid": _sigmoid, "sigmoid_slope": lambda x: _sigmoid(x) * _sigmoid(-x), "softplus": _softplus,
    "log_sigmoid": lambda x: -_softplus(-x),
    "tanh": np.tanh, "tanh_slope": lambda x: 1 / np.square(np.cosh(x)), "relu": lambda x: np.maximum(x, 0),
    "logit": lambda p: np.log(p / (1 - p)),
    "log1mexp": lambda x: np.log(1 - np.exp(x)), "logaddexp": lambda a, b: np.log(np.exp(a) + np.exp(b)),
    "logaddexp_slope": lambda a, b: _sigmoid(a - b),
    "stable_bce": lambda z, y: y * _softplus(-z) + (1 - y) * _softplus(z), "stable_bce_slope": lambda z, y: _sigmoid(z) - y,
    "pos_weighted_bce": lambda z, y, w: w * y * _softplus(-z) + (1 - y) * _softplus(z),
    "pos_weighted_bce_slope": lambda z, y, w: (1 - y) * _sigmoid(z) - w * y * _sigmoid(-z),
    "softmax": _softmax, "logsumexp": _logsumexp, "log_softmax": lambda x, axes: x - _logsumexp(x, axes, True),
    "stable_cross_entropy": lambda x, y, axes: np.add.reduce(y * (_logsumexp(x, axes, True) - x), axis=axes),
    "cross_entropy_slope": lambda x, y, axes: _softmax(x, axes) * _total(y, axes) - y,
    "step": lambda a, b: _selected(a > b, 1, _selected(a == b, 0.5, 0)), "where": _selected, "hypot": lambda a, b: np.sqrt(a * a + b * b),
    "cast": lambda x, dtype: x, "stop_gradient": lambda x: x,
    "count": lambda x, axes: float(np.prod([np.shape(x)[i] for i in axes], dtype=np.int64)),
}  # fmt: skip


def widened(value: Any) -> Any:
    """An array of floats as an array of `Wide` numbers; truth values and whole numbers as they are."""
    array = np.asarray(value)
    if array.dtype.kind != "f":
        return array
    mp = _mp()
    result = np.empty(array.shape, object)
    result[...] = (
        np.frompyfunc(lambda x: Wide(mp.mpf(float(x))), 1, 1)(array) if array.size else array
    )
    return result


_WIDEN = np.frompyfunc(lambda x: x if isinstance(x, Wide) else Wide(_number(x)), 1, 1)


def narrowed(value: Any) -> Any:
    array = np.asarray(value)
    return array.astype(np.float64) if array.dtype == object else array


def exact_values(
    roots: Iterable[Node], leaves: Mapping[Node, Any]
) -> tuple[dict[Node, Any], list[Node]]:
    """The values of everything below the roots, as arrays of `Wide` numbers, and the nodes that could not be evaluated exactly.

    Args:
        roots: nodes.
        leaves: the values of inputs and parameters.

    Returns:
        ``(values, named)``. The value of a node in `named` is the one that float64 gives for exact operands.
    """
    import mpmath

    nodes = order(*roots)
    digits = START
    with mpmath.workdps(digits):
        before, named = _evaluated(nodes, leaves)
    while True:
        digits *= 2
        with mpmath.workdps(digits):
            after, named = _evaluated(nodes, leaves)
            if digits >= MOST:
                return after, named
            if all(_agree(before[n], after[n]) for n in nodes):
                if not any(_absorbed(n, after) for n in nodes):
                    return after, named
                digits = MOST // 2  # twice that is all there is
        before = after


def _evaluated(nodes: list[Node], leaves: Mapping[Node, Any]) -> tuple[dict[Node, Any], list[Node]]:
    values: dict[Node, Any] = {}
    named: list[Node] = []
    for node in nodes:
        if not node.parents:
            values[node] = widened(leaves[node] if node in leaves else node._value)
            continue
        operands = [values[p] for p in node.parents]
        forward = DEFINITIONS.get(node.op.name, node.op.forward)
        with np.errstate(all="ignore"):
            try:
                value = np.asarray(forward(*operands, **node.params))
                if (
                    node.dtype.kind == "f"
                    and value.dtype.kind == "O"
                    and not all(isinstance(x, Wide | int | float) for x in value.ravel()[:1])
                ):
                    raise TypeError
                if node.dtype.kind == "f":
                    value = value if value.dtype == object else widened(value)
                    value = np.frompyfunc(
                        lambda x: x if isinstance(x, Wide) else Wide(_number(x)), 1, 1
                    )(value)
                    value = np.asarray(value, object)
            except Exception:
                named.append(node)
                value = widened(node.op.forward(*[narrowed(x) for x in operands], **node.params))
        values[node] = value
    return values, named


def _absorbed(node: Node, values: Mapping[Node, Any]) -> bool:
    """Whether a 0 came out of what is not 0: of 1 - (1 - tiny), at too few digits, both evaluations make nothing."""
    if (
        node.op.name not in ("add", "subtract", "log", "sum", "mean")
        or values[node].dtype != object
    ):
        return False
    nothing = np.array([w.v == 0 for w in values[node].ravel()], bool)
    if not nothing.any():
        return False
    operands = [
        np.array([w.v == 0 for w in values[p].ravel()], bool)
        for p in node.parents
        if values[p].dtype == object
    ]
    return not all(x.all() for x in operands)


def _agree(a: Any, b: Any) -> bool:
    if a.dtype != object:
        return True
    for x, y in zip(a.ravel(), b.ravel(), strict=True):
        u, v = x.v, y.v
        if not (u == v or (u != u and v != v) or abs(u - v) <= AGREED * abs(v)):
            return False
    return True
