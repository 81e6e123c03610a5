"""The numba backend: what it writes, run as Python, on many graphs; and compiled, on a few."""

from __future__ import annotations

import copy
import functools
import math
import pickle
import sys
import threading
from typing import Any

import numpy as np
import pytest
from compiled.nearness import assert_near, compiled
from compiled.test_random_programs import graph
from compiled.test_training import OPTIMIZERS, both, net

import cgraph as cg
from cgraph import datasets, nn, optim
from cgraph.compile.running import numba_kernels, numba_runtime
from cgraph.errors import MissingPackageError
from cgraph.extras import installed

needs_numba = pytest.mark.skipif(
    not (installed("numba") and installed("scipy")), reason="numba is not installed"
)


def xor(dtype: str) -> tuple[Any, Any]:
    x, y = (np.asarray(a, dtype) for a in datasets.xor_gate())
    return x, y


@pytest.fixture
def uncompiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels run as the Python they are written in."""
    monkeypatch.setattr(
        "cgraph.compile.emit.numba.compiled", lambda source, rows, kinds: numba_runtime.plain(source, rows)
    )  # fmt: skip
    monkeypatch.setattr("cgraph.compile.program.numba", lambda: None)


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize("block", range(2))
def test_source_of_random_graphs(block: int, dtype: str) -> None:
    for seed in range(40 * block, 40 * block + 40):
        root, leaves = graph(seed, dtype)
        found = compiled(root, leaves, backend="numba")
        assert_near(found, root, leaves, f"seed {seed}")


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: type(o).__name__)
@pytest.mark.parametrize("activation", [nn.Sigmoid, nn.Tanh, nn.ReLU])
@pytest.mark.parametrize(
    ("sizes", "dtype"), [((2, 1), "f8"), ((2, 3, 1), "f8"), ((2, 9, 4, 1), "f4")]
)
def test_source_of_trainings(sizes: Any, dtype: str, activation: Any, optimizer: Any) -> None:
    def make() -> Any:
        model, trained = net(sizes, activation, dtype)
        return trained.cost, [trained.X, trained.Y], list(xor(dtype)), model.parameters

    both(make, optimizer, 30, 1e-12 if dtype == "f8" else 2e-4, backend="numba")


@needs_numba
def test_random_graphs() -> None:
    """Several graphs in one program, because it takes seconds to compile one."""
    for dtype, seeds in (("f8", (0, 2, 5)), ("f4", (0,))):
        graphs = [graph(seed, dtype) for seed in seeds]
        leaves = list(dict.fromkeys(leaf for _, found in graphs for leaf in found))
        root = cg.sum(cg.stack([cg.cast(r, dtype) for r, _ in graphs]))
        assert_near(compiled(root, leaves, backend="numba"), root, leaves)


@needs_numba
@pytest.mark.parametrize(("sizes", "optimizer"), [((2, 3, 1), OPTIMIZERS[0]), ((2, 20, 9, 1), OPTIMIZERS[2])])  # fmt: skip
def test_trainings(sizes: Any, optimizer: Any) -> None:
    """Unrolled, and with arrays."""

    def make() -> Any:
        model, trained = net(sizes, nn.Sigmoid, "f8")
        return trained.cost, [trained.X, trained.Y], list(xor("f8")), model.parameters

    step = both(make, optimizer, 200, 1e-11, backend="numba")
    data = xor("f8")
    again = pickle.loads(pickle.dumps(step))
    before = [p.value for p in step.parameters]
    slots, t = copy.deepcopy(step.optimizer.slots), step.optimizer.t
    costs = step(*data, epochs=7, report_every=3)
    after = [p.value for p in step.parameters]
    assert len(costs) == 3 and len(step(*data, epochs=2, report_every=0)) == 0
    for p, v in zip(again.parameters, before, strict=True):
        p.value = v
    again.optimizer.slots, again.optimizer.t = slots, t
    np.testing.assert_array_equal(again(*data, epochs=7, report_every=3), costs)
    assert again.source == step.source
    for p, v in zip(again.parameters, after, strict=True):
        np.testing.assert_array_equal(p.value, v)


@functools.cache
def softmax_net() -> Any:
    """A program with a bit of everything: open size, one row in Python (`sort`), float32 parameters, a matrix product of BLAS."""
    X, w = (
        cg.input("X", shape=(None, 40)),
        cg.parameter("w", np.linspace(-1, 1, 40 * 12).reshape(40, 12)),
    )
    scores = cg.softmax(cg.tanh(X @ w), axis=1)
    total = cg.sum(cg.cumsum(scores, 1) * cg.exp(-cg.square(scores)), name="total")
    return X, w, total, cg.compile([total, scores], [X], [w], backend="numba")


@needs_numba
def test_promises_of_a_program() -> None:
    X, w, total, program = softmax_net()
    rng = np.random.default_rng(0)
    x = rng.standard_normal((30, 40))
    (value, scores), (slope,) = program(x)
    run = total.backward({X: x})
    np.testing.assert_allclose(value, run.value(total), rtol=1e-14)
    np.testing.assert_allclose(slope, run.grad(w), rtol=1e-10, atol=1e-12)
    for other in (np.asfortranarray(x), np.repeat(x, 2, 0)[::2], x.tolist()):
        (again, _), _ = program(other)
        assert again == value
    frozen = x.copy()
    frozen.setflags(write=False)
    out = np.empty_like(scores)
    (_, given), _ = program(frozen, out=([None, out], [None]))
    assert given is out
    np.testing.assert_array_equal(out, scores)
    assert program(x)[0][1] is not program(x)[0][1]
    assert program(x, copy=False)[0][1] is program(x, copy=False)[0][1]
    found: dict[int, Any] = {}

    def work(k: int) -> None:
        found[k] = [program(x * (k + 1))[0][0] for _ in range(20)]

    threads = [threading.Thread(target=work, args=(k,)) for k in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k, values in found.items():
        assert set(values) == {program(x * (k + 1))[0][0]}
    with pytest.raises(cg.UnsupportedError, match="numpy"):
        program.profile(x)
    assert "def kernel(X, w" in program.source and program.stats().flops and str(program.plan)


@needs_numba
def test_errors_of_rows_name_their_node() -> None:
    x = cg.input("x", shape=(3,))
    root = cg.linalg.solve(
        cg.reshape(cg.stack([x, x, x]), (3, 3)), cg.constant(np.ones(3)), name="root"
    )
    program = cg.compile(root, [x], backend="numba")
    with pytest.raises(cg.CgraphError, match=r"linalg\.solve"):
        program(np.zeros(3))


@needs_numba
@pytest.mark.parametrize("name", ["exp", "expm1", "log", "log1p", "tanh", "cosh"])
def test_kernels(name: str) -> None:
    """Within one unit in the last place (tanh: two and a half) of mpmath's, everywhere, and at the edges as NumPy."""
    import mpmath
    import numba

    function = numba_kernels.compiled()[name]

    @numba.njit(error_model="numpy")
    def fill(x: Any, out: Any) -> None:
        for i in range(x.size):
            out[i] = function(x[i])

    rng = np.random.default_rng(1)
    near = np.concatenate([s * 10.0 ** rng.uniform(-20, 0, 400) for s in (1, -1)])
    sets = {
        "exp": [rng.uniform(-745, 709.7, 1500), near],
        "expm1": [rng.uniform(-60, 709.7, 800), near, rng.uniform(-2, 2, 800)],
        "tanh": [rng.uniform(-25, 25, 800), near, rng.uniform(-2, 2, 800)],
        "cosh": [rng.uniform(-710.4, 710.4, 800), near],
        "log": [10.0 ** rng.uniform(-323, 308, 1500), 1 + near],
        "log1p": [10.0 ** rng.uniform(-300, 300, 1500), near, rng.uniform(-1, 3, 1500)],
    }
    x = np.concatenate(sets[name])
    out = np.empty_like(x)
    fill(x, out)
    bound = {"tanh": 2.5, "cosh": 1.6, "expm1": 1.6}.get(name, 1.01)
    with mpmath.workprec(120):
        for a, got in zip(x, out, strict=True):
            want = getattr(mpmath, name)(mpmath.mpf(float(a)))
            assert abs(mpmath.mpf(float(got)) - want) <= bound * np.spacing(abs(float(want))), (
                a,
                got,
            )
    edges = np.array(
        [np.nan, np.inf, -np.inf, 0.0, -0.0, -1.0, -2.0, 800.0, -800.0, 1e-310, 1.7e308]
    )
    found = np.empty_like(edges)
    fill(edges, found)
    with np.errstate(all="ignore"):
        wanted = getattr(np, name)(edges)
    np.testing.assert_allclose(found, wanted, rtol=3e-16, atol=5e-324)
    assert np.array_equal(np.signbit(found[3:5]), np.signbit(wanted[3:5]))


