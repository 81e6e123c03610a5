"""The torch backend's words: one row an op, in PyTorch.

PyTorch's functions mostly take tensors only; `NodeWriter.arguments` turns Python numbers into tensors where they have to be. What PyTorch
cannot index (negative steps, NumPy's rules for several index arrays) is picked from the flat tensor, at places that NumPy computes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

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
    name: f"torch.{name}"
    for name in """square sqrt exp expm1 log log1p sin cos tan arcsin arccos arctan sinh cosh tanh abs sigmoid relu sign maximum minimum
    logical_and logical_or logical_not logical_xor bitwise_and bitwise_or bitwise_xor where logaddexp floor ceil trunc
    remainder fmod floor_divide copysign heaviside fmax fmin isnan isinf isfinite signbit log2 log10 exp2 arcsinh arccosh arctanh
    sinc hypot arctan2 logaddexp2 deg2rad rad2deg""".split()
}
FUNCTIONS |= {
    "log_sigmoid": "torch.nn.functional.logsigmoid", "invert": "torch.bitwise_not", "rint": "torch.round",
    "silu": "torch.nn.functional.silu", "mish": "torch.nn.functional.mish", "softsign": "torch.nn.functional.softsign",
    "left_shift": "torch.bitwise_left_shift", "right_shift": "torch.bitwise_right_shift",
}  # fmt: skip

HELPERS = {
    "softplus": '''
def softplus(x):
    """ln(1 + exp(x)), accurate everywhere (torch.nn.functional.softplus is x from 20 on)."""
    return torch.logaddexp(x, torch.zeros_like(x))
''',
    "stable_bce": '''
def stable_bce(z, y):
    """Binary cross-entropy of logits z and labels y; the term of the wrong answer has weight 0 and loses the other no digit."""
    zero = torch.zeros_like(z)
    return y * torch.logaddexp(-z, zero) + (1.0 - y) * torch.logaddexp(z, zero)
''',
    "stable_bce_slope": '''
def stable_bce_slope(z, y):
    """The derivative of stable_bce with respect to z, accurate in both tails."""
    s = torch.exp(-torch.abs(z))
    p, q = torch.where(z < 0, s, 1.0) / (1.0 + s), torch.where(z < 0, 1.0, s) / (1.0 + s)
    return (1.0 - y) * p - y * q
''',
    "sigmoid_slope": '''
def sigmoid_slope(x):
    """The derivative of the sigmoid, accurate in both tails."""
    s = torch.exp(-torch.abs(x))
    return s / (1.0 + s) ** 2
''',
    "logaddexp_slope": '''
def logaddexp_slope(a, b):
    """The share that exp(a) has in exp(a) + exp(b)."""
    same = a == b
    return torch.sigmoid(torch.where(same, 0.0, torch.where(same, 0.0, a) - torch.where(same, 0.0, b)))
''',
    "step": '''
def step(a, b):
    """1 where a > b, 1/2 where they are equal, 0 elsewhere: how maximum and minimum share a gradient."""
    found = torch.where(a == b, 0.5, (a > b).to(torch.result_type(a, b)))
    return torch.where(torch.isnan(a) | torch.isnan(b), float("nan"), found)
''',
    "log1mexp": '''
def log1mexp(x):
    """ln(1 - exp(x)) for x < 0, each half by the function that does not cancel there."""
    near = x > -0.6931471805599453
    return torch.where(near, torch.log(-torch.expm1(torch.where(near, x, -1.0))), torch.log1p(-torch.exp(torch.where(near, -1.0, x))))
''',
    "logit": '''
def logit(p):
    """ln(p / (1 - p)), accurate near 1/2 too."""
    near = torch.abs(p - 0.5) < 0.25
    inner = torch.where(near, p, 0.5)
    return torch.where(near, torch.log1p((2.0 * inner - 1.0) / (1.0 - inner)), torch.log(p / (1.0 - p)))
''',
    "leaky_relu": '''
def leaky_relu(x, slope):
    """x where it is positive, else slope x; the slope at 0 is that of the left."""
    return torch.where(x > 0, x, x * slope)
''',
    "elu": '''
def elu(x, alpha):
    """x where it is positive, else alpha (exp(x) - 1); the slope at 0 is that of the left."""
    return torch.where(x > 0, x, alpha * torch.expm1(torch.where(x > 0, 0.0, x)))
''',
    "gelu": '''
def gelu(x):
    """x times the normal distribution function, by erfc, which keeps its digits in the left tail."""
    return x * (0.5 * torch.special.erfc(x * -0.7071067811865476))
''',
    "gelu_slope": '''
def gelu_slope(x):
    """The derivative of gelu."""
    return 0.5 * torch.special.erfc(x * -0.7071067811865476) + x * (torch.exp(-0.5 * x * x) * 0.3989422804014327)
''',
    "pos_weighted_bce": '''
def pos_weighted_bce(z, y, w):
    """stable_bce with the term of label 1 weighted by w."""
    return w * y * torch.logaddexp(-z, torch.zeros_like(z)) + (1.0 - y) * torch.logaddexp(z, torch.zeros_like(z))
''',
    "pos_weighted_bce_slope": '''
def pos_weighted_bce_slope(z, y, w):
    """The derivative of pos_weighted_bce with respect to z, accurate in both tails."""
    up, down = torch.exp(torch.clamp(z, max=0.0)), torch.exp(-torch.clamp(z, min=0.0))
    return ((1.0 - y) * up - w * y * down) / (up + down)
''',
    "stable_cross_entropy": '''
def stable_cross_entropy(x, y, axes):
    """Cross-entropy of logits and labels; the largest probability is 1 / (1 + rest), with rest summed by itself, not 1 - p."""
    if not x.numel():
        return torch.sum(x * y, axes)
    below = x - torch.amax(x, axes, keepdim=True)
    top = below == 0
    rest = torch.sum(torch.where(top, 0.0, torch.exp(below)), axes, keepdim=True) + (torch.sum(top, axes, keepdim=True) - 1.0)
    return -torch.sum(torch.where(y == 0, 0.0, y * (below - torch.log1p(rest))), axes)
''',
    "cross_entropy_slope": '''
def others(v, axes):
    """For each entry the sum of the others; the largest is left out, not subtracted."""
    largest = v == torch.amax(v, axes, keepdim=True)
    alone = largest & (torch.sum(largest, axes, keepdim=True) == 1)
    rest = torch.sum(torch.where(alone, 0.0, v), axes, keepdim=True)
    return torch.where(alone, rest, torch.sum(v, axes, keepdim=True) - v)


def cross_entropy_slope(x, y, axes):
    """softmax(x) sum(y) - y, without the difference."""
    if not x.numel():
        return x * y
    e = torch.exp(x - torch.amax(x, axes, keepdim=True))
    s = e / torch.sum(e, axes, keepdim=True)
    return s * others(y, axes) - y * others(s, axes)
''',
    "cbrt": '''
def cbrt(x):
    """The cube root: a power, and a step of Newton's for its last digits."""
    root = torch.sign(x) * torch.abs(x) ** (1.0 / 3.0)
    inner = torch.isfinite(root) & (root != 0)
    safe = torch.where(inner, root, 1.0)
    return torch.where(inner, safe - (safe - x / (safe * safe)) / 3.0, root)
