"""NumPy's own functions, operators and methods on nodes build the same nodes; what is not supported says so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cgraph as cg

A, B = np.array([[1.0, 2.0, 3.0], [0.5, 0.25, 4.0]]), np.array([[2.0, 1.0, 0.5], [3.0, 3.0, 1.0]])

SAME: list[tuple[str, Any, Any]] = [
    *((n, lambda a, b, n=n: getattr(np, n)(a / 10), lambda a, b, n=n: getattr(cg, n)(a / 10)) for n in (
        "exp", "expm1", "log", "log1p", "sin", "cos", "tan", "tanh", "sinh", "cosh", "arcsin", "arccos", "arctan", "abs", "sign", "square",
        "sqrt", "reciprocal", "negative",
    )),
    *((n, lambda a, b, n=n: getattr(np, n)(a, b), lambda a, b, n=n: getattr(cg, n)(a, b)) for n in (
        "add", "subtract", "multiply", "divide", "power", "maximum", "minimum", "less", "less_equal", "greater", "greater_equal", "equal",
        "not_equal",
    )),
    *((n, lambda a, b, n=n: getattr(np, n)(a, axis=0), lambda a, b, n=n: getattr(cg, n)(a, axis=0)) for n in (
        "sum", "mean", "max", "min", "prod", "var", "std", "cumsum",
    )),
    ("keepdims", lambda a, b: np.sum(a, axis=1, keepdims=True), lambda a, b: cg.sum(a, axis=1, keepdims=True)),
    ("ddof", lambda a, b: np.var(a, ddof=1), lambda a, b: cg.var(a, ddof=1)),
    ("amax", lambda a, b: np.amax(a), lambda a, b: cg.max(a)),
    ("absolute", lambda a, b: np.absolute(a), lambda a, b: cg.abs(a)),
    ("true_divide", lambda a, b: np.true_divide(a, b), lambda a, b: a / b),
    ("matmul", lambda a, b: np.matmul(a, b.T), lambda a, b: a @ b.T),
    ("dot", lambda a, b: np.dot(a, b.T), lambda a, b: cg.dot(a, b.T)),
    ("outer", lambda a, b: np.outer(a, b), lambda a, b: cg.outer(a, b)),
    ("where", lambda a, b: np.where(a > b, a, 0.0), lambda a, b: cg.where(a > b, a, 0.0)),
    ("clip", lambda a, b: np.clip(a, 0.3, 2.5), lambda a, b: cg.clip(a, 0.3, 2.5)),
    ("transpose", lambda a, b: np.transpose(a), lambda a, b: a.T),
    ("swapaxes", lambda a, b: np.swapaxes(a, 0, 1), lambda a, b: cg.swapaxes(a, 0, 1)),
    ("reshape", lambda a, b: np.reshape(a, (3, 2)), lambda a, b: cg.reshape(a, (3, 2))),
    ("expand_dims", lambda a, b: np.expand_dims(a, 0), lambda a, b: cg.expand_dims(a, 0)),
    ("squeeze", lambda a, b: np.squeeze(a[:1]), lambda a, b: cg.squeeze(a[:1])),
    ("concatenate", lambda a, b: np.concatenate([a, b], axis=1), lambda a, b: cg.concatenate([a, b], axis=1)),
    ("stack", lambda a, b: np.stack([a, b]), lambda a, b: cg.stack([a, b])),
    ("split", lambda a, b: np.split(a, 3, axis=1)[2], lambda a, b: cg.split(a, 3, axis=1)[2]),
    ("broadcast_to", lambda a, b: np.broadcast_to(a, (2, 2, 3)), lambda a, b: cg.broadcast_to(a, (2, 2, 3))),
    # operators and methods, also with an array or a number on the left
    ("+", lambda a, b: B + a + 1, lambda a, b: cg.add(cg.add(B, a), 1)),
    ("-", lambda a, b: 1 - a - B, lambda a, b: cg.subtract(cg.subtract(1, a), B)),
    ("*", lambda a, b: B * a * 2, lambda a, b: cg.multiply(cg.multiply(B, a), 2)),
    ("/", lambda a, b: B / a / 2, lambda a, b: cg.divide(cg.divide(B, a), 2)),
    ("**", lambda a, b: a**b + a**2 + 2**a + a**0.5, lambda a, b: cg.power(a, b) + cg.square(a) + cg.power(2, a) + cg.power(a, 0.5)),
    ("@", lambda a, b: B.T @ a, lambda a, b: cg.matmul(B.T, a)),
    ("unary", lambda a, b: -a + abs(b) + (+a), lambda a, b: cg.negative(a) + cg.abs(b) + a),
    ("comparison", lambda a, b: (a < b) & (a > 0.7) | ~(a >= 1), lambda a, b: cg.bitwise_or(
        cg.bitwise_and(cg.less(a, b), cg.greater(a, 0.7)), cg.invert(cg.greater_equal(a, 1)))),
    ("array on the left", lambda a, b: (B < a), lambda a, b: cg.less(B, a)),
    ("methods", lambda a, b: a.sum(0) + a.mean(0) + a.max(0) + a.min(0) + a.prod(0) + a.var(0) + a.std(0), lambda a, b: cg.sum(a, 0)
     + cg.mean(a, 0) + cg.max(a, 0) + cg.min(a, 0) + cg.prod(a, 0) + cg.var(a, 0) + cg.std(a, 0)),
    ("shapes", lambda a, b: a.reshape(3, 2).T.ravel() + a.transpose(1, 0).flatten() + a.swapaxes(0, 1).reshape(-1) + a.cumsum(),
     lambda a, b: cg.reshape(cg.transpose(cg.reshape(a, (3, 2))), -1) + cg.reshape(cg.transpose(a), -1)
     + cg.reshape(cg.swapaxes(a, 0, 1), -1) + cg.cumsum(a)),
    ("clip method", lambda a, b: a.clip(0.3, 2.0) + a.dot(b.T)[0, 0], lambda a, b: cg.clip(a, 0.3, 2.0) + (a @ b.T)[0, 0]),
    ("float64 scalar on the left", lambda a, b: np.float64(2.0) * a, lambda a, b: cg.multiply(np.float64(2.0), a)),
    ("0-d array on the left", lambda a, b: np.array(2.0) - a, lambda a, b: cg.subtract(np.array(2.0), a)),
]  # fmt: skip


@pytest.mark.parametrize(("spelled", "meant"), [s[1:] for s in SAME], ids=[s[0] for s in SAME])
def test_numpy_on_nodes(spelled: Any, meant: Any) -> None:
    a, b = cg.parameter("a", A), cg.parameter("b", B)
    found, expected = spelled(a, b), meant(a, b)
    assert isinstance(found, cg.Node)
    assert str(found) == str(expected)
    np.testing.assert_allclose(cg.run(found).value(found), np.asarray(spelled(A, B)), rtol=1e-14)


@pytest.mark.parametrize(
    ("use", "named"),
    [
        (lambda x: np.linalg.inv(x), r"numpy\.linalg\.inv"),
        (lambda x: np.add.reduce(x), r"np\.add\.reduce"),
        (lambda x: np.add.accumulate(x), r"np\.add\.accumulate"),
        (lambda x: np.multiply.outer(x, x), r"np\.multiply\.outer"),
        (lambda x: np.exp(x, out=np.zeros((2, 2))), r"np\.exp with out="),
        (lambda x: np.exp(x, where=np.ones((2, 2), bool)), r"np\.exp with where="),
        (lambda x: np.add(x, 1.0, dtype=np.float32), r"np\.add with dtype="),
        (lambda x: np.sum(x, out=np.zeros(())), "out"),
        (lambda x: np.fft.fft(x), r"numpy\.fft\.fft"),
        (lambda x: np.sort(x), r"numpy\.sort"),
        (lambda x: np.floor(x), r"np\.floor"),
        (lambda x: np.linalg.norm(x), "norm"),
        (lambda x: np.median(x), "median"),
    ],
)
def test_what_is_not_supported_says_so(use: Any, named: str) -> None:
    x = cg.parameter("x", np.eye(2))
    with pytest.raises(cg.UnsupportedError, match=named) as caught:
        use(x)
    assert isinstance(caught.value, TypeError)
    assert "docs/adding-an-op.md" in str(caught.value) or "node.value" in str(caught.value)


def test_writing_into_an_array_with_a_node_is_refused() -> None:
    x, out = cg.parameter("x", [1.0, 2.0]), np.zeros(2)
    with pytest.raises(TypeError):
        out += x
    with pytest.raises(TypeError):
        out[:] = x
    with pytest.raises(TypeError):
        x[0] = 1.0  # type: ignore[index]


def test_names_are_given_everywhere() -> None:
    x = cg.parameter("x", np.ones((2, 2)))
    named = [
        cg.exp(x, name="n"), cg.add(x, x, name="n"), cg.sum(x, name="n"), cg.mean(x, axis=0, name="n"), cg.matmul(x, x, name="n"),
        cg.reshape(x, -1, name="n"), cg.transpose(x, name="n"), cg.concatenate([x, x], name="n"), cg.stack([x, x], name="n"),
        cg.where(x > 0, x, 0.0, name="n"), cg.clip(x, 0, 1, name="n"), cg.clip(x, 0, name="n"), cg.stable_bce(x, 1.0, name="n"),
        cg.keras_bce(x, 1.0, name="n"), cg.var(x, name="n"), cg.std(x, ddof=1, name="n"), cg.log_softmax(x, name="n"),
        cg.softmax(x, name="n"), cg.logsumexp(x, name="n"), cg.cumsum(x, name="n"), cg.getitem(x, 0, name="n"), cg.dot(x, x, name="n"),
        cg.dot(x, np.ones((2, 2, 2)), name="n"), cg.outer(x, x, name="n"), cg.expand_dims(x, 0, name="n"), cg.squeeze(x[:1], name="n"),
        cg.swapaxes(x, 0, 1, name="n"), cg.broadcast_to(x, (2, 2, 2), name="n"), cg.sum_to(x, (1, 2), name="n"),
        cg.stop_gradient(x, name="n"), cg.max(x, name="n"), cg.min(x, name="n"), cg.prod(x, name="n"), cg.mse(x, 0.0, name="n"),
        cg.bce(x, 0.5, name="n"), cg.matmul(x[0], np.ones((2, 2, 2)), name="n"), cg.relu(x, name="n"),
    ]  # fmt: skip
    assert [n.name for n in named] == ["n"] * len(named)
    scalar = cg.parameter("s", 1.0)
    assert cg.exp(scalar, name="n").name == cg.add(scalar, 1.0, name="n").name == "n"


def test_what_needs_no_derivative() -> None:
    x = cg.parameter("x", np.arange(6.0).reshape(2, 3))
    assert np.shape(x) == (2, 3) and np.ndim(x) == 2 and np.size(x) == 6 and np.size(x, 0) == 2
    assert np.copy(x) is x and x.copy() is x and np.ravel(x).shape == (6,)
    assert np.zeros_like(x).tolist() == [[0.0] * 3] * 2 and np.ones_like(x).shape == (2, 3)
    assert np.full_like(x, 7.0)[0, 0] == 7.0
    joined = np.concatenate([x, cg.constant([1.0])], axis=None)
    assert cg.run(joined).value(joined).tolist() == [0, 1, 2, 3, 4, 5, 1]
    loss = cg.sum(x)
    loss.backward()
    assert f"{loss:.3f}" == "15.000" and "sum" in f"{loss}"
    with pytest.raises(cg.UnsupportedError, match="one number"):
        f"{x:.3f}"
    with pytest.raises(AttributeError, match=r"np\.argmax"):
        x.argmax  # noqa: B018
    with pytest.raises(AttributeError, match=r"cg\.tanh"):
        x.tanh  # noqa: B018
    import math

    with pytest.raises(cg.UnsupportedError, match=r"cg\.sin"):
        math.sin(loss)
