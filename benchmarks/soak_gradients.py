"""Soak: random correct graphs, checked in bulk, to count false alarms.

    python benchmarks/soak_gradients.py --draws 1000000 --log benchmarks/soak_gradients.log

A draw is a random graph (see cgraph/testing/random_graphs.py) at a random point: four points a graph, the first on a lattice one time in
three, so that kinks and ties are met, the others near it. The engine is as it is, so every FAIL is a false alarm, or a bug in the
engine: the log gives the seed to look at it with `--only SEED`. One graph in five is float32; every fiftieth is checked to second
order and through `cgraph.gradient`. Verdicts, kinds and times go to the log as the run goes on; a run that is stopped has its log.
"""

from __future__ import annotations

import argparse
import collections
import platform
import time
from pathlib import Path
from typing import TextIO

import numpy as np

import cgraph
from cgraph import testing
from cgraph.testing.compare.subject import topological
from cgraph.testing.generate.random_graphs import RandomDraw, draw_graph

POINTS = 4


def points(seed: int) -> list[testing.Report]:
    """The reports of one graph at its points."""
    draw = RandomDraw([20260101, seed], scale=(0.5, 1.0, 2.0)[seed % 3])
    graph = draw_graph(draw, dtypes=("f4",) if seed % 5 == 0 else ("f8",), empty=seed % 7 == 0)
    deep = seed % 50 == 1
    reports = []
    for k in range(POINTS):
        if k:
            for leaf in graph.leaves:
                jitter = 1 + 0.2 * draw.rng.standard_normal(leaf.shape)
                leaf.value = (
                    leaf.value * jitter + 0.02 * draw.rng.standard_normal(leaf.shape)
                ).astype(leaf.dtype)
        report = testing.check_gradients(
            graph.root,
            seed=seed + k,
            order=2 if deep else 1,
            modes=("vjp", "jvp", "graph") if deep else ("vjp", "jvp"),
        )
        report.notes.append(f"seed {seed} point {k}")
        reports.append(report)
    return reports


def soak(draws: int, start: int, log: TextIO, minutes: float) -> collections.Counter[str]:
    """Check until `draws` or `minutes` are reached."""
    verdicts: collections.Counter[str] = collections.Counter()
    kinds: collections.Counter[str] = collections.Counter()
    sizes: list[int] = []
    begun, cpu, seed, text = time.time(), time.process_time(), start, 0

    def line(text: str) -> None:
        print(text, file=log, flush=True)
        print(text, flush=True)

    line(
        f"cgraph {cgraph.__version__}, Python {platform.python_version()}, NumPy {np.__version__}, {platform.machine()}, from seed {start}"
    )
    while (done := sum(verdicts.values())) < draws and time.time() - begun < 60 * minutes:
        reports = points(seed)
        for report in reports:
            verdicts[str(report.verdict)] += 1
            if report.verdict in (testing.Verdict.FAIL, testing.Verdict.INCONCLUSIVE):
                line(
                    f"{report.verdict}: seed {seed}: {report.why or (report.mismatch and report.mismatch.op)}"
                )
        if seed % 10 == 0:
            nodes = topological(reports[0].subject.root)
            sizes.append(len(nodes))
            kinds.update({node.op.name for node in nodes if node.parents})
        seed += 1
        if done // 20000 > text:
            text = done // 20000
            line(
                f"{done:>9} draws, {seed - start} graphs: {dict(verdicts)}; {(time.process_time() - cpu) / done * 1e3:.2f} ms CPU a draw"
            )
    done = sum(verdicts.values())
    line(
        f"done: {done} draws of {seed - start} graphs in {(time.time() - begun) / 60:.1f} min ({(time.process_time() - cpu) / done * 1e3:.2f} ms CPU a draw)"  # noqa: E501
    )
    line(f"verdicts: {dict(verdicts)}")
    line(
        f"nodes a graph: median {np.median(sizes):.0f}, largest {max(sizes)}; ops met in a tenth of the graphs: {dict(sorted(kinds.items()))}"  # noqa: E501
    )
    rate = 3.0 / done
    line(
        f"false failures: {verdicts['FAIL']}"
        + (f" (95 % confidence: fewer than {rate:.1e} of draws)" if not verdicts["FAIL"] else "")
    )
    return verdicts


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--draws", type=int, default=20_000)
    parser.add_argument("--minutes", type=float, default=1e9)
    parser.add_argument("--start", type=int, default=0, help="first seed")
    parser.add_argument("--only", type=int, help="look at one seed")
    parser.add_argument("--log", type=Path, default=Path("soak_gradients.log"))
    options = parser.parse_args()
    if options.only is not None:
        for report in points(options.only):
            print(report, report.table(), sep="\n")
            print(cgraph.testing.RandomGraph(report.subject.root, report.subject.wrt))
        return
    with options.log.open("w", encoding="utf-8") as log:
        raise SystemExit(soak(options.draws, options.start, log, options.minutes)["FAIL"] > 0)


if __name__ == "__main__":
    main()
