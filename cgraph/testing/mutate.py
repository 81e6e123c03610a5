"""Mutation testing of the backward code: is every line of it held by a check?

The derivative rules, the linear maps and the drivers are changed one operator, constant or condition at a time; each mutant is imported in
a process of its own and has to be noticed by the checks of this package (not by the test suite). What survives is either equivalent,
and then stands in `EQUIVALENT` with the reason, or a hole. A mutant that runs into the time limit is reported as such, not as killed.

    python -m cgraph.testing.mutate --log benchmarks/mutate_backward.log
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib.abc
import importlib.util
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

PACKAGE = Path(__file__).parent.parent

# Where the backward code stands: module -> functions and methods by name; in the op modules also the partials and makers of the rows.
WHERE: dict[str, tuple[str, ...]] = {
    "local": ("vjp", "jvp", "masked_vjp", "_transposed"),
    "modes": ("backpropagate", "_send_through_maps", "edge_share", "pushforward"),
    "autodiff": ("gradient", "_tangents", "_shaped", "_numeric_vjp", "_numeric_jvp"),
    "ops.elementwise": ("_power_partial", "_step", "_stable_tanh_partial"),
    "ops.losses": (),
    "ops.linalg": ("_left", "_right"),
    "ops.structure": ("_broadcast_local", "_sum_to_local", "_reshape_local", "_concatenate_local", "_getitem_local", "_inverse",
                      "nonzero_after", "_scatter", "_sum_to"),
    "ops.reduction": ("_spread", "_sum_local", "_mean_local", "_extreme_local", "_others", "_prod_partial", "_prod_local", "_softmax_local",
                      "_logsumexp_local", "_cumsum_local"),
}  # fmt: skip
ROWS = ("ops.elementwise", "ops.losses", "ops.structure", "ops.linalg")

BINARY = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult, ast.MatMult: ast.Mult}
COMPARE = {ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot,
           ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One change: where, and what became of what."""

    module: str
    function: str
    line: int
    before: str
    after: str
    source: str

    @property
    def name(self) -> str:
        """Says what became of what in which function, not on which line, so that it stays true when code moves."""
        return f"{self.module}.{self.function}: {self.before}  ->  {self.after}"


def _changes(node: ast.AST) -> Iterator[ast.AST]:
    """What one node may be replaced with."""
    if isinstance(node, ast.BinOp) and type(node.op) in BINARY:
        yield ast.BinOp(node.left, BINARY[type(node.op)](), node.right)
        if isinstance(node.op, ast.Mult | ast.MatMult | ast.Add | ast.Sub):
            yield node.left
            yield node.right
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not):
        yield node.operand
    elif isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in COMPARE:
        yield ast.Compare(node.left, [COMPARE[type(node.ops[0])]()], node.comparators)
    elif isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield ast.BoolOp(other, node.values)
    elif isinstance(node, ast.IfExp):
        yield ast.IfExp(node.test, node.orelse, node.body)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        yield ast.Constant(node.value + 1)
        if node.value:
            yield ast.Constant(0 * node.value)
    elif isinstance(node, ast.Constant) and type(node.value) is bool:
        yield ast.Constant(not node.value)
    elif isinstance(node, ast.Call) and len(node.args) == 2 and not node.keywords and isinstance(node.func, ast.Name):
        if node.func.id not in ("isinstance", "getattr", "zip"):
            yield ast.Call(node.func, node.args[::-1], [])
    elif isinstance(node, ast.Continue):
        yield ast.Pass()
    elif (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and len(node.args) == 1
        and node.func.id in ("sin", "cos", "sinh", "cosh")
    ):
        yield node.args[0]


