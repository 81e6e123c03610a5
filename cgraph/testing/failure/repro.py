"""A file that fails in the same way: the minimal graph, or the call of a function, written as Python with its numbers.

What can be imported is imported, from where it came; a function or lambda is pasted in, with the numbers, arrays and functions that it
uses. Only where it holds on to something else (a layer, a cache) is there a gap to fill, and the file says so instead of running.
"""

from __future__ import annotations

import ast
import dis
import inspect
import linecache
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
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
    gaps = []
    for name in ("f", *(key for key in ("vjp", "gradient") if options.get(key) is not None)):
        written = list(_named(name, function if name == "f" else options[name]))
        gaps += [name] * (written[-1].startswith(f"{name} = ..."))
        yield from written
    if gaps:
        yield f"if ... in ({', '.join(gaps)},):"
        yield f"    raise SystemExit('paste above what this file could not write down: {', '.join(gaps)}')"
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


def _imported(name: str, thing: Any) -> list[str] | None:
    """Lines that import `thing` under a name; None where it has none."""
    module, qualname = getattr(thing, "__module__", None), getattr(thing, "__qualname__", "")
    if isinstance(thing, ModuleType):
        return [f"import {thing.__name__}" + f" as {name}" * (name != thing.__name__)]
    if isinstance(thing, np.ufunc):
        for place in ("numpy", "scipy.special"):
            own = thing.__name__
            if getattr(sys.modules.get(place), own, None) is thing:
                return [f"from {place} import {own}" + f" as {name}" * (name != own)]
        return None
    first = qualname.partition(".")[0]
    if module is None or module == "__main__" or not first or "<" in qualname:
        return None
    if not hasattr(sys.modules.get(module), first):
        return None
    found = [*_found(module), f"from {module} import {first}"]
    return found if name == qualname else [*found, f"{name} = {qualname}"]


def _named(name: str, thing: Any) -> Iterator[str]:
    """Lines that bind `name` to a function or class: an import, its source, or a gap."""
    lines = _imported(name, thing) or _source(name, thing, set())
    if lines is None:
        what = getattr(thing, "__qualname__", "") or type(thing).__name__
        lines = [
            f"{name} = ...  # paste it here: {what} cannot be imported, nor written down by itself"
        ]
    yield from ("", *lines)


def _source(name: str, thing: Any, seen: set[Any]) -> list[str] | None:
    """A function with what it needs: imports, numbers, other functions. None where that is not all."""
    if not isinstance(thing, FunctionType):
        return None
    seen.add(thing)
    text = _lambda_text(thing) if thing.__name__ == "<lambda>" else _def_text(thing)
    if text is None:
        return None
    known = {n: thing.__globals__[n] for n in _globals_of(thing.__code__) if n in thing.__globals__}
    try:
        kept = {n: cell.cell_contents for n, cell in zip(thing.__code__.co_freevars, thing.__closure__ or (), strict=True)}  # fmt: skip
    except ValueError:  # a variable that has no value yet
        return None
    kept |= {n: p.default for n, p in inspect.signature(thing).parameters.items() if p.default is not p.empty}  # fmt: skip
    around, inside = _bound(known, seen), _bound(kept, seen)
    if around is None or inside is None:
        return None
    own = name if thing.__name__ == "<lambda>" else thing.__name__
    made = f"{own} = {text}".splitlines() if thing.__name__ == "<lambda>" else text.splitlines()
    if not inside:
        return [*around, *made, *([f"{name} = {own}"] if own != name else [])]
    body = [*inside, *made, f"return {own}"]
    return [*around, f"def make_{name}():", *(f"    {line}" if line else "" for line in body), "", f"{name} = make_{name}()"]  # fmt: skip


def _bound(values: dict[str, Any], seen: set[Any]) -> list[str] | None:
    """Lines that give names their values; None where one of them cannot be written down."""
    lines: list[str] = []
    for name, value in values.items():
        if isinstance(value, FunctionType) and value in seen:
            continue
        if value is None or isinstance(value, bool | int | float | str | tuple | np.ndarray | np.generic):  # fmt: skip
            found: list[str] | None = [f"{name} = {literal(value)}"]
        else:
            found = _imported(name, value) or _source(name, value, seen)
        if found is None:
            return None
        lines += found
    return lines


def _globals_of(code: CodeType) -> list[str]:
    """The global names that a function reads, inner functions included."""
    found = [
        i.argval for i in dis.get_instructions(code) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")
    ]
    for inner in code.co_consts:
        found += _globals_of(inner) if isinstance(inner, CodeType) else []
    return list(dict.fromkeys(found))


def _def_text(thing: FunctionType) -> str | None:
    try:
        return textwrap.dedent(inspect.getsource(thing))
    except OSError:
        return None


def _lambda_text(thing: FunctionType) -> str | None:
    """The source of a lambda: of those that begin on its line, the one in which its instructions stand."""
    code = thing.__code__
    source = "".join(linecache.getlines(code.co_filename))
    places = [(p[0], p[2], p[1], p[3]) for p in code.co_positions() if None not in p and p[3]]
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return None
    best: tuple[int, int, str] | None = None
    for node in ast.walk(tree):
        if isinstance(node, ast.Lambda) and node.lineno == code.co_firstlineno:
            text = ast.get_source_segment(source, node)
            body = node.body
            start, end = (
                (body.lineno, body.col_offset),
                (body.end_lineno or 0, body.end_col_offset or 0),
            )
            inside = sum(start <= p[:2] and p[2:] <= end for p in places)
            if text is not None and (best is None or (inside, -len(text)) > best[:2]):
                best = inside, -len(text), text
    return f"({best[2]})" if best is not None and best[0] else None
