"""A few threads that share a list of tasks.

Not an executor: that takes no more work as soon as the interpreter begins to exit, and a run that
is stopped by the server's end has a step to finish then.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue
from threading import Lock, Semaphore, Thread
from types import TracebackType
from typing import Self

Task = Callable[[], None]


class _Job:
    """Tasks of one call: taken one by one by whoever is free."""

    def __init__(self, tasks: Iterable[Task]) -> None:
        self._tasks: SimpleQueue[Task] = SimpleQueue()
        self._lock = Lock()
        self.error: BaseException | None = None
        for task in tasks:
            self._tasks.put(task)
        self.helpers_done = Semaphore(0)

    def work(self) -> None:
        """Take tasks until none is left; after a failure none is begun any more."""
        while self.error is None:
            try:
                task = self._tasks.get_nowait()
            except Empty:
                return
            try:
                task()
            # Whatever it is belongs to the thread that gave the task.
            except BaseException as error:  # noqa: BLE001
                with self._lock:
                    self.error = self.error or error


_Jobs = SimpleQueue[_Job | None]


class Workers:
    """`num` threads at work, the calling one among them.

    The others start with the first work, and end with `close` or when nobody has the workers any
    more. Use by one thread at a time.
    """

    def __init__(self, num: int, *, name: str = "workers") -> None:
        self.num = num
        self._name = name
        self._jobs: _Jobs = SimpleQueue()
        self._threads: list[Thread] = []
        weakref.finalize(self, _end, self._jobs, num - 1)

    def run(self, tasks: Iterable[Task]) -> None:
        """Do all tasks, in any order; the first error of any is raised once nobody works."""
        if self.num > 1 and not self._threads:
            self._start()
        job = _Job(tasks)
        for _ in self._threads:
            self._jobs.put(job)
        job.work()
        for _ in self._threads:
            job.helpers_done.acquire()
        if job.error is not None:
            raise job.error

    def close(self) -> None:
        """End the threads; more work starts new ones."""
        _end(self._jobs, len(self._threads))
        for thread in self._threads:
            thread.join()
        self._threads = []

    def _start(self) -> None:
        self._threads = [
            Thread(target=_serve, args=(self._jobs,), name=f"{self._name}-{n}", daemon=True)
            for n in range(1, self.num)
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _serve(jobs: _Jobs) -> None:
    # Knows the queue alone, so that the workers can be forgotten while it waits.
    while job := jobs.get():
        job.work()
        job.helpers_done.release()
        del job


def _end(jobs: _Jobs, num: int) -> None:
    for _ in range(num):
        jobs.put(None)
