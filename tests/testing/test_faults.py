"""Faults: enough of them, each found by random graphs, each located at the right node and operand; and none left behind."""

from __future__ import annotations

import os

import pytest

import cgraph as cg
from cgraph import testing
from cgraph.testing import Verdict

SEEDS = {"dev": 1, "ci": 2, "nightly": 20}.get(os.environ.get("HYPOTHESIS_PROFILE", "dev"), 1)


def test_there_are_enough() -> None:
    assert len(testing.FAULTS) >= 60
    assert len({fault.op for fault in testing.FAULTS.values()}) >= 40
    assert sum(fault.op is None for fault in testing.FAULTS.values()) >= 15


@pytest.mark.slow
@pytest.mark.parametrize("name", list(testing.FAULTS))
def test_found_and_located(name: str) -> None:
    for seed in range(SEEDS):
        found = testing.find(name, seed=1000 * seed + 3)
        assert found.examples, f"{name} was not found in 1000 examples"
        assert found.located, f"{name} was located at {found.report and found.report.mismatch}"


def test_nothing_is_left_behind() -> None:
    for fault in testing.FAULTS.values():
        with testing.plant(fault):
            pass
    for k in range(30):
        report = testing.check_gradients(
            testing.random_graph(k).root, modes=("vjp", "jvp", "graph"), order=2
        )
        assert report.ok, str(report)


def test_an_unknown_fault_is_refused() -> None:
    with pytest.raises(KeyError, match="FAULTS"), testing.plant("sin/0:no such mistake"):
        pass


@pytest.mark.parametrize(
    "name",
    [
        "matmul/0:transposed",
        "engine:overwrite",
        "tanh/0:half",
        "broadcast_to/0:wrong axis",
        "sum/0:jvp",
    ],
)
def test_reduced_to_a_few_nodes(name: str) -> None:
    found = testing.find(name, seed=5)
    assert found.report is not None
    with testing.plant(name):
        case = found.report.case
        assert case.after <= 4
        assert case.root is not None and testing.check_gradients(case.root).verdict is Verdict.FAIL
    assert testing.check_gradients(case.root).verdict is not Verdict.FAIL


def test_a_broken_driver_shows_on_a_graph_that_was_evaluated_before() -> None:
    x = cg.parameter("x", [0.3, 0.7])
    loss = cg.sum(cg.sin(x) * x + x)
    for _ in range(3):  # by now it runs by kept source, which calls no driver
        assert testing.check_gradients(loss).verdict is testing.Verdict.PASS
    with testing.plant("engine:overwrite"):
        assert testing.check_gradients(loss).verdict is testing.Verdict.FAIL
    assert testing.check_gradients(loss).verdict is testing.Verdict.PASS
