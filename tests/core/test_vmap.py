"""`cg.vmap` against a Python loop and against `jax.vmap`; Jacobians and Hessians in one pass against rows and columns one by one.

Every op on every shape of `cases.py`, with all, some and one of the operands mapped; random functions; nesting; derivatives of mapped
functions and mapped derivatives; ops that have no rule.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from core.cases import CASES, Case

import cgraph as cg
from cgraph.batching import batched
from cgraph.graph import order
from cgraph.op import OPS

try:
    import jax  # here, because it moves NumPy's legacy generator
    import jax.numpy
except ImportError:
    jax = None

needs_jax = pytest.mark.skipif(jax is None, reason="JAX is not installed")
RNG = np.random.default_rng(5)


def moved(case: Case, k: int, size: int) -> Any:
    """`size` variations of an argument, stacked: the same numbers times factors near 1, inside every domain."""
    x = case.args[k]
    if x.dtype.kind != "f":
        return (
            np.stack([np.roll(x, j) for j in range(size)])
            if size
            else np.zeros((0, *x.shape), x.dtype)
        )
    factors = np.linspace(0.99, 1.0, max(size, 1))[:size]
    return x * factors.reshape((size,) + (1,) * x.ndim)


def check(case: Case, which: tuple[int, ...], size: int) -> None:
    axes = tuple(0 if k in which else None for k in range(len(case.args)))
    args = [moved(case, k, size) if k in which else x for k, x in enumerate(case.args)]
    found = cg.vmap(case.f, axes)(*args)
    rows = [
        evaluated(case.f(*[cg.constant(a[j] if k in which else a) for k, a in enumerate(args)]))
        for j in range(size)
    ]
    if rows:
        expected = np.stack(rows)
        assert found.shape == expected.shape and found.dtype == expected.dtype, case.name
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14, err_msg=case.name)
    else:
        assert found.shape[0] == 0


def evaluated(out: Any) -> Any:
    return cg.run(out).value(out)


def test_every_op_every_operand() -> None:
    for case in CASES:
        count = len(case.args)
        everything = tuple(range(count))
        for which in {everything, *((k,) for k in everything)}:
            check(case, which, 3)
    for case in CASES[:: len(CASES) // 60]:
        check(case, tuple(range(len(case.args))), 0)
        check(case, tuple(range(len(case.args))), 1)


def test_sizes_that_are_not_known() -> None:
    """Batched graphs over inputs whose other sizes are fixed when they are fed: all of them mapped, or one."""
    for case in CASES:
        count = len(case.args)
        everything = tuple(range(count))
        for which in {everything, *((k,) for k in everything)} if case.dynamic else ():
            leaves, along, feeds = [], {}, {}
            for k, (x, shape) in enumerate(zip(case.args, case.declared, strict=True)):
                leaf = cg.input(f"x{k}", shape=shape, dtype=x.dtype)
                if k in which:
                    along[leaf] = cg.input(f"X{k}", shape=(4, *shape), dtype=x.dtype)
                    feeds[along[leaf]] = moved(case, k, 4)
                else:
                    feeds[leaf] = x
                leaves.append(leaf)
            [(many, has)] = batched([case.f(*leaves)], along, 4)
            given = [moved(case, k, 4) if k in which else [x] * 4 for k, x in enumerate(case.args)]
            expected = [evaluated(case.f(*[cg.constant(x[j]) for x in given])) for j in range(4)]
            if has:
                np.testing.assert_allclose(
                    cg.run(many, feeds).value(many),
                    np.stack(expected),
                    rtol=1e-12,
                    atol=1e-15,
                    err_msg=case.name,
                )


@pytest.mark.parametrize("stacks", [((2,), ()), ((), (2,)), ((3, 1), (2,)), ((2,), (3, 1))])
def test_stacks_of_their_own(stacks: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    """Matrices that are stacks already, of different depth: the new axis stands in front of both."""
    a = RNG.standard_normal((4, *stacks[0], 3, 3)) + 4.0 * np.eye(3)
    b = RNG.standard_normal((4, *stacks[1], 3, 2))
    for axes, x, y in (((0, 0), a, b), ((0, None), a, b[0]), ((None, 0), a[0], b)):
        pairs = [(x[j] if axes[0] == 0 else x, y[j] if axes[1] == 0 else y) for j in range(4)]
        for f, truth in ((cg.linalg.solve, np.linalg.solve), (cg.matmul, np.matmul)):
            expected = np.stack([truth(p, q) for p, q in pairs])
            np.testing.assert_allclose(cg.vmap(f, axes)(x, y), expected, rtol=1e-11, atol=1e-13)


def test_derivatives_of_every_op() -> None:
    """vmap(grad) is the gradient of each example: the rules of the gradient graph, masks and scatters among them."""
    for case in CASES:
        if not case.wrt or case.name.startswith(("prod-", "std", "var")) or case.dynamic:
            continue
        k = case.wrt[0]

        def f(x: Any, case: Case = case, k: int = k) -> Any:
            out = case.f(*[x if j == k else a for j, a in enumerate(case.args)])
            return cg.sum(out * out)

        xs = moved(case, k, 3)
        found = cg.vmap(cg.grad(f))(xs)
        expected = np.stack([cg.grad(f)(x) for x in xs])
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12, err_msg=case.name)


def shared_gradient(case: Case, k: int) -> tuple[Any, Any]:
    """Of operand k, which is the same for all examples: the gradient through a map, and what each example sends back, added up."""
    axes = tuple(None if j == k else 0 for j in range(len(case.args)))
    args = [x if j == k else moved(case, j, 3) for j, x in enumerate(case.args)]
    upstream = np.random.default_rng(k).standard_normal(cg.vmap(case.f, axes)(*args).shape)

    def all_rows(x: Any) -> Any:
        given = [x if j == k else a for j, a in enumerate(args)]
        return cg.sum(cg.vmap(case.f, axes)(*given) * upstream)

    def one_row(x: Any, row: int) -> Any:
        given = [x if j == k else a[row] for j, a in enumerate(args)]
        return cg.sum(case.f(*given) * upstream[row])

    each = [cg.grad(lambda x, row=row: one_row(x, row))(case.args[k]) for row in range(3)]
    return cg.grad(all_rows)(case.args[k]), np.sum(each, axis=0)


def test_gradients_through_a_map() -> None:
    for case in CASES:
        for k in case.wrt if len(case.args) > 1 and not case.dynamic else ():
            found, expected = shared_gradient(case, k)
            assert found.shape == expected.shape, case.name
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11, err_msg=case.name)


def random_function(rng: np.random.Generator, xp: Any, ops: Any) -> Any:
    """A function of a matrix and a vector, the same written with any NumPy-like module."""
    steps = [
        (int(rng.integers(12)), int(rng.integers(1 << 30)), float(rng.normal())) for _ in range(8)
    ]

    def f(A: Any, x: Any) -> Any:
        have = [A, x, A @ x]
        for kind, pick, c in steps:
            a = have[pick % len(have)]
            b = have[(pick >> 8) % len(have)]
            if kind == 0:
                r = xp.sin(a) * c
            elif kind == 1:
                r = a * b if a.shape == b.shape or a.ndim == 1 or b.ndim == 1 else a + c
            elif kind == 2:
                r = xp.sum(a, axis=0, keepdims=True) + a
            elif kind == 3:
                r = a[..., ::-1] - 0.5 * a
            elif kind == 4:
                r = xp.where(a > 0.1, a, xp.tanh(a) * c)
            elif kind == 5:
                r = xp.exp(-xp.square(a))
            elif kind == 6:
                r = A @ a if a.ndim == 1 else a @ A.T
            elif kind == 7:
                r = a[np.array([2, 0, 0])]
            elif kind == 8:
                r = ops.softmax(a, -1)
            elif kind == 9:
                r = xp.concatenate([a[:1], a[1:] * c], 0)
            elif kind == 10:
                r = xp.max(a, axis=-1, keepdims=True) * a
            else:
                r = xp.reshape(xp.reshape(a, (-1,)), a.shape) + xp.mean(a)
            have.append(r)
        return xp.sum(have[-1]) + xp.sum(have[-2] * 0.3)

    return f


@needs_jax
def test_random_functions_against_a_loop_and_jax() -> None:
    with jax.enable_x64(True) if hasattr(jax, "enable_x64") else jax.experimental.enable_x64():
        for seed in range(25):
            A, X = RNG.normal(size=(4, 3, 3)), RNG.normal(size=(4, 3))
            mine = random_function(np.random.default_rng(seed), np, cg)
            theirs = random_function(np.random.default_rng(seed), jax.numpy, jax.nn)
            value = cg.vmap(mine)(A, X)
            slopes = cg.vmap(cg.grad(mine, (0, 1)))(A, X)
            np.testing.assert_allclose(
                value,
                [
                    evaluated(mine(cg.constant(a), cg.constant(x)))
                    for a, x in zip(A, X, strict=True)
                ],
                rtol=1e-12,
            )
            np.testing.assert_allclose(value, jax.vmap(theirs)(A, X), rtol=1e-10, atol=1e-12)
            expected = jax.vmap(jax.grad(theirs, (0, 1)))(A, X)
            for a, b in zip(slopes, expected, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10)
            shared = cg.vmap(cg.grad(mine, 1), in_axes=(None, 0))(A[0], X)
            np.testing.assert_allclose(
                shared, jax.vmap(jax.grad(theirs, 1), (None, 0))(A[0], X), rtol=1e-8, atol=1e-10
            )
            hessians = cg.vmap(cg.hessian(mine, argnums=1))(A[:2], X[:2])
            np.testing.assert_allclose(
                hessians, jax.vmap(jax.hessian(theirs, 1))(A[:2], X[:2]), rtol=1e-7, atol=1e-9
            )


def test_axes_containers_and_nesting() -> None:
    X = RNG.normal(size=(4, 5, 3))
    np.testing.assert_allclose(
        cg.vmap(np.sin, 1, -1)(X), np.moveaxis(np.sin(np.moveaxis(X, 1, 0)), 0, -1)
    )
    np.testing.assert_allclose(cg.vmap(cg.vmap(lambda x: np.sum(x * x)))(X), (X * X).sum(-1))
    np.testing.assert_allclose(
        cg.vmap(cg.vmap(lambda x, y: x * y, (None, 0)), (0, None))(X[0, :, 0], X[0, :, 1]),
        np.outer(X[0, :, 0], X[0, :, 1]),
    )
    net = {"W": RNG.normal(size=(4, 2, 3)), "b": RNG.normal(size=(2, 4))}

    def layer(net: Any, x: Any) -> Any:
        return {"out": cg.tanh(net["W"] @ x + net["b"]), "same": 1.0, "raw": [x]}

    found = cg.vmap(layer, ({"W": 0, "b": 1}, None), {"out": 1, "same": None, "raw": 0})(
        net, X[0, 0]
    )
    expected = np.stack(
        [np.tanh(W @ X[0, 0] + b) for W, b in zip(net["W"], net["b"].T, strict=True)], 1
    )
    np.testing.assert_allclose(found["out"], expected)
    assert found["same"].shape == () and found["raw"][0].shape == (4, 3)
    # Outer traces go through: the derivative of a mapped function, and closures.
    total = cg.grad(lambda x: np.sum(cg.vmap(lambda row: np.sum(row) ** 2)(x)))(X[0])
    np.testing.assert_allclose(total, 2 * X[0].sum(1, keepdims=True) * np.ones(3))
    closure = cg.grad(lambda s: np.sum(cg.vmap(lambda row: s * row)(X[0])))(2.0)
    np.testing.assert_allclose(closure, X[0].sum())
    integers = cg.vmap(lambda i, x: x * i)(np.array([1, 2, 3]), np.float32([1, 2, 3]))
    assert integers.tolist() == [1.0, 4.0, 9.0]
    assert cg.vmap(lambda x: x * 2)(np.float32([1, 2])).dtype == np.float32
    node = cg.vmap(lambda x: x * 2.0)(cg.parameter("p", [1.0, 2.0]))
    assert isinstance(node, cg.Node) and node.shape == (2,)


def test_what_is_wrong_is_told() -> None:
    with pytest.raises(cg.ShapeError, match="3 in argument 0, 4 in argument 1"):
        cg.vmap(np.add)(np.ones(3), np.ones(4))
    with pytest.raises(cg.ShapeError, match="there is no axis 1"):
        cg.vmap(np.sin, 1)(np.ones(3))
    with pytest.raises(cg.ShapeError, match="no argument is mapped"):
        cg.vmap(np.sin, None)(np.ones(3))
    with pytest.raises(cg.ShapeError, match="the same for all"):
        cg.vmap(np.sin, 0, None)(np.ones(3))
    with pytest.raises(cg.ShapeError, match="2 entries for 1"):
        cg.vmap(np.sin, (0, 0))(np.ones(3))
    with pytest.raises(cg.CgraphError, match="has to return nodes or arrays"):
        cg.vmap(lambda x: "text")(np.ones(3))
    with pytest.raises(cg.UnsupportedError, match="truth value"):
        cg.vmap(lambda x: x if x > 0 else -x)(np.ones(3))


def test_ops_without_a_rule_and_with_one_line() -> None:
    """An op of somebody else's: mapped one by one, until its row says how."""

    def solve(a: Any, b: Any) -> Any:
        return np.linalg.solve(a, b[..., None])[..., 0]

    made = []
    for name, batch in (("solve_alone", None), ("solve_stack", "(n,n),(n)->(n)")):
        made.append(
            cg.op(
                name,
                solve,
                None,
                None,
                shape=lambda a, b: b,
                batch=batch,
                family="linalg",
                module=__name__,
            )
        )
    mirror = cg.linear_op(
        "mirror", lambda x, axis: np.flip(x, axis), lambda u, x, axis: mirror(u, axis=axis), shape=lambda x, axis: x, batch="axes",
        module=__name__,
    )  # fmt: skip
    try:
        A, B = RNG.normal(size=(5, 3, 3)) + 3 * np.eye(3), RNG.normal(size=(5, 3))
        for row in made:
            np.testing.assert_allclose(cg.vmap(row)(A, B), solve(A, B), rtol=1e-12)
            np.testing.assert_allclose(
                cg.vmap(row, (None, 0))(A[0], B), solve(np.stack([A[0]] * 5), B), rtol=1e-12
            )
        x = cg.input("x", A), cg.input("y", B)
        assert len(order(cg.vmap(made[1])(*x))) == 3 < len(order(cg.vmap(made[0])(*x)))
        np.testing.assert_allclose(cg.vmap(lambda x: mirror(x, axis=-1))(A), A[:, :, ::-1])
        np.testing.assert_allclose(cg.vmap(lambda x: mirror(x, axis=0))(A), A[:, ::-1])
        weights = RNG.normal(size=3)
        np.testing.assert_allclose(
            cg.jacobian(lambda b: made[0](A[0], cg.stop_gradient(b)) + b * weights)(B[0]),
            np.diag(weights),
        )
    finally:
        for name in ("solve_alone", "solve_stack", "mirror"):
            del OPS[name]


