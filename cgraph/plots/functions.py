"""Functions of one number with their derivatives: any op, the sigmoid, the cost, and a descent along a curve.

Apart because nothing here is typed in: every curve is evaluated, and every slope differentiated, by cgraph itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from cgraph.plots import style
from cgraph.plots.style import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def _value_and_slope(f: Callable[[Any], Any], at: Any) -> tuple[Array, Array]:
    """An elementwise function and its derivative at many places: one graph, forward and backward."""
    from cgraph.leaves import parameter

    x = parameter("x", np.asarray(at, float))
    out = f(x)
    run = out.backward(upstream=np.ones_like(x.value))
    return run.value(out), run.grad(x)


def function(
    f: Callable[[Any], Any],
    low: float,
    high: float,
    *,
    label: str = "f(x)",
    slope: str | None = "df/dx",
    x: str = "x",
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """An elementwise function of nodes over [low, high], and, dashed, its derivative.

    `label`, `slope` and `x` name the two curves and the axis; `slope=None` leaves the derivative out. Where the function or its
    derivative is not finite the curve has a gap.
    """
    at = np.linspace(low, high, 801)
    value, derivative = _value_and_slope(f, at)
    ax = style.axes(ax)
    ax.axhline(0.0, color=style.GREY, linewidth=0.9, linestyle=":")
    with np.errstate(invalid="ignore"):
        ax.plot(
            at,
            np.where(np.isfinite(value), value, np.nan),
            color=style.NEGATIVE,
            linewidth=2.2,
            label=label,
        )
        if slope is not None:
            shown = np.where(np.isfinite(derivative), derivative, np.nan)
            ax.plot(at, shown, color=style.GRADIENT, linewidth=1.8, linestyle="--", label=slope)
    ax.set_xlim(low, high)
    style.legend(ax)
    return style.name(ax, title, x, "")


def sigmoid(
    *, derivative: bool = True, limit: float = 8.0, title: str | None = None, ax: Axes | None = None
) -> Axes:
    """σ(z) for |z| up to `limit`, read as a probability, and its derivative, which is flat at both ends."""
    from cgraph.ops.elementwise import sigmoid as op

    slope = "dσ/dz = σ(z)(1 − σ(z))" if derivative else None
    title = title or "The sigmoid turns any number into a probability"
    ax = function(op, -limit, limit, label="σ(z)", slope=slope, x="z", title=title, ax=ax)
    ax.axhline(0.5, color=style.GREY, linewidth=0.9, linestyle=":")
    ax.axvline(0.0, color=style.GREY, linewidth=0.9, linestyle=":")
    ax.annotate(
        "σ(0) = 0.5",
        (0, 0.5),
        xytext=(10, -14),
        textcoords="offset points",
        color=style.INK,
        fontsize=9,
    )
    ax.set_ylim(-0.05, 1.05)
    style.legend(ax, loc="upper left")
    return ax


def bce(
    y: float, *, derivative: bool = True, title: str | None = None, ax: Axes | None = None
) -> Axes:
    """Binary cross-entropy of a prediction p̂ when the answer is y (0 or 1), and its derivative with respect to p̂."""
    from cgraph.ops.losses import bce as op

    label, slope = f"loss for y = {y:g}", "∂loss/∂p̂" if derivative else None
    title = title or f"Binary cross-entropy, y = {y:g}"
    ax = function(
        lambda p: op(p, float(y)), 0.005, 0.995, label=label, slope=slope, x="p̂", title=title, ax=ax
    )
    ax.set_xlim(0, 1)
    if derivative:
        ax.set_ylim((-11, 6) if y > 0.5 else (-1.5, 11))
    style.legend(
        ax, loc="upper left" if y < 0.5 else "lower right" if derivative else "upper right"
    )
    return ax


def descent(
    f: Callable[[Any], Any],
    start: float,
    *,
    lr: float,
    steps: int = 8,
    margin: float = 0.35,
    label: str = "loss",
    x: str = "w",
    title: str | None = "Gradient descent: the flatter the curve, the smaller the step",
    ax: Axes | None = None,
) -> Axes:
    """Gradient descent on a function of one number: its curve, and the steps from `start`, each with its tangent's slope.

    The view is what the steps cross, and `margin` of that on either side.
    """
    places = [float(start)]
    for _ in range(steps):
        _, slope = _value_and_slope(f, places[-1])
        places.append(places[-1] - lr * float(slope))
    at = np.array(places)
    heights, slopes = _value_and_slope(f, at)
    pad = margin * max(float(np.ptp(at)), 1e-9)
    low, high = at.min() - pad, at.max() + pad
    ax = function(f, low, high, label=label, slope=None, x=x, title=title, ax=ax)
    ax.plot(
        at,
        heights,
        "o",
        color=style.POSITIVE,
        markersize=6,
        zorder=4,
        label=f"steps, learning rate {lr:g}",
    )
    for i in range(steps):
        ax.annotate(
            "", (at[i + 1], heights[i + 1]), (at[i], heights[i]), zorder=3,
            arrowprops={"arrowstyle": "->", "color": style.GRADIENT, "linewidth": 1.4, "connectionstyle": "arc3,rad=-0.3"},
        )  # fmt: skip
    for i in (0, steps):
        ax.annotate(
            f"slope {slopes[i]:.3g}", (at[i], heights[i]), xytext=(6, -18), textcoords="offset points", color=style.INK,
            fontsize=9,
        )  # fmt: skip
    style.legend(ax)
    return ax
