"""A graph evaluated again goes through straight-line source: the loop of the first evaluation is the truth, to the last bit.

Every op on every shape of `cases.py`, random graphs, float32 and mixed dtypes, sizes that change from feed to feed, several roots, threads,
hard points, and errors, which have to be the loop's.
"""

from __future__ import annotations

import gc
import threading
import tracemalloc
import weakref
from typing import Any

import numpy as np
import pytest
from core.cases import CASES, Case

import cgraph as cg
from cgraph import testing
from cgraph.op import OPS
from cgraph.plan import SMALL_ENTRIES, Both

RNG = np.random.default_rng(11)


def same(a: Any, b: Any) -> bool:
    """Equal bit for bit, with the same dtype and shape; -0.0 is not 0.0, but any NaN is a NaN: its sign is the processor's whim."""
    a, b = np.asarray(a), np.asarray(b)
    if a.dtype.kind == "f":
        a, b = (np.where(np.isnan(x), np.array(np.nan, x.dtype), x) for x in (a, b))
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def compare(first: cg.Run, second: cg.Run) -> None:
    assert second._v is not None, "evaluated by the loop again"
    assert first._v is None
    assert len(first.order) == len(second.order)
    assert all(a is b for a, b in zip(first.order, second.order, strict=True))
    for node in first.order:
        assert same(first.value(node), second.value(node)), node
        assert first.has_grad(node) == second.has_grad(node), node
        if first.has_grad(node):
            assert same(first.grad(node), second.grad(node)), node
    assert first._masks.keys() == second._masks.keys()
    for node, mask in first._masks.items():
        assert same(mask, second._masks[node]), node
    for node in first.order:
        for i, parent in enumerate(node.parents):
            if first.has_grad(node) and first.has_grad(parent) and node.op.differentiable(i):
                assert same(first.share(node, i), second.share(node, i))


def looped(root: cg.Node, feeds: Any, upstream: Any) -> cg.Run:
    """The loop, on a graph that was evaluated before or not."""
    root._plan = None
    return cg.run(root, feeds).backward(upstream)


# What has no source, and why: their rules ask for sizes that are known, which numbers have and nodes have not.
NUMBERS_ONLY = {"concatenate-?"}


def build(case: Case, dtype: Any = np.float64) -> tuple[cg.Node, dict[cg.Node, Any]]:
    leaves, feeds = [], {}
    for i, (x, shape) in enumerate(zip(case.args, case.declared, strict=True)):
        x = x.astype(dtype) if x.dtype.kind == "f" else x
        if None in shape:
            leaf = cg.input(f"x{i}", shape=shape, dtype=x.dtype)
            feeds[leaf] = x
            # Inputs get no gradient: a parameter that is added makes what follows active.
            leaf = (
                leaf + cg.parameter(f"w{i}", np.zeros((), x.dtype)) if x.dtype.kind == "f" else leaf
            )
        else:
            leaf = cg.parameter(f"x{i}", x) if x.dtype.kind == "f" else cg.input(f"x{i}", x)
        leaves.append(leaf)
    return case.f(*leaves), feeds


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_every_op(dtype: Any) -> None:
    loops = set()
    for case in CASES:
        out, feeds = build(case, dtype)
        if out.is_number or not out.active:
            continue
        shape = cg.run(out, feeds).value(out).shape
        upstream = RNG.normal(size=shape)
        first = looped(out, feeds, upstream)
        second = cg.run(out, feeds).backward(upstream)
        if None in out.shape or feeds:
            second = cg.run(out, feeds).backward(upstream)
        if second._g is None:
            loops.add(case.name)
        compare(first, second)
        if second._g is not None:
            compare(first, out.backward(feeds, upstream))  # both in one go
    assert loops <= NUMBERS_ONLY, loops


@pytest.mark.parametrize("seed", range(60))
def test_random_graphs(seed: int) -> None:
    options: dict[str, Any] = {"dtypes": ("f4",)} if seed % 3 == 0 else {}
    graph = testing.random_graph(seed, **options)
    root = graph.root if graph.root.shape == () else cg.sum(graph.root)
    if root.is_number:
        pytest.skip("a graph of numbers")
    first = looped(root, None, None)
    second = root.backward()
    assert second._g is not None
    compare(first, second)
    # Hard points: zeros, infinities, NaN; other values in the same source.
    for value in (0.0, np.inf, np.nan, -1e300, 1e-310):
        for leaf in graph.leaves:
            with np.errstate(over="ignore"):
                leaf.value = np.full(leaf.shape, value).astype(leaf.dtype)
        again = root.backward()
        compare(looped(root, None, None), again)
        root.backward()


