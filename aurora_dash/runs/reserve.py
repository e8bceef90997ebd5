"""A little room that a run keeps for itself, so that it can say that the disk is full."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from aurora_dash.runs.files import cannot_write

RESERVE_FILE = ".reserve"

_BYTES = 2**18
_PLENTY_BYTES = 16 * 2**20


class Reserve:
    """A file of no use but its size; only the run's owner may hold one."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / RESERVE_FILE
        self._write()

    def spend(self) -> bool:
        """Give the room away; whether there was any."""
        try:
            self._path.unlink()
        except FileNotFoundError:
            return False
        return True

    def renew(self) -> None:
        """Have it again, if it was given away and the disk has plenty of room."""
        try:
            free = shutil.disk_usage(self._path.parent).free
        except OSError as error:
            raise cannot_write(self._path, error) from error
        if not self._path.exists() and free >= _PLENTY_BYTES:
            self._write()

    def _write(self) -> None:
        try:
            # Random bytes, since some file systems keep no room for zeros.
            self._path.write_bytes(os.urandom(_BYTES))
        except OSError as error:
            self._path.unlink(missing_ok=True)
            raise cannot_write(self._path, error) from error