''',
    "searchsorted": '''
def searchsorted(a, v, side):
    """Where v stands in a; PyTorch wants one dtype, in order in memory."""
    dtype = torch.promote_types(a.dtype, v.dtype)
    return torch.searchsorted(a.to(dtype).contiguous(), v.to(dtype).contiguous(), side=side)
''',
    "sum_to": '''
def sum_to(x, shape):
    """x summed over the axes along which `shape` would be broadcast to it."""
    lead = x.ndim - len(shape)
    axes = tuple(range(lead)) + tuple(i + lead for i, n in enumerate(shape) if n == 1 and x.shape[i + lead] != 1)
    return torch.sum(x, axes, keepdim=True).reshape(shape) if axes else x
''',
    "product_over": '''
def product_over(x, axes):
    """The product over several axes, which stay as axes of size 1."""
    for axis in axes:
        x = torch.prod(x, axis, keepdim=True)
    return x
''',
    "log_softmax_over": '''
def log_softmax_over(x, axes):
    """The logarithm of the softmax over several axes; the largest entry loses no digit."""
    x = x - torch.amax(x, axes, keepdim=True).detach()
    return x - torch.log(torch.sum(torch.exp(x), axes, keepdim=True))
''',
    "picked": '''
def picked(x, index):
    """x[index] by NumPy's rules: the places in the flat tensor are found by NumPy."""
    places = numpy.arange(x.numel()).reshape(tuple(x.shape))[index]
    return x.reshape(-1)[torch.as_tensor(numpy.array(places), device=x.device)]
