"""How pictures are made: deterministic DOT, frames that never move, engines, formats, and text that cannot break out."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import warnings
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from draw.nets import batch, neuron, random_graph, xor
from draw.reading import groups, positions

import cgraph as cg
from cgraph.draw.output import engine
from cgraph.errors import DrawError

HERE = Path(__file__).parent

SCRIPT = """
import sys; sys.path[:0] = {path!r}
from draw.nets import neuron, xor
import cgraph as cg, hashlib
made = [cg.draw(make().backward()) for make in (neuron, xor)]
print(hashlib.sha256("".join(d.dot for d in made).encode()).hexdigest())
print(hashlib.sha256("".join(d.svg() for d in made).encode()).hexdigest())
"""


@pytest.fixture(autouse=True)
def engine_says_nothing():
    """Zero messages from the engine, in every test of this file."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        yield


def test_the_same_in_every_process():
    path = [str(HERE.parent), str(HERE.parent.parent)]
    said = set()
    for seed in ("0", "1", "random"):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT.format(path=path)], capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )  # fmt: skip
        assert done.stderr == ""
        said.add(done.stdout)
    made = [cg.draw(make().backward()) for make in (neuron, xor)]
    here = hashlib.sha256("".join(d.dot for d in made).encode()).hexdigest()
    assert len(said) == 1 and said.pop().split()[0] == here


@pytest.mark.parametrize("name", ["neuron", "batch", "xor", "fused"])
def test_golden_dot(name):
    """The DOT text, exactly. To accept a change on purpose, run pytest with CGRAPH_ACCEPT=1 and look at the pictures."""
    make = {"neuron": neuron, "batch": batch, "xor": xor, "fused": lambda: neuron("fused")}[name]
    file = HERE / "golden" / f"{name}.dot"
    dot = cg.draw(make().backward()).dot
    if os.environ.get("CGRAPH_ACCEPT"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(dot, encoding="utf-8")
    assert dot == file.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "make", [neuron, batch, xor, lambda: neuron("fused"), lambda: random_graph(3)]
)
@pytest.mark.parametrize("update", [None, 1.0])
def test_frames_share_canvas_and_positions(make, update):
    found = cg.frames(make().backward(), forward="nodes", update=update)
    places = [positions(d.svg()) for d in found]
    assert len(places) > 4
    assert all(p == places[0] for p in places)


def test_frames_reveal_one_op_after_the_other():
    found = cg.frames(neuron().backward(), update=1.0)
    assert found.names == ["forward", "seed", "step1", "step2", "step3", "update"]
    words = [{w for _, _, ws in groups(d.svg()) for w in ws} for d in found]
    assert "∂L/∂L = 1" not in words[0] and "∂L/∂L = 1" in words[1]
    assert "∂L/∂p̂ = 2" not in words[1] and "∂L/∂p̂ = 2" in words[2]
    assert "∂L/∂z = 0.5" not in words[2] and "2 × 0.25" in words[3]
    assert "∂L/∂b = 0.5" not in words[3] and "∂L/∂b = 0.5" in words[4]
    assert "b ← 0 − 1·0.5 = −0.5" in words[5]
    assert found[3].caption == "∂L/∂z = upstream × local = 2 × 0.25 = 0.5"
    assert [cg.draw(neuron().backward(), step=k).title for k in ("forward", 0, 3)] == [
        found[k].title for k in (0, 1, 4)
    ]
    with pytest.raises(DrawError, match=r"step=7.*step3"):
        cg.draw(neuron().backward(), step=7)


def test_the_seed_is_the_one_that_was_given():
    loss = neuron()
    found = cg.frames(loss.backward(upstream=3.0))
    assert (
        found[1].title == "Backward pass, seed: ∂L/∂L = 3" and "that was given" in found[1].caption
    )
    assert "3 × 2" in found[2].dot
    vector = cg.exp(cg.parameter("x", [1.0, 2.0]), name="y")
    found = cg.frames(vector.backward(upstream=[1.0, -1.0]))
    assert found[1].title == "Backward pass, seed"
    assert "[ 1 −1 ]" in found[1].dot.replace("\xa0", " ")


