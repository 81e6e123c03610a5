"""Patterns: a pattern is a graph over wildcard leaves, and matching it is algebra rather than spelling.

A wildcard stands for any node, the same one wherever it is repeated. The rest has to be there, but not letter for letter: sums and
products match in any order, grouping and sign (``1 - exp(x)`` is ``-(exp(x) - 1)``, ``1 / (1 + exp(x))`` is ``1 / (1 + exp(-x))`` at
``-x``), with one term or factor left over if need be; and elementwise patterns are seen through what only moves entries, such as
broadcasting and reshaping. Axes of reductions in a pattern are wildcards too: equal ones have to be equal in what is matched.

A match recurses over the pattern, which is small, never over the graph.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import permutations, product
from typing import Any, NamedTuple

import numpy as np

from cgraph.build import build
from cgraph.graph import order
from cgraph.leaves import input
from cgraph.node import Node, weak_constant
from cgraph.op import INPUT
from cgraph.rewrite.numbering import Numbering, params_key
from cgraph.shapes import is_static, reduce

MOVES = ("broadcast_to", "reshape", "transpose", "getitem", "cast")
_SIGNED = ("add", "subtract", "multiply", "divide", "negative")


class View(NamedTuple):
    """A node as it is seen from above: with a sign, and through ops that move entries (outermost first)."""

    sign: int
    node: Node
    moves: tuple[Node, ...] = ()

    def flipped(self, by: int = -1) -> View:
        return View(self.sign * by, self.node, self.moves)


class Match(NamedTuple):
    """How a pattern fits: wildcard -> what it stands for; parameter -> value; what was left over of a sum or product.

    Attributes:
        sign: −1 if what was matched is minus the pattern.
    """

    wildcards: dict[Node, View]
    params: dict[Any, Any]
    rest: View | None = None
    sign: int = 1

    def node(self, wildcard: Node) -> Node:
        """What a wildcard stands for, without its sign."""
        return self.wildcards[wildcard].node


def wildcards(names: str, shape: tuple[int | None, ...] = ()) -> Any:
    """Wildcard leaves by their names; one gives a node, several a tuple. For patterns with reductions give them a `shape`.

    >>> x, y = wildcards("x y")
    >>> x.name
    'x'
    """
    found = tuple(input(name, shape=shape) for name in names.split())
    return found[0] if len(found) == 1 else found


def peel(view: View) -> View:
    """Without the signs and moves on top: what is left is the op that computes."""
    sign, node, moves = view
    while True:
        name = node.op.name
        if name == "negative":
            sign, node = -sign, node.parents[0]
        elif name in MOVES and _only_moves(node):
            node, moves = node.parents[0], (*moves, node)
        else:
            return View(sign, node, moves)


def _only_moves(node: Node) -> bool:
    """Entries go elsewhere, none is changed: a cast counts if it widens."""
    if node.op.name != "cast":
        return True
    a, b = node.parents[0].dtype, node.dtype
    return a.kind == b.kind == "f" and np.can_cast(a, b)


class Matcher:
    """Matches patterns against the nodes of one graph, with the value numbers that tell equal expressions."""

    def __init__(self, numbers: Numbering) -> None:
        self.numbers = numbers

    def matches(self, pattern: Node, node: Node, rest: bool = True) -> Iterator[Match]:
        """All ways in which `node` is the pattern or minus the pattern; with `rest`, up to a term or factor left over."""
        start = Match({}, {})
        for sign in (1, -1) if pattern.op.name in _SIGNED else (1,):
            for found in self._match(pattern, View(sign, node), start):
                yield found._replace(sign=sign)
        if rest and pattern.op.name in ("add", "subtract") and node.op.name in ("add", "subtract"):
            terms = _pattern_terms(pattern)
            for sign in (1, -1):
                for chosen, left in _with_one_left(
                    _expansions(View(1, node), len(terms) + 1, _terms)
                ):
                    for found in self._in_any_order(
                        terms, [v.flipped(sign) for v in chosen], start
                    ):
                        yield found._replace(rest=left, sign=sign)
        if rest and pattern.op.name == "multiply" and node.op.name == "multiply":
            factors = _pattern_factors(pattern)
            for chosen, left in _with_one_left(
                _expansions(View(1, node), len(factors) + 1, _factors)
            ):
                for found in self._factors_in_any_order(factors, chosen, 1, start):
                    yield found._replace(rest=left, sign=1)

    def same(self, a: View, b: View) -> bool:
        """Whether two views are of one value."""
        a, b = peel(a), peel(b)
        if a.sign != b.sign or self.numbers[a.node] != self.numbers[b.node]:
            return False
        return [self._key(m) for m in a.moves] == [self._key(m) for m in b.moves]

    def _key(self, move: Node) -> Any:
        return (
            move.op.name,
            params_key(move.params),
            tuple(self.numbers[p] for p in move.parents[1:]),
        )

    def _match(self, pattern: Node, view: View, so_far: Match) -> Iterator[Match]:
        """Ways in which ``view.sign * view.node`` equals the pattern."""
        op = pattern.op
        if op is INPUT:
            bound = so_far.wildcards.get(pattern)
            if bound is None:
                yield so_far._replace(wildcards={**so_far.wildcards, pattern: view})
            elif self.same(bound, view):
                yield so_far
            return
        if not pattern.parents:
            if _number(view) == pattern._value:
                yield so_far
            return
        name = op.name
        if name == "negative":
            yield from self._match(pattern.parents[0], view.flipped(), so_far)
            return
        if (
            name == "broadcast_to"
        ):  # in a pattern, broadcasting goes without saying; at a reduction it is looked at
            yield from self._match(pattern.parents[0], view, so_far)
            return
        view = peel(view)
        node = view.node
        if name in ("add", "subtract"):
            terms = _pattern_terms(pattern)
            for found in _expansions(view, len(terms), _terms):
                yield from self._in_any_order(terms, found, so_far)
        elif name == "multiply":
            factors = _pattern_factors(pattern)
            for found in _expansions(view, len(factors), _factors):
                yield from self._factors_in_any_order(factors, found, 1, so_far)
        elif name == "square":
            yield from self._square(pattern, view, so_far)
        elif node.op is op:
            if name == "divide":
                yield from self._in_order(pattern, view, so_far)
                yield from self._in_order(pattern, view, so_far, denominator=-1)
            elif view.sign < 0:
                return
            elif op.family == "elementwise":
                yield from self._in_order(pattern, view, so_far)
                if op.commutative:
                    yield from self._in_order(pattern, view, so_far, swapped=True)
            else:
                params = _params(pattern, view, so_far.params)
                if params is not None:
                    inside = View(1, node)
                    yield from self._in_order(pattern, inside, so_far._replace(params=params))

    def _in_order(
        self, pattern: Node, view: View, so_far: Match, swapped: bool = False, denominator: int = 1
    ) -> Iterator[Match]:
        parents = view.node.parents[::-1] if swapped else view.node.parents
        if len(parents) != len(pattern.parents):
            return
        signs = (view.sign * denominator, denominator) if pattern.op.name == "divide" else (1,) * 9
        views = [View(s, p, view.moves) for s, p in zip(signs, parents, strict=False)]
        yield from self._all(list(zip(pattern.parents, views, strict=True)), so_far)

    def _all(self, pairs: list[tuple[Node, View]], so_far: Match) -> Iterator[Match]:
        if not pairs:
            yield so_far
            return
        for found in self._match(*pairs[0], so_far):
            yield from self._all(pairs[1:], found)

    def _square(self, pattern: Node, view: View, so_far: Match) -> Iterator[Match]:
        node = view.node
        if view.sign < 0:
            return
        if (
            node.op.name == "square"
            or (node.op.name == "power" and _number(View(1, node.parents[1])) == 2.0)
            or (
                node.op.name == "multiply"
                and self.same(*(View(1, p, view.moves) for p in node.parents))
            )
        ):
            for sign in (1, -1):
                yield from self._match(
                    pattern.parents[0], View(sign, node.parents[0], view.moves), so_far
                )

    def _in_any_order(
        self, patterns: list[tuple[int, Node]], views: list[View], so_far: Match
    ) -> Iterator[Match]:
        for ordered in _plausible([p for _, p in patterns], views):
            pairs = [(p, v.flipped(s)) for (s, p), v in zip(patterns, ordered, strict=True)]
            yield from self._all(pairs, so_far)

    def _factors_in_any_order(
        self, patterns: list[Node], views: list[View], sign: int, so_far: Match
    ) -> Iterator[Match]:
        for view in views:
            sign *= view.sign
        bare = [View(1, v.node, v.moves) for v in views]
        for ordered in _plausible(patterns, bare):
            # A sign belongs to the product; any of its factors may claim it.
            for signs in product((1, -1), repeat=len(patterns)):
                if int(np.prod(signs)) == sign:
                    pairs = [
                        (p, v.flipped(s)) for p, v, s in zip(patterns, ordered, signs, strict=True)
                    ]
                    yield from self._all(pairs, so_far)


def _number(view: View) -> float | None:
    """The number a constant holds, if it holds one."""
    node = peel(view).node
    if node.kind != "constant":
        return None
    if node.weak:
        return float(node._value) * peel(view).sign
    array = np.asarray(node._value)
    if array.size == 0 or array.size > 10**6 or array.dtype.kind != "f":
        return None
    first = array.flat[0]
    return float(first) * peel(view).sign if (array == first).all() else None


# --- sums and products as lists -------------------------------------------------------------------------------------------------


def _terms(view: View) -> list[View] | None:
    name = view.node.op.name
    if name not in ("add", "subtract"):
        return None
    a, b = (peel(View(view.sign, p, view.moves)) for p in view.node.parents)
    return [a, b.flipped(-1 if name == "subtract" else 1)]


def _factors(view: View) -> list[View] | None:
    if view.node.op.name != "multiply":
        return None
    a, b = (peel(View(1, p, view.moves)) for p in view.node.parents)
    return [a.flipped(view.sign), b]


def _expansions(view: View, count: int, expand: Any) -> Iterator[list[View]]:
    """All ways to write a sum (or product) as `count` terms (factors), by opening up nested ones."""
    seen: set[Any] = set()
    stack = [[peel(view)]]
    while stack:
        views = stack.pop()
        if len(views) == count:
            key = frozenset((v.sign, id(v.node)) for v in views)
            if key not in seen:
                seen.add(key)
                yield views
            continue
        for i, v in enumerate(views):
            opened = expand(v)
            if opened is not None:
                stack.append([*views[:i], *opened, *views[i + 1 :]])


def _with_one_left(expansions: Iterator[list[View]]) -> Iterator[tuple[list[View], View]]:
    for views in expansions:
        for i, left in enumerate(views):
            yield [*views[:i], *views[i + 1 :]], left


def _pattern_terms(pattern: Node, sign: int = 1) -> list[tuple[int, Node]]:
    name = pattern.op.name
    if name == "negative":
        return _pattern_terms(pattern.parents[0], -sign)
    if name == "broadcast_to":
        return _pattern_terms(pattern.parents[0], sign)
    if name not in ("add", "subtract"):
        return [(sign, pattern)]
    a, b = pattern.parents
    return _pattern_terms(a, sign) + _pattern_terms(b, -sign if name == "subtract" else sign)


def _pattern_factors(pattern: Node) -> list[Node]:
    if pattern.op.name != "multiply":
        return [pattern]
    a, b = pattern.parents
    return _pattern_factors(a) + _pattern_factors(b)


def _plausible(patterns: list[Node], views: list[View]) -> Iterator[list[View]]:
    """The orders in which each view could at first sight be its pattern: most are ruled out by the ops alone."""

    def fits(pattern: Node, view: View) -> bool:
        if pattern.op is INPUT:
            return True
        if not pattern.parents:
            return view.node.kind == "constant"
        name, found = pattern.op.name, view.node.op.name
        while name in ("negative", "broadcast_to"):
            pattern = pattern.parents[0]
            name = pattern.op.name
        if pattern.op is INPUT:
            return True
        return (
            found == name
            or (name in ("add", "subtract") and found in ("add", "subtract"))
            or (name == "square" and found in ("multiply", "power"))
        )

    able = [[fits(p, v) for v in views] for p in patterns]
    if not all(map(any, able)):
        return
    for places in permutations(range(len(views))):
        if all(row[k] for row, k in zip(able, places, strict=True)):
            yield [views[k] for k in places]


# --- reductions -----------------------------------------------------------------------------------------------------------------


def _params(pattern: Node, view: View, known: Mapping[Any, Any]) -> dict[Any, Any] | None:
    """The parameters of a reduction in a pattern are wildcards by their values. None if they do not fit."""
    node, spread = view.node, bool(view.moves)
    found = dict(known)
    for key, value in pattern.params.items():
        if key not in node.params:
            return None
        given = node.params[key]
        if key == "keepdims" and spread:
            continue
        name = (key, params_key(value))
        if name in found and params_key(found[name]) != params_key(given):
            return None
        found[name] = given
    if spread and not (pattern.params.get("keepdims") and _spreads_back(node, view.moves)):
        return None
    return found


def _spreads_back(reduced: Node, moves: tuple[Node, ...]) -> bool:
    """Whether the moves lay a reduction's result out along the axes it was reduced over, as with ``keepdims=True``."""
    x, axes = reduced.parents[0], tuple(reduced.params["axes"])
    kept = reduce(x.shape, axes, True)
    aligned = bool(reduced.params["keepdims"]) or axes == tuple(range(len(axes)))
    for move in reversed(moves):
        name = move.op.name
        if name == "broadcast_to":
            if not aligned or len(move.shape) != len(x.shape):
                return False
        elif name == "reshape":
            aligned = is_static(kept) and move.shape == kept
        elif name == "getitem":
            index = move.params["index"]
            aligned = all(i is None or i == slice(None) for i in index) and axes == tuple(
                k for k, i in enumerate(index) if i is None
            )
        elif name != "cast":
            return False
    shape = moves[0].shape
    return (
        aligned
        and len(shape) == len(x.shape)
        and all(a == b or a is None or b is None for a, b in zip(shape, x.shape, strict=True))
    )


