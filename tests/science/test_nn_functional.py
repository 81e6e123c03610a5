"""`cg.nn.functional` and the activations against PyTorch (values, gradients, Hessian-vector products) and against differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from science.harness import Line, check, rng

import cgraph as cg
from cgraph.errors import ShapeError
from cgraph.nn import functional as nnf
from cgraph.ops import OPS

torch: Any = pytest.importorskip("torch")
TF: Any = torch.nn.functional
torch.set_num_threads(1)  # tiny tensors: threads only wait for one another

G = rng("nn")
N: Callable[..., Any] = lambda *shape: G.normal(size=shape)  # noqa: E731
X1, X2, X3 = N(2, 4, 9), N(2, 4, 5, 4), N(1, 2, 4, 5, 4)
APART = G.permutation(np.linspace(-2.0, 2.0, X2.size)).reshape(X2.shape)  # no ties within the steps
ROW = np.array([-2.5, -1.5, -0.3, 0.2, 1.7, 4.0, 30.0, -30.0])


def torched(f: Any) -> Any:
    """A function of tensors as one of arrays."""

    def on_arrays(*args: Any) -> Any:
        given = [torch.tensor(np.asarray(a)) for a in args]
        return f(*given).numpy()

    return on_arrays


def same(name: str, *args: Any, torch_name: str | None = None, wrt: Any = None, **kw: Any) -> Line:
    ours, theirs = getattr(nnf, name), getattr(TF, torch_name or name)
    tensors = {k: torch.tensor(v) if isinstance(v, np.ndarray) else v for k, v in kw.items()}
    return Line(
        f"{name}-{kw}-{[np.shape(a) for a in args]}",
        lambda *a: ours(*a, **kw), torched(lambda *a: theirs(*a, **tensors)), args, wrt, value=1e-12,
    )  # fmt: skip


H = 3
LINES = [
    *(same(n, ROW, torch_name=t) for n, t in (
        ("elu", None), ("selu", None), ("gelu", None), ("silu", None), ("mish", None), ("softsign", None), ("hard_tanh", "hardtanh"),
        ("hard_sigmoid", "hardsigmoid"), ("hard_swish", "hardswish"), ("relu6", None), ("leaky_relu", None), ("softplus", None),
    )),
    same("gelu", ROW, approximate="tanh"),
    same("elu", ROW, alpha=0.5),
    same("leaky_relu", ROW, negative_slope=0.3),
    Line("prelu", nnf.prelu, torched(TF.prelu), (X2, np.array([0.1, 0.2, 0.3, 0.4]))),
    Line("prelu-1", nnf.prelu, torched(TF.prelu), (X2, np.array([0.1]))),
    Line("glu", lambda x: nnf.glu(x, 1), torched(lambda x: TF.glu(x, 1)), (X2,)),
    *(same(f, N(3, 4), N(3, 4), reduction=r) for f in ("mse_loss", "l1_loss", "huber_loss", "smooth_l1_loss") for r in ("mean", "sum", "none")),
    same("huber_loss", 3 * N(3, 4), N(3, 4), delta=0.7),
    same("smooth_l1_loss", 3 * N(3, 4), N(3, 4), beta=0.3),
    same("poisson_nll_loss", N(5), np.array([0.0, 0.5, 1.2, 3.0, 8.0]), full=True),
    same("poisson_nll_loss", N(5) ** 2 + 0.1, N(5) ** 2, log_input=False),
    same("gaussian_nll_loss", N(5), N(5), N(5) ** 2 + 0.2, full=True),
    *(same("nll_loss", N(4, 3, 2), np.array([[0, 2], [1, 1], [-100, 0], [2, 2]]), weight=w, reduction=r)
      for w in (None, np.array([0.2, 1.0, 3.0])) for r in ("mean", "sum", "none")),
    same("nll_loss", N(3), np.array(1)),
    *(same("cross_entropy", 5 * N(4, 3), np.array([0, 2, -100, 1]), weight=w, label_smoothing=a, reduction=r)
      for w in (None, np.array([0.2, 1.0, 3.0])) for a in (0.0, 0.1) for r in ("mean", "none")),
    same("cross_entropy", N(4, 3, 2), np.abs(N(4, 3, 2)), weight=np.array([0.2, 1.0, 3.0]), label_smoothing=0.2),
    same("cross_entropy", N(3), np.array(1)),
    same("binary_cross_entropy", np.array([0.1, 0.5, 0.9]), np.array([0.1, 0.3, 0.8]), weight=np.array([1.0, 2.0, 0.5])),
    same("binary_cross_entropy_with_logits", ROW, np.array([0.0, 1.0, 0.3, 1.0, 0.0, 1.0, 1.0, 0.0]), pos_weight=np.array(2.5), reduction="sum"),
    same("binary_cross_entropy_with_logits", ROW, np.array([0.0, 1.0, 0.3, 1.0, 0.0, 1.0, 1.0, 0.0])),
    same("kl_div", -np.abs(N(2, 3)), np.array([[0.2, 0.1, 0.7], [0.3, 0.3, 0.4]]), reduction="batchmean"),
    same("kl_div", -np.abs(N(2, 3)), -np.abs(N(2, 3)), log_target=True, reduction="sum"),
    same("soft_margin_loss", ROW, np.sign(ROW[::-1].copy())),
    same("hinge_embedding_loss", N(6), np.array([1, -1, 1, -1, 1, -1]), margin=0.8),
    same("normalize", N(2, 3, 2)),
    same("normalize", N(2, 3), p=3.0, dim=0),
    same("cosine_similarity", N(2, 3), N(2, 3)),
    same("pairwise_distance", N(2, 3), N(2, 3), keepdim=True),
    same("cosine_embedding_loss", N(4, 3), N(4, 3), np.array([1, -1, -1, 1]), margin=-0.2),
    *(same("triplet_margin_loss", N(4, 3), N(4, 3), N(4, 3), margin=4.0, swap=s) for s in (False, True)),
    Line("linear", nnf.linear, torched(TF.linear), (N(2, 3), N(4, 3), N(4))),
    Line("conv1d", nnf.conv1d, torched(TF.conv1d), (X1, N(5, 4, 3), N(5))),
    same("conv1d", X1, N(4, 2, 3), stride=2, padding=1, dilation=2, groups=2),
    same("conv1d", X1, N(4, 1, 3), padding="same", groups=4),
    same("conv2d", X2, N(3, 4, 3, 2), N(3)),
    same("conv2d", X2, N(6, 2, 3, 3), stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2),
    same("conv2d", X2, N(2, 4, 1, 1), stride=3),
    same("conv2d", X2[0], N(3, 4, 2, 2), N(3)),
    same("conv3d", X3, N(3, 2, 2, 3, 2), stride=2, padding=1),
    same("conv_transpose1d", X1, N(4, 3, 3), N(3), stride=2, padding=1, output_padding=1),
    same("conv_transpose2d", X2, N(4, 3, 3, 2), stride=2, padding=1, groups=2),
    same("conv_transpose2d", X2, N(4, 3, 3, 2), N(3), dilation=2),
    same("conv_transpose3d", X3, N(2, 1, 2, 2, 2), stride=2),
    same("conv2d", np.zeros((0, 4, 5, 5)), N(3, 4, 3, 3)),
    same("max_pool1d", X1, kernel_size=3),
    same("max_pool1d", X1, kernel_size=3, stride=2, padding=1, dilation=2),
    same("max_pool2d", APART, kernel_size=2),
    same("max_pool2d", APART, kernel_size=(3, 2), stride=2, padding=1, ceil_mode=True),
    same("avg_pool1d", X1, kernel_size=3, stride=2, padding=1),
    same("avg_pool2d", X2, kernel_size=(3, 2)),
    same("avg_pool2d", X2, kernel_size=3, stride=2, padding=1, count_include_pad=False),
    same("avg_pool2d", X2, kernel_size=3, stride=2, padding=1, ceil_mode=True),
    same("avg_pool2d", X2, kernel_size=3, stride=2, ceil_mode=True, count_include_pad=False),
    same("avg_pool2d", X2, kernel_size=2, divisor_override=3),
    same("adaptive_avg_pool1d", X1, output_size=4),
    same("adaptive_avg_pool2d", X2, output_size=(3, 4)),
    same("adaptive_avg_pool2d", X2, output_size=1),
    Line("batch_norm-train", lambda x, w, b: nnf.batch_norm(x, weight=w, bias=b, training=True),
         torched(lambda x, w, b: TF.batch_norm(x, None, None, w, b, True)), (X2, N(4), N(4))),
    Line("batch_norm-eval", lambda x, m, v, w, b: nnf.batch_norm(x, m, v, w, b), torched(TF.batch_norm), (X2, N(4), N(4) ** 2 + 0.5, N(4), N(4))),
    Line("layer_norm", lambda x, w, b: nnf.layer_norm(x, (5, 4), w, b), torched(lambda x, w, b: TF.layer_norm(x, (5, 4), w, b)), (X2, N(5, 4), N(5, 4))),
    Line("layer_norm-plain", lambda x: nnf.layer_norm(x, 9), torched(lambda x: TF.layer_norm(x, (9,))), (X1,)),
    Line("group_norm", lambda x, w, b: nnf.group_norm(x, 2, w, b), torched(lambda x, w, b: TF.group_norm(x, 2, w, b)), (X2, N(4), N(4))),
    Line("instance_norm", nnf.instance_norm, torched(lambda x, w, b: TF.instance_norm(x, None, None, w, b)), (X2, N(4), N(4))),
    Line("rms_norm", lambda x, w: nnf.rms_norm(x, 9, w), torched(lambda x, w: TF.rms_norm(x, (9,), w)), (X1, N(9))),
    Line("dropout", lambda x: nnf.dropout(x, ROW > 0, 0.25), lambda x: np.where(ROW > 0, x / 0.75, 0), (ROW,)),
    Line("embedding", lambda w: nnf.embedding(np.array([[1, 0], [2, 1]]), w), lambda w: w[[[1, 0], [2, 1]]], (N(3, 2),)),
    Line("attention", nnf.scaled_dot_product_attention, torched(TF.scaled_dot_product_attention), (N(2, 3, 4), N(2, 5, 4), N(2, 5, 2))),
    Line("attention-causal", lambda q, k, v: nnf.scaled_dot_product_attention(q, k, v, is_causal=True, scale=0.7),
         torched(lambda q, k, v: TF.scaled_dot_product_attention(q, k, v, is_causal=True, scale=0.7)), (N(1, 4, 3), N(1, 4, 3), N(1, 4, 2))),
    Line("attention-mask", lambda q, k, v: nnf.scaled_dot_product_attention(q, k, v, np.tri(3, 5, 1, dtype=bool)),
         torched(lambda q, k, v: TF.scaled_dot_product_attention(q, k, v, torch.tensor(np.tri(3, 5, 1, dtype=bool)))),
         (N(2, 3, 4), N(2, 5, 4), N(2, 5, 2))),
    Line("rnn_cell", nnf.rnn_cell, torched(torch.rnn_tanh_cell), (N(2, 4), N(2, H), N(H, 4), N(H, H), N(H), N(H))),
    Line("gru_cell", nnf.gru_cell, torched(torch.gru_cell), (N(2, 4), N(2, H), N(3 * H, 4), N(3 * H, H), N(3 * H), N(3 * H))),
    Line("lstm_cell-h", lambda x, h, c, *w: nnf.lstm_cell(x, (h, c), *w)[0], torched(lambda x, h, c, *w: torch.lstm_cell(x, (h, c), *w)[0]),
         (N(2, 4), N(2, H), N(2, H), N(4 * H, 4), N(4 * H, H), N(4 * H), N(4 * H))),
    Line("lstm_cell-c", lambda x, h, c, *w: nnf.lstm_cell(x, (h, c), *w)[1], torched(lambda x, h, c, *w: torch.lstm_cell(x, (h, c), *w)[1]),
         (N(2, 4), N(2, H), N(2, H), N(4 * H, 4), N(4 * H, H))),
]  # fmt: skip
LABELS = np.array([2, 0, 1])
SCORES = N(3, 4)
LINES += [
    Line("softmax_crossentropy", lambda x: nnf.softmax_crossentropy(x, LABELS), torched(lambda x: TF.cross_entropy(x, torch.tensor(LABELS))), (SCORES,)),
    Line("negative_log_likelihood", lambda x: nnf.negative_log_likelihood(x, LABELS), torched(lambda x: TF.nll_loss(x, torch.tensor(LABELS))), (SCORES,)),
    Line("multiclass_hinge", lambda x: nnf.multiclass_hinge(x, LABELS), torched(lambda x: 4 * TF.multi_margin_loss(x, torch.tensor(LABELS))), (SCORES,)),
    Line("margin_ranking", lambda a, b: nnf.margin_ranking_loss(a, b, np.array([1, -1, 1, 1]), 0.3),
         torched(lambda a, b: TF.margin_ranking_loss(a, b, torch.tensor([1, -1, 1, 1]), 0.3)), (N(4), N(4))),
]  # fmt: skip
SEEN: set[str] = set()


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.name)
def test_line(line: Line) -> None:
    SEEN.update(check(line))


def test_no_row_without_a_line() -> None:
    if len(SEEN) < 20:
        pytest.skip("only with all lines")
    rows = {name for name in OPS if name.startswith("nn.")}
    assert rows <= SEEN, rows - SEEN


def test_against_mygrad() -> None:
    numba = pytest.importorskip("numba")
    before, numba.config.DISABLE_JIT = (
        numba.config.DISABLE_JIT,
        True,
    )  # compiling takes half a minute
    try:
        mygrad = pytest.importorskip("mygrad")
        from mygrad.nnet import activations, layers, losses
    finally:
        numba.config.DISABLE_JIT = before

    x, k = N(2, 3, 8, 7), N(4, 3, 2, 3)

    def compared(ours: Any, theirs: Any, *args: Any) -> None:
        nodes = [cg.parameter(f"x{i}", a) for i, a in enumerate(args)]
        tensors = [mygrad.tensor(a) for a in args]
        out = ours(*nodes)
        run, other = cg.sum(out * out).backward(), theirs(*tensors)
        (other * other).sum().backward()
        assert np.allclose(run.value(out), other.data, rtol=1e-12, atol=1e-13)
        for node, tensor in zip(nodes, tensors, strict=True):
            assert np.allclose(run.grad(node), tensor.grad, rtol=1e-9, atol=1e-11)

    compared(
        lambda x, k: nnf.conv_nd(x, k, stride=(2, 1), padding=(1, 0)),
        lambda x, k: layers.conv_nd(x, k, stride=(2, 1), padding=(1, 0)),
        x,
        k,
    )
    compared(lambda x: nnf.max_pool(x, (2, 3), 2), lambda x: layers.max_pool(x, (2, 3), 2), x)
    compared(
        lambda x, g, b: nnf.batchnorm(x, gamma=g, beta=b, eps=1e-8),
        lambda x, g, b: layers.batchnorm(x, gamma=g, beta=b, eps=1e-8),
        x,
        N(3),
        N(3),
    )
    weights = [N(3, 2), N(2, 2), N(2)] * 3
    compared(nnf.gru, lambda X, *w: layers.gru(X, *w), N(4, 2, 3), *weights)
    probs = np.exp(SCORES) / np.exp(SCORES).sum(1, keepdims=True)
    compared(
        lambda p: nnf.focal_loss(p, LABELS, alpha=2, gamma=1.5),
        lambda p: losses.focal_loss(p, LABELS, alpha=2, gamma=1.5),
        probs,
    )
    compared(
        lambda s: nnf.softmax_focal_loss(s, LABELS, alpha=1, gamma=2),
        lambda s: losses.softmax_focal_loss(s, LABELS, alpha=1, gamma=2),
        SCORES,
    )
    for name in ("elu", "selu", "soft_sign", "hard_tanh", "leaky_relu"):
        args = {"elu": (1.3,), "leaky_relu": (0.2,)}.get(name, ())
        compared(
            lambda x, n=name, a=args: getattr(nnf, n)(x, *a),
            lambda x, n=name, a=args: getattr(activations, n)(x, *a),
            ROW,
        )


def test_tails_and_kinks() -> None:
    mp = pytest.importorskip("mpmath")
    for x in (-30.0, -8.0, -1e-8, 0.0, 5.0, 40.0):
        with mp.workdps(50):
            for f, truth in (
                (cg.gelu, lambda t: t * mp.ncdf(t)),
                (cg.silu, lambda t: t / (1 + mp.exp(-t))),
                (cg.mish, lambda t: t * mp.tanh(mp.log1p(mp.exp(t)))),
                (lambda t: cg.gelu(t, "tanh"), lambda t: t / (1 + mp.exp(-2 * mp.sqrt(2 / mp.pi) * (t + mp.mpf("0.044715") * t**3)))),
            ):  # fmt: skip
                value, slope, curve = (
                    float(truth(mp.mpf(x))),
                    float(mp.diff(truth, x)),
                    float(mp.diff(truth, x, 2)),
                )
                assert float(f(x)) == pytest.approx(value, rel=1e-12, abs=1e-300)
                first = cg.grad(f)
                assert float(first(x)) == pytest.approx(slope, rel=1e-12, abs=1e-300)
                assert float(cg.grad(first)(x)) == pytest.approx(curve, rel=1e-10, abs=1e-290)
    assert float(cg.grad(cg.leaky_relu)(0.0)) == 0.01 and float(cg.grad(cg.relu6)(0.0)) == 0.0
    ties = cg.parameter("x", np.ones((1, 1, 2, 2)))
    assert cg.sum(nnf.max_pool2d(ties, 2)).backward().grad(ties).tolist() == [[[[0.25] * 2] * 2]]


def test_batches_of_unknown_size_and_fed_labels() -> None:
    x = cg.input("x", shape=(None, 3, 6, 6))
    labels = cg.input("labels", shape=(None,), dtype=np.int64)
    w, v = cg.parameter("w", N(4, 3, 3, 3)), cg.parameter("v", N(5, 4))
    h = nnf.max_pool2d(cg.relu(nnf.conv2d(x, w)), 2)
    loss = nnf.softmax_crossentropy(nnf.linear(cg.mean(h, axis=(2, 3)), v), labels)
    data, target = N(7, 3, 6, 6), np.array([0, 1, 2, 3, 4, 0, 1])
    run = loss.backward({x: data, labels: target})
    tw, tv = (torch.tensor(np.array(p.value), requires_grad=True) for p in (w, v))
    h = TF.max_pool2d(TF.relu(TF.conv2d(torch.tensor(data), tw)), 2).mean((2, 3))
    TF.cross_entropy(h @ tv.T, torch.tensor(target)).backward()
    assert np.allclose(run.grad(w), tw.grad, atol=1e-13) and np.allclose(
        run.grad(v), tv.grad, atol=1e-13
    )


def test_wrong_calls() -> None:
    x, w = cg.input("x", X2), cg.parameter("w", N(3, 5, 3, 3))
    for call, words in [
        (lambda: nnf.conv2d(x, w), "4 channels do not fit a kernel for 5"),
        (lambda: nnf.conv2d(x, N(3, 4, 9, 9)), "does not fit into"),
        (lambda: nnf.conv1d(x, w), "dimensions are needed"),
        (lambda: nnf.conv2d(x, N(3, 2, 3, 3), groups=2), "cannot be divided"),
        (lambda: nnf.layer_norm(x, 5), "last dimensions"),
        (lambda: nnf.max_pool2d(x, 2, padding=2), "more than half"),
        (lambda: nnf.glu(cg.input("o", np.ones(3))), "even"),
    ]:
        with pytest.raises(ShapeError, match=words):
            call()


@pytest.mark.parametrize("axes", [(0, None), (None, 0), (0, 0), (1, 0)], ids=str)
def test_many_convolutions_are_one(axes: Any) -> None:
    """`vmap` over data, kernels or both, with groups: the numbers and the gradients of one by one, in one op."""
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(2, 4, 6, 5)), rng.normal(size=(6, 2, 3, 2))

    def f(x: Any, w: Any) -> Any:
        y = nnf.conv2d(x, w, stride=(2, 1), padding=1, groups=2)
        return cg.sum(nnf.max_pool2d(nnf.conv_transpose2d(y, w[:, :1], groups=2), 2) ** 2)

    many = [
        np.stack([v * (1 + 0.1 * k) for k in range(3)], axis) if axis is not None else v
        for v, axis in zip((x, w), axes, strict=True)
    ]
    each = [
        [np.take(v, k, axis) if axis is not None else v for v, axis in zip(many, axes, strict=True)]
        for k in range(3)
    ]
    np.testing.assert_allclose(cg.vmap(f, axes)(*many), [f(*one) for one in each], rtol=1e-12)
    for i in (0, 1):
        found = cg.vmap(cg.grad(f, i), axes)(*many)
        np.testing.assert_allclose(found, [cg.grad(f, i)(*one) for one in each], rtol=1e-11)
    graph = cg.vmap(f, axes)(*map(cg.constant, many))
    assert sum(n.op.name == "nn.conv" for n in cg.graph.order(graph)) == 1
