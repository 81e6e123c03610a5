"""`cg.draw` and the `Diagram` it gives: the public face of the drawing package.

A Diagram is a `Picture` with ways out: files by suffix, notebook display, DOT, Mermaid, terminal text. It draws nothing until
asked, so making one is cheap and needs no engine.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cgraph.draw.model.diagram import Picture, replace
from cgraph.draw.options import Options
from cgraph.draw.output import dot as dot_text, engine, glyphs, plain, svg
from cgraph.errors import DrawError
from cgraph.graph import order
from cgraph.node import Node

if TYPE_CHECKING:
    from cgraph.compile.program import Program
    from cgraph.compile.report import Profile
    from cgraph.run import Run

SUFFIXES = ("png", "svg", "pdf", "dot", "html", "txt", "mmd")
_shown = count(1)
Again = Callable[
    [Any, Options], list[Picture]
]  # a run of the same graph, or of a copy -> its pictures
DPI = 144  # sharp on a screen
_PAGE = (3000, 4500)  # pixels that a PNG has at most, unless it is asked for with dpi=


class Diagram:
    """A drawing of a graph. It shows itself in a notebook; `save` writes a file; `str` is a tree for the terminal.

    Attributes:
        picture: what it shows, as data.
        dot: its DOT text, the same in every process.
        dpi: dots per inch of a PNG.
    """

    def __init__(self, picture: Picture, *, dpi: int = DPI, again: Again | None = None) -> None:
        if not 1 <= dpi <= 10_000:
            raise DrawError(f"dpi={dpi}: dots per inch, 1 to 10,000; 144 is sharp on a screen")
        self.picture = picture
        self.dpi = dpi
        self.again = again  # how the same picture is made of another run, for the player

    @cached_property
    def dot(self) -> str:
        return dot_text.dot(self.picture)

    @property
    def mermaid(self) -> str:
        """A Mermaid flowchart, for Markdown pages that draw it themselves."""
        return plain.mermaid(self.picture)

    @property
    def title(self) -> str:
        return self.picture.title

    @property
    def caption(self) -> str:
        return self.picture.caption

    def __str__(self) -> str:
        return plain.tree(self.picture)

    def __repr__(self) -> str:
        boxes = sum(box.kind != "end" for box in self.picture.boxes)
        return f"<Diagram {self.title!r}: {boxes} boxes, {len(self.picture.arrows)} arrows; .save('x.png') writes it>"

    def svg(self, prefix: str | None = None, *, engine_name: str | None = None) -> str:
        """The picture as SVG text, with ids that start with `prefix` (default: a hash of the picture)."""
        data, layout = engine.render(self.dot, ["svg", "json"], engine=engine_name)
        return svg.finish(data, self.picture, self._prefix if prefix is None else prefix, layout)

    @property
    def _prefix(self) -> str:
        return f"g{zlib.crc32(self.dot.encode()):08x}-"

    def png(self, dpi: int | None = None, *, engine_name: str | None = None) -> bytes:
        """The picture as a PNG on opaque paper, its caption inside as the alternative text; not larger than a page holds, unless
        `dpi` is given."""
        glyphs.warn(self.dot)
        dpi = dpi or self._dpi_that_fits()
        sized = self.dot.replace(" graph [", f" graph [dpi={dpi}, ", 1)
        return _described(
            engine.render(sized, ["png"], engine=engine_name)[0],
            f"{self.title}. {self.caption}",
            dpi,
        )

    def _dpi_that_fits(self) -> int:
        """The dots per inch of the PNG: those asked for, or fewer where the picture would be larger than a page."""
        if self.dpi != DPI:
            return self.dpi
        width, height = svg.size(engine.render(self.dot, ["svg"])[0].decode())
        most = min(_PAGE[0] * 72 / max(width, 1), _PAGE[1] * 72 / max(height, 1))
        return max(min(self.dpi, int(most)), 72)

    def pdf(self) -> bytes:
        """The picture as a PDF."""
        glyphs.warn(self.dot)
        return engine.render(self.dot, ["pdf"])[0]

    def html(self) -> str:
        """One page that needs nothing else: the picture with its steps, keyboard, and everything about a node on hover."""
        from cgraph.draw.output.player import page

        return page(self)

    def graphviz(self) -> Any:
        """A `graphviz.Source` of the DOT text, for people who want to go on from there."""
        import graphviz

        return graphviz.Source(self.dot)

    def render(self, suffix: str) -> bytes:
        """The content of a file with that suffix.

        Raises:
            DrawError: for a suffix that is not one of png svg pdf dot html txt mmd, or when the engine cannot draw it.
        """
        match suffix:
            case "png":
                return self.png()
            case "svg":
                return self.svg().encode()
            case "pdf":
                return self.pdf()
            case "dot" | "gv":
                return self.dot.encode()
            case "html" | "htm":
                return self.html().encode()
            case "txt":
                return str(self).encode()
            case "mmd" | "mermaid":
                return self.mermaid.encode()
        raise DrawError(f"cannot write a picture as {suffix!r}; there are {', '.join(SUFFIXES)}")

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Writes the picture; the suffix says how. The old file stays until the new one is complete.

        Raises:
            DrawError: unknown suffix, no engine, or a place that cannot be written.
        """
        path = Path(path)
        return engine.write(path, self.render(path.suffix[1:].lower()))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        bundle: dict[str, Any] = {"text/plain": str(self)}
        try:
            drawing = self.svg(f"cg{next(_shown)}-")
        except DrawError as error:  # a notebook without an engine still shows the tree
            bundle["text/plain"] += f"\n({error})\n"
            return bundle
        bundle["image/svg+xml"] = drawing
        bundle["text/html"] = fluid(drawing)
        return bundle