# --- building what a rule says --------------------------------------------------------------------------------------------------


class Builder:
    """Builds the right side of a rule for a match. ``make(op name, parents, params)`` is called for every op: it may rewrite on."""

    def __init__(self, pattern: Node, match: Match, make: Any) -> None:
        self.pattern = pattern
        self.match = match
        self.make = make

    def build(self, replacement: Node) -> Node:
        root = self._graph(replacement)
        rest, sign = self.match.rest, self.match.sign
        if rest is None:
            return root if sign > 0 else self.negated(root)
        left = self.materialized(View(1, rest.node, rest.moves))
        if self.pattern.op.name == "multiply":
            both: Node = self.make("multiply", (left, root), {})
            return both if rest.sign > 0 else self.negated(both)
        if rest.sign == sign:
            both = self.make("add", (left, root), {})
            return both if sign > 0 else self.negated(both)
        pair = (left, root) if rest.sign > 0 else (root, left)
        both = self.make("subtract", pair, {})
        return both

    def _graph(self, replacement: Node) -> Node:
        done: dict[Node, Node] = {}
        for p in order(replacement):
            if p.op is INPUT:
                done[p] = self.materialized(self.match.wildcards[p])
            elif not p.parents:
                done[p] = p
            elif p.op.name == "broadcast_to":  # comes back by itself where shapes differ
                done[p] = done[p.parents[0]]
            elif p.op.name == "negative":
                done[p] = self.negated(done[p.parents[0]])
            else:
                params = {
                    key: self.match.params.get((key, params_key(value)), value)
                    for key, value in p.params.items()
                }
                done[p] = self.make(p.op.name, tuple(done[q] for q in p.parents), params)
        return done[replacement]

    def materialized(self, view: View) -> Node:
        """A view as a node: its moves are made again, in the order they were."""
        node = view.node
        for move in reversed(view.moves):
            if not (node.shape == () and node.kind == "constant"):
                node = build(move.op, (node, *move.parents[1:]), move.params)
        return self.negated(node) if view.sign < 0 else node

    def negated(self, node: Node) -> Node:
        if node.op.name == "negative":
            return node.parents[0]
        if node.weak:
            return weak_constant(-float(node._value))
        negative: Node = self.make("negative", (node,), {})
        return negative
