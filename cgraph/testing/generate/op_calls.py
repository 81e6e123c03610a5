"""Random calls of one row: operands in its domain, near its edges, on its kinks, in coincident and in empty shapes.

What `check_op` checks and what the strategy `op_calls` draws. All that is known of a row is in the row: how many operands, `domain`,
`margin`, the names of its keyword parameters, and an `example` where operands or parameters have to fit one another.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from cgraph.errors import CgraphError
from cgraph.leaves import constant, parameter
from cgraph.node import Node
from cgraph.op import Interval, Op
from cgraph.ops.define import SHAPES
from cgraph.testing.generate.random_graphs import RandomDraw

LARGER: list[tuple[int, ...]] = [(17,), (3, 4), (5, 1, 3), (40,)]


def arity(op: Op) -> int:
    """How many operands a row takes: as many as it has partials or linear maps."""
    if op.partials is not None:
        return len(op.partials)
    return 2 if op.variadic else len(op.linear_maps)


def draw_in(
    draw: RandomDraw, interval: Interval | None, shape: tuple[int, ...], edge: bool = False
) -> Any:
    """Values in an interval: all over it; with `edge`, some close to its ends. Never on an open end."""
    if interval is None or (interval.low == -np.inf and interval.high == np.inf):
        return np.asarray(draw.entries(shape))
    rng = draw.rng
    low, high = interval.low, interval.high
    if np.isfinite(low) and np.isfinite(high):
        x = low + (high - low) * rng.uniform(0.02, 0.98, shape)
        near = (high - low) * 10.0 ** rng.uniform(-6, -2, shape)
    else:
        x = 10.0 ** rng.uniform(-1.5, 1.0, shape)
        near = 10.0 ** rng.uniform(-6, -2, shape)
        x = low + x if np.isfinite(low) else high - x
    if edge:
        close = low + near if np.isfinite(low) else high - near
        if np.isfinite(low) and np.isfinite(high):
            close = np.where(rng.random(shape) < 0.5, close, high - near)
        x = np.where(rng.random(shape) < 0.5, close, x)
    return np.asarray(x)


def params_of(op: Op, shape: tuple[int, ...], draw: RandomDraw) -> dict[str, Any]:
    """Keyword parameters for a row that needs some: those of its example, else known ones by name."""
    if op.example is not None:
        return dict(op.example(draw.rng)[1])
    if op.family == "elementwise" or not inspect.isfunction(op.forward):  # a ufunc takes none
        return {}
    names = [
        p.name
        for p in inspect.signature(op.forward).parameters.values()
        if p.kind is p.KEYWORD_ONLY or p.default is p.empty
    ]
    known: dict[str, Any] = {
        "axes": tuple(i for i in range(len(shape)) if draw.chance(0.5)),
        "keepdims": draw.chance(0.5),
        "axis": draw.integer(max(len(shape), 1)),
    }
    # A variadic forward takes operands without names; what it needs by name it names after them.
    return {name: known[name] for name in names if name in known}


def operands_of(
    op: Op, draw: RandomDraw, k: int, dtype: str, params: dict[str, Any] | None = None
) -> tuple[list[Node], dict[str, Any]] | None:
    """Parameters for one call of the row, and its keyword parameters; None when the shapes do not suit it."""
    if op.example is not None and params is None:
        values, given = op.example(draw.rng)
        return [_leaf(op, i, np.asarray(v), dtype) for i, v in enumerate(values)], dict(given)
    n = arity(op)
    sizes: Sequence[tuple[int, ...]] = LARGER if k % 11 == 10 else SHAPES
    shape = sizes[draw.integer(len(sizes))]
    shapes = [shape] * n
    if op.family == "elementwise" and n > 1 and draw.chance(0.4):
        shapes[draw.integer(n)] = shape[1:] if draw.chance(0.5) else tuple(1 for _ in shape)
    given = dict(params) if params is not None else params_of(op, shape, draw)
    if not shape and "axis" in given:
        return None
    values = [
        draw_in(draw, op.domain[i] if i < len(op.domain) else None, s, k % 3 == 1)
        for i, s in enumerate(shapes)
    ]
    if k % 7 in (2, 3) and dtype == "f8":  # float32 has no digits left there
        values = [_far(draw, op, i, v) for i, v in enumerate(values)]
    if k % 4 == 0:
        values = _on_kinks(draw, op, values)
    elif k % 9 == 5:  # ties, whether the row knows of kinks or not
        values = [
            np.where(draw.rng.random(v.shape) < 0.5, v.flat[0], v) if v.size else v for v in values
        ]
    leaves = [
        parameter(f"x{i}", np.asarray(v, dtype))
        if op.differentiable(i)
        else constant(np.asarray(v) > 0 if op.name == "where" else np.asarray(v, dtype))
        for i, v in enumerate(values)
    ]
    return leaves, given


def _far(draw: RandomDraw, op: Op, i: int, x: Any) -> Any:
    """Some entries far out, where the domain has no end: there a formula overflows that nobody tried there."""
    interval = op.domain[i] if i < len(op.domain) else Interval()
    far = np.where(draw.rng.random(x.shape) < 0.5, 10.0 ** draw.rng.uniform(1.3, 4.0, x.shape), 1.0)
    if interval.low == -np.inf and interval.high == np.inf:
        return x * far
    if np.isfinite(interval.low) and np.isfinite(interval.high):
        return x
    end = interval.low if np.isfinite(interval.low) else interval.high
    return end + (x - end) * far


def _on_kinks(draw: RandomDraw, op: Op, values: list[Any]) -> list[Any]:
    """Entries at zero or equal to one another, where most kinks are; where the row declares a margin, half of them."""
    share = 0.5 if op.margin is not None else 0.2
    if len(values) > 1 and all(np.shape(v) == np.shape(values[0]) for v in values):
        hit = draw.rng.random(np.shape(values[0])) < share
        if all(_holds(op, 1, float(x)) for x in values[0][hit].ravel()):
            values[1] = np.where(hit, values[0], values[1])
        return values
    return [
        np.where(draw.rng.random(np.shape(v)) < share, 0.0, v) if _holds(op, i, 0.0) else v
        for i, v in enumerate(values)
    ]


def _leaf(op: Op, i: int, value: Any, dtype: str) -> Node:
    """An operand of an op's own example: floats in the dtype that is tried, an index as it is."""
    value = value.astype(dtype) if value.dtype.kind == "f" else value
    trained = value.dtype.kind == "f" and (op.variadic or op.differentiable(i))
    return parameter(f"x{i}", value) if trained else constant(value)


