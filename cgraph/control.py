"""Loops and branches as nodes with a graph inside: `scan`, `fori_loop`, `cond`.

A loop of 10^4 steps is one node, not 10^4: it holds the graph of one step, its *body*, and carries it out as often as it says. The
derivative of a loop is a loop, over the derivative of the body, backwards; it is built from the same ops, so loops are differentiable as
often as one likes, in both modes, in numbers and in gradient graphs. The numbers that reverse mode needs of the way there, the state before
each step, are computed by a loop as well and cost no more memory than they take.

A node has one value. What a loop gives, final states and stacked outputs, is laid end to end in it, and `part` takes a piece out.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from cgraph.autodiff import gradient
from cgraph.backprop import SymbolicValues, pushforward
from cgraph.errors import CgraphError, DTypeError, ShapeError
from cgraph.graph import order, substitute
from cgraph.leaves import constant, input
from cgraph.linear_maps import Adjoint, LinearMap
from cgraph.node import Node
from cgraph.op import OPS, Formula, Op, is_node
from cgraph.operators import public
from cgraph.ops.define import linear_op, op
from cgraph.ops.reduction import sum as total
from cgraph.plan import plan_of
from cgraph.run import Run
from cgraph.trees import flatten

Shape = tuple[int, ...]


class Body:
    """A graph of its own: what one step of a loop, or one branch, computes.

    Attributes:
        leaves: its inputs, in order.
        outputs: its results, in order.

    >>> import cgraph as cg
    >>> h, _ = cg.scan(lambda h, x: (cg.tanh(h + x), None), cg.parameter("h", 0.0), cg.input("xs", [1.0, 2.0]))
    >>> (loop,) = h.parents
    >>> [leaf.name for leaf in loop.params["body"].leaves]
    ['h', 'x']
    """

    def __init__(self, leaves: Sequence[Node], outputs: Sequence[Node]) -> None:
        self.leaves = tuple(leaves)
        self.outputs = tuple(outputs)
        self._derived: dict[Any, Any] = {}

    def __call__(self, operands: Sequence[Any]) -> list[Any]:
        """The results for arrays."""
        feeds = {
            leaf: np.asarray(x).astype(leaf.dtype, copy=False)
            for leaf, x in zip(self.leaves, operands, strict=True)
        }
        plan, last = plan_of(self.outputs)
        source = plan.forward_source(last) if plan.again() else False
        if source:
            values = source.values(feeds)
            if values is not None:
                return [values[plan.position.get(id(out), -1)] for out in self.outputs]
        run = Run(self.outputs, feeds, None)
        return [run.value(out) for out in self.outputs]

    @cached_property
    def reverse(self) -> Body:
        """Leaves, then an upstream gradient for each floating output -> the gradient of each floating leaf."""
        seeds = [_like(out, f"∂{out.basename or i}") for i, out in self.floating_outputs]
        terms = [total(out * u) for (_, out), u in zip(self.floating_outputs, seeds, strict=True)]
        root = sum(terms, start=constant(0.0))
        wanted = [leaf for leaf in self.leaves if leaf.dtype.kind == "f"]
        found = gradient(root, wanted, disconnected="zero") if wanted else []
        return Body([*self.leaves, *seeds], found)

    @cached_property
    def tangent(self) -> Body:
        """Leaves, then a tangent for each floating leaf -> the tangent of each floating output."""
        moved = {leaf: _like(leaf, f"{leaf.basename}′") for leaf in self.leaves if leaf.dtype.kind == "f"}
        tangents: dict[Node, Any] = dict(moved)
        pushforward(order(*self.outputs), tangents, SymbolicValues())
        outputs = [
            tangents.get(out) if out in tangents else constant(np.zeros(out.shape, out.dtype))
            for _, out in self.floating_outputs
        ]
        return Body([*self.leaves, *moved.values()], [_node(x, out) for x, (_, out) in zip(outputs, self.floating_outputs, strict=True)])

    @property
    def floating_outputs(self) -> list[tuple[int, Node]]:
        return [(i, out) for i, out in enumerate(self.outputs) if out.dtype.kind == "f"]

    def kept(self, key: Any, make: Callable[[], Any]) -> Any:
        """What was derived from this body under that key, made once: equal loops then hold the same body."""
        if key not in self._derived:
            self._derived[key] = make()
        return self._derived[key]


def _node(x: Any, like: Node) -> Node:
    node = x if isinstance(x, Node) else constant(np.asarray(x, like.dtype))
    return node if node.shape == like.shape else OPS["broadcast_to"](node, shape=like.shape)  # type: ignore[no-any-return]


def _like(node: Node, name: str) -> Node:
    return input(name, shape=node.shape, dtype=node.dtype)


# --- one value for many results -------------------------------------------------------------------------------------------------


def _pack(values: Sequence[Any], dtype: Any) -> Any:
    return np.concatenate([np.asarray(v).reshape(-1) for v in values] or [np.zeros(0)]).astype(dtype, copy=False)


def _put_back(u: Any, x: Any, start: int, stop: int, shape: Shape) -> Any:
    flat = OPS["reshape"](u, shape=(stop - start,))
    return OPS["scatter"](flat, index=(slice(start, stop),), shape=np.shape(x) if not is_node(x) else x.shape)


part_op: Op = linear_op(
    "part",
    lambda x, start, stop, shape: np.asarray(x)[start:stop].reshape(shape),
    _put_back,
    shape=lambda x, start, stop, shape: shape,
    symbol="part",
    formula=Formula("part of $a", "$a", ("1",)),
    doc="Entries `start` to `stop` of a vector, in a shape: one of the results that a loop laid end to end.",
)  # fmt: skip


def _unpack(packed: Any, shapes: Sequence[Shape], dtypes: Sequence[Any]) -> list[Any]:
    """The results, each in its shape and dtype."""
    results, start = [], 0
    for shape, dtype in zip(shapes, dtypes, strict=True):
        stop = start + math.prod(shape)
        piece = part_op(packed, start=start, stop=stop, shape=tuple(shape))
        if np.dtype(piece.dtype) != np.dtype(dtype):
            piece = OPS["cast"](piece, dtype=str(np.dtype(dtype)))
        results.append(piece)
        start = stop
    return results


# --- shares for several operands, computed once -----------------------------------------------------------------------------------

_latest = threading.local()


def _once(key: tuple[Any, ...], compute: Callable[[], Any]) -> Any:
    """The result of the same call a moment ago, known by the identity of its arguments: the operands of one loop ask one after the other."""
    kept = getattr(_latest, "entry", None)
    if kept is not None and len(kept[0]) == len(key) and all(a is b for a, b in zip(kept[0], key, strict=True)):
        return kept[1]
    result = compute()
    _latest.entry = (key, result)
    return result


# --- scan -------------------------------------------------------------------------------------------------------------------------


def _run_scan(
    *operands: Any, body: Body, length: int, carried: int, rows: int, reverse: bool, dtype: str
) -> Any:
    carry = [np.asarray(x).astype(leaf.dtype, copy=False) for x, leaf in zip(operands[:carried], body.leaves, strict=False)]
    taken, fixed = operands[carried : carried + rows], operands[carried + rows :]
    outs: list[Any] = [
        np.zeros((length, *out.shape), out.dtype) for out in body.outputs[carried:]  # type: ignore[misc]
    ]
    row_dtypes = [leaf.dtype for leaf in body.leaves[carried : carried + rows]]
    stacked = [np.asarray(x).astype(kind, copy=False) for x, kind in zip(taken, row_dtypes, strict=True)]
    for t in reversed(range(length)) if reverse else range(length):
        results = body([*carry, *(x[t] for x in stacked), *fixed])
        carry = results[:carried]
        for out, value in zip(outs, results[carried:], strict=True):
            out[t] = value
    return _pack([*carry, *outs], dtype)


def _scan_results(body: Body, length: int, carried: int) -> tuple[list[Shape], list[Any]]:
    shapes: list[Any] = [out.shape for out in body.outputs[:carried]]
    shapes += [(length, *out.shape) for out in body.outputs[carried:]]
    return shapes, [out.dtype for out in body.outputs]


def _scan_reverse(upstream: Any, operands: Sequence[Any], params: dict[str, Any]) -> list[Any]:
    """The share of every floating operand: a loop over the body's derivative, in the other direction."""
    body, length, carried, rows = (params[k] for k in ("body", "length", "carried", "rows"))
    dtype, reverse = params["dtype"], params["reverse"]
    init, taken, fixed = operands[:carried], operands[carried : carried + rows], operands[carried + rows :]

    # The state before each step, again.
    memory = body.kept(("memory", carried), lambda: Body(body.leaves, [*body.outputs[:carried], *body.leaves[:carried]]))
    again = SCAN(*operands, body=memory, length=length, carried=carried, rows=rows, reverse=reverse, dtype=dtype)
    shapes, dtypes = _scan_results(memory, length, carried)
    before = _unpack(again, shapes, dtypes)[carried:]

    shapes, dtypes = _scan_results(body, length, carried)
    ups = _unpack(upstream, shapes, dtypes)
    step = body.kept(("reverse", carried, rows), lambda: _reverse_step(body, carried, rows))
    floating = [i for i, leaf in enumerate(body.leaves) if leaf.dtype.kind == "f"]
    state = [ups[i] for i, out in body.floating_outputs if i < carried]
    ys = [ups[i] for i, out in body.floating_outputs if i >= carried]
    sums = [np.zeros(body.leaves[i].shape, body.leaves[i].dtype) for i in floating if i >= carried + rows]  # type: ignore[arg-type]
    back = SCAN(
        *state, *sums, *before, *taken, *ys, *fixed,
        body=step, length=length, carried=len(state) + len(sums), rows=len(before) + rows + len(ys), reverse=not reverse, dtype=dtype,
    )  # fmt: skip
    shapes, dtypes = _scan_results(step, length, len(state) + len(sums))
    found = iter(_unpack(back, shapes, dtypes))
    shares: dict[int, Any] = {}
    groups = (
        [i for i in floating if i < carried],
        [i for i in floating if i >= carried + rows],
        [i for i in floating if carried <= i < carried + rows],
    )
    for group in groups:
        shares.update({i: next(found) for i in group})
    return [shares.get(i) for i in range(len(operands))]


