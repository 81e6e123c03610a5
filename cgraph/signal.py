"""Convolution of arrays of any number of dimensions: `scipy.signal.convolve` on nodes.

The same ops as the convolutions of neural nets (`cgraph.nn.functional`), with the kernel turned round, as signal processing has it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from cgraph.errors import ShapeError
from cgraph.nn.functional.convolution import conv_op
from cgraph.nn.functional.sliding import known
from cgraph.op import is_node
from cgraph.ops.define import shape_of
from cgraph.ops.structure import reshape, transpose

Mode = Literal["full", "valid", "same"]
Axes = Sequence[int]


def _operand(x: Any) -> Any:
    if is_node(x):
        return x
    x = np.asarray(x)
    return x if x.dtype.kind == "f" else x.astype(np.float64)


def _sizes(shape: Sequence[int], axes: Axes) -> list[int]:
    return [shape[i] for i in axes]


def convolve(
    in1: Any,
    in2: Any,
    axes: Any = None,
    dot_axes: tuple[Axes, Axes] = ((), ()),
    mode: Mode | None = None,
    *,
    method: str = "auto",
    name: str | None = None,
) -> Any:
    """The convolution of two arrays.

    Args:
        axes: which axes are convolved, as a pair of sequences, one an operand; all of both by default. (A string is taken as `mode`,
            so that SciPy's ``convolve(a, b, "valid")`` works.)
        dot_axes: which axes are multiplied and summed, as a pair; all that are left appear in the result, those of `in1` first.
        mode: "full" (default), "valid" (where they overlap completely; either may be the larger), or "same" (of the size of `in1`).
        method: accepted, as in SciPy; the sums are always taken directly.

    Returns:
        The remaining axes of `in1`, those of `in2`, then the convolved ones.

    Raises:
        ShapeError: when axes do not fit, or neither operand is the larger in "valid" mode.

    >>> import cgraph as cg
    >>> a, b = cg.parameter("a", [1.0, 2.0, 3.0]), cg.parameter("b", [0.0, 1.0, 0.5])
    >>> y = cg.signal.convolve(a, b)
    >>> run = y[1].backward()
    >>> run.value(y), run.grad(b)
    (array([0. , 1. , 2.5, 4. , 1.5]), array([2., 1., 0.]))
    """
    if isinstance(axes, str):
        axes, mode = None, axes
    mode = "full" if mode is None else mode
    if mode not in ("full", "valid", "same"):
        raise ValueError(f"convolve: mode is 'full', 'valid' or 'same', not {mode!r}")
    a, b = _operand(in1), _operand(in2)
    sa, sb = known(shape_of(a), "convolve"), known(shape_of(b), "convolve")
    if axes is None:
        if len(sa) != len(sb):
            raise ShapeError(
                f"convolve: {len(sa)} and {len(sb)} dimensions; say which axes= are convolved"
            )
        axes = (range(len(sa)), range(len(sb)))
    conv_a, conv_b = ([i % len(s) for i in own] for own, s in zip(axes, (sa, sb), strict=True))
    dot_a, dot_b = ([i % len(s) for i in own] for own, s in zip(dot_axes, (sa, sb), strict=True))
    if len(conv_a) != len(conv_b) or _sizes(sa, dot_a) != _sizes(sb, dot_b):
        raise ShapeError(
            f"convolve: axes {axes} and dot_axes {dot_axes} do not fit shapes {sa} and {sb}"
        )
    left_a = [i for i in range(len(sa)) if i not in (*conv_a, *dot_a)]
    left_b = [i for i in range(len(sb)) if i not in (*conv_b, *dot_b)]
    size_a, size_b = _sizes(sa, conv_a), _sizes(sb, conv_b)
    swapped = mode == "valid" and any(m < n for m, n in zip(size_a, size_b, strict=True))
    if swapped and any(m > n for m, n in zip(size_a, size_b, strict=True)):
        raise ShapeError(
            f"convolve: in valid mode one operand has to be the larger in every dimension; got {sa} and {sb}"
        )
    data = _arranged(a, sa, left_a, dot_a, conv_a)
    kernel = _arranged(b, sb, left_b, dot_b, conv_b)
    if swapped:
        data, kernel, size_a, size_b = kernel, data, size_b, size_a
    kernel = kernel[(slice(None), slice(None), *(slice(None, None, -1),) * len(size_b))]
    n = len(size_a)
    if 0 in (*size_a, *size_b):
        raise ShapeError(f"convolve: nothing to convolve in shapes {sa} and {sb}")
    pad = {
        "valid": [(0, 0)] * n,
        "full": [(k - 1, k - 1) for k in size_b],
        "same": [(k - 1 - (k - 1) // 2, (k - 1) // 2) for k in size_b],
    }[mode]
    if n == 0:  # nothing is convolved: one axis of size 1
        data, kernel, pad = reshape(data, (*shape_of(data), 1)), reshape(kernel, (*shape_of(kernel), 1)), [(0, 0)]  # fmt: skip
    ones = (1,) * max(n, 1)
    y = conv_op(data, kernel, stride=ones, padding=tuple(pad), dilation=ones, groups=1)
    if swapped:
        y = transpose(y, (1, 0, *range(2, 2 + n)))
    outs = shape_of(y)[2:] if n else ()
    return reshape(y, (*_sizes(sa, left_a), *_sizes(sb, left_b), *outs), name=name)


def _arranged(x: Any, shape: Sequence[int], left: list[int], dot: list[int], conv: list[int]) -> Any:  # fmt: skip
    """As (what is left, what is summed, what is convolved...)."""
    order = [*left, *dot, *conv]
    moved = x if order == list(range(len(shape))) else transpose(x, order)
    return reshape(
        moved,
        (
            math.prod(_sizes(shape, left)),
            math.prod(_sizes(shape, dot)),
            *_sizes(shape, conv),
        ),
    )


def fftconvolve(
    in1: Any,
    in2: Any,
    mode: Mode = "full",
    axes: Any = None,
    *,
    name: str | None = None,
) -> Any:
    """`convolve` of two arrays of as many dimensions, by multiplying their spectra: faster for long kernels, a digit or two less exact.

    >>> import numpy as np
    >>> import cgraph as cg
    >>> cg.signal.fftconvolve(np.array([1.0, 2.0]), np.array([1.0, 1.0])).round(12)
    array([1., 3., 2.])
    """
    from cgraph import fft

    a, b = _operand(in1), _operand(in2)
    sa, sb = known(shape_of(a), "fftconvolve"), known(shape_of(b), "fftconvolve")
    if len(sa) != len(sb):
        raise ShapeError(f"fftconvolve: {len(sa)} and {len(sb)} dimensions")
    over = (
        list(range(len(sa)))
        if axes is None
        else [i % len(sa) for i in ([axes] if isinstance(axes, int) else axes)]
    )
    if mode == "valid" and any(sa[i] < sb[i] for i in over):
        a, b, sa, sb = b, a, sb, sa
    sizes = [sa[i] + sb[i] - 1 for i in over]
    full = fft.irfftn(fft.rfftn(a, sizes, over) * fft.rfftn(b, sizes, over), sizes, over)
    if mode == "full":
        return reshape(full, shape_of(full), name=name) if name else full
    index = [slice(None)] * len(sa)
    for i in over:
        start, size = (
            ((sb[i] - 1) // 2, sa[i]) if mode == "same" else (sb[i] - 1, sa[i] - sb[i] + 1)
        )
        index[i] = slice(start, start + size)
    return full[tuple(index)]


__all__ = ["convolve", "fftconvolve"]
