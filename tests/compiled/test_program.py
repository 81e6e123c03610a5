"""What a Program promises its users: shapes, values, outputs, threads, pickles, errors."""

from __future__ import annotations

import copy
import pickle
import re
import threading
import traceback
from typing import Any

import numpy as np
import pytest

import cgraph as cg


def logistic() -> tuple[Any, Any, Any, Any, Any]:
    X, Y = cg.input("X", shape=(2, None)), cg.input("Y", shape=(1, None))
    W, b = cg.parameter("W", [[0.1, 0.6]]), cg.parameter("b", [[0.0]])
    cost = cg.mean(cg.stable_bce(cg.add(W @ X, b, name="Z"), Y), name="cost")
    return X, Y, W, b, cost


def test_as_the_article_has_it() -> None:
    X, Y, W, b, cost = logistic()
    data, labels = cg.datasets.and_gate()
    f = cg.compile([cost], inputs=[X, Y], gradients=[W, b])
    (value,), (dW, db) = f(data, labels)
    run = cost.backward({X: data, Y: labels})
    np.testing.assert_allclose(value, run.value(cost), rtol=1e-15)
    np.testing.assert_allclose(dW, run.grad(W), rtol=1e-14)
    np.testing.assert_allclose(db, run.grad(b), rtol=1e-14)
    assert (dW.shape, db.shape) == ((1, 2), (1, 1))


def test_any_batch_size_and_new_values_of_the_parameters() -> None:
    X, Y, W, _, cost = logistic()
    f = cg.compile(cost, [X, Y], W)
    rng = np.random.default_rng(0)
    for m in (3, 7, 1, 3):
        data, labels = rng.standard_normal((2, m)), rng.integers(0, 2, (1, m)).astype(float)
        W.value = rng.standard_normal((1, 2))
        value, dW = f(data, labels)
        run = cost.backward({X: data, Y: labels})
        np.testing.assert_allclose(value, run.value(cost), rtol=1e-14)
        np.testing.assert_allclose(dW, run.grad(W), rtol=1e-13)
    assert len(f._specialized) == 3


def test_calls_share_nothing_unless_told_to() -> None:
    X, Y, W, _, cost = logistic()
    f = cg.compile([cost], [X, Y], [W])
    data, labels = cg.datasets.and_gate()
    before = data.copy()
    _, (one,) = f(data, labels)
    kept = one.copy()
    _, (two,) = f(-data, labels)
    assert not np.shares_memory(one, two) and np.array_equal(one, kept)
    assert np.array_equal(data, before)
    _, (three,) = f(data, labels, copy=False)
    _, (four,) = f(-data, labels, copy=False)
    assert three is four
    given = np.empty((1, 2))
    (_,), (five,) = f(data, labels, out=([None], [given]))
    assert five is given and np.array_equal(given, kept)


def test_an_output_may_be_a_leaf_a_view_a_constant_or_there_twice() -> None:
    x = cg.input("x", shape=(2, 3))
    y = cg.exp(x)
    c = cg.constant(np.arange(3.0))
    f = cg.compile([x, y, y.T, y, c, cg.broadcast_to(cg.sum(y), (2, 2))], [x])
    data = np.arange(6.0).reshape(2, 3)
    found = f(data)
    wanted = [data, np.exp(data), np.exp(data).T, np.exp(data), np.arange(3.0)]
    for a, b in zip(found, wanted, strict=False):
        np.testing.assert_array_equal(a, b)
    assert len({id(a) for a in found}) == 6
    found[0][:] = 0
    assert data[1, 2] == 5.0 and np.array_equal(f(data)[4], np.arange(3.0))


def test_a_sum_of_floats_that_python_refuses() -> None:
    x = cg.parameter("x", 0.0)
    for node in (1.0 / x, cg.log(x), cg.exp(x + 1000.0), cg.sqrt(x - 1.0), cg.power(x, -1.0)):
        f = cg.compile([node], gradients=[x])
        (value,), (slope,) = f()
        run = node.backward()
        np.testing.assert_array_equal(value, run.value(node))
        np.testing.assert_array_equal(slope, run.grad(x))


