"""`scan`, `fori_loop` and `cond`: a Python function is traced once, and what it takes from outside becomes an operand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from cgraph.control.body import Body, leaf_like
from cgraph.control.ops import COND, SCAN, cond_results, scan_results, unpack
from cgraph.errors import CgraphError, DTypeError, ShapeError
from cgraph.graph import order, substitute
from cgraph.leaves import constant, input
from cgraph.node import Node, scope
from cgraph.op import OPS
from cgraph.operators import public
from cgraph.trees import flatten


def _trace(
    leaves: Sequence[Node], call: Callable[[], Any], scope_name: str | None = None
) -> tuple[list[Any], Any, dict[Node, Node]]:
    """What a function gives on `leaves`, and what it took from outside: nodes become operands.

    What depends on none of the leaves is outside; a loop computes it once. In a branch, which is to compute it only when it is taken,
    outside is what was not built under `scope_name`.

    Returns:
        its results, how to put them into its containers, and the leaf that stands for each node from outside.
    """
    if scope_name is None:
        results, rebuild = flatten(call())
        path = None
    else:
        with scope(scope_name) as path:
            results, rebuild = flatten(call())
    nodes = [x if isinstance(x, Node) else constant(x) for x in results if x is not None]
    inside: set[Node] = set(leaves)
    for node in order(*nodes):
        built_here = path is not None and (node.scope == path or node.scope.startswith(f"{path}/"))
        if built_here or any(p in inside for p in node.parents):
            inside.add(node)
    outer: dict[Node, Node] = {}
    used = [x for node in order(*nodes) if node in inside for x in node.parents if not x.weak]
    used += [node for node in nodes if node.kind != "constant"]
    for x in used:
        if x not in inside and x not in outer:
            outer[x] = leaf_like(x, x.basename or x.op.name)
    fresh = iter(substitute(nodes, outer))
    return [None if x is None else next(fresh) for x in results], rebuild, outer


def _leaf(value: Any, name: str, rows: bool = False) -> tuple[Any, Node]:
    """A value as an operand, and the leaf that stands for it (or, with `rows`, for one row of it) in the body."""
    operand = value if isinstance(value, Node) else np.asarray(value)
    if operand.dtype.kind not in "fiub":
        raise DTypeError(f"{name}: dtype {operand.dtype} is not supported")
    shape = operand.shape
    if None in shape:
        raise ShapeError(f"{name} has shape {shape}: the sizes in a loop have to be known")
    if rows and not shape:
        raise ShapeError(f"{name} is a scalar; a loop goes over the first axis of its arrays")
    return operand, input(name, shape=shape[1:] if rows else shape, dtype=operand.dtype)


def _names(f: Callable[..., Any], place: int, count: int, default: str) -> list[str]:
    """Names for the leaves of one argument: the function's own name for it."""
    code = getattr(f, "__code__", None)
    name = code.co_varnames[place] if code is not None and code.co_argcount > place else default
    return [name] if count == 1 else [f"{name}{k}" for k in range(count)]


def _result_dtype(nodes: Sequence[Node]) -> str:
    kinds = [node.dtype for node in nodes if node.dtype.kind == "f"]
    whole = any(node.dtype.kind != "f" for node in nodes)
    return str(np.result_type(*kinds, *([np.float64] if whole or not kinds else [])))


