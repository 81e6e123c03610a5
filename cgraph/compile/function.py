"""`cg.compile(f)`: a plain function of arrays, traced once for each set of shapes and compiled.

Apart from `Program`, which compiles graphs, because here the graph has still to be found: the function is called with nodes, and what it
returns is compiled. Arguments and results may be arrays in dicts, lists and tuples.
"""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cgraph.compile.backends import make_program
from cgraph.compile.program import Program
from cgraph.errors import GradientError, MissingValueError
from cgraph.leaves import constant, input
from cgraph.node import Node
from cgraph.quiet import uncollected
from cgraph.trees import flatten


class CompiledFunction:
    """A function that runs compiled. Made by ``cgraph.compile(f)``, also as a decorator.

    The function is called with nodes once for each new set of shapes, dtypes and keyword arguments, so that what it does beside computing
    (printing, reading the clock) happens then and not again. Keyword arguments are handed on as they are.

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
        functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        leaves, rebuild = flatten(args)
        arrays = [_array(leaf) for leaf in leaves]
        key = (
            tuple([(a.shape, a.dtype) for a in arrays]),
            _structure(args),
            tuple(sorted((name, repr(value)) for name, value in kwargs.items())),
        )
        found = self._traced.get(key)
        if found is None:
            with uncollected():
                found = self._traced[key] = self._trace(args, arrays, rebuild, kwargs)
        self.program, call = found
        return call(arrays)

    def _trace(
        self, args: Any, arrays: list[Any], rebuild: Callable[..., Any], kwargs: dict[str, Any]
    ) -> tuple[Program, Callable[..., Any]]:
        nodes = [input(f"arg{i}", shape=a.shape, dtype=a.dtype) for i, a in enumerate(arrays)]
        found, dressed = flatten(self.function(*rebuild(iter(nodes)), **kwargs))
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
        return self if instance is None else functools.partial(self, instance)

    def __reduce__(self) -> Any:
        return CompiledFunction, (self.function, self.options, self.argnums)


def _array(value: Any) -> Any:
    return np.asarray(value, np.float64) if type(value) in (int, float) else np.asarray(value)


def _structure(tree: Any) -> Any:
    """How containers are nested, as something that hashes."""
    if isinstance(tree, dict):
        return (dict, tuple((key, _structure(value)) for key, value in tree.items()))
    if isinstance(tree, list | tuple):
        leaves = flatten(tree)[0]
        if len(leaves) != 1 or leaves[0] is not tree:  # by identity: arrays compare entry by entry
            return (type(tree), tuple(map(_structure, tree)))
    return None
