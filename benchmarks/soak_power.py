"""Power: what the gradient checks find, how small it may be, whom they mismatch, and what a check costs.

    python benchmarks/soak_power.py --seeds 20 --log benchmarks/soak_power.log

Three tables. Every fault of `testing.FAULTS` on every seed: examples until it is found (at most 1000), mismatch, nodes of the minimal case.
The detection floor: gradients of random graphs and of NumPy functions times (1 + delta), share detected. And times.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import cgraph as cg
from cgraph import testing
from cgraph.testing.compare.subject import topological
from cgraph.testing.faults.engine import driver_replaced
from cgraph.testing.generate.random_graphs import RandomDraw, draw_graph

Say = Callable[[str], None]


def faults(seeds: int, say: Say) -> None:
    """The table of faults."""
    found = located = small = total = 0
    worst: list[tuple[int, str]] = []
    for name in testing.FAULTS:
        most = 0
        for seed in range(seeds):
            result = testing.find(name, seed=1_000_000 + 7919 * seed)
            total += 1
            found += result.examples > 0
            located += result.located
            most = max(most, result.examples or 1000)
            if result.examples and result.report is not None and seed < 3:
                with testing.plant(name):
                    small += result.report.case.after <= 4
            if not result.located:
                say(
                    f"  {name}, seed {seed}: "
                    + (f"located {result.report.mismatch}" if result.report else "not found")
                )
        worst.append((most, name))
    say(
        f"{len(testing.FAULTS)} faults x {seeds} seeds: found {found}/{total} within 1000 examples, located rightly {located}/{total}"
    )
    say(f"reduced to at most 4 nodes: {small}/{len(testing.FAULTS) * min(seeds, 3)}")
    worst.sort(reverse=True)
    say("most examples needed: " + ", ".join(f"{name} {n}" for n, name in worst[:6]))


def scaled_driver(delta: float) -> Callable[..., None]:
    """The right driver, with one share of the gradient off by delta: the last that is handed to a leaf."""
    from cgraph import backprop

    right = backprop.backpropagate

    def driver(nodes: Any, cotangents: Any, at: Any, wanted: Any, masks: Any) -> None:
        right(nodes, cotangents, at, wanted, masks)
        for node in nodes:
            if not node.parents and node in cotangents:
                cotangents[node] = cotangents[node] * np.asarray(1 + delta, node.dtype)[()]

    return driver


FUNCTIONS: list[tuple[Callable[..., Any], Callable[..., Any]]] = [
    (np.sin, lambda u, x: u * np.cos(x)),
    (np.exp, lambda u, x: u * np.exp(x)),
    (lambda x: np.sum(x**3), lambda u, x: 3 * u * x**2),
    (lambda x: np.log1p(x * x), lambda u, x: 2 * u * x / (1 + x * x)),
    (lambda x: np.tanh(x) * x, lambda u, x: u * (np.tanh(x) + x / np.cosh(x) ** 2)),
    (lambda x: np.abs(x) * x, lambda u, x: 2 * u * np.abs(x)),
]


def floor(draws: int, say: Say) -> None:
    """Share of gradients times (1 + delta) that are called wrong."""
    deltas = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-8, 1e-9, 1e-10, 1e-11, 1e-12, 0.0)
    say("delta            " + "".join(f"{d:>8.0e}" for d in deltas))
    for dtype in ("f8", "f4"):
        shares = []
        for delta in deltas:
            hits = n = 0
            seed = 0
            while n < draws:
                seed += 1
                graph = draw_graph(RandomDraw([77, seed]), dtypes=(dtype,))
                plain = testing.check_gradients(graph.root, seed=seed)
                if plain.verdict is not testing.Verdict.PASS or plain.expected == 0.0:
                    continue
                n += 1
                with driver_replaced("backpropagate", scaled_driver(delta)):
                    hits += (
                        testing.check_gradients(graph.root, seed=seed, modes=("vjp",)).verdict
                        is testing.Verdict.FAIL
                    )
            shares.append(100.0 * hits / n)
        say(
            f"graphs {'float64' if dtype == 'f8' else 'float32'}  "
            + "".join(f"{s:>8.1f}" for s in shares)
        )
    shares = []
    rng = np.random.default_rng(5)
    for delta in deltas:
        hits = 0
        for k in range(draws):
            f, vjp = FUNCTIONS[k % len(FUNCTIONS)]
            x = rng.standard_normal(3) * 10 ** rng.uniform(-1, 1)
            report = testing.check_gradients(
                f, x, vjp=lambda u, x, vjp=vjp, delta=delta: vjp(u, x) * (1 + delta), seed=k
            )
            hits += report.verdict is testing.Verdict.FAIL
        shares.append(100.0 * hits / draws)
    say("NumPy functions  " + "".join(f"{s:>8.1f}" for s in shares))


def times(say: Say) -> None:
    """Milliseconds for a check of twenty nodes, and for a failure from check to picture."""
    x, w = cg.parameter("x", [0.3, -0.2]), cg.parameter("w", [[0.1, 0.5], [-0.3, 0.2]])
    node: Any = x
    ops = [lambda n: w @ n, cg.tanh, lambda n: n * x, cg.sin, lambda n: n + x, cg.sigmoid]
    while len(topological(node)) < 19:
        node = ops[len(topological(node)) % len(ops)](node)
    root = cg.mean(node)
    best = min(_timed(lambda: testing.check_gradients(root)) for _ in range(300))
    reverse = min(_timed(lambda: testing.check_gradients(root, modes=("vjp",))) for _ in range(300))
    say(
        f"a check of {len(topological(root))} nodes: {1e3 * best:.2f} ms with forward mode, {1e3 * reverse:.2f} ms reverse mode only"
    )
    s: Any = cg.parameter("s", 0.3)
    n = s
    for k in range(18):
        n = (cg.sin, cg.exp, cg.tanh, lambda z: z * s)[k % 4](n)
    scalar = min(_timed(lambda: testing.check_gradients(n)) for _ in range(300))
    say(f"a check of {len(topological(n))} scalar nodes: {1e3 * scalar:.2f} ms")
    spent = []
    for name in list(testing.FAULTS)[::6]:
        found = testing.find(name, seed=11)
        if found.report is not None:
            with testing.plant(name), tempfile.TemporaryDirectory() as directory:
                spent.append(_timed(lambda r=found.report, d=directory: r.describe(d)))
    say(
        f"a failure, reduced, drawn and written: median {statistics.median(spent):.2f} s, longest {max(spent):.2f} s"
    )


def _timed(call: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--log", type=Path, default=Path("soak_power.log"))
    options = parser.parse_args()
    with options.log.open("w", encoding="utf-8") as log:

        def say(text: str) -> None:
            print(text, file=log, flush=True)
            print(text, flush=True)

        times(say)
        floor(options.draws, say)
        faults(options.seeds, say)


if __name__ == "__main__":
    main()
