"""The pytest plugin, loaded by pytest through its entry point when cgraph is installed.

It costs the import of cgraph, which is little more than NumPy's; the checks are imported when the fixture is asked for. It gives a
fixture `gradcheck`, a marker with options for it, a directory for pictures and reproductions, and a line in the terminal summary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

_TOTALS: dict[str, int] = {}
_WORST: list[tuple[float, str]] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("cgraph", "gradient checks")
    group.addoption(
        "--cgraph-artifacts",
        default=None,
        metavar="DIR",
        help="where failing gradient checks put picture, DOT and reproduction",
    )
    group.addoption(
        "--cgraph-seed",
        default=0,
        type=int,
        metavar="N",
        help="seed of the directions of the gradient checks",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "gradcheck(**options): options of `check_gradients` for the fixture gradcheck of this test",
    )
    directory = config.getoption("--cgraph-artifacts", None)
    if directory:  # also for checks without the fixture
        import os

        os.environ["CGRAPH_ARTIFACTS"] = str(directory)


def pytest_report_header(config: pytest.Config) -> str | None:
    directory, seed = (
        config.getoption("--cgraph-artifacts", None),
        config.getoption("--cgraph-seed", 0),
    )
    if not directory and not seed:
        return None
    return f"cgraph: gradient checks from seed {seed}, artifacts in {directory or '.cgraph'}"


@pytest.fixture
def gradcheck(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """`testing.assert_gradients` with the options of the marker, counted in the summary: ``gradcheck(loss)``."""
    from cgraph.testing import assert_gradients

    marker = request.node.get_closest_marker("gradcheck")
    fixed = {
        "seed": request.config.getoption("--cgraph-seed", 0),
        **(marker.kwargs if marker is not None else {}),
    }

    def check(checked: Any, *inputs: Any, **options: Any) -> Any:
        from cgraph.testing import GradientMismatch

        try:
            report = assert_gradients(checked, *inputs, **{**fixed, **options})
        except GradientMismatch:
            _TOTALS["FAIL"] = _TOTALS.get("FAIL", 0) + 1
            raise
        _TOTALS[str(report.verdict)] = _TOTALS.get(str(report.verdict), 0) + 1
        if report.tolerance and report.tolerance == report.tolerance:
            _WORST.append(
                (abs(report.got - report.expected) / report.tolerance, request.node.nodeid)
            )
            _WORST.sort(reverse=True)
            del _WORST[1:]
        return report

    yield check


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Checks that were all inconclusive have checked nothing: the run is not green."""
    if exitstatus == 0 and _TOTALS and set(_TOTALS) == {"INCONCLUSIVE"}:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any) -> None:
    total = sum(_TOTALS.values())
    if not total:
        return
    counts = ", ".join(f"{n} {verdict}" for verdict, n in sorted(_TOTALS.items()))
    unsure = 100.0 * _TOTALS.get("INCONCLUSIVE", 0) / total
    text = f"cgraph: {total} gradient checks: {counts}; {unsure:.1f} % inconclusive"
    if _WORST:
        text += f"; closest to its tolerance: {_WORST[0][0]:.2f} of it, in {_WORST[0][1]}"
    terminalreporter.write_line(text)
    if unsure:
        what = "INCONCLUSIVE checks say nothing: give gradcheck(..., strict=True), other points, or float64"
        terminalreporter.write_line(f"cgraph: {what}", yellow=True)
    _TOTALS.clear()
    _WORST.clear()
