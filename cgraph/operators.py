"""What a node can be written with: Python's operators, NumPy's methods, and NumPy's own functions.

Every spelling ends in one table, `PUBLIC`: from NumPy's name of an op to the function that builds its node. The modules of
`cgraph.ops`, which import this one, fill it; `a * b`, methods and `np.multiply(a, b)` look their op up by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from numbers import Number
from typing import Any, NoReturn, TypeVar

import numpy as np

from cgraph.errors import CgraphError, UnsupportedError

# NumPy's name -> the public function of that name.
PUBLIC: dict[str, Callable[..., Any]] = {}

# NumPy's names for what is called otherwise here.
_ALIASES = {
    "absolute": "abs",
    "fabs": "abs",
    "amax": "max",
    "amin": "min",
    "true_divide": "divide",
    "permute_dims": "transpose",
    "concat": "concatenate",
    "pow": "power",
    "astype": "cast",
    "bitwise_not": "invert",
    "bitwise_invert": "invert",
    "acos": "arccos",
    "asin": "arcsin",
    "atan": "arctan",
}


F = TypeVar("F", bound=Callable[..., Any])


def public(function: F) -> F:
    """Enter a function into the table under its own name: ``cg.name``, ``np.name(node)``."""
    PUBLIC[function.__name__] = function
    return function


def _numeric(x: Any) -> bool:
    """Whether a node can be compared with `x` entry by entry; anything else (None, a string) is just not equal to it."""
    return isinstance(x, Operators | Number | np.ndarray | np.generic | list | tuple)


def unsupported(what: str) -> UnsupportedError:
    return UnsupportedError(
        f"{what} is not supported on cgraph nodes. Build it from ops that are (cgraph.ops.OPS lists them), "
        "add it as a row (docs/adding-an-op.md), or take the numbers with node.value."
    )


def _filled(x: Any, value: Any, dtype: Any = None, shape: Any = None) -> Any:
    target = x.shape if shape is None else shape
    if None in target:
        raise UnsupportedError(
            "the sizes are not known yet; declare them, or multiply by what you need"
        )
    return np.full(target, value, x.dtype if dtype is None else dtype)


# NumPy functions that ask for nothing but shape and dtype: they answer with numbers, or with the node itself.
_OF_SHAPES: dict[str, Callable[..., Any]] = {
    "shape": lambda a: a.shape,
    "ndim": lambda a: len(a.shape),
    "size": lambda a, axis=None: a.size if axis is None else a.shape[axis],
    "copy": lambda a, **_: a,
    "ravel": lambda a, **_: a.ravel(),
    "zeros_like": lambda a, dtype=None, **k: _filled(a, 0, dtype, k.get("shape")),
    "ones_like": lambda a, dtype=None, **k: _filled(a, 1, dtype, k.get("shape")),
    "full_like": lambda a, fill_value, dtype=None, **k: _filled(
        a, fill_value, dtype, k.get("shape")
    ),
}


# Where functions of other modules have their namesakes; those modules load when one is met.
_NAMESAKES = {"numpy.linalg": "cgraph.linalg", "numpy.fft": "cgraph.fft"}


def namesake(function: Any) -> Callable[..., Any] | None:
    """cgraph's function for one of `numpy.linalg`, `numpy.fft`, or a ufunc that is not NumPy's, as those of `scipy.special`."""
    if isinstance(function, np.ufunc):
        home = None if getattr(np, function.__name__, None) is function else "cgraph.special"
    else:
        home = _NAMESAKES.get(function.__module__)
    if home is None:
        return None
    found: Callable[..., Any] | None = getattr(import_module(home), function.__name__, None)
    return found


class Operators:
    """Operators, methods and NumPy's protocols of a node."""

    __slots__ = ()

    shape: tuple[int | None, ...]

    def __add__(self, other: Any) -> Any:
        return PUBLIC["add"](self, other)

    def __radd__(self, other: Any) -> Any:
        return PUBLIC["add"](other, self)

    def __sub__(self, other: Any) -> Any:
        return PUBLIC["subtract"](self, other)

    def __rsub__(self, other: Any) -> Any:
        return PUBLIC["subtract"](other, self)

    def __mul__(self, other: Any) -> Any:
        return PUBLIC["multiply"](self, other)

    def __rmul__(self, other: Any) -> Any:
        return PUBLIC["multiply"](other, self)

    def __truediv__(self, other: Any) -> Any:
        return PUBLIC["divide"](self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return PUBLIC["divide"](other, self)

    def __pow__(self, other: Any) -> Any:
        if isinstance(other, int | float) and other == 2:
            return PUBLIC["square"](self)
        return PUBLIC["power"](self, other)

    def __rpow__(self, other: Any) -> Any:
        return PUBLIC["power"](other, self)

    def __matmul__(self, other: Any) -> Any:
        return PUBLIC["matmul"](self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return PUBLIC["matmul"](other, self)

    def __neg__(self) -> Any:
        return PUBLIC["negative"](self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return PUBLIC["abs"](self)

    # Comparisons build nodes, for `where`. Sets and dictionaries know nodes by identity: they hash by it, and look with `is` first.
    def __eq__(self, other: Any) -> Any:
        return PUBLIC["equal"](self, other) if _numeric(other) else NotImplemented

    def __ne__(self, other: Any) -> Any:
        return PUBLIC["not_equal"](self, other) if _numeric(other) else NotImplemented

    __hash__ = object.__hash__

    def __lt__(self, other: Any) -> Any:
        return PUBLIC["less"](self, other)

    def __le__(self, other: Any) -> Any:
        return PUBLIC["less_equal"](self, other)

    def __gt__(self, other: Any) -> Any:
        return PUBLIC["greater"](self, other)

    def __ge__(self, other: Any) -> Any:
        return PUBLIC["greater_equal"](self, other)

    # As in NumPy: bit by bit on whole numbers, which on truth values is "and", "or" and "not".
    def __and__(self, other: Any) -> Any:
        return PUBLIC["bitwise_and"](self, other)

    def __rand__(self, other: Any) -> Any:
        return PUBLIC["bitwise_and"](other, self)

    def __or__(self, other: Any) -> Any:
        return PUBLIC["bitwise_or"](self, other)

    def __ror__(self, other: Any) -> Any:
        return PUBLIC["bitwise_or"](other, self)

    def __xor__(self, other: Any) -> Any:
        return PUBLIC["bitwise_xor"](self, other)

    def __rxor__(self, other: Any) -> Any:
        return PUBLIC["bitwise_xor"](other, self)

    def __invert__(self) -> Any:
        return PUBLIC["invert"](self)

    def __getitem__(self, index: Any) -> Any:
        return PUBLIC["getitem"](self, index)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a scalar node has no length")
        if self.shape[0] is None:
            raise TypeError("the length of this node is not known before it is fed")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> NoReturn:
        raise UnsupportedError(
            f"{self!r} has no truth value: a graph holds no numbers while it is built. "
            "Choose between two results with cg.where(condition, a, b), or compare node.value; "
            "`a == b` builds a comparison, whether two names are one node is `a is b`."
        )

    def __float__(self) -> NoReturn:
        raise UnsupportedError(
            f"{self!r} is not a number; take the number with node.value. "
            "In a graph, cg.sin, cg.exp and their kin take nodes, which math.sin and math.exp do not."
        )

    __int__ = __float__
    __complex__ = __float__

    def __array__(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise UnsupportedError(
            f"{self!r} cannot become an array: take its numbers with node.value, or join nodes with cg.stack or cg.concatenate."
        )

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        name = _ALIASES.get(ufunc.__name__, ufunc.__name__)
        found = PUBLIC.get(name) or namesake(ufunc)
        if method != "__call__" or found is None or kwargs:
            asked = f"np.{ufunc.__name__}" + (f".{method}" if method != "__call__" else "")
            raise unsupported(asked + (f" with {', '.join(kwargs)}=" if kwargs else ""))
        return found(*inputs)

    def __array_function__(
        self, function: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        name = _ALIASES.get(function.__name__, function.__name__)
        if function.__module__ == "numpy" and name in _OF_SHAPES:
            return _OF_SHAPES[name](*args, **kwargs)
        found = PUBLIC.get(name) if function.__module__ == "numpy" else namesake(function)
        if found is None:
            raise unsupported(f"{function.__module__}.{function.__name__}")
        try:
            return found(*args, **kwargs)
        except CgraphError:
            raise
        except TypeError as error:
            raise unsupported(f"np.{function.__name__} with these arguments ({error})") from None

    @property
    def T(self) -> Any:
        """The axes in reverse order."""
        return PUBLIC["transpose"](self)

    def transpose(self, *axes: Any) -> Any:
        return PUBLIC["transpose"](
            self, axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes or None
        )

    def reshape(self, *shape: Any) -> Any:
        return PUBLIC["reshape"](self, shape[0] if len(shape) == 1 else shape)

    def astype(self, dtype: Any) -> Any:
        return PUBLIC["cast"](self, dtype)

    def copy(self) -> Any:
        """The node itself: nothing can change it."""
        return self

    def ravel(self) -> Any:
        return PUBLIC["reshape"](self, -1)

    flatten = ravel

    def swapaxes(self, axis1: int, axis2: int) -> Any:
        return PUBLIC["swapaxes"](self, axis1, axis2)

    def squeeze(self, axis: Any = None) -> Any:
        return PUBLIC["squeeze"](self, axis)

    def sum(self, axis: Any = None, keepdims: bool = False) -> Any:
        return PUBLIC["sum"](self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Any:
        return PUBLIC["mean"](self, axis=axis, keepdims=keepdims)

    def prod(self, axis: Any = None, keepdims: bool = False) -> Any:
        return PUBLIC["prod"](self, axis=axis, keepdims=keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> Any:
        return PUBLIC["max"](self, axis=axis, keepdims=keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Any:
        return PUBLIC["min"](self, axis=axis, keepdims=keepdims)

    def var(self, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Any:
        return PUBLIC["var"](self, axis=axis, ddof=ddof, keepdims=keepdims)

    def std(self, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Any:
        return PUBLIC["std"](self, axis=axis, ddof=ddof, keepdims=keepdims)

    def cumsum(self, axis: Any = None) -> Any:
        return PUBLIC["cumsum"](self, axis=axis)

    def dot(self, other: Any) -> Any:
        return PUBLIC["dot"](self, other)

    def clip(self, min: Any = None, max: Any = None) -> Any:
        return PUBLIC["clip"](self, min, max)
