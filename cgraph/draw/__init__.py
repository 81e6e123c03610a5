"""Drawing: `cg.draw(loss, run=run)` gives a Diagram of the graph at work.

`cgraph.draw` is this package *and* the function, because people write `cg.draw(loss)` and tools write
`from cgraph.draw.output.engine import doctor`: the module object is callable. What is shown (`diagram`, made from a graph and a Run
by `fold`, `names`, `expression`, `flow`, `build`), how it looks (`dot`, `theme`, `player`, `plain`) and which engine draws it
(`engine`) know as little of one another as they can.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from cgraph.draw.api import Diagram, draw
from cgraph.draw.compare import compare
from cgraph.draw.motion import Frames, animate, frames

__all__ = ["Diagram", "Frames", "animate", "compare", "draw", "frames"]


class _CallablePackage(ModuleType):
    def __call__(self, *args: Any, **kwargs: Any) -> Diagram:
        return draw(*args, **kwargs)


sys.modules[__name__].__class__ = _CallablePackage
