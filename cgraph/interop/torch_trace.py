"""How a PyTorch model becomes a list of ops: by `torch.export`, and where that refuses, by running the model at the example arguments.

`torch.export` sees the model without numbers, with every module as it is written; it refuses what depends on numbers (checks of
arguments in `torch.distributions`, ``if x.sum() > 0``) and derivatives taken inside the model (`torch.func`). Running it
(`make_fx`) follows those, at the price of one level more of detail: what a check found at the example arguments is taken for granted.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import logging
import operator
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from cgraph.errors import UnsupportedError
from cgraph.extras import followed
from cgraph.interop.building import framework

Decompositions = dict[Any, Any]


@dataclass
class Leaf:
    """A tensor that a trace starts from, and the placeholder that stands for it."""

    placeholder: Any
    path: tuple[str, ...]
    value: Any
    is_argument: bool
    is_trained: bool


@dataclass
class Trace:
    """One model as a graph of ATen ops.

    Attributes:
        graph_module: the graph, with the constants that it mentions.
        leaves: parameters, buffers and arguments.
        outputs: what the model returns, flat: nodes of the graph, or plain values.
        structure: the containers of the outputs.
        decompose: the same model, with the ops of a table taken apart.
    """

    graph_module: Any
    leaves: list[Leaf]
    outputs: list[Any]
    structure: Any
    decompose: Callable[[Decompositions], Trace]

    def calls(self) -> Iterable[Any]:
        return (node for node in self.graph_module.graph.nodes if node.op == "call_function")


def op_name(node: Any) -> str:
    """The name of the op that a node calls: ``add`` for ``aten.add.Tensor``."""
    return "getitem" if node.target is operator.getitem else short(node.target)


def short(op: Any) -> str:
    return str(getattr(op, "overloadpacket", op)).removeprefix("aten.")


def trace(model: Any, args: Sequence[Any], kwargs: dict[str, Any], name: str) -> Trace:
    """A module or a function at example arguments, as ATen ops.

    Raises:
        UnsupportedError: when neither way can follow the model, with both reasons.
    """
    torch = framework("torch", "torch")
    module = model if isinstance(model, torch.nn.Module) else _as_module(model)
    with _quiet():
        try:
            program = torch.export.export(module, tuple(args), kwargs or None, strict=False)
            if any(op_name(n).startswith("sym_") for n in program.graph.nodes):
                raise ValueError("shapes that depend on values")
            return _exported(program, args, kwargs)
        except Exception as by_export:
            try:
                return _run(module, args, kwargs, {})
            except Exception as by_running:
                raise UnsupportedError(
                    f"{name!r} cannot be traced; torch.export: {_first_line(by_export)}; make_fx: {_first_line(by_running)}"
                ) from by_running


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).strip() or '(no words)').splitlines()[0]}"


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what PyTorch prints and logs about a model that it cannot export: the other way comes next."""
    log = logging.getLogger("torch.fx.experimental.symbolic_shapes")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


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


# --- torch.export -----------------------------------------------------------------------------------------------------------------


def _exported(program: Any, args: Any, kwargs: Any) -> Trace:
    pytree = framework("torch.utils._pytree", "torch")
    if any(op_name(node).endswith("_") for node in program.graph.nodes if node.op == "call_function"):  # fmt: skip
        program = program.run_decompositions({})  # writes in place become values of their own

    given = iter(pytree.tree_leaves((args, kwargs)))
    by_name = {n.name: n for n in program.graph.nodes if n.op == "placeholder"}
    held = {**program.state_dict, **program.constants}
    leaves = []
    for spec in program.graph_signature.input_specs:
        kind = spec.kind.name
        if kind == "USER_INPUT":
            value, path = next(given), (spec.arg.name,)
        elif kind in ("PARAMETER", "BUFFER", "CONSTANT_TENSOR"):
            value, path = held[spec.target], tuple(spec.target.split("."))
        else:
            continue  # tokens of side effects
        if spec.arg.name in by_name:
            trained = kind == "PARAMETER" and bool(value.requires_grad)
            leaves.append(Leaf(by_name[spec.arg.name], path, value, kind == "USER_INPUT", trained))
    (output,) = (node for node in program.graph.nodes if node.op == "output")
    wanted = [
        out
        for out, spec in zip(output.args[0], program.graph_signature.output_specs, strict=True)
        if spec.kind.name == "USER_OUTPUT"
    ]
    return Trace(
        program.graph_module,
        leaves,
        wanted,
        program.call_spec.out_spec,
        lambda table: _exported(program.run_decompositions(table), args, kwargs),
    )


