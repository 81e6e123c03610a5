"""What becomes of each of JAX's primitives: one row a primitive.

Elementwise primitives have a counterpart by name. Primitives that only move entries (gather, pad, rev ...) need none: JAX applies them
to the entries' numbers, which says where every entry of the result comes from, and one indexing node does the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import cgraph as cg
from cgraph.interop.building import Missing, framework, lookup, need, number, running_logsumexp
from cgraph.interop.windows import convolve, windows
from cgraph.node import Node
from cgraph.op import OPS
from cgraph.tables import entering

Rule = Callable[..., Any]


# JAX's name -> cgraph's, for ops that work entry by entry.
ELEMENTWISE = {
    "add": "add", "add_any": "add", "sub": "subtract", "mul": "multiply", "neg": "negative", "pow": "power",
    "max": "maximum", "min": "minimum", "abs": "abs", "sign": "sign", "exp": "exp", "exp2": "exp2", "expm1": "expm1", "log": "log",
    "log1p": "log1p", "sqrt": "sqrt", "cbrt": "cbrt", "square": "square", "logistic": "sigmoid", "tanh": "tanh", "sin": "sin",
    "cos": "cos", "tan": "tan", "asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2", "sinh": "sinh",
    "cosh": "cosh", "asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh", "erf": "special.erf", "erfc": "special.erfc",
    "erf_inv": "special.erfinv", "lgamma": "special.gammaln", "digamma": "special.digamma", "bessel_i0e": "special.i0e",
    "bessel_i1e": "special.i1e", "igamma": "special.gammainc", "igammac": "special.gammaincc",
    "polygamma": "special.polygamma", "zeta": "special.zeta",
    "regularized_incomplete_beta": "special.betainc",
    "floor": "floor", "ceil": "ceil", "is_finite": "isfinite", "rem": "fmod",
    "lt_to": "less", "le_to": "less_equal",
    "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal", "ne": "not_equal",
    "stop_gradient": "stop_gradient",
}  # fmt: skip

LOGIC = {"and": ("logical_and", "bitwise_and"), "or": ("logical_or", "bitwise_or"), "not": ("logical_not", "invert")}  # fmt: skip

RULES: dict[str, Rule] = {}


def rule_of(name: str) -> Rule | None:
    """What builds the counterpart of a primitive: ``rule(eqn, *operands)``."""
    if name in RULES:
        return RULES[name]
    if name in ELEMENTWISE:
        op = lookup(ELEMENTWISE[name])
        return None if op is None else lambda eqn, *operands: op(*weak(operands))
    return None


rule = entering(RULES)


def weak(operands: tuple[Any, ...]) -> list[Any]:
    """Operands of an elementwise op. A constant with one number in it goes in as that number: it has the dtype already."""
    full = np.broadcast_shapes(*(np.shape(x) for x in operands))
    shaped = any(isinstance(x, Node) and x.shape == full for x in operands)
    result = []
    for x in operands:
        alone = None if isinstance(x, Node) or not (shaped or np.ndim(x) == 0) else number(x)
        result.append(x if isinstance(x, Node) else _as_operand(x) if alone is None else alone)
    return result


def _as_operand(x: Any) -> Any:
    return cg.constant(np.asarray(x))


def node(x: Any) -> Any:
    return x if isinstance(x, Node) else cg.constant(np.asarray(x))


# --- elementwise with parameters ------------------------------------------------------------------------------------------------


# fmt: off
rule("integer_pow")(lambda eqn, x: cg.power(x, float(eqn.params["y"])) if eqn.params["y"] != 2 else cg.square(x))
# fmt: on


@rule("div")
def _divide(eqn: Any, a: Any, b: Any) -> Any:
    dtype = np.dtype(eqn.outvars[0].aval.dtype)
    if dtype.kind == "f":
        return cg.divide(*weak((a, b)))
    if dtype.kind == "u":
        return cg.floor_divide(node(a), node(b))
    return cg.cast(cg.trunc(cg.divide(node(a), node(b))), dtype)  # towards zero, as C


rule("rsqrt")(lambda eqn, x: cg.reciprocal(cg.sqrt(x)))
rule("round")(lambda eqn, x: need("round", "round")(x))


@rule("and", "or", "not", "xor")
def _logic(eqn: Any, *operands: Any) -> Any:
    name = eqn.primitive.name
    if name == "xor":
        return cg.bitwise_xor(*map(node, operands))
    boolean = all(np.dtype(v.aval.dtype).kind == "b" for v in eqn.invars)
    return getattr(cg, LOGIC[name][0 if boolean else 1])(*map(node, operands))


@rule("select_n")
def _select(eqn: Any, which: Any, *cases: Any) -> Any:
    if len(cases) != 2 or np.dtype(eqn.invars[0].aval.dtype).kind != "b":
        result = cases[-1]
        for i in reversed(range(len(cases) - 1)):
            result = cg.where(cg.less_equal(which, i), *weak((cases[i], result)))
        return result
    if not isinstance(which, Node):
        decided = np.unique(which)
        if decided.size == 1 and np.shape(cases[0]) == np.shape(cases[1]):
            return node(cases[int(decided[0])])
    no, yes = weak(cases)
    return cg.where(which if isinstance(which, Node) else np.asarray(which), yes, no)


@rule("clamp")
def _clamp(eqn: Any, low: Any, x: Any, high: Any) -> Any:
    low, x, high = weak((low, x, high))
    return cg.clip(x, low, high)


@rule("convert_element_type")
def _convert(eqn: Any, x: Any) -> Any:
    dtype = np.dtype(eqn.params["new_dtype"])
    if dtype.name == "bfloat16":
        raise Missing("bfloat16")
    return x if x.dtype == dtype else cg.cast(x, dtype)


@rule(
    "copy",
    "copy_p",
    "reduce_precision",
    "sharding_constraint",
    "optimization_barrier",
    "device_put",
    "name",
)
def _same(eqn: Any, *operands: Any) -> Any:
    return list(operands)


# --- shapes ---------------------------------------------------------------------------------------------------------------------


rule("reshape")(lambda eqn, x: cg.reshape(x, eqn.params["new_sizes"]))
rule("squeeze")(lambda eqn, x: cg.squeeze(x, eqn.params["dimensions"]))
rule("expand_dims")(lambda eqn, x: cg.expand_dims(x, eqn.params["dimensions"]))
rule("transpose")(lambda eqn, x: cg.transpose(x, eqn.params["permutation"]))


@rule("broadcast_in_dim")
def _broadcast(eqn: Any, x: Any, *sizes: Any) -> Any:
    shape, kept = eqn.params["shape"], eqn.params["broadcast_dimensions"]
    aligned = [1] * len(shape)
    for size, axis in zip(x.shape, kept, strict=True):
        aligned[axis] = size
    while len(aligned) > x.ndim and aligned[0] == 1 and len(aligned) - 1 >= x.ndim:
        if tuple(aligned) == x.shape:
            break
        aligned.pop(0)  # axes in front come by themselves
    moved = x if tuple(aligned) == x.shape else cg.reshape(x, tuple(aligned))
    return moved if moved.shape == tuple(shape) else cg.broadcast_to(moved, shape)


# fmt: off
rule("concatenate")(lambda eqn, *operands: cg.concatenate([node(x) for x in operands], eqn.params["dimension"]))
# fmt: on


@rule("split")
def _split(eqn: Any, x: Any) -> Any:
    ends = np.cumsum(eqn.params["sizes"])[:-1].tolist()
    return cg.split(x, ends, eqn.params["axis"])


@rule("slice")
def _slice(eqn: Any, x: Any) -> Any:
    p = eqn.params
    steps = p["strides"] or (1,) * x.ndim
    index = []
    for start, stop, step, size in zip(
        p["start_indices"], p["limit_indices"], steps, x.shape, strict=True
    ):
        whole = (start, stop, step) == (0, size, 1)
        index.append(slice(None) if whole else slice(start, stop, step if step != 1 else None))
    return x[tuple(index)]


rule("tile")(lambda eqn, x: cg.tile(x, tuple(eqn.params["reps"])))


@rule("rev")
def _reverse(eqn: Any, x: Any) -> Any:
    turned = eqn.params["dimensions"]
    return x[tuple(slice(None, None, -1) if i in turned else slice(None) for i in range(x.ndim))]


# --- what only moves entries ----------------------------------------------------------------------------------------------------


@rule("gather", "dynamic_slice", "dynamic_update_slice", "pad", "scatter", "top_k_values")
def _moved(eqn: Any, *operands: Any) -> Any:
    """Let JAX move the entries' numbers; indexing then fetches the entries."""
    name = eqn.primitive.name
    moving = {"dynamic_update_slice": 2, "pad": 2}.get(name, 1)
    data, fixed = list(operands[:moving]), list(operands[moving:])
    if name == "scatter":
        data, fixed = [operands[0], operands[2]], [operands[1]]
    if any(isinstance(x, Node) for x in fixed):
        if name not in COMPUTED:
            raise Missing(f"{name} at indices that depend on the arguments")
        return COMPUTED[name](eqn, *operands)
    # Number 0 stands for what comes from nowhere (a gather's fill value), and fetches a zero.
    numbers, first = [], 1
    for x in data:
        size = int(np.prod(np.shape(x), dtype=np.int64))
        numbers.append(np.arange(first, first + size, dtype=np.int64).reshape(np.shape(x)))
        first += size
    given = [numbers[0], fixed[0], numbers[1]] if name == "scatter" else [*numbers, *fixed]
    where_from = _apply(eqn, given)
    if len(data) == 1 and where_from.size and where_from.min() > 0:
        return _fetch(node(data[0]), where_from - 1)
    dtype = np.dtype(eqn.outvars[0].aval.dtype)
    flat = [cg.constant(np.zeros(1, dtype)), *(cg.reshape(node(x), (-1,)) for x in data)]
    return cg.concatenate(flat)[where_from]


