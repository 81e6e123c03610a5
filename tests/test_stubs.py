"""cgraph/__init__.pyi is made from the tables, and what it promises is so. (What mypy makes of it: tests/typed.py, by .ci/run.)"""

from __future__ import annotations

import ast
import importlib.util
import inspect
from pathlib import Path
from typing import Any

import pytest

import cgraph as cg

SCRIPT = Path(__file__).parents[1] / "tools" / "stubs.py"
pytestmark = pytest.mark.skipif(not SCRIPT.exists(), reason="not a checkout")


@pytest.fixture(scope="module")
def stubs() -> Any:
    spec = importlib.util.spec_from_file_location("stubs", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def declared(text: str) -> str:
    """What a stub says but for its docstrings: a better sentence in a docstring is taken over the next time the stub is made."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            node.body = [
                part
                for part in node.body
                if not (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))
            ]
    return ast.dump(tree, indent=1)


def test_the_stub_is_up_to_date(stubs: Any) -> None:
    made = {stubs.STUB: stubs.text(), stubs.TESTING: stubs.testing_text()}
    for path, text in made.items():
        assert declared(path.read_text(encoding="utf-8")) == declared(text), (
            "run: python tools/stubs.py"
        )


def test_every_name_is_there_and_no_other(stubs: Any) -> None:
    declared = {
        name
        for node in ast.parse(stubs.STUB.read_text(encoding="utf-8")).body
        for name in (
            [node.name] if isinstance(node, ast.FunctionDef | ast.ClassDef)
            else [a.asname or a.name for a in node.names] if isinstance(node, ast.ImportFrom)
            else [node.target.id] if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
            else [t.id for t in node.targets if isinstance(t, ast.Name)] if isinstance(node, ast.Assign)
            else []
        )
    }  # fmt: skip
    own = {"Sequence", "ModuleType", "Any", "overload"}
    public = {name for name in declared - own if not name.startswith("_")}
    assert set(cg.__all__) <= public
    assert [name for name in public if not hasattr(cg, name)] == []


def test_what_is_said_to_give_a_node_does(stubs: Any) -> None:
    """Every function that takes nothing but an operand, or a list of them."""
    matrix, vector = cg.parameter("x", [[0.1, 0.2], [0.3, 0.4]]), cg.parameter("x", [0.1, 0.2])
    seen = 0
    for name, function in cg.ops.functions().items():
        if "-> Node" not in stubs.declaration(name, function):
            continue
        needed = [
            p
            for p in inspect.signature(function).parameters.values()
            if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD
        ]
        if len(needed) == 1:
            x = vector if name.startswith("cumulative") else matrix
            operand = [x, x] if needed[0].name in stubs.LISTS else x
            try:
                assert isinstance(function(operand), cg.Node), name
            except cg.UnsupportedError:
                continue  # where the size of the result would depend on values
            seen += 1
    assert seen > 60