# --- running ----------------------------------------------------------------------------------------------------------------------


def _run(module: Any, args: Sequence[Any], kwargs: dict[str, Any], table: Decompositions) -> Trace:  # fmt: skip
    torch = framework("torch", "torch")
    pytree = framework("torch.utils._pytree", "torch")
    tracing = framework("torch.fx.experimental.proxy_tensor", "torch")

    state = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    flat, spec = pytree.tree_flatten((tuple(args), kwargs))
    tensors = [i for i, x in enumerate(flat) if isinstance(x, torch.Tensor)]
    names = _argument_names(module, args, kwargs)
    structure: list[Any] = []

    def of_tensors(held: list[Any], given: list[Any]) -> list[Any]:
        tracer = tracing.get_proxy_mode().tracer
        tracer._record_forward_stack_traces_only = (
            False  # helper functions are lines of the model, too
        )
        filled = list(flat)
        for i, tensor in zip(tensors, given, strict=True):
            filled[i] = tensor
        called_args, called_kwargs = pytree.tree_unflatten(filled, spec)

        def enter(path: str, part: Any, args: Any) -> None:
            if path:  # which becomes the scope of what is computed there
                tracer.module_stack[path] = (path, type(part))

        with followed(module, enter, lambda path: tracer.module_stack.pop(path, None)):
            result = torch.func.functional_call(module, dict(zip(state, held, strict=True)), called_args, called_kwargs)  # fmt: skip
        outputs, out_structure = pytree.tree_flatten(result)
        structure[:] = [out_structure]
        return list(outputs)

    held = [v.detach().requires_grad_(v.requires_grad) for v in state.values()]
    given = [flat[i] for i in tensors]
    options = {"decomposition_table": table, "_error_on_data_dependent_ops": False, "record_stack_traces": True}  # fmt: skip
    graph_module = tracing.make_fx(of_tensors, **options)(held, given)
    _drop_unused(graph_module)
    # Once more over the ops: writes in place, PyTorch's own included, become values of their own.
    play = torch.fx.Interpreter(graph_module)
    with torch.fx.traceback.preserve_node_meta():
        pure = tracing.make_fx(torch.func.functionalize(play.run), **options)
        graph_module = pure(*pytree.tree_leaves((held, given)))
    _drop_unused(graph_module)
    places = iter(node for node in graph_module.graph.nodes if node.op == "placeholder")
    leaves = []
    for name, value in state.items():
        trained = isinstance(value, torch.nn.Parameter) and bool(value.requires_grad)
        leaves.append(Leaf(next(places), tuple(name.split(".")), value, False, trained))
    leaves += [Leaf(next(places), (names[i],), flat[i], True, False) for i in tensors]
    (output,) = (node for node in graph_module.graph.nodes if node.op == "output")
    return Trace(
        graph_module,
        leaves,
        list(output.args[0]),
        structure[0],
        lambda wanted: _run(module, args, kwargs, {**table, **wanted}),
    )


def _drop_unused(graph_module: Any) -> None:
    """Take out what nothing depends on: the checks of arguments, which they passed."""
    writes = {id(x) for node in graph_module.graph.nodes if op_name(node).endswith("_") for x in node.all_input_nodes}  # fmt: skip
    for node in reversed(list(graph_module.graph.nodes)):
        writing = op_name(node).endswith("_") or id(node) in writes
        if node.op in ("call_function", "get_attr") and not node.users and not writing:
            graph_module.graph.erase_node(node)


def _argument_names(module: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> list[str]:
    """A name for every tensor among the arguments, as torch.export gives them: ``x``, ``x_0`` in a list."""
    pytree = framework("torch.utils._pytree", "torch")
    try:
        bound = inspect.signature(module.forward).bind(*args, **kwargs)
    except (TypeError, ValueError):
        return [f"arg{i}" for i, _ in enumerate(pytree.tree_leaves((args, kwargs)))]
    names = []
    for name, value in bound.arguments.items():
        n = len(pytree.tree_leaves(value))
        names += [name] if n == 1 and not isinstance(value, list | tuple | dict) else [f"{name}_{i}" for i in range(n)]  # fmt: skip
    return names
