"""Loops and branches: against the same thing unrolled, against JAX, and where their sizes and dtypes are odd."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import cgraph as cg
from cgraph import testing

try:  # once, before the tests: it touches NumPy's legacy generator when it is imported
    import jax
except ImportError:
    jax = None

RNG = np.random.default_rng(11)


def unrolled(f: Any, state: Any, xs: Any, length: int) -> tuple[Any, Any]:
    ys = []
    for t in range(length):
        state, y = f(state, xs[t])
        ys.append(y)
    return state, cg.stack(ys)


def rnn(w: Any, b: Any) -> Any:
    def step(h: Any, x: Any) -> Any:
        h = cg.tanh(w @ h + x * b)
        return h, cg.sum(h * x)

    return step


def parameters() -> list[Any]:
    values = {
        "w": RNG.normal(size=(3, 3)) / 2,
        "b": 0.3,
        "h": RNG.normal(size=3),
        "xs": RNG.normal(size=(5, 3)),
    }
    return [cg.parameter(name, value) for name, value in values.items()]


def losses(w: Any, b: Any, h: Any, xs: Any) -> tuple[Any, Any]:
    found = []
    for loop in (cg.scan, lambda f, h, xs: unrolled(f, h, xs, 5)):
        last, ys = loop(rnn(w, b), h, xs)
        found.append(cg.sum(last * last) + cg.sum(ys * ys * ys))
    return found[0], found[1]


def test_reverse_mode_gradient_graphs_and_second_order_are_those_of_the_unrolled_loop() -> None:
    leaves = parameters()
    loop, truth = losses(*leaves)
    run, expected = loop.backward(), truth.backward()
    for leaf in leaves:
        np.testing.assert_allclose(run.grad(leaf), expected.grad(leaf), rtol=1e-12, atol=1e-14)
    first, second = (cg.gradient(root, leaves) for root in (loop, truth))
    squares = [
        cg.sum(sum((cg.sum(g * g) for g in gs), start=cg.constant(0.0))) for gs in (first, second)
    ]
    run, expected = squares[0].backward(), squares[1].backward()
    for leaf in leaves:
        np.testing.assert_allclose(run.grad(leaf), expected.grad(leaf), rtol=1e-10, atol=1e-12)
    assert (
        sum(node.op.name == "scan" for node in cg.run(first).order) == 3
    )  # there, the states again, and back


def test_forward_mode() -> None:
    leaves = parameters()
    values = [leaf.value for leaf in leaves]
    moved = [RNG.normal(size=v.shape) for v in values]
    answers = [cg.jvp(lambda *a, k=k: losses(*a)[k], values, moved) for k in range(2)]
    np.testing.assert_allclose(answers[0], answers[1], rtol=1e-12)


def test_the_checks_pass_a_loop_and_a_branch() -> None:
    leaves = parameters()
    testing.assert_gradients(losses(*leaves)[0])
    x = cg.parameter("x", [0.5, -2.0])
    for sign in (1.0, -1.0):
        branch = cg.cond(cg.constant(sign) > 0, lambda v: cg.sin(v), lambda v: v * v, x)
        testing.assert_gradients(cg.sum(branch), order=2)


def test_containers_integers_and_nothing() -> None:
    state = {"s": cg.parameter("s", 1.0), "n": cg.input("n", np.array(0))}
    xs = (cg.input("x", [1.0, 2.0, 3.0]), np.array([3, 4, 5]))

    def step(state: Any, row: Any) -> Any:
        x, k = row
        return {"s": state["s"] * x, "n": state["n"] + k}, None

    last, ys = cg.scan(step, state, xs)
    assert ys is None and last["n"].dtype.kind == "i"
    assert int(cg.run(last["n"]).value(last["n"])) == 12
    assert float(last["s"].backward().grad(state["s"])) == 6.0
    total, counted = cg.scan(lambda s, x: (s + 2.0, s), 1.0, length=4)
    np.testing.assert_array_equal(
        cg.run(counted).value(counted) if isinstance(counted, cg.Node) else counted, [1, 3, 5, 7]
    )
    assert float(cg.run(total).value(total) if isinstance(total, cg.Node) else total) == 9.0


def test_backwards_float32_and_no_steps() -> None:
    w, xs = cg.parameter("w", np.float32(0.5)), cg.input("xs", np.float32([1, 2, 3]))
    h, hs = cg.scan(lambda h, x: (w * h + x,) * 2, np.float32(0), xs, reverse=True)
    assert h.dtype == hs.dtype == np.float32
    np.testing.assert_allclose(cg.run(hs).value(hs), [2.75, 3.5, 3.0])
    assert h.backward().grad(w).dtype == np.float32
    none, ys = cg.scan(lambda h, x: (w * h + x,) * 2, w, cg.input("e", np.zeros(0, np.float32)))
    assert ys.shape == (0,)
    assert float(none.backward().grad(w)) == 1.0


def test_a_loop_of_ten_thousand_steps_is_one_node() -> None:
    w = cg.parameter("w", 0.999)
    y = cg.fori_loop(0, 10_000, lambda i, s: s * w, 1.0)
    assert len(cg.run(y).order) < 8
    np.testing.assert_allclose(float(y.backward().grad(w)), 10_000 * 0.999**9_999, rtol=1e-11)


def test_only_the_branch_taken_is_computed() -> None:
    x = cg.parameter("x", -4.0)
    y = cg.cond(x > 0, lambda: cg.log(x), lambda: x * x)
    run = cg.run(y, check="nan")
    assert float(run.value(y)) == 16.0
    assert float(y.backward().grad(x)) == -8.0


def test_a_loop_in_a_loop_and_what_stands_outside() -> None:
    w = cg.parameter("w", 1.1)

    def outer(s: Any, x: Any) -> Any:
        inner, _ = cg.scan(lambda t, z: (t * w + z, None), s, x)
        return inner, None

    xs = cg.input("xs", np.arange(6.0).reshape(2, 3))
    last, _ = cg.scan(outer, 0.5, xs)
    flat, _ = cg.scan(lambda t, z: (t * w + z, None), 0.5, cg.reshape(xs, -1))
    np.testing.assert_allclose(last.backward().grad(w), flat.backward().grad(w), rtol=1e-13)


def test_files_pickles_copies_and_pictures(tmp_path: Any) -> None:
    leaves = parameters()
    loop, _ = losses(*leaves)
    truth = loop.backward().grad(leaves[0])
    again = cg.load(cg.save(loop, tmp_path / "loop.cgraph"))
    for other in (again, pickle.loads(pickle.dumps(loop)), copy.deepcopy(loop)):
        w = cg.named_leaves(other)["w"]
        np.testing.assert_array_equal(other.backward().grad(w), truth)
    assert "scan" in cg.draw(loop).dot or "loop" in cg.draw(loop).dot


def test_what_does_not_fit_is_said() -> None:
    x = cg.parameter("x", [1.0, 2.0])
    with pytest.raises(
        cg.ShapeError, match=r"state 's' has shape \(\) before a step and \(2,\) after"
    ):
        cg.scan(lambda s, z: (s + x, None), 0.0, x)
    with pytest.raises(cg.ShapeError, match="give xs or length="):
        cg.scan(lambda s, z: (s, None), 0.0)
    with pytest.raises(cg.ShapeError, match="different numbers of steps"):
        cg.scan(lambda s, z: (s, None), 0.0, (x, np.zeros(3)))
    with pytest.raises(cg.CgraphError, match=r"has to return \(state, y\)"):
        cg.scan(lambda s, z: s, 0.0, x)
    with pytest.raises(cg.ShapeError, match="one branch returns"):
        cg.cond(cg.constant(1.0) > 0, lambda: x, lambda: cg.sum(x))
    with pytest.raises(cg.ShapeError, match=r"use|choose entry by entry with cg\.where"):
        cg.cond(x > 0, lambda: x, lambda: -x)


def test_against_jax() -> None:
    if jax is None:
        pytest.skip("needs jax")
    leaves = parameters()
    w, b, h, xs = (leaf.value for leaf in leaves)

    def theirs(w: Any, b: Any, h: Any, xs: Any) -> Any:
        def step(h: Any, x: Any) -> Any:
            h = jax.numpy.tanh(w @ h + x * b)
            return h, (h * x).sum()

        h, ys = jax.lax.scan(step, h, xs)
        return (h * h).sum() + (ys**3).sum()

    with jax.enable_x64(True):
        truth = jax.grad(theirs, argnums=(0, 1, 2, 3))(w, b, h, xs)
        run = losses(*leaves)[0].backward()
        for leaf, gradient in zip(leaves, truth, strict=True):
            np.testing.assert_allclose(run.grad(leaf), gradient, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize(
    "axes", [(0, 0, 0), (0, None, None), (None, 1, None), (None, None, 0)], ids=str
)
def test_many_loops_are_one(axes: Any) -> None:
    """`vmap` over state, rows and what is fixed: one loop, with the numbers and gradients of one by one."""
    rng = np.random.default_rng(3)

    def f(h: Any, xs: Any, w: Any) -> Any:
        h, ys = cg.scan(lambda h, x: (cg.tanh(w @ h + x), h * x), h, xs)
        return cg.sum(h) + cg.sum(ys**2)

    one = rng.normal(size=3), rng.normal(size=(6, 3)), rng.normal(size=(3, 3))
    many = [
        v if a is None else np.stack([v * (1 + 0.1 * k) for k in range(4)], a)
        for v, a in zip(one, axes, strict=True)
    ]
    each = [
        [v if a is None else np.take(v, k, a) for v, a in zip(many, axes, strict=True)]
        for k in range(4)
    ]
    graph = cg.vmap(f, axes)(*map(cg.constant, many))
    assert sum(n.op.name == "scan" for n in cg.graph.order(graph)) == 1
    for i in range(3):
        found = cg.vmap(cg.value_and_gradient(f, i), axes)(*many)
        expected = [cg.value_and_gradient(f, i)(*v) for v in each]
        for got, parts in zip(found, zip(*expected, strict=True), strict=True):
            np.testing.assert_allclose(got, np.stack(parts), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("condition", [True, False, [True, False, True]], ids=str)
def test_many_branches(condition: Any) -> None:
    def f(p: Any, x: Any) -> Any:
        return cg.sum(cg.cond(p, lambda x: cg.sin(x) * 2.0, lambda x: x**2, x))

    x = np.random.default_rng(4).normal(size=(3, 2))
    said = np.array(condition)
    found = cg.vmap(cg.grad(f, 1), (0 if said.ndim else None, 0))(said, x)
    truth = np.where(np.broadcast_to(said.reshape(-1, 1), x.shape), 2 * np.cos(x), 2 * x)
    np.testing.assert_allclose(found, truth, rtol=1e-12)
