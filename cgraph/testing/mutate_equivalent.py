"""Mutants of the backward code that change nothing anybody can see, by name, each with the reason.

They are skipped by `mutate`. A name says what became of what in which function, not on which line, so that it stays true when code moves.
"""

from __future__ import annotations

EQUIVALENT: dict[str, str] = {}
