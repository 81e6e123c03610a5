"""A node as the page's interpreter has it: with the places that entries move to, the groups they are reduced in, the letters of a product.

Whatever only moves entries is written out here, by asking the op's own `forward` where each entry went, so that the interpreter needs
no rule for it and ops that are added to the tables later are carried over by themselves. See `interpreter.js` for the form.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from cgraph.draw.output.player.rulebook import rules
from cgraph.graph import order
from cgraph.node import Node

Array = np.ndarray[Any, Any]
Entry = dict[str, Any]
MOST_STEPS = 30_000  # node evaluations of a loop's body
_MOST_PRODUCTS = 1_000_000
_MOST_COEFFICIENTS = 4096


class NotLive(Exception):
    """Why the numbers of a picture cannot be changed in the page."""


class Values(Protocol):
    """What a run says of its nodes."""

    def value(self, node: Node, /) -> Any: ...


def flat(array: Array) -> list[Any]:
    """Numbers as JSON has them; what is not finite as a word that JavaScript's Number reads."""
    return [
        v if math.isfinite(v) else {"nan": "NaN", "inf": "Infinity"}.get(str(v), "-Infinity")
        for v in np.asarray(array, float).ravel().tolist()
    ]


def no_rule(node: Node) -> NotLive:
    return NotLive(f"the page has no rule for {node.op.name!r}")


def lowered(node: Node, number: Mapping[Node, int], run: Values, fixed: Collection[Node]) -> Entry:
    """One node: its shape, and its numbers or its op.

    Args:
        number: the place of each node in the program.
        fixed: nodes that no number that can be changed reaches.

    Raises:
        NotLive: for an op without a rule, or another precision.
    """
    out = np.asarray(run.value(node))
    if out.dtype not in (np.float64, np.float32, np.bool_) and out.dtype.kind not in "iu":
        raise NotLive(f"{node.label!r} is {out.dtype}; the page computes in float64 and float32")
    entry: Entry = {"s": list(out.shape)}
    if out.dtype == np.float32:
        entry["f"] = 1
    if node in fixed or not node.parents or node.op.name == "count":
        free = node not in fixed and node.kind in ("input", "parameter")
        return entry | {"k": node.kind if free else "literal", "d": flat(out)}
    entry |= {
        "o": node.op.name,
        "p": [number[p] for p in node.parents],
        "b": [int(node.op.differentiable(i)) for i in range(len(node.parents))],
    }
    entry |= _details(node, out, run, fixed)
    if entry["o"] not in rules():
        raise no_rule(node)
    if entry.get("m", ()) is None:
        del entry["m"]  # every entry stays where it is
    return entry


def _details(node: Node, out: Array, run: Values, fixed: Collection[Node]) -> Entry:
    """What an op's rule wants to know beside its operands."""
    name, operands = node.op.name, [np.asarray(run.value(p)) for p in node.parents]
    moving = [p not in fixed for p in node.parents]
    if name == "sum_to":
        groups = np.broadcast_to(np.arange(out.size).reshape(out.shape), operands[0].shape)
        return {"o": "sum", "n": out.size, "g": groups.ravel().tolist()}
    if name == "cast" and out.dtype.kind != "f" and operands[0].dtype.kind == "f":
        return {"o": "nonzero" if out.dtype == np.bool_ else "trunc_int"}
    if name in _LOGICAL and all(x.dtype == np.bool_ for x in operands):
        return {"o": _LOGICAL[name]}
    if name in _ALONG and (name not in _BY_INDEX or moving[1]):
        return _ALONG[name](node, operands, out)
    if node.op.family == "structure":
        return _moved(node, operands, moving, out)
    if node.op.family == "reduction":
        return _groups(node, operands[0])
    if name == "scan" or name == "cond":
        return _loop(node, operands)
    return {}


# & | ^ ~ of truth values
_LOGICAL = {
    "bitwise_and": "logical_and",
    "bitwise_or": "logical_or",
    "bitwise_xor": "logical_xor",
    "invert": "logical_not",
}


# --- what moves entries -------------------------------------------------------------------------------------------------------


def _moved(node: Node, operands: Sequence[Array], moving: Sequence[bool], out: Array) -> Entry:
    """Entries that only change places; that are added up elsewhere; or, of few, a matrix of constants."""
    for attempt in (_gathered, _spread, _linear):
        found = attempt(node, operands, moving, out)
        if found is not None:
            return found
    raise no_rule(node)


