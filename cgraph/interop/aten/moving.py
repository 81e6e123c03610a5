"""Ops that move entries: shapes, slices, joining, padding."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import cgraph as cg
from cgraph.interop.aten.table import RULES, node, rule, whole
from cgraph.interop.building import Missing


@rule("view", "reshape", "_unsafe_view", "_reshape_copy", "view_copy", "_reshape_alias")
def _view(x: Any, shape: Any, *unused: Any) -> Any:
    if not isinstance(shape, list | tuple):
        raise Missing("view as another dtype")
    return cg.reshape(x, tuple(shape))


@rule("reshape_as")
def _reshape_as(x: Any, other: Any) -> Any:
    return cg.reshape(x, tuple(other.shape))


RULES["view_as"] = _reshape_as


@rule("flatten", "ravel")
def _flatten(x: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    if x.ndim == 0:
        return cg.reshape(x, (1,))
    start, end = start_dim % x.ndim, end_dim % x.ndim
    middle = math.prod(x.shape[start : end + 1])
    return cg.reshape(x, (*x.shape[:start], middle, *x.shape[end + 1 :]))


@rule("unflatten")
def _unflatten(x: Any, dim: int, sizes: Any) -> Any:
    dim %= x.ndim
    sizes = list(sizes)
    if -1 in sizes:
        rest = math.prod(n for n in sizes if n != -1)
        sizes[sizes.index(-1)] = x.shape[dim] // rest
    return cg.reshape(x, (*x.shape[:dim], *sizes, *x.shape[dim + 1 :]))


rule("unsqueeze")(lambda x, dim: cg.expand_dims(x, dim))


@rule("squeeze")
def _squeeze(x: Any, dim: Any = None) -> Any:
    dims = range(x.ndim) if dim is None else [dim] if isinstance(dim, int) else dim
    gone = {d % x.ndim for d in dims if x.shape[d] == 1} if x.ndim else set()
    kept = tuple(n for i, n in enumerate(x.shape) if i not in gone)
    return x if kept == x.shape else cg.reshape(x, kept)


rule("permute")(lambda x, dims: cg.transpose(x, tuple(d % x.ndim for d in dims)) if x.ndim else x)
rule("transpose", "swapaxes")(lambda x, a, b: x if x.ndim == 0 else cg.swapaxes(x, a, b))
rule("movedim", "moveaxis")(lambda x, source, destination: cg.moveaxis(x, source, destination))
rule("t", "numpy_T")(lambda x: cg.transpose(x) if x.ndim > 1 else x)
rule("mT", "adjoint", "mH", "matrix_H")(lambda x: cg.swapaxes(x, -1, -2))


@rule("expand", "broadcast_to")
def _expand(x: Any, sizes: Any, implicit: bool = False) -> Any:
    lead = len(sizes) - x.ndim
    shape = tuple(x.shape[i - lead] if n == -1 else n for i, n in enumerate(sizes))
    return x if shape == x.shape else cg.broadcast_to(x, shape)


rule("expand_as")(lambda x, other: _expand(x, other.shape))


@rule("broadcast_tensors")
def _broadcast_tensors(tensors: Any) -> Any:
    shape = np.broadcast_shapes(*(tuple(t.shape) for t in tensors))
    return [_expand(whole(t), shape) for t in tensors]


@rule("repeat", "tile")
def _repeat(x: Any, repeats: Any) -> Any:
    repeats = (1,) * (x.ndim - len(repeats)) + tuple(repeats)
    return cg.tile(x, repeats)


@rule("repeat_interleave")
def _repeat_interleave(x: Any, repeats: Any, dim: Any = None, **unused: Any) -> Any:
    times = repeats if isinstance(repeats, int) else np.asarray(repeats)
    return cg.repeat(x, times, dim)


@rule("slice", "slice_copy")
def _slice(x: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Any:
    x = whole(x)
    dim %= x.ndim
    start, stop, _ = slice(start, end, step).indices(x.shape[dim])
    if (start, stop, step) == (0, x.shape[dim], 1):
        return x
    return x[(*(slice(None),) * dim, slice(start, stop, step if step != 1 else None))]


rule("narrow")(lambda x, dim, start, length: _slice(x, dim, start, start + length))


@rule("select", "select_copy")
def _select(x: Any, dim: int, index: int) -> Any:
    return whole(x)[(*(slice(None),) * (dim % x.ndim), index)]


@rule("cat", "concat", "concatenate")
def _cat(tensors: Any, dim: int = 0) -> Any:
    parts = [whole(t) for t in tensors]
    return cg.concatenate([p for p in parts if p.shape != (0,)] or parts[:1], dim)


rule("stack")(lambda tensors, dim=0: cg.stack([whole(t) for t in tensors], dim))
rule("hstack")(lambda tensors: cg.hstack([whole(t) for t in tensors]))
rule("vstack")(lambda tensors: cg.vstack([whole(t) for t in tensors]))
rule("dstack")(lambda tensors: cg.dstack([whole(t) for t in tensors]))
rule("column_stack")(lambda tensors: cg.column_stack([whole(t) for t in tensors]))
rule("block_diag")(lambda tensors: cg.linalg.block_diag(*(whole(t) for t in tensors)))


@rule("split", "split_with_sizes", "split_copy", "split_with_sizes_copy")
def _split(x: Any, sizes: Any, dim: int = 0) -> Any:
    n = x.shape[dim]
    ends = list(range(sizes, n, sizes)) if isinstance(sizes, int) else np.cumsum(sizes)[:-1].tolist()  # fmt: skip
    return cg.split(x, ends, dim) if ends else [x]


# fmt: off
rule("tensor_split")(lambda x, sections, dim=0: cg.array_split(x, sections if isinstance(sections, int) else list(sections), dim))
rule("chunk", "unsafe_chunk")(lambda x, chunks, dim=0: _split(x, max(-(-x.shape[dim] // chunks), 1), dim))
# fmt: on


RULES["unsafe_split"] = _split


rule("unbind", "unbind_copy")(lambda x, dim=0: [_select(x, dim, i) for i in range(x.shape[dim])])
rule("getitem")(lambda parts, i: parts[i])
rule("flip")(lambda x, dims: cg.flip(x, tuple(dims)))
rule("fliplr")(lambda x: cg.fliplr(x))
rule("flipud")(lambda x: cg.flipud(x))
rule("rot90")(lambda x, k=1, dims=(0, 1): cg.rot90(x, k, tuple(dims)))


@rule("roll")
def _roll(x: Any, shifts: Any, dims: Any = ()) -> Any:
    shifts = shifts if isinstance(shifts, int) else tuple(shifts)
    shifts = shifts[0] if not dims and not isinstance(shifts, int) else shifts
    return cg.roll(x, shifts, (dims if isinstance(dims, int) else tuple(dims)) if dims != () and dims != [] else None)  # fmt: skip


def _triangle(of: Callable[..., Any]) -> Callable[..., Any]:
    def cut(x: Any, diagonal: int = 0) -> Any:
        return of(x, diagonal)

    return cut


RULES.update({"tril": _triangle(cg.tril), "triu": _triangle(cg.triu)})


# fmt: off
rule("diagonal", "linalg_diagonal", "diagonal_copy")(lambda x, offset=0, dim1=0, dim2=1: cg.diagonal(x, offset, dim1, dim2))
rule("diag")(lambda x, diagonal=0: cg.diag(x, diagonal))
# fmt: on


@rule("diag_embed")
def _diag_embed(x: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    n = x.shape[-1]
    size = n + abs(offset)
    places = np.zeros((size, size), int)
    rows = np.arange(n)
    places[rows + max(-offset, 0), rows + max(offset, 0)] = rows + 1
    zero = cg.constant(np.zeros((*x.shape[:-1], 1), x.dtype))
    spread = cg.concatenate([zero, x], -1)[(*(slice(None),) * (x.ndim - 1), places)]
    return cg.moveaxis(spread, (-2, -1), (dim1, dim2))


rule("trace")(lambda x: cg.trace(x))


@rule("pixel_shuffle")
def _pixel_shuffle(x: Any, r: int) -> Any:
    *lead, c, h, w = x.shape
    n = len(lead)
    parts = cg.reshape(x, (*lead, c // r**2, r, r, h, w))
    order = (*range(n), n, n + 3, n + 1, n + 4, n + 2)
    return cg.reshape(cg.transpose(parts, order), (*lead, c // r**2, h * r, w * r))


@rule("pixel_unshuffle")
def _pixel_unshuffle(x: Any, r: int) -> Any:
    *lead, c, h, w = x.shape
    n = len(lead)
    parts = cg.reshape(x, (*lead, c, h // r, r, w // r, r))
    order = (*range(n), n, n + 2, n + 4, n + 1, n + 3)
    return cg.reshape(cg.transpose(parts, order), (*lead, c * r**2, h // r, w // r))


@rule("channel_shuffle", "native_channel_shuffle")
def _channel_shuffle(x: Any, groups: int) -> Any:
    n, c, *rest = x.shape
    parts = cg.reshape(x, (n, groups, c // groups, *rest))
    return cg.reshape(cg.swapaxes(parts, 1, 2), x.shape)


# --- padding ------------------------------------------------------------------------------------------------------------------------

MODES = {"replicate": "edge", "circular": "wrap"}


@rule("constant_pad_nd", "pad")
def _pad(x: Any, pad: Any, mode: Any = "constant", value: Any = None) -> Any:
    if not isinstance(mode, str):
        mode, value = "constant", mode
    pads = [(0, 0)] * x.ndim
    for i in range(len(pad) // 2):
        pads[x.ndim - 1 - i] = (pad[2 * i], pad[2 * i + 1])
    if any(low < 0 or high < 0 for low, high in pads):
        x = x[tuple(slice(max(-low, 0), n - max(-high, 0)) for (low, high), n in zip(pads, x.shape, strict=True))]  # fmt: skip
    pads = [(max(low, 0), max(high, 0)) for low, high in pads]
    if not any(map(any, pads)):
        return x
    if mode == "constant":
        return cg.pad(x, pads, constant_values=0.0 if value is None else node(value))
    return cg.pad(x, pads, mode=MODES.get(mode, mode))


def _pad_by(mode: str) -> Callable[..., Any]:
    return lambda x, pad: _pad(x, pad, mode)


RULES.update(
    {
        f"{kind}_pad{n}d": _pad_by({"reflection": "reflect", "replication": "replicate"}[kind])
        for kind in ("reflection", "replication")
        for n in (1, 2, 3)
    }
)


@rule("unfold")
def _unfold(x: Any, dim: int, size: int, step: int) -> Any:
    """Windows along one axis, as a last axis (`Tensor.unfold`)."""
    starts = np.arange(0, x.shape[dim] - size + 1, step)
    taken = x[(*(slice(None),) * (dim % x.ndim), starts[:, None] + np.arange(size))]
    return cg.moveaxis(taken, dim % x.ndim + 1, -1)
