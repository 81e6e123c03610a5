"""What cgraph says: errors that name nodes, shapes and lines, why a gradient is missing, where a NaN comes from, the chain rule
written out, scopes, and graphs as equations.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import cgraph as cg

HERE = re.escape(__file__)


# --- errors when the graph is built ---------------------------------------------------------------------------------------------


def test_shape_errors_name_both_operands_and_the_line() -> None:
    X, W = cg.input("X", shape=(5, 3)), cg.parameter("W2", np.ones((4, 1)))
    with pytest.raises(cg.ShapeError) as caught:
        X @ W
    said = str(caught.value)
    assert (
        "matmul: 'X' has shape (5, 3) but 'W2' has shape (4, 1): inner dimensions 3 and 4 differ"
        in said
    )
    assert re.search(rf"built at {HERE}:\d+", said)
    with pytest.raises(
        ValueError, match=r"add: 'X' has shape \(5, 3\) but 'W2' has shape \(4, 1\)"
    ):
        X + W


def test_stacks_of_matrices_that_do_not_fit_are_named_too() -> None:
    A, B = cg.input("A", shape=(2, 3, 4)), cg.input("B", shape=(3, 4, 5))
    said = r"matmul: 'A' has shape \(2, 3, 4\) but 'B' has shape \(3, 4, 5\): sizes 2 and 3 .*\n.*built at"
    with pytest.raises(cg.ShapeError, match=said):
        A @ B


@pytest.mark.parametrize(
    "x", [cg.parameter("x", 2.0), cg.parameter("x", [2.0, 3.0]), cg.parameter("x", np.float32(2.0))]
)
def test_too_many_operands_too_few_and_unknown_parameters(x: cg.Node) -> None:
    for call, said in (
        (lambda: cg.add(x), "add takes 2 operands and name=; got 1 operand"),
        (lambda: cg.add(x, x, x), "add takes 2 operands and name=; got 3 operands"),
        (lambda: cg.exp(x, 1.0), "exp takes 1 operand and name=; got 2 operands"),
        (lambda: cg.where(x > 0, x), "where takes 3 operands and name=; got 2 operands"),
        (lambda: cg.exp(x, axis=0), "exp takes 1 operand and name=; got 1 operand and axis="),
    ):
        with pytest.raises(TypeError, match=said):
            call()


def test_a_wrong_kind_of_argument_is_told_apart() -> None:
    x = cg.parameter("x", 2.0)
    with pytest.raises(cg.ShapeError, match=r"'X': a size in .* is negative"):
        cg.input("X", shape=(2, -1))
    with pytest.raises(cg.CgraphError, match=r"feeds are a dictionary, \{X: array\}; got list"):
        cg.run(x * x, [2.0])
    with pytest.raises(cg.GradientError, match="takes nodes"):
        cg.gradient(x * x, 0)  # type: ignore[arg-type]
    assert len(cg.gradient(x * x, (node for node in [x]))) == 1  # type: ignore[arg-type]
    with pytest.raises(cg.CgraphError, match="'multiply' is an op: only inputs and parameters"):
        (x * x).value = 3.0


@pytest.mark.parametrize(
    ("build", "error", "said"),
    [
        (lambda x: x.reshape(4), cg.ShapeError, "6 entries do not fill"),
        (lambda x: x[5], cg.ShapeError, "out of bounds"),
        (lambda x: x.sum(axis=2), cg.ShapeError, "axis 2 is out of range for 2 dimensions"),
        (lambda x: x.sum(axis=(0, -2)), cg.ShapeError, "twice"),
        (
            lambda x: cg.concatenate([x, cg.input("y", shape=(2, 4))]),
            cg.ShapeError,
            "differ in more than axis 0",
        ),
        (lambda x: cg.stack([x, x[0]]), cg.ShapeError, "differ"),
        (lambda x: cg.split(x, 4), cg.ShapeError, "not divisible"),
        (lambda x: cg.squeeze(x, 0), cg.ShapeError, "size is not 1"),
        (lambda x: cg.broadcast_to(x, (3, 2)), cg.ShapeError, "broadcast"),
        (lambda x: cg.transpose(x, (0, 0)), cg.ShapeError, "twice"),
        (lambda x: x @ 2.0, cg.ShapeError, "scalar has no matrix product"),
        (lambda x: x * 1j, cg.DTypeError, "complex"),
        (lambda x: x * "a", cg.DTypeError, "constant"),
        (lambda x: x + None, cg.CgraphError, "constant"),
        (lambda x: cg.parameter("p"), cg.MissingValueError, "'p' needs a value"),
        (lambda x: cg.input("z", [1 + 2j]), cg.DTypeError, "'z': dtype complex128"),
        (lambda x: cg.input("s", [[1.0], [1.0, 2.0]]), cg.ShapeError, "'s'"),
        (lambda x: cg.input("v", [1.0], shape=(2,)), cg.ShapeError, "'v'"),
        (lambda x: cg.input("v", cg.input("u")), cg.DTypeError, "'v'"),
        (lambda x: x[cg.input("i", 1)], cg.UnsupportedError, "index"),
        (
            lambda x: cg.gradient(x.sum(), cg.input("b2")),
            cg.GradientError,
            "'sum' does not depend on 'b2'",
        ),
        (
            lambda x: cg.gradient(x.sum() * 2.0, [cg.constant(2.0, name="c")]),
            cg.GradientError,
            "'c' is a constant",
        ),
        (lambda x: cg.gradient(x.sum(), [3.0]), cg.GradientError, "takes nodes"),
        (lambda x: cg.run(3.0), (cg.CgraphError, TypeError), "float"),
        (lambda x: cg.run(x, check="inf"), ValueError, "check"),
    ],
)
def test_mistakes_are_told_when_they_are_made(build: Any, error: Any, said: str) -> None:
    x = cg.input("x", np.ones((2, 3)))
    with pytest.raises(error, match=said) as caught:
        build(x)
    assert len(str(caught.value)) > 10


def test_values_that_do_not_fit() -> None:
    X = cg.input("X", shape=(2, None))
    total = X.sum()
    with pytest.raises(cg.MissingValueError, match="no value for input 'X'"):
        cg.run(total)
    with pytest.raises(
        cg.ShapeError, match=r"'X' has shape \(2, None\); got a value of shape \(3, 3\)"
    ):
        cg.run(total, {X: np.ones((3, 3))})
    with pytest.raises(cg.DTypeError, match="'n' has dtype int64"):
        n = cg.input("n", shape=(2,), dtype=np.int64)
        cg.run(n + 1, {n: [0.5, 1.5]})
    w = cg.parameter("w", [1.0, 2.0])
    with pytest.raises(cg.ShapeError, match="'w'"):
        w.value = 3.0
    with pytest.raises(cg.CgraphError, match="only inputs and parameters"):
        total.value = 3.0
    c = cg.constant(2.0, name="c")
    with pytest.raises(cg.CgraphError, match="'c'"):
        cg.run(w * c, {c: 3.0})
    with pytest.raises(cg.CgraphError, match="feeds take leaves"):
        cg.run(total, {total: 3.0})
    with pytest.raises(cg.MissingValueError, match="'sum' has no value yet"):
        _ = total.value


def test_unknown_sizes_that_turn_out_different() -> None:
    A, B = cg.input("A", shape=(None, 2)), cg.input("B", shape=(None, 2))
    both = A * B
    with pytest.raises(cg.ShapeError, match=r"'A' came out as \(3, 2\) but 'B' as \(1, 2\)"):
        cg.run(both, {A: np.ones((3, 2)), B: np.ones((1, 2))})
    with pytest.raises(cg.CgraphError):
        cg.run(cg.input("C", shape=(2, None)) @ np.ones((3, 1)), {})


def test_prod_says_that_its_gradient_needs_sizes() -> None:
    X = cg.input("X", shape=(2, None))
    with pytest.raises(cg.UnsupportedError, match="sizes that are known"):
        cg.gradient(cg.sum(cg.prod(X, axis=1)), X)


# --- a node is not a number -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "use",
    [
        bool, float, int, complex, np.asarray, np.array, lambda x: np.array([x, x]), lambda x: 1 if x > 0 else 0, lambda x: x and 1,
        lambda x: max(x, 1.0), lambda x: np.float64(3.0).__class__(x), lambda x: range(x),
    ],
)  # fmt: skip
def test_a_node_is_not_a_number(use: Any) -> None:
    x = cg.input("x", 2.0)
    with pytest.raises(TypeError) as caught:
        use(x)
    if use is not range and "range" not in str(caught.value) and "integer" not in str(caught.value):
        assert isinstance(caught.value, cg.UnsupportedError)
        assert "node.value" in str(caught.value) or "cg.where" in str(caught.value)


def test_length_iteration_and_membership() -> None:
    v = cg.parameter("v", [1.0, 2.0, 3.0])
    assert len(v) == 3
    a, _b, c = v
    assert float((a * c).backward().value(a)) == 1.0
    with pytest.raises(TypeError):
        len(cg.input("x", 1.0))
    with pytest.raises(TypeError):
        iter(cg.input("X", shape=(None,))).__next__()
    assert v in [v] and {v: 1}[v] == 1 and v is v
    other = cg.parameter("v", [1.0, 2.0, 3.0])
    assert {v, other, v} == {other, v} and len({v, other}) == 2


# --- why a gradient is not there --------------------------------------------------------------------------------------------------


def test_a_missing_gradient_says_why() -> None:
    x, w, c = cg.input("x", 2.0), cg.parameter("w", 3.0), cg.constant(4.0, name="c")
    data = x * 2.0
    loss = w * data + c
    run = loss.backward()
    for node, why in [
        (x, "inputs are data"),
        (c, "constants"),
        (data, "no parameter"),
        (cg.parameter("v", 1.0), "does not depend on 'v'"),
    ]:
        assert not run.has_grad(node)
        with pytest.raises(cg.NoGradientError, match=why):
            run.grad(node)
    with pytest.raises(KeyError, match="forward only"):
        cg.run(loss).grad(w)
    assert (
        cg.run(loss) and float(w.grad) == 4.0
    )  # of the latest backward pass, which a forward run does not undo
    fresh = cg.parameter("fresh", 1.0)
    with pytest.raises(cg.NoGradientError, match="no backward pass"):
        cg.run(fresh * 2.0) and fresh.grad
    with pytest.raises(cg.CgraphError, match="not part of this run"):
        run.value(cg.input("other", 1.0))
    with pytest.raises(cg.GradientError, match="not a parent"):
        run.local(loss, w)
    with pytest.raises(cg.GradientError, match="give the position"):
        quotient = w / w
        quotient.backward().local(quotient, w)
    with pytest.raises(cg.GradientError, match="one root"):
        cg.run([loss, data]).backward()


def test_no_parameter_below() -> None:
    x = cg.input("x", 2.0)
    run = (x * x).backward()
    with pytest.raises(cg.NoGradientError, match=r"cg\.gradient"):
        run.grad(x)


def test_a_gradient_of_zero_is_there() -> None:
    """Reached only through something flat: the gradient exists and is 0."""
    w = cg.parameter("w", [1.0, -2.0])
    for out in (
        cg.sum(cg.stop_gradient(w)) + cg.sum(w * 0.0),
        cg.sum(cg.sign(w)),
        cg.sum(cg.where(w > 0, 1.0, 2.0)) + 0.0 * w[0],
    ):
        np.testing.assert_array_equal(out.backward().grad(w), [0.0, 0.0])
    np.testing.assert_array_equal(
        cg.run(cg.gradient(cg.sum(cg.sign(w)), w)).roots[0].value, [0.0, 0.0]
    )


# --- where a NaN comes from -------------------------------------------------------------------------------------------------------


def test_check_names_the_first_bad_node() -> None:
    w = cg.parameter("w", [1.0, -1.0])
    root = cg.sqrt(w, name="root")
    loss = cg.sum(root * 2.0)
    with pytest.raises(cg.NonFiniteError) as caught:
        cg.run(loss, check="nan")
    said = str(caught.value)
    assert "'root' (sqrt, built at" in said and __file__ in said and "'w' = [ 1., -1.]" in said
    with pytest.raises(FloatingPointError, match="'bad'"):
        cg.run(cg.exp(cg.input("bad", np.nan)), check="nan")


def test_check_names_the_first_bad_edge() -> None:
    w = cg.parameter("w", 0.0)
    loss = cg.square(cg.sqrt(w, name="root"), name="loss")
    run = cg.run(loss, check="nan")
    with pytest.raises(cg.NonFiniteError) as caught:
        run.backward()
    said = str(caught.value)
    assert "'root' (sqrt, built at" in said and "hands to 'w'" in said and "upstream" in said
    x = cg.parameter("x", [0.0, 1.0])
    cg.run(
        cg.sum(cg.where(x > 0, cg.log(x + 0.0), 0.0))
    ).backward()  # inf is computed, but not selected
    good = cg.run(cg.sum(x * x), check="nan").backward()
    assert good.grad(x).tolist() == [0.0, 2.0]


# --- the chain rule written out ---------------------------------------------------------------------------------------------------


def test_explain_lists_paths_whose_products_add_up() -> None:
    w, x = cg.parameter("w", 3.0), cg.input("x", 2.0)
    a = cg.multiply(w, x, name="a")
    b = cg.multiply(w, a, name="b")
    loss = cg.add(a, b, name="loss")
    run = loss.backward()
    said = run.explain(w)
    assert said.startswith("∂loss/∂w = 14: 3 paths from loss to w")
    products = []
    for line in said.splitlines():
        if "×" in line:
            left, _, right = line.partition(" = ")
            factors = [
                float(re.match(r"\s*\(?(-?[\d.e+-]+)", part).group(1)) for part in left.split("×")
            ]  # type: ignore[union-attr]
            assert np.prod(factors) == pytest.approx(float(right))
            products.append(float(right))
    assert len(products) == 3 and sum(products) == 14.0 == float(run.grad(w))
    assert "sum:" in said


def test_explain_counts_exactly_and_lists_the_heaviest() -> None:
    w = cg.parameter("w", 1.0)
    y = w
    for k in range(5):
        y = y + y * float(k)
    run = y.backward()
    said = run.explain(w, most=3)
    assert "32 paths" in said and "29 more" in said
    # the heaviest product is 1·1·2·3·4 = 24 (k = 0 gives 1 by the plain edge), twice, then others
    assert re.findall(r"= ([\d.]+)$", said, re.M)[:2] == ["24", "24"] or "= 24" in said
    many = cg.parameter("m", 1.0)
    z = many
    for _ in range(60):
        z = z * z
    assert f"{2**60:,} paths" in z.backward().explain(many)


def test_explain_of_arrays_and_masks() -> None:
    W = cg.parameter("W", np.ones((2, 3)))
    loss = cg.sum(cg.sigmoid(W @ np.ones((3, 4))))
    said = loss.backward().explain(W)
    assert "1 path" in said and "W" in said
    x = cg.parameter("x", 0.0)
    safe = cg.where(x > 0.0, cg.sqrt(x), 0.0)
    said = safe.backward().explain(x)
    assert "nan" not in said and "= 0" in said
    with pytest.raises(cg.NoGradientError):
        loss.backward().explain(x)


# --- names, scopes, equations -----------------------------------------------------------------------------------------------------


def test_scopes() -> None:
    with cg.scope("net") as outer:
        with cg.scope("layer1") as inner:
            W = cg.parameter("W", 1.0)
            unnamed = W * 2.0
        b = cg.parameter("b", 1.0)
    assert (outer, inner) == ("net", "net/layer1")
    assert (W.name, W.scope, W.basename) == ("net/layer1/W", "net/layer1", "W")
    assert (unnamed.name, unnamed.scope) == (None, "net/layer1")
    assert (b.name, cg.input("x").name) == ("net/b", "x")
    with pytest.raises(RuntimeError), cg.scope("broken"):
        raise RuntimeError
    assert cg.input("y").scope == ""


def test_a_graph_prints_as_equations() -> None:
    x, w = cg.input("x", 2.0), cg.parameter("w", np.ones((2, 3), np.float32))
    loss = cg.mean(cg.exp(w * x)[0, 1:], name="loss")
    said = str(loss)
    assert [line.split()[0] for line in said.splitlines()] == [
        str(i) for i in range(1, len(said.splitlines()) + 1)
    ]
    for part in ("x: input", "w: parameter", "multiply(", "exp(", "getitem(", "loss = mean("):
        assert part in said
    assert "float32" in str(w) and repr(w) == "<parameter 'w' (2, 3) float32>" and f"{w}" == repr(w)


def test_nodes_know_the_line_that_built_them() -> None:
    x = cg.parameter("x", [1.0])
    number = cg.parameter("n", 1.0)
    built = [
        x, number, x * 2.0, cg.sum(x), x @ x, x[0], -x, np.exp(x), number * number, number + 1.0, 2.0 - number, -number, number**2,
        abs(number), np.exp(number), cg.exp(number), number > 1.0, cg.keras_bce(number, 1.0), cg.gradient(number * number, number),
    ]  # fmt: skip
    for node in built:
        assert re.fullmatch(rf"{HERE}:\d+", node.site), node
    line = int((x + x).site.rpartition(":")[2])
    assert "line = int((x + x)" in open(__file__, encoding="utf-8").read().splitlines()[line - 1]


def test_local_gradients_are_recorded_and_readable() -> None:
    z = cg.parameter("z", 0.0)
    p = cg.sigmoid(z, name="p")
    run = cg.square(p, name="loss").backward()
    local = run.local(p, z)
    assert float(local.array) == 0.25 and local.formula == "p(1−p)"
    assert float(local.vjp(1.0)) == float(local.jvp(1.0)) == 0.25 and local.dense().shape == ()
    assert run.local(p, 0) is local and "Diagonal" in repr(local)
    big = cg.parameter("big", np.ones((40, 40)))
    wide = cg.sum(cg.exp(big) * 1.0)
    run = wide.backward()
    with pytest.raises(ValueError, match="dense"):
        run.local(wide.parents[0].parents[0], 0).dense()
