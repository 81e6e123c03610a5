"""What every op is tried on: the cases that `test_ops.py` puts through values, both modes, graphs, dtypes and shapes.

Elementwise rows get their cases from the row itself (number of parents, domain, kinks), so that a new row is tested by being in
`cgraph.ops.OPS`. The other rows, and the public functions composed of them, stand in `SHAPED` below, as one line a case: a function
written with cgraph, and the same with NumPy or SciPy, which is the truth. A row that no case builds fails `test_every_row_has_cases`.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.special
from core.numpy_cases import LINES, OWN, VALUES, written

import cgraph as cg
from cgraph.ops import OPS, Interval, Op

Array = Any
Shape = tuple[int | None, ...]


@dataclass(frozen=True)
class Case:
    """One op on one set of arguments.

    Attributes:
        f: written with cgraph; takes arrays or nodes.
        truth: the same written with NumPy or SciPy; works in long double.
        args: float64 arrays, away from kinks; also booleans, which are not differentiated.
        wrt: which arguments have a derivative.
        declared: the shapes the leaves are declared with, where a size is only known when it is fed.
    """

    name: str
    f: Callable[..., Any]
    truth: Callable[..., Array]
    args: tuple[Array, ...]
    wrt: tuple[int, ...]
    declared: tuple[Shape, ...]

    @property
    def dynamic(self) -> bool:
        return any(None in shape for shape in self.declared)


# --- elementwise: cases from the row ------------------------------------------------------------------------------------------

SHAPES: dict[int, list[tuple[Shape, ...]]] = {
    1: [((),), ((1,),), ((2, 3),), ((2, 1, 3),), ((0, 3),)],
    2: [
        ((), ()), ((2, 3), (2, 3)), ((3, 1), (4,)), ((2, 3), ()), ((), (3,)), ((1,), (3,)), ((2, 1, 3), (4, 1)), ((0, 3), (1, 3)),
    ],
    3: [((), (), ()), ((2, 3), (2, 3), (2, 3)), ((2, 1), (3,), ()), ((), (2,), (2,)), ((0, 2), (2,), (1, 1))],
}  # fmt: skip
# Declared shapes, and the sizes that are then fed.
DYNAMIC: dict[int, list[tuple[tuple[Shape, ...], tuple[Shape, ...]]]] = {
    1: [(((2, None),), ((2, 3),)), (((None,),), ((0,),))],
    2: [
        (((2, None), (2, None)), ((2, 3), (2, 3))), (((2, None), (2, 1)), ((2, 3), (2, 1))), (((None,), ()), ((3,), ())),
        (((2, 1), (None,)), ((2, 1), (3,))), (((2, None), (2, 3)), ((2, 3), (2, 3))),
    ],
    3: [(((2, None), (2, 1), ()), ((2, 3), (2, 1), ())), (((), (None,), (1,)), ((), (3,), (1,)))],
}  # fmt: skip
DYNAMIC[2][3] = (((2, 1), (1, None)), ((2, 1), (1, 3)))


def _cross_entropy(x: Array, y: Array, axis: int) -> Array:
    total: Array = np.sum(y, axis=axis)
    return scipy.special.logsumexp(x, axis) * total - np.sum(x * y, axis=axis)


def _cross_entropy_slope(x: Array, y: Array, axis: int) -> Array:
    return scipy.special.softmax(x, axis) * np.sum(y, axis=axis, keepdims=True) - y


# The truth of rows that NumPy and SciPy do not have under the same name.
TRUTH: dict[str, Callable[..., Array]] = {
    "sigmoid": scipy.special.expit,
    "softplus": lambda x: np.logaddexp(0, x),
    "relu": lambda x: np.where(x < 0, 0, x),
    "leaky_relu": lambda x, slope: np.maximum(x, 0) + slope * np.minimum(x, 0),
    "elu": lambda x, alpha: np.maximum(x, 0) + alpha * np.expm1(np.minimum(x, 0)),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "mish": lambda x: x * np.tanh(np.log1p(np.exp(x))),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "step": lambda a, b: np.heaviside(a - b, 0.5),
    "bce": lambda p, y: np.log1p(-p) * (y - 1) - y * np.log(p),
    "stable_bce": lambda z, y: np.logaddexp(0, z) - y * z,
    "mse": lambda p, y: (p - y) * (p - y) / 2,
    "clip": np.clip,
    "where": lambda c, a, b: np.where(np.asarray(c, bool), a, b),
}
# Where the domain alone would lead near a pole.
RANGES = {"tan": [(0.1, 1.2)], "clip": [(0.1, 3.0), (-1.5, -0.5), (0.5, 1.5)]}
SIGNED = {"clip": [True, False, False]}
YES_NO = {
    "logical_and",
    "logical_or",
    "logical_not",
    "bitwise_and",
    "bitwise_or",
    "bitwise_xor",
    "invert",
    "logical_xor",
}
WHOLE = {"left_shift", "right_shift"}


def truth_of(row: Op) -> Callable[..., Array]:
    """NumPy's or SciPy's function of the row's name; a row that neither has is held against its own forward."""
    for place in (
        TRUTH.get,
        lambda n: getattr(np, n, None),
        lambda n: getattr(scipy.special, n, None),
    ):
        found = place(row.name)
        if found is not None:
            return found
    return row.forward


