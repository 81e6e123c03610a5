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
    square: bool = False,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Two features of every example, one mark a class. X is (2, m), Y (1, m) or (m,).

    `square` gives both axes one scale and the same range, so that several plots of the same data can be laid side by side.
    """
    points, labels = style.points(X), np.asarray(Y).ravel() > 0.5
    ax = style.axes(ax)
    large = 150 if len(points) <= 12 else 46
    for wanted, ((mark, colour), label) in enumerate(zip(style.MARKS, classes, strict=True)):
        some = points[labels == bool(wanted)]
        ax.scatter(
            some[:, 0], some[:, 1], s=large, marker=mark, label=label, color=colour, edgecolors="white", linewidths=0.8,
            zorder=4,
        )  # fmt: skip
    ax.margins(0.12)
    if len(points) and np.isin(points, (0.0, 1.0)).all():
        ax.set(xticks=[0, 1], yticks=[0, 1])
    if square:
        low, high = points.min() - 0.35 * np.ptp(points), points.max() + 0.35 * np.ptp(points)
        ax.set(xlim=(low, high), ylim=(low, high))
        ax.set_aspect("equal")
    style.legend(ax, loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=4)
    return style.name(ax, title, *names)


def learning_curve(
    costs: ArrayLike,
    *,
    label: str | None = None,
    log: bool = False,
    inset: tuple[int, int] | None = None,
    title: str | None = "Learning curve",
    ax: Axes | None = None,
) -> Axes:
    """The cost of every epoch, its first and last value written at the ends. Call again with the same `ax` to compare.

    `inset` draws some epochs again, larger: where a curve that falls for thousands of epochs rises first.
    """
    values = np.asarray(costs, float).ravel()
    ax = style.axes(ax)
    (line,) = ax.plot(np.arange(values.size), values, linewidth=2, label=label)
    if values.size:
        ends = [(0, "left"), (values.size - 1, "right")][: values.size]
        for at, side in ends:
            ax.plot(
                at, values[at], "o", color=line.get_color(), markersize=5, clip_on=False, zorder=5
            )
            if inset is not None and at == 0:
                continue  # said where it can be seen
            _end(ax, at, values[at], side)
    if log:
        ax.set_yscale("log")
    else:
        finite = values[np.isfinite(values)]
        ax.set_ylim(0, max(1.1 * float(finite.max(initial=0.0)), ax.get_ylim()[1], 1e-300))
    ax.set_xlim(left=0)
    if inset is not None and values.size:
        first, last = inset[0], min(inset[1], values.size - 1)
        small = ax.inset_axes((0.34, 0.34, 0.6, 0.58))
        style.axes(small)
        some = np.arange(first, last + 1)
        small.plot(some, values[first : last + 1], linewidth=1.4, color=line.get_color())
        small.set(xlim=(first, last), ylim=(0, 1.12 * values[first : last + 1].max()))
        _end(small, first, values[first], "left", below=True)
        top = first + int(values[first : last + 1].argmax())
        small.annotate(
            f"highest {values[top]:.3f}", (top, values[top]), xytext=(10, -3), textcoords="offset points", fontsize=9, color=style.INK
        )  # fmt: skip
        small.set_title(f"epochs {first} to {last}", fontsize=9, color=style.INK, loc="left")
    if label:
        style.legend(ax)
    return style.name(ax, title, "epoch", "cost")


def _end(ax: Axes, at: int, value: float, side: str, below: bool = False) -> None:
    """The value at an end of a curve, clear of it."""
    ax.annotate(
        f"{value:.4f}", (at, value), xytext=(8 if side == "left" else 0, -22 if below else 8), ha=side, color=style.INK,
        textcoords="offset points", fontsize=9, zorder=5,
        bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
    )  # fmt: skip