def test_mixed_dtypes_and_masks() -> None:
    w = cg.parameter("w", np.float32([-1.0, 0.0, 4.0]))
    x = cg.input("x", np.array([1.0, 2.0, 3.0]))
    safe = cg.where(w > 0, cg.sqrt(w) * x, x / w)
    loss = cg.sum(cg.where(safe > 1, safe, 0.0))
    first, second = loss.backward(), loss.backward()
    compare(first, second)
    assert second.grad(w).dtype == np.float32 and second._masks
    assert first.explain(w) == second.explain(w)
    for node in first.order:
        for i, _ in enumerate(node.parents):
            if node.op.differentiable(i):
                a, b = first.local(node, i), second.local(node, i)
                assert a.formula == b.formula and type(a.map) is type(b.map)


def test_sizes_that_change() -> None:
    X, W = cg.input("X", shape=(3, None)), cg.parameter("W", RNG.normal(size=(2, 3)))
    b = cg.parameter("b", RNG.normal(size=(2, 1)))
    loss = cg.mean(cg.stable_bce(W @ X + b, cg.sigmoid(W @ X)))
    for size in (4, 4, 7, 1, 4, 0, 7, 1):
        data = RNG.normal(size=(3, size))
        run = loss.backward({X: data})
        kept = loss._plan
        other = looped(loss, {X: data}, None)
        for node in run.order:
            assert same(run.value(node), other.value(node))
            assert not run.has_grad(node) or same(run.grad(node), other.grad(node))
        loss._plan = kept
    assert run._v is not None


def test_sizes_that_do_not_agree_are_refused_every_time() -> None:
    x, y = cg.input("x", shape=(None,)), cg.input("y", shape=(None,))
    w = cg.parameter("w", 2.0)
    total = cg.sum(w * (x + y))
    for _ in range(3):
        total.backward({x: np.ones(3), y: np.ones(3)})
    for _ in range(2):
        with pytest.raises(cg.ShapeError, match=r"'x' came out as \(3,\) but 'y' as \(1,\)"):
            total.backward({x: np.ones(3), y: np.ones(1)})
    assert float(total.backward({x: np.ones(1), y: np.ones(1)}).value(total)) == 4.0


def test_several_roots() -> None:
    a, b = cg.parameter("a", [1.0, 2.0]), cg.parameter("b", [3.0, 4.0])
    product = a * b
    total, other = cg.sum(product), cg.exp(a)
    for roots in ([total, product], [product, total], [other, total], [total, other, a], [a, a]):
        first, second, third = cg.run(roots), cg.run(roots), cg.run(roots)
        for node in first.order:
            assert same(first.value(node), third.value(node))
            assert same(first.value(node), second.value(node))
    assert float(total.backward().grad(a)[0]) == 3.0
    # Many sets of roots with one last node: what is remembered is bounded.
    for k in range(100):
        cg.run([a * float(k), total])
        cg.run([total, a * float(k)])
    assert not isinstance(total._plan, dict) or len(total._plan) <= 8


def test_feeds_and_assignments() -> None:
    w, x = cg.parameter("w", [1.0, 2.0]), cg.input("x", shape=(2,))
    loss = cg.sum(w * x)
    for _ in range(3):
        assert float(loss.backward({x: [1.0, 1.0]}).value(loss)) == 3.0
        with pytest.raises(cg.errors.MissingValueError, match="no value for input 'x'"):
            loss.backward()
    x.value = [1.0, 10.0]
    assert float(loss.backward().value(loss)) == 21.0
    w.value = [0.0, 1.0]
    assert float(loss.backward().value(loss)) == 10.0
    assert float(loss.backward({w: [1.0, 1.0]}).value(loss)) == 11.0
    assert float(loss.backward({x: [2.0, 2.0]}).value(loss)) == 2.0
    with pytest.raises(cg.ShapeError, match="'x' has shape"):
        loss.backward({x: [1.0]})
    with pytest.raises(cg.CgraphError, match="feeds take leaves"):
        loss.backward({loss: 1.0})


