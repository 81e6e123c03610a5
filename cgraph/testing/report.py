"""What a check answers, as plain data: the verdict, what is wrong and where, and both as text.

`str(report)` shows the case as it was checked and does nothing else. `report.describe()` and `report.save()` look for the smallest case
that fails in the same way, which takes checks of its own: hypothesis fails a hundred times on its way to a small example, and nobody
looks at those.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np


class Verdict(StrEnum):
    """PASS; FAIL; KINK: on a kink, by the documented convention; DOMAIN: no finite derivative here; INCONCLUSIVE: rounding is too large."""

    PASS = "PASS"
    FAIL = "FAIL"
    KINK = "KINK"
    DOMAIN = "DOMAIN"
    INCONCLUSIVE = "INCONCLUSIVE"

    __str__ = str.__str__

    def __repr__(self) -> str:
        return f"<Verdict.{self.name}: {self.value!r}>"


@dataclass
class Mismatch:
    """What is wrong, and where.

    Attributes:
        kind: "local" (a local gradient, backwards), "forward" (the same, forwards), "accumulation" (the sum of right shares), "driver"
            (what was handed on is not upstream x local), "graph" (the rule over nodes), "argument" (of a function), "contract"
            (shape or dtype), "mutation", "error" (it raises).
        node: the node whose op is wrong; for an accumulation, the node whose gradient is wrong.
        parent, operand: the other end of the edge.
        element: index of the entry shown by `got` and `expected`.
        got_array, expected_array: all entries, where they are known.
        tolerance: how far `got` may be from `expected`, and its derivation in words.
    """

    kind: str
    name: str = ""
    node: Any = None
    parent: Any = None
    operand: int | None = None
    element: tuple[int, ...] = ()
    got: Any = None
    expected: Any = None
    got_array: Any = None
    expected_array: Any = None
    upstream: Any = None
    tolerance: float = 0.0
    reason: str = ""
    hint: str = ""
    sentence: str = ""
    label: str = ""  # of the argument of a function
    source: str = ""  # where `expected` comes from, if not from what the report says

    @classmethod
    def on_edge(cls, kind: str, node: Any, operand: int, **facts: Any) -> Mismatch:
        """A mismatch of the edge from a node back to one of its operands."""
        return cls(kind, node.label, node, node.parents[operand], operand, **facts)

    def show(self, got: Any, expected: Any) -> None:
        """Keep both arrays, and point to the entry in which they differ most; to none where their shapes differ."""
        self.got_array, self.expected_array = got, expected
        if np.shape(got) == np.shape(expected):
            self.element = worst(got, expected)
            self.got, self.expected = got[self.element], expected[self.element]

    @property
    def op(self) -> str:
        """The name of the op that is wrong, or of the function."""
        return self.node.op.name if self.node is not None else self.name

    def headline(self, names: Any) -> str:
        """One line: op, node, edge."""
        if self.node is None:
            where = "" if self.operand is None else f", {self.label or f'argument {self.operand}'}"
            return f"function {self.name!r}{where}"
        line = f"op {self.op!r}, node {names(self.node)}"
        if self.parent is not None:
            line += f", edge {names(self.node)} -> {names(self.parent)} (operand {self.operand})"
        return line

    def lines(self, source: str = "complex step") -> list[str]:
        """What is wrong, both values, the likely mistake, the upstream and the tolerance, a line each."""
        lines = [self.sentence] if self.sentence else []
        if self.got is not None and self.expected is not None:
            where = f"element {list(self.element)}: " if self.element else "value: "
            through = ", through this op alone" if self.node is not None else ""
            expected = f"{number(self.expected)} ± {self.tolerance:.1g}"
            lines.append(
                f"{where}got {number(self.got)}   expected {expected} ({self.source or source}{through})"
            )
            if 1 < np.size(self.got_array) <= 256 and np.shape(self.got_array) == np.shape(
                self.expected_array
            ):
                lines.append(f"got      {short(self._from_element(self.got_array))}")
                lines.append(f"expected {short(self._from_element(self.expected_array))}")
        if self.hint and self.hint != self.sentence:
            lines.append(f"looks like: {self.hint}")
        if self.upstream is not None:
            lines.append(f"upstream {np.shape(self.upstream)}: {short(self.upstream)}")
        if self.got is not None:
            why = f": {self.reason}" if self.reason else ""
            lines.append(f"tolerance used {self.tolerance:.2g}{why}")
        return lines

    def _from_element(self, array: Any) -> Any:
        """Small arrays whole; of large ones, the entries from the wrong one on."""
        array = np.asarray(array)
        if array.size <= 12 or not self.element:
            return array
        return np.roll(array.ravel(), -int(np.ravel_multi_index(self.element, array.shape)))


def default_directory() -> Path:
    """Where pictures and reproductions go when nothing else is said: $CGRAPH_ARTIFACTS, or .cgraph."""
    return Path(os.environ.get("CGRAPH_ARTIFACTS") or ".cgraph")


def worst(got: Any, expected: Any) -> tuple[int, ...]:
    """Where two arrays differ most; NaN first."""
    off = np.abs(np.asarray(got) - np.asarray(expected))
    if not off.size:
        return ()
    at = np.unravel_index(int(np.argmax(np.where(np.isnan(off), np.inf, off))), off.shape)
    return tuple(int(k) for k in at)


def number(x: Any) -> str:
    return f"{float(x):.17g}" if x is not None else "?"


def short(array: Any, limit: int = 12) -> str:
    """An array in at most two lines."""
    array = np.asarray(array)
    if array.size <= limit:
        return np.array2string(
            array, precision=6, separator=", ", floatmode="maxprec", max_line_width=10**6
        ).replace("\n", "")
    head = ", ".join(f"{x:.6g}" for x in array.ravel()[:6].tolist())
    return f"[{head}, … {array.size - 6} more]"


@dataclass
class Report:
    """The answer of `check_gradients`. `print(report)` says what was found and where; `.ok` is False for FAIL alone.

    Attributes:
        verdict, why: the verdict and its reason in words.
        mismatch: what is wrong and where, for FAIL.
        notes: what else there is to know of how it was checked.
        got, expected, tolerance: the comparison that decided, ⟨g, d⟩ against ⟨w, J d⟩.
        second: what finite differences said, where they were asked: value and error.
        failure: the smallest case that fails in the same way, worked out when it is asked for (`failure.message.Failure`).
    """

    subject: Any
    seed: int = 0
    verdict: Verdict = Verdict.PASS
    why: str = ""
    mismatch: Mismatch | None = None
    notes: list[str] = field(default_factory=list)
    got: float = 0.0
    expected: float = 0.0
    tolerance: float = 0.0
    second: Any = None
    failure: Any = None

    def settle(self, verdict: Verdict, why: str, mismatch: Mismatch | None) -> None:
        self.verdict, self.why, self.mismatch = verdict, why, mismatch
        self.notes = [*self.notes, *self.subject.notes]

    def compared(self, got: float, expected: float, tolerance: float) -> None:
        self.got, self.expected, self.tolerance = got, expected, tolerance

    @property
    def blame(self) -> Mismatch | None:
        """`mismatch`, by its older name."""
        return self.mismatch

    @property
    def ok(self) -> bool:
        return self.verdict is not Verdict.FAIL

    def table(self) -> str:
        """The comparison in figures: what the code under test says of the whole gradient, what the reference says, and the bound."""
        rows = [("got ⟨g, d⟩", self.got), ("expected ⟨w, J d⟩", self.expected), ("difference", abs(self.got - self.expected)),
                ("tolerance", self.tolerance)]  # fmt: skip
        if self.second is not None:
            rows += [("by differences", self.second.value), ("  their error", self.second.error)]
        return "\n".join(f"{name:20} {value: .17g}" for name, value in rows)

    def __str__(self) -> str:
        if self.mismatch is None or self.ok:
            first, lines = self.subject.name + (f": {self.why}" if self.why else ""), []
        else:
            first = self.mismatch.headline(self.subject.name_of) + (
                f"   [{self.why}]" if self.why else ""
            )
            lines = [*self.mismatch.lines(self.source), *self.subject.described(self.mismatch.node)]
        notes = [f"note: {note}" for note in self.notes]
        return "\n  ".join([f"{self.verdict.value}: {first}", *lines, *notes])

    def __repr__(self) -> str:
        return f"<Report {self.verdict.value}: {self.subject.name}{': ' + self.mismatch.op if self.mismatch else ''}>"

    @property
    def source(self) -> str:
        """Which reference `expected` comes from."""
        lost = any("no complex step" in note for note in self.notes)
        return "Richardson's differences" if lost else "complex step"

    # --- the smallest case that fails in the same way --------------------------------------------------------------------------

    def describe(self, directory: Any = None) -> str:
        """The text with the smallest case; with a directory, picture and reproduction are written there and named in it."""
        text: str = str(self) if self.failure is None else self.failure.text(directory)
        return text

    @property
    def case(self) -> Any:
        """The smallest case found that fails in the same way, with its own mismatch: a `failure.shrink.Case`."""
        return self._failed().case

    def to_dot(self) -> str:
        """The smallest case as DOT, the wrong edge red."""
        return str(self._failed().dot())

    def to_png(self, path: Any) -> Path:
        """The same, drawn. Raises `DrawError` without an engine."""
        found: Path = self._failed().png(Path(path))
        return found

    def repro(self) -> str:
        """A Python file that fails in the same way."""
        return str(self._failed().script())

    def save(self, directory: Any = None) -> dict[str, Path]:
        """Write picture, DOT and reproduction into a directory (default: $CGRAPH_ARTIFACTS or .cgraph)."""
        paths: dict[str, Path] = self._failed().save(directory)
        return paths

    def _failed(self) -> Any:
        if self.failure is None:
            raise ValueError(
                f"the verdict is {self.verdict.value}: there is no failing case to show"
            )
        return self.failure


class GradientMismatch(AssertionError):
    """A gradient that is wrong. Its text is made when it is read: the smallest case, with picture and reproduction in `directory`."""

    def __init__(self, report: Report, directory: Any = None) -> None:
        super().__init__(report)
        self.report = report
        self.directory = directory

    def __str__(self) -> str:
        return self.report.describe(self.directory or default_directory())
