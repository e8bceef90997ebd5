"""The true state of a run: what its status says, corrected by what this machine knows."""

from __future__ import annotations

import os
import time
from pathlib import Path

from aurora_dash.runs.identity import OwnerRecord, started_at
from aurora_dash.runs.lock import LockState, probe
from aurora_dash.runs.status import (
    REMOTE_SILENCE_SECONDS,
    RunState,
    RunStatus,
    last_arrival,
    recorded_status,
)

LOST_SECONDS = 600.0
"""After so much silence an owner elsewhere counts as gone: a copy may lie minutes behind."""

STALE_SECONDS = 3600.0
"""A sign of life that was older than this when it arrived is from a run that was copied later."""

SILENCE_SECONDS = 8.0
"""So long an owner on this machine may be silent (it beats every two) before that is said."""

_FULL_BYTES = 1 << 16
_LEAVING_SECONDS = 15.0
_RETRY_SECONDS = 0.05


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
        # Only a run that was never launched, or is not whole, has a live state and no owner.
        is_new = status.state in (RunState.QUEUED, RunState.ARRIVING)
        return "" if is_new else "Nobody owns it."
    lock = probe(folder)
    if owner.pid_means_something_here and not owner.process_exists:
        # Without a beat it handed the run down to a process that has not begun to write; a
        # supervisor says how its trainers ended a moment after they are gone.
        keeper = status.supervisor
        cared_for = status.beat is None or (keeper is not None and keeper.process_exists)
        return "" if cared_for and lock is LockState.HELD else f"Its {owner} is gone."
    if lock is LockState.HELD:
        return ""
    if owner.is_of_this_boot and lock is LockState.FREE:
        return f"It was let go by {owner} without a last word."
    if owner.pid_means_something_here:
        return ""
    return _why_lost(folder, status, owner)


def _why_lost(folder: Path, status: RunStatus, owner: OwnerRecord) -> str:
    """Why an owner that can't be looked up from here counts as dead; empty if it may live."""
    if status.heartbeat is None:
        return f"There is no sign of life from its {owner}."
    heartbeat = status.heartbeat.timestamp()
    if owner.is_of_an_earlier_boot_of_this_machine and heartbeat < started_at():
        return f"{owner.host} was started anew since its {owner} gave the last sign of life."
    arrived = last_arrival(folder) or heartbeat
    age = abs(arrived - heartbeat)
    if age > STALE_SECONDS:
        return f"The last sign of life of its {owner} was {_duration(age)} old when it came here."
    silence = time.time() - arrived
    if silence < LOST_SECONDS:
        return ""
    return f"There has been no sign of life from its {owner} for {_duration(silence)}."


def _why_unresponsive(folder: Path, status: RunStatus) -> str:
    """Why the owner of a live state does not answer; empty if it does, or can't be seen from here.

    The clock is the machine's own, which no setting of the time moves and which rests with it.
    """
    owner = status.owner
    if owner is None or not status.is_live:
        return ""
    if not owner.pid_means_something_here:
        return _why_unheard(folder, owner)
    silence = max(0.0, time.monotonic() - status.beat) if status.beat is not None else 0.0
    if owner.is_halted:
        return f"Its {owner} was halted (SIGSTOP); last sign of life {_duration(silence)} ago."
    if silence < SILENCE_SECONDS or _is_full(folder):
        return ""
    return f"Its {owner} exists, but has given no sign of life for {_duration(silence)}."


def _why_unheard(folder: Path, owner: OwnerRecord) -> str:
    """Why an owner elsewhere may be in trouble: nothing has come from it for a while."""
    silence = time.time() - (last_arrival(folder) or 0.0)
    if silence < REMOTE_SILENCE_SECONDS or probe(folder) is LockState.HELD:
        return ""
    return f"Nothing has come from its {owner} for {_duration(silence)}."


def _is_full(folder: Path) -> bool:
    """Whether silence means nothing, because no sign of life could be written."""
    try:
        disk = os.statvfs(folder)
    except OSError:
        return True
    return disk.f_bavail * disk.f_frsize < _FULL_BYTES or bool(disk.f_flag & os.ST_RDONLY)


def _unresponsive(status: RunStatus, reason: str) -> RunStatus:
    assert status.owner is not None
    return status.model_copy(
        update={
            "state": RunState.UNRESPONSIVE,
            "reason": f"It was {status.state.value}. {reason}",
            "remedy": _what_to_do_about(status.owner),
            "seconds_left": None,
        }
    )


def _what_to_do_about(silent: OwnerRecord) -> str:
    if not silent.pid_means_something_here:
        return (
            f"Look at it on {silent.host}; if this is a copy, copy it again. After "
            f"{_duration(LOST_SECONDS)} of silence it counts as interrupted."
        )
    way_on = "Continue it" if silent.is_halted else "Wait: it may be busy"
    way_out = "end its process" if silent.kind == "process" else "restart that server"
    return f"{way_on}, or {way_out}; then resume it from its last checkpoint."


def await_release(folder: Path) -> None:
    """Wait while those who trained a run that has ended are on their way out, 15 s at most.

    Several processes, and GPUs that let go of their memory, take their time. Returns at once where
    somebody is at work on the run.
    """
    deadline = time.monotonic() + _LEAVING_SECONDS
    while probe(folder) is LockState.HELD and time.monotonic() < deadline:
        if recorded_status(folder).is_live:
            return
        time.sleep(_RETRY_SECONDS)


def _duration(seconds: float) -> str:
    for size, name in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    return f"{seconds:.0f} seconds"
