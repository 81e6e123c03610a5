"""Names in generated source: every value gets one that a reader can follow back to the graph."""

from __future__ import annotations

import keyword
import re

# What generated code uses itself.
RESERVED = frozenset(
    """math float numpy inf nan workspace outputs range epoch epochs add subtract multiply divide negative square reciprocal maximum
    minimum fmin absolute sign copysign isfinite isnan sqrt exp expm1 log log1p sin cos tan sinh cosh tanh arcsin arccos arctan power less
    less_equal greater greater_equal equal not_equal logical_and logical_or logical_not copyto dot matmul concatenate full""".split()
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
