"""How good a classifier is: confusion matrix, precision and recall, ROC, every threshold. The numbers are `cgraph.metrics`'."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from cgraph import metrics
from cgraph.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def confusion_matrix(
    matrix: ArrayLike,
    *,
    classes: Sequence[str] = ("negative", "positive"),
    title: str | None = "Confusion matrix",
    ax: Axes | None = None,
) -> Axes:
    """The four counts of `metrics.confusion_matrix` as a table, right answers on the diagonal; the darker, the larger its share of
    the row, which stands below the count."""
    counts = np.asarray(matrix)
    ax = style.axes(ax, 4.8, 4.4)
    ax.grid(False)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    ax.imshow(share, cmap="Blues", vmin=0, vmax=1.25)
    words = (("true negatives", "false positives"), ("false negatives", "true positives"))
    for row in range(2):
        for column in range(2):
            colour = "white" if share[row, column] > 0.6 else style.INK
            ax.text(
                column, row - 0.06, f"{counts[row, column]}", ha="center", color=colour, fontsize=22
            )
            said = f"{words[row][column]}\n{share[row, column]:.0%} of the row"
            ax.text(column, row + 0.26, said, ha="center", color=colour, fontsize=9)
    ax.set_xticks([0, 1], classes)
    ax.set_yticks([0, 1], classes, rotation=90, va="center")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return style.name(ax, title, "predicted", "true")


def precision_recall_curve(
    y: ArrayLike,
    p: ArrayLike,
    *,
    label: str | None = None,
    title: str | None = "Precision and recall",
    ax: Axes | None = None,
) -> Axes:
    """Precision against recall as the threshold moves. `y` labels, `p` scores."""
    right, found, _ = metrics.precision_recall_curve(y, p)
    ax = style.axes(ax, 4.8, 4.4)
    area = f"average precision {metrics.average_precision(y, p):.3f}"
    ax.step(found, right, where="post", linewidth=2, label=f"{label}, {area}" if label else area)
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.05))
    style.legend(ax, loc="lower left")
    return style.name(ax, title, "recall", "precision")


def roc_curve(
    y: ArrayLike,
    p: ArrayLike,
    *,
    label: str | None = None,
    title: str | None = "ROC curve",
    ax: Axes | None = None,
) -> Axes:
    """True against false positive rate as the threshold moves, with the diagonal of a guess. `y` labels, `p` scores."""
    alarms, hits, _ = metrics.roc_curve(y, p)
    ax = style.axes(ax, 4.8, 4.4)
    area = f"area {metrics.roc_auc(y, p):.3f}"
    ax.plot([0, 1], [0, 1], color=style.GREY, linewidth=1, linestyle=":")
    ax.plot(alarms, hits, linewidth=2, label=f"{label}, {area}" if label else area)
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.05))
    style.legend(ax, loc="lower right")
    return style.name(ax, title, "false positive rate", "true positive rate")


def threshold_sweep(
    y: ArrayLike,
    p: ArrayLike,
    *,
    title: str | None = "Every threshold",
    ax: Axes | None = None,
) -> Axes:
    """Accuracy, precision, recall and F1 against the threshold. `y` labels, `p` probabilities."""
    thresholds = np.linspace(0.005, 0.995, 199)
    rows = metrics.threshold_sweep(y, p, thresholds)
    ax = style.axes(ax)
    for name, colour, dash in [
        ("accuracy", style.INK, "-"),
        ("precision", style.NEGATIVE, "-"),
        ("recall", style.POSITIVE, "-"),
        ("f1", "#6D4AA0", "--"),
    ]:
        values = [getattr(row, name) for row in rows]
        ax.step(
            thresholds,
            values,
            where="post",
            color=colour,
            linestyle=dash,
            linewidth=1.8,
            label="F1" if name == "f1" else name,
        )
    ax.set(xlim=(0, 1), ylim=(-0.02, 1.05))
    style.legend(ax, loc="lower center", ncols=4)
    return style.name(ax, title, "threshold", "")
