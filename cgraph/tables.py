"""Tables that are filled by decorators: what becomes of each op of another framework, or in another language."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

F = TypeVar("F")


def entering(table: dict[str, F]) -> Callable[..., Callable[[F], F]]:
    """A decorator that enters a function into a table under the names it is given, and leaves it as it is.

    >>> table = {}
    >>> @entering(table)("abs", "fabs")
    ... def magnitude(x):
    ...     return abs(x)
    >>> table["fabs"] is magnitude
    True
    """

    def named(*names: str) -> Callable[[F], F]:
        def enter(function: F) -> F:
            table.update(dict.fromkeys(names, function))
            return function

        return enter

    return named
