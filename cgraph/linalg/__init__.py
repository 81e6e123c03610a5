"""Linear algebra: `numpy.linalg` on nodes, and what `scipy.linalg` adds to it.

``cg.linalg.solve(A, b)`` and ``np.linalg.solve(A, b)`` build the same node. Everything takes stacks of matrices where NumPy does, keeps
float32, and is differentiable as often as you like. Conventions (which triangle is read, equal eigenvalues, the norm at 0, singular
matrices) stand in docs/conventions.md.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from cgraph.linalg.decompositions import (
    EighResult,
    EigResult,
    QRResult,
    SVDResult,
    cholesky,
    eig,
    eigh,
    eigvals,
    eigvalsh,
    qr,
    svd,
    svdvals,
)
from cgraph.linalg.factors import PolarResult, lu, orthogonal_procrustes, polar
from cgraph.linalg.functions import (
    coshm,
    cosm,
    expm,
    expm_frechet,
    fractional_matrix_power,
    logm,
    sinhm,
    sinm,
    sqrtm,
    tanhm,
    tanm,
)
from cgraph.linalg.norms import cond, matrix_norm, norm, vector_norm
from cgraph.linalg.solving import (
    LstsqResult,
    SlogdetResult,
    det,
    inv,
    lstsq,
    matrix_power,
    matrix_rank,
    multi_dot,
    pinv,
    slogdet,
    solve,
    tensorinv,
    tensorsolve,
)
from cgraph.linalg.structured import (
    block_diag,
    circulant,
    companion,
    convolution_matrix,
    hankel,
    khatri_rao,
    toeplitz,
)
from cgraph.linalg.systems import (
    cho_factor,
    cho_solve,
    solve_banded,
    solve_circulant,
    solve_continuous_lyapunov,
    solve_discrete_lyapunov,
    solve_sylvester,
    solve_toeplitz,
    solve_triangular,
)

__all__ = [
    "EigResult", "EighResult", "LstsqResult", "PolarResult", "QRResult", "SVDResult", "SlogdetResult", "block_diag", "cho_factor",
    "cho_solve", "cholesky", "circulant", "companion", "cond", "convolution_matrix", "coshm", "cosm", "det", "eig", "eigh", "eigvals",
    "eigvalsh", "expm", "expm_frechet", "fractional_matrix_power", "hankel", "inv", "khatri_rao", "logm", "lstsq", "lu", "matrix_norm",
    "matrix_power", "matrix_rank", "multi_dot", "norm", "orthogonal_procrustes", "pinv", "polar", "qr", "sinhm", "sinm", "slogdet", "solve",
    "solve_banded", "solve_circulant", "solve_continuous_lyapunov", "solve_discrete_lyapunov", "solve_sylvester", "solve_toeplitz",
    "solve_triangular", "sqrtm", "svd", "svdvals", "tanhm", "tanm", "tensorinv", "tensorsolve", "toeplitz", "vector_norm",
]  # fmt: skip

# What `numpy.linalg` has under the name of a function of NumPy's main namespace.
_ELSEWHERE = ("cross", "diagonal", "matmul", "outer", "tensordot", "trace", "vecdot")


def matrix_transpose(x: Any, /, *, name: str | None = None) -> Any:
    """The transpose of each matrix of a stack."""
    structure = import_module("cgraph.ops.structure")
    return structure.swapaxes(x, -1, -2, name=name)


def __getattr__(name: str) -> Any:
    if name in _ELSEWHERE:
        return getattr(import_module("cgraph"), name)
    raise AttributeError(f"module 'cgraph.linalg' has no attribute {name!r}")
