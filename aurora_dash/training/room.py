"""A full disk: the run waits, paused, with all it could not write, until there is room."""

from __future__ import annotations

import logging
import shutil
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from aurora_dash.errors import DiskFullError
from aurora_dash.model.saved import list_checkpoints
from aurora_dash.runs.alerts import Alert
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run
from aurora_dash.training.health.watch import write_alert
from aurora_dash.training.keeper import Keeper

_LOGGER = logging.getLogger(__name__)
_MOST_EVENTS = 1000
_LEAST_BYTES = 2**20
_POLL_SECONDS = 0.5
_LONGEST_REST_SECONDS = 60.0
_GIB = 2**30


@dataclass(frozen=True)
class PatientRun(Run):
    """A run as its trainer sees it: an event for which the disk has no room waits in memory."""

    _waiting: deque[dict[str, Any]] = field(
        default_factory=lambda: deque(maxlen=_MOST_EVENTS), compare=False, repr=False
    )

    def log_event(self, level: str, message: str, **fields: Any) -> None:
        """Add an event, after those that wait; it waits too if there is no room."""
        self._waiting.append({"time": time.time(), "level": level, "message": message, **fields})
        try:
            self.write_waiting()
        except DiskFullError as error:
            _LOGGER.warning("%s waits to be written: %s", message, error)

    def write_waiting(self) -> None:
        """Write the events that wait; `DiskFullError` if there is still no room."""
        while self._waiting:
            super().log_event(**self._waiting[0])
            self._waiting.popleft()


class Wishes(Protocol):
    """What is asked of a run that waits."""

    def wants_stop(self) -> bool:
        """Whether training is to end."""

    def take_go_on(self) -> bool:
        """Whether it was asked to go on since the last call."""


class Room:
    """Has things written, however long the disk is full meanwhile."""

    def __init__(self, run: PatientRun, owner: Keeper, wishes: Wishes) -> None:
        self._run = run
        self._owner = owner
        self._wishes = wishes

    def secure(
        self,
        write: Callable[[], object],
        *,
        again: Callable[[], object] | None = None,
        needed: int = _LEAST_BYTES,
    ) -> bool:
        """Call `write`; while the disk is full, pause the run and call `again` (or `write`) once
        `needed` bytes are free, or somebody asks to go on. Returns whether there was a pause.

        Raises the `DiskFullError` if training is to stop before there is room.
        """
        try:
            write()
        except DiskFullError as error:
            alert = self._pause(error, needed)
            self._wait(error, again or write, needed)
            self._go_on(alert)
            return True
        return False

    def _pause(self, error: DiskFullError, needed: int) -> Alert:
        free, wanted = self._free() / _GIB, needed / _GIB
        saved = list_checkpoints(self._run.checkpoints_folder)
        kept = f"checkpoint {saved[-1].name} is intact" if saved else "there is no checkpoint yet"
        alert = Alert(
            rule="disk_full",
            step=self._owner.status.step,
            good_step=self._owner.status.step,
            severity="error",
            message=f"The disk is full, the run is paused: {error.message} {wanted:.2g} GiB are "
            f"needed, {free:.2g} are free.",
            explanation=f"Nothing is lost: {kept}, and what could not be written waits in memory.",
            advice=f"Free {wanted:.2g} GiB on the disk of {self._run.folder}; the run goes on by "
            "itself then.",
        )
        reason, remedy = f"{alert.message} {alert.explanation}", alert.advice
        self._owner.update(state=RunState.PAUSED, reason=reason, remedy=remedy, seconds_left=None)
        write_alert(self._run, alert)
        return alert

    def _wait(self, error: DiskFullError, again: Callable[[], object], needed: int) -> None:
        rest, try_at = _POLL_SECONDS, 0.0
        while True:
            if self._wishes.wants_stop():
                raise error
            now = time.monotonic()
            if self._wishes.take_go_on() or (now >= try_at and self._free() >= needed):
                try:
                    again()
                    self._run.write_waiting()
                    return
                except DiskFullError:
                    # A quota says that there is room where there is none: seldom is enough then.
                    rest = min(2 * rest, _LONGEST_REST_SECONDS)
                    try_at = now + rest
            time.sleep(_POLL_SECONDS)

    def _go_on(self, alert: Alert) -> None:
        self._owner.update(state=RunState.RUNNING)
        self._run.log_event(
            "info", "there is room again, all is written", recovered=alert.id, step=alert.step
        )

    def _free(self) -> int:
        return shutil.disk_usage(self._run.folder).free
