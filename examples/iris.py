"""Iris with scikit-learn's manners: fit, predict, score; stop and go on from a file.

Run it with `python examples/iris.py`. Rows are examples here; scikit-learn itself is not needed.
"""

import tempfile
from pathlib import Path

import cgraph as cg
from cgraph import metrics, nn

# Virginica against the rest, by petal length and width, in the article's order.
X, Y = cg.datasets.iris("petals", shuffle=48)
rows, labels = X.T, Y.ravel()

with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "iris.cgraph"

    # 2000 epochs, then stop ...
    model = nn.BinaryClassifier(hidden=(), init="plain", random_state=48, epochs=2000)
    model.fit(rows, labels).save(file)
    print(f"after {model.n_iter_} epochs: cost {model.cost_history_[-1]:.4f}")

    # ... and on to 5000 from the file, as if nothing had happened.
    model = nn.BinaryClassifier.load(file).resume(rows, labels, epochs=5000)

print(
    f"after {model.n_iter_} epochs: cost {model.cost_history_[-1]:.7f}, accuracy {model.score(rows, labels):.1%}"
)

answers = model.predict(rows)
print("confusion matrix:", metrics.confusion_matrix(labels, answers).tolist())
print(
    f"precision {metrics.precision(labels, answers):.3f}, recall {metrics.recall(labels, answers):.3f}"
)

# Skewed classes ask for another threshold: what would it cost to miss no virginica?
p = model.predict_proba(rows)[:, 1]
for row in metrics.threshold_sweep(labels, p, [0.1, 0.3, 0.5, 0.7]):
    print(f"threshold {row.threshold}: precision {row.precision:.3f}, recall {row.recall:.3f}")