''',
    "scattered": '''
def scattered(x, index, shape):
    """x added into zeros of `shape` at an index, by NumPy's rules."""
    zeros = x.new_zeros(tuple(shape))
    places = numpy.array(numpy.arange(zeros.numel()).reshape(tuple(shape))[index])
    places = torch.as_tensor(places, device=x.device)
    return zeros.reshape(-1).index_add(0, places.reshape(-1), torch.broadcast_to(x, places.shape).reshape(-1)).reshape(tuple(shape))
''',
    "add_taken": '''
def add_taken(u, index, axis, shape):
    """u added into zeros of `shape` at an index along an axis."""
    inner = u.reshape(*u.shape[:axis], -1, *u.shape[axis + index.ndim :])
    places = torch.remainder(index.reshape(-1), shape[axis])
    return u.new_zeros(tuple(shape)).index_add(axis, places, inner)
''',
    "add_along_axis": '''
def add_along_axis(u, index, axis, shape):
    """u added into zeros of `shape` at an index along an axis."""
    return u.new_zeros(tuple(shape)).scatter_add(axis, torch.remainder(index, shape[axis]), u)
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


for _name in """softplus stable_bce stable_bce_slope sigmoid_slope logaddexp_slope step log1mexp logit leaky_relu elu gelu
        gelu_slope pos_weighted_bce pos_weighted_bce_slope cbrt""".split():  # fmt: skip
    _helped(_name)


@emission("tanh_slope")
def _tanh_slope(w: NodeWriter, node: Node, x: Operand) -> tuple[str, int]:
    return f"(1.0 / torch.cosh({w.arguments(node, [x])[0]})) ** 2", POWER


@emission("bce")
def _bce(w: NodeWriter, node: Node, p: Operand, y: Operand) -> tuple[str, int]:
    return f"-({y.atom} * torch.log({p.text}) + (1.0 - {y.atom}) * torch.log(1.0 - {p.atom}))", SIGN


def _cross_entropy(name: str) -> None:
    def emit(w: NodeWriter, node: Node, x: Operand, y: Operand) -> str:
        a, b = (
            o.text if o.node.dtype == node.dtype else f"{o.atom}.to(torch.{node.dtype.name})"
            for o in (x, y)
        )
        return f"{w.helper(name)}({a}, {b}, {node.params['axes']!r})"

    EMISSIONS[name] = emit


_cross_entropy("stable_cross_entropy")
_cross_entropy("cross_entropy_slope")


@emission("clip")
def _clip(w: NodeWriter, node: Node, x: Operand, low: Operand, high: Operand) -> str:
    a, b, c = w.arguments(node, [x, low, high])
    return f"torch.minimum(torch.maximum({a}, {b}), {c})"


@emission("stop_gradient")
def _stop_gradient(w: NodeWriter, node: Node, x: Operand) -> str:
    return f"{x.atom}.detach()"


# --- reductions -------------------------------------------------------------------------------------------------------------------


# Reductions that without an axis take all.
WHOLE = ("torch.sum", "torch.mean", "torch.amax", "torch.amin", "torch.any", "torch.all")


def _reduction(name: str, call: str) -> None:
    def emit(w: NodeWriter, node: Node, x: Operand) -> Any:
        axes, keepdims = node.params["axes"], node.params.get("keepdims", False)
        if not axes:
            return same(w, node, x) if node.dtype == x.node.dtype else f"{x.atom}.to(torch.bool)"
        if len(axes) == len(x.node.shape) and not keepdims and call in WHOLE:
            return f"{call}({x.text})"
        return f"{call}({x.text}, {axes_text(axes)}{', keepdim=True' if keepdims else ''})"

    EMISSIONS[name] = emit


