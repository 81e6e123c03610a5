"""What slides: convolutions and windows of `cgraph.nn.functional`, with their adjoints; embeddings; `convolve`."""

from __future__ import annotations

from typing import Any

from cgraph.compile.emit.words import Row, both
from cgraph.node import Node


def _up_to_three(node: Node) -> bool:
    """PyTorch's convolutions have one, two or three dimensions."""
    return len(node.params["stride"]) <= 3


def _rows(w: Any, node: Node, table: Any, index: Any) -> str:
    return f"{table.atom}[{index.text}]"


UP_TO_THREE = {"torch": _up_to_three}

ROWS: dict[str, Row] = {
    "nn.conv": both("conv({0}, {1}, {stride}, {padding}, {dilation}, {groups})", UP_TO_THREE),
    "nn.conv_data": both("conv_data({0}, {1}, {sizes}, {stride}, {padding}, {dilation}, {groups})", UP_TO_THREE),
    "nn.conv_kernel": both("conv_kernel({0}, {1}, {kernel}, {stride}, {padding}, {dilation}, {groups})", UP_TO_THREE),
    "nn.windows": both("windows({0}, {kernel}, {stride}, {dilation}, {padding}, {fill})"),
    "nn.fold": both("fold({0}, {sizes}, {stride}, {dilation}, {padding})"),
    "nn.embedding": Row(_rows, _rows),
    "nn.embedding_adjoint": both("add_rows({0}, {1}, {rows})"),
    "convolve": Row("jnp.convolve({0}, {1})", "convolve({0}, {1})"),
}  # fmt: skip

_PLACES = '''
def places(sizes, kernel, stride, dilation):
    """For each trailing axis, where the entries of its windows lie: indices that broadcast to (out..., kernel...)."""
    found = []
    for i, (n, k, s, d) in enumerate(zip(sizes, kernel, stride, dilation)):
        out = (n - d * (k - 1) - 1) // s + 1
        shape = [1] * (2 * len(kernel))
        shape[i], shape[len(kernel) + i] = out, k
        found.append((s * numpy.arange(out)[:, None] + d * numpy.arange(k)).reshape(shape))
    return found
'''

JAX_HELPERS = {
    "conv": '''
def conv(x, w, stride, padding, dilation, groups):
    """The convolution of data (N, C, ...) with kernels (O, C/groups, ...)."""
    return jax.lax.conv_general_dilated(x, w, stride, padding, rhs_dilation=dilation, feature_group_count=groups)
''',
    "conv_data": '''
def conv_data(u, w, sizes, stride, padding, dilation, groups):
    """The adjoint of a convolution with respect to its data."""
    x = jax.ShapeDtypeStruct((u.shape[0], w.shape[1] * groups, *sizes), u.dtype)
    forward = lambda x: jax.lax.conv_general_dilated(x, w, stride, padding, rhs_dilation=dilation, feature_group_count=groups)
    return jax.linear_transpose(forward, x)(u)[0]
''',
    "conv_kernel": '''
def conv_kernel(x, u, kernel, stride, padding, dilation, groups):
    """The adjoint of a convolution with respect to its kernel."""
    w = jax.ShapeDtypeStruct((u.shape[1], x.shape[1] // groups, *kernel), u.dtype)
    forward = lambda w: jax.lax.conv_general_dilated(x, w, stride, padding, rhs_dilation=dilation, feature_group_count=groups)
    return jax.linear_transpose(forward, w)(u)[0]
''',
    "places": _PLACES,
    "windows": '''
def windows(x, kernel, stride, dilation, padding, fill):
    """Every window of the trailing axes, as axes of its own: (..., out..., kernel...)."""
    n = len(kernel)
    x = jnp.pad(x, [(0, 0)] * (x.ndim - n) + list(padding), constant_values=fill)
    return x[(..., *places(x.shape[x.ndim - n :], kernel, stride, dilation))]
''',
    "fold": '''
def fold(u, sizes, stride, dilation, padding):
    """Windows (..., out..., kernel...) added up where they overlap: the adjoint of windows."""
    n = len(sizes)
    padded = [m + sum(p) for m, p in zip(sizes, padding)]
    where = places(padded, u.shape[u.ndim - n :], stride, dilation)
    whole = jnp.zeros((*u.shape[: u.ndim - 2 * n], *padded), u.dtype).at[(..., *where)].add(u)
    return whole[(..., *(slice(p[0], p[0] + m) for m, p in zip(sizes, padding)))]
''',
    "add_rows": '''
def add_rows(u, index, rows):
    """Rows of u added up at an index: the adjoint of an embedding."""
    return jnp.zeros((rows, *u.shape[index.ndim :]), u.dtype).at[index].add(u)
''',
}  # fmt: skip

