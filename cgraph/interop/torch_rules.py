"""What becomes of each of PyTorch's ops (ATen): one function an op, with the op's own parameters, over nodes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import cgraph as cg
from cgraph.interop.building import Missing, framework, lookup, need, number
from cgraph.interop.windows import convolve, windows
from cgraph.node import Node

RULES: dict[str, Callable[..., Any]] = {}


def to_numpy(x: Any) -> Any:
    """A tensor, or a number, as an array."""
    return x.detach().cpu().numpy() if hasattr(x, "detach") else np.asarray(x)


def node(x: Any) -> Any:
    """An operand: nodes and Python numbers as they are, tensors as constants (as their number, if they hold but one)."""
    if isinstance(x, Node | int | float) or x is None:
        return x
    array = to_numpy(x)
    alone = number(array) if array.ndim == 0 else None
    return cg.constant(array) if alone is None else alone


def whole(x: Any) -> Node:
    x = node(x)
    return x if isinstance(x, Node) else cg.constant(x)


def rule(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        RULES.update(dict.fromkeys(names, function))
        return function

    return enter


# --- elementwise ----------------------------------------------------------------------------------------------------------------

# PyTorch's name -> cgraph's.
ELEMENTWISE = {
    "mul": "multiply", "neg": "negative", "exp": "exp", "exp2": "exp2", "expm1": "expm1", "log": "log", "log2": "log2",
    "log10": "log10", "log1p": "log1p", "sqrt": "sqrt", "square": "square", "reciprocal": "reciprocal", "abs": "abs", "sign": "sign",
    "sin": "sin", "cos": "cos", "tan": "tan", "asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2",
    "sinh": "sinh", "cosh": "cosh", "asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh", "tanh": "tanh",
    "sigmoid": "sigmoid", "relu": "relu", "erf": "special.erf", "erfc": "special.erfc", "erfinv": "special.erfinv",
    "lgamma": "special.gammaln", "digamma": "special.digamma", "special_i0": "special.i0", "floor": "floor", "ceil": "ceil",
    "round": "round", "trunc": "trunc", "maximum": "maximum", "minimum": "minimum", "logaddexp": "logaddexp", "hypot": "hypot",
    "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal", "ne": "not_equal",
    "isnan": "isnan", "isfinite": "isfinite", "isinf": "isinf",
    "logical_and": "logical_and", "logical_or": "logical_or", "logical_not": "logical_not", "xlogy": "special.xlogy",
}  # fmt: skip


def _elementwise(name: str, path: str) -> Callable[..., Any]:
    def call(*operands: Any, **unused: Any) -> Any:
        return need(path, name)(*map(node, operands))

    return call


RULES.update({name: _elementwise(name, path) for name, path in ELEMENTWISE.items()})


@rule("add")
def _add(a: Any, b: Any, alpha: Any = 1) -> Any:
    return cg.add(node(a), node(b) if alpha == 1 else alpha * node(b))


@rule("sub")
def _sub(a: Any, b: Any, alpha: Any = 1) -> Any:
    return cg.subtract(node(a), node(b) if alpha == 1 else alpha * node(b))


@rule("rsub")
def _rsub(a: Any, b: Any, alpha: Any = 1) -> Any:
    return _sub(b, a, alpha)


@rule("div", "true_divide")
def _div(a: Any, b: Any, rounding_mode: str | None = None) -> Any:
    quotient = cg.divide(node(a), node(b))
    if rounding_mode is None:
        return quotient
    return need(rounding_mode, f"div with rounding_mode={rounding_mode!r}")(quotient)


@rule("pow")
def _pow(a: Any, b: Any) -> Any:
    return (
        cg.square(node(a)) if isinstance(b, int | float) and b == 2 else cg.power(node(a), node(b))
    )


@rule("rsqrt")
def _rsqrt(x: Any) -> Any:
    return cg.reciprocal(cg.sqrt(x))


@rule("where")
def _where(condition: Any, a: Any, b: Any) -> Any:
    mask = condition if isinstance(condition, Node) else to_numpy(condition)
    return cg.where(mask, node(a), node(b))


@rule("masked_fill")
def _masked_fill(x: Any, mask: Any, value: Any) -> Any:
    return _where(mask, value, x)


@rule("clamp", "clip")
def _clamp(x: Any, min: Any = None, max: Any = None) -> Any:
    return cg.clip(node(x), node(min), node(max))


@rule("clamp_min")
def _clamp_min(x: Any, min: Any) -> Any:
    return cg.maximum(node(x), node(min))


@rule("clamp_max")
def _clamp_max(x: Any, max: Any) -> Any:
    return cg.minimum(node(x), node(max))


@rule("addcmul")
def _addcmul(x: Any, a: Any, b: Any, value: Any = 1) -> Any:
    return node(x) + value * (node(a) * node(b))


@rule("addcdiv")
def _addcdiv(x: Any, a: Any, b: Any, value: Any = 1) -> Any:
    return node(x) + value * (node(a) / node(b))


@rule("lerp")
def _lerp(a: Any, b: Any, weight: Any) -> Any:
    return node(a) + node(weight) * (node(b) - node(a))


# --- activations ------------------------------------------------------------------------------------------------------------------


@rule("gelu")
def _gelu(x: Any, approximate: str = "none") -> Any:
    if approximate == "none":
        return x * (0.5 * (1.0 + need("special.erf", "gelu")(x * math.sqrt(0.5))))
    return x * (0.5 * (1.0 + cg.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * cg.power(x, 3)))))


@rule("silu")
def _silu(x: Any) -> Any:
    return x * cg.sigmoid(x)


@rule("mish")
def _mish(x: Any) -> Any:
    return x * cg.tanh(cg.softplus(x))


@rule("softplus")
def _softplus(x: Any, beta: float = 1, threshold: float = 20) -> Any:
    # PyTorch returns x itself above the threshold: the same to rounding, as cgraph computes it.
    return cg.softplus(x) if beta == 1 else cg.softplus(x * beta) / beta


@rule("log_sigmoid")
def _log_sigmoid(x: Any) -> Any:
    return -cg.softplus(-x)


@rule("log_sigmoid_forward")
def _log_sigmoid_forward(x: Any) -> Any:
    return (_log_sigmoid(x), None)


@rule("elu")
def _elu(x: Any, alpha: float = 1, scale: float = 1, input_scale: float = 1) -> Any:
    low = alpha * cg.expm1(input_scale * cg.minimum(x, 0.0))
    return scale * cg.where(cg.greater(x, 0.0), x, low)


@rule("selu")
def _selu(x: Any) -> Any:
    return _elu(x, 1.6732632423543772848170429916717, 1.0507009873554804934193349852946)


@rule("celu")
def _celu(x: Any, alpha: float = 1.0) -> Any:
    return _elu(x, alpha, 1.0, 1.0 / alpha)


@rule("leaky_relu")
def _leaky_relu(x: Any, negative_slope: float = 0.01) -> Any:
    return cg.where(cg.greater(x, 0.0), x, negative_slope * x)


@rule("prelu", "_prelu_kernel")
def _prelu(x: Any, weight: Any) -> Any:
    weight = node(weight)
    if isinstance(weight, Node) and weight.size != 1 and weight.ndim == 1:
        weight = cg.reshape(weight, (-1,) + (1,) * (x.ndim - 2))
    return cg.where(cg.greater(x, 0.0), x, weight * x)


@rule("hardtanh")
def _hardtanh(x: Any, min_val: float = -1, max_val: float = 1) -> Any:
    return cg.clip(x, float(min_val), float(max_val))


@rule("relu6")
def _relu6(x: Any) -> Any:
    return cg.clip(x, 0.0, 6.0)


@rule("hardsigmoid")
def _hardsigmoid(x: Any) -> Any:
    return cg.clip(x + 3.0, 0.0, 6.0) / 6.0


@rule("hardswish")
def _hardswish(x: Any) -> Any:
    return x * _hardsigmoid(x)


@rule("glu")
def _glu(x: Any, dim: int = -1) -> Any:
    a, b = cg.split(x, 2, dim)
    return a * cg.sigmoid(b)


# --- shapes -----------------------------------------------------------------------------------------------------------------------


@rule("view", "reshape", "_unsafe_view", "_reshape_copy", "view_copy")
def _view(x: Any, shape: Any) -> Any:
    return cg.reshape(x, tuple(shape))


@rule("flatten")
def _flatten(x: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    if x.ndim == 0:
        return cg.reshape(x, (1,))
    start, end = start_dim % x.ndim, end_dim % x.ndim
    middle = math.prod(x.shape[start : end + 1])
    return cg.reshape(x, (*x.shape[:start], middle, *x.shape[end + 1 :]))


@rule("unflatten")
def _unflatten(x: Any, dim: int, sizes: Any) -> Any:
    dim %= x.ndim
    sizes = list(sizes)
    if -1 in sizes:
        rest = math.prod(n for n in sizes if n != -1)
        sizes[sizes.index(-1)] = x.shape[dim] // rest
    return cg.reshape(x, (*x.shape[:dim], *sizes, *x.shape[dim + 1 :]))


@rule("unsqueeze")
def _unsqueeze(x: Any, dim: int) -> Any:
    return cg.expand_dims(x, dim)


@rule("squeeze")
def _squeeze(x: Any, dim: Any = None) -> Any:
    dims = range(x.ndim) if dim is None else [dim] if isinstance(dim, int) else dim
    gone = {d % x.ndim for d in dims if x.shape[d] == 1} if x.ndim else set()
    kept = tuple(n for i, n in enumerate(x.shape) if i not in gone)
    return x if kept == x.shape else cg.reshape(x, kept)


@rule("permute")
def _permute(x: Any, dims: Any) -> Any:
    return cg.transpose(x, tuple(d % x.ndim for d in dims))


@rule("transpose", "swapaxes")
def _transpose(x: Any, a: int, b: int) -> Any:
    return x if x.ndim == 0 else cg.swapaxes(x, a, b)


@rule("t", "numpy_T")
def _t(x: Any) -> Any:
    return cg.transpose(x) if x.ndim > 1 else x


@rule("mT", "adjoint")
def _mt(x: Any) -> Any:
    return cg.swapaxes(x, -1, -2)


@rule("expand")
def _expand(x: Any, sizes: Any, implicit: bool = False) -> Any:
    lead = len(sizes) - x.ndim
    shape = tuple(x.shape[i - lead] if n == -1 else n for i, n in enumerate(sizes))
    return x if shape == x.shape else cg.broadcast_to(x, shape)


@rule("expand_as")
def _expand_as(x: Any, other: Any) -> Any:
    return _expand(x, other.shape)


@rule("repeat")
def _repeat(x: Any, repeats: Any) -> Any:
    for _ in range(len(repeats) - x.ndim):
        x = cg.expand_dims(x, 0)
    for axis, n in enumerate(repeats):
        if n != 1:
            x = cg.concatenate([x] * n, axis)
    return x


@rule(
    "contiguous",
    "clone",
    "alias",
    "lift_fresh_copy",
    "detach_copy",
    "dropout_eval",
    "_conj",
    "resolve_conj",
)
def _same(x: Any, *unused: Any, **ignored: Any) -> Any:
    return x


@rule("detach")
def _detach(x: Any) -> Any:
    return cg.stop_gradient(x)


@rule("to", "_to_copy", "type_as")
def _to(x: Any, *args: Any, dtype: Any = None, **unused: Any) -> Any:
    torch = framework("torch", "torch")

    dtype = next((a for a in args if isinstance(a, torch.dtype)), dtype)
    dtype = next((a.dtype for a in args if isinstance(a, torch.Tensor | Node)), dtype)
    if dtype is None:
        return x
    name = str(dtype).removeprefix("torch.")
    if name == "bfloat16":
        raise Missing("bfloat16")
    return x if x.dtype == np.dtype(name) else cg.cast(x, np.dtype(name))


@rule("slice")
def _slice(x: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Any:
    dim %= x.ndim
    start, stop, _ = slice(start, end, step).indices(x.shape[dim])
    if (start, stop, step) == (0, x.shape[dim], 1):
        return x
    return x[(*(slice(None),) * dim, slice(start, stop, step if step != 1 else None))]


@rule("narrow")
def _narrow(x: Any, dim: int, start: int, length: int) -> Any:
    return _slice(x, dim, start, start + length)


@rule("select")
def _select(x: Any, dim: int, index: int) -> Any:
    return x[(*(slice(None),) * (dim % x.ndim), index)]


@rule("index")
def _index(x: Any, indices: Any) -> Any:
    parts = []
    for part in indices:
        if isinstance(part, Node):
            raise Missing("indexing by what depends on the arguments")
        parts.append(slice(None) if part is None else to_numpy(part))
    return node(x)[tuple(parts)]


@rule("index_select")
def _index_select(x: Any, dim: int, index: Any) -> Any:
    return _index(x, [None] * (dim % x.ndim) + [index])


@rule("gather")
def _gather(x: Any, dim: int, index: Any, sparse_grad: bool = False) -> Any:
    if isinstance(index, Node):
        raise Missing("gather at what depends on the arguments")
    at = list(np.indices(tuple(index.shape)))
    at[dim % x.ndim] = to_numpy(index)
    return x[tuple(at)]


@rule("embedding")
def _embedding(weight: Any, indices: Any, *unused: Any, **ignored: Any) -> Any:
    return _index(weight, [indices])


@rule("cat", "concat", "concatenate")
def _cat(tensors: Any, dim: int = 0) -> Any:
    parts = [whole(t) for t in tensors]
    return cg.concatenate([p for p in parts if p.shape != (0,)], dim)


@rule("stack")
def _stack(tensors: Any, dim: int = 0) -> Any:
    return cg.stack([whole(t) for t in tensors], dim)


@rule("split", "split_with_sizes", "tensor_split")
def _split(x: Any, sizes: Any, dim: int = 0) -> Any:
    n = x.shape[dim]
    ends = (
        list(range(sizes, n, sizes)) if isinstance(sizes, int) else np.cumsum(sizes)[:-1].tolist()
    )
    return cg.split(x, ends, dim) if ends else [x]


@rule("chunk")
def _chunk(x: Any, chunks: int, dim: int = 0) -> Any:
    return _split(x, -(-x.shape[dim] // chunks), dim)


@rule("unbind")
def _unbind(x: Any, dim: int = 0) -> Any:
    return [_select(x, dim, i) for i in range(x.shape[dim])]


@rule("getitem")
def _getitem(parts: Any, i: int) -> Any:
    return parts[i]


@rule("flip")
def _flip(x: Any, dims: Any) -> Any:
    turned = {d % x.ndim for d in dims}
    return x[tuple(slice(None, None, -1) if i in turned else slice(None) for i in range(x.ndim))]


@rule("roll")
def _roll(x: Any, shifts: Any, dims: Any = ()) -> Any:
    if not dims:
        return cg.reshape(_roll(cg.reshape(x, (-1,)), shifts, (0,)), x.shape)
    for shift, dim in zip(np.atleast_1d(shifts), np.atleast_1d(dims), strict=True):
        taken = np.roll(np.arange(x.shape[dim]), int(shift))
        x = x[(*(slice(None),) * (int(dim) % x.ndim), taken)]
    return x


def _triangle(of: Callable[..., Any]) -> Callable[..., Any]:
    def cut(x: Any, diagonal: int = 0) -> Any:
        return cg.where(of(np.ones(x.shape[-2:], bool), diagonal), x, 0.0)

    return cut


RULES.update({"tril": _triangle(np.tril), "triu": _triangle(np.triu)})


@rule("constant_pad_nd", "pad")
def _pad(x: Any, pad: Any, mode: Any = "constant", value: Any = None) -> Any:
    if not isinstance(mode, str):
        mode, value = "constant", mode
    value = 0.0 if value is None else float(value)
    pads = [(0, 0)] * x.ndim
    for i in range(len(pad) // 2):
        pads[x.ndim - 1 - i] = (pad[2 * i], pad[2 * i + 1])
    cut = tuple(
        slice(max(-low, 0), n - max(-high, 0)) for (low, high), n in zip(pads, x.shape, strict=True)
    )
    x = x[cut] if any(low < 0 or high < 0 for low, high in pads) else x
    pads = [(max(low, 0), max(high, 0)) for low, high in pads]
    numbers = np.arange(1, 1 + math.prod(x.shape)).reshape(x.shape)
    mode = {"replicate": "edge", "circular": "wrap"}.get(mode, mode)
    where_from = np.pad(numbers, pads, mode=mode)
    flat = cg.concatenate([cg.constant(np.full(1, value, x.dtype)), cg.reshape(x, (-1,))])
    return flat[where_from]


# --- reductions -------------------------------------------------------------------------------------------------------------------


def _axes(dim: Any) -> Any:
    return (
        None
        if dim is None or (not isinstance(dim, int) and len(dim) == 0)
        else dim
        if isinstance(dim, int)
        else tuple(dim)
    )


def _reduction(name: str) -> Callable[..., Any]:
    def reduce(x: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
        x = x if dtype is None else _to(x, dtype=dtype)
        return x if x.ndim == 0 else getattr(cg, name)(x, axis=_axes(dim), keepdims=keepdim)

    return reduce


NAMES = {"sum": "sum", "mean": "mean", "amax": "max", "amin": "min", "prod": "prod"}
RULES.update({name: _reduction(ours) for name, ours in NAMES.items()})


def _extreme(name: str) -> Callable[..., Any]:
    def reduce(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
        if isinstance(dim, Node) or (dim is not None and not isinstance(dim, int)):
            return getattr(cg, f"{name}imum")(node(x), node(dim))
        values = getattr(cg, name)(x, axis=dim, keepdims=keepdim)
        if dim is None:
            return values
        places = lookup(f"arg{name}")
        return (values, places(x, axis=dim, keepdims=keepdim) if places else None)

    return reduce


RULES.update({"max": _extreme("max"), "min": _extreme("min")})


@rule("argmax", "argmin")
def _argmax(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return need("argmax", "argmax")(x, axis=dim, keepdims=keepdim)


@rule("var", "std", "var_mean")
def _var(
    x: Any, dim: Any = None, unbiased: Any = True, keepdim: bool = False, *, correction: Any = None
) -> Any:
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    ddof = int(unbiased) if correction is None else correction
    axes = _axes(dim)
    mean = cg.mean(x, axis=axes, keepdims=True)
    count = math.prod(x.shape if axes is None else [x.shape[a] for a in np.atleast_1d(axes)])
    return cg.sum(cg.square(x - mean), axis=axes, keepdims=keepdim) / float(max(count - ddof, 0))


RULES["std"] = lambda *args, **kwargs: cg.sqrt(_var(*args, **kwargs))
RULES["var_mean"] = lambda x, dim=None, unbiased=True, keepdim=False, *, correction=None: (
    _var(x, dim, unbiased, keepdim, correction=correction),
    cg.mean(x, axis=_axes(dim), keepdims=keepdim),
)


@rule("softmax", "_softmax", "special_softmax")
def _softmax(x: Any, dim: int, dtype: Any = None) -> Any:
    return cg.softmax(x if dtype in (None, False, True) else _to(x, dtype=dtype), axis=dim)


@rule("log_softmax", "_log_softmax", "special_log_softmax")
def _log_softmax(x: Any, dim: int, dtype: Any = None) -> Any:
    return cg.log_softmax(x if dtype in (None, False, True) else _to(x, dtype=dtype), axis=dim)


@rule("logsumexp")
def _logsumexp(x: Any, dim: Any, keepdim: bool = False) -> Any:
    return cg.logsumexp(x, axis=_axes(dim), keepdims=keepdim)


@rule("cumsum")
def _cumsum(x: Any, dim: int, *, dtype: Any = None) -> Any:
    return cg.cumsum(x, axis=dim)


@rule("linalg_vector_norm", "norm")
def _norm(
    x: Any, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Any:
    axes, size = _axes(dim), cg.abs(x)
    ord = 2 if ord is None else ord
    if ord == 2:
        return cg.sqrt(cg.sum(cg.square(x), axis=axes, keepdims=keepdim))
    if ord in (math.inf, -math.inf):
        return (cg.max if ord > 0 else cg.min)(size, axis=axes, keepdims=keepdim)
    if ord == 1:
        return cg.sum(size, axis=axes, keepdims=keepdim)
    if ord == 0:
        raise Missing("norm of order 0")
    return cg.power(
        cg.sum(cg.power(size, float(ord)), axis=axes, keepdims=keepdim), 1.0 / float(ord)
    )


# --- products -----------------------------------------------------------------------------------------------------------------------


@rule("matmul", "mm", "bmm", "mv", "dot", "linalg_matmul")
def _matmul(a: Any, b: Any) -> Any:
    return cg.matmul(whole(a), whole(b))


@rule("linear")
def _linear(x: Any, weight: Any, bias: Any = None) -> Any:
    product = cg.matmul(
        whole(x), cg.transpose(whole(weight)) if whole(weight).ndim > 1 else whole(weight)
    )
    return product if bias is None else product + whole(bias)


@rule("addmm", "baddbmm", "addmv", "addbmm_")
def _addmm(bias: Any, a: Any, b: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    product = _matmul(a, b)
    product = product if alpha == 1 else alpha * product
    return product + (whole(bias) if beta == 1 else beta * whole(bias))


@rule("outer")
def _outer(a: Any, b: Any) -> Any:
    return cg.outer(whole(a), whole(b))


@rule("einsum")
def _einsum(equation: str, operands: Sequence[Any], path: Any = None) -> Any:
    return need("einsum", "einsum")(equation, *map(whole, operands))


@rule("scaled_dot_product_attention")
def _attention(
    q: Any,
    k: Any,
    v: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: Any = None,
    enable_gqa: bool = False,
) -> Any:
    q, k, v = map(whole, (q, k, v))
    if dropout_p or enable_gqa:
        raise Missing("scaled_dot_product_attention with dropout or grouped queries")
    scores = cg.matmul(q, cg.swapaxes(k, -1, -2)) * (
        1 / math.sqrt(q.shape[-1]) if scale is None else scale
    )
    if is_causal:
        seen = np.tril(np.ones(scores.shape[-2:], bool))
        scores = cg.where(seen, scores, -math.inf)
    elif attn_mask is not None:
        mask = whole(attn_mask)
        scores = cg.where(mask, scores, -math.inf) if mask.dtype.kind == "b" else scores + mask
    return cg.matmul(cg.softmax(scores, axis=-1), v)


# --- normalisation ------------------------------------------------------------------------------------------------------------------


def _normalized(x: Any, axes: tuple[int, ...], eps: float) -> Any:
    centred = x - cg.mean(x, axis=axes, keepdims=True)
    return centred / cg.sqrt(cg.mean(cg.square(centred), axis=axes, keepdims=True) + eps)


def _by_channel(v: Any, x: Any) -> Any:
    return cg.reshape(whole(v), (-1,) + (1,) * (x.ndim - 2))


def _scaled(x: Any, weight: Any, bias: Any) -> Any:
    x = x if weight is None else x * weight
    return x if bias is None else x + bias


@rule("layer_norm")
def _layer_norm(
    x: Any, shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5, cudnn: bool = True
) -> Any:
    normal = _normalized(x, tuple(range(x.ndim - len(shape), x.ndim)), eps)
    return _scaled(normal, node(weight), node(bias))


@rule("native_layer_norm")
def _native_layer_norm(x: Any, shape: Any, weight: Any, bias: Any, eps: float) -> Any:
    return (_layer_norm(x, shape, weight, bias, eps), None, None)


@rule("rms_norm")
def _rms_norm(x: Any, shape: Any, weight: Any = None, eps: Any = None) -> Any:
    axes = tuple(range(x.ndim - len(shape), x.ndim))
    eps = float(np.finfo(x.dtype).eps) if eps is None else eps
    normal = x / cg.sqrt(cg.mean(cg.square(x), axis=axes, keepdims=True) + eps)
    return _scaled(normal, node(weight), None)


@rule("group_norm")
def _group_norm(
    x: Any, groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5, cudnn: bool = True
) -> Any:
    split = cg.reshape(x, (x.shape[0], groups, -1))
    normal = cg.reshape(_normalized(split, (2,), eps), x.shape)
    return _scaled(
        normal,
        None if weight is None else _by_channel(weight, x),
        None if bias is None else _by_channel(bias, x),
    )


@rule("batch_norm")
def _batch_norm(
    x: Any,
    weight: Any,
    bias: Any,
    mean: Any,
    var: Any,
    training: bool,
    momentum: float,
    eps: float,
    cudnn: bool = True,
) -> Any:
    if training:
        normal = _normalized(x, (0, *range(2, x.ndim)), eps)
    else:
        normal = (x - _by_channel(mean, x)) / cg.sqrt(_by_channel(var, x) + eps)
    return _scaled(
        normal,
        None if weight is None else _by_channel(weight, x),
        None if bias is None else _by_channel(bias, x),
    )


@rule("_native_batch_norm_legit_no_training")
def _native_batch_norm(
    x: Any, weight: Any, bias: Any, mean: Any, var: Any, momentum: float, eps: float
) -> Any:
    return (_batch_norm(x, weight, bias, mean, var, False, momentum, eps), None, None)


@rule("native_group_norm")
def _native_group_norm(
    x: Any, weight: Any, bias: Any, n: int, c: int, size: int, groups: int, eps: float
) -> Any:
    return (_group_norm(x, groups, weight, bias, eps), None, None)


@rule("instance_norm")
def _instance_norm(
    x: Any,
    weight: Any,
    bias: Any,
    mean: Any,
    var: Any,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn: bool = True,
) -> Any:
    if not use_input_stats:
        return _batch_norm(x, weight, bias, mean, var, False, momentum, eps)
    normal = _normalized(x, tuple(range(2, x.ndim)), eps)
    return _scaled(
        normal,
        None if weight is None else _by_channel(weight, x),
        None if bias is None else _by_channel(bias, x),
    )


@rule("dropout", "alpha_dropout", "feature_dropout", "native_dropout")
def _dropout(x: Any, p: float, train: bool) -> Any:
    if train and p:
        raise Missing("dropout in training mode (random): call .eval() first")
    return x


@rule("feature_alpha_dropout")
def _feature_dropout(x: Any, p: float, train: bool) -> Any:
    return _dropout(x, p, train)


# --- convolution and pooling --------------------------------------------------------------------------------------------------------


def _each(value: Any, rank: int) -> list[int]:
    values = [value] if isinstance(value, int) else list(value)
    return values * rank if len(values) == 1 else values


@rule("convolution")
def _convolution(
    x: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    output_padding: Any,
    groups: int,
) -> Any:
    x, weight = whole(x), whole(weight)
    rank = weight.ndim - 2
    stride, padding, dilation = _each(stride, rank), _each(padding, rank), _each(dilation, rank)
    ones = [1] * rank
    if transposed:
        # The adjoint of a convolution: the kernel turned round, over an input with gaps of the stride between its entries.
        extra = _each(output_padding, rank)
        window: Any = weight.shape[2:]
        full = [d * (k - 1) for d, k in zip(dilation, window, strict=True)]
        pads = [(f - p, f - p + e) for f, p, e in zip(full, padding, extra, strict=True)]
        turned = weight[(slice(None), slice(None), *(slice(None, None, -1),) * rank)]
        inputs, outputs = weight.shape[:2]
        split = cg.reshape(turned, (groups, inputs // groups, outputs, *window))
        kernel = cg.reshape(cg.swapaxes(split, 1, 2), (groups * outputs, inputs // groups, *window))
        result = convolve(x, kernel, ones, pads, stride, dilation, groups)
    else:
        result = convolve(x, weight, stride, [(p, p) for p in padding], ones, dilation, groups)
    return result if bias is None else result + cg.reshape(whole(bias), (-1,) + (1,) * rank)


@rule("conv1d", "conv2d", "conv3d")
def _conv(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    weight = whole(weight)
    rank = weight.ndim - 2
    batched = x.ndim == weight.ndim
    x = x if batched else cg.expand_dims(x, 0)
    if isinstance(padding, str):
        spans = [d * (k - 1) for d, k in zip(_each(dilation, rank), weight.shape[2:], strict=True)]
        pads = [(0, 0) if padding == "valid" else (s // 2, s - s // 2) for s in spans]
        result = convolve(
            x, weight, _each(stride, rank), pads, [1] * rank, _each(dilation, rank), groups
        )
        result = result if bias is None else result + cg.reshape(whole(bias), (-1,) + (1,) * rank)
    else:
        result = _convolution(x, weight, bias, stride, padding, dilation, False, 0, groups)
    return result if batched else cg.squeeze(result, 0)


@rule("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
def _conv_transpose(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    return _convolution(x, weight, bias, stride, padding, dilation, True, output_padding, groups)


def _pool_pads(
    sizes: Any, window: Any, stride: Any, padding: Any, ceil_mode: bool
) -> list[tuple[int, int]]:
    pads = []
    for n, k, s, p in zip(sizes, window, stride, padding, strict=True):
        more = 0
        if ceil_mode:
            outputs = -(-(n + 2 * p - k) // s) + 1
            outputs -= (outputs - 1) * s >= n + p
            more = max((outputs - 1) * s + k - n - 2 * p, 0)
        pads.append((p, p + more))
    return pads


def _max_pool(rank: int) -> Callable[..., Any]:
    def pool(
        x: Any,
        kernel_size: Any,
        stride: Any = (),
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
    ) -> Any:
        window = _each(kernel_size, rank)
        steps = _each(stride, rank) if stride not in ((), [], None) else window
        spacing = _each(dilation, rank)
        reach = [d * (k - 1) + 1 for d, k in zip(spacing, window, strict=True)]
        pads = _pool_pads(x.shape[-rank:], reach, steps, _each(padding, rank), ceil_mode)
        taken = windows(x, window, steps, pads, [1] * rank, spacing, -math.inf)
        return cg.max(taken, axis=tuple(range(taken.ndim - rank, taken.ndim)))

    return pool


def _avg_pool(rank: int) -> Callable[..., Any]:
    def pool(
        x: Any,
        kernel_size: Any,
        stride: Any = (),
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: Any = None,
    ) -> Any:
        window = _each(kernel_size, rank)
        steps = _each(stride, rank) if stride not in ((), [], None) else window
        padding = _each(padding, rank)
        if ceil_mode:
            raise Missing("avg_pool with ceil_mode")
        pads = [(p, p) for p in padding]
        taken = windows(x, window, steps, pads, [1] * rank, [1] * rank, 0.0)
        axes = tuple(range(taken.ndim - rank, taken.ndim))
        if divisor_override is not None:
            return cg.sum(taken, axis=axes) / float(divisor_override)
        if count_include_pad or not any(padding):
            return cg.mean(taken, axis=axes)
        from cgraph.interop.windows import places

        there = places(x.shape[-rank:], window, steps, pads, [1] * rank, [1] * rank) > 0
        counts = there.sum(axis=tuple(range(rank, 2 * rank))).astype(x.dtype)
        return cg.sum(taken, axis=axes) / cg.constant(counts)

    return pool


for _rank in (1, 2, 3):
    RULES[f"max_pool{_rank}d"] = _max_pool(_rank)
    RULES[f"avg_pool{_rank}d"] = _avg_pool(_rank)
RULES["max_pool2d_with_indices"] = lambda *args: (_max_pool(2)(*args), None)


@rule("adaptive_avg_pool1d", "adaptive_avg_pool2d", "_adaptive_avg_pool2d", "adaptive_avg_pool3d")
def _adaptive(x: Any, output_size: Any) -> Any:
    rank = len(output_size)
    sizes = x.shape[x.ndim - rank :]
    if all(n == 1 for n in output_size):
        return cg.mean(x, axis=tuple(range(x.ndim - rank, x.ndim)), keepdims=True)
    if all(n % k == 0 for n, k in zip(sizes, output_size, strict=True)):
        window = [n // k for n, k in zip(sizes, output_size, strict=True)]
        return _avg_pool(rank)(x, window)
    # Windows of different sizes: one matrix of averages an axis.
    for axis, (n, k) in enumerate(zip(sizes, output_size, strict=True), x.ndim - rank):
        average = np.zeros((n, k), x.dtype)
        for i in range(k):
            start, end = i * n // k, -(-(i + 1) * n // k)
            average[start:end, i] = 1 / (end - start)
        x = cg.swapaxes(cg.matmul(cg.swapaxes(x, axis, -1), cg.constant(average)), axis, -1)
    return x


# --- losses -----------------------------------------------------------------------------------------------------------------------


def _reduced(losses: Any, reduction: int) -> Any:
    return losses if reduction == 0 else cg.mean(losses) if reduction == 1 else cg.sum(losses)


@rule("mse_loss")
def _mse(x: Any, target: Any, reduction: int = 1) -> Any:
    return _reduced(cg.square(node(x) - node(target)), reduction)


@rule("l1_loss")
def _l1(x: Any, target: Any, reduction: int = 1) -> Any:
    return _reduced(cg.abs(node(x) - node(target)), reduction)


@rule("smooth_l1_loss")
def _smooth_l1(x: Any, target: Any, reduction: int = 1, beta: float = 1.0) -> Any:
    size = cg.abs(node(x) - node(target))
    return _reduced(
        cg.where(size < beta, cg.square(size) * (0.5 / beta), size - 0.5 * beta), reduction
    )


@rule("huber_loss")
def _huber(x: Any, target: Any, reduction: int = 1, delta: float = 1.0) -> Any:
    size = cg.abs(node(x) - node(target))
    return _reduced(
        cg.where(size <= delta, 0.5 * cg.square(size), delta * (size - 0.5 * delta)), reduction
    )


@rule("binary_cross_entropy")
def _bce(x: Any, target: Any, weight: Any = None, reduction: int = 1) -> Any:
    losses = cg.bce(node(x), node(target))
    return _reduced(losses if weight is None else losses * node(weight), reduction)


@rule("binary_cross_entropy_with_logits")
def _bce_logits(
    x: Any, target: Any, weight: Any = None, pos_weight: Any = None, reduction: int = 1
) -> Any:
    x, y = node(x), node(target)
    if pos_weight is None:
        losses = cg.stable_bce(x, y)
    else:
        losses = (1.0 - y) * x + (1.0 + (node(pos_weight) - 1.0) * y) * cg.softplus(-x)
    return _reduced(losses if weight is None else losses * node(weight), reduction)


@rule("nll_loss", "nll_loss_nd", "nll_loss2d")
def _nll(
    x: Any, target: Any, weight: Any = None, reduction: int = 1, ignore_index: int = -100
) -> Any:
    labels = to_numpy(target)
    at = list(np.indices(labels.shape))
    kept = labels != ignore_index
    rows = np.where(kept, labels, 0)
    index = (rows,) if x.ndim == 1 else (at[0], rows, *at[1:])
    weights = (
        np.ones(x.shape[0 if x.ndim == 1 else 1], x.dtype) if weight is None else to_numpy(weight)
    )
    used = (weights[rows] * kept).astype(x.dtype)
    plain = bool((used == 1).all())
    losses = -x[index] if plain else -x[index] * cg.constant(used)
    return (
        cg.sum(losses) / float(used.sum())
        if reduction == 1 and not plain
        else _reduced(losses, reduction)
    )


RULES["nll_loss_forward"] = lambda *args: (_nll(*args), None)


@rule("cross_entropy_loss")
def _cross_entropy(
    x: Any,
    target: Any,
    weight: Any = None,
    reduction: int = 1,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
) -> Any:
    axis = 0 if x.ndim == 1 else 1
    logs = cg.log_softmax(x, axis=axis)
    soft = isinstance(target, Node) or target.is_floating_point()
    if not soft and not label_smoothing:
        return _nll(logs, target, weight, reduction, ignore_index)
    if not soft:
        if (to_numpy(target) == ignore_index).any():
            raise Missing("cross_entropy with label smoothing and ignored labels")
        hot = np.moveaxis(np.eye(x.shape[axis], dtype=x.dtype)[to_numpy(target)], -1, axis)
        target = cg.constant(hot)
    else:
        target = whole(target)
    classes = x.shape[axis]
    target = (
        target * (1 - label_smoothing) + label_smoothing / classes if label_smoothing else target
    )
    if weight is not None:
        raise Missing("cross_entropy of soft labels with class weights")
    losses = -cg.sum(logs * target, axis=axis)
    return _reduced(losses, reduction)


@rule("kl_div")
def _kl(x: Any, target: Any, reduction: int = 1, log_target: bool = False) -> Any:
    t = node(target)
    losses = cg.exp(t) * (t - x) if log_target else t * (cg.log(t) - x)
    return _reduced(losses, reduction)
