"""The rewrites: every rule is an equation that holds, what was written comes out stable, and nothing else is touched."""

from __future__ import annotations

import numpy as np
import pytest

import cgraph as cg
from cgraph import testing
from cgraph.graph import order, verify
from cgraph.rewrite.rule import Rule, Rules, rewrite
from cgraph.rewrite.stability import STABILITY


def names(report):
    return [step.rule.name for step in report.steps]


def ops(root):
    return [n.op.name for n in order(root) if n.parents]


Z, Y = cg.input("Z", shape=(2, 3)), cg.input("Y", shape=(2, 3))
COLUMN = cg.input("column", shape=(2, 1))


def textbook(z, y):
    p = cg.sigmoid(z)
    return y * np.log(p) + (1 - y) * np.log(1 - p)


SPELLINGS = {
    "bce": lambda z, y: cg.mean(cg.bce(cg.sigmoid(z), y)),
    "logs": lambda z, y: -np.mean(textbook(z, y)),
    "logs inside": lambda z, y: np.mean(-textbook(z, y)),
    "signs": lambda z, y: np.mean(-y * np.log(1 / (1 + np.exp(-z))) - (1 - y) * np.log(1 - 1 / (1 + np.exp(-z)))),
    "sum": lambda z, y: -np.sum(textbook(z, y)) / 6,
    "stable": lambda z, y: np.mean(np.maximum(z, 0) - z * y + np.log(1 + np.exp(-np.abs(z)))),
    "relu": lambda z, y: np.mean(np.log1p(np.exp(-np.abs(z))) + (cg.relu(z) - y * z)),
    "softplus": lambda z, y: np.mean(cg.softplus(z) - y * z),
    "two": lambda z, y: np.mean(y * cg.softplus(-z) + (1 - y) * cg.softplus(z)),
    "logaddexp": lambda z, y: np.mean(cg.logaddexp(0, z) - z * y),
    "flat": lambda z, y: np.mean(cg.bce(cg.broadcast_to(cg.sigmoid(z), (2, 3)).reshape(-1), y.reshape(-1))),
    "exp over": lambda z, y: np.mean(cg.bce(np.exp(z) / (np.exp(z) + 1), y)),
}  # fmt: skip


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("z", [Z, COLUMN], ids=["whole", "broadcast"])
def test_every_spelling_of_the_cross_entropy_becomes_the_fused_node(spelling, z):
    loss = SPELLINGS[spelling](z, Y)
    stable, report = cg.stabilize(loss)
    assert "stable_bce" in ops(stable), report
    assert not set(ops(stable)) & {
        "log",
        "exp",
        "sigmoid",
        "softplus",
        "bce",
        "log_sigmoid",
        "maximum",
        "relu",
    }, report
    verify(stable)
    rng = np.random.default_rng(0)
    feeds = {z: rng.normal(size=z.shape) * 3, Y: rng.uniform(size=Y.shape)}
    np.testing.assert_allclose(
        cg.run(stable, feeds).value(stable), cg.run(loss, feeds).value(loss), rtol=1e-13
    )
    before, after = cg.gradient(loss, z), cg.gradient(stable, z)
    np.testing.assert_allclose(
        cg.run(after, feeds).value(after),
        cg.run(before, feeds).value(before),
        rtol=1e-12,
        atol=1e-14,
    )
    # The first step of a training that starts from nothing.
    zero = cg.run(after, {z: np.zeros(z.shape), Y: feeds[Y]}).value(after)
    expected = (0.5 - feeds[Y]) / 6
    np.testing.assert_allclose(
        zero, expected if z is Z else expected.sum(axis=1, keepdims=True), atol=1e-16
    )
    again, nothing = cg.stabilize(stable)
    assert again is stable and not nothing


def test_names_scopes_and_lines_stay():
    with cg.scope("head"):
        z = cg.parameter("z", [1.0, -2.0])
        p = cg.sigmoid(z, name="p")
        loss = cg.mean(cg.log(p, name="log p"), name="loss")
    stable, _ = cg.stabilize(loss)
    assert stable.name == "head/loss" and stable.scope == "head" and stable.site == loss.site
    (inner,) = stable.parents
    assert (inner.name, inner.op.name, inner.site) == (
        "head/log p",
        "log_sigmoid",
        loss.parents[0].site,
    )
    assert loss.parents[0].op.name == "log"  # what was given is as it was


def test_what_has_other_users_stays_for_them():
    z, y = cg.parameter("z", 0.3), cg.input("y", 1.0)
    p = cg.sigmoid(z, name="p")
    (loss, shown), report = cg.stabilize([cg.bce(p, y), p])
    assert ops(loss) == ["stable_bce"] and shown is p and names(report) == ["bce-from-logits"]


def test_softmax_over_any_axes():
    for axis in (0, 1, -1, (0, 1)):
        X = cg.input("X", shape=(2, 3))
        e = np.exp(X)
        logs = np.log(e / np.sum(e, axis=axis, keepdims=True))
        stable, report = cg.stabilize(logs)
        assert ops(stable) == ["log_softmax"], report
        value = np.array([[1.0, 2.0, -3.0], [0.0, 900.0, 1.0]])
        far = cg.run(stable, {X: value}).value(stable)
        assert np.isfinite(far).all()
    X = cg.input("X", shape=(3, 3))
    wrong = np.exp(X) / np.sum(
        np.exp(X), axis=1
    )  # rows divided by the sums of the columns' numbers: no softmax
    assert "softmax" not in ops(cg.stabilize(wrong)[0])
    right = np.exp(X) / np.sum(np.exp(X), axis=1)[:, None]
    assert ops(cg.stabilize(right)[0]) == ["softmax"]
    other = np.exp(X) / np.sum(np.exp(X), axis=0)
    assert ops(cg.stabilize(other)[0]) == ["softmax"]


