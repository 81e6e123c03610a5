"""Graphs of numbers: build, evaluate and differentiate, a node at a time, against micrograd (and others, for the picture).

The graph is random: every step takes two results of the last fifty, so that nodes are shared and the graph is about as deep as a
tenth of its size. Sums, differences, products, relu and tanh; one node for one node: micrograd writes a - b as a + b * -1, three nodes, and
has no tanh, so both are given to it as single nodes, written as its own operations are.
"""

from __future__ import annotations

import math
import operator
import random
import sys
import threading
from collections.abc import Callable
from typing import Any

from timing import QUICK, interleaved, table

import cgraph as cg

Recipe = list[tuple[str, int, int]]
LEAVES = 10


def recipe(n: int, seed: int = 0, near: int | None = 50) -> Recipe:
    """Steps that take two of the last `near` results; of all, if None: a wide graph."""
    rng = random.Random(seed)
    steps = []
    for k in range(n):
        have = LEAVES + k
        low = 0 if near is None else max(0, have - near)
        i, j = rng.randrange(low, have), rng.randrange(low, have)
        steps.append((rng.choice(["add", "add", "mul", "mul", "sub", "tanh", "relu"]), i, j))
    return steps


def carry_out(
    steps: Recipe,
    leaves: list[Any],
    relu: Callable[[Any], Any],
    tanh: Callable[[Any], Any],
    minus: Callable[[Any, Any], Any] = operator.sub,
    whole: bool = False,
) -> Any:
    """The results of all steps, if `whole`; else one number made of the last forty."""
    have = list(leaves)
    for name, i, j in steps:
        a, b = have[i], have[j]
        if name == "add":
            c = a + b
        elif name == "mul":
            c = a * b
        elif name == "sub":
            c = minus(a, b)
        elif name == "tanh":
            c = tanh(a)
        else:
            c = relu(a)
        have.append(c)
    if whole:
        return have
    out = have[-1]
    for x in have[-40:-1]:
        out = out + x * 0.01
    return out


STARTS = [0.1 * (k + 1) * (-1) ** k for k in range(LEAVES)]


def micrograd_ops() -> tuple[Any, Any, Any]:
    """relu, tanh and a difference for micrograd, each one node."""
    from micrograd.engine import Value

    def tanh(a: Value) -> Value:
        t = math.tanh(a.data)
        out = Value(t, (a,), "tanh")

        def _backward() -> None:
            a.grad += (1 - t**2) * out.grad

        out._backward = _backward
        return out

    def minus(a: Value, b: Value) -> Value:
        out = Value(a.data - b.data, (a, b), "-")

        def _backward() -> None:
            a.grad += out.grad
            b.grad -= out.grad

        out._backward = _backward
        return out

    return Value.relu, tanh, minus


def contenders(n: int, others: bool) -> dict[str, Callable[[], object]]:
    steps = recipe(n)

    def by_cgraph() -> Any:
        leaves = [cg.parameter(f"x{k}", x) for k, x in enumerate(STARTS)]
        run = carry_out(steps, leaves, cg.relu, cg.tanh).backward()
        return [float(run.grad(x)) if run.has_grad(x) else 0.0 for x in leaves]

    found: dict[str, Callable[[], object]] = {"cgraph": by_cgraph}
    kept_leaves = [cg.parameter(f"x{k}", x) for k, x in enumerate(STARTS)]
    kept = carry_out(steps, kept_leaves, cg.relu, cg.tanh)
    found["cgraph, graph kept"] = lambda: kept.backward()

    from micrograd.engine import Value

    relu, tanh, minus = micrograd_ops()

    def by_micrograd() -> Any:
        leaves = [Value(x) for x in STARTS]
        carry_out(steps, leaves, relu, tanh, minus).backward()
        return [x.grad for x in leaves]

    found["micrograd"] = by_micrograd
    mine, theirs = by_cgraph(), by_micrograd()
    assert all(abs(a - b) <= 1e-9 * max(1.0, abs(b)) for a, b in zip(mine, theirs, strict=True)), (
        mine,
        theirs,
    )
    if not others:
        return found
    try:
        import torch
    except ImportError:
        pass
    else:
        torch.set_num_threads(1)

        def by_torch() -> Any:
            leaves = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in STARTS]
            carry_out(steps, leaves, torch.relu, torch.tanh).backward()
            return leaves

        found["PyTorch eager"] = by_torch
    try:
        import autograd
        import autograd.numpy as anp
    except ImportError:
        pass
    else:
        slope = autograd.grad(
            lambda leaves: carry_out(steps, leaves, lambda x: anp.maximum(x, 0.0), anp.tanh)
        )
        found["autograd"] = lambda: slope(list(STARTS))
    try:
        import mygrad
    except ImportError:
        pass
    else:

        def by_mygrad() -> Any:
            leaves = [mygrad.tensor(x) for x in STARTS]
            carry_out(steps, leaves, lambda x: mygrad.maximum(x, 0.0), mygrad.tanh).backward()
            return leaves

        found["MyGrad"] = by_mygrad
    return found


