"""scikit-learn's manners: what an estimator accepts, refuses and says, without needing scikit-learn.

`sklearn.utils.estimator_checks.check_estimator` is the standard that this is measured by. Its own exception classes are used
where the program has scikit-learn loaded, so that `except NotFittedError` works there; otherwise equal ones of cgraph's.
"""

from __future__ import annotations

import inspect
import sys
import warnings
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["Estimator", "check_rows", "check_targets", "not_fitted"]

Array = NDArray[Any]


class NotFittedError(ValueError, AttributeError):
    """The estimator was used before `fit`."""


class DataConversionWarning(UserWarning):
    """Data came in another shape than it should have."""


def _sklearn(name: str, otherwise: type[Any]) -> type[Any]:
    """scikit-learn's exception class where it is loaded already."""
    module = sys.modules.get("sklearn.exceptions")
    found: type[Any] = getattr(module, name, otherwise)
    return found


def not_fitted(estimator: object) -> Exception:
    """The error to raise when `fit` has not been called."""
    error: Exception = _sklearn("NotFittedError", NotFittedError)(
        f"This {type(estimator).__name__} instance is not fitted yet. Call 'fit' first."
    )
    return error


class Estimator:
    """Parameters as scikit-learn handles them: named by the constructor, read and set from outside, shown by repr."""

    n_features_in_: int
    feature_names_in_: Array

    @classmethod
    def _parameter_names(cls) -> list[str]:
        return sorted(list(inspect.signature(cls.__init__).parameters)[1:])

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's parameters and their values."""
        return {name: getattr(self, name) for name in self._parameter_names()}

    def set_params(self, **params: Any) -> Self:
        """Set constructor parameters by name; returns self. ValueError for a name that is not one."""
        for name, value in params.items():
            if name not in self._parameter_names():
                raise ValueError(
                    f"Invalid parameter {name!r} for estimator {self!r}. "
                    f"Valid parameters are: {self._parameter_names()}."
                )
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        defaults = inspect.signature(type(self).__init__).parameters
        changed = [
            f"{name}={value!r}"
            for name, value in self.get_params().items()
            if repr(value) != repr(defaults[name].default)
        ]
        return f"{type(self).__name__}({', '.join(changed)})"

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn asks for, and only scikit-learn."""
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags(multi_class=False),
            input_tags=InputTags(),
        )


def check_rows(X: Any, estimator: Any, *, reset: bool) -> Array:
    """X as a float array (m, n), rows being examples; float32 stays, everything else becomes float64.

    `reset` takes note of the features (in `fit`), otherwise they must be those of `fit`. Raises ValueError (TypeError for
    sparse matrices) as scikit-learn does.
    """
    if hasattr(X, "toarray"):
        raise TypeError(
            "Sparse data was passed, but dense data is required. Use '.toarray()' to convert it."
        )
    names = _feature_names(X)
    array = np.asarray(X)
    if array.dtype.kind == "c":
        raise ValueError(f"Complex data not supported\n{array}")
    if array.dtype.kind not in "biufO":
        raise ValueError(f"X has dtype {array.dtype}; it needs numbers")
    array = array.astype(np.float32 if array.dtype == np.float32 else np.float64)
    if array.ndim != 2:
        raise ValueError(
            f"Expected 2D array, got {array.ndim}D array instead:\narray={array}.\n"
            "Reshape your data either using array.reshape(-1, 1) if your data has a single feature "
            "or array.reshape(1, -1) if it contains a single sample."
        )
    if array.shape[0] == 0:
        raise ValueError(
            f"Found array with 0 sample(s) (shape={array.shape}) while a minimum of 1 is required."
        )
    if array.shape[1] == 0:
        raise ValueError(
            f"Found array with 0 feature(s) (shape={array.shape}) while a minimum of 1 is required."
        )
    if not np.isfinite(array).all():
        what = "NaN" if np.isnan(array).any() else "infinity"
        raise ValueError(f"Input X contains {what}.")
    if reset:
        estimator.n_features_in_ = array.shape[1]
        if names is not None:
            estimator.feature_names_in_ = names
        elif hasattr(estimator, "feature_names_in_"):
            del estimator.feature_names_in_
        return array
    _check_feature_names(names, estimator)
    if array.shape[1] != estimator.n_features_in_:
        raise ValueError(
            f"X has {array.shape[1]} features, but {type(estimator).__name__} "
            f"is expecting {estimator.n_features_in_} features as input"
        )
    return array


def _feature_names(X: Any) -> Array | None:
    columns = getattr(X, "columns", None)
    if columns is None or not all(isinstance(name, str) for name in columns):
        return None
    return np.asarray(list(columns), dtype=object)


def _check_feature_names(names: Array | None, estimator: Any) -> None:
    fitted = getattr(estimator, "feature_names_in_", None)
    if names is None and fitted is not None:
        warnings.warn(
            f"X does not have valid feature names, but {type(estimator).__name__} was fitted with feature names",
            stacklevel=4,
        )
    elif names is not None and fitted is None:
        warnings.warn(
            f"X has feature names, but {type(estimator).__name__} was fitted without feature names",
            stacklevel=4,
        )
    elif names is not None and fitted is not None and list(names) != list(fitted):
        new, gone = sorted(set(names) - set(fitted)), sorted(set(fitted) - set(names))
        message = "The feature names should match those that were passed during fit.\n"
        if new:
            message += "Feature names unseen at fit time:\n" + "".join(f"- {n}\n" for n in new)
        if gone:
            message += "Feature names seen at fit time, yet now missing:\n" + "".join(
                f"- {n}\n" for n in gone
            )
        if not new and not gone:
            message += "Feature names must be in the same order as they were in fit.\n"
        raise ValueError(message)


def check_targets(y: Any, m: int) -> tuple[Array, Array]:
    """(the two classes, sorted; for each of m examples 0 or 1, the index of its class).

    Raises ValueError when y is missing, not of length m, continuous, or has not exactly two classes.
    """
    if y is None:
        raise ValueError(
            "This BinaryClassifier estimator requires y to be passed, but the target y is None."
        )
    array = np.asarray(y)
    if array.ndim == 2 and array.shape[1] == 1:
        warnings.warn(
            "A column-vector y was passed when a 1d array was expected.",
            _sklearn("DataConversionWarning", DataConversionWarning),
            stacklevel=3,
        )
        array = array.ravel()
    if array.ndim != 1:
        raise ValueError(f"y should be a 1d array, got an array of shape {array.shape} instead.")
    if array.shape[0] != m:
        raise ValueError(
            f"X has {m} examples, y has {array.shape[0]}: inconsistent numbers of samples"
        )
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            raise ValueError("Input y contains NaN or infinity.")
        if (array != np.floor(array)).any():
            raise ValueError(
                "Unknown label type: continuous. Classes are labels, not measurements."
            )
    classes, index = np.unique(array, return_inverse=True)
    if len(classes) > 2:
        raise ValueError(
            "Only binary classification is supported. The type of the target is multiclass: "
            f"{len(classes)} classes."
        )
    if len(classes) < 2:
        raise ValueError("Classification needs two classes; the data has one class only.")
    return classes, index.reshape(-1)
