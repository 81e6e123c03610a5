"""Walks over a graph: order, users, substitution, printing, copying, and a check that it is well formed.

Everything here is iterative, so depth costs nothing (10^6 nodes in a chain work), and visits a node once, so diamonds cost
nothing either. None of it looks at values.
"""

from __future__ import annotations

import threading
from collections.abc import Container, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from cgraph.build import build
from cgraph.errors import CgraphError
from cgraph.node import NO_PARAMS, Node, make_node
from cgraph.op import Op
from cgraph.operators import public

MOST_EQUATIONS = 400


def order(*roots: Node) -> list[Node]:
    """Everything the roots depend on, parents before their users, the roots' own operands in the order they are written.

    >>> import cgraph as cg
    >>> x = cg.input("x", 2.0)
    >>> [node.label for node in order(cg.exp(x) + x)]
    ['x', 'exp', 'add']
    """
    done: set[Node] = set()
    result: list[Node] = []
    for root in roots:
        if root in done:
            continue
        # Depth first, with the iterators over the parents as the stack: each node is entered once and left once.
        stack = [(root, iter(root.parents))]
        while stack:
            node, parents = stack[-1]
            for parent in parents:
                if parent not in done:
                    if parent.parents:
                        stack.append((parent, iter(parent.parents)))
                        break
                    done.add(parent)
                    result.append(parent)
            else:
                stack.pop()
                done.add(node)
                result.append(node)
    return result


def unseen(node: Node, known: Container[Node]) -> list[Node]:
    """Those of a node and everything below it that are not known yet, parents first; nothing below a known node is looked at."""
    result: list[Node] = []
    done: set[Node] = set()
    stack = [(node, False)]
    while stack:
        n, left = stack.pop()
        if left:
            result.append(n)
        elif n not in known and n not in done:
            done.add(n)
            stack.append((n, True))
            stack.extend((p, False) for p in n.parents)
    return result


def users(nodes: Iterable[Node]) -> dict[Node, list[tuple[Node, int]]]:
    """For each node, who uses it and as which operand; ``x * x`` uses x twice."""
    result: dict[Node, list[tuple[Node, int]]] = {}
    for node in nodes:
        result.setdefault(node, [])
        for i, parent in enumerate(node.parents):
            result.setdefault(parent, []).append((node, i))
    return result


def ancestors(root: Node, targets: Iterable[Node]) -> set[Node]:
    """The nodes on some path from a target up to the root: those a gradient has to pass."""
    on_path = set(targets)
    for node in order(root):
        if (
            node not in on_path
            and node.dtype.kind == "f"
            and any(p in on_path and node.op.differentiable(i) for i, p in enumerate(node.parents))
        ):
            on_path.add(node)
    return on_path


def substitute(roots: Iterable[Node], replacements: Mapping[Node, Node]) -> list[Node]:
    """The same expressions with some nodes replaced; what does not change is shared with the original."""
    roots = list(roots)
    new: dict[Node, Node] = dict(replacements)
    for node in order(*roots):
        if node in new:
            continue
        new[node] = rebuild(node, tuple(new[p] for p in node.parents))
    return [new[root] for root in roots]


def rebuild(node: Node, parents: tuple[Node, ...]) -> Node:
    """The same op on other parents, under the same name, in the same scope and on the same line; the node itself if they are its own."""
    if same_nodes(parents, node.parents):
        return node
    return stand_in(build(node.op, parents, node.params), node)


def stand_in(new: Node, old: Node) -> Node:
    """A fresh node made to bear the name, the scope and the line of the one whose place it takes."""
    new.name, new.scope = old.name, old.scope
    new._code, new._offset = old._code, getattr(old, "_offset", 0)
    return new


def same_nodes(a: Sequence[Node], b: Sequence[Node]) -> bool:
    """Whether two sequences hold the very same nodes; ``==`` would build comparisons."""
    return len(a) == len(b) and all(x is y for x, y in zip(a, b, strict=True))


