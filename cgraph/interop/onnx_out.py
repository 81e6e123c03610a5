"""Graphs as ONNX files: `to_onnx` writes what a graph computes for other programs to run.

A graph is written op by op, so that names and scopes survive; parameters become initializers, inputs the model's inputs. One row of
`WRITERS` an op; where ONNX has no operator of that meaning, a row writes several. The file is checked before it is put in place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cgraph import shapes
from cgraph.errors import UnsupportedError
from cgraph.graph import order
from cgraph.interop.building import framework, refuse
from cgraph.io.atomic import write_atomically
from cgraph.node import Node

OPSET = 18


def to_onnx(
    roots: Node | Sequence[Node] | Mapping[str, Node], path: Any, *, dtype: Any = None
) -> Path:
    """Write what a graph computes as an ONNX model.

    Args:
        roots: the outputs: a node, several, or a dictionary that names them.
        path: the file, written whole or not at all.
        dtype: compute in this dtype, e.g. ``np.float32``, in place of each node's own; many runtimes know float32 only.

    Returns:
        The path.

    Raises:
        UnsupportedError: for ops that ONNX has no counterpart for; the message lists them all, with their lines.

    >>> import cgraph as cg
    >>> x, w = cg.input("x", shape=(None, 2)), cg.parameter("w", [[0.1], [0.6]])
    >>> cg.to_onnx(cg.sigmoid(x @ w, name="p"), "net.onnx")                                     # doctest: +SKIP
    """
    onnx = framework("onnx", "onnx")

    if isinstance(roots, Mapping):
        named = dict(roots)
    else:
        several = [roots] if isinstance(roots, Node) else list(roots)
        named = {root.name or f"output{i or ''}": root for i, root in enumerate(several)}
        if len(named) < len(several):
            raise UnsupportedError("two outputs have one name; give a dictionary {name: node}")
    model = _Writer(None if dtype is None else np.dtype(dtype)).write(named)
    onnx.checker.check_model(model, full_check=True)
    write_atomically(path, lambda file: file.write(model.SerializeToString()))
    return Path(path)


class NotInOnnx(Exception):
    """An op, or a use of one, without a counterpart."""


class _Writer:
    """The model under construction: each node's ONNX name, and what has been written so far."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        self.names: dict[Node, str] = {}
        self.taken: set[str] = set()
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self.inputs: list[Any] = []
        self.constants: dict[Any, str] = {}
        self.node: Node | None = None

    def write(self, roots: dict[str, Node]) -> Any:
        helper = framework("onnx.helper", "onnx")

        self.taken.update(roots)
        missing: dict[str, str] = {}
        for node in order(*roots.values()):
            self.node = node
            if node.op.family == "leaf":
                if not node.weak:
                    self._leaf(node)
                continue
            try:
                writer = WRITERS.get(node.op.name)
                if writer is None:
                    raise NotInOnnx(node.op.name)
                kind = _operand_dtype(node)
                self.names[node] = writer(
                    self, node, *(self.operand(p, kind) for p in node.parents)
                )
            except NotInOnnx as problem:
                missing.setdefault(f"{problem} ({node.label!r})", node.site)
                self.names[node] = "?"
        if missing:
            raise refuse("this graph", missing, "Rewrite that part with ops that ONNX has.")
        outputs = []
        for name, root in roots.items():
            self.node = root
            self.nodes.append(
                helper.make_node("Identity", [self.operand(root, root.dtype)], [name])
            )
            outputs.append(self._info(name, root))
        graph = helper.make_graph(self.nodes, "cgraph", self.inputs, outputs, self.initializers)
        imports = [helper.make_opsetid("", OPSET)]
        return helper.make_model(
            graph, opset_imports=imports, ir_version=9, producer_name="cgraph", producer_version=""
        )

    def kind(self, dtype: Any) -> Any:
        """The dtype to compute in, where a node has this one."""
        dtype = np.dtype(dtype)
        return self.dtype if self.dtype is not None and dtype.kind == "f" else dtype

    def name(self, wanted: str) -> str:
        """A name that is not taken: the wanted one, or that with a number."""
        name, i = wanted, 1
        while name in self.taken or not name:
            name, i = f"{wanted}_{i}", i + 1
        self.taken.add(name)
        return name

    def emit(self, op: str, *inputs: str, **attributes: Any) -> str:
        """Write one operator of one output, in the scope of the node at work; the name of its output."""
        helper = framework("onnx.helper", "onnx")

        node = self.node
        assert node is not None
        prefix = f"/{node.scope}/" if node.scope else ""
        output = self.name(node.name or f"{prefix}{node.op.name}_{len(self.nodes)}")
        label = f"{prefix}{op}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [output], name=label, **attributes))
        return output

    def operand(self, node: Node, dtype: Any) -> str:
        """The name of an operand; a Python number takes the dtype of what it meets."""
        if node.weak:
            kind = np.dtype(dtype) if np.dtype(dtype).kind in "fiu" else np.dtype(np.float64)
            return self.constant(np.asarray(node._value, self.kind(kind)))
        return self.names[node]

    def number(self, value: float, like: Node) -> str:
        return self.constant(np.asarray(value, self.kind(like.dtype)))

    def constant(self, value: Any) -> str:
        numpy_helper = framework("onnx.numpy_helper", "onnx")

        array = np.asarray(value)
        key = (array.tobytes(), array.dtype.str, array.shape)
        if key not in self.constants:
            name = self.name(f"constant_{len(self.constants)}")
            self.initializers.append(
                numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name)
            )
            self.constants[key] = name
        return self.constants[key]

    def ints(self, values: Any) -> str:
        return self.constant(np.asarray(values, np.int64))

    def _leaf(self, node: Node) -> None:
        numpy_helper = framework("onnx.numpy_helper", "onnx")

        name = self.names[node] = self.name(node.name or f"{node.kind}_{len(self.names)}")
        if node.kind == "input":
            self.inputs.append(self._info(name, node))
        else:
            array = np.asarray(node._value, self.kind(node.dtype))
            self.initializers.append(
                numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name)
            )

    def _info(self, name: str, node: Node) -> Any:
        helper = framework("onnx.helper", "onnx")

        sizes = [f"{name}_{i}" if n is None else n for i, n in enumerate(node.shape)]
        return helper.make_tensor_value_info(
            name, helper.np_dtype_to_tensor_dtype(self.kind(node.dtype)), sizes
        )


