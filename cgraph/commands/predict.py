"""Predict with a trained classifier: a line of probability and class for every line of a CSV file.

    cgraph predict model.cgraph data.csv
    cgraph predict model.cgraph data.csv -o answers.csv --threshold 0.3

The file has a line of column names. A model that was trained on a CSV file takes the columns of the same names, wherever they stand; one
that was trained on a shipped data set takes as many as it was trained on, in that order, and leaves out one more, as the known answers.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys

import numpy as np

from cgraph.commands.train import Table, read_columns
from cgraph.errors import CgraphError
from cgraph.nn import BinaryClassifier


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `cgraph predict`."""
    parser.add_argument("model", metavar="MODEL", help="a file that `cgraph train` wrote")
    parser.add_argument(
        "data", metavar="DATA.csv", help="rows to predict, with a line of column names"
    )
    parser.add_argument("-o", "--out", default="-", help="a CSV file (default: -, the terminal)")
    parser.add_argument(
        "--threshold", type=float, default=0.5, help="of the second class (default: 0.5)"
    )


def run(options: argparse.Namespace) -> int:
    """Write `probability,class` lines, the probability being that of the second class."""
    from cgraph.io.atomic import write_atomically

    model = BinaryClassifier.load(options.model)
    if not 0 < options.threshold < 1:
        raise CgraphError(f"--threshold lies between 0 and 1, not at {options.threshold:g}")
    names, rows = read_columns(options.data)
    at = _columns(names, model, options)
    X = np.empty((len(rows), len(at)))
    for i, (number, row) in enumerate(rows):
        for j, column in enumerate(at):
            try:
                X[i, j] = float(row[column])
            except ValueError:
                raise CgraphError(
                    f"{options.data}, line {number}: {row[column]!r} in column {names[column]!r} is not a number"
                ) from None
    if hasattr(model, "feature_names_in_"):
        X = Table.of(X, [names[column] for column in at])
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["probability", "class"])
    classes = model.predict(X, threshold=options.threshold)
    for p, answer in zip(model.predict_proba(X)[:, 1], classes, strict=True):
        writer.writerow([f"{p:.9g}", answer])
    if options.out == "-":
        sys.stdout.write(text.getvalue())
        return 0
    write_atomically(options.out, lambda file: file.write(text.getvalue().encode("utf-8")))
    print(options.out)
    return 0


def _columns(names: list[str], model: BinaryClassifier, options: argparse.Namespace) -> list[int]:
    """Which columns of the file are the features."""
    known = getattr(model, "feature_names_in_", None)
    if known is not None:
        missing = [str(name) for name in known if name not in names]
        if missing:
            raise CgraphError(
                f"{options.data} has no column {', '.join(map(repr, missing))}; {options.model} was trained on {', '.join(known)}"
            )
        return [names.index(name) for name in known]
    wanted = model.n_features_in_
    if len(names) not in (wanted, wanted + 1):
        raise CgraphError(
            f"{options.data} has {len(names)} columns ({', '.join(names)}); {options.model} was trained on {wanted}"
        )
    return list(range(wanted))
