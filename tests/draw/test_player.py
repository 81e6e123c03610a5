"""The interactive page, clicked through in a headless Chromium; its texts against the engine's numbers."""

from __future__ import annotations

import html
import json
import re
import xml.etree.ElementTree as ET
from collections import Counter

import numpy as np
import pytest
from draw.browser import CLICKS, browser, click
from draw.nets import batch, classes, convnet, mlp, neuron, random_graph, xor

import cgraph as cg
from cgraph.draw.model import text
from cgraph.draw.model.text import parse_number
from cgraph.draw.output.player import film
from cgraph.errors import DrawError
from cgraph.op import OPS
from cgraph.ops import PUBLIC, elementwise


def seen_in(picture):
    """The texts of a frame that are not invisible, from a drawing of its own."""
    drawn = film.groups(picture)[0]
    return sorted(
        (e.text or "").replace("\xa0", " ").strip()
        for elements in drawn.values()
        for e in elements
        if e.tag.endswith("text") and e.get("fill") != "transparent"
    )


def plain(words):
    return sorted(w.replace("\xa0", " ").strip() for w in words)


@pytest.mark.slow
@browser
def test_keys_and_buttons_go_through_the_steps(tmp_path):
    run = neuron().backward()
    found = cg.frames(run, forward="nodes", update=1.0)
    path = cg.animate(run, tmp_path / "and.html", update=1.0)
    n = len(found)
    # The keys work from the start, wherever the focus is.
    steps = "".join(f"key('ArrowRight');look('right {i}');" for i in range(1, n))
    steps += "key('ArrowRight');look('past the end');key('ArrowLeft');look('left');key('Home');look('home');key('End');look('end');"
    steps += "r.querySelector('[data-go=back]').click();look('back');r.querySelector('[data-go=first]').click();look('first');"
    steps += "var s=r.querySelector('input');s.value=2;s.dispatchEvent(new Event('input'));look('slider');"
    steps += "var b=r.querySelector('[data-go=next]');b.focus();for(var k=0;k<20;k++)b.click();"
    steps += "key('Home');look('keys after the last click');"
    seen = click(path, tmp_path, steps)
    assert [s["title"] for s in seen[:n]] == [d.title for d in found]
    assert [s["caption"] for s in seen[:n]] == [d.caption.partition("\n")[0] for d in found]
    at = [s["title"] for s in seen[n - 1 :]]
    order = [n - 1, n - 1, n - 2, 0, n - 1, n - 2, 0, 2, 0]
    assert at == [found[k].title for k in order]
    # Each state of the one drawing says what the frame's own drawing says: no more and no less.
    for frame, state in zip(found, seen[:n], strict=True):
        assert plain(state["words"]) == seen_in(frame.picture)
    assert seen[0]["focus"] == "cg0"
    # Below the picture, the step in numbers.
    worked = [" ".join(s["worked"].split()) for s in seen[:n]]
    assert worked[0] == "z = w₁x₁ + w₂x₂ + b = 0.1 · 0 + 0.6 · 0 + 0 = 0"
    assert worked[2] == "L = −y ln p̂ − (1−y) ln(1−p̂) = −0 ln 0.5 − (1−0) ln(1−0.5) = 0.693"
    assert worked[6] == "∂L/∂z = ∂L/∂p̂ · ∂p̂/∂z = 2 · 0.25 = 0.5"
    assert worked[7].endswith("∂L/∂b = ∂L/∂z · ∂z/∂b = 0.5 · 1 = 0.5")
    assert worked[8].startswith("w₁ ← 0.1 − 1 · 0 = 0.1") and worked[8].endswith(
        "b ← 0 − 1 · 0.5 = −0.5"
    )
    told = next(s["said"] for s in seen if "step 2 of 3" in s["title"])
    assert "p hat received 2; its slope for z is 0.25, so it hands 0.5 to z." in told


