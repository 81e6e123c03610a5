"""The rows that most graphs are made of have primitives in the NumPy compiler. A row without is called as it is: right, but slow, so that
no other test would notice a forward that was renamed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from compiled.nearness import assert_near
from core.cases import CASES, Case

import cgraph as cg
from cgraph.compile.ir.builder import Builder
from cgraph.compile.passes import tiles
from cgraph.op import OPS
from cgraph.testing.op_check import calls

COMMON = """add subtract multiply divide negative reciprocal power square sqrt exp log abs maximum minimum clip where tanh tanh_slope
    sigmoid sigmoid_slope softplus log_sigmoid relu leaky_relu elu silu mish softsign gelu gelu_slope logaddexp logaddexp_slope step
    stable_bce stable_bce_slope bce mse matmul sum mean max min softmax log_softmax logsumexp stable_cross_entropy cross_entropy_slope
    broadcast_to sum_to reshape transpose concatenate stop_gradient checkpoint""".split()


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the rows that the compiler hands on to their own forward."""
    names: list[str] = []
    original = Builder.call

    def call(self: Builder, op: Any, *rest: Any) -> Any:
        names.append(op.name)
        return original(self, op, *rest)

    monkeypatch.setattr(Builder, "call", call)
    return names


@pytest.mark.parametrize("name", COMMON)
def test_a_common_row_is_not_called(name: str, called: list[str]) -> None:
    for _, node in calls(OPS[name], 3, 11):
        if node.size:
            cg.compile([node], inputs=[])()
    assert called == []


def test_a_training_step_calls_no_row(called: list[str]) -> None:
    rng = np.random.default_rng(0)
    X, Y = cg.input("X", shape=(3, None)), cg.input("Y", shape=(1, None))
    W, b = cg.parameter("W", rng.standard_normal((4, 3))), cg.parameter("b", np.zeros((4, 1)))
    V = cg.parameter("V", rng.standard_normal((1, 4)))
    for hidden in (cg.tanh, cg.sigmoid, cg.softplus, cg.relu):
        cost = cg.mean(cg.stable_bce(V @ hidden(W @ X + b), Y))
        cg.compile([cost], inputs=[X, Y], gradients=[W, b, V])(np.ones((3, 5)), np.ones((1, 5)))
    assert called == []


def test_a_slice_and_its_gradient_call_no_row(called: list[str]) -> None:
    x = cg.parameter("x", np.arange(12.0).reshape(3, 4))
    _, (dx,) = cg.compile([cg.sum(cg.square(x[1:, ::2]))], inputs=[], gradients=[x])()
    np.testing.assert_array_equal(dx[1:, ::2], 2.0 * x.value[1:, ::2])
    assert called == []


def test_what_has_no_primitives_is_called(called: list[str]) -> None:
    x = cg.parameter("x", [1.0, 3.0, 2.0])
    (found,) = cg.compile([cg.cumsum(x) * 2.0], inputs=[])()
    np.testing.assert_array_equal(found, [2.0, 8.0, 12.0])
    assert called == ["cumsum"]


def ulps(found: Any, exact: Any) -> float:
    """The largest error in units in the last place of the results' own precision."""
    unit = np.spacing(np.abs(exact).astype(found.dtype)).astype(np.longdouble)
    return float(np.max(np.abs(found.astype(np.longdouble) - exact) / unit))


