"""Writing small files so that a crash, a full disk or a reader never meets half of one."""

from __future__ import annotations

import errno
import os
import threading
from datetime import UTC, datetime
from pathlib import Path

from aurora_dash.errors import DiskFullError, RunError

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


def utc_now() -> datetime:
    """The present moment, time-zone aware."""
    return datetime.now(UTC)


def write_atomic(path: Path, content: str | bytes, *, durable: bool = False) -> None:
    """Replace a file as a whole; readers see the old or the new content, nothing between.

    Text is written as UTF-8.

    With `durable` the content survives a loss of power (two fsyncs, about 5 ms). Raises
    `RunError` when the folder can't be written, `DiskFullError` when the disk is full; the old
    file stays.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        with beside.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        beside.replace(path)
        if durable:
            sync_folder(path.parent)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise cannot_write(path, error) from error


def sync_folder(folder: Path) -> None:
    """Make renames inside a folder survive a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def stamp(path: Path) -> tuple[int, int]:
    """Changes whenever the file does; the same for all files that are not there."""
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)


def cannot_write(path: Path, error: OSError) -> RunError:
    """The error of a failed write, with the system's reason; `DiskFullError` for want of room."""
    if error.errno in _NO_ROOM:
        return no_room(f"Can't write {path}: {error.strerror}.")
    return RunError(
        f"Can't write {path}: {error.strerror or error}.",
        remedy="Free some disk space or check the permissions of the folder.",
    )


def no_room(message: str) -> DiskFullError:
    """The error of a write for which the disk, or a quota, has no room."""
    return DiskFullError(message, remedy="Free some space on its disk, or have the quota raised.")


def cannot_read(path: Path, error: OSError) -> RunError:
    """The error of a failed read, with the system's reason."""
    return RunError(
        f"Can't read {path}: {error.strerror or error}.",
        remedy="Check that the disk is there and the permissions allow reading.",
    )
