"""Where the command `cgraph` begins: from here on Ctrl-C ends it with exit code 130 and no traceback.

It stands outside the package because importing `cgraph.cli` imports `cgraph` and NumPy first, which is most of the time that a short
command takes; an interrupt there would be a traceback through whatever was being imported. Nothing that takes time is imported here.
"""

from __future__ import annotations

import os
import signal
import sys


def _quit(*_: object) -> None:
    os.write(2, b"\ncgraph: interrupted\n")
    os._exit(130)


def _unraisable(what: sys.UnraisableHookArgs) -> None:
    """An interrupt that fell into a destructor or a callback of C code, where no exception gets out, ends the command as well."""
    if isinstance(what.exc_value, KeyboardInterrupt):
        _quit()
    sys.__unraisablehook__(what)


# A process that was started to ignore interrupts (in the background of a shell, by nohup) goes on ignoring them.
_heeds = signal.getsignal(signal.SIGINT) is signal.default_int_handler
if _heeds:
    signal.signal(signal.SIGINT, _quit)


def main() -> int:
    """The command line. While a command runs an interrupt is a KeyboardInterrupt again: half-written files are removed."""
    from cgraph.cli import main as command

    sys.unraisablehook = _unraisable
    try:
        if _heeds:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        code = command()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # done: only Python's own end is left
    except KeyboardInterrupt:
        _quit()
    return code
