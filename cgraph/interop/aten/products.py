"""Products of vectors and matrices, and linear algebra."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import cgraph as cg
from cgraph.interop.aten.table import RULES, axes, rule, whole
from cgraph.interop.building import Missing
from cgraph.nn import functional as nnf


@rule("matmul", "mm", "bmm", "mv", "dot", "linalg_matmul", "vdot")
def matmul(a: Any, b: Any) -> Any:
    return cg.matmul(whole(a), whole(b))


# fmt: off
rule("linear")(lambda x, weight, bias=None: nnf.linear(whole(x), whole(weight), None if bias is None else whole(bias)))
# fmt: on


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


# fmt: off
rule("outer", "ger")(lambda a, b: cg.outer(whole(a), whole(b)))
rule("inner")(lambda a, b: cg.inner(whole(a), whole(b)))
rule("kron")(lambda a, b: cg.kron(whole(a), whole(b)))
rule("tensordot")(lambda a, b, dims_self, dims_other: cg.tensordot(whole(a), whole(b), (tuple(dims_self), tuple(dims_other))))
rule("linalg_vecdot")(lambda a, b, *, dim=-1: cg.sum(whole(a) * whole(b), axis=dim))
# fmt: on


@rule("cross")
def _cross(a: Any, b: Any, dim: Any = None) -> Any:
    a, b = whole(a), whole(b)
    dim = next(i for i, n in enumerate(a.shape) if n == 3) if dim is None else dim
    return cg.cross(a, b, axis=dim)


RULES["linalg_cross"] = lambda a, b, *, dim=-1: _cross(a, b, dim)


# fmt: off
rule("einsum")(lambda equation, operands, *, path=None: cg.einsum(equation, *map(whole, operands)))
rule("chain_matmul", "linalg_multi_dot")(lambda matrices: cg.linalg.multi_dot([whole(m) for m in matrices]))
rule("linalg_matrix_power", "matrix_power")(lambda a, n: cg.linalg.matrix_power(a, n))
# fmt: on


# --- linear algebra -----------------------------------------------------------------------------------------------------------------


def _plain(name: str) -> Callable[..., Any]:
    return lambda a: getattr(cg.linalg, name)(a)


RULES.update({f"linalg_{name}": _plain(name) for name in ("det", "svdvals", "eigvals")})
RULES.update({"det": _plain("det"), "linalg_matrix_exp": _plain("expm"), "matrix_exp": _plain("expm")})  # fmt: skip


rule("linalg_inv", "inverse")(lambda a: cg.linalg.inv(a))
rule("linalg_inv_ex")(lambda a, *, check_errors=False: (cg.linalg.inv(a), None))
rule("linalg_slogdet", "slogdet")(lambda a: tuple(cg.linalg.slogdet(a)))
rule("_linalg_slogdet")(lambda a: (*cg.linalg.slogdet(a), None, None))
rule("_linalg_det")(lambda a: (cg.linalg.det(a), None, None))


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


# fmt: off
rule("linalg_solve_ex")(lambda a, b, *, left=True, check_errors=False: (_solve(a, b, left=left), None))
rule("_linalg_solve_ex")(lambda a, b, *, left=True, check_errors=False: (_solve(a, b, left=left), None, None, None))
rule("linalg_cholesky", "cholesky")(lambda a, upper=False: cg.linalg.cholesky(a, upper=upper))
rule("linalg_cholesky_ex")(lambda a, *, upper=False, check_errors=False: (cg.linalg.cholesky(a, upper=upper), None))
# fmt: on


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


# fmt: off
rule("cholesky_inverse")(lambda factor, upper=False: _cholesky_solve(np.eye(factor.shape[-1], dtype=factor.dtype), factor, upper))
# fmt: on


@rule("linalg_qr")
def _qr(a: Any, mode: Any = "reduced") -> Any:
    if mode == "r":
        return (None, cg.linalg.qr(a, mode="r"))
    return tuple(cg.linalg.qr(a, mode=mode))


# fmt: off
rule("linalg_eigh", "_linalg_eigh")(lambda a, UPLO="L", compute_v=True: tuple(cg.linalg.eigh(a, UPLO)))
rule("linalg_eigvalsh")(lambda a, UPLO="L": cg.linalg.eigvalsh(a, UPLO))
# fmt: on


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


# fmt: off
rule("linalg_tensorinv")(lambda a, ind=2: cg.linalg.tensorinv(a, ind))
rule("linalg_tensorsolve")(lambda a, b, dims=None: cg.linalg.tensorsolve(whole(a), whole(b), axes(dims)))
rule("linalg_vander")(lambda x, *, N=None: cg.power(cg.expand_dims(x, -1), np.arange(x.shape[-1] if N is None else N)))
# fmt: on
