"""All benchmarks with one command: ``python benchmarks/everything.py [--write] [--quick] [--resume] [--minutes 25] [part ...]``.

Each part runs in a process of its own, with a limit on its time; one that fails or takes too long is reported, with the rows it had until
then, and the rest goes on. With --write every figure goes into results.json, and the tables into RESULTS.md, after each part, so that
what is measured is kept whatever happens afterwards; --resume leaves out the parts that results.json has already.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
Row = dict[str, Any]
# part -> (module, the function that measures it and gives its tables, seconds at most)
PARTS: dict[str, tuple[str, str, int]] = {
    "import": ("import_time", "report", 90),
    "overhead": ("compiled", "report_overhead", 90),
    "trainings": ("compiled", "report_trainings", 300),
    "steps": ("kept_graphs", "report_steps", 120),
    "kept nets": ("kept_graphs", "report_other_nets", 180),
    "second derivatives": ("kept_graphs", "report_second_derivatives", 180),
    "mlp float32": ("compiled", "report_float32", 180),
    "mlp float64": ("compiled", "report_float64", 180),
    "other nets": ("other_nets", "report_trainings", 300),
    "other second derivatives": ("other_nets", "report_second_derivatives", 90),
    "numbers": ("scalar_graphs", "report_small", 180),
    "many numbers": ("scalar_graphs", "report_large", 240),
    "tiny arrays": ("tiny_arrays", "report", 180),
    "memory": ("kept_graphs", "report_memory", 60),
    "checkers": ("checkers", "report", 420),
    "elementwise": ("elementwise", "report", 720),
}  # fmt: skip
OWN = ("cgraph", "compile_training", "the same", "BinaryClassifier", "a cached call", "compiling")
# What was aimed at: (work, how) -> the largest ratio.
MARKS: dict[tuple[str, str], float] = {
    ("AND 2-1", "compile_training"): 0.06, ("AND 2-1", 'compile_training, accuracy="fast"'): 0.05,
    ("XOR 2-3-1", "compile_training"): 0.12, ("XOR 2-3-1", 'compile_training, accuracy="fast"'): 0.105,
    ("Iris 2-1", "compile_training"): 0.32, ("Iris 2-1", 'compile_training, accuracy="fast"'): 0.27,
    ("Iris 2-1", "compile_training, cost every 100th epoch"): 0.12,
    **{(net, "BinaryClassifier.fit"): 0.5 for net in ("AND 2-1", "XOR 2-3-1", "Iris 2-1")},
    **{(w, "cgraph, graph kept"): 1.2 for w in ("AND, one neuron", "XOR, 2-3-1", "Iris, one neuron, 150 examples")},
    ("MLP step, f4", "compile_training"): 1.06, ("MLP step, f8", "compile_training"): 1.08,
    ("Iris, Hessian-vector product", "cgraph, compiled"): 0.7, ("Iris, Hessian", "cgraph, compiled"): 0.8,
    ("Rosenbrock, 50 variables, Hessian-vector product", "cgraph, compiled"): 0.8,
    ("Rosenbrock, 50 variables, Hessian", "cgraph, compiled"): 1.55,
}  # fmt: skip


def versions() -> str:
    found = []
    for package in ("numpy", "scipy", "numba", "micrograd", "torch", "jax", "autograd", "mygrad"):
        try:
            found.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            found.append(f"{package} missing")
    return ", ".join(found)


def load() -> float:
    """How many processes wanted a core, over the last minute."""
    return round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else 0.0


# --- one part, in a process of its own --------------------------------------------------------------------------------------------


def measure(name: str, folder: Path) -> None:
    """What the child does: rows go into a file as they are found, the tables into another at the end."""
    import timing

    timing.sink = folder / "rows"
    module, function, _ = PARTS[name]
    lines = getattr(import_module(module), function)()
    (folder / "lines").write_text("\n".join(lines), encoding="utf-8")


def carried_out(name: str, seconds: float, quick: bool) -> dict[str, Any]:
    """A part's result: its rows and tables, how it ended, how long it took, and what else the machine did."""
    before, start = load(), time.perf_counter()
    environment = {**os.environ, "BENCHMARKS_QUICK": "1" if quick else ""}
    environment |= {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        command = [sys.executable, __file__, "--child", name, place]
        with (folder / "errors").open("w", encoding="utf-8") as errors:
            child = subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=errors, env=environment, cwd=HERE,
                start_new_session=True,
            )  # fmt: skip
            try:
                ended = "done" if child.wait(seconds) == 0 else "failed"
            except subprocess.TimeoutExpired:
                ended = f"cut off after {seconds:.0f} s"
            finally:
                if child.poll() is None:
                    os.killpg(child.pid, signal.SIGKILL)  # with the processes it began
                    child.wait()
        rows = _read(folder / "rows").splitlines()
        error = _read(folder / "errors").strip().splitlines()[-1:] if ended == "failed" else []
        return {
            "ended": ended, "seconds": round(time.perf_counter() - start, 1), "load": [before, load()],
            "error": "".join(error), "rows": [json.loads(row) for row in rows],
            "lines": _read(folder / "lines").splitlines(),
        }  # fmt: skip


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


# --- the report -------------------------------------------------------------------------------------------------------------------


