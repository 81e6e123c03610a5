"""What a check answers: the verdict, the blame, and a message that stands by itself.

A failing report knows eight things: the op, the operand, the element, both values and which is which, the tolerance, the inputs, a minimal
graph, and a picture of it. The last two are worked out when somebody reads the message, not before: hypothesis fails a hundred times
on its way to a small example, and nobody looks at those.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

ARTIFACTS = "CGRAPH_ARTIFACTS"  # the environment variable that names the directory for pictures and reproductions


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
class Blame:
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
    """The answer of `check_gradients`. `print(report)` tells everything; `.ok` is False for FAIL alone."""

    subject: Any
    seed: int = 0
    verdict: Verdict = Verdict.PASS
    why: str = ""
    blame: Blame | None = None
    notes: list[str] = field(default_factory=list)
    got: float = 0.0
    expected: float = 0.0
    tolerance: float = 0.0
    second: Any = None  # what Richardson's differences said, where they were asked
    directory: str | None = None
    _case: Any = None

    def settle(self, verdict: Verdict, why: str, blame: Blame | None) -> None:
        self.verdict, self.why, self.blame = verdict, why, blame
        self.notes = [*self.notes, *self.subject.notes]

    def compared(self, got: float, expected: float, tolerance: float) -> None:
        self.got, self.expected, self.tolerance = got, expected, tolerance

    @property
    def ok(self) -> bool:
        return self.verdict is not Verdict.FAIL

    @property
    def case(self) -> Any:
        """The smallest graph found that fails in the same way, with its own blame: see `reduce.Case`."""
        if self._case is None:
            from cgraph.testing.failure.shrink import minimal_case

            self._case = minimal_case(self)
        return self._case

    def table(self) -> str:
        """The comparison in figures: what the code under test says of the whole gradient, what the reference says, and the bound."""
        rows = [("got ⟨g, d⟩", self.got), ("expected ⟨w, J d⟩", self.expected), ("difference", abs(self.got - self.expected)),
                ("tolerance", self.tolerance)]  # fmt: skip
        if self.second is not None:
            rows += [("by differences", self.second.value), ("  their error", self.second.error)]
        return "\n".join(f"{name:20} {value: .17g}" for name, value in rows)

    def to_dot(self) -> str:
        """The minimal graph as DOT, the wrong edge red."""
        from cgraph.testing.failure.picture import dot

        return dot(self.case)

    def to_png(self, path: Any) -> Path:
        """The same, drawn. Raises `DrawError` without an engine."""
        from cgraph.testing.failure.picture import png

        return png(self.case, Path(path))

    def repro(self) -> str:
        """A Python file that fails in the same way."""
        from cgraph.testing.failure.repro import script

        return script(self)

    def save(self, directory: Any = None) -> dict[str, Path]:
        """Write picture, DOT and reproduction into a directory (default: $CGRAPH_ARTIFACTS or .cgraph), once."""
        from cgraph.testing.failure.picture import save_all

        return save_all(
            self, Path(directory or self.directory or os.environ.get(ARTIFACTS) or ".cgraph")
        )

    def __str__(self) -> str:
        if self.verdict is not Verdict.FAIL:
            text = f"{self.verdict.value}: {self.subject.name}" + (
                f": {self.why}" if self.why else ""
            )
            return "\n".join([text, *(f"  note: {note}" for note in self.notes)])
        from cgraph.testing.failure.message import message

        return message(self)

    def __repr__(self) -> str:
        return f"<Report {self.verdict.value}: {self.subject.name}{': ' + self.blame.op if self.blame else ''}>"


class GradientMismatch(AssertionError):
    """A gradient that is wrong. Its text is the report's, made when it is read."""

    def __init__(self, report: Report) -> None:
        super().__init__(report)
        self.report = report

    def __str__(self) -> str:
        return str(self.report)
