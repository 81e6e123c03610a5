"""Write what type checkers and editors see of `cgraph` and `cgraph.testing`: ``python tools/stubs.py``. A test keeps it up to date.

At run time the names of `cg` come from the table of the ops, from lists of modules that load when they are touched, and from NumPy's other
names; none of which can be read from the source. Here the same tables are written out: every op and function with its arguments and its
docstring, nodes in, nodes out.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cgraph as cg
from cgraph import testing
from cgraph.compile import compile
from cgraph.draw import draw
from cgraph.numpy_names import ALIASES
from cgraph.op import Op

PACKAGE = Path(cg.__file__).parent
STUB, TESTING = PACKAGE / "__init__.pyi", PACKAGE / "testing" / "__init__.pyi"

HEAD = '''\
"""cgraph: computational graphs you can build, see, check and differentiate."""

# Made from the tables by `python tools/stubs.py`.

from collections.abc import Sequence
from types import ModuleType
from typing import Any, overload

from cgraph.values import Array as _Array
'''

# An op called on nodes builds a node; on anything else it computes.
CALLS = """\
class _Unary(Op):
    @overload  # type: ignore[override]
    def __call__(self, x: Node, /, *, name: str | None = None) -> Node: ...
    @overload
    def __call__(self, x: Any, /, *, name: str | None = None) -> Any: ...

class _Binary(Op):
    @overload  # type: ignore[override]
    def __call__(self, a: Node, b: Any, /, *, name: str | None = None) -> Node: ...
    @overload
    def __call__(self, a: Any, b: Node, /, *, name: str | None = None) -> Node: ...
    @overload
    def __call__(self, a: Any, b: Any, /, *, name: str | None = None) -> Any: ...

class _Ternary(Op):
    @overload  # type: ignore[override]
    def __call__(self, a: Node, b: Any, c: Any, /, *, name: str | None = None) -> Node: ...
    @overload
    def __call__(self, a: Any, b: Node, c: Any, /, *, name: str | None = None) -> Node: ...
    @overload
    def __call__(self, a: Any, b: Any, c: Node, /, *, name: str | None = None) -> Node: ...
    @overload
    def __call__(self, a: Any, b: Any, c: Any, /, *, name: str | None = None) -> Any: ...

_Axis = int | Sequence[int] | None