def rng_of(name: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(name.encode()))


def draw(rng: np.random.Generator, interval: Interval, shape: Shape) -> Array:
    """Numbers well inside an interval, and away from 0, where kinks and poles stand."""
    low, high = interval.low, interval.high
    if np.isinf(low) and np.isinf(high):
        return rng.uniform(0.2, 2.0, shape) * rng.choice([-1.0, 1.0], shape)
    low, high = (max(low, high - 3.0), high) if np.isfinite(high) else (low, low + 3.0)
    edge = 0.1 * (high - low)
    return rng.uniform(low + edge, high - edge, shape)


def operands(row: Op, shapes: tuple[Shape, ...], rng: np.random.Generator) -> list[Array]:
    """Operands inside the row's domain; entries near a kink of the row are drawn again."""
    count = len(shapes)
    domain = row.domain or (Interval(),) * count

    def one(i: int) -> Array:
        if row.name in YES_NO or (row.name == "where" and i == 0):
            return rng.random(shapes[i]) < 0.5
        if row.name in WHOLE:
            return rng.integers(0, 5, shapes[i])
        if row.name in RANGES:
            low, high = RANGES[row.name][i if len(RANGES[row.name]) > 1 else 0]
            sign = (
                rng.choice([-1.0, 1.0], shapes[i])
                if SIGNED.get(row.name, [True] * count)[i]
                else 1.0
            )
            return rng.uniform(low, high, shapes[i]) * sign
        if not any(map(row.differentiable, range(count))):
            return rng.integers(-1, 2, shapes[i]).astype(
                float
            )  # comparisons: equal entries are wanted
        return draw(rng, domain[i], shapes[i])

    for _ in range(200):
        args = [one(i) for i in range(count)]
        if row.margin is None or np.all(np.asarray(row.margin(*args)) > 0.05):
            return args
    raise AssertionError(f"{row.name}: found no operands away from its kinks")


def elementwise_cases(row: Op) -> Iterator[Case]:
    count = len(row.partials or row.linear_maps)
    public = cg.ops.PUBLIC.get(row.name, row)
    wrt = tuple(i for i in range(count) if row.differentiable(i))
    static = [(shapes, shapes) for shapes in SHAPES[count]]
    for declared, shapes in [*static, *DYNAMIC[count]]:
        name = f"{row.name}-" + "-".join(
            "x".join(str(n or "?" if n != 0 else 0) for n in s) or "scalar" for s in declared
        )
        args = operands(row, shapes, rng_of(name))
        yield Case(name, public, truth_of(row), tuple(args), wrt, declared)


# --- everything that has axes, shapes or indices --------------------------------------------------------------------------------

ROW = {name: OPS[name] for name in ("scatter", "count", "broadcast_to", "sum_to", "reshape")}
Line = tuple[Any, ...]


