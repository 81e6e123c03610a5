"""A case: one function as each library writes it, the truth, and the points where it is hard."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

NAMES = "abcd"
PEERS = ("torch", "jax", "autograd", "mygrad")


@dataclass(frozen=True)
class Case:
    """One function of arrays that gives one number.

    Attributes:
        name: of the function.
        truth: ``(m, a, b, ...)`` -> the value, over mpmath's numbers.
        calls: what it is in each library, as an expression in a, b, c.
        points: where: one tuple of arguments each.
        wrt: which arguments are differentiated.
        digits: of the truth.
        kinks: further points, where a derivative is a choice: what each library chooses is listed, and nobody is wrong.
        single: whether float32 is looked at, too.
    """

    name: str
    truth: Callable[..., Any]
    calls: dict[str, str]
    points: Sequence[tuple[Any, ...]]
    wrt: tuple[int, ...] = (0,)
    digits: int = 60
    kinks: Sequence[tuple[Any, ...]] = ()
    single: bool = True
    extra: dict[str, Any] = field(default_factory=dict)


def spelled(
    call: str,
    torch: str | None = None,
    *,
    mygrad: bool = True,
    jax: bool = True,
    autograd: bool = True,
) -> dict[str, str]:
    """An expression with NumPy's names, ``np.``, for the three libraries that have them, and PyTorch's beside it."""
    calls = {}
    if torch is not None:
        calls["torch"] = torch
    if jax:
        calls["jax"] = call.replace("np.", "jnp.")
    if autograd:
        calls["autograd"] = call
    if mygrad:
        calls["mygrad"] = call.replace("np.", "mg.")
    return calls


def at(*values: Any) -> tuple[Any, ...]:
    return tuple(np.asarray(v) if not isinstance(v, int) else v for v in values)
