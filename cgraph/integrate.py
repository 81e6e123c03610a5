"""Ordinary differential equations: `scipy.integrate.odeint` on nodes. Needs SciPy.

The right-hand side is traced once into a graph of its own (`cgraph.control.Body`); a solution is one node. Both modes solve differential
equations again: forward mode the equations of the tangent beside the solution, reverse mode those of the adjoint, backwards from one time
to the one before, each time from the solution as it was found (L. S. Pontryagin et al. 1962; R. T. Q. Chen et al., arXiv:1806.07366).
Their solutions are solutions of the same kind, so that there are derivatives of every order. All of them are as exact as the solver is
told to be: with SciPy's default tolerances of 1.5e-8 about seven digits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cgraph.control.body import Body, leaf_like
from cgraph.control.functions import _trace
from cgraph.control.ops import _once
from cgraph.errors import ShapeError, UnsupportedError
from cgraph.extras import scipy
from cgraph.graph import substitute
from cgraph.leaves import constant, input
from cgraph.linear_maps import Adjoint, LinearMap
from cgraph.node import Node
from cgraph.op import Op, is_node
from cgraph.ops.define import F, op, shape_of
from cgraph.ops.elementwise import negative
from cgraph.ops.joining import concatenate
from cgraph.ops.structure import reshape
from cgraph.trees import flatten

Times = tuple[float, ...]


def _solve(y0: Any, *fixed: Any, body: Body, t: Times, rtol: Any, atol: Any, mxstep: int) -> Any:
    y0 = np.asarray(y0)
    kind = np.result_type(y0, *(x for x in map(np.asarray, fixed) if x.dtype.kind == "f"))
    if y0.size == 0 or len(t) == 1:
        return np.broadcast_to(y0, (len(t), *y0.shape)).astype(kind)

    def slope(y: Any, s: float) -> Any:
        return body([y, s, *fixed])[0]

    found, told = scipy("integrate", "cg.integrate.odeint").odeint(
        slope, y0.astype(np.float64), np.asarray(t), rtol=rtol, atol=atol, mxstep=mxstep, full_output=True
    )  # fmt: skip
    if told["message"] != "Integration successful.":
        raise ValueError(f"the integration failed: {told['message']}")
    return np.asarray(found, kind)


def _zeros(leaf: Node) -> Node:
    shape: Any = leaf.shape
    return constant(np.zeros(shape, leaf.dtype))


def _with_tangent(body: Body, i: int) -> Body:
    """The solution and its tangent as one state, where operand `i` moves."""
    ahead = body.tangent
    n: Any = body.leaves[0].shape[0]
    both = input("y, y′", shape=(2 * n,))
    moved = dict(zip(body.floating_leaves, ahead.leaves[len(body.leaves) :], strict=True))
    place = i if i == 0 else i + 1  # the time stands between the state and the rest
    mapping: dict[Node, Node] = {body.leaves[0]: both[:n], moved[0]: both[n:]}
    extra = []
    for k, leaf in moved.items():
        if k == 0:
            continue
        if k == place:
            delta = leaf_like(leaf, leaf.basename or "δ")
            extra.append(delta)
            mapping[leaf] = delta
        else:
            mapping[leaf] = _zeros(leaf)
    slopes = substitute([body.outputs[0], ahead.outputs[0]], mapping)
    return Body([both, *body.leaves[1:], *extra], [concatenate(slopes)])


def _with_adjoint(body: Body) -> Body:
    """The solution, its adjoint and the gradients of what is fixed as one state, for going back in time."""
    back = body.reverse
    n: Any = body.leaves[0].shape[0]
    fixed = [k for k in body.floating_leaves if k > 1]
    sizes = [math.prod(shape_of(body.leaves[k])) for k in fixed]  # type: ignore[arg-type]
    state = input("y, a, g", shape=(2 * n + sum(sizes),))
    mapping = {body.leaves[0]: state[:n], back.leaves[-1]: state[n : 2 * n]}
    slope, *grads = substitute([body.outputs[0], *back.outputs], mapping)
    by_leaf = dict(zip(body.floating_leaves, grads, strict=True))
    parts = [slope, negative(by_leaf[0])]
    parts += [negative(reshape(by_leaf[k], (-1,))) for k in fixed]
    return Body([state, *body.leaves[1:]], [concatenate(parts)])


def _ahead(i: int, tangent: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
    body = params["body"]
    y0, *fixed = operands
    both = body.kept(("ode tangent", i), lambda: _with_tangent(body, i))
    start = tangent if i == 0 else 0.0 * y0
    extra = [] if i == 0 else [tangent]
    solution = odeint_op(concatenate([y0, start]), *fixed, *extra, **{**params, "body": both})
    return solution[:, y0.shape[0] :]


def _back(u: Any, out: Any, operands: Sequence[Any], params: dict[str, Any]) -> list[Any]:
    body, t = params["body"], params["t"]
    y0, *fixed = operands
    n = y0.shape[0]
    floating = [k - 1 for k in body.floating_leaves if k > 1]
    sizes = [math.prod(shape_of(operands[k])) for k in floating]  # type: ignore[arg-type]
    with_adjoint = body.kept("ode adjoint", lambda: _with_adjoint(body))
    a: Any = u[-1]
    g: Any = np.zeros(sum(sizes), y0.dtype)
    for k in range(len(t) - 1, 0, -1):
        step = {**params, "body": with_adjoint, "t": (t[k], t[k - 1])}
        before = odeint_op(concatenate([out[k], a, g]), *fixed, **step)[1]
        a, g = before[n : 2 * n] + u[k - 1], before[2 * n :]
    shares: list[Any] = [None] * len(operands)
    shares[0] = a
    start = 0
    for k, size in zip(floating, sizes, strict=True):
        shares[k] = reshape(g[start : start + size], shape_of(operands[k]))
        start += size
    return shares


def _map(i: int, out: Any, *operands: Any, **params: Any) -> LinearMap:
    def vjp(u: Any) -> Any:
        return _once((params["body"], u, out, *operands), lambda: _back(u, out, operands, params))[
            i
        ]

    return Adjoint(lambda tangent: _ahead(i, tangent, operands, params), vjp)


odeint_op: Op = op(
    "integrate.odeint",
    _solve,
    _map,
    variadic=True,
    shape=lambda y0, *fixed, t, **params: (len(t), *y0),
    family="control",
    symbol="∫",
    formula=F("y(t) with y′ = f(y, t, …), y(t₀) = $a", r"y(t),\ y' = f(y, t, \dots),\ y(t_0) = $a", "the adjoint equation, backwards"),
    doc="The solution of an ordinary differential equation. Made by `cg.integrate.odeint`.",
)  # fmt: skip


def odeint(
    func: Callable[..., Any],
    y0: Any,
    t: Any,
    args: Any = (),
    *,
    rtol: float | None = None,
    atol: float | None = None,
    mxstep: int = 0,
    tfirst: bool = False,
    name: str | None = None,
) -> Any:
    """The solution of dy/dt = func(y, t, *args) from y(t[0]) = y0, at the times `t`, by LSODA.

    `func` is traced once, with nodes: it is written with cgraph's or NumPy's functions, and where it branches on numbers, with `cg.where`.
    Nodes that it takes from outside get gradients like those among `args`.

    Args:
        func: ``(y, t, *args)`` -> the slope, of the shape of y; with `tfirst`, ``(t, y, *args)``.
        y0: (n,), a node or an array, or of more dimensions.
        t: times, ascending or descending, as numbers; they have no derivative.
        args: further arguments: numbers, arrays, nodes, or containers of them.
        rtol, atol, mxstep: of the solver, as in SciPy; they hold for derivatives too.

    Returns:
        (len(t), n): the solution at each time, the first of which is `y0`.

    Raises:
        ShapeError: when the slope has not the shape of y.
        UnsupportedError: when `t` is a node.
        CgraphError: when the integration fails, as it is evaluated.

    >>> import cgraph as cg
    >>> k = cg.parameter("k", 2.0)
    >>> y = cg.integrate.odeint(lambda y, t, k: -k * y, [1.0], [0.0, 1.0], (k,))       # y = e^(−k t)
    >>> run = y[1, 0].backward()
    >>> round(float(run.value(y)[1, 0]), 6), round(float(run.grad(k)), 6)
    (0.135335, -0.135335)
    """
    if is_node(t):
        raise UnsupportedError("odeint: the times have to be numbers, known when the graph is built; they have no derivative")  # fmt: skip
    times = np.atleast_1d(np.asarray(t, np.float64))
    if times.ndim != 1 or not times.size:
        raise ShapeError(f"odeint: t has shape {times.shape}; a list of times is needed")
    y0 = y0 if is_node(y0) else np.asarray(y0)
    y0 = y0 if y0.dtype.kind == "f" else y0.astype(np.float64)
    shape: Any = shape_of(y0) or (1,)
    if None in shape:
        raise ShapeError(f"odeint: y0 has shape {shape}: its sizes have to be known")
    given, rebuild = flatten(args if isinstance(args, tuple | list | dict) else (args,))
    operands = [x if is_node(x) else np.asarray(x) for x in given]
    y, s = input("y", shape=(math.prod(shape),)), input("t", shape=())
    leaves = [
        input(f"arg{i}", shape=shape_of(x), dtype=np.float64 if x.dtype.kind == "f" else x.dtype)
        for i, x in enumerate(operands)
    ]

    def call() -> Any:
        rest = rebuild(iter(leaves))
        at = y if len(shape) == 1 else reshape(y, shape)
        slope = func(s, at, *rest) if tfirst else func(at, s, *rest)
        if isinstance(slope, list | tuple):
            slope = concatenate([reshape(x, (-1,)) for x in slope])
        slope = slope if is_node(slope) else constant(np.asarray(slope, np.float64))
        if shape_of(slope) != shape:
            raise ShapeError(f"odeint: y has shape {shape}, but its slope has shape {shape_of(slope)}")  # fmt: skip
        return reshape(slope, (-1,))

    results, _, outer = _trace([y, s, *leaves], call)
    body = Body([y, s, *leaves, *outer.values()], results)
    solution = odeint_op(
        reshape(y0, (-1,)),
        *operands,
        *outer,
        body=body,
        t=tuple(map(float, times)),
        rtol=rtol,
        atol=atol,
        mxstep=int(mxstep),
        name=name if len(shape) == 1 else None,
    )
    return solution if len(shape) == 1 else reshape(solution, (times.size, *shape), name=name)


__all__ = ["odeint"]