def shaped(name: str, f: Any, truth: Any, *args: Any, **options: Any) -> Case:
    """A case of the table; an argument given as a shape is filled with numbers, None in it is a size that is fed."""
    rng = rng_of(name)
    low, high = options.pop("between", (0.2, 2.0))
    arrays, declared = [], []
    for arg in args:
        if isinstance(arg, tuple):
            declared.append(arg)
            arg = tuple(options.get("size", 3) if n is None else n for n in arg)
            signs = rng.choice([-1.0, 1.0], arg) if low > 0 and not options.get("positive") else 1.0
            # Distinct sizes, at least 0.02 apart, so that maxima have no ties within the steps of the differences.
            n = int(np.prod(arg))
            arg = (rng.permutation(np.linspace(low, high, n)) if n else np.zeros(0)).reshape(
                arg
            ) * signs
        else:
            arg = np.asarray(arg)
            declared.append(arg.shape)
        arrays.append(arg)
    wrt = options.get("wrt", tuple(i for i, x in enumerate(arrays) if x.dtype.kind == "f"))
    return Case(name, f, truth, tuple(arrays), wrt, tuple(declared))


def reductions() -> Iterator[Case]:
    truths = {n: getattr(np, n) for n in ("sum", "mean", "max", "min", "prod", "var", "std")}
    truths["logsumexp"] = scipy.special.logsumexp
    for name, truth in truths.items():
        f = getattr(cg, name)
        for shape, axis in [
            ((), None), ((4,), None), ((4,), -1), ((2, 3), 0), ((2, 3), 1), ((2, 3, 4), (0, 2)), ((2, 3, 4), (-1, 0)),
            ((2, 3, 4), None), ((2, 1, 3), (1,)), ((1,), 0), ((5, 2), 0), ((3, 0), 0), ((2, None), 1), ((2, None), 0), ((None, 2), None),
            ((None, 2, None), 1), ((None, None), None),
        ]:  # fmt: skip
            for keepdims in (False, True):
                if name == "prod" and None in shape:
                    continue  # refused, with a message; see test_errors.py
                if name == "logsumexp" and shape == () and keepdims:
                    continue  # SciPy answers with shape (1,)
                label = f"{name}-{'x'.join(map(str, shape)) or 'scalar'}-{axis}-{keepdims}"
                yield shaped(
                    label, lambda x, f=f, a=axis, k=keepdims: f(x, axis=a, keepdims=k),
                    lambda x, t=truth, a=axis, k=keepdims: t(x, axis=a, keepdims=k), shape,
                )  # fmt: skip
    for name in ("sum", "prod", "mean", "logsumexp"):
        f, truth = getattr(cg, name), truths[name]
        options = (
            {} if name in ("sum", "prod") else {"wrt": ()}
        )  # no differences of what is not finite
        yield shaped(
            f"{name}-nothing",
            lambda x, f=f: f(x, axis=0),
            lambda x, t=truth: t(x, axis=0),
            (0, 3),
            **options,
        )
    for name in ("var", "std"):
        f, truth = getattr(cg, name), truths[name]
        yield shaped(
            f"{name}-ddof",
            lambda x, f=f: f(x, axis=0, ddof=1),
            lambda x, t=truth: t(x, axis=0, ddof=1),
            (4, 2),
        )
    for values in (
        [0.0, 2.0, 3.0],
        [0.0, 2.0, 0.0],
        [[1.5, 0.0], [0.0, 0.0], [2.0, 3.0]],
        [2.0],
        [2.0, 0.5, 3.0, 1.5, -1.0],
    ):
        yield shaped(
            f"prod-zeros-{values}",
            lambda x: cg.prod(x, axis=0),
            lambda x: np.prod(x, axis=0),
            np.array(values),
        )
    for axis in (-1, 0, (0, 1), None):
        yield shaped(
            f"softmax-{axis}",
            lambda x, a=axis: cg.softmax(x, a),
            lambda x, a=axis: scipy.special.softmax(x, a),
            (2, 3),
        )
        yield shaped(
            f"log_softmax-{axis}",
            lambda x, a=axis: cg.log_softmax(x, a),
            lambda x, a=axis: scipy.special.log_softmax(x, a),
            (2, 3),
        )
    for axis in (1, 0):
        ce = OPS["stable_cross_entropy"], OPS["cross_entropy_slope"]
        for op, truth in zip(ce, (_cross_entropy, _cross_entropy_slope), strict=True):
            yield shaped(
                f"{op.name}-{axis}",
                lambda x, y, o=op, a=axis: o(x, y, axes=(a,)),
                lambda x, y, t=truth, a=axis: t(x, y, a),
                (2, 3),
                (2, 3),
            )
    yield shaped("softmax-?", cg.softmax, lambda x: scipy.special.softmax(x, -1), (2, None))
    for axis in (None, 0, -1):
        yield shaped(
            f"cumsum-{axis}",
            lambda x, a=axis: cg.cumsum(x, a),
            lambda x, a=axis: np.cumsum(x, a),
            (2, 3),
        )
    yield shaped("cumsum-?", lambda x: cg.cumsum(x, 1), lambda x: np.cumsum(x, 1), (2, None))
    yield shaped("cumsum-0", lambda x: cg.cumsum(x, 1), lambda x: np.cumsum(x, 1), (2, 0))
    yield shaped(
        "count", lambda x: ROW["count"](x, axes=(0,)), lambda x: np.float64(3), (3, 2), wrt=()
    )


