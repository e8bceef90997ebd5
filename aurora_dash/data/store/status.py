"""``status.json`` of a preparation: how far it is, and whether what it says is still true."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from aurora_dash.data.store.layout import OWN_FOLDER
from aurora_dash.runs.identity import OwnerRecord
from aurora_dash.runs.lock import LockState, probe

STATUS_FILE = "status.json"


class PrepareState(StrEnum):
    """Where a preparation is in its life."""

    RUNNING = "running"
    COMPLETED = "completed"
    STOPPED = "stopped"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


class PrepareStatus(BaseModel):
    """What is known about the last preparation of a store."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    schema_version: int = 1
    state: PrepareState
    reason: str = ""
    remedy: str = ""
    done: int = 0
    total: int = 0
    """Times written, of those that had to be."""
    bytes_per_second: float | None = None
    """Of fields, as they are in memory."""
    seconds_left: float | None = None
    owner: OwnerRecord | None = None
    started: datetime | None = None
    ended: datetime | None = None

    @property
    def is_live(self) -> bool:
        """Whether somebody is at work."""
        return self.state is PrepareState.RUNNING

    @property
    def fraction_done(self) -> float | None:
        """Progress from 0 to 1; None while the length is unknown."""
        return min(self.done / self.total, 1.0) if self.total else None


def read_status(folder: Path) -> PrepareStatus | None:
    """What the store's file says, corrected: at work without a living owner is interrupted.

    None if the folder was never prepared.
    """
    status = _recorded(folder)
    if status is None or not status.is_live or not _is_dead(folder, status.owner):
        return status
    # A worker writes its last word before it lets go of the lock: look again.
    status = _recorded(folder)
    if status is None or not status.is_live:
        return status
    return status.model_copy(
        update={
            "state": PrepareState.INTERRUPTED,
            "reason": f"Its {status.owner} is gone after {status.done} of {status.total} times.",
            "remedy": "Prepare again: it goes on where it stopped.",
        }
    )


def _is_dead(folder: Path, owner: OwnerRecord | None) -> bool:
    lock = probe(folder / OWN_FOLDER)
    if owner is not None and owner.pid_means_something_here:
        return not owner.process_exists or lock is LockState.FREE
    return lock is not LockState.HELD


def _recorded(folder: Path) -> PrepareStatus | None:
    path = folder / OWN_FOLDER / STATUS_FILE
    try:
        return PrepareStatus.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        return PrepareStatus(
            state=PrepareState.FAILED,
            reason=f"{path} can't be read: {error}.",
            remedy="Prepare again.",
        )