def _operand_dtype(node: Node) -> Any:
    """What a Python number among the operands becomes: the dtype of the others."""
    strong = [p.dtype for p in node.parents if not p.weak and p.dtype.kind in "fiu"]
    return strong[-1] if strong else node.dtype if node.dtype.kind == "f" else np.dtype(np.float64)


Writer = Callable[..., str]
WRITERS: dict[str, Writer] = {}


def writes(*ops: str) -> Callable[[Writer], Writer]:
    def enter(function: Writer) -> Writer:
        WRITERS.update(dict.fromkeys(ops, function))
        return function

    return enter


# Ops that are one operator of ONNX.
DIRECT = {
    "add": "Add", "subtract": "Sub", "multiply": "Mul", "divide": "Div", "negative": "Neg", "power": "Pow", "sqrt": "Sqrt",
    "reciprocal": "Reciprocal", "exp": "Exp", "log": "Log", "sin": "Sin", "cos": "Cos", "tan": "Tan", "arcsin": "Asin", "arccos": "Acos",
    "arctan": "Atan", "sinh": "Sinh", "cosh": "Cosh", "arcsinh": "Asinh", "arccosh": "Acosh", "arctanh": "Atanh", "tanh": "Tanh",
    "sigmoid": "Sigmoid", "softplus": "Softplus", "relu": "Relu", "abs": "Abs", "sign": "Sign", "maximum": "Max", "minimum": "Min",
    "less": "Less", "less_equal": "LessOrEqual", "greater": "Greater", "greater_equal": "GreaterOrEqual", "equal": "Equal",
    "logical_and": "And", "logical_or": "Or", "logical_not": "Not", "where": "Where", "matmul": "MatMul", "stop_gradient": "Identity",
    "erf": "Erf", "floor": "Floor", "ceil": "Ceil", "isnan": "IsNaN",
}  # fmt: skip


def _direct(operator: str) -> Writer:
    return lambda w, node, *operands: w.emit(operator, *operands)


WRITERS.update({op: _direct(operator) for op, operator in DIRECT.items()})


@writes("square")
def _square(w: _Writer, node: Node, x: str) -> str:
    return w.emit("Mul", x, x)


@writes("expm1")
def _expm1(w: _Writer, node: Node, x: str) -> str:
    # 2 tanh(x/2) / (1 − tanh(x/2)) keeps the small digits that exp(x) − 1 has lost.
    t = w.emit("Tanh", w.emit("Mul", x, w.number(0.5, node)))
    return w.emit("Div", w.emit("Add", t, t), w.emit("Sub", w.number(1.0, node), t))


@writes("log1p")
def _log1p(w: _Writer, node: Node, x: str) -> str:
    return w.emit("Log", w.emit("Add", x, w.number(1.0, node)))


@writes("not_equal")
def _not_equal(w: _Writer, node: Node, a: str, b: str) -> str:
    return w.emit("Not", w.emit("Equal", a, b))


@writes("clip")
def _clip(w: _Writer, node: Node, x: str, low: str, high: str) -> str:
    return w.emit("Min", w.emit("Max", x, low), high)


@writes("step")
def _step(w: _Writer, node: Node, a: str, b: str) -> str:
    half = w.emit("Add", w.emit("Sign", w.emit("Sub", a, b)), w.number(1.0, node))
    return w.emit("Mul", half, w.number(0.5, node))


@writes("tanh_slope")
def _tanh_slope(w: _Writer, node: Node, x: str) -> str:
    one_over = w.emit("Reciprocal", w.emit("Cosh", x))
    return w.emit("Mul", one_over, one_over)


@writes("sigmoid_slope")
def _sigmoid_slope(w: _Writer, node: Node, x: str) -> str:
    return w.emit("Mul", w.emit("Sigmoid", x), w.emit("Sigmoid", w.emit("Neg", x)))