@public
def scan(
    f: Callable[..., Any],
    init: Any,
    xs: Any = None,
    *,
    length: int | None = None,
    reverse: bool = False,
    name: str | None = None,
) -> tuple[Any, Any]:
    """A loop that carries a state: ``state, y = f(state, x)`` for each row x of `xs`, as one node.

    `f` is traced once. Nodes that it takes from outside (parameters, say) become operands of the loop, and get gradients.

    Args:
        f: ``(state, x) -> (state, y)``; state, x and y may be nodes, or containers of them, or None. The new state has the shapes and
            dtypes of the old one.
        init: the state before the first step.
        xs: arrays or nodes with one row a step along their first axis, or None.
        length: how many steps, where `xs` does not say.
        reverse: from the last row to the first.
        name: of the loop's node.

    Returns:
        ``(state, ys)``: the state after the last step, and what the steps gave, stacked along a new first axis.

    Raises:
        ShapeError: when the sizes are not known, differ between the arrays of `xs`, or the state changes its shape.
        DTypeError: when the state changes its dtype.

    >>> import cgraph as cg
    >>> w, xs = cg.parameter("w", 0.5), cg.input("xs", [1.0, 2.0, 3.0])
    >>> h, hs = cg.scan(lambda h, x: (w * h + x,) * 2, 0.0, xs)
    >>> cg.run([h, hs]).value(hs)
    array([1.  , 2.5 , 4.25])
    >>> float(h.backward().grad(w))          # h = w² + 2 w + 3
    3.0
    """
    states, rebuild_state = flatten(init)
    rows, rebuild_row = flatten(xs) if xs is not None else ([], lambda leaves: None)
    state_pairs = [
        _leaf(v, n) for v, n in zip(states, _names(f, 0, len(states), "state"), strict=True)
    ]
    row_pairs = [_leaf(v, n, True) for v, n in zip(rows, _names(f, 1, len(rows), "x"), strict=True)]
    lengths = {int(x.shape[0]) for x, _ in row_pairs} | ({length} if length is not None else set())
    if len(lengths) != 1:
        raise ShapeError(
            "scan: give xs or length="
            if not lengths
            else f"scan: different numbers of steps: {sorted(lengths)}"
        )
    (steps,) = lengths
    state_leaves, row_leaves = [leaf for _, leaf in state_pairs], [leaf for _, leaf in row_pairs]

    def call() -> Any:
        returned = f(rebuild_state(iter(state_leaves)), rebuild_row(iter(row_leaves)))
        if not isinstance(returned, tuple) or len(returned) != 2:
            raise CgraphError(
                f"scan: the function has to return (state, y); it returned {type(returned).__name__}"
            )
        return returned

    results, rebuild, stands_for = _trace([*state_leaves, *row_leaves], call)
    count = len(states)
    new_states, ys = results[:count], results[count:]
    fixed_states = []
    for leaf, new in zip(state_leaves, new_states, strict=True):
        if not isinstance(new, Node) or new.shape != leaf.shape:
            shape = getattr(new, "shape", None)
            raise ShapeError(
                f"scan: the state {leaf.name!r} has shape {leaf.shape} before a step and {shape} after it"
            )
        if new.dtype != leaf.dtype:
            if (
                new.dtype.kind == "f"
                and leaf.dtype.kind == "f"
                and np.can_cast(leaf.dtype, new.dtype)
            ):
                raise DTypeError(
                    f"scan: the state {leaf.name!r} has dtype {leaf.dtype} before a step and {new.dtype} after it; cast one"
                )
            new = OPS["cast"](new, dtype=str(leaf.dtype))
        fixed_states.append(new)
    given = [y for y in ys if y is not None]
    body = Body([*state_leaves, *row_leaves, *stands_for.values()], [*fixed_states, *given])
    operands = [x for x, _ in (*state_pairs, *row_pairs)] + list(stands_for)
    packed = SCAN(
        *operands, body=body, length=steps, carried=count, rows=len(rows), reverse=bool(reverse),
        dtype=_result_dtype(body.outputs), **({} if name is None else {"name": name}),
    )  # fmt: skip
    pieces = iter(unpack(packed, *scan_results(body, steps, count)))
    final = [next(pieces) for _ in range(count)]
    filled: Iterator[Any] = iter([*final, *(None if y is None else next(pieces) for y in ys)])
    state, stacked = rebuild(filled)
    return state, stacked


