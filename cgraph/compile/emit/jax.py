"""The jax backend's words: one row an op, in `jax.numpy`.

Rows whose name in NumPy is the name in `jax.numpy` need none. Where JAX would say something else than cgraph (`relu` of NaN, the tails of
the losses), the row says what is meant; docs/compiling.md has the conventions at kinks.
"""

from __future__ import annotations

from typing import Any

from cgraph.compile.emit.nodes import (
    POWER,
    SIGN,
    Dialect,
    Emission,
    NodeWriter,
    Operand,
    axes_text,
    broadcast_shape,
    index_text,
    mse,
    negative,
    power,
    reciprocal,
    same,
    size_text,
    summed_axes,
)
from cgraph.compile.emit.words import vocabulary
from cgraph.node import Node
from cgraph.tables import entering

FUNCTIONS = {
    name: f"jnp.{name}"
    for name in """square sqrt exp expm1 log log1p sin cos tan arcsin arccos arctan sinh cosh tanh sign maximum minimum less
    less_equal greater greater_equal equal not_equal logical_and logical_or logical_not logical_xor bitwise_and bitwise_or
    bitwise_xor invert where logaddexp floor ceil trunc rint remainder fmod floor_divide copysign heaviside fmax fmin isnan isinf
    isfinite signbit left_shift right_shift log2 log10 exp2 cbrt arcsinh arccosh arctanh sinc hypot arctan2 logaddexp2 deg2rad
    rad2deg""".split()
}
FUNCTIONS |= {
    "sigmoid": "jax.nn.sigmoid", "relu": "jax.nn.relu", "softplus": "jax.nn.softplus", "log_sigmoid": "jax.nn.log_sigmoid",
    "silu": "jax.nn.silu", "mish": "jax.nn.mish", "softsign": "jax.nn.soft_sign", "stop_gradient": "jax.lax.stop_gradient",
}  # fmt: skip