def fluid(drawing: str) -> str:
    """SVG that fills its column up to its natural size: never clipped, never blurred."""
    width, height = svg.size(drawing)
    old = f'width="{width:.0f}pt" height="{height:.0f}pt"'
    return drawing.replace(
        old, f'width="100%" style="max-width:{width * 4 / 3:.0f}px;height:auto"', 1
    )


def _described(png: bytes, words: str, dpi: int) -> bytes:
    """A PNG that says what it shows, and how large it is meant to be, in chunks after its header."""
    per_metre = round(dpi / 0.0254)
    size = (
        b""
        if b"pHYs" in png[:100]
        else _chunk(b"pHYs", struct.pack(">IIB", per_metre, per_metre, 1))
    )
    return (
        png[:33]
        + size
        + _chunk(b"iTXt", b"Description\x00\x00\x00\x00\x00" + words.encode())
        + png[33:]
    )


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def draw(
    root: Node | Sequence[Node] | Run | Program | Profile, run: Run | None = None, *, step: int | str | None = None,
    focus: Node | None = None,
    around: Node | None = None, hops: int = 2, open: Node | None = None, dpi: int = DPI, **options: Any,
) -> Diagram:  # fmt: skip
    """A diagram of everything that `root` depends on.

    Args:
        root: a node, several nodes, or a Run (which is drawn with its own roots); a compiled `Program` is drawn as its statements,
            with where their results lie and what runs in pieces; a `Profile` as the graph, with the time at every node.
        run: an evaluation; with it the values are shown, and after a backward pass the gradients. Without, structure only.
        step: one moment of the backward pass: "forward", 0 for the seed, k for the k-th op that hands back its gradients.
        focus: show only the paths from this node to the root.
        around, hops: show only what is at most `hops` edges away from a node.
        open: a loop or a branch (or what `cg.scan` and its kin gave): what is inside it is drawn, with a run the first step.
        dpi: of a PNG.
        view: "cards" folds unnamed arithmetic into named cards, "expanded" draws every op, "layers" frames scopes,
            "collapsed" makes one box of a scope, "neuron" one box of everything between leaves and loss, "health" marks
            what is not finite or saturated.
        theme: "cards" or "circles", and "light", "dark" or "print"; two may be joined: "circles dark".
        direction: "LR" or "TB"; "auto" turns a very long picture.
        values, grads, locals, shapes, dtypes, formulas, legend: what is written.
        broadcasts: show the broadcast nodes that stand between a small operand and a large one.
        bypass: show the sigmoid that a fused loss skips on the way back.
        precision: decimals; the stored values are never rounded.
        title, caption: instead of the ones made up.
        collapse: from how many boxes scopes are collapsed; None for never. force: draw above the limit of 300 boxes all the same.
        numbers: where the numbers of ops stand: on the "arrows" or in the "boxes"; "auto" puts them inside in large pictures.
        detail: how much stands in the boxes where numbers stand there: "full" with local gradients, "compact" without, "tight" in as few
            lines as possible; "auto" takes the first with which the picture can be read on a page.
        elsewhere: leaves that stand for what another part of a net computes; drawn as such, not as data.
        style: a function of each Box or Arrow (`cgraph.draw.model.diagram`), giving another one or None for no change.

    Returns:
        A `Diagram`: `.save("x.png")`, `.dot`, `.svg()`, `.mermaid`; shows itself in notebooks.

    Raises:
        DrawError: unknown option, a graph too large to be read, or a run that does not belong to the graph.

    >>> import cgraph as cg
    >>> w, x = cg.parameter("w", 2.0), cg.input("x", 3.0)
    >>> loss = cg.square(w * x - 5.0, name="loss")
    >>> print(cg.draw(loss, run=loss.backward()), end="")
    Forward and backward pass
    each dashed arrow carries upstream × local; nothing flows into the data x
    Loss  L = (w·x − 5)²  = 1   ◂ ∂L/∂L = 1 = seed
    │    ∂L/∂w = 2·(w·x − 5)·x = 6
    ├─ x  = 3
    └─ w  = 2   ◂ ∂L/∂w = 6 = 1 × 6
    """
    from cgraph.draw.compose import compose

    if not isinstance(root, Node | Sequence) and hasattr(root, "__graph_program__"):
        from cgraph.draw.views.programs import drawn

        return Diagram(drawn(root, Options.of(options)), dpi=dpi)
    for name, node in (("focus", focus), ("around", around)):
        if not isinstance(node, Node | None):
            raise DrawError(f"{name}={node!r}: a node of the graph")
    if open is not None:
        from cgraph.draw.views.opened import inside

        root, title = inside(
            open, run if run is not None else root if hasattr(root, "roots") else None
        )
        run, options = None, {"title": title, **options}
    if hops < 0:
        raise DrawError(f"hops={hops}: 0 or more")
    picture = compose(root, run, step, focus, around, hops, Options.of(options))

    def again(other: Run, options: Options) -> list[Picture]:
        assert picture.builder is not None
        twin = dict(zip(order(*picture.builder.roots), order(*other.roots), strict=True))
        there = [None if node is None else twin[node] for node in (focus, around)]
        return [compose(other, None, step, there[0], there[1], hops, options)]

    return Diagram(picture, dpi=dpi, again=again)


__all__ = ["Diagram", "draw", "replace"]
