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
