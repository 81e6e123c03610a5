"""PyTorch modules and functions as graphs: `from_torch` reads the ATen graph that `torch.export` writes and rebuilds it with cgraph's ops.

Parameters keep their names, modules become scopes, every node knows its line of the model. What depends on neither a parameter nor a
floating input is computed by PyTorch itself. The model is read as it is: modules as modules' ops (`linear`, `layer_norm`, `gelu`),
so that the picture is the one the author has in mind; only what has no counterpart is decomposed further by PyTorch. What becomes of
each op stands in `aten`.
"""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np

import cgraph as cg
from cgraph.errors import UnsupportedError
from cgraph.interop.aten import rule_of, to_numpy
from cgraph.interop.building import (
    Line,
    Missing,
    Unknown,
    framework,
    leaf,
    refuse,
    scoped,
    set_line,
    stand_in,
)
from cgraph.interop.torch_trace import Trace, op_name, short, trace
from cgraph.node import Node

_FRAME = re.compile(r'File "([^"]+)", line (\d+)')


def from_torch(model: Any, *args: Any, **kwargs: Any) -> Any:
    """The graph of a PyTorch module or function, traced at example arguments.

    Of a module, trainable parameters become parameters, named as in the state dictionary with ``/`` for ``.``
    (``encoder.0.weight`` -> ``encoder/0/weight``), buffers and frozen parameters become constants, floating arguments inputs.
    Of a function, floating arguments become parameters. Integer and boolean tensors are part of the model.

    Args:
        model: an `nn.Module`, in evaluation mode if it has dropout, or a function of tensors.
        args: example arguments; their shapes and dtypes are fixed from then on, their values can be replaced.
        kwargs: keyword arguments, likewise.

    Returns:
        A node, or nodes in the containers that the model returns. `cg.named_leaves` finds the leaves by name.

    Raises:
        UnsupportedError: for ops without a counterpart; the message lists them all, with their lines.

    >>> import cgraph as cg
    >>> import torch                                                                          # doctest: +SKIP
    >>> out = cg.from_torch(torch.nn.Linear(3, 1), torch.randn(5, 3))                         # doctest: +SKIP
    >>> run = cg.mean(out).backward()                                                         # doctest: +SKIP
    >>> run.grad(cg.named_leaves(out)["weight"])                                                    # doctest: +SKIP
    """
    torch = framework("torch", "torch")

    is_module = isinstance(model, torch.nn.Module)
    name = type(model).__name__ if is_module else getattr(model, "__name__", type(model).__name__)
    traced = trace(model, args, kwargs, name)
    apart: set[str] = set()
    while True:
        reader = _Reader(traced, trained_inputs=not is_module)
        nodes = reader.read()
        # What has no rule, or a use that its rule does not cover, is taken apart by PyTorch, as long as it can be.
        lacking = reader.lacking - apart
        known = torch.export.default_decompositions().items() if lacking else ()
        table = {op: how for op, how in known if short(op) in lacking}
        if not table:
            break
        apart |= lacking
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            traced = traced.decompose(table)
    if reader.missing:
        advice = "Write that part with other functions, or build it from cgraph's ops."
        raise refuse(f"{name!r}", reader.missing, advice)
    return nodes


