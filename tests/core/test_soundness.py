"""Where other engines have been caught: each test is a fault that at least one well known engine has."""

from __future__ import annotations

import copy
import gc
import pickle
import threading
import weakref
from typing import Any

import numpy as np
import pytest

import cgraph as cg


def small_net() -> tuple[cg.Node, list[cg.Node]]:
    W, b = cg.parameter("W", [[0.1, -0.6]]), cg.parameter("b", [[0.3]])
    X, Y = cg.input("X", [[0.0, 1.0, 1.0], [1.0, 0.0, 1.0]]), cg.input("Y", [[0.0, 1.0, 1.0]])
    return cg.mean(cg.stable_bce(W @ X + b, Y), name="loss"), [W, b]


# --- gradients ----------------------------------------------------------------------------------------------------------------


def test_backward_twice_gives_the_same_numbers() -> None:
    loss, weights = small_net()
    first = loss.backward()
    before = [first.grad(w).copy() for w in weights]
    first.backward()
    second = loss.backward()
    for w, g in zip(weights, before, strict=True):
        np.testing.assert_array_equal(first.grad(w), g)
        np.testing.assert_array_equal(second.grad(w), g)
        np.testing.assert_array_equal(w.grad, g)


def test_two_runs_of_one_graph_stay_apart() -> None:
    x, w = cg.input("x"), cg.parameter("w", 3.0)
    loss = w * w * x
    one, two = loss.backward({x: 1.0}), loss.backward({x: 10.0})
    assert (float(one.grad(w)), float(two.grad(w))) == (6.0, 60.0)
    assert (float(one.value(loss)), float(two.value(loss))) == (9.0, 90.0)
    w.value = 4.0
    assert float(one.value(w)) == 3.0


