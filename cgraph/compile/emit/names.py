"""Names in generated source: every value gets one that a reader can follow back to the graph."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping

from cgraph.compile.ir import ELEMENTWISE, Value

# What generated code uses itself.
RESERVED = frozenset(ELEMENTWISE) | frozenset(
    """math float numpy inf nan workspace outputs buffers start stop range epoch epochs every costs entries copyto where dot matmul
    full""".split()
)
# Names of values that the user has not named, by what they are.
SHORT = {
    "sum": "total", "max": "top", "min": "bottom", "matmul": "product", "index": "part", "join": "joined", "exp": "e", "reciprocal": "r",
}  # fmt: skip
# The same where the operands have names that say something: ``minus_Z1``, ``one_minus_Y``.
SPOKEN = {
    "negative": "minus_{}", "square": "{}_squared", "reciprocal": "one_over_{}", "sqrt": "root_{}", "log": "log_{}", "transpose": "{}_T",
    "add": "{}_plus_{}", "subtract": "{}_minus_{}", "multiply": "{}_{}", "divide": "{}_over_{}", "matmul": "{}{}",
    "minimum": "{}_held", "maximum": "{}_held", "fmin": "{}_held",
}  # fmt: skip
HELD = ("minimum", "maximum", "fmin")
LONGEST = 14
NUMBERS = {0.0: "zero", 1.0: "one", 2.0: "two", -1.0: "minus_one", 0.5: "half"}


def number_name(number: float) -> str:
    """What an array that holds one number is called."""
    return NUMBERS.get(number) or f"_{number:g}".replace("-", "minus_").replace(".", "_").replace(
        "+", ""
    )


def spoken(value: Value, named: Mapping[Value, str]) -> str:
    """A name for a value that has none: its hint, or one made of the names of its operands; "t" where those say nothing."""
    op = value.op
    if value.hint or not value.args:
        return value.hint or "t"
    if op == "matmul" and value.args[1].literal == 1.0:
        op = "sum"
    short = SHORT.get(op, "t")
    first = _said(value.args[0], named)
    if op == "exp":
        return "e" + "".join(re.findall(r"\d+", first)[-1:])
    if op in ("reshape", "sum"):
        name = re.sub("_(flat|row|column)$", "", first)
        end = "_sum" if op == "sum" else _layout(value)
        return name + end if name and len(name) + len(end) <= LONGEST else short
    if op == "matmul":
        texts = [
            re.sub("_(flat|row|column)$", "", _said(a, named)).replace("_T", "T")
            for a in value.args
        ]
    elif op in HELD:
        texts = [first] if value.args[1].literal is not None else [""]
    else:
        texts = [
            first if op == "negative" else _said_alone(value, i, named)
            for i in range(len(value.args))
        ]
    name = SPOKEN.get(op, "").format(*texts)
    return name if all(texts) and len(name) <= LONGEST and name.isidentifier() else short


def _said(value: Value, named: Mapping[Value, str]) -> str:
    """What a value is called, if that says something."""
    name = named.get(value, "")
    return "" if re.fullmatch(r"t(_\d+)?", name) else name


def _said_alone(value: Value, i: int, named: Mapping[Value, str]) -> str:
    """An operand as one word of a name: a number that has a word, or a name that is not made of others."""
    arg = value.args[i]
    if arg.literal is not None:
        return (
            NUMBERS.get(arg.literal, "")
            if i == 0
            else f"{arg.literal:g}"
            if arg.literal in (1.0, 2.0)
            else ""
        )
    name = _said(arg, named)
    return "" if "_" in re.sub(r"_\d+$", "", name) else name


def _layout(value: Value) -> str:
    """What has become of an array that was reshaped."""
    shape = value.shape
    if len(shape) < 2:
        return "_flat" if shape else ""
    return "_row" if shape[0] == 1 else "_column" if shape[-1] == 1 else "_reshaped"


class Names:
    """Hands out identifiers, each once."""

    def __init__(self) -> None:
        self.taken: dict[str, int] = {}

    def fresh(self, wish: str) -> str:
        """An identifier as near to the wish as may be."""
        name = re.sub(r"\W", "_", wish) or "t"
        if name[0].isdigit():
            name = "_" + name
        if keyword.iskeyword(name) or name in RESERVED:
            name += "_"
        count = self.taken.get(name, 0)
        self.taken[name] = count + 1
        if count:
            return self.fresh(f"{name}_{count}")
        return name
