"""The table of rules, and what every rule needs to read its operands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import cgraph as cg
from cgraph.interop.building import Missing, framework, number
from cgraph.node import Node
from cgraph.tables import entering

RULES: dict[str, Callable[..., Any]] = {}


rule = entering(RULES)  # enters a function as what becomes of the ops of the names given


def rule_of(name: str) -> Callable[..., Any] | None:
    """The rule for an op; ``permute_copy`` is ``permute``."""
    return RULES.get(name) or RULES.get(name.removesuffix("_copy"))


def to_numpy(x: Any) -> Any:
    """A tensor, or a number, as an array."""
    if not hasattr(x, "detach"):
        return np.asarray(x)
    x = x.detach().float() if str(x.dtype) == "torch.bfloat16" else x
    return x.numpy(force=True)


def node(x: Any) -> Any:
    """An operand: nodes and Python numbers as they are, tensors as constants (as their number, if they hold but one)."""
    if isinstance(x, Node | int | float) or x is None:
        return x
    array = to_numpy(x)
    alone = number(array) if array.ndim == 0 else None
    return cg.constant(array) if alone is None else alone


def whole(x: Any) -> Node:
    """An operand that has to be a node."""
    x = node(x)
    return x if isinstance(x, Node) else cg.constant(x)


def mask(x: Any) -> Any:
    """A condition: a node, or an array of booleans."""
    return x if isinstance(x, Node) else to_numpy(x)


def axes(dim: Any) -> Any:
    """PyTorch's `dim` as NumPy's `axis`: nothing and an empty list are all axes."""
    if dim is None or isinstance(dim, int):
        return dim
    return tuple(dim) or None


def dtype_named(dtype: Any) -> np.dtype[Any]:
    """The dtype of NumPy with the name of PyTorch's."""
    name = str(dtype).removeprefix("torch.")
    try:
        return np.dtype(name)
    except TypeError:
        raise Missing(name) from None


def cast(x: Any, dtype: Any) -> Any:
    """`x` in a dtype of PyTorch; None leaves it as it is."""
    if dtype is None:
        return x
    wanted = dtype_named(dtype)
    return x if x.dtype == wanted else cg.cast(x, wanted)


def is_dtype(x: Any) -> bool:
    return isinstance(x, framework("torch", "torch").dtype)
