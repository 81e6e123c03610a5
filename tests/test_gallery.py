"""The gallery: every row of the article's inventory, numbers that agree with the golden ones, a page that finds them."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib")

import cgraph.gallery as gallery
from cgraph.errors import CgraphError

GOLDEN = json.loads((Path(__file__).parent / "data" / "golden.json").read_text())
# The article's inventory; letters as the article has them.
INVENTORY = [*range(1, 75), *range(92, 101), "8", "62b", "63b"]
NOT_FIGURES = {75, *range(93, 97), 98}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("gallery")
    with warnings.catch_warnings():
        warnings.simplefilter(
            "error", RuntimeWarning
        )  # the engine has nothing to say, over all figures
        gallery.make(out)
    return out, {
        row["figure"]: row for row in json.loads((out / "manifest.json").read_text())["figures"]
    }


def covered(rows):
    found = set()
    for numbers in rows:
        for part in numbers.split(","):
            part = re.sub(r"\.[a-z](-[a-z])?", "", part.strip())
            first, _, last = part.partition("-")
            found |= (
                set(range(int(first), int(last) + 1))
                if last
                else {int(part) if part.isdigit() else part}
            )
    return found


@pytest.mark.slow
def test_every_figure_is_there(made):
    out, rows = made
    assert not {n for n in INVENTORY if n not in NOT_FIGURES and not isinstance(n, str)} - covered(
        rows
    )
    assert {"62b", "63b"} <= covered(rows)
    for row in rows.values():
        assert row["files"] and all((out / name).stat().st_size > 100 for name in row["files"])
    page = (out / "index.html").read_text()
    assert all(
        name in page for row in rows.values() for name in row["files"] if not name.endswith(".svg")
    )
    assert "http" not in page.replace("http-equiv", "")
    # Pictures stand at their own size, so letters are as large in all of them: a pixel of 144 dpi is 2/3 of the page's.
    size = re.search(r'src="fig02_neuron_expanded.png" width="(\d+)" height="(\d+)"', page)
    data = (out / "fig02_neuron_expanded.png").read_bytes()
    assert int(size[1]) == pytest.approx(int.from_bytes(data[16:20], "big") * 96 / 144, abs=1)


@pytest.mark.slow
def test_the_numbers_are_the_golden_ones(made):
    _, rows = made
    sgd = GOLDEN["and_sgd"]
    first = rows["18, 19.a-c"]["numbers"]
    for key, name in (
        ("z", "z"),
        ("p_hat", "p"),
        ("loss", "loss"),
        ("dloss/dp_hat", "dL_dp"),
        ("dloss/db", "dL_db"),
    ):
        assert first[key] == pytest.approx(sgd[name], abs=1e-12)
    assert rows["23-25"]["numbers"]["after loss"] == pytest.approx(sgd["loss_after"], abs=1e-12)
    batch = GOLDEN["and_batch"]["after_updates"]
    np.testing.assert_allclose(
        rows["35.a-c"]["numbers"]["dcost/dW"], np.ravel(batch["0"]["dW"])[None], atol=1e-12
    )
    assert rows["36-38"]["numbers"]["after cost"] == pytest.approx(batch["1"]["cost"], abs=1e-12)
    assert rows["39, 46"]["numbers"]["cost"] == pytest.approx(batch["5000"]["cost"], abs=1e-9)
    assert rows["47.a-d"]["numbers"]["accuracy"] == {
        "1e-09": 0.25,
        "1e-05": 0.5,
        "0.5": 1.0,
        "0.9999": 0.75,
    }
    xor = GOLDEN["xor_batch"]["after_updates"]["0"]
    assert rows["70.a-e, 71"]["numbers"]["cost"] == pytest.approx(xor["cost"], abs=1e-9)
    assert rows["97, 100"]["numbers"]["accuracy"] == pytest.approx(0.96)


@pytest.mark.slow
def test_thresholds_are_not_rounded_away(made):
    words = (made[0] / "fig43_boundary.svg").read_text().replace("\xa0", " ")
    assert all(f"t = {t}: " in words for t in ("10⁻⁹", "10⁻⁵", "0.5", "0.9999"))


def test_one_figure(tmp_path):
    gallery.make(tmp_path, only="63")
    (row,) = json.loads((tmp_path / "manifest.json").read_text())["figures"]
    assert row["title"].startswith("Forward and backward after the fusion")
    with pytest.raises(CgraphError, match="no figure matches"):
        gallery.make(tmp_path, only="4711")
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(CgraphError, match="cannot make"):
        gallery.make(file / "x", only="63")


def test_the_command(tmp_path, capsys):
    assert gallery.main(["--out", str(tmp_path / "g"), "--only", "12"]) == 0
    assert "index.html" in capsys.readouterr().out
