"""Correct gradients at hard points: kinks and ties, tiny and huge scales, cancellation, chaos, bad conditioning, float32, views, edges."""

from __future__ import annotations

from math import erf
from typing import Any

import numpy as np

from gradient_cases import Case, rng, table

A = np.array
inv, solve, T = np.linalg.inv, np.linalg.solve, np.transpose
n = lambda *shape, seed=0: rng(seed).standard_normal(shape)  # noqa: E731
f32 = lambda x: np.asarray(x, np.float32)  # noqa: E731


def sigmoid(x: Any) -> Any:
    return np.where(
        x >= 0, 1 / (1 + np.exp(-np.abs(x))), np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x)))
    )


def softmax(x: Any) -> Any:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def softmax_vjp(u: Any, x: Any) -> Any:
    s = softmax(x)
    return s * (u - (u * s).sum(-1, keepdims=True))


def logsumexp(x: Any) -> Any:
    top = x.max()
    return top + np.log(np.exp(x - top).sum())


def first_max(x: Any) -> Any:
    """One where the first largest entry of each row stands."""
    return np.arange(x.shape[-1]) == x.argmax(-1)[..., None]


def sort_vjp(u: Any, x: Any) -> Any:
    g = np.zeros_like(x)
    g[np.argsort(x, kind="stable")] = u
    return g


def layer_norm(x: Any, gain: Any) -> Any:
    off = x - x.mean(-1, keepdims=True)
    return gain * off / np.sqrt((off**2).mean(-1, keepdims=True) + 1e-5)


def layer_norm_vjp(u: Any, x: Any, gain: Any) -> Any:
    off = x - x.mean(-1, keepdims=True)
    s = np.sqrt((off**2).mean(-1, keepdims=True) + 1e-5)
    y, v = off / s, u * gain
    return (v - v.mean(-1, keepdims=True) - y * (v * y).mean(-1, keepdims=True)) / s, (
        u * y
    ).reshape(-1, x.shape[-1]).sum(0)


def attention(q: Any, k: Any, v: Any) -> Any:
    return softmax(q @ k.T / np.sqrt(q.shape[1])) @ v


def attention_vjp(u: Any, q: Any, k: Any, v: Any) -> Any:
    scale = np.sqrt(q.shape[1])
    s = softmax(q @ k.T / scale)
    ds = u @ v.T
    dz = s * (ds - (ds * s).sum(1, keepdims=True)) / scale
    return dz @ k, dz.T @ q, s.T @ u


def relu_net(x: Any, w: Any, b: Any) -> Any:
    return np.maximum(x @ w + b, 0)


def relu_net_vjp(u: Any, x: Any, w: Any, b: Any) -> Any:
    d = u * (x @ w + b > 0)
    return d @ w.T, x.T @ d, d.sum(0)


def iterate(step: Any, slope: Any, times: int) -> tuple[Any, Any]:
    """A map of one number applied again and again, and its derivative by the chain rule, on the way."""

    def run(x: Any) -> tuple[Any, Any]:
        d = np.ones_like(x)
        for _ in range(times):
            d, x = d * slope(x), step(x)
        return x, d

    return (lambda x: run(x)[0]), (lambda u, x: u * run(x)[1])


def solve_vjp(u: Any, a: Any, b: Any) -> Any:
    x, back = solve(a, b), solve(a.T, u)
    return -np.outer(back, x), back


def eigh_vjp(u: Any, a: Any) -> Any:
    v = np.linalg.eigh((a + a.T) / 2)[1]
    return (v * u) @ v.T


def cholesky_vjp(u: Any, a: Any) -> Any:
    """Murray 2016, of the symmetrized argument."""
    c = np.linalg.cholesky((a + a.T) / 2)
    p = np.tril(c.T @ u)
    p[np.diag_indices_from(p)] /= 2
    s = solve(c.T, p) @ inv(c)
    return (s + s.T) / 2


def max_pool(x: Any) -> Any:
    return x.reshape(-1, 2).max(1)


def conv(x: Any, w: Any) -> Any:
    return np.convolve(x, w, "valid")


def conv_vjp(u: Any, x: Any, w: Any) -> Any:
    return np.convolve(u, w[::-1], "full"), np.array(
        [(u * x[len(w) - 1 - k : len(x) - k]).sum() for k in range(len(w))]
    )


def kepler(m: Any, e: float = 0.9) -> Any:
    """The eccentric anomaly by Newton's iteration."""
    x = m + e * np.sin(m)
    for _ in range(60):
        x = x - (x - e * np.sin(x) - m) / (1 - e * np.cos(x))
    return x


def hmm(logits: Any, trans: Any) -> Any:
    """The log-likelihood of a chain, in logs."""
    alpha = logits[0]
    for row in logits[1:]:
        z = alpha[:, None] + trans
        top = z.max(0)
        alpha = top + np.log(np.exp(z - top).sum(0)) + row
    return logsumexp(alpha)


def hmm_vjp(u: Any, logits: Any, trans: Any) -> Any:
    steps, alphas = [], [logits[0]]
    for row in logits[1:]:
        z = alphas[-1][:, None] + trans
        top = z.max(0)
        total = top + np.log(np.exp(z - top).sum(0))
        steps.append(np.exp(z - total))
        alphas.append(total + row)
    d = u * np.exp(alphas[-1] - logsumexp(alphas[-1]))
    dl, dt = np.zeros_like(logits), np.zeros_like(trans)
    for t in range(len(logits) - 1, 0, -1):
        dl[t] = d
        dt += steps[t - 1] * d
        d = steps[t - 1] @ d
    dl[0] = d
    return dl, dt


