"""Local gradients: the linear maps that the chain rule multiplies with.

The derivative of one op with respect to one parent is a linear map. Written once, it serves both modes: `vjp` takes the
upstream gradient of the output to the parent's share (reverse mode, "upstream x local"), `jvp` takes a tangent of the parent to
the output's (forward mode). There are nine maps and no algebra between them. They use only the operators that arrays and nodes
share, so the same object gives numbers in a Run and a gradient graph in `cgraph.gradient`; anything more (`where`, `sum` ...)
arrives as a callable from the op that makes the map. This module therefore knows nothing of nodes or ops.

A *mask* travels with a cotangent that has passed an unselected branch of `where`: it is True where the branch was selected.
Elsewhere the gradient is zero by structure, whatever the partials there are (0 x inf would be NaN); see `masked_vjp`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = [
    "Adjoint",
    "Diagonal",
    "Identity",
    "LinearMap",
    "LocalGradient",
    "MatMulLeft",
    "MatMulRight",
    "Rearrange",
    "Scale",
    "Select",
    "WeightedSum",
]

Operand = Any  # an ndarray, a Python float, or a Node: the maps treat all three alike
DENSE_LIMIT = 10**6


class LinearMap:
    """A linear map from a parent's tangent to the output's, and its adjoint."""

    __slots__ = ()

    # Where the share is there at all; only `Select` has one.
    mask: Operand | None = None

    def vjp(self, upstream: Operand) -> Operand:
        """Upstream gradient of the output -> this parent's share of the gradient."""
        raise NotImplementedError

    def jvp(self, tangent: Operand) -> Operand:
        """Tangent of the parent -> its contribution to the tangent of the output."""
        raise NotImplementedError

    def masked_vjp(self, upstream: Operand, mask: Operand) -> tuple[Operand, Operand | None]:
        """`vjp` of an upstream that is zero by structure where `mask` is False: the share and the share's own mask."""
        return self.vjp(upstream), None

    @property
    def array(self) -> Operand | None:
        """What the upstream gradient is multiplied with, where the map is a multiplication; else None."""
        return None


class Identity(LinearMap):
    """The parent enters unchanged: `a + b` with respect to `a`."""

    __slots__ = ()

    def vjp(self, upstream: Operand) -> Operand:
        return upstream

    def jvp(self, tangent: Operand) -> Operand:
        return tangent

    def masked_vjp(self, upstream: Operand, mask: Operand) -> tuple[Operand, Operand | None]:
        return upstream, mask

    @property
    def array(self) -> Operand:
        return 1.0


class Scale(LinearMap):
    """Multiplication by one constant: `-a`, `a - b` with respect to `b`."""

    __slots__ = ("factor",)

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def vjp(self, upstream: Operand) -> Operand:
        return upstream * self.factor

    def jvp(self, tangent: Operand) -> Operand:
        return tangent * self.factor

    def masked_vjp(self, upstream: Operand, mask: Operand) -> tuple[Operand, Operand | None]:
        return self.vjp(upstream), mask

    @property
    def array(self) -> Operand:
        return self.factor


class Diagonal(LinearMap):
    """Every elementwise op: entry i of the output depends on entry i of the parent alone, through `partial[i]`.

    `where` is handed in for the masked form, which must not multiply where nothing was selected.
    """

    __slots__ = ("partial", "where")

    def __init__(self, partial: Operand, where: Callable[..., Operand]) -> None:
        self.partial = partial
        self.where = where

    def vjp(self, upstream: Operand) -> Operand:
        return upstream * self.partial

    def jvp(self, tangent: Operand) -> Operand:
        return tangent * self.partial

    def masked_vjp(self, upstream: Operand, mask: Operand) -> tuple[Operand, Operand | None]:
        return self.where(mask, upstream * self.partial, 0.0), mask

    @property
    def array(self) -> Operand:
        return self.partial


