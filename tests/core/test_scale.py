"""Nothing recurses and nothing is exponential: very deep chains and very many paths.

The deep ones run in a process of their own with Python's default recursion limit and a small stack, so that a hidden recursion
in C (dealloc, pickle) is a crash that the test reports and not the end of the test session.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

import cgraph as cg

ROOT = Path(cg.__file__).parent.parent


def alone(code: str, timeout: float = 170) -> str:
    """Run code in a fresh interpreter and give back what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", "import cgraph as cg, numpy as np\n" + textwrap.dedent(code)],
        capture_output=True, text=True, timeout=timeout, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stderr[-2000:]}"
    return done.stdout.strip()


@pytest.mark.slow
def test_a_chain_of_a_million_nodes() -> None:
    """Built, run, differentiated, printed, deleted."""
    assert alone("""
        w = cg.parameter("w", 1.0)
        x = w
        for i in range(500_000):
            x = x * 0.999999 + w
        run = x.backward()
        assert len(run.order) >= 1_000_001, len(run.order)
        r = 0.999999
        n = 500_000
        assert abs(float(run.grad(w)) - (r**n + (1 - r**n) / (1 - r))) < 1e-4 * n
        assert len(str(x).splitlines()) < 1000
        del run
        del x
        print("gone")
    """) == "gone"  # fmt: skip


@pytest.mark.slow
def test_a_deep_chain_of_arrays() -> None:
    assert alone("""
        w = cg.parameter("w", np.ones(3, np.float32))
        x = w
        for i in range(100_000):
            x = x + w
        run = cg.sum(x).backward()
        assert run.grad(w).tolist() == [100_001.0] * 3 and run.grad(w).dtype == np.float32
        del run, x
        print("gone")
    """) == "gone"  # fmt: skip


@pytest.mark.slow
def test_a_deep_gradient_graph() -> None:
    assert alone("""
        w = cg.parameter("w", 1.0)
        x = w
        for i in range(100_000):
            x = x * 1.00001
        g = cg.gradient(x * x, w)
        run = cg.run(g)
        assert abs(float(run.value(g)) / (2 * 1.00001**200_000) - 1) < 1e-9
        h = cg.gradient(g, w)
        assert abs(float(cg.run(h).value(h)) / (2 * 1.00001**200_000) - 1) < 1e-9
        t = cg.jvp(x, w, 1.0)
        cg.graph.verify(t)
        explained = cg.sin(x).backward().explain(w)
        assert "1 path" in explained
        del run, g, h, t, x
        print("gone")
    """) == "gone"  # fmt: skip


@pytest.mark.slow
def test_deep_graphs_are_copied_and_pickled() -> None:
    assert alone("""
        import copy, pickle
        w = cg.parameter("w", 1.0)
        x = w
        for i in range(100_000):
            x = x + w
        for y, v in (copy.deepcopy([x, w]), pickle.loads(pickle.dumps((x, w)))):
            assert v is not w and float(y.backward().grad(v)) == 100_001.0
        alone = pickle.loads(pickle.dumps(x))
        assert float(cg.run(alone).value(alone)) == 100_001.0
        del alone, y, v, x
        print("gone")
    """) == "gone"  # fmt: skip


def test_many_paths_cost_nothing() -> None:
    """x = x·x sixty times has 2^60 paths and 60 nodes."""
    w = cg.parameter("w", 1.0)
    x = w
    for _ in range(60):
        x = x * x
    start = time.perf_counter()
    run = x.backward()
    assert len(run.order) == 61
    assert float(run.grad(w)) == 2.0**60
    first = cg.gradient(x, w)
    second = cg.gradient(first, w)
    assert float(cg.run(first).value(first)) == 2.0**60
    assert float(cg.run(second).value(second)) == 2.0**60 * (2.0**60 - 1)
    assert len(cg.graph.order(second)) < 2000
    assert f"{2**60:,} paths" in run.explain(w)
    assert len(str(x)) < 10_000
    assert time.perf_counter() - start < 5.0


def test_time_is_linear_on_diamonds() -> None:
    """Ten times the diamonds take about ten times as long, not a thousand times."""

    def ladder(n: int) -> float:
        w = cg.parameter("w", np.ones(2))
        x = w
        for _ in range(n):
            x = (x + w) * 0.5
        loss = cg.sum(x)
        return min(
            timed(lambda: loss.backward()) + timed(lambda: cg.gradient(loss, w)) for _ in range(3)
        )

    def timed(f: object) -> float:
        start = time.perf_counter()
        f()  # type: ignore[operator]
        return time.perf_counter() - start

    assert ladder(3000) < 60 * ladder(300)


def test_a_wide_sum() -> None:
    w = cg.parameter("w", 1.0)
    total = cg.sum(cg.stack([w * float(i) for i in range(3000)]))
    assert float(total.backward().grad(w)) == 3000 * 2999 / 2
    joined = cg.concatenate([cg.parameter(f"p{i}", [float(i)]) for i in range(500)])
    assert joined.sum().backward().value(joined).shape == (500,)