_RIM = '''
def rim(padding, sign=1):
    """Padding as PyTorch's pad has it: the last axis first."""
    return [sign * p for pair in reversed(padding) for p in pair]
'''

TORCH_HELPERS = {
    "rim": _RIM,
    "conv": '''
def conv(x, w, stride, padding, dilation, groups):
    """The convolution of data (N, C, ...) with kernels (O, C/groups, ...)."""
    function = getattr(torch.nn.functional, f"conv{len(stride)}d")
    return function(torch.nn.functional.pad(x, rim(padding)), w, None, stride, 0, dilation, groups)
''',
    "conv_data": '''
def conv_data(u, w, sizes, stride, padding, dilation, groups):
    """The adjoint of a convolution with respect to its data."""
    function = getattr(torch.nn.grad, f"conv{len(stride)}d_input")
    padded = [m + sum(p) for m, p in zip(sizes, padding)]
    whole = function((u.shape[0], w.shape[1] * groups, *padded), w, u, stride, 0, dilation, groups)
    return torch.nn.functional.pad(whole, rim(padding, -1))
''',
    "conv_kernel": '''
def conv_kernel(x, u, kernel, stride, padding, dilation, groups):
    """The adjoint of a convolution with respect to its kernel."""
    function = getattr(torch.nn.grad, f"conv{len(stride)}d_weight")
    x = torch.nn.functional.pad(x, rim(padding))
    return function(x, (u.shape[1], x.shape[1] // groups, *kernel), u, stride, 0, dilation, groups)
''',
    "places": _PLACES,
    "windows": '''
def windows(x, kernel, stride, dilation, padding, fill):
    """Every window of the trailing axes, as axes of its own: (..., out..., kernel...)."""
    x = torch.nn.functional.pad(x, rim(padding), value=fill)
    where = places(x.shape[x.ndim - len(kernel) :], kernel, stride, dilation)
    return x[(..., *(torch.as_tensor(p, device=x.device) for p in where))]
''',
    "fold": '''
def fold(u, sizes, stride, dilation, padding):
    """Windows (..., out..., kernel...) added up where they overlap: the adjoint of windows."""
    n = len(sizes)
    padded = [m + sum(p) for m, p in zip(sizes, padding)]
    lead = u.shape[: u.ndim - 2 * n]
    flat = numpy.ravel_multi_index(numpy.broadcast_arrays(*places(padded, u.shape[u.ndim - n :], stride, dilation)), padded)
    whole = u.new_zeros((*lead, *padded)).flatten(len(lead))
    whole = whole.index_add(len(lead), torch.as_tensor(flat.ravel(), device=u.device), u.flatten(len(lead)))
    return torch.nn.functional.pad(whole.reshape(*lead, *padded), rim(padding, -1))
''',
    "add_rows": '''
def add_rows(u, index, rows):
    """Rows of u added up at an index: the adjoint of an embedding."""
    rest = u.shape[index.ndim :]
    return u.new_zeros((rows, *rest)).index_add(0, torch.remainder(index.reshape(-1), rows), u.reshape(-1, *rest))
''',
    "convolve": '''
def convolve(a, v):
    """The full discrete convolution of two vectors."""
    n = v.shape[0] - 1
    return torch.nn.functional.conv1d(a[None, None], v.flip(0)[None, None], padding=n)[0, 0]
''',
}  # fmt: skip
