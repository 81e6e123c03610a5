"""Files of an index and arrays: a zip of one JSON text and .npy arrays, written whole or not at all, read without trust.

Apart from `store`, which knows graphs, because all that is dangerous about a file is here. Entries may not be compressed, so a
small file cannot unfold into a large one; an array's size is checked against its bytes before it is made; nothing is pickled.
A file is written under a temporary name in the same directory, synced, and moved into place: a kill at any moment leaves the
previous file whole.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from cgraph.errors import CgraphError, StoreError
from cgraph.io.atomic import write_atomically

__all__ = ["Arrays", "damage_is_told", "read_archive", "write_archive"]

INDEX = "graph.json"
Arrays = dict[str, NDArray[Any]]

# What a reader of damaged or hostile bytes may run into.
DAMAGE = (
    ArithmeticError, AttributeError, CgraphError, EOFError, LookupError, MemoryError, NotImplementedError, OSError,
    RecursionError, TypeError, UnicodeError, ValueError, zipfile.BadZipFile,
)  # fmt: skip


def write_archive(path: str | os.PathLike[str], index: dict[str, Any], arrays: Arrays) -> None:
    """Write an index and named arrays, atomically; the same content gives the same bytes. OSError when it cannot be written."""

    def fill(file: IO[bytes]) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr(_entry(INDEX), json.dumps(index, ensure_ascii=False, allow_nan=False))
            for name, array in arrays.items():
                buffer = io.BytesIO()
                np.lib.format.write_array(buffer, np.asarray(array), allow_pickle=False)
                archive.writestr(_entry(f"{name}.npy"), buffer.getbuffer())

    write_atomically(path, fill)


def read_archive(path: str | os.PathLike[str]) -> tuple[dict[str, Any], Arrays]:
    """The index and the arrays of a file. Call it inside `damage_is_told`, which turns whatever goes wrong into a StoreError."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        with zipfile.ZipFile(file) as archive:
            entries = _entries(archive, size)
    index = json.loads(entries.pop(INDEX))
    if not isinstance(index, dict):
        raise StoreError("its index is not an object")
    return index, {name.removesuffix(".npy"): _array(data) for name, data in entries.items()}


@contextmanager
def damage_is_told(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn what reading damaged bytes may raise into a StoreError that names the file; a missing file stays what it is."""
    try:
        yield
    except (FileNotFoundError, IsADirectoryError, PermissionError):
        raise
    except StoreError as error:
        raise StoreError(f"{os.fspath(path)!r} cannot be loaded: {error}") from None
    except DAMAGE as error:
        raise StoreError(
            f"{os.fspath(path)!r} is not a file saved by cgraph, or is damaged ({type(error).__name__}: {error})"
        ) from error


def _entry(name: str) -> zipfile.ZipInfo:
    """An entry with a fixed date, so that the same graph gives the same bytes."""
    return zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))


def _entries(archive: zipfile.ZipFile, size: int) -> dict[str, bytes]:
    """All entries, none twice, none compressed, together no larger than the file."""
    infos = archive.infolist()
    names = {info.filename for info in infos}
    if len(names) != len(infos):
        raise StoreError("an entry stands in it twice")
    if any(info.compress_type != zipfile.ZIP_STORED for info in infos):
        raise StoreError("an entry is compressed")
    if sum(info.file_size for info in infos) > size:
        raise StoreError("its entries claim to be larger than the file")
    if INDEX not in names or any(not name.endswith(".npy") for name in names - {INDEX}):
        raise StoreError("it does not consist of an index and arrays")
    return {info.filename: archive.read(info) for info in infos}  # read() checks the CRC


def _array(data: bytes) -> NDArray[Any]:
    """An .npy array of real numbers; its header must account for exactly the bytes that are there."""
    stream = io.BytesIO(data)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise StoreError("an array has an unknown format")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    if dtype.kind not in "biuf":
        raise StoreError(f"an array has dtype {dtype}")
    count = 1
    for n in shape:
        if n < 0:
            raise StoreError("an array has a negative size")
        count *= n
    body = data[stream.tell() :]
    if count * dtype.itemsize != len(body):
        raise StoreError(f"an array of shape {shape} does not fit its {len(body)} bytes")
    array = np.frombuffer(body, dtype).reshape(shape, order="F" if fortran else "C")
    return array.astype(dtype.newbyteorder("="))
