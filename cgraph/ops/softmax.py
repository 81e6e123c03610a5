"""Softmax and its logarithm, and the logarithm of a sum of exponentials: all three without overflow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cgraph import shapes
from cgraph.linear_maps import Adjoint, LinearMap
from cgraph.numpy_names import public
from cgraph.op import OPS, Op, together
from cgraph.ops import kernels
from cgraph.ops.define import (
    F,
    axes_of,
    broadcast_back,
    op,
)
from cgraph.ops.elementwise import (
    not_equal,
    where,
)
from cgraph.ops.reduction import Axes, Axis, floating_dtype, reduction, sum_op


def _floating(x: Any) -> Any:
    """`x`, whole numbers as float64: there is no whole number below all others to start a maximum from."""
    x = np.asarray(x)
    return x if x.dtype.kind == "f" else x.astype(np.float64)


def _in_double(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """A kernel on float64, its result, or both, in the dtype of `x`: narrow floats are rounded once, at the end."""

    def forward(x: Any, axes: Axes) -> Any:
        x = _floating(x)
        if not x.ndim:
            return kernels.each(lambda r: r.reshape(()), forward(x.reshape(1), axes))
        if x.dtype.itemsize >= 8:
            return kernel(x, axes)
        return kernels.each(lambda r: r.astype(x.dtype), kernel(x.astype(np.float64), axes))

    return forward


def _softmax_local(out: Any, x: Any, axes: Axes) -> LinearMap:
    def apply(t: Any) -> Any:
        weighted = out * t
        return weighted - out * broadcast_back(
            sum_op(weighted, axes=axes, keepdims=True), x, axes, True
        )

    def mask_adjoint(mask: Any) -> Any:
        # Every entry of a group depends on all of them: the group is there as soon as one is.
        selected = sum_op(where(mask, 1.0, 0.0), axes=axes, keepdims=True)
        return broadcast_back(not_equal(selected, 0.0), x, axes, True)

    return Adjoint(apply, apply, mask_adjoint, where)  # symmetric


# fmt: off
softmax_op: Op = op(
    "softmax", _in_double(kernels.softmax), _softmax_local,
    shape=lambda x, axes: x, family="reduction", role="activation", dtype=floating_dtype,
    formula=F("e^$a / Σ e^$a", r"\frac{e^{$a}}{\sum e^{$a}}", "$out ⊙ (upstream − Σ($out ⊙ upstream))",
        adjoint="$out ⊙ (UPSTREAM − Σ$small($out ⊙ UPSTREAM))"),
)
# fmt: on


_logsumexp_kept = _in_double(kernels.logsumexp)
_logsumexp_and_softmax_kept = _in_double(kernels.logsumexp_and_softmax)


def _logsumexp(x: Any, axes: Axes, keepdims: bool) -> Any:
    result = _logsumexp_kept(x, axes)
    return result if keepdims else result.reshape(shapes.reduce(np.shape(x), axes, False))


def _logsumexp_and_softmax(x: Any, axes: Axes, keepdims: bool) -> tuple[Any, Any]:
    result, shares = _logsumexp_and_softmax_kept(x, axes)
    if not keepdims:
        result = result.reshape(shapes.reduce(np.shape(x), axes, False))
    return result, shares


# fmt: off
logsumexp = reduction(
    "logsumexp", _logsumexp, lambda out, x, axes: softmax_op(x, axes=axes), dtype=floating_dtype,
    formula=F("ln Σ e^$a", r"\ln \sum e^{$a}", "softmax($a)", adjoint="softmax$small($a) ⊙ UPSTREAM"),
    source="the largest term taken out, the others added by log1p (Blanchard, Higham and Higham 2021)",
    doc="""``log(sum(exp(x)))`` over `axis`, without overflow and without losing the small terms.

>>> import cgraph as cg
>>> float(cg.logsumexp([1000.0, 1000.0]).round(4))
1000.6931
""",
)
# fmt: on


def _log_softmax_local(out: Any, x: Any, axes: Axes) -> LinearMap:
    weights = softmax_op(x, axes=axes)

    def total(t: Any) -> Any:
        return broadcast_back(sum_op(t, axes=axes, keepdims=True), x, axes, True)

    def mask_adjoint(mask: Any) -> Any:
        return not_equal(total(where(mask, 1.0, 0.0)), 0.0)

    return Adjoint(
        lambda t: t - total(weights * t), lambda u: u - weights * total(u), mask_adjoint, where
    )


# fmt: off
log_softmax_op: Op = op(
    "log_softmax", _in_double(kernels.log_softmax), _log_softmax_local,
    shape=lambda x, axes: x, family="reduction", role="activation", dtype=floating_dtype,
    formula=F("$a − ln Σ e^$a", r"$a - \ln \sum e^{$a}", "identity − 1·softmax($a)ᵀ",
        adjoint="UPSTREAM − softmax$small($a) ⊙ Σ$small UPSTREAM"),
    doc="The logarithm of softmax. The largest entry keeps its digits where the others are far below.",
)
# fmt: on


together(OPS["logsumexp"], softmax_op, _logsumexp_and_softmax)
together(log_softmax_op, softmax_op, _in_double(kernels.log_softmax_and_softmax))


@public
def softmax(x: Any, axis: Axis = -1, *, name: str | None = None) -> Any:
    """``exp(x) / sum(exp(x))`` over `axis`, without overflow.

    Raises:
        ShapeError: when an axis is out of range, naming the node.

    >>> import cgraph as cg
    >>> cg.softmax([0.0, 0.0])
    array([0.5, 0.5])
    """
    return softmax_op(x, axes=axes_of(x, axis), name=name)


@public
def log_softmax(x: Any, axis: Axis = -1, *, name: str | None = None) -> Any:
    """``log(softmax(x))`` without taking the logarithm of anything small.

    Raises:
        ShapeError: when an axis is out of range, naming the node.

    >>> import cgraph as cg
    >>> cg.log_softmax([0.0, 0.0]).round(4)
    array([-0.6931, -0.6931])
    """
    return log_softmax_op(x, axes=axes_of(x, axis), name=name)
