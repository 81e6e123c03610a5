"""cgraph: computational graphs you can build, see, check and differentiate."""

from __future__ import annotations

from typing import Any

from cgraph import ops as _ops  # fills the vocabulary
from cgraph.autodiff import grad, gradient, hessian, hvp, jacobian, jvp, value_and_gradient, vjp
from cgraph.errors import (
    CgraphError,
    DrawError,
    DTypeError,
    GradientError,
    MissingValueError,
    NoGradientError,
    NonFiniteError,
    ShapeError,
    StoreError,
    UnsupportedError,
)
from cgraph.local import LocalGradient
from cgraph.node import Node, constant, input, parameter, scope
from cgraph.op import Formula, Interval, Op
from cgraph.ops.elementwise import (
    abs, add, arccos, arcsin, arctan, clip, cos, cosh, divide, elementwise, equal, exp, expm1, greater, greater_equal, less, less_equal,
    log, log1p, logical_and, logical_not, logical_or, maximum, minimum, multiply, negative, not_equal, power, reciprocal, relu, sigmoid,
    sign, sin, sinh, softplus, sqrt, square, step, subtract, tan, tanh, where,
)
from cgraph.ops.linalg import dot, matmul, outer
from cgraph.ops.losses import bce, keras_bce, mse, stable_bce
from cgraph.ops.reduction import cumsum, log_softmax, logsumexp, max, mean, min, prod, softmax, std, sum, var
from cgraph.ops.structure import (
    broadcast_to, concatenate, expand_dims, getitem, reshape, split, squeeze, stack, stop_gradient, sum_to, swapaxes, transpose,
)
from cgraph.run import Run, run

__version__ = "0.1.0"

# What the engine does not need is imported when it is first used: `import cgraph` should cost little more than NumPy.
_LAZY = {
    "datasets": "cgraph.datasets",
    "metrics": "cgraph.metrics",
    "nn": "cgraph.nn",
    "optim": "cgraph.optim",
    "plots": "cgraph.plots",
    "testing": "cgraph.testing",
}
_LAZY_NAMES = {
    "Diagram": "cgraph.draw",
    "animate": "cgraph.draw",
    "draw": "cgraph.draw",
    "frames": "cgraph.draw",
    "load": "cgraph.store",
    "save": "cgraph.store",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _LAZY:
        return import_module(_LAZY[name])
    if name in _LAZY_NAMES:
        return getattr(import_module(_LAZY_NAMES[name]), name)
    raise AttributeError(f"module 'cgraph' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY, *_LAZY_NAMES})