for _name, _call in {
    "sum": "torch.sum", "mean": "torch.mean", "max": "torch.amax", "min": "torch.amin", "any": "torch.any", "all": "torch.all",
    "logsumexp": "torch.logsumexp",
}.items():  # fmt: skip
    _reduction(_name, _call)


@emission("prod")
def _prod(w: NodeWriter, node: Node, x: Operand) -> Any:
    axes, keepdims = node.params["axes"], node.params.get("keepdims", False)
    if not axes:
        return same(w, node, x)
    if len(axes) == 1:
        return f"torch.prod({x.text}, {axes[0]}{', keepdim=True' if keepdims else ''})"
    text = f"{w.helper('product_over')}({x.text}, {axes!r})"
    if keepdims:
        return text
    return f"{text}.squeeze({axes!r})"


@emission("softmax")
def _softmax(w: NodeWriter, node: Node, x: Operand) -> Any:
    axes = node.params["axes"]
    if len(axes) == 1:
        return f"torch.softmax({x.text}, {axes[0]})"
    return f"torch.exp({w.helper('log_softmax_over')}({x.text}, {axes!r}))"


@emission("log_softmax")
def _log_softmax(w: NodeWriter, node: Node, x: Operand) -> Any:
    axes = node.params["axes"]
    if len(axes) == 1:
        return f"torch.log_softmax({x.text}, {axes[0]})"
    return f"{w.helper('log_softmax_over')}({x.text}, {axes!r})"


def _scan(name: str, part: str = "") -> None:
    def emit(w: NodeWriter, node: Node, x: Operand) -> str:
        return f"torch.{name}({x.text}, {node.params['axis']}){part}"

    EMISSIONS[name] = emit


for _name in ("cumsum", "cumprod"):
    _scan(_name)
for _name in ("cummax", "cummin"):
    _scan(_name, ".values")


@emission("argsort")
def _argsort(w: NodeWriter, node: Node, x: Operand) -> str:
    return f"torch.argsort({x.text}, dim={node.params['axis']}, stable=True)"


@emission("sort")
def _sort(w: NodeWriter, node: Node, x: Operand) -> str:
    return f"torch.sort({x.text}, dim={node.params['axis']}).values"


def _place(name: str) -> None:
    def emit(w: NodeWriter, node: Node, x: Operand) -> str:
        return (
            f"torch.{name}({x.text}, dim={node.params['axis']}, keepdim={node.params['keepdims']})"
        )

    EMISSIONS[name] = emit


for _name in ("argmax", "argmin"):
    _place(_name)


@emission("einsum")
def _einsum(w: NodeWriter, node: Node, *operands: Operand) -> str:
    return f"torch.einsum({node.params['subscripts']!r}, {', '.join(w.arguments(node, operands))})"


# --- structure --------------------------------------------------------------------------------------------------------------------


def tensor(w: NodeWriter, node: Node, x: Operand) -> str:
    """An operand as a tensor, also where it is a Python number."""
    return x.text if not x.weak else f"torch.tensor({x.text}, dtype=torch.{node.dtype.name})"


@emission("count")
def _count(w: NodeWriter, node: Node, x: Operand) -> Any:
    size = size_text(x, node.params["axes"])
    if x.node.dtype.kind == "f":
        return f"{x.atom}.new_tensor({size})"
    return f"torch.tensor({size}, dtype=torch.float64)"


@emission("broadcast_to")
def _broadcast_to(w: NodeWriter, node: Node, x: Operand, *like: Operand) -> str:
    shape = broadcast_shape(node, x, like)
    if shape is None:
        shape = f"torch.broadcast_shapes({x.atom}.shape, {like[0].atom}.shape)"
    return f"torch.broadcast_to({tensor(w, node, x)}, {shape})"


@emission("sum_to")
def _sum_to(w: NodeWriter, node: Node, x: Operand, *like: Operand) -> str:
    target = node.params.get("shape") or (like[0].node.shape if like else ())
    axes = summed_axes(x.node, target)
    if axes is not None and not (axes[0] and axes[1]):
        lead, inner = axes
        if lead:
            return f"torch.sum({x.text}, {axes_text(lead)})"
        return f"torch.sum({x.text}, {axes_text(inner)}, keepdim=True)" if inner else x.atom
    return f"{w.helper('sum_to')}({x.text}, {w.shape(node, like)})"


