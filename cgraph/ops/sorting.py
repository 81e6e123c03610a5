"""Sorting and searching: `sort`, `partition`, where the largest entry is, what lies between.

A sorted array moves with the entries that stand where it puts them; entries that are equal share what arrives, so that it does not
matter in which order they stand. Places themselves (`argsort`, `argmax`, `searchsorted`) have no derivative.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cgraph import shapes
from cgraph.errors import UnsupportedError
from cgraph.linear_maps import Adjoint, LinearMap
from cgraph.op import Op
from cgraph.operators import public
from cgraph.ops.define import (
    F,
    axis_of,
    batched_along,
    like,
    linear_op,
    nonzero_after,
    op,
    shape_of,
)
from cgraph.ops.reduction import _reducing
from cgraph.ops.structure import flattened, reshape, target_shape

Shape = shapes.Shape
_INDEX = np.dtype(np.intp)
_BOOL = np.dtype(np.bool_)


def tie_mean(v: Any, by: Any, axis: int) -> Any:
    """Each entry of `v` replaced by the mean over those whose entries of `by` along the axis are equal."""
    v, by = np.moveaxis(np.asarray(v), axis, -1), np.moveaxis(np.asarray(by), axis, -1)
    order = np.argsort(by, axis=-1, kind="stable")
    ordered = np.take_along_axis(by, order, -1)
    first = np.ones(ordered.shape, bool)
    first[..., 1:] = ordered[..., 1:] != ordered[..., :-1]
    if first.all():
        return np.moveaxis(v, -1, axis)
    group = np.cumsum(first.reshape(-1)) - 1
    values = np.take_along_axis(v, order, -1)
    total = np.zeros(int(group[-1]) + 1, v.dtype)
    np.add.at(total, group, values.reshape(-1))
    means = (total / np.bincount(group).astype(v.dtype))[group].reshape(v.shape)
    result = np.empty(v.shape, v.dtype)
    np.put_along_axis(result, order, means, -1)
    return np.moveaxis(result, -1, axis)


def _add_along(u: Any, index: Any, *like: Any, axis: int, shape: Shape | None = None) -> Any:
    result = np.zeros(target_shape(shape, like), np.asarray(u).dtype)
    places = list(np.indices(np.shape(index), sparse=True))
    places[axis] = index
    np.add.at(result, tuple(places), u)
    return result


def _add_along_adjoint(
    u: Any, x: Any, index: Any, *_: Any, axis: int, shape: Shape | None = None
) -> Any:
    return take_along_op(u, index, axis=axis)


def _take_along_adjoint(u: Any, x: Any, index: Any, axis: int) -> Any:
    reference, own = like(x)
    return add_along_op(u, index, *reference, axis=axis, shape=own)


def _gathered(places: Callable[..., Any]) -> Callable[..., LinearMap]:
    """The local gradient of an array that is put in order: by its own places, ties shared."""

    def local(out: Any, x: Any, axis: int, **params: Any) -> LinearMap:
        index = places(x, axis=axis, **params)
        reference, own = like(x)

        def back(u: Any) -> Any:
            return add_along_op(
                tie_mean_op(u, out, axis=axis), index, *reference, axis=axis, shape=own
            )

        return Adjoint(
            lambda t: tie_mean_op(take_along_op(t, index, axis=axis), out, axis=axis),
            back,
            nonzero_after(back),
        )

    return local


def _margin(x: Any, axis: int, **params: Any) -> Any:
    """The least relative gap between two entries along the axis: the checks know ties by it."""
    ordered = np.sort(np.asarray(x, np.float64), axis)
    if ordered.shape[axis] < 2 or ordered.size == 0:
        return np.inf
    low = np.take(ordered, range(ordered.shape[axis] - 1), axis)
    high = np.take(ordered, range(1, ordered.shape[axis]), axis)
    return np.min((high - low) / np.maximum(np.maximum(np.abs(low), np.abs(high)), 1e-300))


def _reduced(x: Shape, axis: int, keepdims: bool) -> Shape:
    return shapes.reduce(x, (axis,), keepdims)


def _example(rng: Any) -> Any:
    return (rng.permutation(6).reshape(2, 3) + rng.uniform(0.1, 0.9, (2, 3)),), {
        "axis": int(rng.integers(2))
    }


# fmt: off
take_along_op: Op = linear_op(
    "take_along_axis", lambda x, index, axis: np.take_along_axis(x, index, axis), _take_along_adjoint, others=1, batch=batched_along(),
    shape=lambda x, index, axis: index,
    symbol="[ ]", formula=F("$a[$b]", "$a_{$b}", "1 where picked", None, adjoint="UPSTREAM added at [$b]"),
    example=lambda rng: ((rng.normal(size=(2, 3)), rng.integers(0, 3, (2, 4))), {"axis": 1}),
)
add_along_op: Op = linear_op(
    "add_along_axis", _add_along, _add_along_adjoint, others=2, batch=batched_along("shape"), mask=_add_along_adjoint,
    shape=lambda u, index, *like, axis, shape=None: like[0] if shape is None else shape,
    formula=F("$a added into zeros at $b", "$a", "1", None, None,
        adjoint="UPSTREAM[$b]"), doc="Zeros of `shape` with `x` added at an index along an axis.",
    example=lambda rng: ((rng.normal(size=(2, 4)), rng.integers(0, 3, (2, 4))), {"axis": 1, "shape": (2, 3)}),
)
tie_mean_op: Op = linear_op(
    "tie_mean", tie_mean, lambda u, v, by, axis: tie_mean_op(u, by, axis=axis), others=1, batch=batched_along(),
    shape=lambda v, by, axis: v,
    formula=F("$a, the mean where $b ties", r"\bar $a", "1/k in a group of k", None, adjoint="UPSTREAM, the mean where $b ties"),
    doc="The mean of `v` over entries whose `by` is equal: how ties share.",
    example=lambda rng: ((rng.normal(size=(2, 3)), rng.integers(0, 2, (2, 3))), {"axis": 1}),
)
argsort_op: Op = op(
    "argsort", lambda x, axis, kind="stable": np.argsort(x, axis, kind=kind), None, shape=lambda x, axis, kind="stable": x,
    dtype=lambda x: _INDEX,
    formula=F("order of $a", r"\operatorname{argsort} $a", None), example=_example,
    batch="axes",
)
argpartition_op: Op = op(
    "argpartition", lambda x, axis, kth: np.argpartition(x, kth, axis), None, shape=lambda x, axis, kth: x, dtype=lambda x: _INDEX,
    formula=F("order of $a about the k-th", r"\operatorname{argpartition} $a", None),
    batch="axes",
)
sort_op: Op = op(
    "sort", lambda x, axis: np.sort(x, axis), _gathered(argsort_op), shape=lambda x, axis: x, margin=_margin,
    formula=F("$a, sorted", r"\operatorname{sort} $a", "1 where it came from, ties share",
        adjoint="UPSTREAM put back where it came from"), example=_example,
    batch="axes",
)
partition_op: Op = op(
    "partition", lambda x, axis, kth: np.take_along_axis(x, np.argpartition(x, kth, axis), axis), _gathered(argpartition_op),
    shape=lambda x, axis, kth: x, margin=_margin,
    formula=F("$a, parted", r"\operatorname{partition} $a", "1 where it came from, ties share",
        adjoint="UPSTREAM put back where it came from"),
    example=lambda rng: (_example(rng)[0], {"axis": 1, "kth": (1,)}),
    batch="axes",
)
argmax_op: Op = op(
    "argmax", lambda x, axis, keepdims: np.argmax(x, axis, keepdims=keepdims), None, shape=_reduced, dtype=lambda x: _INDEX,
    formula=F("place of the largest of $a", r"\operatorname{argmax} $a", None),
    batch="axes",
)
argmin_op: Op = op(
    "argmin", lambda x, axis, keepdims: np.argmin(x, axis, keepdims=keepdims), None, shape=_reduced, dtype=lambda x: _INDEX,
    formula=F("place of the smallest of $a", r"\operatorname{argmin} $a", None),
    batch="axes",
)
searchsorted_op: Op = op(
    "searchsorted", lambda a, v, side: np.searchsorted(a, v, side), None, None, shape=lambda a, v, side: v, dtype=lambda a, v: _INDEX,
    formula=F("where $b stands in $a", r"\operatorname{searchsorted}($a, $b)", None, None),
)
any_op: Op = op(
    "any", lambda x, axes, keepdims: np.any(x, axis=axes, keepdims=keepdims), None, family="reduction", dtype=lambda x: _BOOL, symbol="∃",
    shape=lambda x, axes, keepdims: shapes.reduce(x, axes, keepdims), formula=F("any of $a", r"\exists $a", None),
    doc="Whether any entry over `axis` is true.",
)
all_op: Op = op(
    "all", lambda x, axes, keepdims: np.all(x, axis=axes, keepdims=keepdims), None, family="reduction", dtype=lambda x: _BOOL, symbol="∀",
    shape=lambda x, axes, keepdims: shapes.reduce(x, axes, keepdims), formula=F("all of $a", r"\forall $a", None),
    doc="Whether all entries over `axis` are true.",
)
# fmt: on
any = _reducing(any_op, 0)
all = _reducing(all_op, 1)


def flat_or_axis(x: Any, axis: int | None) -> tuple[Any, int]:
    return (flattened(x), 0) if axis is None else (x, axis_of(x, axis))


def _no_order(kind: Any, order: Any, what: str) -> None:
    if order is not None:
        raise UnsupportedError(f"{what}: order= is for records; a node has no fields")


@public
def sort(
    x: Any,
    axis: int | None = -1,
    kind: Any = None,
    order: Any = None,
    *,
    stable: bool | None = None,
    name: str | None = None,
) -> Any:
    """`x` in rising order along `axis`; entries that tie share the gradient equally.

    >>> import cgraph as cg
    >>> x = cg.parameter("x", [3.0, 1.0, 2.0])
    >>> cg.sort(x)[0].backward().grad(x)
    array([0., 1., 0.])
    """
    _no_order(kind, order, "sort")
    x, axis = flat_or_axis(x, axis)
    return sort_op(x, axis=axis, name=name)


@public
def argsort(
    x: Any,
    axis: int | None = -1,
    kind: Any = None,
    order: Any = None,
    *,
    stable: bool | None = None,
    name: str | None = None,
) -> Any:
    """The places of the entries of `x` in rising order along `axis`: whole numbers, without a derivative."""
    _no_order(kind, order, "argsort")
    x, axis = flat_or_axis(x, axis)
    return argsort_op(x, axis=axis, kind=kind or ("stable" if stable else "quicksort"), name=name)


@public
def partition(
    x: Any,
    kth: Any,
    axis: int | None = -1,
    kind: str = "introselect",
    order: Any = None,
    *,
    name: str | None = None,
) -> Any:
    """`x` with its `kth` smallest entry along `axis` in its place, smaller ones before and larger ones after it."""
    _no_order(kind, order, "partition")
    x, axis = flat_or_axis(x, axis)
    return partition_op(x, axis=axis, kth=tuple(int(k) for k in np.atleast_1d(kth)), name=name)


@public
def argpartition(
    x: Any,
    kth: Any,
    axis: int | None = -1,
    kind: str = "introselect",
    order: Any = None,
    *,
    name: str | None = None,
) -> Any:
    """The places of the entries in the order of `partition`: whole numbers, without a derivative."""
    _no_order(kind, order, "argpartition")
    x, axis = flat_or_axis(x, axis)
    return argpartition_op(x, axis=axis, kth=tuple(int(k) for k in np.atleast_1d(kth)), name=name)


def _place(made: Op, text: str) -> Any:
    def function(
        x: Any, axis: int | None = None, *, keepdims: bool = False, name: str | None = None
    ) -> Any:
        if axis is not None:
            return made(x, axis=axis_of(x, axis), keepdims=bool(keepdims), name=name)
        place = made(flattened(x), axis=0, keepdims=False, name=None if keepdims else name)
        return reshape(place, (1,) * len(shape_of(x)), name=name) if keepdims else place

    function.__name__ = function.__qualname__ = made.name
    function.__doc__ = f"Where the {text} entry is along `axis` (among all by default): a whole number, without a derivative."
    return public(function)


argmax = _place(argmax_op, "largest")
argmin = _place(argmin_op, "smallest")
