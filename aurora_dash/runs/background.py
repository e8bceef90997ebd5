"""Work on threads of this process that is stopped, and waited for, when the process ends."""

from __future__ import annotations

import atexit
import functools
import logging
import threading
import time
from typing import Protocol

from aurora_dash.errors import AuroraDashError

_EXIT_TIMEOUT_SECONDS = 60.0

_LOGGER = logging.getLogger(__name__)


class Job(Protocol):
    """A piece of work that tells its own state, errors included, to whoever looks."""

    def __call__(self) -> object:
        """Do all of it."""

    def stop(self) -> None:
        """Have it end soon."""


class BackgroundJobs:
    """The jobs of one kind that this process has on threads."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._lock = threading.Lock()
        self._working: list[tuple[Job, threading.Thread]] = []

    def start(self, job: Job) -> None:
        """Begin a job on a thread of its own; what it raises goes to the log."""
        thread = threading.Thread(target=self._run, args=(job,), name=self._kind, daemon=True)
        with self._lock:
            alive = [pair for pair in self._working if pair[1].is_alive()]
            self._working = [*alive, (job, thread)]
            thread.start()

    def stop(self, timeout: float) -> bool:
        """Stop all jobs and wait for their threads; False if one is alive after `timeout` s."""
        deadline = time.monotonic() + timeout
        with self._lock:
            working = list(self._working)
        for job, _ in working:
            job.stop()
        for _, thread in working:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for _, thread in working)

    def _run(self, job: Job) -> None:
        try:
            job()
        except AuroraDashError as error:
            _LOGGER.warning("%s failed: %s", self._kind, error)
        except Exception:
            _LOGGER.exception("%s failed", self._kind)


@functools.cache
def background_jobs(kind: str) -> BackgroundJobs:
    """The jobs of a kind; when the process ends they are stopped and have a minute to do so."""
    jobs = BackgroundJobs(kind)
    atexit.register(jobs.stop, _EXIT_TIMEOUT_SECONDS)
    return jobs