def _holds(op: Op, i: int, x: float) -> bool:
    interval = op.domain[i] if i < len(op.domain) else Interval()
    return interval.low < x < interval.high


def calls(
    op: Op,
    examples: int,
    seed: int = 0,
    params: dict[str, Any] | None = None,
    raised: list[str] | None = None,
) -> Iterator[tuple[int, Node]]:
    """Random nodes of one row, each on fresh parameters; what its forward raises at operands that fit is kept in `raised`."""
    draw = RandomDraw(seed)
    made = tries = 0
    refused: Exception | None = None
    while made < examples and tries < 20 * examples:
        tries += 1
        dtype = "f4" if tries % 5 == 0 else "f8"
        found = operands_of(op, draw, tries, dtype, params)
        if found is None:
            continue
        leaves, given = found
        try:
            node = op(*leaves, **given)
        except (
            CgraphError,
            IndexError,
            ValueError,
        ) as error:  # the shape rule says that they do not fit
            refused = error
            continue
        except TypeError as error:
            raise _cannot_be_called(op, given, error) from error
        try:
            with np.errstate(all="ignore"):
                np.asarray(op.evaluate(*(leaf._value for leaf in leaves), **given))
        except TypeError as error:
            raise _cannot_be_called(op, given, error) from error
        except Exception as error:
            refused = error
            if raised is not None and all(np.size(leaf._value) for leaf in leaves):
                where = ", ".join(str(leaf.shape) for leaf in leaves)
                raised.append(
                    f"forward raises {type(error).__name__} at operands of shape {where}: {error}"
                )
            continue
        if isinstance(node, Node) and node.dtype.kind == "f":
            made += 1
            yield tries, node
    if not made and refused is not None:
        advice = ": give params={name: value}" if " needs " in str(refused) else ""
        raise CgraphError(
            f"no call of {op.name} succeeds; the last one says: {refused}{advice}"
        ) from refused


def _cannot_be_called(op: Op, given: dict[str, Any], error: Exception) -> CgraphError:
    return CgraphError(
        f"{op.name} cannot be called with {given or 'no parameters'} ({error}): give params={{name: value}} for what it needs"
    )