def test_both_edges_of_x_times_x() -> None:
    x = cg.parameter("x", 3.0)
    y = x * x
    assert y.parents == (x, x) and cg.graph.users([x, y])[x] == [(y, 0), (y, 1)]
    run = y.backward()
    assert float(run.grad(x)) == 6.0
    assert float(run.share(y, 0)) == float(run.share(y, 1)) == 3.0
    vector = cg.parameter("v", [1.0, 2.0])
    np.testing.assert_array_equal((vector - vector).sum().backward().grad(vector), [0.0, 0.0])
    square = cg.parameter("m", [[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_array_equal(
        (square @ square).sum().backward().grad(square), [[7.0, 11.0], [9.0, 13.0]]
    )


def test_gradients_of_intermediate_nodes() -> None:
    w = cg.parameter("w", 2.0)
    h = w * w
    loss = h * h
    run = loss.backward()
    assert [float(run.grad(n)) for n in (loss, h, w)] == [1.0, 8.0, 32.0]
    assert float(h.grad) == 8.0
    first = cg.gradient(loss, h)
    assert float(cg.run(first).value(first)) == 8.0


def test_a_gradient_has_the_dtype_of_its_node_also_where_wider_data_came_in() -> None:
    W, b = (
        cg.parameter("W", np.ones((3, 2), np.float32)),
        cg.parameter("b", np.zeros((3, 1), np.float32)),
    )
    X = cg.input("X", shape=(2, None))  # float64
    hidden = W @ X + b
    run = cg.mean(cg.tanh(hidden)).backward({X: np.ones((2, 4))})
    for node in run.order:
        if run.has_grad(node):
            assert run.grad(node).dtype == node.dtype, node
    assert W.grad.dtype == np.float32 and run.grad(hidden).dtype == np.float64
    x, wide = np.ones(2, np.float32), np.array([1.0, 2.0])
    assert cg.grad(lambda x: cg.sum(x * wide))(x).dtype == np.float32
    value, tangent = cg.jvp(lambda x: x + wide, (x,), (x,))
    assert value.dtype == tangent.dtype == np.float64
    assert cg.jacobian(lambda x: x + wide)(x).tolist() == [[1.0, 0.0], [0.0, 1.0]]


def test_shared_subexpressions_and_deep_reuse() -> None:
    x = cg.parameter("x", 1.0)
    shared = cg.exp(x)
    total = shared
    for _ in range(5):
        total = total + shared * total
    # total = e^x (1 + e^x)^5
    e = np.e
    assert float(total.backward().grad(x)) == pytest.approx(
        e * (1 + e) ** 5 + 5 * e * e * (1 + e) ** 4, rel=1e-14
    )


def test_an_array_mutated_after_capture_changes_nothing() -> None:
    data, start, factor, index = (
        np.array([1.0, 2.0]),
        np.array([3.0, 4.0]),
        np.array([5.0, 6.0]),
        np.array([0, 1]),
    )
    x, w = cg.input("x", data), cg.parameter("w", start)
    fed = cg.input("fed", shape=(2,))
    loss = cg.sum(w[index] * x * factor * fed)
    feed, upstream = np.array([1.0, 1.0]), np.array(1.0)
    run = cg.run(loss, {fed: feed})
    for array in (data, start, factor, feed):
        array[:] = 100.0
    index[:] = 0
    run.backward(upstream)
    np.testing.assert_array_equal(run.grad(w), [5.0, 12.0])
    value = np.array([7.0, 8.0])
    w.value = value
    value[:] = 0
    np.testing.assert_array_equal(w.value, [7.0, 8.0])


def test_what_is_handed_out_is_read_only() -> None:
    loss, (W, b) = small_net()
    run = loss.backward()
    for array in (
        run.value(W),
        run.grad(W),
        W.value,
        W.grad,
        run.value(loss),
        run.grad(b),
        run.local(loss.parents[0], 0).array,
    ):
        with pytest.raises(ValueError):
            array[...] = 0.0


def test_upstream() -> None:
    x = cg.parameter("x", [1.0, 2.0, 3.0])
    y = x * x
    for refused in (lambda: y.backward(), lambda: cg.gradient(y, x)):
        with pytest.raises(
            cg.GradientError,
            match=r"backward needs a scalar; 'multiply' has shape \(3,\). Reduce it",
        ):
            refused()
    np.testing.assert_array_equal(y.backward(upstream=[1.0, 0.0, 10.0]).grad(x), [2.0, 0.0, 60.0])
    with pytest.raises(cg.ShapeError, match="upstream has shape"):
        y.backward(upstream=[1.0, 2.0])
    one = cg.parameter("one", [[2.0]])
    np.testing.assert_array_equal((one * one).backward().grad(one), [[4.0]])


# --- where: an unselected branch gives 0 by structure ---------------------------------------------------------------------------

X = np.array([-1.0, 0.0, 4.0])
DANGEROUS = {
    "sqrt": (lambda x: cg.where(x > 0, cg.sqrt(x), 0.0), [0.0, 0.0, 0.25], [0.0, 0.0, -1 / 32]),
    "log": (lambda x: cg.where(x > 0, cg.log(x), x), [1.0, 1.0, 0.25], [0.0, 0.0, -1 / 16]),
    "division": (lambda x: cg.where(x > 0, 1.0 / x, 0.0), [0.0, 0.0, -1 / 16], [0.0, 0.0, 2 / 64]),
    "other branch": (lambda x: cg.where(x <= 0, 0.0, x**-0.5), [0.0, 0.0, -1 / 16], [0.0, 0.0, 0.75 / 32]),
    "exp": (lambda x: cg.where(x < 5, x * x, cg.exp(x * 1000.0) * 0.0), [-2.0, 0.0, 8.0], [2.0, 2.0, 2.0]),
    "chain": (lambda x: cg.where(x > 0, cg.log(cg.sqrt(x) * 2.0), 0.0), [0.0, 0.0, 0.125], [0.0, 0.0, -1 / 32]),
    "reshape": (lambda x: cg.where(x.reshape(3, 1) > 0, cg.sqrt(x).reshape(3, 1), 0.0).reshape(3), [0.0, 0.0, 0.25], [0, 0, -1 / 32]),
    "transpose": (lambda x: cg.where(cg.stack([x, x]).T > 0, cg.stack([cg.sqrt(x)] * 2).T, 0.0)[:, 0], [0, 0, 0.25], [0, 0, -1 / 32]),
    "getitem": (lambda x: cg.where(x[::-1] > 0, cg.sqrt(x)[::-1], 0.0), [0.0, 0.0, 0.25], [0.0, 0.0, -1 / 32]),
    "fancy": (lambda x: cg.where(x[[2, 0, 1]] > 0, cg.sqrt(x)[[2, 0, 1]], 0.0), [0.0, 0.0, 0.25], [0.0, 0.0, -1 / 32]),
    "concatenate": (lambda x: cg.where(x > 0, cg.concatenate([cg.sqrt(x[:2]), cg.sqrt(x[2:])]), 0.0), [0, 0, 0.25], [0, 0, -1 / 32]),
    "broadcast": (lambda x: cg.where(np.eye(3)[1:] * x > 0, cg.sqrt(x), 0.0).sum(axis=0), [0.0, 0.0, 0.25], [0.0, 0.0, -1 / 32]),
    "sum": (lambda x: cg.where(x > 0, cg.sum(cg.stack([cg.sqrt(x), x]), axis=0), 0.0), [0.0, 0.0, 1.25], [0.0, 0.0, -1 / 32]),
    "mean": (lambda x: cg.where(x > 0, cg.mean(cg.stack([cg.sqrt(x), x]), axis=0), 0.0), [0.0, 0.0, 0.625], [0.0, 0.0, -1 / 64]),
    "max": (lambda x: cg.where(x > 0, cg.max(cg.stack([cg.sqrt(x), x - 9.0]), axis=0), 0.0), [0.0, 0.0, 0.25], [0.0, 0.0, -1 / 32]),
    "logsumexp": (lambda x: cg.where(x > 0, cg.logsumexp(cg.stack([cg.log(x)]), axis=0), 0.0), [0.0, 0.0, 0.25], [0.0, 0.0, -1 / 16]),
    "softmax": (lambda x: cg.where(x > 0, cg.softmax(cg.stack([cg.log(x), 0.0 * x]), axis=0)[0], 0.0), [0, 0, 1 / 25], [0, 0, -2 / 125]),
    "prod": (lambda x: cg.where(x > 0, cg.prod(cg.stack([cg.sqrt(x), x * 0.0 + 1.0]), axis=0), 0.0), [0, 0, 0.25], [0, 0, -1 / 32]),
    "nested": (lambda x: cg.where(x > 0, cg.where(x > 0, cg.sqrt(x), 7.0), 0.0), [0.0, 0.0, 0.25], [0.0, 0.0, -1 / 32]),
    "nested differently": (lambda x: cg.where(x > 0, cg.where(x > 5, 7.0, cg.sqrt(x)), 0.0), [0.0, 0.0, 0.25], [0.0, 0.0, -1 / 32]),
    "two uses": (lambda x: cg.where(x > 0, cg.sqrt(x), 0.0) + cg.where(x > 1, cg.log(x), 0.0), [0.0, 0.0, 0.5], [0, 0, -1 / 32 - 1 / 16]),
    "shared": (
        lambda x: (lambda r: cg.where(x > 0, r, 0.0) + cg.where(x > 1, 2.0 * r, 0.0))(cg.sqrt(x)), [0.0, 0.0, 0.75], [0, 0, -3 / 32],
    ),
    "negative": (lambda x: cg.where(x > 0, -cg.sqrt(x) - 1.0, 0.0), [0.0, 0.0, -0.25], [0.0, 0.0, 1 / 32]),
}  # fmt: skip


@pytest.mark.parametrize("name", DANGEROUS)
def test_where_with_a_dangerous_branch(name: str) -> None:
    f, expected, curvature = DANGEROUS[name]
    x = cg.parameter("x", X)
    loss = cg.sum(f(x))
    np.testing.assert_allclose(loss.backward().grad(x), expected, rtol=1e-14)
    first = cg.gradient(loss, x)
    np.testing.assert_allclose(cg.run(first).value(first), expected, rtol=1e-14)
    tangent = cg.jvp(loss, x, np.array([1.0, 1.0, 0.0]))
    np.testing.assert_allclose(cg.run(tangent).value(tangent), np.sum(expected[:2]), rtol=1e-14)
    second = cg.gradient(cg.sum(first), x)
    np.testing.assert_allclose(cg.run(second).value(second), curvature, rtol=1e-14)
    along = cg.hvp(loss, x, np.ones(3))
    np.testing.assert_allclose(cg.run(along).value(along), curvature, rtol=1e-14)


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_what_comes_later_in_a_recurrence_does_not_matter(bad: float) -> None:
    """The gradient of the first entries alone, as it is with the later ones cut off."""
    chosen = np.array([True, False, True, False, False])
    factors = np.array([0.5, -2.0, 0.0, bad, bad])
    for f in (cg.cumprod, lambda x: cg.linear_recurrence(x, x)):
        found = cg.grad(lambda x, f=f: cg.sum(cg.where(chosen, f(x), 0.0)))(factors)
        cut = cg.grad(lambda x, f=f: cg.sum(cg.where(chosen[:3], f(x), 0.0)))(factors[:3])
        np.testing.assert_array_equal(found, [*cut, 0.0, 0.0])


def test_where_on_numbers() -> None:
    for value, expected in ((-1.0, 0.0), (0.0, 0.0), (4.0, 0.25)):
        x = cg.parameter("x", value)
        loss = cg.where(x > 0.0, cg.sqrt(x), 0.0)
        assert float(loss.backward().grad(x)) == expected
        first = cg.gradient(loss, x)
        assert float(cg.run(first).value(first)) == expected


def test_a_genuine_zero_times_infinity_surfaces() -> None:
    """Only what `where` did not select is zero by structure; a factor that happens to be 0 hides nothing."""
    x = cg.parameter("x", [0.0, 4.0])
    gradient = cg.sum(cg.sqrt(x) * np.array([0.0, 1.0])).backward().grad(x)
    assert np.isnan(gradient[0]) and gradient[1] == 0.25
    # Selected once and not selected once: the selected path counts.
    root = cg.sqrt(x)
    gradient = cg.sum(cg.where(x > 1, root, 0.0) + 0.0 * root).backward().grad(x)
    assert np.isnan(gradient[0])
    one = cg.parameter("one", 0.0)
    assert np.isnan(float((cg.sqrt(one) * 0.0).backward().grad(one)))
    assert float(cg.sqrt(one).backward().grad(one)) == np.inf


# --- copies, memory, threads ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "how",
    [
        copy.deepcopy,
        lambda x: pickle.loads(pickle.dumps(x)),
        lambda x: pickle.loads(pickle.dumps(x, 2)),
    ],
)
def test_copies_are_whole_and_apart(how: Any) -> None:
    loss, weights = small_net()
    new_loss, new_weights = how((loss, weights))
    assert new_loss is not loss and repr(new_loss) == repr(loss) and str(new_loss) == str(loss)
    np.testing.assert_array_equal(
        new_loss.backward().grad(new_weights[0]), loss.backward().grad(weights[0])
    )
    before = float(cg.run(loss).value(loss))
    new_weights[0].value = new_weights[0].value * 0.0
    assert float(cg.run(new_loss).value(new_loss)) != before == float(cg.run(loss).value(loss))
    cg.graph.verify(new_loss)


def test_copies_keep_leaves_shared() -> None:
    w = cg.parameter("w", 2.0)
    first, second = w * w, cg.exp(w)
    for a, b, leaf in (
        copy.deepcopy([first, second, w]),
        pickle.loads(pickle.dumps([first, second, w])),
    ):
        assert a.parents[0] is leaf and b.parents[0] is leaf and a.parents[1] is leaf
    for leaf, a in (copy.deepcopy([w, first]), pickle.loads(pickle.dumps((w, first)))):
        assert a.parents[0] is leaf
    lone = copy.deepcopy(w)
    assert float(lone.value) == 2.0 and copy.copy(w) is not None
    values = pickle.loads(pickle.dumps({"loss": first, "leaves": [w]}))
    assert values["loss"].parents[0] is values["leaves"][0]


def test_memory_goes_with_the_last_reference() -> None:
    """No cycles: without the garbage collector a graph, its run and its gradients are gone when the names are."""
    gc.collect()
    gc.disable()
    try:
        loss, weights = small_net()
        run = loss.backward()
        first = cg.gradient(loss, weights)
        second = cg.run(first)
        run.explain(weights[0]), str(loss), run.local(loss, 0)
        nodes = [weakref.ref(n) for n in [*run.order, *second.order]]
        runs = [weakref.ref(run), weakref.ref(second)]
        del run, second
        assert all(r() is None for r in runs)
        del loss, weights, first
        assert sum(n() is not None for n in nodes) == 0
    finally:
        gc.enable()


def test_threads_run_the_same_graph_at_once() -> None:
    loss, (W, _b) = small_net()
    X = next(n for n in cg.graph.order(loss) if n.name == "X")
    x, w = cg.input("x"), cg.parameter("w", 1.5)
    numbers = cg.sin(w * x) * cg.exp(w)
    rng = np.random.default_rng(0)
    feeds = rng.normal(size=(8, 2, 3))
    expected = [loss.backward({X: f}).grad(W).copy() for f in feeds]
    wrong: list[Any] = []

    def work(k: int) -> None:
        for _ in range(100):
            if not np.array_equal(loss.backward({X: feeds[k]}).grad(W), expected[k]):
                wrong.append(k)
            run = numbers.backward({x: float(k)})
            if abs(run.grad(w) - np.exp(1.5) * (np.sin(1.5 * k) + k * np.cos(1.5 * k))) > 1e-12:
                wrong.append(-k)
            with cg.scope(f"thread{k}"):
                if cg.parameter("w", 1.0).name != f"thread{k}/w":
                    wrong.append("scope")

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


# --- comparisons, conditions, whole numbers ------------------------------------------------------------------------------------


def test_equality_builds_a_comparison() -> None:
    x = cg.parameter("x", [0.0, 2.0])
    y = cg.sum(np.where(x == 0, 0.0, 1 / x))
    run = y.backward()
    assert float(run.value(y)) == 0.5
    assert run.grad(x).tolist() == [0.0, -0.25]
    unequal = x != np.array([0.0, 1.0])
    assert cg.run(unequal).value(unequal).tolist() == [False, True]
    assert (x == None) is False and (x != "x") is True  # noqa: E711
    with pytest.raises(cg.UnsupportedError, match="a is b"):
        bool(x == 0)


def test_bits_of_whole_numbers() -> None:
    a, b = cg.input("a", np.array([6, 5])), cg.input("b", np.array([3, 4]))
    for node, truth in [(a & b, [2, 4]), (a | 1, [7, 5]), (a ^ b, [5, 1]), (~a, [-7, -6])]:
        assert cg.run(node).value(node).tolist() == truth
    yes = a > 5
    for node, truth in [
        (yes & True, [True, False]),
        (~yes, [False, True]),
        (yes ^ yes, [False, False]),
    ]:
        assert cg.run(node).value(node).tolist() == truth
    with pytest.raises(cg.DTypeError):
        cg.input("x", 1.0) & 1.0


@pytest.mark.parametrize("condition", [True, False, 1.0, np.bool_(True)])
@pytest.mark.parametrize(
    "upper",
    [
        lambda x, b: x * b,
        lambda x, b: cg.softmax(x * b),
        lambda x, b: (x * b).T.T,
        lambda x, b: cg.reshape(x * b, -1).reshape(2, 3),
        lambda x, b: x + b[:1],
    ],
)
def test_where_with_a_constant_condition(condition: object, upper: object) -> None:
    def f(x: object, b: object, m: object) -> object:
        return cg.sum(cg.square(m(condition, upper(x, b), x)))  # type: ignore[operator]

    x, b = cg.parameter("x", np.arange(6.0).reshape(2, 3) / 4), cg.parameter("b", [0.5, 2.0, -1.0])
    run = f(x, b, cg.where).backward()  # type: ignore[attr-defined]
    taken = f(x, b, lambda c, a, other: a if c else other).backward()  # type: ignore[attr-defined]
    np.testing.assert_allclose(run.grad(x), taken.grad(x), rtol=1e-14)
    assert np.allclose(run.grad(b), taken.grad(b) if taken.has_grad(b) else 0.0, rtol=1e-14)


@pytest.mark.parametrize("f", [cg.softmax, cg.logsumexp, cg.log_softmax])
def test_exponentials_of_whole_numbers(f: object) -> None:
    whole, real = np.array([1, 2, 5]), np.array([1.0, 2.0, 5.0])
    assert np.array_equal(f(whole), f(real))  # type: ignore[operator]
    node = f(cg.input("n", whole))  # type: ignore[operator]
    assert np.array_equal(cg.run(node).value(node), f(real))  # type: ignore[operator]


def test_a_partial_that_raises_names_its_node() -> None:
    bad = cg.elementwise("bad_partial", np.sin, lambda out, x: 1.0 if x > 0 else 0.0, module="here")
    try:
        with pytest.raises(ValueError) as caught:
            cg.sum(bad(cg.parameter("x", [1.0, 2.0]), name="culprit")).backward()
        assert any("culprit" in note for note in caught.value.__notes__)
    finally:
        cg.ops.OPS.pop("bad_partial")
        cg.ops.PUBLIC.pop("bad_partial")


def test_a_forward_evaluation_elsewhere_leaves_gradients_alone() -> None:
    w = cg.parameter("w", 3.0)
    (w * w).backward()
    cg.run(cg.exp(w))
    assert float(w.grad) == 6.0
    w.value = 2.0
    with pytest.raises(cg.NoGradientError):
        w.grad  # noqa: B018
