"""The derivative tables: every op is one entry in one of these modules, and `OPS` has them all by name.

`elementwise`, `linear_op`, `reduction` and `op` define one; the helpers that local gradients are written with stand beside them
(docs/adding-an-op.md).
"""

from collections.abc import Callable
from typing import Any

from cgraph.op import OPS, Formula, Interval, Op, register
from cgraph.operators import PUBLIC
from cgraph.ops import (
    activations,
    convolution,
    creation,
    cross_entropy,
    differences,
    einsum,
    indexing,
    joining,
    linalg,
    logistic,
    losses,
    moving,
    padding,
    picking,
    products,
    rounding,
    scans,
    searching,
    softmax,
    sorting,
    statistics,
    structure,
    transcendental,
    without_nan,
)
from cgraph.ops.define import (
    axes_of,
    axis_of,
    broadcast_back,
    elementwise,
    keep_axes,
    like,
    linear_op,
    nonzero_after,
    op,
    shape_of,
)
from cgraph.ops.reduction import reduction, weighted_sum

__all__ = [
    "OPS",
    "PUBLIC",
    "Formula",
    "Interval",
    "Op",
    "activations",
    "axes_of",
    "axis_of",
    "broadcast_back",
    "convolution",
    "creation",
    "cross_entropy",
    "differences",
    "einsum",
    "elementwise",
    "functions",
    "indexing",
    "joining",
    "keep_axes",
    "like",
    "linalg",
    "linear_op",
    "logistic",
    "losses",
    "moving",
    "nonzero_after",
    "op",
    "padding",
    "picking",
    "products",
    "reduction",
    "register",
    "rounding",
    "scans",
    "searching",
    "shape_of",
    "softmax",
    "sorting",
    "statistics",
    "structure",
    "transcendental",
    "weighted_sum",
    "without_nan",
]


def functions() -> dict[str, Callable[..., Any]]:
    """Every public function of these modules, by name: what `cgraph` has under the same names."""
    return {
        name: function
        for name, function in PUBLIC.items()
        if str(getattr(function, "module", function.__module__)).startswith("cgraph.ops")
    }