def beaten(rows: Sequence[Row]) -> list[str]:
    """Where somebody else is faster, or takes less memory, than the best that cgraph has there; and which marks are missed."""
    ahead_of_cgraph = []
    for work, unit in dict.fromkeys((r["work"], r["unit"]) for r in rows):
        found = [r for r in rows if (r["work"], r["unit"]) == (work, unit)]
        own = [r for r in found if r["how"].startswith(OWN)]
        if not own:
            continue
        best = min(own, key=lambda r: r["amount"])
        others = [r for r in found if r not in own and r["how"] != "matrix products alone"]
        ahead = [r for r in others if r["amount"] < best["amount"]]
        if ahead:
            names = ", ".join(
                f"{r['how']} {r['amount'] / best['amount']:.2f}"
                for r in sorted(ahead, key=lambda r: r["amount"])
            )
            ahead_of_cgraph.append(f"- {work}: of {best['how']}, {names}")
    missed = [
        f"- {r['work']}, {r['how']}: {r['ratio']:.3f} of {r['to']}; {MARKS[r['work'], r['how']]} was aimed at"
        for r in rows
        if r["ratio"] > MARKS.get((r["work"], r["how"]), float("inf"))
    ]
    told = "Where another contender is ahead of the best that cgraph does, from the tables below:"
    lines = ["## Not flattering", "", told, "", *ahead_of_cgraph, ""]
    if missed:
        lines += ["Marks that were aimed at and missed in this run:", "", *missed, ""]
    return lines


def plain(rows: Sequence[Row]) -> list[str]:
    """Rows of a part that did not come to its own tables."""
    lines = ["| work | how | amount | ratio | to |", "|---|---|---|---|---|"]
    lines += [f"| {r['work']} | {r['how']} | {r['amount']:.2f} {r['unit']} | {r['ratio']:.3f} | {r['to']} |" for r in rows]  # fmt: skip
    return [*lines, ""]


def page(results: Mapping[str, Any]) -> str:
    """RESULTS.md."""
    parts: dict[str, Any] = results["parts"]
    rows = [row for part in parts.values() for row in part["rows"]]
    loads = [x for part in parts.values() for x in part["load"]] or [0.0]
    minutes = sum(part["seconds"] for part in parts.values()) / 60
    lines = [
        "# Results", "",
        f"Python {results['python']}, {results['versions']}; {results['cores']} cores ({platform.machine()}). One thread where nothing "
        f"else is said. {minutes:.0f} minutes; the load of the machine, other work among it, was {min(loads):.1f} to {max(loads):.1f} "
        "meanwhile: trust the ratios of the least times, which alternate in one process, not the microseconds. "
        + ("A quick run, with few rounds. " if results["quick"] else "")
        + "`python benchmarks/everything.py --write` made this page and results.json.", "",
        *beaten(rows),
    ]  # fmt: skip
    for name, part in parts.items():
        if part["ended"] != "done":
            lines += [f"**{name}**: {part['ended']}. {part['error']}".rstrip(), ""]
        lines += [*part["lines"], ""] if part["lines"] else plain(part["rows"]) if part["rows"] else []  # fmt: skip
    text = "\n".join(lines).rstrip() + "\n"
    while "\n\n\n" in text:
        text = text.replace("\n\n\n", "\n\n")
    return text


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("parts", nargs="*", help=f"all by default; there are {', '.join(PARTS)}")
    parser.add_argument(
        "--write", action="store_true", help="into RESULTS.md and results.json, after each part"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="few rounds and small arrays: whether it runs, not how fast it is",
    )
    parser.add_argument("--resume", action="store_true", help="leave out what results.json has")
    parser.add_argument(
        "--minutes", type=float, default=25.0, help="for everything (default: %(default)s)"
    )
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args(argv)
    if asked.child:
        measure(asked.child[0], Path(asked.child[1]))
        return 0
    unknown = [name for name in asked.parts if name not in PARTS]
    if unknown:
        parser.error(
            f"there is no part {', '.join(map(repr, unknown))}; there are {', '.join(PARTS)}"
        )
    saved = HERE / "results.json"
    parts: dict[str, Any] = {}
    if saved.exists() and (asked.resume or asked.parts):
        parts = json.loads(_read(saved)).get("parts", {})
    end = time.perf_counter() + 60 * asked.minutes
    results: dict[str, Any] = {
        "python": platform.python_version(), "versions": versions(), "cores": os.cpu_count(), "quick": asked.quick,
        "parts": parts,
    }  # fmt: skip
    for name in asked.parts or PARTS:
        if asked.resume and parts.get(name, {}).get("ended") == "done":
            continue
        left = end - time.perf_counter()
        if left < 10:
            print(f"{name}: left out, the {asked.minutes:g} minutes are over", flush=True)
            continue
        parts[name] = carried_out(name, min(PARTS[name][2], left), asked.quick)
        results["parts"] = {n: parts[n] for n in PARTS if n in parts}
        print(f"{name}: {parts[name]['ended']}, {parts[name]['seconds']} s {parts[name]['error']}", flush=True)  # fmt: skip
        if asked.write:
            saved.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
            (HERE / "RESULTS.md").write_text(page(results), encoding="utf-8")
    if not asked.write:
        print(page(results))
    return int(any(part["ended"] != "done" for part in parts.values()))


if __name__ == "__main__":
    sys.exit(main())
