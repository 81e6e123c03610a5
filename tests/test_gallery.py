"""The gallery: every row of the article's inventory, numbers that agree with the golden ones, a page that finds them."""

from __future__ import annotations

import html
import json
import re
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from draw.browser import browser, click

import cgraph.gallery as gallery
from cgraph.errors import CgraphError
from cgraph.gallery.script import PRELUDE

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
        assert row["files"] and all((out / name).stat().st_size > 60 for name in row["files"])
    names = [name for row in rows.values() for name in row["files"]]
    assert len(names) == len(set(names))  # each figure stands once
    pngs = [(out / name).read_bytes() for name in names if name.endswith(".png")]
    assert len({hash(data) for data in pngs}) == len(pngs)


@pytest.mark.slow
def test_the_index_stands_alone(made):
    out, rows = made
    page = (out / "index.html").read_text()
    assert (
        "Nothing but NumPy: Understanding &amp; Creating Binary Classification Neural Networks"
        in page
    )
    assert "http" not in page.replace("http://www.w3.org/", "")
    linked = set(re.findall(r'(?:src|href)="([^"#]+)(?:#[^"]*)?"', page)) - {"index.html"}
    assert all((out / name).exists() for name in linked)
    assert {name for row in rows.values() for name in row["files"]} - linked <= {
        name for row in rows.values() for name in row["files"] if name.endswith((".svg", ".txt"))
    }
    anchors = set(re.findall(r'id="(fig-[^"]+)"', page))
    assert len(anchors) == len(rows) and set(re.findall(r'href="#(fig-[^"]+)"', page)) == anchors
    assert "<!--" not in page
    # Every figure shows the lines that made it, and they are those that were run.
    for figure in gallery.FIGURES:
        assert html.escape(figure.code.strip()) in page
    for player in (n for row in rows.values() for n in row["files"] if n.endswith(".html")):
        assert "← all figures" in (out / player).read_text()


def test_the_code_of_a_figure_runs_on_its_own(tmp_path):
    """What the page prints, typed into a file by somebody else: the imports that it names, then the lines."""
    figure = next(f for f in gallery.FIGURES if f.number == "18, 19.a-c")
    (tmp_path / "mine.py").write_text(PRELUDE + figure.code, encoding="utf-8")
    subprocess.run([sys.executable, "mine.py"], cwd=tmp_path, check=True)
    made = {path.name for path in tmp_path.iterdir()}
    assert {"fig18_gradient_flow.png", "fig19_backprop.html", "fig19_backprop_02_step1.png"} <= made
    # The nodes know the lines that built them, and so does the player.
    player = (tmp_path / "fig19_backprop.html").read_text()
    assert re.search(r"mine\.py:\d+ +z = cg\.add\(w1 \* x1 \+ w2 \* x2, b, name=", player)


SEARCH = """<pre id="seen"></pre><script>
var seen=[],box=document.querySelector('.find input');
function shown(){return [].filter.call(document.querySelectorAll('article'),function(a){return !a.hidden;}).map(function(a){return a.id;});}
WORDS.forEach(function(w){box.value=w;box.dispatchEvent(new Event('input'));
seen.push([w,shown(),document.getElementById('nothing').hidden,document.querySelector('.find span').textContent]);});
document.getElementById('seen').textContent=JSON.stringify(seen);
</script></body>"""


@pytest.mark.slow
@browser
def test_the_search_finds_words_and_numbers(made, tmp_path):
    out, rows = made
    words = ["19", "fused", "xor", "0.72", "w1", "bypassed", "−0.083", "rosebud", ""]
    found = click(out / "index.html", out, "", SEARCH.replace("WORDS", json.dumps(words)))
    (out / "clicked.html").unlink()
    seen = {w: ids for w, ids, _, _ in found}
    assert seen["19"] == ["fig-18--19-a-c"] and len(seen[""]) == len(rows)
    assert "fig-63" in seen["fused"] and {"fig-65", "fig-70-a-e--71"} <= set(seen["xor"])
    assert "fig-35-a-c" in seen["0.72"] and "fig-35-a-c" in seen["−0.083"]
    assert "fig-18--19-a-c" in seen["w1"] and not seen["rosebud"]
    assert [hidden for w, _, hidden, _ in found if w == "rosebud"] == [False]


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
    xor = GOLDEN["xor_batch"]["after_updates"]
    assert rows["70.a-e, 71"]["numbers"]["cost"] == pytest.approx(xor["0"]["cost"], abs=1e-9)
    assert rows["72, 73"]["numbers"]["second cost"] == pytest.approx(xor["1"]["cost"], abs=1e-9)
    assert rows["97, 100"]["numbers"]["accuracy"] == pytest.approx(0.96)
    assert rows["97, 100"]["numbers"]["highest"] > rows["97, 100"]["numbers"]["first_cost"]


@pytest.mark.slow
def test_the_pictures_make_their_point(made):
    out, _ = made

    def words(name):
        return (out / name).read_text().replace("\xa0", " ")

    assert all(
        f"t = {t}: " in words("fig43_boundary.svg") for t in ("10⁻⁹", "10⁻⁵", "0.5", "0.9999")
    )
    for name in (
        "fig68_xor_forward_04_forward.svg",
        "fig70_xor_backward_05_step4.svg",
        "fig71_xor_whole.svg",
    ):
        assert "bypassed" in words(name) and "0.522" in words(name)  # the last sigmoid and its P̂
    assert "from elsewhere" in words("fig04_sigmoid_node.svg") and "from elsewhere" in words(
        "fig06_output_layer.svg"
    )
    assert "fig47a_threshold.png" in words("index.html") and "1 of 4 right (25%)" in words(
        "index.html"
    )


@pytest.mark.slow
def test_the_way_to_the_stable_form(made):
    """Each line of the chain is the one above it, rewritten: one value where none overflows, and the truth is SciPy's."""
    special = pytest.importorskip("scipy.special")
    numbers = made[1]["62"]["numbers"]
    for name in ("positive-logits", "negative-logits"):
        moderate, extreme = numbers[name]
        truth = [-float(special.log_expit(-z)) for z in (2.0, 800.0)]
        assert len(moderate) >= 5 and moderate == pytest.approx(
            [truth[0]] * len(moderate), rel=1e-12
        )
        assert extreme[-1] == pytest.approx(truth[1], rel=1e-15) and extreme[0] != extreme[-1]


def test_one_figure(tmp_path):
    gallery.make(tmp_path, only="63")
    row = json.loads((tmp_path / "manifest.json").read_text())["figures"][0]
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
