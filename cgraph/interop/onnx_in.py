"""ONNX files as graphs: `from_onnx` reads a model and rebuilds it with cgraph's ops.

Floating initializers become parameters under their names, node names give the scopes. What depends on no floating input or parameter
(shapes, masks, index arithmetic) is computed by ONNX's own reference implementation. What becomes of each operator stands in
`onnx_rules`.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

import cgraph as cg
from cgraph.errors import ShapeError, UnsupportedError
from cgraph.interop.building import Missing, framework, leaf, refuse, scoped
from cgraph.interop.onnx_rules import RULES
from cgraph.node import Node


def from_onnx(model: Any, *args: Any, trained: bool = True) -> Any:
    """The graph of an ONNX model.

    Args:
        model: a file, or an `onnx.ModelProto`.
        args: example inputs, in the model's order. They may be left out where all sizes are known; a floating input then has no value
            until it is fed. Integer and boolean inputs have to be given: they are part of the graph.
        trained: whether floating initializers become parameters (default) or constants.

    Returns:
        A node, or a tuple of nodes where the model has several outputs. `cg.named_leaves` finds the leaves by name.

    Raises:
        UnsupportedError: for operators without a counterpart; the message lists them all.
        ShapeError: for an input of unknown size that is not given.
    """
    onnx = framework("onnx", "onnx")
    numpy_helper = framework("onnx.numpy_helper", "onnx")

    if not isinstance(model, onnx.ModelProto):
        name = os.path.basename(os.fspath(model))
        try:
            model = onnx.load(model)
        except OSError:
            raise
        except Exception as error:
            raise UnsupportedError(f"{name!r} is not an ONNX model: {error}") from error
    else:
        name = model.graph.name or "model"
    graph = model.graph
    opset = {entry.domain: entry.version for entry in model.opset_import}

    values: dict[str, Any] = {"": None}
    for tensor in graph.initializer:
        array = numpy_helper.to_array(tensor)
        values[tensor.name] = _initializer(tensor.name, array, trained)
    open_inputs = [entry for entry in graph.input if entry.name not in values]
    if len(args) > len(open_inputs):
        raise ShapeError(f"{name!r} has {len(open_inputs)} inputs; {len(args)} were given")
    for i, entry in enumerate(open_inputs):
        values[entry.name] = _input(entry, args[i] if i < len(args) else None, name)

    missing: dict[str, str] = {}
    for proto in graph.node:
        operands = [values[operand] for operand in proto.input]
        with scoped(_scope_of(proto.name)):
            try:
                results = _apply(proto, operands, opset, model)
            except Missing as problem:
                missing.setdefault(str(problem), f"node {proto.name or proto.op_type!r}")
                results = [cg.input("?", 0.0) for _ in proto.output]
                if len(missing) > 20:
                    break
            except (ShapeError, ValueError, TypeError):
                if not missing:
                    raise
                break  # shapes no longer make sense behind an operator that is missing
        values.update(zip(proto.output, results, strict=False))
    if missing:
        raise refuse(
            f"{name!r}",
            missing,
            "Export the model without them, or build that part from cgraph's ops.",
        )
    outputs = []
    for entry in graph.output:
        value = values[entry.name]
        outputs.append(value if isinstance(value, Node) else cg.constant(np.asarray(value)))
    return outputs[0] if len(outputs) == 1 else tuple(outputs)


def _initializer(name: str, array: Any, trained: bool) -> Any:
    if array.dtype.kind != "f" or (array.dtype.name == "float16" and array.size == 1):
        return array
    path = _path(name)
    if trained:
        return leaf(path, array, True)
    with scoped("/".join(path[:-1])):
        return cg.constant(array, path[-1])


def _input(entry: Any, given: Any, model: str) -> Any:
    helper = framework("onnx.helper", "onnx")

    kind = entry.type.tensor_type
    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(kind.elem_type))
    sizes = [d.dim_value if d.HasField("dim_value") else None for d in kind.shape.dim]
    if given is not None:
        array = np.asarray(given)
        if dtype.kind != "f":
            return array.astype(dtype)
        return leaf(_path(entry.name), array.astype(dtype), False)
    if dtype.kind != "f" or None in sizes:
        raise ShapeError(
            f"{model!r}: input {entry.name!r} has sizes {sizes} of dtype {dtype}; give an example: from_onnx(path, {entry.name})"
        )
    with scoped("/".join(_path(entry.name)[:-1])):
        return cg.input(_path(entry.name)[-1], shape=sizes, dtype=dtype)


def _path(name: str) -> tuple[str, ...]:
    """``layer1.weight`` and ``/layer1/weight`` are weight in the scope layer1."""
    parts = [part for part in name.replace("/", ".").split(".") if part]
    return tuple(parts) or (name or "value",)


def _scope_of(name: str) -> str:
    """``/encoder/layer1/MatMul`` stands in the scope encoder/layer1."""
    return "/".join(_path(name)[:-1]) if "/" in name else ""


def _apply(proto: Any, operands: list[Any], opset: dict[str, int], model: Any) -> list[Any]:
    helper = framework("onnx.helper", "onnx")

    attributes = {a.name: helper.get_attribute_value(a) for a in proto.attribute}
    if proto.op_type == "Constant":
        return [_constant(attributes)]
    if not any(isinstance(x, Node) for x in operands):
        return _fold(proto, operands, opset)
    if proto.domain not in ("", "ai.onnx") or proto.op_type not in RULES:
        raise Missing(f"{proto.domain}.{proto.op_type}".lstrip("."))
    decoded = {k: v.decode() if isinstance(v, bytes) else v for k, v in attributes.items()}
    result = RULES[proto.op_type](proto, decoded, *operands)
    return list(result) if isinstance(result, list | tuple) else [result]


def _constant(attributes: dict[str, Any]) -> Any:
    numpy_helper = framework("onnx.numpy_helper", "onnx")

    if "value" in attributes:
        return numpy_helper.to_array(attributes["value"])
    (key, value), *_ = attributes.items()
    return np.array(value, np.float32 if "float" in key else np.int64)


def _fold(proto: Any, operands: list[Any], opset: dict[str, int]) -> list[Any]:
    """An operator without nodes: ONNX's reference implementation computes it."""
    helper = framework("onnx.helper", "onnx")
    reference = framework("onnx.reference", "onnx")

    given = {name: x for name, x in zip(proto.input, operands, strict=True) if x is not None}
    inputs = [
        helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(np.asarray(x).dtype), None)
        for n, x in given.items()
    ]
    outputs = [helper.make_tensor_value_info(n, 0, None) for n in proto.output]
    graph = helper.make_graph([proto], "one", inputs, outputs)
    imports = [helper.make_opsetid(domain, version) for domain, version in opset.items()]
    evaluator = reference.ReferenceEvaluator(helper.make_model(graph, opset_imports=imports))
    return list(evaluator.run(None, {n: np.asarray(x) for n, x in given.items()}))
