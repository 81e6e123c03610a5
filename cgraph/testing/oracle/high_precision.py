"""Fifty digits: mpmath's derivative of one elementwise op at one entry, the last reference for a reduced case.

Only where mpmath is installed and knows the op; it shares nothing with NumPy, so it also judges the complex step. The functions here are
definitions, never derivatives: mpmath differentiates them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

DIGITS = 50


def _functions(mp: Any) -> dict[str, Any]:
    def softplus(x: Any) -> Any:
        return mp.log(1 + mp.exp(x))

    def bce(p: Any, y: Any) -> Any:
        return -(y * mp.log(p) + (1 - y) * mp.log(1 - p))

    return {
        "add": lambda a, b: a + b, "subtract": lambda a, b: a - b, "multiply": lambda a, b: a * b, "divide": lambda a, b: a / b,
        "negative": lambda x: -x, "power": lambda a, b: a**b, "square": lambda x: x * x, "sqrt": mp.sqrt, "reciprocal": lambda x: 1 / x,
        "exp": mp.exp, "expm1": mp.expm1, "log": mp.log, "log1p": mp.log1p, "sin": mp.sin, "cos": mp.cos, "tan": mp.tan, "arcsin": mp.asin,
        "arccos": mp.acos, "arctan": mp.atan, "sinh": mp.sinh, "cosh": mp.cosh, "tanh": mp.tanh, "sigmoid": lambda x: 1 / (1 + mp.exp(-x)),
        "softplus": softplus, "bce": bce, "stable_bce": lambda z, y: y * softplus(-z) + (1 - y) * softplus(z),
        "mse": lambda p, y: (p - y) ** 2 / 2, "tanh_slope": lambda x: 1 / mp.cosh(x) ** 2,
    }  # fmt: skip


def fifty_digits(mismatch: Any) -> Any:
    """What the wrong edge should return at the wrong element, as an mpf; None where mpmath cannot tell.

    >>> import cgraph as cg
    >>> from cgraph import testing
    >>> with testing.plant("exp/0:off by 1e-9"):
    ...     report = testing.check_gradients(cg.exp(cg.parameter("x", 1.0)))
    >>> exact = fifty_digits(report.mismatch)
    >>> exact is None or abs(exact - report.mismatch.expected) < 1e-14
    True
    """
    node = mismatch.node
    if (
        mismatch.kind != "local"
        or node is None
        or node.op.family != "elementwise"
        or mismatch.upstream is None
        or mismatch.operand is None
    ):
        return None
    try:
        import mpmath
    except ModuleNotFoundError:
        return None
    function = _functions(mpmath.mp).get(node.op.name)
    if function is None:
        return None
    k = mismatch.element
    operands = [
        np.broadcast_to(np.asarray(p.value, np.float64), np.shape(mismatch.got_array))
        for p in node.parents
    ]
    with mpmath.workdps(DIGITS):
        point = [mpmath.mpf(float(x[k])) for x in operands]

        def along(x: Any) -> Any:
            return function(*(x if i == mismatch.operand else p for i, p in enumerate(point)))

        try:
            return mpmath.diff(along, point[mismatch.operand]) * mpmath.mpf(
                float(np.asarray(mismatch.upstream)[k])
            )
        except (ValueError, ZeroDivisionError):
            return None
