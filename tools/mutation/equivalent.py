"""Mutants of the backward code that change nothing anybody can see, by name, each with the reason.

They are skipped by `mutate`. A name says what became of what in which function, not on which line, so that it stays true when code moves.
"""

from __future__ import annotations

EQUIVALENT: dict[str, str] = {
    "linear_maps._transposed: return matrix.T if matrix.ndim == 2 else matrix.swapaxes(-1, -2)  ->  return matrix.T if matrix.ndim == 0 else matrix.swapaxes(-1, -2)": "swapaxes(-1, -2) of a matrix is its transpose",  # noqa: E501
    "backprop.backpropagate: if node.op.plain and (not (masks and node in masks)):  ->  if node.op.plain and (not (masks or node in masks)):": "the linear maps give the same numbers",  # noqa: E501
    "autodiff._shaped: if node.shape != target.shape and shapes.is_static(target.shape):  ->  if node.shape != target.shape or shapes.is_static(target.shape):": "a broadcast to the shape it has already",  # noqa: E501
    "autodiff._shaped: if node.shape != target.shape and shapes.is_static(target.shape):  ->  if node.shape == target.shape and shapes.is_static(target.shape):": "a broadcast to the shape it has already",  # noqa: E501
    "autodiff._numeric_jvp: found: dict[Node, Any] = dict(zip(wrt, tangents, strict=True))  ->  found: dict[Node, Any] = dict(zip(wrt, tangents, strict=False))": "its caller has compared the lengths",  # noqa: E501
    "ops.elementwise._power_partial: return b * power(a, where(equal(b, 0.0), 1.0, b - 1.0))  ->  return b * power(a, where(equal(b, 0.0), 2.0, b - 1.0))": "b = 0 multiplies whatever stands there, as long as it is finite",  # noqa: E501
    "ops.elementwise._power_partial: return b * power(a, where(equal(b, 0.0), 1.0, b - 1.0))  ->  return b * power(a, where(equal(b, 0.0), 0.0, b - 1.0))": "b = 0 multiplies whatever stands there, as long as it is finite",  # noqa: E501
    "ops.elementwise._power_partial: return 0.0 * a if known == 0.0 else known * (a if known == 2.0 else power(a, known - 1.0))  ->  return 0.0 if known == 0.0 else known * (a if known == 2.0 else power(a, known - 1.0))": "the same number by a longer way, or before it is broadcast",  # noqa: E501
    "ops.elementwise._power_partial: return 0.0 * a if known == 0.0 else known * (a if known == 2.0 else power(a, known - 1.0))  ->  return 0.0 * a if known == 0.0 else known * (a if known == 0.0 else power(a, known - 1.0))": "the same number by a longer way, or before it is broadcast",  # noqa: E501
    "ops.linalg._left: if a.ndim == 1:  ->  if a.ndim == 0:": "the general map takes vectors, too",
    "ops.linalg._left: adjoint = (lambda u: u * b) if a.ndim == 1 else lambda u: expand_dims(u, -1) * b  ->  adjoint = (lambda u: u * b) if a.ndim == 1 else lambda u: expand_dims(u, 1) * b": "the last axis of two is axis 1",  # noqa: E501
    "ops.linalg._left: adjoint = (lambda u: u * b) if a.ndim == 1 else lambda u: expand_dims(u, -1) * b  ->  adjoint = (lambda u: u * b) if a.ndim == 0 else lambda u: expand_dims(u, -1) * b": "a scalar upstream with an axis of size 1 gives the same products",  # noqa: E501
    "ops.linalg._right: if b.ndim == 1:  ->  if b.ndim == 0:": "the general map takes vectors, too",
    "ops.linalg._right: adjoint = (lambda u: u * a) if b.ndim == 1 else lambda u: expand_dims(a, -1) * u  ->  adjoint = (lambda u: u * a) if b.ndim == 1 else lambda u: expand_dims(a, 1) * u": "the last axis of two is axis 1",  # noqa: E501
    "ops.define.nonzero_after: return lambda mask: OPS['not_equal'](adjoint(OPS['where'](mask, 1.0, 0.0)), 0.0)  ->  return lambda mask: OPS['not_equal'](adjoint(OPS['where'](mask, 2.0, 0.0)), 0.0)": "only whether it is zero is asked",  # noqa: E501
    "ops.structure._sum_to: return np.add.reduce(x, axis=_summed(x.shape, target), keepdims=True).reshape(target)  ->  return np.add.reduce(x, axis=_summed(x.shape, target), keepdims=False).reshape(target)": "reshaped to the target in the next step",  # noqa: E501
    "ops.reduction._others: if width > n:  ->  if width >= n:": "a wider tree, padded with ones",
    "ops.reduction._others: width = 1 << (n - 1).bit_length() if n > 1 else 1  ->  width = 1 << (n - 1).bit_length() if n >= 1 else 1": "a wider tree, padded with ones",  # noqa: E501
    "ops.reduction._others: width = 1 << (n - 1).bit_length() if n > 1 else 1  ->  width = 1 << (n - 1).bit_length() if n > 1 else 2": "a wider tree, padded with ones",  # noqa: E501
    "ops.reduction._others: width = 1 << (n - 1).bit_length() if n > 1 else 1  ->  width = 1 << (n - 1).bit_length() if n > 1 else 0": "a wider tree, padded with ones",  # noqa: E501
    "ops.reduction._others: width = 1 << (n - 1).bit_length() if n > 1 else 1  ->  width = 2 << (n - 1).bit_length() if n > 1 else 1": "a wider tree, padded with ones",  # noqa: E501
    "ops.reduction._others: width = 1 << (n - 1).bit_length() if n > 1 else 1  ->  width = 1 << (n + 1).bit_length() if n > 1 else 1": "a wider tree, padded with ones",  # noqa: E501
    "ops.reduction._others: width = 1 << (n - 1).bit_length() if n > 1 else 1  ->  width = 1 << n.bit_length() if n > 1 else 1": "a wider tree, padded with ones",  # noqa: E501
    "ops.reduction._others: width = 1 << (n - 1).bit_length() if n > 1 else 1  ->  width = 1 << (n - 0).bit_length() if n > 1 else 1": "a wider tree, padded with ones",  # noqa: E501
    "ops.reduction._others: width = 1 << (n - 1).bit_length() if n > 1 else 1  ->  width = 1 << (n - 1).bit_length() if n > 0 else 1": "a wider tree, padded with ones",  # noqa: E501
    "ops.softmax._softmax_local: return broadcast_back(not_equal(selected, 0.0), x, axes, True)  ->  return broadcast_back(not_equal(selected, 0.0), x, axes, False)": "reshaped to the shape it has already",  # noqa: E501
    "ops.softmax._softmax_local: selected = sum_op(where(mask, 1.0, 0.0), axes=axes, keepdims=True)  ->  selected = sum_op(where(mask, 2.0, 0.0), axes=axes, keepdims=True)": "only whether it is zero is asked",  # noqa: E501
}
