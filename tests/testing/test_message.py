"""What a failure says: eight fields, a picture with a red edge, and a file that fails in the same way."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import cgraph as cg
from cgraph import testing


@pytest.fixture(autouse=True)
def artifacts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CGRAPH_ARTIFACTS", str(tmp_path / "out"))
    return tmp_path / "out"


def failing() -> testing.Report:
    W, x = cg.parameter("W", [[0.1, 0.2], [0.3, 0.4]]), cg.parameter("x", [[0.5, 1.0], [1.0, 2.0]])
    return testing.check_gradients(cg.mean(cg.sigmoid(W @ cg.sin(x)) * x[0]))


def test_eight_fields(artifacts: Path) -> None:
    with testing.plant("matmul/0:transposed"):
        text = failing().describe(artifacts)
    fields = {
        "op": r"op 'matmul', node n\d",
        "operand": r"edge n\d -> n\d \(operand 0\)",
        "element": r"element \[[01], [01]\]",
        "both values, labelled": r"got -?\d\.\d+\s+expected -?\d\.\d+ ± ",
        "tolerance": r"tolerance used \d",
        "inputs": r"n0 = parameter\(\[\[0\.1, 0\.2\], \[0\.3, 0\.4\]\]\)",
        "minimal graph": r"reduced 9 -> 3 nodes",
        "picture": r"picture: .*fail-\w+\.(png|dot)",
        "hint": "got = expected transposed",
        "repro": r"python .*fail-\w+\.py",
        "where": r"test_message\.py:\d+",
    }
    for what, pattern in fields.items():
        assert re.search(pattern, text), f"{what} is missing in\n{text}"
    assert max(map(len, text.splitlines())) < 200 and len(text.splitlines()) < 30
    dot = next(artifacts.glob("*.dot")).read_text(encoding="utf-8")
    assert dot.count("penwidth=3") == 1 and "expected" in dot


def test_a_sum_that_is_not_accumulated_is_told_from_a_wrong_edge() -> None:
    with testing.plant("engine:overwrite"):
        report = failing()
        assert "overwritten, not accumulated" in report.describe()
        assert report.case.mismatch.kind == "accumulation"


def test_the_reproduction_fails_in_the_same_way(artifacts: Path) -> None:
    own = artifacts.parent / "own_rows.py"
    own.write_text(
        "import numpy as np\nimport cgraph as cg\nfrom cgraph.ops.elementwise import elementwise\n"
        "wrong = elementwise('own_wrong_sin', np.sin, lambda out, x: -cg.cos(x))\n"
    )
    script = (
        "import own_rows, cgraph as cg\nfrom cgraph import testing\nx = cg.parameter('x', [0.5, 1.0])\n"
        "testing.assert_gradients(cg.sum(own_rows.wrong(x) * x))\n"
    )
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(own.parent), str(Path(cg.__file__).parent.parent)]),
    }
    first = subprocess.run(
        [sys.executable, "-c", script], env=env, capture_output=True, text=True, check=False
    )
    assert "own_wrong_sin" in first.stderr and "got = −expected" in first.stderr, first.stderr
    repro = next(artifacts.glob("*.py"))
    again = subprocess.run(
        [sys.executable, str(repro)], env=env, capture_output=True, text=True, check=False
    )
    assert again.returncode == 1 and "got = −expected" in again.stdout, again.stdout + again.stderr


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda g: -g, "the sign is wrong"),
        (lambda g: 2 * g, "got = 2 × expected"),
        (lambda g: g / 3, "got = expected / 3"),
        (lambda g: g.T.copy(), "transposed"),
        (lambda g: 0 * g, "got is zero"),
        (lambda g: g[::-1], "axis 0 reversed"),
        (lambda g: g.astype(np.float32).astype(float), "no more digits than float32"),
        (lambda g: g * np.where(np.arange(9).reshape(3, 3) == 4, 1.5, 1.0), "1 of 9 entries"),
        (lambda g: g * 1.0001, "wrong by 1.0e-04"),
    ],
)
def test_hints(wrong: object, told: str) -> None:
    from cgraph.testing.localize.hints import hint

    expected = np.random.default_rng(0).standard_normal((3, 3))
    assert told in hint(wrong(expected), expected, 2.0**-52)  # type: ignore[operator]


def test_fifty_digits_stand_beside_an_elementwise_op() -> None:
    pytest.importorskip("mpmath")
    with testing.plant("tanh/0:half"):
        report = testing.check_gradients(cg.sum(cg.tanh(cg.parameter("x", [0.5, 1.0]))))
        told = re.search(r"by mpmath, with fifty digits: (\S+)", report.describe())
    assert told is not None and float(told[1]) == pytest.approx(
        float(report.case.mismatch.expected), rel=1e-14
    )


def test_an_argument_of_a_function() -> None:
    report = testing.check_gradients(
        lambda x, y: x * y,
        np.array([1.0, 2.0]),
        np.array([3.0, 4.0]),
        vjp=lambda u, x, y: (u * y, u * y),
    )
    text = str(report)
    assert "argument 1" in text and "element [0]" in text and "argument 1 = [3., 4.]" in text


def test_the_text_of_a_report_has_no_side_effects(
    artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cgraph.testing.failure import message

    with testing.plant("matmul/0:transposed"):
        report = failing()
    monkeypatch.setattr(message, "minimal_case", None)  # must not be called
    text = str(report)
    assert "matmul" in text and "transposed" in text and "n8 = mean" in text
    assert not artifacts.exists()


OWN = """
import numpy as np

