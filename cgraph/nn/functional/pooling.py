"""Pools: the maximum or the mean of each window, over the trailing dimensions.

Compositions of `windows` and a reduction. Where several entries of a window tie for the maximum they share the gradient equally,
as in `max` (PyTorch gives it all to the first).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cgraph.errors import ShapeError
from cgraph.nn.functional.sliding import Padding, Sizes, each, known, padded, view, windows_op
from cgraph.ops.define import shape_of
from cgraph.ops.elementwise import multiply
from cgraph.ops.reduction import max as largest, mean, sum
from cgraph.ops.structure import swapaxes

Ints = int | Sequence[int]


def _setting(x: Any, kernel: Sizes, stride: Any, padding: Any, dilation: Any, ceil_mode: bool) -> dict[str, Any]:  # fmt: skip
    n = len(kernel)
    steps = kernel if stride is None else each(stride, n, "stride")
    spread, rim = each(dilation, n, "dilation"), each(padding, n, "padding")
    if any(2 * p > k for p, k in zip(rim, kernel, strict=True)):
        raise ShapeError(f"a padding of {rim} is more than half of the window {kernel}")
    pads = [(p, p) for p in rim]
    if ceil_mode:  # the last window may hang over, if it starts inside
        sizes = known(shape_of(x)[len(shape_of(x)) - n :], "ceil_mode")
        for i, (m, k, s, d, p) in enumerate(zip(sizes, kernel, steps, spread, rim, strict=True)):
            room = m + 2 * p - d * (k - 1) - 1
            count = -(-room // s) + 1
            if (count - 1) * s >= m + p:
                count -= 1
            pads[i] = (p, p + max(0, (count - 1) * s - room))
    return {"kernel": kernel, "stride": steps, "dilation": spread, "padding": tuple(pads)}


def _last(n: int) -> tuple[int, ...]:
    return tuple(range(-n, 0))


def max_pool_nd(
    x: Any,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
    *,
    dims: int,
    name: str | None = None,
) -> Any:
    """The largest entry of each window over the last `dims` dimensions; entries that tie share the gradient."""
    kernel = each(kernel_size, dims, "kernel_size")
    setting = _setting(x, kernel, stride, padding, dilation, ceil_mode)
    return largest(windows_op(x, fill=-np.inf, **setting), axis=_last(dims), name=name)


def avg_pool_nd(
    x: Any,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
    *,
    dims: int,
    name: str | None = None,
) -> Any:
    """The mean of each window over the last `dims` dimensions; zeros of the padding count unless `count_include_pad` is false."""
    kernel = each(kernel_size, dims, "kernel_size")
    setting = _setting(x, kernel, stride, padding, 1, ceil_mode)
    windows = windows_op(x, fill=0.0, **setting)
    rim = each(padding, dims, "padding")
    if divisor_override is not None:
        return multiply(sum(windows, axis=_last(dims)), 1.0 / divisor_override, name=name)
    over = any(p[1] > q for p, q in zip(setting["padding"], rim, strict=True))
    if not over and (count_include_pad or not any(rim)):
        return mean(windows, axis=_last(dims), name=name)
    sizes = known(shape_of(x)[len(shape_of(x)) - dims :], "avg_pool")
    counted = _counts(sizes, rim, count_include_pad, setting)
    weights = (1.0 / counted).astype(windows.dtype)
    return multiply(sum(windows, axis=_last(dims)), weights, name=name)


def _counts(sizes: Sizes, rim: Sizes, with_padding: bool, setting: dict[str, Any]) -> Any:
    """How many entries of each window count."""
    inner: Padding = tuple((p, p) for p in rim)
    there = padded(np.ones(sizes), inner, 1.0 if with_padding else 0.0)
    more = tuple((0, p[1] - q) for p, q in zip(setting["padding"], rim, strict=True))
    there = padded(there, more)
    return view(there, setting["kernel"], setting["stride"], setting["dilation"]).sum(axis=_last(len(sizes)))  # fmt: skip


def _fixed(function: Callable[..., Any], n: int) -> Callable[..., Any]:
    """`function` over the last `n` dimensions, called as PyTorch calls it."""
    what = function.__name__.replace("_nd", f"{n}d")

    def pool(x: Any, kernel_size: Ints, *args: Any, name: str | None = None, **kwargs: Any) -> Any:
        return function(x, kernel_size, *args, dims=n, name=name, **kwargs)

    pool.__name__ = pool.__qualname__ = what
    pool.__doc__ = f"`{function.__name__}` over the last {n} dimension{'s' * (n > 1)}, with PyTorch's arguments."
    given = inspect.signature(function)
    left = [p for p in given.parameters.values() if p.name != "dims"]
    pool.__signature__ = given.replace(parameters=left)  # type: ignore[attr-defined]
    return pool


max_pool1d, max_pool2d = _fixed(max_pool_nd, 1), _fixed(max_pool_nd, 2)
avg_pool1d, avg_pool2d = _fixed(avg_pool_nd, 1), _fixed(avg_pool_nd, 2)


def max_pool(x: Any, pool: Sequence[int], stride: Ints, *, name: str | None = None) -> Any:
    """The largest entry of each window of the sizes `pool`, over as many trailing dimensions (MyGrad's `max_pool`).

    >>> import numpy as np
    >>> from cgraph.nn import functional as nnf
    >>> nnf.max_pool(np.arange(6.0), (2,), 2)
    array([1., 3., 5.])
    """
    return max_pool_nd(x, tuple(pool), stride, dims=len(tuple(pool)), name=name)


def adaptive_avg_pool_nd(x: Any, output_size: Sequence[int | None], *, name: str | None = None) -> Any:  # fmt: skip
    """The mean over windows of nearly equal size, as many along each trailing dimension as `output_size` says (None: as it is).

    A product with one averaging matrix a dimension; windows may overlap by one, as in PyTorch.

    >>> import numpy as np
    >>> from cgraph.nn import functional as nnf
    >>> nnf.adaptive_avg_pool_nd(np.arange(5.0), [2])
    array([1., 3.])
    """
    n = len(output_size)
    sizes = known(shape_of(x)[len(shape_of(x)) - n :], "adaptive_avg_pool")
    for axis, (size, wanted) in enumerate(zip(sizes, output_size, strict=True), -n):
        if wanted is None or wanted == size:
            continue
        matrix = np.zeros((size, wanted), x.dtype)
        for j in range(wanted):
            start, stop = size * j // wanted, -(-size * (j + 1) // wanted)
            matrix[start:stop, j] = 1.0 / (stop - start)
        x = x @ matrix if axis == -1 else swapaxes(swapaxes(x, axis, -1) @ matrix, axis, -1)
    return x if name is None else multiply(x, 1.0, name=name)


def adaptive_avg_pool1d(x: Any, output_size: int, *, name: str | None = None) -> Any:
    """`adaptive_avg_pool_nd` over the last dimension."""
    return adaptive_avg_pool_nd(x, [output_size], name=name)


def adaptive_avg_pool2d(x: Any, output_size: Ints, *, name: str | None = None) -> Any:
    """`adaptive_avg_pool_nd` over the last two dimensions."""
    both = [output_size] * 2 if isinstance(output_size, int) else list(output_size)
    return adaptive_avg_pool_nd(x, both, name=name)


__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool_nd", "avg_pool1d", "avg_pool2d", "avg_pool_nd", "max_pool",
    "max_pool1d", "max_pool2d", "max_pool_nd",
]  # fmt: skip