def products() -> Iterator[Case]:
    pairs = [
        ((3, 4), (4, 2)), ((4,), (4,)), ((3, 4), (4,)), ((4,), (4, 2)), ((2, 3, 4), (2, 4, 5)), ((2, 3, 4), (4, 5)),
        ((3, 4), (2, 4, 5)), ((2, 1, 3, 4), (5, 4, 2)), ((4,), (2, 4, 3)), ((2, 3, 4), (4,)), ((0, 3), (3, 2)), ((2, 0), (0, 3)),
        ((1, 1), (1, 1)), ((1, 2), (2, None)), ((None, 2), (2, 3)), ((None, 2), (2,)), ((2,), (2, None)), ((0,), (0,)),
    ]  # fmt: skip
    for a, b in pairs:
        yield shaped(f"matmul-{a}-{b}", cg.matmul, np.matmul, a, b)
    for a, b in [
        ((), (2, 3)),
        ((3,), (3,)),
        ((2, 3), (3, 2)),
        ((2, 3), (3,)),
        ((2, 3), (4, 3, 5)),
        ((3,), (4, 3, 5)),
        ((2, 2, 3), (3,)),
    ]:
        yield shaped(f"dot-{a}-{b}", cg.dot, np.dot, a, b)
    for a, b in [((3,), (2,)), ((2, 2), (3,)), ((), (2,))]:
        yield shaped(f"outer-{a}-{b}", cg.outer, np.outer, a, b)


