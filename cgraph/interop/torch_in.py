"""PyTorch modules and functions as graphs: `from_torch` reads the ATen graph that `torch.export` writes and rebuilds it with cgraph's ops.

Parameters keep their names, modules become scopes, every node knows its line of the model. What depends on neither a parameter nor a
floating input is computed by PyTorch itself. The model is read as it is: modules as modules' ops (`linear`, `layer_norm`, `gelu`),
so that the picture is the one the author has in mind; only what has no counterpart is decomposed further by PyTorch. What becomes of
each op stands in `torch_rules`.
"""

from __future__ import annotations

import inspect
import operator
import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import cgraph as cg
from cgraph.errors import UnsupportedError
from cgraph.interop.building import Line, Missing, framework, leaf, refuse, scoped, set_line
from cgraph.interop.torch_rules import RULES, to_numpy
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
    module = model if is_module else _as_module(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            program = torch.export.export(module, args, kwargs or None, strict=False)
        except Exception as error:
            raise UnsupportedError(
                f"{name!r} cannot be traced by torch.export: {type(error).__name__}: {error}"
            ) from error
        if any(_op_name(node).endswith("_") for node in _calls(program)):
            program = program.run_decompositions({})  # writes in place become values of their own
        lacking = _lacking(program)
        if lacking:
            table = torch.export.default_decompositions()
            known = {op: how for op, how in table.items() if _short(op) in lacking}
            program = program.run_decompositions(known) if known else program
            if _lacking(program):
                program = program.run_decompositions()
    return _Reader(name, program, trained_inputs=not is_module).read(args, kwargs)


def _as_module(f: Callable[..., Any]) -> Any:
    """A module that does nothing but call a function: what torch.export takes."""
    torch = framework("torch", "torch")

    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        return f(*args, **kwargs)

    try:  # the names of the arguments become the names of the inputs
        signature = inspect.signature(f)
        me = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
        named = signature.replace(parameters=[me, *signature.parameters.values()])
        forward.__signature__ = named  # type: ignore[attr-defined]
    except ValueError:
        pass  # a function of C, which does not tell
    return type("Function", (torch.nn.Module,), {"forward": forward})()


def _calls(program: Any) -> list[Any]:
    return [node for node in program.graph.nodes if node.op == "call_function"]


def _short(op: Any) -> str:
    """``aten.add`` of the overload ``aten.add.Tensor``."""
    return str(getattr(op, "overloadpacket", op)).removeprefix("aten.")


def _op_name(node: Any) -> str:
    return "getitem" if node.target is operator.getitem else _short(node.target)


def _lacking(program: Any) -> set[str]:
    return {name for name in map(_op_name, _calls(program)) if name not in RULES}


class _Reader:
    """One reading of an exported program."""

    def __init__(self, name: str, program: Any, trained_inputs: bool) -> None:
        self.name = name
        self.program = program
        self.trained_inputs = trained_inputs
        self.missing: dict[str, str] = {}
        self.known: set[Node] = set()

    def read(self, args: Any, kwargs: Any) -> Any:
        pytree = framework("torch.utils._pytree", "torch")

        values: dict[Any, Any] = self._leaves(args, kwargs)
        self.known.update(v for v in values.values() if isinstance(v, Node))
        outputs: tuple[Any, ...] = ()
        for node in self.program.graph.nodes:
            if node.op == "output":
                outputs = tuple(node.args[0])
            elif node.op == "call_function":
                with scoped(_scope_of(node)):
                    values[node] = self._apply(node, values)
                found = values[node] if isinstance(values[node], tuple | list) else [values[node]]
                set_line(found, self.known, _line_of(node))
            elif node.op == "get_attr":
                values[node] = getattr(self.program.graph_module, node.target)
        if self.missing:
            raise refuse(
                f"{self.name!r}",
                self.missing,
                "Write that part with other functions, or build it from cgraph's ops.",
            )
        kinds = self.program.graph_signature.output_specs
        wanted = [
            values[out] if hasattr(out, "op") else out
            for out, spec in zip(outputs, kinds, strict=True)
            if spec.kind.name == "USER_OUTPUT"
        ]
        nodes = [
            x if isinstance(x, Node) or x is None else cg.constant(to_numpy(x)) for x in wanted
        ]
        return pytree.tree_unflatten(nodes, self.program.call_spec.out_spec)

    def _leaves(self, args: Any, kwargs: Any) -> dict[Any, Any]:
        torch = framework("torch", "torch")
        pytree = framework("torch.utils._pytree", "torch")

        given = iter(pytree.tree_leaves((args, kwargs or {})))
        by_name = {n.name: n for n in self.program.graph.nodes if n.op == "placeholder"}
        values: dict[Any, Any] = {}
        for spec in self.program.graph_signature.input_specs:
            kind = spec.kind.name
            if kind == "USER_INPUT":
                value = next(given)
                trained = self.trained_inputs
                path: tuple[str, ...] = (spec.arg.name,)
            elif kind in ("PARAMETER", "BUFFER", "CONSTANT_TENSOR"):
                held = {**self.program.state_dict, **self.program.constants}
                value = held[spec.target]
                trained = kind == "PARAMETER" and bool(value.requires_grad)
                path = tuple(spec.target.split("."))
            else:
                continue
            if spec.arg.name not in by_name:
                continue
            floating = isinstance(value, torch.Tensor) and value.is_floating_point()
            if floating and (trained or kind == "USER_INPUT"):
                value = leaf(path, to_numpy(value), trained)
            elif floating:
                with scoped("/".join(path[:-1])):
                    value = cg.constant(to_numpy(value), path[-1])
            values[by_name[spec.arg.name]] = value
        return values

    def _apply(self, node: Any, values: dict[Any, Any]) -> Any:
        """What one call computes; a stand-in where it has no counterpart, so that reading goes on and finds them all."""
        torch = framework("torch", "torch")
        pytree = framework("torch.utils._pytree", "torch")

        def filled(x: Any) -> Any:
            return values[x] if isinstance(x, torch.fx.Node) else x

        args, kwargs = pytree.tree_map(filled, (tuple(node.args), dict(node.kwargs)))
        name = _op_name(node)
        fixed = not any(isinstance(x, Node) for x in pytree.tree_leaves((args, kwargs)))
        try:
            if fixed:
                if torch.Tag.nondeterministic_seeded in getattr(node.target, "tags", ()):
                    raise Missing(f"{name} (random)")
                return node.target(*args, **kwargs)
            if name not in RULES:
                raise Missing(name)
            kwargs.pop("memory_format", None)
            return RULES[name](*args, **kwargs)
        except Missing as missing:
            self.missing.setdefault(str(missing), str(_line_of(node) or "an unknown line"))
            return pytree.tree_map(_stand_in, node.meta["val"])


def _stand_in(fake: Any) -> Any:
    torch = framework("torch", "torch")

    if not isinstance(fake, torch.Tensor):
        return fake
    dtype = np.dtype(str(fake.dtype).removeprefix("torch."))
    return cg.input("?", shape=tuple(fake.shape), dtype=dtype)


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
    frames = [frame for frame in frames if frame[0] != __file__]
    users = [frame for frame in frames if "/torch/" not in frame[0].replace("\\", "/")] or frames
    return Line(users[-1][0], int(users[-1][1])) if users else None
