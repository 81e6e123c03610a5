"""The shipped data is the published data."""

from __future__ import annotations

import numpy as np
import pytest

from cgraph import datasets


@pytest.mark.parametrize(
    ("gate", "function"),
    [
        (datasets.and_gate, np.logical_and),
        (datasets.or_gate, np.logical_or),
        (datasets.xor_gate, np.logical_xor),
    ],
)
def test_gates(gate, function) -> None:
    X, Y = gate()
    assert X.shape == (2, 4) and Y.shape == (1, 4) and len(set(map(tuple, X.T))) == 4
    assert np.array_equal(Y[0], function(X[0], X[1]))
    X[:] = 7  # a fresh copy every time
    assert gate()[0].max() == 1


def test_golden_layout(golden) -> None:
    X, Y = datasets.and_gate()
    assert X.tolist() == golden["and_batch"]["X"] and Y.tolist() == golden["and_batch"]["Y"]


def test_iris_is_iris() -> None:
    sklearn_datasets = pytest.importorskip("sklearn.datasets")
    theirs = sklearn_datasets.load_iris()
    X, Y = datasets.iris("all")
    assert np.array_equal(Y[0], theirs.target == 2)
    # scikit-learn's copy has Fisher's printing corrected in two flowers, or not, depending on its version
    assert np.count_nonzero((X.T != theirs.data).any(axis=1)) <= 2
    assert np.array_equal(datasets.iris("sepals")[0], X[:2])
    assert np.array_equal(datasets.iris("petals")[0], X[2:])


def test_iris_shuffled_as_in_the_article() -> None:
    X, Y = datasets.iris(shuffle=48)
    order = np.random.RandomState(48).permutation(150)
    assert np.array_equal(X, datasets.iris()[0][:, order])
    assert np.array_equal(Y, datasets.iris()[1][:, order])


def test_iris_refuses_unknown_features() -> None:
    with pytest.raises(ValueError, match="'petals', 'sepals', 'all', not 'leaves'"):
        datasets.iris("leaves")
