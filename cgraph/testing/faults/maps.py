"""Faults in rows that carry linear maps: reductions, products, moves of entries, broadcasts.

Here a mistake is one of axes, order and sharing: a matrix not transposed, a permutation not undone, 1/m forgotten, a repeated index that
overwrites. A fault wraps the right map and spoils one direction of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import numpy as np

from cgraph.linear_maps import Identity, LinearMap
from cgraph.op import OPS, Op, is_node
from cgraph.operators import PUBLIC as V
from cgraph.testing.faults.fault import Fault, replaced


class Spoiled(LinearMap):
    """A map with another vjp, or another jvp."""

    __slots__ = ("back", "forth", "right")

    def __init__(
        self,
        right: LinearMap,
        back: Callable[[Any], Any] | None,
        forth: Callable[[Any], Any] | None,
    ) -> None:
        self.right, self.back, self.forth = right, back, forth

    def vjp(self, upstream: Any) -> Any:
        return self.right.vjp(upstream) if self.back is None else self.back(upstream)

    def jvp(self, tangent: Any) -> Any:
        return self.right.jvp(tangent) if self.forth is None else self.forth(tangent)


def broken_map(op: Op, i: int, spoil: Callable[..., LinearMap]) -> AbstractContextManager[None]:
    """`spoil(right map, out, *operands, **params)` takes the place of the linear map of parent `i`."""
    if op.variadic:
        rule: Any = op.linear_maps[0]

        def variadic(k: int, out: Any, *operands: Any, **params: Any) -> LinearMap:
            right = rule(k, out, *operands, **params)
            return spoil(right, out, *operands, **params) if k == i else right

        return replaced(op, linear_maps=(variadic,))
    old: Any = op.linear_maps[i]

    def made(out: Any, *operands: Any, **params: Any) -> LinearMap:
        return spoil(
            None if old is None else old(out, *operands, **params), out, *operands, **params
        )

    return replaced(
        op, linear_maps=tuple(made if k == i else m for k, m in enumerate(op.linear_maps))
    )


def _back(change: Callable[..., Any]) -> Callable[..., LinearMap]:
    """Spoil the vjp: `change(right answer, upstream, *operands, **params)`."""

    def spoil(right: LinearMap, out: Any, *operands: Any, **params: Any) -> LinearMap:
        return Spoiled(right, lambda u: change(right.vjp(u), u, *operands, **params), None)

    return spoil


def scaled(factor: float) -> Callable[..., LinearMap]:
    """The right answer times a factor."""
    return _back(lambda right, u, *xs, **params: right * factor)


def _forth(change: Callable[..., Any]) -> Callable[..., LinearMap]:
    """Spoil the jvp alone."""

    def spoil(right: LinearMap, out: Any, *operands: Any, **params: Any) -> LinearMap:
        return Spoiled(right, None, lambda t: change(right.jvp(t), t, *operands, **params))

    return spoil


def _transposed_if_square(right: Any, u: Any, *xs: Any, **params: Any) -> Any:
    square = len(right.shape) == 2 and right.shape[0] == right.shape[1]
    return right.T if square else right


def _wrong_axis(right: Any, u: Any, x: Any, *like: Any, shape: Any = None) -> Any:
    """(n,) broadcast to (n, n): summed over the last axis instead of the first."""
    if len(u.shape) == 2 and len(x.shape) == 1 and u.shape == x.shape * 2:
        return V["sum"](u, axis=1)
    return right


def _reversed_first(right: Any, u: Any, *xs: Any, **params: Any) -> Any:
    return right[::-1] if len(right.shape) else right


def _fortran(right: Any, u: Any, x: Any, *like: Any, shape: Any = None) -> Any:
    if is_node(right) or len(x.shape) < 2:
        return right
    return np.reshape(u, x.shape, order="F")


def _not_undone(right: Any, u: Any, x: Any, axes: Any) -> Any:
    """The permutation applied again instead of undone: the same for two axes, wrong for three."""
    again = V["transpose"](u, axes)
    return again if again.shape == x.shape else right


def _overwrites(right: Any, u: Any, x: Any, index: Any) -> Any:
    if is_node(right):
        return right
    result = np.zeros(x.shape, np.asarray(u).dtype)
    result[index] = u
    return result


def _product_by_division(right: Any, u: Any, x: Any, axes: Any, keepdims: bool) -> Any:
    if is_node(right):
        return right
    spread = np.expand_dims(u, axes) if not keepdims and axes else u
    with np.errstate(all="ignore"):
        return spread * np.prod(x, axis=axes, keepdims=True) / x


def _count(x: Any, axes: Any) -> float:
    return float(np.prod([x.shape[a] for a in axes])) if axes else 1.0


_ALL: list[tuple[str, int, str, Callable[..., LinearMap], str]] = [
    ("sum", 0, "double", _back(lambda right, u, *xs, **p: 2.0 * right), "a factor 2 too much"),
    ("sum", 0, "divided", _back(lambda right, u, x, axes, keepdims: right / _count(x, axes)), "the rule of the mean"),
    ("mean", 0, "no 1/m", _back(lambda right, u, x, axes, keepdims: right * _count(x, axes)), "1/m is forgotten"),
    ("mean", 0, "1/size", _back(lambda right, u, x, axes, keepdims: right * _count(x, axes) / float(x.size)), "divided by all entries"),
    ("max", 0, "all at ties", _back(lambda right, u, x, **p: V["where"](V["not_equal"](right, 0.0), 1.0, 0.0) * 1.5 * right), "ties and all are scaled"),  # noqa: E501
    ("max", 0, "everywhere", _back(lambda right, u, x, **p: right + 0.1), "every entry gets something"),
    ("min", 0, "sign", _back(lambda right, u, *xs, **p: -1.0 * right), "the rule of −max"),
    ("prod", 0, "division", _back(_product_by_division), "out / x: NaN where an entry is zero"),
    ("prod", 0, "itself", _back(lambda right, u, x, **p: right * x), "the product of all instead of the others"),
    ("logsumexp", 0, "flat", _back(lambda right, u, x, **p: 0.0 * right + 0.5), "weights of one half"),
    ("softmax", 0, "no correction", _back(lambda right, u, x, axes: right + u * OPS["softmax"](x, axes=axes) * 0.5), "the term out·Σ is halved"),  # noqa: E501
    ("softmax", 0, "diagonal", _back(lambda right, u, x, axes: u * OPS["softmax"](x, axes=axes) * (1.0 - OPS["softmax"](x, axes=axes))), "the diagonal alone"),  # noqa: E501
    ("cumsum", 0, "not reversed", _back(lambda right, u, x, axis: V["cumsum"](u, axis)), "summed from the wrong end"),
    ("broadcast_to", 0, "wrong axis", _back(_wrong_axis), "summed over the wrong axis where the shape allows it"),
    ("broadcast_to", 0, "mean", _back(lambda right, u, x, *like, shape=None: right * (x.size / max(u.size, 1))), "the mean instead of the sum"),  # noqa: E501
    ("sum_to", 0, "half", _back(lambda right, u, *xs, **p: 0.5 * right), "a factor is missing"),
    ("reshape", 0, "fortran", _back(_fortran), "put back in another order"),
    ("transpose", 0, "not undone", _back(_not_undone), "permuted again instead of back"),
    ("transpose", 0, "square", _back(_transposed_if_square), "not transposed back where the shape hides it"),
    ("concatenate", 0, "reversed", _back(_reversed_first), "the part in the wrong order"),
    ("concatenate", 1, "double", _back(lambda right, u, *xs, **p: 2.0 * right), "the second part counted twice"),
    ("getitem", 0, "overwrites", _back(_overwrites), "an entry picked twice gets one gradient"),
    ("getitem", 0, "reversed", _back(_reversed_first), "put back in the wrong places"),
    ("scatter", 0, "half", _back(lambda right, u, *xs, **p: 0.5 * right), "a factor is missing"),
    ("matmul", 0, "transposed", _back(_transposed_if_square), "the gradient is transposed where the shape hides it"),
    ("matmul", 1, "sign", _back(lambda right, u, *xs, **p: -1.0 * right), "the sign is lost"),
    ("matmul", 1, "transposed", _back(_transposed_if_square), "the gradient is transposed where the shape hides it"),
    ("matmul", 0, "operand swap", _back(lambda right, u, a, b: right if a.shape != b.shape or len(a.shape) != 2 else u @ a.T), "the wrong operand"),  # noqa: E501
    ("where", 1, "both", _back(lambda right, u, c, a, b: u), "passes where the branch was not taken"),
    ("where", 2, "inverted", _back(lambda right, u, c, a, b: u - right), "the mask of the other branch"),
    ("stop_gradient", 0, "passes", lambda right, out, x: Identity(), "does not stop"),
    ("sum", 0, "jvp", _forth(lambda right, t, *xs, **p: 2.0 * right), "forward mode alone is doubled"),
    ("matmul", 0, "jvp", _forth(lambda right, t, *xs, **p: -1.0 * right), "forward mode alone has lost the sign"),
    ("cumsum", 0, "jvp", _forth(lambda right, t, x, axis: V["sum"](t) + 0.0 * right), "forward mode alone gives totals"),
    ("getitem", 0, "jvp", _forth(lambda right, t, *xs, **p: 0.0 * right), "forward mode alone is lost"),
]  # fmt: skip


def faults() -> Iterator[Fault]:
    """The faults of rows with maps."""
    for name, i, mistake, spoil, description in _ALL:
        install = partial(broken_map, OPS[name], i, spoil)
        yield Fault.in_row(name, i, mistake, description, install)
