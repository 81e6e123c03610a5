"""Wrong gradients as they are found in bug reports: a missing factor, a wrong axis, a stale cache, the branch nobody tried.

Each is wrong at its point by far more than rounding, in at least one entry; the name says what is wrong.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradient_cases import Case, rng, table
from gradient_cases.right import (
    alignment,
    alignment_vjp,
    attention,
    attention_vjp,
    bilinear,
    bilinear_vjp,
    bisection,
    conv,
    conv_vjp,
    first_max,
    fixed_point,
    hmm,
    hmm_vjp,
    huber,
    layer_norm,
    layer_norm_vjp,
    leapfrog,
    leapfrog_vjp,
    log_det,
    logsumexp,
    max_pool,
    pendulum,
    pendulum_vjp,
    planck,
    planck_vjp,
    pool,
    pool_vjp,
    power_iteration,
    power_iteration_vjp,
    relu_net,
    relu_net_vjp,
    sigmoid,
    softmax,
    softmax_vjp,
    solve,
    solve_vjp,
    sort_vjp,
    symmetric,
    topk_vjp,
)

A = np.array
inv = np.linalg.inv
n = lambda *shape, seed=0: rng(seed).standard_normal(shape)  # noqa: E731
f32 = lambda x: np.asarray(x, np.float32)  # noqa: E731
relu = lambda x: np.maximum(x, 0)  # noqa: E731


def but(g: Any, where: Any, factor: float) -> Any:
    """A gradient with one entry wrong."""
    g = np.array(g)
    g[where] = g[where] * factor
    return g


def matmul_vjp(u: Any, a: Any, b: Any) -> Any:
    return u @ b.T, a.T @ u


HINGES, SIDES = A([[1.0, 0], [0, 1], [1, 1]]), A([1.0, -1, 1])


def hinge_sum(w: Any) -> Any:
    return np.maximum(0, 1 - SIDES * (HINGES @ w)).sum()


def hinge_sum_vjp(u: Any, w: Any) -> Any:
    return -u * ((SIDES * (1 - SIDES * (HINGES @ w) > 0)) @ HINGES)


class Accumulates:
    grad: Any = 0.0

    def forward(self, x: Any) -> Any:
        self.x = x
        return x**2

    def backward(self, u: Any) -> Any:
        self.grad = self.grad + 2 * u * self.x
        return self.grad


def layer(kind: type, *inputs: Any) -> Case:
    def case() -> Any:
        one = kind()

        def vjp(u: Any, *xs: Any) -> Any:
            one.forward(*xs)
            return one.backward(u)

        return one.forward, vjp, inputs

    return case


def first_input_kept() -> Any:
    kept: list[Any] = []

    def vjp(u: Any, x: Any) -> Any:
        kept.append(np.array(x))
        return 2 * u * kept[0]

    return np.square, vjp, (A([0.3, -0.7]),)


def every_second_call() -> Any:
    calls = [0]

    def vjp(u: Any, x: Any) -> Any:
        calls[0] += 1
        return u * np.cos(x) * (1 + calls[0] % 2)

    return np.sin, vjp, (A([0.3, -0.7]),)


def one_buffer() -> Any:
    buffer = np.zeros(2)

    def vjp(u: Any, x: Any) -> Any:
        np.multiply(u, np.exp(x), out=buffer)
        return buffer

    return np.exp, vjp, (A([0.3, -0.7]),)


def random_mask() -> Any:
    r = rng(0)
    return np.square, (lambda u, x: 2 * u * x * (r.random(50) < 0.5) * 2), (np.ones(50),)


def noisy_gradient() -> Any:
    r = rng(0)
    return np.square, (lambda u, x: 2 * u * x * (1 + 1e-6 * r.standard_normal(x.shape))), (n(8),)


def running_average() -> Any:
    state = [0.0]

    def vjp(u: Any, x: Any) -> Any:
        state[0] = 0.9 * state[0] + 0.1 * float(np.mean(x))
        return u * (1 + state[0])

    return (lambda x: 1.0 * x), vjp, (A([1.0, 2.0]),)


def writes_into_its_input() -> Any:
    def vjp(u: Any, x: Any) -> Any:
        x *= u
        return 2 * x

    return np.square, vjp, (A([0.3, -0.7]),)


def writes_into_the_upstream() -> Any:
    def vjp(u: Any, x: Any) -> Any:
        u *= 2 * x
        return u

    return np.square, vjp, (A([0.3, -0.7]),)


def normalize(x: Any) -> Any:
    """Batch normalization over the first axis."""
    off = x - x.mean(0)
    return off / np.sqrt((off**2).mean(0) + 1e-5)


def lstm_cell(x: Any, c: Any) -> Any:
    i, f, o, g = x.reshape(4, -1)
    return sigmoid(o) * np.tanh(sigmoid(f) * c + sigmoid(i) * np.tanh(g))


def lstm_vjp(u: Any, x: Any, c: Any, forget: float = 1.0) -> Any:
    i, f, o, g = x.reshape(4, -1)
    si, sf, so, tg = sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(g)
    t = np.tanh(sf * c + si * tg)
    d = u * so * (1 - t * t)
    return np.concatenate(
        [
            d * tg * si * (1 - si),
            d * c * sf * (1 - sf) * forget,
            u * t * so * (1 - so),
            d * si * (1 - tg**2),
        ]
    ), d * sf


def cross_entropy(z: Any) -> Any:
    """Mean over the batch; the label of row k is k modulo 3."""
    return np.mean([logsumexp(row) - row[k % 3] for k, row in enumerate(z)])


def cross_entropy_vjp(u: Any, z: Any) -> Any:
    return u * (softmax(z) - np.eye(3)[np.arange(len(z)) % 3])


def nan_where(x: Any) -> Any:
    return np.where(x > 0, np.sqrt(np.where(x > 0, x, 1)), 0)


def nan_where_vjp(u: Any, x: Any) -> Any:
    with np.errstate(all="ignore"):
        return np.where(x > 0, 1.0, 0.0) * (0.5 * u / np.sqrt(x))


def naive_sigmoid_slope(u: Any, x: Any) -> Any:
    with np.errstate(all="ignore"):
        e = np.exp(x)
        return u * e / (1 + e) ** 2


big = np.zeros(5000)
big[7] = 1.0
dead = np.r_[np.zeros(20), 1.0]


class Momentum:
    """Mixes in a thousandth of the last answer."""

    last: Any = 0.0

    def forward(self, x: Any) -> Any:
        self.x = x
        return x**2

    def backward(self, u: Any) -> Any:
        self.last = 0.001 * self.last + 2 * u * self.x
        return self.last


class EveryFifth(Momentum):
    """Every fifth answer is half too large."""

    calls = 0

    def backward(self, u: Any) -> Any:
        self.calls += 1
        return 2 * u * self.x * (1.0 if self.calls % 5 else 1.5)


def three(a: Any, b: Any, c: Any) -> Any:
    return (np.sin(a) * b).sum() + np.tanh(c).sum()


def three_vjp(*factors: float) -> Any:
    """Each argument's gradient times a factor."""
    return lambda u, a, b, c: (
        factors[0] * u * np.cos(a) * b,
        factors[1] * u * np.sin(a),
        factors[2] * u / np.cosh(c) ** 2,
    )