@pytest.mark.parametrize("net", [neuron, batch, xor])
def test_the_states_have_the_ink_of_the_frames(net):
    """Film and frames by element: colours, widths and texts, without a browser."""
    found = cg.frames(net().backward(), forward="nodes", update=0.5)
    made = film.film([d.picture for d in found], "p-")
    root = ET.fromstring(made.drawing)
    elements = [
        e
        for e in root.iter()
        if "data-t" in e.attrib
        or e.tag.endswith(("path", "polygon", "ellipse", "polyline", "text"))
    ]
    for k, diagram in enumerate(found):
        mine = []
        for e in elements:
            look = made.looks[made.frames[k][int(e.get("data-k"))]] if e.get("data-k") else e.attrib
            if "off" not in look.get("class", ""):
                mine.append(
                    (
                        e.tag.rpartition("}")[2],
                        e.text or "",
                        look.get("fill"),
                        look.get("stroke"),
                        look.get("stroke-width"),
                    )
                )
        groups = film.groups(diagram.picture)[0]
        theirs = [
            (e.tag.rpartition("}")[2], e.text or "", e.get("fill"), e.get("stroke"), e.get("stroke-width"))
            for key, inner in groups.items() for e in inner if not key.endswith("a_graph0") and e.get("fill") != "transparent"
        ]  # fmt: skip
        # An element that nobody sees in any frame is left out; all others are there in their ink.
        assert sorted(map(str, mine)) == sorted(map(str, theirs))


@pytest.mark.slow
@browser
def test_nothing_tells_the_future(tmp_path):
    root = xor()
    run = root.backward()
    path = cg.animate(run, tmp_path / "xor.html")
    names = [b.symbol for b in cg.draw(run).picture.boxes]
    node = "r.querySelectorAll('.node')[NODE].dispatchEvent(new "
    point = node + "MouseEvent('mouseover',{bubbles:true}));look('pointed');"
    focus = node + "FocusEvent('focusin',{bubbles:true}));look('focused');"
    sight = {}
    for when in ("Home", "End"):
        seen = click(
            path,
            tmp_path,
            f"key('{when}');"
            + "".join((point + focus).replace("NODE", str(i)) for i in range(len(names) - 1)),
        )
        sight[when] = " ".join(
            s[k] if isinstance(s[k], str) else " ".join(s[k])
            for s in seen
            for k in ("about", "labels", "words", "chain", "worked")
        )
    W = next(n for n in run.order if n.basename == "W2")
    for value in np.asarray(run.value(W)).ravel():
        assert f"{value:.5f}".replace("-", "−") in sight["Home"]
    for slope in run.grad(W).ravel():
        assert f"{slope:.5f}".rstrip("0") in sight["End"]
        assert f"{slope:.3f}" not in sight["Home"]
    Z = next(n for n in run.order if n.basename == "Z2")
    for value in run.value(Z).ravel():
        assert f"{value:.3f}" in sight["End"] and f"{value:.3f}" not in sight["Home"]
    assert "∂C/∂W₂ = ∂C/∂Z₂ · A₁ᵀ" in sight["End"] and "local gradient" not in sight["Home"]
    assert "<title" not in path.read_text().partition("<svg")[2].partition("</svg>")[0]
    assert "✓" in sight["End"] and "✗" not in sight["End"]  # the witness agrees
    assert 'cg.parameter("W2", rs.randn(1, 3)' in sight["End"]  # the line that built it


def kinked():
    """While z is positive, relu(z) is z: two numbers that agree until one of them is changed to the other side."""
    w, x = cg.parameter("w", 0.5), cg.input("x", 1.0)
    a = cg.relu(cg.multiply(w, x, name="z"), name="a")
    return cg.mse(cg.add(a, cg.parameter("b", 0.25), name="s"), 2.0, name="loss")


CHANGE = """document.querySelector('.numbers').open=true;
function set(name,v){var l=[].filter.call(r.querySelectorAll('[data-leaf]'),
function(l){return l.querySelector('span').textContent===name;})[0];
var f=l.querySelector('input');f.value=v;f.dispatchEvent(new Event('input'));}
"""


def typed(symbol, before, after):
    """Steps that type the entries that differ into their fields, which are named by row and column."""
    wide = after.shape[-1] if after.ndim else 1
    steps = ""
    for k in np.flatnonzero(np.ravel(before != after)):
        where = f" {k // wide + 1},{k % wide + 1}" if after.size > 1 else ""
        steps += f"set({symbol + where!r},{after.ravel()[k]});"
    return steps


