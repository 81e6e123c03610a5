"""Every op, on every case of `cases.py`: values, both modes, gradient graphs, second order, shapes and dtypes.

The truth comes from NumPy and SciPy, and from differences of those; never from the formula in the row.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from core import numeric
from core.cases import CASES, IDS, Case, rng_of
from core.numeric import assert_close, long

import cgraph as cg
import cgraph.special  # for its rows
from cgraph.ops import OPS

every_case = pytest.mark.parametrize("case", CASES, ids=IDS)
smooth_cases = [c for c in CASES if c.wrt]
every_smooth_case = pytest.mark.parametrize(
    "case", smooth_cases, ids=[c.name for c in smooth_cases]
)

Leaves = tuple[list[cg.Node], dict[cg.Node, Any]]


@pytest.fixture(autouse=True)
def no_warnings() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def leaves(case: Case, dtype: Any = None) -> Leaves:
    """A node for each argument that gradients reach in `backward`, and what has to be fed."""
    nodes, feeds = [], {}
    for i, (value, shape) in enumerate(zip(case.args, case.declared, strict=True)):
        if value.dtype.kind != "f":
            nodes.append(cg.input(f"x{i}", value))
        elif None in shape:
            # A parameter has a size from the start; a fed input becomes active by adding a parameter that is 0.
            number = value.dtype if dtype is None else np.dtype(dtype)
            leaf = cg.input(f"x{i}", shape=shape, dtype=number)
            feeds[leaf] = value.astype(number)
            nodes.append(leaf + cg.parameter(f"zero{i}", np.zeros((), number)))
        else:
            nodes.append(cg.parameter(f"x{i}", value if dtype is None else value.astype(dtype)))
    return nodes, feeds


def like(value: Any, case: Case, tag: str) -> Any:
    """Numbers of the shape of `value`, the same in every run."""
    return rng_of(case.name + tag).normal(size=np.shape(value))


def truth_quiet(case: Case) -> Callable[..., Any]:
    def truth(*args: Any) -> Any:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # means over nothing
            return np.asarray(case.truth(*args))

    return truth


def test_every_row_has_cases() -> None:
    seen = set()
    for case in CASES:
        nodes, _ = leaves(case)
        seen |= {node.op.name for node in cg.graph.order(case.f(*nodes))}
    core = {name for name, op in OPS.items() if op.module.startswith("cgraph.ops")}
    missing = sorted(core - seen)
    assert not missing, f"write cases for {missing} in tests/core/cases.py"


@every_case
def test_value_and_inferred_shape_and_dtype(case: Case) -> None:
    nodes, feeds = leaves(case)
    out = case.f(*nodes)
    value = cg.run(out, feeds).value(out)
    expected = truth_quiet(case)(*case.args)
    assert_close(value, expected, 1e-13, case.name)
    assert out.dtype == value.dtype
    assert value.dtype == expected.dtype or out.op.name in ("step", "count")
    assert cg.shapes.agrees(value.shape, out.shape)
    if not case.dynamic:
        assert out.shape == value.shape
    cg.graph.verify(out)


@every_case
def test_on_arrays_as_on_nodes(case: Case) -> None:
    """An op applied to arrays computes what its node computes."""
    nodes, feeds = leaves(case)
    out = case.f(*nodes)
    with np.errstate(all="ignore"):
        direct = case.f(*case.args)
    assert_close(np.asarray(direct), cg.run(out, feeds).value(out), 1e-15, case.name)


@every_smooth_case
def test_vjp_against_differences(case: Case) -> None:
    nodes, feeds = leaves(case)
    out = case.f(*nodes)
    upstream = like(cg.run(out, feeds).value(out), case, "up")
    run = out.backward(feeds, upstream)
    args = [long(x) for x in case.args]
    for i in case.wrt:
        expected = numeric.gradient(truth_quiet(case), args, i, upstream)
        assert_close(run.grad(nodes[i]), expected, 1e-11, f"{case.name} to argument {i}")
        assert run.grad(nodes[i]).dtype == np.float64


@every_smooth_case
def test_jvp_against_differences_and_dot_test(case: Case) -> None:
    nodes, feeds = leaves(case)
    out = case.f(*nodes)
    upstream = like(cg.run(out, feeds).value(out), case, "up")
    run = out.backward(feeds, upstream)
    args = [long(x) for x in case.args]
    for i in case.wrt:
        t = like(case.args[i], case, f"t{i}")
        direction = cg.input("t", t)
        tangent = cg.jvp(out, nodes[i], direction)
        moved = cg.run(tangent, feeds).value(tangent)
        assert_close(
            moved,
            numeric.directional(truth_quiet(case), args, i, long(t)),
            1e-11,
            f"{case.name} along {i}",
        )
        # <upstream, J t> = <Jᵀ upstream, t>
        left, right = np.sum(upstream * moved), np.sum(run.grad(nodes[i]) * t)
        assert abs(left - right) <= 1e-12 * max(1.0, np.sum(np.abs(upstream * moved)))


@every_smooth_case
def test_local_gradients(case: Case) -> None:
    """Each edge's map: vjp and jvp are adjoint, `dense` is both, and its shares add up to the gradient."""
    nodes, feeds = leaves(case)
    out = case.f(*nodes)
    run = out.backward(feeds, like(cg.run(out, feeds).value(out), case, "up"))
    for node in run.order:
        for i, parent in enumerate(node.parents):
            if not parent.active or not node.op.differentiable(i):
                continue
            local = run.local(node, i)
            u, t = like(run.value(node), case, "u"), like(run.value(parent), case, "t")
            back, forth = local.vjp(u), local.jvp(t)
            assert (back.shape, forth.shape) == (t.shape, u.shape)
            scale = max(1.0, float(np.sum(np.abs(u * forth))))
            assert abs(np.sum(u * forth) - np.sum(back * t)) <= 1e-12 * scale
            dense = local.dense()
            assert dense.shape == u.shape + t.shape
            assert_close(np.tensordot(u, dense, u.ndim), back, 1e-12)
    for node in {n for n in run.order if run.has_grad(n) and n is not out}:
        total = np.zeros(node.shape if None not in node.shape else run.value(node).shape)
        for user in run.order:
            for i, parent in enumerate(user.parents):
                if parent is node and user.op.differentiable(i) and run.has_grad(user):
                    total = total + run.share(user, i)
        assert_close(run.grad(node), total, 1e-14)


