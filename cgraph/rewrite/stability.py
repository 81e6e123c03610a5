"""The stability rules: formulas that overflow, underflow or cancel, and what computes the same without.

Each is an equation over wildcards and its own property test: both sides agree where both are finite, and the right side is at least as
accurate everywhere (tests/rewrite/). The list is PyTensor's (`tensor/rewriting/math.py`, `special.py`), as far as the ops of cgraph express
it, and what binary classification needs: from the textbook's cross-entropy to the fused nodes. Signs, the order of terms and factors, and
broadcasting need no rules of their own (cgraph/rewrite/pattern.py).
"""

from __future__ import annotations

from math import inf

from cgraph.ops.cross_entropy import stable_cross_entropy
from cgraph.ops.elementwise import (
    abs as absolute,
    cosh,
    exp,
    expm1,
    log,
    log1p,
    maximum,
    power,
    reciprocal,
    relu,
    sigmoid,
    sigmoid_slope,
    sinh,
    softplus,
    sqrt,
    square,
    tanh,
    tanh_slope,
)
from cgraph.ops.logistic import log1mexp, log_sigmoid, logaddexp, logit
from cgraph.ops.losses import bce, stable_bce
from cgraph.ops.reduction import max, mean, sum
from cgraph.ops.softmax import log_softmax, logsumexp, softmax
from cgraph.rewrite.numbering import params_key
from cgraph.rewrite.pattern import Match, peel, wildcards
from cgraph.rewrite.rule import Rule, Rules

x, y, z, a, b, c, p = wildcards("x y z a b c p")
X, Y = wildcards("X Y", shape=(None, None))

UNIT = (0.0, 1.0)
POSITIVE = (0.0, inf)


LOGARITHMS = [
    Rule("log1p", log(1.0 + x), log1p(x), "1 + x rounds away what x adds to 1", over={"x": (-1.0, inf)}),
    Rule("expm1", exp(x) - 1.0, expm1(x), "for small x, e^x - 1 keeps only what e^x has beyond 1"),
    Rule("softplus", log1p(exp(x)), softplus(x), "e^x overflows for large x"),
    Rule("softplus-inverse-side", log1p(1.0 / exp(x)), softplus(-x), "e^x overflows or underflows"),
    Rule("log1mexp", log1p(-exp(x)), log1mexp(x), "for x near 0, 1 - e^x is a small difference", over={"x": (-inf, 0.0)}),
    Rule("log-of-expm1", log(-expm1(x)), log1mexp(x), "for x far below 0 the digits of the answer are those that -expm1(x) lacks to 1", over={"x": (-inf, 0.0)}),
    Rule("log-of-exp", log(exp(x)), x, "e^x overflows or underflows before the logarithm takes it back"),
    Rule("exp-of-log", exp(log(x)), x, "the logarithm costs digits and is taken back", over={"x": POSITIVE}),
    Rule("log-of-sqrt", log(sqrt(x)), 0.5 * log(x), "near 1, the root rounds away what makes the logarithm", over={"x": POSITIVE}),
    Rule("logaddexp", log(exp(a) + exp(b)), logaddexp(a, b), "the exponentials overflow, or both underflow and log 0 is left"),
    Rule("logaddexp-of-zero", logaddexp(0.0, x), softplus(x), "softplus by its name"),
    Rule("log-of-ratio-of-exps", log(exp(a) / exp(b)), a - b, "the exponentials overflow before the logarithm takes them back"),
]  # fmt: skip