@pytest.mark.slow
@browser
@pytest.mark.parametrize(("net", "change"), [
    (kinked, {"w": -0.5}), (neuron, {"w1": 0.7, "x1": 1.0, "b": -0.25}), (batch, {"W": [[0.1, -1.3]]}),
    (xor, {"b2": [[0.4]], "X": [[0.0, 0, 1, 1], [0, 1, 0.5, 1]]}), (lambda: random_graph(117), {"w0": 0.907, "x0": -0.5}),
])  # fmt: skip
def test_a_changed_number_changes_everything_as_the_engine_does(tmp_path, net, change):
    root = net()
    path = cg.animate(root.backward(), tmp_path / "and.html", update=1.0)
    leaves = {n.basename: n for n in cg.run(root).order if n.basename}
    steps = CHANGE
    for name, value in change.items():
        symbol = cg.draw(leaves[name]).picture.boxes[0].symbol
        steps += typed(symbol, leaves[name].value, np.array(value))
    seen = click(
        path,
        tmp_path,
        steps + "key('End');look('changed');r.querySelector('.reset').click();look('back');",
    )
    original = seen_in(cg.frames(root.backward(), forward="nodes", update=1.0)[-1].picture)
    for name, value in change.items():
        leaves[name].value = value
    found = cg.frames(root.backward(), forward="nodes", update=1.0)
    token = r"−?\d[\d.]*(?:·10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)?"
    both = plain(seen[1]["words"]), seen_in(found[-1].picture)
    values = [sorted(map(parse_number, re.findall(token, " ".join(words)))) for words in both]
    np.testing.assert_allclose(*values, atol=6e-4)
    assert plain(seen[2]["words"]) == original


@pytest.mark.slow
@browser
@pytest.mark.parametrize(("net", "change"), [
    (batch, {"W": [[0.125, -1.25]]}), (classes, {"b": [0.25, 0.0, -1.3], "W": 1}), (convnet, {"K": 2, "b": [-0.25]}),
    (lambda: convnet(-9.0), {"b": [0.7]}),
])  # fmt: skip
def test_a_changed_picture_reads_as_the_engines(tmp_path, net, change):
    """Word for word: decimals of matrices, least, mean and largest, bars. Of units that were switched off, what is not known fades."""
    root = net()
    path = cg.animate(root.backward(), tmp_path / "net.html", update=0.5)
    leaves = {n.basename: n for n in cg.run(root).order if n.basename}
    steps = CHANGE
    for name, value in change.items():
        before = leaves[name].value
        if isinstance(value, int):  # a seed
            value = np.round(np.random.default_rng(value).normal(size=before.shape), 2)
        leaves[name].value = after = np.asarray(value, float)
        steps += typed(name, before, after)
    steps += "key('End');look('changed');seen[1].stale=[].map.call(r.querySelectorAll('.stale'),function(t){return t.textContent.trim();});"
    changed = click(path, tmp_path, steps)[1]
    mine, theirs = (
        Counter(re.sub(r"\s+", " ", w) for w in words if re.search(r"[[⎡⎢⎣▁-█]|min| = .*\d", w))
        for words in (changed["words"], seen_in(cg.frames(root.backward(), update=0.5)[-1].picture))
    )
    stale = Counter(re.sub(r"\s+", " ", w) for w in changed["stale"])
    assert not mine - theirs - stale, mine - theirs
    assert bool(stale) == (net not in (batch, classes, convnet))


@pytest.mark.slow
@browser
def test_the_chain_rule_and_one_entry_of_a_matrix(tmp_path):
    path = cg.animate(neuron().backward(), tmp_path / "and.html")
    over = "[].filter.call(r.querySelectorAll('.node'),function(g){return g.id.endsWith(ID);})[0]"
    over += ".dispatchEvent(new MouseEvent('mouseover',{bubbles:true}));"
    b = next(box.id for box in cg.draw(neuron()).picture.boxes if box.symbol == "b")
    steps = over.replace("ID", f"'-{b}'") + "look('early');key('End');look('late');"
    steps += "r.querySelector('.widths').click();seen.push([].map.call(r.querySelectorAll('.edge.gradient'),"
    steps += "function(e){return parseFloat(e.querySelector('path').style.strokeWidth)||0;}));"
    seen = click(path, tmp_path, steps)
    assert "∂L/∂b =∂L/∂p̂…·∂p̂/∂z…·∂z/∂b…= …" in seen[1]["chain"]
    assert "∂L/∂b =∂L/∂p̂2·∂p̂/∂z0.25·∂z/∂b1= 0.5" in seen[2]["chain"]
    # Arrows as wide as their gradients are large, by orders of magnitude: 2, 0.5 (twice), 0 (twice), and the seed as it is.
    wide = 7 + 2.2 * np.log10(0.25)
    assert sorted(seen[3]) == pytest.approx([0.0, 0.5, 0.5, wide, wide, 7.0], abs=1e-3)
    path = cg.animate(batch().backward(), tmp_path / "batch.html")
    entry = "[].filter.call(r.querySelectorAll('.stage [data-q]'),function(t){return t.textContent==='0.048';})[0].dispatchEvent("
    entry += "new MouseEvent('mouseover',{bubbles:true}));look('entry');"
    entry += "seen.push([].map.call(r.querySelectorAll('.stage .lit,.stage .lit2'),"
    entry += "function(e){return e.textContent;}));"
    _, told, lit = click(path, tmp_path, "key('End');" + entry)
    assert (
        "[row 1, column 1] = 0.125 × 0 + 0.161 × 0 + 0.131 × 1 + (−0.083) × 1 = 0.048"
        in told["about"]
    )
    assert "∂C/∂W = ∂C/∂Z · Xᵀ = 0.1250.1610.131−0.083 · 00110101ᵀ = 0.0480.078" in told["worked"]
    assert sorted(lit) == sorted(["0.125", "0.161", "0.131", "−0.083", "0", "0", "1", "1"])


