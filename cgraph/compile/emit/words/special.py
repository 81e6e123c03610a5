"""Special functions: `cgraph.special`, where the frameworks have them with all their digits."""

from __future__ import annotations

from cgraph.compile.emit.words import Row, both


def _named(jax: str = "", torch: str = "", operands: int = 1) -> Row:
    places = ", ".join(f"{{{i}}}" for i in range(operands))
    return Row(
        f"jax.scipy.special.{jax}({places})" if jax else None,
        f"torch.special.{torch}({places})" if torch else None,
    )


ROWS: dict[str, Row] = {
    **{f"special.{n}": _named(n, n) for n in ("erf", "erfc", "erfcx", "erfinv", "ndtr", "ndtri", "log_ndtr", "digamma", "gammaln")},
    **{f"special.{n}": _named(n, n) for n in ("entr", "i0", "i0e", "i1", "i1e")},
    **{f"special.{n}": _named(n, n, 2) for n in ("zeta", "gammainc", "gammaincc", "xlogy", "xlog1py")},
    "special.betaln": Row("jax.scipy.special.betaln({0}, {1})", "betaln({0}, {1})"),
    "special.beta": Row("jax.scipy.special.beta({0}, {1})", "torch.exp(betaln({0}, {1}))"),
    "special.betainc": _named("betainc", "", 3),
    "special.gamma": Row("jax.scipy.special.gamma({0})", "gamma({0})"),
    "special.rgamma": Row("1.0 / jax.scipy.special.gamma({0})", "1.0 / gamma({0})"),
    "special.gamma_density": both("gamma_density({0}, {1})"),
    "special.polygamma": both("polygamma({0}, {1})"),
    "special.erfcinv": both("erfcinv({0})"),
    "special.log_ndtr_slope": both("log_ndtr_slope({0})"),
    "special.rel_entr": Row("jax.scipy.special.rel_entr({0}, {1})", "rel_entr({0}, {1})"),
    "special.kl_div": Row("jax.scipy.special.kl_div({0}, {1})", "kl_div({0}, {1})"),
}  # fmt: skip

JAX_HELPERS = {
    "gamma_density": '''
def gamma_density(a, x):
    """The density of the gamma distribution, x**(a - 1) exp(-x) / gamma(a)."""
    return jnp.exp(jax.scipy.special.xlogy(a - 1.0, x) - x - jax.scipy.special.gammaln(a))
''',
    "polygamma": '''
def polygamma(n, x):
    """The n-th derivative of digamma, for x > 0."""
    sign = jnp.where(n % 2 == 0, -1.0, 1.0).astype(jnp.result_type(x))
    m = jnp.maximum(n, 1) + jnp.zeros_like(x)
    higher = sign * jnp.exp(jax.scipy.special.gammaln(m + 1.0)) * jax.scipy.special.zeta(m + 1.0, x)
    return jnp.where(n == 0, jax.scipy.special.digamma(x), higher)
''',
    "erfcinv": '''
def erfcinv(x):
    """The inverse of erfc, which has its digits near 0, too."""
    return jax.scipy.special.ndtri(0.5 * x) * -0.7071067811865476
''',
    "log_ndtr_slope": '''
def log_ndtr_slope(x):
    """The derivative of log_ndtr, without cancellation in either tail."""
    return 0.7978845608028654 / jax.scipy.special.erfcx(x * -0.7071067811865476)
''',
}  # fmt: skip

TORCH_HELPERS = {
    "betaln": '''
def betaln(a, b):
    """The logarithm of the beta function."""
    return torch.lgamma(a) + torch.lgamma(b) - torch.lgamma(a + b)
''',
    "gamma": '''
def gamma(x):
    """The gamma function, by its logarithm, which costs |ln gamma| units in the last place; below 0 by reflection."""
    right = torch.exp(torch.lgamma(torch.where(x > 0, x, 1.0 - x)))
    return torch.where(x > 0, right, torch.pi / (torch.sin(torch.pi * x) * right))
''',
    "gamma_density": '''
def gamma_density(a, x):
    """The density of the gamma distribution, x**(a - 1) exp(-x) / gamma(a)."""
    return torch.exp(torch.special.xlogy(a - 1.0, x) - x - torch.lgamma(a))
''',
    "polygamma": '''
def polygamma(n, x):
    """The n-th derivative of digamma, for x > 0."""
    m = torch.clamp(n, min=1) + torch.zeros_like(x)
    higher = torch.where(n % 2 == 0, -1.0, 1.0) * torch.exp(torch.lgamma(m + 1.0)) * torch.special.zeta(m + 1.0, x)
    return torch.where(n == 0, torch.special.digamma(x), higher).to(x.dtype)
''',
    "erfcinv": '''
def erfcinv(x):
    """The inverse of erfc, which has its digits near 0, too."""
    return torch.special.ndtri(0.5 * x) * -0.7071067811865476
''',
    "log_ndtr_slope": '''
def log_ndtr_slope(x):
    """The derivative of log_ndtr, without cancellation in either tail."""
    return 0.7978845608028654 / torch.special.erfcx(x * -0.7071067811865476)
''',
    "rel_entr": '''
def rel_entr(x, y):
    """x ln(x / y)."""
    return torch.special.xlogy(x, x / torch.where(x == 0, 1.0, y))
''',
    "kl_div": '''
def kl_div(x, y):
    """x ln(x / y) - x + y."""
    return torch.special.xlogy(x, x / torch.where(x == 0, 1.0, y)) - x + y
''',
}  # fmt: skip
