"""The order of the statements: depth first, and results that lead nowhere else as soon as they can be had.

Depth first keeps few values alive at a time. But the gradient of a weight matrix needs two large arrays that are there
together only once, on the
way back, and leads to an output alone: it is computed at that moment, so that the two can go.
"""

from __future__ import annotations

from collections.abc import Sequence

from cgraph.compile.ir import LEAVES, Value, order

LONGEST_TAIL = 6


def schedule(roots: Sequence[Value]) -> list[Value]:
    """Every value below the roots, operands before users."""
    values = order(roots)
    used: dict[Value, list[Value]] = {}
    for value in values:
        for arg in dict.fromkeys(value.args):
            used.setdefault(arg, []).append(value)
    tail = _tails(values, roots, used)
    missing = {v: len(dict.fromkeys(v.args)) for v in values}
    result: list[Value] = []
    done: set[Value] = set()

    def finish(value: Value) -> None:
        waiting = [value]
        while waiting:
            value = waiting.pop()
            if value in done:
                continue
            done.add(value)
            result.append(value)
            for user in used.get(value, ()):
                missing[user] -= 1
                if not missing[user] and user in tail:
                    waiting.append(user)

    for value in values:
        finish(value)
    return result


def _tails(
    values: Sequence[Value], roots: Sequence[Value], used: dict[Value, list[Value]]
) -> set[Value]:
    """Values that lead to one root and to nothing else, in a few steps."""
    length: dict[Value, int] = {root: 1 for root in roots if not used.get(root)}
    for value in reversed(values):
        users = used.get(value, [])
        # From leaves alone nothing is gained by being early: they are there all the time.
        early = any(a.op not in LEAVES for a in value.args)
        if value not in length and len(users) == 1 and users[0] in length and early:
            if length[users[0]] < LONGEST_TAIL:
                length[value] = length[users[0]] + 1
    return set(length)