def marginal_likelihood(length: Any, x: Any = np.linspace(0, 3, 12)) -> Any:  # noqa: B008
    """Of a Gaussian process with a squared exponential kernel and noise 1e-4, the length scale being the argument."""
    k = np.exp(-0.5 * ((x[:, None] - x) / length) ** 2) + 1e-4 * np.eye(12)
    y = np.sin(2 * x)
    return -0.5 * y @ solve(k, y) - 0.5 * np.linalg.slogdet(k)[1]


def marginal_likelihood_vjp(u: Any, length: Any, x: Any = np.linspace(0, 3, 12)) -> Any:  # noqa: B008
    r = (x[:, None] - x) / length
    e = np.exp(-0.5 * r**2)
    k, y = e + 1e-4 * np.eye(12), np.sin(2 * x)
    a = solve(k, y)
    return u * 0.5 * np.sum((np.outer(a, a) - inv(k)) * e * r**2 / length)


def elu_vjp(u: Any, x: Any) -> Any:
    return u * np.where(x > 0, 1, np.exp(np.minimum(x, 0)))


def gather_vjp(u: Any, x: Any) -> Any:
    g = np.zeros_like(x)
    np.add.at(g, [0, 2, 2, 1, 2], u)
    return g


def huber(x: Any) -> Any:
    return np.where(np.abs(x) <= 1, 0.5 * x * x, np.abs(x) - 0.5)


def guarded(x: Any) -> Any:
    if np.any(x >= 1):
        raise ValueError("x must be below 1")
    return -np.log1p(-x)


def geodesic(x: Any) -> Any:
    """Haversine of a tiny distance, in metres."""
    s = np.sin((x[1] - x[0]) / 2)
    return 2 * 6.371e6 * np.arcsin(np.abs(s))


class MaxLayer:
    """Remembers where the largest entries stood."""

    def forward(self, x: Any) -> Any:
        self.where, self.shape = x.argmax(1), x.shape
        return x.max(1)

    def backward(self, u: Any) -> Any:
        g = np.zeros(self.shape)
        g[np.arange(self.shape[0]), self.where] = u
        return g


def max_layer() -> Any:
    layer = MaxLayer()

    def vjp(u: Any, x: Any) -> Any:
        layer.forward(x)
        return layer.backward(u)

    return layer.forward, vjp, (A([[1.0, 3.0, 2.0], [0.5, -1.0, 0.25]]),)


def memo() -> Any:
    """A cache that is keyed by what it caches."""
    kept: dict[bytes, Any] = {}

    def exp(x: Any) -> Any:
        return kept.setdefault(np.asarray(x).tobytes(), np.exp(x))

    return (lambda x: np.exp(x)), (lambda u, x: u * exp(x)), (A([0.3, -1.2]),)


logistic = iterate(lambda x: 3.9 * x * (1 - x), lambda x: 3.9 * (1 - 2 * x), 25)
tent = iterate(
    lambda x: np.where(x < 0.5, 1.9 * x, 1.9 * (1 - x)), lambda x: np.where(x < 0.5, 1.9, -1.9), 20
)
heron = iterate(lambda x: 0.5 * (x + 2 / x), lambda x: 0.5 * (1 - 2 / x**2), 4)
gauss = iterate(
    lambda x: np.exp(-6.2 * x * x) - 0.5, lambda x: -12.4 * x * np.exp(-6.2 * x * x), 15
)

H8 = 1.0 / (np.arange(8)[:, None] + np.arange(8) + 1)
SPD = n(4, 4, seed=3) @ n(4, 4, seed=3).T + np.diag([1.0, 2.0, 3.0, 4.0])
C = 1.7e9  # seconds since 1970
relu, relu_v = (lambda x: np.maximum(x, 0)), (lambda u, x: u * (x > 0))
phi = np.vectorize(lambda x: 0.5 * (1 + erf(x / 2**0.5)), otypes=[float])


def topk_vjp(u: Any, x: Any) -> Any:
    """Of the three largest, in order."""
    g = np.zeros_like(x)
    g[np.argsort(-x, kind="stable")[:3]] = u
    return g


def log_determinant(a: Any) -> Any:
    """By elimination, in loops."""
    a, total = a.copy(), 0.0
    for i in range(len(a)):
        total = total + np.log(np.abs(a[i, i]))
        for j in range(i + 1, len(a)):
            a[j] = a[j] - a[j, i] / a[i, i] * a[i]
    return total


def newton_root(x: Any) -> Any:
    """The root by 60 steps of Newton's iteration from 1."""
    y = np.ones_like(x)
    for _ in range(60):
        y = 0.5 * (y + x / y)
    return y


def pendulum(x: Any) -> Any:
    """200 Euler steps of a damped pendulum."""
    q, v = x
    for _ in range(200):
        q, v = q + 0.05 * v, v - 0.05 * (np.sin(q) + 0.1 * v)
    return np.stack([q, v])


