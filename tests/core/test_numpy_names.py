"""NumPy's own functions, operators and methods on nodes build the same nodes; what is not supported says so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.special
from core.numpy_cases import LINES, VALUES

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
        (lambda x: np.subtract.reduce(x), r"np\.subtract\.reduce"),
        (lambda x: np.divide.accumulate(x), r"np\.divide\.accumulate"),
        (lambda x: np.add.reduceat(x, [0, 1]), r"np\.add\.reduceat"),
        (lambda x: np.add.at(x, 0, 1.0), r"np\.add\.at"),
        (lambda x: np.exp(x, out=np.zeros((2, 2))), r"np\.exp with out="),
        (lambda x: np.exp(x, where=np.ones((2, 2), bool)), r"np\.exp with where="),
        (lambda x: np.add(x, 1.0, signature="ff->f"), r"np\.add with signature="),
        (lambda x: np.sum(x, 0, np.float64, np.zeros(2)), "out"),
        (lambda x: x.sum(out=np.zeros(())), r"node\.sum with out="),
        (lambda x: x.mean(0, None, np.zeros(2)), r"node\.mean with out="),
        (lambda x: np.exp(x, np.zeros((2, 2))), r"np\.exp with out="),
        (lambda x: np.sum(x, out=np.zeros(())), "out"),
        (lambda x: np.where(x > 0), "depends on values"),
        (lambda x: np.nonzero(x), "depends on values"),
        (lambda x: x.nonzero(), "depends on values"),
        (lambda x: np.unique(x), "depends on values"),
        (lambda x: np.histogram(x), "depends on values"),
        (lambda x: np.put(x, 0, 1.0), r"cg\.assign"),
        (lambda x: np.copyto(x, 1.0), r"cg\.assign"),
        (lambda x: np.fill_diagonal(x, 1.0), r"cg\.assign"),
        (lambda x: np.save("file", x), "about numbers"),
        (lambda x: np.apply_along_axis(np.sum, 0, x), "about numbers"),
        (lambda x: np.nextafter(x, 1.0), "about numbers"),
        (lambda x: np.frexp(x), "about numbers"),
        (lambda x: np.pad(x, 1, mode="empty"), "concatenate"),
        (lambda x: np.quantile(x, x[0, 0]), "known when the graph is built"),
        (lambda x: np.sort(x, order="field"), "records"),
        (lambda x: np.quantile(x, 0.5, method="other"), "is not a valid"),
        (lambda x: np.quantile(x, 0.5, axis=0, weights=[1.0, 2.0]), "inverted_cdf"),
    ],
)
def test_what_is_not_supported_says_so(use: Any, named: str) -> None:
    x = cg.parameter("x", np.eye(2))
    with pytest.raises(cg.UnsupportedError, match=named) as caught:
        use(x)
    assert isinstance(caught.value, TypeError)
    assert any(
        advice in str(caught.value) for advice in ("docs/adding-an-op.md", ".value", "cg.", ";")
    )


def test_writing_into_an_array_with_a_node_is_refused() -> None:
    x, out = cg.parameter("x", [1.0, 2.0]), np.zeros(2)
    with pytest.raises(TypeError):
        out += x
    with pytest.raises(TypeError):
        out[:] = x
    with pytest.raises(cg.UnsupportedError, match=r"cg\.assign"):
        x[0] = 1.0
    for method in ("sort", "partition", "fill", "resize", "put", "itemset", "setflags"):
        with pytest.raises(cg.UnsupportedError, match=f"{method}.* would change a node in place"):
            getattr(x, method)()
    with pytest.raises(cg.UnsupportedError, match=r"cg\.any"):
        1.0 in x  # noqa: B015
    with pytest.raises(cg.UnsupportedError, match=r"cg\.assign"):
        del x[0]
    for name, value in (("shape", (2, 1)), ("dtype", np.float32)):
        with pytest.raises(AttributeError, match=f"{name} of 'x' cannot be assigned"):
            setattr(x, name, value)
    assert (x.shape, x.dtype) == ((2,), np.float64)


@pytest.mark.parametrize(
    ("use", "advice"),
    [
        (lambda x: range(x), r"int\(node\.value\)"),
        (lambda x: "abc"[x], r"int\(node\.value\)"),
        (lambda x: scipy.special.softmax(x), r"there is cg\.softmax"),
        (lambda x: scipy.special.logsumexp(x), r"there is cg\.logsumexp"),
        (lambda x: scipy.special.polygamma(1, x), r"there is cg\.special\.polygamma"),
        (lambda x: scipy.special.comb(x, 2), r"scipy\.special\.comb takes numbers"),
        (lambda x: scipy.special.huber(1.0, x), "the ufunc huber"),
        (lambda x: ~x, "invert: 'x' has dtype float64"),
        (lambda x: x * np.ma.array([1.0, 2.0], mask=[False, True]), "masked array"),
        (lambda x: x & 1, "bitwise_and: 'x' has dtype float64"),
        (lambda x: x.norm(), r"cg\.linalg\.norm"),
        (lambda x: x.pow(2), r"cg\.power"),
        (lambda x: x.unsqueeze(0), r"cg\.expand_dims"),
    ],
)
def test_what_others_have_points_to_what_there_is(use: Any, advice: str) -> None:
    with pytest.raises((TypeError, AttributeError), match=advice):
        use(cg.parameter("x", 2.0))


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
    assert np.full_like(x, 7.0)[0, 0] == 7.0 and np.result_type(x, np.float32) == np.float64
    joined = np.concatenate([x, cg.constant([1.0])], axis=None)
    assert cg.run(joined).value(joined).tolist() == [0, 1, 2, 3, 4, 5, 1]
    loss = cg.sum(x)
    loss.backward()
    assert f"{loss:.3f}" == "15.000" and "sum" in f"{loss}"
    with pytest.raises(cg.UnsupportedError, match="one number"):
        f"{x:.3f}"
    with pytest.raises(AttributeError, match=r"value\.tolist"):
        x.tolist  # noqa: B018
    with pytest.raises(AttributeError, match=r"cg\.tanh"):
        x.tanh  # noqa: B018
    import math

    with pytest.raises(cg.UnsupportedError, match=r"cg\.sin"):
        math.sin(loss)


def described(result: Any) -> str:
    if isinstance(result, tuple | list):
        return " ".join(map(described, result))
    return str(result) if isinstance(result, cg.Node) else repr(np.asarray(result))


@pytest.mark.parametrize("line", LINES + VALUES, ids=[line[0] for line in LINES + VALUES])
def test_numpys_functions_build_what_cgraphs_do(line: Any) -> None:
    name, function, *args = line
    nodes = [
        cg.input(f"x{i}", shape=a)
        if isinstance(a, tuple)
        else cg.constant(a)
        if a.dtype.kind == "f"
        else a
        for i, a in enumerate(args)
    ]
    if name == "real":
        return
    assert described(function(np, *nodes)) == described(function(cg, *nodes))


X = np.array([[1.5, -2.0, 0.5], [3.0, 1.0, -1.0]])

# Written as for an array, on a node: the values agree.
METHODS: list[Any] = [
    lambda x: x.argmax(), lambda x: x.argmax(axis=1), lambda x: x.argmin(0), lambda x: x.argsort(axis=0), lambda x: x.any(),
    lambda x: (x > 0).all(axis=1), lambda x: x.clip(-1, 1), lambda x: x.clip(min=0.0), lambda x: x.clip(max=1.0), lambda x: x.conj(),
    lambda x: x.cumprod(axis=1), lambda x: x.cumsum(0), lambda x: x.cumsum(), lambda x: x.cumsum(0, np.float32), lambda x: x.diagonal(),
    lambda x: x.diagonal(1), lambda x: x.dot(x.T), lambda x: x.flatten(), lambda x: x.flatten("F"), lambda x: x.ravel(order="F"),
    lambda x: x.max(), lambda x: x.max(0), lambda x: x.max(axis=(0, 1), keepdims=True), lambda x: x.mean(),
    lambda x: x.mean(0, None, None, True), lambda x: x.mean(axis=1, dtype=np.float32), lambda x: x.min(1), lambda x: x.prod(axis=0),
    lambda x: x.repeat(2), lambda x: x.repeat(2, axis=0), lambda x: x.repeat([1, 0, 2], 1), lambda x: x.reshape(3, 2),
    lambda x: x.reshape((3, -1)), lambda x: x.reshape(3, 2, order="F"), lambda x: x.reshape(-1), lambda x: x.round(),
    lambda x: x.round(1), lambda x: x.squeeze(), lambda x: x[:1].squeeze(0), lambda x: x.std(), lambda x: x.std(0, ddof=1),
    lambda x: x.sum(), lambda x: x.sum(0, None, None, True), lambda x: x.sum(axis=1, where=X > 0), lambda x: x.sum(initial=1.0),
    lambda x: x.swapaxes(0, 1), lambda x: x.take([0, 5]), lambda x: x.take([1], axis=0), lambda x: x.trace(), lambda x: x.transpose(),
    lambda x: x.transpose(1, 0), lambda x: x.transpose((1, 0)), lambda x: x.var(), lambda x: x.var(1, None, None, 1), lambda x: x.T,
    lambda x: x.mT, lambda x: x.real, lambda x: x.imag, lambda x: x.astype(np.float32), lambda x: x.astype(int), lambda x: x.astype(bool),
    lambda x: x.copy(), lambda x: x.compress([True, False], axis=0), lambda x: x.ravel()[[1, 2, 0]].searchsorted(0.7),
    lambda x: x.flat[3], lambda x: x % 2, lambda x: 2 % x, lambda x: x // 2, lambda x: 7.0 // x, lambda x: divmod(x, 2.0)[1],
    lambda x: divmod(7.0, x)[0], lambda x: round(x[0, 0], 1), lambda x: x ** -1.0, lambda x: 2.0**x, lambda x: abs(x), lambda x: +x,
    lambda x: x.astype(int) << 2, lambda x: 64 >> abs(x).astype(int), lambda x: x.astype(int) ^ 3, lambda x: x.astype(int) & 1,
    lambda x: ~(x > 0), lambda x: (x > 0) | (x < -1), lambda x: x == 1.5, lambda x: x != 1.5, lambda x: np.add.reduce(x),
    lambda x: np.add.reduce(x, axis=1), lambda x: np.add.reduce(x, axis=None), lambda x: np.add.reduce(x, 1, keepdims=True),
    lambda x: np.multiply.reduce(x, axis=1), lambda x: np.maximum.reduce(x), lambda x: np.minimum.reduce(x, axis=1),
    lambda x: np.logical_or.reduce(x > 1), lambda x: np.logical_and.reduce(x > -5, axis=None), lambda x: np.add.accumulate(x),
    lambda x: np.multiply.accumulate(x, axis=1), lambda x: np.maximum.accumulate(x, axis=1), lambda x: np.minimum.accumulate(x),
    lambda x: np.multiply.outer(x, [1.0, 2.0]), lambda x: np.add.outer([1.0], x), lambda x: np.subtract.outer(x, x),
    lambda x: np.logaddexp.reduce(x, axis=1), lambda x: np.add(x, 1, dtype=np.float32), lambda x: np.exp(x, where=True),
    lambda x: np.exp(x, out=None), lambda x: np.add(x, x, casting="same_kind", order="K", subok=True),
    lambda x: np.sum(x, 0, None, None, True), lambda x: np.sum(a=x, axis=0), lambda x: np.mean(x, dtype=np.float32),
    lambda x: np.sum(x, dtype=np.float64), lambda x: np.clip(x, a_min=0, a_max=1), lambda x: np.clip(x, 0, None),
    lambda x: np.clip(x, min=-1, max=1), lambda x: np.transpose(x, axes=(1, 0)), lambda x: np.reshape(x, shape=(3, 2)),
    lambda x: np.concatenate((x, x), axis=1, dtype=np.float32), lambda x: np.sum(x[0, 0], axis=0), lambda x: np.sum(x[0, 0], axis=-1),
    lambda x: np.max(x[0, 0], 0), lambda x: np.shape(x), lambda x: np.size(x), lambda x: np.ndim(x), lambda x: np.empty_like(x) * 0,
    lambda x: np.full_like(x, 2.0), lambda x: np.zeros_like(x), lambda x: np.iscomplexobj(x),
    lambda x: np.isreal(x), lambda x: np.iscomplex(x), lambda x: np.array_equal(x, x), lambda x: np.allclose(x, X + 1e-12),
    lambda x: np.polyval(np.array([1.0, 2.0]), x), lambda x: np.around(x, 1), lambda x: np.fabs(x), lambda x: np.fmax(x, 0.0),
    lambda x: np.degrees(x), lambda x: np.radians(x), lambda x: np.conj(x), lambda x: np.real_if_close(x),
    lambda x: np.matrix_transpose(x), lambda x: np.acosh(abs(x) + 1), lambda x: np.atan2(x, 1.0), lambda x: np.pow(abs(x), 2),
    lambda x: sum(x), lambda x: x[0, 1], lambda x: [row.sum() for row in x][1], lambda x: (lambda a, b: a * b)(*x),
    lambda x: x[..., None], lambda x: x[1, ::-1], lambda x: x[[0, 1], [2, 0]], lambda x: x[X > 0], lambda x: x[np.array([1, 0])],
    lambda x: len(x), lambda x: x.ndim, lambda x: x.size, lambda x: x.nbytes, lambda x: x.itemsize, lambda x: x.view(),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("use", METHODS, ids=range(len(METHODS)))
def test_written_as_for_an_array(use: Any) -> None:
    found = use(cg.parameter("x", X))
    expected = np.asarray(use(X))
    if isinstance(found, cg.Node):
        assert found.dtype == expected.dtype
        found = cg.run(found).value(found)
    np.testing.assert_allclose(
        np.asarray(found, expected.dtype),
        expected,
        rtol=1e-6 if expected.dtype == np.float32 else 1e-14,
    )


def test_an_index_may_be_computed() -> None:
    x = cg.parameter("x", X)
    picked = cg.take(x, cg.argmax(x, axis=1), axis=1)
    assert cg.run(picked).value(picked).tolist() == X[:, [0, 0]].tolist()
    best = cg.take_along_axis(x, cg.argmax(x, axis=1, keepdims=True), axis=1)
    assert cg.sum(best).backward().grad(x).tolist() == [[1, 0, 0], [1, 0, 0]]


def test_picking_with_a_computed_place() -> None:
    x = cg.parameter("x", X)
    rows, columns = x[cg.argmax(x, axis=0)], x[:, cg.argsort(x[0])]
    assert cg.run(rows).value(rows).tolist() == X[[1, 1, 0]].tolist()
    assert cg.run(columns).value(columns).tolist() == X[:, [1, 2, 0]].tolist()
    with pytest.raises(cg.UnsupportedError, match=r"cg\.where for a mask"):
        x[x > 0]
    with pytest.raises(cg.UnsupportedError, match="take_along_axis"):
        x[[0, 1], cg.argmax(x, axis=1)]


def test_weighted_counts_and_joined_nodes() -> None:
    a, b = cg.parameter("a", 1.0), cg.parameter("b", 2.0)
    table = cg.array([[a, b], [0.0, a * b]])
    run = cg.sum(table * table).backward()
    assert float(run.grad(a)) == 2.0 + 2 * 2.0 * 2.0 and table.shape == (2, 2)
    with pytest.raises(cg.UnsupportedError, match=r"cg\.stack|cg\.array"):
        np.array([a, b])