def _forward(node: Node, operands: Sequence[Array]) -> Array | None:
    try:
        with np.errstate(all="ignore"):
            return np.asarray(node.op.forward(*operands, **node.params), float).ravel()
    except Exception:  # an op that does not take places for numbers
        return None


def _proofs(shape: tuple[int, ...], seed: int) -> list[Array]:
    """Numbers that rise, fall, lie anywhere and are negative: an op that looks at its numbers cannot move all of them alike."""
    rising = np.arange(1.0, math.prod(shape) + 1).reshape(shape) + seed / 8
    rng = np.random.default_rng(seed)
    return [rising, -rising, rng.uniform(1.0, 2.0, shape), rng.normal(size=shape)]


def _gathered(
    node: Node, operands: Sequence[Array], moving: Sequence[bool], out: Array
) -> Entry | None:
    """Where each entry of the result comes from, counted over all parents one after another; −1 for a constant.

    Asked with numbers that say their place, and then with others, which have to arrive from there. Whole numbers and truth values that
    nobody can change are an index, and stay.
    """
    start = 1
    places: list[Array] = []
    proofs: list[list[Array]] = []
    for i, value in enumerate(operands):
        index = value.dtype.kind != "f" and not moving[i]
        one = np.arange(start, start + value.size, dtype=float).reshape(value.shape)
        places.append(value if index else one)
        proofs.append([value] * 4 if index else _proofs(value.shape, i))
        start += value.size
    moved = _forward(node, places)
    if moved is None:
        return None
    constant = ~np.isfinite(moved) | (moved == 0.0)
    where = np.where(constant, 0.0, moved) - 1.0
    fills = np.unique(moved[constant])
    fill = float(fills[0]) if len(fills) else 0.0
    if not np.all(where == np.rint(where)) or where.max(initial=-1) >= start - 1:
        return None
    if len(fills) > 1 or np.isnan(fill):
        return None
    found = where.astype(int)
    for proof in zip(*proofs, strict=True):
        everything = np.concatenate([np.asarray(v, float).ravel() for v in proof])
        expected = np.where(found < 0, fill, everything[found] if everything.size else fill)
        if node.op.name == "cast":
            expected = expected.astype(node.dtype).astype(float)
        proved = _forward(node, proof)
        if proved is None or not np.array_equal(expected, proved):
            return None
    entry: Entry = {"o": "gather", "y": node.op.name, "m": found.tolist()}
    if fill != 0.0:
        entry["z"] = flat(np.array(fill))[0]
    if len(node.parents) == 1 and entry["m"] == list(range(start - 1)):
        entry["m"] = None
    return entry


def _spread(
    node: Node, operands: Sequence[Array], moving: Sequence[bool], out: Array
) -> Entry | None:
    """The transpose: each entry is added to one place of the result, which its op's own adjoint names."""
    if not moving or not moving[0] or any(moving[1:]) or not node.op.differentiable(0):
        return None
    proofs = _proofs(operands[0].shape, 0)
    try:
        local = node.op.local(0, out, (proofs[2], *operands[1:]), node.params)
        back = local.vjp(np.arange(1.0, out.size + 1.0).reshape(out.shape))
        places = np.asarray(back, float).ravel() - 1.0
    except Exception:
        return None
    if places.size != proofs[0].size or not np.all(places == np.rint(places)):
        return None
    if places.max(initial=-1) >= out.size:
        return None
    index = places.astype(int)
    for proof in proofs:
        expected = np.zeros(out.size)
        np.add.at(expected, index[index >= 0], proof.ravel()[index >= 0])
        proved = _forward(node, (proof, *operands[1:]))
        if proved is None or not np.allclose(expected, proved, rtol=1e-13, atol=1e-13):
            return None
    return {"o": "spread", "y": node.op.name, "m": index.tolist()}


