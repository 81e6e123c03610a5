"""The jax and torch backends: random graphs and every op they have words for, against runs of the graph; and what the frameworks make of
`program.function`: their own gradients, `jit`, `shard_map`, `torch.compile`, modules."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from compiled.nearness import assert_near

import cgraph as cg
from cgraph.compile.emit.jax import JAX
from cgraph.compile.emit.nodes import INFIX
from cgraph.compile.emit.torch import TORCH
from cgraph.op import OPS
from cgraph.testing.generate.random_graphs import RandomDraw, draw_graph
from cgraph.testing.op_check import calls


def importable(name: str) -> bool:
    try:
        import_module(name)
    except ImportError:
        return False
    return True


BACKENDS = ["jax", "torch"]
# Imported before any test: jax touches NumPy's legacy generator when it is.
MISSING = {name for name in BACKENDS if not importable(name)}
DIALECTS = {"jax": JAX, "torch": TORCH}


def needed(backend: str) -> Any:
    if backend in MISSING:
        pytest.skip(f"needs {backend}")
    return import_module(backend)


def graph(seed: int, dtype: str) -> tuple[Any, list[Any]]:
    drawn = draw_graph(RandomDraw(seed), max_nodes=16, dtypes=(dtype,), empty=False)
    root = drawn.root if drawn.root.shape == () else cg.sum(drawn.root)
    return root, drawn.leaves


def check_together(backend: str, graphs: list[tuple[str, Any, list[Any]]]) -> None:
    """Values and cgraph's own gradients of many graphs, in one program, which is compiled once."""
    outputs = [n for _, root, leaves in graphs for n in (root, *cg.gradient(root, leaves, disconnected="zero"))]  # fmt: skip
    program = cg.compile(outputs, inputs=[], backend=backend)
    found = iter(program())
    for what, root, leaves in graphs:
        assert_near([next(found) for _ in (root, *leaves)], root, leaves, what)


@contextmanager
def compiled_quickly(backend: str) -> Iterator[None]:
    """XLA without most of its optimizations: a third of the time that hundreds of ops take is theirs."""
    if backend != "jax":
        yield
        return
    config = needed("jax").config
    config.update("jax_disable_most_optimizations", True)
    try:
        yield
    finally:
        config.update("jax_disable_most_optimizations", False)


@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_random_graphs(backend: str, dtype: str) -> None:
    needed(backend)
    seeds = range(30 if backend == "torch" else 3)
    with compiled_quickly(backend):
        check_together(backend, [(f"seed {seed}", *graph(seed, dtype)) for seed in seeds])


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_op_with_words(backend: str) -> None:
    """Each op on random calls of its own: the value, and the gradient where it has words."""
    needed(backend)
    dialect = DIALECTS[backend]
    names = [n for n in OPS if n in INFIX or n in dialect.functions or n in dialect.emissions]
    graphs: list[tuple[str, Any, list[Any]]] = []
    for name in names:
        try:
            nodes = [n for _, n in calls(OPS[name], 1 if backend == "jax" else 3, 7)]
        except cg.CgraphError:
            continue  # of whole numbers: in the next test
        for node in nodes:
            leaves = [p for p in dict.fromkeys(node.parents) if p.op.name == "parameter"]
            weights = np.cos(np.arange(node.size)).reshape(node.shape).astype(node.dtype)  # type: ignore[arg-type,type-var]
            root = node if node.shape == () else cg.sum(node * weights)
            try:
                if leaves:
                    cg.compile(cg.gradient(root, leaves, disconnected="zero"), inputs=[], backend=backend)  # fmt: skip
            except (cg.UnsupportedError, cg.GradientError):
                leaves = []
            graphs.append((name, root, leaves))
    assert len({name for name, _, leaves in graphs if leaves}) > 70
    with compiled_quickly(backend):
        check_together(backend, graphs)


@pytest.mark.parametrize("backend", BACKENDS)
def test_logic_whole_numbers_and_indices(backend: str) -> None:
    needed(backend)
    x = cg.parameter("x", [[0.3, -1.0, 2.0], [0.5, 0.5, -0.25]])
    n = cg.input("n", np.array([5, 3, -7]))
    index = cg.input("index", np.array([[1, 0], [0, 1]]))
    logic = cg.logical_or(cg.logical_not(x > 0.0), cg.logical_and(x < 1.0, cg.isfinite(x)))
    found = [
        cg.where(logic, x, -x), x[::-1, [0, 2]], x[..., ::2], x[np.array([True, False])], x[1], x[:, None, 1:],
        x[np.array([0, 1]), np.array([2, 0])], cg.take(x, index, axis=1), cg.argmax(x, axis=1), cg.any(x > 1.0, axis=0), n // 2, n % 3,
        n & 6, n << 1, cg.all(x > -5.0), cg.argsort(x, axis=1), cg.roll(x, 1, axis=1), cg.mean(x, axis=(0, 1), keepdims=True),
        cg.searchsorted(np.array([-1.0, 0.4, 0.5], np.float32), x), cg.searchsorted(np.array([-1.0, 0.4, 0.5]), x.T, side="right"),
        cg.cummax(x, axis=1), cg.cummin(x, axis=0), cg.take_along_axis(x, index, axis=1),
    ]  # fmt: skip
    program = cg.compile(found, inputs=[n], backend=backend)
    run = cg.run(found)
    with compiled_quickly(backend):
        values = program(n.value)
    for node, value in zip(found, values, strict=True):
        np.testing.assert_array_equal(value, run.value(node), err_msg=str(node))
        assert value.dtype == run.value(node).dtype
    root = cg.sum(
        sum(cg.sum(cg.square(f)) for f in found if f.dtype.kind == "f" and "cum" not in f.op.name)
    )
    program = cg.compile([root], inputs=[], gradients=[x], backend=backend)
    with compiled_quickly(backend):
        (value,), slopes = program()
    assert_near([value, *slopes], root, [x])


