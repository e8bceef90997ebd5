"""A few threads that share a list of tasks.

Not an executor: that takes no more work as soon as the interpreter begins to exit, and a run that
is stopped by the server's end has a step to finish then.
"""

from __future__ import annotations

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


class Workers:
    """`num` threads at work, the calling one among them. Use as a context manager, or `close`."""

    def __init__(self, num: int, *, name: str = "workers") -> None:
        self.num = num
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._threads = [
            Thread(target=self._serve, name=f"{name}-{number}", daemon=True)
            for number in range(1, num)
        ]
        for thread in self._threads:
            thread.start()

    def run(self, tasks: Iterable[Task]) -> None:
        """Do all tasks, in any order; the first error of any is raised once nobody works."""
        job = _Job(tasks)
        for _ in self._threads:
            self._jobs.put(job)
        job.work()
        for _ in self._threads:
            job.helpers_done.acquire()
        if job.error is not None:
            raise job.error

    def close(self) -> None:
        """End the threads; a second call does no harm."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()
        self._threads = []

    def _serve(self) -> None:
        while job := self._jobs.get():
            job.work()
            job.helpers_done.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
