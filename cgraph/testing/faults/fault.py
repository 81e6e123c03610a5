"""Fault: one named bug, and how attributes are replaced for the length of a with-block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from cgraph.op import Op
from cgraph.testing.report import Report, Verdict

ENGINE_KINDS = frozenset({"accumulation", "driver", "seed"})


@dataclass(frozen=True)
class Fault:
    """One bug.

    Attributes:
        name: ``"sin/0:sign"`` in a row (op, operand, mistake), ``"engine:overwrite"`` in a driver.
        op, operand: what a report has to name; None for the engine.
        description: the bug in words.
        install: a context manager that puts it in.
        modes: the modes of `check_gradients` in which it shows.
    """

    name: str
    op: str | None
    operand: int | None
    description: str
    install: Callable[[], AbstractContextManager[Any]]
    modes: tuple[str, ...] = ("vjp", "jvp")

    @classmethod
    def in_row(
        cls, op: str, operand: int, mistake: str, description: str, install: Callable[[], Any]
    ) -> Fault:
        """A mistake in what a row says of one operand."""
        words = f"{op}, operand {operand}: {description}"
        return cls(f"{op}/{operand}:{mistake}", op, operand, words, install)

    def found_in(self, report: Report) -> bool:
        """Whether a report names this fault: the right op and operand, or the engine."""
        mismatch = report.mismatch
        if report.verdict is not Verdict.FAIL or mismatch is None:
            return False
        if self.op is None:
            return mismatch.kind in ENGINE_KINDS or (
                mismatch.kind in ("forward", "contract") and mismatch.operand is None
            )
        return (
            mismatch.op == self.op
            and (mismatch.operand == self.operand or self.operand is None)
            and mismatch.kind not in ENGINE_KINDS
        )

    def __str__(self) -> str:
        return self.name


@contextmanager
def replaced(target: Any, **attributes: Any) -> Iterator[None]:
    """Set attributes and put the old ones back."""
    before = {name: getattr(target, name) for name in attributes}
    for name, value in attributes.items():
        setattr(target, name, value)
    Op.changes += (
        1  # graphs that were evaluated before must not go on with what they remember of the rows
    )
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(target, name, value)
        Op.changes += 1