def evaluated(parts):
    """What a line of arithmetic gives, its matrices and numbers as they are printed."""
    numbers = [np.atleast_2d([[parse_number(v) for v in row] for row in p]) for p in parts if isinstance(p, list)]  # fmt: skip
    numbers = iter(m if m.size > 1 else m.item() for m in numbers)
    code, names = "", {}
    for p in parts:
        if isinstance(p, list):
            names[f"n{len(names)}"] = next(numbers)
            code += f" n{len(names) - 1} "
        else:
            code += p
    code = re.sub(
        r"Σ(₁?)\s*(n\d+)", lambda m: f"np.sum({m[2]}, axis={'1' if m[1] else 'None'})", code
    )
    for sign, python in (("ᵀ", ".T"), ("⊙", "*"), ("−", "-")):
        code = code.replace(sign, python)
    matrices = sum(isinstance(m, np.ndarray) for m in names.values())
    code = code.replace("·", "@" if matrices > 1 and "-" not in code else "*").replace(" .T", ".T")
    return np.ravel(eval(code, {"np": np} | names))


@pytest.mark.slow
@browser
@pytest.mark.parametrize(
    ("net", "leaf", "values"),
    [(xor, "W₂", (-1.0, 0.77, 0.3)), (lambda: random_graph(117), "w₀", (0.5, -1.234))],
)
def test_what_is_printed_adds_up(tmp_path, net, leaf, values):
    """Each step's arithmetic done again from what stands there: it gives the result that stands there, or the sign is ≈."""
    path = cg.animate(net().backward(), tmp_path / "x.html", update=0.7)
    steps = """function cells(e){return [].map.call(e.querySelectorAll('tr'),function(r){
    return [].map.call(r.querySelectorAll('td'),function(d){return d.textContent;});});}
    function lines(){[].forEach.call(r.querySelectorAll('.worked .line'),function(l){
    seen.push([].slice.call(l.children,1).filter(function(e){return e.className!=='words';}).map(function(e){
    return e.querySelector('table')?cells(e):/value/.test(e.className)?[[e.textContent.replace(/[()]/g,'')]]:e.textContent;}));});}
    function every(){key('Home');for(var k=0;k<12;k++){lines();key('ArrowRight');}}seen=[];every();"""
    steps += "".join(
        f"[].filter.call(r.querySelectorAll('.numbers label'),function(l){{return l.textContent.indexOf({leaf!r})===0;}})"
        f".slice(0,1).forEach(function(l){{var f=l.querySelector('input');f.value={v};f.dispatchEvent(new Event('input'));}});every();"
        for v in values
    )
    signs = []
    for line in click(path, tmp_path, steps):
        *parts, sign, result = line if len(line) > 2 else ("", "", [])
        formula = "".join(p for p in parts if isinstance(p, str))
        if len(line) < 3 or re.search(r"[^\s=⊙·ᵀΣ₁−+]", formula):
            continue  # σ(...), of which the interpreter is asked
        given = evaluated(parts[1:] if parts[0] == " = " else parts)
        shown = [v for row in result for v in row]
        places = [3 if "·" in s else max(3, len(s.partition(".")[2])) for s in shown]
        exact = all(map(text.same, given, shown, places))
        np.testing.assert_allclose(given, [*map(parse_number, shown)], atol=0.004)
        signs.append(sign.strip())
        assert exact or sign == " ≈ ", (parts, sign, result)
    assert signs.count("=") > 10 and ("≈" in signs or net is not xor)


