"""The lock of a run folder. The kernel frees it when its holder dies, however it dies.

A process can hand its lock down to the processes that it starts, as their standard input, which
even launchers that close all other files pass on. The lock is free once the last of them is gone.
"""

from __future__ import annotations

import fcntl
import os
import time
from enum import Enum
from pathlib import Path

from aurora_dash.runs.files import cannot_write

LOCK_FILE = "owner.lock"

# Whoever looks holds the lock, shared, for microseconds: a taker tries again before it gives up.
_PATIENCE_SECONDS = 0.5
_RETRY_SECONDS = 0.005


class LockState(Enum):
    """What can be said about a lock from outside."""

    HELD = "held"
    FREE = "free"
    UNKNOWN = "unknown"
    """There is no lock file, or the file system knows no locks."""


class FolderLock:
    """An exclusive lock on a folder, held until `release` or the end of the process."""

    def __init__(self, descriptor: int, *, handed_down: bool = False) -> None:
        self.descriptor = descriptor
        self._handed_down = handed_down

    @classmethod
    def from_stdin(cls, folder: Path) -> FolderLock | None:
        """The lock that the parent handed down as standard input; None if it is anything else.

        Standard input is empty afterwards, so that no child of ours inherits the lock unasked.
        """
        try:
            if not os.path.samestat((folder / LOCK_FILE).stat(), os.fstat(0)):
                return None
            # Succeeds if our very file holds the lock already, or nobody does.
            fcntl.flock(0, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return None
        descriptor = os.dup(0)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        return cls(descriptor, handed_down=True)

    @classmethod
    def take(cls, folder: Path) -> FolderLock | None:
        """The lock, or None if somebody else holds it."""
        path = folder / LOCK_FILE
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise cannot_write(path, error) from error
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    os.close(descriptor)
                    return None
                time.sleep(_RETRY_SECONDS)
            except OSError as error:
                os.close(descriptor)
                raise cannot_write(path, error) from error
            else:
                return cls(descriptor)

    def release(self) -> None:
        """Free the lock; a second call does no harm.

        One that was handed down is freed when all who have it are gone.
        """
        if self.descriptor >= 0:
            if not self._handed_down:
                # Unlocked by name: a forked child may hold a copy of the descriptor.
                fcntl.flock(self.descriptor, fcntl.LOCK_UN)
            self.forget()

    def forget(self) -> None:
        """Leave the lock to the processes that it was handed down to."""
        os.close(self.descriptor)
        self.descriptor = -1


def probe(folder: Path) -> LockState:
    """Whether a folder's lock is held, without taking it."""
    try:
        descriptor = os.open(folder / LOCK_FILE, os.O_RDONLY)
    except OSError:
        return LockState.UNKNOWN
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return LockState.HELD
    except OSError:
        return LockState.UNKNOWN
    finally:
        os.close(descriptor)
    return LockState.FREE
