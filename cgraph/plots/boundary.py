"""Decision boundaries: where a model's probability crosses the threshold, shaded and measured.

Apart from the other plots because a little geometry goes into it: the boundary is a contour of the logits, and the distance of
an example to it is the way to the nearest place of that contour. Data are columns, X (2, m).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from cgraph.draw.model.text import number
from cgraph.plots import style
from cgraph.plots.data import scatter
from cgraph.plots.style import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def _logits(model: Any) -> Callable[[Array], Array]:
    """A function from points (n, 2) to logits (n,), whatever kind of model it is.

    The boundary is sought in logits, where it is smooth: probabilities are flat at both ends.
    """
    if hasattr(model, "decision_function"):
        return lambda points: np.asarray(model.decision_function(points), float).ravel()
    if hasattr(model, "predict_proba"):

        def probability(points: Array) -> Array:
            return np.asarray(model.predict_proba(points), float)[:, 1]
    elif callable(model):

        def probability(points: Array) -> Array:
            return np.asarray(model(points.T), float).ravel()
    else:
        raise TypeError(
            "model is a fitted classifier, or a function from columns (2, n) to n probabilities"
        )

    def logit(points: Array) -> Array:
        p = np.clip(probability(points), 1e-300, 1 - 1e-16)
        return np.asarray(np.log(p) - np.log1p(-p))

    return logit


def _level(threshold: float) -> float:
    if not 0 < threshold < 1:
        raise ValueError(f"a threshold lies between 0 and 1, not at {threshold}")
    return float(np.log(threshold) - np.log1p(-threshold))


def _grid(low: Array, high: Array, n: int) -> tuple[Array, Array, Array]:
    """n x n points of a rectangle: x, y and the points (n*n, 2)."""
    x, y = np.meshgrid(np.linspace(low[0], high[0], n), np.linspace(low[1], high[1], n))
    return x, y, np.column_stack([x.ravel(), y.ravel()])


def _contour(logits: Callable[[Array], Array], level: float, low: Array, high: Array) -> Array:
    """The boundary within a rectangle as segments (n, 2 ends, 2 coordinates)."""
    from contourpy import contour_generator

    x, y, points = _grid(low, high, 401)
    found: Any = contour_generator(x, y, logits(points).reshape(x.shape)).lines(level)
    pieces = [np.stack([line[:-1], line[1:]], axis=1) for line in found]
    return np.concatenate(pieces) if pieces else np.empty((0, 2, 2))


def _feet(points: Array, segments: Array) -> Array:
    """For each point the nearest place on any segment."""
    start, along = segments[:, 0], segments[:, 1] - segments[:, 0]
    length = np.maximum(np.einsum("sk,sk->s", along, along), 1e-300)
    feet = np.empty_like(points)
    for i, point in enumerate(points):
        t = np.clip(np.einsum("sk,sk->s", point - start, along) / length, 0, 1)
        near = start + t[:, None] * along
        feet[i] = near[np.argmin(np.einsum("sk,sk->s", near - point, near - point))]
    return feet


def decision_boundary(
    model: Any,
    X: ArrayLike,
    Y: ArrayLike,
    *,
    threshold: float = 0.5,
    shaded: bool = False,
    distances: bool = False,
    square: bool = False,
    view: tuple[tuple[float, float], tuple[float, float]] | None = None,
    names: Sequence[str] = ("x₁", "x₂"),
    classes: Sequence[str] = ("y = 0", "y = 1"),
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Where the model's probability crosses the threshold, among the examples.

    `model` is a fitted classifier (`decision_function` or `predict_proba` on rows) or a function from columns (2, n) to n
    probabilities. `shaded` paints the two sides by their probability, with a scale beside them; `distances` draws and measures the
    way from every example to the boundary (the view then grows until the boundary is in it). Examples on the wrong side are
    ringed. `square` gives both axes one scale and range; `view` sets the ranges, ((left, right), (bottom, top)), to the same scale.
    ValueError for X that is not (2, m) or a threshold outside (0, 1).
    """
    points, level, logits = style.points(X), _level(threshold), _logits(model)
    low, high = points.min(axis=0), points.max(axis=0)
    span = np.maximum(high - low, 1e-9)
    far = _contour(logits, level, low - 2 * span, high + 2 * span)
    feet = _feet(points, far) if len(far) else points
    # The boundary may run outside of the data (an extreme threshold): the view takes in its nearest part.
    nearest = feet if distances else feet[[np.linalg.norm(feet - points, axis=1).argmin()]]
    low, high = np.minimum(low, nearest.min(axis=0)), np.maximum(high, nearest.max(axis=0))
    pad = 0.16 * np.maximum(high - low, 1e-9)
    low, high = low - pad, high + pad
    if view is not None:
        low, high = (np.array([side[i] for side in view], float) for i in (0, 1))
    elif square:
        extent = float(np.ptp(points))
        low, high = (
            np.minimum(low.min(), points.min() - 0.35 * extent),
            np.maximum(high.max(), points.max() + 0.35 * extent),
        )
        low, high = np.repeat(low, 2), np.repeat(high, 2)

    ax = style.axes(ax)
    if shaded:
        _shade(ax, logits, level, low, high)
    scatter(X, Y, names=names, classes=classes, title=title, ax=ax)
    segments = _contour(logits, level, low, high)
    if len(segments):
        from matplotlib.collections import LineCollection

        label = f"p̂ = {number(threshold, 4)}"
        ax.add_collection(
            LineCollection(list(segments), colors=style.INK, linewidths=2, label=label, zorder=3)
        )
    else:
        ax.plot([], [], color=style.INK, label=f"p̂ = {number(threshold, 4)} is nowhere in view")
    if distances and len(far):
        _measure(ax, points, feet)
    wrong = _ring(ax, points, np.asarray(Y).ravel() > 0.5, logits(points) >= level)
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    if distances or square or view is not None:
        ax.set_aspect("equal")
    few = len(points) <= 12  # then the marks are large
    columns = 2 if wrong and few else 4
    style.legend(
        ax,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.13),
        ncols=columns,
        markerscale=0.6 if few else 1.0,
    )
    return ax


