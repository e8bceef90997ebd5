"""Who may write to a run: one owner at a time, known by a lock and seen by a heartbeat."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aurora_dash.errors import AuroraDashError, DiskFullError, RunError
from aurora_dash.runs.control import take_requests
from aurora_dash.runs.files import utc_now
from aurora_dash.runs.identity import Kind, this_process
from aurora_dash.runs.lock import FolderLock
from aurora_dash.runs.provenance import note_launch
from aurora_dash.runs.reserve import Reserve
from aurora_dash.runs.status import (
    RunState,
    RunStatus,
    recorded_status,
    write_status,
)
from aurora_dash.runs.truth import await_release
from aurora_dash.runs.webhook import tell_end

if TYPE_CHECKING:
    from aurora_dash.runs.store import Run

HEARTBEAT_SECONDS = 2.0

_LOGGER = logging.getLogger(__name__)
_FIELDS = frozenset(RunStatus.model_fields) - {
    "owner",
    "supervisor",
    "heartbeat",
    "beat",
    "schema_version",
}


class Owner:
    """The right to write to one run, from `take` to `release`. Safe to share by threads."""

    def __init__(
        self,
        run: Run,
        lock: FolderLock,
        kind: Kind,
        state: RunState,
        *,
        is_supervised: bool = False,
    ) -> None:
        self.run = run
        self._lock = lock
        self._mutex = threading.RLock()
        self._done = threading.Event()
        self._released = False
        before = recorded_status(run.folder)
        self._status = before.model_copy(
            update={
                "state": state,
                "reason": "",
                "remedy": "",
                "owner": this_process(kind),
                "supervisor": before.owner if is_supervised else None,
                "created": before.created or utc_now(),
                "ended": None,
                "waiting_for": "",
                "queue_place": None,
                "seconds_left": None,
            }
        )
        self._reserve = Reserve(run.folder)
        self._write(durable=True)
        self._thread = threading.Thread(target=self._beat, name=f"heartbeat {run.id}", daemon=True)
        self._thread.start()

    @classmethod
    def take(
        cls,
        run: Run,
        kind: Kind = "thread",
        *,
        state: RunState = RunState.STARTING,
        launcher: str = "",
    ) -> Owner:
        """Become the owner; `RunError` if somebody else is. Requests left from before are void.

        Waits some seconds for the processes of a run that has ended already to be gone. With
        `launcher` it is a launch, of that name, and is noted as one.
        """
        if not run.folder.is_dir():
            raise RunError(f"The folder of run {run.id} is gone: {run.folder}.")
        await_release(run.folder)
        lock = FolderLock.take(run.folder)
        if lock is None:
            holder = recorded_status(run.folder).owner
            raise RunError(
                f"Run {run.id} is already being trained by {holder or 'another process'}.",
                remedy="Wait for it to end, or stop it first.",
            )
        try:
            take_requests(run.control_folder)
            if launcher:
                note_launch(run.folder, launcher, recorded_status(run.folder).step)
            return cls(run, lock, kind, state)
        except AuroraDashError:
            lock.release()
            raise

    @classmethod
    def inherit(
        cls, run: Run, lock: FolderLock, *, state: RunState, is_supervised: bool = False
    ) -> Owner:
        """Become the owner in the place of the process that handed `lock` down.

        If that one stays to supervise this one it has the last word should this one die.
        """
        return cls(run, lock, "process", state, is_supervised=is_supervised)

    def lend(self) -> int:
        """Stop writing, since a process will that is started now with this as standard input.

        Then `forget` leaves the run to it for good, or `end_loan` takes it back.
        """
        self._end_heartbeat()
        # Without a beat nobody takes the time that it needs to start for silence.
        self._status = self._status.model_copy(update={"beat": None})
        write_status(self.run.folder, self._status, durable=True)
        return self._lock.descriptor

    def forget(self) -> None:
        """Leave the run to the process that it was lent to."""
        self._released = True
        self._lock.forget()

    def end_loan(self, last_word: Mapping[str, Any], *, overrules: bool = False) -> None:
        """Take the run back when all whom it was lent to are gone, and let go of it.

        `last_word`, fields of the status, is written unless they left one; if it `overrules`, also
        in the place of one that speaks of a stop.
        """
        self._status = recorded_status(self.run.folder)
        stops = (RunState.STOPPED, RunState.INTERRUPTED)
        try:
            if self._status.is_live or (overrules and self._status.state in stops):
                self.update(**last_word)
        finally:
            self._reserve.spend()
            self._released = True
            self._lock.release()

    @property
    def status(self) -> RunStatus:
        """The status as last written."""
        return self._status

    def update(self, **fields: Any) -> RunStatus:
        """Change fields of the status and write it.

        A new state clears `reason`, `remedy`, `waiting_for` and `queue_place` unless they are
        given; `started` and `ended` are kept by themselves. On a full disk the heartbeats go on
        trying to write it.
        """
        if unknown := fields.keys() - _FIELDS:
            raise TypeError(f"a run's status has no field {', '.join(sorted(unknown))}")
        if self._released:
            raise RunError(f"Run {self.run.id} was let go; its status is no longer ours to write.")
        with self._mutex:
            state = RunState(fields.get("state", self._status.state))
            changed = state is not self._status.state
            if changed:
                fields = {**self._at_change(state), **fields}
            self._status = RunStatus.model_validate({**self._status.model_dump(), **fields})
            self._write_if_there_is_room(durable=changed)
            if changed and not state.is_live:
                tell_end(self.run, self._status)
            return self._status

    def _at_change(self, state: RunState) -> dict[str, Any]:
        now = utc_now()
        fields: dict[str, Any] = dict.fromkeys(("reason", "remedy", "waiting_for"), "")
        fields["queue_place"] = None
        if state is RunState.RUNNING and self._status.state is RunState.STARTING:
            fields["started"] = now
        if not state.is_live:
            fields |= {"ended": now, "seconds_left": None}
        return fields

    def _write(self, *, durable: bool = False) -> None:
        with self._mutex:
            signs = {"heartbeat": utc_now(), "beat": time.monotonic()}
            self._status = self._status.model_copy(update=signs)
            write_status(self.run.folder, self._status, durable=durable)

    def _write_if_there_is_room(self, *, durable: bool) -> None:
        try:
            self._write(durable=durable)
        except DiskFullError as error:
            if self._reserve.spend():
                self._write_if_there_is_room(durable=durable)
            else:
                _LOGGER.warning("status of run %s: %s", self.run.id, error)

    def _beat(self) -> None:
        while not self._done.wait(HEARTBEAT_SECONDS):
            try:
                self._write_if_there_is_room(durable=False)
                self._reserve.renew()
            except RunError as error:
                # The disk may have room again at the next beat.
                _LOGGER.warning("heartbeat of run %s: %s", self.run.id, error)

    def _end_heartbeat(self) -> None:
        self._done.set()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def release(self, error: BaseException | None = None) -> None:
        """Let go of the run; a state that is still live is given a last word. Idempotent."""
        if self._released:
            return
        self._end_heartbeat()
        try:
            if self._status.is_live:
                self.update(**_last_word(error))
        finally:
            self._reserve.spend()
            self._released = True
            self._lock.release()


def _last_word(error: BaseException | None) -> dict[str, Any]:
    if isinstance(error, AuroraDashError):
        return {"state": RunState.FAILED, "reason": error.message, "remedy": error.remedy}
    if isinstance(error, Exception):
        return {
            "state": RunState.FAILED,
            "reason": f"Unexpected {type(error).__name__}: {error}",
            "remedy": "The run's events hold the details; resume it or report the problem.",
        }
    what = f"Ended by {type(error).__name__}." if error else "Let go before training ended."
    return {
        "state": RunState.INTERRUPTED,
        "reason": what,
        "remedy": "Resume it: it goes on from its last checkpoint.",
    }


_CURRENT: ContextVar[Owner | None] = ContextVar("owner", default=None)


@contextmanager
def acting_as(owner: Owner) -> Iterator[Owner]:
    """Let `own` inside this block, on this thread, find an owner that was taken before."""
    token = _CURRENT.set(owner)
    try:
        yield owner
    finally:
        _CURRENT.reset(token)


@contextmanager
def own(run: Run, kind: Kind = "thread", *, launcher: str = "") -> Iterator[Owner]:
    """Own a run for the length of a block; `RunError` if somebody else does.

    A launcher that already owns the run hands its ownership down with `acting_as`, and keeps it.
    Leaving the block in a live state marks the run failed (after an error) or interrupted.
    """
    current = _CURRENT.get()
    if current is not None and _same_folder(current.run.folder, run.folder):
        yield current
        return
    with holding(Owner.take(run, kind, launcher=launcher)) as owner:
        yield owner


@contextmanager
def holding(owner: Owner) -> Iterator[Owner]:
    """Act as an owner for the length of a block, and let go at its end."""
    try:
        with acting_as(owner):
            yield owner
    except BaseException as error:
        owner.release(error)
        raise
    owner.release()


def _same_folder(one: Path, other: Path) -> bool:
    return one == other or one.resolve() == other.resolve()
