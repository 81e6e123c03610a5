"""From what a user hands to `check_gradients` to a subject.

A node; a function of nodes; a NumPy function with its vjp or gradient beside it; an object with forward and backward; a function that
answers (value, gradient) or (value, pullback), as PyTorch- and JAX-style code does; a `torch.autograd.Function`; a function of torch
tensors or JAX arrays. The libraries are never imported here: their own objects lead to them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from cgraph.errors import CgraphError, GradientError
from cgraph.leaves import input as input_leaf
from cgraph.node import Node
from cgraph.op import INPUT
from cgraph.testing.compare import frameworks
from cgraph.testing.compare.frameworks import name_of as _name
from cgraph.testing.compare.subject import FunctionSubject, GraphSubject, topological

Subject = GraphSubject | FunctionSubject


def as_subject(
    checked: Any,
    inputs: Sequence[Any],
    wrt: Any = None,
    vjp: Callable[..., Any] | None = None,
    gradient: Callable[..., Any] | None = None,
) -> Subject:
    """The subject for whatever was given; see `check_gradients` for what may be."""
    if isinstance(checked, GraphSubject | FunctionSubject):
        return checked
    if isinstance(checked, Node):
        return graph_subject(checked, inputs, wrt)
    if isinstance(getattr(checked, "root", None), Node):  # a RandomGraph
        return GraphSubject(checked.root)
    torch = sys.modules.get("torch")
    if torch is not None:
        if isinstance(checked, torch.nn.Module):
            return frameworks.module_subject(checked, inputs, wrt, torch)
        is_class = isinstance(checked, type) and issubclass(checked, torch.autograd.Function)
        if is_class or frameworks.holds(list(inputs), ("torch",)):
            return frameworks.torch_subject(checked, inputs, wrt, torch)
    if frameworks.holds(list(inputs), ("jax", "jaxlib")):
        return frameworks.jax_subject(checked, inputs, wrt)
    positions = None if wrt is None else [wrt] if isinstance(wrt, int) else list(wrt)
    if vjp is None and gradient is None:
        vjp = getattr(checked, "vjp", None)
        if (
            vjp is None
            and callable(getattr(checked, "forward", None))
            and callable(getattr(checked, "backward", None))
        ):
            return _layer(checked, inputs, positions)
    if vjp is not None:
        return FunctionSubject(checked, inputs, vjp, positions)
    if gradient is not None:
        return FunctionSubject(checked, inputs, _scaled(gradient), positions)
    first = checked(*(np.array(x) for x in inputs))
    if isinstance(first, tuple) and len(first) == 2:
        if callable(first[1]) and not isinstance(first[1], Node):
            return FunctionSubject(
                _value_of(checked),
                inputs,
                lambda w, *xs: checked(*xs)[1](w),
                positions,
                _name(checked),
            )
        return FunctionSubject(
            _value_of(checked),
            inputs,
            _scaled(lambda *xs: checked(*xs)[1]),
            positions,
            _name(checked),
        )
    return _traced(checked, inputs, positions)


def graph_subject(root: Node, inputs: Sequence[Any], wrt: Any) -> GraphSubject:
    """Values for the graph's inputs: one mapping, or arrays in the order in which the inputs stand in the graph."""
    feeds: dict[Node, Any] = {}
    if len(inputs) == 1 and isinstance(inputs[0], Mapping):
        feeds = dict(inputs[0])
    elif inputs:
        leaves = [n for n in topological(root) if n.op is INPUT]
        if len(leaves) != len(inputs):
            raise GradientError(
                f"{root.label!r} has {len(leaves)} inputs ({', '.join(n.label for n in leaves)}); got {len(inputs)} values"
            )
        feeds = dict(zip(leaves, inputs, strict=True))
    targets = None if wrt is None else [wrt] if isinstance(wrt, Node) else list(wrt)
    return GraphSubject(root, targets, feeds)


def _layer(layer: Any, inputs: Sequence[Any], positions: list[int] | None) -> FunctionSubject:
    """An object with `forward(*inputs)` and `backward(upstream)`, which remembers in between."""

    def pullback(upstream: Any, *xs: Any) -> Any:
        layer.forward(*xs)
        return layer.backward(upstream)

    return FunctionSubject(
        lambda *xs: layer.forward(*xs), inputs, pullback, positions, type(layer).__name__
    )


def _traced(
    function: Callable[..., Any], inputs: Sequence[Any], positions: list[int] | None
) -> GraphSubject:
    leaves: list[Any] = []
    for i, x in enumerate(inputs):
        array = np.asarray(x)
        leaf = array.astype(np.float64) if type(x) is int else array
        leaves.append(input_leaf(f"arg{i}", leaf))
    try:
        out = function(*leaves)
    except (CgraphError, TypeError) as error:
        raise GradientError(
            f"{_name(function)} has no gradient to check: it cannot be traced with cgraph nodes ({error}). "
            "Pass vjp=function(upstream, *inputs) or gradient=function(*inputs), or return (value, gradient)."
        ) from error
    if not isinstance(out, Node):
        raise GradientError(
            f"{_name(function)} has no gradient to check: it answers {type(out).__name__}, not a node. "
            "Pass vjp=function(upstream, *inputs) or gradient=function(*inputs), or return (value, gradient)."
        )
    wanted = (
        [leaves[i] for i in positions]
        if positions is not None
        else [n for n in leaves if n.dtype.kind == "f"]
    )
    there = set(topological(out))
    return GraphSubject(out, [n for n in wanted if n in there])


def _value_of(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *xs: function(*xs)[0]


def _scaled(gradient: Callable[..., Any]) -> Callable[..., Any]:
    """The pullback of a scalar function, from its gradient."""

    def pullback(upstream: Any, *inputs: Any) -> list[Any]:
        found = gradient(*inputs)
        found = found if isinstance(found, tuple | list) else [found]
        # In the gradient's own dtype: the seed of the check must not hide that it was rounded.
        return [
            None if g is None else np.asarray(g) * np.asarray(upstream, np.asarray(g).dtype)
            for g in map(_plain, found)
        ]

    return pullback


def _plain(x: Any) -> Any:
    if x is None or isinstance(x, np.ndarray | np.generic | float):
        return x
    return x.detach().cpu().numpy() if hasattr(x, "detach") else np.asarray(x)
