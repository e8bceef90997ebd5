"""Training in background threads of this process."""

from __future__ import annotations

import functools
import logging
import threading
import time
import traceback
from collections.abc import Callable
from typing import ParamSpec

from aurora_dash.errors import AuroraDashError, RunError
from aurora_dash.runs.ownership import Owner, acting_as
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run
from aurora_dash.runs.trainer import LOADING, TrainFunction, engine
from aurora_dash.runs.turn import queue_up, turn

_LOGGER = logging.getLogger(__name__)
_ENDING_SECONDS = 1.0
_EXIT_TIMEOUT_SECONDS = 60.0
_RESUME = "Resume it: it goes on from its last checkpoint."

P = ParamSpec("P")


class ThreadLauncher:
    """Trains in daemon threads of this process, each when its devices are free."""

    def __init__(self, train: TrainFunction = engine) -> None:
        self._train = train
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()
        self._closing = threading.Event()

    def launch(self, run: Run) -> None:
        """Start a run, or queue it behind those of its devices.

        The run is owned from here on, so that no second launch of it succeeds.
        """
        with self._lock:
            if self._closing.is_set():
                raise RunError("The launcher is shutting down and takes no more runs.")
            owner = Owner.take(run, "thread", state=RunState.QUEUED, launcher="thread")
            try:
                queue_up(owner)
            except AuroraDashError as error:
                owner.release(error)
                raise
            thread = threading.Thread(
                target=self._work, args=(owner,), name=f"training {run.id}", daemon=True
            )
            self._threads = {other for other in self._threads if other.is_alive()} | {thread}
            thread.start()

    @property
    def is_at_work(self) -> bool:
        """Whether a run trains or waits here."""
        with self._lock:
            return any(thread.is_alive() for thread in self._threads)

    def _work(self, owner: Owner) -> None:
        error: Exception | None = None
        try:
            with turn(owner, self._closing.is_set) as is_ours:
                if is_ours:
                    self._train_owned(owner)
        except Exception as problem:
            _LOGGER.exception("run %s ended with an unexpected error", owner.run.id)
            _tolerantly(_record_crash, owner.run)
            error = problem
        finally:
            _tolerantly(owner.release, error)

    def _train_owned(self, owner: Owner) -> None:
        started = owner.status.started
        try:
            with acting_as(owner):
                owner.update(state=RunState.STARTING, waiting_for=LOADING)
                self._train(owner.run, should_stop=self._closing.is_set)
        except Exception:
            # A process that ends refuses imports a moment before the launcher is told of its end.
            if owner.status.started != started or not self._closing.wait(_ENDING_SECONDS):
                raise
            _LOGGER.info("run %s was being loaded when the server ended", owner.run.id)
        # Much that loads modules or data refuses to in a process that ends: no fault of the run.
        never_ran = owner.status.started == started
        if self._closing.is_set() and (never_ran or owner.status.state is RunState.STOPPED):
            owner.update(
                state=RunState.INTERRUPTED, reason="The server was stopped.", remedy=_RESUME
            )

    def shutdown(self, timeout: float) -> bool:
        """Stop the runs at work, after their step and with a checkpoint; let the queued ones go.

        Both then read `interrupted`. Returns False if a thread did not end within `timeout`
        seconds. No run can be launched afterwards.
        """
        deadline = time.monotonic() + timeout
        with self._lock:
            self._closing.set()
            threads = set(self._threads)
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in threads)


def _record_crash(run: Run) -> None:
    run.log_event("error", "training crashed", traceback=traceback.format_exc())


def _tolerantly(action: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
    """Do what may fail on a full disk without losing the thread that does it."""
    try:
        action(*args, **kwargs)
    except AuroraDashError as error:
        _LOGGER.warning("%s", error)


@functools.cache
def thread_launcher() -> ThreadLauncher:
    """The launcher of this process; its runs are stopped and saved when the process ends."""
    launcher = ThreadLauncher()
    # The interpreter waits for threads that are no daemons before it calls what is registered with
    # atexit, by which torch takes itself apart, also while another thread still imports it.
    threading.Thread(
        target=_shut_down_at_the_end, args=(launcher,), name="launcher's end", daemon=False
    ).start()
    return launcher


def is_training_here() -> bool:
    """Whether a run trains, or waits to, in a thread of this process."""
    return bool(thread_launcher.cache_info().currsize) and thread_launcher().is_at_work


def _shut_down_at_the_end(launcher: ThreadLauncher) -> None:
    threading.main_thread().join()
    launcher.shutdown(_EXIT_TIMEOUT_SECONDS)
