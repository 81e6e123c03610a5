"""`cgraph gallery`: every figure of the article, drawn from runs, with a page to browse them.

    cgraph gallery --out DIR

Writes the diagrams (PNG and SVG), step pages (HTML), plots (PNG), `index.html`, and `manifest.json`: figure -> files -> the
numbers they show. No number is typed in: the manifest and the pictures are read off the same Runs. `room` holds what figures write with,
`scalar`, `batch` and `nets` the figures in the article's order, `page` the index.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from cgraph.errors import CgraphError
from cgraph.gallery import batch, nets, page, scalar
from cgraph.gallery.room import Figure, Room, singly
from cgraph.nn.progress import Progress

__all__ = ["FIGURES", "main", "make"]

FIGURES: list[Figure] = [*scalar.FIGURES, *batch.FIGURES, *nets.FIGURES]


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
    room = Room(Path(out))
    with Progress(len(chosen), "gallery", quiet=quiet, patience=0.0) as progress:
        for i, figure in enumerate(chosen):
            progress.update(i, f"{figure.number}: {figure.title}"[:60])
            room.make(figure)
        progress.update(len(chosen), "")
    return page.write(room)


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
