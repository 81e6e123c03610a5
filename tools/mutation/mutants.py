"""Mutants: the backward code changed one operator, constant or condition at a time.

Which functions count as backward code is a table; what may become of an expression is another. `mutate.py` judges what comes out.
"""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "cgraph"

# Modules whose rows hold partials and linear maps: those, and the functions that make them, by what they are called.
ROWS: tuple[str, ...] = tuple(
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    for pattern in (
        "ops/*.py",
        "linalg/*.py",
        "special/*.py",
        "control/ops.py",
        "fft.py",
        "signal.py",
    )
    for path in sorted(PACKAGE.glob(pattern))
    if path.stem not in ("__init__", "kernels", "define")
)
MAKERS = re.compile(
    r"^(vjp|jvp|mask_adjoint|apply|total)$|_(adjoint|partial|local|map|rule|shares|others|slope)$|^_(left|right|inverse)$"
)
# Elsewhere, by name; ("*",) is every function. What only translates (interop) or draws has no derivative to get wrong.
WHERE: dict[str, tuple[str, ...]] = {
    "linear_maps": ("vjp", "jvp", "masked_vjp", "_transposed"),
    "backprop": ("backpropagate", "_send_elementwise", "_accumulate", "_share", "edge_share", "pushforward"),
    "autodiff": ("gradient", "_tangents", "_shaped", "_numeric_vjp", "_numeric_jvp"),
    "ops.define": ("keep_axes", "broadcast_back", "nonzero_after"),
    **dict.fromkeys(ROWS, ()),
    "folding": ("fold", "_simpler", "_minus", "_made", "_numbers_for"),
    "plan": ("_known", "_scattered", "_mean", "_sum", "_sum_to"),
    "batching": ("*",),
    "mapping": ("_spread", "_in_front", "_moved"),
    "control.body": ("*",),
    "rewrite.stability": ("*",),
    "compile.ir.lowerings": ("*",),
    "compile.passes.algebra": ("*",),
}  # fmt: skip

BINARY = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.MatMult: ast.Mult,
}
COMPARE = {ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot,
           ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One change: where, and what became of what."""

    module: str
    function: str
    line: int
    before: str
    after: str
    source: str

    @property
    def name(self) -> str:
        """Says what became of what in which function, not on which line, so that it stays true when code moves."""
        return f"{self.module}.{self.function}: {self.before}  ->  {self.after}"


def _changes(node: ast.AST) -> Iterator[ast.AST]:
    """What one node may be replaced with."""
    if isinstance(node, ast.BinOp) and type(node.op) in BINARY:
        yield ast.BinOp(node.left, BINARY[type(node.op)](), node.right)
        if isinstance(node.op, ast.Mult | ast.MatMult | ast.Add | ast.Sub):
            yield node.left
            yield node.right
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not):
        yield node.operand
    elif isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in COMPARE:
        yield ast.Compare(node.left, [COMPARE[type(node.ops[0])]()], node.comparators)
    elif isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield ast.BoolOp(other, node.values)
    elif isinstance(node, ast.IfExp):
        yield ast.IfExp(node.test, node.orelse, node.body)
    elif (
        isinstance(node, ast.Constant)
        and isinstance(node.value, int | float)
        and not isinstance(node.value, bool)
    ):
        yield ast.Constant(node.value + 1)
        if node.value:
            yield ast.Constant(0 * node.value)
    elif isinstance(node, ast.Constant) and type(node.value) is bool:
        yield ast.Constant(not node.value)
    elif (
        isinstance(node, ast.Call)
        and len(node.args) == 2
        and not node.keywords
        and isinstance(node.func, ast.Name)
    ):
        if node.func.id not in (
            "isinstance",
            "getattr",
            "zip",
            "equal",
            "not_equal",
            "maximum",
            "minimum",
        ):  # nor what is symmetric
            yield ast.Call(node.func, node.args[::-1], [])
    elif isinstance(node, ast.Continue):
        yield ast.Pass()
    elif (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and len(node.args) == 1
        and node.func.id in ("sin", "cos", "sinh", "cosh")
    ):
        yield node.args[0]


def _regions(module: str, tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """The parts of a module that are backward code, by name; what lies inside another part comes with it."""
    wanted = WHERE[module]
    stack: list[tuple[str, ast.AST]] = [("", tree)]
    while stack:
        path, node = stack.pop()
        if isinstance(node, ast.ClassDef) and node.name in ("LinearMap", "LocalGradient"):
            continue
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            path = f"{path}.{node.name}" if path else node.name
        if isinstance(node, ast.FunctionDef) and (
            node.name in wanted or wanted == ("*",) or (module in ROWS and MAKERS.search(node.name))
        ):
            yield path, node
            continue
        if module in ROWS and isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            first = (
                node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None
            )
            if (
                node.func.id in ("elementwise", "op", "linear_op", "reduction")
                and first is not None
            ):
                yield from ((f"{first!s}/{i}", partial) for i, partial in enumerate(node.args[2:]))
                continue
            if node.func.id == "Op" and first is not None:
                for keyword in node.keywords:
                    if keyword.arg == "linear_maps":
                        yield f"{first!s} linear_maps", keyword.value
                continue
        stack += [(path, child) for child in reversed(list(ast.iter_child_nodes(node)))]


def mutants(module: str) -> Iterator[Mutant]:
    """All mutants of one module."""
    path = PACKAGE / (module.replace(".", "/") + ".py")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for name, region in _regions(module, tree):
        for statement, parent in _inside(region):
            if isinstance(parent, ast.Raise | ast.Assert | ast.AnnAssign | ast.arguments):
                continue
            for field, value in list(ast.iter_fields(parent)):
                if field in ("annotation", "returns", "decorator_list", "args") and isinstance(
                    parent, ast.FunctionDef | ast.arg
                ):
                    continue
                for k, child in enumerate(value if isinstance(value, list) else [value]):
                    if not isinstance(child, ast.AST):
                        continue
                    for changed in _changes(child):
                        small = isinstance(statement, ast.Try | ast.With)  # too long to be shown
                        before = ast.unparse(child) if small else _shown(statement)
                        setattr(
                            parent,
                            field,
                            [*value[:k], changed, *value[k + 1 :]]
                            if isinstance(value, list)
                            else changed,
                        )
                        after = ast.unparse(changed) if small else _shown(statement)
                        fixed = ast.fix_missing_locations(copy.deepcopy(tree))
                        setattr(parent, field, value)
                        yield Mutant(
                            module,
                            name,
                            getattr(child, "lineno", 0),
                            before,
                            after,
                            ast.unparse(fixed),
                        )


def _inside(region: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
    """Every node of a region with the innermost statement around it (the region itself for an expression)."""
    stack = [(region, region)]
    while stack:
        statement, node = stack.pop()
        yield statement, node
        stack += [
            (child if isinstance(child, ast.stmt) else statement, child)
            for child in ast.iter_child_nodes(node)
        ]


def _shown(statement: ast.AST) -> str:
    """A statement on one line; of a compound one, its head."""
    text = ast.unparse(statement)
    return (
        text.splitlines()[0]
        if isinstance(statement, ast.If | ast.For | ast.While | ast.FunctionDef)
        else " ".join(text.split())
    )
