"""`cgraph gallery`: every figure of the article, drawn from runs, with a page to browse them.

    cgraph gallery --out DIR

Writes the diagrams (PNG and SVG), step pages (HTML), plots (PNG), `index.html`, and `manifest.json`: figure -> files -> the
numbers they show. No number is typed in: the manifest and the pictures are read off the same Runs. A figure is a few lines of
script, which the page prints and the gallery runs (`script`); they stand in `figures`, with the graphs they are about in
`figures/nets`; `api` is what they are written with, `writer` makes the files, `page` the index.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cgraph.errors import CgraphError
from cgraph.gallery import page
from cgraph.gallery.api import (
    card,
    lines,
    matrix,
    number,
    op_card,
    panels,
    record,
    replace,
    show,
    written,
)
from cgraph.gallery.figures import batch, neuron, results, stable, xor
from cgraph.gallery.script import PRELUDE, Figure, execute, singly
from cgraph.gallery.writer import FigureWriter, Item
from cgraph.nn.progress import Progress

__all__ = [
    "CHAPTERS",
    "FIGURES",
    "card",
    "lines",
    "main",
    "make",
    "matrix",
    "number",
    "op_card",
    "panels",
    "record",
    "replace",
    "show",
    "written",
]

CHAPTERS: dict[str, list[Figure]] = {
    "One neuron, one example": neuron.FIGURES,
    "A batch, and the threshold": batch.FIGURES,
    "The formula that breaks, and the stable one": stable.FIGURES,
    "XOR: a hidden layer": xor.FIGURES,
    "How good is it? The code, and Iris": results.FIGURES,
    "Beyond the article": results.BEYOND,
}
FIGURES: list[Figure] = [figure for figures in CHAPTERS.values() for figure in figures]


@dataclass
class Made:
    """A figure with what it has become."""

    figure: Figure
    chapter: str
    items: list[Item]
    numbers: dict[str, Any]
    files: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.files = [file for item in self.items for file in item.files]


def make(out: str | Path, only: str | None = None, quiet: bool = True) -> Path:
    """Make the gallery in a directory and return its index.html.

    Args:
        out: the directory; made if need be.
        only: make only the figures whose number or title contains this.
        quiet: no progress bar.

    Raises:
        CgraphError: no figure matches `only`; no engine; a place that cannot be written.
    """
    chosen = [f for f in FIGURES if only is None or only in singly(f.number)]
    if only and not chosen and len(only) > 2:
        chosen = [f for f in FIGURES if only.lower() in f.title.lower()]
    if not chosen:
        raise CgraphError(
            f"no figure matches {only!r}; there are " + "; ".join(f.number for f in FIGURES)
        )
    chapter_of = {id(f): name for name, figures in CHAPTERS.items() for f in figures}
    made = []
    with Progress(len(chosen), "gallery", quiet=quiet, patience=0.0) as progress:
        for i, figure in enumerate(chosen):
            progress.update(i, f"{figure.number}: {figure.title}"[:60])
            writer = FigureWriter(Path(out))
            figure.run(_names(writer))
            made.append(Made(figure, chapter_of[id(figure)], writer.items, writer.numbers))
        progress.update(len(chosen), "")
    return page.write(Path(out), made)


def _names(writer: FigureWriter) -> dict[str, Any]:
    """What the prelude imports, with this gallery's own `show` and `record`."""
    space: dict[str, Any] = {}
    execute(PRELUDE, "prelude", space)
    return space | {"show": writer.show, "record": writer.record}


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; 0 when everything was made."""
    parser = argparse.ArgumentParser(
        prog="cgraph gallery",
        description="write every figure of the article, with a page to browse them",
    )
    parser.add_argument(
        "--out", metavar="DIR", default="cgraph-gallery", help="where (default: ./cgraph-gallery)"
    )
    parser.add_argument(
        "--only",
        metavar="FIGURE",
        help="only figures with this number, or this word in their title",
    )
    options = parser.parse_args(argv)
    started = time.perf_counter()
    index = make(options.out, options.only, quiet=False)
    print(
        f"{len(list(index.parent.glob('*')))} files in {time.perf_counter() - started:.0f} seconds; open {index.resolve()}"
    )
    return 0
