"""What a mutant has to get past, third part: everything that carries graphs out in another way has to give the numbers of a plain run.

Kept plans, folded gradient graphs, `vmap`, loops, `stabilize` and compiled programs, each against the same graph evaluated once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import numpy as np

from cgraph.testing.check import check_gradients
from cgraph.testing.generate.random_graphs import RandomDraw, draw_graph
from tools.mutation.checks_edges import GOOD

cg: Any = import_module("cgraph")


def _close(a: Any, b: Any, rtol: float = 1e-9) -> bool:
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    size = float(np.max(np.abs(b), initial=0.0))
    return a.shape == b.shape and bool(
        np.allclose(a, b, rtol=rtol, atol=rtol * size, equal_nan=True)
    )


def _drawn(count: int, seed: int) -> Iterator[tuple[Any, list[Any]]]:
    """Scalar losses over random graphs, with their parameters."""
    for k in range(count):
        graph = draw_graph(RandomDraw([seed, k]))
        loss = cg.sum(graph.root)
        leaves = (
            [leaf for leaf in graph.leaves if cg.named_leaves and leaf in set(cg.order(loss))]
            if hasattr(cg, "order")
            else graph.leaves
        )
        yield loss, leaves


def _kept() -> bool:
    """`plan`: the fourth evaluation, which runs as source, gives what the first gave, at other values too."""
    for loss, leaves in _drawn(60, 1):
        for scale in (1.0, 0.5):
            for leaf in leaves:
                leaf.value = np.asarray(leaf.value) * scale
            runs = [loss.backward() for _ in range(4)]
            for leaf in leaves:
                if runs[0].has_grad(leaf) and not _close(runs[3].grad(leaf), runs[0].grad(leaf)):
                    return False
            if not _close(runs[3].value(loss), runs[0].value(loss)):
                return False
    return True


def _folded() -> bool:
    """`folding`: gradient graphs evaluate to what backward computes."""
    for loss, leaves in _drawn(80, 2):
        run = loss.backward()
        there = [leaf for leaf in leaves if run.has_grad(leaf)]
        if not there:
            continue
        found = cg.gradient(loss, there)
        again = cg.run(found)
        if not all(
            _close(again.value(g), run.grad(leaf)) for g, leaf in zip(found, there, strict=True)
        ):
            return False
    return True


FUNCTIONS: list[tuple[Callable[..., Any], list[tuple[int, ...]]]] = [
    (lambda x: cg.sin(x) * x, [(3,)]), (lambda x, y: x @ y, [(2, 3), (3, 2)]), (lambda x, y: x @ y, [(3,), (3, 2)]),
    (lambda x, y: x @ y, [(2, 3), (3,)]), (lambda x: cg.sum(x, axis=0), [(2, 3)]), (lambda x: cg.softmax(x, axis=-1), [(2, 3)]),
    (lambda x: cg.max(x, axis=1, keepdims=True), [(2, 3)]), (lambda x: x.T, [(2, 3)]), (lambda x: x.reshape(3, 2), [(2, 3)]),
    (lambda x: x[1], [(2, 3)]), (lambda x: x[:, [0, 2, 0]], [(2, 3)]), (lambda x, y: cg.concatenate([x, y], 0), [(2, 3), (1, 3)]),
    (lambda x: cg.broadcast_to(x, (2, 3)), [(3,)]), (lambda x, y: x * y, [(2, 3), (3,)]), (lambda x: cg.cumsum(x, axis=0), [(2, 3)]),
    (lambda x, y: cg.where(x > y, x, y), [(2, 3), ()]), (lambda x: cg.grad(lambda v: cg.sum(cg.tanh(v) * v))(x), [(3,)]),
    (lambda x: cg.stack([x, x * 2.0], 1), [(3,)]), (lambda x: cg.transpose(x, (2, 0, 1)), [(2, 3, 2)]),
    (lambda x: cg.mean(cg.square(x)), [(2, 3)]),
]  # fmt: skip


def _vmapped() -> bool:
    """`batching` and `mapping`: many examples at once, along any axis, some arguments not mapped, and gradients through them."""
    rng = np.random.default_rng(3)
    for f, shapes in FUNCTIONS:
        for axis in (0, -1):
            for mapped in range(1, 2 ** len(shapes)):
                on = [bool(mapped >> i & 1) for i in range(len(shapes))]
                xs = [
                    rng.standard_normal((4, *s) if m else s)
                    for s, m in zip(shapes, on, strict=True)
                ]
                singles = [
                    f(*(cg.constant(x[k] if m else x) for x, m in zip(xs, on, strict=True)))
                    for k in range(4)
                ]
                truth = np.stack([cg.run(one).value(one) for one in singles])
                given = [np.moveaxis(x, 0, axis) if m else x for x, m in zip(xs, on, strict=True)]
                axes = tuple(axis if m else None for m in on)
                if not _close(cg.vmap(f, in_axes=axes)(*given), truth):
                    return False
        mapped_f = cg.vmap(f)
        points = [rng.standard_normal((4, *s)) for s in shapes]
        if (
            check_gradients(lambda *a, g=mapped_f: cg.sum(cg.sin(g(*a))), *points).verdict
            not in GOOD
        ):
            return False
    return True


def _loops() -> bool:
    """`control`: loops and branches, values by hand, gradients by the checks, twice."""
    x, w = cg.parameter("x", [0.3, -0.2]), cg.parameter("w", [[0.5, 0.2], [-0.1, 0.4]])
    rows = cg.parameter("r", [[0.1, 0.2], [0.3, -0.4], [0.5, 0.6]])

    def body(c: Any, row: Any) -> Any:
        new = cg.tanh(w @ c + row)
        return new, cg.sum(new * c)

    last, kept = cg.scan(body, x, rows)
    by_hand: Any = x
    for k in range(3):
        by_hand = cg.tanh(w @ by_hand + rows[k])
    looped = cg.fori_loop(0, 4, lambda i, c: cg.sin(c) * 1.1 + 0.1 * x, x)
    chosen = [
        cg.cond(cg.sum(x) > t, lambda a: cg.exp(a) * w[0], lambda a: a * a, x) for t in (-1.0, 1.0)
    ]
    roots = [cg.sum(last) + cg.sum(kept), cg.sum(looped * x), *map(cg.sum, chosen)]
    return _close(cg.run(last).value(last), cg.run(by_hand).value(by_hand)) and all(
        check_gradients(root, modes=("vjp", "jvp", "graph"), order=2).verdict in GOOD
        for root in roots
    )


def _rewritten() -> bool:
    """`rewrite`: what `stabilize` makes is the same function, where the plain one can be evaluated."""
    x, y = cg.parameter("x", [0.3, -1.2, 2.0]), cg.parameter("y", [0.0, 1.0, 0.4])
    p = cg.sigmoid(x)
    plain = [
        cg.bce(p, y), cg.log(p), cg.log(1.0 - p), cg.log(1.0 + cg.exp(x)), cg.log(cg.sum(cg.exp(x))), cg.exp(x) / cg.sum(cg.exp(x)),
        cg.log(cg.softmax(x, axis=0)), cg.sqrt(cg.square(x) + cg.square(y)), cg.exp(x) - 1.0, cg.log(1.0 + y), 1.0 / (1.0 + cg.exp(-x)),
        -(y * cg.log(p) + (1.0 - y) * cg.log(1.0 - p)), 1.0 - cg.square(cg.tanh(x)), cg.log(cg.exp(x) + cg.exp(y)),
        cg.mean(cg.square(x)) - cg.square(cg.mean(x)),
    ]  # fmt: skip
    for root in plain:
        better, _ = cg.stabilize(root)
        if not _close(cg.run(better).value(better), cg.run(root).value(root), 1e-7):
            return False
        if check_gradients(better).verdict not in GOOD:
            return False
    return True


def _compiled() -> bool:
    """`compile`: programs give values and gradients of a run."""
    for loss, leaves in _drawn(50, 4):
        run = loss.backward()
        there = [leaf for leaf in leaves if run.has_grad(leaf)]
        program = cg.compile([loss], inputs=[], gradients=there)
        (value,), gradients = program()
        if not _close(value, run.value(loss)):
            return False
        if not all(_close(g, run.grad(leaf)) for g, leaf in zip(gradients, there, strict=True)):
            return False
    return True


WHOLE: dict[str, Callable[[], bool]] = {
    "plan: kept": _kept, "folding: folded": _folded, "batching, mapping: vmapped": _vmapped, "control: loops": _loops,
    "rewrite: rewritten": _rewritten, "compile: compiled": _compiled,
}  # fmt: skip