def test_a_term_and_a_factor_may_be_left_over():
    u, z, y = cg.input("u"), cg.input("z"), cg.input("y")
    assert ops(cg.stabilize(u + cg.softplus(z) - y * z)[0]) == ["stable_bce", "add"]
    assert ops(cg.stabilize(1 - cg.exp(z) + u)[0]) == ["expm1", "negative", "add"]
    assert ops(cg.stabilize(u - cg.exp(z) + 1)[0]) == ["expm1", "subtract"]
    s = cg.sigmoid(z)
    assert ops(cg.stabilize(u * s * (1 - s))[0]) == ["sigmoid_slope", "multiply"]
    for root in (
        u + cg.softplus(z) - y * z,
        1 - cg.exp(z) + u,
        u * s * (1 - s),
        u - (cg.exp(z) - 1),
    ):
        feeds = {n: v for n, v in {u: 0.7, z: -1.3, y: 0.2}.items() if n in set(order(root))}
        new, _ = cg.stabilize(root)
        assert float(cg.run(new, feeds).value(new)) == pytest.approx(
            float(cg.run(root, feeds).value(root)), rel=1e-14
        )


def test_rules_that_go_round_in_circles_are_stopped():
    x = cg.input("x")
    rules = Rules([Rule("there", cg.sin(x), cg.cos(x)), Rule("back", cg.cos(x), cg.sin(x))])
    with pytest.raises(cg.CgraphError, match=r"did not settle at 'sin'.*'there', 'back'"):
        rewrite([cg.sin(cg.input("z"))], rules)


def test_random_graphs_settle_once_and_stay():
    """All the rules together, on graphs nobody laid: what was rewritten is not rewritten again, and comes to the same."""
    rewritten = 0
    for seed in range(150):
        root = testing.random_graph(seed).root
        new, report = cg.stabilize(root)
        again, nothing = cg.stabilize(new)
        assert again is new and not len(nothing), seed
        rewritten += bool(len(report))
        np.testing.assert_allclose(cg.run(new).value(new), cg.run(root).value(root), rtol=1e-4)
    assert rewritten > 3


def test_a_rule_needs_its_wildcards_on_the_left():
    x, y = cg.input("x"), cg.input("y")
    with pytest.raises(ValueError, match="'y' stands on the right side only"):
        Rules([Rule("wrong", cg.sin(x), cg.cos(y))])
    with pytest.raises(ValueError, match="two rules are called 'a'"):
        Rules([Rule("a", cg.sin(x), x), Rule("a", cg.cos(x), x)])


def test_deep_graphs_take_seconds_and_no_recursion():
    x = cg.input("x", 0.1)
    node = x
    for _ in range(3000):
        node = cg.tanh(node * 0.5 + 1.0) + cg.log(1 + cg.exp(0.1 * node))
    new, report = cg.stabilize(node)
    assert names(report) == ["log1p", "softplus"] * 3000
    assert float(cg.run(new).value(new)) == pytest.approx(float(cg.run(node).value(node)), rel=1e-9)


def test_the_report_says_what_where_and_why():
    z = cg.input("z", 40.0)
    stable, report = cg.stabilize(cg.log(1 - cg.sigmoid(z), name="gap"))
    text = str(report)
    assert "at 'gap' (built at " in text and "test_stabilize.py" in text
    assert "log(sigmoid(-z))  ->  log_sigmoid(-z)" in text and "no digits left" in text
    assert "nothing to stabilize" in str(cg.stabilize(stable)[1])
    with pytest.raises(cg.CgraphError, match="takes nodes"):
        cg.stabilize([1.0])


def test_every_rule_is_found_in_its_own_left_side():
    for rule in STABILITY:
        if rule.tidy:
            continue
        _, steps = rewrite([rule.before], Rules([rule]))
        assert [s.rule.name for s in steps] == [rule.name], rule.name


def test_the_report_measures_what_was_gained():
    z, y = cg.input("z", shape=(2, 3)), cg.input("y", shape=(2, 3))
    p = cg.sigmoid(z)
    loss = cg.mean(-(y * cg.log(p) + (1 - y) * cg.log(1 - p)), name="loss")
    _, report = cg.stabilize(loss, ranges={z: (-50, 50), y: (0, 1)})
    assert report.values[0].before > 1 > 1e-15 > report.values[0].after
    assert report.gradients[0].before > 1 > 1e-14 > report.gradients[0].after
    assert len(report.errors) == len(report.steps) and all(e.after < 1e-15 for e in report.errors)
    assert "loss: relative error of the value inf -> " in str(report)
    harmless = cg.stabilize(loss)[1].measure({z: np.zeros((2, 3)), y: np.ones((2, 3))})
    assert harmless.values[0].before < 1e-15
    with pytest.raises(cg.MissingValueError, match="no value for 'y'"):
        cg.stabilize(loss, ranges={z: (0, 1)})


def test_before_and_after_side_by_side():
    z = cg.parameter("z", 0.5)
    diagram = cg.stabilize(cg.log(cg.sigmoid(z, name="p"), name="L"))[1].draw()
    assert "before" in diagram.dot and "after" in diagram.dot
