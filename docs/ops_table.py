"""Write docs/ops.md from the op table: ``python docs/ops_table.py``. A test keeps the page and the table the same."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from cgraph.op import HOMES, Formula, Op
from cgraph.ops import OPS

PAGE = Path(__file__).with_name("ops.md")
HEAD = """# The ops

Made from the op table by `python docs/ops_table.py`; `a`, `b`, `c` are the operands. NumPy's own functions build the same nodes
(`np.exp(node)`, `np.sum(node, axis=0)`); an op with a dotted name, `linalg.inv`, belongs to `cg.linalg`, which builds it.
Kinks and ties: see [conventions](conventions.md).

| op | value | local gradients |
|---|---|---|
"""


def row(op: Op) -> str:
    """One line of the table."""
    operands = ("a", "b", "c")
    value = Formula.fill(op.formula.text, operands, "out").replace("|", "\\|")
    partials = [
        f"{letter}: {Formula.fill(text, operands, 'out')}"
        for letter, text in zip("abc", op.formula.partials, strict=False)
        if text is not None
    ]
    return (
        f"| `{op.name}` | {value} | {'; '.join(partials).replace('|', chr(92) + '|') or 'none'} |"
    )


def page() -> str:
    """The whole page."""
    for home in HOMES.values():
        import_module(home)
    ours = (op for op in OPS.values() if op.module.startswith("cgraph."))
    return (
        HEAD + "\n".join(row(op) for op in sorted(ours, key=lambda op: (op.family, op.name))) + "\n"
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
