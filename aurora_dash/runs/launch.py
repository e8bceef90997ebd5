"""Starting runs: in a background thread of this process, one a device, or in the foreground."""

from __future__ import annotations

import atexit
import functools
import logging
import os
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, ParamSpec, Protocol, Self

from aurora_dash.errors import AuroraDashError, RunError
from aurora_dash.runs.control import Action
from aurora_dash.runs.ownership import Owner, acting_as, own
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run

_LOGGER = logging.getLogger(__name__)
_EXIT_TIMEOUT_SECONDS = 60.0
_RESUME = "Resume it: it goes on from its last checkpoint."

P = ParamSpec("P")


class TrainFunction(Protocol):
    """The training engine, or what stands in for it in a test."""

    def __call__(self, run: Run, *, should_stop: Callable[[], bool]) -> object:
        """Train until the end, or until `should_stop` says so."""


class Launcher(Protocol):
    """Starts runs somewhere else than in the caller's own flow."""

    def launch(self, run: Run) -> None:
        """Start a run, or put it in the queue; `RunError` if somebody already trains it."""

    def shutdown(self, timeout: float) -> bool:
        """Ask all runs to stop and wait; False if some did not within `timeout` seconds."""


def _train(run: Run, *, should_stop: Callable[[], bool]) -> object:
    from aurora_dash.training.engine import train

    return train(run, should_stop=should_stop)


@dataclass(frozen=True, eq=False)
class _Job:
    run: Run
    owner: Owner


class _Line:
    """The runs of one device: one at work, the others waiting in order."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.current: _Job | None = None
        self.waiting: deque[_Job] = deque()
        self.worker: threading.Thread | None = None

    def announce_places(self) -> None:
        ahead = self.current
        for place, job in enumerate(self.waiting, start=1):
            behind = f"{self.device}, behind {ahead.run.id}" if ahead else self.device
            job.owner.update(queue_place=place, waiting_for=behind)
            ahead = job


class ThreadLauncher:
    """Trains in daemon threads of this process: one run at a time on a device, the rest queued."""

    def __init__(self, train: TrainFunction = _train) -> None:
        self._train = train
        self._lock = threading.RLock()
        self._lines: dict[str, _Line] = {}
        self._closing = threading.Event()

    def launch(self, run: Run) -> None:
        """Start a run, or queue it behind those of its device.

        The run is owned from here on, so that no second launch of it succeeds.
        """
        device = device_key(run.spec().training.device)
        with self._lock:
            if self._closing.is_set():
                raise RunError("The launcher is shutting down and takes no more runs.")
            job = _Job(run, Owner.take(run, "thread", state=RunState.QUEUED))
            line = self._lines.setdefault(device, _Line(device))
            job.owner.on_beat(lambda: self._heed(line, job))
            line.waiting.append(job)
            _tolerantly(line.announce_places)
            if line.worker is None:
                line.worker = threading.Thread(
                    target=self._work, args=(line,), name=f"training on {device}", daemon=True
                )
                line.worker.start()

    def _work(self, line: _Line) -> None:
        while job := self._next(line):
            self._run(job)

    def _next(self, line: _Line) -> _Job | None:
        with self._lock:
            line.current = line.waiting.popleft() if line.waiting else None
            if line.current is None:
                line.worker = None
            else:
                _tolerantly(line.announce_places)
            return line.current

    def _run(self, job: _Job) -> None:
        error: Exception | None = None
        try:
            with acting_as(job.owner):
                job.owner.update(state=RunState.STARTING)
                self._train(job.run, should_stop=self._closing.is_set)
            if self._closing.is_set() and job.owner.status.state is RunState.STOPPED:
                job.owner.update(
                    state=RunState.INTERRUPTED, reason="The server was stopped.", remedy=_RESUME
                )
        except Exception as problem:
            _LOGGER.exception("run %s ended with an unexpected error", job.run.id)
            _tolerantly(_record_crash, job.run)
            error = problem
        finally:
            _tolerantly(job.owner.release, error)

    def _heed(self, line: _Line, job: _Job) -> None:
        """Answer the requests to a run that still waits; a running one hears them itself."""
        with self._lock:
            if job not in line.waiting:
                return
            actions = job.run.take_requests()
            for action in actions:
                if action is not Action.STOP:
                    job.run.log_event("warning", f"can't {action.value} a run that is queued")
            if Action.STOP not in actions:
                return
            line.waiting.remove(job)
            _tolerantly(line.announce_places)
        job.owner.update(state=RunState.STOPPED, reason="Taken out of the queue.")
        job.owner.release()

    def shutdown(self, timeout: float) -> bool:
        """Stop the runs at work, after their step and with a checkpoint; let the queued ones go.

        Both then read `interrupted`. Returns False if a thread did not end within `timeout`
        seconds. No run can be launched afterwards.
        """
        deadline = time.monotonic() + timeout
        with self._lock:
            self._closing.set()
            waiting = [job for line in self._lines.values() for job in line.waiting]
            workers = [line.worker for line in self._lines.values() if line.worker]
            for line in self._lines.values():
                line.waiting.clear()
        for job in waiting:
            _tolerantly(_let_go, job)
        for worker in workers:
            worker.join(max(0.0, deadline - time.monotonic()))
        return not any(worker.is_alive() for worker in workers)


def _let_go(job: _Job) -> None:
    job.owner.update(
        state=RunState.INTERRUPTED,
        reason="The server was stopped before this run's turn came.",
        remedy="Launch it again.",
    )
    job.owner.release()


def _record_crash(run: Run) -> None:
    run.log_event("error", "training crashed", traceback=traceback.format_exc())


def _tolerantly(action: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
    """Do what may fail on a full disk without losing the thread that does it."""
    try:
        action(*args, **kwargs)
    except AuroraDashError as error:
        _LOGGER.warning("%s", error)


def device_key(device: str) -> str:
    """The device that a spec's `training.device` competes for; needs no torch.

    `auto` is taken for the first GPU wherever the machine shows one.
    """
    if device == "auto":
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "0") not in ("", "-1")
        return "cuda:0" if visible and Path("/dev/nvidiactl").exists() else "cpu"
    return "cuda:0" if device == "cuda" else device


@functools.cache
def thread_launcher() -> ThreadLauncher:
    """The launcher of this process; its runs are stopped and saved when the process ends."""
    launcher = ThreadLauncher()
    atexit.register(launcher.shutdown, _EXIT_TIMEOUT_SECONDS)
    return launcher


def launch(run: Run, launcher: str = "thread") -> None:
    """Start a run through the launcher of that name."""
    if launcher != "thread":
        raise RunError(f"There is no launcher {launcher!r}.", remedy="Known: thread.")
    thread_launcher().launch(run)


def run_in_foreground(run: Run, train: TrainFunction = _train) -> signal.Signals | None:
    """Train in the calling (main) thread; Ctrl-C or SIGTERM stop it after the step, saved.

    A second signal interrupts at once. Returns the signal that asked it to stop, if one did.
    """
    with own(run, kind="process"), _StopSignals() as asked:
        train(run, should_stop=lambda: asked.by is not None)
        return asked.by


class _StopSignals:
    """A block in which signals ask to stop; the second one interrupts."""

    def __init__(self) -> None:
        self.by: signal.Signals | None = None
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._previous[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *_exception: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _ask(self, number: int, _frame: FrameType | None) -> None:
        if self.by is not None:
            raise KeyboardInterrupt
        self.by = signal.Signals(number)
