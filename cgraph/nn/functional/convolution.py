"""Convolutions of any number of dimensions, with stride, padding, dilation and groups, and their transposes.

A convolution y = x ∗ w is linear in both, and ⟨x ∗ w, u⟩ is linear in three. Its three ways of solving for one of them are three ops:
`conv` for y, `conv_data` for x (the transposed convolution), `conv_kernel` for w. The derivative of each with respect to either operand
is one of the others, so that every order of derivative is at hand. Each is one matrix product over windows (im2col). Layouts are
PyTorch's: data (N, C, ...), kernels (O, C/groups, ...), and "convolution" means cross-correlation, as in all of deep learning.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar

import numpy as np

from cgraph.batching import with_axis
from cgraph.errors import ShapeError, UnsupportedError
from cgraph.linear_maps import Adjoint, LinearMap
from cgraph.nn.functional.sliding import Padding, Sizes, each, folded, known, out_size, padded, view
from cgraph.op import Op
from cgraph.ops.define import F, op, shape_of
from cgraph.ops.elementwise import add
from cgraph.ops.structure import expand_dims, reshape, squeeze, swapaxes
from cgraph.shapes import Shape, is_static

Ints = int | Sequence[int]
Conv = TypeVar("Conv", bound=Callable[..., Any])


def _columns(x: Any, kernel: Sizes, stride: Sizes, dilation: Sizes, padding: Padding, groups: int) -> tuple[Any, Sizes]:  # fmt: skip
    """The windows of `x` as rows of one matrix a group: (groups, N·out, C/groups·kernel), and the sizes of out."""
    n = len(kernel)
    w = view(padded(x, padding), kernel, stride, dilation)
    batch, channels = x.shape[:2]
    outs = w.shape[2 : 2 + n]
    w = w.reshape(batch, groups, channels // groups, *outs, *kernel)
    axes = (1, 0, *range(3, 3 + n), 2, *range(3 + n, 3 + 2 * n))
    length = channels // groups * math.prod(kernel)
    return w.transpose(axes).reshape(groups, batch * math.prod(outs), length), outs


def _by_group(u: Any, groups: int) -> Any:
    """Data (N, O, out...) as (groups, N·out, O/groups)."""
    batch, out = u.shape[:2]
    u = u.reshape(batch, groups, out // groups, math.prod(u.shape[2:]))
    return u.transpose(1, 0, 3, 2).reshape(groups, batch * u.shape[3], out // groups)


def _conv(x: Any, w: Any, stride: Sizes, padding: Padding, dilation: Sizes, groups: int) -> Any:
    kernel = w.shape[2:]
    columns, outs = _columns(x, kernel, stride, dilation, padding, groups)
    flat = w.reshape(groups, w.shape[0] // groups, columns.shape[2])
    y = columns @ flat.transpose(0, 2, 1)  # (groups, N·out, O/groups)
    y = y.reshape(groups, x.shape[0], math.prod(outs), w.shape[0] // groups)
    return y.transpose(1, 0, 3, 2).reshape(x.shape[0], w.shape[0], *outs)


def _conv_data(u: Any, w: Any, sizes: Sizes, stride: Sizes, padding: Padding, dilation: Sizes, groups: int) -> Any:  # fmt: skip
    kernel, outs = w.shape[2:], u.shape[2:]
    n, per_group = len(kernel), w.shape[1]
    flat = w.reshape(groups, w.shape[0] // groups, per_group * math.prod(kernel))
    windows = (_by_group(u, groups) @ flat).reshape(groups, u.shape[0], *outs, per_group, *kernel)
    axes = (1, 0, 2 + n, *range(2, 2 + n), *range(3 + n, 3 + 2 * n))
    windows = windows.transpose(axes).reshape(u.shape[0], groups * per_group, *outs, *kernel)
    return folded(windows, sizes, stride, dilation, padding)


def _conv_kernel(x: Any, u: Any, kernel: Sizes, stride: Sizes, padding: Padding, dilation: Sizes, groups: int) -> Any:  # fmt: skip
    columns = _columns(x, kernel, stride, dilation, padding, groups)[0]
    w = columns.transpose(0, 2, 1) @ _by_group(u, groups)  # (groups, C/groups·kernel, O/groups)
    return w.transpose(0, 2, 1).reshape(u.shape[1], x.shape[1] // groups, *kernel)


# --- as ops -------------------------------------------------------------------------------------------------------------------


def _conv_shape(x: Shape, w: Shape, stride: Sizes, padding: Padding, dilation: Sizes, groups: int) -> Shape:  # fmt: skip
    n = len(stride)
    if len(x) != n + 2 or len(w) != n + 2:
        raise ShapeError(f"data (N, C, ...) and a kernel (O, C/groups, ...) of {n} spatial dimensions are needed")  # fmt: skip
    out, per_group, *kernel = known(w, "conv")
    if x[1] is not None and x[1] != per_group * groups:
        fitting = f" ({groups} groups of {per_group})" if groups > 1 else ""
        raise ShapeError(f"{x[1]} channels do not fit a kernel for {per_group * groups}{fitting}")
    if out % groups:
        raise ShapeError(f"{out} kernels cannot be divided among {groups} groups")
    return (x[0], out, *map(out_size, x[2:], kernel, stride, dilation, padding))


def _params(params: dict[str, Any]) -> dict[str, Any]:
    return {k: params[k] for k in ("stride", "padding", "dilation", "groups")}


def _of(x: Any) -> Sizes:
    return known(x.shape[2:], "the gradient of a convolution")


def _conv_by_x(out: Any, x: Any, w: Any, **p: Any) -> LinearMap:
    sizes = _of(x)
    return Adjoint(lambda t: conv_op(t, w, **p), lambda u: conv_data_op(u, w, sizes=sizes, **p))


def _conv_by_w(out: Any, x: Any, w: Any, **p: Any) -> LinearMap:
    kernel = _of(w)
    return Adjoint(lambda t: conv_op(x, t, **p), lambda u: conv_kernel_op(x, u, kernel=kernel, **p))  # fmt: skip


def _data_by_u(out: Any, u: Any, w: Any, sizes: Sizes, **p: Any) -> LinearMap:
    return Adjoint(lambda t: conv_data_op(t, w, sizes=sizes, **p), lambda g: conv_op(g, w, **p))


def _data_by_w(out: Any, u: Any, w: Any, sizes: Sizes, **p: Any) -> LinearMap:
    kernel = _of(w)
    return Adjoint(
        lambda t: conv_data_op(u, t, sizes=sizes, **p),
        lambda g: conv_kernel_op(g, u, kernel=kernel, **p),
    )


def _kernel_by_x(out: Any, x: Any, u: Any, kernel: Sizes, **p: Any) -> LinearMap:
    sizes = _of(x)
    return Adjoint(
        lambda t: conv_kernel_op(t, u, kernel=kernel, **p),
        lambda g: conv_data_op(u, g, sizes=sizes, **p),
    )


def _kernel_by_u(out: Any, x: Any, u: Any, kernel: Sizes, **p: Any) -> LinearMap:
    return Adjoint(lambda t: conv_kernel_op(x, t, kernel=kernel, **p), lambda g: conv_op(x, g, **p))  # fmt: skip


def _example_of(kind: str) -> Any:
    def example(rng: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        groups = int(rng.integers(1, 3))
        p: dict[str, Any] = {
            "stride": (int(rng.integers(1, 3)), 1),
            "padding": ((int(rng.integers(2)), int(rng.integers(2))), (0, 0)),
            "dilation": (1, int(rng.integers(1, 3))),
            "groups": groups,
        }
        x = rng.normal(size=(int(rng.integers(0, 3)), groups, 3, 3))
        w = rng.normal(size=(2 * groups, 1, 2, 2))
        u = rng.normal(size=_conv_shape(x.shape, w.shape, **p))
        if kind == "conv":
            return (x, w), p
        if kind == "data":
            return (u, w), {**p, "sizes": x.shape[2:]}
        return (x, u), {**p, "kernel": w.shape[2:]}

    return example


def _side_by_side(x: Any, behind: bool) -> Any:
    """Many (V, N, C, ...) as one: channels side by side (N, V·C, ...), or `behind` one another in front (V·N, C, ...)."""
    many, first, second, *rest = x.shape
    if behind:
        return reshape(x, (many * first, second, *rest))
    return reshape(swapaxes(x, 0, 1), (first, many * second, *rest))


def _for_many(kernels: tuple[bool, bool, bool]) -> Any:
    """The batching rule: data of many convolutions with one kernel are more examples; with a kernel each, more groups.

    Args:
        kernels: which of the two operands and the result are kernels, (O, C/groups, ...), rather than data, (N, C, ...).
    """

    def rule(node: Any, operands: list[Any], has: list[bool], size: int) -> Any:
        if not all(map(is_static, (*(x.shape for x in operands), node.shape))) or size == 0:
            return None
        a, b = operands
        if has == [True, False] and kernels == (False, True, False):
            y = node.op(_side_by_side(a, True), b, **node.params)
            return reshape(y, (size, *node.shape))
        wide = [with_axis(x, h, size) for x, h in zip(operands, has, strict=True)]
        flat = [_side_by_side(x, k) for x, k in zip(wide, kernels, strict=False)]
        y = node.op(*flat, **{**node.params, "groups": node.params["groups"] * size})
        if kernels[2]:
            return reshape(y, (size, *node.shape))
        first, second, *rest = node.shape
        return swapaxes(reshape(y, (first, size, second, *rest)), 0, 1)

    return rule


# fmt: off
conv_op: Op = op(
    "nn.conv", _conv, _conv_by_x, _conv_by_w, shape=_conv_shape, family="linalg", role="linear", symbol="∗",
    formula=F("$a ∗ $b", "$a * $b", "upstream ∗ᵀ $b", "$a ∗ upstream"), batch=_for_many((False, True, False)), example=_example_of("conv"),
)
conv_data_op: Op = op(
    "nn.conv_data", _conv_data, _data_by_u, _data_by_w,
    shape=lambda u, w, sizes, stride, padding, dilation, groups: (u[0], w[1] * groups, *sizes), family="linalg", role="linear", symbol="∗ᵀ",
    formula=F("$a ∗ᵀ $b", "$a *^T $b", "upstream ∗ $b", "upstream ∗ $a"),
    doc="The transposed convolution: the adjoint of a convolution with respect to its data.", batch=_for_many((False, True, False)),
    example=_example_of("data"),
)
conv_kernel_op: Op = op(
    "nn.conv_kernel", _conv_kernel, _kernel_by_x, _kernel_by_u,
    shape=lambda x, u, kernel, stride, padding, dilation, groups: (u[1], None if x[1] is None else x[1] // groups, *kernel),
    family="linalg", role="linear", symbol="∗ₖ",
    formula=F("$a ∗ $b, over the examples", r"\sum $a * $b", "$b ∗ᵀ upstream", "$a ∗ upstream"),
    doc="The adjoint of a convolution with respect to its kernel: a convolution over the examples.", batch=_for_many((False, False, True)),
    example=_example_of("kernel"),
)
# fmt: on


# --- for users ----------------------------------------------------------------------------------------------------------------


def _padding(padding: Any, kernel: Sizes, stride: Sizes, dilation: Sizes) -> Padding:
    n = len(kernel)
    if padding == "valid":
        return ((0, 0),) * n
    if padding == "same":
        if any(s != 1 for s in stride):
            raise ShapeError('conv: padding="same" needs a stride of 1')
        total = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        return tuple((t // 2, t - t // 2) for t in total)
    if isinstance(padding, str):
        raise ValueError(f"conv: padding is a number, 'same' or 'valid', not {padding!r}")
    if not isinstance(padding, int | np.integer) and any(np.ndim(p) for p in padding):
        return tuple((int(a), int(b)) for a, b in padding)
    return tuple((p, p) for p in each(padding, n, "padding"))


def _with_bias(y: Any, bias: Any, n: int, name: str | None) -> Any:
    return add(y, reshape(bias, (-1, *(1,) * n)), name=name)


def conv_nd(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Ints = 1,
    padding: Any = 0,
    dilation: Ints = 1,
    groups: int = 1,
    *,
    name: str | None = None,
) -> Any:
    """The cross-correlation of `x` (N, C, ...) with the kernels `weight` (O, C/groups, ...), over as many dimensions as the kernels have.

    Args:
        bias: (O,), added to every window.
        stride, dilation: a number for all dimensions, or one for each.
        padding: zeros around `x`: a number, one for each dimension, a pair for each, "same" or "valid".
        groups: channels and kernels are divided into as many groups, each seeing its own.

    Returns:
        (N, O, out...), with out = ⌊(n + padding − dilation·(k − 1) − 1) / stride⌋ + 1.

    Raises:
        ShapeError: when the shapes do not fit, or no window does.

    >>> import cgraph as cg
    >>> from cgraph.nn import functional as nnf
    >>> x, w = cg.input("x", shape=(None, 3, 8, 8)), cg.input("w", shape=(6, 3, 3, 3))
    >>> nnf.conv2d(x, w, stride=2, padding=1).shape
    (None, 6, 4, 4)
    """
    kernel = known(shape_of(weight)[2:], "conv")
    n = len(kernel)
    steps, spread = each(stride, n, "stride"), each(dilation, n, "dilation")
    single = len(shape_of(x)) == n + 1
    y = conv_op(
        expand_dims(x, 0) if single else x,
        weight,
        stride=steps,
        padding=_padding(padding, kernel, steps, spread),
        dilation=spread,
        groups=int(groups),
        name=name if bias is None and not single else None,
    )
    if bias is not None:
        y = _with_bias(y, bias, n, None if single else name)
    return squeeze(y, 0, name=name) if single else y


def conv_transpose_nd(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Ints = 1,
    padding: Ints = 0,
    output_padding: Ints = 0,
    groups: int = 1,
    dilation: Ints = 1,
    *,
    name: str | None = None,
) -> Any:
    """The transposed convolution of `x` (N, C, ...) with `weight` (C, O/groups, ...): the adjoint of `conv_nd` with respect to its data.

    Returns:
        (N, O, out...), with out = (n − 1)·stride − 2·padding + dilation·(k − 1) + output_padding + 1.

    >>> import cgraph as cg
    >>> from cgraph.nn import functional as nnf
    >>> x, w = cg.input("x", shape=(1, 3, 4, 4)), cg.input("w", shape=(3, 2, 2, 2))
    >>> nnf.conv_transpose2d(x, w, stride=2).shape
    (1, 2, 8, 8)
    """
    kernel = known(shape_of(weight)[2:], "conv_transpose")
    n = len(kernel)
    steps, spread = each(stride, n, "stride"), each(dilation, n, "dilation")
    rim = each(padding, n, "padding")
    more = each(output_padding, n, "padding")
    if len(shape_of(x)) != n + 2 or shape_of(x)[1] not in (None, shape_of(weight)[0]):
        raise ShapeError(f"conv_transpose: data {shape_of(x)} do not fit kernels {shape_of(weight)}")  # fmt: skip
    inner = known(shape_of(x)[2:], "conv_transpose")
    sizes = tuple(
        (m - 1) * s - 2 * p + d * (k - 1) + o + 1
        for m, s, p, d, k, o in zip(inner, steps, rim, spread, kernel, more, strict=True)
    )
    # Output padding of a stride or more would be another window's place in the convolution this is the adjoint of; it is padding less.
    beyond = tuple(max(0, o - s + 1) for o, s in zip(more, steps, strict=True))
    if any(e > p for e, p in zip(beyond, rim, strict=True)):
        raise UnsupportedError(
            f"conv_transpose: output_padding {more} with stride {steps} and padding {rim}; pad the result with cg.pad instead"
        )
    y = conv_data_op(
        x,
        weight,
        sizes=sizes,
        stride=steps,
        padding=tuple((p, p - e) for p, e in zip(rim, beyond, strict=True)),
        dilation=spread,
        groups=int(groups),
        name=name if bias is None else None,
    )
    return y if bias is None else _with_bias(y, bias, n, name)


def _fixed(function: Conv, n: int, what: str) -> Conv:
    """`function` for kernels of `n` dimensions alone."""

    @wraps(function)
    def conv(x: Any, weight: Any, *args: Any, **options: Any) -> Any:
        if len(shape_of(weight)) != n + 2:
            raise ShapeError(f"{what}: kernels of {n + 2} dimensions are needed; got {shape_of(weight)}")  # fmt: skip
        return function(x, weight, *args, **options)

    conv.__name__ = conv.__qualname__ = what
    conv.__doc__ = f"`{function.__name__}` over {n} dimension{'s' * (n > 1)}, with PyTorch's arguments in PyTorch's order."
    return conv  # type: ignore[return-value]


conv1d, conv2d, conv3d = (_fixed(conv_nd, n, f"conv{n}d") for n in (1, 2, 3))
conv_transpose1d, conv_transpose2d, conv_transpose3d = (
    _fixed(conv_transpose_nd, n, f"conv_transpose{n}d") for n in (1, 2, 3)
)

__all__ = [
    "conv1d", "conv2d", "conv3d", "conv_nd", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "conv_transpose_nd",
]  # fmt: skip
