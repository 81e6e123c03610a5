"""Graphs as ONNX files: `to_onnx` writes what a graph computes for other programs to run.

A graph is written op by op, so that names and scopes survive; parameters become initializers, inputs the model's inputs. What becomes of
an op stands in `onnx_writers`, or in `onnx_composed` where ONNX has no operator of that meaning. The file is checked before it is put in
place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cgraph.errors import UnsupportedError
from cgraph.graph import order
from cgraph.interop.building import framework, refuse
from cgraph.interop.onnx_composed import COMPOSED
from cgraph.interop.onnx_writers import WRITERS, NotInOnnx
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
    model = Writer(None if dtype is None else np.dtype(dtype)).write(named)
    onnx.checker.check_model(model, full_check=True)
    write_atomically(path, lambda file: file.write(model.SerializeToString()))
    return Path(path)


class Writer:
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
        self.scope: str | None = None  # where the node at work was made in place of another's

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
                self.names[node] = self._written(node)
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

    def _written(self, node: Node) -> str:
        """Write one op; the name of its result."""
        writer = WRITERS.get(node.op.name)
        if writer is not None:
            kind = _operand_dtype(node)
            return writer(self, node, *(self.operand(p, kind) for p in node.parents))
        composed = COMPOSED.get(node.op.name)
        if composed is None:
            raise NotInOnnx(node.op.name)
        # The same value from ops that ONNX has, written in this node's scope; its name is that of the last of them.
        result = composed(*node.parents, **node.params)
        scope, name = node.scope, node.name
        for part in order(result):
            if part in self.names or part.weak:
                continue
            self.node, self.scope = part, scope
            self.names[part] = self._held(part) if part.op.family == "leaf" else self._written(part)
        self.node, self.scope = node, None
        return (
            self.emit("Identity", self.operand(result, node.dtype)) if name else self.names[result]
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
        scope = node.scope if self.scope is None else self.scope
        prefix = f"/{scope}/" if scope else ""
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

    def emit_several(self, op: str, outputs: int, *inputs: str, **attributes: Any) -> list[str]:
        """Write one operator of several outputs."""
        helper = framework("onnx.helper", "onnx")
        names = [self.name(f"{op}_{len(self.nodes)}_{i}") for i in range(outputs)]
        self.nodes.append(helper.make_node(op, list(inputs), names, **attributes))
        return names

    def _held(self, node: Node) -> str:
        return self.constant(np.asarray(node._value, self.kind(node.dtype)))

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
