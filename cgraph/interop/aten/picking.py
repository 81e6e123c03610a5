"""Picking entries by number, and putting them in: gather, scatter, sort, topk."""

from __future__ import annotations

from typing import Any

import numpy as np

import cgraph as cg
from cgraph.interop.aten.table import RULES, mask, node, rule, to_numpy, whole
from cgraph.interop.building import Missing
from cgraph.node import Node
from cgraph.op import OPS


def _positive(index: Any, n: int) -> Any:
    """An index that counts from the front."""
    if isinstance(index, Node):
        return cg.where(index < 0, index + n, index)
    return np.where(index < 0, index + n, index)


@rule("index", "_unsafe_index")
def _index(x: Any, indices: Any) -> Any:
    x = whole(x)
    parts: list[Any] = [None if part is None else mask(part) for part in indices]
    computed = [i for i, part in enumerate(parts) if isinstance(part, Node)]
    if any(parts[i].dtype.kind == "b" for i in computed):
        raise Missing(
            "a mask that depends on the arguments (how many entries it picks is not known)"
        )
    if not computed:
        return x[tuple(slice(None) if part is None else part for part in parts)]
    given = [i for i, part in enumerate(parts) if part is not None]
    if len(given) == 1:
        return cg.take(x, _positive(parts[computed[0]], x.shape[computed[0]]), axis=computed[0])
    # Several at once: one number for the axes together.
    first, last = given[0], given[-1]
    if given != list(range(first, last + 1)):
        raise Missing("indexing by what depends on the arguments, along axes that are apart")
    sizes = x.shape[first : last + 1]
    flat: Any = 0
    for part, n in zip(parts[first : last + 1], sizes, strict=True):
        flat = flat * n + _positive(part, n)
    joined = cg.reshape(x, (*x.shape[:first], -1, *x.shape[last + 1 :]))
    return cg.take(joined, flat, axis=first)


rule("index_select")(lambda x, dim, index: _index(x, [None] * (dim % whole(x).ndim) + [index]))
rule("take")(lambda x, index: _index(cg.reshape(whole(x), (-1,)), [index]))
rule("embedding")(lambda weight, indices, *unused, **ignored: _index(weight, [indices]))


def _lines(dim: int, index: Any) -> tuple[Any, ...]:
    """An index for each entry: its own place, but along `dim` the one given."""
    at = list(np.indices(tuple(index.shape), sparse=True))
    at[dim] = to_numpy(index)
    return tuple(at)


@rule("gather", "take_along_dim")
def _gather(x: Any, dim: Any, index: Any = None, sparse_grad: bool = False) -> Any:
    if (
        index is None or isinstance(dim, Node) or hasattr(dim, "shape")
    ):  # take_along_dim(x, index, dim)
        dim, index = index, dim
    x = whole(x)
    if dim is None:
        return _gather(cg.reshape(x, (-1,)), 0, cg.reshape(whole(index), (-1,)))
    if x.ndim == 0:
        return cg.broadcast_to(x, index.shape) if index.shape else x
    dim %= x.ndim
    if not isinstance(index, Node):
        return x[_lines(dim, index)]
    cut = tuple(slice(None) if i == dim else slice(0, n) for i, n in enumerate(index.shape))
    return cg.take_along_axis(x[cut], index, axis=dim)


# --- putting in ---------------------------------------------------------------------------------------------------------------------


def _added(x: Any, index: tuple[Any, ...], values: Any) -> Any:
    """`x` with `values` added at an index that is known, as often as it names an entry."""
    size = np.zeros(x.shape, np.int8)[index].shape
    spread = values if values.shape == size else cg.broadcast_to(values, size)
    return x + OPS["scatter"](spread, index=index, shape=x.shape)


def _known(index: Any, what: str) -> Any:
    if isinstance(index, Node):
        raise Missing(f"{what} at what depends on the arguments")
    return to_numpy(index)


