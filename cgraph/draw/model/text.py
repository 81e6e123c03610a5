"""Everything a picture says in characters: numbers, symbols, shapes, matrices.

Separate from the layout because the same words appear in the PNG, the HTML player, the terminal tree and Mermaid, and because a
number that is shown wrongly is the worst bug a teaching picture can have: this file is small enough to be tested exhaustively.
Nothing here knows about DOT or HTML except `escape`; nothing here rounds a *stored* value, only its text.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Sequence
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
ACCENTS = {"hat": "\u0302", "bar": "\u0304", "tilde": "\u0303", "dot": "\u0307"}
_GREEK = {
    name: chr(code)
    for name, code in {
        "alpha": 0x3B1, "beta": 0x3B2, "gamma": 0x3B3, "delta": 0x3B4, "epsilon": 0x3B5, "theta": 0x3B8,
        "kappa": 0x3BA, "lambda": 0x3BB, "mu": 0x3BC, "rho": 0x3C1, "sigma": 0x3C3, "tau": 0x3C4, "phi": 0x3C6,
        "omega": 0x3C9, "eps": 0x3B5, "eta": 0x3B7, "zeta": 0x3B6, "nu": 0x3BD, "xi": 0x3BE, "pi": 0x3C0, "chi": 0x3C7, "psi": 0x3C8,
    }.items()
}  # fmt: skip
FRACTIONS = {2: "½", 3: "⅓", 4: "¼", 5: "⅕", 6: "⅙", 8: "⅛", 10: "⅒"}
_HUGE = 1e6  # beside ordinary numbers: a mask, such as −10⁹
_SYMBOL = re.compile(
    rf"(?P<base>[^\W\d_]{{1,3}}|{'|'.join(_GREEK)}|[^\W\d_]+(?=_))(?:_(?P<accent>hat|bar|tilde|dot))?"
    r"(?:_?(?P<sub>\d{1,4})|_(?P<letters>\d*[a-z]{1,2}\d*))?(?:__(?P<sup>\w{1,6}))?"
)


def number(value: Any, precision: int = 3) -> str:
    """`value` with at most `precision` decimals; scientific below 10⁻³ and from 10⁴.

    Zeros at the end are cut from a number that is shown whole, and kept where it was rounded: 0.5 is a half, 0.500 nearly one.

    >>> [number(v) for v in (0.5, 0.50004, 0.6931471, -0.0, 2.1e-7, 1e-9, -12345.0, float("nan"), float("-inf"))]
    ['0.5', '0.500', '0.693', '0', '2.1·10⁻⁷', '10⁻⁹', '−1.234·10⁴', 'NaN', '−∞']
    """
    if isinstance(value, np.ndarray):
        value = value.reshape(())[()]
    noise = float(np.finfo(value.dtype).eps) if isinstance(value, np.floating) else 1e-16
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
        text = _trim(f"{value:.{precision}f}", value, noise)
    else:
        mantissa, exponent = f"{value:.{precision}e}".split("e")
        power = f"10{str(int(exponent)).translate(SUPERSCRIPT)}"
        if abs(int(exponent)) < 300:
            mantissa = _trim(mantissa, value / 10.0 ** int(exponent), noise)
        else:
            mantissa = _trim(mantissa)
        text = {"1": power, "-1": f"-{power}"}.get(mantissa, f"{mantissa}·{power}")
    return text.replace("-", MINUS)


def parse_number(text: str) -> float:
    """The inverse of `number`, up to its rounding: what a test reads back from a picture.

    >>> parse_number("−2.1·10⁻⁷")
    -2.1e-07
    """
    text = text.replace(MINUS, "-").replace("∞", "inf").replace("NaN", "nan")
    power = re.fullmatch(r"(-?)(?:([\d.]+)·)?10([⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+)", text)
    if power:
        raised = power[3].translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-"))
        return float(f"{power[1]}{power[2] or 1}e{raised}")
    return float(text)


def same(value: float, shown: str, precision: int = 3, slack: float = 0.50001) -> bool:
    """Whether `value`, rounded to the decimals of the picture, is the number that is shown, with `slack` in units of the last.

    >>> same(0.4998, "0.500"), same(0.51, "0.5"), same(2.1e-7, "2.1·10⁻⁷")
    (True, False, True)
    """
    if not math.isfinite(value):
        return number(value) == shown
    power = re.search(r"10[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+$", shown)
    unit = 10.0**-precision * (parse_number(power[0]) if power else 1.0)
    return abs(value - parse_number(shown)) <= slack * unit


def enough(
    values: Sequence[Any],
    combine: Callable[[Sequence[float]], float],
    shown: str,
    precision: int = 3,
) -> list[str] | None:
    """`values` written with as many digits, up to two more than `precision`, as it takes for `combine` of what is written to be the
    number that is shown; None where that is not enough, and "≈" belongs in place of "=".

    >>> enough([0.0914, 0.0914], sum, "0.183"), enough([0.123456, 1000.0], math.prod, "123.456")
    (['0.0914', '0.0914'], None)
    """
    exact = combine([float(value) for value in values])
    for digits in range(precision, precision + 3):
        words = [number(value, digits) for value in values]
        given = combine([parse_number(w) for w in words])
        # Half-way between two numbers a reader takes either, unless that is where the whole lies.
        slack = 0.50001 if math.isclose(given, exact, rel_tol=1e-9) else 0.49999
        if same(given, shown, precision, slack):
            return words
    return None


def bracketed(words: str) -> str:
    """A negative number in brackets, to stand after another sign."""
    return f"({words})" if words.startswith(MINUS) else words


def _trim(text: str, value: float | None = None, noise: float = 0.0) -> str:
    """Zeros at the end cut, unless `value` was rounded to get this text, by more than its own rounding errors."""
    short = text.rstrip("0").rstrip(".") if "." in text else text
    exact = value is None or abs(float(short) - value) <= max(1e-12, 4 * noise) * abs(value)
    return short if exact else text


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
        text = unicodedata.normalize("NFC", text[0] + ACCENTS[accent]) + text[1:]
    text += (sub or letters or "").translate(SUBSCRIPT)
    return text + (superscript(f"({sup})") if sup else "")


def superscript(text: str) -> str:
    """`text` raised, when every character of it can be; otherwise `^text`."""
    if set(text.lower()) <= _RAISABLE and text == text.lower():
        return text.translate(SUPERSCRIPT).translate(_RAISED_LETTERS)
    return "^" + text


def matrix(array: np.ndarray[Any, Any], precision: int = 3) -> list[str]:
    """The rows of a matrix with its brackets, one text per row; big ones are elided with ┊ ⋯.

    One format for all entries: as many decimals as the one that needs most of them, aligned on the point, zeros kept. Where the
    largest entry is below 0.01 or from 10⁴, a power of ten stands before the brackets.

    >>> matrix(np.array([[0, 0, 1, 1], [0, 1, 0, 1]]))
    ['⎡ 0 0 1 1 ⎤', '⎣ 0 1 0 1 ⎦']
    >>> matrix(np.array([[0.125, 0.5, -12.0]]))
    ['[ 0.125 0.500 −12.000 ]']
    >>> matrix(np.array([[-0.000545, 0.0063]]))
    ['10⁻³ · [ −0.545 6.300 ]']
    """
    grid = array.reshape(1, -1) if array.ndim < 2 else array.reshape(-1, array.shape[-1])
    rows, columns = _kept(grid.shape[0], 4), _kept(grid.shape[1], 6)
    shown = [grid[r, c] for r in rows if r is not None for c in columns if c is not None]
    exponent, decimals = _format(
        shown, precision, float(np.finfo(grid.dtype).eps) if grid.dtype.kind == "f" else 0.0
    )
    cells = [[_cell(grid, r, c, exponent, decimals) for c in columns] for r in rows]
    lines = [
        " ".join(line)
        for line in zip(*(_aligned(column) for column in zip(*cells, strict=True)), strict=True)
    ]
    if len(lines) == 1:
        whole = [f"[ {lines[0]} ]"]
    else:
        ends = [("⎡", "⎤"), *[("⎢", "⎥")] * (len(lines) - 2), ("⎣", "⎦")]
        whole = [f"{left} {line} {right}" for line, (left, right) in zip(lines, ends, strict=True)]
    if not exponent:
        return whole
    power = f"10{str(exponent).translate(SUPERSCRIPT)} · "
    return [
        (power if i == (len(whole) - 1) // 2 else " " * len(power)) + line
        for i, line in enumerate(whole)
    ]


def _format(entries: Sequence[Any], precision: int, noise: float) -> tuple[int, int]:
    """The power of ten outside, and the decimals, that suit all of these numbers."""
    finite = [abs(float(x)) for x in entries if math.isfinite(x)]
    largest = max(finite, default=0.0)
    small = [x for x in finite if x < 1e4]
    if largest >= _HUGE and 0.01 <= max(
        small, default=0.0
    ):  # a mask: what is masked stands by itself
        finite, largest = small, max(small)
    if all(x == int(x) for x in finite) and largest < 1e6:
        return 0, 0
    exponent = 0
    if not 0.01 <= largest < 1e4:
        exponent = math.floor(math.log10(largest))
    scaled = [
        x / 10.0**exponent if exponent > -300 else x * 1e300 / 10.0 ** (exponent + 300)
        for x in finite
    ]
    needed = [len(_trim(f"{x:.{precision}f}", x, noise).partition(".")[2]) for x in scaled]
    return exponent, max(needed, default=0)


def _kept(size: int, most: int) -> list[int | None]:
    """Indices that are shown; None stands for the dots."""
    return list(range(size)) if size <= most else [0, 1, None, size - 1]


def _cell(
    grid: np.ndarray[Any, Any], r: int | None, c: int | None, exponent: int, decimals: int
) -> str:
    if r is None:
        return "┊" if c is not None else "⋯"  # of the monospaced face, which has no ⋮
    if c is None:
        return "⋯"
    value = float(grid[r, c])
    if not math.isfinite(value) or (exponent == 0 and abs(value) >= _HUGE):
        return number(value, 0)
    value = value / 10.0**exponent if exponent > -300 else value * 1e300 / 10.0 ** (exponent + 300)
    text = f"{value:.{decimals}f}"
    return (text[1:] if not float(text) and text.startswith("-") else text).replace("-", MINUS)


def _aligned(column: Sequence[str]) -> list[str]:
    """Cells of one width, their points one above the other."""
    after = max((len(cell.partition(".")[2]) for cell in column if "." in cell), default=-1)
    padded = [
        cell if "." in cell or cell[-1] not in "0123456789" else cell + " " * (after + 1)
        for cell in column
    ]
    width = max(map(len, padded))
    return [cell.rjust(width) for cell in padded]


def summary(array: np.ndarray[Any, Any], precision: int = 3) -> list[str]:
    """A large array in two lines: its range, and eight bars that show how its entries are distributed."""
    finite = array[np.isfinite(array)] if array.dtype.kind == "f" else array.ravel()
    if finite.size == 0:
        return ["all NaN or ∞"]
    low, middle, high = (float(f(finite.astype(float))) for f in (np.min, np.mean, np.max))
    if abs(middle) < 1e-14 * max(abs(low), abs(high)):  # what rounding leaves of a mean of zero
        middle = 0.0
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


def course(values: Sequence[Any], precision: int = 3) -> str:
    """How a number changes from step to step: the first, bars, the last.

    >>> course([0.25, 0.5, 1.0])
    '0.25 ▂▄█ 1'
    """
    shown = [float(v) for v in values]
    finite = [v for v in shown if math.isfinite(v)]
    top = max(finite, default=0.0) or 1.0
    step = -(-len(shown) // 40)  # of a long series, every so many
    bars = "".join(
        "▁▂▃▄▅▆▇█"[min(7, max(0, round(8 * v / top) - 1))] if math.isfinite(v) else "?"
        for v in shown[::step]
    )
    return f"{number(shown[0], precision)} {bars} {number(shown[-1], precision)}"


def tensor(array: np.ndarray[Any, Any], precision: int = 3) -> list[str]:
    """An array as lines of monospaced text: the number, the matrix, or a summary above 64 entries."""
    if array.size == 0:
        return ["(empty)"]
    if array.size == 1:
        return [number(array.reshape(()).item(), precision)]
    if array.size > 64 or array.ndim > 2:
        return summary(array, precision)
    return matrix(array, precision)


def escape(text: str) -> str:
    """Text made safe inside HTML or SVG."""
    return _html_escape(text, quote=True)
