"""Arguments in containers: dictionaries, lists and tuples of arrays, nested, as people keep the parameters of a net.

`flatten` takes the leaves out, in order, and says how to put others back in their places. What is not a container is a leaf; None stands
for nothing, a bias that a layer does not have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

Rebuild = Callable[[Iterator[Any]], Any]


def flatten(tree: Any) -> tuple[list[Any], Rebuild]:
    """The leaves of nested dicts, lists and tuples, and a function that puts leaves (from an iterator) back.

    >>> leaves, rebuild = flatten({"W": 1.0, "layers": [2.0, (3.0,)]})
    >>> leaves, rebuild(iter("abc"))
    ([1.0, 2.0, 3.0], {'W': 'a', 'layers': ['b', ('c',)]})
    """
    if tree is None:
        return [], lambda leaves: None
    if isinstance(tree, dict):
        parts = [flatten(value) for value in tree.values()]
        keys = list(tree)

        def dictionary(leaves: Iterator[Any]) -> Any:
            return {key: rebuild(leaves) for key, (_, rebuild) in zip(keys, parts, strict=True)}

        return [leaf for found, _ in parts for leaf in found], dictionary
    if isinstance(tree, list | tuple) and _holds_containers_or_arrays(tree):
        parts = [flatten(value) for value in tree]
        kind = type(tree)

        def sequence(leaves: Iterator[Any]) -> Any:
            values = [rebuild(leaves) for _, rebuild in parts]
            return kind(*values) if hasattr(kind, "_fields") else kind(values)

        return [leaf for found, _ in parts for leaf in found], sequence
    return [tree], next


def _holds_containers_or_arrays(tree: Any) -> bool:
    """A list of plain numbers is an array written out, as everywhere in NumPy; a tuple, or a list of anything else, is a container."""
    if isinstance(tree, tuple):
        return True

    def plain(x: Any) -> bool:
        return type(x) in (int, float, bool) or (isinstance(x, list) and all(map(plain, x)))

    return not all(map(plain, tree))
