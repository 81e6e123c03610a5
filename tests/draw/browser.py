"""A headless Chromium, and node, for the tests of pages; those tests are skipped where there is none."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(
    (p for p in ("chromium", "chromium-browser", "google-chrome") if shutil.which(p)), None
)
NODE = shutil.which("node")
browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium to click with")

# Presses keys, clicks and points, writes down what it sees after each, and what the console was told.
CLICKS = """<pre id="seen"></pre><script>
var r=document.querySelector('.cgraph-player'),seen=[];
function key(k,on){(on||document.activeElement||document.body).dispatchEvent(
new KeyboardEvent('keydown',{key:k,bubbles:true,cancelable:true}));}
function shown(css){return [].filter.call(r.querySelectorAll('.stage '+css),function(e){return !e.classList.contains('off');});}
function look(what){seen.push({what:what,title:r.querySelector('h2').textContent,caption:r.querySelector('.words p').textContent,
words:shown('text').map(function(t){return t.textContent.trim();}),
about:r.querySelector('.about').textContent+r.querySelector('.sum').textContent,
chain:r.querySelector('.chain').textContent,worked:r.querySelector('.worked').textContent,
said:r.querySelector('.said').textContent,focus:document.activeElement.id,
labels:[].map.call(r.querySelectorAll('.node'),function(g){return g.getAttribute('aria-label')||'';})});}
look('start');
STEPS
document.getElementById('seen').textContent=JSON.stringify(seen);
</script></body>"""


def in_chromium(page: Path, tmp_path: Path) -> str:
    """The page's DOM after its scripts have run; an error of a script, or anything it writes to the console, is an error here."""
    assert CHROMIUM is not None
    done = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--enable-logging=stderr", "--v=0", f"--user-data-dir={tmp_path / 'profile'}",
         "--dump-dom", page.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    told = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert not told, told
    return done.stdout


def click(path: Path, tmp_path: Path, steps: str, clicks: str = CLICKS) -> Any:
    """What is seen while `steps`, in JavaScript, are taken on a page."""
    page = tmp_path / "clicked.html"
    text = path.read_text(encoding="utf-8")
    page.write_text(text.replace("</body>", clicks.replace("STEPS", steps)), encoding="utf-8")
    found = re.search(r'<pre id="seen">(.*?)</pre>', in_chromium(page, tmp_path), re.S)
    assert found is not None
    return json.loads(html.unescape(found[1]))
