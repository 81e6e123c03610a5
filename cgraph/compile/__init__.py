"""Compiling: ``cg.compile(...)`` turns a graph into a program.

`cgraph.compile` is this package *and* the function, as `cgraph.draw` is: the module object is callable. Its rooms:

- `ir`: the intermediate representation, its builder (nothing twice), and the way there (`lower`, by the table in `lowerings`);
- `passes`: pure functions from graph to graph, and where and when things are done (`allocate`, `schedule`, `tiles`);
- `emit`: source, one file a target;
- `running`: what a generated program runs on;
- `scalars`: large graphs of numbers, which become arrays instead of source.

`specialize` strings them together for one set of shapes, `loop` and `training` do so with a loop around it, and `program` is what
people hold.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from cgraph.compile.api import compile
from cgraph.compile.function import CompiledFunction
from cgraph.compile.program import Program
from cgraph.compile.training import TrainingProgram, compile_training

__all__ = ["CompiledFunction", "Program", "TrainingProgram", "compile", "compile_training"]


class _CallablePackage(ModuleType):
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return compile(*args, **kwargs)


sys.modules[__name__].__class__ = _CallablePackage
