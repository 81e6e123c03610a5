"""Functions of nets: losses, normalizations, pools, convolutions, distances, interpolation, attention."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np

from peer_cases.case import Case, at

mp = mpmath.mp
mpf = mp.mpf
Z = np.array([1000.0, -1000.0, 40.0, -40.0, 0.3])
Y = np.array([1.0, 0.0, 0.0, 1.0, 0.25])
P = np.array([0.3, 0.9, 1e-9, 1 - 1e-12])
PY = np.array([1.0, 0.0, 0.0, 1.0])
PLAIN = np.array([0.5, -1.5, 2.5, 1.0])
OTHER = np.array([1.0, -1.0, 2.0, 0.25])
ZEROS = np.zeros(4)
SCORES = np.array([[1000.0, 0.0, -1000.0], [0.1, 0.2, 0.3]])
MILD = np.array([[1.0, -0.5, 2.0], [0.1, 0.2, 0.3]])
IMAGE = np.arange(16.0).reshape(1, 1, 4, 4) ** 2 / 10
FLAT = np.ones((1, 1, 4, 4))
KERNEL = np.array([[[[1.0, -2.0], [0.5, 3.0]]]])
LINE = np.array([[[0.5, -1.5, 2.5, 1.0]]])


def _softplus(x: Any) -> Any:
    return mp.log(1 + mp.exp(x))


def _each(f: Any) -> Any:
    many = np.frompyfunc(f, 2, 1)
    return lambda m, a, b: m.sum(many(a, b))


def _mean_each(f: Any) -> Any:
    many = np.frompyfunc(f, 2, 1)
    return lambda m, a, b: m.sum(many(a, b)) / mpf(a.size)


def _huber(a: Any, b: Any) -> Any:
    d = abs(a - b)
    return d * d / 2 if d < 1 else d - mpf("0.5")


def _cross_entropy(m: Any, a: Any) -> Any:
    logs = m.log_softmax(a)
    return -(logs[0, 2] + logs[1, 0]) / 2


def _standard(m: Any, x: Any, eps: Any) -> Any:
    away = x - m.sum(x) / mpf(x.size)
    return away / m.sqrt(m.sum(away * away) / mpf(x.size) + mpf(eps))


def _dot(m: Any, a: Any, b: Any) -> Any:
    return m.sum(a * b) / m.sqrt(m.sum(a * a) * m.sum(b * b))


def _windows(x: Any, size: int, step: int) -> Any:
    n = (x.shape[-1] - size) // step + 1
    return [
        x[0, 0, i * step : i * step + size, j * step : j * step + size]
        for i in range(n)
        for j in range(n)
    ]


def _attention(m: Any, q: Any, k: Any) -> Any:
    scores = q.dot(k.T) / m.sqrt(mpf(q.shape[1]))
    return m.sum(m.exp(m.log_softmax(scores)).dot(k) ** 2)


NETS: list[Case] = [
    Case("binary_cross_entropy_with_logits", _each(lambda z, y: _softplus(z) - y * z),
         {"torch": "F.binary_cross_entropy_with_logits(a, b, reduction='sum')",
         "jax": "-jnp.sum(b * jax.nn.log_sigmoid(a) + (1 - b) * jax.nn.log_sigmoid(-a))"}, [at(Z, Y)], digits=1500),
    *(Case(f"binary_cross_entropy_with_logits at {z:g}", _each(lambda z, y: _softplus(z) - y * z),
           {"torch": "F.binary_cross_entropy_with_logits(a, b, reduction='sum')",
           "jax": "-jnp.sum(b * jax.nn.log_sigmoid(a) + (1 - b) * jax.nn.log_sigmoid(-a))"},
           [at(np.array([z]), np.array([y]))], digits=1500) for z, y in ((40.0, 1.0), (-40.0, 0.0), (20.0, 1.0))),
    Case("binary_cross_entropy", _each(lambda p, y: -y * mp.log(p) - (1 - y) * mp.log(1 - p)),
         {"torch": "F.binary_cross_entropy(a, b, reduction='sum')"},
         [at(P, PY), at(np.array([1e-300]), np.array([0.0])), at(np.array([1e-30]), np.array([1.0]))]),
    Case("cross_entropy", _cross_entropy, {"torch": "F.cross_entropy(a, torch.tensor([2, 0]))",
         "jax": "-jnp.mean(jax.nn.log_softmax(a)[jnp.arange(2), jnp.array([2, 0])])",
         "mygrad": "mg.nnet.softmax_crossentropy(a, np.array([2, 0]))"}, [at(SCORES), at(MILD)], digits=1500),
    Case("softmax_focal_loss, γ = 2", lambda m, a: -(1 - m.exp(m.log_softmax(a)[0, 2])) ** 2 * m.log_softmax(a)[0, 2],
         {"mygrad": "mg.sum(mg.nnet.softmax_focal_loss(a, np.array([2]), gamma=2))"},
         [at(MILD[:1]), at(np.array([[0.0, -5.0, 30.0]])), at(np.array([[40.0, 0.0, 0.0]]))], digits=200),
    Case("kl_div", lambda m, a, b: m.sum(np.frompyfunc(lambda q, p: p * (mp.log(p) - q) if p else 0 * q, 2, 1)(a, b)),
         {"torch": "F.kl_div(a, b, reduction='sum')"},
         [at(-np.abs(PLAIN), np.array([0.5, 0.0, 0.25, 0.25]))]),
    Case("mse_loss", _mean_each(lambda a, b: (a - b) ** 2), {"torch": "F.mse_loss(a, b)", "jax": "jnp.mean((a - b) ** 2)",
         "autograd": "np.mean((a - b) ** 2)", "mygrad": "mg.mean((a - b) ** 2)"},
         [at(PLAIN, OTHER), at(PLAIN, PLAIN)], wrt=(0, 1)),
    Case("l1_loss", _mean_each(lambda a, b: abs(a - b)), {"torch": "F.l1_loss(a, b)"}, [at(PLAIN, OTHER)], kinks=[at(PLAIN, PLAIN)],
         wrt=(0, 1)),
    Case("huber_loss", _each(_huber), {"torch": "F.huber_loss(a, b, reduction='sum')"}, [at(PLAIN, OTHER), at(1e200 * PLAIN, OTHER)]),
    Case("smooth_l1_loss", _each(_huber), {"torch": "F.smooth_l1_loss(a, b, reduction='sum')"}, [at(PLAIN, OTHER), at(PLAIN, PLAIN)]),
    Case("soft_margin_loss", _each(lambda a, b: _softplus(-a * b)), {"torch": "F.soft_margin_loss(a, b, reduction='sum')"},
         [at(PLAIN, np.sign(OTHER)), at(np.array([-800.0]), np.array([1.0])), at(np.array([40.0]), np.array([1.0]))], digits=900),
    Case("poisson_nll_loss", _each(lambda a, b: mp.exp(a) - b * a), {"torch": "F.poisson_nll_loss(a, b, reduction='sum')"}, [at(PLAIN,
         np.abs(OTHER))]),
    Case("gaussian_nll_loss", lambda m, a, b: m.sum(np.frompyfunc(lambda x, v: (mp.log(v) + x * x / v) / 2, 2, 1)(a, b)),
         {"torch": "F.gaussian_nll_loss(a, torch.zeros(4), b, reduction='sum')"},
         [at(PLAIN, np.abs(OTHER))], wrt=(0, 1), single=False),
    Case("cosine_similarity", _dot, {"torch": "F.cosine_similarity(a, b, dim=0)"}, [at(PLAIN, OTHER), at(1e-5 * PLAIN, OTHER),
         at(1e150 * PLAIN, OTHER)], wrt=(0, 1)),
    Case("normalize", lambda m, a: a[0] / m.sqrt(m.sum(a * a)), {"torch": "F.normalize(a, dim=0)[0]"}, [at(PLAIN), at(1e-3 * PLAIN),
         at(1e160 * PLAIN)]),
    Case("pairwise_distance", lambda m, a, b: m.sqrt(m.sum((a - b + mpf(1e-6)) ** 2)), {"torch": "F.pairwise_distance(a, b)"},
         [at(PLAIN, OTHER)], wrt=(0, 1), single=False),
    Case("cdist", lambda m, a, b: m.sqrt(m.sum((a[0] - b[1]) ** 2)), {"torch": "torch.cdist(a, b)[0, 1]"},
         [at(np.array([[1.0, 2.0]]), np.array([[1.0, 2.0], [1.0, 2.0 + 1e-9]])), at(np.array([[1e8, 0.0]]), np.array([[0.0, 0.0],
         [1e8 + 1, 0.0]]))], wrt=(0, 1)),
    Case("cdist, 30 rows", lambda m, a, b: m.sqrt(m.sum((a[0] - b[0]) ** 2)),
         {"torch": "torch.cdist(a.expand(30, 2), b.expand(30, 2))[0, 0]"},
         [at(np.array([[1e4, 0.0]]), np.array([[1e4 + 1e-3, 0.0]]))], wrt=(0, 1)),
    Case("layer_norm", lambda m, a: _standard(m, a, 1e-5)[0], {"torch": "F.layer_norm(a, (4,))[0]"}, [at(PLAIN), at(np.full(4, 2.0)),
         at(1e4 + PLAIN)]),
    Case("standardize", lambda m, a: _standard(m, a, 1e-5)[0], {"jax": "jax.nn.standardize(a, epsilon=1e-5)[0]"}, [at(PLAIN),
         at(np.full(4, 2.0)), at(1e4 + PLAIN)]),
    Case("batchnorm", lambda m, a: _standard(m, a[:, 0], 1e-5)[0], {"torch": "F.batch_norm(a, None, None, training=True)[0, 0]",
         "mygrad": "mg.nnet.batchnorm(a, eps=1e-5)[0, 0]"},
         [at(PLAIN[:, None]), at(np.full((4, 1), 2.0)), at(1e4 + PLAIN[:, None])]),
    Case("rms_norm", lambda m, a: a[0] / m.sqrt(m.sum(a * a) / 4 + mpf(1e-5)), {"torch": "F.rms_norm(a, (4,), eps=1e-5)[0]"},
         [at(PLAIN), at(ZEROS), at(1e160 * PLAIN)]),
    Case("glu", lambda m, a: m.sum(a[:2] * m.sigmoid(a[2:])), {"torch": "F.glu(a, 0).sum()", "jax": "jax.nn.glu(a).sum()",
         "mygrad": "mg.sum(mg.nnet.glu(a))"}, [at(PLAIN), at(np.array([1.0, 2.0, 800.0, -800.0]))], digits=900),
    Case("max_pool2d", lambda m, a: m.sum(np.array([w.max() for w in _windows(a, 2, 2)], object)), {"torch": "F.max_pool2d(a, 2).sum()",
         "mygrad": "mg.sum(mg.nnet.max_pool(a, (2, 2), 2))"},
         [at(IMAGE)], kinks=[at(FLAT)]),
    Case("avg_pool2d", lambda m, a: m.sum(np.array([w.sum() / 4 for w in _windows(a, 2, 1)], object) ** 2),
         {"torch": "(F.avg_pool2d(a, 2, 1) ** 2).sum()"}, [at(IMAGE)]),
    Case("lp_pool2d, p = 2", lambda m, a: m.sqrt(m.sum(_windows(a, 2, 2)[3] ** 2)), {"torch": "F.lp_pool2d(a, 2, 2)[0, 0, 1, 1]"},
         [at(IMAGE)], kinks=[at(0 * IMAGE)]),
    Case("lp_pool2d, one window of zeros", lambda m, a: m.sqrt(m.sum(_windows(a, 2, 2)[3] ** 2)),
         {"torch": "F.lp_pool2d(a, 2, 2)[0, 0, 1, 1]"},
         [at(np.where(np.arange(16).reshape(1, 1, 4, 4) > 9, IMAGE, 0.0))]),
    Case("conv2d", lambda m, a, b: m.sum(np.array([m.sum(w * b[0, 0]) for w in _windows(a, 2, 1)], object) ** 2),
         {"torch": "(F.conv2d(a, b) ** 2).sum()",
         "jax": "(jax.lax.conv(a, b, (1, 1), 'VALID') ** 2).sum()", "mygrad": "mg.sum(mg.nnet.conv_nd(a, b, stride=1) ** 2)"},
         [at(IMAGE, KERNEL), at(IMAGE[:, :, :2, :2], KERNEL)], wrt=(0, 1)),
    Case("conv_transpose1d", lambda m, a, b: m.sum(m.convolve(a[0, 0], b[0, 0]) ** 2),
         {"torch": "(F.conv_transpose1d(a, b) ** 2).sum()"}, [at(LINE, np.array([[[1.0, -2.0]]]))], wrt=(0, 1)),
    Case("interpolate, linear", lambda m, a: (a[0, 0, 0] * 3 + a[0, 0, 1]) / 4,
         {"torch": "F.interpolate(a, scale_factor=2, mode='linear')[0, 0, 1]"}, [at(LINE)]),
    Case("embedding", lambda m, a: m.sum((2 * a[1] + a[0]) ** 2),
         {"torch": "(F.embedding(torch.tensor([1, 0, 1]), a).sum(0) ** 2).sum()", "jax": "(a[jnp.array([1, 0, 1])].sum(0) ** 2).sum()"},
         [at(MILD)]),
    Case("scaled_dot_product_attention", lambda m, a, b: _attention(m, a, b),
         {"torch": "(F.scaled_dot_product_attention(a, b, b) ** 2).sum()",
         "jax": "(jax.nn.dot_product_attention(a[:, None], b[:, None], b[:, None]) ** 2).sum()"}, [at(MILD, MILD + 1), at(30 * MILD,
         MILD)], wrt=(0, 1)),
    Case("triplet_margin_loss", lambda m, a,
         b: m.sqrt(m.sum((a[0] - b[0] + mpf(1e-6)) ** 2)) - m.sqrt(m.sum((a[0] - b[1] + mpf(1e-6)) ** 2)) + 9,
         {"torch": "F.triplet_margin_loss(a, b[:1], b[1:], margin=9.0)"}, [at(MILD[:1], 1.0 - MILD)], wrt=(0, 1), single=False),
    Case("margin_ranking_loss", lambda m, a, b: m.sum(np.frompyfunc(lambda x, y: max(mpf(0), 1 - x + y), 2, 1)(a, b)) / mpf(a.size),
         {"torch": "F.margin_ranking_loss(a, b, torch.ones(4), margin=1.0)", "mygrad": "mg.nnet.margin_ranking_loss(a, b, 1, 1.0)"},
         [at(PLAIN, OTHER)], kinks=[at(PLAIN, PLAIN - 1)], wrt=(0, 1)),
    Case("multiclass_hinge", lambda m, a: sum(max(mpf(0), a[0, j] - a[0, 0] + 1) for j in (1, 2)),
         {"mygrad": "mg.nnet.multiclass_hinge(a, np.array([0]))", "torch": "F.multi_margin_loss(a, torch.tensor([0])) * 3"},
         [at(MILD[:1])],
         kinks=[at(np.array([[1.0, 0.0, 0.0]]))]),
    Case("local_response_norm", lambda m, a: a[0, 0, 0] / m.power(1 + mpf(1e-4) * a[0, 0, 0] ** 2 / 1, mpf(0.75)),
         {"torch": "F.local_response_norm(a, 1)[0, 0, 0]"}, [at(LINE), at(1e5 * LINE)], single=False),
]  # fmt: skip
