"""Products over chosen axes: `einsum`, whose adjoint is an einsum, and tensor, inner, Kronecker and cross products; convolution."""

from __future__ import annotations

import string
from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

from cgraph import shapes
from cgraph.errors import ShapeError, UnsupportedError
from cgraph.linear_maps import Adjoint, LinearMap
from cgraph.op import Op
from cgraph.operators import public
from cgraph.ops.define import F, axis_of, known_shape, op, shape_of
from cgraph.ops.elementwise import add, multiply
from cgraph.ops.indexing import getitem
from cgraph.ops.joining import stack
from cgraph.ops.linalg import dot, matmul
from cgraph.ops.moving import diagonal, flip, moveaxis
from cgraph.ops.reduction import sum
from cgraph.ops.structure import broadcast_to, cast, expand_dims, flattened, reshape, transpose

# --- einsum ---------------------------------------------------------------------------------------------------------------------


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


# --- products of two ------------------------------------------------------------------------------------------------------------


@public
def tensordot(a: Any, b: Any, axes: Any = 2, *, name: str | None = None) -> Any:
    """The sum of products over axes of `a` and as many of `b`.

    Args:
        a, b: arrays or nodes.
        axes: how many last axes of `a` meet the first ones of `b`; or which of `a` and which of `b`.
        name: of the node.

    Raises:
        ShapeError: when the sizes along them differ.

    >>> import numpy as np
    >>> import cgraph as cg
    >>> cg.tensordot(np.ones((2, 3, 4)), np.ones((3, 4, 5))).shape
    (2, 5)
    """
    if isinstance(axes, int | np.integer):
        axes_a, axes_b = list(range(-int(axes), 0)), list(range(int(axes)))
    else:
        axes_a, axes_b = ([int(i) for i in np.atleast_1d(part)] for part in axes)
    axes_a, axes_b = [axis_of(a, i) for i in axes_a], [axis_of(b, i) for i in axes_b]
    own_a, own_b = shape_of(a), shape_of(b)
    if len(axes_a) != len(axes_b) or any(
        own_a[i] != own_b[j] and None not in (own_a[i], own_b[j])
        for i, j in zip(axes_a, axes_b, strict=False)
    ):
        raise ShapeError(f"tensordot: axes {axes_a} of {own_a} and {axes_b} of {own_b} do not fit")
    left = [i for i in range(len(own_a)) if i not in axes_a]
    right = [j for j in range(len(own_b)) if j not in axes_b]
    rows, columns = [own_a[i] for i in left], [own_b[j] for j in right]
    if None in own_a + own_b:
        letters = iter(string.ascii_letters)
        part_a = [next(letters) for _ in own_a]
        part_b = [
            part_a[axes_a[axes_b.index(j)]] if j in axes_b else next(letters)
            for j in range(len(own_b))
        ]
        result = [part_a[i] for i in left] + [part_b[j] for j in right]
        return einsum(f"{''.join(part_a)},{''.join(part_b)}->{''.join(result)}", a, b, name=name)
    n = shapes.size(tuple(own_a[i] for i in axes_a))
    flat_a = reshape(transpose(a, [*left, *axes_a]), (shapes.size(tuple(rows)), n))
    flat_b = reshape(transpose(b, [*axes_b, *right]), (n, shapes.size(tuple(columns))))
    return reshape(matmul(flat_a, flat_b), (*rows, *columns), name=name)


@public
def inner(a: Any, b: Any, *, name: str | None = None) -> Any:
    """The sum of products over the last axes.

    >>> import cgraph as cg
    >>> float(cg.inner([1.0, 2.0], [3.0, 4.0]))
    11.0
    """
    if not shape_of(a) or not shape_of(b):
        return multiply(a, b, name=name)
    return tensordot(a, b, ([-1], [-1]), name=name)


@public
def vdot(a: Any, b: Any, *, name: str | None = None) -> Any:
    """The dot product of all entries of `a` and `b`, in order."""
    return dot(flattened(a), flattened(b), name=name)


@public
def vecdot(a: Any, b: Any, axis: int = -1, *, name: str | None = None) -> Any:
    """The dot product of vectors along `axis`, the others broadcast."""
    return sum(multiply(a, b), axis=axis, name=name)


@public
def matvec(a: Any, b: Any, *, name: str | None = None) -> Any:
    """Stacks of matrices times stacks of vectors."""
    return getitem(matmul(a, expand_dims(b, -1)), (Ellipsis, 0), name=name)


@public
def vecmat(a: Any, b: Any, *, name: str | None = None) -> Any:
    """Stacks of vectors times stacks of matrices."""
    return getitem(matmul(expand_dims(a, -2), b), (Ellipsis, 0, slice(None)), name=name)


@public
def kron(a: Any, b: Any, *, name: str | None = None) -> Any:
    """The Kronecker product: `b`, once for each entry of `a` and times it.

    >>> import cgraph as cg
    >>> cg.kron([1.0, 10.0], [1.0, 2.0])
    array([ 1.,  2., 10., 20.])
    """
    own_a, own_b = known_shape(a, "kron"), known_shape(b, "kron")
    ndim = max(len(own_a), len(own_b))
    own_a, own_b = (1,) * (ndim - len(own_a)) + own_a, (1,) * (ndim - len(own_b)) + own_b
    left = reshape(a, [n for size in own_a for n in (size, 1)])
    right = reshape(b, [n for size in own_b for n in (1, size)])
    return reshape(left * right, [n * m for n, m in zip(own_a, own_b, strict=True)], name=name)


