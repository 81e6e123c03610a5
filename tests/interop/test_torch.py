"""PyTorch modules as graphs: values and gradients are PyTorch's own, on modules as people write them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cgraph as cg

torch = pytest.importorskip("torch")
nn, F = torch.nn, torch.nn.functional


class Block(nn.Module):  # type: ignore[misc]
    """A transformer block that nobody simplified."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.norm = nn.Linear(8, 8), nn.LayerNorm(8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Dropout(0.1), nn.Linear(16, 8))

    def forward(self, x: Any) -> Any:
        h = self.norm(self.embed(x))
        a, _ = self.attention(h, h, h, need_weights=False)
        x = x + a
        return (x + self.mlp(x)).pow(2).mean()


class Residual(nn.Module):  # type: ignore[misc]
    """As in torchvision, writes in place included."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(4, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8)
        self.conv2, self.norm2 = nn.Conv2d(8, 8, 3, 1, 1, groups=2), nn.BatchNorm2d(8)
        self.down, self.relu = nn.Conv2d(4, 8, 1, 2), nn.ReLU(inplace=True)

    def forward(self, x: Any) -> Any:
        y = self.norm2(self.conv2(self.relu(self.norm1(self.conv1(x)))))
        y += self.down(x)
        return self.relu(y)


class Recurrent(nn.Module):  # type: ignore[misc]
    def __init__(self, kind: Any) -> None:
        super().__init__()
        self.net = kind(3, 4, 2, batch_first=True, bidirectional=True)

    def forward(self, x: Any) -> Any:
        return self.net(x)[0]


class Classifier(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.table, self.out = nn.Embedding(10, 4), nn.Linear(4, 3)

    def forward(self, tokens: Any, labels: Any) -> Any:
        logits = self.out(self.table(tokens)).flatten(0, 1)
        return F.cross_entropy(logits, labels.flatten(), label_smoothing=0.1)


class Mixed(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.linear, self.norm, self.slope = nn.Linear(3, 6), nn.GroupNorm(2, 6), nn.PReLU(6)
        self.register_buffer("mask", torch.tril(torch.ones(4, 4)))
        self.frozen = nn.Parameter(torch.randn(6), requires_grad=False)

    def forward(self, x: Any) -> Any:
        h = F.normalize(self.slope(self.norm(self.linear(x))), dim=1) * self.frozen
        a = (h @ h.T).masked_fill(self.mask == 0, float("-inf")).softmax(-1)
        b, c = torch.chunk(a, 2, -1)
        labels = torch.sigmoid(h.detach())
        return (
            torch.stack([b, c]).roll(1, 0).flip(-1).sum()
            + F.binary_cross_entropy_with_logits(h, labels)
            + F.huber_loss(h, h * 0)
            + h.var()
            + F.pad(b, (1, 0)).logsumexp(1).sum()
            + torch.einsum("ij,kj->ik", h, h).tril().sum()
        )


class Activations(nn.Module):  # type: ignore[misc]
    NAMES = "elu selu celu silu mish softplus logsigmoid hardtanh hardswish leaky_relu relu6 softsign tanhshrink relu gelu".split()

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 6)

    def forward(self, x: Any) -> Any:
        h = self.linear(x)
        return sum(getattr(F, name)(h) for name in self.NAMES)


def pools() -> Any:
    return nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.MaxPool2d(3, 2, 1, ceil_mode=True), nn.AdaptiveAvgPool2d((2, 3))
    )


def in_1d() -> Any:
    return nn.Sequential(
        nn.Conv1d(2, 3, 4, padding="same", dilation=2),
        nn.GELU("tanh"),
        nn.AvgPool1d(3, 2, 1, count_include_pad=False),
    )


class Variational(nn.Module):  # type: ignore[misc]
    """`torch.distributions` checks its arguments, which torch.export refuses: the model is run instead."""

    def __init__(self) -> None:
        super().__init__()
        self.encode, self.decode = nn.Linear(3, 4), nn.Linear(2, 3)

    def forward(self, x: Any, noise: Any) -> Any:
        mean, spread = self.encode(x).chunk(2, -1)
        q = torch.distributions.Normal(mean, F.softplus(spread))
        p = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
        z = mean + q.stddev * noise
        if bool((z > -1e9).all()):
            z = z * 1.5
        score = torch.distributions.Bernoulli(logits=self.decode(z)).log_prob((x > 0).to(x.dtype))
        return torch.distributions.kl_divergence(q, p).sum() - score.sum()


class Physics(nn.Module):  # type: ignore[misc]
    """A derivative inside the model."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(1, 5), nn.Tanh(), nn.Linear(5, 1))

    def forward(self, x: Any) -> Any:
        slope = torch.func.vmap(torch.func.jacrev(lambda v: self.net(v).sum()))(x)
        return ((slope + self.net(x)) ** 2).mean()


