"""Einstein's summation. The adjoint of an einsum is an einsum."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

import numpy as np

from cgraph import shapes
from cgraph.errors import ShapeError
from cgraph.linear_maps import Adjoint, LinearMap
from cgraph.op import Op
from cgraph.operators import public
from cgraph.ops.define import F, op, shape_of
from cgraph.ops.picking import diagonal
from cgraph.ops.reduction import sum
from cgraph.ops.structure import broadcast_to, cast, transpose


def _einsum(*operands: Any, subscripts: str) -> Any:
    # With two operands a contraction is a matrix product; for small ones, finding that out costs more than it saves.
    large = len(operands) > 2 or max(np.size(x) for x in operands) > 500
    return np.einsum(subscripts, *operands, optimize=large)


def _einsum_shape(*operands: shapes.Shape, subscripts: str) -> shapes.Shape:
    terms, result = subscripts.split("->")
    sizes: dict[str, int | None] = {}
    for term, shape in zip(terms.split(","), operands, strict=True):
        for letter, n in zip(term, shape, strict=True):
            known = sizes.get(letter)
            if known is not None and n is not None and known != n:
                raise ShapeError(f"einsum: {letter!r} is {known} and {n} in {subscripts!r}")
            sizes[letter] = n if known is None else known
    return tuple(sizes[letter] for letter in result)


def _einsum_local(i: int, out: Any, *operands: Any, subscripts: str) -> LinearMap:
    terms, result = subscripts.split("->")
    parts = terms.split(",")
    others = [x for k, x in enumerate(operands) if k != i]
    back = ",".join([result, *(t for k, t in enumerate(parts) if k != i)]) + "->" + parts[i]

    def forward(t: Any) -> Any:
        return einsum_op(
            *(t if k == i else x for k, x in enumerate(operands)), subscripts=subscripts
        )

    return Adjoint(forward, lambda u: einsum_op(u, *others, subscripts=back))


def _einsum_batch(node: Any, operands: list[Any], has: list[bool], size: int) -> Any:
    """One letter more, for the examples."""
    terms, result = node.params["subscripts"].split("->")
    letter = next(c for c in string.ascii_letters if c not in terms)
    parts = [letter + t if there else t for t, there in zip(terms.split(","), has, strict=True)]
    return Op.build_node(
        node.op, tuple(operands), {"subscripts": f"{','.join(parts)}->{letter}{result}"}
    )


# fmt: off
einsum_op: Op = op(
    "einsum", _einsum, _einsum_local, variadic=True, shape=_einsum_shape, family="linalg", role="linear", symbol="einsum",
    batch=_einsum_batch,
    formula=F("einsum($a, $b, …)", r"\operatorname{einsum}($a, $b, \dots)", "einsum(upstream, the others)",
        adjoint="einsum(UPSTREAM, the others)"),
    example=lambda rng: ((rng.normal(size=(2, 3)), rng.normal(size=(3, 2, 2))), {"subscripts": "ij,jik->k"}),
)
# fmt: on


def _explicit(subscripts: str, operands: Sequence[Any]) -> tuple[list[str], str]:
    """The letters of each operand and of the result, ellipses spelled out."""
    subscripts = subscripts.replace(" ", "")
    terms, arrow, result = subscripts.partition("->")
    parts = terms.split(",")
    if len(parts) != len(operands):
        raise ShapeError(
            f"einsum: {subscripts!r} speaks of {len(parts)} operands, not {len(operands)}"
        )
    unused = [c for c in string.ascii_letters if c not in subscripts]
    ranks = [
        len(shape_of(x)) - len(p.replace("...", "")) if "..." in p else 0
        for p, x in zip(parts, operands, strict=True)
    ]
    ellipsis = "".join(unused[: max(ranks)])
    parts = [
        p.replace("...", ellipsis[len(ellipsis) - r :]) for p, r in zip(parts, ranks, strict=True)
    ]
    if arrow:
        result = result.replace("...", ellipsis)
    else:
        letters = "".join(parts)
        result = ellipsis + "".join(
            sorted(c for c in set(letters) if letters.count(c) == 1 and c not in ellipsis)
        )
    for part, x in zip(parts, operands, strict=True):
        if len(part) != len(shape_of(x)):
            raise ShapeError(f"einsum: {part!r} does not fit an operand of shape {shape_of(x)}")
    for letter in result:
        if result.count(letter) > 1 or not any(letter in p for p in parts):
            raise ShapeError(f"einsum: {letter!r} stands twice in the result, or in no operand")
    return parts, result


def _from_lists(args: Sequence[Any]) -> tuple[str, list[Any]]:
    """``einsum(a, [0, 1], b, [1, 2], [0, 2])`` as letters."""

    def letters(indices: Sequence[Any]) -> str:
        return "".join("..." if i is Ellipsis else string.ascii_letters[i] for i in indices)

    pairs, last = (args[:-1], args[-1]) if len(args) % 2 else (args, None)
    text = ",".join(letters(indices) for indices in pairs[1::2])
    return text + ("" if last is None else "->" + letters(last)), list(pairs[0::2])


@public
def einsum(
    *operands: Any, optimize: Any = False, dtype: Any = None, name: str | None = None
) -> Any:
    """Einstein's summation, as in NumPy: ``einsum("ij,jk->ik", a, b)``. Its gradient is an einsum.

    Raises:
        ShapeError: when the letters do not fit the shapes.

    >>> import cgraph as cg
    >>> a = cg.parameter("a", [[1.0, 2.0], [3.0, 4.0]])
    >>> cg.einsum("ii->", a).backward().grad(a)
    array([[1., 0.],
           [0., 1.]])
    """
    subscripts, arrays = (
        (operands[0], list(operands[1:])) if isinstance(operands[0], str) else _from_lists(operands)
    )
    arrays = [x if hasattr(x, "shape") else np.asarray(x) for x in arrays]
    if dtype is not None:
        arrays = [cast(x, dtype) for x in arrays]
    parts, result = _explicit(subscripts, arrays)
    for k in range(len(arrays)):
        arrays[k], parts[k] = _diagonals(arrays[k], parts[k])
    arrays = _of_one_size(arrays, parts)
    for k in range(len(arrays)):
        elsewhere = result + "".join(p for j, p in enumerate(parts) if j != k)
        alone = tuple(i for i, letter in enumerate(parts[k]) if letter not in elsewhere)
        if alone:
            arrays[k] = sum(arrays[k], axis=alone)
            parts[k] = "".join(c for c in parts[k] if c in elsewhere)
    if len(arrays) == 1:
        return transpose(arrays[0], [parts[0].index(c) for c in result], name=name)
    return einsum_op(*arrays, subscripts=",".join(parts) + "->" + result, name=name)


def _diagonals(x: Any, part: str) -> tuple[Any, str]:
    """A letter that stands twice at one operand means its diagonal."""
    for letter in dict.fromkeys(part):
        while part.count(letter) > 1:
            i = part.index(letter)
            j = part.index(letter, i + 1)
            if shape_of(x)[i] != shape_of(x)[j]:
                raise ShapeError(f"einsum: {letter!r} is {shape_of(x)[i]} and {shape_of(x)[j]}")
            x = diagonal(x, 0, i, j)
            part = part[:i] + part[i + 1 : j] + part[j + 1 :] + letter
    return x, part


def _of_one_size(arrays: list[Any], parts: list[str]) -> list[Any]:
    """Operands with an axis of size 1 where another has more broadcast, as in NumPy."""
    sizes: dict[str, int | None] = {}
    for x, part in zip(arrays, parts, strict=True):
        for letter, n in zip(part, shape_of(x), strict=True):
            sizes[letter] = n if sizes.get(letter, 1) == 1 else sizes[letter]
    result = []
    for x, part in zip(arrays, parts, strict=True):
        wanted = tuple(sizes[c] if n == 1 else n for c, n in zip(part, shape_of(x), strict=True))
        result.append(x if wanted == shape_of(x) else broadcast_to(x, wanted))
    return result
