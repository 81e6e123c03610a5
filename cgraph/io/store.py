"""Keep a graph in a file: `save` and `load`.

A file is an archive (cgraph/archive.py) of an index, plain JSON, and arrays. There is no pickle in it and nothing in it is
executed, imported or looked up outside the table of ops, so a file from a stranger can do no harm: whatever is odd about it is
a `StoreError`. Every node is built through the same door as in a program, shape rules included.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cgraph import graph
from cgraph.build import build
from cgraph.control.body import Body
from cgraph.errors import StoreError
from cgraph.io.archive import Arrays, damage_is_told, read_archive, write_archive
from cgraph.leaves import constant, input, leaf_node, parameter
from cgraph.node import Node
from cgraph.op import CONSTANT, find
from cgraph.ops import OPS

__all__ = ["load", "read", "save", "write"]

FORMAT, VERSION = "cgraph", 1


# --- graphs ------------------------------------------------------------------------------------


def save(roots: Node | Sequence[Node], path: str | os.PathLike[str]) -> Path:
    """Write a graph with the current values of its leaves to a file.

    `roots` is a node, or several that share a graph. Returns the path. Raises `StoreError` for a node whose parameters have no
    form in a file, and OSError when the file cannot be written; an older file of that name then stays as it was.

    >>> import cgraph as cg
    >>> w = cg.parameter("w", [1.0, 2.0])
    >>> path = save(cg.sum(w * w, name="loss"), "net.cgraph")
    >>> loss = load("net.cgraph")
    >>> loss.name, float(cg.run(loss).value(loss))
    ('loss', 5.0)
    """
    return write(path, roots)


def load(path: str | os.PathLike[str]) -> Any:
    """Read back what `save` wrote: a node, or a list of nodes if a list was saved.

    Safe on files from strangers. Raises `StoreError` for anything that is not a graph saved by cgraph, and FileNotFoundError.
    """
    return read(path)[0]


def write(
    path: str | os.PathLike[str],
    roots: Node | Sequence[Node],
    extra: dict[str, Any] | None = None,
    arrays: Arrays | None = None,
) -> Path:
    """`save` with something beside the graph: `extra`, plain JSON, and named `arrays`. A classifier keeps its training so."""
    single = isinstance(roots, Node)
    given = [roots] if isinstance(roots, Node) else list(roots)
    kept: Arrays = {f"extra/{name}": np.asarray(array) for name, array in (arrays or {}).items()}
    nodes = graph.order(*given)
    number = {node: i for i, node in enumerate(nodes)}
    index = {
        "format": FORMAT,
        "version": VERSION,
        "nodes": [_encode_node(node, number, kept) for node in nodes],
        "roots": [number[root] for root in given],
        "single": single,
        "extra": extra or {},
    }

    write_archive(path, index, kept)
    return Path(path)


def read(path: str | os.PathLike[str]) -> tuple[Any, dict[str, Any], Arrays]:
    """`load` with what stands beside the graph: (roots, extra, arrays)."""
    with damage_is_told(path):
        index, arrays = read_archive(path)
        if index.get("format") != FORMAT:
            raise StoreError("it has no cgraph index")
        if index.get("version") != VERSION:
            raise StoreError(
                f"its format is version {index.get('version')!r}; this cgraph reads {VERSION}"
            )
        nodes: list[Node] = []
        for entry in index["nodes"]:
            nodes.append(_decode_node(entry, nodes, arrays))
        roots = [_at(nodes, i) for i in index["roots"]]
        if not isinstance(index["extra"], dict) or (index["single"] and len(roots) != 1):
            raise StoreError("its index is not consistent")
        extra = {
            name.removeprefix("extra/"): array
            for name, array in arrays.items()
            if name.startswith("extra/")
        }
        return roots[0] if index["single"] else roots, index["extra"], extra


# --- nodes and parameters as JSON --------------------------------------------------------------


def _encode_node(node: Node, number: dict[Node, int], arrays: Arrays) -> dict[str, Any]:
    entry: dict[str, Any] = {"op": node.op.name}
    kind = node.dtype.str.lstrip("<>=|")
    # What goes without saying is left out: a graph of a million numbers is a long text already.
    told = (
        ("shape", node.shape, ()),
        ("dtype", kind, "f8"),
        ("name", node.name, None),
        ("scope", node.scope, ""),
    )
    entry.update({key: value for key, value, default in told if value != default})
    if node.op.family != "leaf":
        if OPS.get(node.op.name) is not node.op:
            raise StoreError(
                f"{node!r}: the op {node.op.name!r} is not registered, so nobody could load it"
            )
        entry["parents"] = [number[parent] for parent in node.parents]
        if node.params:
            entry["params"] = {
                key: _encode(value, node, arrays) for key, value in node.params.items()
            }
    elif node._value is not None:
        entry["value"] = _encode(node._value, node, arrays)
    return entry


def _decode_node(entry: dict[str, Any], nodes: list[Node], arrays: Arrays) -> Node:
    kind, name, scope = entry["op"], entry.get("name"), entry.get("scope", "")
    shape, dtype = tuple(entry.get("shape", ())), np.dtype(entry.get("dtype", "f8"))
    if not (name is None or isinstance(name, str)) or not isinstance(scope, str):
        raise StoreError("a name is not a text")
    if "parents" in entry:
        op = find(kind) if isinstance(kind, str) else None
        if op is None:
            raise StoreError(f"no op is called {kind!r}; import the module that registers it first")
        parents = tuple(_at(nodes, i) for i in entry["parents"])
        params = {
            str(key): _decode(value, arrays) for key, value in entry.get("params", {}).items()
        }
        if params and op.family == "elementwise":
            raise StoreError(f"{kind!r} takes no parameters")
        arity = len(op.linear_maps if op.partials is None else op.partials)
        if op.family == "elementwise" and len(parents) != arity:
            raise StoreError(f"{kind!r} does not take {len(parents)} operands")
        node = build(op, parents, params)
        if not graph.same_nodes(node.parents, parents):
            raise StoreError(f"the operands of {name or kind!r} do not fit")
    else:
        value = _decode(entry["value"], arrays) if "value" in entry else None
        if kind == "input":
            node = input(None, value, shape=shape, dtype=dtype)
        elif kind == "parameter":
            node = parameter(None, value, dtype=dtype)
        elif kind == "constant":
            node = _constant(value, dtype)
        else:
            raise StoreError(f"{kind!r} is no kind of leaf")
    if node.shape != shape or node.dtype != dtype:
        raise StoreError(
            f"{name or kind!r} comes out as {node.shape} {node.dtype}, not {shape} {dtype}"
        )
    node.name, node.scope = name, scope
    return node


def _constant(value: Any, dtype: np.dtype[Any]) -> Node:
    if isinstance(value, np.ndarray):
        return constant(value, dtype=dtype)
    if not isinstance(value, int | float):
        raise StoreError("a constant has no value")
    return leaf_node(CONSTANT, None, value, (), dtype)  # a weak int or bool stays one


def _encode(value: Any, node: Node, arrays: Arrays) -> Any:
    """A parameter of an op, or a value, as JSON: what JSON cannot tell apart is a one-key object."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return {"float": float(value).hex()}
    if isinstance(value, tuple):
        return {"tuple": [_encode(item, node, arrays) for item in value]}
    if isinstance(value, slice):
        parts = (value.start, value.stop, value.step)
        return {"slice": [_encode(part, node, arrays) for part in parts]}
    if value is Ellipsis:
        return {"ellipsis": True}
    if isinstance(value, np.ndarray):
        name = f"a{len(arrays)}"
        arrays[name] = value
        return {"array": name}
    if isinstance(value, np.dtype):
        return {"dtype": value.str.lstrip("<>=|")}
    if isinstance(value, Body):
        # A graph inside a node; the bodies of its own loops are encoded in their turn, one level a call.
        inner = graph.order(*value.outputs, *value.leaves)
        number = {n: i for i, n in enumerate(inner)}
        return {
            "body": {
                "nodes": [_encode_node(n, number, arrays) for n in inner],
                "leaves": [number[n] for n in value.leaves],
                "outputs": [number[n] for n in value.outputs],
            }
        }
    raise StoreError(f"{node!r} has a parameter that cannot be saved: {value!r}")


