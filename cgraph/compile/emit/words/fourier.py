"""Fourier transforms: `cgraph.fft`, whose complex numbers are pairs along a last axis."""

from __future__ import annotations

from cgraph.compile.emit.words import Row, both

ROWS: dict[str, Row] = {
    "fft.c2c": both("c2c({0}, {axes}, {inverse}, {norm})"),
    "fft.r2c": both("r2c({0}, {axes}, {norm})"),
    "fft.c2r": both("c2r({0}, {axes}, {n}, {norm})"),
}

JAX_HELPERS = {
    "c2c": '''
def c2c(p, axes, inverse, norm):
    """A Fourier transform; real and imaginary parts lie along the last axis."""
    z = (jnp.fft.ifftn if inverse else jnp.fft.fftn)(jax.lax.complex(p[..., 0], p[..., 1]), axes=axes, norm=norm)
    return jnp.stack([z.real, z.imag], -1)
''',
    "r2c": '''
def r2c(x, axes, norm):
    """The Fourier transform of real numbers, the half of it that says all; real and imaginary parts lie along the last axis."""
    z = jnp.fft.rfftn(x, axes=axes, norm=norm)
    return jnp.stack([z.real, z.imag], -1)
''',
    "c2r": '''
def c2r(p, axes, n, norm):
    """The real numbers that r2c belongs to."""
    sizes = [*(p.shape[i] for i in axes[:-1]), n]
    return jnp.fft.irfftn(jax.lax.complex(p[..., 0], p[..., 1]), sizes, axes, norm)
''',
}  # fmt: skip

TORCH_HELPERS = {
    "c2c": '''
def c2c(p, axes, inverse, norm):
    """A Fourier transform; real and imaginary parts lie along the last axis."""
    z = (torch.fft.ifftn if inverse else torch.fft.fftn)(torch.complex(p[..., 0], p[..., 1]), dim=axes, norm=norm)
    return torch.view_as_real(z)
''',
    "r2c": '''
def r2c(x, axes, norm):
    """The Fourier transform of real numbers, the half of it that says all; real and imaginary parts lie along the last axis."""
    return torch.view_as_real(torch.fft.rfftn(x, dim=axes, norm=norm))
''',
    "c2r": '''
def c2r(p, axes, n, norm):
    """The real numbers that r2c belongs to."""
    sizes = [*(p.shape[i] for i in axes[:-1]), n]
    return torch.fft.irfftn(torch.complex(p[..., 0], p[..., 1]), sizes, axes, norm)
''',
}  # fmt: skip
