"""``status.json``: the state of a run, and whether what it says is still true."""

from __future__ import annotations

import os
import time
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from aurora_dash.runs.files import utc_now, write_atomic
from aurora_dash.runs.identity import OwnerRecord
from aurora_dash.runs.lock import LockState, probe
from aurora_dash.runs.schema import STATUS_VERSION

STATUS_FILE = "status.json"

# An owner on another machine, or a folder that is being copied while it grows, is only known by
# its heartbeat; clocks of machines differ a little.
REMOTE_SILENCE_SECONDS = 60.0

SILENCE_SECONDS = 8.0
"""So long an owner on this machine may be silent (it beats every two) before that is said."""

_FULL_BYTES = 1 << 16


class RunState(StrEnum):
    """Where a run is in its life."""

    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPING = "stopping"
    UNRESPONSIVE = "unresponsive"
    """Its owner exists and does not answer. Only ever shown, never written."""
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
    def fraction_done(self) -> float | None:
        """Progress from 0 to 1; None while the number of steps is unknown."""
        return min(self.step / self.total_steps, 1.0) if self.total_steps else None


def write_status(folder: Path, status: RunStatus, *, durable: bool = False) -> None:
    """Replace a run's ``status.json`` atomically."""
    write_atomic(folder / STATUS_FILE, status.model_dump_json(indent=2) + "\n", durable=durable)


def recorded_status(folder: Path) -> RunStatus:
    """What ``status.json`` says; a missing or damaged file reads as a failed run, with a reason."""
    path = folder / STATUS_FILE
    try:
        return RunStatus.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        problem = f"{folder.name} has no {STATUS_FILE}: it is not a run, or was copied in part."
    except OSError as error:
        problem = f"Can't read {path}: {error.strerror or error}."
    except ValidationError as error:
        problem = f"{path} is damaged: {error.errors(include_url=False)[0]['msg']}."
    return RunStatus(
        state=RunState.FAILED,
        reason=problem,
        remedy="Copy the folder again, resume the run if its spec is there, or delete it.",
    )


def true_status(folder: Path) -> RunStatus:
    """What ``status.json`` says, corrected by what the machine knows of the owner.

    A live state without a living owner is interrupted; one whose owner does not answer is
    unresponsive.
    """
    status = recorded_status(folder)
    while status.is_live and (reason := _why_dead(folder, status)):
        # An owner writes its last word before it lets go of the lock: look again.
        newer = recorded_status(folder)
        if newer == status:
            return status.model_copy(
                update={
                    "state": RunState.INTERRUPTED,
                    "reason": reason,
                    "remedy": "Resume it: it goes on from its last checkpoint.",
                    "ended": status.heartbeat,
                    "waiting_for": "",
                    "queue_place": None,
                    "seconds_left": None,
                }
            )
        status = newer
    reason = _why_unresponsive(folder, status)
    return _unresponsive(status, reason) if reason else status


def _why_dead(folder: Path, status: RunStatus) -> str:
    """Why the owner of a live state must be dead; empty if it lives, or there never was one."""
    owner = status.owner
    if owner is None:
        # Only a run that was created and never launched has a live state and no owner.
        return "" if status.state is RunState.QUEUED else "Nobody owns it."
    lock = probe(folder)
    if owner.pid_means_something_here and not owner.process_exists:
        # Without a beat it handed the run down to a process that has not begun to write.
        handed_down = lock is LockState.HELD and status.beat is None
        return "" if handed_down else f"Its {owner} is gone."
    if lock is LockState.HELD:
        return ""
    if owner.is_of_this_boot and lock is LockState.FREE:
        return f"It was let go by {owner} without a last word."
    if owner.pid_means_something_here:
        return ""
    return _why_silent(status)


def _why_silent(status: RunStatus) -> str:
    if status.heartbeat is None:
        return f"There is no sign of life from its {status.owner}."
    silence = (utc_now() - status.heartbeat).total_seconds()
    if abs(silence) < REMOTE_SILENCE_SECONDS:
        return ""
    return f"There has been no sign of life from its {status.owner} for {_duration(abs(silence))}."


def _why_unresponsive(folder: Path, status: RunStatus) -> str:
    """Why the owner of a live state does not answer; empty if it does, or can't be seen from here.

    The clock is the machine's own, which no setting of the time moves and which rests with it.
    """
    owner = status.owner
    if owner is None or not status.is_live or not owner.pid_means_something_here:
        return ""
    silence = max(0.0, time.monotonic() - status.beat) if status.beat is not None else 0.0
    if owner.is_halted:
        return f"Its {owner} was halted (SIGSTOP); last sign of life {_duration(silence)} ago."
    if silence < SILENCE_SECONDS or _is_full(folder):
        return ""
    return f"Its {owner} exists, but has given no sign of life for {_duration(silence)}."


def _is_full(folder: Path) -> bool:
    """Whether silence means nothing, because no sign of life could be written."""
    try:
        disk = os.statvfs(folder)
    except OSError:
        return True
    return disk.f_bavail * disk.f_frsize < _FULL_BYTES or bool(disk.f_flag & os.ST_RDONLY)


def _unresponsive(status: RunStatus, reason: str) -> RunStatus:
    assert status.owner is not None
    way_on = "Continue it" if status.owner.is_halted else "Wait: it may be busy"
    way_out = "end its process" if status.owner.kind == "process" else "restart that server"
    return status.model_copy(
        update={
            "state": RunState.UNRESPONSIVE,
            "reason": f"It was {status.state.value}. {reason}",
            "remedy": f"{way_on}, or {way_out}; then resume it from its last checkpoint.",
            "seconds_left": None,
        }
    )


def _duration(seconds: float) -> str:
    for size, name in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    return f"{seconds:.0f} seconds"
