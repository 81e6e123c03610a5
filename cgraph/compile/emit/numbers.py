"""How an operation is written on Python's numbers.

Values of one entry are Python floats in generated code. Python refuses what NumPy answers with inf or nan (1/0, exp(1000), log(0)); the
program is then run once more with NumPy's numbers and functions under the same names (`CAREFUL`), which gives what an evaluation
of the graph gives. Comparisons are written so that a NaN goes where NumPy sends it.
"""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np

TEMPLATES: dict[str, str] = {
    "add": "{0} + {1}",
    "subtract": "{0} - {1}",
    "multiply": "{0} * {1}",
    "divide": "{0} / {1}",
    "negative": "-{0}",
    "square": "{0} * {0}",
    "reciprocal": "1.0 / {0}",
    "power": "math.pow({0}, {1})",
    "maximum": "({0} if {0} >= {1} or {0} != {0} else {1})",
    "minimum": "({0} if {0} <= {1} or {0} != {0} else {1})",
    "fmin": "({0} if {0} <= {1} or {1} != {1} else {1})",
    "absolute": "math.fabs({0})",
    "sign": "(math.copysign(1.0, {0}) if {0} < 0.0 or {0} > 0.0 else {0})",
    "copysign": "math.copysign({0}, {1})",
    "isfinite": "math.isfinite({0})",
    "isnan": "{0} != {0}",
    "less": "{0} < {1}",
    "less_equal": "{0} <= {1}",
    "greater": "{0} > {1}",
    "greater_equal": "{0} >= {1}",
    "equal": "{0} == {1}",
    "not_equal": "{0} != {1}",
    "logical_and": "{0} and {1}",
    "logical_or": "{0} or {1}",
    "logical_not": "not {0}",
    "select": "({1} if {0} else {2})",
    "cast": "float({0})",
    **{name: f"math.{name}({{0}})" for name in
       ("sqrt", "exp", "expm1", "log", "log1p", "sin", "cos", "tan", "sinh", "cosh", "tanh")},
    # Python has these, too, but not with NumPy's answers everywhere.
    **{name: f"float(numpy.{name}({{0}}))" for name in
       ("floor", "ceil", "trunc", "rint", "log2", "log10", "exp2", "cbrt", "arcsinh", "arccosh", "arctanh")},
    **{name: f"float(numpy.{name}({{0}}, {{1}}))" for name in ("fmax", "fmod", "remainder", "hypot", "arctan2")},
    "erfc": "math.erfc({0})",
    "isinf": "bool(numpy.isinf({0}))",
    "arcsin": "math.asin({0})",
    "arccos": "math.acos({0})",
    "arctan": "math.atan({0})",
}  # fmt: skip
# With a literal on the right a NaN can only come from the left, which takes one comparison less.
WITH_LITERAL: dict[str, str] = {
    "maximum": "({1} if {0} < {1} else {0})",
    "minimum": "({1} if {0} > {1} else {0})",
    "fmin": "({0} if {0} < {1} else {1})",
}

FAST: dict[str, Any] = {
    "math": math,
    "numpy": np,
    "float": float,
    "entries": lambda array: array.ravel().tolist(),
}
CAREFUL: dict[str, Any] = {
    "math": SimpleNamespace(
        pow=np.power,
        fabs=np.abs,
        asin=np.arcsin,
        acos=np.arccos,
        atan=np.arctan,
        erfc=math.erfc,
        **{
            name: getattr(np, name)
            for name in "sqrt exp expm1 log log1p sin cos tan sinh cosh tanh copysign isfinite".split()
        },
    ),
    "numpy": np,
    "float": np.float64,
    "entries": lambda array: list(array.ravel()),
}


# How tightly an expression holds together: of a sum, a product, a minus sign, a name or a call.
SUM, PRODUCT, SIGN, ATOM = 1, 2, 3, 4
BINDING = {
    "add": SUM, "subtract": SUM, "multiply": PRODUCT, "divide": PRODUCT, "reciprocal": PRODUCT, "negative": SIGN,
}  # fmt: skip
# Operands that stand in the text once, so that an expression may stand there.
ONCE = frozenset({"add", "subtract", "multiply", "divide", "reciprocal", "negative", "power", "copysign", "select"}) | {
    op for op, text in TEMPLATES.items() if text.startswith("math.") and text.count("{") == 1
}  # fmt: skip


def written(op: str, operands: list[tuple[str, int]], literal_right: bool) -> tuple[str, int]:
    """An operation on numbers as a Python expression, with how tightly it holds together; the operands come likewise."""
    template = (WITH_LITERAL.get(op) if literal_right else None) or TEMPLATES[op]
    binding = BINDING.get(op)
    if binding is None:
        if op != "select" and not template.startswith("math."):
            operands = [(text if b == ATOM else f"({text})", ATOM) for text, b in operands]
        loose = not template.startswith(("math.", "(", "float("))
        return template.format(*[text for text, _ in operands]), 0 if loose else ATOM
    texts = []
    for i, (text, b) in enumerate(operands):
        # On the right of a minus or a quotient, and to keep the order of additions, equals need brackets, too.
        tight = b > binding or (b == binding and i == 0 and op not in ("reciprocal", "negative"))
        texts.append(text if tight else f"({text})")
    return template.format(*texts), binding


def spelled(number: float) -> str:
    """A literal as Python source."""
    if math.isfinite(number):
        return repr(number) if number >= 0 and math.copysign(1.0, number) > 0 else f"({number!r})"
    return "nan" if number != number else "inf" if number > 0 else "(-inf)"
