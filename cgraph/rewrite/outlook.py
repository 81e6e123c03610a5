"""A quick look ahead: which ops lie within a few levels below a node, as bits.

Most rules fail on most nodes for want of some op. The masks say so in one comparison, so that a graph of 10^5 nodes takes seconds.
"""

from __future__ import annotations

from cgraph.graph import order, unseen
from cgraph.node import Node

LEVELS = 9
_FREE = (
    "negative",
    "broadcast_to",
    "reshape",
    "transpose",
    "getitem",
    "cast",
)  # seen through, at no depth
_SAME = {"subtract": "add", "power": "square"}
_SQUARE = ("square", "multiply")


class Outlook:
    def __init__(self) -> None:
        self._bits: dict[str, int] = {}
        self._masks: dict[Node, list[int]] = {}

    def bit(self, name: str) -> int:
        name = _SAME.get(name, name)
        found = self._bits.get(name)
        if found is None:
            found = self._bits[name] = 1 << len(self._bits)
        return found

    def below(self, node: Node) -> int:
        """The ops within reach of a node, itself included."""
        masks = self._masks.get(node)
        if masks is None:
            for n in unseen(node, self._masks):
                self._masks[n] = self._looked(n)
            masks = self._masks[node]
        return masks[-1]

    def _looked(self, node: Node) -> list[int]:
        own = self.bit(node.op.name)
        parents = [self._masks[p] for p in node.parents]
        if not parents:
            return [own] * LEVELS
        if node.op.name in _FREE:
            return [own | masks for masks in parents[0]]
        if len(parents) == 1:
            return [own, *[own | m for m in parents[0][:-1]]]
        result = [own]
        for k in range(LEVELS - 1):
            mask = own
            for masks in parents:
                mask |= masks[k]
            result.append(mask)
        return result

    def required(self, pattern: Node) -> list[int]:
        """One mask for each op of a pattern: at least one of its bits has to be in sight."""
        names = {
            n.op.name
            for n in order(pattern)
            if n.op.name not in ("input", "negative", "broadcast_to")
        }
        masks = []
        for name in sorted(names):
            mask = self.bit(name)
            if name in ("square", "power"):
                for other in _SQUARE:
                    mask |= self.bit(other)
            masks.append(mask)
        return masks