# --- at indices that are nodes ---------------------------------------------------------------------------------------------------


def _strides(shape: Any) -> list[int]:
    return [int(np.prod(shape[i + 1 :], dtype=np.int64)) for i in range(len(shape))]


def _fetch_at(x: Any, at: Any) -> Any:
    """``x.reshape(-1)[at]`` for a node of flat positions."""
    x = node(x)
    return cg.take(x if x.ndim == 1 else cg.reshape(x, (-1,)), at, axis=0)


def _within(start: Any, last: int) -> Any:
    """A start as JAX takes it: moved back to where the slice fits."""
    return cg.cast(cg.clip(node(start), 0, last), np.int64)


def _computed_slice(eqn: Any, x: Any, *starts: Any) -> Any:
    sizes, shape = eqn.params["slice_sizes"], np.shape(x)
    flat = np.arange(int(np.prod(shape, dtype=np.int64))).reshape(shape)
    at: Any = flat[tuple(slice(0, n) for n in sizes)]
    for start, stride, n, size in zip(starts, _strides(shape), shape, sizes, strict=True):
        if n > size:
            at = _within(start, n - size) * stride + at
    return _fetch_at(x, at) if isinstance(at, Node) else _fetch(node(x), at)


def _computed_update(eqn: Any, x: Any, update: Any, *starts: Any) -> Any:
    shape, sizes = np.shape(x), np.shape(update)
    inside: Any = np.ones(shape, bool)
    at: Any = np.zeros(shape, np.int64)
    steps = zip(np.indices(shape, sparse=True), starts, _strides(sizes), shape, sizes, strict=True)
    for place, start, stride, n, size in steps:
        offset = cg.subtract(place, _within(start, n - size))
        inside = cg.logical_and(inside, cg.logical_and(offset >= 0, offset < size))
        at = at + cg.clip(offset, 0, size - 1) * stride
    return cg.where(inside, _fetch_at(update, at), node(x))


