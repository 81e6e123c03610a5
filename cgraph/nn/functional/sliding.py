"""Windows that slide over an array, and their adjoint: what convolutions and pools are made of, in NumPy and as ops.

`windows` shows every window as axes of its own, without copying; `fold` adds windows back up where they overlap. Each is the derivative
of the other. Sizes follow PyTorch: out = ⌊(n + padding − dilation·(k − 1) − 1) / stride⌋ + 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from cgraph.errors import ShapeError, UnsupportedError
from cgraph.linear_maps import Adjoint, LinearMap
from cgraph.op import Op
from cgraph.ops.define import F, linear_op, nonzero_after, op
from cgraph.shapes import Shape

Sizes = tuple[int, ...]
Padding = tuple[tuple[int, int], ...]


def each(value: int | Sequence[int], n: int, what: str) -> Sizes:
    """A number for every dimension: one for all, or one for each.

    >>> each(2, 3, "stride"), each((1, 2), 2, "stride")
    ((2, 2, 2), (1, 2))
    """
    values = (int(value),) * n if isinstance(value, int | np.integer) else tuple(map(int, value))
    if len(values) != n:
        raise ShapeError(f"{what}: {n} numbers are needed, or one for all; got {len(values)}")
    if min(values, default=1) < (0 if what == "padding" else 1):
        raise ShapeError(f"{what}: {values} has to be positive")
    return values


def out_size(n: int | None, kernel: int, stride: int, dilation: int, padding: tuple[int, int]) -> int | None:  # fmt: skip
    """How many windows fit along a dimension."""
    if n is None:
        return None
    room = n + sum(padding) - dilation * (kernel - 1) - 1
    if room < 0:
        raise ShapeError(
            f"a window of {dilation * (kernel - 1) + 1} does not fit into {n + sum(padding)}"
            + (" (padding included)" if any(padding) else "")
        )
    return room // stride + 1


def padded(x: Any, padding: Padding, fill: float = 0.0) -> Any:
    """The trailing dimensions with a rim of `fill`."""
    if not any(map(any, padding)):
        return x
    lead = x.ndim - len(padding)
    sizes = [n + sum(p) for n, p in zip(x.shape[lead:], padding, strict=True)]
    result: Any = np.full((*x.shape[:lead], *sizes), fill, x.dtype)
    inside = (slice(p[0], p[0] + n) for n, p in zip(x.shape[lead:], padding, strict=True))
    result[(..., *inside)] = x
    return result


def view(x: Any, kernel: Sizes, stride: Sizes, dilation: Sizes) -> Any:
    """Every window of the trailing dimensions: (..., out..., kernel...), a view that must not be written to."""
    lead = x.ndim - len(kernel)
    outs = tuple(
        out_size(n, k, s, d, (0, 0)) or 0
        for n, k, s, d in zip(x.shape[lead:], kernel, stride, dilation, strict=True)
    )
    own = x.strides[lead:]
    steps = (
        *x.strides[:lead],
        *(a * s for a, s in zip(own, stride, strict=True)),
        *(a * d for a, d in zip(own, dilation, strict=True)),
    )
    shape = (*x.shape[:lead], *outs, *kernel)
    return np.lib.stride_tricks.as_strided(x, shape, steps, writeable=False)


def folded(u: Any, sizes: Sizes, stride: Sizes, dilation: Sizes, padding: Padding) -> Any:
    """Windows (..., out..., kernel...) added up into (..., sizes...): the adjoint of `padded` and `view`."""
    n = len(sizes)
    lead = u.shape[: u.ndim - 2 * n]
    outs, kernel = u.shape[u.ndim - 2 * n : u.ndim - n], u.shape[u.ndim - n :]
    result: Any = np.zeros(
        (*lead, *(m + sum(p) for m, p in zip(sizes, padding, strict=True))), u.dtype
    )
    for offset in product(*map(range, kernel)):
        place = tuple(
            slice(o * d, o * d + s * (m - 1) + 1, s) if m else slice(0, 0)
            for o, d, s, m in zip(offset, dilation, stride, outs, strict=True)
        )
        result[(..., *place)] += u[(..., *offset)]
    inside: Any = tuple(slice(p[0], p[0] + m) for m, p in zip(sizes, padding, strict=True))
    return np.ascontiguousarray(result[(..., *inside)])


def known(sizes: Sequence[int | None], what: str) -> Sizes:
    """Sizes that have to be known when the graph is built."""
    if None in sizes:
        raise UnsupportedError(f"{what}: the spatial sizes must be known here; declare them")
    return tuple(int(n) for n in sizes)  # type: ignore[arg-type]


# --- as ops -------------------------------------------------------------------------------------------------------------------


def _windows_shape(
    x: Shape, kernel: Sizes, stride: Sizes, dilation: Sizes, padding: Padding, fill: float
) -> Shape:
    lead = len(x) - len(kernel)
    if lead < 0:
        raise ShapeError(f"windows of {len(kernel)} dimensions are needed")
    outs = map(out_size, x[lead:], kernel, stride, dilation, padding)
    return (*x[:lead], *outs, *kernel)


def _windows_map(out: Any, x: Any, fill: float, **params: Any) -> LinearMap:
    kernel = params["kernel"]
    sizes = known(x.shape[len(x.shape) - len(kernel) :], "windows")

    def back(u: Any) -> Any:
        return fold_op(u, sizes=sizes, **{k: v for k, v in params.items() if k != "kernel"})

    return Adjoint(lambda t: windows_op(t, fill=0.0, **params), back, nonzero_after(back))


def _example(rng: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    params = {
        "kernel": (2, int(rng.integers(1, 3))),
        "stride": (1, int(rng.integers(1, 3))),
        "dilation": (int(rng.integers(1, 3)), 1),
        "padding": ((0, int(rng.integers(2))), (int(rng.integers(2)), 0)),
    }
    return (rng.normal(size=(2, 4, 3)),), params


def _fold_example(rng: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    (x,), params = _example(rng)
    shape = _windows_shape(x.shape, **params, fill=0.0)
    del params["kernel"]
    return (rng.normal(size=shape),), {**params, "sizes": x.shape[1:]}


# fmt: off
windows_op: Op = op(
    "nn.windows", lambda x, kernel, stride, dilation, padding, fill: view(padded(np.asarray(x), padding, fill), kernel, stride, dilation),
    _windows_map, shape=_windows_shape, symbol="windows", batch="same",
    formula=F("every window of $a", "$a_{[\\dots]}", "overlaps added up"),
    example=lambda rng: ((e := _example(rng))[0], {**e[1], "fill": 0.0}),
)
fold_op: Op = linear_op(
    "nn.fold", lambda u, sizes, stride, dilation, padding: folded(np.asarray(u), sizes, stride, dilation, padding),
    lambda upstream, u, sizes, **params: windows_op(upstream, kernel=tuple(u.shape[len(u.shape) - len(sizes) :]), fill=0.0, **params),
    shape=lambda u, sizes, **_: (*u[: len(u) - 2 * len(sizes)], *sizes), symbol="fold", batch="same",
    formula=F("windows $a added up", r"\sum $a", "every window of the upstream"), example=_fold_example,
)
# fmt: on