@every_smooth_case
def test_gradient_graph_equals_numeric_gradient(case: Case) -> None:
    nodes, feeds = leaves(case)
    out = case.f(*nodes)
    upstream = like(cg.run(out, feeds).value(out), case, "up")
    run = out.backward(feeds, upstream)
    seed = cg.input("u", upstream, shape=out.shape)
    for i, found in zip(
        case.wrt, cg.gradient(out, [nodes[i] for i in case.wrt], seed), strict=True
    ):
        again = cg.run([found], feeds)
        assert_close(again.value(found), run.grad(nodes[i]), 1e-13, f"{case.name} to {i}")
        assert found.dtype == np.float64 and cg.shapes.agrees(again.value(found).shape, found.shape)
        if not case.dynamic:
            assert found.shape == nodes[i].shape


@every_smooth_case
def test_second_order(case: Case) -> None:
    """The gradient of the gradient against differences of the gradient; forward over reverse gives the same."""
    nodes, feeds = leaves(case)
    out = case.f(*nodes)
    upstream = like(cg.run(out, feeds).value(out), case, "up")
    seed = cg.input("u", upstream, shape=out.shape)
    targets = [nodes[i] for i in case.wrt]
    first = cg.gradient(out, targets, seed)
    directions = [like(case.args[i], case, f"v{i}") for i in case.wrt]

    def gradients(*args: Any) -> list[Any]:
        moved = Case(case.name, case.f, case.truth, args, case.wrt, case.declared)
        others, fed = leaves(moved)
        run = case.f(*others).backward(fed, upstream)
        return [run.grad(others[i]) for i in case.wrt]

    # H v, with v over all arguments at once, from differences of the first gradient.
    def along(h: float) -> Any:
        args = list(case.args)
        for i, v in zip(case.wrt, directions, strict=True):
            args[i] = args[i] + h * v
        return np.concatenate([np.ravel(g) for g in gradients(*args)])

    expected = numeric.along(along, 2e-3)
    turned = [cg.jvp(g, targets, directions) for g in first]
    forward = cg.run(turned, feeds)
    assert_close(
        np.concatenate([np.ravel(forward.value(g)) for g in turned]),
        expected,
        1e-8,
        f"{case.name}: forward over reverse",
    )
    total = cg.constant(0.0)
    for g, v in zip(first, directions, strict=True):
        total = total + cg.sum(g * cg.input("v", v, shape=g.shape))
    second = cg.gradient(total, targets, disconnected="zero")
    reverse = cg.run(second, feeds)
    assert_close(
        np.concatenate([np.ravel(reverse.value(g)) for g in second]),
        expected,
        1e-8,
        f"{case.name}: reverse over reverse",
    )


