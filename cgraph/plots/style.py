"""How a plot of cgraph looks, and the one place that makes a figure.

Apart from the plots so that they stay about what they show. Colours are those of the diagrams: positive and negative examples,
values in ink, gradients in vermilion and dashed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

INK, GREY, GRID = "#1F2933", "#566270", "#E3E7EB"
NEGATIVE, POSITIVE, GRADIENT = "#2F66A8", "#C2571A", "#B04000"
PALE_NEGATIVE, PALE_POSITIVE = "#DFEBFA", "#FBE6D4"
CYCLE = [NEGATIVE, POSITIVE, "#3B7D3A", "#6D4AA0", "#A87400"]
MARKS = (("o", NEGATIVE), ("D", POSITIVE))


def axes(ax: Axes | None, width: float = 6.4, height: float = 4.4) -> Axes:
    """The axes to draw into, dressed."""
    if ax is None:
        try:
            import matplotlib.pyplot as plt
        except ModuleNotFoundError as missing:
            raise ModuleNotFoundError(
                'plots need matplotlib: pip install "cgraph[plots]"', name=missing.name
            ) from missing
        _, ax = plt.subplots(figsize=(width, height), dpi=120, layout="constrained")
    if not ax.lines:
        ax.set_prop_cycle(color=CYCLE)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color("#B6BEC7")
    ax.tick_params(colors=GREY, labelsize=9)
    ax.grid(True, color=GRID, linewidth=0.8)
    ax.set_axisbelow(True)
    return ax


def name(ax: Axes, title: str | None, x: str, y: str) -> Axes:
    if title:
        ax.set_title(title, loc="left", color=INK, fontsize=11.5, fontweight="bold", pad=10)
    ax.set_xlabel(x, color=INK)
    ax.set_ylabel(y, color=INK)
    return ax


def dress(ax: Axes, title: str | None, x: str, y: str, **legend_: Any) -> Axes:
    """Title, names of the axes and legend on axes that somebody has drawn into by hand, in the look of the other plots."""
    axes(ax)
    legend(ax, **legend_)
    return name(ax, title, x, y)


def legend(ax: Axes, **options: Any) -> None:
    ax.legend(frameon=False, fontsize=9, labelcolor=INK, **options)


def points(X: ArrayLike) -> Array:
    """(2, m) columns to (m, 2) points."""
    columns = np.asarray(X, float)
    if columns.ndim != 2 or columns.shape[0] != 2:
        raise ValueError(f"a plane has two features: X must have shape (2, m), not {columns.shape}")
    return columns.T
