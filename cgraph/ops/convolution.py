"""Discrete convolution of vectors; its adjoint is correlation."""

from __future__ import annotations

from typing import Any

import numpy as np

from cgraph import shapes
from cgraph.errors import ShapeError, UnsupportedError
from cgraph.linear_maps import Adjoint, LinearMap
from cgraph.op import Op
from cgraph.operators import public
from cgraph.ops.define import F, known_shape, op, shape_of
from cgraph.ops.indexing import getitem
from cgraph.ops.moving import flip
from cgraph.ops.structure import flattened


def _convolve_left(out: Any, a: Any, b: Any) -> LinearMap:
    return Adjoint(lambda t: convolve_op(t, b), lambda u: _correlated(u, b, shape_of(a)[0]))


def _convolve_right(out: Any, a: Any, b: Any) -> LinearMap:
    return Adjoint(lambda t: convolve_op(a, t), lambda u: _correlated(u, a, shape_of(b)[0]))


def _correlated(u: Any, kernel: Any, n: int | None) -> Any:
    start = known_shape(kernel, "the gradient of convolve")[0] - 1
    return convolve_op(u, flip(kernel))[start : start + (n or 0)]


def _convolve_shape(a: shapes.Shape, b: shapes.Shape) -> shapes.Shape:
    if len(a) != 1 or len(b) != 1:
        raise ShapeError("convolve takes vectors")
    if 0 in a + b:
        raise ShapeError("convolve: nothing to convolve")
    return (None,) if a[0] is None or b[0] is None else (a[0] + b[0] - 1,)


# fmt: off
convolve_op: Op = op(
    "convolve", np.convolve, _convolve_left, _convolve_right, shape=_convolve_shape, family="linalg", role="linear", symbol="∗",
    formula=F("$a ∗ $b", "$a * $b", "upstream correlated with $b", "upstream correlated with $a",
        adjoint="UPSTREAM correlated with the other"),
    example=lambda rng: ((rng.normal(size=int(rng.integers(1, 5))), rng.normal(size=int(rng.integers(1, 4)))), {}),
)
# fmt: on


@public
def convolve(a: Any, v: Any, mode: str = "full", *, name: str | None = None) -> Any:
    """The discrete convolution of two vectors; `mode` is "full", "same" or "valid".

    >>> import numpy as np
    >>> import cgraph as cg
    >>> cg.convolve(np.array([1.0, 2.0, 3.0]), np.array([1.0, -1.0]))
    array([ 1.,  1.,  1., -3.])
    """
    a, v = flattened(a) if not shape_of(a) else a, flattened(v) if not shape_of(v) else v
    if mode == "full":
        return convolve_op(a, v, name=name)
    n, m = known_shape(a, "convolve")[0], known_shape(v, "convolve")[0]
    long, short = max(n, m), min(n, m)
    if mode not in ("same", "valid"):
        raise ValueError(f"convolve: mode is 'full', 'same' or 'valid', not {mode!r}")
    start, length = ((short - 1) // 2, long) if mode == "same" else (short - 1, long - short + 1)
    return getitem(convolve_op(a, v), slice(start, start + length), name=name)


@public
def correlate(a: Any, v: Any, mode: str = "valid", *, name: str | None = None) -> Any:
    """The cross-correlation of two vectors: `convolve` with `v` turned round."""
    if len(shape_of(a)) != 1 or len(shape_of(v)) != 1:
        raise UnsupportedError("correlate takes vectors")
    if shape_of(a)[0] < shape_of(v)[0]:  # type: ignore[operator]
        return flip(correlate(v, a, mode), name=name)
    return convolve(a, flip(v), mode, name=name)
