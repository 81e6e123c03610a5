"""Formulas in words: what a card computes, and its local gradients, written from the op table's templates.

Separate because it is the only place that knows about brackets. Texts are composed bottom up from the operands' names; one
function, `strength`, tells how tightly a text binds, so no tree of expressions has to be kept. Long texts lose their middle.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise

from cgraph.draw.model import polynomial
from cgraph.draw.model.text import MINUS, SUBSCRIPT, fraction, number, superscript, symbol
from cgraph.graph import order
from cgraph.node import Node
from cgraph.op import Formula

LONGEST = 200  # characters an expression may grow to before its middle is left out
SHOWN = 52  # characters a card shows
_INDENT = {"(": 1, "[": 1, ")": -1, "]": -1}
_OPERAND = re.compile(r"\$([a-h])")
_RAISED = set("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁽⁾")
_OPENS, _CLOSES, _SUMS = set("(,|["), set("),|]"), set("+−")
_COUNTED = set("0123456789₀₁₂₃₄₅₆₇₈₉½⅓¼⅕⅙⅛⅒")  # before a letter: a product without a sign
_FRACTION = re.compile(r"∂[^\s∂/()·]+/∂[^\s∂/()·]+")  # binds like one symbol
_NUMBER_FIRST = re.compile(r"([\d./½⅓¼⅕⅙⅛⅒]+)[·\s](.+)")


def strength(text: str) -> int:
    """How tightly a text holds together: 9 a symbol or call, 7 a power or `ln x`, 6 a product, 5 a sign, 4 a sum, 0 words.

    >>> [strength(t) for t in ("w₁", "σ(z)", "w₁x₁", "2x", "w·x", "−z", "1 − p", "(a + b)")]
    [9, 9, 6, 6, 6, 5, 4, 9]
    """
    text = _FRACTION.sub("∂", text)
    depth, weakest = 0, 9
    for i, char in enumerate(text):
        step = _INDENT.get(char, 0)
        depth += step
        if depth or step:
            continue
        if char in "+−" and (
            (i and text[i - 1] in " )₀₁₂₃₄₅₆₇₈₉") or char == "+" or (i and text[i - 1].isalnum())
        ):
            return 0 if " if " in text else 4
        if char in "·/⊙⊘×" or (char.isalpha() and text[i - 1 : i] in _COUNTED and i):
            weakest = min(weakest, 6)
        elif char == MINUS and i == 0:
            weakest = min(weakest, 5)
        elif char in " ^√":
            weakest = min(weakest, 7)
        elif char in "=<>≤≥≠,":
            return 0
    return 0 if " if " in text else weakest


def wrap(text: str, least: int) -> str:
    """`text`, in brackets when it binds more loosely than its place needs."""
    return text if strength(text) >= least else f"({text})"


def shorten(text: str, limit: int = SHOWN) -> str:
    """Leaves out the middle of a long text: terms of a sum, or else what no longer fits.

    >>> shorten("a·b + c·d + e·f + g·h + i·j", 24), shorten("1 / (a + b·(c + d) + e) − f", 16)
    ('a·b + c·d + … + i·j', '1 / (a + … − f')
    """
    if len(text) <= limit:
        return text
    terms = _terms(text)
    last = terms[-1]
    if len(terms) > 2 and len(terms[0]) + len(last) + 5 <= limit:
        head = terms[0]
        for term in terms[1:-1]:
            if len(head) + len(term) + len(last) + 5 > limit or "…" in term:
                break
            head += term
        return f"{head} + …{last}"
    head, tail = text[: limit * 2 // 3], text[-(limit // 3) :]
    head = head[: head.rindex(" ")] if " " in head else head
    tail = tail[tail.index(" ") :] if " " in tail else f" {tail}"
    return re.sub(
        r"…(?: [+−])?(?: …)+", "…", f"{head} …{tail}"
    )  # where a middle was left out before


def _terms(text: str) -> list[str]:
    """The terms of a sum, each with its sign in front: `["a", " + b", " − c"]`."""
    depth, starts = 0, [0]
    for i, char in enumerate(text):
        depth += _INDENT.get(char, 0)
        if depth == 0 and text[i : i + 3] in (" + ", f" {MINUS} "):
            starts.append(i)
    return [text[a:b] for a, b in pairwise([*starts, len(text)])]


def product(factors: Sequence[str], sign: str = "·") -> str:
    """Factors multiplied: ones left out, signs gathered, numbers multiplied and put in front.

    >>> product(["1", "−1", "x₁"]), product(["1"]), product(["a + b", "c"]), product(["2", "x", "−3"]), product(["1/32", "2·x₂"])
    ('−x₁', '1', '(a + b)·c', '−6x', '1/16 x₂')
    """
    coefficient, kept = Fraction(1), []
    for factor in factors:
        if factor.startswith(MINUS) and strength(factor) >= 5:
            coefficient, factor = -coefficient, factor[1:]
        while lead := _NUMBER_FIRST.fullmatch(factor) if strength(factor) == 6 else None:
            value = polynomial.parsed(lead[1])
            if value is None:
                break
            coefficient, factor = coefficient * value, lead[2]
        value = polynomial.parsed(factor)
        if value is not None:
            coefficient *= value
        else:
            kept.append(factor)
    below = [f[2:] for f in kept if f.startswith("1/") and strength(f[2:]) > 6]
    if below and len(kept) > 1:  # 2e / S, where 2·1/S·e could be read in several ways
        above = product(
            [
                *(["−1"] if coefficient < 0 else []),
                str(abs(coefficient)),
                *(f for f in kept if f[2:] not in below),
            ],
            sign,
        )
        return f"{wrap(above, 6)} / {below[0] if len(below) == 1 else '(' + sign.join(below) + ')'}"
    text = sign.join(wrap(f, 6) for f in kept) if len(kept) > 1 else (kept[0] if kept else "1")
    if abs(coefficient) != 1 and kept:
        text = wrap(text, 6)
    text = polynomial.times(abs(coefficient), text)
    return (MINUS + wrap(text, 5) if coefficient < 0 else text).strip()


def _juxtaposed(a: str, b: str) -> str:
    """`w₁x₁` for symbols, `w·x` for anything longer."""
    short = re.compile(r"[^\W\d_][\u0302-\u0307]?[₀-₉ᵢⱼₖ]+")
    if short.fullmatch(a) and short.fullmatch(b):
        return a + b
    if re.fullmatch(r"\d+(\.\d+)?", a) and re.fullmatch(
        r"[^\W\d_][\u0302-\u0307]?[₀-₉ᵢⱼₖ]*[²³⁴-⁹]?", b
    ):
        return a + b
    return f"{wrap(a, 6)}·{wrap(b, 6)}"


def value(node: Node, operands: Sequence[str]) -> str:
    """What a node computes, over the names of its operands."""
    name, big = node.op.name, [_many(p) for p in node.parents]
    match name:
        case "add":
            a, b = operands
            text = (
                f"{a} {MINUS} {b[1:]}"
                if b.startswith(MINUS) and strength(b) >= 5
                else f"{a} + {wrap(b, 4)}"
            )
        case "subtract":
            text = f"{operands[0]} {MINUS} {wrap(operands[1], 6)}"
        case "multiply" if all(big):
            text = " ⊙ ".join(wrap(o, 6) for o in operands)
        case "multiply" if any(polynomial.parsed(o) is not None for o in operands):
            text = product(operands)
        case "multiply":
            text = _juxtaposed(*operands)
        case "divide":
            text = f"{wrap(operands[0], 6)} {'⊘' if all(big) else '/'} {wrap(operands[1], 7)}"
        case "matmul":
            least = [
                8 if " reshaped" in o else 7 if any(c in o for c in "⊙⊘/") else 6 for o in operands
            ]
            text = "·".join(map(wrap, operands, least))
        case "negative":
            text = MINUS + wrap(operands[0], 6)
        case "broadcast_to" | "sum_to" | "cast":
            text = operands[0]
        case "concatenate":
            shown = [*operands[:3], "…", operands[-1]] if len(operands) > 4 else operands
            text = f"[{', '.join(shown)}]"
        case "getitem":
            text = f"{wrap(operands[0], 8)}[{_index(node)}]"
        case "stable_cross_entropy":  # what is fused
            text = f"CE(softmax{along(node)}({operands[0]}), {operands[1]})"
        case "transpose" if len(node.shape) == 2:
            text = wrap(operands[0], 8) + "ᵀ"
        case _:
            text = _from_row(node, operands, any(big))
    return text if len(text) <= LONGEST else shorten(text, LONGEST)


_CALLED = {  # written by name where a formula would hide which function is meant
    "sigmoid": "σ", "bce": "BCE", "stable_bce": "stable_bce", "stable_bce_slope": "stable_bce_slope", "log1p": "log1p",
    "softplus": "softplus", "log_sigmoid": "log_sigmoid",
}  # fmt: skip


def written(root: Node) -> str:
    """A whole expression over its leaves' names, in one line.

    >>> import cgraph as cg
    >>> z, y = cg.input("z", 1.0), cg.input("y", 1.0)
    >>> written(cg.log(1.0 - cg.sigmoid(z)) - y * z), written(cg.log(1.0 + cg.exp(-z)))
    ('ln(1 − σ(z)) − y·z', 'ln(1 + e⁻ᶻ)')
    """
    texts: dict[Node, str] = {}
    for node in order(root):
        operands = [texts[p] for p in node.parents]
        if node.kind != "op":
            weak = node.kind == "constant" and node.name is None and node.size == 1
            texts[node] = (
                number(node.value.reshape(()).item()) if weak else symbol(node.basename or "")
            )
        elif called := _CALLED.get(node.op.name):
            texts[node] = f"{called}({', '.join(operands)})"
        else:
            texts[node] = value(node, operands)
    return texts[root]


def _from_row(node: Node, operands: Sequence[str], big: bool) -> str:
    """By the row's template; activations and losses of tensors by name, `σ(Z)`, as the template would be a wall of text."""
    op = node.op
    if op.family == "reduction" and operands:
        word = {"sum": "Σ", "prod": "Π"}.get(op.name, op.name) + along(node)
        operand = wrap(operands[0], 9)
        return (
            f"{word}({operand})"
            if operand[0] != "(" and word[0] not in "ΣΠ"
            else f"{word} {operand}".replace(" (", "(")
        )
    by_name = (
        not op.formula.text or len(operands) > 3 or (big and op.role in ("activation", "loss"))
    )
    if by_name:
        if op.name == "stable_bce":  # what is fused
            return f"BCE(σ({operands[0]}), {operands[1]})"
        return f"{op.name.upper() if op.role == 'loss' else op.symbol + along(node)}({', '.join(operands)})"
    return fill(op.formula.text, operands)