class Select(LinearMap):
    """A branch of `where`: passes entries where `mask` is True and is zero, by structure, elsewhere."""

    __slots__ = ("logical_and", "mask", "where")

    def __init__(
        self, mask: Operand, where: Callable[..., Operand], logical_and: Callable[..., Operand]
    ) -> None:
        self.mask = mask
        self.where = where
        self.logical_and = logical_and

    def vjp(self, upstream: Operand) -> Operand:
        return self.where(self.mask, upstream, 0.0)

    def jvp(self, tangent: Operand) -> Operand:
        return self.where(self.mask, tangent, 0.0)

    def masked_vjp(self, upstream: Operand, mask: Operand) -> tuple[Operand, Operand | None]:
        return self.vjp(upstream), self.logical_and(self.mask, mask)

    @property
    def array(self) -> Operand:
        return self.mask


def product(a: Operand, b: Operand) -> Operand:
    """`a @ b`; of arrays that are vectors or matrices by `dot`, the same product at half the overhead."""
    if a.__class__ is b.__class__ is np.ndarray and 1 <= a.ndim <= 2 and 1 <= b.ndim <= 2:
        return a.dot(b)
    return a @ b


def _transposed(matrix: Operand) -> Operand:
    return matrix.T if matrix.ndim == 2 else matrix.swapaxes(-1, -2)


class MatMulLeft(LinearMap):
    """`a @ right` with respect to `a`; both are stacks of matrices."""

    __slots__ = ("right",)

    def __init__(self, right: Operand) -> None:
        self.right = right

    def vjp(self, upstream: Operand) -> Operand:
        return product(upstream, _transposed(self.right))

    def jvp(self, tangent: Operand) -> Operand:
        return product(tangent, self.right)

    @property
    def array(self) -> Operand:
        return self.right


class MatMulRight(LinearMap):
    """`left @ b` with respect to `b`; both are stacks of matrices."""

    __slots__ = ("left",)

    def __init__(self, left: Operand) -> None:
        self.left = left

    def vjp(self, upstream: Operand) -> Operand:
        return product(_transposed(self.left), upstream)

    def jvp(self, tangent: Operand) -> Operand:
        return product(self.left, tangent)

    @property
    def array(self) -> Operand:
        return self.left


class Rearrange(LinearMap):
    """A permutation of the entries (transpose, reshape): `forward` and its inverse, which is also its adjoint."""

    __slots__ = ("forward", "inverse")

    def __init__(
        self, forward: Callable[[Operand], Operand], inverse: Callable[[Operand], Operand]
    ) -> None:
        self.forward = forward
        self.inverse = inverse

    def vjp(self, upstream: Operand) -> Operand:
        return self.inverse(upstream)

    def jvp(self, tangent: Operand) -> Operand:
        return self.forward(tangent)

    def masked_vjp(self, upstream: Operand, mask: Operand) -> tuple[Operand, Operand | None]:
        return self.inverse(upstream), self.inverse(mask)


class WeightedSum(LinearMap):
    """A reduction: the output moves by the sum of the tangents times `weights`, over some axes.

    `total` sums over those axes, `back` repeats over them what has the shape of the result. Masks take care of themselves: entries
    that only reach an unselected result are zero by structure, whatever their weights.
    """

    __slots__ = ("back", "total", "weights", "where")

    def __init__(
        self,
        weights: Operand,
        total: Callable[[Operand], Operand],
        back: Callable[[Operand], Operand],
        where: Callable[..., Operand],
    ) -> None:
        self.weights = weights
        self.total = total
        self.back = back
        self.where = where

    def vjp(self, upstream: Operand) -> Operand:
        return self.weights * self.back(upstream)

    def jvp(self, tangent: Operand) -> Operand:
        return self.total(self.weights * tangent)

    def masked_vjp(self, upstream: Operand, mask: Operand) -> tuple[Operand, Operand | None]:
        mask = self.back(mask)
        return self.where(mask, self.vjp(upstream), 0.0), mask