@every_smooth_case
def test_float32_stays_float32(case: Case) -> None:
    if case.name.startswith("cast"):
        pytest.skip("a cast to float64 is asked for")
    nodes, feeds = leaves(case, np.float32)
    out = case.f(*nodes)
    narrow = [x.astype(np.float32) if x.dtype.kind == "f" else x for x in case.args]
    if truth_quiet(case)(*narrow).dtype == np.float64:  # NumPy itself promotes here
        assert out.dtype in (np.float32, np.float64)
        return
    assert out.dtype == np.float32
    value = cg.run(out, feeds).value(out)
    assert value.dtype == np.float32
    assert_close(value, truth_quiet(case)(*case.args).astype(np.float32), 2e-5)
    upstream = like(value, case, "up").astype(np.float32)
    run = out.backward(feeds, upstream)
    for node in run.order:
        if run.has_grad(node):
            assert run.grad(node).dtype == np.float32, f"the gradient of {node!r}"
    double_nodes, double_feeds = leaves(case)
    double = case.f(*double_nodes).backward(double_feeds, upstream)
    first = cg.gradient(
        out, [nodes[i] for i in case.wrt], upstream=cg.input("u", upstream, shape=out.shape)
    )
    again = cg.run(first, feeds)
    for i, g in zip(case.wrt, first, strict=True):
        assert_close(run.grad(nodes[i]), double.grad(double_nodes[i]), 2e-4)
        assert g.dtype == np.float32 and again.value(g).dtype == np.float32, (
            f"the gradient graph to argument {i}"
        )
        tangent = cg.jvp(
            out,
            nodes[i],
            cg.input("t", np.ones(np.shape(case.args[i]), np.float32), shape=nodes[i].shape),
        )
        assert tangent.dtype == np.float32
        moved = cg.run(tangent, feeds)
        assert moved.value(tangent).dtype == np.float32
        for node in moved.order:
            assert (
                node.dtype in (np.float32, np.bool_)
                or node.dtype.kind == "i"
                or node.weak
                or (node.dtype == np.float64 and node.kind != "op")
            ), repr(node)


several = [
    r
    for r in OPS.values()
    if r.family == "elementwise"
    and len(r.partials or r.linear_maps) > 1
    and r.name != "where"
    and not r.name.startswith("bitwise")
    and not r.name.endswith("_shift")
]


@pytest.mark.parametrize("row", several, ids=lambda r: r.name)
@pytest.mark.parametrize("shape", [(), (3,)], ids=["scalar", "vector"])
def test_python_numbers_never_promote(row: Any, shape: Any) -> None:
    count = len(row.partials or row.linear_maps)
    boolean = not any(map(row.differentiable, range(count)))
    for i in range(count):
        for number in (0.5, 1):
            x = cg.parameter("x", np.full(shape, 0.25, np.float32))
            operands = [number] * count
            operands[i] = x
            out = row(*operands)
            assert out.dtype == (bool if boolean else np.float32)
            run = cg.run(out)
            assert run.value(out).dtype == out.dtype
            if row.differentiable(i):
                run = out.backward(upstream=np.ones(shape))
                assert run.grad(x).dtype == np.float32
                assert cg.gradient(cg.sum(out), x).dtype == np.float32


def test_python_numbers_do_not_promote_in_joins_either() -> None:
    x = cg.parameter("x", np.float32([1.0, 2.0]))
    joined = cg.stack([x[0], 3.0, 1, x[1]])
    assert joined.dtype == np.float32
    assert cg.sum(joined).backward().grad(x).dtype == np.float32
    assert cg.stack([cg.parameter("a", 1.0), 2, 3.0]).dtype == np.float64
    assert cg.stack([cg.input("n", np.array(1)), 2.5]).dtype == np.float64
