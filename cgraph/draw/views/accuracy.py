"""The accuracy report as a heat map: on every box the right digits of its value and its gradient, and a tint where they run out.

Words first, colour second. A box in which several ops are folded shows the worst of them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from cgraph.draw import compose
from cgraph.draw.api import Diagram
from cgraph.draw.model.diagram import Box, replace
from cgraph.draw.model.fold import owners
from cgraph.draw.options import Options
from cgraph.graph import order

if TYPE_CHECKING:
    from cgraph.draw.views.health import Health
    from cgraph.rewrite.accuracy import Accuracy, Judged


def draw(report: Accuracy, *, dpi: int = 144, **options: Any) -> Diagram:
    """A diagram of the run with the right digits of each node; see `Run.accuracy`.

    Args:
        report: what `run.accuracy()` gave.
        dpi, options: as for `cgraph.draw`.

    >>> import cgraph as cg
    >>> z = cg.parameter("z", 40.0)
    >>> run = cg.log(1.0 - cg.sigmoid(z, name="p"), name="L").backward()
    >>> "0.0 digits" in run.accuracy().draw().dot
    True
    """
    chosen = Options.of(options)
    run = report.run
    builder = compose.make_builder(order(*run.roots), run.roots, run, chosen)
    picture = compose.finish(compose.plan(builder), builder, chosen)
    judged: dict[str, list[Judged]] = {}
    drawn_in = owners(builder.cards)
    for one in report:
        id = builder.ids.get(drawn_in.get(one.node, one.node))
        if id is not None:
            judged.setdefault(id, []).append(one)

    def box(b: Box) -> Box:
        if b.id not in judged or b.kind == "constant":
            return b
        return marked(b, judged[b.id])

    worst = report.worst
    caption = f"held against {report.reference}; fewest at {worst.node.label}: {worst.least:.1f}"
    picture = replace(picture, boxes=tuple(map(box, picture.boxes)))
    picture = chosen.headed(picture, "Right digits of every value and gradient", caption)
    return Diagram(compose.styled(picture, chosen), dpi=dpi)


def marked(b: Box, members: list[Judged]) -> Box:
    """A box with its digits as a badge, and a tint by how many of those it could have are missing."""
    most = max(-math.log10(float(np.finfo(j.node.dtype).eps) / 2) for j in members)
    value = min(j.digits for j in members)
    grads = [j.grad_digits for j in members if j.grad_digits is not None]
    if b.kind == "op":
        words = f"{value:.1f} digits" + (f", gradient {min(grads):.1f}" if grads else "")
    elif grads:  # the value of a leaf is what it is
        words = f"∂ {min(grads):.1f}"
    else:
        return b
    if not all(j.judged for j in members):
        words = "not judged"
    least = min([value, *grads]) / most
    health: Health = (
        "bad" if least < 0.25 else "after" if least < 0.5 else "saturated" if least < 0.75 else ""
    )
    return replace(b, badge=words, health=health)
