"""What `import cgraph` costs on top of `import numpy`, each in fresh interpreters, turn by turn."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from timing import Timing


def once(module: str) -> float:
    code = f"import time; s = time.perf_counter(); import {module}; print(time.perf_counter() - s)"
    return float(
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout
    )


def measure(rounds: int = 25) -> dict[str, Timing]:
    times: dict[str, list[float]] = {"numpy": [], "cgraph": []}
    for r in range(rounds + 1):
        for module in sorted(times, reverse=bool(r % 2)):
            t = once(module)
            if r:  # the first round warms the disk
                times[module].append(t)
        time.sleep(0.01)
    return {name: Timing(min(ts), statistics.median(ts)) for name, ts in times.items()}


def report() -> list[str]:
    found = measure()
    numpy, own = found["numpy"], found["cgraph"]
    return [
        "## Import", "", "| | least, ms | median, ms | ratio of least | ratio of medians |", "|---|---|---|---|---|",
        f"| numpy | {numpy.least * 1e3:.1f} | {numpy.median * 1e3:.1f} | 1.00 | 1.00 |",
        f"| cgraph | {own.least * 1e3:.1f} | {own.median * 1e3:.1f} | {own.least / numpy.least:.2f} | {own.median / numpy.median:.2f} |", "",
    ]  # fmt: skip


if __name__ == "__main__":
    print("\n".join(report()))