def moves() -> Iterator[Case]:
    lines: list[Line] = [
        ("transpose", cg.transpose, np.transpose, (2, 3, 4)),
        ("transpose-axes", lambda x: cg.transpose(x, (1, -1, 0)), lambda x: np.transpose(x, (1, 2, 0)), (2, 3, 4)),
        ("transpose-0d", cg.transpose, np.transpose, ()),
        ("transpose-?", cg.transpose, np.transpose, (2, None)),
        ("T", lambda x: x.T, lambda x: x.T, (2, 3)),
        ("swapaxes", lambda x: cg.swapaxes(x, 0, -1), lambda x: np.swapaxes(x, 0, -1), (2, 3, 4)),
        ("expand_dims", lambda x: cg.expand_dims(x, 0), lambda x: np.expand_dims(x, 0), (3,)),
        ("expand_dims-2", lambda x: cg.expand_dims(x, (0, -1)), lambda x: np.expand_dims(x, (0, -1)), (3,)),
        ("expand_dims-?", lambda x: cg.expand_dims(x, 1), lambda x: np.expand_dims(x, 1), (None, 2)),
        ("squeeze", cg.squeeze, np.squeeze, (1, 3, 1)),
        ("squeeze-axis", lambda x: cg.squeeze(x, -1), lambda x: np.squeeze(x, -1), (1, 3, 1)),
        ("reshape", lambda x: cg.reshape(x, (3, -1)), lambda x: np.reshape(x, (3, -1)), (2, 3)),
        ("reshape-scalar", lambda x: cg.reshape(x, ()), lambda x: np.reshape(x, ()), (1, 1)),
        ("reshape-0", lambda x: cg.reshape(x, (3, 0)), lambda x: np.reshape(x, (3, 0)), (0, 2)),
        ("reshape-?", lambda x: cg.reshape(x, (-1, 1)), lambda x: np.reshape(x, (-1, 1)), (2, None)),
        ("reshape-int", lambda x: cg.reshape(x, 6), lambda x: np.reshape(x, 6), (2, 3)),
        ("ravel", lambda x: x.ravel(), lambda x: x.ravel(), (2, 3)),
        ("cast", lambda x: cg.cast(x, np.float64, name="same"), lambda x: x, (2, 3)),
        ("cast-?", lambda x: cg.cast(x, "float64", name="same"), lambda x: x, (2, None)),
        ("cast-int", lambda x: x.astype(np.float64), lambda x: x.astype(np.float64), np.array([1, -2])),
        ("concatenate", lambda a, b: cg.concatenate([a, b]), lambda a, b: np.concatenate([a, b]), (2, 3), (1, 3)),
        ("concatenate-axis", lambda a, b, c: cg.concatenate([a, b, c], -1), lambda *x: np.concatenate(x, -1), (2, 3), (2, 0), (2, 1)),
        ("concatenate-same", lambda a: cg.concatenate([a, a], 1), lambda a: np.concatenate([a, a], 1), (2, 3)),
        ("concatenate-?", lambda a, b: cg.concatenate([a, b], 0), lambda a, b: np.concatenate([a, b], 0), (1, None), (2, None)),
        ("stack", lambda a, b: cg.stack([a, b]), lambda a, b: np.stack([a, b]), (), ()),
        ("stack-axis", lambda a, b: cg.stack([a, b], -1), lambda a, b: np.stack([a, b], -1), (2, 3), (2, 3)),
        ("stack-one", lambda a: cg.stack([a], 1), lambda a: np.stack([a], 1), (2,)),
        ("split", lambda x: cg.split(x, 3)[1], lambda x: np.split(x, 3)[1], (6, 2)),
        ("split-at", lambda x: cg.split(x, [1, 3], axis=1)[1], lambda x: np.split(x, [1, 3], axis=1)[1], (2, 4)),
        ("split-all", lambda x: cg.concatenate(cg.split(x, 2, -1)), lambda x: np.concatenate(np.split(x, 2, -1)), (2, 4)),
        ("broadcast_to", lambda x: cg.broadcast_to(x, (2, 3, 4)), lambda x: np.broadcast_to(x, (2, 3, 4)), (3, 1)),
        ("broadcast_to-0d", lambda x: cg.broadcast_to(x, (2, 3)), lambda x: np.broadcast_to(x, (2, 3)), ()),
        ("broadcast_to-0", lambda x: cg.broadcast_to(x, (0, 3)), lambda x: np.broadcast_to(x, (0, 3)), (1, 3)),
        ("sum_to", lambda x: cg.sum_to(x, (3, 1)), lambda x: np.sum(x, (0, 2)).reshape(3, 1), (2, 3, 4)),
        ("sum_to-0d", lambda x: cg.sum_to(x, ()), np.sum, (2, 3)),
        ("sum_to-same", lambda x: cg.sum_to(x, (2, 3)), lambda x: x, (2, 3)),
        ("sum_to-0", lambda x: cg.sum_to(x, (1, 3)), lambda x: np.sum(x, 0, keepdims=True), (0, 3)),
        ("clip", lambda x: cg.clip(x, -1.1, 1.1), lambda x: np.clip(x, -1.1, 1.1), (2, 3)),
        ("clip-low", lambda x: cg.clip(x, -1.1), lambda x: np.maximum(x, -1.1), (2, 3)),
        ("clip-high", lambda x: cg.clip(x, None, 1.1), lambda x: np.minimum(x, 1.1), (2, 3)),
    ]  # fmt: skip
    for name, f, truth, *args in lines:
        yield shaped(name, f, truth, *args)
    yield shaped("stop_gradient", cg.stop_gradient, lambda x: x, (2, 3), wrt=())
    yield shaped("checkpoint", cg.checkpoint, lambda x: x, (2, 3))
    yield shaped(
        "keras_bce",
        cg.keras_bce,
        lambda p, y: -(y * np.log(p) + (1 - y) * np.log(1 - p)),
        (2, 3),
        (2, 3),
        between=(0.1, 0.9),
        positive=1,
    )
    yield shaped(
        "keras_bce-logits",
        lambda z, y: cg.keras_bce(z, y, from_logits=True),
        lambda z, y: np.logaddexp(0, z) - y * z,
        (2, 3),
        (2, 3),
    )


