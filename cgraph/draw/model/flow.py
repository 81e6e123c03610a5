"""The numbers on a card: its local gradients, chained through the folded nodes, and the shares it hands back.

Everything is asked of the Run, nothing is worked out a second way: locals are the engine's `LocalGradient`s applied one after
another, shares and gradients are the engine's own. What a Run has not computed comes back as None and is not drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from cgraph.draw.model import expression, polynomial, text
from cgraph.draw.model.diagram import Row
from cgraph.draw.model.fold import Card, is_literal, lends_shape
from cgraph.errors import CgraphError
from cgraph.node import Node

if TYPE_CHECKING:
    from cgraph.run import Run

Array = np.ndarray[Any, Any]
_SPELLED = 300
_READABLE = 44
_ENTRIES = 24  # of a local gradient that are written out


class Flow:
    """What flows back through one card: per operand from outside the upstream gradient, the local one and the share."""

    def __init__(self, card: Card, run: Run | None, names: Mapping[Node, str] | Any) -> None:
        self.card = card
        self.run = run
        self.names = names
        self.inner = set(card.inner)
        self.upstream = gradient(run, card.root)
        self.texts = self._texts()
        self._locals: dict[Node, Array] | None = None
        self._user = {
            p: (n, i)
            for n in card.nodes
            for i, p in enumerate(n.parents)
            if p in self.inner and not lends_shape(n, i)
        }

    # --- words ----------------------------------------------------------------------------------------------------------------

    def _texts(self) -> dict[Node, str]:
        nodes = self.card.nodes
        texts: dict[Node, str] = dict.fromkeys(
            nodes[:-_SPELLED], "…"
        )  # the middle of a long text is left out anyway
        for node in nodes[-_SPELLED:]:
            operands = [
                texts.get(p) or self.names[p]
                for i, p in enumerate(node.parents)
                if not lends_shape(node, i)
            ]
            texts[node] = expression.value(node, operands)
        return texts

    @property
    def formula(self) -> str:
        return expression.shorten(self.texts[self.card.root])

    def operand_texts(self, node: Node) -> list[str]:
        """What each operand is called; one that lends nothing but its shape may not be in the picture, and has no name."""
        return [
            "" if lends_shape(node, i) else self.texts[p] if p in self.inner else self.names[p]
            for i, p in enumerate(node.parents)
        ]

    def factors(self, operand: Node) -> list[list[tuple[str, str]]]:
        """For each place where `operand` enters, the steps from the card's result down to it: (kind, text)."""
        paths = []
        for node, i in self.card.entries[operand]:
            path = [self._step(node, i)]
            while node is not self.card.root and len(path) < 200:
                node, i = self._user[node]
                path.append(self._step(node, i))
            paths.append(path[::-1])
        return paths

    def _step(self, node: Node, i: int) -> tuple[str, str]:
        name, operands = node.op.name, self.operand_texts(node)
        if name == "matmul" and node.parents[0].ndim == node.parents[1].ndim == 2:
            other = expression.wrap(operands[1 - i], 8) + "ᵀ"
            other = other.removesuffix("ᵀᵀ") if other.endswith("ᵀᵀ") else other
            return ("right" if i == 0 else "left"), other
        if name == "broadcast_to":
            return "sum", "Σ" + expression.along(node)
        if name in ("mean", "sum") and self._size(node) == 1:
            size = self._size(node.parents[0])
            return (
                ("same", "") if name == "sum" else ("scale", text.fraction(size) if size else "1/m")
            )
        if name in ("sum_to", "cast"):
            return "same", ""
        if node.op.family == "elementwise":
            out = self.texts[node] if node in self.inner else self.names[node]
            words = expression.partial(node, i, operands, out)
            others = (
                [p for j, p in enumerate(node.parents) if j != i] if name == "multiply" else [node]
            )
            number = polynomial.parsed(words) is not None
            return ("scale" if number or all(p.size == 1 for p in others) else "times"), words
        return "other", expression.adjoint(
            node, operands, self.texts[node] if node in self.inner else self.names[node]
        )

    def _size(self, node: Node) -> int | None:
        return self.run.value(node).size if self.run is not None else node.size

    def row(self, operand: Node, objective: str) -> Row:
        """The local gradient as one line: symbol = formula = number; for a matrix op, the rule that is executed."""
        root, names = self.card.root, self.names
        paths = self.factors(operand)
        kinds = {kind for path in paths for kind, _ in path}
        scalar_out = self._size(root) == 1
        if not scalar_out and kinds & {"right", "left", "sum", "other", "same"}:
            upstream = f"∂{objective}/∂{names[root]}"
            words = expression.shorten(
                " + ".join(self._chain(upstream, path) for path in paths), 60
            )
            return Row(f"∂{objective}/∂{names[operand]}", words, ink="gradient", to=names[operand])
        left = f"∂{names[root]}/∂{names[operand]}"
        local = self.local(operand)
        number = self._number(local)
        formula = self._partial(operand, paths)
        if number and (len(formula) > _READABLE or formula.replace(" ", "") == number):
            formula = ""  # the number says it better than half a formula
        lines: tuple[str, ...] = ()
        if local is not None and not scalar_out and 1 < local.size <= _ENTRIES:
            first = local.reshape(-1)[0]
            if not np.all(local == first):
                lines = tuple(text.tensor(local, self.precision))
            elif polynomial.parsed(formula) is None:
                number = self._number(first)
        return Row(
            left,
            expression.shorten(formula, 40) if formula else "",
            number,
            lines=lines,
            to=names[operand],
        )

    def _number(self, local: Array | None) -> str:
        return text.number(local, self.precision) if local is not None and local.size == 1 else ""

    def _partial(self, operand: Node, paths: list[list[tuple[str, str]]]) -> str:
        """The local gradient as a formula: the ops' own chained, or a polynomial where that is simpler."""
        words = [self._chain("", path) for path in paths]
        chained = ""
        if all(words) and len(words) <= 4:
            chained = " + ".join(words).replace(f" + {text.MINUS}", f" {text.MINUS} ")
        if len(paths) > 1 and self.card.inner and self._terms is not None:
            simple = polynomial.show(polynomial.derivative(self._terms, self.names[operand]))
            if not chained or len(simple) <= len(chained):
                return simple
        return chained

    precision = 3

    @cached_property
    def _terms(self) -> polynomial.Polynomial | None:
        """What the card computes, if that is a sum of products of a few scalars."""
        return polynomial.of(self.card.nodes, self.names) if len(self.card.nodes) < 40 else None

    def _chain(self, upstream: str, path: list[tuple[str, str]]) -> str:
        """`upstream` carried along a path, in words; with no upstream, the local gradient by itself."""
        words, scales = upstream, []
        for kind, factor in path:
            if kind == "scale":
                scales.append(factor)
            elif kind == "times":
                if not factor:
                    return ""
                if words and factor == "1":
                    continue
                words = (
                    f"{expression.wrap(words, 7 if '·' in words else 6)} ⊙ {expression.wrap(factor, 6)}"
                    if words
                    else factor
                )
            elif kind == "right":
                words = f"{expression.wrap(words, 6)} · {factor}" if words else factor
            elif kind == "left":
                words = f"{factor} · {expression.wrap(words, 6)}" if words else factor
            elif kind == "sum":
                words = f"{factor} {expression.wrap(words, 7)}" if words else "1"
            elif kind == "other":
                words = factor.replace("UPSTREAM", expression.wrap(words or "1", 6))
        return expression.product([*scales, words or "1"])

    # --- numbers --------------------------------------------------------------------------------------------------------------

    def local(self, operand: Node) -> Array | None:
        """The card's local gradient: the engine's linear maps from the result down to `operand`, applied to ones.

        For a scalar result this is the whole local gradient; for elementwise cards it is the partial of each entry.
        """
        if self._locals is None:
            self._locals = self._chained()
        return self._locals.get(operand)

    def _chained(self) -> dict[Node, Array]:
        run, parts = self.run, {}
        if run is None:
            return {}
        try:
            value = run.value(self.card.root)
            parts[self.card.root] = np.ones(value.shape, value.dtype)
            for node in reversed(self.card.nodes):
                arrived = parts.get(node)
                for i, parent in enumerate(node.parents):
                    if (
                        arrived is None
                        or lends_shape(node, i)
                        or is_literal(parent)
                        or not node.op.differentiable(i)
                    ):
                        continue
                    if parent.active:
                        piece = np.asarray(run.local(node, i).vjp(arrived))
                        parts[parent] = parts[parent] + piece if parent in parts else piece
        except CgraphError:
            return {}
        return parts

    def share_at(self, node: Node, i: int) -> Array | None:
        """What one place of the card hands to its operand."""
        return share(self.run, node, i)

    def row_at(self, operand: Node, i: int, side: str) -> Row:
        """The local gradient of an unfolded op at one of several places where the same operand stands, as in `x * x`."""
        root, name = self.card.root, self.names[operand]
        left = f"∂{self.names[root]}/∂({side} {name})"
        kind, words = self._step(root, i)
        number = self._number(self.local_at(root, i))
        return Row(
            left, words if kind in ("times", "scale") and words != number else "", number, to=name
        )

    def local_at(self, node: Node, i: int) -> Array | None:
        """The local gradient at one place, where it is a multiplication."""
        try:
            array: Array | None = self.run.local(node, i).array if self.run is not None else None
        except CgraphError:
            return None
        return array

    def share(self, operand: Node) -> Array | None:
        """What this card hands to `operand`: the sum over the places where it enters; None when nothing was handed."""
        total: Array | None = None
        for node, i in self.card.entries[operand]:
            piece = share(self.run, node, i)
            if piece is not None:
                total = piece if total is None else total + piece
        return total


def gradient(run: Run | None, node: Node) -> Array | None:
    """The gradient that arrived at a node, or None when the Run has none."""
    return run.grad(node) if run is not None and run.has_grad(node) else None


def share(run: Run | None, node: Node, i: int) -> Array | None:
    """What `node` handed to its parent `i`, or None."""
    if run is None or not node.op.differentiable(i) or not run.has_grad(node):
        return None
    try:
        return np.asarray(run.share(node, i))
    except CgraphError:
        return None
