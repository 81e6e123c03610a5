"""Draw a graph.

  cgraph draw net.cgraph -o net.svg      a graph saved by cgraph.save, or a model by cgraph train
  cgraph draw module:name                a node or a Run that a Python module of yours holds, or a function giving one

With all inputs known the picture has values, and gradients when there is a scalar with parameters below it.
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from cgraph.errors import CgraphError
from cgraph.graph import order
from cgraph.node import Node
from cgraph.run import Run, run as evaluate

VIEWS = ("auto", "cards", "expanded", "layers", "collapsed", "neuron", "health")


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `cgraph draw`."""
    parser.add_argument("graph", metavar="FILE.cgraph|MODULE:NAME", help="what to draw")
    parser.add_argument(
        "-o",
        "--out",
        metavar="PATH",
        help="the picture; .png .svg .pdf .dot .html .txt .mmd; - prints DOT (default: NAME.png)",
    )
    parser.add_argument(
        "--structure", action="store_true", help="no values, even if they are known"
    )
    parser.add_argument(
        "--view", choices=VIEWS, default="auto", help="how much is folded (default: auto)"
    )
    parser.add_argument(
        "--theme", default="auto", help='cards, circles, light, dark, print, or two: "circles dark"'
    )
    parser.add_argument("--title", help="instead of the one made up")
    parser.add_argument("--dpi", type=int, default=144, help="of a PNG (default: 144)")


def run(options: argparse.Namespace) -> int:
    """Draw, and say where the picture is."""
    from cgraph.draw import draw

    found, name = _find(options.graph)
    evaluation = None if options.structure else _evaluate(found)
    given = {
        "view": options.view,
        "theme": options.theme,
        "title": options.title,
        "dpi": options.dpi,
    }
    root = found.roots if isinstance(found, Run) else found
    diagram = draw(root, run=evaluation, **given)
    if options.out == "-":  # for pipes: `cgraph draw net.cgraph -o - | dot -Tpng`
        print(diagram.dot)
        return 0
    print(diagram.save(options.out or f"{name}.png"))
    return 0


def _find(graph: str) -> tuple[Any, str]:
    """(a Node, nodes, or a Run; a name for the picture)."""
    path = Path(graph)
    if path.suffix == ".cgraph" or path.exists():
        from cgraph.io.store import load

        return load(path), path.stem
    module, colon, attribute = graph.partition(":")
    if not colon or not module or not attribute:
        raise CgraphError(f"{graph!r} is neither a file that exists nor MODULE:NAME")
    sys.path.insert(0, os.getcwd())
    try:
        found: Any = import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except ModuleNotFoundError as error:
        if error.name is not None and (module == error.name or module.startswith(f"{error.name}.")):
            raise CgraphError(f"there is no module {module!r} here") from None
        raise
    except AttributeError as error:
        raise CgraphError(str(error)) from None
    finally:
        sys.path.remove(os.getcwd())
    if callable(found) and not isinstance(found, Node | Run):
        found = found()
    nodes = found if isinstance(found, list | tuple) else [found]
    if not nodes or not all(isinstance(node, Node | Run) for node in nodes):
        raise CgraphError(
            f"{graph!r} is a {type(found).__name__}; it takes a node, a list of nodes, or a Run"
        )
    return found, attribute.rpartition(".")[2]


def _evaluate(found: Any) -> Run | None:
    """The run to show: the one given, or a new one where every input has a value."""
    if isinstance(found, Run):
        return found
    roots = [found] if isinstance(found, Node) else list(found)
    nodes = order(*roots)
    if any(node.kind == "input" and node._value is None for node in nodes):
        return None
    root = roots[0]
    scalar = len(roots) == 1 and root.active and root.size == 1
    return root.backward() if scalar else evaluate(roots)