@rule("index_put", "_unsafe_index_put")
def _index_put(x: Any, indices: Any, values: Any, accumulate: bool = False) -> Any:
    x, values = whole(x), whole(values)
    masks = [i for i in indices if i is not None and isinstance(i, Node) and i.dtype.kind == "b"]
    if masks and len(indices) == 1 and values.size == 1 and not accumulate:
        there = cg.reshape(masks[0], masks[0].shape + (1,) * (x.ndim - masks[0].ndim))
        return cg.where(there, cg.reshape(values, ()), x)
    at = tuple(slice(None) if i is None else _known(i, "index_put") for i in indices)
    return _added(x, at, values) if accumulate else cg.assign(x, at, values)


@rule("index_add")
def _index_add(x: Any, dim: int, index: Any, source: Any, alpha: Any = 1) -> Any:
    x, source = whole(x), whole(source)
    source = source if alpha == 1 else alpha * source
    if isinstance(index, Node):
        return x + OPS["add_taken"](source, index, axis=dim % x.ndim, shape=x.shape)
    return _added(x, (*(slice(None),) * (dim % x.ndim), to_numpy(index)), source)


@rule("index_copy")
def _index_copy(x: Any, dim: int, index: Any, source: Any) -> Any:
    x = whole(x)
    at = (*(slice(None),) * (dim % x.ndim), _known(index, "index_copy"))
    return cg.assign(x, at, whole(source))


rule("index_fill")(lambda x, dim, index, value: _index_copy(x, dim, index, value))


def _scattered(x: Any, dim: int, index: Any, source: Any, add: bool) -> Any:
    x, source = whole(x), whole(source)
    if x.ndim == 0:
        return x + source if add else source
    if isinstance(index, Node):
        if not add or index.shape != source.shape:
            raise Missing("scatter at what depends on the arguments")
        rest = tuple(slice(None) if i == dim % x.ndim else slice(0, n) for i, n in enumerate(index.shape))  # fmt: skip
        if x[rest].shape != x.shape:
            raise Missing("scatter_add of a part, at what depends on the arguments")
        return x + OPS["add_along_axis"](source, index, axis=dim % x.ndim, shape=x.shape)
    at = _lines(dim % x.ndim, index)
    if source.ndim:
        source = source[tuple(slice(0, n) for n in index.shape)]
    return _added(x, at, source) if add else cg.assign(x, at, source)


@rule("scatter")
def _scatter(x: Any, dim: int, index: Any, source: Any, *, reduce: str | None = None) -> Any:
    if reduce not in (None, "add"):
        raise Missing(f"scatter with reduce={reduce!r}")
    return _scattered(x, dim, index, source, reduce == "add")


RULES["scatter_add"] = lambda x, dim, index, source: _scattered(x, dim, index, source, True)


@rule("scatter_reduce")
def _scatter_reduce(x: Any, dim: int, index: Any, source: Any, reduce: str, *, include_self: bool = True) -> Any:  # fmt: skip
    if reduce not in ("sum", "mean"):
        raise Missing(f"scatter_reduce with reduce={reduce!r}")
    known = _known(index, "scatter_reduce")
    counts: Any = np.full(x.shape, float(include_self))
    np.add.at(counts, _lines(dim % x.ndim, index), 1.0)
    start = whole(x)
    if not include_self:
        touched = np.zeros(x.shape, bool)
        touched[_lines(dim % x.ndim, known)] = True
        start = cg.where(touched, 0.0, start)
    total = _scattered(start, dim, known, source, True)
    return total if reduce == "sum" else total / np.maximum(counts, 1.0).astype(total.dtype)


