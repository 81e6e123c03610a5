"""Timing two or more ways of doing the same, fairly on a machine that others use too.

Rounds alternate between the contenders in one process, so that whatever slows the machine slows all of them, and processor time is
counted, so that waiting for a busy machine is not; each contender's figure is the least of its rounds, and the median. Only ratios
mean anything.
"""

from __future__ import annotations

import gc
import json
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass
class Timing:
    """Seconds a call."""

    least: float
    median: float


# Few rounds, small arrays: whether everything runs.
QUICK = bool(os.environ.get("BENCHMARKS_QUICK"))
CLOCKS = {"processor": time.process_time, "elapsed": time.perf_counter}


def interleaved(
    contenders: dict[str, Callable[[], object]],
    rounds: int = 30,
    seconds: float = 0.02,
    clock: str = "processor",
) -> dict[str, Timing]:
    """Time each contender in turn, `rounds` times over, with as many calls a round as take about `seconds`.

    `clock` is "elapsed" where several threads count as one.
    """
    now = CLOCKS[clock]
    rounds = max(2, rounds // 6) if QUICK else rounds
    calls = {}
    for name, work in contenders.items():
        work()
        start = time.perf_counter()
        work()
        calls[name] = max(1, round(seconds / max(time.perf_counter() - start, 1e-9)))
    found: dict[str, list[float]] = {name: [] for name in contenders}
    names = list(contenders)
    for r in range(rounds):
        for name in names[r % len(names) :] + names[: r % len(names)]:
            work, n = contenders[name], calls[name]
            gc.collect()
            start = now()
            for _ in range(n):
                work()
            found[name].append((now() - start) / n)
    return {name: Timing(min(times), statistics.median(times)) for name, times in found.items()}


# Every row of every table, for the file of results.
RECORDED: list[dict[str, Any]] = []
# Where they go as they are found, too: a part that is cut off leaves what it had.
sink: Path | None = None


def record(work: str, how: str, amount: float, ratio: float, reference: str, unit: str = "us") -> None:  # fmt: skip
    """Keep a figure for the file of results."""
    row = {
        "work": work,
        "how": how,
        "amount": amount,
        "unit": unit,
        "ratio": ratio,
        "to": reference,
    }
    RECORDED.append(row)
    if sink is not None:
        with sink.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


def table(
    title: str, timings: dict[str, Timing], reference: str, per: int = 1, unit: str = "call"
) -> list[str]:
    """Markdown: microseconds, and ratios to one of the contenders (above 1: slower than it)."""
    base = timings[reference]
    lines = [
        f"### {title}",
        "",
        f"| | least, us/{unit} | median, us/{unit} | ratio of least | ratio of medians |",
        "|---|---|---|---|---|",
    ]
    for name, t in sorted(timings.items(), key=lambda item: item[1].least):
        numbers = (
            t.least / per * 1e6,
            t.median / per * 1e6,
            t.least / base.least,
            t.median / base.median,
        )
        record(title, name, t.least / per * 1e6, t.least / base.least, reference)
        lines.append(f"| {name} | " + " | ".join(f"{x:.2f}" for x in numbers) + " |")
    return [*lines, ""]
