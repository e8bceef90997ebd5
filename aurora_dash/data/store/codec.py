"""One field or stack of levels as the bytes of a Zarr chunk, and back.

The codecs are those of Zarr 3 (``bytes``, ``blosc``, ``crc32c``), so that any Zarr library reads
the same files. Here they are applied to the files directly: into memory that is used again, and
in as many threads as one likes.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import crc32c
import numpy as np
from numcodecs.blosc import Blosc

from aurora_dash.data.reading import Values
from aurora_dash.errors import DataError

Codec = Literal["lz4", "none"]
"""How the fields of a store are packed: compressed without loss, or as they are in memory."""

DEFAULT_CODEC: Codec = "lz4"

_CHECKSUM_BYTES = 4
_BLOSC_HEADER = 16
# Linux fetches no more for one call than the disk takes at once, whatever is asked for.
_AHEAD_BYTES = 512 * 2**10

# Level 1 of lz4 takes half the time of level 5 and the files grow by one percent.
_BLOSC = Blosc(cname="lz4", clevel=1, shuffle=Blosc.SHUFFLE)

_BYTES = {"name": "bytes", "configuration": {"endian": "little"}}
_LZ4 = {
    "name": "blosc",
    "configuration": {
        "typesize": 4,
        "cname": "lz4",
        "clevel": 1,
        "shuffle": "shuffle",
        "blocksize": 0,
    },
}
_CHECKSUM = {"name": "crc32c"}

ZARR_CODECS: Mapping[Codec, tuple[Mapping[str, Any], ...]] = {
    "lz4": (_BYTES, _LZ4, _CHECKSUM),
    "none": (_BYTES, _CHECKSUM),
}
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


def encode(values: Values, codec: Codec) -> bytes:
    """The content of a chunk file."""
    plain = np.ascontiguousarray(values, dtype="<f4")
    body = bytes(_BLOSC.encode(plain)) if codec == "lz4" else plain.tobytes()
    return body + checksum(body).to_bytes(_CHECKSUM_BYTES, "little")


def checksum(content: bytes | memoryview) -> int:
    """CRC-32C of some bytes; other threads go on meanwhile."""
    return crc32c.crc32c(content)


def read_chunk(path: str | Path, out: Values, codec: Codec) -> None:
    """Fill `out` (contiguous float32) from a chunk file; its checksum is verified.

    `DataError` names a file that is missing, cut short or damaged.
    """
    if codec == "lz4":
        _read_packed(path, out)
    else:
        _read_plain(path, out)


def _read_packed(path: str | Path, out: Values) -> None:
    body = _read_verified(path)
    held = int.from_bytes(body[4:8], "little") if len(body) >= _BLOSC_HEADER else 0
    _refuse_other_size(path, held, out)
    _BLOSC.decode(body, out=out)


def _read_plain(path: str | Path, out: Values) -> None:
    # Read where it is to be, and not copied.
    body, promised = out.data.cast("B"), bytearray(_CHECKSUM_BYTES)
    with _opened(path) as (descriptor, size):
        _refuse_other_size(path, size - _CHECKSUM_BYTES, out)
        _fill(descriptor, body)
        _fill(descriptor, memoryview(promised))
    _refuse_damaged(path, body, promised)


def expect_chunk(path: str | Path) -> None:
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
        for start in range(0, os.fstat(descriptor).st_size, _AHEAD_BYTES):
            os.posix_fadvise(descriptor, start, _AHEAD_BYTES, os.POSIX_FADV_WILLNEED)
    finally:
        os.close(descriptor)


def verify_chunk(path: str | Path) -> int:
    """The size of a chunk file in bytes, its checksum verified; `DataError` if it is damaged."""
    return len(_read_verified(path)) + _CHECKSUM_BYTES


def _read_verified(path: str | Path) -> memoryview:
    """What a file holds before its checksum; valid until this thread reads the next."""
    with _opened(path) as (descriptor, size):
        content = _scratch.of(size)
        content = content[: _fill(descriptor, content)]
    body = content[:-_CHECKSUM_BYTES]
    _refuse_damaged(path, body, content[-_CHECKSUM_BYTES:])
    return body


@contextmanager
def _opened(path: str | Path) -> Iterator[tuple[int, int]]:
    """Descriptor and size of a file."""
    try:
        # Past Python's file objects, which take as long as reading a small field.
        descriptor = os.open(path, os.O_RDONLY)
        try:
            yield descriptor, os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)
    except OSError as error:
        raise DataError(
            f"{path} of the training store can't be read: {error.strerror}.", remedy=_REMEDY
        ) from error


def _fill(descriptor: int, memory: memoryview) -> int:
    """Read on until `memory` is full or the file ends; the number of bytes read."""
    done = 0
    while done < len(memory) and (count := os.readv(descriptor, [memory[done:]])):
        done += count
    return done


def _refuse_other_size(path: str | Path, held: int, out: Values) -> None:
    if held != out.nbytes:
        raise DataError(
            f"{path} holds {held} bytes of values, {out.nbytes} were expected.", remedy=_REMEDY
        )


def _refuse_damaged(path: str | Path, body: memoryview, promised: memoryview | bytearray) -> None:
    if len(promised) < _CHECKSUM_BYTES or checksum(body) != int.from_bytes(promised, "little"):
        raise DataError(
            f"{path} of the training store is damaged: its checksum does not fit its content.",
            remedy=_REMEDY,
        )