@pytest.mark.parametrize("z", [-1e308, -800.0, -710.0, -40.0, -1.0, 0.0, 1.0, 40.0, 800.0, 1e308])
@pytest.mark.parametrize("shape", [(), (3,)])
def test_both_tails(z: float, shape: tuple[int, ...]) -> None:
    x = cg.parameter("z", np.full(shape, z))
    for y in (0.0, 1.0, 0.25):
        for node in (
            cg.sigmoid(x),
            cg.softplus(x),
            cg.stable_bce(x, y),
            cg.tanh(x),
            cg.sigmoid(x) * cg.softplus(x),
        ):
            root = cg.sum(node)
            f = cg.compile([root], gradients=[x])
            (value,), (slope,) = f()
            run = root.backward()
            np.testing.assert_allclose(value, run.value(root), rtol=2e-15, atol=1e-303)
            np.testing.assert_allclose(slope, run.grad(x), rtol=4e-15, atol=1e-303)


def test_threads_on_one_program() -> None:
    x = cg.input("x", shape=(2000,))
    f = cg.compile([cg.sum(cg.sin(x) * x), cg.exp(x)], [x])
    data = [np.random.default_rng(i).standard_normal(2000) for i in range(8)]
    wanted = [f(d) for d in data]
    failed = []

    def work(i: int) -> None:
        for _ in range(100):
            a, b = f(data[i])
            if a != wanted[i][0] or not np.array_equal(b, wanted[i][1]):
                failed.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failed


def test_pickles_and_copies() -> None:
    X, Y, W, b, cost = logistic()
    f = cg.compile([cost], [X, Y], [W, b])
    data = cg.datasets.and_gate()
    for again in (pickle.loads(pickle.dumps(f)), copy.deepcopy(f)):
        for a, c in zip(f(*data)[1], again(*data)[1], strict=True):
            np.testing.assert_array_equal(a, c)


def test_a_traceback_shows_the_line() -> None:
    def refuse(x: Any) -> Any:
        raise RuntimeError("no")

    x = cg.input("x", shape=(3,))
    fussy = cg.elementwise(
        "fussy_for_programs", lambda x: x if x.size == 1 else refuse(x), 1.0, module="nowhere"
    )
    with pytest.raises(RuntimeError) as caught:
        cg.compile(fussy(x), [x])(np.ones(3))
    assert "fussy_for_programs(x)" in "".join(traceback.format_exception(caught.value))


def test_whole_numbers_truth_values_and_user_rows() -> None:
    i = cg.input("i", shape=(4,), dtype=np.int64)
    m = cg.input("m", shape=(4,), dtype=bool)
    x = cg.parameter("x", np.linspace(-1, 1, 4))
    node = cg.sum(cg.where(m, x * i, i * 2) + cg.cumsum(x) + i[::-1])
    f = cg.compile([node, i * 2, ~m, i + m], [i, m], [x])
    data, mask = np.array([3, 1, 4, 1]), np.array([True, False, True, True])
    values, (dx,) = f(data, mask)
    run = node.backward({i: data, m: mask})
    np.testing.assert_allclose(values[0], run.value(node))
    np.testing.assert_allclose(dx, run.grad(x))
    assert values[1].dtype == np.int64 and values[2].dtype == bool
    np.testing.assert_array_equal(values[3], data + mask)


def test_a_branch_not_taken_has_no_gradient() -> None:
    x = cg.parameter("x", [-1.0, 0.0, 4.0])
    root = cg.sum(cg.where(x > 0, cg.sqrt(x), 0.0) + cg.where(x > 0, cg.log(x), x))
    _, (dx,) = cg.compile([root], gradients=[x])()
    np.testing.assert_array_equal(dx, root.backward().grad(x))