def fill(template: str, operands: Sequence[str], out: str = "out") -> str:
    """A template with names put in, brackets only where they are needed, exponents raised.

    >>> fill("1 / (1 + e^(−$a))", ["z"]), fill("ln $a", ["1 − p̂"]), fill("$out(1−$out)", ["z"], "p̂")
    ('1 / (1 + e⁻ᶻ)', 'ln(1 − p̂)', 'p̂(1−p̂)')
    """

    def put(match: re.Match[str]) -> str:
        operand = operands[ord(match[1]) - ord("a")]
        before, after = (
            template[: match.start()].rstrip()[-1:],
            template[match.end() :].lstrip()[:1],
        )
        if (not before and not after) or (before in _OPENS and after in _CLOSES):
            return operand
        if operand[-1:] in _RAISED and after and (after in _RAISED or after == "^"):
            return f"({operand})"  # no exponent on an exponent
        return wrap(operand, 6 if before in _OPENS and after in _SUMS and before + after else 8)

    text = _OPERAND.sub(put, template)
    text = Formula.fill(text, (), wrap(out, 8))
    text = re.sub(
        r"\b(ln|sin|cos|tan|tanh|arcsin|arccos|arctan|sinh|cosh|sign|log) \(", r"\1(", text
    )

    return lifted(text)


