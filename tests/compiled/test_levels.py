"""Large graphs of numbers in levels, against runs of the same graphs."""

from __future__ import annotations

import math
import pickle
import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from compiled.nearness import assert_near

import cgraph as cg
from cgraph.compile.scalars import levels, number_program
from cgraph.compile.scalars.float_loop import Loop
from cgraph.compile.scalars.number_program import NumberProgram, table_of
from cgraph.op import OPS


@pytest.fixture(autouse=True)
def small_counts_as_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(number_program, "LARGE", 1)


def numbers(seed: int, n: int, near: int | None, unary: list[str], leaves: int = 6) -> tuple[Any, list[Any]]:  # fmt: skip
    """A random graph: `near` says how far back operands lie, and so how deep it is."""
    rng = random.Random(seed)
    start = [cg.parameter(f"x{k}", rng.uniform(-1.5, 1.5)) for k in range(leaves)]
    have: list[Any] = list(start)
    for _ in range(n):
        low = 0 if near is None else max(0, len(have) - near)
        a, b = (have[rng.randrange(low, len(have))] for _ in range(2))
        kind = rng.randrange(8)
        if kind < 2:
            c = a + b
        elif kind < 4:
            c = a * b * 0.7
        elif kind == 4:
            c = a - b
        elif kind == 5:
            c = b * b - 2.0 * a
        else:
            c = OPS[rng.choice(unary)](a)
        have.append(cg.tanh(c) if rng.random() < 0.2 else c)
    used = {p for node in have for p in node.parents}
    loose = [node for node in have if node not in used]
    while len(loose) > 1:
        loose = [a + 0.5 * b for a, b in zip(loose[::2], loose[1::2], strict=False)] + loose[len(loose) // 2 * 2 :]  # fmt: skip
    return loose[0], start


def held(root: Any, leaves: list[Any]) -> NumberProgram:
    """The program of a graph, held against a run of it, twice, and once more with other values."""
    program = cg.compile(root, gradients=leaves)
    assert isinstance(program, NumberProgram)
    for shift in (0.0, 0.0, 0.25):
        for leaf in leaves:
            leaf.value = leaf.value + shift
        value, slopes = program()
        assert_near([value, *slopes], root, leaves)
    return program


SMOOTH = ["tanh", "relu", "sin", "sigmoid", "negative", "square", "abs"]


@pytest.mark.parametrize("enough", [1, 4, 32])
@pytest.mark.parametrize("near", [None, 4, 40])
def test_wide_deep_and_mixed(
    near: int | None, enough: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(levels, "ENOUGH", enough)
    shapes = set()
    for seed in range(4):
        plan = held(*numbers(seed, 150, near, SMOOTH)).levels
        shapes.add((plan.batches > 0, plan.loops > 0))
    if enough == 1:
        assert shapes == {(True, False)}
    if enough == 4 and near is None:
        assert (True, True) in shapes


@pytest.mark.parametrize("enough", [1, 1000])
def test_every_elementwise_row(enough: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches and loops alike, of rows that have a function of floats and of rows that have none."""
    monkeypatch.setattr(levels, "ENOUGH", enough)
    rng = np.random.default_rng(0)
    tried = 0
    for op in list(OPS.values()):
        if (
            op.family != "elementwise"
            or op.partials is None
            or not op.module.startswith("cgraph.ops")
        ):
            continue
        leaves = [cg.parameter(f"x{k}", float(x)) for k, x in enumerate(rng.uniform(0.1, 0.9, 9))]
        try:
            results = [
                op(*[leaves[(k + i * i + 1) % 9] for i in range(op.arity)]) for k in range(9)
            ]
        except cg.DTypeError:
            continue  # whole numbers only
        if results[0].dtype != np.float64:
            continue
        root = cg.tanh(results[0])
        for r in results[1:]:
            root = root + r * root
        value, slopes = cg.compile(root, gradients=leaves)()
        run = root.backward()
        assert_near([value, *slopes], root, leaves, op.name)
        assert any(run.has_grad(leaf) for leaf in leaves)
        tried += 1
    assert tried > 60


def test_fan_out_repeated_operands_and_constants() -> None:
    x, y = cg.parameter("x", 0.3), cg.parameter("y", -0.2)
    total: Any = x * x
    for k in range(200):  # x has 600 shares, y a few
        total = total + cg.sin(x * (0.01 * k)) * x - (x + x)
    total = total * total + y * y * y
    program = cg.compile(total, gradients=[x, y])
    assert program.levels.batches and program.levels.loops
    run = total.backward()
    for _ in range(2):  # six hundred terms, in another order
        value, slopes = program()
        np.testing.assert_allclose([value, *slopes], [run.value(total), run.grad(x), run.grad(y)], rtol=1e-13)  # fmt: skip


def test_a_chain_of_any_depth() -> None:
    x = cg.parameter("x", 0.5)
    node: Any = x
    for _ in range(30_000):
        node = cg.tanh(node) + x
    program = cg.compile(node, gradients=x)
    value, slope = program()
    run = node.backward()
    np.testing.assert_allclose([value, slope], [run.value(node), run.grad(x)], rtol=1e-12)
    assert (program.levels.batches, program.levels.loops, program.levels.depth) == (0, 1, 60_000)


@pytest.mark.parametrize("enough", [1, 1000])
def test_infinities_and_nan(enough: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Python's floats raise, and where zero meets infinity."""
    monkeypatch.setattr(levels, "ENOUGH", enough)
    x, y, z = (cg.parameter(n, v) for n, v in zip("xyz", (0.0, 800.0, -1.0), strict=True))
    results = [
        cg.log(x),
        cg.exp(y),
        1.0 / x,
        cg.sqrt(z),
        cg.log(z),
        x / x,
        cg.sqrt(x),
        cg.power(y, y),
    ]
    for result in results:
        for root in (
            result,
            result * x,
            cg.relu(result) + cg.sigmoid(result),
            cg.floor(result) + y * x,
        ):
            program = cg.compile(root, gradients=[x, y, z])
            value, slopes = program()
            run = root.backward()
            np.testing.assert_array_equal(value, run.value(root))
            wanted = [run.grad(n) if run.has_grad(n) else 0.0 for n in (x, y, z)]
            np.testing.assert_array_equal(slopes, wanted)


def test_a_share_that_is_never_sent_is_not_zero_times_infinity() -> None:
    x = cg.parameter("x", 0.0)
    root = cg.floor(cg.log(x)) + x  # dfloor/dx is none, dlog/dx infinite
    assert OPS["floor"].partials != (None,) or cg.compile(root, gradients=x)()[1] == 1.0
    y = cg.less(x, 1.0)
    assert table_of(y, None) is None


def test_vectors_at_both_ends() -> None:
    v, s = cg.input("v", shape=(3, 2)), cg.parameter("s", 2.0)
    entries = [v[i, j] for i in range(3) for j in range(2)]
    row = v[1]
    total = cg.sin(row[0]) * s
    for e in entries:
        total = total + e * e * s
    out = cg.stack([total, entries[0] * s, s])
    program = cg.compile([total, out], inputs=[v], gradients=[v, s])
    assert isinstance(program, NumberProgram)
    value = np.arange(6.0).reshape(3, 2)
    (t, o), (dv, ds) = program(value)
    run = cg.run([total, out], {v: value})
    np.testing.assert_allclose(t, run.value(total), rtol=1e-15)
    np.testing.assert_allclose(o, run.value(out), rtol=1e-15)
    slopes = cg.gradient(total, [v, s])
    wanted = cg.run(slopes, {v: value})
    np.testing.assert_allclose(dv, wanted.value(slopes[0]), rtol=1e-15)
    np.testing.assert_allclose(ds, wanted.value(slopes[1]), rtol=1e-15)
    assert dv.shape == (3, 2)


def test_gradients_of_whatever_is_asked_for() -> None:
    """An input, a node in between (in a loop and in a batch), one that the output does not depend on, the output itself."""
    x, y, apart = cg.input("x", 0.4), cg.parameter("y", 0.3), cg.parameter("apart", 1.0)
    middle = x * y
    root = cg.exp(middle) * middle + x
    other = root * apart
    for enough in (1, 1000):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(levels, "ENOUGH", enough)
            program = cg.compile([root, other], gradients=[x, middle, apart, root, y])
            _, found = program()
            _, again = program()
        run = root.backward()
        e, m = math.exp(0.12), 0.12
        dm = e * m + e
        wanted = [dm * 0.3 + 1, run.grad(middle), 0.0, 1.0, run.grad(y)]
        np.testing.assert_allclose(found, wanted, rtol=1e-14)
        np.testing.assert_array_equal(found, again)


def test_what_is_not_a_graph_of_numbers_in_float64_is_left_to_others() -> None:
    x = cg.parameter("x", 0.5)
    single = cg.parameter("single", np.float32(0.5))
    whole = cg.input("n", np.asarray(3))
    vector = cg.parameter("v", [1.0, 2.0])
    for root in (x * single, x * whole, cg.sum(vector * 2.0) + x, cg.where(cg.less(x, 1.0), x, 2.0), cg.stop_gradient(x) * x):  # fmt: skip
        assert table_of(root, None) is None
        value, _ = cg.compile(root, inputs=[], gradients=[x] if root is not single else [])()
        np.testing.assert_allclose(value, cg.run(root).value(root), rtol=1e-6)


def test_calls_out_pickle_threads_and_messages() -> None:
    x, w = cg.input("x"), cg.parameter("w", 2.0)
    root = cg.tanh(x * w) + w * w
    program = cg.compile(root, gradients=[w])
    first = program(0.5)
    assert program(1.5)[0] != first[0]
    place, slope = np.empty(()), np.empty(())
    value, (found,) = program(0.5, out=(place, [slope]))
    assert value is place and found is slope and value == first[0] and found == first[1][0]
    w.value = 3.0
    copy = pickle.loads(pickle.dumps(program))
    assert isinstance(copy, NumberProgram) and copy(0.5) == program(0.5)
    with ThreadPoolExecutor(2) as pool:
        many = list(pool.map(program, np.linspace(0, 1, 200).tolist()))
    assert many == [program(a) for a in np.linspace(0, 1, 200).tolist()]
    assert program.stats().statements == 1 and "a loop over" in program.source
    assert "loop" in str(program.profile(0.5, repeats=2)) and program.plan.steps == 1
    with pytest.raises(cg.UnsupportedError, match="print"):
        cg.draw(program)
    with pytest.raises(cg.CgraphError, match="takes 1 values"):
        program()
    with pytest.raises(cg.ShapeError, match="'x'"):
        program([1.0, 2.0])
    with pytest.raises(cg.ShapeError, match="out="):
        program(0.5, out=(np.empty(3), [None]))
    with pytest.raises(cg.GradientError, match="constant"):
        cg.compile(x * 2.0, gradients=[(x * 2.0).parents[1]])
    with pytest.raises(cg.MissingValueError, match="'x'"):
        cg.compile(root, inputs=[], gradients=[w])


def test_functions_with_their_gradients() -> None:
    @cg.compile(gradients=0)
    def total(p: Any, y: Any) -> Any:
        result = p["a"] * y
        for x in p["v"]:
            result = result + cg.tanh(x) * x
        return result

    p, y = {"a": 2.0, "v": np.linspace(-1.0, 1.0, 40)}, 0.5
    value, slopes = total(p, y)
    assert isinstance(total.program, NumberProgram)
    wanted, grads = cg.value_and_gradient(total.function)(p, y)
    np.testing.assert_allclose(value, wanted, rtol=1e-14)
    np.testing.assert_allclose(slopes["v"], grads["v"], rtol=1e-14)
    assert slopes["a"] == grads["a"] == 0.5
    value, (second, first) = cg.compile(lambda a, b: a * a, gradients=(1, 0))(3.0, np.ones(2))
    assert value == 9.0 and first == 6.0 and second.tolist() == [0.0, 0.0]
    with pytest.raises(cg.GradientError, match="argument 2"):
        cg.compile(lambda a, b: a * b, gradients=2)(1.0, 2.0)
    with pytest.raises(cg.GradientError, match="one scalar"):
        cg.compile(lambda a: [a, a * a], gradients=0)(1.0)
    with pytest.raises(cg.MissingValueError, match="'open'"):
        cg.compile(lambda a: a * cg.input("open"))(1.0)


def test_small_graphs_are_written_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    root, leaves = numbers(0, 30, 4, SMOOTH)
    assert not isinstance(cg.compile(root, gradients=leaves), NumberProgram)


def test_both_kinds_of_stretch_say_what_they_are() -> None:
    root, leaves = numbers(3, 3000, None, SMOOTH)
    program = held(root, leaves)
    kinds = [isinstance(s, Loop) for s in program.levels.stretches]
    assert True in kinds and False in kinds
    lines = program.source.splitlines()
    assert len(lines) == len(kinds) + 1 and any("at once" in line for line in lines)
