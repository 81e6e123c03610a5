"""What becomes of each of ONNX's operators: ``rule(proto, attributes, *operands)``, over nodes.

Where an operator means what one of PyTorch's ops means, its rule calls that one (`aten`), so that convolution, pooling and
normalisation stand once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import cgraph as cg
from cgraph.interop import aten
from cgraph.interop.building import Missing, framework, need, number
from cgraph.interop.windows import convolve, windows
from cgraph.node import Node
from cgraph.tables import entering

Attributes = dict[str, Any]
RULES: dict[str, Callable[..., Any]] = {}


def node(x: Any) -> Any:
    """An operand: nodes as they are, arrays as constants (as their number, if they hold but one)."""
    if isinstance(x, Node | int | float) or x is None:
        return x
    array = np.asarray(x)
    alone = number(array) if array.ndim == 0 else None
    return cg.constant(array) if alone is None else alone


def whole(x: Any) -> Node:
    x = node(x)
    return x if isinstance(x, Node) else cg.constant(x)


def fixed(x: Any, what: str) -> Any:
    """A parameter that has to be known: axes, shapes, indices."""
    if isinstance(x, Node):
        raise Missing(f"{what} that depends on the inputs")
    return None if x is None else np.asarray(x)


rule = entering(RULES)


# ONNX's name -> cgraph's.
ELEMENTWISE = {
    "Add": "add", "Sub": "subtract", "Mul": "multiply", "Div": "divide", "Neg": "negative", "Exp": "exp", "Log": "log", "Sqrt": "sqrt",
    "Reciprocal": "reciprocal", "Abs": "abs", "Sign": "sign", "Sin": "sin", "Cos": "cos", "Tan": "tan", "Asin": "arcsin", "Acos": "arccos",
    "Atan": "arctan", "Sinh": "sinh", "Cosh": "cosh", "Asinh": "arcsinh", "Acosh": "arccosh", "Atanh": "arctanh", "Tanh": "tanh",
    "Sigmoid": "sigmoid", "Relu": "relu", "Softplus": "softplus", "Erf": "special.erf", "Floor": "floor", "Ceil": "ceil",
    "Less": "less", "LessOrEqual": "less_equal", "Greater": "greater", "GreaterOrEqual": "greater_equal", "Equal": "equal",
    "And": "logical_and", "Or": "logical_or", "Not": "logical_not", "IsNaN": "isnan",
    "Xor": "logical_xor", "BitwiseAnd": "bitwise_and", "BitwiseOr": "bitwise_or", "BitwiseXor": "bitwise_xor", "BitwiseNot": "invert",
    "IsInf": "isinf", "Round": "rint", "Det": "linalg.det", "Swish": "silu",
}  # fmt: skip


def _elementwise(name: str, path: str) -> Callable[..., Any]:
    return lambda proto, a, *operands: need(path, name)(*map(node, operands))


RULES.update({name: _elementwise(name, path) for name, path in ELEMENTWISE.items()})


@rule("Identity", "Dropout")
def _identity(proto: Any, a: Attributes, x: Any, ratio: Any = None, training: Any = None) -> Any:
    if training is not None and bool(np.asarray(training)):
        raise Missing("Dropout in training mode (random)")
    return x


@rule("Pow")
def _pow(proto: Any, a: Attributes, x: Any, y: Any) -> Any:
    exponent = None if isinstance(y, Node) or np.size(y) != 1 else float(np.asarray(y).reshape(()))
    if exponent == 2:
        return cg.square(node(x))
    return cg.power(node(x), node(y) if exponent is None else exponent)


@rule("Max", "Min", "Sum", "Mean")
def _several(proto: Any, a: Attributes, first: Any, *others: Any) -> Any:
    join = {"Max": cg.maximum, "Min": cg.minimum}.get(proto.op_type, cg.add)
    result = node(first)
    for other in others:
        result = join(result, node(other))
    return result / float(1 + len(others)) if proto.op_type == "Mean" else result


@rule("Where")
def _where(proto: Any, a: Attributes, condition: Any, x: Any, y: Any) -> Any:
    return cg.where(
        condition if isinstance(condition, Node) else np.asarray(condition), node(x), node(y)
    )


@rule("Clip")
def _clip(proto: Any, a: Attributes, x: Any, low: Any = None, high: Any = None) -> Any:
    low, high = (a.get("min") if low is None else low), (a.get("max") if high is None else high)
    if low is None and high is None:
        return x
    return cg.clip(node(x), node(low), node(high))


@rule("Cast", "CastLike")
def _cast(proto: Any, a: Attributes, x: Any, like: Any = None) -> Any:
    helper = framework("onnx.helper", "onnx")

    dtype = np.dtype(like.dtype if like is not None else helper.tensor_dtype_to_np_dtype(a["to"]))
    return x if x.dtype == dtype else cg.cast(x, dtype)


# --- activations --------------------------------------------------------------------------------------------------------------------

RULES["Elu"] = lambda proto, a, x: aten.RULES["elu"](x, a.get("alpha", 1.0))
RULES["Celu"] = lambda proto, a, x: aten.RULES["celu"](x, a.get("alpha", 1.0))
RULES["LeakyRelu"] = lambda proto, a, x: aten.RULES["leaky_relu"](x, a.get("alpha", 0.01))
RULES["HardSwish"] = lambda proto, a, x: aten.RULES["hardswish"](x)
RULES["Mish"] = lambda proto, a, x: aten.RULES["mish"](x)
RULES["Gelu"] = lambda proto, a, x: aten.RULES["gelu"](x, a.get("approximate", "none"))
RULES["Softsign"] = lambda proto, a, x: x / (1.0 + cg.abs(x))


# fmt: off
rule("Selu")(lambda proto, a, x: aten.RULES["elu"](x, a.get("alpha", 1.67326319217681884765625), a.get("gamma", 1.05070102214813232421875)))
rule("HardSigmoid")(lambda proto, a, x: cg.clip(a.get("alpha", 0.2) * x + a.get("beta", 0.5), 0.0, 1.0))
rule("PRelu")(lambda proto, a, x, slope: cg.where(cg.greater(node(x), 0.0), node(x), node(slope) * node(x)))
rule("Softmax", "LogSoftmax")(lambda proto, a, x: (cg.softmax if proto.op_type == "Softmax" else cg.log_softmax)(x, axis=a.get("axis", -1)))
# fmt: on


# --- shapes -------------------------------------------------------------------------------------------------------------------------


rule("Shape")(lambda proto, a, x: np.array(x.shape[a.get("start", 0) : a.get("end")], np.int64))
rule("Size")(lambda proto, a, x: np.array(math.prod(x.shape), np.int64))


@rule("Reshape")
def _reshape(proto: Any, a: Attributes, x: Any, shape: Any) -> Any:
    sizes = fixed(shape, "a shape").tolist()
    if not a.get("allowzero"):
        sizes = [x.shape[i] if n == 0 else n for i, n in enumerate(sizes)]
    return cg.reshape(x, tuple(sizes))


@rule("Flatten")
def _flatten(proto: Any, a: Attributes, x: Any) -> Any:
    axis = a.get("axis", 1)
    axis = axis + x.ndim if axis < 0 else axis
    return cg.reshape(x, (math.prod(x.shape[:axis]), math.prod(x.shape[axis:])))


rule("Transpose")(lambda proto, a, x: cg.transpose(x, a.get("perm")))


@rule("Squeeze")
def _squeeze(proto: Any, a: Attributes, x: Any, axes: Any = None) -> Any:
    axes = a.get("axes") if axes is None else fixed(axes, "axes").tolist()
    return cg.squeeze(x, None if axes is None else tuple(axes))


@rule("Unsqueeze")
def _unsqueeze(proto: Any, a: Attributes, x: Any, axes: Any = None) -> Any:
    axes = a.get("axes") if axes is None else np.atleast_1d(fixed(axes, "axes")).tolist()
    return cg.expand_dims(node(x) if isinstance(node(x), Node) else whole(x), tuple(axes))


@rule("Expand")
def _expand(proto: Any, a: Attributes, x: Any, shape: Any) -> Any:
    target = np.broadcast_shapes(x.shape, tuple(fixed(shape, "a shape").tolist()))
    return x if target == x.shape else cg.broadcast_to(x, target)


# fmt: off
rule("Tile")(lambda proto, a, x, repeats: aten.RULES["repeat"](x, fixed(repeats, "repeats").tolist()))
rule("Concat")(lambda proto, a, *parts: cg.concatenate([whole(p) for p in parts], a["axis"]))
# fmt: on


@rule("Split")
def _split(proto: Any, a: Attributes, x: Any, sizes: Any = None) -> Any:
    axis = a.get("axis", 0)
    sizes = a.get("split") if sizes is None else fixed(sizes, "sizes").tolist()
    if sizes is None:
        each = -(-x.shape[axis] // len(proto.output))
        sizes = [each] * (x.shape[axis] // each) + (
            [x.shape[axis] % each] if x.shape[axis] % each else []
        )
    ends = np.cumsum(sizes)[:-1].tolist()
    return cg.split(x, ends, axis) if ends else [x]


@rule("Slice")
def _slice(
    proto: Any,
    a: Attributes,
    x: Any,
    starts: Any = None,
    ends: Any = None,
    axes: Any = None,
    steps: Any = None,
) -> Any:
    starts = np.atleast_1d(a["starts"] if starts is None else fixed(starts, "a start"))
    ends = np.atleast_1d(a["ends"] if ends is None else fixed(ends, "an end"))
    axes = a.get("axes") if axes is None else fixed(axes, "axes")
    axes = range(len(starts)) if axes is None else np.atleast_1d(axes)
    steps = [1] * len(starts) if steps is None else np.atleast_1d(fixed(steps, "steps"))
    index = [slice(None)] * x.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        n, start, end, step = x.shape[axis], int(start), int(end), int(step)
        stop = None if step < 0 and end < -n else end  # past the front
        start, stop, step = slice(start, stop, step).indices(n)
        index[int(axis)] = slice(start, None if stop < 0 else stop, None if step == 1 else step)
    return x[tuple(index)]


@rule("Gather")
def _gather(proto: Any, a: Attributes, x: Any, indices: Any) -> Any:
    x, axis = whole(x), a.get("axis", 0)
    if isinstance(indices, Node):
        return aten.RULES["index_select"](x, axis, indices)
    taken = fixed(indices, "indices")
    index = int(taken) if taken.ndim == 0 else taken
    return x[(*(slice(None),) * (axis % x.ndim), index)]


# fmt: off
rule("GatherElements")(lambda proto, a, x, indices: aten.RULES["gather"](x, a.get("axis", 0), indices))
# fmt: on


@rule("GatherND")
def _gather_nd(proto: Any, a: Attributes, x: Any, indices: Any) -> Any:
    if a.get("batch_dims", 0):
        raise Missing("GatherND with batch dimensions")
    if isinstance(indices, Node):
        return aten.RULES["index"](x, [indices[..., k] for k in range(int(indices.shape[-1] or 0))])
    return x[tuple(np.moveaxis(fixed(indices, "indices"), -1, 0))]


@rule("Pad")
def _pad(
    proto: Any, a: Attributes, x: Any, pads: Any = None, value: Any = None, axes: Any = None
) -> Any:
    pads = a.get("pads") if pads is None else fixed(pads, "pads").tolist()
    axes = range(x.ndim) if axes is None else fixed(axes, "axes").tolist()
    value = float(
        a.get("value", 0.0) if value is None else np.asarray(fixed(value, "a value")).reshape(())
    )
    both = {axis % x.ndim: (pads[i], pads[i + len(axes)]) for i, axis in enumerate(axes)}
    flat = [n for axis in reversed(range(x.ndim)) for n in both.get(axis, (0, 0))]
    mode = {"edge": "replicate", "wrap": "circular"}.get(
        a.get("mode", "constant"), a.get("mode", "constant")
    )
    return aten.RULES["pad"](x, flat, mode, value)


# fmt: off
rule("Trilu")(lambda proto, a, x, k=None: aten.RULES["triu" if a.get("upper", 1) else "tril"](x, 0 if k is None else int(np.asarray(k))))
# fmt: on


@rule("DepthToSpace")
def _depth_to_space(proto: Any, a: Attributes, x: Any) -> Any:
    b, (n, c, h, w) = a["blocksize"], x.shape
    if a.get("mode", "DCR") == "DCR":
        moved = cg.transpose(cg.reshape(x, (n, b, b, c // b**2, h, w)), (0, 3, 4, 1, 5, 2))
    else:
        moved = cg.transpose(cg.reshape(x, (n, c // b**2, b, b, h, w)), (0, 1, 4, 2, 5, 3))
    return cg.reshape(moved, (n, c // b**2, h * b, w * b))


# --- reductions ---------------------------------------------------------------------------------------------------------------------


def _axes(a: Attributes, axes: Any) -> Any:
    axes = a.get("axes") if axes is None else fixed(axes, "axes").tolist()
    if axes is None or len(axes) == 0:
        return () if a.get("noop_with_empty_axes") else None
    return tuple(axes)


def _reduction(compute: Callable[..., Any]) -> Callable[..., Any]:
    def reduce(proto: Any, a: Attributes, x: Any, axes: Any = None) -> Any:
        over = _axes(a, axes)
        return x if over == () else compute(x, axis=over, keepdims=bool(a.get("keepdims", 1)))

    return reduce


RULES.update(
    {
        "ReduceSum": _reduction(cg.sum),
        "ReduceMean": _reduction(cg.mean),
        "ReduceMax": _reduction(cg.max),
        "ReduceMin": _reduction(cg.min),
        "ReduceProd": _reduction(cg.prod),
        "ReduceLogSumExp": _reduction(cg.logsumexp),
        "ReduceSumSquare": _reduction(lambda x, **k: cg.sum(cg.square(x), **k)),
        "ReduceL1": _reduction(lambda x, **k: cg.sum(cg.abs(x), **k)),
        "ReduceL2": _reduction(lambda x, **k: cg.sqrt(cg.sum(cg.square(x), **k))),
        "ReduceLogSum": _reduction(lambda x, **k: cg.log(cg.sum(x, **k))),
    }
)


@rule("ArgMax", "ArgMin")
def _arg(proto: Any, a: Attributes, x: Any) -> Any:
    axis, keep = a.get("axis", 0), bool(a.get("keepdims", 1))
    return need(proto.op_type.lower(), proto.op_type)(x, axis=axis, keepdims=keep)


rule("Mod")(lambda proto, a, x, y: (cg.fmod if a.get("fmod") else cg.remainder)(node(x), node(y)))


@rule("Shrink")
def _shrink(proto: Any, a: Attributes, x: Any) -> Any:
    bound, bias = a.get("lambd", 0.5), a.get("bias", 0.0)
    return cg.where(x < -bound, x + bias, cg.where(x > bound, x - bias, 0.0))


rule("ThresholdedRelu")(lambda proto, a, x: cg.where(x > a.get("alpha", 1.0), x, 0.0))


@rule("LpNormalization")
def _lp_normalization(proto: Any, a: Attributes, x: Any) -> Any:
    axis, p = a.get("axis", -1), a.get("p", 2)
    return x / cg.linalg.vector_norm(x, axis=axis, ord=p, keepdims=True)


@rule("LRN")
def _lrn(proto: Any, a: Attributes, x: Any) -> Any:
    size = a["size"]
    squares = cg.moveaxis(cg.square(x), 1, -1)
    low = (size - 1) // 2
    near = windows(squares, [size], [1], [(low, size - 1 - low)], [1], [1], 0.0)
    total = cg.moveaxis(cg.sum(near, axis=-1), -1, 1)
    return x / cg.power(
        a.get("bias", 1.0) + a.get("alpha", 1e-4) / size * total, a.get("beta", 0.75)
    )


def _stored(x: Any) -> Any:
    """A setting that a file holds beside the weights, as floating numbers."""
    if isinstance(x, Node) and x.kind in ("parameter", "constant"):
        return x.value
    return fixed(x, "a size")


@rule("GridSample")
def _grid_sample(proto: Any, a: Attributes, x: Any, grid: Any) -> Any:
    mode, padding = a.get("mode", "linear"), a.get("padding_mode", "zeros")
    modes, paddings = {"linear": 0, "bilinear": 0}, {"zeros": 0, "border": 1}
    if mode not in modes or padding not in paddings:
        raise Missing(f"GridSample in mode {mode!r} with padding {padding!r}")
    sample = aten.RULES["grid_sampler"]
    return sample(x, grid, modes[mode], paddings[padding], bool(a.get("align_corners", 0)))


@rule("Col2Im")
def _col2im(proto: Any, a: Attributes, x: Any, image: Any, block: Any) -> Any:
    size, kernel = (fixed(s, "a size").tolist() for s in (image, block))
    rank = len(kernel)
    pads = a.get("pads") or [0] * (2 * rank)
    if rank != 2 or pads[:rank] != pads[rank:]:
        raise Missing("Col2Im other than in two dimensions, evenly padded")
    ones = [1] * rank
    folded = aten.RULES["col2im"]
    return folded(
        x, size, kernel, a.get("dilations") or ones, pads[:rank], a.get("strides") or ones
    )


@rule("Resize", "Upsample")
def _resize(proto: Any, a: Attributes, x: Any, *settings: Any) -> Any:
    """Resampling of the axes whose size changes; the conventions for places that PyTorch has, too."""
    given = [None if s is None else np.asarray(_stored(s)) for s in settings]
    held: list[Any] = [*given[1:], None, None] if proto.op_type == "Resize" else [given[0], None]
    scales, sizes = held[:2]
    if scales is not None and not scales.size:
        scales = None
    target = (
        [int(n) for n in sizes]
        if sizes is not None
        else [int(n * s) for n, s in zip(x.shape, scales, strict=True)]
    )
    mode, places = a.get("mode", "nearest"), a.get("coordinate_transformation_mode", "half_pixel")
    mode, places = (mode, "asymmetric") if proto.op_type == "Upsample" else (mode, places)
    kinds = {
        ("linear", "half_pixel"): ("linear", False), ("linear", "pytorch_half_pixel"): ("linear", False),
        ("linear", "align_corners"): ("linear", True), ("nearest", "asymmetric"): ("nearest", False),
        ("cubic", "half_pixel"): ("cubic", False), ("cubic", "pytorch_half_pixel"): ("cubic", False),
        ("cubic", "align_corners"): ("cubic", True),
    }  # fmt: skip
    floored = (
        mode != "nearest"
        or a.get("nearest_mode", "round_prefer_floor") == "floor"
        or proto.op_type == "Upsample"
    )
    if (
        (mode, places) not in kinds
        or not floored
        or a.get("axes")
        or a.get("antialias")
        or a.get("exclude_outside")
    ):
        raise Missing(f"{proto.op_type} in mode {mode!r} with places {places!r}")
    kind, align = kinds[(mode, places)]
    changed = [i for i, (n, m) in enumerate(zip(x.shape, target, strict=True)) if n != m]
    first = min(changed, default=x.ndim)
    factors = [
        None if scales is None else float(s) for s in (scales if scales is not None else target)
    ]
    return aten.resampled(x, tuple(target[first:]), kind, align, factors[first:])


@rule("CumSum")
def _cumsum(proto: Any, a: Attributes, x: Any, axis: Any) -> Any:
    axis = int(fixed(axis, "an axis")) % x.ndim
    back = (slice(None),) * axis + (slice(None, None, -1),)
    x = x[back] if a.get("reverse") else x
    total = cg.cumsum(x, axis=axis)
    total = total - x if a.get("exclusive") else total
    return total[back] if a.get("reverse") else total


# --- products, normalisation, convolution, pooling ------------------------------------------------------------------------------------


rule("MatMul")(lambda proto, a, x, y: cg.matmul(whole(x), whole(y)))


@rule("Gemm")
def _gemm(proto: Any, a: Attributes, x: Any, y: Any, c: Any = None) -> Any:
    x, y = whole(x), whole(y)
    product = cg.matmul(
        cg.transpose(x) if a.get("transA") else x, cg.transpose(y) if a.get("transB") else y
    )
    alpha, beta = a.get("alpha", 1.0), a.get("beta", 1.0)
    product = product if alpha == 1 else alpha * product
    return product if c is None else product + (node(c) if beta == 1 else beta * node(c))


# fmt: off
rule("Einsum")(lambda proto, a, *operands: need("einsum", "Einsum")(a["equation"], *map(whole, operands)))
# fmt: on


@rule("LayerNormalization")
def _layer_norm(proto: Any, a: Attributes, x: Any, scale: Any = None, bias: Any = None) -> Any:
    axis = a.get("axis", -1)
    return aten.RULES["layer_norm"](
        x, x.shape[axis:], node(scale), node(bias), a.get("epsilon", 1e-5)
    )


@rule("RMSNormalization")
def _rms_norm(proto: Any, a: Attributes, x: Any, scale: Any = None) -> Any:
    axis = a.get("axis", -1)
    return aten.RULES["rms_norm"](x, x.shape[axis:], node(scale), a.get("epsilon", 1e-5))


@rule("BatchNormalization")
def _batch_norm(
    proto: Any, a: Attributes, x: Any, scale: Any, bias: Any, mean: Any, var: Any
) -> Any:
    training = bool(a.get("training_mode", 0))
    return aten.RULES["batch_norm"](
        x, scale, bias, mean, var, training, 0.1, a.get("epsilon", 1e-5)
    )


@rule("InstanceNormalization")
def _instance_norm(proto: Any, a: Attributes, x: Any, scale: Any, bias: Any) -> Any:
    return aten.RULES["instance_norm"](
        x, scale, bias, None, None, True, 0.1, a.get("epsilon", 1e-5)
    )


@rule("GroupNormalization")
def _group_norm(proto: Any, a: Attributes, x: Any, scale: Any, bias: Any) -> Any:
    return aten.RULES["group_norm"](x, a["num_groups"], scale, bias, a.get("epsilon", 1e-5))


def _pads(
    a: Attributes, sizes: Any, window: list[int], strides: list[int], spacing: list[int]
) -> list[tuple[int, int]]:
    rank, auto = len(window), a.get("auto_pad", "NOTSET")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        result = []
        for n, k, s, d in zip(sizes, window, strides, spacing, strict=True):
            total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
            less, more = total // 2, total - total // 2
            result.append((less, more) if auto == "SAME_UPPER" else (more, less))
        return result
    given = a.get("pads") or [0] * (2 * rank)
    return [(given[i], given[i + rank]) for i in range(rank)]


@rule("Conv")
def _conv(proto: Any, a: Attributes, x: Any, weight: Any, bias: Any = None) -> Any:
    x, weight = whole(x), whole(weight)
    window: Any = list(weight.shape[2:])
    ones = [1] * len(window)
    strides, spacing = a.get("strides") or ones, a.get("dilations") or ones
    pads = _pads(a, x.shape[2:], window, strides, spacing)
    result = convolve(x, weight, strides, pads, ones, spacing, a.get("group", 1))
    return result if bias is None else result + cg.reshape(whole(bias), (-1, *ones))


@rule("ConvTranspose")
def _conv_transpose(proto: Any, a: Attributes, x: Any, weight: Any, bias: Any = None) -> Any:
    rank = whole(weight).ndim - 2
    pads = a.get("pads") or [0] * (2 * rank)
    if (
        pads[:rank] != pads[rank:]
        or a.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID")
        or a.get("output_shape")
    ):
        raise Missing("ConvTranspose with uneven padding or a given output shape")
    ones = [1] * rank
    return aten.RULES["convolution"](
        x,
        weight,
        bias,
        a.get("strides") or ones,
        pads[:rank],
        a.get("dilations") or ones,
        True,
        a.get("output_padding") or [0] * rank,
        a.get("group", 1),
    )


@rule("MaxPool", "AveragePool")
def _pool(proto: Any, a: Attributes, x: Any) -> Any:
    window = list(a["kernel_shape"])
    rank, ones = len(window), [1] * len(window)
    strides, spacing = a.get("strides") or ones, a.get("dilations") or ones
    pads = _pads(a, x.shape[2:], window, strides, spacing)
    if a.get("ceil_mode"):
        if proto.op_type == "AveragePool" or len({low - high for low, high in pads} - {0}):
            raise Missing(f"{proto.op_type} with ceil_mode and uneven padding")
        return aten.RULES[f"max_pool{rank}d"](
            x, window, strides, [low for low, _ in pads], spacing, True
        )
    if proto.op_type == "MaxPool":
        taken = windows(x, window, strides, pads, ones, spacing, -math.inf)
        return cg.max(taken, axis=tuple(range(taken.ndim - rank, taken.ndim)))
    taken = windows(x, window, strides, pads, ones, spacing, 0.0)
    axes = tuple(range(taken.ndim - rank, taken.ndim))
    if a.get("count_include_pad") or not any(low or high for low, high in pads):
        return cg.mean(taken, axis=axes)
    there = windows(np.ones(x.shape[2:], x.dtype), window, strides, pads, ones, spacing, 0.0)
    return cg.sum(taken, axis=axes) / cg.constant(there.sum(axis=tuple(range(rank, 2 * rank))))


@rule("GlobalAveragePool", "GlobalMaxPool")
def _global_pool(proto: Any, a: Attributes, x: Any) -> Any:
    reduce = cg.mean if proto.op_type == "GlobalAveragePool" else cg.max
    return reduce(x, axis=tuple(range(2, x.ndim)), keepdims=True)


# --- recurrent ----------------------------------------------------------------------------------------------------------------------


@rule("LSTM", "GRU", "RNN")
def _recurrent(
    proto: Any,
    a: Attributes,
    x: Any,
    w: Any,
    r: Any,
    b: Any = None,
    lengths: Any = None,
    h0: Any = None,
    c0: Any = None,
    peephole: Any = None,
) -> Any:
    kind, size = proto.op_type, a["hidden_size"]
    if (
        lengths is not None
        or peephole is not None
        or a.get("clip")
        or a.get("layout")
        or a.get("activations")
    ):
        raise Missing(
            f"{kind} with sequence lengths, peepholes, clipping, batch-first layout or activations of its own"
        )
    x, w, r = whole(x), whole(w), whole(r)
    steps, batch, _ = x.shape
    directions: Any = w.shape[0]
    way = a.get("direction", "forward")
    outputs, lasts, cells = [], [], []
    for d in range(directions):
        backward = way == "reverse" or (way == "bidirectional" and d == 1)
        wt, rt = cg.transpose(w[d]), cg.transpose(r[d])
        gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[kind]
        bw, br = (
            (0.0, 0.0) if b is None else (whole(b)[d, : gates * size], whole(b)[d, gates * size :])
        )
        zero = cg.constant(np.zeros((batch, size), x.dtype))
        h = zero if h0 is None else whole(h0)[d]
        c = zero if c0 is None else whole(c0)[d]
        hs: list[Any] = [None] * steps
        for t in reversed(range(steps)) if backward else range(steps):
            with cg.scope(f"step{t}"):
                h, c = _cell(kind, a, x[t] @ wt + bw, h, c, rt, br, size)
            hs[t] = h
        outputs.append(cg.stack(hs))
        lasts.append(h)
        cells.append(c)
    y, last = cg.stack(outputs, 1), cg.stack(lasts)
    return (y, last, cg.stack(cells)) if kind == "LSTM" else (y, last)


def _cell(
    kind: str, a: Attributes, wx: Any, h: Any, c: Any, rt: Any, br: Any, size: int
) -> tuple[Any, Any]:
    if kind == "RNN":
        return cg.tanh(wx + h @ rt + br), c
    if kind == "LSTM":
        i, o, f, g = cg.split(wx + h @ rt + br, 4, 1)
        c = cg.sigmoid(f) * c + cg.sigmoid(i) * cg.tanh(g)
        return cg.sigmoid(o) * cg.tanh(c), c
    z_x, r_x, n_x = cg.split(wx, 3, 1)
    if a.get("linear_before_reset"):
        z_h, r_h, n_h = cg.split(h @ rt + br, 3, 1)
        n = cg.tanh(n_x + cg.sigmoid(r_x + r_h) * n_h)
    else:
        bias = br if not isinstance(br, Node) else None
        z_h, r_h = cg.split(
            h @ rt[:, : 2 * size] + (0.0 if bias is not None else br[: 2 * size]), 2, 1
        )
        n = cg.tanh(
            n_x
            + (cg.sigmoid(r_x + r_h) * h) @ rt[:, 2 * size :]
            + (0.0 if bias is not None else br[2 * size :])
        )
    z = cg.sigmoid(z_x + z_h)
    return (1.0 - z) * n + z * h, c


@rule("SoftmaxCrossEntropyLoss", "NegativeLogLikelihoodLoss")
def _cross_entropy(proto: Any, a: Attributes, x: Any, labels: Any, weight: Any = None) -> Any:
    kind = {"none": 0, "mean": 1, "sum": 2}[a.get("reduction", "mean")]
    logs = cg.log_softmax(x, axis=1) if proto.op_type == "SoftmaxCrossEntropyLoss" else x
    weights = (
        None
        if weight is None
        else fixed(weight.value if isinstance(weight, Node) else weight, "class weights")
    )
    loss = aten.RULES["nll_loss"](
        logs, fixed(labels, "labels"), weights, kind, a.get("ignore_index", -100)
    )
    return (loss, logs)


@rule("ScatterElements")
def _scatter_elements(proto: Any, a: Attributes, data: Any, indices: Any, updates: Any) -> Any:
    how = a.get("reduction", "none")
    if how not in ("none", "add"):
        raise Missing(f"ScatterElements with reduction={how!r}")
    return aten.RULES["scatter"](
        data, a.get("axis", 0), indices, updates, reduce=None if how == "none" else how
    )


@rule("ScatterND")
def _scatter_nd(proto: Any, a: Attributes, data: Any, indices: Any, updates: Any) -> Any:
    how = a.get("reduction", "none")
    if how not in ("none", "add"):
        raise Missing(f"ScatterND with reduction={how!r}")
    at = list(np.moveaxis(fixed(indices, "indices"), -1, 0))
    return aten.RULES["index_put"](data, at, updates, how == "add")


@rule("TopK")
def _top_k(proto: Any, a: Attributes, x: Any, k: Any) -> Any:
    n = int(np.asarray(fixed(k, "how many")).reshape(()))
    return list(aten.RULES["topk"](x, n, a.get("axis", -1), bool(a.get("largest", 1))))


@rule("OneHot")
def _one_hot(proto: Any, a: Attributes, indices: Any, depth: Any, values: Any) -> Any:
    n = int(np.asarray(fixed(depth, "a depth")).reshape(()))
    off, on = values[0], values[1]
    axis = a.get("axis", -1)
    axis = axis % (indices.ndim + 1)
    classes = np.arange(n).reshape((n,) + (1,) * (indices.ndim - axis))
    hit = cg.equal(cg.expand_dims(cg.where(indices < 0, indices + n, indices), axis), classes)
    return cg.where(hit, node(on), node(off))
