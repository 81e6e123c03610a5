"""Names in generated source: every value gets one that a reader can follow back to the graph."""

from __future__ import annotations

import keyword
import re

from cgraph.compile.ir import ELEMENTWISE

# What generated code uses itself.
RESERVED = frozenset(ELEMENTWISE) | frozenset(
    """math float numpy inf nan workspace outputs buffers start stop range epoch epochs every costs entries copyto where dot matmul
    full""".split()
)
# Names of values that the user has not named, by what they are.
SHORT = {"exp": "e", "reciprocal": "r", "matmul": "product", "transpose": "t", "index": "part", "join": "joined"}  # fmt: skip


class Names:
    """Hands out identifiers, each once."""

    def __init__(self) -> None:
        self.taken: dict[str, int] = {}

    def fresh(self, wish: str) -> str:
        """An identifier as near to the wish as may be."""
        name = re.sub(r"\W", "_", wish) or "t"
        if name[0].isdigit():
            name = "_" + name
        if keyword.iskeyword(name) or name in RESERVED:
            name += "_"
        count = self.taken.get(name, 0)
        self.taken[name] = count + 1
        if count:
            return self.fresh(f"{name}_{count}")
        return name
