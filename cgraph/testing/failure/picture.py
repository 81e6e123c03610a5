"""The picture of a failure: the minimal graph with the wrong edge in red, labelled got / expected.

Written as DOT here, because what it shows (which edge is wrong) is not what `cgraph.draw` shows (values and gradients of a run); drawn
by the engine of `cgraph.draw`, with its fonts. Without an engine the DOT text and the message remain.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cgraph.testing.compare.subject import topological
from cgraph.testing.report import short

RED = "#C8102E"
INK = "#22313F"


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def dot(case: Any) -> str:
    """The minimal case as DOT text."""
    mismatch = case.mismatch
    lines = [
        "digraph failure {",
        f'  graph [rankdir=LR, bgcolor=white, pad=0.3, nodesep=0.35, ranksep=0.7, fontname="DejaVu Sans", fontsize=12, labelloc=t,'
        f' label="{_escape(_title(mismatch, case))}"]',
        f'  node [shape=box, style="rounded,filled", fillcolor="#F6F8FA", color="#8899A6", fontname="DejaVu Sans", fontsize=11, fontcolor="{INK}"]',  # noqa: E501
        f'  edge [color="#8899A6", fontname="DejaVu Sans", fontsize=10, fontcolor="{INK}"]',
    ]
    if case.root is None:
        lines += _function(mismatch, case)
    else:
        for node in topological(case.root):
            lines.append(
                f'  {case.names[node]} [label="{_escape(_box(node, case))}"{_marked(node, mismatch)}]'
            )
        for node in topological(case.root):
            for i, parent in enumerate(node.parents):
                lines.append(
                    f"  {case.names[parent]} -> {case.names[node]}{_edge(node, i, parent, mismatch)}"
                )
    return "\n".join([*lines, "}"]) + "\n"


def _title(mismatch: Any, case: Any) -> str:
    if mismatch is None:
        return "wrong gradient"
    return f"wrong gradient: {mismatch.headline(case.name)}" + (
        f"\n{mismatch.hint}" if mismatch.hint else ""
    )


def _box(node: Any, case: Any) -> str:
    if not node.parents:
        return f"{case.names[node]}: {node.kind}\n{short(case.value(node), 6)}"
    params = ", ".join(f"{key}={value!r}" for key, value in node.params.items())
    return f"{case.names[node]} = {node.op.name}" + (f"\n{params}" if params else "")


def _wrong(mismatch: Any) -> str:
    if mismatch.got is None:
        return str(mismatch.sentence[:60])
    at = f" at {list(mismatch.element)}" if mismatch.element else ""
    return f"got {float(mismatch.got):.6g}\nexpected {float(mismatch.expected):.6g}{at}"


def _marked(node: Any, mismatch: Any) -> str:
    """A node is red when its sum is wrong; on a wrong edge only the edge is."""
    if mismatch is None or node is not mismatch.node or mismatch.parent is not None:
        return ""
    return f', color="{RED}", penwidth=2.5, xlabel="{_escape(_wrong(mismatch))}", fontcolor="{RED}"'


def _edge(node: Any, i: int, parent: Any, mismatch: Any) -> str:
    if (
        mismatch is not None
        and node is mismatch.node
        and i == mismatch.operand
        and mismatch.parent is not None
    ):
        both = "both" if mismatch.kind != "forward" else "forward"
        return f' [color="{RED}", penwidth=3, fontcolor="{RED}", dir={both}, label="{_escape(_wrong(mismatch))}"]'
    if mismatch is not None and mismatch.parent is None and parent is mismatch.node:
        return f' [color="{RED}", style=dashed, penwidth=2]'
    return ""


def _function(mismatch: Any, case: Any) -> list[str]:
    name = _escape(mismatch.name if mismatch is not None else "function")
    lines = [
        f'  f [label="{name}", shape=ellipse]',
        '  out [label="result", shape=plaintext, fillcolor=white]',
        "  f -> out",
    ]
    for k, line in enumerate(case.lines):
        wrong = mismatch is not None and line.startswith(f"{mismatch.label} =")
        style = (
            f' [color="{RED}", penwidth=3, fontcolor="{RED}", dir=both, label="{_escape(_wrong(mismatch))}"]'
            if wrong
            else ""
        )
        lines += [f'  x{k} [label="{_escape(line)}"]', f"  x{k} -> f{style}"]
    return lines


def png(case: Any, path: Path) -> Path:
    """Draw it. Raises `DrawError` without an engine."""
    from cgraph.draw.output import engine

    return engine.write(
        path, engine.render(dot(case).replace("graph [", "graph [dpi=120, ", 1), ["png"])[0]
    )
