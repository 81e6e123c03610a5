"""What a mutant has to get past: the checks of this package on every row, on random graphs, and on graphs whose sizes are not known.

Imported in the mutant's own process, after its source was put in place.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cgraph.op import OPS
from cgraph.testing.check import check_gradients
from cgraph.testing.generate.op_calls import arity
from cgraph.testing.generate.random_graphs import RandomDraw, draw_graph
from cgraph.testing.op_check import check_op
from cgraph.testing.report import Verdict
from tools.mutation.checks_edges import EDGES, GOOD
from tools.mutation.checks_whole import WHOLE

# The public names, as a user has them: this module is a user, although it stands outside the package.
cg: Any = import_module("cgraph")
for _name in ("linalg", "special", "fft", "signal"):  # their rows are there when they are imported
    import_module(f"cgraph.{_name}")


def _op(name: str) -> bool:
    slow = name.startswith("linalg.")
    return check_op(name, examples=15 if slow else 60, negative_control=False).ok


def _graphs(seed: int) -> bool:
    for k in range(150):
        graph = draw_graph(
            RandomDraw([seed, k]), empty=k % 9 == 0, dtypes=("f4",) if k % 5 == 0 else ("f8",)
        )
        deep = k % 3 == 0
        report = check_gradients(
            graph.root,
            seed=k,
            order=2 if deep else 1,
            modes=("vjp", "jvp", "graph") if deep else ("vjp", "jvp"),
        )
        if not report.ok or (report.verdict is Verdict.INCONCLUSIVE and report.tolerance < 1e-12):
            return False
    return True


def _unknown_sizes() -> bool:
    """Everything that takes shapes from an operand instead of a parameter."""
    X = cg.input("X", shape=(2, None))
    W, b = cg.parameter("W", [[0.3, -0.2], [0.1, 0.4]]), cg.parameter("b", [[0.1], [0.2]])
    p = cg.parameter("p", 0.3)
    data = np.array([[0.5, 1.0, -1.0], [0.2, -0.4, 2.0]])
    z = W @ X + b
    roots = [
        cg.mean(cg.sigmoid(z)), cg.sum(cg.tanh(z) * p, axis=0), cg.max(z, axis=1), cg.mean(z, axis=1), cg.mean(cg.square(z), axis=0),
        cg.logsumexp(z, axis=1), cg.softmax(z, axis=0), cg.var(z), z.reshape(-1), z.T @ W, cg.cumsum(z, axis=1), z[:, ::-1],
        cg.where(z > 0.0, z * p, z), cg.concatenate([z, z * p], 0), cg.sum(z, axis=1, keepdims=True) * b, z[0], cg.min(z), cg.sum(z[1:], axis=0),  # noqa: E501
    ]  # fmt: skip
    for root in roots:
        for order in (1, 2):
            if (
                check_gradients(root, {X: data}, modes=("vjp", "jvp", "graph"), order=order).verdict
                not in GOOD
            ):
                return False
    return check_gradients(roots[0], {X: data}, wrt=[X, W]).verdict in GOOD


def _masks() -> bool:
    """Branches that are not taken: their gradient is zero however bad the partials there are."""
    x = cg.parameter("x", [[0.0, 1.0], [-2.0, 4.0]])
    safe, half = x > 0.5, x * 0.5
    roots = [
        cg.where(safe, cg.log(x), half), cg.where(safe, cg.sqrt(cg.negative(cg.negative(x))), half),
        cg.where(safe, cg.log(x).T.T, half), cg.where(safe, cg.log(x.reshape(4)).reshape(2, 2), half), cg.where(safe, cg.log(x) + half, half),  # noqa: E501
        cg.where(safe, -cg.log(x) - x, half), cg.where(safe.T, cg.log(x).T, half), cg.where(safe, cg.where(safe, cg.log(x), x), half),
        cg.where(safe, cg.log(x) * cg.log(x), half), cg.where(safe, cg.concatenate([cg.log(x)[:1], cg.log(x)[1:]]), half),
        cg.where(safe, cg.broadcast_to(cg.log(x[1:, 1:]), (2, 2)), half), cg.where(safe, cg.sqrt(x - 0.5) + cg.stack([cg.log(x)[0], cg.log(x)[1]]), half),  # noqa: E501
        cg.where(safe, cg.log(x)[::-1][::-1], half), cg.where(safe, cg.sum(cg.expand_dims(cg.log(x), 0), axis=0), half),
    ]  # fmt: skip
    y = cg.parameter("y", [[0.0, -2.0], [1.0, 4.0]])
    top, low = y > 0.5, y * 0.5
    reductions = [
        # A whole row is not taken: nothing of a reduction over it may come back.
        cg.where(top, cg.softmax(y, axis=1), low), cg.where(top, cg.softmax(cg.log(y), axis=1), low),
        cg.where(top, cg.broadcast_to(cg.max(y, axis=1, keepdims=True), (2, 2)), low), cg.where(top, cg.cumsum(cg.log(y), axis=1), low),
        cg.where(top, cg.broadcast_to(cg.logsumexp(cg.log(y), axis=1, keepdims=True), (2, 2)), low),
        cg.where(top, cg.broadcast_to(cg.prod(cg.log(y), axis=1, keepdims=True), (2, 2)), low),
        cg.where(top, OPS["scatter"](cg.log(y), index=(np.array([0, 1]),), shape=(2, 2)), low),
    ]  # fmt: skip
    return _selected(x, roots) and _selected(y, reductions)


def _selected(x: Any, roots: list[Any]) -> bool:
    """Whether the gradients are finite and those of the branches taken."""
    base = x.value.copy()  # `x.value` shows what the latest run was fed
    for root in roots:
        run = root.backward(upstream=np.array([[1.0, 2.0], [3.0, 4.0]]))
        graph = cg.gradient(root, x, np.array([[1.0, 2.0], [3.0, 4.0]]))
        by_graph = cg.run(graph).value(graph)
        if not np.isfinite(run.grad(x)).all() or not np.allclose(
            by_graph, run.grad(x), rtol=1e-12, atol=0
        ):
            return False
        expected = np.zeros((2, 2))
        for k in np.ndindex(2, 2):
            for sign in (1, -1):  # differences are enough here: the question is which branch counts
                moved = base.copy()
                moved[k] += sign * 1e-6
                expected[k] += (
                    sign
                    * float(np.sum(cg.run(root, {x: moved}).value(root) * [[1.0, 2.0], [3.0, 4.0]]))
                    / 2e-6
                )
        if not np.allclose(run.grad(x), expected, rtol=1e-5, atol=1e-6):
            return False
    return True


# What carries graphs out in another way is also held by its own tests: they go over every op and every shape.
SUITES = {
    "batching": ("core/test_vmap.py",),
    "mapping": ("core/test_vmap.py",),
    "folding": ("core/test_folding.py",),
    "plan": ("core/test_plan.py",),
    "control": ("core/test_control.py",),
    "rewrite": ("rewrite",),
    "compile": ("compiled/test_lowerings.py", "compiled/test_random_programs.py"),
}


def _suite(name: str) -> bool:
    tests = Path(__file__).resolve().parents[2] / "tests" / name
    with redirect_stdout(io.StringIO()):
        return pytest.main(["-q", "-x", "-p", "no:cacheprovider", str(tests)]) == 0


# What every row goes through.
EVERYWHERE = (
    "linear_maps",
    "backprop",
    "autodiff",
    "ops.define",
    "ops.elementwise",
    "ops.structure",
    "ops.reduction",
)


def CHECKS(first: str, module: str) -> dict[str, Callable[[], bool]]:
    """All checks by name, the likely ones first: the row `first`, what the module is for, then the rows of the module."""
    near: dict[str, Callable[[], bool]] = {}
    other: dict[str, Callable[[], bool]] = {}
    for name, op in OPS.items():
        if any(op.differentiable(i) for i in range(arity(op))):
            close = name == first or op.module == f"cgraph.{module}"
            (near if close else other)[f"op {name}"] = lambda name=name: _op(name)  # type: ignore[misc]
    own = {name: check for name, check in WHOLE.items() if module.split(".")[0] in name}
    graphs: dict[str, Callable[[], bool]] = {
        f"random graphs {k}": lambda k=k: _graphs(k) for k in range(4)
    }  # type: ignore[misc]
    rest = {"unknown sizes": _unknown_sizes, "masks": _masks, **EDGES, **WHOLE}
    if module not in EVERYWHERE:
        other = {}
    suites: dict[str, Callable[[], bool]] = {
        f"tests/{name}": lambda name=name: _suite(name)  # type: ignore[misc]
        for name in SUITES.get(module.split(".")[0], ())
    }
    return {**own, **near, **suites, **rest, **other, **graphs}
