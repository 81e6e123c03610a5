"""Optimizers against PyTorch where it is installed, and their state."""

from __future__ import annotations

import numpy as np
import pytest

import cgraph as cg
from cgraph import optim

RULES = {
    "GradientDescent": (optim.GradientDescent(0.3), lambda torch, p: torch.optim.SGD(p, lr=0.3)),
    "Momentum": (
        optim.Momentum(0.1, 0.8),
        lambda torch, p: torch.optim.SGD(p, lr=0.1, momentum=0.8),
    ),
    "Adam": (
        optim.Adam(0.05, 0.8, 0.95, 1e-6),
        lambda torch, p: torch.optim.Adam(p, lr=0.05, betas=(0.8, 0.95), eps=1e-6),
    ),
}


@pytest.mark.parametrize("rule", RULES)
def test_against_pytorch(rule: str) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = RULES[rule]
    rng = np.random.default_rng(7)
    start = [rng.normal(size=(2, 3)), rng.normal(size=(4,))]
    nodes = [cg.parameter(f"w{i}", a) for i, a in enumerate(start)]
    tensors = [torch.tensor(a, requires_grad=True) for a in start]
    other = theirs(torch, tensors)
    ours.reset()
    for _ in range(60):
        slopes = [rng.normal(size=a.shape) for a in start]
        ours.step(nodes, slopes)
        for tensor, slope in zip(tensors, slopes, strict=True):
            tensor.grad = torch.tensor(slope)
        other.step()
    for node, tensor in zip(nodes, tensors, strict=True):
        np.testing.assert_allclose(node.value, tensor.detach().numpy(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("rule", RULES)
def test_state_goes_on_exactly(rule: str) -> None:
    rng = np.random.default_rng(3)
    slopes = [rng.normal(size=3) for _ in range(20)]

    def run(stop: int | None) -> np.ndarray:
        w = cg.parameter("w", [1.0, 2.0, 3.0])
        optimizer = optim.from_config(RULES[rule][0].config())
        for i, slope in enumerate(slopes):
            if i == stop:
                t, slots = optimizer.state()
                optimizer = optim.from_config(optimizer.config())
                optimizer.restore(t, slots)
            optimizer.step([w], [slope])
        return w.value

    assert np.array_equal(run(None), run(11))


@pytest.mark.parametrize("rule", RULES)
def test_the_rule_works_on_nodes(rule: str) -> None:
    """A compiled training step traces `update`; the numbers are those of arrays."""
    optimizer = RULES[rule][0]
    arrays = [np.array([0.5, -1.0]), np.array([0.1, 0.2])]
    slots = tuple(np.array([0.3, 0.4]) for _ in range(optimizer.n_slots))
    new, kept = optimizer.update(*arrays, slots, 3)
    node, nodes = optimizer.update(*map(cg.input, "wg", arrays), tuple(map(cg.constant, slots)), 3)
    np.testing.assert_allclose(cg.run(node).value(node), new, rtol=1e-15)
    for a, b in zip(nodes, kept, strict=True):
        np.testing.assert_allclose(cg.run(a).value(a), b, rtol=1e-15)


@pytest.mark.parametrize("rule", RULES)
def test_float32_stays(rule: str) -> None:
    w = cg.parameter("w", np.ones(3, np.float32))
    optimizer = RULES[rule][0]
    optimizer.reset()
    for _ in range(3):
        optimizer.step([w], [np.ones(3, np.float32)])
    assert w.value.dtype == np.float32
    assert all(slot.dtype == np.float32 for one in optimizer.slots for slot in one)
    optimizer.reset()


def test_refusals() -> None:
    w = cg.parameter("w", [1.0])
    with pytest.raises(ValueError, match="positive"):
        optim.GradientDescent(lr=0)
    with pytest.raises(ValueError, match="momentum"):
        optim.Momentum(momentum=1.0)
    with pytest.raises(ValueError, match="Adam"):
        optim.Adam(beta2=1.0)
    with pytest.raises(ValueError, match="shapes"):
        optim.GradientDescent().step([w], [np.ones((1, 1))])
    with pytest.raises(ValueError, match="shapes"):
        optim.GradientDescent().step([w], [])
    with pytest.raises(ValueError, match="unknown optimizer 'Sorcery'"):
        optim.from_config({"rule": "Sorcery", "lr": 1.0})
    with pytest.raises(ValueError, match="numbers"):
        optim.from_config({"rule": "Adam", "lr": "1"})
    with pytest.raises(ValueError, match="state of Adam"):
        optim.Adam().restore(1, [()])