@pytest.mark.slow
@browser
def test_the_sum_behind_an_entry_adds_up(tmp_path):
    path = cg.animate(xor().backward(), tmp_path / "xor.html")
    steps = """seen=[];key('End');[].forEach.call(r.querySelectorAll('.stage [data-q]'),function(t){
    t.dispatchEvent(new MouseEvent('mouseover',{bubbles:true}));seen.push(r.querySelector('.sum').textContent);});"""
    signs = []
    for words in filter(None, click(path, tmp_path, steps)):
        terms, sign, shown = re.fullmatch(r".*\] = (.*) ([=≈]) (\S+)", words).groups()
        given = sum(
            np.prod([parse_number(v.strip("()")) for v in term.split(" × ")])
            for term in terms.split(" + ")
        )
        assert sign == "≈" or text.same(given, shown), words
        assert abs(given - parse_number(shown)) < 4e-3, words
        signs.append(sign)
    assert signs.count("=") > 40


@pytest.mark.slow
@browser
def test_it_learns_as_the_engine_does(tmp_path):
    """Steps of gradient descent taken in the page: costs, parameters and gradients are those of the engine after as many steps."""
    root = xor()
    path = cg.animate(root.backward(), tmp_path / "xor.html", update=2.0)
    steps = """var t=r.querySelector('.training');t.open=true;
    function say(what){look(what);seen[seen.length-1].told=t.textContent;}
    function press(k){t.querySelectorAll('button')[k].click();}
    press(0);press(2);say('101');var s=t.querySelector('input[type=range]');s.value=7;s.dispatchEvent(new Event('input'));say('7');
    press(1);say('17');r.querySelector('.reset').click();say('reset');"""
    seen = {s["what"]: s for s in click(path, tmp_path, steps)}
    weights = [n for n in cg.run(root).order if n.kind == "parameter"]
    first = {w: w.value for w in weights}
    costs, tables = [], []
    for _ in range(102):
        run = root.backward()
        costs.append(float(run.value(root)))
        tables.append([f"{abs(v):.3f}" for w in weights for v in np.ravel(run.value(w))])
        for w in weights:
            w.value = run.value(w) - 2.0 * run.grad(w)
    for k in (101, 7, 17):
        assert f"C: 0.712 → {costs[k]:.3f}".rstrip("0") in seen[str(k)]["told"]
        words = " ".join(seen[str(k)]["words"])
        assert not [v for v in tables[k] if v not in words]
    assert "After 7 of 101 steps" in seen["7"]["told"] and "After 17 of 17" in seen["17"]["told"]
    assert costs[101] < 0.6 and seen["reset"]["title"] == "Update"
    assert all(
        f"{abs(v):.3f}" in " ".join(seen["reset"]["words"]) for v in np.ravel(first[weights[0]])
    )


@pytest.mark.slow
@browser
def test_zooming_keeps_the_moment_and_the_numbers(tmp_path):
    """From one box a layer to the whole net: the same step, the changed number, and each picture with its own words."""
    run = xor().backward()
    path = cg.animate(run, tmp_path / "xor.html", update=1.0, zoom=True)
    levels = cg.frames(run, forward="nodes", update=1.0, zoom=True).levels
    boxes = [len(level[-1].picture.boxes) for level in levels]
    assert len(boxes) > 1 and boxes == sorted(boxes)
    steps = """function seen_(){return [].filter.call(document.querySelectorAll('.cgraph-player'),function(s){return !s.hidden;});}
    function say(what){r=seen_()[0];look(what);seen[seen.length-1].many=seen_().length;
    seen[seen.length-1].value=[].map.call(r.querySelectorAll('.numbers input'),function(f){return f.value;});}
    r=seen_()[0];while(!/step 2/.test(r.querySelector('h2').textContent))key('ArrowRight');
    var f=r.querySelector('.numbers input');f.value=0.75;f.dispatchEvent(new Event('input'));say('in');
    key('-');say('out');key('-');say('farthest');key('+');say('in again');key('ArrowRight');say('next');
    r.querySelector('.level.out').click();say('button');"""
    seen = {s["what"]: s for s in click(path, tmp_path, steps)}
    assert all(s["many"] == 1 for k, s in seen.items() if k != "start")
    assert seen["out"]["title"] == "Backward pass, step 2 of 3: through layer 2"
    assert seen["farthest"]["title"] == seen["out"]["title"]
    assert (
        seen["in again"]["title"] == seen["in"]["title"] and "step 3 of 4" in seen["next"]["title"]
    )
    assert all("0.75" in s["value"] for k, s in seen.items() if k != "start")
    assert "layer 1" in seen["out"]["words"] and "layer 1" not in seen["in"]["words"]
    assert "step" in seen["button"]["title"] and "layer 1" in seen["button"]["words"]
    # The collapsed picture is told in its own numbers, of the changed net.
    assert "0.712" not in " ".join(seen["out"]["words"])