SIGMOIDS = [
    Rule("sigmoid", 1.0 / (1.0 + exp(-x)), sigmoid(x), "e^-x overflows for x far below 0, and its gradient is then inf / inf"),
    Rule("sigmoid-by-reciprocal", reciprocal(1.0 + exp(-x)), sigmoid(x), "e^-x overflows for x far below 0"),
    Rule("sigmoid-by-power", power(1.0 + exp(-x), -1.0), sigmoid(x), "e^-x overflows for x far below 0"),
    Rule("sigmoid-by-exp", exp(x) / (1.0 + exp(x)), sigmoid(x), "inf / inf for large x"),
    Rule("sigmoid-of-minus", 1.0 - sigmoid(x), sigmoid(-x), "1 - sigmoid(x) has no digits left for large x"),
    Rule("log-sigmoid", log(sigmoid(x)), log_sigmoid(x), "sigmoid(x) underflows for x far below 0: log 0; near 1 it has lost the tail"),
    Rule("log1p-of-minus-sigmoid", log1p(-sigmoid(x)), log_sigmoid(-x), "1 - sigmoid(x) has no digits left for large x"),
    Rule("exp-times-sigmoid", exp(x) * sigmoid(-x), sigmoid(x), "inf * 0 for large x"),
    Rule("odds", sigmoid(x) / sigmoid(-x), exp(x), "sigmoid(-x) underflows for large x: a division by 0"),
    Rule("sigmoid-slope", sigmoid(x) * sigmoid(-x), sigmoid_slope(x), "the slope of the sigmoid by its name"),
    Rule("logit-of-sigmoid", logit(sigmoid(x)), x, "the sigmoid saturates, and the logit is then inf"),
    Rule("sigmoid-of-logit", sigmoid(logit(p)), p, "there and back again", over={"p": UNIT}),
    Rule("logit", log(p / (1.0 - p)), logit(p), "near 1/2 the logarithm of a ratio near 1 loses digits", over={"p": UNIT}),
    Rule("logit-by-difference", log(p) - log1p(-p), logit(p), "near 1/2 two equal logarithms cancel", over={"p": UNIT}),
    Rule("log-of-tanh-form", (exp(x) - exp(-x)) / (exp(x) + exp(-x)), tanh(x), "inf / inf for large x, and near 0 the difference cancels"),
    Rule("tanh-by-exp", (exp(2.0 * x) - 1.0) / (exp(2.0 * x) + 1.0), tanh(x), "inf / inf for large x"),
    Rule("tanh-by-expm1", expm1(2.0 * x) / (exp(2.0 * x) + 1.0), tanh(x), "inf / inf for large x"),
    Rule("tanh-by-sigmoid", 2.0 * sigmoid(2.0 * x) - 1.0, tanh(x), "near 0 the difference cancels"),
    Rule("tanh-slope", 1.0 - square(tanh(x)), tanh_slope(x), "1 - tanh² has no digits left for large |x|"),
    Rule("sinh", (exp(x) - exp(-x)) / 2.0, sinh(x), "near 0 the difference cancels"),
    Rule("sinh-by-half", 0.5 * (exp(x) - exp(-x)), sinh(x), "near 0 the difference cancels"),
    Rule("cosh", (exp(x) + exp(-x)) / 2.0, cosh(x), "the exponential overflows before its half does"),
    Rule("cosh-by-half", 0.5 * (exp(x) + exp(-x)), cosh(x), "the exponential overflows before its half does"),
]  # fmt: skip

CROSS_ENTROPIES = [
    Rule("bce-from-logits", bce(sigmoid(z), y), stable_bce(z, y), "log 0 where the sigmoid saturates, and a gradient of 0 * inf", over={"y": UNIT}),
    Rule("bce-by-log-sigmoids", y * log_sigmoid(z) + (1.0 - y) * log_sigmoid(-z), -stable_bce(z, y), "the gradient sigmoid(z) - y cancels where the two are close to a hard label", over={"y": UNIT}),
    Rule("bce-by-softplus", y * softplus(-z) + (1.0 - y) * softplus(z), stable_bce(z, y), "two tails where one would do", over={"y": UNIT}),
    Rule("bce-by-one-softplus", softplus(z) - y * z, stable_bce(z, y), "for a large z and y = 1 two equal numbers cancel: the loss is 0 where it should be e^-z", over={"y": UNIT}),
    Rule("bce-by-log-sigmoid", (1.0 - y) * z - log_sigmoid(z), stable_bce(z, y), "for z far below 0 and y = 0 two equal numbers cancel", over={"y": UNIT}),
    Rule("bce-textbook-stable", maximum(z, 0.0) - y * z + softplus(-absolute(z)), stable_bce(z, y), "max and |z| have kinks at z = 0, where the sum has none, and max(z, 0) - y z cancels for soft labels near 1", over={"y": UNIT}),
    Rule("bce-textbook-stable-relu", relu(z) - y * z + softplus(-absolute(z)), stable_bce(z, y), "relu'(0) = 0 gives a wrong gradient at z = 0, where every training from zero starts", over={"y": UNIT}),
    Rule("softplus-by-max", maximum(x, 0.0) + softplus(-absolute(x)), softplus(x), "max and |x| have kinks at 0, where the sum has none"),
    Rule("softplus-by-relu", relu(x) + softplus(-absolute(x)), softplus(x), "relu'(0) = 0 gives a wrong gradient at 0"),
]  # fmt: skip