def pendulum_vjp(u: Any, x: Any) -> Any:
    (q, v), passed = x, []
    for _ in range(200):
        passed.append(q)
        q, v = q + 0.05 * v, v - 0.05 * (np.sin(q) + 0.1 * v)
    gq, gv = u
    for q in reversed(passed):
        gq, gv = gq - 0.05 * np.cos(q) * gv, 0.05 * gq + 0.995 * gv
    return np.stack([gq, gv])


def alignment(x: Any) -> Any:
    """The log-likelihood of all monotone paths through a table, in logs, with -inf where none leads."""
    a = np.full(3, -np.inf)
    a[0] = x[0, 0]
    for row in x[1:]:
        a = np.logaddexp(a, np.r_[-np.inf, a[:-1]]) + row
    return a[-1]


def alignment_vjp(u: Any, x: Any) -> Any:
    """Forward-backward."""
    ahead = [np.r_[x[0, 0], -np.inf, -np.inf]]
    for row in x[1:]:
        ahead.append(np.logaddexp(ahead[-1], np.r_[-np.inf, ahead[-1][:-1]]) + row)
    back, g = np.r_[-np.inf, -np.inf, 0.0], np.zeros_like(x)
    for t in reversed(range(len(x))):
        g[t] = np.exp(ahead[t] + back - ahead[-1][-1])
        c = back + x[t]
        back = np.logaddexp(c, np.r_[c[1:], -np.inf])
    return u * g


def pool(x: Any) -> Any:
    """Largest of each 2 by 2 block, of rows of six."""
    return x.reshape(-1, 2, 3, 2).max((1, 3))


def pool_vjp(u: Any, x: Any) -> Any:
    blocks = x.reshape(-1, 2, 3, 2).transpose(0, 2, 1, 3).reshape(-1, 3, 4)
    g = np.zeros_like(blocks)
    np.put_along_axis(g, blocks.argmax(-1)[..., None], u[..., None], -1)
    return g.reshape(-1, 3, 2, 2).transpose(0, 2, 1, 3).reshape(x.shape)


def running_max_vjp(u: Any, x: Any) -> Any:
    c = np.cumsum(x)
    first = [int(np.argmax(c[: i + 1])) for i in range(len(x))]
    return np.cumsum(np.bincount(first, u, len(x))[::-1])[::-1]


def least_squares(a: Any, b: Any) -> Any:
    return np.linalg.lstsq(a, b, rcond=None)[0]


def least_squares_vjp(u: Any, a: Any, b: Any) -> Any:
    x = least_squares(a, b)
    z = solve(a.T @ a, u)
    return np.outer(b - a @ x, z) - np.outer(a @ z, x), a @ z


def rms(x: Any, gain: Any) -> Any:
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-6) * gain


def rms_vjp(u: Any, x: Any, gain: Any) -> Any:
    r, v = np.sqrt((x * x).mean(-1, keepdims=True) + 1e-6), u * gain
    return v / r - x * (v * x).mean(-1, keepdims=True) / r**3, (u * x / r).sum(0)


def symmetric() -> Any:
    a = rng(3).standard_normal((4, 4))
    return a @ a.T + np.eye(4)


def power_iteration(a: Any) -> Any:
    v = np.ones(len(a))
    for _ in range(300):
        v = a @ v
        v = v / np.sqrt(v @ v)
    return v @ a @ v


def power_iteration_vjp(u: Any, a: Any) -> Any:
    """Right where a matrix is symmetric, where alone it is meant to be."""
    v = np.linalg.eigh(a)[1][:, -1]
    return u * np.outer(v, v)


def log_det(a: Any) -> Any:
    return 2 * np.log(np.diagonal(np.linalg.cholesky(a))).sum()


def log_det_vjp(u: Any, a: Any) -> Any:
    """Cholesky reads the lower triangle alone."""
    i = np.linalg.inv(a)
    return u * (np.tril(i + i.T) - np.diag(np.diag(i)))


def stiff(x: Any) -> Any:
    """Implicit Euler for y' = -1000 (y - cos t), which forgets where it began."""
    for k in range(30):
        x = (x + 10 * np.cos(0.01 * k)) / 11
    return x


def soft_ranks(x: Any) -> Any:
    return (1 / (1 + np.exp(-(x[:, None] - x) / 0.01))).sum(1)


def soft_ranks_vjp(u: Any, x: Any) -> Any:
    s = 1 / (1 + np.exp(-(x[:, None] - x) / 0.01))
    return (s * (1 - s) / 0.01 * (u[:, None] - u)).sum(1)


def fixed_point(x: Any) -> Any:
    y = np.zeros_like(x)
    for _ in range(200):
        y = 0.5 * np.cos(y) + x
    return y


def bisection(x: Any) -> Any:
    """The root of y³ + y = x."""
    low, high = np.zeros(x.shape), np.full(x.shape, 10.0)
    for _ in range(60):
        y = 0.5 * (low + high)
        below = y**3 + y < x
        low, high = np.where(below, y, low), np.where(below, high, y)
    return 0.5 * (low + high)


def leapfrog(q: Any, p: Any, steps: int = 50, h: float = 0.05) -> Any:
    """A pendulum, position and momentum."""
    for _ in range(steps):
        p = p - h / 2 * np.sin(q)
        q = q + h * p
        p = p - h / 2 * np.sin(q)
    return np.stack([q, p])


