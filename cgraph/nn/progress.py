"""A progress bar in a few lines: one line that is rewritten, on a terminal; nothing at all anywhere else."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TextIO

__all__ = ["Progress"]

WIDTH = 24


class Progress:
    """Shows how far a loop is. It speaks up only after `patience` seconds, at most ten times a second, and only on a terminal.

    >>> with Progress(3, "training") as progress:  # silent here: the output is not a terminal
    ...     for epoch in range(3):
    ...         progress.update(epoch + 1, "cost 0.1")
    """

    def __init__(
        self,
        total: int,
        what: str,
        *,
        stream: TextIO | None = None,
        patience: float = 0.5,
        quiet: bool = False,
    ) -> None:
        self.total, self.what = total, what
        self.stream = stream if stream is not None else sys.stderr
        self.alive = not quiet and bool(getattr(self.stream, "isatty", lambda: False)())
        self.next = time.monotonic() + patience
        self.shown = False

    def update(self, done: int, note: str = "") -> None:
        """`done` of `total` steps are made; `note` stands behind the bar."""
        if not self.alive or time.monotonic() < self.next:
            return
        self.next = time.monotonic() + 0.1
        self.shown = True
        filled = WIDTH * done // max(self.total, 1)
        bar = "█" * filled + "░" * (WIDTH - filled)
        line = f"\r{self.what} {bar} {done}/{self.total}  {note}\x1b[K"
        try:
            self.stream.write(line)
            self.stream.flush()
        except UnicodeEncodeError:  # a terminal that knows ASCII only
            self.stream.write(line.replace("█", "#").replace("░", "."))

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.shown:  # leave the line to whoever prints next
            self.stream.write("\r\x1b[K")
            self.stream.flush()