def _linear(
    node: Node, operands: Sequence[Array], moving: Sequence[bool], out: Array
) -> Entry | None:
    """An op of one operand that is a matrix of constants, such as a cosine transform, asked column by column."""
    if len(operands) != 1 or operands[0].dtype.kind != "f" or np.iscomplexobj(out):
        return None
    x = operands[0]
    if x.size * out.size > _MOST_COEFFICIENTS:
        return None
    columns = [_forward(node, [e.reshape(x.shape)]) for e in np.eye(x.size)]
    nothing = _forward(node, [np.zeros(x.shape)])
    if nothing is None or np.any(nothing) or any(c is None for c in columns):
        return None
    matrix = np.array(columns).T.reshape(out.size, x.size)
    for proof in _proofs(x.shape, 0):
        proved = _forward(node, [proof])
        if proved is None or not np.allclose(
            matrix @ proof.ravel(), proved, rtol=1e-12, atol=1e-12
        ):
            return None
    return {"o": "linear", "y": node.op.name, "a": flat(matrix)}


# --- along axes -----------------------------------------------------------------------------------------------------------------


def _grouped(shape: Sequence[int], axes: Collection[int]) -> Entry:
    """The group of each entry when `axes` are gone through; left out where there is one."""
    kept = [1 if i in axes else n for i, n in enumerate(shape)]
    count = math.prod(kept)
    found: Entry = {"n": count}
    if count != 1:
        groups = np.broadcast_to(np.arange(count).reshape(kept), tuple(shape))
        found["g"] = groups.ravel().tolist()
    return found


def _groups(node: Node, x: Array) -> Entry:
    axes = node.params.get("axes")
    if axes is None and "axis" in node.params:
        axes = (node.params["axis"],)
    if axes is None:
        raise no_rule(node)
    found = _grouped(x.shape, [a % max(x.ndim, 1) for a in axes])
    return found | ({"q": float(node.params["p"])} if "p" in node.params else {})


def _lines(node: Node, operands: Sequence[Array], out: Array) -> Entry:
    return _groups(node, operands[0])


def _searched(node: Node, operands: Sequence[Array], out: Array) -> Entry:
    return {"y": node.params["side"]}


def _picked(node: Node, operands: Sequence[Array], out: Array) -> Entry:
    """For each entry that is picked, or put, by an index that moves: the first place of its line, and the step of the index."""
    whole = out if node.op.name.startswith("add_") else operands[0]
    index, axis = operands[1], node.params["axis"]
    places = np.arange(whole.size).reshape(whole.shape)
    found: Entry = {"n": whole.shape[axis], "z": math.prod(whole.shape[axis + 1 :])}
    first = np.zeros(index.shape, int)
    if node.op.name in ("take", "add_taken"):
        shape = (*whole.shape[:axis], *index.shape, *whole.shape[axis + 1 :])
        own = np.arange(index.size).reshape(
            (*(1,) * axis, *index.shape, *(1,) * (whole.ndim - axis - 1))
        )
        found["h"] = np.broadcast_to(own, shape).ravel().tolist()
        return found | {"q": np.take(places, first, axis).ravel().tolist()}
    return found | {"q": np.take_along_axis(places, first, axis).ravel().tolist()}


_BY_INDEX = ("take", "take_along_axis", "add_taken", "add_along_axis")


# --- sums of products -----------------------------------------------------------------------------------------------------------


def _contraction(sizes: Sequence[int], terms: Sequence[Sequence[Sequence[int]]]) -> Entry:
    if math.prod(sizes) > _MOST_PRODUCTS:
        raise NotLive(f"a product of {math.prod(sizes):,} terms is too many for a page")
    return {
        "o": "contract",
        "z": list(sizes),
        "t": [[list(dim) for dim in term] for term in terms],
    }


def _einsum(node: Node, operands: Sequence[Array], out: Array) -> Entry:
    words, result = node.params["subscripts"].split("->")
    terms = words.split(",")
    sizes = {
        letter: n
        for term, x in zip(terms, operands, strict=True)
        for letter, n in zip(term, x.shape, strict=True)
    }
    place = {letter: i for i, letter in enumerate(sizes)}
    whole = [[[0, sizes[c], place[c], 1] for c in term] for term in (*terms, result)]
    return _contraction(list(sizes.values()), whole)


def _convolve(node: Node, operands: Sequence[Array], out: Array) -> Entry:
    a, b = (x.size for x in operands)
    terms = [[[0, a, 0, 1]], [[0, b, 1, 1]], [[0, out.size, 0, 1, 1, 1]]]
    return _contraction([a, b], terms)


