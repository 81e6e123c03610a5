"""Matrices of a few diagonals: Hessians of sums of terms of neighbours, and what such matrices go through on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import cgraph as cg


def close(program: Any, node: Any, **tolerance: float) -> None:
    wanted = cg.run(node).value(node)
    tolerance = {"rtol": 1e-13, "atol": 1e-13 * float(np.max(np.abs(wanted), initial=1.0))} | tolerance  # fmt: skip
    for _ in range(2):
        np.testing.assert_allclose(program(), wanted, **tolerance)


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "entry by entry": lambda x: cg.sum(x**4 - 16.0 * x**2 + 5.0 * cg.sin(x)),
    "neighbours": lambda x: cg.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2),
    "next but one": lambda x: cg.sum(cg.exp(x[2:] * x[:-2]) / (1.0 + x[2:] ** 2)),
    "second differences": lambda x: cg.sum(cg.square(x[2:] - 2.0 * x[1:-1] + x[:-2]) * cg.cos(x[1:-1])),
    "blocks": lambda x: cg.sum(x[:5] ** 3) + cg.sum(cg.tanh(x[7:])) + cg.sum(x[3:8] * x[4:9]),
    "all with all": lambda x: cg.sum(x) ** 2 + cg.sum(x**3),
    "a product in the way": lambda x: cg.sum(cg.tanh(cg.constant(np.arange(132.0).reshape(11, 12) / 132.0) @ x) * x[:11]),
    "softmax": lambda x: cg.logsumexp(x * 2.0) + cg.sum(x * x),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_hessians(name: str, dtype: str) -> None:
    x = cg.parameter("x", np.random.default_rng(0).normal(size=12).astype(dtype))
    node = cg.hessian(FUNCTIONS[name](x), x)
    rtol = 1e-13 if dtype == "f8" else 1e-5
    close(cg.compile(node, inputs=[]), node, rtol=rtol, atol=rtol * 100.0)


@pytest.mark.parametrize(
    "name", ["entry by entry", "neighbours", "next but one", "second differences", "blocks"]
)
def test_no_matrix_is_multiplied(name: str) -> None:
    """Every statement but those that write the result is on vectors; differences of gradients agree."""
    at = np.random.default_rng(1).normal(size=40)
    x = cg.parameter("x", at)
    function = FUNCTIONS[name](x)
    program = cg.compile(cg.hessian(function, x), inputs=[x])
    assert all(
        v.shape != (40, 40) or v.op in ("diagonals", "transpose")
        for v in program.special.graph.order()
    )
    slope = cg.compile(cg.gradient(function, [x])[0], inputs=[x])
    h = 1e-5
    rows = [(slope(at + h * e) - slope(at - h * e)) / (2.0 * h) for e in np.eye(40)]
    np.testing.assert_allclose(program(at), rows, rtol=1e-6, atol=1e-5)


def test_what_a_matrix_of_diagonals_goes_through() -> None:
    rng = np.random.default_rng(2)
    band = cg.constant(
        np.diag(rng.normal(size=9))
        + np.diag(rng.normal(size=8), 1)
        - np.diag(rng.normal(size=8), -1)
    )
    row, column = (
        cg.parameter("row", rng.normal(size=9)),
        cg.parameter("column", rng.normal(size=(9, 1))),
    )
    full, one = cg.parameter("full", rng.normal(size=(9, 9))), cg.parameter("one", 1.5)
    b = band * row
    for node in (
        b, b.T * row, b * column + band, band * full, full * b - band, b / row, b * b.T, -(b * one) - b.T,
        cg.concatenate([b, b]), cg.sum(b, axis=0), b @ full, b[1:7, 2:], b[:, :3] * row[:3], b[2:4, 6:], cg.exp(b),
        (b[1:] * row)[:, 1:].T, cg.where(b > 0.0, b, 1.0), b + row, b[::2] * row, b * 0.5,
    ):  # fmt: skip
        close(cg.compile(node, inputs=[]), node)
    slope = cg.gradient(
        cg.sum(cg.square(cg.concatenate([b[1:, :-1] * column[1:], b[:-1, 1:] * one]))),
        [row, column, one],
    )
    program = cg.compile(slope, inputs=[])
    for found, wanted in zip(program(), [cg.run(s).value(s) for s in slope], strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)


def test_zeros_of_the_structure_stay_zeros() -> None:
    at = np.ones(12)
    at[3] = np.inf
    x = cg.parameter("x", at)
    found = cg.compile(cg.hessian(cg.sum(x**3), x), inputs=[])()
    assert found[3, 3] == np.inf and np.array_equal(found[:3, :3], 6.0 * np.eye(3))
    assert np.count_nonzero(found) == 12
