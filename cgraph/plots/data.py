"""The data, and how the training went."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from cgraph.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def scatter(
    X: ArrayLike,
    Y: ArrayLike,
    *,
    names: Sequence[str] = ("x₁", "x₂"),
    classes: Sequence[str] = ("y = 0", "y = 1"),
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Two features of every example, one mark a class. X is (2, m), Y (1, m) or (m,)."""
    points, labels = style.points(X), np.asarray(Y).ravel() > 0.5
    ax = style.axes(ax)
    for wanted, ((mark, colour), label) in enumerate(zip(style.MARKS, classes, strict=True)):
        some = points[labels == bool(wanted)]
        ax.scatter(
            some[:, 0], some[:, 1], s=46, marker=mark, label=label, color=colour, edgecolors="white", linewidths=0.8,
            zorder=4,
        )  # fmt: skip
    ax.margins(0.12)
    style.legend(ax, loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=4)
    return style.name(ax, title, *names)


def learning_curve(
    costs: ArrayLike,
    *,
    label: str | None = None,
    log: bool = False,
    title: str | None = "Learning curve",
    ax: Axes | None = None,
) -> Axes:
    """The cost of every epoch, its first and last value written at the ends. Call again with the same `ax` to compare."""
    values = np.asarray(costs, float).ravel()
    ax = style.axes(ax)
    (line,) = ax.plot(np.arange(values.size), values, linewidth=2, label=label)
    if values.size:
        ends = [(0, "left"), (values.size - 1, "right")][: values.size]
        for at, side in ends:
            ax.plot(at, values[at], "o", color=line.get_color(), markersize=5)
            ax.annotate(
                f"{values[at]:.4g}", (at, values[at]), xytext=(8 if side == "left" else 0, 8), ha=side, color=style.INK,
                textcoords="offset points", fontsize=9, zorder=5,
                bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
            )  # fmt: skip
    if log:
        ax.set_yscale("log")
    else:
        ax.set_ylim(bottom=0)
    if label:
        style.legend(ax)
    return style.name(ax, title, "epoch", "cost")