# --- Jacobians and Hessians in one pass ---------------------------------------------------------------------------------------------


@needs_jax
def test_jacobians_against_jax() -> None:
    with jax.enable_x64(True) if hasattr(jax, "enable_x64") else jax.experimental.enable_x64():
        W = RNG.normal(size=(4, 6))
        for size, f in [
            (6, lambda x, xp: xp.tanh(W @ x)),  # tall, wide: both modes
            (6, lambda x, xp: xp.sin(W.T @ (W @ x)) * x),
            (3, lambda x, xp: xp.reshape(xp.concatenate([x, x * x, xp.exp(x)], 0), (3, 3)) @ x),
            (5, lambda x, xp: xp.sum(xp.where(x > 0, x, 2.0 * x)) * x[::-1]),
            (4, lambda x, xp: x[np.array([0, 0, 1, 3, 3])] ** 2),
        ]:
            x = RNG.normal(size=size)
            expected = jax.jacobian(lambda v, f=f: f(v, jax.numpy))(x)
            np.testing.assert_allclose(
                cg.jacobian(lambda v, f=f: f(v, np))(x), expected, rtol=1e-10, atol=1e-12
            )
            leaf = cg.parameter("x", x)
            node = cg.jacobian(f(leaf, np), leaf)
            np.testing.assert_allclose(evaluated(node), expected, rtol=1e-10, atol=1e-12)
            scalar = lambda v, xp, f=f: xp.sum(xp.cos(f(v, xp)))  # noqa: E731
            curvature = jax.hessian(lambda v, s=scalar: s(v, jax.numpy))(x)
            np.testing.assert_allclose(
                cg.hessian(lambda v, s=scalar: s(v, np))(x), curvature, rtol=1e-9, atol=1e-10
            )
            node = cg.hessian(scalar(leaf, np), leaf)
            np.testing.assert_allclose(evaluated(node), curvature, rtol=1e-9, atol=1e-10)