@emission("reshape")
def _reshape(w: NodeWriter, node: Node, x: Operand, *like: Operand) -> str:
    return f"torch.reshape({tensor(w, node, x)}, {w.shape(node, like)})"


@emission("transpose")
def _transpose(w: NodeWriter, node: Node, x: Operand) -> str:
    axes = node.params["axes"]
    return f"{x.atom}.T" if axes == (1, 0) else f"{x.atom}.permute({axes!r})"


@emission("cast")
def _cast(w: NodeWriter, node: Node, x: Operand) -> str:
    if x.weak:
        return tensor(w, node, x)
    return f"{x.atom}.to(torch.{node.dtype.name})"


def _plain(index: tuple[Any, ...]) -> bool:
    """Whether PyTorch indexes by this as NumPy does: numbers, slices with positive steps, and one array at most."""
    arrays = [k for k in index if isinstance(k, np.ndarray)]
    numbers = any(isinstance(k, int | np.integer) for k in index)
    slices = [k for k in index if isinstance(k, slice)]
    return all(k.step is None or k.step > 0 for k in slices) and (not arrays or (len(arrays) == 1 and not numbers))  # fmt: skip


def _indexed(w: NodeWriter, index: tuple[Any, ...]) -> str:
    """An index as an argument: NumPy's objects, a constant of the program."""
    parts = [
        repr(k) if isinstance(k, slice) or k is None else "..." if k is Ellipsis
        else repr(int(k)) if isinstance(k, int | np.integer) else f"{w.keep(np.asarray(k))}.numpy()"
        for k in index
    ]  # fmt: skip
    return f"({', '.join(parts)}{',' * (len(parts) == 1)})"


@emission("getitem")
def _getitem(w: NodeWriter, node: Node, x: Operand) -> str:
    index = node.params["index"]
    if _plain(index):
        return f"{x.atom}[{index_text(w, index)}]"
    return f"{w.helper('picked')}({x.text}, {_indexed(w, index)})"


@emission("scatter")
def _scatter(w: NodeWriter, node: Node, x: Operand, *like: Operand) -> str:
    return f"{w.helper('scattered')}({tensor(w, node, x)}, {_indexed(w, node.params['index'])}, {w.shape(node, like)})"


@emission("concatenate")
def _concatenate(w: NodeWriter, node: Node, *operands: Operand) -> str:
    texts = [tensor(w, node, o) for o in operands]
    return f"torch.cat([{', '.join(texts)}], {node.params['axis']})"


@emission("roll")
def _roll(w: NodeWriter, node: Node, x: Operand) -> str:
    return f"torch.roll({x.text}, {node.params['shift']!r}, {node.params['axes']!r})"


@emission("take")
def _take(w: NodeWriter, node: Node, x: Operand, index: Operand) -> str:
    before = ":, " * node.params["axis"]
    return f"{x.atom}[{before}{index.text}]"


@emission("take_along_axis")
def _take_along(w: NodeWriter, node: Node, x: Operand, index: Operand) -> str:
    return f"torch.take_along_dim({x.text}, {index.text}, {node.params['axis']})"


@emission("searchsorted")
def _searchsorted(w: NodeWriter, node: Node, a: Operand, v: Operand) -> str:
    texts = ", ".join(tensor(w, node, o) for o in (a, v))
    return f"{w.helper('searchsorted')}({texts}, {node.params['side']!r})"


def _added(name: str) -> None:
    def emit(w: NodeWriter, node: Node, u: Operand, index: Operand, *like: Operand) -> str:
        return f"{w.helper(name)}({u.text}, {index.text}, {node.params['axis']}, {w.shape(node, like)})"

    EMISSIONS[name] = emit


_added("add_taken")
_added("add_along_axis")

_MORE = vocabulary("torch")
TORCH = Dialect(
    "torch", ("import numpy", "import torch"), FUNCTIONS, EMISSIONS | _MORE.emissions, HELPERS | _MORE.helpers,
    numbers=False, stop="{0}.detach()", limits=_MORE.limits,
)  # fmt: skip