def test_errors_are_the_loops() -> None:
    def fails(x: Any) -> Any:
        if np.any(np.asarray(x) > 1):
            raise ValueError("too large")
        return x

    row = cg.ops.elementwise("only_small", fails, lambda out, x: 1.0 + 0.0 * x, module=__name__)
    try:
        x = cg.parameter("x", [0.5, 0.5])
        out = cg.sum(row(x, name="guarded"))
        for _ in range(3):
            out.backward()
        x.value = [0.5, 2.0]
        for _ in range(2):
            with pytest.raises(
                cg.CgraphError, match=r"'guarded' \(only_small, built at .*too large"
            ):
                out.backward()
        x.value = [0.5, 0.5]
        assert out.backward()._v is not None
    finally:
        del OPS["only_small"], cg.ops.PUBLIC["only_small"]


def test_rules_that_look_at_numbers_stay_with_the_loop() -> None:
    def partial(out: Any, x: Any) -> Any:
        return np.cos(x) if np.max(np.asarray(x)) < 5 else 0.0 * x

    row = cg.ops.elementwise("looks", np.sin, partial, module=__name__)
    try:
        x = cg.parameter("x", [0.5, 0.25])
        out = cg.sum(row(x))
        for _ in range(3):
            assert same(out.backward().grad(x), np.cos([0.5, 0.25]))
        x.value = [7.0, 0.0]
        assert out.backward().grad(x).tolist() == [0.0, 0.0]
    finally:
        del OPS["looks"], cg.ops.PUBLIC["looks"]


def test_a_row_that_is_changed_is_noticed() -> None:
    x = cg.parameter("x", [0.5, 0.25])
    out = cg.sum(cg.sin(x))
    for _ in range(3):
        good = out.backward().grad(x)
    with testing.plant("sin/0:sign"):
        assert same(out.backward().grad(x), -good)
        assert same(out.backward().grad(x), -good)
    assert same(out.backward().grad(x), good)
    before = OPS["sin"].forward
    OPS["sin"].forward = np.cos
    try:
        assert float(cg.run(out).value(out)) == pytest.approx(np.cos([0.5, 0.25]).sum())
    finally:
        OPS["sin"].forward = before
    assert float(cg.run(out).value(out)) == pytest.approx(np.sin([0.5, 0.25]).sum())


def test_check_nan_again() -> None:
    x = cg.parameter("x", [1.0, 0.0])
    loss = cg.sum(cg.log(x, name="l"))
    for _ in range(3):
        with pytest.raises(cg.errors.NonFiniteError, match=r"'l' \(log, built at"):
            cg.run(loss, check="nan")
    root = cg.sum(cg.sqrt(x, name="root"))
    for _ in range(3):
        with pytest.raises(cg.errors.NonFiniteError, match=r"'root' .* hands to 'x'"):
            cg.run(root, check="nan").backward()


# --- what an op and its local gradient share -------------------------------------------------------------------------------------


def joint_losses(z: Any, y: Any) -> list[Any]:
    """A graph for each pair of ops that is computed in one go."""
    return [
        cg.sum(cg.stable_bce(z, y)),
        cg.mean(cg.sigmoid(z)),
        cg.sum(cg.softplus(z)),
        cg.sum(cg.gelu(z)),
        cg.sum(cg.logsumexp(z, axis=0)),
        cg.sum(cg.log_softmax(z, axis=-1) ** 2),
        cg.sum(cg.stable_cross_entropy(z, y / cg.sum(y, axis=-1, keepdims=True))),
        # A value that two ask for, and one that is asked for twice.
        cg.sum(cg.sigmoid(z) * cg.softplus(z)) + cg.sum(cg.stable_bce(z, y)) + cg.sum(cg.sigmoid(z)),
    ]  # fmt: skip


