"""`cgraph.compile`: the door to the compiler, for graphs and for functions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from cgraph.compile.backends import make_program
from cgraph.compile.function import CompiledFunction
from cgraph.node import Node


def compile(
    outputs: Any = None,
    inputs: Any = None,
    gradients: Any = None,
    *,
    backend: str = "numpy",
    accuracy: str = "full",
    threads: int = 1,
    copy: bool = True,
) -> Any:
    """Turn a graph, or a function of arrays, into a program: readable, straight-line Python on preallocated memory.

    Args:
        outputs: a node or a list of nodes; or a function, which is traced when it is called; or nothing, for a decorator with options.
        inputs: the leaves that a call takes values for, in order; by default the inputs that have no value. All other leaves keep
            their current values, which are read at each call.
        gradients: nodes to differentiate the first output with respect to; it has to be a scalar. For a function, which arguments,
            by position; a call then gives the value and the gradients, as `value_and_gradient` does.
        backend: "numpy"; or "jax" or "torch", for a function in that framework's words (`FrameworkProgram`), which takes none of the
            options below.
        accuracy: "full", or "fast" for forms that are a few per cent quicker and less exact in the tails, see docs/compiling.md.
        threads: how many threads long elementwise chains may use.
        copy: False lets a call hand out the arrays of the call before, overwritten.

    Returns:
        A `Program` or a `FrameworkProgram`; for a function, a function that takes and returns what it does.

    Raises:
        CgraphError, ShapeError, GradientError: as for a run of the graph.
        ValueError: for a backend that there is not, or an option that it has not.

    >>> import numpy as np
    >>> import cgraph as cg
    >>> X, w = cg.input("X", shape=(None, 2)), cg.parameter("w", [1.0, 2.0])
    >>> loss = cg.sum(cg.square(X @ w), name="loss")
    >>> f = cg.compile([loss], inputs=[X], gradients=[w])
    >>> (value,), (dw,) = f(np.array([[1.0, 1.0], [0.0, 2.0]]))
    >>> value, dw
    (np.float64(25.0), array([ 6., 22.]))

    >>> @cg.compile
    ... def distance(a, b):
    ...     return cg.sqrt(cg.sum(cg.square(a - b)))
    >>> distance(np.array([0.0, 0.0]), np.array([3.0, 4.0]))
    np.float64(5.0)
    >>> cg.compile(lambda a: a * a, gradients=0)(3.0)
    (np.float64(9.0), np.float64(6.0))
    """
    options: dict[str, Any] = {
        "backend": backend,
        "accuracy": accuracy,
        "threads": threads,
        "copy": copy,
    }
    if outputs is None:
        return partial(compile, gradients=gradients, **options)
    if isinstance(outputs, Callable) and not isinstance(outputs, Node):  # type: ignore[arg-type]
        return CompiledFunction(outputs, options, gradients)
    return make_program(outputs, inputs, gradients, **options)