def verify(*roots: Node) -> None:
    """Check that a graph is well formed: the executable definition of what a graph is. Raises `CgraphError` if not."""
    seen: set[Node] = set()
    for node in order(*roots):
        if not all(parent in seen for parent in node.parents):
            raise CgraphError(f"{node!r} comes before one of its parents")
        seen.add(node)
        if node.op.family == "leaf":
            if node.parents:
                raise CgraphError(f"{node!r}: a leaf has no parents")
            continue
        again = build(node.op, node.parents, node.params)
        if (
            not same_nodes(again.parents, node.parents)
            or again.shape != node.shape
            or again.dtype != node.dtype
        ):
            raise CgraphError(f"{node!r}: its row says {again!r}")
        if node.is_number and (node.shape, node.dtype.name) != ((), "float64"):
            raise CgraphError(f"{node!r} is marked as a float64 scalar")


def _show(value: Any) -> str:
    if isinstance(value, slice):
        parts = ["" if p is None else str(p) for p in (value.start, value.stop)]
        return ":".join(parts) + (f":{value.step}" if value.step is not None else "")
    if isinstance(value, tuple):
        return "(" + ", ".join(map(_show, value)) + ("," if len(value) == 1 else "") + ")"
    return "..." if value is Ellipsis else str(value)


@public
def equations(*roots: Node) -> str:
    """The graph as numbered equations: what ``print(node)`` shows.

    >>> import cgraph as cg
    >>> x, w = cg.input("x", 2.0), cg.parameter("w", 3.0)
    >>> print(cg.sigmoid(w * x, name="p"))
    1  w: parameter        ()
    2  x: input            ()
    3  _3 = multiply(w, x) ()
    4  p = sigmoid(_3)     ()
    """
    nodes = order(*roots)
    names = {
        node: node.name or (f"{node._value:.12g}" if node.weak else f"_{i}")
        for i, node in enumerate(nodes, 1)
    }
    lines = []
    for i, node in enumerate(nodes, 1):
        if node.weak and node.name is None:
            continue
        if node.op.family == "leaf":
            text = f"{names[node]}: {node.kind}"
        else:
            params = [
                f"{key}={_show(value)}"
                for key, value in node.params.items()
                if value is not None and value is not False
            ]
            text = f"{names[node]} = {node.op.name}({', '.join([names[p] for p in node.parents] + params)})"
        lines.append(
            (
                str(i),
                text,
                f"{node.shape}" + ("" if node.dtype.name == "float64" else f" {node.dtype}"),
            )
        )
    if len(lines) > MOST_EQUATIONS:
        half = MOST_EQUATIONS // 2
        lines[half:-half] = [("...", f"{len(lines) - 2 * half} more", "")]
    width = max(len(number) for number, _, _ in lines)
    column = min(max(len(text) for _, text, _ in lines), 60)
    return "\n".join(
        f"{number:>{width}}  {text:<{column}} {kind}".rstrip() for number, text, kind in lines
    )


# --- copying and pickling -----------------------------------------------------------------------------------------------------
#
# pickle and deepcopy recurse, and a deep graph would break them. The first node that is asked to reduce itself therefore hands
# over the list of everything below it, parents first, and marks those as announced; when their turn comes, their parents are known
# to the pickler already and they reduce to one step. The closing entry of the list takes the marks back.

_announced = threading.local()


class _Done:
    """The last entry of an announced list: reducing it ends the announcement."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        _announced.nodes = None
        return _Done, ()


def _restore(
    below: Any,
    op: Op,
    parents: tuple[Node, ...],
    params: dict[str, Any],
    shape: Any,
    dtype: Any,
    name: Any,
    scope: str,
    flags: Any,
    value: Any,
) -> Node:
    node = make_node(
        op, parents, MappingProxyType(params) if params else NO_PARAMS, shape, dtype, None, *flags
    )
    node.name, node.scope = name, scope
    if not parents:
        if hasattr(value, "setflags"):
            value.setflags(write=False)
        node._value = value
    return node


@public
def flatten_for_pickle(node: Node) -> Any:
    """What ``Node.__reduce_ex__`` answers; see above."""
    announced = getattr(_announced, "nodes", None)
    below: Any = None
    if announced is None or node not in announced:
        nodes = order(node)
        if len(nodes) > 1:
            _announced.nodes = set(nodes)
            below = [*nodes[:-1], _Done()]
    value = getattr(node, "_value", None) if not node.parents else None
    flags = (node.is_number, node.active)
    state = (
        below,
        node.op,
        node.parents,
        dict(node.params),
        node.shape,
        node.dtype,
        node.name,
        node.scope,
        flags,
        value,
    )
    return _restore, state
