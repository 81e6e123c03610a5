"""Activations beyond sigmoid, tanh, ReLU and softplus: one row each, where a composition would lose digits or fill the picture.

Conventions at kinks (docs/conventions.md): the ReLU family takes the slope of the left side at 0, as relu'(0) = 0 does; what is clipped
shares half and half on a bound, as `clip` does.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from cgraph.errors import ShapeError
from cgraph.extras import installed
from cgraph.op import Op, together
from cgraph.operators import public
from cgraph.ops.define import F, axis_of, elementwise, shape_of
from cgraph.ops.elementwise import (
    abs,
    clip,
    distance_from,
    exp,
    expm1,
    minimum,
    multiply,
    relu,
    sigmoid,
    sigmoid_slope,
    softplus,
    square,
    tanh,
    tanh_slope,
    where,
)

# --- the ReLU family ------------------------------------------------------------------------------------------------------------


def _left_kink(x: Any, slope: Any) -> Any:
    at_zero = distance_from(0.0)(x)
    return np.where(np.equal(slope, 1.0), 1.0, at_zero)


_leaky: Op = elementwise(
    "leaky_relu",
    lambda x, slope: np.where(np.greater(x, 0), x, x * slope),
    lambda out, x, slope: where(x > 0.0, 1.0, slope),
    lambda out, x, slope: where(x > 0.0, 0.0, x),
    role="activation",
    symbol="LReLU",
    margin=_left_kink,
    formula=F("$a if $a > 0, else $b·$a", r"\max(0, $a) + $b \min(0, $a)", "1 if $a > 0, else $b", "0 if $a > 0, else $a"),
)  # fmt: skip
_elu: Op = elementwise(
    "elu",
    lambda x, alpha: np.where(np.greater(x, 0), x, alpha * np.expm1(np.minimum(x, 0))),
    lambda out, x, alpha: where(x > 0.0, 1.0, alpha * exp(minimum(x, 0.0))),
    lambda out, x, alpha: where(x > 0.0, 0.0, expm1(minimum(x, 0.0))),
    role="activation",
    symbol="ELU",
    margin=_left_kink,
    formula=F(
        "$a if $a > 0, else $b·(e^$a − 1)", r"$a \text{ if } $a > 0, \text{ else } $b (e^{$a} - 1)",
        "1 if $a > 0, else $b·e^$a", "0 if $a > 0, else e^$a − 1",
    ),
)  # fmt: skip


@public
def leaky_relu(x: Any, negative_slope: Any = 0.01, *, name: str | None = None) -> Any:
    """`x` where it is positive, a fraction of it elsewhere; at 0 its slope is `negative_slope`.

    >>> import cgraph as cg
    >>> float(cg.leaky_relu(-2.0, 0.1))
    -0.2
    """
    return _leaky(x, negative_slope, name=name)


@public
def prelu(x: Any, weight: Any, *, name: str | None = None) -> Any:
    """`leaky_relu` with a slope that is trained: one number, or one a channel (axis 1 of `x`).

    >>> import cgraph as cg
    >>> a = cg.parameter("a", 0.25)
    >>> float(cg.prelu(-2.0, a).backward().grad(a))
    -2.0
    """
    own, of_weight = shape_of(x), shape_of(weight)
    if len(of_weight) == 1 and of_weight != (1,) and len(own) > 1:
        if own[1] is not None and own[1] != of_weight[0]:
            raise ShapeError(f"prelu: {of_weight[0]} slopes for {own[1]} channels")
        weight = weight.reshape((of_weight[0], *(1,) * (len(own) - 2)))
    return _leaky(x, weight, name=name)


@public
def elu(x: Any, alpha: Any = 1.0, *, name: str | None = None) -> Any:
    """`x` where it is positive, alpha·(e^x − 1) elsewhere.

    Source: D.-A. Clevert, T. Unterthiner and S. Hochreiter, arXiv:1511.07289.

    >>> import cgraph as cg
    >>> round(float(cg.elu(-1.0)), 4)
    -0.6321
    """
    return _elu(x, alpha, name=name)


SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


@public
def selu(x: Any, *, name: str | None = None) -> Any:
    """The self-normalizing ELU: scale·elu(x, alpha), with the constants of G. Klambauer et al., arXiv:1706.02515."""
    return multiply(_elu(x, SELU_ALPHA), SELU_SCALE, name=name)


@public
def relu6(x: Any, *, name: str | None = None) -> Any:
    """``min(relu(x), 6)``."""
    return minimum(relu(x), 6.0, name=name)


# --- smooth ones ----------------------------------------------------------------------------------------------------------------


def _sigmoid(x: Any) -> Any:
    return sigmoid.forward(x)


silu: Op = elementwise(
    "silu",
    lambda x: x * _sigmoid(x),
    lambda out, x: sigmoid(x) + x * sigmoid_slope(x),
    role="activation",
    symbol="SiLU",
    formula=F("$a·σ($a)", r"$a \sigma($a)", "σ($a) + $a·σ′($a)"),
    doc="x·σ(x), also called swish.",
    source="P. Ramachandran, B. Zoph and Q. V. Le, arXiv:1710.05941",
)
mish: Op = elementwise(
    "mish",
    lambda x: x * np.tanh(softplus.forward(x)),
    lambda out, x: tanh(softplus(x)) + x * sigmoid(x) * tanh_slope(softplus(x)),
    role="activation",
    formula=F("$a·tanh(ln(1 + e^$a))", r"$a \tanh \ln(1 + e^{$a})", "tanh s + $a·σ($a)·(1 − tanh² s), s = ln(1 + e^$a)"),
    source="D. Misra, arXiv:1908.08681",
)  # fmt: skip
softsign: Op = elementwise(
    "softsign",
    lambda x: x / (1.0 + np.abs(x)),
    lambda out, x: 1.0 / square(1.0 + abs(x)),
    role="activation",
    formula=F("$a / (1 + |$a|)", r"\frac{$a}{1 + |$a|}", "1/(1 + |$a|)²"),
)


@lru_cache(maxsize=1)
def _erfc() -> Any:
    """SciPy's erfc, or Python's, entry by entry."""
    if installed("scipy"):
        from importlib import import_module

        return import_module("scipy.special").erfc
    return np.vectorize(math.erfc, otypes=[np.float64])


def _normal_cdf(x: Any) -> Any:
    """Φ(x) from erfc, which keeps its digits in the left tail."""
    x = np.asarray(x)
    kind = x.dtype if x.dtype.kind == "f" else np.dtype(np.float64)
    wide = x.astype(np.float64) if kind.itemsize != 4 else x
    return (0.5 * _erfc()(wide * -math.sqrt(0.5))).astype(kind)


def _normal_pdf(x: Any) -> Any:
    return np.exp(-0.5 * np.square(x)) * (1.0 / math.sqrt(2 * math.pi))


def _float_pdf(x: float) -> float:
    return math.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)


_gelu: Op = elementwise(
    "gelu",
    lambda x: x * _normal_cdf(x),
    lambda out, x: gelu_slope(x),
    scalar=lambda x: x * 0.5 * math.erfc(-x * math.sqrt(0.5)),
    role="activation",
    symbol="GELU",
    formula=F("$a·Φ($a)", r"$a \Phi($a)", "Φ($a) + $a·φ($a)"),
)
gelu_slope: Op = elementwise(
    "gelu_slope",
    lambda x: _normal_cdf(x) + x * _normal_pdf(x),
    lambda out, x: exp(-0.5 * square(x)) * ((2.0 - square(x)) * (1.0 / math.sqrt(2 * math.pi))),
    scalar=lambda x: 0.5 * math.erfc(-x * math.sqrt(0.5)) + x * _float_pdf(x),
    symbol="GELU′",
    formula=F("Φ($a) + $a·φ($a)", r"\Phi($a) + $a \varphi($a)", "φ($a)·(2 − $a²)"),
    doc="The derivative of gelu, with φ and Φ the density and the distribution function of the normal distribution.",
)


def _gelu_and_slope(x: Any) -> tuple[Any, Any]:
    below = _normal_cdf(x)
    return x * below, below + x * _normal_pdf(x)


together(_gelu, gelu_slope, _gelu_and_slope)


@public
def gelu(x: Any, approximate: str = "none", *, name: str | None = None) -> Any:
    """x·Φ(x), with the distribution function of the normal distribution.

    Args:
        approximate: "none", or "tanh" for x·σ(2u) with u = √(2/π)·(x + 0.044715 x³), which the authors give as an approximation.

    Source: D. Hendrycks and K. Gimpel, arXiv:1606.08415.

    >>> import cgraph as cg
    >>> round(float(cg.gelu(1.0)), 6), round(float(cg.gelu(1.0, "tanh")), 6)
    (0.841345, 0.841192)
    """
    if approximate not in ("none", "tanh"):
        raise ValueError(f"gelu: approximate is 'none' or 'tanh', not {approximate!r}")
    if approximate == "none":
        return _gelu(x, name=name)
    inner = x * (1.0 + 0.044715 * square(x)) * (2.0 * math.sqrt(2.0 / math.pi))
    return multiply(x, sigmoid(inner), name=name)


@public
def swish(x: Any, *, name: str | None = None) -> Any:
    """`silu` under its other name."""
    return silu(x, name=name)


# --- pieces of straight lines ---------------------------------------------------------------------------------------------------


@public
def hard_tanh(x: Any, lower_bound: Any = -1.0, upper_bound: Any = 1.0, *, name: str | None = None) -> Any:  # fmt: skip
    """`x` clipped to [-1, 1], or to the bounds given."""
    return clip(x, lower_bound, upper_bound, name=name)


@public
def hard_sigmoid(x: Any, *, name: str | None = None) -> Any:
    """x/6 + 1/2, clipped to [0, 1]: PyTorch's and ONNX's HardSwish use it."""
    return clip(x * (1.0 / 6.0) + 0.5, 0.0, 1.0, name=name)


@public
def hard_swish(x: Any, *, name: str | None = None) -> Any:
    """``x * hard_sigmoid(x)``."""
    return multiply(x, hard_sigmoid(x), name=name)


@public
def glu(x: Any, axis: int = -1, *, name: str | None = None) -> Any:
    """The gated linear unit: the first half of `x` along an axis, times the sigmoid of the second.

    Raises:
        ShapeError: when the size is odd.

    >>> import numpy as np
    >>> import cgraph as cg
    >>> cg.glu(np.array([4.0, 0.0]))
    array([2.])
    """
    axis = axis_of(x, axis)
    n = shape_of(x)[axis]
    if n is None or n % 2:
        raise ShapeError(f"glu: the size along axis {axis} has to be even and known; it is {n}")
    first = (slice(None),) * axis + (slice(0, n // 2),)
    second = (slice(None),) * axis + (slice(n // 2, n),)
    return multiply(x[first], sigmoid(x[second]), name=name)