@rule("slice_scatter")
def _slice_scatter(x: Any, source: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Any:  # fmt: skip
    x = whole(x)
    return cg.assign(x, (*(slice(None),) * (dim % x.ndim), slice(start, end, step)), whole(source))


@rule("select_scatter")
def _select_scatter(x: Any, source: Any, dim: int, index: int) -> Any:
    x = whole(x)
    return cg.assign(x, (*(slice(None),) * (dim % x.ndim), index), whole(source))


@rule("diagonal_scatter")
def _diagonal_scatter(x: Any, source: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    x = whole(x)
    numbers = np.arange(x.size).reshape(x.shape)
    at = np.unravel_index(np.diagonal(numbers, offset, dim1, dim2), x.shape)
    return cg.assign(x, tuple(at), whole(source))


@rule("masked_scatter")
def _masked_scatter(x: Any, there: Any, source: Any) -> Any:
    x, where = whole(x), _known(there, "masked_scatter")
    at = np.nonzero(np.broadcast_to(where, x.shape))
    return cg.assign(x, at, cg.reshape(whole(source), (-1,))[: len(at[0])])


@rule("masked_select")
def _masked_select(x: Any, there: Any) -> Any:
    x, where = whole(x), _known(there, "masked_select")
    shape = np.broadcast_shapes(x.shape, where.shape)
    return cg.broadcast_to(x, shape)[np.broadcast_to(where, shape)]


@rule("copy")
def _copy(x: Any, source: Any, *unused: Any) -> Any:
    x, source = whole(x), whole(source)
    source = source if source.dtype == x.dtype else cg.cast(source, x.dtype)
    return source if source.shape == x.shape else cg.broadcast_to(source, x.shape)


# --- by size ------------------------------------------------------------------------------------------------------------------------


def _places(x: Any, dim: int, descending: bool) -> Any:
    return cg.argsort(-x if descending else x, axis=dim, kind="stable")


@rule("sort", "msort")
def _sort(x: Any, *rest: Any, dim: int = -1, descending: bool = False, stable: Any = None) -> Any:
    flags = [r for r in rest if isinstance(r, bool) or r is None]
    numbers = [r for r in rest if isinstance(r, int) and not isinstance(r, bool)]
    dim = numbers[0] if numbers else dim
    descending = bool(flags[-1]) if flags else descending
    if x.ndim == 0:
        return (x, np.zeros((), np.int64))
    places = _places(x, dim, descending)
    return (cg.take_along_axis(x, places, axis=dim), places)


rule("argsort")(lambda x, *rest, **options: _sort(x, *rest, **options)[1])


@rule("topk")
def _topk(x: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    if x.ndim == 0:
        return (x, np.zeros((), np.int64))
    lead = (*(slice(None),) * (dim % x.ndim), slice(0, k))
    places = _places(x, dim, largest)[lead]
    return (cg.take_along_axis(x, places, axis=dim), places)


@rule("kthvalue")
def _kthvalue(x: Any, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    if x.ndim == 0:
        return (x, np.zeros((), np.int64))
    taken = (*(slice(None),) * (dim % x.ndim), slice(k - 1, k))
    places = _places(x, dim, False)[taken]
    values = cg.take_along_axis(x, places, axis=dim)
    return (values, places) if keepdim else (cg.squeeze(values, dim), cg.squeeze(places, dim))


@rule("median")
def _median(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """The lower of the two in the middle, unlike NumPy's."""
    if dim is None:
        return _median(cg.reshape(x, (-1,)), 0)[0]
    return _kthvalue(x, (x.shape[dim] + 1) // 2 if x.ndim else 1, dim, keepdim)


@rule("searchsorted")
def _searchsorted(edges: Any, x: Any, *, right: bool = False, side: Any = None, **unused: Any) -> Any:  # fmt: skip
    if whole(edges).ndim != 1:
        raise Missing("searchsorted in several rows")
    return cg.searchsorted(node(edges), node(x), side or ("right" if right else "left"))


rule("bucketize")(lambda x, edges, *, right=False, **unused: _searchsorted(edges, x, right=right))


@rule("one_hot")
def _one_hot(x: Any, classes: int = -1) -> Any:
    if classes < 0:
        raise Missing("one_hot of what depends on the arguments, without num_classes")
    return cg.cast(cg.equal(cg.expand_dims(x, -1), np.arange(classes)), np.int64)
