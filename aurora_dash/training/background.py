"""Work that is done beside the training: one job at a time, whose failure is not lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue

Job = Callable[[], object]


class BackgroundWriter:
    """A thread that does what it is given. A job that failed stays, to be tried again.

    The thread is our own, as that of the loader is: an executor takes no more work as soon as the
    interpreter begins to exit, and a run that is stopped by the server's end has to be saved then.
    """

    def __init__(self, name: str) -> None:
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._idle = threading.Event()
        self._idle.set()
        self._failed: tuple[Job, BaseException] | None = None
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Have a job done; waits for the one before, and raises what that met."""
        self.wait()
        self._idle.clear()
        self._jobs.put(job)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way."""
        return self._idle.is_set()

    def wait(self) -> None:
        """Return when nothing is under way; raises what the last job met."""
        self._idle.wait()
        self.check()

    def check(self) -> None:
        """Raise what the last job met, if it is over and failed; the job stays, for `retry`."""
        if self._idle.is_set() and self._failed is not None:
            raise self._failed[1]

    def retry(self) -> None:
        """Do a job that failed once more, on the caller's thread; raises what it meets."""
        self._idle.wait()
        if self._failed is not None:
            self._failed[0]()
            self._failed = None

    def close(self) -> None:
        """End the thread after the job at hand. What that meets is left to `check`."""
        self._jobs.put(None)
        self._thread.join()

    def _work(self) -> None:
        while job := self._jobs.get():
            try:
                job()
            # Whatever it is belongs to the thread that trains.
            except BaseException as error:  # noqa: BLE001
                self._failed = (job, error)
            finally:
                self._idle.set()
