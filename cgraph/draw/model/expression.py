"""Formulas in words: what a card computes, and its local gradients, written from the op table's templates.

Separate because it is the only place that knows about brackets. Texts are composed bottom up from the operands' names; one
function, `strength`, tells how tightly a text binds, so no tree of expressions has to be kept. Long texts lose their middle.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from cgraph.draw.model.text import MINUS, superscript
from cgraph.node import Node
from cgraph.op import Formula

LONGEST = 200  # characters an expression may grow to before its middle is left out
SHOWN = 52  # characters a card shows
_INDENT = {"(": 1, "[": 1, ")": -1, "]": -1}
_OPERAND = re.compile(r"\$([a-h])")
_OPENS, _CLOSES, _SUMS = set("(,|["), set("),|]"), set("+−")
_FRACTION = re.compile(r"∂[^\s∂/()·]+/∂[^\s∂/()·]+")  # binds like one symbol
_RAISED = re.compile(r"\^\(([^()]*)\)|\^([\w.]+)")


def strength(text: str) -> int:
    """How tightly a text holds together: 9 a symbol or call, 7 a power or `ln x`, 6 a product, 5 a sign, 4 a sum, 0 words.

    >>> [strength(t) for t in ("w₁", "σ(z)", "w₁x₁", "w·x", "−z", "1 − p", "(a + b)")]
    [9, 9, 9, 6, 5, 4, 9]
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
        if char in "·/⊙⊘×":
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
    """Leaves out the middle of a long text, at spaces where there are some."""
    if len(text) <= limit:
        return text
    head, tail = text[: limit * 2 // 3], text[-(limit // 3) :]
    if " + " in head:
        head = head[: head.rindex(" + ") + 3]
    if " + " in tail:
        tail = tail[tail.index(" + ") :]
    return f"{head.rstrip()} …{tail if tail.startswith(' ') else ' ' + tail}"


def product(factors: Sequence[str], sign: str = "·") -> str:
    """Factors multiplied: ones left out, signs gathered.

    >>> product(["1", "−1", "x₁"]), product(["1"]), product(["a + b", "c"])
    ('−x₁', '1', '(a + b)·c')
    """
    negative, kept = False, []
    for factor in factors:
        if factor.startswith(MINUS) and strength(factor) >= 5:
            negative, factor = not negative, factor[1:]
        if factor != "1":
            kept.append(factor)
    text = sign.join(wrap(f, 6) for f in kept) if len(kept) > 1 else (kept[0] if kept else "1")
    return (MINUS + wrap(text, 5) if negative else text).strip()


def _juxtaposed(a: str, b: str) -> str:
    """`w₁x₁` for symbols, `w·x` for anything longer."""
    short = re.compile(r"[^\W\d_][\u0302-\u0307]?[₀-₉ᵢⱼₖ]+")
    if short.fullmatch(a) and short.fullmatch(b):
        return a + b
    if re.fullmatch(r"\d+(\.\d+)?", a) and (short.fullmatch(b) or (len(b) <= 2 and b.isalpha())):
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
        case "multiply":
            text = _juxtaposed(*operands)
        case "divide":
            text = f"{wrap(operands[0], 6)} {'⊘' if all(big) else '/'} {wrap(operands[1], 7)}"
        case "matmul":
            text = "·".join(wrap(o, 6) for o in operands)
        case "negative":
            text = MINUS + wrap(operands[0], 6)
        case "broadcast_to" | "sum_to" | "cast":
            text = operands[0]
        case "concatenate" | "stack":
            shown = [*operands[:3], "…", operands[-1]] if len(operands) > 4 else operands
            text = f"[{', '.join(shown)}]"
        case "getitem":
            text = f"{wrap(operands[0], 8)}[{_index(node)}]"
        case "transpose" if len(node.shape) == 2:
            text = wrap(operands[0], 8) + "ᵀ"
        case _:
            text = _from_row(node, operands, any(big))
    return text if len(text) <= LONGEST else shorten(text, LONGEST)


def _from_row(node: Node, operands: Sequence[str], big: bool) -> str:
    """By the row's template; activations and losses of tensors by name, `σ(Z)`, as the template would be a wall of text."""
    op = node.op
    if op.family == "reduction" and operands:
        word = "Σ" if op.name == "sum" else op.name
        operand = wrap(operands[0], 7)
        return (
            f"{word}{operand}" if operand.startswith("(") and word != "Σ" else f"{word} {operand}"
        )
    by_name = (
        not op.formula.text or len(operands) > 3 or (big and op.role in ("activation", "loss"))
    )
    if by_name:
        word = (
            op.name.replace("_", " ").replace("bce", "BCE").replace("mse", "MSE")
            if op.role == "loss"
            else op.symbol
        )
        return f"{word}({', '.join(operands)})"
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
        return wrap(operand, 6 if before in _OPENS and after in _SUMS and before + after else 8)

    text = _OPERAND.sub(put, template)
    text = Formula.fill(text, (), wrap(out, 8))
    text = re.sub(
        r"\b(ln|sin|cos|tan|tanh|arcsin|arccos|arctan|sinh|cosh|sign|log) \(", r"\1(", text
    )

    def lift(match: re.Match[str]) -> str:
        inner = match[1] if match[1] is not None else match[2]
        raised = superscript(inner)
        return match[0] if raised.startswith("^") else raised

    return _RAISED.sub(lift, text)


def _index(node: Node) -> str:
    """The index of a getitem, as it is written."""

    def show(part: object) -> str:
        if isinstance(part, slice):
            ends = ["" if p is None else str(p) for p in (part.start, part.stop)]
            return ":".join(ends) + (f":{part.step}" if part.step is not None else "")
        return "…" if part is Ellipsis or not isinstance(part, int | None) else str(part)

    index = node.params.get("index", Ellipsis)
    return ", ".join(map(show, index if isinstance(index, tuple) else (index,)))


def adjoint(node: Node, operands: Sequence[str], out: str) -> str:
    """What an op that is neither elementwise nor a product does with `UPSTREAM` on the way back."""
    match node.op.name:
        case "reshape" | "expand_dims" | "squeeze":
            return "UPSTREAM reshaped"
        case "transpose" | "swapaxes":
            return "(UPSTREAM)ᵀ"
        case "getitem":
            return f"UPSTREAM put at [{_index(node)}]"
        case "concatenate" | "stack":
            return "its part of UPSTREAM"
        case "max" | "min":
            return f"UPSTREAM where {operands[0]} is the {node.op.name}"
        case "cumsum":
            return "running sum of UPSTREAM from the end"
        case "softmax":
            return f"(diag({out}) − {out}·{out}ᵀ) · UPSTREAM"
        case "logsumexp":
            return f"softmax({operands[0]}) ⊙ UPSTREAM"
    return f"{node.op.symbol}′ᵀ(UPSTREAM)"


def partial(node: Node, i: int, operands: Sequence[str], out: str) -> str:
    """The elementwise local gradient of a node with respect to operand `i`; "" when the table has no text for it."""
    if node.op.name == "multiply":
        return operands[1 - i]
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