class Adjoint(LinearMap):
    """The escape hatch: any linear `forward` with its `adjoint`, both given as functions.

    Broadcasts, gathers and pads use it. `mask_adjoint`, where given, takes a mask through the adjoint; an adjoint that also
    multiplies (with weights that may be inf or nan behind the mask) hands in `where`, as `Diagonal` does.
    """

    __slots__ = ("adjoint", "forward", "mask_adjoint", "where")

    def __init__(
        self,
        forward: Callable[[Operand], Operand],
        adjoint: Callable[[Operand], Operand],
        mask_adjoint: Callable[[Operand], Operand] | None = None,
        where: Callable[..., Operand] | None = None,
    ) -> None:
        self.forward = forward
        self.adjoint = adjoint
        self.mask_adjoint = mask_adjoint
        self.where = where

    def vjp(self, upstream: Operand) -> Operand:
        return self.adjoint(upstream)

    def jvp(self, tangent: Operand) -> Operand:
        return self.forward(tangent)

    def masked_vjp(self, upstream: Operand, mask: Operand) -> tuple[Operand, Operand | None]:
        share = self.adjoint(upstream)
        if self.mask_adjoint is None:
            return share, None
        mask = self.mask_adjoint(mask)
        return (share if self.where is None else self.where(mask, share, 0.0)), mask


class LocalGradient:
    """One edge's local gradient as a Run shows it: the linear map, its formula, and the shapes it goes between.

    Attributes:
        map: the `LinearMap`.
        formula: the partial as text, e.g. ``"p(1 − p)"``.
        in_shape, out_shape, dtype: of the parent, of the output, and of the parent's values.

    >>> import cgraph as cg
    >>> x = cg.parameter("x", [1.0, 2.0])
    >>> run = cg.sum(cg.square(x, name="s")).backward()
    >>> local = run.local(run.order[1], x)
    >>> local.array
    array([2., 4.])
    >>> local.dense()
    array([[2., 0.],
           [0., 4.]])
    """

    __slots__ = ("dtype", "formula", "in_shape", "map", "out_shape")

    def __init__(
        self,
        linear_map: LinearMap,
        formula: str,
        in_shape: tuple[int, ...],
        out_shape: tuple[int, ...],
        dtype: np.dtype[Any],
    ) -> None:
        self.map = linear_map
        self.formula = formula
        self.in_shape = in_shape
        self.out_shape = out_shape
        self.dtype = dtype

    @property
    def array(self) -> Any:
        """The elementwise partial, or the operand that gets multiplied; None for maps that only move or add entries."""
        array = self.map.array
        if array is None:
            return None
        # Often it is the very array that the Run holds as a value, so it is shown and not handed over.
        shown = np.asarray(array).view()
        shown.setflags(write=False)
        return shown

    def vjp(self, upstream: Any) -> Any:
        """Upstream gradient, of shape `out_shape` -> share of the gradient, of shape `in_shape`."""
        return np.asarray(self.map.vjp(np.asarray(upstream)))

    def jvp(self, tangent: Any) -> Any:
        """Tangent of the parent, of shape `in_shape` -> tangent of the output, of shape `out_shape`."""
        return np.asarray(self.map.jvp(np.asarray(tangent)))

    def dense(self) -> np.ndarray[Any, np.dtype[Any]]:
        """The full Jacobian, of shape ``out_shape + in_shape``: for teaching and tests, used by nothing in the engine.

        Raises:
            ValueError: when it would have more than 10^6 entries.
        """
        n_in = int(np.prod(self.in_shape, dtype=np.int64))
        n_out = int(np.prod(self.out_shape, dtype=np.int64))
        if n_in * n_out > DENSE_LIMIT:
            raise ValueError(
                f"the dense Jacobian would have {n_out} x {n_in} entries (limit {DENSE_LIMIT}); use .vjp or .jvp instead"
            )
        columns = np.zeros((n_out, n_in), self.dtype)
        for j in range(n_in):
            basis = np.zeros(n_in, self.dtype)
            basis[j] = 1
            columns[:, j] = self.jvp(basis.reshape(self.in_shape)).reshape(n_out)
        return columns.reshape(self.out_shape + self.in_shape)

    def __repr__(self) -> str:
        return f"<LocalGradient {type(self.map).__name__} {self.in_shape} -> {self.out_shape}: {self.formula}>"
