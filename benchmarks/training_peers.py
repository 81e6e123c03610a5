"""The article's trainings in other libraries: the same net, the same start, gradient descent at rate 1, the cost of every epoch.

Each function trains for a number of epochs and returns the costs, which are held against the article's layers before anything is timed.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

Array = Any
Pairs = list[tuple[Array, Array]]
Training = Callable[[Pairs, Array, Array, int], list[float]]


def _logits(m: Any, sigmoid: Any, flat: Any, X: Any) -> Any:
    """The net in any library that multiplies with @."""
    A = X
    for k in range(0, len(flat), 2):
        A = flat[k] @ (sigmoid(A) if k else A) + flat[k + 1]
    return A


def torch_eager(pairs: Pairs, X: Array, Y: Array, epochs: int) -> list[float]:
    import torch

    torch.set_num_threads(1)
    flat = [torch.tensor(p, requires_grad=True) for pair in pairs for p in pair]
    x, y = torch.tensor(X), torch.tensor(Y)
    loss = torch.nn.functional.binary_cross_entropy_with_logits
    costs = []
    for _ in range(epochs):
        cost = loss(_logits(torch, torch.sigmoid, flat, x), y)
        slopes = torch.autograd.grad(cost, flat)
        with torch.no_grad():
            for p, g in zip(flat, slopes, strict=True):
                p -= g
        costs.append(cost.item())
    return costs


def _jax_step(X: Array, Y: Array) -> Any:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    x, y = jnp.asarray(X), jnp.asarray(Y)

    def cost(flat: Any) -> Any:
        Z = _logits(jnp, jax.nn.sigmoid, flat, x)
        return jnp.mean(jax.nn.softplus(Z) - Z * y)  # spelled out, its gradient is wrong at Z = 0

    def step(flat: Any, _: Any = None) -> Any:
        value, slopes = jax.value_and_grad(cost)(flat)
        return [p - g for p, g in zip(flat, slopes, strict=True)], value

    return jax, step


_loops: dict[Any, Any] = {}


def jax_loop(pairs: Pairs, X: Array, Y: Array, epochs: int) -> list[float]:
    """The whole loop inside the compiler."""
    key = "loop", id(X), epochs
    if key not in _loops:
        jax, step = _jax_step(X, Y)
        _loops[key] = jax, jax.jit(lambda flat: jax.lax.scan(step, flat, None, length=epochs)[1])
    jax, loop = _loops[key]
    return jax.device_get(loop([jax.numpy.asarray(p) for pair in pairs for p in pair])).tolist()  # type: ignore[no-any-return]


def jax_steps(pairs: Pairs, X: Array, Y: Array, epochs: int) -> list[float]:
    """A compiled step, called from Python."""
    key = "step", id(X)
    if key not in _loops:
        jax, step = _jax_step(X, Y)
        _loops[key] = jax, jax.jit(step)
    jax, compiled = _loops[key]
    flat = [jax.numpy.asarray(p) for pair in pairs for p in pair]
    costs = []
    for _ in range(epochs):
        flat, value = compiled(flat)
        costs.append(float(value))
    return costs


def autograd(pairs: Pairs, X: Array, Y: Array, epochs: int) -> list[float]:
    import autograd.numpy as anp
    from autograd import value_and_grad

    def cost(flat: Any) -> Any:
        Z = _logits(anp, lambda z: 1 / (1 + anp.exp(-z)), flat, X)
        return anp.mean(anp.maximum(Z, 0) - Z * Y + anp.log(1 + anp.exp(-anp.abs(Z))))

    both, flat, costs = value_and_grad(cost), [p for pair in pairs for p in pair], []
    for _ in range(epochs):
        value, slopes = both(flat)
        flat = [p - g for p, g in zip(flat, slopes, strict=True)]
        costs.append(float(value))
    return costs


# Name, the module it needs, the function, and how many of a hundred epochs to time: each is slower than the article by about this much.
PEERS: list[tuple[str, str, Training, int]] = [
    ("JAX, the loop inside jit", "jax", jax_loop, 100),
    ("JAX, a jitted step", "jax", jax_steps, 50),
    ("PyTorch eager", "torch", torch_eager, 20),
    ("autograd", "autograd", autograd, 10),
]


def installed() -> list[tuple[str, str, Training, int]]:
    return [peer for peer in PEERS if find_spec(peer[1])]
