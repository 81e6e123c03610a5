"""`cg.compile(f)`: a plain function of arrays, traced once for each set of shapes and compiled.

Apart from `Program`, which compiles graphs, because here the graph has still to be found: the function is called with nodes, and what it
returns is compiled. Arguments and results may be arrays in dicts, lists and tuples.
"""

from __future__ import annotations

import functools
import itertools
import operator
import sys
import weakref
from collections.abc import Callable, Hashable, Sequence
from types import MethodType
from typing import Any

import numpy as np

from cgraph.compile.backends import make_program
from cgraph.compile.program import Program
from cgraph.errors import DTypeError, GradientError, MissingValueError
from cgraph.leaves import constant, input
from cgraph.node import Node
from cgraph.quiet import uncollected
from cgraph.trees import flatten


class CompiledFunction:
    """A function that runs compiled. Made by ``cgraph.compile(f)``, also as a decorator.

    The function is called with nodes once for each new set of shapes, dtypes and keyword arguments, so that what it does beside computing
    (printing, reading the clock) happens then and not again. Keyword arguments that hold arrays of floats are arguments like the others;
    all else that comes by keyword is handed on as it is. A method is compiled for each object by itself.

    Attributes:
        program: the `Program` of the latest call.
    """

    def __init__(
        self, function: Callable[..., Any], options: dict[str, Any], argnums: Any = None
    ) -> None:
        self.function = function
        self.options = options
        self.argnums = argnums
        self.program: Program | None = None
        self._traced: dict[Any, tuple[Program, Callable[..., Any]]] = {}
        self._bound: dict[int, CompiledFunction] = {}
        functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        by_name = {name: v for name, v in kwargs.items() if _floating(v)} if kwargs else {}
        fixed = {name: v for name, v in kwargs.items() if name not in by_name} if kwargs else {}
        given = (args, by_name) if by_name else args
        leaves, rebuild = flatten(given)
        arrays = [_array(leaf) for leaf in leaves]
        key = (
            tuple([(a.shape, a.dtype) for a in arrays]),
            bool(by_name),
            _structure(given),
            tuple([(name, _identity(fixed[name])) for name in sorted(fixed)]) if fixed else (),
        )
        found = self._traced.get(key)
        if found is None:
            with uncollected():
                found = self._traced[key] = self._trace(args, arrays, rebuild, bool(by_name), fixed)
        self.program, call = found
        return call(arrays)

    def _trace(
        self,
        args: Any,
        arrays: list[Any],
        rebuild: Callable[..., Any],
        named: bool,
        fixed: dict[str, Any],
    ) -> tuple[Program, Callable[..., Any]]:
        nodes = [input(f"arg{i}", shape=a.shape, dtype=a.dtype) for i, a in enumerate(arrays)]
        rebuilt = rebuild(iter(nodes))
        positional, by_name = rebuilt if named else (rebuilt, {})
        found, dressed = flatten(self.function(*positional, **by_name, **fixed))
        outputs = [n if isinstance(n, Node) else constant(n) for n in found]
        if not outputs:
            raise GradientError(f"{self.function!r} returned nothing to compute")
        targets, like = (None, None) if self.argnums is None else self._targets(args, nodes)
        if targets is not None and len(outputs) != 1:
            raise GradientError(
                f"gradients= takes a function that returns one scalar; {self.function!r} returns {len(outputs)} things"
            )
        program = make_program(outputs, None, targets, **self.options)
        # An argument that nothing depends on still has its place in the call.
        place = {node: i for i, node in enumerate(nodes)}
        for node in program.inputs:
            if node not in place:
                raise MissingValueError(f"{node.label!r}, which {self.function!r} sees, has no value: give it one")  # fmt: skip
        at = [place[node] for node in program.inputs]

        def call(given: list[Any]) -> Any:
            answer = program(*[given[i] for i in at])
            if like is None:
                return dressed(iter(answer))
            return dressed(iter(answer[0])), like(iter(answer[1]))

        return program, call

    def _targets(self, args: Any, nodes: list[Node]) -> tuple[list[Node], Callable[..., Any]]:
        """The leaves of the arguments to differentiate with respect to, and how their gradients are put together."""
        parts = [flatten(arg) for arg in args]
        ends = list(itertools.accumulate(len(leaves) for leaves, _ in parts))
        several = isinstance(self.argnums, Sequence)
        positions = [operator.index(n) for n in (self.argnums if several else [self.argnums])]
        for n in positions:
            if not -len(parts) <= n < len(parts):
                raise GradientError(f"argument {n} of {self.function!r} was not given")
        positions = [n % len(parts) for n in positions]
        targets = [node for n in positions for node in nodes[ends[n] - len(parts[n][0]) : ends[n]]]

        def like(slopes: Any) -> Any:
            found = [parts[n][1](slopes) for n in positions]
            return tuple(found) if several else found[0]

        return targets, like

    @property
    def source(self) -> str:
        """The source of the latest call's program."""
        if self.program is None:
            raise GradientError("the function is compiled when it is first called: call it once")
        return self.program.source

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        key = id(instance)
        if key not in self._bound:
            method, own = _method(self.function, instance), None
            if self.argnums is not None:
                several = isinstance(self.argnums, Sequence)
                counted = [operator.index(n) for n in (self.argnums if several else [self.argnums])]
                if 0 in counted:
                    raise GradientError(
                        f"argument 0 of the method {self.function!r} is the object itself; count from 1"
                    )
                moved = [n - 1 if n > 0 else n for n in counted]
                own = moved if several else moved[0]
            bound = CompiledFunction(method, self.options, own)
            try:
                weakref.finalize(instance, self._bound.pop, key, None)
            except TypeError:
                return bound  # nobody would tell when the object is gone, and its number another's
            self._bound[key] = bound
        return self._bound[key]

    def __reduce__(self) -> Any:
        module = sys.modules.get(self.function.__module__)
        if getattr(module, self.function.__qualname__, None) is self:
            return self.function.__qualname__  # a function that was decorated where it stands
        return CompiledFunction, (self.function, self.options, self.argnums)


