"""Which ops the page can compute, and in which of its scripts the rule for each stands.

The scripts are asked, not a list beside them: a rule is a name at the beginning of a line, four spaces in, before an array (an
elementwise op) or an object.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache
from pathlib import Path

_HERE = Path(__file__).parent
CORE = "interpreter.js"
_RULE = re.compile(r"^    '?([a-z][\w.]*)'?: (?!function)\S", re.M)


@cache
def rules() -> dict[str, str]:
    """The script of each op, by the name under which a program has it: `interpreter.js`, or one of `rules/`."""
    found = {}
    for script in (_HERE / CORE, *sorted((_HERE / "rules").glob("*.js"))):
        name = script.name if script.name == CORE else f"rules/{script.name}"
        table = script.read_text(encoding="utf-8")
        if name == CORE:  # the tables, not what follows them
            table = table[table.index("var ELEMENTWISE") : table.index("function value(")]
        found.update(dict.fromkeys(_RULE.findall(table), name))
    return found


def scripts(ops: Collection[str] | None = None) -> list[str]:
    """What a page with these ops needs beside the core; None: everything."""
    wanted = rules().values() if ops is None else (rules()[op] for op in ops if op in rules())
    return sorted({script for script in wanted if script != CORE})
