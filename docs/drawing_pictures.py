"""Draws the pictures of docs/drawing.md and of the README: `python docs/drawing_pictures.py`, after a change to how pictures look."""

from __future__ import annotations

import io
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))

from draw import zoo  # noqa: E402  # the graphs that the tests draw, too

import cgraph as cg  # noqa: E402


def main() -> None:
    from PIL import Image

    drawn = {
        "neuron": cg.draw(zoo.neuron().backward(), dpi=96),
        "fused": cg.draw(zoo.neuron("fused").backward(), dpi=96),
        "fan_out": cg.draw(zoo.fan_out().backward(), dpi=96),
        "xor": cg.draw(zoo.xor().backward(), dpi=96),
        "levels": cg.draw(zoo.tanh_net().backward(), dpi=96),
        "steps": cg.draw(zoo.recurrent().backward(), dpi=96),
        "compared": cg.draw.compare(
            zoo.neuron().backward(), zoo.neuron("fused").backward(), names=("textbook loss", "fused loss"), dpi=96
        ),
        "health": cg.draw(zoo.sick().backward(), view="health", dpi=96),
    }  # fmt: skip
    for name, diagram in drawn.items():
        small = (
            Image.open(io.BytesIO(diagram.png()))
            .convert("RGB")
            .quantize(256, dither=Image.Dither.NONE)
        )
        small.save(HERE / "images" / f"drawing_{name}.png", optimize=True)
    cg.draw(zoo.neuron().backward()).save(HERE / "images" / "and_backward.png")  # of the README


if __name__ == "__main__":
    main()
