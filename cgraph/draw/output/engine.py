"""The one place that talks to Graphviz: DOT text in, bytes of a picture out.

Separate because every trap of the engine lives here and nowhere else: its errors go to the C stderr instead of being raised,
the first graph parsed in a process loses its default labels, a bare machine has no fonts, big bitmaps are shrunk in silence.
The bundled Graphviz (pygraphviz) is used in process; a `dot` on the PATH stands in where it is missing. Both draw the same
structure. pygraphviz is imported at the first picture, not with cgraph.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any

from cgraph.errors import DrawError
from cgraph.io.atomic import write_atomically

FONTS = Path(__file__).parent / "fonts"
SYSTEM_FONTS: tuple[str, ...] = (
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "/usr/X11R6/lib/X11/fonts",
)
_LOCK = threading.RLock()  # Graphviz keeps global state
_primed = False
_NOISE = (
    "Fontconfig warning",
    "Fontconfig error: Cannot load default",
    "no usable cache",
    "No writable cache",
)
_ADVICE = (
    "no Graphviz found: `pip install pygraphviz` brings one in its wheel (Linux, macOS on arm64, Windows), or install "
    "the system package graphviz so that `dot` is on the PATH. .dot, .txt and Mermaid need neither"
)


def render(dot: str, formats: Sequence[str], *, engine: str | None = None) -> list[bytes]:
    """Draws one DOT text in each of `formats` ("png", "svg", "pdf", "json0" ...), laid out once.

    `engine` is "bundled", "system", or None for the first that is there.

    Raises:
        DrawError: no engine; the engine refused the text; the bitmap would be larger than the engine can draw.
    """
    if engine is None:
        engine = "bundled" if _pygraphviz() is not None else "system"
    with _LOCK, _fonts():
        if engine == "bundled":
            with _captured_stderr() as said:
                pictures = _bundled(dot, formats)
        else:
            said, pictures = [], []
            for format in formats:
                pictures.append(_system(dot, format, said))
    _judge("".join(said))
    if not all(pictures):
        raise DrawError(f"Graphviz drew nothing as {', '.join(formats)}")
    return pictures


def _pygraphviz() -> Any:
    try:
        import pygraphviz
    except ImportError:  # no wheel for this platform, or its libraries do not load
        return None
    return pygraphviz


def _bundled(dot: str, formats: Sequence[str]) -> list[bytes]:
    global _primed
    pygraphviz = _pygraphviz()
    if pygraphviz is None:
        raise DrawError(_ADVICE)
    gv = pygraphviz.graphviz
    if not _primed:  # the default node label is declared only when the first context is made
        gv.gvFreeContext(gv.gvContextWithBuiltins())
        _primed = True
    try:
        graph = pygraphviz.AGraph(string=dot)
    except Exception as error:
        raise DrawError(f"Graphviz could not read the DOT text: {error}") from error
    context = gv.gvContextWithBuiltins()
    try:
        if gv.gvLayout(context, graph.handle, b"dot"):
            raise DrawError("Graphviz could not lay out this graph")
        try:
            return [_data(gv.gvRenderData(context, graph.handle, f.encode()), f) for f in formats]
        finally:
            gv.gvFreeLayout(context, graph.handle)
    finally:
        gv.gvFreeContext(context)
        graph.close()


def _data(rendered: Any, format: str) -> bytes:
    if not isinstance(rendered, list | tuple):
        raise DrawError(f"this Graphviz cannot write {format!r}")
    data = rendered[1]
    return data if isinstance(data, bytes) else str(data).encode()


def _system(dot: str, format: str, said: list[str]) -> bytes:
    program = shutil.which("dot")
    if program is None:
        raise DrawError(_ADVICE)
    done = subprocess.run(
        [program, f"-T{format}"], input=dot.encode(), capture_output=True, check=False
    )
    said.append(done.stderr.decode(errors="replace"))
    if done.returncode and "Error" not in said[-1]:
        raise DrawError(f"dot ended with code {done.returncode}: {said[-1].strip()[:400]}")
    return done.stdout


@contextmanager
def _captured_stderr() -> Iterator[list[str]]:
    """Collects what C code writes to file descriptor 2; what is not Graphviz's is passed on afterwards."""
    said: list[str] = []
    try:
        sys.stderr.flush()
        kept = os.dup(2)
    except (
        OSError,
        AttributeError,
        ValueError,
    ):  # no stderr at all (a GUI, a daemon): nothing to keep clean
        yield said
        return
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield said
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            file.seek(0)
            said.append(file.read().decode(errors="replace"))


