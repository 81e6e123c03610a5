"""Reductions: sums, means, extremes, products, and what is composed of them.

A reduction's local gradient sends the upstream back over the axes that were reduced away, times a weight for each entry: that is
what `reduction` asks for. Softmax and logsumexp are stable ops of their own; variance, standard deviation and log-softmax are
compositions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from cgraph import shapes
from cgraph.errors import UnsupportedError
from cgraph.linear_maps import LinearMap, WeightedSum
from cgraph.numpy_names import PUBLIC, public, with_arguments_of
from cgraph.op import Op, is_node
from cgraph.ops.define import (
    F,
    axes_of,
    broadcast_back,
    calling_module,
    dtype_of,
    keep_axes,
    known_shape,
    linear_op,
    op,
    shape_of,
)
from cgraph.ops.elementwise import (
    add,
    divide,
    equal,
    maximum,
    minimum,
    multiply,
    sqrt,
    square,
    subtract,
    where,
)
from cgraph.ops.joining import concatenate, stack
from cgraph.ops.structure import cast, reshape

Axis = int | Sequence[int] | None
Axes = tuple[int, ...]
Shape = shapes.Shape


# --- how a reduction is defined -----------------------------------------------------------------------------------------------


def weighted_sum(weights: Any, x: Any, axes: Axes, keepdims: bool) -> WeightedSum:
    """The local gradient of a reduction of `x` whose result moves by the sum of the tangents times `weights`, masks included."""
    return WeightedSum(
        weights,
        lambda t: sum_op(t, axes=axes, keepdims=keepdims),
        lambda u: broadcast_back(u, x, axes, keepdims),
        where,
    )


def reduction(
    name: str, forward: Callable[..., Any], weights: Callable[..., Any], **fields: Any
) -> Callable[..., Any]:
    """An op that reduces axes to one number each, and the function for it: ``f(x, axis=None, keepdims=False, *, name=None)``.

    Args:
        name: of the op.
        forward: ``(x, axes, keepdims) -> array``; `axes` is a tuple of axes that are not negative.
        weights: ``(out, x, axes)`` -> the derivative of the result with respect to each entry of `x`, in the shape of `x`, written with
            ops; `out` comes with the reduced axes kept as axes of size 1, so that it broadcasts against `x`.
        fields: anything else an `Op` holds: dtype, symbol, formula, margin, doc, and module (default: the caller's). `identity` is
            what an entry left out by ``where=`` counts as (0 for a sum), `combine` the op that ``initial=`` enters by.

    Returns:
        The function; the op itself is ``cgraph.ops.OPS[name]``. On arrays it computes, on nodes it builds.

    Raises:
        ValueError: when there is an op of that name already.

    >>> import numpy as np
    >>> import cgraph as cg
    >>> length = reduction(
    ...     "length", lambda x, axes, keepdims: np.sqrt(np.sum(x * x, axis=axes, keepdims=keepdims)),
    ...     lambda out, x, axes: x / out, module="example")
    >>> x = cg.parameter("x", [3.0, 4.0])
    >>> length(x).backward().grad(x)
    array([0.6, 0.8])
    """

    def local(out: Any, x: Any, axes: Axes, keepdims: bool) -> LinearMap:
        kept = keep_axes(out, x, axes, keepdims)
        return weighted_sum(weights(kept, x, axes), x, axes, keepdims)

    identity, combine = fields.pop("identity", None), fields.pop("combine", None)
    fields.setdefault("module", calling_module())
    return _reducing(_reduction_op(name, forward, local, **fields), identity, combine)


def _reduction_op(
    name: str, forward: Callable[..., Any], local: Callable[..., LinearMap], **fields: Any
) -> Op:
    fields.setdefault("family", "reduction")
    fields.setdefault("shape", lambda x, axes, keepdims: shapes.reduce(x, axes, keepdims))
    return op(name, forward, local, **fields)


def _reducing(
    made: Op, identity: float | None = None, combine: Callable[..., Any] | None = None
) -> Callable[..., Any]:
    """The public function of a reduction, with NumPy's keywords."""

    def function(
        x: Any,
        axis: Axis = None,
        keepdims: bool = False,
        *,
        dtype: Any = None,
        initial: Any = None,
        where: Any = None,
        name: str | None = None,
    ) -> Any:
        if where is not None and where is not True:
            x = _left_out(made.name, x, where, identity if identity is not None else initial)
        if dtype is not None:
            x = cast(x, dtype)
        last = name if initial is None else None
        if shape_of(x) == () and (axis == 0 or axis == -1):
            axis = ()  # NumPy's reductions take a scalar's axis 0
        result = made(x, axes=axes_of(x, axis), keepdims=bool(keepdims), name=last)
        if initial is None:
            return result
        if combine is None:
            raise UnsupportedError(f"{made.name}: initial= has no meaning here")
        return combine(result, initial, name=name)

    function.__name__ = function.__qualname__ = made.name
    function.__module__ = made.module
    function.__doc__ = (made.__doc__ or "") + _KEYWORDS
    PUBLIC[made.name] = function
    return function


_KEYWORDS = """

Args:
    x: an array or a node.
    axis: the axis, or axes, to reduce; all by default.
    keepdims: keep them as axes of size 1.
    dtype: what to compute in.
    initial, where: as in NumPy: a first number to start from, and which entries count.

Raises:
    ShapeError: when an axis is out of range, naming the node."""


def _left_out(name: str, x: Any, mask: Any, filling: Any) -> Any:
    if filling is None:
        raise UnsupportedError(
            f"{name}: with where=, say initial= too: what nothing counts as"
            if PUBLIC[name].__module__.startswith("cgraph.")
            else f"{name}: where= needs to know what an entry left out counts as: define it with identity=, "
            "or leave entries out with cg.where before"
        )
    return where(mask, x, filling)


def _count(x: Any, axes: Axes) -> Any:
    """How many entries the axes hold: a number where the sizes are known, else a node."""
    n = shapes.size(tuple(shape_of(x)[i] for i in axes))
    return float(n) if n is not None else count_op(x, axes=axes)


def _ones(x: Any) -> Any:
    """1 in the dtype of x, which a Python number would not keep where both branches are numbers."""
    return np.ones((), x.dtype)


def _margin_of_extreme(largest: bool) -> Callable[..., Any]:
    """Relative gap between the extreme and the runner-up, for the checks: ties among the others are no kink."""

    def margin(x: Any, axes: Axes, keepdims: bool) -> Any:
        x = np.asarray(x, np.float64) if largest else -np.asarray(x, np.float64)
        rest = tuple(i for i in range(x.ndim) if i not in axes)
        count = int(np.prod([x.shape[i] for i in axes], dtype=np.int64))
        if x.size == 0 or count < 2:
            return np.inf
        rows = np.sort(np.transpose(x, rest + axes).reshape(-1, count), axis=-1)
        return np.min(
            (rows[:, -1] - rows[:, -2]) / np.maximum(np.abs(rows[:, -2:]).max(-1), 1e-300)
        )

    return margin


@lru_cache(maxsize=64)
def _sum_dtype(x: Any) -> Any:
    return np.add.reduce(np.ones(1, x)).dtype


def _mean(x: Any, axes: Axes, keepdims: bool) -> Any:
    # One pass and one rounding in the dtype of x; np.mean costs five times as much on small arrays. As there, half precision is
    # added up in single precision, whose sums do not overflow, and whole numbers in double precision.
    x = np.asarray(x)
    shape, kind = x.shape, x.dtype
    n = math.prod([shape[i] for i in axes])
    wider = np.float32 if kind == np.float16 else np.float64 if kind.kind in "iub" else None
    total: Any = np.add.reduce(x, axis=axes, keepdims=keepdims, dtype=wider)  # type: ignore[call-overload]
    result = total / (float(n) if n else np.nan)
    return result.astype(np.float16) if kind == np.float16 else result


def _shares(out: Any, x: Any, axes: Axes) -> Any:
    """1 at an extreme, shared equally by entries that tie."""
    hits = where(equal(x, out), _ones(x), 0.0)
    return hits / sum_op(hits, axes=axes, keepdims=True)


def floating_dtype(x: Any) -> Any:
    return x if x.kind == "f" else np.dtype(np.float64)


# --- sums, means, extremes ------------------------------------------------------------------------------------------------------

# fmt: off
count_op: Op = op(
    "count",
    lambda x, axes: np.asarray(
        float(np.prod([np.shape(x)[i] for i in axes], dtype=np.int64)), x.dtype if x.dtype.kind == "f" else np.float64
    ),
    None, shape=lambda x, axes: (), dtype=floating_dtype, symbol="n", formula=F("number of entries", "n", None),
    doc="How many entries the `axes` of `x` hold, for sizes that are not known before they are fed.",
)
sum_op: Op = linear_op(
    "sum", lambda x, axes, keepdims: np.add.reduce(x, axis=axes, keepdims=keepdims),
    broadcast_back, mask=broadcast_back,
    shape=lambda x, axes, keepdims: shapes.reduce(x, axes, keepdims), dtype=_sum_dtype, family="reduction",
    symbol="Σ", role="linear",
    formula=F("Σ $a", r"\sum $a", "1", adjoint="UPSTREAM, repeated"), doc="""The sum over `axis` (all axes by default).

>>> import cgraph as cg
>>> cg.input("x", shape=(2, 3)).sum(axis=0).shape
(3,)
""",
)
sum = _reducing(sum_op, 0.0, add)

mean_op: Op = linear_op(
    "mean", _mean,
    lambda u, x, axes, keepdims: broadcast_back(u / _count(x, axes), x, axes, keepdims),
    mask=broadcast_back,
    shape=lambda x, axes, keepdims: shapes.reduce(x, axes, keepdims), dtype=floating_dtype, family="reduction",
    symbol="mean", role="linear", formula=F("(1/m) Σ $a", r"\frac{1}{m} \sum $a", "1/m", adjoint="$part UPSTREAM, repeated"),
)
max = reduction(
    "max", lambda x, axes, keepdims: np.maximum.reduce(x, axis=axes, keepdims=keepdims), _shares, combine=maximum,
    margin=_margin_of_extreme(largest=True), formula=F("max $a", r"\max $a", "1 at the maximum, ties share",
        adjoint="UPSTREAM where $a is the max"),
    doc="""The largest entry over `axis`; entries that tie share the gradient equally.

>>> import cgraph as cg
>>> x = cg.parameter("x", [3.0, 1.0, 3.0])
>>> cg.max(x).backward().grad(x)
array([0.5, 0. , 0.5])
""",
)
min = reduction(
    "min", lambda x, axes, keepdims: np.minimum.reduce(x, axis=axes, keepdims=keepdims), _shares, combine=minimum,
    margin=_margin_of_extreme(largest=False), formula=F("min $a", r"\min $a", "1 at the minimum, ties share",
        adjoint="UPSTREAM where $a is the min"),
    doc="""The smallest entry over `axis`; entries that tie share the gradient equally.

>>> import cgraph as cg
>>> float(cg.min([3.0, 1.0, 2.0]))
1.0
""",
)
# fmt: on


@public
def mean(
    x: Any,
    axis: Axis = None,
    keepdims: bool = False,
    *,
    dtype: Any = None,
    where: Any = None,
    name: str | None = None,
) -> Any:
    """The mean over `axis` (all axes by default); NaN over nothing. With `where`, of the entries where it is true.

    Raises:
        ShapeError: when an axis is out of range, naming the node.

    >>> import cgraph as cg
    >>> x = cg.parameter("x", [1.0, 2.0, 6.0])
    >>> cg.mean(x).backward().grad(x).round(3)
    array([0.333, 0.333, 0.333])
    """
    if dtype is not None:
        x = cast(x, dtype)
    if where is not None and where is not True:
        if dtype_of(x) == np.float16:  # as in `_mean`
            wider = mean(cast(x, np.float32), axis, keepdims, where=where)
            return cast(wider, np.float16, name=name)
        total = sum(x, axis, keepdims, where=where)
        return divide(total, counted(where, x, axis, keepdims), name=name)
    return mean_op(x, axes=axes_of(x, axis), keepdims=bool(keepdims), name=name)


def counted(mask: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
    """How many entries of a mask, broadcast against `x`, are true, in the dtype of `x`."""
    number = x.dtype if is_node(x) or isinstance(x, np.ndarray) else np.dtype(np.float64)
    ones = where(mask, np.ones(known_shape(x, "a masked mean"), number), np.zeros((), number))
    return sum_op(ones, axes=axes_of(x, axis), keepdims=bool(keepdims))


# --- products: the partial is the product of the others, without dividing, so that zeros are right ------------------------------


def _others(x: Any) -> Any:
    """For each entry along axis 0, the product of all the others, by a tree: up with products of pairs, down with siblings."""
    n = shape_of(x)[0]
    if n is None:
        raise UnsupportedError(
            "the gradient of prod needs sizes that are known along its axes; declare them"
        )
    width = 1 << (n - 1).bit_length() if n > 1 else 1
    if width > n:
        pad: Any = np.ones((width - n, *shape_of(x)[1:]), x.dtype)
        x = concatenate([x, pad], 0)
    levels = [x]
    for _ in range(width.bit_length() - 1):
        levels.append(levels[-1][0::2] * levels[-1][1::2])
    down: Any = np.ones(shape_of(levels[-1]), x.dtype)
    for level in reversed(levels[:-1]):
        pair = stack([down * level[1::2], down * level[0::2]], 1)
        down = reshape(pair, shape_of(level))
    return down[:n]


def _prod_partial(x: Any, axes: Axes) -> Any:
    shape = shape_of(x)
    if not shapes.is_static(shape):
        raise UnsupportedError("the gradient of prod needs sizes that are known; declare them")
    order = axes + tuple(i for i in range(len(shape)) if i not in axes)
    moved = x.transpose(order)
    flat = moved.reshape(
        (shapes.size(tuple(shape[i] for i in axes)), *(shape[i] for i in order[len(axes) :]))
    )
    return (
        _others(flat)
        .reshape(tuple(shape[i] for i in order))
        .transpose(tuple(int(i) for i in np.argsort(order)))
    )


# fmt: off
prod = reduction(
    "prod", lambda x, axes, keepdims: np.multiply.reduce(x, axis=axes, keepdims=keepdims),
    lambda out, x, axes: _prod_partial(x, axes) if axes else _ones(x), identity=1.0, combine=multiply, dtype=_sum_dtype, symbol="Π",
    formula=F("Π $a", r"\prod $a", "product of the others"),
    source="the products of the others by a binary tree, as zeros forbid out / x",
    doc="""The product over `axis`; the gradient is right where entries are zero, too.

>>> import cgraph as cg
>>> x = cg.parameter("x", [0.0, 2.0, 3.0])
>>> cg.prod(x).backward().grad(x)
array([6., 0., 0.])
""",
)
# fmt: on


# --- variance -----------------------------------------------------------------------------------------------------------------


@public
def var(
    x: Any,
    axis: Axis = None,
    ddof: float = 0,
    keepdims: bool = False,
    *,
    dtype: Any = None,
    correction: float | None = None,
    where: Any = None,
    mean: Any = None,
    name: str | None = None,
) -> Any:
    """The variance over `axis`: the mean of squared deviations, with ``n - ddof`` for n (``correction=`` is the same).

    Args:
        x: an array or a node.
        axis: all axes by default.
        ddof: what is taken from the number of entries.
        keepdims: keep the axes as axes of size 1.
        dtype, correction, where, mean: as in NumPy.

    Raises:
        ShapeError: when an axis is out of range, naming the node.

    >>> import cgraph as cg
    >>> float(cg.var([1.0, 2.0, 3.0], ddof=1))
    1.0
    """
    if dtype is not None:
        x = cast(x, dtype)
    ddof = ddof if correction is None else correction
    everything = where is None or where is True
    if mean is None:
        mean = PUBLIC["mean"](x, axis, keepdims=True, where=where)
    deviation = square(x - mean)
    if ddof == 0 and everything:
        return mean_op(deviation, axes=axes_of(x, axis), keepdims=bool(keepdims), name=name)
    n = _count(x, axes_of(x, axis)) if everything else counted(where, x, axis, keepdims)
    free = maximum(n - float(ddof), 0.0)  # fewer entries than that: divided by 0, as in NumPy
    return divide(sum(deviation, axis, keepdims, where=where), free, name=name)


@with_arguments_of(var)
def std(
    x: Any,
    axis: Axis = None,
    ddof: float = 0,
    keepdims: bool = False,
    *,
    name: str | None = None,
    **options: Any,
) -> Any:
    """The standard deviation over `axis`: the root of `var`; like the root, it has no finite gradient where entries do not differ.

    Raises:
        ShapeError: when an axis is out of range, naming the node.

    >>> import cgraph as cg
    >>> float(cg.std([1.0, 2.0, 3.0], ddof=1))
    1.0
    """
    known = not ddof and not options.get("correction")
    if known and shapes.size(tuple(shape_of(x)[a] for a in axes_of(x, axis))) == 1:
        # Of one number it is 0 whatever the number, and so is its gradient.
        only = mean_op(x, axes=axes_of(x, axis), keepdims=bool(keepdims))
        return subtract(only, only, name=name)
    return sqrt(var(x, axis, ddof, keepdims, **options), name=name)
