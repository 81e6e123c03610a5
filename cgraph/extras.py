"""Other people's packages, found when they are needed: cgraph itself asks for NumPy alone."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from cgraph.errors import MissingPackageError


def scipy(module: str, what: str) -> Any:
    """``scipy.<module>``, for `what`.

    Raises:
        MissingPackageError: when SciPy is not installed; the message says how to get it.
    """
    try:
        return import_module(f"scipy.{module}")
    except ImportError as error:
        raise MissingPackageError(
            f'{what} needs SciPy: pip install "cgraph[scipy]"', name="scipy"
        ) from error


def installed(package: str) -> bool:
    """Whether a package could be imported; it is not."""
    return find_spec(package) is not None
