"""What a generated program needs while it runs: its memory, and rows that are called as they are."""

from __future__ import annotations

import itertools
import linecache
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cgraph.compile.emit.numbers import CAREFUL, FAST
from cgraph.compile.ir import ELEMENTWISE
from cgraph.compile.passes.allocate import ALIGNMENT
from cgraph.errors import CgraphError, ShapeError
from cgraph.quiet import restore as restore, silence as silence


@dataclass
class Memory:
    """How to make a workspace: one block of memory, and the arrays in it by which a program knows it.

    Attributes:
        size: bytes of the block.
        steps: for each array of the workspace (name, what to do, with what).
    """

    size: int = 0
    steps: list[tuple[str, str, Any]] = field(default_factory=list)

    def buffer(self, name: str, offset: int, shape: tuple[int, ...], dtype: Any) -> None:
        self.steps.append((name, "buffer", (offset, shape, dtype)))

    def view(self, name: str, source: str, op: str, parameter: Any) -> None:
        self.steps.append((name, op, (source, parameter)))

    def make(self) -> tuple[Any, ...]:
        """A fresh workspace."""
        block = np.empty(self.size + ALIGNMENT, np.uint8)
        start = -block.ctypes.data % ALIGNMENT
        made: dict[str, Any] = {}
        for name, what, how in self.steps:
            if what == "buffer":
                offset, shape, dtype = how
                made[name] = np.ndarray(shape, dtype, block, start + offset)
            else:
                source, parameter = how
                made[name] = VIEW[what](made[source], parameter)
        return tuple(made.values())


VIEW: dict[str, Callable[[Any, Any], Any]] = {
    "reshape": lambda x, shape: x.reshape(shape),
    "transpose": lambda x, axes: x.transpose(axes),
    # With an ellipsis even a single entry is a view.
    "index": lambda x, key: x[key if Ellipsis in key else (*key, ...)],
    "broadcast": np.broadcast_to,
}


class Call:
    """A row's own forward, with its parameters, held to the shape and dtype that were planned for."""

    def __init__(
        self, op: Any, params: Mapping[str, Any], shape: tuple[int, ...], dtype: Any, node: Any
    ) -> None:
        self.op = op
        self.params = params
        self.shape = shape
        self.dtype = dtype
        self.label = node.label if node is not None else op.name

    def __call__(self, *operands: Any) -> Any:
        try:
            value = np.asarray(self.op.forward(*operands, **self.params))
        except (ValueError, TypeError, IndexError, ArithmeticError) as error:
            if isinstance(error, CgraphError):
                raise
            raise CgraphError(f"{self.label!r} ({self.op.name}) cannot be computed: {error}") from error  # fmt: skip
        if value.shape != self.shape:
            raise ShapeError(f"{self.label!r} ({self.op.name}) came out as {value.shape}, not {self.shape}")  # fmt: skip
        return value if value.dtype == self.dtype else value.astype(self.dtype)


# --- calling ----------------------------------------------------------------------------------------------------------------------

GLOBALS: dict[str, Any] = {
    name: getattr(np, name)
    for name in (*ELEMENTWISE, "dot", "matmul", "copyto", "where", "full", "inf", "nan", "float64")
    if hasattr(np, name)
}

_numbers = itertools.count(1)


def load(source: str, namespace: Mapping[str, Any], name: str = "program") -> tuple[Any, Any, str]:
    """The function in generated source, with Python's floats and, for where those refuse, with NumPy's; and its file name.

    The source is made known to `linecache`, so that a traceback shows its lines.
    """
    filename = f"<cgraph {name} {next(_numbers)}>"
    code = compile(source, filename, "exec")
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    found = []
    for arithmetic in (FAST, CAREFUL):
        scope = {**GLOBALS, **arithmetic, **namespace}
        exec(code, scope)
        found.append(scope[name])
    return found[0], found[1], filename