def test_errors() -> None:
    X, Y, W, _, cost = logistic()
    f = cg.compile([cost], [X, Y], [W])
    data, labels = cg.datasets.and_gate()
    with pytest.raises(cg.ShapeError, match="'X' has shape"):
        f(data[0], labels)
    with pytest.raises(cg.ShapeError, match="came out as"):
        f(data, labels[:, :3])
    with pytest.raises(cg.CgraphError, match="takes 2 values"):
        f(data)
    with pytest.raises(cg.DTypeError, match="supported"):
        f(np.array([["a"]]), labels)
    with pytest.raises(cg.MissingValueError, match="'Y' has no value"):
        cg.compile([cost], [X])
    with pytest.raises(cg.CgraphError, match="do not depend"):
        cg.compile([cost], [X, Y, cg.input("q")])
    with pytest.raises(cg.GradientError):
        cg.compile([W @ X], [X], [W])
    with pytest.raises(cg.CgraphError, match="call it once"):
        _ = cg.compile([cost], [X, Y]).source
    with pytest.raises(ValueError, match="backend"):
        cg.compile([cost], [X, Y], backend="fortran")


def test_a_function() -> None:
    @cg.compile
    def f(p: Any, x: Any, *, power: int = 2) -> Any:
        h = cg.tanh(p["W"] @ x + p["b"])
        return {"sum": cg.sum(h**power), "h": h}

    rng = np.random.default_rng(0)
    p = {"W": rng.standard_normal((3, 2)), "b": rng.standard_normal((3, 1))}
    for m in (4, 5):
        x = rng.standard_normal((2, m))
        h = np.tanh(p["W"] @ x + p["b"])
        found = f(p, x)
        np.testing.assert_allclose(found["h"], h, rtol=1e-14)
        np.testing.assert_allclose(found["sum"], np.sum(h**2), rtol=1e-13)
        np.testing.assert_allclose(f(p, x, power=3)["sum"], np.sum(h**3), rtol=1e-12)
    assert f.__name__ == "f" and "tanh" in f.source
    assert cg.compile(lambda a, b: b * 2.0)(1.0, 3.0) == 6.0
    np.testing.assert_array_equal(cg.compile(lambda a: a * 2.0)(np.arange(3.0)), [0.0, 2.0, 4.0])


def test_deep() -> None:
    x = cg.parameter("x", 1.0)
    node: Any = x
    for _ in range(20_000):
        node = node * 1.0001
    (value,), (slope,) = cg.compile([node], gradients=[x])()
    np.testing.assert_allclose([value, slope], 1.0001**20_000, rtol=1e-10)


def test_fast_is_off_by_a_unit_of_the_logit() -> None:
    """accuracy="fast": the loss is right to a few units in the last place of |z|, the gradients as ever."""
    rng = np.random.default_rng(0)
    z = cg.parameter("z", 30 * rng.standard_normal((1, 200)))
    y = rng.integers(0, 2, (1, 200)).astype(float)
    losses = cg.stable_bce(z, y)
    fast = cg.compile(losses, accuracy="fast")
    run = cg.run(losses)
    assert np.all(np.abs(fast() - run.value(losses)) <= 4e-16 * (np.abs(z.value) + 1))
    root = cg.mean(losses)
    (_,), (slope,) = cg.compile([root], gradients=[z], accuracy="fast")()
    np.testing.assert_allclose(slope, root.backward().grad(z), rtol=1e-14, atol=1e-306)
    with pytest.raises(ValueError, match="accuracy"):
        cg.compile(losses, accuracy="sloppy")


def rosenbrock(x: Any) -> Any:
    return cg.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


@pytest.mark.parametrize("n", [2, 3, 7, 50])
def test_second_derivatives(n: int) -> None:
    """Hessian and product with it, against SciPy's own and against central differences of its gradient."""
    scipy = pytest.importorskip("scipy.optimize")
    rng = np.random.default_rng(n)
    at, direction = rng.normal(size=n), rng.normal(size=n)
    x, v = cg.parameter("x", at), cg.input("v", direction)
    product = cg.compile(cg.hvp(rosenbrock(x), x, v), inputs=[x, v])
    matrix = cg.compile(cg.hessian(rosenbrock(x), x), inputs=[x])
    wanted = scipy.rosen_hess(at)
    for _ in range(2):
        np.testing.assert_allclose(matrix(at), wanted, rtol=1e-13, atol=1e-10)
        np.testing.assert_allclose(
            product(at, direction), wanted @ direction, rtol=1e-12, atol=1e-9
        )
    np.testing.assert_array_equal(product(at, direction, copy=False), product(at, direction))
    other = rng.normal(size=n)
    np.testing.assert_allclose(
        matrix(other, copy=False), scipy.rosen_hess(other), rtol=1e-13, atol=1e-10
    )


