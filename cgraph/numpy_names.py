"""NumPy's own functions on nodes: `np.exp(node)`, `np.sum(node, axis=0)`, `np.add.reduce(node)`, `node.sum(axis=0)`.

Every spelling ends in one table, `PUBLIC`: from NumPy's name to the function that builds the node. The modules of `cgraph.ops` fill it.
Here a call is brought into the form these functions take: arguments by name, as NumPy's signature has them, without those that say nothing
(``out=None``, ``where=True``). What has no meaning for a node is refused by a sentence, for functions and methods alike.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from cgraph.errors import CgraphError, UnsupportedError

if TYPE_CHECKING:
    from cgraph.node import Node

# NumPy's name -> the public function of that name.
PUBLIC: dict[str, Callable[..., Any]] = {}

F = TypeVar("F", bound=Callable[..., Any])


def public(function: F) -> F:
    """Enter a function into the table under its own name: ``cg.name``, ``np.name(node)``."""
    PUBLIC[function.__name__] = function
    return function


def with_arguments_of(other: Callable[..., Any], name: str = "") -> Callable[[F], F]:
    """`public`, for a function that takes the arguments of another and hands them on: `nansum` those of `sum`, `std` those of `var`."""

    def enter(function: F) -> F:
        function.__name__ = function.__qualname__ = name or function.__name__
        function.__signature__ = inspect.signature(other)  # type: ignore[attr-defined]
        return public(function)

    return enter


# NumPy's names for what is called otherwise here.
ALIASES = {
    "absolute": "abs", "fabs": "abs", "amax": "max", "amin": "min", "true_divide": "divide", "permute_dims": "transpose",
    "matrix_transpose": "mT", "concat": "concatenate", "pow": "power", "astype": "cast",
    "bitwise_not": "invert", "bitwise_invert": "invert",
    "acos": "arccos", "asin": "arcsin", "atan": "arctan", "acosh": "arccosh", "asinh": "arcsinh", "atanh": "arctanh", "atan2": "arctan2",
    "mod": "remainder", "conj": "conjugate", "around": "round", "round_": "round", "degrees": "rad2deg", "radians": "deg2rad",
    "trapz": "trapezoid", "gradient": "central_differences", "bitwise_left_shift": "left_shift", "bitwise_right_shift": "right_shift",
}  # fmt: skip

# What a ufunc's reduce and accumulate are called.
REDUCE = {
    "add": "sum", "multiply": "prod", "maximum": "max", "minimum": "min", "logical_and": "all", "logical_or": "any",
    "logaddexp": "logsumexp",
    "fmax": "nanmax", "fmin": "nanmin",
}  # fmt: skip
ACCUMULATE = {"add": "cumsum", "multiply": "cumprod", "maximum": "cummax", "minimum": "cummin"}

# Keywords that say nothing about a value, and the values of theirs that may be given.
_SILENT: dict[str, tuple[Any, ...]] = {
    "out": (None,), "where": (True, None), "casting": ("same_kind", "safe", "unsafe"), "order": ("K", "C", "A", None),
    "subok": (True, False),
    "copy": (True, False, None), "device": (None, "cpu"), "overwrite_input": (False, True), "like": (None,),
}  # fmt: skip

_INPLACE = "a graph is not written into; cg.assign(x, index, value) or cg.where(mask, value, x) give what would come out"
_SIZE = "how many entries there would be depends on values; take them with node.value, or keep the shape with cg.where"
_NUMBERS = "it is about numbers, not about a graph; take them with node.value"
_COMPLEX = "cgraph is about real numbers (docs/conventions.md says what to do instead)"

# What is refused, and why.
REFUSED = {
    **dict.fromkeys("put place putmask copyto fill_diagonal put_along_axis at itemset partition_inplace".split(), _INPLACE),
    **dict.fromkeys(
        "nonzero flatnonzero argwhere unique unique_values unique_counts unique_inverse unique_all union1d intersect1d setdiff1d setxor1d "
        "trim_zeros histogram histogram2d histogramdd histogram_bin_edges".split(), _SIZE),
    **dict.fromkeys(
        "save savez savetxt savez_compressed array2string array_repr array_str shares_memory may_share_memory apply_along_axis "
        "apply_over_axes piecewise lexsort sort_complex nextafter spacing frexp fromfunction poly roots polyfit ix_ isin in1d packbits "
        "unpackbits gcd lcm array_equiv bitwise_count polyadd polysub polymul polydiv polyint polyder "
        "einsum_path ravel_multi_index unravel_index resize".split(), _NUMBERS),
    **dict.fromkeys("iscomplexobj_ complex".split(), _COMPLEX),
    "matrix_power": "multiply it out", "busday_offset": _NUMBERS,
}  # fmt: skip
_REFUSED_KEYWORDS = {
    "out": "nothing is written into a node, and no node into an array; use what the call gives, `a = a + node` in place of `a += node`",
    "where": "without out= the entries left out would be undefined; choose with cg.where(mask, result, otherwise)",
    "signature": "give dtype=, or cast the operands",
    "sig": "give dtype=, or cast the operands",
}


def refused(what: str, why: str = "") -> UnsupportedError:
    """The error for something that NumPy does and a node does not."""
    return UnsupportedError(
        f"{what} is not supported on cgraph nodes"
        + (f": {why}. " if why else ". ")
        + "Build it from ops that are (cgraph.ops.OPS lists them), add it as an op (docs/adding-an-op.md), "
        "or take the numbers with node.value."
    )


def why_missing(name: str) -> str:
    """What to say of a function of NumPy's that `cgraph` does not have; nothing of other names."""
    if name in REFUSED:
        return f": {REFUSED[name]}"
    if callable(getattr(np, name, None)):
        return f"; np.{name} makes numbers, which a graph takes as they are"
    return ""


