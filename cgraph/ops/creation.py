"""Arrays made of nodes: what `np.array`, `np.full`, `np.linspace` and `np.r_` cannot be told of nodes."""

from __future__ import annotations

from typing import Any

import numpy as np

from cgraph import shapes
from cgraph.errors import UnsupportedError
from cgraph.op import OPS, is_node
from cgraph.operators import PUBLIC, public
from cgraph.ops.define import dtype_of, shape_of
from cgraph.ops.joining import column_stack, concatenate, stack, with_axes
from cgraph.ops.structure import broadcast_to, cast, reshape


@public
def array(x: Any, dtype: Any = None, *, name: str | None = None) -> Any:
    """An array of what nested lists hold, numbers and nodes: what ``np.array`` cannot do with nodes.

    >>> import cgraph as cg
    >>> a, b = cg.parameter("a", 1.0), cg.parameter("b", 2.0)
    >>> cg.array([[a, b], [0.0, 1.0]]).shape
    (2, 2)
    """

    def made(part: Any) -> Any:
        if not isinstance(part, list | tuple):
            return part
        parts = [made(p) for p in part]
        return stack(parts) if any(map(is_node, parts)) else np.asarray(parts)

    result = made(x)
    if not is_node(result):
        return np.asarray(result, dtype)
    if dtype is not None:
        result = cast(result, dtype)
    return result if name is None else OPS["getitem"](result, index=(Ellipsis,), name=name)


@public
def asarray(x: Any, dtype: Any = None, *, copy: bool | None = None, name: str | None = None) -> Any:
    """`x` itself if it is a node or an array of that dtype, else `array`.

    >>> import cgraph as cg
    >>> a = cg.parameter("a", 1.0)
    >>> cg.asarray(a) is a
    True
    """
    if is_node(x) and dtype in (None, x.dtype) and name is None:
        return x
    if is_node(x):
        return cast(x, x.dtype if dtype is None else dtype, name=name)
    return array(x, dtype, name=name)


@public
def full(shape: Any, fill_value: Any, dtype: Any = None, *, name: str | None = None) -> Any:
    """An array of `shape` filled with a number or a node: what ``np.full`` cannot do with nodes."""
    if not is_node(fill_value):
        return np.full(shape, fill_value, dtype)
    return broadcast_to(fill_value if dtype is None else cast(fill_value, dtype), shape, name=name)


@public
def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
    *,
    name: str | None = None,
) -> Any:
    """`num` numbers from `start` to `stop`, which may be nodes, in equal steps.

    >>> import cgraph as cg
    >>> b = cg.parameter("b", 1.0)
    >>> cg.sum(cg.linspace(0.0, b, 5)).backward().grad(b)
    array(2.5)
    """  # fmt: skip
    parts = num - 1 if endpoint else num
    shape: Any = shapes.broadcast(shape_of(start), shape_of(stop))
    number = np.result_type(
        *(dtype_of(x) if hasattr(x, "dtype") else x for x in (start, stop)), 1.0
    )
    grid = (np.arange(num, dtype=number) / max(parts, 1)).reshape(-1, *(1,) * len(shape))
    wide = start * (1.0 - grid) + stop * grid
    if axis not in (0, -len(shape) - 1):
        from cgraph.ops.moving import moveaxis

        wide = moveaxis(wide, 0, axis)
    result = cast(wide, dtype) if dtype is not None else wide
    result = result if name is None else reshape(result, shape_of(result), name=name)
    return (result, (stop - start) / parts if parts else np.nan) if retstep else result


@public
def logspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    base: Any = 10.0,
    dtype: Any = None,
    axis: int = 0,
    *,
    name: str | None = None,
) -> Any:
    """`num` numbers from ``base**start`` to ``base**stop``, each the same multiple of the one before."""
    exponents = linspace(start, stop, num, endpoint, axis=axis)
    result = OPS["power"](base, exponents, name=None if dtype is not None else name)
    return result if dtype is None else cast(result, dtype, name=name)


@public
def geomspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    dtype: Any = None,
    axis: int = 0,
    *,
    name: str | None = None,
) -> Any:
    """`num` positive numbers from `start` to `stop`, each the same multiple of the one before.

    >>> import numpy as np
    >>> import cgraph as cg
    >>> cg.geomspace(1.0, 8.0, 4).round(6)
    array([1., 2., 4., 8.])
    """
    exponents = linspace(OPS["log"](start), OPS["log"](stop), num, endpoint, axis=axis)
    result = OPS["exp"](exponents, name=None if dtype is not None else name)
    return result if dtype is None else cast(result, dtype, name=name)


class _Joined:
    """``r_[a, b]`` and ``c_[a, b]``: arrays and nodes joined along the first axis, or as columns."""

    def __init__(self, columns: bool) -> None:
        self.columns = columns
        self.__name__ = "c_" if columns else "r_"
        self.__doc__ = (
            "``cg.c_[a, b]``: vectors as columns, matrices side by side."
            if columns
            else "``cg.r_[a, 1.0, b]``: numbers, vectors and nodes in a row."
        )

    def __getitem__(self, parts: Any) -> Any:
        parts = parts if isinstance(parts, tuple) else (parts,)
        if any(isinstance(p, str) for p in parts):
            raise UnsupportedError(
                f"{self.__name__}: a text among the parts is not understood; use concatenate"
            )
        parts = [np.r_[p] if isinstance(p, slice) else p for p in parts]
        known = [p.dtype for p in parts if hasattr(p, "dtype")]
        parts = [
            np.asarray(p, np.result_type(*known, p)) if known and type(p) in (int, float) else p
            for p in parts
        ]
        return (
            column_stack(parts) if self.columns else concatenate([with_axes(p, 1) for p in parts])
        )


r_: Any = _Joined(columns=False)
c_: Any = _Joined(columns=True)
PUBLIC.update(r_=r_, c_=c_)
