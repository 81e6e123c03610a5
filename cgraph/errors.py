"""The errors cgraph raises, one class a reason.

They stand on the lowest floor because every other module raises them. Each also derives from the built-in exception that a
Python programmer would expect (`ValueError`, `TypeError`, `KeyError` ...), so that `except ValueError` keeps working in code
that has never heard of cgraph. Messages name the nodes and say what to do.
"""

from __future__ import annotations


class CgraphError(Exception):
    """Base class of every error that cgraph raises on purpose."""


class ShapeError(CgraphError, ValueError):
    """Shapes that do not fit together, found when the node is built or when an array is fed."""


class DTypeError(CgraphError, TypeError):
    """A dtype that cgraph cannot carry (complex, object) or that an op does not take."""


class GradientError(CgraphError, ValueError):
    """A gradient that does not exist: a root that is not a scalar, or a root that does not depend on the node."""


class NoGradientError(CgraphError, KeyError):
    """A gradient was asked of a Run that has not computed it; the message says why."""

    def __str__(self) -> str:
        # KeyError would show the repr of the message, quotes and all.
        return str(self.args[0]) if self.args else ""


class MissingValueError(CgraphError, ValueError):
    """An input without a value was neither given one nor fed."""


class NonFiniteError(CgraphError, FloatingPointError):
    """`check="nan"` met the first NaN or infinity; the message names the node or the edge."""


class UnsupportedError(CgraphError, TypeError):
    """Something NumPy can do that cgraph cannot record as a node."""


class DrawError(CgraphError, RuntimeError):
    """A picture could not be made; the message says what stands in the way."""


class StoreError(CgraphError, ValueError):
    """A file is not a graph that cgraph saved, or is damaged."""


class MissingPackageError(CgraphError, ImportError):
    """A part of cgraph needs a package that is not installed; the message says which, and how to get it."""