HELPERS = {
    "stable_bce": '''
def stable_bce(z, y):
    """Binary cross-entropy of logits z and labels y; the term of the wrong answer has weight 0 and loses the other no digit."""
    return y * jax.nn.softplus(-z) + (1.0 - y) * jax.nn.softplus(z)
''',
    "stable_bce_slope": '''
def stable_bce_slope(z, y):
    """The derivative of stable_bce with respect to z, accurate in both tails."""
    s = jnp.exp(-jnp.maximum(z, -z))
    p, q = jnp.where(z < 0, s, 1.0) / (1.0 + s), jnp.where(z < 0, 1.0, s) / (1.0 + s)
    return (1.0 - y) * p - y * q
''',
    "sigmoid_slope": '''
def sigmoid_slope(x):
    """The derivative of the sigmoid, accurate in both tails."""
    s = jnp.exp(-jnp.maximum(x, -x))
    return s / (1.0 + s) ** 2
''',
    "logaddexp_slope": '''
def logaddexp_slope(a, b):
    """The share that exp(a) has in exp(a) + exp(b)."""
    same = a == b
    return jax.nn.sigmoid(jnp.where(same, 0.0, jnp.where(same, 0.0, a) - jnp.where(same, 0.0, b)))
''',
    "absolute": '''
def absolute(x):
    """|x|, with slope 0 at 0, where jnp.abs has 1."""
    return jnp.maximum(x, -x)
''',
    "step": '''
def step(a, b):
    """1 where a > b, 1/2 where they are equal, 0 elsewhere: how maximum and minimum share a gradient."""
    found = jnp.where(a == b, 0.5, (a > b).astype(jnp.result_type(a, b)))
    return jnp.where(jnp.isnan(a) | jnp.isnan(b), jnp.nan, found)
''',
    "log1mexp": '''
def log1mexp(x):
    """ln(1 - exp(x)) for x < 0, each half by the function that does not cancel there."""
    near = x > -0.6931471805599453
    return jnp.where(near, jnp.log(-jnp.expm1(jnp.where(near, x, -1.0))), jnp.log1p(-jnp.exp(jnp.where(near, -1.0, x))))
''',
    "logit": '''
def logit(p):
    """ln(p / (1 - p)), accurate near 1/2 too."""
    near = jnp.abs(p - 0.5) < 0.25
    inner = jnp.where(near, p, 0.5)
    return jnp.where(near, jnp.log1p((2.0 * inner - 1.0) / (1.0 - inner)), jnp.log(p / (1.0 - p)))
''',
    "leaky_relu": '''
def leaky_relu(x, slope):
    """x where it is positive, else slope x; the slope at 0 is that of the left."""
    return jnp.where(x > 0, x, x * slope)
''',
    "elu": '''
def elu(x, alpha):
    """x where it is positive, else alpha (exp(x) - 1); the slope at 0 is that of the left."""
    return jnp.where(x > 0, x, alpha * jnp.expm1(jnp.where(x > 0, 0.0, x)))
''',
    "gelu": '''
def gelu(x):
    """x times the normal distribution function, by erfc, which keeps its digits in the left tail."""
    return x * (0.5 * jax.scipy.special.erfc(x * -0.7071067811865476))
''',
    "gelu_slope": '''
def gelu_slope(x):
    """The derivative of gelu."""
    return 0.5 * jax.scipy.special.erfc(x * -0.7071067811865476) + x * (jnp.exp(-0.5 * x * x) * 0.3989422804014327)
''',
    "pos_weighted_bce": '''
def pos_weighted_bce(z, y, w):
    """stable_bce with the term of label 1 weighted by w."""
    return w * y * jax.nn.softplus(-z) + (1.0 - y) * jax.nn.softplus(z)
''',
    "pos_weighted_bce_slope": '''
def pos_weighted_bce_slope(z, y, w):
    """The derivative of pos_weighted_bce with respect to z, accurate in both tails."""
    up, down = jnp.exp(jnp.minimum(z, 0.0)), jnp.exp(-jnp.maximum(z, 0.0))
    return ((1.0 - y) * up - w * y * down) / (up + down)
''',
    "stable_cross_entropy": '''
def stable_cross_entropy(x, y, axes):
    """Cross-entropy of logits and labels; the largest probability is 1 / (1 + rest), with rest summed by itself, not 1 - p."""
    if not x.size:
        return jnp.sum(x * y, axis=axes)
    below = x - jnp.max(x, axis=axes, keepdims=True)
    top = below == 0
    rest = jnp.sum(jnp.where(top, 0.0, jnp.exp(below)), axis=axes, keepdims=True) + (jnp.sum(top, axis=axes, keepdims=True) - 1.0)
    return -jnp.sum(jnp.where(y == 0, 0.0, y * (below - jnp.log1p(rest))), axis=axes)
''',
    "cross_entropy_slope": '''
def others(v, axes):
    """For each entry the sum of the others; the largest is left out, not subtracted."""
    largest = v == jnp.max(v, axis=axes, keepdims=True)
    alone = largest & (jnp.sum(largest, axis=axes, keepdims=True) == 1)
    rest = jnp.sum(jnp.where(alone, 0.0, v), axis=axes, keepdims=True)
    return jnp.where(alone, rest, jnp.sum(v, axis=axes, keepdims=True) - v)


def cross_entropy_slope(x, y, axes):
    """softmax(x) sum(y) - y, without the difference."""
    if not x.size:
        return x * y
    s = jax.nn.softmax(x, axis=axes)
    return s * others(y, axes) - y * others(s, axes)
''',
    "sum_to": '''
def sum_to(x, shape):
    """x summed over the axes along which `shape` would be broadcast to it."""
    lead = x.ndim - len(shape)
    axes = tuple(range(lead)) + tuple(i + lead for i, n in enumerate(shape) if n == 1 and x.shape[i + lead] != 1)
    return jnp.sum(x, axis=axes, keepdims=True).reshape(shape)
''',
    "add_taken": '''
def add_taken(u, index, axis, shape):
    """u added into zeros of `shape` at an index along an axis."""
    rest = jnp.moveaxis(jnp.zeros(shape, u.dtype), axis, 0)
    rest = rest.at[index].add(jnp.moveaxis(u, range(axis, axis + index.ndim), range(index.ndim)))
    return jnp.moveaxis(rest, 0, axis)
''',
    "add_along_axis": '''
def add_along_axis(u, index, axis, shape):
    """u added into zeros of `shape` at an index along an axis."""
    places = list(jnp.indices(index.shape, sparse=True))
    places[axis] = index
    return jnp.zeros(shape, u.dtype).at[tuple(places)].add(u)
''',
}  # fmt: skip

EMISSIONS: dict[str, Emission] = {
    "negative": negative, "reciprocal": reciprocal, "power": power, "mse": mse, "positive": same, "checkpoint": same,
}  # fmt: skip


emission = entering(EMISSIONS)