def _computed_gather(eqn: Any, x: Any, indices: Any) -> Any:
    """Flat positions: where the slice's entries stand if it starts at 0, which JAX says, plus the starts times the strides."""
    p, shape = eqn.params, np.shape(x)
    numbers = p["dimension_numbers"]
    flat = np.arange(int(np.prod(shape, dtype=np.int64))).reshape(shape)
    at: Any = _apply(eqn, [flat, np.zeros(indices.shape, np.int64)])
    batch = iter(indices.shape[:-1])
    aligned = tuple(1 if i in numbers.offset_dims else next(batch) for i in range(at.ndim))
    outside: Any = None
    for k, axis in enumerate(numbers.start_index_map):
        start = cg.reshape(indices[..., k], aligned)
        last = shape[axis] - p["slice_sizes"][axis]
        at = _within(start, last) * _strides(shape)[axis] + at
        if "FILL" in str(p["mode"]):
            off = cg.logical_or(start < 0, start > last)
            outside = off if outside is None else cg.logical_or(outside, off)
    taken = _fetch_at(x, at)
    if outside is None:
        return taken
    fill = p["fill_value"]
    if fill is None:
        fill = np.nan if taken.dtype.kind == "f" else np.iinfo(taken.dtype).min
    return cg.where(outside, cg.constant(np.asarray(fill, taken.dtype)), taken)