def _filled(x: Any, value: Any, dtype: Any, shape: Any) -> Any:
    target = x.shape if shape is None else shape
    if np.iterable(target) and None in target:
        raise UnsupportedError(
            "the sizes are not known yet; declare them, or multiply by what you need"
        )
    return np.full(target, value, x.dtype if dtype is None else dtype)


# NumPy functions that ask for nothing but shape and dtype: they answer with numbers, or with the node itself.
OF_SHAPES: dict[str, Callable[..., Any]] = {
    "shape": lambda a: a.shape,
    "ndim": lambda a: len(a.shape),
    "size": lambda a, axis=None: a.size if axis is None else a.shape[axis],
    "copy": lambda a, **_: a,
    "ravel": lambda a, order="C": a.ravel(order),
    "zeros_like": lambda a, dtype=None, shape=None: _filled(a, 0, dtype, shape),
    "ones_like": lambda a, dtype=None, shape=None: _filled(a, 1, dtype, shape),
    "empty_like": lambda prototype, dtype=None, shape=None: _filled(prototype, 0, dtype, shape),
    "full_like": lambda a, fill_value, dtype=None, shape=None: (
        _filled(a, fill_value, dtype, shape)
        if not hasattr(fill_value, "parents")
        else PUBLIC["full"](a.shape if shape is None else shape, fill_value, dtype)
    ),
    "result_type": lambda *xs: np.result_type(
        *(x if isinstance(x, type) else getattr(x, "dtype", x) for x in xs)
    ),
    "min_scalar_type": lambda a: a.dtype,
    "can_cast": lambda from_, to, casting="safe": np.can_cast(from_.dtype, to, casting),
    "common_type": lambda *xs: np.result_type(*(x.dtype for x in xs), np.float16).type,
    "iscomplexobj": lambda x: False,
    "isrealobj": lambda x: True,
    "broadcast_shapes": lambda *xs: np.broadcast_shapes(*xs),
    "array_equal": lambda a1, a2, equal_nan=False: (
        PUBLIC["all"](PUBLIC["isclose"](a1, a2, 0.0, 0.0, equal_nan))
        if np.shape(a1) == np.shape(a2)
        else np.False_
    ),
    "allclose": lambda a, b, *tolerances, **k: PUBLIC["all"](
        PUBLIC["isclose"](a, b, *tolerances, **k)
    ),
    "tril_indices_from": lambda arr, k=0: np.tril_indices_from(np.empty(arr.shape, bool), k),
    "triu_indices_from": lambda arr, k=0: np.triu_indices_from(np.empty(arr.shape, bool), k),
    "diag_indices_from": lambda arr: np.diag_indices_from(np.empty(arr.shape, bool)),
    "polyval": lambda p, x: _polyval(p, x),
    "nan_to_num": lambda x, **k: PUBLIC["nan_to_num"](x, **k),
    "i0": lambda x: import_module("cgraph.special").i0(x),
}


