"""The article's plots: data, learning curves, decision boundaries, the sigmoid and the cost, confusion matrix, PR and ROC curves.

Apart from everything else because it alone knows matplotlib (the `plots` extra), which is imported when a plot is made and not
before. Every function draws into `ax` (its own new figure when None) and returns the axes, so plots combine and are saved as in
matplotlib: `ax.figure.savefig("x.png")`. Data are columns, X (2, m) and Y (1, m), as in `cgraph.datasets`.
"""

from cgraph.plots.boundary import decision_boundary
from cgraph.plots.data import learning_curve, scatter
from cgraph.plots.functions import bce, descent, function, sigmoid
from cgraph.plots.quality import (
    confusion_matrix,
    precision_recall_curve,
    roc_curve,
    threshold_sweep,
)
from cgraph.plots.style import dress

__all__ = [
    "bce",
    "confusion_matrix",
    "decision_boundary",
    "descent",
    "dress",
    "function",
    "learning_curve",
    "precision_recall_curve",
    "roc_curve",
    "scatter",
    "sigmoid",
    "threshold_sweep",
]
