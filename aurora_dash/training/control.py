"""Requests from outside, heeded between steps: stop, pause, resume, save."""

from __future__ import annotations

import time
from collections.abc import Callable

from aurora_dash.runs.control import Action
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run
from aurora_dash.training.keeper import Keeper

_POLL_SECONDS = 0.2


class Control:
    """What was asked of a run so far. Asking costs a look into one folder."""

    def __init__(self, run: Run, owner: Keeper, should_stop: Callable[[], bool]) -> None:
        self._run = run
        self._owner = owner
        self._should_stop = should_stop
        self._paused = False
        self._save = False
        self._go_on = False
        self._stopping = False

    def wants_stop(self) -> bool:
        """Look for requests; whether training is to end, which never changes back."""
        for action in self._run.take_requests():
            self._note(action)
        if not self._stopping and self._should_stop():
            self._note(Action.STOP)
        return self._stopping

    def take_save(self) -> bool:
        """Whether a checkpoint was asked for since the last call."""
        wanted, self._save = self._save, False
        return wanted

    def take_go_on(self) -> bool:
        """Whether it was asked to go on since the last call."""
        self.wants_stop()
        wanted, self._go_on = self._go_on, False
        return wanted

    def wait_while_paused(self, save: Callable[[], object]) -> bool:
        """Return when training may go on or is to stop; `save` is called when asked for.

        Returns whether there was a pause.
        """
        if not self._paused or self.wants_stop():
            return False
        self._owner.update(state=RunState.PAUSED, reason="Paused on request.", seconds_left=None)
        while self._paused and not self.wants_stop():
            if self.take_save():
                save()
            time.sleep(_POLL_SECONDS)
        if not self._stopping:
            self._owner.update(state=RunState.RUNNING)
        return True

    def _note(self, action: Action) -> None:
        if action is Action.EVALUATE:
            # Evaluation has its own jobs, which read checkpoints.
            self._run.log_event("warning", "evaluation is not done by the trainer; start it itself")
        elif action is Action.SAVE:
            self._save = True
        elif action is Action.STOP:
            self._stopping = True
            self._owner.update(
                state=RunState.STOPPING,
                reason="Asked to stop.",
                waiting_for="the step at hand to end and the checkpoint to be saved",
            )
        else:
            self._paused = action is Action.PAUSE
            self._go_on = action is Action.RESUME
