"""Linear algebra: `cgraph.linalg`. Signs of eigenvectors and singular vectors are the library's."""

from __future__ import annotations

from cgraph.compile.emit.words import Row, both

ROWS: dict[str, Row] = {
    "linalg.inv": Row("jnp.linalg.inv({0})", "torch.linalg.inv({0})"),
    "linalg.solve": Row("jnp.linalg.solve({0}, {1})", "torch.linalg.solve({0}, {1})"),
    "linalg.solve_triangular": Row(
        "jax.scipy.linalg.solve_triangular({0}, {1}, lower={lower}, unit_diagonal={unit})",
        "torch.linalg.solve_triangular({0}, {1}, upper=not {lower}, unitriangular={unit})",
    ),
    "linalg.det": Row("jnp.linalg.det({0})", "torch.linalg.det({0})"),
    "linalg.cofactor": both("cofactor({0})"),
    "linalg.slogdet": Row("jnp.stack(jnp.linalg.slogdet({0}), -1)", "torch.stack(torch.linalg.slogdet({0}), -1)"),
    "linalg.pinv": both("pinv({0}, {rcond})"),
    "linalg.lstsq": both("lstsq({0}, {1}, {rcond})"),
    "linalg.matrix_rank": both("matrix_rank({0}, {rtol})"),
    "linalg.cholesky": both("cholesky({0}, {upper})"),
    "linalg.qr": Row("jnp.concatenate(jnp.linalg.qr({0}), -2)", "torch.cat(torch.linalg.qr({0}), -2)"),
    "linalg.eigh": both("eigh({0}, {lower})"),
    "linalg.eigvalsh": both("eigvalsh({0}, {lower})"),
    "linalg.svd": both("svd({0})"),
    "linalg.svdvals": Row("jnp.linalg.svd({0}, compute_uv=False)", "torch.linalg.svdvals({0})"),
    "linalg.polar": both("polar({0})"),
    "linalg.expm": Row("jax.scipy.linalg.expm({0})", "torch.linalg.matrix_exp({0})"),
    "linalg.norm": both("norm({0}, {axes}, {keepdims}, {p})"),
}  # fmt: skip

JAX_HELPERS = {
    "cofactor": '''
def cofactor(a):
    """The gradient of the determinant: det(a) inv(a).T, and by singular values where a has no good inverse."""
    n = a.shape[-1]
    u, s, vh = jnp.linalg.svd(a)
    others = jnp.prod(jnp.where(jnp.eye(n, dtype=bool), 1.0, s[..., None, :]), axis=-1)
    sign = jnp.linalg.det(u) * jnp.linalg.det(vh)
    by_values = sign[..., None, None] * ((u * others[..., None, :]) @ vh)
    regular = (s[..., -1:] > 1e-4 * s[..., :1])[..., None] if n else True
    inverse = jnp.linalg.inv(jnp.where(regular, a, jnp.eye(n, dtype=a.dtype)))
    return jnp.where(regular, jnp.linalg.det(a)[..., None, None] * jnp.matrix_transpose(inverse), by_values)
''',
    "pinv": '''
def pinv(a, rcond):
    """The pseudoinverse, with NumPy's bound for what counts as 0."""
    return jnp.linalg.pinv(a, rtol=1e-15 if rcond is None else rcond)
''',
    "lstsq": '''
def lstsq(a, b, rcond):
    """The solution of least squares, of least norm."""
    return jnp.linalg.lstsq(a, b, rcond)[0]
''',
    "matrix_rank": '''
def matrix_rank(a, rtol):
    """The rank, as a number of the matrix's dtype."""
    return jnp.linalg.matrix_rank(a, rtol=rtol).astype(a.dtype)
''',
    "cholesky": '''
def cholesky(a, upper):
    """The triangular factor, of the triangle that is read."""
    if upper:
        return jnp.matrix_transpose(cholesky(jnp.matrix_transpose(a), False))
    return jnp.linalg.cholesky(a, symmetrize_input=False)
''',
    "eigh": '''
def eigh(a, lower):
    """Eigenvectors as columns, and below them the eigenvalues."""
    values, vectors = jnp.linalg.eigh(a, "L" if lower else "U", symmetrize_input=False)
    return jnp.concatenate([vectors, values[..., None, :]], -2)
''',
    "eigvalsh": '''
def eigvalsh(a, lower):
    """The eigenvalues of a symmetric matrix, ascending."""
    return jnp.linalg.eigvalsh(a, "L" if lower else "U", symmetrize_input=False)
''',
    "svd": '''
def svd(a):
    """Left singular vectors as columns, below them the singular values, below them the right ones."""
    u, s, vh = jnp.linalg.svd(a, full_matrices=False)
    return jnp.concatenate([u, s[..., None, :], jnp.matrix_transpose(vh)], -2)
''',
    "polar": '''
def polar(a):
    """The factor with orthonormal columns."""
    u, _, vh = jnp.linalg.svd(a, full_matrices=False)
    return u @ vh
''',
    "norm": '''
def norm(x, axes, keepdims, p):
    """(sum |x|**p)**(1/p), in units of the largest entry (or the smallest, for p < 0), so that nothing overflows; slope 0 at 0."""
    size = jnp.maximum(x, -x)
    unit = jnp.min(size, axes, keepdims=True, initial=jnp.inf) if p < 0 else jnp.max(size, axes, keepdims=True, initial=0.0)
    unit = jax.lax.stop_gradient(jnp.where(jnp.isfinite(unit) & (unit > 0), unit, 1.0))
    total = jnp.sum(jnp.square(size / unit) if p == 2 else (size / unit) ** p, axes, keepdims=True)
    root = jnp.where(total == 0, 0.0, jnp.where(total == 0, 1.0, total) ** (1.0 / p))
    return unit * root if keepdims else jnp.squeeze(unit * root, axes)
''',
}  # fmt: skip

