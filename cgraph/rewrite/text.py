"""Expressions on one line, as Python would have them: for rules, reports and findings."""

from __future__ import annotations

from collections.abc import Collection

from cgraph.node import Node

_INFIX = {
    "add": (" + ", 1), "subtract": (" - ", 1), "multiply": ("*", 2), "divide": (" / ", 2), "matmul": (" @ ", 2), "power": ("**", 4),
}  # fmt: skip
_UNSEEN = ("broadcast_to", "cast")
LONGEST = 160  # characters
DEEPEST = 8  # levels


def expression(root: Node, known: Collection[Node] = ()) -> str:
    """`root` written out; nodes in `known`, and named nodes below the root, stand by their names.

    >>> import cgraph as cg
    >>> z = cg.input("z", 1.0)
    >>> expression(1.0 / (1.0 + cg.exp(-z)))
    '1 / (1 + exp(-z))'
    """
    texts: dict[Node, tuple[str, int]] = {}
    stop = set(known)
    for node in _below(root, stop):
        if node.weak and node.name is None:
            texts[node] = (f"{float(node._value):.12g}", 9 if float(node._value) >= 0 else 3)
        elif not node.parents or (node is not root and (node.name is not None or node in stop)):
            texts[node] = (node.label, 9)
        else:
            texts[node] = _written(node, [texts.get(p, ("...", 9)) for p in node.parents])
    return texts[root][0]


def _below(root: Node, stop: set[Node]) -> list[Node]:
    """What has to be written out for the root, operands first: down to what has a name, and no deeper than makes sense."""
    depth = {root: 0}
    found = [root]
    for node in found:  # grows while it is walked: breadth first
        if node is not root and (node.name is not None or node in stop):
            continue
        for parent in node.parents:
            if parent not in depth and depth[node] < DEEPEST:
                depth[parent] = depth[node] + 1
                found.append(parent)
    # Operands before their users, without walking what lies below.
    done: set[Node] = set()
    result: list[Node] = []
    stack = [(root, False)]
    while stack:
        node, left = stack.pop()
        if left:
            result.append(node)
        elif node not in done:
            done.add(node)
            stack.append((node, True))
            if node is root or (node.name is None and node not in stop):
                stack.extend((p, False) for p in node.parents if p in depth)
    return result


def _written(node: Node, operands: list[tuple[str, int]]) -> tuple[str, int]:
    name = node.op.name
    if name in _UNSEEN:
        return operands[0]
    if name == "negative":
        return _cut("-" + _bracketed(operands[0], 3)), 3
    if name in _INFIX and len(operands) == 2:
        sign, strength = _INFIX[name]
        left = _bracketed(operands[0], strength + (name == "power"))
        # a - (b - c) and a / (b*c) need their brackets.
        right = _bracketed(operands[1], strength + (name in ("subtract", "divide", "matmul")))
        if right.startswith("-"):
            right = f"({right})"
        return _cut(f"{left}{sign}{right}"), strength
    shown = []
    axes = node.params.get("axes", node.params.get("axis"))
    if axes is not None and not (
        isinstance(axes, tuple) and len(axes) == len(node.parents[0].shape)
    ):
        one = axes[0] if isinstance(axes, tuple) and len(axes) == 1 else axes
        shown.append(f"axis={one}")
    return _cut(f"{name}({', '.join([t for t, _ in operands] + shown)})"), 9


def _bracketed(text: tuple[str, int], least: int) -> str:
    return text[0] if text[1] >= least else f"({text[0]})"


def _cut(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    return text[: LONGEST // 2] + " ... " + text[-LONGEST // 2 :]
