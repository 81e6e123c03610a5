"""`vmap`: a function of one example made a function of many, without a loop."""

from __future__ import annotations

from collections.abc import Callable
from operator import index
from typing import Any, SupportsIndex

from cgraph.autodiff import as_array, nested_in_a_trace, under_way
from cgraph.batching import batched, with_axis
from cgraph.errors import CgraphError, ShapeError
from cgraph.leaves import constant, input
from cgraph.node import Node
from cgraph.ops.structure import transpose
from cgraph.run import Run
from cgraph.trees import flatten

Axes = Any  # a whole number, None, or a container of them that looks like what it is for


def vmap(f: Callable[..., Any], in_axes: Axes = 0, out_axes: Axes = 0) -> Callable[..., Any]:
    """`f` mapped over an axis of its arguments: written for one example, carried out for all of them in one pass.

    `f` is called once, with nodes, and its graph is turned into one with one more axis (cgraph/batching.py). On arrays the mapped function
    answers with arrays, on nodes with nodes; it can be differentiated, nested, and given derivatives to map: ``vmap(cg.grad(f))`` gives
    the gradient of each example.

    Args:
        f: a function of arrays, or of dicts, lists and tuples of arrays; what it returns may be one, too.
        in_axes: which axis of each argument to map over; None for an argument that is the same for all examples. A whole number for all
            arguments, or a tuple with an entry for each, which may in turn be a container like the argument.
        out_axes: where the new axis goes in the results; None for a result that is the same for all.

    Returns:
        A function of the same arguments; keyword arguments are handed on and not mapped.

    Raises (when called):
        ShapeError: when the sizes along the mapped axes differ, or there is no such axis.

    >>> import numpy as np
    >>> import cgraph as cg
    >>> A, xs = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> cg.vmap(lambda A, x: A @ x, in_axes=(None, 0))(A, xs)
    array([[1., 3.],
           [2., 4.],
           [3., 7.]])
    >>> cg.vmap(cg.grad(lambda x: np.sum(np.sin(x))))(xs).shape
    (3, 2)
    """

    def mapped(*args: Any, **kwargs: Any) -> Any:
        each = tuple(in_axes) if isinstance(in_axes, tuple | list) else (in_axes,) * len(args)
        if len(each) != len(args):
            raise ShapeError(f"vmap: in_axes has {len(each)} entries for {len(args)} arguments")
        along: dict[Node, Node] = {}
        sizes: dict[int | None, str] = {}
        given = []
        inner = False
        for k, (argument, axes) in enumerate(zip(args, each, strict=True)):
            leaves, rebuild = flatten(argument)
            one = []
            for value, axis in zip(leaves, _spread(axes, argument, len(leaves)), strict=True):
                inner = inner or isinstance(value, Node)
                if axis is None:
                    one.append(value)
                    continue
                many = _in_front(value, axis, f"argument {k}")
                sizes.setdefault(many.shape[0], f"argument {k}")
                example = input(f"example of argument {k}", shape=many.shape[1:], dtype=many.dtype)
                along[example] = many
                one.append(example)
            given.append(rebuild(iter(one)))
        if len(sizes) != 1:
            told = ", ".join(f"{n} in {what}" for n, what in sizes.items())
            raise ShapeError(
                f"vmap: the mapped axes have different sizes: {told}"
                if sizes
                else "vmap: no argument is mapped"
            )
        (size,) = sizes
        if size is None:
            raise ShapeError("vmap: the size of the mapped axis has to be known")
        with under_way(along):
            out = f(*given, **kwargs)
        found, rebuild = flatten(out)
        ends = _spread(out_axes, out, len(found))
        nodes = [x if isinstance(x, Node) else _constant(x, f) for x in found]
        results = []
        for (node, has), axis in zip(batched(nodes, along, size), ends, strict=True):
            if axis is None:
                if has:
                    raise ShapeError(
                        "vmap: out_axes=None is for results that are the same for all examples"
                    )
                results.append(node)
            else:
                results.append(_moved(with_axis(node, has, size), 0, axis))
        if inner or nested_in_a_trace(results):
            return rebuild(iter(results))
        run = Run(tuple(results), None, None)
        return rebuild(iter([as_array(run.value(x)) for x in results]))

    mapped.__name__ = f"vmap_of_{getattr(f, '__name__', 'f')}"
    return mapped


def _constant(value: Any, f: Callable[..., Any]) -> Node:
    try:
        return constant(value)
    except CgraphError as error:
        raise CgraphError(
            f"vmap: {getattr(f, '__name__', f)!r} has to return nodes or arrays, not {type(value).__name__} ({error})"
        ) from None


def _spread(axes: Axes, tree: Any, count: int) -> list[int | None]:
    """One axis a leaf: a single one is for all of them."""
    if axes is None or isinstance(axes, SupportsIndex):
        return [None if axes is None else index(axes)] * count
    found: list[int | None] = []

    def walk(axes: Any, tree: Any) -> None:
        if isinstance(axes, dict):
            for key, value in tree.items():
                walk(axes[key], value)
        elif isinstance(axes, tuple | list):
            if len(axes) != len(tree):
                raise ShapeError(f"vmap: {len(axes)} axes for {len(tree)} entries")
            for some, value in zip(axes, tree, strict=True):
                walk(some, value)
        else:
            found.extend([None if axes is None else index(axes)] * len(flatten(tree)[0]))

    walk(axes, tree)
    return found


def _in_front(value: Any, axis: int, what: str) -> Node:
    many = value if isinstance(value, Node) else input(what, value)
    if not -many.ndim <= axis < many.ndim:
        raise ShapeError(
            f"vmap: {what} has shape {many.shape}: there is no axis {axis} to map over"
        )
    return _moved(many, axis, 0)


def _moved(x: Node, source: int, target: int) -> Node:
    """`x` with one axis in another place."""
    source, target = source % x.ndim, target % x.ndim
    if source == target:
        return x
    axes = [i for i in range(x.ndim) if i != source]
    axes.insert(target, source)
    moved: Node = transpose(x, axes)
    return moved
