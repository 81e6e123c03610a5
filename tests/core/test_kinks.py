"""Kinks, ties and edges: the one published convention, in reverse mode, forward mode and gradient graphs alike.

relu'(0) = 0, |x|'(0) = 0, sign' = 0, ties of maximum, minimum, max and min share equally, clip hands on half on a bound
(docs/conventions.md).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import cgraph as cg


def slopes(f: Callable[..., Any], *args: Any) -> list[list[Any]]:
    """Per mode (reverse, graph, forward), the derivative of the sum with respect to each argument."""
    nodes = [cg.parameter(f"x{i}", np.asarray(a, float)) for i, a in enumerate(args)]
    out = f(*nodes)
    run = out.backward(upstream=np.ones(out.shape))
    reverse = [run.grad(n).tolist() for n in nodes]
    seed = cg.constant(np.ones(out.shape))
    found = cg.gradient(out, nodes, seed, disconnected="zero")
    graph = [cg.run(g).value(g).tolist() for g in found]
    forward = []
    for n in nodes:
        columns = np.zeros(n.shape)
        for k in np.ndindex(*n.shape):
            basis = np.zeros(n.shape)
            basis[k] = 1
            tangent = cg.jvp(out, n, basis)
            columns[k] = cg.run(tangent).value(tangent).sum()
        forward.append(columns.tolist())
    return [reverse, graph, forward]


KINKS: list[tuple[str, Callable[..., Any], list[Any], list[Any]]] = [
    ("relu", cg.relu, [0.0], [0.0]),
    ("relu -0", cg.relu, [-0.0], [0.0]),
    ("relu vector", cg.relu, [[-1.0, 0.0, 2.0]], [[0.0, 0.0, 1.0]]),
    ("abs", cg.abs, [0.0], [0.0]),
    ("abs vector", cg.abs, [[-1.0, -0.0, 3.0]], [[-1.0, 0.0, 1.0]]),
    ("sign", cg.sign, [[0.0, 2.0]], [[0.0, 0.0]]),
    ("step", cg.step, [1.0, 1.0], [0.0, 0.0]),
    ("maximum", cg.maximum, [1.5, 1.5], [0.5, 0.5]),
    ("maximum vector", cg.maximum, [[1.0, 2.0, 3.0], [1.0, 3.0, 2.0]], [[0.5, 0.0, 1.0], [0.5, 1.0, 0.0]]),
    ("minimum", cg.minimum, [[1.0, 2.0], [1.0, 3.0]], [[0.5, 1.0], [0.5, 0.0]]),
    ("maximum of itself", lambda x: cg.maximum(x, x), [2.0], [1.0]),
    ("maximum broadcast", cg.maximum, [[1.0, 2.0], 1.0], [[0.5, 1.0], 0.5]),
    ("maximum with a number", lambda x: cg.maximum(x, 0), [[0.0, 1.0]], [[0.5, 1.0]]),
    ("max", lambda x: cg.max(x), [[3.0, 1.0, 3.0]], [[0.5, 0.0, 0.5]]),
    ("max all", lambda x: cg.max(x), [[2.0, 2.0, 2.0, 2.0]], [[0.25] * 4]),
    ("max axis", lambda x: cg.max(x, axis=0), [[[1.0, 5.0], [1.0, 2.0]]], [[[0.5, 1.0], [0.5, 0.0]]]),
    ("min", lambda x: cg.min(x, axis=1, keepdims=True), [[[1.0, 1.0, 2.0]]], [[[0.5, 0.5, 0.0]]]),
    ("clip", lambda x: cg.clip(x, 0.0, 1.0), [[-1.0, 0.0, 0.5, 1.0, 2.0]], [[0.0, 0.5, 1.0, 0.5, 0.0]]),
    ("clip low", lambda x: cg.clip(x, 0.0), [[-1.0, 0.0, 2.0]], [[0.0, 0.5, 1.0]]),
    ("clip high", lambda x: cg.clip(x, None, 1.0), [[0.0, 1.0, 2.0]], [[1.0, 0.5, 0.0]]),
    ("clip bounds", cg.clip, [[-1.0, 0.0, 1.0, 2.0], 0.0, 1.0], [[0.0, 0.5, 0.5, 0.0], 1.5, 1.5]),
    ("hinge by hand", lambda x: cg.maximum(0.0, 1.0 - x), [1.0], [-0.5]),
    ("sort", lambda x: cg.sort(x) * np.array([1.0, 10.0, 100.0]), [[2.0, 1.0, 2.0]], [[55.0, 1.0, 55.0]]),
    ("sort all", lambda x: cg.sort(x) * np.array([1.0, 10.0, 100.0]), [[2.0, 2.0, 2.0]], [[37.0, 37.0, 37.0]]),
    ("partition", lambda x: cg.partition(x, 1)[1], [[2.0, 1.0, 2.0, 3.0]], [[0.5, 0.0, 0.5, 0.0]]),
    ("median", cg.median, [[2.0, 1.0, 2.0, 2.0, 5.0]], [[1 / 3, 0.0, 1 / 3, 1 / 3, 0.0]]),
    ("quantile", lambda x: cg.quantile(x, 1.0), [[2.0, 5.0, 5.0]], [[0.0, 0.5, 0.5]]),
    ("cummax", cg.cummax, [[1.0, 1.0, 0.0, 2.0]], [[2.0, 1.0, 0.0, 1.0]]),
    ("cummin", cg.cummin, [[3.0, 3.0, 3.0]], [[1.0 + 0.5 + 1 / 3, 0.5 + 1 / 3, 1 / 3]]),
    ("ptp", cg.ptp, [[1.0, 3.0, 3.0, 1.0]], [[-0.5, 0.5, 0.5, -0.5]]),
    ("hypot", cg.hypot, [[0.0, 3.0], [0.0, 4.0]], [[0.0, 0.6], [0.0, 0.8]]),
    ("arctan2", cg.arctan2, [0.0, 0.0], [0.0, 0.0]),
    ("fmax", cg.fmax, [[1.0, np.nan, 2.0], [1.0, 2.0, np.nan]], [[0.5, 0.0, 1.0], [0.5, 1.0, 0.0]]),
    ("fmin", cg.fmin, [[1.0, np.nan, 2.0], [1.0, 2.0, np.nan]], [[0.5, 0.0, 1.0], [0.5, 1.0, 0.0]]),
    ("floor", cg.floor, [[1.0, 1.5]], [[0.0, 0.0]]),
    ("round", lambda x: cg.round(x), [[0.5, 1.2]], [[0.0, 0.0]]),
    ("remainder", cg.remainder, [[4.0, 5.5], [2.0, 2.0]], [[1.0, 1.0], [-2.0, -2.0]]),
    ("heaviside", cg.heaviside, [[0.0, 1.0], [0.5, 0.5]], [[0.0, 0.0], [1.0, 0.0]]),
    ("copysign", cg.copysign, [[0.0, -2.0], [1.0, 1.0]], [[0.0, -1.0], [0.0, 0.0]]),
    ("sinc", cg.sinc, [[0.0]], [[0.0]]),
    ("interp on points", lambda x: cg.interp(x, [0.0, 1.0, 2.0], [0.0, 1.0, 4.0]), [[0.0, 1.0, 2.0, 3.0]], [[0.5, 2.0, 1.5, 0.0]]),
    ("nan_to_num", lambda x: cg.nan_to_num(x), [[np.nan, np.inf, 2.0]], [[0.0, 0.0, 1.0]]),
    ("nansum", lambda x: cg.nansum(x), [[np.nan, 1.0]], [[0.0, 1.0]]),
    ("nanmax", lambda x: cg.nanmax(x), [[np.nan, 1.0, 1.0]], [[0.0, 0.5, 0.5]]),
    ("cumprod of zeros", lambda x: cg.cumprod(x), [[0.0, 2.0, 0.0]], [[3.0, 0.0, 0.0]]),
    ("angle", lambda x: cg.angle(x), [[-1.0, 2.0]], [[0.0, 0.0]]),
    # Forms whose derivative at the kink is right only because of these conventions.
    ("softplus spelled out", lambda z: cg.maximum(z, 0.0) + cg.log1p(cg.exp(-cg.abs(z))), [0.0], [0.5]),
    ("x·relu(x)", lambda x: x * cg.relu(x), [0.0], [0.0]),
    ("|x|²", lambda x: cg.abs(x) ** 2, [0.0], [0.0]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("f", "args", "expected"), [k[1:] for k in KINKS], ids=[k[0] for k in KINKS]
)
def test_kinks_and_ties(f: Any, args: Any, expected: Any) -> None:
    for mode, found in zip(("reverse", "graph", "forward"), slopes(f, *args), strict=True):
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-15, atol=0, err_msg=mode)


def test_textbook_bce_is_right_at_zero() -> None:
    """max(z,0) − z·y + log1p(exp(−|z|)) by autodiff: most engines answer −0.3, −0.8 or 0.7 at z = 0, y = 0.3; truth 0.2."""
    z, y = cg.parameter("z", 0.0), cg.input("y", 0.3)
    loss = cg.maximum(z, 0.0) - z * y + cg.log1p(cg.exp(-cg.abs(z)))
    assert float(loss.backward().grad(z)) == pytest.approx(0.2, abs=1e-15)


@pytest.mark.parametrize("f", [cg.max, cg.min])
def test_max_of_nothing_is_refused(f: Any) -> None:
    x = cg.input("x", np.zeros((0, 2)))
    with pytest.raises(cg.CgraphError):
        cg.run(f(x))
    empty = cg.run(f(x, axis=1))
    assert empty.value(empty.roots[0]).shape == (0,)


def test_margins_see_the_kinks() -> None:
    """The checks ask a row how near the kink is: 0 on it, about 1 far away."""
    for name, on, off in [
        ("relu", [0.0], [1.0]), ("abs", [0.0], [-2.0]), ("maximum", [1.0, 1.0], [1.0, 3.0]), ("minimum", [2.0, 2.0], [2.0, -1.0]),
        ("clip", [0.5, 0.5, 1.0], [0.5, -1.0, 2.0]), ("clip", [1.0, 0.5, 1.0], [0.0, -1.0, 2.0]), ("sign", [0.0], [3.0]),
        ("step", [1.0, 1.0], [1.0, 2.0]),
    ]:  # fmt: skip
        margin = cg.ops.OPS[name].margin
        assert float(margin(*map(np.float64, on))) == 0.0
        assert float(margin(*map(np.float64, off))) > 0.3


def test_division_by_the_number_zero() -> None:
    x = cg.parameter("x", [1.0, -2.0])
    assert cg.sum(x / 0.0).backward().grad(x).tolist() == [np.inf, np.inf]
    assert cg.sum(x / -0.0).backward().grad(x).tolist() == [-np.inf, -np.inf]


def test_nothing_to_reduce() -> None:
    empty = cg.parameter("empty", np.zeros((3, 0)))
    middle = cg.median(empty, axis=1)
    run = middle.backward(upstream=np.ones(3))
    assert np.isnan(run.value(middle)).all() and run.grad(empty).shape == (3, 0)
    with pytest.raises(cg.ShapeError, match="nothing"):
        cg.quantile(empty, 0.3, axis=1)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", ["var", "std", "nanvar", "nanstd"])
def test_fewer_entries_than_degrees_of_freedom(name: str) -> None:
    values = np.array([[1.0, 2.0, 4.0], [1.0, np.nan, 3.0], [5.0, np.nan, np.nan]])
    for ddof in (1, 2, 3, 4):
        for call in (getattr(cg, name), getattr(np, name)):
            node = call(cg.parameter("x", values), axis=1, ddof=ddof)
            truth = getattr(np, name)(values, axis=1, ddof=ddof)
            np.testing.assert_allclose(cg.run(node).value(node), truth, rtol=1e-14)