class Messages(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 4)

    def forward(self, x: Any, source: Any, target: Any) -> Any:
        h = self.linear(x)
        added = torch.zeros_like(h).index_add(0, target, h[source])
        spread = torch.zeros(2, 4, dtype=h.dtype).scatter_add(
            0, (target % 2)[:, None].expand(-1, 4), h[source]
        )
        added[0] = added[0] * 2
        return added.relu() + spread.logsumexp(0)


class Experts(nn.Module):  # type: ignore[misc]
    """Which parts of the parameters count depends on the numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.experts = nn.Linear(3, 4), nn.Parameter(torch.randn(4, 3, 3))

    def forward(self, x: Any) -> Any:
        shares, chosen = self.gate(x).softmax(-1).topk(2, -1)
        ordered = x.sort(-1, descending=True)[0].cumprod(-1)
        mixed = torch.einsum("bi,bkij->bkj", ordered, self.experts[chosen])
        picked = mixed.gather(2, mixed.argmax(2, keepdim=True))
        return (shares[..., None] * mixed).sum(1) + picked.sum(1)


class Gaussian(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.scale, self.noise = nn.Parameter(torch.zeros(())), nn.Parameter(torch.tensor(-2.0))

    def forward(self, x: Any, y: Any) -> Any:
        k = torch.exp(-0.5 * torch.cdist(x, x) ** 2 / torch.exp(2 * self.scale))
        low = torch.linalg.cholesky(k + self.noise.exp() * torch.eye(len(x), dtype=x.dtype))
        return 0.5 * (y @ torch.cholesky_solve(y[:, None], low)).sum() + low.diagonal().log().sum()


class Grouped(nn.Module):  # type: ignore[misc]
    """Attention with fewer keys than queries, and rotated positions."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.kv, self.norm = nn.Linear(8, 8), nn.Linear(8, 8), nn.RMSNorm(8)

    def forward(self, x: Any) -> Any:
        x = self.norm(x)
        q = self.q(x).view(2, 5, 4, 2).transpose(1, 2)
        k, v = self.kv(x).view(2, 5, 4, 2).transpose(1, 2).split(2, 1)
        turn = torch.arange(5)[:, None] / 10
        q = torch.stack(
            [q[..., 0] * turn.cos()[:, 0] - q[..., 1] * turn.sin()[:, 0], q[..., 1]], -1
        )
        return F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True).flatten(1)


def decoder() -> Any:
    return nn.Sequential(
        nn.ConvTranspose1d(2, 3, 3, stride=2), nn.BatchNorm1d(3), nn.Upsample(scale_factor=2, mode="linear"),
        nn.ReflectionPad1d(1), nn.AdaptiveMaxPool1d(4), nn.PReLU(), nn.Hardshrink(), nn.InstanceNorm1d(3),
    )  # fmt: skip


def normal(*shape: int) -> Any:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