def _all_of_a_matrix(match: Match) -> bool:
    return bool(match.params["axes", params_key((0, 1))] == (0, 1))


SUMS = [
    Rule("logsumexp", log(sum(exp(X), axis=1)), logsumexp(X, axis=1), "the exponentials overflow, or all underflow and log 0 is left"),
    Rule("softmax", exp(X) / sum(exp(X), axis=1, keepdims=True), softmax(X, axis=1), "inf / inf where an exponential overflows, 0 / 0 where all underflow"),
    Rule("softmax-of-shifted", softmax(X - max(X, axis=1, keepdims=True), axis=1), softmax(X, axis=1), "softmax takes the maximum away by itself"),
    Rule("log-softmax", log(softmax(X, axis=1)), log_softmax(X, axis=1), "small probabilities underflow: log 0; those near 1 have lost what is missing"),
    Rule("log-softmax-by-logsumexp", X - logsumexp(X, axis=1, keepdims=True), log_softmax(X, axis=1), "for the largest entry two equal numbers cancel"),
    Rule("cross-entropy", sum(Y * log_softmax(X, axis=1), axis=1), -stable_cross_entropy(X, Y, axis=1), "the gradient softmax(x) - y cancels where the prediction is sure"),
    Rule("cross-entropy-of-all", sum(Y * log_softmax(X, axis=1), axis=(0, 1)), -sum(stable_cross_entropy(X, Y, axis=1), axis=0), "the gradient softmax(x) - y cancels where the prediction is sure", when=_all_of_a_matrix),
    Rule("variance", mean(square(X), axis=1) - square(mean(X, axis=1)), mean(square(X - mean(X, axis=1, keepdims=True)), axis=1), "for a mean far from 0 two large numbers cancel, and the variance may come out negative"),
]  # fmt: skip

POWERS = [
    Rule("root-of-square", sqrt(square(x)), absolute(x), "x² overflows or underflows, and at 0 its root has no gradient"),
    Rule("x-over-root", x / sqrt(x), sqrt(x), "0 / 0 at 0", over={"x": POSITIVE}),
    Rule("product-of-exps", exp(a) * exp(b), exp(a + b), "inf * 0 where one overflows and the other underflows"),
    Rule("ratio-of-exps", exp(a) / exp(b), exp(a - b), "inf / inf where both overflow"),
]  # fmt: skip


def _has_a_sign(match: Match) -> bool:
    """Whether there is a minus sign to take out: a wildcard with a sign matches everything else as well."""
    return peel(match.wildcards[X]).sign > 0


# A minus sign that a rule leaves behind under a mean or sum comes out, to meet another above.
TIDY = [
    Rule("minus-through-mean", mean(-X, axis=1), -mean(X, axis=1), "a sign on its way out", when=_has_a_sign, tidy=True),
    Rule("minus-through-sum", sum(-X, axis=1), -sum(X, axis=1), "a sign on its way out", when=_has_a_sign, tidy=True),
]  # fmt: skip

STABILITY = Rules([*LOGARITHMS, *SIGMOIDS, *CROSS_ENTROPIES, *SUMS, *POWERS, *TIDY])
