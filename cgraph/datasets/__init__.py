"""The article's data: three logic gates and Iris, small enough to read, shipped with the package.

Every function returns `X, Y` in the layout of the article: **examples are columns**. X is (features, m), Y is (1, m) and holds
0.0 or 1.0; both float64, fresh arrays that the caller may change. `BinaryClassifier.fit`, which speaks scikit-learn, takes rows:
`fit(X.T, Y.ravel())`.
"""

from __future__ import annotations

import csv
from importlib import resources
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["IRIS_FEATURES", "and_gate", "iris", "or_gate", "xor_gate"]

Array = NDArray[np.float64]
Features = Literal["petals", "sepals", "all"]

IRIS_FEATURES: dict[str, tuple[str, ...]] = {
    "petals": ("petal length (cm)", "petal width (cm)"),
    "sepals": ("sepal length (cm)", "sepal width (cm)"),
    "all": (
        "sepal length (cm)",
        "sepal width (cm)",
        "petal length (cm)",
        "petal width (cm)",
    ),
}
_COLUMNS = {"petals": [2, 3], "sepals": [0, 1], "all": [0, 1, 2, 3]}


def _gate(*truth: float) -> tuple[Array, Array]:
    """The truth table of a two-input gate, in the order 00, 01, 10, 11."""
    return np.array([[0.0, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 1.0]]), np.array([truth])


def and_gate() -> tuple[Array, Array]:
    """The AND gate: 1 where both inputs are 1.

    >>> X, Y = and_gate()
    >>> X
    array([[0., 0., 1., 1.],
           [0., 1., 0., 1.]])
    >>> Y
    array([[0., 0., 0., 1.]])
    """
    return _gate(0.0, 0.0, 0.0, 1.0)


def or_gate() -> tuple[Array, Array]:
    """The OR gate: 1 where at least one input is 1.

    >>> or_gate()[1]
    array([[0., 1., 1., 1.]])
    """
    return _gate(0.0, 1.0, 1.0, 1.0)


def xor_gate() -> tuple[Array, Array]:
    """The XOR gate: 1 where the inputs differ; no straight line separates it.

    >>> xor_gate()[1]
    array([[0., 1., 1., 0.]])
    """
    return _gate(0.0, 1.0, 1.0, 0.0)


def iris(features: Features = "petals", *, shuffle: int | None = None) -> tuple[Array, Array]:
    """Fisher's Iris, as the article poses it: virginica (1) against the other two species (0).

    `features` chooses the rows of X, in centimetres: "petals" (length, width), "sepals" (length, width) or "all" four, sepals
    first; their names are in `IRIS_FEATURES`. X is (2 or 4, 150) and Y (1, 150), in the order of the file: 50 setosa,
    50 versicolor, 50 virginica. `shuffle` reorders the examples with `RandomState(shuffle).permutation(150)`; the article
    uses 48.

    Raises ValueError for an unknown `features`.

    Source: R. A. Fisher, "The use of multiple measurements in taxonomic problems", Annals of Eugenics 7 (1936).

    >>> X, Y = iris("petals")
    >>> X.shape, Y.shape, int(Y.sum())
    ((2, 150), (1, 150), 50)
    >>> X[:, 0]
    array([1.4, 0.2])
    """
    if features not in _COLUMNS:
        raise ValueError(f"features is one of {', '.join(map(repr, _COLUMNS))}, not {features!r}")
    text = (resources.files("cgraph.datasets") / "iris.csv").read_text(encoding="utf-8")
    rows = list(csv.reader(text.splitlines()))[1:]
    X = np.array([[float(row[column]) for row in rows] for column in _COLUMNS[features]])
    Y = np.array([[float(row[4] == "virginica") for row in rows]])
    if shuffle is not None:
        order = np.random.RandomState(shuffle).permutation(Y.shape[1])
        X, Y = X[:, order], Y[:, order]
    return X, Y
