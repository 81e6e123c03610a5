"""What depends on the order of entries: `partition`, how ties share, recurrences."""

from __future__ import annotations

from cgraph.compile.emit.words import Row, both

# Sorting is one way of parting, and leaves the same entry in its place.
ROWS: dict[str, Row] = {
    "partition": Row("jnp.sort({0}, axis={axis})", "torch.sort({0}, dim={axis}).values"),
    "argpartition": Row(
        "jnp.argsort({0}, axis={axis}, stable=True)", "torch.argsort({0}, dim={axis}, stable=True)"
    ),
    "tie_mean": both("tie_mean({0}, {1}, {axis})"),
    "linear_recurrence": both("linear_recurrence({0}, {1}, {axis})"),
}

JAX_HELPERS = {
    "tie_mean": '''
def tie_mean(v, by, axis):
    """Each entry of v replaced by the mean over those whose entries of `by` are equal."""
    v, by = jnp.moveaxis(v, axis, -1), jnp.moveaxis(by, axis, -1)
    order = jnp.argsort(by, axis=-1, stable=True)
    ordered = jnp.take_along_axis(by, order, -1)
    new = jnp.pad(ordered[..., 1:] != ordered[..., :-1], [(0, 0)] * (by.ndim - 1) + [(1, 0)])[..., : by.shape[-1]]
    group = jnp.take_along_axis(jnp.cumsum(new, -1), jnp.argsort(order, axis=-1), -1)
    places = (*jnp.indices(group.shape, sparse=True)[:-1], group)
    total, count = (jnp.zeros(v.shape, v.dtype).at[places].add(x) for x in (v, jnp.ones_like(v)))
    return jnp.moveaxis((total / jnp.where(count == 0, 1.0, count))[places], -1, axis)
''',
    "linear_recurrence": '''
def linear_recurrence(a, b, axis):
    """h[0] = b[0], h[i] = a[i] h[i - 1] + b[i] along an axis."""
    a, b = (jnp.moveaxis(x, axis, 0) for x in jnp.broadcast_arrays(a, b))
    if not b.shape[0]:
        return jnp.moveaxis(b, 0, axis)
    _, later = jax.lax.scan(lambda h, ab: (ab[0] * h + ab[1],) * 2, b[0], (a[1:], b[1:]))
    return jnp.moveaxis(jnp.concatenate([b[:1], later]), 0, axis)
''',
}  # fmt: skip

TORCH_HELPERS = {
    "tie_mean": '''
def tie_mean(v, by, axis):
    """Each entry of v replaced by the mean over those whose entries of `by` are equal."""
    n = by.shape[axis]
    if n == 0:
        return v
    order = torch.argsort(by, dim=axis, stable=True)
    ordered = torch.take_along_dim(by, order, axis)
    new = ordered.narrow(axis, 1, n - 1) != ordered.narrow(axis, 0, n - 1)
    new = torch.cat([torch.zeros_like(ordered.narrow(axis, 0, 1), dtype=torch.bool), new], axis)
    group = torch.take_along_dim(torch.cumsum(new, axis), torch.argsort(order, dim=axis), axis)
    total, count = (torch.zeros_like(v).scatter_add(axis, group, x) for x in (v, torch.ones_like(v)))
    return torch.take_along_dim(total / torch.where(count == 0, 1.0, count), group, axis)
''',
    "linear_recurrence": '''
def linear_recurrence(a, b, axis):
    """h[0] = b[0], h[i] = a[i] h[i - 1] + b[i] along an axis."""
    found = []
    for left, right in zip(*(x.unbind(axis) for x in torch.broadcast_tensors(a, b))):
        found.append(left * found[-1] + right if found else right)
    return torch.stack(found, axis) if found else b
''',
}  # fmt: skip