def _polyval(p: Any, x: Any) -> Any:
    """Horner's scheme."""
    result = x * 0.0
    for i in range(len(p)):
        result = result * x + p[i]
    return result


@lru_cache(maxsize=512)
def _signature(function: Any) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None


_NOTHING = object()


@lru_cache(maxsize=512)
def _plain(function: Any) -> tuple[int, tuple[str, ...], dict[str, Any]] | None:
    """How many arguments have no default, all that may be given by position, and the defaults; None for signatures with more to them."""
    signature = _signature(function)
    if signature is None:
        return None
    parameters = list(signature.parameters.values())
    by_position = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    required = [p for p in by_position if p.default is p.empty]
    odd = any(
        p.kind is p.VAR_POSITIONAL or (p.kind is p.POSITIONAL_ONLY and p.default is not p.empty)
        for p in parameters
    )
    if odd or by_position[: len(required)] != required:
        return None
    defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
    return len(required), tuple(p.name for p in by_position), defaults


def _by_name(
    function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What has a default by name, the rest by position; without what is given as its default anyway."""
    plain = _plain(function)
    if plain is not None and plain[0] <= len(args) <= len(plain[1]):
        count, names, standard = plain
        given = dict(zip(names[count:], args[count:], strict=False)) | kwargs
        return args[:count], {k: v for k, v in given.items() if v is not standard.get(k, _NOTHING)}
    signature = _signature(function)
    if signature is None:
        return args, kwargs
    required: list[Any] = []
    named: dict[str, Any] = {}
    rest = list(args)
    for p in signature.parameters.values():
        if p.kind is p.VAR_POSITIONAL:
            required += rest
            rest = []
        elif p.kind is not p.VAR_KEYWORD and rest and p.kind is not p.KEYWORD_ONLY:
            value = rest.pop(0)
            if p.default is p.empty or p.kind is p.POSITIONAL_ONLY:
                required.append(value)
            elif value is not p.default:
                named[p.name] = value
        elif p.name in kwargs and p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD:
            required.append(kwargs[p.name])
            kwargs = {k: v for k, v in kwargs.items() if k != p.name}
    if rest:
        raise TypeError(f"{function.__name__} takes fewer arguments than {len(args)}")
    defaults = signature.parameters
    named |= {k: v for k, v in kwargs.items() if k not in defaults or v is not defaults[k].default}
    return tuple(required), named


def _quiet(what: str, kwargs: dict[str, Any], keeps: tuple[str, ...] = ()) -> dict[str, Any]:
    """Keywords without those that say nothing; one that cannot be followed is refused.

    Raises:
        UnsupportedError: for ``out=`` and others that are given a meaning a node cannot have.
    """
    kept = {}
    for key, value in kwargs.items():
        silent = any(
            value is quiet or (type(value) is str and value == quiet)
            for quiet in _SILENT.get(key, ())
        )
        if key == "out" and type(value) is tuple:
            silent = all(v is None for v in value)
        if silent and key not in keeps:
            continue
        if key in _REFUSED_KEYWORDS and key not in keeps:
            raise refused(f"{what} with {key}=", _REFUSED_KEYWORDS[key])
        kept[key] = value
    return kept


def call_function(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A NumPy function that met a node: what `__array_function__` answers.

    Raises:
        UnsupportedError: when the function, or a keyword of it, has no counterpart.
    """
    module, what = (
        function.__module__,
        f"{function.__module__}.{function.__name__}".replace("numpy.", "np.", 1),
    )
    name = ALIASES.get(function.__name__, function.__name__)
    if module == "numpy" and function.__name__ in REFUSED:
        raise refused(f"numpy.{function.__name__}", REFUSED[function.__name__])
    if name == "where" and len(args) + len(kwargs) == 1:
        raise refused("np.where with one argument", _SIZE)
    if module == "numpy":
        target = OF_SHAPES.get(name) or PUBLIC.get(name)
    else:
        target = namesake(function)
    if target is None:
        raise refused(f"{module}.{function.__name__}")
    return apply(target, what, *_by_name(function, args, kwargs))


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
    try:
        found: Callable[..., Any] | None = getattr(import_module(home), function.__name__, None)
    except ImportError:  # somebody else's ufunc, and no SciPy
        return None
    return found


def namesake_of_caller() -> str:
    """For somebody else's function that has just asked for an array, `scipy.special.softmax` say: what to call in its place, or ""."""
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(
        ("numpy", "cgraph")
    ):
        frame = frame.f_back
    name, asked = "", ""
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("scipy."):
        name, asked = frame.f_code.co_name, ".".join(frame.f_globals["__name__"].split(".")[:2])
        frame = frame.f_back
    if not name:
        return ""
    for home in ("cgraph", asked.replace("scipy.", "cgraph.")):
        try:
            if hasattr(import_module(home), name):
                return (
                    f"in place of {asked}.{name} there is {home.replace('cgraph', 'cg', 1)}.{name}."
                )
        except ImportError:
            pass
    return f"{asked}.{name} takes numbers: give it node.value, or see what cg.special, cg.stats and cg.linalg have."


def apply(
    target: Callable[..., Any], what: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """A public function, called as NumPy's would be."""
    name = getattr(target, "__name__", "")  # an op has none, and takes no keywords
    keeps = ("where",) if name in _TAKE_WHERE else ()
    if name in ("reshape", "<lambda>"):
        keeps = ("order",)
    kept = _quiet(what, kwargs, keeps)
    try:
        return target(*args, **kept)
    except CgraphError:
        raise
    except TypeError as error:
        takes = _signature(target)
        try:
            if takes is not None:
                takes.bind(*args, **kept)
        except TypeError as mismatch:
            raise refused(f"{what} with these arguments ({mismatch})") from None
        raise error


_TAKE_WHERE = {
    "sum", "prod", "max", "min", "mean", "var", "std", "any", "all", "nansum", "nanprod", "nanmax", "nanmin", "nanmean", "nanvar", "nanstd",
    "logsumexp",
}  # fmt: skip


def call_ufunc(ufunc: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A ufunc, or a method of one, that met a node: what `__array_ufunc__` answers.

    Raises:
        UnsupportedError: when it, or a keyword of it, has no counterpart.
    """
    name = ALIASES.get(ufunc.__name__, ufunc.__name__)
    home = "np" if getattr(np, ufunc.__name__, None) is ufunc else "the ufunc"
    what = f"{home} {ufunc.__name__}".replace("np ", "np.") + (
        f".{method}" if method != "__call__" else ""
    )
    if method == "at":
        raise refused(what, _INPLACE)
    if method in ("reduce", "accumulate"):
        table = REDUCE if method == "reduce" else ACCUMULATE
        target = PUBLIC.get(table.get(name, ""))
        if target is None:
            raise refused(what, "there are np." + f".{method}, np.".join(table) + f".{method}")
        options = {"axis": 0, **kwargs}
        return apply(
            target, what, inputs, {k: v for k, v in options.items() if v is not np._NoValue}
        )
    if method == "outer":
        a, b = inputs
        if np.ndim(b):
            a = PUBLIC["reshape"](a, (*np.shape(a), *(1,) * np.ndim(b)))
        return call_ufunc(ufunc, "__call__", (a, b), kwargs)
    target = PUBLIC.get(name) or namesake(ufunc)
    if method != "__call__" or target is None:
        raise refused(what, REFUSED.get(ufunc.__name__, ""))
    kept = _quiet(what, kwargs)
    dtype = kept.pop("dtype", None)
    if kept:
        raise refused(f"{what} with {', '.join(kept)}=")
    if dtype is not None:
        inputs = tuple(PUBLIC["cast"](x, dtype) for x in inputs)
    return target(*inputs)


def method(name: str, function: Any = None) -> Callable[..., Node]:
    """A method of nodes that takes what the method of an array of that name takes."""
    spelled = getattr(np, name, None) if function is None else function

    def call(self: Any, *args: Any, **kwargs: Any) -> Node:
        if args:
            args, kwargs = _by_name(spelled, (self, *args), kwargs)
        else:
            args = (self,)
        node: Node = apply(PUBLIC[ALIASES.get(name, name)], f"node.{name}", args, kwargs)
        return node

    call.__name__ = name
    call.__qualname__ = f"Node.{name}"
    call.__doc__ = f"``cg.{name}(node, ...)``, with the arguments of an array's method."
    return call
