"""Products of vectors and matrices, and linear algebra."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import cgraph as cg
from cgraph.interop.aten.table import RULES, axes, rule, whole
from cgraph.interop.building import Missing
from cgraph.nn import functional as nnf


@rule("matmul", "mm", "bmm", "mv", "dot", "linalg_matmul", "vdot")
def matmul(a: Any, b: Any) -> Any:
    return cg.matmul(whole(a), whole(b))


@rule("linear")
def _linear(x: Any, weight: Any, bias: Any = None) -> Any:
    return nnf.linear(whole(x), whole(weight), None if bias is None else whole(bias))


@rule("bilinear")
def _bilinear(a: Any, b: Any, weight: Any, bias: Any = None) -> Any:
    product = cg.einsum("...i,oij,...j->...o", whole(a), whole(weight), whole(b))
    return product if bias is None else product + whole(bias)


@rule("_trilinear")
def _trilinear(a: Any, b: Any, c: Any, expand1: Any, expand2: Any, expand3: Any, sumdim: Any, unroll_dim: int = 1) -> Any:  # fmt: skip
    parts = []
    for x, dims in ((a, expand1), (b, expand2), (c, expand3)):
        x = whole(x)
        for dim in dims:
            x = cg.expand_dims(x, dim)
        parts.append(x)
    return cg.sum(parts[0] * parts[1] * parts[2], axis=tuple(sumdim))


@rule("addmm", "baddbmm", "addmv", "_addmm_activation")
def _addmm(bias: Any, a: Any, b: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    product = matmul(a, b)
    product = product if alpha == 1 else alpha * product
    if beta == 0:
        return cg.broadcast_to(product, np.broadcast_shapes(bias.shape, product.shape))
    return product + (whole(bias) if beta == 1 else beta * whole(bias))


@rule("addbmm")
def _addbmm(bias: Any, a: Any, b: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    product = cg.sum(matmul(a, b), axis=0)
    return (whole(bias) if beta == 1 else beta * whole(bias)) + (product if alpha == 1 else alpha * product)  # fmt: skip


@rule("addr")
def _addr(x: Any, a: Any, b: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    product = cg.outer(whole(a), whole(b))
    return (whole(x) if beta == 1 else beta * whole(x)) + (product if alpha == 1 else alpha * product)  # fmt: skip


@rule("outer", "ger")
def _outer(a: Any, b: Any) -> Any:
    return cg.outer(whole(a), whole(b))


@rule("inner")
def _inner(a: Any, b: Any) -> Any:
    return cg.inner(whole(a), whole(b))


@rule("kron")
def _kron(a: Any, b: Any) -> Any:
    return cg.kron(whole(a), whole(b))


@rule("tensordot")
def _tensordot(a: Any, b: Any, dims_self: Any, dims_other: Any) -> Any:
    return cg.tensordot(whole(a), whole(b), (tuple(dims_self), tuple(dims_other)))


@rule("linalg_vecdot")
def _vecdot(a: Any, b: Any, *, dim: int = -1) -> Any:
    return cg.sum(whole(a) * whole(b), axis=dim)


@rule("cross")
def _cross(a: Any, b: Any, dim: Any = None) -> Any:
    a, b = whole(a), whole(b)
    dim = next(i for i, n in enumerate(a.shape) if n == 3) if dim is None else dim
    return cg.cross(a, b, axis=dim)


RULES["linalg_cross"] = lambda a, b, *, dim=-1: _cross(a, b, dim)


@rule("einsum")
def _einsum(equation: str, operands: Sequence[Any], *, path: Any = None) -> Any:
    return cg.einsum(equation, *map(whole, operands))


@rule("chain_matmul", "linalg_multi_dot")
def _multi_dot(matrices: Any) -> Any:
    return cg.linalg.multi_dot([whole(m) for m in matrices])


@rule("linalg_matrix_power", "matrix_power")
def _matrix_power(a: Any, n: int) -> Any:
    return cg.linalg.matrix_power(a, n)


# --- linear algebra -----------------------------------------------------------------------------------------------------------------


def _plain(name: str) -> Callable[..., Any]:
    return lambda a: getattr(cg.linalg, name)(a)


RULES.update({f"linalg_{name}": _plain(name) for name in ("det", "svdvals", "eigvals")})
RULES.update({"det": _plain("det"), "linalg_matrix_exp": _plain("expm"), "matrix_exp": _plain("expm")})  # fmt: skip


@rule("linalg_inv", "inverse")
def _inv(a: Any) -> Any:
    return cg.linalg.inv(a)


@rule("linalg_inv_ex")
def _inv_ex(a: Any, *, check_errors: bool = False) -> Any:
    return (cg.linalg.inv(a), None)


@rule("linalg_slogdet", "slogdet")
def _slogdet(a: Any) -> Any:
    return tuple(cg.linalg.slogdet(a))


@rule("_linalg_slogdet")
def _slogdet_with_factors(a: Any) -> Any:
    return (*cg.linalg.slogdet(a), None, None)


@rule("_linalg_det")
def _det_with_factors(a: Any) -> Any:
    return (cg.linalg.det(a), None, None)


@rule("logdet")
def _logdet(a: Any) -> Any:
    sign, size = cg.linalg.slogdet(a)
    return cg.where(cg.less(sign, 0.0), math.nan, size)


@rule("linalg_solve")
def _solve(a: Any, b: Any, *, left: bool = True) -> Any:
    a, b = whole(a), whole(b)
    if left:
        is_vectors = b.ndim == 1 or (b.ndim == a.ndim - 1 and b.shape == a.shape[:-1])
        if is_vectors and b.ndim > 1:
            return cg.squeeze(cg.linalg.solve(a, cg.expand_dims(b, -1)), -1)
        return cg.linalg.solve(a, b)
    turned = cg.linalg.solve(cg.swapaxes(a, -1, -2), cg.swapaxes(b, -1, -2))
    return cg.swapaxes(turned, -1, -2)


@rule("linalg_solve_ex")
def _solve_ex(a: Any, b: Any, *, left: bool = True, check_errors: bool = False) -> Any:
    return (_solve(a, b, left=left), None)


@rule("_linalg_solve_ex")
def _solve_with_factors(a: Any, b: Any, *, left: bool = True, check_errors: bool = False) -> Any:
    return (_solve(a, b, left=left), None, None, None)


@rule("linalg_cholesky", "cholesky")
def _cholesky(a: Any, upper: bool = False) -> Any:
    return cg.linalg.cholesky(a, upper=upper)


@rule("linalg_cholesky_ex")
def _cholesky_ex(a: Any, *, upper: bool = False, check_errors: bool = False) -> Any:
    return (cg.linalg.cholesky(a, upper=upper), None)


@rule("linalg_solve_triangular")
def _solve_triangular(a: Any, b: Any, *, upper: bool, left: bool = True, unitriangular: bool = False) -> Any:  # fmt: skip
    a, b = whole(a), whole(b)
    options: dict[str, Any] = {"unit_diagonal": unitriangular}
    if left:
        return cg.linalg.solve_triangular(a, b, lower=not upper, **options)
    a, b = cg.swapaxes(a, -1, -2), cg.swapaxes(b, -1, -2)
    return cg.swapaxes(cg.linalg.solve_triangular(a, b, lower=upper, **options), -1, -2)


@rule("triangular_solve")
def _old_triangular_solve(b: Any, a: Any, upper: bool = True, transpose: bool = False, unitriangular: bool = False) -> Any:  # fmt: skip
    a = cg.swapaxes(whole(a), -1, -2) if transpose else a
    return (_solve_triangular(a, b, upper=upper != transpose, unitriangular=unitriangular), a)


@rule("cholesky_solve")
def _cholesky_solve(b: Any, factor: Any, upper: bool = False) -> Any:
    b, factor = whole(b), whole(factor)
    turned = cg.swapaxes(factor, -1, -2)
    low, high = (turned, factor) if upper else (factor, turned)
    half = cg.linalg.solve_triangular(low, b, lower=True)
    return cg.linalg.solve_triangular(high, half, lower=False)


@rule("cholesky_inverse")
def _cholesky_inverse(factor: Any, upper: bool = False) -> Any:
    return _cholesky_solve(np.eye(factor.shape[-1], dtype=factor.dtype), factor, upper)


@rule("linalg_qr")
def _qr(a: Any, mode: Any = "reduced") -> Any:
    if mode == "r":
        return (None, cg.linalg.qr(a, mode="r"))
    return tuple(cg.linalg.qr(a, mode=mode))


@rule("linalg_eigh", "_linalg_eigh")
def _eigh(a: Any, UPLO: str = "L", compute_v: bool = True) -> Any:
    return tuple(cg.linalg.eigh(a, UPLO))


@rule("linalg_eigvalsh")
def _eigvalsh(a: Any, UPLO: str = "L") -> Any:
    return cg.linalg.eigvalsh(a, UPLO)


@rule("linalg_svd")
def _svd(a: Any, full_matrices: bool = True, *, driver: Any = None) -> Any:
    return tuple(cg.linalg.svd(a, full_matrices=full_matrices and a.shape[-1] != a.shape[-2]))


@rule("_linalg_svd")
def _svd_with_flags(a: Any, full_matrices: bool = False, compute_uv: bool = True, *, driver: Any = None) -> Any:  # fmt: skip
    if not compute_uv:
        return (None, cg.linalg.svdvals(a), None)
    return _svd(a, full_matrices)


@rule("svd")
def _old_svd(a: Any, some: bool = True, compute_uv: bool = True) -> Any:
    u, s, vh = _svd(a, not some)
    return (u, s, cg.swapaxes(vh, -1, -2))


@rule("linalg_pinv", "pinverse")
def _pinv(a: Any, *rest: Any, **options: Any) -> Any:
    if rest or any(v not in (None, False) for v in options.values()):
        raise Missing("pinv with a tolerance")
    return cg.linalg.pinv(a)


@rule("linalg_tensorinv")
def _tensorinv(a: Any, ind: int = 2) -> Any:
    return cg.linalg.tensorinv(a, ind)


@rule("linalg_tensorsolve")
def _tensorsolve(a: Any, b: Any, dims: Any = None) -> Any:
    return cg.linalg.tensorsolve(whole(a), whole(b), axes(dims))


@rule("linalg_vander")
def _vander(x: Any, *, N: Any = None) -> Any:
    return cg.power(cg.expand_dims(x, -1), np.arange(x.shape[-1] if N is None else N))
