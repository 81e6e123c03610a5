"""All benchmarks, one after the other; with --write, their tables go into RESULTS.md and every figure into results.json."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import sys
from pathlib import Path

import checkers
import compiled
import elementwise
import import_time
import kept_graphs
import scalar_graphs
import tiny_arrays
from timing import RECORDED


def versions() -> str:
    found = []
    for package in ("numpy", "scipy", "numba", "micrograd", "torch", "jax", "autograd", "mygrad"):
        try:
            found.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            found.append(f"{package} missing")
    return ", ".join(found)


OWN = ("cgraph", "compile_training", "BinaryClassifier", "a cached call", "compiling")


def beaten() -> list[str]:
    """Where somebody else is faster, or takes less memory, than the best that cgraph has there."""
    works = dict.fromkeys((r["work"], r["unit"]) for r in RECORDED)
    lines = [
        "## Not flattering",
        "",
        "Where another contender is ahead of the best that cgraph does, from the tables below:",
        "",
    ]
    for work, unit in works:
        rows = [r for r in RECORDED if (r["work"], r["unit"]) == (work, unit)]
        own = [r for r in rows if r["how"].startswith(OWN)]
        if not own:
            continue
        best = min(own, key=lambda r: r["amount"])
        ahead = [r for r in rows if r not in own and r["amount"] < best["amount"]]
        if ahead:
            names = ", ".join(
                f"{r['how']} {r['amount'] / best['amount']:.2f}"
                for r in sorted(ahead, key=lambda r: r["amount"])
            )
            lines.append(f"- {work}: of {best['how']}, {names}")
    return [*lines, ""]


def main() -> None:
    load = f", load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    reports = (
        import_time,
        compiled,
        elementwise,
        scalar_graphs,
        tiny_arrays,
        kept_graphs,
        checkers,
    )
    tables = [line for module in reports for line in module.report()]
    lines = [
        "# Results", "",
        f"Python {platform.python_version()}, {versions()}; {os.cpu_count()} cores ({platform.machine()}){load}. One thread. "
        "The machine was shared while this ran: trust the ratios of the least times, not the microseconds.", "",
        *beaten(), *tables,
    ]  # fmt: skip
    text = "\n".join(lines).rstrip() + "\n"
    print(text)
    if "--write" in sys.argv:
        here = Path(__file__).parent
        (here / "RESULTS.md").write_text(text, encoding="utf-8")
        found = {"python": platform.python_version(), "versions": versions(), "rows": RECORDED}
        (here / "results.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
