"""The code of the pages on other frameworks, each block where what it needs is installed."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
BLOCKS = [
    (needs, code, page)
    for page in ("other-frameworks.md", "backends.md")
    for needs, code in re.findall(
        r"<!-- needs: (.*?) -->\n```python\n(.*?)```", (DOCS / page).read_text("utf-8"), re.S
    )
]


def importable(name: str) -> bool:
    try:
        import_module(name)
    except ImportError:
        return False
    return True


# Imported once, before any test: jax and onnxruntime touch NumPy's legacy generator when they are.
MISSING = {name for needs, _, _ in BLOCKS for name in needs.split(", ") if not importable(name)}


@pytest.mark.parametrize(
    ("needs", "code", "page"), BLOCKS, ids=[f"{page}: {needs}" for needs, _, page in BLOCKS]
)
def test_block(
    needs: str, code: str, page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lacking = MISSING & set(needs.split(", "))
    if lacking:
        pytest.skip(f"needs {', '.join(lacking)}")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, f"{page}: {needs}", "exec"), {})


def test_there_is_a_block_for_each_door() -> None:
    assert {needs for needs, _, _ in BLOCKS} >= {"torch", "jax", "onnx, onnxruntime"}