def lifted(text: str) -> str:
    """Exponents raised; where there is no small form of a character, `e^` is written exp( )."""
    at = text.find("^")
    while at >= 0:
        end = _closing(text, at + 1)
        inner = text[at + 1 : end]
        bare = inner[1:-1] if inner.startswith("(") else inner
        raised = superscript(bare)
        natural = text[at - 1 : at] == "e" and not text[at - 2 : at - 1].isalnum()
        if bare and not raised.startswith("^"):
            text, at = text[:at] + raised + text[end:], at + len(raised)
        elif natural and bare:
            text, at = f"{text[: at - 1]}exp({bare}){text[end:]}", at + 3
        else:
            at += 1
        at = text.find("^", at)
    return text


def _closing(text: str, start: int) -> int:
    """Where an exponent that starts here ends: behind its bracket, or behind its word."""
    if text[start : start + 1] != "(":
        match = re.compile(r"[\w.\u0302-\u0308]*").match(text, start)
        return match.end() if match else start
    depth = 0
    for i in range(start, len(text)):
        depth += _INDENT.get(text[i], 0)
        if depth == 0:
            return i + 1
    return len(text)


def along(node: Node) -> str:
    """The axes of a reduction, as a small index: Σ₁ sums along axis 1. Nothing where all axes are meant.

    >>> import cgraph as cg, numpy as np
    >>> X = cg.parameter("X", np.ones((2, 3)))
    >>> along(cg.sum(X, axis=1)), along(cg.sum(X))
    ('₁', '')
    """
    axes = node.params.get("axes", node.params.get("axis"))
    if node.op.name == "broadcast_to":
        axes = _repeated(node)
    axes = axes if isinstance(axes, tuple) else () if axes is None else (axes,)
    whole = node.parents[0].ndim if node.op.name != "broadcast_to" else node.ndim
    meant = [i for i in axes if node.op.name == "broadcast_to" or node.parents[0].shape[i] != 1]
    long = [
        n for n in (node if node.op.name == "broadcast_to" else node.parents[0]).shape if n != 1
    ]
    if whole < 2 or len(meant) == len(long) or not meant:
        return "" if node.op.name not in ("softmax", "cumsum") or whole < 2 else _small(axes)
    return _small(meant)


