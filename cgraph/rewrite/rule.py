"""Rules, and the driver that applies them until nothing is left to do.

A rule is an equation between two graphs over the same wildcards: where its left side is found, the right side takes its place. The
driver walks the graph once, operands first; what a rule builds is rewritten on the spot. That the shipped rules settle
is tested on random graphs; a set of rules that does not is stopped after a number of steps, with an error that names them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from cgraph.build import build
from cgraph.errors import CgraphError
from cgraph.graph import order, rebuild, stand_in
from cgraph.node import Node
from cgraph.op import INPUT, OPS
from cgraph.rewrite.numbering import Numbering
from cgraph.rewrite.outlook import Outlook
from cgraph.rewrite.pattern import Builder, Match, Matcher

MOST_STEPS_AT_A_NODE = 100


class Rule(NamedTuple):
    """An equation, read from left to right.

    Attributes:
        name: of the rule, as the report calls it.
        before: the pattern: a graph over wildcard leaves.
        after: what takes its place: a graph over the same wildcards.
        why: what is wrong with the left side, in one sentence.
        when: a condition on the match, beyond its form.
        over: wildcard name -> (low, high), where the equation is meant to hold; everywhere if not given.
        rest: whether the pattern, a sum or product, may leave a term or factor over.
        tidy: applies only to what other rules have made, never to the graph as it was given.
    """

    name: str
    before: Node
    after: Node
    why: str = ""
    when: Callable[[Match], bool] | None = None
    over: Mapping[str, tuple[float, float]] = MappingProxyType({})
    rest: bool = True
    tidy: bool = False

    @property
    def wildcards(self) -> list[Node]:
        return [n for n in order(self.before) if n.op is INPUT]

    def __str__(self) -> str:
        from cgraph.rewrite.text import expression

        return f"{expression(self.before)} = {expression(self.after)}"


class Step(NamedTuple):
    """One application of a rule: at which node of the given graph, and the expressions before and after.

    Attributes:
        node: of the graph that was given; the expression there, or one that earlier steps made of it, was matched.
        before, after: nodes. What lies below the match is shared.
        match: what the wildcards stand for.
    """

    rule: Rule
    node: Node
    before: Node
    after: Node
    match: Match


# A sum may be written as a difference, a square as a product or power.
_SPELLED = {
    "add": ("add", "subtract"),
    "subtract": ("add", "subtract"),
    "square": ("square", "power", "multiply"),
}


class Rules:
    """A set of rules, filed by the op at the top of the left side."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.all = list(rules)
        self.by_op: dict[str, list[Rule]] = {}
        names = [rule.name for rule in self.all]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two rules are called {name!r}")
        for rule in self.all:
            known = set(rule.wildcards)
            missing = [n.label for n in order(rule.after) if n.op is INPUT and n not in known]
            if missing:
                raise ValueError(
                    f"rule {rule.name!r}: {missing[0]!r} stands on the right side only"
                )
            top = rule.before.op.name
            for name in _SPELLED.get(top, (top,)):
                self.by_op.setdefault(name, []).append(rule)

    def __iter__(self) -> Any:
        return iter(self.all)


def rewrite(
    roots: Sequence[Node], rules: Rules, *, once: bool = False
) -> tuple[list[Node], list[Step]]:
    """Apply rules wherever they match, until none does.

    Args:
        roots: nodes. What they share stays shared; a node that has other users as well stays for those.
        rules: tried in order at each node, operands first.
        once: take one step at most at each node of the given graph, and leave what it makes as it is: for derivations.

    Returns:
        The new roots, and the steps in the order in which they were taken. What no rule touched is the given graph's own nodes.
        A node that takes the place of another has its name, its scope and its line.

    Raises:
        CgraphError: when the rules do not settle.

    >>> import cgraph as cg
    >>> wildcard = cg.input("x")
    >>> rules = Rules([Rule("log of exp", cg.log(cg.exp(wildcard)), wildcard)])
    >>> z = cg.input("z", 1000.0)
    >>> (new,), steps = rewrite([cg.log(cg.exp(z)) + 1.0], rules)
    >>> print(new)
    1  z: input       ()
    3  _3 = add(z, 1) ()
    >>> len(steps)
    1
    """
    return _Rewriter(list(roots), rules, once).run()


def _minus_minus(node: Node) -> bool:
    return node.op.name == "negative" and node.parents[0].op.name == "negative"


class _Rewriter:
    def __init__(self, roots: list[Node], rules: Rules, once: bool) -> None:
        self.once = once
        self.roots = roots
        self.rules = rules
        self.matcher = Matcher(Numbering())
        self.outlook = Outlook()
        self.filed = {
            name: [(rule, self.outlook.required(rule.before)) for rule in filed]
            for name, filed in rules.by_op.items()
        }
        self.steps: list[Step] = []
        self.here = roots[0]  # the node of the given graph that is being looked at
        self.taken: list[str] = []  # the rules applied at it, in order

    def run(self) -> tuple[list[Node], list[Step]]:
        new: dict[Node, Node] = {}
        for node in order(*self.roots):
            if not node.parents:
                new[node] = node
                continue
            parents = tuple(new[p] for p in node.parents)
            self.here, self.taken = node, []
            new[node] = self.settled(rebuild(node, parents))
        return [new[root] for root in self.roots], self.steps

    def settled(self, node: Node) -> Node:
        """A node to which no rule applies any more, in place of one whose operands are settled."""
        while True:
            if _minus_minus(node) and node is not self.here:
                node = node.parents[0].parents[0]
                continue
            filed = self.filed.get(node.op.name, ())
            below = self.outlook.below(node) if filed else 0
            for rule, needs in filed:
                if not all(below & need for need in needs):
                    continue
                after = self.applied(rule, node)
                if after is not None:
                    break
            else:
                return node
            node = after
            if not node.parents or self.once:
                return node

    def applied(self, rule: Rule, node: Node) -> Node | None:
        """What a rule makes of a node; None where it does not match."""
        if rule.tidy and node is self.here:
            return None
        for match in self.matcher.matches(rule.before, node, rule.rest):
            if rule.when is not None and not rule.when(match):
                continue
            self.taken.append(rule.name)
            if len(self.taken) > MOST_STEPS_AT_A_NODE:
                last = ", ".join(map(repr, self.taken[-4:]))
                raise CgraphError(
                    f"the rewrite did not settle at {self.here.label!r} (built at {self.here.site}): last rules applied: {last}"
                )
            place = len(self.steps)
            after = Builder(rule.before, match, self.make).build(rule.after)
            if after.shape != node.shape or after.dtype != node.dtype:
                del self.steps[place:]
                continue
            if node.name is not None and after.parents and after.name is None:
                after = stand_in(build(after.op, after.parents, after.params), node)
            self.steps.insert(place, Step(rule, self.here, node, after, match))
            return after
        return None

    def make(self, name: str, parents: tuple[Node, ...], params: Mapping[str, Any]) -> Node:
        """A node of a right side, itself settled."""
        made = stand_in(build(OPS[name], parents, params), self.here)
        made.name = None
        return made if self.once else self.settled(made)
