"""The page's arithmetic against the engine: values, gradients, local gradients and shares of random graphs and of every op, in node."""

from __future__ import annotations

import importlib
import json
import math
import re
import subprocess
from functools import reduce
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from draw.browser import NODE
from draw.nets import batch, neuron, random_graph, xor

import cgraph as cg
from cgraph.draw.model import text
from cgraph.draw.output import player
from cgraph.draw.output.player import rulebook
from cgraph.draw.output.player.lowering import NotLive, flat
from cgraph.draw.output.player.program import program
from cgraph.errors import CgraphError, DTypeError
from cgraph.op import HOMES, OPS
from cgraph.testing.generate.op_calls import operands_of
from cgraph.testing.generate.random_graphs import RandomDraw

for home in HOMES.values():
    importlib.import_module(home)
PLAYER = Path(player.__file__).parent
INTERPRETER = PLAYER / "interpreter.js"
LOAD = (
    f"const I=global.CGraphInterpreter=require({json.dumps(str(INTERPRETER))}),read=require('fs').readFileSync;"
    f"{json.dumps([str(PLAYER / script) for script in rulebook.scripts()])}.forEach(p=>(0,eval)(read(p,'utf8')));"
)
ASK = (
    LOAD
    + """
const all=JSON.parse(require('fs').readFileSync(0));
process.stdout.write(JSON.stringify(all.map(function(p){
  if(p.ask)return I.missing(p);
  I.load(p);
  var m=I.compute(p),words=function(a){return a?Array.from(a,String):null;};
  return {V:m.V.map(words),G:p.nodes.map(function(n,k){return words(m.G[k]);}),
    L:p.cards.map(function(c,j){return c.e.map(function(e){return words(m.local(j,e[0]));});}),
    S:p.cards.map(function(c,j){return c.e.map(function(e){return words(m.share(j,e[0]));});}),
    D:p.nodes.map(function(n,k){return p.differences&&n.k==='parameter'&&n.w?
      Array.from(n.d,function(v,i){return I.difference(p,k,i,m).value;}):null;})};
})));
"""
)
pytestmark = pytest.mark.skipif(NODE is None, reason="no node to run the page's script with")