HARD = [0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, 709.8, -709.8, 745.2, -745.2, 1e300, -1e300, 1.0, -36.7, 20.0]  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("shape", [(3, 5), (1, 1), (0, 3), (15, 1)])
def test_in_one_go_gives_what_two_give(dtype: Any, shape: tuple[int, ...]) -> None:
    with np.errstate(over="ignore"):
        given = [RNG.normal(size=shape) * 10, np.resize(HARD, shape)]
        values = [x.astype(dtype) for x in given]
    z = cg.parameter("z", values[0])
    y = cg.parameter("y", RNG.uniform(0.1, 1.0, size=shape))
    labels = cg.input("labels", RNG.integers(0, 2, size=shape).astype(dtype))
    for loss in [*joint_losses(z, y), *joint_losses(z, labels), *joint_losses(z[:, ::-1].T, y.T)]:
        for value in values:
            z.value = value
            first = looped(loss, None, None)
            loss.backward()
            compare(first, loss.backward())
            compare(first, cg.run(loss).backward())


def test_what_is_shared_is_computed_once() -> None:
    def text(root: cg.Node, kind: type) -> str:
        root.backward()
        root.backward()
        writer = root._plan._sources[kind, False].parts[0].__code__
        return " ".join(writer.co_names)

    z, y = cg.parameter("z", [0.5, -2.0]), cg.input("y", [0.0, 1.0])
    for loss, name in zip(
        joint_losses(z, y)[:5],
        ["stable_bce_and_stable_bce_slope", "sigmoid_and_sigmoid_slope", "softplus_and_sigmoid",
         "gelu_and_gelu_slope", "logsumexp_and_softmax"],
        strict=True,
    ):  # fmt: skip
        names = text(loss, Both).split()
        assert name in names and not set(name.split("_and_")) & set(names), names


def test_a_row_that_is_changed_is_not_taken_for_what_it_was() -> None:
    z, y = cg.parameter("z", [0.5, -2.0]), cg.input("y", [0.0, 1.0])
    loss = cg.sum(cg.stable_bce(z, y))
    for _ in range(3):
        good = loss.backward()
    for name in ("stable_bce", "stable_bce_slope", "sum"):
        before = OPS[name].forward
        OPS[name].forward = lambda *x, before=before, **params: 2.0 * before(*x, **params)
        try:
            for _ in range(3):
                run = loss.backward()
            assert same(run.grad(z), good.grad(z) * (2.0 if name == "stable_bce_slope" else 1.0))
            assert same(
                run.value(loss), good.value(loss) * (1.0 if name == "stable_bce_slope" else 2.0)
            )
        finally:
            OPS[name].forward = before
    with testing.plant("stable_bce/0:sign"):
        for _ in range(3):
            assert same(loss.backward().grad(z), -good.grad(z))
    assert same(loss.backward().grad(z), good.grad(z))


def test_ops_that_are_called_as_the_source_calls_its_own_things() -> None:
    names = ["v", "g", "v1", "g1", "part0", "lambda", "reduce", "zeros_"]
    for name in names:
        cg.ops.elementwise(name, np.sin, lambda out, x: cg.cos(x), module=__name__)
    try:
        x = cg.parameter("x", [0.5, 0.25])
        node = x
        for name in names:
            node = OPS[name](node)
        loss = cg.sum(node)
        first, second = loss.backward(), loss.backward()
        compare(first, second)
    finally:
        for name in names:
            del OPS[name], cg.ops.PUBLIC[name]


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.int64])
def test_numbers_beside_arrays_and_strided_products(dtype: Any) -> None:
    values = RNG.integers(-9, 9, size=(4, 6)).astype(dtype)
    given = cg.input("x", values)
    x = (
        given * cg.parameter("w", np.ones((), dtype))
        if np.dtype(dtype).kind == "f"
        else given * 1.0
    )
    terms = [x * c for c in (0.1, -0.0, 0.0, 1e300, 1e-300, np.inf, 1 / 3, 7)]
    terms += [0.1 + x, 0.0 - x, x / 3.0, 2.0 / (x + 0.5), 3 - x, x + np.nan]
    terms += [x[:, ::2] @ x[::2, :3].T, x[:, ::2] @ x[0, ::2], x[::2, 1] @ x[::2, ::3]]
    loss = sum([cg.sum(term) for term in terms], start=cg.constant(0.0)) * cg.parameter("s", 1.0)
    first = looped(loss, None, None)
    loss.backward()
    compare(first, loss.backward())
    compare(first, cg.run(loss).backward())


