"""`cgraph check MODULE:OP [--soak N]`: check one op, a graph or a function from the command line.

OP may be a row (`check_op`), a node (`check_gradients`), a name in `cgraph.ops.OPS`, or "all" for every row there is. With --soak the
number of examples is yours, with a progress line, and without an op random graphs over all rows are checked.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from cgraph.errors import CgraphError
from cgraph.node import Node
from cgraph.op import OPS, Op
from cgraph.testing.report import default_directory


def find(target: str) -> Any:
    """What MODULE:NAME names, or the built-in row of that name. The current directory counts as a place for modules.

    Raises:
        CgraphError: when there is no such thing.
    """
    module, _, name = target.partition(":")
    if not name:
        if target in OPS:
            return OPS[target]
        raise CgraphError(
            f"no op {target!r}: give MODULE:OP, or a name out of cgraph.ops.OPS ({', '.join(sorted(OPS)[:8])}, ...)"
        )
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    if module.endswith(".py"):
        path = Path(module).resolve()
        if not path.is_file():
            raise CgraphError(f"there is no file {module!r}")
        sys.path.insert(0, str(path.parent))
        module = path.stem
    try:
        found = import_module(module)
    except ImportError as error:
        raise CgraphError(f"cannot import {module!r}: {error}") from None
    for part in name.split("."):
        if not hasattr(found, part):
            ops = [key for key, value in vars(found).items() if isinstance(value, Op)]
            raise CgraphError(
                f"{module!r} has no {part!r}" + (f"; its ops: {', '.join(ops)}" if ops else "")
            )
        found = getattr(found, part)
    return found


def progress(label: str, total: int) -> Any:
    """A line that is rewritten as the count goes up; silent where there is no terminal."""
    begun = time.time()
    shown = [0.0]

    def show(done: int) -> None:
        now = time.time()
        if sys.stderr.isatty() and (now - shown[0] > 0.1 or done == total):
            shown[0] = now
            left = (now - begun) / max(done, 1) * (total - done)
            end = "\n" if done == total else ""
            print(
                f"\r{label}: {done}/{total}  {left:4.0f} s left ",
                end=end,
                file=sys.stderr,
                flush=True,
            )

    return show


def _check(
    target: str, found: Any, examples: int, seed: int, control: bool, as_json: bool = False
) -> bool:
    from cgraph.testing.check import check_gradients
    from cgraph.testing.op_check import check_op

    row = (
        found
        if isinstance(found, Op)
        else OPS.get(getattr(found, "__name__", ""))
        if getattr(found, "__module__", "").startswith("cgraph.")
        else None
    )
    if row is not None:
        report: Any = check_op(
            row,
            examples,
            seed=seed,
            negative_control=control,
            progress=progress(row.name, examples),
        )
    elif isinstance(found, Node):
        report = check_gradients(found, seed=seed, order=2, modes=("vjp", "jvp", "graph"))
    else:
        raise CgraphError(
            f"{target} is {type(found).__name__}: give an op (a row of cgraph.op.Op) or a node; for functions use testing.check_gradients"
        )
    if as_json:
        facts = {"target": target, "ok": bool(report.ok), "report": report.describe()}
        if row is None:
            facts["verdict"] = str(report.verdict)
        else:
            facts |= {"examples": report.examples, "verdicts": dict(report.verdicts)}
        print(json.dumps(facts, ensure_ascii=False))
    else:
        print(report.describe(default_directory()))
    return bool(report.ok)


def _soak(count: int, seed: int, as_json: bool = False) -> bool:
    """Random graphs over all ops."""
    from cgraph.testing.check import check_gradients
    from cgraph.testing.generate.random_graphs import RandomDraw, draw_graph

    verdicts: Counter[str] = Counter()
    show = progress("random graphs", count)
    for k in range(count):
        report = check_gradients(draw_graph(RandomDraw([seed, k])).root, seed=k)
        verdicts[str(report.verdict)] += 1
        show(k + 1)
        if not report.ok:
            break
    told = f"{sum(verdicts.values())} random graphs: " + ", ".join(
        f"{n} {v}" for v, n in sorted(verdicts.items())
    )
    if not report.ok:
        told = f"{report.describe(default_directory())}\n{told}"
    ok = not verdicts["FAIL"]
    facts = {"target": None, "ok": ok, "report": told, "verdicts": dict(verdicts)}
    print(json.dumps(facts, ensure_ascii=False) if as_json else told)
    return ok


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 0 when all is right, 1 when a gradient is wrong, 2 when there is nothing to check."""
    parser = argparse.ArgumentParser(
        prog="cgraph check", description="Check the gradients of an op, a graph, or of everything."
    )
    parser.add_argument(
        "target", nargs="?", help="MODULE:OP, MODULE:NODE, the name of a built-in op, or 'all'"
    )
    parser.add_argument(
        "--soak",
        type=int,
        metavar="N",
        help="how many examples (default 200); without a target, random graphs",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--no-control",
        action="store_true",
        help="do not plant faults to see whether they are noticed",
    )
    parser.add_argument("--json", action="store_true", help="the result as JSON, for programs")
    options = parser.parse_args(argv)
    if options.seed < 0:
        parser.error(f"--seed is not negative, as {options.seed} is")
    if options.soak is not None and options.soak < 1:
        parser.error(f"--soak is at least 1, not {options.soak}: nothing would be checked")
    try:
        if options.target is None:
            if options.soak is None:
                parser.error("give MODULE:OP, or --soak N for random graphs")
            return 0 if _soak(options.soak, options.seed, options.json) else 1
        names = sorted(OPS) if options.target == "all" else [options.target]
        results = [
            _check(
                name,
                find(name),
                options.soak or 200,
                options.seed,
                not options.no_control,
                options.json,
            )
            for name in names
        ]
        return 0 if all(results) else 1
    except CgraphError as error:
        print(f"cgraph check: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    raise SystemExit(main())