def _convolution(node: Node, operands: Sequence[Array], out: Array) -> Entry:
    """⟨x ∗ w, u⟩ is linear in three, of which the op is one: data (N, C, ...), kernel (O, C/groups, ...), result (N, O, ...).

    Letters: example, group, kernel of the group, channel of the group, then places of the result, then places of the kernel.
    """
    arrays = [*operands, out]
    x, w, y = {"nn.conv": (0, 1, 2), "nn.conv_data": (2, 1, 0), "nn.conv_kernel": (0, 2, 1)}[
        node.op.name
    ]
    p, groups = node.params, node.params["groups"]
    data, kernel, result = arrays[x].shape, arrays[w].shape, arrays[y].shape
    n = len(p["stride"])
    each, channels = kernel[0] // groups, kernel[1]
    sizes = [data[0], groups, each, channels, *result[2:], *kernel[2:]]
    window = [
        [-p["padding"][i][0], data[2 + i], 4 + i, p["stride"][i], 4 + n + i, p["dilation"][i]]
        for i in range(n)
    ]
    terms: dict[int, list[list[int]]] = {
        x: [[0, data[0], 0, 1], [0, data[1], 1, channels, 3, 1], *window],
        w: [
            [0, kernel[0], 1, each, 2, 1],
            [0, channels, 3, 1],
            *([0, kernel[2 + i], 4 + n + i, 1] for i in range(n)),
        ],
        y: [
            [0, result[0], 0, 1],
            [0, result[1], 1, each, 2, 1],
            *([0, result[2 + i], 4 + i, 1] for i in range(n)),
        ],
    }
    return _contraction(sizes, [terms[i] for i in range(3)])


# --- matrices, loops ------------------------------------------------------------------------------------------------------------


def _triangular(node: Node, operands: Sequence[Array], out: Array) -> Entry:
    return {key: int(node.params[key]) for key in ("upper", "lower", "unit") if key in node.params}


def _loop(node: Node, operands: Sequence[Array]) -> Entry:
    p = node.params
    if node.op.name == "cond":
        return {"bodies": [_body(body, operands[1:], node) for body in p["bodies"]]}
    carried, rows = p["carried"], p["rows"]
    first = [
        x if not carried <= j < carried + rows else (x[0] if len(x) else np.zeros(x.shape[1:]))
        for j, x in enumerate(operands)
    ]
    body = _body(p["body"], first, node)
    if p["length"] * len(body["nodes"]) > MOST_STEPS:
        raise NotLive(f"a loop of {p['length']:,} steps is too long for a page")
    return {"bodies": [body], "l": p["length"], "c": carried, "y": rows, "r": int(p["reverse"])}


def _body(body: Any, operands: Sequence[Array], node: Node) -> Entry:
    """A graph inside a node: all its leaves move, whole numbers such as the step's number among them."""
    from cgraph.run import Run

    feeds = {
        leaf: np.asarray(x).astype(leaf.dtype)
        for leaf, x in zip(body.leaves, operands, strict=True)
    }
    inside = order(*body.outputs)
    number = {n: i for i, n in enumerate(inside)}
    with np.errstate(all="ignore"):
        run = Run(body.outputs, feeds, None)
    fixed: set[Node] = set()
    nodes = []
    for n in inside:
        if n not in feeds and all(p in fixed for p in n.parents):
            fixed.add(n)
        leaf: Entry = {"s": list(np.shape(feeds[n]))} if n in feeds else {}
        entry = leaf or lowered(n, number, run, fixed)
        if n in feeds and n.dtype == np.float32:
            entry["f"] = 1
        if n not in fixed and n.dtype.kind == "f":
            entry["w"] = 1
        nodes.append(entry)
    return {
        "nodes": nodes,
        "in": [number.get(leaf, -1) for leaf in body.leaves],
        "sizes": [int(np.size(feeds[leaf])) for leaf in body.leaves],
        "out": [number[out] for out in body.outputs],
    }


_ALONG: dict[str, Callable[[Node, Sequence[Array], Array], Entry]] = {
    **dict.fromkeys(
        ("cumprod", "cummax", "cummin", "linear_recurrence", "sort", "argsort", "argmax", "argmin", "tie_mean", "any", "all"), _lines
    ),
    **dict.fromkeys(_BY_INDEX, _picked),
    "searchsorted": _searched,
    "einsum": _einsum,
    "convolve": _convolve,
    **dict.fromkeys(("nn.conv", "nn.conv_data", "nn.conv_kernel"), _convolution),
    "linalg.cholesky": _triangular,
    "linalg.solve_triangular": _triangular,
}  # fmt: skip
