"""How good a binary classifier is: the confusion matrix, what follows from it, and its change with the threshold.

The article stops at precision and recall for one threshold and promises their trade-off; the curves are here. Everything takes
labels `y` of 0 and 1 and, where a threshold moves, scores `p` (probabilities, or logits: only their order matters). Shapes do
not: (m,), (1, m) and (m, 1) are the same m examples. A score *at or above* the threshold counts as positive.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "ThresholdRow", "accuracy", "average_precision", "confusion_matrix", "f1", "precision", "precision_recall_curve",
    "recall", "roc_auc", "roc_curve", "threshold_sweep",
]  # fmt: skip

Array = NDArray[np.float64]


def _labels(y: ArrayLike, name: str) -> NDArray[np.bool_]:
    values = np.asarray(y)
    if not np.isin(values, (0, 1)).all():
        raise ValueError(
            f"{name} holds labels 0 and 1 only; apply a threshold to probabilities first"
        )
    return values.ravel().astype(bool)


def _same_length(a: NDArray[np.generic], b: NDArray[np.generic]) -> None:
    if a.size != b.size:
        raise ValueError(f"{a.size} labels but {b.size} predictions")


def confusion_matrix(y: ArrayLike, predicted: ArrayLike) -> NDArray[np.int64]:
    """Counts of right and wrong answers, `[[true neg, false pos], [false neg, true pos]]`.

    Rows are the truth, columns the prediction (scikit-learn's layout). ValueError when a label is not 0 or 1, or when the
    sizes differ.

    >>> confusion_matrix([0, 0, 1, 1, 1], [0, 1, 1, 1, 0])
    array([[1, 1],
           [1, 2]])
    """
    truth, guess = _labels(y, "y"), _labels(predicted, "predicted")
    _same_length(truth, guess)
    return np.bincount(2 * truth + guess, minlength=4).reshape(2, 2).astype(np.int64)


def accuracy(y: ArrayLike, predicted: ArrayLike) -> float:
    """Right answers over all answers; nan without examples.

    >>> accuracy([0, 0, 1, 1], [0, 1, 1, 1])
    0.75
    """
    (tn, fp), (fn, tp) = confusion_matrix(y, predicted).tolist()
    total = tn + fp + fn + tp
    return (tn + tp) / total if total else float("nan")


def precision(y: ArrayLike, predicted: ArrayLike) -> float:
    """Of the examples called positive, the share that is; 0 when none was called positive.

    >>> precision([0, 0, 1, 1], [0, 1, 1, 1])
    0.6666666666666666
    """
    (_, fp), (_, tp) = confusion_matrix(y, predicted).tolist()
    return tp / (tp + fp) if tp + fp else 0.0


def recall(y: ArrayLike, predicted: ArrayLike) -> float:
    """Of the positive examples, the share that was found; 0 when there are none.

    >>> recall([0, 0, 1, 1], [0, 1, 1, 1])
    1.0
    """
    fn, tp = confusion_matrix(y, predicted)[1].tolist()
    return tp / (tp + fn) if tp + fn else 0.0


def f1(y: ArrayLike, predicted: ArrayLike) -> float:
    """The harmonic mean of precision and recall, 2 TP / (2 TP + FP + FN); 0 when there is nothing to find.

    >>> f1([0, 0, 1, 1], [0, 1, 1, 1])
    0.8
    """
    (_, fp), (fn, tp) = confusion_matrix(y, predicted).tolist()
    return 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else 0.0


@dataclass(frozen=True, slots=True)
class ThresholdRow:
    """What one threshold gives: a row of `threshold_sweep`."""

    threshold: float
    matrix: NDArray[np.int64]
    accuracy: float
    precision: float
    recall: float
    f1: float


def threshold_sweep(y: ArrayLike, p: ArrayLike, thresholds: Iterable[float]) -> list[ThresholdRow]:
    """The metrics at each of several thresholds, in the order given.

    >>> for row in threshold_sweep([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9], [0.3, 0.5, 0.95]):
    ...     print(row.threshold, row.accuracy, row.recall)
    0.3 0.75 1.0
    0.5 0.5 0.5
    0.95 0.5 0.0
    """
    scores = np.asarray(p, float).ravel()
    rows = []
    for threshold in thresholds:
        called = scores >= threshold
        quality = (metric(y, called) for metric in (accuracy, precision, recall, f1))
        rows.append(ThresholdRow(float(threshold), confusion_matrix(y, called), *quality))
    return rows


def _counts(y: ArrayLike, p: ArrayLike) -> tuple[Array, Array, Array]:
    """(true positives, false positives, threshold) for every distinct score, from the highest down."""
    truth, scores = _labels(y, "y"), np.asarray(p, float).ravel()
    _same_length(truth, scores)
    if np.isnan(scores).any():
        raise ValueError("a score is NaN")
    if truth.all() or not truth.any():
        raise ValueError("a curve needs examples of both classes")
    order = np.argsort(-scores, kind="stable")
    scores, truth = scores[order], truth[order]
    # Examples with the same score change sides together: only the last of each group is a point of the curve.
    last = np.append(scores[1:] != scores[:-1], True)
    hits = np.cumsum(truth)[last].astype(float)
    return hits, np.flatnonzero(last) + 1.0 - hits, scores[last]


def precision_recall_curve(y: ArrayLike, p: ArrayLike) -> tuple[Array, Array, Array]:
    """`(precision, recall, thresholds)` with rising thresholds, one for every distinct score.

    As in scikit-learn, the first two are longer by one: they end in the point (1, 0) that no threshold reaches. ValueError
    when a class is missing or a score is NaN.

    >>> precision_recall_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    (array([0.5   , 0.6667, 0.5   , 1.    , 1.    ]), array([1. , 1. , 0.5, 0.5, 0. ]),
     array([0.1 , 0.35, 0.4 , 0.8 ]))
    """
    hits, alarms, thresholds = _counts(y, p)
    found, right = hits / hits[-1], hits / (hits + alarms)
    return np.append(right[::-1], 1.0), np.append(found[::-1], 0.0), thresholds[::-1]


def roc_curve(y: ArrayLike, p: ArrayLike) -> tuple[Array, Array, Array]:
    """`(false positive rate, true positive rate, thresholds)` with falling thresholds, from (0, 0) to (1, 1).

    The first threshold is infinity: nothing is called positive. ValueError when a class is missing or a score is NaN.

    >>> roc_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    (array([0. , 0. , 0.5, 0.5, 1. ]), array([0. , 0.5, 0.5, 1. , 1. ]),
     array([ inf, 0.8 , 0.4 , 0.35, 0.1 ]))
    """
    hits, alarms, thresholds = _counts(y, p)
    rates = (np.append(0.0, counts / counts[-1]) for counts in (alarms, hits))
    return *rates, np.append(np.inf, thresholds)  # type: ignore[return-value]


def roc_auc(y: ArrayLike, p: ArrayLike) -> float:
    """The area under the ROC curve: how often a positive example outranks a negative one.

    >>> roc_auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """
    alarms, hits, _ = roc_curve(y, p)
    return float(np.sum(np.diff(alarms) * (hits[1:] + hits[:-1])) / 2)


def average_precision(y: ArrayLike, p: ArrayLike) -> float:
    """The precision averaged over the steps of recall; the area under the precision-recall curve, without interpolation.

    >>> round(average_precision([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]), 4)
    0.8333
    """
    right, found, _ = precision_recall_curve(y, p)
    return float(-np.sum(np.diff(found) * right[:-1]))
