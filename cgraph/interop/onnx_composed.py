"""Ops that ONNX has no operator for, in terms of ops that it has: functions of the operands, in cgraph's own words.

The value is the same; the accuracy in the tails is that of the composition, as it is in any runtime that lacks the function.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import cgraph as cg
from cgraph.interop.building import running
from cgraph.node import Node
from cgraph.tables import entering

Composition = Callable[..., Any]
COMPOSED: dict[str, Composition] = {}


composes = entering(
    COMPOSED
)  # enters a function of operands and parameters as what to write in place of ops


# --- functions of one number, and of two --------------------------------------------------------------------------------------------

COMPOSED.update(
    {
        "silu": lambda x: x * cg.sigmoid(x),
        "mish": lambda x: x * cg.tanh(cg.softplus(x)),
        "gelu": lambda x: (0.5 * x) * (1.0 + cg.special.erf(x * math.sqrt(0.5))),
        "special.erfc": lambda x: 1.0 - cg.special.erf(x),
        "special.ndtr": lambda x: 0.5 * (1.0 + cg.special.erf(x * math.sqrt(0.5))),
        "elu": lambda x, a: cg.where(x > 0, x, a * cg.expm1(cg.minimum(x, 0.0))),
        "exp2": lambda x: cg.exp(x * math.log(2)),
        "log2": lambda x: cg.log(x) * (1 / math.log(2)),
        "log10": lambda x: cg.log(x) * (1 / math.log(10)),
        "logit": lambda p: cg.log(p / (1.0 - p)),
        "log1mexp": lambda x: cg.log(-cg.expm1(x)),
        "cbrt": lambda x: cg.sign(x) * cg.power(cg.abs(x), 1 / 3),
        "hypot": lambda x, y: cg.sqrt(cg.square(x) + cg.square(y)),
        "deg2rad": lambda x: x * (math.pi / 180),
        "rad2deg": lambda x: x * (180 / math.pi),
        "sinc": lambda x: cg.where(cg.equal(x, 0.0), 1.0, cg.sin(math.pi * x) / cg.where(cg.equal(x, 0.0), 1.0, math.pi * x)),
        "trunc": lambda x: cg.sign(x) * cg.floor(cg.abs(x)),
        "floor_divide": lambda x, y: cg.floor(x / y),
        "remainder": lambda x, y: x - cg.floor(x / y) * y,
        "logaddexp2": lambda x, y: cg.logaddexp(x * math.log(2), y * math.log(2)) * (1 / math.log(2)),
        "fmax": lambda x, y: cg.where(cg.isnan(x), y, cg.where(cg.isnan(y), x, cg.maximum(x, y))),
        "fmin": lambda x, y: cg.where(cg.isnan(x), y, cg.where(cg.isnan(y), x, cg.minimum(x, y))),
        "isfinite": lambda x: cg.logical_not(cg.logical_or(cg.isnan(x), cg.isinf(x))),
        "special.xlogy": lambda x, y: cg.where(cg.equal(x, 0.0), 0.0, x * cg.log(cg.where(cg.equal(x, 0.0), 1.0, y))),
        "special.xlog1py": lambda x, y: cg.where(cg.equal(x, 0.0), 0.0, x * cg.log1p(cg.where(cg.equal(x, 0.0), 0.0, y))),
        "special.entr": lambda x: cg.where(cg.equal(x, 0.0), 0.0, -x * cg.log(cg.where(cg.equal(x, 0.0), 1.0, x))),
    }
)  # fmt: skip


@composes("arctan2")
def _arctan2(y: Node, x: Node) -> Any:
    """The angle in the right half plane, turned by half a circle in the left one."""
    straight = cg.equal(x, 0.0)
    angle = cg.arctan(y / cg.where(straight, 1.0, x))
    turned = cg.where(y < 0, angle - math.pi, angle + math.pi)
    upright = cg.sign(y) * (math.pi / 2)
    return cg.where(straight, upright, cg.where(x < 0, turned, angle))


@composes("pos_weighted_bce")
def _pos_weighted_bce(z: Node, y: Node, weight: Node) -> Any:
    return (1.0 - y) * cg.softplus(z) + weight * y * cg.softplus(-z)


@composes("stable_cross_entropy")
def _cross_entropy(z: Node, y: Node, axes: tuple[int, ...]) -> Any:
    if y.ndim == z.ndim and y.dtype.kind == "f":
        return -cg.sum(y * cg.log_softmax(z, axis=axes), axis=axes)
    (axis,) = axes
    picked = cg.take_along_axis(cg.log_softmax(z, axis=axis), cg.expand_dims(y, axis), axis=axis)
    return -cg.squeeze(picked, axis)


# --- along an axis --------------------------------------------------------------------------------------------------------------------


COMPOSED["cumprod"] = running(cg.multiply, 1.0)
COMPOSED["cummax"] = running(cg.maximum, -np.inf)
COMPOSED["cummin"] = running(cg.minimum, np.inf)


@composes("roll")
def _roll(x: Node, shift: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    for step, axis in zip(shift, axes, strict=True):
        n = int(x.shape[axis] or 1)
        lead = (slice(None),) * axis
        cut = (n - step) % n
        x = cg.concatenate([x[(*lead, slice(cut, None))], x[(*lead, slice(0, cut))]], axis)
    return x


@composes("nn.windows")
def _windows(x: Node, kernel: Any, stride: Any, dilation: Any, padding: Any, fill: float) -> Any:
    """Each axis becomes two, which window and where in it; then the second ones go last."""
    rank = len(kernel)
    first = x.ndim - rank
    if any(map(any, padding)):
        x = cg.pad(x, [(0, 0)] * first + list(padding), constant_values=fill)
    for i, (k, s, d) in enumerate(zip(kernel, stride, dilation, strict=True)):
        axis = first + 2 * i
        n = int(x.shape[axis] or 0)
        starts = np.arange(0, n - d * (k - 1), s)
        x = x[(*(slice(None),) * axis, starts[:, None] + d * np.arange(k))]
    outer = [first + 2 * i for i in range(rank)]
    return cg.transpose(x, (*range(first), *outer, *(axis + 1 for axis in outer)))
