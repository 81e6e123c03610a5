"""Faults: named bugs that can be planted, to see the checks go red.

A test that cannot fail proves nothing. `FAULTS` holds the mistakes people make in derivative code: in a row (`partials.py`) or in the
drivers (`engine.py`). `plant` puts one in for the length of a with-block; `find` draws random graphs until the checks notice it
and says what they named. The same mistakes can be planted in an op of your own: `faults_for(op)`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from cgraph.testing.check import check_gradients
from cgraph.testing.faults import engine, maps, partials
from cgraph.testing.faults.fault import Fault
from cgraph.testing.generate.random_graphs import RandomDraw, draw_graph
from cgraph.testing.report import Report, Verdict

# All faults by name.
FAULTS: dict[str, Fault] = {
    fault.name: fault for fault in [*partials.faults(), *maps.faults(), *engine.faults()]
}


@contextmanager
def plant(fault: Fault | str) -> Iterator[Fault]:
    """Break an op or the engine for the length of a with-block.

    >>> import cgraph as cg
    >>> from cgraph import testing
    >>> loss = cg.sin(cg.parameter("x", 0.3))
    >>> with testing.plant("sin/0:sign"):
    ...     report = testing.check_gradients(loss)
    >>> report.verdict.value, report.mismatch.op, report.mismatch.hint
    ('FAIL', 'sin', 'got = −expected: the sign is wrong')
    >>> testing.check_gradients(loss).verdict.value
    'PASS'
    """
    if isinstance(fault, str):
        if fault not in FAULTS:
            raise KeyError(f"no fault {fault!r}; testing.FAULTS lists them")
        fault = FAULTS[fault]
    with fault.install():
        yield fault


@dataclass(frozen=True)
class Found:
    """How a fault was found: after how many examples (0: not at all), and what the check said."""

    fault: Fault
    examples: int
    report: Report | None

    @property
    def located(self) -> bool:
        return self.report is not None and self.fault.found_in(self.report)


def find(fault: Fault | str, seed: int = 0, examples: int = 1000, **options: Any) -> Found:
    """Draw random graphs until a check fails under the fault."""
    draw = RandomDraw(seed)
    fault = FAULTS[fault] if isinstance(fault, str) else fault
    for k in range(1, examples + 1):
        with plant(
            fault
        ):  # the graph is built under it, too: rows say then already what passes gradients
            graph = draw_graph(draw, **options)
            report = check_gradients(graph.root, seed=seed + k, modes=fault.modes)
        if report.verdict is Verdict.FAIL:
            return Found(fault, k, report)
    return Found(fault, 0, None)
