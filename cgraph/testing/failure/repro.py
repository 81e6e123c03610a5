"""A file that fails in the same way: the minimal graph written as Python, with its numbers.

For a function the file imports it, if it can be imported; a lambda or a local function has to be pasted in, and the file says so.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cgraph.testing.compare.subject import topological
from cgraph.testing.report import Report


def literal(value: Any) -> str:
    """An array, tuple or slice as an expression that gives the same bits."""
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        listed = repr(array.tolist()).replace("nan", "np.nan").replace("inf", "np.inf")
        if array.size == 0:
            return f"np.zeros({array.shape!r}, np.{array.dtype.name})"
        return f"np.array({listed}, np.{array.dtype.name if array.dtype.kind != 'b' else 'bool_'})"
    if isinstance(value, tuple):
        return "(" + "".join(f"{literal(item)}, " for item in value) + ")"
    return "..." if value is Ellipsis else repr(value)


def script(report: Report) -> str:
    """The whole file."""
    case = report.case
    blame = case.blame or report.blame
    text = blame.headline(case.name) if blame is not None else "a wrong gradient"
    head = [f'"""Reproduces: {text}."""', "", "import numpy as np", ""]
    body = _function(report) if case.root is None else _graph(case, report)
    return "\n".join(head + body) + "\n"


def _graph(case: Any, report: Report) -> list[str]:
    lines = ["import cgraph as cg", "from cgraph import testing", "from cgraph.ops import OPS"]
    own = sorted(
        {
            n.op.module
            for n in topological(case.root)
            if n.parents and not n.op.module.startswith("cgraph.")
        }
    )
    lines += [f"import {module}  # the op's row" for module in own if module != "__main__"]
    if "__main__" in own:
        lines.append("# paste the rows of your own ops here: they were defined in __main__")
    lines.append("")
    for node in topological(case.root):
        name = case.names[node]
        if not node.parents:
            kind = "parameter" if node.kind == "parameter" else "constant"
            value = literal(np.asarray(node._value)) if not node.weak else repr(node._value)
            lines.append(
                f"{name} = cg.{kind}({f'{name!r}, ' if kind == 'parameter' else ''}{value})"
            )
        else:
            params = "".join(f", {key}={literal(value)}" for key, value in node.params.items())
            lines.append(
                f"{name} = OPS[{node.op.name!r}]({', '.join(case.names[p] for p in node.parents)}{params})"
            )
    root = case.names[case.root]
    return [
        *lines,
        "",
        f"report = testing.check_gradients({root}, modes=('vjp', 'jvp', 'graph'))",
        "print(report)",
        "raise SystemExit(not report.ok)",
    ]


def _function(report: Report) -> list[str]:
    subject = report.subject
    module, name = (
        getattr(subject.function, "__module__", None),
        getattr(subject.function, "__qualname__", ""),
    )
    importable = module not in (None, "__main__") and name.isidentifier()
    lines = [
        f"from {module} import {name} as f"
        if importable
        else f"f = ...  # paste {subject.name} here: it cannot be imported",
        "",
    ]
    lines.insert(0, "from cgraph import testing")
    pullback = subject.pullback
    back_module, back = getattr(pullback, "__module__", None), getattr(pullback, "__qualname__", "")
    if back_module not in (None, "__main__") and back.isidentifier():
        lines.insert(1, f"from {back_module} import {back} as vjp")
    else:
        lines.append(
            "vjp = None  # paste the gradient here, vjp(upstream, *inputs), unless f returns (value, gradient)"
        )
    inputs = ", ".join(literal(x) for x in subject.inputs)
    return [
        *lines,
        f"inputs = ({inputs},)",
        "",
        "report = testing.check_gradients(f, *inputs, vjp=vjp)",
        "print(report)",
        "raise SystemExit(not report.ok)",
    ]