def leapfrog_vjp(u: Any, q: Any, p: Any, steps: int = 50, h: float = 0.05) -> Any:
    path = []
    for _ in range(steps):
        before = q
        p = p - h / 2 * np.sin(q)
        q = q + h * p
        p = p - h / 2 * np.sin(q)
        path.append((before, q))
    a, b = u[0], u[1]
    for before, after in reversed(path):
        a = a - b * h / 2 * np.cos(after)
        b = b + h * a
        a = a - b * h / 2 * np.cos(before)
    return a, b


def bilinear(image: Any, at: Any) -> Any:
    i, j = int(np.floor(at[0])), int(np.floor(at[1]))
    a, b = at[0] - i, at[1] - j
    rows = image[i : i + 2, j : j + 2] @ np.stack([1 - b, b])
    return (1 - a) * rows[0] + a * rows[1]


def bilinear_vjp(u: Any, image: Any, at: Any) -> Any:
    i, j = int(np.floor(at[0])), int(np.floor(at[1]))
    a, b = at[0] - i, at[1] - j
    corner, g = image[i : i + 2, j : j + 2], np.zeros_like(image)
    g[i : i + 2, j : j + 2] = u * np.outer([1 - a, a], [1 - b, b])
    down, right = (corner[1] - corner[0]) @ [1 - b, b], [1 - a, a] @ (corner[:, 1] - corner[:, 0])
    return g, u * np.array([down, right])


def planck(x: Any) -> Any:
    return x**3 / np.expm1(x)


def planck_vjp(u: Any, x: Any) -> Any:
    return u * (3 * x**2 / np.expm1(x) - x**3 * np.exp(x) / np.expm1(x) ** 2)


