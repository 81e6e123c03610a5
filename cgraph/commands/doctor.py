"""Say what there is to work with: versions, the drawing engine, the fonts, the optional packages."""

from __future__ import annotations

import argparse
import json
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

OPTIONAL = (
    "matplotlib",
    "hypothesis",
    "pytest",
    "mpmath",
    "scipy",
    "scikit-learn",
    "jax",
    "torch",
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `cgraph doctor`."""
    parser.add_argument("--json", action="store_true", help="the facts as JSON, for programs")


def run(options: argparse.Namespace) -> int:
    """Print the facts; 1 when pictures cannot be drawn."""
    import numpy

    import cgraph
    from cgraph.draw.output import engine

    facts = {
        "cgraph": f"{cgraph.__version__}  ({Path(cgraph.__file__).parent})",
        "python": f"{platform.python_version()}  ({platform.system()} {platform.machine()})",
        "numpy": numpy.__version__,
        "graphviz (Python)": _version("graphviz"),
        "pygraphviz": _version("pygraphviz"),
    }
    drawing = engine.doctor()
    facts |= drawing
    facts |= {f"optional: {name}": _version(name) for name in OPTIONAL}
    if options.json:
        drawable = drawing["engine"].startswith("Graphviz")
        print(json.dumps({**facts, "pictures": drawable}, ensure_ascii=False, default=str))
        return 0 if drawable else 1
    width = max(map(len, facts))
    for name, fact in facts.items():
        print(f"{name:<{width}}  {fact}")
    if drawing["engine"].startswith("Graphviz"):
        print("\nPictures can be drawn: .png .svg .pdf; .dot .html .txt .mmd always.")
        return 0
    print("\nPictures cannot be drawn as .png .svg .pdf; .dot .txt .mmd work without an engine.")
    return 1


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
