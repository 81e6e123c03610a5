"""Train a binary classifier, and write it to a file.

  cgraph train iris -o iris.cgraph                     a shipped data set: and, or, xor, iris, iris-sepals, iris-all
  cgraph train flowers.csv --target species --positive virginica
  cgraph train iris -o iris.cgraph --resume --epochs 9000

A CSV file has a line of column names; every column but the target is a feature and holds numbers. The model is written as it
trains and at the end; Ctrl-C stops after the epoch, and --resume goes on from there as if nothing had happened.
"""

from __future__ import annotations

import argparse
import csv
import signal
from collections.abc import Callable
from typing import Any

import numpy as np

from cgraph import datasets, metrics
from cgraph.errors import CgraphError
from cgraph.nn import BinaryClassifier
from cgraph.nn.training import LOSSES
from cgraph.optim import RULES

DATASETS: dict[str, Callable[[], tuple[Any, Any]]] = {
    "and": datasets.and_gate,
    "or": datasets.or_gate,
    "xor": datasets.xor_gate,
    "iris": datasets.iris,
    "iris-sepals": lambda: datasets.iris("sepals"),
    "iris-all": lambda: datasets.iris("all"),
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `cgraph train`."""
    parser.add_argument("data", metavar="DATA", help=f"a CSV file, or one of {', '.join(DATASETS)}")
    parser.add_argument(
        "-o",
        "--out",
        metavar="FILE",
        default="model.cgraph",
        help="the model (default: model.cgraph)",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with the training in FILE, up to --epochs in all",
    )
    parser.add_argument(
        "--target",
        metavar="COLUMN",
        help="the column of a CSV file with the answers (default: the last)",
    )
    parser.add_argument(
        "--positive",
        metavar="LABEL",
        help="the answer that counts as positive; all others are negative",
    )
    parser.add_argument(
        "--hidden",
        type=int,
        nargs="*",
        default=None,
        metavar="N",
        help="sizes of hidden layers (default: none)",
    )
    parser.add_argument(
        "--activation",
        choices=("sigmoid", "tanh", "relu"),
        default=None,
        help="of hidden layers (default: sigmoid)",
    )
    parser.add_argument("--loss", choices=tuple(LOSSES), default=None, help="default: stable_bce")
    parser.add_argument(
        "--optimizer", choices=tuple(RULES), default=None, help="default: GradientDescent"
    )
    parser.add_argument("--lr", type=float, default=None, help="learning rate (default: 1)")
    parser.add_argument("--epochs", type=int, default=5000, help="default: 5000")
    parser.add_argument(
        "--batch-size", type=int, default=None, metavar="N", help="default: all examples at once"
    )
    parser.add_argument(
        "--init",
        choices=("plain", "xavier", "he"),
        default=None,
        help="of the weights (default: xavier)",
    )
    parser.add_argument(
        "--seed", type=int, default=None, help="of weights and shuffling (default: 0)"
    )
    parser.add_argument(
        "--checkpoint-every",
        type=int,
        default=500,
        metavar="N",
        help="epochs between writes (default: 500)",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def run(options: argparse.Namespace) -> int:
    """Train, write the model, and print its quality on the data it was trained on."""
    X, y = _data(options)
    try:
        model, stopped = _train(X, y, options)
    except (ValueError, TypeError) as error:
        if isinstance(error, CgraphError):
            raise
        raise CgraphError(str(error)) from error
    truth, called = y == model.classes_[1], model.predict(X) == model.classes_[1]
    print(
        f"{len(y)} examples, {X.shape[1]} features; {model.n_iter_} epochs; positive is {model.classes_[1]}"
    )
    print(
        f"cost       {model.cost_history_[0]:.6g} at first, {model.cost_history_[-1]:.6g} at last"
    )
    quality = {
        name: getattr(metrics, name)(truth, called)
        for name in ("accuracy", "precision", "recall", "f1")
    }
    print(f"quality    {', '.join(f'{name} {value:.4f}' for name, value in quality.items())}")
    (tn, fp), (fn, tp) = metrics.confusion_matrix(truth, called).tolist()
    print(
        f"right      {tp} positives, {tn} negatives; wrong: {fp} taken for positive, {fn} for negative"
    )
    print(f"model      {options.out}")
    return 130 if stopped else 0


def _train(X: Any, y: Any, options: argparse.Namespace) -> tuple[BinaryClassifier, bool]:
    """(the model, whether Ctrl-C stopped it)."""
    network = {
        "hidden": None if options.hidden is None else tuple(options.hidden),
        "activation": options.activation,
        "loss": options.loss,
        "optimizer": None if options.optimizer is None else RULES[options.optimizer](**({} if options.lr is None else {"lr": options.lr})),
        "lr": options.lr,
        "batch_size": options.batch_size,
        "init": options.init,
        "random_state": options.seed,
    }  # fmt: skip
    if options.lr is not None and not (0 < options.lr < float("inf")):
        raise CgraphError(f"--lr is a positive number, not {options.lr:g}")
    given = {name: value for name, value in network.items() if value is not None}
    if options.epochs < 1:
        raise CgraphError(f"--epochs is at least 1, not {options.epochs}")
    if options.resume and given:
        names = ", ".join("--" + name.replace("_", "-") for name in given)
        raise CgraphError(f"--resume goes on as the file says; drop {names}")
    stop = StopOnInterrupt()
    this_call = {
        "checkpoint": options.out,
        "checkpoint_every": max(options.checkpoint_every, 1),
        "callbacks": [lambda *_: stop.asked],
        "verbose": not options.quiet,
    }
    if options.resume:
        model = BinaryClassifier.load(options.out).set_params(**this_call)
        if model.n_iter_ >= options.epochs:
            raise CgraphError(
                f"{options.out} has {model.n_iter_} epochs behind it; give --epochs more than that"
            )
        with stop:
            model.resume(X, y, epochs=options.epochs)
    else:
        model = BinaryClassifier(**{"hidden": (), **given}, epochs=options.epochs, **this_call)
        with stop:
            model.fit(X, y)
    if stop.asked:
        print(f"stopped after {model.n_iter_} epochs; --resume goes on")
    return model, stop.asked


class StopOnInterrupt:
    """Ctrl-C lets the epoch finish and stops the training there; a second one does not wait."""

    def __init__(self) -> None:
        self.asked = False

    def _ask(self, *_: Any) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    def __enter__(self) -> None:
        self.before = signal.signal(signal.SIGINT, self._ask)

    def __exit__(self, *_: Any) -> None:
        signal.signal(signal.SIGINT, self.before)


def _data(options: argparse.Namespace) -> tuple[Any, Any]:
    """(rows, labels) of what was asked for."""
    if options.data in DATASETS:
        if options.target or options.positive:
            raise CgraphError("--target and --positive go with a CSV file")
        X, Y = DATASETS[options.data]()
        return np.ascontiguousarray(X.T), Y.ravel().astype(int)
    return read_csv(options.data, options.target, options.positive)


class Table(np.ndarray):
    """Rows that know what their columns are called, as an estimator asks for it: the model remembers the names."""

    columns: list[str]

    @classmethod
    def of(cls, rows: Any, columns: list[str]) -> Table:
        table = np.array(rows, np.float64).view(cls)
        table.columns = columns
        return table


def read_columns(path: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """(column names, [(line number, cells)]) of a CSV file with a line of column names.

    Raises CgraphError with the line for what is not a table, and FileNotFoundError.
    """
    with open(path, newline="", encoding="utf-8-sig") as file:
        try:
            lines = [
                (reader.line_num, row)
                for reader in [csv.reader(file)]
                for row in reader
                if any(row)
            ]
        except (csv.Error, UnicodeDecodeError) as error:
            raise CgraphError(f"{path} is not a CSV file ({error})") from None
    if len(lines) < 2:
        raise CgraphError(f"{path} has no data below a line of column names")
    header = [name.strip() for name in lines[0][1]]
    for name in header:
        if header.count(name) > 1:
            raise CgraphError(f"{path} has two columns called {name!r}")
    for number, row in lines[1:]:
        if len(row) != len(header):
            raise CgraphError(
                f"{path}, line {number}: {len(row)} columns, but there are {len(header)} names"
            )
    return header, lines[1:]


def read_csv(path: str, target: str | None = None, positive: str | None = None) -> tuple[Any, Any]:
    """Rows (m, n) and labels (m,) of a CSV file with a line of column names.

    Raises CgraphError with the line and the column for what is not a number, and FileNotFoundError.
    """
    header, lines = read_columns(path)
    if target is not None and target not in header:
        raise CgraphError(f"{path} has no column {target!r}; it has {', '.join(header)}")
    at = len(header) - 1 if target is None else header.index(target)
    features = header[:at] + header[at + 1 :]
    X, labels = [], []
    for number, row in lines:
        try:
            X.append([float(cell) for i, cell in enumerate(row) if i != at])
        except ValueError:
            bad = next(i for i, cell in enumerate(row) if i != at and not _is_number(cell))
            raise CgraphError(
                f"{path}, line {number}: {row[bad]!r} in column {header[bad]!r} is not a number"
            ) from None
        labels.append(row[at].strip())
    if positive is not None:
        if positive not in labels:
            raise CgraphError(
                f"no line of {path} has {header[at]} {positive!r}; there are {', '.join(sorted(set(labels))[:10])}"
            )
        return Table.of(X, features), np.array([int(label == positive) for label in labels])
    if len(set(labels)) != 2:
        found = ", ".join(sorted(set(labels))[:10])
        raise CgraphError(
            f"{header[at]} has {len(set(labels))} different answers ({found}); say which is --positive"
        )
    return Table.of(X, features), np.array(labels)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
