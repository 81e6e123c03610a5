"""Mutation testing of the backward code: is every line of it held by a check?

The derivative rules, the linear maps, the drivers and what rewrites, maps, keeps and compiles graphs are changed one operator, constant or
condition at a time; each mutant is imported in a process of its own and has to be noticed by `checks.py`: rules by the checks that users
have, and not by the test suite; what carries graphs out in another way by its own tests, too. What
survives is either equivalent, and then stands in `EQUIVALENT` with the reason, or a hole. A mutant that runs into the time limit is
reported as such, not as killed.

    python -m tools.mutation.mutate --every 10 --log benchmarks/soak_mutants.log
"""

from __future__ import annotations

import argparse
import importlib.abc
import importlib.util
import multiprocessing
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from tools.mutation.mutants import WHERE, Mutant, mutants


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives one module's mutated source in place of its file."""

    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant
        self.name = f"cgraph.{mutant.module}"

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        return importlib.util.spec_from_loader(fullname, self) if fullname == self.name else None

    def create_module(self, spec: Any) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self.mutant.source, f"<mutant of {self.name}>", "exec"), module.__dict__)


def notice(mutant: Mutant) -> str:
    """What the checks say of a mutant: the name of the check that fails, or "" when none does. In a fresh process."""
    for loaded in [n for n in sys.modules if n.split(".")[0] == "cgraph"]:
        del sys.modules[loaded]
    sys.meta_path.insert(0, _Finder(mutant))
    try:
        from tools.mutation.checks import CHECKS
    except Exception as error:
        return f"import: {type(error).__name__}"
    first = mutant.function.partition("/")[0].partition(" ")[0]
    for name, check in CHECKS(first, mutant.module).items():
        try:
            if not check():
                return name
        except Exception as error:
            return f"{name}: {type(error).__name__}"
    return ""


def _child(mutant: Mutant, answer: Any) -> None:
    answer.send(notice(mutant))


def judge(mutant: Mutant, limit: float) -> str:
    """`notice` in a process of its own; "timeout" when it does not come to an end."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(False)
    child = context.Process(target=_child, args=(mutant, there))
    child.start()
    there.close()
    try:
        text = here.recv() if here.poll(limit) else "timeout"
    except EOFError:
        text = "crash"
    if child.is_alive():
        child.kill()
    child.join()
    return str(text)


def run(
    modules: list[str], limit: float, say: Callable[[str], None], every: int = 1
) -> tuple[int, list[Mutant], list[Mutant]]:
    """Judge all mutants: how many were killed, which survived, which timed out."""
    from tools.mutation.equivalent import EQUIVALENT

    killed, survived, slow = 0, [], []
    k = 0
    for module in modules:
        for mutant in mutants(module):
            k += 1
            if k % every or mutant.name in EQUIVALENT:
                continue
            text = judge(mutant, limit)
            if text == "timeout":
                slow.append(mutant)
                say(f"timeout   {mutant.name}  (line {mutant.line})")
            elif text:
                killed += 1
            else:
                survived.append(mutant)
                say(f"SURVIVES  {mutant.name}  (line {mutant.line})")
        say(f"{module}: {killed} killed so far, {len(survived)} survive, {len(slow)} timed out")
    return killed, survived, slow


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("modules", nargs="*", default=list(WHERE))
    parser.add_argument("--limit", type=float, default=120.0, help="seconds for one mutant")
    parser.add_argument("--every", type=int, default=1, help="only every n-th mutant")
    parser.add_argument("--log", type=Path, default=Path("mutate_backward.log"))
    options = parser.parse_args()
    begun = time.time()
    with options.log.open("w", encoding="utf-8") as log:

        def say(text: str) -> None:
            print(text, file=log, flush=True)
            print(text, flush=True)

        killed, survived, slow = run(options.modules, options.limit, say, options.every)
        from tools.mutation.equivalent import EQUIVALENT

        say(
            f"{killed} killed, {len(survived)} survive, {len(slow)} timed out, {len(EQUIVALENT)} equivalent by name, {(time.time() - begun) / 60:.1f} min"  # noqa: E501
        )
        say(
            f"score: {100.0 * killed / max(killed + len(survived) + len(slow), 1):.1f} % of the mutants that are not equivalent"
        )
        for name, why in EQUIVALENT.items():
            say(f"equivalent  {name}  ({why})")
    raise SystemExit(bool(survived))


if __name__ == "__main__":
    main()
