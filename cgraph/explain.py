"""`run.explain(node)`: the chain rule as text, path by path.

The gradient of a root with respect to a node is the sum, over every path between them, of the product of the local gradients along
it. Paths are counted exactly, by adding up over the graph, also where they are too many to list (2^60 on a chain of squares). The
heaviest are found without walking them all: each node keeps only the best partial products that reach it, which is exact for
scalars, where what follows multiplies all of them alike.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cgraph.graph import order
from cgraph.node import Node


def explain(run: Any, node: Node, most: int) -> str:
    """The text of `Run.explain`."""
    gradient = run.grad(node)
    root = run.roots[0]
    names = {
        n: n.label if n.name is not None else f"{n.op.name}#{i}"
        for i, n in enumerate(order(root), 1)
    }
    counts: dict[Node, int] = {root: 1}
    # A partial path: the size of its contribution so far, the contribution, where that is zero by structure, and the edges
    # walked, as (the path before, edge), so that a long path is not copied at each step.
    best: dict[Node, list[tuple[float, Any, Any, Any]]] = {
        root: [(1.0, run.grad(root), None, None)]
    }
    for n in reversed(order(root)):
        if n not in counts or n is node:
            continue
        for i, parent in enumerate(n.parents):
            if not run.has_grad(parent) or not parent.active or not n.op.differentiable(i):
                continue
            counts[parent] = counts.get(parent, 0) + counts[n]
            local = run.local(n, i).map
            arrivals = best.setdefault(parent, [])
            for _, contribution, mask, path in best[n]:
                with np.errstate(all="ignore"):
                    if mask is None:
                        share, mask = local.vjp(contribution), local.mask
                    else:
                        share, mask = local.masked_vjp(contribution, mask)
                arrivals.append((_weight(share), share, mask, (path, (n, i))))
            arrivals.sort(key=lambda entry: -entry[0])
            del arrivals[most:]
        if n is not node and n is not root:
            del best[n]  # memory stays with the front
    total = counts.get(node, 0)
    loss, target = names[root], names[node]
    lines = [
        f"∂{loss}/∂{target} = {_number(gradient)}: {total:,} path{'s' if total != 1 else ''} from {loss} to {target}"
    ]
    listed = best.get(node, [])
    scalar = np.shape(gradient) == ()
    for k, (_, contribution, _mask, chain) in enumerate(listed, 1):
        path = _walked(chain)
        walk = " → ".join([loss] + [names[n.parents[i]] for n, i in path])
        lines.append(f"{k:>3}. {walk}")
        factors = [_factor(run, n, i, names, scalar) for n, i in path]
        lines.append(
            f"     {' × '.join([_number(run.grad(root)), *factors])} = {_number(contribution)}"
        )
    if total > len(listed):
        lines.append(f"     and {total - len(listed):,} more, lighter ones")
    elif total > 1:
        lines.append(
            f"     sum: {' + '.join(_number(c) for _, c, *_ in listed)} = {_number(sum(c for _, c, *_ in listed))}"
        )
    return "\n".join(lines)


def _walked(chain: Any) -> list[tuple[Node, int]]:
    path = []
    while chain is not None:
        chain, edge = chain
        path.append(edge)
    return path[::-1]


def _weight(share: Any) -> float:
    size = float(np.max(np.abs(share), initial=0.0))
    return size if size == size else np.inf


def _factor(run: Any, n: Node, i: int, names: dict[Node, str], scalar: bool) -> str:
    local = run.local(n, i)
    edge = f"∂{names[n]}/∂{names[n.parents[i]]}"
    if local.array is not None and np.ndim(local.array) == 0:
        return f"{_number(local.array)} [{edge}]"
    return f"({local.formula or type(local.map).__name__}) [{edge}]"


def _number(value: Any) -> str:
    array = np.asarray(value)
    if array.ndim == 0:
        return f"{float(array):.6g}"
    if array.size <= 8:
        return np.array2string(array, precision=4, separator=", ").replace("\n", "")
    return f"array{array.shape} of norm {np.linalg.norm(array):.4g}"
