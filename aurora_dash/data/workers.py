"""Threads that do what is handed to them, and a few that share a list of tasks.

Not executors: those take no more work as soon as the interpreter begins to exit, and a run that
is stopped by the server's end has a step to finish then.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue
from threading import Lock, Semaphore, Thread
from types import TracebackType
from typing import Generic, Self, TypeVar

Task = Callable[[], None]
T = TypeVar("T")


class Helpers(Generic[T]):
    """`num` threads that do what is handed to them, each thing once.

    They end with `close`, or when nobody has the helpers any more.
    """

    def __init__(self, num: int, do: Callable[[T], None], *, name: str) -> None:
        """`do` must not raise."""
        self.num = num
        self._handed: SimpleQueue[T | None] = SimpleQueue()
        self._end = weakref.finalize(self, _end, self._handed, num)
        # What is still to be done while the interpreter exits is done then.
        self._end.atexit = False
        self._threads = [
            Thread(target=_serve, args=(self._handed, do), name=f"{name}-{n}", daemon=True)
            for n in range(1, num + 1)
        ]
        for thread in self._threads:
            thread.start()

    def hand(self, thing: T) -> None:
        """Have one of the threads do it, after what was handed before."""
        self._handed.put(thing)

    def close(self) -> None:
        """End the threads once all that was handed is done."""
        self._end()
        for thread in self._threads:
            thread.join()


def _serve(handed: SimpleQueue[T | None], do: Callable[[T], None]) -> None:
    # Knows the queue alone, so that the helpers can be forgotten while it waits.
    while (thing := handed.get()) is not None:
        do(thing)
        del thing


def _end(handed: SimpleQueue[T | None], num: int) -> None:
    for _ in range(num):
        handed.put(None)


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


def _help(job: _Job) -> None:
    job.work()
    job.helpers_done.release()


class Workers:
    """`num` threads at work, the calling one among them.

    The others start with the first work, and end with `close` or when nobody has the workers any
    more. Use by one thread at a time.
    """

    def __init__(self, num: int, *, name: str = "workers") -> None:
        self.num = num
        self._name = name
        self._helpers: Helpers[_Job] | None = None

    def run(self, tasks: Iterable[Task]) -> None:
        """Do all tasks, in any order; the first error of any is raised once nobody works."""
        if self._helpers is None:
            self._helpers = Helpers(self.num - 1, _help, name=self._name)
        job = _Job(tasks)
        for _ in range(self._helpers.num):
            self._helpers.hand(job)
        job.work()
        for _ in range(self._helpers.num):
            job.helpers_done.acquire()
        if job.error is not None:
            raise job.error

    def close(self) -> None:
        """End the threads; more work starts new ones."""
        if self._helpers is not None:
            self._helpers.close()
        self._helpers = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
