"""`cg.frames` and `cg.animate`: a run, moment by moment."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from cgraph.draw.api import Diagram
from cgraph.draw.options import Options
from cgraph.draw.output import engine
from cgraph.errors import DrawError

if TYPE_CHECKING:
    from cgraph.run import Run


class Frames(Sequence[Diagram]):
    """The moments of one run, as Diagrams that share canvas and positions. A notebook shows them as a player."""

    def __init__(
        self,
        named: list[tuple[str, Diagram]],
        update: float | None = None,
        again: Callable[[Any, Any], list[Any]] | None = None,
        levels: Sequence[Frames] = (),
    ) -> None:
        self.names = [name for name, _ in named]
        self._diagrams = [diagram for _, diagram in named]
        self.update = update  # the learning rate of the last frame
        self.again = again  # a run and options -> the same pictures of it, for the player
        self.levels = levels  # the same moments with fewer and with more boxes, this one among them

    @overload
    def __getitem__(self, i: int) -> Diagram: ...
    @overload
    def __getitem__(self, i: slice) -> Sequence[Diagram]: ...
    def __getitem__(self, i: int | slice) -> Diagram | Sequence[Diagram]:
        return self._diagrams[i]

    def __len__(self) -> int:
        return len(self._diagrams)

    def __iter__(self) -> Iterator[Diagram]:
        return iter(self._diagrams)

    def __repr__(self) -> str:
        return f"<Frames: {', '.join(self.names)}>"

    def save(self, path: str | os.PathLike[str]) -> list[Path]:
        """One file a frame: `and.png` becomes and_00_forward.png, and_01_seed.png, and_02_step1.png ..."""
        path = Path(path)
        made = []
        for i, (name, diagram) in enumerate(zip(self.names, self, strict=True)):
            made.append(diagram.save(path.with_name(f"{path.stem}_{i:02d}_{name}{path.suffix}")))
        return made

    def html(self) -> str:
        """The player: one page, no network; arrow keys and buttons go through the frames."""
        from cgraph.draw.output.player import page

        return page(self)

    def gif(self, seconds: float = 2.0, dpi: int = 96) -> bytes:
        """An animated GIF.

        Raises:
            DrawError: when Pillow is not there.
        """
        try:
            from PIL import Image
        except ImportError:
            raise DrawError(
                "an animated GIF needs Pillow (`pip install pillow`); .html needs nothing"
            ) from None
        images = [Image.open(io.BytesIO(d.png(dpi))).convert("RGB") for d in self]
        size = (max(i.width for i in images), max(i.height for i in images))
        palette = images[-1].quantize(128, dither=Image.Dither.NONE)
        small = []
        for image in images:
            canvas = Image.new("RGB", size, image.getpixel((0, 0)))
            canvas.paste(image)
            small.append(canvas.quantize(palette=palette, dither=Image.Dither.NONE))
        data = io.BytesIO()
        times = [int(1000 * seconds)] * (len(small) - 1) + [int(2000 * seconds)]
        small[0].save(
            data,
            "GIF",
            save_all=True,
            append_images=small[1:],
            duration=times,
            loop=0,
            optimize=True,
        )
        return data.getvalue()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        plain = "\n".join(str(d) for d in self)
        try:
            from cgraph.draw.output.player import fragment

            return {"text/plain": plain, "text/html": fragment(self)}
        except DrawError as error:
            return {"text/plain": f"{plain}\n({error})\n"}


def frames(
    run: Run,
    root: Any = None,
    *,
    forward: str = "whole",
    update: float | None = None,
    zoom: bool = False,
    dpi: int = 144,
    **options: Any,
) -> Frames:
    """The moments of a run: forward, the seed, then one Diagram per op that hands its gradients back.

    Args:
        run: an evaluation, best after a backward pass.
        root: another node of it to draw; default: the run's own roots.
        forward: "whole", or "nodes" for one frame per op computed first.
        update: a learning rate; adds a last frame in which every parameter takes its step.
        zoom: let the player zoom out to the collapsed picture and in to every op, where these differ.
        dpi, options: as for `draw`.

    Raises:
        DrawError: for options that do not exist.

    >>> import cgraph as cg
    >>> w, x = cg.parameter("w", 2.0), cg.input("x", 3.0)
    >>> loss = cg.square(w * x - 5.0, name="loss")
    >>> for diagram in cg.frames(loss.backward(), update=0.1):
    ...     print(diagram.title)
    Forward pass
    Backward pass, seed: ∂L/∂L = 1
    Backward pass, step 1 of 1: the loss hands the gradient to w
    Update
    """
    from cgraph.draw.compose import series

    if forward not in ("whole", "nodes"):
        raise DrawError(f"forward={forward!r}: there are 'whole' and 'nodes'")
    chosen = Options.of(options)
    named = series(run if root is None else root, run, forward, update, chosen)

    def again(other: Any, options: Options) -> list[Any]:
        return [picture for _, picture in series(other, None, forward, update, options)]

    def made(pictures: list[tuple[str, Any]], levels: Sequence[Frames] = ()) -> Frames:
        return Frames(
            [(name, Diagram(picture, dpi=dpi)) for name, picture in pictures], update, again, levels
        )

    found = made(named)
    if zoom:
        found.levels = _levels(
            found,
            lambda view: frames(
                run, root, forward=forward, update=update, dpi=dpi, **options | {"view": view}
            ),
        )
    return found


MOST_OPENED = 60  # boxes of a picture that a player zooms in to


def _levels(chosen: Frames, drawn: Callable[[str], Frames]) -> list[Frames]:
    """The frames with those of pictures that have clearly fewer or more boxes: one box a scope, a card a name, every op."""
    found = {len(chosen[-1].picture.boxes): chosen}
    for view in ("collapsed", "cards", "expanded"):
        try:
            other = drawn(view)
        except DrawError:  # too large to be drawn in full
            continue
        boxes = len(other[-1].picture.boxes)
        if boxes <= MOST_OPENED and all(boxes < 0.8 * b or boxes > 1.25 * b for b in found):
            found[boxes] = other
    return [found[boxes] for boxes in sorted(found)]


def animate(
    run: Run, path: str | os.PathLike[str], *, seconds: float = 2.0, **options: Any
) -> Path:
    """The frames of a run as one file: `.gif` moves by itself, `.html` is stepped through with keys and buttons.

    Args:
        run: an evaluation, best after a backward pass.
        seconds: how long a GIF shows each frame.
        options: as for `frames`.

    Raises:
        DrawError: another suffix, or a place that cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in (".gif", ".html"):
        raise DrawError(
            f"animate writes .gif or .html, not {suffix!r}; cg.frames(run).save('x.png') writes one file a frame"
        )
    options.setdefault("forward", "nodes" if suffix == ".html" else "whole")
    found = frames(run, **options)
    return engine.write(path, found.html().encode() if suffix == ".html" else found.gif(seconds))
