"""Faults: named bugs that can be planted, to see the checks go red.

A test that cannot fail proves nothing. `FAULTS` holds the mistakes people make in derivative code: in a row (`partials.py`) or in the
drivers (`engine.py`). `plant` puts one in for the length of a with-block; `find` draws random graphs until the checks notice it
and tells whom they blamed. The same mistakes can be planted in an op of your own: `faults_for(op)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from cgraph.testing.report import Report, Verdict

ENGINE_KINDS = frozenset({"accumulation", "driver", "seed"})


@dataclass(frozen=True)
class Fault:
    """One bug.

    Attributes:
        name: ``"sin/0:sign"`` in a row (op, operand, mistake), ``"engine:overwrite"`` in a driver.
        op, operand: what has to be blamed; None for the engine.
        story: the bug in words.
        install: a context manager that puts it in.
        modes: the modes of `check_gradients` in which it shows.
    """

    name: str
    op: str | None
    operand: int | None
    story: str
    install: Callable[[], AbstractContextManager[Any]]
    modes: tuple[str, ...] = ("vjp", "jvp")

    def blamed_by(self, report: Report) -> bool:
        """Whether a report blames this fault: the right op and operand, or the engine."""
        blame = report.blame
        if report.verdict is not Verdict.FAIL or blame is None:
            return False
        if self.op is None:
            return blame.kind in ENGINE_KINDS or (
                blame.kind in ("forward", "contract") and blame.operand is None
            )
        return (
            blame.op == self.op
            and (blame.operand == self.operand or self.operand is None)
            and blame.kind not in ENGINE_KINDS
        )

    def __str__(self) -> str:
        return self.name


class _Faults(dict[str, Fault]):
    """All faults by name, collected when first asked for."""

    def _fill(self) -> None:
        if not super().__len__():
            from cgraph.testing.faults import engine, maps, partials

            for fault in [*partials.faults(), *maps.faults(), *engine.faults()]:
                assert fault.name not in self.keys_now(), fault.name
                super().__setitem__(fault.name, fault)

    def keys_now(self) -> Any:
        return super().keys()

    def __iter__(self) -> Iterator[str]:
        self._fill()
        return super().__iter__()

    def __len__(self) -> int:
        self._fill()
        return super().__len__()

    def __getitem__(self, name: str) -> Fault:
        self._fill()
        return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        self._fill()
        return super().__contains__(name)

    def keys(self) -> Any:
        self._fill()
        return super().keys()

    def values(self) -> Any:
        self._fill()
        return super().values()

    def items(self) -> Any:
        self._fill()
        return super().items()


FAULTS: dict[str, Fault] = _Faults()


@contextmanager
def plant(fault: Fault | str) -> Iterator[Fault]:
    """Break an op or the engine for the length of a with-block.

    >>> import cgraph as cg
    >>> from cgraph import testing
    >>> loss = cg.sin(cg.parameter("x", 0.3))
    >>> with testing.plant("sin/0:sign"):
    ...     report = testing.check_gradients(loss)
    >>> report.verdict.value, report.blame.op, report.blame.hint
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
    def blamed(self) -> bool:
        return self.report is not None and self.fault.blamed_by(self.report)


def find(fault: Fault | str, seed: int = 0, examples: int = 1000, **options: Any) -> Found:
    """Draw random graphs until a check fails under the fault."""
    from cgraph.testing.check import check_gradients
    from cgraph.testing.generate.random_graphs import RandomDraw, draw_graph

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


@contextmanager
def replaced(target: Any, **attributes: Any) -> Iterator[None]:
    """Set attributes and put the old ones back."""
    before = {name: getattr(target, name) for name in attributes}
    for name, value in attributes.items():
        setattr(target, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(target, name, value)
