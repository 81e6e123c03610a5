"""Everything a picture says in characters: numbers, symbols, shapes, matrices.

Separate from the layout because the same words appear in the PNG, the HTML player, the terminal tree and Mermaid, and because a
number that is shown wrongly is the worst bug a teaching picture can have: this file is small enough to be tested exhaustively.
Nothing here knows about DOT or HTML except `escape`; nothing here rounds a *stored* value, only its text.
"""

from __future__ import annotations

import math
import re
import unicodedata
from html import escape as _html_escape
from typing import Any

import numpy as np

MINUS = "\u2212"
TIMES = "\u00d7"
SUPERSCRIPT = str.maketrans("0123456789+-\u2212()=nix", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁽⁾⁼ⁿⁱˣ")
SUBSCRIPT = str.maketrans(
    "0123456789+-\u2212()aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₋₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ"
)
_RAISABLE = frozenset("0123456789+-\u2212()nixyzabcdefghjklmoprstuvw")
_RAISED_LETTERS = str.maketrans("abcdefghijklmnoprstuvwxyz", "ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ")
_LOWERABLE = frozenset("0123456789aehijklmnoprstuvx")
_ACCENTS = {"hat": "\u0302", "bar": "\u0304", "tilde": "\u0303", "dot": "\u0307"}
_GREEK = {
    name: chr(code)
    for name, code in {
        "alpha": 0x3B1, "beta": 0x3B2, "gamma": 0x3B3, "delta": 0x3B4, "epsilon": 0x3B5, "theta": 0x3B8,
        "kappa": 0x3BA, "lambda": 0x3BB, "mu": 0x3BC, "rho": 0x3C1, "sigma": 0x3C3, "tau": 0x3C4, "phi": 0x3C6,
        "omega": 0x3C9,
    }.items()
}  # fmt: skip
FRACTIONS = {2: "½", 3: "⅓", 4: "¼", 5: "⅕", 6: "⅙", 8: "⅛", 10: "⅒"}
_SYMBOL = re.compile(
    r"(?P<base>[^\W\d_]{1,3}|[^\W\d_]+(?=_))(?:_(?P<accent>hat|bar|tilde|dot))?"
    r"(?:_?(?P<sub>\d{1,4})|_(?P<letters>\d*[a-z]{1,2}\d*))?(?:__(?P<sup>\w{1,6}))?"
)


def number(value: Any, precision: int = 3) -> str:
    """`value` with at most `precision` decimals, trailing zeros cut; scientific below 10⁻³ and from 10⁴.

    >>> [number(v) for v in (0.5, 0.6931471, -0.0, 2.1e-7, -12345.0, float("nan"), float("-inf"))]
    ['0.5', '0.693', '0', '2.1·10⁻⁷', '−1.234·10⁴', 'NaN', '−∞']
    """
    if isinstance(value, np.ndarray):
        value = value.reshape(()).item()
    if isinstance(value, bool | np.bool_):
        return "1" if value else "0"
    if isinstance(value, int | np.integer) and abs(int(value)) < 10**6:
        return str(int(value)).replace("-", MINUS)
    value = float(value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return MINUS + "∞" if value < 0 else "∞"
    if value == 0:
        return "0"
    if 10.0 ** -min(precision, 3) <= abs(value) < 1e4:
        text = _trim(f"{value:.{precision}f}")
    else:
        mantissa, exponent = f"{value:.{precision}e}".split("e")
        text = f"{_trim(mantissa)}·10{str(int(exponent)).translate(SUPERSCRIPT)}"
    return text.replace("-", MINUS)


def parse_number(text: str) -> float:
    """The inverse of `number`, up to its rounding: what a test reads back from a picture.

    >>> parse_number("−2.1·10⁻⁷")
    -2.1e-07
    """
    text = text.replace(MINUS, "-").replace("∞", "inf").replace("NaN", "nan")
    if "·10" in text:
        mantissa, exponent = text.split("·10")
        raised = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
        return float(mantissa + "e" + exponent.translate(raised))
    return float(text)


def _trim(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def fraction(count: int) -> str:
    """`1/count` as a mathematician writes it: ¼, or 1/150 when there is no such character."""
    return FRACTIONS.get(count, f"1/{count}") if count != 1 else "1"


def count(n: int) -> str:
    """A number of things, with thousands separated: `2,074`."""
    return f"{n:,}"


def shape(dims: tuple[int | None, ...]) -> str:
    """`2×4` for a matrix, `3` for a vector; an open size is `?`. A scalar has none."""
    return (
        TIMES.join("?" if d is None else str(d) for d in dims)
        if len(dims) != 1
        else f"({dims[0]},)"
    )


def clean(text: str, limit: int = 28) -> str:
    """User text made printable: no control characters or line breaks, not longer than `limit`.

    >>> clean("a" + chr(10) + "b")
    'a b'
    """
    text = text[: 4 * limit] if len(text) > 4 * limit else text
    text = "".join(c if c.isprintable() or unicodedata.combining(c) else " " for c in text)
    text = " ".join(text.split())
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    if any(unicodedata.bidirectional(c) in ("R", "AL") for c in text):
        text = f"\u200e{text}\u200e"  # or a right-to-left name swaps the number beside it
    return text


def symbol(name: str) -> str:
    """A name as mathematics: `w_1` and `w1` are w₁, `W_12__1` is W₁₂⁽¹⁾, `p_hat` is p̂. Words stay words.

    >>> [symbol(n) for n in ("w1", "W_12__1", "p_hat", "theta_0", "learning_rate", "<lambda>")]
    ['w₁', 'W₁₂⁽¹⁾', 'p̂', 'θ₀', 'learning_rate', '<lambda>']
    """
    match = _SYMBOL.fullmatch(name)
    if match is None:
        return _GREEK.get(name, clean(name) or "·")
    base, accent, sub, letters, sup = match.group("base", "accent", "sub", "letters", "sup")
    if letters and (len(base) > 3 or not set(letters) <= _LOWERABLE) and base not in _GREEK:
        return clean(name)
    text = _GREEK.get(base, base)
    if accent:
        text = unicodedata.normalize("NFC", text[0] + _ACCENTS[accent]) + text[1:]
    text += (sub or letters or "").translate(SUBSCRIPT)
    return text + (superscript(f"({sup})") if sup else "")


def superscript(text: str) -> str:
    """`text` raised, when every character of it can be; otherwise `^text`."""
    if set(text.lower()) <= _RAISABLE and text == text.lower():
        return text.translate(SUPERSCRIPT).translate(_RAISED_LETTERS)
    return "^" + text


def matrix(array: np.ndarray[Any, Any], precision: int = 3) -> list[str]:
    """The rows of a matrix with its brackets, columns aligned, one text per row; big ones are elided with ⋮ ⋯ ⋱.

    >>> matrix(np.array([[0, 0, 1, 1], [0, 1, 0, 1]]))
    ['⎡ 0 0 1 1 ⎤', '⎣ 0 1 0 1 ⎦']
    >>> matrix(np.array([[0.1, 0.6]]))
    ['[ 0.1 0.6 ]']
    """
    grid = array.reshape(1, -1) if array.ndim < 2 else array.reshape(-1, array.shape[-1])
    rows, columns = _kept(grid.shape[0], 4), _kept(grid.shape[1], 6)
    cells = [[_cell(grid, r, c, precision) for c in columns] for r in rows]
    widths = [max(len(row[c]) for row in cells) for c in range(len(columns))]
    lines = [" ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) for row in cells]
    if len(lines) == 1:
        return [f"[ {lines[0]} ]"]
    ends = [("⎡", "⎤"), *[("⎢", "⎥")] * (len(lines) - 2), ("⎣", "⎦")]
    return [f"{left} {line} {right}" for line, (left, right) in zip(lines, ends, strict=True)]


def _kept(size: int, most: int) -> list[int | None]:
    """Indices that are shown; None stands for the dots."""
    return list(range(size)) if size <= most else [0, 1, None, size - 1]


def _cell(grid: np.ndarray[Any, Any], r: int | None, c: int | None, precision: int) -> str:
    if r is None:
        return "⋮" if c is not None else "⋱"
    return "⋯" if c is None else number(grid[r, c], precision)


def summary(array: np.ndarray[Any, Any], precision: int = 3) -> list[str]:
    """A large array in two lines: its range, and eight bars that show how its entries are distributed."""
    finite = array[np.isfinite(array)] if array.dtype.kind == "f" else array.ravel()
    if finite.size == 0:
        return ["all NaN or ∞"]
    low, middle, high = (float(f(finite.astype(float))) for f in (np.min, np.mean, np.max))
    parts = [
        f"{w} {number(v, precision)}" for w, v in (("min", low), ("mean", middle), ("max", high))
    ]
    if finite.size < array.size:
        parts.append(f"{count(array.size - finite.size)} not finite")
    lines = [" · ".join(parts)]
    if high > low and math.isfinite(high - low):
        bins, _ = np.histogram(finite.astype(float), bins=8)
        lines.append("".join("▁▂▃▄▅▆▇█"[int(7 * b / max(int(bins.max()), 1))] for b in bins))
    return lines


def tensor(array: np.ndarray[Any, Any], precision: int = 3) -> list[str]:
    """An array as lines of monospaced text: the number, the matrix, or a summary above 64 entries."""
    if array.size == 0:
        return ["(empty)"]
    if array.size == 1:
        return [number(array.reshape(()).item(), precision)]
    if array.size > 64 or array.ndim > 2:
        return summary(array, precision)
    return matrix(array, precision)


def width(words: str, size: float, bold: bool = False) -> float:
    """An upper estimate of the width of a text in DejaVu Sans, in points."""
    total = 0.0
    for char in words:
        if unicodedata.combining(char):
            continue
        total += (
            0.4
            if char in "iIlj.,:;'|! ft()[]⁻¹"
            else 1.0
            if char in "mwMW…⊙→←"
            else 0.84
            if char in "∂×−+=<>≤≥"
            else 0.66
        )
        total += 0.1 if char.isupper() else 0.0
    return total * size * (1.14 if bold else 1.03)


def escape(text: str) -> str:
    """Text made safe inside HTML or SVG."""
    return _html_escape(text, quote=True)
