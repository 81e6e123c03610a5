"""Every rule is an equation: both sides are one function, and the right one is at least as accurate, in value and in gradient."""

from __future__ import annotations

import numpy as np
import pytest

import cgraph as cg
from cgraph.graph import order, substitute
from cgraph.op import INPUT
from cgraph.rewrite.derivations import DERIVATIONS
from cgraph.rewrite.exact import exact_values
from cgraph.rewrite.rule import Rules, rewrite
from cgraph.rewrite.stability import STABILITY

RULES = {rule.name: rule for rule in STABILITY}
N = 24


def points(rng, low, high, size):
    """Numbers of every size between two bounds, for the most part of moderate size."""
    spread = rng.choice([-1, 1], 4 * size) * 10.0 ** rng.uniform(-9, 2.6, 4 * size)
    mixed = np.concatenate(
        [
            rng.normal(size=2 * size) * 3,
            spread,
            rng.uniform(0, 1, 2 * size),
            [0.0, 40.0, -40.0, 800.0, -800.0],
        ]
    )
    inside = mixed[(mixed > low) & (mixed < high)]
    return rng.choice(inside, size)


def sides(rule, rng):
    """Both sides over arrays, and the leaves."""
    leaves = {}
    for wildcard in rule.wildcards:
        low, high = rule.over.get(wildcard.label, (-np.inf, np.inf))
        shape = (6, 4) if wildcard.shape else (N,)
        value = points(rng, low, high, int(np.prod(shape))).reshape(shape)
        if wildcard.label in ("y", "Y"):
            value = (
                rng.choice([0.0, 1.0, 0.3], shape)
                if wildcard.label == "y"
                else rng.dirichlet(np.ones(4), size=6)
            )
        leaves[wildcard] = cg.parameter(wildcard.label, value)
    before, after = substitute([rule.before, rule.after], leaves)
    return before, after, list(leaves.values())


def errors(got, exact):
    """Relative errors; inf where something finite came out as something else."""
    result = []
    for x, w in zip(np.ravel(got), np.ravel(exact), strict=True):
        v = w.v
        if v != v or abs(v) > 1.7e308:
            result.append(np.nan)  # no truth to hold it against
        elif abs(v) < 1e-300:
            result.append(0.0 if abs(x) < 1e-290 else np.inf)
        else:
            result.append(float(abs(x - v) / abs(v)) if np.isfinite(x) else np.inf)
    return np.array(result)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_an_equation_that_gains(name):
    rule = RULES[name]
    rng = np.random.default_rng(len(name) * 7)
    before, after, leaves = sides(rule, rng)
    assert before.shape == after.shape
    weights = np.ones(before.shape)
    slopes = [
        [cg.gradient(side, leaf, weights, disconnected="zero") for leaf in leaves]
        for side in (before, after)
    ]
    pairs = [(before, after), *zip(*slopes, strict=True)]
    nodes = [n for pair in pairs for n in pair]
    truth, _ = exact_values(nodes, {leaf: leaf.value for leaf in leaves})
    run = cg.run(nodes)
    for k, (left, right) in enumerate(pairs):
        exact = np.broadcast_to(truth[right], run.value(right).shape)
        same = np.broadcast_to(truth[left], exact.shape)
        for u, v in zip(same.ravel(), exact.ravel(), strict=True):
            # At a kink, or 0/0 of the left side, only the right side knows; elsewhere they are one number.
            if (
                u.v == u.v
                and abs(u.v) < 1e300
                and abs(v.v) < 1e300
                and abs(v.v) > 1e-300
                and k == 0
            ):
                assert abs(u.v - v.v) <= 1e-15 * abs(v.v), (name, u.v, v.v)
        old, new = (
            errors(run.value(left), np.broadcast_to(exact, run.value(left).shape)),
            errors(run.value(right), exact),
        )
        judged = ~np.isnan(new)
        # As accurate, but for a few units in the last place; those of a difference of arguments count as many times as these are large.
        size = (
            max(1.0, max(float(np.abs(leaf.value).max()) for leaf in leaves))
            if "ratio" in name or "product" in name or "logaddexp" in name or "odds" in name
            else 1.0
        )
        slack = 4e-15 * size
        worse = judged & (new > old + slack)
        assert not worse.any(), (
            name,
            "value" if k == 0 else f"gradient {k}",
            new[worse],
            old[worse],
        )


@pytest.mark.parametrize("name", [n for n, r in RULES.items() if not r.tidy])
def test_a_rule_is_found_under_other_names_and_orders(name):
    """The left side over other nodes than its own wildcards, below something and above something."""
    rule = RULES[name]
    leaves = {
        w: cg.sin(cg.input(f"in_{w.label}", shape=(3, 4) if w.shape else ()))
        for w in rule.wildcards
    }
    (left,) = substitute([rule.before], leaves)
    (new,), steps = rewrite([cg.cos(left, name="out")], Rules([rule]))
    assert [s.rule.name for s in steps] == [name] and new.name == "out"
    assert rule.after.op is INPUT or rule.after.op.name in {n.op.name for n in order(new)}


@pytest.mark.parametrize("name", DERIVATIONS)
def test_derivations(name):
    """Every line of a derivation is the line before it, at random points, to 15 digits of many."""
    derivation = DERIVATIONS[name]
    rng = np.random.default_rng(3)
    values = {
        "z": rng.uniform(*derivation.over, 12),
        "y": rng.choice([0.0, 1.0, 0.3], 12),
        "x": rng.uniform(*derivation.over, 12),
    }
    wild = {n for line in derivation.lines for n in order(line.expression) if n.op is INPUT}
    leaves = {w: cg.parameter(w.label, values[w.label]) for w in wild}
    lines = substitute([line.expression for line in derivation.lines], leaves)
    truth, named = exact_values(lines, {leaf: leaf.value for leaf in leaves.values()})
    assert not named
    for line in lines[1:]:
        for u, v in zip(np.ravel(truth[lines[0]]), np.ravel(truth[line]), strict=True):
            assert abs(u.v - v.v) <= 1e-25 * max(1, abs(u.v)), (name, line)
    assert all(line.by for line in derivation.lines[1:]) and str(derivation)