@public
def cross(
    a: Any,
    b: Any,
    axisa: int = -1,
    axisb: int = -1,
    axisc: int = -1,
    axis: int | None = None,
    *,
    name: str | None = None,
) -> Any:
    """The cross product of vectors of three entries (or two, whose third is 0) along an axis.

    >>> import numpy as np
    >>> import cgraph as cg
    >>> cg.cross(np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0]))
    array([0., 0., 1.])
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = moveaxis(a, axisa, -1), moveaxis(b, axisb, -1)
    n, m = shape_of(a)[-1], shape_of(b)[-1]
    if n not in (2, 3) or m not in (2, 3):
        raise ShapeError(f"cross: vectors have 2 or 3 entries, not {n} and {m}")
    x, y = ([v[..., i] for i in range(k or 0)] for v, k in ((a, n), (b, m)))
    last = x[0] * y[1] - x[1] * y[0]
    if n == m == 2:
        return getitem(last, Ellipsis, name=name)
    zero = 0.0 * x[0] * y[0]
    x, y = [*x, zero][:3], [*y, zero][:3]
    first, second = x[1] * y[2] - x[2] * y[1], x[2] * y[0] - x[0] * y[2]
    return moveaxis(stack([first, second, last], -1), -1, axisc, name=name)


@public
def add_sequence(*terms: Any, name: str | None = None) -> Any:
    """The sum of its operands, as MyGrad has it."""
    return _chain(add, terms, name)


@public
def multiply_sequence(*factors: Any, name: str | None = None) -> Any:
    """The product, entry by entry, of its operands, as MyGrad has it."""
    return _chain(multiply, factors, name)


@public
def multi_matmul(matrices: Sequence[Any], *, name: str | None = None) -> Any:
    """The product of matrices, from left to right; `cgraph.linalg.multi_dot` looks for the cheapest order."""
    return _chain(matmul, tuple(matrices), name)


def _chain(binary: Any, operands: tuple[Any, ...], name: str | None) -> Any:
    if len(operands) < 2:
        raise ShapeError(
            f"{binary.name if isinstance(binary, Op) else binary.__name__} of fewer than two operands"
        )
    return binary(reduce(binary, operands[:-1]), operands[-1], name=name)


# --- convolution ----------------------------------------------------------------------------------------------------------------


def _convolve_left(out: Any, a: Any, b: Any) -> LinearMap:
    return Adjoint(lambda t: convolve_op(t, b), lambda u: _correlated(u, b, shape_of(a)[0]))


def _convolve_right(out: Any, a: Any, b: Any) -> LinearMap:
    return Adjoint(lambda t: convolve_op(a, t), lambda u: _correlated(u, a, shape_of(b)[0]))


def _correlated(u: Any, kernel: Any, n: int | None) -> Any:
    start = known_shape(kernel, "the gradient of convolve")[0] - 1
    return convolve_op(u, flip(kernel))[start : start + (n or 0)]


def _convolve_shape(a: shapes.Shape, b: shapes.Shape) -> shapes.Shape:
    if len(a) != 1 or len(b) != 1:
        raise ShapeError("convolve takes vectors")
    if 0 in a + b:
        raise ShapeError("convolve: nothing to convolve")
    return (None,) if a[0] is None or b[0] is None else (a[0] + b[0] - 1,)


# fmt: off
convolve_op: Op = op(
    "convolve", np.convolve, _convolve_left, _convolve_right, shape=_convolve_shape, family="linalg", role="linear", symbol="∗",
    formula=F("$a ∗ $b", "$a * $b", "upstream correlated with $b", "upstream correlated with $a",
        adjoint="UPSTREAM correlated with the other"),
    example=lambda rng: ((rng.normal(size=int(rng.integers(1, 5))), rng.normal(size=int(rng.integers(1, 4)))), {}),
)
# fmt: on


@public
def convolve(a: Any, v: Any, mode: str = "full", *, name: str | None = None) -> Any:
    """The discrete convolution of two vectors; `mode` is "full", "same" or "valid".

    >>> import numpy as np
    >>> import cgraph as cg
    >>> cg.convolve(np.array([1.0, 2.0, 3.0]), np.array([1.0, -1.0]))
    array([ 1.,  1.,  1., -3.])
    """
    a, v = flattened(a) if not shape_of(a) else a, flattened(v) if not shape_of(v) else v
    if mode == "full":
        return convolve_op(a, v, name=name)
    n, m = known_shape(a, "convolve")[0], known_shape(v, "convolve")[0]
    long, short = max(n, m), min(n, m)
    if mode not in ("same", "valid"):
        raise ValueError(f"convolve: mode is 'full', 'same' or 'valid', not {mode!r}")
    start, length = ((short - 1) // 2, long) if mode == "same" else (short - 1, long - short + 1)
    return getitem(convolve_op(a, v), slice(start, start + length), name=name)


@public
def correlate(a: Any, v: Any, mode: str = "valid", *, name: str | None = None) -> Any:
    """The cross-correlation of two vectors: `convolve` with `v` turned round."""
    if len(shape_of(a)) != 1 or len(shape_of(v)) != 1:
        raise UnsupportedError("correlate takes vectors")
    if shape_of(a)[0] < shape_of(v)[0]:  # type: ignore[operator]
        return flip(correlate(v, a, mode), name=name)
    return convolve(a, flip(v), mode, name=name)
