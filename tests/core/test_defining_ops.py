"""Ops that users define: `cg.op`, `cg.linear_op` and `cg.reduction` from outside the package, masks included, and what goes wrong there."""

from __future__ import annotations

import copy
import doctest
import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import cgraph as cg
from cgraph import testing
from cgraph.ops import OPS, PUBLIC


@pytest.fixture(autouse=True)
def tables_left_alone() -> Iterator[None]:
    ops, words = dict(OPS), dict(PUBLIC)
    yield
    OPS.clear(), OPS.update(ops), PUBLIC.clear(), PUBLIC.update(words)


def norm() -> Any:
    return cg.reduction(
        "own_norm",
        lambda x, axes, keepdims: np.sqrt(np.sum(x * x, axis=axes, keepdims=keepdims)),
        lambda out, x, axes: x / out,
        domain=(cg.Interval(0.0, open_low=True),),
    )


@pytest.mark.parametrize("axis", [None, 0, 1, -1, (0, 2), (0, 1, 2), ()])
@pytest.mark.parametrize("keepdims", [False, True])
def test_a_reduction(axis: Any, keepdims: bool) -> None:
    own = norm()
    x = cg.parameter("x", np.random.default_rng(1).normal(size=(2, 3, 2)))
    out = own(x, axis=axis, keepdims=keepdims, name="length")
    assert out.name == "length" and out.op.module == __name__
    expected = np.sqrt(np.sum(x.value**2, axis=() if axis == () else axis, keepdims=keepdims))
    assert cg.run(out).value(out) == pytest.approx(expected)
    assert testing.check_gradients(cg.sum(out), order=2).verdict is testing.Verdict.PASS


def test_a_reduction_is_checked_and_kept() -> None:
    own = norm()
    assert testing.check_op(own, examples=40).ok
    node = own(cg.parameter("x", [3.0, 4.0]))
    again = pickle.loads(pickle.dumps(node))
    assert again.op is OPS["own_norm"] and copy.deepcopy(node).op is OPS["own_norm"]


def test_masks_cannot_be_forgotten() -> None:
    """0/0 behind a branch that is not taken is zero by structure, without a word about masks in the definition."""
    own = norm()
    for axis in (None, 0):
        x = cg.parameter("x", [0.0, 0.0])
        gradient = cg.where(False, own(x, axis=axis), 1.0).backward().grad(x)
        assert gradient.tolist() == [0.0, 0.0]
    rows = cg.parameter("rows", [[0.0, 0.0], [3.0, 4.0]])
    picked = cg.where(np.array([False, True]), own(rows, axis=1), 0.0)
    assert cg.sum(picked).backward().grad(rows).tolist() == [[0.0, 0.0], [0.6, 0.8]]


def test_an_op_without_a_shape_is_refused_where_it_is_defined() -> None:
    with pytest.raises(TypeError, match="op 'shapeless' needs shape="):
        cg.op("shapeless", lambda x: x, None)
    assert "shapeless" not in OPS


def test_partials_are_counted_where_they_are_given() -> None:
    with pytest.raises(TypeError, match="'bad3': forward takes 2 operands, but 1 partial is given"):
        cg.elementwise("bad3", lambda a, b: a * b, lambda out, a, b: b)
    with pytest.raises(TypeError, match="'bad4': forward takes 1 operand, but 2 partials are"):
        cg.elementwise("bad4", np.exp, lambda out, a: out, 1)


def test_a_missing_parameter_is_named() -> None:
    own = cg.linear_op(
        "own_roll",
        lambda x, shift: np.roll(x, shift),
        lambda u, x, shift: own(u, shift=-shift),
        shape=lambda x, shift: x,
    )
    x = cg.parameter("x", [1.0, 2.0])
    for call in (lambda: own(x), lambda: own(np.ones(2)), lambda: own(x, turn=1)):
        with pytest.raises(cg.UnsupportedError, match=r"own_roll needs shift="):
            call()
    with pytest.raises(cg.UnsupportedError, match=r"own_roll: .*'turn'"):
        own(x, shift=1, turn=2)
    assert testing.check_op(own, params={"shift": 1}, examples=30).ok


def test_every_public_name_is_there() -> None:
    """An op in `cgraph/ops/` is `cg.name` without another word, and can be read."""
    for name, function in cg.ops.functions().items():
        assert getattr(cg, name) is function and name in cg.__all__
        assert len(function.__doc__ or "") > 15, name
    for name, op in OPS.items():
        assert (
            name in cg.__all__
            or op.family != "elementwise"
            or not op.module.startswith("cgraph.ops")
        )
    assert all(hasattr(cg, name) for name in cg.__all__)


def test_examples_of_ops_run() -> None:
    """The docstrings of ops are made from what the ops hold; their examples say what happens."""
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for name, function in cg.ops.functions().items():
        runner.run(parser.get_doctest(function.__doc__ or "", {}, name, name, 0))
    assert runner.tries > 100 and runner.failures == 0