COMPUTED = {"dynamic_slice": _computed_slice, "dynamic_update_slice": _computed_update, "gather": _computed_gather}  # fmt: skip


def _fetch(x: Any, numbers: Any) -> Any:
    """``x.reshape(-1)[numbers]``, as indexing along the first axis where whole rows are fetched: embedding tables are read that way."""
    if x.ndim == 1:
        return x[numbers]
    row = int(np.prod(x.shape[1:], dtype=np.int64))
    blocks = numbers.reshape(-1, row) if row and numbers.size % row == 0 else None
    if (
        blocks is not None
        and numbers.shape[numbers.ndim - (x.ndim - 1) :] == x.shape[1:]
        and (blocks == blocks[:, :1] + np.arange(row)).all()
        and (blocks[:, 0] % row == 0).all()
    ):
        return x[(blocks[:, 0] // row).reshape(numbers.shape[: numbers.ndim - (x.ndim - 1)])]
    return cg.reshape(x, (-1,))[numbers]


def _apply(eqn: Any, operands: list[Any]) -> Any:
    """The primitive itself, on integers instead of floating numbers."""
    jax = framework("jax", "jax")
    lax = framework("jax", "jax").lax

    params = dict(eqn.params)
    if "fill_value" in params:
        params["fill_value"] = 0
    if eqn.primitive.name == "scatter":
        # Its `update_jaxpr` is typed; the public function makes one for integers.
        with jax.enable_x64(True), jax.ensure_compile_time_eval():
            return np.asarray(
                lax.scatter(
                    *operands,
                    params["dimension_numbers"],
                    indices_are_sorted=params["indices_are_sorted"],
                    unique_indices=params["unique_indices"],
                    mode=params["mode"],
                )
            )
    with jax.enable_x64(True), jax.ensure_compile_time_eval():
        return np.asarray(eqn.primitive.bind(*map(jax.numpy.asarray, operands), **params))


@rule("scatter-add", "scatter_add")
def _scatter_add(eqn: Any, target: Any, indices: Any, updates: Any) -> Any:
    jax = framework("jax", "jax")
    lax = framework("jax", "jax").lax

    if isinstance(indices, Node):
        raise Missing("scatter-add at indices that depend on the arguments")
    p = eqn.params
    size = int(np.prod(np.shape(target), dtype=np.int64))

    def added(u: Any) -> Any:
        return lax.scatter_add(
            jax.numpy.zeros(np.shape(target)), indices, u, p["dimension_numbers"], mode=p["mode"]
        )

    # The transpose of adding at a place is fetching from there: it tells every update its place, 0 where it is dropped.
    with jax.enable_x64(True), jax.ensure_compile_time_eval():
        transposed = jax.linear_transpose(
            added, jax.ShapeDtypeStruct(np.shape(updates), np.float64)
        )
        places = np.arange(1.0, size + 1).reshape(np.shape(target))
        place = np.asarray(transposed(places)[0]).astype(np.int64)
    flat = OPS["scatter"](node(updates), index=(place,), shape=(size + 1,))[1:]
    shaped = cg.reshape(flat, np.shape(target))
    zero = not isinstance(target, Node) and number(target) == 0.0
    return shaped if zero else cg.add(node(target), shaped)


# --- reductions -----------------------------------------------------------------------------------------------------------------

REDUCTIONS = {"reduce_sum": "sum", "reduce_max": "max", "reduce_min": "min", "reduce_prod": "prod"}


@rule(*REDUCTIONS)
def _reduce(eqn: Any, x: Any) -> Any:
    axes = tuple(eqn.params["axes"])
    return getattr(cg, REDUCTIONS[eqn.primitive.name])(x, axis=axes) if axes else x


@rule("reduce_and", "reduce_or")
def _reduce_logic(eqn: Any, x: Any) -> Any:
    counted = cg.cast(x, np.float64)
    name = "min" if eqn.primitive.name == "reduce_and" else "max"
    return getattr(cg, name)(counted, axis=tuple(eqn.params["axes"])) > 0.5


@rule("argmax", "argmin")
def _arg(eqn: Any, x: Any) -> Any:
    op = need(eqn.primitive.name, eqn.primitive.name)
    (axis,) = eqn.params["axes"]
    return cg.cast(op(x, axis=axis), np.dtype(eqn.params["index_dtype"]))


CUMULATIVE = ("cumsum", "cumprod", "cummax", "cummin")


rule(*CUMULATIVE)(lambda eqn, x: _directed(getattr(cg, eqn.primitive.name), x, eqn.params))


def _directed(run: Callable[..., Any], x: Any, p: Any) -> Any:
    """A running function, from the far end if asked."""
    back = (slice(None),) * p["axis"] + (slice(None, None, -1),)
    return run(x[back], axis=p["axis"])[back] if p["reverse"] else run(x, axis=p["axis"])


rule("cumlogsumexp")(lambda eqn, x: _directed(running_logsumexp, x, eqn.params))


@rule("sort")
def _sort(eqn: Any, *operands: Any) -> Any:
    axis = eqn.params["dimension"]
    if len(operands) == 1:
        return cg.sort(operands[0], axis=axis)
    if eqn.params["num_keys"] > 1:
        raise Missing("sort by several keys")
    # The first is sorted, the others go along; numbers 0, 1, 2 ... become the order itself.
    order = cg.argsort(node(operands[0]), axis=axis, kind="stable")
    shape = order.shape
    counted = np.broadcast_to(np.expand_dims(np.arange(shape[axis]), tuple(i for i in range(len(shape)) if i != axis)), shape)  # fmt: skip
    results = []
    for x, var in zip(operands, eqn.outvars, strict=True):
        if not isinstance(x, Node) and np.array_equal(x, counted):
            results.append(cg.cast(order, np.dtype(var.aval.dtype)))
        else:
            results.append(cg.take_along_axis(node(x), order, axis=axis))
    return results


@rule("top_k")
def _top_k(eqn: Any, x: Any) -> Any:
    axis, k = eqn.params.get("axis", -1) % x.ndim, eqn.params["k"]
    order = cg.argsort(-x, axis=axis, kind="stable")
    first = order[(*(slice(None),) * axis, slice(0, k))]
    return [cg.take_along_axis(x, first, axis=axis), cg.cast(first, np.dtype(eqn.outvars[1].aval.dtype))]  # fmt: skip


# --- products -------------------------------------------------------------------------------------------------------------------


@rule("dot_general")
def _dot(eqn: Any, a: Any, b: Any) -> Any:
    (contract_a, contract_b), (batch_a, batch_b) = eqn.params["dimension_numbers"]
    a, b = node(a), node(b)
    free_a = [i for i in range(a.ndim) if i not in (*contract_a, *batch_a)]
    free_b = [i for i in range(b.ndim) if i not in (*contract_b, *batch_b)]
    batch = [a.shape[i] for i in batch_a]
    inner = [a.shape[i] for i in contract_a]
    sizes_a, sizes_b = [a.shape[i] for i in free_a], [b.shape[i] for i in free_b]
    if not inner:
        # An outer product, batch by batch.
        left = _shaped(a, (*batch_a, *free_a), (*batch, *sizes_a, *[1] * len(sizes_b)))
        right = _shaped(b, (*batch_b, *free_b), (*batch, *[1] * len(sizes_a), *sizes_b))
        return cg.multiply(left, right)
    left = _shaped(a, (*batch_a, *free_a, *contract_a), _folded(batch, sizes_a, inner))
    right = _shaped(b, (*batch_b, *contract_b, *free_b), _folded(batch, inner, sizes_b))
    product = cg.matmul(left, right)
    full = (*batch, *sizes_a, *sizes_b)
    return product if product.shape == full else cg.reshape(product, full)


def _folded(batch: list[Any], *groups: list[Any]) -> tuple[Any, ...]:
    """Each group of axes as one, and none where there is none: a vector stays a vector unless it belongs to a batch."""
    keep = bool(batch)
    sizes = [int(np.prod(group, dtype=np.int64)) for group in groups if group or keep]
    return (*batch, *sizes)


def _shaped(x: Any, axes: tuple[int, ...], shape: tuple[Any, ...]) -> Any:
    moved = x if axes == tuple(range(x.ndim)) else cg.transpose(x, axes)
    return moved if moved.shape == tuple(shape) else cg.reshape(moved, tuple(shape))


@rule("cholesky", "triangular_solve")
def _linear_algebra(eqn: Any, *operands: Any) -> Any:
    name, p = eqn.primitive.name, eqn.params
    if name == "cholesky":
        lower = need("linalg.cholesky", name)(
            0.5 * (operands[0] + cg.swapaxes(operands[0], -1, -2))
        )
        return lower
    # The factor is made triangular first: JAX reads that half of it alone.
    a, b = map(node, operands)
    solve = need("linalg.solve", name)
    half = np.tril(np.ones(a.shape[-2:])) if p["lower"] else np.triu(np.ones(a.shape[-2:]))
    eye = np.eye(a.shape[-1])
    a = a * half.astype(a.dtype)
    if p["unit_diagonal"]:
        a = a * (1 - eye).astype(a.dtype) + eye.astype(a.dtype)
    if p["transpose_a"]:
        a = cg.swapaxes(a, -1, -2)
    if p["left_side"]:
        return solve(a, b)
    return cg.swapaxes(solve(cg.swapaxes(a, -1, -2), cg.swapaxes(b, -1, -2)), -1, -2)


@rule("svd")
def _svd(eqn: Any, a: Any) -> Any:
    if not eqn.params["compute_uv"]:
        return [cg.linalg.svdvals(a)]
    u, s, vh = cg.linalg.svd(a, full_matrices=eqn.params["full_matrices"] and a.shape[-1] != a.shape[-2])  # fmt: skip
    return [s, u, vh]


@rule("eigh")
def _eigh(eqn: Any, a: Any) -> Any:
    w, v = cg.linalg.eigh(a, "L" if eqn.params["lower"] else "U")
    return [v, w]


@rule("qr")
def _qr(eqn: Any, a: Any) -> Any:
    if eqn.params.get("pivoting"):
        raise Missing("qr with pivoting")
    return list(cg.linalg.qr(a, mode="complete" if eqn.params["full_matrices"] and a.shape[-1] < a.shape[-2] else "reduced"))  # fmt: skip


# --- windows: convolution and pooling ---------------------------------------------------------------------------------------------


@rule("conv_general_dilated")
def _convolution(eqn: Any, x: Any, kernel: Any) -> Any:
    p = eqn.params
    if p["batch_group_count"] != 1:
        raise Missing("convolution with batch groups")
    in_axes, kernel_axes, out_axes = p["dimension_numbers"]
    x, kernel = cg.transpose(node(x), in_axes), cg.transpose(node(kernel), kernel_axes)
    result = convolve(
        x,
        kernel,
        p["window_strides"],
        p["padding"],
        p["lhs_dilation"],
        p["rhs_dilation"],
        p["feature_group_count"],
    )
    return cg.transpose(result, tuple(np.argsort(out_axes).tolist()))


@rule("reduce_window_max", "reduce_window_min", "reduce_window_sum")
def _reduce_window(eqn: Any, x: Any) -> Any:
    p, name = eqn.params, eqn.primitive.name.removeprefix("reduce_window_")
    fill = {"max": -np.inf, "min": np.inf, "sum": 0.0}[name]
    taken = windows(
        x,
        p["window_dimensions"],
        p["window_strides"],
        p["padding"],
        p["base_dilation"],
        p["window_dilation"],
        fill,
    )
    return getattr(cg, name)(taken, axis=tuple(range(x.ndim, 2 * x.ndim)))