@writes("log_sigmoid")
def _log_sigmoid(w: _Writer, node: Node, x: str) -> str:
    return w.emit("Neg", w.emit("Softplus", w.emit("Neg", x)))


@writes("mse")
def _mse(w: _Writer, node: Node, p: str, y: str) -> str:
    gap = w.emit("Sub", p, y)
    return w.emit("Mul", w.emit("Mul", gap, gap), w.number(0.5, node))


@writes("bce")
def _bce(w: _Writer, node: Node, p: str, y: str) -> str:
    one = w.number(1.0, node)
    yes = w.emit("Mul", y, w.emit("Log", p))
    no = w.emit("Mul", w.emit("Sub", one, y), w.emit("Log", w.emit("Sub", one, p)))
    return w.emit("Neg", w.emit("Add", yes, no))


@writes("stable_bce")
def _stable_bce(w: _Writer, node: Node, z: str, y: str) -> str:
    yes = w.emit("Mul", y, w.emit("Softplus", w.emit("Neg", z)))
    no = w.emit("Mul", w.emit("Sub", w.number(1.0, node), y), w.emit("Softplus", z))
    return w.emit("Add", yes, no)


@writes("stable_bce_slope")
def _stable_bce_slope(w: _Writer, node: Node, z: str, y: str) -> str:
    yes = w.emit("Mul", y, w.emit("Sigmoid", w.emit("Neg", z)))
    no = w.emit("Mul", w.emit("Sub", w.number(1.0, node), y), w.emit("Sigmoid", z))
    return w.emit("Sub", no, yes)


# --- reductions ---------------------------------------------------------------------------------------------------------------------


def _reduction(operator: str) -> Writer:
    def write(w: _Writer, node: Node, x: str) -> str:
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
def _softmax(w: _Writer, node: Node, x: str) -> str:
    axes = node.params["axes"]
    if len(axes) == 1:
        return w.emit("Softmax", x, axis=axes[0])
    top = w.emit("ReduceMax", x, w.ints(axes), keepdims=1)
    e = w.emit("Exp", w.emit("Sub", x, top))
    return w.emit("Div", e, w.emit("ReduceSum", e, w.ints(axes), keepdims=1))


@writes("log_softmax")
def _log_softmax(w: _Writer, node: Node, x: str) -> str:
    axes = node.params["axes"]
    if len(axes) == 1:
        return w.emit("LogSoftmax", x, axis=axes[0])
    return w.emit("Sub", x, w.emit("ReduceLogSumExp", x, w.ints(axes), keepdims=1))


@writes("logaddexp")
def _logaddexp(w: _Writer, node: Node, a: str, b: str) -> str:
    gap = w.emit("Softplus", w.emit("Neg", w.emit("Abs", w.emit("Sub", a, b))))
    return w.emit("Add", w.emit("Max", a, b), gap)


@writes("cumsum")
def _cumsum(w: _Writer, node: Node, x: str) -> str:
    return w.emit("CumSum", x, w.ints(node.params["axis"]))


@writes("count")
def _count(w: _Writer, node: Node, x: str) -> str:
    sizes = w.emit("Gather", w.emit("Shape", x), w.ints(node.params["axes"]))
    return _as(w, w.emit("ReduceProd", sizes, keepdims=0), node.dtype)


# --- structure ----------------------------------------------------------------------------------------------------------------------


def _as(w: _Writer, x: str, dtype: Any) -> str:
    helper = framework("onnx.helper", "onnx")

    return w.emit("Cast", x, to=helper.np_dtype_to_tensor_dtype(w.kind(dtype)))


@writes("cast")
def _cast(w: _Writer, node: Node, x: str) -> str:
    return _as(w, x, node.dtype)


@writes("broadcast_to")
def _broadcast(w: _Writer, node: Node, x: str, *like: str) -> str:
    shape = node.params.get("shape")
    return w.emit("Expand", x, w.emit("Shape", like[0]) if shape is None else w.ints(shape))


@writes("sum_to")
def _sum_to(w: _Writer, node: Node, x: str, *like: str) -> str:
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
def _reshape(w: _Writer, node: Node, x: str, *like: str) -> str:
    shape = node.params.get("shape")
    if shape is None:
        return w.emit("Reshape", x, w.emit("Shape", like[0]))
    if None in shape or (0 in shape and -1 in shape):
        raise NotInOnnx("reshape to sizes that are not known")
    return w.emit("Reshape", x, w.ints(shape), allowzero=int(0 in shape))


@writes("transpose")
def _transpose(w: _Writer, node: Node, x: str) -> str:
    axes = node.params.get("axes")
    return w.emit("Transpose", x, **({} if axes is None else {"perm": list(axes)}))


@writes("concatenate")
def _concatenate(w: _Writer, node: Node, *parts: str) -> str:
    return w.emit("Concat", *parts, axis=node.params["axis"])


@writes("getitem")
def _getitem(w: _Writer, node: Node, x: str) -> str:
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


def _basic_index(w: _Writer, index: list[Any], x: str) -> str:
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


@writes("scatter")
def _scatter(w: _Writer, node: Node, x: str, *like: str) -> str:
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
