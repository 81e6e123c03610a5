"""The README, the pages and the examples say what is true: their code runs, their links lead somewhere."""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
pytestmark = pytest.mark.skipif(not (ROOT / "README.md").exists(), reason="not a checkout")


def test_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All Python in the README, top to bottom, as one session."""
    monkeypatch.chdir(tmp_path)
    fences = re.findall(
        r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S
    )
    session: dict[str, Any] = {}
    assert fences
    for number, fence in enumerate(fences):
        if fence.startswith(">>>"):
            test = doctest.DocTestParser().get_doctest(
                fence, session, f"fence {number}", "README.md", 0
            )
            said: list[str] = []
            failed = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(
                test, out=said.append, clear_globs=False
            )
            assert not failed.failed, "".join(said)
            session = test.globs
        else:
            exec(compile(fence, f"README.md, fence {number}", "exec"), session)
    assert (tmp_path / "and_backward.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
@pytest.mark.parametrize("script", sorted(p.name for p in (ROOT / "examples").glob("*.py")))
def test_examples_run(script: str, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8", "MPLBACKEND": "Agg"}
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    if "this example needs" in done.stdout:
        pytest.skip(done.stdout.strip())
    expected = {
        "data_parallel_jax.py": "cost 0.57478",
        "data_parallel_torch.py": "cost 0.57478",
        "and_gate.py": "100%",
        "xor.py": "0.002 0.999 0.998 0.003",
        "iris.py": "cost 0.0804761, accuracy 96.0%",
    }
    assert expected.get(script, "") in done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not target.startswith(("http:", "https:", "mailto:", "#")):
            assert (page.parent / target.partition("#")[0]).exists(), (
                f"{page.name} links to {target}"
            )


def test_one_version() -> None:
    import cgraph

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == cgraph.__version__
    assert f"## {cgraph.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_ci_runs_the_command_of_the_readme() -> None:
    """.ci/run cuts the test command out of the README; there has to be exactly one, and it has to use .venv."""
    fences = re.findall(
        r"<!-- test-command -->\n```bash\n(.*?)\n```",
        (ROOT / "README.md").read_text(encoding="utf-8"),
        re.S,
    )
    assert (
        len(fences) == 1
        and fences[0].startswith("python3 -m venv .venv && ")
        and fences[0].endswith("-m pytest")
    )