def _decode(value: Any, arrays: Arrays) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if not isinstance(value, dict) or len(value) != 1:
        raise StoreError(f"a parameter is malformed: {str(value)[:80]}")
    ((kind, inner),) = value.items()
    if kind == "float":
        return float.fromhex(inner)
    if kind == "tuple":
        return tuple(_decode(item, arrays) for item in inner)
    if kind == "slice":
        start, stop, step = (_decode(part, arrays) for part in inner)
        return slice(start, stop, step)
    if kind == "ellipsis":
        return Ellipsis
    if kind == "array":
        array = arrays[inner]
        array.setflags(write=False)
        return array
    if kind == "dtype":
        return np.dtype(inner)
    if kind == "body":
        nodes: list[Node] = []
        for entry in inner["nodes"]:
            nodes.append(_decode_node(entry, nodes, arrays))
        leaves, outputs = ([_at(nodes, i) for i in inner[key]] for key in ("leaves", "outputs"))
        return Body(leaves, outputs)
    raise StoreError(f"a parameter is of unknown kind {kind!r}")


def _at(nodes: list[Node], i: Any) -> Node:
    """An earlier node by its number: no circles, nothing beyond the end, no counting from it."""
    if type(i) is not int or not 0 <= i < len(nodes):
        raise StoreError("a node refers to one that does not stand before it")
    return nodes[i]
