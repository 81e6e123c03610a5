"""What the verdicts stand on: a reference that shares nothing with the engine, right complex forwards, no hypothesis unless asked."""

from __future__ import annotations

import ast
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import cgraph as cg
from cgraph import testing
from cgraph.op import OPS
from cgraph.testing.compare.subject import GraphSubject
from cgraph.testing.generate.op_calls import arity, calls

PACKAGE = Path(testing.__file__).parent


@pytest.mark.parametrize(
    "module",
    [
        "oracle/tape",
        "oracle/complex_forwards",
        "oracle/complex_step",
        "oracle/noise",
        "oracle/differences",
        "compare/measure",
    ],
)
def test_the_reference_imports_nothing_of_the_engine(module: str) -> None:
    tree = ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        names = (
            [a.name for a in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
        for name in names:
            assert not name.startswith("cgraph") or name.startswith("cgraph.testing"), (
                f"{module} imports {name}"
            )


def test_hypothesis_waits_until_a_strategy_is_touched() -> None:
    code = "import sys; from cgraph import testing; testing.check_gradients; testing.FAULTS; assert 'hypothesis' not in sys.modules; testing.graphs(); assert 'hypothesis' in sys.modules"  # noqa: E501
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(cg.__file__).parent.parent)


@pytest.mark.parametrize(
    "name",
    sorted(
        n
        for n in OPS
        if OPS[n].module.startswith("cgraph.ops")
        and any(OPS[n].differentiable(i) for i in range(arity(OPS[n])))
    ),
)
def test_complex_steps_agree_with_differences_and_forwards(name: str) -> None:
    """Every complex forward and every analytic forward, against Richardson's differences of the real forward."""
    rng = np.random.default_rng(1)
    checked = 0
    for _, node in calls(OPS[name], 12, seed=3):
        subject = GraphSubject(node)
        with np.errstate(all="ignore"):
            values = subject.tape.values(subject.leaves)
            if (
                not np.all(np.isfinite(values[-1]))
                or any(m < 0.3 for _, m in subject.kinks(values))
                or node.dtype != np.float64
            ):
                continue
            seeds = {
                i: np.asarray(rng.uniform(0.5, 1.0, np.shape(values[i])) * np.abs(values[i]) * 1e-3)
                for i in subject.seeds
            }
            w = np.asarray(rng.uniform(0.5, 2.0, np.shape(values[-1])))
            found = subject.tape.tangent(values, seeds)[0]
            n = 0.0 if found is None else float(np.sum(w * found))
            from cgraph.testing.oracle.differences import slope

            s = slope(
                subject.tape.directional(subject.leaves, seeds, w),
                2e-16 * float(np.sum(np.abs(w * values[-1]))),
            )
        if not np.isfinite(s.value) or s.sides is not None:
            continue
        assert abs(n - s.value) <= 8 * s.error + 1e-12 * abs(n) + 1e-30
        checked += 1
    assert checked or name in ("sign", "step")


def test_digits_against_mpmath() -> None:
    """Complex steps of the elementwise rows to 1e-13, against fifty digits."""
    mpmath = pytest.importorskip("mpmath")
    mpmath.mp.dps = 50
    functions = {
        "exp": mpmath.exp, "expm1": mpmath.expm1, "log": mpmath.log, "log1p": mpmath.log1p, "sin": mpmath.sin, "cos": mpmath.cos, "tan": mpmath.tan,  # noqa: E501
        "arcsin": mpmath.asin, "arccos": mpmath.acos, "arctan": mpmath.atan, "sinh": mpmath.sinh, "cosh": mpmath.cosh, "tanh": mpmath.tanh,
        "sqrt": mpmath.sqrt, "square": lambda x: x * x, "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)), "softplus": lambda x: mpmath.log(1 + mpmath.exp(x)),  # noqa: E501
        "reciprocal": lambda x: 1 / x, "abs": abs,
    }  # fmt: skip
    for name, function in functions.items():
        for x in (0.3, 0.999, 1e-6, 20.0, -0.7, -15.0):
            if (
                (name in ("log", "sqrt") and x < 0)
                or (name in ("arcsin", "arccos") and abs(x) > 1)
                or (name == "log1p" and x < -1)
            ):
                continue
            leaf = cg.parameter("x", np.array([x]))
            subject = GraphSubject(OPS[name](leaf))
            values = subject.tape.values(subject.leaves)
            found = float(subject.tape.tangent(values, {subject.seeds[0]: np.ones(1)})[0][0])
            exact = mpmath.diff(function, mpmath.mpf(x))
            assert abs(found - exact) <= 2e-13 * abs(exact), (name, x, found, exact)


def test_a_check_takes_a_millisecond() -> None:
    """Twenty nodes; generous, for machines under load: the figure that counts is in benchmarks/."""
    x, w = cg.parameter("x", [0.3, -0.2]), cg.parameter("w", [[0.1, 0.5], [-0.3, 0.2]])
    node = x
    for k in range(6):
        node = cg.tanh(w @ node) if k % 2 else cg.sin(node) * x
    best = min(_timed(cg.mean(node)) for _ in range(20))
    assert best < 5e-3


def _timed(root: cg.Node) -> float:
    begun = time.perf_counter()
    assert testing.check_gradients(root).ok
    return time.perf_counter() - begun
