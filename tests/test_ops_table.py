"""docs/ops.md is made from the op table; it must be what the table says today, and every row must say something."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path

import pytest

from cgraph.op import HOMES
from cgraph.ops import OPS

for home in HOMES.values():
    importlib.import_module(home)

SCRIPT = Path(__file__).parents[1] / "docs" / "ops_table.py"


def test_the_page_is_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("ops_table", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.PAGE.read_text(encoding="utf-8") == module.page(), "run: python docs/ops_table.py"


@pytest.mark.parametrize("name", [n for n, op in OPS.items() if op.module.startswith("cgraph.")])
def test_every_row_can_be_read(name: str) -> None:
    op = OPS[name]
    assert op.formula.text and op.formula.latex, "a formula for pictures and help"
    assert len(op.formula.partials) == (1 if op.variadic else len(op.partials or op.linear_maps))
    for i, text in enumerate(op.formula.partials):
        assert (text is None) == (not op.differentiable(i)), (
            "a partial is written where there is one"
        )