def test_frames_of_collapsed_graphs_go_scope_by_scope():
    from draw.nets import mlp

    titles = [d.title for d in cg.frames(xor().backward(), view="collapsed")]
    assert titles[2:] == [
        "Backward pass, step 1 of 3: through the cost", "Backward pass, step 2 of 3: through layer 2",
        "Backward pass, step 3 of 3: through layer 1",
    ]  # fmt: skip
    found = cg.frames(mlp(10).backward())
    assert len(found) < 10 and len({positions(d.svg())[0] for d in found}) == 1
    with pytest.raises(DrawError, match="too many to step through"):
        cg.frames(mlp(10, scoped=False).backward(), view="cards", force=True)


def test_a_first_graph_in_a_fresh_process_keeps_its_labels():
    code = "from cgraph.draw.output import engine; print(engine.render('digraph{a[label=\"A!\"]; b; a->b}', ['svg'])[0].decode())"
    svg = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert ">b</text>" in svg and ">A!</text>" in svg


def test_no_fonts_on_the_system(tmp_path):
    """With nothing but the shipped faces, symbols are drawn, not boxes."""
    code = (
        "import cgraph.draw.output.engine as e, sys; e.SYSTEM_FONTS = (); print(e.doctor()['text'])"
    )
    env = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "HOME": str(tmp_path)}
    env.pop("FONTCONFIG_FILE", None)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env
    )
    assert done.stdout.strip() == "symbols are drawn" and done.stderr == ""


def test_formats(tmp_path):
    diagram = cg.draw(neuron().backward())
    starts = {"png": b"\x89PNG", "svg": b"<svg", "pdf": b"%PDF", "dot": b"digraph", "html": b"<!doctype html>", "txt": b"Forward",
              "mmd": b"flowchart LR"}  # fmt: skip
    for suffix, start in starts.items():
        path = diagram.save(tmp_path / f"x.{suffix}")
        assert path.read_bytes().startswith(start)
    assert diagram.graphviz().source == diagram.dot
    bundle = diagram._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "image/svg+xml", "text/html"}
    again = diagram._repr_mimebundle_()
    ids = [
        {g.get("id") for g in ET.fromstring(b["image/svg+xml"]).iter() if g.get("id")}
        for b in (bundle, again)
    ]
    assert not ids[0] & ids[1], "two pictures on one page must not share ids"
    assert "viewBox" in bundle["text/html"] and 'width="100%"' in bundle["text/html"]
    with pytest.raises(DrawError, match="webp"):
        diagram.save(tmp_path / "x.webp")


def test_a_png_is_sharp_opaque_and_described():
    image = pytest.importorskip("PIL.Image")
    import io

    picture = image.open(io.BytesIO(cg.draw(neuron().backward(), dpi=96).png()))
    larger = image.open(io.BytesIO(cg.draw(neuron().backward(), dpi=192).png()))
    assert abs(larger.width - 2 * picture.width) <= 4
    assert picture.convert("RGBA").getpixel((2, 2)) == (255, 255, 255, 255)
    ink = sum(picture.convert("L").resize((200, 100)).histogram()[:250])
    assert ink > 200
    assert "upstream × local" in picture.info["Description"]


def test_both_engines_draw_the_same_structure():
    if "none" in engine.doctor()["system dot"]:
        pytest.skip("no dot on the PATH")
    diagram = cg.draw(batch().backward())
    bundled, system = (
        list(groups(diagram.svg("", engine_name=name))) for name in ("bundled", "system")
    )
    assert bundled == system


def test_a_dot_on_the_path_stands_in(tmp_path, monkeypatch):
    """The fallback, driven through a `dot` made of the bundled engine: arguments, stdin, stdout and errors as the real one's."""
    script = tmp_path / "dot"
    script.write_text(
        f"#!{sys.executable}\n"
        "import sys; from cgraph.draw.output import engine; from cgraph.errors import DrawError\n"
        "text = sys.stdin.buffer.read().decode()\n"
        "try: sys.stdout.buffer.write(engine.render(text, [sys.argv[1][2:]], engine='bundled')[0])\n"
        "except DrawError as e: sys.stderr.write('Error: ' + str(e)); sys.exit(1)\n"
    )
    script.chmod(0o755)
    root = str(HERE.parent.parent)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", root)
    diagram = cg.draw(neuron().backward())
    bundled = diagram.svg("")
    with monkeypatch.context() as patch:
        patch.setattr(engine, "_pygraphviz", lambda: None)
        assert diagram.svg("") == bundled
        assert diagram.png().startswith(b"\x89PNG")
        assert engine.doctor()["engine"].endswith("/dot")
        with pytest.raises(DrawError, match="Error"):
            engine.render("digraph{a[", ["svg"])
        patch.setenv("PATH", "")
        with pytest.raises(DrawError, match="pip install pygraphviz"):
            diagram.svg()
        assert "no Graphviz found" in diagram._repr_mimebundle_()["text/plain"]
        assert diagram.dot and str(diagram) and diagram.mermaid, "text needs no engine"