@pytest.mark.slow
@browser
def test_on_a_phone_the_node_and_its_result_are_in_sight(tmp_path):
    path = cg.animate(neuron().backward(), tmp_path / "and.html")
    inner = CLICKS.replace(
        "look('start');\nSTEPS",
        """
    var stage=r.querySelector('.stage');
    function sight(){var s=stage.getBoundingClientRect();return [].map.call(arguments,function(e){var b=e.getBoundingClientRect();
    return b.left>=s.left-1&&b.right<=s.right+1&&b.top>=s.top-1&&b.bottom<=s.bottom+1;});}
    function text(w){return [].filter.call(r.querySelectorAll('.stage text'),function(t){return t.textContent===w;})[0];}
    window.scrollTo=stage.scrollTo=function(o){stage.scrollLeft=o.left;stage.scrollTop=o.top;};
    while(!/step 2/.test(r.querySelector('h2').textContent))r.querySelector('[data-go=next]').click();
    seen=sight(text('σ').parentNode,text('∂L/∂z = 0.5'),text('2 × 0.25'));
    seen.push(stage.scrollWidth>stage.clientWidth,r.querySelector('.chain').getBoundingClientRect().bottom<=800);
    seen.push([].map.call(r.querySelectorAll('.beside button'),function(b){return b.textContent;}).join());
    var svg=stage.querySelector('svg'),wait=function(){svg.getAnimations().forEach(function(a){a.finish();});};
    r.querySelector('.zoom').click();seen.push(svg.getAnimations().length);wait();seen.push(stage.scrollWidth<=stage.clientWidth);
    r.querySelector('.zoom').click();wait();var b=r.querySelector('.beside button'),id='cg0-'+b.getAttribute('data-bring');
    b.click();seen.push(sight(document.getElementById(id))[0],r.querySelector('.about').textContent.length>20);""",
    )
    inner = inner.replace(
        "document.getElementById('seen').textContent=",
        "parent.document.getElementById('seen').textContent=",
    )
    page = path.read_text(encoding="utf-8").replace(
        "</body>", inner.replace('<pre id="seen"></pre>', "")
    )
    phone = tmp_path / "phone.html"
    phone.write_text(
        f'<meta charset="utf-8"><iframe style="width:390px;height:800px;border:0" srcdoc="{html.escape(page)}"></iframe>'
        '<pre id="seen"></pre><body></body>', encoding="utf-8",
    )  # fmt: skip
    *found, beside, moving, whole, brought, told = click(phone, tmp_path, "", "</body>")
    assert found == [True] * 5 and "w₁" in beside
    assert moving == 1 and whole  # the picture glides there
    assert brought and told  # a box that is cut off is brought into view


@pytest.mark.slow
@browser
def test_an_overview_is_seen_whole_and_a_step_comes_nearer(tmp_path):
    page = cg.frames(batch().backward(), update=0.5).html()
    inner = """<script>var seen=[],r=document.querySelector('.cgraph-player');
    var stage=r.querySelector('.stage'),svg=stage.querySelector('svg');
    function look(){var moving=svg.getAnimations();seen.push([r.querySelector('h2').textContent.split(',')[0],moving.length,
    svg.clientWidth<=stage.clientWidth,stage.clientHeight]);moving.forEach(function(a){a.finish();});}
    look();for(var k=0;k<5;k++){r.querySelector('[data-go=next]').click();look();}
    parent.document.getElementById('seen').textContent=JSON.stringify(seen);</script></body>"""
    wide = tmp_path / "wide.html"
    wide.write_text(
        '<meta charset="utf-8"><iframe style="width:1240px;height:900px;border:0" srcdoc="'
        f'{html.escape(page.replace("</body>", inner))}"></iframe><pre id="seen"></pre><body></body>',
        encoding="utf-8",
    )
    seen = click(wide, tmp_path, "", "</body>")
    assert [(whole, moving) for _, moving, whole, _ in seen] == [
        (True, 0), (True, 0), (False, 1), (False, 0), (False, 0), (True, 1)
    ]  # fmt: skip
    assert len({height for *_, height in seen}) == 1  # what stands below stays where it is