def _small(axes: Sequence[int]) -> str:
    return ",".join(str(i) for i in axes).translate(SUBSCRIPT)


def _repeated(node: Node) -> tuple[int, ...]:
    """Along which axes a broadcast repeats its operand."""
    before = node.parents[0].shape
    before = (1,) * (node.ndim - len(before)) + tuple(before)
    return tuple(
        i for i, (a, b) in enumerate(zip(before, node.shape, strict=True)) if a == 1 and b != 1
    )


def _index(node: Node) -> str:
    """The index of a getitem, as it is written."""

    def show(part: object) -> str:
        if isinstance(part, slice):
            ends = ["" if p is None else str(p) for p in (part.start, part.stop)]
            return ":".join(ends) + (f":{part.step}" if part.step is not None else "")
        return "…" if part is Ellipsis or not isinstance(part, int | None) else str(part)

    index = node.params.get("index", Ellipsis)
    return ", ".join(map(show, index if isinstance(index, tuple) else (index,)))


# What a text of an op may ask of the node: see `Formula.adjoint`.
_FACTS: dict[str, Callable[[Node], str]] = {
    "$small": lambda node: along(node),
    "$index": lambda node: _index(node),
    "$part": lambda node: fraction_of(node),
}


def adjoint(node: Node, operands: Sequence[str], out: str) -> str:
    """What an op that is neither elementwise nor a product does with `UPSTREAM` on the way back, as its formula says."""
    text = node.op.formula.adjoint
    if not text:
        return f"{node.op.symbol}′ᵀ(UPSTREAM)"
    for sign, fact in _FACTS.items():
        text = text.replace(sign, fact(node)) if sign in text else text
    return fill(text, operands, out)


def fraction_of(node: Node) -> str:
    """What a mean divides by, `¼`, or 1/m where the size is open."""
    whole, left = node.parents[0].size, node.size
    return fraction(whole // left) if whole and left else "1/m"


def partial(node: Node, i: int, operands: Sequence[str], out: str) -> str:
    """The elementwise local gradient of a node with respect to operand `i`; "" when the table has no text for it."""
    if node.op.name == "multiply":
        return operands[1 - i]
    exponent = polynomial.parsed(operands[1]) if node.op.name == "power" and i == 0 else None
    if exponent is not None:
        return product([polynomial.spelled(exponent), _power(operands[0], exponent - 1)])
    texts = node.op.formula.partials
    template = texts[i] if i < len(texts) else None
    if not template:
        return ""
    text = fill(template, operands, out)
    if _many(node):
        for name in (out, *operands):
            text = text.replace(f"{name}(1−{name})", f"{name} ⊙ (1−{name})")
        text = re.sub(r"\)\s*/\s*", ") ⊘ ", text) if all(_many(p) for p in node.parents) else text
    return text


def _many(node: Node) -> bool:
    return any(n != 1 for n in node.shape)


def _power(base: str, exponent: Fraction) -> str:
    if exponent in (0, 1):
        return "1" if exponent == 0 else base
    raised = superscript(polynomial.spelled(exponent))
    base = f"({base})" if base[-1:] in _RAISED else base
    return (
        f"{wrap(base, 8)}{raised}"
        if not raised.startswith("^")
        else f"{wrap(base, 8)}^({number(float(exponent))})"
    )