CASES: dict[str, Case] = {
    **table(
        # --- kinks and ties
        ("relu at two zeros", relu, relu_v, np.zeros(2)),
        ("relu at seven zeros", relu, relu_v, np.zeros(7)),
        ("relu at zeros among others", relu, relu_v, A([0, 0, 1.0, -1, 0.5])),
        ("relu at zeros, slope 1", relu, lambda u, x: u * (x >= 0), np.zeros(3)),
        ("relu at zeros, slope 1/2", relu, lambda u, x: u * np.where(x == 0, 0.5, x > 0), np.zeros(3)),
        ("leaky relu at zeros", lambda x: np.where(x > 0, x, 0.1 * x), lambda u, x: u * np.where(x > 0, 1, 0.1), A([0.0, 0, 2, -3])),
        ("elu at 0", lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))), elu_vjp, A([0.0, 1.5, -2])),
        ("selu at 0", lambda x: 1.0507 * np.where(x > 0, x, 1.6733 * np.expm1(np.minimum(x, 0))),
         lambda u, x: u * 1.0507 * np.where(x > 0, 1, 1.6733 * np.exp(np.minimum(x, 0))), A([0.0, 0.0, -1])),
        ("abs at zeros", np.abs, lambda u, x: u * np.sign(x), A([0.0, 0, 0, 2, -1])),
        ("lasso at a dead weight", lambda w, v: np.abs(w).sum() + (v**2).sum(), lambda u, w, v: (u * np.sign(w), 2 * u * v), np.zeros(20), A([0.3, -1.2])),
        ("hinge on the margin", lambda m: np.maximum(1 - m, 0).sum(), lambda u, m: -u * (m < 1), A([1.0, 1, 0.5, 2])),
        ("hardtanh on both bounds", lambda x: np.clip(x, -1, 1), lambda u, x: u * (np.abs(x) < 1), A([-1.0, 1, 1, 0.3, 4])),
        ("relu6 on both bounds", lambda x: np.minimum(np.maximum(x, 0), 6), lambda u, x: u * ((x > 0) & (x < 6)), A([0.0, 6, 3])),
        ("hardswish on the bounds", lambda x: x * np.clip(x + 3, 0, 6) / 6, lambda u, x: u * np.where(x <= -3, 0, np.where(x < 3, (2 * x + 3) / 6, 1)), A([-3.0, 3, 1])),
        ("pinball at 0", lambda x: np.maximum(0.9 * x, -0.1 * x), lambda u, x: u * np.where(x > 0, 0.9, -0.1), A([0.0, 0, 1, -1])),
        ("huber at its threshold", huber, lambda u, x: u * np.clip(x, -1, 1), A([1.0, -1, 0.2, 3])),
        ("soft threshold at its threshold", lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0), lambda u, x: u * (np.abs(x) > 0.5), A([0.5, -0.5, 1, 0.1])),
        ("max of rows that tie, first", lambda x: x.max(1), lambda u, x: u[:, None] * first_max(x), A([[1.0, 1, 0], [2, 1, 0]])),
        ("max of rows that tie, shared", lambda x: x.max(1), lambda u, x: u[:, None] * (x == x.max(1, keepdims=True)) / (x == x.max(1, keepdims=True)).sum(1, keepdims=True), A([[1.0, 1, 0], [2, 2, 2]])),
        ("max pooling of a plateau", max_pool, lambda u, x: (u[:, None] * first_max(x.reshape(-1, 2))).ravel(), np.zeros(8)),
        ("maximum of equal arrays", np.maximum, lambda u, x, y: (u * (x >= y), u * (x < y)), A([1.0, 2, 3]), A([1.0, 2, 5])),
        ("sort with ties", np.sort, sort_vjp, A([2.0, 1, 2, 0, 1])),
        ("median of an odd number", np.median, lambda u, x: u * (x == np.sort(x)[2]), A([3.0, -1, 4, 0.5, 9])),
        ("cumulative maximum", np.maximum.accumulate, lambda u, x: np.bincount([int(np.argmax(x[: i + 1])) for i in range(6)], u, 6), A([1.0, 3, 2, 2.5, 4, -1])),
        ("interpolation on a knot", lambda x: np.interp(x, [0, 1, 2.0], [0, 3, 4.0]), lambda u, x: u * np.where(x < 1, 3.0, 1.0), A([1.0, 0.5, 1.5])),
        ("triangle wave at its top", lambda x: np.abs(x % 2 - 1), lambda u, x: u * np.sign(x % 2 - 1), A([0.3, 1.0, 2.7])),
        ("smooth where beside a kink", lambda x: np.where(x > 0, x**3, 0), lambda u, x: u * np.where(x > 0, 3 * x**2, 0), A([0.0, 1.0, -1])),
        ("x|x| at 0", lambda x: x * np.abs(x), lambda u, x: 2 * u * np.abs(x), A([0.0, 0.5, -2])),
        ("a kink 1e-6 away", lambda x: np.maximum(x, 1 - 1e-6), lambda u, x: u * (x > 1 - 1e-6), A([1.0])),
        ("abs at 1e-7", np.abs, lambda u, x: u * np.sign(x), A([1e-7, -1e-9, 1e-12])),
        ("max with a gap of 1e-9", lambda x: x.max(), lambda u, x: u * first_max(x), A([1.0, 1 + 1e-9, 0.5])),
        ("floor has no slope", np.floor, lambda u, x: 0 * u, A([0.5, 1.3, -2.7])),
        ("dead units and a live one", lambda x: np.maximum(x, 0).sum(), lambda u, x: u * (x > 0), np.r_[np.zeros(20), 1.0]),
        ("padding row, zero bias", relu_net, relu_net_vjp, A([[0, 0, 0.0], [0, 2, -1]]), n(3, 4), np.zeros(4)),
        ("prelu at 0", lambda x, a: np.where(x > 0, x, a * x), lambda u, x, a: (u * np.where(x > 0, 1, a), (u * np.where(x > 0, 0, x)).sum()), A([0.0, -2, 1]), A(0.25)),
        # --- scales
        ("tanh around 1e6", lambda x: np.tanh(x - 1e6), lambda u, x: u / np.cosh(x - 1e6) ** 2, A([1e6 + 0.3])),
        ("a season in Unix time", lambda t: np.sin((t - C) / 3600), lambda u, t: u * np.cos((t - C) / 3600) / 3600, A([C + 1234.5, C + 99.0])),
        ("sin(1e6 x)", lambda x: np.sin(1e6 * x), lambda u, x: u * 1e6 * np.cos(1e6 * x), A([0.7])),
        ("chirp", lambda x: np.sin(x**4), lambda u, x: u * 4 * x**3 * np.cos(x**4), A([30.0])),
        ("1e10 + x", lambda x: 1e10 + x, lambda u, x: u, A([1.0, 2.0])),
        ("square at 1e-160", np.square, lambda u, x: 2 * u * x, A([1e-160, 2e-150])),
        ("square at 1e150", np.square, lambda u, x: 2 * u * x, A([1e150, -3e149])),
        ("log at 1e-300", np.log, lambda u, x: u / x, A([1e-300, 1.0])),
        ("sqrt at 1e-14", np.sqrt, lambda u, x: u / (2 * np.sqrt(x)), A([1e-14, 1e-4])),
        ("norm of 1e-12", lambda x: np.sqrt((x**2).sum()), lambda u, x: u * x / np.sqrt((x**2).sum()), A([1e-12, -2e-12])),
        ("exp(-1/x²)", lambda x: np.exp(-1 / x**2), lambda u, x: u * np.exp(-1 / x**2) * 2 / x**3, A([0.05, 0.3])),
        ("Arrhenius", lambda t: np.exp(-1.6e-19 / (1.380649e-23 * t)), lambda u, t: u * np.exp(-1.6e-19 / (1.380649e-23 * t)) * 1.6e-19 / (1.380649e-23 * t**2), A([300.0, 1500])),
        ("gravitation", lambda m, r: 6.674e-11 * m / r**2, lambda u, m, r: (u * 6.674e-11 / r**2, -2 * u * 6.674e-11 * m / r**3), A([5.97e24]), A([6.37e6])),
        ("sigmoid in both tails", sigmoid, lambda u, x: u * sigmoid(x) * sigmoid(-x), A([-700.0, -40, 0, 40, 700])),
        ("softplus in both tails", lambda x: np.logaddexp(0, x), lambda u, x: u * sigmoid(x), A([-700.0, -40, 0.1, 40, 700])),
        ("masked softmax, zeros and -1e9", softmax, softmax_vjp, A([0.0, 0, 1, -1e9])),
        ("masked softmax, -1e30", softmax, softmax_vjp, A([0.0, 0.5, 1, -1e30])),
        ("logsumexp around 1e8", logsumexp, lambda u, x: u * softmax(x), A([1e8, 1e8 - 1, 1e8 + 0.5])),
        ("variance around 1e7", lambda x: ((x - x.mean()) ** 2).mean(), lambda u, x: u * 2 * (x - x.mean()) / x.size, A([1e7, 1e7 + 1, 1e7 - 2])),
        ("a mix of 1e-8 and 1e8", lambda x, y: x * y, lambda u, x, y: (u * y, u * x), A([1e-8, 3]), A([1e8, 2e-9])),
        ("haversine of a metre", geodesic, lambda u, x: u * 6.371e6 * np.sign(x[1] - x[0]) * A([-1.0, 1]), A([0.7, 0.7 + 1.6e-7])),
        ("arccos near 1", np.arccos, lambda u, x: -u / np.sqrt((1 - x) * (1 + x)), A([1 - 1e-10, 0.2])),
        ("log(1 - exp(-x)) near 0", lambda x: np.log(-np.expm1(-x)), lambda u, x: u / np.expm1(x), A([1e-9, 0.1, 50])),
        ("normal tail", phi, lambda u, x: u * np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi), A([-6.0, 0.3, 2])),
        ("arctan2 in all quadrants", np.arctan2, lambda u, y, x: (u * x / (x * x + y * y), -u * y / (x * x + y * y)), A([1.0, -1, 1e-8, 2]), A([-1.0, -1, -1, 1e-9])),
        ("cube root", np.cbrt, lambda u, x: u / (3 * np.cbrt(x) ** 2), A([-8.0, 1e-9, 27])),
        ("power with a negative base", lambda x: x**3, lambda u, x: 3 * u * x**2, A([-2.0, -1e-3, 0])),
        ("geometric mean", lambda x: np.exp(np.log(x).mean()), lambda u, x: u * np.exp(np.log(x).mean()) / (x * x.size), A([1e-5, 1, 1e5])),
        ("a gradient of exactly zero", lambda x: (x - 1) ** 2, lambda u, x: 2 * u * (x - 1), A([1.0, 1, 3])),
        ("Rosenbrock at its minimum", lambda x: 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2,
         lambda u, x: u * A([-400 * x[0] * (x[1] - x[0] ** 2) - 2 * (1 - x[0]), 200 * (x[1] - x[0] ** 2)]), A([1.0, 1])),
        ("Weierstrass, 12 terms", lambda x: sum(0.5**k * np.cos(3**k * np.pi * x) for k in range(12)),
         lambda u, x: u * sum(-np.pi * 1.5**k * np.sin(3**k * np.pi * x) for k in range(12)), A([0.3])),
        ("a constant function", lambda x: 0 * x + 3, lambda u, x: 0 * u, A([1.0, 2])),
        # --- chaos and iteration
        ("logistic map, 25 steps", *logistic, A([0.3])),
        ("tent map, 20 steps", *tent, A([0.3, 0.77])),
        ("Gauss map, 15 steps", *gauss, A([0.2])),
        ("Heron's root", *heron, A([3.0])),
        ("Kepler's equation", kepler, lambda u, m: u / (1 - 0.9 * np.cos(kepler(m))), A([0.1, 1.5, 3])),
        # --- conditioning
        ("inverse, condition 4e5", inv, lambda u, a: -inv(a).T @ u @ inv(a).T, A([[1, 1], [1, 1 + 1e-5]])),
        ("solve of a Hilbert matrix", lambda b: solve(H8, b), lambda u, b: solve(H8, u), np.ones(8)),
        ("solve, both arguments", solve, solve_vjp, n(4, 4) + 3 * np.eye(4), n(4)),
        ("determinant", np.linalg.det, lambda u, a: u * np.linalg.det(a) * inv(a).T, n(4, 4)),
        ("log determinant", lambda a: np.linalg.slogdet(a)[1], lambda u, a: u * inv(a).T, n(5, 5)),
        ("eigenvalues", lambda a: np.linalg.eigvalsh((a + a.T) / 2), eigh_vjp, SPD),
        ("Cholesky", lambda a: np.linalg.cholesky((a + a.T) / 2), cholesky_vjp, SPD),
        ("singular values", lambda a: np.linalg.svd(a, compute_uv=False), lambda u, a: (lambda s: (s[0] * u) @ s[2])(np.linalg.svd(a, full_matrices=False)), n(4, 3)),
        ("nuclear norm", lambda a: np.linalg.norm(a, "nuc"), lambda u, a: u * (lambda s: s[0] @ s[2])(np.linalg.svd(a, full_matrices=False)), n(3, 4)),
        ("Gaussian process", marginal_likelihood, marginal_likelihood_vjp, A(0.7)),
        # --- layers
        ("layer norm", layer_norm, layer_norm_vjp, n(3, 5), n(5, seed=1)),
        ("layer norm of a constant row", layer_norm, layer_norm_vjp, A([[2.0, 2, 2], [1, 2, 4]]), A([1.0, 2, -1])),
        ("attention", attention, attention_vjp, n(3, 2), n(4, 2, seed=1), n(4, 3, seed=2)),
        ("convolution", conv, conv_vjp, n(9), n(3, seed=1)),
        ("embedding with repeats", lambda x: x[[0, 2, 2, 1, 2]], gather_vjp, n(4, 3)),
        ("hidden Markov model", hmm, hmm_vjp, n(6, 3), n(3, 3, seed=1)),
        ("relu net of 64 units", relu_net, relu_net_vjp, n(16, 8), n(8, 64, seed=1), n(64, seed=2)),
        ("fixed dropout mask", lambda x: x * (np.arange(40) % 2) * 2, lambda u, x: u * (np.arange(40) % 2) * 2, n(40)),
        ("power spectrum", lambda x: np.abs(np.fft.rfft(x))[1:-1] ** 2, lambda u, x: 2 * np.real(np.fft.fft(np.r_[0, u, np.zeros(x.size - u.size - 1)] * np.conj(np.fft.fft(x)))), n(16)),
        # --- float32
        ("softmax in float32", softmax, softmax_vjp, f32(n(5))),
        ("layer norm in float32", layer_norm, layer_norm_vjp, f32(n(3, 5)), f32(n(5, seed=1))),
        ("relu net in float32", relu_net, relu_net_vjp, f32(n(5, 4)), f32(n(4, 6, seed=1)), f32(n(6, seed=2))),
        ("tanh by 1 - y² in float32", np.tanh, lambda u, x: u * (1 - np.tanh(x) ** 2), f32([7.0, 0.5])),
        ("sum of 4096 squares in float32", lambda x: (x * x).sum(), lambda u, x: 2 * u * x, f32(n(4096))),
        ("float32 data, float64 weights", lambda x, w: x @ w, lambda u, x, w: ((u @ w.T).astype(np.float32), x.T.astype(float) @ u), f32(n(3, 4)), n(4, 2)),
        # --- layout, sizes, domains
        ("Fortran order", lambda a: a @ A([1.0, 2, 3]), lambda u, a: np.outer(u, [1, 2, 3]), np.asfortranarray(n(2, 3))),
        ("size 0", lambda x: np.exp(x), lambda u, x: u * np.exp(x), np.zeros((0, 3))),
        ("size 1", lambda x: np.exp(x), lambda u, x: u * np.exp(x), A([[[0.3]]])),
        ("a number", lambda x: np.exp(x) * x, lambda u, x: u * np.exp(x) * (x + 1), A(0.3)),
        ("raises beside the point", guarded, lambda u, x: u / (1 - x), A([0.97])),
        ("nan beside the point", lambda x: np.log(1 - x), lambda u, x: -u / (1 - x), A([0.999])),
        ("Cholesky near its edge", lambda a: np.linalg.cholesky((a + a.T) / 2), cholesky_vjp, A([[1, 0.99], [0.99, 1]])),
        ("broadcast column and row", lambda a, b: a * b, lambda u, a, b: ((u * b).sum(1, keepdims=True), (u * a).sum(0, keepdims=True)), n(3, 1), n(1, 4, seed=1)),
        ("unused argument", lambda a, b: np.sin(a), lambda u, a, b: (u * np.cos(a), 0 * b), n(3), n(2)),
        ("an argument of 10^5 entries", lambda x: np.tanh(x).sum(), lambda u, x: u / np.cosh(x) ** 2, n(100_000)),
        # --- second series: loops, ties across arguments, seams, half precision
        ("top three with ties", lambda x: np.sort(x)[::-1][:3], topk_vjp, A([2.0, 5, 2, 2, 1])),
        ("elimination in a loop", log_determinant, lambda u, a: u * inv(a).T, n(4, 4) + 2 * np.eye(4)),
        ("Newton to the root of 1e12", newton_root, lambda u, x: u / (2 * np.sqrt(x)), A([1e12, 1e-6, 3])),
        ("pendulum, 200 steps", pendulum, pendulum_vjp, A([2.5, 0.3])),
        ("alignment in logs, with -inf", alignment, alignment_vjp, n(6, 3)),
        ("max over blocks that tie", pool, pool_vjp, np.round(n(4, 6))),
        ("quantile loss on the data", lambda q, y: np.where(y > q, 0.9 * (y - q), 0.1 * (q - y)).sum(),
         lambda u, q, y: (u * np.where(y > q, -0.9, 0.1), u * np.where(y > q, 0.9, -0.1)), A([1.0, 2, 3]), A([1.0, 5, 0])),
        ("maximum of equal arguments, the first", np.maximum, lambda u, a, b: (u * (a >= b), u * (b > a)), A([1.0, 2, 3]), A([1.0, 2, 0])),
        ("difference of equal arguments", lambda a, b: np.abs(a - b).sum(), lambda u, a, b: (u * np.sign(a - b), -u * np.sign(a - b)), n(4), n(4)),
        ("largest modulus, tied", lambda x: np.abs(x).max(), lambda u, x: u * np.sign(x) * first_max(np.abs(x)[None])[0], A([1.0, -1, 0.5, 1])),
        ("group lasso at a dead group", lambda a, b: np.sqrt((a * a).sum()) + np.sqrt((b * b).sum()),
         lambda u, a, b: (u * a / max(np.sqrt((a * a).sum()), 1e-300), u * b / np.sqrt((b * b).sum())), np.zeros(3), n(3)),
        ("running maximum of a running sum", lambda x: np.maximum.accumulate(np.cumsum(x)), running_max_vjp, A([1.0, -2, 3, 0, 0, 1])),
        ("relu of relu", lambda x: relu(relu(x) - x), lambda u, x: u * -((x < 0) * 1.0), A([0.0, 0, 1, -1])),
        ("angles wrapped, one on the seam", lambda x: (x + np.pi) % (2 * np.pi) - np.pi, lambda u, x: u, A([3.0, np.pi, 1, -10, 100.5])),
        ("triangle wave at its corners", lambda x: np.abs(x % 2 - 1), lambda u, x: u * np.sign(x % 2 - 1), A([0.3, 1, 2, 7.5])),
        ("least squares", least_squares, least_squares_vjp, n(6, 3), n(6, seed=1)),
        ("RMS norm of zeros", rms, rms_vjp, np.zeros((2, 4)), n(4)),
        ("smooth maximum, sharp", lambda x: x.max() + np.log(np.exp(1e4 * (x - x.max())).sum()) / 1e4,
         lambda u, x: u * softmax(1e4 * x), A([1.0, 1 + 1e-5, 0.5])),
        ("tanh at 1e308 beside 1", np.tanh, lambda u, x: u / np.cosh(x) ** 2, A([1e308, 1])),
        ("1 - cos near 0", lambda x: 1 - np.cos(x), lambda u, x: u * np.sin(x), A([1e-8, 1e-4, 1])),
        ("two results", lambda x: (np.sin(x), np.cos(x).sum()), lambda u, x: u[0] * np.cos(x) - u[1] * np.sin(x), n(3)),
        ("sigmoid in half precision", lambda x: (1 / (1 + np.exp(-x))).astype(np.float16),
         lambda u, x: (u * (y := 1 / (1 + np.exp(-x))) * (1 - y)).astype(np.float16), np.asarray(n(4), np.float16)),
        ("negative strides", lambda x: np.cumsum(x**2), lambda u, x: 2 * x * np.cumsum(u[::-1])[::-1], n(5)[::-1]),
        ("largest eigenvalue of a symmetric matrix", power_iteration, power_iteration_vjp, symmetric()),
        ("log determinant by Cholesky", log_det, log_det_vjp, symmetric()),
        ("log determinant by Cholesky, symmetric", log_det, lambda u, a: u * np.linalg.inv(a), symmetric()),
        ("eigenvalues as books have them", np.linalg.eigvalsh, lambda u, a: (v := np.linalg.eigh(a)[1]) * u @ v.T, symmetric()),
        ("expected loss under weights", lambda p: -np.sum(p * np.log(p)), lambda u, p: -u * (np.log(p) + p.sum()), A([0.2, 0.5, 0.3])),
        ("stiff implicit Euler, nothing left of the start", stiff, lambda u, x: u / 11.0**30, A([1.0, 2.0])),
        ("1e9 + 1e-9 x", lambda x: 1e9 + 1e-9 * x, lambda u, x: 1e-9 * u, A([1.0, 2.0])),
        ("nothing but saturated tanh", np.tanh, lambda u, x: u * (1 - np.tanh(x) ** 2), A([25.0, -400.0])),
        ("soft ranks", soft_ranks, soft_ranks_vjp, A([0.3, 0.31, 0.5, 0.29])),
        ("a function of the size 1e-300", lambda x: 1e-300 * np.sin(x), lambda u, x: u * 1e-300 * np.cos(x), n(3)),
        ("fixed point, implicitly", fixed_point, lambda u, x: u / (1 + 0.5 * np.sin(fixed_point(x))), n(4)),
        ("root by bisection, implicitly", bisection, lambda u, x: u / (3 * bisection(x) ** 2 + 1), A([3.0, 20.0])),
        ("leapfrog, 50 steps", leapfrog, leapfrog_vjp, A([0.3, 2.9]), A([0.1, -1.0])),
        ("bilinear sampling on a grid point", bilinear, bilinear_vjp, n(4, 4), A([1.0, 2.0])),
        ("Planck's law over 12 decades", planck, planck_vjp, A([1e-8, 1e-3, 1.0, 30.0, 300.0])),
        ("logsumexp around 1e4 in float32", logsumexp, lambda u, x: u * softmax(x), np.asarray(1e4 + n(6), np.float32)),
        ("extended precision", lambda x: np.sin(x) * x, lambda u, x: u * (np.cos(x) * x + np.sin(x)), np.asarray([0.5, 2.0], np.longdouble)),
        ("hypot of 1e-200", np.hypot, lambda u, a, b: (u * a / np.hypot(a, b), u * b / np.hypot(a, b)), A([3e-200, 1.0]), A([4e-200, 1e-20])),
        ("product with two zeros", np.prod, lambda u, x: u * A([np.delete(x, j).prod() for j in range(4)]), A([1.0, 0, 3, 0])),
        ("joint of two cubics", lambda x: np.where(x < 1, x**3, 1 + 3 * (x - 1) + 3 * (x - 1) ** 2),
         lambda u, x: u * np.where(x < 1, 3 * x**2, 6 * x - 3), A([1.0, 0.5, 2.0])),
        ("an empty inner axis", lambda a: a @ a.T, lambda u, a: (u + u.T) @ a, np.zeros((3, 0))),
    ),
    "layer that remembers its maximum": max_layer,
    "cache keyed by its input": memo,
}  # fmt: skip