def test_twenty_frames_are_one_small_page(tmp_path):
    with cg.scope("net"):
        x = cg.parameter("x", 0.3)
        value = x
        for i in range(18):
            value = (cg.tanh, cg.sigmoid)[i % 2](value * 1.3, name=f"a{i}")
    found = cg.frames(cg.square(value, name="loss").backward(), view="cards")
    assert len(found) >= 20
    assert len(found.html().encode()) < 300_000


def test_what_cannot_be_computed_in_the_page_stands_still(tmp_path):
    """The picture and its steps are there all the same, and the page says why its numbers are not to be changed."""
    strange = elementwise(
        "strange_op", np.cbrt, lambda out, x: 1.0 / (3.0 * cg.square(out)), module="test"
    )
    try:
        w = cg.parameter("w", 8.0)
        page = cg.frames(strange(w, name="loss").backward()).html()
    finally:
        del OPS["strange_op"], PUBLIC["strange_op"]
    assert '"still":"the page has no rule for \'strange_op\'"' in page
    wide = cg.frames(cg.sum(cg.parameter("w", np.zeros(20_000))).backward()).html()
    assert "the graph has 2 nodes with 20,001 numbers" in wide and len(wide) < 110_000
    half = cg.frames(cg.square(cg.parameter("w", np.float16(2.0))).backward()).html()
    assert "the page computes in float64 and float32" in half


@pytest.mark.slow
@browser
def test_a_page_says_which_op_it_cannot_compute(tmp_path):
    """In words, in the place of the numbers to change; and the ops of a page's own rules are its only ones."""
    A = cg.parameter("A", [[1.0, 2.0], [3.0, 4.0]])
    path = cg.animate(cg.sum(cg.linalg.svdvals(A), name="f").backward(), tmp_path / "svd.html")
    page = path.read_text(encoding="utf-8")
    assert "CGraphInterpreter=" not in page.replace(" ", "") and len(page) < 95_000
    (seen, *_) = click(path, tmp_path, "seen[0].still=r.querySelector('.panel>.still').textContent;")  # fmt: skip
    assert (
        seen["still"]
        == "Its numbers cannot be changed here: the page has no rule for 'linalg.svdvals'."
    )
    plain_, special = (
        cg.animate(f(cg.parameter("w", 0.3), name="f").backward(), tmp_path / "f.html").read_text(encoding="utf-8")
        for f in (cg.sigmoid, cg.special.erf)
    )  # fmt: skip
    assert "erfcx" in special and "erfcx" not in plain_


@pytest.mark.slow
@browser
def test_a_convolution_is_written_out_and_read_aloud(tmp_path):
    """An entry of a convolution is the window times the kernel; four dimensions are told; after a change nothing old is said."""
    rng = np.random.default_rng(3)
    x = cg.input("x", np.round(rng.normal(size=(1, 1, 7, 8)), 1))
    K, b = cg.parameter("K", np.round(rng.normal(size=(1, 1, 2, 2)), 1)), cg.parameter("b", [0.1])
    loss = cg.sum(cg.square(cg.nn.functional.conv2d(x, K, b, name="Y")), name="loss")
    run = loss.backward()
    path = cg.animate(run, tmp_path / "conv.html", view="expanded")
    steps = """function choose(name){[].some.call(r.querySelectorAll('.stage .node'),function(g){
    var hit=[].some.call(g.querySelectorAll('text'),function(t){return t.textContent.trim()===name;});
    if(hit)g.dispatchEvent(new MouseEvent('mouseover',{bubbles:true}));return hit;});}
    key('End');while(!/step 1 /.test(r.querySelector('h2').textContent))key('ArrowLeft');look('back');key('End');choose('K');
    var e=r.querySelectorAll('.about .entry');e[e.length-2].dispatchEvent(new MouseEvent('mouseover',{bubbles:true}));look('entry');
    choose('x');look('before');
    var f=r.querySelector('.numbers input');f.value=2;f.dispatchEvent(new Event('input'));choose('K');look('changed');
    [].forEach.call(r.querySelectorAll('.stage .node'),function(g){
    g.dispatchEvent(new MouseEvent('mouseover',{bubbles:true}));look('all');});"""
    seen = click(path, tmp_path, steps)
    by = {s["what"]: s for s in seen}
    assert "1 by 1 by 6 by 7 numbers from" in by["back"]["said"]
    told = by["entry"]["about"]
    assert "∂L/∂K [1, 1, 2, 1] = " in told and "more)" in told
    gradient = text.number(run.grad(K)[0, 0, 1, 0])
    assert told.rstrip().endswith(gradient)
    # What was said of large arrays before the change is said nowhere after it.
    K_new = run.value(K).copy()
    K_new[0, 0, 0, 0] = 2.0
    Y = next(n for n in run.order if n.basename == "Y")
    before = run.value(Y).max()
    K.value = K_new
    after = loss.backward().value(Y).max()
    words = " ".join(s["about"] + " ".join(s["labels"]) for s in seen if s["what"] == "all")
    assert text.number(float(after)) in words and text.number(float(before)) not in words


