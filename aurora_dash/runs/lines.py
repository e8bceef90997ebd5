"""JSON lines: one record a line, appended whole, followed by byte offset.

A line counts once its newline is there. A torn last line is left alone by readers and mended by
the next writer, so that nothing that was written whole is lost.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from aurora_dash.runs.files import cannot_read, cannot_write

Record = dict[str, Any]

_CHUNK_BYTES = 8 * 2**20
_FINGERPRINT_BYTES = 64
_TAIL_BYTES = 2**16


def parse_line(line: bytes) -> Record | None:
    """The record of one line, or None when the line is damaged."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


class LineReader:
    """Follows a file of JSON lines; every whole line is read and parsed once.

    A file that was truncated or replaced is read again from its start; `generation` then counts
    up. Lines that are whole but not a JSON object are counted in `damaged`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.generation = 0
        self.damaged = 0
        self._offset = 0
        self._identity: tuple[int, int] | None = None
        self._fingerprint = b""

    def read(self) -> list[Record]:
        """All whole records that were added since the last call."""
        return [record for chunk in self.chunks() for record in chunk]

    def chunks(self) -> Iterator[list[Record]]:
        """Like `read`, in blocks of bounded size, for files of any length."""
        return map(self.parse, self.blocks())

    def blocks(self) -> Iterator[bytes]:
        """The same unparsed: whole lines, without the newline of the last."""
        while (block := self._next_block()) is not None:
            yield block

    def parse(self, block: bytes) -> list[Record]:
        """The records of a block; counts the lines that are damaged."""
        records = [parse_line(line) for line in block.split(b"\n") if line.strip()]
        self.damaged += records.count(None)
        return [record for record in records if record is not None]

    def _next_block(self) -> bytes | None:
        """Bytes from the offset to the last newline in reach; None when there is none."""
        try:
            with self.path.open("rb") as file:
                self._notice_replacement(file.fileno())
                file.seek(self._offset)
                block = file.read(_CHUNK_BYTES)
                while block and b"\n" not in block and (more := file.read(_CHUNK_BYTES)):
                    block += more
        except FileNotFoundError:
            return None
        except OSError as error:
            raise cannot_read(self.path, error) from error
        whole, newline, _torn = block.rpartition(b"\n")
        if not newline:
            return None
        self._offset += len(whole) + 1
        self._fingerprint = (self._fingerprint + whole[-_FINGERPRINT_BYTES:] + newline)[
            -_FINGERPRINT_BYTES:
        ]
        return whole

    def _notice_replacement(self, descriptor: int) -> None:
        info = os.fstat(descriptor)
        identity = (info.st_dev, info.st_ino)
        length = len(self._fingerprint)
        same = (
            self._identity in (None, identity)
            and info.st_size >= self._offset
            and os.pread(descriptor, length, self._offset - length) == self._fingerprint
        )
        self._identity = identity
        if not same:
            self.generation += 1
            self.damaged = 0
            self._offset = 0
            self._fingerprint = b""


class LineWriter:
    """Appends records to a file that it alone writes, one line and one system call each.

    Opening mends a torn last line; a write that fails takes back what it wrote of its line.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            _mend_torn_line(self._descriptor)
        except OSError as error:
            raise cannot_write(path, error) from error

    def write_line(self, record: Mapping[str, Any]) -> None:
        """Append one record; on a full disk nothing of it stays and `RunError` is raised."""
        start = os.fstat(self._descriptor).st_size
        try:
            _write_all(self._descriptor, _encode(record))
        except OSError as error:
            os.ftruncate(self._descriptor, start)
            raise cannot_write(self.path, error) from error

    def sync(self) -> None:
        """Make what was written survive a loss of power; `RunError` if that fails."""
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def close(self) -> None:
        """Close the file; closing twice does no harm."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()


def append_line(path: Path, record: Mapping[str, Any]) -> None:
    """Append one record to a file that several processes may write to.

    Nothing is ever cut off here, since a torn end may be another's line on its way: the record
    just starts on a line of its own.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            size = os.fstat(descriptor).st_size
            torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            _write_all(descriptor, (b"\n" if torn else b"") + _encode(record))
        finally:
            os.close(descriptor)
    except OSError as error:
        raise cannot_write(path, error) from error


def _encode(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _mend_torn_line(descriptor: int) -> None:
    """Complete a whole record that lacks only its newline; cut off anything less."""
    size = os.fstat(descriptor).st_size
    torn = _torn_tail(descriptor, size)
    if not torn:
        return
    if parse_line(torn) is not None:
        os.write(descriptor, b"\n")
    else:
        os.ftruncate(descriptor, size - len(torn))


def _torn_tail(descriptor: int, size: int) -> bytes:
    tail = b""
    while b"\n" not in tail and len(tail) < size:
        start = max(0, size - len(tail) - _TAIL_BYTES)
        tail = os.pread(descriptor, size - len(tail) - start, start) + tail
    return tail.rpartition(b"\n")[2]