"""

KINDS = {1: "_Unary", 2: "_Binary", 3: "_Ternary"}
# First parameters that are an operand, or several: a node there makes the result a node.
OPERANDS = ("x", "a", "m", "p", "z", "y", "f", "logits", "start")
LISTS = ("arrays", "matrices")
# Parameters by which a function gives more than one result.
SEVERAL = ("returned", "retstep", "varargs")


def text() -> str:
    """The whole stub."""
    parts = [HEAD, *imports(), "\n", CALLS]
    parts += [
        callable_package("draw", draw, "_draw_Diagram"),
        callable_package("compile", compile, "Any"),
    ]
    functions = cg.ops.functions()
    parts += [declaration(name, functions[name]) for name in sorted(functions)]
    parts += ["# NumPy's other names.\n"]
    parts += [
        f"{other} = {name}\n"
        for other, name in sorted(ALIASES.items())
        if name in functions and other not in vars(cg)
    ]
    parts += [f"\n__version__: str\n__all__ = {sorted(cg.__all__)!r}\n"]
    return "".join(parts)


def testing_text() -> str:
    """The stub of `cgraph.testing`, all of whose names load when they are touched."""
    parts = [f'"""{testing.__doc__}"""\n\n# Made from the table by `python tools/stubs.py`.\n\n']
    parts += [
        f"from cgraph.testing.{module} import {name} as {name}\n"
        for name, module in sorted(testing._WHERE.items())
    ]
    parts += ["from cgraph.testing.generate import strategies as strategies\n"]
    parts += [f"\n__all__ = {testing.__all__!r}\n"]
    return "".join(parts)


def imports() -> Iterator[str]:
    """What `cgraph/__init__.py` imports, and what it imports when it is asked for."""
    for node in ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cgraph"):
            names = [a.name for a in node.names if a.name == a.asname]
            yield from (f"from {node.module} import {name} as {name}\n" for name in names)
    for name, module in cg._LAZY.items():
        if name not in ("draw", "compile"):
            yield f"from cgraph import {module.removeprefix('cgraph.')} as {name}\n"
    for name, module in cg._LAZY_NAMES.items():
        yield f"from {module} import {name} as {name}\n"


def callable_package(name: str, function: Callable[..., Any], result: str) -> str:
    """A package that can be called, `cg.draw(loss)`, and has names of its own, `cg.draw.compare`."""
    package = __import__(f"cgraph.{name}", fromlist=["*"])
    hidden = [
        f"from cgraph.{name} import {n} as _{name}_{n}\n" for n in package.__all__ if n != name
    ]
    members = [
        f"    {n} = _{name}_{n}\n"
        if isinstance(getattr(package, n), type)
        else f"    {n} = staticmethod(_{name}_{n})\n"
        for n in package.__all__
        if n != name
    ]
    parameters = signature(function)
    call = f"    def __call__(self, {parameters}) -> {result}:\n{docstring(function, 8)}"
    others = "    def __getattr__(self, name: str) -> Any: ...\n"
    kind = f"_{name.capitalize()}"
    return "".join(
        [*hidden, f"\nclass {kind}(ModuleType):\n", *members, call, others, f"\n{name}: {kind}\n\n"]
    )


def declaration(name: str, function: Any) -> str:
    """One op or function."""
    if isinstance(function, Op):
        return f"{name}: {KINDS[function.arity]}\n{docstring(function, 0)}\n"
    if not inspect.isfunction(function):
        return f"{name}: Any\n\n"
    told = inspect.signature(function)
    first = next(iter(told.parameters.values()))
    result = str(told.return_annotation).replace("Array", "_Array")
    whole = signature(function)
    body = docstring(function, 4)
    if result == "Any" and not set(SEVERAL) & set(told.parameters):
        kind = "Node" if first.name in OPERANDS else "Sequence[Node]" if first.name in LISTS else ""
        if kind and first.kind is first.POSITIONAL_OR_KEYWORD:
            narrow = re.sub(rf"^{first.name}: [^,=]*?(?=,|$| =)", f"{first.name}: {kind}", whole)
            return f"@overload\ndef {name}({narrow}) -> Node:\n{body}\n@overload\ndef {name}({whole}) -> Any: ...\n\n"
    return f"def {name}({whole}) -> {result}:\n{body}\n"


def signature(function: Callable[..., Any]) -> str:
    """Parameters as they are written, annotations included."""
    parts, keywords = [], False
    for p in inspect.signature(function).parameters.values():
        if p.kind is p.KEYWORD_ONLY and not keywords:
            parts.append("*")
        keywords |= p.kind in (p.KEYWORD_ONLY, p.VAR_POSITIONAL)
        stars = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
        annotation = re.sub(r"\bAxis\b", "_Axis", str(p.annotation))
        annotation = "Any" if "Profile" in annotation else annotation  # a name of another module
        default = "" if p.default is p.empty else f" = {p.default!r}"
        parts.append(f"{stars}{p.name}: {annotation}{default}")
    return ", ".join(parts)


def docstring(function: Any, indent: int) -> str:
    """What an editor shows; the examples stay where they run."""
    kept = re.sub(
        r"\n*^ *>>>.*?(?=\n\n|\Z)", "", inspect.cleandoc(function.__doc__), flags=re.M | re.S
    ).strip()
    kept = kept.replace("\\", "\\\\").replace('"""', "'''")
    if kept.endswith('"'):
        kept += " "
    lines = re.sub(r"\n{3,}", "\n\n", kept).splitlines()
    lines[0] = f'"""{lines[0]}'
    lines += ['"""'] if len(lines) > 1 else []
    if len(lines) == 1:
        lines[0] += '"""'
    return "".join(f"{' ' * indent}{line}".rstrip() + "\n" for line in lines)


if __name__ == "__main__":
    STUB.write_text(text(), encoding="utf-8")
    TESTING.write_text(testing_text(), encoding="utf-8")
    print(STUB, TESTING)
