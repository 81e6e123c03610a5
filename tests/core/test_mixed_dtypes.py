"""Where dtypes meet: every gradient has the precision and the range of the result it flows back from, in its own node's dtype.

The truth is the same expression with every leaf in float64; PyTorch, which promotes as NumPy does, is asked where it is installed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cgraph as cg
from cgraph.graph import order
from cgraph.testing import RandomDraw

NARROW = (np.float16, np.float32, np.int8, np.int64, np.bool_)

BINARY = {
    "add": lambda a, b: a + b,
    "divide": lambda a, b: a / b,
    "divided": lambda a, b: b / a,
    "multiply": lambda a, b: a * b,
    "power": lambda a, b: a**b,
    "raised": lambda a, b: (b + 2) ** a,
    "maximum": lambda a, b: cg.maximum(a, b),
    "mse": lambda a, b: cg.mse(a, b),
    "stable_bce": lambda a, b: cg.stable_bce(a, b),
    "bce": lambda a, b: cg.bce(a / 8, b),
    "where": lambda a, b: cg.where(a > 1, a * a, b * a),
    "matmul": lambda a, b: a @ b,
    "concatenate": lambda a, b: cg.square(cg.concatenate([a, a * b])),
    "clip": lambda a, b: cg.clip(a * a, b, 5),
}


@pytest.mark.parametrize("dtype", NARROW, ids=lambda d: d.__name__)
@pytest.mark.parametrize("name", BINARY)
def test_a_narrow_operand_costs_the_other_no_digits(name: str, dtype: Any) -> None:
    f = BINARY[name]
    x = np.array([1.25, 0.3, 2.75])
    c = (
        np.array([1, 0, 1]).astype(dtype)
        if dtype in (np.bool_,)
        else np.array([3, 1, 2]).astype(dtype)
    )
    if name in ("stable_bce", "bce"):
        c = np.array([0.3, 0.7, 0.2]).astype(dtype) if np.dtype(dtype).kind == "f" else c > 1
    if name == "divide" and np.dtype(dtype).kind == "b":
        c = np.ones(3, dtype)
    found = []
    for other in (c, c.astype(np.float64)):
        w = cg.parameter("w", x)
        loss = cg.sum(f(w, cg.constant(other)))
        run = loss.backward()
        g = cg.gradient(loss, w)
        tangent = cg.jvp(loss, w, np.ones(3))
        found.append((run.grad(w), cg.run(g).value(g), float(cg.run(tangent).value(tangent))))
    (reverse, graph, forward), (truth, _, slope) = found
    np.testing.assert_allclose(reverse, truth, rtol=1e-14)
    np.testing.assert_allclose(graph, truth, rtol=1e-14)
    assert forward == pytest.approx(slope, rel=1e-14)


def test_the_range_of_the_wide_operand() -> None:
    x = cg.parameter("x", 2.0)
    small = np.float16(1e-5)
    assert float((x / small).backward().grad(x)) == 1 / float(small)
    assert float((x / np.float32(3)).backward().grad(x)) == 1 / 3


@pytest.mark.parametrize("name", [n for n in BINARY if n not in ("bce",)])
def test_a_narrow_parameter_has_a_gradient_of_its_own_dtype(name: str) -> None:
    """Also in the gradient graph, where every cotangent is told to be what its node is."""
    values = np.array([1.25, 0.5, 2.75])
    w = cg.parameter("w", values.astype(np.float32))
    data = cg.constant(np.array([0.5, 0.25, 0.75]))
    loss = cg.sum(BINARY[name](w, data))
    run = loss.backward()
    g = cg.gradient(loss, w)
    assert run.grad(w).dtype == g.dtype == cg.run(g).value(g).dtype == np.float32
    wide = cg.parameter("w", values)
    truth = cg.sum(BINARY[name](wide, data)).backward().grad(wide)
    np.testing.assert_allclose(run.grad(w), truth.astype(np.float32), rtol=3e-7)
    assert np.array_equal(run.grad(w), cg.run(g).value(g))
    for node in run.order:
        if run.has_grad(node):
            assert run.grad(node).dtype == node.dtype, node


def test_casts_are_there_to_see() -> None:
    X, w = cg.input("X", np.ones((2, 3), np.float32)), cg.parameter("w", np.ones((1, 2)))
    casts = [n for n in order(w @ X) if n.op.name == "cast"]
    assert [n.params["dtype"] for n in casts] == ["float64"]
    assert X.astype(np.float32) is X and X.astype(float).op.name == "cast"
    assert np.astype(X, np.float64).dtype == np.float64 if hasattr(np, "astype") else True
    with pytest.raises(cg.DTypeError, match="complex"):
        X.astype(complex)


def test_no_gradient_through_whole_numbers() -> None:
    x = cg.parameter("x", [1.5, 2.5])
    loss = cg.sum(x.astype(np.int64) * x)
    assert loss.backward().grad(x).tolist() == [1.0, 2.0]
    g = cg.gradient(loss, x)
    assert cg.run(g).value(g).tolist() == [1.0, 2.0]
    t = cg.jvp(loss, x, np.ones(2))
    assert float(cg.run(t).value(t)) == 3.0


def program(draw: RandomDraw, leaves: list[Any], m: Any) -> Any:
    """A random expression over leaves of one shape, written once for cgraph and for PyTorch (`m` has the functions)."""
    pool = list(leaves)
    for _ in range(8):
        a, b = (pool[draw.integer(len(pool))] for _ in range(2))
        k = draw.integer(9)
        pool.append(
            a + b if k == 0 else a * b if k == 1 else a - b if k == 2 else a / (b * b + 1)
            if k == 3 else m.tanh(a) if k == 4 else m.sin(a) * b if k == 5 else m.exp(-a * a) if k == 6
            else m.where(a > b, a, b * b) if k == 7 else m.sigmoid(a + b)
        )  # fmt: skip
    total = pool[-1]
    for x in pool[-4:-1]:
        total = total + x
    return m.sum(total)


@pytest.mark.parametrize("seed", range(150))
def test_random_programs_against_pytorch(seed: int) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(seed)
    dtypes = [rng.choice([np.float64, np.float32]) for _ in range(3)]
    dtypes[0] = np.float64
    values = [rng.normal(size=3).astype(d) for d in dtypes]
    ours = [cg.parameter(f"p{i}", v) for i, v in enumerate(values)]
    theirs = [torch.tensor(v, requires_grad=True) for v in values]
    loss, expected = program(RandomDraw(seed), ours, cg), program(RandomDraw(seed), theirs, torch)
    expected.backward()
    run = loss.backward()
    assert str(loss.dtype) == str(expected.dtype).removeprefix("torch.")
    for node, leaf in zip(ours, theirs, strict=True):
        if leaf.grad is None:
            continue
        exact = node.dtype == np.float64 and all(
            n.dtype == np.float64 or not n.parents for n in run.order
        )
        truth = leaf.grad.numpy()
        scale = np.abs(truth).max() + 1e-30
        np.testing.assert_allclose(run.grad(node), truth, atol=(1e-12 if exact else 5e-6) * scale)


def test_means_of_half_precision_do_not_overflow_and_whole_numbers_round_to_whole_ones() -> None:
    """As in NumPy: a sum of 3000 hundreds has no number in half precision, their mean has."""
    x = cg.parameter("x", np.full(3000, 100.0, np.float16))
    mask = np.arange(3000) > 5
    for node in (cg.mean(x), np.mean(x, where=mask)):
        run = node.backward()
        assert run.value(node) == np.float16(100.0) and node.dtype == np.float16
        assert 0.99 < run.grad(x).astype(float).sum() < 1.01
    whole = np.array([15, 25, -37, 1234])
    for decimals in (0, 1, -1, -3):
        node = np.round(cg.constant(whole), decimals)
        np.testing.assert_array_equal(cg.run(node).value(node), np.round(whole, decimals))
        assert node.dtype == whole.dtype
