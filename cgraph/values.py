"""How leaves hold values: private copies, checked, read-only outside.

What is done to an array after cgraph has captured it changes nothing, and what cgraph hands out cannot be written to. A scalar of
float64 is held as a Python float, which graphs of numbers compute with; everything else as an array.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cgraph import shapes
from cgraph.errors import DTypeError, ShapeError, UnsupportedError
from cgraph.op import DType
from cgraph.operators import Operators

Array = np.ndarray[Any, DType]

FLOAT64: DType = np.dtype(np.float64)
_NUMBERS = (float, np.float64, np.float32)


def real_dtype(given: Any, label: str) -> DType:
    dtype: DType = np.dtype(given)
    if dtype.kind not in "biuf":
        hint = (
            "take the real and imaginary parts as two inputs"
            if dtype.kind == "c"
            else "give numbers"
        )
        raise DTypeError(f"{label!r}: dtype {dtype} is not supported; {hint}")
    return dtype


def copied(value: Any, label: str, dtype: Any = None) -> Array:
    """A private copy of what was given; Python's whole numbers become float64, the dtype of a graph of numbers."""
    if isinstance(value, Operators):
        raise DTypeError(f"{label!r}: a value has to be numbers, not {value!r}; take node.value")
    _not_masked(value, label)
    try:
        array = np.array(value)
    except ValueError as error:
        raise ShapeError(f"{label!r}: {error}") from None
    real_dtype(array.dtype, label)
    if dtype is not None:
        return array.astype(real_dtype(dtype, label))
    return array.astype(FLOAT64) if type(value) is int else array


def _of_kind(value: Any, leaf: Any) -> Any:
    """A Python whole number for a leaf of whole numbers, which is no float on the way there."""
    return np.array(value) if type(value) is int and leaf.dtype.kind in "iu" else value


def _not_masked(value: Any, label: str) -> None:
    """Refuse an array of `numpy.ma` that hides entries: here they would count."""
    if value.__class__ is not np.ndarray and np.any(getattr(value, "_mask", False)):
        raise UnsupportedError(
            f"{label!r}: a masked array; give value.filled(...), and choose with cg.where(mask, ...) or where= what counts"
        )


def held(array: Array) -> Any:
    """How a leaf holds its value: a scalar of float64 as a Python float, everything else as a read-only array."""
    if array.shape == () and array.dtype == FLOAT64:
        return float(array)
    array.setflags(write=False)
    return array


def readonly(value: Any) -> Array:
    """A value as a read-only array."""
    array: Any = value
    if value.__class__ is not np.ndarray:
        array = np.asarray(value)
        if value.__class__ in _NUMBERS:  # a fresh array, and nobody else's
            array.setflags(False)  # write: the keyword takes as long as the rest
            return array  # type: ignore[no-any-return]
    if array.flags.writeable:
        array = array.view()
        array.setflags(False)
    return array  # type: ignore[no-any-return]


def capture(value: Any, leaf: Any) -> Any:
    """A copy of `value` in the leaf's dtype, checked against its shape: what is done to the original later changes nothing."""
    if value.__class__ is np.ndarray and value.dtype is leaf.dtype and value.shape == leaf.shape:
        return held(np.array(value))
    array = copied(_of_kind(value, leaf), leaf.label)
    if not shapes.agrees(array.shape, leaf.shape):
        raise ShapeError(
            f"{leaf.label!r} has shape {leaf.shape}; got a value of shape {array.shape}"
        )
    if not np.can_cast(array.dtype, leaf.dtype, "same_kind"):
        raise DTypeError(
            f"{leaf.label!r} has dtype {leaf.dtype}; got a value of dtype {array.dtype}, which would lose information"
        )
    return held(array.astype(leaf.dtype, copy=False))
