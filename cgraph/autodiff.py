"""Derivatives as graphs and as functions.

`gradient` runs the driver of reverse mode on nodes instead of numbers: the result is a graph, to be evaluated, drawn, or
differentiated again. Everything else is built on it and on forward mode. Each of `vjp`, `jvp`, `jacobian`, `hessian` and `hvp` takes
either a node, and answers with nodes, or a Python function of arrays, which is traced, and answers with arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from operator import index
from typing import Any, NamedTuple, SupportsIndex

import numpy as np

from cgraph import shapes
from cgraph.backprop import SymbolicValues, backpropagate, pushforward
from cgraph.batching import batched, with_axis
from cgraph.build import build
from cgraph.errors import CgraphError, DTypeError, GradientError, ShapeError
from cgraph.folding import folded
from cgraph.graph import ancestors, order, substitute
from cgraph.leaves import constant, input
from cgraph.node import Node, require_scalar
from cgraph.op import CONSTANT, OPS
from cgraph.ops.structure import reshape, transpose, zeros_like
from cgraph.run import Run
from cgraph.trees import flatten

Function = Callable[..., Any]

FEW = 2  # directions that are sooner sent one by one than in a graph of their own
MOST_AT_A_TIME = 2**22  # entries of the largest node, for all directions that are sent together


# --- on graphs ----------------------------------------------------------------------------------------------------------------


def gradient(
    root: Node, wrt: Node | Sequence[Node], upstream: Any = None, *, disconnected: str = "error"
) -> Any:
    """The gradient of `root` with respect to nodes, as nodes: a graph, differentiable again.

    Args:
        root: a scalar, or anything with an `upstream`.
        wrt: a node, or a list of nodes, of any kind but constants; also inputs, if you ask.
        upstream: the gradient to start from (node or array of the root's shape).
        disconnected: "error", or "zero" for zeros where the root does not depend on a node.

    Returns:
        A node for a node, a list for a list; each of the shape of its `wrt`.

    Raises:
        GradientError: when the root is not a scalar, or does not depend on a node.

    >>> import cgraph as cg
    >>> x = cg.parameter("x", 3.0)
    >>> first = cg.gradient(x * x * x, x)
    >>> second = cg.gradient(first, x)
    >>> float(cg.run(second).value(second))
    18.0
    """
    targets = [wrt] if isinstance(wrt, Node) or not isinstance(wrt, Iterable) else list(wrt)
    if not isinstance(root, Node) or not all(isinstance(t, Node) for t in targets):
        raise GradientError(
            "gradient(root, wrt) takes nodes; for functions of arrays there is cg.grad(f)"
        )
    if disconnected not in ("error", "zero"):
        raise ValueError(f"disconnected={disconnected!r}: 'error' or 'zero'")
    if upstream is None:
        require_scalar(root)
    for target in targets:
        if target.op is CONSTANT:
            raise GradientError(
                f"{target.label!r} is a constant and has no gradient; make it a parameter or an input"
            )
        if target.dtype.kind != "f":
            raise DTypeError(
                f"{target.label!r} has dtype {target.dtype}: only floating point values are differentiated"
            )
    wanted = ancestors(root, targets)
    depends = set(order(root))
    for target in targets:
        if target not in depends and disconnected == "error":
            raise GradientError(
                f'{root.label!r} does not depend on {target.label!r}. Pass disconnected="zero" to get zeros.'
            )
    cotangents: dict[Node, Any] = {}
    if root in wanted:
        cotangents[root] = _seed(root, upstream)
        backpropagate(order(root), cotangents, SymbolicValues(), wanted, {})
    found = [_shaped(cotangents[t], t) if t in cotangents else zeros_like(t) for t in targets]
    found = folded(found, [*order(root), *(order(upstream) if isinstance(upstream, Node) else ())])
    return found[0] if isinstance(wrt, Node) else found


def _seed(root: Node, upstream: Any) -> Node:
    if upstream is None:
        one = (
            constant(np.ones((), root.dtype))
            if root.dtype != np.float64 or root.shape
            else constant(1.0)
        )
        return (
            one if root.shape == () else build(OPS["broadcast_to"], (one,), {"shape": root.shape})
        )
    seed = upstream if isinstance(upstream, Node) else constant(np.asarray(upstream, root.dtype))
    if not shapes.agrees(seed.shape, root.shape) and seed.shape != root.shape:  # type: ignore[arg-type]
        raise ShapeError(f"upstream has shape {seed.shape}; {root.label!r} has shape {root.shape}")
    return seed


def _shaped(cotangent: Any, target: Node) -> Node:
    """A cotangent as a node of its target's shape: a constant partial may have left a scalar."""
    node = cotangent if isinstance(cotangent, Node) else constant(cotangent)
    if node.shape != target.shape and shapes.is_static(target.shape):
        node = build(OPS["broadcast_to"], (node,), {"shape": target.shape})
    return node


def _tangents(roots: Sequence[Node], wrt: Sequence[Node], tangents: Sequence[Any]) -> list[Node]:
    """Forward mode on nodes: the tangents of the roots."""
    found: dict[Node, Any] = {}
    for node, tangent in zip(wrt, tangents, strict=True):
        found[node] = (
            tangent if isinstance(tangent, Node) else constant(np.asarray(tangent, node.dtype))
        )
        if found[node].shape != node.shape and shapes.is_static(node.shape):
            raise ShapeError(
                f"the tangent of {node.label!r} has shape {found[node].shape}, not {node.shape}"
            )
    below = set(wrt)
    directions = list(found.values())
    pushforward([n for n in order(*roots) if n not in below], found, SymbolicValues())
    answers = [_shaped(found[root], root) if root in found else zeros_like(root) for root in roots]
    return folded(answers, [*order(*roots), *order(*directions)])


# --- tracing a function -------------------------------------------------------------------------------------------------------


# The inputs of the traces that are under way, outermost first: a trace inside a traced function may depend on them.
_under_way: ContextVar[tuple[Node, ...]] = ContextVar("cgraph_under_way", default=())


@contextmanager
def under_way(leaves: Iterable[Node]) -> Iterator[None]:
    """While a function is traced with these leaves."""
    token = _under_way.set((*_under_way.get(), *leaves))
    try:
        yield
    finally:
        _under_way.reset(token)


def nested_in_a_trace(outputs: Iterable[Node]) -> bool:
    """Whether results depend on a trace that is under way, so that they have to stay nodes."""
    outer = _under_way.get()
    return bool(outer) and not set(outer).isdisjoint(order(*outputs))


class _Trace(NamedTuple):
    """A function called once with nodes.

    Attributes:
        out: the result as a node.
        leaves: the fresh nodes, one for each array among the differentiated arguments.
        like: puts answers, one a leaf, into the containers that the arguments came in.
        nested: whether the result depends on an outer trace, through an argument or a variable that the function sees; the answer has
            then to stay a graph.
        aux: what the function returned beside its result.
    """

    out: Node
    leaves: list[Node]
    like: Callable[[Iterable[Any]], list[Any]]
    nested: bool
    aux: Any


def _trace(
    f: Function,
    args: Sequence[Any],
    kwargs: dict[str, Any],
    differentiated: Sequence[int],
    has_aux: bool = False,
) -> _Trace:
    """Call `f` with a fresh node for each array of the differentiated arguments."""
    leaves: list[Node] = []
    given = list(args)
    rebuilds = []
    inner = False
    for i in differentiated:
        if not -len(given) <= i < len(given):
            raise GradientError(f"argument {i} of {_named(f)} was not given")
        if given[i] is not args[i]:
            raise GradientError(f"argument {i} of {_named(f)} is named twice")
        arrays, rebuild = flatten(given[i])
        rebuilds.append(rebuild)
        nodes = []
        for value in arrays:
            if isinstance(value, Node):
                # A node of its own, so that f may use the outer one as well and the two are told apart.
                inner = True
                nodes.append(value * 1.0)
                continue
            array = np.asarray(value)
            if type(value) in (int, float):
                array = array.astype(np.float64)
            if array.dtype.kind != "f":
                raise DTypeError(
                    f"argument {i} of {_named(f)} has dtype {array.dtype}: only floating point values are differentiated"
                )
            nodes.append(input(f"arg{i}", array))
        leaves += nodes
        given[i] = rebuild(iter(nodes))
    with under_way(leaves):
        out = f(*given, **kwargs)
    aux = None
    if has_aux:
        if not isinstance(out, tuple) or len(out) != 2:
            raise GradientError(
                f"{_named(f)} has to return (value, aux) with has_aux=True, not {type(out).__name__}"
            )
        out, aux = out
    if not isinstance(out, Node):
        try:
            out = constant(out)
        except CgraphError as error:
            raise GradientError(
                f"{_named(f)} has to return one node or array, not {type(out).__name__} ({error})"
            ) from None
    nested = inner or any(isinstance(a, Node) for a in args) or nested_in_a_trace([out])

    def like(found: Iterable[Any]) -> list[Any]:
        values = iter(found)
        return [rebuild(values) for rebuild in rebuilds]

    return _Trace(out, leaves, like, nested, aux)


def _numbers(aux: Any) -> Any:
    """What a function returned beside its result, its nodes evaluated."""
    found, rebuild = flatten(aux)
    nodes = [x for x in found if isinstance(x, Node)]
    if not nodes:
        return aux
    run = Run(tuple(nodes), None, None)
    return rebuild(iter([as_array(run.value(x)) if isinstance(x, Node) else x for x in found]))


def _named(f: Function) -> str:
    return getattr(f, "__name__", repr(f))


Argnums = SupportsIndex | Sequence[SupportsIndex]


def _positions(argnums: Argnums) -> list[int]:
    several: Any = [argnums] if _is_one(argnums) else argnums
    try:
        return [index(n) for n in several]
    except TypeError:
        raise TypeError(f"argnums is a whole number or several, not {argnums!r}") from None


def _is_one(argnums: Any) -> bool:
    return np.ndim(argnums) == 0


def _one_or_all(argnums: Argnums, found: list[Any]) -> Any:
    return found[0] if _is_one(argnums) else tuple(found)


def as_array(value: Any, dtype: Any = None) -> Any:
    """A copy of the caller's own."""
    return np.array(value, dtype)


def value_and_gradient(f: Function, argnums: Argnums = 0, *, has_aux: bool = False) -> Function:
    """A function that gives both the value of `f` and its gradient with respect to one argument or several.

    Args:
        f: a scalar function. An argument may be an array, or a dict, list or tuple of arrays, nested; its gradient looks the same.
        argnums: which arguments: a whole number, or several.
        has_aux: `f` returns ``(value, aux)``; the answer is then ``((value, aux), gradient)``.

    Raises (when called):
        GradientError: when `f` does not return a scalar.

    >>> import numpy as np
    >>> import cgraph as cg
    >>> value, slope = cg.value_and_gradient(lambda x: np.sum(x * x))(np.array([1.0, 2.0]))
    >>> float(value), slope
    (5.0, array([2., 4.]))
    >>> net = {"w": np.array([1.0, 2.0]), "b": 0.5}
    >>> cg.grad(lambda p: np.sum(p["w"] ** 2) * p["b"])(net)
    {'w': array([1., 2.]), 'b': array(5.)}
    """

    def evaluated(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        out, leaves, like, nested, aux = _trace(f, args, kwargs, _positions(argnums), has_aux)
        require_scalar(out)
        if nested:
            slopes = gradient(out, leaves, disconnected="zero")
            value: Any = out
        else:
            run = Run((out,), None, None)
            slopes = _numeric_vjp(run, leaves, np.ones(out.shape, out.dtype))
            value, aux = as_array(run.value(out)), _numbers(aux)
        return (value, aux) if has_aux else value, _one_or_all(argnums, like(slopes))

    evaluated.__name__ = f"value_and_gradient_of_{_named(f)}"
    return evaluated


def grad(f: Function, argnums: Argnums = 0, *, has_aux: bool = False) -> Function:
    """The gradient of a scalar function of arrays, as a function; with `has_aux`, ``(gradient, aux)``. See `value_and_gradient`.

    >>> import cgraph as cg
    >>> float(cg.grad(lambda x: x**3)(2.0))
    12.0
    """
    both = value_and_gradient(f, argnums, has_aux=has_aux)

    def slope(*args: Any, **kwargs: Any) -> Any:
        value, found = both(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    slope.__name__ = f"gradient_of_{_named(f)}"
    return slope


def _numeric_vjp(run: Run, wrt: Sequence[Node], upstream: Any) -> list[Any]:
    """Reverse mode on the numbers of a run, towards nodes of any kind."""
    root = run.roots[0]
    cotangents: dict[Node, Any] = {root: float(upstream) if run._floats else upstream}
    with np.errstate(all="ignore"):
        backpropagate(run.order, cotangents, run._values, ancestors(root, wrt), {})
        # In the dtype of the argument, also where what it met was wider.
        return [
            as_array(cotangents[n], n.dtype) if n in cotangents else np.zeros(n.shape, n.dtype)
            for n in wrt
        ]


def _numeric_jvp(
    run: Run, wrt: Sequence[Node], tangents: Sequence[Any], roots: Sequence[Node] = ()
) -> list[Any]:
    """Forward mode on the numbers of a run: the tangents of `roots`, or of the first root of the run."""
    found: dict[Node, Any] = dict(zip(wrt, tangents, strict=True))
    below = set(wrt)
    at = {n: np.float64(value) for n, value in run._values.items()} if run._floats else run._values
    with np.errstate(all="ignore"):
        pushforward([n for n in run.order if n not in below], found, at)
    return [
        as_array(found[root], root.dtype)
        if root in found
        else np.zeros(np.shape(run._values[root]), root.dtype)
        for root in roots or run.roots[:1]
    ]


# --- the operators, on graphs or on functions ---------------------------------------------------------------------------------


def vjp(f: Node | Function, *primals: Any) -> Any:
    """Vector-Jacobian products: reverse mode.

    With a function: ``vjp(f, *primals) -> (value, pullback)``, where ``pullback(upstream)`` gives one gradient a primal, as a tuple.
    With a node: ``vjp(node, wrt, upstream)`` gives nodes, as `gradient` does.

    >>> import numpy as np
    >>> import cgraph as cg
    >>> value, pullback = cg.vjp(lambda x: x * x, np.array([1.0, 2.0]))
    >>> pullback(np.array([1.0, 10.0]))[0]
    array([ 2., 40.])
    """
    if isinstance(f, Node):
        return gradient(f, *primals)
    out, leaves, like, nested, _ = _trace(f, primals, {}, range(len(primals)))

    def symbolic(upstream: Any) -> tuple[Any, ...]:
        return tuple(like(gradient(out, leaves, upstream, disconnected="zero")))

    if nested:
        return out, symbolic
    run = Run((out, *leaves), None, None)

    def pullback(upstream: Any) -> tuple[Any, ...]:
        if isinstance(upstream, Node):
            return symbolic(upstream)
        seed = np.asarray(upstream, out.dtype)
        if seed.shape != out.shape:
            raise ShapeError(f"upstream has shape {seed.shape}; the value has shape {out.shape}")
        return tuple(like(_numeric_vjp(run, leaves, seed)))

    return as_array(run.value(out)), pullback


def jvp(f: Node | Function, primals: Any, tangents: Any) -> Any:
    """Jacobian-vector products: forward mode, from the same local gradients.

    With a function: ``jvp(f, primals, tangents) -> (value, tangent)``, both arguments sequences.
    With a node: ``jvp(node, wrt, tangents)`` gives the tangent as a node.

    >>> import cgraph as cg
    >>> value, tangent = cg.jvp(lambda x, y: x * y, (2.0, 3.0), (1.0, 0.0))
    >>> float(value), float(tangent)
    (6.0, 3.0)
    """
    if isinstance(f, Node):
        wrt = [primals] if isinstance(primals, Node) else list(primals)
        return _tangents([f], wrt, [tangents] if isinstance(primals, Node) else tangents)[0]
    out, leaves, _, nested, _ = _trace(f, primals, {}, range(len(primals)))
    tangents = [t for tangent in tangents for t in flatten(tangent)[0]]
    if nested or any(isinstance(t, Node) for t in tangents):
        return out, _tangents([out], leaves, tangents)[0]
    directions = _directions_along(leaves, tangents, "tangent")
    run = Run((out, *leaves), None, None)
    return as_array(run.value(out)), _numeric_jvp(run, leaves, directions)[0]


def jacobian(f: Node | Function, wrt: Any = None, *, argnums: Argnums = 0) -> Any:
    """The matrix of all first derivatives, of shape ``output.shape + argument.shape``.

    With a function: ``jacobian(f, argnums=0)`` gives a function. With a node: ``jacobian(node, wrt)`` gives a node.
    Row by row or column by column, whichever is fewer.

    >>> import numpy as np
    >>> import cgraph as cg
    >>> cg.jacobian(lambda x: x * x)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    if isinstance(f, Node):
        targets = [wrt] if isinstance(wrt, Node) else list(wrt)
        found = [_graph_jacobian(f, t) for t in targets]
        return found[0] if isinstance(wrt, Node) else found
    if isinstance(wrt, SupportsIndex | tuple | list):
        argnums = wrt

    def evaluated(*args: Any, **kwargs: Any) -> Any:
        out, leaves, like, nested, _ = _trace(f, args, kwargs, _positions(argnums))
        if nested:
            return _one_or_all(argnums, like([_graph_jacobian(out, leaf) for leaf in leaves]))
        run = Run((out, *leaves), None, None)
        return _one_or_all(argnums, like([_numeric_jacobian(run, leaf) for leaf in leaves]))

    return evaluated


def _numeric_jacobian(run: Run, leaf: Node) -> Any:
    out = run.roots[0]
    shape_in, shape_out = np.shape(run._values[leaf]), np.shape(run._values[out])
    n_in, n_out = int(np.prod(shape_in, dtype=int)), int(np.prod(shape_out, dtype=int))
    n = min(n_in, n_out)
    if n > FEW and shapes.is_static(out.shape + leaf.shape):
        return _in_one_pass(out, leaf, n_in, n_out)
    result = np.zeros((n_out, n_in), out.dtype)
    for k in range(n):
        if n_out <= n_in:
            result[k] = _numeric_vjp(run, [leaf], _basis(shape_out, k, out.dtype))[0].ravel()
        else:
            (column,) = _numeric_jvp(run, [leaf], [_basis(shape_in, k, leaf.dtype)])
            result[:, k] = column.ravel()
    return result.reshape(shape_out + shape_in)


def _in_one_pass(out: Node, leaf: Node, n_in: int, n_out: int) -> Any:
    """The Jacobian by directions sent through together, as many at a time as keep what they need within bounds."""
    widest = max([node.size or 0 for node in order(out)], default=1)
    forward = n_in <= n_out
    n, width = (n_in, n_out) if forward else (n_out, n_in)
    at_a_time = max(1, min(n, MOST_AT_A_TIME // max(widest, 1)))
    rows = np.zeros((n, width), out.dtype)
    for size in (at_a_time, n % at_a_time):
        if size == 0:
            continue
        directions, answers = _directions(out, leaf, size, forward)
        starts = range(0, n - n % at_a_time, at_a_time) if size == at_a_time else [n - size]
        for start in starts:
            basis = np.eye(size, n, start, dtype=directions.dtype).reshape(directions.shape)  # type: ignore[arg-type]
            found = Run((answers,), {directions: basis}, None)
            rows[start : start + size] = found.value(answers).reshape(size, width)
    return (rows.T if forward else rows).reshape(out.shape + leaf.shape)


def _directions(out: Node, leaf: Node, size: int, forward: bool) -> tuple[Node, Node]:
    """An input for `size` directions, and what `leaf` and `out` make of them: tangents of the result, or gradients."""
    here = leaf if forward else out
    one = input("direction", shape=here.shape, dtype=here.dtype)
    many = input("directions", shape=(size, *here.shape), dtype=here.dtype)
    if forward:
        (answer,) = _tangents([out], [leaf], [one])
    else:
        answer = gradient(out, leaf, one, disconnected="zero")
    [(found, has)] = batched([answer], {one: many}, size)
    return many, with_axis(found, has, size)


def _basis(shape: Any, k: int, dtype: Any) -> Any:
    basis = np.zeros(int(np.prod(shape, dtype=int)), dtype)
    basis[k] = 1
    return basis.reshape(shape)


def _graph_jacobian(root: Node, target: Node) -> Node:
    if not shapes.is_static(root.shape + target.shape):
        raise ShapeError(f"the Jacobian of {root.label!r} needs sizes that are known")
    n_in, n_out = target.size or 0, root.size or 0
    shape = root.shape + target.shape
    if n_in * n_out == 0 or (root is not target and target not in set(order(root))):
        return build(OPS["broadcast_to"], (constant(np.zeros((), root.dtype)),), {"shape": shape})
    if root.shape == ():
        slope: Node = gradient(root, target, disconnected="zero")
        return slope
    forward = n_in <= n_out
    n = n_in if forward else n_out
    many, answer = _directions(root, target, n, forward)
    basis = constant(np.eye(n, dtype=many.dtype).reshape(many.shape))
    (rows,) = folded(substitute([answer], {many: basis}), order(root))
    if forward:
        rows = transpose(rows if rows.shape == (n_in, n_out) else reshape(rows, (n_in, n_out)))
    jacobian: Node = rows if rows.shape == shape else reshape(rows, shape)
    return jacobian


def hessian(f: Node | Function, wrt: Any = None, *, argnums: SupportsIndex = 0) -> Any:
    """The matrix of all second derivatives of a scalar, of shape ``argument.shape + argument.shape``.

    With a function: ``hessian(f)`` gives a function. With a node: ``hessian(node, wrt)`` gives a node.

    >>> import numpy as np
    >>> import cgraph as cg
    >>> cg.hessian(lambda x: x[0] ** 2 * x[1])(np.array([3.0, 5.0]))
    array([[10.,  6.],
           [ 6.,  0.]])
    """
    if isinstance(f, Node):
        return jacobian(gradient(f, wrt), wrt)

    def evaluated(*args: Any, **kwargs: Any) -> Any:
        out, leaves, _, nested, _ = _trace(f, args, kwargs, _positions(argnums))
        if len(leaves) != 1:
            raise GradientError("hessian takes one array; for several, take cg.hvp or stack them")
        leaf = leaves[0]
        first = gradient(out, leaf, disconnected="zero")
        if nested:
            return _graph_jacobian(first, leaf)
        return _numeric_jacobian(Run((first, leaf), None, None), leaf)

    return evaluated


def hvp(f: Node | Function, *args: Any) -> Any:
    """Hessian-vector products, without the Hessian: forward mode over the gradient graph.

    With a function: ``hvp(f, x, v)``, or ``hvp(f)`` for a function of ``(x, v)``, where `x` is an array, or a dict, list or tuple of
    arrays, nested, and `v` and the answer look like it. With a node: ``hvp(node, wrt, v)`` gives a node.

    >>> import numpy as np
    >>> import cgraph as cg
    >>> cg.hvp(lambda x: np.sum(x**3), np.array([1.0, 2.0]), np.array([1.0, 1.0]))
    array([ 6., 12.])
    """
    if isinstance(f, Node):
        wrt, v = args
        return _tangents([gradient(f, wrt)], [wrt], [v])[0]
    if not args:
        return lambda x, v: hvp(f, x, v)
    x, v = args
    out, leaves, like, nested, _ = _trace(f, (x,), {}, [0])
    slopes = gradient(out, leaves, disconnected="zero")
    vectors = flatten(v)[0]
    if nested or any(isinstance(part, Node) for part in vectors):
        return like(_tangents(slopes, leaves, vectors))[0]
    directions = _directions_along(leaves, vectors, "vector")
    run = Run(tuple(slopes), None, None)
    return like(_numeric_jvp(run, leaves, directions, slopes))[0]


def _directions_along(leaves: Sequence[Node], given: Sequence[Any], what: str) -> list[Any]:
    """One array for each leaf, of its shape and dtype.

    Raises:
        ShapeError: where they do not fit.
    """
    if len(given) != len(leaves):
        raise ShapeError(
            f"there are {len(leaves)} arrays to be differentiated, and {len(given)} in the {what}: it looks like the arguments"
        )
    directions = [np.asarray(part, leaf.dtype) for part, leaf in zip(given, leaves, strict=True)]
    for direction, leaf in zip(directions, leaves, strict=True):
        if direction.shape != leaf.shape:
            raise ShapeError(
                f"the {what} of {leaf.label!r} has shape {direction.shape}, not {leaf.shape}"
            )
    return directions
