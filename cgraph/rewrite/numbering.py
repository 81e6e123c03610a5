"""Value numbers: equal numbers mean equal expressions.

Nodes are equal only to themselves, yet ``sigmoid(z)`` written twice is one value. A numbering gives every node a small integer such
that two nodes with one number compute the same thing: the same op with the same parameters on operands with the same numbers.
Patterns ask it when a wildcard stands twice; a compiler can share what it finds equal.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from cgraph.graph import order, unseen
from cgraph.node import Node

_SMALL = (
    64  # entries of a constant array that are looked at; larger ones are equal only to themselves
)


class Numbering:
    """Numbers for the nodes of some graphs; what is built later is numbered when it is asked for.

    >>> import cgraph as cg
    >>> z = cg.input("z", 1.0)
    >>> numbers = Numbering()
    >>> numbers[cg.exp(z) + 1.0] == numbers[cg.exp(z) + 1.0], numbers[cg.exp(z)] == numbers[cg.log(z)]
    (True, False)
    """

    def __init__(self, roots: Iterable[Node] = ()) -> None:
        self._of: dict[Node, int] = {}
        self._keys: dict[Any, int] = {}
        for node in order(*roots):
            self._of[node] = self._number(node)

    def __getitem__(self, node: Node) -> int:
        found = self._of.get(node)
        if found is None:
            for n in unseen(node, self._of):
                self._of[n] = self._number(n)
            found = self._of[node]
        return found

    def _number(self, node: Node) -> int:
        if node.parents:
            key: Any = (
                node.op,
                tuple(self._of[p] for p in node.parents),
                params_key(node.params) if node.params else None,
            )
        elif node.kind == "constant" and (node.size or _SMALL + 1) <= _SMALL:
            array = np.asarray(node._value)
            key = ("constant", node.weak, array.shape, array.dtype.str, array.tobytes())
        else:
            key = node
        return self._keys.setdefault(key, len(self._keys))


def params_key(params: Any) -> Any:
    """Keyword parameters as something that can be hashed and compared: slices and index arrays cannot."""
    if isinstance(params, slice):
        return ("slice", params.start, params.stop, params.step)
    if isinstance(params, np.ndarray):
        return ("array", params.shape, params.dtype.str, params.tobytes())
    if isinstance(params, tuple | list):
        return tuple(map(params_key, params))
    if hasattr(params, "items"):
        return tuple((key, params_key(value)) for key, value in params.items())
    try:
        hash(params)
    except TypeError:
        return ("object", id(params))
    return (type(params).__name__, params)
