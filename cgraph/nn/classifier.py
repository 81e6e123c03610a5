"""BinaryClassifier: a small net with scikit-learn's manners.

It ties the workshop together: layers, the loss, an optimizer, the training loop, and files to stop and resume. **Rows are
examples** here, X (m, n), as scikit-learn has it; the net has columns, so X is transposed once on the way in.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cgraph.nn import files
from cgraph.nn.layers import Init, Layer, Linear, ReLU, Rng, Sequential, Sigmoid, Tanh, as_generator
from cgraph.nn.progress import Progress
from cgraph.nn.training import LOSSES, Loss, Training, classifier_graph
from cgraph.nn.validation import Estimator, check_rows, check_targets, not_fitted
from cgraph.optim import GradientDescent, Optimizer
from cgraph.run import run

__all__ = ["BinaryClassifier"]

Array = NDArray[Any]
Callback = Callable[[int, float, "BinaryClassifier"], Any]
EPOCHS_AT_ONCE = 200  # between two looks at the progress bar, where nobody else looks
ACTIVATIONS: dict[str, type[Layer]] = {"sigmoid": Sigmoid, "tanh": Tanh, "relu": ReLU}


class BinaryClassifier(Estimator):
    """A feed-forward net for two classes, trained by gradient descent.

    Args:
        hidden: the sizes of the hidden layers; () is logistic regression.
        activation: of the hidden layers: "sigmoid", "tanh" or "relu".
        loss: "stable_bce" (from logits, never overflows), "bce" (the textbook), "keras_bce" (clipped) or "mse".
        optimizer: from `cgraph.optim`; None for `GradientDescent(lr)`. It is copied, not used up.
        lr: the learning rate when no optimizer is given.
        epochs: passes over the data.
        batch_size: examples a step, shuffled anew each epoch; None for all at once.
        init: "plain", "xavier" or "he", see `Linear`.
        random_state: a seed or generator for weights and shuffling; None for a fresh start every time.
        tol: stop early when the best cost has not sunk by this much for `patience` epochs; None to never.
        patience: see `tol`.
        callbacks: functions `(epoch, cost, classifier)` called after every epoch; one that returns True stops the training.
        verbose: a progress bar with the cost, on a terminal; None shows it only when a fit takes more than two seconds.
        warm_start: `fit` goes on from the parameters and the optimizer's state of the last `fit` for `epochs` more.
        checkpoint: a file that `fit` writes every `checkpoint_every` epochs and at its end; `BinaryClassifier.load` reads it and
            `resume` goes on from it.
        checkpoint_every: see `checkpoint`.

    Attributes:
        classes_: the two labels, sorted; the second is the positive class.
        cost_history_: the cost of every epoch, each before its update.
        n_iter_: how many epochs were trained.
        training_: the `Training`, which knows how to go on.
        net_: the `Sequential`; its last node is the logit.
        graph_: the nodes X, Y, Z, P, cost, to run or to draw.
        n_features_in_: how many features X had in `fit`.
        feature_names_in_: their names, when X had any.

    >>> from cgraph import datasets
    >>> X, Y = datasets.and_gate()
    >>> model = BinaryClassifier(hidden=(), epochs=300).fit(X.T, Y.ravel())
    >>> model.predict(X.T), model.score(X.T, Y.ravel())
    (array([0., 0., 0., 1.]), 1.0)
    """

    def __init__(
        self,
        hidden: Sequence[int] = (3,),
        *,
        activation: str = "sigmoid",
        loss: Loss = "stable_bce",
        optimizer: Optimizer | None = None,
        lr: float = 1.0,
        epochs: int = 1000,
        batch_size: int | None = None,
        init: Init = "xavier",
        random_state: Rng = 0,
        tol: float | None = None,
        patience: int = 10,
        callbacks: Sequence[Callback] = (),
        verbose: bool | None = None,
        warm_start: bool = False,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_every: int = 500,
    ) -> None:
        self.hidden = hidden
        self.activation = activation
        self.loss = loss
        self.optimizer = optimizer
        self.lr = lr
        self.epochs = epochs
        self.batch_size = batch_size
        self.init = init
        self.random_state = random_state
        self.tol = tol
        self.patience = patience
        self.callbacks = callbacks
        self.verbose = verbose
        self.warm_start = warm_start
        self.checkpoint = checkpoint
        self.checkpoint_every = checkpoint_every

    # --- training ------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any) -> BinaryClassifier:
        """Train on rows X (m, n) with labels y (m,), any two values; returns self.

        Raises ValueError for data that is not finite, not (m, n), or not of two classes, and for unknown options.
        """
        columns, targets, classes = self._data(X, y, reset=True)
        goes_on = self.warm_start and hasattr(self, "training_")
        if not goes_on:
            self.build(columns.shape[0], columns.dtype)
        elif self.training_.graph.X.shape[0] != columns.shape[0]:
            raise ValueError(
                f"warm_start: the net has {self.training_.graph.X.shape[0]} features, X has {columns.shape[0]}"
            )
        self.classes_ = classes
        return self._train(columns, targets, self.training_.epoch + self.epochs)

    def resume(self, X: Any, y: Any, *, epochs: int | None = None) -> BinaryClassifier:
        """Go on where a training stopped, on the same data, until `epochs` (default: the parameter) are done in all.

        The result is bit for bit that of a training that never stopped. Raises NotFittedError without a training to go on from.
        """
        self._check_fitted()
        columns, targets, classes = self._data(X, y, reset=False)
        if not np.array_equal(classes, self.classes_):
            raise ValueError(f"the training had the classes {self.classes_}, y has {classes}")
        return self._train(columns, targets, self.epochs if epochs is None else epochs)

    def _data(self, X: Any, y: Any, *, reset: bool) -> tuple[Array, Array, Array]:
        if y is None:
            check_targets(y, 0)
        rows = check_rows(X, self, reset=reset)
        classes, index = check_targets(y, rows.shape[0])
        return np.ascontiguousarray(rows.T), index[None, :].astype(rows.dtype), classes

    def build(self, n_features: int, dtype: Any) -> None:
        """A new net with a new training."""
        if self.activation not in ACTIVATIONS:
            raise ValueError(
                f"activation is one of {', '.join(ACTIVATIONS)}, not {self.activation!r}"
            )
        if self.loss not in LOSSES:
            raise ValueError(f"loss is one of {', '.join(LOSSES)}, not {self.loss!r}")
        if self.batch_size is not None and self.batch_size < 1:
            raise ValueError(f"batch_size is at least 1, or None; got {self.batch_size}")
        if self.epochs < 0:
            raise ValueError(f"epochs is not negative; got {self.epochs}")
        if not isinstance(self.optimizer, Optimizer | None):
            raise ValueError(
                f"optimizer is one of cgraph.optim, e.g. optim.Adam(lr=0.01), or None; got {self.optimizer!r}"
            )
        generator = as_generator(copy.deepcopy(self.random_state))
        sizes = [n_features, *self.hidden, 1]
        layers: list[Layer] = []
        for n_in, n_out in pairwise(sizes):
            layers += [
                Linear(n_in, n_out, self.init, generator, dtype=dtype),
                ACTIVATIONS[self.activation](),
            ]
        self.net_ = Sequential(*layers[:-1])
        self.graph_ = classifier_graph(self.net_, n_features, self.loss, dtype)
        optimizer = (
            GradientDescent(self.lr) if self.optimizer is None else copy.deepcopy(self.optimizer)
        )
        optimizer.reset()
        self.training_ = Training(
            self.graph_,
            self.net_.parameters,
            optimizer,
            generator,
            self.batch_size,
            self.tol,
            self.patience,
        )

    def _train(self, X: Array, Y: Array, until: int) -> BinaryClassifier:
        training = self.training_
        self.cost_history_ = training.history
        patience = 2.0 if self.verbose is None else 0.5
        with Progress(
            until, "training", patience=patience, quiet=self.verbose is False
        ) as progress:
            while training.epoch < until and not training.converged:
                cost = training.advance(X, Y, self._next_stop(until))[-1]
                self.n_iter_ = training.epoch
                progress.update(training.epoch, f"cost {cost:.6g}")
                if self.checkpoint is not None and training.epoch % self.checkpoint_every == 0:
                    self.save(self.checkpoint)
                if any([callback(training.epoch, cost, self) for callback in self.callbacks]):
                    break
        self.n_iter_ = training.epoch
        if self.checkpoint is not None:
            self.save(self.checkpoint)
        return self

    def _next_stop(self, until: int) -> int:
        """The epoch after which somebody wants to look: a callback, the checkpoint, the progress bar."""
        epoch = self.training_.epoch
        if self.callbacks:
            return epoch + 1
        stop = min(until, epoch + EPOCHS_AT_ONCE)
        if self.checkpoint is not None:
            stop = min(stop, epoch + self.checkpoint_every - epoch % self.checkpoint_every)
        return stop

    # --- answers -------------------------------------------------------------------------------

    def _check_fitted(self) -> None:
        if not hasattr(self, "classes_"):
            raise not_fitted(self)

    def decision_function(self, X: Any) -> Array:
        """The logits of rows X (m, n), shape (m,): positive where the second class is more probable."""
        self._check_fitted()
        columns = np.ascontiguousarray(check_rows(X, self, reset=False).T)
        Z = self.graph_.Z
        logits: Array = run(Z, {self.graph_.X: columns.astype(Z.dtype)}).value(Z)[0].copy()
        return logits

    def predict_proba(self, X: Any) -> Array:
        """The probabilities of both classes for rows X (m, n), shape (m, 2), in the order of `classes_`."""
        z = self.decision_function(X)
        tail = np.exp(-np.abs(z))
        unlikely, likely = tail / (1 + tail), 1 / (1 + tail)
        return np.where(
            (z >= 0)[:, None], np.stack([unlikely, likely], 1), np.stack([likely, unlikely], 1)
        )

    def predict(self, X: Any, threshold: float = 0.5) -> Array:
        """The class of every row of X (m, n), shape (m,): the second one where its probability is at least `threshold`.

        Raises ValueError for a threshold outside of (0, 1).
        """
        if not 0 < threshold < 1:
            raise ValueError(f"a threshold lies between 0 and 1, not at {threshold}")
        level = np.log(threshold) - np.log1p(-threshold)
        positive = (self.decision_function(X) >= level).astype(np.intp)
        answers: Array = self.classes_[positive]
        return answers

    def score(self, X: Any, y: Any) -> float:
        """The accuracy on rows X (m, n) with labels y (m,)."""
        answers, truth = self.predict(X), np.asarray(y).ravel()
        if truth.shape != answers.shape:
            raise ValueError(f"{answers.size} examples but {truth.size} labels")
        return float(np.mean(answers == truth))

    # --- files ---------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the net with its training to a file that `load` reads; atomically, without pickle.

        `cgraph.load` reads the same file and returns the cost node. Raises NotFittedError before `fit`, and `StoreError` for
        labels that are not numbers or text.
        """
        self._check_fitted()
        return files.save(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> BinaryClassifier:
        """Read a classifier back, ready to predict and to `resume`. Raises `StoreError` for any other file."""
        model = files.load(path, cls)
        return model