def _judge(said: str) -> None:
    """Turns what the engine muttered into an exception or a warning; its noise about system fonts is dropped."""
    lines = [line for line in said.splitlines() if line.strip() and not line.startswith(_NOISE)]
    for line in lines:
        if "too large for cairo-renderer bitmaps" in line or "Scaling by" in line:
            raise DrawError(
                "the picture is too large for a bitmap (32,767 pixels a side): save it as .svg or .pdf, lower dpi=, "
                "or collapse the graph"
            )
        if line.startswith("Error") or "syntax error" in line:
            raise DrawError(
                f"Graphviz: {line} (this is a bug in cgraph: please report the graph that shows it)"
            )
    if lines:
        warnings.warn("Graphviz: " + "; ".join(lines[:5]), RuntimeWarning, stacklevel=outside())


def outside() -> int:
    """The `stacklevel` of a warning that shall point at the user's line, however many of cgraph's lie between."""
    frame, level = sys._getframe(1), 1
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] == "cgraph":
        frame, level = frame.f_back, level + 1
    return level


@contextmanager
def _fonts() -> Iterator[None]:
    """Points fontconfig at the shipped faces while drawing; a user's own FONTCONFIG_FILE wins."""
    ours = "FONTCONFIG_FILE" not in os.environ
    if ours:
        os.environ["FONTCONFIG_FILE"] = _font_configuration()
    try:
        yield
    finally:
        if ours:  # programs that the user starts later must not inherit it
            os.environ.pop("FONTCONFIG_FILE", None)


@functools.cache
def _font_configuration() -> str:
    """A fontconfig file that puts the shipped faces first, then the system's (for scripts that DejaVu does not have).

    It lives in the user's cache, beside links to the faces: fontconfig marks every directory it reads with a file of its
    own, which must not happen inside an installed package.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cgraph"
    place = cache / f"fonts-{zlib.crc32(str(FONTS).encode()):08x}"
    try:
        return _write_font_configuration(place)
    except (OSError, DrawError, RuntimeError):  # no home, or a read-only one
        place = Path(tempfile.mkdtemp(prefix="cgraph-fonts-"))
        atexit.register(shutil.rmtree, place, ignore_errors=True)
        return _write_font_configuration(place)


def _write_font_configuration(place: Path) -> str:
    place.mkdir(parents=True, exist_ok=True)
    for face in sorted(FONTS.glob("*.ttf")):
        with contextlib.suppress(FileExistsError):
            (place / face.name).symlink_to(face)
    dirs = "".join(f"  <dir>{escape(str(d))}</dir>\n" for d in (place, *SYSTEM_FONTS))
    config = f'<?xml version="1.0"?>\n<fontconfig>\n{dirs}  <cachedir prefix="xdg">fontconfig</cachedir>\n</fontconfig>\n'
    file = place / "fonts.conf"
    if not file.exists() or file.read_text() != config:
        write(file, config.encode())
    return str(file)


def write(path: str | os.PathLike[str], data: bytes) -> Path:
    """Writes a file so that it is either the old one or the new one, whole, whatever happens in between.

    Raises:
        DrawError: the directory is missing or not writable, or the disk is full; the old file is untouched.
    """
    path = Path(path)
    try:
        write_atomically(path, lambda file: file.write(data))
    except OSError as error:
        raise DrawError(f"cannot write {str(path)!r}: {error.strerror or error}") from error
    return path


def doctor() -> dict[str, str]:
    """What there is to draw with: engine, its version, the fonts. For `cgraph doctor`.

    >>> sorted(doctor())
    ['engine', 'fonts', 'system dot', 'text']
    """
    facts: dict[str, str] = {}
    pygraphviz, dot = _pygraphviz(), shutil.which("dot")
    version = ""
    if pygraphviz is not None or dot:
        comment = render("digraph{a}", ["svg"])[0].decode()
        version = comment.partition("Generated by graphviz version ")[2].partition("\n")[0].strip()
    if pygraphviz is not None:
        facts["engine"] = f"Graphviz {version}, in process (pygraphviz {pygraphviz.__version__})"
    else:
        facts["engine"] = f"Graphviz {version}, {dot}" if dot else _ADVICE
    facts["system dot"] = dot or "none (not needed)" if pygraphviz is not None else dot or "none"
    faces = sorted(p.stem for p in FONTS.glob("*.ttf"))
    config = os.environ.get("FONTCONFIG_FILE")
    facts["fonts"] = f"{', '.join(faces) or 'NOT FOUND'} (shipped)" + (
        f"; FONTCONFIG_FILE={config}" if config else ""
    )
    facts["text"] = _drawn_text() if version else "not tested"
    return facts


def _drawn_text() -> str:
    """Whether letters come out as letters: two different words must have two different pictures of ink."""
    words = ("∂σ", "p̂₁")
    dots = [f'digraph{{a[shape=plain, fontname="DejaVu Sans", label="{w}"]}}' for w in words]
    first, second = (render(dot, ["png"])[0] for dot in dots)
    return "symbols are drawn" if first != second else "NO FONT: letters come out as boxes"
