"""Requests from outside, heard at once and heeded between steps: stop, pause, resume, save."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from aurora_dash.errors import AuroraDashError
from aurora_dash.runs.control import Action
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run
from aurora_dash.training.keeper import Keeper

_POLL_SECONDS = 0.2
_STEP = "the step at hand to end"

SAVING = "the checkpoint to be saved"
"""What a stop waits for in the end."""

_LOGGER = logging.getLogger(__name__)


class Control:
    """What was asked of a run so far. Asking costs a look into one folder. Safe for threads."""

    def __init__(self, run: Run, owner: Keeper, should_stop: Callable[[], bool]) -> None:
        self._run = run
        self._owner = owner
        self._should_stop = should_stop
        self._lock = threading.RLock()
        self._paused = False
        self._save = False
        self._go_on = False
        self._stopping = False
        self._ended = False
        self._at_hand = ""

    @contextmanager
    def listening(self) -> Iterator[None]:
        """A block in which requests are heard, and a stop shown, whatever the trainer is at."""
        ended = threading.Event()
        name = f"requests of {self._run.id}"
        thread = threading.Thread(target=self._listen, args=(ended,), name=name, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _listen(self, ended: threading.Event) -> None:
        while not ended.wait(_POLL_SECONDS):
            try:
                self.is_to_stop()
            except AuroraDashError as error:
                # The next look may succeed; the trainer's own looks meet what lasts.
                _LOGGER.warning("requests of run %s: %s", self._run.id, error)

    def is_to_stop(self) -> bool:
        """Look for requests; whether training is to end, which never changes back."""
        with self._lock:
            if self._ended:
                return self._stopping
            for action in self._run.take_requests():
                self._note(action)
            if not self._stopping and self._should_stop():
                self._note(Action.STOP)
            return self._stopping

    def wants_stop(self) -> bool:
        """The same, asked by a trainer that ends now if it is so."""
        with self._lock:
            if self.is_to_stop() and self._at_hand != SAVING:
                self._begin(SAVING)
            return self._stopping

    def begin(self, step: int, total_steps: int) -> None:
        """Training begins at `step`: say so, unless it is to stop already."""
        with self._lock:
            self._at_hand = _STEP
            state = {} if self._stopping else {"state": RunState.RUNNING}
            self._owner.update(step=step, total_steps=total_steps, **state)

    def end(self, **last_word: Any) -> None:
        """Training has ended: say how. What is asked from here on is not heard."""
        with self._lock:
            self._ended = True
            self._owner.update(**last_word)

    @contextmanager
    def during(self, what: str) -> Iterator[None]:
        """A block that a stop waits for; `what` says so, as in ``the validation to end``."""
        before = self._at_hand
        self._begin(what)
        try:
            yield
        finally:
            self._begin(before)

    def _begin(self, what: str) -> None:
        with self._lock:
            self._at_hand = what
            if self._stopping:
                self._owner.update(waiting_for=what)

    def take_save(self) -> bool:
        """Whether a checkpoint was asked for since the last call."""
        with self._lock:
            wanted, self._save = self._save, False
            return wanted

    def take_go_on(self) -> bool:
        """Whether it was asked to go on since the last call."""
        with self._lock:
            self.is_to_stop()
            wanted, self._go_on = self._go_on, False
            return wanted

    def wait_while_paused(self, save: Callable[[], object]) -> bool:
        """Return when training may go on or is to stop; `save` is called when asked for.

        Returns whether there was a pause.
        """
        if not self._paused or not self._tell(state=RunState.PAUSED, reason="Paused on request."):
            return False
        while self._paused and not self.is_to_stop():
            if self.take_save():
                save()
            time.sleep(_POLL_SECONDS)
        self._tell(state=RunState.RUNNING)
        return True

    def _tell(self, **fields: Any) -> bool:
        """Change the status unless training is to stop; whether it was changed."""
        with self._lock:
            if self.is_to_stop():
                return False
            self._owner.update(seconds_left=None, **fields)
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
                waiting_for=self._at_hand or self._owner.status.waiting_for,
            )
        else:
            self._paused = action is Action.PAUSE
            self._go_on = action is Action.RESUME