def joined(steps: Recipe, have: list[Any]) -> Any:
    """One number of all results that nobody uses, in a tree of sums."""
    used = {k for name, i, j in steps for k in ((i,) if name in ("tanh", "relu") else (i, j))}
    loose = [x for k, x in enumerate(have) if k not in used]
    while len(loose) > 1:
        rest = loose[len(loose) // 2 * 2 :]
        loose = [a + b for a, b in zip(loose[::2], loose[1::2], strict=False)] + rest
    return loose[0]


def compiled(n: int, near: int | None, title: str) -> list[str]:
    """Building, compiling and one call, against micrograd's building and one backward; and a call of the program again."""
    steps = recipe(n, near=near)
    relu, tanh, minus = micrograd_ops()
    from micrograd.engine import Value

    def by_micrograd() -> Any:
        leaves = [Value(x) for x in STARTS]
        joined(steps, carry_out(steps, leaves, relu, tanh, minus, whole=True)).backward()
        return [x.grad for x in leaves]

    def built() -> Any:
        leaves = [cg.parameter(f"x{k}", x) for k, x in enumerate(STARTS)]
        root = joined(steps, carry_out(steps, leaves, cg.relu, cg.tanh, whole=True))
        return cg.compile(root, gradients=leaves)

    def function(*leaves: Any) -> Any:
        return joined(steps, carry_out(steps, list(leaves), cg.relu, cg.tanh, whole=True))

    def traced() -> Any:
        return cg.compile(function, gradients=tuple(range(LEAVES)))(*STARTS)[1]

    program = built()
    size = program.levels.size
    for found in (program()[1], traced()):
        for mine, theirs in zip(found, by_micrograd(), strict=True):
            assert abs(mine - theirs) <= 1e-9 * max(1.0, abs(theirs)), (mine, theirs)
    ways = {
        "micrograd": by_micrograd,
        "cgraph, built, compiled, called": lambda: built()(),
        "cgraph, traced, compiled, called": traced,
        "cgraph, called again": program,
    }
    return table(
        title, interleaved(ways, rounds=3, seconds=0.0), "micrograd", per=size, unit="node"
    )


def report_small() -> list[str]:
    lines = ["## Graphs of numbers: build + run + backward, per node", ""]
    for n, rounds in ((30, 20), (300, 15), (3000, 10)):
        timings = interleaved(contenders(n, others=n <= 300), rounds)
        lines += table(f"{n} operations", timings, "micrograd", per=n + 80, unit="node")
    return lines


def report_large(n: int = 10_000 if QUICK else 100_000) -> list[str]:
    lines = with_a_deep_stack(
        lambda: table(
            f"{n} operations",
            interleaved(contenders(n, others=False), rounds=3, seconds=0.0),
            "micrograd",
            per=n,
            unit="node",
        )
    )
    lines += ["## Graphs of numbers compiled: value and gradients, per node", ""]
    lines += with_a_deep_stack(lambda: compiled(n, None, f"{n} operations, wide"))
    return lines + with_a_deep_stack(lambda: compiled(n, 50, f"{n} operations, deep and thin"))


def report() -> list[str]:
    return [*report_small(), *report_large()]


def with_a_deep_stack(measured: Callable[[], list[str]]) -> list[str]:
    """Micrograd recurses, so it gets a stack and a limit that let it through; cgraph needs neither."""
    found: list[str] = []

    def work() -> None:
        found.extend(measured())

    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(2_000_000)
    threading.stack_size(1 << 30)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    threading.stack_size(0)
    sys.setrecursionlimit(limit)
    return found


if __name__ == "__main__":
    print("\n".join(report()))
