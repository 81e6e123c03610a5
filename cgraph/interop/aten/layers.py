"""Layers as modules have them: attention, normalisation, convolution, pooling, resampling, embedding bags."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import cgraph as cg
from cgraph.interop.aten.table import RULES, mask, rule, to_numpy, whole
from cgraph.interop.building import Missing
from cgraph.nn import functional as nnf
from cgraph.node import Node


def _maybe(x: Any) -> Any:
    return None if x is None else whole(x)


# --- attention and normalisation ------------------------------------------------------------------------------------------------------


@rule("scaled_dot_product_attention")
def _attention(
    q: Any,
    k: Any,
    v: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: Any = None,
    enable_gqa: bool = False,
) -> Any:
    if dropout_p:
        raise Missing("scaled_dot_product_attention with dropout (random): call .eval() first")
    q, k, v = map(whole, (q, k, v))
    if enable_gqa:
        k, v = (cg.repeat(x, q.shape[-3] // x.shape[-3], axis=-3) for x in (k, v))
    seen = None if attn_mask is None else mask(attn_mask)
    return nnf.scaled_dot_product_attention(q, k, v, seen, is_causal, scale)


@rule("_scaled_dot_product_flash_attention_for_cpu")
def _flash(
    q: Any,
    k: Any,
    v: Any,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    attn_mask: Any = None,
    scale: Any = None,
) -> Any:
    return (_attention(q, k, v, attn_mask, dropout_p, is_causal, scale=scale), None)


@rule("_scaled_dot_product_attention_math")
def _attention_math(
    q: Any,
    k: Any,
    v: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    dropout_mask: Any = None,
    *,
    scale: Any = None,
    enable_gqa: bool = False,
) -> Any:
    result = _attention(q, k, v, attn_mask, dropout_p, is_causal, scale=scale, enable_gqa=enable_gqa)  # fmt: skip
    return (result, None)


@rule("layer_norm")
def _layer_norm(x: Any, shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5, cudnn: bool = True) -> Any:  # fmt: skip
    return nnf.layer_norm(x, tuple(shape), _maybe(weight), _maybe(bias), eps)


# fmt: off
rule("native_layer_norm")(lambda x, shape, weight, bias, eps: (_layer_norm(x, shape, weight, bias, eps), None, None))
rule("rms_norm", "_fused_rms_norm")(lambda x, shape, weight=None, eps=None: nnf.rms_norm(x, tuple(shape), _maybe(weight), eps))
# fmt: on


@rule("group_norm")
def group_norm(x: Any, groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5, cudnn: bool = True) -> Any:  # fmt: skip
    return nnf.group_norm(x, groups, _maybe(weight), _maybe(bias), eps)


# fmt: off
rule("native_group_norm")(lambda x, weight, bias, n, c, size, groups, eps: (group_norm(x, groups, weight, bias, eps), None, None))
# fmt: on


@rule("batch_norm")
def batch_norm(
    x: Any,
    weight: Any,
    bias: Any,
    mean: Any,
    var: Any,
    training: bool,
    momentum: float,
    eps: float,
    cudnn: bool = True,
) -> Any:
    mean, var = (None, None) if training else (_maybe(mean), _maybe(var))
    return nnf.batch_norm(x, mean, var, _maybe(weight), _maybe(bias), training, eps)


@rule("native_batch_norm", "_native_batch_norm_legit_functional", "_native_batch_norm_legit")
def _native_batch_norm(x: Any, weight: Any, bias: Any, mean: Any, var: Any, *rest: Any) -> Any:
    training, momentum, eps = (mean, *rest) if isinstance(mean, bool) else rest
    # The running statistics are the module's state, not part of what it computes.
    return (batch_norm(x, weight, bias, mean, var, training, momentum, eps), None, None, None, None)


@rule("_native_batch_norm_legit_no_training")
def _native_batch_norm_eval(x: Any, weight: Any, bias: Any, mean: Any, var: Any, momentum: float, eps: float) -> Any:  # fmt: skip
    return (batch_norm(x, weight, bias, mean, var, False, momentum, eps), None, None)


@rule("instance_norm")
def _instance_norm(
    x: Any,
    weight: Any,
    bias: Any,
    mean: Any,
    var: Any,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn: bool = True,
) -> Any:
    if not use_input_stats:
        return batch_norm(x, weight, bias, mean, var, False, momentum, eps)
    return nnf.instance_norm(x, _maybe(weight), _maybe(bias), eps)


@rule("dropout", "alpha_dropout", "feature_dropout", "feature_alpha_dropout", "native_dropout")
def _dropout(x: Any, p: float, train: bool) -> Any:
    if train and p:
        raise Missing("dropout in training mode (random): call .eval() first")
    return x


# --- convolution ----------------------------------------------------------------------------------------------------------------------


def _each(value: Any, rank: int) -> tuple[int, ...]:
    values = (value,) if isinstance(value, int) else tuple(value)
    return values * rank if len(values) == 1 else values


def _single(x: Any, rank: int) -> tuple[Any, bool]:
    """`x` with an axis for the batch, and whether it had none."""
    return (x, False) if x.ndim == rank + 2 else (cg.expand_dims(x, 0), True)


@rule("convolution")
def convolution(
    x: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    output_padding: Any,
    groups: int,
) -> Any:
    weight = whole(weight)
    rank = weight.ndim - 2
    x, single = _single(whole(x), rank)
    setting: dict[str, Any] = {
        "stride": _each(stride, rank), "dilation": _each(dilation, rank), "groups": groups,
        "padding": padding if isinstance(padding, str) else _each(padding, rank),
    }  # fmt: skip
    if transposed:
        setting["output_padding"] = _each(output_padding, rank)
    apply = nnf.conv_transpose_nd if transposed else nnf.conv_nd
    result = apply(x, weight, _maybe(bias), **setting)
    return result[0] if single else result


@rule("conv1d", "conv2d", "conv3d")
def _conv(x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1) -> Any:  # fmt: skip
    return convolution(x, weight, bias, stride, padding, dilation, False, 0, groups)


@rule("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
def _conv_transpose(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    return convolution(x, weight, bias, stride, padding, dilation, True, output_padding, groups)


@rule("conv_tbc")
def _conv_tbc(x: Any, weight: Any, bias: Any, pad: int = 0) -> Any:
    moved = cg.transpose(whole(x), (1, 2, 0))
    result = nnf.conv_nd(moved, cg.transpose(whole(weight), (2, 1, 0)), whole(bias), padding=pad)
    return cg.transpose(result, (2, 0, 1))


@rule("im2col")
def _im2col(x: Any, kernel: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    """`torch.nn.Unfold`: windows as columns, which is a convolution with unit kernels."""
    x, single = _single(whole(x), 2)
    channels, volume = x.shape[1], math.prod(kernel)
    unit = np.eye(volume, dtype=x.dtype).reshape(volume, 1, *kernel)
    kernels = cg.constant(np.tile(unit, (channels, 1, 1, 1)))
    setting: dict[str, Any] = {"stride": _each(stride, 2), "padding": _each(padding, 2), "dilation": _each(dilation, 2)}  # fmt: skip
    taken = nnf.conv_nd(x, kernels, groups=channels, **setting)
    result = cg.reshape(taken, (x.shape[0], channels * volume, -1))
    return result[0] if single else result


@rule("col2im")
def _col2im(x: Any, size: Any, kernel: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    """`torch.nn.Fold`: columns added up where windows overlap, the adjoint of `im2col`."""
    single = x.ndim == 2
    x = cg.expand_dims(whole(x), 0) if single else whole(x)
    n, rows, _ = x.shape
    volume = math.prod(kernel)
    channels = rows // volume
    out = [
        (s + 2 * p - d * (k - 1) - 1) // t + 1
        for s, p, d, k, t in zip(size, _each(padding, 2), _each(dilation, 2), kernel, _each(stride, 2), strict=True)
    ]  # fmt: skip
    unit = np.tile(np.eye(volume, dtype=x.dtype).reshape(volume, 1, *kernel), (channels, 1, 1, 1))
    windows = cg.reshape(x, (n, rows, *out))
    rest = [
        s - ((o - 1) * t - 2 * p + d * (k - 1) + 1)
        for s, o, t, p, d, k in zip(size, out, _each(stride, 2), _each(padding, 2), _each(dilation, 2), kernel, strict=True)
    ]  # fmt: skip
    result = nnf.conv_transpose_nd(
        windows, cg.constant(unit), None, _each(stride, 2), _each(padding, 2), rest, channels, _each(dilation, 2)
    )  # fmt: skip
    return result[0] if single else result


# --- pooling --------------------------------------------------------------------------------------------------------------------------


def _max_pool(rank: int) -> Callable[..., Any]:
    def pool(x: Any, kernel_size: Any, stride: Any = (), padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False) -> Any:  # fmt: skip
        window = _each(kernel_size, rank)
        steps = _each(stride, rank) if stride not in ((), [], None) else window
        return nnf.max_pool_nd(
            x, window, steps, _each(padding, rank), _each(dilation, rank), ceil_mode, dims=rank
        )

    return pool


def _avg_pool(rank: int) -> Callable[..., Any]:
    def pool(
        x: Any,
        kernel_size: Any,
        stride: Any = (),
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: Any = None,
    ) -> Any:
        window = _each(kernel_size, rank)
        steps = _each(stride, rank) if stride not in ((), [], None) else window
        return nnf.avg_pool_nd(
            x, window, steps, _each(padding, rank), ceil_mode, count_include_pad, divisor_override, dims=rank
        )  # fmt: skip

    return pool


def _with_places(pool: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **options: (pool(*args, **options), None)


for _rank in (1, 2, 3):
    RULES[f"max_pool{_rank}d"] = _max_pool(_rank)
    RULES[f"avg_pool{_rank}d"] = _avg_pool(_rank)
    RULES[f"max_pool{_rank}d_with_indices"] = _with_places(_max_pool(_rank))


def _blocks(n: int, k: int) -> list[slice]:
    """The windows of adaptive pooling: as many as wanted, of nearly equal size, overlapping by at most one."""
    return [slice(i * n // k, -(-(i + 1) * n // k)) for i in range(k)]


@rule(
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "_adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "_adaptive_avg_pool3d",
)
def _adaptive_avg_pool(x: Any, output_size: Any) -> Any:
    rank = len(output_size)
    if all(n == 1 for n in output_size):
        return cg.mean(x, axis=tuple(range(x.ndim - rank, x.ndim)), keepdims=True)
    sizes = x.shape[x.ndim - rank :]
    if all(n % k == 0 for n, k in zip(sizes, output_size, strict=True)):
        window = [n // k for n, k in zip(sizes, output_size, strict=True)]
        return _avg_pool(rank)(x, window)
    return nnf.adaptive_avg_pool_nd(x, list(output_size))


@rule("adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d")
def _adaptive_max_pool(x: Any, output_size: Any) -> Any:
    rank = len(output_size)
    for axis, k in enumerate(output_size, x.ndim - rank):
        blocks = _blocks(x.shape[axis], k)
        rows = [cg.max(x[(*(slice(None),) * axis, block)], axis=axis) for block in blocks]
        x = cg.stack(rows, axis)
    return (x, None)


# --- resampling -----------------------------------------------------------------------------------------------------------------------


def _axis_weights(n: int, m: int, mode: str, align: bool, scale: float | None, dtype: Any) -> Any:
    """The matrix (m, n) that resamples one axis: what each new place takes of each old one."""
    # As PyTorch computes places: corners on corners, or areas on areas.
    step = 1 / scale if scale and scale > 0 else n / m
    to = np.arange(m)
    if mode == "nearest":
        at = np.minimum(np.floor(to * step), n - 1).astype(int)
        return np.eye(n, dtype=dtype)[at]
    if mode == "nearest-exact":
        at = np.minimum(np.floor((to + 0.5) * step), n - 1).astype(int)
        return np.eye(n, dtype=dtype)[at]
    place = to * ((n - 1) / (m - 1) if m > 1 else 0.0) if align else (to + 0.5) * step - 0.5
    weights = np.zeros((m, n))
    if mode == "linear":
        place = np.maximum(place, 0.0)
        low = np.minimum(np.floor(place).astype(int), n - 1)
        part = place - low
        np.add.at(weights, (to, low), 1 - part)
        np.add.at(weights, (to, np.minimum(low + 1, n - 1)), part)
        return weights.astype(dtype)
    low = np.floor(place).astype(int)  # cubic convolution with a = -0.75
    a, t = -0.75, place - low
    for offset in (-1, 0, 1, 2):
        d = np.abs(t - offset)
        near = ((a + 2) * d - (a + 3)) * d * d + 1
        far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
        np.add.at(weights, (to, np.clip(low + offset, 0, n - 1)), np.where(d <= 1, near, far))
    return weights.astype(dtype)


def resampled(x: Any, sizes: Any, mode: str, align: bool, scales: Any) -> Any:
    first = x.ndim - len(sizes)
    for axis, (m, scale) in enumerate(zip(sizes, scales, strict=True), first):
        weights = cg.constant(_axis_weights(x.shape[axis], m, mode, align, scale, x.dtype))
        moved = cg.matmul(cg.swapaxes(x, axis, -1), cg.transpose(weights))
        x = cg.swapaxes(moved, axis, -1)
    return x


def _upsample(mode: str, rank: int, aligned: bool) -> Callable[..., Any]:
    def resample(x: Any, size: Any, *rest: Any) -> Any:
        align = bool(rest[0]) if aligned else False
        given: list[Any] = list(rest[1:] if aligned else rest)
        factors = given[0] if len(given) == 1 and isinstance(given[0], list | tuple) else given
        scales = list(factors or [None] * rank)
        if size is None:
            size = [int(n * s) for n, s in zip(x.shape[x.ndim - rank :], scales, strict=True)]
        scales = scales + [None] * (rank - len(scales))
        return resampled(x, tuple(size), mode, align, scales)

    return resample


for _rank, _name in ((1, "linear"), (2, "bilinear"), (3, "trilinear")):
    RULES[f"upsample_{_name}{_rank}d"] = _upsample("linear", _rank, True)
    RULES[f"upsample_nearest{_rank}d"] = _upsample("nearest", _rank, False)
    RULES[f"_upsample_nearest_exact{_rank}d"] = _upsample("nearest-exact", _rank, False)
RULES["upsample_bicubic2d"] = _upsample("cubic", 2, True)


@rule("affine_grid_generator")
def _affine_grid(theta: Any, size: Any, align_corners: bool) -> Any:
    lines = [np.linspace(-1, 1, n) * (1 if align_corners else (n - 1) / n) if n > 1 else np.zeros(1) for n in size[2:]]  # fmt: skip
    planes = np.meshgrid(*lines, indexing="ij")[::-1]
    base = np.stack([*planes, np.ones(planes[0].shape)], -1).astype(whole(theta).dtype)
    flat = cg.matmul(base.reshape(-1, base.shape[-1]), cg.swapaxes(whole(theta), -1, -2))
    return cg.reshape(flat, (size[0], *size[2:], len(size) - 2))


@rule("grid_sampler", "grid_sampler_2d")
def _grid_sample(x: Any, grid: Any, interpolation: int, padding: int, align_corners: bool) -> Any:
    if interpolation != 0 or padding not in (0, 1) or x.ndim != 4:
        raise Missing("grid_sample other than bilinear in two dimensions, with zeros or border")
    x, grid = whole(x), whole(grid)
    n, channels, h, w = x.shape
    flat = cg.reshape(cg.transpose(x, (0, 2, 3, 1)), (n * h * w, channels))
    first = np.arange(n).reshape(n, 1, 1) * (h * w)

    def pixel(v: Any, size: int) -> Any:
        place = (v + 1.0) * ((size - 1) / 2) if align_corners else ((v + 1.0) * size - 1.0) * 0.5
        return cg.clip(place, 0.0, float(size - 1)) if padding == 1 else place

    across, down = pixel(grid[..., 0], w), pixel(grid[..., 1], h)
    left, top = cg.floor(across), cg.floor(down)
    total: Any = 0.0
    for dx in (0, 1):
        for dy in (0, 1):
            col, row = left + float(dx), top + float(dy)
            share_x = across - left if dx else left + 1.0 - across
            share_y = down - top if dy else top + 1.0 - down
            inside = (col >= 0) & (col <= w - 1) & (row >= 0) & (row <= h - 1)
            at = cg.cast(cg.clip(row, 0, h - 1), np.int64) * w + cg.cast(cg.clip(col, 0, w - 1), np.int64)  # fmt: skip
            share = cg.where(inside, share_x * share_y, 0.0)
            total = total + cg.take(flat, at + first, axis=0) * cg.expand_dims(share, -1)
    return cg.transpose(total, (0, 3, 1, 2))


# --- embedding bags -------------------------------------------------------------------------------------------------------------------


@rule("embedding_bag", "_embedding_bag", "_embedding_bag_forward_only")
def _embedding_bag(
    weight: Any,
    indices: Any,
    offsets: Any,
    scale_grad: bool = False,
    mode: int = 0,
    sparse: bool = False,
    per_sample_weights: Any = None,
    include_last_offset: bool = False,
    padding_idx: Any = -1,
) -> Any:
    if isinstance(indices, Node) or isinstance(offsets, Node):
        raise Missing("embedding_bag at what depends on the arguments")
    ids, starts = to_numpy(indices), to_numpy(offsets)
    bags = len(starts) - include_last_offset
    ends = starts[1:] if include_last_offset else [*starts[1:], len(ids)]
    rows = []
    for bag in range(bags):
        at = np.arange(int(starts[bag]), int(ends[bag]))
        at = at[ids[at] != padding_idx] if padding_idx is not None and padding_idx >= 0 else at
        taken = whole(weight)[ids[at]]
        if per_sample_weights is not None:
            taken = taken * cg.expand_dims(whole(per_sample_weights)[at], -1)
        if not len(at):
            rows.append(cg.constant(np.zeros(whole(weight).shape[1], whole(weight).dtype)))
        else:
            reduce: Any = (cg.sum, cg.mean, cg.max)[mode]
            rows.append(reduce(taken, axis=0))
    return (cg.stack(rows), None, None, None)