def _reverse_step(body: Body, carried: int, rows: int) -> Body:
    """One step back: (upstream of the state, sums so far | state before, row, upstream of the output | constants) -> the same one step
    earlier, and the gradient of the row."""
    derivative = body.reverse
    n = len(body.leaves)
    floating = [i for i, leaf in enumerate(body.leaves) if leaf.dtype.kind == "f"]
    place = {i: k for k, i in enumerate(floating)}
    seeds = derivative.leaves[n:]
    indices = [i for i, _ in body.floating_outputs]
    state = [seed for i, seed in zip(indices, seeds, strict=True) if i < carried]
    ys = [seed for i, seed in zip(indices, seeds, strict=True) if i >= carried]
    constants = [i for i in floating if i >= carried + rows]
    sums = [_like(body.leaves[i], f"Σ∂{body.leaves[i].basename}") for i in constants]
    grads = derivative.outputs
    return Body(
        [*state, *sums, *body.leaves[: carried + rows], *ys, *body.leaves[carried + rows :]],
        [
            *(grads[place[i]] for i in floating if i < carried),
            *(sums[k] + grads[place[i]] for k, i in enumerate(constants)),
            *(grads[place[i]] for i in floating if carried <= i < carried + rows),
        ],
    )


def _scan_forward(i: int, tangent: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
    """The tangent of the results where operand `i` moves: a loop that carries the state and its tangent."""
    body, length, carried, rows = (params[k] for k in ("body", "length", "carried", "rows"))
    step, places = body.kept(("tangent", carried, rows), lambda: _tangent_step(body, carried, rows))
    zeros = [np.zeros(np.shape(x) if not is_node(x) else x.shape, body.leaves[k].dtype) for k, x in enumerate(operands)]
    moved = [tangent if k == i else zero for k, zero in enumerate(zeros)]
    floating = [k for k, leaf in enumerate(body.leaves) if leaf.dtype.kind == "f"]
    init = [*operands[:carried], *(moved[k] for k in floating if k < carried)]
    taken = [*operands[carried : carried + rows], *(moved[k] for k in floating if carried <= k < carried + rows)]
    fixed = [*operands[carried + rows :], *(moved[k] for k in floating if k >= carried + rows)]
    both = SCAN(
        *init, *taken, *fixed,
        body=step, length=length, carried=len(init), rows=len(taken), reverse=params["reverse"], dtype=params["dtype"],
    )  # fmt: skip
    shapes, dtypes = _scan_results(step, length, len(init))
    results = _unpack(both, shapes, dtypes)
    picked = []
    whole_shapes, _ = _scan_results(body, length, carried)
    for k in range(len(body.outputs)):
        piece = results[places[k]] if k in places else np.zeros(whole_shapes[k], params["dtype"])
        picked.append(OPS["reshape"](piece, shape=(math.prod(whole_shapes[k]),)))
    joined = OPS["concatenate"](*picked, axis=0)
    return joined if np.dtype(joined.dtype) == np.dtype(params["dtype"]) else OPS["cast"](joined, dtype=params["dtype"])


def _tangent_step(body: Body, carried: int, rows: int) -> tuple[Body, dict[int, int]]:
    """A step of states and tangents, and where in its results the tangent of each output stands."""
    derivative = body.tangent
    n = len(body.leaves)
    floating = [i for i, leaf in enumerate(body.leaves) if leaf.dtype.kind == "f"]
    moved = dict(zip(floating, derivative.leaves[n:], strict=True))
    out_moved = {i: x for (i, _), x in zip(body.floating_outputs, derivative.outputs, strict=True)}
    # A state that moves is one of the leaves, and comes back as one of the outputs.
    states = [i for i in floating if i < carried]
    leaves = [
        *body.leaves[:carried], *(moved[i] for i in states),
        *body.leaves[carried : carried + rows], *(moved[i] for i in floating if carried <= i < carried + rows),
        *body.leaves[carried + rows :], *(moved[i] for i in floating if i >= carried + rows),
    ]  # fmt: skip
    later = [i for i in out_moved if i >= carried]
    outputs = [*body.outputs[:carried], *(out_moved[i] for i in states), *(out_moved[i] for i in later)]
    places = {i: carried + k for k, i in enumerate(states)}
    places |= {i: carried + len(states) + k for k, i in enumerate(later)}
    return Body(leaves, outputs), places


def _scan_map(i: int, out: Any, *operands: Any, **params: Any) -> LinearMap:
    def vjp(u: Any) -> Any:
        key = (params["body"], u, *operands)
        return _once(key, lambda: _scan_reverse(u, operands, params))[i]

    return Adjoint(lambda t: _scan_forward(i, t, operands, params), vjp)


def _scan_shape(*shapes: Shape, body: Body, length: int, carried: int, **params: Any) -> Shape:
    results, _ = _scan_results(body, length, carried)
    return (sum(math.prod(shape) for shape in results),)


SCAN: Op = op(
    "scan", _run_scan, _scan_map, variadic=True, shape=_scan_shape, family="control", symbol="loop",
    formula=Formula("a loop over $a …", r"\operatorname{scan}", ("a loop backwards",)),
    doc="A loop: the body carried out `length` times. Made by `cg.scan` and `cg.fori_loop`.",
)  # fmt: skip


# --- cond -------------------------------------------------------------------------------------------------------------------------


def _run_cond(condition: Any, *operands: Any, bodies: tuple[Body, Body], dtype: str) -> Any:
    return _pack(bodies[bool(condition)](operands), dtype)


def _cond_results(bodies: tuple[Body, Body]) -> tuple[list[Any], list[Any]]:
    return [out.shape for out in bodies[0].outputs], [out.dtype for out in bodies[0].outputs]


def _cond_map(i: int, out: Any, condition: Any, *operands: Any, bodies: tuple[Body, Body], dtype: str) -> LinearMap:
    leaves = bodies[0].leaves
    floating = [k for k, leaf in enumerate(leaves) if leaf.dtype.kind == "f"]

    def vjp(u: Any) -> Any:
        shapes, dtypes = _cond_results(bodies)
        ups = [x for x, kind in zip(_unpack(u, shapes, dtypes), dtypes, strict=True) if kind.kind == "f"]
        back = (bodies[0].reverse, bodies[1].reverse)
        packed = _once(
            (bodies, u, condition, *operands), lambda: COND(condition, *operands, *ups, bodies=back, dtype=dtype)
        )
        return _unpack(packed, *_cond_results(back))[floating.index(i - 1)]

    def jvp(t: Any) -> Any:
        zeros = {k: np.zeros(leaves[k].shape, leaves[k].dtype) for k in floating}  # type: ignore[arg-type]
        moved = [t if k == i - 1 else zeros[k] for k in floating]
        ahead = (bodies[0].tangent, bodies[1].tangent)
        return COND(condition, *operands, *moved, bodies=ahead, dtype=dtype)

    return Adjoint(jvp, vjp)


COND: Op = op(
    "cond", _run_cond, _cond_map, variadic=True, family="control", symbol="if",
    shape=lambda condition, *shapes, bodies, dtype: (sum(math.prod(out.shape) for out in bodies[0].outputs),),
    formula=Formula("one of two branches, as $a says", r"\text{if } $a", (None, "of the branch taken")),
    doc="A branch: only the one that the condition says is computed. Made by `cg.cond`.",
)  # fmt: skip


# --- tracing a body ---------------------------------------------------------------------------------------------------------------


def _trace(f: Callable[..., Any], leaves: Sequence[Node], call: Callable[[], Any]) -> tuple[list[Any], Any, list[Node], dict[Node, Node]]:
    """What a function gives on `leaves`, and what it took from outside: nodes become operands of the loop.

    Returns:
        its results, how to put them into its containers, the nodes from outside, and the leaves that stand for them.
    """
    results, rebuild = flatten(call())
    nodes = [x if isinstance(x, Node) else constant(x) for x in results if x is not None]
    inside: set[Node] = set(leaves)
    outer: dict[Node, Node] = {}
    for node in order(*nodes):
        if node in inside:
            continue
        if any(p in inside for p in node.parents):
            inside.add(node)
    for node in order(*nodes):
        users = [p for p in node.parents if p not in inside] if node in inside else []
        for parent in users:
            if not parent.weak and parent not in outer:
                outer[parent] = _like(parent, parent.basename or parent.op.name)
    for node in nodes:
        if node not in inside and node not in outer and node.kind != "constant":
            outer[node] = _like(node, node.basename or node.op.name)
    fresh = iter(substitute(nodes, outer))
    return [None if x is None else next(fresh) for x in results], rebuild, list(outer), outer


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
    f: Callable[..., Any], init: Any, xs: Any = None, *, length: int | None = None, reverse: bool = False, name: str | None = None
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
    state_pairs = [_leaf(v, n) for v, n in zip(states, _names(f, 0, len(states), "state"), strict=True)]
    row_pairs = [_leaf(v, n, True) for v, n in zip(rows, _names(f, 1, len(rows), "x"), strict=True)]
    lengths = {int(x.shape[0]) for x, _ in row_pairs} | ({length} if length is not None else set())
    if len(lengths) != 1:
        raise ShapeError(
            "scan: give xs or length=" if not lengths else f"scan: different numbers of steps: {sorted(lengths)}"
        )
    (steps,) = lengths
    state_leaves, row_leaves = [leaf for _, leaf in state_pairs], [leaf for _, leaf in row_pairs]

    def call() -> Any:
        returned = f(rebuild_state(iter(state_leaves)), rebuild_row(iter(row_leaves)))
        if not isinstance(returned, tuple) or len(returned) != 2:
            raise CgraphError(f"scan: the function has to return (state, y); it returned {type(returned).__name__}")
        return returned

    results, rebuild, outside, stands_for = _trace(f, [*state_leaves, *row_leaves], call)
    count = len(states)
    new_states, ys = results[:count], results[count:]
    fixed_states = []
    for leaf, new in zip(state_leaves, new_states, strict=True):
        if not isinstance(new, Node) or new.shape != leaf.shape:
            shape = getattr(new, "shape", None)
            raise ShapeError(f"scan: the state {leaf.name!r} has shape {leaf.shape} before a step and {shape} after it")
        if new.dtype != leaf.dtype:
            if new.dtype.kind == "f" and leaf.dtype.kind == "f" and np.can_cast(leaf.dtype, new.dtype):
                raise DTypeError(f"scan: the state {leaf.name!r} has dtype {leaf.dtype} before a step and {new.dtype} after it; cast one")
            new = OPS["cast"](new, dtype=str(leaf.dtype))
        fixed_states.append(new)
    given = [y for y in ys if y is not None]
    body = Body([*state_leaves, *row_leaves, *stands_for.values()], [*fixed_states, *given])
    operands = [x for x, _ in (*state_pairs, *row_pairs)] + outside
    packed = SCAN(
        *operands, body=body, length=steps, carried=count, rows=len(rows), reverse=bool(reverse),
        dtype=_result_dtype(body.outputs), **({} if name is None else {"name": name}),
    )  # fmt: skip
    pieces = iter(_unpack(packed, *_scan_results(body, steps, count)))
    final = [next(pieces) for _ in range(count)]
    filled: Iterator[Any] = iter([*final, *(None if y is None else next(pieces) for y in ys)])
    state, stacked = rebuild(filled)
    return state, stacked


@public
def fori_loop(lower: int, upper: int, f: Callable[..., Any], init: Any, *, name: str | None = None) -> Any:
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
def cond(condition: Any, if_true: Callable[..., Any], if_false: Callable[..., Any], *operands: Any, name: str | None = None) -> Any:
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
        raise ShapeError(f"cond: the condition has shape {shape}; reduce it (all, any), or choose entry by entry with cg.where")
    flat, rebuild = flatten(tuple(operands))
    pairs = [_leaf(v, n) for v, n in zip(flat, _operand_names(if_true, operands), strict=True)]
    leaves = [leaf for _, leaf in pairs]
    traced = [_trace(f, leaves, lambda f=f: f(*rebuild(iter(leaves)))) for f in (if_false, if_true)]  # type: ignore[misc]
    outer: dict[Node, Node] = {}
    for _, _, _, stands_for in traced:
        outer.update({node: outer.get(node, leaf) for node, leaf in stands_for.items()})
    bodies = []
    for results, _, _, stands_for in traced:
        same = {leaf: outer[node] for node, leaf in stands_for.items()}
        bodies.append(Body([*leaves, *outer.values()], substitute([_whole(x) for x in results], same)))
    no, yes = bodies
    if [(a.shape, a.dtype) for a in no.outputs] != [(a.shape, a.dtype) for a in yes.outputs]:
        told = [", ".join(f"{a.shape} {a.dtype}" for a in body.outputs) for body in (yes, no)]
        raise ShapeError(f"cond: one branch returns {told[0]}, the other {told[1]}")
    operand_values = [x for x, _ in pairs] + list(outer)
    named = {} if name is None else {"name": name}
    packed = COND(condition, *operand_values, bodies=(no, yes), dtype=_result_dtype(yes.outputs), **named)
    return traced[1][1](iter(_unpack(packed, *_cond_results((no, yes)))))


def _whole(x: Any) -> Node:
    if x is None:
        raise CgraphError("cond: a branch returned None")
    return x  # type: ignore[no-any-return]


def _operand_names(f: Callable[..., Any], operands: Sequence[Any]) -> list[str]:
    names = []
    for k, operand in enumerate(operands):
        names += _names(f, k, len(flatten(operand)[0]), f"x{k}")
    return names
