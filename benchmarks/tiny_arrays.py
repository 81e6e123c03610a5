"""Arrays so small that only overhead counts: one operation, a chain of them, and a small net, forward and backward.

Each contender builds its graph anew at every call, as an eager library does; "graph kept" is what an explicit graph allows: built
once, evaluated again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from timing import interleaved, table

import cgraph as cg

Work = dict[str, Callable[[], object]]


def torch_or_none() -> Any:
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(1)
    return torch


def operation(shape: tuple[int, ...]) -> Work:
    """One elementwise product: value, and gradients towards both operands."""
    rng = np.random.default_rng(0)
    a, b, up = rng.normal(size=shape), rng.normal(size=shape), np.ones(shape)
    x, y = cg.parameter("x", a), cg.parameter("y", b)
    kept = x * y
    found: Work = {
        "cgraph": lambda: (x * y).backward(upstream=up),
        "cgraph, graph kept": lambda: kept.backward(upstream=up),
    }
    torch = torch_or_none()
    if torch is not None:
        tx, ty, tup = (
            torch.tensor(a, requires_grad=True),
            torch.tensor(b, requires_grad=True),
            torch.tensor(up),
        )

        def by_torch() -> None:
            tx.grad = ty.grad = None
            (tx * ty).backward(tup)

        found["PyTorch eager"] = by_torch
    add_numpy_peers(found, lambda x, y: x * y, (a, b))
    return found


def chain(shape: tuple[int, ...]) -> Work:
    """Ten elementwise operations and a sum."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=shape), rng.normal(size=shape)

    def ten(x: Any, y: Any, tanh: Any, exp: Any) -> Any:
        z = x * y
        z = tanh(z) + x
        z = z * z - y
        z = exp(-z * 0.1) * x
        return (z + tanh(z)).sum()

    x, y = cg.parameter("x", a), cg.parameter("y", b)
    kept = ten(x, y, cg.tanh, cg.exp)
    found: Work = {
        "cgraph": lambda: ten(x, y, cg.tanh, cg.exp).backward(),
        "cgraph, graph kept": lambda: kept.backward(),
    }
    torch = torch_or_none()
    if torch is not None:
        tx, ty = torch.tensor(a, requires_grad=True), torch.tensor(b, requires_grad=True)

        def by_torch() -> None:
            tx.grad = ty.grad = None
            ten(tx, ty, torch.tanh, torch.exp).backward()

        found["PyTorch eager"] = by_torch
    add_numpy_peers(found, lambda x, y, m: ten(x, y, m.tanh, m.exp), (a, b), module=True)
    return found


def net(features: int, hidden: int, examples: int) -> Work:
    """A net with one hidden layer and binary cross-entropy: the cost and the gradients of the four weights."""
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(features, examples)), rng.integers(0, 2, (1, examples)).astype(float)
    start = [rng.normal(size=s) for s in ((hidden, features), (hidden, 1), (1, hidden), (1, 1))]

    def cost_cgraph(W1: Any, b1: Any, W2: Any, b2: Any) -> Any:
        return cg.mean(cg.stable_bce(W2 @ cg.tanh(W1 @ x + b1) + b2, y))

    x, y = cg.input("X", X), cg.input("Y", Y)
    weights = [cg.parameter(f"p{i}", w) for i, w in enumerate(start)]
    kept = cost_cgraph(*weights)
    found: Work = {
        "cgraph": lambda: cost_cgraph(*weights).backward(),
        "cgraph, graph kept": lambda: kept.backward(),
    }
    torch = torch_or_none()
    if torch is not None:
        tX, tY = torch.tensor(X), torch.tensor(Y)
        tensors = [torch.tensor(w, requires_grad=True) for w in start]
        bce = torch.nn.functional.binary_cross_entropy_with_logits

        def by_torch() -> None:
            for t in tensors:
                t.grad = None
            W1, b1, W2, b2 = tensors
            bce(W2 @ torch.tanh(W1 @ tX + b1) + b2, tY).backward()

        found["PyTorch eager"] = by_torch

    def cost(W1: Any, b1: Any, W2: Any, b2: Any, m: Any) -> Any:
        z = m.matmul(W2, m.tanh(m.matmul(W1, X) + b1)) + b2
        return m.mean(m.logaddexp(0.0, z) - Y * z)

    add_numpy_peers(found, cost, tuple(start), module=True)
    return found


def add_numpy_peers(found: Work, f: Any, args: tuple[Any, ...], module: bool = False) -> None:
    """autograd and MyGrad, where they are installed; `f` gets their module if it asks for it."""
    try:
        import autograd
        import autograd.numpy as anp
    except ImportError:
        pass
    else:
        tail = (anp,) if module else ()
        slope = autograd.value_and_grad(
            lambda *xs: anp.sum(f(*xs, *tail)), argnum=tuple(range(len(args)))
        )
        found["autograd"] = lambda: slope(*args)
    try:
        import mygrad
    except ImportError:
        return
    tail_m = (mygrad,) if module else ()

    def by_mygrad() -> Any:
        tensors = [mygrad.tensor(a) for a in args]
        f(*tensors, *tail_m).sum().backward()
        return tensors

    found["MyGrad"] = by_mygrad


def report() -> list[str]:
    lines = ["## Tiny arrays: forward and backward", ""]
    for title, work in [
        ("one product, 4 elements", operation((4,))),
        ("one product, 32 x 32", operation((32, 32))),
        ("ten operations, 4 elements", chain((4,))),
        ("ten operations, 32 x 32", chain((32, 32))),
        ("net 2-3-1 on 4 examples", net(2, 3, 4)),
        ("net 4-8-1 on 32 examples", net(4, 8, 32)),
    ]:
        reference = "PyTorch eager" if "PyTorch eager" in work else "cgraph"
        lines += table(title, interleaved(work, rounds=25, seconds=0.005), reference)
    return lines


if __name__ == "__main__":
    print("\n".join(report()))
