"""What every function of cgraph's scientific namespaces is put through, from one line of a table.

A line is a function written with cgraph, the same with NumPy, SciPy or mpmath, and arguments. `check` holds value, reverse mode, forward
mode, gradient graph, second order, float32 and a file against the truth: differences of the other library, never the rule itself.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from core import numeric
from core.numeric import assert_close

import cgraph as cg

Array = Any


@dataclass(frozen=True)
class Line:
    """One function at one set of arguments.

    Attributes:
        f: written with cgraph; takes arrays or nodes, gives one node.
        truth: the same with another library, on float64 arrays.
        args: float64 arrays; integer arrays are data.
        wrt: which of them are differentiated; all of floating point if not given.
        value, slope, curve: relative tolerances of value, first and second derivative; None leaves the comparison out.
        single: relative tolerance in float32; None leaves it out.
        step: of the differences.
    """

    name: str
    f: Callable[..., Any]
    truth: Callable[..., Array]
    args: tuple[Array, ...]
    wrt: tuple[int, ...] | None = None
    value: float = 1e-12
    slope: float = 1e-8
    curve: float | None = 1e-7
    single: float | None = 2e-3
    step: float = 2e-3
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def active(self) -> tuple[int, ...]:
        if self.wrt is not None:
            return self.wrt
        return tuple(i for i, x in enumerate(self.args) if np.asarray(x).dtype.kind == "f")


def rng(name: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(name.encode()))


def nodes_of(line: Line, dtype: Any = np.float64) -> list[Any]:
    return [
        cg.parameter(f"x{i}", np.asarray(x, dtype)) if i in line.active else x
        for i, x in enumerate(line.args)
    ]


def normal(line: Line, tag: str, shape: Any) -> Array:
    return rng(line.name + tag).normal(size=shape)


def check(line: Line, folder: Path | None = None) -> set[str]:
    """All of it; gives the names of the ops that took part, in the value and in its derivatives."""
    args = [np.asarray(x) for x in line.args]
    nodes = nodes_of(line)
    out = line.f(*nodes)
    expected = np.asarray(line.truth(*args))
    upstream = normal(line, "up", expected.shape)
    run = out.backward(upstream=upstream)
    value = run.value(out)
    assert value.shape == out.shape and value.dtype == out.dtype == np.float64
    assert_close(value, expected, line.value, f"{line.name}: value")
    assert_close(np.asarray(line.f(*line.args)), value, 1e-15, f"{line.name}: on arrays")

    seed = cg.input("u", upstream)
    active = [nodes[i] for i in line.active]
    graphs = cg.gradient(out, active, seed, disconnected="zero")
    numbers = cg.run(graphs)
    directions = [normal(line, f"t{i}", args[i].shape) for i in line.active]
    for i, node, graph, t in zip(line.active, active, graphs, directions, strict=True):
        got = run.grad(node) if run.has_grad(node) else np.zeros(node.shape)
        truth = numeric.gradient(line.truth, args, i, upstream, line.step)
        assert_close(got, truth, line.slope, f"{line.name}: gradient to argument {i}")
        assert_close(numbers.value(graph), got, 1e-11, f"{line.name}: gradient graph to {i}")
        tangent = cg.jvp(out, node, cg.input("t", t))
        moved = cg.run(tangent).value(tangent)
        left, right = np.sum(upstream * moved), np.sum(got * t)
        scale = max(1.0, float(np.sum(np.abs(upstream * moved)) + np.sum(np.abs(got * t))))
        assert abs(left - right) <= 1e-10 * scale, f"{line.name}: the modes differ for {i}"
    twice = graphs
    if line.curve is not None and active:
        twice = second_order(line, nodes, graphs, directions, upstream)
    if line.single is not None:
        in_single(line, expected, upstream, run, nodes)
    names = {n.op.name for n in cg.graph.order(out, *twice)}
    if folder is not None:
        cg.save(out, folder / "kept.cgraph")
        again = cg.load(folder / "kept.cgraph")
        assert_close(cg.run(again).value(again), value, 1e-15, f"{line.name}: from a file")
    return names


def second_order(
    line: Line, nodes: Any, graphs: Any, directions: Any, upstream: Array
) -> list[cg.Node]:
    """H v against differences of the first gradient, forward over reverse and reverse over reverse."""

    def gradients(h: float) -> Array:
        moved = list(line.args)
        for i, v in zip(line.active, directions, strict=True):
            moved[i] = np.asarray(moved[i]) + h * v
        others = nodes_of(Line(line.name, line.f, line.truth, tuple(moved), line.active))
        run = line.f(*others).backward(upstream=upstream)
        found = [
            run.grad(others[i]) if run.has_grad(others[i]) else np.zeros(others[i].shape)
            for i in line.active
        ]
        return np.concatenate([np.ravel(g) for g in found])

    assert line.curve is not None
    expected = numeric.along(gradients, line.step)
    active = [nodes[i] for i in line.active]
    moved = [cg.jvp(g, active, directions) for g in graphs]
    forward = cg.run(moved)
    got = np.concatenate([np.ravel(forward.value(g)) for g in moved])
    assert_close(got, expected, line.curve, f"{line.name}: forward over reverse")
    total = cg.constant(0.0)
    for g, v in zip(graphs, directions, strict=True):
        total = total + cg.sum(g * v)
    second = cg.gradient(total, active, disconnected="zero")
    reverse = cg.run(second)
    got = np.concatenate([np.ravel(reverse.value(g)) for g in second])
    assert_close(got, expected, line.curve, f"{line.name}: reverse over reverse")
    return [*graphs, *second]


def in_single(line: Line, expected: Array, upstream: Array, double: Any, wide: Any) -> None:
    """float32 in, float32 out, in the value, the gradient and the gradient graph."""
    nodes = nodes_of(line, np.float32)
    out = line.f(*nodes)
    run = out.backward(upstream=upstream.astype(np.float32))
    assert out.dtype == run.value(out).dtype == np.float32, f"{line.name}: float32 is not kept"
    assert_close(run.value(out), expected, line.single, f"{line.name}: float32")
    for i in line.active:
        if not run.has_grad(nodes[i]):
            continue
        got = run.grad(nodes[i])
        assert got.dtype == np.float32, f"{line.name}: the gradient of float32"
        assert_close(got, double.grad(wide[i]), 5 * line.single, f"{line.name}: float32 gradient")
        graph = cg.gradient(out, nodes[i], upstream.astype(np.float32))
        assert graph.dtype == cg.run(graph).value(graph).dtype == np.float32