MODELS: dict[str, tuple[Any, ...]] = {
    "mlp": (lambda: nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1), nn.Sigmoid()), normal(5, 4)),
    "block": (Block, normal(2, 5, 8)),
    "encoder layer": (lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, activation="gelu"), normal(2, 5, 8)),
    "transformer": (lambda: nn.Transformer(8, 2, 1, 1, 16, batch_first=True), normal(2, 5, 8), normal(2, 3, 8)),
    "residual": (Residual, normal(2, 4, 6, 6)),
    "lstm": (lambda: Recurrent(nn.LSTM), normal(2, 3, 3)),
    "gru": (lambda: Recurrent(nn.GRU), normal(2, 3, 3)),
    "transposed": (lambda: nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2), normal(2, 4, 5, 5)),
    "in 1d": (in_1d, normal(2, 2, 9)),
    "pools": (pools, normal(1, 1, 10, 10)),
    "classifier": (Classifier, torch.tensor([[1, 2, 9], [0, 1, 1]]), torch.tensor([[0, 2, 1], [1, 1, 0]])),
    "mixed": (Mixed, normal(4, 3)),
    "activations": (Activations, normal(4, 3)),
    "variational": (Variational, normal(4, 3), normal(4, 2)),
    "physics": (Physics, normal(4, 1)),
    "messages": (Messages, normal(4, 3), torch.tensor([0, 1, 2, 3, 0]), torch.tensor([1, 2, 0, 0, 0])),
    "experts": (Experts, normal(3, 3)),
    "gaussian process": (Gaussian, normal(4, 2), normal(4)),
    "grouped attention": (Grouped, normal(2, 5, 8)),
    "decoder": (decoder, normal(1, 2, 5)),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_values_and_gradients_are_pytorchs(name: str) -> None:
    make, *args = MODELS[name]
    torch.manual_seed(0)
    model = make().double().eval()
    given = [a.double() if a.is_floating_point() else a for a in args]
    root = cg.from_torch(model, *given)
    y = model(*given)
    upstream = torch.randn_like(y)
    run = root.backward(upstream=upstream.numpy())
    (y * upstream).sum().backward()
    np.testing.assert_allclose(run.value(root), y.detach().numpy(), rtol=1e-9, atol=1e-12)
    found, trained = cg.named_leaves(root), 0
    for key, parameter in model.named_parameters():
        if parameter.grad is not None and parameter.requires_grad:
            truth = parameter.grad.numpy()
            # PyTorch's own hardswish and hardsigmoid are right to single precision only.
            atol = (1e-8 if name == "activations" else 1e-11) * max(np.abs(truth).max(), 1e-3)
            np.testing.assert_allclose(run.grad(found[key.replace(".", "/")]), truth, atol=atol)
            trained += 1
    assert trained


# Functions that no module above calls, on a 3 x 4 matrix of distinct numbers: PyTorch's values and gradients again.
FUNCTIONS = """
x.std(0) | torch.var_mean(x, 1)[0] | x.kthvalue(2, 1)[0] | x.median() | x.max(1)[0] | x.cummax(0)[0] | x.logcumsumexp(1) | x.diff()
x.norm(3) | torch.linalg.matrix_norm(x) | torch.linalg.svdvals(x) | torch.linalg.qr(x.T)[1].abs() | torch.logdet(x @ x.T)
torch.linalg.eigvalsh(x @ x.T) | torch.linalg.solve(x[:, :3], x[:, 3]) | torch.linalg.inv(x[:, :3]) | torch.linalg.pinv(x)
torch.matrix_exp(x[:, :3] / 9) | torch.kron(x, x) | torch.trace(x) | x.diagonal().diag_embed() | x.tril(-1) | x.rot90()
x.unfold(1, 2, 1) | x.index_fill(0, torch.tensor([1]), 2.0) | x.frac() | x.masked_fill(x > 0, 1.5) | x.where(x > 0, x * x)
x.clamp(min=0.1) | x.nan_to_num() | x.remainder(0.7) | x.lerp(x.flip(0), 0.3) | x.renorm(2, 0, 1.0)
x.slice_scatter(x[:1] * 2, 0, 1, 2) | x.index_copy(0, torch.tensor([2]), x[:1]) | torch.special.log_ndtr(x) | torch.special.erfcx(x)
x.sinc() | F.cosine_similarity(x, x.flip(0)) | F.pairwise_distance(x, x.flip(1)) | F.pdist(x)
F.cosine_embedding_loss(x, x.flip(0), torch.tensor([1, -1, 1]))
F.cross_entropy(x, torch.tensor([0, -100, 3]), label_smoothing=0.2)
F.nll_loss(x, torch.tensor([1, 2, 0]), torch.arange(4.0).double()) | F.multi_margin_loss(x, torch.tensor([1, 2, 0]))
F.gaussian_nll_loss(x, x * 2, x**2 + 1) | F.poisson_nll_loss(x, x**2, full=True) | F.soft_margin_loss(x, x.sign().detach())
F.triplet_margin_loss(x, x.flip(0), x.flip(1), swap=True) | F.hinge_embedding_loss(x, x.sign().detach())
F.kl_div(x.log_softmax(1), x.softmax(0), reduction="sum") | F.interpolate(x[None, None], size=(5, 3), mode="bicubic")
F.interpolate(x[None, None], scale_factor=2, mode="nearest") | F.unfold(x[None, None], 2) | F.fold(x.T[:, :3], (4, 2), (2, 2))
F.grid_sample(x[None, None], x[:, :2].tanh()[None, None] * 0.9, align_corners=False) | F.avg_pool1d(x, 3, 2, 1, True, False)
F.lp_pool1d(x, 2, 2) | F.local_response_norm(x[None], 2) | F.bilinear(x, x, x[:1, :, None] * x[:1, None])
F.embedding_bag(torch.tensor([0, 2, 1]), x, torch.tensor([0, 2])) | F.pixel_shuffle(x.reshape(1, 12, 1, 1), 2)
""".replace("\n", "|").split("|")  # fmt: skip


