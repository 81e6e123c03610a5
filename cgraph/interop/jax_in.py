"""JAX functions as graphs: `from_jax` reads a function's jaxpr and rebuilds it with cgraph's ops.

The jaxpr is interpreted once. A value that depends on no argument stays a NumPy array and is computed by JAX itself, so that index
arithmetic, masks and loop counters fold away; everything else becomes a node. Calls (`jit`, `checkpoint`, custom rules) are
followed and loops unrolled, each under a scope of its own. What becomes of each primitive stands in `jax_rules`.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import cgraph as cg
from cgraph.errors import UnsupportedError
from cgraph.interop.building import (
    Line,
    Missing,
    Unknown,
    framework,
    leaf,
    refuse,
    scoped,
    set_line,
    stand_in,
)
from cgraph.interop.jax_rules import rule_of
from cgraph.node import Node

MOST_STEPS = 10_000  # of a while loop that is unrolled
MOST_UNROLLED = 100  # longer scans become a loop, `cg.scan`
LINALG = (
    "det",
    "inv",
    "slogdet",
    "solve",
    "expm",
)  # functions of JAX's linalg modules that are read whole
SAME_NAME = (
    "relu",
    "silu",
    "softplus",
    "relu6",
    "logaddexp",
)  # functions of JAX that are an op here


def from_jax(
    f: Callable[..., Any], *args: Any, argnums: int | Sequence[int] | None = None, **kwargs: Any
) -> Any:
    """The graph of a JAX function, traced at example arguments.

    Every floating array among `args` becomes a leaf that is named after the argument and its place in it: `x`, `params/layer1/w`.
    Integers and booleans are part of the function, as are keyword arguments. Names given with `jax.named_scope`, functions under
    `jax.jit` and modules that name their scopes (Flax, Haiku) become scopes, and every node knows its line of the model.

    Args:
        f: a function of arrays, or of nested containers of arrays (pytrees).
        args: example arguments; their shapes and dtypes are fixed from then on, their values can be replaced.
        argnums: which arguments hold parameters; the others become inputs. Default: all.
        kwargs: keyword arguments for `f`, fixed.

    Returns:
        A node, or nodes in the containers that `f` returns. `cg.named_leaves` finds the leaves by name.

    Raises:
        UnsupportedError: for primitives without a counterpart; the message lists them all, with their lines.

    >>> import cgraph as cg
    >>> import jax.numpy as jnp                                                              # doctest: +SKIP
    >>> loss = cg.from_jax(lambda w, x: jnp.mean(jnp.tanh(x @ w)), w, x, argnums=0)          # doctest: +SKIP
    >>> run = loss.backward()                                                                # doctest: +SKIP
    >>> run.grad(cg.named_leaves(loss)["w"])                                                       # doctest: +SKIP
    """
    jax = framework("jax", "jax")

    paths, _ = jax.tree_util.tree_flatten_with_path(args)
    try:
        signature = inspect.signature(f).bind(*args, **kwargs)
        names = [
            name
            for name, given in signature.arguments.items()
            for _ in (given if _is_star(f, name) else [given])
        ]
    except (TypeError, ValueError):
        names = [f"arg{i}" for i in range(len(args))]
    trained = range(len(args)) if argnums is None else np.atleast_1d(argnums)
    chosen = {int(i) % len(args) for i in trained}

    values: list[Any] = []
    for path, value in paths:
        array = np.asarray(value)
        position = path[0].idx
        keys = (names[position], *(_key(part) for part in path[1:]))
        is_data = array.dtype.kind != "f"
        values.append(array if is_data else leaf(keys, array, position in chosen))

    held = [value for value in values if not isinstance(value, Node)]
    leaves = [value for value in values if isinstance(value, Node)]
    structure = jax.tree_util.tree_structure(args)

    def of_leaves(*floating: Any) -> Any:
        numbers, fixed = iter(floating), iter(held)
        flat = [next(numbers) if isinstance(v, Node) else next(fixed) for v in values]
        return f(*jax.tree_util.tree_unflatten(structure, flat), **kwargs)

    shapes = [jax.ShapeDtypeStruct(node.shape, node.dtype) for node in leaves]
    jaxpr, out_shape = jax.make_jaxpr(of_leaves, return_shape=True)(*shapes)
    reader = _Reader(getattr(f, "__name__", type(f).__name__))
    outputs = reader.read(jaxpr.jaxpr, [np.asarray(c) for c in jaxpr.consts], leaves)
    if reader.missing:
        raise refuse(
            f"{reader.name!r}",
            reader.missing,
            "Write that part with other functions, or build it from cgraph's ops.",
        )
    nodes = [x if isinstance(x, Node) else cg.constant(np.asarray(x)) for x in outputs]
    return jax.tree_util.tree_unflatten(jax.tree_util.tree_structure(out_shape), nodes)


def _is_star(f: Callable[..., Any], name: str) -> bool:
    return inspect.signature(f).parameters[name].kind is inspect.Parameter.VAR_POSITIONAL


def _key(part: Any) -> str:
    for attribute in ("key", "name", "idx"):
        if hasattr(part, attribute):
            return str(getattr(part, attribute))
    return str(part)


class _Reader:
    """One reading of a jaxpr: what it met that has no counterpart, and which nodes have got their line."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.line: Line | None = (
            None  # of the call that is being followed: JAX's own functions have none
        )
        self.missing: dict[str, str] = {}
        self.known: set[Node] = set()

    def read(self, jaxpr: Any, consts: Sequence[Any], args: Sequence[Any]) -> list[Any]:
        """The outputs of a jaxpr: nodes, or arrays where nothing depends on an argument."""
        self.known.update(x for x in args if isinstance(x, Node))
        values: dict[Any, Any] = dict(zip(jaxpr.constvars, consts, strict=True))
        values.update(zip(jaxpr.invars, args, strict=True))

        def value(atom: Any) -> Any:
            return np.asarray(atom.val) if hasattr(atom, "val") else values[atom]

        for eqn in jaxpr.eqns:
            operands = [value(atom) for atom in eqn.invars]
            with scoped(_scope_of(eqn)):
                results = self._apply(eqn, operands)
            set_line(results, self.known, _line_of(eqn) or self.line)
            values.update(zip(eqn.outvars, results, strict=True))
        return [value(atom) for atom in jaxpr.outvars]

    def _apply(self, eqn: Any, operands: list[Any]) -> Sequence[Any]:
        """What one equation computes; NaN where it has no counterpart, so that reading goes on and finds them all."""
        name = eqn.primitive.name
        if any(isinstance(x, Unknown) for x in operands):
            return _stand_ins(eqn)
        if not any(isinstance(x, Node) for x in operands):
            return _fold(eqn, operands)
        control = getattr(self, f"_{name}", None)
        inner = _called(eqn.params)
        try:
            if control is not None:
                return list(control(eqn, operands))
            if inner is not None and rule_of(name) is None:
                return self._call(eqn, inner, operands)
            rule = rule_of(name)
            if rule is None:
                raise Missing(name)
            result = rule(eqn, *operands)
        except (Missing, UnsupportedError) as missing:
            line = _line_of(eqn) or self.line or "an unknown line"
            self.missing.setdefault(str(missing), str(line))
            return _stand_ins(eqn)
        return list(result) if isinstance(result, list) else [result]

    # --- calls ----------------------------------------------------------------------------------------------------------------

    def _call(self, eqn: Any, inner: Any, operands: list[Any]) -> list[Any]:
        name = eqn.params.get("name", "")
        if name in LINALG and _origin(inner)[1]:
            # JAX factors matrices with LAPACK; what for is known by the name of its function.
            result = getattr(cg.linalg, name)(
                *(x if isinstance(x, Node) else cg.constant(x) for x in operands)
            )
            return list(result) if isinstance(result, tuple) else [result]
        outer, self.line = self.line, _line_of(eqn) or self.line
        with scoped(name if _is_users(name) else ""):
            results = self.read(inner.jaxpr, [np.asarray(c) for c in inner.consts], operands)
        self.line = outer
        return results

    def _custom_jvp_call(self, eqn: Any, operands: list[Any]) -> list[Any]:
        """Functions of JAX with a derivative of their own: cgraph's op of that name where there is one, else what they compute."""
        inner = _called(eqn.params)
        name, is_jax = _origin(inner)
        op = getattr(cg, name, None) if is_jax and name in SAME_NAME else None
        if op is not None:
            return [op(*operands)]
        if not is_jax:
            warnings.warn(
                f"{self.name!r}: {name or 'a function'} at {_line_of(eqn)} has a derivative rule of its own, which is not read; "
                "cgraph differentiates what it computes",
                stacklevel=2,
            )
        return self._call(eqn, inner, operands)

    _custom_vjp_call = _custom_vjp_call_jaxpr = _custom_jvp_call

    # --- control flow -----------------------------------------------------------------------------------------------------------

    def _scan(self, eqn: Any, operands: list[Any]) -> list[Any]:
        p = eqn.params
        length, consts, carried = p["length"], p["num_consts"], p["num_carry"]
        fixed, carry = operands[:consts], operands[consts : consts + carried]
        rows = operands[consts + carried :]
        stacked: list[list[Any]] = []
        inner = p["jaxpr"]
        if length > MOST_UNROLLED:

            def step(state: Any, row: Any) -> tuple[Any, Any]:
                results = self.read(inner.jaxpr, inner.consts, [*fixed, *state, *(row or ())])
                return results[:carried] or {}, results[carried:] or {}

            # An empty list would be an array of no numbers; a dictionary without entries is nothing.
            state, ys = cg.scan(
                step, list(carry) or {}, list(rows) or None, length=length, reverse=p["reverse"]
            )
            return [*state, *ys]
        steps = range(length)
        for t in reversed(steps) if p["reverse"] else steps:
            with cg.scope(f"step{t}"):
                taken = [x[t] for x in rows]
                results = self.read(inner.jaxpr, inner.consts, [*fixed, *carry, *taken])
            carry = results[:carried]
            stacked.append(results[carried:])
        if p["reverse"]:
            stacked.reverse()
        return [*carry, *(_stack(list(column)) for column in zip(*stacked, strict=True))]

    def _while(self, eqn: Any, operands: list[Any]) -> list[Any]:
        p = eqn.params
        a, b = p["cond_nconsts"], p["cond_nconsts"] + p["body_nconsts"]
        state = operands[b:]
        for t in range(MOST_STEPS):
            go_on = self.read(p["cond_jaxpr"].jaxpr, p["cond_jaxpr"].consts, operands[:a] + state)
            if isinstance(go_on[0], Node):
                raise Missing("while_loop whose end depends on the arguments")
            if not go_on[0]:
                return state
            with cg.scope(f"step{t}"):
                state = self.read(
                    p["body_jaxpr"].jaxpr, p["body_jaxpr"].consts, operands[a:b] + state
                )
        raise Missing(f"while_loop of more than {MOST_STEPS} steps")

    def _cond(self, eqn: Any, operands: list[Any]) -> list[Any]:
        branches = eqn.params["branches"]
        index, *rest = operands
        if not isinstance(index, Node):
            taken = branches[int(np.clip(int(index), 0, len(branches) - 1))]
            return self.read(taken.jaxpr, taken.consts, rest)
        # Every branch is computed, and `where` picks: its local gradient is zero on the others, whatever is in them.
        results = [self.read(branch.jaxpr, branch.consts, rest) for branch in branches]
        picked = results[-1]
        for i in reversed(range(len(branches) - 1)):
            condition = index if index.dtype.kind == "b" else index <= i
            first, second = (
                (picked, results[i]) if index.dtype.kind == "b" else (results[i], picked)
            )
            picked = [cg.where(condition, x, y) for x, y in zip(first, second, strict=True)]
        return picked


