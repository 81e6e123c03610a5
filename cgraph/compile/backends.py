"""Which backend makes which kind of program. Those for other frameworks are imported when they are asked for."""

from __future__ import annotations

from typing import Any

from cgraph.compile.program import Program
from cgraph.compile.scalars.number_program import NumberProgram, table_of

DEFAULTS = {"accuracy": "full", "threads": 1, "copy": True}


def make_program(outputs: Any, inputs: Any, gradients: Any, backend: str, **options: Any) -> Any:
    """A program of nodes for a backend.

    Raises:
        ValueError: for a backend that there is not, or an option that it has not.
    """
    if backend in ("jax", "torch"):
        from cgraph.compile.frameworks import FrameworkProgram

        for name, value in options.items():
            if value != DEFAULTS[name]:
                raise ValueError(
                    f"{name}={value!r} is an option of backend='numpy'; leave it out for {backend!r}, which decides that itself"
                )
        return FrameworkProgram(outputs, inputs, gradients, backend)
    table = table_of(outputs, gradients) if backend == "numpy" else None
    if table is not None:
        return NumberProgram.of(table, outputs, inputs, gradients, backend, *options.values())
    return Program(outputs, inputs, gradients, backend, **options)
