"""The command line, as a user calls it: in a process of its own, in an empty directory."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

import cgraph as cg
from cgraph import datasets, nn
from cgraph.cli import main
from cgraph.commands.train import read_csv
from cgraph.errors import CgraphError

ENGINE = cg.draw.output.engine._pygraphviz() is not None  # type: ignore[attr-defined]
needs_engine = pytest.mark.skipif(not ENGINE, reason="no bundled Graphviz")


def cgraph(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cgraph", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )


# --- demo ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def demo(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[subprocess.CompletedProcess[str], Path, float]:
    folder = tmp_path_factory.mktemp("demo")
    started = time.monotonic()
    done = cgraph("demo", "--out", "pictures", cwd=folder)
    return done, folder / "pictures", time.monotonic() - started


@pytest.mark.slow
def test_demo_tells_the_article(demo) -> None:
    done, _, seconds = demo
    assert done.returncode == 0, done.stderr
    lines = " ".join(done.stdout.split())
    for shown in [
        "p̂ = σ(z) 0.5", "loss = BCE(p̂, y) 0.693", "∂L/∂p̂ 2", "∂L/∂z 0.5", "∂L/∂w₁ 0", "∂L/∂b 0.5", "p̂ 0.378", "loss 0.474",
        "[ 0.500 0.646 0.525 0.668 ]", "[ 0.125 0.161 0.131 −0.083 ]", "[ 0.048 0.078 ]", "[ 0.335 ]", "cost after one update 0.618",
        "W [ 10.678 10.678 ]", "b [ −16.186 ]", "1e-09 25%", "1e-05 50%", "0.5 100%", "0.9999 75%",
        "cost 0.712", "[ 0.002 0.999 0.998 0.003 ]", "0.0804761", "96.0%",
    ]:  # fmt: skip
        assert shown in lines, shown
    assert done.stderr == ""  # no progress bar where nobody watches
    assert seconds < 60


@pytest.mark.slow
def test_demo_leaves_whole_pictures(demo) -> None:
    done, folder, _ = demo
    assert str(folder) in done.stdout
    pictures = sorted(path.name for path in folder.iterdir())
    listed = {
        line.split()[0]
        for line in done.stdout.splitlines()
        if ".png  " in line or ".html  " in line
    }
    assert listed <= set(pictures)
    if ENGINE:
        assert {
            "and_2_backward.png",
            "and_4_batch.png",
            "xor_1_backward.png",
            "and_3_steps.html",
        } <= set(pictures)
    image = pytest.importorskip("PIL.Image")
    for name in pictures:
        if name.endswith(".png"):
            with image.open(folder / name) as picture:
                picture.load()
                assert min(picture.size) > 300, name


@pytest.mark.slow
def test_what_needs_matplotlib_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr("cgraph.commands.doctor.run", lambda options: missing("matplotlib"))
    assert main(["doctor"]) == 2 and 'pip install "cgraph[plots]"' in capsys.readouterr().err
    monkeypatch.setattr("cgraph.commands.doctor.run", lambda options: missing("sequel"))
    with pytest.raises(ModuleNotFoundError, match="sequel"):
        main(["doctor"])


def test_demo_without_matplotlib(tmp_path: Path) -> None:
    (tmp_path / "matplotlib").mkdir()
    (tmp_path / "matplotlib" / "__init__.py").write_text(
        "raise ModuleNotFoundError('no matplotlib', name='matplotlib')"
    )
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    done = cgraph("demo", cwd=tmp_path, PYTHONPATH=path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("matplotlib is not installed") == 2 and "96.0%" in done.stdout
    assert not list((tmp_path / "cgraph-demo").glob("iris*"))


def test_demo_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    done = cgraph("demo", "--out", "taken", cwd=tmp_path)
    assert done.returncode == 2 and "taken" in done.stderr and "Traceback" not in done.stderr


# --- doctor ----------------------------------------------------------------------------------------


def test_doctor(tmp_path: Path) -> None:
    done = cgraph("doctor", cwd=tmp_path)
    for shown in ("cgraph", "python", "numpy", "engine", "fonts", cg.__version__, np.__version__):
        assert shown in done.stdout
    assert done.returncode == (0 if "Pictures can be drawn" in done.stdout else 1), done.stderr


# --- train -----------------------------------------------------------------------------------------


def test_train_and_resume(tmp_path: Path) -> None:
    done = cgraph(
        "train",
        "iris",
        "-o",
        "iris.cgraph",
        "--epochs",
        "300",
        "--init",
        "plain",
        "--seed",
        "48",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "300 epochs" in done.stdout and "accuracy" in done.stdout and done.stderr == ""
    done = cgraph("train", "iris", "-o", "iris.cgraph", "--resume", "--epochs", "900", cwd=tmp_path)
    assert done.returncode == 0 and "900 epochs" in done.stdout, done.stderr
    X, Y = datasets.iris()
    whole = nn.BinaryClassifier((), epochs=900, init="plain", random_state=48).fit(X.T, Y.ravel())
    assert nn.BinaryClassifier.load(tmp_path / "iris.cgraph").cost_history_ == whole.cost_history_


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_train_on_a_file(tmp_path: Path) -> None:
    X, Y = datasets.iris("all")
    with open(tmp_path / "flowers.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["kind", *"abcd"])
        writer.writerows(
            [["virginica" if y else "other", *x] for x, y in zip(X.T, Y[0], strict=True)]
        )
    done = cgraph(
        "train", "flowers.csv", "--target", "kind", "--hidden", "4", "3", "--optimizer", "Adam", "--lr", "0.02",
        "--batch-size", "30", "--epochs", "60", "--activation", "tanh", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0 and "positive is virginica" in done.stdout, done.stderr
    model = nn.BinaryClassifier.load(tmp_path / "model.cgraph")
    assert (
        model.hidden == (4, 3) and model.score(X.T, np.where(Y[0] > 0, "virginica", "other")) > 0.9
    )


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", {}, "no data"),
        ("a,y\n", {}, "no data"),
        ("a,y\n1,0\n2,1,3\n", {}, "line 3: 3 columns"),
        ("a,a,y\n1,1,0\n2,2,1\n", {}, "two columns called 'a'"),
        ("a,y\n1,0\nx,1\n", {}, "line 3: 'x' in column 'a' is not a number"),
        ("a,y\n1,0\n2,1\n3,2\n", {}, "3 different answers (0, 1, 2)"),
        ("a,y\n1,0\n2,1\n", {"target": "z"}, "no column 'z'; it has a, y"),
        ("a,y\n1,0\n2,1\n", {"positive": "7"}, "no line of"),
        ("\x00\xff", {}, "no data|not a CSV"),
    ],
)
def test_csv_errors(tmp_path: Path, text: str, options: dict[str, str], message: str) -> None:
    import re

    path = tmp_path / "data.csv"
    path.write_text(text, encoding="latin-1")
    pattern = message if "|" in message else re.escape(message)
    with pytest.raises(CgraphError, match=pattern):
        read_csv(str(path), **options)


def test_csv(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("\ufeffa, b ,y\n1,2,no\n\n3,4.5e1, yes\n", encoding="utf-8")
    X, y = read_csv(str(path))
    assert X.tolist() == [[1, 2], [3, 45]] and y.tolist() == ["no", "yes"]
    assert read_csv(str(path), positive="yes")[1].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "nothing.csv"], "nothing.csv"),
        (["train", "xor", "--epochs", "0"], "--epochs is at least 1"),
        (["train", "xor", "--target", "y"], "go with a CSV file"),
        (["train", "xor", "--resume"], "model.cgraph"),
        (["train", "xor", "--resume", "--lr", "2", "--batch-size", "3"], "drop --lr, --batch-size"),
        (["train", "xor", "--lr", "-1"], "positive"),
        (["train", "xor", "--hidden", "0"], "at least one"),
        (["train", "xor", "-o", "missing/model.cgraph", "--epochs", "2"], "missing"),
        (["draw", "nothing"], "neither a file that exists nor MODULE:NAME"),
        (["draw", "no_such_module_here:x"], "no module"),
        (["draw", "math:no_such_name"], "no_such_name"),
        (["draw", "math:pi"], "is a float"),
        (["draw", "missing.cgraph"], "missing.cgraph"),
    ],
)
def test_errors_are_told_in_one_line(arguments, message, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith("cgraph: ") and message in said and said.count("\n") == 1


# Python, started so that it heeds Ctrl-C: tests in the background of a shell do not, and neither do their children.
HEEDING = [
    sys.executable, "-c",
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])",
]  # fmt: skip


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.slow
def test_an_interrupt_loses_nothing(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*HEEDING, "-m", "cgraph", "train", "xor", "--hidden", "3", "--epochs", "1000000", "--checkpoint-every", "10"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while not (tmp_path / "model.cgraph").exists():
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    said, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "stopped after" in said and "--resume goes on" in said
    model = nn.BinaryClassifier.load(tmp_path / "model.cgraph")
    assert f"stopped after {model.n_iter_} epochs" in said


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize(
    "start", [["-m", "cgraph"], ["-c", "from _cgraph_cli import main; main()"]]
)
def test_an_interrupt_while_things_are_imported(start: list[str], tmp_path: Path) -> None:
    """In place of NumPy stands a module during whose import Ctrl-C is pressed."""
    (tmp_path / "numpy").mkdir()
    (tmp_path / "numpy" / "__init__.py").write_text(
        "import os, signal, time; os.kill(os.getpid(), signal.SIGINT); time.sleep(20)"
    )
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    done = subprocess.run(
        [*HEEDING, *start, "doctor"], cwd=tmp_path, env={**os.environ, "PYTHONPATH": path},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr.strip()) == (130, "cgraph: interrupted")


# --- draw ------------------------------------------------------------------------------------------


@needs_engine
def test_draw_a_file_a_model_and_a_module(tmp_path: Path) -> None:
    w = cg.parameter("w", 3.0)
    cg.save(cg.square(w * 2.0 - 5.0, name="loss"), tmp_path / "net.cgraph")
    done = cgraph("draw", "net.cgraph", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / done.stdout.strip()).read_bytes().startswith(b"\x89PNG")

    assert cgraph("train", "xor", "--hidden", "3", "--epochs", "2", cwd=tmp_path).returncode == 0
    done = cgraph("draw", "model.cgraph", "-o", "model.svg", "--view", "layers", cwd=tmp_path)
    assert done.returncode == 0 and "<svg" in (tmp_path / "model.svg").read_text(
        encoding="utf-8"
    ), done.stderr

    code = """
        import cgraph as cg
        x = cg.parameter("x", 2.0)
        y = cg.exp(x, name="y")
        run = y.backward()
        def make():
            return cg.sin(x, name="made")
    """
    (tmp_path / "mine.py").write_text(textwrap.dedent(code))
    for name in ("y", "run", "make"):
        done = cgraph(
            "draw", f"mine:{name}", "--out", f"{name}.txt", "--title", f"about {name}", cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr
        assert f"about {name}" in (tmp_path / f"{name}.txt").read_text(encoding="utf-8")
    assert "7.389" in (tmp_path / "y.txt").read_text(encoding="utf-8")
    done = cgraph("draw", "mine:y", "--structure", "-o", "bare.txt", cwd=tmp_path)
    assert "7.389" not in (tmp_path / "bare.txt").read_text(encoding="utf-8")


# --- the parser ------------------------------------------------------------------------------------


def test_help_and_version(capsys) -> None:
    for arguments in (
        ["--help"],
        ["demo", "--help"],
        ["train", "--help"],
        ["draw", "--help"],
        ["doctor", "--help"],
    ):
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == 0
    with pytest.raises(SystemExit):
        main(["--version"])
    assert cg.__version__ in capsys.readouterr().out
    with pytest.raises(SystemExit) as stop:
        main(["levitate"])
    assert stop.value.code == 2


def test_a_closed_pipe_is_no_error(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "cgraph", "train", "xor", "--epochs", "2"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    process.wait(timeout=60)
    assert b"Traceback" not in process.stderr.read()
    process.stderr.close()


# --- predicting, and output for programs ----------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_predict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "and.csv"
    data.write_text("x1,x2,y\n0,0,no\n0,1,no\n1,0,no\n1,1,yes\n")
    model = str(tmp_path / "and.cgraph")
    assert main(["train", str(data), "--positive", "yes", "--epochs", "3000", "-o", model]) == 0
    capsys.readouterr()
    assert main(["predict", model, str(data)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "probability,class"
    assert [line.split(",")[1] for line in lines[1:]] == ["0", "0", "0", "1"]
    probabilities = [float(line.split(",")[0]) for line in lines[1:]]
    loaded = cg.nn.BinaryClassifier.load(model)
    truth = loaded.predict_proba(np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]]))[:, 1]
    np.testing.assert_allclose(probabilities, truth, rtol=1e-8)
    assert main(["predict", model, str(data), "--threshold", "2"]) == 2
    out = tmp_path / "answers.csv"
    assert main(["predict", model, str(data), "-o", str(out)]) == 0
    assert out.read_text().splitlines() == lines
    wide = tmp_path / "wide.csv"
    wide.write_text("a,b,c,x2\n1,2,3,4\n")
    assert main(["predict", model, str(wide)]) == 2
    assert "no column 'x1'" in capsys.readouterr().err
    bad = tmp_path / "bad.csv"
    bad.write_text("x1,x2\n1,two\n")
    assert main(["predict", model, str(bad)]) == 2
    assert "line 2" in capsys.readouterr().err


@pytest.mark.filterwarnings("error")
def test_predict_finds_the_columns_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The target stands first, and the features in another order with something between them in the file to be predicted."""
    data, other, model = tmp_path / "a.csv", tmp_path / "b.csv", str(tmp_path / "m.cgraph")
    data.write_text("y,x1,x2\n0,0,5\n0,0,-5\n1,1,5\n1,1,-5\n")
    other.write_text("x2,id,x1\n5,a,0\n5,b,1\n")
    assert main(["train", str(data), "--target", "y", "-o", model, "--epochs", "500"]) == 0
    for file, answers in ((data, ["0", "0", "1", "1"]), (other, ["0", "1"])):
        capsys.readouterr()
        assert main(["predict", model, str(file)]) == 0
        assert [x.split(",")[1] for x in capsys.readouterr().out.splitlines()[1:]] == answers
    assert main(["train", "and", "--epochs", "500", "-o", model]) == 0
    wide = tmp_path / "wide.csv"
    wide.write_text("a,b,c,d\n1,2,3,4\n")
    assert main(["predict", model, str(wide)]) == 2


