"""The ops `scan` and `cond`, with their local gradients, which are loops and branches again; and `part`, which takes their value apart.

A node has one value. What a loop gives, final states and stacked outputs, is laid end to end in it, and `part` takes a piece out.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cgraph.batching import batched, with_axis
from cgraph.control.body import Body, leaf_like, zeros_for
from cgraph.leaves import input
from cgraph.linear_maps import Adjoint, LinearMap
from cgraph.op import OPS, Formula, Op
from cgraph.ops.define import linear_op, op, shape_of

Shape = tuple[int, ...]


# --- one value for many results -------------------------------------------------------------------------------------------------


def _pack(values: Sequence[Any], dtype: Any) -> Any:
    return np.concatenate([np.asarray(v).reshape(-1) for v in values] or [np.zeros(0)]).astype(
        dtype, copy=False
    )


def _put_back(u: Any, x: Any, start: int, stop: int, shape: Shape) -> Any:
    flat = OPS["reshape"](u, shape=(stop - start,))
    return OPS["scatter"](flat, index=(slice(start, stop),), shape=shape_of(x))


part_op: Op = linear_op(
    "part",
    lambda x, start, stop, shape: np.asarray(x)[start:stop].reshape(shape),
    _put_back,
    shape=lambda x, start, stop, shape: shape,
    symbol="part",
    formula=Formula("part of $a", "$a", ("1",)),
    doc="Entries `start` to `stop` of a vector, in a shape: one of the results that a loop laid end to end.",
)  # fmt: skip


def unpack(packed: Any, shapes: Sequence[Shape], dtypes: Sequence[Any]) -> list[Any]:
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
    """The result of the same call a moment ago, known by the identity of its arguments: a loop's operands ask one after the other."""
    kept = getattr(_latest, "entry", None)
    if (
        kept is not None
        and len(kept[0]) == len(key)
        and all(a is b for a, b in zip(kept[0], key, strict=True))
    ):
        return kept[1]
    result = compute()
    _latest.entry = (key, result)
    return result


# --- scan -------------------------------------------------------------------------------------------------------------------------


def _run_scan(
    *operands: Any, body: Body, length: int, carried: int, rows: int, reverse: bool, dtype: str
) -> Any:
    carry = [
        np.asarray(x).astype(leaf.dtype, copy=False)
        for x, leaf in zip(operands[:carried], body.leaves, strict=False)
    ]
    taken, fixed = operands[carried : carried + rows], operands[carried + rows :]
    outs: list[Any] = [np.zeros((length, *out.shape), out.dtype) for out in body.outputs[carried:]]
    row_dtypes = [leaf.dtype for leaf in body.leaves[carried : carried + rows]]
    stacked = [
        np.asarray(x).astype(kind, copy=False) for x, kind in zip(taken, row_dtypes, strict=True)
    ]
    for t in reversed(range(length)) if reverse else range(length):
        results = body([*carry, *(x[t] for x in stacked), *fixed])
        carry = results[:carried]
        for out, value in zip(outs, results[carried:], strict=True):
            out[t] = value
    return _pack([*carry, *outs], dtype)


def scan_results(body: Body, length: int, carried: int) -> tuple[list[Shape], list[Any]]:
    shapes: list[Any] = [out.shape for out in body.outputs[:carried]]
    shapes += [(length, *out.shape) for out in body.outputs[carried:]]
    return shapes, [out.dtype for out in body.outputs]


