"""The interactive page, clicked through in a headless Chromium; its texts against the engine's numbers."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from draw.nets import neuron, xor

import cgraph as cg
from cgraph.errors import DrawError

CHROMIUM = next(
    (p for p in ("chromium", "chromium-browser", "google-chrome") if shutil.which(p)), None
)
browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium to click with")

# Presses keys, clicks and points, and writes down what it sees after each.
CLICKS = """<pre id="seen"></pre><script>
var r=document.querySelector('.cgraph-player'),seen=[];
function key(k,on){(on||r).dispatchEvent(new KeyboardEvent('keydown',{key:k,bubbles:true,cancelable:true}));}
function look(what){var f=r.querySelectorAll('.frame:not([hidden])');
seen.push({what:what,frames:f.length,title:r.querySelector('h2').textContent,
caption:r.querySelector('.words p').textContent,words:[].map.call(f[0].querySelectorAll('text'),function(t){return t.textContent.trim();}),
about:r.querySelector('.about').textContent});}
look('start');
STEPS
document.getElementById('seen').textContent=JSON.stringify(seen);
</script></body>"""


def click(path: Path, tmp_path: Path, steps: str) -> list[dict]:
    page = tmp_path / "clicked.html"
    text = path.read_text(encoding="utf-8")
    page.write_text(
        text.replace("</body>", CLICKS.replace("STEPS", steps)) if steps else text, encoding="utf-8"
    )
    done = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", page.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    found = re.search(r'<pre id="seen">(.*?)</pre>', done.stdout, re.S)
    return json.loads(html.unescape(found[1]))


@pytest.mark.slow
@browser
def test_keys_and_buttons_go_through_the_steps(tmp_path):
    run = neuron().backward()
    found = cg.frames(run, forward="nodes", update=1.0)
    path = cg.animate(run, tmp_path / "and.html", update=1.0)
    n = len(found)
    steps = "".join(f"key('ArrowRight');look('right {i}');" for i in range(1, n))
    steps += "key('ArrowRight');look('past the end');key('ArrowLeft');look('left');key('Home');look('home');key('End');look('end');"
    steps += "r.querySelector('[data-go=back]').click();look('back');r.querySelector('[data-go=first]').click();look('first');"
    steps += "var s=r.querySelector('input');s.value=2;s.dispatchEvent(new Event('input'));look('slider');"
    seen = click(path, tmp_path, steps)
    assert all(s["frames"] == 1 for s in seen)
    assert [s["title"] for s in seen[:n]] == [d.title for d in found]
    assert [s["caption"] for s in seen[:n]] == [d.caption for d in found]
    at = [seen[n - 1 :][k]["title"] for k in range(8)]
    order = [n - 1, n - 1, n - 2, 0, n - 1, n - 2, 0, 2]
    assert at == [found[k].title for k in order]
    assert "∂L/∂z = 0.5" not in seen[0]["words"] and "∂L/∂z = 0.5" in seen[n - 1]["words"]


@pytest.mark.slow
@browser
def test_a_node_tells_all_its_digits_and_nothing_too_early(tmp_path):
    root = xor()
    run = root.backward()
    path = cg.animate(run, tmp_path / "xor.html")
    node = "r.querySelectorAll('.frame:not([hidden]) .node')[NODE].dispatchEvent(new "
    point = node + "MouseEvent('mouseover',{bubbles:true}));look('pointed');"
    names = [b.symbol for b in cg.draw(run).picture.boxes]
    focus = node + "FocusEvent('focusin',{bubbles:true}));look('focused');"
    sight = {}
    for when in ("Home", "End"):
        seen = click(
            path,
            tmp_path,
            f"key('{when}');"
            + "".join((point + focus).replace("NODE", str(i)) for i in range(len(names) - 1)),
        )
        sight[when] = " ".join(s["about"] for s in seen)
    W = next(n for n in run.order if n.basename == "W2")
    for value in np.asarray(run.value(W)).ravel():
        assert f"{value:.6f}"[:7] in sight["Home"] and f"{value:.6f}"[:7] in sight["End"]
    for slope in run.grad(W).ravel():
        assert f"{slope:.6f}"[:7] in sight["End"] and f"{slope:.6f}"[:7] not in sight["Home"]
    assert "∂C/∂W₂ = ∂C/∂Z₂ · A₁ᵀ" in sight["End"] and "local gradient" not in sight["Home"]


@pytest.mark.slow
@browser
def test_on_a_phone_the_step_is_in_sight_and_the_whole_can_be_seen(tmp_path):
    path = cg.animate(neuron().backward(), tmp_path / "and.html")
    phone = tmp_path / "phone.html"
    inner = CLICKS.replace(
        "look('start');\nSTEPS",
        """
    var stage=r.querySelector('.stage'),at=function(){return [stage.scrollWidth,stage.clientWidth,stage.scrollLeft];};
    var first=at();while(!/seed/.test(r.querySelector('h2').textContent))r.querySelector('[data-go=next]').click();
    var seed=at();r.querySelector('.zoom').click();
    seen=[first,seed,at(),r.querySelector('.zoom').getAttribute('aria-pressed')];""",
    )
    inner = inner.replace(
        "document.getElementById('seen').textContent=",
        "parent.document.getElementById('seen').textContent=",
    )
    page = path.read_text(encoding="utf-8").replace(
        "</body>", inner.replace('<pre id="seen"></pre>', "")
    )
    phone.write_text(
        f'<meta charset="utf-8"><iframe style="width:390px;height:800px;border:0" srcdoc="{html.escape(page)}"></iframe>'
        '<pre id="seen"></pre><body></body>', encoding="utf-8",
    )  # fmt: skip
    first, seed, whole, pressed = click(phone, tmp_path, "")
    assert first[0] > first[1]  # letters stay large enough to be read: wider than the screen
    assert (
        seed[2] > first[2] and seed[2] + seed[1] > 0.9 * seed[0]
    )  # the seed, at the far right, has come into sight
    assert whole[0] == whole[1] and pressed == "true"


def test_the_page_needs_nothing_else(tmp_path):
    page = cg.frames(neuron().backward()).html()
    outside = [u for u in re.findall(r"(?:src|href)=\"([^\"]+)\"|url\(([^)]+)\)", page) if any(u)]
    assert not outside and "http://" not in page.replace("http://www.w3.org/", "")
    assert len(page) < 400_000


def test_it_can_be_read_aloud():
    page = cg.frames(neuron().backward()).html()
    for needed in (
        'lang="en"',
        'role="region"',
        'aria-live="polite"',
        'aria-label="Next step"',
        "color-scheme:dark",
        'name="viewport"',
    ):
        assert needed in page
    nodes = re.findall(
        r'<(?:\w+:)?g tabindex="0" role="img"|tabindex="0" role="img" class="node', page
    )
    assert len(nodes) >= 8
    assert "w₁: parameter, value 0.1, gradient ∂L/∂w₁ 0" in page


def test_animations(tmp_path):
    pytest.importorskip("PIL")
    run = neuron().backward()
    gif = cg.animate(run, tmp_path / "and.gif")
    from PIL import Image

    with Image.open(gif) as picture:
        assert picture.n_frames == len(cg.frames(run))
    names = [p.name for p in cg.frames(run).save(tmp_path / "and.svg")]
    assert names[:3] == ["and_00_forward.svg", "and_01_seed.svg", "and_02_step1.svg"]
    with pytest.raises(DrawError, match=r"\.gif or \.html"):
        cg.animate(run, tmp_path / "and.mp4")
    with pytest.raises(DrawError, match="takes a Run"):
        cg.frames(neuron())
    with pytest.raises(DrawError, match="forward="):
        cg.frames(run, forward="slow")


def test_notebooks_show_the_player():
    bundle = cg.frames(neuron().backward())._repr_mimebundle_()
    assert (
        'class="cgraph-player"' in bundle["text/html"]
        and "Backward pass, step 2 of 3" in bundle["text/plain"]
    )
    ids = [
        re.search(r'id="(cg\d+)"', cg.frames(neuron().backward())._repr_mimebundle_()["text/html"])[
            1
        ]
        for _ in range(2)
    ]
    assert ids[0] != ids[1]