def _called(params: dict[str, Any]) -> Any:
    """The jaxpr a call primitive runs, with its constants."""
    for key in ("jaxpr", "call_jaxpr", "fun_jaxpr"):
        inner = params.get(key)
        if inner is not None:
            if hasattr(inner, "consts"):
                return inner
            return framework("jax.extend.core", "jax").ClosedJaxpr(inner, ())
    return None


def _origin(inner: Any) -> tuple[str, bool]:
    """The name of the function that a jaxpr was traced from, and whether it is one of JAX's own."""
    info = getattr(inner.jaxpr, "debug_info", None)
    name = str(getattr(info, "func_name", ""))
    source = str(getattr(info, "func_src_info", "")).replace("\\", "/")
    return name, "/jax/" in source


def _is_users(name: str) -> bool:
    """Whether a function's name is the model's, rather than one of JAX's own helpers."""
    jax = framework("jax", "jax")

    own = (jax.numpy, jax.nn, jax.scipy.special, jax.numpy.linalg, jax.lax, jax.random)
    helper = not name or name.startswith(("_", "<")) or any(hasattr(m, name) for m in own)
    return not helper


def _fold(eqn: Any, operands: list[Any]) -> list[Any]:
    """An equation without nodes: JAX computes it, as a program of its own."""
    jax = framework("jax", "jax")
    core = framework("jax.extend.core", "jax")

    given = {
        atom: x for atom, x in zip(eqn.invars, operands, strict=True) if not hasattr(atom, "val")
    }
    with jax.ensure_compile_time_eval(), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it has no debug information
        alone = core.ClosedJaxpr(core.Jaxpr((), list(given), list(eqn.outvars), [eqn]), ())
        return [np.asarray(x) for x in core.jaxpr_as_fun(alone)(*given.values())]


def _stack(column: list[Any]) -> Any:
    if any(isinstance(x, Node) for x in column):
        return cg.stack([x if isinstance(x, Node) else cg.constant(x) for x in column])
    return np.stack(column)


def _stand_ins(eqn: Any) -> list[Any]:
    return [stand_in(var.aval.shape, np.dtype(var.aval.dtype)) for var in eqn.outvars]


def _line_of(eqn: Any) -> Line | None:
    """The line of the model that an equation comes from."""
    try:
        source_info_util = framework("jax._src.source_info_util", "jax")
        frame = source_info_util.user_frame(eqn.source_info.traceback)
        return None if frame is None else Line(frame.file_name, frame.start_line)
    except (
        ImportError,
        AttributeError,
    ):  # a private part of JAX: without it nodes know the call of from_jax
        return None


def _scope_of(eqn: Any) -> str:
    """The scopes that `jax.named_scope` and modules put an equation in."""
    try:
        stack = str(eqn.source_info.name_stack)
    except AttributeError:
        return ""
    return "" if "(" in stack else stack