def _ring(ax: Axes, points: Array, labels: Any, called: Any) -> int:
    """Examples on the wrong side of the boundary, told by a ring; how many there are."""
    wrong = points[labels != called]
    if len(wrong):
        size = 420 if len(points) <= 12 else 130
        ax.scatter(
            wrong[:, 0], wrong[:, 1], s=size, facecolors="none", edgecolors="#B00020", linewidths=1.8, zorder=5,
            label=f"{len(wrong)} wrong",
        )  # fmt: skip
    return len(wrong)


def _shade(
    ax: Axes, logits: Callable[[Array], Array], level: float, low: Array, high: Array
) -> None:
    """The two sides of the boundary, paler where the model is less sure."""
    from matplotlib.colors import LinearSegmentedColormap

    x, y, points = _grid(low, high, 201)
    z = np.clip((logits(points) - level).reshape(x.shape), -700, 700)
    sides = LinearSegmentedColormap.from_list(
        "sides", ["#9FC3EE", style.PALE_NEGATIVE, style.PALE_POSITIVE, "#F2B483"]
    )
    # The probability relative to the threshold: exactly one half on the boundary, whatever the threshold is.
    mesh = ax.pcolormesh(
        x,
        y,
        1 / (1 + np.exp(-z)),
        cmap=sides,
        vmin=0,
        vmax=1,
        shading="gouraud",
        zorder=0,
        rasterized=True,
    )
    ax.contourf(
        x,
        y,
        z,
        levels=[-np.inf, 0, np.inf],
        colors=[style.PALE_NEGATIVE, style.PALE_POSITIVE],
        alpha=0.35,
        zorder=0.5,
    )
    ax.grid(False)
    bar = ax.figure.colorbar(mesh, ax=ax, fraction=0.046, pad=0.03)
    ticks = np.array([0.05, 0.25, 0.5, 0.75, 0.95])
    said = 1 / (1 + np.exp(-(np.log(ticks / (1 - ticks)) + level)))
    bar.set_ticks(list(ticks), labels=[number(p, 2) if p < 0.99 else f"{p:.6g}" for p in said])
    bar.ax.tick_params(colors=style.GREY, labelsize=8)
    bar.set_label("p̂", color=style.INK)
    bar.outline.set_visible(False)


def _measure(ax: Axes, points: Array, feet: Array) -> None:
    """A dotted line from every point to its foot; the length beside it while there are few."""
    from matplotlib.collections import LineCollection

    ways = np.stack([points, feet], axis=1)
    ax.add_collection(
        LineCollection(list(ways), colors=style.GREY, linewidths=1.1, linestyles=":", zorder=2)
    )
    if len(points) > 12:
        return
    for point, foot in ways:
        way = foot - point
        length = float(np.linalg.norm(way))
        # beside the line, on its left, so that neither the line nor a mark is covered
        aside = 13 * np.array([-way[1], way[0]]) / max(length, 1e-300)
        ax.annotate(
            f"{length:.3g}", 0.6 * point + 0.4 * foot, xytext=tuple(aside), textcoords="offset points", fontsize=9,
            color=style.INK, ha="center", va="center", zorder=5,
        )  # fmt: skip
