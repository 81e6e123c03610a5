"""Which backend makes which kind of program. Those for other frameworks are imported when they are asked for."""

from __future__ import annotations

from typing import Any

from cgraph.compile.program import Program


def make_program(outputs: Any, inputs: Any, gradients: Any, backend: str, **options: Any) -> Any:
    """A program of nodes for a backend.

    Raises:
        ValueError: for a backend that there is not.
    """
    if backend in ("jax", "torch"):
        from cgraph.compile.frameworks import FrameworkProgram

        return FrameworkProgram(outputs, inputs, gradients, backend)
    return Program(outputs, inputs, gradients, backend, **options)