def test_errors_are_raised_not_muttered(capfd):
    with pytest.raises(DrawError, match="syntax error"):
        engine.render("digraph{a[label=<<I></I>>]}", ["svg"])
    with pytest.raises(DrawError, match="could not read"):
        engine.render("digraph{a[", ["svg"])
    with pytest.raises(DrawError, match="nonsense"):
        engine.render("digraph{a}", ["nonsense"])
    with pytest.raises(DrawError, match=r"too large.*\.svg"):
        chain = ";".join(f"a{i}->a{i + 1}" for i in range(900))
        engine.render(f"digraph{{{chain}}}", ["png"])
    assert capfd.readouterr().err == ""


def test_writing_is_all_or_nothing(tmp_path, monkeypatch):
    diagram = cg.draw(neuron())
    path = tmp_path / "x.svg"
    path.write_text("old")
    with monkeypatch.context() as patch:

        def full(*args):
            raise OSError(28, "No space left on device")

        patch.setattr(os, "fsync", full)
        with pytest.raises(DrawError, match="No space left"):
            diagram.save(path)
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["x.svg"]
    with pytest.raises(DrawError, match="cannot write"):
        diagram.save(tmp_path / "missing" / "x.png")


def test_many_threads():
    diagrams = [cg.draw(random_graph(i).backward()) for i in range(8)]
    alone = [d.svg() for d in diagrams]
    found: dict[int, str] = {}

    def work(i):
        found[i] = diagrams[i % 8].svg()

    threads = [threading.Thread(target=work, args=(i,)) for i in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(found[i] == alone[i % 8] for i in range(24))


def test_options():
    run = xor().backward()
    bare = cg.draw(
        run,
        values=False,
        grads=False,
        formulas=False,
        legend=False,
        shapes=False,
        title="",
        caption="",
    )
    words = [w for _, _, ws in groups(bare.svg()) for w in ws]
    assert (
        not [w for w in words if "∂" in w or "×" in w or "=" in w]
        and "parameter" not in bare.svg().split("<g", 2)[1]
    )
    assert "∂C/∂W₁" in cg.draw(run, locals=False).dot
    assert "0.71205" in cg.draw(run, precision=5).dot
    assert "float64" in cg.draw(run, dtypes=True).dot
    assert "rankdir=TB" in cg.draw(run, direction="TB").dot
    assert 'bgcolor="#12171D"' in cg.draw(run, theme="dark").dot
    assert len(cg.draw(run, view="expanded", broadcasts=True).picture.boxes) > len(
        cg.draw(run, view="expanded").picture.boxes
    )
    for wrong in (
        {"theme": "neon"},
        {"colour": 1},
        {"view": "x"},
        {"direction": "RL"},
        {"precision": -1},
    ):
        with pytest.raises(DrawError, match=next(iter(wrong))):
            cg.draw(run, **wrong)
    with pytest.raises(DrawError, match="not evaluated in this run"):
        cg.draw(neuron(), run=run)
    with pytest.raises(DrawError, match="takes a node"):
        cg.draw(3)


def test_style_hook():
    def loud(item):
        return (
            cg.draw.model.diagram.replace(item, badge="!")
            if getattr(item, "symbol", "") == "σ"
            else None
        )

    assert [b.badge for b in cg.draw(neuron(), style=loud).picture.boxes if b.symbol == "σ"] == [
        "!"
    ]
    with pytest.raises(DrawError, match="style="):
        cg.draw(neuron(), style=lambda item: 3)