def asked(records):
    done = subprocess.run(
        [NODE, "-e", ASK],
        input=json.dumps(records), capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    return json.loads(done.stdout)


def builder_of(root, view="auto"):
    run = root.backward(upstream=None if root.size == 1 else np.ones(root.shape))
    return cg.draw(run, view=view, force=True).picture.builder


def compare(builders, differences=False, within=1e-12):
    """Every number of every graph, to 1e-12 of the largest in its array."""
    for builder, found in zip(
        builders, asked([program(b) | {"differences": differences} for b in builders]), strict=True
    ):
        run, order = builder.run, list(builder.order)
        pairs = [(found["V"][i], run.value(n), n) for i, n in enumerate(order)]
        pairs += [
            (found["G"][i], run.grad(n), n)
            for i, n in enumerate(order)
            if run.has_grad(n) and n.active
        ]
        for c, card in enumerate(builder.cards):
            flow = builder.flows[card.root]
            for k, operand in enumerate(card.entries):
                if builder.receives(card, operand):
                    pairs.append((found["L"][c][k], flow.local(operand), operand))
                    pairs.append((found["S"][c][k], flow.share(operand), operand))
        for mine, theirs, node in pairs:
            assert mine is not None, f"{node!r} of {builder.order}"
            theirs = np.asarray(theirs, float).ravel()
            mine = np.array([float(v.replace("Infinity", "inf")) for v in mine])
            scale = np.max(np.abs(theirs[np.isfinite(theirs)]), initial=1.0)
            np.testing.assert_allclose(
                mine, theirs, rtol=0, atol=within * scale, err_msg=f"{node!r} of {builder.roots}"
            )
        if differences:
            for i, node in enumerate(order):
                if found["D"][i]:
                    np.testing.assert_allclose(
                        found["D"][i], run.grad(node).ravel(), rtol=1e-6, atol=1e-8
                    )


def test_scalar_graphs():
    graphs = [random_graph(seed) for seed in range(60)]
    compare([builder_of(g, view) for g in graphs for view in ("auto", "expanded")])


def test_the_articles_nets_and_their_witnesses():
    compare(
        [builder_of(net(loss)) for net in (neuron, batch) for loss in ("bce", "fused")]
        + [builder_of(xor())],
        differences=True,
    )


OURS = sorted(name for name, op in OPS.items() if op.module.startswith("cgraph."))
# SciPy's ln B is right to twelve digits only where one argument is in the ten thousands (mpmath).
LOOSE = {"special.beta": 1e-10, "special.betaln": 1e-10}
PARAMS = {
    "searchsorted": lambda rng: ((np.sort(rng.normal(size=4)), rng.normal(size=(2, 3))), {"side": str(rng.choice(["left", "right"]))}),
    "part": lambda rng: ((rng.normal(size=7),), {"start": 1, "stop": 7, "shape": (2, 3)}),
    "argpartition": lambda rng: ((rng.normal(size=(3, 4)),), {"axis": 1, "kth": (1,)}),
    "linalg.matrix_rank": lambda rng: ((rng.normal(size=(3, 3)),), {"rtol": None}),
}  # fmt: skip
WHOLE = ("bitwise_and", "bitwise_or", "bitwise_xor", "invert", "left_shift", "right_shift")
BY_FUNCTIONS = ("scan", "cond", "integrate.odeint")  # see test_loops_and_branches


def drawn(op, examples):
    """Calls on parameters, also of ops that have no derivative."""
    draw, k, made = RandomDraw(7), 0, 0
    while made < examples and (k := k + 1) < 20 * examples:
        found = operands_of(op, draw, k, "f4" if k % 5 == 0 else "f8")
        operands, params = found or ((), {})
        x = [cg.parameter(f"x{i}", leaf.value) if leaf.dtype.kind == "f" else leaf for i, leaf in enumerate(operands)]  # fmt: skip
        try:
            node = op(*x, **params)
            cg.run(node)
        except (CgraphError, ValueError):
            continue  # operands that only seemed to fit
        made += 1
        yield node


def called(name, examples):
    """Random calls of an op, of random shapes, with a float root from which gradients come back."""
    op, rng, made = OPS[name], np.random.default_rng(8), []
    if name in PARAMS:
        for _ in range(examples):
            operands, params = PARAMS[name](rng)
            made.append(op(*(cg.parameter(f"x{i}", v) for i, v in enumerate(operands)), **params))
    elif name in WHOLE:
        for _ in range(examples):
            x = [cg.parameter(f"x{i}", rng.normal(size=(2, 3))) for i in range(op.arity)]
            made.append(op(*(v > 0.0 if "shift" not in name else v.astype(int) for v in x)))
    else:
        made = list(drawn(op, examples))
    for node in made:
        if node.size:
            weighted = cg.sum(
                node
                * rng.normal(size=node.shape).astype(
                    node.dtype if node.dtype.kind == "f" else float
                ),
                name="f",
            )
            leaves = [n for n in cg.run(node).order if n.kind == "parameter" and n.dtype.kind == "f"]  # fmt: skip
            yield weighted if node.active else cg.add(weighted, cg.sum(leaves[0]), name="f")


def test_every_op():
    """Random calls of every op, of random shapes: the page has the engine's numbers to 1e-12, or refuses the op by name."""
    refused, found = set(), {}
    for name in OURS:
        if name in BY_FUNCTIONS:
            continue
        for root in called(name, 5):
            builder = builder_of(root, "expanded")
            try:
                program(builder)
            except NotLive as why:
                if "no rule for" not in str(why):
                    continue
                assert f"no rule for {name!r}" in str(why)
                refused.add(name)
            else:
                found.setdefault(name, []).append(builder)
    assert set(found) | refused == set(OURS) - set(BY_FUNCTIONS)
    assert not refused & set(found)
    for loose in (None, *LOOSE):
        for kind, within in ((np.float64, LOOSE.get(loose, 1e-12)), (np.float32, 3e-5)):
            compare(
                [
                    builder
                    for name, builders in found.items()
                    for builder in builders
                    if (name == loose if loose else name not in LOOSE)
                    and any(n.dtype == np.float32 for n in builder.order) == (kind is np.float32)
                ],
                within=within,
            )
    words = (Path(__file__).parents[2] / "docs" / "players.md").read_text(encoding="utf-8")
    told = re.search(r"No rule: (.*?)\.\n", words, re.S)
    assert told and set(re.findall(r"`([\w.]+)`", told[1])) == refused | {"integrate.odeint"}


def test_python_knows_which_script_has_a_rule():
    """The names that Python reads off the scripts are those that the scripts have when they are run."""
    script = LOAD + "process.stdout.write(JSON.stringify(Object.keys(I.ELEMENTWISE).concat(Object.keys(I.RULES))))"  # fmt: skip
    done = subprocess.run([NODE, "-e", script], capture_output=True, text=True, check=True)
    assert set(rulebook.rules()) == set(json.loads(done.stdout))
    assert rulebook.scripts(["add", "special.erf", "sort", "sum"]) == ["rules/sorting.js", "rules/special.js"]  # fmt: skip
    assert not rulebook.scripts(["add", "matmul", "gather"])


def loops():
    rng = np.random.default_rng(2)
    W, b = cg.parameter("W", rng.normal(size=(12, 5))), cg.parameter("b", rng.normal(size=12))
    xs, v = cg.input("xs", rng.normal(size=(4, 2))), cg.parameter("v", rng.normal(size=4))
    s, a, c = cg.parameter("s", 0.3), cg.parameter("a", 0.9), cg.parameter("c", 0.1)

    def lstm(state, x):
        h, memory = state
        gates = W @ cg.concatenate([h, x]) + b
        i, f, o = (cg.sigmoid(gates[3 * k : 3 * k + 3]) for k in range(3))
        memory = f * memory + i * cg.tanh(gates[9:])
        h = o * cg.tanh(memory)
        return (h, memory), h

    def branch(x):
        return cg.cond(x > 0.5, lambda x: 2.0 * cg.exp(x), lambda x: x**2 - x, x)

    yield cg.sum(cg.square(cg.scan(lstm, (np.zeros(3), np.zeros(3)), xs)[1]))
    yield cg.scan(lambda h, x: (cg.tanh(h + x), h * x), s, v, reverse=True)[1].sum()
    yield cg.fori_loop(
        0, 4, lambda i, s: 0.5 * s + v[i] * cg.where(i > 1, v[0], 2.0), cg.parameter("s", 0.3)
    )
    yield branch(a) * branch(c)
    yield cg.scan(lambda s, x: (branch(s * x), s), s, v)[0]
    yield cg.scan(lambda s, x: (cg.logaddexp(s, x), cg.logaddexp(s, x)), s, v)[1].sum()
    narrow = cg.parameter("n", np.float32(0.3)), cg.parameter("m", np.arange(3, dtype=np.float32))
    yield cg.scan(lambda s, x: (s * 0.7 + x, None), *narrow)[0]


def test_loops_and_branches():
    *graphs, narrow = loops()
    compare([builder_of(graph, "expanded") for graph in graphs])
    compare([builder_of(narrow, "expanded")], within=1e-6)
    long = cg.fori_loop(0, 5000, lambda i, s: cg.sin(0.5 * s + 1.0) ** 2, cg.parameter("s", 0.3))
    with pytest.raises(NotLive, match="5,000 steps is too long"):
        program(builder_of(long))


X = np.random.default_rng(1).normal(size=(3, 4, 2))


FUNCTIONS = [
    lambda x: x.reshape(4, 6),
    lambda x: x.T,
    lambda x: cg.transpose(x, (1, 0, 2)),
    lambda x: x[1],
    lambda x: x[:, ::-2],
    lambda x: x[..., None, 0],
    lambda x: x[[0, 0, 2]],
    lambda x: x[X[:, :, 0] > 0],
    lambda x: cg.concatenate([x, x * 2.0, np.ones((1, 4, 2))]),
    lambda x: cg.stack([x[0], x[1]], 1),
    lambda x: cg.squeeze(x[:1], 0),
    lambda x: cg.split(x, 2, 1)[1],
    lambda x: cg.broadcast_to(x[0], (5, 4, 2)),
    lambda x: cg.sum_to(x, (4, 1)),
    lambda x: cg.sum(x, 1),
    lambda x: cg.mean(x, (0, 2), keepdims=True),
    lambda x: cg.max(x, 0),
    lambda x: cg.min(x),
    lambda x: cg.max(x * 0.0, 1),
    lambda x: cg.prod(x, 2),
    lambda x: cg.softmax(x, 1),
    lambda x: cg.softmax(x, (0, 2)),
    lambda x: cg.logsumexp(x, 2),
    lambda x: cg.logsumexp(x),
    lambda x: cg.log_softmax(x, 0),
    lambda x: cg.var(x, 1),
    lambda x: cg.std(x),
    lambda x: cg.cumsum(x, 1),
    lambda x: cg.cumsum(x),
    lambda x: x[0].T @ x[1],
    lambda x: x[0, :, 0] @ x[1],
    lambda x: x[0] @ x[1, 0],
    lambda x: x[0, 0] @ x[1, 1],
    lambda x: x @ np.ones((2, 5)),
    lambda x: x @ cg.transpose(x, (0, 2, 1)),
    lambda x: cg.stop_gradient(x) * x,
    lambda x: x + x[0, 0],
    lambda x: x * x[:, :1],
    lambda x: cg.where(x > 0.0, x, 0.1 * x),
    lambda x: cg.clip(x, -0.5, 0.5),
    lambda x: cg.outer(x[0, 0], x[1, 1]),
    lambda x: x**3 / (1.0 + x * x),
    lambda x: cg.take(x, np.array([2, 0, 0]), axis=0),
    lambda x: x * (x > 0.5),
    lambda x: x[cg.constant(np.array([1, 0]))],
    lambda x: cg.mse(x, 0.3),
    lambda x: cg.keras_bce(cg.sigmoid(x), 1.0),
    lambda x: cg.sort(x, 1) * cg.argsort(x, 0),
    lambda x: x[cg.argmax(x[:, 0, 0])] * cg.argmin(x, 2, keepdims=True),
    lambda x: cg.take_along_axis(x, cg.argsort(x, 1), 1),
    lambda x: cg.median(x, 1) + cg.quantile(x, 0.3),
    lambda x: cg.sort(cg.rint(x), 1) * x,
    lambda x: cg.take(np.arange(3.0), cg.argsort(x, 0)) * x,
    lambda x: x * cg.floor(3.0 * x).astype(int) + x * cg.rint(x).astype(bool),
    lambda x: cg.where((x > 0.0) & (x < 1.0) | ~(x < 2.0), x, x * x),
    lambda x: cg.pad(x, ((1, 2), (0, 1), (0, 0)), constant_values=3.0) ** 3,
    lambda x: cg.pad(x[0], 1, mode="reflect") ** 3,
    lambda x: cg.einsum("ijk,ljk->il", x, x) + cg.einsum("ijk,ilk,ijm->im", x, x, x).sum(),
    lambda x: cg.nn.functional.max_pool2d(cg.transpose(x, (2, 0, 1))[None], 3, 2, 1) ** 3,
    lambda x: cg.nn.functional.avg_pool2d(cg.transpose(x, (2, 0, 1))[None], 2, 1) ** 3,
    lambda x: cg.stable_cross_entropy(x, np.array([[0, 1, 1, 0]] * 3)),
    lambda x: cg.linalg.norm(x, axis=1) + cg.linalg.norm(x[0], 3.0, axis=0),
    lambda x: cg.linalg.solve(x[0].T @ x[1] + 5.0 * np.eye(2), x[2].T),
    lambda x: cg.cummax(x, 1) * cg.cumprod(x)[0] + cg.special.erf(x).sum(),
    lambda x: (
        cg.log1mexp(-cg.square(x) - 0.1)
        + cg.logit(cg.sigmoid(x))
        + cg.logaddexp(x, 0.3)
        + cg.log_sigmoid(x)
    ),
]


def test_arrays():
    """Moves of entries, reductions and products, under a square so that no gradient is all ones; one process of node for all of them."""
    compare(
        [
            builder_of(cg.sum(cg.square(f(cg.parameter("x", X))), name="f"), "expanded")
            for f in FUNCTIONS
        ]
    )


HARD = [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.0, 710.0, -745.0, 5e-324, 1e300, -1e-300, 
        np.inf, -np.inf, np.nan, np.nextafter(1.0, 0.0)]  # fmt: skip


def number(word):
    return float(word.replace("Infinity", "inf"))


def test_hard_numbers():
    """Zeros of both signs, the largest and the smallest, infinities and NaN, in every combination: entry by entry what the engine says."""
    nodes, operands = [], []
    for op in OPS.values():
        if op.family != "elementwise" or not op.module.startswith("cgraph.ops"):
            continue
        hard = HARD if op.arity < 3 else HARD[:5] + HARD[10:15]
        columns = np.array(list(product(hard, repeat=op.arity))).T
        parameters = [cg.parameter(f"x{i}", c) for i, c in enumerate(columns)]
        try:
            node = op(*parameters)
        except DTypeError:
            continue  # of whole numbers only
        nodes.append(node if node.dtype == np.float64 else cg.where(node, *parameters[:1], 2.0))
        operands.append(columns)
    builders = [builder_of(node, "expanded") for node in nodes]
    programs = [program(b) for b in builders]
    assert not any(asked([{**p, "ask": True} for p in programs]))
    for node, columns, builder, found in zip(
        nodes, operands, builders, asked(programs), strict=True
    ):
        for i, n in enumerate(builder.order):
            pairs = [(found["V"][i], builder.run.value(n))]
            pairs += (
                [(found["G"][i], builder.run.grad(n))]
                if builder.run.has_grad(n) and found["G"][i]
                else []
            )
            for mine, theirs in pairs:
                mine, theirs = np.array([*map(number, mine)]), np.asarray(theirs, float).ravel()
                same = (mine == theirs) | (np.isnan(mine) & np.isnan(theirs))
                with np.errstate(invalid="ignore"):
                    same |= np.abs(mine - theirs) <= 1e-12 * np.abs(theirs)
                k = int(np.argmin(same))
                assert same.all(), f"{n!r} of {node!r} at {columns.T[k]}: {mine[k]} for {theirs[k]}"


def test_numbers_are_written_as_in_the_pictures():
    rng = np.random.default_rng(5)
    values = [v for v in HARD if np.isfinite(v)] + [
        0.5,
        0.0005,
        0.50004,
        2.5,
        0.1 + 0.2,
        9999.9996,
        12345.0,
        -1e4,
        1e-3,
        3e-310,
    ]
    values += [
        *rng.normal(size=200),
        *np.round(rng.normal(size=200), 3),
        *np.exp(rng.normal(scale=30, size=200)),
        *rng.integers(-50, 50, 60) / 16,
    ]
    script = f"const N=require({json.dumps(str(INTERPRETER.with_name('number.js')))});"
    script += "process.stdout.write(JSON.stringify(JSON.parse(require('fs').readFileSync(0)).map(([v,d])=>N(v,d,'',2.3e-16))))"
    asked_ = [(float(v), d) for v in values for d in (1, 3, 5)]
    done = subprocess.run([NODE, "-e", script], input=json.dumps(asked_), capture_output=True, text=True, check=True)  # fmt: skip
    for (value, digits), words in zip(asked_, json.loads(done.stdout), strict=True):
        assert words == text.number(value, digits), (value, digits)


def test_float32():
    """Rounded as NumPy rounds: the last digits may differ, where it adds in another order or has a kernel of its own."""
    graphs = [
        cg.sum(cg.square(f(cg.parameter("x", X.astype(np.float32)))), name="f") for f in FUNCTIONS
    ]
    w, x = cg.parameter("w", np.float32(0.1)), cg.input("x", np.float32(3.0))
    graphs += [cg.sigmoid(w * x + np.float32(0.3), name="p"), cg.square(w - x, name="s")]
    builders = [builder_of(g, "expanded") for g in graphs]
    compare(builders, within=3e-6)
    # 0.1 in float32, squared and rounded: not what float64 says.
    w = cg.parameter("w", np.float32(0.1))
    (found,) = asked([program(builder_of(cg.square(w, name="s")))])
    assert number(found["V"][1][0]) == float(np.float32(0.1) ** 2) != float(np.float32(0.1)) ** 2


def test_what_is_not_finite():
    z = cg.parameter("z", np.array([-800.0, 0.0, 800.0]))
    for loss in (
        cg.bce(cg.sigmoid(z), np.array([1.0, 0.0, 1.0])),
        cg.stable_bce(z, np.array([1.0, 0.0, 1.0])),
        cg.log(z),
        cg.softplus(z),
    ):
        compare([builder_of(loss)])


def test_what_is_refused():
    with pytest.raises(NotLive, match="float16; the page computes in float64 and float32"):
        program(builder_of(cg.square(cg.parameter("w", np.float16(2.0)))))
    # Whatever looks at its numbers moves them elsewhere once they are changed; that they lie in order now is not enough.
    for numbers in (np.arange(2.0), np.arange(3.0), -np.arange(3.0), np.zeros(3)):
        x = cg.parameter("x", numbers)
        with pytest.raises(NotLive, match="no rule for 'partition'"):
            program(builder_of(cg.sum(cg.square(x) * cg.partition(x, 1)), "expanded"))
    with pytest.raises(NotLive, match="3,001 nodes"):
        program(builder_of(reduce(lambda a, _: cg.sin(a), range(3000), cg.parameter("a", 1.0))))
    assert flat(np.array([np.nan, np.inf, -np.inf, 1.5])) == ["NaN", "Infinity", "-Infinity", 1.5]


def test_numbers_are_written_with_as_many_digits_as_in_the_pictures():
    """Sums and products of random numbers, ties and what is not finite: the same digits, or "≈", as Python's rule says."""
    rng = np.random.default_rng(6)
    rows = [list(rng.normal(scale=s, size=n)) for s in (0.01, 1.0, 300.0) for n in (2, 3, 4, 7) for _ in range(40)]  # fmt: skip
    rows += [list(rng.integers(-40, 40, 3) / 16) for _ in range(60)]
    rows += [[0.0625, 0.25], [1e-9, 3.0], [2e4, 0.123456], [np.inf, 1.0], [0.0, 7.0]]
    script = (
        f"const N=require({json.dumps(str(INTERPRETER.with_name('number.js')))});"
        + """
    process.stdout.write(JSON.stringify(JSON.parse(require('fs').readFileSync(0)).map(function(row){
      return [[0,function(a,b){return a+b;}],[1,function(a,b){return a*b;}]].map(function(by){
        var values=row[0].map(Number);
        function attempt(d){return [values.map(v=>d===Infinity?v:N.parse(N(v,d,'',2.3e-16))).reduce(by[1],by[0])];}
        return N.enough(attempt,[row[1][by[0]]],3);});})))"""
    )
    wholes = [[text.number(float(f(row))) for f in (sum, math.prod)] for row in rows]
    asked_ = [[list(map(str, row)), whole] for row, whole in zip(rows, wholes, strict=True)]
    words = json.dumps(asked_).replace('"inf"', '"Infinity"')
    done = subprocess.run([NODE, "-e", script], input=words, capture_output=True, text=True, check=True)  # fmt: skip
    found = set()
    for row, whole, digits in zip(rows, wholes, json.loads(done.stdout), strict=True):
        for f, shown, mine in zip((sum, math.prod), whole, digits, strict=True):
            theirs = text.enough(row, f, shown)
            assert (mine < 0) == (theirs is None), (row, shown)
            assert theirs is None or theirs == [text.number(v, mine) for v in row], (row, shown)
            found.add(mine)
    assert found == {-1, 3, 4, 5}


def test_signs_are_said_in_words():
    """What a screen reader would skip or spell is said as somebody would read it out."""
    said = {
        "p̂ = 1 / (1 + e⁻ᶻ)": "p hat is 1 over (1 plus e to the minus z)",
        "w₁ ← 0.1 − 0.5 · 0": "w 1 becomes 0.1 minus 0.5 times 0",
        "∂C/∂W₁ = ∂C/∂Z · Xᵀ": "the gradient of C for W 1 is the gradient of C for Z times X transposed",
        "∂p̂/∂z = 0.25": "the slope of p hat for z is 0.25",
        "C = mean(BCE(σ(Z), Y)) = 2.1·10⁻⁷": "C is mean(BCE(sigmoid of (Z), Y)), which is 2.1 times 10 to the minus 7",
        "f = Σ x² − √(y)": "f is the sum of x squared minus the root of (y)",
    }  # fmt: skip
    script = (
        (PLAYER / "story.js").read_text(encoding="utf-8")
        + "var s=CGraphStory({program:{root:0},name:function(){return 'C';}});"
        + "process.stdout.write(JSON.stringify(JSON.parse(require('fs').readFileSync(0)).map(s.speak)));"
    )
    done = subprocess.run([NODE, "-e", script], input=json.dumps(list(said)), capture_output=True, text=True, check=True)  # fmt: skip
    assert json.loads(done.stdout) == list(said.values())
