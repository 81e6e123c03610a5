"""How an op is defined: `elementwise`, `linear_op` and `op`, in one grammar (`reduction`, which needs sums, stands in `reduction.py`).

Each takes a name, a forward over arrays, and the local gradients; everything else has a default. What it gives is called like a
function: on arrays it computes, on nodes it builds. The helpers below are what local gradients are written with, besides the ops
themselves; all of it is public, and docs/adding-an-op.md shows how to use it outside the package.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cgraph import shapes
from cgraph.errors import ShapeError, UnsupportedError
from cgraph.linear_maps import Adjoint, LinearMap
from cgraph.op import OPS, REAL, Formula, Interval, Op, Partial, Rule, is_node, register
from cgraph.operators import PUBLIC

Shape = shapes.Shape

POSITIVE = Interval(0.0, open_low=True)
NOT_NEGATIVE = Interval(0.0)
UNIT = Interval(-1.0, 1.0)


def F(text: str, latex: str, *partials: str | None, adjoint: str = "") -> Formula:
    return Formula(text, latex, partials, adjoint)


def calling_module() -> str:
    """The module that defines an op: that of the frame two up from here."""
    return str(sys._getframe(2).f_globals.get("__name__", "__main__"))


def elementwise(name: str, forward: Callable[..., Any], *partials: Partial, **fields: Any) -> Op:
    """An op that works entry by entry.

    Args:
        name: of the op, and of the node where the user gives none.
        forward: a NumPy-style function of arrays that broadcasts.
        partials: one a parent: ``(out, *operands) -> partial``, a number for a constant partial, or None.
        fields: anything else an `Op` holds: symbol, formula, scalar, domain, margin, role, doc, and module, the name of the module
            that defines the op, where unpickling will look for it (default: the caller's).

    Raises:
        TypeError: when there are more or fewer partials than `forward` takes operands.
        ValueError: when there is an op of that name already.

    >>> import numpy as np
    >>> import cgraph as cg
    >>> cube = elementwise("cube", lambda x: x**3, lambda out, x: 3.0 * cg.square(x), module="example")
    >>> x = cg.parameter("x", 2.0)
    >>> float(cube(x).backward().grad(x))
    12.0
    """
    constants = tuple(float(p) if isinstance(p, int | float) else p for p in partials)
    fields.setdefault("domain", (REAL,) * len(partials))
    fields.setdefault("module", calling_module())
    made = register(Op(name, forward, partials=constants, **fields))
    PUBLIC[name] = made
    return made


def op(name: str, forward: Callable[..., Any], *linear_maps: Rule | None, **fields: Any) -> Op:
    """An op of any kind: what `elementwise`, `linear_op` and `reduction` do not cover.

    Args:
        name: of the op.
        forward: arrays and keyword parameters -> array.
        linear_maps: one a parent: ``(out, *operands, **params) -> LinearMap`` (`cgraph.linear_maps`), or None where there is no
            derivative. With ``variadic=True`` one for all parents, which gets the parent's index first.
        fields: ``shape=`` (shapes of the operands and parameters -> shape), and anything else an `Op` holds.

    Raises:
        TypeError: without ``shape=``.
        ValueError: when there is an op of that name already.

    >>> import numpy as np
    >>> import cgraph as cg
    >>> from cgraph.linear_maps import Scale
    >>> halve = op("halve", lambda x: x / 2, lambda out, x: Scale(0.5), shape=lambda x: x, module="example")
    >>> x = cg.parameter("x", 3.0)
    >>> float(halve(x).backward().grad(x))
    0.5
    """
    fields.setdefault("family", "structure")
    fields.setdefault("module", calling_module())
    return register(Op(name, forward, linear_maps=linear_maps, **fields))


def linear_op(
    name: str,
    forward: Callable[..., Any],
    adjoint: Callable[..., Any],
    *,
    others: int = 0,
    mask: Callable[..., Any] | None = None,
    **fields: Any,
) -> Op:
    """An op that moves, repeats, picks or adds entries of its first operand, and so is linear in it.

    Its forward mode is itself, so all that is to be said is the way back.

    Args:
        name: of the op.
        forward: ``(x, *others, **params) -> array``.
        adjoint: ``(upstream, x, *others, **params)`` -> the share of `x`, written with ops.
        others: how many further operands there are, which have no derivative (an index, a shape to follow).
        mask: like `adjoint`, for a mask of truth values (default: an entry is selected where the adjoint puts anything selected,
            which is right as long as no weights cancel).
        fields: ``shape=``, and anything else an `Op` holds. The result has the dtype of `x` unless ``dtype=`` says otherwise.

    >>> import numpy as np
    >>> import cgraph as cg
    >>> mirrored = linear_op("mirrored", lambda x: x[::-1], lambda u, x: mirrored(u), shape=lambda x: x, module="example")
    >>> x = cg.parameter("x", [1.0, 2.0, 3.0])
    >>> cg.sum(mirrored(x) * np.array([1.0, 10.0, 100.0])).backward().grad(x)
    array([100.,  10.,   1.])
    """

    def local(out: Any, x: Any, *operands: Any, **params: Any) -> LinearMap:
        def back(u: Any) -> Any:
            return adjoint(u, x, *operands, **params)

        return Adjoint(
            lambda t: made(t, *operands, **params),
            back,
            nonzero_after(back) if mask is None else lambda m: mask(m, x, *operands, **params),
        )

    fields.setdefault("family", "structure")
    fields.setdefault("dtype", _first)
    fields.setdefault("module", calling_module())
    made = register(Op(name, forward, linear_maps=(local, *(None,) * others), **fields))
    return made


def _first(dtype: Any, *others: Any) -> Any:
    return dtype


# --- what local gradients are written with --------------------------------------------------------------------------------------


def shape_of(x: Any) -> Shape:
    """The shape of an array, a number or a node."""
    shape: Shape = x.shape if is_node(x) else np.shape(x)
    return shape


def like(x: Any) -> tuple[tuple[Any, ...], Shape | None]:
    """How to hand on the shape of `x`: as a parameter when it is known, else as an operand to follow.

    >>> import numpy as np
    >>> like(np.ones((2, 3)))
    ((), (2, 3))
    """
    shape = shape_of(x)
    return ((), shape) if shapes.is_static(shape) else ((x,), None)


def axes_of(x: Any, axis: int | Sequence[int] | None, extra: int = 0) -> tuple[int, ...]:
    """`axis=` as the sorted axes of `x`, which gets `extra` more; what is wrong with it is said with the name of the node.

    Raises:
        ShapeError: when an axis is out of range or named twice.

    >>> import numpy as np
    >>> axes_of(np.ones((2, 3, 4)), (-1, 0)), axes_of(np.ones((2, 3)), None)
    ((0, 2), (0, 1))
    """
    try:
        return shapes.normalize_axes(axis, len(shape_of(x)) + extra)
    except ShapeError as error:
        what = repr(x.label) if is_node(x) else "the array"
        raise ShapeError(f"{what} has shape {shape_of(x)}: {error}") from None


def axis_of(x: Any, axis: int, extra: int = 0) -> int:
    """One axis of `x`, not negative.

    Raises:
        ShapeError: when it is out of range, or more than one.
    """
    if isinstance(axis, tuple | list):
        what = repr(x.label) if is_node(x) else "the array"
        raise ShapeError(
            f"{what} has shape {shape_of(x)}: axis={axis} is more than one axis; name one"
        )
    return axes_of(x, axis, extra)[0]


def keep_axes(u: Any, x: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    """What a reduction of `x` gave, with the reduced axes put back as axes of size 1, so that it broadcasts against `x`."""
    own = shape_of(x)
    if keepdims or not 0 < len(axes) < len(own):
        return u  # a reduction of everything is a scalar, which broadcasts as it is
    kept = shapes.reduce(own, axes, keepdims=True)
    if shapes.is_static(kept):
        return OPS["reshape"](u, shape=kept)
    # More than one size may be unknown, which no reshape could tell apart.
    index = tuple(None if i in axes else slice(None) for i in range(len(own)))
    return OPS["getitem"](u, index=index)


def broadcast_back(u: Any, x: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    """The upstream of a reduction of `x`, repeated over the axes that were reduced.

    >>> import numpy as np
    >>> broadcast_back(np.array([1.0, 2.0]), np.ones((2, 3)), (1,), False)
    array([[1., 1., 1.],
           [2., 2., 2.]])
    """
    reference, shape = like(x)
    return OPS["broadcast_to"](keep_axes(u, x, axes, keepdims), *reference, shape=shape)


def nonzero_after(adjoint: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """How a mask goes through the adjoint of a map made of zeros and ones: what receives anything selected is selected."""
    return lambda mask: OPS["not_equal"](adjoint(OPS["where"](mask, 1.0, 0.0)), 0.0)


def known_shape(x: Any, what: str) -> tuple[int, ...]:
    """The shape of `x`, all sizes known.

    Raises:
        UnsupportedError: saying that `what` needs them.
    """
    shape = shape_of(x)
    if not shapes.is_static(shape):
        raise UnsupportedError(f"{what} needs sizes that are known, not {shape}; declare them")
    return shape  # type: ignore[return-value]


def dtype_of(x: Any) -> Any:
    """The dtype of an array, a number or a node."""
    return x.dtype if is_node(x) else np.asarray(x).dtype


SHAPES = ((), (2,), (2, 2), (1,), (3,), (2, 3), (1, 2), (2, 2, 2), (0,))


def drawn(rng: Any, shape: Sequence[int] | None = None) -> Any:
    """An operand for the `example` of an op: of the shape given or of some shape, small or large."""
    shape = SHAPES[int(rng.integers(len(SHAPES)))] if shape is None else tuple(shape)
    return rng.normal(size=shape) * 10.0 ** rng.uniform(-1.5, 1.5)


def along(axis: int, part: Any) -> tuple[Any, ...]:
    """The index that picks `part` along one axis and everything along the others."""
    return (*(slice(None),) * axis, part)


def batched_along(*counted: str) -> Callable[..., Any]:
    """The batching rule (cgraph/batching.py) of an op that goes line by line along ``axis=``: every operand gets the new axis in front,
    and parameters among `counted` that are shapes get its size."""

    def rule(node: Any, operands: list[Any], has: list[bool], size: int) -> Any:
        wide = []
        for x, there in zip(operands, has, strict=True):
            if not there and not shapes.is_static(x.shape):
                return None
            wide.append(x if there else OPS["broadcast_to"](x, shape=(size, *x.shape)))
        params = {**node.params, "axis": node.params["axis"] + 1}
        for name in counted:
            if params.get(name) is not None:
                params[name] = (size, *params[name])
        return Op.build_node(node.op, tuple(wide), params)

    return rule
