"""The lint: unstable graphs are named at the node, well-written ones are left in peace."""

from __future__ import annotations

import numpy as np
import pytest

import cgraph as cg
from cgraph.cli import main

z, y = cg.input("z"), cg.input("y")
X = cg.input("X", shape=(4, 3))
P = cg.input("P", shape=(4, 3))


def found(root, **options):
    return [(f.kind, f.node.label) for f in cg.lint(root, **options)]


def shifted(x):
    return x - x.max(axis=1, keepdims=True)


UNSTABLE = {
    "log(sigmoid)": (lambda: cg.log(cg.sigmoid(z), name="bad"), "domain"),
    "log(1 - sigmoid)": (lambda: cg.log(1 - cg.sigmoid(z), name="bad"), "domain"),
    "bce(sigmoid)": (lambda: cg.mean(cg.bce(cg.sigmoid(X), P, name="bad")), "domain"),
    "bce(p)": (lambda: cg.bce(cg.input("p"), y, name="bad"), "domain"),
    "zero weights": (lambda: cg.bce(cg.sigmoid(cg.parameter("w", 0.0) * z), y, name="bad"), "domain"),
    "log(1 + exp)": (lambda: cg.log(1 + cg.exp(z, name="bad")), "overflow"),
    "softmax": (lambda: (e := cg.exp(X, name="bad")) / e.sum(axis=1, keepdims=True), "overflow"),
    "log(sum(exp))": (lambda: cg.log(cg.sum(cg.exp(X, name="bad"), axis=1)), "overflow"),
    "log(softmax)": (lambda: cg.log(cg.softmax(X), name="bad"), "domain"),
    "norm": (lambda: cg.sqrt(cg.sum(X * X), name="bad"), "infinite gradient"),
    "one-pass variance": (lambda: cg.subtract((X * X).mean(axis=1), X.mean(axis=1) ** 2, name="bad"), "cancellation"),
    "division": (lambda: cg.divide(z, y, name="bad"), "division by zero"),
    "odds": (lambda: cg.divide(s := cg.sigmoid(z), 1 - s, name="bad"), "division by zero"),
    "1 - tanh²": (lambda: cg.subtract(1.0, cg.tanh(z) ** 2, name="bad"), "cancellation"),
    "relu in the loss": (lambda: cg.add(cg.relu(z) - z * y, cg.log1p(cg.exp(-cg.abs(z))), name="bad"), "kink"),
    "single precision": (lambda: cg.exp(cg.input("x", dtype=np.float32) * np.float32(0.1), name="bad"), "overflow"),
    "root of a difference": (lambda: cg.sqrt(z - y, name="bad"), "domain"),
    "power": (lambda: cg.power(z, -1.0, name="bad"), "division by zero"),
    "arcsin": (lambda: cg.arcsin(z, name="bad"), "domain"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNSTABLE)
def test_unstable_graphs(name):
    make, kind = UNSTABLE[name]
    root = make()
    assert (kind, "bad") in found(root), cg.lint(root)
    for finding in cg.lint(root):
        assert finding.remedy and finding.trigger and "test_lint.py" in str(finding)


def net(act):
    rng = np.random.default_rng(0)
    h = cg.input("x", shape=(10, 16))
    for i in range(5):
        h = act(
            h @ cg.parameter(f"W{i}", rng.normal(size=(16, 16)) / 4)
            + cg.parameter(f"b{i}", np.zeros(16))
        )
    return cg.mean(
        (h @ cg.parameter("W", rng.normal(size=(16, 1))) - cg.input("t", shape=(10, 1))) ** 2
    )


def attention(by_hand):
    Q, K, V = (cg.input(n, shape=(5, 8)) for n in "QKV")
    scores = Q @ K.T / np.sqrt(8.0)
    if by_hand:
        e = np.exp(shifted(scores))
        return (e / e.sum(axis=-1, keepdims=True)) @ V
    return cg.softmax(scores, axis=-1) @ V


def masked():
    Q, K, V = (cg.input(n, shape=(5, 8)) for n in "QKV")
    return cg.softmax(cg.where(np.tri(5) > 0, Q @ K.T, -np.inf)) @ V


def recurrent(gated):
    h, W, U = cg.constant(np.zeros(8)), cg.parameter("W", np.eye(8)), cg.parameter("U", np.eye(8))
    for t in range(8):
        x = cg.input(f"x{t}", shape=(8,))
        new = cg.tanh(W @ h + U @ x)
        g = cg.sigmoid(U @ h + x)
        h = (1 - g) * new + g * h if gated else new
    return cg.sum(h * h)


WELL_WRITTEN = {
    "attention": lambda: attention(False), "attention by hand": lambda: attention(True), "masked attention": masked,
    "logsumexp by hand": lambda: np.log(np.exp(shifted(X)).sum(axis=1, keepdims=True)) + X.max(axis=1, keepdims=True),
    "softmax by hand": lambda: (e := np.exp(shifted(X))) / e.sum(axis=1, keepdims=True),
    "layernorm": lambda: (X - X.mean(axis=1, keepdims=True)) / cg.sqrt(X.var(axis=1, keepdims=True) + 1e-5),
    "rms": lambda: X / cg.sqrt((X**2).mean(axis=1, keepdims=True) + 1e-6),
    "min-max": lambda: (X - X.min()) / (X.max() - X.min() + 1e-8), "focal": lambda: -((1 - cg.sigmoid(z)) ** 2) * cg.log_sigmoid(z),
    "norm": lambda: X / (cg.abs(X).sum(axis=1, keepdims=True) + 1e-8),
    "softplus - yz": lambda: cg.softplus(z) - y * z, "softplus by hand": lambda: np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z))),
    "stable by hand": lambda: np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z))), "fused": lambda: cg.mean(cg.stable_bce(X, P)),
    "keras": lambda: cg.keras_bce(cg.input("p"), y), "classes": lambda: cg.mean(cg.stable_cross_entropy(X, np.array([0, 1, 2, 0]))),
    "tanh": lambda: net(cg.tanh), "relu": lambda: net(cg.relu), "sigmoid": lambda: net(cg.sigmoid), "swish": lambda: net(lambda h: h * cg.sigmoid(h)),
    "rnn": lambda: recurrent(False), "gru": lambda: recurrent(True), "huber": lambda: cg.where(np.abs(z) < 1, 0.5 * z * z, np.abs(z) - 0.5),
    "gelu": lambda: 0.5 * z * (1 + cg.tanh(0.79788 * (z + 0.044715 * z**3))), "guarded log": lambda: cg.where(z > 0, cg.log(z), 0.0),
    "cauchy": lambda: cg.log1p(z * z), "smooth norm": lambda: cg.sqrt(cg.sum(X * X) + 1e-12), "mse": lambda: cg.mean(cg.mse(X, P)),
}  # fmt: skip


