"""cgraph: computational graphs you can build, see, check and differentiate."""

from __future__ import annotations

import sys as _sys

if _sys.argv[:1] == ["-m"]:  # `python -m cgraph` imports the package before its __main__
    import _cgraph_cli as _cgraph_cli

from types import ModuleType as _Module
from typing import Any

from cgraph import (
    ops as ops,
)
from cgraph.autodiff import (
    grad as grad,
    gradient as gradient,
    hessian as hessian,
    hvp as hvp,
    jacobian as jacobian,
    jvp as jvp,
    value_and_gradient as value_and_gradient,
    vjp as vjp,
)
from cgraph.errors import (
    CgraphError as CgraphError,
    DrawError as DrawError,
    DTypeError as DTypeError,
    GradientError as GradientError,
    MissingValueError as MissingValueError,
    NoGradientError as NoGradientError,
    NonFiniteError as NonFiniteError,
    ShapeError as ShapeError,
    StoreError as StoreError,
    UnsupportedError as UnsupportedError,
)
from cgraph.leaves import (
    constant as constant,
    input as input,
    parameter as parameter,
)
from cgraph.linear_maps import (
    LocalGradient as LocalGradient,
)
from cgraph.node import (
    Node as Node,
    scope as scope,
)
from cgraph.numpy_names import (
    ALIASES as _ALIASES,
    OF_SHAPES as _OF_SHAPES,
    why_missing as _why_missing,
)
from cgraph.op import (
    Formula as Formula,
    Interval as Interval,
    Op as Op,
)
from cgraph.ops import (
    elementwise as elementwise,
    linear_op as linear_op,
    op as op,
    reduction as reduction,
)
from cgraph.run import (
    Run as Run,
    run as run,
)

__version__ = "0.1.0"

# What the engine does not need is imported when it is first used: `import cgraph` should cost little more than NumPy.
_LAZY = {
    "compile": "cgraph.compile",  # packages that can be called: cg.compile(loss)
    "draw": "cgraph.draw",  # a package that can be called: cg.draw(loss), cg.draw.compare(before, after)
    "datasets": "cgraph.datasets",
    "linalg": "cgraph.linalg",
    "metrics": "cgraph.metrics",
    "nn": "cgraph.nn",
    "optim": "cgraph.optim",
    "plots": "cgraph.plots",
    "fft": "cgraph.fft",
    "integrate": "cgraph.integrate",
    "signal": "cgraph.signal",
    "special": "cgraph.special",
    "stats": "cgraph.stats",
    "testing": "cgraph.testing",
}
_LAZY_NAMES = {
    "Diagram": "cgraph.draw",
    "Program": "cgraph.compile",
    "animate": "cgraph.draw",
    "cond": "cgraph.control",
    "fori_loop": "cgraph.control",
    "scan": "cgraph.control",
    "compile_training": "cgraph.compile",
    "frames": "cgraph.draw",
    "from_jax": "cgraph.interop",
    "from_onnx": "cgraph.interop",
    "from_torch": "cgraph.interop",
    "lint": "cgraph.rewrite.lint",
    "load": "cgraph.io.store",
    "named_leaves": "cgraph.interop",
    "save": "cgraph.io.store",
    "stabilize": "cgraph.rewrite.stabilize",
    "vmap": "cgraph.mapping",
    "to_onnx": "cgraph.interop",
}

# Every op and every function of ops, under its own name: it is enough to write one in `cgraph/ops/`.
globals().update(ops.functions())

# What stands here by now, but for modules and what this file itself needs.
__all__ = sorted(
    {"ops", *_LAZY, *_LAZY_NAMES}
    | {
        name
        for name, value in globals().items()
        if name[0] != "_" and not isinstance(value, _Module)
    }
    - {"Any", "annotations"}
)


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _LAZY:
        return import_module(_LAZY[name])
    if name in _LAZY_NAMES:
        return getattr(import_module(_LAZY_NAMES[name]), name)
    if name in _ALIASES:  # NumPy's other names: cg.acos, cg.absolute, cg.concat
        return ops.PUBLIC[_ALIASES[name]]
    if name in _OF_SHAPES:  # they ask a node for its shape alone, and NumPy's own do
        return getattr(import_module("numpy"), name)
    raise AttributeError(f"module 'cgraph' has no attribute {name!r}{_why_missing(name)}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
