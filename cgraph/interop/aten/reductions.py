"""Sums, means, extremes and what runs along an axis."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import cgraph as cg
from cgraph.interop.aten.table import RULES, axes, cast, node, rule, whole
from cgraph.interop.building import running_logsumexp
from cgraph.node import Node


def _reduction(name: str) -> Callable[..., Any]:
    def reduce(x: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
        x = cast(x, dtype)
        return x if x.ndim == 0 else getattr(cg, name)(x, axis=axes(dim), keepdims=keepdim)

    return reduce


NAMES = {
    "sum": "sum", "mean": "mean", "amax": "max", "amin": "min", "prod": "prod", "nansum": "nansum", "nanmean": "nanmean", "any": "any",
    "all": "all", "count_nonzero": "count_nonzero",
}  # fmt: skip
RULES.update({name: _reduction(ours) for name, ours in NAMES.items()})


def _extreme(name: str) -> Callable[..., Any]:
    def reduce(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
        if isinstance(dim, Node) or (dim is not None and not isinstance(dim, int)):
            return getattr(cg, f"{name}imum")(node(x), node(dim))
        if x.ndim == 0:
            return x if dim is None else (x, np.zeros((), np.int64))
        values = getattr(cg, name)(x, axis=dim, keepdims=keepdim)
        if dim is None:
            return values
        # With an axis PyTorch gives the whole gradient to the first of several that tie.
        places = getattr(cg, f"arg{name}")(x, axis=dim, keepdims=True)
        taken = cg.take_along_axis(x, places, axis=dim)
        return (taken, places) if keepdim else (cg.squeeze(taken, dim), cg.squeeze(places, dim))

    return reduce


RULES.update({"max": _extreme("max"), "min": _extreme("min")})


# fmt: off
rule("aminmax")(lambda x, *, dim=None, keepdim=False: (cg.min(x, axis=dim, keepdims=keepdim), cg.max(x, axis=dim, keepdims=keepdim)))
# fmt: on


def _place(name: str) -> Callable[..., Any]:
    def place(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
        return getattr(cg, name)(x, axis=dim, keepdims=keepdim)

    return place


RULES.update({name: _place(name) for name in ("argmax", "argmin")})


def _count(x: Any, dim: Any) -> int:
    return math.prod(x.shape if dim is None else [x.shape[a] for a in np.atleast_1d(dim)])


@rule("var")
def _var(x: Any, dim: Any = None, unbiased: Any = True, keepdim: bool = False, *, correction: Any = None) -> Any:  # fmt: skip
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    ddof = int(unbiased) if correction is None else correction
    if axes(dim) is None and x.ndim == 0:
        return cg.square(x - x) / float(max(1 - ddof, 0))
    return cg.var(x, axis=axes(dim), ddof=ddof, keepdims=keepdim)


@rule("std")
def _std(x: Any, dim: Any = None, unbiased: Any = True, keepdim: bool = False, *, correction: Any = None) -> Any:  # fmt: skip
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    return cg.sqrt(_var(x, dim, unbiased, keepdim, correction=correction))


rule("var_mean")(lambda x, *args, **kwargs: _with_mean(_var, x, args, kwargs))
rule("std_mean")(lambda x, *args, **kwargs: _with_mean(_std, x, args, kwargs))


def _with_mean(of: Callable[..., Any], x: Any, args: Any, kwargs: Any) -> Any:
    dim = kwargs.get("dim", args[0] if args and not isinstance(args[0], bool) else None)
    keep = bool(kwargs.get("keepdim", args[2] if len(args) > 2 else False))
    return (of(x, *args, **kwargs), cg.mean(x, axis=axes(dim), keepdims=keep))


@rule("softmax", "_softmax", "special_softmax")
def _softmax(x: Any, dim: int, dtype: Any = None) -> Any:
    return _over(cg.softmax, x, dim, dtype)


# fmt: off
rule("log_softmax", "_log_softmax", "special_log_softmax")(lambda x, dim, dtype=None: _over(cg.log_softmax, x, dim, dtype))
# fmt: on


def _over(function: Callable[..., Any], x: Any, dim: int, dtype: Any) -> Any:
    x = x if isinstance(dtype, bool) else cast(x, dtype)
    return function(x, axis=dim) if x.ndim else function(cg.reshape(x, (1,)), axis=0)[0]


@rule("_safe_softmax")
def _safe_softmax(x: Any, dim: int, dtype: Any = None) -> Any:
    """Rows that are masked altogether give zeros."""
    hidden = cg.all(cg.equal(x, -math.inf), axis=dim, keepdims=True)
    return cg.where(hidden, 0.0, _softmax(cg.where(hidden, 0.0, x), dim, dtype))


# fmt: off
rule("logsumexp", "special_logsumexp")(lambda x, dim, keepdim=False: cg.logsumexp(x, axis=axes(dim), keepdims=keepdim) if x.ndim else x)
# fmt: on


def _running(name: str) -> Callable[..., Any]:
    def run(x: Any, dim: int, *, dtype: Any = None) -> Any:
        x = cast(x, dtype)
        return getattr(cg, name)(x, axis=dim) if x.ndim else x

    return run


RULES.update({name: _running(name) for name in ("cumsum", "cumprod")})


def _running_extreme(name: str) -> Callable[..., Any]:
    # The places are not known here: a model that uses them is told so.
    return lambda x, dim: (getattr(cg, name)(x, axis=dim) if x.ndim else x, None)


RULES.update({name: _running_extreme(name) for name in ("cummax", "cummin")})


rule("logcumsumexp")(lambda x, dim: running_logsumexp(x, dim) if x.ndim else x)


@rule("diff")
def _diff(x: Any, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None) -> Any:
    parts = [whole(p) for p in (prepend, x, append) if p is not None]
    return cg.diff(cg.concatenate(parts, dim) if len(parts) > 1 else x, n, dim)


# fmt: off
rule("trapezoid", "trapz")(lambda y, x=None, *, dx=1.0, dim=-1: cg.trapezoid(y, None if x is None else node(x), dx, dim))
# fmt: on


@rule("linalg_vector_norm", "norm")
def _norm(
    x: Any, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Any:
    x = cast(x, dtype)
    if ord == "nuc":
        return cg.linalg.matrix_norm(x, ord="nuc", keepdims=keepdim)
    ord = 2 if ord is None or ord == "fro" else ord
    if x.ndim == 0:
        return cg.abs(x)
    return cg.linalg.vector_norm(x, axis=axes(dim), keepdims=keepdim, ord=ord)


@rule("linalg_matrix_norm")
def _matrix_norm(x: Any, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: Any = None) -> Any:  # fmt: skip
    x = cast(x, dtype)
    if tuple(d % x.ndim for d in dim) != (x.ndim - 2, x.ndim - 1):
        moved = cg.moveaxis(x, tuple(dim), (-2, -1))
        result = cg.linalg.matrix_norm(moved, ord=ord, keepdims=keepdim)
        return cg.moveaxis(result, (-2, -1), tuple(dim)) if keepdim else result
    return cg.linalg.matrix_norm(x, ord=ord, keepdims=keepdim)


@rule("linalg_norm")
def _linalg_norm(x: Any, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:  # fmt: skip
    pair = dim is not None and not isinstance(dim, int) and len(dim) == 2
    if pair or (dim is None and ord is not None and x.ndim == 2):
        return _matrix_norm(x, "fro" if ord is None else ord, dim if pair else (-2, -1), keepdim, dtype=dtype)  # fmt: skip
    return _norm(x, ord, dim, keepdim, dtype=dtype)


rule("dist")(lambda a, b, p=2: _norm(node(a) - node(b), p))


@rule("cdist", "_cdist_forward")
def _cdist(a: Any, b: Any, p: float = 2.0, *unused: Any) -> Any:
    gaps = cg.expand_dims(whole(a), -2) - cg.expand_dims(whole(b), -3)
    return _norm(gaps, p, -1)


@rule("pdist", "_pdist_forward")
def _pdist(x: Any, p: float = 2.0) -> Any:
    first, second = np.triu_indices(x.shape[0], 1)
    return _norm(x[first] - x[second], p, -1)


# fmt: off
rule("pairwise_distance")(lambda a, b, p=2.0, eps=1e-06, keepdim=False: _norm(node(a) - node(b) + eps, p, -1, keepdim))
# fmt: on


@rule("cosine_similarity")
def cosine_similarity(a: Any, b: Any, dim: int = 1, eps: float = 1e-8) -> Any:
    a, b = whole(a), whole(b)
    sizes = [cg.maximum(_norm(v, 2, dim, True), eps) for v in (a, b)]
    return cg.sum((a / sizes[0]) * (b / sizes[1]), axis=dim)


@rule("renorm")
def _renorm(x: Any, p: float, dim: int, maxnorm: float) -> Any:
    others = tuple(i for i in range(x.ndim) if i != dim % x.ndim)
    size = _norm(x, p, others, True)
    return x * cg.where(size > maxnorm, maxnorm / (size + 1e-7), 1.0)
