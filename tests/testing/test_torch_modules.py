"""Modules of PyTorch checked whole, and functions of several results in any nesting."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from cgraph import testing  # noqa: E402
from cgraph.testing import Verdict  # noqa: E402

torch.set_num_threads(1)  # small tensors: more threads only wait for each other
nn = torch.nn


class WrongSigmoid(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x.sigmoid()

    @staticmethod
    def backward(ctx: Any, u: Any) -> Any:
        (x,) = ctx.saved_tensors
        return u * x.sigmoid()


class Scaled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any, k: float) -> Any:
        ctx.k = k
        return x * k

    @staticmethod
    def backward(ctx: Any, u: Any) -> Any:
        return u * ctx.k, None


class Activation(nn.Module):
    def __init__(self, wrong: bool) -> None:
        super().__init__()
        self.wrong = wrong

    def forward(self, x: Any) -> Any:
        y = Scaled.apply(x, 2.0)
        return WrongSigmoid.apply(y) if self.wrong else y


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.out = nn.LSTM(3, 4, batch_first=True), nn.Linear(4, 2)

    def forward(self, x: Any) -> Any:
        y, (h, c) = self.lstm(x)
        return self.out(y), h, {"c": c}


def net(wrong: bool) -> Any:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 5), Activation(wrong), nn.LayerNorm(5), nn.Linear(5, 2))


@pytest.mark.slow
def test_models_as_they_are() -> None:
    torch.manual_seed(0)
    cnn = nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.3), nn.Flatten(), nn.Linear(27, 2)
    )  # fmt: skip
    for module, x in (
        (net(False), torch.randn(3, 4)),
        (cnn, torch.randn(2, 1, 8, 8)),
        (Recurrent(), torch.randn(2, 5, 3)),
        (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), torch.randn(2, 3, 8)),
        (nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 1)), torch.tensor([0, 1, 1, 4])),
    ):
        before = {name: p.detach().clone() for name, p in module.named_parameters()}
        report = testing.check_gradients(module, x)
        assert report.verdict is Verdict.PASS, str(report)
        assert all(torch.equal(before[name], p) for name, p in module.named_parameters())


@pytest.mark.slow
def test_the_function_that_is_wrong_is_named(tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    report = testing.check_gradients(net(True), torch.randn(3, 4))
    assert report.verdict is Verdict.FAIL
    assert "autograd.Function 'WrongSigmoid' in module '1'" in str(report)


@pytest.mark.slow
def test_parameters_have_their_names(tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)

    class Hooked(nn.Linear):
        def forward(self, x: Any) -> Any:
            y = x @ self.weight.T
            if y.requires_grad and self.weight.requires_grad:
                y = (
                    y + 0.5 * (self.weight - self.weight.detach()).sum()
                )  # a gradient without a value
            return y

    report = testing.check_gradients(nn.Sequential(Hooked(2, 2)), torch.randn(3, 2))
    assert report.verdict is Verdict.FAIL and "weight'" in str(report)


def test_nested_arguments_and_several_results() -> None:
    x, y = torch.randn(2, 3, dtype=torch.float64)
    assert (
        testing.check_gradients(lambda x, y: (x * y, (x + y).sum()), x, y).verdict is Verdict.PASS
    )
    report = testing.check_gradients(lambda d: {"z": d["a"] * d["b"][0]}, {"a": x, "b": [y]})
    assert report.verdict is Verdict.PASS