def net(dtype: str = "f8") -> tuple[Any, list[Any], Any]:
    """A net of relu and tanh with an open batch size; its parameters; data for six examples."""
    rng = np.random.default_rng(3)
    X, Y = cg.input("X", shape=(4, None), dtype=dtype), cg.input("Y", shape=(1, None), dtype=dtype)
    W1 = cg.parameter("W1", rng.standard_normal((5, 4)).astype(dtype))
    b1 = cg.parameter("b1", np.zeros((5, 1), dtype))
    W2 = cg.parameter("W2", rng.standard_normal((1, 5)).astype(dtype))
    b2 = cg.parameter("b2", np.zeros((1, 1), dtype))
    hidden = cg.relu(cg.tanh(W1 @ X + b1, name="A1"))
    cost = cg.mean(cg.stable_bce(W2 @ hidden + b2, Y), name="cost")
    data = rng.standard_normal((4, 6)).astype(dtype), (rng.random((1, 6)) < 0.5).astype(dtype)
    return (cost, X, Y), [W1, b1, W2, b2], data


def test_jax_takes_the_function() -> None:
    """`jax.jit`, `jax.grad` and `jax.shard_map` on the plain function, for any batch size."""
    jax = needed("jax")
    (cost, X, Y), parameters, data = net()
    program = cg.compile(cost, inputs=[X, Y], backend="jax")
    run = cost.backward({X: data[0], Y: data[1]})
    with program._quiet():
        values = program.parameters()
        assert list(values) == [p.name for p in program.leaves.values()]
        slopes = jax.jit(jax.grad(program.function))(values, *data)
        for p in parameters:
            np.testing.assert_allclose(slopes[p.name], run.grad(p), rtol=1e-12, atol=1e-15)
        mesh = jax.sharding.Mesh(np.array(jax.devices()[:1]), ("data",))
        spec = jax.sharding.PartitionSpec
        sharded = jax.shard_map(
            lambda v, x, y: jax.lax.pmean(program.function(v, x, y), "data"),
            mesh=mesh, in_specs=(spec(), spec(None, "data"), spec(None, "data")), out_specs=spec(),
        )  # fmt: skip
        np.testing.assert_allclose(sharded(values, *data), run.value(cost), rtol=1e-13)
    two = [d[:, :2] for d in data]
    wanted = cg.run(cost, {X: two[0], Y: two[1]}).value(cost)
    np.testing.assert_allclose(program(*two), wanted, rtol=1e-13)


def test_torch_takes_the_function() -> None:
    """PyTorch's own gradients, `torch.compile`, modules and optimizers on the plain function; and the way back into the graph."""
    torch = needed("torch")
    (cost, X, Y), parameters, data = net()
    program = cg.compile(cost, inputs=[X, Y], backend="torch")
    module = program.module()
    tensors = [torch.as_tensor(d) for d in data]
    for function in (module, torch.compile(module, backend="eager")):
        module.zero_grad()
        function(*tensors).backward()
        run = cost.backward({X: data[0], Y: data[1]})
        for p in parameters:
            np.testing.assert_allclose(module.values()[p.name].grad, run.grad(p), rtol=1e-12, atol=1e-15)  # fmt: skip
    before = parameters[0].value
    torch.optim.SGD(module.parameters(), lr=0.5).step()
    np.testing.assert_array_equal(parameters[0].value, before)
    program.assign(module.values())
    np.testing.assert_allclose(parameters[0].value, before - 0.5 * run.grad(parameters[0]), rtol=1e-13)  # fmt: skip


