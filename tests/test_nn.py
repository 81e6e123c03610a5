"""Layers and the classifier: what they build, scikit-learn's conventions, and going on from a file."""

from __future__ import annotations

import copy
import io
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

import cgraph as cg
from cgraph import datasets, nn, optim
from cgraph.errors import StoreError

XOR = datasets.xor_gate()
ROWS, LABELS = XOR[0].T, XOR[1].ravel()


# --- layers ----------------------------------------------------------------------------------------


def test_one_generator_draws_layer_by_layer() -> None:
    numbers = np.random.RandomState(48).randn(9)
    rng = np.random.RandomState(48)
    first, second = nn.Linear(2, 3, init="plain", rng=rng), nn.Linear(3, 1, init="he", rng=rng)
    np.testing.assert_allclose(first.W.value.ravel(), numbers[:6] * 0.01, rtol=1e-15)
    np.testing.assert_allclose(second.W.value.ravel(), numbers[6:] * np.sqrt(2 / 3), rtol=1e-15)
    assert not first.b.value.any() and first.b.shape == (3, 1)


def test_seeds_and_generators() -> None:
    assert np.array_equal(
        nn.Linear(4, 2, rng=5).W.value, nn.Linear(4, 2, rng=np.random.RandomState(5)).W.value
    )
    ours = nn.Linear(4, 2, rng=np.random.default_rng(5)).W.value
    np.testing.assert_array_equal(ours, np.random.default_rng(5).standard_normal((2, 4)) * 0.01)


def test_names_and_scopes() -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1), nn.Sigmoid())
    graph = nn.classifier_graph(nn.Sequential(*net.layers[:-1]), 2)
    assert [node.name for node in net.parameters] == [
        "layer1/W1",
        "layer1/b1",
        "layer2/W2",
        "layer2/b2",
    ]
    assert (graph.Z.name, graph.P.name, graph.cost.name) == ("layer2/Z2", "layer2/P", "cost")
    assert nn.Sequential(nn.Linear(2, 1)).parameters[0].name == "layer1/W"


def test_a_parameter_once_seen_stays_the_same_node() -> None:
    layer = nn.Linear(2, 1)
    W = layer.W
    assert nn.Sequential(layer).parameters[0] is W


def test_columns_in_columns_out() -> None:
    x = np.arange(6.0).reshape(2, 3)
    layer = nn.Linear(2, 4, init="he", rng=1)
    z = layer(cg.input("X", x))
    np.testing.assert_allclose(z.shape, (4, 3))
    np.testing.assert_allclose(cg.run(z).value(z), layer.W.value @ x + layer.b.value)
    with pytest.raises(cg.ShapeError):
        layer(cg.input("X", x.T))


def test_layer_refusals() -> None:
    with pytest.raises(ValueError, match="init"):
        nn.Linear(2, 1, init="magic")
    with pytest.raises(ValueError, match="at least one"):
        nn.Linear(0, 1)


# --- the classifier --------------------------------------------------------------------------------


def test_learns_xor_like_the_article(golden) -> None:
    model = nn.BinaryClassifier(hidden=(3,), epochs=5001, random_state=48).fit(ROWS, LABELS)
    g = golden["xor_batch"]["after_updates"]
    assert model.cost_history_[0] == pytest.approx(g["0"]["cost"], abs=1e-9)
    assert model.cost_history_[5000] == pytest.approx(g["5000"]["cost"], abs=1e-9)
    assert model.score(ROWS, LABELS) == 1.0


@pytest.mark.parametrize("loss", ["stable_bce", "bce", "keras_bce", "mse"])
@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
def test_every_loss_and_activation_learns(loss, activation) -> None:
    X, Y = datasets.iris("all")
    X = (X - X.mean(axis=1, keepdims=True)) / X.std(axis=1, keepdims=True)
    model = nn.BinaryClassifier(
        (4,),
        loss=loss,
        activation=activation,
        optimizer=optim.Adam(0.02),
        epochs=200,
        batch_size=50,
    ).fit(X.T, Y.ravel())
    assert model.score(X.T, Y.ravel()) > 0.95
    assert model.cost_history_[-1] < model.cost_history_[0] / 2


def test_string_labels_and_threshold() -> None:
    names = np.where(LABELS > 0, "odd", "even")
    model = nn.BinaryClassifier(epochs=3000, random_state=48).fit(ROWS, names)
    assert model.predict(ROWS).tolist() == names.tolist()
    assert set(model.predict(ROWS, threshold=1 - 1e-9)) == {"even"}
    assert set(model.predict(ROWS, threshold=1e-9)) == {"odd"}
    np.testing.assert_allclose(model.predict_proba(ROWS).sum(axis=1), 1)
    for threshold in (0, 1, float("nan")):
        with pytest.raises(ValueError, match="threshold"):
            model.predict(ROWS, threshold=threshold)


