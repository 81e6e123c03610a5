"""The interactive page: a run's frames in one self-contained HTML file, to be stepped through with keys, buttons or a slider.

No network, no library: the pictures are inline SVG, the style and the script stand below. Colours follow the reader's dark mode by
attribute selectors made from the two palettes. Everything a user wrote reaches the page through `escape` or as JSON whose `<` is
escaped, never as markup. Every node can be reached with the Tab key and says what it is; the caption is a live region.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import count
from typing import Any

from cgraph.draw.model.diagram import Picture, replace
from cgraph.draw.model.text import escape
from cgraph.draw.output import engine, svg
from cgraph.draw.output.dot import dot
from cgraph.draw.output.theme import DARK, LIGHT, Palette

_pages = count(1)


def page(frames: Any, title: str = "") -> str:
    """A whole HTML page of a Diagram, or of a series of them."""
    pictures = _pictures(frames)
    heading = escape(title or pictures[-1].title or "Computational graph")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{heading}</title><style>body{{margin:0;padding:12px;background:#fff}}"
        "@media (prefers-color-scheme:dark){body{background:#12171D}}</style></head><body>\n"
        f"{_fragment(pictures, 'cg0')}\n</body></html>\n"
    )


def fragment(frames: Any) -> str:
    """The same without the page around it, with ids of its own: for notebooks and for pages with several players."""
    return _fragment(_pictures(frames), f"cg{next(_pages)}")


def _pictures(frames: Any) -> list[Picture]:
    diagrams = frames if isinstance(frames, Sequence) else [frames]
    return [diagram.picture for diagram in diagrams]


def _fragment(pictures: list[Picture], id: str) -> str:
    drawings = []
    for i, picture in enumerate(pictures):
        bare = replace(picture, title="", caption="", reserve=())
        drawn = engine.render(dot(bare), ["svg"])[0]
        drawing = svg.finish(drawn, picture, f"{id}f{i}-")
        width, height = svg.size(drawing)
        sized = drawing.replace(
            f'width="{width:.0f}pt" height="{height:.0f}pt"',
            f'style="--full:{width * 4 / 3:.0f}px;height:auto"',
            1,
        ).replace('role="img"', 'role="group"', 1)
        drawings.append(
            f'<div class="frame"{"" if i == 0 else " hidden"}>{_focusable(sized)}</div>'
        )
    data = json.dumps(
        {
            "frames": [
                {"title": p.title, "caption": p.caption, "hide": _hidden(p), "see": _active(p)} for p in pictures
            ],
            "about": {box.id: [list(pair) for pair in box.detail] for box in pictures[-1].boxes if box.detail},
        },
        ensure_ascii=False,
    ).replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")  # fmt: skip
    buttons = "".join(
        f'<button type="button" data-go="{go}" aria-label="{label}" title="{label} ({key})">{mark}</button>'
        for go, label, key, mark in (
            ("first", "First step", "Home", "❘◀"), ("back", "Previous step", "←", "◀"), ("play", "Play", "space", "Play"),
            ("next", "Next step", "→", "▶"), ("last", "Last step", "End", "▶❘"),
        )
    )  # fmt: skip
    slider = f'<input type="range" min="0" max="{len(pictures) - 1}" value="0" aria-label="Step">'
    zoom = '<button type="button" class="zoom" aria-pressed="false">whole picture</button>'
    steps = f'{buttons}{slider}<span class="at"></span>' if len(pictures) > 1 else ""
    bar = f'<div class="bar">{steps}{zoom}</div>'
    first = pictures[0]
    return (
        f'<section class="cgraph-player" id="{id}" tabindex="0" role="region" aria-label="computational graph, step by step">'
        f"<style>{_CSS}{_palette_css()}</style>{bar}"
        f'<div class="words" aria-live="polite"><h2>{escape(first.title)}</h2><p>{escape(first.caption)}</p></div>'
        f'<div class="stage">{"".join(drawings)}</div>'
        '<div class="about" aria-live="polite"><p>Point at a node, or go to it with the Tab key, to see all its digits.</p></div>'
        f'<script type="application/json">{data}</script><script>{_JS.replace("ID", json.dumps(id))}</script></section>'
    )


def _focusable(drawing: str) -> str:
    """Nodes that the Tab key reaches."""
    return drawing.replace('class="node ', 'tabindex="0" role="img" class="node ')


def _hidden(picture: Picture) -> dict[str, list[str]]:
    """Which nodes have no value, no local gradient or no gradient yet in this frame."""
    waiting = {a.tail for a in picture.arrows if a.kind == "gradient" and a.state == "hidden"}
    coming = {a.tail for a in picture.arrows if a.kind == "value" and a.state == "hidden"}
    rows = {box.id for box in picture.boxes if box.rows_state == "hidden"}
    value = {box.id for box in picture.boxes if box.value_state == "hidden"} | coming
    return {"value": sorted(value), "local": sorted(rows), "grad": sorted(waiting)}


def _active(picture: Picture) -> list[str]:
    """What this frame is about: the box that works, or the arrow that arrives."""
    boxes = [box.id for box in picture.boxes if box.active]
    return boxes or [
        arrow.id or f"e{i}" for i, arrow in enumerate(picture.arrows) if arrow.state == "active"
    ]


def _palette_css() -> str:
    """Dark mode: every colour of the light palette looked up by attribute and replaced."""

    def rules(old: Palette, new: Palette) -> str:
        pairs = {a.lower(): b for (_, a), (_, b) in zip(old.items(), new.items(), strict=True)}
        return "".join(
            f'.cgraph-player svg [fill="{a}"]{{fill:{b}}}.cgraph-player svg [stroke="{a}"]{{stroke:{b}}}'
            for a, b in {**pairs, "white": new.paper}.items()
        )

    return f"@media (prefers-color-scheme:dark){{{rules(LIGHT, DARK)}}}"


_CSS = """
.cgraph-player{font-family:'DejaVu Sans',Verdana,sans-serif;color:#1F2933;background:#fff;max-width:1500px;outline-offset:4px}
.cgraph-player .bar{display:flex;flex-wrap:wrap;gap:6px;align-items:center;margin-bottom:6px}
.cgraph-player button{font:inherit;font-size:16px;min-width:44px;min-height:40px;border:1px solid #9AA5B1;border-radius:8px;
background:#F1F3F5;color:inherit;cursor:pointer}
.cgraph-player button:hover{background:#DFEBFA}.cgraph-player button:disabled{opacity:.4;cursor:default}
.cgraph-player input[type=range]{flex:1;min-width:120px;max-width:420px;accent-color:#B84300}
.cgraph-player .at{font-size:13px;color:#566270}
.cgraph-player h2{font-size:18px;margin:6px 0 2px}
.cgraph-player .words p{font-size:14px;margin:0 0 6px;color:#566270;min-height:2.6em}
.cgraph-player .stage{overflow-x:auto}.cgraph-player .frame svg{display:block;width:var(--full);max-width:100%}
.cgraph-player .node{cursor:help}.cgraph-player .node:focus{outline:2px solid #B84300;outline-offset:2px}
.cgraph-player .about{font-size:13px;border-top:1px solid #D5DAE0;margin-top:6px;padding-top:6px;min-height:9em}
.cgraph-player .about p{color:#566270;margin:0}
.cgraph-player dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 14px;margin:0}
.cgraph-player dt{color:#566270}.cgraph-player dd{margin:0;white-space:pre-wrap;overflow-wrap:anywhere;
font-family:'DejaVu Sans Mono',Menlo,Consolas,monospace}
.cgraph-player .zoom{display:none;padding:0 10px;font-size:14px}
@media (max-width:700px){.cgraph-player:not(.whole) .frame svg{
max-width:none;width:max(calc(var(--full)*.75),min(100%,var(--full)))}.cgraph-player .zoom{display:inline-block}
.cgraph-player:not(.whole) .stage{background:linear-gradient(to left,rgba(107,119,133,.25),rgba(107,119,133,0)) right/14px 100% no-repeat}}
@media (prefers-color-scheme:dark){.cgraph-player{background:#12171D;color:#E6EAEF}
.cgraph-player button{background:#232A31;border-color:#66727E}.cgraph-player button:hover{background:#1A2C42}
.cgraph-player .at,.cgraph-player .words p,.cgraph-player .about p,.cgraph-player dt{color:#B4C0CB}
.cgraph-player .about{border-color:#39424C}}
"""

_JS = """(function(){
var root=document.getElementById(ID),data=JSON.parse(root.querySelector('script[type="application/json"]').textContent);
var frames=[].slice.call(root.querySelectorAll('.frame')),n=frames.length,i=0,timer=null,chosen=null;
var title=root.querySelector('h2'),caption=root.querySelector('.words p'),about=root.querySelector('.about');
var stage=root.querySelector('.stage'),zoom=root.querySelector('.zoom'),slider=root.querySelector('input'),at=root.querySelector('.at');
function button(go){return root.querySelector('button[data-go="'+go+'"]');}
function show(k){
  i=Math.max(0,Math.min(n-1,k));
  frames.forEach(function(f,j){f.hidden=j!==i;});
  title.textContent=data.frames[i].title;caption.textContent=data.frames[i].caption;
  if(slider){slider.value=i;slider.setAttribute('aria-valuetext',data.frames[i].title);at.textContent=(i+1)+' / '+n;
    button('first').disabled=button('back').disabled=i===0;button('next').disabled=button('last').disabled=i===n-1;}
  root.setAttribute('data-frame',i);
  follow();
  if(chosen)tell(chosen);
}
function follow(){
  if(stage.scrollWidth<=stage.clientWidth)return;
  var see=data.frames[i].see,node=see.length&&document.getElementById(ID+'f'+i+'-'+see[0]);
  if(!node)return;
  var box=node.getBoundingClientRect(),frame=stage.getBoundingClientRect();
  stage.scrollLeft+=box.left+box.width/2-frame.left-frame.width/2;
}
function label(words){button('play').textContent=words;button('play').setAttribute('aria-label',words);}
function stop(){if(timer){clearInterval(timer);timer=null;label('Play');}}
function play(){
  if(timer){stop();return;}
  if(i===n-1)show(0);
  label('Pause');
  timer=setInterval(function(){if(i===n-1){stop();}else{show(i+1);}},1800);
}
var go={first:function(){show(0);},back:function(){show(i-1);},next:function(){show(i+1);},last:function(){show(n-1);},play:play};
function idOf(node){return node.id.replace(/^.*?f\\d+-/,'');}
function tell(id){
  var facts=data.about[id],hide=data.frames[i].hide;
  if(!facts)return;
  chosen=id;
  var list=document.createElement('dl');
  facts.forEach(function(pair){
    var key=pair[0];
    if(key==='value'&&hide.value.indexOf(id)>=0)return;
    if(key==='local gradient'&&hide.local.indexOf(id)>=0)return;
    if(key.charAt(0)==='\\u2202'&&hide.grad.indexOf(id)>=0)return;
    var dt=document.createElement('dt'),dd=document.createElement('dd');
    dt.textContent=key;dd.textContent=pair[1];list.appendChild(dt);list.appendChild(dd);
  });
  about.textContent='';about.appendChild(list);
}
function pick(e){var node=e.target.closest&&e.target.closest('.node');if(node&&root.contains(node))tell(idOf(node));}
root.addEventListener('click',function(e){
  var b=e.target.closest('button');if(b&&go[b.dataset.go]){if(b.dataset.go!=='play')stop();go[b.dataset.go]();}else pick(e);});
zoom.addEventListener('click',function(){
  zoom.setAttribute('aria-pressed',root.classList.toggle('whole'));follow();});
root.addEventListener('mouseover',pick);root.addEventListener('focusin',pick);
if(slider)slider.addEventListener('input',function(){stop();show(+slider.value);});
root.addEventListener('keydown',function(e){
  if(n<2||e.ctrlKey||e.metaKey||e.altKey||e.target===slider)return;
  var k={ArrowRight:'next',ArrowLeft:'back',Home:'first',End:'last',' ':'play'}[e.key];
  if(!k||(k==='play'&&e.target.tagName==='BUTTON'))return;
  if(k!=='play')stop();go[k]();e.preventDefault();
});
show(0);
})();"""
