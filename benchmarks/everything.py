"""All benchmarks, one after the other; with --write, their tables go into RESULTS.md."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from pathlib import Path

import checkers
import compiled
import import_time
import kept_graphs
import scalar_graphs
import tiny_arrays


def versions() -> str:
    found = []
    for package in ("numpy", "micrograd", "torch", "autograd", "mygrad"):
        try:
            found.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            found.append(f"{package} missing")
    return ", ".join(found)


def main() -> None:
    load = f", load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    lines = [
        "# Results", "",
        f"Python {platform.python_version()}, {versions()}; {os.cpu_count()} cores ({platform.machine()}){load}. One thread. "
        "The machine was shared while this ran: trust the ratios of the least times, not the microseconds.", "",
        *import_time.report(), *compiled.report(), *scalar_graphs.report(), *tiny_arrays.report(), *kept_graphs.report(), 
        *checkers.report(),
    ]  # fmt: skip
    text = "\n".join(lines).rstrip() + "\n"
    print(text)
    if "--write" in sys.argv:
        (Path(__file__).parent / "RESULTS.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