INDICES: list[tuple[Shape, Any]] = [
    ((3,), 1), ((3,), -1), ((3,), np.int64(2)), ((3, 2), 1), ((3, 2), (1, 0)), ((4,), slice(1, 3)), ((4,), slice(None, None, -1)),
    ((5,), slice(4, 0, -2)), ((4,), slice(3, 1)), ((2, 3, 4), (Ellipsis, 1)), ((2, 3, 4), (slice(None), None, 1)), ((), ()),
    ((3,), None), ((), Ellipsis), ((4,), [0, 0, 3]), ((4,), [-1, 3]), ((4,), []), ((3, 4), ([0, 2, 2], [1, 3, 3])),
    ((3, 4), (slice(None), [1, 1])), ((3, 4), ([2, 0], slice(1, 3))), ((2, 3, 4), ([0, 1], slice(None), [2, 2])),
    ((3, 4), np.array([True, False, True])), ((2, 2), np.array([[True, False], [True, True]])), ((3,), np.zeros(3, bool)),
    ((3, 4), np.array([[0, 1], [2, 2]])), ((3, 4), (np.array([[0], [2]]), np.array([1, 1]))), ((0, 3), (slice(None), 1)),
    ((2, None), 1), ((2, None), (slice(None), slice(1, None))), ((2, None), (slice(None), 0)), ((None, 2), [0, 0]), ((3,), True),
]  # fmt: skip


def indexing() -> Iterator[Case]:
    for k, (shape, index) in enumerate(INDICES):
        yield shaped(
            f"getitem-{k}-{shape}",
            lambda x, i=index: x[i],
            lambda x, i=index: np.asarray(x)[i],
            shape,
        )

    def scattered(index: Any, shape: Shape) -> Callable[[Array], Array]:
        def truth(x: Array) -> Array:
            result = np.zeros(shape, x.dtype)
            np.add.at(result, index, x)
            return result

        return truth

    for k, (x, index, shape) in enumerate(
        [
            ((2,), (slice(1, 3),), (4,)),
            ((3,), (np.array([0, 0, 2]),), (4,)),
            ((2, 3), (slice(None, None, -1),), (2, 3)),
        ]
    ):
        yield shaped(
            f"scatter-{k}",
            lambda x, i=index, s=shape: ROW["scatter"](x, index=i, shape=s),
            scattered(index, shape),
            x,
        )


def numpy_names() -> Iterator[Case]:
    for name, line, *args in LINES:
        yield shaped(name, written(line, cg), written(line, np), *args)
    for name, line, *args in VALUES:
        yield shaped(name, written(line, cg), written(line, np), *args, wrt=())
    for name, line, truth, *args in OWN:
        yield shaped(name, written(line, cg), truth, *args)
    # Ops that stand behind others.
    index = np.array([[0, 2, 2], [1, 1, 0]])
    yield shaped(
        "add_taken",
        lambda u: OPS["add_taken"](u, np.array([2, 0, 2]), axis=1, shape=(2, 4)),
        lambda u: np.stack([u[:, 1], 0 * u[:, 0], u[:, 0] + u[:, 2], 0 * u[:, 0]], 1),
        (2, 3),
    )
    yield shaped(
        "add_along_axis",
        lambda u: OPS["add_along_axis"](u, index, axis=1, shape=(2, 3)),
        lambda u: np.array(
            [[u[0, 0], 0 * u[0, 0], u[0, 1] + u[0, 2]], [u[1, 2], u[1, 0] + u[1, 1], 0 * u[0, 0]]]
        ),
        (2, 3),
    )
    yield shaped(
        "tie_mean",
        lambda v: OPS["tie_mean"](v, np.array([1.0, 2.0, 1.0]), axis=0),
        lambda v: np.array([(v[0] + v[2]) / 2, v[1], (v[0] + v[2]) / 2]),
        (3,),
    )


SHAPED = [*reductions(), *products(), *moves(), *indexing(), *numpy_names()]
CASES = [
    case
    for row in OPS.values()
    if row.family == "elementwise"
    and row.module.startswith("cgraph.ops")  # others have tests of their own
    for case in elementwise_cases(row)
] + SHAPED
IDS = [case.name for case in CASES]