def test_second_derivatives_and_local_gradients_after_one_go() -> None:
    z, y = cg.parameter("z", RNG.normal(size=(2, 3))), cg.input("y", np.eye(2, 3))
    loss = cg.mean(cg.stable_bce(cg.sigmoid(z), y) + cg.softplus(z))
    slope = cg.gradient(loss, z)
    again = cg.sum(slope * slope)
    first, second = looped(again, None, None), None
    for _ in range(2):
        second = again.backward()
    compare(first, second)
    first = looped(loss, None, None)
    for _ in range(2):
        second = loss.backward()
    for node in first.order:
        for i in range(len(node.parents)):
            if node.op.differentiable(i):
                a, b = first.local(node, i).array, second.local(node, i).array
                assert (a is None and b is None) or same(a, b)
    # The same run, from another upstream.
    assert same(second.backward(upstream=3.0).grad(z), first.backward(upstream=3.0).grad(z))
    with pytest.raises(cg.ShapeError, match="upstream has shape"):
        loss.backward(upstream=[1.0, 2.0])


def test_threads_share_a_graph() -> None:
    X = cg.input("X", shape=(3, None))
    W = cg.parameter("W", RNG.normal(size=(2, 3)))
    loss = cg.mean(cg.tanh(W @ X) ** 2)
    data = [RNG.normal(size=(3, 1 + k)) for k in range(8)]
    expected = [looped(loss, {X: x}, None) for x in data]
    loss._plan = None
    wrong: list[Any] = []

    def work(k: int) -> None:
        for _ in range(40):
            run = loss.backward({X: data[k]})
            if not same(run.value(loss), expected[k].value(loss)) or not same(
                run.grad(W), expected[k].grad(W)
            ):
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_large_graphs_in_parts_and_beyond() -> None:
    for n in (1200, 21_000):
        x = cg.parameter("x", [0.5, -0.5])
        node = x
        for k in range(n):
            node = node * 0.999 if k % 2 else cg.add(node, x)
        loss = cg.sum(node)
        first, second = loss.backward(), loss.backward()
        assert (second._v is not None) == (n < 20_000)
        assert same(first.grad(x), second.grad(x)) and same(first.value(loss), second.value(loss))


# --- what stays, and what goes ----------------------------------------------------------------------------------------------------


def big() -> tuple[cg.Node, cg.Node, cg.Node]:
    w = cg.parameter("w", np.linspace(0.1, 1.0, 20 * SMALL_ENTRIES))
    middle = cg.exp(w, name="middle")
    return w, middle, cg.sum(cg.sin(middle), name="loss")


@pytest.mark.parametrize("evaluations", [1, 3])
def test_a_large_run_that_is_dropped_frees_what_it_held(evaluations: int) -> None:
    w, middle, loss = big()
    gc.collect()
    gc.disable()
    try:
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(evaluations):
            run = loss.backward()
        assert same(middle.value, run.value(middle)) and same(middle.grad, run.grad(middle))
        arrays = [
            weakref.ref(run._value_at(middle)),
            weakref.ref(run._grad_at(middle)),
            weakref.ref(run),
        ]
        del run
        assert [r() for r in arrays] == [None, None, None]
        # The gradient of the parameter stays, and nothing else of that size.
        assert tracemalloc.get_traced_memory()[0] - before < 1.5 * w.value.nbytes
    finally:
        tracemalloc.stop()
        gc.enable()
    assert w.grad.shape == w.shape and float(loss.value) == pytest.approx(
        np.sin(np.exp(w.value)).sum()
    )
    with pytest.raises(cg.errors.MissingValueError, match="keep the Run"):
        _ = middle.value
    with pytest.raises(cg.errors.NoGradientError, match="keep the run"):
        _ = middle.grad
    # A forward evaluation elsewhere leaves the gradient alone.
    cg.run(cg.sum(w * 2.0))
    cg.run(loss)
    assert w.grad.shape == w.shape


def test_small_values_stay_with_the_nodes() -> None:
    w = cg.parameter("w", [1.0, 2.0])
    square = cg.square(w, name="square")
    loss = cg.sum(square)
    for _ in range(3):
        loss.backward()
        assert square.value.tolist() == [1.0, 4.0] and square.grad.tolist() == [1.0, 1.0]
        assert w.grad.tolist() == [2.0, 4.0] and float(loss.value) == 5.0
    cg.run(cg.sum(square * 3.0))
    assert square.grad.tolist() == [1.0, 1.0]


