"""Loops and branches: the graph inside a node becomes a function above, which a helper carries out as often as it is due."""

from __future__ import annotations

from typing import Any

from cgraph.compile.emit.words import Row
from cgraph.node import Node


def _together(texts: list[str]) -> str:
    return f"[{', '.join(texts)}]"


def _scan(w: Any, node: Node, *operands: Any) -> str:
    params = node.params
    body, carried, rows = params["body"], params["carried"], params["rows"]
    step = w.inner(body.leaves, body.outputs, "body")
    texts = [w.typed(o, leaf) for o, leaf in zip(operands, body.leaves, strict=True)]
    parts = texts[:carried], texts[carried : carried + rows], texts[carried + rows :]
    told = f"{params['length']}, {params['reverse']}, {w.dtype(params['dtype'])}"
    return f"{w.helper('scan')}({step}, {', '.join(map(_together, parts))}, {told})"


def _cond(w: Any, node: Node, condition: Any, *operands: Any) -> str:
    no, yes = node.params["bodies"]
    names = [w.inner(b.leaves, b.outputs, word) for b, word in ((yes, "if_true"), (no, "if_false"))]
    texts = [w.typed(o, leaf) for o, leaf in zip(operands, yes.leaves, strict=True)]
    kind = w.dtype(node.params["dtype"])
    return f"{w.helper('cond')}({condition.text}, {', '.join(names)}, {_together(texts)}, {kind})"


def _part(framework: str) -> Any:
    def emit(w: Any, node: Node, x: Any) -> str:
        start, stop, shape = (node.params[k] for k in ("start", "stop", "shape"))
        piece = f"{x.atom}[{start}:{stop}]"
        return piece if shape == (stop - start,) else f"{framework}.reshape({piece}, {shape!r})"

    return emit


ROWS: dict[str, Row] = {
    "scan": Row(_scan, _scan),
    "cond": Row(_cond, _cond),
    "part": Row(_part("jnp"), _part("torch")),
}

JAX_HELPERS = {
    "scan": '''
def scan(body, state, rows, fixed, length, reverse, dtype):
    """A loop that carries a state; the last state and the results of the steps, laid end to end."""
    def one(state, rows):
        found = body(*state, *rows, *fixed)
        return found[: len(state)], found[len(state) :]

    state, results = jax.lax.scan(one, state, rows, length, reverse)
    return jnp.concatenate([jnp.ravel(x).astype(dtype) for x in (*state, *results)])
''',
    "cond": '''
def cond(condition, if_true, if_false, operands, dtype):
    """One of two branches; its results, laid end to end."""
    found = jax.lax.cond(condition, if_true, if_false, *operands)
    return jnp.concatenate([jnp.ravel(x).astype(dtype) for x in found])
''',
}  # fmt: skip

TORCH_HELPERS = {
    "scan": '''
def scan(body, state, rows, fixed, length, reverse, dtype):
    """A loop that carries a state; the last state and the results of the steps, laid end to end."""
    count, results = len(state), []
    for t in reversed(range(length)) if reverse else range(length):
        found = body(*state, *(x[t] for x in rows), *fixed)
        state = found[:count]
        results.append(found[count:])
    stacked = [torch.stack(x) for x in zip(*(reversed(results) if reverse else results))]
    return torch.cat([x.reshape(-1).to(dtype) for x in (*state, *stacked)])
''',
    "cond": '''
def cond(condition, if_true, if_false, operands, dtype):
    """One of two branches; its results, laid end to end."""
    found = if_true(*operands) if condition else if_false(*operands)
    return torch.cat([x.reshape(-1).to(dtype) for x in found])
''',
}  # fmt: skip
