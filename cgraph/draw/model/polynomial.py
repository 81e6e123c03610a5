"""Sums of products of scalars, simplified for reading: `3·3·x³⁻¹ − 2·2·x + 1` is 9x² − 4x + 1.

Separate because it is the only algebra in the drawings, and a small one: a polynomial is a mapping from monomials to coefficients.
A card that computes one has its local gradients written as polynomials too, where that is shorter than the chain of its ops.
The numbers beside the texts never come from here: those are the engine's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction

from cgraph.draw.model import text
from cgraph.node import Node

Monomial = tuple[tuple[str, int], ...]  # ((name, power), ...), in the order of names
Polynomial = dict[Monomial, Fraction]
MOST_TERMS, HIGHEST = 8, 9
_SYMBOL = re.compile(r"[^\W\d_][̂-̈]?[₀-₉ᵢⱼₖ]*")


def of(nodes: Sequence[Node], names: Mapping[Node, str]) -> Polynomial | None:
    """What the last of these nodes computes, over the names of everything that is not among them; None when it is no polynomial."""
    inside = set(nodes)
    found: dict[Node, Polynomial] = {}
    for node in nodes:
        if node.shape or any(p.shape for p in node.parents):
            return None
        operands = [found[p] if p in inside else leaf(p, names) for p in node.parents]
        made = _apply(node, operands)
        if made is None or len(made) > MOST_TERMS or _degree(made) > HIGHEST:
            return None
        found[node] = made
    return found[nodes[-1]]


def leaf(node: Node, names: Mapping[Node, str]) -> Polynomial:
    """A number, or a name."""
    if node.kind == "constant" and node.name is None:
        return constant(Fraction(str(float(node.value))))
    return {((names[node], 1),): Fraction(1)}


def constant(value: Fraction) -> Polynomial:
    return {(): value} if value else {}


def _apply(node: Node, operands: Sequence[Polynomial]) -> Polynomial | None:
    match node.op.name:
        case "add":
            return add(*operands)
        case "subtract":
            return add(operands[0], multiply(constant(Fraction(-1)), operands[1]))
        case "negative":
            return multiply(constant(Fraction(-1)), operands[0])
        case "multiply":
            return multiply(*operands)
        case "square":
            return multiply(operands[0], operands[0])
        case "divide" if set(operands[1]) == {()}:
            return multiply(operands[0], constant(1 / operands[1][()]))
        case "power" if set(operands[1]) <= {()}:
            n = operands[1].get((), Fraction(0))
            if n.denominator != 1 or not 0 <= n <= HIGHEST:
                return None
            made = constant(Fraction(1))
            for _ in range(int(n)):
                made = multiply(made, operands[0])
                if len(made) > MOST_TERMS:
                    return None
            return made
    return None


def add(a: Polynomial, b: Polynomial) -> Polynomial:
    total = dict(a)
    for monomial, coefficient in b.items():
        total[monomial] = total.get(monomial, Fraction(0)) + coefficient
    return {m: c for m, c in total.items() if c}


def multiply(a: Polynomial, b: Polynomial) -> Polynomial:
    made: Polynomial = {}
    for left, x in a.items():
        for right, y in b.items():
            powers = dict(left)
            for name, n in right:
                powers[name] = powers.get(name, 0) + n
            made = add(made, {tuple(powers.items()) if left else right: x * y})
    return _sorted(made)


def _sorted(p: Polynomial) -> Polynomial:
    """Each monomial with its names in one order, so that x·w and w·x meet."""
    made: Polynomial = {}
    for monomial, coefficient in p.items():
        key = tuple(sorted(monomial))
        made[key] = made.get(key, Fraction(0)) + coefficient
    return {m: c for m, c in made.items() if c}


def derivative(p: Polynomial, name: str) -> Polynomial:
    """With respect to one name.

    >>> x = {(("x", 1),): Fraction(1)}
    >>> show(derivative(multiply(x, multiply(x, x)), "x"))
    '3x²'
    """
    made: Polynomial = {}
    for monomial, coefficient in p.items():
        n = dict(monomial).get(name, 0)
        if n:
            lower = tuple((m, k - (m == name)) for m, k in monomial if m != name or k > 1)
            made = add(made, {lower: coefficient * n})
    return made


def _degree(p: Polynomial) -> int:
    return max((sum(k for _, k in monomial) for monomial in p), default=0)


def show(p: Polynomial) -> str:
    """As it is written, highest powers first.

    >>> show({(("x", 2),): Fraction(9), (("x", 1),): Fraction(-4), (): Fraction(1)})
    '9x² − 4x + 1'
    """
    if not p:
        return "0"
    words = ""
    for monomial, coefficient in sorted(
        p.items(), key=lambda item: (-sum(k for _, k in item[0]), item[0])
    ):
        size = times(abs(coefficient), _product(monomial))
        sign = text.MINUS if coefficient < 0 else "+"
        words += f" {sign} {size}" if words else (sign if sign != "+" else "") + size
    return words


def _product(monomial: Monomial) -> str:
    factors = [name + (str(k).translate(text.SUPERSCRIPT) if k > 1 else "") for name, k in monomial]
    short = all(_SYMBOL.fullmatch(name) for name, _ in monomial)
    return ("" if short and len(factors) < 4 else "·").join(factors) or "1"


def times(coefficient: Fraction, rest: str) -> str:
    """A number in front of a product: 9x², ½x, 3·rate; a fraction that has no character of its own stands apart.

    >>> times(Fraction(3), "x²"), times(Fraction(1, 2), "x"), times(Fraction(1), "x"), times(Fraction(2), "1"), times(Fraction(1, 32), "x")
    ('3x²', '½x', 'x', '2', '1/32 x')
    """
    if coefficient == 1:
        return rest
    words = spelled(coefficient)
    if rest == "1":
        return words
    if "/" in words:
        return f"{words} {rest}"
    monomial = re.fullmatch(rf"({_SYMBOL.pattern}[²³⁴-⁹]?){{1,3}}", rest)
    return (
        f"{words}{rest}"
        if monomial
        else f"{words} {rest}"
        if words in text.FRACTIONS.values()
        else f"{words}·{rest}"
    )


def spelled(value: Fraction) -> str:
    """A number as it stands in a formula: whole, a simple fraction, or decimals."""
    if value.denominator == 1:
        return str(value.numerator).replace("-", text.MINUS)
    if abs(value.numerator) == 1 and (
        value.denominator in text.FRACTIONS or value.denominator % 5 or value.denominator % 2
    ):
        return (text.MINUS if value < 0 else "") + text.fraction(value.denominator)
    if value.denominator <= 12 and value.denominator not in (2, 4, 5, 8, 10):
        return f"{value.numerator}/{value.denominator}".replace("-", text.MINUS)
    return text.number(float(value), 6)


def parsed(words: str) -> Fraction | None:
    """The number that a text is, if it is nothing else: the inverse of `spelled`.

    >>> parsed("½"), parsed("−1/32"), parsed("0.5"), parsed("x")
    (Fraction(1, 2), Fraction(-1, 32), Fraction(1, 2), None)
    """
    sign, words = (-1, words[1:]) if words.startswith(text.MINUS) else (1, words)
    for n, character in text.FRACTIONS.items():
        if words == character:
            return Fraction(sign, n)
    number = r"(\d{1,12}(?:\.\d{1,12})?)"
    found = re.fullmatch(f"{number}(?:/{number})?", words)
    if found and (found[2] is None or float(found[2])):
        return sign * Fraction(found[1]) / Fraction(found[2] or 1)
    return None
