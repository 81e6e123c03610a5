"""A classifier in a file, with all that its training needs to go on: what `BinaryClassifier.save` and `load` do.

The file is that of `cgraph.save` for the cost node, with the options, the labels and the state of the training beside it, so
`cgraph.load` and `cgraph draw` read it too. What a file claims is checked against the arrays it holds before anything is built.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cgraph.errors import StoreError
from cgraph.io import store
from cgraph.io.archive import Arrays, damage_is_told
from cgraph.optim import from_config

if TYPE_CHECKING:
    from cgraph.nn.classifier import BinaryClassifier

# The constructor's parameters that a file keeps; the rest concerns one call of `fit`.
OPTIONS = ("activation", "loss", "lr", "epochs", "batch_size", "init", "tol", "patience")
BIT_GENERATORS = ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")


def save(model: BinaryClassifier, path: str | os.PathLike[str]) -> Path:
    """Write a fitted classifier."""
    facts, arrays = model.training_.state()
    labels = model.classes_.tolist()
    if not all(isinstance(label, bool | int | float | str) for label in labels):
        raise StoreError(f"labels are numbers or text in a file, not {labels}")
    seed = model.random_state
    options = {name: getattr(model, name) for name in OPTIONS}
    options["hidden"] = [int(n) for n in model.hidden]
    options["optimizer"] = None if model.optimizer is None else model.optimizer.config()
    options["random_state"] = int(seed) if isinstance(seed, int | np.integer) else None
    extra = {
        "classifier": options,
        "classes": labels,
        "dtype": model.graph_.X.dtype.name,
        "n_features": model.n_features_in_,
        "features": [str(name) for name in getattr(model, "feature_names_in_", [])],
        "training": facts,
    }
    return store.write(path, model.graph_.cost, extra, arrays)


def load(path: str | os.PathLike[str], kind: type[BinaryClassifier]) -> BinaryClassifier:
    """Read a classifier; StoreError for any other file."""
    _, extra, arrays = store.read(path)
    with damage_is_told(path):
        if "classifier" not in extra:
            raise StoreError("it holds a graph, not a classifier; read it with cgraph.load")
        options, n_features = dict(extra["classifier"]), int(extra["n_features"])
        options["hidden"] = tuple(options["hidden"])
        if options["optimizer"] is not None:
            options["optimizer"] = from_config(options["optimizer"])
        _check_sizes([n_features, *options["hidden"], 1], arrays)
        model = kind(**options)
        model.build(n_features, np.dtype(extra["dtype"]))
        model.training_.generator = _generator(extra["training"]["generator"])
        model.training_.restore(extra["training"], arrays)
        model.classes_ = np.asarray(extra["classes"])
        if model.classes_.shape != (2,) or model.classes_.dtype.kind not in "biufU":
            raise StoreError("it does not have two labels")
        model.n_features_in_ = n_features
        if extra["features"]:
            model.feature_names_in_ = np.asarray(extra["features"], dtype=object)
        model.cost_history_, model.n_iter_ = model.training_.history, model.training_.epoch
    return model


def _check_sizes(sizes: Sequence[int], arrays: Arrays) -> None:
    """The sizes that a file claims are those of the weights it holds: nothing is made larger than the file is."""
    for i, (n_in, n_out) in enumerate(pairwise(sizes)):
        if arrays[f"parameter{2 * i}"].shape != (n_out, n_in):
            raise StoreError("the weights do not have the sizes that the file tells")


def _generator(facts: dict[str, Any]) -> np.random.RandomState | np.random.Generator:
    """A generator of the kind that was saved; its state comes later."""
    if facts["kind"] == "RandomState":
        return np.random.RandomState(0)
    bits = facts["state"]["bit_generator"]
    if bits not in BIT_GENERATORS:
        raise StoreError(f"unknown generator {bits!r}")
    return np.random.Generator(getattr(np.random, bits)(0))
