"""cgraph's checks on other people's derivatives: elementwise functions of PyTorch, JAX, autograd and MyGrad at hard points.

Gradients in float64, at one hard point at a time (tails, zeros, the neighbourhood of what is special), are held against four hundred
digits of mpmath. Of those that are off, the gradient, the truth and the error are printed, and what `testing.check_gradients`, which
knows no truth, says. ``python benchmarks/peers_checked.py [torch jax autograd mygrad]``; the findings stand in docs/peers-checked.md.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import mpmath
import numpy as np

from cgraph import testing

mpmath.mp.dps = 400  # 1 + erf(−14) has lost ninety digits
TOLERANCE = 1e-11  # a relative error of a float64 gradient that nobody would call rounding

# The truth, where it is one line of mpmath.
TRUTH: dict[str, Callable[[Any], Any]] = {
    "exp": mpmath.exp, "expm1": mpmath.expm1, "log": mpmath.log, "log1p": lambda x: mpmath.log(1 + x), "sin": mpmath.sin, "cos": mpmath.cos,
    "tan": mpmath.tan, "arcsin": mpmath.asin, "arccos": mpmath.acos, "arctan": mpmath.atan, "sinh": mpmath.sinh, "cosh": mpmath.cosh,
    "tanh": mpmath.tanh, "arcsinh": mpmath.asinh, "arccosh": mpmath.acosh, "arctanh": mpmath.atanh, "sqrt": mpmath.sqrt,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)), "softplus": lambda x: mpmath.log(1 + mpmath.exp(x)),
    "log_sigmoid": lambda x: -mpmath.log(1 + mpmath.exp(-x)), "silu": lambda x: x / (1 + mpmath.exp(-x)),
    "gelu": lambda x: x * (1 + mpmath.erf(x / mpmath.sqrt(2))) / 2, "erf": mpmath.erf, "erfc": mpmath.erfc, "gammaln": mpmath.loggamma,
    "digamma": mpmath.digamma, "logit": lambda x: mpmath.log(x / (1 - x)), "ndtr": mpmath.ncdf,
    "log_ndtr": lambda x: mpmath.log(mpmath.ncdf(x)),
    "i0": lambda x: mpmath.besseli(0, x), "i0e": lambda x: mpmath.besseli(0, x) * mpmath.exp(-abs(x)), "i1": lambda x: mpmath.besseli(1, x),
    "i1e": lambda x: mpmath.besseli(1, x) * mpmath.exp(-abs(x)),
    "sinc": lambda x: mpmath.sinc(mpmath.pi * x),
    "hardsigmoid": lambda x: min(max(x + 3, mpmath.mpf(0)), mpmath.mpf(6)) / 6,
    "hardswish": lambda x: x * min(max(x + 3, mpmath.mpf(0)), mpmath.mpf(6)) / 6,
    "selu": lambda x: mpmath.mpf("1.0507009873554804934193349852946") * (
        x if x > 0 else mpmath.mpf("1.6732632423543772848170429916717") * mpmath.expm1(x)),
    "elu": lambda x: x if x > 0 else mpmath.expm1(x), "mish": lambda x: x * mpmath.tanh(mpmath.log(1 + mpmath.exp(x))),
    "tanhshrink": lambda x: x - mpmath.tanh(x), "softsign": lambda x: x / (1 + abs(x)), "log2": lambda x: mpmath.log(x, 2),
    "log10": mpmath.log10, "exp2": lambda x: mpmath.mpf(2) ** x, "cbrt": mpmath.cbrt,
}  # fmt: skip

ANYWHERE = [
    -800.0,
    -40.0,
    -20.0,
    -6.0,
    -2.0,
    -1e-3,
    -1e-9,
    1e-9,
    1e-3,
    0.3,
    1.0,
    2.5,
    6.0,
    20.0,
    40.0,
    800.0,
]
POSITIVE = [1e-9, 1e-3, 0.3, 1.0 + 1e-9, 2.5, 40.0, 1e9]
INSIDE = [-1 + 1e-12, -0.9, -1e-9, 1e-9, 0.3, 0.9, 1 - 1e-12]
POINTS = {
    **dict.fromkeys(("log", "sqrt", "gammaln", "digamma", "log2", "log10", "cbrt"), POSITIVE),
    **dict.fromkeys(("arcsin", "arccos", "arctanh"), INSIDE),
    "log1p": [-1 + 1e-12, -1e-9, 1e-12, 0.3, 1e9], "arccosh": [1 + 1e-12, 1.5, 1e9], "logit": [1e-12, 0.3, 0.5 + 1e-9, 1 - 1e-12],
}  # fmt: skip


def peers() -> Iterator[
    tuple[str, str, Callable[..., Any], Callable[[float], Any], Callable[..., float]]
]:
    """(peer, name, function, how to make its argument, its gradient at a number) for all that is installed."""
    wanted = sys.argv[1:] or ["torch", "jax", "autograd", "mygrad"]
    if "torch" in wanted:
        import torch

        other = {"arcsin": "asin", "arccos": "acos", "arctan": "atan", "arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh",
                 "gammaln": "lgamma", "log_sigmoid": "logsigmoid"}  # fmt: skip

        def tensor(x: float) -> Any:
            return torch.tensor([x], dtype=torch.float64)

        def torch_gradient(f: Any, x: float) -> float:
            t = tensor(x).requires_grad_()
            return float(torch.autograd.grad(f(t).sum(), t)[0])

        for name in TRUTH:
            for home in (torch.nn.functional, torch, torch.special):
                f = getattr(home, other.get(name, name), None)
                if f is not None:
                    yield "torch", name, f, tensor, torch_gradient
                    break
    if "jax" in wanted:
        import jax

        jax.config.update("jax_enable_x64", True)
        for name in TRUTH:
            for home in (jax.nn, jax.numpy, jax.scipy.special):
                f = getattr(home, name, None)
                if name == "gelu":
                    f = lambda x: jax.nn.gelu(x, approximate=False)  # noqa: E731
                if f is not None:
                    yield (
                        "jax",
                        name,
                        f,
                        lambda x: jax.numpy.array([x]),
                        lambda f, x: float(jax.grad(f)(x)),
                    )
                    break
    if "autograd" in wanted:
        import autograd
        import autograd.numpy as anp
        import autograd.scipy.special as special

        for name in TRUTH:
            for home in (anp, special):
                f = getattr(home, {"sigmoid": "expit"}.get(name, name), None)
                if f is not None:
                    yield (
                        "autograd",
                        name,
                        f,
                        lambda x: np.array([x]),
                        lambda f, x: float(autograd.grad(f)(x)),
                    )
                    break
    if "mygrad" in wanted:
        import mygrad

        def mygrad_gradient(f: Any, x: float) -> float:
            t = mygrad.tensor(x)
            f(t).backward()
            return float(t.grad)

        for name in TRUTH:
            f = getattr(mygrad, name, None) or getattr(mygrad.nnet.activations, name, None)
            if f is not None:
                yield "mygrad", name, f, lambda x: np.array([x]), mygrad_gradient


def verdict(peer: str, f: Any, argument: Any, x: float, gradient: Any) -> str:
    """What cgraph's check says; of autograd and MyGrad, which it does not know, with their gradient beside the function's values."""
    try:
        if peer in ("torch", "jax"):
            return str(testing.check_gradients(f, argument(x)).verdict)
        plain = {"autograd": lambda v: np.asarray(f(v)), "mygrad": lambda v: np.asarray(f(v).data)}[
            peer
        ]
        return str(
            testing.check_gradients(
                plain, np.array([x]), vjp=lambda u, v: u * gradient(f, float(v[0]))
            ).verdict
        )
    except Exception as error:
        return type(error).__name__


def main() -> None:
    warnings.simplefilter("ignore")
    functions = points = confirmed = 0
    for peer, name, f, argument, gradient in peers():
        functions += 1
        for x in POINTS.get(name, ANYWHERE):
            points += 1
            try:
                found = gradient(f, x)
                truth = float(mpmath.diff(TRUTH[name], mpmath.mpf(x)).real)
            except Exception:
                continue
            if truth == found or not np.isfinite(truth) or abs(truth) < 1e-290:
                continue
            error = abs(found - truth) / abs(truth)
            if not error < TOLERANCE:
                confirmed += 1
                said = verdict(peer, f, argument, x, gradient)
                print(
                    f"{peer:8} {name:12} at {x:<12g} gradient {found:<24.17g} truth {truth:<24.17g} error {error:.1e}  check: {said}"
                )
    print(
        f"{functions} functions, {points} points, {confirmed} gradients off by more than {TOLERANCE:g}"
    )


if __name__ == "__main__":
    main()