def _scan_reverse(upstream: Any, operands: Sequence[Any], params: dict[str, Any]) -> list[Any]:
    """The share of every floating operand: a loop over the body's derivative, in the other direction."""
    body, length, carried, rows = (params[k] for k in ("body", "length", "carried", "rows"))
    dtype, reverse = params["dtype"], params["reverse"]
    taken, fixed = operands[carried : carried + rows], operands[carried + rows :]

    # The state before each step, again.
    memory = body.kept(
        ("memory", carried),
        lambda: Body(body.leaves, [*body.outputs[:carried], *body.leaves[:carried]]),
    )
    again = SCAN(
        *operands,
        body=memory,
        length=length,
        carried=carried,
        rows=rows,
        reverse=reverse,
        dtype=dtype,
    )
    shapes, dtypes = scan_results(memory, length, carried)
    before = unpack(again, shapes, dtypes)[carried:]

    shapes, dtypes = scan_results(body, length, carried)
    ups = unpack(upstream, shapes, dtypes)
    step = body.kept(("reverse", carried, rows), lambda: _reverse_step(body, carried, rows))
    floating = body.floating_leaves
    state = [ups[i] for i, out in body.floating_outputs if i < carried]
    ys = [ups[i] for i, out in body.floating_outputs if i >= carried]
    sums = [
        np.zeros(body.leaves[i].shape, body.leaves[i].dtype)
        for i in floating
        if i >= carried + rows
    ]
    back = SCAN(
        *state, *sums, *before, *taken, *ys, *fixed,
        body=step, length=length, carried=len(state) + len(sums), rows=len(before) + rows + len(ys), reverse=not reverse, dtype=dtype,
    )  # fmt: skip
    shapes, dtypes = scan_results(step, length, len(state) + len(sums))
    found = iter(unpack(back, shapes, dtypes))
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
    floating = body.floating_leaves
    place = {i: k for k, i in enumerate(floating)}
    seeds = derivative.leaves[n:]
    indices = [i for i, _ in body.floating_outputs]
    state = [seed for i, seed in zip(indices, seeds, strict=True) if i < carried]
    ys = [seed for i, seed in zip(indices, seeds, strict=True) if i >= carried]
    constants = [i for i in floating if i >= carried + rows]
    sums = [leaf_like(body.leaves[i], f"Σ∂{body.leaves[i].basename}") for i in constants]
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
    zeros = [zeros_for(leaf, shape_of(x)) for x, leaf in zip(operands, body.leaves, strict=True)]
    moved = [tangent if k == i else zero for k, zero in enumerate(zeros)]
    floating = body.floating_leaves
    init = [*operands[:carried], *(moved[k] for k in floating if k < carried)]
    taken = [
        *operands[carried : carried + rows],
        *(moved[k] for k in floating if carried <= k < carried + rows),
    ]
    fixed = [*operands[carried + rows :], *(moved[k] for k in floating if k >= carried + rows)]
    both = SCAN(
        *init, *taken, *fixed,
        body=step, length=length, carried=len(init), rows=len(taken), reverse=params["reverse"], dtype=params["dtype"],
    )  # fmt: skip
    shapes, dtypes = scan_results(step, length, len(init))
    results = unpack(both, shapes, dtypes)
    picked = []
    whole_shapes, _ = scan_results(body, length, carried)
    for k in range(len(body.outputs)):
        piece = results[places[k]] if k in places else np.zeros(whole_shapes[k], params["dtype"])
        picked.append(OPS["reshape"](piece, shape=(math.prod(whole_shapes[k]),)))
    joined = OPS["concatenate"](*picked, axis=0)
    return (
        joined
        if np.dtype(joined.dtype) == np.dtype(params["dtype"])
        else OPS["cast"](joined, dtype=params["dtype"])
    )


def _tangent_step(body: Body, carried: int, rows: int) -> tuple[Body, dict[int, int]]:
    """A step of states and tangents, and where in its results the tangent of each output stands."""
    derivative = body.tangent
    n = len(body.leaves)
    floating = body.floating_leaves
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
    outputs = [
        *body.outputs[:carried],
        *(out_moved[i] for i in states),
        *(out_moved[i] for i in later),
    ]
    places = {i: carried + k for k, i in enumerate(states)}
    places |= {i: carried + len(states) + k for k, i in enumerate(later)}
    return Body(leaves, outputs), places


def _scan_map(i: int, out: Any, *operands: Any, **params: Any) -> LinearMap:
    def vjp(u: Any) -> Any:
        key = (params["body"], u, *operands)
        return _once(key, lambda: _scan_reverse(u, operands, params))[i]

    return Adjoint(lambda t: _scan_forward(i, t, operands, params), vjp)


def _scan_shape(*shapes: Shape, body: Body, length: int, carried: int, **params: Any) -> Shape:
    results, _ = scan_results(body, length, carried)
    return (sum(math.prod(shape) for shape in results),)


# --- many at once ----------------------------------------------------------------------------------------------------------------


def _many_bodies(body: Body, has: tuple[bool, ...], size: int) -> Body:
    """A body for `size` examples at once: leaves that are mapped, and all outputs, have an axis in front."""
    leaves = [
        input(leaf.basename or "x", shape=(size, *shape_of(leaf)), dtype=leaf.dtype) if h else leaf
        for leaf, h in zip(body.leaves, has, strict=True)
    ]
    along = {old: new for old, new, h in zip(body.leaves, leaves, has, strict=True) if h}
    outputs = [with_axis(out, h, size) for out, h in batched(body.outputs, along, size)]
    return Body(leaves, outputs)


