"""``status.json`` of an evaluation or a rollout: how far it is, and whether that is still true."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from aurora_dash.evaluation.request import EvaluationRequest, ForecastRequest, RolloutRequest
from aurora_dash.runs.identity import OwnerRecord
from aurora_dash.runs.lock import LockState, probe

STATUS_FILE = "status.json"

Request = TypeVar("Request", bound=ForecastRequest)


class EvaluationState(StrEnum):
    """Where an evaluation or a rollout is in its life."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    STOPPED = "stopped"
    FAILED = "failed"
    INTERRUPTED = "interrupted"

    @property
    def is_live(self) -> bool:
        """Whether the state claims that somebody is at work on it."""
        return self in (EvaluationState.QUEUED, EvaluationState.RUNNING)


class WorkStatus(BaseModel, Generic[Request]):
    """What is known about one piece of work with a checkpoint of a run."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    schema_version: int = 1
    id: str
    state: EvaluationState
    reason: str = ""
    remedy: str = ""
    done: int = 0
    total: int = 0
    """Forecast steps, of all models at work."""
    seconds_left: float | None = None
    """By the pace of the steps that were made since it began or went on; None: not known yet."""
    request: Request | None = None
    owner: OwnerRecord | None = None
    created: datetime | None = None
    started: datetime | None = None
    ended: datetime | None = None

    @property
    def fraction_done(self) -> float | None:
        """Progress from 0 to 1; None while the length is unknown."""
        return min(self.done / self.total, 1.0) if self.total else None


class EvaluationStatus(WorkStatus[EvaluationRequest]):
    """What is known about one evaluation of a run."""


class RolloutStatus(WorkStatus[RolloutRequest]):
    """What is known about the forecasts of one rollout."""

    file: str = ""
    """Name of the Zarr store or the NetCDF file in its folder."""


Status = TypeVar("Status", EvaluationStatus, RolloutStatus)


def true_status(folder: Path, kind: type[Status]) -> Status:
    """What the file says, corrected: a live state without a living owner is interrupted."""
    status = _recorded_status(folder, kind)
    if not status.state.is_live or status.owner is None or not _is_dead(folder, status.owner):
        return status
    # A worker writes its last word before it lets go of the lock: look again.
    status = _recorded_status(folder, kind)
    if not status.state.is_live:
        return status
    return status.model_copy(
        update={
            "state": EvaluationState.INTERRUPTED,
            "reason": f"Its {status.owner} is gone.",
            "remedy": "Start it again.",
        }
    )


def _is_dead(folder: Path, owner: OwnerRecord) -> bool:
    lock = probe(folder)
    if owner.pid_means_something_here:
        return not owner.process_exists or lock is LockState.FREE
    return lock is not LockState.HELD


def _recorded_status(folder: Path, kind: type[Status]) -> Status:
    path = folder / STATUS_FILE
    try:
        return kind.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        return kind(
            id=folder.name,
            state=EvaluationState.FAILED,
            reason=f"Can't read {path}: {error}.",
            remedy="Start it again.",
        )
