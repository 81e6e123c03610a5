"""Random graphs, all their gradients: against PyTorch where it is installed, against differences everywhere.

A graph is drawn as a recipe: a list of steps, each an operation on earlier results, with heavy reuse, so that diamonds, unused
branches and repeated operands come by themselves. The recipe is then carried out by cgraph, by NumPy in long double, or by torch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from core import numeric
from scipy.special import expit

import cgraph as cg

Step = tuple[str, tuple[int, ...], Any]


class NumPy:
    """The operations a recipe uses, as NumPy and SciPy have them."""

    add, mul, sub = staticmethod(np.add), staticmethod(np.multiply), staticmethod(np.subtract)
    tanh, sin, exp, log1p, sqrt = (
        staticmethod(f) for f in (np.tanh, np.sin, np.exp, np.log1p, np.sqrt)
    )
    square, neg, sigmoid, absolute = (
        staticmethod(f) for f in (np.square, np.negative, expit, np.abs)
    )
    maximum, matmul = staticmethod(np.maximum), staticmethod(np.matmul)

    @staticmethod
    def where(c: Any, a: Any, b: Any) -> Any:
        return np.where(c > 0, a, b)

    @staticmethod
    def relu(x: Any) -> Any:
        return np.maximum(x, 0)

    @staticmethod
    def total(x: Any, axis: Any) -> Any:
        return np.sum(x, axis=axis, keepdims=True)

    @staticmethod
    def mean(x: Any, axis: Any) -> Any:
        return np.mean(x, axis=axis, keepdims=True)

    @staticmethod
    def turn(x: Any, _: Any) -> Any:
        return x.T

    @staticmethod
    def cut(x: Any, k: int) -> Any:
        return x[:, k : k + 1]

    @staticmethod
    def join(a: Any, b: Any) -> Any:
        return np.concatenate([a, b], 0)[: a.shape[0]]

    @staticmethod
    def constant(x: Any) -> Any:
        return x


class CGraph(NumPy):
    add, mul, sub = staticmethod(cg.add), staticmethod(cg.multiply), staticmethod(cg.subtract)
    tanh, sin, exp, log1p, sqrt = (
        staticmethod(f) for f in (cg.tanh, cg.sin, cg.exp, cg.log1p, cg.sqrt)
    )
    square, neg, sigmoid, absolute = (
        staticmethod(f) for f in (cg.square, cg.negative, cg.sigmoid, cg.abs)
    )
    maximum, matmul, relu = staticmethod(cg.maximum), staticmethod(cg.matmul), staticmethod(cg.relu)


def torch_operations() -> Any:
    torch = pytest.importorskip("torch")

    class Torch(NumPy):
        add, mul, sub = staticmethod(torch.add), staticmethod(torch.mul), staticmethod(torch.sub)
        tanh, sin, exp, log1p, sqrt = (
            staticmethod(f) for f in (torch.tanh, torch.sin, torch.exp, torch.log1p, torch.sqrt)
        )
        square, neg, sigmoid, absolute = (
            staticmethod(f) for f in (torch.square, torch.neg, torch.sigmoid, torch.abs)
        )
        maximum, matmul, relu = (
            staticmethod(torch.maximum),
            staticmethod(torch.matmul),
            staticmethod(torch.relu),
        )

        @staticmethod
        def constant(x: Any) -> Any:
            return torch.tensor(x, dtype=torch.float64)

        @staticmethod
        def where(c: Any, a: Any, b: Any) -> Any:
            return torch.where(c > 0, a, b)

        @staticmethod
        def total(x: Any, axis: Any) -> Any:
            return torch.sum(x, dim=axis if axis is not None else (0, 1), keepdim=True)

        @staticmethod
        def mean(x: Any, axis: Any) -> Any:
            return torch.mean(x, dim=axis if axis is not None else (0, 1), keepdim=True)

        @staticmethod
        def join(a: Any, b: Any) -> Any:
            return torch.cat([a, b], 0)[: a.shape[0]]

    return torch, Torch


UNARY = ["tanh", "sin", "exp", "log1p", "sqrt", "square", "neg", "sigmoid", "absolute", "relu"]
BINARY = ["add", "mul", "sub", "maximum"]
SHAPED = ["total", "mean", "turn", "cut", "join", "matmul", "where"]
SAFE = {
    "exp": "tanh",
    "log1p": "square",
    "sqrt": "square",
}  # what makes an operand fit: bounded, or not negative


class Recipe:
    """Leaves, steps over earlier results, and the sinks, whose weighted sum is the root."""

    def __init__(self, seed: int, scalar: bool) -> None:
        rng = np.random.default_rng(seed)
        shape = (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
        smaller = [(1, shape[1]), (shape[0], 1), (1, 1)]
        shapes: list[Any] = [
            () if scalar else shape if rng.random() < 0.7 else smaller[rng.integers(3)]
            for _ in range(3)
        ]
        self.leaves = [rng.uniform(0.3, 1.5, s) * rng.choice([-1.0, 1.0], s) for s in shapes]
        self.steps: list[Step] = []
        have = list(shapes)

        def put(name: str, operands: tuple[int, ...], extra: Any, result: Any) -> int:
            self.steps.append((name, operands, extra))
            have.append(result)
            return len(have) - 1

        for _ in range(int(rng.integers(4, 16))):
            # Recent results are picked more often, leaves again and again.
            i, j, k = (int(len(have) * min(rng.power(1.6), 0.999)) for _ in range(3))
            name = str(rng.choice(UNARY + BINARY + BINARY + ([] if scalar else SHAPED)))
            if name in UNARY:
                if name in SAFE:
                    i = put(SAFE[name], (i,), None, have[i])
                    if name == "sqrt":  # away from its pole
                        i = put("add", (i,), 0.5, have[i])
                put(name, (i,), None, have[i])
            elif name in BINARY:
                other = j if rng.random() < 0.85 else None
                if other is None:
                    put(name, (i,), float(rng.uniform(-1.5, 1.5)), have[i])
                else:
                    put(
                        name,
                        (i, j),
                        None,
                        np.broadcast_shapes(have[i], have[j]) if _fit(have[i], have[j]) else None,
                    )
                    if have[-1] is None:
                        have.pop(), self.steps.pop()
            elif name in ("total", "mean"):
                axis = [None, 0, 1][rng.integers(3)]
                put(
                    name,
                    (i,),
                    (axis,),
                    tuple(1 if axis is None or a == axis else n for a, n in enumerate(have[i])),
                )
            elif name == "turn":
                put(name, (i,), (None,), have[i][::-1])
            elif name == "cut":
                put(name, (i,), (int(rng.integers(have[i][1])),), (have[i][0], 1))
            elif name == "matmul":
                # x · (yᵀ y) keeps the shape of x whatever y is, when their widths agree
                if have[i][1] == have[j][1]:
                    t = put("turn", (j,), (None,), have[j][::-1])
                    m = put("matmul", (t, j), None, (have[j][1], have[j][1]))
                    m = put("tanh", (m,), None, have[m])
                    put("matmul", (i, m), None, have[i])
            elif name == "join" and have[i][1] == have[j][1]:
                put(name, (i, j), None, have[i])
            elif name == "where" and have[i] == have[j] == have[k]:
                put(name, (i, j, k), None, have[i])
            big = len(have) - 1
            if rng.random() < 0.3:
                put("tanh", (big,), None, have[big])  # keeps numbers from growing
        used = {i for _, operands, _ in self.steps for i in operands}
        self.sinks = [i for i in range(len(have)) if i not in used]
        self.weights = [rng.normal(size=have[i]) for i in self.sinks]

    def values(self, ops: Any, leaves: list[Any]) -> list[Any]:
        found = list(leaves)
        for name, operands, extra in self.steps:
            args = [found[i] for i in operands]
            if isinstance(extra, tuple):
                args += extra
            elif extra is not None:
                args.append(ops.constant(extra))
            found.append(getattr(ops, name)(*args))
        return found

    def root(
        self, ops: Any, leaves: list[Any], total: Callable[[Any], Any]
    ) -> tuple[Any, list[Any]]:
        found = self.values(ops, leaves)
        parts = [
            total(found[i] * ops.constant(w)) for i, w in zip(self.sinks, self.weights, strict=True)
        ]
        out = parts[0]
        for part in parts[1:]:
            out = out + part
        return out, found

    def tame(self) -> bool:
        """No value so near a kink, or so large, that differences tell nothing."""
        found = self.values(NumPy, self.leaves)
        for name, operands, extra in self.steps:
            args = [found[i] for i in operands] + ([extra] if isinstance(extra, float) else [])
            near = {
                "absolute": lambda a: a, "relu": lambda a: a, "maximum": lambda a, b: np.subtract(a, b), "where": lambda c, a, b: c,
            }.get(name)  # fmt: skip
            if near is not None and np.min(np.abs(near(*args)), initial=1.0) < 0.02:
                return False
        return all(np.max(np.abs(v), initial=0.0) < 50 for v in found)


def _fit(a: Any, b: Any) -> bool:
    try:
        np.broadcast_shapes(a, b)
    except ValueError:
        return False
    return True


def recipes(count: int, start: int, tame: bool) -> list[Recipe]:
    found: list[Recipe] = []
    seed = start
    while len(found) < count:
        recipe = Recipe(seed, scalar=seed % 2 == 0)
        seed += 1
        if recipe.sinks and recipe.steps and (not tame or recipe.tame()):
            found.append(recipe)
    return found


def by_cgraph(recipe: Recipe) -> tuple[cg.Run, list[cg.Node], list[cg.Node], cg.Node]:
    leaves = [cg.parameter(f"x{i}", x) for i, x in enumerate(recipe.leaves)]
    out, found = recipe.root(CGraph, leaves, cg.sum)
    return out.backward(), leaves, found, out


@pytest.mark.parametrize("batch", range(10))
def test_against_differences(batch: int) -> None:
    """30 graphs a batch: gradients of the leaves, the gradient graph, forward mode, and the Hessian against differences."""
    for recipe in recipes(30, 100_000 * batch, tame=True):
        run, leaves, _, out = by_cgraph(recipe)

        def truth(*xs: Any, recipe: Recipe = recipe) -> Any:
            return recipe.root(NumPy, list(xs), np.sum)[0]

        long = [numeric.long(x) for x in recipe.leaves]
        numeric.assert_close(run.value(out), truth(*long), 1e-12)
        used = set(run.order)
        graphs = cg.gradient(out, leaves, disconnected="zero")
        second = cg.run(graphs)
        for i, leaf in enumerate(leaves):
            expected = numeric.gradient(truth, long, i, np.longdouble(1.0), 2e-4)
            got = run.grad(leaf) if leaf in used else np.zeros(leaf.shape)
            numeric.assert_close(got, expected, 1e-9)
            numeric.assert_close(second.value(graphs[i]), got, 1e-12)
        t = [np.random.default_rng(i).normal(size=x.shape) for i, x in enumerate(recipe.leaves)]
        tangent = cg.jvp(out, leaves, t)
        total = sum(np.sum(second.value(g) * v) for g, v in zip(graphs, t, strict=True))
        numeric.assert_close(cg.run(tangent).value(tangent), np.asarray(total), 1e-11)

        def slopes(h: float, recipe: Recipe = recipe, t: Any = t) -> Any:
            moved = [cg.parameter("x", x + h * v) for x, v in zip(recipe.leaves, t, strict=True)]
            root, _ = recipe.root(CGraph, moved, cg.sum)
            r = root.backward()
            return np.concatenate(
                [np.ravel(r.grad(p)) if p in set(r.order) else np.zeros(p.size) for p in moved]
            )

        turned = [cg.jvp(g, leaves, t) for g in graphs]
        along = cg.run(turned)
        found = np.concatenate([np.ravel(along.value(g)) for g in turned])
        numeric.assert_close(found, numeric.along(slopes, 2e-4), 1e-6)


@pytest.mark.parametrize("batch", range(10))
def test_against_torch(batch: int) -> None:
    """130 graphs a batch, at least 1,100 of them comparable: every value and the gradient of every node, leaf or not."""
    torch, Torch = torch_operations()
    compared = 0
    for recipe in recipes(130, 100_000 * batch + 50_000, tame=False):
        run, _, found, out = by_cgraph(recipe)
        tensors = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in recipe.leaves]
        root, theirs = recipe.root(Torch, tensors, torch.sum)
        for tensor in theirs:
            if tensor.requires_grad:
                tensor.retain_grad()
        root.backward()
        gradients = [
            (n, t.grad.numpy()) for n, t in zip(found, theirs, strict=True) if t.grad is not None
        ]
        if max([abs(float(root.detach())), *(np.abs(g).max() for _, g in gradients)]) > 1e8:
            continue  # digits are lost by both
        numeric.assert_close(run.value(out), root.detach().numpy(), 1e-11)
        for node, expected in gradients:
            numeric.assert_close(run.grad(node), expected, 1e-9, f"{node!r} in {recipe.steps}")
        compared += 1
    assert compared >= 110