def test_shapes_dtypes_and_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    x = RNG.normal(size=(2, 3)).astype(np.float32)
    found = cg.jacobian(lambda a: np.sin(a).T)(x)
    assert found.shape == (3, 2, 2, 3) and found.dtype == np.float32
    for i in range(2):
        for j in range(3):
            assert found[j, i, i, j] == pytest.approx(np.cos(x[i, j]), rel=1e-6)
    assert np.count_nonzero(found) == 6
    f = lambda v: cg.cumsum(v * v)  # noqa: E731
    v = RNG.normal(size=7)
    whole = cg.jacobian(f)(v)
    monkeypatch.setattr(
        "cgraph.autodiff.MOST_AT_A_TIME", 21
    )  # three at a time, and one that is left
    np.testing.assert_array_equal(cg.jacobian(f)(v), whole)
    np.testing.assert_allclose(whole, np.tril(np.ones((7, 7))) * 2 * v)
    assert cg.jacobian(lambda a: a[:0])(v).shape == (0, 7)
    assert cg.jacobian(lambda a: np.ones(4))(v).tolist() == np.zeros((4, 7)).tolist()
    unknown = cg.input("X", shape=(3, None))
    w = cg.parameter("w", RNG.normal(size=3))
    loss = cg.mean(cg.softplus(w @ unknown))
    H = cg.hessian(loss, w)
    data = RNG.normal(size=(3, 9))
    s = 1 / (1 + np.exp(-w.value @ data))
    np.testing.assert_allclose(
        cg.run(H, {unknown: data}).value(H), (data * s * (1 - s)) @ data.T / 9, rtol=1e-12
    )


def test_a_hessian_is_one_pass() -> None:
    x = cg.parameter("x", RNG.normal(size=50))
    rosenbrock = cg.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)
    assert len(order(cg.hessian(rosenbrock, x))) < 120
