"""The code of docs/other-frameworks.md, each block where what it needs is installed."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "other-frameworks.md"
BLOCKS = re.findall(r"<!-- needs: (.*?) -->\n```python\n(.*?)```", PAGE.read_text("utf-8"), re.S)


def importable(name: str) -> bool:
    try:
        import_module(name)
    except ImportError:
        return False
    return True


# Imported once, before any test: jax and onnxruntime touch NumPy's legacy generator when they are.
MISSING = {name for needs, _ in BLOCKS for name in needs.split(", ") if not importable(name)}


@pytest.mark.parametrize(("needs", "code"), BLOCKS, ids=[needs for needs, _ in BLOCKS])
def test_block(needs: str, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lacking = MISSING & set(needs.split(", "))
    if lacking:
        pytest.skip(f"needs {', '.join(lacking)}")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, f"{PAGE.name}: {needs}", "exec"), {})


def test_there_is_a_block_for_each_door() -> None:
    assert {needs for needs, _ in BLOCKS} == {"torch", "jax", "onnx, onnxruntime"}
