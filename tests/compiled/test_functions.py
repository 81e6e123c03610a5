"""`cg.compile` on plain functions: keyword arguments, methods, containers, pickles."""

from __future__ import annotations

import gc
import pickle
import weakref
from typing import Any

import numpy as np
import pytest

import cgraph as cg

calls: list[Any] = []


@cg.compile
def weighted(x: Any, w: Any = 1.0, *, mode: str = "sum", flip: bool = False) -> Any:
    """A loss with options."""
    calls.append(mode)
    total = cg.sum(x * w) if mode == "sum" else cg.mean(x * w)
    return -total if flip else total


def test_arrays_by_keyword_are_arguments() -> None:
    """Long arrays print alike; what stands in the middle of them counts, and a new one is no new trace."""
    x, w = np.ones(2000), np.arange(2000.0)
    other = w.copy()
    other[1000] = 1e6
    calls.clear()
    assert weighted(x, w=w) == w.sum() and weighted(x, w=other) == other.sum()
    assert calls == ["sum"]
    assert weighted(x, w=w, flip=True) == -w.sum()
    assert weighted(x=x, mode="mean") == 1.0 and weighted(x, w=2.0) == 4000.0


def test_a_dictionary_is_no_keyword() -> None:
    both = cg.compile(lambda a, b=None, **more: a[0] + b["w"] if isinstance(a, tuple) else a - more["w"])  # fmt: skip
    x, w = np.ones(2), np.full(2, 5.0)
    np.testing.assert_array_equal(both((x,), {"w": w}), [6.0, 6.0])
    np.testing.assert_array_equal(both(x, w=w), [-4.0, -4.0])


def test_other_things_by_keyword_are_handed_on() -> None:
    picked = cg.compile(lambda x, *, rows, scale: x[rows] * scale["by"][0])
    x, long = np.arange(5000.0), np.arange(3000)
    other = long.copy()
    other[1500] = 4000
    for rows in (long, other, [1, 2], slice(0, 3)):
        for scale in ({"by": [2.0]}, {"by": [-0.0]}):
            found = picked(x, rows=rows, scale=scale)
            np.testing.assert_array_equal(found, x[rows] * scale["by"][0])
            np.testing.assert_array_equal(np.signbit(found), np.signbit(x[rows] * scale["by"][0]))
    with pytest.raises(cg.DTypeError, match="by keyword"):
        cg.compile(lambda x, how: x)(x, "sum")


class Neuron:
    def __init__(self, weights: Any) -> None:
        self.W = cg.parameter("W", weights)

    @cg.compile
    def out(self, x: Any, scale: float = 1.0) -> Any:
        return scale * (self.W @ x)

    @cg.compile(gradients=1)
    def loss(self, x: Any) -> Any:
        return cg.sum(cg.square(self.W @ x))

    @cg.compile(gradients=(0,))
    def of_itself(self, x: Any) -> Any:
        return cg.sum(x)


def test_methods() -> None:
    a, b = Neuron([[2.0, 0.0]]), Neuron([[3.0, 1.0]])
    x = np.array([1.0, 2.0])
    for _ in range(2):
        assert a.out(x) == [2.0] and b.out(x) == [5.0] and a.out(x, scale=2.0) == [4.0]
    a.W.value = np.array([[1.0, 1.0]])
    assert a.out(x) == [3.0]
    value, slope = b.loss(x)
    assert value == 25.0
    np.testing.assert_array_equal(slope, [30.0, 10.0])
    assert a.out.program is not b.out.program
    with pytest.raises(cg.GradientError, match="count from 1"):
        a.of_itself(x)
    gone = weakref.ref(a)
    del a
    gc.collect()
    assert gone() is None, "compiling keeps no object alive"


def test_a_decorated_function_pickles_by_name() -> None:
    assert pickle.loads(pickle.dumps(weighted)) is weighted
    square = cg.compile(np.square)
    assert pickle.loads(pickle.dumps(square))(3.0) == 9.0
    assert weighted.__doc__ == "A loss with options."


def test_results_written_over_an_input() -> None:
    """The input is read to the end first, whatever is computed in which order."""
    x = cg.input("x", shape=(5,))
    outputs = [cg.exp(x), x[::-1] * 2.0, cg.sin(x) + x, cg.cumsum(x)]
    program = cg.compile(outputs, inputs=[x])
    data = np.linspace(0.1, 0.9, 5)
    wanted = program(data)
    for k in range(len(outputs)):
        mine = data.copy()
        out = [np.empty(5) for _ in outputs]
        out[k] = mine
        for found, want in zip(program(mine, out=out), wanted, strict=True):
            np.testing.assert_array_equal(found, want)
        assert np.array_equal(mine, wanted[k])


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_all_of_a_single_number(dtype: str) -> None:
    """x[()] is a place to write to, in single precision too, where numbers are arrays."""
    x = cg.parameter("x", np.asarray(0.3, dtype))
    root = cg.sum(cg.arcsinh(x[()]) * np.float32(0.5) - x[...] + cg.where(x[()] <= 0.0, 0.0, x[()]))
    (value,), slopes = cg.compile([root], inputs=[], gradients=[x, x])()
    run = root.backward()
    bound = 4 * np.finfo(dtype).eps
    np.testing.assert_allclose(value, run.value(root), rtol=bound)
    for slope in slopes:
        assert slope.dtype == dtype
        np.testing.assert_allclose(slope, run.grad(x), rtol=bound)
