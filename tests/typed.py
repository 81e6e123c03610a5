"""What type checkers are to know of a program written with cgraph; checked by mypy (.ci/run), run by nobody."""

from __future__ import annotations

from typing import Any, assert_type

import numpy as np

import cgraph as cg
from cgraph import Node, Run, testing


def program() -> None:
    x = cg.parameter("x", np.ones((2, 3)))
    w: Node = cg.input("w", shape=(3, None))

    assert_type(cg.sigmoid(x), Node)
    assert_type(cg.sigmoid(x, name="p"), Node)
    assert_type(cg.maximum(0.0, x), Node)
    assert_type(cg.where(x > 0.0, 1.0, x), Node)
    assert_type(cg.absolute(x), Node)
    assert_type(cg.special.erf(x), Node)
    assert_type(cg.sum(x, axis=0, keepdims=True), Node)
    assert_type(cg.softmax(x, axis=-1), Node)
    assert_type(cg.stack([x, x]), Node)
    assert_type(cg.split(x, 2), list[Any])
    assert_type(x @ w + 1.0, Node)
    assert_type(2.0 / x - x**2, Node)
    assert_type(x[0].T.reshape(-1), Node)
    assert_type(x.mean(axis=0), Node)
    assert_type(cg.sum(x).backward(), Run)
    assert_type(cg.run(x), Run)
    assert_type(cg.draw(x), cg.Diagram)
    assert_type(cg.exp.name, str)

    assert_type(testing.check_gradients(cg.sum(x)), testing.Report)
    assert_type(cg.testing.check_op("exp"), testing.OpReport)

    cg.sigmoid(x, x)  # type: ignore[call-overload]
    cg.sigmoid(x, axis=0)  # type: ignore[call-overload]
    cg.maximum(x)  # type: ignore[call-overload]
    cg.sum(x, axes=0)  # type: ignore[call-overload]
    cg.sigmod(x)  # type: ignore[attr-defined]
