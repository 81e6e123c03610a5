"""A picture as text: a Unicode tree for terminals, and Mermaid for pages that draw it themselves.

Both are read off the same `Picture` as the DOT text, so they say the same; neither needs an engine or fonts.
"""

from __future__ import annotations

from cgraph.draw.model.diagram import Arrow, Box, Group, Picture

_SHAPES = {
    "data": ("((", "))"),
    "parameter": ("(", ")"),
    "constant": ("((", "))"),
    "scope": ("[[", "]]"),
    "pill": ("([", "])"),
}


def tree(picture: Picture) -> str:
    """The graph as a tree, results first; what is used twice is written once and referred to after that.

    Each line: symbol, formula, value, then `◂` and what came back.
    """
    boxes = {box.id: box for box in picture.boxes}
    into: dict[str, list[str]] = {}
    came: dict[str, list[str]] = {}
    for arrow in picture.arrows:
        if arrow.kind == "gradient" and arrow.state != "hidden":
            if words := " = ".join(_words(arrow)):
                came.setdefault(arrow.tail, []).append(words)
        elif arrow.kind != "gradient" and arrow.tail not in into.setdefault(arrow.head, []):
            into[arrow.head].append(arrow.tail)
    lines = [line for line in (picture.title, picture.caption) if line]
    side = {member: group.label for group in picture.groups for member in group.everything}
    headings = {
        id: side[end.id] for end in picture.boxes if end.id in side for id in into.get(end.id, ())
    }  # of two graphs beside one another: which result is whose
    heading = ""
    seen: set[str] = set()
    roots = [id for end in picture.boxes if end.kind == "end" for id in into.get(end.id, [])] or [
        b.id for b in picture.boxes[-1:]
    ]
    stack = [(root, "", "") for root in reversed(roots)]
    while stack:
        id, lead, branch = stack.pop()
        box = boxes[id]
        if not branch and headings.get(id, heading) != heading:
            heading = headings[id]
            lines += ["", f"{heading}:"]
        again = id in seen and bool(into.get(id))
        back = f"   ◂ {'; '.join(came[id])}" if id in came and not again else ""
        lines.append(
            f"{lead}{branch}{_line(box, id in came and len(came[id]) == 1)}{'  (above)' if again else ''}{back}"
        )
        below = lead + {"": "", "├─ ": "│  ", "└─ ": "   "}[branch]
        if again:
            continue
        seen.add(id)
        if box.rows_state != "hidden":
            mark = "│  " if into.get(id) else "   "
            lines += [f"{below}{mark}  {'  '.join((row.text, *row.lines))}" for row in box.rows]
        parents = into.get(id, [])
        for i, parent in reversed(list(enumerate(parents))):
            stack.append((parent, below, "└─ " if i == len(parents) - 1 else "├─ "))
    return "\n".join(lines) + "\n"


def _words(arrow: Arrow) -> list[str]:
    words = list(arrow.label)
    if arrow.lines:
        words.append(" ".join(arrow.lines))
    return words


def _line(box: Box, came: bool) -> str:
    words = [f"{box.badge} {box.symbol}".strip()]
    if box.shape:
        words.append(box.shape)
    if box.formula:
        words.append(
            f"= {box.formula}"
            if not box.formula.startswith("=") and " = " not in box.formula
            else box.formula
        )
    if box.number:
        words.append(f"= {box.number}")
    if box.value:
        words.append(" ".join(box.value))
    words += box.notes
    if box.total and box.total_state != "hidden" and not came:
        words.append(
            " ◂ "
            + " = ".join(
                part for part in (box.total[0], " ".join(box.total[1:]), box.total_note) if part
            )
        )
    return "  ".join(words)


def mermaid(picture: Picture) -> str:
    """The graph as a Mermaid flowchart; every text is quoted and its special characters written as entities."""
    lines = [f"flowchart {picture.direction}"]
    boxes = {box.id: box for box in picture.boxes}
    grouped = {member for group in picture.groups for member in group.everything}
    lines += [_node(box) for box in picture.boxes if box.id not in grouped]
    for group in picture.groups:
        lines += _subgraph(group, boxes, "  ")
    for arrow in picture.arrows:
        words = "<br/>".join(_safe(w) for w in (*arrow.label, *arrow.lines))
        label = f'|"{words}"|' if words else ""
        if arrow.kind != "gradient":
            lines.append(f"  {arrow.tail} -->{label} {arrow.head}")
        elif arrow.state != "hidden":
            lines.append(f"  {arrow.head} -.->{label} {arrow.tail}")
    lines += [
        "  classDef data fill:#DDF0DA,stroke:#3B7D3A,color:#1F2933",
        "  classDef parameter fill:#FFF3D1,stroke:#A87400,color:#1F2933",
        "  classDef linear fill:#DFEBFA,stroke:#2F66A8,color:#1F2933",
        "  classDef activation fill:#FBE3E1,stroke:#A9504B,color:#1F2933",
        "  classDef loss fill:#EBE1F5,stroke:#6D4AA0,color:#1F2933",
        "  classDef other fill:#F1F3F5,stroke:#6B7785,color:#1F2933",
        "  classDef constant fill:#F1F3F5,stroke:#6B7785,color:#1F2933",
        "  classDef end_ fill:none,stroke:none",
    ]
    return "\n".join(lines) + "\n"


def _subgraph(group: Group, boxes: dict[str, Box], indent: str) -> list[str]:
    inner = {member for sub in group.groups for member in sub.everything}
    lines = [f'{indent}subgraph group_{group.id}["{_safe(group.label)}"]']
    lines += [indent + _node(boxes[m]) for m in group.members if m not in inner]
    for sub in group.groups:
        lines += _subgraph(sub, boxes, indent + "  ")
    return [*lines, f"{indent}end"]


def _node(box: Box) -> str:
    if box.kind == "end":
        return f'  {box.id}[" "]:::end_'
    left, right = _SHAPES.get(box.kind, ("[", "]"))
    parts = [
        box.symbol + (f" {box.shape}" if box.shape else ""),
        box.formula,
        f"= {box.number}" if box.number and (box.number_shown or box.kind != "op") else "",
        *box.value,
        *box.notes,
    ]
    if box.rows_state != "hidden":
        parts += [words for row in box.rows for words in (row.text, *row.lines)]
    if box.total_state != "hidden":
        parts += [*box.total, box.total_note]
    words = "<br/>".join(_safe(part) for part in parts if part)
    return f'  {box.id}{left}"{words}"{right}:::{box.tone}'


def _safe(words: str) -> str:
    """Mermaid has entities of its own: `#quot;`, `#lt;` or `#35;` for a code point."""
    return "".join(
        c if c.isalnum() or c in " .,=+-()−·×∂/̂̄" or ord(c) > 0x2000 else f"#{ord(c)};"
        for c in words
    )
