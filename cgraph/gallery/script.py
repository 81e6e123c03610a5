"""Figures as scripts: what a reader sees under a figure is the text that was run to make it, word for word.

A figure is a function whose parameters are names that its `setup` leaves behind, as with fixtures in pytest. Neither is ever called: their
bodies are read as text, joined, compiled under a name of their own, and run; the text is what the page prints. Run outside of the
package, the lines of a figure are the user's own lines, so its nodes know which of them built them.
"""

from __future__ import annotations

import ast
import inspect
import linecache
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

PRELUDE = """\
import numpy as np
import cgraph as cg
from cgraph import datasets, metrics, nn, optim, plots
from cgraph.gallery import card, lines, matrix, number, op_card, panels, record, replace, show, written
"""
Body = Callable[..., None]


@dataclass(frozen=True)
class Figure:
    """One row of the article's inventory."""

    number: str  # "11, 17"
    kind: str  # G diagram, S steps, P plot, T formulas
    title: str
    body: Body
    setup: tuple[Body, ...] = ()

    @property
    def code(self) -> str:
        """Everything that is run, without the imports that all figures share."""
        return "\n".join(text_of(f) for f in (*self.setup, self.body))

    def run(self, names: dict[str, Any]) -> None:
        """Run the text, with `names` (the prelude's) in scope."""
        space = dict(names)
        for setup in self.setup:
            if setup not in _kept:
                execute(text_of(setup), setup.__name__, space)
                continue
            if not (left := _kept[setup]):
                left |= names
                execute(text_of(setup), setup.__name__, left)
            space = {**left, **space}
        execute(text_of(self.body), self.body.__name__, space)


_kept: dict[Body, dict[str, Any]] = {}  # setups that are run once, and what they left behind


def kept(setup: Body) -> Body:
    """Mark a setup that takes long and whose result figures only read: a trained net."""
    _kept[setup] = {}
    return setup


@cache
def text_of(function: Body) -> str:
    """The body of a function as a script."""
    lines = textwrap.dedent(inspect.getsource(function)).splitlines()
    tree = ast.parse("\n".join(lines)).body[0]
    assert isinstance(tree, ast.FunctionDef)
    body = tree.body[1:] if ast.get_docstring(tree) is not None else tree.body
    return textwrap.dedent("\n".join(lines[body[0].lineno - 1 :])) + "\n"


def execute(text: str, name: str, space: dict[str, Any]) -> None:
    """Run a script in a namespace, under a file name by which its lines can be found again."""
    file = f"figure_{name}.py"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    space["__name__"] = name
    exec(compile(text, file, "exec"), space)


def figures(table: list[Figure]) -> Callable[..., Callable[[Body], Body]]:
    """A decorator that enters a function into a table of figures."""

    def entered(number: str, kind: str, title: str, *setup: Body) -> Callable[[Body], Body]:
        def enter(body: Body) -> Body:
            table.append(Figure(number, kind, title, body, setup))
            return body

        return enter

    return entered


def singly(numbers: str) -> list[str]:
    """The figures of a row one by one, so that one inside a range is found.

    >>> singly("8, 11-13, 19.a-c")
    ['8', '11', '12', '13', '19', '19.a-c']
    """
    found = []
    for part in (p.strip() for p in numbers.split(",")):
        first, _, last = part.partition("-")
        if first.isdigit() and last.isdigit():
            found += [str(n) for n in range(int(first), int(last) + 1)]
        else:
            found += [part.partition(".")[0], part] if "." in part else [part]
    return found
