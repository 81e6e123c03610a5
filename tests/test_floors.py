"""The floors of the package, read off its imports so that they cannot rot.

A module may import from floors below its own, wherever in the file the import stands: an import hidden in a function is still
a dependency. On one floor modules may lean on each other as long as no circle arises. Imports under `if TYPE_CHECKING` never
run and are free. What is not NumPy or the standard library is imported inside functions only: `import cgraph` has to stay
as cheap as NumPy.
"""

from __future__ import annotations

import ast
import graphlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import cgraph

PACKAGE = Path(cgraph.__file__).parent

# Whoever adds a module or a folder at the top of the package gives it a floor here.
FLOORS = {
    "errors": 0, "extras": 0, "shapes": 0, "linear_maps": 0, "numpy_names": 0, "operators": 0, "quiet": 0, "tables": 0, "trees": 0,
    "op": 1, "values": 1, "node": 1, "leaves": 1, "build": 1, "graph": 1,
    "ops": 2,
    "explain": 2, "nan_check": 2, "backprop": 2, "floats": 2, "plan": 2, "batching": 2, "mapping": 3, "run": 3, "autodiff": 3,
    "folding": 2, "control": 4, "rewrite": 4,
    "linalg": 4, "special": 4, "fft": 4, "stats": 4, "integrate": 4,
    "io": 5, "compile": 5,
    "draw": 6, "testing": 6,
    "nn": 7, "signal": 7, "optim": 7, "datasets": 7, "metrics": 7, "plots": 7,
    "": 8,  # cgraph/__init__.py re-exports
    "interop": 9, "gallery": 9, "commands": 9, "cli": 9, "__main__": 9,
}  # fmt: skip

# What is imported by, or for, a library that is there already.
FOR_OTHERS = {
    "testing.plugin": "pytest", "testing.generate.strategies": "hypothesis", "testing.generate.state_machine": "hypothesis",
}  # fmt: skip

MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__").rstrip("."): path
    for path in sorted(PACKAGE.rglob("*.py"))
}  # fmt: skip


def floor(module: str) -> int:
    """The floor of a module given by its name below the package ("draw.engine", "" for the package itself)."""
    return FLOORS[module.split(".")[0]]


def runtime_nodes(tree: ast.AST) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """Every import that can run, and whether it runs when the module is imported."""
    stack: list[tuple[ast.AST, bool]] = [(tree, True)]
    while stack:
        node, at_import = stack.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, at_import
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            stack.extend((child, at_import) for child in node.orelse)
            continue
        inner = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        stack.extend((child, at_import and not inner) for child in ast.iter_child_nodes(node))


def imports(module: str) -> Iterator[tuple[str, bool, int]]:
    """(absolute dotted name, runs at import, line) for every import of a module."""
    path = MODULES[module]
    package = ["cgraph", *module.split(".")] if module else ["cgraph"]
    if path.name != "__init__.py":
        package = package[:-1]
    for node, at_import in runtime_nodes(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, at_import, node.lineno
        else:
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield f"{origin}.{alias.name}", at_import, node.lineno


def inside(name: str) -> str | None:
    """The cgraph module that an imported dotted name stands for, or None for a foreign one."""
    if name != "cgraph" and not name.startswith("cgraph."):
        return None
    module = name.removeprefix("cgraph").lstrip(".")
    while module and module not in MODULES:
        module = module.rpartition(".")[0]
    return module


@pytest.mark.parametrize("module", [m for m in MODULES if m])
def test_every_module_has_a_floor(module: str) -> None:
    assert module.split(".")[0] in FLOORS, f"give cgraph.{module} a floor in {Path(__file__).name}"


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down(module: str) -> None:
    for name, _, line in imports(module):
        target = inside(name)
        if target is None or target == module:
            continue
        assert floor(target) <= floor(module), (
            f"{MODULES[module].name}:{line}: cgraph.{module} (floor {floor(module)}) "
            f"imports {name} (floor {floor(target)})"
        )


def test_no_circles() -> None:
    """Seen as a graph of modules, the imports that run at import time have an order."""
    graph: dict[str, set[str]] = {}
    for module in MODULES:
        targets = {inside(name) for name, at_import, _ in imports(module) if at_import}
        graph[module] = {t for t in targets if t is not None and t != module}
    list(graphlib.TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("module", MODULES)
def test_heavy_imports_wait(module: str) -> None:
    """At import time a module needs NumPy and the standard library, nothing else."""
    if module in FOR_OTHERS:
        pytest.skip(f"loaded by {FOR_OTHERS[module]}, or for it, never by cgraph")
    allowed = {*sys.stdlib_module_names, "numpy", "cgraph", "_cgraph_cli"}
    for name, at_import, line in imports(module):
        if at_import:
            top = name.split(".")[0]
            assert top in allowed, f"{MODULES[module].name}:{line} imports {top} at import time"


def test_the_page_of_the_architecture_names_every_module() -> None:
    """What lies at the top of the package, every file of the ops and of the checks' rooms: a stranger finds it by that page."""
    page = (PACKAGE.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    top = {m.split(".")[0] for m in MODULES if m} - {"__main__"}
    missing = [m for m in sorted(top) if f"`{m}.py`" not in page and f"`{m}/" not in page]
    rooms = ("ops.", "testing.oracle.", "testing.compare.", "testing.localize.", "testing.failure.")
    files = [m for m in MODULES if m.startswith(rooms)]
    missing += [m for m in files if f"`{m.rpartition('.')[2]}`" not in page]
    assert not missing, f"docs/architecture.md does not say what lies in {', '.join(missing)}"
