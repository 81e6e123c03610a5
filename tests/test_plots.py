"""Plots: every one is made on Agg, shows the numbers it was given, and finds boundaries and distances that algebra knows."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import cgraph as cg
from cgraph import datasets, metrics, nn, plots

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


W, B = np.array([[10.678, 10.678]]), -16.186


def neuron(columns):
    return 1 / (1 + np.exp(-(W @ columns + B)))


def drawn(ax) -> int:
    """How many pixels of the axes are not white."""
    ax.figure.canvas.draw()
    return int((np.asarray(ax.figure.canvas.buffer_rgba())[..., :3] < 250).any(axis=-1).sum())


def test_every_plot_draws() -> None:
    X, Y = datasets.iris()
    p = neuron(X / X.max())
    made = [
        plots.scatter(X, Y, names=datasets.IRIS_FEATURES["petals"], title="Iris"),
        plots.learning_curve([0.7, 0.5, 0.4]),
        plots.learning_curve([0.7, 0.5, 0.4], log=True, label="log"),
        plots.learning_curve([]),
        plots.learning_curve([0.7]),
        plots.sigmoid(),
        plots.sigmoid(derivative=False, limit=3),
        plots.bce(0),
        plots.bce(1, derivative=False),
        plots.function(cg.log, -1.0, 2.0, label="ln x"),
        plots.descent(lambda w: cg.square(w) * 0.5, 3.0, lr=0.4, steps=5),
        plots.confusion_matrix([[97, 3], [3, 47]], classes=("other", "virginica")),
        plots.precision_recall_curve(Y, p, label="net"),
        plots.roc_curve(Y, p, label="net"),
        plots.threshold_sweep(Y, p),
        plots.decision_boundary(neuron, X / 7, Y, shaded=True, distances=True),
    ]
    assert all(drawn(ax) > 1000 for ax in made)


def test_it_draws_where_it_is_told() -> None:
    _, axes = plt.subplots(1, 2)
    assert plots.learning_curve([1, 2], ax=axes[1]) is axes[1]
    assert plots.scatter(*datasets.and_gate(), ax=axes[0]) is axes[0]
    assert len(plt.get_fignums()) == 1


@pytest.mark.parametrize("threshold", [1e-9, 1e-5, 0.5, 0.9999])
def test_boundary_and_distances_of_a_neuron(threshold: float) -> None:
    """For a line, both are a matter of algebra: w·x + b = logit(t), |w·x + b − logit(t)| / |w|."""
    from cgraph.plots import boundary

    X, Y = datasets.and_gate()
    level = np.log(threshold / (1 - threshold))
    logits = boundary._logits(neuron)
    segments = boundary._contour(logits, level, np.array([-3.0, -3.0]), np.array([4.0, 4.0]))
    on_line = segments.reshape(-1, 2) @ W.ravel() + B
    np.testing.assert_allclose(on_line, level, atol=1e-4)
    distance = np.linalg.norm(boundary._feet(X.T, segments) - X.T, axis=1)
    np.testing.assert_allclose(
        distance, np.abs(W @ X + B - level)[0] / np.linalg.norm(W), rtol=1e-4
    )

    ax = plots.decision_boundary(neuron, X, Y, threshold=threshold, shaded=True, distances=True)
    (low, high), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    feet = boundary._feet(X.T, segments)
    assert (feet[:, 0] > low).all() and (feet[:, 0] < high).all()
    assert (feet[:, 1] > bottom).all() and (feet[:, 1] < top).all()
    shown = sorted(float(text.get_text()) for text in ax.texts)
    np.testing.assert_allclose(shown, sorted(distance), rtol=5e-3)


def test_boundary_of_a_classifier_with_several_lines() -> None:
    X, Y = datasets.xor_gate()
    model = nn.BinaryClassifier(epochs=3000, random_state=48).fit(X.T, Y.ravel())
    ax = plots.decision_boundary(model, X, Y, shaded=True)
    assert drawn(ax) > 1000 and not ax.texts


def test_no_boundary_in_view() -> None:
    ax = plots.decision_boundary(
        lambda c: np.full(c.shape[1], 0.2), *datasets.and_gate(), distances=True
    )
    assert any("nowhere" in text.get_text() for text in ax.get_legend().get_texts())


def test_the_curves_are_those_of_the_functions() -> None:
    value, slope = (line.get_xydata() for line in plots.sigmoid().lines[1:3])
    np.testing.assert_allclose(slope[:, 1], np.gradient(value[:, 1], value[:, 0]), atol=1e-3)
    loss = plots.bce(1, derivative=False).lines[1].get_xydata()
    np.testing.assert_allclose(loss[:, 1], -np.log(loss[:, 0]), rtol=1e-12)


def test_a_descent_is_that_of_the_optimizer() -> None:
    w = cg.parameter("w", 3.0)
    loss = cg.square(w) * 0.5
    places = [3.0]
    for _ in range(4):
        cg.optim.GradientDescent(0.4).step([w], [loss.backward().grad(w)])
        places.append(float(w.value))
    dots = plots.descent(lambda x: cg.square(x) * 0.5, 3.0, lr=0.4, steps=4).lines[-1].get_xdata()
    np.testing.assert_allclose(dots, places, rtol=1e-15)


def test_areas_are_written() -> None:
    y, p = [0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]
    assert (
        f"{metrics.roc_auc(y, p):.3f}"
        in plots.roc_curve(y, p).get_legend().get_texts()[0].get_text()
    )


def test_refusals() -> None:
    X, Y = datasets.and_gate()
    with pytest.raises(ValueError, match="threshold"):
        plots.decision_boundary(neuron, X, Y, threshold=1.0)
    with pytest.raises(ValueError, match=r"\(2, m\)"):
        plots.scatter(X.T, Y)
    with pytest.raises(TypeError, match="model"):
        plots.decision_boundary(42, X, Y)


def test_matplotlib_waits_until_a_plot_is_made() -> None:
    code = "import sys, cgraph.plots; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_matplotlib_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install .cgraph\[plots\]"):
        plots.learning_curve([1.0])
