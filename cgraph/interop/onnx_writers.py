"""What becomes of each of cgraph's ops as an ONNX operator: one row an op, which writes one operator or a few."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from cgraph import shapes
from cgraph.interop.building import framework
from cgraph.node import Node
from cgraph.tables import entering

if TYPE_CHECKING:
    from cgraph.interop.onnx_out import Writer

Row = Callable[..., str]
WRITERS: dict[str, Row] = {}


class NotInOnnx(Exception):
    """An op, or a use of one, without a counterpart."""


writes = entering(WRITERS)


# Ops that are one operator of ONNX.
DIRECT = {
    "add": "Add", "subtract": "Sub", "multiply": "Mul", "divide": "Div", "negative": "Neg", "power": "Pow", "sqrt": "Sqrt",
    "reciprocal": "Reciprocal", "exp": "Exp", "log": "Log", "sin": "Sin", "cos": "Cos", "tan": "Tan", "arcsin": "Asin", "arccos": "Acos",
    "arctan": "Atan", "sinh": "Sinh", "cosh": "Cosh", "arcsinh": "Asinh", "arccosh": "Acosh", "arctanh": "Atanh", "tanh": "Tanh",
    "sigmoid": "Sigmoid", "softplus": "Softplus", "relu": "Relu", "abs": "Abs", "sign": "Sign", "maximum": "Max", "minimum": "Min",
    "logical_and": "And", "logical_or": "Or", "logical_not": "Not", "where": "Where", "matmul": "MatMul", "stop_gradient": "Identity",
    "special.erf": "Erf", "floor": "Floor", "ceil": "Ceil", "rint": "Round", "isnan": "IsNaN", "isinf": "IsInf", "logical_xor": "Xor",
    "positive": "Identity", "checkpoint": "Identity", "softsign": "Softsign", "leaky_relu": "PRelu", "linalg.det": "Det",
}  # fmt: skip


def _direct(operator: str) -> Row:
    return lambda w, node, *operands: w.emit(operator, *operands)


WRITERS.update({op: _direct(operator) for op, operator in DIRECT.items()})


def _comparison(operator: str) -> Row:
    """ONNX compares numbers of one dtype; NumPy the values, whatever they are stored in."""

    def write(w: Writer, node: Node, *operands: str) -> str:
        strong = {p.dtype for p in node.parents if not p.weak}
        if len(strong) > 1:
            common = np.result_type(*strong)
            operands = tuple(
                name if p.weak or p.dtype == common else _as(w, name, common)
                for name, p in zip(operands, node.parents, strict=True)
            )
        return w.emit(operator, *operands)

    return write


COMPARISONS = {
    "less": "Less", "less_equal": "LessOrEqual", "greater": "Greater", "greater_equal": "GreaterOrEqual", "equal": "Equal",
}  # fmt: skip
WRITERS.update({op: _comparison(operator) for op, operator in COMPARISONS.items()})


def _bitwise(logical: str, bitwise: str) -> Row:
    return lambda w, node, *operands: w.emit(
        logical if node.dtype.kind == "b" else bitwise, *operands
    )


WRITERS.update(
    {
        f"bitwise_{op}": _bitwise(op.capitalize(), f"Bitwise{op.capitalize()}")
        for op in ("and", "or", "xor")
    }
)
WRITERS["invert"] = _bitwise("Not", "BitwiseNot")


writes("fmod")(lambda w, node, a, b: w.emit("Mod", a, b, fmod=1))
writes("square")(lambda w, node, x: w.emit("Mul", x, x))


@writes("expm1")
def _expm1(w: Writer, node: Node, x: str) -> str:
    # 2 tanh(x/2) / (1 − tanh(x/2)) keeps the small digits that exp(x) − 1 has lost.
    t = w.emit("Tanh", w.emit("Mul", x, w.number(0.5, node)))
    return w.emit("Div", w.emit("Add", t, t), w.emit("Sub", w.number(1.0, node), t))


writes("log1p")(lambda w, node, x: w.emit("Log", w.emit("Add", x, w.number(1.0, node))))
writes("not_equal")(lambda w, node, a, b: w.emit("Not", w.emit("Equal", a, b)))
writes("clip")(lambda w, node, x, low, high: w.emit("Min", w.emit("Max", x, low), high))


@writes("step")
def _step(w: Writer, node: Node, a: str, b: str) -> str:
    half = w.emit("Add", w.emit("Sign", w.emit("Sub", a, b)), w.number(1.0, node))
    return w.emit("Mul", half, w.number(0.5, node))


@writes("tanh_slope")
def _tanh_slope(w: Writer, node: Node, x: str) -> str:
    one_over = w.emit("Reciprocal", w.emit("Cosh", x))
    return w.emit("Mul", one_over, one_over)


# fmt: off
writes("sigmoid_slope")(lambda w, node, x: w.emit("Mul", w.emit("Sigmoid", x), w.emit("Sigmoid", w.emit("Neg", x))))
writes("log_sigmoid")(lambda w, node, x: w.emit("Neg", w.emit("Softplus", w.emit("Neg", x))))
# fmt: on


@writes("mse")
def _mse(w: Writer, node: Node, p: str, y: str) -> str:
    gap = w.emit("Sub", p, y)
    return w.emit("Mul", w.emit("Mul", gap, gap), w.number(0.5, node))


@writes("bce")
def _bce(w: Writer, node: Node, p: str, y: str) -> str:
    one = w.number(1.0, node)
    yes = w.emit("Mul", y, w.emit("Log", p))
    no = w.emit("Mul", w.emit("Sub", one, y), w.emit("Log", w.emit("Sub", one, p)))
    return w.emit("Neg", w.emit("Add", yes, no))


@writes("stable_bce")
def _stable_bce(w: Writer, node: Node, z: str, y: str) -> str:
    yes = w.emit("Mul", y, w.emit("Softplus", w.emit("Neg", z)))
    no = w.emit("Mul", w.emit("Sub", w.number(1.0, node), y), w.emit("Softplus", z))
    return w.emit("Add", yes, no)


@writes("stable_bce_slope")
def _stable_bce_slope(w: Writer, node: Node, z: str, y: str) -> str:
    yes = w.emit("Mul", y, w.emit("Sigmoid", w.emit("Neg", z)))
    no = w.emit("Mul", w.emit("Sub", w.number(1.0, node), y), w.emit("Sigmoid", z))
    return w.emit("Sub", no, yes)


# --- reductions ---------------------------------------------------------------------------------------------------------------------


def _reduction(operator: str) -> Row:
    def write(w: Writer, node: Node, x: str) -> str:
        axes, keep = node.params["axes"], int(node.params.get("keepdims", False))
        if not axes:
            return w.emit("Identity", x)
        if node.parents[0].dtype.kind != node.dtype.kind:
            x = _as(w, x, node.dtype)
        return w.emit(operator, x, w.ints(axes), keepdims=keep)

    return write


REDUCTIONS = {
    "sum": "ReduceSum", "mean": "ReduceMean", "max": "ReduceMax", "min": "ReduceMin", "prod": "ReduceProd",
    "logsumexp": "ReduceLogSumExp",
}  # fmt: skip
WRITERS.update({op: _reduction(operator) for op, operator in REDUCTIONS.items()})


@writes("softmax")
def _softmax(w: Writer, node: Node, x: str) -> str:
    axes = node.params["axes"]
    if len(axes) == 1:
        return w.emit("Softmax", x, axis=axes[0])
    top = w.emit("ReduceMax", x, w.ints(axes), keepdims=1)
    e = w.emit("Exp", w.emit("Sub", x, top))
    return w.emit("Div", e, w.emit("ReduceSum", e, w.ints(axes), keepdims=1))


@writes("log_softmax")
def _log_softmax(w: Writer, node: Node, x: str) -> str:
    axes = node.params["axes"]
    if len(axes) == 1:
        return w.emit("LogSoftmax", x, axis=axes[0])
    return w.emit("Sub", x, w.emit("ReduceLogSumExp", x, w.ints(axes), keepdims=1))


@writes("logaddexp")
def _logaddexp(w: Writer, node: Node, a: str, b: str) -> str:
    gap = w.emit("Softplus", w.emit("Neg", w.emit("Abs", w.emit("Sub", a, b))))
    return w.emit("Add", w.emit("Max", a, b), gap)


writes("cumsum")(lambda w, node, x: w.emit("CumSum", x, w.ints(node.params["axis"])))


@writes("count")
def _count(w: Writer, node: Node, x: str) -> str:
    sizes = w.emit("Gather", w.emit("Shape", x), w.ints(node.params["axes"]))
    return _as(w, w.emit("ReduceProd", sizes, keepdims=0), node.dtype)


@writes("any", "all")
def _any(w: Writer, node: Node, x: str) -> str:
    reduce = "ReduceMax" if node.op.name == "any" else "ReduceMin"
    numbers = _as(w, x, np.dtype(np.int32))
    if node.params["axes"]:
        numbers = w.emit(
            reduce, numbers, w.ints(node.params["axes"]), keepdims=int(node.params["keepdims"])
        )
    return _as(w, numbers, node.dtype)


@writes("argmax", "argmin")
def _argmax(w: Writer, node: Node, x: str) -> str:
    operator = "ArgMax" if node.op.name == "argmax" else "ArgMin"
    return w.emit(operator, x, axis=node.params["axis"], keepdims=int(node.params["keepdims"]))


@writes("sort", "argsort")
def _sort(w: Writer, node: Node, x: str) -> str:
    axis = node.params["axis"]
    n = w.emit("Gather", w.emit("Shape", x), w.ints([axis]))
    values, places = w.emit_several("TopK", 2, x, n, axis=axis, largest=0, sorted=1)
    return w.emit("Identity", values if node.op.name == "sort" else places)


@writes("linalg.norm")
def _norm(w: Writer, node: Node, x: str) -> str:
    p, axes, keep = node.params["p"], node.params["axes"], int(node.params["keepdims"])
    if p not in (1.0, 2.0):
        powers = w.emit("Pow", w.emit("Abs", x), w.number(p, node))
        return w.emit(
            "Pow", w.emit("ReduceSum", powers, w.ints(axes), keepdims=keep), w.number(1 / p, node)
        )
    return w.emit("ReduceL2" if p == 2.0 else "ReduceL1", x, w.ints(axes), keepdims=keep)


# --- products -----------------------------------------------------------------------------------------------------------------------


# fmt: off
writes("einsum")(lambda w, node, *operands: w.emit("Einsum", *operands, equation=node.params["subscripts"]))
# fmt: on


def _window(node: Node) -> dict[str, Any]:
    p = node.params
    pads = [low for low, _ in p["padding"]] + [high for _, high in p["padding"]]
    return {
        "strides": list(p["stride"]),
        "dilations": list(p["dilation"]),
        "group": p["groups"],
        "pads": pads,
    }


writes("nn.conv")(lambda w, node, x, weight: w.emit("Conv", x, weight, **_window(node)))


@writes("nn.conv_data")
def _conv_transpose(w: Writer, node: Node, x: str, weight: str) -> str:
    """The transposed convolution; what its size has more than the smallest is output padding."""
    p = node.params
    own: Any = node.parents[0].shape[2:]
    kernel: Any = node.parents[1].shape[2:]
    if None in own or None in kernel:
        raise NotInOnnx("nn.conv_data of sizes that are not known")
    smallest = [
        (n - 1) * s - sum(pad) + d * (k - 1) + 1
        for n, s, pad, d, k in zip(
            own, p["stride"], p["padding"], p["dilation"], kernel, strict=True
        )
    ]
    more = [n - m for n, m in zip(p["sizes"], smallest, strict=True)]
    return w.emit("ConvTranspose", x, weight, output_padding=more, **_window(node))


# --- structure ----------------------------------------------------------------------------------------------------------------------


def _as(w: Writer, x: str, dtype: Any) -> str:
    helper = framework("onnx.helper", "onnx")

    return w.emit("Cast", x, to=helper.np_dtype_to_tensor_dtype(w.kind(dtype)))


writes("cast")(lambda w, node, x: _as(w, x, node.dtype))


@writes("broadcast_to")
def _broadcast(w: Writer, node: Node, x: str, *like: str) -> str:
    shape = node.params.get("shape")
    return w.emit("Expand", x, w.emit("Shape", like[0]) if shape is None else w.ints(shape))


@writes("sum_to")
def _sum_to(w: Writer, node: Node, x: str, *like: str) -> str:
    own, target = node.parents[0].shape, node.shape
    if not shapes.is_static(own) or not shapes.is_static(target):
        raise NotInOnnx("sum_to of sizes that are not known")
    lead = len(own) - len(target)
    axes = [
        *range(lead),
        *(i + lead for i, n in enumerate(target) if n == 1 and own[i + lead] != 1),
    ]
    total = w.emit("ReduceSum", x, w.ints(axes), keepdims=1) if axes else x
    return w.emit("Reshape", total, w.ints(target))


@writes("reshape")
def _reshape(w: Writer, node: Node, x: str, *like: str) -> str:
    shape = node.params.get("shape")
    if shape is None:
        return w.emit("Reshape", x, w.emit("Shape", like[0]))
    if None in shape or (0 in shape and -1 in shape):
        raise NotInOnnx("reshape to sizes that are not known")
    return w.emit("Reshape", x, w.ints(shape), allowzero=int(0 in shape))


@writes("transpose")
def _transpose(w: Writer, node: Node, x: str) -> str:
    axes = node.params.get("axes")
    return w.emit("Transpose", x, **({} if axes is None else {"perm": list(axes)}))


writes("concatenate")(lambda w, node, *parts: w.emit("Concat", *parts, axis=node.params["axis"]))


@writes("getitem")
def _getitem(w: Writer, node: Node, x: str) -> str:
    shape: Any = node.parents[0].shape
    index = _without_ellipsis(node.params["index"], len(shape))
    arrays = [axis for axis, i in enumerate(index) if isinstance(i, np.ndarray)]
    if not arrays:
        return _basic_index(w, index, x)
    others = [i for i in index if not isinstance(i, np.ndarray)]
    if (
        len(arrays) == 1
        and index[arrays[0]].dtype.kind in "iu"
        and all(i == slice(None) for i in others)
    ):
        return w.emit("Gather", x, w.ints(index[arrays[0]]), axis=arrays[0])
    if not shapes.is_static(shape):
        raise NotInOnnx("indexing by several arrays along sizes that are not known")
    numbers = np.arange(math.prod(shape)).reshape(shape)[tuple(index)]
    return w.emit("Gather", w.emit("Reshape", x, w.ints([-1])), w.ints(numbers))


def _without_ellipsis(index: tuple[Any, ...], ndim: int) -> list[Any]:
    """One entry an axis (and None for a new one): the ellipsis, written or not, as the full slices it stands for."""

    def axes(i: Any) -> int:
        return i.ndim if isinstance(i, np.ndarray) and i.dtype.kind == "b" else 1

    rest = ndim - sum(axes(i) for i in index if i is not None and i is not Ellipsis)
    places = [k for k, i in enumerate(index) if i is Ellipsis]
    place = places[0] if places else len(index)
    return [*index[:place], *[slice(None)] * rest, *index[place + 1 :]]


def _basic_index(w: Writer, index: list[Any], x: str) -> str:
    starts, ends, axes, steps, gone, new = [], [], [], [], [], []
    axis = kept = 0
    for i in index:
        if i is None:
            new.append(kept)
            kept += 1
            continue
        if isinstance(i, slice):
            if i != slice(None):
                step = 1 if i.step is None else int(i.step)
                first, last = (0, 2**62) if step > 0 else (2**62, -(2**62))
                starts.append(first if i.start is None else int(i.start))
                ends.append(last if i.stop is None else int(i.stop))
                axes.append(axis)
                steps.append(step)
            kept += 1
        else:
            starts.append(int(i))
            ends.append(int(i) + 1 if i != -1 else 2**62)
            axes.append(axis)
            steps.append(1)
            gone.append(axis)
        axis += 1
    if axes:
        x = w.emit("Slice", x, w.ints(starts), w.ints(ends), w.ints(axes), w.ints(steps))
    if gone:
        x = w.emit("Squeeze", x, w.ints(gone))
    if new:
        x = w.emit("Unsqueeze", x, w.ints(new))
    return x if axes or gone or new else w.emit("Identity", x)


# fmt: off
writes("take")(lambda w, node, x, index: w.emit("Gather", x, index, axis=node.params["axis"]))
writes("nn.embedding")(lambda w, node, table, index: w.emit("Gather", table, _as(w, index, np.dtype(np.int64)), axis=0))
writes("take_along_axis")(lambda w, node, x, index: w.emit("GatherElements", x, index, axis=node.params["axis"]))
# fmt: on


@writes("add_along_axis")
def _add_along(w: Writer, node: Node, x: str, index: str, *like: str) -> str:
    if not shapes.is_static(node.shape):
        raise NotInOnnx("add_along_axis into sizes that are not known")
    shape: Any = node.shape
    zeros = w.constant(np.zeros(shape, w.kind(node.dtype)))
    return w.emit("ScatterElements", zeros, index, x, axis=node.params["axis"], reduction="add")


@writes("scatter")
def _scatter(w: Writer, node: Node, x: str, *like: str) -> str:
    if not shapes.is_static(node.shape):
        raise NotInOnnx("scatter into sizes that are not known")
    shape: Any = node.shape
    size = math.prod(shape)
    numbers = np.arange(size).reshape(shape)[node.params["index"]]
    zeros = w.constant(np.zeros(size, w.kind(node.dtype)))
    flat = w.emit("Reshape", x, w.ints([-1]))
    filled = w.emit(
        "ScatterElements", zeros, w.ints(numbers.reshape(-1)), flat, axis=0, reduction="add"
    )
    return w.emit("Reshape", filled, w.ints(node.shape))