def _packed_for_each(results: Sequence[Any], axes: Sequence[int], size: int, dtype: str) -> Any:
    """Results of which each has the examples along one of its axes, laid end to end for each example."""
    lines = [
        OPS["reshape"](OPS["transpose"](x, axes=_in_front(x.ndim, a)) if a else x, shape=(size, -1))
        for x, a in zip(results, axes, strict=True)
    ]
    joined = OPS["concatenate"](*lines, axis=1)
    return joined if np.dtype(joined.dtype) == np.dtype(dtype) else OPS["cast"](joined, dtype=dtype)


def _in_front(ndim: int, axis: int) -> tuple[int, ...]:
    return (axis, *(i for i in range(ndim) if i != axis))


def _many_scans(node: Any, operands: list[Any], has: list[bool], size: int) -> Any:
    """One loop whose state, and what is mapped of the rest, has the examples as its first axis."""
    body, length, carried, rows = (node.params[k] for k in ("body", "length", "carried", "rows"))
    if size == 0 or length == 0:
        return None
    mapped = tuple(h or i < carried for i, h in enumerate(has))
    many = body.kept(("many", mapped, size), lambda: _many_bodies(body, mapped, size))
    given = [with_axis(x, h, size) if i < carried else x for i, (x, h) in enumerate(zip(operands, has, strict=True))]  # fmt: skip
    for i in range(carried, carried + rows):
        if has[i]:
            given[i] = OPS["transpose"](given[i], axes=_in_front(given[i].ndim, 1))
    packed = node.op(*given, **{**node.params, "body": many})
    results = unpack(packed, *scan_results(many, length, carried))
    return _packed_for_each(results, [0 if i < carried else 1 for i in range(len(results))], size, node.params["dtype"])  # fmt: skip


def _many_branches(node: Any, operands: list[Any], has: list[bool], size: int) -> Any:
    """One branch for all examples, where the condition is the same for all; else one by one, so that only what is said is computed."""
    if has[0] or size == 0:
        return None
    bodies = node.params["bodies"]
    mapped = tuple(has[1:])
    many = tuple(b.kept(("many", mapped, size), lambda b=b: _many_bodies(b, mapped, size)) for b in bodies)  # fmt: skip
    packed = node.op(*operands, **{**node.params, "bodies": many})
    results = unpack(packed, *cond_results(many))
    return _packed_for_each(results, [0] * len(results), size, node.params["dtype"])


SCAN: Op = op(
    "scan", _run_scan, _scan_map, variadic=True, shape=_scan_shape, family="control", symbol="loop",
    batch=_many_scans,
    formula=Formula("a loop over $a …", r"\operatorname{scan}", ("a loop backwards",)),
    doc="A loop: the body carried out `length` times. Made by `cg.scan` and `cg.fori_loop`.",
)  # fmt: skip


# --- cond -------------------------------------------------------------------------------------------------------------------------


def _run_cond(condition: Any, *operands: Any, bodies: tuple[Body, Body], dtype: str) -> Any:
    return _pack(bodies[bool(condition)](operands), dtype)


def cond_results(bodies: tuple[Body, Body]) -> tuple[list[Any], list[Any]]:
    return [out.shape for out in bodies[0].outputs], [out.dtype for out in bodies[0].outputs]


def _cond_map(
    i: int, out: Any, condition: Any, *operands: Any, bodies: tuple[Body, Body], dtype: str
) -> LinearMap:
    leaves = bodies[0].leaves
    floating = bodies[0].floating_leaves

    def vjp(u: Any) -> Any:
        shapes, dtypes = cond_results(bodies)
        ups = [
            x for x, kind in zip(unpack(u, shapes, dtypes), dtypes, strict=True) if kind.kind == "f"
        ]
        back = (bodies[0].reverse, bodies[1].reverse)
        packed = _once(
            (bodies, u, condition, *operands),
            lambda: COND(condition, *operands, *ups, bodies=back, dtype=dtype),
        )
        return unpack(packed, *cond_results(back))[floating.index(i - 1)]

    def jvp(t: Any) -> Any:
        zeros = {k: zeros_for(leaves[k]) for k in floating}
        moved = [t if k == i - 1 else zeros[k] for k in floating]
        ahead = (bodies[0].tangent, bodies[1].tangent)
        return COND(condition, *operands, *moved, bodies=ahead, dtype=dtype)

    return Adjoint(jvp, vjp)


COND: Op = op(
    "cond", _run_cond, _cond_map, variadic=True, family="control", symbol="if",
    batch=_many_branches,
    shape=lambda condition, *shapes, bodies, dtype: (sum(math.prod(out.shape) for out in bodies[0].outputs),),
    formula=Formula("one of two branches, as $a says", r"\text{if } $a", ("of the branch taken",)),
    doc="A branch: only the one that the condition says is computed. Made by `cg.cond`.",
)  # fmt: skip
