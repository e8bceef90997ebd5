"""``fetch.json`` beside the fetched files: what was asked, and how far each piece is.

It makes a fetch resumable: the ids of the requests that wait at a store are in it, so that a rerun
asks for their results instead of submitting them again.

    schema_version  1
    request         the `FetchRequest`
    pieces          by id: state, job (the store's id of the request), files (name, bytes, sha256)
                    and, where it failed, the reason
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from aurora_dash.data.fetch.request import FetchRequest
from aurora_dash.errors import DataError, RunError
from aurora_dash.runs.files import write_atomic as replace_file

STATE_FILE = "fetch.json"
STATUS_FILE = ".fetch-status.json"
STOP_FILE = ".fetch-stop"
_LOCK_FILE = ".fetch-lock"
_LOOK_SECONDS = 0.3
_KEPT = (
    "Free some disk space or check the permissions of the folder; what has arrived is kept, and "
    "the same fetch goes on from there."
)


class Step(StrEnum):
    """How far a piece is."""

    WAITING = "waiting"
    SUBMITTING = "submitting"
    """About to be submitted: if nothing follows, nobody knows whether the store has it."""
    QUEUED = "queued"
    RUNNING = "running"
    READY = "ready"
    DONE = "done"
    FAILED = "failed"


class FileRecord(BaseModel):
    """One file that arrived."""

    model_config = ConfigDict(frozen=True)

    name: str
    num_bytes: int
    sha256: str


class PieceState(BaseModel):
    """What is known about one piece."""

    model_config = ConfigDict(frozen=True)

    step: Step = Step.WAITING
    job: str | None = None
    files: tuple[FileRecord, ...] = ()
    reason: str = ""


class FetchState(BaseModel):
    """The content of ``fetch.json``."""

    schema_version: int = 1
    request: FetchRequest
    pieces: dict[str, PieceState] = {}


class FetchStatus(BaseModel):
    """How far a fetch is, for pages: ``.fetch-status.json``."""

    model_config = ConfigDict(frozen=True)

    state: str
    """``running``, ``completed``, ``stopped``, ``failed`` or, found later, ``interrupted``."""
    doing: str = ""
    reason: str = ""
    remedy: str = ""
    pieces_done: int = 0
    pieces_total: int = 0
    queued: int = 0
    running: int = 0
    bytes_done: int = 0
    bytes_expected: int = 0
    seconds_left: float | None = None
    started: datetime | None = None
    updated: datetime | None = None

    @property
    def fraction_done(self) -> float:
        """Progress from 0 to 1, by the estimated sizes."""
        return min(self.bytes_done / self.bytes_expected, 1.0) if self.bytes_expected else 0.0


def write_atomic(path: Path, text: str, *, durable: bool = False) -> None:
    """Replace a file as a whole; with `durable` it survives a loss of power.

    `DataError` if the disk refuses.
    """
    try:
        replace_file(path, text, durable=durable)
    except RunError as error:
        raise DataError(error.message, remedy=_KEPT) from error


def cannot_write(path: Path, error: OSError) -> DataError:
    """The error of a failed write, with the system's reason."""
    return DataError(
        f"Can't write {path}: {error.strerror or error}.",
        remedy=_KEPT,
    )


def read_state(folder: Path) -> FetchState | None:
    """The state in a folder, None if there is none; `DataError` if it is damaged."""
    path = folder / STATE_FILE
    try:
        return FetchState.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise DataError(
            f"{path} can't be read: {str(error).splitlines()[0]}.",
            remedy="Move it away to start the fetch anew, or choose another folder.",
        ) from error


def open_state(folder: Path, request: FetchRequest) -> FetchState:
    """The state of this request in a folder; `DataError` if another one was fetched into it."""
    state = read_state(folder)
    if state is None:
        return FetchState(request=request)
    before, now = (r.model_dump(mode="json", exclude={"out"}) for r in (state.request, request))
    different = [name for name in now if before[name] != now[name]]
    if different:
        said = ", ".join(f"{name} {before[name]!r} there, {now[name]!r} now" for name in different)
        raise DataError(
            f"{folder} holds another fetch ({said}).", remedy="Choose another folder for this one."
        )
    return state


def read_status(folder: Path) -> FetchStatus | None:
    """How far the fetch in a folder is, corrected if its process is gone; None if never begun."""
    status = _recorded(folder)
    if status is None or status.state != "running" or is_locked(folder):
        return status
    # The last word is written before the lock is let go: look again.
    status = _recorded(folder)
    if status is None or status.state != "running":
        return status
    return status.model_copy(
        update={
            "state": "interrupted",
            "reason": "Its process is gone; what has arrived is kept, and requests in a store's "
            "queue go on.",
            "remedy": "Resume it: nothing is submitted twice.",
        }
    )


def _recorded(folder: Path) -> FetchStatus | None:
    try:
        return FetchStatus.model_validate_json((folder / STATUS_FILE).read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        return FetchStatus(state="failed", reason=f"{folder / STATUS_FILE} can't be read: {error}")


@contextmanager
def sole_owner(folder: Path) -> Iterator[None]:
    """Keep others from the folder; the kernel frees it when this process ends, however it ends."""
    try:
        descriptor = os.open(folder / _LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise cannot_write(folder / _LOCK_FILE, error) from error
    try:
        _lock(descriptor, folder)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Path) -> None:
    deadline = time.monotonic() + _LOOK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # Whoever only looks holds it, shared, for microseconds.
            if time.monotonic() > deadline:
                raise DataError(
                    f"Another process is fetching into {folder} already.",
                    remedy="Wait for it, or stop it first.",
                ) from None
            time.sleep(0.01)
        else:
            return


def is_locked(folder: Path) -> bool:
    """Whether a process is fetching into the folder."""
    try:
        descriptor = os.open(folder / _LOCK_FILE, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
