"""From `cg.draw`'s arguments to one `Picture`: checks, the choice of view, titles, direction, the user's style hook."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from cgraph.draw.model import fold, text
from cgraph.draw.model.build import Builder
from cgraph.draw.model.diagram import Arrow, Box, Picture, replace
from cgraph.draw.model.extent import SMALLEST, WIDEST, fits, width
from cgraph.draw.options import DETAILS, Options
from cgraph.draw.views import bypass, focus as focusing, health, steps
from cgraph.draw.views.collapse import FEW, FEW_UNSCOPED, Overview
from cgraph.draw.views.identical import identical
from cgraph.draw.views.levels import Levels
from cgraph.errors import DrawError
from cgraph.graph import order
from cgraph.node import Node
from cgraph.quiet import uncollected

if TYPE_CHECKING:
    from cgraph.run import Run

MOST_BOXES = 300
_REDUCED = r"(Σ|Π|softmax|logsumexp|mean|max|min)([₀₁₂₃])(?=[ (])"
MOST_FRAMES = 200
FEWEST_LEVELS = 6  # of a graph without scopes, however large
MOST_WORDS = 16  # boxes up to which arrows carry words
MOST_ROWS = 26  # boxes up to which cards show their local gradients


@uncollected()
def compose(
    root: Node | Sequence[Node] | Run, run: Run | None, step: int | str | None, focus: Node | None, around: Node | None, hops: int,
    options: Options,
) -> Picture:  # fmt: skip
    roots, run = targets(root, run)
    builder = make_builder(order(*roots), roots, run, options)
    if focus is not None:
        picture = focusing.focus(builder, focus)
    elif around is not None:
        picture = focusing.around(builder, around, hops)
    else:
        picture = plan(builder)
    picture = finish(picture, builder, options)
    if step is not None and step != "all":
        found = steps.moments(builder, forward="nodes")
        picture = steps.apply(picture, builder, steps.pick(found, step), ())
    return styled(picture, options)


def plan(builder: Builder) -> Picture:
    """The boxes and arrows for the view asked for; big graphs are collapsed, or refused with advice."""
    options = builder.options
    if options.view == "neuron":
        return Overview(builder, 1, neuron=True).picture()
    boxes = len(builder.cards) + len(builder.leaves)
    auto = options.view in ("auto", "health") and options.collapse is not None
    if options.view == "collapsed" or (auto and boxes > _limit(builder)):
        return overview(builder, forced=options.view == "collapsed")
    if boxes > MOST_BOXES and not options.force:
        raise DrawError(
            f"{text.count(boxes)} boxes cannot be read: leave view='auto' to collapse scopes, name parts of the graph with "
            "cg.scope('...'), pick out a part with focus=node or around=node, or insist with force=True"
        )
    picture = full(builder)
    if (
        auto
        and options.detail == "auto"
        and not any(fits(picture, way, SMALLEST) for way in _ways(options))
    ):
        builder.options = replace(builder.options, collapse=0)
        return overview(builder, forced=False)
    picture = bypass.add(picture, builder)
    return health.mark(picture, builder) if options.view == "health" else picture


def full(builder: Builder) -> Picture:
    """Every card and leaf. Numbers stand on the arrows of a small picture; where there are many boxes, or the picture would be too wide
    with words between them, they stand inside, and above all that without the local gradients."""
    picture = builder.picture()
    boxes = len(picture.boxes)
    asked = builder.options.numbers
    # Where lines branch or meet, a label would stand between several of them.
    shared = any(
        builder.fans.get(c.root, 0) > 1 or sum(p.kind == "op" for p in c.entries) > 1
        for c in builder.cards
    )
    crowded = (
        shared or boxes > MOST_WORDS or builder.options.direction == "TB" or width(picture) > WIDEST
    )
    builder.settle("boxes" if asked == "boxes" or (asked == "auto" and crowded) else "arrows")
    if builder.inside:
        chosen = builder.options.detail
        tried = (chosen,) if chosen != "auto" else DETAILS[boxes > MOST_ROWS :]
        for detail in tried:
            builder.settle_detail(detail)
            picture = builder.picture()
            if any(fits(picture, way) for way in _ways(builder.options)):
                break
    return picture


def _ways(options: Options) -> tuple[str, ...]:
    """The directions a picture may run in, the better one first."""
    return ("LR", "TB") if options.direction == "auto" else (options.direction,)


def _limit(builder: Builder) -> int:
    """From how many boxes a graph is drawn as an overview."""
    chosen = builder.options.collapse
    if isinstance(chosen, int):
        return chosen
    boxes = len(builder.cards) + len(builder.leaves)
    scoped = any(card.root.scope for card in builder.cards)
    repeats = FEW < boxes <= FEW_UNSCOPED and not scoped and bool(Levels(builder).repeats)
    return FEW if scoped or repeats else FEW_UNSCOPED


def overview(builder: Builder, forced: bool) -> Picture:
    """Scopes collapsed, as deep as they stay readable; without scopes, boxes at the same distance from the data grouped by what they
    compute."""
    deepest = max((n.scope.count("/") + 1 for n in builder.order if n.scope), default=0)
    same = identical(builder.order)
    best: Overview | None = None
    for depth in range(1, deepest + 1):
        found = Overview(builder, depth, same=same)
        if len(found.units) > FEW or (forced and best is not None):
            break
        best = found
    if best is None and deepest:
        best = Overview(builder, 1, same=same)
    if best is None or len(best.units) > FEW_UNSCOPED:
        if not forced and len(builder.cards) + len(builder.leaves) <= _limit(builder):
            return bypass.add(full(builder), builder)
        best = (
            Overview(builder, 1, neuron=True)
            if forced and not deepest and len(builder.cards) <= 8
            else Levels(builder)
        )
    picture = best.picture()
    while isinstance(best, Levels) and best.most > FEWEST_LEVELS and not fits(picture, "TB"):
        best = Levels(builder, best.most - 2)
        picture = best.picture()
    return picture


@uncollected()
def series(
    root: Any, run: Run | None, forward: str, update: float | None, options: Options
) -> list[tuple[str, Picture]]:
    """The frames of a run, as (name, picture): same canvas, same positions."""
    if not hasattr(run, "has_grad") and not hasattr(root, "has_grad"):
        raise DrawError(f"frames takes a Run: frames(loss.backward()); got {run!r}"[:200])
    roots, run = targets(root, run)
    builder = make_builder(order(*roots), roots, run, options)
    picture = finish(plan(builder), builder, options)
    if update is not None:
        picture = steps.with_update(picture, builder, update)
    found = steps.moments(builder, forward=forward, update=update)
    if len(found) > MOST_FRAMES:
        raise DrawError(
            f"{len(found)} frames are too many to step through: collapse the graph (view='collapsed', cg.scope('...')), "
            "or draw one moment with step="
        )
    return [(m.name, styled(steps.apply(picture, builder, m, found), options)) for m in found]


def targets(root: Any, run: Run | None) -> tuple[tuple[Node, ...], Run | None]:
    """The nodes to draw and the Run to draw them with.

    Raises:
        DrawError: for anything that is not a node, no node at all, or a Run of another graph.
    """
    if hasattr(root, "roots") and hasattr(root, "has_grad"):
        run, root = root, root.roots
    roots = (
        (root,) if isinstance(root, Node) else tuple(root) if isinstance(root, list | tuple) else ()
    )
    if not roots or not all(isinstance(r, Node) for r in roots):
        raise DrawError(f"draw takes a node, a list of nodes, or a Run; got {root!r}"[:200])
    if run is not None:
        if not hasattr(run, "has_grad"):
            raise DrawError(
                f"run= takes a Run, as cg.run(loss) or loss.backward() gives it; got {run!r}"[:200]
            )
        known = set(run.order)
        for r in roots:
            if r not in known:
                of = ", ".join(repr(n.label) for n in run.roots)
                raise DrawError(f"{r.label!r} was not evaluated in this run, which is of {of}")
    return roots, run


def make_builder(
    nodes: Sequence[Node], roots: Sequence[Node], run: Run | None, options: Options
) -> Builder:
    cards = fold.cards(
        nodes, roots, expanded=options.view == "expanded", broadcasts=options.broadcasts
    )
    return Builder(nodes, roots, cards, run, options)


def finish(picture: Picture, builder: Builder, options: Options) -> Picture:
    """Title, caption, direction, theme and the style hook."""
    title, caption = (picture.title, picture.caption) if picture.title else words(builder, picture)
    if picture.caption and not picture.title:
        caption = picture.caption
    signs = glossary(picture, builder)
    if signs and options.caption is None:
        caption = f"{caption}\n{signs}" if caption else signs
    if options.view == "health":
        title, caption = "Health of the graph", health.words(picture, builder.run is not None)
    circles = picture.circles or "circles" in options.words or options.view == "expanded"
    picture = replace(
        picture,
        builder=builder,
        circles="cards" not in options.words and circles,
        direction=direction(picture, options),
    )
    return options.headed(picture, title, caption)


def direction(picture: Picture, options: Options) -> Literal["LR", "TB"]:
    """From left to right, unless that is too wide, or only the other way can be read on a page."""
    if options.direction != "auto":
        return options.direction  # type: ignore[return-value]
    right, down = fits(picture, "LR", SMALLEST), fits(picture, "TB", SMALLEST)
    if right != down:
        return "LR" if right else "TB"
    overview = any(
        box.kind == "scope" for box in picture.boxes
    )  # a flat band, with little small print
    return "LR" if overview or width(picture) <= WIDEST else "TB"


def words(builder: Builder, picture: Picture) -> tuple[str, str]:
    """A title and the sentence a teacher would say."""
    data = [n for n in builder.leaves if n.kind == "input"]
    names = ", ".join(builder.names[n] for n in data[:6]) + (" …" if len(data) > 6 else "")
    if builder.run is None:
        title = builder.names.title(builder.roots[0])
        result = f"the {title.lower()}" if title in ("Loss", "Cost") else builder.objective
        return (
            f"Computational graph of {result}",
            "values are computed along the arrows, from the data to the result",
        )
    if not builder.backward:
        scalars = [n for n in data if builder.is_scalar(n)]
        given = ", ".join(
            f"{builder.names[n]} = {builder.number(builder.run.value(n))}" for n in scalars[:6]
        )
        return "Forward pass", f"given {given}" if given else ""
    stops = f"; nothing flows into the data {names}" if data else ""
    how = (
        "each op hands back upstream × local, or what its rule makes of upstream"
        if picture.by_rules
        else "each dashed arrow carries upstream × local"
    )
    return "Forward and backward pass", how + stops


def glossary(picture: Picture, builder: Builder) -> str:
    """The signs that occur in a picture and that not every reader knows, explained; nothing else."""
    texts = [box.formula for box in picture.boxes] + [
        row.formula for box in picture.boxes for row in box.rows
    ]
    written = " ".join(texts)
    product = (
        any(n.op.name == "matmul" for card in builder.cards[:200] for n in card.nodes)
        and "·" in written
    )
    said = [
        words
        for occurs, words in (
            ("⊙" in written and "⊘" in written, "⊙ and ⊘ multiply and divide element by element"),
            ("⊙" in written and "⊘" not in written, "⊙ is element by element"),
            ("⊘" in written and "⊙" not in written, "⊘ divides element by element"),
            (product, "· is the matrix product"),
            ("ᵀ" in written, "ᵀ the transpose" if product else "ᵀ is the transpose"),
        )
        if occurs
    ]
    if builder.usual_dtype != "float64" and builder.options.dtypes == "auto":
        said.append(f"all numbers are {builder.usual_dtype} where nothing else is said")
    reduced = re.search(_REDUCED, written)
    if reduced:
        axis = str("₀₁₂₃".index(reduced[2]))
        said.append(f"the small {axis} in {reduced[0]}: along axis {axis}")
    return ", ".join(said)


def styled(picture: Picture, options: Options) -> Picture:
    """The user's hook applied to every box and arrow."""
    if options.style is None:
        return picture

    def through(item: Any) -> Any:
        changed = options.style(item) if options.style else None
        if changed is None:
            return item
        if not isinstance(changed, Box | Arrow):
            raise DrawError(
                f"style= gave {changed!r}; it must give a Box, an Arrow, or None (see cgraph.draw.model.diagram)"
            )
        return changed

    return replace(
        picture,
        boxes=tuple(map(through, picture.boxes)),
        arrows=tuple(map(through, picture.arrows)),
    )
