"""The operators of `cgraph.autodiff`, in both forms (nodes and functions), against SciPy's closed forms and differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from core import numeric
from scipy.optimize import rosen, rosen_der, rosen_hess, rosen_hess_prod

import cgraph as cg

X = np.array([1.3, 0.7, 0.8, 1.9, 1.2])
V = np.array([0.5, -1.0, 2.0, 0.1, -0.3])


def rosenbrock(x: Any) -> Any:
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2.0) ** 2.0 + (1 - x[:-1]) ** 2.0)


def value(node: cg.Node, feeds: Any = None) -> Any:
    return cg.run(node, feeds).value(node)


def close(a: Any, b: Any, rtol: float = 1e-12) -> None:
    numeric.assert_close(a, b, rtol)


def test_functions_against_closed_forms() -> None:
    found, slope = cg.value_and_gradient(rosenbrock)(X)
    close(found, rosen(X))
    close(slope, rosen_der(X))
    close(cg.grad(rosenbrock)(X), rosen_der(X))
    close(cg.hessian(rosenbrock)(X), rosen_hess(X))
    close(cg.hvp(rosenbrock, X, V), rosen_hess_prod(X, V))
    close(cg.hvp(rosenbrock)(X, V), rosen_hess_prod(X, V))
    out, tangent = cg.jvp(rosenbrock, (X,), (V,))
    close(out, rosen(X)), close(tangent, rosen_der(X) @ V)
    out, pullback = cg.vjp(rosenbrock, X)
    close(out, rosen(X)), close(pullback(2.0)[0], 2.0 * rosen_der(X))
    close(cg.jacobian(cg.grad(rosenbrock))(X), rosen_hess(X))
    close(cg.jacobian(rosenbrock)(X), rosen_der(X))
    for result in (found, slope, tangent):
        assert isinstance(result, np.ndarray) and (result.ndim == 0 or result.flags.writeable)


def test_nodes_against_closed_forms() -> None:
    x = cg.parameter("x", X)
    f = rosenbrock(x)
    g = cg.gradient(f, x)
    close(value(g), rosen_der(X))
    close(value(cg.vjp(f, x, 2.0)), 2.0 * rosen_der(X))
    close(value(cg.jvp(f, x, V)), rosen_der(X) @ V)
    close(value(cg.jacobian(g, x)), rosen_hess(X))
    close(value(cg.hessian(f, x)), rosen_hess(X))
    close(value(cg.hvp(f, x, V)), rosen_hess_prod(X, V))
    v = cg.input("v", V)
    close(value(cg.gradient(cg.sum(g * v), x)), rosen_hess_prod(X, V))
    # third order, from differences of the Hessian
    third = cg.gradient(cg.hvp(cg.sum(g * v), x, V) @ np.ones(5), x)
    expected = numeric.gradient(
        lambda y: np.asarray(cg.hvp(lambda z: cg.sum(cg.gradient(rosenbrock(z), z) * V), y, V)),
        [X],
        0,
        np.ones(5),
    )
    close(value(third), expected, 1e-7)
    # the graphs are run again with other values
    x.value = X * 0.5
    close(value(g), rosen_der(X * 0.5))


def test_jacobian_wide_and_tall() -> None:
    A = np.arange(6.0).reshape(2, 3)

    def f(x: Any) -> Any:
        return cg.sin(A @ x)

    expected = np.cos(A @ X[:3])[:, None] * A
    close(cg.jacobian(f)(X[:3]), expected)
    close(cg.jacobian(lambda x: cg.sin(A.T @ x))(X[:2]), np.cos(A.T @ X[:2])[:, None] * A.T)
    x = cg.input("x", X[:3])
    close(value(cg.jacobian(f(x), x)), expected)
    M = cg.jacobian(lambda m: m.T * 2.0)(A)
    assert M.shape == (3, 2, 2, 3) and M[2, 1, 1, 2] == 2.0 and M.sum() == 12.0
    assert cg.jacobian(lambda x: x * x)(np.zeros(0)).shape == (0, 0)
    both = cg.jacobian(lambda a, b: a * b, argnums=(0, 1))(X, V)
    close(both[0], np.diag(V)), close(both[1], np.diag(X))


def test_several_arguments() -> None:
    def f(a: Any, b: Any, scale: float = 1.0) -> Any:
        return cg.sum(a * cg.exp(b)) * scale

    a, b = cg.grad(f, argnums=(0, 1))(X, V, scale=2.0)
    close(a, 2.0 * np.exp(V)), close(b, 2.0 * X * np.exp(V))
    close(cg.grad(f, 1)(X, V), X * np.exp(V))
    close(cg.grad(f, argnums=-1)(X, V), X * np.exp(V))
    out, pullback = cg.vjp(lambda a, b: a * b, X, V)
    close(out, X * V)
    u, w = pullback(np.ones(5))
    close(u, V), close(w, X)
    _, tangent = cg.jvp(lambda a, b: a * b, (X, V), (V, X))
    close(tangent, V * V + X * X)


def test_nested_functions() -> None:
    def cube(x: Any) -> Any:
        return x**3

    assert float(cg.grad(cube)(2.0)) == 12.0
    assert float(cg.grad(cg.grad(cube))(2.0)) == 12.0
    assert float(cg.grad(cg.grad(cg.grad(cube)))(2.0)) == 6.0
    assert float(cg.grad(cg.grad(cg.grad(cg.grad(cube))))(2.0)) == 0.0
    # perturbation confusion: d/dx x · d/dy (x + y) = 1
    assert float(cg.grad(lambda x: x * cg.grad(lambda y: x + y)(2.0))(1.0)) == 1.0
    assert float(cg.grad(lambda x: cg.grad(lambda y: x * x * y * y)(3.0))(2.0)) == 24.0
    assert float(cg.grad(lambda x: cg.grad(lambda y: y * y)(x) * x)(3.0)) == 12.0
    assert float(cg.grad(lambda x: cg.grad(lambda y: x * y)(x))(3.0)) == 1.0
    # the same through every other door: d/dx of (3x² at y = x), d/dx of x²·2y at y = 3 ...
    assert (
        float(
            cg.grad(
                lambda x: (
                    cg.value_and_gradient(cube)(x)[1]
                    + cg.value_and_gradient(lambda y: x * y)(1.0)[0]
                )
            )(2.0)
        )
        == 13.0
    )
    assert float(cg.grad(lambda x: cg.jvp(lambda y: x * y * y, (3.0,), (1.0,))[1])(2.0)) == 6.0
    assert float(cg.grad(lambda x: cg.vjp(lambda y: x * y * y, 3.0)[1](1.0)[0])(2.0)) == 6.0
    assert float(
        cg.grad(lambda x: cg.sum(cg.jacobian(lambda y: x * y * y)(X)))(2.0)
    ) == pytest.approx(2 * X.sum())
    assert float(
        cg.grad(lambda x: cg.sum(cg.hessian(lambda y: cg.sum(x * y**3))(X)))(2.0)
    ) == pytest.approx(6 * X.sum())
    assert float(
        cg.grad(lambda x: cg.sum(cg.hvp(lambda y: cg.sum(x * y**3), X, V)))(2.0)
    ) == pytest.approx(6 * X @ V)
    w = cg.parameter("w", 5.0)  # not an argument of anything: its current value counts
    assert float(cg.grad(lambda x: w * x)(1.0)) == 5.0
    close(cg.hessian(lambda x: cg.sum(x**3))(X), np.diag(6 * X))
    close(
        cg.grad(lambda x: cg.sum(cg.grad(lambda y: cg.sum(cg.sin(y)))(x) ** 2))(X),
        -2 * np.cos(X) * np.sin(X),
    )


def test_constants_and_disconnected_arguments() -> None:
    close(cg.grad(lambda x: 3.0)(X), np.zeros(5))
    close(cg.grad(lambda a, b: cg.sum(a), 1)(X, V), np.zeros(5))
    close(cg.hessian(lambda x: cg.sum(x))(X), np.zeros((5, 5)))
    close(cg.jacobian(lambda x: np.ones(2))(X), np.zeros((2, 5)))
    close(cg.hvp(lambda x: cg.sum(x), X, V), np.zeros(5))
    x, other = cg.parameter("x", X), cg.parameter("other", V)
    f = cg.sum(x * x)
    assert value(cg.gradient(f, [x, other], disconnected="zero")[1]).tolist() == [0.0] * 5
    close(value(cg.hessian(cg.sum(x), x)), np.zeros((5, 5)))
    close(value(cg.gradient(x, x, V)), V)


def test_mistakes() -> None:
    with pytest.raises(cg.GradientError, match="backward needs a scalar"):
        cg.grad(lambda x: x * x)(X)
    with pytest.raises(cg.DTypeError, match="only floating point"):
        cg.grad(cg.sum)(np.array([1, 2]))
    with pytest.raises(cg.GradientError, match="argument 1"):
        cg.grad(lambda x: x, 1)(2.0)
    with pytest.raises(cg.ShapeError):
        cg.jvp(lambda x: x * x, (X,), (V[:2],))
    with pytest.raises(cg.ShapeError):
        cg.hvp(rosenbrock, X, V[:2])
    with pytest.raises(cg.CgraphError):
        cg.grad(lambda x: [x, x])(2.0)


def test_functions_keep_float32_and_python_numbers_are_float64() -> None:
    x = X.astype(np.float32)
    for result in (
        cg.grad(rosenbrock)(x), cg.hessian(rosenbrock)(x), cg.hvp(rosenbrock, x, V), cg.jvp(rosenbrock, (x,), (V,))[1],
        cg.vjp(rosenbrock, x)[1](1.0)[0], cg.jacobian(lambda y: y * y)(x), cg.value_and_gradient(rosenbrock)(x)[0],
    ):  # fmt: skip
        assert result.dtype == np.float32
    assert cg.grad(lambda y: y * y)(3).dtype == np.float64


def test_inputs_and_intermediate_nodes_as_targets() -> None:
    x, w = cg.input("x", 2.0), cg.parameter("w", 3.0)
    h = w * x
    f = h * h * w
    found = cg.gradient(f, [x, h, w])
    assert [float(value(g)) for g in found] == [2 * 9 * 2 * 3.0, 2 * 6 * 3.0, 36.0 + 2 * 6 * 2 * 3]
    assert isinstance(cg.gradient(f, [x]), list) and isinstance(cg.gradient(f, x), cg.Node)


# --- an op of the user's own ------------------------------------------------------------------------------------------------------

swish = cg.elementwise(
    "test_swish",
    lambda x: x / (1.0 + np.exp(-x)),
    lambda out, x: cg.sigmoid(x) + out * cg.sigmoid(-x),
    symbol="swish",
)
hypot = cg.elementwise("test_hypot", np.hypot, lambda out, a, b: a / out, lambda out, a, b: b / out)


def test_an_op_of_the_users_own_works_everywhere() -> None:
    import copy
    import pickle

    def truth(x: Any) -> Any:
        return x / (1.0 + np.exp(-x))

    x = cg.parameter("x", X)
    y = swish(x)
    run = y.backward(upstream=V)
    close(run.value(y), truth(X))
    close(swish(X), truth(X))
    expected = numeric.gradient(truth, [X.astype(np.longdouble)], 0, V)
    close(run.grad(x), expected, 1e-11)
    g = cg.gradient(cg.sum(y * V), x)
    close(value(g), expected, 1e-11)
    close(
        value(cg.jvp(y, x, V)), numeric.directional(truth, [X.astype(np.longdouble)], 0, V), 1e-11
    )
    along = numeric.along(lambda h: cg.grad(lambda z: cg.sum(swish(z)))(X + h * V), 2e-3)
    close(cg.hvp(lambda z: cg.sum(swish(z)), X, V), along, 1e-9)
    assert swish(cg.parameter("f", X.astype(np.float32))).dtype == np.float32
    number = cg.parameter("z", 0.7)
    assert float(swish(number).backward().grad(number)) == pytest.approx(
        float(cg.grad(swish)(np.float64(0.7))), rel=1e-15
    )
    both = hypot(x, 3.0)
    close(value(cg.gradient(cg.sum(both), x)), X / np.hypot(X, 3.0))
    assert hypot(cg.parameter("f", X.astype(np.float32)), 3.0).dtype == np.float32
    for again in (pickle.loads(pickle.dumps(y)), copy.deepcopy(y)):
        assert again.op is swish
        close(value(again), truth(X))
    assert run.local(y, x).array.shape == (5,) and "test_swish" in str(y)
    with pytest.raises(ValueError, match="already"):
        cg.elementwise("exp", np.exp, lambda out, x: out)


# --- containers, auxiliary results, nodes as directions -----------------------------------------------------------------------


def test_arguments_in_containers() -> None:
    net = {"layers": [{"W": np.ones((2, 3)), "b": np.zeros(2)}, (np.array([1.0, -2.0]), 0.5)]}

    def f(p: Any, x: Any) -> Any:
        first, (v, c) = p["layers"]
        return np.sum(v * np.tanh(first["W"] @ x + first["b"])) * c

    x = np.array([0.1, 0.2, -0.3])
    value_, slopes = cg.value_and_gradient(f)(net, x)
    assert isinstance(slopes["layers"][1], tuple) and slopes["layers"][0]["W"].shape == (2, 3)
    close(slopes["layers"][1][1], value_ / 0.5)
    flat = cg.grad(lambda W: f({"layers": [{"W": W, "b": np.zeros(2)}, net["layers"][1]]}, x))
    close(slopes["layers"][0]["W"], flat(np.ones((2, 3))))
    _, pullback = cg.vjp(f, net, x)
    tree, to_x = pullback(1.0)
    close(tree["layers"][0]["b"], slopes["layers"][0]["b"])
    _, tangent = cg.jvp(f, (net, x), (slopes, np.zeros(3)))
    total = sum(np.sum(g * g) for g in (*slopes["layers"][0].values(), *slopes["layers"][1]))
    close(tangent, total)
    assert to_x.shape == (3,)


def test_second_derivatives_in_containers() -> None:
    """Against the Hessian of the same function of one vector."""

    def split(x: Any) -> Any:
        return {"a": x[:2], "rest": [x[2:4], (x[4:],)], "bias": None}

    def f(p: Any) -> Any:
        return rosenbrock(np.concatenate([p["a"], p["rest"][0], p["rest"][1][0]]))

    def joined(p: Any) -> Any:
        return np.concatenate([p["a"], p["rest"][0], p["rest"][1][0]])

    found = cg.hvp(f, split(X), split(V))
    close(joined(found), rosen_hess_prod(X, V))
    assert found["bias"] is None and type(found["rest"][1]) is tuple
    through = cg.grad(lambda v: cg.sum(joined(cg.hvp(f, split(X), v))))(split(V))
    close(joined(through), rosen_hess(X).sum(0))
    with pytest.raises(cg.ShapeError, match="3 arrays"):
        cg.hvp(f, split(X), [V])


@pytest.mark.parametrize(
    ("argnums", "error", "said"),
    [
        (1.0, TypeError, "not 1.0"),
        ((0, 0), cg.GradientError, "twice"),
        ((1, -1), cg.GradientError, "twice"),
        (2, cg.GradientError, "not given"),
    ],
)
def test_argnums_that_name_no_arguments(argnums: Any, error: Any, said: str) -> None:
    with pytest.raises(error, match=said):
        cg.grad(lambda x, y: cg.sum(x * y), argnums)(X, V)
    close(cg.grad(lambda x, y: cg.sum(x * y), np.array([1, 0]))(X, V)[0], X)


def test_auxiliary_results_and_whole_numbers_as_argnums() -> None:
    def f(x: Any, y: Any) -> Any:
        z = x * y
        return np.sum(z), {"z": z, "n": 3}

    slopes, aux = cg.grad(f, np.int64(1), has_aux=True)(X, V)
    close(slopes, X), close(aux["z"], X * V)
    assert aux["n"] == 3
    (found, _), both = cg.value_and_gradient(f, (0, 1), has_aux=True)(X, V)
    close(found, X @ V), close(both[0], V)
    with pytest.raises(cg.GradientError, match="has_aux"):
        cg.grad(lambda x: np.sum(x), has_aux=True)(X)


def test_directions_may_be_nodes() -> None:
    through_hvp = cg.grad(lambda v: cg.sum(cg.hvp(rosenbrock, X, v)))(V)
    close(through_hvp, rosen_hess(X).sum(0))
    through_vjp = cg.grad(lambda u: cg.sum(cg.vjp(np.sin, X)[1](u)[0]))(V)
    close(through_vjp, np.cos(X))
    through_jvp = cg.grad(lambda t: cg.sum(cg.jvp(np.sin, (X,), (t,))[1]))(V)
    close(through_jvp, np.cos(X))