@public
def fori_loop(
    lower: int, upper: int, f: Callable[..., Any], init: Any, *, name: str | None = None
) -> Any:
    """A loop that counts: ``state = f(i, state)`` for i from `lower` to `upper` − 1, as one node.

    Args:
        lower, upper: whole numbers.
        f: ``(i, state) -> state``; i is a node, a whole number.
        init: the state before the first step: a node, an array, or a container of them.
        name: of the loop's node.

    >>> import cgraph as cg
    >>> x = cg.parameter("x", 2.0)
    >>> y = cg.fori_loop(0, 10, lambda i, s: s * x, 1.0)
    >>> float(y.backward().grad(x))                        # 10 x⁹
    5120.0
    """
    counter = np.arange(lower, upper)
    state, _ = scan(lambda s, i: (f(i, s), None), init, counter, name=name)
    return state


@public
def cond(
    condition: Any,
    if_true: Callable[..., Any],
    if_false: Callable[..., Any],
    *operands: Any,
    name: str | None = None,
) -> Any:
    """``if_true(*operands)`` or ``if_false(*operands)``, as the condition says when the graph is evaluated; the other is not computed.

    Args:
        condition: a scalar: a node, or a truth value. Nothing is differentiated through it.
        if_true, if_false: functions that return the same containers of nodes of the same shapes.
        operands: nodes, arrays, or containers of them. Nodes that the functions take from outside become operands, too.
        name: of the branch's node.

    Raises:
        ShapeError: when the condition is no scalar, or the branches differ in what they return.

    >>> import cgraph as cg
    >>> x = cg.parameter("x", -3.0)
    >>> y = cg.cond(x > 0, lambda v: cg.sqrt(v), lambda v: v * v, x)
    >>> float(cg.run(y).value(y)), float(y.backward().grad(x))
    (9.0, -6.0)
    """
    shape = condition.shape if isinstance(condition, Node) else np.shape(condition)
    if shape != ():
        raise ShapeError(
            f"cond: the condition has shape {shape}; reduce it (all, any), or choose entry by entry with cg.where"
        )
    flat, rebuild = flatten(tuple(operands))
    pairs = [_leaf(v, n) for v, n in zip(flat, _operand_names(if_true, operands), strict=True)]
    leaves = [leaf for _, leaf in pairs]
    traced = [
        _trace(leaves, lambda f=f: f(*rebuild(iter(leaves))), label)  # type: ignore[misc]
        for f, label in ((if_false, "if false"), (if_true, "if true"))
    ]
    outer: dict[Node, Node] = {}
    for _, _, stands_for in traced:
        outer.update({node: outer.get(node, leaf) for node, leaf in stands_for.items()})
    bodies = []
    for results, _, stands_for in traced:
        same = {leaf: outer[node] for node, leaf in stands_for.items()}
        bodies.append(
            Body([*leaves, *outer.values()], substitute([_whole(x) for x in results], same))
        )
    no, yes = bodies
    if [(a.shape, a.dtype) for a in no.outputs] != [(a.shape, a.dtype) for a in yes.outputs]:
        told = [", ".join(f"{a.shape} {a.dtype}" for a in body.outputs) for body in (yes, no)]
        raise ShapeError(f"cond: one branch returns {told[0]}, the other {told[1]}")
    operand_values = [x for x, _ in pairs] + list(outer)
    if isinstance(condition, Node) and condition.dtype.kind != "b":
        condition = OPS["not_equal"](condition, 0)  # nothing is differentiated through it
    named = {} if name is None else {"name": name}
    packed = COND(
        condition, *operand_values, bodies=(no, yes), dtype=_result_dtype(yes.outputs), **named
    )
    return traced[1][1](iter(unpack(packed, *cond_results((no, yes)))))


def _whole(x: Any) -> Node:
    if x is None:
        raise CgraphError("cond: a branch returned None")
    return x  # type: ignore[no-any-return]


def _operand_names(f: Callable[..., Any], operands: Sequence[Any]) -> list[str]:
    names = []
    for k, operand in enumerate(operands):
        names += _names(f, k, len(flatten(operand)[0]), f"x{k}")
    return names