SCALE = np.array([1.0, 2.0])

def helper(x):
    return np.sin(x) * SCALE

def f(x, y):
    return helper(x) * y

def vjp(u, x, y):
    return u * np.cos(x) * y, u * helper(x)

def gradient(x, y):
    return np.cos(x) * y, helper(x)
"""
CLOSING = """
def closing(k):
    def times(x):
        return k * helper(x)
    return [lambda *xs: times(xs[-1])]
"""
CALLS = {
    "imported vjp": "check_gradients(own_functions.f, *xs, vjp=own_functions.vjp, wrt=[0])",
    "pasted gradient": "check_gradients(g, *xs, gradient=gradient, seed=3)",
    "lambdas": "check_gradients(lambda x, y: helper(x) * y, *xs, vjp=lambda u, x, y: (u * np.cos(x) * y, u * helper(x)))",
    "what they close over": "check_gradients(*closing(3.0), np.ones(2), vjp=closing(2.5)[0])",
    "a function of NumPy": "check_gradients(np.exp, SCALE, vjp=lambda u, x, k=1.5: k * u * np.exp(x))",
    "large inputs": "check_gradients(own_functions.f, *[np.tile(x, (200, 1)) for x in xs], vjp=own_functions.vjp)",
    "in Fortran order": "check_gradients(own_functions.f, *[np.asfortranarray(np.ones((3, 2)))] * 2, vjp=own_functions.vjp)",
}


@pytest.mark.parametrize("call", CALLS)
def test_reproductions_of_functions_run_as_printed(call: str, tmp_path: Path) -> None:
    (tmp_path / "own_functions.py").write_text(OWN)
    main = (
        OWN.replace("def f(", "def g_(") + CLOSING + "\ndef g(x, y):\n    return np.sum(g_(x, y))\n"
    )
    main += (
        "import own_functions\nfrom cgraph.testing import check_gradients\nxs = SCALE / 2, SCALE\n"
    )
    (tmp_path / "main.py").write_text(main + f"print(*{CALLS[call]}.save('out').values())\n")
    env = {**os.environ, "PYTHONPATH": str(Path(cg.__file__).parent.parent)}

    def run(*args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *args], env=env, cwd=cwd, capture_output=True, text=True, check=False
        )

    first = run("main.py", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    script = next((tmp_path / "out").glob("*.py"))
    again = run(str(script), cwd=tmp_path.parent)
    assert again.returncode == 1 and "FAIL: function" in again.stdout, again.stdout + again.stderr


def test_a_reproduction_with_a_gap_says_what_to_paste(tmp_path: Path) -> None:
    calls: list[int] = []

    def vjp(u: np.ndarray, x: np.ndarray) -> np.ndarray:
        calls.append(1)
        return u * 2

    report = testing.check_gradients(np.exp, np.ones(2), vjp=vjp)
    script = report.save(tmp_path)["py"]
    again = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=False
    )
    assert again.returncode == 1 and "paste" in again.stderr and "vjp" in again.stderr