@pytest.mark.parametrize("shape", [(3, 4), (40, 30), (300, 300), (2, 3, 4)])
def test_outputs_in_another_order_of_axes(shape: tuple[int, ...]) -> None:
    """Transposed results, of products, sums and what is added into zeros; handed out twice, too."""
    rng = np.random.default_rng(0)
    a = cg.parameter("a", rng.normal(size=shape))
    axes = tuple(np.roll(np.arange(len(shape)), 1).tolist())
    turned = cg.transpose(cg.exp(a) + 1.0, axes)
    placed = cg.gradient(cg.sum(cg.square(a[1:])) + cg.sum(cg.exp(a[..., :-1])), [a])[0]
    both = cg.transpose(placed, axes)
    product = cg.transpose(a[..., 0] @ cg.transpose(a[..., 1])) if len(shape) == 3 else a.T
    outputs = [turned, both, placed, turned * 2.0, product, both]
    program = cg.compile(outputs, inputs=[a])
    run = cg.run(outputs)
    for options in ({}, {"copy": False}):
        for found, node in zip(program(a.value, **options), outputs, strict=True):
            np.testing.assert_allclose(found, run.value(node), rtol=1e-14, atol=1e-15)
            assert found.flags.c_contiguous


def test_a_part_is_added_where_it_lies() -> None:
    """Sums of parts among zeros: one by one, two that overlap, single entries, and an array that is needed afterwards."""
    rng = np.random.default_rng(1)
    x = cg.parameter("x", rng.normal(size=(6, 5)))
    y = cg.exp(x)
    parts = cg.sum(cg.square(y[1:4])) + cg.sum(y[2:, ::2] ** 3) + y[0, 0] * y[-1, -1] + cg.sum(y)
    loss = parts + cg.sum(cg.tanh(y) * y)
    slope = cg.gradient(loss, [x])[0]
    again = slope + y
    program = cg.compile([loss, slope, again], inputs=[x])
    run = cg.run([loss, slope, again])
    for found, node in zip(program(x.value), (loss, slope, again), strict=True):
        np.testing.assert_allclose(found, run.value(node), rtol=1e-13)


def test_a_named_node_stays_in_one_piece() -> None:
    """Constants travel in a program without gradients, but not out of what has a name."""
    x = cg.input("x", shape=(30,))
    half = cg.multiply(x, 0.5, name="half")
    program = cg.compile(cg.exp(half * half * 3.0), inputs=[x])
    assert re.search(r"multiply\(x, half_?\d*, half", program.source) or ", half)" in program.source
    data = np.linspace(-2.0, 2.0, 30)
    np.testing.assert_allclose(program(data), np.exp(0.75 * data**2), rtol=1e-15)


def test_open_sizes_without_copies() -> None:
    x = cg.input("x", shape=(None,))
    program = cg.compile(cg.exp(x), inputs=[x], copy=False)
    for n in (3, 5, 3, 5, 5):
        data = np.linspace(0.0, 1.0, n)
        np.testing.assert_array_equal(program(data), np.exp(data))
    assert program(data) is program(data)


def test_large_results_are_recycled_only_when_nobody_holds_them() -> None:
    """A result, a view of it, or a buffer of it that is kept stays as it is; the memory of one that is gone is used again."""
    x = cg.input("x", shape=(300_000,))
    program = cg.compile([cg.exp(x), x + 1.0], [x])
    data = [np.full(300_000, float(k)) for k in range(7)]
    kept: list[Any] = []
    for k, given in enumerate(data):
        a, b = program(given)
        kept += (
            [(k, a[100:200], k), (k, memoryview(b), k)] if k % 2 else [(k, a, k), (k, b[::-1], k)]
        )
        del a, b
    for k, held, _ in kept:
        wanted = (np.exp(data[k][0]), k + 1.0)
        assert (
            np.all(np.isin(np.asarray(held), wanted)) and len(set(np.asarray(held).tolist())) == 1
        )
    addresses = set()
    for given in data:
        addresses.add(program(given)[0].ctypes.data)
    assert len(addresses) <= 2
    first = program(data[1])
    second = program(data[2])
    third = program(data[3])
    assert [r[0][0] for r in (first, second, third)] == [np.exp(k) for k in (1.0, 2.0, 3.0)]


