"""The one writer of figures: `cgraph gallery` and `cgraph demo` hand it diagrams, series of frames, plots and texts, and it makes files.

It knows what each kind becomes (PNG and SVG, one file a frame and a page that steps through them), keeps a list of what was written, and
reads the numbers of a diagram off the Run behind it.
"""

from __future__ import annotations

import inspect
import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cgraph.draw import Diagram
from cgraph.draw.motion import Frames
from cgraph.draw.output import engine, svg
from cgraph.draw.output.player import dark_svg, fragment, page
from cgraph.errors import CgraphError, DrawError
from cgraph.plots import style

Array = np.ndarray[Any, Any]


@dataclass
class Item:
    """One thing that was shown: a diagram, the frames of a run, a plot or a text."""

    name: str
    kind: str  # "diagram", "frames", "plot", "text"
    title: str
    caption: str = ""
    files: list[str] = field(default_factory=list)
    size: tuple[float, float] = (0.0, 0.0)  # in CSS pixels
    words: str = ""  # everything it says, for the search
    player: str = ""  # the interactive picture, as a part of a page


class FigureWriter:
    """Writes figures into a directory.

    Args:
        out: the directory; made if need be.
        vectors: diagrams as SVG, too.
        lenient: go on where Graphviz or matplotlib is missing, and remember what had to be left out.

    Raises:
        CgraphError: for a directory that cannot be made.
    """

    def __init__(self, out: Path, *, vectors: bool = True, lenient: bool = False) -> None:
        self.out, self.vectors, self.lenient = out, vectors, lenient
        self.items: list[Item] = []
        self.numbers: dict[str, Any] = {}
        self.missing: list[str] = []
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CgraphError(f"cannot make {str(out)!r}: {error.strerror}") from error

    def show(self, name: str, what: Any, title: str = "") -> None:
        """Write a Diagram, Frames, matplotlib axes (or a list of them, of one figure), or a text under a name without suffix.

        A function without arguments is called for it, so that what cannot be made here is left out like what cannot be written.

        Raises:
            CgraphError: for anything else; and, unless lenient, DrawError without Graphviz.
        """
        try:
            if inspect.isfunction(what):
                what = what()
            if isinstance(what, Diagram):
                self._diagram(name, what, title)
            elif isinstance(what, Frames):
                self._frames(name, what, title)
            elif isinstance(what, str):
                self._text(name, what, title)
            elif hasattr(what, "figure") or (what and all(hasattr(ax, "figure") for ax in what)):
                self._plot(name, what, title)
            else:
                raise CgraphError(f"{name}: cannot show {type(what).__name__}")
        except DrawError as error:
            if not self.lenient:
                raise
            self.without(f"diagrams: {error}")
        except ModuleNotFoundError as error:
            if not self.lenient or error.name != "matplotlib":
                raise
            self.without(
                'plots: matplotlib is not installed; pip install "cgraph[plots]" brings it'
            )

    def record(self, run: Any = None, prefix: str = "", **numbers: Any) -> None:
        """Numbers for the manifest: those given, and every named value and gradient of a Run."""
        if run is not None:
            self.numbers |= of_run(run, prefix)
        self.numbers |= {key: plain(value) for key, value in numbers.items()}

    def without(self, what: str) -> None:
        """Remember what could not be made; told once."""
        if what not in self.missing:
            self.missing.append(what)
            print(f"    (without {what})")

    # --- what each kind becomes -------------------------------------------------------------------------------------------------

    def _item(self, name: str, kind: str, title: str, caption: str = "") -> Item:
        item = Item(name, kind, title, caption)
        self.items.append(item)
        return item

    def _keep(self, item: Item, file: str, data: bytes) -> None:
        engine.write(self.out / file, data)
        item.files.append(file)

    def _diagram(self, name: str, diagram: Diagram, title: str) -> None:
        item = self._item(name, "diagram", title or diagram.title, diagram.caption)
        self._picture(item, name, diagram)
        builder = diagram.picture.builder
        if builder is not None and builder.run is not None:
            self.record(builder.run)

    def _picture(self, item: Item, name: str, diagram: Diagram) -> None:
        self._keep(item, f"{name}.png", diagram.png())
        item.words += f" {diagram}"
        if self.vectors:
            drawing = diagram.svg()
            width, height = svg.size(drawing)
            item.size = (width * 4 / 3, height * 4 / 3)
            self._keep(item, f"{name}.svg", dark_svg(drawing).encode())

    def _frames(self, name: str, found: Frames, title: str) -> None:
        item = self._item(name, "frames", title or found[0].title)
        for i, (step, diagram) in enumerate(zip(found.names, found, strict=True)):
            file = f"{name}_{i:02d}_{step}" if self.vectors else f"{name}_{i}"
            self._picture(item, file, diagram)
        if self.vectors:
            item.player = fragment(found, title=item.title, with_assets=False)
            self.record(found[-1].picture.builder.run)
        self._keep(item, f"{name}.html", page(found, item.title).encode())

    def _plot(self, name: str, axes: Any, title: str) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.text import Text

        first = axes if hasattr(axes, "figure") else axes[0]
        figure = first.figure
        item = self._item(
            name, "plot", title or figure.get_suptitle() or first.get_title(loc="left")
        )
        data = io.BytesIO()
        canvas: Any = FigureCanvasAgg(figure)
        canvas.print_png(data)
        width, height = figure.get_size_inches()
        item.size = (width * 96, height * 96)
        texts: Any = figure.findobj(Text)
        item.words = " ".join(text.get_text() for text in texts)
        self._keep(item, f"{name}.png", data.getvalue())

    def _text(self, name: str, words: str, title: str) -> None:
        item = self._item(name, "text", title or name)
        item.words = words
        self._keep(item, name, words.encode())


def panels(columns: int = 1, *, width: float = 6.4, height: float = 4.6) -> list[Any]:
    """Empty axes side by side, of a figure of its own that no window and no pyplot knows.

    Raises:
        ModuleNotFoundError: when matplotlib is not installed.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width * columns, height), dpi=120, layout="constrained")
    axes: Any = figure.subplots(1, columns)
    return [style.axes(ax) for ax in np.atleast_1d(axes)]


def of_run(run: Any, prefix: str = "") -> dict[str, Any]:
    """Every named value and gradient of a Run, as JSON has them."""
    found: dict[str, Any] = {}
    for node in run.order:
        if node.name and node.kind != "constant":
            found[prefix + node.name] = plain(run.value(node))
            if run.has_grad(node):
                found[f"{prefix}d{run.roots[0].basename}/d{node.name}"] = plain(run.grad(node))
    return found


def plain(value: Any) -> Any:
    """A number or an array as JSON has it; NaN and infinities as words."""
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        return value
    if array.size == 1:
        number = array.reshape(()).item()
        return number if np.isfinite(number) else str(number)
    return [plain(row) for row in array]


def dumps(rows: list[dict[str, Any]]) -> str:
    """The manifest."""
    return json.dumps({"figures": rows}, indent=1, ensure_ascii=False) + "\n"