@pytest.mark.filterwarnings("error::RuntimeWarning")  # the engine has nothing to say
@pytest.mark.parametrize("part", [{"focus": "w00"}, {"around": "b0", "hops": 1}, {}])
def test_parts_of_a_large_graph_are_live(part):
    """A focus, a neighbourhood, an overview: their numbers are traced like those of a whole picture."""
    root = mlp(2, (2, 6, 6, 1), scoped=False)
    names = {n.basename: n for n in cg.run(root).order}
    options = {k: names[v] if k != "hops" else v for k, v in part.items()}
    page = cg.draw(root.backward(), **options).html()
    live = json.loads(re.search(r'<script type="application/json">(.*?)</script>', page, re.S)[1])[
        "live"
    ]
    assert "still" not in live and live["texts"]
    texts = [parts for group in live["texts"].values() for parts in group.values()]
    assert not [parts for parts in texts if parts[0] == "?"]


@pytest.mark.parametrize(
    "options", [{}, {"view": "expanded"}, {"theme": "circles"}, {"view": "layers", "bypass": True}]
)
@pytest.mark.parametrize("net", [neuron, batch, xor, classes, convnet])
def test_every_number_of_a_picture_is_bound(net, options):
    """Also in a single diagram: each number that depends on a leaf is known to the page, so that none has to fade."""
    for page in (
        cg.draw(net().backward(), **options).html(),
        cg.frames(net().backward(), update=0.5, **options).html(),
    ):
        live = json.loads(
            re.search(r'<script type="application/json">(.*?)</script>', page, re.S)[1]
        )["live"]
        assert "still" not in live
        texts = [parts for group in live["texts"].values() for parts in group.values()]
        assert len(texts) > 10 and not [parts for parts in texts if parts[0] == "?"]


def test_drawing_leaves_no_trace_in_the_graph():
    """The probing runs are made on a copy: what the nodes say they hold is what the user's run left there."""
    root = neuron()
    run = root.backward()
    before = {n: (float(n.value), float(n.grad) if run.has_grad(n) else None) for n in run.order}
    cg.frames(run, update=1.0).html()
    assert before == {
        n: (float(n.value), float(n.grad) if run.has_grad(n) else None) for n in run.order
    }


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
    ids = re.findall(r'<g id="cg0-(n\d+)" class="node \w+" tabindex="0" role="img"', page)
    picture = cg.draw(neuron()).picture
    forward = [picture.builder.ids[n] for n in picture.builder.order if n in picture.builder.ids]
    assert ids == forward  # the Tab key goes the way of the forward pass
    assert "<title>Loss, step by step</title>" in page
    # A leaf is met with the op that takes it first, the bypassed sigmoid before its loss.
    frames = cg.frames(xor().backward(), bypass=True)
    symbols = {box.id: box.symbol for box in frames[-1].picture.boxes}
    ids = re.findall(r'<g id="cg0-(\w+)" class="node \w+" tabindex="0"', frames.html())
    order = "W₁ X b₁ linear σ W₂ b₂ linear Y σ mean BCE from logits"
    assert " ".join(symbols[id] for id in ids) == order


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
