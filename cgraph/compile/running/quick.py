"""The quick way through a call: for arguments that are exactly as planned, one function without a loop, written for the program.

A call that has nothing to convert or to report costs what its statements cost and about a microsecond. Whatever is not
as planned comes back as
`MISS`, and the careful way (`Program.__call__`) takes over and says what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cgraph.compile.ir import Value
from cgraph.compile.running.recycled import maker
from cgraph.compile.running.runtime import restore, silence
from cgraph.op import FLOAT_ERRORS

MISS: Any = object()


def quick_call(
    function: Callable[..., Any],
    pool: list[Any],
    make: Callable[[], Any],
    arguments: Sequence[tuple[Any, Any, bool]],
    leaves: Sequence[Any],
    outputs: Sequence[Value],
    written: Sequence[bool],
    grouping: tuple[bool, int, bool | None],
    kept: Sequence[Any] | None = None,
) -> Callable[..., Any]:
    """A function of the inputs that checks, calls, and returns what `Program.__call__` does, or `MISS`.

    Args:
        function, pool, make: the program, spare workspaces, and how to make one.
        arguments: shape, dtype and whether it is a number, for the inputs and then for the other leaves.
        leaves: those other leaves, whose values are read.
        outputs, written: the results, and which of them are arrays to be filled.
        grouping: whether the output stands alone, how many outputs there are, whether the gradient stands alone (None: there are none).
        kept: the arrays that every call fills; None for new ones each time.
    """
    n = len(arguments) - len(leaves)
    scope: dict[str, Any] = {
        "ndarray": np.ndarray, "float64": np.float64, "empty": np.empty, "full": np.full, "function": function, "pool": pool,
        "make": make, "MISS": MISS, "silence": silence, "restore": restore, "errors": FLOAT_ERRORS,
    }  # fmt: skip
    lines = [f"def call({', '.join(f'x{i}' for i in range(n))}):"]
    for i, (shape, dtype, number) in enumerate(arguments):
        scope[f"s{i}"], scope[f"d{i}"] = shape, dtype
        if i >= n:
            scope[f"leaf{i}"] = leaves[i - n]
            lines.append(f"    x{i} = leaf{i}._value")
        if number:
            lines += [
                f"    if x{i}.__class__ is not float:",
                f"        if x{i}.__class__ is float64 and s{i} == (): x{i} = float(x{i})",
                f"        elif x{i}.__class__ is ndarray and x{i}.shape == s{i} and x{i}.dtype == d{i}: x{i} = x{i}.item()",
                "        else: return MISS",
            ]
            if shape != ():
                lines.insert(-4, f"    if x{i}.__class__ is float: return MISS")
        elif i < n:
            lines += [
                f"    if x{i}.__class__ is not ndarray or x{i}.shape != s{i}: return MISS",
                f"    if x{i}.dtype is not d{i} and x{i}.dtype != d{i}: return MISS",
            ]
        elif None in leaves[i - n].shape:
            lines.append(f"    if x{i}.shape != s{i}: return MISS")
    places, results = [], []
    for k, (value, w) in enumerate(zip(outputs, written, strict=True)):
        if w:
            scope[f"shape{k}"], scope[f"dtype{k}"] = value.shape, value.dtype
            recycled = maker(value.shape, value.dtype)
            if recycled is not None:
                scope[f"make{k}"] = recycled
            places.append(f"empty(shape{k}, dtype{k})" if recycled is None else f"make{k}()")
            results.append(f"r{k}")
        elif value.shape == ():
            results.append(f"float64(r{k})")
        else:
            scope[f"shape{k}"] = value.shape
            results.append(f"full(shape{k}, r{k})")
    one, count, slopes = grouping
    values = results[0] if one else f"[{', '.join(results[:count])}]"
    if slopes is not None:
        rest = results[count] if slopes else f"[{', '.join(results[count:])}]"
        values = f"{values}, {rest}"
    given = "".join(f"x{i}, " for i in range(len(arguments)))
    found = "".join(f"r{k}, " for k in range(len(outputs)))
    if kept is not None:
        scope["kept"] = tuple(kept)
    given_out = f"({''.join(p + ', ' for p in places)})" if kept is None else "kept"
    lines += [
        "    try: workspace = pool.pop()",
        "    except IndexError: workspace = make()",
        "    before = silence()",
        "    try:",
        f"        {found} = function({given}workspace, {given_out})",
        "    except errors: return MISS",
        "    finally:",
        "        restore(before)",
        "        pool.append(workspace)",
        f"    return {values}",
    ]
    exec(compile("\n".join(lines), "<cgraph call>", "exec"), scope)
    call: Callable[..., Any] = scope["call"]
    return call