TORCH_HELPERS = {
    "cofactor": '''
def cofactor(a):
    """The gradient of the determinant: det(a) inv(a).T, and by singular values where a has no good inverse."""
    n = a.shape[-1]
    if n == 0:
        return a
    u, s, vh = torch.linalg.svd(a)
    eye = torch.eye(n, dtype=a.dtype, device=a.device)
    others = torch.prod(torch.where(eye == 1, 1.0, s[..., None, :]), -1)
    sign = torch.linalg.det(u) * torch.linalg.det(vh)
    by_values = sign[..., None, None] * ((u * others[..., None, :]) @ vh)
    regular = (s[..., -1:] > 1e-4 * s[..., :1])[..., None]
    inverse = torch.linalg.inv(torch.where(regular, a, eye))
    return torch.where(regular, torch.linalg.det(a)[..., None, None] * inverse.mT, by_values)
''',
    "pinv": '''
def pinv(a, rcond):
    """The pseudoinverse, with NumPy's bound for what counts as 0."""
    return torch.linalg.pinv(a, rtol=1e-15 if rcond is None else rcond)
''',
    "lstsq": '''
def lstsq(a, b, rcond):
    """The solution of least squares, of least norm."""
    return torch.linalg.lstsq(a, b, rcond, driver="gelsd").solution
''',
    "matrix_rank": '''
def matrix_rank(a, rtol):
    """The rank, as a number of the matrix's dtype."""
    return torch.linalg.matrix_rank(a, rtol=rtol).to(a.dtype)
''',
    "cholesky": '''
def cholesky(a, upper):
    """The triangular factor, of the triangle that is read."""
    return torch.linalg.cholesky(a.mT).mT if upper else torch.linalg.cholesky(a)
''',
    "eigh": '''
def eigh(a, lower):
    """Eigenvectors as columns, and below them the eigenvalues."""
    values, vectors = torch.linalg.eigh(a, "L" if lower else "U")
    return torch.cat([vectors, values[..., None, :]], -2)
''',
    "eigvalsh": '''
def eigvalsh(a, lower):
    """The eigenvalues of a symmetric matrix, ascending."""
    return torch.linalg.eigvalsh(a, "L" if lower else "U")
''',
    "svd": '''
def svd(a):
    """Left singular vectors as columns, below them the singular values, below them the right ones."""
    u, s, vh = torch.linalg.svd(a, full_matrices=False)
    return torch.cat([u, s[..., None, :], vh.mT], -2)
''',
    "polar": '''
def polar(a):
    """The factor with orthonormal columns."""
    u, _, vh = torch.linalg.svd(a, full_matrices=False)
    return u @ vh
''',
    "norm": '''
def norm(x, axes, keepdims, p):
    """(sum |x|**p)**(1/p), in units of the largest entry (or the smallest, for p < 0), so that nothing overflows; slope 0 at 0."""
    if not x.numel():
        return torch.sum(x, axes, keepdim=keepdims)
    size = torch.abs(x)
    unit = torch.amin(size, axes, True) if p < 0 else torch.amax(size, axes, True)
    unit = torch.where(torch.isfinite(unit) & (unit > 0), unit, 1.0).detach()
    total = torch.sum(torch.square(size / unit) if p == 2 else (size / unit) ** p, axes, keepdim=True)
    root = torch.where(total == 0, 0.0, torch.where(total == 0, 1.0, total) ** (1.0 / p))
    return unit * root if keepdims else (unit * root).squeeze(axes)
''',
}  # fmt: skip
