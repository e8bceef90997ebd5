"""``status.json``: what the owner of a run says of it. `truth` tells whether that still holds."""

from __future__ import annotations

import time
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from aurora_dash.runs.files import write_atomic
from aurora_dash.runs.identity import OwnerRecord
from aurora_dash.runs.schema import STATUS_VERSION

STATUS_FILE = "status.json"

REMOTE_SILENCE_SECONDS = 60.0
"""So long nothing may arrive from an owner elsewhere before that is said. Arrivals are told by the
clock of this machine, whatever the clock of the other one says."""

_OWNERS_FILES = (STATUS_FILE, "metrics.jsonl")
_PARTS = (*_OWNERS_FILES, "spec.json", "events.jsonl", "load_report.json", "checkpoints")


class RunState(StrEnum):
    """Where a run is in its life."""

    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPING = "stopping"
    UNRESPONSIVE = "unresponsive"
    """Its owner exists and does not answer. Only ever shown, never written."""
    ARRIVING = "arriving"
    """Its files are being copied here and are not whole yet. Only ever shown, never written."""
    STOPPED = "stopped"
    COMPLETED = "completed"
    FAILED = "failed"
    INTERRUPTED = "interrupted"

    @property
    def is_live(self) -> bool:
        """Whether the state claims that somebody is at work on the run."""
        return self in _LIVE


_LIVE = frozenset(
    {
        RunState.QUEUED,
        RunState.STARTING,
        RunState.RUNNING,
        RunState.PAUSED,
        RunState.STOPPING,
        RunState.UNRESPONSIVE,
        RunState.ARRIVING,
    }
)


class RunStatus(BaseModel):
    """What is known about a run at a moment; `schema.STATUS_FIELDS` explains the fields."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    schema_version: int = STATUS_VERSION
    state: RunState
    reason: str = ""
    remedy: str = ""
    step: int = 0
    total_steps: int | None = None
    epoch: float = 0.0
    last_loss: float | None = None
    best_loss: float | None = None
    seconds_left: float | None = None
    device: str | None = None
    num_parameters: int | None = None
    num_trainable: int | None = None
    waiting_for: str = ""
    queue_place: int | None = None
    owner: OwnerRecord | None = None
    supervisor: OwnerRecord | None = None
    heartbeat: datetime | None = None
    beat: float | None = None
    created: datetime | None = None
    started: datetime | None = None
    ended: datetime | None = None

    @property
    def is_live(self) -> bool:
        """Whether somebody is at work on the run."""
        return self.state.is_live

    @property
    def is_launchable(self) -> bool:
        """Whether the run may be launched, or resumed from its last checkpoint."""
        return self.owner is None if self.state is RunState.QUEUED else not self.is_live

    @property
    def in_words(self) -> str:
        """The state, of a run in the queue with its place: ``queued, place 2``."""
        place = self.queue_place if self.state is RunState.QUEUED else None
        return f"{self.state.value}, place {place}" if place else self.state.value

    @property
    def fraction_done(self) -> float | None:
        """Progress from 0 to 1; None while the number of steps is unknown."""
        return min(self.step / self.total_steps, 1.0) if self.total_steps else None


def write_status(folder: Path, status: RunStatus, *, durable: bool = False) -> None:
    """Replace a run's ``status.json`` atomically."""
    write_atomic(folder / STATUS_FILE, status.model_dump_json(indent=2) + "\n", durable=durable)


def recorded_status(folder: Path) -> RunStatus:
    """What ``status.json`` says; a missing or damaged file reads as a failed run, with a reason.

    While files of the folder still arrive, as in a copy under way, it reads as arriving.
    """
    path = folder / STATUS_FILE
    try:
        return RunStatus.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        problem = f"{folder.name} has no {STATUS_FILE}: it is not a run, or was copied in part."
    except OSError as error:
        problem = f"Can't read {path}: {error.strerror or error}."
    except ValidationError as error:
        problem = f"{path} is damaged: {error.errors(include_url=False)[0]['msg']}."
    if _is_arriving(folder):
        return RunStatus(
            state=RunState.ARRIVING,
            reason=f"Its files are still arriving. So far: {problem}",
            remedy="Wait for the copy to end.",
        )
    return RunStatus(
        state=RunState.FAILED,
        reason=problem,
        remedy="Copy the folder again, resume the run if its spec is there, or delete it.",
    )


def last_arrival(folder: Path) -> float | None:
    """When something last came from a run's owner, by this machine's clock (s since 1970).

    A copy keeps the times of its source; the change of a file's inode can't be kept.
    """
    return max(filter(None, (_changed(folder / name) for name in _OWNERS_FILES)), default=None)


def _is_arriving(folder: Path) -> bool:
    """Whether a folder holds parts of a run, of which one came just now."""
    try:
        visible = [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError:
        return False
    # A folder that is empty yet, but for temporary files, may be about to hold a run.
    if visible and not any((folder / name).exists() for name in _PARTS):
        return False
    # A checkpoint of some gigabytes is copied for minutes before anything else comes.
    newest = max(filter(None, map(_changed, (folder, *folder.rglob("*")))), default=0.0)
    return abs(time.time() - newest) < REMOTE_SILENCE_SECONDS


def may_be_arriving(path: Path) -> bool:
    """Whether a file changed so short a time ago that it may be half of a copy."""
    return abs(time.time() - (_changed(path) or 0.0)) < REMOTE_SILENCE_SECONDS


def _changed(path: Path) -> float | None:
    try:
        return path.stat().st_ctime
    except OSError:
        return None