def test_options_and_missing_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    x = cg.parameter("x", [1.0, 2.0])
    loss = cg.sum(cg.square(x))
    monkeypatch.setitem(sys.modules, "numba", None)
    for make in (
        lambda: cg.compile(loss, backend="numba"),
        lambda: cg.compile_training(loss, optim.Adam(), backend="numba"),
    ):
        with pytest.raises(MissingPackageError, match=r"cgraph\[fast\]"):
            make()
    with pytest.raises(ValueError, match="thread"):
        cg.compile(loss, backend="numba", threads=2)
    with pytest.raises(ValueError, match="'numba'"):
        cg.compile_training(loss, optim.Adam(), backend="fortran")


@needs_numba
@pytest.mark.parametrize("n", [4096, 4097, 5120, 9999])
def test_long_sums_are_taken_in_blocks(n: int) -> None:
    """With and without something left over after the last block; beside arrays that are written on the way, along rows, and alone."""
    rng = np.random.default_rng(n)
    data, more = rng.normal(size=n), rng.normal(size=(3, n))
    x, m = cg.input("x", shape=(n,)), cg.input("m", shape=(3, n))
    outputs = [
        cg.sum(cg.exp(-x * x) * x),
        cg.sum(x),
        cg.max(m, axis=1),
        cg.sum(m * x, axis=1),
        cg.mean(m),
    ]
    program = cg.compile(outputs, inputs=[x, m], gradients=[x, m], backend="numba")
    values, (dx, dm) = program(data, more)
    e = np.exp(-data * data)
    wanted = [
        math.fsum(e * data),
        math.fsum(data),
        more.max(1),
        [math.fsum(r) for r in more * data],
        math.fsum(more.ravel()) / more.size,
    ]
    for found, want in zip(values, wanted, strict=True):
        np.testing.assert_allclose(found, want, rtol=1e-13, atol=1e-12)
    np.testing.assert_allclose(dx, e * (1.0 - 2.0 * data * data), rtol=1e-12, atol=1e-14)
    assert not dm.any()
