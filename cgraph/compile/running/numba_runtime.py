"""What a numba program runs on: how it is compiled and called, and rows that are called in Python from inside.

numba itself is imported when the first program is made.
"""

from __future__ import annotations

import itertools
import linecache
import math
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cgraph.compile.emit.numbers import CAREFUL
from cgraph.compile.running import numba_kernels
from cgraph.extras import package

_numbers = itertools.count(1)
# Kernels that some program holds, so that the same source is compiled once.
_kernels: weakref.WeakValueDictionary[Any, Any] = weakref.WeakValueDictionary()


def numba() -> Any:
    """The package, with SciPy, whose BLAS it calls.

    Raises:
        MissingPackageError: when one of them is not installed.
    """
    found = package("numba", 'backend="numba"', "fast")
    package("scipy.linalg", 'backend="numba"', "fast")
    return found


class Row:
    """A row's own forward, for a call from inside a kernel: numbers come as they are and become arrays of their planned shapes."""

    def __init__(
        self, call: Callable[..., Any], numbers: Sequence[Any], operands: Sequence[tuple[Any, Any]]
    ) -> None:
        self.call = call
        self.numbers = list(numbers)
        self.operands = list(operands)

    def __call__(self, *given: Any) -> Any:
        waiting = iter(given)
        operands = [
            np.asarray(next(waiting), dtype).reshape(shape) if number is None else number
            for number, (shape, dtype) in zip(self.numbers, self.operands, strict=True)
        ]
        return np.array(self.call(*operands), order="C")


def plain(source: str, rows: dict[str, Any]) -> Any:
    """The kernel as a Python function, for looking into it: slow, and the same numbers to the last digits."""

    class Block:
        def __call__(self, **kinds: str) -> Block:
            return self

        def __enter__(self) -> None: ...

        def __exit__(self, *error: object) -> None: ...

    ufuncs = {name: getattr(np, name) for name in ("exp", "expm1", "log", "log1p", "tanh", "cosh")}
    scope = {
        **CAREFUL, **ufuncs, **rows, "plus": lambda a, b: a + b, "larger": np.maximum, "smaller": np.minimum,
        "float32": np.float32, "float64": np.float64, "inf": np.inf, "nan": np.nan, "objmode": Block(),
    }  # fmt: skip
    exec(source, scope)

    def kernel(*given: Any) -> Any:
        with np.errstate(all="ignore"):
            return scope["kernel"](*[np.float64(x) if x.__class__ is float else x for x in given])

    return kernel


def compiled(source: str, rows: dict[str, Any], kinds: Sequence[Any]) -> Any:
    """The kernel in generated source, compiled for arguments of these kinds.

    Args:
        source: of a function ``kernel``.
        rows: what it calls in Python.
        kinds: for each argument "number" or "count", or (dtype, number of axes, whether it is written to).
    """
    nb = numba()
    types = nb.types
    words = {"number": types.float64, "count": types.int64}
    signature = tuple(
        words[kind]
        if isinstance(kind, str)
        else types.Array(nb.from_dtype(kind[0]), kind[1], "C", readonly=not kind[2])
        for kind in kinds
    )
    key = source, signature
    kernel = None if rows else _kernels.get(key)
    if kernel is None:
        filename = f"<cgraph kernel {next(_numbers)}>"
        lines = source.splitlines(keepends=True)
        linecache.cache[filename] = (len(source), None, lines, filename)
        scope = {
            **numba_kernels.compiled(),
            "float32": np.float32,
            "float64": np.float64,
            "objmode": nb.objmode,
            "math": math,
            "numpy": np,
            "inf": np.inf,
            "nan": np.nan,
            **rows,
        }
        exec(compile(source, filename, "exec"), scope)
        kernel = nb.njit(signature, error_model="numpy", nogil=not rows)(scope["kernel"])
        weakref.finalize(kernel, linecache.cache.pop, filename, None)
        if not rows:
            _kernels[key] = kernel
    return kernel


def in_order(array: Any) -> Any:
    """An array as the kernels take it: entries by rows, where the processor can read them."""
    if array.__class__ is float or (array.flags.c_contiguous and array.flags.aligned):
        return array
    return np.array(array, order="C")


def program(kernel: Any, constants: Sequence[Any], written: Sequence[bool]) -> Callable[..., Any]:
    """The kernel as a `Specialized` calls programs: ``(<arguments>, workspace, outputs)`` -> results."""
    constants = tuple(constants)
    arrays_only, numbers_only = all(written), not any(written)

    def call(*given: Any) -> Any:
        *arguments, workspace, outputs = given
        found = kernel(*map(in_order, arguments), *workspace, *constants, *outputs)
        if arrays_only:
            return outputs
        if numbers_only:
            return found
        numbers, arrays = iter(found), iter(outputs)
        return [next(arrays) if w else next(numbers) for w in written]

    return call


def training(kernel: Any, constants: Sequence[Any]) -> Callable[..., Any]:
    """The kernel as a training loop is called: ``(<data>, <state>, t, epochs, every, costs, workspace)``, costs a list."""
    constants = tuple(constants)

    def call(*given: Any) -> None:
        *arrays, t, epochs, every, costs, workspace = given
        found = np.empty(-(-epochs // every))
        kernel(*map(in_order, arrays), t, epochs, every, found, *workspace, *constants)
        costs += found.tolist()

    return call
