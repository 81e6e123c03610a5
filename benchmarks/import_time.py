"""What `import cgraph` costs on top of `import numpy`, each in fresh interpreters, turn by turn."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile

from timing import Timing


def once(module: str, cache: str) -> float:
    code = f"import time; s = time.process_time(); import {module}; print(time.process_time() - s)"
    # As after an installation: from compiled bytecode, whatever this shell says about writing it.
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": cache}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    return float(done.stdout)


def measure(rounds: int = 25) -> dict[str, Timing]:
    times: dict[str, list[float]] = {"numpy": [], "cgraph": []}
    with tempfile.TemporaryDirectory() as cache:
        for r in range(rounds + 1):
            for module in sorted(times, reverse=bool(r % 2)):
                t = once(module, cache)
                if r:  # the first round compiles and warms the disk
                    times[module].append(t)
    return {name: Timing(min(ts), statistics.median(ts)) for name, ts in times.items()}


def report() -> list[str]:
    found = measure()
    lines = [
        "## Import",
        "",
        "| | least, ms | median, ms | ratio of least | ratio of medians |",
        "|---|---|---|---|---|",
    ]
    for name, t in found.items():
        base = found["numpy"]
        ratios = (t.least / base.least, t.median / base.median)
        lines.append(
            f"| {name} | {t.least * 1e3:.1f} | {t.median * 1e3:.1f} | {ratios[0]:.2f} | {ratios[1]:.2f} |"
        )
    return [*lines, ""]


if __name__ == "__main__":
    print("\n".join(report()))
