"""ONNX files in and out: onnxruntime computes what cgraph computes, and a graph that went out comes back the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cgraph as cg
import cgraph.nn.functional as nnf
from cgraph.interop.onnx_composed import COMPOSED
from cgraph.interop.onnx_writers import WRITERS
from cgraph.testing.generate.random_graphs import random_graph

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")


def outputs(path: Path, *arrays: Any) -> list[Any]:
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [entry.name for entry in session.get_inputs()]
    return list(session.run(None, dict(zip(names, arrays, strict=True))))


def net() -> tuple[Any, Any]:
    x = cg.input("x", shape=(None, 3), dtype=np.float32)
    with cg.scope("hidden"):
        w, b = (
            cg.parameter("W", np.float32(np.eye(3, 4))),
            cg.parameter("b", np.zeros(4, np.float32)),
        )
        h = cg.relu(x @ w + b)
    with cg.scope("out"):
        return x, cg.softmax(h @ cg.parameter("V", np.ones((4, 2), np.float32)), name="p")


def test_names_scopes_and_free_sizes_survive_the_way_there_and_back(tmp_path: Path) -> None:
    x, p = net()
    path = cg.to_onnx(p, tmp_path / "net.onnx")
    batch = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    truth = cg.run(p, {x: batch}).value(p)
    np.testing.assert_allclose(outputs(path, batch)[0], truth, rtol=1e-6)
    back = cg.from_onnx(path, batch)
    np.testing.assert_allclose(cg.run(back).value(back), truth, rtol=1e-6)
    assert list(cg.named_leaves(back)) == ["x", "hidden/W", "hidden/b", "out/V"]
    assert {node.scope for node in cg.run(back).order} >= {"hidden", "out"}
    entry = onnx.load(path).graph.input[0]
    assert [d.dim_value for d in entry.type.tensor_type.shape.dim] == [0, 3]


@pytest.mark.parametrize("seed", range(60))
def test_random_graphs_go_out_and_come_back(seed: int, tmp_path: Path) -> None:
    root: Any = random_graph(seed).root
    try:
        path = cg.to_onnx({"result": root}, tmp_path / "g.onnx")
    except cg.UnsupportedError:
        assert {node.op.name for node in cg.run(root).order if node.parents} - {*WRITERS, *COMPOSED}
        pytest.skip("an op that ONNX has no counterpart for")
    truth = cg.run(root).value(root)
    tolerance = 1e-5 if root.dtype == np.float32 else 1e-10
    close: dict[str, Any] = {"rtol": tolerance, "atol": tolerance * (1 + np.abs(truth).max())}
    try:
        np.testing.assert_allclose(outputs(path)[0], truth, **close)
    except runtime.capi.onnxruntime_pybind11_state.NotImplemented:
        pass  # the runtime has no float64 kernel for some operators of the standard
    back = cg.from_onnx(path)
    np.testing.assert_allclose(cg.run(back).value(back), truth, **close)


def convolutional(x: Any, w: Any) -> Any:
    images = cg.reshape(x, (1, 2, 3, 4))
    kernels = cg.reshape(w, (2, 1, 2, 3))
    h = nnf.conv2d(images, kernels, padding=1, stride=(2, 1), groups=2)
    back = nnf.conv_transpose2d(h, kernels, stride=2, output_padding=(1, 0), groups=2)
    return nnf.max_pool2d(nnf.gelu(back), 2, 1) + nnf.avg_pool2d(nnf.silu(back), 2, 1)


# What goes out as one operator, as several, or composed of other ops.
OUTWARD: dict[str, Any] = {
    "convolutions and pools": convolutional,
    "activations": lambda x, w: nnf.elu(x, 0.7) + nnf.leaky_relu(x) + nnf.mish(x) + nnf.softsign(x) + nnf.selu(x) + nnf.gelu(x),
    "running": lambda x, w: cg.cumprod(x, axis=1) + cg.cummax(x, axis=0) + cg.cummin(x, axis=1) + cg.roll(x, (1, 2), (0, 1)),
    "order": lambda x, w: cg.sort(x, axis=1) + cg.take_along_axis(x, cg.argsort(w, axis=1), 1) + w[cg.argmax(x, axis=0)][:3, :4],
    "norms and einsum": lambda x, w: (
        cg.einsum("ij,kj->ik", x, w[:, :4]) + cg.linalg.norm(x) + cg.linalg.vector_norm(x, axis=1, ord=3, keepdims=True)
    ),
    "logic": lambda x, w: cg.where(
        cg.any(x > 1, axis=0) ^ cg.all(x < 1, axis=0), x, cg.where(cg.isfinite(x) & (cg.argmax(x, axis=0) < 1.5), 2 * x, 3.0)
    ),
    "quotients": lambda x, w: cg.fmod(x, 0.7) + x % 0.4 + x // 0.3 + cg.trunc(x) + cg.rint(x),
    "angles": lambda x, w: cg.arctan2(x, w[:3, :4]) + cg.hypot(x, 2.0) + cg.sinc(x) + cg.deg2rad(x) + cg.log2(cg.exp2(x)),
    "cross-entropy": lambda x, w: cg.stable_cross_entropy(x, np.array([0, 3, 1])) + cg.special.entr(cg.softmax(x, axis=1))[:, 0],
}  # fmt: skip


@pytest.mark.parametrize("name", OUTWARD)
def test_what_onnx_has_no_operator_for_is_composed(name: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(len(name))
    x = cg.input(
        "x",
        rng.normal(size=(3, 4)) if name != "convolutions and pools" else rng.normal(size=(2, 3, 4)),
    )
    w = cg.parameter(
        "w", rng.normal(size=(3, 4) if name != "convolutions and pools" else (2, 2, 3))
    )
    with cg.scope("part"):
        root = OUTWARD[name](x, w)
    truth = cg.run(root).value(root)
    path = cg.to_onnx({"y": root}, tmp_path / "f.onnx", dtype=np.float32)
    fed = np.float32(cg.run(x).value(x))
    close: dict[str, Any] = {"rtol": 3e-5, "atol": 3e-5}
    np.testing.assert_allclose(outputs(path, fed)[0], truth, **close)
    back = cg.from_onnx(path, fed)
    np.testing.assert_allclose(cg.run(back).value(back), truth, **close)
    assert {node.scope for node in cg.run(back).order if node.parents} <= {"part", ""}


def test_a_gradient_graph_goes_out_too(tmp_path: Path) -> None:
    x = cg.input("x", shape=(4,), dtype=np.float32)
    w = cg.parameter("w", np.float32([0.1, -2.0, 0.3, 5.0]))
    (slope,) = cg.gradient(cg.mean(cg.stable_bce(w * x, np.float32([0, 1, 1, 0]))), [w])
    path = cg.to_onnx({"dw": slope}, tmp_path / "slope.onnx")
    fed = np.float32([1.0, -1.0, 2.0, 30.0])
    np.testing.assert_allclose(
        outputs(path, fed)[0], cg.run(slope, {x: fed}).value(slope), rtol=1e-5
    )


def test_dtype_makes_a_float32_model_of_a_float64_graph(tmp_path: Path) -> None:
    w = cg.parameter("w", [1.0, 2.0])
    path = cg.to_onnx(
        cg.tan(w * 0.1 + cg.input("x", shape=(2,))), tmp_path / "f.onnx", dtype=np.float32
    )
    (value,) = outputs(path, np.zeros(2, np.float32))
    assert value.dtype == np.float32
    np.testing.assert_allclose(value, np.tan([0.1, 0.2]), rtol=1e-6)


def test_models_of_scikit_learns_size_and_cnns(tmp_path: Path) -> None:
    """A model that another program wrote: convolution, pooling, batch normalisation, an LSTM."""
    from onnx import TensorProto, helper

    rng = np.random.default_rng(1)

    def held(name: str, *shape: int, low: float = -1.0) -> Any:
        array = rng.uniform(low, 1.0, shape).astype(np.float32)
        return onnx.numpy_helper.from_array(array, name)

    nodes = [
        helper.make_node(
            "Conv", ["x", "k", "kb"], ["c"], pads=[1, 0, 0, 1], strides=[2, 1], group=2
        ),
        helper.make_node("BatchNormalization", ["c", "s", "t", "m", "v"], ["n"]),
        helper.make_node("LeakyRelu", ["n"], ["r"], alpha=0.2),
        helper.make_node("AveragePool", ["r"], ["a"], kernel_shape=[2, 2], pads=[1, 0, 0, 1]),
        helper.make_node(
            "MaxPool", ["a"], ["p"], kernel_shape=[2, 3], strides=[1, 2], auto_pad="SAME_UPPER"
        ),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Unsqueeze", ["f", "axes"], ["seq"]),
        helper.make_node(
            "LSTM", ["seq", "W", "R", "B"], ["y", "h", ""], hidden_size=3, direction="bidirectional"
        ),
        helper.make_node("ReduceL2", ["h"], ["out"], keepdims=0),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 4, 7, 6])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, [])
    probe = helper.make_tensor_value_info("f", TensorProto.FLOAT, None)
    held_here = [
        held("k", 6, 2, 3, 3), held("kb", 6), held("s", 6), held("t", 6), held("m", 6), held("v", 6, low=0.2),
        onnx.numpy_helper.from_array(np.array([0]), "axes"),
    ]  # fmt: skip
    data = rng.normal(size=(2, 4, 7, 6)).astype(np.float32)
    opset = [helper.make_opsetid("", 17)]
    front = helper.make_model(
        helper.make_graph(nodes[:6], "front", [x], [probe], held_here[:-1]),
        opset_imports=opset,
        ir_version=9,
    )
    width = runtime.InferenceSession(front.SerializeToString()).run(None, {"x": data})[0].shape[1]
    held_here += [held("W", 2, 12, width), held("R", 2, 12, 3), held("B", 2, 24)]
    model = helper.make_model(
        helper.make_graph(nodes, "net", [x], [out], held_here), opset_imports=opset, ir_version=9
    )
    path = tmp_path / "net.onnx"
    onnx.save(model, path)
    root = cg.from_onnx(path, data)
    np.testing.assert_allclose(cg.run(root).value(root), outputs(path, data)[0], rtol=2e-6)
    assert np.isfinite(root.backward().grad(cg.named_leaves(root)["k"])).all()


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    from onnx import TensorProto, helper

    w = cg.parameter("w", [1.0, 2.0])
    own = cg.elementwise("own_op_of_this_test", np.sin, lambda out, x: cg.cos(x))
    with pytest.raises(cg.UnsupportedError, match=r"own_op_of_this_test.*test_onnx.py:\d+"):
        cg.to_onnx(own(w), tmp_path / "no.onnx")
    assert not list(tmp_path.iterdir())
    node = helper.make_node("Bernoulli", ["x"], ["y"], name="/dice/throw")
    entries = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [2]) for n in "xy"]
    model = helper.make_model(helper.make_graph([node], "g", entries[:1], entries[1:]))
    with pytest.raises(cg.UnsupportedError, match=r"Bernoulli, at node '/dice/throw'"):
        cg.from_onnx(model)
    with pytest.raises(cg.ShapeError, match="has 1 inputs"):
        cg.from_onnx(model, 1.0, 2.0)
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    with pytest.raises(cg.UnsupportedError, match=r"'broken.onnx' is not an ONNX model"):
        cg.from_onnx(tmp_path / "broken.onnx")


def test_resampling_folding_and_computed_places_come_in(tmp_path: Path) -> None:
    from onnx import TensorProto, helper

    def held(name: str, array: Any) -> Any:
        return onnx.numpy_helper.from_array(np.asarray(array), name)

    nodes = [
        helper.make_node("Resize", ["x", "", "scales"], ["r"], mode="linear"),
        helper.make_node("GridSample", ["r", "grid"], ["g"], align_corners=1),
        helper.make_node("TopK", ["g", "two"], ["best", "places"], axis=3),
        helper.make_node("Reshape", ["best", "columns"], ["c"]),
        helper.make_node("Col2Im", ["c", "image", "block"], ["folded"]),
        helper.make_node("Reshape", ["folded", "rows"], ["f"]),
        helper.make_node("ArgMax", ["f"], ["top"], axis=1),
        helper.make_node("GatherND", ["f", "top"], ["picked"]),
        helper.make_node("Mul", ["picked", "f"], ["out"]),
    ]
    rng = np.random.default_rng(3)
    stored = {
        "scales": np.float32([1, 1, 2, 1.5]), "grid": np.float32(rng.uniform(-1, 1, (1, 2, 4, 2))), "two": np.array([2]),
        "columns": np.array([1, 4, 1]), "image": np.array([2, 2]), "block": np.array([2, 2]), "rows": np.array([2, 2]),
    }  # fmt: skip
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 3, 4])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, [2, 2])
    graph = helper.make_graph(nodes, "net", [x], [out], [held(*item) for item in stored.items()])
    path = tmp_path / "net.onnx"
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path
    )
    data = rng.normal(size=(1, 1, 3, 4)).astype(np.float32)
    root = cg.from_onnx(path, data)
    np.testing.assert_allclose(cg.run(root).value(root), outputs(path, data)[0], rtol=2e-6)