class _Reader:
    """One reading of a trace.

    Attributes:
        missing: what has no counterpart, and the line that asks for it.
        lacking: the names of those ops.
    """

    def __init__(self, traced: Trace, trained_inputs: bool) -> None:
        self.traced = traced
        self.trained_inputs = trained_inputs
        self.missing: dict[str, str] = {}
        self.lacking: set[str] = set()
        self.known: set[Node] = set()

    def read(self) -> Any:
        pytree = framework("torch.utils._pytree", "torch")

        values = self._leaves()
        self.known.update(v for v in values.values() if isinstance(v, Node))
        for node in self.traced.graph_module.graph.nodes:
            if node.op == "call_function":
                with scoped(_scope_of(node)):
                    values[node] = self._apply(node, values)
                found = values[node] if isinstance(values[node], tuple | list) else [values[node]]
                set_line(found, self.known, _line_of(node))
            elif node.op == "get_attr":
                values[node] = getattr(self.traced.graph_module, node.target)
        wanted = [values[out] if hasattr(out, "op") else out for out in self.traced.outputs]
        nodes = [
            x if isinstance(x, Node) or x is None else cg.constant(to_numpy(x)) for x in wanted
        ]
        return pytree.tree_unflatten(nodes, self.traced.structure)

    def _leaves(self) -> dict[Any, Any]:
        """A node for every floating tensor that the trace starts from; other tensors as they are."""
        torch = framework("torch", "torch")

        values: dict[Any, Any] = {}
        for start in self.traced.leaves:
            value = start.value
            if isinstance(value, torch.Tensor) and value.is_floating_point():
                if start.is_argument or start.is_trained:
                    trained = self.trained_inputs if start.is_argument else True
                    value = leaf(start.path, to_numpy(value), trained)
                else:
                    with scoped("/".join(start.path[:-1])):
                        value = cg.constant(to_numpy(value), start.path[-1])
            values[start.placeholder] = value
        return values

    def _apply(self, node: Any, values: dict[Any, Any]) -> Any:
        """What one call computes; a stand-in where it has no counterpart, so that reading goes on and finds them all."""
        torch = framework("torch", "torch")
        pytree = framework("torch.utils._pytree", "torch")

        def filled(x: Any) -> Any:
            return values[x] if isinstance(x, torch.fx.Node) else x

        args, kwargs = pytree.tree_map(filled, (tuple(node.args), dict(node.kwargs)))
        name = op_name(node)
        if any(isinstance(x, Unknown) for x in pytree.tree_leaves((args, kwargs))):
            return pytree.tree_map(_stand_in, node.meta.get("val"))
        fixed = not any(isinstance(x, Node) for x in pytree.tree_leaves((args, kwargs)))
        try:
            if fixed:
                if torch.Tag.nondeterministic_seeded in getattr(node.target, "tags", ()):
                    raise Missing(f"{name} (random)")
                return node.target(*args, **kwargs)
            rule = rule_of(name)
            if rule is None:
                raise Missing(name)
            kwargs.pop("memory_format", None)
            return rule(*args, **kwargs)
        except Missing as missing:
            return self._miss(node, name, str(missing))
        except UnsupportedError as error:
            return self._miss(node, name, f"{name} ({error})")

    def _miss(self, node: Any, name: str, what: str) -> Any:
        pytree = framework("torch.utils._pytree", "torch")
        self.missing.setdefault(what, str(_line_of(node) or "an unknown line"))
        self.lacking.add(name)
        return pytree.tree_map(_stand_in, node.meta.get("val"))


def _stand_in(fake: Any) -> Any:
    torch = framework("torch", "torch")

    if not isinstance(fake, torch.Tensor):
        return fake
    name = str(fake.dtype).removeprefix("torch.")
    return stand_in(fake.shape, np.dtype(np.float32 if name == "bfloat16" else name))


def _scope_of(node: Any) -> str:
    """The path of the innermost module that a call was made in."""
    stack = node.meta.get("nn_module_stack")
    if not stack:
        return ""
    path, _ = list(stack.values())[-1]
    return re.sub(r"@\d+$", "", path).replace(".", "/")


def _line_of(node: Any) -> Line | None:
    """The innermost line of the model, rather than of PyTorch."""
    frames = _FRAME.findall(node.meta.get("stack_trace") or "")
    frames = [frame for frame in frames if "/cgraph/interop/" not in frame[0].replace("\\", "/")]
    users = [frame for frame in frames if "/torch/" not in frame[0].replace("\\", "/")] or frames
    return Line(users[-1][0], int(users[-1][1])) if users else None
