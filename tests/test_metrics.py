"""Metrics against scikit-learn, on random labels and scores with many ties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from cgraph import metrics

skm = pytest.importorskip("sklearn.metrics")

labels = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40)
scored = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.5000001, 0.75, 1.0])),
    min_size=2,
    max_size=40,
).filter(lambda rows: 0 < sum(y for y, _ in rows) < len(rows))


@given(labels)
def test_counts_and_ratios(rows: list[tuple[bool, bool]]) -> None:
    y, p = np.array(rows, int).T
    assert np.array_equal(metrics.confusion_matrix(y, p), skm.confusion_matrix(y, p, labels=[0, 1]))
    assert metrics.accuracy(y, p) == pytest.approx(skm.accuracy_score(y, p), abs=1e-15)
    for ours, theirs in [
        (metrics.precision, skm.precision_score),
        (metrics.recall, skm.recall_score),
        (metrics.f1, skm.f1_score),
    ]:
        assert ours(y, p) == pytest.approx(theirs(y, p, zero_division=0.0), abs=1e-15)


@given(scored)
def test_curves(rows: list[tuple[bool, float]]) -> None:
    y, p = np.array([y for y, _ in rows], int), np.array([p for _, p in rows])
    for ours, theirs in [
        (metrics.precision_recall_curve(y, p), skm.precision_recall_curve(y, p)),
        (metrics.roc_curve(y, p), skm.roc_curve(y, p, drop_intermediate=False)),
    ]:
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-14)
    assert metrics.roc_auc(y, p) == pytest.approx(skm.roc_auc_score(y, p))
    assert metrics.average_precision(y, p) == pytest.approx(skm.average_precision_score(y, p))


@given(scored)
def test_every_point_of_the_curve_is_a_threshold(rows: list[tuple[bool, float]]) -> None:
    y, p = np.array([y for y, _ in rows], int), np.array([p for _, p in rows])
    right, found, thresholds = metrics.precision_recall_curve(y, p)
    sweep = metrics.threshold_sweep(y, p, thresholds)
    np.testing.assert_allclose([row.precision for row in sweep], right[:-1])
    np.testing.assert_allclose([row.recall for row in sweep], found[:-1])


def test_shapes_do_not_matter() -> None:
    y, p = np.array([[0, 1, 1, 0]]), np.array([0, 1, 0, 0])
    assert metrics.accuracy(y, p) == metrics.accuracy(y.ravel(), p[:, None]) == 0.75


def test_refusals() -> None:
    with pytest.raises(ValueError, match="threshold"):
        metrics.accuracy([0, 1], [0.2, 0.9])
    with pytest.raises(ValueError, match="2 labels but 3 predictions"):
        metrics.confusion_matrix([0, 1], [0, 1, 1])
    with pytest.raises(ValueError, match="both classes"):
        metrics.roc_curve([1, 1], [0.1, 0.2])
    with pytest.raises(ValueError, match="NaN"):
        metrics.roc_curve([1, 0], [0.1, np.nan])