def test_extreme_logits_have_probabilities() -> None:
    model = nn.BinaryClassifier(hidden=(), epochs=1).fit(ROWS * 1.0, LABELS)
    model.net_.layers[0].W.value = [[1e6, -1e6]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        p = model.predict_proba(ROWS)
    assert np.isfinite(p).all()


def test_stops_early_and_calls_back() -> None:
    seen = []
    model = nn.BinaryClassifier(
        epochs=4000, tol=1e-3, patience=5, callbacks=[lambda e, c, m: seen.append((e, c))]
    )
    model.fit(ROWS, LABELS)
    assert 5 <= model.n_iter_ < 4000 and len(seen) == model.n_iter_
    assert [cost for _, cost in seen] == model.cost_history_
    model = nn.BinaryClassifier(epochs=100, callbacks=[lambda epoch, *_: epoch == 7]).fit(
        ROWS, LABELS
    )
    assert model.n_iter_ == 7


def test_warm_start_goes_on() -> None:
    whole = nn.BinaryClassifier(epochs=60, batch_size=3, optimizer=optim.Adam(0.1)).fit(
        ROWS, LABELS
    )
    parts = nn.BinaryClassifier(epochs=30, batch_size=3, optimizer=optim.Adam(0.1), warm_start=True)
    parts.fit(ROWS, LABELS).fit(ROWS, LABELS)
    assert parts.cost_history_ == whole.cost_history_
    again = nn.BinaryClassifier(epochs=30, batch_size=3, optimizer=optim.Adam(0.1))
    assert again.fit(ROWS, LABELS).fit(ROWS, LABELS).cost_history_ == whole.cost_history_[:30]


def test_float32_stays() -> None:
    model = nn.BinaryClassifier(epochs=5).fit(ROWS.astype(np.float32), LABELS)
    assert all(node.value.dtype == np.float32 for node in model.net_.parameters)
    assert model.decision_function(ROWS).dtype == np.float32


def test_copies_and_pickles() -> None:
    model = nn.BinaryClassifier(epochs=50).fit(ROWS, LABELS)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert np.array_equal(other.decision_function(ROWS), model.decision_function(ROWS))
        other.fit(ROWS, LABELS)


def test_refusals() -> None:
    for options, match in [
        ({"activation": "step"}, "activation"),
        ({"loss": "hinge"}, "loss"),
        ({"batch_size": 0}, "batch_size"),
        ({"init": "zero"}, "init"),
        ({"epochs": -1}, "epochs is not negative"),
        ({"optimizer": "Adam"}, "optimizer is one of cgraph.optim"),
    ]:
        with pytest.raises(ValueError, match=match):
            nn.BinaryClassifier(**options).fit(ROWS, LABELS)
    with pytest.raises(ValueError, match="two classes"):
        nn.BinaryClassifier().fit(ROWS, np.ones(4))
    with pytest.raises(ValueError, match="not fitted"):
        nn.BinaryClassifier().predict(ROWS)
    model = nn.BinaryClassifier(epochs=1, warm_start=True).fit(ROWS, LABELS)
    with pytest.raises(ValueError, match="warm_start"):
        model.fit(ROWS[:, :1], LABELS)
    with pytest.raises(ValueError, match="Invalid parameter 'colour'"):
        model.set_params(colour=1)


def test_repr_shows_what_is_not_default() -> None:
    assert repr(nn.BinaryClassifier((2,), lr=0.5)) == "BinaryClassifier(hidden=(2,), lr=0.5)"


@pytest.mark.slow
def test_scikit_learn_accepts_it() -> None:
    checks = pytest.importorskip("sklearn.utils.estimator_checks")
    state = np.random.get_state()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        checks.check_estimator(nn.BinaryClassifier(epochs=300))
    np.random.set_state(state)


def test_scikit_learn_clones_and_searches() -> None:
    base, selection = (
        pytest.importorskip("sklearn.base"),
        pytest.importorskip("sklearn.model_selection"),
    )
    X, Y = datasets.iris()
    model = nn.BinaryClassifier(hidden=(), epochs=50, optimizer=optim.Adam(0.05))
    assert base.clone(model).optimizer == model.optimizer
    search = selection.GridSearchCV(model, {"epochs": [5, 200]}, cv=3).fit(X.T, Y.ravel())
    assert search.best_params_["epochs"] == 200


def test_scikit_learn_is_not_imported() -> None:
    code = """
        import sys
        from cgraph import datasets, nn
        X, Y = datasets.and_gate()
        nn.BinaryClassifier(epochs=1).fit(X.T, Y.ravel()).score(X.T, Y.ravel())
        assert not {"sklearn", "matplotlib", "scipy"} & set(sys.modules)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)


# --- progress --------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_speaks_to_terminals_only(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(100))
    monkeypatch.setattr("cgraph.nn.progress.time.monotonic", lambda: next(now))
    terminal, pipe = Terminal(), io.StringIO()
    for stream in (terminal, pipe):
        with nn.Progress(4, "training", stream=stream) as progress:
            for i in range(4):
                progress.update(i + 1, "cost 0.5")
    assert "training" in terminal.getvalue() and "4/4  cost 0.5" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K")
    assert pipe.getvalue() == ""


# --- stopping and going on -------------------------------------------------------------------------

OPTIMIZERS = [optim.GradientDescent(0.7), optim.Momentum(0.1), optim.Adam(0.05)]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: type(o).__name__)
@pytest.mark.parametrize("batch_size", [None, 7])
@pytest.mark.parametrize("seed", [3, None])
def test_resume_is_bit_identical(tmp_path: Path, optimizer, batch_size, seed) -> None:
    X, Y = datasets.iris("all")
    rows, y = X.T, Y.ravel()
    start = 3 if seed == 3 else np.random.default_rng(3)

    def options(epochs):
        return dict(
            hidden=(3,),
            epochs=epochs,
            batch_size=batch_size,
            optimizer=optimizer,
            random_state=copy.deepcopy(start),
        )

    whole = nn.BinaryClassifier(**options(24)).fit(rows, y)
    path = tmp_path / "net.cgraph"
    nn.BinaryClassifier(checkpoint=path, **options(10)).fit(rows, y)
    resumed = nn.BinaryClassifier.load(path).resume(rows, y, epochs=24)
    assert resumed.cost_history_ == whole.cost_history_ and resumed.n_iter_ == 24
    for a, b in zip(resumed.net_.parameters, whole.net_.parameters, strict=True):
        assert a.value.tobytes() == b.value.tobytes()
    assert np.array_equal(resumed.predict_proba(rows), whole.predict_proba(rows))


def test_early_stopping_resumes_too(tmp_path: Path) -> None:
    def options(epochs):
        return dict(epochs=epochs, tol=1e-3, patience=8)

    whole = nn.BinaryClassifier(**options(500)).fit(ROWS, LABELS)
    nn.BinaryClassifier(**options(6)).fit(ROWS, LABELS).save(tmp_path / "m.cgraph")
    resumed = nn.BinaryClassifier.load(tmp_path / "m.cgraph").resume(ROWS, LABELS, epochs=500)
    assert resumed.cost_history_ == whole.cost_history_ and whole.n_iter_ < 500


def test_the_file_is_a_graph_too(tmp_path: Path) -> None:
    model = nn.BinaryClassifier(epochs=20).fit(ROWS, np.where(LABELS > 0, "odd", "even"))
    path = model.save(tmp_path / "net.cgraph")
    other = nn.BinaryClassifier.load(path)
    assert other.predict(ROWS).tolist() == model.predict(ROWS).tolist()
    assert repr(other) == repr(model)
    cost = cg.load(path)
    X, Y = (next(n for n in cg.run(cost, feeds_of(cost)).order if n.name == name) for name in "XY")
    run = cg.run(cost, {X: ROWS.T, Y: LABELS[None, :]})
    assert run.value(cost) == cg.run(
        model.graph_.cost, {model.graph_.X: ROWS.T, model.graph_.Y: LABELS[None, :]}
    ).value(model.graph_.cost)


def feeds_of(cost):
    from cgraph.graph import order

    shapes = {"X": np.zeros((2, 4)), "Y": np.zeros((1, 4))}
    return {n: shapes[n.name] for n in order(cost) if n.name in shapes}


def test_a_graph_is_not_a_classifier(tmp_path: Path) -> None:
    cg.save(cg.parameter("w", 1.0) * 2, tmp_path / "graph.cgraph")
    with pytest.raises(StoreError, match="not a classifier"):
        nn.BinaryClassifier.load(tmp_path / "graph.cgraph")
    with pytest.raises(ValueError, match="not fitted"):
        nn.BinaryClassifier().save(tmp_path / "x.cgraph")


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_kill_loses_no_finished_checkpoint(tmp_path: Path) -> None:
    """Kill a training that writes a checkpoint every epoch, at odd moments; each time the file loads, and the resumed training
    arrives where an undisturbed one does."""
    code = """
        import sys
        from cgraph import datasets, nn, optim
        X, Y = datasets.iris("all")
        options = dict(epochs=100000, batch_size=40, optimizer=optim.Adam(0.01), checkpoint=sys.argv[1], checkpoint_every=1)
        try:
            model = nn.BinaryClassifier.load(sys.argv[1]).set_params(checkpoint=sys.argv[1], checkpoint_every=1)
            print("resumed", flush=True)
            model.resume(X.T, Y.ravel(), epochs=100000)
        except FileNotFoundError:
            print("fresh", flush=True)
            nn.BinaryClassifier(**options).fit(X.T, Y.ravel())
    """
    path = tmp_path / "net.cgraph"
    X, Y = datasets.iris("all")
    reached = [0]
    for attempt in range(4):
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code), str(path)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline().strip() == ("fresh" if attempt == 0 else "resumed")
        before = path.stat().st_ino if path.exists() else None
        while process.poll() is None and not (path.exists() and path.stat().st_ino != before):
            time.sleep(0.01)
        time.sleep(0.1 + 0.0137 * attempt)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        reached.append(nn.BinaryClassifier.load(path).n_iter_)
        assert reached[-1] > reached[-2]
    killed = nn.BinaryClassifier.load(path)
    whole = nn.BinaryClassifier(
        epochs=killed.n_iter_, batch_size=40, optimizer=optim.Adam(0.01)
    ).fit(X.T, Y.ravel())
    assert killed.cost_history_ == whole.cost_history_
