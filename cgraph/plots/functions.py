"""The sigmoid and the cost with their derivatives, each evaluated and differentiated by cgraph itself, not typed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from cgraph.plots import style
from cgraph.plots.style import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def _value_and_slope(op: Callable[..., Any], at: Array, *rest: Any) -> tuple[Array, Array]:
    """An elementwise op and its derivative at many places: one graph, forward and backward."""
    from cgraph.node import parameter

    x = parameter("x", at)
    out = op(x, *rest)
    run = out.sum().backward()
    return run.value(out), run.grad(x)


def sigmoid(
    *, derivative: bool = True, limit: float = 8.0, title: str | None = None, ax: Axes | None = None
) -> Axes:
    """σ(z) for |z| up to `limit`, read as a probability, and its derivative, which is flat at both ends."""
    from cgraph.ops.elementwise import sigmoid as op

    z = np.linspace(-limit, limit, 601)
    value, slope = _value_and_slope(op, z)
    ax = style.axes(ax)
    ax.axhline(0.5, color=style.GREY, linewidth=0.9, linestyle=":")
    ax.axvline(0.0, color=style.GREY, linewidth=0.9, linestyle=":")
    ax.plot(z, value, color=style.NEGATIVE, linewidth=2.2, label="σ(z)")
    if derivative:
        ax.plot(
            z,
            slope,
            color=style.GRADIENT,
            linewidth=1.8,
            linestyle="--",
            label="dσ/dz = σ(z)(1 − σ(z))",
        )
    ax.annotate(
        "σ(0) = 0.5",
        (0, 0.5),
        xytext=(10, -14),
        textcoords="offset points",
        color=style.INK,
        fontsize=9,
    )
    ax.set(ylim=(-0.05, 1.05), xlim=(-limit, limit))
    style.legend(ax, loc="upper left")
    return style.name(ax, title or "The sigmoid turns any number into a probability", "z", "")


def bce(
    y: float, *, derivative: bool = True, title: str | None = None, ax: Axes | None = None
) -> Axes:
    """Binary cross-entropy of a prediction p̂ when the answer is y (0 or 1), and its derivative with respect to p̂."""
    from cgraph.ops.losses import bce as op

    p = np.linspace(0.005, 0.995, 596)
    value, slope = _value_and_slope(op, p, np.full_like(p, y))
    ax = style.axes(ax)
    ax.plot(p, value, color=style.NEGATIVE, linewidth=2.2, label=f"loss for y = {y:g}")
    if derivative:
        ax.axhline(0.0, color=style.GREY, linewidth=0.9, linestyle=":")
        ax.plot(p, slope, color=style.GRADIENT, linewidth=1.8, linestyle="--", label="∂loss/∂p̂")
        ax.set_ylim((-11, 6) if y > 0.5 else (-1.5, 11))
    style.legend(ax, loc="upper left" if y < 0.5 else "lower right")
    return style.name(ax, title or f"Binary cross-entropy, y = {y:g}", "p̂", "")
