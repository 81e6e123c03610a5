"""The command `cgraph`: the article from a terminal.

    cgraph demo      train the article's nets, print their numbers, draw their diagrams
    cgraph train     train a classifier on a data set or a CSV file, stop and resume
    cgraph predict   probabilities and classes for the lines of a CSV file
    cgraph draw      draw a saved graph, or one that a module holds
    cgraph lint      find where a graph overflows, cancels, saturates or leaves a domain
    cgraph doctor    what engine, fonts and versions were found

Here are only the parser and the dispatch; each subcommand is a module that is imported when it is asked for. Exit codes: 0 done,
1 a check found something, 2 the command or its input was wrong, 130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec

from cgraph.errors import CgraphError

__all__ = ["main"]

# Commands of this folder, and commands that live beside what they run: `main(argv) -> int`, offered if the module is there.
COMMANDS = {
    "demo": "run the article: AND, XOR and Iris, with their numbers, diagrams and plots",
    "train": "train a binary classifier on a data set or a CSV file",
    "predict": "predict with a trained classifier: MODEL DATA.csv",
    "draw": "draw a graph: FILE.cgraph or MODULE:NAME",
    "lint": "find where a graph overflows, cancels or leaves a domain: MODULE:NAME",
    "doctor": "say what engine, fonts and versions were found",
}
ELSEWHERE = {
    "gallery": ("cgraph.gallery", "write every figure of the article, with a page to browse them"),
    "check": ("cgraph.testing.cli", "check the gradients of an op or a graph: MODULE:OP"),
}


def _available(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def parser() -> argparse.ArgumentParser:
    """The parser of the command line, all subcommands included."""
    import cgraph

    result = argparse.ArgumentParser(prog="cgraph", description=cgraph.__doc__)
    result.add_argument("--version", action="version", version=f"cgraph {cgraph.__version__}")
    commands = result.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, help in COMMANDS.items():
        module = import_module(f"cgraph.commands.{name}")
        one = commands.add_parser(
            name,
            help=help,
            description=module.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.arguments(one)
        one.set_defaults(run=module.run)
    for name, (path, help) in ELSEWHERE.items():
        if _available(path):
            commands.add_parser(name, help=help, add_help=False)
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal that cannot show σ shows a question mark
            stream.reconfigure(errors="replace")
    try:
        if arguments and arguments[0] in ELSEWHERE and _available(ELSEWHERE[arguments[0]][0]):
            code: int | None = import_module(ELSEWHERE[arguments[0]][0]).main(arguments[1:])
            return code or 0
        options = parser().parse_args(arguments)
        return int(options.run(options))
    except BrokenPipeError:  # the reader of a pipe has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (CgraphError, OSError) as error:
        print(f"cgraph: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "matplotlib":
            raise
        print('cgraph: this needs matplotlib: pip install "cgraph[plots]"', file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ncgraph: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
