"""Indexing: `getitem`, and `scatter`, which is its adjoint."""

from __future__ import annotations

from typing import Any

import numpy as np

from cgraph import shapes
from cgraph.errors import UnsupportedError
from cgraph.op import OPS, Op, is_node
from cgraph.operators import public
from cgraph.ops.define import F, drawn, like, linear_op
from cgraph.ops.structure import target_shape

Shape = shapes.Shape


def _is_basic(index: tuple[Any, ...]) -> bool:
    return all(isinstance(i, int | np.integer | slice) or i is None or i is Ellipsis for i in index)


def _scatter(x: Any, *like: Any, index: tuple[Any, ...], shape: Shape | None = None) -> Any:
    result = np.zeros(target_shape(shape, like), np.asarray(x).dtype)
    if _is_basic(index):
        result[index] = x  # each entry is named once
    else:
        np.add.at(result, index, x)
    return result


def _getitem_adjoint(u: Any, x: Any, index: tuple[Any, ...]) -> Any:
    reference, own = like(x)
    return scatter_op(u, *reference, index=index, shape=own)


def _scatter_adjoint(u: Any, x: Any, *_: Any, index: Any, shape: Shape | None = None) -> Any:
    return getitem(u, index)


# fmt: off
getitem_op: Op = linear_op(
    "getitem", lambda x, index: np.asarray(x)[index], _getitem_adjoint, shape=lambda x, index: shapes.index(x, index), symbol="[ ]",
    formula=F("$a[…]", "$a_{[\\dots]}", "1 where picked", adjoint="UPSTREAM put at [$index]"),
    example=lambda rng: ((drawn(rng),), {"index": (np.array([0, -1, 0]),)}),
)
scatter_op: Op = linear_op(
    "scatter", _scatter, _scatter_adjoint, others=1, mask=_scatter_adjoint,
    shape=lambda x, *like, index, shape=None: like[0] if shape is None else shape, formula=F("$a added into zeros", "$a", "1", None),
    doc="Zeros of `shape` with `x` added at `index`: the adjoint of indexing.",
    example=lambda rng: ((x := drawn(rng, (3, rng.integers(3))),), {"index": (np.array([2, 0, 2]),), "shape": (4, *x.shape[1:])}),
)
# fmt: on


def _computed(parts: tuple[Any, ...]) -> int | None:
    """The axis that a computed index of whole numbers picks along, if everything else is ``:``."""
    nodes = [i for i, part in enumerate(parts) if is_node(part)]
    if len(nodes) != 1 or parts[nodes[0]].dtype.kind not in "iu":
        return None
    others = [p for i, p in enumerate(parts) if i != nodes[0]]
    return nodes[0] if all(isinstance(p, slice) and p == slice(None) for p in others) else None


@public
def getitem(x: Any, index: Any, *, name: str | None = None) -> Any:
    """``x[index]``: basic and fancy indexing as in NumPy. Entries picked twice get both gradients.

    An index of whole numbers for one axis may be a node, as `argmax` and `argsort` give it: ``x[i]``, ``x[:, i]``.

    Raises:
        ShapeError: when the index is out of range.
        UnsupportedError: when a node is used as a mask, or beside another index.

    >>> import numpy as np
    >>> import cgraph as cg
    >>> cg.getitem(np.array([1.0, 2.0, 3.0]), [2, 0])
    array([3., 1.])
    """
    parts = index if isinstance(index, tuple) else (index,)
    axis = _computed(parts)
    if axis is not None:
        return OPS["take"](x, parts[axis], axis=axis, name=name)
    kept = []
    for part in parts:
        if is_node(part):
            raise UnsupportedError(
                "an index must be known when the graph is built, unless it is one node of whole numbers for one axis; use its .value, "
                "cg.take_along_axis for an index into each line, or cg.where for a mask"
            )
        if isinstance(part, list | np.ndarray):
            part = np.array(part)
            if part.size == 0 and part.dtype.kind == "f":
                part = part.astype(np.intp)
            part.setflags(write=False)
        kept.append(part)
    return getitem_op(x, index=tuple(kept), name=name)