@pytest.mark.parametrize("backend", BACKENDS)
def test_kinks_and_tails_of_the_frameworks_own_gradients(backend: str) -> None:
    """relu'(0) = 0, |x|'(0) = 0, ties shared: the conventions hold for their derivatives, too; the losses keep both tails."""
    needed(backend)
    x = cg.parameter("x", [0.0, -2.0, 3.0, 0.0])
    y = cg.parameter("y", [0.0, -2.0, 1.0, 1.0])
    z = cg.parameter("z", [60.0, -60.0, 60.0, 0.0])
    label = cg.constant([1.0, 0.0, 0.0, 1.0])
    root = cg.sum(cg.relu(x) + cg.abs(x) + cg.maximum(x, y) * 3.0 + cg.clip(y, 0.0, 1.0))
    root = root + cg.max(y) + cg.sum(cg.stable_bce(z, label)) + cg.sum(cg.softplus(-z))
    root = root + cg.sum(cg.leaky_relu(x, 0.1) + cg.elu(x) + cg.gelu(x) * cg.softsign(x))
    root = root + cg.stable_cross_entropy(
        y, np.array(3), axis=0
    )  # two classes share the largest logit
    program = cg.compile(root, inputs=[x, y, z], backend=backend)
    run = root.backward()
    values = [n.value for n in (x, y, z)]
    if backend == "jax":
        import jax

        with program._quiet():
            found = jax.jit(jax.grad(program.function, argnums=(1, 2, 3)))({}, *values)
    else:
        import torch

        tensors = [torch.tensor(v, requires_grad=True) for v in values]
        program.function({}, *tensors).backward()
        found = [t.grad for t in tensors]
    for slope, node in zip(found, (x, y, z), strict=True):
        np.testing.assert_allclose(slope, run.grad(node), rtol=1e-13, err_msg=node.name)


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_has_no_words_is_named(backend: str) -> None:
    needed(backend)
    x = cg.parameter("x", [3.0, 1.0, 2.0])
    loss = cg.sum(cg.special.erfi(cg.special.gammaincinv(2, x, name="top")))
    with pytest.raises(cg.UnsupportedError, match=r"(?s)'top' \(special.gammaincinv\).*erfi"):
        cg.compile(loss, backend=backend)
    with pytest.raises(ValueError, match=r"'numpy', .*'jax', 'torch'"):
        cg.compile(loss, backend="tensorflow")
    with pytest.raises(cg.CgraphError, match="takes 1 values"):
        cg.compile(cg.sum(x), inputs=[x], backend=backend)()
    with pytest.raises(cg.CgraphError, match="no parameter 'q'"):
        cg.compile(cg.sum(x), backend=backend).assign({"q": 1.0})


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("option", [{"accuracy": "fast"}, {"threads": 2}, {"copy": False}])
def test_options_of_numpy_programs_are_refused(backend: str, option: dict[str, Any]) -> None:
    needed(backend)
    x = cg.parameter("x", [1.0, 2.0])
    name, value = next(iter(option.items()))
    with pytest.raises(ValueError, match=rf"{name}={value!r} is an option of backend='numpy'"):
        cg.compile(cg.sum(x), backend=backend, **option)
    with pytest.raises(ValueError, match=f"{name}="):
        cg.compile(lambda v: cg.sum(v), backend=backend, **option)(np.ones(2))


@pytest.mark.parametrize("backend", BACKENDS)
def test_functions_names_and_pickle(backend: str) -> None:
    needed(backend)
    with cg.scope("layer"):
        a, lamb = cg.parameter("x.1", 2.0), cg.parameter("lambda", 3.0)
    same = cg.parameter("layer/x.1", 5.0)
    d = cg.input("d", [1.0, 2.0])
    total = cg.sum(a * lamb * same * d, name="function")
    program = cg.compile(total, backend=backend)
    assert list(program.parameters()) == ["layer/x.1", "layer/lambda", "layer/x.1_1", "d"]
    again = pickle.loads(pickle.dumps(program))
    assert program() == again() == 90.0
    if backend == "torch":
        assert program.module()().item() == 90.0

    @cg.compile(backend=backend)
    def f(u: Any, v: Any) -> Any:
        return {"s": cg.sum(u * v), "u": cg.exp(u)}

    found = f(np.array([0.0, 1.0]), np.array([2.0, 3.0]))
    assert found["s"] == 3.0
    np.testing.assert_allclose(found["u"], np.exp([0.0, 1.0]), rtol=1e-15)


@pytest.mark.parametrize("backend", BACKENDS)
def test_numbers_and_empty_arrays(backend: str) -> None:
    """Gradients that are Python numbers become arrays; losses and norms of nothing are 0."""
    needed(backend)
    W = cg.parameter("W", 0.5)
    t = W + 0.0
    root = t - (t + t)
    (value,), (slope,) = cg.compile([root], gradients=[W], backend=backend)()
    assert value == -0.5 and slope == -1.0 and slope.dtype == np.float64
    nothing = cg.parameter("nothing", np.zeros((2, 0)))
    loss = cg.stable_cross_entropy(nothing, np.zeros((2, 0)), axis=1)
    total = cg.sum(loss) + cg.linalg.norm(nothing)
    (value,), (slope,) = cg.compile([total], gradients=[nothing], backend=backend)()
    assert value == 0.0 and slope.shape == (2, 0)
