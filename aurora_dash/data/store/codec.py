"""One field or stack of levels as the bytes of a Zarr chunk, and back.

The codecs are those of Zarr 3 (``bytes``, ``blosc``, ``crc32c``), so that any Zarr library reads
the same files. Here they are applied to the files directly: into memory that is used again, and
in as many threads as one likes.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
from numcodecs.blosc import Blosc

from aurora_dash.data.reading import Values
from aurora_dash.errors import DataError

_CHECKSUM_BYTES = 4
_BLOSC_HEADER = 16

# Level 1 of lz4 takes half the time of level 5 and the files grow by one percent.
_BLOSC = Blosc(cname="lz4", clevel=1, shuffle=Blosc.SHUFFLE)

CODECS: tuple[dict[str, Any], ...] = (
    {"name": "bytes", "configuration": {"endian": "little"}},
    {
        "name": "blosc",
        "configuration": {
            "typesize": 4,
            "cname": "lz4",
            "clevel": 1,
            "shuffle": "shuffle",
            "blocksize": 0,
        },
    },
    {"name": "crc32c"},
)
"""As ``zarr.json`` names them."""

_REMEDY = "Prepare the store again: only what is damaged is written anew."


class _Scratch(threading.local):
    """A thread's own buffer for what it reads."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def of(self, size: int) -> memoryview:
        if len(self._buffer) < size:
            self._buffer = bytearray(size)
        return memoryview(self._buffer)[:size]


_scratch = _Scratch()


def encode(values: Values) -> bytes:
    """The content of a chunk file."""
    body = _BLOSC.encode(np.ascontiguousarray(values, dtype="<f4"))
    return bytes(body) + checksum(body).to_bytes(_CHECKSUM_BYTES, "little")


def checksum(content: bytes | memoryview) -> int:
    """CRC-32C of some bytes."""
    # The library takes no memoryview, but arrays of any kind.
    return int(google_crc32c.value(np.frombuffer(content, np.uint8)))


def read_chunk(path: Path, out: Values) -> None:
    """Fill `out` (contiguous float32) from a chunk file; its checksum is verified.

    `DataError` names a file that is missing, cut short or damaged.
    """
    content = _read(path)
    _refuse_damaged(path, content)
    body = content[:-_CHECKSUM_BYTES]
    held = int.from_bytes(body[4:8], "little")
    if held != out.nbytes:
        raise DataError(
            f"{path} holds {held} bytes of values, {out.nbytes} were expected.", remedy=_REMEDY
        )
    _BLOSC.decode(body, out=out)


def expect_chunk(path: Path) -> None:
    """Have the system fetch a chunk file from the disk while other work goes on.

    A file that can't be opened is left to `read_chunk` to report, as is a system that can't.
    """
    if not hasattr(os, "posix_fadvise"):
        return
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_WILLNEED)
    finally:
        os.close(descriptor)


def verify_chunk(path: Path) -> int:
    """The size of a chunk file in bytes, its checksum verified; `DataError` if it is damaged."""
    content = _read(path)
    _refuse_damaged(path, content)
    return len(content)


def _read(path: Path) -> memoryview:
    try:
        with path.open("rb", buffering=0) as file:
            size = path.stat().st_size
            content = _scratch.of(size)
            done = 0
            while done < size and (count := file.readinto(content[done:])):
                done += count
    except OSError as error:
        raise DataError(
            f"{path} of the training store can't be read: {error.strerror}.", remedy=_REMEDY
        ) from error
    return content[:done]


def _refuse_damaged(path: Path, content: memoryview) -> None:
    body = content[:-_CHECKSUM_BYTES]
    promised = int.from_bytes(content[-_CHECKSUM_BYTES:], "little")
    if len(body) < _BLOSC_HEADER or checksum(body) != promised:
        raise DataError(
            f"{path} of the training store is damaged: its checksum does not fit its content.",
            remedy=_REMEDY,
        )
