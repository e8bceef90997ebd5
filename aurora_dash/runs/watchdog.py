"""A stop that is a stop: asked first, then asked by a signal, then done."""

from __future__ import annotations

import os
import signal
import time

from aurora_dash.runs.control import Action, waiting_requests
from aurora_dash.runs.ending import kill_tree
from aurora_dash.runs.status import RunState, RunStatus, recorded_status
from aurora_dash.runs.store import Run

PATIENCE_VARIABLE = "AURORA_DASH_STOP_SECONDS"
_PATIENCE_SECONDS = 120.0


def patience_seconds() -> float:
    """How long a trainer that was asked to stop may show no progress."""
    try:
        return max(0.0, float(os.environ.get(PATIENCE_VARIABLE, "")))
    except ValueError:
        return _PATIENCE_SECONDS


class Watchdog:
    """Looks at the trainers of a run; heeds only those that were asked to stop.

    Steps done and bytes saved count as progress, so that a large checkpoint gets its time.
    """

    def __init__(self, run: Run, trainers: int) -> None:
        self.stop_was_asked = False
        self.verdict = ""
        """Why the trainers were killed, in words; empty if they were not."""
        self._run = run
        self._trainers = trainers
        self._patience = patience_seconds()
        self._progress: object = None
        self._since = 0.0
        self._signalled = False

    def look(self) -> None:
        """Ask by a signal, or end the trainers, if it is time."""
        status = recorded_status(self._run.folder)
        if not self._is_to_stop(status):
            return
        now, progress = time.monotonic(), (status.step, _bytes_saved(self._run))
        if not self.stop_was_asked or progress != self._progress:
            self.stop_was_asked, self._progress, self._since = True, progress, now
        if now - self._since < self._patience:
            return
        if not self._signalled:
            self._signal(status)
            self._since = now - self._patience / 2
        elif not self.verdict:
            self._end()

    def _is_to_stop(self, status: RunStatus) -> bool:
        # A request that was taken can't be seen any more, and none is ever taken back.
        return (
            self.stop_was_asked
            or status.state is RunState.STOPPING
            or (status.is_live and Action.STOP in waiting_requests(self._run.control_folder))
        )

    def _signal(self, status: RunStatus) -> None:
        self._signalled = True
        owner = status.owner
        if owner and owner.pid_means_something_here and owner.pid != os.getpid():
            self._say("warning", "asked once more, by SIGTERM")
            os.kill(owner.pid, signal.SIGTERM)

    def _end(self) -> None:
        self._say("error", "its processes are ended now (SIGKILL)")
        self.verdict = (
            f"It was asked to stop, made no progress for {1.5 * self._patience:g} s, and its "
            "processes were ended (SIGKILL)."
        )
        kill_tree(self._trainers)

    def _say(self, level: str, what: str) -> None:
        self._run.log_event(
            level,
            f"the run was asked to stop and shows no progress, neither a step done nor bytes "
            f"saved: {what}",
            patience_seconds=self._patience,
        )


def _bytes_saved(run: Run) -> int:
    total = 0
    for path in run.checkpoints_folder.rglob("*"):
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            # A saving that ends renames its files, and old checkpoints go.
            continue
    return total