def test_large_results_of_threads_are_their_own() -> None:
    x = cg.input("x", shape=(200_000,))
    program = cg.compile(cg.exp(x) * 2.0, [x])
    wrong: list[float] = []

    def work(k: float) -> None:
        for _ in range(30):
            found = program(np.full(200_000, k))
            if not np.all(found == 2.0 * np.exp(k)):
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(0.1 * k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def beale(x: Any) -> Any:
    p, q = x[0], x[1]
    return (1.5 - p + p * q) ** 2 + (2.25 - p + p * q**2) ** 2 + (2.625 - p + p * q**3) ** 2


def test_small_graphs_run_on_numbers() -> None:
    """A Hessian of two variables against complex steps and differences in mpmath; no array is touched on the way."""
    mp = pytest.importorskip("mpmath")
    at = np.array([1.25, 0.75])
    x = cg.parameter("x", at)
    program = cg.compile(cg.hessian(beale(x), x), inputs=[x])
    with mp.workdps(60):
        wanted = [[float(mp.diff(lambda p, q: beale((p, q)), tuple(at), orders)) for orders in row]
                  for row in (((2, 0), (1, 1)), ((1, 1), (0, 2)))]  # fmt: skip
    np.testing.assert_allclose(program(at), wanted, rtol=1e-13)
    assert "entries(x)" in program.source and "multiply(" not in program.source
    assert program(at).shape == (2, 2) and not np.shares_memory(program(at), program(at))
    into = np.empty((2, 2))
    assert program(at, out=into) is into
    np.testing.assert_array_equal(into, program(at))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(program))(at), into)
    program.plan, program.stats(), print(program.profile(at, repeats=3))


def test_what_numbers_refuse_is_answered_with_infinities() -> None:
    """Python's floats raise where NumPy has inf and NaN; on numbers, too, a program gives what a run does."""
    x, s = cg.parameter("x", [1.0, 2.0, 3.0]), cg.parameter("s", 2.0)
    y = cg.log(x) / s + cg.exp(x * 300.0) * 1e-3 + cg.sqrt(x)
    z = cg.stable_bce(x * 100.0, cg.sigmoid(s)) + cg.softplus(x) - cg.max(x) * cg.min(y)
    outputs = [y, z, cg.sum(z), x @ y, cg.concatenate([y, z[:1]])]
    program = cg.compile(outputs, inputs=[x, s])
    assert "entries(" in program.source
    for data in (
        [1.0, 2.0, 3.0],
        [0.0, -1.0, 5.0],
        [np.inf, -np.inf, np.nan],
        [1e300, -1e300, -0.0],
    ):
        for scale in (2.0, 0.0):
            x.value, s.value = data, scale
            run = cg.run(outputs)
            for found, node in zip(program(x.value, s.value), outputs, strict=True):
                np.testing.assert_allclose(found, run.value(node), rtol=1e-13)


def test_truth_values_of_one_entry() -> None:
    """Conditions that are numbers in the source, reshaped or known beforehand."""
    x = cg.parameter("x", [0.3])
    y = cg.reshape(cg.logical_not(cg.logical_and(x > 0.0, cg.reshape(x, (1, 1)) > 0.5)), (1,))
    known = cg.where(cg.constant(True), x, 2.0 * x)
    root = cg.sum(cg.where(y, cg.tanh(x), x) * known) + cg.sum(cg.where(np.array([True]), x, 0.0))
    (value,), (slope,) = cg.compile([root], gradients=[x])()
    run = root.backward()
    np.testing.assert_allclose(value, run.value(root), rtol=1e-15)
    np.testing.assert_allclose(slope, run.grad(x), rtol=1e-15)


def test_whole_numbers_are_fed_as_such() -> None:
    k = cg.input("k", shape=(), dtype=np.int64)
    double = k * 2
    program = cg.compile(double, inputs=[k])
    assert program(3) == 6 and cg.run(double, {k: 3}).value(double) == 6
    assert program(3).dtype == np.int64
    with pytest.raises(cg.DTypeError, match="lose information"):
        program(3.5)
