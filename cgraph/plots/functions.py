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
    y: str | None = None,
    log: str = "",
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """An elementwise function of nodes over [low, high], and, dashed, its derivative.

    `label`, `slope`, `x` and `y` name the two curves and the axes; `slope=None` leaves the derivative out; `log` is "x", "y" or
    "xy" for logarithmic axes. Where the function or its derivative is not finite the curve has a gap.
    """
    at = np.geomspace(low, high, 801) if "x" in log else np.linspace(low, high, 801)
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
    if "x" in log:
        ax.set_xscale("log")
    if "y" in log:
        ax.set_yscale("log")
    ax.set_xlim(low, high)
    style.legend(ax)
    return style.name(ax, title, x, y if y is not None else label if slope is None else "")


def sigmoid(
    *,
    derivative: bool = True,
    limit: float = 8.0,
    threshold: float | None = None,
    flat: float | None = None,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """σ(z) for |z| up to `limit`, read as a probability, and its derivative, which is flat at both ends.

    `threshold` shades where the answer is negative and where it is positive; `flat` where the derivative is below it.
    """
    from cgraph.ops.elementwise import sigmoid as op

    slope = "dσ/dz = σ(z)(1 − σ(z))" if derivative else None
    title = title or (
        "The sigmoid turns any number into a probability"
        if threshold is None
        else f"Positive where p̂ ≥ {threshold:g}"
    )
    label = "p̂ = σ(z)"
    ax = function(op, -limit, limit, label=label, slope=slope, x="z", y="p̂", title=title, ax=ax)
    ax.axhline(0.5, color=style.GREY, linewidth=0.9, linestyle=":")
    ax.axvline(0.0, color=style.GREY, linewidth=0.9, linestyle=":")
    ax.set_ylim(-0.05, 1.05)
    if threshold is None:
        ax.annotate(
            "σ(0) = 0.5",
            (0, 0.5),
            xytext=(10, -14),
            textcoords="offset points",
            color=style.INK,
            fontsize=9,
        )
    else:
        _threshold(ax, threshold, limit)
    if flat is not None:
        edge = float(np.log((1 - 2 * flat + np.sqrt(1 - 4 * flat)) / (2 * flat)))
        for low, high in ((-limit, -edge), (edge, limit)):
            ax.axvspan(low, high, color="#FFF6CC", zorder=0)
            ax.text((low + high) / 2, 0.72 if low < 0 else 0.3, f"flat: dσ/dz\nbelow {flat:g}",
                    ha="center", va="center", color="#7A5E00", fontsize=9)  # fmt: skip
    style.legend(ax, loc="upper left")
    return ax


def _threshold(ax: Axes, threshold: float, limit: float) -> None:
    """The two answers of a classifier: negative left of the logit of the threshold, positive right of it."""
    if not 0 < threshold < 1:
        raise ValueError(f"a threshold lies between 0 and 1, not at {threshold}")
    logit = float(np.log(threshold) - np.log1p(-threshold))
    ax.axhline(threshold, color=style.INK, linewidth=1.1, linestyle="--")
    ax.axvline(logit, color=style.INK, linewidth=1.1)
    for low, high, colour, word, ink in (
        (-limit, logit, style.PALE_NEGATIVE, "negative", style.NEGATIVE),
        (logit, limit, style.PALE_POSITIVE, "positive", style.POSITIVE),
    ):
        ax.axvspan(low, high, color=colour, alpha=0.6, zorder=0)
        ax.text(
            (low + high) / 2,
            0.22 if word == "positive" else 0.62,
            word,
            color=ink,
            ha="center",
            fontsize=11,
            fontweight="bold",
        )
    ax.annotate(
        f"z = {logit:.3g}", (logit, 0.02), xytext=(6, 0), textcoords="offset points", color=style.INK, fontsize=9,
    )  # fmt: skip


def bce(
    y: float, *, derivative: bool = True, title: str | None = None, ax: Axes | None = None
) -> Axes:
    """Binary cross-entropy of a prediction p̂ when the answer is y (0 or 1), and its derivative with respect to p̂.

    Both labels are drawn to the same scale: they are mirror images.
    """
    from cgraph.ops.losses import bce as op

    label, slope = f"loss for y = {y:g}", "∂loss/∂p̂" if derivative else None
    title = title or f"Binary cross-entropy, y = {y:g}"
    ax = function(
        lambda p: op(p, float(y)), 0.005, 0.995, label=label, slope=slope, x="p̂", y="loss, slope" if derivative else "loss",
        title=title, ax=ax,
    )  # fmt: skip
    ax.set_xlim(0, 1)
    ax.set_ylim((-11, 11) if derivative else (0, 5.5))
    style.legend(
        ax, loc="upper center" if derivative else "upper left" if y < 0.5 else "upper right"
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
