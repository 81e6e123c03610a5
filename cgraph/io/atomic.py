"""Writing files: whole or not at all.

Pictures, graphs, checkpoints and manifests are written by the one function here, so that a kill, a full disk or a second writer never
leaves a file half-written: the old one stays until the new one is complete.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import IO


def write_atomically(path: str | os.PathLike[str], fill: Callable[[IO[bytes]], object]) -> None:
    """Let `fill` write to a new file beside `path`, then put it in its place: temporary file, fsync, rename.

    An existing file keeps its permissions; a new one gets those the process gives to new files.

    Raises:
        OSError: when the directory is missing or not writable, or the disk is full; the old file is untouched.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name[:40]}.{secrets.token_hex(6)}.tmp")
    try:
        # Opened by hand for the mode: 0o666 less the umask, which tempfile would make 0o600.
        with os.fdopen(
            os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb"
        ) as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            os.chmod(temporary, path.stat().st_mode & 0o777)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if os.name == "posix":  # the rename itself is on disk once the directory is
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