def test_the_latest_evaluation_is_the_one_that_is_shown() -> None:
    x = cg.input("x", shape=(None,))
    double = cg.multiply(x, 2.0, name="double")
    total = cg.sum(double)
    cg.run(total, {x: [1.0]})
    assert double.value.tolist() == [2.0]
    large = cg.run(total, {x: np.ones(2 * SMALL_ENTRIES)})
    assert double.value.shape == (2 * SMALL_ENTRIES,)
    small = cg.run(total, {x: [5.0]})
    assert double.value.tolist() == [10.0]
    del small
    assert double.value.tolist() == [10.0]
    large = cg.run(total, {x: np.ones(2 * SMALL_ENTRIES)})
    assert double.value.shape == (2 * SMALL_ENTRIES,)
    del large
    with pytest.raises(cg.errors.MissingValueError):
        _ = double.value


def test_graphs_are_freed_with_their_plans() -> None:
    gc.collect()
    gc.disable()
    try:
        for _ in range(2):
            w = cg.parameter("w", [1.0, 2.0])
            loss = cg.sum(cg.exp(w))
            for _ in range(3):
                loss.backward()
                cg.run([loss, w])
                cg.run([w, loss])
            gone = weakref.ref(loss), weakref.ref(w)
            del w, loss
            assert [r() for r in gone] == [None, None]
    finally:
        gc.enable()


# --- keep="leaves" ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(30))
def test_keep_leaves_gives_the_same_gradients(seed: int) -> None:
    graph = testing.random_graph(seed + 1000)
    root = graph.root if graph.root.shape == () else cg.sum(graph.root)
    whole = root.backward()
    root._plan = None
    for _ in range(3):
        run = root.backward(keep="leaves")
        assert same(run.value(root), whole.value(root))
        for leaf in graph.leaves:
            assert same(run.grad(leaf), whole.grad(leaf)) and same(leaf.grad, whole.grad(leaf))
    with pytest.raises(cg.GradientError, match="dropped"):
        run.backward()


def test_what_is_dropped_is_told() -> None:
    w, middle, loss = big()
    for _ in range(3):
        run = loss.backward(keep="leaves")
        with pytest.raises(cg.errors.MissingValueError, match="'middle' was dropped"):
            run.value(middle)
        with pytest.raises(cg.errors.NoGradientError, match="'middle' was dropped"):
            run.grad(middle)
        assert run.has_grad(w) and not run.has_grad(middle)
    with pytest.raises(ValueError, match="'all' or 'leaves'"):
        loss.backward(keep="some")
    with pytest.raises(ValueError, match="check="):
        cg.run(loss, check="nan").backward(keep="leaves")


def test_keep_leaves_needs_less_memory() -> None:
    x = cg.parameter("x", np.linspace(0.1, 1.0, 100_000))
    node = x
    for _ in range(10):
        node = cg.sin(node) * 0.9 + 0.1
    loss = cg.sum(node)

    def peak(keep: str) -> int:
        gc.collect()
        tracemalloc.start()
        loss.backward(keep=keep)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    for _ in range(2):  # the first time and again
        assert peak("leaves") < 0.45 * peak("all")


def test_what_depends_on_constants_alone_is_computed_once_and_is_no_different() -> None:
    x = cg.parameter("x", np.linspace(-1.0, 1.0, 5))
    hessian = cg.hessian(cg.sum((x[1:] - x[:-1] ** 2) ** 2), x)
    first = cg.run(hessian)
    second, third = cg.run(hessian), cg.run(hessian)
    shared = 0
    for node in first.order:
        np.testing.assert_array_equal(first.value(node), second.value(node))
        if node.parents and np.shares_memory(second.value(node), third.value(node)):
            shared += 1
    assert shared >= 3
    x.value = x.value + 1.0
    moved = cg.run(hessian)
    assert not np.array_equal(moved.value(hessian), first.value(hessian))
    np.testing.assert_array_equal(third.value(hessian), first.value(hessian))


def test_a_fault_of_the_driver_is_seen_in_graphs_of_numbers() -> None:
    x = cg.parameter("x", 3.0)
    with testing.plant("engine:overwrite"):
        assert (x * x).backward().grad(x) == 3.0
    assert (x * x).backward().grad(x) == 6.0