@pytest.mark.parametrize("name", WELL_WRITTEN)
def test_well_written_graphs(name):
    assert found(WELL_WRITTEN[name]()) == []


def test_ranges_decide():
    naive = cg.log(1 - cg.sigmoid(z), name="L")
    assert found(naive, ranges={z: (-30, 3)}) == []
    assert ("domain", "L") in found(naive, ranges={z: (-30, 60)})
    assert found(cg.exp(z), ranges={z: (-1e6, 700)}) == []
    (finding,) = cg.lint(cg.exp(z, name="e"), ranges={z: (0, 800)})
    assert finding.trigger == "z from 709.783 to 800"
    assert found(cg.sigmoid(1000 * z, name="s"), ranges={z: (-1, 1)}) == [("saturation", "s")]
    assert found(cg.sigmoid(z), ranges={z: (-8, 8)}) == []
    assert (
        found(cg.exp(z) - 1, ranges={z: (1, 5)}) == [] != found(cg.exp(z) - 1, ranges={z: (-1, 1)})
    )
    assert found(1 / z, ranges={z: np.array([0.5, 2.0])}) == []


def test_the_values_of_a_run_decide():
    w = cg.parameter("w", [0.0, 2.0])
    loss = cg.sum(cg.log(cg.sigmoid(400 * w - 800, name="p")) + cg.abs(w, name="size"))
    kinds = found(loss, run=cg.run(loss))
    assert ("kink", "size") in kinds
    assert ("domain", "log") in kinds or ("infinite gradient", "log") in kinds
    w.value = [2.0, 2.1]
    assert found(loss, run=cg.run(loss)) == []
    s = cg.sigmoid(cg.parameter("x", np.full(5, 50.0)), name="s")
    assert found(s, run=cg.run(s)) == [("saturation", "s")]


def test_rules_give_the_remedy():
    (finding,) = cg.lint(cg.bce(cg.sigmoid(z), y))
    assert finding.rule == "bce-from-logits" and "write stable_bce(z, y)" in finding.remedy
    assert cg.lint(cg.stabilize(cg.bce(cg.sigmoid(z), y))[0]) == []


def test_many_nodes_no_recursion():
    node = z
    for _ in range(2000):
        node = cg.tanh(node * 0.5 + 1.0)
    assert found(cg.log(node - 2, name="bad")) == [("domain", "bad")]


def test_command(tmp_path, monkeypatch, capsys):
    (tmp_path / "mylosses.py").write_text(
        "import cgraph as cg\nz = cg.input('z')\nloss = cg.log(cg.sigmoid(z), name='L')\n"
    )
    monkeypatch.chdir(tmp_path)
    assert main(["lint", "mylosses:loss"]) == 1
    assert "domain at 'L'" in capsys.readouterr().out
    assert main(["lint", "mylosses:loss", "--range", "z=-5:5"]) == 0
    assert capsys.readouterr().out == "nothing found\n"
    assert main(["lint", "mylosses:loss", "--range", "q=-5:5"]) == 2
    assert "there is no leaf 'q'" in capsys.readouterr().err


def test_findings_are_in_the_health_view():
    text = cg.draw(cg.log(cg.sigmoid(z, name="p"), name="L"), view="health").dot
    assert "⚠ domain" in text
    assert "⚠" not in cg.draw(cg.log_sigmoid(z), view="health").dot
