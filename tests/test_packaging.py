"""The wheel and the sdist: built, looked into, installed into a fresh environment far from the checkout, and put to work.

Needs a package index (the README's commands need one too).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (ROOT / "pyproject.toml").exists(), reason="not a checkout"),
]
DATA = {
    "_cgraph_cli.py",
    "cgraph/py.typed",
    "cgraph/__init__.pyi",
    "cgraph/datasets/iris.csv",
    "cgraph/draw/output/fonts/DejaVuSans.ttf",
    "cgraph/draw/output/fonts/LICENSE_DEJAVU",
}


def do(*command: object, cwd: Path) -> str:
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    environment["PYTHONIOENCODING"] = "utf-8"
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(wheel, sdist), the wheel built from the sdist, as an index would get them."""
    folder = tmp_path_factory.mktemp("dist")
    do(sys.executable, "-m", "build", "--outdir", folder, ROOT, cwd=folder)
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, sdist


def test_contents(built: tuple[Path, Path]) -> None:
    wheel, sdist = built
    with zipfile.ZipFile(wheel) as file:
        inside = set(file.namelist())
    package = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "cgraph").rglob("*.py")
        if "__pycache__" not in path.parts
    }
    assert package | DATA <= inside
    assert not [
        name for name in inside if name.startswith("tests") or "/." in name or "__pycache__" in name
    ]
    assert any(name.endswith("licenses/LICENSE") for name in inside)
    with tarfile.open(sdist) as tar:
        names = {name.partition("/")[2] for name in tar.getnames()}
    assert (
        package
        | DATA
        | {"README.md", "tests/data/golden.json", "examples/iris.py", "pyproject.toml"}
        <= names
    )


def test_it_works_far_from_the_checkout(built: tuple[Path, Path], tmp_path: Path) -> None:
    do(sys.executable, "-m", "venv", tmp_path / "venv", cwd=tmp_path)
    scripts = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin")
    python, command = scripts / "python", scripts / "cgraph"
    do(python, "-m", "pip", "install", "-q", built[0], cwd=tmp_path)
    where = do(python, "-c", "import cgraph; print(cgraph.__file__)", cwd=tmp_path)
    assert str(tmp_path) in where
    assert "Pictures can be drawn" in do(command, "doctor", cwd=tmp_path)
    told = do(command, "demo", "--out", "pictures", cwd=tmp_path)
    assert "0.0804761" in told and "matplotlib is not installed" in told
    assert (tmp_path / "pictures" / "and_2_backward.png").stat().st_size > 10_000
    do(command, "train", "iris", "-o", "iris.cgraph", "--epochs", "50", cwd=tmp_path)
    do(command, "draw", "iris.cgraph", cwd=tmp_path)