@pytest.mark.parametrize("text", [t.strip() for t in FUNCTIONS if t.strip()])
def test_functions_are_pytorchs(text: str) -> None:
    f = eval(f"lambda x: {text}", {"torch": torch, "F": F})
    x = torch.tensor(np.random.default_rng(7).normal(size=(3, 4)), requires_grad=True)
    root, y = cg.from_torch(f, x.detach()), f(x)
    upstream = torch.linspace(1, 2, y.numel(), dtype=x.dtype).reshape(y.shape)
    run = root.backward(upstream=upstream.numpy())
    (y * upstream).sum().backward()
    np.testing.assert_allclose(run.value(root), y.detach().numpy(), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(
        run.grad(cg.named_leaves(root)["x"]), x.grad.numpy(), rtol=1e-7, atol=1e-11
    )


def test_modules_become_scopes_and_lines_are_the_models() -> None:
    root = cg.from_torch(Residual().eval(), normal(2, 4, 6, 6))
    nodes = cg.run(root).order
    assert {node.scope for node in nodes} >= {"conv1", "norm1", "conv2", "norm2", "down"}
    assert cg.named_leaves(root)["conv1/weight"].kind == "parameter"
    assert cg.named_leaves(root)["x"].kind == "input"
    addition = next(n for n in nodes if n.op.name == "add" and n.scope == "" and len(n.shape) == 4)
    filename, _, line = addition.site.rpartition(":")
    assert filename == __file__
    assert "y += self.down(x)" in open(__file__).read().splitlines()[int(line) - 1]


def test_a_function_has_its_arguments_as_parameters() -> None:
    root = cg.from_torch(lambda w, x: (w * x).sum(), normal(3), normal(3))
    assert {name: node.kind for name, node in cg.named_leaves(root).items()} == {
        "w": "parameter",
        "x": "parameter",
    }


def test_what_is_not_supported_is_named_with_its_line() -> None:
    def f(x: Any) -> Any:
        return torch.bernoulli(torch.sigmoid(x)).sum()

    with pytest.raises(cg.UnsupportedError, match=r"'f' uses.*\n.*random"):
        cg.from_torch(f, normal(3))
    with pytest.raises(cg.UnsupportedError, match=r"call \.eval"):
        cg.from_torch(nn.Dropout(0.5).train(), normal(3))


def test_a_model_can_be_drawn_explained_and_searched_for_nan() -> None:
    class Broken(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(2, 2)

        def forward(self, x: Any) -> Any:
            return torch.log(self.inner(x) * 0 - 1.0).sum()

    root = cg.from_torch(Broken(), normal(3, 2))
    with pytest.raises(cg.NonFiniteError, match="log"):
        cg.run(root, check="nan")
    fine = cg.from_torch(nn.Sequential(nn.Linear(2, 1), nn.Sigmoid()), normal(1, 2))
    run = cg.sum(fine).backward()
    assert "∂" in run.explain(cg.named_leaves(fine)["0/bias"])
    assert "0/weight" in cg.draw(run.roots[0], run=run).dot or "weight" in cg.draw(fine).dot