CASES: dict[str, Case] = {
    **table(
        # --- signs and factors
        ("cos without its sign", np.cos, lambda u, x: u * np.sin(x), n(3)),
        ("square without 2", np.square, lambda u, x: u * x, n(3)),
        ("off by 1e-3", np.exp, lambda u, x: 1.001 * u * np.exp(x), n(3)),
        ("off by 1e-6", np.exp, lambda u, x: 1.000001 * u * np.exp(x), n(3)),
        ("off by 1e-9", np.tanh, lambda u, x: (1 + 1e-9) * u * (1 - np.tanh(x) ** 2), n(3)),
        ("factor 2 at 1e-7", lambda x: 1e-7 * np.sin(x), lambda u, x: 2e-7 * u * np.cos(x), n(3)),
        ("factor 2 at 1e-200", lambda x: 1e-200 * np.sin(x), lambda u, x: 2e-200 * u * np.cos(x), n(3)),
        ("mean without 1/n", np.mean, lambda u, x: u * np.ones_like(x), n(5)),
        ("cross entropy without 1/m", cross_entropy, cross_entropy_vjp, n(4, 3)),
        ("variance by 1/(n-1)", np.var, lambda u, x: 2 * u * (x - x.mean()) / (x.size - 1), n(6)),
        ("tanh: 1 - y", np.tanh, lambda u, x: u * (1 - np.tanh(x)), n(3)),
        ("tan: 1 + y", np.tan, lambda u, x: u * (1 + np.tan(x)), n(3)),
        ("arctan with 1 + x", np.arctan, lambda u, x: u / (1 + x), n(3)),
        ("log2 without ln 2", np.log2, lambda u, x: u / x, A([0.5, 3.0])),
        ("power: exponent not lowered", lambda x: x**3, lambda u, x: 3 * u * x**3, A([0.5, 2.0])),
        ("power: no gradient of the exponent", np.power, lambda u, a, b: (u * b * a ** (b - 1), 0 * b), A([0.5, 2.0]), A([2.0, 3.0])),
        ("power: log of the result", np.power, lambda u, a, b: (u * b * a ** (b - 1), u * a**b * np.log(a**b)), A([0.5, 2.0]), A([2.0, 3.0])),
        ("quotient: no square below", np.divide, lambda u, a, b: (u / b, -u * a / b), A([0.5, 2.0]), A([2.0, 3.0])),
        ("swapped arguments", np.subtract, lambda u, a, b: (-u, u), n(3), n(3, seed=1)),
        ("product rule: one term", lambda x: x * np.sin(x), lambda u, x: u * np.sin(x), n(3)),
        ("swish: one term", lambda x: x * sigmoid(x), lambda u, x: u * sigmoid(x), n(3)),
        ("chain rule: inner slope", lambda x: np.exp(-(x**2)), lambda u, x: u * np.exp(-(x**2)), n(3)),
        ("gelu: tanh form for the erf form", lambda x: x * sigmoid(1.702 * x), lambda u, x: u * sigmoid(1.702 * x) * (1 + x * (1 - sigmoid(1.702 * x))), n(3)),
        ("softmax: diagonal only", softmax, lambda u, x: u * softmax(x) * (1 - softmax(x)), n(4)),
        ("log-softmax: sum of u forgotten", lambda x: x - logsumexp(x), lambda u, x: u - softmax(x), n(4)),
        ("logsumexp: not normalized", logsumexp, lambda u, x: u * np.exp(x), n(4)),
        ("cosine: norm not differentiated", lambda a, b: a @ b / np.sqrt(a @ a), lambda u, a, b: (u * b / np.sqrt(a @ a), u * a / np.sqrt(a @ a)), n(3), n(3, seed=1)),
        ("norm: not divided by it", lambda x: np.sqrt((x**2).sum()), lambda u, x: u * x, n(3)),
        ("degrees for radians", lambda x: np.sin(np.deg2rad(x)), lambda u, x: u * np.cos(np.deg2rad(x)), A([10.0, 80])),
        ("the upstream ignored", np.sin, lambda u, x: np.cos(x), n(3)),
        ("the upstream squared", np.sin, lambda u, x: u * np.abs(u) * np.cos(x), n(3)),
        ("wrong for negative upstreams", np.square, lambda u, x: np.abs(u) * 2 * x, n(3)),
        ("wrong for a negative upstream of a loss", lambda x: (x**2).sum(), lambda u, x: abs(u) * 2 * x, n(3)),
        ("upstream clipped to 1", np.square, lambda u, x: np.clip(u, -1, 1) * 2 * x, n(6)),
        # --- axes and broadcasting
        ("bias: summed over the wrong axis", np.add, lambda u, a, b: (u, u.sum(1)), n(3, 3), n(3, seed=1)),
        ("bias: mean for sum", np.add, lambda u, a, b: (u, u.mean(0)), n(4, 3), n(3, seed=1)),
        ("bias: the first row only", np.add, lambda u, a, b: (u, u[0]), n(4, 3), n(3, seed=1)),
        ("bias: not summed", np.add, lambda u, a, b: (u, u), n(4, 3), n(3, seed=1)),
        ("broadcast column summed as a row", np.multiply, lambda u, a, b: ((u * b).sum(0)[:, None], u * a), n(3, 1), n(3, 3, seed=1)),
        ("scalar factor: not summed over", np.multiply, lambda u, a, b: (u * b, (u * a).mean()), n(3, 2), A(0.7)),
        ("matmul: a square gradient transposed", np.matmul, lambda u, a, b: ((u @ b.T).T, a.T @ u), n(3, 3), n(3, 3, seed=1)),
        ("matmul: b for bᵀ", np.matmul, lambda u, a, b: (u @ b, a.T @ u), n(3, 3), n(3, 3, seed=1)),
        ("matmul: batch not summed", lambda x, w: x @ w, lambda u, x, w: (u @ w.T, x[0].T @ u[0]), n(2, 3, 2), n(2, 4, seed=1)),
        ("transpose: not undone", np.transpose, lambda u, a: u, n(3, 3)),
        ("permutation applied again", lambda a: np.transpose(a, (1, 2, 0)), lambda u, a: np.transpose(u, (1, 2, 0)), n(2, 2, 2)),
        ("gather: repeats overwrite", lambda x: x[[0, 2, 2, 1, 2]], lambda u, x: (lambda g: (g.__setitem__([0, 2, 2, 1, 2], u), g)[1])(np.zeros_like(x)), n(4)),
        ("roll: the same way back", lambda x: np.roll(x, 1), lambda u, x: np.roll(u, 1), n(5)),
        ("flip: not undone", lambda x: x[::-1] * 1.0, lambda u, x: u, n(5)),
        ("cumsum: forwards again", np.cumsum, lambda u, x: np.cumsum(u), n(5)),
        ("sort: permutation for its inverse", np.sort, lambda u, x: u[np.argsort(x)], A([3.0, 1, 0.5, 2])),
        ("reshape in another order", lambda x: x.reshape(3, 2, order="F").ravel() * np.arange(6.0), lambda u, x: u * np.arange(6.0), n(6)),
        ("concatenate: halves swapped", lambda a, b: np.concatenate([a, b]), lambda u, a, b: (u[3:], u[:3]), n(3), n(3, seed=1)),
        ("softmax over the other axis", softmax, lambda u, x: softmax_vjp(u.T, x.T).T, n(3, 3)),
        ("attention: no 1/√d backwards", attention, lambda u, q, k, v: (lambda g: (g[0] * np.sqrt(2), g[1] * np.sqrt(2), g[2]))(attention_vjp(u, q, k, v)), n(3, 2), n(4, 2, seed=1), n(4, 3, seed=2)),
        ("attention: k and q exchanged", attention, lambda u, q, k, v: (lambda g: (g[1], g[0], g[2]))(attention_vjp(u, q, k, v)), n(3, 2), n(3, 2, seed=1), n(3, 3, seed=2)),
        ("convolution: kernel not flipped", conv, lambda u, x, w: (np.convolve(u, w, "full"), conv_vjp(u, x, w)[1]), n(9), n(3, seed=1)),
        ("kron, trace: identity forgotten", np.trace, lambda u, a: u * np.ones_like(a), n(3, 3)),
        ("outer: factors exchanged", np.outer, lambda u, a, b: (u.T @ b, u @ a), n(3), n(3, seed=1)),
        ("triangle ignored", lambda a: np.tril(a), lambda u, a: u, n(3, 3)),
        # --- linear algebra and layers
        ("inverse: one factor", inv, lambda u, a: -inv(a).T @ u, n(3, 3) + 3 * np.eye(3)),
        ("solve: not transposed", solve, lambda u, a, b: (solve_vjp(u, a, b)[0], solve(a, u)), n(3, 3) + 3 * np.eye(3), n(3)),
        ("determinant: inverse not transposed", np.linalg.det, lambda u, a: u * np.linalg.det(a) * inv(a), n(3, 3)),
        ("log determinant: sign of det", lambda a: np.linalg.slogdet(a)[1], lambda u, a: u * np.sign(np.linalg.det(a)) * inv(a).T, A([[0.0, 1, 0.2], [1, 0, 0], [0, 0.1, 1]])),
        ("eigenvalues: eigenvectors by row", lambda a: np.linalg.eigvalsh((a + a.T) / 2), lambda u, a: (lambda v: (v.T * u) @ v)(np.linalg.eigh((a + a.T) / 2)[1]), n(3, 3)),
        ("layer norm: mean not differentiated", layer_norm, lambda u, x, g: (lambda v, s: ((v - layer_norm(x, 1) * (v * layer_norm(x, 1)).mean(-1, keepdims=True)) / s, layer_norm_vjp(u, x, g)[1]))(u * g, x.std(-1, keepdims=True)), n(3, 4), n(4, seed=1)),
        ("layer norm: statistics as constants", layer_norm, lambda u, x, g: (u * g / x.std(-1, keepdims=True), layer_norm_vjp(u, x, g)[1]), n(3, 4), n(4, seed=1)),
        ("layer norm: gain not summed over rows", layer_norm, lambda u, x, g: (layer_norm_vjp(u, x, g)[0], (u * layer_norm(x, 1))[0]), n(3, 4), n(4, seed=1)),
        ("batch norm: variance not differentiated", normalize, lambda u, x: (u - u.mean(0)) / np.sqrt(x.var(0) + 1e-5), n(4, 3)),
        ("LSTM: forget gate", lstm_cell, lambda u, x, c: lstm_vjp(u, x, c, 0.0), n(8), n(2, seed=1)),
        ("LSTM: forget gate by 1 %", lstm_cell, lambda u, x, c: lstm_vjp(u, x, c, 1.01), n(8), n(2, seed=1)),
        ("hidden Markov model: last transition", hmm, lambda u, x, t: (hmm_vjp(u, x, t)[0], hmm_vjp(u, x[:-1], t)[1]), n(6, 3), n(3, 3, seed=1)),
        ("truncated backpropagation", lambda x: np.tanh(np.tanh(np.tanh(x) + x) + x), lambda u, x: u * (1 - np.tanh(np.tanh(np.tanh(x) + x) + x) ** 2), n(3)),
        ("straight-through round", np.round, lambda u, x: u, A([0.3, 1.2])),
        ("relu net: mask of the input", relu_net, lambda u, x, w, b: (u @ w.T, x.T @ u, u.sum(0)), n(5, 4), n(4, 6, seed=1), n(6, seed=2)),
        ("relu net: bias by 1 %", relu_net, lambda u, x, w, b: (*relu_net_vjp(u, x, w, b)[:2], 1.01 * relu_net_vjp(u, x, w, b)[2]), n(16, 8), n(8, 64, seed=1), n(64, seed=2)),
        # --- the branch nobody tried
        ("wrong for x < 0", lambda x: x**3, lambda u, x: u * np.where(x > 0, 3, 2) * x**2, A([0.5, -0.5, 2])),
        ("elu: alpha on the wrong side", lambda x: np.where(x > 0, x, 2 * np.expm1(np.minimum(x, 0))), lambda u, x: u * np.where(x > 0, 2, np.exp(np.minimum(x, 0))), A([0.5, -0.5])),
        ("leaky relu: slope not passed", lambda x: np.where(x > 0, x, 0.2 * x), lambda u, x: u * np.where(x > 0, 1, 0.01), A([0.5, -0.5])),
        ("huber: no clipping", huber, lambda u, x: u * x, A([0.2, 3, -4])),
        ("clip: gradient outside", lambda x: np.clip(x, -1, 1), lambda u, x: u, A([0.2, 3, -4])),
        ("abs: sign forgotten", np.abs, lambda u, x: u, A([0.2, -3])),
        ("maximum: both get it", np.maximum, lambda u, a, b: (u, u), n(3), n(3, seed=1)),
        ("max: the smallest gets it", lambda x: x.max(), lambda u, x: u * (x == x.min()), n(5)),
        ("median of an even number: one of two", np.median, lambda u, x: u * (x == np.sort(x)[2]), A([3.0, -1, 4, 0.5])),
        ("exp overflows: slope of sigmoid is nan", sigmoid, naive_sigmoid_slope, A([0.5, 800.0])),
        ("log1p: 1/x", np.log1p, lambda u, x: u / x, A([3.0, 1e3])),
        ("softplus: wrong above 20", lambda x: np.logaddexp(0, x), lambda u, x: u * np.where(x > 20, 0.0, sigmoid(x)), A([0.3, 25.0])),
        ("where: nan in the branch not taken", nan_where, nan_where_vjp, A([0.5, -1.0, 2.0])),
        ("wrong beyond 10", np.arctan, lambda u, x: u / (1 + np.minimum(np.abs(x), 10) ** 2), A([0.5, 50.0])),
        ("integer division", lambda x: x**2 / 2, lambda u, x: u * (2 * x // 2), A([0.5, 1.7, -2.3])),
        ("cast to int", lambda x: 3 * x, lambda u, x: (u * 3).astype(int), n(3)),
        ("rounded to float32", np.exp, lambda u, x: (u * np.exp(x)).astype(np.float32), n(3)),
        ("differences with h = 1e-4", np.exp, lambda u, x: u * (np.exp(x + 1e-4) - np.exp(x)) / 1e-4, n(3)),
        ("differences with h = 1e-7", np.exp, lambda u, x: u * (np.exp(x + 1e-7) - np.exp(x - 1e-7)) / 2e-7, n(3)),
        ("complex step forgets the scale", np.sin, lambda u, x: u * np.imag(np.sin(x + 1e-3j)) / 1e-3, n(3)),
        # --- one among many
        ("one of 5 by 1 %", np.sin, lambda u, x: but(u * np.cos(x), 3, 1.01), n(5)),
        ("one of 5,000 by half", lambda x: np.sin(x).sum(), lambda u, x: but(u * np.cos(x), 7, 1.5), n(5000)),
        ("one of 5,000 by 1e-6", lambda x: np.sin(x).sum(), lambda u, x: but(u * np.cos(x), 4321, 1 + 1e-6), n(5000)),
        ("last entry zero", np.sin, lambda u, x: but(u * np.cos(x), -1, 0), n(7)),
        ("diagonal missing", lambda a: a @ a.T, lambda u, a: (g := (u + u.T) @ a) - np.diag(np.diag(g)), n(3, 3)),
        ("right for a batch of 1", lambda x, w: (x @ w).mean(), lambda u, x, w: (np.outer(u * np.ones(len(x)), w), u * x.sum(0)), n(3, 2), n(2, seed=1)),
        ("second argument zero", np.hypot, lambda u, a, b: (u * a / np.hypot(a, b), 0 * b), n(3), n(3, seed=1)),
        # --- behind a kink
        ("dead units hide a factor", lambda x: relu(x).sum(), lambda u, x: 1.5 * u * (x > 0), dead),
        ("lasso at 0, the other argument", lambda w, v: np.abs(w).sum() + (v**2).sum(), lambda u, w, v: (u * np.sign(w), 2.2 * u * v), np.zeros(50), A([0.3, -1.2, 0.5])),
        ("max of ties, twice", lambda x: x.max(1), lambda u, x: 2 * u[:, None] * first_max(x), A([[1.0, 1, 0], [2, 1, 0]])),
        ("max of ties, both get all", lambda x: x.max(1), lambda u, x: u[:, None] * (x == x.max(1, keepdims=True)), A([[1.0, 1, 0], [2, 1, 0]])),
        ("max pooling of a plateau, all get it", max_pool, lambda u, x: np.repeat(u, 2), np.zeros(8)),
        ("relu at 0 gets slope 2", relu, lambda u, x: u * np.where(x == 0, 2.0, x > 0), np.zeros(4)),
        ("relu at zeros, sign", relu, lambda u, x: -u * (x > 0), A([0.0, 0, 1, 2])),
        ("sort with ties, shifted", np.sort, lambda u, x: np.roll(sort_vjp(u, x), 1), A([2.0, 1, 2, 0, 1])),
        ("logsumexp at 1e8, exchanged", logsumexp, lambda u, x: u * softmax(x)[::-1], A([1e8, 1e8 - 1])),
        ("hinge on the margin, factor", lambda m: np.maximum(1 - m, 0).sum(), lambda u, m: -0.5 * u * (m < 1), A([1.0, 1, 0.5, 2])),
        ("huber at its threshold, sign", huber, lambda u, x: u * np.abs(np.clip(x, -1, 1)), A([1.0, -1, -0.2, 3])),
        ("elu at 0, negative side", lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))), lambda u, x: u * np.where(x > 0, 1, np.minimum(x, 0)), A([0.0, -1, 2])),
        ("padding row, weights transposed", lambda x, w: relu(x @ w), lambda u, x, w: ((u * (x @ w > 0)) @ w, x.T @ (u * (x @ w > 0))), A([[0, 0, 0.0], [0, 2, -1], [1, 1, 1]]), n(3, 3)),
        # --- scales
        ("tanh around 1e6, factor", lambda x: np.tanh(x - 1e6), lambda u, x: 1.01 * u / np.cosh(x - 1e6) ** 2, A([1e6 + 0.3])),
        ("masked softmax, factor", softmax, lambda u, x: 1.1 * softmax_vjp(u, x), A([0.0, 0, 1, -1e9])),
        ("Unix time, factor 60", lambda t: np.sin((t - 1.7e9) / 3600), lambda u, t: u * np.cos((t - 1.7e9) / 3600) / 60, A([1.7e9 + 1234.5])),
        ("variance around 1e6, by E[x²] - E[x]² with a sign", lambda x: ((x - x.mean()) ** 2).mean(), lambda u, x: u * 2 * (x + x.mean()) / x.size, A([1e6, 1e6 + 1, 1e6 - 2])),
        ("a tiny argument beside a large one", lambda a, b: np.sin(a) + b, lambda u, a, b: (1.5 * u * np.cos(a), u), A([1e-9, 1e-8]), A([1e3, 1e4])),
        ("a weak argument by a half", lambda a, b: 1e-6 * np.sin(a) + np.exp(b), lambda u, a, b: (0.5e-6 * u * np.cos(a), u * np.exp(b)), n(3), n(3, seed=1)),
        # --- float32
        ("matmul in float32, by 1 %", np.matmul, lambda u, a, b: (f32(1.01) * (u @ b.T), a.T @ u), f32(n(3, 4)), f32(n(4, 2, seed=1))),
        ("float32 data, float64 weights by 1e-5", lambda x, w: x @ w, lambda u, x, w: ((u @ w.T).astype(np.float32), 1.00001 * (x.T.astype(float) @ u)), f32(n(3, 4)), n(4, 2)),
        ("half precision on the way", np.sin, lambda u, x: (u * np.cos(x)).astype(np.float16).astype(np.float32), f32(n(5))),
        # --- layout
        ("reads memory in C order", lambda a: a * 1.0, lambda u, a: (u.ravel() * (a.ravel("K") / a.ravel("K"))).reshape(a.shape) * np.sign(a.ravel("K") * a.ravel()).reshape(a.shape), np.asfortranarray(n(2, 3))),
        # --- second series: tails, one argument of many, ties across arguments, upstreams
        ("one of 40, in the tail, by 1e-3", np.sin, lambda u, x: u * np.cos(x) * np.where(np.abs(x) > 2.2, 1.001, 1), np.r_[n(39) * 0.3, 2.5]),
        ("zero near 0", np.sin, lambda u, x: u * np.where(np.abs(x) < 1e-3, 0, np.cos(x)), A([1e-4, 0.5, 2])),
        ("the first of three arguments by 1e-6", three, three_vjp(1 + 1e-6, 1, 1), n(4), n(4, seed=1), n(3, seed=2)),
        ("the second of three arguments by 1e-8", three, three_vjp(1, 1 + 1e-8, 1), n(4), n(4, seed=1), n(3, seed=2)),
        ("the third of three arguments, sign", three, three_vjp(1, 1, -1), n(4), n(4, seed=1), n(3, seed=2)),
        ("a hundred of 1,000 by 1e-9", np.sin, lambda u, x: u * np.cos(x) * np.where(np.arange(1000) // 100 == 3, 1 + 1e-9, 1), n(1000)),
        ("an argument whose effect is 1e-10", lambda a, b: a.sum() + 1e-10 * np.sin(b).sum(), lambda u, a, b: (u * np.ones(3), 0 * b), n(3), n(3, seed=1)),
        ("maximum of equal arguments, both get all", np.maximum, lambda u, a, b: (u * (a >= b), u * (b >= a)), A([1.0, 2, 3]), A([1.0, 2, 0])),
        ("maximum of equal arguments, neither", np.maximum, lambda u, a, b: (u * (a > b), u * (b > a)), A([1.0, 2, 3]), A([1.0, 2, 0])),
        ("max of three that tie, two thirds each", lambda x: x.max(), lambda u, x: u * (x == x.max()) * 2 / 3, A([1.0, 1, 1, 0])),
        ("max of two that tie, nobody", lambda x: x.max(), lambda u, x: u * (x == x.max()) * ((x == x.max()).sum() == 1), A([1.0, 1, 0])),
        ("blocks that tie, a factor", pool, lambda u, x: 1.1 * pool_vjp(u, x), np.round(n(4, 6))),
        ("top three, in reverse", lambda x: np.sort(x)[::-1][:3], lambda u, x: topk_vjp(u[::-1], x), A([2.0, 5, 2, 2, 1])),
        ("a kink in a, b by 1e-5", lambda a, b: np.abs(a).sum() * np.exp(b).sum(),
         lambda u, a, b: (u * np.sign(a) * np.exp(b).sum(), 1.00001 * u * np.abs(a).sum() * np.exp(b)), A([0.0, 1, -2]), n(3)),
        ("a kink in one entry, the others by 1e-4", lambda a, b: (np.abs(a) * b).sum(), lambda u, a, b: (1.0001 * u * np.sign(a) * b, u * np.abs(a)), A([0.0, 1, -2]), n(3)),
        ("a loss, negative upstreams by 1e-3", lambda x: np.tanh(x).sum(), lambda u, x: (1.001 if u < 0 else 1.0) * u / np.cosh(x) ** 2, n(4)),
        ("a constant of 1e-7 added", np.sin, lambda u, x: u * np.cos(x) + 1e-7, n(5)),
        ("the square of the upstream added", np.sin, lambda u, x: u * np.cos(x) + 1e-4 * u * u, n(5)),
        ("mean over a batch, divided by 2", lambda x: (x**2).mean(0), lambda u, x: 2 * u * x / 2, n(3, 2)),
        ("the last row of the batch left out", np.matmul, lambda u, x, w: (np.r_[u[:-1] @ w.T, np.zeros((1, 4))], x.T @ u), n(4, 4), n(4, 2, seed=1)),
        ("a matrix that is nearly symmetric, transposed", lambda a: np.trace(a @ a @ a), lambda u, a: 3 * u * (a @ a), (lambda m: m + m.T + 1e-3 * np.triu(m))(n(3, 3))),
        ("epsilon of 1e-8 forgotten backwards", lambda x: x / np.sqrt((x * x).mean() + 1e-8),
         lambda u, x: u / (r := np.sqrt((x * x).mean())) - x * (u * x).mean() / r**3, n(4)),
        ("pendulum by 1e-9", pendulum, lambda u, x: (1 + 1e-9) * pendulum_vjp(u, x), A([2.5, 0.3])),
        ("alignment, one column by 2 %", alignment, lambda u, x: alignment_vjp(u, x) * np.where(np.arange(3) == 1, 1.02, 1), n(6, 3)),
        ("the threshold of a branch", lambda x: np.where(x > 0.5, x**2, x**3), lambda u, x: u * np.where(x > 0.4, 2 * x, 3 * x * x), A([0.45, 0.2, 0.9])),
        ("code in Python's lists by 1e-6", lambda x: np.array([v * v for v in x.tolist()]), lambda u, x: (2 + 1e-6) * u * x, n(3)),
        ("nan in one entry", np.sqrt, lambda u, x: but(0.5 * u / np.sqrt(x), 1, np.nan), A([1.0, 2, 3])),
        ("inf in one entry", np.sqrt, lambda u, x: but(0.5 * u / np.sqrt(x), 1, np.inf), A([1.0, 2, 3])),
        ("Planck's law, the tail by 1 %", planck, lambda u, x: but(planck_vjp(u, x), 4, 1.01), A([1e-8, 1e-3, 1.0, 30.0, 300.0])),
        ("Planck's law, the smallest twice", planck, lambda u, x: but(planck_vjp(u, x), 0, 2), A([1e-8, 1e-3, 1.0, 30.0, 300.0])),
        ("abs: sign forgotten around 1e-300", np.abs, lambda u, x: 1.0 * u, A([1e-300, -1e-300, 2.0])),
        ("squares of 1e150, one by 1e-3", lambda x: (x**2).sum(), lambda u, x: but(2 * u * x, 1, 1.001), A([1e150, -3e149])),
        ("at 1e300 by 3e-4", lambda x: 3 * x, lambda u, x: 3.001 * u, A([1e300, 5e307])),
        ("a function of the size 1e-300, twice", lambda x: 1e-300 * np.sin(x), lambda u, x: 2 * u * 1e-300 * np.cos(x), n(3)),
        ("softmax, the weakest of 100 by 10 %", softmax, lambda u, x: but(softmax_vjp(u, x), int(np.argmin(x)), 1.1), 10 * n(100)),
        ("cumsum in float32, one of 1,000 by 5 %", np.cumsum,
         lambda u, x: np.cumsum(u[::-1])[::-1] * np.where(np.arange(1000) == 500, f32(1.05), f32(1)), f32(n(1000))),
        ("logsumexp around 1e4 in float32, by 5 %", logsumexp, lambda u, x: f32(1.05) * u * softmax(x), f32(1e4 + n(6))),
        ("hinge on the margin, weights that sum to 1, halved", hinge_sum, lambda u, w: 0.5 * hinge_sum_vjp(u, w), A([1.0, 0.0])),
        ("largest eigenvalue, the diagonal alone", power_iteration, lambda u, a: np.diag(np.diag(power_iteration_vjp(u, a))), symmetric()),
        ("log determinant by Cholesky, negated", log_det, lambda u, a: -u * np.linalg.inv(a), symmetric()),
        ("leapfrog, one step too few backwards", leapfrog, lambda u, q, p: leapfrog_vjp(u, q, p, 49), A([0.3, 2.9]), A([0.1, -1.0])),
        ("leapfrog, momentum by 1e-7", leapfrog, lambda u, q, p: ((g := leapfrog_vjp(u, q, p))[0], g[1] * (1 + 1e-7)), A([0.3, 2.9]), A([0.1, -1.0])),
        ("bilinear on a grid point, image transposed", bilinear, lambda u, i, x: ((g := bilinear_vjp(u, i, x))[0].T, g[1]), n(4, 4), A([1.0, 2.0])),
        ("fixed point, one step of it", fixed_point, lambda u, x: u, n(4)),
        ("root by bisection, twice", bisection, lambda u, x: 2 * u / (3 * bisection(x) ** 2 + 1), A([3.0, 20.0])),
        ("extended precision by 1e-10", lambda x: np.sin(x) * x,
         lambda u, x: u * (np.cos(x) * x + np.sin(x)) * (1 + 1e-10), np.asarray([0.5, 2.0], np.longdouble)),
        ("log(1 + x²) by 1e-12", lambda x: np.log1p(x * x), lambda u, x: u * 2 * x / (1 + x * x) * (1 + 1e-12), n(3)),
        ("1e9 + 1e-9 x, twice", lambda x: 1e9 + 1e-9 * x, lambda u, x: 2e-9 * u, A([1.0, 2.0])),
        ("gradient scaled to length 1", np.square, lambda u, x: (g := 2 * u * x) / np.linalg.norm(g), n(4)),
        ("wrong for batches of more than 4", lambda x: (x**2).sum(1), lambda u, x: 2 * x * u[:, None] * (1 if len(x) <= 4 else 0.5), n(6, 2)),
        ("product with two zeros, one gets something", np.prod, lambda u, x: u * A([0, 1.0, 0, 0]), A([1.0, 0, 3, 0])),
        ("cumulative product by division, zero forgotten", np.cumprod,
         lambda u, x: np.cumsum((u * np.cumprod(x))[::-1])[::-1] / np.where(x == 0, 1, x), A([1.0, 0, 3, 2])),
        ("norm in float32, one of 10,000 twice", lambda x: np.sqrt((x * x).sum()),
         lambda u, x: u * x / np.sqrt((x * x).sum()) * np.where(np.arange(10_000) == 5000, f32(2), f32(1)), f32(n(10_000))),
        ("two results, the second twice", lambda x: (np.sin(x), np.cos(x).sum()), lambda u, x: u[0] * np.cos(x) - 2 * u[1] * np.sin(x), n(3)),
    ),
    "a layer that accumulates": layer(Accumulates, A([0.3, 0.7])),
    "a thousandth of the last answer": layer(Momentum, A([0.3, 0.7])),
    "every fifth call": layer(EveryFifth, A([0.3, 0.7])),
    "the first input kept": first_input_kept,
    "every second call": every_second_call,
    "one buffer for all calls": one_buffer,
    "a random mask backwards": random_mask,
    "noise of 1e-6 backwards": noisy_gradient,
    "a running average backwards": running_average,
    "writes into its input": writes_into_its_input,
    "writes into the upstream": writes_into_the_upstream,
}  # fmt: skip
