"""The fused loss, with the sigmoid inside it made visible: computed on the way forward, skipped on the way back.

`stable_bce` takes a logit, but a reader looks for the probability. This adds a dashed σ in front of the loss and one arc from the loss to
the logit past it. The probability is computed by the engine's own sigmoid from the Run's logit, and the long way that the arc
replaces by the engine's local gradients of `bce` and `sigmoid`; when the long way is not finite, that is why it is bypassed.
"""

from __future__ import annotations

import numpy as np

from cgraph.draw.model import expression, text
from cgraph.draw.model.build import Builder
from cgraph.draw.model.diagram import Arrow, Box, Group, Picture, replace
from cgraph.draw.model.facts import Array
from cgraph.draw.model.fold import Card
from cgraph.node import Node
from cgraph.op import OPS

# The fused losses: the activation inside, its sign, and what computes the probability from the logit.
FUSED = {"stable_bce": ("sigmoid", "σ"), "stable_cross_entropy": ("softmax", "softmax")}


def wanted(builder: Builder) -> bool:
    """Whether to show the bypass: on request, and by itself in small pictures of cards."""
    asked = builder.options.bypass
    if asked != "auto":
        return bool(asked)
    return builder.options.view in ("auto", "layers") and len(builder.cards) <= 8


def add(picture: Picture, builder: Builder) -> Picture:
    """The picture with the bypassed sigmoid in front of every fused loss."""
    if not wanted(builder):
        return picture
    for card in builder.cards:
        fused = next((n for n in card.nodes if n.op.name in FUSED), None)
        logit = fused.parents[0] if fused is not None else None
        if fused is None or logit not in builder.ids or logit not in card.entries:
            continue
        if not any(
            c.root.op.name == FUSED[fused.op.name][0] and logit in c.entries for c in builder.cards
        ):  # or the graph has one of its own
            picture = _one(picture, builder, card, fused)
    return picture


def _one(picture: Picture, builder: Builder, card: Card, fused: Node) -> Picture:
    logit, target = fused.parents
    names, loss, z = builder.names, builder.ids[card.root], builder.ids[logit]
    activation, symbol = FUSED[fused.op.name]
    # One-hot labels may be folded into the loss, of class numbers that are drawn.
    labels = names[target] if target in names else "labels"
    if activation == "softmax":
        symbol += expression.along(fused)
    id, scalar = f"{loss}s", builder.is_scalar(logit)
    taken = {names[n] for n in builder.ids}
    probability = next(p for p in (("p̂", "p̂′") if scalar else ("P̂", "P̂′", "P̂″")) if p not in taken)
    value = builder.value(logit)
    p = np.asarray(OPS[activation].forward(value, **fused.params)) if value is not None else None
    formula = (
        expression.fill(OPS[activation].formula.text, [names[logit]])
        if scalar
        else f"{symbol}({names[logit]})"
    )
    sigma = Box(
        id, "op", "activation", symbol, shape=builder.shape(logit),
        formula=f"{probability} = {formula}" if builder.options.formulas else "",
        number=builder.number(p) if p is not None and scalar else "", number_shown=builder.inside, name=probability,
        value=builder.lines(p) if p is not None and not scalar else (),
        notes=("bypassed backward",), bypassed=True, border="dashed",
        tip=f"{symbol} of {names[logit]} gives {probability}; the backward pass skips it, because loss and {symbol} are one op",
    )  # fmt: skip
    word = f"{probability} = {builder.number(p)}" if scalar and p is not None else probability
    said = () if builder.inside else (word,)
    onward = Arrow(
        id, loss, "value", said, "" if scalar or builder.inside else builder.shape(logit), tail_port="h", head_port="h", weight=50,
        tip=f"{probability} is what the loss compares with {labels}", css=("spine",),
    )  # fmt: skip
    arrows: list[Arrow] = []
    for arrow in picture.arrows:
        if arrow.tail == z and arrow.head == loss:
            if arrow.kind == "value":
                arrows += [replace(arrow, head=id), onward]
                continue
            words = arrow.label
            if scalar and len(words) > 1 and (long := _long_way(builder, logit, target, p)):
                words = (words[0], f"{words[1]}   (same as {long} the long way)")
            arrow = replace(arrow, label=words, weight=1, width=2.6, css=("bypass",))
        arrows.append(arrow)
    boxes: list[Box] = []
    for box in picture.boxes:
        if box.id == loss:
            boxes.append(sigma)
            old, new = f"{symbol}({names[logit]})", probability
            rows = tuple(replace(r, formula=r.formula.replace(old, new)) for r in box.rows)
            builder.told[card.root] = rows
            if (
                scalar
                and p is not None
                and rows
                and rows[0].value
                and rows[0].formula == f"{probability} − {labels}"
            ):
                target_shown = (
                    text.bracketed(builder.number(builder.run.value(target)))
                    if builder.run is not None
                    else ""
                )
                rows = (replace(rows[0], worked=f"{builder.number(p)} − {target_shown}"), *rows[1:])
            box = replace(
                box, rows=rows, rows_state="active" if rows and not rows[0].rule else box.rows_state
            )
        boxes.append(box)
    label = f"{fused.op.name}({names[logit]}, {labels})   one op"  # short: the target's arrow passes to the right of it
    ranks = tuple(
        tuple(id if b == z else b for b in rank) if builder.ids.get(target) in rank else rank
        for rank in picture.ranks
    )
    inside = any(loss in frame.members for frame in picture.groups)
    groups = (
        picture.groups
        if inside
        else (*picture.groups, Group(f"f{loss}", label, (id, loss), "fused"))
    )
    caption = f"{probability} = {symbol}({names[logit]}) is computed on the way forward and skipped on the way back"
    if builder.backward:
        back = f"∂{builder.objective}/∂{names[logit]}"
        caption = f"the gradient goes straight from the loss to {names[logit]}, past {symbol}: {back} = {_slope(boxes, loss)}"
        caption += f"; {probability} is computed forward, skipped backward"
    return replace(
        picture,
        boxes=tuple(boxes),
        arrows=tuple(arrows),
        groups=groups,
        ranks=ranks,
        caption=caption,
    )


def _slope(boxes: list[Box], loss: str) -> str:
    """The local gradient of the loss, as its card says it."""
    rows = next(box.rows for box in boxes if box.id == loss)
    return rows[0].formula or rows[0].value if rows else "σ − y"


def _long_way(builder: Builder, logit: Node, target: Node, p: Array | None) -> str:
    """`2 × 0.25`: what the textbook loss and the sigmoid would have multiplied, when both are finite."""
    if builder.run is None or p is None or not builder.backward:
        return ""
    y = builder.run.value(target)
    with np.errstate(all="ignore"):
        loss = OPS["bce"].local(0, OPS["bce"].forward(p, y), [p, y], {}).array
        sigmoid = OPS["sigmoid"].local(0, p, [builder.run.value(logit)], {}).array
    if (
        loss is None
        or sigmoid is None
        or not (np.isfinite(loss).all() and np.isfinite(sigmoid).all())
    ):
        return ""
    return f"{builder.number(np.asarray(loss))} {text.TIMES} {builder.number(np.asarray(sigmoid))}"
