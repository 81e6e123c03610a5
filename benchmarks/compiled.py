"""Compiled programs and trainings against the same by hand in NumPy; `python benchmarks/compiled.py [--json FILE]` prints a table.

Training (the article's three nets, cost in every epoch, data as arguments) against the article's layers (`article.py`); the results are
held against each other before anything is timed. Processor time, rounds alternating, the least of several.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from itertools import pairwise
from typing import Any

import numpy as np
import training_peers
from article import Net
from timing import QUICK, RECORDED, record

import cgraph as cg
from cgraph import datasets, nn, optim

EPOCHS, ROUNDS = (600, 2) if QUICK else (3000, 7)


def least(contenders: dict[str, Callable[[], object]], rounds: int = ROUNDS) -> dict[str, float]:
    """The least processor time of each, in seconds."""
    best = dict.fromkeys(contenders, float("inf"))
    for _ in range(min(rounds, ROUNDS) if QUICK else rounds):
        for name, work in contenders.items():
            start = time.process_time()
            work()
            best[name] = min(best[name], time.process_time() - start)
    return best


def trainings() -> list[tuple[str, str, float, float]]:
    """(net, what, microseconds an epoch, ratio to the article's layers)."""
    X, Y = datasets.iris("petals")[:2]
    found = []
    for name, data, sizes in (
        ("AND 2-1", datasets.and_gate(), (2, 1)),
        ("XOR 2-3-1", datasets.xor_gate(), (2, 3, 1)),
        ("Iris 2-1", (X, Y), (2, 1)),
    ):
        x, y = (np.asarray(a, float) for a in data)
        rng = np.random.RandomState(48)
        layers: list[Any] = []
        for a, b in pairwise(sizes):
            layers += [nn.Linear(a, b, "xavier", rng), nn.Sigmoid()]
        model = nn.Sequential(*layers[:-1])
        graph = nn.training.classifier_graph(model, sizes[0])
        start = [p.value for p in model.parameters]
        pairs = list(zip(start[::2], start[1::2], strict=True))

        def fresh(
            accuracy: str, backend: str = "numpy", model: Any = model, graph: Any = graph
        ) -> Any:
            return cg.compile_training(
                graph.cost, optim.GradientDescent(1.0), [graph.X, graph.Y],
                parameters=model.parameters, accuracy=accuracy, backend=backend,
            )  # fmt: skip

        def run(
            step: Any, every: int, model: Any = model, start: Any = start, x: Any = x, y: Any = y
        ) -> Any:
            for p, v in zip(model.parameters, start, strict=True):
                p.value = v
            return step(x, y, epochs=EPOCHS, report_every=every)

        full, fast = fresh("full"), fresh("fast")
        wanted = Net(pairs).train(x, y, EPOCHS)
        np.testing.assert_allclose(run(full, 1), wanted, rtol=1e-9)
        np.testing.assert_allclose(run(fast, 1), wanted, rtol=1e-9)
        rows, labels = x.T.copy(), y.ravel()
        hidden = sizes[1:-1]
        ways: dict[str, Callable[[], object]] = {}
        if find_spec("numba") and find_spec("scipy"):
            kernel = fresh("full", "numba")
            start_of_compiling = time.process_time()
            np.testing.assert_allclose(run(kernel, 1), wanted, rtol=1e-9)
            compiling = time.process_time() - start_of_compiling
            ways = {
                f'compile_training, backend="numba" (compiled in {compiling:.1f} s)': lambda s=kernel: run(s, 1),
                'the same, cost every 100th epoch': lambda s=kernel: run(s, 100),
            }  # fmt: skip
        times = least(
            {
                "the article's layers": lambda p=pairs, x=x, y=y: Net(p).train(x, y, EPOCHS),
                "compile_training": lambda s=full: run(s, 1),
                'compile_training, accuracy="fast"': lambda s=fast: run(s, 1),
                "compile_training, cost every 100th epoch": lambda s=full: run(s, 100),
                "BinaryClassifier.fit": lambda r=rows, t=labels, h=hidden: nn.BinaryClassifier(
                    hidden=h, epochs=EPOCHS, verbose=False
                ).fit(r, t),
                **ways,
            }
        )
        times = {what: t / EPOCHS for what, t in times.items()}
        for what, _, train, share in training_peers.installed():
            epochs = EPOCHS * share // 100
            np.testing.assert_allclose(train(pairs, x, y, 50), wanted[:50], rtol=1e-9)
            train(pairs, x, y, epochs)
            spent = least({what: lambda t=train, p=pairs, x=x, y=y, n=epochs: t(p, x, y, n)}, 3)
            times[what] = spent[what] / epochs
        base = times["the article's layers"]
        found += [(name, what, t * 1e6, t / base) for what, t in times.items()]
    return found


def mlp(dtype: str) -> list[tuple[str, str, float, float]]:
    """A training step of 784-512-512-1 on 1024 examples, against its matrix products alone."""
    rng = np.random.default_rng(0)
    sizes, batch = (784, 512, 512, 1), 1024
    X, Y = (
        cg.input("X", shape=(784, None), dtype=dtype),
        cg.input("Y", shape=(1, None), dtype=dtype),
    )
    h, parameters = X, []
    for k, (a, b) in enumerate(pairwise(sizes)):
        W = cg.parameter(f"W{k}", (rng.standard_normal((b, a)) / np.sqrt(a)).astype(dtype))
        c = cg.parameter(f"b{k}", np.zeros((b, 1), dtype))
        parameters += [W, c]
        h = W @ h + c
        h = cg.relu(h) if k < 2 else h
    loss = cg.mean(cg.stable_bce(h, Y))
    step = cg.compile_training(loss, optim.GradientDescent(0.01), [X, Y])
    x, y = (
        rng.standard_normal((784, batch)).astype(dtype),
        rng.integers(0, 2, (1, batch)).astype(dtype),
    )
    run = loss.backward({X: x, Y: y})
    np.testing.assert_allclose(step(x, y), run.value(loss), rtol=1e-5)
    weights = [p.value for p in parameters[::2]]
    ahead = [x, *(np.ones((512, batch), dtype) for _ in range(2))]
    back = [np.ones((w.shape[0], batch), dtype) for w in weights]
    outs = [np.empty((w.shape[0], batch), dtype) for w in weights]
    slopes = [np.empty_like(w) for w in weights]
    below = [np.empty((512, batch), dtype) for _ in range(2)]

    def products() -> None:
        for w, a, o, d, g in zip(weights, ahead, outs, back, slopes, strict=True):
            np.dot(w, a, o)
            np.dot(d, a.T, g)
        for w, d, o in zip(weights[1:], back[1:], below, strict=True):
            np.dot(w.T, d, o)

    ways: dict[str, Callable[[], object]] = {
        "matrix products alone": products,
        "compile_training": lambda: step(x, y),
    }
    ways.update(mlp_peers(weights, x, y))
    times = least(ways, 12)
    base = times["matrix products alone"]
    return [(f"MLP step, {dtype}", what, t * 1e6, t / base) for what, t in times.items()]


def mlp_peers(weights: list[Any], x: Any, y: Any) -> dict[str, Callable[[], object]]:
    """The same step in PyTorch and JAX."""
    ways: dict[str, Callable[[], object]] = {}
    start = [p for W in weights for p in (W, np.zeros((W.shape[0], 1), x.dtype))]
    if find_spec("torch"):
        import torch

        torch.set_num_threads(1)
        flat = [torch.tensor(p, requires_grad=True) for p in start]
        tx, ty = torch.tensor(x), torch.tensor(y)

        def cost(*flat: Any) -> Any:
            Z = training_peers._logits(torch, torch.relu, flat, tx)
            return torch.nn.functional.binary_cross_entropy_with_logits(Z, ty)

        def stepper(function: Any) -> Callable[[], object]:
            def step() -> Any:
                value = function(*flat)
                slopes = torch.autograd.grad(value, flat)
                with torch.no_grad():
                    for p, g in zip(flat, slopes, strict=True):
                        p -= 0.01 * g
                return value.item()

            return step

        ways["PyTorch eager"] = stepper(cost)
        ways["torch.compile"] = stepper(torch.compile(cost))
    for way in ways.values():
        way()
    return ways


def overhead() -> list[tuple[str, str, float, float]]:
    """What a call costs beside its work, and what compiling costs: a cached call of a program of one number, the MLP of `mlp`."""
    x = cg.input("x", shape=())
    program = cg.compile(x * 2.0, [x])
    wanted = program(1.5)
    assert wanted == 3.0

    def calls() -> None:
        for _ in range(1000):
            program(1.5)

    rng = np.random.default_rng(0)
    X, Y = cg.input("X", shape=(784, 1024)), cg.input("Y", shape=(1, 1024))
    weights = [
        cg.parameter("W", rng.standard_normal(s)) for s in ((512, 784), (512, 512), (1, 512))
    ]
    h: Any = X
    for k, W in enumerate(weights):
        h = W @ (cg.relu(h) if k else h) + cg.parameter("b", np.zeros((W.shape[0], 1)))
    loss = cg.mean(cg.stable_bce(h, Y))
    times = least({"call": calls, "compile": lambda: cg.compile([loss], [X, Y], weights)}, 12)
    return [
        ("overhead", "a cached call, one number", times["call"] / 1000 * 1e6, 1.0),
        ("overhead", "compiling the MLP below", times["compile"] * 1e6, 1.0),
    ]


def table(title: str, rows: list[tuple[str, str, float, float]]) -> list[str]:
    """Markdown, with a heading."""
    lines = [
        f"## {title}",
        "",
        "Processor time of an epoch, or of a call; one BLAS thread, the least of several alternating rounds; ratios to the first row.",
        "",
        "| work | how | least, us | ratio |",
        "|---|---|---|---|",
    ]
    for work, how, us, ratio in rows:
        record(work, how, us, ratio, next(h for w, h, *_ in rows if w == work))
        lines.append(f"| {work} | {how} | {us:.2f} | {ratio:.3f} |")
    return [*lines, ""]


def report_overhead() -> list[str]:
    return table("What a call and compiling cost", overhead())


def report_trainings() -> list[str]:
    return table("Compiled trainings", trainings())


def report_float32() -> list[str]:
    return table("A step of an MLP in float32", mlp("f4"))


def report_float64() -> list[str]:
    return table("A step of an MLP in float64", mlp("f8"))


def report() -> list[str]:
    """All of it."""
    return [*report_overhead(), *report_trainings(), *report_float32(), *report_float64()]


def main() -> None:
    print("\n".join(report()))
    if "--json" in sys.argv:
        with open(sys.argv[sys.argv.index("--json") + 1], "w", encoding="utf-8") as file:
            json.dump(RECORDED, file, indent=1)


if __name__ == "__main__":
    main()