@pytest.mark.parametrize("lr", ["inf", "nan", "0", "-1"])
def test_a_learning_rate_is_a_positive_number(
    lr: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "and", f"--lr={lr}", "-o", str(tmp_path / "m.cgraph")]) == 2
    assert "--lr" in capsys.readouterr().err


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    import json

    main(["doctor", "--json"])
    assert json.loads(capsys.readouterr().out)["numpy"] == np.__version__
    assert main(["check", "sin", "--soak", "20", "--json", "--no-control"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["ok"] and facts["examples"] == 20
    assert main(["check", "--soak", "2", "--json"]) == 0
    assert sum(json.loads(capsys.readouterr().out)["verdicts"].values()) == 2


def test_draw_to_standard_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cg.save(cg.square(cg.parameter("w", 2.0)), tmp_path / "w.cgraph")
    assert main(["draw", str(tmp_path / "w.cgraph"), "-o", "-"]) == 0
    assert capsys.readouterr().out.startswith("digraph")


def test_checking_a_file_by_its_path(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "my_ops_by_path.py"
    source.write_text(
        "import numpy as np, cgraph as cg\n"
        "own = cg.elementwise('own_by_path', np.sin, lambda out, x: cg.cos(x))\n"
    )
    assert main(["check", f"{source}:own", "--soak", "20"]) == 0
    assert main(["check", f"{tmp_path}/missing.py:own"]) == 2
    for wrong in (["--seed", "-1"], ["--soak", "0"], ["--soak", "-5"]):
        with pytest.raises(SystemExit) as caught:
            main(["check", "sin", *wrong])
        assert caught.value.code == 2
    capsys.readouterr()
