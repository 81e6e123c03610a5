"""Arithmetic, functions of one number, comparisons, activations, and what changes a dtype."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import cgraph as cg
from cgraph.interop.aten.table import RULES, cast, is_dtype, mask, node, rule, whole
from cgraph.interop.building import Missing, framework, need
from cgraph.nn import functional as nnf
from cgraph.node import Node

# PyTorch's name -> cgraph's.
ELEMENTWISE = {
    "mul": "multiply", "neg": "negative", "exp": "exp", "exp2": "exp2", "expm1": "expm1", "log": "log", "log2": "log2",
    "log10": "log10", "log1p": "log1p", "sqrt": "sqrt", "square": "square", "reciprocal": "reciprocal", "abs": "abs", "sign": "sign",
    "sgn": "sign", "positive": "positive", "sin": "sin", "cos": "cos", "tan": "tan", "asin": "arcsin", "acos": "arccos",
    "atan": "arctan", "atan2": "arctan2", "sinh": "sinh", "cosh": "cosh", "asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh",
    "tanh": "tanh", "sinc": "sinc", "deg2rad": "deg2rad", "rad2deg": "rad2deg", "copysign": "copysign", "ldexp": "ldexp",
    "fmod": "fmod", "remainder": "remainder", "floor_divide": "floor_divide", "sigmoid": "sigmoid", "relu": "relu", "mish": "mish",
    "softsign": "softsign", "silu": "silu", "hardswish": "hard_swish", "log_sigmoid": "log_sigmoid", "selu": "selu", "relu6": "relu6",
    "erf": "special.erf", "erfc": "special.erfc", "erfinv": "special.erfinv", "special_erfcx": "special.erfcx",
    "special_ndtr": "special.ndtr", "special_ndtri": "special.ndtri", "special_log_ndtr": "special.log_ndtr",
    "special_entr": "special.entr", "lgamma": "special.gammaln", "digamma": "special.digamma", "i0": "special.i0",
    "special_i0": "special.i0", "special_i0e": "special.i0e", "special_i1": "special.i1", "special_i1e": "special.i1e",
    "special_bessel_j0": "special.j0", "special_bessel_j1": "special.j1", "special_bessel_y0": "special.y0",
    "special_bessel_y1": "special.y1", "special_modified_bessel_i0": "special.i0", "special_modified_bessel_i1": "special.i1",
    "special_modified_bessel_k0": "special.k0", "special_modified_bessel_k1": "special.k1", "special_zeta": "special.zeta",
    "special_xlog1py": "special.xlog1py", "xlogy": "special.xlogy", "igamma": "special.gammainc", "igammac": "special.gammaincc",
    "floor": "floor", "ceil": "ceil", "trunc": "trunc", "maximum": "maximum", "minimum": "minimum", "fmax": "fmax", "fmin": "fmin",
    "logaddexp": "logaddexp", "logaddexp2": "logaddexp2", "hypot": "hypot", "heaviside": "heaviside",
    "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal", "ne": "not_equal",
    "isnan": "isnan", "isfinite": "isfinite", "isinf": "isinf", "isposinf": "isposinf", "isneginf": "isneginf", "signbit": "signbit",
    "logical_and": "logical_and", "logical_or": "logical_or", "logical_xor": "logical_xor", "logical_not": "logical_not",
    "bitwise_and": "bitwise_and", "bitwise_or": "bitwise_or", "bitwise_xor": "bitwise_xor", "bitwise_not": "invert",
    "bitwise_left_shift": "left_shift", "bitwise_right_shift": "right_shift",
}  # fmt: skip


def _elementwise(name: str, path: str) -> Callable[..., Any]:
    def call(*operands: Any, **unused: Any) -> Any:
        return need(path, name)(*map(node, operands))

    return call


RULES.update({name: _elementwise(name, path) for name, path in ELEMENTWISE.items()})
RULES.update({f"__{sign}__": RULES[f"bitwise_{sign}"] for sign in ("and", "or", "xor")})


rule("add")(lambda a, b, alpha=1: cg.add(node(a), node(b) if alpha == 1 else alpha * node(b)))


@rule("sub")
def _sub(a: Any, b: Any, alpha: Any = 1) -> Any:
    return cg.subtract(node(a), node(b) if alpha == 1 else alpha * node(b))


rule("rsub")(lambda a, b, alpha=1: _sub(b, a, alpha))


@rule("div", "true_divide")
def _div(a: Any, b: Any, rounding_mode: str | None = None) -> Any:
    if rounding_mode == "floor":
        return cg.floor_divide(node(a), node(b))
    quotient = cg.divide(node(a), node(b))
    if rounding_mode is None:
        return quotient
    whole_numbers = all(isinstance(x, int) or (hasattr(x, "dtype") and "int" in str(x.dtype)) for x in (a, b))  # fmt: skip
    cut = need(rounding_mode, f"div with rounding_mode={rounding_mode!r}")(quotient)
    return cg.cast(cut, whole(a).dtype) if whole_numbers else cut


@rule("pow", "float_power")
def _pow(a: Any, b: Any) -> Any:
    if isinstance(b, int | float) and b == 2:
        return cg.square(node(a))
    return cg.power(node(a), node(b))


# fmt: off
rule("round")(lambda x, *, decimals=0: cg.round(x, decimals))
rule("frac")(lambda x: x - cg.trunc(x))
rule("rsqrt")(lambda x: cg.reciprocal(cg.sqrt(x)))
rule("logit", "special_logit")(lambda x, eps=None: cg.logit(x if eps is None else cg.clip(x, eps, 1 - eps)))
rule("polygamma", "special_polygamma")(lambda n, x: need("special.polygamma", "polygamma")(n, x))
rule("mvlgamma", "special_multigammaln")(lambda x, p: need("special.multigammaln", "mvlgamma")(x, p))
# fmt: on


@rule("nan_to_num")
def _nan_to_num(x: Any, nan: Any = None, posinf: Any = None, neginf: Any = None) -> Any:
    return cg.nan_to_num(x, nan=0.0 if nan is None else nan, posinf=posinf, neginf=neginf)


rule("where")(lambda condition, a, b: cg.where(mask(condition), node(a), node(b)))


@rule("masked_fill")
def _masked_fill(x: Any, condition: Any, value: Any) -> Any:
    x = whole(x)
    filled = cg.where(mask(condition), node(value), x)
    return filled if filled.dtype == x.dtype else cg.cast(filled, x.dtype)


rule("clamp", "clip")(lambda x, min=None, max=None: cg.clip(node(x), node(min), node(max)))
rule("clamp_min")(lambda x, min: cg.maximum(node(x), node(min)))
rule("clamp_max")(lambda x, max: cg.minimum(node(x), node(max)))


@rule("addcmul")
def _addcmul(x: Any, a: Any, b: Any, value: Any = 1) -> Any:
    product = node(a) * node(b)
    return node(x) + (product if value == 1 else value * product)


@rule("addcdiv")
def _addcdiv(x: Any, a: Any, b: Any, value: Any = 1) -> Any:
    quotient = node(a) / node(b)
    return node(x) + (quotient if value == 1 else value * quotient)


rule("lerp")(lambda a, b, weight: node(a) + node(weight) * (node(b) - node(a)))


# --- whole arrays of one number -------------------------------------------------------------------------------------------------


def _like(value: float) -> Callable[..., Any]:
    def made(x: Any, *unused: Any, dtype: Any = None, **ignored: Any) -> Any:
        return cast(cg.constant(np.full(x.shape, value, x.dtype)), dtype)

    return made


RULES.update({"zeros_like": _like(0), "ones_like": _like(1)})


@rule("full_like")
def _full_like(x: Any, value: Any, *, dtype: Any = None, **ignored: Any) -> Any:
    return cast(cg.broadcast_to(cg.cast(whole(value), x.dtype), x.shape), dtype)


@rule("new_zeros", "new_full", "new_empty")
def _new(x: Any, size: Any, value: Any = 0, *, dtype: Any = None, **ignored: Any) -> Any:
    return cast(cg.constant(np.full(tuple(size), value, x.dtype)), dtype)


RULES["new_ones"] = lambda x, size, **options: _new(x, size, 1, **options)


rule("fill")(lambda x, value: _full_like(x, value))


# --- activations ------------------------------------------------------------------------------------------------------------------


rule("gelu")(lambda x, approximate="none": nnf.gelu(x, approximate=approximate))


@rule("softplus")
def _softplus(x: Any, beta: float = 1, threshold: float = 20) -> Any:
    # PyTorch returns x itself above the threshold: the same to rounding, as cgraph computes it.
    return cg.softplus(x) if beta == 1 else cg.softplus(x * beta) / beta


rule("log_sigmoid_forward")(lambda x: (cg.log_sigmoid(x), None))


@rule("elu")
def _elu(x: Any, alpha: float = 1, scale: float = 1, input_scale: float = 1) -> Any:
    if scale == input_scale == 1:
        return nnf.elu(x, alpha)
    low = alpha * cg.expm1(input_scale * cg.minimum(x, 0.0))
    return scale * cg.where(cg.greater(x, 0.0), x, low)


rule("celu")(lambda x, alpha=1.0: _elu(x, alpha, 1.0, 1.0 / alpha))
rule("leaky_relu")(lambda x, negative_slope=0.01: nnf.leaky_relu(x, negative_slope))


@rule("rrelu", "rrelu_with_noise")
def _rrelu(x: Any, *rest: Any, **options: Any) -> Any:
    numbers = [r for r in rest if isinstance(r, int | float)]
    if numbers and numbers[-1] is True:
        raise Missing("rrelu in training mode (random): call .eval() first")
    lower, upper = (*numbers, 1 / 8, 1 / 3)[:2] if len(numbers) >= 2 else (1 / 8, 1 / 3)
    return nnf.leaky_relu(x, (lower + upper) / 2)


@rule("prelu", "_prelu_kernel")
def _prelu(x: Any, weight: Any) -> Any:
    weight = node(weight)
    if isinstance(weight, Node) and weight.size != 1 and weight.ndim == 1:
        weight = cg.reshape(weight, (-1,) + (1,) * (x.ndim - 2))
    return cg.where(cg.greater(x, 0.0), x, weight * x)


# fmt: off
rule("hardtanh")(lambda x, min_val=-1, max_val=1: cg.clip(x, float(min_val), float(max_val)))
rule("hardsigmoid")(lambda x: cg.clip(x + 3.0, 0.0, 6.0) / 6.0)
rule("hardshrink")(lambda x, lambd=0.5: cg.where(cg.greater(cg.abs(x), lambd), x, 0.0))
rule("softshrink")(lambda x, lambd=0.5: cg.where(cg.greater(cg.abs(x), lambd), x - lambd * cg.sign(x), 0.0))
rule("threshold")(lambda x, threshold, value: cg.where(cg.greater(x, threshold), x, value))
rule("glu")(lambda x, dim=-1: nnf.glu(x, dim))
# fmt: on


# --- the same numbers ---------------------------------------------------------------------------------------------------------------


@rule("contiguous", "clone", "alias", "lift_fresh_copy", "lift_fresh", "detach_copy", "_conj", "conj", "resolve_conj",
      "_conj_physical", "conj_physical", "resolve_neg", "real")  # fmt: skip
def _same(x: Any, *unused: Any, **ignored: Any) -> Any:
    return x


rule("angle")(lambda x: cg.angle(x))
rule("_assert_tensor_metadata", "_assert_async")(lambda *unused, **ignored: None)
rule("detach")(lambda x: cg.stop_gradient(x))


@rule("to", "_to_copy", "type_as")
def _to(x: Any, *args: Any, dtype: Any = None, **unused: Any) -> Any:
    torch = framework("torch", "torch")
    dtype = next((a for a in args if is_dtype(a)), dtype)
    dtype = next((a.dtype for a in args if isinstance(a, torch.Tensor | Node)), dtype)
    return cast(x, dtype)


for _name in "float double half bool int long".split():
    _dtype = {"float": "float32", "double": "float64", "half": "float16", "int": "int32", "long": "int64"}.get(_name, _name)  # fmt: skip
    RULES[_name] = lambda x, *unused, _dtype=_dtype: cast(x, _dtype)
