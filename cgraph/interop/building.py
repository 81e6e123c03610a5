"""What every importer needs: named leaves, the line of the model a node came from, and one list of all that is not supported."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import reduce
from typing import Any

import numpy as np

import cgraph as cg
from cgraph.errors import UnsupportedError
from cgraph.extras import package
from cgraph.graph import order
from cgraph.node import Node


def framework(name: str, extra: str) -> Any:
    """A module of another framework, imported when it is needed; see `cgraph.extras.package`."""
    return package(name, "reading or writing this kind of model", extra)


class Missing(Exception):
    """A primitive, or a use of one, that cgraph has no counterpart for."""


def lookup(path: str) -> Any:
    """``cg.special.erf`` from its name; None where it is not there."""
    try:
        return reduce(getattr, path.split("."), cg)
    except (AttributeError, ImportError):
        return None


def need(path: str, primitive: str) -> Any:
    op = lookup(path)
    if op is None:
        raise Missing(primitive)
    return op


class Line:
    """A line of somebody's model. It stands where a node keeps the code object of the line that built it, and answers like one."""

    __slots__ = ("co_filename", "co_firstlineno")

    def __init__(self, filename: str, number: int) -> None:
        self.co_filename = filename
        self.co_firstlineno = number

    def co_lines(self) -> Iterator[tuple[int, int, int]]:
        return iter(())

    def __str__(self) -> str:
        return f"{self.co_filename}:{self.co_firstlineno}"


def set_line(results: Iterable[Any], known: set[Node], line: Line | None) -> None:
    """Give the nodes under `results` that are not yet `known` the line of the model that they come from."""
    stack = [node for node in results if isinstance(node, Node)]
    while stack:
        node = stack.pop()
        if node in known:
            continue
        known.add(node)
        if line is not None and node._code is not None:
            node._code, node._offset = line, 0
        stack.extend(node.parents)


@contextmanager
def scoped(path: str) -> Iterator[None]:
    """`cg.scope(path)`, or nothing for an empty path."""
    if path:
        with cg.scope(path):
            yield
    else:
        yield


def leaf(path: tuple[str, ...], value: Any, trained: bool) -> Node:
    """A parameter or an input under its scopes: ``("layer1", "w")`` becomes ``layer1/w``."""
    with scoped("/".join(path[:-1])):
        name = path[-1] if path else None
        return cg.parameter(name, value) if trained else cg.input(name, value)


def number(array: Any) -> float | None:
    """The one number that all entries of a floating constant are, if they are; a picture is better off without the array."""
    array = np.asarray(array)
    if array.dtype.kind != "f" or array.size == 0:
        return None
    first = array.flat[0]
    same = array.size == 1 or bool((array == first).all())
    return float(first) if same else None


def named_leaves(root: Any) -> dict[str, Node]:
    """The inputs and parameters below one node or several, by name, in the order in which the graph meets them.

    Args:
        root: a node, or nodes in lists, tuples and dicts.

    >>> import cgraph as cg
    >>> loss = cg.mse(cg.parameter("w", 2.0) * cg.input("x", 3.0), 1.0)
    >>> list(cg.named_leaves(loss))
    ['w', 'x']
    """
    from cgraph.trees import flatten

    roots = [node for node in flatten(root)[0] if isinstance(node, Node)]
    return {
        node.name: node
        for node in order(*roots)
        if node.kind in ("input", "parameter") and node.name is not None
    }


def running(combine: Callable[[Any, Any], Any], neutral: float) -> Callable[..., Any]:
    """A running function of an associative operation, by doubling: as many steps as the length has binary digits."""

    def run(x: Any, axis: int) -> Any:
        n, reach = int(x.shape[axis] or 0), 1
        axis %= x.ndim
        while reach < n:
            pads = [(reach, 0) if i == axis else (0, 0) for i in range(x.ndim)]
            kept = (*(slice(None),) * axis, slice(0, n))
            x = combine(x, cg.pad(x, pads, constant_values=neutral)[kept])
            reach *= 2
        return x

    return run


# No entry is shifted by another's maximum and lost.
running_logsumexp = running(cg.logaddexp, -np.inf)


class Unknown:
    """Stands for a complex array, which no node can be, until everything that has no counterpart is found."""


def stand_in(shape: Any, dtype: np.dtype[Any]) -> Any:
    """Where something has no counterpart: an input of the right shape, so that the reading can go on."""
    if dtype.kind == "c":
        return Unknown()
    return cg.input("?", shape=tuple(shape), dtype=dtype)


def refuse(model: str, missing: dict[str, str], advice: str) -> UnsupportedError:
    """One error for everything a model uses that has no counterpart: ``{what: where}``."""
    lines = "\n".join(f"  {what}, at {where}" for what, where in missing.items())
    return UnsupportedError(f"{model} uses what cgraph has no counterpart for:\n{lines}\n{advice}")