def _method(function: Callable[..., Any], instance: Any) -> Callable[..., Any]:
    """The function for an object, which it does not keep alive."""
    try:
        reference = weakref.ref(instance)
    except TypeError:
        return MethodType(function, instance)

    @functools.wraps(function)
    def method(*args: Any, **kwargs: Any) -> Any:
        return function(reference(), *args, **kwargs)

    return method


def _floating(value: Any) -> bool:
    """Whether there are arrays of floats in an argument, whose numbers may be others at the next call."""
    return any(isinstance(x, np.ndarray) and x.dtype.kind == "f" for x in flatten(value)[0])


def _identity(value: Any) -> Any:
    """What an argument that is handed on as it is is known by: its type and what it says, or the object itself."""
    if isinstance(value, np.ndarray):
        return ("array", value.shape, value.dtype, value.tobytes())
    if isinstance(value, dict):
        return (dict, tuple((key, _identity(v)) for key, v in value.items()))
    if isinstance(value, list | tuple):
        return (type(value), tuple(map(_identity, value)))
    if isinstance(value, float | np.generic):
        return (type(value), repr(value))  # 0.0 and -0.0 are equal, NaN not even itself
    return (type(value), value if isinstance(value, Hashable) else _Same(value))


class _Same:
    """An object without a hash, known by being the same one."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)


def _array(value: Any) -> Any:
    array = np.asarray(value, np.float64) if type(value) in (int, float) else np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise DTypeError(
            f"a compiled function takes arrays and numbers by position; {value!r} is neither. "
            "Give it by keyword: then it is handed on as it is"
        )
    return array


def _structure(tree: Any) -> Any:
    """How containers are nested, as something that hashes."""
    if isinstance(tree, dict):
        return (dict, tuple((key, _structure(value)) for key, value in tree.items()))
    if isinstance(tree, list | tuple):
        leaves = flatten(tree)[0]
        if len(leaves) != 1 or leaves[0] is not tree:  # by identity: arrays compare entry by entry
            return (type(tree), tuple(map(_structure, tree)))
    return None