def _helped(name: str) -> None:
    def emit(w: NodeWriter, node: Node, *operands: Operand) -> str:
        return f"{w.helper(name)}({', '.join(w.arguments(node, operands))})"

    EMISSIONS[name] = emit


for _name in """stable_bce stable_bce_slope sigmoid_slope logaddexp_slope step log1mexp logit leaky_relu elu gelu gelu_slope
        pos_weighted_bce pos_weighted_bce_slope""".split():  # fmt: skip
    _helped(_name)


@emission("tanh_slope")
def _tanh_slope(w: NodeWriter, node: Node, x: Operand) -> tuple[str, int]:
    return f"(1.0 / jnp.cosh({w.arguments(node, [x])[0]})) ** 2", POWER


@emission("bce")
def _bce(w: NodeWriter, node: Node, p: Operand, y: Operand) -> tuple[str, int]:
    return f"-({y.atom} * jnp.log({p.text}) + (1.0 - {y.atom}) * jnp.log(1.0 - {p.atom}))", SIGN


@emission("abs")
def _abs(w: NodeWriter, node: Node, x: Operand) -> str:
    if node.dtype.kind != "f":
        return f"jnp.abs({x.text})"
    return f"{w.helper('absolute')}({w.arguments(node, [x])[0]})"


def _cross_entropy(name: str) -> None:
    def emit(w: NodeWriter, node: Node, x: Operand, y: Operand) -> str:
        a, b = (
            o.text if o.node.dtype == node.dtype else f"{o.atom}.astype(jnp.{node.dtype.name})"
            for o in (x, y)
        )
        return f"{w.helper(name)}({a}, {b}, {node.params['axes']!r})"

    EMISSIONS[name] = emit


_cross_entropy("stable_cross_entropy")
_cross_entropy("cross_entropy_slope")


@emission("clip")
def _clip(w: NodeWriter, node: Node, x: Operand, low: Operand, high: Operand) -> str:
    a, b, c = w.arguments(node, [x, low, high])
    return f"jnp.minimum(jnp.maximum({a}, {b}), {c})"


# --- reductions -------------------------------------------------------------------------------------------------------------------


def _reduction(name: str, call: str) -> None:
    def emit(w: NodeWriter, node: Node, x: Operand) -> Any:
        axes, keepdims = node.params["axes"], node.params.get("keepdims", False)
        if not axes and name not in ("any", "all"):
            return same(w, node, x)
        whole = len(axes) == len(x.node.shape) and not keepdims
        more = "" if whole and axes else f", axis={axes_text(axes)}"
        return f"{call}({x.text}{more}{', keepdims=True' if keepdims else ''})"

    EMISSIONS[name] = emit


for _name in ("sum", "mean", "max", "min", "prod", "any", "all"):
    _reduction(_name, f"jnp.{_name}")
_reduction("logsumexp", "jax.scipy.special.logsumexp")


def _over_axes(name: str, call: str) -> None:
    def emit(w: NodeWriter, node: Node, x: Operand) -> str:
        return f"{call}({x.text}, axis={axes_text(node.params['axes'])})"

    EMISSIONS[name] = emit


_over_axes("softmax", "jax.nn.softmax")
_over_axes("log_softmax", "jax.nn.log_softmax")


def _place(name: str) -> None:
    def emit(w: NodeWriter, node: Node, x: Operand) -> str:
        texts = [x.text, *(f"{key}={value!r}" for key, value in node.params.items())]
        return f"jnp.{name}({', '.join(texts)})"

    EMISSIONS[name] = emit


for _name in ("argmax", "argmin"):
    _place(_name)


@emission("searchsorted")
def _searchsorted(w: NodeWriter, node: Node, a: Operand, v: Operand) -> str:
    # JAX counts in int32.
    return f"jnp.searchsorted({a.text}, {v.text}, side={node.params['side']!r}).astype(int)"


@emission("argsort")
def _argsort(w: NodeWriter, node: Node, x: Operand) -> str:
    return f"jnp.argsort({x.text}, axis={node.params['axis']}, stable=True)"


@emission("sort")
def _sort(w: NodeWriter, node: Node, x: Operand) -> str:
    return f"jnp.sort({x.text}, axis={node.params['axis']})"


def _scan(name: str, module: str) -> None:
    def emit(w: NodeWriter, node: Node, x: Operand) -> str:
        return f"{module}.{name}({x.text}, axis={node.params['axis']})"

    EMISSIONS[name] = emit


