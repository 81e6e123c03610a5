"""NumPy's functions on nodes of random shapes with random keywords: values as NumPy gives them, and slopes as differences have them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from core.numeric import along

import cgraph as cg

Draw = np.random.Generator
ROUNDS = 12


def axis_of(rng: Draw, ndim: int) -> int:
    return int(rng.integers(-ndim, ndim))


def axes_of(rng: Draw, ndim: int) -> Any:
    kind = rng.integers(3)
    if kind == 0 or ndim == 0:
        return None
    if kind == 1:
        return axis_of(rng, ndim)
    chosen = rng.permutation(ndim)[: int(rng.integers(1, ndim + 1))]
    return tuple(int(a) - (ndim if rng.random() < 0.3 else 0) for a in chosen)


def reducing(name: str, **more: Any) -> Callable[..., Any]:
    def case(rng: Draw, x: Any) -> Any:
        options = {"axis": axes_of(rng, x.ndim), "keepdims": bool(rng.integers(2)), **more}
        if name in ("sum", "prod", "mean") and rng.random() < 0.3:
            options["where"] = rng.random(x.shape) < 0.7
        return lambda x: getattr(np, name)(x, **options)

    return case


def one_axis(name: str, *args: Any, **more: Any) -> Callable[..., Any]:
    def case(rng: Draw, x: Any) -> Any:
        axis = axis_of(rng, x.ndim)
        return lambda x: getattr(np, name)(x, *args, axis=axis, **more)

    return case


def random_einsum(rng: Draw, x: Any) -> Any:
    letters = "abcdef"[: x.ndim]
    other = "".join(rng.permutation(list("abcdefgh"))[: int(rng.integers(1, 4))])
    sizes = dict(zip(letters, x.shape, strict=True))
    y = rng.normal(size=[sizes.setdefault(c, int(rng.integers(1, 4))) for c in other])
    present = sorted(set(letters + other))
    out = "".join(rng.permutation(present)[: int(rng.integers(0, len(present) + 1))])
    return lambda x: np.einsum(f"{letters},{other}->{out}", x, y)


def random_pad(rng: Draw, x: Any) -> Any:
    mode = str(
        rng.choice(
            [
                "constant",
                "edge",
                "reflect",
                "symmetric",
                "wrap",
                "linear_ramp",
                "maximum",
                "mean",
                "median",
            ]
        )
    )
    widths = rng.integers(0, 4, (x.ndim, 2)).tolist()
    return lambda x: np.pad(x, widths, mode=mode)


def random_index(rng: Draw, x: Any) -> Any:
    index: list[Any] = []
    for n in x.shape:
        kind = rng.integers(5)
        index.append(
            int(rng.integers(-n, n)) if kind == 0
            else slice(*sorted(rng.integers(0, n + 1, 2).tolist())) if kind == 1
            else slice(None, None, -1) if kind == 2
            else rng.integers(-n, n, 2) if kind == 3
            else slice(None)
        )  # fmt: skip
    return lambda x: x[tuple(index)]


def random_insert(rng: Draw, x: Any) -> Any:
    axis = axis_of(rng, x.ndim)
    place = int(rng.integers(0, x.shape[axis] + 1))
    return lambda x: np.insert(x, place, 7.0, axis=axis)


def random_roll(rng: Draw, x: Any) -> Any:
    axes = axes_of(rng, x.ndim)
    shift = (
        int(rng.integers(-5, 6))
        if not isinstance(axes, tuple)
        else tuple(rng.integers(-5, 6, len(axes)).tolist())
    )
    return lambda x: np.roll(x, shift, axis=axes)


CASES: dict[str, Callable[..., Any]] = {
    **{name: reducing(name) for name in ("sum", "prod", "mean", "max", "min", "var", "std", "median", "nansum", "nanmax", "nanmedian",
        "ptp")},
    "quantile": reducing("quantile", q=[0.1, 0.65]),
    "nanquantile": reducing("nanquantile", q=0.4),
    "percentile": reducing("percentile", q=30.0, method="hazen"),
    "ddof": reducing("var", ddof=0.5),
    **{name: one_axis(name) for name in ("cumsum", "cumprod", "sort", "diff", "trapezoid", "gradient", "unwrap")},
    "maximum.accumulate": lambda rng, x: (lambda axis: lambda x: np.maximum.accumulate(x, axis=axis))(axis_of(rng, x.ndim)),
    "repeat": lambda rng, x: (lambda n, axis: lambda x: np.repeat(x, n, axis=axis))(int(rng.integers(0, 4)), axis_of(rng, x.ndim)),
    "tile": lambda rng, x: (lambda reps: lambda x: np.tile(x, reps))(rng.integers(1, 3, int(rng.integers(1, 5))).tolist()),
    "take": lambda rng, x: (
        lambda i, axis: lambda x: np.take(x, i % x.shape[axis], axis=axis))
    (rng.integers(0, 9, (2, 2)), axis_of(rng, x.ndim)),
    "roll": random_roll,
    "pad": random_pad,
    "index": random_index,
    "insert": random_insert,
    "einsum": random_einsum,
    "flip": lambda rng, x: (lambda axes: lambda x: np.flip(x, axes))(axes_of(rng, x.ndim)),
    "moveaxis": lambda rng, x: (lambda i, j: lambda x: np.moveaxis(x, i, j))(axis_of(rng, x.ndim), axis_of(rng, x.ndim)),
    "rot90": lambda rng, x: (lambda k: lambda x: np.rot90(np.atleast_2d(x), k))(int(rng.integers(-3, 4))),
    "kron": lambda rng, x: (lambda y: lambda x: np.kron(x, y))(rng.normal(size=(2, 1, 2)[: int(rng.integers(0, 4))])),
    "tensordot": lambda rng, x: (lambda a: lambda x: np.tensordot(x, x, axes=([a], [a])))(axis_of(rng, x.ndim)),
    "outer": lambda rng, x: lambda x: np.outer(x, x + 1.0),
    "atleast_3d": lambda rng, x: lambda x: np.atleast_3d(x) * 2.0,
    "split": lambda rng, x: (lambda axis: lambda x: np.array_split(x, 2, axis=axis)[1])(axis_of(rng, x.ndim)),
    "delete": lambda rng, x: (lambda axis: lambda x: np.delete(x, 0, axis=axis))(axis_of(rng, x.ndim)),
    "diagonal": lambda rng, x: (lambda k: lambda x: np.diagonal(np.atleast_2d(x), k))(int(rng.integers(-2, 3))),
    "tril": lambda rng, x: (lambda k: lambda x: np.tril(np.atleast_2d(x), k))(int(rng.integers(-2, 3))),
    "broadcast": lambda rng, x: lambda x: np.broadcast_to(x, (2, *x.shape)) * np.expand_dims(x, 0),
}  # fmt: skip


def moved(f: Callable[..., Any], x: Any, t: Any, u: Any, h: float) -> Any:
    return np.sum(u * f(x + h * t))


@pytest.mark.parametrize("name", CASES)
def test_random_shapes(name: str) -> None:
    rng = np.random.default_rng(sum(map(ord, name)))
    done = 0
    for _ in range(ROUNDS):
        shape = tuple(rng.integers(1, 4, int(rng.integers(1, 5))).tolist())
        size = int(np.prod(shape))
        x = (rng.permutation(size) + rng.uniform(0.2, 0.8, size)).reshape(shape) / 4.0 - size / 9.0
        f = CASES[name](rng, x)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                expected = np.asarray(f(x))
            except (ValueError, IndexError):
                with pytest.raises((cg.CgraphError, ValueError, IndexError)):
                    f(cg.parameter("x", x))
                continue
            node = cg.parameter("x", x)
            out = f(node)
            value = cg.run(out).value(out)
            assert value.shape == expected.shape == out.shape
            np.testing.assert_allclose(value, expected, rtol=1e-12, atol=1e-14)
            u, t = rng.normal(size=expected.shape), rng.normal(size=shape)
            wide = t.astype(np.longdouble)
            slope = along(partial(moved, f, x.astype(np.longdouble), wide, u), 1e-4)
        if not np.isfinite(slope):
            continue
        done += 1
        gradient = out.backward(upstream=u).grad(node) if out.active else np.zeros(shape)
        assert np.sum(gradient * t) == pytest.approx(float(slope), rel=1e-8, abs=1e-9), (shape, f)
        tangent = cg.jvp(cg.sum(out * u), node, t) if out.active else cg.constant(0.0)
        assert float(cg.run(tangent).value(tangent)) == pytest.approx(
            float(slope), rel=1e-8, abs=1e-9
        )
    assert done >= ROUNDS // 4