@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_long_chains_have_their_digits_in_both_tails(
    dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written otherwise than NumPy has it, against extended precision."""
    monkeypatch.setattr(tiles, "LEAST", 2)
    rng = np.random.default_rng(0)
    widest = 700.0 if dtype == "f8" else 85.0
    data = np.concatenate([rng.uniform(-s, s, 4000) for s in (1.0, 30.0, widest)]).astype(dtype)
    x = cg.input("x", shape=data.shape, dtype=dtype)
    wide = data.astype(np.longdouble)
    e = np.exp(-wide)
    sigma = 1 / (1 + e)
    truth = {
        cg.sin(x): np.sin(wide), cg.cos(x): np.cos(wide), x**3: wide**3, x**-4: wide**-4.0, cg.sigmoid(x): sigma, cg.silu(x): wide * sigma,
        cg.tanh_slope(x): np.cosh(wide) ** -2, cg.softplus(x): np.maximum(wide, 0) + np.log1p(np.exp(-np.abs(wide))),
        cg.elu(x): np.where(wide > 0, wide, np.expm1(np.minimum(wide, 0))),
    }  # fmt: skip
    found = cg.compile(list(truth), [x])(data)
    tiny = 1e3 * np.finfo(dtype).tiny
    for node, value, exact in zip(truth, found, truth.values(), strict=True):
        normal = np.abs(exact) > tiny
        assert ulps(value[normal], exact[normal]) < 4, node.op.name


@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_classes_with_large_logits(dtype: str) -> None:
    """Softmax and what is made of it, where a rounded x − max x would cost hundreds of units."""
    rng = np.random.default_rng(1)
    data = (100 * rng.standard_normal((50, 7))).astype(dtype)
    data[0, :3], data[1], data[2, 0] = data[0].max() + 1, 5.0, -np.inf
    x = cg.input("x", shape=data.shape, dtype=dtype)
    labels = np.concatenate([[0, 3], rng.integers(0, 7, 48)])
    soft = rng.dirichlet(np.ones(7), 50).astype(dtype)
    losses = cg.stable_cross_entropy(x, labels), cg.stable_cross_entropy(x, soft)
    nodes = [cg.softmax(x, axis=1), cg.logsumexp(x, axis=1), cg.log_softmax(x, axis=1), *losses]
    nodes += [cg.gradient(cg.sum(loss), [x])[0] for loss in losses]
    run = cg.run(nodes, {x: data})
    for node, found in zip(nodes, cg.compile(nodes, [x])(data), strict=True):
        wanted = run.value(node)
        np.testing.assert_allclose(
            found, wanted, rtol=6 * np.finfo(dtype).eps, atol=1e3 * np.finfo(dtype).tiny
        )


def test_a_stack_through_one_matrix_is_one_product(called: list[str]) -> None:
    """A layer on a stack of rows, and its gradient: no copy of the weights for each element of the stack."""
    rng = np.random.default_rng(0)
    x = cg.parameter("x", rng.standard_normal((5, 7, 3)))
    W = cg.parameter("W", rng.standard_normal((3, 4)))
    root = cg.sum(cg.tanh(x @ W))
    program = cg.compile([root], inputs=[], gradients=[x, W])
    (value,), slopes = program()
    run = root.backward()
    np.testing.assert_allclose(value, run.value(root), rtol=1e-14)
    for slope, leaf in zip(slopes, (x, W), strict=True):
        np.testing.assert_allclose(slope, run.grad(leaf), rtol=1e-13, atol=1e-15)
    assert program.source.count("dot(") == 4 and "matmul(" not in program.source
    assert max(b.nbytes for b in program.plan.buffers) == 5 * 7 * 4 * 8


def _cases(dtype: str) -> Iterator[tuple[Case, Any, list[Any]]]:
    for case in CASES:
        leaves = [
            cg.parameter(f"x{k}", np.asarray(x, dtype)) if k in case.wrt else cg.constant(x)
            for k, x in enumerate(case.args)
        ]
        yield case, case.f(*leaves), [leaves[k] for k in case.wrt]


@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_every_op_computes_what_a_run_computes(dtype: str) -> None:
    """Values, and gradients under an upstream of both signs."""
    rng = np.random.default_rng(2)
    for case, root, leaves in _cases(dtype):
        if not isinstance(root, cg.Node):
            continue
        expected = cg.run(root).value(root)
        if root.dtype.kind != "f":
            (value,) = cg.compile([root], inputs=[])()
            np.testing.assert_array_equal(value, expected, err_msg=case.name)
            continue
        loss = cg.sum(root * rng.standard_normal(expected.shape).astype(root.dtype))
        there = [leaf for leaf in leaves if loss.backward().has_grad(leaf)]
        (value,), gradients = cg.compile([loss], inputs=[], gradients=there)()
        assert_near([value, *gradients], loss, there, case.name)


@pytest.mark.parametrize("slope", [0.1, 1.0, 1.5, 0.0, -0.3])
def test_slopes_of_a_leaky_relu(slope: float) -> None:
    """Up to 1 it is a maximum, and else it is not."""
    x = cg.parameter("x", [-2.0, -0.5, 0.5, 3.0])
    loss = cg.sum(cg.square(cg.leaky_relu(x, slope)))
    (value,), gradients = cg.compile([loss], inputs=[], gradients=[x])()
    assert_near([value, *gradients], loss, [x])


@pytest.mark.parametrize("shape", [(3, 1, 3), (3, 3), (1, 3, 3), (3, 3, 1)])
def test_a_stack_of_matrices_of_equal_rows_is_no_single_matrix(shape: tuple[int, ...]) -> None:
    """Broadcast along another axis than the stack's, it has as many entries as one matrix."""
    rng = np.random.default_rng(2)
    a = cg.parameter("a", rng.standard_normal((1, 3)))
    b = cg.parameter("b", rng.standard_normal(shape))
    y = cg.broadcast_to(a, (3, 1, 3)) @ cg.broadcast_to(b, (3, 3, 3))
    (value,), slopes = cg.compile([cg.sum(cg.square(y))], inputs=[], gradients=[a, b])()
    run = cg.sum(cg.square(y)).backward()
    np.testing.assert_allclose(value, run.value(run.roots[0]), rtol=1e-13)
    for slope, leaf in zip(slopes, (a, b), strict=True):
        np.testing.assert_allclose(slope, run.grad(leaf), rtol=1e-12)


def test_sizes_that_are_not_known() -> None:
    """Inputs whose sizes are fixed when a program is called; values, and gradients that go through shapes of other operands."""
    for case in CASES:
        if not case.dynamic:
            continue
        leaves = [
            cg.input(f"x{k}", shape=shape, dtype=x.dtype)
            for k, (x, shape) in enumerate(zip(case.args, case.declared, strict=True))
        ]
        root, feeds = case.f(*leaves), dict(zip(leaves, case.args, strict=True))
        (value,) = cg.compile([root], inputs=leaves)(*case.args)
        np.testing.assert_allclose(
            value, cg.run(root, feeds).value(root), rtol=1e-14, atol=1e-15, err_msg=case.name
        )
        if not case.wrt:
            continue
        slopes = [cg.gradient(cg.sum(root * root), leaves[k]) for k in case.wrt]
        run = cg.run(slopes, feeds)
        for slope, found in zip(slopes, cg.compile(slopes, inputs=leaves)(*case.args), strict=True):
            np.testing.assert_allclose(
                found, run.value(slope), rtol=1e-13, atol=1e-14, err_msg=case.name
            )


@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 1, 3), (1, 1)])
def test_sums_of_repeated_arrays(shape: tuple[int, ...]) -> None:
    """What is repeated along an axis is multiplied, not added up: along any of them, kept or not."""
    x = cg.parameter("x", np.arange(1.0, 1.0 + np.prod(shape)).reshape(shape))
    repeated = cg.broadcast_to(x, (4, 2, 5, 3) if len(shape) == 3 else (4, 2, 3))
    for axes in [
        a for n in range(repeated.ndim + 1) for a in combinations(range(repeated.ndim), n)
    ]:
        for keepdims in (False, True):
            loss = cg.sum(cg.square(cg.sum(repeated, axis=axes, keepdims=keepdims)))
            (value,), gradients = cg.compile([loss], inputs=[], gradients=[x])()
            assert_near([value, *gradients], loss, [x], f"{axes}")
