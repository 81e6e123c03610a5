"""Find where a graph overflows, cancels, saturates, divides by zero, leaves a domain or sits on a kink, without running it.

    cgraph lint net.cgraph
    cgraph lint mymodule:loss --range x=-5:5 --range y=0:1
    cgraph lint mymodule:loss --values          # judge the values that the leaves have

MODULE:NAME is a node, a list of nodes, or a function that gives one. Exit code 1 if something is found.
"""

from __future__ import annotations

import argparse

from cgraph.commands.draw import _evaluate, _find
from cgraph.errors import CgraphError
from cgraph.graph import order
from cgraph.node import Node
from cgraph.run import Run


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("graph", metavar="FILE.cgraph|MODULE:NAME")
    parser.add_argument(
        "--range",
        action="append",
        default=[],
        metavar="NAME=LOW:HIGH",
        help="the range of an input or parameter",
    )
    parser.add_argument(
        "--values", action="store_true", help="judge one evaluation, with the values of the leaves"
    )


def run(options: argparse.Namespace) -> int:
    """Print the findings; 1 if there are some."""
    from cgraph.rewrite.lint import lint, shown

    found, _ = _find(options.graph)
    evaluation = _evaluate(found) if options.values or isinstance(found, Run) else None
    if options.values and evaluation is None:
        raise CgraphError("--values: an input has no value")
    roots = (
        list(found.roots)
        if isinstance(found, Run)
        else [found]
        if isinstance(found, Node)
        else list(found)
    )
    leaves = {n.name: n for n in order(*roots) if not n.parents and n.name}
    ranges = {}
    for text in options.range:
        name, _, bounds = text.partition("=")
        low, colon, high = bounds.partition(":")
        if name not in leaves:
            raise CgraphError(
                f"--range {text}: there is no leaf {name!r}; there are {', '.join(sorted(leaves))}"
            )
        try:
            ranges[leaves[name]] = float(low), float(high if colon else low)
        except ValueError:
            raise CgraphError(f"--range {text}: give NAME=LOW:HIGH") from None
    findings = lint(roots, ranges=ranges or None, run=evaluation)
    print(shown(findings))
    return 1 if findings else 0