for _name in ("cumsum", "cumprod"):
    _scan(_name, "jnp")
for _name in ("cummax", "cummin"):
    _scan(_name, "jax.lax")


@emission("einsum")
def _einsum(w: NodeWriter, node: Node, *operands: Operand) -> str:
    return f"jnp.einsum({node.params['subscripts']!r}, {', '.join(w.arguments(node, operands))})"


# --- structure --------------------------------------------------------------------------------------------------------------------


@emission("count")
def _count(w: NodeWriter, node: Node, x: Operand) -> Any:
    return f"float({size_text(x, node.params['axes'])})"


@emission("broadcast_to")
def _broadcast_to(w: NodeWriter, node: Node, x: Operand, *like: Operand) -> str:
    shape = broadcast_shape(node, x, like)
    if shape is None:
        shape = f"jnp.broadcast_shapes({x.atom}.shape, {like[0].atom}.shape)"
    return f"jnp.broadcast_to({x.text}, {shape})"


@emission("sum_to")
def _sum_to(w: NodeWriter, node: Node, x: Operand, *like: Operand) -> str:
    target = node.params.get("shape") or (like[0].node.shape if like else ())
    axes = summed_axes(x.node, target)
    if axes is not None and not (axes[0] and axes[1]):
        lead, inner = axes
        if lead:
            whole = len(lead) == len(x.node.shape)
            return f"jnp.sum({x.text}{'' if whole else f', axis={axes_text(lead)}'})"
        return f"jnp.sum({x.text}, axis={axes_text(inner)}, keepdims=True)" if inner else x.atom
    return f"{w.helper('sum_to')}({x.text}, {w.shape(node, like)})"


@emission("reshape")
def _reshape(w: NodeWriter, node: Node, x: Operand, *like: Operand) -> str:
    return f"jnp.reshape({x.text}, {w.shape(node, like)})"


@emission("transpose")
def _transpose(w: NodeWriter, node: Node, x: Operand) -> str:
    axes = node.params["axes"]
    return f"{x.atom}.T" if axes == (1, 0) else f"jnp.transpose({x.text}, {axes!r})"


@emission("cast")
def _cast(w: NodeWriter, node: Node, x: Operand) -> str:
    name = "bool_" if node.dtype.name == "bool" else node.dtype.name
    if x.weak:
        return f"jnp.asarray({x.text}, jnp.{name})"
    return f"{x.atom}.astype(jnp.{name})"


@emission("getitem")
def _getitem(w: NodeWriter, node: Node, x: Operand) -> str:
    return f"{x.atom}[{index_text(w, node.params['index'])}]"


@emission("scatter")
def _scatter(w: NodeWriter, node: Node, x: Operand, *like: Operand) -> str:
    zeros = f"jnp.zeros({w.shape(node, like)}, jnp.{node.dtype.name})"
    return f"{zeros}.at[{index_text(w, node.params['index'])}].add({x.text})"


@emission("concatenate")
def _concatenate(w: NodeWriter, node: Node, *operands: Operand) -> str:
    return f"jnp.concatenate([{', '.join(o.text for o in operands)}], axis={node.params['axis']})"


@emission("roll")
def _roll(w: NodeWriter, node: Node, x: Operand) -> str:
    return f"jnp.roll({x.text}, {node.params['shift']!r}, {node.params['axes']!r})"


@emission("take")
def _take(w: NodeWriter, node: Node, x: Operand, index: Operand) -> str:
    return f"jnp.take({x.text}, {index.text}, axis={node.params['axis']})"


@emission("take_along_axis")
def _take_along(w: NodeWriter, node: Node, x: Operand, index: Operand) -> str:
    return f"jnp.take_along_axis({x.text}, {index.text}, axis={node.params['axis']})"


def _added(name: str) -> None:
    def emit(w: NodeWriter, node: Node, u: Operand, index: Operand, *like: Operand) -> str:
        return f"{w.helper(name)}({u.text}, {index.text}, {node.params['axis']}, {w.shape(node, like)})"

    EMISSIONS[name] = emit


_added("add_taken")
_added("add_along_axis")

_MORE = vocabulary("jax")
JAX = Dialect(
    "jax", ("import jax", "import jax.numpy as jnp", "import numpy"), FUNCTIONS, EMISSIONS | _MORE.emissions, HELPERS | _MORE.helpers,
    numbers=True, stop="jax.lax.stop_gradient({0})", limits=_MORE.limits,
)  # fmt: skip