def _regions(module: str, tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """The parts of a module that are backward code, by name."""
    wanted = WHERE[module]
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for item in node.body:
                if isinstance(item, ast.FunctionDef) and item.name in wanted and node.name not in ("LinearMap", "LocalGradient"):
                    yield f"{node.name}.{item.name}", item
        elif isinstance(node, ast.Module):
            for item in node.body:
                if isinstance(item, ast.FunctionDef) and item.name in wanted:
                    yield item.name, item
        elif isinstance(node, ast.Call) and module in ROWS and isinstance(node.func, ast.Name):
            if node.func.id == "elementwise" and node.args and isinstance(node.args[0], ast.Constant):
                for i, partial in enumerate(node.args[2:]):
                    yield f"{node.args[0].value!s}/{i}", partial
            elif node.func.id == "Op" and node.args and isinstance(node.args[0], ast.Constant):
                for keyword in node.keywords:
                    if keyword.arg == "makers":
                        yield f"{node.args[0].value!s} makers", keyword.value


def mutants(module: str) -> Iterator[Mutant]:
    """All mutants of one module."""
    path = PACKAGE / (module.replace(".", "/") + ".py")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for name, region in _regions(module, tree):
        for statement, parent in _inside(region):
            if isinstance(parent, ast.Raise | ast.Assert | ast.AnnAssign | ast.arguments):
                continue
            for field, value in list(ast.iter_fields(parent)):
                if field in ("annotation", "returns", "decorator_list", "args") and isinstance(parent, ast.FunctionDef | ast.arg):
                    continue
                for k, child in enumerate(value if isinstance(value, list) else [value]):
                    if not isinstance(child, ast.AST):
                        continue
                    for changed in _changes(child):
                        before = _shown(statement)
                        setattr(parent, field, [*value[:k], changed, *value[k + 1 :]] if isinstance(value, list) else changed)
                        after = _shown(statement)
                        fixed = ast.fix_missing_locations(copy.deepcopy(tree))
                        setattr(parent, field, value)
                        yield Mutant(module, name, getattr(child, "lineno", 0), before, after, ast.unparse(fixed))


def _inside(region: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
    """Every node of a region with the innermost statement around it (the region itself for an expression)."""
    stack = [(region, region)]
    while stack:
        statement, node = stack.pop()
        yield statement, node
        for child in ast.iter_child_nodes(node):
            stack.append((child if isinstance(child, ast.stmt) else statement, child))


def _shown(statement: ast.AST) -> str:
    """A statement on one line; of a compound one, its head."""
    text = ast.unparse(statement)
    return text.splitlines()[0] if isinstance(statement, ast.If | ast.For | ast.While | ast.FunctionDef) else " ".join(text.split())


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
        from cgraph.testing.mutate_checks import CHECKS
    except Exception as error:
        return f"import: {type(error).__name__}"
    first = mutant.function.partition("/")[0].partition(" ")[0]
    for name, check in sorted(CHECKS(first).items(), key=lambda item: item[0] != f"op {first}"):
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
        told = here.recv() if here.poll(limit) else "timeout"
    except EOFError:
        told = "crash"
    if child.is_alive():
        child.kill()
    child.join()
    return str(told)


def run(modules: list[str], limit: float, say: Callable[[str], None], every: int = 1) -> tuple[int, list[Mutant], list[Mutant]]:
    """Judge all mutants: how many were killed, which survived, which timed out."""
    from cgraph.testing.mutate_equivalent import EQUIVALENT

    killed, survived, slow = 0, [], []
    for module in modules:
        for k, mutant in enumerate(mutants(module)):
            if k % every or mutant.name in EQUIVALENT:
                continue
            told = judge(mutant, limit)
            if told == "timeout":
                slow.append(mutant)
                say(f"timeout   {mutant.name}  (line {mutant.line})")
            elif told:
                killed += 1
            else:
                survived.append(mutant)
                say(f"SURVIVES  {mutant.name}  (line {mutant.line})")
        say(f"{module}: {killed} killed so far, {len(survived)} survive, {len(slow)} timed out")
    return killed, survived, slow


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
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
        from cgraph.testing.mutate_equivalent import EQUIVALENT

        say(
            f"{killed} killed, {len(survived)} survive, {len(slow)} timed out, {len(EQUIVALENT)} equivalent by name, {(time.time() - begun) / 60:.1f} min"  # noqa: E501
        )
        say(f"score: {100.0 * killed / max(killed + len(survived) + len(slow), 1):.1f} % of the mutants that are not equivalent")
        for name, why in EQUIVALENT.items():
            say(f"equivalent  {name}  ({why})")
    raise SystemExit(bool(survived))


if __name__ == "__main__":
    main()
