"""A file that fails in the same way: the minimal graph, or the call of a function, written as Python with its numbers.

What can be imported is imported, from where it came; a function with a `def` of its own is pasted in. Only for a lambda, or what holds
on to variables around it, is there a gap to fill, and the file says so.
"""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from cgraph.testing.compare.subject import topological
from cgraph.testing.report import Report

MOST = 200  # entries that are written out; more are kept in the .npz beside the file


def literal(value: Any) -> str:
    """An array, tuple or slice as an expression that gives the same bits; a tensor as what makes one."""
    if hasattr(value, "detach"):
        return f"torch.from_numpy({literal(value.detach().cpu().numpy())})"
    if type(value).__module__.split(".")[0] in ("jax", "jaxlib"):
        return f"jax.numpy.asarray({literal(np.asarray(value))})"
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        listed = repr(array.tolist()).replace("nan", "np.nan").replace("inf", "np.inf")
        if array.size == 0:
            return f"np.zeros({array.shape!r}, np.{array.dtype.name})"
        dtype = array.dtype.name if array.dtype.kind != "b" else "bool_"
        order = (
            ", order='F'"
            if array.ndim > 1 and not array.flags.c_contiguous and array.flags.f_contiguous
            else ""
        )
        return f"np.array({listed}, np.{dtype}{order})"
    if isinstance(value, tuple):
        return "(" + "".join(f"{literal(item)}, " for item in value) + ")"
    if isinstance(value, list):
        return "[" + ", ".join(map(literal, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {literal(item)}" for key, item in value.items()) + "}"
    return "..." if value is Ellipsis else repr(value)


def script(report: Report, case: Any) -> str:
    """The whole file."""
    mismatch = case.mismatch or report.mismatch
    text = mismatch.headline(case.name) if mismatch is not None else "a wrong gradient"
    body = list(_function(report) if case.root is None else _graph(case, report))
    lines = [
        f'"""Reproduces: {text}."""',
        "",
        "import sys",
        "",
        "import numpy as np",
        "from cgraph import testing",
        *body,
    ]
    return "\n".join([*lines, "print(report)", "raise SystemExit(not report.ok)", ""])


def _graph(case: Any, report: Report) -> Iterator[str]:
    nodes = topological(case.root)
    yield "import cgraph as cg"
    yield "from cgraph.ops import OPS"
    for module in sorted(
        {n.op.module for n in nodes if n.parents and not n.op.module.startswith("cgraph.")}
    ):
        if module == "__main__":
            yield "# paste the rows of your own ops here: they were defined in __main__"
        else:
            yield from _found(module)
            yield f"import {module}  # the op's row"
    yield ""
    for node in nodes:
        name = case.names[node]
        if not node.parents:
            value = case.value(node)
            kind = "parameter" if node.kind == "parameter" else "constant"
            given = [repr(name)] * (kind == "parameter") + [
                repr(value) if node.weak else literal(np.asarray(value))
            ]
            yield f"{name} = cg.{kind}({', '.join(given)})"
        else:
            params = "".join(f", {key}={literal(value)}" for key, value in node.params.items())
            yield f"{name} = OPS[{node.op.name!r}]({', '.join(case.names[p] for p in node.parents)}{params})"
    yield ""
    options = "modes=('vjp', 'jvp', 'graph')"
    if case.report is report:  # not reduced: it may show in these directions alone
        options += f", seed={report.seed}"
    yield f"report = testing.check_gradients({case.names[case.root]}, {options})"


def _function(report: Report) -> Iterator[str]:
    subject = report.subject
    function, given, options = subject.handed or (
        subject.function,
        subject.inputs,
        {"vjp": subject.pullback},
    )
    options = {**options, "seed": report.seed}
    if sum(np.size(x) for x in subject.inputs) > MOST and all(
        isinstance(x, np.ndarray) for x in given
    ):
        inputs = [
            "from pathlib import Path",
            "with np.load(Path(__file__).with_suffix('.npz')) as kept:",
            "    inputs = tuple(kept.values())",
        ]
    else:
        inputs = [f"inputs = {literal(tuple(given))}"]
    yield from (f"import {name}" for name in ("torch", "jax") if f"{name}." in inputs[-1])
    for name in ("f", *(key for key in ("vjp", "gradient") if options.get(key) is not None)):
        yield from _named(name, function if name == "f" else options[name])
    yield ""
    yield from inputs
    yield ""
    words = [
        f"{key}={key if key in ('vjp', 'gradient') else literal(value)}"
        for key, value in options.items()
        if value is not None
    ]
    yield f"report = testing.check_gradients(f, *inputs, {', '.join(words)})"


def _found(module: str) -> Iterator[str]:
    """The folder of a module, which may not be on the path of another interpreter."""
    path = getattr(sys.modules.get(module), "__file__", None)
    if path is not None and "site-packages" not in path:
        top = Path(path).resolve().parents[module.count(".") + (Path(path).name == "__init__.py")]
        yield f"sys.path.insert(0, {str(top)!r})"


def _named(name: str, thing: Any) -> Iterator[str]:
    """Lines that bind `name` to a function or class: an import, its source, or a gap."""
    module, qualname = getattr(thing, "__module__", None), getattr(thing, "__qualname__", "")
    first = qualname.partition(".")[0]
    if (
        module not in (None, "__main__")
        and first
        and hasattr(sys.modules.get(module), first)
        and "<" not in qualname
    ):
        yield from _found(module)
        yield f"from {module} import {first}"
        yield f"{name} = {qualname}"
        return
    pasted = _source(thing, set())
    if pasted is None:
        yield f"{name} = ...  # paste it here: {qualname or type(thing).__name__} cannot be imported, nor written down by itself"
    else:
        yield from ("", *pasted, "", f"{name} = {thing.__name__}")


def _source(thing: Any, seen: set[Any]) -> list[str] | None:
    """A function with what it needs of its module: imports, numbers, other functions. None where that is not all."""
    if not isinstance(thing, FunctionType) or thing.__name__ == "<lambda>" or thing.__closure__:
        return None
    seen.add(thing)
    lines: list[str] = []
    for name in thing.__code__.co_names:
        if name not in thing.__globals__:
            continue
        value = thing.__globals__[name]
        if isinstance(value, ModuleType):
            lines.append(f"import {value.__name__}" + f" as {name}" * (name != value.__name__))
        elif isinstance(value, FunctionType) and value not in seen:
            needed = _source(value, seen)
            if needed is None:
                return None
            lines += needed
        elif isinstance(value, int | float | str | tuple | np.ndarray):
            lines.append(f"{name} = {literal(value)}")
    try:
        return [*lines, *textwrap.dedent(inspect.getsource(thing)).splitlines()]
    except OSError:
        return None
