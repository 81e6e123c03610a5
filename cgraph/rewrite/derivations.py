"""The article's formula cards, derived: from the textbook's cross-entropy to the stable forms, one rule a line.

Each derivation is a list of expressions in z and y, each obtained from the one before it by an equation; some hold on one side of z = 0. The
rules are applied by the machinery that rewrites graphs: a line that its rule does not give cannot be built. The gallery can draw them
(`Derivation.lines`), ``print`` writes them down, and the tests hold every line against the first, to twenty-five digits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from cgraph.errors import CgraphError
from cgraph.node import Node
from cgraph.ops.elementwise import abs as absolute, exp, log, log1p, maximum, sigmoid, softplus
from cgraph.ops.losses import bce, stable_bce, stable_bce_slope
from cgraph.rewrite.pattern import Match, peel, wildcards
from cgraph.rewrite.rule import Rule, Rules, rewrite
from cgraph.rewrite.text import expression

x, y, z, p, a, b = wildcards("x y z p a b")


class Line(NamedTuple):
    """One line: an expression, and the rule that gave it; the first line has none.

    Attributes:
        expression: a node over the leaves z and y.
        by: what the rule says, in words.
        rule: the rule.
    """

    expression: Node
    by: str = ""
    rule: Rule | None = None

    def __str__(self) -> str:
        return expression(self.expression)


class Derivation(NamedTuple):
    """A chain of equal expressions.

    Attributes:
        name, title: what it derives.
        lines: the first is where it starts, the last what was wanted.
        over: between which bounds of z it holds.
    """

    name: str
    title: str
    lines: tuple[Line, ...]
    over: tuple[float, float] = (-30.0, 30.0)

    def __str__(self) -> str:
        width = max(len(str(line)) for line in self.lines)
        rows = [
            f"{'= ' if k else '  '}{line!s:{width}}   {line.by}".rstrip()
            for k, line in enumerate(self.lines)
        ]
        return "\n".join([self.title, *rows])


def derive(
    name: str, title: str, start: Node, rules: list[Rule], over: tuple[float, float] = (-30.0, 30.0)
) -> Derivation:
    """Apply one rule after the other, everywhere it matches in the line before, and keep every line.

    Raises:
        CgraphError: when a rule does not match.

    >>> print(derive("sigmoid", "The sigmoid", sigmoid(z), [SIGMOID]))
    The sigmoid
      sigmoid(z)
    = 1 / (1 + exp(-z))   the sigmoid, written out
    """
    lines = [Line(start)]
    for rule in rules:
        (new,), steps = rewrite([lines[-1].expression], Rules([rule]), once=True)
        if not steps:
            raise CgraphError(f"{name}: {rule.name!r} does not match in {lines[-1]}")
        lines.append(Line(new, rule.name, rule))
    return Derivation(name, title, tuple(lines), over)


def _sign_of_x(sign: int) -> Callable[[Match], bool]:
    def when(match: Match) -> bool:
        return peel(match.wildcards[x]).sign == sign

    return when


# Equations, read from left to right; beside these the stability rules.
TEXTBOOK = Rule(
    "the cross-entropy, written out", bce(p, y), -(y * log(p) + (1.0 - y) * log(1.0 - p))
)
SIGMOID = Rule("the sigmoid, written out", sigmoid(x), 1.0 / (1.0 + exp(-x)))
OTHER = Rule("the probability of the other class", 1.0 - sigmoid(x), sigmoid(-x))
LOG = Rule(
    "the logarithm of a reciprocal is minus the logarithm", log(sigmoid(x)), -log(1.0 + exp(-x))
)
SIGNS = Rule("the signs meet", -(y * (-a) + (1.0 - y) * (-b)), y * a + (1.0 - y) * b)
SOFTPLUS = Rule("ln(1 + eˣ) is softplus", log(1.0 + exp(x)), softplus(x))
REFLECTED = Rule(
    "eᶻ taken out: it would overflow",
    log(1.0 + exp(x)),
    x + log(1.0 + exp(-x)),
    when=_sign_of_x(1),
)
REFLECTED_LOW = Rule(
    "e⁻ᶻ taken out: it would overflow",
    log(1.0 + exp(x)),
    x + log(1.0 + exp(-x)),
    when=_sign_of_x(-1),
)
GATHERED = Rule("y and 1 − y of the same make one", y * a + (1.0 - y) * (x + a), (1.0 - y) * x + a)
GATHERED_LOW = Rule("y and 1 − y of the same make one", y * (-x + a) + (1.0 - y) * a, a - y * x)
OPENED = Rule("the bracket opened", (1.0 - y) * x + a, x - y * x + a)
EITHER = Rule(
    "where z is positive, z is max(z, 0) and |z|",
    x - y * x + log(1.0 + exp(-x)),
    maximum(x, 0.0) - y * x + log(1.0 + exp(-absolute(x))),
)
EITHER_LOW = Rule(
    "where z is negative, 0 is max(z, 0) and −z is |z|",
    log(1.0 + exp(x)) - y * x,
    maximum(x, 0.0) - y * x + log(1.0 + exp(-absolute(x))),
)
LOG1P = Rule("1 + s would round s away", log(1.0 + x), log1p(x))
FUSED = Rule("one node", maximum(x, 0.0) - y * x + log1p(exp(-absolute(x))), stable_bce(x, y))
CANCELLED = Rule("what the loss divides by, the sigmoid multiplies", a / b * b, a)
SPLIT = Rule(
    "without a difference where y is 0 or 1",
    sigmoid(x) - y,
    (1.0 - y) * sigmoid(x) - y * sigmoid(-x),
)
SLOPE = Rule("one node", (1.0 - y) * sigmoid(x) - y * sigmoid(-x), stable_bce_slope(x, y))

_START = bce(sigmoid(z), y)
_TO_LOGS = [TEXTBOOK, OTHER, LOG, SIGNS]
_s = sigmoid(z)

DERIVATIONS = {
    d.name: d
    for d in (
        derive("softplus-form", "The loss from the logit, by softplus", _START, [*_TO_LOGS, SOFTPLUS]),
        derive("positive-logits", "The loss for z ≥ 0: nothing overflows", _START, [*_TO_LOGS, REFLECTED, GATHERED, OPENED, EITHER], (0.0, 30.0)),
        derive("negative-logits", "The loss for z < 0: nothing overflows", _START, [*_TO_LOGS, REFLECTED_LOW, GATHERED_LOW, EITHER_LOW], (-30.0, -1e-3)),
        derive("fused-loss", "From the stable form to the fused node", maximum(z, 0.0) - y * z + log(1.0 + exp(-absolute(z))), [LOG1P, FUSED]),
        derive("fused-gradient", "The gradient past the sigmoid: σ(z) − y", (_s - y) / (_s * (1.0 - _s)) * (_s * (1.0 - _s)), [CANCELLED, SPLIT, SLOPE]),
    )
}  # fmt: skip
